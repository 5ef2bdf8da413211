"""XOR by a 2-3-1 network, sample by sample, with every delta of the derivation."""

from typing import Any

import numpy as np

import autograd_mini as ag

from .story import INPUTS, TARGETS, Curves, Training, networks, say, truth_table


def start(seed: int) -> list[Any]:
    """Weights of shapes (1 + 2, 3) and (1 + 3, 1): 0.5·√(6 / (fan_in + fan_out)) · (U − 0.5), the bias unit's in the first row."""
    rng = np.random.default_rng(seed)
    return [0.5 * (6 / (m + n)) ** 0.5 * (rng.random((1 + m, n)) - 0.5) for m, n in ((2, 3), (3, 1))]


def forward(X: Any, theta1: Any, theta2: Any) -> dict[str, Any]:
    """Every layer for inputs (n, 2): l1 (n, 3), z2 (…, n, 3), l2 with its bias unit (…, n, 4), z3 and l3 (…, n, 1)."""
    l1 = ag.concatenate([np.ones((len(X), 1)), X], axis=1)
    z2 = l1 @ theta1
    l2 = ag.concatenate([np.ones((*z2.shape[:-1], 1)), ag.sigmoid(z2)], axis=-1)
    z3 = l2 @ theta2
    return {"l1": l1, "z2": z2, "l2": l2, "z3": z3, "l3": ag.sigmoid(z3)}


def cross_entropy(l3: Any, y: Any) -> Any:
    """Return −(y·log l3 + (1 − y)·log(1 − l3)), summed over samples and networks."""
    return -(y * ag.log(l3) + (1 - y) * ag.log(1 - l3)).sum()


def training(seeds: Any) -> Training:
    """One sample a step, always in the same order, for a network or for several."""
    thetas = networks(start, seeds)
    sgd = ag.optim.SGD(thetas, lr=0.1)
    model = lambda X: forward(X, *thetas)["l3"]  # noqa: E731
    return Training(model, INPUTS, TARGETS, cross_entropy, sgd, batch_size=1, shuffle=False)


def main(seed: int) -> Curves:
    """A truth table, and how many of ten networks have learnt XOR."""
    say("One sample a step, lr 0.1, 40,000 steps.", "")
    history = (how := training(range(seed, seed + 10))).fit(10_000)
    truth_table(how)
    return dict(history)
