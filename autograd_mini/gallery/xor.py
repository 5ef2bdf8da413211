"""XOR by a 2-3-1 network, sample by sample, with every delta of the derivation.

Asked: I am stuck on delta2 and on updating the weights of my XOR network.
Wrong: The weights were moved by the delta alone, where layerᵀ · delta belongs; * stood for a matrix product; no bias unit.
Works: dCE/dz3 = l3 − y; delta2 = (delta3 · theta2ᵀ) ∗ l2(1 − l2), without the bias unit, which has no inputs; and as a delta is a
derivative by the *input of a sigmoid*, a weight's is (layer before)ᵀ · delta: theta2d = l2ᵀ · delta3, theta1d = l1ᵀ · delta2.
"""

from typing import Any

import numpy as np

import autograd_mini as ag

from .story import Told, learnt, program, row, say, steps

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


def beside(seed: int, x: Any, y: float) -> dict[str, tuple[Any, Any]]:
    """The derivatives for one sample, each twice: derived by hand, and as it stands in its node's `.grad`."""
    theta1, theta2 = (ag.Tensor(theta) for theta in start(seed))
    n = forward(x, theta1, theta2)
    cross_entropy(n["l3"], y).backward()
    l1, l2, l3 = n["l1"], n["l2"].data, n["l3"].data
    delta3 = l3 - y
    delta2 = ((delta3 @ theta2.data.T) * l2 * (1 - l2))[:, 1:]
    return {
        "dCE/dl3": (delta3 / (l3 * (1 - l3)), n["l3"].grad),
        "delta3": (delta3, n["z3"].grad),
        "delta2": (delta2, n["z2"].grad),
        "theta2d": (l2.T @ delta3, theta2.grad),
        "theta1d": (l1.T @ delta2, theta1.grad),
    }


def learn(seeds: Any, count: int = 40_000) -> tuple[Any, list[float]]:
    """Train a network for each seed; return the outputs (networks, 4) and the loss after every 400 steps."""
    # they lie in one stack and learn side by side: sharing no weight, each gets its own gradient from the sum of the losses
    thetas = [ag.Tensor(np.stack(theta)) for theta in zip(*map(start, seeds), strict=True)]
    sgd, losses = ag.optim.SGD(thetas, lr=0.1), []
    for step in steps(range(count), count, "learning"):
        loss = cross_entropy(forward(INPUTS[step % 4], *thetas)["l3"], LABELS[step % 4])
        sgd.zero_grad()
        loss.backward()
        sgd.step()
        losses.append(loss.item() / len(seeds))
    return np.stack([forward(x, *thetas)["l3"].data[:, 0, 0] for x in INPUTS], axis=1), losses[399::400]


@program
def main(seed: int) -> Told:
    """The derivation beside the engine, and a truth table: they agree, and ≥ 9 of ten networks have learnt XOR."""
    pairs = beside(seed, INPUTS[1], LABELS[1])
    say("For 1 xor 0, the derivation by hand | what the nodes' .grad say:", "")
    for name, pair in pairs.items():
        for hand, ours in zip(*pair, strict=True):
            say(f"{name:8s} {row(hand):29s}  |  {row(ours)}")
    same = all(np.allclose(ours, hand, rtol=1e-12, atol=0) for hand, ours in pairs.values())
    say(
        "",
        f"equal to 1e-12: {same}",
        "",
        "One sample a step, lr 0.1, 40,000 steps; the first of ten networks:",
        "",
    )
    outputs, losses = learn(range(seed, seed + 10))
    say(*(f"{a:.0f} xor {b:.0f} = {p:.7f}" for (a, b), p in zip(INPUTS, outputs[0], strict=True)))
    good = same and learnt(outputs, LABELS, seed) >= 9
    return good, {"cross-entropy of 1 xor 1, mean of ten networks": losses}, "400 steps"
