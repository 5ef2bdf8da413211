"""Every differentiable function of NumPy on nodes: NumPy's own value, a difference quotient's gradient, and its slope again.

The calls are tests/core/numpy_calls.py's; PyTorch's gradient stands beside those of its functions that have another name.
"""

import inspect

import numpy as np
import pytest

import autograd_mini as ag
from autograd_mini import Tensor, Value
from tests.core.numpy_calls import CALLS, INPUTS, NOT_DIFFERENTIABLE, WITHOUT_RULE, differentiable, public
from tests.helpers.peers import torch

CASES = [
    pytest.param(call, id=f"{name} {i}" if i else name)
    for name, calls in CALLS.items()
    if name not in WITHOUT_RULE
    for i, call in enumerate(calls)
]


def inputs_of(call):
    return [INPUTS[p.name] for p in inspect.signature(call).parameters.values() if p.default is p.empty]


def parts_of(out):
    """The arrays of a result, which may be a list or tuple of them."""
    return [part for x in out for part in parts_of(x)] if isinstance(out, list | tuple) else [out]


def total(out):
    """A number that depends on every number of a result, and not in a line only."""
    found = 0.0
    for i, part in enumerate(parts_of(out)):
        weights = np.cos(np.arange(np.size(raw(part))) + i).reshape(np.shape(raw(part)))
        found = found + (part * weights + 0.5 * part * part).sum()
    return found


def raw(x):
    return x.data if isinstance(x, Value | Tensor) else x


def quotient(f, xs, along, h):
    """The slope of f at xs in a direction, by central differences of 4th order."""
    at = [f(*(x + k * h * d for x, d in zip(xs, along, strict=True))) for k in (-2, -1, 1, 2)]
    return [(a - 8.0 * b + 8.0 * c - d) / (12.0 * h) for a, b, c, d in zip(*at, strict=True)]


def gradient(call, xs, create_graph=False):
    """The gradient of the total of a call, an array or node an input."""
    nodes = [x if isinstance(x, Tensor) else Tensor(x) for x in xs]
    return ag.gradients(total(call(*nodes)), nodes, create_graph=create_graph, allow_unused=True)


@pytest.mark.parametrize("call", CASES)
def test_value_gradient_and_its_gradient(call):
    """The same numbers and shapes as NumPy's, in the graph; the gradient and the slope of the gradient as differences give them."""
    xs = inputs_of(call)
    nodes = [Tensor(x) for x in xs]
    with np.errstate(all="ignore"):
        wanted = parts_of(call(*xs))
    found = parts_of(call(*nodes))
    assert len(found) == len(wanted)
    for got, right in zip(found, wanted, strict=True):
        assert np.shape(raw(got)) == np.shape(right)
        np.testing.assert_allclose(raw(got), right, rtol=1e-10, atol=1e-12)
    assert any(isinstance(got, Tensor) for got in found)
    rng = np.random.default_rng(0)
    along = [rng.normal(size=x.shape) for x in xs]
    if not any(getattr(got, "requires_grad", False) for got in found):
        return  # its slope is 0
    first = gradient(call, xs)
    assert [np.shape(g) for g in first] == [x.shape for x in xs]
    by_us = sum(np.nansum(g * d) for g, d in zip(first, along, strict=True))
    (by_differences,) = quotient(lambda *xs: [np.asarray(total(call(*xs)))], xs, along, 1e-4)
    np.testing.assert_allclose(by_us, by_differences, rtol=1e-6, atol=1e-7)
    level = gradient(call, nodes, create_graph=True)
    slope = sum((g * Tensor(d)).sum() for g, d in zip(level, along, strict=True))
    second = ag.gradients(slope, nodes, allow_unused=True)
    for got, right in zip(second, quotient(lambda *xs: gradient(call, xs), xs, along, 1e-4), strict=True):
        np.testing.assert_allclose(np.nan_to_num(got), np.nan_to_num(right), rtol=1e-5, atol=1e-5)
