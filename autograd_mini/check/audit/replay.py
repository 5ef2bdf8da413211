"""The recorded program run again: on ag.Tensor for the adjoints, and on other numbers for what would have come out.

The first half is the audit's only contact with the engine.
"""

from collections import ChainMap, Counter
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ... import array_functions
from ...core import functions as ag
from ...core.node import apply
from ...core.op import Op
from ...core.tensor import Tensor
from ...support.modes import enable_grad
from . import record as rec
from .record import Step

MOST_ELEMENTS = 3000  # of an operand whose derivative is taken by differences, where the engine has no rule
DISTANCE = 1e-3  # of these differences


def filled(args: Any, values: Mapping[int, Any]) -> Any:
    """The arguments with values in the place of steps."""
    if type(args) is Step:
        return values.get(args.id, args.value)
    if isinstance(args, list | tuple):
        return type(args)([filled(x, values) for x in args])
    return {key: filled(x, values) for key, x in args.items()} if type(args) is dict else args


def put(root: Any, places: Any, value: Any) -> Any:
    """The recorder's `put` on Tensors."""
    return ag.reshape(ag.index_update(ag.reshape(root, -1), places, value), np.shape(root))


def nested(parts: Any, *_: Any, **__: Any) -> Any:
    """Nested lists as one array."""
    return ag.stack([nested(part) for part in parts]) if isinstance(parts, list | tuple) else parts


def at_kink(better: Any, side: int) -> Callable[..., Any]:
    """np.maximum or np.minimum that takes, of two equal values, the one that moves or the one that does not."""

    def choose(x: Any, y: Any, **_: Any) -> Any:
        first, second = (v.data if isinstance(v, Tensor) else np.asarray(v) for v in (x, y))
        ties = first == second if isinstance(x, Tensor) == bool(side) else False
        return ag.where(better(first, second) | ties, x, y)

    return choose


TENSORS: dict[Any, Any] = {  # what has another form on Tensors
    rec.put: put,
    rec.nested: nested,
    rec.c_: lambda parts: array_functions.c_[parts],
    rec.r_: lambda parts: array_functions.r_[parts],
}
KINKS = [{np.maximum: at_kink(np.greater, side), np.minimum: at_kink(np.less, side)} for side in (0, 1)]
READINGS = [{}, *KINKS, {}]  # as recorded; with either convention at a kink; and the last
BARE = 3  # without the small number that keeps a logarithm finite, as people derive it
LOGARITHMS = (np.log, np.log2, np.log10)
SMALL = 1e-4  # below which a number added inside a logarithm is such a one


def unguarded(step: Step) -> Step | None:
    """What a logarithm is taken of, without the small number that is added to it; None where there is none."""
    inner = step.parents[0] if step.func in LOGARITHMS and step.parents else step
    if inner is step or inner.func is not np.add:
        return None
    numbers = [np.asarray(getattr(x, "value", x)) for x in inner.args[:2]]
    for x, n in zip(inner.args, numbers[::-1], strict=False):
        if isinstance(x, Step) and n.size == 1 and 0 < n.item() < SMALL:
            return x
    return None


def by_differences(step: Step, tensors: Mapping[int, Any]) -> Any:
    """An operation without a rule: its derivative by central differences of the fourth order."""
    moving = {p.id: tensors[p.id] for p in step.parents if isinstance(tensors.get(p.id), Tensor)}
    if not moving or any(t.data.size > MOST_ELEMENTS for t in moving.values()):
        raise NotImplementedError

    def forward(xp: Any, *xs: Any) -> Any:
        return np.asarray(again(step, dict(zip(moving, xs, strict=True))), float)

    def vjp(number: int) -> Any:
        def rule(xp: Any, g: Any, out: Any, *xs: Any) -> Any:
            x, share = np.array(xs[number], float), np.zeros(np.shape(xs[number]))
            for i in np.ndindex(x.shape):
                for k, weight in ((1, 8), (-1, -8), (2, -1), (-2, 1)):
                    moved = x.copy()
                    moved[i] += k * DISTANCE
                    share[i] += weight * np.sum(g * forward(xp, *xs[:number], moved, *xs[number + 1 :]))
            return share / (12 * DISTANCE)

        return rule

    return apply(Op(step.name, forward, tuple(map(vjp, range(len(moving))))), *moving.values())


def near(a: Any, b: Any) -> bool:
    """Whether two values of one shape are the same but for float32's rounding."""
    if np.all(np.abs(a - b) <= 1e-9 + 1e-4 * np.abs(b)):
        return True
    return bool(np.allclose(a, b, 1e-4, 1e-9, equal_nan=True))


class Forward:
    """The forward pass of one step of the training on Tensors, from the parameters as they stood.

    A value that several operations read is read by each through a share of its own, so that the derivatives by the shares
    are known too: their keys are the reader's number, the value's, and its place among the reader's operands.
    """

    def __init__(self, starts: list[Step], reading: int = 0) -> None:
        self.starts, self.bare = starts, reading == BARE
        self.forms = TENSORS | READINGS[reading]
        self.tensors: dict[int, Any] = {s.id: Tensor(np.asarray(s.value, float)) for s in starts}
        self.shares: dict[Any, Tensor] = {}

    def at(self, wanted: list[Step], sig: dict[int, int]) -> list[Any]:
        """The Tensors of these values; `sig` says which values depend on the parameters."""
        order: dict[int, Step] = {}
        todo = [s for s in wanted if s.id in sig]
        while todo:
            step = todo.pop()
            if step.id not in order and step.id not in self.tensors:
                order[step.id] = step
                todo += [p for p in step.parents if p.id in sig]
        readers = Counter(p.id for s in order.values() for p in s.parents)
        several = {n for n, count in readers.items() if count > 1 and n in sig}
        with enable_grad(), np.errstate(all="ignore"):
            for _, step in sorted(order.items()):
                shared = [p for p in step.parents if p.id in several and step.parents.count(p) == 1]
                self.tensors[step.id] = self.made(step, shared)
        return [self.tensors.get(s.id, s.value) for s in wanted]

    def made(self, step: Step, shared: list[Step]) -> Any:
        """One value on Tensors; where that fails, or differs from what was recorded, a constant."""
        shape = np.shape(step.value)
        if np.asarray(step.value).dtype.kind != "f":
            return step.value
        here: Mapping[int, Any] = self.tensors
        inner = unguarded(step) if self.bare else None
        if inner is not None and near(np.log(inner.value), np.log(step.parents[0].value)):
            here = ChainMap({step.parents[0].id: self.tensors[inner.id]}, self.tensors)
        for p in shared:
            if isinstance(self.tensors[p.id], Tensor):
                here = ChainMap({}, self.tensors) if here is self.tensors else here
                share = self.shares[step.id, p.id, step.parents.index(p)] = self.tensors[p.id] * 1.0
                here[p.id] = share  # type: ignore[index]
        try:
            try:
                func = self.forms.get(step.func, step.func)
                out = func(*filled(step.args, here), **filled(step.kwargs, here))
            except (Exception, RecursionError):
                out = by_differences(step, here)
        except Exception:
            return step.value
        if not isinstance(out, Tensor) or out.data.size != np.size(step.value):
            return step.value
        out = out if out.shape == shape else ag.reshape(out, shape)
        return out if near(out.data, step.value) else step.value

    def adjoints(self, loss: Any) -> dict[Any, Any]:
        """The derivative of the loss by every value of the forward pass."""
        if not isinstance(loss, Tensor) or not loss.requires_grad:
            return {}
        with np.errstate(all="ignore"):
            ag.sum(loss).backward()
        nodes = {key: t for key, t in (self.tensors | self.shares).items() if isinstance(t, Tensor)}
        unread = {s.id: np.zeros(np.shape(s.value)) for s in self.starts}
        return unread | {key: np.asarray(t.grad, float) for key, t in nodes.items() if t.grad is not None}


# ---- The person's own program on other numbers -----------------------------------------------------------------------


def again(step: Step, values: Mapping[int, Any]) -> Any:
    """The step's value where some of its operands have other values."""
    if step.func is None:
        return step.value
    out = step.func(*filled(step.args, values), **filled(step.kwargs, values))
    shape = getattr(step.value, "shape", ())
    if getattr(out, "shape", None) == shape or np.size(out) != np.size(step.value):
        return out
    return np.reshape(out, shape)


def run_again(
    order: list[Step], changed: dict[int, Any], anew: frozenset[int] = frozenset()
) -> dict[int, Any] | None:
    """The values that differ once some are replaced and some computed anew, or None where that cannot be computed."""
    values, lowest = dict(changed), min((*changed, *anew), default=0)
    try:
        with np.errstate(all="ignore"):
            for step in order:
                if step.id < lowest or step.id in changed:
                    continue
                for parent in step.parents:
                    if parent.id in values or step.id in anew:
                        values[step.id] = again(step, values)
                        break
    except Exception:
        return None
    return values
