"""Cost against graph size: record, backward and drop 10² to 10⁶ nodes. Each size in a process of its own."""

from __future__ import annotations

from contextlib import ExitStack
from statistics import median

from benchmarks.harness import Effort
from benchmarks.report import Row, Target, alone, versus
from benchmarks.workers import race, start

POWERS = {100: "10²", 1_000: "10³", 10_000: "10⁴", 100_000: "10⁵", 1_000_000: "10⁶"}
MODES = {False: ("collector off", Target(1.5, "≤ 1.5")), True: ("collector on", Target(2.5, "≤ 2.5"))}


def run(effort: Effort, peers: list[str]) -> list[Row]:
    sizes = [100, 1_000] if effort.quick else list(POWERS)
    rows = []
    with ExitStack() as stack:
        workers = start(stack, {POWERS[n]: ("benchmarks.eager.graphs:ours", {"nodes": n}) for n in sizes})
        for worker in workers.values():
            worker.call("check")
        calls = {name: worker.call("calls", seconds=2 * effort.seconds) for name, worker in workers.items()}
        for collector, (mode, target) in MODES.items():
            times = race(workers, calls, collector, effort)
            for name, each in times.items():
                if name not in ("10⁴", "10⁶"):
                    rows.append(
                        alone(f"time a node, {mode}", f"{name} nodes", median(each), "s", effort.rounds)
                    )
            if "10⁶" in times:
                work = f"time a node, {mode}"
                rows.append(versus(work, "10⁶ nodes", times["10⁶"], "10⁴ nodes", times["10⁴"], target))
    return rows
