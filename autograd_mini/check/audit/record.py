"""What a script computes, recorded: arrays and numbers that remember the operation and the place they came from.

Every value is a `Step` of a `Record`: a NumPy function, its operands (steps or plain constants), its value and the stack of
places in the person's files. Writing into an array makes a new step (`put`), so the record is a functional program that can
be run again, on other numbers or on ag.Tensor. Recording never raises: what slips through becomes a constant.

The value of a small array is a copy. That of a large one is the script's own memory, and is copied when the script is about
to write there.
"""

import operator
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

DEEPEST = 12  # frames of the script that are remembered for a step
SMALL = 4096  # elements of an array that is copied, and compared whole
SAMPLED = 500  # elements of a larger array that tell whether it was written unseen
FIRST_CHECK, GROWTH = 250, 1.25  # how many steps there are when it is asked whether they are enough


class Stop(BaseException):
    """Ends the script once enough steps of its training were followed."""


class Step:
    """One value: what was called on what, where, and what came out."""

    __slots__ = ("args", "func", "id", "kwargs", "name", "parents", "stack", "value")

    def __init__(self, number: int, func: Any, args: Any, kwargs: Any, value: Any, stack: Any) -> None:
        self.id, self.func, self.args, self.kwargs = number, func, args, kwargs
        self.value, self.stack = value, stack
        self.name: str = getattr(func, "__name__", str(func))
        self.parents: list[Step] = []
        collect(args, self.parents)
        if kwargs:
            collect(list(kwargs.values()), self.parents)


def collect(args: Any, found: list[Step]) -> None:
    """Append the steps among nested arguments."""
    for x in args:
        if type(x) is Step:
            found.append(x)
        elif isinstance(x, list | tuple):
            collect(x, found)


class Memory:
    """One block of memory: the step that equals it now, how often it was written, and the values that are not copied."""

    __slots__ = ("held", "mark", "root", "step", "version")

    def __init__(self, root: np.ndarray, step: Step) -> None:
        self.root, self.version, self.held = root, -1, list[Step]()
        self.becomes(step)

    def becomes(self, step: Step) -> None:
        """The memory was written, and equals this step now."""
        self.step, self.mark = step, self.sample()
        self.version += 1
        self.hold(step)

    def hold(self, step: Step) -> None:
        """The value lies in this memory, unless it is small."""
        if step.value.size > SMALL:
            self.held.append(step)

    def release(self) -> None:
        """The memory is about to be written: copy the values that lie in it."""
        for step in self.held:
            step.value = np.array(step.value)
        self.held = []

    def sample(self) -> bytes:
        """Elements that differ where the memory was written."""
        root = self.root
        return root.tobytes() if root.size <= SMALL else root.flat[:: root.size // SAMPLED].tobytes()

    def is_whole(self, view: np.ndarray) -> bool:
        """Whether a view shows all of the memory as it is."""
        return lies_at(view) == lies_at(self.root)

    def places(self, view: np.ndarray) -> np.ndarray:
        """Where the elements of a view lie in the flattened root."""
        wanted, root = addresses(view), self.root
        found: np.ndarray = (wanted - lies_at(root)[0]) // root.itemsize
        if not root.flags.c_contiguous:
            there = addresses(root).reshape(-1)
            order = np.argsort(there)
            found = order[np.searchsorted(there, wanted, sorter=order)]
        return found


def lies_at(x: np.ndarray) -> tuple[Any, ...]:
    """The address of an array's first element, its shape and its strides."""
    return x.__array_interface__["data"][0], x.shape, x.strides


def addresses(x: np.ndarray) -> np.ndarray:
    """Where each element lies."""
    out = np.full(x.shape, lies_at(x)[0], np.intp)
    for offset in np.ix_(*[np.arange(n) * stride for n, stride in zip(x.shape, x.strides, strict=True)]):
        out += offset
    return out


# ---- What a record is made of besides NumPy's own functions ----------------------------------------------------------


def getitem(x: Any, key: Any) -> Any:
    """x[key]"""
    return x[key]


def gather(root: Any, places: Any) -> Any:
    """The elements of the flattened root at these places."""
    return root.reshape(-1)[places]


def put(root: Any, places: Any, value: Any) -> Any:
    """The root with the elements at these places replaced."""
    out = np.array(root)
    out.reshape(-1)[places] = value
    return out


def identity(x: Any, *_: Any, **__: Any) -> Any:
    """The same numbers: a copy, another name, another dtype."""
    return x


def nested(parts: Any, *_: Any, **__: Any) -> Any:
    """An array of nested lists."""
    return np.array(parts)


def c_(parts: Any) -> Any:
    """np.c_[parts]"""
    return np.c_[parts]


def r_(parts: Any) -> Any:
    """np.r_[parts]"""
    return np.r_[parts]


class Written:
    """A function that writes into its first argument, as one that returns the new array."""

    def __init__(self, func: Any) -> None:
        self.func, self.__name__ = func, func.__name__

    def __call__(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        x = np.array(x)
        self.func(x, *args, **kwargs)
        return x


def part(func: Any, index: int) -> Any:
    """One of several results of a function."""

    def run(*args: Any, **kwargs: Any) -> Any:
        return func(*args, **kwargs)[index]

    run.__name__ = getattr(func, "__name__", "part")
    return run


COPIES = {np.array, np.asarray, np.copy, np.asanyarray, np.ascontiguousarray, np.asmatrix}
CONSTANTS = {"zeros_like", "ones_like", "empty_like", "full_like"}  # they do not depend on their argument
WRITERS = {"copyto", "put", "place", "putmask", "fill_diagonal", "put_along_axis"}


class Place(NamedTuple):
    """An expression in one of the person's files; columns count bytes, as Python's do."""

    file: str
    line: int
    end_line: int
    column: int
    end_column: int


class Record:
    """The steps of one run, in order."""

    def __init__(self, files: dict[str, Any], enough: Callable[["Record"], bool] | None = None) -> None:
        self.files = files
        self.steps: list[Step] = []
        self.truths: list[Step] = []  # what came out true or false, which the script may branch by
        self.kept: dict[Any, Any] = {}  # what is found once of a record
        self.notes: list[str] = []
        self.places: list[Place] = []
        self.numbers: dict[Place, int] = {}
        self.codes: dict[int, tuple[list[int], Any]] = {}
        self.enough, self.next_check, self.stopped = enough, FIRST_CHECK, False
        # the script's variables where it was stopped, the global ones first
        self.namespaces: list[dict[str, Any]] = []
        # the step at which the script is looked at, in which frame, and by what
        self.probe: tuple[int, int, Callable[[Any], None]] | None = None

    def frames(self) -> Iterator[Any]:
        """The frames of the script that are being executed, innermost first."""
        frame: Any = sys._getframe(1)
        while frame is not None:
            if frame.f_code.co_filename in self.files:
                yield frame
            frame = frame.f_back

    def stack(self) -> tuple[int, ...]:
        """The places of these frames, as numbers of `places`."""
        return tuple([self.numbered(f.f_code)[f.f_lasti // 2] for f in islice(self.frames(), DEEPEST)])

    def numbered(self, code: Any) -> list[int]:
        """The places of a function's instructions (the instructions themselves move as they specialise)."""
        if id(code) not in self.codes:
            numbers = []
            for line, end, column, end_column in code.co_positions():
                place = Place(code.co_filename, line or 0, end or 0, column or 0, end_column or 0)
                numbers.append(self.numbers.setdefault(place, len(self.places)))
                if numbers[-1] == len(self.places):
                    self.places.append(place)
            self.codes[id(code)] = numbers, code
        return self.codes[id(code)][0]

    def add(self, func: Any, args: Any, kwargs: Any, value: Any) -> Step:
        """Append a step."""
        if self.stopped:
            raise Stop
        if self.probe is not None and self.probe[0] == len(self.steps):
            _, depth, look = self.probe
            with paused():
                look(next(islice(self.frames(), depth, None), None))
            self.stop()
        if isinstance(value, np.ndarray):
            value = np.array(value, subok=False) if value.size <= SMALL else np.asarray(value)
        step = Step(len(self.steps), func, args, kwargs, value, self.stack())
        self.steps.append(step)
        if len(self.steps) >= self.next_check and self.enough is not None:
            self.next_check = int(self.next_check * GROWTH)
            if self.enough(self):
                self.stop()
        return step

    def stop(self) -> None:
        """End the script."""
        self.stopped = True
        raise Stop

    def note(self, text: str) -> None:
        """Say once what was not followed."""
        if text not in self.notes:
            self.notes.append(text)


now: Record | None = None  # the record of the script that is running


@contextmanager
def paused() -> Iterator[Record | None]:
    """A context in which nothing is recorded."""
    global now  # noqa: PLW0603
    record, now = now, None
    try:
        yield record
    finally:
        now = record


def is_data(x: Any) -> bool:
    """Whether a result is an array that is worth a step."""
    return isinstance(x, np.ndarray) and x.dtype.kind in "fiub"


def mapped(x: Any, change: Callable[[Any], Any]) -> Any:
    """Nested arguments with what is recorded in them changed."""
    if isinstance(x, Recorded):
        return change(x)
    kind = type(x)
    if kind is list or kind is tuple:
        return kind([mapped(part, change) for part in x])
    return {key: mapped(value, change) for key, value in x.items()} if kind is dict else x


def plain(x: Any) -> Any:
    """The argument without recording: NumPy's and Python's own types."""
    return mapped(x, operator.methodcaller("_without"))


def linked(x: Any) -> Any:
    """The argument with steps in the place of recorded values."""
    return mapped(x, operator.methodcaller("_now"))


def wrap(result: Any, func: Any, args: Any = (), kwargs: Any = None, sources: Any = ()) -> Any:
    """The result as a recorded value, where it is numeric; a view shares the memory of what it looks at."""
    if now is None:
        return result
    if is_data(result):
        out: Any = result.view(Matrix if isinstance(result, np.matrix) else Array)
        step = now.add(func, args, kwargs or {}, result)
        memories = [s._memory for s in sources if isinstance(s, Arrays) and s._memory is not None]
        memory = next((m for m in memories if np.may_share_memory(result, m.root)), None)
        if memory is None:
            memory = Memory(out.view(np.ndarray), step)
        else:
            memory.hold(step)
        out._memory, out._step, out._version = memory, step, memory.version
        return out
    if type(result) in NUMBERS:
        number = NUMBERS[type(result)]
        out = number.__new__(number, result)
        out._plain, out._step = result, now.add(func, args, kwargs or {}, result)
        return out
    if type(result) in (bool, np.bool_):
        now.truths.append(now.add(func, args, kwargs or {}, result))
    if isinstance(result, tuple | list) and any(is_data(part) for part in result):
        parts = [wrap(p, part(func, i), args, kwargs, sources) for i, p in enumerate(result)]
        return type(result)(parts) if type(result) in (tuple, list) else type(result)(*parts)
    return result


def call(func: Any, args: Any, kwargs: Any, run: Any = None, into: Any = None) -> Any:
    """Call a function of NumPy on recorded arguments and record the result.

    `run` computes where `func` only replays; `into` is the array that the function writes into.
    """
    if now is None:
        return (run or func)(*plain(tuple(args)), **plain(kwargs))
    name, out = getattr(func, "__name__", ""), kwargs.get("out")
    out = out[0] if type(out) is tuple and len(out) == 1 else out
    into = args[0] if name in WRITERS and args else into
    target = out if out is not None else into
    links, options = linked(tuple(args)), {k: linked(v) for k, v in kwargs.items() if k != "out"}
    emptied = func is np.multiply and out is not None and any(type(x) is int and x == 0 for x in args)
    if name in CONSTANTS or emptied:  # by x *= 0
        run, func, links, options = run or func, None, (), {}
    if isinstance(target, Arrays):
        target._now()
        target._memory.release()
        result = (run or func)(*plain(tuple(args)), **plain(kwargs))
        target._become(func if out is not None or func is None else Written(func), links, options)
        return result if out is None else out
    result = (run or func)(*plain(tuple(args)), **plain(kwargs))
    operands: list[Step] = []
    collect((links, *options.values()), operands)
    if not operands:
        func, links, options = None, (), {}
    elif func in COPIES:
        func = identity if isinstance(args[0], Recorded) else nested
    return wrap(result, func, links, options, args)


def as_plain(name: str) -> Any:
    """The method of this name, of the value without recording."""
    return lambda self, *args: getattr(plain(self), name)(*args)


class Recorded:
    """What recorded arrays and numbers share."""

    _plain: Any
    _step: Any = None
    __repr__ = as_plain("__repr__")
    __str__ = as_plain("__str__")
    __format__ = as_plain("__format__")

    def _without(self) -> Any:
        """The value without recording."""
        return self._plain

    def _now(self) -> Step:
        """The step that equals the value now."""
        step: Step = self._step
        return step

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        func = ufunc if method == "__call__" else getattr(ufunc, method)
        return call(func, inputs, kwargs, into=inputs[0] if method == "at" else None)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return call(func, args, kwargs)

    def __copy__(self) -> Any:
        return call(identity, (self,), {}, lambda x: x.copy() if isinstance(x, np.ndarray) else x)

    def __deepcopy__(self, memo: Any) -> Any:
        return self.__copy__()

    def __reduce__(self) -> Any:
        value = plain(self)
        return (type(value), (value,)) if isinstance(self, float) else value.__reduce__()


class Arrays(Recorded):
    """What recorded arrays and matrices share."""

    _memory: Any = None
    _version = 0
    dtype: Any
    ndim: Any
    view: Any
    item: Any

    def _without(self) -> Any:
        return self.view(np.matrix if isinstance(self, np.matrix) else np.ndarray)

    def _now(self) -> Step:
        """After a write to the memory a `gather` of it, after an unseen write a constant."""
        assert now is not None
        bare: np.ndarray = self.view(np.ndarray)
        memory = self._memory
        if memory is None:
            memory = self._memory = Memory(bare, now.add(None, (), {}, bare))
            self._step, self._version = memory.step, 0
        elif memory.sample() != memory.mark:
            now.note("an array was changed in a way that is not followed: taken as a constant from there")
            memory.becomes(now.add(None, (), {}, memory.root))
        if self._version != memory.version:
            whole = memory.is_whole(bare)
            self._version = memory.version
            self._step = (
                memory.step if whole else now.add(gather, (memory.step, memory.places(bare)), {}, bare)
            )
            memory.hold(self._step)
        step: Step = self._step
        return step

    def _become(self, func: Any, links: Any = (), options: Any = None) -> None:
        """The array was written by a function: its owner has a new version."""
        assert now is not None
        memory, bare = self._memory, self.view(np.ndarray)
        step = self._step = now.add(func, links, options or {}, bare)
        if not memory.is_whole(bare):
            memory.hold(step)
            step = now.add(put, (memory.step, memory.places(bare), step), {}, memory.root)
        memory.becomes(step)
        self._version = memory.version

    def __getitem__(self, key: Any) -> Any:
        return call(getitem, (self, key), {})

    def __setitem__(self, key: Any, value: Any) -> None:
        bare, key, new = plain(self), plain(key), plain(value)
        if now is None:
            bare[key] = new
            return
        if isinstance(value, Arrays) and lies_at(np.asarray(bare[key])) == lies_at(new):
            return  # W[0] -= x has written already
        self._now()
        memory, links = self._memory, linked(value)
        if type(links) is list:
            links = now.add(nested, (links,), {}, np.array(new))
        memory.release()
        bare[key] = new
        places = memory.places(np.asarray(bare))[key]
        memory.becomes(now.add(put, (memory.step, places, links), {}, memory.root))

    def __iter__(self) -> Iterator[Any]:
        for i in range(len(self)):  # type: ignore[arg-type]
            yield self[i]

    def tolist(self) -> Any:
        """Nested lists of recorded numbers."""
        if self.dtype.kind != "f":
            return plain(self).tolist()
        return [x.tolist() if isinstance(x, Arrays) else x.item() for x in self] if self.ndim else self.item()


class Array(Arrays, np.ndarray):
    """A recorded array."""


class Matrix(Arrays, np.matrix):
    """A recorded np.matrix: * is the matrix product."""

    def __mul__(self, other: Any) -> Any:
        other = other if np.ndim(other) == 0 or isinstance(other, np.ndarray) else np.asmatrix(other)
        return call(np.dot if np.ndim(other) else np.multiply, (self, other), {})

    def __rmul__(self, other: Any) -> Any:
        return call(np.dot if np.ndim(other) else np.multiply, (other, self), {})

    A = property(lambda self: call(np.asarray, (self,), {}))
    A1 = property(lambda self: call(np.ravel, (self,), {}, lambda x: np.asarray(x).ravel()))


class Number(Recorded):
    """What recorded numbers share: they are NumPy's or Python's floats, with a step."""

    __round__ = as_plain("__round__")


TRUTHS = {"lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal}
TRUTHS |= {"eq": np.equal, "ne": np.not_equal}
OPERATORS = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.divide, "pow": np.power}
OPERATORS |= {"floordiv": np.floor_divide, "mod": np.remainder}
SIGNS: dict[str, Any] = {"neg": np.negative, "pos": identity, "abs": np.abs}
METHODS = """sum mean std var prod max min argmax argmin cumsum cumprod dot round clip repeat squeeze ravel
take swapaxes diagonal trace all any nonzero argsort compress searchsorted reshape transpose"""
WRITING_METHODS = "fill sort put partition"


def operator_for(word: str, func: Any, swapped: bool = False) -> Any:
    """The method of an operator of numbers."""
    run = getattr(operator, word)

    def method(self: Any, *other: Any) -> Any:
        if other and not isinstance(other[0], int | float | np.generic | np.ndarray):
            return NotImplemented
        return call(func, (*other, self) if swapped else (self, *other), {}, run)

    return method


def method_for(name: str, func: Any = None, into: bool = False) -> Any:
    """The method of this name, recorded as a function."""

    def run(x: Any, *args: Any, **kwargs: Any) -> Any:
        return getattr(x, name)(*args, **kwargs)

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        if name in ("reshape", "transpose"):  # their axes may stand one by one
            args = args[:1] if len(args) < 2 else (args,)
        return call(func or run, (self, *args), kwargs, run, self if into else None)

    run.__name__ = method.__name__ = name
    return method


def item(self: Any, *key: Any) -> Any:
    """A Python number that is recorded."""
    shape = np.shape(self)
    where = np.unravel_index(key[0], shape) if len(key) == 1 else key or (0,) * len(shape)
    return call(getitem if shape else identity, (self, where), {}, lambda x, _: x.item(*key))


def furnish(kind: Any) -> None:
    """Give a class of recorded values the methods that arrays have."""
    for name in METHODS.split():
        setattr(kind, name, method_for(name, getattr(np, name)))
    others = (("copy", identity), ("astype", identity), ("flatten", np.ravel), ("__getitem__", getitem))
    for name, func in others:
        setattr(kind, name, method_for(name, func))
    kind.T, kind.item = property(lambda self: call(np.transpose, (self,), {})), item


def recorded_kind(base: type) -> Any:
    """The class of recorded numbers of a kind.

    NumPy's class comes first among its bases: where another does, NumPy's own code for scalars ends Python. So ours cannot
    go before it but as the new class's own methods.
    """
    own = {name: x for kind in (Recorded, Number) for name, x in vars(kind).items() if callable(x)}
    own["__hash__"] = base.__hash__
    return type(f"Recorded {base.__name__}", (base, Number), own)


for _word, _func in (OPERATORS | SIGNS).items():
    setattr(Number, f"__{_word}__", operator_for(_word, _func))
    setattr(Number, f"__r{_word}__", operator_for(_word, _func, True))
for _word, _func in TRUTHS.items():
    setattr(Number, f"__{_word}__", operator_for(_word, _func))
NUMBERS: dict[type, Any] = {kind: recorded_kind(kind) for kind in (float, np.float64, np.float32, np.int64)}
for _kind in (Arrays, *(NUMBERS[kind] for kind in (np.float64, np.float32, np.int64))):
    furnish(_kind)
for _name in WRITING_METHODS.split():
    setattr(Arrays, _name, method_for(_name, into=True))
