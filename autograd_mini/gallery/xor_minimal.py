"""XOR by squared error, and how many of ten seeds learn it.

Asked: Is there a small network that learns XOR?
Wrong: Nothing; but `uniform(1, 3)` draws one number between 1 and 3, not an array of shape (1, 3): all hidden biases start alike.
Works: 2-3-1 sigmoid, weights U(0, 1), whole batch, lr 0.1, up to 50,000 epochs. From the first step on each neuron has a bias of
its own, since its gradient has the layer's shape, summed over the batch.
"""

from typing import Any

import numpy as np

import autograd_mini as ag

from .story import Told, program, row, say, steps

INPUTS = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
TARGETS = np.array([[0.0], [1.0], [1.0], [0.0]])


def start(seed: int) -> list[Any]:
    """Weights (2, 3), biases (1, 3), weights (3, 1), bias (1, 1)."""
    rng = np.random.default_rng(seed)
    return [rng.random((2, 3)), np.full((1, 3), rng.uniform(1, 3)), rng.random((3, 1)), np.ones((1, 1))]


def forward(W1: Any, b1: Any, W2: Any, b2: Any) -> Any:
    """The outputs (…, 4, 1) for the four inputs."""
    return ag.sigmoid(ag.sigmoid(INPUTS @ W1 + b1) @ W2 + b2)


def error(outputs: Any) -> Any:
    """The mean absolute error of each network."""
    return np.abs(outputs - TARGETS).mean(axis=(-2, -1))


def learn(seeds: Any, epochs: int = 50_000) -> tuple[list[Any], list[Any]]:
    """Train a network for each seed; return the parameters (networks, …), and the error of each network every 1,000 epochs.

    Training ends when every error is below 0.05.
    """
    # they lie in one stack and learn side by side: sharing no weight, each gets its own gradient from the sum of the losses
    params = [ag.Tensor(np.stack(param)) for param in zip(*map(start, seeds), strict=True)]
    sgd, errors = ag.optim.SGD(params, lr=0.1), []
    for epoch in steps(range(epochs + 1), epochs, "learning"):
        outputs = forward(*params)
        if epoch % 1000 == 0:
            errors.append(error(outputs.data))
            if errors[-1].max() < 0.05:
                break
        sgd.zero_grad()
        loss = (
            0.5 * (outputs - TARGETS) ** 2
        )  # so that d loss / d output is output − target, as in the recipe
        loss.sum().backward()
        sgd.step()
    return params, errors


@program
def main(seed: int) -> Told:
    """The error as it falls, the outputs and the biases: ≥ 9 of ten networks have learnt XOR."""
    params, errors = learn(range(seed, seed + 10))
    say(f" epoch   mean absolute error of each network, seeds {seed} to {seed + 9}")
    for i in sorted({0, 1, 2, 5, *range(10, len(errors), 10), len(errors) - 1} & {*range(len(errors))}):
        say(f"{1000 * i:6d}   {row(errors[i], '.3f')}")
    first, before = [param.data[0] for param in params], start(seed)
    say("", "The first network:", "")
    for (a, b), output in zip(INPUTS, forward(*first).ravel(), strict=True):
        say(f"{a:.0f} xor {b:.0f} = {output:.4f}")
    for i, name in ((1, "hidden"), (3, "output")):
        say(f"{name} biases {row(before[i], '.3f')} → {row(first[i], '.3f')}")
    learnt = int(np.sum(errors[-1] < 0.05))
    say("", f"mean absolute error < 0.05: {learnt} of 10 seeds")
    curves = {f"seed {seed + i}": [float(e[i]) for e in errors] for i in range(10)}
    return learnt >= 9, curves, "1,000 epochs"
