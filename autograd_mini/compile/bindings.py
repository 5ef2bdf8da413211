"""Bindings: what a function finds outside its arguments, so that a replay notices where a name means something else by now."""

import copy
import functools
import types
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from ..core.node import Node
from ..support.coercion import BARE

Binding = tuple[
    Any, str, Any
]  # a place, such as a dict, how Python reads what is bound there, and what that was
PLAIN = (*BARE, str, bool, type(None))
MOST = 10_000  # objects that are looked at


def bindings(readers: Sequence[Any]) -> list[Binding]:
    """Return what functions and objects read by name: in closures, globals, and attributes of the objects that they meet there.

    It follows the functions, methods and objects that it finds. The training mode of a part
    of a model counts as read. What is reached in another way, by getattr(x, name) say, is not seen.
    """
    seen: set[int] = set()
    stack, places, objects, names = [*readers], list[Binding](), list[Any](), {"training"}
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
            found: list[Binding] = [(cell, ".cell_contents", cell.cell_contents) for cell in cells]
            if not _is_ours(x):
                mine = {name for code in _codes(x.__code__) for name in code.co_names}
                names |= mine
                found += in_dict(x.__globals__, mine)
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
        places += in_dict(vars(x), names)
    return [binding for place in places for binding in _watched(*place)]


def in_dict(place: dict[str, Any], names: Iterable[str]) -> list[Binding]:
    """The bindings of some names, of those that are there."""
    return [(place, f"[{name!r}]", place[name]) for name in names if name in place]


CHECK = """\
def check():
    try:
        return {quick} or {slow}
    except (ValueError, LookupError, TypeError):  # a name is gone
        return False
"""


def checker(bindings: Sequence[Binding]) -> Callable[[], bool]:
    """Return a function that says whether all names still mean what they meant, numbers by their value.

    Identity is asked first, in one expression that is written out: it runs at every call.
    """
    space: dict[str, Any] = {"is_same": _is_same, "holds": _holds}
    quick, slow = ["True"], ["True"]
    for i, (place, path, was) in enumerate(bindings):
        space |= {f"place{i}": place, f"was{i}": was}
        quick.append(f"place{i}{path} is was{i}")
        slow.append(f"{'is_same' if path else 'holds'}(place{i}{path}, was{i})")
    exec(CHECK.format(quick=" and ".join(quick), slow=" and ".join(slow)), space)
    return space["check"]  # type: ignore[no-any-return]


def _is_same(now: Any, was: Any) -> bool:
    return now is was or (type(now) is type(was) and isinstance(now, (list, *PLAIN)) and now == was)


def _holds(now: Any, was: Any) -> bool:
    return np.array_equal(now, was) if isinstance(was, np.ndarray) else bool(now == was)


def _watched(place: Any, path: str, x: Any) -> Iterator[Binding]:
    """A binding, if it is of something that a program takes in; a list of numbers by its content."""
    if isinstance(x, (np.ndarray, Node, types.FunctionType, *PLAIN)):
        yield place, path, x
    elif isinstance(x, list) and _is_plain(x):
        yield x, "", copy.deepcopy(x)
    elif isinstance(x, list | tuple):
        yield from ((x, f"[{i}]", part) for i, part in enumerate(x) if isinstance(part, np.ndarray | Node))


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
