"""12288-64-1 on ten images: the recipe that never learns, why, and the one that does.

Asked: To check my backprop I overfit ten images. The loss jumps, comes back and stays. Is backprop wrong?
Wrong: dW1 was not divided by the ten images; but mended it fails too. Where all 12,288 inputs are ≥ 0, a step that pushes a ReLU
unit down for one image does so for all. A unit that is 0 for every image has no gradient and never comes back. When all units are
0, only the last bias learns, and all it learns is how many labels are 1. Pixels up to 255 make outputs that round to 0 or 1, and
the log of 0.
Works: The pixels less their mean; and `ag.nn.binary_cross_entropy_with_logits` would know the loss of saturated outputs.
"""

from typing import Any

import numpy as np

import autograd_mini as ag

from .data import digits
from .story import Told, audited, program, say, steps

ASKED = """import numpy as np
rng = np.random.default_rng(0)
X, Y, m = rng.random((48, 10)), np.arange(10) % 2, 10
W1, b1 = rng.normal(0, 0.1, (6, 48)), np.zeros((6, 1))
W2, b2 = rng.normal(0, 0.1, (1, 6)), np.zeros((1, 1))
for step in range(100):
    A1 = np.maximum(0, W1 @ X + b1)
    A2 = 1 / (1 + np.exp(-(W2 @ A1 + b2)))
    cost = -np.mean(Y * np.log(A2) + (1 - Y) * np.log(1 - A2))
    dZ2 = A2 - Y
    dZ1 = W2.T @ dZ2 * (A1 > 0)
    dW1, db1 = dZ1 @ X.T, dZ1.sum(axis=1, keepdims=True) / m
    dW2, db2 = dZ2 @ A1.T / m, dZ2.sum(axis=1, keepdims=True) / m
    W1, b1, W2, b2 = W1 - 0.1 * dW1, b1 - 0.1 * db1, W2 - 0.1 * dW2, b2 - 0.1 * db2
"""


def images(seed: int) -> tuple[Any, Any]:
    """The ten digits, 64×64×3, dark on light in all colours, as (10, 12288) in [0, 1]; and labels (10, 1), 1 for odd ones."""
    rng, (small, digit) = np.random.default_rng(seed), digits()
    chosen = small[[rng.choice(np.flatnonzero(digit == d)) for d in range(10)]].reshape(10, 8, 8)
    paper, ink = rng.uniform(0.5, 1.0, (10, 1, 1, 3)), rng.uniform(0.0, 0.5, (10, 1, 1, 3))
    coloured = paper + (ink - paper) * np.kron(chosen, np.ones((8, 8)))[..., None]
    return coloured.reshape(10, -1), np.arange(10.0)[:, None] % 2


def start(seed: int) -> list[Any]:
    """W1 (12288, 64), b1, W2 (64, 1), b2."""
    return ag.nn.MLP([12288, 64, 1], init=ag.nn.init.normal(std=0.01), rng=seed).parameters()


def forward(X: Any, y: Any, W1: Any, b1: Any, W2: Any, b2: Any) -> dict[str, Any]:
    """Every step of the recipe, up to the loss."""
    a1 = ag.relu(z1 := X @ W1 + b1)
    p = ag.sigmoid(z2 := a1 @ W2 + b2)
    return {"z1": z1, "a1": a1, "z2": z2, "p": p, "loss": -(y * ag.log(p) + (1 - y) * ag.log(1 - p)).mean()}


def train(X: Any, y: Any, seed: int, epochs: int = 2000) -> tuple[list[float], list[int], Any]:
    """Return the losses, how many units were 0 for every image at each, and the last loss node. It ends once nothing can change."""
    sgd, losses, dead = ag.optim.SGD(params := start(seed), lr=0.1), [np.inf], list[int]()
    for _ in steps(range(epochs), epochs, "training"):
        n = forward(X, y, *params)
        losses.append(n["loss"].item())
        dead.append(int(np.sum(np.all(n["a1"].data == 0, axis=0))))
        if not (losses[-1] > 0.005 and abs(losses[-1] - losses[-2]) > 1e-9):
            break
        sgd.zero_grad()
        n["loss"].backward()
        sgd.step()
    return losses[1:], dead, n["loss"]


def doctors_word(X: Any, y: Any, seed: int) -> str:
    """Why the recipe does not learn these images, in the doctor's first sentence."""
    W1, b1, W2, b2 = params = start(seed)

    def model(X: Any) -> Any:
        return ag.sigmoid(ag.relu(X @ W1 + b1) @ W2 + b2)

    loss, sgd = ag.nn.binary_cross_entropy, ag.optim.SGD(params, lr=0.1)
    return str(ag.doctor(model, loss, X, y, optimizer=sgd).findings[0].why)


def first_anomaly(X: Any, y: Any, seed: int) -> str:
    """What `ag.debug` says of the first number that is not finite while the recipe trains; "" where all are."""
    try:
        with ag.debug():
            train(X, y, seed)
    except ag.AnomalyError as error:
        return str(error)
    return ""


@program
def main(seed: int) -> Told:
    """The script's wrong line, and what becomes of the recipe: it fails twice and learns once, as it must."""
    audited(ASKED)
    X, y = images(seed)
    anomaly, runs = first_anomaly(255 * X, y, seed), dict[str, Any]()
    for name, inputs, tool in (
        ("[0, 1]", X, f"ag.doctor: {doctors_word(X, y, seed)}"),
        ("[0, 255]", 255 * X, f"ag.debug: {anomaly}"),
        ("[0, 1] − mean", X - X.mean(axis=0), "It learns."),
    ):
        losses, dead, _ = runs[name] = train(inputs, y, seed)
        say(f"{name:16s}step      loss   ReLU units that are 0 for every image")
        shown = {0, 1, 5, 10, 20, 50, 100, int(np.argmax(losses)), len(losses) - 1}
        say(
            *(
                f"{i + 1:20d}{losses[i]:10.6f}   {dead[i]:2d} of 64"
                for i in sorted(shown & {*range(len(losses))})
            )
        )
        say(*tool.splitlines(), "")
    (posted, dead, _), (saturated, _, _), (centred, _, _) = runs.values()
    failed = abs(posted[-1] - np.log(2)) < 0.1 and dead[20] > 32  # ln 2 is the entropy of the labels
    stopped = len(saturated) == 2 and anomaly.startswith("'log'")
    learnt = centred[-1] < 0.01 and max(centred) == centred[0]
    curves = {name: runs[name][0][:300] for name in ("[0, 1]", "[0, 1] − mean")}
    return failed and stopped and learnt, curves, "step"
