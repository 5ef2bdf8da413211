"""Activations by their names."""

from collections.abc import Callable
from typing import Any

from ..core import functions, rows, special_rows


def identity(x: Any) -> Any:
    """Return x itself.

    >>> identity(2.0)
    2.0
    """
    return x


ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "identity": identity,
    "linear": identity,
    "relu": rows.relu,
    "leaky_relu": functions.leaky_relu,
    "elu": functions.elu,
    "gelu": functions.gelu,
    "silu": special_rows.silu,
    "sigmoid": rows.sigmoid,
    "tanh": rows.tanh,
    "softplus": special_rows.softplus,
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
        raise TypeError(
            f"activation must be a name, a function or a Module, got the class {name}: pass {name}()"
        )
    if callable(activation):
        return activation
    if not isinstance(activation, str) or activation not in ACTIVATIONS:
        kind = ValueError if isinstance(activation, str) else TypeError
        raise kind(
            f"unknown activation {activation!r}: one of {', '.join(ACTIVATIONS)}, or a function or Module"
        )
    return ACTIVATIONS[activation]
