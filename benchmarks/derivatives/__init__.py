"""The suite `derivatives`: Hessians, input Jacobians, high orders, and what a gradient costs beside its function."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.derivatives import hessian, input_jacobian, nested, value_and_grad
from benchmarks.harness import Effort
from benchmarks.report import Row

# name of the part → what runs it: (effort, names of the installed peers) → rows. It raises Disagreement before timing.
PARTS: dict[str, Callable[[Effort, list[str]], list[Row]]] = {
    "hessian": hessian.run,
    "input_jacobian": input_jacobian.run,
    "nested": nested.run,
    "value_and_grad": value_and_grad.run,
}
