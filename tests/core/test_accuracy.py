"""Digits kept: functions and their derivatives to third order against mpmath, in units of eps = 2⁻⁵², tails included.

Peers lose every digit of tanh′, σ′ and softplus″ from |x| ≈ 18–37 on, where 1 − tanh² and s(1 − s) cancel. Here the bound is
4 eps for smooth functions of one number from |x| = 1e-20 to 700, at every order. It is relative, so it holds away from the
derivative's own roots (a factor 1.5 to either side is left out) and where the result is above 1e-300 and no overflow.
"""

import functools
import itertools
import math
import subprocess
import sys

import mpmath as mp
import numpy as np
import pytest

import autograd_mini as ag
from autograd_mini import nn

EPS = 2.0**-52
DIGITS = 60
TINY, HUGE = 1e-300, 1.7e308

# ---- The truth: value and three derivatives, in closed form without cancellation ----------------------------------------


def sech_squared(x):
    e = mp.exp(-2 * abs(x))
    return 4 * e / (1 + e) ** 2


def logistic(x):
    """σ and its first four derivatives, from σ(x) and σ(−x)."""
    s, t = 1 / (1 + mp.exp(-x)), 1 / (1 + mp.exp(x))
    d = s * t
    return s, d, d * (t - s), d * (1 - 6 * d), d * (t - s) * (1 - 12 * d)


def true_tanh(x):
    t, s = mp.tanh(x), sech_squared(x)
    return t, s, -2 * t * s, s * (4 - 6 * s)


def true_sech2(x):
    t, s = mp.tanh(x), sech_squared(x)
    return s, -2 * t * s, s * (4 - 6 * s), -2 * t * s * (4 - 12 * s)


def true_softplus(x):
    return max(x, 0) + mp.log1p(mp.exp(-abs(x))), *logistic(x)[:3]


def true_log_sigmoid(x):
    value, first, second, third = true_softplus(-x)
    return -value, first, -second, third


def true_silu(x):
    s = logistic(x)
    return x * s[0], s[0] + x * s[1], 2 * s[1] + x * s[2], 3 * s[2] + x * s[3]


def true_normal_pdf(x):
    p = mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi)
    return p, -x * p, (x * x - 1) * p, (3 - x * x) * x * p


def true_normal_cdf(x):
    return mp.erfc(-x / mp.sqrt(2)) / 2, *true_normal_pdf(x)[:3]


def true_gelu(x):
    c, p = true_normal_cdf(x)[:2]
    return x * c, c + x * p, (2 - x * x) * p, (x * x - 4) * x * p


def true_erf(x):
    p = 2 / mp.sqrt(mp.pi) * mp.exp(-x * x)
    return mp.erf(x), p, -2 * x * p, (4 * x * x - 2) * p


def true_sin(x):
    s, c = mp.sin(x), mp.cos(x)
    return s, c, -s, -c


def true_cos(x):
    s, c = mp.sin(x), mp.cos(x)
    return c, -s, -c, s


def true_tan(x):
    t, d = mp.tan(x), 1 / mp.cos(x) ** 2
    return t, d, 2 * t * d, d * (2 * d + 4 * t * t)


def true_arctan(x):
    y = 1 + x * x
    return mp.atan(x), 1 / y, -2 * x / y**2, (6 * x * x - 2) / y**3


def true_arcsin(x):
    r = 1 / mp.sqrt((1 - x) * (1 + x))
    return mp.asin(x), r, x * r**3, (1 + 2 * x * x) * r**5


def true_arccos(x):
    return mp.acos(x), *(-d for d in true_arcsin(x)[1:])


def true_arctanh(x):
    y = (1 - x) * (1 + x)
    return mp.atanh(x), 1 / y, 2 * x / y**2, (6 * x * x + 2) / y**3


def true_arcsinh(x):
    r = 1 / mp.sqrt(1 + x * x)
    return mp.asinh(x), r, -x * r**3, (2 * x * x - 1) * r**5


def true_arccosh(x):
    r = 1 / mp.sqrt((x - 1) * (x + 1))
    return mp.acosh(x), r, -x * r**3, (2 * x * x + 1) * r**5


def true_log(x, base=math.e):
    scale = 1 if base == math.e else mp.log(base)
    return tuple(d / scale for d in (mp.log(x), 1 / x, -1 / x**2, 2 / x**3))


def true_log1p(x):
    return mp.log1p(x), *true_log(1 + x)[1:]


def true_power(n):
    n = mp.mpf(n)
    factors = 1, n, n * (n - 1), n * (n - 1) * (n - 2)
    return lambda x: tuple(c * x ** (n - k) if c else mp.mpf(0) for k, c in enumerate(factors))


# ---- Where: log-spaced from 1e-20 to 700, and more where the functions turn ---------------------------------------------

_sizes = np.concatenate(
    [np.geomspace(1e-20, 700.0, 150), 10 ** np.random.default_rng(0).uniform(-2, math.log10(700), 100)]
)
_below_one = _sizes[_sizes < 1]
DOMAINS = {
    "real": np.concatenate([_sizes, -_sizes]),
    "positive": _sizes,
    "above -1": np.concatenate([_sizes, -_below_one, 10.0 ** -np.arange(1, 16) - 1]),
    "above 1": 1 + np.concatenate([_sizes[_sizes > 1e-15], 10.0 ** -np.arange(1, 16)]),
    "unit": np.concatenate([_below_one, -_below_one, 1 - 10.0 ** -np.arange(1, 16)]),
}

# ---- What: name → function, truth, domain, bound in eps, roots of the derivatives by order ------------------------------


def dynamic(n):
    """x to a power that is a node of its own."""
    return lambda x: ag.power(x, ag.Tensor(np.full(x.shape, n)) if isinstance(x, ag.Tensor) else ag.Value(n))


FUNCTIONS = {
    "tanh": (ag.tanh, true_tanh, "real", 4, {3: 0.6584789484624084}),
    "sech2": (ag.sech2, true_sech2, "real", 4, {2: 0.6584789484624084, 3: 1.1462158347805885}),
    "sigmoid": (ag.sigmoid, lambda x: logistic(x)[:4], "real", 4, {3: 1.3169578969248168}),
    "softplus": (ag.softplus, true_softplus, "real", 4, {}),
    "log_sigmoid": (ag.log_sigmoid, true_log_sigmoid, "real", 4, {}),
    "exp": (ag.exp, lambda x: (mp.exp(x),) * 4, "real", 4, {}),
    "expm1": (ag.expm1, lambda x: (mp.expm1(x), *(mp.exp(x),) * 3), "real", 4, {}),
    "log": (ag.log, true_log, "positive", 4, {}),
    "log2": (ag.log2, lambda x: true_log(x, 2), "positive", 4, {}),
    "log10": (ag.log10, lambda x: true_log(x, 10), "positive", 4, {}),
    "log1p": (ag.log1p, true_log1p, "above -1", 4, {}),
    "sqrt": (ag.sqrt, true_power(0.5), "positive", 4, {}),
    "square": (ag.square, true_power(2), "real", 4, {}),
    "reciprocal": (ag.reciprocal, true_power(-1), "real", 4, {}),
    "divide": (lambda x: 1 / x, true_power(-1), "real", 4, {}),
    "sin": (ag.sin, true_sin, "real", 4, {}),
    "cos": (ag.cos, true_cos, "real", 4, {}),
    "tan": (ag.tan, true_tan, "real", 4, {}),
    "arctan": (ag.arctan, true_arctan, "real", 4, {3: 0.5773502691896257}),
    "arcsin": (ag.arcsin, true_arcsin, "unit", 4, {}),
    "arccos": (ag.arccos, true_arccos, "unit", 4, {}),
    "arctanh": (ag.arctanh, true_arctanh, "unit", 4, {}),
    "sinh": (ag.sinh, lambda x: (mp.sinh(x), mp.cosh(x)) * 2, "real", 4, {}),
    "cosh": (ag.cosh, lambda x: (mp.cosh(x), mp.sinh(x)) * 2, "real", 4, {}),
    "arcsinh": (ag.arcsinh, true_arcsinh, "real", 8, {3: 0.7071067811865476}),
    "arccosh": (ag.arccosh, true_arccosh, "above 1", 8, {}),
    "normal_pdf": (ag.normal_pdf, true_normal_pdf, "real", 4, {2: 1.0, 3: 1.7320508075688772}),
    "normal_cdf": (ag.normal_cdf, true_normal_cdf, "real", 4, {3: 1.0}),
    "erf": (ag.erf, true_erf, "real", 8, {3: 0.7071067811865476}),
    "silu": (ag.silu, true_silu, "real", 16, {1: 1.2784645427610738, 2: 2.3993572805154243, 3: 3.4357}),
    "gelu": (ag.gelu, true_gelu, "real", 16, {1: 0.7517915246935645, 2: 1.4142135623730951, 3: 2.0}),
}
for _n in (2, 3, -1, 0.5, 1.5, -2.5, 0, 1, 4, 7, -2, -3, -0.5, 2.5):
    _where = "real" if _n == int(_n) else "positive"
    FUNCTIONS[f"x**{_n}"] = (lambda x, n=_n: x**n, true_power(_n), _where, 4, {})
for _n in (2.0, 3.0, -1.0, 0.5, 1.5, -2.5):
    _where = "real" if _n == int(_n) else "positive"
    FUNCTIONS[f"power(x, {_n})"] = (dynamic(_n), true_power(_n), _where, 4, {})


@functools.cache
def truth(name):
    """The true value and derivatives of one function at every point of its domain."""
    _, exact, domain, _, _ = FUNCTIONS[name]
    with mp.workdps(DIGITS):
        return [exact(mp.mpf(float(x))) for x in DOMAINS[domain]]


# ---- The ruler ----------------------------------------------------------------------------------------------------------


def nested(f, points, kind):
    """Orders 0 to 3 of f at the points: arrays, each order the gradient of the one before."""
    if kind == "Value":
        return np.array([_nested(f, ag.Value(x)) for x in points]).T
    return _nested(f, ag.Tensor(points))


def _nested(f, x):
    y = f(x)
    orders = [y.data]
    for _ in range(3):
        total = y.sum() if y.shape else y
        y = ag.gradients(total, x, create_graph=True, allow_unused=True)
        orders.append(y.data)
    return orders


def error(actual, exact):
    """The relative error in eps."""
    return float(abs((mp.mpf(float(actual)) - exact) / exact)) / EPS if math.isfinite(actual) else math.inf


def worst(name, kind, f=None):
    """For each order, the largest error and where it is."""
    own, _, domain, _, roots = FUNCTIONS[name]
    points = DOMAINS[domain]
    found = nested(f or own, points, kind)
    result = []
    with mp.workdps(DIGITS):
        for order in range(4):
            root = roots.get(order)
            errors = [(0.0, None)]
            for x, actual, exact in zip(
                points, found[order], (true[order] for true in truth(name)), strict=True
            ):
                if exact == 0:
                    assert actual == 0, f"{name}: order {order} at {x} is {actual}, not 0"
                elif TINY <= abs(exact) <= HUGE and not (root and root / 1.5 < abs(x) < root * 1.5):
                    errors.append((error(actual, exact), x))
            result.append(max(errors, key=lambda found: found[0]))
    return result


@pytest.mark.parametrize("kind", ["Value", "Tensor"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_orders_0_to_3_keep_their_digits(name, kind):
    """Value and first three derivatives are within the bound of the truth, from 1e-20 to 700 and of either sign."""
    bound = FUNCTIONS[name][3]
    missed = [
        f"order {k}: {e:.3g} eps at {x:.17g}" for k, (e, x) in enumerate(worst(name, kind)) if e > bound
    ]
    assert not missed, f"{name}, bound {bound}: {'; '.join(missed)}"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_truth_is_true(name):
    """The closed forms above agree with mpmath's own differentiation of the value."""
    exact = FUNCTIONS[name][1]
    at = 1.7 if FUNCTIONS[name][2] == "above 1" else 0.3
    with mp.workdps(DIGITS):
        for order in range(4):
            derived = mp.diff(lambda x: exact(x)[0], mp.mpf(at), order)
            assert mp.almosteq(derived, exact(mp.mpf(at))[order], rel_eps=1e-15, abs_eps=1e-25), (
                f"order {order}"
            )


FAULTS = {
    "tanh": ag.Op("naive tanh", lambda xp, x: xp.tanh(x), (lambda xp, g, out, x: g * (1.0 - out * out),)),
    "sigmoid": ag.Op(
        "naive sigmoid", lambda xp, x: xp.sigmoid(x), (lambda xp, g, out, x: g * (out * (1.0 - out)),)
    ),
    "expm1": ag.Op("naive expm1", lambda xp, x: xp.expm1(x), (lambda xp, g, out, x: g * (out + 1.0),)),
    "arcsin": ag.Op(
        "factored", lambda xp, x: xp.arcsin(x), (lambda xp, g, out, x: g / xp.sqrt((1.0 - x) * (1.0 + x)),)
    ),
    "log": ag.Op(
        "a touch too large", lambda xp, x: xp.log(x), (lambda xp, g, out, x: g * (1.0 + 1e-14) / x,)
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_the_ruler_notices(name):
    """A rule that cancels in the tails, or is off by 45 eps anywhere, is far outside the bound."""
    errors = [e for e, _ in worst(name, "Tensor", lambda x: ag.apply(FAULTS[name], x))]
    assert max(errors[1:]) > 40
    assert errors[0] <= 4


# ---- Far out ------------------------------------------------------------------------------------------------------------

SMOOTH = [
    "arcsinh",
    "arctan",
    "log",
    "log1p",
    "sqrt",
    "reciprocal",
    "tanh",
    "sigmoid",
    "softplus",
    "log_sigmoid",
    "sin",
    "cos",
]
FAR = list(itertools.product(SMOOTH, [1e-300, 1e-200, 1e-100, 1e50, 1e100, 1e149, 1e200, 1e300]))


@pytest.mark.parametrize("kind", ["Value", "Tensor"])
@pytest.mark.parametrize(("name", "x"), FAR)
def test_value_and_slope_far_out(name, x, kind):
    """Value and slope are right where a square would overflow or underflow: arcsinh′(1e200) is 1e-200."""
    f, exact, domain, bound, _ = FUNCTIONS[name]
    with mp.workdps(DIGITS + 700):
        for at in (x, -x) if domain == "real" else (x,):
            found = nested(f, np.array([at]), kind)
            for order, true in enumerate(exact(mp.mpf(at))[:2]):
                if TINY <= abs(true) <= HUGE:
                    assert error(found[order][0], true) <= bound, (
                        f"order {order} at {at}: {found[order][0]!r}"
                    )
                elif abs(true) < TINY:
                    assert abs(found[order][0]) <= TINY


INFINITE = {  # the limits of value and slope at −∞ and ∞
    "tanh": (-1, 0, 1, 0), "sigmoid": (0, 0, 1, 0), "softplus": (0, 0, math.inf, 1), "log_sigmoid": (-math.inf, 1, 0, 0),
    "exp": (0, 0, math.inf, math.inf), "expm1": (-1, 0, math.inf, math.inf), "arctan": (-math.pi / 2, 0, math.pi / 2, 0),
    "arcsinh": (-math.inf, 0, math.inf, 0), "erf": (-1, 0, 1, 0), "normal_cdf": (0, 0, 1, 0),
    "relu": (0, 0, math.inf, 1), "elu": (-1, 0, math.inf, 1), "reciprocal": (0, 0, 0, 0), "sech2": (0, 0, 0, 0),
}  # fmt: skip


@pytest.mark.parametrize("kind", [ag.Value, ag.Tensor])
@pytest.mark.parametrize("name", INFINITE)
def test_limits_at_infinity(name, kind):
    """Where value and slope have limits at ±∞, they are given at ±∞ and at ±1.7e308 alike; no NaN from ∞ − ∞ inside."""
    low, low_slope, high, high_slope = INFINITE[name]
    for x, value, slope in ((-math.inf, low, low_slope), (math.inf, high, high_slope)):
        for at in (x, math.copysign(1.7e308, x)):
            node = kind(at)
            out = getattr(ag, name)(node)
            out.backward()
            if math.isinf(at) or math.isfinite(value):
                assert float(out.data) == pytest.approx(value, rel=1e-15, abs=1e-300), f"value at {at}"
            assert float(node.grad) == pytest.approx(slope, rel=1e-15, abs=1e-300), f"slope at {at}"


# ---- Powers -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["Value", "Tensor"])
@pytest.mark.parametrize("n", [1 / 3, -0.1, 2.2, 10.3])
def test_powers_whose_exponent_less_one_is_rounded(n, kind):
    """x^(n − 1) inherits the rounding of n − 1, half an ulp times ln x: 4 eps and |ln x| an order more."""
    points = DOMAINS["positive"]
    found = nested(lambda x: x**n, points, kind)
    with mp.workdps(DIGITS):
        for i, x in enumerate(points):
            for order, exact in enumerate(true_power(n)(mp.mpf(float(x)))):
                if TINY <= abs(exact) <= HUGE:
                    bound = 4 + (order + 1) * abs(math.log(x)) * max(1, abs(n)) * 4 + 16 * order
                    assert error(found[order][i], exact) <= bound, f"order {order} at {x}"


@pytest.mark.parametrize("kind", ["Value", "Tensor"])
def test_derivatives_by_the_exponent(kind):
    """xᵖ·ln x, xᵖ·ln² x and xᵖ·ln³ x keep their digits, down to a base beside 1."""
    powers, bases = (
        [-2.5, -1.0, 0.0, 0.3, 1.0, 2.0, 7.5],
        [1e-20, 1e-3, 0.5, 1 - 1e-10, 1 + 1e-10, 1.5, 3.0, 100.0, 1e20],
    )
    for base in bases:
        found = nested(lambda p, base=base: base**p, np.array(powers), kind)
        with mp.workdps(DIGITS):
            x = mp.mpf(base)
            for i, p in enumerate(powers):
                for order in range(4):
                    exact = x ** mp.mpf(p) * mp.log(x) ** order
                    assert error(found[order][i], exact) <= 4, f"order {order} of {base}**{p}"


# ---- Functions of two numbers and of many -----------------------------------------------------------------------------

SCALES = [1e-200, 1e-100, 1.0, 1e100, 1e200]
DIRECTIONS = [
    (3.0, 4.0),
    (1.0, 1.0),
    (-2.0, 0.3),
    (0.7, -5.0),
    (1.0, 1e-9),
    (-1e-9, -1.0),
    (1.0, 0.0),
    (0.0, -2.0),
]
PAIRS = [
    pytest.param(s * x, s * y, id=f"{s:g}*({x:g},{y:g})")
    for s, (x, y) in itertools.product(SCALES, DIRECTIONS)
]


def first_order(f, at, kind):
    """The value and the gradients by backward and by a graph, as numbers."""
    leaves = [ag.Value(x) for x in at] if kind == "Value" else [ag.Tensor([x]) for x in at]
    out = f(*leaves)
    root = out if kind == "Value" else out.sum()
    root.backward()
    graph = ag.gradients(root, leaves, create_graph=True)
    return [float(np.ravel(a)[0]) for a in (out.data, *(x.grad for x in leaves), *(g.data for g in graph))]


@pytest.mark.parametrize("kind", ["Value", "Tensor"])
@pytest.mark.parametrize(("x", "y"), PAIRS)
@pytest.mark.parametrize("name", ["hypot", "arctan2"])
def test_lengths_and_angles_at_any_scale(name, x, y, kind):
    """hypot and arctan2, value and gradients, keep their digits where x² + y² overflows or underflows."""
    found = first_order(getattr(ag, name), (y, x), kind)
    with mp.workdps(DIGITS):
        p, q = mp.mpf(y), mp.mpf(x)
        r = mp.hypot(p, q)
        exact = [r, p / r, q / r] if name == "hypot" else [mp.atan2(p, q), q / r**2, -p / r**2]
        for actual, true in zip(found, [*exact, *exact[1:]], strict=True):
            if TINY <= abs(true) <= HUGE:
                assert error(actual, true) <= 4, f"{actual!r}, not {float(true)!r}"
            elif abs(true) < TINY:
                assert abs(actual) <= TINY


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("axis", [None, 0, -1])
def test_norm_at_any_scale(scale, axis):
    """The 2-norm over any axis, value and gradient, keeps its digits where the squares overflow or underflow."""
    data = scale * np.random.default_rng(2).normal(size=(4, 3))
    x = ag.Tensor(data)
    out = ag.norm(x, axis=axis)
    (graph,) = ag.gradients(out.sum() if out.shape else out, [x], create_graph=True)
    (out.sum() if out.shape else out).backward()
    np.testing.assert_array_equal(x.grad, graph.data)
    with mp.workdps(DIGITS):
        for i, j in np.ndindex(data.shape):
            members = data.ravel() if axis is None else data[:, j] if axis == 0 else data[i]
            r = mp.sqrt(mp.fsum(mp.mpf(float(v)) ** 2 for v in members))
            actual = out.data if axis is None else out.data[j if axis == 0 else i]
            assert error(actual, r) <= 4
            assert error(x.grad[i, j], mp.mpf(float(data[i, j])) / r) <= 4


LOGITS = [
    [0.0, 1.0, -2.0],
    [1000.0, 1001.0, 998.0],
    [-1000.0, -990.0, -1020.0],
    [700.0, 0.0, -5.0],
    [1e6, 1e6 - 40, 1e6 - 8],
]


@pytest.mark.parametrize("logits", LOGITS, ids=str)
def test_softmax_family(logits):
    """softmax ≤ 4 eps for logits of any size (whole differences, so that none is rounded); logsumexp's gradient is it, bit for bit."""
    x = ag.Tensor(logits)
    p = ag.softmax(x).data
    slope = ag.gradients(ag.logsumexp(x), x)
    graph = ag.gradients(ag.logsumexp(x), x, create_graph=True)
    np.testing.assert_array_equal(slope, p)
    np.testing.assert_array_equal(graph.data, p)
    loss = nn.cross_entropy(x, 2)
    with mp.workdps(DIGITS):
        e = [mp.exp(mp.mpf(v) - mp.mpf(max(logits))) for v in logits]
        total = mp.fsum(e)
        for actual, share in zip(p, e, strict=True):
            if share / total > TINY:
                assert error(actual, share / total) <= 4
        lse = mp.log(total) + mp.mpf(max(logits))
        assert error(ag.logsumexp(x).item(), lse) <= 4
        assert error(loss.item(), lse - mp.mpf(logits[2])) <= 4
        for j, share in enumerate(e):
            assert abs(ag.gradients(loss, x)[j] - float(share / total - (j == 2))) <= 4 * EPS


@pytest.mark.parametrize("kind", ["Value", "Tensor"])
def test_logaddexp_and_its_gradients(kind):
    """log(eˣ + eʸ) and both shares, σ of the difference, keep their digits in both tails."""
    for x, y in [
        (0.0, 0.0),
        (1.0, -1.0),
        (1000.0, 999.0),
        (-1000.0, -1040.0),
        (50.0, 0.0),
        (-300.0, 300.0),
        (0.25, 700.25),
    ]:
        found = first_order(ag.logaddexp, (x, y), kind)
        with mp.workdps(DIGITS + 700):
            a, b = mp.mpf(x), mp.mpf(y)
            exact = [
                max(a, b) + mp.log1p(mp.exp(-abs(a - b))),
                1 / (1 + mp.exp(b - a)),
                1 / (1 + mp.exp(a - b)),
            ]
            for actual, true in zip(found, [*exact, *exact[1:]], strict=True):
                assert error(actual, true) <= 4


@pytest.mark.parametrize("kind", ["Value", "Tensor"])
@pytest.mark.parametrize("t", [0.0, 1.0])
def test_cross_entropy_of_logits_in_both_tails(t, kind):
    """The loss and σ(x) − t keep their digits where the prediction is as good as certain, right or wrong."""
    points = DOMAINS["real"]
    found = nested(lambda x: ag.sigmoid_cross_entropy(x, t), points, kind)
    with mp.workdps(DIGITS):
        for i, x in enumerate(points):
            z = mp.mpf(float(x)) * (-1 if t else 1)
            exact = true_softplus(z)
            for order in range(3):
                true = exact[order] * ((-1) ** order if t else 1)
                if abs(true) >= TINY:
                    assert error(found[order][i], true) <= 4, f"order {order} at {x}"


@pytest.mark.parametrize("kind", ["Value", "Tensor"])
def test_the_tails_that_peers_lose(kind):
    """At x = 40 every digit of tanh′, σ′ and softplus″ is right, where 1 − tanh² and s(1 − s) are 0."""
    for x in (20.0, 40.0, 300.0):
        for f, order in ((ag.tanh, 1), (ag.sigmoid, 1), (ag.softplus, 2)):
            found = float(nested(f, np.array([x]), kind)[order][0])
            with mp.workdps(DIGITS):
                assert error(found, sech_squared(mp.mpf(x)) if f is ag.tanh else logistic(mp.mpf(x))[1]) <= 4


@pytest.mark.parametrize("kind", ["Value", "Tensor"])
def test_tanh_form_of_gelu(kind):
    """gelu by tanh: as the angle u is rounded, its exponential is off by up to |u| eps; no digit more is lost."""
    points = np.array([x for x in DOMAINS["real"] if 1e-6 < abs(x) < 13])
    found = nested(lambda x: ag.gelu(x, "tanh"), points, kind)
    with mp.workdps(DIGITS):
        for i, x in enumerate(points):
            u = mp.sqrt(8 / mp.pi) * (mp.mpf(float(x)) + mp.mpf(0.044715) * mp.mpf(float(x)) ** 3)
            assert error(found[0][i], mp.mpf(float(x)) / (1 + mp.exp(-u))) <= 4 + 2 * max(-float(u), 0)


# ---- Without scipy ------------------------------------------------------------------------------------------------------

WITHOUT_SCIPY = """
import math, sys
sys.modules["scipy"] = None  # any import of it, or of what is in it, is now an ImportError
import numpy as np
import autograd_mini as ag

points = np.array([-30.0, -3.0, -0.5, -1e-20, 0.0, 1e-20, 0.7, 2.0, 6.5, 40.0, math.inf, -math.inf, math.nan])
for shape in [(13,), (13, 1)]:
    for dtype in (np.float64, np.float32):
        x = ag.Tensor(points.reshape(shape).astype(dtype))
        y = ag.erf(x)
        y.sum().backward()
        assert y.shape == x.grad.shape == shape and y.dtype == x.grad.dtype == dtype, (y.shape, y.dtype)
        exact = np.array([math.erf(v) for v in x.data.ravel()]).astype(dtype).reshape(shape)
        np.testing.assert_array_equal(y.data, exact)
for name in ("erf", "gelu", "normal_cdf", "normal_pdf"):
    f = getattr(ag, name)
    for v in points[:-3]:
        number, point = ag.Value(float(v)), ag.Tensor(v)
        for node in (number, point):
            f(node).backward()
        np.testing.assert_allclose([f(point).item(), point.grad], [f(number).item(), number.grad], rtol=1e-14, atol=1e-300)
    empty = ag.Tensor([])
    out = f(empty)
    out.sum().backward()
    assert out.shape == empty.grad.shape == (0,) and out.dtype == empty.grad.dtype == np.float64
    assert f(ag.Tensor(np.array(0.5))).shape == ()
    assert abs(f(0.5) - float(f(np.array(0.5)))) < 1e-15
assert not [name for name in sys.modules if name.startswith("scipy.")]
print("the same")
"""


def test_error_functions_without_scipy():
    """erf, gelu and the normal distribution work where scipy is not installed: the same numbers, dtypes and shapes."""
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", WITHOUT_SCIPY], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "the same"


def test_error_function_with_scipy_and_without_agree():
    """Arrays go to scipy's erf where it is installed, numbers to math's: within 4 eps of each other."""
    points = np.concatenate([DOMAINS["real"], [0.0]])
    np.testing.assert_allclose(ag.erf(points), [math.erf(x) for x in points], rtol=4 * EPS, atol=0)
