"""The fourth derivative of a function of one number: the gradient of the gradient of the gradient of the gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import autograd_mini as ag
from benchmarks.derivatives.contest import contest
from benchmarks.harness import Effort
from benchmarks.problems import Array
from benchmarks.report import Row, Target

ORDER = 4
POINT = 0.7
RTOL = 1e-10
GRAD = "Value, grad(grad(grad(grad(f))))"
CREATE_GRAPH = "PyTorch, create_graph"
TARGET = Target(0.2, "≤ 0.2")


def function(lib: Any) -> Callable[[Any], Any]:
    """sin(x²) eˣ / (1 + x²) in the words of that library."""
    return lambda x: lib.sin(x * x) * lib.exp(x) / (1 + x * x)


def nested(grad: Callable[..., Any], f: Callable[..., Any]) -> Callable[..., Any]:
    for _ in range(ORDER):
        f = grad(f)
    return f


def by_hand() -> Array:
    """The derivative by Cauchy's integral on a circle that stays clear of the poles at ±i; exact but for rounding."""
    radius, count = 0.5, 128
    turn = np.exp(2j * np.pi * np.arange(count) / count)
    mean = np.mean(function(np)(POINT + radius * turn) / turn**ORDER)
    return np.asarray(mean.real * 24 / radius**ORDER)  # 24 = 4!


def torch_works() -> dict[str, Callable[[], Any]]:
    """`autograd.grad` four times, the last without a graph of its own; and the nested transformations of torch.func."""
    import torch

    torch.set_num_threads(1)
    f = function(torch)
    point = torch.tensor(POINT, dtype=torch.float64)
    transformed = nested(torch.func.grad, f)

    def by_create_graph() -> Any:
        x = point.detach().requires_grad_()
        y = f(x)
        for order in range(1, ORDER + 1):
            (y,) = torch.autograd.grad(y, x, create_graph=order < ORDER)
        return y

    return {CREATE_GRAPH: by_create_graph, "PyTorch, nested func.grad": lambda: transformed(point)}


def run(effort: Effort, peers: list[str]) -> list[Row]:
    f = function(ag)
    by_grad, by_derivative = nested(ag.grad, f), ag.derivative(f, ORDER)
    ours = {GRAD: lambda: by_grad(POINT), f"Value, derivative(f, {ORDER})": lambda: by_derivative(POINT)}
    others = torch_works() if "torch" in peers else {}
    targets = {(GRAD, CREATE_GRAPH): TARGET}
    title = "4th derivative of sin(x²) eˣ / (1 + x²)"
    return contest(title, ours, others, by_hand(), RTOL, targets, effort.step_rounds, effort)
