"""Plots, with the `plot` extra: what a classifier decides, how large the gradients of its layers are, the curves of a training.

matplotlib's Figures are shown by a notebook, saved whole or not at all, and pyplot's own where a program uses pyplot.
"""

import io
import os
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from .core.node import Node
from .core.value import Value
from .draw.model import readable
from .errors import DTypeError, GraphError, ShapeError, noted
from .nn.modules import set_modes, training_modes
from .support.coercion import describe, finite, to_array, whole
from .support.containers import rebuild
from .support.files import write_file
from .support.modes import no_grad

# Okabe and Ito's, 2008
COLOURS = "#D55E00 #0072B2 #009E73 #CC79A7 #E69F00 #56B4E9 #F0E442 #000000".split()  # noqa: SIM905
MANY = 8  # labels that are told apart by colour
SLOW = 40  # points a side for a model that takes one sample at a time
DOTS = {"s": 24, "linewidth": 0.8, "zorder": 3}


def new_figure(width: float, height: float) -> Any:
    """Return an empty matplotlib Figure of a size in inches, which shows itself at the end of a notebook's cell.

    Where a program has loaded pyplot, it is pyplot's current figure, so that plt.title, plt.savefig and plt.show mean it;
    but not where a notebook would then show it twice. ImportError without matplotlib, the extra `plot`.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError("a plot needs matplotlib: python -m pip install 'autograd-mini[plot]'") from None
    pyplot: Any = sys.modules.get("matplotlib.pyplot")
    is_shown = pyplot is not None and "inline" not in pyplot.get_backend()
    figure = (pyplot.figure if is_shown else Figure)(figsize=(width, height), layout="constrained")
    vars(figure)["_repr_png_"] = lambda: png(figure)
    return figure


def close_figure(figure: Any) -> None:
    """Take the Figure from pyplot's, where it is one of them."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close(figure)


def save_figure(figure: Any, path: Any) -> None:
    """Write a Figure as its suffix says (.png where there is none), whole or (OSError) not at all."""
    root, suffix = os.path.splitext(os.fspath(path))
    write_file(root + (suffix or ".png"), png(figure, suffix[1:] or "png"))
    close_figure(figure)


def png(figure: Any, kind: str = "png") -> bytes:
    """The Figure as a notebook shows it, or as a file of another kind."""
    out = io.BytesIO()
    figure.savefig(out, format=kind, dpi=100)
    return out.getvalue()


def plot_decision_boundary(
    model: Any, X: Any, y: Any = None, *, threshold: float | None = None, points: int = 200, path: Any = None
) -> Any:
    """Return a matplotlib Figure of what a model of two features decides over the plane, with the samples; with a path, save it.

    `model`: a Module or function of a batch (n, 2) that gives a score (n,) or (n, 1), or scores (n, k) of k classes, the largest of which
    decides. It is called once, on `points` × `points` points around the samples, without recording and in evaluation mode. A
    model on Values that takes one sample at a time works too: nn.scalar.MLP as quickly, any other at 40 × 40 points.
    `X`: the samples, (n, 2); `y`: their n labels, in any shape of n elements or as n one-hot rows, or None. The black line is
    where a single score passes `threshold`: by default 0, as for logits and labels ±1, or ½ where all scores lie in [0, 1] and no
    label is below 0, as for probabilities; for a model that was fitted to the labels 0 and 1 by squared error say 0.5.
    Raises TypeError for what cannot be called; ShapeError for other shapes; ValueError for samples or labels that are not finite;
    ImportError without matplotlib; OSError where the path cannot be written. The Figure shows itself at the end of a notebook's cell.

    >>> import autograd_mini as ag
    >>> net = ag.nn.MLP([2, 3, 1], activation="tanh", rng=0)
    >>> plot_decision_boundary(net, [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]).axes[0].get_xlabel()
    'x₀'
    """
    if not callable(model):
        raise _refused(TypeError, f"a model that can be called is needed, got {describe(model)}")
    cut = None if threshold is None else finite("threshold", threshold)
    X = _array(X, "X")
    if X.ndim != 2 or X.shape[1] != 2 or not len(X):
        given = f"X has shape {X.shape}: samples of two features, (n, 2), are needed"
        raise _refused(ShapeError, f"{given}; take two columns")
    if not np.isfinite(X).all():
        raise _refused(ValueError, "X holds NaN or ∞: drop those samples")
    labels = None if y is None else _labels(y, len(X))
    classes = np.unique([] if labels is None else labels)
    figure = new_figure(5, 4.2)
    low, high = X.min(0), X.max(0)
    margin = 0.15 * np.where(high > low, high - low, 1.0)
    sides, scores = _scores(model, low - margin, high + margin, whole("points", points, 2), X.dtype)
    several = scores.ndim == 3
    lost = np.isnan(scores).any(-1) if several else np.isnan(scores)
    axes = figure.add_subplot(xlabel="x₀", ylabel="x₁")
    if lost.any():
        axes.set_title(f"{lost.mean():.0%} of the scores are NaN", fontsize=9)
    if several:
        colours = _paint_classes(axes, sides, scores, lost, classes)
    else:
        colours = _paint_score(axes, sides, scores, lost, classes, cut)
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
    return _kept(figure, path)


def _refused(kind: type[Exception], text: str) -> Exception:
    return kind(f"plot_decision_boundary: {text}")


def _kept(figure: Any, path: Any) -> Any:
    """The Figure, written where a path is given."""
    if path is not None:
        save_figure(figure, path)
    return figure


def plot_gradient_flow(model: Any, *, path: Any = None) -> Any:
    """Return a matplotlib Figure with a histogram of log₁₀ |gradient| for each layer, input side first; with a path, save it.

    Layers whose bars lie far to the left receive small gradients (they vanish on the way), far to the right large ones; how many
    are exactly 0 (dead ReLUs), NaN or ∞ stands beside. `model` is any with `named_parameters()`, after a `backward()`.
    Raises TypeError for what is no model; GraphError where a backward has reached no parameter; ImportError without matplotlib;
    OSError for a path that cannot be written.

    >>> import autograd_mini as ag
    >>> net = ag.nn.MLP([2, 3, 1], activation="tanh", rng=0)
    >>> net(np.ones((4, 2))).sum().backward()
    >>> [axes.get_title(loc="left") for axes in plot_gradient_flow(net).axes]
    ['layer0', 'layer1']
    """
    if not hasattr(model, "named_parameters"):
        given = f"the model is needed, not its output or its parameters; got {describe(model)}"
        raise TypeError(f"plot_gradient_flow: {given}")
    layers: dict[str, list[Any]] = {}
    for name, parameter in model.named_parameters():
        owner = readable(name, False).rpartition(".")[0]
        if type(parameter) is Value and owner[-1:].isdigit():  # of one neuron of several their layer
            owner = owner.rpartition(".")[0] or owner
        grads = layers.setdefault(owner or type(model).__name__, [np.empty(0)])
        grads += [] if parameter.grad is None else [np.ravel(parameter.grad)]
    if not any(grads[1:] for grads in layers.values()):
        what = f"no parameter of {type(model).__name__} has a gradient: call loss.backward() first"
        raise GraphError(f"plot_gradient_flow: {what}")
    figure = new_figure(5.5, 0.6 + 0.9 * len(layers))
    joined = {layer: np.concatenate(grads) for layer, grads in layers.items()}
    sizes = {
        layer: np.log10(np.abs(g[np.isfinite(g) & (g != 0)].astype(float))) for layer, g in joined.items()
    }
    found = np.concatenate([*sizes.values()])
    low, high = (np.floor(found.min()), np.ceil(found.max())) if found.size else (-1.0, 0.0)
    bins = np.linspace(low, max(high, low + 1), 41)
    for i, (layer, values) in enumerate(sizes.items()):
        axes = figure.add_subplot(len(sizes), 1, i + 1)
        axes.hist(values, bins=bins, color=COLOURS[1])
        axes.set_title(layer, loc="left", fontsize=9)
        axes.set_title(_counted(joined[layer]), loc="right", fontsize=8)
        axes.set(yticks=[], xlim=(bins[0], bins[-1]))
        axes.tick_params(labelbottom=i == len(sizes) - 1)
    axes.set_xlabel("log₁₀ |gradient|")
    return _kept(figure, path)


def plot_history(columns: Mapping[str, list[float]], path: Any = None) -> Any:
    """Return a matplotlib Figure of numbers by epoch, "val_" + name beside each name; with a path, save it."""
    names = [name for name in columns if not (name.startswith("val_") and name[4:] in columns)]
    figure = new_figure(4.5 * len(names), 3.2)
    for i, name in enumerate(names):
        axes = figure.add_subplot(1, len(names), i + 1)
        for key, label in ((name, "training"), (f"val_{name}", "validation")):
            if key in columns:
                numbers = columns[key]
                marker = "." if len(numbers) < 2 else ""
                axes.plot(range(1, len(numbers) + 1), numbers, label=label, marker=marker)
        axes.set(title=name, xlabel="epoch")
        axes.grid(alpha=0.3)
        axes.legend()
    return _kept(figure, path)


def _paint_classes(axes: Any, sides: Any, scores: Any, lost: Any, classes: Any) -> list[str]:
    """The class that wins at each point, as a colour; returns the colours of the labels."""
    from matplotlib.colors import ListedColormap

    count = scores.shape[-1]
    colours = [COLOURS[i % len(COLOURS)] for i in range(max(count, len(classes)))]
    winners = np.ma.masked_array(
        scores.argmax(-1), lost
    )  # as squares: contours would draw every class between
    cycled = ListedColormap(colours[:count])
    axes.pcolormesh(*sides, winners, cmap=cycled, vmin=-0.5, vmax=count - 0.5, alpha=0.35)
    return [colours[int(i)] for i in classes] if np.isin(classes, range(count)).all() else colours


def _paint_score(axes: Any, sides: Any, scores: Any, lost: Any, classes: Any, cut: float | None) -> list[str]:
    """One score as shades, and the line where it is cut; returns the colours of the labels."""
    from matplotlib.ticker import MaxNLocator

    known, signed = scores[~lost], bool((classes < 0).any())
    if cut is None:
        cut = 0.0 if signed or (known < 0).any() or (known > 1).any() else 0.5
    reach = float(np.abs(known[np.isfinite(known)] - cut).max(initial=0.0)) or 1.0
    shown = np.ma.masked_array(np.clip(scores, cut - reach, cut + reach), lost)  # ∞ as the end of the scale
    levels = np.linspace(cut - reach, cut + reach, 21)
    shades = axes.contourf(*sides, shown, levels=levels, cmap=_two_colours(), alpha=0.6)
    axes.figure.colorbar(shades, label=f"score; the line is at {cut:g}", ticks=MaxNLocator(7))
    if len(known) and shown.min() < cut < shown.max():
        axes.contour(*sides, shown, levels=[cut], colors="black", linewidths=1.5)
    is_right = len(classes) == 1 and classes[0] > (0.0 if signed else 0.5)  # on its side of the cut
    return COLOURS[1:] if is_right else COLOURS


def _two_colours() -> Any:
    """Orange over white to blue."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("orange-blue", [COLOURS[0], "white", COLOURS[1]])


def _counted(grads: Any) -> str:
    """How many gradients there are, and how many are 0 or no number."""
    special = {"exactly 0": grads == 0, "NaN": np.isnan(grads), "∞": np.isinf(grads)}
    counts = ", ".join(f"{where.sum():,} {name}" for name, where in special.items() if where.any())
    said = f"{grads.size:,} gradients" if grads.size else "no gradient"
    return f"{said}, of them {counts}" if counts else said


def _labels(y: Any, n: int) -> Any:
    """The labels as n numbers."""
    labels = _array(y, "y")
    if not np.isfinite(labels).all():
        raise _refused(ValueError, "y holds NaN or ∞: give each sample a label")
    if labels.size == n:
        return labels.ravel()
    if labels.ndim == 2 and len(labels) == n:
        return labels.argmax(1)
    given = f"y has shape {labels.shape} for {n} samples"
    raise _refused(ShapeError, f"{given}: a label, or a one-hot row, for each is needed")


@no_grad
def _scores(model: Any, low: Any, high: Any, points: int, dtype: Any) -> tuple[Any, Any]:
    """The coordinates of a grid of points, and the model's scores there: (points, points), or (points, points, k)."""
    before = training_modes(model)
    set_modes((part, False) for part, _ in before)
    try:
        sides, batch = _grid(low, high, points, dtype)
        try:
            scores = _plain(_of_tensors(model)(batch))
        except Exception as error:  # a model of one sample, perhaps; if not, this error tells why
            sides, batch = _grid(low, high, SLOW, dtype)
            try:
                scores = np.stack([_plain(model(row)) for row in batch.tolist()])
            except Exception:
                tried = f"with a batch {(points**2, 2)}, and with single samples of two numbers"
                raise noted(error, f"the model was called {tried}") from None
    finally:
        set_modes(before)
    if scores.shape[:1] != (len(batch),) or scores.ndim > 2:
        given = f"the model gave shape {scores.shape} for {batch.shape}"
        raise _refused(ShapeError, f"{given}: (n,), (n, 1) or (n, k) is needed")
    shape = len(sides[1]), len(sides[0])
    return sides, scores.reshape(shape) if scores.size == len(batch) else scores.reshape(*shape, -1)


def _of_tensors(model: Any) -> Any:
    """A network on Values as the same on Tensors, where that is the same; any other model as it is."""
    kind = next((part for part in type(model).__mro__ if "to_tensor" in vars(part)), None)
    is_same = kind is not None and type(model).forward is kind.forward  # type: ignore[attr-defined]
    return model.to_tensor() if is_same else model


def _array(data: Any, name: str) -> Any:
    """Samples or labels as an array, of nodes their data."""
    data = rebuild(data, lambda x: x.data if isinstance(x, Node) else x)
    try:
        return to_array(data)
    except DTypeError:
        given = f"{name} must be numbers, got {describe(data)}"
        raise _refused(DTypeError, f"{given}; give classes numbers, as 0, 1, 2") from None


def _grid(low: Any, high: Any, points: int, dtype: Any) -> tuple[list[Any], Any]:
    """The coordinates of a grid along both axes, and its points, (points², 2)."""
    sides = [np.linspace(a, b, points, dtype=dtype) for a, b in zip(low, high, strict=True)]
    return sides, np.stack([part.ravel() for part in np.meshgrid(*sides)], axis=1)


def _plain(out: Any) -> Any:
    """The model's output as an array."""
    if isinstance(out, list | tuple):
        return np.stack([_plain(part) for part in out])
    if not isinstance(out, Node | np.ndarray | int | float | np.number):
        raise _refused(ShapeError, f"the model gave {describe(out)}: a score for each sample is needed")
    return np.asarray(out.data if isinstance(out, Node) else out)
