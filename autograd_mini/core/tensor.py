"""Tensor: an array in a graph; and how Values, numbers and lists become Tensors where they meet one."""

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import repeat
from operator import attrgetter
from typing import Any, final

import numpy as np

from ..errors import DTypeError, GraphError, ShapeError
from ..support.coercion import FLOAT_TYPES, LISTS, to_array
from ..support.modes import recorder
from .array_rows import CAST, GETITEM, STACK
from .node import Node, changes, evaluate, holds_node, leaf, made, plain, record
from .readings import ARRAYS, FLOATS, KINDS
from .value import Value


@final
class Tensor(Node):
    """An array of real numbers that records how it was made, so that it can be differentiated.

    Arguments: `data`, a number, (nested) list or array, which is copied: float32 stays float32, and all other numbers
    and booleans become float64. A list of Values is stacked, and stays in their graph. `label`, a name for
    messages and pictures; `requires_grad=False` makes a constant; `dtype`, "float32" or "float64". Raises DTypeError for
    data that are not real numbers, ValueError for ragged lists.

    >>> W = Tensor([[1.0, 2.0], [3.0, 4.0]], label="W")
    >>> (W @ [1.0, 1.0]).sum().backward()
    >>> W.grad
    array([[1., 1.],
           [1., 1.]])
    """

    __slots__ = ("_version",)
    _version: int

    def __new__(
        cls, data: Any, *, label: str | None = None, requires_grad: bool = True, dtype: Any = None
    ) -> "Tensor":
        if holds_node(data):
            return _stacked_as_asked(data, label, requires_grad, dtype)  # type: ignore[no-any-return]
        if isinstance(data, Node):
            raise DTypeError(
                f"Tensor: already a {type(data).__name__}; use .detach() for a copy outside the graph"
            )
        array = np.array(to_array(data, dtype), order="C")
        return leaf(cls, array, requires_grad, label)  # type: ignore[no-any-return]

    def _set_data(self, data: Any) -> None:
        if self.op is not None:
            raise GraphError(
                f"the data of {self._name} come from '{self.op.name}': change its leaves, or take .detach()"
            )
        if data is not self._content:
            self._content = np.array(ARRAYS.fitted(self, data, ".data ="), order="C")
        touch([self])

    data = property(
        attrgetter("_content"),
        _set_data,
        doc="The array itself, outside the graph. To assign it counts as a change of the data.",
    )

    shape: tuple[int, ...] = property(attrgetter("_content.shape"), doc="The sizes of the axes.")  # type: ignore[assignment]
    ndim: int = property(attrgetter("_content.ndim"), doc="The number of axes.")  # type: ignore[assignment]
    size: int = property(attrgetter("_content.size"), doc="The number of elements.")  # type: ignore[assignment]
    dtype = property(attrgetter("_content.dtype"), doc="float64 or float32.")

    @property
    def T(self) -> "Tensor":
        """The Tensor with its axes reversed."""
        return self.transpose()  # type: ignore[no-any-return]

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

    def argmax(self, axis: int | None = None, *, dim: int | None = None) -> Any:
        """Return the plain indices of the largest elements."""
        return self.data.argmax(axis if dim is None else dim)

    def argmin(self, axis: int | None = None, *, dim: int | None = None) -> Any:
        """Return the plain indices of the smallest elements."""
        return self.data.argmin(axis if dim is None else dim)

    def __setitem__(self, index: Any, value: Any) -> None:
        raise TypeError(
            "a Tensor cannot be assigned into: write t = ag.index_update(t, index, value), or use ag.where"
        )

    sum = mean = var = std = prod = max = min = cumsum = cumprod = reshape = ravel = flatten = Node._later
    transpose = swapaxes = squeeze = clip = round = diagonal = trace = repeat = dot = Node._later
    __matmul__ = __rmatmul__ = __getitem__ = Node._later

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError("a Tensor of shape () has no length")
        return len(self.data)

    def __iter__(self) -> Iterator["Tensor"]:
        return (self[i] for i in range(len(self)))


def plain_index(index: Any) -> Any:
    """An index with its arrays copied, so that nobody else can change them. DTypeError where it holds a node."""
    return tuple(map(index_part, index)) if isinstance(index, tuple) else index_part(index)


PARTS = (int, np.integer, np.bool_, slice, type(None), type(Ellipsis))  # of an index, those that never change


def index_part(part: Any) -> Any:
    """One part of an index. An array or a list becomes a fresh array."""
    if isinstance(part, PARTS):
        return part
    _refuse_in_index(part)
    if isinstance(part, np.ndarray) and part.dtype.kind in "biu" and recorder() is not None:
        return part  # what is compiled reads it again, and notices when it has changed
    found = np.array(np.asarray(part))  # a tuple inside a tuple is an array of indices, as in NumPy
    if found.dtype.kind not in "biu" and (found.size or isinstance(part, np.ndarray)):  # [] is no float
        raise IndexError(f"an index array must be of integers or booleans, got {found.dtype}")
    return found if found.dtype.kind in "biu" else found.astype(int)


def _refuse_in_index(part: Any) -> None:
    """Raise for a node or a masked array, in lists too."""
    if isinstance(part, LISTS):
        for inner in part:
            _refuse_in_index(inner)
    if isinstance(part, Node):
        if (trace := recorder()) is not None:
            trace.refuse("an index by an argument", part, "index outside, or take ag.take_along_axis")
        raise DTypeError("an index is made of plain integers, not of nodes: use index.data.astype(int)")
    if isinstance(part, np.ma.MaskedArray):
        raise DTypeError("an index cannot be a masked array: pass index.filled(value), or index.compressed()")


def to_value(x: Any, index: Any = None) -> Any:
    """Return the element of a node at an index (its only element, where no index is given) as a Value, still in the graph.

    >>> import autograd_mini as ag
    >>> ag.to_value(ag.Tensor([2.0, 3.0]), 1)
    Value(3.0)
    """
    x = x if isinstance(x, Node) else ARRAYS.as_node(x)
    if index is None:
        if x.size != 1:
            raise ShapeError(
                f"to_value: one element is needed, the shape is {x.shape}: give an index, or use .to_values()"
            )
        index = (0,) * len(x.shape)
    op = GETITEM(plain_index(index))
    found = evaluate(op, ARRAYS, [np.asarray(x.data)])
    if found.size != 1:
        raise ShapeError(f"to_value: one element is needed, the index gives shape {found.shape}")
    return record(FLOATS, op, (x,), float(found.item()))


def _as_tensor(data: Any, dtype: Any = None) -> Any:
    """An operand as a Tensor, not copied: a Value is cast and a list of nodes is stacked, both in their graph."""
    if type(data) is Value:
        dtype = np.dtype(float) if dtype is None else dtype
        return record(ARRAYS, CAST(dtype), (data,), np.asarray(data.data, dtype))
    if holds_node(data):
        return stacked(data)
    node = made(ARRAYS, ARRAYS.constant(data, dtype))
    if (trace := recorder()) is not None:
        return trace.given(node, data)
    return node


def _constant_beside(x: Any, other: Any) -> Any:
    """A float array or a number as a constant beside another operand; None for what `applied` must look at."""
    if recorder() is not None:
        return None
    if x.__class__ is np.ndarray and x.dtype in FLOAT_TYPES:
        return made(ARRAYS, x)
    if (x.__class__ is float or x.__class__ is int) and other.__class__ is Tensor:
        dtype = other._content.dtype
        return made(ARRAYS, ARRAYS.constant(x, dtype)) if dtype in FLOAT_TYPES else None
    return None


ARRAYS.kind, KINDS[Tensor] = Tensor, ARRAYS
ARRAYS.as_node = _as_tensor  # type: ignore[method-assign]
ARRAYS.constant_beside = _constant_beside


def stacked(data: Any) -> Any:
    """Return nested lists of nodes, numbers and arrays as one Tensor, in the graph of the nodes. ValueError where they are ragged."""
    parts = [stacked(part) if isinstance(part, LISTS) else part for part in data]
    shapes = {np.shape(plain(part)) for part in parts}
    if len(shapes) > 1:
        raise ValueError(
            f"Tensor: rows of different lengths or shapes: {', '.join(map(str, sorted(shapes)))}"
        )
    return STACK(0)(*parts) if parts else made(ARRAYS, np.zeros(0))


def _stacked_as_asked(data: Any, label: str | None, requires_grad: bool, dtype: Any) -> Any:
    """A list of nodes as a Tensor, with the arguments of the constructor."""
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
    """Give each leaf its new data, which must already be of its kind, shape and dtype.

    All are set in one call from C, so that Ctrl-C comes before it or after it.
    """
    nodes = list(nodes)
    touch(nodes)
    deque(map(setattr, nodes, repeat("_content"), data), maxlen=0)


def touch(nodes: Iterable[Any]) -> None:
    """Note that these nodes have new data, so that backward refuses a graph that read the old."""
    changes.count += 1
    for node in nodes:
        if type(node) is Tensor:
            node._version = changes.count
