"""A training tried on a copy: model, loss, optimiser and their generators are copied, and what is given stays as it is."""

import contextlib
import copy
import io
import math
import pickle
import random
import sysconfig
import warnings
from collections.abc import Iterator, Sequence
from types import CellType, CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from ..compile.function import Compiled
from ..core.engine import toposort
from ..core.node import Node
from ..core.tensor import Tensor
from ..core.value import Value
from ..derivatives import gradients
from ..errors import AutogradError
from ..support.containers import rebuild
from .debug import is_users

LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})
ADAM = 0.9, 0.999, 1e-8


# ---- A copy ------------------------------------------------------------------------------------------------------------


class _Shared:
    """What the copy of something holds itself, and not a copy of."""

    def __init__(self, what: Any) -> None:
        self.what = what


class _Copier(pickle.Pickler):
    """Writes nested things down, a user's functions too: with what they hold in closures and read by name.

    Classes, modules, functions of libraries, and what is pickled by its name or not at all, go into `shared`.
    """

    def __init__(self, out: Any) -> None:
        super().__init__(out, pickle.HIGHEST_PROTOCOL)
        self.shared: list[Any] = []

    def persistent_id(self, x: Any) -> int | None:
        is_installed = isinstance(x, FunctionType) and not is_users(x.__code__, LIBRARIES)
        if not (is_installed or isinstance(x, type | ModuleType | CodeType | _Shared)):
            return None
        self.shared.append(x.what if type(x) is _Shared else x)
        return len(self.shared) - 1

    def reducer_override(self, x: Any) -> Any:
        if isinstance(x, FunctionType):
            space, names = x.__globals__, [*_names_of(x.__code__)]
            used = {name: space[name] for name in names if name in space}
            made = x.__code__, _Shared(space), x.__name__, x.__closure__
            return _twin, made, (used, x.__defaults__, x.__kwdefaults__), None, None, _filled
        if isinstance(x, CellType):
            return CellType, (), (x.cell_contents,), None, None, _filled_cell
        if isinstance(x, Compiled):
            return Compiled, (x.function, x.engine, x.is_batch)
        try:
            # a node that some module keeps of an earlier call is copied without its graph
            how = (x.detach() if isinstance(x, Node) and x.op is not None else x).__reduce_ex__(4)
        except Exception:  # there is no rule which it must raise
            how = ""
        return (_same, (_Shared(x),)) if isinstance(how, str) else how


def _same(x: Any) -> Any:
    return x


def _twin(code: CodeType, space: dict[str, Any], name: str, closure: Any) -> FunctionType:
    return FunctionType(code, {**space}, name, None, closure)


def _filled(function: Any, state: Any) -> None:
    used, function.__defaults__, function.__kwdefaults__ = state
    function.__globals__.update(used)


def _filled_cell(cell: CellType, contents: Any) -> None:
    (cell.cell_contents,) = contents


def _names_of(code: CodeType) -> Iterator[str]:
    """The globals that a function may read, those of functions inside it too."""
    yield from code.co_names
    for part in code.co_consts:
        if isinstance(part, CodeType):
            yield from _names_of(part)


def copied(things: Any) -> Any:
    """Return a deep copy of nested things in which what was shared is shared."""
    copier = _Copier(out := io.BytesIO())
    copier.dump(things)
    out.seek(0)
    reader = pickle.Unpickler(out)
    reader.persistent_load = copier.shared.__getitem__  # type: ignore[method-assign]
    return reader.load()


@contextlib.contextmanager
def apart() -> Iterator[None]:
    """A `with` block that leaves the global generators of NumPy and of Python as they were, and in which nothing is warned of."""
    states = np.random.get_state(), random.getstate()  # noqa: NPY002
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        np.random.set_state(states[0])  # noqa: NPY002
        random.setstate(states[1])


# ---- A trial -----------------------------------------------------------------------------------------------------------


def number_of(x: Any) -> float:
    """A loss as a number."""
    return float(x.item() if isinstance(x, Node) else x)


class Trial:
    """A copy of a training: its parameters by name, and its loss on some rows."""

    def __init__(self, model: Any, loss: Any, X: Any, y: Any, optimizer: Any = None) -> None:
        given = (model, loss, X, y, optimizer)
        self.model, self.loss, self.X, self.y, self.optimizer = copied(given)
        self.params: dict[str, Any] = {}
        self.rows: list[Any] = []  # the samples, where the model takes one at a time
        if callable(getattr(self.model, "named_parameters", None)):
            self.params.update(self.model.named_parameters())
            return
        for i, p in enumerate(self._parameters()):
            name = p.label or f"parameter {i}"
            self.params[name if name not in self.params else f"{name} ({i})"] = p

    def _parameters(self) -> Sequence[Any]:
        """The model's parameters, or where it is a function the optimiser's, or those that it reads."""
        if callable(getattr(self.model, "parameters", None)):
            return [*self.model.parameters()]
        if self.optimizer is not None:
            return self.optimizer.params  # type: ignore[no-any-return]
        roots = [self.evaluated()[1] for _ in range(2)]  # what the pass makes itself is another one each time
        leaves = [[p for p in toposort(x) if p.op is None] if isinstance(x, Node) else [] for x in roots]
        return [p for p in leaves[0] if p in {*leaves[1]}]

    def evaluated(self) -> tuple[Any, Any]:
        """The prediction and the loss."""
        prediction = self.predicted()
        return prediction, self.loss_of(prediction)

    def predicted(self) -> Any:
        """The prediction; of a model that takes one sample at a time, as those on Values do, a list of them."""
        if self.rows:
            return [self.model(row) for row in self.rows]
        try:
            return self.model(self.X)
        except (AutogradError, ValueError, TypeError, IndexError):
            if np.ndim(self.X) == 2:
                with contextlib.suppress(Exception):
                    rows = self.X.tolist()
                    self.model(rows[0])
                    self.rows = rows
                    return self.predicted()
            raise

    def loss_of(self, prediction: Any) -> Any:
        """The loss of a prediction."""
        return self.loss(prediction) if self.y is None else self.loss(prediction, self.y)

    def number(self) -> float:
        """The loss as a number."""
        return number_of(self.evaluated()[1])

    def stepped(self, steps: int) -> list[float]:
        """The losses before each step of the optimiser and after the last; it ends where one is not finite."""
        losses: list[float] = []
        for i in range(steps):

            def closure() -> Any:
                loss = self.evaluated()[1]
                losses.append(number_of(loss))
                return loss

            try:
                self.optimizer.step(closure)
            except AutogradError:
                return [*losses[: i + 1], math.nan]
            del losses[i + 1 :]  # some optimisers ask several times in a step
            if not math.isfinite(losses[-1]):
                return losses
        return [*losses, self.number()]

    def descended(self, rate: float, steps: int, adam: bool = False, until: float = -math.inf) -> list[float]:
        """The losses of gradient descent, or of Adam (arXiv:1412.6980), from these parameters on, which are put back."""
        nodes = [*self.params.values()]
        before = [copy.copy(node.data) for node in nodes]
        means = [[0.0 * data, 0.0 * data] for data in before]
        losses: list[float] = []
        for t in range(1, steps + 1):
            loss = self.evaluated()[1]
            losses.append(number_of(loss))
            if not -math.inf < losses[-1] <= 1e3 * abs(losses[0]) + 1e3 or losses[-1] < until:
                break
            grads = gradients(loss, nodes, allow_unused=True)
            for node, g, mean in zip(nodes, grads, means, strict=True):
                node.data = node.data - rate * (_by_adam(g, mean, t) if adam else g)
        else:
            losses.append(self.number())
        for node, data in zip(nodes, before, strict=True):
            node.data = data
        return losses

    def guesses(self, prediction: Any, out: Any) -> list[float]:
        """The losses of guesses that are the same for every sample: 0, equal chances, the means of the targets and the outputs."""
        shape, y, found = out.shape, self.y, []
        guesses = [np.zeros(()), np.full((), 1.0 / max(shape[-1] if shape else 1, 2))]
        if shape:
            guesses.append(out.mean(axis=0))
        if isinstance(y, np.ndarray) and y.size == out.size and shape:
            guesses.append(y.reshape(shape).mean(axis=0))
        for guess in guesses:
            numbers = iter(np.broadcast_to(guess, shape).astype(float).ravel())

            def constant(x: Any, guess: Any = guess, numbers: Any = numbers) -> Any:
                if isinstance(x, Tensor):
                    return Tensor(np.broadcast_to(guess, x.shape), requires_grad=False)
                return Value(next(numbers), requires_grad=False) if isinstance(x, Value) else x

            with contextlib.suppress(AutogradError, ValueError, TypeError, IndexError):
                found.append(number_of(self.loss_of(rebuild(prediction, constant))))
        return [loss for loss in found if math.isfinite(loss)]


def _by_adam(g: Any, mean: list[Any], t: int) -> Any:
    """The direction of Adam's step."""
    b1, b2, eps = ADAM
    mean[:] = b1 * mean[0] + (1 - b1) * g, b2 * mean[1] + (1 - b2) * g * g
    return mean[0] / (1 - b1**t) / (np.sqrt(mean[1] / (1 - b2**t)) + eps)


def rows_of(X: Any, y: Any, most: int) -> tuple[Any, Any]:
    """The first rows of both, where both are arrays with a row a sample."""
    fits = all(isinstance(x, np.ndarray) and x.ndim and len(x) == len(X) for x in (X, y))
    return (X[:most], y[:most]) if fits and len(X) > most else (X, y)
