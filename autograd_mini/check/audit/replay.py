"""The recorded program run again: on ag.Tensor for the adjoints, and on other numbers for what would have come out.

The first half is the audit's only contact with the engine.
"""

from collections import ChainMap, Counter
from typing import Any

import numpy as np

from ...core import functions as ag
from ...core.node import apply
from ...core.op import Op
from ...core.tensor import Tensor
from ...support.modes import enable_grad
from . import record as rec
from .record import Step

MOST_ELEMENTS = 3000  # of an operand whose derivative is taken by differences, where the engine has no rule
REDUCES = {
    np.add.reduce: np.sum,
    np.maximum.reduce: np.max,
    np.minimum.reduce: np.min,
    np.multiply.reduce: np.prod,
}


def filled(args: Any, values: dict[int, Any]) -> Any:
    """The arguments with values in the place of steps."""
    if type(args) is Step:
        return values.get(args.id, args.value)
    if isinstance(args, list | tuple):
        return type(args)([filled(x, values) for x in args])
    return args


def tensor_of(step: Step, args: Any, kwargs: Any, kink: int | None) -> Any:
    """The step's operation on Tensors."""
    func = REDUCES.get(step.func, step.func)
    if func is rec.identity:
        return args[0]
    if func is rec.gather:
        return args[0].reshape(-1)[args[1]]
    if func is rec.put:
        return put_tensor(*args)
    if func is rec.nested:
        return stacked(args[0])
    if func in (rec.c_, rec.r_):
        return joined(args[0], func is rec.c_)
    if kink is not None and func in (np.maximum, np.minimum):
        x, y = args[:2]
        raw_x, raw_y = (v.data if isinstance(v, Tensor) else np.asarray(v) for v in (x, y))
        first = raw_x > raw_y if func is np.maximum else raw_x < raw_y
        moving = isinstance(x, Tensor) == bool(kink)
        return ag.where(first | (raw_x == raw_y) if moving else first, x, y)
    return func(*args, **kwargs)


def put_tensor(root: Any, places: Any, value: Any) -> Any:
    """`put` as a gather from the root and the value laid one after the other."""
    shape, size = (
        np.shape(root.data if isinstance(root, Tensor) else root),
        np.size(getattr(root, "data", root)),
    )
    if np.shape(places) != np.shape(getattr(value, "data", value)):
        value = ag.broadcast_to(value, np.shape(places))
    take = np.arange(size)
    take[np.asarray(places).reshape(-1)] = size + np.arange(np.size(places))
    both = ag.concatenate([ag.reshape(root, -1), ag.reshape(value, -1)])
    return both[take].reshape(shape)


def stacked(parts: Any) -> Any:
    """Nested lists as one array."""
    if isinstance(parts, list | tuple):
        return ag.stack([stacked(part) for part in parts])
    return parts if isinstance(parts, Tensor) else np.asarray(parts, float)


def joined(parts: Any, columns: bool) -> Any:
    """np.c_ and np.r_."""
    parts = parts if isinstance(parts, tuple | list) else (parts,)
    shaped = []
    for part in parts:
        low = (
            np.ndim(getattr(part, "data", part)) < 2 if columns else np.ndim(getattr(part, "data", part)) < 1
        )
        shaped.append(ag.reshape(part, (-1, 1) if columns else (-1,)) if low else part)
    return ag.concatenate(shaped, axis=-1 if columns else 0)


def by_differences(step: Step, args: Any, kwargs: Any) -> Any:
    """An operation without a rule: its derivative by central differences of the fourth order."""
    found: list[Tensor] = []

    def collect(x: Any) -> None:
        if isinstance(x, Tensor):
            found.append(x)
        elif isinstance(x, list | tuple):
            for part in x:
                collect(part)

    collect(args)
    if not found or any(t.data.size > MOST_ELEMENTS for t in found):
        raise NotImplementedError

    def forward(xp: Any, *xs: Any) -> Any:
        left = iter(xs)

        def fill(x: Any) -> Any:
            if isinstance(x, Tensor):
                return next(left)
            return type(x)([fill(part) for part in x]) if isinstance(x, list | tuple) else x

        return np.asarray(step.func(*fill(args), **kwargs), float)

    def vjp(number: int) -> Any:
        def rule(xp: Any, g: Any, out: Any, *xs: Any) -> Any:
            x, share, h = np.array(xs[number], float), np.zeros(np.shape(xs[number])), 1e-3
            for i in np.ndindex(x.shape):
                total = 0.0
                for k, weight in ((1, 8), (-1, -8), (2, -1), (-2, 1)):
                    moved = x.copy()
                    moved[i] += k * h
                    total += weight * np.sum(g * forward(xp, *xs[:number], moved, *xs[number + 1 :]))
                share[i] = total / (12 * h)
            return share

        return rule

    return apply(Op(step.name, forward, tuple(vjp(i) for i in range(len(found)))), *found)


def near(a: Any, b: Any) -> bool:
    """Whether two values of one shape are the same but for float32's rounding."""
    if np.all(np.abs(a - b) <= 1e-9 + 1e-4 * np.abs(b)):
        return True
    return bool(np.allclose(a, b, 1e-4, 1e-9, equal_nan=True))


class Forward:
    """The forward pass of one step of the training on Tensors, from the parameters as they stood."""

    def __init__(self, starts: list[Step], kink: int | None = None) -> None:
        self.starts, self.kink = starts, kink
        self.tensors: dict[int, Any] = {}
        self.shares: dict[tuple[int, int, int], Any] = {}
        self.several: set[int] = set()
        self.lost: list[Step] = []
        for step in starts:
            self.tensors[step.id] = Tensor(np.asarray(step.value, float))

    def at(self, wanted: list[Step], sig: dict[int, int]) -> list[Any]:
        """The Tensors of these values; `sig` says which values depend on the parameters."""
        order: set[Step] = set()
        todo = [s for s in wanted if sig.get(s.id)]
        while todo:
            step = todo.pop()
            if step in order or step.id in self.tensors:
                continue
            order.add(step)
            todo += [p for p in step.parents if sig.get(p.id) and p not in order]
        readers = Counter(p.id for s in order for p in s.parents)
        self.several = {n for n, count in readers.items() if count > 1 and sig.get(n)}
        with enable_grad(), np.errstate(all="ignore"):
            for step in sorted(order, key=lambda s: s.id):
                if step.id not in self.tensors:
                    self.tensors[step.id] = self.made(step)
        return [self.tensors.get(s.id, s.value) for s in wanted]

    def made(self, step: Step) -> Any:
        """One value on Tensors; where that fails, or differs from what was recorded, a constant."""
        if np.asarray(step.value).dtype.kind != "f":
            return step.value
        here: Any = self.tensors
        for i, p in enumerate(step.parents):
            tensor = self.tensors.get(p.id)
            if p.id in self.several and isinstance(tensor, Tensor) and step.parents.count(p) == 1:
                here = ChainMap({}, self.tensors) if here is self.tensors else here
                here[p.id] = self.shares[step.id, p.id, i] = tensor * 1.0
        args, kwargs = filled(step.args, here), filled_dict(step.kwargs, here)
        try:
            try:
                out = tensor_of(step, args, kwargs, self.kink)
            except (Exception, RecursionError):
                out = by_differences(step, args, kwargs)
        except Exception:
            self.lost.append(step)
            return step.value
        if not isinstance(out, Tensor):
            return step.value
        if out.shape != np.shape(step.value) and out.data.size == np.size(step.value):
            out = ag.reshape(out, np.shape(step.value))
        if out.shape != np.shape(step.value) or not near(out.data, step.value):
            self.lost.append(step)
            return step.value
        return out

    def adjoints(self, loss: Any) -> dict[int, Any]:
        """The derivative of the loss by every value of the forward pass."""
        if not isinstance(loss, Tensor) or not loss.requires_grad:
            return {}
        with np.errstate(all="ignore"):
            ag.sum(loss).backward()
        found = {}
        for number, tensor in self.tensors.items():
            if isinstance(tensor, Tensor):
                if tensor.grad is not None:
                    found[number] = np.asarray(tensor.grad, float)
                elif number in {s.id for s in self.starts}:
                    found[number] = np.zeros(tensor.shape)
        for key, tensor in self.shares.items():
            if tensor.grad is not None:
                found[key] = np.asarray(tensor.grad, float)  # type: ignore[index]
        return found


def filled_dict(kwargs: Any, values: dict[int, Any]) -> Any:
    """Keyword arguments with values in the place of steps."""
    return {key: filled(value, values) for key, value in kwargs.items()} if kwargs else {}


# ---- The person's own program on other numbers -----------------------------------------------------------------------


def again(step: Step, values: dict[int, Any]) -> Any:
    """The step's value where some of its operands have other values."""
    if step.func is None:
        return step.value
    out = step.func(*filled(step.args, values), **filled_dict(step.kwargs, values))
    if np.shape(out) != np.shape(step.value) and np.size(out) == np.size(step.value):
        out = np.reshape(out, np.shape(step.value))
    return out


def run_again(
    order: list[Step], changed: dict[int, Any], anew: frozenset[int] = frozenset()
) -> dict[int, Any] | None:
    """The values that differ once some are replaced and some computed anew, or None where that cannot be computed."""
    values, lowest = dict(changed), min(*changed, *anew, 2**62, 2**62)
    try:
        with np.errstate(all="ignore"):
            for step in order:
                if step.id < lowest or step.id in changed:
                    continue
                if step.id in anew or any(p.id in values for p in step.parents):
                    values[step.id] = again(step, values)
    except Exception:
        return None
    return values
