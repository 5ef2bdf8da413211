"""fit trains as a loop by hand does, and however it ends, parameters and history are those of complete epochs."""

import csv
import gc
import io
import math
import os
import sys
import time
import types
import weakref

import numpy as np
import pytest

import autograd_mini as ag
from autograd_mini import train
from autograd_mini.compile import steps
from autograd_mini.train import EarlyStopping, History, fit
from tests.helpers.processes import TIMEOUT, run_script

rng = np.random.default_rng(7)
X, W = rng.normal(size=(23, 3)), rng.normal(size=(3, 2))
Y = np.tanh(X @ W)
X_VAL, Y_VAL = rng.normal(size=(9, 3)), rng.normal(size=(9, 2))


def network(seed=0, **kwargs):
    return ag.nn.MLP([3, 5, 2], activation="tanh", rng=seed, **kwargs)


def data_of(net):
    return [np.array(parameter.data) for parameter in net.parameters()]


def same(first, second):
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def run(net, epochs=5, *, x=X, y=Y, lr=0.1, loss=ag.nn.mse, optimizer=None, **kwargs):
    optimizer = ag.optim.SGD(net.parameters(), lr=lr, momentum=0.5) if optimizer is None else optimizer
    return fit(net, x, y, loss=loss, optimizer=optimizer, epochs=epochs, **kwargs)


class At:
    """Raises at the n-th of the calls it is told of."""

    def __init__(self, n, error=KeyboardInterrupt):
        self.left, self.error = n, error

    def __call__(self):
        self.left -= 1
        if self.left == 0:
            raise self.error


# ---- The same numbers as by hand --------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [
    lambda p: ag.optim.SGD(p, lr=0.1, momentum=0.9), lambda p: ag.optim.Adam(p, lr=0.01), lambda p: ag.optim.RMSprop(p),
], ids=["SGD", "Adam", "RMSprop"])  # fmt: skip
@pytest.mark.parametrize("shuffle", [True, False], ids=["shuffled", "in order"])
@pytest.mark.parametrize("size", [None, 1, 4, 23, 100], ids=lambda size: f"batch {size}")
def test_a_run_is_bit_for_bit_the_loop_by_hand(make, shuffle, size):
    """Parameters, losses and metrics equal those of a loop by hand to the last bit, the last smaller batch included."""
    ours, theirs = network(), network()
    optimizer = make(theirs.parameters())
    losses, metrics, random, step = [], [], np.random.default_rng(3), min(size or 23, 23)
    for _ in range(4):
        order = random.permutation(23) if shuffle and step < 23 else np.arange(23)
        mean = metric = 0.0
        for start in range(0, 23, step):
            rows = order[start : start + step]
            prediction = theirs(X[rows])
            loss = ag.nn.mse(prediction, Y[rows])
            optimizer.zero_grad()
            loss.backward()
            metric += (np.abs(prediction.data - Y[rows]).mean() - metric) * (len(rows) / (start + len(rows)))
            mean += (loss.item() - mean) * (len(rows) / (start + len(rows)))
            optimizer.step()
        losses.append(mean)
        metrics.append(metric)
    history = run(ours, 4, optimizer=make(ours.parameters()), batch_size=size, shuffle=shuffle, rng=3,
                  metrics={"mae": lambda p, y: np.abs(p - y).mean()})  # fmt: skip
    assert same(data_of(ours), data_of(theirs))
    assert history["loss"] == losses
    assert history["mae"] == metrics
    assert history.epochs == 4
    assert (history.stopped, history.kept) == (None, 4)


@pytest.mark.smoke
def test_the_loss_of_an_epoch_is_weighted_by_the_rows_of_its_batches():
    """With the parameters held still, the mean over batches of unequal size is the mean over all rows (1e-14 relative)."""
    net = network()
    whole = ag.nn.mse(net(X), Y).item()
    history = run(net, 1, lr=1e-300, batch_size=10)
    assert history["loss"][0] == pytest.approx(whole, rel=1e-14)


def test_equal_seeds_give_equal_runs_and_others_do_not():
    """A seed or a Generator of that seed gives the same parameters; another seed, others; a Generator goes on where it was."""
    nets = [network() for _ in range(4)]
    for net, seed in zip(nets, (1, 1, np.random.default_rng(1), 2), strict=True):
        run(net, batch_size=4, rng=seed, validation=0.2)
    assert same(data_of(nets[0]), data_of(nets[1]))
    assert same(data_of(nets[0]), data_of(nets[2]))
    assert not same(data_of(nets[0]), data_of(nets[3]))
    random = np.random.default_rng(1)
    run(network(), batch_size=4, rng=random, epochs=2)
    assert random.random() != np.random.default_rng(1).random()


def test_every_epoch_is_shuffled_anew_and_sees_each_row_once():
    """Each epoch has all rows, in an order of its own."""
    seen = []

    def loss(prediction, y):
        seen.append(y[:, 0])
        return ag.nn.mse(prediction, y)

    run(network(), 3, loss=loss, batch_size=5, rng=0)
    epochs = [np.concatenate(seen[5 * i : 5 * i + 5]) for i in range(3)]
    assert [sorted(epoch) == sorted(Y[:, 0]) for epoch in epochs] == [True] * 3
    assert len({tuple(epoch) for epoch in [*epochs, Y[:, 0]]}) == 4


def test_users_data_are_left_alone():
    """X and y are neither changed nor reordered; lists, float32, read-only and integer data are taken."""
    x, y = X.copy(), Y.copy()
    x.setflags(write=False)
    run(network(), x=x, y=y.tolist(), batch_size=3, validation=0.3, rng=0)
    assert np.array_equal(x, X)
    assert np.array_equal(y, Y)
    net = network(dtype="float32")
    run(net, x=X.astype("float32"), y=Y.astype("float32"), batch_size=4)
    assert {parameter.dtype for parameter in net.parameters()} == {np.dtype("float32")}
    classes = (Y > 0).argmax(1)
    assert run(network(), y=classes, loss=ag.nn.cross_entropy, metrics="accuracy").epochs == 5
    constant = ag.Tensor(X, requires_grad=False)
    assert run(network(), x=constant).epochs == 5


def test_without_y_the_loss_takes_the_prediction_alone():
    """y=None: loss(prediction) and metric(prediction), in training and validation."""
    net = network()
    history = fit(net, X, None, loss=lambda p: (p * p).mean(), optimizer=ag.optim.SGD(net.parameters(), lr=0.1), epochs=3,
                  metrics={"size": lambda p: len(p)}, validation=0.2, batch_size=18, rng=0)  # fmt: skip
    assert history["size"] == [18.0] * 3
    assert history["val_size"] == [5.0] * 3
    assert history["loss"][2] < history["loss"][0]


def test_zero_epochs_change_nothing():
    """epochs=0 gives an empty history and leaves parameters and gradients."""
    net = network()
    before = data_of(net)
    history = run(net, 0, progress="bar")
    assert same(before, data_of(net))
    assert history.epochs == 0
    assert dict(history) == {"loss": []}
    assert "0 epochs" in repr(history)


def test_a_function_is_a_model():
    """A plain function of Tensors and Values is trained by the optimiser's parameters, and goes back with them."""
    w, b = ag.Tensor([0.0, 0.0, 0.0]), ag.Value(0.0)
    adam = ag.optim.Adam([w, b], lr=0.05)
    y = X @ [1.0, 2.0, 3.0] + 0.5
    history = fit(lambda x: x @ w + b, X, y, loss=ag.nn.mse, optimizer=adam, epochs=400)
    assert np.allclose([*w.data, b.data], [1, 2, 3, 0.5], rtol=1e-2)
    before = [w.data.copy(), b.data]
    at = At(2)
    history = fit(
        lambda x: x @ w + b,
        X,
        y,
        loss=lambda p, t: at() or ag.nn.mse(p, t),
        optimizer=adam,
        epochs=2,
        batch_size=12,
    )
    assert history.stopped == "interrupted"
    assert same(before, [w.data, b.data])
    assert type(b.data) is float


def test_a_network_of_values_is_trained():
    """Predictions that are lists of Values reach metrics as arrays, and the loss, a Value, its parameters."""
    net = ag.nn.scalar.MLP(2, [4, 1], activation="tanh", rng=0)
    x, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([-1, 1, 1, -1])
    history = fit(lambda rows: [net(row.tolist()) for row in rows], x, y, metrics="accuracy", epochs=60,
                  loss=lambda p, t: sum(((a - float(b)) ** 2 for a, b in zip(p, t, strict=True)), ag.Value(0.0)) / len(t),
                  optimizer=ag.optim.SGD(net.parameters(), lr=0.1, momentum=0.9), validation=(x, y))  # fmt: skip
    assert history["accuracy"][-1] == history["val_accuracy"][-1] == 1.0
    assert history["val_loss"][-1] < 0.5 * history["val_loss"][0]


def test_lbfgs_is_trained_with():
    """An optimiser that calls its closure many times a step counts the loss before the step, and each metric once."""
    pytest.importorskip("scipy")
    net, calls = network(), []
    first = ag.nn.mse(net(X), Y).item()
    history = run(
        net,
        2,
        optimizer=ag.optim.LBFGS(net.parameters()),
        metrics={"calls": lambda p, y: calls.append(1) or 0.0},
    )
    assert len(calls) == 2
    assert history["loss"][0] == first
    assert history["loss"][1] < 0.1 * first


# ---- Validation, metrics, callbacks -----------------------------------------------------------------------------------


def test_validation_is_the_loss_after_the_epoch():
    """val_loss and metrics are those of all rows held out, with the parameters at the end of the epoch."""
    net, after = network(), []

    def note(epoch, history):
        prediction = net(X_VAL).data
        after.append((ag.nn.mse(prediction, Y_VAL), float(np.max(prediction))))

    history = run(
        net,
        3,
        batch_size=4,
        validation=(X_VAL, Y_VAL),
        metrics={"max": lambda p, y: np.max(p)},
        callbacks=note,
    )
    assert list(zip(history["val_loss"], history["val_max"], strict=True)) == after
    assert list(history) == ["loss", "max", "val_loss", "val_max"]


def test_a_fraction_is_held_out_once_before_training():
    """Of 23 rows 0.2 are 5; they are drawn by rng, the others keep their order, and no row is in both."""
    trained, held = [], []

    def metric(prediction, y):
        (held if len(y) == 5 else trained).append(y)
        return 0.0

    run(network(), 3, validation=0.2, metrics={"m": metric}, rng=5, shuffle=False)
    order = np.random.default_rng(5).permutation(23)
    for part in held:
        assert np.array_equal(part, Y[order[:5]])
    for part in trained:
        assert np.array_equal(part, Y[np.sort(order[5:])])


def test_training_and_evaluation_modes():
    """Dropout is on in training and off in validation, and each part has its own mode back at the end, also after an error."""
    net = ag.nn.Sequential(ag.nn.Linear(3, 50, rng=0), ag.nn.Dropout(0.5, rng=0), ag.nn.Linear(50, 2, rng=1))
    net[1].eval()
    modes = [module.training for module in net.modules()]
    seen = []
    run(
        net,
        2,
        loss=lambda p, y: seen.append(net[1].training) or ag.nn.mse(p, y),
        validation=(X_VAL, Y_VAL),
        batch_size=12,
    )
    assert seen == [True, True, False] * 2
    assert [module.training for module in net.modules()] == modes
    with pytest.raises(ValueError, match="mine"):
        run(net, 2, loss=lambda p, y: At(1, ValueError("mine"))())
    assert [module.training for module in net.modules()] == modes


def test_validation_of_a_model_that_takes_derivatives():
    """A loss made of derivatives by the inputs is validated too."""
    net = ag.nn.Sequential(ag.nn.Linear(1, 4, rng=0), ag.tanh, ag.nn.Linear(4, 1, bias=False, rng=1))

    class Slope:
        parameters = staticmethod(net.parameters)

        def __call__(self, x):
            t = ag.Tensor(x)
            return ag.gradients(net(t).sum(), t, create_graph=True)

    t = np.linspace(0, 3, 10)[:, None]
    adam = ag.optim.Adam(net.parameters(), lr=0.01)
    history = fit(Slope(), t, np.cos(t), loss=ag.nn.mse, optimizer=adam, epochs=3, validation=(t, np.cos(t)))
    assert history["val_loss"][0] == history["loss"][1]


@pytest.mark.parametrize(("prediction", "y", "loss", "expected"), [
    ([[0.2, 0.5, 0.3], [0.9, 0.0, 0.1]], [1, 2], ag.nn.cross_entropy, 0.5),
    ([[0.2, 0.5, 0.3], [0.9, 0.0, 0.1]], [[1], [0]], ag.nn.cross_entropy, 1.0),
    ([[0.2, 0.5, 0.3], [0.9, 0.0, 0.1]], [[0, 1, 0], [0, 0.6, 0.4]], ag.nn.cross_entropy, 0.5),
    ([[0.4], [0.6], [0.7], [0.1]], [[0], [1], [0], [0]], ag.nn.mse, 0.75),
    ([0.4, 0.6, 0.7, 0.1], [[0], [1], [0], [0]], ag.nn.mse, 0.75),
    ([[0.4], [0.6], [-0.7], [0.1]], [0, 1, 0, 0], ag.nn.binary_cross_entropy_with_logits, 0.5),
    ([0.4, 0.6], [1, 1], ag.nn.mse, 0.5),
    ([0.4, -0.6, 0.2], [1, -1, -1], ag.nn.mse, 2 / 3),
    ([[[0.2, 0.8], [0.7, 0.3]]], [[1, 1]], ag.nn.mse, 0.5),
], ids=["classes", "column", "one-hot", "0.5", "row", "logits", "ones", "signs", "sequence"])  # fmt: skip
def test_accuracy(prediction, y, loss, expected):
    """The share of right classes, for indices, one-hot rows, probabilities, logits and signs."""
    measure = train._metrics("accuracy", loss, np.asarray(y))["accuracy"]
    assert measure(np.array(prediction), np.array(y)) == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize(("prediction", "y", "message"), [
    ([[0.2, 0.8]], [[1, 1]], "do not sum to 1"), ([[0.2]], [[3]], "must be 0 and 1"), ([[0.2, 0.8]], [1, 0], "do not fit"),
], ids=["multi-label", "labels", "length"])  # fmt: skip
def test_accuracy_refuses_what_names_no_class(prediction, y, message):
    """Labels that are no classes are refused, not counted wrong."""
    measure = train._metrics("accuracy", ag.nn.mse, np.asarray(y))["accuracy"]
    with pytest.raises(ValueError, match=message):
        measure(np.array(prediction), np.array(y))


def test_names_of_metrics():
    """Functions are called by their names, lambdas by their place, a dict by its keys; what a metric returns becomes a float."""

    def error(prediction, y):
        return ag.Value(1.5)

    history = run(network(), 2, metrics=[error, lambda p, y: np.float32(2.5)])
    assert list(history) == ["loss", "error", "metric2"]
    assert history["error"] == [1.5, 1.5]
    assert type(history["metric2"][0]) is float
    assert run(network(), 1, metrics={"a": error})["a"] == [1.5]
    assert math.isnan(run(network(), 1, metrics={"a": lambda p, y: math.nan})["a"][0])


def test_callbacks_of_every_kind():
    """Functions, objects with on_epoch_end and schedules are called after each epoch, in order, epochs counted from 1."""
    net, calls = network(), []
    optimizer = ag.optim.SGD(net.parameters(), lr=1.0)

    class Seen:
        def on_epoch_end(self, epoch, history):
            calls.append(("object", epoch, history.epochs, optimizer.lr))

    schedule = ag.optim.ExponentialLR(optimizer, 0.5)
    first = lambda epoch, history: calls.append(("function", epoch, optimizer.lr))  # noqa: E731
    run(net, 2, optimizer=optimizer, callbacks=[first, schedule, Seen()])
    assert calls == [
        ("function", 1, 1.0),
        ("object", 1, 1, 0.5),
        ("function", 2, 0.5),
        ("object", 2, 2, 0.25),
    ]


def test_a_callback_that_returns_true_ends_the_training():
    """True ends it after the epoch, all callbacks of which are called; other results do not."""
    later = []
    history = run(
        network(), 9, callbacks=[lambda epoch, h: epoch == 3, lambda epoch, h: later.append(epoch) or "yes"]
    )
    assert history.epochs == 3
    assert later == [1, 2, 3]
    assert (history.stopped, history.kept) == ("callback", 3)


# ---- EarlyStopping ----------------------------------------------------------------------------------------------------


class Scripted:
    """A metric that gives the numbers it was told, in validation."""

    def __init__(self, numbers):
        self.numbers, self.snapshots = list(numbers), []

    def __call__(self, prediction, y):
        return self.numbers[len(self.snapshots)] if len(y) == len(Y_VAL) else 0.0

    def watch(self, net):
        return lambda epoch, history: self.snapshots.append(data_of(net)) or False


@pytest.mark.parametrize(("numbers", "options", "epochs", "best"), [
    ([3, 2, 1, 2, 2, 2, 2], {"patience": 2}, 5, 3),
    ([3, 2, 1, 2, 2, 0, 2, 2, 2, 2], {"patience": 3}, 9, 6),
    ([3, 2.9, 2.8, 2.7, 2.6], {"patience": 2, "min_delta": 0.5}, 3, 1),
    ([3, 2.6, 2.2, 2.2, 2.2], {"patience": 3, "min_delta": 0.5}, 5, 3),
    ([1, 2, 3, 1, 1, 1], {"patience": 2, "mode": "max"}, 5, 3),
    ([math.nan, 2, math.nan, math.nan, 1], {"patience": 2}, 4, 2),
    ([3, 2, 1], {"patience": 5}, 3, 3),
    ([1, 2, 3], {"patience": 5}, 3, 1),
], ids=["stops", "goes on", "min_delta", "small steps add up", "max", "nan", "all epochs", "all epochs, best first"])  # fmt: skip
@pytest.mark.parametrize("restore", [True, False], ids=["restored", "left"])
def test_early_stopping(numbers, options, epochs, best, restore):
    """It stops `patience` epochs after the best; the parameters are those of the best epoch, or of the last."""
    net, metric = network(), Scripted(numbers)
    stopping = EarlyStopping("val_m", restore_best=restore, **options)
    history = run(
        net,
        len(numbers),
        metrics={"m": metric},
        validation=(X_VAL, Y_VAL),
        callbacks=[metric.watch(net), stopping],
    )
    assert history.epochs == epochs
    assert stopping.best_epoch == best
    assert stopping.best == numbers[best - 1]
    assert history.stopped == ("early stopping" if epochs < len(numbers) else None)
    assert history.kept == (best if restore else epochs)
    assert same(data_of(net), metric.snapshots[history.kept - 1])


def test_early_stopping_of_an_accuracy_is_upwards_and_starts_anew():
    """A monitor that ends in accuracy is to rise; a stopping that was used before has forgotten."""
    assert EarlyStopping("val_accuracy").higher
    assert not EarlyStopping("val_accuracy", mode="min").higher
    assert not EarlyStopping().higher
    stopping = EarlyStopping("loss", patience=3)
    for _ in range(2):
        assert run(network(), 4, callbacks=stopping).epochs == 4
        assert stopping.best_epoch == 4


@pytest.mark.parametrize(("kwargs", "kind"), [
    ({"patience": 0}, ValueError), ({"patience": 2.5}, TypeError), ({"patience": True}, TypeError), ({"min_delta": -1}, ValueError),
    ({"min_delta": math.nan}, ValueError), ({"min_delta": "0"}, TypeError), ({"mode": "up"}, ValueError),
], ids=str)  # fmt: skip
def test_early_stopping_refuses(kwargs, kind):
    """The argument is named."""
    with pytest.raises(kind, match=f"^{next(iter(kwargs))} must be"):
        EarlyStopping(**kwargs)


# ---- Ctrl-C, errors, numbers that are not finite ----------------------------------------------------------------------


def batches_of(net, **kwargs):
    """The number of losses computed in a run of three epochs, and the parameters after each epoch."""
    count, after = [], [data_of(net)]
    run(
        net,
        3,
        loss=lambda p, y: count.append(1) or ag.nn.mse(p, y),
        callbacks=lambda e, h: after.append(data_of(net)),
        **kwargs,
    )
    return len(count), after


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt, MemoryError, RuntimeError, SystemExit], ids=lambda error: error.__name__
)
@pytest.mark.parametrize("place", ["model", "loss", "metric", "callback", "step"])
@pytest.mark.parametrize("validated", [True, False], ids=["validated", "trained"])
def test_whatever_ends_it_the_best_complete_parameters_are_kept(error, place, validated):
    """Ctrl-C or an error at every batch of every epoch: the history is of complete epochs, the parameters of the best of them."""
    options = {"batch_size": 8, "rng": 4, "lr": 0.9, **({"validation": (X_VAL, Y_VAL)} if validated else {})}
    calls, after = batches_of(network(), **options)
    calls = {"callback": 3, "step": 9}.get(place, calls)
    seen_best = set()
    for n in range(1, calls + 2):
        net, at = network(), At(n, error)
        before, modes = data_of(net), [module.training for module in net.modules()]
        grad = net.parameters()[0].grad = np.ones(net.parameters()[0].shape)

        def call(name, at=at):
            if name == place:
                at()

        class Model(ag.nn.Module):
            def __init__(self, net=net):
                super().__init__()
                self.net = net

            def forward(self, x, call=call):
                call("model")
                return self.net(x)

        class Halting(ag.optim.SGD):
            def update(self, *args, call=call):
                result = super().update(*args)
                call("step")
                return result

        def loss(p, y, call=call):
            call("loss")
            return ag.nn.mse(p, y)

        def metric(p, y, call=call):
            call("metric")
            return 0.0

        optimizer = Halting(net.parameters(), lr=0.9, momentum=0.5)
        history = None
        arguments = {
            **options,
            "loss": loss,
            "optimizer": optimizer,
            "metrics": {"m": metric},
            "callbacks": lambda e, h: call("callback"),
        }
        if n > calls:
            history = run(Model(), 3, **arguments)
            assert same(data_of(net), after[3])
            continue
        if error is KeyboardInterrupt:
            history = run(Model(), 3, **arguments)
            assert history.stopped == "interrupted"
        else:
            with pytest.raises(error) as caught:
                run(Model(), 3, **arguments)
            history = caught.value.history
            assert "fit: in epoch" in caught.value.__notes__[0]
        complete = history.epochs
        assert {len(column) for column in history.values()} == {complete}
        best = 1 + int(np.argmin(history["val_loss" if validated else "loss"])) if complete else 0
        seen_best.add((complete, best))
        assert history.kept == best
        assert same(data_of(net), after[best])
        assert [module.training for module in net.modules()] == modes
        assert same(before, after[0])
        assert net.parameters()[0].grad is (grad if best == 0 else None)
    assert {complete for complete, _ in seen_best} >= {1, 2}


class Interrupting:
    """A trace function that raises KeyboardInterrupt at the n-th line that the package runs, once training has begun."""

    def __init__(self, n, path):
        self.left, self.path, self.active, self.lines = n, path, False, 0

    def __call__(self, frame, event, argument):
        name = frame.f_code.co_filename
        self.active = self.active or (name == train.__file__ and frame.f_code.co_name == "train")
        if event == "call":
            return self if name.startswith(self.path) else None
        if self.active and event == "line":
            self.lines += 1
            self.left -= 1
            while frame is not None and self.left == 0:  # what is raised in __del__ goes nowhere
                self.left += frame.f_code.co_name == "__del__"
                frame = frame.f_back
            if self.left == 0:
                raise KeyboardInterrupt
        return self


@pytest.mark.parametrize(
    ("path", "stride", "compiled"),
    [
        (train.__file__, 1, False),
        (train.__file__, 1, "auto"),
        (steps.__file__, 1, "auto"),
        (ag.__path__[0], 7, False),
        (ag.__path__[0], 97, "auto"),
    ],
    ids=[
        "every line of fit",
        "of fit, replayed",
        "of what replays",
        "every 7th line of all",
        "every 97th line of all",
    ],
)
def test_ctrl_c_at_any_line(path, stride, compiled):
    """Wherever Ctrl-C comes, parameters are of the epoch that the history names, its columns are of one length, modes are as before."""
    options = {"batch_size": 12, "rng": 4, "validation": (X_VAL, Y_VAL), "metrics": {"m": lambda p, y: 0.0}}
    _, after = batches_of(network(), **options)
    options["compile"] = compiled
    n, ended, lines = 1, set(), math.inf
    while n <= lines + stride:
        net, tracer, before = network(), Interrupting(n, path), sys.gettrace()
        optimizer = ag.optim.SGD(net.parameters(), lr=0.1, momentum=0.5)
        net.layers[0].training = False
        sys.settrace(tracer)
        try:
            history = run(net, 3, optimizer=optimizer, callbacks=[EarlyStopping("loss")], **options)
        finally:
            sys.settrace(before)
        lines = math.inf if tracer.left <= 0 else tracer.lines
        ended.add((history.stopped, history.kept))
        assert same(data_of(net), after[history.kept]), (n, history)
        assert {len(column) for column in history.values()} == {history.epochs}
        assert not net.layers[0].training
        assert net.training
        assert (ag.Value(1.0) * 2.0).requires_grad, n
        n += stride
    assert {("interrupted", 0), ("interrupted", 1), ("interrupted", 2), (None, 3)} <= ended


def test_the_best_is_by_validation_loss():
    """Where the validation loss rises while the training loss falls, Ctrl-C keeps the epoch of the least validation loss."""
    net, after = network(), []

    def interrupt(epoch, history):
        after.append(data_of(net))
        if epoch == 6:
            raise KeyboardInterrupt

    history = run(net, 9, validation=(X[:9], -Y[:9]), callbacks=interrupt)
    assert history.epochs == 6
    assert history["loss"] == sorted(history["loss"], reverse=True)
    assert history["val_loss"] == sorted(history["val_loss"])
    assert history.kept == 1
    assert same(data_of(net), after[0])


def test_a_second_ctrl_c_while_parameters_are_put_back(monkeypatch):
    """It does not leave a mixture."""
    net, at = network(), At(4)
    before = data_of(net)
    again = At(1)
    cut = History.cut
    monkeypatch.setattr(History, "cut", lambda self, epochs: again() or cut(self, epochs))
    history = run(net, 2, loss=lambda p, y: at() or ag.nn.mse(p, y), batch_size=5)
    assert again.left == 0 or again.left < 0
    assert history.stopped == "interrupted"
    assert same(before, data_of(net))


def test_parameters_put_back_are_new_data_for_graphs_made_before():
    """A backward through a graph that read the parameters before they were put back is refused."""
    net, kept = network(), []

    def loss(p, y):
        kept.append(ag.nn.mse(p, y))
        if len(kept) == 2:
            raise KeyboardInterrupt
        return kept[-1]

    run(net, 2, loss=loss)
    with pytest.raises(ag.GraphError, match="changed after"):
        kept[-1].backward()


def test_training_goes_on_after_ctrl_c():
    """The same model and optimiser are trained further, and Tensors are still the same objects."""
    net, at = network(), At(3)
    optimizer, parameters = ag.optim.Adam(net.parameters(), lr=0.01), net.parameters()
    first = run(net, 5, optimizer=optimizer, loss=lambda p, y: at() or ag.nn.mse(p, y))
    second = run(net, 50, optimizer=optimizer)
    assert all(a is b for a, b in zip(parameters, net.parameters(), strict=True))
    assert second["loss"][-1] < first["loss"][-1]


def test_a_diverging_loss_names_the_first_node_that_is_not_finite():
    """Epoch, batch, operation, its operands and the rate are told; the parameters are those of the last complete epoch."""
    net, after = network(), []

    class Growing:
        def on_epoch_end(self, epoch, history):
            after.append(data_of(net))
            if epoch == 2:
                optimizer.lr = 1e200

    optimizer = ag.optim.SGD(net.parameters(), lr=0.1)
    with pytest.raises(ag.AnomalyError) as caught:
        run(
            net,
            5,
            optimizer=optimizer,
            batch_size=8,
            rng=0,
            callbacks=[Growing()],
            validation=(X[:9], -Y[:9]),
        )
    assert (
        caught.value.history["val_loss"][1] > caught.value.history["val_loss"][0]
    )  # so the last epoch is not the best
    message = str(caught.value)
    assert message.startswith(
        "the loss is inf in epoch 3, batch 2 of 3: the first node that is not finite is the result of"
    )
    assert "of 'squared_distance'" in message
    assert "on operands from -" in message
    assert "a smaller learning rate (now 1e+200)" in message
    assert message.endswith("The parameters are as they were after epoch 2")
    assert same(data_of(net), after[1])
    assert caught.value.history.epochs == 2
    assert caught.value.history.kept == 2
    assert isinstance(caught.value, FloatingPointError)


@pytest.mark.parametrize(("model", "words"), [
    (lambda x, w: ag.log(w * x - 1.0), ("'log'", "-1 to 2", "with_logits")),
    (lambda x, w: w / (x * w), ("'divide'", "0 to 3", "divided by")),
    (lambda x, w: ag.exp(w * x * 1000.0), ("'exp'", "0 to 3000", "logsumexp")),
    (lambda x, w: ag.sqrt(w * x - 2.0), ("'sqrt'", "-2 to 1", "ag.clip")),
    (lambda x, w: w * x * np.where(x > 1, np.inf, 1.0), ("the constant", "inf")),
    (lambda x, w: (w * x * 1e308 * 10.0).relu(), ("'multiply'",)),
], ids=["log", "div", "exp", "sqrt", "constant", "mul"])  # fmt: skip
def test_advice_fits_the_operation(model, words):
    """The first node of its kind is named, with the range of its operands and what to try; nothing is changed."""
    w = ag.Tensor([1.0], label="w")
    x = np.array([[0.0], [1.0], [2.0], [3.0]])
    with pytest.raises(ag.AnomalyError) as caught:
        fit(lambda x: model(x, w), x, x, loss=ag.nn.mse, optimizer=ag.optim.SGD([w], lr=0.1), epochs=1)
    assert all(word in str(caught.value) for word in words), caught.value
    assert str(caught.value).endswith("before fit")
    assert w.data == [1.0]
    assert w.grad is None


def test_an_infinity_that_is_masked_is_not_blamed():
    """The node named is one through which the loss became NaN; an infinity that softmax absorbs is not."""
    w = ag.Tensor([1.0, 2.0])
    mask = np.array([0.0, -np.inf])

    def model(x):
        return ag.softmax(w * x + mask) + ag.log(w * -1.0)

    with pytest.raises(ag.AnomalyError, match="'log'"):
        fit(model, X[:, :2], X[:, :2], loss=ag.nn.mse, optimizer=ag.optim.SGD([w], lr=0.1), epochs=1)


@pytest.mark.parametrize("shuffle", [True, False], ids=["shuffled", "in order"])
@pytest.mark.parametrize("which", ["X", "y"])
def test_data_that_are_not_finite_are_named_with_their_row(which, shuffle):
    """NaN in row 17 of X or y is found there, whatever the order."""
    x, y = X.copy(), Y.copy()
    (x if which == "X" else y)[17, 1] = np.nan
    with pytest.raises(ag.AnomalyError, match=f"{which} is not finite in row 17. .*nan_to_num"):
        run(network(), x=x, y=y, batch_size=4, shuffle=shuffle, rng=0)


def test_validation_that_is_not_finite():
    """It ends the training too, and the epoch is not counted."""
    net = network()
    before = data_of(net)
    with pytest.raises(
        ag.AnomalyError, match=r"loss is nan in epoch 1, validation: validation's X is not finite in row 4"
    ):
        run(net, validation=(np.where(np.arange(9)[:, None] == 4, np.nan, X_VAL), Y_VAL))
    assert same(before, data_of(net))


@pytest.mark.parametrize("batch_size", [None, 8], ids=["whole", "batches"])
def test_a_parameter_that_is_not_finite(batch_size):
    """A gradient of infinity with a finite loss: the parameter is named by its path, before the step changes anything."""

    class Root(ag.nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = ag.Tensor([0.0])

        def forward(self, x):
            return ag.sqrt(self.scale) * x

    net = Root()
    with pytest.raises(
        ag.AnomalyError,
        match=r"the gradient of the parameter 'scale' is not finite in epoch 1.*as they were before fit",
    ):
        fit(
            net,
            X,
            X,
            loss=ag.nn.mse,
            optimizer=ag.optim.SGD(net.parameters(), lr=0.1),
            epochs=3,
            batch_size=batch_size,
        )
    assert net.scale.data.tolist() == [0.0]


@pytest.mark.parametrize(
    ("which", "hidden"),
    [("X", "wrapped"), ("y", "wrapped"), ("X", "in the gradient alone")],
)
def test_data_that_are_not_finite_are_named_however_they_are_used(which, hidden):
    """Where the model makes leaves of them, and where a mask hides them from the loss: the learning rate is not blamed."""
    x, y = X.copy(), Y.copy()
    (x if which == "X" else y)[17, 1] = np.nan
    net = network()

    def loss(prediction, target):
        if hidden == "wrapped":
            return ag.nn.mse(prediction, ag.Tensor(target))
        return ag.mean(ag.where(np.isfinite(prediction.data), (prediction - target) ** 2, 0.0))

    optimizer = ag.optim.SGD(net.parameters(), lr=0.1)
    before = data_of(net)
    with pytest.raises(ag.AnomalyError, match=f"{which} is not finite in row 17") as caught:
        fit(lambda x: net(ag.Tensor(x)), x, y, loss=loss, optimizer=optimizer, epochs=2, rng=0)
    assert ("the gradient of the parameter" in str(caught.value)) == (hidden != "wrapped")
    assert "learning rate" not in str(caught.value)
    assert "before fit" in str(caught.value)
    assert same(before, data_of(net))


@pytest.mark.parametrize(
    "error", [ValueError, ag.AnomalyError, None], ids=["an error", "an anomaly", "a loss that is not finite"]
)
def test_a_fit_that_ends_in_an_error_leaves_no_cycle(error):
    """Model and data are freed with the error, without the garbage collector."""
    net, x, at = network(), X.copy(), At(5, error)
    held = [weakref.ref(net), weakref.ref(x), weakref.ref(net.parameters()[0])]

    def loss(prediction, y):
        if error is None:
            return ag.mean(prediction) * np.inf
        at()
        return ag.nn.mse(prediction, y)

    gc.disable()
    try:
        try:
            run(net, x=x, loss=loss, batch_size=8)
        except (ValueError, ag.AnomalyError) as caught:
            assert caught.history.epochs <= 1  # noqa: PT017
        del net, x, loss
        assert [h() for h in held] == [None] * 3
    finally:
        gc.enable()


# ---- What is refused --------------------------------------------------------------------------------------------------

NET = network()
SGD = ag.optim.SGD(NET.parameters(), lr=0.1)


class Broken:
    def __array__(self):
        raise AssertionError("not read")


@pytest.mark.parametrize(("change", "kind", "message"), [
    ({"model": 3}, TypeError, "model must be a Module or a function that returns predictions, got 3"),
    ({"model": ag.nn.MLP}, TypeError, "model must be .* got <class .*MLP"),
    ({"model": ag.nn.Sequential(ag.tanh)}, ValueError, "model has no parameters .* frozen"),
    ({"model": network()}, ValueError, "which is no parameter of the model"),
    ({"optimizer": "adam"}, TypeError, "optimizer must be one of ag.optim"),
    ({"optimizer": ag.optim.SGD}, TypeError, "optimizer must be one of ag.optim"),
    ({"loss": "mse"}, TypeError, "loss must be a function"),
    ({"epochs": -1}, ValueError, "epochs must be an int ≥ 0, got -1"),
    ({"epochs": 2.0}, TypeError, "epochs must be an int"),
    ({"epochs": True}, TypeError, "epochs must be an int"),
    ({"batch_size": 0}, ValueError, "batch_size must be an int > 0, or None for all rows, got 0"),
    ({"batch_size": 4.0}, TypeError, "batch_size must be an int > 0"),
    ({"batch_size": True}, TypeError, "batch_size must be an int > 0"),
    ({"X": X[:-1]}, ag.ShapeError, "X has 22 rows and y has 23"),
    ({"X": X[:0], "y": Y[:0]}, ValueError, r"X is empty or a single number, shape \(0, 3\)"),
    ({"X": 3.0}, ag.DTypeError, "X must be an array or list, a row a sample, got float"),
    ({"X": np.float64(3.0)}, ag.DTypeError, "X must be an array or list"),
    ({"X": np.array(3.0)}, ag.ShapeError, "X is empty or a single number"),
    ({"X": Broken()}, ag.DTypeError, "X must be an array or list.*Broken"),
    ({"X": np.ma.masked_array(X)}, ag.DTypeError, "X must be .*filled"),
    ({"X": [[1, 2], [3]]}, ValueError, "X has rows of different lengths"),
    ({"X": X + 0j}, ag.DTypeError, "X must be real numbers, got complex128"),
    ({"y": ["a"] * 23}, ag.DTypeError, "y must be real numbers, got <U1"),
    ({"X": ag.Tensor(X)}, ag.GraphError, "X requires a gradient, .*pass .data"),
    ({"shuffle": "yes"}, TypeError, "shuffle must be True or False"),
    ({"rng": "seed"}, TypeError, "rng must be a seed"),
    ({"rng": -1}, ValueError, "rng must be a seed"),
    ({"validation": 0.0}, ValueError, r"validation, where it is not \(X, y\), must be a finite number > 0 and < 1, got 0.0"),
    ({"validation": 1.0}, ValueError, "validation, .* must be .{,140}$"),
    ({"validation": math.nan}, ValueError, "validation, .* must be .{,140}$"),
    ({"validation": True}, TypeError, "validation, .* must be .{,140}$"),
    ({"validation": "0.2"}, TypeError, "validation, .* must be .{,140}$"),
    ({"validation": (X, Y, Y)}, TypeError, "validation, .* must be .{,140}$"),
    ({"validation": 0.99}, ValueError, "validation=0.99 of 23 rows leaves none to train on"),
    ({"validation": (X, Y[:-1])}, ag.ShapeError, r"validation\[0\] has 23 rows and validation\[1\] has 22"),
    ({"validation": (X[:, :2], Y)}, ag.ShapeError, r"validation has rows of shape \[\(2,\), \(2,\)\], but X and y"),
    ({"validation": (X, Y[:, 0])}, ag.ShapeError, r"shape \[\(3,\), \(\)\], but X and y have rows of shape \[\(3,\), \(2,\)\]"),
    ({"validation": (X, None)}, ag.ShapeError, r"validation has rows of shape \[\(3,\)\], but"),
    ({"metrics": "precision"}, TypeError, "metrics must be 'accuracy' or functions of .*, got 'precision'"),
    ({"metrics": [3]}, TypeError, "metrics must be 'accuracy' or functions of .*, got 3"),
    ({"metrics": {"loss": ag.nn.mse}}, ValueError, "metrics: 'loss' cannot be the name"),
    ({"metrics": {"val_x": ag.nn.mse}}, ValueError, "metrics: 'val_x' cannot be the name"),
    ({"metrics": [ag.nn.mse, ag.nn.mse]}, ValueError, "metrics: 'mse' .* is given twice"),
    ({"metrics": "accuracy", "y": None}, ValueError, "metrics: 'accuracy' needs y"),
    ({"metrics": {"m": lambda p, y: "good"}}, TypeError, "metrics: 'm' must return a number, got str 'good'"),
    ({"callbacks": [None]}, TypeError, r"callbacks\[0\] must be a function"),
    ({"callbacks": EarlyStopping}, TypeError, r"callbacks\[0\] must be"),
    ({"callbacks": SGD}, TypeError, r"callbacks\[0\] must be"),
    ({"callbacks": EarlyStopping()}, ValueError, "monitor 'val_loss' is not in the history .*: pass validation"),
    ({"callbacks": EarlyStopping("f1")}, ValueError, r"monitor 'f1' is not in the history \(loss\)$"),
    ({"progress": "loud"}, ValueError, "progress must be one of auto, bar, lines, plot, none, got 'loud'"),
    ({"progress": None}, ValueError, "progress must be one of"),
    ({"loss": lambda p, y: 3.0}, ag.GraphError, "loss must return a Value or Tensor, got a float: the prediction does not depend"),
    ({"loss": lambda p, y: None}, ag.DTypeError, "loss must return .*without a return"),
    ({"loss": lambda p, y: p - y}, ag.ShapeError, r"loss must return a single number, got shape \(23, 2\)"),
    ({"loss": lambda p, y: ag.nn.mse(p.detach(), y)}, ag.GraphError, "cut off by detach"),
    ({"y": Y[:, :1]}, ag.ShapeError, "mse"),
], ids=lambda part: next(iter(part)) if isinstance(part, dict) else getattr(part, "__name__", ""))  # fmt: skip
def test_refused_with_the_name_of_the_argument(change, kind, message):
    """Every wrong argument is named, and nothing is changed: no parameter, gradient or mode."""
    before = data_of(NET)
    arguments = {"model": NET, "X": X, "y": Y, "loss": ag.nn.mse, "optimizer": SGD, "epochs": 2, **change}
    with pytest.raises(kind, match=message):
        fit(arguments.pop("model"), arguments.pop("X"), arguments.pop("y"), **arguments)
    assert same(before, data_of(NET))
    assert [parameter.grad for parameter in NET.parameters()] == [None] * 4
    assert NET.training


def test_an_optimiser_of_some_parameters_and_frozen_ones_is_taken():
    """Fine-tuning: an optimiser of the last layer, and one made before the first was frozen."""
    net = network()
    first = data_of(net)[:2]
    run(net, 2, optimizer=ag.optim.SGD(net.layers[1].parameters(), lr=0.1))
    assert same(first, data_of(net)[:2])
    optimizer = ag.optim.SGD(net.parameters(), lr=0.1)
    net.layers[0].freeze()
    with pytest.warns(UserWarning, match="no backward has reached"):
        run(net, 2, optimizer=optimizer)
    net.layers[0].unfreeze()
    assert same(first, data_of(net)[:2])


# ---- History ----------------------------------------------------------------------------------------------------------


def history_of(**columns):
    history = History(list(columns))
    for name, column in columns.items():
        history[name].extend(column)
    return history


def test_history_is_a_mapping_of_lists():
    """It is read as a dict; an unknown name is answered with those there are."""
    history = history_of(loss=[3.0, 2.0], val_loss=[4.0, 5.0])
    assert dict(history) == {"loss": [3.0, 2.0], "val_loss": [4.0, 5.0]}
    assert (len(history), history.epochs, "loss" in history, history.get("f1")) == (2, 2, True, None)
    with pytest.raises(KeyError, match="'f1': the history has loss, val_loss"):
        history["f1"]


@pytest.mark.parametrize(("numbers", "line"), [
    ([0, 1, 2, 3, 4, 5, 6, 7], "▁▂▃▄▅▆▇█"), ([5.0, 5.0], "▁▁"), ([1.0], "▁"), ([], ""), ([1, math.nan, 2, math.inf], "▁·█·"),
    ([-1.7e308, 1.7e308], "▁█"), ([math.nan], "·"), ([1e308] * 80 + [0.0] * 80, "█" * 20 + "▁" * 20), (list(range(40)), None),
], ids=["rising", "level", "one", "none", "not finite", "huge", "nan", "many huge", "forty"])  # fmt: skip
def test_sparkline(numbers, line):
    """The lowest is the lowest bar and the highest the highest; what is not finite is a dot; many are drawn together."""
    drawn = train._sparkline(numbers)
    assert drawn == (line if line is not None else drawn)
    assert len(drawn) == min(len(numbers), 40)


def test_history_shows_itself():
    """A line a series, the bars under one another, the first and last numbers, how it ended and whose parameters are kept."""
    history = history_of(loss=[3.0, 2.0, 1.0], val_accuracy=[0.5, 0.75, 0.25])
    assert repr(history).splitlines() == [
        "History of 3 epochs",
        "loss          █▅▁  3 → 1",
        "val_accuracy  ▅█▁  0.5 → 0.25",
    ]
    history.stopped, history.kept = "interrupted", 2
    assert (
        repr(history).splitlines()[0]
        == "History of 3 epochs, interrupted; the parameters are those of epoch 2"
    )


def test_csv_holds_the_very_numbers(tmp_path):
    """Text and file are the same, quote names, and give back every bit."""
    numbers = [0.1 + 0.2, 1e-300, math.pi]
    history = history_of(**{"loss": numbers, 'a,"b"': [1.0, math.inf, math.nan]})
    text = history.to_csv(tmp_path / "h.csv")
    assert (tmp_path / "h.csv").read_bytes() == text.encode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [float(row["loss"]) for row in rows] == numbers
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert [row['a,"b"'] for row in rows] == ["1.0", "inf", "nan"]
    assert history.to_csv(str(tmp_path / "h.csv")) == text
    assert [path.name for path in tmp_path.iterdir()] == ["h.csv"]


@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_csv_is_whole_or_not_there(tmp_path, monkeypatch, function):
    """A write that fails leaves the file as it was, and nothing beside it."""
    path = tmp_path / "h.csv"
    path.write_text("old")

    def fail(*args):
        raise OSError("disk full")

    monkeypatch.setattr(os, function, fail)
    with pytest.raises(OSError, match="disk full"):
        history_of(loss=[1.0]).to_csv(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_csv_into_a_folder_that_is_not_there(tmp_path):
    """OSError."""
    with pytest.raises(FileNotFoundError):
        history_of(loss=[1.0]).to_csv(tmp_path / "none" / "h.csv")


def test_plot(tmp_path):
    """A panel for each quantity, training and validation in it; saved where a path is given; pyplot is not touched."""
    pytest.importorskip("matplotlib")
    history = history_of(loss=[3.0, 2.0], m=[1.0, 2.0], val_loss=[4.0, 5.0], val_m=[1.0, 0.0])
    loaded = "matplotlib.pyplot" in sys.modules
    figure = history.plot(tmp_path / "h.png")
    assert [axes.get_title() for axes in figure.axes] == ["loss", "m"]
    assert [line.get_label() for line in figure.axes[0].lines] == ["loss", "val_loss"]
    assert figure.axes[0].lines[1].get_ydata().tolist() == [4.0, 5.0]
    assert figure.axes[0].lines[0].get_xdata().tolist() == [1, 2]
    assert (tmp_path / "h.png").read_bytes()[:4] == figure._repr_png_()[:4] == b"\x89PNG"
    assert ("matplotlib.pyplot" in sys.modules) == loaded
    assert len(history_of(loss=[], val_loss=[]).plot().axes) == 1


def test_plot_without_matplotlib_says_what_to_install(monkeypatch):
    """One line; a run with progress="plot" says so before anything is trained."""
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"pip install 'autograd-mini\[plot\]'"):
        history_of(loss=[1.0]).plot()
    monkeypatch.setattr(train, "_in_notebook", lambda: True)
    net = network()
    before = data_of(net)
    with pytest.raises(ImportError, match="matplotlib"):
        run(net, progress="plot")
    assert same(before, data_of(net))


# ---- Progress ---------------------------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    """A terminal to write to."""

    encoding = "utf8"

    def isatty(self):
        return True


class Clock:
    """Time that passes by the tick."""

    def __init__(self, tick):
        self.now, self.tick = 100.0, tick

    def __call__(self):
        self.now += self.tick
        return self.now


@pytest.fixture
def bar(monkeypatch):
    """A terminal for the bar."""
    monkeypatch.setattr(train, "get_terminal_size", lambda: types.SimpleNamespace(columns=200))
    monkeypatch.setattr(train, "monotonic", Clock(0.06))

    def start():  # in the test itself: pytest puts its own standard error there after the fixtures
        terminal = Terminal()
        monkeypatch.setattr(sys, "stderr", terminal)
        return terminal

    return start


def test_the_bar_shows_loss_metrics_rate_and_time_left(bar, capsys):
    """On a terminal there is one line that is rewritten, with what one waits for; standard output stays empty."""
    terminal, y = bar(), (Y[:, 0] > 0).astype(int)
    run(network(), 3, batch_size=4, metrics="accuracy", y=y, loss=ag.nn.cross_entropy, validation=(X, y))
    shown = terminal.getvalue()
    last = shown.split("\r")[-1]
    for part in ("epoch 3/3", "100%", "loss 0.", "val_loss 0.", "accuracy 0.", "rows/s"):
        assert part in last, last
    assert "left" in last
    assert shown.endswith("\n")
    assert shown.count("\n") == 1
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt, ValueError, MemoryError], ids=lambda error: error.__name__
)
def test_the_bar_ends_its_line_when_training_ends_early(bar, error):
    """What is printed next begins on a new line."""
    at, terminal = At(9, error), bar()
    try:
        run(network(), 3, batch_size=4, loss=lambda p, y: at() or ag.nn.mse(p, y))
    except error:
        pass
    assert terminal.getvalue().endswith("\n")
    assert "epoch" in terminal.getvalue()


def test_the_bar_fits_the_terminal(monkeypatch):
    """No line is longer than the terminal is wide, a shorter one wipes out the longer, and the time left is told in hours."""
    monkeypatch.setattr(train, "get_terminal_size", lambda: types.SimpleNamespace(columns=70))
    monkeypatch.setattr(train, "monotonic", Clock(100.0))
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    history = run(network(), 30, metrics={"m": lambda p, y: 0.123, "long": lambda p, y: 0.12345})
    lines = terminal.getvalue().strip("\n").split("\r")[1:]
    assert len(lines) > 5
    assert max(map(len, lines)) <= 69
    assert all(line.rstrip().endswith("left") for line in lines)
    assert f"  loss {history['loss'][-1]:.4g}  " in lines[-1]
    assert not any(
        "m 0" in line.replace("m 0.123  ", "") or "long" in line for line in lines
    )  # none is cut in the middle
    assert all(len(after) >= len(before.rstrip()) for before, after in zip(lines, lines[1:], strict=False))
    short = train._Bar(History(["loss"]), 9, 9)
    short.width = 50
    short.show()
    assert len(terminal.getvalue().split("\r")[-1]) == 50
    pace = train._Quiet(History(["loss"]), 10, 10)
    pace.note(1, 10, None)
    assert pace.pace() == "0 rows/s  0:15:00 left"  # 1 of 10 epochs took one tick of 100 s
    train.monotonic.tick = 1e4
    assert pace.pace() == "0 rows/s  1 day, 1:15:00 left"


def test_it_is_quiet_where_there_is_no_terminal(capfd):
    """Nothing is printed into pipes and files, nor with progress="none" or False on a terminal."""
    history = run(network(), 3, batch_size=4, validation=0.2, rng=0)
    assert history.epochs == 3
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("progress", ["none", False])
def test_it_is_quiet_when_asked(monkeypatch, progress, capsys):
    """Also on a terminal; True is "auto"."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    run(network(), 3, progress=progress)
    assert terminal.getvalue() == ""
    run(network(), 3, progress=True)
    assert terminal.getvalue() != ""
    assert capsys.readouterr().out == ""


def test_no_standard_error_at_all(monkeypatch):
    """Where there is none (pythonw), it trains."""
    monkeypatch.setattr(sys, "stderr", None)
    assert run(network(), 3).epochs == 3


@pytest.mark.parametrize(
    ("epochs", "expected"),
    [(3, [1, 2, 3]), (20, list(range(1, 21))), (100, [1, *range(5, 101, 5)]), (1, [1])],
)
def test_lines_are_clean_and_few(monkeypatch, capsys, epochs, expected):
    """In a notebook: whole lines without carriage returns, about twenty, evenly spaced."""
    monkeypatch.setattr(train, "_in_notebook", lambda: True)
    run(network(), epochs)
    out, err = capsys.readouterr()
    assert err == ""
    assert "\r" not in out
    assert "\x1b" not in out
    assert [int(line.split()[1].split("/")[0]) if "/" in line.split()[1] else int(line.split()[1]) for line in
            (line.replace("epoch  ", "epoch ").replace("epoch  ", "epoch ") for line in out.splitlines())] == expected  # fmt: skip
    assert all("loss 0." in line and "rows/s" in line and "left" in line for line in out.splitlines())


def test_the_last_epoch_has_a_line_however_training_ends(monkeypatch, capsys):
    """Where a callback ends it between two lines, the last complete epoch is printed."""
    run(network(), 200, progress="lines", callbacks=lambda epoch, history: epoch == 13)
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines()] == ["1/200", "10/200", "13/200"]


def test_the_notebook_is_recognised(monkeypatch):
    """A shell with a kernel is a notebook; IPython in a terminal, or not there, is none."""
    for shell, expected in (
        (types.SimpleNamespace(kernel=1), True),
        (types.SimpleNamespace(), False),
        (None, False),
    ):
        monkeypatch.setitem(
            sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda shell=shell: shell)
        )
        assert train._in_notebook() is expected
    monkeypatch.delitem(sys.modules, "IPython")
    assert not train._in_notebook()


@pytest.mark.parametrize("tick", [0.001, 0.02, 0.2, 0.7], ids=lambda tick: f"{tick} s")
def test_live_curves_are_redrawn_in_one_place_at_most_four_times_a_second(monkeypatch, tick, capsys):
    """One display, updated; never more than four pictures in any second; the last shows all epochs."""
    pytest.importorskip("matplotlib")
    display = pytest.importorskip("IPython.display")
    clock, drawn, made = Clock(tick), [], []

    class Handle:
        def update(self, image):
            drawn.append((clock.now, image))

    def show(image, display_id):
        made.append(display_id)
        drawn.append((clock.now, image))
        return Handle()

    monkeypatch.setattr(train, "_in_notebook", lambda: True)
    monkeypatch.setattr(train, "monotonic", clock)
    monkeypatch.setattr(
        train, "png", lambda figure: b"\x89PNG" + str(len(figure.axes[0].lines[0].get_ydata())).encode()
    )
    monkeypatch.setattr(display, "display", show)
    run(network(), 40, progress="plot", batch_size=8)
    times = [at for at, _ in drawn]
    assert made == [True]
    assert all(sum(start <= at < start + 1 for at in times) <= 4 for start in times)
    assert drawn[-1][1].data == b"\x89PNG40"
    assert len(drawn) == 1 or tick > 0.001
    assert len(drawn) > 3 or tick < 0.2
    assert capsys.readouterr() == ("", "")


def test_live_curves_outside_a_notebook_are_a_bar(bar):
    """progress="plot" on a terminal draws the bar."""
    terminal = bar()
    run(network(), 3, progress="plot")
    assert "epoch 3/3" in terminal.getvalue()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_in_a_real_notebook():
    """In a kernel: lines are one stream of whole lines; the plot is one picture; a Figure shows itself."""
    pytest.importorskip("matplotlib")
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    cells = [
        "import numpy as np, autograd_mini as ag\nfrom autograd_mini.train import fit\n"
        "w = ag.Tensor([0.0]); X = np.ones((8, 1))\n"
        "def go(**k): return fit(lambda x: x * w, X, X, loss=ag.nn.mse, optimizer=ag.optim.SGD([w], lr=0.01), **k)",
        "h = go(epochs=40)", "h = go(epochs=400, batch_size=1, progress='plot')", "h.plot()", "h",
    ]  # fmt: skip
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbclient.NotebookClient(notebook, timeout=TIMEOUT).execute()
    _, lines, live, plot, shown = [cell.outputs for cell in notebook.cells]
    assert [output.output_type for output in lines] == ["stream"] * len(lines)
    text = "".join(output.text for output in lines)
    assert "\r" not in text
    assert len(text.splitlines()) == 21
    assert [list(output.data) for output in live] == [["image/png", "text/plain"]]
    assert "image/png" in plot[0].data
    assert shown[0].data["text/plain"].startswith("History of 400 epochs\nloss  █")


def test_importing_train_imports_no_extra():
    """Neither matplotlib nor IPython is imported by the package, nor by a quiet run."""
    code = (
        "import sys, autograd_mini as ag, numpy as np; from autograd_mini.train import fit; w = ag.Tensor([0.0]);"
        "fit(lambda x: x * w, np.ones((4, 1)), np.ones((4, 1)), loss=ag.nn.mse, optimizer=ag.optim.SGD([w], lr=0.1), epochs=2);"
        "print(sorted({'matplotlib', 'IPython'} & set(sys.modules)))"
    )
    result = run_script(code)
    assert result.stdout == "[]\n"
    assert result.stderr == ""


def test_a_real_clock_is_used():
    """The rate is of real time."""
    assert train.monotonic is time.monotonic


def test_a_picture_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    """A picture is written whole or not at all: when the last step fails, the file is the old one, and nothing lies beside it."""
    pytest.importorskip("matplotlib")
    path = tmp_path / "curves.png"
    history = run(network(), 2)
    history.plot(path)
    old = path.read_bytes()
    assert old.startswith(b"\x89PNG")

    def full(*args):
        raise OSError("no space left")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="no space left"):
        history.plot(path)
    assert path.read_bytes() == old
    assert list(tmp_path.iterdir()) == [path]
