"""Values and slopes as data: by gradient descent and by a swarm of particles."""

from functools import partial
from typing import Any

import numpy as np

import autograd_mini as ag

from .story import Curves, Training, row, say


def layers(sizes: list[int], draw: Any) -> list[Any]:
    """Weights (in, out) and biases (1, out) layer by layer, the last linear and without a bias; draw(shape) gives the numbers."""
    return [draw(shape) for i, n in enumerate(sizes[1:]) for shape in ((sizes[i], n), (1, n))][:-1]


def network(X: Any, weights: list[Any]) -> Any:
    """The outputs (…, N, 1) for inputs (…, N, 2). The weights may be stacks, (P, in, out): then it is P networks at once."""
    for W, b in zip(weights[:-1:2], weights[1::2], strict=True):
        X = ag.sigmoid(X @ W + b)
    return X @ weights[-1]


def data(seed: int, n: int = 120) -> tuple[Any, Any]:
    """Points (n, 2) in [−π/2, π/2]², and of point i one number: y, ∂y/∂x1 or ∂y/∂x2 where i % 3 is 0, 1 or 2, of shape (n,)."""
    X = np.random.default_rng(seed).uniform(-np.pi / 2, np.pi / 2, (n, 2))
    (s1, s2), (c1, c2) = np.sin(X.T), np.cos(X.T)
    return X, np.choose(np.arange(n) % 3, [s1 * c2, c1 * c2, -s1 * s2])


def misses(weights: list[Any], X: Any, known: Any, graph: bool = False) -> Any:
    """Learnt less known, (…, N). A point's output depends on that point only, so the gradient of their sum holds all the slopes."""
    inputs, every = ag.Tensor(np.broadcast_to(X, (*weights[0].shape[:-2], *X.shape))), np.arange(len(X))
    y = network(inputs, weights)
    slopes = ag.gradients(y.sum(), inputs, create_graph=graph)  # with a graph: nodes, of the weights
    return ag.concatenate([y, slopes], axis=-1)[..., every, every % 3] - known


def training(seed: int) -> Training:
    """Adam, through the derivative. The parameters are one flat vector, as the swarm has them."""
    start, unravel = ag.ravel(layers([2, 8, 8, 1], np.random.default_rng(seed).standard_normal))
    (X, known), w = data(seed), ag.Tensor(start)
    model = lambda _: misses(unravel(w), X, known, graph=True)  # noqa: E731
    return Training(model, X, None, lambda missed: ag.mean(missed**2), ag.optim.Adam([w], lr=0.03))


def by_descent(seed: int, count: int = 2000) -> tuple[list[Any], list[float]]:
    """The weights after so many steps, and the error before each."""
    errors = (how := training(seed)).fit(count)["loss"]
    return ag.ravel(layers([2, 8, 8, 1], np.zeros))[1](how.optimizer.params[0].data), errors


def by_swarm(seed: int, iterations: int = 1500) -> tuple[list[Any], list[float]]:
    """Fit by a particle swarm on the same vector, until the error is below 9e-4: the best weights, and the least error so far."""
    (X, known), rng = data(seed), np.random.default_rng(seed)
    start, unravel = ag.ravel(layers([2, 8, 8, 1], np.zeros))
    own = at = rng.normal(size=(40, start.size))
    speed, least, errors = 0 * at, np.full(40, np.inf), list[float]()
    while least.min() > 9e-4 and len(errors) < iterations:
        networks = [np.stack(W) for W in zip(*map(unravel, at), strict=True)]  # all at once
        found = np.mean(misses(networks, X, known).data ** 2, axis=1)
        own, least = np.where((found < least)[:, None], at, own), np.minimum(found, least)
        a, b = rng.uniform(0, 1.4, (2, *at.shape))
        speed = np.clip(0.7 * speed + a * (own - at) + b * (own[least.argmin()] - at), -2, 2)
        at = at + speed
        errors.append(float(least.min()))
        if len(errors) % 100 == 0:
            say(f"swarm, {len(errors):4d} iterations: {errors[-1]:.1e}")
    return unravel(own[least.argmin()]), errors


def main(seed: int) -> Curves:
    """Jacobians, Hessians and both fits: the Jacobians are the known ones, and both errors are below 1e-3."""
    say("All weights and biases 1, x = [1, 1]:", "")
    for sizes in ([2, 2, 1], [2, 2, 2, 1]):
        net, x = partial(network, weights=layers(sizes, np.ones)), np.ones((1, 2))
        J, H = ag.batch_jacobian(net, x)[0, 0], ag.batch_hessian(net, x)[0, 0]
        say(f"{'-'.join(map(str, sizes)):8s} J = {J.round(8)}   H = {H.round(8).tolist()}")
    say("", "Mean squared errors over 120 points, one number known of each, by its kind y, ∂y/∂x1, ∂y/∂x2;")
    say("and over 3,000 others:", "")
    curves = Curves()
    for name, fit in (("gradient descent", by_descent), ("particle swarm", by_swarm)):
        weights, curves[name] = fit(seed)
        told, new = (misses(weights, *data(*of)).data ** 2 for of in ((seed,), (seed + 1, 3000)))
        here, there = (row([np.mean(error[k::3]) for k in range(3)], ".1e") for error in (told, new))
        count = f"{np.mean(told):.1e} after {len(curves[name]):4d} iterations"
        say(f"{name:17s} {count}   by kind {here}   others {there}")
    return curves
