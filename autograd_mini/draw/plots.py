"""Plots of models, with the `plot` extra: what a classifier decides, and how large the gradients of its layers are."""

from typing import Any

import numpy as np

from ..coercion import describe, to_array, whole
from ..core.node import Node
from ..errors import GraphError, ShapeError
from ..figures import new_figure, save_figure
from ..modes import no_grad
from ..parameters import set_modes, training_modes
from .model import readable

COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000")  # Okabe and Ito's, 2008
SLOW = 40  # points a side for a model that takes one sample at a time


def plot_decision_boundary(model: Any, X: Any, y: Any = None, *, points: int = 200, path: Any = None) -> Any:
    """Return a matplotlib Figure of what a model of two features decides over the plane, with the samples; with a path, save it.

    `model`: a Module or function of a batch (n, 2) that gives a score (n,) or (n, 1), or scores (n, k) of k classes, the largest of which
    decides. It is called once, on `points` × `points` points around the samples, without recording and in evaluation mode. A
    model on Values that takes one sample at a time works too: nn.scalar.MLP as quickly, any other at 40 × 40 points.
    `X`: the samples, (n, 2); `y`: their n labels, in any shape of n elements or as n one-hot rows, or None. A single score is cut
    at 0; at ½ where all scores lie in [0, 1] and no label is below 0, as probabilities do.
    Raises ShapeError for other shapes; ValueError for samples that are not finite; ImportError without matplotlib; OSError where the
    path cannot be written. The Figure shows itself at the end of a notebook's cell.

    >>> import autograd_mini as ag
    >>> net = ag.nn.MLP([2, 3, 1], activation="tanh", rng=0)
    >>> plot_decision_boundary(net, [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]).axes[0].get_xlabel()
    'x₀'
    """
    X = to_array(X)
    if X.ndim != 2 or X.shape[1] != 2 or not len(X):
        raise ShapeError(f"plot_decision_boundary: X has shape {X.shape}: samples of two features, (n, 2), are needed; take two columns")
    if not np.isfinite(X).all():
        raise ValueError("plot_decision_boundary: X holds NaN or ∞: drop those samples")
    labels = None if y is None else _labels(y, len(X))
    figure = new_figure(5, 4.2)
    low, high = X.min(0), X.max(0)
    margin = 0.15 * np.where(high > low, high - low, 1.0)
    sides, scores = _scores(model, low - margin, high + margin, whole("points", points, 2), X.dtype)
    axes = figure.add_subplot(xlabel="x₀", ylabel="x₁")
    if scores.ndim == 3:
        winners = scores.argmax(-1)  # as squares: contours would draw every class between two
        axes.pcolormesh(*sides, winners, cmap=_cycled(scores.shape[-1]), vmin=-0.5, vmax=scores.shape[-1] - 0.5, alpha=0.35)
    else:
        probable = scores.min() >= 0 and scores.max() <= 1 and (labels is None or labels.min() >= 0)
        cut = 0.5 if probable else 0.0
        reach = max(float(np.abs(scores - cut)[np.isfinite(scores)].max(initial=0.0)), 1e-12)
        shades = axes.contourf(*sides, scores, levels=np.linspace(cut - reach, cut + reach, 21), cmap=_two_colours(), alpha=0.6)
        figure.colorbar(shades, label="score")
        if scores.min() < cut < scores.max():
            axes.contour(*sides, scores, levels=[cut], colors="black", linewidths=1.5)
    for i, label in enumerate([] if labels is None else np.unique(labels)):
        chosen = X[labels == label]
        axes.scatter(*chosen.T, s=24, color=COLOURS[i % len(COLOURS)], edgecolor="white", linewidth=0.8, label=f"{label:g}", zorder=3)
    if labels is None:
        axes.scatter(*X.T, s=24, color="black", edgecolor="white", linewidth=0.8, zorder=3)
    else:
        axes.legend(title="label", loc="upper right", framealpha=0.8)
    if path is not None:
        save_figure(figure, path)
    return figure


def plot_gradient_flow(model: Any, *, path: Any = None) -> Any:
    """Return a matplotlib Figure with a histogram of log₁₀ |gradient| for each layer, input side first; with a path, save it.

    Layers whose bars lie far to the left learn little (vanishing gradients), far to the right too much; how many gradients are
    exactly 0 (dead ReLUs), NaN or ∞ stands beside. `model` is any with `named_parameters()`, after a `backward()`.
    Raises GraphError where a backward has reached no parameter; ImportError without matplotlib; OSError for a path that cannot be written.

    >>> import autograd_mini as ag
    >>> net = ag.nn.MLP([2, 3, 1], activation="tanh", rng=0)
    >>> net(np.ones((4, 2))).sum().backward()
    >>> [axes.get_title(loc="left") for axes in plot_gradient_flow(net).axes]
    ['layer0', 'layer1']
    """
    layers: dict[str, list[Any]] = {}
    for name, parameter in model.named_parameters():
        owner = readable(name, False).rpartition(".")[0]
        if isinstance(parameter, Node.scalar_kind):
            owner = owner.rpartition(".")[0]  # of a neuron its layer
        layers.setdefault(owner or type(model).__name__, []).append(parameter)
    grads = {layer: [np.ravel(node.grad) for node in nodes if node.grad is not None] for layer, nodes in layers.items()}
    if not any(grads.values()):
        raise GraphError(f"plot_gradient_flow: no parameter of {type(model).__name__} has a gradient: call loss.backward() first")
    figure = new_figure(5.5, 0.6 + 0.9 * len(grads))
    joined = {layer: np.concatenate(parts) if parts else np.empty(0) for layer, parts in grads.items()}
    sizes = {layer: np.log10(np.abs(all_[np.isfinite(all_) & (all_ != 0)].astype(float))) for layer, all_ in joined.items()}
    found = np.concatenate([*sizes.values()])
    low, high = (np.floor(found.min()), np.ceil(found.max())) if found.size else (-1.0, 0.0)
    bins = np.linspace(low, max(high, low + 1), 41)
    for i, (layer, values) in enumerate(sizes.items()):
        axes = figure.add_subplot(len(sizes), 1, i + 1)
        axes.hist(values, bins=bins, color=COLOURS[1])
        axes.set_title(layer, loc="left", fontsize=9)
        axes.set_title(_counted(joined[layer]), loc="right", fontsize=8)
        axes.set(yticks=[], xlim=(bins[0], bins[-1]))
        if i < len(sizes) - 1:
            axes.set_xticklabels([])
    axes.set_xlabel("log₁₀ |gradient|")
    if path is not None:
        save_figure(figure, path)
    return figure


def _counted(grads: Any) -> str:
    """How many gradients there are, and how many are 0 or no number."""
    special = {"0": grads == 0, "NaN": np.isnan(grads), "∞": np.isinf(grads)}
    counts = [f"{int(where.sum()):,} {name}" for name, where in special.items() if where.any()]
    return ", ".join([f"{grads.size:,} gradients" if grads.size else "no gradient", *counts])


def _labels(y: Any, n: int) -> Any:
    """The labels as n numbers."""
    labels = to_array(y.data if isinstance(y, Node) else y)
    if labels.size == n:
        return labels.ravel()
    if labels.ndim == 2 and len(labels) == n:
        return labels.argmax(1)
    raise ShapeError(f"plot_decision_boundary: y has shape {labels.shape} for {n} samples: a label, or a one-hot row, for each is needed")


@no_grad
def _scores(model: Any, low: Any, high: Any, points: int, dtype: Any) -> tuple[Any, Any]:
    """The coordinates of a grid of points, and the model's scores there: (points, points), or (points, points, k)."""
    model = model.to_tensor() if hasattr(model, "to_tensor") else model
    before = training_modes(model)
    set_modes((part, False) for part, _ in before)
    try:
        try:
            sides, batch = _grid(low, high, points, dtype)
            scores = _plain(model(batch))
        except Exception as error:  # a model of one sample, perhaps: asked below, and if it is none, the first error tells why
            sides, batch = _grid(low, high, SLOW, dtype)
            try:
                scores = np.stack([_plain(model(row)) for row in batch.tolist()])
            except Exception:
                raise error from None
    finally:
        set_modes(before)
    if scores.shape[:1] != (len(batch),) or scores.ndim > 2:
        raise ShapeError(f"plot_decision_boundary: the model gave shape {scores.shape} for {batch.shape}: (n,), (n, 1) or (n, k) is needed")
    shape = (len(sides[1]), len(sides[0]))
    return sides, scores.reshape(shape) if scores.size == len(batch) else scores.reshape(*shape, -1)


def _grid(low: Any, high: Any, points: int, dtype: Any) -> tuple[list[Any], Any]:
    """The coordinates of a grid along both axes, and its points, (points², 2)."""
    sides = [np.linspace(a, b, points, dtype=dtype) for a, b in zip(low, high, strict=True)]
    return sides, np.stack([part.ravel() for part in np.meshgrid(*sides)], axis=1)


def _plain(out: Any) -> Any:
    """The model's output as an array."""
    if isinstance(out, list | tuple):
        return np.stack([_plain(part) for part in out])
    if not isinstance(out, Node | np.ndarray | int | float | np.number):
        raise ShapeError(f"plot_decision_boundary: the model gave {describe(out)}: a score for each sample is needed")
    return np.asarray(out.data if isinstance(out, Node) else out)


def _cycled(count: int) -> Any:
    """So many colours, the palette's over and over."""
    from matplotlib.colors import ListedColormap

    return ListedColormap([COLOURS[i % len(COLOURS)] for i in range(count)])


def _two_colours() -> Any:
    """Orange over white to blue."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("orange-blue", [COLOURS[0], "white", COLOURS[1]])
