"""What a script computes, recorded: arrays and numbers that remember the operation and the place they came from.

Every value is a `Step` of a `Record`: a NumPy function, its operands (steps or plain constants), its value and the stack of
places in the person's files. Writing into an array makes a new step (`put`), so the record is a functional program that can
be run again, on other numbers or on ag.Tensor. Recording never raises: what slips through becomes a constant.
"""

import math
import operator
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

DEEPEST = 12  # frames of the script that are remembered for a step


class Stop(BaseException):
    """Ends the script once enough steps of its training were followed."""


class Step:
    """One value: what was called on what, where, and what came out."""

    __slots__ = ("args", "func", "id", "kwargs", "name", "parents", "stack", "value")

    def __init__(self, number: int, func: Any, args: Any, kwargs: Any, value: Any, stack: Any) -> None:
        self.id, self.func, self.args, self.kwargs = number, func, args, kwargs
        self.value, self.stack = value, stack
        self.name: str = getattr(func, "__name__", str(func))
        found: list[Step] = []
        steps_in(args, found)
        if kwargs:
            steps_in(list(kwargs.values()), found)
        self.parents = found

    def __repr__(self) -> str:
        return f"<{self.id} {self.name} of {[p.id for p in self.parents]} {np.shape(self.value)}>"


def steps_in(args: Any, found: list[Step]) -> None:
    """Append the steps among nested arguments."""
    for x in args:
        if type(x) is Step:
            found.append(x)
        elif isinstance(x, list | tuple):
            steps_in(x, found)


class Memory:
    """One block of memory: the step that equals it now, and how often it was written."""

    __slots__ = ("root", "step", "version")

    def __init__(self, root: np.ndarray, step: Step) -> None:
        self.root, self.step, self.version = root, step, 0

    def places(self, view: np.ndarray) -> np.ndarray:
        """Where the elements of a view lie in the flattened root."""
        wanted, root = addresses(view), self.root
        if root.flags.c_contiguous:
            return (wanted - address(root)) // root.itemsize
        there = addresses(root).reshape(-1)
        order = np.argsort(there)
        return order[np.searchsorted(there[order], wanted)]


def address(x: np.ndarray) -> int:
    """Where the first element lies."""
    return int(x.__array_interface__["data"][0])


def addresses(x: np.ndarray) -> np.ndarray:
    """Where each element lies."""
    out = np.full(x.shape, address(x), np.intp)
    for axis, (size, stride) in enumerate(zip(x.shape, x.strides, strict=True)):
        out += (np.arange(size) * stride).reshape([-1 if i == axis else 1 for i in range(x.ndim)])
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


class Part:
    """One of several results of a function."""

    def __init__(self, func: Any, index: int) -> None:
        self.func, self.index, self.__name__ = func, index, getattr(func, "__name__", "part")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.func(*args, **kwargs)[self.index]


COPIES = {np.array, np.asarray, np.copy, np.asanyarray, np.ascontiguousarray, np.asmatrix, np.float64}
CONSTANTS = {
    "zeros_like",
    "ones_like",
    "empty_like",
    "full_like",
}  # what they make does not depend on the argument
WRITERS = {"copyto", "put", "place", "putmask", "fill_diagonal", "put_along_axis", "shuffle"}


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
        self.notes: list[str] = []
        self.places: list[Place] = []
        self.numbers: dict[Place, int] = {}
        self.codes: dict[int, list[int]] = {}
        self.keep: dict[int, Any] = {}
        self.enough, self.next_check, self.stopped = enough, 400, False
        self.bytes = 0
        self.probe: int | None = None  # the step at which the script's variables are looked at
        self.probe_depth = 0
        self.look: Callable[[Any], None] = lambda frame: None

    def stack(self) -> tuple[int, ...]:
        """The places of the script that are being executed, innermost first, as numbers of `places`."""
        frame = sys._getframe(2)
        found: list[int] = []
        while frame is not None and len(found) < DEEPEST:
            code = frame.f_code
            if code.co_filename in self.files:
                numbers = self.codes.get(id(code)) or self.learn(code)
                found.append(numbers[frame.f_lasti // 2])
            frame = frame.f_back  # type: ignore[assignment]
        return tuple(found)

    def learn(self, code: Any) -> list[int]:
        """Number the places of a function's instructions (the instructions themselves move as they specialise)."""
        numbers = []
        for line, end, column, end_column in code.co_positions():
            place = Place(code.co_filename, line or 0, end or 0, column or 0, end_column or 0)
            if place not in self.numbers:
                self.numbers[place] = len(self.places)
                self.places.append(place)
            numbers.append(self.numbers[place])
        self.codes[id(code)], self.keep[id(code)] = numbers, code
        return numbers

    def add(self, func: Any, args: Any, kwargs: Any, value: Any) -> Step:
        """Append a step."""
        if self.stopped:
            raise Stop
        if self.probe == len(self.steps):
            global now
            frame, now = self.find_frame(), None
            self.look(frame)
            self.stopped = True
            raise Stop
        if isinstance(value, np.ndarray):
            value = np.array(value, subok=False)
            self.bytes += value.nbytes
        step = Step(len(self.steps), func, args, kwargs, value, self.stack())
        self.steps.append(step)
        if len(self.steps) >= self.next_check:
            self.next_check = int(self.next_check * 1.4)
            if self.enough is not None and self.enough(self):
                self.stopped = True
                raise Stop
        return step

    def find_frame(self) -> Any:
        """The frame of the script that is being executed, `probe_depth` calls up."""
        frame, depth = sys._getframe(2), self.probe_depth
        while frame is not None:
            if frame.f_code.co_filename in self.files:
                if depth == 0:
                    return frame
                depth -= 1
            frame = frame.f_back  # type: ignore[assignment]
        return None

    def note(self, text: str) -> None:
        """Say once what was not followed."""
        if text not in self.notes:
            self.notes.append(text)


now: Record | None = None  # the record of the script that is running


def renamed(x: Any) -> Any:
    """The same array or number under another name, as a step of its own."""
    if now is None or not isinstance(x, Recorded | Scalar):
        return x
    if isinstance(x, Scalar):
        return call(identity, (x,), {}, lambda v: v)
    if x.dtype.kind != "f":
        return x
    return call(identity, (x,), {}, lambda v: v[...])


def is_data(x: Any) -> bool:
    """Whether a result is an array that is worth a step."""
    return isinstance(x, np.ndarray) and x.dtype.kind in "fiub"


def plain(x: Any) -> Any:
    """The argument without recording: NumPy's and Python's own types."""
    if isinstance(x, Recorded):
        return x.view(np.matrix if isinstance(x, np.matrix) else np.ndarray)  # type: ignore[attr-defined]
    if isinstance(x, Scalar):
        return x._plain
    if type(x) in (list, tuple):
        return type(x)([plain(part) for part in x])
    if type(x) is slice:
        return slice(plain(x.start), plain(x.stop), plain(x.step))
    return x


def linked(x: Any) -> Any:
    """The argument with steps in the place of recorded values."""
    if isinstance(x, Recorded):
        return step_of(x)
    if isinstance(x, Scalar):
        return x._step
    if type(x) in (list, tuple):
        return type(x)([linked(part) for part in x])
    if type(x) is slice:
        return plain(x)
    return x


def step_of(x: Any) -> Step:
    """The step that equals the array now: after a write to its memory a `gather`, after an unseen write a constant."""
    assert now is not None
    memory = x._memory
    bare = np.asarray(plain(x))
    if memory is None:
        root = bare
        memory = x._memory = Memory(root, now.add(None, (), {}, root))
        x._step, x._version = memory.step, 0
        return memory.step
    if x._version != memory.version:
        whole = bare.shape == memory.root.shape and bare.strides == memory.root.strides
        if whole and address(bare) == address(memory.root):
            x._step = memory.step
        else:
            x._step = now.add(gather, (memory.step, memory.places(bare)), {}, bare)
        x._version = memory.version
    step: Step = x._step
    if step.value.shape != bare.shape or not is_equal(step.value, bare):
        if step.value.size == bare.size and is_equal(step.value.reshape(-1), bare.reshape(-1)):
            step = x._step = now.add(np.reshape, (step, bare.shape), {}, bare)
            return step
        now.note("an array was changed in a way that is not followed: taken as a constant from there")
        memory.step = now.add(None, (), {}, memory.root)
        memory.version += 1
        return step_of(x)
    return step


def is_equal(a: Any, b: Any) -> bool:
    """Whether two arrays of one shape hold the same numbers, NaN too."""
    return bool(np.array_equal(a, b)) or a.tobytes() == b.tobytes()


def tell_owner(x: Any, step: Step) -> None:
    """The array's memory was written and now equals `step` there: its owner has a new version."""
    assert now is not None
    memory = x._memory
    bare = np.asarray(plain(x))
    whole = bare.shape == memory.root.shape and address(bare) == address(memory.root)
    if whole and bare.strides == memory.root.strides:
        memory.step = step
    else:
        memory.step = now.add(put, (memory.step, memory.places(bare), step), {}, memory.root)
    memory.version += 1
    x._step, x._version = step, memory.version


def wrap(result: Any, func: Any, args: Any, kwargs: Any, sources: Any = ()) -> Any:
    """The result as a recorded value, where it is numeric."""
    assert now is not None
    if is_data(result):
        step = now.add(func, args, kwargs, result)
        return as_array(result, step, sources)
    if isinstance(result, np.floating | float) and not isinstance(result, Scalar):
        kind = SCALARS.get(type(result))
        return kind.made(result, now.add(func, args, kwargs, result)) if kind else result
    if isinstance(result, tuple | list) and any(is_data(part) for part in result):
        parts = [wrap(p, Part(func, i), args, kwargs, sources) for i, p in enumerate(result)]
        return type(result)(parts) if type(result) in (tuple, list) else type(result)(*parts)
    return result


def as_array(result: np.ndarray, step: Step, sources: Any) -> Any:
    """The array with its step; a view shares the memory of what it looks at."""
    kind = Matrix if isinstance(result, np.matrix) else Array
    out: Any = result.view(kind)
    for source in sources:
        memory = source._memory
        if memory is not None and np.may_share_memory(result, memory.root):
            out._memory, out._step, out._version = memory, step, memory.version
            return out
    out._memory, out._step, out._version = Memory(np.asarray(result), step), step, 0
    return out


def arrays_in(args: Any) -> Iterator[Any]:
    """The recorded arrays among nested arguments."""
    for x in args:
        if isinstance(x, Recorded):
            yield x
        elif type(x) in (list, tuple):
            yield from arrays_in(x)


def call(func: Any, args: Any, kwargs: Any, run: Any = None) -> Any:
    """Call a function of NumPy on recorded arguments and record the result; `run` computes where `func` only replays."""
    out = kwargs.get("out")
    bare = {key: plain(value) for key, value in kwargs.items()}
    if out is not None:
        bare["out"] = tuple(map(plain, out)) if type(out) is tuple else plain(out)
    if now is None:
        return (run or func)(*plain(tuple(args)), **bare)
    target = out[0] if type(out) is tuple and len(out) == 1 else out
    if isinstance(target, Recorded):
        step_of(target)
    links, options = linked(tuple(args)), {k: linked(v) for k, v in kwargs.items() if k != "out"}
    result = (run or func)(*plain(tuple(args)), **bare)
    if isinstance(target, Recorded):
        tell_owner(target, now.add(func, links, options, np.asarray(plain(target))))
        return target
    name = getattr(func, "__name__", "")
    if name in WRITERS and args and isinstance(args[0], Recorded):
        step = now.add(Written(func), links, options, np.asarray(plain(args[0])))
        tell_owner(args[0], step)
        return result
    if func in COPIES and args:
        func = identity if isinstance(args[0], Recorded | Scalar) else nested
        if not any(True for _ in _recorded(args)):
            func, links = None, ()
    elif name in CONSTANTS or (not _has_step(links) and not _has_step(list(options.values()))):
        func, links, options = None, (), {}
    return wrap(result, func, links, options, list(arrays_in(args)))


def _recorded(args: Any) -> Iterator[Any]:
    for x in args:
        if isinstance(x, Recorded | Scalar):
            yield x
        elif type(x) in (list, tuple):
            yield from _recorded(x)


def _has_step(args: Any) -> bool:
    found: list[Step] = []
    steps_in(args, found)
    return bool(found)


class Recorded:
    """What recorded arrays and matrices share."""

    shape: Any
    dtype: Any
    _memory: Any = None
    _step: Any = None
    _version = 0

    def __array_finalize__(self, source: Any) -> None:
        if isinstance(self, np.matrix):
            np.matrix.__array_finalize__(self, source)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        func = ufunc if method == "__call__" else getattr(ufunc, method)
        if method == "at":
            return _write(inputs[0], Written(func), inputs, kwargs)
        return call(func, inputs, kwargs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return call(func, args, kwargs)

    def __getitem__(self, key: Any) -> Any:
        return call(getitem, (self, key), {})

    def __setitem__(self, key: Any, value: Any) -> None:
        bare = plain(self)
        before, target = plain(value), plain(key)
        if isinstance(value, Recorded) and now is not None:
            region = bare[target] if not _is_fancy(target) else None
            alike = region is not None and np.ndim(region) and np.shape(region) == np.shape(before)
            if (
                alike
                and region is not None
                and address(region) == address(before)
                and region.strides == before.strides
            ):
                return  # W[0] -= x has written already
        step_before = step_of(self) if now is not None else None
        links = linked(value) if now is not None else None
        bare[target] = before
        if now is None or step_before is None:
            return
        memory = self._memory
        places = memory.places(np.asarray(bare))[target]
        if type(links) is list:
            links = now.add(nested, (links,), {}, np.array(before))
        memory.step = now.add(put, (memory.step, places, links), {}, memory.root)
        memory.version += 1

    def __iter__(self) -> Iterator[Any]:
        for i in range(len(self)):  # type: ignore[arg-type]
            yield self[i]

    def __deepcopy__(self, memo: Any) -> Any:
        return call(np.copy, (self,), {}, lambda x: x.copy())

    def __copy__(self) -> Any:
        return call(np.copy, (self,), {}, lambda x: x.copy())

    def __reduce__(self) -> Any:
        return plain(self).__reduce__()

    def __repr__(self) -> str:
        return repr(plain(self))

    def __str__(self) -> str:
        return str(plain(self))

    def __format__(self, spec: str) -> str:
        return format(plain(self), spec)

    @property
    def T(self) -> Any:
        """The transpose."""
        return call(np.transpose, (self,), {})

    def tolist(self) -> Any:
        """Nested lists of recorded numbers."""
        if self.dtype.kind != "f":
            return plain(self).tolist()
        if self.ndim == 0:  # type: ignore[attr-defined]
            return self.item()  # type: ignore[attr-defined]
        return [x.tolist() if isinstance(x, Recorded) else x.item() for x in self]


def _is_fancy(key: Any) -> bool:
    keys = key if type(key) is tuple else (key,)
    return any(isinstance(k, list | np.ndarray) for k in keys)


def _write(target: Any, func: Any, args: Any, kwargs: Any) -> Any:
    """A call that writes into `target`."""
    links = linked(tuple(args)) if now is not None else ()
    result = func.func(*plain(tuple(args)), **plain_dict(kwargs))
    if now is not None and isinstance(target, Recorded):
        tell_owner(target, now.add(func, links, kwargs, np.asarray(plain(target))))
    return result


def plain_dict(kwargs: dict[str, Any]) -> dict[str, Any]:
    """Plain keyword arguments."""
    return {key: plain(value) for key, value in kwargs.items()}


METHOD_NAMES = """sum mean std var prod max min argmax argmin cumsum cumprod dot round clip repeat
squeeze ravel take
swapaxes diagonal trace all any nonzero argsort compress searchsorted ptp"""
METHODS = {name: getattr(np, name) for name in METHOD_NAMES.split()}


def _matrix_method(name: str, func: Any) -> Any:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return call(func, (self, *args), kwargs, lambda x, *a, **k: getattr(x, name)(*a, **k))

    method.__name__ = name
    return method


def _reshape(self: Any, *shape: Any, **kwargs: Any) -> Any:
    shape = shape[0] if len(shape) == 1 else shape
    return call(np.reshape, (self, shape), kwargs)


def _transpose(self: Any, *axes: Any) -> Any:
    order: Any = axes[0] if len(axes) == 1 and axes[0] is not None else axes or None
    return call(np.transpose, (self, order) if order else (self,), {})


def _copying(name: str) -> Any:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return call(identity, (self, *args), kwargs, lambda x, *a, **k: getattr(x, name)(*a, **k))

    return method


def _writing(name: str) -> Any:
    def func(x: Any, *args: Any, **kwargs: Any) -> Any:
        return getattr(x, name)(*args, **kwargs)

    func.__name__ = name

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return _write(self, Written(func), (self, *args), kwargs)

    return method


def _item(self: Any, *args: Any) -> Any:
    key = args[0] if len(args) == 1 else args or 0
    return call(getitem, (self, key), {}, lambda x, k: x.item(k))


for _name, _func in METHODS.items():
    setattr(Recorded, _name, _matrix_method(_name, _func))
for _name in ("copy", "astype"):
    setattr(Recorded, _name, _copying(_name))
for _name in ("fill", "sort", "put", "partition"):
    setattr(Recorded, _name, _writing(_name))
Recorded.reshape, Recorded.transpose = _reshape, _transpose  # type: ignore[attr-defined]
Recorded.flatten, Recorded.item = _matrix_method("flatten", np.ravel), _item  # type: ignore[attr-defined]


class Array(Recorded, np.ndarray):
    """A recorded array."""


class Matrix(Recorded, np.matrix):
    """A recorded np.matrix: * is the matrix product."""

    def __mul__(self, other: Any) -> Any:
        product = np.multiply if np.ndim(other) == 0 else np.dot
        other = other if np.ndim(other) == 0 or isinstance(other, np.ndarray) else np.asmatrix(other)
        return call(product, (self, other), {})

    def __rmul__(self, other: Any) -> Any:
        return call(np.multiply if np.ndim(other) == 0 else np.dot, (other, self), {})

    def __imul__(self, other: Any) -> Any:
        self[:] = self * other
        return self

    A = property(lambda self: call(np.asarray, (self,), {}))
    A1 = property(lambda self: call(np.ravel, (self,), {}, lambda x: np.asarray(x).ravel()))


# ---- Numbers ---------------------------------------------------------------------------------------------------------


class Scalar:
    """What recorded numbers share: they are NumPy's or Python's floats, with a step."""

    _plain: Any
    _step: Any

    @classmethod
    def made(cls, value: Any, step: Step) -> Any:
        """The number with its step."""
        out = cls.__new__(cls, value)  # type: ignore[call-arg]
        out._plain, out._step = value, step
        return out

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return Recorded.__array_ufunc__(self, ufunc, method, *inputs, **kwargs)  # type: ignore[arg-type]

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return call(func, args, kwargs)

    def __repr__(self) -> str:
        return repr(self._plain)

    def __str__(self) -> str:
        return str(self._plain)

    def __format__(self, spec: str) -> str:
        return format(self._plain, spec)

    def __reduce__(self) -> Any:
        return self._plain.__reduce__() if isinstance(self._plain, np.generic) else (float, (self._plain,))

    def __deepcopy__(self, memo: Any) -> Any:
        return self

    def __copy__(self) -> Any:
        return self

    def item(self) -> Any:
        """A Python float that is recorded."""
        return call(identity, (self,), {}, float)

    def __round__(self, digits: Any = None) -> Any:
        return round(self._plain, digits)

    def __getitem__(self, key: Any) -> Any:
        return call(getitem, (self, key), {})

    def __abs__(self) -> Any:
        return call(np.abs, (self,), {}, operator.abs)

    def __neg__(self) -> Any:
        return call(np.negative, (self,), {}, operator.neg)

    def __pos__(self) -> Any:
        return self


NUMBERS = (int, float, np.generic, np.ndarray)


def _operator(run: Any, func: Any, swapped: bool) -> Any:
    def method(self: Any, other: Any) -> Any:
        if isinstance(other, Matrix) and func is np.multiply:
            func_here = np.multiply
        elif not isinstance(other, NUMBERS):
            return NotImplemented
        else:
            func_here = func
        return call(func_here, (other, self) if swapped else (self, other), {}, run)

    return method


for _word, _ufunc in {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "truediv": np.divide,
    "pow": np.power,
    "floordiv": np.floor_divide,
    "mod": np.remainder,
}.items():
    _run = getattr(operator, _word)
    setattr(Scalar, f"__{_word}__", _operator(_run, _ufunc, False))
    setattr(Scalar, f"__r{_word}__", _operator(_run, _ufunc, True))


class Float(Scalar, float):
    """A recorded Python float."""

    __hash__ = float.__hash__


class Float64(Scalar, np.float64):  # type: ignore[misc]
    """A recorded np.float64."""

    __hash__ = np.float64.__hash__
    T = property(lambda self: self)

    def __getattribute__(self, name: str) -> Any:
        if name in METHODS or name in ("reshape", "astype", "ravel", "flatten", "copy"):
            return lambda *a, **k: _scalar_method(self, name, a, k)
        return super().__getattribute__(name)


class Float32(Scalar, np.float32):  # type: ignore[misc]
    """A recorded np.float32."""

    __hash__ = np.float32.__hash__


SCALARS: dict[type, Any] = {float: Float, np.float64: Float64, np.float32: Float32}


def _scalar_method(x: Any, name: str, args: Any, kwargs: Any) -> Any:
    func = METHODS.get(name) or {"reshape": np.reshape, "ravel": np.ravel, "flatten": np.ravel}.get(name)
    return call(func or identity, (x, *args), kwargs, lambda v, *a, **k: getattr(v, name)(*a, **k))


MATH = {
    "exp": np.exp,
    "log": np.log,
    "tanh": np.tanh,
    "sqrt": np.sqrt,
    "pow": np.power,
    "sin": np.sin,
    "cos": np.cos,
    "log10": np.log10,
    "log2": np.log2,
    "log1p": np.log1p,
    "expm1": np.expm1,
    "fabs": np.abs,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tan": np.tan,
    "atan": np.arctan,
    "hypot": np.hypot,
}


def call_math(name: str, args: Any) -> Any:
    """A function of the math module on recorded numbers."""
    run = getattr(math, name)
    if not any(True for _ in _recorded(args)):
        return run(*args)
    if name == "log" and len(args) == 2:
        return call(np.log, args[:1], {}, math.log) / math.log(plain(args[1]))
    if name not in MATH:
        return run(*plain(tuple(args)))
    return call(MATH[name], args, {}, run)
