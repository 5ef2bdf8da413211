"""A training tried on a copy: the model, the loss, the optimiser and their generators are copied, and what is given stays as it is."""

import copy
import functools
import math
import random
from collections.abc import Iterator, Sequence
from types import CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from ..core.engine import toposort
from ..core.node import Node
from ..core.tensor import Tensor
from ..derivatives import gradients
from ..errors import AutogradError
from .debug import OURS, USERS

ADAM = 0.9, 0.999, 1e-8


def _names_of(code: CodeType) -> Iterator[str]:
    """The globals that a function may read, those of functions inside it too."""
    yield from code.co_names
    for part in code.co_consts:
        if isinstance(part, CodeType):
            yield from _names_of(part)


def _is_users(function: FunctionType) -> bool:
    file = function.__code__.co_filename
    return not file.startswith(OURS) or file.startswith(USERS)


def _used_globals(function: FunctionType) -> dict[str, Any]:
    """The globals of a user's function that may hold parameters, generators or data."""
    used = {
        name: function.__globals__[name]
        for name in _names_of(function.__code__)
        if name in function.__globals__
    }
    return {name: x for name, x in used.items() if not isinstance(x, type | ModuleType) and _has_parts(x)}


def _has_parts(x: Any) -> bool:
    if isinstance(x, FunctionType):
        return _is_users(x)
    return isinstance(x, Node | np.ndarray | np.random.Generator | list | dict | tuple) or hasattr(
        x, "__dict__"
    )


def copied(things: Any) -> Any:
    """Return a deep copy of nested things in which what was shared is shared: of functions too, with what they hold and read.

    A node that some module keeps of an earlier call is copied without its graph.
    """
    memo: dict[int, Any] = {}
    functions: list[tuple[FunctionType, dict[str, Any], Any]] = []
    seen: dict[int, Any] = {}
    stack = [things]
    while stack:
        x = stack.pop()
        if id(x) in seen or isinstance(x, type | ModuleType | str | bytes | int | float | np.ndarray):
            continue
        seen[id(x)] = x
        if isinstance(x, FunctionType):
            if not _is_users(x):
                continue
            used = _used_globals(x)
            cells = [CellType() for _ in x.__closure__ or ()]
            space = {**x.__globals__, **used} if used else x.__globals__
            twin = FunctionType(x.__code__, space, x.__name__, x.__defaults__, tuple(cells))
            twin.__kwdefaults__ = x.__kwdefaults__
            memo[id(x)] = twin
            functions.append((x, used, twin))
            stack += [*used.values(), *(cell.cell_contents for cell in x.__closure__ or ())]
        elif isinstance(x, Node):
            if x.op is not None:
                memo[id(x)] = x.detach()
        elif isinstance(x, dict):
            stack += x.values()
        elif isinstance(x, list | tuple | set):
            stack += x
        elif isinstance(x, MethodType):
            stack.append(x.__self__)
        elif isinstance(x, functools.partial):
            stack += [x.func, *x.args, *x.keywords.values()]
        elif hasattr(x, "__dict__"):
            stack += vars(x).values()
    for function, used, twin in functions:
        for name, part in used.items():
            twin.__globals__[name] = copy.deepcopy(part, memo)
        for cell, mine in zip(function.__closure__ or (), twin.__closure__, strict=True):
            mine.cell_contents = copy.deepcopy(cell.cell_contents, memo)
    return copy.deepcopy(things, memo)


class same_generators:
    """At the end of a `with` block, the global generators of NumPy and of Python are as they were."""

    def __enter__(self) -> None:
        self.states = np.random.get_state(), random.getstate()  # noqa: NPY002

    def __exit__(self, *error: object) -> None:
        np.random.set_state(self.states[0])  # noqa: NPY002
        random.setstate(self.states[1])


class Trial:
    """A copy of a training: its parameters by name, and its loss on some rows."""

    def __init__(self, model: Any, loss: Any, X: Any, y: Any, optimizer: Any = None) -> None:
        given = (model, loss, X, y, optimizer)
        self.model, self.loss, self.X, self.y, self.optimizer = copied(given)
        self.params = self._parameters()

    def _parameters(self) -> dict[str, Any]:
        """The parameters by name: the model's, or where it is a function those of the optimiser, or those that it reads."""
        if callable(getattr(self.model, "named_parameters", None)):
            found = list(self.model.named_parameters())
        elif callable(getattr(self.model, "parameters", None)):
            found = [(p.label or f"parameter {i}", p) for i, p in enumerate(self.model.parameters())]
        elif self.optimizer is not None:
            found = [(p.label or f"parameter {i}", p) for i, p in enumerate(self.optimizer.params)]
        else:
            first, again = (set(_leaves(self.evaluated()[1])) for _ in range(2))
            mine = [
                p for p in _leaves(self.evaluated()[1]) if p in first & again
            ]  # not made by the pass itself
            found = [(p.label or f"parameter {i}", p) for i, p in enumerate(mine)]
        return {
            name if [n for n, _ in found].count(name) == 1 else f"{name} ({i})": p
            for i, (name, p) in enumerate(found)
        }

    def evaluated(self) -> tuple[Any, Any]:
        """The prediction and the loss."""
        prediction = self.model(self.X)
        return prediction, self.loss_of(prediction)

    def loss_of(self, prediction: Any) -> Any:
        """The loss of a prediction."""
        return self.loss(prediction) if self.y is None else self.loss(prediction, self.y)

    def number(self) -> float:
        """The loss as a number; NaN where there is none."""
        loss = self.evaluated()[1]
        return float(loss.item() if isinstance(loss, Node) else loss)

    def stepped(self, steps: int) -> list[float]:
        """The losses before each step of the optimiser and after the last; it ends where one is not finite."""
        losses: list[float] = []
        for _ in range(steps):
            seen: list[float] = []

            def closure(seen: list[float] = seen) -> Any:
                loss = self.evaluated()[1]
                seen.append(float(loss.item()))
                return loss

            try:
                self.optimizer.step(closure)
            except AutogradError:
                return [*losses, *seen[:1], math.nan]
            losses.append(seen[0])
            if not math.isfinite(losses[-1]):
                return losses
        return [*losses, self.number()]

    def descended(
        self, rate: float, steps: int, is_adam: bool = False, until: float = -math.inf
    ) -> list[float]:
        """The losses of gradient descent, or of Adam, from these parameters on, which are put back."""
        nodes = list(self.params.values())
        before = [copy.copy(node.data) for node in nodes]
        means = [[0.0 * node.data, 0.0 * node.data] for node in nodes]
        losses: list[float] = []
        with np.errstate(all="ignore"):
            for t in range(1, steps + 1):
                loss = self.evaluated()[1]
                losses.append(float(loss.item()))
                if not -math.inf < losses[-1] <= 1e3 * abs(losses[0]) + 1e3 or losses[-1] < until:
                    break
                for node, g, mean in zip(
                    nodes, gradients(loss, nodes, allow_unused=True), means, strict=True
                ):
                    node.data = node.data - rate * (_by_adam(g, mean, t) if is_adam else g)
            else:
                losses.append(self.number())
        for node, data in zip(nodes, before, strict=True):
            node.data = data
        return losses


def _by_adam(g: Any, mean: list[Any], t: int) -> Any:
    """The direction of Adam's step (arXiv:1412.6980)."""
    b1, b2, eps = ADAM
    mean[0] = b1 * mean[0] + (1 - b1) * g
    mean[1] = b2 * mean[1] + (1 - b2) * g * g
    return mean[0] / (1 - b1**t) / (np.sqrt(mean[1] / (1 - b2**t)) + eps)


def _leaves(root: Any) -> list[Any]:
    return [node for node in toposort(root) if node.op is None] if isinstance(root, Node) else []


def rows_of(X: Any, y: Any, most: int) -> tuple[Any, Any]:
    """The first rows of both, where both are arrays with a row a sample."""
    if not all(isinstance(x, np.ndarray) and x.ndim and len(x) == len(X) for x in (X, y)) or len(X) <= most:
        return X, y
    return X[:most], y[:most]


def constant_losses(trial: Trial, prediction: Any, y: Any) -> Sequence[float]:
    """The losses of the best guesses that are the same for every sample: of 0, of equal chances, of the mean of the targets."""
    shape = prediction.shape
    guesses = [np.zeros(shape), np.full(shape, 1.0 / max(shape[-1] if shape else 1, 2))]
    if isinstance(y, np.ndarray) and y.shape == shape and y.ndim:
        guesses.append(np.broadcast_to(y.mean(axis=0), shape).astype(float))
    if shape:
        guesses.append(np.broadcast_to(prediction.data.mean(axis=0), shape))
    found = []
    for guess in guesses:
        try:
            with np.errstate(all="ignore"):
                loss = trial.loss_of(Tensor(np.array(guess), requires_grad=False))
            found.append(float(loss.item() if isinstance(loss, Node) else loss))
        except (AutogradError, ValueError, TypeError, IndexError):
            continue
    return [loss for loss in found if math.isfinite(loss)]
