"""The activations as Modules, to stand in a Sequential: they have no parameters, and keep shapes and dtypes."""

from typing import Any

from ..core import functions, rows, special_rows
from ..support.coercion import finite
from .modules import Module


class Activation(Module):
    """What the activations have in common: the name that a summary gives them, with what was chosen."""

    def title(self) -> str:
        """Return the class, and the arguments."""
        chosen = [str(value) for name, value in vars(self).items() if name != "training"]
        return type(self).__name__ + (f"({', '.join(chosen)})" if chosen else "")


class Identity(Activation):
    """x itself.

    >>> Identity()(2.0)
    2.0
    """

    def forward(self, x: Any) -> Any:
        """Return x."""
        return x


class ReLU(Activation):
    """max(x, 0), element by element; at 0 its slope is 0.

    >>> ReLU()([-1.0, 2.0]).tolist()
    [0.0, 2.0]
    """

    def forward(self, x: Any) -> Any:
        """Return max(x, 0)."""
        return rows.relu(x)


class LeakyReLU(Activation):
    """x where x > 0, else slope · x, element by element; at 0 its slope is `slope`, as PyTorch's.

    Raises TypeError or ValueError for a slope that is no finite number.

    >>> LeakyReLU(0.1)([-1.0, 2.0]).tolist()
    [-0.1, 2.0]
    """

    def __init__(self, slope: float = 0.01) -> None:
        super().__init__()
        self.slope = finite("slope", slope)

    def forward(self, x: Any) -> Any:
        """Return x, below 0 times the slope."""
        return functions.leaky_relu(x, self.slope)


class ELU(Activation):
    """x where x > 0, else alpha · (eˣ − 1), element by element (arXiv:1511.07289).

    Raises TypeError or ValueError for an alpha that is no finite number.

    >>> ELU(2.0)([-1.0, 2.0]).round(4).tolist()
    [-1.2642, 2.0]
    """

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__()
        self.alpha = finite("alpha", alpha)

    def forward(self, x: Any) -> Any:
        """Return x, below 0 alpha · (eˣ − 1)."""
        return functions.elu(x, self.alpha)


class GELU(Activation):
    """x · Φ(x), or with approximate="tanh" the form by tanh, element by element (arXiv:1606.08415).

    Raises ValueError for another `approximate`.

    >>> GELU()([-1.0, 2.0]).round(4).tolist()
    [-0.1587, 1.9545]
    """

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        if approximate not in ("none", "tanh"):
            raise ValueError(f"approximate must be 'none' or 'tanh', got {approximate!r}")
        self.approximate = approximate

    def forward(self, x: Any) -> Any:
        """Return x · Φ(x)."""
        return functions.gelu(x, self.approximate)

    def title(self) -> str:
        """Return the class, and the approximation if there is one."""
        return "GELU" if self.approximate == "none" else "GELU(tanh)"


class SiLU(Activation):
    """x · sigmoid(x), also called swish, element by element (arXiv:1606.08415).

    >>> SiLU()([-1.0, 2.0]).round(4).tolist()
    [-0.2689, 1.7616]
    """

    def forward(self, x: Any) -> Any:
        """Return x · sigmoid(x)."""
        return special_rows.silu(x)


class Sigmoid(Activation):
    """1 / (1 + e^(−beta·x)), element by element.

    Raises TypeError or ValueError for a beta that is no finite number.

    >>> Sigmoid(beta=2.0)([-1.0, 0.0]).round(4).tolist()
    [0.1192, 0.5]
    """

    def __init__(self, beta: float = 1.0) -> None:
        super().__init__()
        self.beta = finite("beta", beta)

    def forward(self, x: Any) -> Any:
        """Return sigmoid(beta · x)."""
        return rows.sigmoid(x if self.beta == 1.0 else rows.multiply(self.beta, x))

    def title(self) -> str:
        """Return the class, and beta if it is not 1."""
        return "Sigmoid" if self.beta == 1.0 else f"Sigmoid({self.beta})"


class Tanh(Activation):
    """sinh x / cosh x, element by element.

    >>> Tanh()([-1.0, 0.0]).round(4).tolist()
    [-0.7616, 0.0]
    """

    def forward(self, x: Any) -> Any:
        """Return tanh(x)."""
        return rows.tanh(x)


class Softplus(Activation):
    """log(1 + eˣ), element by element, for x of any size.

    >>> Softplus()([0.0, 1000.0]).round(4).tolist()
    [0.6931, 1000.0]
    """

    def forward(self, x: Any) -> Any:
        """Return log(1 + eˣ)."""
        return special_rows.softplus(x)


class Softmax(Activation):
    """eˣ / Σ eˣ, summing to 1 over the axis (an int, or None for all). Before a cross-entropy loss it is left away.

    IndexError, when called, for an axis that x does not have.

    >>> Softmax()([[0.0, 0.0]]).tolist()
    [[0.5, 0.5]]
    """

    def __init__(self, axis: int | None = -1) -> None:
        super().__init__()
        self.axis = _axis(axis)

    def forward(self, x: Any) -> Any:
        """Return the softmax along the axis."""
        return functions.softmax(x, self.axis)

    def title(self) -> str:
        """Return the class, and the axis if it is not the last."""
        return type(self).__name__ + ("" if self.axis == -1 else f"({self.axis})")


class LogSoftmax(Softmax):
    """The logarithm of the softmax over the axis, without cancellation: what `nll` takes.

    >>> LogSoftmax()([1000.0, 0.0]).tolist()
    [0.0, -1000.0]
    """

    def forward(self, x: Any) -> Any:
        """Return the logarithm of the softmax along the axis."""
        return functions.log_softmax(x, self.axis)


def _axis(axis: Any) -> int | None:
    if isinstance(axis, bool) or not isinstance(axis, int | None):
        raise TypeError(f"axis must be an int or None, got {axis!r}")
    return axis
