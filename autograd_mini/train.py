"""Training: fit runs the epochs, History keeps what they gave. A model is known by its parameters and its call alone."""

import contextlib
import csv
import io
import math
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextvars import copy_context
from functools import partial
from shutil import get_terminal_size
from time import monotonic
from types import NoneType
from typing import Any, NamedTuple

import numpy as np

from . import chunks
from .compile.steps import Gradients, parts_of
from .core.node import Node
from .core.op import Op
from .core.tensor import Tensor, replace_all
from .core.value import Value
from .errors import AnomalyError, CompileError, DTypeError, GraphError, ShapeError
from .nn.modules import Dropout, Module, set_modes, training_modes
from .optim.optimizers import Optimizer
from .plot import close_figure, plot_history, png
from .support.coercion import describe, finite, whole
from .support.files import write_file
from .support.interrupts import assign, completed
from .support.modes import no_grad, recorder
from .support.numerics import all_finite

PATIENT = 5  # epochs in which a loss should have fallen
PROGRESS = ("auto", "bar", "lines", "plot", "none")
BARS = "▁▂▃▄▅▆▇█"


def fit(
    model: Any,
    X: Any,
    y: Any,
    *,
    loss: Callable[..., Any],
    optimizer: Any,
    epochs: int,
    batch_size: int | None = None,
    validation: Any = None,
    metrics: Any = (),
    callbacks: Any = (),
    shuffle: bool = True,
    rng: Any = None,
    progress: str | bool = "auto",
    compile: str | bool = "auto",
    **others: Any,
) -> "History":
    """Train a model, and return the History of its losses and metrics, a number for each epoch.

    `model`: a Module, or any function; one without `.parameters()` has the optimiser's. Its `.train()` and `.eval()`, where it has
    both, are called, and its mode is put back at the end. `X`, `y`: arrays or lists, a row a sample; with `y=None` the loss
    is `loss(prediction)`, else `loss(prediction, y)`. They may be Dask arrays, see below.
    `optimizer`: of ag.optim, on parameters of the model.

    `batch_size`: rows a step, the last batch may be smaller; None takes all of them. With `shuffle` each epoch of several batches takes
    the rows in the order `rng.permutation(len(X))`; `rng`, a seed or numpy.random.Generator, makes that reproducible. The history's "loss"
    and metrics are means over the batches, weighted by their rows, each taken before its step.
    `validation`: (X, y), or the fraction of the rows, drawn once by `rng`, that is held out; "val_loss" is the loss of all of them in
    one call, after the epoch, and likewise the metrics, as "val_" + name.
    `metrics`: functions (prediction array, y) → number, the name "accuracy", a list of those, or a dict of them by name.
    `callbacks`: functions (epoch, history), objects with on_epoch_end(epoch, history), and schedules, whose step() is called; after
    each epoch, in order, epochs counted from 1. One that returns True ends the training. See EarlyStopping.
    `progress`: "bar", a bar with loss, metrics, rate and time left; "lines", up to twenty lines; "plot", curves that are redrawn in a
    notebook (elsewhere it is as "auto"); "none"; "auto" takes the bar in a terminal, lines in a notebook, and else nothing.
    `compile`: whether forward and backward are recorded once and replayed, as by ag.compile. "auto" does so where nothing can tell:
    for a Module made of this library's layers alone, without Dropout, and a loss of ag.nn; every number is then the same to the bit.
    True does it for functions of your own too: what they draw at random, and what they read beside nodes and numbers, is then
    that of the recording; CompileError where that cannot be. `history.engine` says what ran, and why.

    Ctrl-C ends the training: the History so far is returned, and the parameters are those of the best complete epoch, by validation
    loss where there is one, else by training loss. So they are when an error ends it, which is passed on. AnomalyError for a loss or
    a gradient that is not finite: it names the epoch, the batch and the first node or the parameter that is not finite, or the row
    of the data that is not, and the parameters are those of the last complete epoch. Before the first complete epoch, they are as
    they were. The optimiser keeps what it has gathered. Where the loss has not fallen, a warning says in one line why, as "layer 0:
    61 of 64 ReLU units are dead".
    Errors have the history so far as `.history`.

    Dask arrays, larger than memory or on other machines: each step is one `ag.mean_over`. A batch is of whole chunks, as many as come
    nearest to `batch_size` and at least one; `shuffle` takes the chunks in the order `rng.permutation(number of chunks)`, and rows are
    not shuffled across them. Metrics are computed in each chunk and averaged by rows. `validation` is a pair. They are replayed with
    compile=True alone, and then no metrics are taken on the way.

    ValueError, TypeError or ShapeError name an argument that is wrong, before anything is changed.

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
    if not callable(loss):
        raise _not_named("loss", loss, "a function of (prediction, y), as ag.nn.mse")
    params = _parameters(model, optimizer)
    epochs = whole("epochs", epochs, 0)
    X, y = _pair("X", X, "y", y)
    if batch_size is not None:
        batch_size = whole("batch_size", batch_size, 1, ", or None for all rows")
    if not isinstance(shuffle, bool | np.bool_):
        raise TypeError(f"shuffle must be True or False, got {shuffle!r}")
    try:
        random = np.random.default_rng(rng)
    except (TypeError, ValueError) as error:
        raise type(error)(f"rng must be a seed or a numpy.random.Generator, got {rng!r}: {error}") from None
    X, y, held = _held_out(X, y, validation, random)
    measures = _metrics(metrics, loss, y)
    calls = _callbacks(callbacks, optimizer)
    if not isinstance(compile, bool) and compile != "auto":
        raise ValueError(f"compile must be 'auto', True or False, got {compile!r}")
    names = ["loss", *measures]
    history = History([*names, *(f"val_{name}" for name in names if held)])
    for _, callback in calls:
        if isinstance(callback, EarlyStopping):
            callback.start(history)
    count = chunks.pieces(X)  # rows, or chunks of Dask arrays
    size = count if batch_size is None else min(max(1, round(batch_size * count / len(X))), count)
    shown = _progress(progress, history, epochs, len(X))
    run = _Run(model, params, loss, optimizer, list(measures.values()), history, shown)
    order = random if shuffle else None
    run.choose(compile, chunks.is_dask(X))
    try:
        # in a context of its own, for Ctrl-C can come where a `with no_grad()` or `np.errstate` has no time to end
        copy_context().run(run.through, epochs, X, y, size, held, order, calls)
        if run.early is not None and run.early is not run.kept[0]:
            run.put_back(run.early)
        history.kept = (run.early or run.kept[0]).epoch
        why = run.untrained(X, y)
        run.finish()
        if not why:
            return history
    except KeyboardInterrupt:
        run.put_back(run.early or run.kept[1])
        history.stopped = "interrupted"
        run.finish()
        return history
    except BaseException as error:
        run.fail(error)
        run.finish()
        raise
    warnings.warn(why, stacklevel=2)
    return history


# ---- What fit is given ------------------------------------------------------------------------------------------------


def _parameters(model: Any, optimizer: Any) -> list[Any]:
    """All parameters that training may change: the model's."""
    if isinstance(model, type) or not callable(model):
        what = f"a {type(model).__name__}"
        if isinstance(model, type):
            what = f"the class {model.__name__}: make one, {model.__name__}(…)"
        raise TypeError(f"model must be a Module or a function that gives predictions, got {what}")
    steps = callable(getattr(optimizer, "step", None)) and hasattr(optimizer, "params")
    if isinstance(optimizer, type) or not steps:
        raise _not_named("optimizer", optimizer, "one of ag.optim, as SGD(model.parameters(), lr=0.1)")
    if not hasattr(model, "parameters"):
        return list(optimizer.params)
    params = list(model.parameters())
    if not params:
        raise ValueError("model has no parameters that require a gradient: is all of it frozen?")
    known = set(params)
    for parameter in optimizer.params:
        if parameter not in known and parameter.requires_grad:
            foreign = f"a parameter that is not the model's, {parameter._name}"
            advice = "make it with model.parameters(), after the model is complete"
            raise ValueError(f"optimizer has {foreign}: {advice}")
    return params


def _not_named(what: str, given: Any, wanted: str) -> TypeError:
    """The error for something else, a name in a string perhaps, in place of what is wanted."""
    from .support.advice import instead_of_string

    return TypeError(f"{what} must be {wanted}, got {given!r}{instead_of_string(given)}")


def _rows(name: str, data: Any) -> Any:
    """The data as an array of rows; integers stay integers."""
    if isinstance(data, Node):
        if data.requires_grad:
            advice = "pass .data, or make it with requires_grad=False"
            raise GraphError(f"{name} requires a gradient, and fit would cut its graph: {advice}")
        data = data.data
    is_array = isinstance(data, np.ndarray | list | tuple) or chunks.is_dask(data)
    if isinstance(data, np.ma.MaskedArray) or not is_array:
        raise DTypeError(f"{name} must be an array or list, a row a sample, got {describe(data)}")
    try:
        array = data if chunks.is_dask(data) else np.asarray(data)
    except ValueError as error:
        raise ValueError(f"{name} has rows of different lengths: {error}") from None
    if array.dtype.kind not in "biuf":
        raise DTypeError(f"{name} must be real numbers, got {array.dtype}")
    if not array.ndim:
        raise ShapeError(f"{name} must have a row a sample, got a single number")
    if not array.size:
        raise ValueError(f"{name} is empty, shape {array.shape}")
    return array


def _pair(x_name: str, X: Any, y_name: str, y: Any) -> tuple[Any, Any]:
    X = _rows(x_name, X)
    if y is not None:
        y = _rows(y_name, y)
    if chunks.is_dask(X) or chunks.is_dask(y):
        X, y = [*chunks.aligned({x_name: X} if y is None else {x_name: X, y_name: y}), None][:2]
    elif y is not None and len(X) != len(y):
        given = f"{x_name} has {len(X)} rows and {y_name} has {len(y)}"
        raise ShapeError(f"{given}: give a row of each for a sample")
    return X, y


def _held_out(X: Any, y: Any, validation: Any, random: Any) -> tuple[Any, Any, Any]:
    """The rows to train on, and the pair to validate on, or None."""
    if validation is None:
        return X, y, None
    if isinstance(validation, tuple | list) and len(validation) == 2:
        held = _pair("validation[0]", validation[0], "validation[1]", validation[1])
        for i, (name, ours) in enumerate((("X", X), ("y", y))):
            row, other = (None if part is None else part.shape[1:] for part in (ours, held[i]))
            if row != other:
                rows = f"rows of shape {other}, and {name} has rows of shape {row}"
                raise ShapeError(f"validation[{i}] has {rows}")
        return X, y, held
    if chunks.is_dask(X):
        advice = "write X, y, validation = X[:-n], y[:-n], (X[-n:], y[-n:])"
        raise TypeError(f"validation of Dask arrays must be (X, y): {advice}")
    number = isinstance(validation, int | float | np.number) and not isinstance(validation, bool)
    if not number or not 0 < validation < 1:
        kind, given = (ValueError, validation) if number else (TypeError, f"a {type(validation).__name__}")
        raise kind(f"validation must be (X, y) or a fraction in (0, 1), got {given}")
    count = max(1, round(float(validation) * len(X)))
    if count >= len(X):
        raise ValueError(f"validation={validation} of {len(X)} rows leaves none to train on")
    order = random.permutation(len(X))
    taken, kept = order[:count], np.sort(order[count:])
    return X[kept], None if y is None else y[kept], (X[taken], None if y is None else y[taken])


def _metrics(metrics: Any, loss: Any, y: Any) -> dict[str, Callable[..., Any]]:
    """The functions by the names of their columns."""
    if isinstance(metrics, Mapping):
        pairs = list(metrics.items())
    else:
        several = metrics if isinstance(metrics, list | tuple) else [metrics]
        pairs = [(_name(metric), metric) for metric in several]
    found: dict[str, Callable[..., Any]] = {}
    for i, (given, metric) in enumerate(pairs):
        name = given if given != "<lambda>" else f"metric{i + 1}"
        if not isinstance(name, str) or name == "loss" or name.startswith("val_") or name in found:
            fault = "cannot be the name of a metric, or is there twice: give a dict of functions by name"
            raise ValueError(f"metrics: {name!r} {fault}")
        if callable(metric):
            found[name] = metric
        elif metric != "accuracy":
            kind = ValueError if isinstance(metric, str) else TypeError
            raise kind(f"metrics: {metric!r} is neither 'accuracy' nor a function of (prediction, y)")
        elif y is None:
            raise ValueError("metrics: 'accuracy' needs y")
        else:
            logits = "with_logits" in getattr(getattr(loss, "func", loss), "__name__", "")
            found[name] = _accuracy(-1 if (y < 0).any() else 0, 0.0 if logits else 0.5)
    return found


def _name(metric: Any) -> str:
    return metric if isinstance(metric, str) else getattr(metric, "__name__", type(metric).__name__)


def _accuracy(low: int, threshold: float) -> Callable[[Any, Any], float]:
    """The share of right classes: the largest of several outputs, or one output on the right side of the threshold.

    Labels of one output are `low` and 1: 0 and 1, or −1 and 1, for which the threshold is 0.
    """

    def accuracy(prediction: Any, y: Any) -> float:
        if prediction.ndim > 1 and prediction.shape[-1] > 1:
            if y.shape == prediction.shape:
                if not np.allclose(y.sum(-1), 1.0):
                    fault = "rows of y do not sum to 1, so they name no class"
                    raise ValueError(f"accuracy: {fault}: give a function of (prediction, y)")
                y = y.argmax(-1)
            chosen, right = prediction.argmax(-1), y
        else:
            if not ((y == low) | (y == 1)).all():
                given = np.unique(y)[:5].tolist()
                raise ValueError(f"accuracy: y of one output must be 0 and 1, or -1 and 1, got {given}")
            chosen, right = prediction > (0.0 if low else threshold), y > 0
        if chosen.size != right.size:
            raise ShapeError(f"accuracy: predictions {prediction.shape} and y {y.shape} do not fit")
        return float(np.mean(chosen.ravel() == right.ravel()))

    return accuracy


def _callbacks(callbacks: Any, optimizer: Any) -> list[tuple[str, Any]]:
    """Each callback and how it is called."""
    out = []
    for i, callback in enumerate(callbacks if isinstance(callbacks, list | tuple) else [callbacks]):
        methods = [name for name in ("on_epoch_end", "step") if callable(getattr(callback, name, None))]
        kind = methods[0] if methods else ""
        if isinstance(callback, type) or callback is optimizer or not (kind or callable(callback)):
            allowed = "a function (epoch, history), an object with on_epoch_end(epoch, history)"
            raise TypeError(f"callbacks[{i}] must be {allowed}, or a schedule, got {callback!r}")
        out.append((kind, callback))
    return out


def _set_mode(model: Any, name: str) -> None:
    if callable(getattr(model, "train", None)) and callable(getattr(model, "eval", None)):
        getattr(model, name)()


# ---- What is replayed ---------------------------------------------------------------------------------------------------


PLAIN = (bool, int, float, str, NoneType)
LOSSES = (f"{__package__}.nn.losses",)
MODULES = (f"{__package__}.nn.",)
FUNCTIONS = (f"{__package__}.core.", f"{__package__}.array_functions", f"{__package__}.nn.activations")


def _is_ours(x: Any, places: tuple[str, ...]) -> bool:
    """Whether it is one of this library's own rows, functions or classes of these modules: by its name there, so not one made of others."""
    if isinstance(x, Op):
        return x.is_ours
    module, name = str(getattr(x, "__module__", "")), str(getattr(x, "__qualname__", ""))
    return module.startswith(places) and getattr(sys.modules.get(module), name, None) is x


def _own_python(model: Any, loss: Any) -> str:
    """What of a person's own Python, or of chance, a step may run, so that a recording would freeze it; "" where there is nothing."""
    if not isinstance(model, Module):
        return "the model is a function of your own"
    if not _is_ours(loss, LOSSES):
        return "the loss is a function of your own"
    for path, part in parts_of(model):
        if isinstance(part, Dropout):
            return f"{path} draws random numbers"
        if type(part) in (Tensor, Value, list, tuple, dict, *PLAIN) or _is_ours(part, FUNCTIONS):
            continue
        if not (isinstance(part, Module) and _is_ours(type(part), MODULES)):
            return f"{path} is Python of your own, {_name(part)}"
    return ""


# ---- The run ----------------------------------------------------------------------------------------------------------


class _Kept(NamedTuple):
    """The parameters at the end of an epoch."""

    epoch: int
    data: list[Any]
    score: float


class _Run:
    """What stays the same from batch to batch, and the parameters to go back to."""

    def __init__(
        self, model: Any, params: list[Any], loss: Any, optimizer: Any, metrics: list[Any],
        history: "History", shown: "_Quiet",
    ) -> None:  # fmt: skip
        self.model, self.params, self.loss, self.optimizer = model, params, loss, optimizer
        self.metrics, self.history, self.shown = metrics, history, shown
        self.epoch = self.batch = self.batches = 0
        self.modes, self.grads = training_modes(model), [parameter.grad for parameter in params]
        self.copies: list[list[Any]] = []
        self.kept: tuple[_Kept, ...] = ()  # of the last and the best complete epoch; assigned together
        self.early: _Kept | None = None  # what EarlyStopping goes back to
        self.program: Gradients | None = None  # what is replayed in place of the engine
        self.workers_replay = False  # the chunks of Dask arrays
        start = _Kept(0, self.copied(), math.inf)
        self.kept = (start, start)

    def choose(self, asked: str | bool, over_chunks: bool) -> None:
        """Decide whether batches are replayed."""
        from .check.debug import watch_here

        self.is_exact, why = asked == "auto", ""
        if not asked:
            why = "compile=False"
        elif over_chunks:
            self.workers_replay = asked is True
            why = "the engine runs the chunks of Dask arrays"
        elif type(self.optimizer).step is not Optimizer.step:
            why = f"a step of {type(self.optimizer).__name__} takes the loss in ways of its own"
        elif watch_here() is not None or recorder() is not None:
            why = "ag.debug() looks at every node" if recorder() is None else "fit itself is compiled"
        elif self.is_exact:
            why = self.own_python()
        self.history.engine = f"eager: {why or 'no batch has been replayed'}"
        if self.workers_replay:
            self.history.engine = "numpy: each worker records forward and backward once, and replays them"
        if not why:
            self.program = Gradients(
                self.model,
                self.loss,
                self.params,
                with_prediction=bool(self.metrics),
                is_exact=self.is_exact,
                why_not=self.own_python if self.is_exact else str,
            )

    def own_python(self) -> str:
        """What forbids a recording, or ""."""
        return _own_python(self.model, self.loss)

    def copied(self) -> list[Any]:
        """A copy of the parameters, in memory of a copy that nobody needs any more where there is one (large ones are slow to get)."""
        needed = [*self.kept, self.early] if self.early else self.kept
        for copy in self.copies:
            if all(copy is not kept.data for kept in needed):
                break
        else:
            copy = [np.empty_like(parameter.data) for parameter in self.params]
            self.copies.append(copy)
        for i, parameter in enumerate(self.params):
            if isinstance(parameter, Tensor):
                np.copyto(copy[i], parameter.data)
            else:
                copy[i] = parameter.data
        return copy

    def put_back(self, kept: _Kept) -> None:
        """Give the parameters the data of that epoch; a further Ctrl-C meanwhile is too late."""

        def put() -> None:
            replace_all(self.params, kept.data)
            grads = [None] * len(self.params) if kept.epoch else self.grads
            assign((parameter, "grad", grad) for parameter, grad in zip(self.params, grads, strict=True))
            self.history.cut(self.kept[0].epoch)
            self.history.kept = kept.epoch

        completed(put, pass_on=False)

    def fail(self, error: BaseException) -> None:
        """Put the parameters back after an error, and tell in it where it came and what they are now."""
        anomaly = isinstance(error, AnomalyError)
        kept = self.kept[0] if anomaly else self.early or self.kept[1]
        self.put_back(kept)
        now = f"as they were {f'at the end of epoch {kept.epoch}' if kept.epoch else 'before fit'}"
        if anomaly:
            error.args = (f"{error}. The parameters are {now}",)
        else:
            error.add_note(f"fit: in epoch {self.epoch}, {self.place()}; the parameters are {now}")
        vars(error)["history"] = self.history

    def finish(self) -> None:
        """Put the modes back, and end what is shown."""
        completed(lambda: set_modes(self.modes), pass_on=False)
        shown, self.shown = self.shown, _Quiet(self.history, 1, 1)
        with contextlib.suppress(KeyboardInterrupt):  # all has ended already
            shown.close()

    def through(
        self, epochs: int, X: Any, y: Any, size: int, held: Any, random: Any, calls: list[tuple[str, Any]]
    ) -> None:
        """Run the epochs."""
        self.batches = -(-chunks.pieces(X) // size)
        for self.epoch in range(1, epochs + 1):
            if self.epoch == 1 or held or calls:
                _set_mode(self.model, "train")
            shuffled = random is not None and self.batches > 1
            row = self.train(X, y, size, random.permutation(chunks.pieces(X)) if shuffled else None)
            if held:
                _set_mode(self.model, "eval")
                row += self.validate(*held)
            self.commit(row)
            self.shown.row(self.epoch)
            if self.called(calls):
                break

    def train(self, X: Any, y: Any, size: int, order: Any) -> list[float]:
        """Take a step for each batch; return the mean loss and metrics."""
        means, self.seen, count = [0.0] * (1 + len(self.metrics)), 0, chunks.pieces(X)
        for self.batch, start in enumerate(range(0, count, size), 1):
            self.rows = slice(start, start + size) if order is None else order[start : start + size]
            whole = size == count
            self.x = X if whole else chunks.taken(X, self.rows)
            self.y = y if whole or y is None else chunks.taken(y, self.rows)
            self.results: list[float] = []
            self.step()
            self.seen += len(self.x)
            share = len(self.x) / self.seen
            for i, result in enumerate(self.results):
                means[i] += (result - means[i]) * share  # exact for the first
            self.shown.batch(self.epoch, self.seen, means[0])
        return means

    def step(self) -> None:
        """Take a step; a gradient that is not finite is told with its cause."""
        try:
            self.optimizer.step(self.closure)
        except AnomalyError as error:
            bad = [p for p in self.params if p.grad is not None and not all_finite(p.grad)]
            if not self.results or not bad:  # it is the loss that is not finite
                raise
            where = f"in epoch {self.epoch}, {self.place()}, though the loss is"
            tried = "An operation has an infinite slope there, as sqrt at 0: keep off it with ag.clip"
            why = self.fault(self.x, self.y) or tried
            error.args = (f"the gradient of the parameter {self.name(bad[0])} is not finite {where}. {why}",)
            raise

    def closure(self) -> Any:
        """Return the loss of the batch; of several calls in a step, the first is what counts."""
        if self.program is not None:
            found = self.replayed(self.program)
            if found is not None:
                return found
            self.optimizer.zero_grad()  # the engine's turn
        node, prediction = self.evaluated(self.x, self.y, [] if self.results else self.metrics)
        if not self.results:
            self.results = self.measured(node, prediction, self.x, self.y)
        return node

    def evaluated(self, x: Any, y: Any, metrics: list[Any]) -> tuple[Any, Any]:
        """The loss, and the prediction; of Dask arrays the mean loss, and the means of the metrics."""
        if not chunks.is_dask(x):
            return _evaluated(self.loss, self.model, x, y)
        loss = partial(_of_chunk, self.loss, list(self.history), metrics)
        arrays, replay = [x] if y is None else [x, y], self.workers_replay
        return chunks.averaged(loss, self.model, self.params, arrays, self.watch, replay)

    def watch(self, part: float) -> None:
        """Note how far a step over Dask arrays is."""
        if self.batch:
            self.shown.note(self.epoch, self.seen + round(part * len(self.x)), self.shown.loss)

    def replayed(self, program: Gradients) -> Any:
        """The loss of the batch by the program, with all gradients set; None where the engine must run, which tells what is wrong."""
        batch = (self.x,) if self.y is None else (self.x, self.y)
        try:
            found = program(*batch)
            if found is None:
                program.record(*batch)
                if program.reason:
                    return self.give_up(program.reason)
                found = program.compared(*batch) if self.is_exact else program(*batch)
                self.history.engine = "numpy: forward and backward, recorded once and replayed"
        except CompileError as error:
            if not (self.is_exact or program.has_run):
                raise
            return self.give_up(str(error))
        except Exception as error:
            return self.give_up(f"{type(error).__name__}: {error}")
        if found is None or not math.isfinite(value := float(found[0])):
            return None
        if not self.results:
            self.results = [value, *_measures(list(self.history), self.metrics, found[1], self.y)]
        return value

    def give_up(self, why: str) -> None:
        """Run by the engine from here on."""
        self.program = None
        before = self.history.engine
        since = f"{before}; from epoch {self.epoch} on " if before.startswith("numpy") else ""
        self.history.engine = f"{since}eager: {why}"

    def measured(self, node: Any, prediction: Any, x: Any, y: Any) -> list[float]:
        """The loss and metrics as numbers, or an error that says why not."""
        raw = isinstance(node, int | float | np.number | np.ndarray)
        if raw and self.batch:
            cause = "the prediction does not depend on the parameters, or .data or .item() cut it off"
            raise GraphError(f"loss must return a Value or Tensor, got a {type(node).__name__}: {cause}")
        if not raw and not isinstance(node, Node):
            raise DTypeError(f"loss must return a Value or Tensor, got {describe(node)}")
        if np.size(node) != 1 if raw else node.size != 1:
            given = f"got shape {node.shape}"
            raise ShapeError(f"loss must return a single number, {given}: take its mean or sum")
        value = float(node.item()) if hasattr(node, "item") else float(node)
        if not math.isfinite(value):
            raise AnomalyError(self.why(node, value, x, y))
        if chunks.is_dask(x):
            return [value, *prediction]
        return [value, *_measures(list(self.history), self.metrics, prediction, y)]

    def validate(self, X: Any, y: Any) -> list[float]:
        """The loss and metrics of the rows held out, in one call."""
        self.batch, self.rows = 0, slice(0, len(X))
        evaluate = partial(self.evaluated, X, y, self.metrics)
        try:
            with no_grad():
                node, prediction = evaluate()
        except GraphError:  # a model that takes derivatives needs its graph
            node, prediction = evaluate()
        value = node.data if isinstance(node, Node) else node
        if isinstance(value, float | np.ndarray) and np.size(value) == 1 and not np.isfinite(value):
            node, prediction = evaluate()  # with a graph, to look for the first that is not finite
        return self.measured(node, prediction, X, y)

    def commit(self, results: list[float]) -> None:
        """Note a complete epoch."""
        for parameter in self.params:
            if not all_finite(parameter.data):
                what = f"the parameter {self.name(parameter)} is not finite after epoch {self.epoch}"
                tried = f"Try a smaller learning rate (now {self.optimizer.lr:g})"
                raise AnomalyError(f"{what}, though the losses are: the step was too large. {tried}")
        for column, result in zip(self.history._columns.values(), results, strict=True):
            column.append(result)
        score = results[1 + len(self.metrics)] if len(results) > 1 + len(self.metrics) else results[0]
        last = _Kept(self.epoch, self.copied(), score)
        self.kept = (last, last if score < self.kept[1].score else self.kept[1])

    def untrained(self, X: Any, y: Any) -> str:
        """One line on why the loss did not fall, after epochs enough to see it; "" where it did, or was low already."""
        losses = self.history["loss"]
        if len(losses) < PATIENT or not losses[0] > 0 or min(losses[-PATIENT:]) < 0.98 * losses[0]:
            return ""
        from .check.doctor import untrained

        if chunks.is_dask(X):
            X, y = (None if part is None else chunks.taken(part, 0).compute() for part in (X, y))
        why, since = untrained(self.model, self.loss, X, y), 1 + int(np.argmin(losses))
        asked = "see ag.doctor(model, loss, X, y, optimizer=optimizer)"
        return f"fit: {why}; the loss has not fallen since epoch {since}: {asked}" if why else ""

    def called(self, calls: list[tuple[str, Any]]) -> bool:
        """Call the callbacks; whether one of them ends the training."""
        for kind, callback in calls:
            if kind == "step":
                callback.step()
                continue
            stop = (callback.on_epoch_end if kind else callback)(self.epoch, self.history)
            early = isinstance(callback, EarlyStopping)
            if early and callback.restore_best and callback.best_epoch == self.epoch:
                self.early = self.kept[0]
            if isinstance(stop, bool | np.bool_) and stop and self.history.stopped is None:
                self.history.stopped = "early stopping" if early else "callback"
        return self.history.stopped is not None

    def place(self) -> str:
        return f"batch {self.batch} of {self.batches}" if self.batch else "validation"

    def name(self, node: Any) -> str:
        """What a message calls a parameter: its label, or its path in the model."""
        if not node.label and hasattr(self.model, "named_parameters"):
            paths = (repr(path) for path, parameter in self.model.named_parameters() if parameter is node)
            return next(paths, str(node._name))
        return str(node._name)

    def why(self, root: Any, value: float, x: Any, y: Any) -> str:
        """Where numbers stopped being finite, and what to try."""
        where = f"the loss is {value} in epoch {self.epoch}, {self.place()}"
        smaller = f"a smaller learning rate (now {self.optimizer.lr:g})"
        from .check.debug import first_not_finite, line_of, replacement, told

        in_memory = isinstance(root, Node) and not chunks.is_dask(x)
        first = first_not_finite(root) if in_memory else None
        if first is not None and first.parents:
            what = told(first.op, first.parents, first.label, first.data) + line_of(first)
            tried = replacement(first.op, first.parents)
            return f"{where}: the first node that is not finite is {what}. Try: {tried}; or {smaller}"
        if any(first is parameter for parameter in self.params):
            what = f"the parameter {self.name(first)} is not finite, so the step before was too large"
            return f"{where}: {what}. Try {smaller}"
        if fault := self.fault(x, y):
            return f"{where}: {fault}"
        if first is None:
            return f"{where}. Try {smaller}"
        kind = "leaf" if first.requires_grad else "constant"
        return (
            f"{where}: the first node that is not finite is the {kind} {first._name}. Look where it is made"
        )

    def fault(self, x: Any, y: Any) -> str:
        """What is not finite in the data of a batch, and what to do; "" where all is."""
        from .check.debug import bad_row

        for name, data in (("X", x), ("y", y)):
            if data is not None and (row := bad_row(data)) is not None:
                if not chunks.is_dask(data):
                    row = row + self.rows.start if isinstance(self.rows, slice) else self.rows[row]
                whose = "" if self.batch else "validation's "
                of = " of the batch" if chunks.is_dask(data) and self.batch else ""
                what = f"{whose}{name} is not finite in row {row}{of}"
                return f"{what}. Leave such rows out, or fill them in with np.nan_to_num"
        return ""


def _evaluated(loss: Any, model: Any, x: Any, y: Any) -> tuple[Any, Any]:
    """The loss of these rows, and the prediction."""
    prediction = model(x)
    return loss(prediction) if y is None else loss(prediction, y), prediction


def _of_chunk(
    loss: Any, names: list[str], metrics: list[Any], model: Any, x: Any, y: Any = None
) -> chunks.Measured:
    """The loss and the metrics of a chunk of Dask arrays."""
    node, prediction = _evaluated(loss, model, x, y)
    return chunks.Measured(node, [*_measures(names, metrics, prediction, y)])


def _measures(names: list[str], metrics: list[Any], prediction: Any, y: Any) -> Iterator[float]:
    """Yield each metric as a number."""
    plain = _plain(prediction) if metrics else None
    for name, metric in zip(names[1:], metrics, strict=False):
        result = metric(plain) if y is None else metric(plain, y)
        try:
            yield float(result.item() if isinstance(result, Node) else result)
        except (TypeError, ValueError):
            given = f"{type(result).__name__} {result!r}"
            raise TypeError(f"metrics: {name!r} must return a number, got {given}") from None


def _plain(prediction: Any) -> Any:
    """The prediction as an array."""
    if isinstance(prediction, list | tuple):
        return np.array([_plain(part) for part in prediction])
    return np.asarray(prediction.data if isinstance(prediction, Node) else prediction)


# ---- One step ----------------------------------------------------------------------------------------------------------


def compile_step(model: Any, loss: Callable[..., Any], optimizer: Any) -> Callable[..., float]:
    """Return step(X, y): it changes the parameters by one batch, and gives the loss before, with forward and backward replayed.

    Arguments: as fit's; `step(X)`, without y, for a loss of the prediction alone. Each shape, mode and choice of frozen parameters is
    recorded at its first batch; the rate and all settings of the optimiser, its state and the parameters' data are read at each
    step, and `.grad` holds the gradients afterwards. What the model or the loss draw at random, and what they read beside nodes and
    numbers, is that of the recording. Raises what ag.compile and the optimiser's step raise, and TypeError for LBFGS, which takes
    many losses in a step.

    >>> import autograd_mini as ag
    >>> net = ag.nn.Linear(1, 1, rng=0)
    >>> step = ag.compile_step(net, ag.nn.mse, ag.optim.SGD(net.parameters(), lr=0.1))
    >>> losses = [step([[1.0], [2.0]], [[2.0], [4.0]]) for _ in range(100)]
    >>> losses[-1] < 0.05 * losses[0]
    True
    """
    params = _parameters(model, optimizer)
    if not callable(loss):
        raise TypeError(f"loss must be a function of (prediction, y), as ag.nn.mse, got {loss!r}")
    if type(optimizer).step is not Optimizer.step:
        kind = type(optimizer).__name__
        raise TypeError(f"compile_step: {kind} takes the loss in ways of its own: call its step(closure)")
    program = Gradients(model, loss, params)

    def step(*batch: Any) -> float:
        """Take a step by a batch, (X, y) or (X,); return the loss before it."""

        def closure() -> float:
            found = program(*batch)
            if found is None and not program.reason:
                program.record(*batch)
                found = program(*batch)
                if program.reason:
                    warnings.warn(
                        f"compile_step: {program.reason}: it runs uncompiled", RuntimeWarning, stacklevel=4
                    )
            return float((found or program.evaluated(*batch))[0])

        return optimizer.step(closure)  # type: ignore[no-any-return]

    return step


# ---- History and EarlyStopping ----------------------------------------------------------------------------------------


class History(Mapping[str, list[float]]):
    """What fit returns: by name ("loss", "val_loss", those of metrics), a list with a number for each complete epoch.

    `.epochs`: how many there are. `.stopped`: None where all that were asked for ran, else "interrupted", "early stopping" or
    "callback". `.kept`: the epoch at whose end the model had the parameters that it has now (0: before the first). `.engine`: what
    computed the steps, "numpy: …" where they were replayed, "eager: …" where not, and why.

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

    def __init__(self, names: list[str]) -> None:
        self._columns: dict[str, list[float]] = {name: [] for name in names}
        self.stopped: str | None = None
        self.kept, self.engine = 0, "eager"

    def __getitem__(self, name: str) -> list[float]:
        if name not in self._columns:
            raise KeyError(f"{name!r}: the history has {', '.join(self._columns)}")
        return self._columns[name]

    def __setitem__(self, name: str, column: list[float]) -> None:
        self._columns[name] = column

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    @property
    def epochs(self) -> int:
        """The number of complete epochs."""
        return min(map(len, self._columns.values()), default=0)

    def cut(self, epochs: int) -> None:
        """Forget what came after so many epochs."""
        for column in self._columns.values():
            del column[epochs:]

    def __repr__(self) -> str:
        width = max(map(len, self._columns), default=0)
        lines = []
        for name, column in self._columns.items():
            ends = f"{column[0]:.4g} → {column[-1]:.4g}" if column else ""
            lines.append(f"{name:{width}s}  {_sparkline(column)}  {ends}".rstrip())
        title = f"History of {self.epochs} epoch{'' if self.epochs == 1 else 's'}"
        if self.stopped:
            title += f", {self.stopped}"
        if self.stopped or 0 < self.kept < self.epochs:
            title += f"; the parameters are those of epoch {self.kept}"
        return "\n".join([title, *lines])

    def to_csv(self, path: Any = None) -> str:
        """Return the history as CSV text, a line an epoch; with a path, write that there, whole or (OSError) not at all."""
        out = io.StringIO(newline="")
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["epoch", *self._columns])
        rows = zip(*self._columns.values(), strict=False)
        writer.writerows([i + 1, *map(repr, row)] for i, row in enumerate(rows))
        text = out.getvalue()
        if path is not None:
            write_file(path, text.encode())
        return text

    def plot(self, path: Any = None) -> Any:
        """Return the curves as a matplotlib Figure, training and validation together; with a path (.png, .svg, .pdf), save it.

        ImportError without matplotlib, the extra `plot`. The Figure shows itself at the end of a notebook's cell.
        """
        return plot_history(self._columns, path)


def _sparkline(numbers: list[float], width: int = 40) -> str:
    """The numbers as a line of bars of eight heights; means of neighbours where they are many, and a dot for what is not finite."""
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

    With `restore_best` the parameters are at the end those of the best epoch, however the training ended. What is better is lower,
    or higher with `mode="max"`; "auto" takes higher for names that end in "accuracy". `.best` and `.best_epoch` tell what was found.
    `fit` raises ValueError where the history has no `monitor`.

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
        self.monitor, self.restore_best = monitor, bool(restore_best)
        self.patience = whole("patience", patience, 1)
        self.min_delta = finite("min_delta", min_delta, least=0)
        self.higher = mode == "max" or (mode == "auto" and str(monitor).endswith("accuracy"))
        self.best, self.best_epoch = math.nan, 0

    def start(self, history: History) -> None:
        """Begin anew."""
        if self.monitor not in history:
            known = f"is not in the history ({', '.join(history)})"
            if str(self.monitor).startswith("val_"):
                known += ": pass validation to fit, or another monitor"
            raise ValueError(f"callbacks: EarlyStopping's monitor {self.monitor!r} {known}")
        self.best, self.best_epoch = math.nan, 0

    def on_epoch_end(self, epoch: int, history: History) -> bool:
        """Note the epoch's number; return whether to stop."""
        number = history[self.monitor][-1]
        better = number > self.best + self.min_delta if self.higher else number < self.best - self.min_delta
        if better or (math.isnan(self.best) and not math.isnan(number)):
            self.best, self.best_epoch = number, epoch
        return epoch - self.best_epoch >= self.patience


# ---- Progress ---------------------------------------------------------------------------------------------------------


class _Quiet:
    """Progress that is not shown."""

    every = math.inf  # seconds between two pictures

    def __init__(self, history: History, epochs: int, rows: int) -> None:
        self.history, self.epochs, self.rows = history, epochs, rows
        self.epoch = self.done = 0
        self.loss: float | None = None  # of an epoch that is not complete
        self.start = self.shown = monotonic()

    def batch(self, epoch: int, seen: int, loss: float) -> None:
        """A batch was trained on: so many rows of the epoch, their mean loss."""
        self.note(epoch, seen, loss)

    def row(self, epoch: int) -> None:
        """An epoch is complete."""
        self.note(epoch, self.rows, None)

    def note(self, epoch: int, seen: int, loss: float | None) -> None:
        """Keep how far the training is, and draw where the last picture is old enough."""
        self.epoch, self.done, self.loss = epoch, (epoch - 1) * self.rows + seen, loss
        if self.every < math.inf and monotonic() - self.shown >= self.every:
            self.show()
            self.shown = monotonic()

    def show(self) -> None:
        """Draw."""

    def close(self) -> None:
        """Leave the last state."""

    def numbers(self) -> str:
        """The present numbers, as `loss 0.12  accuracy 0.9`."""
        last = {name: column[-1] for name, column in self.history.items() if column}
        if self.loss is not None:
            last = {"loss": self.loss} | {name: number for name, number in last.items() if name != "loss"}
        return "  ".join(f"{name} {number:.4g}" for name, number in last.items())

    def pace(self) -> str:
        """The rate and the time left."""
        seconds = monotonic() - self.start
        if not self.done or seconds <= 0:
            return ""
        rate, left = self.done / seconds, seconds / self.done * (self.epochs * self.rows - self.done)
        minutes, rest = divmod(math.ceil(left), 60)
        time = f"{minutes}:{rest:02d}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
        return f"{rate:,.0f} rows/s  {time} left"

    def title(self) -> str:
        return f"epoch {max(self.epoch, 1):{len(str(self.epochs))}d}/{self.epochs}"


class _Bar(_Quiet):
    """A line that is rewritten, on a terminal."""

    every, width = 0.1, 0

    def show(self) -> None:
        part = self.done / (self.epochs * self.rows)
        bar = f"[{'#' * round(10 * part):10s}] {part:4.0%}"
        head, pace, columns = f"{self.title()} {bar}  ", self.pace(), get_terminal_size().columns - 1
        numbers = self.numbers()
        while numbers and len(head + numbers + pace) + 2 > columns:  # the last ones are left out
            numbers = numbers.rpartition("  ")[0]
        line = f"{head}{numbers}  {pace}"[:columns]
        sys.stderr.write(f"\r{line:{self.width}s}")
        sys.stderr.flush()
        self.width = len(line)

    def close(self) -> None:
        if self.done or self.width:
            self.show()
            sys.stderr.write("\n")
            sys.stderr.flush()


class _Lines(_Quiet):
    """Up to twenty lines, evenly spaced, and one for the last epoch."""

    printed = 0

    def row(self, epoch: int) -> None:
        super().row(epoch)
        if epoch == 1 or epoch * 20 // self.epochs > (epoch - 1) * 20 // self.epochs:
            self.show()

    def show(self) -> None:
        self.printed = self.epoch
        print("  ".join(filter(None, [self.title(), self.numbers(), self.pace()])), flush=True)

    def close(self) -> None:
        if self.history.epochs > self.printed:
            self.show()


class _Plot(_Quiet):
    """Curves in a notebook, redrawn in one place. With the last picture these are at most four a second."""

    every = 1 / 3
    handle: Any = None

    def __init__(self, history: History, epochs: int, rows: int) -> None:
        super().__init__(history, epochs, rows)
        history.plot()  # ImportError now, and not in the middle

    def batch(self, epoch: int, seen: int, loss: float) -> None:
        """A curve has a point an epoch."""

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

    def close(self) -> None:
        if self.done:
            self.show()


def _in_notebook() -> bool:
    module = sys.modules.get("IPython")
    return module is not None and getattr(module.get_ipython(), "kernel", None) is not None


def _progress(progress: Any, history: History, epochs: int, rows: int) -> _Quiet:
    """What shows the progress."""
    kind = {True: "auto", False: "none"}[progress] if isinstance(progress, bool) else progress
    if kind not in PROGRESS:
        raise ValueError(f"progress must be one of {', '.join(PROGRESS)}, got {progress!r}")
    if kind == "auto" and _in_notebook():
        kind = "lines"
    elif kind == "auto" or (kind == "plot" and not _in_notebook()):
        kind = "bar" if getattr(sys.stderr, "isatty", lambda: False)() else "none"
    if not epochs or kind == "none":
        return _Quiet(history, epochs, rows)
    shown: type[_Quiet] = {"bar": _Bar, "lines": _Lines, "plot": _Plot}[kind]
    return shown(history, epochs, rows)
