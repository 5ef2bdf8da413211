"""The derivatives of a network by its *inputs*; and a fit to data of which some give y, some ∂y/∂x1 and some ∂y/∂x2.

The data are of sin x1 · cos x2, the network 2-8-8-1 with sigmoids. It is fitted twice: by gradient descent, where the loss contains
a derivative and its own gradient goes *through* it; and by a swarm of 40 particles, which needs no gradient but the one in the loss.
"""

from itertools import pairwise
from typing import Any

import numpy as np

import autograd_mini as ag

from .picture import save_curves

KINDS = ("y", "∂y/∂x1", "∂y/∂x2")


def layers(sizes: list[int], draw: Any) -> list[Any]:
    """Weights (in, out) and biases (1, out) of each layer, the last, which is linear, without a bias; draw(shape) gives the numbers."""
    return [draw(shape) for m, n in pairwise(sizes) for shape in ((m, n), (1, n))][:-1]


def network(X: Any, weights: list[Any]) -> Any:
    """The outputs (…, N, 1) for inputs (…, N, 2). The weights may be stacks, (P, in, out): then it is P networks at once."""
    for W, b in zip(weights[:-1:2], weights[1::2], strict=True):
        X = ag.sigmoid(X @ W + b)
    return X @ weights[-1]


def truth(X: Any) -> Any:
    """y and its two derivatives at the points (N, 2): an array of shape (N, 3)."""
    (s1, s2), (c1, c2) = np.sin(X.T), np.cos(X.T)
    return np.stack([s1 * c2, c1 * c2, -s1 * s2], axis=1)


def mixed_data(seed: int, n: int = 120) -> tuple[Any, Any, Any]:
    """Points (n, 2) in [−π/2, π/2]², the kind of number known of each, 0, 1 or 2, and that number."""
    X, kind = np.random.default_rng(seed).uniform(-np.pi / 2, np.pi / 2, (n, 2)), np.arange(n) % 3
    return X, kind, truth(X)[np.arange(n), kind]


def predict(weights: list[Any], X: Any, graph: bool = False) -> Any:
    """y and its two slopes, (…, N, 3). An output depends on its own input only, so the gradient of their sum holds all slopes."""
    X = ag.Tensor(np.broadcast_to(X, (*weights[0].shape[:-2], *X.shape)))
    y = network(X, weights)
    return ag.concatenate([y, ag.gradients(y.sum(), X, create_graph=graph)], axis=-1)  # create_graph: slopes that are nodes


def error(weights: list[Any], data: tuple[Any, Any, Any], graph: bool = False) -> Any:
    """The mean squared error over the data; of stacked weights, one for each network."""
    X, kind, known = data
    return ag.mean((predict(weights, X, graph)[..., np.arange(len(X)), kind] - known) ** 2, axis=-1)


def by_descent(data: tuple[Any, Any, Any], seed: int, steps: int = 2000) -> tuple[list[Any], list[float]]:
    """Fit by Adam on the flat vector of parameters: the weights, and the error before each step."""
    start, unravel = ag.ravel(layers([2, 8, 8, 1], np.random.default_rng(seed).standard_normal))
    w = ag.Tensor(start)
    adam, errors = ag.optim.Adam([w], lr=0.03), [1.0]
    while errors[-1] > 2e-4 and len(errors) <= steps:
        errors.append(adam.step(lambda: error(unravel(w), data, graph=True)).item())
    return unravel(w.data), errors[1:]


def by_swarm(data: tuple[Any, Any, Any], seed: int, particles: int = 40, iterations: int = 1500) -> tuple[list[Any], list[float]]:
    """Fit by a particle swarm on the same vector: the best weights, and the least error so far at each iteration."""
    rng = np.random.default_rng(seed)
    start, unravel = ag.ravel(layers([2, 8, 8, 1], np.zeros))
    at = rng.standard_normal((particles, start.size))
    speed, own, least, errors = 0 * at, at, np.full(particles, np.inf), [np.inf]
    while errors[-1] > 9.5e-4 and len(errors) <= iterations:
        found = np.asarray(error([np.stack(parts) for parts in zip(*map(unravel, at), strict=True)], data).data)
        own, least = np.where((found < least)[:, None], at, own), np.minimum(found, least)
        a, b = rng.uniform(0, 1.4, (2, *at.shape))
        speed = np.clip(0.7 * speed + a * (own - at) + b * (own[least.argmin()] - at), -2, 2)
        at = at + speed
        errors.append(float(least.min()))
    return unravel(own[least.argmin()]), errors[1:]


def main(seed: int = 0, plot: str | None = None) -> int:
    """Print Jacobians, Hessians and both fits; 0 where the Jacobians are the known ones and both errors are below 1e-3."""
    print(f"{__doc__}\nAll weights and biases 1, x = [1, 1]:\n")
    known = {(2, 2, 1): 0.0903533, (2, 2, 2, 1): 0.00889187}
    right, point = True, np.ones((1, 2))
    for sizes, number in known.items():
        ones = layers(list(sizes), np.ones)
        J, H = (f(lambda X: network(X, ones), point)[0, 0] for f in (ag.batch_jacobian, ag.batch_hessian))  # noqa: B023
        print(f"   {'-'.join(map(str, sizes)):8s} J = {J.round(8)}   H = {H.round(8).tolist()}")
        right = right and np.allclose(J, number, rtol=1e-6)
    data, fits = mixed_data(seed), {}
    X, kind, numbers = data
    print(f"\n{len(X)} numbers of sin x1 · cos x2, {', '.join(f'{np.sum(kind == k)} {name}' for k, name in enumerate(KINDS))}; mean squared errors:\n")
    for name, fit in (("gradient descent", by_descent), ("particle swarm", by_swarm)):
        weights, errors = fits[name] = fit(data, seed)
        misses = (predict(weights, X).data[np.arange(len(X)), kind] - numbers) ** 2
        each = "   ".join(f"of {of} {np.mean(misses[kind == k]):.1e}" for k, of in enumerate(KINDS))
        print(f"   {name:17s} {np.mean(misses):.1e} after {len(errors):4d} iterations   {each}")
        right = right and np.mean(misses) < 1e-3
    for name, (weights, _) in fits.items():
        fresh = np.random.default_rng(seed + 1).uniform(-1.5, 1.5, (3, 2))
        print(f"\n   {name}, at points of which it was told nothing: y, ∂y/∂x1, ∂y/∂x2, learnt | true")
        for x, ours, true in zip(fresh, predict(weights, fresh).data, truth(fresh), strict=True):
            print(f"   x = [{x[0]:6.3f}, {x[1]:6.3f}]   " + "  |  ".join(" ".join(f"{v:7.3f}" for v in row) for row in (ours, true)))
    if plot:
        save_curves(plot, {name: np.log10(errors).tolist() for name, (_, errors) in fits.items()}, x="iteration; error as its log10")
    return 0 if right else 1
