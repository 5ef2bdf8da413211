"""Derivatives of every order, of both kinds, for the tests of this folder."""

from collections.abc import Callable
from typing import Any

import numpy as np

import autograd_mini as ag


def near(got: Any, wanted: Any, rtol: float = 1e-12) -> None:
    """Equal to a relative tolerance, of one shape, NaN where NaN is wanted."""
    got, wanted = np.asarray(got), np.asarray(wanted, float)
    assert got.shape == wanted.shape, f"shape {got.shape} should be {wanted.shape}"
    np.testing.assert_allclose(got, wanted, rtol=rtol, atol=0.0)


def summed(nodes: Any) -> Any:
    """All the elements of all the nodes, added up."""
    total: Any = 0.0
    for node in nodes:
        total = total + (node.sum() if isinstance(node, ag.Tensor) else node)
    return total


def weighted(nodes: Any) -> Any:
    """All the elements of all the nodes, each times a number of its own, added up."""
    total: Any = 0.0
    for i, node in enumerate(nodes):
        if isinstance(node, ag.Tensor):
            weights = np.cos(np.arange(node.size) + i).reshape(node.shape)
            total = total + (node * weights).sum()
        else:
            total = total + node * float(np.cos(i))
    return total


def levels(f: Callable[..., Any], leaves: list[Any], orders: int) -> list[list[Any]]:
    """The result of f and its gradients of each order: each level is differentiated by the weighted sum of the last."""
    out = f(*leaves)
    level = out if isinstance(out, list | tuple) else [out]
    found = [[np.asarray(x.data) for x in level]]
    for _ in range(orders):
        level = ag.gradients(weighted(level), leaves, create_graph=True, allow_unused=True)
        found.append([np.asarray(x.data) for x in level])
    return found
