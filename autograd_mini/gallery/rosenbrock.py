"""Adam on Rosenbrock's valley, step for step PyTorch's, and with noise."""

from typing import Any

import numpy as np

import autograd_mini as ag

from .story import Curves, Training, row, say, story

START = (0.1, 0.1)


def f(x: Any) -> Any:
    """Rosenbrock's function with a = 1 and b = 5: the least value, 0, is at (1, 1)."""
    return (1.0 - x[0]) ** 2 + 5.0 * (x[1] - x[0] ** 2) ** 2


def training(seed: int, noise: float = 0.0) -> Training:
    """The descent, of f times a fresh number in 1 ± noise at each call. There are no data; one row of them stands for a step."""
    x, rng = ag.Tensor(START, label="x"), np.random.default_rng(seed)
    model = lambda _: f(x) * rng.uniform(1 - noise, 1 + noise)  # noqa: E731
    return Training(model, np.zeros((1, 1)), None, ag.positive, ag.optim.Adam([x], lr=0.1))


def descend(how: Training, count: int = 200) -> Any:
    """Where Adam goes, given a function that computes the loss: the points (count + 1, 2), the start first."""
    adam, points = how.optimizer, [START]
    for _ in range(count):
        adam.step(lambda: how.model(None))
        points.append(adam.params[0].data.copy())
    return np.array(points)


def by_hand(script: str) -> Any:
    """The points of such a script."""
    names: dict[str, Any] = {}
    exec(script, names)
    return np.array(names["points"])


def main(seed: int) -> Curves:
    """The descents beside the hand-written ones."""
    runs = {
        "plain": descend(training(seed)),
        "by hand, as posted": by_hand(script := story("rosenbrock")[1]),
        "by hand, a line less": by_hand(script.replace("    x -= 0.1 * v\n", "")),
        "with noise": descend(training(seed, 0.5)),
    }
    say("f(x, y) after step        " + row((0, 25, 50, 100, 200), "11.0f", "") + "     the last point")
    for name, points in runs.items():
        values = row([f(points[k]) for k in (0, 25, 50, 100, 200)], "11.2e", "")
        say(f"{name:25s} {values}     {points[-1].round(4)}")
    apart = np.max(np.abs(runs["plain"] - runs["by hand, a line less"]))
    say("", f"Adam, and Adam by hand without the line, are never further apart than {apart:.0e}")
    return {name: [float(f(x)) for x in points] for name, points in runs.items()}
