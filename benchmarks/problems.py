"""The training steps that every library is given: the same network, numbers and loss, described and not computed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

L2 = 1e-4  # weight of the sum of squared parameters in the hinge loss, as in micrograd's demo


@dataclass(frozen=True)
class Problem:
    """A multi-layer perceptron, one batch and an optimiser: "sgd", plain, or "adam" with its usual betas and eps.

    `loss` is "mse" (of a sigmoid output), "squares" (squared error of a linear one), "hinge" (targets ±1, plus L2 on all
    parameters), "hinge, nn.l2" (the same, where a library has the penalty in one call), "softmax" (cross-entropy with
    integer targets) or "sigmoid" (binary cross-entropy); all are means over the batch. Layers but the last end in
    `activation`. Parameters are W0, b0, W1, b1, …, with W of shape (inputs, outputs).
    """

    title: str
    sizes: tuple[int, ...]
    activation: str  # "sigmoid" or "relu"
    loss: str
    batch: int
    lr: float
    dtype: str = "float64"
    small: bool = False  # a case whose time is all overhead: more peers, tighter targets
    optimizer: str = "sgd"
    by_hand: float | None = None  # the most that our step may take, × the same written by hand in NumPy

    @property
    def name(self) -> str:
        return f"{self.title}, {self.dtype}"

    @property
    def rtol(self) -> float:
        """How far two libraries may differ after three steps, relative to an array's largest entry."""
        return 1e-10 if self.dtype == "float64" else 1e-4

    @cached_property
    def data(self) -> tuple[Array, Array]:
        """Inputs (batch, inputs) and targets: integers (batch,) for softmax, else (batch, 1)."""
        rng = np.random.default_rng(2)
        if self.loss == "mse":
            X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=self.dtype)
            return X, np.array([[0], [1], [1], [0]], dtype=self.dtype)
        if self.loss.startswith(("hinge", "squares")):
            X, y = moons(self.batch)
            return X.astype(self.dtype), y.reshape(-1, 1).astype(self.dtype)
        X = rng.random((self.batch, self.sizes[0])).astype(self.dtype)
        if self.loss == "softmax":
            return X, rng.integers(0, self.sizes[-1], self.batch)
        return X, rng.integers(0, 2, (self.batch, 1)).astype(self.dtype)

    def initial(self) -> list[Array]:
        """Fresh copies of the initial parameters, the same for every contender."""
        rng = np.random.default_rng(3)
        parameters = []
        for inputs, outputs in pairwise(self.sizes):
            parameters.append((rng.standard_normal((inputs, outputs)) / np.sqrt(inputs)).astype(self.dtype))
            parameters.append((0.1 * rng.standard_normal(outputs)).astype(self.dtype))
        return parameters


class Trainer(NamedTuple):
    """A problem in one library's hands: `step` trains once and returns the loss as that library holds it."""

    step: Callable[[], Any]
    read: Callable[[Any], float]  # the loss as a number
    parameters: Callable[[], list[Array]]  # W0, b0, …, as arrays


def moons(points: int, noise: float = 0.1, seed: int = 1337) -> tuple[Array, Array]:
    """Two interleaving half circles with labels ±1, as scikit-learn's `make_moons` defines them, shuffled."""
    rng = np.random.default_rng(seed)
    upper, lower = np.linspace(0, np.pi, points // 2), np.linspace(0, np.pi, points - points // 2)
    x0 = np.concatenate([np.cos(upper), 1 - np.cos(lower)])
    x1 = np.concatenate([np.sin(upper), 0.5 - np.sin(lower)])
    X = np.stack([x0, x1], axis=1)
    y = np.concatenate([np.full(len(upper), -1), np.full(len(lower), 1)])
    order = rng.permutation(points)
    return X[order] + noise * rng.standard_normal((points, 2)), y[order]


_DIGITS = Problem("784-200-10 sigmoid, softmax", (784, 200, 10), "sigmoid", "softmax", 1, 0.1)

PROBLEMS: list[Problem] = [
    replace(problem, title=f"{problem.title}, batch {problem.batch}", dtype=dtype)
    for problem in (
        Problem("2-3-1 sigmoid on XOR", (2, 3, 1), "sigmoid", "mse", 4, 0.5, small=True, by_hand=2.0),
        Problem(
            "2-16-16-1 relu, hinge + L2", (2, 16, 16, 1), "relu", "hinge", 100, 0.1, small=True, by_hand=2.6
        ),
        Problem(
            "2-16-16-1 relu, hinge + nn.l2", (2, 16, 16, 1), "relu", "hinge, nn.l2", 100, 0.1, by_hand=2.0
        ),
        Problem("2-16-16-1 relu, squared error", (2, 16, 16, 1), "relu", "squares", 100, 0.1, by_hand=2.0),
        _DIGITS,
        replace(_DIGITS, batch=128),
        Problem("12288-64-1 relu, sigmoid loss", (12288, 64, 1), "relu", "sigmoid", 10, 1e-4),
    )
    for dtype in ("float64", "float32")
]


def shrunk(problem: Problem) -> Problem:
    """The same problem on tiny sizes, for the quick mode."""
    return replace(problem, sizes=tuple(min(size, 12) for size in problem.sizes), batch=min(problem.batch, 5))
