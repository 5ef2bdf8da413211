"""Values and slopes as data: by gradient descent and by a swarm of particles.

Asked: What is the derivative of a deep network with respect to its inputs, and can I train on slopes?
Wrong: Between the layers the derivatives were summed up, and the sums multiplied, where Jacobians are multiplied as matrices.
Works: A 2-8-8-1 network with sigmoids learns sin x1 · cos x2 from data of which some give y, some ∂y/∂x1 and some ∂y/∂x2: by
gradient descent, where the loss contains a derivative and its own gradient goes *through* it; and by 40 particles, each a network.
"""

from typing import Any

import numpy as np

import autograd_mini as ag

from .story import Told, program, row, say, steps, train


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


def posted(x: Any, weights: list[Any]) -> Any:
    """∂y/∂x (1, 2) at one point as it was asked about: a sum stands between the layers of a 2-2-2-1 network."""
    W1, b1, W2, b2, W3 = weights
    a1 = ag.sigmoid(x @ W1 + b1)
    a2 = ag.sigmoid(a1 @ W2 + b2)
    return np.sum(W3.T * (a2 * (1 - a2)) @ W2.T) * np.sum(a1 * (1 - a1) * W1, axis=1)[None]


def by_descent(X: Any, known: Any, seed: int, count: int = 2000) -> tuple[list[Any], list[float]]:
    """Fit by Adam on the flat vector of parameters: the weights, and the error before each step."""
    start, unravel = ag.ravel(layers([2, 8, 8, 1], np.random.default_rng(seed).standard_normal))
    adam = ag.optim.Adam([w := ag.Tensor(start)], lr=0.03)
    errors = train(adam, lambda _: ag.mean(misses(unravel(w), X, known, graph=True) ** 2), count, "descent")
    return unravel(w.data), errors


def by_swarm(X: Any, known: Any, seed: int, iterations: int = 1500) -> tuple[list[Any], list[float]]:
    """Fit by a particle swarm on the same vector, until the error is below 9e-4: the best weights, and the least error so far."""
    rng, (start, unravel) = np.random.default_rng(seed), ag.ravel(layers([2, 8, 8, 1], np.zeros))
    own = at = rng.normal(size=(40, start.size))
    speed, least, errors = 0 * at, np.full(40, np.inf), list[float]()
    for _ in steps(range(iterations), iterations, "swarm"):
        if least.min() <= 9e-4:
            break
        networks = [np.stack(W) for W in zip(*map(unravel, at), strict=True)]  # all at once
        found = np.mean(misses(networks, X, known).data ** 2, axis=1)
        own, least = np.where((found < least)[:, None], at, own), np.minimum(found, least)
        a, b = rng.uniform(0, 1.4, (2, *at.shape))
        speed = np.clip(0.7 * speed + a * (own - at) + b * (own[least.argmin()] - at), -2, 2)
        at, errors = at + speed, [*errors, float(least.min())]
    return unravel(own[least.argmin()]), errors


@program
def main(seed: int) -> Told:
    """Jacobians, Hessians and both fits: the Jacobians are the known ones and both errors are below 1e-3."""
    good, curves = True, dict[str, Any]()
    say("All weights and biases 1, x = [1, 1]:", "")
    for sizes, known in (([2, 2, 1], 0.0903533), ([2, 2, 2, 1], 0.00889187)):
        weights, x = layers(sizes, np.ones), np.ones((1, 2))
        J = ag.batch_jacobian(lambda x, weights=weights: network(x, weights), x)[0, 0]
        H = ag.batch_hessian(lambda x, weights=weights: network(x, weights), x)[0, 0]
        say(f"{'-'.join(map(str, sizes)):8s} J = {J.round(8)}   H = {H.round(8).tolist()}")
        good = good and np.allclose(J, known, rtol=1e-6)
    weights, at = layers([2, 2, 2, 1], np.random.default_rng(seed).standard_normal), np.ones((1, 2))
    point = ag.Tensor(at, label="x")
    found = ag.diagnose(network(point, weights).sum(), {point: posted(at, weights)}).findings[0]
    say("", f"ag.diagnose, of the derivative as it was asked about: {found.why}")
    say("", "Mean squared errors over 120 points, one number known of each, by its kind y, ∂y/∂x1, ∂y/∂x2;")
    say("and over 3,000 others:", "")
    for name, fit in (("gradient descent", by_descent), ("particle swarm", by_swarm)):
        weights, errors = fit(*data(seed), seed)
        told, new = (misses(weights, *data(*of)).data ** 2 for of in ((seed,), (seed + 1, 3000)))
        here, there = (row([np.mean(error[k::3]) for k in range(3)], ".1e") for error in (told, new))
        count = f"{np.mean(told):.1e} after {len(errors):4d} iterations"
        say(f"{name:17s} {count}   by kind {here}   others {there}")
        good = good and np.mean(told) < 1e-3
        curves[f"log10 of the error, {name}"] = np.log10(errors).tolist()
    return bool(good), curves, "iteration"
