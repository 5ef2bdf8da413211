"""micrograd's demo step replayed from scalar code, value and all gradients: a tape beside CasADi and ddx-ad; and what recording costs."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

import autograd_mini as ag
from benchmarks.compiled.rosenbrock import casadi_buffered
from benchmarks.derivatives.contest import contest
from benchmarks.harness import Effort
from benchmarks.problems import Array
from benchmarks.report import Row, Target, alone

Works = dict[str, Callable[[], Any]]
OURS = "tape"
TARGETS = {(OURS, "CasADi, buffered"): Target(0.2, "≤ 0.2"), (OURS, "ddx-ad"): Target(0.45, "≤ 0.45")}
A_NODE = Target(2.5e-6, "≤ 2.5 µs")


def loss(weights: Any, sizes: list[int], points: Any, relu: Callable[[Any], Any]) -> Any:
    """Hinge loss and L2 of a net whose weights and biases come one after the other, as one writes it on single numbers."""
    total = 0.0
    for *x, label in points:
        given, out = iter(weights), list(x)
        for layer, count in enumerate(sizes[1:], 2):
            sums = [sum((next(given) * v for v in out), 0.0) + next(given) for _ in range(count)]
            out = sums if layer == len(sizes) else [relu(s) for s in sums]
        total = total + relu(1.0 + -label * out[0])
    return total * (1.0 / len(points)) + 1e-4 * sum(w * w for w in weights)


def by_casadi(start: Array, *problem: Any) -> Works:
    import casadi

    s = casadi.SX.sym("w", start.size)
    value = loss([s[i] for i in range(start.size)], *problem, lambda x: casadi.fmax(x, 0))
    return casadi_buffered(s, value, start)


def by_ddx(start: Array, *problem: Any) -> Works:
    import ddx

    def equation() -> Any:
        weights = [ddx.var(f"w{i:04d}") for i in range(start.size)]
        return loss(weights, *problem, lambda x: ddx.max(x, 0.0))

    found = ddx.equation(equation)
    return {"ddx-ad": lambda: found.jacobian(start)[1]}


def run(effort: Effort, peers: list[str]) -> list[Row]:
    sizes = [2, 3, 1] if effort.quick else [2, 16, 16, 1]
    rng = np.random.default_rng(0)
    points = [
        (*x, 1.0 if x[0] * x[1] > 0 else -1.0)
        for x in rng.normal(size=(6 if effort.quick else 100, 2)).tolist()
    ]
    start = rng.uniform(-1, 1, sum(n * m + m for n, m in pairwise(sizes)))
    problem = sizes, points

    def f(weights: Any) -> Any:
        return loss(weights, *problem, ag.relu)

    others = {"casadi": by_casadi, "ddx": by_ddx}
    found: Works = {}
    for name in [name for name in others if name in peers]:
        found |= others[name](start, *problem)
    given, slope = start.tolist(), ag.value_and_grad(f)
    compiled = ag.compile(slope, engine="tape")
    title = f"micrograd's demo step replayed from scalar code, {len(points)} points"
    expected = np.array(slope(given)[1])
    rows = contest(
        title, {OURS: lambda: compiled(given)[1]}, found, expected, 1e-9, TARGETS, effort.rounds, effort
    )
    nodes, times = count_of_nodes(f, given), []
    for _ in range(effort.rounds):
        begun = time.process_time()
        ag.compile(slope, engine="tape")(given)
        times.append((time.process_time() - begun) / nodes)
    return [
        *rows,
        alone(
            f"{title}: recorded and lowered, a node",
            OURS,
            statistics.median(times),
            "s",
            effort.rounds,
            A_NODE,
        ),
    ]


def count_of_nodes(f: Callable[[Any], Any], given: list[float]) -> int:
    """How many variables the graph has."""
    stack, seen = [f([ag.Value(w) for w in given])], set()
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            stack += [parent for parent in node.parents if parent.requires_grad]
    return len(seen)
