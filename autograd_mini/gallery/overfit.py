"""12288-64-1 on ten images: the recipe that never learns, why, and the one that does."""

from typing import Any

import numpy as np

import autograd_mini as ag

from .data import digits
from .story import Curves, Training, say

PIXELS = {  # as posted, as posted again, and what works
    "[0, 1]": lambda X: X,
    "[0, 255]": lambda X: 255 * X,
    "[0, 1] − mean": lambda X: X - X.mean(axis=0),
}


def images(seed: int) -> tuple[Any, Any]:
    """The ten digits, 64×64×3, dark on light in all colours, as (10, 12288) in [0, 1]; and labels (10, 1), 1 for odd ones."""
    rng, (small, digit) = np.random.default_rng(seed), digits()
    chosen = small[[rng.choice(np.flatnonzero(digit == d)) for d in range(10)]].reshape(10, 8, 8)
    paper, ink = rng.uniform(0.5, 1.0, (10, 1, 1, 3)), rng.uniform(0.0, 0.5, (10, 1, 1, 3))
    coloured = paper + (ink - paper) * np.kron(chosen, np.ones((8, 8)))[..., None]
    return coloured.reshape(10, -1), np.arange(10.0)[:, None] % 2


def cost(p: Any, y: Any) -> Any:
    """The recipe's cross-entropy."""
    return -(y * ag.log(p) + (1 - y) * ag.log(1 - p)).mean()


def training(seed: int, pixels: str = "[0, 1] − mean") -> Training:
    """W1 (12288, 64), b1, W2 (64, 1), b2, with a ReLU and a sigmoid; the ten images with such pixels at every step."""
    net = ag.nn.MLP([12288, 64, 1], init=ag.nn.init.normal(std=0.01), output="sigmoid", rng=seed)
    X, y = images(seed)
    return Training(net, PIXELS[pixels](X), y, cost, ag.optim.SGD(net.parameters(), lr=0.1))


def learn(how: Training, epochs: int = 2000) -> tuple[list[float], list[int], str]:
    """Train until nothing can change: the losses, after each step how many units are 0 for every image, and what was raised."""
    losses, dead = [np.inf], list[int]()

    def look(_: int, history: Any) -> bool:
        losses.append(history["loss"][-1])
        dead.append(int(np.sum(np.all(how.model.layers[0](how.X).data <= 0, axis=0))))
        return not (losses[-1] > 0.005 and abs(losses[-1] - losses[-2]) > 1e-9)

    try:
        with ag.debug():
            how.fit(epochs, callbacks=look)
    except ag.AnomalyError as error:
        return losses[1:], dead, f"ag.debug: {error}"
    return losses[1:], dead, ""


def main(seed: int) -> Curves:
    """What becomes of the recipe: it fails twice, and learns once."""
    curves = Curves()
    for pixels in PIXELS:
        how = training(seed, pixels)
        report = ag.doctor(how.model, how.loss, how.X, how.y, optimizer=how.optimizer)
        losses, dead, raised = learn(how)
        say(f"{pixels:16s}step      loss   ReLU units that are 0 for every image after it")
        shown = {0, 1, 5, 10, 20, 50, 100, int(np.argmax(losses)), len(losses) - 1} & {*range(len(losses))}
        say(*(f"{i + 1:20d}{losses[i]:10.6f}   {dead[i]:2d} of 64" for i in sorted(shown)))
        say(*(f"ag.doctor: {found.why}" for found in report.findings[:1]), *raised.splitlines(), "")
        curves[f"pixels in {pixels}"] = losses[:300]
    return curves
