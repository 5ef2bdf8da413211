"""Activations by their names, and the check of the numbers that layers, losses and initialisers are made with."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import functions


def identity(x: Any) -> Any:
    """Return x itself.

    >>> identity(2.0)
    2.0
    """
    return x


ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "identity": identity,
    "linear": identity,
    "relu": functions.relu,
    "leaky_relu": functions.leaky_relu,
    "elu": functions.elu,
    "gelu": functions.gelu,
    "silu": functions.silu,
    "sigmoid": functions.sigmoid,
    "tanh": functions.tanh,
    "softplus": functions.softplus,
    "softmax": functions.softmax,
    "log_softmax": functions.log_softmax,
}


def activation_of(activation: str | Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return the function of that name, or the function or Module itself.

    Raises ValueError for a name that is not in ACTIVATIONS, TypeError for what is neither a name nor can be called, and for a
    class, which must be called first.

    >>> activation_of("tanh")(0.0)
    0.0
    """
    if isinstance(activation, type):
        name = activation.__name__
        raise TypeError(f"activation must be a name, a function or a Module, got the class {name}: pass {name}()")
    if callable(activation):
        return activation
    if not isinstance(activation, str) or activation not in ACTIVATIONS:
        kind = ValueError if isinstance(activation, str) else TypeError
        raise kind(f"unknown activation {activation!r}: one of {', '.join(ACTIVATIONS)}, or a function or Module")
    return ACTIVATIONS[activation]


def finite(name: str, value: Any, *, above: float = -math.inf, least: float = -math.inf) -> float:
    """Return the finite number, above or at least a bound; else TypeError or ValueError that names the argument.

    >>> finite("slope", 1)
    1.0
    """
    bound = f" > {above:g}" if above > -math.inf else f" ≥ {least:g}" if least > -math.inf else ""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{name} must be a finite number{bound}, got {value!r}")
    if not (above < value < math.inf and value >= least):
        raise ValueError(f"{name} must be a finite number{bound}, got {value}")
    return float(value)
