"""Users' data as float64 or float32, or an error that says what was given and how to convert it."""

import math
import reprlib
from typing import Any

import numpy as np

from ..errors import DTypeError

FLOAT_TYPES = {np.dtype("float64"), np.dtype("float32")}
LISTS = (list, tuple)
BARE = (int, float, np.number, np.bool_)
REAL = (int, float, np.bool_, np.integer, np.floating)  # the types of numbers that are taken,
UNREAL = (np.longdouble, np.float16, np.timedelta64)  # but for these
PLAIN = {int, float, bool, np.float64, np.float32}  # the types in most lists
INSTEAD = {
    "torch": "x.detach().numpy()", "jax": "numpy.asarray(x)", "jaxlib": "numpy.asarray(x)",
    "pandas": "x.to_numpy()", "decimal": "float(x)", "fractions": "float(x)",
}  # fmt: skip


def to_float(data: Any) -> float:
    """Return the number as a float; DTypeError, with what to do, for anything else.

    >>> to_float(np.array([2]))
    2.0
    """
    if isinstance(data, REAL) and not isinstance(data, UNREAL):
        try:
            return float(data)
        except OverflowError:
            size = f"an int of {len(str(data))} digits"
            raise OverflowError(f"{size} is beyond the range of float64 (1.8e308)") from None
    if type(data) in (np.ndarray, np.matrix) and data.dtype.kind in "biuf":
        if data.size == 1:
            return float(data.item())
        given = f"an array of shape {data.shape}: use Tensor"
    elif isinstance(data, LISTS):
        given = f"a {type(data).__name__}: use Tensor"
    else:
        raise DTypeError(f"Value: a real number is needed, got {describe(data)}")
    raise DTypeError(f"Value: a single number is needed, got {given}")


def finite(
    name: str, value: Any, *, above: float = -math.inf, least: float = -math.inf, below: float = math.inf
) -> float:
    """Return `value` as a float, if it is finite, > above, ≥ least and < below; else TypeError or ValueError.

    `name`: that of the argument in the error. By default there are no bounds.

    >>> finite("slope", 1)
    1.0
    """
    bounds = {f"> {above:g}": above, f"≥ {least:g}": least, f"< {below:g}": below}
    set_ones = [words for words, bound in bounds.items() if math.isfinite(bound)]
    allowed = " ".join(["a finite number", " and ".join(set_ones)]).rstrip()
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{name} must be {allowed}, got {reprlib.repr(value)}")
    try:
        found = float(value)
    except OverflowError:  # an int of hundreds of digits
        found = math.inf
    if not (above < found < below and found >= least):
        raise ValueError(f"{name} must be {allowed}, got {str(value)[:24]}")
    return found


def whole(name: str, value: Any, least: int, otherwise: str = "") -> int:
    """Return `value`, if it is an int and `least` or more; else TypeError or ValueError.

    `name`: that of the argument in the error; `otherwise`: what else it may be, as the end of the message.

    >>> whole("epochs", 3, 1)
    3
    """
    allowed = f"an int {'> 0' if least == 1 else f'≥ {least}'}{otherwise}"
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} must be {allowed}, got {reprlib.repr(value)}")
    if value < least:
        raise ValueError(f"{name} must be {allowed}, got {value}")
    return int(value)


def flag(name: str, value: Any) -> bool:
    """Return `value`, if it is True or False; else TypeError, as the string "no" is true. `name`: that of the argument in the error.

    >>> flag("bias", False)
    False
    """
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, got {reprlib.repr(value)}")
    return bool(value)


def generator(rng: Any) -> np.random.Generator:
    """Return the numpy.random.Generator with this seed, or that was given; TypeError or ValueError for anything else.

    >>> generator(0).integers(10) == generator(0).integers(10)
    np.True_
    """
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError) as error:
        raise type(error)(f"rng must be a seed or a numpy.random.Generator, got {rng!r}") from None


def describe(data: Any) -> str:
    """Return what was given instead of a number or array, and how to convert it.

    >>> describe("3.5")
    "str '3.5': pass float(x)"
    """
    name, module = type(data).__name__, type(data).__module__.partition(".")[0]
    if hasattr(data, "parameters"):
        how = "ag.gradients(loss, model.parameters()), or vector, unravel = ag.ravel(model.parameters())"
        return f"a {name}: take its parameters, {how}"
    if module == __name__.partition(".")[0]:
        return f"already a {name}; use .detach() for a copy outside the graph"
    if data is None:
        return "None: a function without a return?"
    if isinstance(data, str):
        return f"{name} {data[:20]!r}: pass float(x)"
    advice = INSTEAD.get(module, "a number, a list of numbers or a NumPy array")
    if isinstance(data, np.ma.MaskedArray):
        advice = "x.filled(value)"
    elif isinstance(data, complex | np.complexfloating):
        advice = "its .real and .imag apart"
    elif isinstance(data, np.floating) and not isinstance(data, float | np.float32):
        advice = "np.float64(x); float32 and float64 are supported"
    return f"{name}: pass {advice}"


def check_part(data: Any, place: str = "") -> None:
    """Raise DTypeError for anything but a real number or an array without a mask, whose dtype is checked later."""
    is_array = isinstance(data, np.ndarray) and not isinstance(data, np.ma.MaskedArray)
    if not is_array and (not isinstance(data, REAL) or isinstance(data, UNREAL)):
        raise DTypeError(f"Tensor: a real number, list or array is needed, got {describe(data)}{place}")


def _is_large(data: Any) -> bool:
    """Whether this is an int that NumPy would keep as an object; OverflowError where it is beyond floats, too."""
    if not isinstance(data, int) or -(2**63) <= data < 2**63:
        return False
    to_float(data)
    return True


def _check_parts(data: Any, depth: int) -> bool:
    """Check every part of nested lists; return whether one is a large int."""
    if depth > 64:
        raise ValueError("lists nested more than 64 deep (does one hold itself?)")
    is_large = False
    kinds = set(map(type, data))
    if not kinds <= PLAIN:
        for part in data:
            if isinstance(part, LISTS):
                is_large |= _check_parts(part, depth + 1)
            else:
                check_part(part, ", in a list")
    if int in kinds:
        is_large |= sum(map(_is_large, data)) > 0  # sum checks each, any would stop at the first
    return is_large


def to_array(data: Any, dtype: Any = None) -> Any:
    """Return data as a float64 or float32 array, copied only where it must be; DTypeError or ValueError with what to do.

    >>> to_array([1, 2])
    array([1., 2.])
    """
    is_ready = type(data) is np.ndarray and data.dtype in FLOAT_TYPES
    if is_ready and (dtype is None or dtype == data.dtype):  # by far the most common
        return data
    if dtype is not None and np.dtype(dtype) not in FLOAT_TYPES:
        raise DTypeError(f"dtype must be float32 or float64, got {np.dtype(dtype)}")
    if isinstance(data, LISTS):
        is_large = _check_parts(data, 0)
    else:
        check_part(data)
        is_large = _is_large(data)
    try:
        array = np.asarray(data, float if is_large else None)
    except ValueError as error:
        raise ValueError(f"Tensor: rows of different lengths: {error}") from None
    if array.dtype == object:
        advice = "give numbers, or Tensor([value, …]) to stack Values in their graph"
        raise ValueError(f"Tensor: an array of objects; {advice}")
    is_float, size = array.dtype.kind == "f", array.dtype.itemsize
    if array.dtype.kind not in "biuf" or (is_float and size not in (4, 8)):
        known = "float32, float64, integers and booleans are supported"
        raise DTypeError(f"Tensor: real numbers are needed, got {array.dtype}: {known}")
    kept = np.float32 if is_float and size == 4 else np.float64
    with np.errstate(all="ignore"):  # beyond float32's range is infinity
        return np.asarray(array, dtype or kept)
