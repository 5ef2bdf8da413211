"""A recorded loss, read again: its backward pass in parts, each of which can be run with something changed.

All that the check tools know of the engine's internals stands in this file.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from ..core.engine import toposort
from ..core.node import Node
from ..core.readings import ARRAYS, sum_to
from ..core.rows import positive
from ..errors import GraphError
from ..symbols import EXPRESSIONS, constant

Arrays = dict[Any, np.ndarray]  # from a node to an array of its shape
ANALYTIC = {
    "add", "subtract", "multiply", "divide", "negative", "exp", "sin", "cos",
    "tan", "sinh", "cosh", "tanh", "square", "reciprocal", "matmul", "linear", "sum", "mean", "reshape",
    "transpose", "getitem", "broadcast_to", "concatenate", "stack", "squared_error", "squared_distance",
}  # fmt: skip
ROUNDING = 1e-7  # the size of the noise by which errors of rounding are judged


def is_node(x: Any) -> bool:
    return isinstance(x, Node)


def forward_of(op: Any, operands: list[Any]) -> Any:
    """The operation's value, in arrays."""
    return op.value(ARRAYS, operands)


def forward_expr(op: Any, operands: list[Any]) -> Any:
    """The operation's value as an expression."""
    return constant(op.value(EXPRESSIONS, [*map(constant, operands)]))


def share_expr(op: Any, k: int, g: Any, out: Any, operands: list[Any]) -> Any:
    """What the k-th parent receives, as an expression."""
    g, out, *parts = map(constant, (g, out, *operands))
    return constant(op.shares(EXPRESSIONS, g, out, parts, [i == k for i in range(len(parts))])[k])


def fit(share: Any, shape: tuple[int, ...]) -> Any:
    """The share spread to a shape, or summed over what broadcasting had added or stretched; None where it does not fit."""
    if share is None:
        return None
    share = np.asarray(share)
    with suppress(ValueError):
        return share if share.shape == shape else np.broadcast_to(share, shape)
    with suppress(GraphError, ValueError):
        return np.asarray(sum_to(ARRAYS.xp, share, shape, positive))
    return None


class Backward:
    """A recorded loss: its nodes in order, their values, users and right gradients.

    `order`: the variables, parents first; `at`: each node's place in it; `values`: the data of variables and of the
    constants among their parents; `users`: (user, operand's number) of each node; `grads`: the right gradients.
    """

    def __init__(self, loss: Any) -> None:
        self.loss, self.order = loss, toposort(loss)
        self.at = {node: i for i, node in enumerate(self.order)}
        self.users: dict[Any, list[tuple[Any, int]]] = {node: [] for node in self.order}
        self.values: Arrays = {}
        for node in self.order:
            for k, parent in enumerate(node.parents):
                self.values[parent] = np.asarray(parent.data, float)
                if parent in self.users:
                    self.users[parent].append((node, k))
        self.values[loss] = np.asarray(loss.data, float)
        self.paths: dict[Any, set[Any]] = {}
        self.memory: dict[Any, Any] = {}
        with np.errstate(all="ignore"):
            self.grads = self.sweep()

    def share(self, user: Any, k: int, g: Any, swap: Mapping[int, Any] | None = None) -> Any:
        """What the k-th parent of a node receives; `swap` puts other arrays in operands' places."""
        swap = swap or {}
        operands = [swap.get(i, self.values[parent]) for i, parent in enumerate(user.parents)]
        wanted = [i == k for i in range(len(operands))]
        return user.op.shares(ARRAYS, g, self.values[user], operands, wanted)[k]

    def remember(self, key: Any, make: Callable[[], Any]) -> Any:
        """What `make` gives, computed once for that key."""
        if key not in self.memory:
            self.memory[key] = make()
        return self.memory[key]

    def sweep(self, edits: Mapping[tuple[Any, int], Any] | None = None, noise: Any = None) -> Arrays:
        """The gradient of every variable. `edits` maps an edge (user, operand's number) to what makes its share."""
        start = {self.loss: np.ones(self.values[self.loss].shape)}
        return self._down(start, self.users, self.order, edits or {}, noise)

    def pull(self, start: Mapping[Any, Any], targets: Iterable[Any]) -> Arrays:
        """What differences of some nodes' gradients do to the gradients of the targets: backward is linear."""
        targets = list(targets)
        ways = set().union(*(self.path(target) for target in targets))
        found = {node: share for node, share in start.items() if node in ways}
        if not found:
            return {}
        low, high = min(self.at[n] for n in targets), max(self.at[n] for n in found)
        return self._down(found, ways, self.order[low + 1 : high + 1])

    def _down(self, grads: Arrays, into: Any, nodes: Any, edits: Any = (), noise: Any = None) -> Arrays:
        """The gradients passed on through these nodes into those variables."""
        values = self.values
        for node in reversed(nodes):
            g = grads.get(node)
            if g is None or not node.parents:
                continue
            out, operands = values[node], [values[p] for p in node.parents]
            if noise is not None:
                g, out, *operands = [_shaken(x, noise) for x in (g, out, *operands)]
            wanted = [p in into and (node, k) not in edits for k, p in enumerate(node.parents)]
            shares = node.op.shares(ARRAYS, g, out, operands, wanted) if any(wanted) else ()
            for k, parent in enumerate(node.parents):
                if parent in into:
                    share = fit(
                        shares[k] if wanted[k] else edits[node, k](node, k, g, grads), values[parent].shape
                    )
                    if share is not None:
                        grads[parent] = grads[parent] + share if parent in grads else share
        return grads

    def rounding(self) -> Arrays:
        """How large an error of 1 ulp in every number makes each gradient's error, in ulps: its condition.

        Measured by noise, so that a gradient that is a small difference of large numbers is judged by the large ones.
        """
        noise = np.random.default_rng(0)
        found: dict[Any, Any] = {}
        for _ in range(2):
            with np.errstate(all="ignore"):
                shaken = self.sweep(noise=noise)
                for node, g in shaken.items():
                    error = np.max(np.abs(g - self.grads[node]), initial=0.0) / ROUNDING
                    found[node] = np.fmax(found.get(node, 0.0), error)
        return found

    def path(self, node: Any) -> set[Any]:
        """All variables that depend on a node, itself among them: the ways from the loss down to it."""
        if node not in self.paths:
            found = {node}
            for later in self.order[self.at[node] :]:
                if any(parent in found for parent in later.parents):
                    found.add(later)
            self.paths[node] = found
        return self.paths[node]

    def push(self, node: Any, direction: Any) -> Arrays:
        """How far all that depends on a node moves with it, to about 1e-8: <pull(d), direction> is <d, push>."""
        ways, found = self.path(node), {node: direction}
        for later in self.order[self.at[node] + 1 :]:
            if later in ways:
                moves = [found.get(p, 0.0) for p in later.parents]
                h = 1e-6 / max(1.0, *(float(np.max(np.abs(d), initial=0.0)) for d in moves))
                pairs = [(self.values[p], h * d) for p, d in zip(later.parents, moves, strict=True)]
                up, down = (forward_of(later.op, [x + sign * d for x, d in pairs]) for sign in (1, -1))
                found[later] = np.asarray(up - down) / (2 * h)
        return found

    def complex_slope(self, leaf: Any, direction: Any) -> float | None:
        """The derivative of the loss along a direction by a complex step, to the last digit (doi:10.1145/838250.838251).

        None where an operation on the way is none that complex numbers go through unchanged, as |x| and max are.
        """
        ways, found = self.path(leaf), {leaf: self.values[leaf] + 1e-40j * direction}
        for node in self.order[self.at[leaf] + 1 :]:
            if node in ways:
                if not _is_analytic(node.op):
                    return None
                found[node] = forward_of(node.op, [found.get(p, self.values[p]) for p in node.parents])
        return float(np.imag(found[self.loss]).reshape(-1)[0] / 1e-40)


def _shaken(x: Any, noise: Any) -> Any:
    """An array with noise; labels, masks and counts are exact."""
    return x if np.array_equal(x, np.round(x)) else x * (1 + ROUNDING * noise.standard_normal(np.shape(x)))


def softmax(x: Any, axis: Any) -> Any:
    """Softmax of an array, as the engine computes it."""
    return ARRAYS.xp.softmax(x, axis)


def _is_analytic(op: Any) -> bool:
    """Whether complex numbers go through an operation unchanged; a power, where it is whole."""
    power = str(next(iter(getattr(op, "params", {}).values()), op.name.removeprefix("pow")))
    return op.name in ANALYTIC or (op.name.startswith("pow") and power.removesuffix(".0").isdigit())
