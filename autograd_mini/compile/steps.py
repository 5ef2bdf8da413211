"""Forward and backward of a model and its loss as one replayed program: what `fit` and `compile_step` run in place of the engine."""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from operator import attrgetter
from typing import Any

import numpy as np

from ..core.node import Node
from ..errors import CompileError
from ..support.containers import rebuild
from ..support.interrupts import assign
from .function import MOST, Raised, Version, key_of, record

FROZEN = attrgetter("requires_grad")
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


class _Made:
    """What a model was made of when something was recorded; it is the same as long as all that its parts hold is."""

    def __init__(self, model: Any) -> None:
        self.parts = [
            part for _, part in parts_of(model)
        ]  # held, so that nothing else comes to their places in memory
        holders = [found for part in self.parts if (found := _inside(part))]
        self.views = [found.values() if isinstance(found, dict) else found for found in holders]
        self.leaves = [part for part in self.parts if isinstance(part, Node)]
        self.versions: dict[Any, list[Version]] = {}

    def contents(self) -> Any:
        """All that the parts hold now, by their places in memory; the modes of training are among it."""
        return (*map(id, chain.from_iterable(self.views)),)


class _Evaluation:
    """The loss and the prediction by the engine, with all gradients set."""

    __slots__ = (
        "loss",
        "model",
        "params",
        "with_prediction",
    )  # and no dict, in which a recording would look for names

    def __init__(self, model: Any, loss: Any, params: Sequence[Any], with_prediction: bool) -> None:
        self.model, self.loss, self.params, self.with_prediction = model, loss, params, with_prediction

    def __call__(self, *batch: Any) -> tuple[Any, Any]:
        for parameter in self.params:
            parameter.zero_grad()
        prediction = self.model(batch[0])
        loss = self.loss(prediction, *batch[1:])
        loss.backward()
        return loss, prediction if self.with_prediction else None


class Gradients:
    """Called with a batch: gives the loss as a number and the prediction as an array, and sets every `.grad`, as the engine does.

    A version is recorded for each shape, each choice of frozen parameters, and whatever else the model is made of. Arguments:
    `params`, whose gradients are forgotten before; `with_prediction`, whether the prediction is wanted; `is_exact`, whether every
    bit must be the engine's; `why_not`, called for each new making of the model, says why nothing is to be recorded, or "".
    """

    def __init__(
        self, model: Any, loss: Callable[..., Any], params: Sequence[Any], *, with_prediction: bool = False,
        is_exact: bool = False, why_not: Callable[[], str] = str,
    ) -> None:  # fmt: skip
        self.model, self.loss, self.is_exact, self.why_not = model, loss, is_exact, why_not
        self.evaluated = _Evaluation(model, loss, params, with_prediction)
        self.reason = ""  # why nothing more is recorded
        self.has_run = False
        self.made = _Made(model)
        self.known = {self.made.contents(): self.made}

    def __call__(self, *batch: Any) -> tuple[Any, Any] | None:
        """Return (loss, prediction), or None where no version fits this batch."""
        leaves: list[Any] = []
        for version in self.versions(batch, leaves):
            try:
                found = version.replay(leaves)
            except Raised:
                return self.by_engine(*batch)
            if found is not None:
                self.has_run = True
                return found[0]  # type: ignore[no-any-return]
        return None

    def versions(self, batch: Any, leaves: list[Any]) -> list[Version]:
        """The versions for such a batch, whose arrays go into `leaves`."""
        contents = self.made.contents()
        if contents not in self.known:
            self.made = _Made(self.model)
            self.known[self.made.contents()] = self.made
            if why := self.why_not():
                raise CompileError(why)
        else:
            self.made = self.known[contents]
        key = key_of(batch, leaves), (*map(FROZEN, self.made.leaves),)
        return self.made.versions.setdefault(key, [])

    def record(self, *batch: Any) -> None:
        """Record a version for this batch, or set `.reason`, where there are too many. CompileError where it cannot be replayed."""
        versions = self.versions(batch, [])
        versions[:] = [one for one in versions if one.is_current()]
        if len(versions) >= MOST or sum(map(len, self.made.versions.values())) >= MOST_SHAPES:
            self.reason = "it took too many different ways through its branches, or met too many shapes"
            return
        beside = () if self.is_exact else (self.model, self.loss)  # what is exact reads nothing by name
        versions.append(record(self.evaluated, batch, {}, not self.is_exact, beside))

    def replayed(self, *batch: Any) -> tuple[Any, Any] | None:
        """Return what a call returns, after recording a version where none fits; None where none can be, as `.reason` says."""
        found = self(*batch)
        if found is None and not self.reason:
            self.record(*batch)
            if not self.reason:
                found = self.compared(*batch) if self.is_exact else self(*batch)
        return found

    def compared(self, *batch: Any) -> tuple[Any, Any]:
        """Return what a call returns, but by the engine. CompileError where the replay has other bits, the gradients' among them."""
        targets = [*{leaf for one in self.versions(batch, []) for leaf in one.targets}]
        before = [leaf.grad for leaf in targets]
        found = self(*batch)
        ours = [leaf.grad for leaf in targets]
        assign((leaf, "grad", grad) for leaf, grad in zip(targets, before, strict=True))
        expected = self.by_engine(*batch)
        theirs = [leaf.grad for leaf in targets]
        if not _is_same((found, ours), (expected, theirs)):
            raise CompileError("the program's numbers differ from the engine's in the last place")
        return expected

    def by_engine(self, *batch: Any) -> tuple[Any, Any]:
        """What a call returns, and the gradients that it sets, by the engine."""
        return rebuild(self.evaluated(*batch), lambda x: x.data if isinstance(x, Node) else x)  # type: ignore[no-any-return]


def _is_same(x: Any, y: Any) -> bool:
    """Whether both hold the same bits, of one dtype and shape."""
    if isinstance(x, tuple | list):
        return isinstance(y, tuple | list) and len(x) == len(y) and all(map(_is_same, x, y))
    if x is None or y is None:
        return x is y
    x, y = np.asarray(x), np.asarray(y)
    return bool(x.dtype == y.dtype and x.shape == y.shape and x.tobytes() == y.tobytes())
