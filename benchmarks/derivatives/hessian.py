"""The Hessian of the 100-dimensional Rosenbrock function, written on arrays; every library gets the same function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import autograd_mini as ag
from benchmarks.derivatives.contest import contest
from benchmarks.harness import Effort
from benchmarks.problems import Array
from benchmarks.report import Row, Target

HIPS = "HIPS autograd"
TARGET = Target(0.8, "≤ 0.8")
RTOL = 1e-12


def rosenbrock(x: Any) -> Any:
    """Σ 100 (xᵢ₊₁ − xᵢ²)² + (1 − xᵢ)², on any library's arrays."""
    a, b = x[:-1], x[1:]
    return (100.0 * (b - a**2) ** 2 + (1.0 - a) ** 2).sum()


def by_hand(x: Array) -> Array:
    """Its Hessian, which has three diagonals."""
    a, b = x[:-1], x[1:]
    middle = np.append(1200 * a**2 - 400 * b + 2, 0.0) + np.append(0.0, np.full_like(a, 200.0))
    return np.diag(middle) + np.diag(-400 * a, 1) + np.diag(-400 * a, -1)


def peers_of(peers: list[str], x: Array) -> dict[str, Callable[[], Any]]:
    works: dict[str, Callable[[], Any]] = {}
    if "autograd" in peers:
        import autograd

        hips = autograd.hessian(rosenbrock)
        works[HIPS] = lambda: hips(x)
    if "torch" in peers:
        import torch

        torch.set_num_threads(1)
        point = torch.from_numpy(x)
        batched = torch.func.hessian(rosenbrock)
        works["PyTorch, func.hessian"] = lambda: batched(point)
        works["PyTorch, autograd.functional.hessian"] = lambda: torch.autograd.functional.hessian(
            rosenbrock, point
        )
    return works


def run(effort: Effort, peers: list[str]) -> list[Row]:
    size = 6 if effort.quick else 100
    x = np.random.default_rng(4).uniform(-2, 2, size)
    ours = ag.hessian(rosenbrock)
    title = f"Hessian of {size}-d Rosenbrock"
    works, others = {"hessian": lambda: ours(x)}, peers_of(peers, x)
    return contest(title, works, others, by_hand(x), RTOL, {("hessian", HIPS): TARGET}, effort.rounds, effort)
