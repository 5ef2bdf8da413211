"""NumPy code on nodes: `np.*` functions and operators, the forward passes of two seed documents as they stand, and what is refused.

The seeds' forward code (../shared/seeds 002 and 004, written again here as the few formulas that they are) gets its weights as Tensors and
nothing else; PyTorch gives the gradients to compare with.
"""

import math
import warnings

import numpy as np
import pytest

import autograd_mini as ag
from autograd_mini import Tensor, Value
from tests.helpers.peers import torch

pytestmark = pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")  # np.matrix

RNG = np.random.default_rng(7)


def raw(x):
    return x.data if isinstance(x, Value | Tensor) else x


def numeric(f, *arrays, h=1e-6):
    """Central differences of the sum of f's result, one array an input."""
    grads = []
    for i, array in enumerate(arrays):
        grad = np.zeros_like(array)
        for where in np.ndindex(array.shape):
            sides = []
            for sign in (1, -1):
                moved = [a.copy() for a in arrays]
                moved[i][where] += sign * h
                sides.append(np.sum(f(*moved)))
            grad[where] = (sides[0] - sides[1]) / (2 * h)
        grads.append(grad)
    return grads


# ---- Functions --------------------------------------------------------------------------------------------------------

UNARY = {
    "exp": 0.5, "expm1": 0.5, "log": 1.5, "log1p": 0.5, "log2": 1.5, "log10": 1.5, "sqrt": 1.5, "square": -1.5, "sin": 0.5, "cos": 0.5,
    "tan": 0.5, "arcsin": 0.5, "arccos": 0.5, "arctan": 0.5, "sinh": 0.5, "cosh": 0.5, "tanh": 0.5, "arcsinh": 0.5, "arccosh": 1.5,
    "arctanh": 0.5, "abs": -1.5, "absolute": -1.5, "negative": 0.5, "sign": -0.5, "floor": 1.3, "ceil": 1.3, "round": 1.3, "around": 1.3,
    "reciprocal": 1.5, "sinc": 0.3, "positive": 1.5,
}  # fmt: skip
BINARY = (
    "add",
    "subtract",
    "multiply",
    "divide",
    "true_divide",
    "power",
    "maximum",
    "minimum",
    "hypot",
    "arctan2",
    "logaddexp",
    "remainder",
    "mod",
)


@pytest.mark.parametrize("name", UNARY)
def test_elementwise_functions_of_numpy(name):
    """np.f(node) is a node of the same class: NumPy's number, and the derivative that differences give."""
    f, x = getattr(np, name), UNARY[name]
    v, t = Value(x), Tensor([x, x + 0.1])
    assert type(f(v)) is Value
    assert f(v).data == pytest.approx(float(f(x)), rel=1e-14)
    assert type(f(t)) is Tensor
    np.testing.assert_allclose(f(t).data, f(t.data), rtol=1e-14)
    (slope,) = numeric(f, np.array([x, x + 0.1]))
    np.testing.assert_allclose(ag.gradients(f(t).sum(), t), slope, rtol=1e-7, atol=1e-9)
    assert ag.gradients(f(v), v) == pytest.approx(slope[0], rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("name", BINARY)
def test_binary_functions_of_numpy(name):
    """np.f(x, y) with a node, a number, a list or an array on either side."""
    f, x, y = getattr(np, name), np.array([1.7, 0.6]), np.array([0.9, 1.3])
    dx, dy = numeric(f, x, y)
    for a, b in (
        (Tensor(x), Tensor(y)),
        (Tensor(x), y),
        (x, Tensor(y)),
        (Tensor(x), y.tolist()),
        (x.tolist(), Tensor(y)),
    ):
        out = f(a, b)
        assert type(out) is Tensor
        np.testing.assert_allclose(out.data, f(x, y), rtol=1e-14)
        out.sum().backward()
        for node, slope in ((a, dx), (b, dy)):
            if isinstance(node, Tensor):
                np.testing.assert_allclose(node.grad, slope, rtol=1e-7, atol=1e-9)
    for a, b in (
        (Value(1.7), Value(0.9)),
        (Value(1.7), 0.9),
        (1.7, Value(0.9)),
        (np.float64(1.7), Value(0.9)),
        (Value(1.7), np.float64(0.9)),
    ):
        out = f(a, b)
        assert type(out) is Value
        assert out.data == pytest.approx(float(f(1.7, 0.9)), rel=1e-14)


M = RNG.normal(size=(3, 4)) + 2.0
S = RNG.normal(size=(3, 3)) + 3.0 * np.eye(3)
ARRAY = {
    "sum": lambda m: np.sum(m), "sum axis": lambda m: np.sum(m, axis=1), "sum positional": lambda m: np.sum(m, 0),
    "sum keepdims": lambda m: np.sum(m, axis=-1, keepdims=True), "sum axes": lambda m: np.sum(m, axis=(0, 1)),
    "mean": lambda m: np.mean(m, axis=0), "var": lambda m: np.var(m, axis=0, ddof=1), "std": lambda m: np.std(m),
    "std axis": lambda m: np.std(m, axis=1, keepdims=True), "prod": lambda m: np.prod(m, axis=1), "max": lambda m: np.max(m, axis=1),
    "min": lambda m: np.min(m), "amax": lambda m: np.amax(m, 0), "amin": lambda m: np.amin(m, axis=0, keepdims=True),
    "cumsum": lambda m: np.cumsum(m), "cumsum axis": lambda m: np.cumsum(m, axis=1), "cumprod": lambda m: np.cumprod(m, axis=0),
    "reshape": lambda m: np.reshape(m, (2, 6))[0], "reshape -1": lambda m: np.reshape(m, -1) ** 2, "ravel": lambda m: np.ravel(m) ** 2,
    "transpose": lambda m: np.transpose(m) @ m, "transpose axes": lambda m: np.transpose(m, (1, 0)) * np.ones((4, 3)),
    "transpose keyword": lambda m: np.transpose(m, axes=(1, 0)) ** 2, "swapaxes": lambda m: np.swapaxes(m, 0, 1) ** 2,
    "moveaxis": lambda m: np.moveaxis(m, 0, -1) ** 2, "expand_dims": lambda m: np.expand_dims(m, 0) ** 2,
    "expand_dims axes": lambda m: np.expand_dims(m, (0, 3)) ** 2, "squeeze": lambda m: np.squeeze(m[:1]) ** 2,
    "concatenate": lambda m: np.concatenate([m, m * 2.0], axis=1),
    "concatenate tuple": lambda m: np.concatenate((m, np.ones((1, 4)))) ** 2, "stack": lambda m: np.stack([m, m**2], axis=-1),
    "split": lambda m: np.split(m, 2, axis=1)[1] ** 2, "split at": lambda m: np.split(m, [1], axis=0)[1] ** 2,
    "pad": lambda m: np.pad(m, ((1, 0), (0, 2)), constant_values=3.0) ** 2, "tile": lambda m: np.tile(m, (2, 1)) ** 2,
    "repeat": lambda m: np.repeat(m, 2, axis=0) ** 2, "repeat flat": lambda m: np.repeat(m, 3) ** 2,
    "repeat uneven": lambda m: np.repeat(m, [1, 0, 2], axis=0) ** 2, "flip": lambda m: np.flip(m, 0) * m,
    "roll": lambda m: np.roll(m, 1, axis=1) * m, "roll flat": lambda m: np.roll(m, 5) * m,
    "where": lambda m: np.where(m > 2.0, m**2, 0.0), "clip": lambda m: np.clip(m, 1.5, 2.5),
    "clip keywords": lambda m: np.clip(m, a_min=1.5, a_max=2.5), "clip one side": lambda m: np.clip(m, None, 2.0),
    "diagonal": lambda m: np.diagonal(m) ** 2, "diagonal offset": lambda m: np.diagonal(m, 1) ** 2,
    "diag": lambda m: np.diag(m[0]) @ m.T, "diag of matrix": lambda m: np.diag(m, -1) ** 2, "trace": lambda m: np.trace(m) ** 2,
    "tril": lambda m: np.tril(m) ** 2, "triu": lambda m: np.triu(m, 1) ** 2, "sort": lambda m: np.sort(m, axis=1) * np.arange(4.0),
    "take_along_axis": lambda m: np.take_along_axis(m, np.array([[0], [2], [1]]), axis=1) ** 2, "outer": lambda m: np.outer(m[0], m[1]),
    "dot": lambda m: np.dot(m, m.T), "dot vector": lambda m: np.dot(m, np.arange(4.0)), "dot number": lambda m: np.dot(m, 3.0),
    "matmul": lambda m: np.matmul(m, m.T), "tensordot": lambda m: np.tensordot(m, m, axes=([0], [0])),
    "einsum": lambda m: np.einsum("ij,kj->ik", m, m), "einsum implicit": lambda m: np.einsum("ij,jk", m, np.ones((4, 2))),
    "einsum trace": lambda m: np.einsum("ii", m[:, :3]), "linalg.norm": lambda m: np.linalg.norm(m),
    "linalg.norm axis": lambda m: np.linalg.norm(m, axis=1), "linalg.norm 1": lambda m: np.linalg.norm(m, 1, axis=0),
    "linalg.norm inf": lambda m: np.linalg.norm(m[0], np.inf), "broadcast_to": lambda m: np.broadcast_to(m[0], (5, 4)) ** 2,
    "concat": lambda m: np.concat([m, m]) ** 2, "permute_dims": lambda m: np.permute_dims(m, (1, 0)) ** 2,
    "matrix_transpose": lambda m: np.matrix_transpose(m) ** 2, "pow": lambda m: np.pow(m, 3),
    "pad keyword": lambda m: np.pad(m, pad_width=1) ** 2, "broadcast_to keyword": lambda m: np.broadcast_to(m[0], shape=(2, 4)) ** 2,
    "reshape keyword": lambda m: np.reshape(m, shape=(4, 3)) ** 2, "split keyword": lambda m: np.split(m, indices_or_sections=3)[1] ** 2,
    "clip min max": lambda m: np.clip(m, min=1.5, max=2.5),
}  # fmt: skip


@pytest.mark.parametrize("name", ARRAY)
def test_array_functions_of_numpy(name):
    """The function of NumPy on a Tensor: the same numbers and shape, and the gradient that differences give."""
    f = ARRAY[name]
    t = Tensor(M)
    out, right = f(t), f(M)
    assert type(out) is Tensor
    assert out.shape == np.shape(right)
    np.testing.assert_allclose(out.data, right, rtol=1e-13)
    (slope,) = numeric(f, M)
    np.testing.assert_allclose(ag.gradients(out.sum(), t), slope, rtol=1e-6, atol=1e-7)


SQUARE = {
    "inv": lambda s: np.linalg.inv(s), "det": lambda s: np.linalg.det(s), "slogdet": lambda s: np.linalg.slogdet(s)[1],
    "slogdet name": lambda s: np.linalg.slogdet(s).logabsdet, "solve": lambda s: np.linalg.solve(s, np.arange(3.0)),
    "solve matrix": lambda s: np.linalg.solve(s, s.T * s),
}  # fmt: skip


@pytest.mark.parametrize("name", SQUARE)
def test_linear_algebra_of_numpy(name):
    """np.linalg on a square Tensor."""
    f, t = SQUARE[name], Tensor(S)
    if name == "slogdet name" and not hasattr(np.linalg.slogdet(t), "logabsdet"):
        pytest.skip("a plain tuple")
    np.testing.assert_allclose(f(t).data, f(S), rtol=1e-12)
    np.testing.assert_allclose(ag.gradients(f(t).sum(), t), numeric(f, S)[0], rtol=1e-5, atol=1e-6)


STACKS = {
    "trace": np.trace, "linalg.trace": np.linalg.trace, "diagonal": np.diagonal, "linalg.diagonal": np.linalg.diagonal,
    "linalg.det": np.linalg.det, "linalg.inv": np.linalg.inv, "matrix_transpose": np.matrix_transpose, "transpose": np.transpose,
    "linalg.norm axes": lambda a: np.linalg.norm(a, axis=(1, 2)), "dot": lambda a: np.dot(a, a), "matmul": lambda a: np.matmul(a, a),
    "linalg.slogdet": lambda a: np.linalg.slogdet(a)[1], "tril": np.tril, "flip": np.flip, "sort": np.sort, "cumsum": np.cumsum,
    "squeeze": np.squeeze, "swapaxes": lambda a: np.swapaxes(a, 0, 2), "tensordot": lambda a: np.tensordot(a, a), "sum": np.sum,
    "linalg.tensordot": lambda a: np.linalg.tensordot(a, a), "linalg.outer": lambda a: np.linalg.outer(a[0, 0], a[1, 1]),
    "linalg.matmul": lambda a: np.linalg.matmul(a, a), "linalg.matrix_transpose": np.linalg.matrix_transpose,
    "linalg.cross": lambda a: np.linalg.cross(a, a[::-1]), "linalg.vecdot": lambda a: np.linalg.vecdot(a, a),
    "linalg.matrix_norm": np.linalg.matrix_norm, "linalg.vector_norm": np.linalg.vector_norm, "vecdot": lambda a: np.vecdot(a, a),
    "matvec": lambda a: np.matvec(a, a[0]),
}  # fmt: skip


@pytest.mark.parametrize("name", STACKS)
def test_stacks_of_matrices_mean_what_numpy_means(name):
    """On three axes np.linalg takes the last two, np.trace and np.diagonal the first two: as NumPy has it, or refused by name."""
    f, a = STACKS[name], np.random.default_rng(0).normal(size=(3, 3, 3)) + 2.0 * np.eye(3)
    t = Tensor(a)
    try:
        out = f(t)
    except NotImplementedError as error:
        assert "np." in str(error)  # noqa: PT017
        return
    np.testing.assert_allclose(out.data, f(a), rtol=1e-10)
    np.testing.assert_allclose(ag.gradients(out.sum(), t), numeric(f, a)[0], rtol=1e-4, atol=1e-5)


PLAIN = {
    "argmax": lambda t: np.argmax(t, axis=1), "argmin": lambda t: np.argmin(t), "argsort": lambda t: np.argsort(t, axis=0),
    "shape": np.shape, "ndim": np.ndim, "size": np.size, "isnan": np.isnan, "isfinite": np.isfinite,
    "greater": lambda t: np.greater(t, 2.0), "equal": lambda t: np.equal(2.0, t), "logical_and": lambda t: np.logical_and(t > 1, t < 2),
    "any": lambda t: np.any(t > 2), "all": lambda t: np.all(t > 2), "allclose": lambda t: np.allclose(t, M),
    "array_equal": lambda t: np.array_equal(t, t), "zeros_like": np.zeros_like, "ones_like": np.ones_like,
    "count_nonzero": lambda t: np.count_nonzero(t), "isclose": lambda t: np.isclose(t, 2.0),
}  # fmt: skip


@pytest.mark.parametrize("name", PLAIN)
def test_questions_give_plain_answers(name):
    """Indices, shapes, comparisons and fresh arrays have no derivative: plain numbers and arrays, no graph."""
    out = PLAIN[name](Tensor(M))
    assert not isinstance(out, Value | Tensor)
    np.testing.assert_array_equal(out, PLAIN[name](M))


# ---- Refusals ---------------------------------------------------------------------------------------------------------


def test_out_is_refused():
    """np.f(…, out=array), array += node and a positional out: GraphError; the array is unchanged and nothing is added to the result."""
    t, held = Tensor([1.0, 2.0, 3.0]), np.zeros(3)
    for call in (
        lambda: np.exp(t, out=held), lambda: np.exp(t, held), lambda: np.add(t, 1.0, out=(held,)), lambda: np.add(held, t, held),
        lambda: held.__iadd__(t), lambda: held.__imul__(t), lambda: np.multiply(2.0, t, out=held),
        lambda: np.sum(t, axis=0, out=np.zeros(())), lambda: np.concatenate([t, t], out=np.zeros(6)),
        lambda: np.dot(np.eye(3), t, out=held), lambda: np.matmul(np.eye(3), t, out=held), lambda: np.clip(t, 0.0, 1.0, out=held),
    ):  # fmt: skip
        with pytest.raises(ag.GraphError, match="out="):
            call()
        assert not held.any()
    for positional in (
        lambda: np.dot(np.eye(3), t, held),
        lambda: np.dot(t, t, np.array(100.0)),
        lambda: np.max(t, 0, np.array(0.0)),
        lambda: np.cumsum(t, 0, None, held),
        lambda: np.clip(t, 0.0, 1.0, held),
    ):
        with pytest.raises((ag.GraphError, NotImplementedError)):
            positional()
    assert not held.any()


def test_out_that_is_a_node_is_refused():
    """A Tensor as out= would change under its graph: GraphError, and its data stay."""
    t = Tensor([1.0, 2.0])
    for call in (
        lambda: np.exp(np.ones(2), out=t),
        lambda: np.add(1.0, 2.0, out=t),
        lambda: np.exp(t, out=t),
    ):
        with pytest.raises((ag.GraphError, TypeError)):
            call()
    np.testing.assert_array_equal(t.data, [1.0, 2.0])


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda t: np.add.reduceat(t, [0, 1]), "np.add.reduceat"), (lambda t: np.add.at(t, [0], 1.0), "np.add.at"),
        (lambda t: np.add.at(np.zeros(3), [0, 1, 2], t), "np.add.at"), (lambda t: np.fft.fft(t), "np.fft.fft"),
        (lambda t: np.unique(t), "np.unique"), (lambda t: np.save("x.npy", t), "np.save"), (lambda t: np.spacing(t), "np.spacing"),
        (lambda t: np.bitwise_and(t, t), "np.bitwise_and"), (lambda t: np.put(t, 0, 1.0), "np.put"),
        (lambda t: np.histogram(t), "np.histogram"),
        (lambda t: np.power.accumulate(t), "np.power.accumulate"), (lambda t: np.i0(t), "np.i0"),
    ],
)  # fmt: skip
def test_a_function_without_a_rule_is_named(call, name):
    """NotImplementedError (never a silent array) with the call that was made, and where the list of the others is."""
    with pytest.raises(NotImplementedError) as caught:
        call(Tensor([1.0, 2.0, 3.0]))
    for text in (name, "docs/numpy.md"):
        assert text in str(caught.value)


@pytest.mark.parametrize(
    "call",
    [
        lambda t: np.sum(t, dtype="f"), lambda t: np.sum(t, initial=3.0), lambda t: np.sum(t, where=[True, False, True]),
        lambda t: np.exp(t, where=[True, False, True]), lambda t: np.exp(t, dtype="f"), lambda t: np.add(t, 1.0, casting="no"),
        lambda t: np.mean(t, dtype="f"), lambda t: np.max(t, initial=5.0), lambda t: np.reshape(t, (3, 1), order="F"),
        lambda t: np.ravel(t, order="F"), lambda t: np.pad(t, 1, mode="edge"), lambda t: np.trace(t.reshape(3, 1), axis1=1, axis2=0),
        lambda t: np.linalg.norm(t.reshape(3, 1), 2), lambda t: np.linalg.norm(t.reshape(3, 1), "nuc"), lambda t: np.linalg.norm(t, 0),
        lambda t: np.linalg.norm(t, -1), lambda t: np.sum(t, 0, np.float32), lambda t: np.reshape(t, (3, 1), "F"),
        lambda t: np.mean(t, 0, np.float64), lambda t: np.std(t, 0, np.float64), lambda t: np.concatenate([t, t], dtype="f"),
        lambda t: np.where(t), lambda t: np.einsum(t, [0], t, [0]), lambda t: np.pad(t, 1, constant_values=(1, 2)),
        lambda t: np.sort(t, axis=None), lambda t: np.cumsum(t, 0, "f"), lambda t: np.var(t, mean=0.0),
        lambda t: np.prod(t, 0, np.float32),
    ],
)  # fmt: skip
def test_an_option_without_a_rule_is_refused(call):
    """An option of NumPy's that we lack is never ignored: NotImplementedError, positional or by keyword; or it is honoured."""
    t = Tensor([1.0, 2.0, 3.0])
    try:
        out = call(t)
    except NotImplementedError as error:
        assert "np." in str(error) or "norm" in str(error) or "pad" in str(error)  # noqa: PT017
        return
    np.testing.assert_allclose(raw(out), call(t.data), rtol=1e-14)
    assert np.asarray(raw(out)).dtype == np.asarray(call(t.data)).dtype


def test_a_foreign_function_of_a_known_name_is_not_taken_for_numpys():
    """A ufunc that somebody else calls "add" is not np.add."""
    mine = np.frompyfunc(lambda x, y: 7.0, 2, 1)
    t = Tensor([1.0, 2.0])
    with pytest.raises(NotImplementedError):
        mine(t, t)
    scipy_special = pytest.importorskip("scipy.special")
    for name in ("expit", "gammaln", "expm1"):
        try:
            out = getattr(scipy_special, name)(t)
        except NotImplementedError:
            continue
        np.testing.assert_allclose(out.data, getattr(scipy_special, name)(t.data), rtol=1e-14)


def test_vectorize_and_python_math_are_refused():
    """np.vectorize(f)(node), math.f(node), np.fromiter and elementwise float code: GraphError, as is float() inside them."""

    def elementwise(z):
        return 1.0 / (1.0 + math.exp(-z))

    t = Tensor([1.0, 2.0])
    for call in (
        lambda: np.vectorize(elementwise)(t), lambda: np.vectorize(elementwise)(Value(1.0)), lambda: elementwise(t[0]),
        lambda: elementwise(Value(1.0)), lambda: np.fromiter((elementwise(z) for z in t.reshape(-1)), float), lambda: np.asarray(t),
        lambda: np.c_[np.ones(2), t], lambda: np.r_[1.0, t], lambda: "%.4f" % t.sum(), lambda: float(t.sum()), lambda: np.matrix(t),
        lambda: np.eye(2).dot(t), lambda: np.ma.array(t), lambda: np.fromiter(t.to_values(), float),
        lambda: np.testing.assert_allclose(t, [1.0, 2.0]), lambda: np.array([t, t]), lambda: np.array([Value(1.0), 2.0]),
        lambda: np.array(t, dtype=object), lambda: list(np.nditer(t)),
    ):  # fmt: skip
        with pytest.raises(ag.GraphError, match=r"\.detach\(\)"):
            call()


def test_a_node_never_enters_an_array():
    """Assigning a variable into an array: refused, and the array is unchanged; constants may be."""
    held = np.zeros(3)
    for index, node in (
        (0, Value(1.0)),
        (slice(None), Tensor([1.0, 2.0, 3.0])),
        (0, Tensor(1.0)),
        (1, Tensor([1.0])),
    ):
        with pytest.raises((ag.GraphError, ValueError)) as caught:
            held[index] = node
        error = (
            caught.value if isinstance(caught.value, ag.GraphError) else caught.value.__cause__
        )  # NumPy wraps it where there is a __len__
        assert "cut the graph" in str(error)
    assert not held.any()
    held[0] = Value(1.0).detach()
    held[1:] = Tensor([2.0, 3.0], requires_grad=False)
    np.testing.assert_array_equal(held, [1.0, 2.0, 3.0])


# ---- np.matrix --------------------------------------------------------------------------------------------------------


def test_a_matrix_is_the_array_that_it_holds():
    """np.matrix as data and as an operand of +, −, /, @, np.dot and np.multiply; results are Tensors."""
    m = np.matrix([[1.0, 2.0], [3.0, 4.0]])
    t = Tensor(m)
    assert t.shape == (2, 2)
    assert type(t.data) is np.ndarray
    a = np.asarray(m)
    for out, right in (
        (t + m, 2 * a), (m + t, 2 * a), (m - t, 0 * a), (m / t, a / a), (t @ m, a @ a), (m @ t, a @ a), (np.dot(m, t), a @ a),
        (np.multiply(m, t), a * a), (np.dot(t, m), a @ a), (np.matmul(m, t), a @ a), (np.concatenate([m, t]), np.concatenate([a, a])),
        (ag.where(m > 2, t, 0.0), np.where(a > 2, a, 0.0)), (np.maximum(m, t), a), (t - m.T, a - a.T),
    ):  # fmt: skip
        assert type(out) is Tensor
        np.testing.assert_array_equal(out.data, right)
    t.zero_grad()
    (np.dot(m, t)).sum().backward()
    np.testing.assert_array_equal(t.grad, a.T @ np.ones((2, 2)))
    assert type(t.grad) is np.ndarray
    assert type((t @ m).parents[1].data) is np.ndarray
    t.backward(m)
    assert type(t.grad) is np.ndarray


@pytest.mark.parametrize(
    "make",
    [
        lambda: Value(2.0),
        lambda: Tensor([[1.0, 2.0], [3.0, 4.0]]),
        lambda: Tensor(2.0),
        lambda: Tensor([[1.0, 2.0]], requires_grad=False),
    ],
    ids=["Value", "2-d", "0-d", "constant"],
)
def test_a_star_between_a_matrix_and_a_node_is_refused(make):
    """`*` with an np.matrix on either side, also in place: TypeError that says "use @" (it would silently turn elementwise)."""
    m, node = np.matrix([[1.0, 2.0], [3.0, 4.0]]), make()
    for call in (lambda: m * node, lambda: node * m, lambda: node.__imul__(m), lambda: m.__imul__(node)):
        with pytest.raises(TypeError, match="use @"):
            call()
    with ag.no_grad(), pytest.raises(TypeError, match="use @"):
        m * node
    with pytest.raises(TypeError):
        m**node


# ---- Operators --------------------------------------------------------------------------------------------------------

OPERATORS = {
    "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "/": lambda a, b: a / b, "**": lambda a, b: a**b,
    "%": lambda a, b: a % b,
}  # fmt: skip


@pytest.mark.parametrize("symbol", OPERATORS)
@pytest.mark.parametrize(
    "number",
    [2, 2.0, True, np.float64(2), np.float32(2), np.int64(2), np.uint8(2), np.bool_(True)],
    ids=lambda n: type(n).__name__,
)
def test_scalars_on_either_side(symbol, number):
    """Python and NumPy numbers with a Value give a Value, with a Tensor a Tensor, on either side, and both get NumPy's number."""
    f = OPERATORS[symbol]
    for a, b in ((Value(3.5), number), (number, Value(3.5))):
        out = f(a, b)
        assert type(out) is Value
        assert type(out.data) is float
        assert out.data == pytest.approx(float(f(np.float64(raw(a)), np.float64(raw(b)))), rel=1e-15)
        out.backward()
    for data in ([3.5, 1.5], 3.5, [[3.5]]):
        for a, b in ((Tensor(data), number), (number, Tensor(data))):
            out = f(a, b)
            assert type(out) is Tensor
            assert out.shape == np.shape(data)
            assert type(out.data) is np.ndarray
            np.testing.assert_allclose(
                out.data, f(np.asarray(raw(a), float), np.asarray(raw(b), float)), rtol=1e-15
            )


@pytest.mark.parametrize("symbol", OPERATORS)
@pytest.mark.parametrize(
    "other",
    [
        np.array([1.5, 2.0]),
        np.array([1, 2]),
        np.array(2.0),
        np.array([[2.0]]),
        [1.5, 2.0],
        (1, 2),
        [[1.0], [2.0]],
        np.array([True, True]),
    ],
    ids=repr,
)
def test_arrays_and_lists_on_either_side(symbol, other):
    """ndarray ∘ Value, list ∘ Value and the reverse give a Tensor of the broadcast shape; the Value's share is summed."""
    f, array = OPERATORS[symbol], np.asarray(other, float)
    for node, data in ((Value(3.5), np.float64(3.5)), (Tensor([3.5, 1.5]), np.array([3.5, 1.5]))):
        for out, right in ((f(node, other), f(data, array)), (f(other, node), f(array, data))):
            assert type(out) is Tensor
            assert out.shape == right.shape
            np.testing.assert_allclose(out.data, right, rtol=1e-15)
            grad = ag.gradients(out.sum(), node)
            assert np.shape(grad) == np.shape(data)
            assert isinstance(grad, float if isinstance(node, Value) else np.ndarray)


def test_lists_of_values_as_operands():
    """A list with Values in it is stacked, as Tensor([…]) does: in the graph, or refused; never cut."""
    a, b = Value(2.0), Value(3.0)
    for f in (
        lambda: Tensor([1.0, 10.0]) * [a, b],
        lambda: [a, b] * Tensor([1.0, 10.0]),
        lambda: np.multiply([a, b], Tensor([1.0, 10.0])),
        lambda: np.dot([a, b], Tensor([1.0, 10.0])),
    ):
        try:
            out = f()
        except (ag.GraphError, ag.DTypeError):
            continue
        assert ag.gradients(out.sum(), [a, b]) == [1.0, 10.0]


def test_matmul_with_arrays_and_lists_on_either_side():
    """array @ Tensor, list @ Tensor and the reverse, for vectors, matrices and stacks."""
    a, b = RNG.normal(size=(2, 3)), RNG.normal(size=(3, 2))
    for left, right in (
        (a, b),
        (a[0], b),
        (a, b[:, 0]),
        (a[0], b[:, 0]),
        (np.stack([a, a]), b),
        (a, np.stack([b, b])),
        (np.stack([a, a])[None], np.stack([b, b])[:, None]),
    ):
        for x, y in (
            (Tensor(left), right),
            (left, Tensor(right)),
            (Tensor(left), right.tolist()),
            (left.tolist(), Tensor(right)),
            (Tensor(left), Tensor(right)),
        ):
            out = x @ y
            assert type(out) is Tensor
            np.testing.assert_allclose(out.data, left @ right, rtol=1e-13)
            slopes = numeric(lambda p, q: p @ q, left, right)
            out.sum().backward()
            for node, slope in zip((x, y), slopes, strict=True):
                if isinstance(node, Tensor):
                    np.testing.assert_allclose(node.grad, slope, rtol=1e-6, atol=1e-8)


def test_zero_dimensional_arrays_stay_so():
    """0-d in, 0-d out: no NumPy scalar, no extra axis, in data and in gradients."""
    t = Tensor(3.0)
    for out in (
        t * t,
        t + np.array(1.0),
        np.array(2.0) * t,
        np.exp(t),
        t**2,
        t.sum(),
        t.reshape(()),
        np.maximum(t, 0),
        -t,
        np.sum(t),
        t[()],
        t[...],
    ):
        assert out.shape == ()
        assert type(out.data) is np.ndarray
        assert np.shape(ag.gradients(out, t)) == ()
    assert (np.array(2.0) * Value(3.0)).shape == ()


def test_numpy_scalars_never_run_the_loop_themselves():
    """np.float64(2) * node and np.float64(2) ** node are nodes, not arrays of objects."""
    for number in (np.float64(2.0), np.float32(2.0), np.int32(2), np.array(2.0), np.array([2.0])):
        for node in (Value(3.0), Tensor([3.0])):
            for f in OPERATORS.values():
                assert isinstance(f(number, node), Value | Tensor)


LAYOUTS = {
    "F": lambda a: np.asfortranarray(a), "transposed": lambda a: np.ascontiguousarray(a.T).T,
    "negative strides": lambda a: np.ascontiguousarray(a[::-1, ::-1])[::-1, ::-1], "big endian": lambda a: a.astype(">f8"),
    "sliced": lambda a: np.repeat(np.repeat(a, 2, 0), 3, 1)[::2, ::3], "subclass": lambda a: np.matrix(a),
    "memmap-like": lambda a: a.view(type("Mine", (np.ndarray,), {})), "broadcast": lambda a: np.broadcast_to(a, (1, *a.shape))[0],
    "little endian": lambda a: a.astype("<f8"),
}  # fmt: skip


def read_only(a):
    a = a.copy()
    a.flags.writeable = False
    return a


@pytest.mark.parametrize("layout", [*LAYOUTS, "read-only"])
def test_inputs_of_any_layout(layout):
    """F-order, strided, negative-stride, read-only, big-endian arrays and subclasses: the same results, gradients and updates."""
    a = RNG.normal(size=(3, 4))
    given = read_only(a) if layout == "read-only" else LAYOUTS[layout](a)
    x, plain = Tensor(given), Tensor(a)
    assert x.dtype.isnative
    assert type(x.data) is np.ndarray
    assert x.data.flags.writeable
    for t in (x, plain):
        (
            ag.tanh(t @ np.ones((4, 2))).sum()
            + (t * a).sum()
            + (t + np.asarray(given)).reshape(-1)[3]
            + t[::-1].T[1:].sum()
        ).backward()
    np.testing.assert_allclose(x.grad, plain.grad, rtol=1e-14)
    assert x.grad.dtype == np.float64
    as_operand, reference = plain + given, plain + a
    np.testing.assert_array_equal(as_operand.data, reference.data)
    assert as_operand.dtype.isnative
    np.testing.assert_allclose((plain.T @ given).data, a.T @ a, rtol=1e-14)
    np.testing.assert_allclose(np.dot(given.T, plain).data, a.T @ a, rtol=1e-14)
    x.backward(given)
    ag.optim.SGD([x], lr=0.1).step()
    x.data = given
    x.zero_grad()
    x.backward(np.ones_like(a))
    ag.optim.SGD([x], lr=0.1).step()
    np.testing.assert_array_equal(np.asarray(given, float), a)


@pytest.mark.parametrize("dtype", [">f4", "<f4", ">i2", "u1", "?", ">f8"])
def test_dtypes_of_either_byte_order(dtype):
    """float32 of either byte order stays float32, everything else becomes float64, in native order."""
    given = np.array([0, 1, 1], dtype)
    t = Tensor(given)
    assert t.dtype == (np.float32 if dtype[1:] == "f4" else np.float64)
    assert t.dtype.isnative
    out = Tensor([1.0, 2.0, 3.0]) * given
    assert out.dtype == np.float64
    np.testing.assert_array_equal(out.data, [0.0, 2.0, 3.0])


# ---- Seed 002: a 2-2-1 network with np.matrix -------------------------------------------------------------------------


def acti(zs):
    return 1.0 / (1.0 + np.exp(-zs))


def grad_of_acti(zs):
    return np.multiply(acti(zs), (-acti(zs) + 1.0))


def loss_002(y, t):
    return 0.5 * (y - t).T * (y - t)


def forward_002(A0, W1, W2):
    Z1 = np.dot(A0, W1)
    A1 = acti(Z1)
    Z2 = np.dot(A1, W2)
    A2 = acti(Z2)
    return Z1, A1, Z2, A2


W1_002, W2_002 = [[0.1, 0.4], [0.8, 0.6]], [[0.3], [0.9]]


@pytest.mark.parametrize("kind", ["matrix", "array"])
def test_seed_002_runs_unchanged(kind):
    """x an np.matrix, W1 and W2 Tensors: the document's forward and loss, its numbers (S10) and PyTorch's gradients."""
    A0 = np.matrix([0.35, 0.9]) if kind == "matrix" else np.array([[0.35, 0.9]])
    W1, W2 = Tensor(np.matrix(W1_002) if kind == "matrix" else W1_002), Tensor(np.array(W2_002))
    t = np.array([0.5])
    Z1, A1, Z2, y = forward_002(A0, W1, W2)
    loss = loss_002(y, t)
    assert y.round(8).data == 0.69028349
    assert loss.round(8).data == 0.01810390
    loss.backward()
    np.testing.assert_array_equal(W2.grad.round(8), [[0.02767403], [0.02700164]])
    np.testing.assert_array_equal(W1.grad.round(6), [[0.000929, 0.002860], [0.002389, 0.007354]])
    np.testing.assert_array_equal((W1.data - W1.grad).round(6), [[0.099071, 0.397140], [0.797611, 0.592646]])
    # the document's own hand-written gradients, read on the same nodes
    d_Z2 = np.dot(grad_of_acti(Z2.data), y.data - t)
    np.testing.assert_allclose(Z2.grad, d_Z2, rtol=1e-14)
    np.testing.assert_allclose(
        Z1.grad, np.multiply(np.dot(d_Z2, W2.data.T), grad_of_acti(Z1.data)), rtol=1e-14
    )
    np.testing.assert_allclose(A1.grad, np.dot(d_Z2, W2.data.T), rtol=1e-14)
    # and PyTorch's
    tx, tW1, tW2 = (
        torch.tensor(np.asarray(A0)),
        torch.tensor(W1_002, dtype=torch.float64, requires_grad=True),
        torch.tensor(W2_002, dtype=torch.float64, requires_grad=True),
    )
    out = torch.sigmoid(torch.sigmoid(tx.mm(tW1)).mm(tW2))
    ((out - torch.tensor(t)).pow(2).sum() / 2.0).backward()
    np.testing.assert_allclose(W1.grad, tW1.grad.numpy(), rtol=1e-13)
    np.testing.assert_allclose(W2.grad, tW2.grad.numpy(), rtol=1e-13)


def test_seed_002_with_its_own_derivative_written_as_a_function():
    """The document's grad(zs) on a Tensor is the derivative of its acti(zs), to the last digits; and its own derivative exists."""
    z = Tensor(np.matrix([[1.0, -1.0], [2.0, 3.0]]))
    np.testing.assert_allclose(grad_of_acti(z).data, ag.gradients(acti(z).sum(), z), rtol=1e-13)
    first = ag.gradients(acti(z).sum(), z, create_graph=True)
    np.testing.assert_allclose(
        ag.gradients(first.sum(), z), ag.gradients(grad_of_acti(z).sum(), z), rtol=1e-11
    )


def test_seed_002_star_with_matrices_is_refused():
    """The document multiplies np.matrix objects with *: beside a node that says "use @"."""
    with pytest.raises(TypeError, match="use @"):
        np.matrix([0.35, 0.9]) * Tensor(W1_002)


# ---- Seed 004: derivatives with respect to the inputs ------------------------------------------------------------------


def sigmoid_004(x, div=0):
    if div == 1:
        return np.exp(-x) / (1.0 + np.exp(-x)) ** 2.0
    if div == 2:
        return -np.exp(x) * (np.exp(x) - 1) / (1.0 + np.exp(x)) ** 3.0
    return 1.0 / (1.0 + np.exp(-x))


def linear_004(x, div=0):
    if div == 1:
        return np.full(x.shape, 1)
    if div > 2:
        return np.zeros(x.shape)
    return x


class AskersLayer:
    """The asker's layer: weights (in, out), a row of biases or none."""

    def __init__(self, in_n, h_n, activation, bias=True, rng=None, make=Tensor):
        self.w = make(2 * rng.random((in_n, h_n)) - 1 if rng else np.full((in_n, h_n), 1.0))
        self.f = activation
        self.b = (
            (make(2 * rng.random((1, h_n)) - 1) if rng else make(np.full((1, h_n), 1.0))) if bias else None
        )

    def compute(self, inputs):
        if self.w.shape[0] != inputs.shape[1]:
            raise ValueError("Inputs dimensions do not match test data dim.")
        if self.b is None:
            self.output = np.dot(inputs, self.w)
        else:
            self.output = np.dot(inputs, self.w) + self.b
        self.activation = self.f(self.output)

    def compute_derivative(self):
        daL = self.f(self.output, 1)
        daLM = np.repeat(daL, self.w.shape[0], axis=0)
        self.derivatives = np.multiply(daLM, self.w)
        return self.derivatives


class AskersNetwork:
    """The asker's network: so many hidden sigmoid layers, a linear output without bias."""

    def __init__(self, nb_layers, in_n, h_n, out_n, rng=None, make=Tensor):
        sizes = [in_n] + [h_n] * nb_layers
        self.layers = [
            AskersLayer(a, b, sigmoid_004, rng=rng, make=make)
            for a, b in zip(sizes[:-1], sizes[1:], strict=True)
        ]
        self.layers.append(AskersLayer(h_n, out_n, linear_004, bias=False, rng=rng, make=make))

    def compute(self, point):
        current = point
        for layer in self.layers:
            layer.compute(current)
            current = layer.activation
        return current


class AnswerersLayer:
    """The answerer's layer: weights (out, in), one column vector at a time."""

    def __init__(self, weights_matrix, bias_vector, sigmoid_activation=True):
        self.weights_matrix = weights_matrix
        self.bias_vector = bias_vector
        self.sigmoid_activation = sigmoid_activation

    def compute_value(self, x_vector):
        result = np.add(np.dot(self.weights_matrix, x_vector), self.bias_vector)
        if self.sigmoid_activation:
            result = np.exp(-result)
            result = 1 / (1 + result)
        return result

    def compute_value_and_derivative(self, x_vector):
        if not self.sigmoid_activation:
            return (self.compute_value(x_vector), self.weights_matrix)
        temp = np.add(np.dot(self.weights_matrix, x_vector), self.bias_vector)
        temp = np.exp(-temp)
        value = 1.0 / (1 + temp)
        temp = temp / (1 + temp) ** 2
        jacobian = np.dot(np.diag(temp), self.weights_matrix)
        return (value, jacobian)


class AnswerersNetwork:
    def __init__(self, layers):
        self.layers = layers

    def compute_value(self, x_vector):
        for layer in self.layers:
            x_vector = layer.compute_value(x_vector)
        return x_vector

    def compute_value_and_derivative(self, x_vector):
        x_vector, jacobian = self.layers[0].compute_value_and_derivative(x_vector)
        for layer in self.layers[1:]:
            x_vector, j = layer.compute_value_and_derivative(x_vector)
            jacobian = np.dot(j, jacobian)
        return x_vector, jacobian


def torch_net(network):
    """The asker's network on PyTorch, with its weights: the function of a point, and the leaves."""
    leaves = []

    def leaf(t):
        leaves.append(torch.tensor(t.data, requires_grad=True))
        return leaves[-1]

    layers = [
        (leaf(layer.w), None if layer.b is None else leaf(layer.b), layer.f is sigmoid_004)
        for layer in network.layers
    ]

    def f(x):
        for w, b, squashed in layers:
            x = x @ w if b is None else x @ w + b
            x = torch.sigmoid(x) if squashed else x
        return x

    return f, leaves


@pytest.mark.parametrize(("hidden", "slope"), [(1, 0.0903533), (2, 0.00889187)])
def test_seed_004_askers_network_of_ones(hidden, slope):
    """Weights and biases 1, x = [1, 1]: J = [0.0903533]², with two hidden layers [0.00889187]² (S12)."""
    network, x = AskersNetwork(hidden, 2, 2, 1), Tensor([[1, 1]])
    y = network.compute(x)
    assert y.shape == (1, 1)
    np.testing.assert_allclose(ag.gradients(y, x), [[slope, slope]], rtol=5e-6)


@pytest.mark.parametrize("hidden", [1, 2, 3])
def test_seed_004_askers_network_equals_pytorch(hidden):
    """Random weights: values, gradients by input and by every weight, and the Hessian by the input equal PyTorch's."""
    rng = np.random.default_rng(hidden)
    network, point = AskersNetwork(hidden, 2, 5, 1, rng=rng), rng.normal(size=(1, 2))
    f, leaves = torch_net(network)
    x, tx = Tensor(point), torch.tensor(point, requires_grad=True)
    y, ty = network.compute(x), f(tx)
    np.testing.assert_allclose(y.data, ty.detach().numpy(), rtol=1e-13)
    y.backward()
    ty.backward()
    np.testing.assert_allclose(x.grad, tx.grad.numpy(), rtol=1e-11)
    ours = [t for layer in network.layers for t in (layer.w, layer.b) if t is not None]
    for mine, theirs in zip(ours, leaves, strict=True):
        np.testing.assert_allclose(mine.grad, theirs.grad.numpy(), rtol=1e-11, atol=1e-15)
    (slope,) = ag.gradients(network.compute(x), [x], create_graph=True)
    rows = [ag.gradients(slope[0, i], x)[0] for i in range(2)]
    right = torch.autograd.functional.hessian(lambda p: f(p).sum(), tx.detach()).reshape(2, 2)
    np.testing.assert_allclose(rows, right.numpy(), rtol=1e-10, atol=1e-14)


def test_seed_004_askers_layer_derivative_of_a_layer():
    """np.repeat and np.multiply on Tensors: the asker's layer derivative is dA_j/dx_i of that layer, and can be differentiated."""
    rng = np.random.default_rng(3)
    layer, x = AskersLayer(2, 4, sigmoid_004, rng=rng), Tensor(rng.normal(size=(1, 2)))
    layer.compute(x)
    derivatives = layer.compute_derivative()
    for j in range(4):
        np.testing.assert_allclose(
            ag.gradients(layer.activation[0, j], x)[0], derivatives.data[:, j], rtol=1e-12
        )
    assert ag.gradients(derivatives.sum(), layer.w).shape == (2, 4)
    last = AskersLayer(2, 1, linear_004, bias=False, rng=rng)
    last.compute(x)
    np.testing.assert_array_equal(last.compute_derivative().data, last.w.data)


def test_seed_004_sums_along_axes():
    """The asker's partial derivatives: np.sum(axis=0), np.sum(axis=1), np.arange loops and shapes work on Tensors."""
    layer = AskersLayer(2, 3, sigmoid_004, rng=np.random.default_rng(0))
    layer.compute(np.array([[1.0, 1.0]]))
    derivatives = layer.compute_derivative()
    assert np.sum(derivatives, axis=1).shape == (2,)
    assert np.sum(derivatives, axis=0).shape == (3,)
    total = 0.0
    for i in np.arange(0, derivatives.shape[0]):
        total = total + np.sum(derivatives[i])
    assert total.item() == pytest.approx(derivatives.data.sum())
    with pytest.raises(ValueError, match="do not match"):
        layer.compute(np.ones((1, 3)))


def test_seed_004_second_derivative_formulas_of_the_sigmoid():
    """The asker's div=1 and div=2 formulas equal our first and second derivatives of his sigmoid."""
    x = Tensor(np.linspace(-4.0, 4.0, 9))
    first = ag.gradients(sigmoid_004(x).sum(), x, create_graph=True)
    np.testing.assert_allclose(first.data, sigmoid_004(x.data, 1), rtol=1e-13)
    np.testing.assert_allclose(ag.gradients(first.sum(), x), sigmoid_004(x.data, 2), rtol=1e-11, atol=1e-17)
    np.testing.assert_allclose(
        ag.gradients(sigmoid_004(x, 1).sum(), x), sigmoid_004(x.data, 2), rtol=1e-11, atol=1e-17
    )


ONES = ([[1, 1], [1, 1]], [1, 1])


@pytest.mark.parametrize(("hidden", "slope"), [(1, 0.0903533), (2, 0.00889187)])
def test_seed_004_answerers_network_of_ones(hidden, slope):
    """The answerer's script with integer weights: his Jacobian (np.diag and all) and ours are the numbers of the document."""
    layers = [AnswerersLayer(Tensor(ONES[0]), Tensor(ONES[1])) for _ in range(hidden)] + [
        AnswerersLayer(Tensor([1, 1]), Tensor([0]), False)
    ]
    network, x = AnswerersNetwork(layers), Tensor([1, 1])
    y, jacobian = network.compute_value_and_derivative(x)
    np.testing.assert_allclose(jacobian.data, [slope, slope], rtol=5e-6)
    np.testing.assert_allclose(ag.gradients(network.compute_value(x).sum(), x), [slope, slope], rtol=5e-6)
    assert y.shape == (1,)


def test_seed_004_answerers_network_equals_pytorch():
    """Random weights and two outputs: his Jacobian is ours row by row; its derivative by the weights is PyTorch's."""
    rng = np.random.default_rng(5)
    shapes = [(4, 2), (3, 4), (2, 3)]
    weights, biases, point = (
        [rng.normal(size=s) for s in shapes],
        [rng.normal(size=s[0]) for s in shapes],
        rng.normal(size=2),
    )
    layers = [
        AnswerersLayer(Tensor(w), Tensor(b), i < 2)
        for i, (w, b) in enumerate(zip(weights, biases, strict=True))
    ]
    network, x = AnswerersNetwork(layers), Tensor(point)
    y, jacobian = network.compute_value_and_derivative(x)
    assert jacobian.shape == (2, 2)
    for i in range(2):
        np.testing.assert_allclose(ag.gradients(y[i], x), jacobian.data[i], rtol=1e-12)
        np.testing.assert_allclose(ag.gradients(network.compute_value(x)[i], x), jacobian.data[i], rtol=1e-12)
    tw, tb = [[torch.tensor(a, requires_grad=True) for a in arrays] for arrays in (weights, biases)]

    def f(p):
        for i, (w, b) in enumerate(zip(tw, tb, strict=True)):
            p = w @ p + b
            p = torch.sigmoid(p) if i < 2 else p
        return p

    right = torch.autograd.functional.jacobian(f, torch.tensor(point), create_graph=True)
    np.testing.assert_allclose(jacobian.data, right.detach().numpy(), rtol=1e-12)
    (right**2).sum().backward()
    (jacobian**2).sum().backward()
    for layer, w, b in zip(layers, tw, tb, strict=True):
        np.testing.assert_allclose(layer.weights_matrix.grad, w.grad.numpy(), rtol=1e-10, atol=1e-14)
        if b.grad is not None:
            np.testing.assert_allclose(layer.bias_vector.grad, b.grad.numpy(), rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("weights", ["Tensor weights", "Tensor input", "both", "plain"])
def test_seed_code_with_any_of_its_arrays_as_tensors(weights):
    """The same forward runs with the input, the weights, both or neither as Tensors, to the same numbers."""
    rng = np.random.default_rng(2)
    network = AskersNetwork(
        2, 2, 3, 1, rng=rng, make=Tensor if weights in ("Tensor weights", "both") else np.asarray
    )
    point = np.array([[0.3, -0.7]])
    y = network.compute(Tensor(point) if weights in ("Tensor input", "both") else point)
    assert isinstance(y, Tensor) is (weights != "plain")
    right = AskersNetwork(2, 2, 3, 1, rng=np.random.default_rng(2), make=np.asarray).compute(point)
    np.testing.assert_allclose(raw(y), right, rtol=1e-14)


# ---- Training in plain NumPy's words ----------------------------------------------------------------------------------


def test_the_users_own_training_loop():
    """A hidden layer in NumPy's functions, the loss with np.mean, updates of .data: the loss falls, and no warning is given."""
    rng = np.random.default_rng(1)
    X, Y = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), np.array([[0.0], [1.0], [1.0], [0.0]])
    W1, b1, W2, b2 = (
        Tensor(rng.normal(size=(2, 4))),
        Tensor(np.zeros((1, 4))),
        Tensor(rng.normal(size=(4, 1))),
        Tensor(np.zeros((1, 1))),
    )
    losses = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(1500):
            hidden = np.tanh(np.dot(X, W1) + b1)
            out = 1 / (1 + np.exp(-(np.dot(hidden, W2) + b2)))
            loss = -np.mean(Y * np.log(out) + (1 - Y) * np.log(1 - out))
            for w in (W1, b1, W2, b2):
                w.zero_grad()
            loss.backward()
            for w in (W1, b1, W2, b2):
                w.data -= 1.0 * w.grad
            losses.append(loss.item())
    assert losses[-1] < 0.1 < losses[0]


def test_a_softmax_as_numpy_users_write_it():
    """x − np.max(x, axis=1, keepdims=True), np.exp, / np.sum(…)[:, np.newaxis]: the gradient of a cross-entropy is p − t."""
    z, t = Tensor(RNG.normal(size=(5, 3))), np.eye(3)[[0, 1, 2, 1, 0]]
    shifted = z - np.max(z, axis=1)[:, np.newaxis]
    exps = np.exp(shifted)
    p = exps / np.sum(exps, axis=1)[:, np.newaxis]
    loss = -np.sum(t * np.log(p))
    np.testing.assert_allclose(ag.gradients(loss, z), p.data - t, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(ag.nn.cross_entropy(z, [0, 1, 2, 1, 0], "sum").item(), loss.item(), rtol=1e-13)


def test_relu_as_numpy_users_write_it():
    """np.maximum(0, x) shares the gradient of a tie, x * (x > 0) gives it none, and both give numbers like NumPy's."""
    x = Tensor([-1.0, 0.0, 2.0])
    np.testing.assert_array_equal(ag.gradients(np.maximum(0, x).sum(), x), [0.0, 0.5, 1.0])
    np.testing.assert_array_equal(ag.gradients((x * (x > 0)).sum(), x), [0.0, 0.0, 1.0])
    np.testing.assert_array_equal(ag.gradients(np.where(x > 0, x, 0.1 * x).sum(), x), [0.1, 0.1, 1.0])
    np.testing.assert_array_equal((np.maximum(0, x)).data, [0.0, 0.0, 2.0])
