"""Adam in Rosenbrock's valley, f = (1 − x)² + 5·(y − x²)² from (0.1, 0.1): plain, and with noise, f times U(0.5, 1.5) at every call.

The optimiser is called with a closure: it forgets the old gradients, computes the loss, goes back through it and returns it. Beside
it stands Adam written by hand, as posted: line for line the same, but for one line too many, `x -= lr * v`.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

import autograd_mini as ag

from .picture import save_curves

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


def descend(loss_of: Callable[[Any], Any], steps: int = 200) -> Any:
    """Where Adam goes on that function: the points (steps + 1, 2), the start first."""
    x = ag.Tensor(START, label="x")
    adam = ag.optim.Adam([x], lr=LR)

    def closure() -> Any:
        adam.zero_grad()
        loss = loss_of(x)
        loss.backward()
        return loss

    points = [x.data.copy()]
    for _ in range(steps):
        adam.step(closure)
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


def main(seed: int = 0, plot: str | None = None) -> int:
    """Print both descents beside the hand-written ones; 0 where they agree, and the noisy one ends with f < 0.05."""
    scales = np.random.default_rng(seed).uniform(0.5, 1.5, 200)  # the numbers that noisy(seed) draws
    plain, rough, even = descend(f), descend(noisy(seed)), np.ones(200)
    runs = {"plain": plain, "  by hand": by_hand(even), "  as posted": by_hand(even, True)}
    runs |= {"with noise": rough, "  by hand ": by_hand(scales), "  as posted ": by_hand(scales, True)}
    print(
        f"{__doc__}\n   f(x, y) after    "
        + "".join(f"{k:11d}" for k in (0, 25, 50, 100, 200))
        + "     the last point"
    )
    for name, points in runs.items():
        print(
            f"   {name:17s}"
            + "".join(f"{f(points[k]):11.2e}" for k in (0, 25, 50, 100, 200))
            + f"     {points[-1].round(4)}"
        )
    apart = max(
        np.max(np.abs(runs[a] - runs[b])) for a, b in (("plain", "  by hand"), ("with noise", "  by hand "))
    )
    print(f"\n   Adam and Adam by hand (without the line too many) are never further apart than {apart:.0e}")
    if plot:
        save_curves(
            plot,
            {
                name.strip(): [float(f(x)) for x in runs[name]]
                for name in ("plain", "with noise", "  as posted")
            },
            x="step",
        )
    return 0 if apart < 1e-10 and f(rough[-1]) < 0.05 else 1
