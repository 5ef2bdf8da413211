"""One training step on Tensors: zero_grad, forward, loss, backward, SGD. All libraries in one process, in turn."""

from __future__ import annotations

import gc
import importlib
import warnings

from benchmarks.harness import Effort, agree, calls_to_fill, collected, interleave
from benchmarks.problems import PROBLEMS, Problem, Trainer, shrunk
from benchmarks.report import Row, Target, versus

CHECKED_STEPS = 3


def target(peer: str, problem: Problem) -> Target | None:
    """What the ratio to this peer must keep on this problem."""
    limits = {"torch": 0.6 if problem.small else 1.0, "autograd": 0.35, "mygrad": 0.45}
    if peer not in limits or (peer != "torch" and not problem.small):
        return None
    return Target(limits[peer], f"≤ {limits[peer]:g}")


def peers_for(problem: Problem, peers: list[str]) -> list[str]:
    """HIPS autograd and MyGrad take part in the two small problems only."""
    return [name for name in peers if name == "torch" or (problem.small and name in ("autograd", "mygrad"))]


def state_after(trainer: Trainer, steps: int) -> list[object]:
    """The losses of the first steps, and the parameters after them."""
    losses = [trainer.read(trainer.step()) for _ in range(steps)]
    return [losses, *trainer.parameters()]


def fastest(trainers: dict[str, Trainer], effort: Effort) -> tuple[str, Trainer]:
    """Of several ways to write the step in one library, the fastest: the best of five short tries each, in turn."""
    if len(trainers) == 1 or effort.quick:
        return next(iter(trainers.items()))
    calls = {name: calls_to_fill(trainer.step, effort.seconds) for name, trainer in trainers.items()}
    tries = interleave({name: collected(trainer.step, calls[name]) for name, trainer in trainers.items()}, 5, 0)
    best = min(tries, key=lambda name: min(tries[name]))
    return best, trainers[best]


def contenders(problem: Problem, peers: list[str]) -> dict[str, dict[str, Trainer]]:
    """For ours, the hand-written step and each peer: its ways of writing the step, after all were found to agree."""
    modules = {"ours": "ours", "by_hand": "by_hand", **{name: name for name in peers_for(problem, peers)}}
    ways: dict[str, dict[str, Trainer]] = {}
    for name, file in modules.items():
        module = importlib.import_module(f"benchmarks.contenders.{file}")
        ways[name] = module.trainers(problem)
        if hasattr(module, "extra") and (more := module.extra(problem)):
            ways[f"{name} extra"] = more
    [by_hand] = ways["by_hand"].values()
    expected = state_after(by_hand, CHECKED_STEPS)
    for name, trainers in ways.items():
        for label, trainer in trainers.items():
            if name != "by_hand":
                got = state_after(trainer, CHECKED_STEPS)
                agree(f"{label} on {problem.name}", got, expected, problem.rtol)
                dtypes = {str(array.dtype) for array in trainer.parameters()}
                assert dtypes == {problem.dtype}, f"{label} on {problem.name} holds its parameters as {dtypes}"
    return ways


def rows_of(problem: Problem, peers: list[str], effort: Effort) -> list[Row]:
    """One row a contender, each against ours."""
    ways = contenders(problem, peers)
    gc.collect()
    gc.freeze()  # what the imports left behind is nobody's cost
    chosen = {name: fastest(trainers, effort) for name, trainers in ways.items()}
    calls = {name: calls_to_fill(trainer.step, effort.seconds) for name, (_, trainer) in chosen.items()}
    times = interleave(
        {name: collected(trainer.step, calls[name]) for name, (_, trainer) in chosen.items()},
        effort.step_rounds,
        effort.warmups,
    )
    return [
        versus(f"step, {problem.name}", "Tensor", times["ours"], label, times[name], target(name, problem))
        for name, (label, _) in chosen.items()
        if name != "ours"
    ]


def run(effort: Effort, peers: list[str]) -> list[Row]:
    rows = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a peer's deprecations are not ours
        for problem in PROBLEMS:
            try:
                rows += rows_of(shrunk(problem) if effort.quick else problem, peers, effort)
            finally:
                gc.unfreeze()
    return rows
