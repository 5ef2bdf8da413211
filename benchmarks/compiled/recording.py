"""What the first call costs: recording, passes and source of a training step, apart from replaying it."""

from __future__ import annotations

import statistics
import time

from benchmarks.contenders import compiled
from benchmarks.harness import Effort
from benchmarks.problems import PROBLEMS, shrunk
from benchmarks.report import Row, alone


def run(effort: Effort, peers: list[str]) -> list[Row]:
    rows = []
    for problem in PROBLEMS:
        if problem.dtype != "float64" or problem.batch == 128:
            continue
        asked = shrunk(problem) if effort.quick else problem
        times = []
        for _ in range(effort.rounds):
            [trainer] = compiled.trainers(asked).values()
            start = time.process_time()
            trainer.step()
            times.append(time.process_time() - start)
        rows.append(
            alone(
                f"first call of a compiled step, {problem.name}",
                "compiled",
                statistics.median(times),
                "s",
                effort.rounds,
            )
        )
    return rows
