"""The step in MyGrad, with its fused losses, as it comes; `extra` has it with the memory guard off.

MyGrad locks arrays that a graph holds, against being written to. Its documentation says to test code with the guard on,
and that it may then be turned off for speed.
"""

from __future__ import annotations

from typing import Any

import mygrad
from mygrad.nnet.activations import relu, sigmoid
from mygrad.nnet.losses import softmax_crossentropy

from benchmarks.problems import L2, Problem, Trainer

mg: Any = mygrad


def loss_of(problem: Problem, pred: Any, y: Any, parameters: list[Any]) -> Any:
    """The problem's loss as a MyGrad tensor."""
    match problem.loss:
        case "mse":
            return mg.mean((sigmoid(pred) - y) ** 2)
        case "hinge":
            return mg.mean(relu(1 - y * pred)) + L2 * sum(mg.sum(p**2) for p in parameters)
        case "softmax":
            return softmax_crossentropy(pred, y)
        case _:
            return mg.mean(mg.logaddexp(0, pred) - y * pred)


def trainer(problem: Problem, guard: bool) -> Trainer:
    X, y = problem.data
    parameters = [mg.tensor(array) for array in problem.initial()]
    layers = list(zip(parameters[::2], parameters[1::2], strict=True))
    activation = relu if problem.activation == "relu" else sigmoid

    switch = mg.turn_memory_guarding_on if guard else mg.turn_memory_guarding_off

    def step() -> Any:
        switch()
        h: Any = X
        for W, b in layers[:-1]:
            h = activation(mg.matmul(h, W) + b)
        W, b = layers[-1]
        loss = loss_of(problem, mg.matmul(h, W) + b, y, parameters)
        loss.backward()
        for parameter in parameters:
            parameter.data -= problem.lr * parameter.grad
        return loss

    return Trainer(step, lambda loss: float(loss.item()), lambda: [p.data for p in parameters])


def trainers(problem: Problem) -> dict[str, Trainer]:
    return {"MyGrad": trainer(problem, guard=True)}


def extra(problem: Problem) -> dict[str, Trainer]:
    return {"MyGrad, memory guard off": trainer(problem, guard=False)}
