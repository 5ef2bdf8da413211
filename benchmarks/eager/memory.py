"""Memory of a recorded scalar node, data and links, on a long mixed graph of binary operations."""

from __future__ import annotations

from benchmarks.harness import Effort
from benchmarks.report import Row, Target, alone
from benchmarks.workers import Worker

WORK = "memory of a recorded scalar node"


def run(effort: Effort, peers: list[str]) -> list[Row]:
    nodes = 400 if effort.quick else 100_000
    with Worker("Value", "benchmarks.eager.graphs:ours", nodes=nodes) as worker:
        worker.call("check")
        recorded, after = worker.call("bytes_recorded")
    rows = [
        alone(WORK, "Value", recorded, "B", target=None if effort.quick else Target(200, "≤ 200 B")),
        alone(f"{WORK}, its gradient too", "Value", after, "B"),
    ]
    if "micrograd" in peers:
        with Worker("micrograd", "benchmarks.eager.graphs:micrograd", nodes=nodes) as worker:
            recorded, _ = worker.call("bytes_recorded")
        rows.append(alone(WORK, "(micrograd)", recorded, "B"))
    with Worker("Value", "benchmarks.eager.graphs:ours", nodes=400 if effort.quick else 1_000_000) as worker:
        peak = worker.call("peak_bytes")
    if peak is not None:
        rows.append(alone("peak resident memory a node, 10⁶ nodes and their backward", "Value", peak, "B"))
    return rows
