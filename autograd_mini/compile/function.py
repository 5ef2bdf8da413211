"""compile: a function that is recorded once, and from then on replayed."""

import builtins
import functools
import inspect
import threading
import types
import warnings
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import numpy as np

from ..core.array_rows import CAST
from ..core.node import Node, changes, made
from ..core.readings import ARRAYS, FLOATS, QUIET, error_state
from ..core.tensor import Tensor
from ..core.value import Value
from ..errors import CompileError, ShapeError
from ..support.coercion import BARE, FLOAT_TYPES, to_array, to_float
from ..support.containers import flatten, rebuild
from ..support.modes import is_inside, recorder
from ..symbols import Expr, symbol
from .bindings import bindings, checker
from .native import Batch, Native, bound, is_installed
from .passes import exact
from .program import Change, Guard, Program, evaluate
from .scalars import Unsupported
from .source import HEADER, Flat, Writer, function_of
from .trace import Lowering, Trace, unique

QUICK = True  # whether sums may be added up in another order where that is quicker (to 1e-12)
LONGEST = 20_000  # operations of a program: Python takes a second to read so many lines
MOST = 8  # versions that are kept of a function for one kind of arguments
PLAIN = frozenset("fd?" + np.typecodes["AllInteger"])  # the dtypes of arguments that are taken as they are
ENGINES = ("auto", "numpy", "native")
QUICKLY_COMPILED = 2000  # elements of a program that "auto" makes native code of: some tenths of a second
STATIC = (bool, str, bytes, type(None))


class TooMuch(CompileError):
    """A function that is better not compiled."""


class Compiled:
    """What `compile` returns: called like the function, it replays what the function computed."""

    def __init__(self, f: Callable[..., Any], engine: str, is_batch: bool = False) -> None:
        if not callable(f) or isinstance(f, Node):
            raise TypeError(f"compile: a function is needed, got {type(f).__name__}")
        if engine not in ENGINES:
            raise ValueError(f"compile: engine must be one of {', '.join(ENGINES)}, got {engine!r}")
        self.function, self.engine, self.is_batch = f, engine, is_batch
        self.versions: dict[Any, list[Version]] = {}
        self.reason: str | None = None  # why calls are not replayed, where they are not
        self.lock = threading.RLock()
        self.latest: Version | None = None
        self.outdated = 0  # versions that were dropped since a name means something else now
        functools.update_wrapper(self, f, updated=())

    @property
    def source(self) -> str:
        """The Python source of the version that was recorded last; CompileError before the first call."""
        if self.latest is None:
            raise CompileError("compile: there is no source before the first call: call the function once")
        return self.latest.source

    def __get__(self, owner: Any, kind: Any = None) -> Any:
        return self if owner is None else types.MethodType(self, owner)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.of_points(args) if self.is_batch else self.one(*args, **kwargs)

    def one(self, *args: Any, **kwargs: Any) -> Any:
        """Replay one call."""
        if self.reason is not None or is_inside() or recorder() is not None:
            return self.eagerly(args, kwargs)
        leaves: list[Any] = []
        key = key_of((args, kwargs) if kwargs else args, leaves)
        tried = self.versions.get(key, ())
        for version in tried:
            found = version.replay(leaves)
            if found is not None:
                return found[0]
        return self.recorded(key, args, kwargs, leaves, tried)

    def bind(self, inputs: Sequence[Any], outputs: Sequence[Any]) -> Callable[[], None]:
        """Return a call without arguments: it reads these arrays and writes its results into those, and allocates nothing.

        `inputs`: the arguments, float64 arrays; `outputs`: an array for each result, in order. TypeError for other arrays, ShapeError
        for outputs of other shapes.

        >>> x, out = np.array([2.0, 3.0]), np.empty(2)
        >>> call = compile(lambda x: x * x).bind([x], [out])
        >>> call()
        >>> out
        array([4., 9.])
        """
        for array in [*inputs, *outputs]:
            is_plain = type(array) is np.ndarray and array.dtype == float and array.flags.c_contiguous
            if not is_plain or not array.flags.aligned:
                raise TypeError("bind: arrays of float64, contiguous, are needed, as np.empty gives them")
        expected = [np.asarray(x) for _, x in flatten(self(*inputs))]
        shapes, given = [x.shape for x in expected], [x.shape for x in outputs]
        if shapes != given:
            raise ShapeError(f"bind: outputs of the shapes {shapes} are needed, got {given}")

        def slowly() -> None:
            for out, (_, x) in zip(outputs, flatten(self(*inputs)), strict=True):
                np.copyto(out, x)

        version = self.latest
        if version is None or version.native is None or version.is_tied:
            return slowly
        quick = bound(version.native, inputs, outputs)
        if not version.program.guards:
            return quick

        def guarded() -> None:
            if quick():
                slowly()

        return guarded

    def of_points(self, args: Any) -> Any:
        """The results for each of many points, stacked: the arguments have one more axis, the first."""
        arrays = [to_array(x) for x in args]
        n = len(arrays[0]) if arrays and arrays[0].ndim else 0
        if not n or any(not x.ndim or len(x) != n for x in arrays):
            shapes = ", ".join(str(x.shape) for x in arrays)
            raise ShapeError(
                f"batch=True: arrays of as many points each, one at least, are needed, got {shapes}"
            )
        first = [x[0] if x.ndim > 1 else float(x[0]) for x in arrays]
        value = self.one(*first)  # records a version where there is none
        version = self.latest
        assert version is not None
        if version.program.guards or version.program.changes:
            raise CompileError(
                "batch=True: the function branches on its numbers, or changes what it closes over"
            )
        if version.native is None:
            found = [
                value,
                *(self.one(*(x[i] if x.ndim > 1 else float(x[i]) for x in arrays)) for i in range(1, n)),
            ]
            columns = zip(*[[x for _, x in flatten(one)] for one in found], strict=True)
            outputs = [np.array(column) for column in columns]
        else:
            if version.batch is None:
                version.batch = Batch(version.program, len(arrays))
            outputs = version.batch(n, version.read(arrays))
        return rebuild(version.tree, lambda x: outputs[x] if type(x) is _Place else x)

    def eagerly(self, args: Any, kwargs: Any) -> Any:
        """Call the function itself, on nodes, and give what a replay gives."""
        if is_inside() or recorder() is not None:
            return self.function(*args, **kwargs)
        args, kwargs = rebuild((args, kwargs), lambda x: _as_node(x, None)[0])
        return rebuild(self.function(*args, **kwargs), _raw)

    def recorded(self, key: Any, args: Any, kwargs: Any, leaves: list[Any], tried: Sequence[Any]) -> Any:
        """Trace the function for this call, keep the version, and replay it."""
        with self.lock:
            had = self.versions.get(key, ())
            for version in had if had is not tried else ():  # another thread has recorded in the meantime
                found = version.replay(leaves)
                if found is not None:
                    return found[0]
            kept = [one for one in had if one.outside.is_current()]
            self.outdated += len(had) - len(kept)
            try:
                if len(kept) >= MOST or self.outdated >= 4 * MOST:
                    raise TooMuch(
                        f"took more than {MOST} different ways through its branches, "
                        "or what it closes over is bound anew all the time (pass that as an argument)"
                    )
                version = record(self.function, args, kwargs, QUICK, engine=self.engine)
            except TooMuch as error:
                self.reason = f"compile: {_name(self.function)} {error}: it runs uncompiled from now on"
                warnings.warn(self.reason, RuntimeWarning, stacklevel=3)
                return self.eagerly(args, kwargs)
            self.versions[key] = [*kept, version]
            self.latest = version
        found = version.replay(leaves)
        if found is None:  # cannot be: the guards were taken from these numbers
            return self.eagerly(args, kwargs)
        return found[0]


def _name(f: Any) -> str:
    return str(getattr(f, "__name__", type(f).__name__))


# ---- Arguments --------------------------------------------------------------------------------------------------------


def key_of(tree: Any, leaves: list[Any]) -> Any:
    """What decides which version serves: the structure, kinds, shapes and dtypes; the numbers and arrays go into `leaves`."""
    kind = type(tree)
    if kind is np.ndarray:
        dtype = tree.dtype
        if dtype.char in PLAIN and dtype.isnative:
            leaves.append(tree)
            return tree.shape, dtype.char
        leaves.append(to_array(tree))  # an error, or another byte order
        return tree.shape, leaves[-1].dtype.char
    if kind is float:
        leaves.append(tree)
        return float
    if kind in STATIC:
        return kind, tree
    if kind is tuple or kind is list:
        return kind, *[key_of(part, leaves) for part in tree]
    if kind is dict:
        return dict, *[(name, key_of(part, leaves)) for name, part in tree.items()]
    if kind is Value:
        leaves.append(tree.data)
        return float
    if kind is Tensor:
        leaves.append(tree.data)
        return tree.shape, tree.dtype.char
    if isinstance(tree, BARE):
        leaves.append(to_float(tree))
        return float
    if isinstance(tree, np.ndarray):
        return key_of(np.asarray(tree) if type(tree) is not np.ma.MaskedArray else to_array(tree), leaves)
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return kind, *[key_of(part, leaves) for part in tree]
    try:
        hash(tree)
    except TypeError:
        raise CompileError(
            f"compile: an argument is a {kind.__name__}: "
            "pass numbers, arrays, nodes, and lists, tuples and dicts of them"
        ) from None
    return kind, tree  # another object stands for itself


def _as_node(x: Any, label: str | None) -> tuple[Any, Any]:
    """The node that the function is given in place of an argument, and the leaf that holds the data; others as they are."""
    meta = None if label is None else {"label": label}
    if type(x) in STATIC or not isinstance(x, (np.ndarray, Node, *BARE)):
        return x, None
    if isinstance(x, (Value, *BARE)):
        node = made(FLOATS, x.data if isinstance(x, Value) else to_float(x), None, (), True, meta)
        return node, node
    data = x.data if isinstance(x, Tensor) else np.asarray(x)
    if data.dtype in FLOAT_TYPES:
        node = made(ARRAYS, data.view(), None, (), True, meta)
        return node, node
    source = made(ARRAYS, data, None, (), False, meta)
    return made(ARRAYS, to_array(data), CAST(np.dtype(float)), (source,), True, meta), source


def _raw(x: Any) -> Any:
    """A result as the caller gets it."""
    if isinstance(x, Value):
        return x.data
    return np.array(x.data)[()] if isinstance(x, Node) else x


# ---- Versions ---------------------------------------------------------------------------------------------------------


def record(
    f: Callable[..., Any], args: Any, kwargs: Any, is_quick: bool, beside: Sequence[Any] = (),
    engine: str = "auto",
) -> "Version":  # fmt: skip
    """Run the function once on nodes; return the version that replays it.

    `beside`: functions that f calls though they are not in its closure; `is_quick`: whether sums may be added up in another order.
    """
    trace = Trace()
    nodes: dict[Any, Expr] = {}
    taken: set[str] = set()
    names = _names(f, args, kwargs)

    def enter(x: Any) -> Any:
        node, source = _as_node(x, next(names))
        if source is not None:
            nodes[source] = symbol(unique(source.label or "x", taken), source.shape, source.dtype)
        return node

    given = rebuild((args, kwargs), enter)
    found = bindings(f, [*args, *kwargs.values(), *beside])
    try:
        result = trace.run(f, *given)
    finally:
        grads = trace.undo()
    del given
    outputs, tree = _outputs(f, result)
    del result
    strict = any(isinstance(value, np.ndarray) for _, _, value in found)
    changed = [(leaf, news[-1][1], "data") for leaf, news in trace.changes.items()]
    for leaf, (_, forgotten) in trace.grads.items():
        if leaf not in nodes and isinstance(grads[leaf], Node):
            changed.append((leaf, grads[leaf], "grad" if forgotten else "more grad"))
    lowering = Lowering(trace, nodes, taken, strict)
    lowering.lower([*(test for test, _, _ in trace.guards), *outputs, *(new for _, new, _ in changed),
                    *(leaf for leaf, _, _ in changed)])  # fmt: skip
    exprs = lowering.exprs
    program = Program(
        (*nodes.values(), *(name for name, _ in lowering.live)),
        tuple(Guard(exprs[test], outcome, line) for test, outcome, line in trace.guards),
        tuple(exprs[node] for node in outputs),
        tuple(Change(exprs[leaf], exprs[new], what) for leaf, new, what in changed),
        frozenset(lowering.floats),
    )
    count = sum(1 for _ in program.instructions())
    if count > LONGEST:
        raise TooMuch(f"makes {count:,} operations, more than straight lines are good for ({LONGEST:,})")
    kinds = [
        None if type(node) is Tensor else bool if isinstance(node.data, bool | np.bool_) else float
        for node in outputs
    ]
    inputs = [*nodes.values(), *(name for name, _ in lowering.live)]
    places = {x: i for i, x in enumerate(inputs)}
    ranges = [(places[exprs[node]], n, who) for node, n, who in trace.ranges if exprs.get(node) in places]
    outside = _Outside(
        checker(found),
        lowering.indices,
        [source for _, source in lowering.live],
        [leaf for leaf, _, _ in changed],
        ranges,
    )
    return Version(program, outside, tree, kinds, unique(_name(f), set()), is_quick, engine)


def _outputs(f: Any, result: Any) -> tuple[list[Any], Any]:
    """The nodes that a function returned, and its result with their places in it."""
    found: list[Any] = []

    def place(x: Any) -> Any:
        if isinstance(x, Node):
            found.append(x)
            return _Place(len(found) - 1)
        if isinstance(x, np.ndarray):
            raise CompileError(
                f"compile: {_name(f)} returned a raw array of shape {x.shape}, "
                "which would be frozen: return a node"
            )
        return x

    return found, rebuild(result, place)


class _Place(int):
    """Where an output stands in the result."""


def _names(f: Any, args: Any, kwargs: Any) -> Iterator[str]:
    """A name for each leaf of the arguments, in order."""
    try:
        parameters = [*inspect.signature(f).parameters]
    except (TypeError, ValueError):
        parameters = []
    for i, argument in enumerate(args):
        stem = parameters[i] if i < len(parameters) else f"x{i}"
        leaves = flatten(argument)
        yield from [f"{stem}{path}" if path else stem for path, _ in leaves]
    for key, argument in kwargs.items():
        yield from [f"{key}{path}" for path, _ in flatten(argument)]


class _Outside(NamedTuple):
    """What a version has to do with the world outside its arguments."""

    is_bound: Callable[[], bool]  # whether all that the function reads by name is bound as it was
    indices: list[tuple[Any, Any]]  # index arrays, and what they held
    live: list[Any]  # leaves and arrays that are read at each call
    targets: list[Any]  # leaves that are written
    ranges: list[
        tuple[int, int, str]
    ]  # of an input: the number of classes that its integers are of, and who says so

    def is_current(self) -> bool:
        """Whether all that the function closes over is bound as it was, and index arrays hold what they held."""
        if not self.is_bound():
            return False
        return all(np.array_equal(array, was) for array, was in self.indices)


def check_range(labels: Any, count: int, who: str) -> None:
    """Raise IndexError for a class that is none of so many."""
    if labels.size <= 16:  # Python's own are quicker then
        numbers = labels.ravel().tolist()
        low, high = min(numbers), max(numbers)
    else:
        low, high = np.minimum.reduce(labels, axis=None), np.maximum.reduce(labels, axis=None)
    if low < 0 or high >= count:
        raise IndexError(f"{who}: target {low if low < 0 else high} out of range for {count} classes")


def _native(program: Program, is_quick: bool, engine: str) -> Native | None:
    """The program as native code, where that is asked for or quicker, and gives the bits that are wanted; else None."""
    if engine == "native" and not is_installed():
        raise ImportError("engine='native' needs llvmlite: python -m pip install 'autograd-mini[fast]'")
    only_floats = program.floats.issuperset(program.inputs)
    if engine == "numpy" or not is_installed() or not (engine == "native" or is_quick or only_floats):
        return None
    try:
        return Native(program, *(() if engine == "native" else (QUICKLY_COMPILED,)))
    except Unsupported as error:
        if engine == "native":
            raise CompileError(
                f"compile: engine='native' cannot run this: {error}. Take engine='auto'"
            ) from None
        return None


class Version:
    """One recorded way through a function: a program, its source, and what it reads and writes outside its arguments."""

    def __init__(
        self, program: Program, outside: _Outside, tree: Any, kinds: Any, name: str, is_quick: bool,
        engine: str,
    ) -> None:  # fmt: skip
        self.program, self.outside, self.tree, self.kinds = exact(program), outside, tree, kinds
        self.name, self.is_quick = name, is_quick
        self.native = _native(self.program, is_quick, engine)
        self.batch: Batch | None = None  # made when it is asked for
        flats: Sequence[Flat] = ()
        self.is_tied = bool(outside.live or outside.ranges or outside.targets)  # to more than its arguments
        if self.native is not None:
            self.run = self.native.call
        else:
            writer = Writer(self.program, name, is_quick)
            self.run, flats = function_of(writer.body, name), writer.flats
        self.is_single = type(tree) is _Place
        self.is_flat = type(tree) is tuple and all(
            type(x) is _Place for x in tree
        )  # in order, as they were found
        symbols = dict(zip((change.target for change in program.changes), outside.targets, strict=True))
        self.vectors = [_Vector([symbols[target] for target in flat.targets]) for flat in flats]
        pairs = [*zip(outside.targets, program.changes, strict=True)]
        self.changed = [leaf for leaf, change in pairs if change.what == "data"]
        self.has_grads = len(self.changed) < len(pairs)
        self.read = _reader(outside.live, self.vectors)

    @property
    def source(self) -> str:
        """The program as Python that calls NumPy."""
        return f"{HEADER}\n\n{Writer(self.program, self.name, self.is_quick).body}"

    def replay(self, leaves: list[Any]) -> Any:
        """Return [result] for these arguments, or None where the function would take another way."""
        if not self.outside.is_current():
            return None
        inputs = self.read(leaves)
        for i, count, who in self.outside.ranges:
            check_range(inputs[i], count, who)
        before = error_state.get()
        try:
            error_state.set(QUIET)
            found = self.run(*inputs)
        except (ArithmeticError, ValueError):
            if not self.program.floats:
                raise
            found = self.slowly(inputs)
        finally:
            error_state.set(before)
        if found is None:
            return None
        outputs, grads = found
        if self.has_grads:
            self.write(grads)
        if self.changed:
            changes.count += 1
            for leaf in self.changed:
                leaf._version = changes.count
        if self.is_single:
            (kind,), (x,) = self.kinds, outputs
            return [kind(x) if kind else x if x.shape else x[()]]
        outputs = [
            kind(x) if kind else x if x.shape else x[()] for x, kind in zip(outputs, self.kinds, strict=True)
        ]
        if self.is_flat:
            return [tuple(outputs)]
        return [rebuild(self.tree, lambda x: outputs[x] if type(x) is _Place else x)]

    def slowly(self, inputs: list[Any]) -> Any:
        """Where Python's floats raise: by IEEE arithmetic."""
        found: Any = evaluate(self.program, dict(zip(self.program.inputs, inputs, strict=False)))
        if found is None:
            return None
        count, changes = len(self.program.outputs), self.program.changes
        written = [*zip(self.outside.targets, changes, found[count:], strict=True)]
        for leaf, change, value in written:
            if change.what == "data":
                np.copyto(leaf._content, value)
        return found[:count], [value for _, change, value in written if change.what != "data"]

    def write(self, grads: list[Any]) -> None:
        """Give leaves their gradients."""
        values = iter(grads)
        for leaf, change in zip(self.outside.targets, self.program.changes, strict=True):
            if change.what != "data":
                value = next(values)
                grad = float(value) if type(leaf) is Value else np.asarray(value)
                more = change.what == "more grad" and leaf.grad is not None
                leaf.grad = leaf.grad + grad if more else grad


def _reader(live: list[Any], vectors: list["_Vector"]) -> Callable[[list[Any]], list[Any]]:
    """Return a function that adds to the arguments what a version reads beside them, written out: it runs at every call."""
    space: dict[str, Any] = {f"x{i}": x for i, x in enumerate(live)}
    views = {leaf: view for vector in vectors for leaf, view in zip(vector.leaves, vector.views, strict=True)}
    tests, parts = [], []
    for i, x in enumerate(live):
        if isinstance(x, Node) and x in views:
            space[f"view{i}"] = views[x]
            tests.append(f"x{i}._content is not view{i}")
            parts.append(f"view{i}")
        else:
            parts.append(
                f"x{i}._content"
                if isinstance(x, Tensor)
                else f"x{i}._content"
                if isinstance(x, Value)
                else f"x{i}"
            )
    space["vectors"] = vectors
    space |= {f"vector{i}": vector.data for i, vector in enumerate(vectors)}
    lines = (
        [f"    if {' or '.join(tests)}:", "        for vector in vectors:", "            vector.gather()"]
        if tests
        else []
    )
    given = ", ".join(["*leaves", *parts, *[f"vector{i}" for i in range(len(vectors))]])
    text = "\n".join(["def read(leaves):", *lines, f"    return [{given}]"])
    exec(builtins.compile(text, "<what is read>", "exec"), space)
    return space["read"]  # type: ignore[no-any-return]


class _Vector:
    """One vector in which the data of some leaves lie side by side; whoever gives a leaf other data, puts it outside again."""

    def __init__(self, leaves: list[Any]) -> None:
        self.leaves, self.shapes = leaves, [leaf.shape for leaf in leaves]
        ends = [0, *accumulate(leaf.size for leaf in leaves)]
        self.data = np.empty(ends[-1], leaves[0].dtype)
        self.views = [
            self.data[a:b].reshape(shape) for (a, b), shape in zip(pairwise(ends), self.shapes, strict=True)
        ]

    def gather(self) -> None:
        """Put every leaf's data into the vector."""
        for leaf, view in zip(self.leaves, self.views, strict=True):
            if leaf._content is not view:
                np.copyto(view, leaf._content)
                leaf._content = view


def compile(f: Callable[..., Any], *, engine: str = "auto", batch: bool = False) -> Compiled:
    """Return a function that does what `f` does, recorded at its first call and replayed from then on.

    Arguments and results are numbers, arrays and nested lists, tuples and dicts of them; nodes are taken by their numbers. `f` is
    run once on nodes for each structure, shape and dtype, and may itself call `ag.grad`, `ag.hessian` or `backward()`. Parameters
    and arrays that it closes over are read at each call. A Python branch on a node's value is a guard: where a later call decides
    otherwise, `f` is recorded again, up to 8 times; then it runs uncompiled, with one warning, as does one of more than 20,000
    operations. Integers are numbers like any other; booleans and strings choose a version. `.source` is the source of the last
    version as NumPy, `.reason` why calls are not replayed.
    `engine`: "numpy", lines of NumPy; "native", machine code for small programs of float64, by llvmlite (the extra `fast`); "auto",
    the quickest there is. Of single Values both give the engine's own bits; of arrays, sums and functions up to rounding.
    `batch`: the arguments are arrays of points, one more axis than `f` takes, the first: `f` of each, stacked, in one loop.
    `.bind(inputs, outputs)` gives the call without allocation.

    Raises CompileError, with the line, for what cannot be replayed: reading `.data`, `.item()` or an argmax, Dropout in training, arrays
    computed with NumPy from closed-over ones, operations of your own that are not written with `xp`. Random numbers that `f`
    draws are those of the recording.

    Compiling helps where the same small or scalar-heavy computation runs thousands of times, for then Python's work is most of
    the cost; it saves less where large matrix products are most of the work, since BLAS does those either way. It costs some
    milliseconds for every new shape, so do not compile what runs a few times, or meets new shapes at each call. What
    branches on numbers in many ways, or must be looked at with `.grad` of interior nodes and pictures, is better left eager.

    >>> import autograd_mini as ag
    >>> slope = ag.compile(ag.grad(lambda x: x * x * x))
    >>> slope(2.0), slope(3.0)
    (12.0, 27.0)
    >>> compile(lambda x, y: x * y, batch=True)([1.0, 2.0], [3.0, 4.0])
    array([3., 8.])
    """
    return Compiled(f, engine, batch)
