"""A scalar graph of any size, half of it a chain and half of it wide; its memory and its time. Runs inside a worker."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections.abc import Callable
from typing import Any

from benchmarks.harness import agree, calls_to_fill, seconds_per_call

A, B, X0 = 0.9, 0.1, 0.5


def mixed_graph(leaves: list[Any], nodes: int) -> Any:
    """The root of a graph of exactly `nodes` binary operations on the leaves a, b, x (`nodes` a multiple of 4).

    Half are a chain x = x*a, x = x+b, …; a quarter are products a*b of leaves, side by side, and a quarter sums them.
    """
    a, b, x = leaves
    for _ in range(nodes // 4):
        x = x * a
        x = x + b
    total = x
    for product in [a * b for _ in range(nodes // 4)]:
        total = total + product
    return total


def expected(nodes: int) -> list[float]:
    """The root's value and its derivatives by a, b and x0, through dual numbers for the chain."""
    value, da, db, dx = X0, 0.0, 0.0, 1.0
    for _ in range(nodes // 4):
        value, da, db, dx = value * A + B, da * A + value, db * A + 1.0, dx * A
    wide = nodes // 4
    return [value + wide * A * B, da + wide * B, db + wide * A, dx]


class Graph:
    """One engine's `Value` and one size."""

    def __init__(self, Value: Callable[[float], Any], nodes: int) -> None:
        self.Value, self.nodes = Value, nodes

    def record(self) -> tuple[list[Any], Any]:
        leaves = [self.Value(number) for number in (A, B, X0)]
        return leaves, mixed_graph(leaves, self.nodes)

    def once(self) -> None:
        """Record, go back, drop."""
        _, root = self.record()
        root.backward()

    def check(self) -> None:
        """Raise `Disagreement` unless value and gradients are right."""
        leaves, root = self.record()
        root.backward()
        got = [float(root.data), *(float(leaf.grad) for leaf in leaves)]
        for mine, theirs in zip(got, expected(self.nodes), strict=True):
            agree(
                f"{self.nodes} nodes", [1 + mine], [1 + theirs], 1e-9
            )  # 1 + …: the last underflows on long chains

    def calls(self, seconds: float) -> int:
        return calls_to_fill(self.once, seconds)

    def time(self, calls: int, collector: bool) -> float:
        """Seconds a node to record, go back and drop, with the collector on or off."""
        gc.collect()
        if not collector:
            gc.disable()
        try:
            return seconds_per_call(self.once, calls) / self.nodes
        finally:
            gc.enable()

    def bytes_recorded(self) -> list[float]:
        """Bytes a node as recorded, and after a backward, by tracemalloc."""
        gc.collect()
        tracemalloc.start()
        before, _ = tracemalloc.get_traced_memory()
        leaves, root = self.record()
        recorded, _ = tracemalloc.get_traced_memory()
        if sys.getrecursionlimit() > self.nodes or "autograd_mini" in type(root).__module__:
            root.backward()
        after, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        del leaves, root
        return [(recorded - before) / self.nodes, (after - before) / self.nodes]

    def peak_bytes(self) -> float | None:
        """Growth of the peak resident memory over a record and backward, in bytes a node; None where it is not told."""
        try:
            import resource
        except ImportError:
            return None
        unit = 1 if sys.platform == "darwin" else 1024
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        self.once()
        return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * unit / self.nodes


def ours(nodes: int) -> Graph:
    import autograd_mini as ag

    return Graph(ag.Value, nodes)


def micrograd(nodes: int) -> Graph:
    from micrograd.engine import Value

    return Graph(Value, nodes)
