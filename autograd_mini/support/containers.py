"""Nested lists, tuples and dicts: their leaves, and the same structure with other leaves."""

from collections.abc import Callable, Iterator
from typing import Any

DEPTH = 64  # nobody nests deeper on purpose


def flatten(tree: Any, path: str = "") -> list[tuple[str, Any]]:
    """Return the list of (path, leaf) of nested lists, tuples and dicts; a path is as `[0]['w']`. None has no leaf.

    Raises ValueError for a structure that is nested more than 64 deep.

    >>> flatten({"w": [1.0, 2.0], "b": None})
    [("['w'][0]", 1.0), ("['w'][1]", 2.0)]
    """
    return list(_leaves(tree, path, 0))


def _leaves(tree: Any, path: str, depth: int) -> Iterator[tuple[str, Any]]:
    _check_depth(depth, path)
    if isinstance(tree, dict):
        for key, part in tree.items():
            yield from _leaves(part, f"{path}[{key!r}]", depth + 1)
    elif isinstance(tree, list | tuple):
        for i, part in enumerate(tree):
            yield from _leaves(part, f"{path}[{i}]", depth + 1)
    elif tree is not None:
        yield path, tree


def rebuild(tree: Any, change: Callable[[Any], Any], path: str = "", depth: int = 0) -> Any:
    """Return the same nested lists, tuples and dicts with change(leaf) for each leaf, from left to right; `tree` itself stays.

    `path` is the name of the tree in an error: ValueError for a structure that is nested more than 64 deep.

    >>> rebuild({"w": [1.0, 2.0], "b": None}, lambda x: 10 * x)
    {'w': [10.0, 20.0], 'b': None}
    """
    if isinstance(tree, dict):
        _check_depth(depth, path)
        return {key: rebuild(part, change, path, depth + 1) for key, part in tree.items()}
    if isinstance(tree, list | tuple):
        _check_depth(depth, path)
        parts = [rebuild(part, change, path, depth + 1) for part in tree]
        if hasattr(tree, "_fields"):  # a namedtuple
            return type(tree)(*parts)
        return parts if isinstance(tree, list) else tuple(parts)
    return None if tree is None else change(tree)


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
    """Return the list of (path, part of `other`) for each leaf of the tree; ValueError where the structures differ.

    >>> matched({"a": 1.0, "b": 2.0}, {"b": 20.0, "a": 10.0}, "v")
    [("v['a']", 10.0), ("v['b']", 20.0)]
    """
    if isinstance(tree, dict):
        if not isinstance(other, dict) or other.keys() != tree.keys():
            raise ValueError(f"{path} must be a dict with the keys {', '.join(map(repr, tree))}")
        return [leaf for key, part in tree.items() for leaf in matched(part, other[key], f"{path}[{key!r}]")]
    if isinstance(tree, list | tuple):
        if not isinstance(other, list | tuple) or len(other) != len(tree):
            raise ValueError(f"{path} must be a list or tuple of {len(tree)}")
        return [leaf for i, part in enumerate(tree) for leaf in matched(part, other[i], f"{path}[{i}]")]
    return [] if tree is None else [(path, other)]
