"""NumPy's own functions on nodes: np.exp(x) is exp(x), and a function without a rule says so."""

import functools
import inspect
import sys
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from . import array_functions
from .core import array_rows, functions, rows, special_rows
from .core.node import Node, plain
from .core.op import Op
from .errors import AutogradError, GraphError
from .support.coercion import FLOAT_TYPES
from .support.modes import recorder

Rule = Callable[..., Any]

PLAIN = {  # what gives plain data
    np.argmax, np.argmin, np.argsort, np.greater, np.greater_equal, np.less, np.less_equal, np.equal,
    np.not_equal, np.isnan, np.isinf, np.isfinite, np.logical_and, np.logical_or, np.logical_not, np.any,
    np.all, np.allclose, np.isclose, np.array_equal, np.shape, np.ndim, np.size, np.count_nonzero, np.signbit,
    np.zeros_like, np.ones_like, np.result_type, np.array_repr, np.array_str, np.array2string, np.nonzero,
    np.flatnonzero, np.argwhere, np.argpartition, np.nanargmax, np.nanargmin, np.searchsorted, np.digitize,
    np.isposinf, np.isneginf, np.isreal, np.iscomplex, np.lexsort, np.logical_xor, np.array_equiv, np.isin,
    np.linalg.matrix_rank, np.iscomplexobj, np.isrealobj, np.empty_like, np.can_cast, np.common_type,
    np.histogram_bin_edges, np.shares_memory, np.may_share_memory,
}  # fmt: skip

OF_LINALG = set(
    """
    det inv matmul norm slogdet solve cholesky eigh eigvalsh svd svdvals pinv lstsq matrix_power multi_dot
    cond matrix_norm vector_norm vecdot cross outer tensordot
    """.split()  # noqa: SIM905
)  # what np.linalg has by that name, np.trace and np.diagonal apart, which there mean the last two axes


def _found() -> dict[Any, Rule]:
    """What stays in the graph: np.exp is exp, and so on, for every name that our functions share with NumPy."""
    found: dict[Any, Rule] = {}
    for source in (rows, special_rows, array_rows, functions, array_functions):  # a front stands for its row
        for name, function in vars(source).items():
            is_ours = isinstance(function, Op) or getattr(function, "__module__", "") == source.__name__
            for place in (np, np.linalg) if name in OF_LINALG else (np,):
                theirs = getattr(place, name, None)
                if is_ours and name[0] != "_" and callable(theirs) and theirs not in PLAIN:
                    found[theirs] = function
    return found


def _last_axis(x: Any, axis: int = 0, keepdims: bool = False, *, rule: Rule) -> Any:
    return rule(x, axis, keepdims)


RULES = _found()
RULES.pop(np.full)  # NumPy hands it on to nobody
RULES |= {
    np.dot: lambda a, b: array_functions.dot(a, b),  # noqa: PLW0108  (not dot itself, whose third argument is a bias)
    np.matrix_transpose: lambda x: functions.swapaxes(x, -1, -2),
    np.amax: functions.max,
    np.amin: functions.min,
    np.around: functions.round,
    np.rint: functions.round,
    np.fix: array_functions.trunc,
    np.radians: array_functions.deg2rad,
    np.degrees: array_functions.rad2deg,
    np.fabs: rows.abs,
    np.float_power: functions.power,
    np.conjugate: rows.positive,
    np.real_if_close: lambda a: rows.positive(a),  # noqa: PLW0108
    getattr(np, "astype", None): functions.cast,  # NumPy 2.1
    np.linalg.trace: lambda x, offset=0: array_functions.trace(x, offset, -2, -1),
    np.linalg.diagonal: lambda x, offset=0: array_functions.diagonal(x, offset, -2, -1),
    np.linalg.cross: lambda x1, x2, axis=-1: array_functions.cross(x1, x2, axis=axis),
    np.linalg.matrix_transpose: lambda x: functions.swapaxes(x, -1, -2),
    np.add.reduce: functools.partial(_last_axis, rule=functions.sum),
    np.multiply.reduce: functools.partial(_last_axis, rule=functions.prod),
    np.maximum.reduce: functools.partial(_last_axis, rule=functions.max),
    np.minimum.reduce: functools.partial(_last_axis, rule=functions.min),
    np.add.accumulate: lambda array, axis=0: functions.cumsum(array, axis),
    np.multiply.accumulate: lambda array, axis=0: functions.cumprod(array, axis),
    np.maximum.accumulate: lambda array, axis=0: array_functions.cummax(array, axis),
    np.minimum.accumulate: lambda array, axis=0: array_functions.cummin(array, axis),
}

# NumPy's names of arguments, and ours; arguments that change nothing here, whatever they are
RENAMED = {"A": "x", "m": "x", "arr": "x", "ary": "x", "array": "x", "a_min": "min", "a_max": "max", "v": "x"}
RENAMED |= {"a": "x", "correction": "ddof", "arrays": "xs", "x1": "x", "x2": "y", "b": "y", "seq": "xs"}
HARMLESS = {"overwrite_input", "copy", "subok", "kind", "optimize", "stable", "device", "casting", "like"}
VARIABLE = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
SIZED = {np.reshape, np.transpose, np.permute_dims}
SIZES = ("shape", "newshape", "axes")  # what ours take as one argument or as many
MOVED_IN = {np.reshape, np.ravel}  # by NumPy itself, where the order is not that of C


def _parameters(function: Any) -> Mapping[str, inspect.Parameter]:
    """The arguments of a function by name; none, where it does not say them."""
    if isinstance(function, Op):
        kind = inspect.Parameter.POSITIONAL_ONLY
        return {name: inspect.Parameter(name, kind) for name in function.operands}
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):
        return MappingProxyType({})


@functools.lru_cache(maxsize=1024)
def _names(function: Any) -> tuple[dict[str, str], int]:
    """Our name for each argument of NumPy's, and how many of the first stand in the same order."""
    rule = RULES[function]
    every = _parameters(rule)
    ours = {name: p for name, p in every.items() if p.kind not in VARIABLE}
    if not _parameters(function):  # before NumPy 2.4 its functions in C do not say their arguments
        return {name: name for name in ours}, len(every)
    names, leading, is_leading = {}, 0, True
    for theirs, mine in zip(_parameters(function).values(), [*ours.values(), *[None] * 20], strict=False):
        name = theirs.name if theirs.name in ours else RENAMED.get(theirs.name, theirs.name)
        if mine is not None and theirs.kind == theirs.POSITIONAL_ONLY:
            name = mine.name
        if name in ours:
            names[theirs.name] = name
        is_leading = is_leading and mine is not None and name == mine.name
        is_leading = is_leading and theirs.kind in (theirs.POSITIONAL_ONLY, theirs.POSITIONAL_OR_KEYWORD)
        leading += is_leading
    takes_sizes = any(p.kind == p.VAR_POSITIONAL for p in every.values())
    return names, leading + (takes_sizes and function in SIZED)


COMPARISONS = {
    getattr(np, op.name): op
    for op in (rows.greater, rows.greater_equal, rows.less, rows.less_equal, rows.equal, rows.not_equal)
}


def from_numpy(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What a NumPy function gives on nodes: ours of the same name; plain data from comparisons and the like."""
    if not kwargs and type(function) is np.ufunc and len(args) == function.nin and function in RULES:
        return RULES[function](*args)  # the common case, an operator
    name = _name(function)
    if kwargs.get("out") is not None:
        raise _writes_into(name)
    if function in PLAIN:
        if function in COMPARISONS and not kwargs and recorder() is not None:
            return COMPARISONS[function](*args)  # what is compiled compares again
        return function(*map(_data, args), **{key: _data(value) for key, value in kwargs.items()})
    rule = RULES.get(function) or _special(function)
    if rule is None:
        from .support.advice import no_rule

        raise NotImplementedError(no_rule(name, {_name(known) for known in RULES}))
    names, leading = _names(function) if function in RULES else ({}, 9)
    quick = len(args) <= leading and all(names.get(key) == key for key in kwargs)
    try:
        if quick and "dtype" not in kwargs:
            return rule(*args, **kwargs)
        return _with_options(function, rule, name, args, kwargs)
    except AutogradError:
        raise
    except (TypeError, AttributeError) as error:
        raise _fewer(name, error) from error


def _name(function: Any) -> str:
    """What a user calls it: np.add.reduce, np.linalg.norm, scipy.special.erf."""
    owner = getattr(function, "__self__", None)  # np.add of np.add.reduce
    path = [
        (getattr(function, "__module__", None) or "numpy").replace("numpy", "np"),
        getattr(owner, "__name__", ""),
        function.__name__,
    ]
    if isinstance(function, np.ufunc) and getattr(np, function.__name__, None) is not function:
        theirs = getattr(sys.modules.get("scipy.special"), function.__name__, None)
        path[0] = "scipy.special" if theirs is function else ""
    return ".".join(filter(None, path))


def _writes_into(name: str) -> GraphError:
    cut = "would write a node into a plain array and cut the graph"
    return GraphError(f"{name}(…, out=…) {cut}: assign its result instead")


def _with_options(function: Any, rule: Rule, name: str, args: Any, kwargs: Any) -> Any:
    """The call with NumPy's further arguments: what is NumPy's default is left out, what has no rule is refused."""
    if not _parameters(function):
        how = {RENAMED.get(k, k): value for k, value in kwargs.items() if not _changes_nothing(k, value)}
        return rule(*args, **how)
    bound = inspect.signature(function).bind(*args, **kwargs)
    names, ours = _names(function)[0], _parameters(rule)
    options, how, rest = dict[str, Any](), dict[str, Any](), list[Any]()
    for key, value in bound.arguments.items():
        parameter = bound.signature.parameters[key]
        if parameter.kind == parameter.VAR_POSITIONAL:
            rest += value
        elif parameter.kind == parameter.VAR_KEYWORD:
            how |= value
        elif key in names:
            options[names[key]] = value
        elif value is not parameter.default and value is not None:
            how[key] = value
    if "out" in how:
        raise _writes_into(name)
    rest += [how.pop(key) for key in SIZES if key in how]
    how = {key: value for key, value in how.items() if not _changes_nothing(key, value)}
    if how.get("order") is not None and function in MOVED_IN:
        return array_functions._moving(function)(*args, **kwargs)
    dtype = how.pop("dtype", None)
    if dtype is not None and np.dtype(dtype) not in FLOAT_TYPES:
        advice = "float64 or float32, or take .data"
        raise NotImplementedError(f"{name}: dtype={dtype!r} has no gradient: {advice}")
    first = next(iter(ours), "")
    if dtype is not None and isinstance(options.get(first), Node):
        options[first], dtype = functions.cast(options[first], dtype), None
    chosen, start = how.pop("where", None), how.pop("initial", options.get("initial"))
    if chosen is not None or start is not None:
        return _reduced(name, rule, options, chosen, start)
    takes_all = any(p.kind == p.VAR_KEYWORD for p in ours.values())
    if lost := [f"{key}=" for key in how if key not in ours and not takes_all]:
        raise _fewer(name, f"{', '.join(lost)} has no rule")
    # By position goes what a row takes, and what stands before *sizes
    by_place, either = inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD
    kinds = (by_place, either) if rest else (by_place,)
    positional = [options.pop(key) for key, p in ours.items() if key in options and p.kind in kinds]
    out = rule(*positional, *rest, **options, **how)
    return out if dtype is None else functions.cast(out, dtype)


def _fewer(name: str, why: Any) -> NotImplementedError:
    return NotImplementedError(f"{name} on nodes has fewer options than NumPy's: {why}")


def _changes_nothing(key: str, value: Any) -> bool:
    by_value = (key == "order" and value in ("C", "K", "A")) or (key == "where" and value is True)
    return key in HARMLESS or by_value


def _reduced(name: str, rule: Rule, options: dict[str, Any], chosen: Any, start: Any) -> Any:
    """A reduction over the chosen elements, or with a number to start from."""
    x, _ = options.pop("x", None), options.pop("initial", None)
    if rule is functions.mean and chosen is not None:
        counted = functions.where(chosen, 1.0, np.zeros(functions.shape(x)))
        total = functions.sum(functions.where(chosen, x, 0.0), **options)
        return rows.divide(total, functions.sum(counted, **options))
    neutral: dict[Any, Any] = {functions.sum: 0.0, functions.prod: 1.0}
    neutral |= dict.fromkeys((functions.max, functions.min), start)
    if rule not in neutral:
        raise _fewer(name, f"{'where=' if chosen is not None else 'initial='} has no rule")
    if chosen is not None:
        if neutral[rule] is None:
            needed = "with where= an initial= is needed, which holds where nothing is chosen"
            raise ValueError(f"{name}: {needed}")
        x = functions.where(chosen, x, neutral[rule])
    if rule in (functions.max, functions.min):
        return rule(x, initial=start, **options)
    out = rule(x, **options)
    return out if start is None else (rows.add if rule is functions.sum else rows.multiply)(out, start)


def _scipy_rules() -> dict[Any, Rule]:
    """The functions of scipy.special, where a program has loaded it."""
    if "scipy.special" not in sys.modules:
        return {}
    from .scipy_functions import RULES as found

    return found


def _special(function: Any) -> Rule | None:
    """The rule of what is no name of NumPy's: an outer product by any ufunc, a function of scipy.special."""
    owner = getattr(function, "__self__", None)
    if isinstance(owner, np.ufunc) and function.__name__ == "outer" and owner in RULES:
        return lambda x, y: RULES[owner](functions.reshape(x, _outer_sizes(x, y)), y)
    return _scipy_rules().get(function) if isinstance(function, np.ufunc) else None


def _outer_sizes(x: Any, y: Any) -> tuple[int, ...]:
    return functions.shape(x) + (1,) * len(functions.shape(y))


def _data(x: Any) -> Any:
    return list(map(_data, x)) if isinstance(x, list | tuple) else plain(x)


def _of_ufunc(self: Any, ufunc: Any, method: str, *operands: Any, **kwargs: Any) -> Any:
    return from_numpy(ufunc if method == "__call__" else getattr(ufunc, method), operands, kwargs)


def _of_function(self: Any, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
    return from_numpy(function, args, kwargs)


Node.__array_ufunc__ = _of_ufunc  # type: ignore[attr-defined]
Node.__array_function__ = _of_function  # type: ignore[attr-defined]
