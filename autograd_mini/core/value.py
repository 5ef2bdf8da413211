"""Value: a number in a graph."""

from typing import Any, final

import numpy as np

from ..coercion import describe, to_float
from ..errors import DTypeError, GraphError, ShapeError
from .engine import sum_to
from .namespaces import scalar
from .node import Node, leaf, record
from .ops import Op


@final
class Value(Node):
    """A real number that records how it was made, so that it can be differentiated.

    Arguments: `data`, an int, float, bool or NumPy number (or an array of one element); `label`, a name for messages and
    pictures; `requires_grad=False` makes a constant. `.data` is a plain attribute: keep it a float.
    Raises DTypeError for anything else, OverflowError for an int beyond the range of floats.

    >>> a, b = Value(2.0, label="a"), Value(-3.0)
    >>> loss = (a * b + 1).tanh()
    >>> loss.backward()
    >>> round(a.grad, 6), loss.op.name
    (-0.000545, 'tanh')
    """

    __slots__ = ()
    xp = scalar
    shape: tuple[int, ...] = ()
    ndim, size, dtype = 0, 1, np.dtype(float)

    def __new__(cls, data: Any, *, label: str | None = None, requires_grad: bool = True) -> "Value":
        return leaf(cls, to_float(data), requires_grad, label)  # type: ignore[no-any-return]

    def __init_subclass__(cls) -> None:
        raise TypeError("Value is final: add an operation with ag.Op and ag.apply")

    def item(self) -> float:
        """The number alone, outside the graph.

        >>> Value(2.0).item()
        2.0
        """
        return float(self.data)

    @staticmethod
    def common_dtype(operands: Any) -> None:
        """A Value's data are floats, whatever stands beside it."""

    @staticmethod
    def constant(data: Any, dtype: Any = None) -> "Value":
        """A number as an operand."""
        return record(Value, None, (), data if type(data) is float else to_float(data))  # type: ignore[no-any-return]

    def like(self, data: Any, what: str) -> float:
        """The data as this node could hold it."""
        return to_float(data)

    def zeros(self, create_graph: bool) -> Any:
        """The gradient of what does not depend on this node."""
        return Value.constant(0.0) if create_graph else 0.0

    def seed(self, gradient: Any, what: str, create_graph: bool = False) -> Any:
        """The gradient that arrives at the root from above."""
        if isinstance(gradient, Node):
            if create_graph and isinstance(gradient, Value):
                return gradient
            raise DTypeError(f"{what}: the gradient from above is a plain number: pass gradient.data")
        if np.ndim(gradient if gradient is not None else 1.0):
            raise ShapeError(
                f"{what}: the gradient from above has shape {np.shape(gradient)}, a Value needs a number"
            )
        g = 1.0 if gradient is None else to_float(gradient)
        return Value.constant(g) if create_graph else g

    @staticmethod
    def result(data: Any, op: Op) -> float:
        """What a user's own operation computed, if it is a number."""
        if (
            isinstance(data, int | float | np.number | np.ndarray)
            and np.size(data) == 1
            and np.asarray(data).dtype.kind in "biuf"
        ):
            return float(np.asarray(data).item())
        raise GraphError(f"{op.name!r} returned {describe(data)}: return a real number")

    def fit(self, share: Any, node: Any, create_graph: bool) -> Any:
        """A share as this node receives it: a float, or a Value when a graph is built."""
        if create_graph:
            share = share if isinstance(share, Node) else Value.constant(Value.result(share, node.op))
            return (
                share
                if type(share) is Value
                else self.functions.to_value(sum_to(self.functions, share, (), node.op))
            )
        return share if type(share) is float else Value.result(share, node.op)


Node.scalar_kind = Value
