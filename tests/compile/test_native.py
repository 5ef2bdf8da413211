"""Native code gives what the engine gives, on numbers other than those recorded: Values to the bit, Tensors to 1e-12."""

import gc
import math
import threading
import tracemalloc

import numpy as np
import pytest

import autograd_mini as ag
from autograd_mini.compile import function, kernels

pytest.importorskip("llvmlite")
rng = np.random.default_rng(2)
X = rng.normal(size=(30, 5))


def rosenbrock(x):
    return (100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2).sum()


VALUE_AND_GRAD = ag.value_and_grad(rosenbrock)


def same(found, expected, rtol=1e-12):
    assert type(found) is type(expected)
    if isinstance(expected, tuple | list):
        for a, b in zip(found, expected, strict=True):
            same(a, b, rtol)
    elif rtol:
        np.testing.assert_allclose(found, expected, rtol=rtol, atol=1e-300)
    else:
        assert np.array(found).tobytes() == np.array(expected).tobytes()


# ---- Every function of numbers ----------------------------------------------------------------------------------------

UNARY = """
    exp expm1 log log1p log2 log10 sqrt square sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh arccosh arctanh
    abs sign floor ceil round relu sigmoid softplus gelu silu erf sech2 log_sigmoid sinc elu leaky_relu reciprocal cbrt
""".split()  # noqa: SIM905
BINARY = "maximum minimum hypot arctan2 logaddexp remainder copysign power divide xlogy".split()  # noqa: SIM905
AWKWARD = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    -2.5,
    1e-300,
    1e300,
    -1e300,
    math.inf,
    -math.inf,
    math.nan,
    3.0,
    20.0,
    -40.0,
]


def outcome(f, *args):
    return [np.array(x, float).tobytes() if x == x else "NaN" for x in f(*args)]


@pytest.mark.parametrize("name", UNARY)
def test_functions_of_values_to_the_bit(name):
    """With first and second derivatives, at zeros of either sign, ties, large numbers, ∞ and NaN."""
    row = getattr(ag, name)

    def f(x):
        y = row(x)
        if not y.requires_grad:
            return [y]
        (slope,) = ag.gradients(y, [x], create_graph=True, allow_unused=True)
        again = ag.gradients(slope, [x], create_graph=True, allow_unused=True) if slope.requires_grad else []
        return [y, slope, *again]

    compiled = ag.compile(f, engine="native")
    for x in AWKWARD:
        nodes = [part.data for part in f(ag.Value(x))]
        assert outcome(compiled, x) == outcome(lambda nodes=nodes: nodes), x
    assert compiled.latest.native is not None


@pytest.mark.parametrize("name", BINARY)
def test_functions_of_two_values_to_the_bit(name):
    row = getattr(ag, name)

    def f(x, y):
        out = row(x, y)
        return (
            [out, *ag.gradients(out, [x, y], create_graph=True, allow_unused=True)]
            if out.requires_grad
            else [out]
        )

    compiled = ag.compile(f, engine="native")
    for x in AWKWARD:
        for y in AWKWARD:
            nodes = [part.data for part in f(ag.Value(x), ag.Value(y))]
            assert outcome(compiled, x, y) == outcome(lambda nodes=nodes: nodes), (x, y)


# ---- Programs ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [2, 3, 20])
def test_value_and_gradient_of_arrays(size):
    """On fresh numbers; results are nobody else's memory."""
    compiled = ag.compile(VALUE_AND_GRAD, engine="native")
    kept = [(compiled(x), x) for x in rng.normal(size=(8, size))]
    for found, x in kept:
        same(found, VALUE_AND_GRAD(x))
    assert not np.shares_memory(kept[0][0][1], kept[1][0][1])
    every_other = np.repeat(kept[0][1], 2)[::2]
    same(compiled(every_other), kept[0][0], rtol=0)


def test_a_training_step_changes_its_parameters():
    """With its update in it, forty steps as the engine takes them."""
    nets = [ag.nn.MLP([5, 4, 1], activation="tanh", rng=0) for _ in range(2)]

    def stepper(net):
        def step(x, y):
            loss = ag.nn.mse(net(x), y)
            params = net.parameters()
            grads = ag.gradients(loss, params)
            with ag.no_grad():
                for parameter, grad in zip(params, grads, strict=True):
                    parameter -= 0.1 * grad  # noqa: PLW2901
            return loss

        return step

    ours, eager = ag.compile(stepper(nets[0]), engine="native"), stepper(nets[1])
    y = np.sin(X[:, :1])
    for i in range(40):
        x = X[i % 3 : i % 3 + 6]
        same(float(ours(x, y[:6])), eager(x, y[:6]).item(), rtol=1e-10)
    for a, b in zip(*(net.parameters() for net in nets), strict=True):
        np.testing.assert_allclose(a.data, b.data, rtol=1e-10)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("labels", ["int64", "int32", "uint8"])
def test_float32_and_class_indices(dtype, labels):
    """Whatever the labels are, and however they change; results have the dtype, and its last place, of the engine's."""
    net = ag.nn.MLP([5, 4, 3], activation="sigmoid", rng=0, dtype=dtype)

    def f(x, y):
        loss = ag.nn.cross_entropy(net(x), y)
        return loss, net(x), ag.gradients(loss, net.parameters())

    compiled, x = ag.compile(f, engine="native"), X[:7].astype(dtype)
    for i in range(4):
        y = rng.integers(0, 3, 7).astype(labels)
        (loss, out, grads), (value, right, slopes) = compiled(x * i, y), f(x * i, y)
        for ours, theirs in zip([loss, out, *grads], [value, right, *slopes], strict=True):
            assert (np.shape(ours), ours.dtype) == (theirs.shape, theirs.dtype)
            eps = np.finfo(dtype).eps
            np.testing.assert_allclose(ours, theirs.data, rtol=20 * eps, atol=eps)
    with pytest.raises(IndexError, match="target 3 out of range for 3 classes"):
        compiled(x, np.full(7, 3, labels))


EXACT = {
    "products": lambda x, y: x * y / (y - 2.0) - 1.0,
    "roots": lambda x, y: ag.sqrt(ag.abs(x)) + ag.square(y),
    "largest": lambda x, y: ag.maximum(x, y) * ag.minimum(x, 0.3),
    "chosen": lambda x, y: ag.where(x > 0, x, y * 3.0),
    "clipped": lambda x, y: ag.clip(x, -0.5, 0.25),
    "with float64": lambda x, y: x * np.array([0.1, 0.2, 0.3, 0.4, 0.5]) + y,
}


@pytest.mark.parametrize("f", EXACT.values(), ids=EXACT)
def test_arithmetic_of_float32_to_the_bit(f):
    compiled = ag.compile(f, engine="native")
    for scale in (1.0, 1e-30, 1e30, 0.0, math.inf):
        x, y = (X[0] * scale).astype(np.float32), X[1].astype(np.float32)
        found, expected = compiled(x, y), np.asarray(f(ag.Tensor(x), ag.Tensor(y)).data)
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)


def test_arrays_that_lie_otherwise_in_memory():
    """Transposed, strided, big-endian and read-only data, and a weight that is one of these: results are the same."""
    w = ag.Tensor(np.ones((3, 4)))

    def f(x):
        with ag.no_grad():
            w.__isub__(0.5 * x)
        return (x * w).sum(axis=0)

    compiled, x, held = ag.compile(f, engine="native"), X[:3, :4].copy(), []
    frozen = x.copy()
    frozen.flags.writeable = False
    for data in (
        np.ones((3, 4)),
        np.ones((4, 3)).T,
        np.ones((3, 8))[:, ::2],
        np.ones((3, 4)).view(np.memmap),
    ):
        for given in (x, np.asfortranarray(x), x.astype(">f8"), np.repeat(x, 2, axis=1)[:, ::2], frozen):
            w._content, held = data, np.array(data)
            same(compiled(given), ((held - 0.5 * x) * x).sum(axis=0))
            assert w.data is data
            same(np.array(data), held - 0.5 * x)


def test_branches_are_guards():
    """A call that goes another way is recorded anew, and writes nothing before."""

    def f(x):
        return x * 3.0 if x > 1.0 else -x

    compiled = ag.compile(f, engine="native")
    for _ in range(3):
        assert [compiled(x) for x in (2.0, 0.5, 1.0, 4.0, math.nan)][:4] == [6.0, -0.5, -1.0, 12.0]


def test_parameters_are_read_at_each_call():
    w, a = ag.Value(2.0), ag.Tensor([1.0, 2.0])
    compiled = ag.compile(lambda x: (a * x).sum() * w, engine="native")
    assert compiled(2.0) == 12.0
    w.data, a.data = 3.0, [1.0, 1.0]
    assert compiled(2.0) == 12.0
    a.data[0] = 5.0
    assert compiled(1.0) == 18.0


def test_eight_threads():
    compiled = ag.compile(VALUE_AND_GRAD, engine="native")
    expected, wrong = [VALUE_AND_GRAD(x) for x in X], []

    def work():
        for _ in range(60):
            for x, (value, slope) in zip(X, expected, strict=True):
                found = compiled(x)
                if not np.isclose(found[0], value, 1e-12) or not np.allclose(found[1], slope, 1e-12):
                    wrong.append(x)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_memory_stays_flat():
    compiled, x = ag.compile(VALUE_AND_GRAD, engine="native"), X[0]
    for _ in range(100):
        compiled(x)
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(20_000):
        compiled(x)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 5000


# ---- Many points, and bound arrays ------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["native", "numpy"])
def test_many_points(engine):
    """An array of points, one more axis first; what is closed over is the same for all."""
    w = ag.Tensor([1.0, -1.0, 0.5, 2.0, 0.1])
    f = ag.value_and_grad(lambda x, t: (w * x * x).sum() * ag.sin(t), argnums=(0, 1))
    compiled = ag.compile(f, engine=engine, batch=True)
    t = X[:, 0]
    for _ in range(2):
        value, (dx, dt) = compiled(X, t)
        expected = [f(x, s) for x, s in zip(X, t.tolist(), strict=True)]
        np.testing.assert_allclose(value, [one[0] for one in expected], rtol=1e-12)
        np.testing.assert_allclose(dx, [one[1][0] for one in expected], rtol=1e-12)
        np.testing.assert_allclose(dt, [one[1][1] for one in expected], rtol=1e-12)
        w.data = w.data * 2.0


@pytest.mark.parametrize("engine", ["native", "numpy"])
def test_what_is_the_same_for_all_points_is_stacked_too(engine):
    """A constant of the function's own, and a plain number."""
    compiled = ag.compile(lambda x: (x * 2.0, [ag.Value(3.0), 4.0]), engine=engine, batch=True)
    double, others = compiled([1.0, 2.0])
    np.testing.assert_array_equal([double, *others], [[2.0, 4.0], [3.0, 3.0], [4.0, 4.0]])


def test_many_points_refuses():
    compiled = ag.compile(lambda x: x if x > 0 else -x, batch=True)
    with pytest.raises(ag.CompileError, match="branches on its numbers"):
        compiled([1.0, 2.0])
    with pytest.raises(ag.ShapeError, match="as many points"):
        ag.compile(lambda x, y: x * y, batch=True)([1.0, 2.0], [1.0])


@pytest.mark.parametrize("engine", ["native", "numpy"])
def test_bound_arrays(engine):
    """A bound call reads and writes the arrays where they are."""
    x, value, slope = X[0].copy(), np.empty(()), np.empty(5)
    call = ag.compile(VALUE_AND_GRAD, engine=engine).bind([x], [value, slope])
    for row in X:
        x[:] = row
        call()
        same((value.item(), slope), (float(VALUE_AND_GRAD(row)[0]), VALUE_AND_GRAD(row)[1]))


def test_bound_calls_take_other_branches_and_see_parameters():
    x, out = np.array([1.0, 2.0]), np.empty(2)
    call = ag.compile(lambda x: x * 2.0 if x.sum() > 0 else x, engine="native").bind([x], [out])
    for sign in (1.0, -1.0, 1.0):
        x[:] = [sign, 2.0 * sign]
        call()
        assert out.tolist() == [2.0, 4.0] if sign > 0 else [-1.0, -2.0]
    w = ag.Tensor([1.0, 1.0])
    call = ag.compile(lambda x: x * w, engine="native").bind([x], [out])
    w.data = [3.0, 4.0]
    call()
    assert out.tolist() == [3.0, 8.0]


def test_bind_refuses():
    compiled = ag.compile(lambda x: x * 2.0)
    with pytest.raises(TypeError, match="float64, contiguous"):
        compiled.bind([np.ones(2, np.float32)], [np.empty(2)])
    with pytest.raises(ag.ShapeError, match="outputs of the shapes"):
        compiled.bind([np.ones(2)], [np.empty(3)])


# ---- Which engine -----------------------------------------------------------------------------------------------------


def test_auto_takes_native_code_for_small_programs_alone():
    small, large = ag.compile(VALUE_AND_GRAD), ag.compile(VALUE_AND_GRAD)
    small(np.ones(5)), large(np.ones(5000))
    assert small.latest.native is not None
    assert large.latest.native is None


def test_without_llvmlite_numpy_runs_and_nothing_is_said(monkeypatch):
    monkeypatch.setattr(function, "is_installed", lambda: False)
    compiled = ag.compile(VALUE_AND_GRAD)
    same(compiled(X[0]), VALUE_AND_GRAD(X[0]))
    assert compiled.latest.native is None
    with pytest.raises(ImportError, match="llvmlite"):
        ag.compile(VALUE_AND_GRAD, engine="native")(X[0])


def test_native_refuses_what_is_too_large_or_no_arithmetic():
    with pytest.raises(ag.CompileError, match="engine='native' cannot run this"):
        ag.compile(VALUE_AND_GRAD, engine="native")(np.ones(50_000))
    with pytest.raises(ag.CompileError, match="sort of single numbers is not known"):
        ag.compile(lambda x: ag.sort(x), engine="native")(np.ones(3))
    with pytest.raises(ValueError, match="engine must be one of"):
        ag.compile(VALUE_AND_GRAD, engine="fortran")


def test_a_planted_fault_is_found(monkeypatch):
    """The comparison above can fail."""
    monkeypatch.setitem(kernels.KERNELS, "subtract", kernels.KERNELS["add"])
    compiled = ag.compile(lambda x: x - 1.0, engine="native")
    assert compiled(3.0) == 4.0
