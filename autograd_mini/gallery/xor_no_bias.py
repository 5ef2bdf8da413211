"""XOR by a 2-5-1 sigmoid network without biases, squared error, lr 0.3, 10,000 epochs; and two wrong updates, named.

"loss value": the loss itself is sent back in place of its derivative, one positive number for all samples: all outputs are pushed down.
"derivative × loss": the derivative is multiplied by the loss value: the step of every weight is off by that factor, and dies out with it.
"""

from typing import Any

import numpy as np

import autograd_mini as ag

from .picture import save_curves

INPUTS, TARGETS = (
    np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]),
    np.array([[0.0], [1.0], [1.0], [0.0]]),
)
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
    for _ in range(epochs):
        weights = [w - 0.3 * dw for w, dw in zip(weights, by_hand(weights, version)[1:], strict=True)]
    return weights


def diagnosis(seed: int, version: str) -> str:
    """What `ag.diagnose` says of that version's gradients, of explanations that are alike the one by the loss; "" of right ones."""
    W1, W2 = (ag.Tensor(w, label=name) for w, name in zip(start(seed), ("W1", "W2"), strict=True))
    mine = dict(zip((W1, W2), by_hand(start(seed), version)[1:], strict=True))
    findings = ag.diagnose(forward(W1, W2)[2], mine).findings
    return next((f.why for f in findings if f.mistake in ("loss_for_derivative", "multiplied_by_loss")), "")


def doctors_word(weights: list[Any]) -> str:
    """Why a training stands still at these weights, in the doctor's first sentence; "" where it does not."""
    W1, W2 = (ag.Tensor(w) for w in weights)
    report = ag.doctor(lambda X: ag.sigmoid(ag.sigmoid(X @ W1) @ W2), ag.nn.half_sse, INPUTS, TARGETS)
    return report.findings[0].why if report.findings else ""


def learn(seeds: Any, epochs: int = 10_000) -> tuple[Any, list[float]]:
    """Train a network for each seed with the engine; return the outputs (networks, 4), and the mean loss at every epoch."""
    weights = [
        ag.Tensor(np.stack(w)) for w in zip(*map(start, seeds), strict=True)
    ]  # one stack; each gets its own gradient
    sgd = ag.optim.SGD(weights, lr=0.3)
    losses = [sgd.step(lambda: forward(*weights)[2]).item() / len(seeds) for _ in range(epochs)]
    return forward(*weights)[1].data[..., 0], losses


def main(seed: int = 0, plot: str | None = None) -> int:
    """Print the gradients side by side, the mistakes by name, and what is learnt; 0 where ≥ 9 of ten networks have learnt XOR."""
    print(f"{__doc__}\n   {'':8s}{'engine':>12s}" + "".join(f"{version:>20s}" for version in SIGNALS))
    columns = [by_engine(start(seed)), *(by_hand(start(seed), version) for version in SIGNALS)]
    for name, *arrays in zip(("dL/dp", "dL/dW1", "dL/dW2"), *columns, strict=True):
        for row in zip(*map(np.ravel, arrays), strict=True):
            print(f"   {name:8s}{row[0]:+12.6f}" + "".join(f"{number:+20.6f}" for number in row[1:]))
    for version in SIGNALS:
        weights = follow(seed, version)
        print(
            f"\n   {version:18s} 00, 01, 10, 11 after 10,000 epochs: "
            + " ".join(f"{p:.3f}" for p in forward(*weights)[1].ravel())
        )
        for tool, word in (("diagnose", diagnosis(seed, version)), ("doctor", doctors_word(weights))):
            print(f"   {'':18s} ag.{tool}: {word}" if word else "", end="\n" if word else "")
    outputs, losses = learn(range(seed, seed + 10))
    learnt = int(np.sum(np.all(np.abs(outputs - TARGETS[:, 0]) < 0.1, axis=1)))
    print(f"\n   With the engine, every output within 0.1: {learnt} of 10 seeds ({seed} to {seed + 9})")
    if plot:
        save_curves(plot, {"½·Σ(p − t)², mean of ten networks": losses})
    return 0 if learnt >= 9 else 1
