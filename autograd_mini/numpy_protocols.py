"""NumPy's own functions on nodes: np.exp(x) is exp(x), and a function without a rule says so."""

from collections.abc import Callable
from typing import Any

import numpy as np

from . import array_functions
from .core import array_rows, functions, rows, special_rows
from .core.node import Node
from .core.op import Op
from .errors import AutogradError, GraphError

PLAIN = {  # what gives plain data
    np.argmax, np.argmin, np.argsort, np.greater, np.greater_equal, np.less, np.less_equal, np.equal,
    np.not_equal, np.isnan, np.isinf, np.isfinite, np.logical_and, np.logical_or, np.logical_not, np.any,
    np.all, np.allclose, np.isclose, np.array_equal, np.shape, np.ndim, np.size, np.count_nonzero, np.signbit,
    np.zeros_like, np.ones_like, np.result_type, np.array_repr, np.array_str, np.array2string,
}  # fmt: skip


OF_LINALG = ("det", "inv", "matmul", "norm", "slogdet", "solve")  # others of that name mean the last two axes


def _found() -> dict[Any, Callable[..., Any]]:
    """What stays in the graph: np.exp is exp, and so on, for every name that our functions share with NumPy."""
    found: dict[Any, Callable[..., Any]] = {}
    for source in (rows, special_rows, array_rows, functions, array_functions):  # a front stands for its row
        for name, function in vars(source).items():
            is_ours = isinstance(function, Op) or getattr(function, "__module__", "") == source.__name__
            for place in (np, np.linalg) if name in OF_LINALG else (np,):
                theirs = getattr(place, name, None)
                if is_ours and callable(theirs) and theirs not in PLAIN:
                    found[theirs] = function
    return found


RULES = _found()
RULES |= {
    np.dot: lambda x, y: array_functions.dot(x, y),  # noqa: PLW0108  (not dot itself, whose third argument is a bias)
    np.matrix_transpose: lambda x: functions.swapaxes(x, -1, -2),
    np.amax: functions.max,
    np.amin: functions.min,
    np.around: functions.round,
}
RENAMED = {
    "a": "x",
    "A": "x",
    "m": "x",
    "arr": "x",
    "ary": "x",
    "a_min": "min",
    "a_max": "max",
}  # NumPy's names of arguments


def from_numpy(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What a NumPy function gives on nodes: ours of the same name; plain data from comparisons and the like."""
    if (
        not kwargs and type(function) is np.ufunc and len(args) == function.nin and function in RULES
    ):  # the common case, an operator
        return RULES[function](*args)
    owner = getattr(function, "__self__", None)  # np.add of np.add.reduce
    path = [
        (getattr(function, "__module__", None) or "numpy").replace("numpy", "np"),
        getattr(owner, "__name__", ""),
        function.__name__,
    ]
    name = ".".join(filter(None, path))
    if kwargs.get("out") is not None:
        raise GraphError(
            f"{name}(…, out=…) would write a node into a plain array and cut the graph: "
            "assign its result instead"
        )
    if function in PLAIN:
        return function(*map(_data, args), **{key: _data(value) for key, value in kwargs.items()})
    if function not in RULES:
        supported = ", ".join(sorted(rule.__name__ for rule in RULES))
        raise NotImplementedError(
            f"{name} has no rule. Supported are {supported}. "
            f"On plain numbers, outside the graph: {name}(x.data)"
        )
    kwargs = {RENAMED.get(key, key): value for key, value in kwargs.items()}
    for sizes in (
        kwargs.keys() & {"shape", "newshape", "axes"} if function in (np.reshape, np.transpose) else ()
    ):
        args += (kwargs.pop(sizes),)
    try:
        return RULES[function](*args, **kwargs)
    except AutogradError:
        raise
    except (TypeError, AttributeError) as error:
        raise NotImplementedError(f"{name} on nodes has fewer options than NumPy's: {error}") from error


def _data(x: Any) -> Any:
    return (
        x.data if isinstance(x, Node) else [_data(part) for part in x] if isinstance(x, list | tuple) else x
    )


def _of_ufunc(self: Any, ufunc: Any, method: str, *operands: Any, **kwargs: Any) -> Any:
    return from_numpy(ufunc if method == "__call__" else getattr(ufunc, method), operands, kwargs)


def _of_function(self: Any, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
    return from_numpy(function, args, kwargs)


Node.__array_ufunc__ = _of_ufunc  # type: ignore[attr-defined]
Node.__array_function__ = _of_function  # type: ignore[attr-defined]
