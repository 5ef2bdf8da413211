# fmt: off
"""The table, second part: special functions, further activations, and losses that give one number for each element."""

import math
from typing import Any

from ..support.numerics import split_square
from .op import Op, Rule, family

# ---- Lengths and angles -----------------------------------------------------------------------------------------------


def over(xp: Any, x: Any, length: Any) -> Any:
    """x / length, and x itself (a zero) where the length is 0: the subgradient of least norm."""
    return xp.where(xp.equal(length, 0), x, x / length)


hypot = Op("hypot", lambda xp, x, y: xp.hypot(x, y),
    (lambda xp, g, out, x, y: g * over(xp, x, out), lambda xp, g, out, x, y: g * over(xp, y, out)),
    "√(x² + y²) without overflow; hypot(3.0, 4.0) = 5.0")
# arctan2 divides twice by r, so that neither r² nor 1 / r² is computed, which could overflow
arctan2 = Op("arctan2", lambda xp, y, x: xp.arctan2(y, x),
    (lambda xp, g, out, y, x: g * over(xp, over(xp, x, xp.hypot(x, y)), xp.hypot(x, y)),
     lambda xp, g, out, y, x: -g * over(xp, over(xp, y, xp.hypot(x, y)), xp.hypot(x, y))),
    "the angle of the point (x, y) in radians; arctan2(0.0, 1.0) = 0.0")


@family
def SINC(order: int) -> Op:
    """The derivative of sin(πx) / (πx) of this order. Its own slope is the next order, exact at 0 too."""
    return Op("sinc", lambda xp, x: xp.sinc(x, order), (lambda xp, g, out, x: g * xp.sinc(x, order + 1),))


@family
def ROUND(decimals: int) -> Op:
    return Op("round", lambda xp, x: xp.round(x, decimals), (lambda xp, g, out, x: xp.zeros_like(g),))


# ---- Logarithms of sums, and the normal distribution ------------------------------------------------------------------

logaddexp = Op("logaddexp", lambda xp, x, y: xp.logaddexp(x, y),
    (lambda xp, g, out, x, y: g * xp.sigmoid(x - y), lambda xp, g, out, x, y: g * xp.sigmoid(y - x)),
    "log(eˣ + eʸ) without overflow; logaddexp(1000.0, 0.0) = 1000.0")


def _log_where(xp: Any, x: Any, y: Any) -> Any:
    off = xp.logical_and(xp.equal(x, 0), xp.less_equal(y, 0))
    return xp.where(off, 0.0, xp.log(y))


xlogy = Op("xlogy", lambda xp, x, y: xp.xlogy(x, y),
    (lambda xp, g, out, x, y: g * _log_where(xp, x, y), lambda xp, g, out, x, y: g * (x / y)),
    "x · log y, and 0 where x is 0; xlogy(0.0, 0.0) = 0.0")


def _gaussian(xp: Any, x: Any) -> Any:
    """exp(−x²), exact to the last digit, in the tails too."""
    high, rest = split_square(xp, xp.minimum(xp.maximum(x, -64.0), 64.0))
    return xp.exp(-high * high) * xp.exp(-rest)


erf = Op("erf", lambda xp, x: xp.erf(x),
    (lambda xp, g, out, x: g * (2.0 / math.sqrt(math.pi) * _gaussian(xp, x)),),
    "the error function (DLMF 7.2.1); erf(0.0) = 0.0")
normal_pdf = Op("normal_pdf", lambda xp, x: xp.normal_pdf(x), (lambda xp, g, out, x: -g * (x * out),),
    "the density of the standard normal distribution; normal_pdf(0.0) = 0.3989422804014327")
normal_cdf = Op("normal_cdf", lambda xp, x: xp.normal_cdf(x), (lambda xp, g, out, x: g * xp.normal_pdf(x),),
    "the distribution function of the standard normal distribution; normal_cdf(0.0) = 0.5")

# ---- Activations ------------------------------------------------------------------------------------------------------

softplus = Op("softplus", lambda xp, x: xp.softplus(x), (lambda xp, g, out, x: g * xp.sigmoid(x),),
    "log(1 + eˣ); softplus(1000.0) = 1000.0")
log_sigmoid = Op("log_sigmoid", lambda xp, x: -xp.softplus(-x), (lambda xp, g, out, x: g * xp.sigmoid(-x),),
    "log(1 / (1 + e⁻ˣ)); log_sigmoid(-1000.0) = -1000.0")
silu = Op("silu", lambda xp, x: x * xp.sigmoid(x),
    (lambda xp, g, out, x: g * (xp.sigmoid(x) + x * xp.logistic(x)),),
    "x · sigmoid(x), also called swish (arXiv:1606.08415); silu(0.0) = 0.0")


@family
def LEAKY_RELU(slope: float) -> Op:
    return Op("leaky_relu", lambda xp, x: xp.where(xp.greater(x, 0), x, slope * x),
        (lambda xp, g, out, x: xp.where(xp.greater(x, 0), g, slope * g),))


@family
def ELU(alpha: float) -> Op:
    def below(xp: Any, x: Any) -> Any:  # so that the branch not taken never overflows
        return xp.where(xp.greater(x, 0), 0.0, x)

    return Op("elu", lambda xp, x: xp.where(xp.greater(x, 0), x, alpha * xp.expm1(below(xp, x))),
        (lambda xp, g, out, x: xp.where(xp.greater(x, 0), g, g * (alpha * xp.exp(below(xp, x)))),))


def _gelu_angle(x: Any) -> Any:
    """2u, for u = √(2/π)·(x + 0.044715·x³): sigmoid(2u) is (1 + tanh u) / 2 without its cancellation."""
    return math.sqrt(8.0 / math.pi) * (x + 0.044715 * (x * x * x))


def _gelu_angle_slope(x: Any) -> Any:
    return math.sqrt(8.0 / math.pi) * (1.0 + 3 * 0.044715 * (x * x))


@family
def GELU(approximate: str) -> Op:
    """x · Φ(x), or with "tanh" x · (1 + tanh(√(2/π)·(x + 0.044715·x³))) / 2 (arXiv:1606.08415)."""
    if approximate == "none":
        return Op("gelu", lambda xp, x: x * xp.normal_cdf(x),
            (lambda xp, g, out, x: g * (xp.normal_cdf(x) + x * xp.normal_pdf(x)),))

    def slope(xp: Any, x: Any) -> Any:
        return xp.sigmoid(_gelu_angle(x)) + x * xp.logistic(_gelu_angle(x)) * _gelu_angle_slope(x)

    return Op("gelu", lambda xp, x: x * xp.sigmoid(_gelu_angle(x)), (lambda xp, g, out, x: g * slope(xp, x),))


# ---- Losses, one number for each element ------------------------------------------------------------------------------

squared_error = Op("squared_error", lambda xp, x, y: xp.square(x - y),
    (lambda xp, g, out, x, y: g * (2.0 * (x - y)), lambda xp, g, out, x, y: g * (2.0 * (y - x))),
    "(x − y)²; squared_error(1.0, 3.0) = 4.0")


def logits_loss(xp: Any, x: Any, t: Any) -> Any:
    """−t·log σ(x) − (1 − t)·log(1 − σ(x))."""
    return xp.maximum(x, 0.0) - x * t + xp.log1p(xp.exp(xp.copysign(x, -1.0)))


def logits_slope(xp: Any, x: Any, t: Any) -> Any:
    """σ(x) − t as (1 − t)·σ(x) − t·σ(−x), right to the last digit in both tails."""
    return (1.0 - t) * xp.sigmoid(x) - t * xp.sigmoid(-x)


sigmoid_cross_entropy = Op("sigmoid_cross_entropy", logits_loss,
    (lambda xp, g, out, x, t: g * logits_slope(xp, x, t), lambda xp, g, out, x, t: -g * x),
    "−t·log σ(x) − (1 − t)·log(1 − σ(x)), x a logit; sigmoid_cross_entropy(-1000.0, 1.0) = 1000.0")


def _held_log(xp: Any, log: Rule, x: Any, p: Any) -> Any:
    """log(x), the logarithm of a probability p, held at −100 near p = 0 (e⁻¹⁰⁰ is 3.72e-44), so that no slope there is 0·∞."""
    gone = xp.less(xp.abs(p), 3.72e-44)
    return xp.where(gone, -100.0, log(xp.where(gone, 0.5, x)))


# The slope has a bound of its own, as in PyTorch: it stays large where log p is held.
binary_cross_entropy = Op("binary_cross_entropy",
    lambda xp, p, t: -t * _held_log(xp, xp.log, p, p) - (1.0 - t) * _held_log(xp, xp.log1p, -p, 1.0 - p),
    (lambda xp, g, out, p, t: g * ((p - t) / xp.maximum(p * (1.0 - p), 1e-12)),
     lambda xp, g, out, p, t: g * (_held_log(xp, xp.log1p, -p, 1.0 - p) - _held_log(xp, xp.log, p, p))))
