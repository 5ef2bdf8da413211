"""fit of Dask arrays: the history and the parameters that the data in memory give, metrics, validation, masks, refusals."""

import numpy as np
import pytest

import autograd_mini as ag
from autograd_mini import chunks
from tests.chunks import losses
from tests.helpers.processes import run_script
from tests.helpers.refusals import refused

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")

X, Y = losses.data(rows=96)
LABELS = (Y > 0) * 1
DX, DY = da.from_array(X, chunks=(16, 3)), da.from_array(Y, chunks=(40, 1))
DLABELS = da.from_array(LABELS, chunks=(96, 1))


def fitted(X, y, loss=ag.nn.mse, kind=ag.optim.Adam, net=None, **options):
    net = net or losses.network()
    history = ag.fit(
        net, X, y, loss=loss, optimizer=kind(net.parameters(), lr=0.05), **{"epochs": 3, **options}
    )
    return history, [p.data for p in net.parameters()]


def same(one, other, rtol=1e-11):
    """Two trainings gave the same, but for rounding."""
    assert dict(one[0]).keys() == dict(other[0]).keys()
    for name, column in one[0].items():
        np.testing.assert_allclose(column, other[0][name], rtol=rtol)
    for ours, theirs in zip(one[1], other[1], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=rtol)


def mean_error(prediction, y):
    return np.abs(prediction - y).mean()


@pytest.mark.parametrize("options", [{}, {"batch_size": 16, "shuffle": False}], ids=["all", "a chunk a step"])
def test_a_training_is_that_of_the_data_in_memory(options):
    """Losses, metrics and parameters, batch by batch in order."""
    same(fitted(DX, DY, metrics=mean_error, **options), fitted(X, Y, metrics=mean_error, **options))


def test_an_array_in_memory_beside_a_dask_array():
    same(fitted(DX, Y), fitted(X, Y))


def test_lbfgs():
    """An optimiser that evaluates many times a step."""
    same(fitted(DX, DY, kind=lbfgs), fitted(X, Y, kind=lbfgs), 1e-7)


def lbfgs(params, lr):
    return ag.optim.LBFGS(params, max_iter=4)


def test_without_y():
    """The loss gets the prediction alone."""
    loss = lambda p: ((p - 1.0) ** 2).mean()  # noqa: E731
    same(fitted(DX, None, loss), fitted(X, None, loss))


def test_a_model_that_is_a_function():
    """Its parameters are the optimiser's, wherever it holds them."""
    found = []
    for x, y in ((DX, DY), (X, Y)):
        w = ag.Tensor(np.ones((3, 1)))
        sgd = ag.optim.SGD([w], lr=0.1)
        found.append((ag.fit(lambda x, w=w: x @ w, x, y, loss=ag.nn.mse, optimizer=sgd, epochs=3), [w.data]))
    same(*found)


@pytest.mark.parametrize(("batch_size", "each"), [(3, 1), (24, 2), (40, 2), (70, 4), (1000, 6)])
def test_batches_are_whole_chunks_in_an_order_of_the_seed(batch_size, each, monkeypatch):
    """batch_size is rounded to chunks, at least one; the order is that of rng.permutation(number of chunks)."""
    taken, averaged = [], chunks.averaged

    def spy(loss, model, params, arrays, *rest):
        taken.append(arrays[0][::16, 0].compute().tolist())
        return averaged(loss, model, params, arrays, *rest)

    monkeypatch.setattr(chunks, "averaged", spy)
    fitted(DX, DY, epochs=2, batch_size=batch_size, rng=7)
    rng, firsts = np.random.default_rng(7), X[::16, 0]
    orders = [rng.permutation(6) if each < 6 else np.arange(6) for _ in range(2)]
    assert taken == [firsts[order[i : i + each]].tolist() for order in orders for i in range(0, 6, each)]


def test_uneven_chunks_weigh_by_their_rows():
    """The epoch's means are those of all rows, each taken before its step: with a rate of nearly 0, of the data in memory."""
    x, y = DX.rechunk({0: (1, 80, 15)}), DY
    options = {"kind": lambda params, lr: ag.optim.SGD(params, lr=1e-14), "metrics": mean_error, "epochs": 1}
    same(fitted(x, y, batch_size=30, **options), fitted(X, Y, **options), 1e-9)


def test_accuracy_and_validation():
    """Metrics are of each chunk's own prediction; validation is a Dask pair, or one in memory."""
    loss = ag.nn.binary_cross_entropy_with_logits
    options = {"loss": loss, "metrics": "accuracy"}
    ours = fitted(DX[:64], DLABELS[:64], validation=(DX[64:], DLABELS[64:]), **options)
    mixed = fitted(DX[:64], DLABELS[:64], validation=(X[64:], LABELS[64:]), **options)
    theirs = fitted(X[:64], LABELS[:64], validation=(X[64:], LABELS[64:]), **options)
    assert list(ours[0]) == ["loss", "accuracy", "val_loss", "val_accuracy"]
    same(ours, theirs)
    same(mixed, theirs)


def test_dropout_is_reproducible_and_off_in_validation():
    """The same seeds give the same training; the validation loss is that without masks."""

    def run():
        net = ag.nn.Sequential(losses.network(), ag.nn.Dropout(0.5, rng=3))
        return net, fitted(DX, DY, net=net, rng=0, batch_size=32, validation=(DX, DY))

    net, first = run()
    _, again = run()
    same(first, again, 0.0)
    assert first[0]["val_loss"][-1] == pytest.approx(ag.nn.mse(net.eval()(X), Y).item(), rel=1e-12)


def test_the_progress_bar_goes_over_chunks():
    """Within one step it moves on, in rows."""
    net = losses.network()
    seen = []

    class Spy(ag.train._Quiet):
        def note(self, epoch, seen_now, loss):
            seen.append(seen_now)
            super().note(epoch, seen_now, loss)

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(ag.train.PROGRESS, "none", Spy)
        adam = ag.optim.Adam(net.parameters(), lr=0.05)
        ag.fit(net, DX, DY, loss=ag.nn.mse, optimizer=adam, epochs=1)
    assert set(seen) >= {16, 32, 48, 64, 80, 96}
    assert sorted(seen) == seen


def test_what_ran_is_told():
    """Nothing is compiled unless asked for; then the workers replay, with the same numbers to rounding, and take no metrics."""
    eager, replayed = (fitted(DX, DY, compile=asked) for asked in ("auto", True))
    assert "Dask" in eager[0].engine
    assert "each worker records" in replayed[0].engine
    same(eager, replayed, 1e-9)
    with refused(ag.CompileError, "a metric"):
        fitted(DX, DY, metrics={"l1": lambda p, y: np.abs(p - y).mean()}, compile=True)


WRONG = {
    "a fraction": ({"validation": 0.2}, TypeError, "X[:-n], y[:-n], (X[-n:], y[-n:])"),
    "rows": ({"y": DY[:50]}, ag.ShapeError, "y has shape (50, 1), the first (96, 3)"),
    "unknown": ({"X": DX[DX[:, 0] > 0]}, ag.ShapeError, "X = X.compute_chunk_sizes()"),
    "other axes": ({"X": DX.rechunk({1: 1})}, ag.ShapeError, "X = X.rechunk({1: -1})"),
    "validation": (
        {"validation": (DX, DY.rechunk({0: 5})[:5])},
        ag.ShapeError,
        "validation[1] has shape (5, 1), the first (96, 3)",
    ),
    "complex": ({"X": DX + 1j}, ag.DTypeError, "X must be real numbers"),
    "empty": ({"X": DX[:0]}, ValueError, "X is empty"),
    "a metric": (
        {"metrics": {"words": lambda p, y: "many"}},
        TypeError,
        "'words' must return a number, got str",
    ),
}


@pytest.mark.parametrize(("options", "kind", "text"), WRONG.values(), ids=WRONG)
def test_what_is_refused(options, kind, text):
    """With the line to write; no parameter has changed."""
    net = losses.network()
    with refused(kind, text, unchanged=net.parameters()):
        fitted(
            options.get("X", DX),
            options.get("y", DY),
            net=net,
            **{k: v for k, v in options.items() if k not in "Xy"},
        )


def test_numbers_that_are_not_finite():
    """AnomalyError says in which row of the data; the parameters are as they were."""
    net = losses.network()
    bad = X.copy()
    bad[37, 1] = np.nan
    with refused(ag.AnomalyError, "X is not finite in row 37", "before fit", unchanged=net.parameters()):
        fitted(da.from_array(bad, chunks=(16, 3)), DY, net=net)


SCRIPT = """
import numpy as np
import dask.array as da
from dask.distributed import Client, LocalCluster
import autograd_mini as ag

class Scaled(ag.nn.Module):
    def __init__(self):
        super().__init__()
        self.w = ag.Tensor(np.ones((3, 1)))

    def forward(self, x):
        return FACTOR * x @ self.w

FACTOR = 2.0

def loss(model, x, y):
    return ag.nn.mse(model(x), y)

if __name__ == "__main__":
    X = da.ones((30, 3), chunks=(10, 3))
    model = Scaled()
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0", host="127.0.0.1") as local, Client(local):
        print(f"{ag.mean_over(loss, model, X, X[:, :1]):.9f}")
"""


def test_what_is_defined_in_a_script_travels(tmp_path):
    """A Module, a loss and a constant of __main__, to a worker that has never seen that script."""
    (tmp_path / "program.py").write_text(SCRIPT)
    done = run_script(f"import runpy; runpy.run_path({str(tmp_path / 'program.py')!r}, run_name='__main__')")
    assert done.stdout.strip() == "25.000000000", done.stderr
