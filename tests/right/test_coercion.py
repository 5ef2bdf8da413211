"""What is no number is refused however deep it stands, and what is a number is taken whatever its size."""

import decimal
import fractions
from typing import Any

import numpy as np
import pandas
import pytest

import autograd_mini as ag
from autograd_mini import Tensor, Value
from tests.helpers.peers import torch

MASKED = np.ma.array([1.0, 2.0], mask=[False, True])
REFUSED: dict[str, Any] = {
    "masked array": MASKED,
    "masked array in a list": [MASKED, [1.0, 2.0]],
    "masked array two lists deep": [[MASKED], [MASKED]],
    "masked array in a tuple in a list": [(MASKED, MASKED)],
    "masked array three deep": [[[MASKED]]],
    "np.ma.masked": np.ma.masked,
    "np.ma.masked in a list": [1.0, np.ma.masked],
    "np.ma.masked two deep": [[1.0], [np.ma.masked]],
    "timedelta64": np.timedelta64(3, "s"),
    "timedelta64 without a unit": np.timedelta64(3),
    "timedelta64 in a list": [np.timedelta64(3), 1],
    "timedelta64 array": np.array([1, 2], "m8[s]"),
    "datetime64": np.datetime64("2020-01-01"),
    "torch tensor": lambda: torch.tensor([1.0]),
    "0-d torch tensor": lambda: torch.tensor(1.0),
    "list of torch tensors": lambda: [torch.tensor(1.0), torch.tensor(2.0)],
    "list of torch vectors": lambda: [torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.0])],
    "torch tensors two deep": lambda: [[torch.tensor(1.0)], [torch.tensor(2.0)]],
    "one torch tensor among numbers": lambda: [1.0, torch.tensor(2.0)],
    "Series": pandas.Series([1.0, 2.0]),
    "list of Series": [pandas.Series([1.0, 2.0]), pandas.Series([3.0, 4.0])],
    "Series two deep": [[pandas.Series([1.0, 2.0])]],
    "DataFrame": pandas.DataFrame({"a": [1.0, 2.0]}),
    "list of DataFrames": [pandas.DataFrame({"a": [1.0, 2.0]})],
    "string": "1.0",
    "list of strings": ["1.0", "2.0"],
    "string among numbers": [1.0, "2.0"],
    "bytes": b"1",
    "None": None,
    "None in a list": [1.0, None],
    "dict": {"a": 1.0},
    "set": {1.0},
    "Decimal": decimal.Decimal("1.5"),
    "Decimal in a list": [decimal.Decimal("1.5")],
    "Fraction": fractions.Fraction(1, 2),
    "Fraction in a list": [fractions.Fraction(1, 2), 1.0],
    "complex": 1j,
    "complex in a list": [1.0, 1j],
    "complex array": np.array([1j]),
    "longdouble": np.longdouble(2),
    "longdouble in a list": [np.longdouble(2)],
    "longdouble array": np.ones(2, np.longdouble),
    "float16": np.float16(2),
    "float16 in a list": [np.float16(2)],
    "float16 array": np.ones(2, np.float16),
}


def given(table: dict[str, Any], name: str) -> Any:
    """What a table has under a name; PyTorch's tensors are made when they are asked for."""
    return table[name]() if "torch" in name else table[name]


NUMBERS = [
    "np.ma.masked", "timedelta64", "timedelta64 without a unit", "datetime64", "string", "bytes", "None", "dict", "set", "Decimal",
    "Fraction", "complex", "longdouble", "float16",
]  # fmt: skip
SAYS = {"masked": "filled|masked", "torch": "numpy", "Series": "to_numpy", "DataFrame": "to_numpy"}


def says(name: str) -> str:
    return next((text for word, text in SAYS.items() if word in name), "")


PLACES: dict[str, Any] = {
    "Tensor": lambda bad: Tensor(bad),
    "ag.exp": lambda bad: ag.exp(bad),
    "ag.sum": lambda bad: ag.sum(bad),
    "ag.add": lambda bad: ag.add(Tensor([1.0, 2.0]), bad),
    "right operand": lambda bad: Tensor([1.0, 2.0]) * bad,
    "exponent": lambda bad: Tensor([1.0, 2.0]) ** bad,
    "divisor": lambda bad: Tensor([1.0, 2.0]) % bad,
    "matmul": lambda bad: Tensor([1.0, 2.0]) @ bad,
    "clip": lambda bad: ag.clip(Tensor([1.0, 2.0]), bad),
    "where": lambda bad: ag.where([True, False], Tensor([1.0, 2.0]), bad),
    "where of raw data": lambda bad: ag.where([True, False], bad, 0.0),
    "stack": lambda bad: ag.stack([Tensor([1.0, 2.0]), bad]),
    "gradient from above": lambda bad: (
        (Tensor([1.0, 2.0]) * 2.0).backward(bad) if bad is not None else Tensor(bad)
    ),
    ".data": lambda bad: setattr(Tensor([1.0, 2.0]), "data", bad),
}


@pytest.mark.parametrize(
    ("place", "name"),
    [
        pytest.param(place, name, id=f"{place}-{name}")
        for place in PLACES
        for name in REFUSED
        if (place, name) != ("clip", "None")  # no bound
    ],
)
def test_it_is_refused(place: str, name: str) -> None:
    """A TypeError (DTypeError), or for a ragged or mixed list a ValueError, that says how to convert."""
    with pytest.raises((TypeError, ValueError), match=(says(name) if place == "Tensor" else "") or None):
        PLACES[place](given(REFUSED, name))


LEFT: dict[str, Any] = {
    "DataFrame": pandas.DataFrame({"a": [1.0, 2.0]}),
    "Series": pandas.Series([1.0, 2.0]),
    "Index": pandas.Index([1.0, 2.0]),
    "torch tensor": lambda: torch.tensor([1.0, 2.0]),
    "masked array": MASKED,
    "longdouble array": np.ones(2, np.longdouble),
    "longdouble": np.longdouble(2),
    "timedelta64": np.timedelta64(3, "s"),
    "np.ma.masked": np.ma.masked,
    "complex array": np.array([1j, 2j]),
}
SIGNS: dict[str, Any] = {
    "+": lambda x, y: x + y,
    "-": lambda x, y: x - y,
    "*": lambda x, y: x * y,
    "/": lambda x, y: x / y,
    "**": lambda x, y: x**y,
    "@": lambda x, y: x @ y,
    "%": lambda x, y: x % y,
}


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize("name", LEFT)
@pytest.mark.parametrize("kind", ["Value", "Tensor"])
def test_it_is_refused_as_the_left_operand(kind: str, name: str, sign: str) -> None:
    node = Value(2.0) if kind == "Value" else Tensor([1.0, 2.0])
    with pytest.raises((TypeError, ValueError, ag.GraphError)):
        SIGNS[sign](given(LEFT, name), node)


@pytest.mark.parametrize("name", NUMBERS)
def test_a_value_refuses_it(name: str) -> None:
    with pytest.raises((TypeError, ValueError)):
        Value(given(REFUSED, name))
    for sign, function in SIGNS.items():
        if sign != "@":
            with pytest.raises((TypeError, ValueError)):
                function(Value(2.0), given(REFUSED, name))


def test_a_longdouble_exponent_gives_no_float128() -> None:
    for node in (Value(3.0), Tensor([3.0, 4.0]), Tensor(np.float32([3.0, 4.0]))):
        for exponent in (np.longdouble(2), np.float16(2)):
            with pytest.raises(TypeError):
                node**exponent


@pytest.mark.parametrize(
    "bad", ["a", "1.0", None, [1.0], 1j, {}, np.ones(2), np.timedelta64(1), np.longdouble(1)], ids=repr
)
def test_the_data_of_a_value_are_a_number(bad: Any) -> None:
    """Value.data = "a" raises, and the old number stays."""
    v = Value(2.0)
    with pytest.raises((TypeError, ValueError)):
        v.data = bad
    assert v.data == 2.0


@pytest.mark.parametrize("good", [3, np.float32(3.0), np.int64(3), True, np.array(3.0)], ids=repr)
def test_the_data_of_a_value_become_a_float(good: Any) -> None:
    v = Value(2.0)
    v.data = good
    assert type(v.data) is float
    assert type((v * 2.0).data) is float


BIG: dict[str, tuple[Any, Any]] = {
    "10**30": ([10**30], [1e30]),
    "with a float": ([10**30, 0.5], [1e30, 0.5]),
    "nested": ([[10**30, 1], [2, -(10**25)]], [[1e30, 1.0], [2.0, -1e25]]),
    "2**64": ([2**64, -1], [2.0**64, -1.0]),
    "2**63 and −1": ([2**63, -1], [2.0**63, -1.0]),
    "one number": (10**30, 1e30),
    "tuple": ((10**300, 1), [1e300, 1.0]),
    "with a bool": ([10**30, True], [1e30, 1.0]),
    "array of objects": (np.array([10**30, 1], object), [1e30, 1.0]),
}


@pytest.mark.parametrize("name", [name for name in BIG if name != "array of objects"])
def test_large_whole_numbers_are_numbers(name: str) -> None:
    given, wanted = BIG[name]
    out = Tensor(given)
    assert out.dtype == np.float64
    assert np.array_equal(out.data, wanted)
    assert np.array_equal(np.asarray(ag.negative(given)), -np.array(wanted))


@pytest.mark.parametrize(
    "given", [[10**400], [[1.0], [10**400]], 10**400, (0, -(10**309))], ids=["list", "deep", "alone", "tuple"]
)
def test_beyond_float64_says_so(given: Any) -> None:
    with pytest.raises(OverflowError, match="float64"):
        Tensor(given)


@pytest.mark.parametrize("sign", ["+", "-", "*", "/", "**", "%"])
@pytest.mark.parametrize("kind", ["Value", "Tensor"])
def test_a_number_beyond_float64_beside_a_node_says_so(kind: str, sign: str) -> None:
    """Value(2.0) ** 10**400 and the like, on either side: one answer, OverflowError."""
    node = Value(2.0) if kind == "Value" else Tensor([2.0, 3.0])
    with pytest.raises(OverflowError, match="float64"):
        SIGNS[sign](node, 10**400)
    with pytest.raises(OverflowError, match="float64"):
        SIGNS[sign](10**400, node)


def test_large_exponents_that_fit_are_plain_numbers() -> None:
    assert (Value(1.0) ** 10**300).data == 1.0
    assert (Value(2.0) ** 10**30).data == np.inf
    assert (Value(0.5) ** 10**30).data == 0.0
    assert np.array_equal((Tensor([0.5, 1.0, 2.0]) ** 10**30).data, [0.0, 1.0, np.inf])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_dtype_of_a_jacobian_does_not_depend_on_the_direction(dtype: str) -> None:
    """Tall and wide Jacobians of one function, swept forward and backward, have the dtype of their argument."""
    x = np.ones(2, dtype)
    found = set()
    for rows in (1, 3, 40):
        a = np.ones((rows, 2))
        found.add(np.asarray(ag.jacobian(lambda x, a=a: a @ x)(x)).dtype)
        found.add(np.asarray(ag.jacobian(lambda x, a=a: a.astype(np.float32) @ x)(x)).dtype)
        found.add(np.asarray(ag.jacobian(lambda x, a=a: ag.Tensor(a) @ ag.exp(x))(x)).dtype)
    assert found == {np.dtype(dtype)}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("mixed", [False, True], ids=["alike", "mixed"])
def test_the_value_and_the_derivative_of_jvp_have_one_type(dtype: str, mixed: bool) -> None:
    a = np.ones((3, 2), "float64" if mixed else dtype)
    for f in (
        lambda x: a @ x,
        lambda x: ag.sum(a @ x),
        lambda x: x[0],
        lambda x: ag.to_value(x, 0),
        lambda x: ag.sign(x) * x,
    ):
        y, dy = ag.jvp(f, np.ones(2, dtype), np.ones(2, dtype))
        assert type(y) is type(dy)
        assert np.asarray(y).dtype == np.asarray(dy).dtype
        assert np.shape(y) == np.shape(dy)
