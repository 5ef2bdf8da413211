"""One training step with its update, compiled, beside the same step hand-written in NumPy and beside other libraries'."""

from __future__ import annotations

import importlib
from functools import partial

from benchmarks.eager.steps import Ways, hold_to_hand_written, race_each
from benchmarks.harness import Effort
from benchmarks.problems import Problem
from benchmarks.report import Row, Target


def target(peer: str, problem: Problem) -> Target | None:
    """What the ratio to the hand-written step must keep, where there is such a bound."""
    limits = {"mse": 0.1, "hinge": 0.7, "softmax": 0.6 if problem.batch == 1 else 1.0, "sigmoid": 0.8}
    if peer != "by_hand" or problem.loss not in limits:
        return None
    return Target(limits[problem.loss], f"≤ {limits[problem.loss]:g}")


def contenders(problem: Problem, peers: list[str]) -> Ways:
    """Ours, the hand-written step and the peers', after all were found to agree."""
    ways: Ways = {}
    for name, module in {"ours": "compiled", "by_hand": "by_hand", **{peer: peer for peer in peers}}.items():
        ways[name] = importlib.import_module(f"benchmarks.contenders.{module}").trainers(problem)
    hold_to_hand_written(problem.name, ways, problem.dtype, problem.rtol)
    return ways


def run(effort: Effort, peers: list[str]) -> list[Row]:
    chosen = [name for name in peers if name in ("torch", "jax")]
    return race_each("compiled step", partial(contenders, peers=chosen), target, effort)
