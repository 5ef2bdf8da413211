"""A look at the first pass of a training, on a copy: its nodes, its gradients, and its layers of units."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..core.engine import sweep, toposort
from ..core.node import Node
from ..core.readings import KINDS
from ..core.value import Value
from ..errors import ShapeError
from ..support.containers import flatten
from .debug import debug, here, line_of
from .trial import Trial, number_of

SATURATED = 0.8  # of a layer's activations without a slope, from which on it is saturated
FLAT = 0.01  # a slope of an activation, in parts of its largest, that counts as none
SLOPES: dict[str, Any] = {  # by the activation's value
    "relu": lambda a: a > 0,
    "sigmoid": lambda a: 4 * a * (1 - a),
    "tanh": lambda a: 1 - a * a,
}
BOUNDS = {"sigmoid": (0.0, 1.0), "softmax": (0.0, 1.0), "tanh": (-1.0, 1.0), "relu": (0.0, math.inf)}
PRODUCTS = ("matmul", "linear")


@dataclass
class Layer:
    """A layer of activations, of arrays or of single Values: of each unit, whether its slope is 0 for every sample."""

    name: str
    kind: str
    is_output: bool = False
    weights: list[Any] = field(default_factory=list)
    biases: list[Any] = field(default_factory=list)
    given: list[Any] = field(default_factory=list)  # the nodes that its activation was applied to
    units: dict[Any, list[Any]] = field(default_factory=dict)  # what each Value's unit, or all of them, gave
    flat: Any = ()
    share: float = 0.0  # of all activations, how many have no slope

    @property
    def bad(self) -> int:
        """How many units are dead (ReLU) or saturated."""
        return int(np.sum(self.flat))

    @property
    def is_bad(self) -> bool:
        """Whether more than half of the units have no gradient."""
        return len(self.flat) > 1 and (2 * self.bad > len(self.flat) or self.is_saturated)

    @property
    def is_saturated(self) -> bool:
        """Whether nearly all activations lie at the ends of their range, whichever units they belong to."""
        return self.kind != "relu" and self.share > SATURATED

    @property
    def is_stuck(self) -> bool:
        """Whether its units keep a network from learning: most of a hidden layer's, or any ReLU of the outputs'."""
        return self.bad > 0 if self.is_output and self.kind == "relu" else self.is_bad and not self.is_output

    def __str__(self) -> str:
        kind, how = ("ReLU", "dead") if self.kind == "relu" else (self.kind, "saturated")
        which = f" (units {', '.join(map(str, np.flatnonzero(self.flat)))})"
        if self.is_saturated and 2 * self.bad <= len(self.flat):
            return f"{self.share:.0%} of the {kind} activations are saturated"
        is_some = self.bad < min(len(self.flat), 9)
        return f"{self.bad} of {len(self.flat)} {kind} units are {how}{which if is_some else ''}"


class Look:
    """A recorded first pass of a training. AnomalyError where numbers are not finite, and what its functions raise.

    `order`: the loss's variables; `grads`: the gradient of each; `outputs`: the nodes of the prediction, and `out` its numbers
    in an array, or None where they are something else.
    """

    def __init__(self, trial: Trial) -> None:
        self.trial, self.asked, self.grads, self.order = trial, here(), {}, []
        with debug():
            self.prediction, self.loss = trial.evaluated()
            loss = self.loss
            if (loss.size if isinstance(loss, Node) else np.size(loss)) != 1:
                raise ShapeError(
                    f"the loss has shape {np.shape(loss)}, and must be one number: take its mean or sum"
                )
            if isinstance(loss, Node) and loss.requires_grad:
                self.order = toposort(loss)
                self.grads = sweep(self.order, KINDS[type(loss)].arriving(loss, None, "doctor"))
        self.samples = _samples(trial.X, trial.y)
        self.outputs = [x for _, x in flatten(self.prediction) if isinstance(x, Node)]
        self.out = self._numbers()
        self.layers = self._layers()
        guesses = [] if self.out is None else trial.guesses(self.prediction, self.out)
        self.first, self.chance = number_of(self.loss), min(guesses, default=None)  # of a constant guess

    def _numbers(self) -> Any:
        if isinstance(self.prediction, Node):
            return np.asarray(self.prediction.data) if self.prediction.shape else None
        if not self.outputs or not all(isinstance(x, Value) for _, x in flatten(self.prediction)):
            return None
        found = np.array([x.data for x in self.outputs])
        return found.reshape(len(self.prediction), -1) if len(found) % len(self.prediction) == 0 else None

    def line(self, node: Any) -> str:
        """Where a node was made, unless that is the line which asks."""
        line = node.meta.get("line") if node.meta else None
        return "" if line in (None, self.asked) else line_of(node)

    # ---- Outputs and targets ------------------------------------------------------------------------------------------

    def is_target(self, x: Any) -> bool:
        """Whether a constant holds the targets, or one of them."""
        y = self.trial.y
        if x.requires_grad or not is_real(y):
            return False
        if isinstance(x, Value):
            return bool(np.any(y == x.data))
        return bool(x.size == y.size and np.array_equal(x.data.reshape(y.shape), y))

    def meetings(self) -> Iterator[tuple[Any, Any, Any]]:
        """Yield (operation, prediction or targets, other operand) for each operation of two where one is that."""
        outputs = set(self.outputs)
        for node in self.order:
            if len(node.parents) == 2:
                for x, other in (node.parents, node.parents[::-1]):
                    if x in outputs or self.is_target(x):
                        yield node, x, other

    # ---- Layers -------------------------------------------------------------------------------------------------------

    def matrices(self) -> dict[Any, str]:
        """The matrices among the parameters, with their names, in the order in which the forward pass uses them."""
        names = {p: name for name, p in self.trial.params.items() if p.ndim == 2 and p in self.grads}
        products = [node for node in self.order if made_by(node) in PRODUCTS]
        return {p: names[p] for node in products for p in node.parents if p in names}

    def _layers(self) -> list[Layer]:
        """The activations by layer; one that is used several times counts once, with all of its uses.

        A layer of arrays is known by its weights; one of Values by how many activations lie below, a unit of it by its weights.
        """
        found: dict[Any, Layer] = {}
        depth: dict[Any, int] = {}
        home: dict[Any, Any] = {}  # of each unit its layer
        places, outputs = {w: i for i, w in enumerate(self.matrices())}, set(self.outputs)
        for node in self.order:
            depth[node] = max([depth.get(p, 0) for p in node.parents], default=0)
            kind, is_value = kind_of(node), isinstance(node, Value)
            if kind not in SLOPES or not (is_value or (node.ndim > 1 and self.samples in node.shape)):
                continue
            depth[node] += 1
            weights, biases = _fed(node)
            unit = (*weights,) or node if is_value else next((w for w in weights if w.ndim == 2), node)
            key = home.setdefault(unit, (kind, depth[node]) if is_value else unit)
            layer = found.setdefault(key, Layer(f"layer {places.get(key, len(found))}", kind))
            if unit not in layer.units:
                layer.weights.append(weights)
                layer.biases += biases
            layer.given.append(next(p for p in node.parents if p.requires_grad))
            layer.units.setdefault(unit, []).append(node)
            layer.is_output = layer.is_output or node in outputs
        for layer in found.values():
            layer.flat = np.array(
                [flat for nodes in layer.units.values() for flat in self._flat(layer, nodes)]
            )
        return [*found.values()]

    def _flat(self, layer: Layer, nodes: list[Any]) -> Any:
        """Whether the slope is 0 in all uses, of each unit in these nodes."""
        last = nodes[-1]
        axis = 0 if not last.ndim or last.shape[0] == self.samples else last.ndim - 1
        values = np.concatenate([np.atleast_1d(node.data) for node in nodes], axis=axis)
        flat = SLOPES[layer.kind](values) < FLAT
        layer.share = max(layer.share, float(flat.mean()) if values.shape[axis] > 2 else 0.0)
        return np.ravel(flat.all(axis=axis) & (values.shape[axis] > 2))


# ---- What a node and what data are ------------------------------------------------------------------------------------


def is_real(x: Any) -> bool:
    """Whether it is an array of real numbers."""
    return isinstance(x, np.ndarray) and x.dtype.kind in "biuf"


def rms(x: Any) -> float:
    """The size of numbers: the root of their mean square."""
    return float(np.sqrt(np.mean(np.square(np.asarray(x, float))))) if np.size(x) else 0.0


def _samples(X: Any, y: Any) -> int:
    """How many samples there are; they are columns where only so X and y have as many."""
    shape, other = np.shape(X), np.shape(y)
    in_columns = len(shape) == 2 and other and shape[0] != other[0] and shape[1] == other[-1]
    return int(shape[1] if in_columns else shape[0]) if shape else 1


def made_by(x: Any) -> str:
    """The name of the operation that made something; "" where none did."""
    return x.op.name if isinstance(x, Node) and x.op is not None else ""


def kind_of(node: Any) -> str:
    """The activation that made a node, written by hand too: relu, sigmoid, tanh or softmax; else its operation."""
    name = made_by(node)
    if name == "maximum" and any(p.op is None and not np.any(p.data) for p in node.parents):
        return "relu"
    if name in ("multiply", "where") and node.ndim and not np.all(node.data):  # by a mask
        (z, *others) = [p for p in node.parents if p.requires_grad]
        return "relu" if not others and np.array_equal(node.data, np.maximum(z.data, 0)) else name
    if name in ("divide", "reciprocal"):
        below = node.parents[-1]
        if made_by(below) == "add" and "exp" in map(made_by, below.parents):
            return "sigmoid"
        if made_by(below) == "sum" and made_by(node.parents[0]) == "exp":
            return "softmax"
    return "softmax" if name == "log_softmax" else name


def _fed(node: Any) -> tuple[list[Any], list[Any]]:
    """The weights and the biases of what an activation was given: the parameters below it, as far as the next layer."""
    weights, biases, stack, seen = [], [], [*node.parents], set()
    while stack:
        x = stack.pop()
        if x in seen or not x.requires_grad:
            continue
        seen.add(x)
        own = [p for p in x.parents if p.op is None and p.requires_grad]
        name, bias = made_by(x), x.parents[-1] if x.parents else None
        if name in ("dot", "linear"):  # of x, w, and then the bias
            weights += [p for p in own if p is not bias]
            biases += [p for p in own if p is bias]
        elif name in ("matmul", "multiply"):
            weights += own
            stack += x.parents if name == "multiply" else ()
        elif kind_of(x) not in SLOPES:
            biases += own
            stack += x.parents
    return weights, biases
