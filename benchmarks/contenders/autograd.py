"""The step in HIPS autograd: the loss as a NumPy function of the parameters, and `value_and_grad` of it."""

from __future__ import annotations

from typing import Any

import autograd.numpy as anp
import numpy as np
from autograd import value_and_grad

from benchmarks.problems import L2, Problem, Trainer


def sigmoid(z: Any) -> Any:
    return 1 / (1 + anp.exp(-z))


def loss_of(problem: Problem, pred: Any, y: Any, parameters: tuple[Any, ...]) -> Any:
    """The problem's loss, in autograd's NumPy."""
    match problem.loss:
        case "mse":
            return anp.mean((sigmoid(pred) - y) ** 2)
        case "hinge":
            return anp.mean(anp.maximum(1 - y * pred, 0)) + L2 * sum(anp.sum(p * p) for p in parameters)
        case "softmax":
            peak = anp.max(pred, axis=1, keepdims=True)
            scores = pred - peak - anp.log(anp.sum(anp.exp(pred - peak), axis=1, keepdims=True))
            return -anp.mean(scores[anp.arange(len(y)), y])
        case _:
            return anp.mean(anp.logaddexp(0, pred) - y * pred)


def trainers(problem: Problem) -> dict[str, Trainer]:
    X, y = problem.data
    parameters = problem.initial()
    relu = problem.activation == "relu"

    def objective(*parameters: Any) -> Any:
        h = X
        for position in range(0, len(parameters) - 2, 2):
            z = anp.dot(h, parameters[position]) + parameters[position + 1]
            h = anp.maximum(z, 0) if relu else sigmoid(z)
        return loss_of(problem, anp.dot(h, parameters[-2]) + parameters[-1], y, parameters)

    both = value_and_grad(objective, argnum=tuple(range(len(parameters))))

    def step() -> Any:
        loss, gradients = both(*parameters)
        for parameter, gradient in zip(parameters, gradients, strict=True):
            np.subtract(parameter, problem.lr * gradient, out=parameter)
        return loss

    return {"HIPS autograd": Trainer(step, float, lambda: parameters)}
