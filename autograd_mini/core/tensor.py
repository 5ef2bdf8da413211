"""Tensor: an array in a graph."""

from collections.abc import Iterator
from typing import Any, final

import numpy as np

from ..coercion import BARE, FLOATS, to_array
from ..errors import DTypeError, GraphError, ShapeError
from . import functions, ops
from .engine import clock, sum_to
from .namespaces import QUIET, arrays, error_state
from .node import Node, leaf, record, set_data
from .ops import Op
from .value import Value


@final
class Tensor(Node):
    """An array of real numbers that records how it was made, so that it can be differentiated.

    Arguments: `data`, a number, (nested) list or array: float64, or float32 where it is given as that; integers and booleans
    become float64; it is copied. A list of Values is stacked, and stays in their graph. `label`, a name for messages and
    pictures; `requires_grad=False` makes a constant; `dtype`, "float32" or "float64". Raises DTypeError for data that are no
    real numbers, ValueError for ragged lists.

    >>> W = Tensor([[1.0, 2.0], [3.0, 4.0]], label="W")
    >>> (W @ [1.0, 1.0]).sum().backward()
    >>> W.grad
    array([[1., 1.],
           [1., 1.]])
    """

    __slots__ = ("version",)
    xp = arrays
    version: int

    def __new__(
        cls, data: Any, *, label: str | None = None, requires_grad: bool = True, dtype: Any = None
    ) -> "Tensor":
        if isinstance(data, list | tuple) and _has_nodes(data):
            return _stacked(data, label, requires_grad, dtype)
        if isinstance(data, Node):
            raise DTypeError(
                f"Tensor: already a {type(data).__name__}; use .detach() for a copy outside the graph"
            )
        return leaf(cls, np.array(to_array(data, dtype), order="C"), requires_grad, label)  # type: ignore[no-any-return]

    def __init_subclass__(cls) -> None:
        raise TypeError("Tensor is final: add an operation with ag.Op and ag.apply")

    def _set_data(self, data: Any) -> None:
        if self.parents:
            raise GraphError(
                f"the data of {self.name} come from '{self.op}': change its leaves, or take .detach()"
            )
        if data is not self.data:
            set_data(self, np.array(self.like(data, ".data ="), order="C"))
        clock.now += 1
        self.version = clock.now

    data = property(
        vars(Node)["data"].__get__,
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
            return functions.to_value(self)
        if self.ndim == 1:
            return [functions.to_value(self, i) for i in range(self.size)]
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

    def __matmul__(self, other: Any) -> Any:
        return functions.matmul(self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return functions.matmul(other, self)

    __getitem__ = functions.getitem

    def __setitem__(self, index: Any, value: Any) -> None:
        raise TypeError("a Tensor is not assigned into: t = ag.index_update(t, index, value), or ag.where")

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError("a Tensor of shape () has no length")
        return len(self.data)

    def __iter__(self) -> Iterator["Tensor"]:
        return (self[i] for i in range(len(self)))

    sum, mean, var, std, prod = functions.sum, functions.mean, functions.var, functions.std, functions.prod
    max, min, cumsum, cumprod = functions.max, functions.min, functions.cumsum, functions.cumprod
    reshape, ravel, flatten, transpose = (
        functions.reshape,
        functions.ravel,
        functions.ravel,
        functions.transpose,
    )
    swapaxes, squeeze, diagonal, trace = (
        functions.swapaxes,
        functions.squeeze,
        functions.diagonal,
        functions.trace,
    )
    dot, clip, round, repeat = functions.dot, functions.clip, functions.round, functions.repeat

    @staticmethod
    def common_dtype(operands: Any) -> Any:
        """What bare numbers among the operands become: float32 beside float32 alone, else float64."""
        dtypes = {
            x.data.dtype if type(x) is Tensor else x.dtype for x in operands if isinstance(x, ARRAYS)
        } & FLOATS
        return dtypes.pop() if len(dtypes) == 1 else np.dtype(float)

    @staticmethod
    def constant(data: Any, dtype: Any = None) -> "Tensor":
        """Data as an operand, not copied; a bare number or a Value takes the dtype given."""
        if type(data) is float or (type(data) is int and abs(data) < 1 << 53):  # by far the most common
            before = error_state.set(QUIET)  # beyond float32's range is infinity
            try:
                data = np.array(data, dtype)
            finally:
                error_state.reset(before)
        elif type(data) is not np.ndarray or data.dtype not in FLOATS:
            if type(data) is Value:
                op = ops.CAST(dtype or np.dtype(float))
                return record(Tensor, op, (data,), np.asarray(data.data, dtype))  # type: ignore[no-any-return]
            if isinstance(data, list | tuple) and _has_nodes(data):
                return Tensor(data)
            data = to_array(data, dtype if isinstance(data, BARE) else None)
        return record(Tensor, None, (), data)  # type: ignore[no-any-return]

    def like(self, data: Any, what: str) -> Any:
        """The data as this Tensor could hold it: of its shape and dtype."""
        if type(data) is np.ndarray and data.dtype == self.dtype and data.shape == self.shape:
            return data
        array = to_array(data, self.dtype)
        if array.shape != self.shape:
            raise ShapeError(
                f"{what}: shape {array.shape} for a Tensor of shape {self.shape}: make a new Tensor"
            )
        return array

    def zeros(self, create_graph: bool) -> Any:
        """The gradient of what does not depend on this node."""
        return Tensor.constant(np.zeros_like(self.data)) if create_graph else np.zeros_like(self.data)

    def seed(self, gradient: Any, what: str, create_graph: bool = False) -> Any:
        """The gradient that arrives at the root from above."""
        if gradient is None:
            if self.size != 1:
                raise GraphError(
                    f"{what}: needs a scalar, got shape {self.shape}: pass the gradient from above, or take .sum() or .mean()"
                )
            g = np.empty(self.data.shape, self.data.dtype)
            g.fill(1.0)
        elif isinstance(gradient, Node):
            if create_graph and gradient.shape == self.shape:
                return gradient
            raise DTypeError(f"{what}: the gradient from above is a plain array: pass gradient.data")
        elif np.shape(gradient) != self.shape:
            raise ShapeError(
                f"{what}: the gradient from above has shape {np.shape(gradient)}, {self.name} has {self.shape}"
            )
        else:
            try:
                g = np.array(to_array(gradient, self.dtype))
            except DTypeError as error:
                raise DTypeError(f"{what}: the gradient from above: {error}") from None
        return Tensor.constant(g) if create_graph else g

    @staticmethod
    def result(data: Any, op: Op) -> Any:
        """What a user's own operation computed, if it is an array of float64 or float32."""
        data = np.asarray(data) if not isinstance(data, Node) else np.empty(0, object)
        if data.dtype.kind in "biu" or data.dtype in FLOATS:
            return data if data.dtype in FLOATS else data.astype(float)
        raise GraphError(f"{op.name!r} returned {data.dtype}: return real numbers, float64 or float32")

    def fit(self, share: Any, node: Any, create_graph: bool) -> Any:
        """A share as this node receives it: summed to its shape, in its dtype."""
        data = self.data
        if create_graph:
            share = share if isinstance(share, Node) else Tensor.constant(Tensor.result(share, node.op))
            share = sum_to(functions, share, data.shape, node.op)
            return (
                share
                if type(share) is Tensor and share.dtype == data.dtype
                else functions.cast(share, data.dtype)
            )
        if type(share) is np.ndarray and share.dtype is data.dtype:
            share = sum_to(arrays, share, data.shape, node.op) if share.shape != data.shape else share
            return share if type(share) is np.ndarray else np.asarray(share)
        share = np.asarray(share) if not isinstance(share, Node) else np.empty(0, object)
        if share.dtype.kind not in "biuf":
            raise GraphError(f"{node.op.name!r} returned {share.dtype} as a gradient: return real numbers")
        return np.asarray(sum_to(arrays, share, data.shape, node.op), data.dtype)


def _has_nodes(data: Any) -> bool:
    """Whether a node stands anywhere in nested lists."""
    return any(isinstance(part, Node) for part in _flat(data))


def _flat(data: Any, depth: int = 0) -> list[Any]:
    """The leaves of nested lists, from left to right."""
    if depth > 64:
        raise ValueError("Tensor: lists nested more than 64 deep (in themselves?)")
    return [
        part
        for item in data
        for part in (_flat(item, depth + 1) if isinstance(item, list | tuple) else [item])
    ]


def _hollow(data: Any) -> Any:
    """The same nested lists with zeros for leaves."""
    return [_hollow(item) for item in data] if isinstance(data, list | tuple) else 0.0


def _stacked(data: Any, label: str | None, requires_grad: bool, dtype: Any) -> Tensor:
    """Lists of Values and numbers as one Tensor, in their graph."""
    if not requires_grad or dtype is not None:
        raise GraphError(
            "Tensor: a list of nodes stays in their graph, as float64: take .detach() of each for a constant"
        )
    flat = _flat(data)
    if any(isinstance(part, Tensor) and part.size != 1 for part in flat):
        raise DTypeError("Tensor: a list of Tensors is joined by ag.stack or ag.concatenate")

    shape = to_array(_hollow(data)).shape  # ValueError where it is ragged
    stacked: Tensor = functions.stack(
        [functions.to_value(part) if isinstance(part, Tensor) else part for part in flat]
    )
    out = stacked if stacked.shape == shape else functions.reshape(stacked, shape)
    if label is not None:
        out.label = label
    return out


ARRAYS = (Tensor, np.ndarray)
Node.array_kind = Tensor
