"""Nested lists, tuples and dicts: their leaves, and the same structure with other leaves."""

from collections.abc import Callable, Iterable
from typing import Any

from ..errors import ShapeError

DEPTH = 64  # nobody nests deeper on purpose


def flatten(tree: Any, path: str = "", depth: int = 0) -> list[tuple[str, Any]]:
    """Return the list of (path, leaf) of nested lists, tuples and dicts; a path is as `[0]['w']`. None has no leaf.

    Raises ValueError for a structure that is nested more than 64 deep.

    >>> flatten({"w": [1.0, 2.0], "b": None})
    [("['w'][0]", 1.0), ("['w'][1]", 2.0)]
    """
    _check_depth(depth, path)
    if not isinstance(tree, dict | list | tuple):
        return [] if tree is None else [(path, tree)]
    return [leaf for key, part in _items(tree) for leaf in flatten(part, f"{path}[{key!r}]", depth + 1)]


def _items(tree: Any) -> Iterable[tuple[Any, Any]]:
    """The keys or places, and the parts."""
    return tree.items() if isinstance(tree, dict) else enumerate(tree)


def rebuild(tree: Any, change: Callable[[Any], Any], path: str = "", depth: int = 0) -> Any:
    """Return the same nested lists, tuples and dicts with change(leaf) for each leaf, from left to right; `tree` itself stays.

    `path` is the name of the tree in an error: ValueError for a structure that is nested more than 64 deep.

    >>> rebuild({"w": [1.0, 2.0], "b": None}, lambda x: 10 * x)
    {'w': [10.0, 20.0], 'b': None}
    """
    if not isinstance(tree, dict | list | tuple):
        return None if tree is None else change(tree)
    _check_depth(depth, path)
    parts = {key: rebuild(part, change, path, depth + 1) for key, part in _items(tree)}
    if isinstance(tree, dict):
        return parts
    if hasattr(tree, "_fields"):  # a namedtuple
        return type(tree)(*parts.values())
    return list(parts.values()) if isinstance(tree, list) else tuple(parts.values())


def _check_depth(depth: int, path: str = "") -> None:
    if depth > DEPTH:
        where = f"{path[:40]}…: " if path else ""
        raise ValueError(f"{where}nested more than {DEPTH} deep (a list in itself?)")


def refill(tree: Any, leaves: Any) -> Any:
    """Return the same nested lists, tuples and dicts with these leaves, from left to right.

    >>> refill((1.0, [2.0]), ["a", "b"])
    ('a', ['b'])
    """
    found = iter(leaves)
    return rebuild(tree, lambda _: next(found))


def matched(tree: Any, other: Any, path: str = "") -> list[tuple[str, Any]]:
    """Return the list of (path, part of `other`) for each leaf of the tree; ShapeError where the structures differ.

    >>> matched({"a": 1.0, "b": 2.0}, {"b": 20.0, "a": 10.0}, "v")
    [("v['a']", 10.0), ("v['b']", 20.0)]
    """
    if not isinstance(tree, dict | list | tuple):
        return [] if tree is None else [(path, other)]
    if isinstance(tree, dict):
        fits, needed = isinstance(other, dict) and other.keys() == tree.keys(), f"a dict of {[*tree]}"
    else:
        fits = isinstance(other, list | tuple) and len(other) == len(tree)
        needed = f"a list or tuple of {len(tree)}"
    if not fits:
        raise ShapeError(f"{path} must be {needed}")
    return [leaf for key, part in _items(tree) for leaf in matched(part, other[key], f"{path}[{key!r}]")]
