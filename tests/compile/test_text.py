"""Expressions as text: what people read, and the line of NumPy that has the same bits."""

import math

import numpy as np
import pytest

from autograd_mini.compile.text import PYTHON, text
from autograd_mini.core.op import Op
from autograd_mini.symbols import call, read, simplify, symbol
from tests.helpers.table import TABLE

x, y, g = symbol("x"), symbol("y"), symbol("g")
z = symbol("z", (2, 3))
W = symbol("W1", (3, 4))
LINES = {
    "matrices": (g[None, None] @ W.T[:1], "g[None, None] @ W1ᵀ[:1]"),
    "fraction": ((x + y) / (x * y), "(x + y) / (x × y)"),
    "powers": (call("power", x, 3) + call("power", x, -0.5), "x³ + x^(−0.5)"),
    "root": (call("sqrt", x) * 1e-12, "√(x) × 1e−12"),
    "names": (call("normal_cdf", x), "Φ(x)"),
    "infinity": (x * math.inf - math.nan, "x × ∞ − NaN"),
    "negatives": (x * (-y), "x × (−y)"),
    "branches": (call("where", call("less_equal", x, 0), 0.0, x), "0 if x ≤ 0 else x"),
    "squares": (1.0 - call("square", call("tanh", x)), "1 − tanh²(x)"),
    "index": (z[::-1, np.array([0, 2])], "z[::−1, array(2,)]"),
    "lists": (call("concatenate", [z, z], axis=0), "concatenate([z, z])"),
}


@pytest.mark.parametrize(("expr", "people"), LINES.values(), ids=LINES)
def test_lines_for_people(expr, people):
    assert text(expr) == people


def test_python_has_brackets_where_the_order_of_additions_matters():
    """a + (b + c) is not (a + b) + c: brackets stand, and nowhere else."""
    a, b, c = symbol("a"), symbol("b"), symbol("c")
    lines = ["a + b + c", "a + (b + c)", "a - (b - c)", "a * b / c", "a * (b / c)", "-(a * b)", "-a * b"]
    for line in lines:
        assert text(eval(line, {"a": a, "b": b, "c": c}), style=PYTHON) == line


def test_a_large_constant_needs_a_name_in_python():
    expr = symbol("v", (100,)) * np.ones(100)
    with pytest.raises(ValueError, match=r"shape \(100,\) is too large for a line of Python: give it a name"):
        text(expr, style=PYTHON)
    assert text(expr, {expr.args[1]: "ones"}, PYTHON) == "v * ones"
    assert text(expr) == "v × array(100,)"


ELEMENTWISE = {
    name: row for name, row in TABLE.items() if isinstance(row, Op) and row.doc and not row.arrays_only
}
FORMULAS = {
    "add": [
        "x + y",
        "g",
        "g",
    ],
    "subtract": [
        "x − y",
        "g",
        "−g",
    ],
    "multiply": [
        "x × y",
        "g × y",
        "g × x",
    ],
    "divide": [
        "x / y",
        "g / y",
        "−g × out / y",
    ],
    "negative": [
        "−x",
        "−g",
    ],
    "positive": [
        "x",
        "g",
    ],
    "remainder": [
        "remainder(x, y)",
        "g",
        "−g × round((x − out) / y, 0)",
    ],
    "power": [
        "x^y",
        "g × (0 if y = 0 and (x = 0 or x ≠ x) else y × (out / (x if abs(out) < ∞ and abs(out) > 1e−30 and x ≠ 0 and abs(x) < 1e−75 else 1) if abs(out) < ∞ and abs(out) > 1e−30 and x ≠ 0 and abs(x) < 1e−75 else (1 if abs(out) < ∞ and abs(out) > 1e−30 and x ≠ 0 and abs(x) < 1e−75 else x)^(1 if abs(out) < ∞ and abs(out) > 1e−30 and x ≠ 0 and abs(x) < 1e−75 or y = 0 and (x = 0 or x ≠ x) else y − 1)))",  # noqa: E501
        "g × (0 if x = 0 and y ≥ 0 else out × log(1 if x = 0 and y ≥ 0 else x))",
    ],
    "abs": [
        "abs(x)",
        "g × sign(x)",
    ],
    "copysign": [
        "copysign(x, y)",
        "g × (sign(x) × copysign(1, y))",
        "0",
    ],
    "sign": [
        "sign(x)",
        "0",
    ],
    "floor": [
        "floor(x)",
        "0",
    ],
    "cbrt": [
        "sign(x) × abs(x)^0.333333",
        "g / (3 × out × out)",
    ],
    "ceil": [
        "ceil(x)",
        "0",
    ],
    "exp": [
        "exp(x)",
        "g × out",
    ],
    "expm1": [
        "expm1(x)",
        "g × exp(x)",
    ],
    "log": [
        "log(x)",
        "g / x",
    ],
    "log1p": [
        "log1p(x)",
        "g / (1 + x)",
    ],
    "log2": [
        "log2(x)",
        "g / (x × 0.693147)",
    ],
    "log10": [
        "log10(x)",
        "g / (x × 2.30259)",
    ],
    "sqrt": [
        "√(x)",
        "0.5 × g / out",
    ],
    "square": [
        "x × x",
        "g × (2 × x)",
    ],
    "reciprocal": [
        "1 / x",
        "−g × out × out",
    ],
    "sin": [
        "sin(x)",
        "g × cos(x)",
    ],
    "cos": [
        "cos(x)",
        "−g × sin(x)",
    ],
    "tan": [
        "tan(x)",
        "g × (1 + out × out)",
    ],
    "arcsin": [
        "arcsin(x)",
        "g / √(1 − x × x if abs(x) < 0.5 else (1 − x) × (1 + x))",
    ],
    "arccos": [
        "arccos(x)",
        "−g / √(1 − x × x if abs(x) < 0.5 else (1 − x) × (1 + x))",
    ],
    "arctan": [
        "arctan(x)",
        "g / hypot(1, x) / hypot(1, x)",
    ],
    "sinh": [
        "sinh(x)",
        "g × cosh(x)",
    ],
    "cosh": [
        "cosh(x)",
        "g × sinh(x)",
    ],
    "tanh": [
        "tanh(x)",
        "g × (1 − tanh²(x))",
    ],
    "arcsinh": [
        "arcsinh(x)",
        "g / hypot(1, x)",
    ],
    "arccosh": [
        "arccosh(x)",
        "g / (√(x − 1) × √(x + 1))",
    ],
    "arctanh": [
        "arctanh(x)",
        "g / (1 − x × x if abs(x) < 0.5 else (1 − x) × (1 + x))",
    ],
    "hypot": [
        "hypot(x, y)",
        "g × (x if out = 0 else x / out)",
        "g × (y if out = 0 else y / out)",
    ],
    "arctan2": [
        "arctan2(x, y)",
        (
            "g × ((y if hypot(y, x) = 0 else y / hypot(y, x)) if hypot(y, x) = 0 el"
            "se (y if hypot(y, x) = 0 else y / hypot(y, x)) / hypot(y, x))"
        ),
        (
            "−g × ((x if hypot(y, x) = 0 else x / hypot(y, x)) if hypot(y, x) = 0 e"
            "lse (x if hypot(y, x) = 0 else x / hypot(y, x)) / hypot(y, x))"
        ),
    ],
    "logaddexp": [
        "logaddexp(x, y)",
        "g × sigmoid(x − y)",
        "g × sigmoid(y − x)",
    ],
    "xlogy": [
        "xlogy(x, y)",
        "g × (0 if x = 0 and y ≤ 0 else log(y))",
        "g × (x / y)",
    ],
    "sech2": [
        "1 − tanh²(x)",
        "−2 × g × (tanh(x) × out)",
    ],
    "logistic": [
        "sigmoid(x) × (1 − sigmoid(x))",
        "−g × (tanh(0.5 × x) × out)",
    ],
    "sigmoid": [
        "sigmoid(x)",
        "g × (sigmoid(x) × (1 − sigmoid(x)))",
    ],
    "softplus": [
        "softplus(x)",
        "g × sigmoid(x)",
    ],
    "log_sigmoid": [
        "−softplus(−x)",
        "g × sigmoid(−x)",
    ],
    "silu": [
        "x × sigmoid(x)",
        "g × (sigmoid(x) + x × (sigmoid(x) × (1 − sigmoid(x))))",
    ],
    "relu": [
        "maximum(x, 0)",
        "0 if x ≤ 0 else g",
    ],
    "normal_pdf": [
        "φ(x)",
        "−g × (x × out)",
    ],
    "normal_cdf": [
        "Φ(x)",
        "g × φ(x)",
    ],
    "erf": [
        "erf(x)",
        (
            "g × (1.12838 × (exp(−round(minimum(maximum(x, −64), 64) × 64) / 64 × ("
            "round(minimum(maximum(x, −64), 64) × 64) / 64)) × exp(−(minimum(maximu"
            "m(x, −64), 64) − round(minimum(maximum(x, −64), 64) × 64) / 64) × (min"
            "imum(maximum(x, −64), 64) + round(minimum(maximum(x, −64), 64) × 64) /"
            " 64))))"
        ),
    ],
    "gelu": [
        "x × Φ(x)",
        "g × (Φ(x) + x × φ(x))",
    ],
    "gelu_tanh": [
        "x × sigmoid(1.59577 × (x + 0.044715 × (x × x × x)))",
        (
            "g × (sigmoid(1.59577 × (x + 0.044715 × (x × x × x))) + x × (sigmoid(1."
            "59577 × (x + 0.044715 × (x × x × x))) × (1 − sigmoid(1.59577 × (x + 0."
            "044715 × (x × x × x))))) × (1.59577 × (1 + 0.134145 × (x × x))))"
        ),
    ],
    "maximum": [
        "maximum(x, y)",
        "0 if x < y else 0.5 × g if x = y else g",
        "0 if y < x else 0.5 × g if x = y else g",
    ],
    "minimum": [
        "minimum(x, y)",
        "0 if x > y else 0.5 × g if x = y else g",
        "0 if y > x else 0.5 × g if x = y else g",
    ],
    "where": [
        "y if x else z",
        "0",
        "g if x else 0",
        "0 if x else g",
    ],
    "squared_error": [
        "(x − y)²",
        "g × (2 × (x − y))",
        "g × (2 × (y − x))",
    ],
    "sigmoid_cross_entropy": [
        "maximum(x, 0) − x × y + log1p(exp(−abs(x)))",
        "g × ((1 − y) × sigmoid(x) − y × sigmoid(−x))",
        "−g × x",
    ],
}


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_formulas_of_the_elementwise_rows(name):
    """A snapshot: what each row computes and what each operand receives, as people write it."""
    row = ELEMENTWISE[name]
    operands = [symbol(letter) for letter in "xyz"[: len(row.vjps)]]
    readings = [
        read(row.forward, *operands),
        *(read(vjp, g, symbol("out"), *operands) for vjp in row.vjps),
    ]
    found = [text(simplify(expr, for_readers=True)) for expr in readings]
    lines = "".join(f'        "{line}",\n' for line in found)
    print(f'    "{name}": [\n{lines}    ],')
    assert found == FORMULAS.get(name), "its entry in FORMULAS is to be the one that is printed"
