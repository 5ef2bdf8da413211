"""Activations by their names."""

from collections.abc import Callable
from typing import Any

from ..core import functions, rows, special_rows
from ..support.coercion import LISTS

Activation = str | Callable[[Any], Any]  # a name, or the function or Module itself


def identity(x: Any) -> Any:
    """Return x itself.

    >>> identity(2.0)
    2.0
    """
    return rows.positive(x) if isinstance(x, LISTS) else x  # a list of nodes is stacked in their graph


ACTIVATIONS: dict[str, Callable[[Any], Any]] = {"identity": identity, "linear": identity}
ACTIVATIONS |= {
    function.__name__: function
    for function in (
        rows.relu, functions.leaky_relu, functions.elu, functions.gelu, special_rows.silu, rows.sigmoid,
        rows.tanh, special_rows.softplus, functions.softmax, functions.log_softmax,
    )
}  # fmt: skip


def activation_of(activation: Activation) -> Callable[[Any], Any]:
    """Return the function of that name; a function or Module is returned as it is.

    Raises ValueError for a name that is not in ACTIVATIONS, TypeError for a class, and for anything else.

    >>> activation_of("tanh")(0.0)
    0.0
    """
    if callable(activation) and not isinstance(activation, type):
        return activation
    if not isinstance(activation, str) or activation not in ACTIVATIONS:
        kind, known = ValueError if isinstance(activation, str) else TypeError, ", ".join(ACTIVATIONS)
        raise kind(f"activation must be one of {known}, a function or a Module as ReLU(), got {activation!r}")
    return ACTIVATIONS[activation]
