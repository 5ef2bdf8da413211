"""A network that solves u″ + u = 0 with u(0) = 0 and u′(0) = 1: it is never shown the sine, and becomes it on [0, 2π].

The loss is made of *derivatives of the network with respect to its input*, so its own derivatives, with respect to the weights,
are mixed ones of third order. It is the least-squares problem of a physics-informed network (Lagaris, Likas and Fotiadis 1998,
doi:10.1109/72.712178), solved by damped Gauss-Newton steps (Marquardt 1963, doi:10.1137/0111030).
"""

from typing import Any

import numpy as np

import autograd_mini as ag

from .picture import save_curves


def residuals(net: Any, t: Any) -> Any:
    """What is to be 0: u″ + u at the times t, of shape (n, 1), u(0), and u′(0) − 1. A Tensor of shape (n + 2,)."""
    zero = np.zeros((1, 1))
    equation = (ag.derivative(net, 2)(t) + net(t)) / len(t) ** 0.5
    return ag.concatenate([equation, net(zero), ag.derivative(net)(zero) - 1.0], axis=None)


def solve(seed: int = 0, hidden: int = 16, points: int = 32, steps: int = 300) -> tuple[Any, list[float]]:
    """Return the trained network and the sum of squared residuals after each step."""
    t = np.linspace(0.0, 2.0 * np.pi, points)[:, None]
    w, unravel = ag.ravel(ag.nn.MLP([1, hidden, 1], activation="tanh", rng=seed))
    linearised = ag.jacobian(lambda w: residuals(unravel(w), t), value=True)
    r, J = linearised(w)
    damping, losses = 0.01, [float(r @ r)]
    while losses[-1] > 1e-7 and len(losses) <= steps:
        step = np.linalg.solve(J.T @ J + damping * np.eye(w.size), J.T @ r)
        r_new, J_new = linearised(w - step)
        if r_new @ r_new < r @ r:  # trust the linear picture more
            w, r, J, damping = w - step, r_new, J_new, damping / 3
        else:
            damping *= 4
        losses.append(float(r @ r))
    return unravel(w), losses


def main(seed: int = 0, plot: str | None = None) -> int:
    """Train, and print the solution beside the sine."""
    print("u'' + u = 0, u(0) = 0, u'(0) = 1 on [0, 2π], by a 1-16-1 tanh network\n")
    net, losses = solve(seed)
    for i in sorted({0, 10, 30, 100, len(losses) - 1}):
        if i < len(losses):
            print(f"   step {i:3d}   sum of squared residuals {losses[i]:.1e}")
    x = np.linspace(0.0, 2.0 * np.pi, 9)[:, None]
    u, slope = net(x).data, ag.derivative(net)(x)
    print(f"\n   {'x':>8s}{'u(x)':>10s}{'sin x':>10s}{'du/dx':>10s}{'cos x':>10s}")
    for row in np.hstack([x, u, np.sin(x), slope, np.cos(x)]).round(4) + 0.0:  # + 0.0: no minus before a zero
        print("   " + "".join(f"{number:{8 if i == 0 else 10}.4f}" for i, number in enumerate(row)))
    x = np.linspace(0.0, 2.0 * np.pi, 1001)[:, None]
    error = float(np.max(np.abs(net(x).data - np.sin(x))))
    if plot:
        save_curves(plot, {"u(x)": net(x).data[:, 0], "sin x": np.sin(x[:, 0])}, x="x, in thousandths of 2π")
    print(f"\n   largest |u(x) − sin x| on [0, 2π]: {error:.1e}")
    return 0 if error < 0.02 else 1
