"""Misuse and bad input, row by row of numerics.md sections 3 and 4: what is raised, what it says, and that nothing has changed.

Rows of those sections that belong to later issues, and so are not here: non-finite gradients in clipping; state dicts; weights files
and saving (F-order, disk full, interrupted); compiled functions; labels with quotes and markup in drawings; constants in generated
source; `ag.debug()` (the line of the cut, raw writes into buffers, changed Values); Dropout(1.5); betas, eps, weight decay, nesterov;
BCE of probabilities (only the form from logits is here); KeyboardInterrupt inside save, load_state_dict and fit; `ag.draw` of 10⁶ nodes.
"""

import asyncio
import contextlib
import contextvars
import copy
import datetime
import decimal
import fractions
import functools
import itertools
import math
import pickle
import sys
import threading
import warnings

import numpy as np
import pytest

import autograd_mini as ag
from autograd_mini import Tensor, Value, nn
from autograd_mini.optim import SGD
from tests.helpers.peers import made, torch
from tests.helpers.processes import run_script
from tests.helpers.refusals import recording, refused


def cases(table):
    return pytest.mark.parametrize(
        ("given", "texts"), [pytest.param(given, texts, id=name) for name, (given, texts) in table.items()]
    )


# ---- The tree ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "builtin"),
    [
        ("GraphError", RuntimeError), ("ShapeError", ValueError), ("DTypeError", TypeError), ("AnomalyError", FloatingPointError),
        ("StateDictError", ValueError), ("SerializationError", ValueError), ("CompileError", RuntimeError),
        ("GraphTooLargeError", ValueError),
    ],
)  # fmt: skip
def test_every_exception_is_an_autograd_error_and_a_builtin(name, builtin):
    """Each exception can be caught as AutogradError and as the built-in that fits."""
    kind = getattr(ag, name)
    assert issubclass(kind, ag.AutogradError)
    assert issubclass(kind, builtin)
    with pytest.raises(ag.AutogradError, match="why"):
        raise kind("why")


# ---- Section 3: types, shapes and dtypes ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        3,
        True,
        np.int8(3),
        np.uint64(2**64 - 1),
        np.bool_(True),
        np.array([1, 2]),
        np.array([True]),
        [1, 2],
        [[True]],
        2**63,
        -(2**70),
    ],
    ids=repr,
)
def test_integers_and_booleans_become_float64(data):
    """Integers and booleans, bare, in lists or in arrays, become float64."""
    t = Tensor(data)
    assert t.dtype == np.float64
    np.testing.assert_array_equal(t.data, np.asarray(data, dtype=np.float64))
    if np.size(data) == 1 and not isinstance(data, list):
        assert type(Value(data).data) is float
        assert Value(data).data == float(np.asarray(data, dtype=np.float64).item())


@pytest.mark.parametrize(
    "other",
    [2, 2.5, np.float64(2.5), np.int64(2), True, np.float32(2.5), np.ones(3, "f"), np.array(2.5, "f")],
    ids=repr,
)
def test_float32_stays_float32(other):
    """float32 with a Python or NumPy scalar, or with float32, gives float32; the gradient is float32."""
    x = Tensor(np.ones(3, "f"))
    for out in (
        x * other,
        other * x,
        x + other,
        other - x,
        x / other,
        x**other if not isinstance(other, np.ndarray) else x,
    ):
        assert out.dtype == np.float32
    (x * other).sum().backward()
    assert x.grad.dtype == np.float32


def test_float32_with_float64_arrays_gives_float64_and_gradients_their_own_dtype():
    """float32 with a float64 array gives float64; each gradient has the dtype of its own input."""
    x, y = Tensor(np.ones(3, "f")), Tensor(np.ones(3))
    out = x * y * np.ones(3)
    assert out.dtype == np.float64
    out.sum().backward()
    assert (x.grad.dtype, y.grad.dtype) == (np.float32, np.float64)
    slope = ag.gradients((x * x * y).sum(), x, create_graph=True)
    assert slope.dtype == np.float32


class FromPandas:
    __module__ = "pandas.core.frame"


class FromJax:
    __module__ = "jaxlib.xla_extension"


UNFIT = {
    "float16": (np.float16(1), ["float16", "float32", "float64"]),
    "float16 array": (np.ones(2, np.float16), ["float16", "float32", "float64"]),
    "longdouble": (np.longdouble(1), ["float32", "float64"]),
    "longdouble array": (np.ones(2, np.longdouble), ["float32", "float64"]),
    "complex": (1j, ["complex", ".real"]),
    "complex64": (np.complex64(1), ["complex64"]),
    "complex array": (np.ones(2) * 1j, ["complex128"]),
    "masked array": (np.ma.masked_array([1.0, 2.0], [0, 1]), ["MaskedArray", ".filled("]),
    "masked": (np.ma.masked, [".filled("]),
    "torch": (functools.partial(torch.tensor, [1.0, 2.0]), [".detach().numpy()"]),
    "torch parameter": (
        functools.partial(torch.nn.Parameter, functools.partial(torch.ones, 2)),
        [".detach().numpy()"],
    ),
    "pandas": (FromPandas(), ["FromPandas", ".to_numpy()"]),
    "jax": (FromJax(), ["FromJax", "numpy.asarray"]),
    "str": ("1.5", ["str", "float("]),
    "np.str_": (np.str_("1.5"), ["real number"]),
    "strings": (np.array(["1", "2"]), ["real number"]),
    "list of strings": (["1", "2"], ["real number"]),
    "bytes": (b"1", ["bytes"]),
    "None": (None, ["None"]),
    "dict": ({"a": 1}, ["dict", "pass "]),
    "set": ({1, 2}, ["set", "pass "]),
    "datetime": (datetime.datetime(2020, 1, 1), ["datetime", "pass "]),
    "datetime64": (np.datetime64("2020-01-01"), ["datetime64"]),
    "timedelta64 array": (np.array([1], "m8[s]"), ["timedelta64"]),
    "Decimal": (decimal.Decimal("1.5"), ["Decimal", "float("]),
    "Fraction": (fractions.Fraction(1, 2), ["Fraction", "float("]),
    "list of Decimal": ([decimal.Decimal(1)], []),
    "list of None": ([None, 1.0], []),
    "generator": ((i for i in [1, 2]), ["generator"]),
    "range": (range(3), ["range"]),
    "function": (math.exp, ["function"]),
    "structured": (np.zeros(2, [("a", float)]), ["real number"]),
}


@pytest.mark.smoke
@cases(UNFIT)
def test_what_is_no_real_number_is_refused_by_both_classes(given, texts):
    """Value(…), Tensor(…) and operands of an operation: DTypeError (TypeError) that names what came and how to convert it.

    A list or array of objects may raise ValueError, as every object array does.
    """
    given = made(given)
    kind = (ag.DTypeError, ValueError) if isinstance(given, list) else ag.DTypeError
    with pytest.raises(kind) as caught:
        Tensor(given)
    for text in texts:
        assert text in str(caught.value)
    with refused(ag.DTypeError):
        Value(given)
    v, t = Value(2.0), Tensor([1.0, 2.0])
    with pytest.raises(kind):
        t * given
    with pytest.raises(kind):
        v - given
    if not isinstance(given, np.ma.MaskedArray):  # whose own operator comes first
        with pytest.raises(kind):
            given + t
    else:
        with pytest.raises((ag.DTypeError, ag.GraphError)):
            given + t


@pytest.mark.parametrize("dtype", ["float16", "longdouble", int, bool, complex, object, "<U3"])
def test_only_two_dtypes_can_be_asked_for(dtype):
    """Tensor(…, dtype=…) other than float32 and float64: DTypeError that names both."""
    with refused(ag.DTypeError, "float32", "float64"):
        Tensor([1.0], dtype=dtype)


ragged = {
    "numbers": [[1.0, 2.0], [3.0]],
    "arrays": [np.ones(2), np.ones(3)],
    "depths": [[1.0, 2.0], 3.0],
}


@pytest.mark.parametrize("data", ragged.values(), ids=ragged)
def test_ragged_lists_are_refused(data):
    """Rows of different lengths: ValueError that says so."""
    with refused(ValueError, "different lengths"):
        Tensor(data)
    with refused(ValueError, "different lengths"):
        Tensor([1.0, 2.0]) + data


def ragged_lists_of_values():
    v = Value(1.0)
    return {
        "short row": [[v], [v, 2.0]],
        "number beside row": [[v, 2.0], 3.0],
        "row beside number": [3.0, [v, 2.0]],
        "deeper row": [[v, 2.0], [[3.0], 4.0]],
        "six in three rows": [[v, 2.0], [3.0, 4.0, 5.0], [6.0]],
        "four in two": [[1.0, 2.0, v], [4.0]],
        "empty row": [[v], []],
    }


@pytest.mark.parametrize("name", ragged_lists_of_values())
def test_ragged_lists_of_values_are_refused(name):
    """Nested lists with Values in them must be rectangular, even where the numbers would add up to a rectangle."""
    with pytest.raises(ValueError, match=r"length|shape"):
        Tensor(ragged_lists_of_values()[name])


def test_masked_arrays_inside_lists():
    """A masked array within a list is refused as well: its mask would be lost."""
    masked = np.ma.masked_array([1.0, 2.0], [0, 1])
    for data in ([masked], [masked, masked], [[1.0, 2.0], masked], [1.0, np.ma.masked]):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with pytest.raises((ag.DTypeError, ValueError)):
                Tensor(data)
            with pytest.raises((ag.DTypeError, ValueError)):
                Tensor([1.0, 1.0]) * data


STATIC = {
    "leaky_relu node": lambda t: ag.leaky_relu(t, Value(0.1)), "leaky_relu str": lambda t: ag.leaky_relu(t, "a"),
    "leaky_relu None": lambda t: ag.leaky_relu(t, None), "leaky_relu list": lambda t: ag.leaky_relu(t, [1.0, 2.0, 3.0]),
    "elu node": lambda t: ag.elu(t, Value(1.0)), "norm node": lambda t: ag.norm(t, Value(3.0)),
    "pad node": lambda t: ag.pad(t, 1, constant_values=Value(2.0)), "pad fraction": lambda t: ag.pad(t, 1.7),
    "sinc negative": lambda t: ag.sinc(t, -1), "sinc fraction": lambda t: ag.sinc(t, 1.5), "sinc node": lambda t: ag.sinc(t, Value(1.0)),
    "round node": lambda t: ag.round(t, Value(1.0)), "round fraction": lambda t: ag.round(t, 1.5),
    "var node": lambda t: ag.var(t, ddof=Value(1.0)), "reshape node": lambda t: t.reshape(Value(3.0)),
    "reshape fraction": lambda t: t.reshape(3.0), "roll fraction": lambda t: ag.roll(t, 1.5), "tile fraction": lambda t: ag.tile(t, 1.5),
    "repeat node": lambda t: ag.repeat(t, Value(2.0)), "axis fraction": lambda t: t.sum(0.0), "axis node": lambda t: t.sum(Value(0.0)),
    "axis string": lambda t: t.sum("0"), "gelu form": lambda t: ag.gelu(t, "exact"), "split fraction": lambda t: ag.split(t, 1.5),
    "where string": lambda t: ag.where("a", t, 0.0), "where None": lambda t: ag.where(None, t, 0.0),
}  # fmt: skip


@pytest.mark.parametrize("call", STATIC.values(), ids=STATIC)
@pytest.mark.parametrize(
    "make", [lambda: Tensor([-2.0, 1.0, 3.0]), lambda: Value(-2.0)], ids=["Tensor", "Value"]
)
def test_static_parameters_are_plain_numbers(make, call):
    """A slope, order, axis, width… that is a node, a string or a fraction where an integer is meant: an error, never a cut."""
    x = make()
    with pytest.raises(
        (ValueError, TypeError, AttributeError, ag.GraphError, NotImplementedError, IndexError)
    ):
        call(x)


def test_an_object_array_is_refused_and_a_list_of_values_is_advised():
    """An object array: ValueError that points to Tensor([…]); no node lives in one."""
    held = np.empty(2, object)
    held[0], held[1] = Value(1.0), Value(2.0)
    with refused(ValueError, "object", "Tensor(["):
        Tensor(held)
    with refused(ValueError, "object"):
        Tensor([1.0, 2.0]) * held


def test_a_list_that_holds_itself_is_refused():
    """A list inside itself: an error, not an endless loop."""
    script = (
        "import autograd_mini as ag\nd = []\nd.append(d)\n"
        "try:\n    ag.Tensor(d)\nexcept (TypeError, ValueError):\n    print('refused')"
    )
    done = run_script(script)
    assert done.stdout.strip() == "refused", done.stderr


@pytest.mark.parametrize(
    "data",
    [np.array(2.5), np.array([2.5]), np.array([[2.5]]), np.array([2.5], "f"), np.float32(2.5)],
    ids=repr,
)
def test_a_value_takes_an_array_of_one_element(data):
    """Value(array) of one element is its float."""
    assert Value(data).data == 2.5
    assert type(Value(data).data) is float


@pytest.mark.parametrize("data", [np.ones(2), np.zeros((0, 3)), np.ones((1, 2))], ids=repr)
def test_a_value_refuses_several_elements(data):
    """Value(array) of another size: DTypeError with the shape and "use Tensor"."""
    with refused(ag.DTypeError, "use Tensor", str(data.shape)):
        Value(data)


def test_a_value_refuses_a_list_and_names_tensor():
    """Value([1.0, 2.0]): DTypeError that points to Tensor."""
    with refused(ag.DTypeError, "list", "Tensor"):
        Value([1.0, 2.0])


@pytest.mark.parametrize("kind", [Value, Tensor])
@pytest.mark.parametrize(
    "node",
    [Value(1.0), Tensor([1.0]), Value(1.0) * 2.0, Value(1.0, requires_grad=False)],
    ids=["Value", "Tensor", "interior", "constant"],
)
def test_a_node_is_not_wrapped_again(kind, node):
    """Value(Value), Tensor(Tensor) and the mixtures: DTypeError with .detach()."""
    with refused(ag.DTypeError, f"already a {type(node).__name__}", ".detach()", unchanged=[node]):
        kind(node)


@pytest.mark.parametrize(
    "make",
    [Value, Tensor, lambda n: Value(1.0) * n, lambda n: n + Tensor([1.0]), lambda n: Tensor([n])],
    ids=["Value", "Tensor", "*", "+", "list"],
)
def test_an_integer_beyond_floats_says_so(make):
    """10**400: OverflowError that says so, at once and not with all its digits."""
    with refused(OverflowError, "range") as caught:
        make(10**400)
    assert len(str(caught.value)) < 200


def test_nan_and_infinity_propagate_without_a_warning():
    """NaN and ±inf go through both classes as IEEE says: no exception, no warning (warnings are errors here)."""
    for x in (math.nan, math.inf, -math.inf, 0.0, -0.0, 1e308, -1e308, 5e-324):
        for y in (math.nan, math.inf, -math.inf, 0.0, 1e308):
            for kind in (Value, lambda d: Tensor([d, d])):
                for f in (
                    lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, lambda a, b: a / b, lambda a, b: a**b, lambda a, b: a % b,
                    ag.hypot, ag.arctan2, ag.logaddexp, ag.xlogy, ag.maximum,
                ):  # fmt: skip
                    a, b = kind(x), kind(y)
                    out = f(a, b)
                    out.backward(None if kind is Value else np.ones(2))
                    ag.gradients(out, [a, b], None if kind is Value else np.ones(2), create_graph=True)


def test_no_warning_escapes_from_accumulating_gradients():
    """+inf and −inf met on a leaf give NaN, without a warning."""
    x = Tensor([1.0, 1.0])
    y = x * 1.0
    y.backward(np.array([math.inf, 1.0]))
    y.backward(np.array([-math.inf, 1.0]))
    np.testing.assert_array_equal(x.grad, [math.nan, 2.0])
    v = Value(1.0)
    (v * math.inf).backward()
    (v * -math.inf).backward()
    assert math.isnan(v.grad)


def test_no_warning_escapes_from_casts_to_float32():
    """A number beyond float32 becomes infinite in it, without a warning."""
    assert (Tensor(np.ones(1, "f")) * 1e300).data[0] == math.inf
    assert Tensor([1e300], dtype="float32").data[0] == math.inf
    assert (Tensor(np.ones(1, "f")) + 10**60).data[0] == math.inf
    x = Tensor(np.ones(1, "f"))
    (x * np.array([1e300])).backward()
    assert x.grad[0] == math.inf


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_no_warning_escapes_from_an_optimiser(momentum):
    """A step that overflows gives inf, without a warning, in Tensors and Values."""
    x, v = Tensor(np.array([3e38], "f")), Value(1e308)
    x.grad, v.grad = np.array([-3e38], "f"), -1e308
    sgd = SGD([x, v], lr=10.0, momentum=momentum)
    sgd.step()
    assert x.data[0] == math.inf
    assert v.data == math.inf
    assert (v * 2.0 - v).data != (v * 2.0 - v).data  # NaN, no warning: the number is a float still


def test_empty_reductions():
    """Of nothing the sum is 0, the product 1, the mean NaN, and the maximum a ValueError that names itself."""
    empty = Tensor(np.zeros((0,)))
    assert empty.sum().item() == 0
    assert empty.prod().item() == 1
    assert math.isnan(empty.mean().item())
    for f in (ag.max, ag.min, np.max):
        with refused(ValueError, "max" if f is not ag.min else "min", unchanged=[empty]):
            f(empty)
    for f in (ag.sum, ag.prod, ag.mean):
        f(empty).backward()
    assert empty.grad.shape == (0,)


SHAPES = {
    "matmul": (
        lambda: Tensor([[1.0, 2.0]]) @ Tensor([[1.0, 2.0]]),
        ["matmul: (1, 2) @ (1, 2): inner sizes 2 and 1 differ"],
    ),
    "np.dot": (
        lambda: np.dot(Tensor([[1.0, 2.0]]), np.ones((3, 1))),
        ["(1, 2) @ (3, 1): inner sizes 2 and 3 differ"],
    ),
    "matmul vectors": (lambda: Tensor([1.0, 2.0]) @ [1.0, 2.0, 3.0], ["(2,) @ (3,)", "2 and 3"]),
    "matmul stacks": (
        lambda: Tensor(np.ones((2, 3, 4))) @ np.ones((5, 4, 3)),
        ["matmul", "(2, 3, 4)", "(5, 4, 3)"],
    ),
    "matmul of a number": (lambda: Tensor([1.0, 2.0]) @ 2.0, ["matmul", "()"]),
    "matmul of a Value": (lambda: Tensor([1.0, 2.0]) @ Value(2.0), ["matmul", "()"]),
    "Value matmul": (lambda: Value(2.0) @ Tensor([1.0, 2.0]), ["matmul", "()"]),
    "add": (lambda: Tensor([1.0, 2.0]) + Tensor([1.0, 2.0, 3.0]), ["add", "(2,)", "(3,)"]),
    "raw add": (lambda: Tensor([1.0, 2.0]) + np.ones(3), ["add", "(2,)", "(3,)"]),
    "maximum": (lambda: ag.maximum(Tensor([1.0, 2.0]), np.ones(3)), ["maximum", "(2,)", "(3,)"]),
    "where": (lambda: ag.where([True, False], Tensor([1.0, 2.0, 3.0]), 0.0), ["where", "(2,)", "(3,)"]),
    "clip": (lambda: ag.clip(Tensor([1.0, 2.0, 3.0]), np.ones(2), None), ["clip", "(3,)", "(2,)"]),
    "linear": (
        lambda: ag.linear(Tensor(np.ones((4, 5))), np.ones((2, 3)), np.ones(3)),
        ["linear", "(4, 5)", "(2, 3)", "5", "2"],
    ),
    "linear bias": (
        lambda: ag.linear(Tensor(np.ones((4, 2))), np.ones((2, 3)), np.ones(4)),
        ["linear", "(4,)"],
    ),
    "reshape": (lambda: Tensor([1.0, 2.0, 3.0]).reshape(2, 2), ["reshape", "(3,)", "(2,2)"]),
    "broadcast_to": (
        lambda: ag.broadcast_to(Tensor([1.0, 2.0, 3.0]), (2,)),
        ["broadcast_to", "(3,)", "(2,)"],
    ),
    "concatenate": (
        lambda: ag.concatenate([Tensor(np.ones((2, 2))), np.ones((3, 3))]),
        ["concatenate", "(2, 2)", "(3, 3)"],
    ),
    "stack": (lambda: ag.stack([Tensor([1.0]), np.ones(3)]), ["stack", "(1,)", "(3,)"]),
    "squeeze": (lambda: ag.squeeze(Tensor([1.0, 2.0]), 0), ["squeeze", "(2,)"]),
    "split": (lambda: ag.split(Tensor([1.0, 2.0, 3.0]), 2), ["split", "3", "2"]),
    "einsum": (
        lambda: ag.einsum("ij,jk->ik", Tensor(np.ones((2, 3))), np.ones((2, 3))),
        ["einsum", "(2, 3)", "j"],
    ),
    "einsum operands": (lambda: ag.einsum("i,j->ij", Tensor([1.0])), ["einsum", "i,j->ij"]),
    "dot of lists": (lambda: ag.dot([Value(1.0)], [1.0, 2.0]), ["dot", "1", "2"]),
    "index_update": (
        lambda: ag.index_update(Tensor([1.0, 2.0]), slice(0, 1), [1.0, 2.0, 3.0]),
        ["index_update", "(2,)", "(3,)"],
    ),
    "diag": (lambda: ag.diag(Tensor(np.ones((1, 1, 1)))), ["diag", "(1, 1, 1)"]),
    "inv": (lambda: ag.inv(Tensor(np.ones((2, 3)))), ["inv", "(2, 3)"]),
    "det": (lambda: ag.det(Tensor([1.0, 2.0])), ["det", "(2,)"]),
    "solve": (lambda: ag.solve(Tensor(np.eye(2)), np.ones(3)), ["solve", "(2, 2)", "(3,)"]),
    "transpose": (lambda: ag.transpose(Tensor(np.ones((2, 3))), (0, 0)), ["transpose", "(2, 3)"]),
    ".data =": (lambda: setattr(Tensor([1.0, 2.0]), "data", np.ones(3)), [".data", "(3,)", "(2,)"]),
}


@cases(SHAPES)
def test_shapes_that_do_not_fit(given, texts):
    """ShapeError (ValueError) that names the operation and the shapes."""
    with refused(ag.ShapeError, *texts):
        given()


@pytest.mark.parametrize("join", [ag.concatenate, ag.stack, np.concatenate])
def test_joining_nothing_is_refused(join):
    """concatenate([]) and stack([]): ValueError, as in NumPy."""
    with refused(ValueError, "at least one"):
        join([])


INDICES = {
    "integer": (lambda t: t[7], ["7", "3"]),
    "negative": (lambda t: t[-4], ["-4", "3"]),
    "array": (lambda t: t[[0, 5]], ["5", "3"]),
    "too many": (lambda t: t[0, 0, 0], ["indices"]),
    "mask": (lambda t: t[np.array([True, False])], ["boolean"]),
    "float": (lambda t: t[1.0], ["integers"]),
    "float array": (lambda t: t[np.array([1.0])], ["integers"]),
    "string": (lambda t: t["a"], ["integers"]),
    "index_update": (lambda t: ag.index_update(t, 7, 1.0), ["7", "3"]),
    "sum": (lambda t: t.sum(3), ["sum", "3"]),
    "sum of axes": (lambda t: t.sum((0, 2)), ["sum", "2"]),
    "max": (lambda t: t.max(axis=-3), ["max", "-3"]),
    "mean": (lambda t: t.mean(2), ["mean", "2"]),
    "var": (lambda t: t.var(2), ["var", "2"]),
    "std": (lambda t: t.std(2), ["std", "2"]),
    "prod": (lambda t: t.prod(2), ["prod", "2"]),
    "softmax": (lambda t: ag.softmax(t, 2), ["softmax", "2"]),
    "log_softmax": (lambda t: ag.log_softmax(t, 2), ["log_softmax", "2"]),
    "logsumexp": (lambda t: ag.logsumexp(t, 2), ["logsumexp", "2"]),
    "norm": (lambda t: ag.norm(t, axis=2), ["norm", "2"]),
    "argmax": (lambda t: t.argmax(2), ["2"]),
    "cumsum": (lambda t: ag.cumsum(t, 2), ["axis 2", "(3, 2)"]),
    "cumprod": (lambda t: ag.cumprod(t, 2), ["axis 2", "(3, 2)"]),
    "concatenate": (lambda t: ag.concatenate([t, t], 2), ["axis 2", "(3, 2)"]),
    "stack": (lambda t: ag.stack([t, t], 3), ["3"]),
    "stack negative": (lambda t: ag.stack([t, t], -4), ["-4"]),
    "stack far": (lambda t: ag.stack([t, t], 7), ["7"]),
    "flip": (lambda t: ag.flip(t, 2), ["flip", "2"]),
    "roll": (lambda t: ag.roll(t, 1, 2), ["roll", "2"]),
    "swapaxes": (lambda t: ag.swapaxes(t, 0, 2), ["axis 2", "(3, 2)"]),
    "moveaxis": (lambda t: ag.moveaxis(t, 0, 2), ["axis 2", "(3, 2)"]),
    "transpose": (lambda t: ag.transpose(t, 0, 2), ["axis 2", "(3, 2)"]),
    "expand_dims": (lambda t: ag.expand_dims(t, 5), ["5"]),
    "squeeze": (lambda t: ag.squeeze(t, 5), ["axis 5", "(3, 2)"]),
    "sort": (lambda t: ag.sort(t, 2), ["axis 2", "(3, 2)"]),
    "split": (lambda t: ag.split(t, 1, 2), ["axis 2", "(3, 2)"]),
    "repeat": (lambda t: ag.repeat(t, 2, 2), ["axis 2", "(3, 2)"]),
    "diagonal": (lambda t: ag.diagonal(t, 0, 0, 2), ["axis 2", "(3, 2)"]),
    "trace": (lambda t: ag.trace(t[0]), ["axis 1", "(2,)"]),
    "take_along_axis": (lambda t: ag.take_along_axis(t, np.array([[7]]), 0), ["7", "3"]),
    "take_along_axis float": (lambda t: ag.take_along_axis(t, np.array([[1.0]]), 0), ["integer"]),
    "tensordot": (lambda t: ag.tensordot(t, t, ([2], [0])), ["axis 2", "(3, 2)"]),
}


@cases(INDICES)
def test_an_index_or_axis_out_of_range(given, texts):
    """IndexError with the index or axis and the range."""
    t = Tensor(np.ones((3, 2)))
    with refused(IndexError, *texts, unchanged=[t]):
        given(t)


def test_a_node_is_no_index():
    """t[node]: DTypeError that says how to make an index of it."""
    t = Tensor([1.0, 2.0])
    for index in (Value(1.0), Tensor([1.0]), (Value(0.0),)):
        with refused(ag.DTypeError, "index", ".data"):
            t[index]


def test_repeated_indices_add_up():
    """x[[0, 0]]: the gradient is [2, 0]."""
    x = Tensor([1.0, 5.0])
    x[[0, 0]].sum().backward()
    np.testing.assert_array_equal(x.grad, [2.0, 0.0])


# ---- Section 4: backward and gradients --------------------------------------------------------------------------------


def test_backward_of_several_numbers():
    """backward() on shape (3,): GraphError with the shape and the ways out."""
    x = Tensor([1.0, 2.0, 3.0])
    with refused(ag.GraphError, "scalar", "(3,)", "gradient", ".sum()", ".mean()", unchanged=[x]):
        (x * 2.0).backward()
    with refused(ag.GraphError, "scalar", "(3,)", ".sum()", unchanged=[x]):
        ag.gradients(x * 2.0, x)


@pytest.mark.parametrize(
    "call",
    [
        lambda y, x, g: y.backward(g),
        lambda y, x, g: ag.gradients(y, x, g),
        lambda y, x, g: ag.gradients(y, x, g, create_graph=True),
    ],
)
@pytest.mark.parametrize("shape", [(4,), (3, 1), (), (1, 3), (0,)], ids=str)
def test_gradient_of_the_wrong_shape(call, shape):
    """A gradient from above of another shape, broadcastable or not: ShapeError with both shapes, and no talk of new Tensors."""
    x = Tensor([1.0, 2.0, 3.0])
    with refused(ag.ShapeError, "gradient", str(shape), "(3,)", unchanged=[x]) as caught:
        call(x * 2.0, x, np.ones(shape))
    assert "new Tensor" not in str(caught.value)
    v = Value(1.0)
    with refused(ag.ShapeError, "gradient", "(3,)", unchanged=[v]):
        call(v * 2.0, v, np.ones(3))


@pytest.mark.parametrize(
    "gradient",
    [
        "abc",
        1j,
        np.ones(3) * 1j,
        np.ones(3, np.float16),
        None,
        [None, 1, 2],
        np.ma.ones(3),
        {1},
        Tensor([1.0, 1.0, 1.0]),
    ],
    ids=repr,
)
def test_gradient_of_the_wrong_kind(gradient):
    """A gradient from above that is no plain array of real numbers: DTypeError (an object list ValueError)."""
    if gradient is None:
        return
    x = Tensor([1.0, 2.0, 3.0])
    with refused((ag.DTypeError, ValueError), unchanged=[x]):
        (x * 2.0).backward(gradient)
    v = Value(1.0)
    if np.ndim(gradient if not isinstance(gradient, Tensor) else 0.0) == 0:
        with refused(ag.DTypeError, unchanged=[v]):
            (v * 2.0).backward(gradient)


def test_gradients_from_above_of_other_real_types_are_taken():
    """Integers, booleans, lists and float32 are converted, and what was given is not kept."""
    for gradient in ([1, 2, 3], np.array([1, 2, 3]), np.array([1, 2, 3], "f"), (1.0, 2.0, 3.0)):
        x = Tensor([1.0, 1.0, 1.0])
        x.backward(gradient)
        np.testing.assert_array_equal(x.grad, [1.0, 2.0, 3.0])
        assert x.grad.dtype == np.float64
        assert x.grad is not gradient


CUTS = {
    "detach": (lambda x: x.detach() * 2.0, ["detach"]),
    "data": (lambda x: type(x)(x.data, requires_grad=False) * 2.0, [".data", "constant"]),
    "item": (lambda x: Value(x.item(), requires_grad=False) * 2.0, [".item()"]),
    "requires_grad": (lambda x: type(x)(1.0, requires_grad=False) + 1.0, ["requires_grad=False"]),
    "leaf": (lambda x: type(x)(1.0, requires_grad=False), ["nothing to differentiate"]),
}


@pytest.mark.parametrize("kind", [Value, Tensor])
@cases(CUTS)
def test_backward_of_a_constant(kind, given, texts):
    """backward and gradients of what holds no variable: GraphError that says so, what cuts a graph, and which cut it was."""
    x = kind(3.0, label="x")
    for call in (lambda y: y.backward(), lambda y: ag.gradients(y, x)):
        with refused(
            ag.GraphError,
            "nothing to differentiate",
            ".detach()",
            ".data",
            ".item()",
            "no_grad",
            *texts,
            unchanged=[x],
        ):
            call(given(x))


def test_backward_of_what_was_built_under_no_grad():
    """The cut through no_grad is named, also several operations later."""
    x = Tensor([1.0, 2.0])
    with ag.no_grad():
        y = x * 2.0
    z = (y + 1.0).sum()
    with refused(ag.GraphError, "nothing to differentiate", "cut off by no_grad", unchanged=[x]):
        z.backward()
    with refused(ag.GraphError, "cut off by detach", unchanged=[x]):
        (x.detach() * 2.0).sum().backward()


@pytest.mark.parametrize("create_graph", [False, True])
def test_gradients_of_an_unused_input(create_graph):
    """An input that the output does not depend on: GraphError that names it and allow_unused; with that, zeros of its shape."""
    x, unused, value = Tensor([1.0, 2.0]), Tensor(np.ones((2, 3), "f"), label="spare"), Value(1.0)
    y = (x * 2.0).sum()
    with refused(ag.GraphError, "spare", "allow_unused=True", "inputs[1]", unchanged=[x, unused]):
        ag.gradients(y, [x, unused], create_graph=create_graph)
    with refused(ag.GraphError, "spare", "allow_unused=True", unchanged=[x, unused]):
        ag.gradients(y, unused, create_graph=create_graph)
    _, zeros, zero = ag.gradients(y, (x, unused, value), allow_unused=True, create_graph=create_graph)
    assert isinstance(zeros, Tensor) is create_graph
    np.testing.assert_array_equal(getattr(zeros, "data", zeros), np.zeros((2, 3)))
    assert (zeros.shape, zeros.dtype) == ((2, 3), np.float32)
    assert (zero.data if create_graph else zero) == 0.0
    constant = Tensor([1.0], requires_grad=False, label="fixed")
    with refused(ag.GraphError, "fixed", unchanged=[x]):
        ag.gradients((x * constant).sum(), constant)


@pytest.mark.parametrize(
    "bad",
    [3.0, np.ones(2), None, "x", {"x": 1.0}, {Value(1.0)}],
    ids=["float", "array", "None", "str", "dict of floats", "set"],
)
def test_gradients_takes_nodes(bad):
    """gradients of or with respect to raw data: DTypeError that names the type (in a list None holds no place)."""
    x = Value(2.0)
    named = "float" if isinstance(bad, dict) else type(bad).__name__
    with refused(ag.DTypeError, named, unchanged=[x]):
        ag.gradients(x * 2.0, bad)
    if bad is not None:
        with refused(ag.DTypeError, named, unchanged=[x]):
            ag.gradients(x * 2.0, [x, bad])
    with refused(ag.DTypeError, type(bad).__name__, unchanged=[x]):
        ag.gradients(bad, x)


# ---- Section 4: nothing cuts a graph silently -------------------------------------------------------------------------

CUTTERS = {
    "float": float, "int": int, "complex": complex, "math.exp": math.exp, "math.floor": math.floor, "%.4f": lambda v: "%.4f" % v,
    "%d": lambda v: "%d" % v, "np.asarray": np.asarray, "np.array": np.array, "np.vectorize": np.vectorize(math.exp),
    "np.float64": np.float64, "array of nodes": lambda v: np.array([v, v]), "object array": lambda v: np.asarray(v, dtype=object),
    "assigned into an array": lambda v: np.zeros(np.shape(v) or (1,)).__setitem__(Ellipsis, v),
    "np.full": lambda v: np.full(np.shape(v) or 2, v), "method of an array": lambda v: np.eye(v.size).dot(v),
    "np.random": lambda v: np.random.default_rng(0).normal(v),
}  # fmt: skip


@pytest.mark.parametrize(
    "make",
    [
        lambda: Value(2.0, label="w"),
        lambda: Tensor(2.0, label="w"),
        lambda: Tensor([2.0], label="w"),
        lambda: Tensor([1.0, 2.0], label="w"),
    ],
    ids=["Value", "0-d", "1", "2"],
)
@pytest.mark.parametrize("cut", CUTTERS.values(), ids=CUTTERS)
def test_what_would_cut_the_graph(make, cut):
    """float, int, math, %-format, np.asarray, np.vectorize… of a variable: GraphError with what stays in the graph and what leaves it."""
    node = make()
    with refused(
        ag.GraphError, "'w'", "cut the graph", ".item()", ".data", ".detach()", "write ", unchanged=[node]
    ):
        cut(node)


def test_a_fill_value_that_is_a_variable_is_refused():
    """np.full_like(array, node) would lose the node; beside a Tensor it stays in the graph."""
    v = Value(3.0)
    with refused(NotImplementedError, "np.copyto", "ag.full_like", unchanged=[v]):
        np.full_like(np.ones(2), v)
    assert ag.gradients(np.full_like(Tensor([1.0, 2.0]), v).sum(), v) == 2.0


def test_constants_convert_freely():
    """float, int, math.exp and np.asarray of a constant cut nothing, and work."""
    for c in (
        Value(2.0, requires_grad=False),
        Tensor(2.0, requires_grad=False),
        Value(2.0).detach(),
        Tensor([2.0]).detach(),
    ):
        assert float(c) == 2.0
        assert int(c) == 2
        assert math.exp(c) == math.exp(2.0)
        assert "%.2f" % c == "2.00"
        np.testing.assert_array_equal(np.ravel(np.asarray(c)), [2.0])
        assert np.asarray(c, dtype="f").dtype == np.float32


def test_printing_and_comparing_a_variable_work():
    """f-strings, repr, str and comparisons of variables work."""
    for x in (Value(2.0), Tensor(2.0), Tensor([2.0])):
        assert f"{x:.3f}" == "2.000"
        assert f"{x:8.1f}|" == "     2.0|"
        assert f"{x:>10}".endswith("2.0")
        assert "2." in f"{x}"
        assert "2." in str(x)
        assert "2." in f"{x!r}"
        assert x > 1
        assert x >= 2.0
        assert not x < 2
        assert x != 3


def test_a_format_of_several_numbers_says_so():
    """f"{t:.3f}" of several numbers: an error with the shape, no endless recursion."""
    t = Tensor([1.0, 2.0], label="t")
    with pytest.raises((TypeError, ValueError)) as caught:
        f"{t:.3f}"
    assert "Tensor" in str(caught.value) or "(2,)" in str(caught.value)
    assert "recursion" not in str(caught.value)


@pytest.mark.parametrize("data", [[1.0, 2.0], [], [[1.0, 1.0]]], ids=repr)
def test_the_truth_of_several_numbers(data):
    """if t: with size ≠ 1: ValueError, ambiguous, with .any() and .all()."""
    t = Tensor(data, label="t")
    with refused(ValueError, "'t'", "ambiguous", ".any()", ".all()", unchanged=[t]):
        if t:
            pass


def test_the_truth_of_one_number():
    """A scalar, or a single element, gives its bool."""
    for make in (Value, Tensor, lambda d: Tensor([[d]])):
        assert make(0.5)
        assert not make(0.0)
        assert make(math.nan)


@pytest.mark.parametrize("index", [0, slice(None), ..., [0, 1], np.array([True, False]), None], ids=repr)
def test_assigning_into_a_tensor(index):
    """t[i] = v: TypeError with ag.index_update and ag.where."""
    t = Tensor([1.0, 2.0])
    with refused(TypeError, "ag.index_update", "ag.where", unchanged=[t]):
        t[index] = 0.0
    with pytest.raises(TypeError):
        t[index] += 1.0
    with pytest.raises((TypeError, AttributeError)):
        del t[index]


# ---- Section 4: updating parameters -----------------------------------------------------------------------------------

IN_PLACE = {
    "-=": lambda w, g: w.__isub__(g), "+=": lambda w, g: w.__iadd__(g), "*=": lambda w, g: w.__imul__(g),
    "/=": lambda w, g: w.__itruediv__(g), "**=": lambda w, g: w.__ipow__(g), "%=": lambda w, g: w.__imod__(g),
}  # fmt: skip


@pytest.mark.parametrize(
    "make", [lambda: Value(3.0, label="w"), lambda: Tensor([3.0, 4.0], label="w")], ids=["Value", "Tensor"]
)
@pytest.mark.parametrize("symbol", IN_PLACE)
def test_in_place_on_a_leaf_with_a_gradient(make, symbol):
    """w -= … outside no_grad on a leaf that has a .grad: GraphError with the operator, the leaf and the ways out."""
    w = make()
    ag.sum(w * 2.0).backward()
    with refused(
        ag.GraphError, f"'{symbol}'", "'w'", "grow", "no_grad", ".data", "zero_grad", "optim", unchanged=[w]
    ):
        IN_PLACE[symbol](w, 2.0)
    with ag.no_grad():
        assert IN_PLACE[symbol](w, 2.0) is w
    assert w.requires_grad
    assert not w.parents


def test_in_place_keeps_shape_and_dtype():
    """Under no_grad an update that would change the shape: ShapeError, and w is unchanged; the dtype stays."""
    w = Tensor(np.ones((2, 1), "f"))
    with ag.no_grad(), refused(ag.ShapeError, "(2, 3)", "(2, 1)", unchanged=[w]):
        w += np.ones((2, 3))
    with ag.no_grad():
        w -= np.full((2, 1), 0.25)
    assert w.dtype == np.float32
    np.testing.assert_array_equal(w.data, [[0.75], [0.75]])


def _under_no_grad(w):
    with ag.no_grad():
        w -= 1.0


def _stepped(w):
    held, w.grad = w.grad, np.ones_like(w.data)
    SGD([w], lr=0.5).step()
    w.grad = held


STALE = {
    "data": lambda w: setattr(w, "data", np.array([5.0, 5.0])),
    "data, in place": lambda w: setattr(w, "data", w.data.__isub__(1.0)),
    "no_grad": lambda w: _under_no_grad(w),
    "optimiser": lambda w: _stepped(w),
}


@pytest.mark.parametrize("change", STALE.values(), ids=STALE)
class TestStale:
    """Data replaced between forward and backward: GraphError that names the tensor and the operation that had read it."""

    def test_a_leaf(self, change):
        """A parameter changed before backward, for both ways of asking."""
        w, x = Tensor([1.0, 2.0], label="w"), Tensor([3.0, 4.0])
        y = (w * x).sum()
        change(w)
        with refused(ag.GraphError, "'w'", "'multiply'", "changed", unchanged=[w, x]):
            y.backward()
        with refused(ag.GraphError, "'w'", "'multiply'", unchanged=[w, x]):
            ag.gradients(y, w)
        with refused(ag.GraphError, "'w'", "'multiply'", unchanged=[w, x]):
            ag.gradients(y, w, create_graph=True)

    def test_the_other_factor(self, change):
        """The gradient of x is made of w: it is refused too, though w's is not asked for."""
        w, x = Tensor([1.0, 2.0], label="w"), Tensor([3.0, 4.0])
        y = (w * x).sum()
        change(w)
        with refused(ag.GraphError, "'w'", "'multiply'", unchanged=[w, x]):
            ag.gradients(y, x)
        w.requires_grad = False
        with refused(ag.GraphError, "'w'", "'multiply'", unchanged=[w, x]):
            y.backward()

    def test_a_second_backward(self, change):
        """The first backward is right, the second comes too late."""
        w = Tensor([1.0, 2.0], label="w")
        y = (w * w).sum()
        y.backward()
        change(w)
        with refused(ag.GraphError, "'w'", "'multiply'", unchanged=[w]):
            y.backward()
        np.testing.assert_array_equal(w.grad, [2.0, 4.0])

    def test_second_order(self, change):
        """A gradient that is a graph has read w as well."""
        w = Tensor([1.0, 2.0], label="w")
        slope = ag.gradients((w * w * w).sum(), w, create_graph=True)
        change(w)
        with refused(ag.GraphError, "'w'", unchanged=[w]):
            slope.sum().backward()

    def test_a_view(self, change):
        """What was reshaped, transposed or sliced out of w has read w: its numbers stay, or it is refused."""
        for view in (
            lambda w: w.reshape(2, 1)[:, 0],
            lambda w: w[::-1],
            lambda w: ag.broadcast_to(w, (2, 2))[0],
            lambda w: w[:],
        ):
            w, x = Tensor([1.0, 2.0], label="w"), Tensor([3.0, 4.0])
            part = view(w)
            old, y = part.data.copy(), (part * x).sum()
            change(w)
            try:
                (share,) = ag.gradients(y, [x])
            except ag.GraphError:
                continue
            np.testing.assert_array_equal(share, old)

    def test_a_detached_copy(self, change):
        """What .detach() gave keeps its numbers, or backward is refused; a silently wrong gradient is neither."""
        w, x = Tensor([1.0, 2.0], label="w"), Tensor([3.0, 4.0])
        fixed = w.detach()
        y = (fixed * x).sum()
        change(w)
        try:
            y.backward()
        except ag.GraphError:
            return
        np.testing.assert_array_equal(x.grad, [1.0, 2.0])

    def test_the_next_forward_pass_is_fine(self, change):
        """After the change a new graph is right."""
        w = Tensor([1.0, 2.0])
        change(w)
        (w * w).sum().backward()
        np.testing.assert_array_equal(w.grad, 2.0 * w.data)

    def test_another_tensor_is_not_blamed(self, change):
        """A change of a tensor that the graph has not read harms nothing."""
        w, other = Tensor([1.0, 2.0]), Tensor([1.0, 2.0])
        y = (w * w).sum()
        change(other)
        y.backward()
        np.testing.assert_array_equal(w.grad, [2.0, 4.0])


@pytest.mark.parametrize(
    "view",
    [
        lambda w: w.reshape(2),
        lambda w: w[:],
        lambda w: w.T,
        lambda w: w.ravel(),
        lambda w: w[::-1][::-1],
        lambda w: w * 1.0,
    ],
)
@pytest.mark.parametrize(
    "change",
    [_stepped, lambda w: setattr(w, "data", w.data.__isub__(1.0))],
    ids=["optimiser", "data, in place"],
)
def test_a_view_taken_under_no_grad_keeps_its_numbers(view, change):
    """Weights kept under no_grad, or a view of a constant, are not written through by later steps; or backward refuses."""
    for make in (Tensor, lambda d: Tensor(d, requires_grad=False)):
        w, x = make([1.0, 2.0]), Tensor([3.0, 4.0])
        with ag.no_grad():
            kept = view(w)
        y = (kept * x).sum()
        if w.requires_grad:
            change(w)
        else:
            w.data -= 1.0
        try:
            y.backward()
        except ag.GraphError:
            continue
        np.testing.assert_array_equal(x.grad, [1.0, 2.0])
        np.testing.assert_array_equal(kept.data, [1.0, 2.0])


def test_a_shallow_copy_has_numbers_of_its_own():
    """copy.copy(parameter): a step of the copy moves neither the original nor a gradient that was recorded with it."""
    w, x = Tensor([1.0, 2.0]), Tensor([3.0, 4.0])
    y, twin = (w * x).sum(), copy.copy(w)
    _stepped(twin)
    np.testing.assert_array_equal(w.data, [1.0, 2.0])
    y.backward()
    np.testing.assert_array_equal(x.grad, [1.0, 2.0])
    assert not np.shares_memory(twin.data, w.data)


@pytest.mark.parametrize(
    "bad",
    [np.ones((2, 2)), np.ones(3), "abc", np.ones((1, 2)), 1j],
    ids=["(2, 2)", "(3,)", "str", "(1, 2)", "complex"],
)
def test_a_gradient_set_by_hand_to_something_else(bad):
    """A leaf's .grad that is no gradient of its shape: ShapeError or DTypeError at the next backward, which changes nothing."""
    w, v = Tensor([1.0, 2.0]), Value(1.0)
    for leaf in (w, v):
        leaf.grad = bad
        for loss in (leaf * 2.0, leaf):
            with pytest.raises((ValueError, TypeError)):
                ag.sum(loss).backward()
            assert leaf.grad is bad
            if leaf is v:
                with pytest.raises((ValueError, TypeError)):
                    loss.backward()


def test_a_changed_constant_is_stale():
    """A constant Tensor's .data reassigned between forward and backward: GraphError, not the new number in the gradient."""
    w, c = Tensor([1.0, 2.0]), Tensor([2.0, 2.0], requires_grad=False, label="c")
    y = (w * c).sum()
    c.data = [5.0, 5.0]
    with refused(ag.GraphError, "'c'", "'multiply'", unchanged=[w, c]):
        y.backward()


def test_the_data_of_a_result_are_not_assigned():
    """interior.data = …: GraphError that names the operation."""
    w = Tensor([1.0, 2.0])
    y = w * 2.0
    with refused(ag.GraphError, "multiply", unchanged=[w, y]):
        y.data = np.ones(2)


@pytest.mark.parametrize(
    "data", ["abc", None, 1j, [None, 1.0], Tensor([1.0, 2.0]), np.ones(2) * 1j], ids=repr
)
def test_data_of_the_wrong_kind_are_not_assigned(data):
    """t.data = what is no array of numbers: DTypeError (an object list ValueError), t unchanged."""
    t = Tensor([1.0, 2.0])
    with refused((ag.DTypeError, ValueError), unchanged=[t]):
        t.data = data


# ---- Section 4: NumPy functions without a rule ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("unique", ["np.unique(x.data)"]),
        ("spacing", [".data", "did you mean"]),
        ("roots", ["np.roots(p.data)"]),
        ("fft.fft", ["numbers are real"]),
        ("linalg.qr", ["np.linalg.cholesky"]),
        ("linalg.eig", ["np.linalg.eigh"]),
    ],
)
def test_a_numpy_function_without_a_rule(name, texts):
    """NotImplementedError that names it, what to write instead or the nearest there is, and the page of the list."""
    function = np
    for part in name.split("."):
        function = getattr(function, part)
    for node in (Tensor(np.eye(2)), Value(2.0)):
        if node.shape or name == "spacing":
            with refused(NotImplementedError, f"np.{name}", "docs/numpy.md", *texts, unchanged=[node]):
                function(node)


# ---- Section 4: copies ------------------------------------------------------------------------------------------------

COPIERS = {
    "deepcopy": copy.deepcopy,
    "copy": copy.copy,
    "pickle": lambda x: pickle.loads(pickle.dumps(x)),
    "pickle 2": lambda x: pickle.loads(pickle.dumps(x, 2)),
}


@pytest.mark.parametrize(
    "make", [lambda: Value(2.0) * 3.0, lambda: Tensor([2.0]) * 3.0], ids=["Value", "Tensor"]
)
@pytest.mark.parametrize("copier", COPIERS.values(), ids=COPIERS)
def test_an_interior_node_is_not_copied(make, copier):
    """copy, deepcopy and pickle of a result: GraphError that names its operation and .detach()."""
    node = make()
    with refused(ag.GraphError, "multiply", ".detach()", unchanged=[node]):
        copier(node)
    with pytest.raises(ag.GraphError, match="detach"):
        copier({"held": [node]}) if copier is not copy.copy else copier(node)
    kept = copier(node.detach())
    assert np.ravel(kept.data) == 6.0
    assert not kept.requires_grad


@pytest.mark.parametrize("copier", COPIERS.values(), ids=COPIERS)
def test_leaves_copy(copier):
    """A leaf's copy has its data, gradient, label and requires_grad, and a life of its own."""
    for x in (
        Value(2.0, label="x"),
        Tensor([[1.0, 2.0]], label="x"),
        Tensor(np.ones(2, "f"), label="x"),
        Value(1.0, label="x", requires_grad=False),
    ):
        if x.requires_grad:
            ag.sum(x * x).backward()
        twin = copier(x)
        assert twin is not x
        assert type(twin) is type(x)
        assert (twin.label, twin.requires_grad) == ("x", x.requires_grad)
        np.testing.assert_array_equal(twin.data, x.data)
        assert np.asarray(twin.data).dtype == np.asarray(x.data).dtype
        if x.requires_grad:
            np.testing.assert_array_equal(twin.grad, x.grad)
            held = np.array(x.grad)
            ag.sum(twin * twin).backward()
            np.testing.assert_array_equal(x.grad, held)
        if copier is not copy.copy and isinstance(x, Tensor):
            assert not np.shares_memory(twin.data, x.data)
        twin.label = "twin"
        assert x.label == "x"


@pytest.mark.parametrize("name", ["deepcopy", "pickle"])
def test_modules_copy_and_shared_parameters_stay_shared(name):
    """A Module's copy gives the same outputs; a parameter that two layers share is one parameter in the copy too."""
    net = Tied()
    twin = COPIERS[name](net)
    x = np.array([[0.5, -1.0]])
    np.testing.assert_array_equal(net(x).data, twin(x).data)
    assert len(net.parameters()) == len(twin.parameters()) == 2
    assert twin.one.weight is twin.two.weight
    assert twin.one.weight is twin.again[0]
    twin(x).sum().backward()
    assert all(parameter.grad is None for parameter in net.parameters())
    SGD(twin.parameters(), lr=0.1).step()
    assert not np.array_equal(net(x).data, twin(x).data)


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Linear(2, 2, rng=0), nn.Linear(2, 2, rng=1)
        self.two.weight, self.two.bias = self.one.weight, self.one.bias
        self.again = [self.one.weight]

    def forward(self, x):
        return self.two(ag.tanh(self.one(x)))


def test_a_module_that_holds_a_result_says_so_when_copied():
    """deepcopy of a Module that keeps an activation: GraphError, not a half copy."""
    net = nn.Linear(2, 1, rng=0)
    net.last = net(np.ones((1, 2)))
    with refused(ag.GraphError, "linear", ".detach()", unchanged=net.parameters()):
        copy.deepcopy(net)


# ---- Section 4: custom operations -------------------------------------------------------------------------------------


def double(xp, x):
    return x * 2.0


def through(op, node):
    """The loss of one node through an operation, a function of its own on either side."""
    return ag.sum(ag.apply(op, node * 1.0) * 1.0)


KINDS = pytest.mark.parametrize(
    "make",
    [lambda: Value(2.0), lambda: Tensor([1.0, 2.0, 3.0]), lambda: Tensor([2.0])],
    ids=["Value", "Tensor", "Tensor of 1"],
)


@KINDS
@pytest.mark.parametrize("count", [0, 2, 3])
@pytest.mark.parametrize("form", ["tuple", "list", "one function", "one function, tuple"])
def test_the_wrong_number_of_gradients(make, count, form):
    """More or fewer gradients than parents: GraphError that names the operation and both counts, for every form of vjps."""
    if not count and form in ("tuple", "list"):
        return  # an operation without a derivative
    one = lambda xp, g, out, x: g * 2.0  # noqa: E731
    many = {
        "one function": lambda *a: [one(*a)] * count,
        "one function, tuple": lambda *a: (one(*a),) * count,
    }
    x = make()
    with refused((ag.GraphError, TypeError), "'odd'", str(count), "1", unchanged=[x]) as caught:
        vjps = many.get(form) or {"tuple": (one,) * count, "list": [one] * count}[form]
        through(ag.Op("odd", double, vjps), x).backward()
    assert isinstance(caught.value, ag.GraphError) or form == "list"


@KINDS
@pytest.mark.parametrize(
    "vjps",
    [lambda xp, g, out, x: g * 2.0, lambda xp, g, out, x: None, lambda xp, g, out, x: 3],
    ids=["share", "None", "int"],
)
def test_one_function_must_return_a_list(make, vjps):
    """A single vjp (the comma of the tuple forgotten) that returns no list: GraphError that names the operation."""
    x = make()
    with refused(ag.GraphError, "'odd'", unchanged=[x]):
        through(ag.Op("odd", double, vjps), x).backward()


RETURNS = {
    "string": lambda g: "abc", "number in a string": lambda g: "1.0", "None": lambda g: None, "complex": lambda g: 1j,
    "dict": lambda g: {}, "shape": lambda g: np.ones((2, 5)), "longer": lambda g: np.ones(np.size(g) + 1),
    "list": lambda g: [1.0, 2.0, 3.0, 4.0], "object": lambda g: object(), "a class": lambda g: int, "another node": lambda g: Value(1.0),
}  # fmt: skip


@KINDS
@pytest.mark.parametrize("returned", RETURNS.values(), ids=RETURNS)
@pytest.mark.parametrize("together", [False, True], ids=["tuple", "one function"])
def test_a_gradient_of_the_wrong_kind_or_shape(make, returned, together):
    """A rule that returns no real number of its parent's shape: GraphError that names the operation; nothing is summed to make it fit.

    (An array of the broadcast shape is summed, which (2, 5) for (1,) would be: that is the engine's own repair.)
    """
    x = make()
    rule = (lambda xp, g, out, x: [returned(g)]) if together else (lambda xp, g, out, x: returned(g),)
    if x.shape == (1,) and returned in (RETURNS["shape"], RETURNS["longer"], RETURNS["list"]):
        return
    with refused(ag.GraphError, "'odd'", unchanged=[x]):
        through(ag.Op("odd", double, rule), x).backward()
    with refused(ag.GraphError, "'odd'", unchanged=[x]):
        ag.gradients(through(ag.Op("odd", double, rule), x), x)


class Mine(Exception):
    pass


@KINDS
@pytest.mark.parametrize(
    "kind",
    [
        Mine,
        ValueError,
        KeyError,
        ZeroDivisionError,
        IndexError,
        TypeError,
        StopIteration,
        MemoryError,
        RecursionError,
    ],
)
@pytest.mark.parametrize("together", [False, True], ids=["tuple", "one function"])
def test_a_users_exception_passes_through_backward(make, kind, together):
    """An exception inside a rule arrives as it is, with one note that names the operation."""
    x, raised = make(), []

    def rule(xp, g, out, x):
        raised.append(kind("mine"))
        raise raised[-1]

    with refused(kind, "mine", "'odd'", unchanged=[x]) as caught:
        through(ag.Op("odd", double, rule if together else (rule,)), x).backward()
    assert any(caught.value is error for error in raised)
    assert len(caught.value.__notes__) == 1


@KINDS
@pytest.mark.parametrize(
    "kind", [Mine, ValueError, KeyError, ZeroDivisionError, IndexError, TypeError, MemoryError]
)
def test_a_users_exception_passes_through_the_forward(make, kind):
    """An exception inside a forward arrives as it is, with a note that names the operation."""
    x, raised = make(), []

    def forward(xp, x):
        raised.append(kind("mine"))
        raise raised[-1]

    with refused(kind, "mine", "'odd'", unchanged=[x]) as caught:
        ag.apply(ag.Op("odd", forward, (lambda xp, g, out, x: g,)), x)
    assert any(caught.value is error for error in raised)


@KINDS
@pytest.mark.parametrize(
    "made",
    [
        lambda xp, x: "abc",
        lambda xp, x: None,
        lambda xp, x: 1j,
        lambda xp, x: object(),
        lambda xp, x: Value(1.0),
    ],
    ids=["str", "None", "complex", "object", "node"],
)
def test_a_forward_that_gives_no_real_number(make, made):
    """A forward that returns no real number or array: an error that names the operation, not a node that holds it."""
    x = make()
    with refused((ag.GraphError, ag.DTypeError), "'odd'", unchanged=[x]):
        ag.apply(ag.Op("odd", made, (lambda xp, g, out, x: g,)), x)


def test_a_forward_of_a_value_gives_one_number():
    """On Values an array is no result; a NumPy number is, and becomes a float."""
    with refused((ag.GraphError, ag.DTypeError, ag.ShapeError), "'odd'"):
        ag.apply(ag.Op("odd", lambda xp, x: np.ones(2), (lambda xp, g, out, x: g,)), Value(1.0))
    made = ag.apply(ag.Op("odd", lambda xp, x: np.float64(x) + 1, (lambda xp, g, out, x: g,)), Value(1.0))
    assert type(made.data) is float
    made = ag.apply(ag.Op("odd", lambda xp, x: 3, (lambda xp, g, out, x: g,)), Value(1.0))
    assert type(made.data) is float
    with np.errstate(all="raise"):
        assert (
            ag.apply(ag.Op("odd", lambda xp, x: np.float64(1e200), (lambda xp, g, out, x: g,)), Value(1.0))
            ** 2
        ).data == math.inf


@pytest.mark.parametrize(
    "vjps", [3, "abc", (3,), (lambda *a: 0.0, "g")], ids=["int", "str", "tuple of int", "tuple with str"]
)
def test_vjps_that_cannot_be_called(vjps):
    """Op(…, what is no function): TypeError, at the latest when it is applied."""
    with pytest.raises(TypeError):
        through(ag.Op("odd", double, vjps), Value(1.0)).backward()


def test_apply_of_what_is_no_operation():
    """ag.apply("add", …): an error that says what is wanted."""
    with pytest.raises((TypeError, AttributeError)):
        ag.apply("add", Value(1.0), Value(2.0))


@KINDS
def test_a_hostile_rule_cannot_reach_the_gradients_of_others(make):
    """A rule that writes into the g it was given spoils nobody else's gradient, or is refused."""

    def rude(xp, g, out, x):
        if isinstance(g, np.ndarray):
            with contextlib.suppress(ValueError):
                g *= 0.0
        return g * 1.0

    x, y = make(), make()
    total = ag.sum(x * 1.0 + ag.apply(ag.Op("rude", double, (rude,)), y))
    with contextlib.suppress(ag.GraphError):
        total.backward()
        np.testing.assert_array_equal(x.grad, np.ones(x.shape))


@KINDS
def test_a_mask_that_a_rule_returns_is_not_given_away(make):
    """A rule that returns an array of its own: editing the .grad that came of it does not edit the rule's array."""
    x = make()
    mine = np.ones(x.shape)
    ag.apply(
        ag.Op(
            "masked",
            lambda xp, x: x * 1.0,
            (lambda xp, g, out, x: mine if x.shape else 1.0,)
            if isinstance(x, Tensor)
            else (lambda xp, g, out, x: 1.0,),
        ),
        x,
    ).backward(None if x.size == 1 else np.ones(x.shape))
    if isinstance(x, Tensor):
        x.grad *= 5.0
        np.testing.assert_array_equal(mine, np.ones(x.shape))


def test_the_classes_are_final():
    """Subclassing Value or Tensor: TypeError with the way to add an operation."""
    for kind in (Value, Tensor):
        with refused(TypeError, "final", "ag.Op"):
            type("Sub", (kind,), {})
        with pytest.raises(AttributeError):
            kind(1.0).colour = "red"


# ---- Section 4: large graphs ------------------------------------------------------------------------------------------


def test_sixty_stacked_diamonds_are_exact():
    """2⁶⁰ paths: linear work, exact gradients, a repr and a tree of one line a node."""
    for make in (Value, lambda d: Tensor([d])):
        x = make(1.0)
        y = x
        for _ in range(60):
            y = y + y
        y.backward()
        assert x.grad == y.data == 2.0**60
        assert len(repr(y)) < 80
        assert len(str(ag.tree(y)).splitlines()) == 121


# ---- Section 4: no_grad -----------------------------------------------------------------------------------------------


def test_no_grad_does_not_leak_into_threads():
    """A thread records though another is under no_grad, and the other way round."""
    found, go, stop = [], threading.Event(), threading.Event()

    def other():
        found.append(recording())
        with ag.no_grad():
            go.set()
            stop.wait(10)
            found.append(recording())
        found.append(recording())

    with ag.no_grad():
        thread = threading.Thread(target=other)
        thread.start()
        go.wait(10)
    assert recording()
    stop.set()
    thread.join(10)
    assert found == [True, False, True]


def test_no_grad_does_not_leak_between_tasks():
    """Tasks that take turns under no_grad, enable_grad and nothing each keep their own mode."""

    async def task(mode, expected, turns):
        for _ in range(turns):
            with mode():
                await asyncio.sleep(0)
                assert recording() is expected
                with ag.enable_grad():
                    await asyncio.sleep(0)
                    assert recording()
                assert recording() is expected
            await asyncio.sleep(0)
            assert recording()

    async def main():
        await asyncio.gather(
            *(
                task(mode, expected, n)
                for n in (3, 5, 7)
                for mode, expected in (
                    (ag.no_grad, False),
                    (ag.enable_grad, True),
                    (contextlib.nullcontext, True),
                )
            )
        )

    asyncio.run(main())
    assert recording()


def test_one_no_grad_object_may_be_shared_by_tasks_and_nested():
    """The same no_grad object entered again, also by two tasks in turns, leaves each mode as it was."""
    mode = ag.no_grad()
    with mode:
        with mode:
            assert not recording()
        assert not recording()
    assert recording()

    async def inside(first, second, outer):
        with outer():
            before = recording()
            await first.wait()
            with mode:
                second.set()
                await asyncio.sleep(0)
                assert not recording()
                await asyncio.sleep(0)
            assert recording() is before

    async def main():
        a, b = asyncio.Event(), asyncio.Event()
        a.set()
        await asyncio.gather(inside(a, b, ag.no_grad), inside(b, asyncio.Event(), ag.enable_grad))

    asyncio.run(main())
    assert recording()


def test_no_grad_on_a_coroutine_function():
    """@no_grad() on an async function holds in its body, awaits included, and nowhere else."""

    @ag.no_grad()
    async def body():
        first = recording()
        await asyncio.sleep(0)
        return first, recording()

    async def main():
        task = asyncio.create_task(body())
        await asyncio.sleep(0)
        assert recording()
        assert await task == (False, False)
        assert await body() == (False, False)
        return recording()

    assert asyncio.run(main())
    assert recording()


def test_no_grad_on_an_async_generator_function():
    """@no_grad() on an async generator function, where it could not hold: TypeError that says what to do; `with` inside works."""

    async def numbers():
        for _ in range(2):
            with ag.no_grad():
                inside = recording()
            yield inside

    with refused(TypeError, "async generator", "numbers", "with"):
        ag.no_grad()(numbers)

    async def main():
        return [(inside, recording()) async for inside in numbers()]

    assert asyncio.run(main()) == [(False, True)] * 2


def test_no_grad_on_a_generator_function_does_not_leak():
    """@no_grad() on a generator function holds only while its own code runs, whatever the caller does to it."""

    @ag.no_grad()
    def numbers(log):
        try:
            for i in itertools.count():
                try:
                    sent = yield recording(), i
                    log.append(("sent", sent, recording()))
                except KeyError:
                    log.append(("caught", recording()))
                    if i > 2:
                        return "done"
        finally:
            log.append(("closed", recording()))

    log = []
    generator = numbers(log)
    assert next(generator) == (False, 0)
    assert recording()
    assert generator.send("hello") == (False, 1)
    assert generator.throw(KeyError()) == (False, 2)
    assert recording()
    generator.close()
    assert recording()
    assert log == [("sent", "hello", False), ("caught", False), ("closed", False)]

    def delegating(log):
        return (yield from numbers(log))

    log, outer = [], delegating([])
    assert [next(outer)[1] for _ in range(4)] == [0, 1, 2, 3]
    with pytest.raises(StopIteration) as stop:
        outer.throw(KeyError())
    assert stop.value.value == "done"
    assert recording()

    @ag.no_grad()
    def failing():
        yield 1
        raise Mine("inside")

    with pytest.raises(Mine, match="inside"):
        list(failing())
    assert recording()


def test_with_no_grad_around_a_yield_holds_for_the_caller_meanwhile():
    """`with no_grad(): yield` is in force in the caller until the generator goes on, as documented."""

    def numbers():
        with ag.no_grad():
            yield 1
        yield 2

    generator = numbers()
    next(generator)
    assert not recording()
    next(generator)
    assert recording()
    assert "yield" in ag.enable_grad.__doc__


def test_no_grad_gives_way_to_errors_and_keeps_names():
    """The mode is restored after an exception; decorated functions keep their names and pass arguments and results."""
    with pytest.raises(Mine), ag.no_grad():
        raise Mine

    assert recording()

    @ag.no_grad()
    def f(a, *, b):
        """Doc."""
        if b:
            raise Mine
        return a, recording()

    assert (f.__name__, f.__doc__) == ("f", "Doc.")
    assert f(1, b=False) == (1, False)
    with pytest.raises(Mine):
        f(1, b=True)
    assert recording()

    class Model:
        @ag.no_grad()
        def method(self):
            return recording()

        @staticmethod
        @ag.enable_grad()
        def static():
            return recording()

    assert not Model().method()
    with ag.no_grad():
        assert Model.static()
        assert not recording()
    assert not functools.partial(ag.no_grad()(recording))()


# ---- Section 4: interrupted -------------------------------------------------------------------------------------------


def small_graph(kinds):
    """A loss over leaves that already have gradients, with fan-out and broadcasting; and all of its nodes."""
    v, w, m, b = Value(2.0), Value(3.0), Tensor([[1.0, 2.0], [3.0, 4.0]]), Tensor([0.5, -0.5])
    if kinds == "Values":
        p = v * w
        q = (p + v).tanh()
        nodes, loss = [v, w, p, q], (q * p) * 2.0
    else:
        p = m @ m
        q = ag.tanh(p + b)
        nodes, loss = [v, m, b, p, q], (q * v).sum() * 2.0
    loss.backward()
    for node in nodes:
        node.grad = node.grad * 3.0  # so that old and new differ, in interior nodes too
    return loss, nodes


class Interrupter:
    """Raises KeyboardInterrupt before the n-th bytecode instruction of what is called."""

    def __init__(self, n):
        self.left = n

    def __call__(self, frame, event, arg):
        frame.f_trace_opcodes = True
        self.left -= 1
        if self.left < 0:
            sys.settrace(None)
            raise KeyboardInterrupt
        return self


def interrupted(call, n):
    """Whether the call was cut short before its n-th instruction (even where Python swallows that, as it does in a finalizer)."""
    before, interrupter = sys.gettrace(), Interrupter(n)
    sys.settrace(interrupter)
    try:
        call()
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(before)
    return interrupter.left < 0


def outcomes_of_interrupts(call, nodes, steps):
    """The set of (cut short?, all .grad new?) over an interrupt before each instruction in turn; AssertionError on a mixture."""
    held = [copy.copy(node.grad) for node in nodes]
    call()
    fresh = [node.grad for node in nodes]
    assert not any(np.array_equal(a, b) for a, b in zip(held, fresh, strict=True))
    outcomes, n, cut = set(), 0, True
    while cut:
        for node, grad in zip(nodes, held, strict=True):
            node.grad = copy.copy(grad)
        cut = interrupted(call, n)
        old = [np.array_equal(node.grad, grad) for node, grad in zip(nodes, held, strict=True)]
        new = [np.array_equal(node.grad, grad) for node, grad in zip(nodes, fresh, strict=True)]
        assert all(old) or all(new), f"a mixture at instruction {n}"
        assert recording()
        outcomes.add((cut, all(new)))
        n += 1
    assert n > steps, "the interrupter did not work"
    return outcomes


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # a generator's finalizer was interrupted
@pytest.mark.parametrize("kinds", ["Values", "Tensors"])
def test_an_interrupt_at_every_instruction_of_backward_leaves_old_or_new(kinds):
    """KeyboardInterrupt before each bytecode instruction of backward in turn: every .grad is old, or every .grad is new."""
    loss, nodes = small_graph(kinds)
    assert outcomes_of_interrupts(loss.backward, nodes, 200) >= {(True, False), (False, True)}


def test_a_commit_that_can_be_interrupted_is_caught():
    """The test above can fail: a plain loop over the nodes leaves a mixture, and it is found."""
    _, nodes = small_graph("Values")

    def commit():
        for node in nodes:
            node.grad = 7.0

    with pytest.raises(AssertionError, match="a mixture"):
        outcomes_of_interrupts(commit, nodes, 10)


STORM = """
import random, signal, sys
import numpy as np
import autograd_mini as ag

def interrupt(number, frame):
    raise KeyboardInterrupt

rng, cut, kept = random.Random(0), 0, 0
leaves = [ag.Value(rng.uniform(-1, 1)) for _ in range(40)]
nodes = list(leaves)
for _ in range(600):
    nodes.append(rng.choice([lambda a, b: a + b, lambda a, b: (a * b).tanh()])(rng.choice(nodes), rng.choice(nodes)))
arrays = [ag.Tensor(np.full((3, 3), 0.5)), ag.Tensor(np.ones(3))]
hidden = arrays[0]
for _ in range(30):
    nodes.append(hidden := ag.tanh(hidden @ arrays[0] + arrays[1] * nodes[-1]))
loss = sum(nodes[40:640], hidden.sum())
nodes += [*arrays, loss]
loss.backward()
reached = [node for node in nodes if node.grad is not None]
held = [np.array(node.grad) for node in reached]
loss.backward()
fresh = [np.array(node.grad) for node in reached]
signal.signal(signal.SIGALRM, interrupt)
for _ in range(250):
    for node, grad in zip(reached, held):
        node.grad = float(grad) if isinstance(node, ag.Value) else grad.copy()
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, rng.uniform(1e-5, 1.2e-2))
            loss.backward()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        kept += 1
    except KeyboardInterrupt:
        cut += 1
    old = all(np.array_equal(node.grad, grad) for node, grad in zip(reached, held))
    new = all(np.array_equal(node.grad, grad) for node, grad in zip(reached, fresh))
    assert old or new, "a mixture"
print("ok", cut > 10)
"""


@pytest.mark.skipif(not hasattr(__import__("signal"), "setitimer"), reason="no interval timers here")
def test_a_storm_of_interrupts_leaves_old_or_new():
    """Ctrl-C by a timer at random moments of 250 backward passes, Values and Tensors together: never a mixture."""
    done = run_script(STORM)
    assert done.stdout.split() == ["ok", "True"], done.stdout + done.stderr


@pytest.mark.parametrize("kind", [KeyboardInterrupt, MemoryError, SystemExit])
@pytest.mark.parametrize("make", [Value, lambda d: Tensor([d, d])], ids=["Value", "Tensor"])
def test_an_interrupt_after_any_number_of_rules(make, kind):
    """A rule that raises KeyboardInterrupt or MemoryError after k calls leaves every .grad as it was, for every k."""
    calls = itertools.count()

    def rule(xp, g, out, x):
        if next(calls) == limit:
            raise kind("stop")
        return g * 2.0

    op, x, limit = ag.Op("stopper", double, (rule,)), make(1.5), -1
    nodes = [x]
    for _ in range(8):
        nodes += [ag.apply(op, nodes[-1])]
        nodes += [nodes[-1] + nodes[-2] * x]
    loss = ag.sum(nodes[-1])
    loss.backward()
    total = next(calls)
    assert total >= 8
    for k in range(8):
        calls, limit = itertools.count(), k
        with refused(kind, unchanged=[*nodes, loss]):
            loss.backward()
        calls = itertools.count()
        with refused(kind, unchanged=[*nodes, loss]):
            ag.gradients(loss, x)
        assert recording()
    limit, before = -1, np.array(x.grad)
    loss.backward()
    np.testing.assert_allclose(x.grad, 2.0 * before, rtol=1e-15)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_inside_gradients_touches_no_grad():
    """gradients, cut short before any of its instructions, has changed no .grad.

    Each call has a context of its own, for the mode: a `with` of Python's own can be cut short between its entry and its block.
    """
    x = Value(2.0)
    y = x * x * x

    def call():
        contextvars.copy_context().run(ag.gradients, y, x, create_graph=True)

    n = 0
    while interrupted(call, n):
        assert (x.grad, y.grad, y.parents[0].grad) == (None, None, None)
        n += 5
    assert n > 200
    assert recording()


# ---- Section 4: losses ------------------------------------------------------------------------------------------------

LOSSES = {"mse": nn.mse, "bce": nn.binary_cross_entropy_with_logits}


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_a_loss_never_broadcasts(loss):
    """(n,) against (n, 1): ShapeError with both shapes and what they would broadcast to."""
    x = Tensor(np.zeros(4))
    with refused(ag.ShapeError, loss.__name__, "(4,)", "(4, 1)", "broadcast to (4, 4)", unchanged=[x]):
        loss(x, np.ones((4, 1)))
    with refused(ag.ShapeError, loss.__name__, "(4,)", "(3,)", unchanged=[x]):
        loss(x, np.ones(3))
    with refused(ag.ShapeError, loss.__name__, "()", "(4,)", unchanged=[x]):
        loss(x, 1.0)
    with refused((ag.ShapeError, ag.DTypeError), loss.__name__, unchanged=[x]):
        loss(x, None)


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0)], ids=str)
def test_an_empty_batch_is_refused(loss, shape):
    """A loss of nothing: ValueError that says the batch is empty, with the shape."""
    with refused(ValueError, loss.__name__, "empty", str(shape)):
        loss(Tensor(np.zeros(shape)), np.zeros(shape))


def test_an_empty_batch_of_classes_is_refused():
    """cross_entropy of no sample or no class: ValueError with the shape."""
    for shape in ((0, 2), (2, 0), ()):
        with refused(ValueError, "cross_entropy", str(shape)):
            nn.cross_entropy(Tensor(np.zeros(shape)), np.zeros(shape[:1], int))


@pytest.mark.parametrize("target", [[0, 1, 2, 0], [0, -1, 1, 0], [0.0, 0.5, 1.0 + 1e-9, 0.0]], ids=str)
def test_labels_outside_0_and_1(target):
    """BCE with a label outside [0, 1]: ValueError with the minimum and the maximum."""
    x = Tensor(np.zeros(4))
    for given in (target, np.array(target), Tensor(np.array(target, float))):
        with refused(ValueError, "[0, 1]", f"{min(target):g}", f"{max(target):g}", unchanged=[x]):
            nn.binary_cross_entropy_with_logits(x, given)
    with refused(ValueError, "nan", unchanged=[x]):
        nn.binary_cross_entropy_with_logits(x, [0.0, math.nan, 1.0, 1.0])


CLASSES = {
    "too large": ([0, 5], IndexError, ["target 5 out of range for 2 classes"]),
    "equal to the number": ([0, 2], IndexError, ["target 2 out of range for 2 classes"]),
    "negative": ([-1, 0], IndexError, ["target -1 out of range for 2 classes"]),
    "float": ([0.0, 1.0], ag.DTypeError, ["integers", "float64", "astype(int)"]),
    "bool": ([True, False], ag.DTypeError, ["integers", "bool"]),
    "string": (["a", "b"], ag.DTypeError, ["integers"]),
    "None": (None, ag.DTypeError, ["integers"]),
    "Tensor": (Tensor([0.0, 1.0]), ag.DTypeError, ["integers", "Tensor", "astype(int)"]),
    "too many": ([0, 1, 0], ag.ShapeError, ["(2, 2)", "(3,)"]),
    "too few": ([0], ag.ShapeError, ["(1,)"]),
    "column": ([[0], [1]], ag.ShapeError, ["(2, 1)"]),
    "single": (1, ag.ShapeError, ["()"]),
    "no probabilities": ([[0, 2], [1, 0]], ValueError, ["[0, 1]", "0", "2"]),
}


@pytest.mark.parametrize(("target", "kind", "texts"), CLASSES.values(), ids=CLASSES)
def test_classes_that_do_not_fit(target, kind, texts):
    """cross_entropy with a float, negative, too large class, or the wrong number of them."""
    logits = Tensor(np.zeros((2, 2)))
    with refused(kind, "cross_entropy", *texts, unchanged=[logits]):
        nn.cross_entropy(logits, target)


@pytest.mark.parametrize(
    "call", [lambda r: nn.mse(Tensor([1.0]), [1.0], r), lambda r: nn.cross_entropy(Tensor([[1.0]]), [0], r)]
)
@pytest.mark.parametrize("reduction", ["avg", None, 3], ids=repr)
def test_an_unknown_reduction(call, reduction):
    """ValueError that names the argument and what is allowed."""
    with refused(ValueError, "reduction", "mean", "sum", "none", repr(reduction)):
        call(reduction)


# ---- Section 4: layers and modules ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "kind", "texts"),
    [
        ((-1, 2), ValueError, ["in_features", "> 0", "-1"]),
        ((0, 2), ValueError, ["in_features", "> 0", "0"]),
        ((2, -3), ValueError, ["out_features", "> 0", "-3"]),
        ((2, 0), ValueError, ["out_features", "> 0"]),
        ((2.5, 2), TypeError, ["in_features", "int", "2.5"]),
        ((2.0, 2), TypeError, ["in_features", "int"]),
        ((2, "3"), TypeError, ["out_features", "int", "'3'"]),
        ((True, 2), TypeError, ["in_features", "int", "True"]),
        ((None, 2), TypeError, ["in_features", "None"]),
        ((Value(2.0), 2), TypeError, ["in_features"]),
        ((np.float64(2), 2), TypeError, ["in_features"]),
    ],
    ids=str,
)
def test_linear_of_impossible_sizes(args, kind, texts):
    """Linear(−1, 2), Linear(2.5, 2)…: ValueError or TypeError with the argument, what is allowed and what came."""
    with refused(kind, *texts):
        nn.Linear(*args)


@pytest.mark.parametrize(
    ("make", "kind", "texts"),
    [
        (lambda: nn.MLP([2]), ValueError, ["sizes", "[2]"]),
        (lambda: nn.MLP([]), ValueError, ["sizes"]),
        (lambda: nn.MLP(3), (TypeError, ValueError), ["sizes"]),
        (lambda: nn.MLP(None), (TypeError, ValueError), ["sizes"]),
        (lambda: nn.MLP([2, 0, 1]), ValueError, ["> 0"]),
        (lambda: nn.MLP([2, 2.5]), TypeError, ["2.5"]),
        (lambda: nn.MLP("23"), TypeError, ["'2'"]),
        (lambda: nn.scalar.MLP(0, [1]), ValueError, ["nin", "> 0"]),
        (lambda: nn.scalar.MLP(2.5, [1]), TypeError, ["nin", "2.5"]),
        (lambda: nn.scalar.MLP(2, [0]), ValueError, ["nout", "> 0"]),
        (lambda: nn.scalar.MLP(2, [1.5]), TypeError, ["nout", "1.5"]),
        (lambda: nn.scalar.MLP(2, 3), ValueError, ["nouts"]),
        (lambda: nn.scalar.MLP(2, []), ValueError, ["nouts"]),
        (lambda: nn.scalar.Neuron(-1), ValueError, ["nin", "-1"]),
        (lambda: nn.scalar.Layer(2, "3"), TypeError, ["nout", "'3'"]),
        (lambda: nn.Linear(2, 2, dtype="float16"), ag.DTypeError, ["float32", "float64", "float16"]),
    ],
)
def test_networks_of_impossible_sizes(make, kind, texts):
    """Sizes that make no network: ValueError or TypeError that names the argument."""
    with refused(kind, *texts):
        make()


@pytest.mark.parametrize("name", ["foo", "ReLU", "", None, 3, ["relu"]], ids=repr)
def test_an_unknown_activation(name):
    """An activation that does not exist: ValueError or TypeError with its name and those that do."""
    for make in (
        lambda: nn.MLP([2, 3, 1], activation=name),
        lambda: nn.MLP([2, 3, 1], output=name),
        lambda: nn.scalar.MLP(2, [3, 1], activation=name),
    ):
        with refused((ValueError, TypeError), "activation", repr(name), "relu", "tanh"):
            make()


def test_inputs_that_do_not_fit_a_layer():
    """A batch of the wrong width: ShapeError with the shapes and the two sizes."""
    layer, bare = nn.Linear(2, 3, rng=0), nn.Linear(2, 3, bias=False, rng=0)
    with refused(ag.ShapeError, "linear", "(4, 5)", "(2, 3)", "5 and 2", unchanged=layer.parameters()):
        layer(np.ones((4, 5)))
    with refused(ag.ShapeError, "(4, 5)", "(2, 3)", "5 and 2"):
        bare(np.ones((4, 5)))
    with refused(ag.ShapeError, "()"):
        layer(1.0)
    with refused(ag.DTypeError, "None"):
        layer(None)
    with refused(ag.ShapeError, "2", "3"):
        nn.scalar.MLP(2, [3, 1], rng=0)([1.0, 2.0, 3.0])


class Forgetful(nn.Module):
    def __init__(self):
        self.weight = Tensor([1.0])

    def forward(self, x):
        return x * self.weight


@pytest.mark.parametrize(
    "use",
    [
        lambda m: m(1.0),
        lambda m: m.parameters(),
        lambda m: m.zero_grad(),
        lambda m: list(m.named_parameters()),
    ],
)
def test_a_module_that_forgets_super_init(use):
    """A Module subclass without super().__init__(): AttributeError that says so, by name."""
    with refused(AttributeError, "Forgetful", "super().__init__()"):
        use(Forgetful())


def test_a_module_without_forward():
    """Calling a Module that has no forward: NotImplementedError with its name and what to write."""
    with refused(NotImplementedError, "Bare", "forward"):
        type("Bare", (nn.Module,), {})()(1.0)


# ---- Section 4: optimisers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["lr", "momentum"])
@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (-1.0, ValueError), (math.nan, ValueError), (math.inf, ValueError), (-math.inf, ValueError), ("0.1", TypeError),
        (True, TypeError), (np.bool_(True), TypeError), (None, TypeError), (1j, TypeError), (np.array([0.1]), TypeError),
        (Value(0.1), TypeError), (Tensor(0.1), TypeError), (decimal.Decimal("0.1"), TypeError), ([0.1], TypeError),
    ],
    ids=repr,
)  # fmt: skip
def test_hyperparameters_out_of_range(name, given, kind):
    """lr and momentum negative, NaN, infinite, a string, a bool: ValueError or TypeError, "lr must be a finite number > 0, got nan"."""
    w = Tensor([1.0])
    with refused(kind, f"{name} must be a finite number", "got", unchanged=[w]):
        SGD([w], **{"lr": 0.1, name: given})


def test_a_learning_rate_of_zero_and_beyond_floats():
    """lr = 0 is refused with "> 0", 10**400 as not finite; momentum 0 is fine."""
    w = Tensor([1.0])
    with refused(ValueError, "lr must be a finite number > 0, got 0"):
        SGD([w], lr=0)
    with pytest.raises((ValueError, OverflowError)):
        SGD([w], lr=10**400)
    SGD([w], lr=np.float32(0.1), momentum=0)


def _exhausted():
    generator = iter([Tensor([1.0])])
    list(generator)
    return generator


PARAMS = {
    "none": ([], ValueError, ["no parameters"]),
    "exhausted": (_exhausted(), ValueError, ["no parameters", "exhausted generator"]),
    "single Tensor": (Tensor([1.0, 2.0]), TypeError, ["single Tensor", "[w]"]),
    "single Value": (Value(1.0), TypeError, ["single Value", "[w]"]),
    "interior": ([Tensor([1.0]) * 2.0], ValueError, ["params[0]", "leaf"]),
    "constant": ([Tensor([1.0], requires_grad=False)], ValueError, ["params[0]", "requires"]),
    "duplicates": ([w := Tensor([1.0]), Tensor([2.0]), w], ValueError, ["twice"]),
    "number": ([1.0], TypeError, ["params[0]", "float"]),
    "array": ([np.ones(3)], TypeError, ["params[0]", "ndarray"]),
    "nested": ([[Tensor([1.0])]], TypeError, ["params[0]", "list"]),
    "string": ("abc", TypeError, ["params", "str"]),
    "None": (None, TypeError, ["params"]),
    "a model": (nn.Linear(2, 2, rng=0), TypeError, ["params", "parameters()"]),
}


@pytest.mark.parametrize(("params", "kind", "texts"), PARAMS.values(), ids=PARAMS)
def test_parameters_that_cannot_be_optimised(params, kind, texts):
    """No parameters, an exhausted generator, a single tensor, an interior node, duplicates…: ValueError or TypeError that says which."""
    with refused(kind, *texts):
        SGD(params, lr=0.1)


def test_a_step_that_no_backward_has_reached():
    """step() with no gradient at all: GraphError that names the parameters; nothing moves."""
    a, b = Tensor([1.0], label="a"), Value(1.0, label="b")
    sgd = SGD([a, b], lr=0.1, momentum=0.9)
    with refused(ag.GraphError, "'a'", "'b'", "does not depend", unchanged=[a, b]):
        sgd.step()
    (a * b).sum().backward()
    sgd.zero_grad()
    with refused(ag.GraphError, "'a'", "'b'", unchanged=[a, b]):
        sgd.step()


def test_a_loss_of_detached_numbers_is_found_at_the_step():
    """The prediction wrapped afresh (seed 001d): backward has something to reach, step() says that it was not the parameters."""
    net = nn.Linear(2, 1, rng=0)
    prediction = Tensor(net(np.ones((1, 2))).data)
    nn.mse(prediction, [[1.0]]).backward()
    with refused(ag.GraphError, "no backward has reached", "detached", unchanged=net.parameters()):
        SGD(net.parameters(), lr=0.1).step()


def test_a_step_of_some_parameters_warns_once():
    """step() where some parameters were not reached: those reached move, and one warning names the others."""
    a, b, c = Tensor([1.0], label="a"), Tensor([1.0], label="b"), Value(1.0, label="c")
    sgd = SGD([a, b, c], lr=0.5)
    a.sum().backward()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        sgd.step()
    assert (a.data, b.data, c.data) == (0.5, 1.0, 1.0)
    assert len(caught) == 1
    assert "'b'" in str(caught[0].message)
    assert "'c'" in str(caught[0].message)
    assert "'a'" not in str(caught[0].message)


def test_a_second_step_without_zeroing_warns_once():
    """step() again with the gradients of the step before: as asked, with one warning that names them."""
    a = Tensor([1.0], label="a")
    sgd = SGD([a], lr=0.25)
    a.sum().backward()
    sgd.step()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        sgd.step()
    assert a.data == 0.5
    assert len(caught) == 1
    assert "'a'" in str(caught[0].message)
    assert "zero" in str(caught[0].message)


def test_ordinary_training_does_not_warn():
    """zero_grad, backward, step in both usual orders, and accumulation over two batches: no warning (they are errors here)."""
    net = nn.MLP([2, 3, 1], rng=0)
    sgd = SGD(net.parameters(), lr=0.1, momentum=0.9)
    for i in range(6):
        if i < 3:
            sgd.zero_grad()
        nn.mse(net(np.ones((4, 2))), np.zeros((4, 1))).backward()
        if i in (1, 4):
            nn.mse(net(np.ones((4, 2))), np.zeros((4, 1))).backward()
        sgd.step()
        if i >= 2:
            net.zero_grad()


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize(
    "bad", [np.ones(7), np.ones((2, 2)), np.array([1.0]), np.array(1.0), "abc"], ids=repr
)
def test_a_step_with_a_wrong_gradient_changes_nothing(momentum, bad):
    """A .grad that was set by hand to another shape: ShapeError or DTypeError, and no parameter before it has moved."""
    a, b = Tensor([1.0, 2.0], label="a"), Tensor([3.0, 4.0], label="b")
    a.grad, b.grad = np.ones(2), bad
    sgd = SGD([a, b], lr=0.1, momentum=momentum)
    with pytest.raises((ValueError, TypeError)):
        sgd.step()
    np.testing.assert_array_equal(a.data, [1.0, 2.0])
    np.testing.assert_array_equal(b.data, [3.0, 4.0])


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_values_stay_floats_through_steps(momentum):
    """A Value's .data and .grad are Python floats before and after every step."""
    v, w = Value(3.0), Value(0.5)
    sgd = SGD([v, w], lr=0.1, momentum=momentum)
    for _ in range(3):
        sgd.zero_grad()
        (v * v * w).backward()
        sgd.step()
        assert {type(v.data), type(w.data), type(v.grad), type(w.grad)} == {float}


def test_a_step_leaves_other_holders_of_the_numbers_alone():
    """Data that were assigned from an array, from another tensor, or handed out by .detach() are not written through by a step."""
    mine = np.array([1.0, 2.0])
    a, b = Tensor([0.0, 0.0]), Tensor([5.0, 6.0])
    target = Tensor([0.0, 0.0])
    a.data, target.data = mine, b.data
    kept = b.detach()
    for x in (a, b):
        x.grad = np.ones(2)
    SGD([a, b], lr=0.5).step()
    np.testing.assert_array_equal(mine, [1.0, 2.0])
    np.testing.assert_array_equal(target.data, [5.0, 6.0])
    np.testing.assert_array_equal(kept.data, [5.0, 6.0])
    np.testing.assert_array_equal(b.data, [4.5, 5.5])


# ---- This file's own tools --------------------------------------------------------------------------------------------


def test_refused_can_fail():
    """The helper of this file notices a changed node, a missing text, a wrong class and a leaked mode."""
    x = Value(1.0)
    with pytest.raises(AssertionError), refused(ag.GraphError, unchanged=[x]):
        x.grad = 1.0
        raise ag.GraphError("why")
    with pytest.raises(AssertionError), refused(ag.GraphError, "because"):
        raise ag.GraphError("why")
    with pytest.raises(ValueError, match="why"), refused(ag.GraphError):
        raise ValueError("why")
    leak = ag.no_grad()
    try:
        with pytest.raises(AssertionError), refused(ag.GraphError):
            leak.__enter__()
            raise ag.GraphError("why")
    finally:
        leak.__exit__(None, None, None)
    assert not interrupted(lambda: None, 1000)
    assert interrupted(recording, 5)
