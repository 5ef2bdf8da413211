"""Tensor: an array in a graph; and how Values, numbers and lists of them become one beside it."""

from collections import deque
from collections.abc import Iterable, Iterator
from operator import attrgetter
from typing import Any, final

import numpy as np

from ..errors import DTypeError, GraphError, ShapeError
from ..support.coercion import to_array
from .array_rows import CAST, GETITEM, STACK
from .node import LISTS, Node, changes, evaluate, holds_node, leaf, made, record
from .readings import ARRAYS, FLOATS, KINDS
from .value import Value


@final
class Tensor(Node):
    """An array of real numbers that records how it was made, so that it can be differentiated.

    Arguments: `data`, a number, (nested) list or array: float64, or float32 where it is given as that; integers and
    booleans become float64; it is copied. A list of Values is stacked, and stays in their graph. `label`, a name for
    messages and pictures; `requires_grad=False` makes a constant; `dtype`, "float32" or "float64". Raises DTypeError for
    data that are no real numbers, ValueError for ragged lists.

    >>> W = Tensor([[1.0, 2.0], [3.0, 4.0]], label="W")
    >>> (W @ [1.0, 1.0]).sum().backward()
    >>> W.grad
    array([[1., 1.],
           [1., 1.]])
    """

    __slots__ = ("_array", "_version")
    _array: Any  # the data: internal code reads and writes it here, past the property
    _version: int

    def __new__(
        cls, data: Any, *, label: str | None = None, requires_grad: bool = True, dtype: Any = None
    ) -> "Tensor":
        if isinstance(data, LISTS) and holds_node(data):
            return _stacked_as_asked(data, label, requires_grad, dtype)  # type: ignore[no-any-return]
        if isinstance(data, Node):
            raise DTypeError(
                f"Tensor: already a {type(data).__name__}; use .detach() for a copy outside the graph"
            )
        array = np.array(to_array(data, dtype), order="C")
        return leaf(cls, array, requires_grad, label)  # type: ignore[no-any-return]

    def __init_subclass__(cls) -> None:
        raise TypeError("Tensor is final: add an operation with ag.Op and ag.apply")

    def _set_data(self, data: Any) -> None:
        if self.op is not None:
            raise GraphError(
                f"the data of {self._name} come from '{self.op.name}': change its leaves, or take .detach()"
            )
        if data is not self._array:
            self._array = np.array(ARRAYS.fitted(self, data, ".data ="), order="C")
        touch([self])

    data = property(
        attrgetter("_array"),
        _set_data,
        doc="The array itself, outside the graph; assigning counts as a change.",
    )

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of the axes."""
        return self.data.shape  # type: ignore[no-any-return]

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.data.ndim  # type: ignore[no-any-return]

    @property
    def size(self) -> int:
        """The number of elements."""
        return self.data.size  # type: ignore[no-any-return]

    @property
    def dtype(self) -> Any:
        """float64 or float32."""
        return self.data.dtype

    @property
    def T(self) -> "Tensor":
        """The Tensor with its axes reversed."""
        return self.transpose()  # type: ignore[no-any-return]

    def item(self) -> float:
        """The number alone, outside the graph; ValueError where there are several.

        >>> Tensor([2.0]).item()
        2.0
        """
        if self.size != 1:
            raise ValueError(f"item: one number is needed, the shape is {self.shape}")
        return float(self.data.item())

    def to_values(self) -> Any:
        """Return the elements as Values in (nested) lists, still in the graph.

        >>> Tensor([2.0, 3.0]).to_values()
        [Value(2.0), Value(3.0)]
        """
        if not self.ndim:
            return to_value(self)
        if self.ndim == 1:
            return [to_value(self, i) for i in range(self.size)]
        return [row.to_values() for row in self]

    def tolist(self) -> Any:
        """Return the plain numbers in nested lists, outside the graph."""
        return self.data.tolist()

    def argmax(self, axis: int | None = None) -> Any:
        """Return the plain indices of the largest elements."""
        return self.data.argmax(axis)

    def argmin(self, axis: int | None = None) -> Any:
        """Return the plain indices of the smallest elements."""
        return self.data.argmin(axis)

    def __setitem__(self, index: Any, value: Any) -> None:
        raise TypeError("a Tensor is not assigned into: t = ag.index_update(t, index, value), or ag.where")

    sum = mean = var = std = prod = max = min = cumsum = cumprod = reshape = ravel = flatten = Node._later
    transpose = swapaxes = squeeze = clip = round = diagonal = trace = repeat = dot = Node._later
    __matmul__ = __rmatmul__ = __getitem__ = Node._later

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError("a Tensor of shape () has no length")
        return len(self.data)

    def __iter__(self) -> Iterator["Tensor"]:
        return (self[i] for i in range(len(self)))


def to_value(x: Any, index: Any = None) -> Any:
    """Return the element of a node at an index (its only one, where none is given) as a Value, still in the graph.

    >>> import autograd_mini as ag
    >>> ag.to_value(ag.Tensor([2.0, 3.0]), 1)
    Value(3.0)
    """
    if index is None:
        if x.size != 1:
            raise ShapeError(
                f"to_value: one element is needed, the shape is {x.shape}: give an index, or use .to_values()"
            )
        index = (0,) * len(x.shape)
    op = GETITEM(index)
    return record(FLOATS, op, (x,), float(evaluate(op, ARRAYS, [np.asarray(x.data)])))


def _as_tensor(data: Any, dtype: Any = None) -> Any:
    """An operand as a Tensor, not copied: a Value is cast, a list of nodes stacked, in their graph."""
    if type(data) is Value:
        dtype = np.dtype(float) if dtype is None else dtype
        return record(ARRAYS, CAST(dtype), (data,), np.asarray(data.data, dtype))
    if isinstance(data, LISTS) and holds_node(data):
        return stacked(data)
    return made(ARRAYS, ARRAYS.constant(data, dtype))


ARRAYS.kind, KINDS[Tensor] = Tensor, ARRAYS
ARRAYS.as_node = _as_tensor  # type: ignore[method-assign]


def stacked(data: Any) -> Any:
    """Return nested lists of nodes, numbers and arrays as one Tensor, in the graph of the nodes. ValueError where they are ragged."""
    parts = [stacked(part) if isinstance(part, LISTS) else part for part in data]
    shapes = {np.shape(part.data if isinstance(part, Node) else part) for part in parts}
    if len(shapes) > 1:
        raise ValueError(
            f"Tensor: rows of different lengths or shapes: {', '.join(map(str, sorted(shapes)))}"
        )
    return STACK(0)(*parts) if parts else made(ARRAYS, np.zeros(0))


def _stacked_as_asked(data: Any, label: str | None, requires_grad: bool, dtype: Any) -> Any:
    """A list of nodes as a Tensor with what its constructor was asked for."""
    if not requires_grad or dtype is not None:
        raise GraphError(
            "Tensor: a list of nodes stays in their graph, as float64: take .detach() of each for a constant"
        )
    found = stacked(data)
    if label is not None:
        found.label = label
    return found


# ---- New numbers for leaves -------------------------------------------------------------------------------------------


def replace_all(nodes: Iterable[Any], data: Iterable[Any]) -> None:
    """Give each leaf the data that belong to it, its own kind's and of its own shape and dtype.

    They are set from C: Ctrl-C comes before or after.
    """
    nodes = list(nodes)
    slots = ["_array" if type(node) is Tensor else "data" for node in nodes]
    touch(nodes)
    deque(map(setattr, nodes, slots, data), maxlen=0)


def touch(nodes: Iterable[Any]) -> None:
    """Note that the data of these nodes are others now, so that no gradient is taken through a graph that had read the old."""
    changes.count += 1
    for node in nodes:
        if type(node) is Tensor:
            node._version = changes.count
