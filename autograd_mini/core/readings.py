"""Reading: what the operands of a rule are, and what is done with its shares. FLOATS and ARRAYS compute numbers.

| reading     | operands                     | gives                                    |
|-------------|------------------------------|------------------------------------------|
| FLOATS      | floats                       | numbers, as IEEE arithmetic has them     |
| ARRAYS      | ndarrays                     | arrays                                   |
| GRAPH       | nodes (core/functions.py)    | a new graph, to be differentiated again  |
| EXPRESSIONS | `Expr` (symbols.py)          | a formula                                |

A reading passes its namespace `xp` to the rules. A rule may use the names in `XP`; of np and math only what makes
constants.
"""

import math
import operator
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from ..errors import DTypeError, GraphError, ShapeError
from ..support import numerics
from ..support.coercion import BARE, FLOAT_TYPES, describe, to_array, to_float
from ..support.quiet import quietly
from .op import Op, Rule

# ---- The functions that rules may use ---------------------------------------------------------------------------------

# The functions for arrays: NumPy's own, ours from support/numerics.py, and quicker forms of some of NumPy's
NUMPY_NAMES = """
    exp expm1 log log1p log2 log10 sqrt square sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh arccosh
    arctanh arctan2 hypot logaddexp abs sign floor ceil round remainder maximum minimum where greater
    greater_equal less less_equal equal not_equal logical_and logical_or isfinite zeros_like transpose squeeze
    flip roll tril triu pad asarray concatenate stack cumsum cumprod sort argsort take_along_axis einsum eye
    ones copysign
""".split()  # noqa: SIM905  (a list would be four times as long)
OUR_NAMES = """
    sigmoid logistic linear shape broadcast_to scatter scatter_along_axis index_update last_written recurrence
    softmax log_softmax centred cofactors eigen singular
""".split()  # noqa: SIM905
arrays: Any = SimpleNamespace(**{name: getattr(np, name) for name in NUMPY_NAMES})
vars(arrays).update(numerics.elementwise(arrays))
vars(arrays).update(
    # x**2 squares, np.power(x, 2) calls libm
    power=lambda x, n: x**n if type(x) is np.ndarray and isinstance(n, int | float) else np.power(x, n),
    # the ufuncs' own methods cost half of what np.sum and the like cost
    sum=np.add.reduce,
    prod=np.multiply.reduce,
    max=np.maximum.reduce,
    min=np.minimum.reduce,
    reshape=lambda x, shape: np.asarray(x).reshape(shape),
    swapaxes=lambda x, i, j: x.swapaxes(i, j),
    erf=numerics.special("erf"),
    erfc=numerics.special("erfc"),
    matmul=numerics.dot_for_matrices,
    solve=np.linalg.solve,
    inv=np.linalg.inv,
    det=np.linalg.det,
    cholesky=np.linalg.cholesky,
    pinv=np.linalg.pinv,
    logabsdet=lambda a: np.linalg.slogdet(a)[1],
    **{name: getattr(numerics, name) for name in OUR_NAMES},
)
XP = sorted(vars(arrays))

# What Python's floats and math raise where IEEE arithmetic has a result
ERRORS = (ArithmeticError, ValueError)

# The same functions for single floats, most of them from Python's `math`, which is five to ten times quicker there
scalar: Any = SimpleNamespace(**vars(arrays))
for _name in """
    exp expm1 log log1p log2 log10 sqrt sin cos tan sinh cosh tanh hypot erf erfc copysign
""".split():  # noqa: SIM905
    setattr(scalar, _name, getattr(math, _name))
for _name in ["asin", "acos", "atan", "asinh", "acosh", "atanh", "atan2"]:
    setattr(scalar, f"arc{_name[1:]}", getattr(math, _name))
vars(scalar).update(
    # the square root of −inf is NaN, as in NumPy and PyTorch; math.pow gives inf
    power=lambda x, n: math.sqrt(x) if n == 0.5 else math.pow(x, n),
    abs=abs,
    square=lambda x: x * x,
    remainder=operator.mod,
    sign=lambda x: float((x > 0) - (x < 0)) if x == x else x,
    floor=lambda x: math.copysign(math.floor(x), x),
    ceil=lambda x: math.copysign(math.ceil(x), x),
    round=lambda x, n=0: float(np.round(x, n)) if n else math.copysign(round(x), x),
    maximum=lambda x, y: x if x > y or x != x else y,
    minimum=lambda x, y: x if x < y or x != x else y,
    where=lambda c, x, y: x if c else y,
    greater=operator.gt,
    greater_equal=operator.ge,
    less=operator.lt,
    less_equal=operator.le,
    equal=operator.eq,
    not_equal=operator.ne,
    logical_and=lambda x, y: x and y,
    logical_or=lambda x, y: x or y,
    zeros_like=lambda x: 0.0,
    logaddexp=lambda x, y: (
        scalar.maximum(x, y) + math.log1p(math.exp(-abs(x - y))) if x != y else x + math.log(2.0)
    ),
)
vars(scalar).update(numerics.elementwise(scalar))


# ---- Readings ---------------------------------------------------------------------------------------------------------


class Reading:
    """A way to read rules: the namespace `xp` that they compute with, and what is done with their results."""

    xp: Any
    reads_content = True  # whether rules get the content of a node, or the node itself
    kind: Any = None  # the class of nodes whose data it reads, where it reads data
    # what a node holds before its first share: None, or a number to which any can be added
    nothing: Any = None
    # errors of a rule after which `read_again` runs it, as math.exp(1000.0) raises
    refusals: tuple[type[Exception], ...] = ()

    def operand(self, node: Any) -> Any:
        """Return what a rule gets of a node."""
        return node._content if self.reads_content else node

    def read_again(self, rule: Rule, *operands: Any) -> Any:
        """Return the result of a rule that raised one of `refusals`; it is computed in another way."""

    def lent(self, operands: Sequence[Any]) -> Sequence[Any]:
        """Return operands that a user's own rule cannot write into, as others hold the same arrays."""
        return operands

    def constant(self, data: Any, dtype: Any = None) -> Any:
        """Return data from outside in the form that this reading computes with."""

    def result(self, data: Any, op: Op) -> Any:
        """Return what a user's own operation computed, in this reading's form; GraphError where it is something else."""

    def zero(self, node: Any) -> Any:
        """Return the gradient of something that does not depend on the node."""

    def share_for(self, parent: Any, share: Any, op: Op) -> Any:
        """Return a share in the parent's kind, shape and dtype."""

    def add(self, parent: Any, held: Any, share: Any) -> Any:
        """Return the sum of two shares of a parent."""
        return held + share

    def received(self, parent: Any, held: Any, share: Any, op: Op) -> Any:
        """Return what a parent holds after a share that `share_for` converts. Before its first share it held `nothing`."""
        return self.added(parent, held, self.share_for(parent, share, op))

    def added(self, parent: Any, held: Any, share: Any) -> Any:
        """Return what a parent holds after a converted share."""
        return share if held is None else self.add(parent, held, share)

    def arriving(self, root: Any, gradient: Any, what: str) -> Any:
        """Return the gradient that arrives at the root from above: the one given, or 1."""

    def without_one(self, g: Any) -> Any:
        """Return the gradient that arrives at a node, without a factor of 1 that the root passed down."""
        return g

    def fitted(self, node: Any, data: Any, what: str) -> Any:
        """Return data in the form that this node holds; ShapeError or DTypeError where they do not fit."""
        return self.constant(data)

    def as_node(self, data: Any, dtype: Any = None) -> Any:
        """Return an operand as a node of this kind. value.py and tensor.py set this."""


class _Floats(Reading):
    """Rules run on floats. Python's floats are not IEEE: 1 / 0.0 raises, and so does math.exp(1000.0).

    So a rule that raises one of ERRORS is run again with NumPy on np.float64, which costs nothing where nothing is raised.
    """

    xp = scalar
    nothing = -0.0  # -0.0 + x is x, for every x
    refusals = ERRORS

    def read_again(self, rule: Rule, *operands: Any) -> Any:
        out = quietly(rule, arrays, *map(np.float64, operands))
        return [float(share) for share in out] if isinstance(out, list | tuple) else float(out)

    def constant(self, data: Any, dtype: Any = None) -> float:
        return data if type(data) is float else to_float(data)

    def zero(self, node: Any) -> float:
        return 0.0

    def result(self, data: Any, op: Op) -> float:
        """Return what a user's own operation computed, if it is a number."""
        is_number = isinstance(data, int | float | np.number | np.ndarray) and np.size(data) == 1
        if is_number and np.asarray(data).dtype.kind in "biuf":
            return float(np.asarray(data).item())
        raise GraphError(f"{op.name!r} returned {describe(data)}: return a real number")

    def share_for(self, parent: Any, share: Any, op: Op) -> float:
        return share if type(share) is float else self.result(share, op)

    def arriving(self, root: Any, gradient: Any, what: str) -> float:
        if gradient is None:
            return 1.0
        if hasattr(gradient, "requires_grad"):
            raise DTypeError(f"{what}: the gradient from above must be a plain number: pass gradient.data")
        if np.ndim(gradient):
            raise ShapeError(
                f"{what}: the gradient from above has shape {np.shape(gradient)}, a Value needs a number"
            )
        return to_float(gradient)


class _Arrays(Reading):
    """Rules run on arrays of float64 or float32."""

    xp = arrays
    constant_beside: Rule  # tensor.py sets this

    def lent(self, operands: Sequence[Any]) -> Sequence[Any]:
        copies = [x.copy() for x in operands]  # a view could be made writable again, and np.add.at never asks
        for x in copies:
            x.flags.writeable = False
        return copies

    def constant(self, data: Any, dtype: Any = None) -> Any:
        """A bare number takes the dtype given, which is that of the arrays beside it."""
        if type(data) is np.ndarray and data.dtype in FLOAT_TYPES:
            return data
        if type(data) is float or (type(data) is int and abs(data) < 1 << 53):
            if dtype is None or dtype == np.float64:
                return np.array(data, np.float64)
            return quietly(np.array, data, dtype)  # a number beyond float32's range becomes infinity
        return to_array(data, dtype if isinstance(data, BARE) else None)

    def zero(self, node: Any) -> Any:
        return np.zeros_like(node.data)

    def result(self, data: Any, op: Op, what: str = "") -> Any:
        """Return what a user's own operation computed, if it is an array of float64 or float32."""
        is_node = hasattr(data, "requires_grad")
        data = data if is_node else np.asarray(data)
        if not is_node and (data.dtype in FLOAT_TYPES or data.dtype.kind in "biu"):
            dtype = data.dtype if data.dtype in FLOAT_TYPES else float
            array = np.asarray(data, dtype)
            return array if data.flags.writeable else array.copy()  # what a rule was lent is read-only
        given = f"a {type(data).__name__}" if is_node else data.dtype
        raise GraphError(f"{op.name!r} returned {given}{what}: return real numbers, float64 or float32")

    def share_for(self, parent: Any, share: Any, op: Op) -> Any:
        x = parent._content
        if type(share) is np.ndarray and share.shape == x.shape and share.dtype is x.dtype and op.is_ours:
            return share  # nearly always
        if type(share) is not np.ndarray or not op.is_ours:
            share = np.array(self.result(share, op, " as a gradient"))  # NumPy turns 0-d arrays into numbers
        if share.shape != x.shape:
            share = np.asarray(sum_to(arrays, share, x.shape, op))
        return share if share.dtype is x.dtype else share.astype(x.dtype)

    def add(self, parent: Any, held: Any, share: Any) -> Any:
        return np.asarray(held + share)  # NumPy turns 0-d arrays into numbers

    def arriving(self, root: Any, gradient: Any, what: str) -> Any:
        shape, dtype = root.data.shape, root.data.dtype
        if gradient is None:
            if root.data.size != 1:
                raise GraphError(
                    f"{what}: needs a scalar, got shape {shape}: pass the gradient from above, "
                    "or take .sum() or .mean()"
                )
            g = np.empty(shape, dtype)  # a third of the time of np.ones
            g.fill(1.0)
            return g
        if hasattr(gradient, "requires_grad"):
            raise DTypeError(f"{what}: the gradient from above must be a plain array: pass gradient.data")
        try:
            g = np.array(to_array(gradient, dtype))
        except DTypeError as error:
            raise DTypeError(f"{what}: the gradient from above: {error}") from None
        if g.shape != shape:
            raise ShapeError(f"{what}: the gradient from above has shape {g.shape}, {root._name} has {shape}")
        return g

    def fitted(self, node: Any, data: Any, what: str) -> Any:
        x = node.data
        if type(data) is np.ndarray and data.dtype == x.dtype and data.shape == x.shape:
            return data
        array = to_array(data, x.dtype)
        if array.shape != x.shape:
            raise ShapeError(
                f"{what}: shape {array.shape} for a Tensor of shape {x.shape}: make a new Tensor"
            )
        return array


FLOATS, ARRAYS = _Floats(), _Arrays()
KINDS: dict[type, Reading] = {}  # the reading of each class of nodes; value.py and tensor.py fill it


def sum_to(xp: Any, share: Any, shape: tuple[int, ...], op: Op) -> Any:
    """Return the share summed over the axes that broadcasting added or stretched."""
    have = xp.shape(share)
    lead = len(have) - len(shape)
    if lead > 0 and have[lead:] == shape:  # the common case, a bias
        return xp.sum(share, axis=0 if lead == 1 else tuple(range(lead)))
    stretched = [lead + i for i, n in enumerate(shape) if n == 1 and lead >= 0 and have[lead + i] != 1]
    if lead < 0 or any(have[lead + i] != n for i, n in enumerate(shape) if lead + i not in stretched):
        raise GraphError(f"{op.name!r} returned a gradient of shape {have} for a parent of shape {shape}")
    summed = xp.sum(share, axis=(*range(lead), *stretched)) if lead or stretched else share
    return summed if xp.shape(summed) == shape else xp.reshape(summed, shape)
