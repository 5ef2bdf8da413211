"""Forward, backward and update of a model as one replayed program: what `fit` and `compile_step` run in place of the engine."""

from collections.abc import Callable, Iterator, Sequence
from copy import copy, deepcopy
from functools import partial
from itertools import chain
from math import inf
from operator import attrgetter, is_
from typing import Any
from weakref import ref

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from ..core import functions
from ..core.node import Node, made
from ..core.readings import ARRAYS
from ..core.tensor import to_value
from ..errors import CompileError
from ..support.containers import rebuild
from ..support.modes import no_grad, recorder
from .function import CONTENT, MOST, Raised, Version, key_of, record

FROZEN = attrgetter("requires_grad")
REPLAYED = "recorded once and replayed"
MOST_SHAPES = 32  # kinds of batches of which versions are kept


def parts_of(model: Any) -> Iterator[tuple[str, Any]]:
    """Yield the path and what stands there, of all that a model is made of: Modules, parameters, and the numbers and names beside."""
    stack: list[tuple[str, Any]] = [("model", model)]
    seen: set[int] = set()
    while stack:
        path, part = stack.pop()
        yield path, part
        if id(part) not in seen:
            seen.add(id(part))
            inner = _inside(part)
            pairs = inner.items() if isinstance(inner, dict) else enumerate(inner)
            stack += [(f"{path}.{name}", x) for name, x in pairs]


def _inside(part: Any) -> Any:
    """What a part holds, as a dict, list or tuple."""
    is_module = hasattr(part, "named_parameters")
    return vars(part) if is_module else part if isinstance(part, dict | list | tuple) else ()


# ---- The update -------------------------------------------------------------------------------------------------------


class Cell(NDArrayOperatorsMixin):
    """An array or number of which a node tells how it is made: an optimiser's rule reads it, and writes into it, as into an array."""

    def __init__(self, node: Any = None) -> None:
        self.node = node

    def __array_ufunc__(self, ufunc: Any, method: str, *operands: Any, out: Any = ()) -> Any:
        target = out[0] if out else Cell()
        target.node = ufunc(*(x.node if isinstance(x, Cell) else x for x in operands))
        return target

    def __bool__(self) -> bool:
        return bool(self.node)


class NotFinite(ArithmeticError):
    """Nothing is written where a gradient or the loss is not finite: the engine's step tells."""


class _Update:
    """An optimiser's step as a part of what is recorded: by its own rule, on nodes, in the vectors in which it computes itself.

    It is made where the optimiser is one of ours, and its parameters are Tensors that are stepped as vectors, and not in pieces.
    """

    def __init__(self, optimizer: Any) -> None:
        self.optimizer, kind = optimizer, type(optimizer)
        is_ours = kind.__module__ == f"{__package__.rpartition('.')[0]}.optim.optimizers"
        blocks = optimizer.blocks if is_ours and not {"step", "update"} & {*vars(optimizer)} else []
        self.blocks = blocks if not any(block.large or block.values for block in blocks) else []
        self.settings = partial(attrgetter("bounds", *optimizer.names), optimizer)
        # The memory of each block, as leaves: a row for each slot, and the counts
        memory = [[*block.state, np.frombuffer(block.counts)] for block in self.blocks]
        self.leaves = [[made(ARRAYS, x, None, (), True) for x in some] for some in memory]

    def is_possible(self) -> bool:
        """Whether all parameters of a block have taken as many steps."""
        counts = [block.counts for block in self.blocks]
        return bool(counts) and all(some.count(some[0]) == len(some) for some in counts)

    def __call__(self, lr: Any, loss: Any) -> bool:
        """Change parameters and memory, which the trace notes; False, and nothing is changed, where some have no gradient.

        NotFinite where the engine has to look.
        """
        if any(parameter.grad is None for parameter in self.optimizer.params):
            return False
        trace: Any = recorder()
        twin = copy(self.optimizer)
        twin._lr = Cell(lr)
        grads = [_flat([parameter.grad for parameter in block.params]) for block in self.blocks]
        if not abs(loss) < inf or any(not g @ g < inf for g in grads):
            raise NotFinite
        with no_grad():
            for block, grad, (*state, counts) in zip(self.blocks, grads, self.leaves, strict=True):
                cells = [*map(Cell, state)]
                data = Cell(_flat(block.params)) if twin.reads_data else None
                named, count = dict(zip(block.slots, cells, strict=True)), Cell(to_value(counts, 0) + 1.0)
                factor, direction = twin.update(Cell(grad), data, named, Cell(), Cell(), count)
                change = (direction * factor).node
                for parameter, part, shape in zip(block.params, block.ranges, block.shapes, strict=True):
                    parameter -= change[part].reshape(shape)  # noqa: PLW2901
                    if twin.bounds:
                        trace.changed(parameter, np.clip(parameter, *twin.bounds))
                for leaf, cell in zip(state, cells, strict=True):
                    if cell.node is not leaf:
                        trace.changed(leaf, cell.node)
                trace.changed(counts, counts + 1.0)
        return True


def _flat(nodes: Sequence[Any]) -> Any:
    return functions.concatenate([node.reshape(-1) for node in nodes])


# ---- The step ---------------------------------------------------------------------------------------------------------


class _Made:
    """What a model and an optimiser were made of when something was recorded; they are the same as long as all that they hold is."""

    def __init__(self, model: Any, settings: Callable[[], Any]) -> None:
        parts = [part for _, part in parts_of(model)]
        self.parts = parts  # held, so that nothing else comes to their places in memory
        holders = [found for part in parts if (found := _inside(part))]
        self.views = [*(found.values() if isinstance(found, dict) else found for found in holders), (_Made,)]
        self.held = [*chain.from_iterable(self.views)]
        self.leaves = [part for part in parts if isinstance(part, Node)]
        self.frozen = [*map(FROZEN, self.leaves)]
        self.settings, self.set = settings, deepcopy(settings())
        self.versions: dict[Any, list[Version]] = {}

    def is_current(self) -> bool:
        """Whether that is so now; the modes of training, and what is frozen, are among it."""
        return (
            all(map(is_, chain.from_iterable(self.views), self.held))
            and [*map(FROZEN, self.leaves)] == self.frozen
            and self.settings() == self.set
        )


class _Recorded:
    """What is recorded: the loss and the prediction, with all gradients set, and the update where there is one."""

    # No dict, in which names would be looked for
    __slots__ = ("is_whole", "loss", "model", "params", "update", "with_prediction")

    def __init__(self, model: Any, loss: Any, params: Sequence[Any], with_prediction: bool) -> None:
        self.model, self.loss, self.params, self.with_prediction = model, loss, params, with_prediction
        self.update: Any = None
        self.is_whole = False  # whether the update was part of it

    def __call__(self, lr: Any, *batch: Any) -> tuple[Any, Any]:
        for parameter in self.params:
            parameter.zero_grad()
        prediction = self.model(batch[0])
        loss = self.loss(prediction, *batch[1:])
        loss.backward()
        self.is_whole = self.update is not None and self.update(lr, loss)
        return loss, prediction if self.with_prediction else None


class Step:
    """A step of training that is recorded and replayed.

    `replay(batch)` takes it, as the optimiser's own step does; where the update is no part of the program, `gradients(batch)` sets
    every `.grad`, and the optimiser takes the step. Both give the loss as a number and the prediction as an array. A version is
    recorded for each shape, each choice of frozen parameters, and whatever else the model is made of. Arguments: `params`, whose
    gradients are forgotten before; `with_prediction`, whether the prediction is wanted; `has_update`, whether the update may be part
    of it; `is_exact`, whether every bit must be the engine's; `why_not`, called for each new making of the model, says why nothing is
    to be recorded, or "".
    """

    def __init__(
        self, model: Any, loss: Callable[..., Any], params: Sequence[Any], optimizer: Any, *,
        with_prediction: bool = False, has_update: bool = True, is_exact: bool = False,
        why_not: Callable[[], str] = str,
    ) -> None:  # fmt: skip
        self.model, self.loss, self.optimizer = model, loss, optimizer
        self.is_exact, self.why_not, self.reason = is_exact, why_not, ""  # why nothing more is recorded
        self.recorded = _Recorded(model, loss, params, with_prediction)
        self.update = _Update(optimizer) if has_update else None
        self.has_run, self.ran = False, ""  # what runs, in words
        # A version that must first be found to take the engine's step, and what it makes of the batch
        self.pending: Any = None
        self.made = self.remade()

    def remade(self) -> _Made:
        return _Made(self.model, self.update.settings if self.update else str)

    def versions(self, batch: Any, leaves: list[Any]) -> list[Version]:
        """The versions for such a batch; the rate and its arrays go into `leaves`."""
        if not self.made.is_current():
            self.made = self.remade()
            if why := self.why_not():
                raise CompileError(why)
        leaves.append(self.optimizer.lr)
        return self.made.versions.setdefault(key_of(batch, leaves), [])

    def replay(self, batch: Any, has_update: bool = True) -> tuple[Any, Any] | None:
        """Take the step; (loss, prediction), or None, and nothing was done, where no version fits."""
        if has_update and not (self.update and self.update.is_possible()):
            return None
        leaves: list[Any] = []
        for version in self.versions(batch, leaves):
            try:
                found = version.replay(leaves) if version.is_whole is has_update else None
            except Raised:
                return None
            if found is not None:
                self.has_run = True
                if has_update:
                    params = self.optimizer.params
                    self.optimizer._stepped = [ref(params[0].grad), ref(params[-1].grad)]
                return found[0]  # type: ignore[no-any-return]
        return None

    def gradients(self, batch: Any) -> tuple[Any, Any]:
        """Set all gradients; (loss, prediction). Where no version fits, the engine does it, and one is recorded if that can be."""
        found = self.replay(batch, has_update=False)
        if found is None:
            self.pending = None if self.reason else self.record(batch)
            found = rebuild(self.recorded(None, *batch), lambda x: x.data if isinstance(x, Node) else x)
            if self.pending:
                self.pending += (found,)
        return found

    def record(self, batch: Any) -> Any:
        """A new version for this batch, and where it must be exact what it makes of it; None, with `.reason`, where there are too many."""
        leaves: list[Any] = []
        versions = self.versions(batch, leaves)
        versions[:] = [one for one in versions if one.is_current()]
        if len(versions) >= MOST or sum(map(len, self.made.versions.values())) >= MOST_SHAPES:
            self.reason = "it took too many different ways through its branches, or met too many shapes"
            return None
        beside = () if self.is_exact else (self.model, self.loss)  # what is exact reads nothing by name
        self.recorded.update = self.update if self.update and self.update.is_possible() else None
        try:
            version = record(self.recorded, [leaves[0], *batch], {}, not self.is_exact, beside, is_kept=True)
        except NotFinite:
            return None
        finally:
            self.recorded.update = None
        version.is_whole = self.recorded.is_whole
        if not self.is_exact:
            return versions, version, [], None
        inputs = [np.array(x) if isinstance(x, np.ndarray) else x for x in version.read(leaves)]
        ours = version.computed(inputs)
        return versions, version, inputs, ours and (version.result(ours[0]), [*version.gradients(ours[1])])

    def settle(self, batch: Any = None) -> None:
        """The engine's step has been taken: the version of it serves from now on. CompileError where that has other bits."""
        if self.pending is not None:
            (versions, version, inputs, ours, found), self.pending = self.pending, None
            theirs = found, [leaf.grad for leaf, _ in version.grads], [*map(CONTENT, version.changed)]
            if self.is_exact and not (ours and _is_same((*ours, version.written(inputs)), theirs)):
                raise CompileError("the program's numbers differ from the engine's in the last place")
            versions.append(version)
            what = "forward, backward and update" if version.is_whole else "forward and backward"
            self.ran = f"{version.engine}: {what}, {REPLAYED}"


def _is_same(x: Any, y: Any) -> bool:
    """Whether both hold the same bits, of one dtype and shape."""
    if isinstance(x, tuple | list):
        return isinstance(y, tuple | list) and len(x) == len(y) and all(map(_is_same, x, y))
    if x is None or y is None:
        return x is y
    x, y = np.asarray(x), np.asarray(y)
    return bool(x.dtype == y.dtype and x.shape == y.shape and x.tobytes() == y.tobytes())
