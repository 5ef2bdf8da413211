"""Forward and backward of a model and its loss as one replayed program: what `fit` and `compile_step` run in place of the engine."""

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

import numpy as np

from ..core.node import Node
from ..errors import CompileError
from ..support.containers import rebuild
from ..support.interrupts import assign
from .function import MOST, Version, key_of, record

NOT_THE_SAME = "the program's numbers differ from the engine's in the last place"
MODES, FROZEN = attrgetter("training"), attrgetter("requires_grad")


class Gradients:
    """Called with a batch: gives the loss as a number and the prediction as an array, and sets every `.grad`, as the engine does.

    A version is recorded for each shape, training mode, and choice of frozen parameters. `with_prediction`: whether the prediction
    is wanted; `is_exact`: whether every bit must be the engine's.
    """

    def __init__(
        self,
        model: Any,
        loss: Callable[..., Any],
        params: Sequence[Any],
        with_prediction: bool,
        is_exact: bool,
    ) -> None:
        self.model, self.loss, self.params = model, loss, params
        self.with_prediction, self.is_exact = with_prediction, is_exact
        self.has_run = False
        self.forget()

    def forget(self) -> None:
        """Begin anew, for a model whose parts may have changed."""
        self.versions: dict[Any, list[Version]] = {}
        self.modules = self.model.modules() if hasattr(self.model, "modules") else []
        leaves = (
            [leaf for _, leaf in self.model.named_leaves()] if hasattr(self.model, "named_leaves") else []
        )
        self.leaves = leaves or self.params

    def __call__(self, *batch: Any) -> tuple[Any, Any] | None:
        """Return (loss, prediction), or None where no version fits this batch."""
        leaves: list[Any] = []
        key = self.key(batch, leaves)
        for version in self.versions.get(key, ()):
            found = version.replay(leaves)
            if found is not None:
                self.has_run = True
                return found[0]
        return None

    def key(self, batch: Any, leaves: list[Any]) -> Any:
        """What decides which version serves."""
        return key_of(batch, leaves), (*map(MODES, self.modules),), (*map(FROZEN, self.leaves),)

    def evaluated(self, *batch: Any) -> Any:
        """The loss and the prediction by the engine, with the gradients of all parameters."""
        for parameter in self.params:
            parameter.zero_grad()
        prediction = self.model(batch[0])
        loss = self.loss(prediction, *batch[1:])
        loss.backward()
        return loss, prediction if self.with_prediction else None

    def record(self, *batch: Any) -> None:
        """Record a version for this batch. CompileError where it cannot be replayed, or there are too many."""
        leaves: list[Any] = []
        key = self.key(batch, leaves)
        kept = [one for one in self.versions.get(key, ()) if one.outside.is_current()]
        if len(kept) >= MOST or len(self.versions) >= 4 * MOST:
            raise CompileError("it took too many different ways, or met too many different shapes")
        beside = [self.loss, *(module.forward for module in self.modules)]
        version = record(self.evaluated, batch, {}, not self.is_exact, beside)
        self.versions[key] = [*kept, version]

    def compared(self, *batch: Any) -> tuple[Any, Any]:
        """Return what a call returns, but by the engine. CompileError where the replay has other bits, the gradients' among them."""
        targets = [
            *{leaf for versions in self.versions.values() for one in versions for leaf in one.outside.targets}
        ]
        before = [leaf.grad for leaf in targets]
        found = self(*batch)
        ours = [leaf.grad for leaf in targets]
        assign((leaf, "grad", grad) for leaf, grad in zip(targets, before, strict=True))
        expected = rebuild(self.evaluated(*batch), lambda x: x.data if isinstance(x, Node) else x)
        theirs = [leaf.grad for leaf in targets]
        if not _is_same((found, ours), (expected, theirs)):
            raise CompileError(NOT_THE_SAME)
        return expected


def _is_same(x: Any, y: Any) -> bool:
    """Whether both hold the same bits, of one dtype and shape."""
    if isinstance(x, tuple | list):
        return isinstance(y, tuple | list) and len(x) == len(y) and all(map(_is_same, x, y))
    if x is None or y is None:
        return x is y
    x, y = np.asarray(x), np.asarray(y)
    return x.dtype == y.dtype and x.shape == y.shape and x.tobytes() == y.tobytes()
