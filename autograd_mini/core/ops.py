# fmt: off
"""Op, and the table: every differentiable operation, once.

A row holds the forward and, for each parent, the local derivative as a vector-Jacobian product (vjp). It is written with
operators and functions of `xp` alone; the caller decides what `xp` and the operands are, and so what the row does:

    xp = scalar namespace, floats      a number                   (forward and backward of a Value)
    xp = numpy namespace, ndarrays     an array                   (forward and backward of a Tensor)
    xp = functions on nodes, nodes     a graph, to differentiate again

Glossary: `xp` the namespace; `x`, `y` the operands; `out` the result; `g` the gradient of the loss with respect to `out`;
`share` what one parent receives (shares may be of the broadcast shape: the engine sums them to the parent's); `n`, `axis`,
`index`, … static parameters, captured when the row is made and never parents.

To add an operation, write its row here (elementwise rows first, array rows below the line), its function in functions.py,
and its sample domain in tests/samples.py. A derivative is stated nowhere else.
"""

import functools
import itertools
import math
import operator
import string
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..numerics import split_square

static = functools.lru_cache(maxsize=4096, typed=True)  # one row for each set of static parameters
Rule = Callable[..., Any]


class Op:
    """One operation: `forward(xp, *operands)` and its local derivatives.

    `vjps` is a tuple with one `vjp(xp, g, out, *operands)` for each parent; or a single function that returns the shares
    of all parents, for operations with any number of them; or empty, where there is no derivative (a mask, an index).
    `doc` says what the value is and, after a semicolon, an example.

    >>> import autograd_mini as ag
    >>> cube = ag.Op("cube", lambda xp, x: x * x * x, (lambda xp, g, out, x: g * 3.0 * x * x,))
    >>> ag.gradients(ag.apply(cube, x := ag.Value(2.0)), x)
    12.0
    """

    __slots__ = ("builtin", "doc", "forward", "name", "vjps")

    def __init__(self, name: str, forward: Rule, vjps: Sequence[Rule] | Rule = (), doc: str = "") -> None:
        rules = vjps if callable(vjps) else tuple(vjps)
        if not callable(forward) or not all(map(callable, (rules,) if callable(rules) else rules)):
            raise TypeError(f"Op {name!r}: forward must be a function, vjps a function for each parent, or one that returns all shares")
        self.name, self.forward, self.vjps, self.doc = name, forward, rules, doc
        self.builtin = getattr(forward, "__module__", "") == __name__  # a row of the table below: its results need no checking

    def __repr__(self) -> str:
        return f"Op({self.name!r})"


# ---- Elementwise rows, shared by Value and Tensor -------------------------------------------------------------------

ADD = Op("add", lambda xp, x, y: x + y, (lambda xp, g, out, x, y: g, lambda xp, g, out, x, y: g), "x + y; add(2.0, 3.0) = 5.0")
SUB = Op("sub", lambda xp, x, y: x - y, (lambda xp, g, out, x, y: g, lambda xp, g, out, x, y: -g), "x − y; subtract(2.0, 3.0) = -1.0")
MUL = Op("mul", lambda xp, x, y: x * y, (lambda xp, g, out, x, y: g * y, lambda xp, g, out, x, y: g * x),
    "x · y; multiply(2.0, 3.0) = 6.0")
DIV = Op("div", lambda xp, x, y: x / y, (lambda xp, g, out, x, y: g / y, lambda xp, g, out, x, y: -g * out / y),
    "x / y; divide(3.0, 2.0) = 1.5")
NEG = Op("neg", lambda xp, x: -x, (lambda xp, g, out, x: -g,), "−x; negative(2.0) = -2.0")
POSITIVE = Op("positive", lambda xp, x: +x, (lambda xp, g, out, x: g,), "x, as a node of its own; positive(2.0) = 2.0")
REMAINDER = Op("remainder", lambda xp, x, y: xp.remainder(x, y),
    (lambda xp, g, out, x, y: g, lambda xp, g, out, x, y: -g * xp.round((x - out) / y, 0)),  # the quotient that belongs to the value
    "x − y·⌊x / y⌋, of y's sign; remainder(5.0, 3.0) = 2.0")


@static
def POW(n: float) -> Op:
    def slope(xp: Any, x: Any) -> Any:
        return xp.zeros_like(x) if n == 0 else n * xp.power(x, n - 1)

    return Op(f"pow{n:g}", lambda xp, x: xp.power(x, n), (lambda xp, g, out, x: g * slope(xp, x),))


POWER = Op("pow", lambda xp, x, p: xp.power(x, p),
    (lambda xp, g, out, x, p: g * xp.where(_flat(xp, x, p), 0.0, p * _one_power_less(xp, out, x, p)),
        lambda xp, g, out, x, p: g * xp.where(_zero_base(xp, x, p), 0.0, out * xp.log(xp.where(_zero_base(xp, x, p), 1.0, x)))),
    "x to the power p, NaN where the result would be complex; power(2.0, 3.0) = 8.0")


def _flat(xp: Any, x: Any, p: Any) -> Any:
    """Where 0 or NaN to the power 0 stands: its slope in the base is 0, not 0·∞ or NaN."""
    return xp.logical_and(xp.equal(p, 0), xp.logical_or(xp.equal(x, 0), xp.not_equal(x, x)))


def _one_power_less(xp: Any, out: Any, x: Any, p: Any) -> Any:
    """x to the power p − 1: as out / x where x is so small that x to the power p − 2 may overflow."""
    usable = xp.logical_and(xp.less(xp.abs(out), math.inf), xp.greater(xp.abs(out), 1e-30))
    by_quotient = xp.logical_and(usable, xp.logical_and(xp.not_equal(x, 0), xp.less(xp.abs(x), 1e-75)))
    by_power = xp.where(xp.logical_or(by_quotient, _flat(xp, x, p)), 1.0, p - 1)
    return xp.where(by_quotient, out / xp.where(by_quotient, x, 1.0), xp.power(xp.where(by_quotient, 1.0, x), by_power))


def _zero_base(xp: Any, x: Any, p: Any) -> Any:
    """Where 0 to a power ≥ 0 stands: its slope in the power is 0, not 0·log 0."""
    return xp.logical_and(xp.equal(x, 0), xp.greater_equal(p, 0))


ABS = Op("abs", lambda xp, x: xp.abs(x), (lambda xp, g, out, x: g * xp.sign(x),), "|x|, of slope 0 at 0; abs(-2.0) = 2.0")
SIGN = Op("sign", lambda xp, x: xp.sign(x), (lambda xp, g, out, x: xp.zeros_like(g),), "−1, 0 or 1; sign(-2.0) = -1.0")
FLOOR = Op("floor", lambda xp, x: xp.floor(x), (lambda xp, g, out, x: xp.zeros_like(g),), "⌊x⌋; floor(1.5) = 1.0")
CEIL = Op("ceil", lambda xp, x: xp.ceil(x), (lambda xp, g, out, x: xp.zeros_like(g),), "⌈x⌉; ceil(1.5) = 2.0")
EXP = Op("exp", lambda xp, x: xp.exp(x), (lambda xp, g, out, x: g * out,), "eˣ; exp(0.0) = 1.0")
EXPM1 = Op("expm1", lambda xp, x: xp.expm1(x), (lambda xp, g, out, x: g * xp.exp(x),), "eˣ − 1; expm1(0.0) = 0.0")
LOG = Op("log", lambda xp, x: xp.log(x), (lambda xp, g, out, x: g / x,), "the natural logarithm; log(1.0) = 0.0")
LOG1P = Op("log1p", lambda xp, x: xp.log1p(x), (lambda xp, g, out, x: g / (1.0 + x),), "log(1 + x); log1p(0.0) = 0.0")
LOG2 = Op("log2", lambda xp, x: xp.log2(x), (lambda xp, g, out, x: g / (x * math.log(2.0)),), "the logarithm to base 2; log2(8.0) = 3.0")
LOG10 = Op("log10", lambda xp, x: xp.log10(x), (lambda xp, g, out, x: g / (x * math.log(10.0)),),
    "the logarithm to base 10; log10(100.0) = 2.0")
SQRT = Op("sqrt", lambda xp, x: xp.sqrt(x), (lambda xp, g, out, x: 0.5 * g / out,), "√x, NaN below 0; sqrt(4.0) = 2.0")
SQUARE = Op("square", lambda xp, x: x * x, (lambda xp, g, out, x: g * (2.0 * x),), "x²; square(3.0) = 9.0")
RECIPROCAL = Op("reciprocal", lambda xp, x: 1.0 / x, (lambda xp, g, out, x: -g * out * out,), "1 / x; reciprocal(4.0) = 0.25")
SIN = Op("sin", lambda xp, x: xp.sin(x), (lambda xp, g, out, x: g * xp.cos(x),), "sin x, x in radians; sin(0.0) = 0.0")
COS = Op("cos", lambda xp, x: xp.cos(x), (lambda xp, g, out, x: -g * xp.sin(x),), "cos x, x in radians; cos(0.0) = 1.0")
TAN = Op("tan", lambda xp, x: xp.tan(x), (lambda xp, g, out, x: g * (1.0 + out * out),), "tan x, x in radians; tan(0.0) = 0.0")
ARCSIN = Op("arcsin", lambda xp, x: xp.arcsin(x), (lambda xp, g, out, x: g / xp.sqrt(_one_minus_square(xp, x)),),
    "the angle in radians whose sine is x; arcsin(0.0) = 0.0")
ARCCOS = Op("arccos", lambda xp, x: xp.arccos(x), (lambda xp, g, out, x: -g / xp.sqrt(_one_minus_square(xp, x)),),
    "the angle in radians whose cosine is x; arccos(1.0) = 0.0")
ARCTAN = Op("arctan", lambda xp, x: xp.arctan(x), (lambda xp, g, out, x: g / xp.hypot(1.0, x) / xp.hypot(1.0, x),),  # not g / (1 + x²), whose square overflows
    "the angle in radians whose tangent is x; arctan(0.0) = 0.0")
SINH = Op("sinh", lambda xp, x: xp.sinh(x), (lambda xp, g, out, x: g * xp.cosh(x),), "(eˣ − e⁻ˣ) / 2; sinh(0.0) = 0.0")
COSH = Op("cosh", lambda xp, x: xp.cosh(x), (lambda xp, g, out, x: g * xp.sinh(x),), "(eˣ + e⁻ˣ) / 2; cosh(0.0) = 1.0")
TANH = Op("tanh", lambda xp, x: xp.tanh(x), (lambda xp, g, out, x: g * xp.sech2(x),), "sinh x / cosh x; tanh(0.0) = 0.0")
ARCSINH = Op("arcsinh", lambda xp, x: xp.arcsinh(x), (lambda xp, g, out, x: g / xp.hypot(1.0, x),),
    "the inverse of sinh; arcsinh(0.0) = 0.0")
ARCCOSH = Op("arccosh", lambda xp, x: xp.arccosh(x), (lambda xp, g, out, x: g / (xp.sqrt(x - 1.0) * xp.sqrt(x + 1.0)),),
    "the inverse of cosh; arccosh(1.0) = 0.0")
ARCTANH = Op("arctanh", lambda xp, x: xp.arctanh(x), (lambda xp, g, out, x: g / _one_minus_square(xp, x),),
    "the inverse of tanh; arctanh(0.0) = 0.0")
HYPOT = Op("hypot", lambda xp, x, y: xp.hypot(x, y),
    (lambda xp, g, out, x, y: g * _over(xp, x, out), lambda xp, g, out, x, y: g * _over(xp, y, out)),
    "√(x² + y²) without overflow; hypot(3.0, 4.0) = 5.0")
# arctan2 divides twice by r, so that neither r² nor 1 / r² is ever formed
ARCTAN2 = Op("arctan2", lambda xp, y, x: xp.arctan2(y, x),
    (lambda xp, g, out, y, x: g * _over(xp, _over(xp, x, xp.hypot(x, y)), xp.hypot(x, y)),
        lambda xp, g, out, y, x: -g * _over(xp, _over(xp, y, xp.hypot(x, y)), xp.hypot(x, y))),
    "the angle of the point (x, y) in radians; arctan2(0.0, 1.0) = 0.0")


def _one_minus_square(xp: Any, x: Any) -> Any:
    """1 − x², in the form that keeps its digits, and those of its slope, near ±1 and near 0."""
    return xp.where(xp.less(xp.abs(x), 0.5), 1.0 - x * x, (1.0 - x) * (1.0 + x))


def _gaussian(xp: Any, x: Any) -> Any:
    """exp(−x²), to the last digit in the tails too."""
    high, rest = split_square(xp, xp.minimum(xp.maximum(x, -64.0), 64.0))
    return xp.exp(-high * high) * xp.exp(-rest)


def _over(xp: Any, x: Any, length: Any) -> Any:
    """x / length, and x itself (a zero) where the length is 0: the subgradient of least norm."""
    return xp.where(xp.equal(length, 0), x, x / length)


LOGADDEXP = Op("logaddexp", lambda xp, x, y: xp.logaddexp(x, y),
    (lambda xp, g, out, x, y: g * xp.sigmoid(x - y), lambda xp, g, out, x, y: g * xp.sigmoid(y - x)),
    "log(eˣ + eʸ) without overflow; logaddexp(1000.0, 0.0) = 1000.0")
XLOGY = Op("xlogy", lambda xp, x, y: xp.xlogy(x, y),
    (lambda xp, g, out, x, y: g * xp.where(xp.logical_and(xp.equal(x, 0), xp.less_equal(y, 0)), 0.0, xp.log(y)),
        lambda xp, g, out, x, y: g * (x / y)), "x · log y, and 0 where x is 0; xlogy(0.0, 0.0) = 0.0")
# Closed over {tanh, sech²} and {sigmoid, logistic}: 1 − tanh² and s(1 − s) would cancel in the tails, to the last digit.
SECH2 = Op("sech2", lambda xp, x: xp.sech2(x), (lambda xp, g, out, x: -2.0 * g * (xp.tanh(x) * out),),
    "1 / cosh² x, the slope of tanh; sech2(0.0) = 1.0")
LOGISTIC = Op("logistic", lambda xp, x: xp.logistic(x), (lambda xp, g, out, x: -g * (xp.tanh(0.5 * x) * out),),
    "e⁻ˣ / (1 + e⁻ˣ)², the slope of the sigmoid; logistic(0.0) = 0.25")
SIGMOID = Op("sigmoid", lambda xp, x: xp.sigmoid(x), (lambda xp, g, out, x: g * xp.logistic(x),), "1 / (1 + e⁻ˣ); sigmoid(0.0) = 0.5")
SOFTPLUS = Op("softplus", lambda xp, x: xp.softplus(x), (lambda xp, g, out, x: g * xp.sigmoid(x),),
    "log(1 + eˣ); softplus(1000.0) = 1000.0")
LOG_SIGMOID = Op("log_sigmoid", lambda xp, x: -xp.softplus(-x), (lambda xp, g, out, x: g * xp.sigmoid(-x),),
    "log(1 / (1 + e⁻ˣ)); log_sigmoid(-1000.0) = -1000.0")
SILU = Op("silu", lambda xp, x: x * xp.sigmoid(x), (lambda xp, g, out, x: g * (xp.sigmoid(x) + x * xp.logistic(x)),),
    "x · sigmoid(x), also called swish (arXiv:1606.08415); silu(0.0) = 0.0")
RELU = Op("relu", lambda xp, x: xp.maximum(x, 0.0), (lambda xp, g, out, x: xp.where(xp.less_equal(x, 0), 0.0, g),),
    "max(x, 0), of slope 0 at 0; relu(-2.0) = 0.0")


@static
def LEAKY_RELU(slope: float) -> Op:
    return Op("leaky_relu", lambda xp, x: xp.where(xp.greater(x, 0), x, slope * x),
        (lambda xp, g, out, x: xp.where(xp.greater(x, 0), g, slope * g),))


@static
def ELU(alpha: float) -> Op:
    def below(xp: Any, x: Any) -> Any:  # so that the branch not taken never overflows
        return xp.where(xp.greater(x, 0), 0.0, x)

    return Op("elu", lambda xp, x: xp.where(xp.greater(x, 0), x, alpha * xp.expm1(below(xp, x))),
        (lambda xp, g, out, x: xp.where(xp.greater(x, 0), g, g * (alpha * xp.exp(below(xp, x)))),))


NORMAL_PDF = Op("normal_pdf", lambda xp, x: xp.normal_pdf(x), (lambda xp, g, out, x: -g * (x * out),),
    "the density of the standard normal distribution; normal_pdf(0.0) = 0.3989422804014327")
NORMAL_CDF = Op("normal_cdf", lambda xp, x: xp.normal_cdf(x), (lambda xp, g, out, x: g * xp.normal_pdf(x),),
    "the distribution function of the standard normal distribution; normal_cdf(0.0) = 0.5")
ERF = Op("erf", lambda xp, x: xp.erf(x), (lambda xp, g, out, x: g * (2.0 / math.sqrt(math.pi) * _gaussian(xp, x)),),
    "the error function (DLMF 7.2.1); erf(0.0) = 0.0")
GELU = Op("gelu", lambda xp, x: x * xp.normal_cdf(x), (lambda xp, g, out, x: g * (xp.normal_cdf(x) + x * xp.normal_pdf(x)),),
    "x · Φ(x) (arXiv:1606.08415)")


def _gelu_angle(x: Any) -> Any:
    """Twice √(2/π)·(x + 0.044715·x³): 1 + tanh(u) is 2·sigmoid(2u), without the cancellation."""
    return math.sqrt(8.0 / math.pi) * (x + 0.044715 * (x * x * x))


GELU_TANH = Op("gelu_tanh", lambda xp, x: x * xp.sigmoid(_gelu_angle(x)),
    (
        lambda xp, g, out, x: g * (xp.sigmoid(_gelu_angle(x))
            + x * xp.logistic(_gelu_angle(x)) * (math.sqrt(8.0 / math.pi) * (1.0 + 3 * 0.044715 * (x * x))) ),),
    "x · (1 + tanh(√(2/π)·(x + 0.044715·x³))) / 2 (arXiv:1606.08415)")


@static
def SINC(order: int) -> Op:
    """The derivative of that order of sin(πx) / (πx); its slope is the next order's, exact at 0 too."""
    return Op(f"sinc{order or ''}", lambda xp, x: xp.sinc(x, order), (lambda xp, g, out, x: g * xp.sinc(x, order + 1),))


ROUND = static(lambda decimals: Op("round", lambda xp, x: xp.round(x, decimals), (lambda xp, g, out, x: xp.zeros_like(g),)))


def _winner(xp: Any, g: Any, loses: Any, x: Any, y: Any) -> Any:
    """All of g where x was chosen, half at a tie, none where it lost; all where either is NaN, which hides nothing."""
    return xp.where(loses, 0.0, xp.where(xp.equal(x, y), 0.5 * g, g))


MAXIMUM = Op("maximum", lambda xp, x, y: xp.maximum(x, y),
    (lambda xp, g, out, x, y: _winner(xp, g, xp.less(x, y), x, y), lambda xp, g, out, x, y: _winner(xp, g, xp.less(y, x), x, y)),
    "the larger (a tie shares its gradient evenly); maximum(2.0, 3.0) = 3.0")
MINIMUM = Op("minimum", lambda xp, x, y: xp.minimum(x, y),
    (lambda xp, g, out, x, y: _winner(xp, g, xp.greater(x, y), x, y), lambda xp, g, out, x, y: _winner(xp, g, xp.greater(y, x), x, y)),
    "the smaller (a tie shares its gradient evenly); minimum(2.0, 3.0) = 2.0")
# the bounds themselves pass the gradient on
CLIP = Op("clip", lambda xp, x, low, high: xp.minimum(xp.maximum(x, low), high),
    (lambda xp, g, out, x, low, high: xp.where(xp.logical_or(xp.less(x, low), xp.greater(x, high)), 0.0, g),
        lambda xp, g, out, x, low, high: xp.where(xp.logical_and(xp.less(x, low), xp.less_equal(low, high)), g, 0.0),
        lambda xp, g, out, x, low, high: xp.where(xp.logical_or(xp.greater(x, high), xp.greater(low, high)), g, 0.0)))
WHERE = Op("where", lambda xp, c, x, y: xp.where(c, x, y),
    (lambda xp, g, out, c, x, y: xp.zeros_like(g), lambda xp, g, out, c, x, y: xp.where(c, g, 0.0),
        lambda xp, g, out, c, x, y: xp.where(c, 0.0, g)), "x where the condition holds, else y; where(True, 2.0, 3.0) = 2.0")
# Masks, for rules: no derivative. As a row each gives a node, so that a mask is recomputed when the graph is replayed.
GREATER = Op("greater", lambda xp, x, y: xp.greater(x, y))
GREATER_EQUAL = Op("greater_equal", lambda xp, x, y: xp.greater_equal(x, y))
LESS = Op("less", lambda xp, x, y: xp.less(x, y))
LESS_EQUAL = Op("less_equal", lambda xp, x, y: xp.less_equal(x, y))
EQUAL = Op("equal", lambda xp, x, y: xp.equal(x, y))
NOT_EQUAL = Op("not_equal", lambda xp, x, y: xp.not_equal(x, y))
LOGICAL_AND = Op("logical_and", lambda xp, x, y: xp.logical_and(x, y))
LOGICAL_OR = Op("logical_or", lambda xp, x, y: xp.logical_or(x, y))
ZEROS_LIKE = Op("zeros_like", lambda xp, x: xp.zeros_like(x))

SQUARED_ERROR = Op("squared_error", lambda xp, x, y: xp.square(x - y),
    (lambda xp, g, out, x, y: g * (2.0 * (x - y)), lambda xp, g, out, x, y: g * (2.0 * (y - x))),
    "(x − y)²; squared_error(1.0, 3.0) = 4.0")
# σ(x) − t as (1 − t)·σ(x) − t·σ(−x), right to the last digit in both tails
SIGMOID_CROSS_ENTROPY = Op("sigmoid_cross_entropy", lambda xp, x, t: xp.maximum(x, 0.0) - x * t + xp.log1p(xp.exp(-xp.abs(x))),
    (lambda xp, g, out, x, t: g * ((1.0 - t) * xp.sigmoid(x) - t * xp.sigmoid(-x)), lambda xp, g, out, x, t: -g * x),
    "−t·log σ(x) − (1 − t)·log(1 − σ(x)), x a logit; sigmoid_cross_entropy(-1000.0, 1.0) = 1000.0")


@static
def DOT(n: int) -> Op:
    """w₁x₁ + … + wₙxₙ + b over the 2n + 1 parents (*w, *x, b): a whole neuron in one node."""

    def forward(xp: Any, *wxb: Any) -> Any:
        return sum(map(operator.mul, wxb[:n], wxb[n:]), wxb[-1])

    def vjps(xp: Any, g: Any, out: Any, *wxb: Any) -> list[Any]:
        return [*(g * x for x in wxb[n:-1]), *(g * w for w in wxb[:n]), g]

    return Op("dot", forward, vjps)


# ---- Array rows, for Tensors ----------------------------------------------------------------------------------------
Axis = int | tuple[int, ...] | None


def axes_of(axis: Axis, ndim: int) -> tuple[int, ...]:
    """The axes that a reduction over `axis` sums over, as numbers from 0."""
    return tuple(range(ndim)) if axis is None else tuple(i % ndim for i in ((axis,) if isinstance(axis, int) else axis))


@static
def _reduced(shape: tuple[int, ...], axis: Axis) -> tuple[int, tuple[int, ...]]:
    """How many elements a reduction takes together, and the shape it gives with keepdims."""
    lost = axes_of(axis, len(shape))
    return math.prod(shape[i] for i in lost), tuple(1 if i in lost else n for i, n in enumerate(shape))


def _count(xp: Any, x: Any, axis: Axis) -> int:
    return _reduced(xp.shape(x), axis)[0]


def _restore(xp: Any, g: Any, x: Any, axis: Axis) -> Any:
    """A reduction's result with its lost axes back, of length 1."""
    return xp.reshape(g, _reduced(xp.shape(x), axis)[1])


def _at(axis: int, ndim: int, part: slice | int) -> tuple[slice | int, ...]:
    """The index of one part along one axis."""
    return tuple(part if i == axis % ndim else slice(None) for i in range(ndim))


def _transposed(xp: Any, x: Any) -> Any:
    return xp.swapaxes(x, -1, -2)


def _inverse(order: Sequence[int]) -> tuple[int, ...]:
    return tuple(sorted(range(len(order)), key=order.__getitem__))


def _spread(xp: Any, g: Any, x: Any, axis: Axis) -> Any:
    """A sum's gradient, the same for every element."""
    return xp.broadcast_to(g if axis is None else _restore(xp, g, x, axis), xp.shape(x))


@static
def SUM(axis: Axis, keepdims: bool) -> Op:
    return Op("sum", lambda xp, x: xp.sum(x, axis=axis, keepdims=keepdims), (lambda xp, g, out, x: _spread(xp, g, x, axis),))


@static
def MEAN(axis: Axis, keepdims: bool) -> Op:
    return Op("mean", lambda xp, x: xp.sum(x, axis=axis, keepdims=keepdims) / _count(xp, x, axis),
        (lambda xp, g, out, x: _spread(xp, g / _count(xp, x, axis), x, axis),))


@static
def CENTRED(axis: Axis) -> Op:
    """x less its mean: exactly 0 where all are equal, though their mean rounds. It is its own adjoint."""

    def forward(xp: Any, x: Any) -> Any:
        lost = axes_of(axis, len(xp.shape(x)))
        away = x - x[tuple(slice(0, 1) if i in lost else slice(None) for i in range(len(xp.shape(x))))]  # from the first
        return away - xp.sum(away, axis=axis, keepdims=True) / _count(xp, x, axis)

    return Op("centred", forward, (lambda xp, g, out, x: xp.centred(g, axis),))


def _freedom(xp: Any, x: Any, axis: Axis, ddof: float) -> float:
    return max(_count(xp, x, axis) - ddof, 0)


@static
def VAR(axis: Axis, ddof: float, keepdims: bool) -> Op:
    def forward(xp: Any, x: Any) -> Any:
        return xp.sum(xp.square(xp.centred(x, axis)), axis=axis, keepdims=keepdims) / _freedom(xp, x, axis, ddof)

    def vjp(xp: Any, g: Any, out: Any, x: Any) -> Any:
        return 2.0 * _restore(xp, g, x, axis) * xp.centred(x, axis) / _freedom(xp, x, axis, ddof)

    return Op("var", forward, (vjp,))


@static
def STD(axis: Axis, ddof: float, keepdims: bool) -> Op:
    def forward(xp: Any, x: Any) -> Any:  # scaled by the largest, so that no square overflows
        away = xp.centred(x, axis)
        top = _largest(xp, away, axis)
        out = top * xp.sqrt(xp.sum(xp.square(away / top), axis=axis, keepdims=True) / _freedom(xp, x, axis, ddof))
        return out if keepdims else xp.squeeze(out, axes_of(axis, len(xp.shape(x))))

    def vjp(xp: Any, g: Any, out: Any, x: Any) -> Any:  # 0 where all are equal, at every order
        length = _restore(xp, out, x, axis)
        still = xp.equal(length, 0)
        slope = xp.where(still, 0.0, xp.centred(x, axis) / xp.where(still, 1.0, length))
        return _restore(xp, g, x, axis) * (slope / _freedom(xp, x, axis, ddof))

    return Op("std", forward, (vjp,))


def _largest(xp: Any, x: Any, axis: Axis) -> Any:
    """The largest of |x|, to divide by: 1 where that is 0 or infinite."""
    top = xp.max(xp.abs(x), axis=axis, keepdims=True, initial=0.0)
    return xp.where(xp.logical_or(xp.equal(top, 0), xp.equal(top, math.inf)), 1.0, top)


def _extremum(name: str, forward: Rule, axis: Axis) -> Op:
    def vjp(xp: Any, g: Any, out: Any, x: Any) -> Any:  # an even split over ties; a NaN is its own extremum
        chosen = xp.logical_or(xp.equal(x, _restore(xp, out, x, axis)), xp.not_equal(x, x))
        return _restore(xp, g, x, axis) * chosen / xp.sum(chosen, axis=axis, keepdims=True)

    return Op(name, forward, (vjp,))


@static
def MAX(axis: Axis, keepdims: bool) -> Op:
    return _extremum("max", lambda xp, x: xp.max(x, axis=axis, keepdims=keepdims), axis)


@static
def MIN(axis: Axis, keepdims: bool) -> Op:
    return _extremum("min", lambda xp, x: xp.min(x, axis=axis, keepdims=keepdims), axis)


def _shift(xp: Any, x: Any, axis: int, forth: bool, fill: float) -> Any:
    """x moved one place along an axis, with `fill` in the place that falls free."""
    ndim = len(xp.shape(x))
    edge = xp.zeros_like(x[_at(axis, ndim, slice(0, 1))]) + fill
    if forth:
        return xp.concatenate([edge, x[_at(axis, ndim, slice(None, -1))]], axis=axis)
    return xp.concatenate([x[_at(axis, ndim, slice(1, None))], edge], axis=axis)


@static
def RECURRENCE(axis: int, reverse: bool) -> Op:
    """s[i] = b[i] + a[i]·s[i−1] along an axis (s[i+1] in reverse). Its own adjoint is a recurrence run the other way."""

    def adjoint(xp: Any, g: Any, a: Any) -> Any:
        return xp.recurrence(_shift(xp, a, axis, reverse, 0.0), g, axis, not reverse)

    return Op("recurrence", lambda xp, a, b: xp.recurrence(a, b, axis, reverse),
        (lambda xp, g, out, a, b: adjoint(xp, g, a) * _shift(xp, out, axis, not reverse, 0.0),
            lambda xp, g, out, a, b: adjoint(xp, g, a)))


@static
def CUMPROD(axis: int) -> Op:
    def vjp(xp: Any, g: Any, out: Any, x: Any) -> Any:  # no division by x: zeros are right too
        return xp.recurrence(_shift(xp, x, axis, False, 0.0), g, axis, True) * _shift(xp, out, axis, True, 1.0)

    return Op("cumprod", lambda xp, x: xp.cumprod(x, axis), (vjp,))


@static
def PROD(axis: Axis, keepdims: bool) -> Op:
    def vjp(xp: Any, g: Any, out: Any, x: Any) -> Any:
        """g times the product of all the *other* factors, so that a zero among them does no harm."""
        shape = xp.shape(x)
        lost = axes_of(axis, len(shape))
        order = (*(i for i in range(len(shape)) if i not in lost), *lost)
        moved = tuple(shape[i] for i in order)
        flat = xp.reshape(xp.transpose(x, order), (*moved[: len(order) - len(lost)], _count(xp, x, axis)))
        left = _shift(xp, xp.cumprod(flat, -1), -1, True, 1.0)
        right = xp.flip(_shift(xp, xp.cumprod(xp.flip(flat, -1), -1), -1, True, 1.0), -1)
        return _restore(xp, g, x, axis) * xp.transpose(xp.reshape(left * right, moved), _inverse(order))

    return Op("prod", lambda xp, x: xp.prod(x, axis=axis, keepdims=keepdims), (vjp,))


@static
def CUMSUM(axis: int) -> Op:
    return Op("cumsum", lambda xp, x: xp.cumsum(x, axis), (lambda xp, g, out, x: xp.flip(xp.cumsum(xp.flip(g, axis), axis), axis),))


@static
def NORM(p: float, axis: Axis, keepdims: bool) -> Op:
    def forward(xp: Any, x: Any) -> Any:  # scaled by the largest, so that no power overflows
        top = _largest(xp, x, axis)
        out = top * xp.power(xp.sum(xp.power(xp.abs(x / top), p), axis=axis, keepdims=True), 1 / p)
        return out if keepdims else xp.squeeze(out, axes_of(axis, len(xp.shape(x))))

    def vjp(xp: Any, g: Any, out: Any, x: Any) -> Any:
        length = _restore(xp, out, x, axis)
        if p == 2:
            return _restore(xp, g, x, axis) * _over(xp, x, length)
        off = xp.equal(x, 0)  # the slope at a zero is 0, of a steepness (for 1 < p < 2) that concerns itself alone
        ratio = xp.where(off, 1.0, x) / xp.where(xp.equal(length, 0), 1.0, length)
        own = xp.where(off, x, 1.0)
        slope = xp.sign(own) * xp.power(xp.abs(own), p - 1) if 1 < p < 2 else 0.0
        return _restore(xp, g, x, axis) * xp.where(off, slope, xp.sign(ratio) * xp.power(xp.abs(ratio), p - 1))

    return Op("norm", forward, (vjp,))


def _shifted(xp: Any, x: Any, axis: Axis) -> tuple[Any, Any]:
    """x less its largest, and that largest: what may be exponentiated without overflow."""
    top = xp.max(x, axis=axis, keepdims=True, initial=-math.inf)
    return x - top, top


def _log_softmax(xp: Any, x: Any, axis: Axis) -> Any:
    below, _ = _shifted(xp, x, axis)
    return below - xp.log(xp.sum(xp.exp(below), axis=axis, keepdims=True))


@static
def LOGSUMEXP(axis: Axis, keepdims: bool) -> Op:
    def forward(xp: Any, x: Any) -> Any:
        _, top = _shifted(xp, x, axis)
        top = xp.where(xp.isfinite(top), top, 0.0)
        out = xp.log(xp.sum(xp.exp(x - top), axis=axis, keepdims=True)) + top
        return out if keepdims else xp.squeeze(out, axes_of(axis, len(xp.shape(x))))

    return Op("logsumexp", forward, (lambda xp, g, out, x: _restore(xp, g, x, axis) * xp.softmax(x, axis),))


@static
def SOFTMAX(axis: Axis) -> Op:
    def forward(xp: Any, x: Any) -> Any:
        e = xp.exp(_shifted(xp, x, axis)[0])
        return e / xp.sum(e, axis=axis, keepdims=True)

    return Op("softmax", forward, (lambda xp, g, out, x: out * (g - xp.sum(g * out, axis=axis, keepdims=True)),))


@static
def LOG_SOFTMAX(axis: Axis) -> Op:
    return Op("log_softmax", lambda xp, x: _log_softmax(xp, x, axis),
        (lambda xp, g, out, x: g - xp.softmax(x, axis) * xp.sum(g, axis=axis, keepdims=True),))


SOFTMAX_CROSS_ENTROPY = Op("softmax_cross_entropy",
    lambda xp, z, p: -xp.sum(xp.where(xp.equal(p, 0), 0.0, p * _log_softmax(xp, z, -1)), axis=-1),
    (lambda xp, g, out, z, p: g[..., None] * (xp.softmax(z, -1) * xp.sum(p, axis=-1, keepdims=True) - p),
        lambda xp, g, out, z, p: -g[..., None] * xp.log_softmax(z, -1)))


def _held_log(xp: Any, log: Rule, x: Any, p: Any) -> Any:
    """log(x), the logarithm of a probability p, held at −100 near p = 0 (e⁻¹⁰⁰ is 3.72e-44): no slope there is 0·∞."""
    gone = xp.less(xp.abs(p), 3.72e-44)
    return xp.where(gone, -100.0, log(xp.where(gone, 0.5, x)))


# Elementwise, for Values too. The slope is held apart from the value, as PyTorch's: it stays large where log p is held.
BINARY_CROSS_ENTROPY = Op("binary_cross_entropy",
    lambda xp, p, t: -t * _held_log(xp, xp.log, p, p) - (1.0 - t) * _held_log(xp, xp.log1p, -p, 1.0 - p),
    (lambda xp, g, out, p, t: g * ((p - t) / xp.maximum(p * (1.0 - p), 1e-12)),
        lambda xp, g, out, p, t: g * (_held_log(xp, xp.log1p, -p, 1.0 - p) - _held_log(xp, xp.log, p, p))))


@static
def SQUARED_DISTANCE(n: float) -> Op:
    """Σ(x − y)² / n: a squared error and its mean in one."""
    return Op("squared_distance", lambda xp, x, y: xp.sum(xp.square(x - y), axis=None) / n,
        (lambda xp, g, out, x, y: g * (2.0 / n * (x - y)), lambda xp, g, out, x, y: g * (2.0 / n * (y - x))))


def _matmul_left(xp: Any, g: Any, out: Any, x: Any, y: Any) -> Any:
    if len(xp.shape(y)) == 1:
        return g[..., None] * y
    if len(xp.shape(x)) == 1:
        return xp.matmul(y, g[..., None])[..., 0]
    return xp.matmul(g, _transposed(xp, y))


def _matmul_right(xp: Any, g: Any, out: Any, x: Any, y: Any) -> Any:
    if len(xp.shape(x)) == 1:
        return x * g if len(xp.shape(y)) == 1 else x[:, None] * g[..., None, :]
    if len(xp.shape(y)) == 1:
        return xp.matmul(_transposed(xp, x), g[..., None])[..., 0]
    return xp.matmul(_transposed(xp, x), g)


def _rows(xp: Any, x: Any) -> Any:
    """A batch of any number of axes as the rows of a matrix."""
    return x if len(xp.shape(x)) == 2 else xp.reshape(x, (-1, xp.shape(x)[-1]))


MATMUL = Op("matmul", lambda xp, x, y: xp.matmul(x, y), (_matmul_left, _matmul_right))
LINEAR = Op("linear", lambda xp, x, w, b: xp.linear(x, w, b),
    (lambda xp, g, out, x, w, b: xp.matmul(g, _transposed(xp, w)),
        lambda xp, g, out, x, w, b: xp.matmul(_transposed(xp, _rows(xp, x)), _rows(xp, g)), lambda xp, g, out, x, w, b: g))


@static
def EINSUM(inputs: tuple[str, ...], output: str) -> Op:
    """A sum of products by index letters, explicit and without an ellipsis."""

    def share_of(i: int) -> Rule:
        others = inputs[:i] + inputs[i + 1 :]

        def vjp(xp: Any, g: Any, out: Any, *xs: Any) -> Any:
            spare = iter(sorted(set(string.ascii_letters) - set("".join(inputs))))
            letters, terms, target = [output, *others], [g, *xs[:i], *xs[i + 1 :]], ""
            for letter, size in zip(inputs[i], xp.shape(xs[i]), strict=True):
                if letter in target:  # a diagonal was read: the identity matrix writes it back
                    letters.append(letter + (letter := next(spare)))
                    terms.append(xp.eye(size))
                elif not any(letter in term for term in letters):  # summed away by this operand alone
                    letters.append(letter)
                    terms.append(xp.ones(size))
                target += letter
            share = xp.einsum(f"{','.join(letters)}->{target}", *terms)
            wide = tuple(map(max, xp.shape(share), xp.shape(xs[i])))  # a letter of length 1 elsewhere was stretched to this operand's
            return share if wide == xp.shape(share) else xp.broadcast_to(share, wide)

        return vjp

    return Op("einsum", lambda xp, *xs: xp.einsum(f"{','.join(inputs)}->{output}", *xs, optimize=len(xs) > 1),
        tuple(share_of(i) for i in range(len(inputs))))


RESHAPE = static(lambda shape: Op("reshape", lambda xp, x: xp.reshape(x, shape), (lambda xp, g, out, x: xp.reshape(g, xp.shape(x)),)))


BROADCAST_TO = static(lambda shape: Op("broadcast_to", lambda xp, x: xp.broadcast_to(x, shape), (lambda xp, g, out, x: g,)))


@static
def TRANSPOSE(axes: tuple[int, ...]) -> Op:
    return Op("transpose", lambda xp, x: xp.transpose(x, axes), (lambda xp, g, out, x: xp.transpose(g, _inverse(axes)),))


FLIP = static(lambda axis: Op("flip", lambda xp, x: xp.flip(x, axis), (lambda xp, g, out, x: xp.flip(g, axis),)))


@static
def ROLL(shift: Axis, axis: Axis) -> Op:
    back = -shift if isinstance(shift, int) else tuple(-n for n in shift or ())
    return Op("roll", lambda xp, x: xp.roll(x, shift, axis), (lambda xp, g, out, x: xp.roll(g, back, axis),))


TRIL = static(lambda k: Op("tril", lambda xp, x: xp.tril(x, k), (lambda xp, g, out, x: xp.tril(g, k),)))


TRIU = static(lambda k: Op("triu", lambda xp, x: xp.triu(x, k), (lambda xp, g, out, x: xp.triu(g, k),)))


@static
def PAD(width: tuple[tuple[int, int], ...], value: float) -> Op:
    def vjp(xp: Any, g: Any, out: Any, x: Any) -> Any:
        return g[tuple(slice(before, before + n) for (before, _), n in zip(width, xp.shape(x), strict=True))]

    return Op("pad", lambda xp, x: xp.pad(x, width, constant_values=value), (vjp,))


CAST = static(lambda dtype: Op("cast", lambda xp, x: xp.asarray(x, dtype=dtype), (lambda xp, g, out, x: g,)))


@static
def CONCATENATE(axis: int) -> Op:
    def vjps(xp: Any, g: Any, out: Any, *xs: Any) -> list[Any]:
        shapes = [xp.shape(x) for x in xs]
        ends = itertools.accumulate(shape[axis] for shape in shapes)
        return [g[_at(axis, len(s), slice(end - s[axis], end))] for s, end in zip(shapes, ends, strict=True)]

    return Op("concatenate", lambda xp, *xs: xp.concatenate(xs, axis=axis), vjps)


@static
def STACK(axis: int) -> Op:
    def vjps(xp: Any, g: Any, out: Any, *xs: Any) -> list[Any]:
        return [g[_at(axis, len(xp.shape(g)), i)] for i in range(len(xs))]

    return Op("stack", lambda xp, *xs: xp.stack(xs, axis=axis), vjps)


def GETITEM(index: Any) -> Op:
    return Op("getitem", lambda xp, x: x[index], (lambda xp, g, out, x: xp.scatter(g, xp.shape(x), index),))


def SCATTER(shape: tuple[int, ...], index: Any) -> Op:
    """Zeros of that shape with x added at an index, repeated places adding up: what getitem's gradient is."""
    return Op("scatter", lambda xp, x: xp.scatter(x, shape, index), (lambda xp, g, out, x: g[index],))


def INDEX_UPDATE(index: Any) -> Op:
    def share_of_value(xp: Any, g: Any, out: Any, x: Any, value: Any) -> Any:  # of a repeated place only the last was kept
        return g[index] * xp.last_written(xp.shape(x), index)

    return Op("index_update", lambda xp, x, value: xp.index_update(x, index, value),
        (lambda xp, g, out, x, value: xp.index_update(g, index, 0.0), share_of_value))


ARGSORT = static(lambda axis: Op("argsort", lambda xp, x: xp.argsort(x, axis=axis, kind="stable")))


@static
def SORT(axis: int) -> Op:
    def vjp(xp: Any, g: Any, out: Any, x: Any) -> Any:
        return xp.take_along_axis(g, xp.argsort(xp.argsort(x, axis=axis, kind="stable"), axis=axis, kind="stable"), axis)

    return Op("sort", lambda xp, x: xp.sort(x, axis=axis, kind="stable"), (vjp,))


@static
def TAKE_ALONG_AXIS(axis: int) -> Op:
    def vjp(xp: Any, g: Any, out: Any, x: Any, indices: Any) -> Any:
        return xp.scatter_along_axis(g, indices, axis, xp.shape(x))

    return Op("take_along_axis", lambda xp, x, indices: xp.take_along_axis(x, indices, axis), (vjp, _no_share))


@static
def SCATTER_ALONG_AXIS(axis: int, shape: tuple[int, ...]) -> Op:
    return Op("scatter_along_axis", lambda xp, x, indices: xp.scatter_along_axis(x, indices, axis, shape),
        (lambda xp, g, out, x, indices: xp.take_along_axis(g, indices, axis), _no_share))


def _no_share(xp: Any, g: Any, out: Any, x: Any, indices: Any) -> Any:
    return xp.zeros_like(indices)


def _solve_back(xp: Any, g: Any, out: Any, a: Any, b: Any) -> Any:
    """The share of b; where b is a vector, g is a stack of vectors."""
    vector = len(xp.shape(b)) == 1
    share = xp.solve(_transposed(xp, a), g[..., None] if vector else g)
    return share[..., 0] if vector else share


def _solve_left(xp: Any, g: Any, out: Any, a: Any, b: Any) -> Any:
    share = _solve_back(xp, g, out, a, b)
    if len(xp.shape(b)) == 1:
        return -share[..., None] * out[..., None, :]
    return -xp.matmul(share, _transposed(xp, out))


SOLVE = Op("solve", lambda xp, a, b: xp.solve(a, b), (_solve_left, _solve_back))


INV = Op("inv", lambda xp, a: xp.inv(a), (lambda xp, g, out, a: -xp.matmul(_transposed(xp, out), xp.matmul(g, _transposed(xp, out))),))
DET = Op("det", lambda xp, a: xp.det(a), (lambda xp, g, out, a: g[..., None, None] * xp.cofactors(a),))


def _minors(n: int) -> tuple[Any, ...]:
    """The index that takes from an n by n matrix the n² matrices without row i and column j."""
    rest = [[k for k in range(n) if k != i] for i in range(n)]
    rows = [[[[k] for k in rest[i]] for _ in range(n)] for i in range(n)]
    columns = [[[rest[j]] for j in range(n)] for _ in range(n)]
    return (..., np.array(rows, int).reshape(n, n, n - 1, 1), np.array(columns, int).reshape(n, n, 1, n - 1))


def _cofactors_slope(xp: Any, g: Any, out: Any, a: Any) -> Any:
    """Of small matrices by the cofactors of the minors, singular ones too; of large ones by the inverse."""
    n = xp.shape(a)[-1]
    if n < 2:
        return xp.zeros_like(a)
    if n <= 8:
        signs = (-1.0) ** np.add.outer(np.arange(n), np.arange(n))
        inner = (g * signs)[..., None, None] * xp.cofactors(a[_minors(n)])
        return xp.scatter(inner, xp.shape(a), _minors(n))
    inverse = _transposed(xp, xp.inv(a))
    total = xp.sum(g * out, axis=(-2, -1), keepdims=True)
    return total * inverse - xp.matmul(xp.matmul(inverse, _transposed(xp, g)), out)


COFACTORS = Op("cofactors", lambda xp, a: xp.cofactors(a), (_cofactors_slope,))
LOGABSDET = Op("logabsdet", lambda xp, a: xp.logabsdet(a), (lambda xp, g, out, a: g[..., None, None] * _transposed(xp, xp.inv(a)),))

TABLE = {name: row for name, row in globals().items() if name.isupper() and name != "TABLE"}
