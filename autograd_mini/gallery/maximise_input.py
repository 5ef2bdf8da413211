"""Gradient ascent on the input of a trained network, with and without bounds."""

from importlib.util import find_spec
from typing import Any

import numpy as np

import autograd_mini as ag

from .story import INPUTS, Curves, Training, row, say

TARGETS = np.array([[0.0], [1.0], [0.0], [0.0]])


def training(seed: int) -> Training:
    """2-3-1 sigmoid, weights U(0, 1), squared error, a sample a step, lr 0.1."""
    weights = ag.nn.init.uniform(0, 1)
    net = ag.nn.MLP([2, 3, 1], "sigmoid", "sigmoid", init=weights, rng=seed)
    sgd = ag.optim.SGD(net.parameters(), lr=0.1)
    return Training(net, INPUTS, TARGETS, ag.nn.mse, sgd, batch_size=1, rng=seed)


def ascend(net: Any, start: Any, bounds: tuple[float, float] | None = None, count: int = 10_000) -> Any:
    """Where descent on (output − 1)² takes the input: the points (count + 1, 2); with bounds, projected onto them."""
    x = ag.Tensor(start, label="x")
    sgd, points = ag.optim.SGD([x], lr=0.1, bounds=bounds), [x.data.copy()]
    how = Training(lambda _: net(x), np.zeros((1, 1)), None, missed, sgd)
    how.fit(count, callbacks=lambda *_: points.append(x.data.copy()))
    return np.array(points)


def missed(output: Any) -> Any:
    """(output − 1)²."""
    return (output - 1).sum() ** 2


def ascend_lbfgs(net: Any, start: Any) -> Any:
    """The same within [0, 1]² by scipy's L-BFGS-B: the point (2,)."""
    x = ag.Tensor(start, label="x")
    ag.optim.LBFGS([x], max_iter=200, bounds=(0.0, 1.0)).step(lambda: missed(net(x)))
    return x.data


def main(seed: int) -> Curves:
    """Train, ascend three ways: without bounds the input leaves [0, 1]², within them it ends at [0, 1]."""
    history = (how := training(seed)).fit(5000)
    net = how.model.freeze()
    outputs = zip(INPUTS, net(INPUTS).data[:, 0], strict=True)
    say("trained: " + "   ".join(f"{x} → {p:.4f}" for x, p in outputs))
    start = np.array([1.0, np.random.default_rng(seed + 1).random()])  # on the side of the wrong corners
    free, held = ascend(net, start), ascend(net, start, bounds=(0.0, 1.0))
    say("", "step      without bounds    output             projected    output")
    for k in (0, 100, 500, 1000, 2000, 5000, 10_000):
        sides = (f"  [{row(x, '8.4f', ',')}]  {net(x).item():8.4f}" for x in (free[k], held[k]))
        say(f"{k:5d}" + "".join(sides))
    said = "left out, for it needs scipy: python -m pip install 'autograd-mini[scipy]'"
    if find_spec("scipy"):
        end = ascend_lbfgs(net, start)
        said = f"{end.round(4)}, output {net(end).item():.4f}"
    say("", f"L-BFGS-B: {said}")
    return dict(history)
