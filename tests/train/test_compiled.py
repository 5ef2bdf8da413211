"""What fit replays, it trains as the engine does: every number, every array and every error is the same."""

import functools
import math
import warnings

import numpy as np
import pytest

import autograd_mini as ag
from autograd_mini.compile import function
from autograd_mini.compile.steps import Step
from tests.optim.test_optim import interrupted

rng = np.random.default_rng(11)
X = rng.normal(size=(22, 3))
Y = np.tanh(X @ rng.normal(size=(3, 2)))
CLASSES = rng.integers(0, 2, 22)
SIGNS = np.where(Y > 0, 1.0, -1.0)


def network(**kwargs):
    return ag.nn.MLP([3, 5, 2], **{"activation": "tanh", "rng": 3, **kwargs})


def layered(*layers):
    return ag.nn.Sequential(ag.nn.Linear(3, 4, rng=1), *layers, ag.nn.Linear(4, 2, rng=2))


def sgd(params):
    return ag.optim.SGD(params, lr=0.1, momentum=0.9)


def trained(compile, net, *, x=X, y=Y, loss=ag.nn.mse, optimizer=sgd, epochs=4, callbacks=(), **kwargs):
    """The history, data and gradients of a run."""
    optimizer = optimizer(net.parameters())
    calls = callbacks(net, optimizer) if callable(callbacks) else callbacks
    options = {"batch_size": 5, "rng": 4, "progress": "none", **kwargs}
    history = ag.fit(
        net, x, y, loss=loss, optimizer=optimizer, epochs=epochs, callbacks=calls, compile=compile, **options
    )
    leaves = [leaf for _, leaf in net.named_leaves()]
    return history, [leaf.data for leaf in leaves], [leaf.grad for leaf in leaves], optimizer


def bits(x):
    return None if x is None else (np.asarray(x).dtype.str, np.shape(x), np.asarray(x).tobytes())


def check(make, engine="numpy", **kwargs):
    """Run with the engine and with "auto", and compare all; the history of "auto"."""
    eager, ours = trained(False, make(), **kwargs), trained("auto", make(), **kwargs)
    assert eager[0].engine == "eager: compile=False"
    assert ours[0].engine.startswith(engine), ours[0].engine
    assert dict(eager[0]) == dict(ours[0])
    for theirs, mine in zip(eager[1:3], ours[1:3], strict=True):
        assert [*map(bits, theirs)] == [*map(bits, mine)]
    first, second = eager[3].state_dict(), ours[3].state_dict()
    assert first["options"] == second["options"]
    for place, entry in first["state"].items():
        assert {key: bits(x) for key, x in entry.items()} == {
            key: bits(x) for key, x in second["state"][place].items()
        }
    return ours[0]


# ---- The same bits ----------------------------------------------------------------------------------------------------

OPTIMIZERS = {
    "SGD": lambda p: ag.optim.SGD(p, lr=0.1),
    "momentum": sgd,
    "Adam": lambda p: ag.optim.Adam(p, lr=0.01),
    "AMSGrad": lambda p: ag.optim.Adam(p, lr=0.01, amsgrad=True, weight_decay=0.1),
    "AdamW": lambda p: ag.optim.AdamW(p, lr=0.01),
    "RMSprop": lambda p: ag.optim.RMSprop(p, centered=True),
    "bounds": lambda p: ag.optim.SGD(p, lr=0.1, bounds=(-0.3, 0.3)),
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
@pytest.mark.parametrize("size", [None, 1, 5], ids=lambda size: f"batch {size}")
def test_every_optimiser(optimizer, size):
    """History, parameters, gradients and the optimiser's state are the engine's to the bit."""
    check(network, optimizer=optimizer, batch_size=size)


@pytest.mark.parametrize(
    "activation",
    [
        "relu",
        "leaky_relu",
        "elu",
        "gelu",
        "silu",
        "sigmoid",
        "tanh",
        "softplus",
        "softmax",
        "log_softmax",
        "identity",
    ],
)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_every_activation(activation, dtype):
    """In either dtype."""
    x, y = X.astype(dtype), Y.astype(dtype)
    check(lambda: network(activation=activation, dtype=dtype), x=x, y=y)


LOSSES = {
    "mse": (ag.nn.mse, Y), "mae": (ag.nn.mae, Y), "half_sse": (ag.nn.half_sse, Y), "huber": (ag.nn.huber, Y),
    "hinge": (ag.nn.hinge, SIGNS), "logits": (ag.nn.binary_cross_entropy_with_logits, (SIGNS + 1) / 2),
    "classes": (ag.nn.cross_entropy, CLASSES), "distributions": (ag.nn.cross_entropy, np.eye(2)[CLASSES]),
}  # fmt: skip


@pytest.mark.parametrize(("loss", "y"), LOSSES.values(), ids=LOSSES)
def test_every_loss(loss, y):
    """With metrics of the prediction, and validation."""
    check(network, loss=loss, y=y, metrics={"mean": lambda p, y: p.mean()}, validation=0.2)


def test_losses_of_probabilities():
    """Their checks of the prediction are made at every batch."""
    sigmoid = functools.partial(network, output="sigmoid")
    check(sigmoid, loss=ag.nn.binary_cross_entropy, y=(SIGNS + 1) / 2)
    check(functools.partial(network, output="log_softmax"), loss=ag.nn.nll, y=CLASSES)
    check(functools.partial(network, output="log_softmax"), loss=ag.nn.kl_div, y=np.eye(2)[CLASSES])


def test_lists_and_whole_numbers_are_taken():
    check(network, x=np.arange(66).reshape(22, 3) % 5, y=Y.tolist())
    check(lambda: layered("tanh" and ag.tanh, ag.nn.ReLU(), ag.nn.LeakyReLU(0.2)))


# ---- What callbacks change --------------------------------------------------------------------------------------------


def at(epoch, change):
    return lambda e, history: change() if e == epoch else None


CHANGES = {
    "frozen": lambda net, opt: at(2, net.layers[0].freeze),
    "frozen and thawed": lambda net, opt: [at(1, net.layers[0].freeze), at(3, net.layers[0].unfreeze)],
    "data replaced": lambda net, opt: at(2, lambda: setattr(net.layers[0].weight, "data", np.ones((3, 4)))),
    "written into": lambda net, opt: at(2, lambda: net.layers[0].weight.data.fill(0.25)),
    "rate": lambda net, opt: at(2, lambda: setattr(opt, "lr", 0.001)),
    "momentum": lambda net, opt: at(2, lambda: setattr(opt, "momentum", 0.1)),
    "a layer added": lambda net, opt: at(2, lambda: net.layers.append(ag.nn.Linear(2, 2, rng=5))),
    "a layer exchanged": lambda net, opt: at(2, lambda: net.layers.__setitem__(1, ag.nn.Sigmoid())),
    "a slope": lambda net, opt: at(2, lambda: setattr(net.layers[1], "slope", 0.7)),
    "schedule": lambda net, opt: ag.optim.CosineAnnealingLR(opt, 4),
    "early stopping": lambda net, opt: ag.EarlyStopping("loss", patience=1),
    "evaluation": lambda net, opt: at(2, net.eval),
}  # fmt: skip


@pytest.mark.parametrize("callbacks", CHANGES.values(), ids=CHANGES)
@pytest.mark.filterwarnings("ignore:step.*no backward has reached")
def test_changes_by_callbacks(callbacks):
    """Whatever a callback changes in the model or the optimiser holds from the next batch on."""
    check(lambda: layered(ag.nn.LeakyReLU(0.1)), callbacks=callbacks, epochs=5)


def test_python_that_a_callback_puts_in():
    """A layer of one's own that comes later ends the replaying, and the history says when and why."""
    noise = np.random.default_rng(0)

    def callbacks(net, opt):
        noise.bit_generator.state = np.random.default_rng(0).bit_generator.state
        return at(2, lambda: net.layers.append(lambda x: x + noise.normal(size=2)))

    history = check(lambda: layered(ag.tanh), callbacks=callbacks)
    assert "from epoch 3 on eager: model.layers.3 is Python of your own" in history.engine


# ---- What is not replayed ---------------------------------------------------------------------------------------------


class Own(ag.nn.Module):
    def __init__(self):
        super().__init__()
        self.net = network()

    def forward(self, x):
        return self.net(x)


def with_own_forward():
    net = network()
    net.forward = lambda x: net.layers[-1](net.layers[0](x))
    return net


EAGER = {
    "noise": (lambda: layered(lambda x: x + 0.1), "model.layers.1 is Python of your own"),
    "own module": (Own, "model is Python of your own, Own"),
    "own forward": (with_own_forward, "model.forward is Python of your own"),
    "own operation": (lambda: layered(ag.Op("twice", lambda xp, x: 2.0 * x, [lambda xp, g, out, x: 2.0 * g])),
                      "model.layers.1 is Python of your own, twice"),
    "made of own": (lambda: layered(functools.partial(ag.leaky_relu, slope=0.1)), "model.layers.1 is Python of your own"),
    "dropout": (lambda: layered(ag.nn.Dropout(0.3, rng=1)), "model.layers.1 draws random numbers"),
}  # fmt: skip


@pytest.mark.parametrize(("make", "reason"), EAGER.values(), ids=EAGER)
def test_what_may_be_impure_runs_eagerly(make, reason):
    """With the reason, and no warning."""
    assert check(make, engine=f"eager: {reason}")


def test_an_annealed_loss_runs_eagerly():
    """A number that a callback changes counts."""
    weight = [1.0]

    def callbacks(net, opt):
        weight[0] = 1.0
        return lambda e, history: weight.__setitem__(0, weight[0] / 2)

    engine = "eager: the loss is a function of your own"
    check(network, engine, loss=lambda p, y: ag.nn.mse(p, y) * weight[0], callbacks=callbacks)


def test_lbfgs_and_debug_run_eagerly():
    history = trained("auto", network(), optimizer=lambda p: ag.optim.LBFGS(p, 2), batch_size=None)[0]
    assert history.engine == "eager: a step of LBFGS takes the loss in ways of its own"
    with ag.debug():
        assert trained("auto", network())[0].engine == "eager: ag.debug() looks at every node"


@pytest.mark.parametrize("what", ["loss", "a gradient", "a new weight"])
def test_another_last_bit_ends_the_replaying(monkeypatch, what):
    """A program whose numbers differ from the engine's is not chosen; where new weights do, the optimiser makes them."""
    compute = function.Version.computed

    def off(self, inputs):
        found = compute(self, inputs)
        outputs, grads = found
        if what == "loss":
            outputs[0] = np.nextafter(outputs[0], 9)
        elif what == "a gradient":
            grads[0].flat[0] = np.nextafter(grads[0].flat[0], 9)
        elif weights := self.written(inputs):
            weight = weights[0]
            weight.flat[0] = np.nextafter(weight.flat[0], 9)
        return found

    monkeypatch.setattr(function.Version, "computed", off)
    apart = "numpy: forward and backward, recorded once and replayed"
    check(
        network,
        apart
        if what == "a new weight"
        else "eager: the program's numbers differ from the engine's in the last place",
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [1, 5])
@pytest.mark.parametrize("optimizer", ["SGD", "momentum"])
def test_large_weights(size, dtype, optimizer):
    """A weight that is stepped by itself: all is as by the engine, also where it comes to lie otherwise in memory."""
    x = np.random.default_rng(0).normal(size=(22, 200)).astype(dtype)

    def turned(net, opt):
        weight = net.layers[0].weight
        return at(2, lambda: setattr(weight, "data", np.asfortranarray(weight.data)))

    check(
        lambda: ag.nn.MLP([200, 180, 2], activation="sigmoid", rng=3, dtype=dtype),
        x=x, y=CLASSES, loss=ag.nn.cross_entropy, optimizer=OPTIMIZERS[optimizer], batch_size=size, callbacks=turned,
    )  # fmt: skip


def test_a_large_gradient_that_is_not_finite():
    """Is told as by the engine, in its batch, and nothing of it stays."""
    x, told = np.random.default_rng(0).normal(size=(22, 200)), []
    x[13, 7] = np.inf
    for compiled in (False, "auto"):
        net = ag.nn.MLP([200, 180, 2], rng=3)
        with pytest.raises(ag.AnomalyError) as caught:
            trained(
                compiled,
                net,
                x=x,
                y=CLASSES,
                loss=ag.nn.cross_entropy,
                optimizer=OPTIMIZERS["SGD"],
                batch_size=1,
            )
        told.append((str(caught.value), [bits(p.data) for p in net.parameters()]))
    assert told[0] == told[1]


# ---- Promises ---------------------------------------------------------------------------------------------------------


def test_arrays_stay_the_same_objects():
    """A weight's array that the user holds is the weight's before, during and after."""
    net, seen = network(), []
    held = [p.data for p in net.parameters()]
    trained("auto", net, callbacks=lambda n, o: lambda e, h: seen.append([p.data for p in n.parameters()]))
    for arrays in [*seen, [p.data for p in net.parameters()]]:
        assert all(a is b for a, b in zip(arrays, held, strict=True))


def test_gradients_are_there_in_callbacks_and_afterwards():
    """Those of the last batch, for a callback and for plot_gradient_flow."""
    pytest.importorskip("matplotlib")
    seen = {False: [], "auto": []}
    for compiled, norms in seen.items():
        net = network()

        def note(epoch=0, history=None, net=net, norms=norms):
            norms.append([bits(p.grad) for p in net.parameters()])

        trained(compiled, net, callbacks=[note])
        note()
        ag.plot_gradient_flow(net)
    assert seen[False] == seen["auto"]


@pytest.mark.parametrize(
    ("x", "lr"),
    [(np.where(np.arange(66).reshape(22, 3) == 40, np.nan, X), 0.1), (X * 1e3, 1e150), (X, 1e308)],
    ids=["data", "loss", "parameters"],
)
def test_what_is_not_finite_is_told_as_by_the_engine(x, lr):
    """The same error, of the same batch, and the same parameters."""
    told = []
    for compiled in (False, "auto"):
        net = network(activation="identity")
        with pytest.raises(ag.AnomalyError) as caught:
            trained(compiled, net, x=x, optimizer=lambda p: ag.optim.SGD(p, lr=lr))
        told.append((str(caught.value), [bits(p.data) for p in net.parameters()], dict(caught.value.history)))
    assert told[0] == told[1]


@pytest.mark.parametrize(
    ("loss", "y", "bad"),
    [(ag.nn.hinge, SIGNS, 0.5), (ag.nn.binary_cross_entropy_with_logits, (SIGNS + 1) / 2, 1.5),
     (ag.nn.cross_entropy, CLASSES, 7), (ag.nn.cross_entropy, np.eye(2)[CLASSES], -1.0)],
    ids=["hinge", "logits", "classes", "distributions"],
)  # fmt: skip
def test_a_bad_target_in_a_late_batch(loss, y, bad):
    """Is refused as the engine refuses it."""
    y, told = y.copy(), []
    y.flat[-1] = bad
    for compiled in (False, "auto"):
        net = network()
        with pytest.raises((ValueError, IndexError)) as caught:
            trained(compiled, net, y=y, loss=loss, shuffle=False)
        told.append(
            (
                type(caught.value),
                str(caught.value),
                caught.value.__notes__,
                [bits(p.data) for p in net.parameters()],
            )
        )
    assert told[0] == told[1]


def test_a_prediction_out_of_range_in_a_late_batch():
    """binary_cross_entropy of a number above 1 is an error whenever it comes."""
    told = []
    for compiled in (False, "auto"):
        net = ag.nn.Linear(1, 1, rng=0)
        net.weight.data, net.bias.data = np.array([[0.5]]), np.array([0.5])
        x = np.concatenate([np.zeros((20, 1)), [[2.0]]])
        with pytest.raises(ValueError, match="must lie in") as caught:
            trained(compiled, net, x=x, y=x * 0 + 0.5, loss=ag.nn.binary_cross_entropy, shuffle=False)
        told.append(str(caught.value))
    assert told[0] == told[1]


def test_no_graph_and_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert trained("auto", network(), epochs=40)[0].engine.startswith("numpy")


# ---- compile=True -----------------------------------------------------------------------------------------------------


def test_functions_of_ones_own_are_replayed_when_asked():
    """To 1e-12 of the engine."""
    make, loss = Own, lambda p, y: ((p - y) * (p - y)).mean()
    eager, ours = trained(False, make(), loss=loss), trained(True, make(), loss=loss)
    assert ours[0].engine.startswith(
        ("numpy: forward, backward and update", "native: forward, backward and update")
    )
    np.testing.assert_allclose(eager[0]["loss"], ours[0]["loss"], rtol=1e-12)
    for a, b in zip(eager[1], ours[1], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


def test_a_number_that_the_loss_reads_is_seen_when_it_changes():
    scale = 1.0

    def callbacks(net, opt):
        def halve(e, history):
            nonlocal scale
            scale = 0.5 if e == 2 else scale

        return halve

    def scaled(p, y):
        return ag.nn.mse(p, y) * scale

    found = []
    for compiled in (False, True):
        scale = 1.0
        found.append(trained(compiled, network(), loss=scaled, callbacks=callbacks)[0])
    np.testing.assert_allclose(found[0]["loss"], found[1]["loss"], rtol=1e-12)


def test_what_cannot_be_replayed_is_an_error_when_asked():
    with pytest.raises(ag.CompileError, match=r"\.item\(\)"):
        trained(True, network(), loss=lambda p, y: ag.nn.mse(p, y) * p.sum().item())
    with pytest.raises(ag.CompileError, match="Dropout"):
        trained(True, layered(ag.nn.Dropout(0.5, rng=0)))


def test_too_many_branches_go_back_to_the_engine():
    """After eight of them, without a warning."""

    def loss(p, y):
        total = p.sum()
        for i in range(-40, 40):
            if total < i * 0.05:
                return ag.nn.mse(p, y) * (1.0 + 0.0 * i)
        return ag.nn.mse(p, y)

    eager, ours = (trained(c, network(), loss=loss, epochs=9)[0] for c in (False, True))
    assert "eager: it took too many different ways" in ours.engine
    np.testing.assert_allclose(eager["loss"], ours["loss"], rtol=1e-12)


def test_compile_is_checked():
    with pytest.raises(ValueError, match="compile must be 'auto', True or False, got 'always'"):
        trained("always", network())


# ---- compile_step -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_compile_step_takes_the_same_steps(optimizer):
    """As a loop by hand, with batches of several sizes, settings that change, and layers frozen meanwhile."""
    nets = network(), network()
    opts = [optimizer(net.parameters()) for net in nets]
    step = ag.compile_step(nets[1], ag.nn.mse, opts[1])
    for i in range(24):
        x, y = X[: 3 + i % 3], Y[: 3 + i % 3]
        if i == 8:
            for net, opt in zip(nets, opts, strict=True):
                opt.lr = 0.003
                net.layers[0].weight.data = np.full((3, 5), 0.2)
        if i in (12, 18):
            for net in nets:
                (net.layers[0].freeze if i == 12 else net.layers[0].unfreeze)()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = opts[0].step(lambda x=x, y=y: ag.nn.mse(nets[0](x), y)).item()
            assert math.isclose(step(x, y), expected, rel_tol=1e-12)
    for a, b in zip(*(net.state_dict().values() for net in nets), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11)
    for a, b in zip(*(net.parameters() for net in nets), strict=True):
        np.testing.assert_allclose(a.grad, b.grad, rtol=1e-9, atol=1e-13)


def test_compile_step_sees_the_training_mode():
    net = layered(ag.nn.Dropout(0.5, rng=0)).eval()
    step = ag.compile_step(net, ag.nn.mse, sgd(net.parameters()))
    assert step(X, Y) > 0
    net.train()
    with pytest.raises(ag.CompileError, match="Dropout"):
        step(X, Y)
    net.eval()
    assert step(X, Y) > 0


def test_compile_step_of_values_and_of_a_loss_without_y():
    w = ag.Value(3.0)
    step = ag.compile_step(lambda x: (w - x) ** 2, lambda p: p, ag.optim.SGD([w], lr=0.25))
    assert [step(1.0) for _ in range(3)] == [4.0, 1.0, 0.25]


def test_compile_step_leaves_all_as_it_was_where_a_gradient_is_not_finite():
    net = network()
    step = ag.compile_step(net, ag.nn.mse, sgd(net.parameters()))
    step(X, Y)
    before = [bits(p.data) for p in net.parameters()]
    with pytest.raises(ag.AnomalyError, match="is not finite; nothing was changed"):
        step(X * np.nan, Y)
    assert before == [bits(p.data) for p in net.parameters()]


def test_compile_step_refuses():
    net = network()
    with pytest.raises(TypeError, match="LBFGS takes the loss in ways of its own"):
        ag.compile_step(net, ag.nn.mse, ag.optim.LBFGS(net.parameters()))
    with pytest.raises(TypeError, match="loss must be a function"):
        ag.compile_step(net, "mse", sgd(net.parameters()))


# ---- A whole step as one program --------------------------------------------------------------------------------------


@pytest.fixture(params=["native", "numpy"])
def engine(request, monkeypatch):
    """What runs the steps: without llvmlite it is NumPy's lines."""
    if request.param == "native":
        pytest.importorskip("llvmlite")
    monkeypatch.setattr(function, "is_installed", lambda: request.param == "native")
    return request.param


def stepped(optimizer, dtype="float64"):
    """A net, its optimiser and its step, of which three have been taken."""
    net = network(dtype=dtype)
    opt = optimizer(net.parameters())
    step = ag.compile_step(net, ag.nn.mse, opt)
    for i in range(3):
        step(X[i : i + 4].astype(dtype), Y[i : i + 4].astype(dtype))
    return net, opt, step


def versions(step):
    [program] = [cell.cell_contents for cell in step.__closure__ if type(cell.cell_contents) is Step]
    return [version for some in program.versions.values() for version in some]


def everything(net, opt):
    state = opt.state_dict()["state"]
    kept = [(place, name, bits(x)) for place, entry in state.items() for name, x in entry.items()]
    return [bits(p.data) for p in net.parameters()], kept


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_the_update_is_a_part_of_the_program(engine, optimizer):
    """Forward, backward and update are one call, of one version."""
    net, opt, step = stepped(optimizer)
    [version] = versions(step)
    assert (version.engine, version.is_whole) == (engine, True)
    opt.step = None  # nobody calls it
    assert step(X[:4], Y[:4]) > 0


@pytest.mark.parametrize(
    "optimizer", [sgd, OPTIMIZERS["AMSGrad"], OPTIMIZERS["bounds"]], ids=["momentum", "AMSGrad", "bounds"]
)
def test_a_compiled_step_that_is_interrupted_anywhere_is_whole_or_not_begun(engine, optimizer):
    """Ctrl-C at every line: data, state and counts."""
    net, opt, step = stepped(optimizer)
    state, data = opt.state_dict(), [p.data.copy() for p in net.parameters()]

    def restore():
        opt.load_state_dict(state)
        for p, x in zip(net.parameters(), data, strict=True):
            p.data[...] = x

    restore()
    old = everything(net, opt)
    *outcomes, new = interrupted(lambda: step(X[:4], Y[:4]), lambda: everything(net, opt), restore)
    assert len(outcomes) > 15
    assert new != old
    assert old in outcomes
    assert all(outcome in (old, new) for outcome in outcomes)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_compiled_step_keeps_arrays_and_gives_gradients(engine, dtype):
    """`.data` are the same arrays all the time; `.grad` is that of the batch, and a new array at each step."""
    net, opt, step = stepped(OPTIMIZERS["Adam"], dtype)
    held, seen = [p.data for p in net.parameters()], []
    for i in range(4):
        twin = network(dtype=dtype)
        twin.load_state_dict(net.state_dict())
        x, y = X[i : i + 4].astype(dtype), Y[i : i + 4].astype(dtype)
        ag.nn.mse(twin(x), y).backward()
        step(x, y)
        for p, q, array in zip(net.parameters(), twin.parameters(), held, strict=True):
            assert p.data is array
            assert p.grad.dtype == array.dtype
            eps = np.finfo(dtype).eps
            np.testing.assert_allclose(p.grad, q.grad, rtol=1e4 * eps, atol=50 * eps)
            assert not any(np.shares_memory(p.grad, other) for other in seen)
            seen.append(p.grad)


def test_a_step_of_large_gradients_is_taken(engine):
    """Their squares overflow, they do not."""
    w = ag.Tensor([1.0, 2.0])
    step = ag.compile_step(lambda x: (w * x).sum(), lambda p: p, ag.optim.SGD([w], lr=1e-200))
    for k in range(4):
        assert math.isclose(step([1.0, 1e200]), (2.0 - k) * 1e200 + 1.0)
        np.testing.assert_allclose(w.data, [1.0, 1.0 - k])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nothing_is_written_where_a_gradient_is_not_finite(engine, bad):
    """The engine's own error comes, and no further version."""
    net, opt, step = stepped(OPTIMIZERS["Adam"])
    before = everything(net, opt)
    x = X[:4].copy()
    x[2, 1] = bad
    with pytest.raises(
        ag.AnomalyError, match=r"step\(\): the gradient of .* is not finite; nothing was changed"
    ):
        step(x, Y[:4])
    assert everything(net, opt) == before
    assert step(X[:4], Y[:4]) > 0
    assert len(versions(step)) == 1


SETTINGS = {
    "momentum": (sgd, lambda opt: setattr(opt, "momentum", 0.5)),
    "weight decay": (OPTIMIZERS["AMSGrad"], lambda opt: setattr(opt, "weight_decay", 0.5)),
    "betas": (OPTIMIZERS["Adam"], lambda opt: setattr(opt, "betas", [0.5, 0.6])),
    "eps": (OPTIMIZERS["RMSprop"], lambda opt: setattr(opt, "eps", 0.1)),
    "bounds": (OPTIMIZERS["bounds"], lambda opt: setattr(opt, "bounds", (-0.1, 0.1))),
    "rate": (OPTIMIZERS["Adam"], lambda opt: setattr(opt, "lr", 0.0)),
    "state": (OPTIMIZERS["Adam"], lambda opt: opt.load_state_dict(stepped(OPTIMIZERS["Adam"])[1].state_dict())),
    "dampening": (lambda p: ag.optim.SGD(p, 0.1, 0.9), lambda opt: setattr(opt, "dampening", 0.4)),
}  # fmt: skip


@pytest.mark.parametrize(("optimizer", "change"), SETTINGS.values(), ids=SETTINGS)
def test_every_setting_of_the_optimiser_is_live(engine, optimizer, change):
    """What is changed between two steps holds in the next."""
    net, opt, step = stepped(optimizer)
    twin, eager = network(), None
    eager = optimizer(twin.parameters())
    twin.load_state_dict(net.state_dict())
    eager.load_state_dict(opt.state_dict())
    for i in range(6):
        if i == 2:
            change(opt), change(eager)
        x, y = X[i : i + 4], Y[i : i + 4]
        expected = eager.step(lambda x=x, y=y: ag.nn.mse(twin(x), y)).item()
        assert math.isclose(step(x, y), expected, rel_tol=1e-11)
    for a, b in zip(net.parameters(), twin.parameters(), strict=True):
        np.testing.assert_allclose(a.data, b.data, rtol=1e-10, atol=1e-13)


def test_an_optimiser_of_ones_own_takes_its_own_step(engine):
    """Its rule may be any Python: forward and backward alone are replayed."""

    class Signs(ag.optim.SGD):
        def update(self, grad, data, state, change, spare, count):
            return self.lr / count, np.sign(grad, out=change)

    net, opt, step = stepped(lambda params: Signs(params, lr=0.1))
    assert [version.is_whole for version in versions(step)] == [False]
    before = [p.data.copy() for p in net.parameters()]
    step(X[:4], Y[:4])
    for p, x in zip(net.parameters(), before, strict=True):
        np.testing.assert_allclose(np.abs(p.data - x), 0.1 / 4, rtol=1e-12)


def test_a_metric_that_looks_at_the_parameters_sees_those_before_the_step():
    nets = {compile: network() for compile in (False, "auto")}
    found = []
    for compile, net in nets.items():
        metrics = {"norm": lambda p, y, net=net: float(np.abs(net.layers[0].weight.data).sum())}
        found.append(dict(trained(compile, net, metrics=metrics)[0]))
    assert found[0] == found[1]


def test_the_step_sees_that_gradients_were_not_zeroed(engine):
    """As after a step of its own, the optimiser warns of gradients that it has taken already."""
    _, opt, _ = stepped(sgd)
    with pytest.warns(UserWarning, match="are those of the last step"):
        opt.step()
