"""Handwritten digits by softmax and squared error, and the softmax Jacobian.

Asked: My digits stay at a tenth right. Is it the derivative of softmax?
Wrong: Softmax has a Jacobian, diag(p) − p pᵀ, so that δ = (diag(p) − p pᵀ)(p − t). In its place the posts have
- p(1 − p), its diagonal: a larger z also takes from the other classes. Adding 1 to every z changes no p: δ must sum to 0;
- p(1 − p) − Σ p p, the sum of each row, which is 0: nothing is learnt, whatever the rates;
- q(1 − q) / n of q = softmax(p), nearly one number everywhere: that leaves p − t, which is cross-entropy's δ, and so it works.
With the right one the *sum* over all images makes steps so long that each p is soon 0 or 1, where the Jacobian is 0.
Works: Two layers of sigmoid(βz), an input of −1 for each bias, ½·Σ(p − t)², batches of 32, lr 0.05, momentum 0.9.
"""

import warnings
from typing import Any

import numpy as np

import autograd_mini as ag

from .data import datasets
from .story import Told, audited, program, row, say

ASKED = """import numpy as np
rng = np.random.default_rng(0)
X, T = rng.random((20, 6)), np.eye(4)[rng.integers(0, 4, 20)]
W1, W2 = rng.normal(0, 0.5, (6, 5)), rng.normal(0, 0.5, (5, 4))
def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)
for epoch in range(200):
    H = 1 / (1 + np.exp(-X @ W1))
    P = softmax(H @ W2)
    loss = 0.5 * np.sum((P - T) ** 2)
    dP = P - T
    dZ2 = dP * P * (1 - P)
    dZ1 = dZ2 @ W2.T * H * (1 - H)
    W2 -= 0.1 * H.T @ dZ2
    W1 -= 0.1 * X.T @ dZ1
"""


def start(inputs: int, seed: int) -> list[Any]:
    """Weights (inputs + 1, 64), (65, 32) and (33, 10), U(±1/√n) of n inputs; the last row is the bias's."""
    rng = np.random.default_rng(seed)
    sizes = ((inputs, 64), (64, 32), (32, 10))
    return [ag.Tensor(rng.uniform(-(m**-0.5), m**-0.5, (m + 1, n))) for m, n in sizes]


def forward(X: Any, W1: Any, W2: Any, W3: Any, beta: float = 1.0) -> Any:
    """The probabilities (n, 10) of images (n, pixels)."""
    h1 = ag.sigmoid(beta * (np.hstack([X, bias := -np.ones((len(X), 1))]) @ W1))
    h2 = ag.sigmoid(beta * (ag.concatenate([h1, bias], axis=1) @ W2))
    return ag.softmax(ag.concatenate([h2, bias], axis=1) @ W3)


def learn(
    X: Any, y: Any, seed: int, size: int | None = 32, lr: float = 0.05, epochs: int = 30
) -> tuple[Any, float]:
    """The History, with the accuracy of a held-out fifth, and the last step's largest derivative. size=None: all at once."""
    rng, weights, targets = np.random.default_rng(seed), start(X.shape[1], seed), np.eye(10)[y]
    test, train = np.split(rng.permutation(len(X)), [len(X) // 5])
    sgd = ag.optim.SGD(weights, lr=lr, momentum=0.9)
    how: dict[str, Any] = {
        "loss": ag.nn.half_sse,
        "metrics": {"accuracy": accuracy},
        "validation": (X[test], targets[test]),
    }
    how |= {"optimizer": sgd, "epochs": epochs, "batch_size": size, "rng": rng}
    history = ag.fit(lambda X: forward(X, *weights), X[train], targets[train], **how)
    return history, max(float(np.max(np.abs(W.grad))) for W in weights)


def accuracy(P: Any, T: Any) -> float:
    """The fraction of the images that is told right."""
    return float(np.mean(np.argmax(P, axis=1) == np.argmax(T, axis=1)))


def deltas(z: Any, t: Any) -> dict[str, Any]:
    """d loss / d z for logits and targets (n, classes), in the ways told above; the first is the engine's."""
    ag.nn.half_sse(ag.softmax(node := ag.Tensor(z)), t).backward()
    q, others = ag.softmax(p := ag.softmax(z)), p * (p.sum(axis=1, keepdims=True) - p)
    return {
        "engine": node.grad,
        "diag(p) − p pᵀ": p * (p - t) - p * (p * (p - t)).sum(axis=1, keepdims=True),
        "p(1−p)": p * (1 - p) * (p - t),
        "p(1−p) − Σpp": (p * (1 - p) - others) * (p - t),
        "q(1−q)/n": q * (1 - q) * (p - t) / len(p),
        "p − t": p - t,
    }


@program
def main(seed: int) -> Told:
    """The Jacobian, the δ, and the accuracies: batches reach 90 % and the whole batch sticks at 8 to 13 %."""
    audited(ASKED)
    z, t = np.array([[2.0, 1.0, 0.0]]), np.array([[0.0, 1.0, 0.0]])
    say(f"Softmax's Jacobian at z = {z[0]}:", "", *map(str, ag.jacobian(ag.softmax)(z[0]).round(4)))
    say("", f"d ½Σ(p − t)² / dz for t = {t[0]}:", "")
    for name, delta in deltas(z, t).items():
        say(f"{name:15s}{row(delta[0].round(4), '9.4f', '')}   sum {row(delta.sum().round(4), '7.4f')}")
    curves, stuck = dict[str, list[float]](), list[float]()
    for name, X, y in datasets():
        history, _ = learn(X, y, seed)
        curves[name] = history["val_accuracy"]
        numbers = row([curves[name][i] for i in (0, 4, 9, 19, 29)], ".1%")
        say("", name, "", f"batches of 32, lr 0.05: test accuracy after epochs 1, 5, 10, 20, 30: {numbers}")
        for lr in (0.05, 0.1, 0.25) if not stuck else ():
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                history, steepest = learn(X, y, seed, None, lr)
            stuck.append(history["accuracy"][-1])
            told = f"training accuracy {stuck[-1]:.1%}, test {history['val_accuracy'][-1]:.1%}"
            say(f"whole batch, lr {lr:4}: {told}, largest derivative {steepest:.0e}")
            say(*(f"                      {warning.message}" for warning in caught))
    good = all(right[-1] >= 0.9 for right in curves.values()) and all(0.08 <= a <= 0.13 for a in stuck)
    return good, curves, "epoch"
