"""mean_over: a loss over data of any size as one node of the parameters. Dask distributes, our engine computes.

Model, loss and parameters travel as one pickle. For each chunk of rows a task computes the loss and its gradient with our engine,
wherever Dask runs it. Both are multiplied by the chunk's part of the rows, and added up in a tree that depends on the chunks alone. So the
result has the same bits on threads, processes and clusters, with any number of workers, also when some of them die.
"""

import functools
import io
import pickle
import random
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextvars import Context, ContextVar
from typing import Any, NamedTuple

import numpy as np

from .compile.function import Compiled
from .core.engine import toposort
from .core.functions import reshape
from .core.node import Node, apply, plain, restored
from .core.op import Op
from .core.tensor import Tensor, replace_all
from .derivatives import gradients
from .errors import DTypeError, GraphError, ShapeError, noted
from .support.coercion import describe
from .support.containers import flatten
from .support.extras import needed
from .support.modes import enable_grad, is_recording, no_grad, recorder
from .support.quiet import quietly

TREE = 8  # how many results a task adds
PATIENCE = 60.0  # seconds without a result, after which a line says so


def mean_over(loss: Callable[..., Any], model: Any, *arrays: Any, compile: bool = False) -> Any:
    """Return the mean of a loss over all rows of Dask arrays: a Tensor of shape (), one node of the model's parameters.

    It is computed at once, chunk by chunk, by Dask's present scheduler: threads by default, or the workers of a cluster where there
    is a `dask.distributed.Client`. Its gradient equals that of the whole data in memory, but for rounding (1e-14). See
    docs/how-to/larger-than-memory.md.

    Args:
        loss: a function (model, *chunk) → the mean over the rows of a chunk, which is a NumPy array for each of the arrays.
        model: a Module, or nodes in lists, tuples and dicts; its parameters are those that require a gradient.
        arrays: Dask arrays with equally many rows, a row a sample, cut along axis 0 only. All are cut as the first one is. An array
            in memory is one chunk, or is cut as the first one is.
        compile: whether workers record the loss and its gradient once for each shape of a chunk, as ag.compile does, and then replay
            them. The numbers are the same to 1e-12.

    For each chunk and call, each numpy.random.Generator in model and loss is replaced by a child of its own (`spawn`): masks of Dropout
    differ, and the same seed gives the same masks. `ag.fit` also computes metrics.

    Raises ShapeError, before anything runs, for arrays that do not fit together or have chunks of unknown size, with the line to
    write; GraphError for a second derivative, and for a loss that depends on variables outside the model; ImportError without
    Dask, here or on a worker that lacks this package; CompileError for a loss that cannot be compiled; and any error of `loss` on
    a worker.

    >>> import autograd_mini as ag
    >>> import dask.array as da
    >>> X, y = da.ones((6, 2), chunks=(2, 2)), da.zeros((6, 1), chunks=(3, 1))
    >>> w = ag.Tensor([[1.0], [2.0]])
    >>> loss = ag.mean_over(lambda w, x, y: ((x @ w - y) ** 2).mean(), w, X, y)
    >>> loss.backward()
    >>> w.grad.tolist()
    [[6.0], [6.0]]
    """
    if callable(getattr(model, "parameters", None)):
        leaves = model.parameters()
    else:
        leaves = [leaf for _, leaf in flatten(model) if isinstance(leaf, Node) and leaf.requires_grad]
    if not arrays or not callable(loss):
        raise TypeError("mean_over(loss, model, *arrays): give a function, a model and Dask arrays")
    cut = aligned({f"arrays[{i}]": array for i, array in enumerate(arrays)})
    return averaged(loss, model, list(dict.fromkeys(leaves)), cut, compile=compile)[0]


# ---- The arrays -------------------------------------------------------------------------------------------------------


def dask() -> Any:
    """Return the Dask package; ImportError, with what to install, where it is missing."""
    for part in ("dask.array", "dask.callbacks"):
        needed("this", part, "[cluster]")
    return sys.modules["dask"]


def is_dask(array: Any) -> bool:
    """Return whether this is a Dask array; Dask is not imported to find out."""
    return "dask.array" in sys.modules and isinstance(array, sys.modules["dask.array"].Array)


def aligned(named: Mapping[str, Any]) -> list[Any]:
    """Return the arrays as Dask arrays, all cut along axis 0 as the first one is, without empty chunks; else ShapeError."""
    found: dict[str, Any] = {}
    for name, given in named.items():
        array = given if is_dask(given) else dask().array.from_array(np.asarray(given), chunks=-1)
        fix = "compute_chunk_sizes()" if np.isnan(array.shape).any() else ""
        if whole := {axis: -1 for axis, count in enumerate(array.numblocks) if axis and count > 1}:
            fix = fix or f"rechunk({whole})"
        if fix:
            why = f"its chunks must be whole rows, and their sizes known: write {name} = {name}.{fix}"
            raise ShapeError(f"{name} is cut into {array.numblocks} chunks; {why}")
        first = next(iter(found.values()), array)
        if array.shape[:1] != first.shape[:1] or not array.ndim or not array.size:
            raise ShapeError(
                f"{name} has shape {array.shape}, the first {first.shape}: equally many rows are needed"
            )
        found[name] = array.rechunk({0: tuple(rows for rows in first.chunks[0] if rows)})
    return list(found.values())


def pieces(X: Any) -> int:
    """Return how many pieces the data have: rows of an array, chunks of a Dask array."""
    return X.numblocks[0] if is_dask(X) else len(X)


def taken(X: Any, which: Any) -> Any:
    """Return these pieces of the data."""
    return X.blocks[which] if is_dask(X) else X[which]


# ---- The way to the workers -------------------------------------------------------------------------------------------

_brought: ContextVar[dict[int, Any]] = ContextVar("a chunk's own nodes and generators, by their place")


def _bring(place: int) -> Any:
    """The chunk's own node or generator at a place of the pickle."""
    return _brought.get()[place]


def _pickled(thing: Any) -> tuple[bytes, list[Any]]:
    """The thing as bytes, without its nodes and generators; and a list of these."""
    import cloudpickle

    file, apart = io.BytesIO(), list[Any]()

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc]
        def reducer_override(self, part: Any) -> Any:
            if isinstance(part, Node | np.random.Generator):
                apart.append(part)
                return _bring, (len(apart) - 1,)
            if isinstance(part, np.random.RandomState | random.Random):
                fault = f"a {type(part).__name__} would give each chunk the same numbers"
                raise DTypeError(f"mean_over: {fault}: use a generator, np.random.default_rng(seed)")
            return super().reducer_override(part)

    Pickler(file).dump(thing)
    return file.getvalue(), apart


def _remote(name: str) -> Callable[..., Any]:
    """Our function of that name as a task that imports this package where it runs, with an ImportError where it is missing.

    With a task that held the function itself such a worker would be lost, and Dask would wait for another.
    """

    def run(*task: Any) -> Any:
        from importlib import import_module

        return getattr(import_module("autograd_mini.chunks"), name)(*task)

    return run


def _leaf(node: Any) -> tuple[Any, ...]:
    """The arguments from which `restored` makes this leaf, without a gradient."""
    return type(node), node.data, None, node.requires_grad, {"label": node.label} if node.label else None


# ---- On a worker ------------------------------------------------------------------------------------------------------


class Measured(NamedTuple):
    """What a loss may return in place of a node: the node, and numbers that are averaged with it."""

    node: Any
    numbers: list[float]


def _of_chunk(*task: Any) -> list[Any]:
    """The loss of a chunk, its numbers, and the share of each parameter, all times the weight; modes are the default ones."""
    return Context().run(_weighted, *task)


def _weighted(sent: bytes, weight: float, generators: dict[int, Any], *chunk: Any) -> list[Any]:
    """The same. A parameter that the loss does not depend on has the share None; there are no shares unless they are `wanted`."""
    structure, leaves, wanted, compile = pickle.loads(sent)
    _brought.set({place: restored(*leaf) for place, leaf in leaves.items()} | generators)
    if compile:
        held, evaluate = _program(structure, wanted, threading.get_ident())
        replace_all([held[place] for place in leaves], [data for _, data, *_ in leaves.values()])
    else:
        evaluate = _evaluation(structure, wanted)
    parts = map(plain, evaluate(*chunk))
    return [None if part is None else weight * part for part in parts]


@functools.lru_cache(maxsize=32)
def _program(structure: bytes, wanted: bool, thread: int) -> tuple[dict[int, Any], Any]:
    """The nodes that a program reads, and the program, which is kept for later steps, one for each thread."""
    return _brought.get(), Compiled(_evaluation(structure, wanted), "numpy")


def _evaluation(structure: bytes, wanted: bool) -> Callable[..., list[Any]]:
    """The function of a chunk that returns the loss, its numbers, and the shares."""
    loss, model, params = pickle.loads(structure)

    def evaluate(*chunk: Any) -> list[Any]:
        with enable_grad() if wanted else no_grad():
            found = loss(model, *chunk)
        node, numbers = found if isinstance(found, Measured) else (found, [])
        if not isinstance(node, Node):
            raise DTypeError(f"mean_over: the loss must return a Value or Tensor, got {describe(node)}")
        if node.size != 1:
            given = f"got shape {node.shape}: take its mean"
            raise ShapeError(f"mean_over: the loss must be a single number, {given}")
        value = reshape(node, ())
        if not wanted or not node.requires_grad:
            return [value, *numbers, *[None] * len(params) * wanted]
        reached = {leaf for leaf in toposort(node) if leaf.op is None and leaf.requires_grad}
        known = {*params, *(part for part in chunk if isinstance(part, Node))}  # nodes while it is compiled
        for leaf in reached - known:
            fault = f"the loss depends on {leaf._name}, which is not in the model"
            raise GraphError(f"mean_over: {fault}: put it there, or use its .data")
        wrt = [parameter for parameter in params if parameter in reached]
        grads = dict(zip(wrt, gradients(value, wrt), strict=True))
        return [value, *numbers, *map(grads.get, params)]

    return evaluate


def _added(parts: Sequence[Sequence[Any]]) -> list[Any]:
    """The sums of several chunks' results, place by place."""
    return [functools.reduce(_plus, column) for column in zip(*parts, strict=True)]


def _plus(x: Any, y: Any) -> Any:
    """The sum; None adds nothing."""
    return x if y is None else y if x is None else quietly(np.add, x, y)


# ---- On the user's machine --------------------------------------------------------------------------------------------


def averaged(
    loss: Callable[..., Any], model: Any, params: Sequence[Any], arrays: Sequence[Any],
    watch: Callable[[float], None] = lambda part: None, compile: bool = False,
) -> tuple[Any, list[float]]:  # fmt: skip
    """Return the node of the mean loss over arrays that are cut alike, and the means of the numbers that the loss returned with it.

    Args:
        loss, model, compile: those of `mean_over`; the loss may return Measured.
        params: the leaves of the model that require a gradient.
        arrays: what `aligned` returns.
        watch: is called with the fraction of the chunks that are done, 0 to 1.
    """
    if (trace := recorder()) is not None:
        trace.refuse("mean_over", loss, "call it outside what is compiled")
    wanted, delayed, sizes = is_recording() and bool(params), dask().delayed, arrays[0].chunks[0]
    structure, apart = _pickled((loss, model, params))
    leaves = {place: _leaf(part) for place, part in enumerate(apart) if isinstance(part, Node)}
    children = {place: part.spawn(len(sizes)) for place, part in enumerate(apart) if place not in leaves}
    # A task like any other, so that Dask computes it again when the worker that holds it dies
    sent = delayed(pickle.dumps((structure, leaves, wanted, compile)))
    of_chunk, added = delayed(_remote("_of_chunk")), delayed(_remote("_added"))
    blocks = zip(sizes, *(array.to_delayed().ravel() for array in arrays), strict=True)
    chunks = []
    for i, (rows, *chunk) in enumerate(blocks):
        own = {place: generators[i] for place, generators in children.items()}
        chunks.append(of_chunk(sent, rows / sum(sizes), own, *chunk))
    sums = chunks
    while len(sums) > 1:
        sums = [added(sums[i : i + TREE]) for i in range(0, len(sums), TREE)]
    value, *rest = _computed(chunks, sums[0], watch)
    count = len(rest) - (len(params) if wanted else 0)
    numbers, pairs = rest[:count], zip(params, rest[count:], strict=False)
    reached = {parameter: share for parameter, share in pairs if share is not None}
    if not reached:
        return Tensor(value, requires_grad=False), numbers

    def rule(xp: Any, g: Any, out: Any, *operands: Any) -> list[Any]:
        if not isinstance(g, np.ndarray):
            advice = "for higher ones use a part of the data, in memory"
            raise GraphError(f"mean_over has first derivatives only: {advice}")
        return [g * share for share in reached.values()]

    op = Op("mean_over", lambda xp, *operands: value, rule)
    op.arrays_only = True
    return apply(op, *reached), numbers


def _computed(chunks: Sequence[Any], total: Any, watch: Callable[[float], None]) -> Any:
    """The result of the last task, by Dask's present scheduler; `watch` is told meanwhile which fraction is done."""
    client = getattr(dask().base.get_scheduler(), "__self__", None)
    if client is None:
        left = {chunk.key for chunk in chunks}

        def done(key: Any, *state: Any) -> None:
            left.discard(key)
            watch(1 - len(left) / len(chunks))

        with dask().callbacks.Callback(posttask=done):
            return total.compute()
    import distributed

    wait: Any = distributed.wait
    futures = waiting = client.compute([*chunks, total])
    try:
        while not futures[-1].done():
            try:
                waiting = list(wait(waiting, PATIENCE, "FIRST_COMPLETED").not_done)
                watch(1 - len(waiting) / len(futures))
            except TimeoutError:
                said = f"mean_over: nothing has come for {PATIENCE:g} s from {len(client.nthreads())} workers"
                print(f"{said}; `dask worker ADDRESS` starts one", file=sys.stderr, flush=True)
        return futures[-1].result()
    except distributed.KilledWorker as error:
        raise noted(error, "mean_over: are the chunks too large? Make smaller ones with rechunk") from None
    finally:
        for future in futures:
            future.release()
