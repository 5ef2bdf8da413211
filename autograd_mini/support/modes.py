"""Whether operations are recorded, and inside which module: context variables, which each thread and asyncio task has for itself."""

import inspect
from collections.abc import Callable, Generator
from contextvars import ContextVar
from functools import wraps
from typing import Any, TypeVar
from weakref import ref

F = TypeVar("F", bound=Callable[..., Any])

# The first `meta` of a new node: None, or inside a module's call {"scope": (the module's Place, the scope around it)}; False where
# operations are not recorded.
_meta: ContextVar[Any] = ContextVar("meta", default=None)
set_meta = _meta.set
meta_here = _meta.get


class Block:
    """A `with` block that sets a context variable, and sets the old value at its end.

    The open blocks form a chain, (reference to the block, old value, rest). Blocks in generators may end in any order: one that ends
    before a later one hands its old value to that one. A block that Ctrl-C interrupted at its very beginning or end leaves the
    chain when it is deleted.
    """

    variable: Any
    chain: ContextVar[Any]

    def value(self) -> Any:
        """Return the new value of the variable."""
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
        """Take a block out of the chain; with `is_last` all later ones, too."""
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
    """Return whether operations are recorded here."""
    return meta_here() is not False


class enable_grad(Block):
    """Record operations inside a `with` block, or inside a function that this decorates.

    Other threads and asyncio tasks are not affected. A `with` around a `yield` affects the caller too, until the generator
    continues; a decorated generator function is affected only while its own code runs. TypeError for an async generator function,
    which cannot be decorated.

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
        """Return the meta that new nodes get: False where they are not recorded.

        >>> no_grad().value()
        False
        """
        return self.mode and (meta_here() or None)

    def __call__(self, function: F) -> F:
        mode = type(self)
        if inspect.isasyncgenfunction(function):
            what = f"an async generator ({function.__name__})"
            raise TypeError(f"{mode.__name__} cannot decorate {what}: use `with` inside it")

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

        if inspect.isgeneratorfunction(function):
            return stepped  # type: ignore[return-value]
        return awaited if inspect.iscoroutinefunction(function) else called  # type: ignore[return-value]


class no_grad(enable_grad):
    """Do not record operations inside a `with` block, or inside a function that this decorates: the results are constants.

    >>> import autograd_mini as ag
    >>> with ag.no_grad():
    ...     y = ag.Value(2.0) * 3.0
    >>> y.requires_grad
    False
    """

    mode = False


class _Stepped(Generator[Any, Any, Any]):
    """A generator whose own code, but not its caller's, runs in a mode."""

    def __init__(self, generator: Generator[Any, Any, Any], mode: Callable[[], Any]) -> None:
        self.generator, self.mode = generator, mode

    def send(self, value: Any) -> Any:
        with self.mode():
            return self.generator.send(value)

    def throw(self, *error: Any) -> Any:
        with self.mode():
            return self.generator.throw(*error)


_keeping: ContextVar[bool] = ContextVar("keeping", default=False)
keeps_constants = _keeping.get  # whether constants keep their operation and parents


class keep_constants(Block):
    """Inside this `with` block constants keep their operation and parents, so that they can be computed again."""

    variable, chain = _keeping, ContextVar("blocks that keep", default=None)


_inside: ContextVar[bool] = ContextVar("inside", default=False)
is_inside = _inside.get  # whether a function is being differentiated


class inside(Block):
    """Inside this `with` block a function is being differentiated: transformations return nodes."""

    variable, chain = _inside, ContextVar("blocks inside", default=None)


_recorder: ContextVar[Any] = ContextVar("recorder", default=None)
recorder = _recorder.get  # the Trace (compile/trace.py) that records what is compiled, or None


class recorded_by(Block):
    """Inside this `with` block a Trace is asked wherever a node's numbers would decide something, or leave the graph."""

    variable, chain = _recorder, ContextVar("blocks that record", default=None)

    def __init__(self, trace: Any) -> None:
        self.trace = trace

    def value(self) -> Any:
        return self.trace
