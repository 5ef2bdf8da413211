"""Adam on Rosenbrock's valley, step for step PyTorch's, and with noise.

Asked: Is my Adam right, and what if the function is noisy?
Wrong: A line too many, `x -= lr * v`, so that the step is not Adam's, as `ag.diagnose_update` says; without it, it is PyTorch's.
Works: f = (1 − x)² + 5·(y − x²)² from (0.1, 0.1), plain, and times U(0.5, 1.5) at every call. The optimiser is called with a
closure: it forgets the old gradients, computes the loss, goes back through it and returns it.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

import autograd_mini as ag

from .story import Told, program, row, say

START, LR, A, B = (0.1, 0.1), 0.1, 1.0, 5.0


def f(x: Any) -> Any:
    """Rosenbrock's function: the least value, 0, is at (A, A²)."""
    return (A - x[0]) ** 2 + B * (x[1] - x[0] ** 2) ** 2


def slope(x: Any) -> Any:
    """The gradient of f, derived by hand."""
    return np.array([-2 * A + 4 * B * x[0] ** 3 - 4 * B * x[0] * x[1] + 2 * x[0], 2 * B * (x[1] - x[0] ** 2)])


def noisy(seed: int) -> Callable[[Any], Any]:
    """A function that returns f times a fresh U(0.5, 1.5): its gradient is scaled by the same number."""
    rng = np.random.default_rng(seed)
    return lambda x: f(x) * rng.uniform(0.5, 1.5)


def descend(loss_of: Callable[[Any], Any], count: int = 200) -> Any:
    """Where Adam goes on that function: the points (count + 1, 2), the start first."""
    x = ag.Tensor(START, label="x")
    adam, points = ag.optim.Adam([x], lr=LR), [x.data.copy()]
    for _ in range(count):
        adam.step(lambda: loss_of(x))
        points.append(x.data.copy())
    return np.array(points)


def by_hand(scales: Any, line_too_many: bool = False) -> Any:
    """The same points by Adam's formulas and `slope`; step k multiplies the gradient by scales[k]."""
    x = np.array(START)
    points, m, v = [x], np.zeros(2), np.zeros(2)
    for k, scale in enumerate(scales, 1):
        j = slope(x) * scale
        m, v = 0.9 * m + 0.1 * j, 0.999 * v + 0.001 * j**2
        x = x - LR * (m / (1 - 0.9**k)) / (np.sqrt(v / (1 - 0.999**k)) + 1e-8)
        x = x - LR * v if line_too_many else x
        points.append(x)
    return np.array(points)


@program
def main(seed: int) -> Told:
    """Both descents beside the hand-written ones: they agree, and the noisy one ends with f < 0.05."""
    scales = np.random.default_rng(seed).uniform(0.5, 1.5, 200)  # the numbers that noisy(seed) draws
    runs, apart = dict[str, Any](), 0.0
    for name, loss, factors in (("plain", f, np.ones(200)), ("with noise", noisy(seed), scales)):
        points, mine = descend(loss), by_hand(factors)
        runs |= {name: points, f"{name}, by hand": mine, f"{name}, as posted": by_hand(factors, True)}
        apart = max(apart, float(np.max(np.abs(points - mine))))
    say("f(x, y) after step        " + row((0, 25, 50, 100, 200), "11.0f", "") + "     the last point")
    for name, points in runs.items():
        values = row([f(points[k]) for k in (0, 25, 50, 100, 200)], "11.2e", "")
        say(f"{name:25s} {values}     {points[-1].round(4)}")
    say("", f"Adam and Adam by hand (without the line too many) are never further apart than {apart:.0e}", "")
    mine = by_hand(np.ones(200), line_too_many=True)
    after, gradients = ([{"x": of(x)} for x in xs] for of, xs in ((np.array, mine[1:5]), (slope, mine[:4])))
    adam = ag.optim.Adam([ag.Tensor(START)], lr=LR)
    found = ag.diagnose_update({"x": mine[0]}, after, gradients, adam).findings
    say(
        f"ag.diagnose_update, of the steps as posted: {found[0].why}. Adam's are",
        "",
        *found[0].fix.splitlines(),
    )
    curves = {name: [float(f(x)) for x in runs[name]] for name in ("plain", "with noise", "plain, as posted")}
    return apart < 1e-10 and f(runs["with noise"][-1]) < 0.05, curves, "step"
