"""micrograd's demo step: micrograd against us, and PyTorch's 0-d tensors against us. Each in a process of its own."""

from __future__ import annotations

from contextlib import ExitStack
from statistics import median
from typing import Any

from benchmarks.eager import scalar_nets
from benchmarks.harness import Effort, agree
from benchmarks.report import Row, Target, alone, versus
from benchmarks.workers import race, start

HERE = "benchmarks.eager.scalar_nets"
MODES = {True: "", False: ", collector off"}
RTOL = 1e-9  # of the losses and parameters after the checked steps
Contenders = dict[
    str, tuple[str, dict[str, Any]]
]  # name → (factory, arguments), as `workers.start` takes them


def race_all(contenders: Contenders, points: int, effort: Effort) -> dict[bool, dict[str, Any]]:
    """Seconds a step of each contender in each round, with the collector on (True) and off (False).

    All of them are first held to the hand-written step.
    """
    steps = 2 if effort.quick else 3
    expected = scalar_nets.by_hand(points, steps)
    with ExitStack() as stack:
        workers = start(stack, contenders)
        for name, worker in workers.items():
            agree(name, worker.call("check", steps=steps), expected, RTOL)
        calls = {name: worker.call("calls", seconds=5 * effort.seconds) for name, worker in workers.items()}
        return {collector: race(workers, calls, collector, effort) for collector in MODES}


def run(effort: Effort, peers: list[str]) -> list[Row]:
    points = 6 if effort.quick else 100
    return micrograd_rows(effort, peers, points) + torch_rows(effort, peers, points)


def micrograd_rows(effort: Effort, peers: list[str], points: int) -> list[Row]:
    """micrograd's demo on micrograd, on our Value and through our `nn.scalar`."""
    with_it = "micrograd" in peers
    contenders: Contenders = {"nn.scalar": (f"{HERE}:on_our_nn", {"points": points})}
    if with_it:
        contenders["micrograd"] = (f"{HERE}:on_micrograd", {"points": points})
        contenders["Value"] = (f"{HERE}:on_our_value", {"points": points})
        contenders["micrograd, plain"] = (f"{HERE}:on_micrograd", {"points": points, "wrapped": False})
        contenders["Value, plain"] = (f"{HERE}:on_our_value", {"points": points, "wrapped": False})
    rows = []
    for collector, times in race_all(contenders, points, effort).items():
        work = f"micrograd's demo step{MODES[collector]}"
        if not with_it:
            rows.append(alone(work, "nn.scalar", median(times["nn.scalar"]), "s", effort.rounds))
            continue
        for ours, peer, label, target in (
            ("Value", "micrograd", "Value in micrograd's nn", Target(1 / 8, "≤ 1/8, aim 1/12")),
            ("Value, plain", "micrograd, plain", "Value beside plain numbers", Target(1 / 12, "≤ 1/12")),
            ("nn.scalar", "micrograd", "nn.scalar", Target(1 / 35, "≤ 1/35, aim 1/60")),
        ):
            judged = target if collector else None
            rows.append(versus(work, label, times[ours], peer, times[peer], judged))
    return rows


def torch_rows(effort: Effort, peers: list[str], points: int) -> list[Row]:
    """The demo's graph node by node, on our Values and on PyTorch's 0-d tensors."""
    contenders: Contenders = {"Value": (f"{HERE}:graph_on_our_value", {"points": points})}
    if "torch" in peers:
        contenders["torch"] = (f"{HERE}:graph_on_torch", {"points": points})
    rows = []
    for collector, times in race_all(contenders, points, effort).items():
        work = f"the same graph, node by node{MODES[collector]}"
        if "torch" in peers:
            target = Target(1 / 4, "≤ 1/4") if collector else None
            rows.append(versus(work, "Value", times["Value"], "PyTorch 0-d tensors", times["torch"], target))
        else:
            rows.append(alone(work, "Value", median(times["Value"]), "s", effort.rounds))
    return rows
