"""Gradient ascent on the input of a trained network, with and without bounds.

Asked: The network is trained. Which input makes its output largest?
Wrong: Nothing; but a sigmoid has no peak: it rises for ever, so the ascent runs out of [0, 1]² after more of it, where the network,
which is 1 at [0, 1] only, has never been.
Works: Gradient descent on (output − 1)² by the *input*, the weights fixed, within bounds: by projection after each step, or by
L-BFGS-B.
"""

from importlib.util import find_spec
from typing import Any

import numpy as np

import autograd_mini as ag

from .story import Told, program, row, say, steps
from .story import train as descend

INPUTS, TARGETS = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]]), np.array([1.0, 0.0, 0.0, 0.0])


def layer(x: Any, theta: Any) -> Any:
    """The sigmoids of a layer; the bias unit, a 1, is one more input: concatenated, not added."""
    return ag.sigmoid(ag.concatenate([x, [1.0]]) @ theta)


def network(x: Any, thetas: Any) -> Any:
    """The output for one input (2,), a 0-d Tensor."""
    return layer(layer(x, thetas[0]), thetas[1]).sum()


def train(seed: int, epochs: int = 5000) -> list[Any]:
    """The weights (3, 3) and (4, 1), from U(0, 1), by squared error, a sample a step, lr 0.1: plain arrays, and so constants."""
    rng = np.random.default_rng(seed)
    thetas = [ag.Tensor(rng.random(shape)) for shape in ((3, 3), (4, 1))]
    sgd = ag.optim.SGD(thetas, lr=0.1)
    descend(sgd, lambda i: (network(INPUTS[i % 4], thetas) - TARGETS[i % 4]) ** 2, 4 * epochs)
    return [theta.data for theta in thetas]


def ascend(thetas: Any, start: Any, bounds: tuple[float, float] | None = None, count: int = 10_000) -> Any:
    """Where descent on (output − 1)² takes the input: the points (count + 1, 2); with bounds, projected onto them."""
    x = ag.Tensor(start, label="x")
    sgd, points = ag.optim.SGD([x], lr=0.1, bounds=bounds), [x.data.copy()]
    for _ in steps(range(count), count, "ascending"):
        sgd.step(lambda: (network(x, thetas) - 1) ** 2)
        points.append(x.data.copy())
    return np.array(points)


def ascend_lbfgs(thetas: Any, start: Any) -> Any:
    """The same within [0, 1]² by scipy's L-BFGS-B: the point (2,)."""
    x = ag.Tensor(start, label="x")
    ag.optim.LBFGS([x], max_iter=200, bounds=(0.0, 1.0)).step(lambda: (network(x, thetas) - 1) ** 2)
    return x.data


@program
def main(seed: int) -> Told:
    """Train, ascend three ways: without bounds the input leaves [0, 1]², within them it ends at [0, 1], output ≥ 0.9."""
    thetas = train(seed)
    say("trained: " + "   ".join(f"{x} → {network(x, thetas).item():.4f}" for x in INPUTS))
    start = np.array([1.0, np.random.default_rng(seed + 1).random()])  # on the side of the wrong corners
    free, held = ascend(thetas, start), ascend(thetas, start, bounds=(0.0, 1.0))
    say("", "step      without bounds    output             projected    output")
    for k in (0, 100, 500, 1000, 2000, 5000, 10_000):
        sides = (f"  [{row(x, '8.4f', ',')}]  {network(x, thetas).item():8.4f}" for x in (free[k], held[k]))
        say(f"{k:5d}" + "".join(sides))
    ends, said = [held[-1]], "left out, for it needs scipy: python -m pip install 'autograd-mini[scipy]'"
    if find_spec("scipy"):
        ends.append(ascend_lbfgs(thetas, start))
        said = f"{ends[1].round(4)}, output {network(ends[1], thetas).item():.4f}"
    say("", f"L-BFGS-B: {said}")
    checked = ag.check_gradients(lambda x: network(x, thetas), [start])
    say("", f"ag.check_gradients, of the output by the input: {' '.join(str(checked).splitlines()[1:])}")
    names = ("x1 free", "x2 free", "x1 projected", "x2 projected")
    left = bool(np.any((free[-1] < 0) | (free[-1] > 1)))
    there = all(np.max(np.abs(x - [0, 1])) < 0.02 and network(x, thetas).item() >= 0.9 for x in ends)
    return left and there, dict(zip(names, np.hstack([free, held]).T.tolist(), strict=True)), "step"
