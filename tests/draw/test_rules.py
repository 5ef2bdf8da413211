"""The rules read as formulas: each text, computed by Python, gives the number that the engine has."""

import re

import numpy as np
import pytest

import autograd_mini as ag
from autograd_mini import Tensor, Value
from autograd_mini.compile.text import text as written
from autograd_mini.core.readings import arrays, scalar
from autograd_mini.draw.graph import Graph
from autograd_mini.draw.rules import expression, formula
from autograd_mini.symbols import evaluate, simplify, symbol
from tests.helpers.table import F
from tests.samples import SAMPLES

PYTHON = {"×": "*", "−": "-", "√(": "sqrt(", "≤": "<=", "≥": ">=", "≠": "!=", "^": "**"}
PYTHON |= {"tanh²(": "tanh2(", "φ(": "normal_pdf(", "Φ(": "normal_cdf("}
DIGITS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")


def computed(text, names):
    """The number that Python computes from a formula."""
    for ours, theirs in PYTHON.items():
        text = text.replace(ours, theirs)
    text = re.sub("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+", lambda found: f"**({found[0].translate(DIGITS)})", text)
    text = re.sub(r"(?<![<>!=])=(?!=)", "==", text)
    with np.errstate(all="ignore"):
        return eval(text, {**vars(arrays), **vars(scalar), "tanh2": lambda x: np.tanh(x) ** 2, **names})


SCALAR = [sample for sample in SAMPLES if sample.scalar and not sample.mask]


@pytest.mark.parametrize("sample", SCALAR, ids=str)
def test_formulas_compute_what_the_engine_does(sample):
    """For every row that works on Values: the texts of the value and of each local derivative give the engine's numbers."""
    for turn in range(sample.turns):
        operands = [Value(x, requires_grad=i in sample.wrt) for i, x in enumerate(sample.draw("Value", turn))]
        for box in Graph(sample.call(F, *operands)).boxes:
            if not box.parents or not isinstance(box.node, Value):
                continue
            names = [f"a{i}" for i in range(len(box.parents))]
            numbers = dict(
                zip([*names, "out"], [*(parent.data for parent in box.node.parents), box.data], strict=True)
            )
            text = expression(box, names)
            if text is not None:
                assert computed(text, numbers) == pytest.approx(box.data, rel=2e-5, abs=1e-12), text
            for i, slope in enumerate(Graph(box.node).local(Graph(box.node).root)):
                text = formula(box, i, names, "out")
                assert text is None or slope is not None
                if text is not None:
                    assert computed(text, numbers) == pytest.approx(slope, rel=2e-5, abs=1e-12), text


x, y, c = Value(0.5, label="x"), Value(2.0, label="y"), Value(3.0, requires_grad=False)
READABLE = {
    "add": (x + y, "x + y", ["1", "1"]),
    "subtract": (x - y, "x − y", ["1", "−1"]),
    "multiply": (x * y, "x × y", ["y", "x"]),
    "constant": (x * c, "x × 3", ["3", None]),
    "negative constant": (x * -3.0, "x × (−3)", ["−3", None]),
    "divide": (x / y, "x / y", ["1 / y", "−out / y"]),
    "negative": (-x, "−x", ["−1"]),
    "square": (x**2, "x²", ["2 × x"]),
    "cube": (x**3, "x³", ["3 × x²"]),
    "power -1": (x**-1, "x⁻¹", ["−x⁻²"]),
    "exp": (x.exp(), "exp(x)", ["out"]),
    "log": (x.log(), "log(x)", ["1 / x"]),
    "tanh": (x.tanh(), "tanh(x)", ["1 − tanh²(x)"]),
    "sigmoid": (x.sigmoid(), "sigmoid(x)", ["sigmoid(x) × (1 − sigmoid(x))"]),
    "relu": (x.relu(), "maximum(x, 0)", ["0 if x ≤ 0 else 1"]),
    "neuron": (ag.dot([x, y], [c, c], x), "x + x × 3 + y × 3", ["3", "3", None, None, "1"]),
}


@pytest.mark.parametrize(("node", "value", "slopes"), READABLE.values(), ids=READABLE)
def test_formulas_read_as_one_would_write_them(node, value, slopes):
    """The common operations: no factors of 1, no superfluous brackets."""
    box = Graph(node).root
    names = [parent.label or f"{parent.data:g}" for parent in node.parents]
    assert expression(box, names) == value
    assert [formula(box, i, names, "out") for i in range(len(names))] == slopes


X, W, b = (
    Tensor(np.ones((4, 2)), label="X"),
    Tensor(np.ones((2, 3)), label="W"),
    Tensor(np.ones(3), label="b"),
)
ARRAYS = {
    "matmul": (X @ W, "X @ W", ["g @ Wᵀ", "Xᵀ @ g"]),
    "linear": (ag.linear(X, W, b), "linear(X, W, b)", ["g @ Wᵀ", "Xᵀ @ g", "g"]),
    "tanh": (X.tanh(), "tanh(X)", ["g × (1 − tanh²(X))"]),
    "mean": (X.mean(), "sum(X) / 8", ["g / 8"]),
}


@pytest.mark.parametrize(("node", "value", "shares"), ARRAYS.values(), ids=ARRAYS)
def test_of_a_tensor_the_formula_is_of_what_arrives(node, value, shares):
    """A Tensor's local derivative is no single number: the formula says what each operand receives of g."""
    box = Graph(node).root
    names = [parent.label for parent in node.parents]
    assert expression(box, names) == value
    assert [formula(box, i, names, "out") for i in range(len(names))] == shares


def test_no_formula_where_there_is_none_or_it_would_not_help():
    """A leaf, a long formula, and a user's rule that does more than compute: None, and nothing is raised."""
    assert expression(Graph(x).root, []) is None
    assert formula(Graph(x).root, 0, [], "out") is None
    long = ag.dot([x] * 50, [y] * 50, x)
    assert expression(Graph(long).root, ["x"] * 101) is None
    printing = ag.Op("own", lambda xp, x: float(f"{x:.3f}"), (lambda xp, g, out, x: g * round(x),))
    assert expression(Graph(ag.apply(printing, x)).root, ["x"]) is None
    assert formula(Graph(ag.apply(printing, x)).root, 0, ["x"], "out") is None
    for wrong in (lambda xp, g, out, x: g, lambda xp, g, out, x: [], lambda xp, g, out, x: [None]):
        odd = ag.apply(ag.Op("own", lambda xp, x: 2.0 * x, wrong), x)
        assert formula(Graph(odd).root, 0, ["x"], "out") is None
    masked = ag.apply(ag.Op("mask", lambda xp, x: xp.sign(x)), x * 1.0)
    assert formula(Graph(masked).root, 0, ["x"], "out") is None


@pytest.mark.parametrize(
    ("node", "value", "slope"),
    [
        (Value(0.0).log(), "log(x)", "1 / x"),
        (1.0 / Value(0.0), None, "−y / x"),
        (Value(0.0) ** -1, "x⁻¹", "−x⁻²"),
        (Value(0.0).sqrt(), "√(x)", "0.5 / y"),
        (Value(2000.0).exp(), "exp(x)", "y"),
        (Value(-1.0).log(), "log(x)", "1 / x"),
    ],
    ids=["log 0", "1/0", "0**-1", "sqrt 0", "overflow", "log -1"],
)
def test_formulas_stand_at_poles_too(node, value, slope):
    """Where the gradient is ∞ or NaN the formula is what the reader needs."""
    box = Graph(node).root
    at = len(box.parents) - 1
    names = ["1", "x"][-len(box.parents) :]
    assert value is None or expression(box, names) == value
    assert formula(box, at, names, "y") == slope


def test_a_slope_to_the_power_0_is_1():
    """x**1 has the slope 1, not x⁰."""
    assert formula(Graph(x**1).root, 0, ["x"], "y") == "1"


@pytest.mark.parametrize("kind", [Value, Tensor])
def test_a_rule_of_ones_own_that_uses_numpy_or_if_has_no_formula(kind):
    """Plain running is as ever, and there is no formula for that part alone."""
    rules = (lambda xp, g, out, x: g * 2.0 * np.asarray(x), lambda xp, g, out, x: g if x > 0 else -g)
    for rule in rules:
        own = ag.apply(ag.Op("own", lambda xp, x: xp.abs(x) * x, (rule,)), w := kind(2.0))
        box = Graph(own).root
        assert expression(box, ["w"]) == "abs(w) × w"
        assert formula(box, 0, ["w"], "out") is None
        own.backward()
        assert w.grad in (4.0, 1.0)


def test_an_error_of_ones_own_rule_is_not_taken_for_a_missing_formula():
    """Only what cannot be read is left out: another error is the rule's own and is seen."""
    own = ag.apply(ag.Op("own", lambda xp, x: x * 1.0, (lambda xp, g, out, x: {}["missing"],)), x)
    with pytest.raises(KeyError, match="missing"):
        formula(Graph(own).root, 0, ["x"], "out")


def test_a_large_array_has_its_formula_without_a_computation():
    """The formula of 10¹² numbers, which no memory holds, is read from their shape."""
    row, column = Tensor(np.ones((1, 1_000_000)), label="a"), Tensor(np.ones((1_000_000, 1)), label="b")
    box = Graph(row * row[:, :1]).root
    assert expression(box, ["a", "b"]) == "a × b"
    wide = symbol("a", row.shape) * symbol("b", column.shape)
    assert wide.shape == (1_000_000, 1_000_000)
    assert written(wide) == "a × b"


INDEXED = {
    "getitem": (X[1:, 0], "X[1:, 0]", ["scatter(g)"]),
    "stack": (ag.stack([b, b]), "stack([b, b])", ["g[0, :]", "g[1, :]"]),
    "concatenate": (ag.concatenate([X, W.T], axis=0), "concatenate([X, W])", ["g[0:4, :]", "g[4:7, :]"]),
}


@pytest.mark.parametrize(("node", "value", "shares"), INDEXED.values(), ids=INDEXED)
def test_indices_and_lists_of_operands_are_written_out(node, value, shares):
    """An index as one writes it, a list of operands in square brackets."""
    box = Graph(node).root
    names = ["XWb"[("X", "W", "b").index((parent.label or "W")[0])] for parent in node.parents]
    assert expression(box, names) == value
    assert [formula(box, i, names, "out") for i in range(len(names))] == shares


t, u = symbol("t"), symbol("u")
SIMPLE = {
    "add 0": (t + 0.0, "t"),
    "0 add": (0.0 + t, "t"),
    "add a negative": (t + -u, "t − u"),
    "add a negative number": (t + -2.0, "t − 2"),
    "subtract 0": (t - 0.0, "t"),
    "from 0": (0.0 - t, "−t"),
    "subtract a sum": (t - (u + 1.0), "t − (u + 1)"),
    "times 1": (1.0 * t, "t"),
    "times -1": (t * -1.0, "−t"),
    "times 0": (t * 0.0, "0"),
    "over 1": (t / 1.0, "t"),
    "number over": (1.0 / t, "1 / t"),
    "over a product": (t / (t * u), "t / (t × u)"),
    "plus": (+t, "t"),
    "minus minus": (-t.__neg__(), "t"),
    "minus a sum": (-(t + u), "−(t + u)"),
    "times a sum": (t * (t + u), "t × (t + u)"),
    "negative times": (-t * u, "−t × u"),
    "minus a negative product": (u - (-t) * u, "u + t × u"),
    "matrices": (symbol("A", (2, 2)) @ (symbol("B", (2, 2)) + symbol("C", (2, 2))), "A @ (B + C)"),
}


@pytest.mark.parametrize(("found", "text"), SIMPLE.values(), ids=SIMPLE)
def test_what_changes_nothing_is_left_out_and_brackets_stand_where_they_must(found, text):
    """The text for readers; computed by Python, it gives the number of the expression as it was."""
    assert written(simplify(found, for_readers=True)) == text
    if "@" not in text:
        assert computed(text, {"t": 2.0, "u": 3.0}) == evaluate(found, {"t": 2.0, "u": 3.0})
