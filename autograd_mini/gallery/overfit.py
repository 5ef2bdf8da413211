"""12288-64-1, ReLU then sigmoid, cross-entropy, lr 0.1, weights N(0, 0.01²), to overfit ten images; and why the recipe never does.

Right gradients do not save it. Where all 12,288 inputs are ≥ 0, a step that pushes a ReLU unit down for one image does so for all; a
unit that is 0 for every image has no gradient and never comes back; when all are, only the last bias learns: how many labels are 1.
Pixels up to 255 make outputs that round to 0 or 1, of which `ag.nn.binary_cross_entropy_with_logits` would know the loss.
"""

from typing import Any

import numpy as np

import autograd_mini as ag

from .data import digits
from .picture import save_curves


def images(seed: int) -> tuple[Any, Any]:
    """The ten digits, 64×64×3, dark on light in all colours, as (10, 12288) in [0, 1]; and labels (10, 1), 1 for odd ones."""
    rng, (small, digit) = np.random.default_rng(seed), digits()
    chosen = small[[rng.choice(np.flatnonzero(digit == d)) for d in range(10)]].reshape(10, 8, 8)
    paper, ink = rng.uniform(0.5, 1.0, (10, 1, 1, 3)), rng.uniform(0.0, 0.5, (10, 1, 1, 3))
    return (paper + (ink - paper) * np.kron(chosen, np.ones((8, 8)))[..., None]).reshape(10, -1), np.arange(
        10.0
    )[:, None] % 2


def start(seed: int) -> list[Any]:
    """W1 (12288, 64), b1, W2 (64, 1), b2."""
    return ag.nn.MLP([12288, 64, 1], init=ag.nn.init.normal(std=0.01), rng=seed).parameters()


def forward(X: Any, y: Any, W1: Any, b1: Any, W2: Any, b2: Any) -> dict[str, Any]:
    """Every step of the recipe, up to the loss."""
    a1 = ag.relu(z1 := X @ W1 + b1)
    p = ag.sigmoid(z2 := a1 @ W2 + b2)
    return {"z1": z1, "a1": a1, "z2": z2, "p": p, "loss": -(y * ag.log(p) + (1 - y) * ag.log(1 - p)).mean()}


def posted_gradients(X: Any, y: Any, W2: Any, n: dict[str, Any]) -> list[Any]:
    """The recipe's own backward in NumPy, in the order of start()."""
    dz2 = n["p"].data - y
    dz1 = dz2 @ W2.data.T * (n["a1"].data > 0)
    return [X.T @ dz1, dz1.sum(0) / len(X), n["a1"].data.T @ dz2 / len(X), dz2.sum(0) / len(X)]


def train(X: Any, y: Any, seed: int, epochs: int = 2000) -> tuple[list[float], list[int], Any]:
    """Return the losses, how many units were 0 for every image at each, and the last loss node. It ends once nothing can change."""
    sgd, losses, dead = ag.optim.SGD(params := start(seed), lr=0.1), [np.inf], list[int]()
    while len(losses) <= epochs:
        n = forward(X, y, *params)
        losses.append(n["loss"].item())
        dead.append(int(np.sum(np.all(n["a1"].data == 0, axis=0))))
        if not (losses[-1] > 0.001 and abs(losses[-1] - losses[-2]) > 1e-12):
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


def main(seed: int = 0, plot: str | None = None) -> int:
    """Print the posted gradients against ours, and what becomes of the recipe; 0 where it fails twice and learns once, as it must."""
    (X, y), params = images(seed), start(seed)
    (n := forward(X, y, *params))["loss"].backward()
    ratios = [
        np.sum(g * w.grad) / np.sum(w.grad**2)
        for g, w in zip(posted_gradients(X, y, params[2], n), params, strict=True)
    ]
    print(
        f"Posted gradients / ours: dW1 {ratios[0]:.12g} (not divided by ten images), db1, dW2, db2",
        *(f"{r:.12g}" for r in ratios[1:]),
    )
    runs = {
        "[0, 1]": train(X, y, seed),
        "[0, 255]": train(255 * X, y, seed),
        "[0, 1] − mean": train(X - X.mean(axis=0), y, seed),
    }
    for pixels, (losses, dead, _) in runs.items():
        print(f"\n   {pixels:16s}step      loss   ReLU units that are 0 for every image")
        for i in sorted(
            {0, 1, 5, 10, 20, 50, 100, int(np.argmax(losses)), len(losses) - 1} & {*range(len(losses))}
        ):
            print(f"   {i + 1:20d}{losses[i]:10.6f}   {dead[i]:2d} of 64")
    (posted, dead, _), (saturated, _, _), (centred, alive, _) = runs.values()
    anomaly = first_anomaly(255 * X, y, seed)
    print(
        f"\n[0, 1]: {dead[20]} units dead after 20 steps; "
        f"its last loss is {posted[-1]:.6f}, the labels' entropy {np.log(2):.6f}\n"
        f"ag.doctor: {doctors_word(X, y, seed)}"
    )
    print(f"[0, 255]: ag.debug: {anomaly}")
    print(
        f"[0, 1] − mean: {alive[-1]} dead; "
        f"highest loss {max(centred):.4f}, the first {centred[0]:.4f}, the last {centred[-1]:.4f}"
    )
    if plot:
        save_curves(plot, {pixels: runs[pixels][0][:300] for pixels in ("[0, 1]", "[0, 1] − mean")}, x="step")
    failed = (
        abs(posted[-1] - np.log(2)) < 0.1
        and dead[20] > 32
        and len(saturated) == 2
        and anomaly.startswith("'log'")
    )
    return 0 if failed and centred[-1] < 0.01 and max(centred) == centred[0] else 1
