"""scipy.special on nodes, by the ufunc protocol: read where a program that has loaded scipy.special calls one of these.

Most are compositions of our rows; what has no row is computed by scipy, and its derivative is stated here.
"""

import math
from collections.abc import Callable
from typing import Any

import scipy.special

from . import array_functions
from .core import functions, rows, special_rows
from .core.op import Op

Rule = Callable[..., Any]


def erfc(x: Any) -> Any:
    """1 − erf(x) without its cancellation."""
    return rows.multiply(2.0, special_rows.normal_cdf(rows.multiply(-math.sqrt(2.0), x)))


def logit(p: Any) -> Any:
    return rows.subtract(rows.log(p), rows.log1p(rows.negative(p)))


def xlog1py(x: Any, y: Any) -> Any:
    return special_rows.xlogy(x, rows.add(1.0, y))


def entr(x: Any) -> Any:
    return rows.negative(special_rows.xlogy(x, x))


def rel_entr(x: Any, y: Any) -> Any:
    return rows.subtract(special_rows.xlogy(x, x), special_rows.xlogy(x, y))


def kl_div(x: Any, y: Any) -> Any:
    return rows.add(rows.subtract(rel_entr(x, y), x), y)


def _polygamma(n: int) -> Op:
    """The n-th derivative of the digamma function; its slope is the next (DLMF 5.15)."""

    def slope(xp: Any, g: Any, out: Any, x: Any) -> Any:
        return g * _polygamma(n + 1)(x)

    return Op("polygamma", lambda xp, x: scipy.special.polygamma(n, x), (slope,))


digamma = Op("digamma", lambda xp, x: scipy.special.digamma(x), (lambda xp, g, out, x: g * _polygamma(1)(x),))
gammaln = Op("gammaln", lambda xp, x: scipy.special.gammaln(x), (lambda xp, g, out, x: g * digamma(x),))
gamma = Op("gamma", lambda xp, x: scipy.special.gamma(x), (lambda xp, g, out, x: g * out * digamma(x),))
erfinv = Op(
    "erfinv",
    lambda xp, x: scipy.special.erfinv(x),
    (lambda xp, g, out, x: g * (math.sqrt(math.pi) / 2.0) * rows.exp(out * out),),
)


def betaln(a: Any, b: Any) -> Any:
    return rows.subtract(rows.add(gammaln(a), gammaln(b)), gammaln(rows.add(a, b)))


def beta(a: Any, b: Any) -> Any:
    return rows.exp(betaln(a, b))


FOUND: dict[str, Rule] = {
    "beta": beta,
    "betaln": betaln,
    "cbrt": rows.cbrt,
    "digamma": digamma,
    "entr": entr,
    "erf": special_rows.erf,
    "erfc": erfc,
    "erfinv": erfinv,
    "exp2": array_functions.exp2,
    "expit": rows.sigmoid,
    "expm1": rows.expm1,
    "gamma": gamma,
    "gammaln": gammaln,
    "kl_div": kl_div,
    "log1p": rows.log1p,
    "log_expit": special_rows.log_sigmoid,
    "logit": logit,
    "ndtr": special_rows.normal_cdf,
    "psi": digamma,
    "rel_entr": rel_entr,
    "xlog1py": xlog1py,
    "xlogy": special_rows.xlogy,
}
RULES: dict[Any, Rule] = {getattr(scipy.special, name): rule for name, rule in FOUND.items()}
INSTEAD = {
    "logsumexp": functions.logsumexp,
    "softmax": functions.softmax,
    "log_softmax": functions.log_softmax,
}
