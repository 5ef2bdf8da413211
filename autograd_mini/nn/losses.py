"""Losses: how far predictions are from what they should be. All check shapes: a loss never broadcasts silently."""

import contextlib
import math
from typing import Any

import numpy as np

from ..core import functions
from ..core.node import Node
from ..errors import DTypeError, ShapeError

REDUCTIONS = {"mean": functions.mean, "sum": functions.sum, "none": lambda x: x}


def _reduced(losses: Any, reduction: str) -> Any:
    if reduction not in REDUCTIONS:
        raise ValueError(f"reduction must be one of {', '.join(REDUCTIONS)}, got {reduction!r}")
    return REDUCTIONS[reduction](losses)


def _check(name: str, prediction: Any, target: Any) -> None:
    given, wanted = functions.shape(prediction), functions.shape(target)
    if given != wanted:
        broadcast = ""
        with contextlib.suppress(ValueError):
            broadcast = f": they would broadcast to {np.broadcast_shapes(given, wanted)}"
        raise ShapeError(f"{name}: prediction {given} and target {wanted} differ{broadcast}; reshape one")
    if not math.prod(given):
        raise ValueError(f"{name}: the batch is empty, shape {given}")


def mse(prediction: Any, target: Any, reduction: str = "mean") -> Any:
    """Return the squared error: (prediction − target)², its mean over all elements by default, or their sum, or each.

    Both of one shape, else ShapeError.

    >>> import autograd_mini as ag
    >>> ag.nn.mse(ag.Tensor([1.0, 3.0]), [1.0, 1.0]).item()
    2.0
    """
    _check("mse", prediction, target)
    return _reduced(functions.squared_error(prediction, target), reduction)


def binary_cross_entropy_with_logits(logits: Any, target: Any, reduction: str = "mean") -> Any:
    """Return −t·log σ(x) − (1 − t)·log(1 − σ(x)) for logits x and labels or probabilities t in [0, 1], of one shape.

    Right for logits of any size. ValueError with the range for a target outside [0, 1].

    >>> import autograd_mini as ag
    >>> round(ag.nn.binary_cross_entropy_with_logits(ag.Tensor([0.0]), [1.0]).item(), 6)
    0.693147
    """
    _check("binary_cross_entropy_with_logits", logits, target)
    _check_probabilities("binary_cross_entropy_with_logits", target)
    return _reduced(functions.sigmoid_cross_entropy(logits, target), reduction)


def _check_probabilities(name: str, target: Any) -> None:
    data = target.data if isinstance(target, Node) else np.asarray(target)
    low, high = np.minimum.reduce(data, axis=None), np.maximum.reduce(data, axis=None)
    if not (low >= 0 and high <= 1):
        raise ValueError(f"{name}: the target must lie in [0, 1], got {low:g} to {high:g}")


def cross_entropy(logits: Any, target: Any, reduction: str = "mean") -> Any:
    """Return −log softmax(logits)[target], the mean over the batch by default.

    `logits` has shape (batch, classes) or (classes,); `target` is raw integers (batch,), one class a sample, or probabilities
    of the logits' shape. DTypeError for a Tensor of indices or floats that are no probabilities, IndexError for an index out
    of range, ShapeError for a wrong length.

    >>> import autograd_mini as ag
    >>> round(ag.nn.cross_entropy(ag.Tensor([[0.0, 0.0]]), [1]).item(), 6)
    0.693147
    """
    sizes = functions.shape(logits)
    if not sizes or not math.prod(sizes):
        raise ValueError(f"cross_entropy: logits of shape (batch, classes) are needed, got {sizes}")
    if functions.shape(target) == sizes:
        _check_probabilities("cross_entropy", target)
        return _reduced(functions.softmax_cross_entropy(logits, target), reduction)
    if isinstance(target, Node):
        raise DTypeError(f"cross_entropy: class indices are plain integers, not a {type(target).__name__}: pass target.data.astype(int)")
    classes = np.asarray(target)
    if classes.dtype.kind not in "iu":
        raise DTypeError(f"cross_entropy: class indices must be integers, got {classes.dtype}: pass target.astype(int)")
    if classes.shape != sizes[:-1]:
        raise ShapeError(f"cross_entropy: logits {sizes} need {sizes[:-1]} class indices, got {classes.shape}")
    low, high = np.minimum.reduce(classes, axis=None), np.maximum.reduce(classes, axis=None)
    if low < 0 or high >= sizes[-1]:
        raise IndexError(f"cross_entropy: target {low if low < 0 else high} out of range for {sizes[-1]} classes")
    chosen = np.zeros(sizes, logits.dtype if isinstance(logits, Node) else np.float64)
    chosen.reshape(-1, sizes[-1])[np.arange(classes.size), classes.reshape(-1)] = 1.0
    return _reduced(functions.softmax_cross_entropy(logits, chosen), reduction)
