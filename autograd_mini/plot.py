"""Plots, with the extra `plot`: what a classifier decides, how large the gradients of its layers are, the curves of a training.

Each is a matplotlib Figure, which a notebook shows; it is pyplot's current figure where a program uses pyplot.
"""

import io
import os
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from .core.node import Node
from .core.value import Value
from .draw.graph import readable
from .errors import DTypeError, GraphError, ShapeError, noted
from .nn.modules import set_modes, training_modes
from .support.coercion import describe, finite, to_array, whole
from .support.containers import rebuild
from .support.extras import needed
from .support.files import write_file
from .support.modes import no_grad

Figure = Any  # matplotlib's
Axes = Any
Array = np.ndarray[Any, Any]
BOUNDARY = "plot_decision_boundary"
# Okabe and Ito's, 2008
COLOURS = "#D55E00 #0072B2 #009E73 #CC79A7 #E69F00 #56B4E9 #F0E442 #000000".split()  # noqa: SIM905
MANY = 8  # labels that are told apart by colour
SLOW = 40  # points a side for a model that takes one sample at a time
DOTS = {"s": 24, "linewidth": 0.8, "zorder": 3}


def new_figure(width: float, height: float) -> Figure:
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


def close_figure(figure: Figure) -> None:
    """Take the Figure out of pyplot's list, where it is in it."""
    if (pyplot := sys.modules.get("matplotlib.pyplot")) is not None:
        pyplot.close(figure)


def save_figure(figure: Figure, path: Any) -> Figure:
    """Return the Figure; with a path, write it as its suffix says (.png where there is none), whole or (OSError) not at all."""
    if path is not None:
        root, suffix = os.path.splitext(os.fspath(path))
        write_file(root + (suffix or ".png"), png(figure, suffix[1:] or "png"))
        close_figure(figure)
    return figure


def png(figure: Figure, kind: str = "png") -> bytes:
    """The Figure as a notebook shows it, or as a file of another kind."""
    out = io.BytesIO()
    figure.savefig(out, format=kind, dpi=100)
    return out.getvalue()


def plot_decision_boundary(
    model: Any, X: Any, y: Any = None, *, threshold: float | None = None, points: int = 200, path: Any = None
) -> Figure:
    """Return a matplotlib Figure of what a model of two features decides over the plane, with the samples; with a path, save it.

    Args:
        model: a Module or function of a batch (n, 2) that returns a score, (n,) or (n, 1), or a score for each of k classes, (n, k); the
            class with the largest score wins. It is called once, in evaluation mode and without recording. A model that takes
            one sample, a list of two numbers, works too: nn.scalar.MLP as quickly, any other at 40 × 40 points.
        X: the samples, (n, 2).
        y: their labels, n numbers in any shape, or one-hot rows (n, k), or None.
        threshold: the score at which the black line is drawn. By default it is ½ for probabilities (all scores lie in [0, 1], no label
            is below 0), else 0, as for logits and labels ±1. For a model fitted to the labels 0 and 1 by squared error, pass 0.5.
        points: how many points the grid around the samples has on each side.
        path: where the picture is saved, as its suffix says.

    Raises TypeError for a model that cannot be called; ShapeError for other shapes; ValueError for samples or labels that are not
    finite; ImportError without matplotlib; OSError for a path that cannot be written.

    >>> import autograd_mini as ag
    >>> net = ag.nn.MLP([2, 3, 1], activation="tanh", rng=0)
    >>> plot_decision_boundary(net, [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]).axes[0].get_xlabel()
    'x₀'
    """
    if not callable(model):
        raise TypeError(f"{BOUNDARY}: a model that can be called is needed, got {describe(model)}")
    cut = None if threshold is None else finite("threshold", threshold)
    X = _numbers("X", X)
    if X.ndim != 2 or X.shape[1] != 2 or not len(X):
        rule = "X must have two features, shape (n, 2)"
        raise ShapeError(f"{BOUNDARY}: {rule}, got {X.shape}: take two columns")
    labels = None if y is None else _labels(y, len(X))
    classes = np.unique([] if labels is None else labels)
    sides, scores = _scores(model, X, whole("points", points, 2))
    lost = np.isnan(scores).any(-1)
    figure = new_figure(5, 4.2)
    axes = figure.add_subplot(xlabel="x₀", ylabel="x₁")
    if lost.any():
        axes.set_title(f"{lost.mean():.0%} of the scores are NaN", fontsize=9)
    if scores.shape[-1] > 1:
        colours = _paint_classes(axes, sides, scores, lost, classes)
    else:
        colours = _paint_score(axes, sides, np.ma.masked_array(scores[..., 0], lost), classes, cut)
    if labels is None:
        axes.scatter(*X.T, color="black", edgecolor="white", **DOTS)
    elif len(classes) > MANY:  # numbers rather than classes
        dots = axes.scatter(*X.T, c=labels, cmap=_two_colours(), edgecolor="grey", **DOTS)
        figure.colorbar(dots, label="label")
    else:
        for label, colour in zip(classes, colours, strict=False):
            axes.scatter(*X[labels == label].T, color=colour, edgecolor="white", label=f"{label:g}", **DOTS)
        # beside the samples, never on them
        figure.legend(title="label", loc="outside lower center", ncols=len(classes))
    return save_figure(figure, path)


def plot_gradient_flow(model: Any, *, path: Any = None) -> Figure:
    """Return a matplotlib Figure with a histogram of log₁₀ |gradient| for each layer, input side first; with a path, save it.

    A layer with bars far to the left receives small gradients (they vanish on the way), far to the right large ones. The title
    counts those that are exactly 0 (dead ReLUs), NaN or ∞. `model`: any with `named_parameters()`, after a `backward()`.
    Raises TypeError for anything else; GraphError where no parameter has a gradient; ImportError without matplotlib; OSError
    for a path that cannot be written.

    >>> import autograd_mini as ag
    >>> net = ag.nn.MLP([2, 3, 1], activation="tanh", rng=0)
    >>> net(np.ones((4, 2))).sum().backward()
    >>> [axes.get_title(loc="left") for axes in plot_gradient_flow(net).axes]
    ['layer0', 'layer1']
    """
    if not hasattr(model, "named_parameters"):
        advice = "pass the model, not its output or its parameters"
        raise TypeError(f"plot_gradient_flow: a model is needed, got {describe(model)}: {advice}")
    layers: dict[str, list[Any]] = {}
    for name, parameter in model.named_parameters():
        owner = readable(name, False).rpartition(".")[0]
        if type(parameter) is Value and owner[-1:].isdigit():  # a neuron of a list of them: take their layer
            owner = owner.rpartition(".")[0] or owner
        parts = layers.setdefault(owner or type(model).__name__, [])
        parts += [] if parameter.grad is None else [np.ravel(parameter.grad)]
    if not any(layers.values()):
        fault = f"no parameter of {type(model).__name__} has a gradient"
        raise GraphError(f"plot_gradient_flow: {fault}: call loss.backward() first")
    grads = {layer: np.concatenate([np.empty(0), *parts]) for layer, parts in layers.items()}
    sizes = [np.log10(np.abs(part[np.isfinite(part) & (part != 0)])) for part in grads.values()]
    found = np.concatenate(sizes)
    low, high = (np.floor(found.min()), np.ceil(found.max())) if found.size else (-1.0, 0.0)
    bins = np.linspace(low, max(high, low + 1), 41)
    figure = new_figure(5.5, 0.6 + 0.9 * len(layers))
    for i, (layer, part) in enumerate(grads.items()):
        axes = figure.add_subplot(len(sizes), 1, i + 1, yticks=[], xlim=(low, bins[-1]))
        axes.hist(sizes[i], bins=bins, color=COLOURS[1])
        axes.set_title(layer, loc="left", fontsize=9)
        axes.set_title(_counts(part), loc="right", fontsize=8)
        axes.tick_params(labelbottom=i == len(sizes) - 1)
    axes.set_xlabel("log₁₀ |gradient|")
    return save_figure(figure, path)


def plot_history(columns: Mapping[str, list[float]], path: Any = None) -> Figure:
    """Return a matplotlib Figure of numbers by epoch, "val_" + name beside each name; with a path, save it."""
    names = [name for name in columns if name.removeprefix("val_") == name or name[4:] not in columns]
    figure = new_figure(4.5 * len(names), 3.2)
    for i, name in enumerate(names):
        axes = figure.add_subplot(1, len(names), i + 1, title=name, xlabel="epoch")
        for key, label in ((name, "training"), (f"val_{name}", "validation")):
            numbers = columns.get(key)
            if numbers is not None:
                marker = "." if len(numbers) < 2 else ""
                axes.plot(range(1, len(numbers) + 1), numbers, label=label, marker=marker)
        axes.grid(alpha=0.3)
        axes.legend()
    return save_figure(figure, path)


def _paint_classes(axes: Axes, sides: list[Array], scores: Array, lost: Array, classes: Array) -> list[str]:
    """Paint the class that wins at each point; return the colours of the labels."""
    from matplotlib.colors import ListedColormap

    count = scores.shape[-1]
    colours = [COLOURS[i % len(COLOURS)] for i in range(max(count, len(classes)))]
    winners = np.ma.masked_array(scores.argmax(-1), lost)
    # squares: contours would draw every class between two others
    shades = ListedColormap(colours[:count])
    axes.pcolormesh(*sides, winners, cmap=shades, vmin=-0.5, vmax=count - 0.5, alpha=0.35)
    return [colours[int(i)] for i in classes] if np.isin(classes, range(count)).all() else colours


def _paint_score(axes: Axes, sides: list[Array], scores: Any, classes: Array, cut: float | None) -> list[str]:
    """Paint one score, NaN masked, as shades, and the line where it is cut; return the colours of the labels."""
    from matplotlib.ticker import MaxNLocator

    known, signed = scores.compressed(), bool((classes < 0).any())
    if cut is None:
        cut = 0.0 if signed or (known < 0).any() or (known > 1).any() else 0.5
    reach = float(np.abs(known[np.isfinite(known)] - cut).max(initial=0.0)) or 1.0
    shown = scores.clip(cut - reach, cut + reach)  # ∞ is the end of the scale
    levels = np.linspace(cut - reach, cut + reach, 21)
    shades = axes.contourf(*sides, shown, levels=levels, cmap=_two_colours(), alpha=0.6)
    axes.figure.colorbar(shades, label=f"score; the line is at {cut:g}", ticks=MaxNLocator(7))
    if len(known) and shown.min() < cut < shown.max():
        axes.contour(*sides, shown, levels=[cut], colors="black", linewidths=1.5)
    is_second = len(classes) == 1 and classes[0] > (0.0 if signed else 0.5)  # one label, above the cut
    return COLOURS[1:] if is_second else COLOURS


def _two_colours() -> Any:
    """Orange over white to blue."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("orange-blue", [COLOURS[0], "white", COLOURS[1]])


def _counts(grads: Array) -> str:
    """How many gradients there are, and how many of them are 0, NaN or ∞."""
    special = {"exactly 0": grads == 0, "NaN": np.isnan(grads), "∞": np.isinf(grads)}
    counts = ", ".join(f"{where.sum():,} {name}" for name, where in special.items() if where.any())
    total = f"{grads.size:,} gradients" if grads.size else "no gradient"
    return f"{total}, of them {counts}" if counts else total


def _numbers(name: str, data: Any) -> Array:
    """Samples or labels, of nodes their data, as an array of finite numbers."""
    data = rebuild(data, lambda x: x.data if isinstance(x, Node) else x)
    try:
        array: Array = to_array(data)
    except DTypeError:
        advice = "give classes numbers, as 0, 1, 2"
        raise DTypeError(f"{BOUNDARY}: {name} must be numbers, got {describe(data)}; {advice}") from None
    if not np.isfinite(array).all():
        raise ValueError(f"{BOUNDARY}: {name} holds NaN or ∞: drop those samples")
    return array


def _labels(y: Any, n: int) -> Any:
    """The labels as n numbers."""
    labels = _numbers("y", y)
    if labels.size == n:
        return labels.ravel()
    if labels.ndim == 2 and len(labels) == n:
        return labels.argmax(1)
    rule = "each needs a label, or a one-hot row"
    raise ShapeError(f"{BOUNDARY}: y has shape {labels.shape} for {n} samples: {rule}")


@no_grad
def _scores(model: Any, X: Array, points: int) -> tuple[list[Array], Array]:
    """The two coordinates of a grid of points around the samples, and the k scores of each point, (points, points, k)."""
    modes = training_modes(model)
    set_modes((part, False) for part, _ in modes)
    try:
        sides, batch = _grid(X, points)
        try:
            scores = _plain(_on_tensors(model)(batch))
        except Exception as error:  # it may be a model of one sample; if it is not, this error tells why
            sides, batch = _grid(X, SLOW)
            try:
                scores = np.stack([_plain(model(row)) for row in batch.tolist()])
            except Exception:
                tried = f"with a batch {(points**2, 2)}, and with single samples of two numbers"
                raise noted(error, f"the model was called {tried}") from None
    finally:
        set_modes(modes)
    if scores.shape[:1] != (len(batch),) or scores.ndim > 2:
        given = f"the model gave shape {scores.shape} for {batch.shape}"
        raise ShapeError(f"{BOUNDARY}: {given}: (n,), (n, 1) or (n, k) is needed")
    return sides, scores.reshape(len(sides[1]), len(sides[0]), -1)


def _grid(X: Array, points: int) -> tuple[list[Array], Array]:
    """The coordinates of a grid along both axes, and its points, (points², 2)."""
    low, high = X.min(0), X.max(0)
    margin = 0.15 * np.where(high > low, high - low, 1.0)
    sides = list(np.linspace(low - margin, high + margin, points, dtype=X.dtype, axis=1))
    return sides, np.stack([part.ravel() for part in np.meshgrid(*sides)], axis=1)


def _on_tensors(model: Any) -> Any:
    """A network on Values as the same on Tensors, where that is the same; any other model as it is."""
    kind = next((part for part in type(model).__mro__ if "to_tensor" in vars(part)), None)
    is_same = kind is not None and type(model).forward is kind.forward  # type: ignore[attr-defined]
    return model.to_tensor() if is_same else model


def _plain(out: Any) -> Array:
    """The model's output as an array."""
    if isinstance(out, list | tuple):
        return np.stack([_plain(part) for part in out])
    if not isinstance(out, Node | np.ndarray | int | float | np.number):
        raise ShapeError(f"{BOUNDARY}: the model gave {describe(out)}: a score for each sample is needed")
    return np.asarray(out.data if isinstance(out, Node) else out)
