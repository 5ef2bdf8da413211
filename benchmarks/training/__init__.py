"""The suite `training`: whole steps with each optimiser, an epoch sample by sample, and the optimisers alone."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.harness import Effort
from benchmarks.report import Row
from benchmarks.training import digits, optimizers, steps

# name of the part → what runs it: (effort, names of the installed peers) → rows. It raises Disagreement before timing.
PARTS: dict[str, Callable[[Effort, list[str]], list[Row]]] = {
    "steps": steps.run,
    "digits": digits.run,
    "optimizers": optimizers.run,
}
