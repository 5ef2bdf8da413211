"""XOR by a 2-3-1 network, sample by sample, with every delta of the derivation.

Asked: I am stuck on delta2 and on updating the weights of my XOR network.
Wrong: Each weight was moved by the delta alone. A delta is a derivative by the *input of a sigmoid*; a weight's derivative is
(the layer before)ᵀ · delta.
Works: delta3 = l3 − y; delta2 = (delta3 · theta2ᵀ) ∗ l2(1 − l2), without the bias unit, which has no inputs; theta2 is moved by
l2ᵀ · delta3, and theta1 by l1ᵀ · delta2.
"""

from typing import Any

import numpy as np

import autograd_mini as ag

from .story import Told, audited, learnt, program, say, stacked, train

ASKED = """import numpy as np
rng = np.random.default_rng(0)
X, Y = [[0, 0], [1, 0], [0, 1], [1, 1]], [0, 1, 1, 0]
theta1, theta2 = rng.random((3, 3)) - 0.5, rng.random((4, 1)) - 0.5
for i in range(40_000):
    l1 = np.array([[1, *X[i % 4]]])
    l2 = np.hstack([[[1]], 1 / (1 + np.exp(-l1 @ theta1))])
    l3 = 1 / (1 + np.exp(-l2 @ theta2))
    delta3 = l3 - Y[i % 4]
    delta2 = (delta3 @ theta2.T) * l2 * (1 - l2)
    theta2 -= 0.1 * delta3
    theta1 -= 0.1 * delta2[:, 1:]
"""
INPUTS, LABELS = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), np.array([0.0, 1.0, 1.0, 0.0])


def start(seed: int) -> list[Any]:
    """Weights of shapes (1 + 2, 3) and (1 + 3, 1): 0.5·√(6 / (fan_in + fan_out)) · (U − 0.5), the bias unit's in the first row."""
    rng = np.random.default_rng(seed)
    return [0.5 * (6 / (m + n)) ** 0.5 * (rng.random((1 + m, n)) - 0.5) for m, n in ((2, 3), (3, 1))]


def forward(x: Any, theta1: Any, theta2: Any) -> dict[str, Any]:
    """Every layer for one sample: l1 (1, 3), z2 (…, 1, 3), l2 with its bias unit (…, 1, 4), z3 and l3 (…, 1, 1)."""
    l1 = np.array([[1.0, *x]])
    z2 = l1 @ theta1
    l2 = ag.concatenate([np.ones((*z2.shape[:-1], 1)), ag.sigmoid(z2)], axis=-1)
    z3 = l2 @ theta2
    return {"l1": l1, "z2": z2, "l2": l2, "z3": z3, "l3": ag.sigmoid(z3)}


def cross_entropy(l3: Any, y: float) -> Any:
    """Return −(y·log l3 + (1 − y)·log(1 − l3)), summed over the networks where there are several."""
    return -(y * ag.log(l3) + (1 - y) * ag.log(1 - l3)).sum()


def learn(seeds: Any, count: int = 40_000) -> tuple[Any, list[float]]:
    """Train a network for each seed; return the outputs (networks, 4) and the mean loss after every 400 steps."""
    thetas = stacked(start, seeds)

    def loss_of(step: int) -> Any:
        return cross_entropy(forward(INPUTS[step % 4], *thetas)["l3"], LABELS[step % 4])

    losses = train(ag.optim.SGD(thetas, lr=0.1), loss_of, count)
    outputs = np.stack([forward(x, *thetas)["l3"].data[:, 0, 0] for x in INPUTS], axis=1)
    return outputs, [loss / len(seeds) for loss in losses[399::400]]


@program
def main(seed: int) -> Told:
    """The audit of the script, and a truth table: every line is right in the end, and ≥ 9 of ten networks have learnt XOR."""
    said = audited(ASKED)
    say("One sample a step, lr 0.1, 40,000 steps; the first of ten networks:", "")
    outputs, losses = learn(range(seed, seed + 10))
    say(*(f"{a:.0f} xor {b:.0f} = {p:.7f}" for (a, b), p in zip(INPUTS, outputs[0], strict=True)))
    count = learnt(outputs, LABELS, seed)
    return (
        count >= 9 and "nothing is wrong" in said,
        {"cross-entropy of 1 xor 1, mean of ten networks": losses},
        "400 steps",
    )
