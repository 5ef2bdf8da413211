"""Where did the NaN come from? Every node's line in the user's code, and an error at the first number that is not finite.

The engine has no test for this mode: while a block is open, the names of three of its functions stand for others, which call them,
put in and taken out in one step. Code that runs in another thread or task meanwhile passes through these, unwatched.
"""

import linecache
import os
import sys
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from functools import partial
from operator import call, setitem
from types import CodeType
from typing import Any, NamedTuple
from weakref import WeakSet

import numpy as np

from ..compile.function import Compiled
from ..core import engine, node
from ..core.op import Op
from ..core.quick import vocabulary
from ..core.readings import ARRAYS, FLOATS, KINDS
from ..errors import AnomalyError, GraphError
from ..support.modes import Block, meta_here
from ..support.numerics import all_finite
from ..support.quiet import quietly
from .mistakes import REPLACEMENTS

PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
OURS = (
    PACKAGE,
    os.path.dirname(os.path.abspath(np.__file__)) + os.sep,
    "<the ",
    "<__array_function__",
    "<frozen ",
)
USERS = os.path.join(PACKAGE, "gallery") + os.sep  # programs on the public names alone


class Line(NamedTuple):
    """A line of the user's code."""

    file: str
    number: int

    def __str__(self) -> str:
        name = self.file if self.file.startswith("<") else os.path.basename(self.file)
        shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
        if shell is not None and hasattr(shell.compile, "format_code_name"):
            name = " ".join(shell.compile.format_code_name(self.file) or (name,))  # Cell In[3]
        code = linecache.getline(self.file, self.number).strip()
        return f"{name}, line {self.number}" + (f": `{code}`" if code else "")


def is_users(code: CodeType, libraries: tuple[str, ...] = ()) -> bool:
    """Whether code is the user's: neither ours nor NumPy's, nor of these folders."""
    return not code.co_filename.startswith(OURS + libraries) or code.co_filename.startswith(USERS)


def here() -> Line | None:
    """Return the line of the user's code that is running: the innermost that is neither ours nor NumPy's."""
    frame = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if is_users(frame.f_code):
            return Line(file, frame.f_lineno)
        frame = frame.f_back  # type: ignore[assignment]
    return None


def line_of(x: Any) -> str:
    """Return where a node was made, as " (in train.py, line 3: `…`)"; "" where that is not known."""
    line = x.meta.get("line") if x.meta else None
    return f" (in {line})" if line else ""


# ---- What is said of numbers that are not finite ----------------------------------------------------------------------

LOGS = ("log", "log2", "log10", "log1p", "xlogy")
GROWING = ("exp", "expm1", "cosh", "sinh")
DIVIDING = ("divide", "reciprocal", "remainder")
ROOTS = ("sqrt", "power", "arcsin", "arccos", "arctanh", "arccosh")
PRODUCTS = ("matmul", "linear", "einsum", "dot")
LARGE = 1e100  # far beyond the numbers of any network that trains


def _made_by(x: Any, depth: int = 4) -> Iterator[str]:
    """The names of the operations that a node was made by in its own layer, the nearest first."""
    level = [x]
    for _ in range(depth):
        made = [found for found in level if found.op]
        yield from (found.op.name for found in made)
        level = [parent for found in made if found.op.name not in PRODUCTS for parent in found.parents]


def replacement(op: Op, parents: Sequence[Any]) -> str:
    """Return what to write in place of an operation whose result is not finite."""
    low = float(np.min(parents[0].data, initial=np.inf))
    inside = REPLACEMENTS["inside"].format(name="reciprocal" if op.name in DIVIDING else op.name)
    known = {"low": low, "probabilities": REPLACEMENTS["probabilities"], "inside": inside}
    return REPLACEMENTS[_reason(op.name, parents, low)].format(**known)


def _reason(name: str, parents: Sequence[Any], low: float) -> str:
    """Why an operation's result is not finite: which of the replacements is meant."""
    above, size = list(_made_by(parents[0])), np.abs(parents[0].data)
    if name in LOGS:
        by_hand = "exp" in above and above[0] in (*DIVIDING, "subtract")
        if low < 0 and not (name == "log1p" and low >= -1):
            return "negative"
        if ("sigmoid" in above or by_hand) and "sum" not in above:
            return "saturated"
        if "softmax" in above or ("exp" in above and "sum" in above and "divide" in above):
            return "softmax"
        return "sum_of_exp" if "exp" in above else "zero"
    if name in GROWING:
        return "overflow"
    if name in DIVIDING or (name == "power" and np.min(size, initial=np.inf) == 0):
        return "divided"
    if name in ROOTS and np.max(size, initial=0.0) < LARGE:
        return "root"
    bad = name in ("multiply", "subtract", "add") and any(not all_finite(p.data) for p in parents)
    return "infinite" if bad else "large"


def told(op: Op, parents: Sequence[Any], label: str | None, data: Any) -> str:
    """Return what an operation's result is, for a message."""
    sizes = [parent.data for parent in parents[:3] if parent.size]
    with np.errstate(all="ignore"):
        ranges = ", ".join(f"{np.min(x):.4g} to {np.max(x):.4g}" for x in sizes)
    named = f", {label!r}" if label else ""
    shape = f", of shape {np.shape(data)}" if np.shape(data) else ""
    return f"the result of {op.name!r}{named}{shape}, on operands from {ranges}"


def first_not_finite(root: Any) -> Any:
    """Return the first node, sorted from the leaves, through whose NaN or infinity the root is not finite; or None."""
    bad, stack = set(), [root]
    while stack:
        x = stack.pop()
        if x not in bad and not all_finite(x.data):
            bad.add(x)
            stack += x.parents
    return next((x for x in engine.toposort(root, constants=True) if x in bad), None)


def bad_row(x: Any) -> int | None:
    """The first row of an array of numbers that is not finite, or None."""
    fine = np.isfinite(x).reshape(len(x), -1).all(axis=1)
    return None if fine.all() else int(np.argmin(fine))


def _how(x: Any) -> str:
    """NaN or infinite, and in how many places."""
    x = np.asarray(x)
    count = int(np.sum(~np.isfinite(x)))
    kind = "NaN" if np.isnan(x).any() else "infinite"
    return kind + (f" in {count} of {x.size} places" if x.size > 1 else "")


# ---- Watching -----------------------------------------------------------------------------------------------------------

_watching: ContextVar[bool | None] = ContextVar("watching", default=None)
watch_here = _watching.get  # None, or whether numbers are looked at; each node remembers its line


def _look_forward(op: Op, parents: Sequence[Any], x: Any) -> None:
    """Raise where an operation made NaN or ∞ of finite numbers, or met a NaN or an infinite variable. ∞ in data passes."""
    if all_finite(x.data):
        return
    bad = [p for p in parents if not all_finite(p.data)]
    for p in bad:
        if np.isnan(p.data).any() or (p.requires_grad and p.op is None):
            kind = "parameter" if p.requires_grad else "data that come in,"
            what = f"the {kind} {p._name} of shape {p.shape}{line_of(p)} is {_how(p.data)}"
            said = f"{op.name!r} was given what is not finite: {what}"
            raise AnomalyError(f"{said}. Read in {here()}. Look where it was made")
    if not bad or np.isnan(x.data).any():
        said = f"{told(op, parents, x.label, x.data)}, is {_how(x.data)}"
        said = f"{op.name!r} in {here()}\nmade the first number that is not finite: {said}"
        raise AnomalyError(f"{said}. Instead: {replacement(op, parents)}")


def _look_backward(order: Sequence[Any], grads: Any) -> None:
    """Raise for the first gradient, from the loss down, that is not finite."""
    for i in range(len(order) - 1, -1, -1):
        x, g = order[i], grads.get(order[i])
        if g is None or all_finite(g):
            continue
        for user in order[i + 1 :]:
            if x in user.parents and user in grads:
                for _, share in quietly(engine.pulled, user, grads[user], {x}):
                    if not all_finite(share):
                        raise AnomalyError(_lost_behind(user, x, share, grads[user]))
        raise AnomalyError(f"the gradient of {x._name}{line_of(x)} is {_how(g)}: a sum that overflows")


def _lost_behind(user: Any, x: Any, share: Any, g: Any) -> str:
    """What is said where the gradient is lost between a node and its operand."""
    op, bad = user.op, ~np.isfinite(share)
    said = f"{op.name!r}{line_of(user)}\nmade the first gradient that is not finite: "
    said += f"what it passes to {x._name} is {_how(share)}, where it made "
    said += f"{told(op, user.parents, user.label, user.data)}. Its slope there is"
    arrived = np.broadcast_to(g, bad.shape) if np.size(g) == 1 else np.asarray(g)
    if arrived.shape == bad.shape and not np.any(arrived[bad]):
        why = "infinite, and 0 · ∞ is NaN, although a `where` or a mask did not take it"
        return f"{said} {why}: {REPLACEMENTS['inside'].format(name=op.name)}"
    if op.name in ROOTS:
        tried = "ag.sqrt(x + 1e-12), ag.clip, or ag.norm and ag.hypot for roots of squares"
        return f"{said} infinite: keep off that point with {tried}"
    return f"{said} not finite: {replacement(op, user.parents)}"


def _digest(x: Any) -> Any:
    """What tells whether the data of a node were changed."""
    data = x.data
    return zlib.crc32(np.ascontiguousarray(data).tobytes()) if isinstance(data, np.ndarray) else str(data)


def _refuse_changed(order: Sequence[Any]) -> None:
    """Raise GraphError where what a node had read, or its own result, was written into since."""
    for x in order:
        result, *read = (x.meta or {}).get("read", (None,))
        if result is not None and _digest(x) != result:
            said = f"the result of {x.op.name!r}{line_of(x)} was changed in place after it was made"
            tried = "write into a copy, x = x.data.copy()"
            raise GraphError(f"{said}, so the gradient would be wrong: {tried}")
        for parent, before in zip(x.parents, read, strict=False):
            if before is not None and _digest(parent) != before:
                said = f"{parent._name}{line_of(parent)} was changed in place after {x.op.name!r}{line_of(x)}"
                tried = "run the forward pass again, or change it after backward()"
                raise GraphError(f"{said} had read it, so the gradient would be wrong: {tried}")


# ---- What the engine calls while a block is open ----------------------------------------------------------------------

MADE, RECORD, SWEEP, CALL = node.made, node.record, engine.sweep, Compiled.__call__


def _made(*arguments: Any, **options: Any) -> Any:
    """Make a node that remembers the user's line; what cut a constant off keeps the line of the cut."""
    x = MADE(*arguments, **options)
    if watch_here() is not None and "line" not in (x.meta or ()) and (line := here()) is not None:
        x.meta = {**(x.meta or {}), "line": line}
    return x


def _record(reading: Any, op: Op, parents: Sequence[Any], data: Any) -> Any:
    """Record an operation, look at its result, and remember what it read."""
    x = RECORD(reading, op, parents, data)
    if watch_here():
        _look_forward(op, parents, x)
        if x.op is not None:
            read = (None if p.op is not None else _digest(p) for p in parents)
            x.meta = {**(x.meta or {}), "read": (_digest(x), *read)}
    return x


def _sweep(order: Any, cotangent: Any, reading: Any = None, keep: Any = None) -> Any:
    """Sweep, after a look at what was read and with one at each gradient."""
    if not watch_here():
        return SWEEP(order, cotangent, reading, keep)
    _refuse_changed(order)
    plain = cotangent if reading is None else KINDS[type(order[-1])].constant(cotangent.data)
    grads = SWEEP(order, plain)
    _look_backward(order, grads)
    if reading is None:
        return {x: g for x, g in grads.items() if keep is None or x.op is None or x in keep}
    before = _watching.set(False)  # rules may compute what they then leave out
    try:
        return SWEEP(order, cotangent, reading, keep)
    finally:
        _watching.reset(before)


def _call(compiled: Any, *arguments: Any, **options: Any) -> Any:
    """Call a compiled function: where it is watched the function itself, which makes nodes."""
    if watch_here() is None or compiled.is_batch:
        return CALL(compiled, *arguments, **options)
    return compiled.eagerly(arguments, options)


def _never() -> bool:
    """What quick methods ask, in the place of `meta_here`: they leave every case to `applied`, which records."""
    return False


SWAPS = {"made": (MADE, _made), "record": (RECORD, _record), "sweep": (SWEEP, _sweep)}


def _swap(watched: bool) -> None:
    """Let the engine call our functions by its own functions' names, or its own again: all of it in one step, from C."""
    ours = __name__.partition(".")[0]
    modules = [vars(module) for name, module in [*sys.modules.items()] if name.partition(".")[0] == ours]
    changes: list[Any] = [
        partial(setitem, space, name, pair[watched])
        for space in modules
        for name, pair in SWAPS.items()
        if space.get(name) in pair
    ]
    asked = _never if watched else meta_here
    changes += [partial(setitem, vocabulary(reading), "meta_here", asked) for reading in (FLOATS, ARRAYS)]
    changes.append(partial(setattr, Compiled, "__call__", _call if watched else CALL))
    deque(map(call, changes), maxlen=0)


_open: Any = WeakSet()  # the blocks that are open anywhere


class debug(Block):
    """Raise AnomalyError at the first number that is not finite, forward or backward, inside a `with` block.

    The error names the operation, its operands, the line of your own file that made it, and what to write instead. ∞ that stands
    in the data on purpose (a mask of −∞) passes. Where an array was written into between the forward pass and `backward()`, a
    GraphError names it, and who had read it; and where a graph was cut, its error names the line of the cut. It holds for the code
    that runs within; it takes several times as long, and costs nothing once the block has ended.

    >>> import autograd_mini as ag
    >>> w = ag.Value(0.0, label="w")
    >>> try:
    ...     with ag.debug():
    ...         loss = ag.log(w) * 2.0
    ... except ag.AnomalyError as error:
    ...     print(str(error).partition(":")[0], "…")
    'log' in <doctest autograd_mini.check.debug.debug[2]>, line 3 …
    """

    variable, chain = _watching, ContextVar("blocks that watch", default=None)

    def __enter__(self) -> None:
        super().__enter__()
        _open.add(self)
        _swap(watched=True)

    @classmethod
    def left(cls, block: Any, is_last: bool = False) -> None:
        """Take a block out of the chain; with the last one the engine's own functions come back."""
        if (found := block()) is not None:
            _open.discard(found)
        if not _open:
            _swap(watched=False)
        super().left(block, is_last)
