"""What users' data become: float64 or float32, or an error that says what was given and how to convert it."""

import math
from typing import Any

import numpy as np

from ..errors import DTypeError

FLOAT_TYPES = {np.dtype("float64"), np.dtype("float32")}
LISTS = (list, tuple)
BARE = (int, float, np.number, np.bool_)
REAL = (int, float, np.bool_, np.integer, np.floating)  # the types of numbers that are taken,
UNREAL = (np.longdouble, np.float16, np.timedelta64)  # less those of them that are not
PLAIN = {int, float, bool, np.float64, np.float32}  # what most lists hold


def to_float(data: Any) -> float:
    """The number as a float, or DTypeError with what to do."""
    if isinstance(data, REAL) and not isinstance(data, UNREAL):
        try:
            return float(data)
        except OverflowError:
            raise OverflowError(
                f"an int of {len(str(data))} digits is beyond the range of float64 (1.8e308)"
            ) from None
    if type(data) in (np.ndarray, np.matrix) and data.dtype.kind in "biuf":
        if data.size == 1:
            return float(data.item())
        raise DTypeError(f"Value: a single number is needed, got an array of shape {data.shape}: use Tensor")
    if isinstance(data, list | tuple):
        raise DTypeError(f"Value: a single number is needed, got a {type(data).__name__}: use Tensor")
    raise DTypeError(f"Value: a real number is needed, got {describe(data)}")


def finite(
    name: str, value: Any, *, above: float = -math.inf, least: float = -math.inf, below: float = math.inf
) -> float:
    """Return the finite number, above or at least a bound and below another; else TypeError or ValueError that names the argument.

    >>> finite("slope", 1)
    1.0
    """
    allowed = "a finite number" + (
        f" > {above:g}" if above > -math.inf else f" ≥ {least:g}" if least > -math.inf else ""
    )
    allowed += f" and < {below:g}" if below < math.inf else ""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{name} must be {allowed}, got {value!r}")
    try:
        found = float(value)
    except OverflowError:  # an int of hundreds of digits
        found = math.inf
    if not (above < found < below and found >= least):
        raise ValueError(f"{name} must be {allowed}, got {str(value)[:24]}")
    return found


def whole(name: str, value: Any, least: int, otherwise: str = "") -> int:
    """Return the int, 0 or 1 or more; else TypeError or ValueError that names the argument, and what else it may be.

    >>> whole("epochs", 3, 1)
    3
    """
    allowed = f"an int {'> 0' if least == 1 else f'≥ {least}'}{otherwise}"
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} must be {allowed}, got {value!r}")
    if value < least:
        raise ValueError(f"{name} must be {allowed}, got {value}")
    return int(value)


def describe(data: Any) -> str:
    """What was given instead of a number or array, and how to convert it."""
    kind = type(data)
    if hasattr(data, "parameters"):
        how = "ag.gradients(loss, model.parameters()), or vector, unravel = ag.ravel(model.parameters())"
        return f"a {kind.__name__}: take its parameters, {how}"
    if kind.__module__.startswith(__name__.partition(".")[0]):
        return f"already a {kind.__name__}; use .detach() for a copy outside the graph"
    module, name = kind.__module__.partition(".")[0], kind.__name__
    advice = {
        "torch": ": pass x.detach().numpy()",
        "jax": ": pass numpy.asarray(x)",
        "jaxlib": ": pass numpy.asarray(x)",
        "pandas": ": pass x.to_numpy()",
        "decimal": ": pass float(x)",
        "fractions": ": pass float(x)",
    }.get(module, "")
    if isinstance(data, np.ma.MaskedArray):
        advice = ": pass x.filled(value)"
    elif isinstance(data, complex | np.complexfloating):
        advice = ": pass its .real and .imag apart"
    elif isinstance(data, str):
        advice = f" {data[:20]!r}: pass float(x)"
    elif isinstance(data, np.floating):
        advice = ": float32 and float64 are supported; pass np.float64(x)"
    elif data is None:
        return "None: a function without a return?"
    return f"{name}{advice or ': pass a number, a list of numbers or a NumPy array'}"


def check_part(data: Any, place: str = "") -> None:
    """Raise DTypeError for what is no real number, nor an array that has no mask: an array's dtype is looked at later."""
    is_array = isinstance(data, np.ndarray) and not isinstance(data, np.ma.MaskedArray)
    if not is_array and (not isinstance(data, REAL) or isinstance(data, UNREAL)):
        raise DTypeError(f"Tensor: a real number, list or array is needed, got {describe(data)}{place}")


def _is_large(data: Any) -> bool:
    """Whether this is an int that NumPy would keep as an object; OverflowError where it is no float either."""
    if not isinstance(data, int) or -(2**63) <= data < 2**63:
        return False
    to_float(data)
    return True


def _check_parts(data: Any, depth: int) -> bool:
    """Check every part of nested lists as it would be checked alone; whether there is a large int among them."""
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
        is_large |= sum(map(_is_large, data)) > 0  # each is looked at
    return is_large


def to_array(data: Any, dtype: Any = None) -> Any:
    """Data as a float64 or float32 ndarray, copied only where it must be; DTypeError or ValueError with what to do."""
    if (
        type(data) is np.ndarray and data.dtype in FLOAT_TYPES and (dtype is None or dtype == data.dtype)
    ):  # by far the most common
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
        raise ValueError(
            "Tensor: an array of objects; give numbers, or Tensor([value, …]) to stack Values in their graph"
        )
    if array.dtype.kind not in "biuf" or (array.dtype.kind == "f" and array.dtype.itemsize not in (4, 8)):
        raise DTypeError(
            f"Tensor: real numbers are needed, got {array.dtype}: "
            "float32, float64, integers and booleans are supported"
        )
    kept = np.float32 if array.dtype.kind == "f" and array.dtype.itemsize == 4 else np.float64
    with np.errstate(all="ignore"):  # beyond float32's range is infinity
        return np.asarray(array, dtype or kept)
