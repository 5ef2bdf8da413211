"""autograd_mini: the right gradient, and why. Reverse-mode automatic differentiation on numbers and arrays.

>>> import autograd_mini as ag
>>> import numpy as np
>>> w, x, b = ag.Value(0.5, label="w"), ag.Value(-2.0, label="x"), ag.Value(1.5, label="b")
>>> y = (w * x + b).tanh()
>>> y.backward()
>>> print(f"{y:.4f}: {w.grad:.4f} {x.grad:.4f} {b.grad:.4f}")
0.4621: -1.5729 0.3932 0.7864
>>> W = ag.Tensor(np.array([[0.1, 0.4], [0.8, 0.6]]))
>>> loss = (1 / (1 + np.exp(-np.dot([[0.35, 0.9]], W)))).sum()  # plain NumPy, on a graph
>>> loss.backward()
>>> print(W.grad.round(4).tolist())
[[0.0761, 0.0781], [0.1958, 0.2009]]

Then: ag.tree(y) and ag.draw(loss) show a graph, ag.diagnose(loss, {W: my_dW}) judges a gradient of your own, ag.nn, ag.optim
and ag.fit train networks, ag.grad(f) differentiates functions. docs/numpy.md lists the functions of NumPy that work on nodes.
"""

import sys as _sys
import typing as _typing

# isort: off
from . import nn, optim
from . import numpy_protocols as numpy_protocols
from .array_functions import angle, append, array_split
from .array_functions import atleast_1d, atleast_2d, atleast_3d, average, bincount, block
from .array_functions import broadcast_arrays, c_, cholesky, choose, column_stack, compress
from .array_functions import cond, convolve, corrcoef, correlate, cov, cross, cummax, cummin
from .array_functions import cumulative_prod, cumulative_sum, deg2rad, delete, diag, diagflat
from .array_functions import diagonal, diff, dot, dsplit, dstack, ediff1d, eigh, eigvalsh
from .array_functions import einsum, exp2, expand_dims, extract, fliplr, flipud, floor_divide
from .array_functions import fmax, fmin, fmod, full, full_like, geomspace, heaviside, hsplit
from .array_functions import hstack, imag, inner, insert, interp, kron, ldexp, linspace
from .array_functions import logaddexp2, logspace, lstsq, matrix_norm, matrix_power, matvec
from .array_functions import median, meshgrid, moveaxis, multi_dot, nan_to_num, nancumprod
from .array_functions import nancumsum, nanmax, nanmean, nanmin
from .array_functions import nanprod, nanstd, nansum, nanvar, norm, outer, pad
from .array_functions import partition, percentile, pinv, polyadd, polyder
from .array_functions import polyint, polymul, polysub, polyval, ptp, quantile, r_, rad2deg
from .array_functions import real, repeat, resize, rollaxis, rot90, scatter_add, select, slogdet
from .array_functions import split, svd, svdvals, take, tensordot, tile
from .array_functions import trace, trapezoid, trunc, unstack, vander, vdot, vecdot
from .array_functions import vecmat, vector_norm, vsplit, vstack
from .chunks import mean_over
from .compile.backprop import backprop_source
from .compile.function import compile  # in place of the folder, which has the same name
from .core.array_rows import det, inv, linear, matmul, softmax_cross_entropy, solve
from .core.functions import broadcast_to, clip, concatenate, cumprod, cumsum, elu, flip, gelu
from .core.functions import getitem, index_update, leaky_relu, log_softmax, logsumexp, max, mean
from .core.functions import min, power, prod, reshape, roll, round, scatter, sinc, softmax, sort
from .core.functions import squeeze, stack, std, sum, swapaxes, take_along_axis, transpose, tril
from .core.functions import triu, var, where
from .core.node import apply
from .core.op import Op
from .core.rows import abs, add, arccos, arccosh, arcsin, arcsinh, arctan, arctanh, cbrt, ceil
from .core.rows import copysign, cos, cosh, divide, exp, expm1, floor, log, log1p, log2, log10
from .core.rows import logistic, maximum, minimum, multiply, negative, positive, reciprocal
from .core.rows import relu, remainder, sech2, sigmoid, sign, sin, sinh, sqrt, square, subtract
from .core.rows import tan, tanh
from .core.special_rows import arctan2, erf, hypot, log_sigmoid, logaddexp, normal_cdf
from .core.special_rows import normal_pdf, sigmoid_cross_entropy, silu, softplus, squared_error
from .core.special_rows import xlogy
from .core.tensor import Tensor, to_value
from .core.value import Value
from .derivatives import batch_hessian, batch_jacobian, derivative, grad, gradients, hessian, hvp, jacobian
from .derivatives import jvp, ravel, value_and_grad, vjp
from .draw.drawing import draw
from .draw.explore import explore
from .draw.tree import tree
from .errors import AnomalyError, AutogradError, CompileError, DTypeError, GraphError, GraphTooLargeError
from .errors import SerializationError, ShapeError, StateDictError
from .io import load, save
from .plot import plot_decision_boundary, plot_gradient_flow
from .support.modes import enable_grad, no_grad
from .train import EarlyStopping, History, compile_step, fit
# isort: on

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
        from .support.advice import missing

        raise missing(_sys.modules[__name__], name)
    from importlib import import_module

    found = globals()[name] = getattr(import_module(f".check.{_LATE[name]}", __name__), name)
    return found


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])


__all__ = [
    "AnomalyError", "AutogradError", "CompileError", "DTypeError", "EarlyStopping",
    "GraphError", "GraphTooLargeError", "History", "Op", "SerializationError", "ShapeError",
    "StateDictError", "Tensor", "Value", "__version__", "abs", "add", "angle", "append",
    "apply", "arccos", "arccosh", "arcsin", "arcsinh",
    "arctan", "arctan2", "arctanh", "array_split", "atleast_1d", "atleast_2d", "atleast_3d",
    "audit", "average", "backprop_source", "batch_hessian", "batch_jacobian", "bincount",
    "block", "broadcast_arrays", "broadcast_to", "c_", "cbrt", "ceil", "check_derivative",
    "check_gradients", "cholesky", "choose", "clip", "column_stack", "compile", "compile_step",
    "compress", "concatenate", "cond", "convolve", "copysign", "corrcoef", "correlate", "cos",
    "cosh", "cov", "cross", "cummax", "cummin", "cumprod", "cumsum", "cumulative_prod",
    "cumulative_sum", "debug", "deg2rad", "delete", "derivative", "det", "diag", "diagflat",
    "diagnose", "diagnose_update", "diagonal", "diff", "divide", "doctor", "dot", "draw",
    "dsplit", "dstack", "ediff1d", "eigh", "eigvalsh", "einsum", "elu", "enable_grad", "erf",
    "exp", "exp2", "expand_dims", "explain", "explore", "expm1", "extract", "fit", "flip",
    "fliplr", "flipud", "floor", "floor_divide", "fmax", "fmin", "fmod", "full", "full_like",
    "gelu", "geomspace", "getitem", "grad", "gradients", "heaviside", "hessian", "hsplit",
    "hstack", "hvp", "hypot", "imag", "index_update", "inner", "insert", "interp", "inv",
    "jacobian", "jvp", "kron", "ldexp", "leaky_relu", "linear", "linspace", "load", "log",
    "log1p", "log2", "log10", "log_sigmoid", "log_softmax", "logaddexp", "logaddexp2",
    "logistic", "logspace", "logsumexp", "lstsq", "matmul", "matrix_norm", "matrix_power",
    "matvec", "max", "maximum", "mean", "mean_over", "median", "meshgrid", "min", "minimum",
    "moveaxis", "multi_dot", "multiply", "nan_to_num", "nancumprod", "nancumsum", "nanmax",
    "nanmean", "nanmin", "nanprod", "nanstd",
    "nansum", "nanvar", "negative", "nn", "no_grad", "norm", "normal_cdf", "normal_pdf",
    "optim", "outer", "pad", "partition", "percentile", "pinv",
    "plot_decision_boundary", "plot_gradient_flow", "polyadd", "polyder", "polyint",
    "polymul", "polysub", "polyval", "positive", "power", "prod", "ptp", "quantile", "r_",
    "rad2deg", "ravel", "real", "reciprocal", "relu", "remainder", "repeat", "reshape",
    "resize", "roll", "rollaxis", "rot90", "round", "save", "scatter", "scatter_add", "sech2",
    "select", "sigmoid", "sigmoid_cross_entropy", "sign", "silu", "sin", "sinc", "sinh",
    "slogdet", "softmax", "softmax_cross_entropy", "softplus", "solve", "sort", "split", "sqrt",
    "square", "squared_error", "squeeze", "stack", "std", "subtract", "sum", "svd", "svdvals",
    "swapaxes", "take", "take_along_axis", "tan", "tanh", "tensordot",
    "tile", "to_value", "trace", "transpose", "trapezoid", "tree", "tril",
    "triu", "trunc", "unstack", "value_and_grad", "vander", "var", "vdot", "vecdot",
    "vecmat", "vector_norm", "vjp", "vsplit", "vstack", "where", "xlogy",
]  # fmt: skip
