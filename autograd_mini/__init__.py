"""autograd_mini: gradients that you can read. Reverse-mode automatic differentiation on numbers and arrays.

>>> import autograd_mini as ag
>>> x = ag.Value(3.0)
>>> y = x * x + 2 * x
>>> y.backward()
>>> y.data, x.grad
(15.0, 8.0)
"""

import typing as _typing

from . import nn, optim
from . import numpy_protocols as numpy_protocols
from .array_functions import (
    diag,
    diagonal,
    dot,
    expand_dims,
    moveaxis,
    outer,
    repeat,
    slogdet,
    split,
    tensordot,
    tile,
    trace,
)
from .core.array_rows import det, inv, linear, matmul, softmax_cross_entropy, solve
from .core.functions import (
    broadcast_to,
    clip,
    concatenate,
    cumprod,
    cumsum,
    einsum,
    elu,
    flip,
    gelu,
    getitem,
    index_update,
    leaky_relu,
    log_softmax,
    logsumexp,
    max,
    mean,
    min,
    norm,
    pad,
    power,
    prod,
    reshape,
    roll,
    round,
    scatter,
    sinc,
    softmax,
    sort,
    squeeze,
    stack,
    std,
    sum,
    swapaxes,
    take_along_axis,
    transpose,
    tril,
    triu,
    var,
    where,
)
from .core.node import apply
from .core.op import Op
from .core.rows import (
    abs,
    add,
    arccos,
    arccosh,
    arcsin,
    arcsinh,
    arctan,
    arctanh,
    ceil,
    cos,
    cosh,
    divide,
    exp,
    expm1,
    floor,
    log,
    log1p,
    log2,
    log10,
    logistic,
    maximum,
    minimum,
    multiply,
    negative,
    positive,
    reciprocal,
    relu,
    remainder,
    sech2,
    sigmoid,
    sign,
    sin,
    sinh,
    sqrt,
    square,
    subtract,
    tan,
    tanh,
)
from .core.special_rows import (
    arctan2,
    erf,
    hypot,
    log_sigmoid,
    logaddexp,
    normal_cdf,
    normal_pdf,
    sigmoid_cross_entropy,
    silu,
    softplus,
    squared_error,
    xlogy,
)
from .core.tensor import Tensor, to_value
from .core.value import Value
from .derivatives import (
    batch_hessian,
    batch_jacobian,
    derivative,
    grad,
    gradients,
    hessian,
    hvp,
    jacobian,
    jvp,
    ravel,
    value_and_grad,
    vjp,
)
from .draw.drawing import draw
from .draw.explore import explore
from .draw.tree import tree
from .errors import (
    AnomalyError,
    AutogradError,
    CompileError,
    DTypeError,
    GraphError,
    GraphTooLargeError,
    SerializationError,
    ShapeError,
    StateDictError,
)
from .io import load, save
from .plot import plot_decision_boundary, plot_gradient_flow
from .support.modes import enable_grad, no_grad
from .train import EarlyStopping, History, fit

if _typing.TYPE_CHECKING:
    from .check.audit import audit
    from .check.debug import debug
    from .check.diagnose import diagnose
    from .check.doctor import doctor
    from .check.explain import explain
    from .check.gradcheck import check_gradients
    from .check.slopes import check_derivative
    from .check.update import diagnose_update

__version__ = "0.1.0"

_LATE = {  # what is imported when it is asked for, so that the package is there at once
    "audit": "audit",
    "check_derivative": "slopes",
    "check_gradients": "gradcheck",
    "debug": "debug",
    "diagnose": "diagnose",
    "diagnose_update": "update",
    "doctor": "doctor",
    "explain": "explain",
}


def __getattr__(name: str) -> _typing.Any:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found = globals()[name] = getattr(import_module(f".check.{_LATE[name]}", __name__), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATE})


__all__ = [
    "AnomalyError", "AutogradError", "CompileError", "DTypeError", "EarlyStopping", "GraphError",
    "GraphTooLargeError", "History", "Op", "SerializationError", "ShapeError", "StateDictError", "Tensor",
    "Value", "abs", "add", "apply", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh",
    "audit", "batch_hessian", "batch_jacobian", "broadcast_to", "ceil", "check_derivative",
    "check_gradients", "clip",
    "concatenate", "cos", "cosh", "cumprod", "cumsum", "debug", "derivative", "det", "diag", "diagnose",
    "diagnose_update", "diagonal", "divide", "doctor", "dot", "draw", "einsum", "elu", "enable_grad",
    "erf", "exp", "expand_dims", "explain", "explore", "expm1", "fit", "flip", "floor", "gelu", "getitem",
    "grad",
    "gradients",
    "hessian", "hvp", "hypot", "index_update", "inv", "jacobian", "jvp", "leaky_relu", "linear", "load",
    "log", "log1p", "log2", "log10", "log_sigmoid", "log_softmax", "logaddexp", "logistic", "logsumexp",
    "matmul", "max", "maximum", "mean", "min", "minimum", "moveaxis", "multiply", "negative", "nn", "no_grad",
    "norm", "normal_cdf", "normal_pdf", "optim", "outer", "pad", "plot_decision_boundary",
    "plot_gradient_flow", "positive", "power", "prod", "ravel", "reciprocal", "relu", "remainder", "repeat",
    "reshape", "roll", "round", "save", "scatter", "sech2", "sigmoid", "sigmoid_cross_entropy", "sign",
    "silu", "sin", "sinc", "sinh", "slogdet", "softmax", "softmax_cross_entropy", "softplus", "solve", "sort",
    "split", "sqrt", "square", "squared_error", "squeeze", "stack", "std", "subtract", "sum", "swapaxes",
    "take_along_axis", "tan", "tanh", "tensordot", "tile", "to_value", "trace", "transpose", "tree", "tril",
    "triu", "value_and_grad", "var", "vjp", "where", "xlogy",
]  # fmt: skip
