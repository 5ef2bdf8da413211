"""A plain number beside a Value, against another Value there: `y * 0.5` and `y * z`. One process, in turn."""

from __future__ import annotations

from benchmarks.harness import Effort, agree, calls_to_fill, collected, interleave
from benchmarks.report import Row, Target, versus

REPEATS = 100  # products a call: one alone is too short to time


def run(effort: Effort, peers: list[str]) -> list[Row]:
    import autograd_mini as ag

    y, z = ag.Value(3.0), ag.Value(0.5)

    def by_number() -> object:
        for _ in range(REPEATS):
            product = y * 0.5
        return product

    def by_value() -> object:
        for _ in range(REPEATS):
            product = y * z
        return product

    agree("y * 0.5", [by_number().data], [by_value().data], 0.0)
    works = {"number": by_number, "value": by_value}
    calls = {name: calls_to_fill(work, effort.seconds) for name, work in works.items()}
    times = interleave(
        {name: collected(work, calls[name]) for name, work in works.items()}, effort.rounds, effort.warmups
    )
    target = None if effort.quick else Target(1.5, "≤ 1.5")
    work = f"{REPEATS} products with a plain number"
    return [versus(work, "y * 0.5", times["number"], "y * z", times["value"], target)]
