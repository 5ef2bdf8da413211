"""Rules read as expressions: of every row and sample the same bits, evaluated, simplified exactly, and printed as Python."""

import ast
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

import autograd_mini as ag
from autograd_mini import symbols
from autograd_mini.compile.text import PYTHON, text
from autograd_mini.core import array_rows, rows, special_rows
from autograd_mini.core.engine import sweep, toposort
from autograd_mini.core.functions import GRAPH
from autograd_mini.core.node import made
from autograd_mini.core.readings import ARRAYS, FLOATS, XP, arrays, scalar
from autograd_mini.support import numerics
from autograd_mini.support.modes import keep_constants
from autograd_mini.symbols import (
    EXPRESSIONS,
    Expressions,
    Unreadable,
    call,
    constant,
    evaluate,
    read,
    replace,
    simplify,
    substitute,
    symbol,
    walk,
)
from tests.helpers.readings import CASES, bits
from tests.helpers.table import F
from tests.samples import SAMPLES

x, y, g = symbol("x"), symbol("y"), symbol("g")


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
    rule = array_rows.SUM(0, False).forward
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
    slope = evaluate(
        read(rows.tanh.vjps[0], constant(1.0), symbol("out"), x), {"x": h, "out": None}, GRAPH.xp
    )
    assert ag.gradients(slope, h) == pytest.approx(-2.0 * math.tanh(0.5) / math.cosh(0.5) ** 2)


def test_the_names_that_rules_use_are_listed_once():
    """XP holds the names that the table and its numbers use, and each is in every namespace."""
    files = [Path(module.__file__) for module in (rows, special_rows, array_rows, numerics)]
    used = {name for file in files for name in re.findall(r"\bxp\.(\w+)", file.read_text("utf-8"))}
    assert used | {"min"} == set(XP)  # "min" is reached by getattr, beside "max"
    assert all(hasattr(arrays, name) and hasattr(scalar, name) for name in XP)
    assert set(vars(EXPRESSIONS.xp)) == set(XP)
    assert {name for name in XP if not hasattr(GRAPH.xp, name)} == {
        "erfc"
    }  # inside normal_cdf's numbers alone


# ---- The contract of XP: every row reads in each reading --------------------------------------------------------------


@pytest.mark.parametrize(("sample", "kind", "dtype"), CASES)
def test_each_rule_reads_in_each_reading(sample, kind, dtype):
    """Forward and vjps: a graph's value is what the arrays' reading gives; floats and expressions read all without an error."""
    for node in operations(sample, kind, dtype):
        out, operands, above = given_at(node, sample)
        readings = [ARRAYS, GRAPH, EXPRESSIONS] + [FLOATS] * (kind == "Value")
        found = {reading: all_of(node.op, reading, above, out, operands) for reading in readings}
        value, *shares = found[ARRAYS]
        for number, share in zip([value, *shares], found[GRAPH], strict=True):
            np.testing.assert_allclose(
                getattr(share, "data", share), number, rtol=1e-5 if dtype == "float32" else 1e-12
            )
            assert np.shape(getattr(share, "data", share)) == np.shape(number)
        assert len(found[EXPRESSIONS]) == len(found[ARRAYS])


def operations(sample, kind, dtype):
    """The nodes of the operations that a sample reaches."""
    operands = [z.item() if z.shape == () and kind == "Value" else z for z in sample.draw(kind)]
    make = ag.Value if kind == "Value" else functools.partial(ag.Tensor, dtype=dtype)
    with keep_constants():
        out = sample.call(
            F, *[make(z) if i in sample.wrt or sample.mask else z for i, z in enumerate(operands)]
        )
    return [node for node in toposort(out, constants=True) if node.op is not None]


def given_at(node, sample):
    """The result, the operands and a gradient from above, as arrays."""
    out = np.asarray(node.data)
    above = np.asarray(sample.rng(7).normal(size=out.shape), out.dtype)
    return out, [np.asarray(parent.data) for parent in node.parents], above


def all_of(op, reading, above, out, operands):
    """The value of a row and all its shares, in a reading."""
    given = [above, out, *operands]
    if reading is FLOATS:
        given = [x.item() for x in given]
    elif reading is EXPRESSIONS:
        given = [symbol(f"a{i}", x.shape, x.dtype) for i, x in enumerate(given)]
    elif reading is GRAPH:
        given = [made(ARRAYS, x) for x in given]
    g, out, *operands = given
    with np.errstate(all="ignore"):
        shares = op.shares(reading, g, out, operands, [True] * len(operands)) if op.has_derivative else []
        return [op.value(reading, operands), *shares]


def test_the_backprop_of_a_network_is_read_as_formulas():
    """An MLP swept with its nodes named, each by `Op.shares`: the formulas, evaluated, are the engine's gradients."""
    rng = np.random.default_rng(0)
    leaves = [ag.Tensor(rng.normal(size=shape)) for shape in ((5, 3), (3, 4), (4,), (4, 2), (1, 2))]
    X, W, b, V, c = leaves
    loss = ((ag.linear(X, W, b).tanh() @ V + c) ** 2).mean() + (W * W).sum() * ag.Value(0.5)
    order = toposort(loss)
    names = {node: symbol(f"n{i}", node.shape) for i, node in enumerate(order)}
    reading = Expressions(names)
    grads = sweep(order, reading.arriving(loss, None, "test"), reading)
    values = {expr.value: node.data for node, expr in names.items()}
    loss.backward()
    for leaf in [node for node in order if node.op is None]:
        found = grads[leaf]
        assert (found.shape, found.dtype) == (leaf.shape, np.float64)
        np.testing.assert_allclose(evaluate(found, values), leaf.grad, rtol=1e-12)
        np.testing.assert_array_equal(evaluate(simplify(found), values), evaluate(found, values))


def test_a_node_without_a_name_stands_in_a_formula_as_its_numbers():
    """A constant of the graph is no symbol."""
    w = ag.Value(3.0)
    loss = w * 2.0
    reading = Expressions({w: symbol("w")})
    assert repr(sweep(toposort(loss), constant(1.0), reading)[w]) == "multiply(1.0, 2.0)"
    assert repr(sweep(toposort(loss), symbol("g"), reading)[w]) == "multiply(g, 2.0)"


def test_what_nothing_depends_on_has_the_formula_0():
    """Of the node's shape; and a gradient from above may be given as a formula."""
    node = ag.Tensor(np.ones((2, 3)))
    assert repr(EXPRESSIONS.zero(node)) == "broadcast_to(0.0, tuple(2, 3))"
    assert EXPRESSIONS.arriving(node, g, "test") is g
    assert EXPRESSIONS.share_for(node, symbol("s", (5, 2, 3)), rows.add).shape == (2, 3)


READERS = {
    ("core/op.py", "Op.__init__"), ("core/op.py", "Op.shares"), ("core/quick.py", "made_pull"),
    ("core/node.py", "Node.vjps"), ("core/op.py", "Op.check_parents"),  # which counts them
}  # fmt: skip


def readers_of_vjps(source):
    """The functions, by their qualified names, in which an attribute `vjps` stands."""
    found, stack = set(), [("", ast.parse(source))]
    while stack:
        where, node = stack.pop()
        if isinstance(node, ast.Attribute) and node.attr == "vjps":
            found.add(where)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            where = f"{where}.{node.name}".lstrip(".")
        stack += [(where, child) for child in ast.iter_child_nodes(node)]
    return found


def test_the_chain_rule_stands_once():
    """`.vjps` is read by `Op.shares` and by what makes a row and its quick code, and nowhere else in the package."""
    package = Path(ag.__file__).parent
    found = {
        (path.relative_to(package).as_posix(), where)
        for path in package.rglob("*.py")
        for where in readers_of_vjps(path.read_text("utf-8"))
    }
    assert found == READERS
    assert readers_of_vjps("class A:\n    def f(self):\n        return [v for v in self.op.vjps]") == {"A.f"}


# ---- One object a saying ----------------------------------------------------------------------------------------------


def test_what_says_the_same_is_one_object():
    """Numbers by type and bits, small arrays by their bytes, large ones by identity."""
    small, large = np.arange(3.0), np.zeros(100)
    assert x * y + 1.0 is x * y + 1.0
    assert constant(small) is constant(small.copy())
    assert constant(large) is constant(large)
    assert EXPRESSIONS.xp.sum(z, axis=(0, 1)) is EXPRESSIONS.xp.sum(z, axis=(0, 1))
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
    assert len(repr(chain)) < 300
    del chain, z
    gc.collect()
    assert len(symbols._made) <= before + 3


def test_shapes_are_known_without_memory():
    """A network on 10⁹ numbers is read in less than a megabyte."""
    tracemalloc.start()
    X, W, b = symbol("X", (10**6, 10**3)), symbol("W", (10**3, 10**3)), symbol("b", (10**3,))
    out = EXPRESSIONS.xp.tanh(EXPRESSIONS.xp.linear(X, W, b))
    loss = EXPRESSIONS.xp.sum(EXPRESSIONS.xp.softmax(out, 1)[:, 2:], axis=(0, 1), keepdims=True)
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
    "given mask": lambda xp, a: a[symbol("m", (2, 3), bool)],
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


SPECIAL = [0.0, -0.0, 1.0, -1.0, math.inf, -math.inf, math.nan, 2.5, 5e-324, 1.7e308]


@pytest.mark.parametrize("pattern", symbols.EXACT, ids=repr)
def test_each_exact_rule_holds_to_the_bit(pattern):
    """On every pair of zeros, infinities, NaN, and the smallest and largest numbers."""
    for a in SPECIAL:
        for b in SPECIAL:
            values = {"a": np.float64(a), "b": np.float64(b)}
            with np.errstate(all="ignore"):
                before, after = evaluate(pattern, values), evaluate(symbols.EXACT[pattern], values)
            assert bits(np.float64(after)) == bits(np.float64(before))


@pytest.mark.parametrize("pattern", symbols.READABLE, ids=repr)
def test_each_rule_for_readers_holds_where_numbers_are_finite(pattern):
    for a in (0.5, -1.25, 3.0):
        values = {"a": np.float64(a), "b": np.float64(0.75)}
        after = evaluate(constant(symbols.READABLE[pattern]), values)
        assert after == pytest.approx(evaluate(pattern, values), rel=1e-12)


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
    "times 1 in another shape": (x * np.ones((2,)), "x * np.array([1.0, 1.0], np.float64)"),
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
    slope = simplify(read(rows.tanh.vjps[0], constant(1.0), symbol("out"), x), for_readers=True)
    assert text(slope) == "1 − tanh²(x)"
    assert text(substitute(slope, {EXPRESSIONS.xp.tanh(x): symbol("out")})) == "1 − out²"
    assert text(slope, {EXPRESSIONS.xp.tanh(x): "a"}) == "1 − a²"
    assert text(simplify(EXPRESSIONS.xp.logistic(x), for_readers=True)) == "sigmoid(x) × (1 − sigmoid(x))"


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
    assert repr(replace(expr, (0, 0, 1), 2.0)) == "sum(add(multiply(z, 2.0), 1.0), 0)"
    assert [part.value for path, part in walk(expr) if part.name == "constant"] == [1.0, 0]
    changed = replace(expr, (1,), 1)
    assert (changed.shape, expr.shape) == ((2,), (3,))


def test_substitution_is_of_all_places_and_once():
    assert substitute(x * x + y, {x: y, y: x}) is y * y + x
    assert substitute(x * y, {x * y: x, x: 2.0}) is x


def test_a_change_that_does_not_fit_is_refused():
    with pytest.raises(Unreadable, match=r"matmul of operands of shapes \(2, 3\), \(2, 3\) cannot be read"):
        substitute(z @ z.T, {z.T: z})
