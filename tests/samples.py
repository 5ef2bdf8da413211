"""The sample domains: for every row of the table how it is called, on which operands, and what PyTorch says it is.

A new row is tested by adding a Sample here; a row without one fails tests/core/test_table.py. Glossary: a *domain* draws operands
where the operation is smooth, away from kinks and poles; the *turn* is the number of the draw, so that a single number visits
both signs and every branch in turn; `F` is autograd_mini.core.functions, which holds what `ag.…` holds and the helpers of rules.
"""

import math
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autograd_mini.core.node import apply
from autograd_mini.core.op import Op
from tests.helpers.peers import torch
from tests.helpers.table import TABLE

Shape = tuple[int, ...]
Domain = Callable[[np.random.Generator, Shape, int], np.ndarray]

# ---- Domains ----------------------------------------------------------------------------------------------------------


def _alternating(rng: np.random.Generator, shape: Shape, turn: int) -> np.ndarray:
    size = int(np.prod(shape))
    return np.where((np.arange(size) + turn + (size > 1) * rng.integers(2)) % 2 == 0, 1.0, -1.0).reshape(
        shape
    )


def real(rng: np.random.Generator, shape: Shape, turn: int) -> np.ndarray:
    """Both signs, 0.3 to 1.7 in size."""
    return rng.uniform(0.3, 1.7, shape) * _alternating(rng, shape, turn)


def positive(rng: np.random.Generator, shape: Shape, turn: int) -> np.ndarray:
    return rng.uniform(0.4, 2.2, shape)


def unit(rng: np.random.Generator, shape: Shape, turn: int) -> np.ndarray:
    """Between −0.8 and 0.8."""
    return rng.uniform(0.1, 0.8, shape) * _alternating(rng, shape, turn)


def above_one(rng: np.random.Generator, shape: Shape, turn: int) -> np.ndarray:
    return rng.uniform(1.3, 3.0, shape)


def fractional(rng: np.random.Generator, shape: Shape, turn: int) -> np.ndarray:
    """At least 0.2 from a whole number and 0.1 from a half one."""
    return rng.integers(-3, 4, shape) + rng.uniform(0.2, 0.4, shape) * _alternating(rng, shape, turn)


def distinct(offset: float) -> Domain:
    """No two elements nearer than 0.1, nor an element to one of another offset."""

    def domain(rng: np.random.Generator, shape: Shape, turn: int) -> np.ndarray:
        size = int(np.prod(shape))
        places = (
            rng.permutation(size) - (size - 1) // 2
            if size > 1
            else np.array([(7 * turn + round(40 * offset)) % 5 - 2])
        )
        return (places * 0.37 + offset).reshape(shape)

    return domain


def fixed(*numbers: float) -> Domain:
    """These numbers, in their order; a single number takes the one whose turn it is."""

    def domain(rng: np.random.Generator, shape: Shape, turn: int) -> np.ndarray:
        return np.array(numbers[turn % len(numbers)]) if shape == () else np.resize(np.array(numbers), shape)

    return domain


def regular(rng: np.random.Generator, shape: Shape, turn: int) -> np.ndarray:
    """Matrices that are far from singular, of either orientation."""
    m = 2.0 * np.eye(shape[-1]) + rng.uniform(-0.6, 0.6, shape)
    m[..., 0] *= -1.0 if turn % 2 else 1.0
    return m


def below(n: int) -> Domain:
    """Integers from −n to n − 1: indices of an axis of length n, repeated and negative ones among them."""
    return lambda rng, shape, turn: rng.integers(-n, n, shape)


def classes(n: int) -> Domain:
    """Class indices, one a sample."""
    return lambda rng, shape, turn: rng.integers(0, n, shape)


# ---- Samples ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sample:
    """One way to reach a row: `call(F, *operands)`, and PyTorch's equivalent of it."""

    row: str  # its name in TABLE
    label: str
    call: Callable[..., Any]
    domains: tuple[Domain, ...]
    shapes: tuple[Shape, ...]
    torch: Callable[..., Any]
    constants: tuple[int, ...] = ()  # operands that are data: never differentiated
    scalar: bool = False  # works on Values too
    tensor: bool = True
    analytic: bool = (
        True  # the raw forward takes complex operands, so that a complex step gives its derivative
    )
    numeric: bool = True  # numeric derivatives exist: no variable is on a jump
    mask: bool = False  # the result has no derivative
    float32: bool = True  # float32 operands give a float32 result
    raw: bool = True  # raw operands give a raw result
    turns: int = field(default=4)  # draws of a Value

    def __str__(self) -> str:
        return f"{self.row}-{self.label}".replace(" ", "_")

    @property
    def wrt(self) -> tuple[int, ...]:
        """The operands that are differentiated."""
        return tuple(i for i in range(len(self.domains)) if i not in self.constants)

    def rng(self, turn: int) -> np.random.Generator:
        return np.random.default_rng([zlib.crc32(str(self).encode()), turn])

    def draw(self, kind: str, turn: int = 0) -> list[Any]:
        """Operands as arrays: of shape () for Values."""
        rng = self.rng(turn)
        shapes = [()] * len(self.domains) if kind == "Value" else self.shapes
        return [
            np.asarray(domain(rng, shape, turn)) for domain, shape in zip(self.domains, shapes, strict=True)
        ]


SAMPLES: list[Sample] = []


def elementwise(
    row: str,
    call: Any,
    domains: Domain | Sequence[Domain],
    reference: Callable[..., Any],
    label: str = "",
    **options: Any,
) -> None:
    """A sample for Values and, of shape (2, 3), for Tensors."""
    domains = (domains,) if callable(domains) else tuple(domains)
    name = label or (call if isinstance(call, str) else "call")
    options = {"scalar": True, **options}
    SAMPLES.append(Sample(row, name, _calling(call), domains, ((2, 3),) * len(domains), reference, **options))


def array(
    row: str,
    call: Any,
    operands: Sequence[tuple[Domain, Shape]],
    reference: Callable[..., Any],
    label: str,
    **options: Any,
) -> None:
    """A sample for Tensors of these shapes."""
    domains, shapes = zip(*operands, strict=True)
    SAMPLES.append(Sample(row, label, _calling(call), domains, shapes, reference, **options))


def _calling(call: Any) -> Callable[..., Any]:
    return (lambda F, *xs: getattr(F, call)(*xs)) if isinstance(call, str) else call


def through_apply(row: str, *static: Any) -> Callable[..., Any]:
    """A row that has no function of its own."""
    return lambda F, *xs: apply(TABLE[row](*static) if static else TABLE[row], *xs)


# ---- Elementwise rows -------------------------------------------------------------------------------------------------

elementwise("add", "add", (real, real), torch.add)
elementwise("add", lambda F, x, y: x + y, (real, real), torch.add, "operator")
elementwise("add", lambda F, x: 2.5 + x, real, lambda x: 2.5 + x, "number on the left")
elementwise("add", lambda F, x: F.add(x, x), real, lambda x: x + x, "to itself")
elementwise("subtract", "subtract", (real, real), torch.sub)
elementwise("subtract", lambda F, x, y: x - y, (real, real), torch.sub, "operator")
elementwise("subtract", lambda F, x: 2.5 - x, real, lambda x: 2.5 - x, "number on the left")
elementwise("multiply", "multiply", (real, real), torch.mul)
elementwise("multiply", lambda F, x, y: x * y, (real, real), torch.mul, "operator")
elementwise("multiply", lambda F, x: 2.5 * x, real, lambda x: 2.5 * x, "number on the left")
elementwise("multiply", lambda F, x: x * x, real, lambda x: x * x, "by itself")
elementwise("divide", "divide", (real, real), torch.div)
elementwise("divide", lambda F, x, y: x / y, (real, real), torch.div, "operator")
elementwise("divide", lambda F, x: 2.5 / x, real, lambda x: 2.5 / x, "number on the left")
elementwise("negative", "negative", real, torch.neg)
elementwise("positive", "positive", real, torch.positive)
elementwise("negative", lambda F, x: -x, real, torch.neg, "operator")
elementwise("positive", "positive", real, torch.positive)

_dividends, _divisors = fixed(5.3, -4.1, 2.2, -0.7, 7.9, 0.4), fixed(2.0, -1.5, -0.9, 1.1, 3.2, 1.3)
elementwise("remainder", "remainder", (_dividends, _divisors), torch.remainder, analytic=False, turns=6)
elementwise(
    "remainder",
    lambda F, x, y: x % y,
    (_dividends, _divisors),
    torch.remainder,
    "operator",
    analytic=False,
    turns=6,
)

for _n in (3, 0, 1, 2, -1, -2, 0.0, 2.0, -3.0):
    elementwise("POW", lambda F, x, n=_n: F.power(x, n), real, lambda x, n=_n: torch.pow(x, n), f"{_n!r}")
for _n in (0.5, 1.5, -0.5, 2.7):
    elementwise("POW", lambda F, x, n=_n: F.power(x, n), positive, lambda x, n=_n: torch.pow(x, n), f"{_n!r}")
elementwise("POW", lambda F, x: x**3, real, lambda x: x**3, "operator")
elementwise("power", "power", (positive, real), torch.pow)
elementwise("power", lambda F, x, p: x**p, (positive, real), torch.pow, "operator")
elementwise("power", lambda F, p: 2.5**p, real, lambda p: 2.5**p, "number to a node")
elementwise(
    "power",
    through_apply("power"),
    (real, fixed(2.0, 3.0, -1.0, 0.0, 1.0, -2.0)),
    torch.pow,
    "negative base",
    constants=(1,),
    analytic=False,
    raw=False,
    turns=6,
)

elementwise("abs", "abs", real, torch.abs, analytic=False)
elementwise("abs", lambda F, x: abs(x), real, torch.abs, "operator", analytic=False)
elementwise("sign", "sign", real, torch.sign, analytic=False)
elementwise("floor", "floor", fractional, torch.floor, analytic=False)
elementwise("ceil", "ceil", fractional, torch.ceil, analytic=False)
elementwise("exp", "exp", real, torch.exp)
elementwise("expm1", "expm1", real, torch.expm1)
elementwise("log", "log", positive, torch.log)
elementwise("log1p", "log1p", unit, torch.log1p)
elementwise("log2", "log2", positive, torch.log2)
elementwise("log10", "log10", positive, torch.log10)
elementwise("sqrt", "sqrt", positive, torch.sqrt)
elementwise("cbrt", "cbrt", real, lambda x: torch.sign(x) * torch.abs(x) ** (1.0 / 3.0), analytic=False)
elementwise("square", "square", real, torch.square)
elementwise("reciprocal", "reciprocal", real, torch.reciprocal)
elementwise("sin", "sin", real, torch.sin)
elementwise("cos", "cos", real, torch.cos)
elementwise("tan", "tan", unit, torch.tan)
elementwise("arcsin", "arcsin", unit, torch.asin)
elementwise("arccos", "arccos", unit, torch.acos)
elementwise("arctan", "arctan", real, torch.atan)
elementwise("sinh", "sinh", real, torch.sinh)
elementwise("cosh", "cosh", real, torch.cosh)
elementwise("tanh", "tanh", real, torch.tanh)
elementwise("arcsinh", "arcsinh", real, torch.asinh)
elementwise("arccosh", "arccosh", above_one, torch.acosh)
elementwise("arctanh", "arctanh", unit, torch.atanh)
elementwise("hypot", "hypot", (real, real), torch.hypot, analytic=False)
elementwise("copysign", "copysign", (real, real), torch.copysign, analytic=False, turns=6)
elementwise("arctan2", "arctan2", (real, real), torch.atan2, analytic=False, turns=6)
elementwise("logaddexp", "logaddexp", (real, real), torch.logaddexp, analytic=False)
elementwise("xlogy", "xlogy", (real, positive), torch.xlogy)
elementwise("sech2", "sech2", real, lambda x: 1.0 / torch.cosh(x) ** 2, analytic=False)
elementwise("logistic", "logistic", real, lambda x: torch.sigmoid(x) * torch.sigmoid(-x), analytic=False)
elementwise("squared_error", "squared_error", (real, real), lambda x, y: (x - y) ** 2)
elementwise("sigmoid", "sigmoid", real, torch.sigmoid, analytic=False)
elementwise("softplus", "softplus", real, lambda x: torch.log1p(torch.exp(x)), analytic=False)
elementwise("log_sigmoid", "log_sigmoid", real, lambda x: -torch.log1p(torch.exp(-x)), analytic=False)
elementwise("silu", "silu", real, torch.nn.functional.silu, analytic=False)
elementwise("relu", "relu", real, torch.relu)
elementwise("LEAKY_RELU", "leaky_relu", real, torch.nn.functional.leaky_relu)
elementwise(
    "LEAKY_RELU",
    lambda F, x: F.leaky_relu(x, 0.3),
    real,
    lambda x: torch.nn.functional.leaky_relu(x, 0.3),
    "slope 0.3",
)
elementwise("ELU", "elu", real, torch.nn.functional.elu)
elementwise(
    "ELU",
    lambda F, x: F.elu(x, 0.7),
    real,
    lambda x: torch.where(x > 0, x, 0.7 * torch.expm1(x)),
    "alpha 0.7",
)
elementwise("normal_pdf", "normal_pdf", real, lambda x: torch.exp(-0.5 * x * x) / (2.0 * math.pi) ** 0.5)
elementwise("normal_cdf", "normal_cdf", real, torch.special.ndtr, analytic=False)
elementwise("erf", "erf", real, torch.erf, analytic=False)
elementwise("GELU", "gelu", real, lambda x: x * torch.special.ndtr(x), analytic=False)
elementwise(
    "GELU",
    lambda F, x: F.gelu(x, "tanh"),
    real,
    lambda x: 0.5 * x * (1.0 + torch.tanh((2.0 / math.pi) ** 0.5 * (x + 0.044715 * x**3))),
    "tanh",
    analytic=False,
)


def _sinc_slope(x: Any) -> Any:
    return (torch.cos(math.pi * x) - torch.sinc(x)) / x


elementwise("SINC", "sinc", real, lambda x: torch.sin(math.pi * x) / (math.pi * x))
elementwise("SINC", lambda F, x: F.sinc(x, 1), real, _sinc_slope, "order 1")
elementwise(
    "SINC",
    lambda F, x: F.sinc(x, 2),
    real,
    lambda x: -(math.pi**2) * torch.sinc(x) - 2.0 * _sinc_slope(x) / x,
    "order 2",
)
_roundable = fixed(2.3, -1.2, 0.4, 17.71, -24.36, 0.9)
elementwise("ROUND", "round", _roundable, torch.round, analytic=False, turns=6)
elementwise(
    "ROUND",
    lambda F, x: F.round(x, 1),
    _roundable,
    lambda x: torch.round(x, decimals=1),
    "decimals 1",
    analytic=False,
    turns=6,
)
elementwise(
    "ROUND",
    lambda F, x: F.round(x, -1),
    _roundable,
    lambda x: torch.round(x, decimals=-1),
    "decimals -1",
    analytic=False,
    turns=6,
)
elementwise("maximum", "maximum", (distinct(0.0), distinct(0.17)), torch.maximum)
elementwise(
    "maximum", lambda F, x: F.maximum(x, 0.1), real, lambda x: torch.clamp(x, min=0.1), "with a number"
)
elementwise("minimum", "minimum", (distinct(0.0), distinct(0.17)), torch.minimum)
elementwise(
    "minimum", lambda F, x: F.minimum(0.1, x), real, lambda x: torch.clamp(x, max=0.1), "with a number"
)
_clipped = fixed(-2.0, -0.2, 0.3, 1.5, 0.9, -0.7)
_low, _high = fixed(-0.5, -0.4, 0.4, -0.3, -0.1, -0.6), fixed(0.5, 0.6, 0.7, 0.8, 0.7, 0.4)
elementwise("clip", "clip", (_clipped, _low, _high), torch.clamp, turns=6)
elementwise(
    "clip",
    lambda F, x: F.clip(x, -0.5, 1.0),
    _clipped,
    lambda x: torch.clamp(x, -0.5, 1.0),
    "between numbers",
    turns=6,
)
elementwise(
    "clip", lambda F, x: F.clip(x, -0.5), _clipped, lambda x: torch.clamp(x, -0.5), "low alone", turns=6
)
elementwise(
    "clip",
    lambda F, x: F.clip(x, None, 0.5),
    _clipped,
    lambda x: torch.clamp(x, max=0.5),
    "high alone",
    turns=6,
)
_holds = fixed(True, False, False, True, False, True)
elementwise("where", "where", (_holds, real, real), lambda c, x, y: torch.where(c != 0, x, y), constants=(0,))
elementwise(
    "where",
    "where",
    (fixed(1.0, 0.0, 0.0, 2.0), real, real),
    lambda c, x, y: torch.where(c != 0, x, y) + 0.0 * c,
    "a variable as condition",
    numeric=False,
)
elementwise(
    "where",
    lambda F, c, x: F.where(c, x, 0.5),
    (_holds, real),
    lambda c, x: torch.where(c, x, 0.5),
    "number",
    constants=(0,),
)

_whole = fixed(1.0, -2.0, 3.0, 0.0, 2.0, 0.0)
_whole_too = fixed(1.0, 2.0, -3.0, 0.0, 2.0, 1.0)
for _row, _reference in {
    "greater": torch.gt, "greater_equal": torch.ge, "less": torch.lt, "less_equal": torch.le, "equal": torch.eq, "not_equal": torch.ne,
    "logical_and": torch.logical_and, "logical_or": torch.logical_or,
}.items():  # fmt: skip
    elementwise(_row, _row.lower(), (_whole, _whole_too), _reference, mask=True, turns=6)
elementwise("zeros_like", "zeros_like", real, torch.zeros_like, mask=True)
elementwise("isfinite", "isfinite", real, torch.isfinite, mask=True)
elementwise(
    "sigmoid_cross_entropy",
    "sigmoid_cross_entropy",
    (real, unit),
    lambda x, t: -t * -torch.log1p(torch.exp(-x)) - (1.0 - t) * -torch.log1p(torch.exp(x)),
    analytic=False,
)
elementwise(
    "binary_cross_entropy",
    through_apply("binary_cross_entropy"),
    (lambda rng, shape, turn: rng.uniform(0.2, 0.8, shape),) * 2,
    lambda p, t: -t * torch.log(p) - (1.0 - t) * torch.log1p(-p),
    analytic=False,
    raw=False,
)
for _n in (1, 3):
    elementwise(
        "DOT",
        lambda F, *wxb, n=_n: F.dot(list(wxb[:n]), list(wxb[n:-1]), wxb[-1]),
        (real,) * (2 * _n + 1),
        lambda *wxb, n=_n: sum((w * x for w, x in zip(wxb[:n], wxb[n:-1], strict=True)), wxb[-1]),
        f"{_n} inputs",
        tensor=False,
    )
elementwise("DOT", lambda F, w, x: F.dot([w], [x]), (real, real), torch.mul, "no bias", tensor=False)
elementwise(
    "DOT",
    through_apply("DOT", 2),
    (real,) * 5,
    lambda v, w, x, y, b: v * x + w * y + b,
    "through apply",
    raw=False,
)

# Where a rule's masks and absolute values meet, and the function itself is smooth.
_zero, _root2 = fixed(0.0, -0.0, 0.3), 2.0**0.5
for _row, _name, _reference in (
    ("exp", "exp", torch.exp), ("expm1", "expm1", torch.expm1), ("log1p", "log1p", torch.log1p), ("square", "square", torch.square),
    ("sin", "sin", torch.sin), ("cos", "cos", torch.cos), ("tan", "tan", torch.tan), ("arcsin", "arcsin", torch.asin),
    ("arccos", "arccos", torch.acos), ("arctan", "arctan", torch.atan), ("sinh", "sinh", torch.sinh), ("cosh", "cosh", torch.cosh),
    ("tanh", "tanh", torch.tanh), ("arcsinh", "arcsinh", torch.asinh), ("arctanh", "arctanh", torch.atanh),
    ("sech2", "sech2", lambda x: 1.0 - torch.tanh(x) ** 2), ("sigmoid", "sigmoid", torch.sigmoid),
    ("logistic", "logistic", lambda x: torch.sigmoid(x) * torch.sigmoid(-x)),
    ("softplus", "softplus", lambda x: torch.log1p(torch.exp(x))), ("log_sigmoid", "log_sigmoid", lambda x: -torch.log1p(torch.exp(-x))),
    ("silu", "silu", lambda x: x * torch.sigmoid(x)), ("erf", "erf", torch.erf), ("normal_cdf", "normal_cdf", torch.special.ndtr),
    ("normal_pdf", "normal_pdf", lambda x: torch.exp(-0.5 * x * x) / (2.0 * math.pi) ** 0.5),
    ("GELU", "gelu", lambda x: 0.5 * x * (1.0 + torch.erf(x / _root2))),
    ("SINC", "sinc", lambda x: sum((-1.0) ** k * (math.pi * x) ** (2 * k) / float(math.factorial(2 * k + 1)) for k in range(16))),
):  # fmt: skip
    elementwise(_row, _name, _zero, _reference, "at zero", analytic=False, turns=3)
for _n in (0, 1, 2, 3, 4.0):
    elementwise(
        "POW",
        lambda F, x, n=_n: F.power(x, n),
        _zero,
        lambda x, n=_n: torch.pow(x, n),
        f"{_n} at zero",
        analytic=False,
        turns=3,
    )
_other = fixed(-1.5, 0.8, 2.0)
for _row, _name, _reference in (
    ("hypot", "hypot", lambda x, y: torch.sqrt(x * x + y * y)), ("logaddexp", "logaddexp", torch.logaddexp),
    ("multiply", "multiply", torch.mul), ("sigmoid_cross_entropy", "sigmoid_cross_entropy", lambda x, t: torch.log1p(torch.exp(x)) - t * x),
):  # fmt: skip
    elementwise(_row, _name, (_zero, _other), _reference, "zero on the left", analytic=False, turns=3)
    elementwise(_row, _name, (_other, _zero), _reference, "zero on the right", analytic=False, turns=3)
elementwise(
    "logaddexp",
    lambda F, x: F.logaddexp(x, x),
    real,
    lambda x: x + math.log(2.0),
    "of one node",
    analytic=False,
)
elementwise(
    "arctan2", "arctan2", (_zero, positive), torch.atan2, "zero on the left", analytic=False, turns=3
)  # no branch cut there
elementwise("copysign", "copysign", (real, real), torch.copysign, analytic=False, turns=6)
elementwise("arctan2", "arctan2", (_other, _zero), torch.atan2, "zero on the right", analytic=False, turns=3)
elementwise(
    "xlogy",
    "xlogy",
    (_zero, positive),
    lambda x, y: x * torch.log(y),
    "zero on the left",
    analytic=False,
    turns=3,
)
elementwise(
    "power",
    "power",
    (positive, _zero),
    lambda x, p: torch.exp(p * torch.log(x)),
    "zero exponent",
    analytic=False,
    turns=3,
)

# ---- Reductions -------------------------------------------------------------------------------------------------------

AXES: list[Any] = [None, 0, 1, -1, (0, 2), (-1, 0), (0, 1, 2)]


def _all_or(axis: Any, ndim: int = 3) -> tuple[int, ...]:
    return tuple(range(ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)


def _prod(x: Any, axis: Any, keepdims: bool) -> Any:
    for i in sorted((a % x.ndim for a in _all_or(axis, x.ndim)), reverse=True):
        x = torch.prod(x, i, keepdim=keepdims)
    return x


def _softmax(x: Any, axis: Any) -> Any:
    return torch.exp(x - torch.logsumexp(x, _all_or(axis, x.ndim), keepdim=True))


for _axis in AXES:
    for _keep in (False, True):
        _how, _like = {"axis": _axis, "keepdims": _keep}, {"dim": _all_or(_axis), "keepdim": _keep}
        _named = f"axis {_axis}".replace(",", "") + " keepdims" * _keep
        array(
            "SUM",
            lambda F, x, how=_how: F.sum(x, **how),
            [(real, (2, 3, 2))],
            lambda x, like=_like: torch.sum(x, **like),
            _named,
        )
        array(
            "MEAN",
            lambda F, x, how=_how: F.mean(x, **how),
            [(real, (2, 3, 2))],
            lambda x, like=_like: torch.mean(x, **like),
            _named,
        )
        array(
            "PROD",
            lambda F, x, how=_how: F.prod(x, **how),
            [(real, (2, 3, 2))],
            lambda x, how=_how: _prod(x, **how),
            _named,
        )
        array(
            "LOGSUMEXP", lambda F, x, how=_how: F.logsumexp(x, **how), [(real, (2, 3, 2))],
            lambda x, like=_like: torch.logsumexp(x, **like), _named,
        )  # fmt: skip
        for _row, _name, _other in (("MAX", "max", torch.amax), ("MIN", "min", torch.amin)):
            array(
                _row, lambda F, x, name=_name, how=_how: getattr(F, name)(x, **how), [(distinct(0.0), (2, 3, 2))],
                lambda x, other=_other, like=_like: other(x, **like), _named,
            )  # fmt: skip
        for _ddof in (0, 1) if _keep else (0, 1, 0.5):
            for _row, _name, _other in (("VAR", "var", torch.var), ("STD", "std", torch.std)):
                array(
                    _row,
                    lambda F, x, name=_name, how=_how, ddof=_ddof: getattr(F, name)(x, ddof=ddof, **how),
                    [(distinct(0.0), (2, 3, 2))],
                    lambda x, other=_other, like=_like, ddof=_ddof: other(x, correction=ddof, **like),
                    f"{_named} ddof {_ddof}",
                )
        for _row, _ord in (
            ("NORM", None),
            ("SUM", 1),
            ("MAX", np.inf),
            ("NORM", 3),
            ("NORM", 1.5),
            ("NORM", 0.5),
        ):
            if _axis in (None, 0, -1):
                array(
                    _row,
                    lambda F, x, how=_how, ord=_ord: F.norm(x, ord, **how),
                    [(distinct(0.1), (2, 3, 2))],
                    lambda x, like=_like, ord=_ord: torch.linalg.vector_norm(
                        x, 2 if ord is None else ord, **like
                    ),
                    f"norm {_ord} {_named}",
                    analytic=False,
                )
    if not isinstance(_axis, tuple) or _axis == (0, 2):
        _named = f"axis {_axis}".replace(",", "")
        array(
            "SOFTMAX",
            lambda F, x, axis=_axis: F.softmax(x, axis),
            [(real, (2, 3, 2))],
            lambda x, a=_axis: _softmax(x, a),
            _named,
        )
        array(
            "LOG_SOFTMAX", lambda F, x, axis=_axis: F.log_softmax(x, axis), [(real, (2, 3, 2))],
            lambda x, a=_axis: x - torch.logsumexp(x, _all_or(a, x.ndim), keepdim=True), _named,
        )  # fmt: skip
array(
    "NORM",
    lambda F, x: F.norm(x, "fro"),
    [(real, (2, 3))],
    torch.linalg.norm,
    "norm fro of a matrix",
    analytic=False,
)
array(
    "NORM",
    lambda F, x: F.norm(x, 2, 1),
    [(real, (2, 3))],
    lambda x: torch.linalg.norm(x, 2, 1),
    "norm 2 of rows",
    analytic=False,
)
array(
    "NORM",
    lambda F, x: F.norm(x, axis=(0, 1)),
    [(real, (2, 3))],
    torch.linalg.norm,
    "norm over two axes",
    analytic=False,
)
array("SUM", lambda F, x: F.sum(x), [(real, ())], torch.sum, "0-d")
array("SUM", lambda F, x: F.sum(x, 0), [(real, (0, 3))], lambda x: torch.sum(x, 0), "nothing")
array("PROD", lambda F, x: F.prod(x, 0), [(real, (0, 3))], lambda x: torch.prod(x, 0), "nothing")
array("PROD", "prod", [(real, ())], torch.prod, "0-d")
for _zeros, _numbers in (
    ("one zero", (1.5, 0.0, -0.7, 2.0)),
    ("two zeros", (0.0, 1.5, 0.0, -0.7)),
    ("no zero", (1.5, 0.4, -0.7, 2.0)),
):
    array("PROD", "prod", [(fixed(*_numbers), (4,))], lambda x: x[0] * x[1] * x[2] * x[3], _zeros)
    array(
        "CUMPROD", "cumprod", [(fixed(*_numbers), (4,))],
        lambda x: torch.stack([x[0], x[0] * x[1], x[0] * x[1] * x[2], x[0] * x[1] * x[2] * x[3]]), _zeros,
    )  # fmt: skip
for _axis in (None, 0, 1, -1, (0, 2)):
    array(
        "CENTRED",
        lambda F, x, axis=_axis: F.centred(x, axis),
        [(real, (2, 3, 2))],
        lambda x, axis=_axis: x - torch.mean(x, _all_or(axis), keepdim=True),
        f"axis {_axis}".replace(",", ""),
    )
for _axis in (None, 0, 1, -1):
    for _row, _name, _other in (("CUMSUM", "cumsum", torch.cumsum), ("CUMPROD", "cumprod", torch.cumprod)):
        array(
            _row,
            lambda F, x, name=_name, axis=_axis: getattr(F, name)(x, axis),
            [(real, (2, 3, 2))],
            lambda x, other=_other, axis=_axis: other(x.reshape(-1), 0) if axis is None else other(x, axis),
            f"axis {_axis}",
        )


def _recurrence(a: Any, b: Any, axis: int, reverse: bool) -> Any:
    parts, state = [], torch.zeros_like(b.select(axis, 0))
    places = range(b.shape[axis])
    for i in reversed(places) if reverse else places:
        state = b.select(axis, i) + a.select(axis, i) * state
        parts.append(state)
    return torch.stack(parts[::-1] if reverse else parts, axis)


for _axis in (0, 1, -1):
    for _reverse in (False, True):
        array(
            "RECURRENCE",
            lambda F, a, b, axis=_axis, reverse=_reverse: F.recurrence(a, b, axis, reverse),
            [(real, (3, 4)), (real, (3, 4))],
            lambda a, b, axis=_axis, reverse=_reverse: _recurrence(a, b, axis, reverse),
            f"axis {_axis}" + " reversed" * _reverse,
            analytic=False,
        )

for _n in (1, 4, 12):
    array(
        "SQUARED_DISTANCE",
        lambda F, x, y, n=_n: apply(TABLE["SQUARED_DISTANCE"](n), x, y),
        [(real, (4, 3)), (real, (4, 3))],
        lambda x, y, n=_n: ((x - y) ** 2).sum() / n,
        f"over {_n}",
        raw=False,
    )
for _shapes in ([(4, 3)], [(2, 3), (3,)], [(2,), (), (0, 3)]):
    array("SUM_OF_SQUARES", lambda F, *xs: apply(TABLE["SUM_OF_SQUARES"](0.3), *xs), [(real, shape) for shape in _shapes],
          lambda *xs: 0.3 * sum((x * x).sum() for x in xs), f"of {len(_shapes)}", raw=False)  # fmt: skip
for _n in (1, 4, 12):
    array("HINGE", lambda F, x, t, n=_n: apply(TABLE["HINGE"](n), x, t), [(real, (4, 3)), (real, (4, 3))],
          lambda x, t, n=_n: torch.relu(1 - t * x).sum() / n, f"over {_n}", raw=False)  # fmt: skip
array(
    "softmax_cross_entropy",
    "softmax_cross_entropy",
    [(real, (4, 3)), (positive, (4, 3))],
    lambda z, p: -torch.sum(p * (z - torch.logsumexp(z, -1, keepdim=True)), -1),
    "a batch",
)
for _labelled, _z, _p in (
    ("a vector", (3,), (3,)),
    ("one p for all", (4, 3), (3,)),
    ("one z for all", (3,), (4, 3)),
):
    array(
        "softmax_cross_entropy",
        "softmax_cross_entropy",
        [(real, _z), (positive, _p)],
        lambda z, p: -torch.sum(p * (z - torch.logsumexp(z, -1, keepdim=True)), -1),
        _labelled,
    )

# ---- Products ---------------------------------------------------------------------------------------------------------

MATMULS: list[tuple[Shape, Shape]] = [
    ((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((2, 3), (3, 4)), ((1, 3), (3, 1)), ((4, 2, 3), (3,)), ((3,), (4, 3, 2)),
    ((4, 2, 3), (3, 2)), ((2, 3), (4, 3, 2)), ((4, 2, 3), (4, 3, 2)), ((1, 2, 3), (4, 3, 2)), ((2, 1, 2, 3), (3, 3, 2)),
    ((2, 3, 2, 2), (2,)), ((2,), (2, 3, 2, 2)), ((0, 3), (3, 2)), ((2, 0), (0, 2)),
]  # fmt: skip
for _x, _y in MATMULS:
    array("matmul", "matmul", [(real, _x), (real, _y)], torch.matmul, f"{_x}@{_y}".replace(",", " "))
array("matmul", lambda F, x, y: x @ y, [(real, (2, 3)), (real, (3, 2))], torch.matmul, "operator")
array("matmul", "dot", [(real, (2, 3)), (real, (3, 2))], torch.matmul, "dot of matrices")
array("matmul", "dot", [(real, (3,)), (real, (3,))], torch.dot, "dot of vectors")
array("matmul", "dot", [(real, (2, 2, 3)), (real, (3,))], torch.matmul, "dot of a stack and a vector")
array(
    "matmul",
    "dot",
    [(real, (2, 3)), (real, (3, 2)), (real, (2,))],
    lambda x, y, b: x @ y + b,
    "dot with bias",
)
array("multiply", "dot", [(real, ()), (real, (3, 2))], torch.mul, "dot of a number")
array(
    "EINSUM",
    "dot",
    [(real, (2, 3)), (real, (2, 3, 2))],
    lambda x, y: torch.einsum("ij,kjl->ikl", x, y),
    "dot of a matrix and a stack",
)
array(
    "EINSUM",
    "dot",
    [(real, (3,)), (real, (2, 3, 2))],
    lambda x, y: torch.einsum("j,kjl->kl", x, y),
    "dot of a vector and a stack",
)
array("multiply", "outer", [(real, (2,)), (real, (3,))], torch.outer, "outer")
array(
    "multiply",
    "outer",
    [(real, (2, 2)), (real, (3,))],
    lambda x, y: torch.outer(x.reshape(-1), y),
    "outer of a matrix",
)
for _x, _b in (
    ((3,), (2,)),
    ((4, 3), (2,)),
    ((2, 4, 3), (2,)),
    ((4, 3), ()),
    ((4, 3), (1, 2)),
    ((0, 3), (2,)),
):
    array(
        "linear",
        "linear",
        [(real, _x), (real, (3, 2)), (real, _b)],
        lambda x, w, b: x @ w + b,
        f"{_x} bias {_b}".replace(",", " "),
    )

EINSUMS: list[tuple[str, list[Shape]]] = [
    ("ij,jk->ik", [(2, 3), (3, 4)]), ("ij,jk", [(2, 3), (3, 4)]), ("ij,ij", [(2, 3), (2, 3)]), ("ij->ji", [(2, 3)]), ("ji", [(2, 3)]),
    ("ij->", [(2, 3)]), ("ij->j", [(2, 3)]), ("ii->i", [(3, 3)]), ("ii", [(3, 3)]), ("iij->j", [(2, 2, 3)]), ("iij->ij", [(2, 2, 3)]),
    ("iji->j", [(2, 3, 2)]), ("iii->i", [(3, 3, 3)]), ("iii", [(2, 2, 2)]), ("ii,i->i", [(3, 3), (3,)]), ("ii,jj->ij", [(2, 2), (3, 3)]),
    ("i,j->ij", [(2,), (3,)]), ("i,i,i->", [(3,), (3,), (3,)]), ("ij,k->i", [(2, 3), (4,)]), ("ij,kl->", [(2, 3), (3, 2)]),
    ("ij,jk,kl->il", [(2, 3), (3, 2), (2, 4)]), ("ijk,ikl->ijl", [(2, 3, 2), (2, 2, 3)]), ("aab,bcc->ac", [(2, 2, 3), (3, 2, 2)]),
    ("...ij,...jk->...ik", [(2, 2, 3), (2, 3, 2)]), ("...ij,...jk->...ik", [(2, 1, 2, 3), (4, 3, 2)]), ("...ij,jk", [(2, 2, 3), (3, 2)]),
    ("...i,...i->...", [(3, 1, 2), (4, 2)]), ("i...->...", [(2, 3, 2)]), ("...->...", [(2, 3)]), ("i...i->...", [(2, 3, 2)]),
    ("...", [(2, 3)]), ("ij,ij->ij", [(1, 3), (2, 3)]), ("ij,jk->ik", [(2, 1), (3, 4)]),
    ("i , j -> j i", [(2,), (3,)]), ("Ab,bA->A", [(2, 3), (3, 2)]),
    (",i->i", [(), (3,)]), ("ij,ij,jk->", [(2, 3), (2, 3), (3, 2)]),
]  # fmt: skip
for _i, (_subscripts, _shapes) in enumerate(EINSUMS):
    array(
        "EINSUM",
        lambda F, *xs, s=_subscripts: F.einsum(s, *xs),
        [(real, shape) for shape in _shapes],
        lambda *xs, s=_subscripts: torch.einsum(s, *xs),
        f"{_i} {_subscripts}".replace(",", "+"),
    )
array(
    "EINSUM",
    lambda F, x: F.einsum("ij,ij->i", x, x),
    [(real, (2, 3))],
    lambda x: (x * x).sum(1),
    "the same operand twice",
)
for _i, (_pairs, _x, _y) in enumerate((
    (1, (2, 3), (3, 4)), (2, (2, 3, 2), (3, 2, 2)), (0, (2,), (3,)), (([0], [1]), (3, 2), (2, 3)), ((1, 0), (2, 3), (3, 2)),
    ((-1, -2), (2, 3), (3, 2)), (([0, 1], [1, 0]), (2, 3, 2), (3, 2)),
)):  # fmt: skip
    array(
        "EINSUM",
        lambda F, x, y, pairs=_pairs: F.tensordot(x, y, pairs),
        [(real, _x), (real, _y)],
        lambda x, y, pairs=_pairs: torch.tensordot(
            x, y, pairs if isinstance(pairs, int) else [[p] if isinstance(p, int) else p for p in pairs]
        ),
        f"tensordot {_i}",
    )

for _a, _b in (
    ((3, 3), (3,)), ((3, 3), (3, 2)), ((2, 3, 3), (2, 3, 2)), ((3, 3), (2, 3, 2)), ((2, 3, 3), (3, 2)),
    ((2, 3, 3), (3,)), ((3, 3, 3), (3,)),
    ((2, 1, 2, 2), (3, 2, 1)), ((1, 1), (1,)),
):  # fmt: skip
    array(
        "solve",
        "solve",
        [(regular, _a), (real, _b)],
        lambda a, b: torch.linalg.solve(a, b[:, None])[..., 0] if b.ndim == 1 else torch.linalg.solve(a, b),
        f"{_a} {_b}".replace(",", ""),
    )


def _cofactors(a: Any) -> Any:
    return torch.linalg.det(a)[..., None, None] * torch.linalg.inv(a).mT


array("cofactors", "cofactors", [(regular, (9, 9))], _cofactors, "large", analytic=False)
for _a in ((3, 3), (2, 3, 3), (2, 2, 2, 2), (1, 1)):
    _named = f"{_a}".replace(",", "")
    array("inv", "inv", [(regular, _a)], torch.linalg.inv, _named)
    array("det", "det", [(regular, _a)], torch.linalg.det, _named)
    array("cofactors", "cofactors", [(regular, _a)], _cofactors, _named, analytic=False)
    array(
        "logabsdet",
        lambda F, a: F.slogdet(a)[1],
        [(regular, _a)],
        lambda a: torch.linalg.slogdet(a)[1],
        _named,
        analytic=False,
    )


def _definite(a: Any) -> Any:
    return a @ a.swapaxes(-1, -2) + a[..., :1, :1] * a[..., :1, :1]


def _like_eigen(a: Any) -> Any:
    """What eigen gives, but for the signs of the vectors, which each LAPACK has its own."""
    w, v = torch.linalg.eigh(a)
    return torch.cat([w[..., None, :], v * v], -2)


def _like_singular(a: Any) -> Any:
    u, s, vt = torch.linalg.svd(a, full_matrices=False)
    return torch.cat([u * u, s[..., None, :], vt.mT * vt.mT], -2)


def _without_signs(F: Any, packed: Any, row: int) -> Any:
    parts = packed[..., :row, :] ** 2, packed[..., row : row + 1, :], packed[..., row + 1 :, :] ** 2
    return F.concatenate([part for part in parts if part.shape[-2]], -2)


for _a in ((3, 3), (2, 3, 3), (1, 1)):
    _named = f"{_a}".replace(",", "")
    array(
        "cholesky",
        lambda F, a: F.cholesky(_definite(a)),
        [(regular, _a)],
        lambda a: torch.linalg.cholesky(_definite(a)),
        _named,
        analytic=False,
        raw=False,
    )
    array(
        "eigen",
        lambda F, a: _without_signs(F, F.eigen(a + a.swapaxes(-1, -2)), 0),
        [(regular, _a)],
        lambda a: _like_eigen(a + a.mT),
        _named,
        analytic=False,
        raw=False,
    )
for _a in ((3, 3), (4, 2), (2, 4), (2, 3, 2), (1, 1)):
    array(
        "PINV",
        "pinv",
        [(real, _a)],
        torch.linalg.pinv,
        f"{_a}".replace(",", ""),
        analytic=False,
    )
    array(
        "singular",
        lambda F, a: _without_signs(F, F.singular(a), a.shape[-2]),
        [(real, _a)],
        _like_singular,
        f"{_a}".replace(",", ""),
        analytic=False,
        raw=False,
    )

# ---- Shapes -----------------------------------------------------------------------------------------------------------

_block = [(real, (2, 3, 2))]
for _sizes in ((3, 4), (-1,), (2, -1), (12, 1), (2, 3, 1, 2)):
    array(
        "RESHAPE",
        lambda F, x, n=_sizes: F.reshape(x, n),
        _block,
        lambda x, n=_sizes: x.reshape(n),
        f"{_sizes}".replace(",", ""),
    )
array("RESHAPE", lambda F, x: F.reshape(x, 6, -1), _block, lambda x: x.reshape(6, -1), "numbers")
array("RESHAPE", lambda F, x: F.reshape(x, ()), [(real, (1, 1))], lambda x: x.reshape(()), "to 0-d")
array("RESHAPE", "ravel", _block, torch.ravel, "ravel")
for _axes in (0, -1, (0, 2), (-1, -3)):
    array(
        "RESHAPE", lambda F, x, a=_axes: F.expand_dims(x, a), [(real, (2, 3))],
        lambda x, a=_axes: x.reshape(np.expand_dims(np.zeros(x.shape), a).shape), f"expand_dims {_axes}".replace(",", ""),
    )  # fmt: skip
for _axes in (None, 0, -1, (0, 2), (-1,)):
    array(
        "RESHAPE", lambda F, x, a=_axes: F.squeeze(x, a), [(real, (1, 3, 1))],
        lambda x, a=_axes: x.reshape(np.squeeze(np.zeros(x.shape), a).shape), f"squeeze {_axes}".replace(",", ""),
    )  # fmt: skip
for _axes in (None, (1, 0, 2), (2, 0, 1), (-1, 0, 1)):
    _order = (2, 1, 0) if _axes is None else _axes
    array(
        "TRANSPOSE",
        lambda F, x, a=_axes: F.transpose(x, a),
        _block,
        lambda x, a=_order: x.permute(a),
        f"{_axes}".replace(",", ""),
    )
array("TRANSPOSE", lambda F, x: x.T, [(real, (2, 3))], lambda x: x.T, "attribute T")
array("TRANSPOSE", lambda F, x: F.transpose(x, 1, 0), [(real, (2, 3))], lambda x: x.T, "numbers")
array("TRANSPOSE", lambda F, x: F.swapaxes(x, 0, -1), _block, lambda x: x.swapaxes(0, -1), "swapaxes")
for _source, _place in ((0, -1), (-1, 0), ([0, 1], [-1, -2]), ((2, 0), (0, 1))):
    array(
        "TRANSPOSE", lambda F, x, a=_source, b=_place: F.moveaxis(x, a, b), [(real, (2, 3, 4))],
        lambda x, a=_source, b=_place: torch.moveaxis(x, a if isinstance(a, int) else tuple(a), b if isinstance(b, int) else tuple(b)),
        f"moveaxis {_source} {_place}".replace(",", ""),
    )  # fmt: skip
for _x, _sizes in (
    ((3,), (2, 3)),
    ((), (2, 2)),
    ((2, 1), (2, 3)),
    ((1, 3), (2, 2, 3)),
    ((2, 3), (2, 3)),
    ((1,), (0,)),
    ((3,), (2, 1, 3)),
):
    array(
        "BROADCAST_TO", lambda F, x, n=_sizes: F.broadcast_to(x, n), [(real, _x)],
        lambda x, n=_sizes: torch.broadcast_to(x, n), f"{_x} to {_sizes}".replace(",", ""),
    )  # fmt: skip
array(
    "BROADCAST_TO",
    lambda F, x: F.broadcast_to(x, (100, 100)),
    [(real, (100,))],
    lambda x: torch.broadcast_to(x, (100, 100)),
    "a large one",
)
for _axes in (None, 0, -1, (0, 2)):
    array(
        "FLIP", lambda F, x, a=_axes: F.flip(x, a), _block,
        lambda x, a=_axes: torch.flip(x, _all_or(a)), f"axis {_axes}".replace(",", ""),
    )  # fmt: skip
for _shift, _axes in ((1, None), (-2, None), (1, 0), (5, -1), ((1, -1), (0, 2)), ((1, 2), (1, 1))):
    array(
        "ROLL", lambda F, x, n=_shift, a=_axes: F.roll(x, n, a), _block,
        lambda x, n=_shift, a=_axes: torch.roll(x, n, a), f"{_shift} axis {_axes}".replace(",", ""),
    )  # fmt: skip
array(
    "ROLL",
    lambda F, x: F.roll(x, 1, (0, 2)),
    _block,
    lambda x: torch.roll(x, (1, 1), (0, 2)),
    "one shift for two axes",
)
array(
    "ROLL",
    lambda F, x: F.roll(x, (1, 2), 1),
    _block,
    lambda x: torch.roll(x, 3, 1),
    "two shifts for one axis",
)
array("ROLL", lambda F, x: F.roll(x, (1, 2)), _block, lambda x: torch.roll(x, 3), "two shifts for none")
for _k in (0, 1, -1, 5):
    for _x in ((3, 4), (2, 3, 3)):
        array(
            "TRIL",
            lambda F, x, k=_k: F.tril(x, k),
            [(real, _x)],
            lambda x, k=_k: torch.tril(x, k),
            f"{_x} k {_k}".replace(",", ""),
        )
        array(
            "TRIU",
            lambda F, x, k=_k: F.triu(x, k),
            [(real, _x)],
            lambda x, k=_k: torch.triu(x, k),
            f"{_x} k {_k}".replace(",", ""),
        )
for _width, _flat in (
    (1, (1, 1, 1, 1)),
    ((1, 2), (1, 2, 1, 2)),
    (((1, 0), (0, 2)), (0, 2, 1, 0)),
    (((0, 0), (0, 0)), (0, 0, 0, 0)),
):
    array(
        "PAD", lambda F, x, w=_width: F.pad(x, w, constant_values=0.7), [(real, (2, 3))],
        lambda x, w=_flat: torch.nn.functional.pad(x, w, value=0.7), f"{_width}".replace(",", ""),
    )  # fmt: skip
array(
    "CAST",
    lambda F, x: F.cast(x, np.float64),
    [(real, (2, 3))],
    lambda x: x.clone(),
    "to float64",
    analytic=False,
    float32=False,
)

_three = [(real, (2, 3)), (real, (1, 3)), (real, (3, 3))]
array("CONCATENATE", lambda F, x: F.concatenate([x]), [(real, (2, 3))], lambda x: x.clone(), "of 1")
array(
    "CONCATENATE",
    lambda F, x: F.concatenate([x, x, 2 * x], -1),
    [(real, (2, 3))],
    lambda x: torch.cat([x, x, 2 * x], -1),
    "of a node",
)
array(
    "CONCATENATE",
    lambda F, x, y: F.concatenate((x, y), axis=1),
    [(real, (2, 1)), (real, (2, 3))],
    lambda x, y: torch.cat([x, y], 1),
    "of 2",
)
array("CONCATENATE", lambda F, *xs: F.concatenate(xs), _three, lambda *xs: torch.cat(xs), "of 3")
array("CONCATENATE", lambda F, x, y: F.concatenate([x, [1.0, 2.0], y]), [(real, (2,)), (real, (0,))],
      lambda x, y: torch.cat([x, torch.tensor([1.0, 2.0]).double(), y]), "with plain numbers and nothing", float32=False)  # fmt: skip
for _n in (1, 2, 3):
    for _axis in (0, 1, -1):
        array(
            "STACK", lambda F, *xs, axis=_axis: F.stack(xs, axis), [(real, (2, 3))] * _n,
            lambda *xs, axis=_axis: torch.stack(xs, axis), f"of {_n} axis {_axis}",
        )  # fmt: skip
for _sections, _axis, _sizes in (
    (2, 1, [2, 2]),
    ([1, 3], 1, [1, 2, 1]),
    ([2], 0, [2, 1]),
    (1, 0, [3]),
    ([0, 4], -1, [0, 4, 0]),
):
    array(
        "GETITEM",
        lambda F, x, n=_sections, axis=_axis: F.concatenate(
            [(i + 1.0) * part for i, part in enumerate(F.split(x, n, axis))], axis
        ),
        [(real, (3, 4))],
        lambda x, n=_sizes, axis=_axis: torch.cat(
            [(i + 1.0) * part for i, part in enumerate(torch.split(x, n, axis))], axis
        ),
        f"split {_sections} axis {_axis}".replace(",", ""),
    )
for _reps in (2, (2, 1), (1, 3), (2, 1, 2), (2,), (), 0):
    array(
        "BROADCAST_TO", lambda F, x, n=_reps: F.tile(x, n), [(real, (2, 3))],
        lambda x, n=_reps: torch.tile(x, n if isinstance(n, tuple) else (n,)), f"tile {_reps}".replace(",", ""),
    )  # fmt: skip
for _reps, _axis in (
    (2, None),
    (3, 1),
    (2, -1),
    ([1, 2], 0),
    ([2, 0, 1], 1),
    (0, 0),
    ([1, 2, 0, 1, 3, 1], None),
):
    array(
        "GETITEM", lambda F, x, n=_reps, axis=_axis: F.repeat(x, n, axis), [(real, (2, 3))],
        lambda x, n=_reps, axis=_axis: torch.repeat_interleave(x, n if isinstance(n, int) else torch.tensor(n), axis),
        f"repeat {_reps} axis {_axis}".replace(",", ""),
    )  # fmt: skip

# ---- Elements ---------------------------------------------------------------------------------------------------------

INDICES: dict[str, Any] = {
    "integer": 1, "negative integer": -1, "numpy integer": np.int64(2), "slice": slice(1, 3), "step": slice(None, None, 2),
    "backwards": slice(None, None, -1), "backwards in steps": (slice(None), slice(-1, 0, -2)), "empty slice": slice(2, 2),
    "two integers": (1, -2), "three integers": (1, 0, 1), "slice and integer": (slice(1, None), 2), "None": None,
    "None among slices": (slice(0, 2), None, 1), "Ellipsis": Ellipsis, "Ellipsis and integer": (..., 0),
    "integer, Ellipsis, None": (0, ..., None), "nothing": (),
    "list": [0, 2], "repeated": [0, 0, 2, 0], "negative and repeated": [-1, 2, 0], "empty list": [],
    "integer matrix": np.array([[0, 1], [1, 1]]),
    "unsigned": np.array([0, 2, 2], np.uint8), "one-element array": np.array([1]), "0-d array": np.array(1),
    "two arrays": (np.array([0, 0, 2]), np.array([1, 1, 3])), "arrays that broadcast": (np.array([[0], [2]]), np.array([1, 1, 0])),
    "slice and array": (slice(None), [0, 0, 3]), "arrays apart": ([0, 1, 0], slice(None), [1, 0, 1]),
    "integer and array apart": (0, slice(None), [1, 1]),
    "array and None": (None, [1, 1]), "array, Ellipsis, integer": ([0, 0], ..., 1),
    "boolean": np.array([True, False, True]), "boolean none": np.zeros(3, bool), "boolean list": [False, True, True],
    "boolean whole": (np.arange(24).reshape(3, 4, 2) % 3 == 0), "boolean matrix": (np.arange(12).reshape(3, 4) % 5 < 2),
    "boolean and integer": (np.array([True, False, True]), 1), "slice and boolean": (slice(0, 2), np.array([True, False, False, True])),
    "boolean and array": (np.array([True, False, True]), [2, 2]),
}  # fmt: skip


def _places(shape: Shape, index: Any) -> np.ndarray:
    """Where in the flattened array the elements of x[index] come from."""
    return np.arange(int(np.prod(shape))).reshape(shape)[index]


def _picked(x: Any, places: Any) -> Any:
    return x.reshape(-1)[torch.from_numpy(np.array(places))]


def _taken(x: Any, index: Any) -> Any:
    return _picked(x, _places(tuple(x.shape), index))


def _put(x: Any, index: Any, value: Any, add: bool = False) -> Any:
    """x with value written at (or added to) the index, of repeated places the last one's."""
    places = _places(tuple(x.shape), index)
    flat = torch.broadcast_to(value, places.shape).reshape(-1)
    where = places.reshape(-1)
    keep = (
        np.arange(where.size)
        if add
        else np.array(sorted({p: i for i, p in enumerate(where.tolist())}.values()), dtype=int)
    )
    mask = np.ones(x.numel())
    if not add:
        mask[where] = 0.0
    kept, places = torch.from_numpy(keep), torch.from_numpy(where[keep])
    return (x.reshape(-1) * torch.from_numpy(mask)).index_add(0, places, flat[kept]).reshape(x.shape)


for _name, _index in INDICES.items():
    _part = np.zeros((3, 4, 2))[_index].shape
    _named = _name.replace(",", "")
    array(
        "GETITEM",
        lambda F, x, i=_index: F.getitem(x, i),
        [(real, (3, 4, 2))],
        lambda x, i=_index: _taken(x, i),
        _named,
    )
    array(
        "SCATTER", lambda F, x, i=_index: F.scatter(x, (3, 4, 2), i), [(real, _part)],
        lambda x, i=_index: _put(torch.zeros(3, 4, 2, dtype=x.dtype), i, x, add=True), _named,
    )  # fmt: skip
    for _what, _value in (("", _part), (" one number", ()), (" a row", _part[-1:])):
        array(
            "INDEX_UPDATE", lambda F, x, v, i=_index: F.index_update(x, i, v), [(real, (3, 4, 2)), (real, _value)],
            lambda x, v, i=_index: _put(x, i, v), _named + _what,
        )  # fmt: skip
array("GETITEM", lambda F, x: x[1:, 0], [(real, (3, 4, 2))], lambda x: x[1:, 0], "operator")
array("GETITEM", lambda F, x: F.stack([row * (i + 1.0) for i, row in enumerate(x)]), [(real, (3, 2))],
      lambda x: torch.stack([row * (i + 1.0) for i, row in enumerate(x)]), "iteration")  # fmt: skip
array(
    "INDEX_UPDATE",
    lambda F, x: F.index_update(x, 0, 5.0),
    [(real, (3, 2))],
    lambda x: _put(x, 0, torch.tensor(5.0).double()),
    "with a number",
)
array("INDEX_UPDATE", lambda F, v: F.index_update(np.zeros((3, 2)), 0, v), [(real, (2,))],
      lambda v: _put(torch.zeros(3, 2, dtype=v.dtype), 0, v), "into plain zeros", float32=False)  # fmt: skip
array(
    "GETITEM",
    lambda F, x: F.to_value(x),
    [(real, (1, 1))],
    lambda x: x.reshape(()),
    "to_value",
    raw=False,
    float32=False,
)

for _axis, _x, _places_of in (
    (0, (3, 4), (2, 4)), (1, (3, 4), (3, 5)), (-1, (2, 3, 2), (2, 3, 3)), (1, (3, 4), (1, 2)), (0, (3, 4), (2, 1)), (1, (1, 4), (3, 2)),
    (0, (3,), (0,)),
):  # fmt: skip
    _indices = below(_x[_axis])
    _named = f"{_x} {_places_of} axis {_axis}".replace(",", "")
    array(
        "TAKE_ALONG_AXIS", lambda F, x, i, axis=_axis: F.take_along_axis(x, i, axis), [(real, _x), (_indices, _places_of)],
        lambda x, i, axis=_axis: torch.take_along_dim(x, i % x.shape[axis], axis), _named, constants=(1,),
    )  # fmt: skip
for _axis, _x, _sizes in ((0, (4, 3), (3, 3)), (1, (3, 5), (3, 4)), (1, (2, 2), (2, 4))):
    array(
        "SCATTER_ALONG_AXIS",
        lambda F, x, i, axis=_axis, n=_sizes: F.scatter_along_axis(x, i, axis, n),
        [(real, _x), (below(_sizes[_axis]), _x)],
        lambda x, i, axis=_axis, n=_sizes: torch.zeros(n, dtype=x.dtype).scatter_add(axis, i % n[axis], x),
        f"{_x} {_sizes} axis {_axis}".replace(",", ""),
        constants=(1,),
    )
for _sizes in ((4, 3), (2, 3, 5), (3,)):
    array(
        "class_cross_entropy", "class_cross_entropy",
        [(real, _sizes), (classes(_sizes[-1]), _sizes[:-1])],
        lambda z, labels: -torch.log_softmax(z, -1).gather(-1, labels[..., None])[..., 0],
        f"{_sizes}".replace(",", ""), constants=(1,),
    )  # fmt: skip
for _axis in (0, 1, -1):
    array(
        "SORT",
        lambda F, x, axis=_axis: F.sort(x, axis),
        [(distinct(0.0), (3, 4, 2))],
        lambda x, axis=_axis: torch.sort(x, axis).values,
        f"axis {_axis}",
    )
    array(
        "ARGSORT", lambda F, x, axis=_axis: F.argsort(x, axis), [(distinct(0.0), (3, 4, 2))],
        lambda x, axis=_axis: torch.argsort(x, axis), f"axis {_axis}", mask=True,
    )  # fmt: skip
for _offset, _first, _second in (
    (0, 0, 1),
    (1, 0, 1),
    (-1, 0, 1),
    (0, 1, 2),
    (1, -1, 0),
    (-7, 0, 1),
    (9, 0, 1),
):
    array(
        "GETITEM",
        lambda F, x, k=_offset, a=_first, b=_second: F.diagonal(x, k, a, b),
        [(real, (3, 4, 2))],
        lambda x, k=_offset, a=_first, b=_second: _picked(
            x, np.diagonal(_places(tuple(x.shape), ...), k, a, b)
        ),
        f"diagonal {_offset} of {_first} {_second}",
    )
for _k in (0, 1, -2):
    array(
        "SCATTER",
        lambda F, x, k=_k: F.diag(x, k),
        [(real, (3,))],
        lambda x, k=_k: torch.diag(x, k),
        f"diag {_k} of a vector",
    )
    array(
        "GETITEM",
        lambda F, x, k=_k: F.diag(x, k),
        [(real, (3, 4))],
        lambda x, k=_k: torch.diag(x, k),
        f"diag {_k} of a matrix",
    )
    array(
        "GETITEM",
        lambda F, x, k=_k: F.trace(x, k),
        [(real, (3, 4))],
        lambda x, k=_k: torch.diag(x, k).sum(),
        f"trace {_k}",
    )
array("GETITEM", "trace", [(real, (3, 3, 2))], lambda x: torch.einsum("iij->j", x), "trace of a block")

# ---- Nothing, and single numbers --------------------------------------------------------------------------------------

_empty = [(real, (0, 3))]
for _i, (_row, _call, _reference) in enumerate((
    ("MEAN", lambda F, x: F.mean(x, 1), lambda x: torch.mean(x, 1)),
    ("VAR", lambda F, x: F.var(x, -1), lambda x: x.sum(1)),
    ("STD", lambda F, x: F.std(x, -1, 1), lambda x: x.sum(1)),
    ("MAX", lambda F, x: F.max(x, 1), lambda x: torch.amax(x, 1)),
    ("NORM", lambda F, x: F.norm(x, axis=0), lambda x: torch.linalg.norm(x, dim=0)),
    ("NORM", lambda F, x: F.norm(x, 3, 1), lambda x: torch.linalg.vector_norm(x, 3, 1)),
    ("LOGSUMEXP", lambda F, x: F.logsumexp(x, 1), lambda x: torch.logsumexp(x, 1)),
    ("SOFTMAX", lambda F, x: F.softmax(x), lambda x: torch.softmax(x, -1)),
    ("SOFTMAX", lambda F, x: F.softmax(x, 0), lambda x: torch.softmax(x, 0)),
    ("LOG_SOFTMAX", lambda F, x: F.log_softmax(x, 0), lambda x: torch.log_softmax(x, 0)),
    ("CUMSUM", lambda F, x: F.cumsum(x, 0), lambda x: torch.cumsum(x, 0)),
    ("CUMSUM", lambda F, x: F.cumsum(x), lambda x: torch.cumsum(x.ravel(), 0)),
    ("CUMPROD", lambda F, x: F.cumprod(x, 0), lambda x: torch.cumprod(x, 0)),
    ("RECURRENCE", lambda F, x: F.recurrence(x, x, 0), lambda x: x + 0.0),
    ("SORT", lambda F, x: F.sort(x, 0), lambda x: x + 0.0),
    ("RESHAPE", lambda F, x: F.reshape(x, (3, 0)), lambda x: x.reshape(3, 0)),
    ("RESHAPE", lambda F, x: F.ravel(x), torch.ravel),
    ("TRANSPOSE", lambda F, x: F.transpose(x), lambda x: x.T),
    ("FLIP", lambda F, x: F.flip(x), lambda x: x + 0.0),
    ("ROLL", lambda F, x: F.roll(x, 1, 0), lambda x: x + 0.0),
    ("TRIL", lambda F, x: F.tril(x), lambda x: x + 0.0),
    ("PAD", lambda F, x: F.pad(x, 1), lambda x: torch.nn.functional.pad(x, (1, 1, 1, 1))),
    ("CONCATENATE", lambda F, x: F.concatenate([x, x]), lambda x: torch.cat([x, x])),
    ("STACK", lambda F, x: F.stack([x, x], 1), lambda x: torch.stack([x, x], 1)),
    ("GETITEM", lambda F, x: F.getitem(x, (slice(None), [2, 0])), lambda x: x[:, [2, 0]]),
    ("GETITEM", lambda F, x: F.getitem(x, np.zeros((0, 3), bool)), torch.ravel),
    ("GETITEM", lambda F, x: F.diagonal(x), torch.diagonal),
    ("SCATTER", lambda F, x: F.scatter(x, (4, 3), []), lambda x: torch.zeros(4, 3, dtype=x.dtype) + 0.0 * x.sum()),
    ("INDEX_UPDATE", lambda F, x: F.index_update(x, slice(None), 1.0), lambda x: x + 0.0),
    ("EINSUM", lambda F, x: F.einsum("ij,ij->j", x, x), lambda x: (x * x).sum(0)),
    ("matmul", lambda F, x: F.matmul(x.T, x), lambda x: x.T @ x),
    ("BROADCAST_TO", lambda F, x: F.tile(x, 2), lambda x: torch.tile(x, (2,))),
    ("softmax_cross_entropy", lambda F, x: F.softmax_cross_entropy(x, x), lambda x: x.sum(1)),
)):  # fmt: skip
    array(_row, _call, _empty, _reference, f"nothing {_i}")
_no_matrices = [(real, (0, 2, 2))]
array("inv", "inv", _no_matrices, lambda a: a + 0.0, "nothing")
array("det", "det", _no_matrices, lambda a: a.sum((-1, -2)), "nothing")
array(
    "logabsdet",
    lambda F, a: F.slogdet(a)[1],
    _no_matrices,
    lambda a: a.sum((-1, -2)),
    "nothing",
    analytic=False,
)
array("solve", lambda F, a: F.solve(a, a), _no_matrices, lambda a: a + 0.0, "nothing")

_number = [(positive, ())]
for _i, (_row, _call, _reference) in enumerate((
    ("SUM", lambda F, x: F.sum(x), lambda x: x + 0.0),
    ("SUM", lambda F, x: F.sum(x, ()), lambda x: x + 0.0),
    ("MEAN", lambda F, x: F.mean(x), lambda x: x + 0.0),
    ("VAR", lambda F, x: F.var(x), lambda x: 0.0 * x),
    ("MAX", lambda F, x: F.max(x), lambda x: x + 0.0),
    ("NORM", lambda F, x: F.norm(x), torch.abs),
    ("LOGSUMEXP", lambda F, x: F.logsumexp(x), lambda x: x + 0.0),
    ("SOFTMAX", lambda F, x: F.softmax(x, None), lambda x: torch.ones_like(x) + 0.0 * x),
    ("CUMSUM", lambda F, x: F.cumsum(x), lambda x: x.reshape(1)),
    ("CUMPROD", lambda F, x: F.cumprod(x), lambda x: x.reshape(1)),
    ("RESHAPE", lambda F, x: F.ravel(x), torch.ravel),
    ("RESHAPE", lambda F, x: F.expand_dims(x, 0), lambda x: x[None]),
    ("TRANSPOSE", lambda F, x: F.transpose(x), lambda x: x + 0.0),
    ("FLIP", lambda F, x: F.flip(x), lambda x: x + 0.0),
    ("ROLL", lambda F, x: F.roll(x, 2), lambda x: x + 0.0),
    ("STACK", lambda F, x: F.stack([x, 2.0 * x]), lambda x: torch.stack([x, 2.0 * x])),
    ("GETITEM", lambda F, x: F.getitem(x, ()), lambda x: x + 0.0),
    ("GETITEM", lambda F, x: F.getitem(x, (None, ...)), lambda x: x[None]),
    ("GETITEM", lambda F, x: F.getitem(x, np.array(True)), lambda x: x.reshape(1)),
    ("GETITEM", lambda F, x: F.repeat(x, 3), lambda x: x * torch.ones(3, dtype=x.dtype)),
    ("SCATTER", lambda F, x: F.scatter(x, (), ()), lambda x: x + 0.0),
    ("INDEX_UPDATE", lambda F, x: F.index_update(np.zeros(3), [0, 2], x), lambda x: x * torch.tensor([1.0, 0.0, 1.0]).double()),
    ("BROADCAST_TO", lambda F, x: F.tile(x, (2, 2)), lambda x: x * torch.ones(2, 2, dtype=x.dtype)),
    ("BROADCAST_TO", lambda F, x: F.broadcast_to(x, ()), lambda x: x + 0.0),
    ("EINSUM", lambda F, x: F.einsum(",->", x, x), lambda x: x * x),
    ("multiply", lambda F, x: F.outer(x, x), lambda x: (x * x).reshape(1, 1)),
    ("multiply", lambda F, x: F.dot(x, x), lambda x: x * x),
)):  # fmt: skip
    array(
        _row,
        _call,
        _number,
        _reference,
        f"a number {_i}",
        analytic=_row != "NORM",
        float32=_row != "INDEX_UPDATE",
    )

# ---- What the tests ask of all samples --------------------------------------------------------------------------------


def rows_without_sample(table: dict[str, Any], samples: Sequence[Sample]) -> list[str]:
    """The rows of a table that no sample names."""
    named = {sample.row for sample in samples}
    return [row for row in table if row not in named]


def reaches(row: str, op: Any) -> bool:
    """Whether op is that row of the table, or what that row factory makes."""
    entry = TABLE[row]
    if isinstance(entry, Op) or op is None:
        return op is entry
    return bool(op.maker is not None and op.maker.__wrapped__ is entry.__wrapped__)


def kinds(sample: Sample) -> list[str]:
    return ["Value"] * sample.scalar + ["Tensor"] * sample.tensor
