"""Forward, backward and update of a model as one replayed program: what `fit` and `compile_step` run in place of the engine."""

from collections.abc import Callable, Iterator, Sequence
from copy import copy, deepcopy
from typing import Any
from weakref import ref

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from ..core import functions, rows
from ..core.node import Node, made, plain
from ..core.readings import ARRAYS
from ..core.tensor import to_value
from ..errors import CompileError
from ..support.containers import rebuild
from ..support.modes import no_grad, recorder
from .bindings import Binding, in_dict
from .function import CONTENT, MOST, Raised, Version, check_ranges, is_plain, key_of, record

REPLAYED = "recorded once and replayed"


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

    It is made where the optimiser is one of ours, and its parameters are Tensors. Large ones, which have no vector, must be moved by
    their gradients themselves, and those be products: BLAS adds these then.
    """

    def __init__(self, optimizer: Any) -> None:
        self.optimizer, kind = optimizer, type(optimizer)
        is_ours = kind.__module__ == f"{__package__.rpartition('.')[0]}.optim.optimizers"
        blocks = optimizer.blocks if is_ours and not {"step", "update"} & {*vars(optimizer)} else []
        self.blocks = blocks if not any(block.values for block in blocks) else []
        # The memory of each block, as leaves: a row for each slot, and the counts
        memory = [[*block.state, np.frombuffer(block.counts)] for block in self.blocks]
        self.leaves = [[made(ARRAYS, x, None, (), True) for x in some] for some in memory]

    def is_possible(self) -> bool:
        """Whether all parameters of a block have taken as many steps."""
        counts = [block.counts for block in self.blocks]
        return bool(counts) and all(some.count(some[0]) == len(some) for some in counts)

    def __call__(self, lr: Any, loss: Any) -> bool:
        """Change parameters and memory, which the trace notes; False, and nothing is changed, where the optimiser itself must do it.

        NotFinite where the engine has to look.
        """
        if any(parameter.grad is None for parameter in self.optimizer.params):
            return False
        trace: Any = recorder()
        twin, changes, total = copy(self.optimizer), list[tuple[Any, Any]](), loss
        twin._lr = Cell(lr)
        with no_grad():
            for block, (*state, counts) in zip(self.blocks, self.leaves, strict=True):
                grads, cells = [parameter.grad for parameter in block.params], [*map(Cell, state)]
                grad, data = Cell(_flat(grads)), Cell(_flat(block.params)) if twin.reads_data else None
                named, count = dict(zip(block.slots, cells, strict=True)), Cell(to_value(counts, 0) + 1.0)
                factor, direction = twin.update(grad, data, named, Cell(), Cell(), count)
                if not block.large:
                    total = total + grad.node @ grad.node
                    change = (direction * factor).node
                    pairs = zip(block.ranges, block.shapes, strict=True)
                    parts = [change[part].reshape(shape) for part, shape in pairs]
                elif direction is grad and grads[0].op.name == "matmul" and not twin.bounds:
                    # No number of a product is larger than the root of this
                    left, right = map(_unturned, grads[0].parents)
                    total = total + (left @ left) * (right @ right)
                    parts = [(factor * Cell(grads[0])).node]
                else:
                    self.blocks = []
                    return False
                for parameter, part in zip(block.params, parts, strict=True):
                    new = parameter - part
                    changes.append((parameter, np.clip(new, *twin.bounds) if twin.bounds else new))
                new = [*(cell.node for cell in cells), counts + 1.0]
                changes += [
                    pair for pair in zip([*state, counts], new, strict=True) if pair[0] is not pair[1]
                ]
            if not rows.isfinite(total):
                raise NotFinite
            for leaf, new in changes:
                trace.changed(leaf, new)
        return True


def _unturned(x: Any) -> Any:
    """All numbers of a matrix, in any order."""
    x = x.parents[0] if x.op is not None and x.op.name == "swapaxes" else x
    return x.reshape(-1)


def _flat(nodes: Sequence[Any]) -> Any:
    return functions.concatenate([node.reshape(-1) for node in nodes])


# ---- The step ---------------------------------------------------------------------------------------------------------


class Step:
    """A step of training that is recorded and replayed.

    `replay(batch)` takes it, as the optimiser's own step does; where the update is no part of the program, `gradients(batch)` sets
    every `.grad`, and the optimiser takes the step. Both give the loss as a number and the prediction as an array. A version is
    recorded for each shape, and whenever what the model is made of, or an optimiser's setting, is another. Arguments: `params`, whose
    gradients are forgotten before; `with_prediction`, whether the prediction is wanted; `has_update`, whether the update may be part
    of it; `is_exact`, whether every bit must be the engine's; `why_not`, called for each recording, says why there is to be none, or "".
    """

    def __init__(
        self, model: Any, loss: Callable[..., Any], params: Sequence[Any], optimizer: Any, *,
        with_prediction: bool = False, has_update: bool = True, is_exact: bool = False,
        why_not: Callable[[], str] = str,
    ) -> None:  # fmt: skip
        self.model, self.loss, self.params, self.optimizer = model, loss, params, optimizer
        self.with_prediction, self.is_exact, self.why_not = with_prediction, is_exact, why_not
        self.update = _Update(optimizer) if has_update else None
        self.versions: dict[Any, list[Version]] = {}
        self.reason, self.ran = "", ""  # why nothing more is recorded; what runs, in words
        self.latest: Version | None = None  # the version by which the last step was replayed
        self.is_whole = False  # whether the update was part of what was recorded last
        self.is_apart = False  # whether the optimiser takes its step itself, as a program's has other bits
        # A version that must first be found to take the engine's step, what it makes of the batch, and what the engine does
        self.pending: list[Any] = []

    def step(self, lr: Any, *batch: Any) -> tuple[Any, Any]:
        """What is recorded: the loss and the prediction, with all gradients set, and the update where that may be part of it."""
        for parameter in self.params:
            parameter.zero_grad()
        prediction = self.model(batch[0])
        loss = self.loss(prediction, *batch[1:])
        loss.backward()
        self.is_whole = recorder() is not None and self.has_update() and self.update(lr, loss)  # type: ignore[misc]
        return loss, prediction if self.with_prediction else None

    def fitting(self, batch: Any, leaves: list[Any]) -> list[Version]:
        """The versions for such a batch; the rate and its arrays go into `leaves`."""
        leaves.append(self.optimizer.lr)
        return self.versions.setdefault(key_of(batch, leaves), [])

    def has_update(self) -> bool:
        """Whether the update may be part of what runs now."""
        return bool(self.update and not self.is_apart and self.update.is_possible())

    def replay(self, batch: Any, has_update: bool = True) -> tuple[Any, Any] | None:
        """Take the step; (loss, prediction), or None, and nothing was done, where no version fits."""
        self.latest = None
        if has_update and not self.has_update():
            return None
        leaves: list[Any] = []
        for version in self.fitting(batch, leaves):
            try:
                found = version.replay(leaves) if version.is_whole is has_update else None
            except Raised:
                return None
            if found is not None:
                self.latest = version
                if has_update:
                    params = self.optimizer.params
                    self.optimizer._stepped = [ref(params[0].grad), ref(params[-1].grad)]
                return found[0]  # type: ignore[no-any-return]
        return None

    def lean(self, data: Sequence[Any]) -> Callable[..., Any] | None:
        """The step that was replayed last as a function of other batches of its shape, of these data; None where there is none.

        It sets no `.grad`, and asks for nothing that others may change, but for the rate. It gives None where it has done nothing.
        """
        version, optimizer = self.latest, self.optimizer
        if not (version and version.is_whole and all(map(is_plain, data))):
            return None
        if any(is_more for _, is_more in version.grads):
            return None
        rest = *version.read(()), *version.lean
        try:
            check_ranges(version.ranges, [optimizer.lr, *data, *rest])
        except IndexError:
            return None

        def step(*batch: Any) -> Any:
            try:
                found = version.computed([optimizer.lr, *batch, *rest])
            except (ArithmeticError, ValueError, Raised):
                return None
            return version.result(found[0]) if found else None

        return step

    def gradients(self, batch: Any) -> tuple[Any, Any]:
        """Set all gradients; (loss, prediction). Where no version fits, the engine does it, and one is recorded if that can be."""
        found, self.pending = self.replay(batch, has_update=False), []
        if found is None:
            if not self.reason:
                self.record(batch)
            found = rebuild(self.step(None, *batch), plain)
            self.pending.append(found)
        return found

    def record(self, batch: Any) -> None:
        """Make a version for this batch `.pending`; where there are too many, give the `.reason`."""
        if why := self.why_not():
            raise CompileError(why)
        leaves: list[Any] = []
        versions = self.fitting(batch, leaves)
        versions[:] = [one for one in versions if one.is_current()]
        if len(versions) >= MOST:
            self.reason = "it took too many different ways through its branches"
            return
        readers = [] if self.is_exact else [self.model, self.loss]  # what is exact reads nothing by name
        held, ours = [*made_of(self.model, self.optimizer)], None
        try:
            version = record(
                self.step, [leaves[0], *batch], {}, not self.is_exact, readers, held, is_kept=True
            )
        except NotFinite:
            return
        version.is_whole = self.is_whole
        if self.is_exact:
            inputs = [np.array(x) if isinstance(x, np.ndarray) else x for x in version.read(leaves)]
            if found := version.computed(inputs):
                ours = version.result(found[0]), [*version.gradients(found[1])], version.written(inputs)
        self.pending = [versions, version, ours]

    def settle(self, batch: Any = None) -> None:
        """The engine's step has been taken: the version of it serves from now on. CompileError where that has other bits."""
        if len(self.pending) < 4:  # nothing was recorded
            return
        (versions, version, ours, found), self.pending = self.pending, []
        theirs = found, [leaf.grad for leaf, _ in version.grads], [*map(CONTENT, version.changed)]
        if not self.is_exact or _is_same(ours, theirs):
            versions.append(version)
            what = "forward, backward and update" if version.is_whole else "forward and backward"
            self.ran = f"{version.engine}: {what}, {REPLAYED}"
        elif version.is_whole:
            self.is_apart = True
        else:
            raise CompileError("the program's numbers differ from the engine's in the last place")


def made_of(model: Any, optimizer: Any) -> Iterator[Binding]:
    """What a model and an optimiser are made of: all that its parts hold, what is frozen, the modes of training, and the settings."""
    for place, path, was in in_dict(vars(optimizer), ("bounds", *optimizer.names)):
        yield place, path, deepcopy(was)
    for _, part in parts_of(model):
        inside = _inside(part)
        pairs = inside.items() if isinstance(inside, dict) else enumerate(inside)
        yield inside, ".__len__()", len(inside)
        yield from ((inside, f"[{name!r}]", x) for name, x in pairs)
        if isinstance(part, Node):
            yield part, ".requires_grad", part.requires_grad


def _is_same(x: Any, y: Any) -> bool:
    """Whether both hold the same bits, of one dtype and shape."""
    if isinstance(x, tuple | list):
        return isinstance(y, tuple | list) and len(x) == len(y) and all(map(_is_same, x, y))
    if x is None or y is None:
        return x is y
    x, y = np.asarray(x), np.asarray(y)
    return bool(x.dtype == y.dtype and x.shape == y.shape and x.tobytes() == y.tobytes())
