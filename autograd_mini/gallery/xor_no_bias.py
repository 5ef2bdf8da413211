"""XOR without biases, and the update that takes the loss for its derivative.

Asked: My two-layer XOR network does not converge.
Wrong: "loss value": the loss itself is sent back in place of its derivative, one positive number for all samples, so that all
outputs are pushed down. "derivative × loss", the answer: the derivative is multiplied by the loss value, so that the steps die out.
Works: 2-5-1 sigmoid, squared error, lr 0.3, 10,000 epochs, with the derivative.
"""

from typing import Any

import numpy as np

import autograd_mini as ag

from .story import Told, learnt, program, row, say, steps

INPUTS = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
TARGETS = np.array([[0.0], [1.0], [1.0], [0.0]])
SIGNALS = {  # what is sent back into the output's sigmoid, by the outputs p: right, as posted, and as posted again
    "derivative": lambda p: p - TARGETS,
    "loss value": lambda p: np.full_like(p, np.sum((p - TARGETS) ** 2)),
    "derivative × loss": lambda p: (p - TARGETS) * 0.5 * np.sum((p - TARGETS) ** 2),
}


def start(seed: int) -> list[Any]:
    """Weights U(0, 1) of shapes (2, 5) and (5, 1)."""
    return [*map(np.random.default_rng(seed).random, ((2, 5), (5, 1)))]


def forward(W1: Any, W2: Any) -> tuple[Any, Any, Any]:
    """The hidden layer (…, 4, 5), the outputs (…, 4, 1) for the four inputs, and ½·Σ(output − target)²."""
    h = ag.sigmoid(INPUTS @ W1)
    p = ag.sigmoid(h @ W2)
    return h, p, 0.5 * ag.sum(ag.square(p - TARGETS))


def by_engine(weights: list[Any]) -> list[Any]:
    """The gradients of the loss by the outputs, W1 and W2."""
    W1, W2 = (ag.Tensor(w) for w in weights)
    _, p, loss = forward(W1, W2)
    return list(ag.gradients(loss, [p, W1, W2]))


def by_hand(weights: list[Any], version: str) -> list[Any]:
    """The same three by a backward pass on plain arrays, with that version's signal."""
    h, p, _ = forward(*weights)
    signal = SIGNALS[version](p)
    delta = signal * p * (1 - p)
    return [signal, INPUTS.T @ (delta @ weights[1].T * h * (1 - h)), h.T @ delta]


def follow(seed: int, version: str, epochs: int = 10_000) -> list[Any]:
    """The weights after training by that version of the hand-written update."""
    weights = start(seed)
    for _ in steps(range(epochs), epochs, version):
        weights = [w - 0.3 * dw for w, dw in zip(weights, by_hand(weights, version)[1:], strict=True)]
    return weights


def tools(seed: int, version: str, weights: list[Any]) -> dict[str, str]:
    """What `diagnose` says of that version's gradients, and `doctor` of the weights that they led to; "" for nothing."""
    W1, W2 = (ag.Tensor(w, label=name) for w, name in zip(start(seed), ("W1", "W2"), strict=True))
    mine = dict(zip((W1, W2), by_hand(start(seed), version)[1:], strict=True))
    found = ag.diagnose(forward(W1, W2)[2], mine).findings
    named = [f.why for f in found if f.mistake in ("loss_for_derivative", "multiplied_by_loss")]
    W1, W2 = (ag.Tensor(w) for w in weights)
    report = ag.doctor(lambda X: ag.sigmoid(ag.sigmoid(X @ W1) @ W2), ag.nn.half_sse, INPUTS, TARGETS)
    return {"diagnose": [*named, ""][0], "doctor": [*(f.why for f in report.findings), ""][0]}


def learn(seeds: Any, epochs: int = 10_000) -> tuple[Any, list[float]]:
    """Train a network for each seed with the engine; return the outputs (networks, 4), and the mean loss at every epoch."""
    # one stack; each gets its own gradient
    weights = [ag.Tensor(np.stack(w)) for w in zip(*map(start, seeds), strict=True)]
    sgd, epochs_shown = ag.optim.SGD(weights, lr=0.3), steps(range(epochs), epochs, "learning")
    losses = [sgd.step(lambda: forward(*weights)[2]).item() / len(seeds) for _ in epochs_shown]
    return forward(*weights)[1].data[..., 0], losses


@program
def main(seed: int) -> Told:
    """The gradients side by side, the mistakes by name, and what is learnt: ≥ 9 of ten networks have learnt XOR."""
    say(f"{'':8s}{'engine':>12s}" + "".join(f"{version:>20s}" for version in SIGNALS))
    columns = [by_engine(start(seed)), *(by_hand(start(seed), version) for version in SIGNALS)]
    for name, *arrays in zip(("dL/dp", "dL/dW1", "dL/dW2"), *columns, strict=True):
        for ours, *others in zip(*map(np.ravel, arrays), strict=True):
            say(f"{name:8s}{ours:+12.6f}{row(others, '+20.6f', '')}")
    for version in SIGNALS:
        weights = follow(seed, version)
        ends = row(forward(*weights)[1], ".3f")
        say("", f"{version:18s} 00, 01, 10, 11 after 10,000 epochs: {ends}")
        words = tools(seed, version, weights).items()
        say(*(f"{'':18s} ag.{tool}: {word}" for tool, word in words if word))
    outputs, losses = learn(range(seed, seed + 10))
    count = learnt(outputs, TARGETS[:, 0], seed)
    return count >= 9, {"½·Σ(p − t)², mean of ten networks": losses}, "epoch"
