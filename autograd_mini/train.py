"""Training: fit runs the epochs, History keeps their losses and metrics. A model is anything with parameters and a call."""

import contextlib
import csv
import io
import math
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import copy_context
from copy import copy
from datetime import timedelta
from functools import partial
from operator import getitem
from shutil import get_terminal_size
from time import monotonic
from types import NoneType
from typing import Any, NamedTuple

import numpy as np

from . import chunks
from .compile.steps import REPLAYED, Step, parts_of
from .core.node import Node, plain
from .core.op import Op
from .core.tensor import Tensor, replace_all
from .core.value import Value
from .draw.summary import counted
from .errors import AnomalyError, CompileError, DTypeError, GraphError, ShapeError
from .nn.modules import Dropout, Module, set_modes, training_modes
from .optim.optimizers import Optimizer
from .plot import close_figure, plot_history, png
from .support.coercion import describe, finite, flag, generator, whole
from .support.containers import rebuild
from .support.files import write_file
from .support.interrupts import assign, completed
from .support.modes import no_grad, recorder
from .support.numerics import all_finite

PATIENT = 5  # epochs after which a loss should have fallen
BARS = "▁▂▃▄▅▆▇█"


def fit(
    model: Any, X: Any, y: Any, *, loss: Callable[..., Any], optimizer: Any, epochs: int,
    batch_size: int | None = None, validation: Any = None, metrics: Any = (), callbacks: Any = (),
    shuffle: bool = True, rng: Any = None, progress: str | bool = "auto", compile: str | bool = "auto",
    **others: Any,
) -> "History":  # fmt: skip
    """Train a model, and return the History of its losses and metrics, a number for each epoch.

    Args:
        model: a Module, or any function. Without `.parameters()` it has those of the optimiser. Its `.train()` and `.eval()`, if it has
            both, are called, and its mode is restored at the end.
        X, y: arrays or lists, a row a sample. With `y=None` the loss is `loss(prediction)`, else `loss(prediction, y)`. They may be
            Dask arrays, see below.
        loss: a function that returns a node of one element, as ag.nn.mse.
        optimizer: one of ag.optim, with parameters of the model.
        epochs: an int, 0 or more.
        batch_size: rows a step; the last batch may be smaller. None takes all rows.
        validation: (X, y), or a fraction of the rows, which `rng` draws once and training leaves out. "val_loss" is their loss in one
            call after each epoch, and likewise each metric as "val_" + name.
        metrics: functions (prediction array, y) → number, the name "accuracy", a list of those, or a dict of them by name.
        callbacks: functions (epoch, history), objects with on_epoch_end(epoch, history), and schedules, whose step() is called; in this
            order after each epoch, epochs counted from 1. One that returns True ends the training. See EarlyStopping.
        shuffle: whether each epoch of several batches takes the rows in the order `rng.permutation(len(X))`.
        rng: a seed or numpy.random.Generator, for a training that can be repeated.
        progress: "bar" (a bar with loss, metrics, rows a second and time left), "lines" (up to twenty lines), "plot" (curves that are
            redrawn in a notebook; elsewhere as "auto"), "none", or "auto": the bar in a terminal, lines in a notebook, else nothing.
        compile: whether forward and backward are recorded once and replayed, as by ag.compile. "auto" does so where no number can
            differ: for a Module made of this library's layers without Dropout, and a loss of ag.nn. True does it for functions of your
            own too; random numbers, and data read beside nodes and numbers, are then those of the recording. `history.engine`
            says what ran, and why.

    The history's "loss" and metrics are means over the batches, weighted by their rows, each taken before its step.

    Ctrl-C ends the training and returns the History so far; the parameters are those of the best complete epoch, by validation loss
    if there is one, else by training loss. After an error they are the same, and the error is passed on with the history so far as
    `.history`. AnomalyError for a loss or gradient that is not finite names the epoch, the batch, and the first node, parameter or row
    of the data that is not finite; the parameters are then those of the last complete epoch. Before the first complete epoch they
    are the old ones. The optimiser keeps its state. Where the loss has not fallen, a warning says in one line why, as "layer 0: 61 of
    64 ReLU units are dead".

    Dask arrays, larger than memory or on other machines: each step is one `ag.mean_over`. A batch has whole chunks, as many as come
    nearest to `batch_size` and at least one; `shuffle` takes the chunks in the order `rng.permutation(number of chunks)`, and leaves
    the rows in each chunk in their order. Metrics are computed in each chunk and averaged by rows. `validation` is a pair. Chunks are
    replayed with compile=True only, and then without metrics.

    Raises ValueError, TypeError or ShapeError, which name the wrong argument, before anything is changed; CompileError where
    compile=True cannot be.

    >>> import autograd_mini as ag
    >>> X, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [[0], [1], [1], [0]]
    >>> net = ag.nn.MLP([2, 3, 1], activation="tanh", rng=0)
    >>> adam = ag.optim.Adam(net.parameters(), lr=0.1)
    >>> history = ag.fit(net, X, y, loss=ag.nn.binary_cross_entropy_with_logits, optimizer=adam, epochs=100, metrics="accuracy")
    >>> history["accuracy"][-1]
    1.0
    """
    if others:
        from .support.advice import unknown

        raise unknown("fit", others, fit.__kwdefaults__ or ())
    params = _parameters(model, optimizer, loss)
    epochs = whole("epochs", epochs, 0)
    data = _data("X", X, "y", y)
    if batch_size is not None:
        batch_size = whole("batch_size", batch_size, 1, ", or None for all rows")
    shuffle, random = flag("shuffle", shuffle), generator(rng)
    data, held = _held_out(data, validation, random)
    measures = _metrics(metrics, loss, *data[1:])
    calls = _callbacks(callbacks, optimizer)
    if not isinstance(compile, bool) and compile != "auto":
        raise ValueError(f"compile must be 'auto', True or False, got {compile!r}")
    over_chunks = chunks.is_dask(data[0])
    names = ["loss", *measures]
    history = History([*names, *(f"val_{name}" for name in names if held)])
    for _, callback in calls:
        if isinstance(callback, EarlyStopping):
            callback.start(history)
    count, rows = chunks.pieces(data[0]), len(data[0])  # a piece is a row, or for Dask arrays a chunk
    size = count if batch_size is None else min(max(1, round(batch_size * count / rows)), count)
    shown = _progress(progress, history, epochs, rows)
    run = _Run(model, params, loss, optimizer, measures, history, shown)
    run.choose(compile, over_chunks)
    try:
        # in a context of its own, as Ctrl-C may leave a `with no_grad()` or `np.errstate` before its end
        copy_context().run(run.through, epochs, data, size, held, random if shuffle else None, calls)
        if run.is_early and run.best is not run.last:
            run.put_back(run.best)
        history.kept = (run.best if run.is_early else run.last).epoch
        why = run.untrained(data)
        run.finish()
        if not why:
            return history
    except KeyboardInterrupt:
        run.put_back(run.best)
        history.stopped = "interrupted"
        run.finish()
        return history
    except BaseException as error:
        run.fail(error)
        raise
    warnings.warn(why, stacklevel=2)
    return history


# ---- What fit is given ------------------------------------------------------------------------------------------------


def _parameters(model: Any, optimizer: Any, loss: Any) -> list[Any]:
    """All parameters of the model; TypeError or ValueError for a wrong model, optimiser or loss."""
    if not callable(loss):
        raise _not_named("loss", loss, "a function of (prediction, y), as ag.nn.mse")
    if isinstance(model, type) or not callable(model):
        raise _not_named("model", model, "a Module or a function that returns predictions")
    steps = callable(getattr(optimizer, "step", None)) and hasattr(optimizer, "params")
    if isinstance(optimizer, type) or not steps:
        raise _not_named("optimizer", optimizer, "one of ag.optim, as SGD(model.parameters(), lr=0.1)")
    if not hasattr(model, "parameters"):
        return list(optimizer.params)
    params = list(model.parameters())
    if not params:
        raise ValueError("model has no parameters that require a gradient: is it frozen?")
    for foreign in {p for p in optimizer.params if p.requires_grad} - {*params}:
        advice = "make it with model.parameters(), after the model is complete"
        raise ValueError(f"optimizer has {foreign._name}, which is no parameter of the model: {advice}")
    return params


def _not_named(what: str, given: Any, wanted: str) -> TypeError:
    """The error for anything else than what is wanted, perhaps its name as a string."""
    from .support.advice import instead_of_string

    return TypeError(f"{what} must be {wanted}, got {given!r}{instead_of_string(given)}")


def _rows(name: str, data: Any) -> Any:
    """The data as an array of rows; integers stay integers."""
    if isinstance(data, Node) and data.requires_grad:
        advice = "pass .data, or make it with requires_grad=False"
        raise GraphError(f"{name} requires a gradient, but fit would cut its graph: {advice}")
    data = plain(data)
    is_array = isinstance(data, np.ndarray | list | tuple) or chunks.is_dask(data)
    if isinstance(data, np.ma.MaskedArray) or not is_array:
        raise DTypeError(f"{name} must be an array or list, a row a sample, got {describe(data)}")
    try:
        array = data if chunks.is_dask(data) else np.asarray(data)
    except ValueError as error:
        raise ValueError(f"{name} has rows of different lengths: {error}") from None
    if array.dtype.kind not in "biuf":
        raise DTypeError(f"{name} must be real numbers, got {array.dtype}")
    if not array.ndim or not array.size:
        raise ShapeError(f"{name} is empty or a single number, shape {array.shape}: a row a sample is needed")
    return array


def _data(x_name: str, X: Any, y_name: str, y: Any) -> tuple[Any, ...]:
    """The inputs, and the targets if there are any, as arrays of equally many rows."""
    named = {x_name: _rows(x_name, X)} | ({} if y is None else {y_name: _rows(y_name, y)})
    data = tuple(named.values())
    if any(map(chunks.is_dask, data)):
        return tuple(chunks.aligned(named))
    if len(data[0]) != len(data[-1]):
        given = " and ".join(f"{name} has {len(array)} rows" for name, array in named.items())
        raise ShapeError(f"{given}: both need a row for each sample")
    return data


def _held_out(data: tuple[Any, ...], validation: Any, random: Any) -> tuple[Any, Any]:
    """The data for training, and those for validation, or None."""
    if validation is None:
        return data, None
    if isinstance(validation, tuple | list) and len(validation) == 2:
        held = _data("validation[0]", validation[0], "validation[1]", validation[1])
        ours, theirs = ([part.shape[1:] for part in parts] for parts in (data, held))
        if ours != theirs:
            raise ShapeError(f"validation has rows of shape {theirs}, but X and y have rows of shape {ours}")
        return data, held
    if chunks.is_dask(data[0]):
        advice = "write X, y, validation = X[:-n], y[:-n], (X[-n:], y[-n:])"
        raise TypeError(f"validation of Dask arrays must be (X, y): {advice}")
    part = finite("validation, where it is not (X, y),", validation, above=0, below=1)
    total = len(data[0])
    count = max(1, round(part * total))
    if count >= total:
        raise ValueError(f"validation={validation} of {total} rows leaves none to train on")
    order = random.permutation(total)
    taken, kept = order[:count], np.sort(order[count:])
    return tuple(part[kept] for part in data), tuple(part[taken] for part in data)


def _metrics(metrics: Any, loss: Any, y: Any = None) -> dict[str, Callable[..., Any]]:
    """The functions by the names of their columns."""
    several = metrics if isinstance(metrics, list | tuple) else [metrics]
    pairs = metrics.items() if isinstance(metrics, Mapping) else [(_name(m), m) for m in several]
    found: dict[str, Callable[..., Any]] = {}
    for i, (given, metric) in enumerate(pairs):
        name = given if given != "<lambda>" else f"metric{i + 1}"
        if not isinstance(name, str) or name == "loss" or name.startswith("val_") or name in found:
            fault = "cannot be the name of a metric, or is given twice: pass a dict of functions by name"
            raise ValueError(f"metrics: {name!r} {fault}")
        if not callable(metric) and metric != "accuracy":
            raise _not_named("metrics", metric, "'accuracy' or functions of (prediction, y)")
        found[name] = metric if callable(metric) else _accuracy_of(loss, y)
    return found


def _accuracy_of(loss: Any, y: Any) -> Callable[..., float]:
    """The accuracy for targets as these, with a threshold that fits to the loss."""
    if y is None:
        raise ValueError("metrics: 'accuracy' needs y")
    logits = "with_logits" in getattr(getattr(loss, "func", loss), "__name__", "")
    low = -1 if (y < 0).any() else 0
    return partial(_accuracy, low=low, threshold=0.0 if low or logits else 0.5)


def _name(x: Any) -> str:
    return x if isinstance(x, str) else getattr(x, "__name__", type(x).__name__)


def _accuracy(prediction: Any, y: Any, low: int, threshold: float) -> float:
    """The fraction of right classes: the largest of several outputs wins, or one output is compared with the threshold.

    The labels for one output are `low` and 1: 0 and 1, or −1 and 1.
    """
    if prediction.ndim > 1 and prediction.shape[-1] > 1:
        if y.shape == prediction.shape:
            if not np.allclose(y.sum(-1), 1.0):
                advice = "pass a function of (prediction, y)"
                raise ValueError(f"accuracy: rows of y do not sum to 1, so they are no classes: {advice}")
            y = y.argmax(-1)
        chosen, right = prediction.argmax(-1), y
    else:
        if not ((y == low) | (y == 1)).all():
            given = np.unique(y)[:5].tolist()
            raise ValueError(f"accuracy: y of one output must be 0 and 1, or -1 and 1, got {given}")
        chosen, right = prediction > threshold, y > 0
    if chosen.size != right.size:
        raise ShapeError(f"accuracy: predictions {prediction.shape} and y {y.shape} do not fit")
    return float(np.mean(chosen.ravel() == right.ravel()))


def _callbacks(callbacks: Any, optimizer: Any) -> list[tuple[str, Any]]:
    """Each callback, after the name of the method that is called."""
    out = []
    for i, callback in enumerate(callbacks if isinstance(callbacks, list | tuple) else [callbacks]):
        methods = [name for name in ("on_epoch_end", "step") if callable(getattr(callback, name, None))]
        kind = methods[0] if methods else "__call__"
        if isinstance(callback, type) or callback is optimizer or not callable(getattr(callback, kind, None)):
            allowed = "a function (epoch, history), an object with on_epoch_end(epoch, history)"
            raise TypeError(f"callbacks[{i}] must be {allowed}, or a schedule, got {callback!r}")
        out.append((kind, callback))
    return out


# ---- What is replayed ---------------------------------------------------------------------------------------------------


PLAIN = (bool, int, float, str, NoneType, list, tuple, dict, frozenset, Tensor, Value)
OURS = tuple(f"{__package__}.{place}" for place in ("nn.", "core.", "array_functions"))


def _is_ours(x: Any) -> bool:
    """Whether it is a row, function, class or Module of this library, found there under its own name."""
    if isinstance(x, Op):
        return x.is_ours
    x = type(x) if isinstance(x, Module) else x
    module, name = str(getattr(x, "__module__", "")), str(getattr(x, "__qualname__", ""))
    return module.startswith(OURS) and getattr(sys.modules.get(module), name, None) is x


def _own_python(model: Any, loss: Any) -> str:
    """A part of a step that a recording would freeze: Python of the user's own, or random numbers; "" where there is none."""
    if not isinstance(model, Module) or not _is_ours(loss):
        return f"the {'loss' if isinstance(model, Module) else 'model'} is a function of your own"
    for path, part in parts_of(model):
        if isinstance(part, Dropout):
            return f"{path} draws random numbers"
        if type(part) not in PLAIN and not _is_ours(part):
            return f"{path} is Python of your own, {_name(part)}"
    return ""


# ---- The run ----------------------------------------------------------------------------------------------------------


Data = tuple[Any, ...]  # the inputs, and the targets if there are any


class _Kept(NamedTuple):
    """The parameters at the end of an epoch."""

    epoch: int
    data: list[Any]
    score: float


class _Run:
    """A training: what stays the same from batch to batch, and the parameters to go back to."""

    def __init__(
        self, model: Any, params: list[Any], loss: Any, optimizer: Any, metrics: dict[str, Any],
        history: "History", shown: "_Quiet",
    ) -> None:  # fmt: skip
        self.model, self.params, self.loss, self.optimizer = model, params, loss, optimizer
        self.metrics, self.history, self.shown = metrics, history, shown
        self.epoch = self.batch = self.batches = 0
        self.modes, self.grads = training_modes(model), [parameter.grad for parameter in params]
        self.data: Data = ()  # the batch
        self.results: list[float] = []  # its loss and metrics
        self.is_early = False  # whether EarlyStopping says which epoch is the best
        self.program: Step | None = None  # what is replayed in place of the engine
        self.workers_replay = False  # the chunks of Dask arrays
        self.last = self.best = self.now(math.inf)

    def now(self, score: float) -> _Kept:
        """The present parameters."""
        return _Kept(self.epoch, [copy(parameter.data) for parameter in self.params], score)

    def choose(self, asked: str | bool, over_chunks: bool) -> None:
        """Decide whether batches are replayed."""
        from .check.debug import watch_here

        is_exact, kind = asked == "auto", type(self.optimizer)
        reasons = {
            "compile=False": not asked,
            "the engine runs the chunks of Dask arrays": over_chunks,
            f"a step of {kind.__name__} takes the loss in ways of its own": kind.step is not Optimizer.step,
            "fit itself is compiled": recorder() is not None,
            "ag.debug() looks at every node": watch_here() is not None,
        }
        why_not = partial(_own_python, self.model, self.loss) if is_exact else str
        why = next((reason for reason, holds in reasons.items() if holds), "") or why_not()
        self.history.engine = f"eager: {why or 'no batch has been replayed'}"
        if over_chunks and asked is True:
            self.workers_replay = True
            self.history.engine = "numpy: each worker records forward and backward once, and replays them"
        if not why:
            # A metric of one's own may look at the parameters, so before they are changed
            has_update = all(getattr(metric, "func", None) is _accuracy for metric in self.metrics.values())
            self.program = Step(
                self.model, self.loss, self.params, self.optimizer, with_prediction=bool(self.metrics),
                has_update=has_update, is_exact=is_exact, why_not=why_not,
            )  # fmt: skip

    # ---- Epochs ---------------------------------------------------------------------------------------------------------

    def through(
        self, epochs: int, data: Data, size: int, held: Data | None, random: Any, calls: list[tuple[str, Any]]
    ) -> None:
        """Run the epochs."""
        count = chunks.pieces(data[0])
        self.batches = -(-count // size)
        for self.epoch in range(1, epochs + 1):
            if self.epoch == 1 or held or calls:
                self.set_mode("train")
            shuffled = random is not None and self.batches > 1
            row = self.train(data, size, count, random.permutation(count) if shuffled else None)
            if held:
                self.set_mode("eval")
                row += self.validate(held)
            self.commit(row)
            self.shown.note(self.epoch, self.shown.rows, None)
            if self.called(calls):
                break

    def set_mode(self, name: str) -> None:
        """Put the model into a mode, "train" or "eval", if it has both."""
        if all(callable(getattr(self.model, mode, None)) for mode in ("train", "eval")):
            getattr(self.model, name)()

    def train(self, data: Data, size: int, count: int, order: Any) -> list[float]:
        """Take a step for each batch; return the mean loss and metrics."""
        means, self.seen = [0.0] * (1 + len(self.metrics)), 0
        taken = chunks.taken if chunks.is_dask(data[0]) else getitem
        lean = None  # a quicker step for all batches but the first, and the last, whose gradients stay
        for self.batch, start in enumerate(range(0, count, size), 1):
            self.rows = slice(start, start + size) if order is None else order[start : start + size]
            self.data = data if size == count else tuple([taken(part, self.rows) for part in data])
            found = lean(*self.data) if lean and self.batch < self.batches else None
            self.results = [] if found is None else self.noted(*found)
            if not self.results:
                self.step()
                lean = self.program and self.batch < self.batches and self.program.lean(data)
            rows = len(self.data[0])
            self.seen += rows
            for i, result in enumerate(self.results):
                means[i] += (result - means[i]) * (rows / self.seen)  # exact for the first
            self.shown.note(self.epoch, self.seen, means[0])
        return means

    def validate(self, held: Data) -> list[float]:
        """The loss and metrics of the validation data, in one call."""
        self.batch, self.rows, self.data, self.results = 0, slice(0, len(held[0])), held, []
        try:
            with no_grad():
                found = self.evaluated()
        except GraphError:  # a model that takes derivatives needs its graph
            found = self.evaluated()
        if not math.isfinite(_number(found[0])):
            found = self.evaluated()  # with a graph, to look for the first that is not finite
        return self.measured(*found)

    def commit(self, results: list[float]) -> None:
        """Note a complete epoch."""
        for parameter in self.params:
            if not all_finite(parameter.data):
                what = f"the parameter {self.name(parameter)} is not finite after epoch {self.epoch}"
                cause = "though the losses are: the step was too large"
                raise AnomalyError(f"{what}, {cause}. Try {self.smaller()}")
        for column, result in zip(self.history.values(), results, strict=True):
            column.append(result)
        score = results[1 + len(self.metrics)] if len(results) > 1 + len(self.metrics) else results[0]
        last = self.now(score)
        best = last if score < self.best.score and not self.is_early else self.best
        assign([(self, "last", last), (self, "best", best)])

    def called(self, calls: list[tuple[str, Any]]) -> bool:
        """Call the callbacks; return whether one of them ends the training."""
        for kind, callback in calls:
            stop = getattr(callback, kind)(*(() if kind == "step" else (self.epoch, self.history)))
            early = isinstance(callback, EarlyStopping)
            if early and callback.restore_best and callback.best_epoch == self.epoch:
                assign([(self, "best", self.last), (self, "is_early", True)])
            stops = kind != "step" and isinstance(stop, bool | np.bool_) and stop
            if stops and self.history.stopped is None:
                self.history.stopped = "early stopping" if early else "callback"
        return self.history.stopped is not None

    # ---- A batch --------------------------------------------------------------------------------------------------------

    def step(self) -> None:
        """Take a step; a gradient that is not finite is told with its cause."""
        try:
            if not (self.program and self.replayed(self.program.replay)):
                self.optimizer.step(self.closure)
                if self.program:
                    self.replayed(self.program.settle)
        except AnomalyError as error:
            bad = [p for p in self.params if p.grad is not None and not all_finite(p.grad)]
            if not self.results or not bad:  # the loss is not finite
                raise
            what = f"the gradient of the parameter {self.name(bad[0])} is not finite in epoch {self.epoch}"
            cause = "An operation has an infinite slope there, as sqrt at 0: keep away from it with ag.clip"
            why = self.fault() or cause
            error.args = (f"{what}, {self.place()}, though the loss is. {why}",)
            raise

    def closure(self) -> Any:
        """Return the loss of the batch; of several calls in a step, the first is what counts."""
        loss = self.replayed(self.program.gradients) if self.program else None
        if loss is not None:
            return loss
        self.optimizer.zero_grad()  # the engine's turn
        found = self.evaluated()
        if not self.results:
            self.results = self.measured(*found)
        return found[0]

    def replayed(self, take: Callable[[Any], Any]) -> Any:
        """The loss of the batch by a part of the program, its metrics noted; None where the engine must run, which tells what is wrong."""
        program: Any = self.program
        try:
            found = take(self.data)
            why = program.reason
        except CompileError as error:
            if not (program.is_exact or program.ran):
                raise
            found, why = None, str(error)
        except Exception as error:
            found, why = None, f"{type(error).__name__}: {error}"
        if why:  # the engine runs from here on
            before, self.program = self.history.engine, None
            since = f"{before}; from epoch {self.epoch} on " if REPLAYED in before else ""
            self.history.engine = f"{since}eager: {why}"
            return None
        self.history.engine = program.ran or self.history.engine
        if found is None or not math.isfinite(_number(found[0])):
            return None
        self.results = self.results or self.noted(*found)
        return _number(found[0])

    def noted(self, loss: Any, prediction: Any) -> list[float]:
        """The loss and metrics of the batch by a program."""
        return [_number(loss), *_measures(self.metrics, prediction, *self.data[1:])]

    def evaluated(self) -> tuple[Any, Any]:
        """The loss by the engine, and the metrics; for Dask arrays the means of both."""
        loss = partial(_evaluated, self.loss, {} if self.results else self.metrics)
        if chunks.is_dask(self.data[0]):
            return chunks.averaged(loss, self.model, self.params, self.data, self.watch, self.workers_replay)
        node, numbers = loss(self.model, *self.data)
        raw = isinstance(node, int | float | np.number | np.ndarray)
        if raw and self.batch:
            cause = "the prediction does not depend on the parameters, or .data or .item() cut the graph"
            raise GraphError(f"loss must return a Value or Tensor, got a {type(node).__name__}: {cause}")
        if not raw and not isinstance(node, Node):
            raise DTypeError(f"loss must return a Value or Tensor, got {describe(node)}")
        if np.size(node) != 1 if raw else node.size != 1:
            shape = node.shape
            raise ShapeError(f"loss must return a single number, got shape {shape}: take its mean or sum")
        return node, numbers

    def watch(self, part: float) -> None:
        """Show how much of a step over Dask arrays is done."""
        if self.batch:
            self.shown.note(self.epoch, self.seen + round(part * len(self.data[0])), self.shown.loss)

    def measured(self, loss: Any, numbers: list[float]) -> list[float]:
        """The loss and metrics as numbers; AnomalyError for a loss that is not finite."""
        value = _number(loss)
        if not math.isfinite(value):
            raise AnomalyError(self.why(loss, value))
        return [value, *numbers]

    # ---- The end --------------------------------------------------------------------------------------------------------

    def put_back(self, kept: _Kept) -> None:
        """Give the parameters the data of that epoch; Ctrl-C does not interrupt it."""

        def put() -> None:
            replace_all(self.params, kept.data)
            grads = [None] * len(self.params) if kept.epoch else self.grads
            assign((parameter, "grad", grad) for parameter, grad in zip(self.params, grads, strict=True))
            self.history.cut(self.last.epoch)
            self.history.kept = kept.epoch

        completed(put, pass_on=False)

    def fail(self, error: BaseException) -> None:
        """Put the parameters back after an error; add to its message where it came, and what the parameters are."""
        anomaly = isinstance(error, AnomalyError)
        kept = self.last if anomaly else self.best
        self.put_back(kept)
        now = f"as they were {f'after epoch {kept.epoch}' if kept.epoch else 'before fit'}"
        if anomaly:
            error.args = (f"{error}. The parameters are {now}",)
        else:
            error.add_note(f"fit: in epoch {self.epoch}, {self.place()}; the parameters are {now}")
        vars(error)["history"] = self.history
        self.finish()

    def finish(self) -> None:
        """Restore the training modes, and end the progress."""
        completed(lambda: set_modes(self.modes), pass_on=False)
        shown, self.shown = self.shown, _Quiet(self.history, 1, 1)
        with contextlib.suppress(KeyboardInterrupt):  # all has ended already
            shown.close()

    def untrained(self, data: Data) -> str:
        """One line on why the loss has not fallen in several epochs; "" where it has, or was low already."""
        losses = self.history["loss"]
        if len(losses) < PATIENT or not losses[0] > 0 or min(losses[-PATIENT:]) < 0.98 * losses[0]:
            return ""
        from .check.doctor import untrained

        if chunks.is_dask(data[0]):
            data = tuple(chunks.taken(part, 0).compute() for part in data)
        why, since = untrained(self.model, self.loss, *data), 1 + int(np.argmin(losses))
        asked = "see ag.doctor(model, loss, X, y, optimizer=optimizer)"
        return f"fit: {why}; the loss has not fallen since epoch {since}: {asked}" if why else ""

    def place(self) -> str:
        return f"batch {self.batch} of {self.batches}" if self.batch else "validation"

    def smaller(self) -> str:
        return f"a smaller learning rate (now {self.optimizer.lr:g})"

    def name(self, node: Any) -> str:
        """The name of a parameter in a message: its label, or its path in the model."""
        if not node.label and hasattr(self.model, "named_parameters"):
            paths = (repr(path) for path, parameter in self.model.named_parameters() if parameter is node)
            return next(paths, str(node._name))
        return str(node._name)

    def why(self, root: Any, value: float) -> str:
        """The first node that is not finite, and what to try."""
        from .check.debug import first_not_finite, line_of, replacement, told

        where, smaller = f"the loss is {value} in epoch {self.epoch}, {self.place()}", self.smaller()
        in_memory = isinstance(root, Node) and not chunks.is_dask(self.data[0])
        first = first_not_finite(root) if in_memory else None
        if first is not None and first.parents:
            what = told(first.op, first.parents, first.label, first.data) + line_of(first)
            tried = replacement(first.op, first.parents)
            return f"{where}: the first node that is not finite is {what}. Try: {tried}; or {smaller}"
        if first in {*self.params}:
            what = f"the parameter {self.name(first)} is not finite, so the last step was too large"
            return f"{where}: {what}. Try {smaller}"
        if fault := self.fault():
            return f"{where}: {fault}"
        if first is None:
            return f"{where}. Try {smaller}"
        what = f"the {'leaf' if first.requires_grad else 'constant'} {first._name}. Look where it is made"
        return f"{where}: the first node that is not finite is {what}"

    def fault(self) -> str:
        """The first row of the batch that is not finite, and what to do; "" where all rows are."""
        from .check.debug import bad_row

        for name, part in zip("Xy", self.data, strict=False):
            if (row := bad_row(part)) is not None:
                of = " of the batch" if chunks.is_dask(part) and self.batch else ""
                if not chunks.is_dask(part):
                    row = row + self.rows.start if isinstance(self.rows, slice) else self.rows[row]
                whose = "" if self.batch else "validation's "
                what = f"{whose}{name} is not finite in row {row}{of}"
                return f"{what}. Leave out such rows, or fill them with np.nan_to_num"
        return ""


def _number(loss: Any) -> float:
    return float(loss.item() if hasattr(loss, "item") else loss)


def _evaluated(loss: Any, metrics: dict[str, Any], model: Any, x: Any, *y: Any) -> chunks.Measured:
    """The loss and the metrics of these rows."""
    prediction = model(x)
    return chunks.Measured(loss(prediction, *y), [*_measures(metrics, prediction, *y)])


def _measures(metrics: dict[str, Any], prediction: Any, *y: Any) -> Iterator[float]:
    """Yield each metric as a number."""
    is_list = isinstance(prediction, list | tuple)
    scores = np.asarray(rebuild(prediction, plain) if is_list else plain(prediction)) if metrics else None
    for name, metric in metrics.items():
        result = metric(scores, *y)
        try:
            yield _number(result)
        except (TypeError, ValueError):
            given = f"{type(result).__name__} {result!r}"
            raise TypeError(f"metrics: {name!r} must return a number, got {given}") from None


# ---- One step ----------------------------------------------------------------------------------------------------------


def compile_step(model: Any, loss: Callable[..., Any], optimizer: Any) -> Callable[..., float]:
    """Return step(X, y), which changes the parameters by one batch and returns the loss before; the whole step is one replayed program.

    The arguments are those of fit; `step(X)`, without y, is for a loss of the prediction alone. Each shape, mode and choice of frozen
    parameters is recorded at its first batch. Each step reads the rate and all settings of the optimiser, its state and the
    parameters' data; `.grad` holds the gradients afterwards. The optimiser takes its own step, after a replayed forward and backward,
    where its class is not one of ag.optim, or a parameter has no gradient, is a Value, or has more than 32,768 numbers. Random
    numbers, and data read beside nodes and numbers, are those of the recording.

    Raises the errors of ag.compile and of the optimiser's step, and TypeError for LBFGS, which takes many losses in a step.

    >>> import autograd_mini as ag
    >>> net = ag.nn.Linear(1, 1, rng=0)
    >>> step = ag.compile_step(net, ag.nn.mse, ag.optim.SGD(net.parameters(), lr=0.1))
    >>> losses = [step([[1.0], [2.0]], [[2.0], [4.0]]) for _ in range(100)]
    >>> losses[-1] < 0.05 * losses[0]
    True
    """
    params = _parameters(model, optimizer, loss)
    if type(optimizer).step is not Optimizer.step:
        kind = type(optimizer).__name__
        raise TypeError(f"compile_step: {kind} takes the loss in ways of its own: call its step(closure)")
    program = Step(model, loss, params, optimizer)

    def step(*batch: Any) -> float:
        """Take a step by a batch, (X, y) or (X,); return the loss before it."""

        def closure() -> float:
            known = program.reason
            found = program.gradients(batch)
            if program.reason != known:
                said = f"compile_step: {program.reason}: it runs uncompiled"
                warnings.warn(said, RuntimeWarning, stacklevel=4)
            return _number(found[0])

        if (found := program.replay(batch)) is not None:
            return _number(found[0])
        value = optimizer.step(closure)
        program.settle()
        return value  # type: ignore[no-any-return]

    return step


# ---- History and EarlyStopping ----------------------------------------------------------------------------------------


class History(dict[str, list[float]]):
    """The result of fit: for each name ("loss", "val_loss", each metric) a list with a number for each complete epoch.

    `.epochs`: how many there are. `.stopped`: "interrupted", "early stopping" or "callback", or None where all epochs ran. `.kept`: the
    model has the parameters from the end of this epoch (0: from before the first). `.engine`: what computed the steps, "numpy: …" or
    "native: …" where they were replayed, else "eager: …", and why. KeyError for a name that is not there says which are.

    >>> history = History(["loss"])
    >>> history["loss"] += [0.9, 0.5, 0.3, 0.2]
    >>> history
    History of 4 epochs
    loss  █▄▂▁  0.9 → 0.2
    >>> print(history.to_csv(), end="")
    epoch,loss
    1,0.9
    2,0.5
    3,0.3
    4,0.2
    """

    def __init__(self, names: Iterable[str]) -> None:
        super().__init__({name: [] for name in names})
        self.stopped: str | None = None
        self.kept, self.engine = 0, "eager"

    def __missing__(self, name: str) -> list[float]:
        raise KeyError(f"{name!r}: the history has {', '.join(self)}")

    @property
    def epochs(self) -> int:
        """Return the number of complete epochs.

        >>> History(["loss"]).epochs
        0
        """
        return min(map(len, self.values()), default=0)

    def cut(self, epochs: int) -> None:
        """Remove the numbers of later epochs.

        >>> history = History(["loss"])
        >>> history["loss"] += [0.9, 0.5]
        >>> history.cut(1)
        >>> history["loss"]
        [0.9]
        """
        for column in self.values():
            del column[epochs:]

    def __repr__(self) -> str:
        title = f"History of {counted(self.epochs, 'epoch')}"
        title += f", {self.stopped}" if self.stopped else ""
        if self.stopped or 0 < self.kept < self.epochs:
            title += f"; the parameters are those of epoch {self.kept}"
        width, lines = max(map(len, self), default=0), [title]
        for name, column in self.items():
            ends = f"{column[0]:.4g} → {column[-1]:.4g}" if column else ""
            lines.append(f"{name:{width}s}  {_sparkline(column)}  {ends}".rstrip())
        return "\n".join(lines)

    def to_csv(self, path: Any = None) -> str:
        """Return the history as CSV text, a line for each epoch; with a path, write it there too, whole or (OSError) not at all.

        >>> History(["loss"]).to_csv()
        'epoch,loss\\n'
        """
        out = io.StringIO(newline="")
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["epoch", *self])
        rows = zip(*self.values(), strict=False)
        writer.writerows([i + 1, *map(repr, row)] for i, row in enumerate(rows))
        text = out.getvalue()
        if path is not None:
            write_file(path, text.encode())
        return text

    def plot(self, path: Any = None) -> Any:
        """Return the curves as a matplotlib Figure, training and validation together; with a path (.png, .svg, .pdf), save it.

        A notebook shows the Figure at the end of a cell. Raises ImportError without matplotlib, the extra `plot`; OSError for a path
        that cannot be written.

        >>> [axes.get_title() for axes in History(["loss", "val_loss"]).plot().axes]
        ['loss']
        """
        return plot_history(self, path)


def _sparkline(numbers: list[float], width: int = 40) -> str:
    """The numbers as bars of eight heights: means of neighbours where there are many numbers, and a dot where they are not finite."""
    count = min(width, len(numbers))
    parts = [numbers[len(numbers) * i // count : len(numbers) * (i + 1) // count] for i in range(count)]
    means = [sum(number / len(part) for number in part) for part in parts]
    finite = [mean for mean in means if math.isfinite(mean)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    scale = high / 2 - low / 2 or 1.0  # halves: the whole may overflow
    heights = [(mean / 2 - low / 2) / scale * 7 for mean in means]
    return "".join(BARS[round(height)] if math.isfinite(height) else "·" for height in heights)


class EarlyStopping:
    """A callback of fit that ends the training when `monitor` has not improved by more than `min_delta` for `patience` epochs.

    Args:
        monitor: a name in the history, else fit raises ValueError.
        patience: an int > 0.
        min_delta: a number, 0 or more.
        restore_best: whether the parameters at the end are those of the best epoch, however the training ended.
        mode: "min" where lower is better, "max" where higher is; "auto" is "max" for names that end in "accuracy".

    `.best` and `.best_epoch` are the best number and its epoch. Raises TypeError or ValueError for other arguments.

    >>> stopping = EarlyStopping("loss", patience=2)
    >>> history = History(["loss"])
    >>> for epoch, loss in enumerate([3.0, 2.0, 2.5, 2.1], 1):
    ...     history["loss"].append(loss)
    ...     stop = stopping.on_epoch_end(epoch, history)
    >>> stop, stopping.best, stopping.best_epoch
    (True, 2.0, 2)
    """

    def __init__(
        self, monitor: str = "val_loss", patience: int = 10, min_delta: float = 0.0,
        restore_best: bool = True, mode: str = "auto",
    ) -> None:  # fmt: skip
        if mode not in ("auto", "min", "max"):
            raise ValueError(f"mode must be auto, min or max, got {mode!r}")
        self.monitor, self.restore_best = monitor, flag("restore_best", restore_best)
        self.patience = whole("patience", patience, 1)
        self.min_delta = finite("min_delta", min_delta, least=0)
        self.higher = mode == "max" or (mode == "auto" and str(monitor).endswith("accuracy"))
        self.best, self.best_epoch = math.nan, 0

    def start(self, history: History) -> None:
        """Forget the best epoch; ValueError where the history has no `monitor`. fit calls it at its start.

        >>> EarlyStopping("loss").start(History(["loss"]))
        """
        if self.monitor not in history:
            known = f"is not in the history ({', '.join(history)})"
            if str(self.monitor).startswith("val_"):
                known += ": pass validation to fit, or another monitor"
            raise ValueError(f"callbacks: EarlyStopping's monitor {self.monitor!r} {known}")
        self.best, self.best_epoch = math.nan, 0

    def on_epoch_end(self, epoch: int, history: History) -> bool:
        """Compare the epoch's number with the best; return whether to stop. See the example of the class."""
        number = history[self.monitor][-1]
        better = number > self.best + self.min_delta if self.higher else number < self.best - self.min_delta
        if better or (math.isnan(self.best) and not math.isnan(number)):
            self.best, self.best_epoch = number, epoch
        return epoch - self.best_epoch >= self.patience


# ---- Progress ---------------------------------------------------------------------------------------------------------


class _Quiet:
    """Progress that is counted, but not shown."""

    def __init__(self, history: History, epochs: int, rows: int) -> None:
        self.history, self.epochs, self.rows = history, epochs, rows
        self.epoch = self.done = self.drawn = 0
        self.loss: float | None = None  # of an epoch that is not complete
        self.start = self.shown = monotonic()

    def note(self, epoch: int, seen: int, loss: float | None) -> None:
        """Note how many rows of the epoch were seen (without a loss: all), and draw where a new picture is due."""
        self.epoch, self.done, self.loss = epoch, (epoch - 1) * self.rows + seen, loss
        if self.is_due():
            self.show()
            self.drawn, self.shown = self.done, monotonic()

    def is_due(self) -> bool:
        """Whether it is time for a new picture."""
        return False

    def show(self) -> None:
        """Draw."""

    def close(self) -> None:
        """Leave the last state."""
        if self.drawn < self.done:
            self.show()

    def numbers(self) -> str:
        """The present numbers, as `loss 0.12  accuracy 0.9`."""
        last = {name: column[-1] for name, column in self.history.items() if column}
        if self.loss is not None:
            last = {"loss": self.loss} | {name: number for name, number in last.items() if name != "loss"}
        return "  ".join(f"{name} {number:.4g}" for name, number in last.items())

    def pace(self) -> str:
        """Rows a second, and the time left."""
        seconds = monotonic() - self.start
        if not self.done or seconds <= 0:
            return ""
        rate, left = self.done / seconds, seconds / self.done * (self.epochs * self.rows - self.done)
        return f"{rate:,.0f} rows/s  {timedelta(seconds=math.ceil(left))} left"

    def title(self) -> str:
        return f"epoch {max(self.epoch, 1):{len(str(self.epochs))}d}/{self.epochs}"


class _Bar(_Quiet):
    """One line on a terminal, which is rewritten."""

    width = 0

    def is_due(self) -> bool:
        return monotonic() - self.shown >= 0.1

    def show(self) -> None:
        part = self.done / (self.epochs * self.rows)
        head, pace = f"{self.title()} [{'#' * round(10 * part):10s}] {part:4.0%}  ", self.pace()
        numbers, columns = self.numbers(), get_terminal_size().columns - 1
        while numbers and len(head + numbers + pace) + 2 > columns:  # the last ones are left out
            numbers = numbers.rpartition("  ")[0]
        line = f"{head}{numbers}  {pace}"[:columns]
        sys.stderr.write(f"\r{line:{self.width}s}")
        sys.stderr.flush()
        self.width = len(line)

    def close(self) -> None:
        if self.done or self.width:
            self.show()
            print(file=sys.stderr, flush=True)


class _Lines(_Quiet):
    """Up to twenty lines at even distances, and one for the last epoch."""

    def is_due(self) -> bool:
        epoch, epochs = self.epoch, self.epochs
        return self.loss is None and (epoch == 1 or epoch * 20 // epochs > (epoch - 1) * 20 // epochs)

    def show(self) -> None:
        print("  ".join(filter(None, [self.title(), self.numbers(), self.pace()])), flush=True)


class _Plot(_Quiet):
    """Curves in a notebook, a point for each epoch, redrawn in one place at most three times a second."""

    handle: Any = None

    def is_due(self) -> bool:
        return self.loss is None and monotonic() - self.shown >= 1 / 3

    def show(self) -> None:
        import IPython.display as notebook

        shown: Any = notebook
        figure = self.history.plot()
        figure.suptitle("  ".join(filter(None, [self.title(), self.pace()])), fontsize="small")
        image = shown.Image(data=png(figure))
        close_figure(figure)
        if self.handle is None:
            self.handle = shown.display(image, display_id=True)
        else:
            self.handle.update(image)


def _in_notebook() -> bool:
    module = sys.modules.get("IPython")
    return module is not None and getattr(module.get_ipython(), "kernel", None) is not None


def _progress(progress: Any, history: History, epochs: int, rows: int) -> _Quiet:
    """The progress of that name; ValueError for another."""
    kind = {True: "auto", False: "none"}[progress] if isinstance(progress, bool) else progress
    if kind not in ("auto", *PROGRESS):
        raise ValueError(f"progress must be one of auto, {', '.join(PROGRESS)}, got {progress!r}")
    if _in_notebook():
        kind = "lines" if kind == "auto" else kind
    elif kind in ("auto", "plot"):
        kind = "bar" if getattr(sys.stderr, "isatty", lambda: False)() else "none"
    if kind == "plot":
        history.plot()  # ImportError now, and not in the middle
    return PROGRESS[kind if epochs else "none"](history, epochs, rows)


PROGRESS: dict[str, type[_Quiet]] = {"bar": _Bar, "lines": _Lines, "plot": _Plot, "none": _Quiet}
