"""compile: a function that is recorded once, and from then on replayed."""

import functools
import gc
import inspect
import operator
import threading
import types
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from ..core.array_rows import CAST
from ..core.node import Node, changes, made
from ..core.readings import ARRAYS, FLOATS
from ..core.tensor import Tensor
from ..core.value import Value
from ..errors import CompileError, ShapeError
from ..support.coercion import BARE, FLOAT_TYPES, to_array, to_float
from ..support.containers import flatten, rebuild
from ..support.modes import is_inside, recorder
from ..support.quiet import QUIET, error_state
from ..symbols import Expr, symbol
from .bindings import bindings, checker
from .kernels import Unsupported, is_installed
from .native import Native, batched
from .passes import exact
from .plan import planned
from .program import Change, Guard, Program
from .source import HEADER, Writer, function_of
from .tape import MANY, Tape, is_tape
from .trace import Lowering, Restart, Trace, sorted_nodes, unique

QUICK = True  # whether sums may be added up in another order where that is quicker (to 1e-12)
LONGEST = 20_000  # operations of a program: Python takes a second to read so many lines
MOST = 8  # versions that are kept of a function for one kind of arguments
PLAIN = frozenset("fd?" + np.typecodes["AllInteger"])  # the dtypes of arguments that are taken as they are
ENGINES = ("auto", "numpy", "native", "tape")
FEW = 16  # results of which a quick call is made
QUICKLY_COMPILED = 2500  # elements of a program that "auto" makes native code of: some tenths of a second
CONTENT = operator.attrgetter("_content")
STATIC = (bool, str, bytes, type(None))


class TooMuch(CompileError):
    """A function that is better not compiled."""


class Raised(Exception):
    """Python's floats raised, where IEEE arithmetic has a result: the engine gives it."""


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
        self.quick: Callable[..., Any] | None = None  # its quick call, of `count` arguments
        self.count = 0
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
        if self.is_batch:
            return self.of_points(args)
        if self.quick is not None and not (kwargs or is_inside() or recorder()):
            found = self.quick(*args) if len(args) == self.count else None
            if found is not None and found is not False:
                return found
        return self.one(args, kwargs)

    def one(self, args: Any, kwargs: Any) -> Any:
        """Replay one call."""
        if self.reason is not None or is_inside() or recorder() is not None:
            return self.eagerly(args, kwargs)
        leaves: list[Any] = []
        key = key_of((args, kwargs) if kwargs else args, leaves)
        tried = self.versions.get(key, ())
        try:
            for version in tried:
                found = version.replay(leaves)
                if found is not None:
                    return found[0]
            return self.recorded(key, args, kwargs, leaves, tried)
        except Raised:
            return self.eagerly(args, kwargs)

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
        if version is None or version.native is None or version.is_tied or version.program is None:
            return slowly
        quick = version.native.bound(inputs, outputs)
        # Without guards nothing is returned, and nothing is to be asked
        return (lambda: slowly() if quick() else None) if version.program.guards else quick

    def of_points(self, args: Any) -> Any:
        """The results for each of many points, stacked: the arguments have one more axis, the first."""
        arrays = [to_array(x) for x in args]
        n = len(arrays[0]) if arrays and arrays[0].ndim else 0
        if not n or any(not x.ndim or len(x) != n for x in arrays):
            shapes = ", ".join(str(x.shape) for x in arrays)
            raise ShapeError(
                f"batch=True: arrays of as many points each, one at least, are needed, got {shapes}"
            )
        points = (tuple(x[i] if x.ndim > 1 else float(x[i]) for x in arrays) for i in range(n))
        value = self.one(next(points), {})  # records a version where there is none
        version = self.latest
        if version is None or version.program is None or version.program.guards or version.program.changes:
            raise CompileError(
                "batch=True: the function branches on its numbers, or changes what it closes over"
            )
        if version.native is None:
            found = [
                [x for _, x in flatten(one)] for one in (value, *(self.one(point, {}) for point in points))
            ]
            outputs = [np.array(column) for column in zip(*found, strict=True)]
        else:
            version.batch = version.batch or batched(version.program, len(arrays))
            outputs = version.batch(n, version.read(arrays))
        return version.result(outputs)

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
            kept = [one for one in had if one.is_current()]
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
                self.quick = None
                warnings.warn(self.reason, RuntimeWarning, stacklevel=3)
                return self.eagerly(args, kwargs)
            self.versions[key] = [*kept, version]
            self.latest = version
            self.quick, self.count = version.quick_call(len(args)) if not kwargs else None, len(args)
        found = version.replay(leaves)
        return found[0] if found is not None else self.eagerly(args, kwargs)


def _name(f: Any) -> str:
    return str(getattr(f, "__name__", type(f).__name__))


# ---- Arguments --------------------------------------------------------------------------------------------------------


def key_of(tree: Any, leaves: list[Any]) -> Any:
    """What decides which version serves: the structure, kinds, shapes and dtypes; the numbers and arrays go into `leaves`."""
    kind = type(tree)
    if kind is float:
        leaves.append(tree)
        return float
    if kind is np.ndarray and tree.dtype.char in PLAIN and tree.dtype.isnative:
        leaves.append(tree)
        return tree.shape, tree.dtype.char
    if kind is Tensor or isinstance(tree, np.ndarray):
        return key_of(_plain(tree), leaves)
    if kind is list and {*map(type, tree)} == {float}:
        leaves += tree
        return list, len(tree)
    if kind is list or isinstance(tree, tuple):
        return kind, *[key_of(part, leaves) for part in tree]
    if kind is dict:
        return dict, *[(name, key_of(part, leaves)) for name, part in tree.items()]
    if kind in STATIC:
        return kind, tree
    if kind is Value or isinstance(tree, BARE):
        leaves.append(tree.data if kind is Value else to_float(tree))
        return float
    try:
        hash(tree)
    except TypeError:
        raise CompileError(
            f"compile: an argument is a {kind.__name__}: "
            "pass numbers, arrays, nodes, and lists, tuples and dicts of them"
        ) from None
    return kind, tree  # another object stands for itself


def _plain(x: Any) -> Any:
    """The array of an argument, as a program reads it; an error for one that is none of numbers."""
    x = x.data if type(x) is Tensor else x
    if type(x) is np.ndarray and x.dtype.char in PLAIN and x.dtype.isnative:
        return x
    return to_array(x)


def _as_node(x: Any, label: str | None) -> tuple[Any, Any]:
    """The node that the function is given in place of an argument, and the leaf that holds the data; others as they are."""
    meta = None if label is None else {"label": label}
    if type(x) in STATIC or not isinstance(x, (np.ndarray, Node, *BARE)):
        return x, None
    if isinstance(x, (Value, *BARE)):
        node = made(FLOATS, x.data if isinstance(x, Value) else to_float(x), None, (), True, meta)
        return node, node
    data = _plain(x)
    if data.dtype in FLOAT_TYPES:
        node = made(ARRAYS, data.view(), None, (), True, meta)
        return node, node
    source = made(ARRAYS, data, None, (), False, meta)
    return made(ARRAYS, to_array(data), CAST(np.dtype(float)), (source,), True, meta), source


def _raw(x: Any) -> Any:
    """A result as the caller gets it."""
    return (x.data if isinstance(x, Value) else np.array(x.data)[()]) if isinstance(x, Node) else x


def _names(f: Any, args: Any, kwargs: Any) -> Iterator[str]:
    """A name for each leaf of the arguments, in order."""
    try:
        parameters = [*inspect.signature(f).parameters]
    except (TypeError, ValueError):
        parameters = []
    stems = [*parameters[: len(args)], *(f"x{i}" for i in range(len(parameters), len(args)))]
    for stem, argument in zip([*stems, *kwargs], [*args, *kwargs.values()], strict=True):
        yield from (f"{stem}{path}" for path, _ in flatten(argument))


# ---- Versions ---------------------------------------------------------------------------------------------------------


class _Place(int):
    """Where an output stands in the result."""


def _maker(tree: Any) -> Callable[[list[Any]], Any]:
    """Return a function that puts outputs in the places of a result; it runs at every call."""
    kind = type(tree)
    if kind is _Place:
        return operator.itemgetter(tree)
    if kind in (list, tuple) and tree and all(type(x) is _Place for x in tree):  # they are neighbours
        whole = operator.itemgetter(slice(tree[0], tree[-1] + 1))
        return whole if kind is list else lambda outputs: tuple(whole(outputs))
    if kind in (list, tuple):
        parts = [*map(_maker, tree)]
        return lambda outputs: kind([part(outputs) for part in parts])
    return lambda outputs: rebuild(tree, lambda x: outputs[x] if type(x) is _Place else x)


def _text(tree: Any, outputs: Sequence[str]) -> str:
    """A result as Python; "" for one of other things than outputs in lists and tuples."""
    if type(tree) is _Place:
        return outputs[tree]
    parts = [_text(part, outputs) for part in tree] if type(tree) in (list, tuple) and tree else [""]
    joined = "".join(f"{part}, " for part in parts)
    return "" if "" in parts else f"[{joined}]" if type(tree) is list else f"({joined})"


def record(
    f: Callable[..., Any], args: Any, kwargs: Any, is_quick: bool, beside: Sequence[Any] = (),
    engine: str = "auto", is_kept: bool = False,
) -> "Version":  # fmt: skip
    """Run the function once on nodes; return the version that replays it.

    `beside`: functions that f calls though they are not in its closure; `is_quick`: whether sums may be added up in another order;
    `is_kept`: whether leaves keep their arrays, and changes come all or not at all.
    """
    if engine in ("native", "tape") and not is_installed():
        raise ImportError(f"engine={engine!r} needs llvmlite: python -m pip install 'autograd-mini[fast]'")
    fewest = {"auto": MANY if is_installed() and is_quick else None, "tape": 0}.get(engine)
    collects = gc.isenabled()
    gc.disable()  # it would walk the growing graph again and again: half the time of a large one
    try:
        with suppress(Restart):
            return Version(Trace(fewest), f, args, kwargs, is_quick, beside, engine, is_kept)
        return Version(Trace(fewest, is_lazy=False), f, args, kwargs, is_quick, beside, engine, is_kept)
    finally:
        if collects:
            gc.enable()


class Version:
    """One recorded way through a function: what runs, and what it reads and writes outside its arguments."""

    is_whole = False  # whether it is a step of training with its update

    def __init__(
        self, trace: Trace, f: Callable[..., Any], args: Any, kwargs: Any, is_quick: bool,
        beside: Sequence[Any], engine: str, is_kept: bool,
    ) -> None:  # fmt: skip
        self.name, self.is_quick = unique(_name(f), set()), is_quick
        self.program: Program | None = None
        self.native: Native | None = None
        self.batch: Any = None  # made when it is asked for
        self.vectors: list[Any] = []
        self.views: list[tuple[Any, Any]] = []  # of leaves, each with its place in a vector
        found = bindings(f, [*args, *kwargs.values(), *beside])
        self.is_bound = checker(found)
        arguments, taken, names = dict[Any, Expr](), set[str](), _names(f, args, kwargs)

        def enter(x: Any) -> Any:
            node, source = _as_node(x, next(names))
            if source is not None:
                arguments[source] = symbol(unique(source.label or "x", taken), source.shape, source.dtype)
            return node

        given = rebuild((args, kwargs), enter)
        try:
            result = trace.run(f, *given)
        finally:
            grads = trace.undo()
        del given
        outputs: list[Any] = []

        def leave(x: Any) -> Any:
            if isinstance(x, np.ndarray):
                what = f"{_name(f)} returned a raw array of shape {x.shape}"
                raise CompileError(f"compile: {what}, which would be frozen: return a node")
            outputs.extend([x] if isinstance(x, Node) else [])
            return _Place(len(outputs) - 1) if isinstance(x, Node) else x

        self.tree = rebuild(result, leave)
        del result
        self.result = _maker(self.tree)
        self.kinds = [_kind(node) for node in outputs]
        changed = [(leaf, news[-1][1], "data") for leaf, news in trace.changes.items()]
        for leaf, (_, forgotten) in trace.grads.items():
            if leaf not in arguments and isinstance(grads[leaf], Node):
                changed.append((leaf, grads[leaf], "grad" if forgotten else "more grad"))
        self.targets = [leaf for leaf, _, _ in changed]
        self.changed = [leaf for leaf, _, what in changed if what == "data"]
        self.grads = [(leaf, what == "more grad") for leaf, _, what in changed if what != "data"]
        # Whether gradients are set as they are found
        self.is_set = not any(
            is_more or type(leaf) is Value or not leaf.shape for leaf, is_more in self.grads
        )
        tests, new = [test for test, _, _ in trace.guards], [value for _, value, _ in changed]
        order = sorted_nodes([*tests, *outputs, *new, *self.targets])
        strict = any(isinstance(x, np.ndarray) for _, _, x in found)
        lowering = Lowering(trace, arguments, taken, order, strict)
        self.run: Any = None
        if trace.fewest is not None and is_tape(trace, order, [*arguments]):
            with suppress(Unsupported):
                self.run = Tape(lowering, outputs, new)
        if self.run is None:
            if engine == "tape":
                what = "engine='tape' runs Values alone, by rules that can be read, and no updates"
                raise CompileError(f"compile: {what}. Take engine='auto'")
            if trace.pulled:
                raise Restart
            lowering.lower()
            exprs = lowering.exprs
            program = Program(
                (*arguments.values(), *lowering.inputs()),
                tuple(Guard(exprs[test], outcome, line) for test, outcome, line in trace.guards),
                tuple(exprs[node] for node in outputs),
                tuple(Change(exprs[leaf], exprs[value], what) for leaf, value, what in changed),
                frozenset(lowering.floats),
                is_kept=is_kept,
            )
            self.choose(program, engine)
        self.is_silent = self.program is None or self.native is not None
        self.engine = "tape" if self.program is None else "native" if self.native else "numpy"
        live = lowering.inputs()
        self.nodes = [x for x in live.values() if isinstance(x, Node)]
        self.arrays = [x for x in live.values() if isinstance(x, np.ndarray)] + self.vectors
        places = {x: i for i, x in enumerate([*arguments.values(), *live])}
        self.ranges = [
            (places[x], count, who)
            for node, count, who in trace.ranges
            if (x := lowering.exprs.get(node)) in places
        ]
        self.indices = lowering.indices
        self.is_tied = bool(live or self.ranges or self.targets)  # to more than its arguments
        floats = self.program.kinds() if self.program and self.native else set[Expr]()
        results = self.program.outputs if self.program else outputs
        # Whether what runs gives the very results, and whether it does so of its arguments alone
        self.is_final = self.is_silent and all(
            kind is None or (kind is float and (self.program is None or x in floats))
            for x, kind in zip(results, self.kinds, strict=True)
        )
        self.is_bare = self.is_final and not (self.is_tied or found or self.indices)
        self.arguments = len(arguments)

    def quick_call(self, count: int) -> Callable[..., Any] | None:
        """A function of so many arguments that gives the very result, or None where they are not as they were recorded.

        None where there is no native code, or more to be done than it does.
        """
        native, more = self.native, self.grads or self.ranges or self.indices or not self.is_final
        if native is None or more or self.arguments != count or not 0 < len(native.results) <= FEW:
            return None
        text = _text(self.tree, native.results)
        live = [(f"x{i}", x) for i, x in enumerate([*self.nodes, *self.arrays], count)]
        before = [f"{name} = {name}_{'._content' * isinstance(x, Node)}" for name, x in live]
        if not self.is_bare:
            before.insert(0, "if not is_bound(): return None")
        space = {f"{name}_": x for name, x in live} | {f"leaf{i}": x for i, x in enumerate(self.changed)}
        ticks = [f"leaf{i}._version" for i, _ in enumerate(self.changed)]
        after = ["changes.count += 1", f"{' = '.join(ticks)} = changes.count"] if ticks else []
        given, space = (
            [f"x{i}" for i in range(count)],
            space | {"is_bound": self.is_bound, "changes": changes},
        )
        return native.function(given, before, after, text, **space) if text else None

    def choose(self, program: Program, engine: str) -> None:
        """Make what runs a program."""
        if (count := sum(1 for _ in program.instructions())) > LONGEST:
            raise TooMuch(f"makes {count:,} operations, more than straight lines are good for ({LONGEST:,})")
        self.program = exact(program)
        self.native = _native(self.program, self.is_quick, engine)
        if self.native is not None:
            self.run = self.native.call
            return
        program = planned(self.program, self.is_quick)
        self.run = function_of(Writer(program, self.name, self.is_quick).body, self.name)
        leaves = dict(zip((change.target for change in self.program.changes), self.targets, strict=True))
        for flat in program.flats:  # a vector in which the data of some leaves lie side by side
            data, end = np.empty(flat.vector.shape or (), flat.vector.dtype), 0
            for leaf in map(leaves.__getitem__, flat.targets):
                self.views.append((leaf, data[end : end + leaf.size].reshape(leaf.shape)))
                end += leaf.size
            self.vectors.append(data)

    @property
    def source(self) -> str:
        """The program as Python that calls NumPy; of a tape what it runs, instruction by instruction."""
        if self.program is None:
            return f"{HEADER}\n\n{self.run.source(self.name)}"
        program = planned(self.program, self.is_quick)
        return f"{HEADER}\n\n{Writer(program, self.name, self.is_quick).body}"

    def is_current(self) -> bool:
        """Whether all that the function closes over is bound as it was, and index arrays hold what they held."""
        if not self.indices:
            return self.is_bound()
        return self.is_bound() and all(np.array_equal(array, was) for array, was in self.indices)

    def read(self, leaves: Sequence[Any]) -> Sequence[Any]:
        """The arguments, and what is read beside them."""
        for leaf, view in self.views:
            if leaf._content is not view:  # it was given other data: they go where the vector has its place
                np.copyto(view, leaf._content)
                leaf._content = view
        return *leaves, *map(CONTENT, self.nodes), *self.arrays

    def replay(self, leaves: Sequence[Any]) -> Any:
        """Return [result] for these arguments, or None where the function would take another way."""
        if not self.is_bare:
            if not self.is_bound() or (self.indices and not self.is_current()):
                return None
            leaves = self.read(leaves)
            for i, count, who in self.ranges:
                check_range(leaves[i], count, who)
        found = self.run(*leaves) if self.is_silent else self.computed(leaves)
        if found is False and self.native is not None:
            found = self.native.copied(*leaves)
        if not found:
            return None
        outputs, grads = found
        new = grads if self.is_set else self.gradients(grads)
        for (leaf, _), grad in zip(self.grads, new, strict=True) if grads else ():
            leaf.grad = grad
        if self.changed:
            changes.count += 1
            for leaf in self.changed:
                leaf._version = changes.count
        if not self.is_final:
            pairs = zip(outputs, self.kinds, strict=True)
            outputs = [kind(x) if kind else x if x.shape else x[()] for x, kind in pairs]
        return [self.result(outputs)]

    def gradients(self, found: Sequence[Any]) -> Iterator[Any]:
        """What each `.grad` becomes by what was found."""
        for (leaf, is_more), grad in zip(self.grads, found, strict=True):
            new = grad if type(grad) is float else float(grad) if type(leaf) is Value else np.asarray(grad)
            yield leaf.grad + new if is_more and leaf.grad is not None else new

    def written(self, inputs: Sequence[Any]) -> list[Any]:
        """Of the inputs those that a run has written into."""
        program: Any = self.program
        places = {x: i for i, x in enumerate(program.inputs if program else ())}
        return [
            inputs[places[one.target]] for one in (program.changes if program else ()) if one.what == "data"
        ]

    def computed(self, inputs: Sequence[Any]) -> Any:
        """What runs gives; NumPy's lines without a warning of NumPy, and Raised where Python's floats raise."""
        if self.is_silent:
            return self.run(*inputs)
        before = error_state.get()
        try:
            error_state.set(QUIET)
            return self.run(*inputs)
        except (ArithmeticError, ValueError):
            if self.program is None or not self.program.floats:
                raise
            raise Raised from None
        finally:
            error_state.set(before)


def _kind(node: Any) -> type | None:
    """What an output is turned into: a Value's number, or nothing."""
    return None if type(node) is Tensor else bool if isinstance(node.data, bool | np.bool_) else float


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
    only_floats = program.floats.issuperset(program.inputs)
    if engine == "numpy" or not is_installed() or not (engine == "native" or is_quick or only_floats):
        return None
    try:
        return Native(program, *(() if engine == "native" else (QUICKLY_COMPILED,)))
    except Unsupported as error:
        if engine == "native":
            why = f"engine='native' cannot run this: {error}"
            raise CompileError(f"compile: {why}. Take engine='auto'") from None
        return None


def compile(f: Callable[..., Any], *, engine: str = "auto", batch: bool = False) -> Compiled:
    """Return a function that does what `f` does, recorded at its first call and replayed from then on.

    Arguments and results are numbers, arrays and nested lists, tuples and dicts of them; nodes are taken by their numbers. `f` is
    run once on nodes for each structure, shape and dtype, and may itself call `ag.grad`, `ag.hessian` or `backward()`. Parameters
    and arrays that it closes over are read at each call. A Python branch on a node's value is a guard: where a later call decides
    otherwise, `f` is recorded again, up to 8 times; then it runs uncompiled, with one warning, as does one on arrays of more than
    20,000 operations. Integers are numbers like any other; booleans and strings choose a version. `.source` is the source of the
    last version as NumPy, `.reason` why calls are not replayed.
    `engine`: "numpy", lines of NumPy; "native", machine code for small programs of float64, and "tape", for any number of single
    Values, both by llvmlite (the extra `fast`); "auto", the quickest there is. Of single Values all give the engine's own bits, but
    for sums of products on a tape; of arrays, sums and functions up to rounding.
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
