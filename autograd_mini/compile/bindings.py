"""Bindings: what a function finds outside its arguments, so that a replay notices where a name means something else by now."""

import copy
import functools
import types
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ..core.node import Node
from ..support.coercion import BARE

Binding = tuple[Any, Any, Any]  # a dict, list or cell, the name in it, and what that was bound to
PLAIN = (*BARE, str, bool, type(None))
MOST = 10_000  # objects that are looked at
EQUAL: Any = object()  # in place of a name: the list itself is compared with a copy


def bindings(f: Any, arguments: Sequence[Any] = ()) -> list[Binding]:
    """Return what a function reads by name: in closures, globals, and attributes of the objects that it meets there.

    It follows the functions, methods and objects that it finds, those among the arguments too. The training mode of a part
    of a model counts as read. What is reached in another way, by getattr(x, name) say, is not seen.
    """
    seen: set[int] = set()
    stack, places, objects, names = [f, *arguments], list[Binding](), list[Any](), {"training"}
    while stack and len(seen) < MOST:
        x = stack.pop()
        if id(x) in seen or isinstance(x, (np.ndarray, Node, type, types.ModuleType, *PLAIN)):
            continue
        seen.add(id(x))
        if isinstance(x, functools.partial):
            stack += [x.func, *x.args, *x.keywords.values()]
        elif isinstance(x, types.MethodType):
            stack += [x.__func__, x.__self__]
        elif isinstance(x, types.FunctionType):
            cells = [cell for cell in x.__closure__ or () if _is_set(cell)]
            found: list[Binding] = [(cell, None, cell.cell_contents) for cell in cells]
            if not _is_ours(x):
                mine = {name for code in _codes(x.__code__) for name in code.co_names}
                names |= mine
                found += [(x.__globals__, name, x.__globals__[name]) for name in mine & x.__globals__.keys()]
                places += found
            stack += [value for _, _, value in found]
        elif isinstance(x, list | tuple | dict):
            stack += x.values() if isinstance(x, dict) else x
        elif isinstance(getattr(x, "__dict__", None), dict):
            objects.append(x)
            methods = [method for kind in type(x).__mro__ for method in vars(kind).values()]
            stack += [one for one in methods if isinstance(one, types.FunctionType) and not _is_ours(one)]
            stack += vars(x).values()
    for x in objects:
        places += [(vars(x), name, vars(x)[name]) for name in names & vars(x).keys()]
    return [binding for place in places for binding in _watched(*place)]


CHECK = """\
def check():
    try:
        return {tests} or is_same()
    except (ValueError, LookupError, TypeError):  # a name is gone
        return False
"""


def checker(bindings: Sequence[Binding]) -> Callable[[], bool]:
    """Return a function that says whether all names still mean what they meant, numbers by their value.

    Identity is asked first, in one expression that is written out: it runs at every call.
    """
    space: dict[str, Any] = {"is_same": lambda: all(map(_is_bound, bindings))}
    tests = []
    for i, (place, name, was) in enumerate(bindings):
        space |= {f"place{i}": place, f"was{i}": was}
        if name is EQUAL:
            tests.append(f"place{i} == was{i}")
        else:
            tests.append(f"place{i}{'.cell_contents' if name is None else f'[{name!r}]'} is was{i}")
    exec(CHECK.format(tests=" and ".join(tests) or "True"), space)
    return space["check"]  # type: ignore[no-any-return]


def _is_bound(binding: Binding) -> bool:
    place, name, was = binding
    if name is EQUAL:
        return bool(place == was)
    now = place.cell_contents if name is None else place[name]
    return now is was or (type(now) is type(was) and isinstance(now, PLAIN) and now == was)


def _watched(place: Any, name: Any, x: Any) -> Iterator[Binding]:
    """A binding, if it is of something that a program takes in; a list of numbers by its content."""
    if isinstance(x, (np.ndarray, Node, types.FunctionType, *PLAIN)):
        yield place, name, x
    elif isinstance(x, list) and _is_plain(x):
        yield x, EQUAL, copy.deepcopy(x)
    elif isinstance(x, list | tuple):
        yield from ((x, i, part) for i, part in enumerate(x) if isinstance(part, np.ndarray | Node))


def _is_plain(data: Any) -> bool:
    """Whether nested lists hold numbers alone."""
    return all(isinstance(part, BARE) or (isinstance(part, list) and _is_plain(part)) for part in data)


def _is_ours(function: Any) -> bool:
    package = str(function.__module__).partition(".")
    return package[0] in (__name__.partition(".")[0], "numpy") and not package[2].startswith("gallery")


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    """A function's code and that of the functions inside it."""
    yield code
    for part in code.co_consts:
        if isinstance(part, types.CodeType):
            yield from _codes(part)


def _is_set(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True
