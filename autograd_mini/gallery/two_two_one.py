"""One step of a 2-2-1 network, number by number, its forward in plain NumPy.

Asked: Are these numbers of one step right?
Wrong: Nothing: the audit finds no wrong line, and forward, gradients and step are those of the document.
Works: `forward` is plain NumPy, with nothing in it about derivatives. It runs on arrays, and unchanged on Tensors; x may be an
np.matrix.
"""

from typing import Any

import numpy as np

import autograd_mini as ag

from .story import Told, audited, program, row, say, train

ASKED = """import numpy as np
A0, t = np.array([[0.35, 0.9]]), np.array([[0.5]])
W1, W2 = np.array([[0.1, 0.4], [0.8, 0.6]]), np.array([[0.3], [0.9]])
for step in range(100):
    Z1 = np.dot(A0, W1)
    A1 = 1 / (1 + np.exp(-Z1))
    Z2 = np.dot(A1, W2)
    y = 1 / (1 + np.exp(-Z2))
    loss = 0.5 * (y - t).T * (y - t)
    d_Z2 = np.multiply(np.multiply(y, 1 - y), y - t)
    d_Z1 = np.multiply(np.dot(d_Z2, W2.T), np.multiply(A1, 1 - A1))
    d_W2, d_W1 = np.dot(A1.T, d_Z2), np.dot(A0.T, d_Z1)
    W2 = W2 - d_W2
    W1 = W1 - d_W1
"""
A0, T = np.array([[0.35, 0.9]]), np.array([0.5])
W1, W2 = np.array([[0.1, 0.4], [0.8, 0.6]]), np.array([[0.3], [0.9]])
KNOWN = {  # what must come out, to the digits given
    "y": ([[0.69028349]], 8),
    "loss": ([[0.01810390]], 8),
    "dW2": ([[0.02767403], [0.02700164]], 8),
    "dW1": ([[0.000929, 0.002860], [0.002389, 0.007354]], 6),
    "W1 − dW1": ([[0.099071, 0.397140], [0.797611, 0.592646]], 6),
}


def sigmoid(z: Any) -> Any:
    """The activation, in NumPy."""
    return 1.0 / (1.0 + np.exp(-z))


def forward(A0: Any, W1: Any, W2: Any) -> tuple[Any, ...]:
    """Z1, A1, Z2 and the output A2, of shapes (1, 2), (1, 2), (1, 1), (1, 1)."""
    Z1 = np.dot(A0, W1)
    A1 = sigmoid(Z1)
    Z2 = np.dot(A1, W2)
    return Z1, A1, Z2, sigmoid(Z2)


def half_square(y: Any) -> Any:
    """½(y − t)ᵀ(y − t), of shape (1, 1)."""
    return 0.5 * (y - T).T * (y - T)


def by_hand() -> dict[str, Any]:
    """The results of the script's first step."""
    n: dict[str, Any] = {}
    exec(ASKED.replace("100", "1"), n)
    return {"y": n["y"], "loss": n["loss"], "dW2": n["d_W2"], "dW1": n["d_W1"], "W1 − dW1": n["W1"]}


def by_engine() -> dict[str, Any]:
    """The same results: the same forward pass on Tensors, `backward()`, and the leaves' `.grad`."""
    w1, w2 = ag.Tensor(W1, label="W1"), ag.Tensor(W2, label="W2")
    *_, y = forward(A0, w1, w2)
    loss = half_square(y)
    loss.backward()
    return {"y": y.data, "loss": loss.data, "dW2": w2.grad, "dW1": w1.grad, "W1 − dW1": w1.data - w1.grad}


def descent(count: int = 100) -> list[float]:
    """The loss at every step of gradient descent from there, lr 1: the first step goes to W1 − dW1."""
    w1, w2 = ag.Tensor(W1), ag.Tensor(W2)
    return train(ag.optim.SGD([w1, w2], lr=1.0), lambda _: half_square(forward(A0, w1, w2)[-1]), count)


@program
def main(seed: int) -> Told:
    """Every result three times: the three agree. Nothing is random: the seed changes nothing."""
    audited(ASKED)
    say("x = [0.35, 0.9], 2-2-1 sigmoid, t = 0.5, ½(y − t)²:  known | by hand | on Tensors, backward()", "")
    hand, ours, good = by_hand(), by_engine(), True
    for name, (known, digits) in KNOWN.items():
        sides = [np.asarray(side) for side in (known, hand[name], ours[name])]
        for rows in zip(*sides, strict=True):
            say(f"{name:9s}" + "  |  ".join(row(numbers, f".{digits}f", "  ") for numbers in rows))
        good &= all(np.array_equal(side.round(digits), sides[0]) for side in sides)
        good &= np.allclose(sides[1], sides[2], rtol=1e-12)
    say("", f"all agree: {good}")
    return good, {"loss": descent()}, "step"
