"""The step as hand-written NumPy: what a user would have without us. Each problem is written out, as one would."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.problems import L2, Array, Problem, Trainer


def sigmoid(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


def xor_step(X: Array, y: Array, P: list[Array], lr: float) -> Any:
    """Mean squared error of a sigmoid output, one sigmoid hidden layer."""
    W0, b0, W1, b1 = P
    h = sigmoid(np.dot(X, W0) + b0)
    p = sigmoid(np.dot(h, W1) + b1)
    error = p - y
    dz1 = (2 / y.size) * error * p * (1 - p)
    dz0 = np.dot(dz1, W1.T) * h * (1 - h)
    W1 -= lr * np.dot(h.T, dz1)
    b1 -= lr * dz1.sum(axis=0)
    W0 -= lr * np.dot(X.T, dz0)
    b0 -= lr * dz0.sum(axis=0)
    return np.mean(error * error)


def hinge_step(X: Array, y: Array, P: list[Array], lr: float) -> Any:
    """Hinge loss with L2 on all parameters, two relu hidden layers."""
    W0, b0, W1, b1, W2, b2 = P
    h0 = np.maximum(np.dot(X, W0) + b0, 0)
    h1 = np.maximum(np.dot(h0, W1) + b1, 0)
    margin = 1 - y * (np.dot(h1, W2) + b2)
    loss = np.mean(np.maximum(margin, 0)) + L2 * sum(np.vdot(p, p) for p in P)
    dz2 = y * (margin > 0) * (-1 / y.size)
    dz1 = np.dot(dz2, W2.T) * (h1 > 0)
    dz0 = np.dot(dz1, W1.T) * (h0 > 0)
    W2 -= lr * (np.dot(h1.T, dz2) + 2 * L2 * W2)
    b2 -= lr * (dz2.sum(axis=0) + 2 * L2 * b2)
    W1 -= lr * (np.dot(h0.T, dz1) + 2 * L2 * W1)
    b1 -= lr * (dz1.sum(axis=0) + 2 * L2 * b1)
    W0 -= lr * (np.dot(X.T, dz0) + 2 * L2 * W0)
    b0 -= lr * (dz0.sum(axis=0) + 2 * L2 * b0)
    return loss


def softmax_step(X: Array, y: Array, P: list[Array], lr: float) -> Any:
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
    W1 -= lr * np.dot(h.T, dz1)
    b1 -= lr * dz1.sum(axis=0)
    W0 -= lr * np.dot(X.T, dz0)
    b0 -= lr * dz0.sum(axis=0)
    return loss


def sigmoid_step(X: Array, y: Array, P: list[Array], lr: float) -> Any:
    """Binary cross-entropy from logits, one relu hidden layer."""
    W0, b0, W1, b1 = P
    h = np.maximum(np.dot(X, W0) + b0, 0)
    z = np.dot(h, W1) + b1
    loss = np.mean(np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z))))
    dz1 = (sigmoid(z) - y) / y.size
    dz0 = np.dot(dz1, W1.T) * (h > 0)
    W1 -= lr * np.dot(h.T, dz1)
    b1 -= lr * dz1.sum(axis=0)
    W0 -= lr * np.dot(X.T, dz0)
    b0 -= lr * dz0.sum(axis=0)
    return loss


STEPS = {"mse": xor_step, "hinge": hinge_step, "softmax": softmax_step, "sigmoid": sigmoid_step}


def trainers(problem: Problem) -> dict[str, Trainer]:
    X, y = problem.data
    parameters = problem.initial()
    step = STEPS[problem.loss]
    return {"hand-written NumPy": Trainer(lambda: step(X, y, parameters, problem.lr), float, lambda: parameters)}
