# fmt: off
"""The table, first part: the operations on numbers that a first reader meets. Most rows are themselves the functions that
users call; functions.py wraps the others.

To add an operation, write its row (here, in special_rows.py or in array_rows.py) and, where it has static parameters, its
function in functions.py. A derivative is stated nowhere else. CONTRIBUTING.md goes through all steps: the public name, the
sample, the formula and the golden numbers of the tests.
"""

import math
import operator
from typing import Any

from .op import Op, family

# ---- Arithmetic -------------------------------------------------------------------------------------------------------

add = Op("add", lambda xp, x, y: x + y,
    (lambda xp, g, out, x, y: g, lambda xp, g, out, x, y: g), "x + y; add(2.0, 3.0) = 5.0")
subtract = Op("subtract", lambda xp, x, y: x - y,
    (lambda xp, g, out, x, y: g, lambda xp, g, out, x, y: -g), "x − y; subtract(2.0, 3.0) = -1.0")
multiply = Op("multiply", lambda xp, x, y: x * y,
    (lambda xp, g, out, x, y: g * y, lambda xp, g, out, x, y: g * x), "x · y; multiply(2.0, 3.0) = 6.0")
divide = Op("divide", lambda xp, x, y: x / y,
    (lambda xp, g, out, x, y: g / y, lambda xp, g, out, x, y: -g * out / y), "x / y; divide(3.0, 2.0) = 1.5")
negative = Op("negative", lambda xp, x: -x, (lambda xp, g, out, x: -g,), "−x; negative(2.0) = -2.0")
positive = Op("positive", lambda xp, x: +x, (lambda xp, g, out, x: g,),
    "x, as a node of its own; positive(2.0) = 2.0")
remainder = Op("remainder", lambda xp, x, y: xp.remainder(x, y),
    (lambda xp, g, out, x, y: g,
     lambda xp, g, out, x, y: -g * xp.round((x - out) / y, 0)),  # the exact whole quotient: floor(x / y) may be one off
    "x − y·⌊x / y⌋, of y's sign; remainder(5.0, 3.0) = 2.0")
abs = Op("abs", lambda xp, x: xp.abs(x), (lambda xp, g, out, x: g * xp.sign(x),),
    "|x|, of slope 0 at 0; abs(-2.0) = 2.0")
copysign = Op("copysign", lambda xp, x, y: xp.copysign(x, y),
    (lambda xp, g, out, x, y: g * (xp.sign(x) * xp.copysign(1.0, y)),
     lambda xp, g, out, x, y: xp.zeros_like(g)),
    "|x| with the sign of y")
sign = Op("sign", lambda xp, x: xp.sign(x), (lambda xp, g, out, x: xp.zeros_like(g),),
    "−1, 0 or 1; sign(-2.0) = -1.0")
floor = Op("floor", lambda xp, x: xp.floor(x), (lambda xp, g, out, x: xp.zeros_like(g),),
    "⌊x⌋; floor(1.5) = 1.0")
ceil = Op("ceil", lambda xp, x: xp.ceil(x), (lambda xp, g, out, x: xp.zeros_like(g),), "⌈x⌉; ceil(1.5) = 2.0")
reciprocal = Op("reciprocal", lambda xp, x: 1.0 / x, (lambda xp, g, out, x: -g * out * out,),
    "1 / x; reciprocal(4.0) = 0.25")

# ---- Powers, exponentials and logarithms ------------------------------------------------------------------------------

square = Op("square", lambda xp, x: x * x, (lambda xp, g, out, x: g * (2.0 * x),), "x²; square(3.0) = 9.0")
sqrt = Op("sqrt", lambda xp, x: xp.sqrt(x), (lambda xp, g, out, x: 0.5 * g / out,),
    "√x, NaN below 0; sqrt(4.0) = 2.0")

cbrt = Op("cbrt", lambda xp, x: xp.sign(x) * xp.power(xp.abs(x), 1.0 / 3.0),
    (lambda xp, g, out, x: g / (3.0 * out * out),), "the cube root, of x's sign; cbrt(8.0) = 2.0")


@family
def POW(n: float) -> Op:
    """x to a static power."""
    def slope(xp: Any, x: Any) -> Any:
        return xp.zeros_like(x) if n == 0 else n * xp.power(x, n - 1)

    return Op("power", lambda xp, x: xp.power(x, n), (lambda xp, g, out, x: g * slope(xp, x),))


def _where_slope_is_0(xp: Any, x: Any, p: Any) -> Any:
    """The mask of where p is 0 and x is 0 or NaN: the slope in x is 0 there, not 0·∞ or NaN."""
    return xp.logical_and(xp.equal(p, 0), xp.logical_or(xp.equal(x, 0), xp.not_equal(x, x)))


def _zero_base(xp: Any, x: Any, p: Any) -> Any:
    """The mask of where x is 0 and p ≥ 0: the slope in p is 0 there, not 0·log 0."""
    return xp.logical_and(xp.equal(x, 0), xp.greater_equal(p, 0))


def _one_power_less(xp: Any, out: Any, x: Any, p: Any, flat: Any) -> Any:
    """x to the power p − 1: as out / x where x is so small that x to the power p − 2 may overflow."""
    is_normal = xp.logical_and(xp.less(xp.abs(out), math.inf), xp.greater(xp.abs(out), 1e-30))
    is_small = xp.logical_and(xp.not_equal(x, 0), xp.less(xp.abs(x), 1e-75))
    by_quotient = xp.logical_and(is_normal, is_small)
    base = xp.where(by_quotient, 1.0, x)
    by_power = xp.power(base, xp.where(xp.logical_or(by_quotient, flat), 1.0, p - 1))
    return xp.where(by_quotient, out / xp.where(by_quotient, x, 1.0), by_power)


def _power_slope(xp: Any, out: Any, x: Any, p: Any) -> Any:
    flat = _where_slope_is_0(xp, x, p)
    return xp.where(flat, 0.0, p * _one_power_less(xp, out, x, p, flat))


def _power_slope_in_p(xp: Any, out: Any, x: Any, p: Any) -> Any:
    zero = _zero_base(xp, x, p)
    return xp.where(zero, 0.0, out * xp.log(xp.where(zero, 1.0, x)))


power = Op("power", lambda xp, x, p: xp.power(x, p),
    (lambda xp, g, out, x, p: g * _power_slope(xp, out, x, p),
     lambda xp, g, out, x, p: g * _power_slope_in_p(xp, out, x, p)),
    "x to the power p, NaN where the result would be complex; power(2.0, 3.0) = 8.0")
exp = Op("exp", lambda xp, x: xp.exp(x), (lambda xp, g, out, x: g * out,), "eˣ; exp(0.0) = 1.0")
expm1 = Op("expm1", lambda xp, x: xp.expm1(x), (lambda xp, g, out, x: g * xp.exp(x),),
    "eˣ − 1; expm1(0.0) = 0.0")
log = Op("log", lambda xp, x: xp.log(x), (lambda xp, g, out, x: g / x,),
    "the natural logarithm; log(1.0) = 0.0")
log1p = Op("log1p", lambda xp, x: xp.log1p(x), (lambda xp, g, out, x: g / (1.0 + x),),
    "log(1 + x); log1p(0.0) = 0.0")
log2 = Op("log2", lambda xp, x: xp.log2(x), (lambda xp, g, out, x: g / (x * math.log(2.0)),),
    "the logarithm to base 2; log2(8.0) = 3.0")
log10 = Op("log10", lambda xp, x: xp.log10(x), (lambda xp, g, out, x: g / (x * math.log(10.0)),),
    "the logarithm to base 10; log10(100.0) = 2.0")

# ---- Trigonometry -----------------------------------------------------------------------------------------------------

sin = Op("sin", lambda xp, x: xp.sin(x), (lambda xp, g, out, x: g * xp.cos(x),),
    "sin x, x in radians; sin(0.0) = 0.0")
cos = Op("cos", lambda xp, x: xp.cos(x), (lambda xp, g, out, x: -g * xp.sin(x),),
    "cos x, x in radians; cos(0.0) = 1.0")
tan = Op("tan", lambda xp, x: xp.tan(x), (lambda xp, g, out, x: g * (1.0 + out * out),),
    "tan x, x in radians; tan(0.0) = 0.0")


def _one_minus_square(xp: Any, x: Any) -> Any:
    """1 − x², in the form that keeps the digits of the value and of its slope, near ±1 and near 0."""
    return xp.where(xp.less(xp.abs(x), 0.5), 1.0 - x * x, (1.0 - x) * (1.0 + x))


arcsin = Op("arcsin", lambda xp, x: xp.arcsin(x),
    (lambda xp, g, out, x: g / xp.sqrt(_one_minus_square(xp, x)),),
    "the angle in radians whose sine is x; arcsin(0.0) = 0.0")
arccos = Op("arccos", lambda xp, x: xp.arccos(x),
    (lambda xp, g, out, x: -g / xp.sqrt(_one_minus_square(xp, x)),),
    "the angle in radians whose cosine is x; arccos(1.0) = 0.0")
arctan = Op("arctan", lambda xp, x: xp.arctan(x),
    (lambda xp, g, out, x: g / xp.hypot(1.0, x) / xp.hypot(1.0, x),),  # not g / (1 + x²), whose square overflows
    "the angle in radians whose tangent is x; arctan(0.0) = 0.0")
sinh = Op("sinh", lambda xp, x: xp.sinh(x), (lambda xp, g, out, x: g * xp.cosh(x),),
    "(eˣ − e⁻ˣ) / 2; sinh(0.0) = 0.0")
cosh = Op("cosh", lambda xp, x: xp.cosh(x), (lambda xp, g, out, x: g * xp.sinh(x),),
    "(eˣ + e⁻ˣ) / 2; cosh(0.0) = 1.0")
arcsinh = Op("arcsinh", lambda xp, x: xp.arcsinh(x), (lambda xp, g, out, x: g / xp.hypot(1.0, x),),
    "the inverse of sinh; arcsinh(0.0) = 0.0")
arccosh = Op("arccosh", lambda xp, x: xp.arccosh(x),
    (lambda xp, g, out, x: g / (xp.sqrt(x - 1.0) * xp.sqrt(x + 1.0)),),
    "the inverse of cosh; arccosh(1.0) = 0.0")
arctanh = Op("arctanh", lambda xp, x: xp.arctanh(x), (lambda xp, g, out, x: g / _one_minus_square(xp, x),),
    "the inverse of tanh; arctanh(0.0) = 0.0")

# ---- Activations ------------------------------------------------------------------------------------------------------
# The slopes are rows of their own, sech² and logistic: 1 − tanh² and s(1 − s) would lose all digits in the tails.

tanh = Op("tanh", lambda xp, x: xp.tanh(x), (lambda xp, g, out, x: g * xp.sech2(x),),
    "sinh x / cosh x; tanh(0.0) = 0.0")
sech2 = Op("sech2", lambda xp, x: xp.sech2(x), (lambda xp, g, out, x: -2.0 * g * (xp.tanh(x) * out),),
    "1 / cosh² x, the slope of tanh; sech2(0.0) = 1.0")
sigmoid = Op("sigmoid", lambda xp, x: xp.sigmoid(x), (lambda xp, g, out, x: g * xp.logistic(x),),
    "1 / (1 + e⁻ˣ); sigmoid(0.0) = 0.5")
logistic = Op("logistic", lambda xp, x: xp.logistic(x),
    (lambda xp, g, out, x: -g * (xp.tanh(0.5 * x) * out),),
    "e⁻ˣ / (1 + e⁻ˣ)², the slope of the sigmoid; logistic(0.0) = 0.25")
relu = Op("relu", lambda xp, x: xp.maximum(x, 0.0),
    (lambda xp, g, out, x: xp.where(xp.less_equal(x, 0), 0.0, g),),
    "max(x, 0), of slope 0 at 0; relu(-2.0) = 0.0")

# ---- Choices, and the masks that make them ----------------------------------------------------------------------------


def _winner(xp: Any, g: Any, loses: Any, x: Any, y: Any) -> Any:
    """g where x was chosen, half of it at a tie, 0 where x was not chosen; g where either is NaN, so that NaN is seen."""
    return xp.where(loses, 0.0, xp.where(xp.equal(x, y), 0.5 * g, g))


maximum = Op("maximum", lambda xp, x, y: xp.maximum(x, y),
    (lambda xp, g, out, x, y: _winner(xp, g, xp.less(x, y), x, y),
     lambda xp, g, out, x, y: _winner(xp, g, xp.less(y, x), x, y)),
    "the larger (a tie shares its gradient evenly); maximum(2.0, 3.0) = 3.0")
minimum = Op("minimum", lambda xp, x, y: xp.minimum(x, y),
    (lambda xp, g, out, x, y: _winner(xp, g, xp.greater(x, y), x, y),
     lambda xp, g, out, x, y: _winner(xp, g, xp.greater(y, x), x, y)),
    "the smaller (a tie shares its gradient evenly); minimum(2.0, 3.0) = 2.0")
clip = Op("clip", lambda xp, x, low, high: xp.minimum(xp.maximum(x, low), high),  # where x equals a bound, the gradient still goes to x
    (lambda xp, g, out, x, low, high:
         xp.where(xp.logical_or(xp.less(x, low), xp.greater(x, high)), 0.0, g),
     lambda xp, g, out, x, low, high:
         xp.where(xp.logical_and(xp.less(x, low), xp.less_equal(low, high)), g, 0.0),
     lambda xp, g, out, x, low, high:
         xp.where(xp.logical_or(xp.greater(x, high), xp.greater(low, high)), g, 0.0)))
where = Op("where", lambda xp, c, x, y: xp.where(c, x, y),
    (lambda xp, g, out, c, x, y: xp.zeros_like(g), lambda xp, g, out, c, x, y: xp.where(c, g, 0.0),
     lambda xp, g, out, c, x, y: xp.where(c, 0.0, g)))
# Masks have no derivative. They are rows so that a graph that is replayed on other numbers computes them again.
greater = Op("greater", lambda xp, x, y: xp.greater(x, y))
greater_equal = Op("greater_equal", lambda xp, x, y: xp.greater_equal(x, y))
less = Op("less", lambda xp, x, y: xp.less(x, y))
less_equal = Op("less_equal", lambda xp, x, y: xp.less_equal(x, y))
equal = Op("equal", lambda xp, x, y: xp.equal(x, y))
not_equal = Op("not_equal", lambda xp, x, y: xp.not_equal(x, y))
logical_and = Op("logical_and", lambda xp, x, y: xp.logical_and(x, y))
logical_or = Op("logical_or", lambda xp, x, y: xp.logical_or(x, y))
isfinite = Op("isfinite", lambda xp, x: xp.isfinite(x))
zeros_like = Op("zeros_like", lambda xp, x: xp.zeros_like(x))


@family
def DOT(n: int) -> Op:
    """w₁x₁ + … + wₙxₙ + b over the 2n + 1 parents (*w, *x, b): a whole neuron in one node."""
    def forward(xp: Any, *wxb: Any) -> Any:
        return sum(map(operator.mul, wxb[:n], wxb[n:-1]), wxb[-1])

    def vjps(xp: Any, g: Any, out: Any, *wxb: Any) -> list[Any]:
        return [*[g * x for x in wxb[n:-1]], *[g * w for w in wxb[:n]], g]

    return Op("dot", forward, vjps)
