"""A network that solves u'' + u = 0: a loss made of derivatives with respect to the input."""

from typing import Any

import numpy as np

import autograd_mini as ag

from .story import Curves, row, say


def residuals(net: Any, t: Any) -> Any:
    """What is to be 0: u″ + u at the times t, of shape (n, 1), u(0), and u′(0) − 1. A Tensor of shape (n + 2,)."""
    zero = np.zeros((1, 1))
    equation = (ag.derivative(net, 2)(t) + net(t)) / len(t) ** 0.5
    return ag.concatenate([equation, net(zero), ag.derivative(net)(zero) - 1.0], axis=None)


def solve(seed: int = 0, hidden: int = 16, points: int = 32, count: int = 300) -> tuple[Any, list[float]]:
    """Return the trained network and the sum of squared residuals after each step."""
    t = np.linspace(0.0, 2.0 * np.pi, points)[:, None]
    w, unravel = ag.ravel(ag.nn.MLP([1, hidden, 1], activation="tanh", rng=seed))
    linearised = ag.jacobian(lambda w: residuals(unravel(w), t), value=True)
    r, J = linearised(w)
    damping, losses = 0.01, [float(r @ r)]
    while losses[-1] > 1e-7 and len(losses) <= count:
        step = np.linalg.solve(J.T @ J + damping * np.eye(w.size), J.T @ r)
        r_new, J_new = linearised(w - step)
        if r_new @ r_new < r @ r:  # trust the linear picture more
            w, r, J, damping = w - step, r_new, J_new, damping / 3
        else:
            damping *= 4
        losses.append(float(r @ r))
    return unravel(w), losses


def main(seed: int) -> Curves:
    """Train, and print the solution beside the sine: it is within 0.02 of it."""
    net, losses = solve(seed)
    say(*(f"step {i:3d}   sum of squared residuals {losses[i]:.1e}" for i in range(0, len(losses), 50)))
    x = np.linspace(0.0, 2.0 * np.pi, 9)[:, None]
    columns = np.hstack([x, net(x).data, np.sin(x), ag.derivative(net)(x), np.cos(x)])
    say("", "       x      u(x)     sin x     du/dx     cos x")
    say(*(f"{numbers[0]:8.4f}{row(numbers[1:].round(4), '10.4f', '')}" for numbers in columns))
    x = np.linspace(0.0, 2.0 * np.pi, 1001)[:, None]
    say("", f"largest |u(x) − sin x| on [0, 2π]: {np.max(np.abs(net(x).data - np.sin(x))):.1e}")
    return {"sum of squared residuals": losses}
