"""The suite `eager`: recording a graph and going back through it, once, as a user does in a training loop."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.eager import demo, growth, memory, numbers, steps
from benchmarks.harness import Effort
from benchmarks.report import Row

# name of the part → what runs it: (effort, names of the installed peers) → rows. It raises Disagreement before timing.
PARTS: dict[str, Callable[[Effort, list[str]], list[Row]]] = {
    "demo": demo.run,
    "numbers": numbers.run,
    "memory": memory.run,
    "steps": steps.run,
    "growth": growth.run,
}
