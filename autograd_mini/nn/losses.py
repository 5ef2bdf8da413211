"""Losses: how far predictions are from their targets. All check shapes: a loss never broadcasts silently.

Predictions and targets are Tensors, Values, arrays, numbers, or lists of them; a target that is a node is differentiated too, as in
PyTorch. `reduction` is "mean" (over all elements; in the losses of classes, over the samples), "sum", or "none" for each loss by
itself. As everywhere, raw data give raw numbers, float32 is kept where all arrays are float32, and NaN passes through.
"""

import contextlib
import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..core import array_rows, functions, rows, special_rows
from ..core.node import Node, plain
from ..core.readings import ARRAYS
from ..core.tensor import Tensor
from ..core.value import Value
from ..errors import AutogradError, CompileError, DTypeError, ShapeError
from ..support.coercion import BARE, FLOAT_TYPES, describe, finite
from ..support.modes import recorder

REDUCTIONS = {"mean": functions.mean, "sum": functions.sum, "none": lambda x: x}
ROUNDING = 1e-5  # how far above 0 a logarithm of a probability may lie
READY = (Node, *BARE)
Data = Any  # a Tensor, Value, array or number, or nested lists of them
Sizes = tuple[int, ...]


# ---- Losses of numbers --------------------------------------------------------------------------------------------------


def mse(prediction: Data, target: Data, reduction: str = "mean") -> Any:
    """Return the squared error (prediction − target)², by default its mean over all elements.

    Raises ShapeError for two shapes, ValueError for an empty batch or an unknown reduction. PyTorch's mse_loss.

    >>> import autograd_mini as ag
    >>> ag.nn.mse(ag.Tensor([1.0, 3.0]), [1.0, 1.0]).item()
    2.0
    """
    return _squared("mse", prediction, target, reduction, 1)


def half_sse(prediction: Data, target: Data, reduction: str = "sum") -> Any:
    """Return half the squared error, ½·Σ(prediction − target)² over all elements; its gradient is prediction − target.

    Raises ShapeError for two shapes, ValueError for an empty batch or an unknown reduction.

    >>> import autograd_mini as ag
    >>> ag.nn.half_sse(ag.Tensor([1.0, 3.0]), [1.0, 1.0]).item()
    2.0
    """
    return _squared("half_sse", prediction, target, reduction, 2)


def _squared(name: str, prediction: Data, target: Data, reduction: str, parts: int) -> Any:
    """The squared error divided by `parts`; of a Tensor, with its mean or sum in one operation."""
    prediction, target = _pair(name, prediction, target, reduction)
    if type(prediction) is Tensor and reduction != "none":
        count = parts * prediction.size if reduction == "mean" else parts
        return array_rows.SQUARED_DISTANCE(count)(prediction, target)
    out = _reduced(special_rows.squared_error(prediction, target), reduction)
    return out if parts == 1 else out / parts


def mae(prediction: Data, target: Data, reduction: str = "mean") -> Any:
    """Return the absolute error |prediction − target|, by default its mean over all elements; its gradient is 0 where they are equal.

    Raises ShapeError for two shapes, ValueError for an empty batch or an unknown reduction. PyTorch's l1_loss.

    >>> import autograd_mini as ag
    >>> ag.nn.mae(ag.Tensor([1.0, 3.0]), [1.0, 1.0]).item()
    1.0
    """
    prediction, target = _pair("mae", prediction, target, reduction)
    return _reduced(rows.abs(rows.subtract(prediction, target)), reduction)


def huber(prediction: Data, target: Data, reduction: str = "mean", *, delta: float = 1.0) -> Any:
    """Return ½·d² where |d| ≤ delta, else delta·(|d| − ½·delta), for d = prediction − target; by default the mean.

    Args:
        prediction, target: of one shape, else ShapeError.
        reduction: "mean", "sum" or "none".
        delta: a number above 0, else ValueError: where the square turns into a line.

    Huber 1964, doi:10.1214/aoms/1177703732; PyTorch's huber_loss.

    >>> import autograd_mini as ag
    >>> ag.nn.huber(ag.Tensor([0.0, 3.0]), [1.0, 1.0], "none").tolist()
    [0.5, 1.5]
    """
    delta = finite("huber: delta", delta, above=0)
    prediction, target = _pair("huber", prediction, target, reduction)
    far = rows.subtract(prediction, target)
    held = functions.clip(far, -delta, delta)
    return _reduced(held * (far - 0.5 * held), reduction)


def hinge(prediction: Data, target: Data, reduction: str = "mean") -> Any:
    """Return max(0, 1 − target · prediction), by default its mean, for targets −1 and 1: the loss of a margin of 1.

    On the margin the gradient is 0. Raises ShapeError for two shapes, ValueError for another target.

    >>> import autograd_mini as ag
    >>> ag.nn.hinge(ag.Tensor([0.5, -3.0]), [1.0, -1.0], "none").tolist()
    [0.5, 0.0]
    """
    prediction, target = _pair("hinge", prediction, target, reduction)
    if not all(size == 1 for size in _range((rows.abs if isinstance(target, Node) else np.abs)(target))):
        raise ValueError("hinge: the target must be -1 or 1; for labels 0 and 1 pass 2 * target - 1")
    if type(prediction) is Tensor and reduction != "none":
        return array_rows.HINGE(prediction.size if reduction == "mean" else 1)(prediction, target)
    return _reduced(rows.relu(1.0 - rows.multiply(target, prediction)), reduction)


def l2(params: Iterable[Any], weight: float = 1.0) -> Any:
    """Return weight · Σ p² over all numbers of all parameters, in one operation: the penalty of L2 regularisation.

    `params`: nodes and arrays of any shapes, as from `model.parameters()`; `weight`: a finite number. The gradient by p is
    2 · weight · p; an optimiser's `weight_decay` adds weight_decay · p, without the 2. Raises TypeError for anything but a list,
    ValueError for an empty one.

    >>> import autograd_mini as ag
    >>> loss = ag.nn.l2([ag.Tensor([1.0, 2.0]), ag.Tensor([[3.0]])], 0.5)
    >>> loss.item()
    7.0
    """
    if isinstance(params, Node | np.ndarray) or not isinstance(params, Iterable):
        given = describe(params)
        raise TypeError(f"l2: a list of parameters is needed, got {given}: pass model.parameters()")
    parts = [_data("l2", f"parameter {i}", p) for i, p in enumerate(params)]
    if not parts:
        raise ValueError("l2: no parameters (an exhausted generator?): pass model.parameters()")
    return array_rows.SUM_OF_SQUARES(finite("l2: weight", weight))(*parts)


# ---- Losses of probabilities ----------------------------------------------------------------------------------------------


def binary_cross_entropy(
    prediction: Data, target: Data, reduction: str = "mean", *, weight: Any = None
) -> Any:
    """Return −t·log p − (1 − t)·log(1 − p) for probabilities p and labels or probabilities t in [0, 1], of one shape.

    As in PyTorch, logarithms are −100 at least, and the gradient is (p − t) / max(p·(1 − p), 1e-12). For logits, use
    `binary_cross_entropy_with_logits`, which is exact.

    Args:
        prediction: probabilities p.
        target: t, of p's shape, else ShapeError.
        reduction: "mean", "sum" or "none".
        weight: a number or an array that broadcasts to p's shape; it multiplies the losses.

    Raises ValueError, with the range, where p or t lies outside [0, 1], and for a weight below 0.

    >>> import autograd_mini as ag
    >>> round(ag.nn.binary_cross_entropy(ag.Tensor([0.5]), [1.0]).item(), 6), ag.nn.binary_cross_entropy(0.0, 1.0)
    (0.693147, 100.0)
    """
    name = "binary_cross_entropy"
    prediction, target = _pair(name, prediction, target, reduction)
    low, high = _range(prediction)
    if low < 0 or high > 1:
        given = f"got {plain(low):g} to {plain(high):g}"
        advice = f"pass sigmoid(x), or use {name}_with_logits"
        raise ValueError(f"{name}: the prediction must lie in [0, 1], {given}: {advice}")
    _check_probabilities(name, target)
    return _weighted(name, special_rows.binary_cross_entropy(prediction, target), weight, reduction)


def _weighted(name: str, losses: Data, weight: Any, reduction: str) -> Any:
    """The reduction of the losses, each times its weight, if there is one."""
    if weight is not None:
        losses = rows.multiply(losses, _scale(name, "weight", weight, losses))
    return _reduced(losses, reduction)


def _scale(name: str, what: str, weight: Any, like: Any) -> Any:
    """The weight; ValueError where it is below 0, ShapeError where it does not broadcast to the shape of `like`."""
    weight, wide = _data(name, what, weight), functions.shape(like)
    low, high = _range(weight)
    if not (low >= 0 and high < math.inf):
        raise ValueError(f"{name}: {what} must be finite, 0 or more, got {plain(low):g} to {plain(high):g}")
    own = functions.shape(weight)
    if len(own) > len(wide) or any(n not in (1, m) for n, m in zip(own[::-1], wide[::-1], strict=False)):
        raise ShapeError(f"{name}: {what} of shape {own} does not broadcast to {wide}")
    return weight


def binary_cross_entropy_with_logits(
    logits: Data, target: Data, reduction: str = "mean", *, weight: Any = None, pos_weight: Any = None
) -> Any:
    """Return −t·log σ(x) − (1 − t)·log(1 − σ(x)) for logits x and labels or probabilities t in [0, 1], of one shape.

    It is exact for logits of any size. PyTorch's function of this name.

    Args:
        logits: x.
        target: t, of x's shape, else ShapeError.
        reduction: "mean", "sum" or "none".
        weight: a number or an array that broadcasts to x's shape; it multiplies the losses.
        pos_weight: the same; it multiplies the first term.

    Raises ValueError, with the range, for a target outside [0, 1], and for a weight below 0.

    >>> import autograd_mini as ag
    >>> round(ag.nn.binary_cross_entropy_with_logits(ag.Tensor([0.0]), [1.0]).item(), 6)
    0.693147
    """
    name = "binary_cross_entropy_with_logits"
    logits, target = _pair(name, logits, target, reduction, "logits")
    _check_probabilities(name, target)
    if pos_weight is None:
        losses = special_rows.sigmoid_cross_entropy(logits, target)
    else:
        right = rows.multiply(target, _scale(name, "pos_weight", pos_weight, logits))
        right = rows.multiply(right, special_rows.softplus(rows.negative(logits)))
        wrong = rows.multiply(rows.subtract(1.0, target), special_rows.softplus(logits))
        losses = rows.add(right, wrong)
    return _weighted(name, losses, weight, reduction)


def kl_div(prediction: Data, target: Data, reduction: str = "mean") -> Any:
    """Return t·(log t − x) for logarithms x of predicted probabilities, and probabilities t.

    As in PyTorch, the mean is over all elements, so the divergence of a batch of distributions is the sum divided by the size of
    the batch. Where t is 0 the loss is 0, whatever x is.

    Args:
        prediction: x, as from log_softmax.
        target: t, of x's shape, else ShapeError.
        reduction: "mean", "sum" or "none".

    Raises ValueError for a t outside [0, 1], and for logarithms above 0.

    >>> import autograd_mini as ag
    >>> round(ag.nn.kl_div(ag.log_softmax(ag.Tensor([0.0, 0.0])), [1.0, 0.0], "sum").item(), 6)
    0.693147
    """
    prediction, target = _pair("kl_div", prediction, target, reduction)
    _check_logarithms("kl_div", prediction)
    _check_probabilities("kl_div", target)
    nothing = rows.logical_and(rows.equal(target, 0.0), rows.equal(prediction, -math.inf))  # 0·∞ is 0 here
    product = rows.multiply(target, functions.where(nothing, 0.0, prediction))
    return _reduced(rows.subtract(special_rows.xlogy(target, target), product), reduction)


# ---- Losses of classes ----------------------------------------------------------------------------------------------------


def cross_entropy(
    logits: Data, target: Data, reduction: str = "mean", *,
    weight: Any = None, ignore_index: int | None = None, label_smoothing: float = 0.0,
) -> Any:  # fmt: skip
    """Return −log softmax(logits)[target], by default the mean over the batch. PyTorch's function of this name.

    Args:
        logits: (batch, classes) or (classes,).
        target: raw integers (batch,), the class of each sample, or probabilities of the logits' shape.
        reduction: "mean", "sum" or "none".
        weight: a number for each class, (classes,). The mean is then over the weights of the targets; for probabilities it is over
            the samples.
        ignore_index: samples with this target do not count.
        label_smoothing: ε in [0, 1]; the target becomes (1 − ε)·target + ε / classes.

    Raises DTypeError for a Tensor of indices and for floats that are no probabilities, IndexError for an index out of range,
    ShapeError for a wrong length, ValueError for a weight below 0 or an ε outside [0, 1].

    >>> import autograd_mini as ag
    >>> round(ag.nn.cross_entropy(ag.Tensor([[0.0, 0.0]]), [1]).item(), 6)
    0.693147
    """
    logits, sizes = _scores("cross_entropy", "logits", logits, reduction)
    if sizes[-1] == 1:
        advice = "for two classes and one logit use binary_cross_entropy_with_logits"
        raise ValueError(f"cross_entropy: logits {sizes} have one class, for which it is always 0: {advice}")
    if isinstance(target, list | tuple):
        with contextlib.suppress(AutogradError, ValueError):  # a list of nodes holds probabilities
            target = np.asarray(target)
        target = target if isinstance(target, np.ndarray) else _data("cross_entropy", "target", target)
    is_plain = weight is None and ignore_index is None and not label_smoothing
    smoothing = 0.0 if is_plain else finite("cross_entropy: label_smoothing", label_smoothing, least=0)
    if smoothing > 1:
        raise ValueError(f"cross_entropy: label_smoothing must lie in [0, 1], got {smoothing:g}")
    weights = None
    if functions.shape(target) == sizes:
        if ignore_index is not None:
            raise ValueError("cross_entropy: ignore_index is for targets that are class indices")
        _check_probabilities("cross_entropy", target := _data("cross_entropy", "target", target))
        scale = None if is_plain else _class_weights("cross_entropy", weight, sizes, logits)
    elif is_plain:
        classes = _classes("cross_entropy", "logits", sizes, target)
        return _reduced(functions.class_cross_entropy(logits, classes), reduction)
    else:
        classes, counts = _kept("cross_entropy", "logits", sizes, target, ignore_index)
        scale = _class_weights("cross_entropy", weight, sizes, logits)
        weights, scale = scale[classes] * counts, scale * counts[..., None]
        target = np.eye(sizes[-1], dtype=logits.dtype)[classes]
    if smoothing:
        target = rows.add(rows.multiply(target, 1.0 - smoothing), smoothing / sizes[-1])
    if scale is not None:
        target = rows.multiply(target, scale)
    return _weighted_mean(array_rows.softmax_cross_entropy(logits, target), weights, reduction)


def _class_weights(name: str, weight: Any, sizes: Sizes, like: Any) -> Any:
    """The weight of each class as an array, ones by default."""
    found = np.ones(sizes[-1], like.dtype) if weight is None else np.asarray(_data(name, "weight", weight))
    if found.shape != sizes[-1:]:
        given = f"{sizes[-1]} classes, got shape {found.shape}"
        raise ShapeError(f"{name}: weight must have a number for each of {given}")
    return _scale(name, "weight", found, found).astype(like.dtype)


def _kept(name: str, what: str, sizes: Sizes, target: Data, ignored: Any) -> tuple[Any, Any]:
    """The class of each sample, and whether the sample counts; where the target is `ignored`, it does not, and its class is 0."""
    if recorder() is not None:
        raise CompileError(f"{name}: options of class indices are not compiled: give probabilities")
    if isinstance(ignored, bool) or not isinstance(ignored, int | np.integer | None):
        raise TypeError(f"{name}: ignore_index must be an int or None, got {ignored!r}")
    if ignored is None or isinstance(target, Node):
        classes = _classes(name, what, sizes, target)
        return classes, np.ones(classes.shape, bool)
    counts = np.asarray(target) != ignored
    return _classes(name, what, sizes, np.where(counts, target, 0)), counts


def _weighted_mean(losses: Data, weights: Any, reduction: str) -> Any:
    """The reduction of losses that were multiplied by these weights: the mean is over the weights, if there are any."""
    if weights is None or reduction != "mean":
        return _reduced(losses, reduction)
    return rows.divide(functions.sum(losses), functions.sum(weights))


def nll(
    prediction: Data, target: Data, reduction: str = "mean", *,
    weight: Any = None, ignore_index: int | None = None,
) -> Any:  # fmt: skip
    """Return −prediction[target], by default the mean over the batch: the negative log-likelihood. For logits use `cross_entropy`.

    Args:
        prediction: logarithms of probabilities, as from log_softmax, (batch, classes) or (classes,).
        target: raw integers (batch,), the class of each sample.
        reduction: "mean", "sum" or "none".
        weight, ignore_index: those of `cross_entropy`.

    Raises ValueError for a logarithm above 0 (probabilities and logits have such numbers); for a target what `cross_entropy` raises.

    >>> import autograd_mini as ag
    >>> round(ag.nn.nll(ag.log_softmax(ag.Tensor([[0.0, 0.0]])), [1]).item(), 6)
    0.693147
    """
    prediction, sizes = _scores("nll", "prediction", prediction, reduction)
    _check_logarithms("nll", prediction)
    if weight is None and ignore_index is None:
        classes, weights = _classes("nll", "prediction", sizes, target), None
    else:
        classes, counts = _kept("nll", "prediction", sizes, target, ignore_index)
        weights = _class_weights("nll", weight, sizes, prediction)[classes] * counts
    column = functions.getitem(classes, (..., None)) if isinstance(classes, Node) else classes[..., None]
    losses = rows.negative(functions.take_along_axis(prediction, column, -1)[..., 0])
    if weights is not None:
        losses = functions.where(weights > 0, rows.multiply(losses, weights), 0.0)  # −∞ · 0 is 0 here
    return _weighted_mean(losses, weights, reduction)


# ---- Checks ---------------------------------------------------------------------------------------------------------------


def _reduced(losses: Data, reduction: str) -> Any:
    return losses if type(losses) is Value or type(losses) is float else REDUCTIONS[reduction](losses)


def _data(name: str, what: str, x: Data) -> Any:
    """Nodes and numbers as they are, arrays and lists as arrays of floats, lists of nodes as one Tensor in their graph."""
    if isinstance(x, READY) or (type(x) is np.ndarray and x.dtype in FLOAT_TYPES and recorder() is None):
        return x
    try:
        found = ARRAYS.as_node(x)
    except (DTypeError, ValueError) as error:
        raise type(error)(f"{name}: the {what}: {str(error).removeprefix('Tensor: ')}") from None
    return found if found.op else found.data


def _checked(name: str, what: str, prediction: Data, reduction: Any) -> tuple[Any, Sizes]:
    """The prediction, and its shape; ValueError where it is empty, and for an unknown reduction."""
    if not isinstance(reduction, str) or reduction not in REDUCTIONS:
        raise ValueError(f"{name}: reduction must be one of {', '.join(REDUCTIONS)}, got {reduction!r}")
    prediction = _data(name, what, prediction)
    sizes = functions.shape(prediction)
    if 0 in sizes:
        raise ValueError(f"{name}: the batch is empty, shape {sizes}")
    return prediction, sizes


def _pair(name: str, prediction: Data, target: Data, reduction: Any, what: str = "prediction") -> Any:
    """Both operands; ShapeError where their shapes differ."""
    prediction, given = _checked(name, what, prediction, reduction)
    target = _data(name, "target", target)
    wanted = functions.shape(target)
    if given != wanted:
        broadcast = ""
        with contextlib.suppress(ValueError):
            broadcast = f": they would broadcast to {np.broadcast_shapes(given, wanted)}"
        raise ShapeError(f"{name}: {what} {given} and target {wanted} differ{broadcast}; reshape one")
    return prediction, target


def _scores(name: str, what: str, x: Data, reduction: str) -> tuple[Any, Sizes]:
    """The scores of each class, and their shape."""
    x, sizes = _checked(name, what, x, reduction)
    if not sizes:
        raise ShapeError(f"{name}: {what} must have shape (batch, classes), got {sizes}")
    return x, sizes


def _classes(name: str, what: str, sizes: Sizes, target: Data) -> Any:
    """The class of each sample as an array of integers, or while a function is compiled as its node."""
    if (trace := recorder()) is not None:
        return trace.classes(target, lambda raw: _classes_of(name, what, sizes, raw), sizes[-1], name)
    return _classes_of(name, what, sizes, target)


def _classes_of(name: str, what: str, sizes: Sizes, target: Data) -> Any:
    """The class of each sample, of raw data."""
    advice = "class indices are plain integers"
    if isinstance(target, np.ma.MaskedArray):
        raise DTypeError(f"{name}: {advice}, not a masked array: pass target.filled(value)")
    kind = type(target).__name__
    if isinstance(target, Node):
        _check_sizes(name, what, sizes, target.shape)
        raise DTypeError(f"{name}: {advice}, not a {kind}: pass target.data.astype(int)")
    try:
        classes = np.asarray(target)
    except (AutogradError, ValueError):
        raise DTypeError(f"{name}: {advice}, one a sample, not a {kind} of nodes or of ragged rows") from None
    if classes.dtype.kind not in "biuf":
        raise DTypeError(f"{name}: {advice}, one a sample, not {None if target is None else classes.dtype}")
    _check_sizes(name, what, sizes, classes.shape)
    if classes.dtype.kind not in "iu":
        raise DTypeError(f"{name}: {advice}, not {classes.dtype}: pass target.astype(int)")
    low, high = _range(classes)
    if low < 0 or high >= sizes[-1]:
        raise IndexError(f"{name}: target {low if low < 0 else high} out of range for {sizes[-1]} classes")
    return classes


def _check_sizes(name: str, what: str, sizes: Sizes, given: Sizes) -> None:
    if given != sizes[:-1]:
        needed = f"{name}: {what} {sizes} need {sizes[:-1]} class indices"
        needed += f" or {sizes} probabilities" if name == "cross_entropy" else ""
        raise ShapeError(f"{needed}, got {given}")


def _range(x: Data) -> tuple[Any, Any]:
    """The least and the greatest number of a node or raw data; as nodes while a function is compiled, so that a replay compares again."""
    if isinstance(x, Node) and recorder() is not None:
        return (x, x) if type(x) is Value else (functions.min(x), functions.max(x))
    data = plain(x)
    if type(data) is float:
        return data, data
    return np.minimum.reduce(data, axis=None), np.maximum.reduce(data, axis=None)


def _check_probabilities(name: str, target: Data) -> None:
    low, high = _range(target)
    if not (low >= 0 and high <= 1):
        raise ValueError(f"{name}: the target must lie in [0, 1], got {plain(low):g} to {plain(high):g}")


def _check_logarithms(name: str, x: Data) -> None:
    high = _range(x)[1]
    if high > ROUNDING:
        needed = "the prediction must hold logarithms of probabilities, at most 0"
        raise ValueError(f"{name}: {needed}, got {plain(high):g}: pass log_softmax(x)")
