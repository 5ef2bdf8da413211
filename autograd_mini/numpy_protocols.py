"""NumPy's own functions on nodes: np.exp(x) is exp(x), and a function without a rule says so."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .core import functions
from .core.node import Node
from .errors import AutogradError, GraphError

PLAIN = {  # what gives plain data
    np.argmax, np.argmin, np.argsort, np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal, np.isnan, np.isinf,
    np.isfinite, np.logical_and, np.logical_or, np.logical_not, np.any, np.all, np.allclose, np.isclose, np.array_equal, np.shape,
    np.ndim, np.size, np.count_nonzero, np.signbit, np.zeros_like, np.ones_like, np.result_type, np.array_repr, np.array_str,
    np.array2string,
}  # fmt: skip
RULES: dict[Any, Callable[..., Any]] = {  # what stays in the graph: np.exp is exp, and so on
    getattr(np, name): getattr(functions, name)
    for name in """
        abs add arccos arccosh arcsin arcsinh arctan arctan2 arctanh broadcast_to ceil clip concatenate cos cosh cumprod cumsum diag
        diagonal divide einsum exp expand_dims expm1 flip floor hypot log log10 log1p log2 logaddexp matmul max maximum mean min
        minimum moveaxis multiply negative outer pad positive power prod ravel reciprocal remainder repeat reshape roll round sign sin sinc
        sinh sort split sqrt square squeeze stack std subtract sum swapaxes take_along_axis tan tanh tensordot tile trace transpose
        tril triu var where
    """.split()  # noqa: SIM905  (a list would be three times as long)
}
RULES |= {
    getattr(np.linalg, name): getattr(functions, name) for name in ["det", "inv", "norm", "slogdet", "solve"]
}
RULES |= {
    np.dot: lambda x, y: functions.dot(x, y),  # noqa: PLW0108  (not dot itself, whose third argument is a bias)
    np.matrix_transpose: lambda x: functions.swapaxes(x, -1, -2),
    np.linalg.matmul: functions.matmul,
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
            f"{name}(…, out=…) would write a node into a plain array and cut the graph: assign its result instead"
        )
    if function in PLAIN:
        return function(*map(_data, args), **{key: _data(value) for key, value in kwargs.items()})
    if function not in RULES:
        supported = ", ".join(sorted(rule.__name__ for rule in RULES))
        raise NotImplementedError(
            f"{name} has no rule. Supported are {supported}. On plain numbers, outside the graph: {name}(x.data)"
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


Node.from_numpy = staticmethod(from_numpy)
