"""A whole training step: zero_grad, forward, loss, backward, and SGD or Adam. The targets are for float64."""

from __future__ import annotations

import warnings
from dataclasses import replace
from functools import partial

from benchmarks.eager.steps import contenders, rows_of
from benchmarks.harness import Effort
from benchmarks.problems import PROBLEMS, Problem, shrunk
from benchmarks.report import Row, Target

ADAM_RATE = 1e-3


def problems() -> list[Problem]:
    """Every problem with SGD in float64, as the suite `eager` has it, and with Adam.

    With Adam in float32 only those that do not learn their batch by heart while they are timed. After that the gradients
    are exactly 0, the running means sink below the smallest normal number, and one times how the processor handles that.
    """
    cases = [problem for problem in PROBLEMS if problem.dtype == "float64"]
    with_adam = [p for p in PROBLEMS if p.dtype == "float64" or p.batch == 128 or p.sizes[0] == 12288]
    return cases + [replace(problem, optimizer="adam", lr=ADAM_RATE) for problem in with_adam]


def target(name: str, problem: Problem) -> Target | None:
    """What the ratio to this contender must keep on this problem."""
    if name != "torch" or problem.dtype != "float64":
        return None
    if problem.small:
        return Target(0.6, "≤ 0.6")
    if problem.optimizer == "adam" and problem.sizes[0] == 12288:
        return Target(1.3, "≤ 1.3")
    return Target(1.0, "≤ 1")


def run(effort: Effort, peers: list[str]) -> list[Row]:
    rows = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a peer's deprecations are not ours
        for problem in problems():
            asked = shrunk(problem) if effort.quick else problem
            ways = contenders(asked, [name for name in peers if name == "torch"])
            kind = {"sgd": "SGD", "adam": "Adam"}[problem.optimizer]
            rows += rows_of(f"{kind} step, {problem.name}", ways, partial(target, problem=problem), effort)
    return rows
