"""XOR by squared error, and how many of ten seeds learn it."""

from typing import Any

import numpy as np

import autograd_mini as ag

from .story import INPUTS, TARGETS, Curves, Training, half_square, networks, row, say, truth_table


def start(seed: int) -> list[Any]:
    """Weights (2, 3), biases (1, 3), weights (3, 1), bias (1, 1)."""
    rng = np.random.default_rng(seed)
    return [rng.random((2, 3)), np.full((1, 3), rng.uniform(1, 3)), rng.random((3, 1)), np.ones((1, 1))]


def training(seeds: Any) -> Training:
    """The whole batch at every step, for a network or for several."""
    W1, b1, W2, b2 = params = networks(start, seeds)
    sgd = ag.optim.SGD(params, lr=0.1)
    return Training(
        lambda X: ag.sigmoid(ag.sigmoid(X @ W1 + b1) @ W2 + b2), INPUTS, TARGETS, half_square, sgd
    )


def main(seed: int) -> Curves:
    """A truth table, the biases of the first of ten networks, and how many have learnt XOR."""
    history = (how := training(range(seed, seed + 10))).fit(50_000)
    outputs = truth_table(how)
    for name, before, after in zip(("W1", "b1", "W2", "b2"), start(seed), how.optimizer.params, strict=True):
        say(f"{name}  {row(before, '.3f')}  →  {row(after.data[0], '.3f')}")
    errors = np.abs(outputs - TARGETS[:, 0]).mean(axis=1)
    say("", f"mean absolute error < 0.05: {np.sum(errors < 0.05)} of 10 seeds; they are {row(errors, '.3f')}")
    return dict(history)
