"""One step of a 2-2-1 network, number by number, its forward in plain NumPy."""

from typing import Any

import numpy as np

import autograd_mini as ag

from .story import Curves, Training, row, say

A0, T = np.array([[0.35, 0.9]]), np.array([0.5])
W1, W2 = np.array([[0.1, 0.4], [0.8, 0.6]]), np.array([[0.3], [0.9]])
KNOWN = {  # what must come out, to the digits given
    "y": ([[0.69028349]], 8),
    "loss": ([[0.01810390]], 8),
    "dW2": ([[0.02767403], [0.02700164]], 8),
    "dW1": ([[0.000929, 0.002860], [0.002389, 0.007354]], 6),
    "W1 − dW1": ([[0.099071, 0.397140], [0.797611, 0.592646]], 6),
}


def forward(A0: Any, W1: Any, W2: Any) -> tuple[Any, ...]:
    """Z1, A1, Z2 and the output A2, of shapes (1, 2), (1, 2), (1, 1), (1, 1)."""
    Z1 = np.dot(A0, W1)
    A1 = 1.0 / (1.0 + np.exp(-Z1))
    Z2 = np.dot(A1, W2)
    return Z1, A1, Z2, 1.0 / (1.0 + np.exp(-Z2))


def half_square(y: Any) -> Any:
    """½(y − t)ᵀ(y − t), of shape (1, 1)."""
    return 0.5 * (y - T).T * (y - T)


def training(seed: int) -> Training:
    """Gradient descent from there, lr 1: the first step goes to W1 − dW1. Nothing is random."""
    w1, w2 = ag.Tensor(W1, label="W1"), ag.Tensor(W2, label="W2")
    sgd = ag.optim.SGD([w1, w2], lr=1.0)
    return Training(lambda A0: forward(A0, w1, w2)[-1], A0, None, half_square, sgd)


def by_engine() -> dict[str, Any]:
    """The results: the forward pass on Tensors, `backward()`, and the leaves' `.grad`."""
    how = training(0)
    loss = half_square(y := how.model(A0))
    loss.backward()
    w1, w2 = how.optimizer.params
    return {"y": y.data, "loss": loss.data, "dW2": w2.grad, "dW1": w1.grad, "W1 − dW1": w1.data - w1.grad}


def main(seed: int) -> Curves:
    """Every result twice: as the document has it, and the engine's."""
    say("x = [0.35, 0.9], 2-2-1 sigmoid, t = 0.5, ½(y − t)²:  known | on Tensors, backward()", "")
    ours = by_engine()
    for name, (known, digits) in KNOWN.items():
        for sides in zip(known, ours[name], strict=True):
            say(f"{name:9s}" + "  |  ".join(row(numbers, f".{digits}f", "  ") for numbers in sides))
    return dict(training(seed).fit(100))
