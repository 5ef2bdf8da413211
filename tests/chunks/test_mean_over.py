"""A loss over Dask arrays is the loss over the arrays in memory: value, gradient, refusals; on Dask's own threads, with no cluster."""

import functools
from collections import Counter

import numpy as np
import pytest

import autograd_mini as ag
from tests.chunks import losses
from tests.chunks.losses import squared
from tests.helpers.processes import run_script
from tests.helpers.refusals import refused

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")

CUTS = {
    "one chunk": (97, 97),
    "even": (25, 25),
    "uneven": ((1, 40, 3, 53), (1, 40, 3, 53)),
    "y cut otherwise": (30, 11),
    "one row a chunk": (1, 97),
    "empty chunks": ((0, 50, 0, 47), (97, 0)),
}


@pytest.fixture(params=["sync", "threads"])
def scheduler(request):
    """Dask's schedulers within this process."""
    with dask.config.set(scheduler=request.param):
        yield


def cut(array, rows):
    return da.from_array(array, chunks=(rows, *array.shape[1:]))


def gradients(params):
    return [None if p.grad is None else np.array(p.grad) for p in params]


def compared(node, whole, params, rtol):
    """Both nodes have one value, and give the parameters one gradient."""
    np.testing.assert_allclose(node.data, whole.data, rtol=rtol)
    found = []
    for loss in (node, whole):
        for p in params:
            p.zero_grad()
        loss.backward()
        found.append(gradients(params))
    for ours, theirs in zip(*found, strict=True):
        if theirs is None:
            assert ours is None
        else:
            np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=rtol * np.abs(theirs).max())


@pytest.mark.parametrize("cuts", CUTS.values(), ids=CUTS)
def test_value_and_gradient_are_those_of_the_data_in_memory(cuts, scheduler):
    """However the rows are cut, both are equal to those in memory within 1e-14."""
    X, y = losses.data()
    net = losses.network()
    node = ag.mean_over(squared, net, cut(X, cuts[0]), cut(y, cuts[1]))
    assert type(node) is ag.Tensor
    assert node.shape == ()
    compared(node, squared(net, X, y), net.parameters(), 1e-14)


def test_float32_stays_float32():
    """The loss and the gradients have the model's dtype, and are equal within its rounding."""
    X, y = losses.data(np.float32)
    net = losses.network(np.float32)
    node = ag.mean_over(squared, net, cut(X, 20), cut(y, 20))
    assert node.dtype == np.float32
    compared(node, squared(net, X, y), net.parameters(), 2e-6)


def by_parts(model, x, y):
    return ag.nn.mse(ag.tanh(x @ model["W"][0]) @ model["W"][1] + model["b"], y)


def test_the_model_may_be_nodes_in_lists_and_dicts():
    """Tensors and Values, nested; a constant among them gets no gradient, and one node twice is one parameter."""
    X, y = losses.data()
    rng = np.random.default_rng(0)
    W = [ag.Tensor(rng.normal(size=(3, 4))), ag.Tensor(rng.normal(size=(4, 1)))]
    model = {"W": W, "b": ag.Value(0.3), "c": ag.Value(1.0, requires_grad=False), "again": W[0]}
    node = ag.mean_over(by_parts, model, cut(X, 20), cut(y, 20))
    compared(node, by_parts(model, X, y), [*W, model["b"], model["c"]], 1e-14)
    assert model["c"].grad is None


def of_values(net, x, y):
    total = sum((net(list(row)) - t) ** 2 for row, t in zip(x.tolist(), y.ravel().tolist(), strict=True))
    return total / len(x)


def test_a_network_of_values():
    """The loss may be a Value, and the parameters Values."""
    X, y = losses.data(rows=7)
    net = ag.nn.scalar.MLP(3, [2, 1])
    node = ag.mean_over(of_values, net, cut(X, 2), cut(y, 2))
    compared(node, of_values(net, X, y), net.parameters(), 1e-14)


def test_frozen_parameters_get_no_gradient():
    """What is frozen stays so; a model with nothing else gives a constant."""
    X, y = losses.data()
    net = losses.network()
    net.layers[0].freeze()
    node = ag.mean_over(squared, net, cut(X, 20), cut(y, 20))
    compared(node, squared(net, X, y), [p for _, p in net.named_leaves()], 1e-14)
    net.freeze()
    assert not ag.mean_over(squared, net, cut(X, 20), cut(y, 20)).requires_grad


def first_rows(model, x, y):
    return ag.nn.mse(x @ model[0], y) + ((model[1] ** 2).sum() if x[0, 0] > 90 else 0.0)


@pytest.mark.parametrize("last", [0.0, 95.0], ids=["no chunk", "the last chunk"])
def test_a_parameter_that_few_chunks_reach_or_none(last):
    """It gets what those give; where no chunk reaches it, its gradient stays None."""
    X = np.arange(1.0, 91.0).reshape(-1, 1)
    X[60:] += last
    w, v = ag.Tensor([[0.5]]), ag.Tensor([2.0])
    ag.mean_over(first_rows, [w, v], cut(X, 30), cut(X, 30)).backward()
    assert w.grad is not None
    assert v.grad is None if not last else v.grad == pytest.approx(4.0 / 3)


def test_the_node_goes_on_as_any_other():
    """It adds up with other terms, backward adds on leaves, and functions of nodes can be differentiated."""
    X, y = losses.data()
    net = losses.network()
    node = ag.mean_over(squared, net, cut(X, 20), cut(y, 20))
    l2 = sum((p**2).sum() for p in net.parameters())
    compared(3.0 * node + 1e-2 * l2, 3.0 * squared(net, X, y) + 1e-2 * l2, net.parameters(), 1e-13)
    w = np.ones((3, 1))
    ours = ag.grad(
        lambda w: ag.mean_over(lambda w, x, y: ((x @ w - y) ** 2).mean(), w, cut(X, 20), cut(y, 9))
    )(w)
    np.testing.assert_allclose(ours, ag.grad(lambda w: ((X @ w - y) ** 2).mean())(w), rtol=1e-13)


def test_what_is_made_of_leaves_may_be_in_the_model():
    """A result of operations in the model is a parameter too, and hands its gradient on."""
    X, y = losses.data()
    w = ag.Tensor(np.ones((3, 1)))
    linear = lambda w, x, y: ((x @ w - y) ** 2).mean()  # noqa: E731
    compared(ag.mean_over(linear, w * 2.0, cut(X, 20), cut(y, 20)), linear(w * 2.0, X, y), [w], 1e-14)


def test_lbfgs_takes_it():
    """Its steps are those in memory, but for rounding."""
    X, y = losses.data()
    found = []
    for X_, y_ in ((X, y), (cut(X, 20), cut(y, 20))):
        net = losses.network()
        lbfgs = ag.optim.LBFGS(net.parameters(), max_iter=5)
        over = squared if X_ is X else functools.partial(ag.mean_over, squared)
        lbfgs.step(lambda over=over, net=net, a=X_, b=y_: over(net, a, b))
        found.append([p.data for p in net.parameters()])
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9)


def test_under_no_grad_there_is_no_gradient_to_pay():
    """The result is a constant, and the loss on the workers is one too."""
    X, y = losses.data()
    net = losses.network()

    def watched(model, x, y):
        found = squared(model, x, y)
        assert not found.requires_grad
        return found

    with ag.no_grad():
        node = ag.mean_over(watched, net, cut(X, 50), cut(y, 50))
    assert not node.requires_grad
    assert node.item() == pytest.approx(squared(net, X, y).item(), rel=1e-14)


def test_gradients_do_not_travel():
    """A parameter's .grad is not sent, and not changed before backward."""
    X, y = losses.data()
    net = losses.network()
    squared(net, X, y).backward()
    before = gradients(net.parameters())
    ag.mean_over(
        lambda m, x, y: squared(m, x, y) * float(m.parameters()[0].grad is None), net, cut(X, 50), cut(y, 50)
    )
    for p, grad in zip(net.parameters(), before, strict=True):
        np.testing.assert_array_equal(p.grad, grad)


def test_masks_of_dropout_differ_and_are_reproducible():
    """Each chunk and each call has a mask of its own; the same seed gives the same ones."""
    ones = cut(np.ones((6, 50)), 2)

    def run():
        net = ag.nn.Sequential(ag.nn.Dropout(0.5, rng=5))
        w = {"w": ag.Tensor(np.ones(50)), "net": [ag.Tensor(1.0)]}
        found = []
        for _ in range(2):
            for x in (ones.blocks[0], ones):
                node = ag.mean_over(lambda w, x: (net(x) * w["w"]).mean(), w, x)
                w["w"].zero_grad()
                node.backward()
                found.append(w["w"].grad)
        return found

    first, again = run(), run()
    np.testing.assert_array_equal(first, again)
    assert len({grad.tobytes() for grad in first}) == 4
    assert len(np.unique(first[1])) > 2, "all chunks had one mask"


# ---- What is refused --------------------------------------------------------------------------------------------------


def never(*chunk):
    raise AssertionError("this ran")


X, Y = losses.data()
DX, DY = cut(X, 20), cut(Y, 20)
UNKNOWN = DX[DX[:, 0] > 0]
SHAPES = {
    "unknown sizes": ((UNKNOWN, DY), "arrays[0] = arrays[0].compute_chunk_sizes()"),
    "unknown sizes of y": ((DX, UNKNOWN), "arrays[1] = arrays[1].compute_chunk_sizes()"),
    "other axes": ((DX.rechunk({1: 2}), DY), "arrays[0] = arrays[0].rechunk({1: -1})"),
    "rows": ((DX, DY[:50]), "arrays[1] has shape (50, 1), the first (97, 3): equally many rows are needed"),
    "no rows": ((DX[:0], DY[:0]), "equally many rows are needed"),
    "a number": ((DX.sum(),), "arrays[0] has shape ()"),
}


@pytest.mark.parametrize(("arrays", "text"), SHAPES.values(), ids=SHAPES)
def test_arrays_that_do_not_fit_are_refused_before_anything_runs(arrays, text):
    """The message has the line to write."""
    with refused(ag.ShapeError, text):
        ag.mean_over(never, losses.network(), *arrays)


def test_second_derivatives_are_refused():
    """create_graph=True raises, where zero would be wrong; so does a hessian."""
    net = losses.network()
    node = ag.mean_over(squared, net, DX, DY)
    with refused(ag.GraphError, "first derivatives only", "in memory"):
        ag.gradients(node, net.parameters(), create_graph=True)
    with refused(ag.GraphError, "first derivatives only"):
        ag.hessian(lambda w: ag.mean_over(lambda w, x: (x @ w).mean() ** 2, w, DX))(np.ones(3))


def test_a_variable_that_is_not_in_the_model_is_refused():
    """It would have got no gradient, without a word."""
    stranger = ag.Tensor(np.ones((3, 1)), label="stranger")
    with refused(ag.GraphError, "'stranger'", "not in the model"):
        ag.mean_over(lambda m, x: (m(x) * (x @ stranger)).mean(), losses.network(), DX)


LOSSES = {
    "a raw number": (lambda m, x: 1.0, ag.DTypeError, "must return a Value or Tensor, got float"),
    "nothing": (lambda m, x: None, ag.DTypeError, "must return a Value or Tensor"),
    "an array": (lambda m, x: m(x), ag.ShapeError, "take its mean"),
    "its own error": (lambda m, x: {}["lost"], KeyError, "lost"),
    "a RandomState": (
        functools.partial(lambda r, m, x: 0, np.random.RandomState(0)),
        ag.DTypeError,
        "default_rng",
    ),
}


@pytest.mark.parametrize(("loss", "kind", "text"), LOSSES.values(), ids=LOSSES)
def test_losses_that_are_refused(loss, kind, text, scheduler):
    """The error is the worker's own, and no parameter has changed."""
    net = losses.network()
    with refused(kind, text, unchanged=net.parameters()):
        ag.mean_over(loss, net, DX)


def test_compiling_it_is_refused():
    """What is replayed would not read the data again."""
    with refused(ag.CompileError, "mean_over", "outside what is compiled"):
        ag.compile(lambda w: ag.mean_over(lambda w, x: (x @ w).mean(), w, DX) * 2.0)(np.ones(3))


def test_without_arrays():
    with refused(TypeError, "a model and Dask arrays"):
        ag.mean_over(squared, losses.network())


def test_without_dask():
    """The message says what to install; fit of arrays in memory needs no Dask."""
    script = """
import sys
sys.modules["dask"] = None
import autograd_mini as ag
try:
    ag.mean_over(lambda w, x: (x * w).mean(), ag.Tensor(1.0), [[1.0]])
except ImportError as error:
    print(error)
w = ag.Tensor([[1.0]])
ag.fit(lambda x: x @ w, [[1.0]], [[2.0]], loss=ag.nn.mse, optimizer=ag.optim.SGD([w], lr=0.1), epochs=1)
"""
    done = run_script(script)
    assert done.returncode == 0, done.stderr
    assert "pip install 'autograd-mini[cluster]'" in done.stdout


def test_it_can_be_shown():
    """tree and draw show the node, though it has no formula."""
    node = ag.mean_over(squared, losses.network(), DX, DY)
    assert "mean_over" in str(ag.tree(node))
    assert "mean_over" in ag.draw(node).svg


# ---- Compiled ---------------------------------------------------------------------------------------------------------


def test_compiled_it_gives_the_same_and_follows_the_parameters(scheduler):
    """Value and gradient to 1e-12, chunks of two sizes, parameters that have moved, a frozen one, and without a gradient."""
    X, y = losses.data()
    net, arrays = losses.network(), (cut(X, 20), cut(y, 20))
    for step in range(3):
        eager, replayed = (ag.mean_over(squared, net, *arrays, compile=asked) for asked in (False, True))
        compared(replayed, eager, net.parameters(), 1e-12)
        for p in net.parameters():
            p.data = p.data - 0.5 * p.grad
        if step == 1:
            net.layers[0].freeze()
    with ag.no_grad():
        np.testing.assert_allclose(
            ag.mean_over(squared, net, *arrays, compile=True).data, ag.nn.mse(net(X), y).data, rtol=1e-12
        )


RUNS = (
    Counter()
)  # no list: one of numbers, and an empty one, would be compared at each call, and this function changes it


def counted(model, x):
    """A loss that notes when Python runs it: here, as it travels by its name."""
    RUNS[x.shape] += 1
    return (model(x) ** 2).mean()


def test_compiled_a_loss_runs_for_the_recordings_alone():
    """However many chunks and steps there are: for two shapes of chunks as often as ag.compile runs a function of two shapes."""
    X, net, found = losses.data()[0], losses.network(), []
    with dask.config.set(scheduler="sync"):
        for _ in range(3):
            ag.mean_over(counted, net, cut(X, 20), compile=True)
            found.append(RUNS.total())
    assert set(RUNS) == {(20, 3), (17, 3)}
    assert found[0] < 5
    assert found == found[:1] * 3


@pytest.mark.parametrize(
    ("loss", "kind", "words"),
    [
        (lambda m, x: (m(x) * ag.Tensor([1.0])).mean(), ag.GraphError, "which is not in the model"),
        (lambda m, x: ag.nn.Dropout(0.5)(m(x)).mean(), ag.CompileError, "Dropout in training"),
        (lambda m, x: m(x), ag.ShapeError, "take its mean"),
    ],
    ids=["of another variable", "random", "no mean"],
)
def test_compiled_a_loss_that_cannot_be_is_refused(loss, kind, words, scheduler):
    with refused(kind, words):
        ag.mean_over(loss, losses.network(), cut(losses.data()[0], 20), compile=True)
