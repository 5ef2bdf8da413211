"""Whether operations are recorded, and inside which module: a context variable, so that threads, tasks and generators keep apart."""

import inspect
from collections.abc import Callable, Generator
from contextvars import ContextVar
from functools import wraps
from typing import Any, TypeVar
from weakref import ref

F = TypeVar("F", bound=Callable[..., Any])

# What the node of an operation starts with as its `meta`: None, or {"scope": (the module's Place, the scope around it)} inside a
# module's call; or False, and operations are not recorded.
_meta: ContextVar[Any] = ContextVar("meta", default=None)
set_meta = _meta.set
meta_here = _meta.get


class Block:
    """A `with` block that gives a context variable a value, and the value before when it ends.

    The blocks we are in stand in a chain, (reference to the block, value before, rest). Blocks of generators may end in
    any order: one that ends below others hands them its value before, and the variable is theirs. A block that Ctrl-C cut
    short at its very beginning or end is taken out of the chain when it is dropped.
    """

    variable: Any
    chain: ContextVar[Any]

    def value(self) -> Any:
        """Return what the variable becomes."""
        return True

    def __enter__(self) -> None:
        self.chain.set((ref(self, self.left), self.variable.get(), self.chain.get()))
        self.variable.set(self.value())

    def __exit__(self, error: Any = None, *details: object) -> None:
        entry = self.chain.get()
        while entry is not None and entry[0]() is not self:
            entry = entry[2]
        if entry is not None:
            self.left(entry[0], is_last=error is KeyboardInterrupt)

    @classmethod
    def left(cls, block: Any, is_last: bool = False) -> None:
        """Take a block out of the chain; with `is_last` those begun after it, too."""
        entry, inner = cls.chain.get(), []
        while entry is not None and entry[0] is not block:
            inner.append(entry)
            entry = entry[2]
        if entry is None:
            return
        _, before, rest = entry
        if is_last or not inner:
            cls.variable.set(before)
        else:
            rest = (inner.pop()[0], before, rest)
            for other, value, _ in reversed(inner):
                rest = (other, value, rest)
        cls.chain.set(rest)


def is_recording() -> bool:
    """Whether operations are recorded here and now."""
    return meta_here() is not False


class enable_grad(Block):
    """Record operations inside a `with` block, or inside a function that this decorates.

    It holds for the code that runs within: other threads and asyncio tasks are untouched. `with` around a `yield` holds for
    the caller too, until the generator goes on; a decorated generator function holds only while its own code runs. An async
    generator function cannot be decorated: TypeError.

    >>> import autograd_mini as ag
    >>> with ag.no_grad(), ag.enable_grad():
    ...     y = ag.Value(2.0) * 3.0
    >>> y.requires_grad
    True
    """

    variable, chain = _meta, ContextVar("blocks", default=None)
    mode = True

    def __new__(cls, function: Any = None) -> Any:
        self = super().__new__(cls)
        return self if function is None else self(function)  # a decorator with or without parentheses

    def value(self) -> Any:
        return self.mode and (meta_here() or None)

    def __call__(self, function: F) -> F:
        mode = type(self)
        if inspect.isasyncgenfunction(function):
            raise TypeError(
                f"{mode.__name__} cannot decorate an async generator ({function.__name__}): "
                "use `with` inside it"
            )

        @wraps(function)
        def called(*args: Any, **kwargs: Any) -> Any:
            with mode():
                return function(*args, **kwargs)

        @wraps(function)
        async def awaited(*args: Any, **kwargs: Any) -> Any:
            with mode():
                return await function(*args, **kwargs)

        @wraps(function)
        def stepped(*args: Any, **kwargs: Any) -> Any:
            return (yield from _Stepped(function(*args, **kwargs), mode))

        kinds = {
            inspect.isgeneratorfunction(function): stepped,
            inspect.iscoroutinefunction(function): awaited,
        }
        return kinds.get(True, called)  # type: ignore[return-value]


class no_grad(enable_grad):
    """Do not record operations inside a `with` block, or inside a function that this decorates: results are constants.

    >>> import autograd_mini as ag
    >>> with ag.no_grad():
    ...     y = ag.Value(2.0) * 3.0
    >>> y.requires_grad
    False
    """

    mode = False


class _Stepped(Generator[Any, Any, Any]):
    """A generator whose own code alone runs in a mode."""

    def __init__(self, generator: Generator[Any, Any, Any], mode: Callable[[], Any]) -> None:
        self.generator, self.mode = generator, mode

    def send(self, value: Any) -> Any:
        with self.mode():
            return self.generator.send(value)

    def throw(self, *error: Any) -> Any:
        with self.mode():
            return self.generator.throw(*error)


_keeping: ContextVar[bool] = ContextVar("keeping", default=False)
keeps_constants = _keeping.get  # whether constants keep the operation and parents that they came from


class keep_constants(Block):
    """For as long as a `with` block lasts, constants remember how they were made, so that they can be computed again."""

    variable, chain = _keeping, ContextVar("blocks that keep", default=None)


_inside: ContextVar[bool] = ContextVar("inside", default=False)
is_inside = _inside.get  # whether a function is being differentiated, by a transformation further out


class inside(Block):
    """For as long as a `with` block lasts, a function is being differentiated: transformations in it return nodes."""

    variable, chain = _inside, ContextVar("blocks inside", default=None)


_recorder: ContextVar[Any] = ContextVar("recorder", default=None)
recorder = (
    _recorder.get
)  # what a function that is being compiled is recorded by (a Trace of compile/trace.py), or None


class recorded_by(Block):
    """For as long as a `with` block lasts, this Trace is asked wherever a node's numbers would decide or leave the graph."""

    variable, chain = _recorder, ContextVar("blocks that record", default=None)

    def __init__(self, trace: Any) -> None:
        self.trace = trace

    def value(self) -> Any:
        return self.trace
