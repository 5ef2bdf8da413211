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
from functools import partial
from itertools import groupby
from typing import Any

import numpy as np

from ..core.array_rows import CAST
from ..core.node import Node, changes, made, plain
from ..core.readings import ARRAYS, FLOATS
from ..core.tensor import Tensor
from ..core.value import Value
from ..errors import CompileError, ShapeError
from ..support.coercion import BARE, FLOAT_TYPES, to_array, to_float
from ..support.containers import flatten, rebuild, refill
from ..support.modes import is_inside
from ..support.quiet import QUIET, error_state
from ..symbols import Expr, symbol
from .bindings import Binding, bindings, checker
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
        if self.quick is not None and not (kwargs or is_inside()) and len(args) == self.count:
            found = self.quick(*args)
            if found is not None and found is not False:
                return found
        return self.of_points(args) if self.is_batch else self.one(args, kwargs)

    def one(self, args: Any, kwargs: Any) -> Any:
        """Replay one call."""
        if self.reason is not None or is_inside():
            return self.eagerly(args, kwargs)
        leaves: list[Any] = []
        key = key_of((args, kwargs) if kwargs else args, leaves)
        try:
            found = self.replayed(key, leaves)
            if found is None:
                with self.lock:  # another thread may have recorded in the meantime
                    found = self.replayed(key, leaves) or self.recorded(key, args, kwargs).replay(leaves)
        except Raised:
            found = None
        except TooMuch as error:
            found = self.quick = None
            self.reason = f"compile: {_name(self.function)} {error}: it runs uncompiled from now on"
            warnings.warn(self.reason, RuntimeWarning, stacklevel=3)
        return self.eagerly(args, kwargs) if found is None else found[0]

    def replayed(self, key: Any, leaves: Sequence[Any]) -> Any:
        """[result] by the first version that fits, or None."""
        for version in self.versions.get(key, ()):
            if (found := version.replay(leaves)) is not None:
                return found
        return None

    def recorded(self, key: Any, args: Any, kwargs: Any) -> "Version":
        """A version of this call, which is kept."""
        had = self.versions.get(key, ())
        kept = [one for one in had if one.is_current()]
        self.outdated += len(had) - len(kept)
        if len(kept) >= MOST or self.outdated >= 4 * MOST:
            advice = "or what it closes over is bound anew all the time (pass that as an argument)"
            raise TooMuch(f"took more than {MOST} different ways through its branches, {advice}")
        readers = [self.function, *args, *kwargs.values()]
        self.latest = version = record(self.function, args, kwargs, QUICK, readers, engine=self.engine)
        self.versions[key] = [*kept, version]
        has_quick = not (kwargs or self.is_batch)
        self.quick, self.count = version.quick_call(len(args)) if has_quick else None, len(args)
        return version

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
        if not all(is_plain(x) and x.dtype == float and x.flags.carray for x in [*inputs, *outputs]):
            raise TypeError("bind: arrays of float64, contiguous, are needed, as np.empty gives them")
        shapes, given = [np.shape(x) for _, x in flatten(self(*inputs))], [x.shape for x in outputs]
        if shapes != given:
            raise ShapeError(f"bind: outputs of the shapes {shapes} are needed, got {given}")

        def slowly() -> None:
            for out, (_, x) in zip(outputs, flatten(self(*inputs)), strict=True):
                np.copyto(out, x)

        version: Any = self.latest
        if version is None or version.native is None or version.is_tied or version.native.program.guards:
            return slowly
        return version.native.bound(inputs, outputs)  # type: ignore[no-any-return]

    def of_points(self, args: Any) -> Any:
        """The results for each of many points, stacked: the arguments have one more axis, the first."""
        arrays = [to_array(x) for x in args]
        n = len(arrays[0]) if arrays and arrays[0].ndim else 0
        if not n or any(not x.ndim or len(x) != n for x in arrays):
            what = f"are needed, got {', '.join(str(x.shape) for x in arrays)}"
            raise ShapeError(f"batch=True: arrays of as many points each, one at least, {what}")
        points = (tuple(x[i] if x.ndim > 1 else float(x[i]) for x in arrays) for i in range(n))
        value = self.one(next(points), {})  # records a version where there is none
        version = self.latest
        if version is None or version.program is None or version.program.guards or version.program.changes:
            what = "the function branches on its numbers, or changes what it closes over"
            raise CompileError(f"batch=True: {what}")
        if version.native is None:
            every = ([x for _, x in flatten(self.one(point, {}))] for point in points)
            return refill(value, map(np.array, zip([x for _, x in flatten(value)], *every, strict=True)))
        version.batch = version.batch or batched(version.program, len(arrays))
        outputs = version.batch(n, version.read(arrays))
        return rebuild(version.tree, lambda x: outputs[x] if type(x) is _Place else np.full(n, x))

    def eagerly(self, args: Any, kwargs: Any) -> Any:
        """Call the function itself, on nodes, and give what a replay gives."""
        if is_inside():
            return self.function(*args, **kwargs)
        args, kwargs = rebuild((args, kwargs), lambda x: _as_node(x, None)[0])
        return rebuild(self.function(*args, **kwargs), _raw)


def _name(f: Any) -> str:
    return str(getattr(f, "__name__", type(f).__name__))


# ---- Arguments --------------------------------------------------------------------------------------------------------


def key_of(tree: Any, leaves: list[Any]) -> Any:
    """What decides which version serves: the structure, kinds, shapes and dtypes; the numbers and arrays go into `leaves`."""
    kind = type(tree)
    if kind is list and {*map(type, tree)} == {float}:
        leaves += tree
        return list, len(tree)
    if kind is list or isinstance(tree, tuple):
        return kind, *[key_of(part, leaves) for part in tree]
    if kind is dict:
        return dict, *[(name, key_of(part, leaves)) for name, part in tree.items()]
    if _is_data(tree):
        leaves.append(leaf := _plain(tree))
        return float if type(leaf) is float else (leaf.shape, leaf.dtype.char)
    try:
        hash(tree)
    except TypeError:
        advice = "pass numbers, arrays, nodes, and lists, tuples and dicts of them"
        raise CompileError(f"compile: an argument is a {kind.__name__}: {advice}") from None
    return kind, tree  # another object stands for itself


def is_plain(x: Any) -> bool:
    """Whether it is an array that a program reads as it is."""
    return type(x) is np.ndarray and x.dtype.char in PLAIN and x.dtype.isnative


def _is_data(x: Any) -> bool:
    return isinstance(x, (np.ndarray, Node, *BARE)) and type(x) is not bool


def _plain(x: Any) -> Any:
    """The number or array of an argument, as a program reads it; an error for an array of other things than numbers."""
    x = plain(x)
    if type(x) is float or is_plain(x):
        return x
    return to_float(x) if isinstance(x, BARE) else to_array(x)


def _as_node(x: Any, label: str | None) -> tuple[Any, Any]:
    """The node that the function is given in place of an argument, and the leaf that holds the data; others as they are."""
    if not _is_data(x):
        return x, None
    meta, data = None if label is None else {"label": label}, _plain(x)
    if type(data) is float or data.dtype in FLOAT_TYPES:
        kind: Any = FLOATS if type(data) is float else ARRAYS
        node = made(kind, data if kind is FLOATS else data.view(), None, (), True, meta)
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


def _text(tree: Any, outputs: Sequence[str], held: list[Any]) -> str:
    """A result as Python. `outputs`: how each is read, empty where a list of them is; other things stand in `held`."""
    kind = type(tree)
    if kind is _Place:
        return outputs[tree] if outputs else f"outputs[{tree:d}]"
    if not isinstance(tree, list | tuple | dict) or not tree:
        held.append(tree)
        return f"held[{len(held) - 1}]"
    parts: list[str] = []
    for one, group in groupby(tree.values() if isinstance(tree, dict) else tree, type):
        run = [*group]
        if one in (float, _Place) and len(run) > 1 and not outputs and kind in (list, tuple):  # neighbours
            held += [run] if one is float else []
            parts.append(f"*held[{len(held) - 1}]" if one is float else f"*outputs[{run[0]:d}:{run[-1] + 1}]")
        else:
            parts += [_text(part, outputs, held) for part in run]
    if isinstance(tree, dict):
        names = [_text(name, outputs, held) for name in tree]
        return f"{{{', '.join(map(': '.join, zip(names, parts, strict=True)))}}}"
    if hasattr(tree, "_fields"):
        return f"{_text(kind, outputs, held)}({', '.join(parts)})"
    if isinstance(tree, list):
        is_slice = len(parts) == 1 and parts[0].startswith("*outputs")  # which is a list already
        return parts[0][1:] if is_slice else f"[{', '.join(parts)}]"
    return f"({', '.join(parts)},)"


def record(
    f: Callable[..., Any], args: Any, kwargs: Any, is_quick: bool, readers: Sequence[Any],
    watched: Sequence[Binding] = (), engine: str = "auto", is_kept: bool = False,
) -> "Version":  # fmt: skip
    """Run the function once on nodes; return the version that replays it.

    `is_quick`: whether sums may be added up in another order; `readers`: the functions and objects that may read something by name;
    `watched`: what else must stay bound as it is; `is_kept`: whether leaves keep their arrays, and changes come all or not at all.
    """
    if engine in ("native", "tape") and not is_installed():
        raise ImportError(f"engine={engine!r} needs llvmlite: python -m pip install 'autograd-mini[fast]'")
    fewest = {"auto": MANY if is_installed() and is_quick else None, "tape": 0}.get(engine)
    collects = gc.isenabled()
    gc.disable()  # it would walk the growing graph again and again: half the time of a large one
    try:
        make = partial(Version, f, args, kwargs, is_quick, readers, watched, engine, is_kept)
        with suppress(Restart):
            return make(Trace(fewest))
        return make(Trace(fewest, is_lazy=False))
    finally:
        if collects:
            gc.enable()


class Version:
    """One recorded way through a function: what runs, and what it reads and writes outside its arguments."""

    is_whole = False  # whether it is a step of training with its update

    def __init__(
        self, f: Callable[..., Any], args: Any, kwargs: Any, is_quick: bool, readers: Sequence[Any],
        watched: Sequence[Binding], engine: str, is_kept: bool, trace: Trace,
    ) -> None:  # fmt: skip
        self.name, self.is_quick = unique(_name(f), set()), is_quick
        self.program: Program | None = None
        self.native: Native | None = None
        self.batch: Any = None  # made when it is asked for
        self.run: Any = None
        self.lean: list[bool] = []  # what comes behind the inputs where gradients are not wanted
        self.vectors: list[Any] = []
        self.views: list[tuple[Any, Any]] = []  # of leaves, each with its place in a vector
        found = bindings(readers)
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
        changed = [(leaf, news[-1][1], "data") for leaf, news in trace.changes.items()]
        for leaf, (_, forgotten) in trace.grads.items():
            if leaf not in arguments and isinstance(grads[leaf], Node):
                changed.append((leaf, grads[leaf], "grad" if forgotten else "more grad"))
        self.targets = [leaf for leaf, _, _ in changed]
        self.changed = [leaf for leaf, _, what in changed if what == "data"]
        self.grads = [(leaf, what == "more grad") for leaf, _, what in changed if what != "data"]
        tests, new = [test for test, _, _ in trace.guards], [value for _, value, _ in changed]
        nodes = [x for _, x in flatten(result) if isinstance(x, Node)]
        order = sorted_nodes([*arguments, *tests, *nodes, *new, *self.targets])
        del nodes
        strict = any(isinstance(x, np.ndarray) for _, _, x in found)
        lowering, outputs = Lowering(trace, arguments, taken, order, strict), list[Any]()

        def leave(x: Any) -> Any:
            if isinstance(x, np.ndarray):
                what = f"{_name(f)} returned a raw array of shape {x.shape}"
                raise CompileError(f"compile: {what}, which would be frozen: return a node")
            if not isinstance(x, Node):
                return x
            if type(x) is Value and x._left is None and x not in arguments and lowering.is_constant(x):
                return x.data
            outputs.append(x)
            return _Place(len(outputs) - 1)

        self.tree = rebuild(result, leave)
        del result
        if is_tape(trace, order):
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
        self.engine = "tape" if self.program is None else "native" if self.native else "numpy"
        live = lowering.inputs()
        self.nodes = [x for x in live.values() if isinstance(x, Node)]
        self.arrays = [x for x in live.values() if isinstance(x, np.ndarray)] + self.vectors
        places = {x: i for i, x in enumerate([*arguments.values(), *live])}
        labels = [(lowering.exprs.get(node), count, who) for node, count, who in trace.ranges]
        self.ranges = [(places[x], count, who) for x, count, who in labels if x in places]
        self.is_tied = bool(live or self.ranges or new)  # to more than its arguments
        self.bindings = [*found, *watched, *lowering.indices]
        # Whether all that the function closes over is bound as it was, and index arrays hold what they held
        self.is_current = checker(self.bindings)
        self.arguments = len(arguments)
        floats = self.program.kinds() if self.program else {*outputs}
        results = self.program.outputs if self.program else outputs
        is_native, pairs = self.native is not None, zip(results, outputs, strict=True)
        self.ends = [_end(node, x in floats, is_native) for x, node in pairs]
        self.held: list[Any] = []
        is_plain = {*self.ends} <= {"{}"}
        texts = [] if is_plain else [end.format(f"outputs[{i}]") for i, end in enumerate(self.ends)]
        self.result = eval(f"lambda outputs: {_text(self.tree, texts, self.held)}", {"held": self.held})

    def quick_call(self, count: int) -> Callable[..., Any] | None:
        """A function of so many arguments that gives the very result, or None where they are not as they were recorded.

        None where there is no native code, or more to be done than it does.
        """
        native = self.native
        is_more = self.grads or self.ranges or not 0 < len(self.ends) <= FEW
        if native is None or is_more or self.arguments != count:
            return None
        given = [f"x{i}" for i in range(count)]
        space = {"is_current": self.is_current, "changes": changes, "held": self.held}
        before = ["if not is_current(): return None"] if self.bindings else []
        for i, x in enumerate([*self.nodes, *self.arrays], count):
            space[f"source{i}"] = x
            before.append(f"x{i} = source{i}{'._content' * isinstance(x, Node)}")
        space |= {f"leaf{i}": x for i, x in enumerate(self.changed)}
        ticks = [f"leaf{i}._version = " for i, _ in enumerate(self.changed)]
        after = ["changes.count += 1", f"{''.join(ticks)}changes.count"] if ticks else []
        texts = [end.format(text) for end, text in zip(self.ends, native.results, strict=True)]
        return native.function(given, before, after, _text(self.tree, texts, self.held), **space)

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
        self.lean = [True] if program.is_kept else []
        leaves = dict(zip((change.target for change in self.program.changes), self.targets, strict=True))
        for flat in program.flats:  # a vector in which the data of some leaves lie side by side
            data, end = np.empty(flat.vector.shape or (), flat.vector.dtype), 0
            for leaf in map(leaves.__getitem__, flat.targets):
                self.views.append((leaf, data[end : end + leaf.size].reshape(leaf.shape)))
                end += leaf.size
            self.vectors.append(data)

    @property
    def source(self) -> str:
        """The program as Python that calls NumPy; CompileError for a tape."""
        if self.program is None:
            raise CompileError("compile: a tape has no source: take engine='numpy'")
        program = planned(self.program, self.is_quick)
        return f"{HEADER}\n\n{Writer(program, self.name, self.is_quick).body}"

    def read(self, leaves: Sequence[Any]) -> Sequence[Any]:
        """The arguments, and what is read beside them."""
        for leaf, view in self.views:
            if leaf._content is not view:  # it was given other data: they go where the vector has its place
                np.copyto(view, leaf._content)
                leaf._content = view
        return *leaves, *map(CONTENT, self.nodes), *self.arrays

    def replay(self, leaves: Sequence[Any]) -> Any:
        """Return [result] for these arguments, or None where the function would take another way."""
        if not self.is_current():
            return None
        leaves = self.read(leaves)
        check_ranges(self.ranges, leaves)
        found = self.computed(leaves)
        if found is False and self.native is not None:
            found = self.native.copied(*leaves)
        if not found:
            return None
        outputs, grads = found
        for (leaf, _), grad in zip(self.grads, self.gradients(grads), strict=True) if grads else ():
            leaf.grad = grad
        if self.changed:
            changes.count += 1
            for leaf in self.changed:
                leaf._version = changes.count
        return [self.result(outputs)]

    def gradients(self, found: Sequence[Any]) -> Iterator[Any]:
        """What each `.grad` becomes by what was found."""
        for (leaf, is_more), grad in zip(self.grads, found, strict=True):
            new = grad if type(grad) is float else float(grad) if type(leaf) is Value else np.asarray(grad)
            yield leaf.grad + new if is_more and leaf.grad is not None else new

    def written(self, inputs: Sequence[Any]) -> list[Any]:
        """Of the inputs those that a run has written into."""
        data = dict(zip(self.nodes, inputs[self.arguments :], strict=False))
        return [data[leaf] for leaf in self.changed]

    def computed(self, inputs: Sequence[Any]) -> Any:
        """What runs gives; NumPy's lines without a warning of NumPy, and Raised where Python's floats raise."""
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


def _end(node: Any, is_float: bool, is_native: bool) -> str:
    """How what was computed of a node becomes a result: a Value's number, or an array, of one number a NumPy number."""
    if type(node) is Tensor:
        return "{}" if node.shape or is_native else "{}[()]"
    return "bool({})" if isinstance(node.data, bool | np.bool_) else "{}" if is_float else "float({})"


def check_ranges(ranges: Sequence[tuple[int, int, str]], inputs: Sequence[Any]) -> None:
    """Raise IndexError for a class that is none of so many. `ranges`: (which input, how many classes, who says so)."""
    for i, count, who in ranges:
        labels = inputs[i]
        numbers = labels.ravel().tolist() if labels.size <= 16 else [labels.min(), labels.max()]
        if bad := [x for x in numbers if not 0 <= x < count]:
            raise IndexError(f"{who}: target {bad[0]} out of range for {count} classes")


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
    last version as NumPy (a tape has none), `.reason` why calls are not replayed.
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
