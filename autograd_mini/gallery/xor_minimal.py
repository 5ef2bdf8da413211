"""XOR by squared error, and how many of ten seeds learn it.

Asked: Is there a small network that learns XOR?
Wrong: Nothing, as the audit says; but `uniform(1, 3)` is one number between 1 and 3, not an array of shape (1, 3), so that all hidden
biases start alike.
Works: 2-3-1 sigmoid, weights U(0, 1), whole batch, lr 0.1, up to 50,000 epochs. From the first step on each neuron has a bias of
its own, since its gradient has the layer's shape, summed over the batch.
"""

from typing import Any

import numpy as np

import autograd_mini as ag

from .story import Told, audited, program, row, say, stacked, steps

ASKED = """import numpy as np
rng = np.random.default_rng(0)
X, T = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([[0], [1], [1], [0]])
W1, b1 = rng.random((2, 3)), rng.uniform(1, 3)
W2, b2 = rng.random((3, 1)), rng.uniform(1, 1)
for epoch in range(50_000):
    H = 1 / (1 + np.exp(-(X @ W1 + b1)))
    P = 1 / (1 + np.exp(-(H @ W2 + b2)))
    delta2 = (T - P) * P * (1 - P)
    delta1 = delta2 @ W2.T * H * (1 - H)
    W2 += 0.1 * H.T @ delta2
    b2 += 0.1 * delta2.sum(axis=0, keepdims=True)
    W1 += 0.1 * X.T @ delta1
    b1 += 0.1 * delta1.sum(axis=0, keepdims=True)
"""
INPUTS = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
TARGETS = np.array([[0.0], [1.0], [1.0], [0.0]])


def start(seed: int) -> list[Any]:
    """Weights (2, 3), biases (1, 3), weights (3, 1), bias (1, 1)."""
    rng = np.random.default_rng(seed)
    return [rng.random((2, 3)), np.full((1, 3), rng.uniform(1, 3)), rng.random((3, 1)), np.ones((1, 1))]


def forward(W1: Any, b1: Any, W2: Any, b2: Any) -> Any:
    """The outputs (…, 4, 1) for the four inputs."""
    return ag.sigmoid(ag.sigmoid(INPUTS @ W1 + b1) @ W2 + b2)


def learn(seeds: Any, epochs: int = 50_000) -> tuple[list[Any], list[Any]]:
    """Train a network for each seed, until every mean absolute error is below 0.05.

    Return the parameters (networks, …), and the error of each network every 1,000 epochs.
    """
    params, errors = stacked(start, seeds), list[Any]()
    sgd = ag.optim.SGD(params, lr=0.1)
    for epoch in steps(range(epochs + 1), epochs, "learning"):
        missed = forward(*params) - TARGETS
        if epoch % 1000 == 0:
            errors.append(np.abs(missed.data).mean(axis=(-2, -1)))
            if errors[-1].max() < 0.05:
                break
        sgd.zero_grad()
        (0.5 * missed**2).sum().backward()
        sgd.step()
    return params, errors


@program
def main(seed: int) -> Told:
    """The audit, the error as it falls, the outputs and the biases: ≥ 9 of ten networks have learnt XOR."""
    audited(ASKED)
    params, errors = learn(range(seed, seed + 10))
    say(f" epoch   mean absolute error of each network, seeds {seed} to {seed + 9}")
    shown = {0, 1, 2, 5, *range(10, len(errors), 10), len(errors) - 1} & {*range(len(errors))}
    say(*(f"{1000 * i:6d}   {row(errors[i], '.3f')}" for i in sorted(shown)))
    first, before = [param.data[0] for param in params], start(seed)
    outputs = zip(INPUTS, forward(*first).ravel(), strict=True)
    say("", "The first network:", "", *(f"{a:.0f} xor {b:.0f} = {output:.4f}" for (a, b), output in outputs))
    for i, name in ((1, "hidden"), (3, "output")):
        say(f"{name} biases {row(before[i], '.3f')} → {row(first[i], '.3f')}")
    learnt = int(np.sum(errors[-1] < 0.05))
    say("", f"mean absolute error < 0.05: {learnt} of 10 seeds")
    curves = {f"seed {seed + i}": [float(e[i]) for e in errors] for i in range(10)}
    return learnt >= 9, curves, "1,000 epochs"
