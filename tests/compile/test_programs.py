"""Random programs: compiled as eager; and each pass alone changes no result."""

import functools

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import autograd_mini as ag
from autograd_mini.compile import passes
from autograd_mini.compile.passes import closer, exact
from autograd_mini.compile.program import Program
from autograd_mini.compile.taught import taught
from autograd_mini.symbols import Expr, call, symbol
from tests.compile.programs import evaluate

UNARY = [ag.tanh, ag.sigmoid, ag.relu, lambda x: x * x, lambda x: -x, abs, ag.softplus, lambda x: 2.0 * x]
BINARY = [
    lambda x, y: x + y,
    lambda x, y: x - y,
    lambda x, y: x * y,
    ag.maximum,
    lambda x, y: x / (1.0 + y * y),
]
SHAPES = [(2, 3), (3,), (2, 1), ()]


@st.composite
def programs(draw):
    """A list of steps: (function, places of operands), over a growing list of values; some are branches on a sum."""
    count, steps = draw(st.integers(1, 4)), []
    for i in range(draw(st.integers(1, 7))):
        kind = draw(st.sampled_from(["unary", "binary", "branch", "loop", "where"]))
        some = st.integers(0, count + i - 1)
        steps.append((kind, draw(st.integers(0, 7)), draw(some), draw(some)))
    return [draw(st.sampled_from(SHAPES)) for _ in range(count)], steps


def run(steps, values):
    """The program on nodes: a nested result of several outputs, the last value among them."""
    values = list(values)
    for kind, which, i, j in steps:
        x, y = values[i], values[j]
        if kind == "unary":
            values.append(UNARY[which](x))
        elif kind == "binary":
            values.append(BINARY[which % len(BINARY)](x, y))
        elif kind == "branch":
            values.append(x + 1.0 if ag.sum(x) > ag.sum(y) else x * y)
        elif kind == "where":
            values.append(ag.where(x > y, x, 0.5 * y))
        else:
            n = 0
            while n < 3 and ag.sum(x) < 4.0 * n:
                x, n = x * 0.5 + 1.0, n + 1
            values.append(x)
    total = functools.reduce(lambda a, b: a + b, [ag.sum(ag.tanh(value)) for value in values])
    return {"last": values[-1], "all": (total, values[0])}, total


def whole(steps, count):
    """The function that is compiled: results, and the gradients of the total by every argument."""

    def f(*args):
        found, total = run(steps, args)
        return found, ag.gradients(total, list(args[:count]), create_graph=True, allow_unused=True)

    return f


@settings(max_examples=60, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate])
@given(programs(), st.integers(0, 2**31))
def test_random_programs_compiled_and_eager_agree(program, seed):
    """With branches, loops, broadcasting, several outputs, repeated and unused inputs; on numbers of other signs."""
    shapes, steps = program
    f = whole(steps, len(shapes))
    compiled, rng = ag.compile(f), np.random.default_rng(seed)
    for _ in range(4):
        args = [rng.normal(size=shape) if shape else float(rng.normal()) for shape in shapes]
        nodes = [ag.Tensor(x) if np.ndim(x) else ag.Value(x) for x in args]
        (mine, my_grads), (theirs, their_grads) = compiled(*args), f(*nodes)
        pairs = [(mine["last"], theirs["last"]), *zip(mine["all"], theirs["all"], strict=True)]
        for a, b in [*pairs, *zip(my_grads, their_grads, strict=True)]:
            assert np.shape(a) == b.shape
            np.testing.assert_allclose(a, b.data, rtol=1e-12, atol=1e-13)


# ---- Passes alone -----------------------------------------------------------------------------------------------------

x, y, z = symbol("x", (3, 4)), symbol("y", (4,)), symbol("z")
VALUES = {
    x: np.array([[0.0, -0.0, 1.5, -2.0], [np.inf, -np.inf, np.nan, 3.0], [1e-310, 700.0, -700.0, 0.1]]),
    y: np.array([1.0, -0.5, 0.0, 2.0]),
    z: np.array(0.3),
}
CASES: dict[str, Expr] = {
    "identities": 1.0 * x + -0.0,
    "spreading": call("broadcast_to", z, (3, 4)) * x,
    "spreading, seen": call("reshape", call("broadcast_to", z, (3, 4)), (4, 3)) + 1.0,
    "a transpose": call("transpose", x, (1, 0)) * 2.0,
    "softmax": call("softmax", x, -1),
    "log softmax": call("log_softmax", x, 0),
    "sigmoid": call("sigmoid", x),
    "logistic": call("logistic", x),
    "linear": call("linear", x, call("asarray", np.arange(8.0).reshape(4, 2)), np.ones(2)),
    "a constant in another dtype": x * call("asarray", np.arange(4), dtype=np.dtype(float)),
    "a zero that has a sign": x + 0.0,
}


def value(expr, change=None):
    """The bits of an expression's value, NaN being one number, before or after a pass."""
    program = Program((x, y, z), (), (expr,))
    with np.errstate(all="ignore"):
        found = np.array(evaluate(change(program) if change else program, VALUES)[0])
    found[np.isnan(found)] = np.nan
    return found


@pytest.mark.parametrize("name", CASES)
def test_the_exact_pass_keeps_every_bit(name):
    """At zeros of both signs, infinities, NaN and subnormal numbers."""
    before, after = value(CASES[name]), value(CASES[name], exact)
    assert (before.dtype, before.shape, before.tobytes()) == (after.dtype, after.shape, after.tobytes())


@pytest.mark.parametrize("name", CASES)
def test_the_other_passes_keep_the_result_up_to_rounding(name):
    """What may round otherwise, and what is written for readers."""
    before = value(CASES[name])
    np.testing.assert_allclose(value(CASES[name], closer), before, rtol=1e-14)
    plain = value(CASES[name], lambda program: program.mapped(taught))
    ordinary = np.abs(np.where(np.isfinite(before), before, 0.0)) > 1e-300
    np.testing.assert_allclose(plain[ordinary], before[ordinary], rtol=1e-12)


def test_a_power_of_0_is_no_call():
    """A second derivative of a square has one."""
    assert repr(exact(Program((x,), (), (x**0 * (x * y),))).outputs[0]) == "multiply(x, y)"


def test_numbers_that_multiply_one_after_the_other_become_one():
    """And not where their product underflows."""
    assert repr(closer(Program((x,), (), (2.0 * (0.25 * x),))).outputs[0]) == "multiply(0.5, x)"
    assert repr(closer(Program((x,), (), (1e-200 * (1e-200 * x),))).outputs[0]).count("multiply") == 2


def test_what_is_computed_twice_stands_once_and_what_nobody_needs_not_at_all():
    """Two Exprs that say the same are one; only what the roots need is an instruction."""
    twice = call("exp", x * y) + call("exp", x * y) / 2.0
    call("sin", x)
    names = [one.name for one in Program((x, y), (), (twice,)).instructions() if not one.is_leaf]
    assert sorted(names) == ["add", "divide", "exp", "multiply"]


@pytest.mark.parametrize(
    ("expr", "wanted"),
    [
        (call("where", call("less_equal", x, 0), 0.0, y), "multiply(y, greater(x, 0))"),
        (x * (y * (1.0 - y)), "multiply(multiply(x, y), subtract(1.0, y))"),
        (2.0 * x + 3.0 * x, "multiply(5.0, x)"),
        (-(x * -2.0), "multiply(2.0, x)"),
        (x / 3.0, "divide(x, 3.0)"),
        (x * (1.0 / 3.0), "divide(x, 3.0)"),
    ],
    ids=["relu", "brackets", "like terms", "signs", "thirds", "a third"],
)
def test_what_a_teacher_writes(expr, wanted):
    """The forms that a reader sees."""
    assert repr(taught(expr)) == wanted


def test_the_random_programs_would_show_a_fault(monkeypatch):
    """A pass that loses a sign is noticed."""
    monkeypatch.setattr(passes, "identity", lambda x: x.args[0] if x.name == "negative" else x)
    f = ag.compile(lambda a: -a)
    assert f(np.ones(2)).tolist() != [-1.0, -1.0]
