"""Plots, with the extra `plot`: what a classifier decides, how large the gradients of its layers are, the curves of a training.

Each is a matplotlib Figure, which a notebook shows; it is pyplot's current figure where a program uses pyplot.
"""

import io
import os
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from .core.node import plain
from .core.tensor import Tensor
from .draw.graph import readable
from .errors import DTypeError, GraphError, ShapeError, noted
from .nn.modules import set_modes, training_modes
from .optim.blocks import fitted
from .support.coercion import finite, to_array, whole
from .support.containers import rebuild
from .support.extras import needed
from .support.files import write_file
from .support.modes import no_grad

Array = np.ndarray[Any, Any]
BOUNDARY = "plot_decision_boundary"
# Okabe and Ito's, 2008
COLOURS = "#D55E00 #0072B2 #009E73 #CC79A7 #E69F00 #56B4E9 #F0E442 #000000".split()  # noqa: SIM905


def new_figure(width: float, height: float) -> Any:
    """Return an empty matplotlib Figure of a size in inches, which shows itself at the end of a notebook's cell.

    Where a program has imported pyplot, it is pyplot's current figure, so that plt.title, plt.savefig and plt.show act on it;
    but not in a notebook, which would show it twice. Raises ImportError without matplotlib, the extra `plot`.
    """
    make_figure = needed("a plot", "matplotlib.figure", "[plot]").Figure
    pyplot: Any = sys.modules.get("matplotlib.pyplot")
    is_shown = pyplot is not None and "inline" not in pyplot.get_backend()
    figure = (pyplot.figure if is_shown else make_figure)(figsize=(width, height), layout="constrained")
    vars(figure)["_repr_png_"] = lambda: png(figure)
    return figure


def close_figure(figure: Any) -> None:
    """Take the Figure out of pyplot's list, where it is in it."""
    if (pyplot := sys.modules.get("matplotlib.pyplot")) is not None:
        pyplot.close(figure)


def save_figure(figure: Any, path: Any) -> Any:
    """Return the Figure; with a path, write it as its suffix says (.png where there is none), whole or (OSError) not at all."""
    if path is not None:
        root, suffix = os.path.splitext(os.fspath(path))
        write_file(root + (suffix or ".png"), png(figure, suffix[1:] or "png"))
        close_figure(figure)
    return figure


def png(figure: Any, kind: str = "png") -> bytes:
    """The Figure as a notebook shows it, or as a file of another kind."""
    out = io.BytesIO()
    figure.savefig(out, format=kind, dpi=100)
    return out.getvalue()


def plot_decision_boundary(
    model: Any, X: Any, y: Any = None, *, threshold: float | None = None, points: int = 200, path: Any = None
) -> Any:
    """Return a matplotlib Figure of what a model of two features decides over the plane, with the samples; with a path, save it.

    Args:
        model: a Module or function of a batch (n, 2) that returns a score, (n,) or (n, 1), or a score for each of k classes, (n, k); the
            class with the largest score wins. It is called in evaluation mode and without recording. A model that takes one
            sample, a list of two numbers, works too: it is called once with the two columns in their place, as Tensors (n,).
        X: the samples, (n, 2).
        y: their labels, n numbers in any shape, or one-hot rows (n, k), or None.
        threshold: the score at which the black line is drawn. By default it is ½ for probabilities (all scores lie in [0, 1], no label
            is below 0), else 0, as for logits and labels ±1. For a model fitted to the labels 0 and 1 by squared error, pass 0.5.
        points: how many points the grid around the samples has on each side.
        path: where the picture is saved, as its suffix says.

    Raises the model's error where it cannot be called so; ShapeError for other shapes; ValueError for samples or labels that are not
    finite; ImportError without matplotlib; OSError for a path that cannot be written.

    >>> import autograd_mini as ag
    >>> net = ag.nn.MLP([2, 3, 1], activation="tanh", rng=0)
    >>> plot_decision_boundary(net, [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]).axes[0].get_xlabel()
    'x₀'
    """
    cut = None if threshold is None else finite("threshold", threshold)
    X = _numbers("X", X)
    if X.ndim != 2 or X.shape[1] != 2 or not len(X):
        raise ShapeError(f"{BOUNDARY}: X must have two features, shape (n, 2), got {X.shape}")
    labels = None if y is None else _labels(y, len(X))
    classes = np.unique([] if labels is None else labels)
    sides, scores = _scores(model, X, whole("points", points, 2))
    axes = new_figure(5, 4.2).add_subplot(xlabel="x₀", ylabel="x₁")
    colours = _paint(axes, sides, scores, classes, cut)
    dots: dict[str, Any] = {"edgecolor": "white", "s": 24, "linewidth": 0.8, "zorder": 3}
    for label, colour in zip(classes, colours, strict=True):
        axes.scatter(*X[labels == label].T, color=colour, label=f"{label:g}", **dots)
    if labels is None:
        axes.scatter(*X.T, color="black", **dots)
    else:  # beside the samples, never on them
        axes.figure.legend(title="label", loc="outside lower center", ncols=8)
    return save_figure(axes.figure, path)


def plot_gradient_flow(model: Any, *, path: Any = None) -> Any:
    """Return a matplotlib Figure with a histogram of log₁₀ |gradient| for each layer, input side first; with a path, save it.

    A layer with bars far to the left receives small gradients (they vanish on the way), far to the right large ones. The title
    counts those that are exactly 0 (dead ReLUs), NaN or ∞. `model`: any with `named_parameters()`, after a `backward()`.
    Raises TypeError for anything else; GraphError where no parameter has a gradient; ImportError without matplotlib; OSError
    for a path that cannot be written.

    >>> import autograd_mini as ag
    >>> net = ag.nn.MLP([2, 3, 1], activation="tanh", rng=0)
    >>> net(np.ones((4, 2))).sum().backward()
    >>> plot_gradient_flow(net).axes[1].get_title(loc="left")
    'layer1: 4 gradients, 0 exactly 0, 0 NaN or ∞'
    """
    if not hasattr(model, "named_parameters"):
        raise TypeError(f"plot_gradient_flow: a model is needed, got a {type(model).__name__}")
    layers: dict[str, list[Any]] = {}
    for name, parameter in model.named_parameters():
        owner = readable(name, False).rpartition(".")[0]
        # of a neuron in a list of them, their layer
        if isinstance(parameter.data, float) and owner[-1:].isdigit():
            owner = owner.rpartition(".")[0] or owner
        grads = layers.setdefault(owner or type(model).__name__, [])
        if parameter.grad is not None:
            grads.append(np.ravel(fitted("plot_gradient_flow", parameter, parameter.grad)))
    if not any(layers.values()):
        raise GraphError("plot_gradient_flow: no parameter has a gradient: call loss.backward() first")
    figure = new_figure(5.5, 0.6 + 0.9 * len(layers))
    every = figure.subplots(len(layers), sharex=True, squeeze=False).flat
    for axes, (layer, grads) in zip(every, layers.items(), strict=True):
        part = np.concatenate([np.empty(0), *grads])
        lost = f"{(part == 0).sum():,} exactly 0, {(~np.isfinite(part)).sum():,} NaN or ∞"
        axes.hist(np.log10(np.abs(part[np.isfinite(part) & (part != 0)])), bins=40, color=COLOURS[1])
        axes.set_yticks([])
        axes.set_title(f"{layer}: {part.size:,} gradients, {lost}", loc="left", fontsize=9)
    axes.set_xlabel("log₁₀ |gradient|")
    return save_figure(figure, path)


def plot_history(columns: Mapping[str, list[float]], path: Any = None) -> Any:
    """Return a matplotlib Figure of numbers by epoch, "val_" + name beside each name; with a path, save it."""
    names = [name for name in columns if name.removeprefix("val_") == name or name[4:] not in columns]
    figure = new_figure(4.5 * len(names), 3.2)
    for i, name in enumerate(names):
        axes = figure.add_subplot(1, len(names), i + 1, title=name, xlabel="epoch")
        for key in [name, f"val_{name}"][: 1 + (f"val_{name}" in columns)]:
            axes.plot(range(1, len(columns[key]) + 1), columns[key], ".-", label=key, markersize=3)
        axes.legend()
    return save_figure(figure, path)


def _paint(axes: Any, sides: list[Array], scores: Array, classes: Array, cut: float | None) -> list[str]:
    """Paint the class that wins at each point, or one score and the line where it is cut; return the colours of the labels."""
    from matplotlib.colors import LinearSegmentedColormap, ListedColormap

    count, lost = scores.shape[-1], np.isnan(scores).any(-1)
    if count > 1:
        shades: Any = ListedColormap([COLOURS[i % len(COLOURS)] for i in range(count)])
        shown, low, high = np.ma.masked_array(scores.argmax(-1), lost), -0.5, count - 0.5
        colours = [COLOURS[int(label) % len(COLOURS)] for label in classes]
    else:
        known, middle = scores[~lost], 0.0 if (classes < 0).any() else 0.5
        cut = (middle if ((known >= 0) & (known <= 1)).all() else 0.0) if cut is None else cut
        reach = float(np.abs(known[np.isfinite(known)] - cut).max(initial=0.0)) or 1.0
        low, high, colours = cut - reach, cut + reach, [COLOURS[int(label > middle)] for label in classes]
        shown = np.ma.masked_array(scores[..., 0].clip(low, high), lost)  # ∞ is the end of the scale
        shades = LinearSegmentedColormap.from_list("", [COLOURS[0], "white", COLOURS[1]])
    painted = axes.pcolormesh(*sides, shown, cmap=shades, vmin=low, vmax=high, alpha=0.5)
    if count == 1:
        axes.figure.colorbar(painted, label=f"score; the line is at {cut:g}")
        if len(known) and shown.min() < cut < shown.max():
            axes.contour(*sides, shown, levels=[cut], colors="black", linewidths=1.5)
    return colours


def _numbers(name: str, data: Any) -> Array:
    """Samples or labels, of nodes their data, as an array of finite numbers."""
    try:
        array: Array = to_array(rebuild(data, plain))
    except DTypeError as error:
        raise noted(error, f"{BOUNDARY}: {name} must be numbers; give classes numbers, as 0, 1, 2") from None
    if not np.isfinite(array).all():
        raise ValueError(f"{BOUNDARY}: {name} holds NaN or ∞: drop those samples")
    return array


def _labels(y: Any, n: int) -> Any:
    """The labels as n numbers."""
    labels = _numbers("y", y)
    labels = labels.argmax(1) if labels.ndim == 2 and labels.size != n else labels.ravel()
    if labels.size != n:
        raise ShapeError(f"{BOUNDARY}: y has {labels.size} labels for {n} samples")
    return labels


@no_grad
def _scores(model: Any, X: Array, points: int) -> tuple[list[Array], Array]:
    """The two coordinates of a grid of points around the samples, and the k scores of each point, (points, points, k)."""
    margin = 0.15 * np.ptp(X, 0) + (np.ptp(X, 0) == 0)
    sides = list(np.linspace(X.min(0) - margin, X.max(0) + margin, points, dtype=X.dtype, axis=1))
    batch = np.stack([part.ravel() for part in np.meshgrid(*sides)], axis=1)
    modes, errors = training_modes(model), list[Exception]()
    set_modes((part, False) for part, _ in modes)
    try:  # a model of one sample takes the two columns in the place of two numbers
        for given in (batch, [Tensor(column, requires_grad=False) for column in batch.T]):
            try:
                return sides, _scores_of(model(given), points)
            except Exception as error:
                errors.append(error)
    finally:
        set_modes(modes)
    raise noted(errors[0], f"the model was called with a batch {batch.shape}, and with its two columns")


def _scores_of(out: Any, points: int) -> Array:
    """The model's output as (points, points, k)."""
    scores, n = np.asarray(rebuild(out, plain), float), points**2
    scores = scores.T if scores.ndim == 2 and len(scores) != n else scores  # a list of k columns
    if scores.shape[:1] != (n,) or scores.ndim > 2:
        raise ShapeError(f"{BOUNDARY}: the model gave shape {scores.shape}, (n,), (n, 1) or (n, k) is needed")
    return scores.reshape(points, points, -1)
