"""Why does it not learn? A look at the data, the first pass and a short trial on a copy, in the order in which things go wrong.

What is certain (a cut graph, dead units, labels out of range) is told as it is found. What harms some trainings only (inputs that
are not scaled, a high first loss) is told only where the trial shows that this one is harmed.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.node import Node
from ..errors import AnomalyError, AutogradError, ShapeError
from .backward import Backward
from .debug import debug, here, line_of
from .report import Report
from .trial import Trial, constant_losses, rows_of, same_generators

ROWS, BATCH = 256, 32  # of the data that are looked at, and that are to be learnt by heart
STEPS, LONG = 30, 200  # of the trial with the optimiser, and of learning by heart
RATES = (0.1, 0.01, 0.001)  # those that people try first
FLAT = 0.01  # a slope of an activation, in parts of its largest, that counts as none
BOUNDS = {"sigmoid": (0.0, 1.0), "softmax": (0.0, 1.0), "tanh": (-1.0, 1.0), "relu": (0.0, math.inf)}


def doctor(model: Any, loss: Any, X: Any, y: Any, *, optimizer: Any = None) -> Report:
    """Return why a training does not train: what is wrong with the data, the loss, the network or the rate, and what to do.

    Args:
        model: a Module, or any function from X to a prediction.
        loss: a function of (prediction, y), or with y=None of the prediction alone.
        X, y: data, a row a sample.
        optimizer: the one that is used; then its first steps are tried too.

    Returns:
        A Report: `findings`, the surest first, each with `mistake`, `where`, `why` and `fix`; `notes` on what was tried.
        All is tried on copies: model, data, generators, gradients and optimiser stay as they are, to the bit.

    >>> import numpy as np, autograd_mini as ag
    >>> net = ag.nn.Sequential(ag.nn.Linear(1, 1, rng=0), ag.nn.Sigmoid())
    >>> X = np.linspace(0.0, 1.0, 10)[:, None]
    >>> print(doctor(net, ag.nn.mse, X, 10 * X).findings[0].why)
    Targets lie outside the range of the output's activation, which cannot reach them: they go from 0 to 10, a sigmoid from 0 to 1.
    """
    report = Report(subject="training")
    with same_generators(), np.errstate(all="ignore"):
        if _data(report, X, y):
            return report
        X, y = rows_of(_plain(X), _plain(y), ROWS)
        _accumulated(report, model, optimizer)
        try:
            look = Look(Trial(model, loss, X, y, optimizer))
        except AnomalyError as error:
            report.add("not_finite", str(error).partition(" ")[0], str(error))
        except (AutogradError, ValueError, TypeError, IndexError) as error:
            _raised(report, error)
        else:
            _examined(report, look, (model, loss, X, y, optimizer))
    return report


def _examined(report: Report, look: "Look", given: tuple[Any, ...]) -> None:
    """Put in what the first pass shows and, where that can be trained at all, what the trials show."""
    if look.cut(report):
        return
    for check in (look.paired, look.softmax, look.ranges, look.equal, look.units, look.slopes):
        check(report)
    if not look.stepwise(report):
        _tried(report, look, given)


def _plain(x: Any) -> Any:
    """Data as an array, where they are one."""
    x = x.data if isinstance(x, Node) and not x.requires_grad else x
    return (
        np.asarray(x) if isinstance(x, list | tuple) and not any(isinstance(part, Node) for part in x) else x
    )


def _data(report: Report, X: Any, y: Any) -> bool:
    """Whether the data hold what is not finite."""
    for name, x in (("X", _plain(X)), ("y", _plain(y))):
        if isinstance(x, np.ndarray) and x.dtype.kind == "f" and not np.isfinite(x).all():
            row = int(np.argmin(np.isfinite(x).reshape(len(x), -1).all(axis=1))) if x.ndim else 0
            report.add("data_not_finite", name, f"first in row {row}", f"{name} = np.nan_to_num({name})")
    return bool(report.findings)


def _accumulated(report: Report, model: Any, optimizer: Any) -> None:
    """Gradients that were added to after steps, which the engine has counted."""
    params = model.parameters() if hasattr(model, "parameters") else getattr(optimizer, "params", [])
    sums = [p.meta["sum"] for p in params if p.meta and p.meta.get("sum") and p.meta["sum"].holds(p)]
    if count := max((total.count for total in sums), default=0):
        note = f"backward() added to gradients that were there already, at least {count} times after a step"
        report.add("not_zeroed", "the training loop", note, "optimizer.zero_grad()  # before loss.backward()")


def _raised(report: Report, error: Exception) -> None:
    """An error of the first pass; what the losses refuse has a name of its own."""
    text = str(error)
    if "prediction must lie in" in text or "a logarithm is above 0" in text:
        report.add("not_a_probability", "the output and the loss", text)
    elif isinstance(error, ShapeError) and "broadcast" in text:
        report.add("broadcast_pairs", "the loss", text, "y = y.reshape(prediction.shape)")
    elif any(words in text for words in ("out of range", "out of bounds", "must lie in", "in [0, 1]")):
        report.add("labels_out_of_range", "y, in the loss", text)
    else:
        report.add("forward_raises", "the forward pass", f"{type(error).__name__}: {text}")


# ---- The first pass -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Units:
    """A layer of activations: how many of its units are dead or saturated for every sample."""

    name: str
    kind: str
    dead: int
    flat: int
    count: int
    node: Any

    def is_bad(self) -> bool:
        """Whether more than half of the units have no gradient."""
        return self.count > 1 and 2 * max(self.dead, self.flat) > self.count


class Look:
    """A recorded first pass of a training, on a copy of it."""

    def __init__(self, trial: Trial) -> None:
        self.trial, self.b, self.asked = trial, None, here()
        with debug():
            self.prediction, self.loss = trial.evaluated()
            if isinstance(self.loss, Node) and self.loss.requires_grad:
                self.loss.backward()
        if isinstance(self.loss, Node) and self.loss.size != 1:
            advice = "take its mean or sum"
            raise ShapeError(f"the loss has shape {self.loss.shape}, and must be one number: {advice}")
        self.samples = _samples(trial.X, trial.y)
        self.is_array = isinstance(self.prediction, Node) and bool(self.prediction.shape)
        self.order: list[Any] = []
        if isinstance(self.loss, Node) and self.loss.requires_grad:
            b = Backward(self.loss)
            self.b, self.order = b, [node for node in b.order if node.parents]

    def line(self, node: Any) -> str:
        """Where a node was made, unless that is the line which asks."""
        line = node.meta.get("line") if node.meta else None
        return "" if line in (None, self.asked) else line_of(node)

    def cut(self, report: Report) -> bool:
        """Whether no parameter is reached; and those that are not."""
        params = self.trial.params
        missing = [name for name, p in params.items() if p.grad is None]
        if not isinstance(self.loss, Node):
            note = f"it is a {type(self.loss).__name__}: .item(), .data, float() or NumPy on .data cut it off"
            report.add("cut_off", "the loss", note, "return the node itself, as ag.nn.mse(prediction, y)")
        elif not params or len(missing) == len(params):
            report.add("cut_off", *self._cut_where(), "compute the loss from the prediction itself")
        elif missing:
            report.add("parameter_unused", ", ".join(missing[:8]), self._cut_where()[1])
        if self.trial.optimizer is not None and not report.findings:
            held = set(self.trial.optimizer.params)
            foreign = [name for name, p in params.items() if p not in held]
            if foreign:
                fix = "make the optimiser with model.parameters(), after the model is complete"
                report.add("parameter_not_in_optimizer", ", ".join(foreign[:8]), "", fix)
        return any(f.mistake == "cut_off" for f in report.findings)

    def _cut_where(self) -> tuple[str, str]:
        """The place of the cut, and what is said of it."""
        loss = self.loss
        if not loss.requires_grad:
            by = loss._cut_by
            return "the loss", (
                f"cut off by {by}{self.line(loss)}" if by else "it was made from constants alone"
            )
        own = set(self.trial.params.values())
        for node in self.b.order if self.b else ():
            if not node.parents and node not in own:
                return (
                    "a leaf",
                    f"the way ends at {node._name}{self.line(node)}, wrapped afresh: a new leaf, no path",
                )
        return "the graph", "nothing leads to them: frozen, or not used in forward()"

    def _pairs(self) -> Iterator[tuple[Any, Any, Any]]:
        """The operations of two parents, of which one is the prediction or the targets."""
        for node in self.order:
            if len(node.parents) == 2 and any(
                p is self.prediction or self._is_target(p) for p in node.parents
            ):
                yield node, *node.parents

    def _is_target(self, x: Any) -> bool:
        y = self.trial.y
        return bool(
            x.op is None
            and isinstance(y, np.ndarray)
            and x.size == y.size
            and np.array_equal(x.data.reshape(y.shape), y)
        )

    def paired(self, report: Report) -> None:
        """(n, 1) against (n,)."""
        for node, x, z in self._pairs():
            shapes = {x.shape, z.shape}
            n = max(map(max, filter(None, shapes)), default=1)
            if n > 1 and shapes == {(n, 1), (n,)}:
                note = f"{node.op.name!r} of {x.shape} and {z.shape} gives {node.shape}{self.line(node)}"
                report.add("broadcast_pairs", "the loss", note, "y = y.reshape(-1, 1)")
                return

    def ranges(self, report: Report) -> None:
        """Targets that the output cannot reach, and labels without a class."""
        y, kind = self.trial.y, _kind(self.prediction)
        if not isinstance(y, np.ndarray) or not self.is_array or not y.size or y.dtype.kind not in "biuf":
            return
        low, high = BOUNDS.get(kind, (-math.inf, math.inf))
        shape, out = self.prediction.shape, self.prediction
        pairs = [(x, z) for _, *two in self._pairs() for x, z in (two, two[::-1])]
        meets = any(x is out and z.shape == shape and self._is_target(z) for x, z in pairs)
        if meets and (y.min() < low - 1e-9 or y.max() > high + 1e-9):
            reach = f"a {kind} from {low:g} to {high:g}" if high < math.inf else f"a {kind} is never below 0"
            note = f"they go from {y.min():.4g} to {y.max():.4g}, {reach}"
            fix = "leave the activation of the output away, or scale y into its range"
            report.add("targets_out_of_range", "y and the output layer", note, fix)
        if (
            y.ndim == 1
            and len(shape) == 2
            and shape[1] > 1
            and np.array_equal(y, np.round(y))
            and len(y) == shape[0]
        ):
            top = shape[1] - 1
            if y.min() < 0 or y.max() > top:
                note = f"labels go from {y.min():g} to {y.max():g}, and there are {shape[1]} classes"
                report.add("labels_out_of_range", "y", f"{note}, 0 to {top}", "y = y - y.min()")

    def softmax(self, report: Report) -> None:
        """Softmax over the samples, of one output, or twice."""
        for node in self.order:
            kind, axis = _kind(node), node.op.params.get("axis", -1) if node.op.name != "divide" else -1
            shape = node.shape
            if kind == "softmax" and len(shape) == 2 and self.samples > 1 and self.samples in shape:
                p = np.exp(node.data) if node.op.name == "log_softmax" else node.data
                sums = [np.allclose(p.sum(axis=i), 1.0) for i in (0, 1)]
                over = 0 if shape[0] == self.samples else 1
                place = f"softmax, axis {axis}{self.line(node)}"
                if shape[1 - over] == 1 and sums[1 - over] and node.size > 1:
                    report.add("softmax_of_one", place, "", "ag.sigmoid for one output; or two outputs")
                elif not sums[1 - over] and (sums[over] or np.isclose(p.sum(), 1.0)):
                    report.add(
                        "softmax_wrong_axis",
                        place,
                        f"of shape {shape}, samples along axis {over}",
                        f"axis={1 - over}",
                    )
            inner = _applied_by(node.op.name)
            if inner and _kind(node.parents[0]) == inner:
                fix = "give the loss the logits: leave the output's activation away"
                report.add(f"{inner}_twice", f"{node.op.name}{self.line(node)}", "", fix)

    def weights(self) -> list[tuple[str, Any]]:
        """The matrices among the parameters that the loss reached, in the order in which the forward pass uses them."""
        names = {p: name for name, p in self.trial.params.items() if p.ndim == 2 and p.grad is not None}
        used = [
            p
            for node in self.order
            if node.op.name in ("matmul", "linear")
            for p in node.parents
            if p in names
        ]
        return [(names[p], p) for p in dict.fromkeys(used)]

    def equal(self, report: Report) -> None:
        """Weights that are all alike and get gradients that are alike."""
        for name, w in self.weights()[:-1]:
            same = all(np.ptp(w.grad, axis=i).max() <= 1e-12 * np.abs(w.grad).max() for i in (0, 1))
            rows, columns = (np.ptp(w.grad, axis=i).max() <= 1e-12 * np.abs(w.grad).max() for i in (0, 1))
            if w.size > 1 and not np.ptp(w.data) and max(w.shape) > 1 and (same or rows or columns):
                what = "0" if not w.data.any() else f"{w.data.flat[0]:.4g}"
                fix = "start from random weights, as ag.nn.Linear and ag.nn.init do"
                report.add("equal_weights", name, f"they are all {what}", fix)

    def layers(self) -> list[Units]:
        """The activations by layer: of a layer that is used several times, all uses together."""
        found: dict[Any, list[Any]] = {}
        for node in self.order:
            if (
                _kind(node) in ("relu", "sigmoid", "tanh")
                and len(node.shape) > 1
                and self.samples in node.shape
            ):
                found.setdefault(self._layer_of(node), []).append(node)
        names = {w: i for i, (_, w) in enumerate(self.weights())}
        units = []
        for i, (key, nodes) in enumerate(found.items()):
            axis = 0 if nodes[0].shape[0] == self.samples else nodes[0].ndim - 1
            kind = _kind(nodes[0])
            x = np.concatenate([node.data for node in nodes], axis=axis)
            slope = {"relu": lambda a: (a > 0) * 1.0, "sigmoid": lambda a: 4 * a * (1 - a)}
            flat = slope.get(kind, lambda a: 1 - a * a)(x) < FLAT
            dead = flat.all(axis=axis)
            name = f"layer {names.get(key, i)}"
            counts = (int(dead.sum()), 0) if kind == "relu" else (0, int(dead.sum()))
            units.append(Units(name, kind, *counts, dead.size, nodes[-1]))
        return units

    def _layer_of(self, node: Any) -> Any:
        """What tells a layer from others: its weights, or else its activation."""
        weight = _weight_of(node)
        return node if weight is None else weight

    def is_output(self, units: Units) -> bool:
        """Whether it is the output's activation."""
        return units.node is self.prediction

    def units(self, report: Report) -> None:
        """Dead and saturated units, and outputs."""
        for layer in self.layers():
            where = f"{layer.name} ({layer.kind})"
            if self.is_output(layer) and layer.kind == "relu":
                if layer.dead and self.samples > 1:
                    note = f"{layer.dead} of {layer.count} outputs"
                    report.add("dead_output", where, note, "leave the ReLU on the outputs away")
            elif self.is_output(layer):
                self._wrong_outputs(report, layer, where)
            elif layer.dead and layer.is_bad():
                note = f"{layer.dead} of {layer.count} ReLU units are dead, because {self.because(layer)}"
                report.add(
                    "dead_units", where, note, "smaller weights, biases of 0, centred inputs; or LeakyReLU"
                )
            elif layer.flat and layer.is_bad():
                note = f"{layer.flat} of {layer.count} {layer.kind} units, because {self.because(layer)}"
                report.add(
                    "saturated_units", where, note, "X = (X - X.mean(0)) / X.std(0); smaller first weights"
                )

    def _wrong_outputs(self, report: Report, layer: Units, where: str) -> None:
        """Outputs that are saturated on the wrong side."""
        y, p = self.trial.y, self.prediction.data
        if not isinstance(y, np.ndarray) or y.shape != p.shape:
            return
        low, high = BOUNDS[layer.kind]
        flat = np.minimum(p - low, high - p) < FLAT / 4
        wrong = flat & (np.abs(p - y) > 0.5 * (high - low))
        if wrong.mean() > 0.25:
            note = f"{wrong.sum()} of {wrong.size} outputs are at the end of their range, and wrong"
            report.add(
                "saturated_units",
                where,
                note,
                "cross-entropy of logits, whose slope does not vanish; smaller weights",
            )

    def because(self, layer: Units) -> str:
        """Why the units of a layer are dead or saturated."""
        z = layer.node.parents[0]
        if not np.any(z.data):
            return "all that they get is 0, as of weights of 0"
        X = self.trial.X
        linear = z.op if z.op is not None else None
        parents = z.parents if linear is not None else ()
        bias = next((p for p in parents if p.op is None and p.ndim == 1 and p.requires_grad), None)
        if bias is not None and np.abs(bias.data).mean() > 0.5 * np.abs(z.data).mean():
            return f"the biases decide alone: they go down to {bias.data.min():.4g}"
        if _all_above_0(X):
            return NOT_CENTRED
        if isinstance(X, np.ndarray) and X.dtype.kind in "biuf" and _rms(X) > 10:
            return f"the inputs are large, up to {np.abs(X).max():.4g}, and so is what the activation gets"
        return f"what the activation gets is large: {z.data.min():.4g} to {z.data.max():.4g}"

    def stepwise(self, report: Report) -> bool:
        """Whether all gradients are exactly 0, and what made them so, unless that was found already."""
        grads = [p.grad for p in self.trial.params.values() if p.grad is not None]
        if self.b is None or any(np.any(g) for g in grads) or not float(self.loss.item()):
            return False
        for node in reversed(self.order if not report.findings else []):
            above = self.b.grads.get(node)
            below = [self.b.grads[p] for p in node.parents if p in self.b.grads]
            if above is not None and np.any(above) and not any(np.any(g) for g in below):
                note = f"{node.op.name!r}{self.line(node)} passes nothing on"
                fix = "a smooth function in its place while it trains, as ag.sigmoid for a threshold"
                report.add("zero_gradient", node.op.name, note, fix)
                break
        return True

    def slopes(self, report: Report) -> None:
        """Gradients that vanish or explode from layer to layer: of what the layers' matrix products give."""
        names = {w: name for name, w in self.weights()}
        sizes, grads = [], self.b.grads if self.b else {}
        for node in self.order:
            name = next((names[p] for p in node.parents if p in names), None)
            if name and node.op.name in ("matmul", "linear"):
                sizes.append((name, _rms(grads[node])))
        if len(sizes) < 3 or not sizes[-1][1]:
            return
        (first, low), (last, high) = sizes[0], sizes[-1]
        where = f"{first} to {last}"
        note = f"at {first} they are {low / high:.1e} times what they are at {last}"
        if low < 1e-3 * high and not any("units" in f.mistake for f in report.findings):
            fix = "ReLU or tanh in place of sigmoid; first weights by Glorot or He"
            report.add("vanishing_gradients", where, note, fix)
        elif low > 1e3 * high:
            fix = "smaller first weights, by Glorot or He; clip gradients"
            report.add("exploding_gradients", where, note, fix)


NOT_CENTRED = (
    "all inputs are ≥ 0: a step that pushes a unit down for one sample does so for all; "
    "centre them, X - X.mean(axis=0)"
)


def _all_above_0(X: Any) -> bool:
    return (
        isinstance(X, np.ndarray)
        and X.dtype.kind in "biuf"
        and X.size > 1
        and X.min() >= 0
        and X.mean() > X.std()
    )


def _samples(X: Any, y: Any) -> int:
    """How many samples there are; they are columns where only so X and y have as many."""
    if not np.ndim(X):
        return 1
    shape, other = np.shape(X), np.shape(y)
    in_columns = len(shape) == 2 and other and shape[0] != other[0] and shape[1] == other[-1]
    return int(shape[1] if in_columns else shape[0])


def _rms(x: Any) -> float:
    return float(np.sqrt(np.mean(np.square(np.asarray(x, float))))) if np.size(x) else 0.0


def _kind(node: Any) -> str:
    """The activation that made a node, written by hand too: relu, sigmoid, tanh or softmax; else its operation."""
    if not isinstance(node, Node) or node.op is None:
        return ""
    name = node.op.name
    if name == "maximum" and any(p.op is None and not np.any(p.data) for p in node.parents):
        return "relu"
    if name in ("divide", "reciprocal"):
        below = node.parents[-1]
        if (
            below.op is not None
            and below.op.name == "add"
            and any(p.op and p.op.name == "exp" for p in below.parents)
        ):
            return "sigmoid"
        if (
            below.op is not None
            and below.op.name == "sum"
            and node.parents[0].op
            and node.parents[0].op.name == "exp"
        ):
            return "softmax"
    return "softmax" if name == "log_softmax" else name


def _applied_by(name: str) -> str:
    """The activation that an operation of a loss applies to its operand; "" where it applies none."""
    if name == "softmax" or (name.endswith("cross_entropy") and not name.startswith(("binary", "sigmoid"))):
        return "softmax"
    return "sigmoid" if name == "sigmoid_cross_entropy" else ""


def _weight_of(node: Any) -> Any:
    """The matrix of the layer whose activation a node is, or None."""
    while node.parents:
        if node.op.name in ("matmul", "linear"):
            return next((p for p in node.parents if p.op is None and p.requires_grad and p.ndim == 2), None)
        node = next((p for p in node.parents if p.requires_grad and p.parents), node.parents[0])
    return None


# ---- Trials ----------------------------------------------------------------------------------------------------------------


def _tried(report: Report, look: Look, given: tuple[Any, ...]) -> None:
    """Put in what a short training shows."""
    model, loss, X, y, optimizer = given
    first = float(look.loss.item())
    guesses = constant_losses(look.trial, look.prediction, y) if look.is_array else []
    chance = min(guesses, default=first)
    report.notes.append(
        f"The first loss is {first:.4g}" + (f"; a constant guess has {chance:.4g}." if guesses else ".")
    )
    harmed = False
    if optimizer is not None:
        harmed = _stepped(report, look, given, first)
    elif not report.findings:
        harmed = not any(_fell(look.trial.descended(rate, STEPS // 2), 10.0) for rate in RATES)
    if report.findings and not harmed:
        return
    small = Trial(model, loss, *rows_of(X, y, BATCH))
    start = small.number()
    level = min(start, chance) if chance > 0 else start
    steps = LONG if sum(p.size for p in small.params.values()) < 100_000 else LONG // 5
    low = math.inf
    for rate in (0.01, 0.1):
        losses = small.descended(rate, steps, is_adam=True, until=0.5 * level)
        low = min(low, *filter(math.isfinite, losses))
        if low < 0.95 * level:
            break
    steps = len(losses) - 1
    report.notes.append(f"By Adam on one batch it goes from {start:.4g} to {low:.4g} in {steps} steps.")
    stuck = (
        low > 0.95 * level
        and _rms(np.concatenate([np.ravel(p.grad) for p in look.trial.params.values() if p.grad is not None]))
        > 0
    )
    of_classes = any(node.op.name.endswith("_cross_entropy") for node in look.order)
    is_high = first > 5 * chance > 0 and (of_classes or harmed or stuck)
    if harmed or stuck or is_high:
        _sizes(report, X, y, look, harmed)
    if is_high and not report.findings:
        note = f"{first:.4g} against {chance:.4g}: the first outputs are too large, and surely wrong"
        report.add("initial_loss_high", "the first pass", note, "smaller first weights")
    if stuck and not report.findings:
        note = f"{start:.4g} → {low:.4g}, and a constant guess has {chance:.4g}"
        report.add(
            "cannot_overfit",
            "the network",
            note,
            "more units, another activation; do X and y belong together?",
        )


def _fell(losses: Sequence[float], limit: float = 1.05) -> bool:
    """Whether the losses stayed finite and did not end far above the first."""
    return all(map(math.isfinite, losses)) and losses[-1] <= limit * abs(losses[0]) + 1e-12


def _stepped(report: Report, look: Look, given: tuple[Any, ...], first: float) -> bool:
    """Try the optimiser's first steps; whether they do harm."""
    trial = Trial(*given)
    rate = float(trial.optimizer.lr)
    losses = trial.stepped(STEPS)
    name = f"{type(trial.optimizer).__name__}, lr {rate:g}"
    report.notes.append(f"{len(losses) - 1} steps of {name}: {losses[0]:.4g} → {losses[-1]:.4g}.")
    died = False
    if losses[-1] > 0.7 * losses[0]:
        try:
            now = {layer.name: layer for layer in Look(trial).layers()}
        except AutogradError:
            now = {}
        before = {layer.name: layer for layer in look.layers()}
        for layer, then in ((now[key], before[key]) for key in before if key in now):
            if layer.kind == "relu" and layer.is_bad() and layer.dead > then.dead + layer.count // 8:
                why = f"the steps of lr {rate:g} are too large"
                why = look.because(layer) if _all_above_0(given[2]) else why
                note = f"{layer.dead} of {layer.count} are dead after {STEPS} steps (before: {then.dead})"
                fix = "X = X - X.mean(axis=0); a smaller learning rate"
                where = f"{layer.name} (relu)"
                report.add("units_die", where, f"{note}, because {why}", fix, first=True)
                died = True
    if died or any("units" in f.mistake or f.mistake == "dead_output" for f in report.findings):
        return died
    if not _fell(losses):
        for smaller in (rate / 10, rate / 100, rate / 1000, rate / 1e4):
            other = _with_rate(given, smaller)
            if _fell(other, 0.999):
                note = f"in {len(losses) - 1} steps it goes from {losses[0]:.4g} to {losses[-1]:.4g}, "
                note += f"and with lr {smaller:g} to {other[-1]:.4g}"
                report.add("rate_too_large", name, note, f"lr={smaller:g}")
                return True
        return True
    fall, size = losses[0] - losses[-1], abs(losses[0])
    for times in (1e3, 1e4, 1e5, 1e6) if 0 <= fall < 1e-4 * size else ():
        far = _with_rate(given, times * rate)
        more = far[0] - far[-1]
        if _fell(far) and more > max(300 * fall, 0.01 * size):
            note = f"in {STEPS} steps the loss falls by {fall:.2g}, with lr {times * rate:g} by {more:.2g}"
            report.add("rate_too_small", name, note, f"lr={times * rate:g}")
            return True
    return False


def _with_rate(given: tuple[Any, ...], rate: float) -> list[float]:
    """The losses of the optimiser's first steps with another rate."""
    trial = Trial(*given)
    trial.optimizer.lr = rate
    return trial.stepped(STEPS)


def _sizes(report: Report, X: Any, y: Any, look: Look, harmed: bool) -> None:
    """Inputs and targets whose size harms the training."""
    if isinstance(X, np.ndarray) and X.dtype.kind in "biuf" and X.ndim > 1:
        spread = X.reshape(len(X), -1).astype(float).std(axis=0)
        uneven, size = spread[spread > 0], _rms(X)
        note = f"they go from {X.min():.4g} to {X.max():.4g}"
        if size > 10 and harmed and look.trial.optimizer is None:
            note += f", and gradient descent explodes at rates of {RATES[0]:g} to {RATES[-1]:g}"
        if uneven.size > 1 and uneven.max() > 1000 * uneven.min():
            note += f", and the columns' spreads from {uneven.min():.2g} to {uneven.max():.2g}"
        elif 0.01 <= size <= 10:
            note = ""
        if note:
            fix = "X = (X - X.mean(axis=0)) / X.std(axis=0)"
            report.add("inputs_unscaled", "X", note, fix, first=True)
    if look.is_array and isinstance(y, np.ndarray) and y.shape == look.prediction.shape:
        size, out = _rms(y), _rms(look.prediction.data)
        if size > max(10, 10 * out):
            note = f"they go from {y.min():.4g} to {y.max():.4g}, the first outputs are about {out:.2g}"
            report.add("targets_unscaled", "y", note, "y = (y - y.mean()) / y.std()")


def untrained(model: Any, loss: Any, X: Any, y: Any) -> str:
    """Return in a few words why a training did not train its network; "" where its loss is low, or nothing is known."""
    X, y = rows_of(X, y, ROWS)
    try:
        with same_generators(), np.errstate(all="ignore"):
            look = Look(Trial(model, loss, X, y))
            guesses = constant_losses(look.trial, look.prediction, y) if look.is_array else []
    except Exception:  # a training that has ended is not to end in an error of its doctor
        return ""
    chance, now = min(guesses, default=math.inf), float(look.loss.item())
    for layer in look.layers() if now > 0.5 * chance or not guesses else ():
        if look.is_output(layer) and layer.dead:
            return f"{layer.name}: {layer.dead} of {layer.count} outputs are dead ReLU units"
        if not look.is_output(layer) and layer.is_bad():
            kind, how = ("ReLU", "dead") if layer.dead else (layer.kind, "saturated")
            return f"{layer.name}: {layer.dead or layer.flat} of {layer.count} {kind} units are {how}"
    return f"the loss, {now:.4g}, is that of a constant guess" if now > 0.95 * chance > 0 else ""
