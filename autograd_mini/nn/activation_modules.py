"""The activations as Modules, for a Sequential: they have no parameters, and keep shapes and dtypes."""

import inspect
from typing import Any

from ..core import functions, rows, special_rows
from ..support.coercion import finite
from .activations import identity
from .modules import Module


class Activation(Module):
    """What the activations have in common: a function of x and of their options, and their name in a summary."""

    function: Any
    usual: Any = ...  # the value of an option that the name leaves out
    options: tuple[str, ...] = ()  # the names of the options: the arguments of `__init__`

    def __init_subclass__(cls) -> None:
        if "__init__" in vars(cls):
            cls.options = tuple(inspect.signature(cls).parameters)

    def __init__(self, **options: Any) -> None:
        super().__init__()
        vars(self).update(options)

    def forward(self, x: Any) -> Any:
        """Return the function of x, of x's shape."""
        return self.function(x, *(getattr(self, name) for name in self.options))

    def title(self) -> str:
        """Return the class, and the options that are not the usual ones."""
        chosen = [str(value) for name in self.options if (value := getattr(self, name)) != self.usual]
        return type(self).__name__ + (f"({', '.join(chosen)})" if chosen else "")


class Identity(Activation):
    """x itself.

    >>> Identity()(2.0)
    2.0
    """

    function = staticmethod(identity)


class ReLU(Activation):
    """max(x, 0), element by element; at 0 its slope is 0.

    >>> ReLU()([-1.0, 2.0]).tolist()
    [0.0, 2.0]
    """

    function = staticmethod(rows.relu)


class LeakyReLU(Activation):
    """x where x > 0, else slope · x, element by element; at 0 its slope is `slope`, as PyTorch's.

    Raises TypeError or ValueError for a slope that is no finite number.

    >>> LeakyReLU(0.1)([-1.0, 2.0]).tolist()
    [-0.1, 2.0]
    """

    function = staticmethod(functions.leaky_relu)

    def __init__(self, slope: float = 0.01) -> None:
        super().__init__(slope=finite("slope", slope))


class ELU(Activation):
    """x where x > 0, else alpha · (eˣ − 1), element by element (arXiv:1511.07289).

    Raises TypeError or ValueError for an alpha that is no finite number.

    >>> ELU(2.0)([-1.0, 2.0]).round(4).tolist()
    [-1.2642, 2.0]
    """

    function = staticmethod(functions.elu)

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__(alpha=finite("alpha", alpha))


class GELU(Activation):
    """x · Φ(x), or with approximate="tanh" the form by tanh, element by element (arXiv:1606.08415).

    Raises ValueError for another `approximate`.

    >>> GELU()([-1.0, 2.0]).round(4).tolist()
    [-0.1587, 1.9545]
    """

    function = staticmethod(functions.gelu)
    usual = "none"

    def __init__(self, approximate: str = "none") -> None:
        if approximate not in ("none", "tanh"):
            raise ValueError(f"approximate must be 'none' or 'tanh', got {approximate!r}")
        super().__init__(approximate=approximate)


class SiLU(Activation):
    """x · sigmoid(x), also called swish, element by element (arXiv:1606.08415).

    >>> SiLU()([-1.0, 2.0]).round(4).tolist()
    [-0.2689, 1.7616]
    """

    function = staticmethod(special_rows.silu)


class Sigmoid(Activation):
    """1 / (1 + e^(−beta·x)), element by element.

    Raises TypeError or ValueError for a beta that is no finite number.

    >>> Sigmoid(beta=2.0)([-1.0, 0.0]).round(4).tolist()
    [0.1192, 0.5]
    """

    function = staticmethod(rows.sigmoid)
    usual = 1.0
    beta: float

    def __init__(self, beta: float = 1.0) -> None:
        super().__init__(beta=finite("beta", beta))

    def forward(self, x: Any) -> Any:
        """Return sigmoid(beta · x)."""
        return rows.sigmoid(x if self.beta == 1.0 else rows.multiply(self.beta, x))


class Tanh(Activation):
    """sinh x / cosh x, element by element.

    >>> Tanh()([-1.0, 0.0]).round(4).tolist()
    [-0.7616, 0.0]
    """

    function = staticmethod(rows.tanh)


class Softplus(Activation):
    """log(1 + eˣ), element by element, for x of any size.

    >>> Softplus()([0.0, 1000.0]).round(4).tolist()
    [0.6931, 1000.0]
    """

    function = staticmethod(special_rows.softplus)


class Softmax(Activation):
    """eˣ / Σ eˣ, which sums to 1 over the axis (an int, or None for all axes). `cross_entropy` needs none.

    Raises TypeError for another axis; a call raises IndexError for an axis that x does not have.

    >>> Softmax()([[0.0, 0.0]]).tolist()
    [[0.5, 0.5]]
    """

    function = staticmethod(functions.softmax)
    usual = -1

    def __init__(self, axis: int | None = -1) -> None:
        if isinstance(axis, bool) or not isinstance(axis, int | None):
            raise TypeError(f"axis must be an int or None, got {axis!r}")
        super().__init__(axis=axis)


class LogSoftmax(Softmax):
    """The logarithm of the softmax over the axis, without cancellation, as `nll` needs it.

    >>> LogSoftmax()([1000.0, 0.0]).tolist()
    [0.0, -1000.0]
    """

    function = staticmethod(functions.log_softmax)
