"""autograd_mini: gradients that you can read. Reverse-mode automatic differentiation on numbers and arrays.

>>> import autograd_mini as ag
>>> x = ag.Value(3.0)
>>> y = x * x + 2 * x
>>> y.backward()
>>> y.data, x.grad
(15.0, 8.0)
"""

from . import nn, optim
from . import numpy_protocols as numpy_protocols
from .check.audit import audit
from .core.engine import gradients
from .core.functions import (
    abs,
    add,
    arccos,
    arccosh,
    arcsin,
    arcsinh,
    arctan,
    arctan2,
    arctanh,
    broadcast_to,
    ceil,
    clip,
    concatenate,
    cos,
    cosh,
    cumprod,
    cumsum,
    det,
    diag,
    diagonal,
    divide,
    dot,
    einsum,
    elu,
    erf,
    exp,
    expand_dims,
    expm1,
    flip,
    floor,
    gelu,
    getitem,
    hypot,
    index_update,
    inv,
    leaky_relu,
    linear,
    log,
    log1p,
    log2,
    log10,
    log_sigmoid,
    log_softmax,
    logaddexp,
    logistic,
    logsumexp,
    matmul,
    max,
    maximum,
    mean,
    min,
    minimum,
    moveaxis,
    multiply,
    negative,
    norm,
    normal_cdf,
    normal_pdf,
    outer,
    pad,
    positive,
    power,
    prod,
    reciprocal,
    relu,
    remainder,
    repeat,
    reshape,
    roll,
    round,
    scatter,
    sech2,
    sigmoid,
    sigmoid_cross_entropy,
    sign,
    silu,
    sin,
    sinc,
    sinh,
    slogdet,
    softmax,
    softmax_cross_entropy,
    softplus,
    solve,
    sort,
    split,
    sqrt,
    square,
    squared_error,
    squeeze,
    stack,
    std,
    subtract,
    sum,
    swapaxes,
    take_along_axis,
    tan,
    tanh,
    tensordot,
    tile,
    to_value,
    trace,
    transpose,
    tril,
    triu,
    var,
    where,
    xlogy,
)
from .core.node import apply
from .core.ops import Op
from .core.tensor import Tensor
from .core.value import Value
from .derivatives import (
    batch_hessian,
    batch_jacobian,
    derivative,
    grad,
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
from .draw.plots import plot_decision_boundary, plot_gradient_flow
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
from .modes import enable_grad, no_grad
from .train import EarlyStopping, History, fit

__version__ = "0.1.0"

__all__ = [
    "AnomalyError", "AutogradError", "CompileError", "DTypeError", "EarlyStopping", "GraphError", "GraphTooLargeError", "History", "Op",
    "SerializationError", "ShapeError", "StateDictError", "Tensor", "Value", "abs", "add", "apply", "arccos", "arccosh", "arcsin",
    "arcsinh", "arctan", "arctan2", "arctanh", "audit",
    "batch_hessian", "batch_jacobian", "broadcast_to", "ceil", "clip", "concatenate", "cos",
    "cosh", "cumprod", "cumsum", "derivative", "det", "diag", "diagonal", "divide", "dot", "draw", "einsum", "elu", "enable_grad", "erf",
    "exp", "expand_dims", "explore", "expm1", "fit", "flip", "floor", "gelu", "getitem", "grad", "gradients", "hessian", "hvp", "hypot",
    "index_update", "inv", "jacobian", "jvp", "leaky_relu", "linear", "load", "log", "log1p", "log2", "log10", "log_sigmoid",
    "log_softmax", "logaddexp", "logistic", "logsumexp", "matmul", "max", "maximum", "mean", "min", "minimum", "moveaxis", "multiply",
    "negative", "nn", "no_grad", "norm", "normal_cdf", "normal_pdf", "optim", "outer", "pad", "plot_decision_boundary",
    "plot_gradient_flow", "positive", "power", "prod", "ravel", "reciprocal", "relu", "remainder", "repeat", "reshape", "roll", "round",
    "save", "scatter", "sech2", "sigmoid", "sigmoid_cross_entropy", "sign", "silu", "sin", "sinc", "sinh", "slogdet", "softmax",
    "softmax_cross_entropy", "softplus", "solve", "sort", "split", "sqrt", "square", "squared_error", "squeeze", "stack", "std",
    "subtract", "sum", "swapaxes", "take_along_axis", "tan", "tanh", "tensordot", "tile", "to_value", "trace", "transpose", "tree",
    "tril", "triu", "value_and_grad", "var", "vjp", "where", "xlogy",
]  # fmt: skip
