"""A look at the first pass of a training, on a copy: what is certain to keep it from learning, whatever the rate."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.node import Node
from ..errors import ShapeError
from .backward import Backward
from .debug import debug, here, line_of
from .report import Report
from .trial import Trial

FLAT = 0.01  # a slope of an activation, in parts of its largest, that counts as none
SLOPES: dict[str, Any] = {  # by the activation's value
    "relu": lambda a: a > 0,
    "sigmoid": lambda a: 4 * a * (1 - a),
    "tanh": lambda a: 1 - a * a,
}
BOUNDS = {"sigmoid": (0.0, 1.0), "softmax": (0.0, 1.0), "tanh": (-1.0, 1.0), "relu": (0.0, math.inf)}
PRODUCTS = ("matmul", "linear")
NOT_CENTRED = (
    "all inputs are ≥ 0: a step that pushes a unit down for one sample does so for all; "
    "centre them, X - X.mean(axis=0)"
)
INITIAL = "smaller first weights, by Glorot or He, as ag.nn.init has them"
FIXES = {  # what to do, by mistake
    "data_not_finite": "X = np.nan_to_num(X)  # or leave such rows out",
    "labels_out_of_range": "y = y - y.min()",
    "not_a_probability": "ag.nn.binary_cross_entropy_with_logits, or a sigmoid on the output",
    "broadcast_pairs": "y = y.reshape(-1, 1)",
    "cut_off": "compute the loss from the prediction itself, as ag.nn.mse(prediction, y)",
    "parameter_not_in_optimizer": "make it with model.parameters(), after the model is complete",
    "not_zeroed": "optimizer.zero_grad()  # before loss.backward()",
    "zero_gradient": "a smooth function in its place while it trains, as ag.sigmoid for a threshold",
    "targets_out_of_range": "leave the activation of the output away, or scale y into its range",
    "softmax_wrong_axis": "axis=-1, for samples in rows",
    "softmax_of_one": "ag.sigmoid for one output; or two outputs",
    "softmax_twice": "give the loss the logits: leave the output's activation away",
    "sigmoid_twice": "give the loss the logits: leave the output's activation away",
    "dead_output": "leave the ReLU on the outputs away",
    "equal_weights": "start from random weights, as ag.nn.Linear and ag.nn.init do",
    "dead_units": "smaller weights, biases of 0, centred inputs; or LeakyReLU",
    "units_die": "X = X - X.mean(axis=0); a smaller learning rate",
    "saturated_units": "X = (X - X.mean(axis=0)) / X.std(axis=0); smaller first weights",
    "vanishing_gradients": "ReLU or tanh in place of sigmoid; first weights by Glorot or He",
    "exploding_gradients": f"{INITIAL}; clip gradients",
    "inputs_unscaled": "X = (X - X.mean(axis=0)) / X.std(axis=0)",
    "targets_unscaled": "y = (y - y.mean()) / y.std()",
    "initial_loss_high": INITIAL,
    "cannot_overfit": "more units, another activation; do X and y belong together?",
}


def add(report: Report, mistake: str, where: str, note: str = "", fix: str = "", first: bool = False) -> None:
    """Put in a finding, with what to do about it."""
    report.add(mistake, where, note, fix or FIXES.get(mistake, ""), first)


@dataclass(frozen=True)
class Units:
    """A layer of activations, and how many of its units are dead (ReLU) or saturated for every sample."""

    name: str
    kind: str
    bad: int
    count: int
    node: Any

    def is_bad(self) -> bool:
        """Whether more than half of the units have no gradient."""
        return self.count > 1 and 2 * self.bad > self.count

    def __str__(self) -> str:
        kind, how = ("ReLU", "dead") if self.kind == "relu" else (self.kind, "saturated")
        return f"{self.bad} of {self.count} {kind} units are {how}"


class Look:
    """A recorded first pass of a training. AnomalyError where numbers are not finite, and what its functions raise."""

    def __init__(self, trial: Trial) -> None:
        self.trial, self.asked = trial, here()
        with debug():
            self.prediction, self.loss = trial.evaluated()
            if is_variable := isinstance(self.loss, Node) and self.loss.requires_grad:
                self.loss.backward()
        if np.size(self.loss) != 1 if not isinstance(self.loss, Node) else self.loss.size != 1:
            shape = f"the loss has shape {np.shape(self.loss)}, and must be one number"
            raise ShapeError(f"{shape}: take its mean or sum")
        self.samples = _samples(trial.X, trial.y)
        self.is_array = isinstance(self.prediction, Node) and bool(self.prediction.shape)
        b = Backward(self.loss) if is_variable else None
        self.grads = b.grads if b else {}
        self.leaves = [node for node in b.order if not node.parents] if b else []
        self.order = [node for node in b.order if node.parents] if b else []

    def line(self, node: Any) -> str:
        """Where a node was made, unless that is the line which asks."""
        line = node.meta.get("line") if node.meta else None
        return "" if line in (None, self.asked) else line_of(node)

    def examine(self, report: Report) -> bool:
        """Put in what the pass shows; return whether there are gradients to train by."""
        self._reached(report)
        if any(f.mistake == "cut_off" for f in report.findings):
            return False
        for check in (self._paired, self._softmax, self._ranges, self._equal, self._units, self._slopes):
            check(report)
        return self._moves(report)

    # ---- The way from the loss to the parameters ----------------------------------------------------------------------

    def _reached(self, report: Report) -> None:
        """Parameters that the loss does not depend on, and those that the optimiser does not have."""
        params, optimizer = self.trial.params, self.trial.optimizer
        missing = [name for name, p in params.items() if p.grad is None]
        if not isinstance(self.loss, Node):
            kind = type(self.loss).__name__
            note = f"it is a {kind}: .item(), .data, float() or NumPy on .data cut it off"
            add(report, "cut_off", "the loss", note)
        elif len(missing) == len(params):
            add(report, "cut_off", *self._cut())
        elif missing:
            add(report, "parameter_unused", ", ".join(missing[:8]), self._cut()[1])
        elif optimizer is not None:
            foreign = [name for name, p in params.items() if p not in set(optimizer.params)]
            if foreign:
                add(report, "parameter_not_in_optimizer", ", ".join(foreign[:8]))

    def _cut(self) -> tuple[str, str]:
        """The place of the cut, and what is said of it."""
        loss, own = self.loss, set(self.trial.params.values())
        if not loss.requires_grad:
            how = f"cut off by {loss._cut_by}{self.line(loss)}"
            return "the loss", how if loss._cut_by else "it was made from constants alone"
        for leaf in self.leaves:
            if leaf not in own:
                end = f"the way ends at {leaf._name}{self.line(leaf)}"
                return "a leaf", f"{end}, wrapped afresh: a new leaf, no path"
        return "the graph", "nothing leads to them: frozen, or not used in forward()"

    def _moves(self, report: Report) -> bool:
        """Whether any gradient is not 0; what made all of them 0, unless a finding says so."""
        grads = [p.grad for p in self.trial.params.values() if p.grad is not None]
        if any(np.any(g) for g in grads) or not float(self.loss.item()):
            return True
        for node in reversed(self.order if not report.findings else []):
            below = [self.grads[parent] for parent in node.parents if parent in self.grads]
            if np.any(self.grads.get(node, 0.0)) and not any(np.any(g) for g in below):
                note = f"{node.op.name!r}{self.line(node)} passes nothing on"
                add(report, "zero_gradient", node.op.name, note)
                break
        return False

    # ---- Outputs, targets and the loss --------------------------------------------------------------------------------

    def _is_target(self, x: Any) -> bool:
        y = self.trial.y
        same = x.op is None and is_real(y) and x.size == y.size
        return bool(same and np.array_equal(x.data.reshape(y.shape), y))

    def _meetings(self) -> Iterator[tuple[Any, Any, Any]]:
        """Yield operations of two operands, of which one is the prediction or the targets; and the operands."""
        for node in self.order:
            two = node.parents
            if len(two) == 2 and any(p is self.prediction or self._is_target(p) for p in two):
                yield node, *two

    def _paired(self, report: Report) -> None:
        """(n, 1) against (n,)."""
        for node, x, z in self._meetings():
            shapes = {x.shape, z.shape}
            n = max(map(max, filter(None, shapes)), default=1)
            if n > 1 and shapes == {(n, 1), (n,)}:
                note = f"{node.op.name!r} of {x.shape} and {z.shape} gives {node.shape}{self.line(node)}"
                add(report, "broadcast_pairs", "the loss", note)
                return

    def _ranges(self, report: Report) -> None:
        """Targets that the output cannot reach, and labels without a class."""
        y, out = self.trial.y, self.prediction
        if not is_real(y) or not self.is_array or not y.size:
            return
        kind, low, high = kind_of(out), float(y.min()), float(y.max())
        least, most = BOUNDS.get(kind, (-math.inf, math.inf))
        pairs = [(x, z) for _, *two in self._meetings() for x, z in (two, two[::-1])]
        meet = any(x is out and z.shape == out.shape and self._is_target(z) for x, z in pairs)
        if meet and (low < least - 1e-9 or high > most + 1e-9):
            reach = f"from {least:g} to {most:g}" if most < math.inf else "never below 0"
            note = f"they go from {low:.4g} to {high:.4g}, a {kind} is {reach}"
            add(report, "targets_out_of_range", "y and the output layer", note)
        by_class = y.ndim == 1 and out.ndim == 2 and len(y) == len(out) and out.shape[1] > 1
        if by_class and np.array_equal(y, np.round(y)) and not 0 <= low <= high < out.shape[1]:
            note = f"labels go from {low:g} to {high:g}, and those of {out.shape[1]} classes from 0"
            add(report, "labels_out_of_range", "y", note)

    def _softmax(self, report: Report) -> None:
        """Softmax over the samples, of one output, or twice; and the sigmoid twice."""
        for node in self.order:
            shape, place = node.shape, f"{node.op.name}{self.line(node)}"
            if kind_of(node) == "softmax" and len(shape) == 2 and self.samples in shape and self.samples > 1:
                p = np.exp(node.data) if node.op.name == "log_softmax" else node.data
                over = 0 if shape[0] == self.samples else 1  # the axis of the samples
                sums = [np.allclose(p.sum(axis=axis), 1.0) for axis in (over, 1 - over)]
                if sums[1] and shape[1 - over] == 1:
                    add(report, "softmax_of_one", place)
                elif not sums[1] and (sums[0] or np.isclose(p.sum(), 1.0)):
                    add(report, "softmax_wrong_axis", place, f"of shape {shape}, samples along axis {over}")
            inner = _applied_by(node.op.name)
            if inner and kind_of(node.parents[0]) == inner:
                add(report, f"{inner}_twice", place)

    # ---- Layers ---------------------------------------------------------------------------------------------------------

    def weights(self) -> dict[Any, str]:
        """The matrices among the parameters, with their names, in the order in which the forward pass uses them."""
        names = {p: name for name, p in self.trial.params.items() if p.ndim == 2 and p.grad is not None}
        products = [node for node in self.order if node.op.name in PRODUCTS]
        return {p: names[p] for node in products for p in node.parents if p in names}

    def layers(self) -> list[Units]:
        """The activations by layer; a layer that is used several times counts once, with all of its uses."""
        uses: dict[Any, list[Any]] = {}
        for node in self.order:
            if kind_of(node) in SLOPES and node.ndim > 1 and self.samples in node.shape:
                weight = _weight_of(node)
                uses.setdefault(node if weight is None else weight, []).append(node)
        places = {w: i for i, w in enumerate(self.weights())}
        found = []
        for i, (weight, nodes) in enumerate(uses.items()):
            kind, last = kind_of(nodes[0]), nodes[-1]
            axis = 0 if last.shape[0] == self.samples else last.ndim - 1
            values = np.concatenate([node.data for node in nodes], axis=axis)
            bad = (SLOPES[kind](values) < FLAT).all(axis=axis)
            found.append(Units(f"layer {places.get(weight, i)}", kind, int(bad.sum()), bad.size, last))
        return found

    def dead_outputs(self, layer: Units) -> bool:
        """Whether it is the output's own ReLU, of which units are dead."""
        return layer.node is self.prediction and layer.kind == "relu" and layer.bad > 0 and self.samples > 1

    def _units(self, report: Report) -> None:
        """Dead and saturated units, and outputs that are so in the wrong place."""
        for layer in self.layers():
            where = f"{layer.name} ({layer.kind})"
            if self.dead_outputs(layer):
                add(report, "dead_output", where, f"{layer.bad} of {layer.count} outputs")
            elif layer.node is self.prediction:
                self._wrong_outputs(report, layer, where)
            elif layer.is_bad():
                mistake = "dead_units" if layer.kind == "relu" else "saturated_units"
                add(report, mistake, where, f"{layer}, because {self.because(layer)}")

    def _wrong_outputs(self, report: Report, layer: Units, where: str) -> None:
        """Outputs at the end of their range where the target is at the other."""
        y, p, (low, high) = self.trial.y, self.prediction.data, BOUNDS[layer.kind]
        if is_real(y) and y.shape == p.shape and high < math.inf:
            flat = np.minimum(p - low, high - p) < FLAT / 4
            wrong = flat & (np.abs(p - y) > 0.5 * (high - low))
            if wrong.mean() > 0.25:
                note = f"{wrong.sum()} of {wrong.size} outputs are at the end of their range, and wrong"
                fix = "a cross-entropy of logits, whose slope does not vanish; smaller weights"
                add(report, "saturated_units", where, note, fix)

    def because(self, layer: Units) -> str:
        """Why the units of a layer are dead or saturated."""
        (z, *_), X = layer.node.parents, self.trial.X
        if not np.any(z.data):
            return "all that they get is 0, as of weights of 0"
        bias = next((p for p in z.parents if p.op is None and p.ndim == 1 and p.requires_grad), None)
        if bias is not None and np.abs(bias.data).mean() > 0.5 * np.abs(z.data).mean():
            return f"the biases decide alone: they go down to {bias.data.min():.4g}"
        if is_above_0(X):
            return NOT_CENTRED
        if is_real(X) and rms(X) > 10:
            return f"the inputs are large, up to {np.abs(X).max():.4g}, and so is what the activation gets"
        return f"what the activation gets is large: {z.data.min():.4g} to {z.data.max():.4g}"

    def _equal(self, report: Report) -> None:
        """Hidden weights that are all alike and get gradients that are alike: their units never part."""
        for w, name in [*self.weights().items()][:-1]:
            size = 1e-12 * np.abs(w.grad).max()
            alike = any(np.ptp(w.grad, axis=axis).max() <= size for axis in (0, 1))
            if w.size > 1 and not np.ptp(w.data) and alike:
                add(report, "equal_weights", name, f"they are all {w.data.flat[0]:.4g}")

    def _slopes(self, report: Report) -> None:
        """Gradients that vanish or explode from layer to layer: of what the layers' matrix products give."""
        names = self.weights()
        pairs = [(node, p) for node in self.order if node.op.name in PRODUCTS for p in node.parents]
        sizes = [(names[p], rms(self.grads[node])) for node, p in pairs if p in names]
        if len(sizes) < 3 or not sizes[-1][1]:
            return
        (first, low), (last, high) = sizes[0], sizes[-1]
        note = f"at {first} they are {low / high:.1e} times what they are at {last}"
        if low < 1e-4 * high and not any("units" in f.mistake for f in report.findings):
            add(report, "vanishing_gradients", f"{first} to {last}", note)
        elif low > 1e3 * high:
            add(report, "exploding_gradients", f"{first} to {last}", note)


# ---- What a node and what data are ------------------------------------------------------------------------------------


def is_real(x: Any) -> bool:
    """Whether it is an array of real numbers."""
    return isinstance(x, np.ndarray) and x.dtype.kind in "biuf"


def is_above_0(X: Any) -> bool:
    """Whether inputs are all ≥ 0 and far from centred."""
    return bool(is_real(X) and X.size > 1 and X.min() >= 0 and X.mean() > X.std())


def rms(x: Any) -> float:
    """The size of numbers: the root of their mean square."""
    return float(np.sqrt(np.mean(np.square(np.asarray(x, float))))) if np.size(x) else 0.0


def _samples(X: Any, y: Any) -> int:
    """How many samples there are; they are columns where only so X and y have as many."""
    shape, other = np.shape(X), np.shape(y)
    in_columns = len(shape) == 2 and other and shape[0] != other[0] and shape[1] == other[-1]
    return int(shape[1] if in_columns else shape[0]) if shape else 1


def _op_of(x: Any) -> str:
    return x.op.name if isinstance(x, Node) and x.op is not None else ""


def kind_of(node: Any) -> str:
    """The activation that made a node, written by hand too: relu, sigmoid, tanh or softmax; else its operation."""
    name = _op_of(node)
    if name == "maximum" and any(p.op is None and not np.any(p.data) for p in node.parents):
        return "relu"
    if name in ("divide", "reciprocal"):
        below = node.parents[-1]
        if _op_of(below) == "add" and "exp" in map(_op_of, below.parents):
            return "sigmoid"
        if _op_of(below) == "sum" and _op_of(node.parents[0]) == "exp":
            return "softmax"
    return "softmax" if name == "log_softmax" else name


def _applied_by(name: str) -> str:
    """The activation that an operation of a loss applies to its operand; "" where it applies none."""
    if name == "sigmoid_cross_entropy":
        return "sigmoid"
    is_of_classes = name.endswith("cross_entropy") and not name.startswith("binary")
    return "softmax" if name == "softmax" or is_of_classes else ""


def _weight_of(node: Any) -> Any:
    """The matrix of the layer whose activation a node is, or None."""
    while node.parents:
        if node.op.name in PRODUCTS:
            return next((p for p in node.parents if p.op is None and p.requires_grad and p.ndim == 2), None)
        node = next((p for p in node.parents if p.requires_grad and p.parents), node.parents[0])
    return None
