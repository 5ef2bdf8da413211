"""The step as hand-written NumPy: what a user would have without us. Each problem is written out, as one would."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.problems import L2, Array, Problem, Trainer

Update = Callable[[list[Array]], None]  # changes the parameters by the gradients it is given


def sigmoid(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


def xor_gradients(X: Array, y: Array, P: list[Array]) -> tuple[Any, list[Array]]:
    """Mean squared error of a sigmoid output, one sigmoid hidden layer."""
    W0, b0, W1, b1 = P
    h = sigmoid(np.dot(X, W0) + b0)
    p = sigmoid(np.dot(h, W1) + b1)
    error = p - y
    dz1 = (2 / y.size) * error * p * (1 - p)
    dz0 = np.dot(dz1, W1.T) * h * (1 - h)
    return np.mean(error * error), [np.dot(X.T, dz0), dz0.sum(axis=0), np.dot(h.T, dz1), dz1.sum(axis=0)]


def hinge_gradients(X: Array, y: Array, P: list[Array]) -> tuple[Any, list[Array]]:
    """Hinge loss with L2 on all parameters, two relu hidden layers."""
    W0, b0, W1, b1, W2, b2 = P
    h0 = np.maximum(np.dot(X, W0) + b0, 0)
    h1 = np.maximum(np.dot(h0, W1) + b1, 0)
    margin = 1 - y * (np.dot(h1, W2) + b2)
    loss = np.mean(np.maximum(margin, 0)) + L2 * sum(np.vdot(p, p) for p in P)
    dz2 = y * (margin > 0) * (-1 / y.size)
    dz1 = np.dot(dz2, W2.T) * (h1 > 0)
    dz0 = np.dot(dz1, W1.T) * (h0 > 0)
    return loss, [
        np.dot(X.T, dz0) + 2 * L2 * W0,
        dz0.sum(axis=0) + 2 * L2 * b0,
        np.dot(h0.T, dz1) + 2 * L2 * W1,
        dz1.sum(axis=0) + 2 * L2 * b1,
        np.dot(h1.T, dz2) + 2 * L2 * W2,
        dz2.sum(axis=0) + 2 * L2 * b2,
    ]


def squares_gradients(X: Array, y: Array, P: list[Array]) -> tuple[Any, list[Array]]:
    """Mean squared error of a linear output, two relu hidden layers."""
    W0, b0, W1, b1, W2, b2 = P
    h0 = np.maximum(np.dot(X, W0) + b0, 0)
    h1 = np.maximum(np.dot(h0, W1) + b1, 0)
    error = np.dot(h1, W2) + b2 - y
    dz2 = (2 / y.size) * error
    dz1 = np.dot(dz2, W2.T) * (h1 > 0)
    dz0 = np.dot(dz1, W1.T) * (h0 > 0)
    return np.mean(error * error), [
        np.dot(X.T, dz0),
        dz0.sum(axis=0),
        np.dot(h0.T, dz1),
        dz1.sum(axis=0),
        np.dot(h1.T, dz2),
        dz2.sum(axis=0),
    ]


def softmax_gradients(X: Array, y: Array, P: list[Array]) -> tuple[Any, list[Array]]:
    """Softmax cross-entropy, one sigmoid hidden layer."""
    W0, b0, W1, b1 = P
    h = sigmoid(np.dot(X, W0) + b0)
    z = np.dot(h, W1) + b1
    z -= z.max(axis=1, keepdims=True)
    e = np.exp(z)
    total = e.sum(axis=1, keepdims=True)
    rows = np.arange(len(y))
    loss = np.mean(np.log(total[:, 0]) - z[rows, y])
    dz1 = e / total
    dz1[rows, y] -= 1
    dz1 /= len(y)
    dz0 = np.dot(dz1, W1.T) * h * (1 - h)
    return loss, [np.dot(X.T, dz0), dz0.sum(axis=0), np.dot(h.T, dz1), dz1.sum(axis=0)]


def sigmoid_gradients(X: Array, y: Array, P: list[Array]) -> tuple[Any, list[Array]]:
    """Binary cross-entropy from logits, one relu hidden layer."""
    W0, b0, W1, b1 = P
    h = np.maximum(np.dot(X, W0) + b0, 0)
    z = np.dot(h, W1) + b1
    loss = np.mean(np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z))))
    dz1 = (sigmoid(z) - y) / y.size
    dz0 = np.dot(dz1, W1.T) * (h > 0)
    return loss, [np.dot(X.T, dz0), dz0.sum(axis=0), np.dot(h.T, dz1), dz1.sum(axis=0)]


def sgd(parameters: list[Array], lr: float) -> Update:
    """Plain gradient descent. It uses the gradients up: nobody needs them after, and no new array is made."""

    def update(gradients: list[Array]) -> None:
        for i in range(len(parameters)):
            gradients[i] *= lr
            parameters[i] -= gradients[i]

    return update


def adam(parameters: list[Array], lr: float) -> Update:
    """Adam with its usual constants."""
    b1, b2, eps = 0.9, 0.999, 1e-8
    means = [np.zeros_like(parameter) for parameter in parameters]
    squares = [np.zeros_like(parameter) for parameter in parameters]
    count = 0

    def update(gradients: list[Array]) -> None:
        nonlocal count
        count += 1
        rate, root = lr / (1 - b1**count), (1 - b2**count) ** 0.5
        for i, gradient in enumerate(gradients):
            means[i] *= b1
            means[i] += (1 - b1) * gradient
            squares[i] *= b2
            squares[i] += (1 - b2) * gradient * gradient
            parameters[i] -= rate * means[i] / (np.sqrt(squares[i]) / root + eps)

    return update


GRADIENTS = {
    "mse": xor_gradients,
    "squares": squares_gradients,
    "hinge": hinge_gradients,
    "hinge, nn.l2": hinge_gradients,
    "softmax": softmax_gradients,
    "sigmoid": sigmoid_gradients,
}
OPTIMIZERS = {"sgd": sgd, "adam": adam}


def trainers(problem: Problem) -> dict[str, Trainer]:
    X, y = problem.data
    parameters = problem.initial()
    gradients, update = GRADIENTS[problem.loss], OPTIMIZERS[problem.optimizer](parameters, problem.lr)

    def step() -> Any:
        loss, found = gradients(X, y, parameters)
        update(found)
        return loss

    return {"hand-written NumPy": Trainer(step, float, lambda: parameters)}
