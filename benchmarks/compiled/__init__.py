"""The suite `compiled`: functions that are recorded once and replayed, beside the same written by hand, and beside other compilers."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.compiled import derivatives, epoch, recording, rosenbrock, scalar_graph, steps
from benchmarks.harness import Effort
from benchmarks.report import Row

# name of the part → what runs it: (effort, names of the installed peers) → rows. It raises Disagreement before timing.
PARTS: dict[str, Callable[[Effort, list[str]], list[Row]]] = {
    "steps": steps.run,
    "epoch": epoch.run,
    "derivatives": derivatives.run,
    "recording": recording.run,
    "rosenbrock": rosenbrock.run,
    "scalar graph": scalar_graph.run,
}
