"""Value: a number in a graph."""

from operator import attrgetter
from typing import Any, final

import numpy as np

from ..support.coercion import to_float
from .node import Node, leaf, made
from .readings import FLOATS, KINDS


@final
class Value(Node):
    """A real number that records how it was made, so that it can be differentiated.

    Arguments: `data`, an int, float, bool or NumPy number (or an array of one element); `label`, a name for messages and
    pictures; `requires_grad=False` makes a constant. `.data` is the number; a number assigned to it becomes a float.
    Raises DTypeError for anything else, OverflowError for an int beyond the range of floats.

    >>> a, b = Value(2.0, label="a"), Value(-3.0)
    >>> loss = (a * b + 1).tanh()
    >>> loss.backward()
    >>> round(a.grad, 6), loss.op.name
    (-0.000545, 'tanh')
    """

    __slots__ = ()
    shape: tuple[int, ...] = ()
    ndim, size, dtype = 0, 1, np.dtype(float)

    def __new__(cls, data: Any, *, label: str | None = None, requires_grad: bool = True) -> "Value":
        return leaf(cls, to_float(data), requires_grad, label)  # type: ignore[no-any-return]

    def _set_data(self, data: Any) -> None:
        self._content = to_float(data)

    data = property(attrgetter("_content"), _set_data, doc="The number itself, outside the graph.")

    @property
    def T(self) -> "Value":
        """This Value itself, as it has no axes."""
        return self

    sum = mean = var = std = prod = max = min = cumsum = cumprod = reshape = ravel = flatten = Node._later
    transpose = squeeze = clip = round = Node._later


FLOATS.kind, KINDS[Value] = Value, FLOATS
FLOATS.as_node = lambda data, dtype=None: made(FLOATS, FLOATS.constant(data))  # type: ignore[method-assign]
