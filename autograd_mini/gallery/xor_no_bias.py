"""XOR without biases, and the update that takes the loss for its derivative.

Asked: My two-layer XOR network does not converge.
Wrong: "loss value": the loss itself is sent back in place of its derivative, one positive number for all samples, so that all
outputs are pushed down. "derivative × loss", the answer: the derivative is multiplied by the loss value, so that the steps die out.
Works: 2-5-1 sigmoid, squared error, lr 0.3, 10,000 epochs, with the derivative.
"""

from typing import Any

import numpy as np

import autograd_mini as ag

from .story import Told, audited, learnt, program, row, say, stacked, train

ASKED = """import numpy as np
rng = np.random.default_rng(0)
X, Y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([[0], [1], [1], [0]])
W1, W2 = rng.random((2, 5)), rng.random((5, 1))
for epoch in range(10_000):
    H = 1 / (1 + np.exp(-X @ W1))
    P = 1 / (1 + np.exp(-H @ W2))
    loss = 0.5 * np.sum((P - Y) ** 2)
    dP = SIGNAL
    dZ2 = dP * P * (1 - P)
    dZ1 = dZ2 @ W2.T * H * (1 - H)
    dW2, dW1 = H.T @ dZ2, X.T @ dZ1
    W2 -= 0.3 * dW2
    W1 -= 0.3 * dW1
"""
INPUTS = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
TARGETS = np.array([[0.0], [1.0], [1.0], [0.0]])
SIGNALS = {  # what is sent back into the output's sigmoid: right, as posted, and as posted again
    "derivative": "P - Y",
    "loss value": "np.sum((P - Y) ** 2)",
    "derivative × loss": "(P - Y) * loss",
}


def start(seed: int) -> list[Any]:
    """Weights U(0, 1) of shapes (2, 5) and (5, 1)."""
    return [*map(np.random.default_rng(seed).random, ((2, 5), (5, 1)))]


def forward(W1: Any, W2: Any) -> tuple[Any, Any]:
    """The outputs (…, 4, 1) for the four inputs, and ½·Σ(output − target)²."""
    p = ag.sigmoid(ag.sigmoid(INPUTS @ W1) @ W2)
    return p, 0.5 * ag.sum(ag.square(p - TARGETS))


def by_hand(seed: int, version: str, epochs: int = 10_000) -> dict[str, Any]:
    """The names of the script with that version's signal, after so many epochs."""
    names: dict[str, Any] = {}
    script = ASKED.replace("SIGNAL", SIGNALS[version]).replace("rng(0)", f"rng({seed})")
    exec(script.replace("10_000", str(epochs)), names)
    return names


def tools(seed: int, version: str, names: dict[str, Any]) -> dict[str, str]:
    """What `diagnose` says of that version's first gradients, and `doctor` of the weights that they led to; "" for nothing."""
    W1, W2 = (ag.Tensor(w, label=name) for w, name in zip(start(seed), ("W1", "W2"), strict=True))
    first = by_hand(seed, version, epochs=1)
    found = ag.diagnose(forward(W1, W2)[1], {W1: first["dW1"], W2: first["dW2"]}).findings
    named = [f.why for f in found if f.mistake in ("loss_for_derivative", "multiplied_by_loss")]
    W1, W2 = ag.Tensor(names["W1"]), ag.Tensor(names["W2"])
    report = ag.doctor(lambda X: ag.sigmoid(ag.sigmoid(X @ W1) @ W2), ag.nn.half_sse, INPUTS, TARGETS)
    return {"diagnose": [*named, ""][0], "doctor": [*(f.why for f in report.findings), ""][0]}


def learn(seeds: Any, epochs: int = 10_000) -> tuple[Any, list[float]]:
    """Train a network for each seed with the engine; return the outputs (networks, 4), and the mean loss at every epoch."""
    weights = stacked(start, seeds)
    losses = train(ag.optim.SGD(weights, lr=0.3), lambda _: forward(*weights)[1], epochs)
    return forward(*weights)[0].data[..., 0], [loss / len(seeds) for loss in losses]


@program
def main(seed: int) -> Told:
    """The audit, where each version ends, the mistakes by name, and what is learnt: ≥ 9 of ten networks have learnt XOR."""
    audited(ASKED.replace("SIGNAL", SIGNALS["loss value"]))
    for version, signal in SIGNALS.items():
        names = by_hand(seed, version)
        say(f"{version}: dP = {signal}", f"   00, 01, 10, 11 after 10,000 epochs: {row(names['P'], '.3f')}")
        words = tools(seed, version, names).items()
        say(*(f"   ag.{tool}: {word}" for tool, word in words if word), "")
    outputs, losses = learn(range(seed, seed + 10))
    count = learnt(outputs, TARGETS[:, 0], seed)
    return count >= 9, {"½·Σ(p − t)², mean of ten networks": losses}, "epoch"
