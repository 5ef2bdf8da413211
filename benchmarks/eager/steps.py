"""One training step on Tensors: zero_grad, forward, loss, backward, SGD. All libraries in one process, in turn."""

from __future__ import annotations

import gc
import importlib
import warnings
from collections.abc import Callable
from functools import partial

from benchmarks.harness import Effort, agree, calls_to_fill, collected, interleave
from benchmarks.problems import PROBLEMS, Problem, Trainer, shrunk
from benchmarks.report import Row, Target, versus

CHECKED_STEPS = 3
Ways = dict[
    str, dict[str, Trainer]
]  # "ours", "by_hand", peers → label → Trainer, one for each way of writing the same


def target(peer: str, problem: Problem) -> Target | None:
    """What the ratio to this peer must keep on this problem."""
    if peer == "by_hand":
        return problem.by_hand and Target(problem.by_hand, f"≤ {problem.by_hand:g}")
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
    tries = interleave(
        {name: collected(trainer.step, calls[name]) for name, trainer in trainers.items()}, 5, 0
    )
    best = min(tries, key=lambda name: min(tries[name]))
    return best, trainers[best]


def contenders(problem: Problem, peers: list[str]) -> Ways:
    """For ours, the hand-written step and each peer: its ways of writing the step, after all were found to agree."""
    ways: Ways = {}
    for name in ["ours", "by_hand", *peers]:
        module = importlib.import_module(f"benchmarks.contenders.{name}")
        ways[name] = module.trainers(problem)
        if hasattr(module, "extra"):
            ways |= {label: {label: trainer} for label, trainer in module.extra(problem).items()}
    hold_to_hand_written(problem.name, ways, problem.dtype, problem.rtol)
    return ways


def hold_to_hand_written(where: str, ways: Ways, dtype: str, rtol: float) -> None:
    """Raise `Disagreement` unless every way gives the losses and parameters of the one written by hand."""
    labelled = {label: trainer for trainers in ways.values() for label, trainer in trainers.items()}
    [reference] = ways["by_hand"]
    expected = state_after(labelled.pop(reference), CHECKED_STEPS)
    for label, trainer in labelled.items():
        agree(f"{label} on {where}", state_after(trainer, CHECKED_STEPS), expected, rtol)
        dtypes = {str(array.dtype) for array in trainer.parameters()}
        assert dtypes == {dtype}, f"{label} on {where} holds its parameters as {dtypes}"


def rows_of(work: str, ways: Ways, target: Callable[[str], Target | None], effort: Effort) -> list[Row]:
    """One row a contender, each against ours, with the target set for its name."""
    gc.collect()
    gc.freeze()  # what the imports left behind is nobody's cost
    try:
        chosen = {name: fastest(trainers, effort) for name, trainers in ways.items()}
        calls = {name: calls_to_fill(trainer.step, effort.seconds) for name, (_, trainer) in chosen.items()}
        times = interleave(
            {name: collected(trainer.step, calls[name]) for name, (_, trainer) in chosen.items()},
            effort.step_rounds,
            effort.warmups,
        )
    finally:
        gc.unfreeze()
    ours = chosen["ours"][0]
    return [
        versus(work, ours, times["ours"], label, times[name], target(name))
        for name, (label, _) in chosen.items()
        if name != "ours"
    ]


def race_each(
    work: str,
    contenders: Callable[[Problem], Ways],
    target: Callable[[str, Problem], Target | None],
    effort: Effort,
) -> list[Row]:
    """The rows of every problem, small ones in the quick mode."""
    rows = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a peer's deprecations are not ours
        for problem in PROBLEMS:
            ways = contenders(shrunk(problem) if effort.quick else problem)
            rows += rows_of(f"{work}, {problem.name}", ways, partial(target, problem=problem), effort)
    return rows


def run(effort: Effort, peers: list[str]) -> list[Row]:
    def ways(problem: Problem) -> Ways:
        return contenders(problem, peers_for(problem, peers))

    return race_each("step", ways, target, effort)
