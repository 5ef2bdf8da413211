"""Rules read as expressions: of every row and sample the same bits, evaluated, simplified exactly, and printed as Python."""

import functools
import gc
import math
import re
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import SAMPLES, kinds

import autograd_mini as ag
from autograd_mini import numerics, symbols
from autograd_mini.core import functions as F
from autograd_mini.core import ops
from autograd_mini.core.engine import toposort
from autograd_mini.core.namespaces import arrays, scalar
from autograd_mini.symbols import (
    EXPRESSIONS,
    LATEX,
    PYTHON,
    XP,
    Unreadable,
    call,
    constant,
    evaluate,
    read,
    replace,
    simplify,
    substitute,
    symbol,
    text,
    walk,
)

x, y, g = symbol("x"), symbol("y"), symbol("g")
CASES = [
    pytest.param(sample, kind, dtype, id=f"{kind}-{dtype}-{sample}")
    for sample in SAMPLES
    for kind in kinds(sample)
    for dtype in ("float64", "float32")
    if dtype == "float64" or (kind == "Tensor" and sample.float32)
]


def bits(found):
    """The dtype, shape and bytes of an array or of several; NaN is one number, whatever its sign."""
    if isinstance(found, list | tuple):
        return [bits(one) for one in found]
    found = np.array(found)
    if found.dtype.kind == "f":
        found[np.isnan(found)] = np.nan
    return found.dtype.str, found.shape, found.tobytes()


def python(expr, values):
    """What Python computes from the line of NumPy."""
    return eval(text(expr, style=PYTHON), {"np": np, "xp": arrays, **values})


def rules(sample, kind, dtype) -> Iterator[tuple]:
    """(rule, values by name) of the forward and every derivative of each operation that a sample reaches."""
    operands = [z.item() if z.shape == () and kind == "Value" else z for z in sample.draw(kind)]
    make = ag.Value if kind == "Value" else functools.partial(ag.Tensor, dtype=dtype)
    nodes = [make(z) if i in sample.wrt or sample.mask else z for i, z in enumerate(operands)]
    out = sample.call(F, *nodes)
    for node in toposort(out) if out.requires_grad else [out]:
        if node.op is not None:
            data = {f"a{i}": np.asarray(parent.data) for i, parent in enumerate(node.parents)}
            yield node.op.forward, data
            out = np.asarray(node.data)
            above = np.asarray(sample.rng(7).normal(size=out.shape), out.dtype)
            for vjp in [node.op.vjps] if callable(node.op.vjps) else node.op.vjps:
                yield vjp, {"g": above, "out": out, **data}


def symbols_of(values):
    return [symbol(name, value.shape, value.dtype) for name, value in values.items()]


@pytest.mark.parametrize(("sample", "kind", "dtype"), CASES)
def test_an_expression_says_what_its_rule_does_to_the_bit(sample, kind, dtype):
    """Evaluated, simplified exactly and printed as Python: the rule's bits; shape and dtype known before; for readers near it."""
    for rule, values in rules(sample, kind, dtype):
        with np.errstate(all="ignore"):
            direct = rule(arrays, *values.values())
            expr = read(rule, *symbols_of(values))
            assert bits(evaluate(expr, values)) == bits(direct)
            assert bits(evaluate(simplify(expr), values)) == bits(direct)
            assert bits(python(expr, values)) == bits(direct)
            assert bits(python(simplify(expr), values)) == bits(direct)
            plain = evaluate(simplify(expr, for_readers=True), values)
        several = isinstance(direct, list)
        parts = zip(expr.args, direct, plain, strict=True) if several else [(expr, direct, plain)]
        for part, number, near in parts:
            assert (part.shape, part.dtype) == (np.shape(number), np.asarray(number).dtype)
            assert np.shape(near) == np.shape(number)
            rtol = 1e-4 if np.asarray(number).dtype == np.float32 else 1e-9
            np.testing.assert_allclose(near, number, rtol=rtol, atol=rtol)


def test_the_checks_above_see_a_fault():
    """A rule whose expression lost an argument, or a number's last bit, has other bits."""
    values = {"a0": np.array([[3.0, 1.0], [0.1, 7.0]])}
    rule = ops.SUM(0, False).forward
    expr = read(rule, *symbols_of(values))
    assert bits(evaluate(replace(expr, (1,), 1), values)) != bits(rule(arrays, *values.values()))
    scaled = read(lambda xp, a: 0.1 * a, *symbols_of(values))
    assert bits(evaluate(replace(scaled, (0,), math.nextafter(0.1, 1.0)), values)) != bits(0.1 * values["a0"])


@pytest.mark.parametrize("sample", [s for s in SAMPLES if s.scalar], ids=str)
def test_an_expression_is_evaluated_on_floats_and_on_nodes_too(sample):
    """By the namespace of floats it gives the floats' numbers; by that of nodes a graph, to be differentiated again."""
    for rule, values in rules(sample, "Value", "float64"):
        numbers = {name: value.item() for name, value in values.items()}
        expr = read(rule, *symbols_of(values))
        assert bits(evaluate(expr, numbers, scalar)) == bits(rule(scalar, *numbers.values()))
    h = ag.Value(0.5)
    slope = evaluate(read(ops.TANH.vjps[0], constant(1.0), symbol("out"), x), {"x": h, "out": None}, F)
    assert ag.gradients(slope, h) == pytest.approx(-2.0 * math.tanh(0.5) / math.cosh(0.5) ** 2)


def test_the_names_that_rules_use_are_listed_once():
    """XP holds the names that the table and its numbers use, and each is in every namespace."""
    files = [Path(ops.__file__), Path(numerics.__file__)]
    used = {name for file in files for name in re.findall(r"\bxp\.(\w+)", file.read_text("utf-8"))}
    assert used == set(XP)
    assert all(hasattr(arrays, name) and hasattr(scalar, name) for name in XP)
    assert set(vars(EXPRESSIONS)) == set(XP)


# ---- One object a saying ----------------------------------------------------------------------------------------------


def test_what_says_the_same_is_one_object():
    """Numbers by type and bits, small arrays by their bytes, large ones by identity."""
    small, large = np.arange(3.0), np.zeros(100)
    assert x * y + 1.0 is x * y + 1.0
    assert constant(small) is constant(small.copy())
    assert constant(large) is constant(large)
    assert EXPRESSIONS.sum(z, axis=(0, 1)) is EXPRESSIONS.sum(z, axis=(0, 1))
    assert symbol("z", (2,))[1:] is symbol("z", (2,))[1:]


DIFFERENT = {
    "zeros": (0.0, -0.0),
    "one and True": (1, True),
    "whole and float": (1, 1.0),
    "float and NumPy's": (1.0, np.float64(1.0)),
    "precisions": (np.float32(1.0), np.float64(1.0)),
    "number and array": (np.float64(1.0), np.array(1.0)),
    "arrays' zeros": (np.zeros(2), -np.zeros(2)),
    "shapes": (np.zeros((2, 1)), np.zeros((1, 2))),
    "large arrays": (np.zeros(100), np.zeros(100)),
    "tuple and list": ((1, 2), [1, 2]),
    "nothing and ellipsis": (None, ...),
    "symbols by shape": (symbol("x"), symbol("x", (1,))),
    "symbols by dtype": (symbol("x"), symbol("x", (), np.float32)),
    "name and symbol": ("x", symbol("x")),
    "keywords": (call("sum", symbol("z", (2,)), axis=0), call("sum", symbol("z", (2,)), 0)),
}


@pytest.mark.parametrize(("one", "other"), DIFFERENT.values(), ids=DIFFERENT)
def test_what_differs_is_two(one, other):
    assert constant(one) is not constant(other)


def test_a_small_constant_is_kept_as_it_was():
    """What the caller writes into the array afterwards changes no expression."""
    array = np.ones(2)
    expr = symbol("z", (2,)) * array
    array[:] = 5.0
    np.testing.assert_array_equal(evaluate(expr, {"z": np.ones(2)}), np.ones(2))


def test_a_chain_of_20_000_calls_is_read_printed_changed_and_freed():
    """Nothing recurses, and a dropped expression is gone."""
    gc.collect()
    before = len(symbols._made)
    z = chain = symbol("chain")
    for _ in range(20_000):
        chain = -chain + 1.0
    assert evaluate(chain, {"chain": 0.25}) == 0.25
    assert simplify(substitute(chain, {z: x})).name == "add"
    assert text(chain, longest=60) is None
    assert repr(chain) == "Expr(add, (), float64)"
    del chain, z
    gc.collect()
    assert len(symbols._made) <= before + 3


def test_shapes_are_known_without_memory():
    """A network on 10⁹ numbers is read in less than a megabyte."""
    tracemalloc.start()
    X, W, b = symbol("X", (10**6, 10**3)), symbol("W", (10**3, 10**3)), symbol("b", (10**3,))
    out = EXPRESSIONS.tanh(EXPRESSIONS.linear(X, W, b))
    loss = EXPRESSIONS.sum(EXPRESSIONS.softmax(out, 1)[:, 2:], axis=(0, 1), keepdims=True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (out.shape, loss.shape, peak < 1e6) == ((10**6, 10**3), (1, 1), True)


# ---- What cannot be read ----------------------------------------------------------------------------------------------

z = symbol("z", (2, 3))
UNREADABLE = {
    "if": lambda xp, a: a if a else 0.0,
    "comparison": lambda xp, a: a > 0,
    "equality": lambda xp, a: a == 0,
    "ufunc": lambda xp, a: np.exp(a),
    "ufunc of two": lambda xp, a: np.multiply(np.ones((2, 3)), a),
    "function": lambda xp, a: np.sum(a),
    "reshape": lambda xp, a: np.reshape(a, (6,)),
    "array": lambda xp, a: np.asarray(a),
    "stack": lambda xp, a: np.stack([a, a]),
    "float": lambda xp, a: float(a),
    "math": lambda xp, a: math.exp(a),
    "format": lambda xp, a: float(f"{a:.3f}"),
    "unpacking": lambda xp, a: list(a),
    "method": lambda xp, a: a.sum(),
    "unknown name": lambda xp, a: xp.fft(a),
    "wrong shapes": lambda xp, a: xp.matmul(a, a),
    "computed mask": lambda xp, a: a[xp.greater(a, 0.0)],
    "no number": lambda xp, a: a * {1.0},
    "complex": lambda xp, a: a * 1j,
    "objects": lambda xp, a: a * np.array([None, None, None]),
}


@pytest.mark.parametrize("rule", UNREADABLE.values(), ids=UNREADABLE)
def test_a_rule_that_does_more_than_call_is_refused(rule):
    """With one error, a TypeError, that names what was done; nothing is swallowed, nothing is guessed."""
    with pytest.raises(Unreadable, match=r"\w"):
        read(rule, z)


def test_numpy_refuses_an_expression_outside_of_read_too():
    with pytest.raises(TypeError):
        np.exp(z)
    with pytest.raises(TypeError, match=r"xp\.… in place of np\.…"):
        np.sum(z)
    with pytest.raises(TypeError, match=r"xp\.where"):
        bool(z)


def test_an_error_of_the_rule_itself_is_its_own():
    with pytest.raises(ZeroDivisionError):
        read(lambda xp, a: a * (1 / 0), z)


def test_numbers_and_arrays_may_stand_on_either_side():
    """Reflected operators keep the array whole."""
    two = np.full((2, 3), 2.0)
    data = np.arange(6.0).reshape(2, 3)
    for rule in (
        lambda a: two - a,
        lambda a: two / (1.0 + a),
        lambda a: two.T @ a,
        lambda a: a @ two.T,
        lambda a: np.float64(3.0) * a,
        lambda a: 2.0**a,
        lambda a: abs(+a) ** 2,
    ):
        assert bits(evaluate(constant(rule(z)), {"z": data})) == bits(rule(data))


# ---- Simplifying ------------------------------------------------------------------------------------------------------

NUMBERS = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, -1.0, math.inf, -math.inf, math.nan, 2.0, 5e-324, 1.7e308]), st.floats()
)
LEAVES = st.one_of(st.just(x), st.just(y), NUMBERS.map(constant), st.sampled_from([0, 1]).map(constant))


def _grown(parts):
    two = st.tuples(parts, parts)
    names = ["add", "subtract", "multiply", "divide", "maximum", "power"]
    return st.one_of(
        st.tuples(st.sampled_from(names), two).map(lambda pair: call(pair[0], *pair[1])),
        st.tuples(st.sampled_from(["negative", "positive", "abs", "zeros_like"]), parts).map(
            lambda pair: call(pair[0], pair[1])
        ),
        two.map(lambda pair: call("where", call("less", *pair), *pair)),
    )


@settings(max_examples=400, deadline=None, derandomize=True)
@given(expr=st.recursive(LEAVES, _grown, max_leaves=12), a=NUMBERS, b=NUMBERS)
def test_simplifying_exactly_changes_no_bit_and_python_says_the_same(expr, a, b):
    """On NaN, ±0 and ±∞ too; the only freedom is which NaN."""
    values = {"x": np.float64(a), "y": np.float64(b)}
    with np.errstate(all="ignore"):
        try:
            before = evaluate(expr, values)
        except (
            ArithmeticError,
            ValueError,
        ):  # Python's own numbers alone: 1 / 0.0, and whole numbers to negative powers
            return
        after = evaluate(simplify(expr), values)
        printed = python(expr, values)
    assert bits(np.float64(after)) == bits(np.float64(before))
    assert bits(np.float64(printed)) == bits(np.float64(before))


EXACT = {
    "times 1": (x * 1.0, "x"),
    "1 times": (1 * x, "x"),
    "over 1": (x / 1, "x"),
    "times -1": (-1.0 * x, "-x"),
    "plus -0": (x + -0.0, "x"),
    "less 0": (x - 0.0, "x"),
    "-0 less": (-0.0 - x, "-x"),
    "twice negative": (1.0 * -x.__neg__(), "x"),
    "plus a negative": (x + -y, "x - y"),
    "less a negative": (x - -y, "x + y"),
    "to the 1": (call("power", x, 1), "x"),
    "either way": (call("where", call("less", x, y), x, x), "x"),
    "in its own shape": (call("reshape", call("broadcast_to", z, (2, 3)), (2, 3)), "z"),
    "transposed twice": (z.T.T, "z"),
    "transposed otherwise": (
        call("swapaxes", call("swapaxes", z, 0, 1), 1, 0),
        "np.swapaxes(np.swapaxes(z, 0, 1), 1, 0)",
    ),
    "numbers": (call("multiply", 2.0, 3.0) * x, "6.0 * x"),
    "plus 0, which −0 + 0 forbids": (x + 0.0, "x + 0.0"),
    "0 less, which 0 − 0 forbids": (0.0 - x, "0.0 - x"),
    "times 0, which ∞ forbids": (x * 0.0, "x * 0.0"),
    "less itself": (x - x, "x - x"),
    "times 1 in another shape": (x * np.ones((2,)), "x * np.array([1.0, 1.0], np.float64).reshape((2,))"),
    "times 1 in another precision": (
        symbol("s", (), "float32") * np.float64(1.0),
        "s * np.float64(1.0)",
    ),
    "a pole": (call("divide", 1.0, 0.0), "1.0 / 0.0"),
}


@pytest.mark.parametrize(("expr", "left"), EXACT.values(), ids=EXACT)
def test_what_is_left_exactly(expr, left):
    assert text(simplify(expr), style=PYTHON) == left


def test_readers_see_slopes_as_they_learnt_them():
    """sech² and the logistic density are spelt out, and their parts can be named."""
    slope = simplify(read(ops.TANH.vjps[0], constant(1.0), symbol("out"), x), for_readers=True)
    assert text(slope) == "1 − tanh²(x)"
    assert text(substitute(slope, {EXPRESSIONS.tanh(x): symbol("out")})) == "1 − out²"
    assert text(slope, {EXPRESSIONS.tanh(x): "a"}) == "1 − a²"
    assert text(simplify(EXPRESSIONS.logistic(x), for_readers=True)) == "sigmoid(x) × (1 − sigmoid(x))"


SPREAD = {
    "a sign in another shape": (call("reshape", -x, (1, 1)) * z, "−x × z"),
    "a number in another shape": (call("broadcast_to", -2.0, (2, 3)) * x, "−2 × x"),
    "one in another shape": (call("broadcast_to", 1.0, (2, 3)) * x, "x"),
    "nothing in another shape": (z + call("zeros_like", z) * x, "z"),
    "a slope in another shape": (call("sech2", call("reshape", z, (6,))), "1 − tanh²(z)"),
}


@pytest.mark.parametrize(("expr", "shown"), SPREAD.values(), ids=SPREAD)
def test_what_readers_see_keeps_its_shape_and_numbers(expr, shown):
    """Another shape of the same numbers is not written, and not lost."""
    simpler, values = simplify(expr, for_readers=True), {"x": np.float64(0.5), "z": np.full((2, 3), 0.25)}
    assert text(simpler) == shown
    assert (simpler.shape, simpler.dtype) == (expr.shape, expr.dtype)
    np.testing.assert_allclose(evaluate(simpler, values), evaluate(expr, values), rtol=1e-15)


# ---- Changing ---------------------------------------------------------------------------------------------------------


def test_every_part_can_be_found_and_changed():
    """A path leads to its part; replaced by itself the whole is the same object, by another only that place changes."""
    expr = call("sum", z * z + 1.0, axis=0)
    for path, part in walk(expr):
        assert replace(expr, path, part) is expr
    assert repr(replace(expr, (0, 0, 1), 2.0)) == "np.sum(z * 2.0 + 1.0, axis=0)"
    assert [part.value for path, part in walk(expr) if part.name == "constant"] == [1.0, 0]
    changed = replace(expr, (1,), 1)
    assert (changed.shape, expr.shape) == ((2,), (3,))


def test_substitution_is_of_all_places_and_once():
    assert substitute(x * x + y, {x: y, y: x}) is y * y + x
    assert substitute(x * y, {x * y: x, x: 2.0}) is x


def test_a_change_that_does_not_fit_is_refused():
    with pytest.raises(Unreadable, match=r"matmul of operands of shapes \(2, 3\), \(2, 3\) cannot be read"):
        substitute(z @ z.T, {z.T: z})


# ---- Printing ---------------------------------------------------------------------------------------------------------

W = symbol("W1", (3, 4))
LINES = {
    "matrices": (
        g[None, None] @ W.T[:1],
        "g[None, None] @ W1ᵀ[:1]",
        r"g[None, None] \, \left(W_{1}^{\top}\right)[:1]",
    ),
    "fraction": ((x + y) / (x * y), "(x + y) / (x × y)", r"\frac{x + y}{x \cdot y}"),
    "powers": (call("power", x, 3) + call("power", x, -0.5), "x³ + x^(−0.5)", r"x^{3} + x^{-0.5}"),
    "root": (call("sqrt", x) * 1e-12, "√(x) × 1e−12", r"\sqrt{x} \cdot 1 \cdot 10^{-12}"),
    "names": (call("normal_cdf", x), "Φ(x)", r"\operatorname{normal\_cdf}\left(x\right)"),
    "infinity": (x * math.inf - math.nan, "x × ∞ − NaN", r"x \cdot \infty - \mathrm{NaN}"),
    "negatives": (x * (-y), "x × (−y)", r"x \cdot \left(-y\right)"),
    "branches": (
        call("where", call("less_equal", x, 0), 0.0, x),
        "0 if x ≤ 0 else x",
        r"\begin{cases} 0 & \text{if } x \le 0 \\ x & \text{otherwise} \end{cases}",
    ),
    "squares": (1.0 - call("square", call("tanh", x)), "1 − tanh²(x)", r"1 - \tanh^{2}\left(x\right)"),
    "index": (z[::-1, np.array([0, 2])], "z[::−1, array(2,)]", None),
    "lists": (call("concatenate", [z, z], axis=0), "concatenate([z, z])", None),
}


@pytest.mark.parametrize(("expr", "people", "latex"), LINES.values(), ids=LINES)
def test_lines_for_people_and_for_latex(expr, people, latex):
    assert text(expr) == people
    if latex is not None:
        assert text(expr, style=LATEX) == latex


def test_python_has_brackets_where_the_order_of_additions_matters():
    """a + (b + c) is not (a + b) + c: brackets stand, and nowhere else."""
    a, b, c = symbol("a"), symbol("b"), symbol("c")
    lines = ["a + b + c", "a + (b + c)", "a - (b - c)", "a * b / c", "a * (b / c)", "-(a * b)", "-a * b"]
    for line in lines:
        assert repr(eval(line, {"a": a, "b": b, "c": c})) == line


def test_a_large_constant_needs_a_name_in_python():
    expr = symbol("v", (100,)) * np.ones(100)
    with pytest.raises(ValueError, match=r"shape \(100,\) is too large for a line of Python: give it a name"):
        text(expr, style=PYTHON)
    assert text(expr, {expr.args[1]: "ones"}, PYTHON) == "v * ones"
    assert text(expr) == "v × array(100,)"


ELEMENTWISE = {name: row for name, row in ops.TABLE.items() if isinstance(row, ops.Op) and row.doc}
FORMULAS = {
    "ADD": [
        "x + y",
        "g",
        "g",
    ],
    "SUB": [
        "x − y",
        "g",
        "−g",
    ],
    "MUL": [
        "x × y",
        "g × y",
        "g × x",
    ],
    "DIV": [
        "x / y",
        "g / y",
        "−g × out / y",
    ],
    "NEG": [
        "−x",
        "−g",
    ],
    "POSITIVE": [
        "x",
        "g",
    ],
    "REMAINDER": [
        "remainder(x, y)",
        "g",
        "−g × floor(x / y)",
    ],
    "POWER": [
        "x^y",
        ("g × (0 if y = 0 and (x = 0 or x ≠ x) else y × x^(1 if y = 0 and (x = 0 or x ≠ x) else y − 1))"),
        ("g × (0 if x = 0 and y ≥ 0 else out × log(1 if x = 0 and y ≥ 0 else x))"),
    ],
    "ABS": [
        "abs(x)",
        "g × sign(x)",
    ],
    "SIGN": [
        "sign(x)",
        "0",
    ],
    "FLOOR": [
        "floor(x)",
        "0",
    ],
    "CEIL": [
        "ceil(x)",
        "0",
    ],
    "EXP": [
        "exp(x)",
        "g × out",
    ],
    "EXPM1": [
        "expm1(x)",
        "g × exp(x)",
    ],
    "LOG": [
        "log(x)",
        "g / x",
    ],
    "LOG1P": [
        "log1p(x)",
        "g / (1 + x)",
    ],
    "LOG2": [
        "log2(x)",
        "g / (x × 0.693147)",
    ],
    "LOG10": [
        "log10(x)",
        "g / (x × 2.30259)",
    ],
    "SQRT": [
        "√(x)",
        "0.5 × g / out",
    ],
    "SQUARE": [
        "x × x",
        "g × (2 × x)",
    ],
    "RECIPROCAL": [
        "1 / x",
        "−g × out × out",
    ],
    "SIN": [
        "sin(x)",
        "g × cos(x)",
    ],
    "COS": [
        "cos(x)",
        "−g × sin(x)",
    ],
    "TAN": [
        "tan(x)",
        "g × (1 + out × out)",
    ],
    "ARCSIN": [
        "arcsin(x)",
        "g / √(1 − x × x if abs(x) < 0.5 else (1 − x) × (1 + x))",
    ],
    "ARCCOS": [
        "arccos(x)",
        "−g / √(1 − x × x if abs(x) < 0.5 else (1 − x) × (1 + x))",
    ],
    "ARCTAN": [
        "arctan(x)",
        "g / (1 + x × x)",
    ],
    "SINH": [
        "sinh(x)",
        "g × cosh(x)",
    ],
    "COSH": [
        "cosh(x)",
        "g × sinh(x)",
    ],
    "TANH": [
        "tanh(x)",
        "g × (1 − tanh²(x))",
    ],
    "ARCSINH": [
        "arcsinh(x)",
        "g / hypot(1, x)",
    ],
    "ARCCOSH": [
        "arccosh(x)",
        "g / (√(x − 1) × √(x + 1))",
    ],
    "ARCTANH": [
        "arctanh(x)",
        "g / (1 − x × x if abs(x) < 0.5 else (1 − x) × (1 + x))",
    ],
    "HYPOT": [
        "hypot(x, y)",
        "g × (x if out = 0 else x / out)",
        "g × (y if out = 0 else y / out)",
    ],
    "ARCTAN2": [
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
    "LOGADDEXP": [
        "logaddexp(x, y)",
        "g × sigmoid(x − y)",
        "g × sigmoid(y − x)",
    ],
    "XLOGY": [
        "xlogy(x, y)",
        "g × (0 if x = 0 and y ≤ 0 else log(y))",
        "g × (x / y)",
    ],
    "SECH2": [
        "1 − tanh²(x)",
        "−2 × g × (tanh(x) × out)",
    ],
    "LOGISTIC": [
        "sigmoid(x) × (1 − sigmoid(x))",
        "−g × (tanh(0.5 × x) × out)",
    ],
    "SIGMOID": [
        "sigmoid(x)",
        "g × (sigmoid(x) × (1 − sigmoid(x)))",
    ],
    "SOFTPLUS": [
        "softplus(x)",
        "g × sigmoid(x)",
    ],
    "LOG_SIGMOID": [
        "−softplus(−x)",
        "g × sigmoid(−x)",
    ],
    "SILU": [
        "x × sigmoid(x)",
        "g × (sigmoid(x) + x × (sigmoid(x) × (1 − sigmoid(x))))",
    ],
    "RELU": [
        "maximum(x, 0)",
        "0 if x ≤ 0 else g",
    ],
    "NORMAL_PDF": [
        "φ(x)",
        "−g × (x × out)",
    ],
    "NORMAL_CDF": [
        "Φ(x)",
        "g × φ(x)",
    ],
    "ERF": [
        "erf(x)",
        (
            "g × (1.12838 × (exp(−round(minimum(maximum(x, −64), 64) × 64) / 64 × ("
            "round(minimum(maximum(x, −64), 64) × 64) / 64)) × exp(−(minimum(maximu"
            "m(x, −64), 64) − round(minimum(maximum(x, −64), 64) × 64) / 64) × (min"
            "imum(maximum(x, −64), 64) + round(minimum(maximum(x, −64), 64) × 64) /"
            " 64))))"
        ),
    ],
    "GELU": [
        "x × Φ(x)",
        "g × (Φ(x) + x × φ(x))",
    ],
    "GELU_TANH": [
        "x × sigmoid(1.59577 × (x + 0.044715 × (x × x × x)))",
        (
            "g × (sigmoid(1.59577 × (x + 0.044715 × (x × x × x))) + x × (sigmoid(1."
            "59577 × (x + 0.044715 × (x × x × x))) × (1 − sigmoid(1.59577 × (x + 0."
            "044715 × (x × x × x))))) × (1.59577 × (1 + 0.134145 × (x × x))))"
        ),
    ],
    "MAXIMUM": [
        "maximum(x, y)",
        "0 if x < y else 0.5 × g if x = y else g",
        "0 if y < x else 0.5 × g if x = y else g",
    ],
    "MINIMUM": [
        "minimum(x, y)",
        "0 if x > y else 0.5 × g if x = y else g",
        "0 if y > x else 0.5 × g if x = y else g",
    ],
    "WHERE": [
        "y if x else z",
        "0",
        "g if x else 0",
        "0 if x else g",
    ],
    "SQUARED_ERROR": [
        "(x − y)²",
        "g × (2 × (x − y))",
        "g × (2 × (y − x))",
    ],
    "SIGMOID_CROSS_ENTROPY": [
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
    assert [text(simplify(expr, for_readers=True)) for expr in readings] == FORMULAS[name]
