"""Initialisers: the numbers that weights start from.

Each function here returns an initialiser: a function of a shape and of `rng`, a seed or numpy.random.Generator, that returns a
float64 array. The same seed gives the same numbers. `Linear` and `MLP` take one as `init`. An option that is no finite number, or
is out of range, raises TypeError or ValueError.

>>> import autograd_mini as ag
>>> layer = ag.nn.Linear(4, 2, init=constant(0.5))
>>> layer.weight.data.sum(), layer.bias.data.sum()
(np.float64(4.0), np.float64(0.0))
"""

import math
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..support.coercion import finite, generator, whole

Initialiser = Callable[..., Any]


def uniform(low: float = -1.0, high: float = 1.0) -> Initialiser:
    """Return an initialiser that draws evenly from [low, high), for any shape. ValueError where low is above high.

    >>> bool((abs(uniform(-0.1, 0.1)((2, 3), 0)) <= 0.1).all())
    True
    """
    low, high = finite("uniform: low", low), finite("uniform: high", high)
    if low > high:
        raise ValueError(f"uniform: low must not be above high, got {low:g} and {high:g}")
    return _initialiser(lambda shape, random: random.uniform(low, high, shape))


def normal(mean: float = 0.0, std: float = 1.0) -> Initialiser:
    """Return an initialiser that draws from the normal distribution, for any shape. ValueError where std is below 0.

    >>> normal(std=0.01)((2, 3), 0).shape
    (2, 3)
    """
    mean, std = finite("normal: mean", mean), finite("normal: std", std, least=0)
    return _initialiser(lambda shape, random: random.normal(mean, std, shape))


def constant(value: float) -> Initialiser:
    """Return an initialiser that gives one number everywhere, for any shape.

    >>> constant(1.0)((2,)).tolist()
    [1.0, 1.0]
    """
    value = finite("constant: value", value)
    return _initialiser(lambda shape, random: np.full(shape, value))


def xavier_uniform(gain: float = 1.0) -> Initialiser:
    """Return an initialiser that draws evenly from ±gain · √(6 / (fan_in + fan_out)), for shape (fan_in, fan_out).

    Glorot and Bengio 2010, proceedings.mlr.press/v9/glorot10a.html; PyTorch's xavier_uniform_. ShapeError for other shapes.

    >>> bool(abs(xavier_uniform()((3, 3), 0)).max() <= 1.0)
    True
    """
    return _xavier("xavier_uniform", gain, True)


def xavier_normal(gain: float = 1.0) -> Initialiser:
    """Return an initialiser that draws from N(0, 2·gain² / (fan_in + fan_out)), for shape (fan_in, fan_out).

    Glorot and Bengio 2010; PyTorch's xavier_normal_. ShapeError for other shapes.

    >>> xavier_normal()((2, 3), 0).shape
    (2, 3)
    """
    return _xavier("xavier_normal", gain, False)


def kaiming_uniform(slope: float = 0.0, mode: str = "fan_in") -> Initialiser:
    """Return an initialiser that draws evenly from ±√(6 / ((1 + slope²) · fan)), for shape (fan_in, fan_out).

    For layers before a ReLU, or a leaky one of that slope; `mode`, "fan_in" or "fan_out", says which fan. He et al. 2015,
    arXiv:1502.01852; PyTorch's kaiming_uniform_. ShapeError for other shapes.

    >>> bool(abs(kaiming_uniform()((6, 3), 0)).max() <= 1.0)
    True
    """
    return _he("kaiming_uniform", slope, mode, True)


def kaiming_normal(slope: float = 0.0, mode: str = "fan_in") -> Initialiser:
    """Return an initialiser that draws from N(0, 2 / ((1 + slope²) · fan)), for shape (fan_in, fan_out).

    The arguments are kaiming_uniform's. He et al. 2015, arXiv:1502.01852; PyTorch's kaiming_normal_.

    >>> kaiming_normal()((2, 3), 0).shape
    (2, 3)
    """
    return _he("kaiming_normal", slope, mode, False)


def lecun_uniform() -> Initialiser:
    """Return an initialiser that draws evenly from ±√(3 / fan_in), for shape (fan_in, fan_out).

    LeCun et al. 1998, "Efficient BackProp", doi:10.1007/3-540-49430-8_2. ShapeError for other shapes.

    >>> bool(abs(lecun_uniform()((3, 2), 0)).max() <= 1.0)
    True
    """
    return _scaled("lecun_uniform", lambda fan_in, fan_out: fan_in**-0.5, True)


def lecun_normal() -> Initialiser:
    """Return an initialiser that draws from N(0, 1 / fan_in), for shape (fan_in, fan_out).

    LeCun et al. 1998, doi:10.1007/3-540-49430-8_2; not truncated. ShapeError for other shapes.

    >>> lecun_normal()((2, 3), 0).shape
    (2, 3)
    """
    return _scaled("lecun_normal", lambda fan_in, fan_out: fan_in**-0.5, False)


def half_root() -> Initialiser:
    """Return an initialiser that gives 0.5 · √(6 / (fan_in + fan_out)) · (U − 0.5), U even in [0, 1): xavier_uniform(gain=0.25).

    A recipe of old tutorials, which halve the root that was meant as a bound on both sides. ShapeError for other shapes.

    >>> bool(abs(half_root()((2, 4), 0)).max() <= 0.25)
    True
    """
    return xavier_uniform(0.25)


def _xavier(name: str, gain: float, is_even: bool) -> Initialiser:
    """The standard deviation is gain · √(2 / (fan_in + fan_out))."""
    gain = finite(f"{name}: gain", gain, above=0)
    return _scaled(name, lambda *fans: gain * math.sqrt(2 / sum(fans)), is_even)


def _he(name: str, slope: float, mode: str, is_even: bool) -> Initialiser:
    """The standard deviation is √(2 / ((1 + slope²) · fan))."""
    slope = finite(f"{name}: slope", slope)
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"{name}: mode must be 'fan_in' or 'fan_out', got {mode!r}")
    place = ("fan_in", "fan_out").index(mode)
    return _scaled(name, lambda *fans: math.sqrt(2 / fans[place]) / math.hypot(1, slope), is_even)


def _scaled(name: str, std: Callable[[int, int], float], is_even: bool) -> Initialiser:
    """Draw with this standard deviation: evenly from ±√3·std, or from the normal distribution."""

    def draw(shape: tuple[int, ...], random: np.random.Generator) -> Any:
        spread = std(*_fans(name, shape))
        bound = math.sqrt(3) * spread
        return random.uniform(-bound, bound, shape) if is_even else random.normal(0, spread, shape)

    return _initialiser(draw)


def _fans(name: str, shape: tuple[int, ...]) -> tuple[int, int]:
    if len(shape) != 2:
        raise ShapeError(f"{name}: a shape (fan_in, fan_out) is needed, got {shape}")
    return shape[0], shape[1]


def _initialiser(draw: Callable[[tuple[int, ...], np.random.Generator], Any]) -> Initialiser:
    def initialiser(shape: Sequence[int], rng: Any = None) -> Any:
        """Return a float64 array of that shape; `rng` is a seed or numpy.random.Generator."""
        if not isinstance(shape, Sequence):
            raise TypeError(f"shape must be a tuple of ints > 0, got {shape!r}")
        sizes = tuple(whole("each size of shape", n, 1) for n in shape)
        return draw(sizes, generator(rng))

    return initialiser


def __getattr__(name: str) -> Any:
    from ..support.advice import missing

    raise missing(sys.modules[__name__], name)
