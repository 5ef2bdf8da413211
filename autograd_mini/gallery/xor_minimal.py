"""XOR by a 2-3-1 sigmoid network, squared error, whole batch: weights U(0, 1), lr 0.1, up to 50,000 epochs; both biases trained.

The recipe draws its biases by `uniform(1, 3)` and `uniform(1, 1)`. The two numbers are a range there and not a shape, so it gets
one number in [1, 3) for all hidden neurons, and exactly 1 for the output. That start is kept here. From the first step on each
neuron has a bias of its own, since its gradient has the layer's shape, summed over the batch.
"""

from typing import Any

import numpy as np

import autograd_mini as ag

from .picture import save_curves

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
    for epoch in range(epochs + 1):
        outputs = forward(*params)
        if epoch % 1000 == 0:
            errors.append(error(outputs.data))
            if errors[-1].max() < 0.05:
                break
        sgd.zero_grad()
        (
            0.5 * (outputs - TARGETS) ** 2
        ).sum().backward()  # so that d loss / d output is output − target, as in the recipe
        sgd.step()
    return params, errors


def main(seed: int = 0, plot: str | None = None) -> int:
    """Print the error as it falls, the outputs and the biases; 0 where ≥ 9 of ten networks have learnt XOR."""
    print(f"XOR, 2-3-1 sigmoid, squared error, lr 0.1, whole batch, seeds {seed} to {seed + 9}\n")
    params, errors = learn(range(seed, seed + 10))
    print(f"   {'epoch':>6s}   mean absolute error of each network")
    for i in sorted({0, 1, 2, 5, *range(10, len(errors), 10), len(errors) - 1} & {*range(len(errors))}):
        print(f"   {1000 * i:6d}   " + " ".join(f"{e:.3f}" for e in errors[i]))
    print("\nThe first network:\n")
    first, before = [param.data[0] for param in params], start(seed)
    for (a, b), output in zip(INPUTS, forward(*first).ravel(), strict=True):
        print(f"   {a:.0f} xor {b:.0f} = {output:.4f}")
    for name, old, new in (("hidden", before[1], first[1]), ("output", before[3], first[3])):
        print(f"   {name} biases {old.ravel().round(3)} → {new.ravel().round(3)}")
    learnt = int(np.sum(errors[-1] < 0.05))
    print(f"\n   mean absolute error < 0.05: {learnt} of 10 seeds")
    if plot:
        save_curves(
            plot, {f"seed {seed + i}": [float(e[i]) for e in errors] for i in range(10)}, x="1,000 epochs"
        )
    return 0 if learnt >= 9 else 1
