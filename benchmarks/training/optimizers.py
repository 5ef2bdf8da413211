"""An optimiser's step alone, over a hundred small parameters whose gradients are there already."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import autograd_mini as ag
from benchmarks.contenders import by_hand
from benchmarks.eager.steps import Ways, hold_to_hand_written, rows_of
from benchmarks.harness import Effort
from benchmarks.problems import Array, Trainer
from benchmarks.report import Row, Target

SHAPES = ((16, 16), (16,))  # in turn
COUNT = 100
MOMENTUM = 0.9
TARGET = Target(0.5, "≤ 0.5")
RTOL = {"float64": 1e-12, "float32": 1e-5}
OPTIONS: dict[str, dict[str, Any]] = {
    "SGD": {"lr": 1e-3},
    "SGD with momentum": {"lr": 1e-3, "momentum": MOMENTUM},
    "Adam": {"lr": 1e-3},
}


def arrays(count: int, seed: int, dtype: str) -> list[Array]:
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(SHAPES[i % 2]).astype(dtype) for i in range(count)]


def descent(parameters: list[Array], lr: float, momentum: float = 0.0) -> by_hand.Update:
    """SGD written by hand, as a loop over the parameters; it leaves the gradients as they are."""
    velocities = [np.zeros_like(parameter) for parameter in parameters]

    def plain(gradients: list[Array]) -> None:
        for i, gradient in enumerate(gradients):
            parameters[i] -= lr * gradient

    def heavy(gradients: list[Array]) -> None:
        for i, gradient in enumerate(gradients):
            velocities[i] *= momentum
            velocities[i] += gradient
            parameters[i] -= lr * velocities[i]

    return heavy if momentum else plain


BY_HAND: dict[str, Callable[..., by_hand.Update]] = {
    "SGD": descent,
    "SGD with momentum": descent,
    "Adam": by_hand.adam,
}


def trainer(step: Callable[[], Any], parameters: Callable[[], list[Array]]) -> Trainer:
    """A Trainer whose step has no loss."""
    return Trainer(step, lambda _: 0.0, parameters)


def on_ours(kind: str, start: list[Array], gradients: list[Array]) -> dict[str, Trainer]:
    parameters = [ag.Tensor(array.copy()) for array in start]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient.copy()
    optimizer = getattr(ag.optim, kind.split()[0])(parameters, **OPTIONS[kind])
    return {"Tensor": trainer(optimizer.step, lambda: [p.data for p in parameters])}


def by_loop(kind: str, start: list[Array], gradients: list[Array]) -> dict[str, Trainer]:
    parameters = [array.copy() for array in start]
    update = BY_HAND[kind](parameters, **OPTIONS[kind])
    return {"hand-written NumPy, a loop": trainer(lambda: update(gradients), lambda: parameters)}


def on_torch(kind: str, start: list[Array], gradients: list[Array], **options: Any) -> Trainer:
    import torch

    torch.set_num_threads(1)
    parameters = [torch.from_numpy(array.copy()).requires_grad_() for array in start]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = torch.from_numpy(gradient.copy())
    optimizer = getattr(torch.optim, kind.split()[0])(parameters, **OPTIONS[kind], **options)
    return trainer(optimizer.step, lambda: [p.detach().numpy() for p in parameters])


def run(effort: Effort, peers: list[str]) -> list[Row]:
    count = 6 if effort.quick else COUNT
    rows = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the gradients were not zeroed: here they are meant to stay
        for dtype, rtol in RTOL.items():
            start, gradients = arrays(count, 6, dtype), arrays(count, 7, dtype)
            for kind in OPTIONS:
                ways: Ways = {
                    "ours": on_ours(kind, start, gradients),
                    "by_hand": by_loop(kind, start, gradients),
                }
                if "torch" in peers:
                    for name, options in (
                        ("foreach", {"foreach": True}),
                        ("a loop", {"foreach": False}),
                        ("fused", {"fused": True}),
                    ):
                        ways[name] = {f"PyTorch, {name}": on_torch(kind, start, gradients, **options)}
                work = f"{kind} alone, {count} small parameters, {dtype}"
                hold_to_hand_written(work, ways, dtype, rtol)
                judged = {"foreach": TARGET} if dtype == "float64" else {}
                rows += rows_of(work, ways, judged.get, effort)
    return rows
