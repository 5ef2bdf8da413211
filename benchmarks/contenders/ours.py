"""The step on our Tensors, as our README would write it."""

from __future__ import annotations

from typing import Any

import autograd_mini as ag
from benchmarks.problems import L2, Problem, Trainer

OPTIMIZERS: dict[str, Any] = {"sgd": ag.optim.SGD, "adam": ag.optim.Adam}


def loss_of(problem: Problem, pred: Any, y: Any, parameters: list[Any]) -> Any:
    """The problem's loss as a node."""
    match problem.loss:
        case "mse":
            return ag.nn.mse(ag.sigmoid(pred), y)
        case "squares":
            return ag.nn.mse(pred, y)
        case "hinge, nn.l2":
            return ag.nn.hinge(pred, y) + ag.nn.l2(parameters, L2)
        case "hinge":
            return ag.mean(ag.relu(1 - y * pred)) + L2 * sum(ag.sum(ag.square(p)) for p in parameters)
        case "softmax":
            return ag.nn.cross_entropy(pred, y)
        case _:
            return ag.nn.binary_cross_entropy_with_logits(pred, y)


def started(problem: Problem) -> tuple[Any, list[Any]]:
    """The problem's network with its initial numbers, and its parameters."""
    model = ag.nn.MLP(list(problem.sizes), activation=problem.activation, rng=0, dtype=problem.dtype)
    parameters = list(model.parameters())
    for parameter, start in zip(parameters, problem.initial(), strict=True):
        parameter.data[...] = start
    return model, parameters


def trainers(problem: Problem) -> dict[str, Trainer]:
    X, y = problem.data
    model, parameters = started(problem)
    optimizer = OPTIMIZERS[problem.optimizer](parameters, lr=problem.lr)

    def step() -> Any:
        optimizer.zero_grad()
        loss = loss_of(problem, model(X), y, parameters)
        loss.backward()
        optimizer.step()
        return loss

    return {"Tensor": Trainer(step, lambda loss: float(loss.data), lambda: [p.data for p in parameters])}
