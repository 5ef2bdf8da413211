"""Blocks: the parameters of one kind, which an optimiser steps as one vector, and their state.

A step is a list of works: one for all parameters of a block, or one for each piece of a parameter. A work computes in buffers and
returns its writes: calls that run in C, one after the other, so that Ctrl-C comes before or after all of them. Before its writes a
work has changed nothing, and can be done again.
"""

import math
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import pairwise, repeat, starmap
from operator import setitem
from typing import Any

import numpy as np

from ..core.readings import KINDS
from ..core.value import Value
from ..errors import AnomalyError, DTypeError, noted
from ..support.numerics import all_finite, find_spec

PIECE = 32768  # numbers that are stepped at a time; a larger parameter is a block of its own
Write = tuple[Any, ...]  # a function in C, and its arguments
Work = Callable[[Any], list[Write]]  # takes the optimiser


def check_finite(caller: str, params: Iterable[Any], grads: Iterable[Any]) -> None:
    """Raise an AnomalyError that names the first parameter whose gradient is not finite."""
    for parameter, grad in zip(params, grads, strict=True):
        if grad is not None and not all_finite(grad):
            fault = f"the gradient of {parameter._name} is not finite; nothing was changed"
            raise AnomalyError(f"{caller}: {fault}. ag.tree(loss) shows where")


def fitted(caller: str, parameter: Any, grad: Any) -> Any:
    """Return a gradient, which may have been set by hand, in the form of its parameter's data."""
    try:
        return KINDS[type(parameter)].fitted(parameter, grad, f"{caller}: a gradient")
    except DTypeError as error:
        raise noted(error, f"{caller}: .grad of {parameter._name} was set by hand") from None


class Block:
    """Parameters of one kind and dtype, with a row of `state` for each slot; `places` are their places in the optimiser's list."""

    def __init__(self, places: Sequence[int], params: Sequence[Any], slots: Sequence[str]) -> None:
        self.places, self.params, self.slots = list(places), [params[i] for i in places], slots
        self.shapes, self.dtype = [p.shape for p in self.params], self.params[0].dtype
        self.values = type(self.params[0]) is Value
        ends = np.cumsum([0, *(p.size for p in self.params)]).tolist()
        self.ranges = list(starmap(slice, pairwise(ends)))
        self.state = np.zeros((len(slots), ends[-1]), self.dtype)
        self.counts = array("d", [0] * len(self.params))  # steps that each parameter has taken
        self.large = len(self.params) == 1 and ends[-1] > PIECE
        self.room = np.empty((3 + len(slots), PIECE if self.large else ends[-1]), self.dtype)
        self._divide()

    def _divide(self) -> None:
        """Make the views of the room that a step of all parameters needs."""
        self.buffers = self._buffers(self.room.shape[1])
        parts = () if self.large else zip(self.ranges, self.shapes, strict=True)
        self.changes = [self.buffers[0][part].reshape(shape) for part, shape in parts]

    def _buffers(self, size: int) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Room for a change, for other results and for a gradient; and for the new state, as a whole and by slots."""
        change, spare, grad = self.room[:3, :size]
        state = self.room[3:, :size]
        return change, spare, grad, state, dict(zip(self.slots, state, strict=True))

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._divide()  # the views that were copied are arrays of their own

    def works(self, optimizer: Any, grads: Sequence[Any], complete: bool) -> list[Work]:
        """Return the works of a step with these gradients; unless `complete`, some are None. AnomalyError where one is not finite."""
        counts, grad = self.counts, self.buffers[2]
        if not complete or self.large or counts.count(counts[0]) < len(counts):
            check_finite("step()", self.params, grads)
            reached = [i for i, grad in enumerate(grads) if grad is not None]
            return [work for i in reached for work in self._pieces(optimizer, i, np.reshape(grads[i], -1))]
        if self.values:
            grad[:] = grads
        else:
            np.concatenate(grads, None, grad)
        if not math.isfinite(np.vdot(grad, grad)):  # quick, but large squares overflow
            check_finite("step()", self.params, grads)
        return [self._all]

    def _all(self, optimizer: Any) -> list[Write]:
        """Step all parameters as one vector."""
        params, (change, spare, grad, state, named) = self.params, self.buffers
        count = int(self.counts[0]) + 1
        data = [parameter.data for parameter in params]
        vector = None
        if optimizer.reads_data:
            vector = np.array(data) if self.values else np.concatenate(data, None)
        if named:
            state[...] = self.state
        factor, direction = optimizer.update(grad, vector, named, change, spare, count)
        np.multiply(direction, factor, change)
        if self.values:
            new = [x - step for x, step in zip(data, change.tolist(), strict=True)]
            change_data = map(setattr, params, repeat("_content"), new)
        else:
            change_data = map(np.subtract, data, self.changes, data)
        counts = array("d", [count]) * len(params)
        writes: list[Write] = [(deque, change_data, 0), (setitem, self.counts, slice(None), counts)]
        return [*writes, (setitem, self.state, ..., state)] if named else writes

    def _pieces(self, optimizer: Any, i: int, grad: Any) -> Iterator[Work]:
        """Step one parameter, in pieces that stay in the cache during all passes."""
        size = self.params[i].size
        piece = PIECE if optimizer.uses_buffers or not find_spec("scipy") else size
        count = int(self.counts[i]) + 1
        for start in range(0, size or 1, piece or 1):
            yield partial(self._piece, i, grad, slice(start, min(start + piece, size)), count)

    def _piece(self, i: int, grad: Any, part: slice, count: int, optimizer: Any) -> list[Write]:
        """Step one piece of a parameter."""
        parameter, first, n = self.params[i], self.ranges[i].start, part.stop - part.start
        data, held = np.reshape(parameter.data, -1)[part], slice(first + part.start, first + part.stop)
        change, spare, _, state, named = self._buffers(n)
        if named:
            state[...] = self.state[:, held]
        factor, direction = optimizer.update(grad[part], data, named, change, spare, count)
        write: Write
        if self.values:
            write = (setattr, parameter, "_content", float(data[0] - direction[0] * factor))
        elif not parameter.data.flags.c_contiguous:  # `data` is a copy
            write = (setitem, parameter.data.flat, part, data - direction * factor)
        elif n >= 4096 and find_spec("scipy"):
            write = (_axpy(self.dtype, factor), direction, data)
        else:
            write = (np.subtract, data, np.multiply(direction, factor, out=change), data)
        writes = [write, (setitem, self.state, (slice(None), held), state)] if named else [write]
        return [*writes, (setitem, self.counts, i, count)] if part.stop == parameter.size else writes


def _axpy(dtype: np.dtype[Any], factor: float) -> Any:
    """BLAS's (x, y) → y −= factor · x, one pass over the memory; x and y must be contiguous."""
    from scipy.linalg import blas

    return partial(blas.daxpy if dtype == np.float64 else blas.saxpy, a=-factor)
