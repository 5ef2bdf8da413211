"""Derivatives of functions, of every kind and order. All come from one thing, the engine's sweep through a graph.

A transformation calls the function on fresh variables, its `inputs`, and sweeps back to them from its results, the `outputs`.
One sweep gives vᵀJ, for the Jacobian J and any v: with v = 1 the gradient of a scalar, with one-hot vectors v the rows of J.
The results of a sweep that builds a graph can be differentiated again, so a Hessian is the Jacobian of a Jacobian. And since vᵀJ
is linear in v, its own derivative with respect to v gives J·u: the forward mode, by the double-vjp trick.

Transformations nest: the outermost gives plain numbers and arrays, one inside another gives nodes.
"""

import functools
import math
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from .core import functions as F
from .core.engine import check_fresh, check_root, reading_of_all, sweep, toposort
from .core.functions import GRAPH
from .core.node import Node, leaf, made, plain
from .core.readings import ARRAYS, FLOATS, KINDS
from .core.rows import positive
from .core.tensor import Tensor, to_value
from .core.value import Value
from .errors import DTypeError, GraphError, ShapeError, noted
from .support.coercion import BARE, describe, to_array, to_float, whole
from .support.containers import flatten, matched, rebuild, refill
from .support.modes import enable_grad, inside, is_inside, is_recording, keep_constants, recorder

Function = Callable[..., Any]
Argnums = int | tuple[int, ...]
Tree = Any  # a number, array or node, or nested lists, tuples and dicts of them
Route = tuple[Any, list[Any]]  # a node, and the nodes on the paths from the inputs to it
RAW = (np.ndarray, *BARE)
ONE = (Node, *RAW)  # the types of a single argument, and of the parts of a nested one
UNUSED = "pass allow_unused=True to get zeros for it"
FORWARD = 4  # forward mode needs a graph of the sweep, which costs about as much as four sweeps


class _Call:
    """One call of a function on fresh variables, its results, and the sweeps from them back to the variables."""

    def __init__(
        self, name: str, f: Function, args: Sequence[Tree], kwargs: dict[str, Any], argnums: Any = 0, *,
        has_aux: bool = False, create_graph: bool = False, keep: bool = False,
    ) -> None:  # fmt: skip
        self.name, self.aux, self.create_graph = name, None, create_graph
        self.keep = create_graph or keep  # will the graph be read after this call?
        self.inputs: list[Any] = []
        self.look_around()
        chosen, given = _positions(name, argnums, len(args)), list(args)
        self.tree = tuple(args[i] for i in chosen) if isinstance(argnums, tuple | list) else args[chosen[0]]
        self.arguments = [(i, args[i]) for i in chosen]
        with enable_grad():
            for i in chosen:
                given[i] = rebuild(args[i], self._variable, f"argument {i}")
            if not self.inputs:
                raise DTypeError(f"{name}: argument {chosen[0]} holds no number: {_shown(args[chosen[0]])}")
            before = list(map(_state, self.inputs))
            with inside():
                result = _called(name, _function(name, f), given, kwargs)
        for place, x, start in zip(self.places, self.inputs, before, strict=True):
            if _state(x) is not start:
                raise GraphError(f"{name}: the function changed {place} in place: write x = x + 1")
        if has_aux:
            if not isinstance(result, tuple) or len(result) != 2:
                raise TypeError(f"{name}: with has_aux return (result, aux), not {_shown(result)}")
            result, aux = result
            self.aux = rebuild(aux, lambda x: self.give(x) if isinstance(x, Node) else x)
        self.result = result
        self.outputs = [self._checked(place, y) for place, y in flatten(result)]
        if not self.outputs:
            raise DTypeError(f"{name}: the function must return a node, it returned {_shown(result)}")

    @property
    def places(self) -> list[str]:
        """The names of the inputs in messages."""
        return [place for i, argument in self.arguments for place, _ in flatten(argument, f"argument {i}")]

    def look_around(self) -> None:
        """Find out whether the results must have a graph, to be differentiated again, and whether they must be nodes."""
        is_traced = recorder() is not None  # compiling records everything, under no_grad too
        self.graph = self.create_graph or is_traced or (is_inside() and is_recording())
        self.nodes = self.graph or is_inside()

    def _variable(self, x: Any) -> Any:
        """A fresh variable with the value of x, connected to x where a transformation outside builds a graph."""
        node: Any
        try:
            if isinstance(x, Node) and self.graph and x.requires_grad:
                node = positive(x)
            elif not isinstance(x, BARE) and (trace := recorder()) is not None:
                node = trace.variable(x)
            elif isinstance(x, (Value, *BARE)):
                node = leaf(Value, to_float(plain(x)), True)
            else:
                data = to_array(plain(x))
                node = leaf(Tensor, data.copy() if self.keep else data.view(), True)
        except (TypeError, ValueError, OverflowError) as error:
            needed = "must be numbers, arrays or nodes, or lists of them"
            raise noted(error, f"{self.name}: {self.places[len(self.inputs)]} {needed}") from None
        node.meta = x.meta if isinstance(x, Node) else None
        if type(node) is Tensor:
            node.data.flags.writeable = False  # the function must not overwrite its argument
        self.inputs.append(node)
        return node

    def _checked(self, place: str, y: Any) -> Any:
        """The output y; GraphError or DTypeError where it is no node."""
        if isinstance(y, Node):
            return y
        if isinstance(y, ONE):
            given = (
                f"{_shown(y)}{place and f' at {place}'}, not a node: .data, .item() or float() cut the graph"
            )
            advice = "For a constant, return ag.Value(c, requires_grad=False)"
            raise GraphError(f"{self.name}: the function returned {given}. {advice}")
        raise DTypeError(f"{self.name}: the function returned {describe(y)}")

    @property
    def output(self) -> Any:
        """The one node that the function returned."""
        if not isinstance(self.result, Node):
            raise GraphError(f"{self.name}: the function must return one node, not {_shown(self.result)}")
        return self.result

    def directions(self, v: Tree, tree: Tree, nodes: Sequence[Any], what: str) -> list[Any]:
        """For each of the nodes its part of v, a float, array or node of its shape; v has the structure of `tree`."""
        out: list[Any] = []
        for (place, part), node in zip(matched(tree, v, f"{self.name}: v"), nodes, strict=True):
            if (given := F.shape(part)) != node.shape:
                raise ShapeError(f"{place} has shape {given} where {what} has {node.shape}")
            if isinstance(part, Node) and self.graph:
                out.append(part)
                continue
            try:
                raw = plain(part)
                out.append(to_float(raw) if type(node) is Value else np.array(to_array(raw, node.dtype)))
            except (TypeError, ValueError) as error:
                raise noted(error, f"{place} must be numbers, as {what} is") from None
        return out

    def route(self, output: Any) -> Route:
        """The nodes on the way from the inputs to an output: found once, swept as often as needed."""
        return output, paths(output, self.inputs)

    def pull(self, route: Route, v: Any, graph: bool | None = None, inputs: Any = None) -> list[Any]:
        """vᵀJ by one sweep: for each input a float or array, or a node where a graph is built."""
        (output, order), graph = route, self.graph if graph is None else graph
        if graph and not isinstance(v, Node):
            v = made(KINDS[type(output)], v)
        nodes = inputs or self.inputs
        grads = swept(order, v, graph, set(nodes))
        shares = [grads[x] if x in grads else (GRAPH if graph else KINDS[type(x)]).zero(x) for x in nodes]
        return [
            share.copy() if type(share) is np.ndarray else share for share in shares
        ]  # the caller's alone

    def transposed(self) -> tuple[list[Any], list[Route]]:
        """Forward mode: a variable u for each output, and for each input the route from them to its share of uᵀJ."""
        us = [leaf(type(y), _ones(y), True) for y in self.outputs]
        shares = _total([self.pull(self.route(y), u, True) for y, u in zip(self.outputs, us, strict=True)])
        return us, [(share, paths(share, us)) for share in shares]

    def jacobian(self) -> Tree:
        """The derivative of all outputs with respect to all inputs, in the structure of the result and then of the arguments."""
        xs, ys = self.inputs, self.outputs

        is_forward = sum(x.size for x in xs) + FORWARD < sum(y.size for y in ys)
        if is_forward:
            targets, routes = self.transposed()
        else:
            targets, routes = xs, list(map(self.route, ys))
        sources = zip(xs if is_forward else ys, routes, strict=True)
        swept = [[self.pull(route, v, None, targets) for v in _basis(x)] for x, route in sources]

        def block(k: int, i: int) -> Any:
            """The derivative of output k with respect to input i."""
            parts = [part[k] for part in swept[i]] if is_forward else [part[i] for part in swept[k]]
            sizes = (*ys[k].shape, *xs[i].shape)
            return joined(parts, -1 if is_forward else 0, sizes, xs[i].dtype)

        blocks = ([block(k, i) for i in range(len(xs))] for k in range(len(ys)))
        return refill(self.result, map(self.like_inputs, blocks))

    def per_sample(self, y: Any) -> Any:
        """∂y/∂x at each place of the first axis, of the shape of y and then of a sample: one sweep for each output."""
        route = self.route(y)
        parts = [self.pull(route, v)[0] for v in _basis(y, 1)]
        self.check_apart(route, parts, 1)
        (x,) = self.inputs
        return joined(parts, 1, (*y.shape, *x.shape[1:]), x.dtype)

    def check_apart(self, route: Route, parts: Sequence[Any], axes: int) -> None:
        """Refuse a function that mixes different places of the first axes; `parts` are the shares by each output.

        One more sweep picks an output for each place, times a power of two. Where the places are apart, it gives each place its
        share by that output, times that power, and so with the same rounding. A place is compared with its own share alone, as
        shares differ in size. Where there are more outputs than places, it takes several such sweeps to pick each output.
        """
        (x,), y = self.inputs, route[0]
        count, outputs = math.prod(x.shape[:axes]), len(parts)
        if count < 2 or not outputs:
            return
        places, factor = np.arange(count), 2.0 ** (np.random.default_rng(0).permutation(count) % 32)
        given = np.stack(list(map(plain, parts))).reshape(outputs, count, -1)
        for turn in range(0, outputs, count):
            picked = (places + turn) % outputs
            v = np.zeros((count, outputs), y.dtype)
            v[places, picked] = factor
            with np.errstate(all="ignore"):
                wanted = factor[:, None] * given[picked, places]
                wrong = np.abs(self.pull(route, v.reshape(y.shape), False)[0].reshape(count, -1) - wanted)
                finite = np.isfinite(wrong)
                size = np.max(np.abs(wanted), axis=1, keepdims=True, where=finite, initial=0.0)
            if np.any((wrong > 16 * np.finfo(x.dtype).eps * size) & finite):
                mixed = "the elements of its argument, or the samples of the batch: use jacobian"
                raise GraphError(f"{self.name}: the function mixes {mixed}")

    def give(self, x: Any) -> Any:
        """A result as the caller gets it: a node inside another transformation, else a number or an array."""
        if self.nodes and not isinstance(x, Node):
            return made(ARRAYS if isinstance(x, np.ndarray) else FLOATS, x)
        if self.nodes:
            return x if self.graph else x.detach()
        if isinstance(x, Node):
            return x.data if type(x) is Value else np.array(x.data)[()]
        return x

    def like_inputs(self, shares: Sequence[Any]) -> Tree:
        """The shares of the inputs, in the structure of the arguments."""
        return refill(self.tree, map(self.give, shares))

    def answer(self, derivative: Any, value: bool, has_aux: bool) -> Any:
        """The result of a transformed function: ((value, aux), derivative), less the parts that were not asked for."""
        if not value:
            return (derivative, self.aux) if has_aux else derivative
        found = rebuild(self.result, self.give)
        return ((found, self.aux) if has_aux else found), derivative


def _state(x: Any) -> Any:
    """A mark of the node's data: another object once the node was changed in place."""
    return x._version if type(x) is Tensor else x.data


def _called(name: str, f: Function, args: Sequence[Tree], kwargs: dict[str, Any]) -> Any:
    """f's result; an error that its arguments may have caused gets a note."""
    try:
        return f(*args, **kwargs)
    except (ValueError, TypeError, AttributeError) as error:
        if "read-only" in str(error):
            advice = "let it compute a new one, x = x + 1 or ag.index_update"
            noted(error, f"{name}: the function writes into its argument: {advice}")
        elif any(isinstance(x, list | tuple) for x in args):
            noted(
                error,
                f"{name}: a list reaches the function as a list of nodes: pass np.array(…) for one array",
            )
        raise


def _shown(x: Any) -> str:
    empty = isinstance(x, list | tuple | dict) and not x
    return "None" if x is None else f"{'an empty' if empty else 'a'} {type(x).__name__}"


def _positions(name: str, argnums: Any, count: int) -> list[int]:
    """argnums as checked positions, 0 or more."""
    several = list(argnums) if isinstance(argnums, tuple | list) else [argnums]
    for i in several:
        if isinstance(i, bool) or not isinstance(i, int | np.integer):
            raise TypeError(f"{name}: argnums must be an int or a tuple of ints, got {argnums!r}")
        if not -count <= i < count:
            raise IndexError(f"{name}: argnums {i} is out of range for {count} positional arguments")
    chosen = [int(i) % count for i in several]
    if not chosen or len(set(chosen)) != len(chosen):
        raise ValueError(f"{name}: argnums must name at least one argument, and none twice, got {argnums!r}")
    return chosen


def _ones(node: Any) -> Any:
    return 1.0 if type(node) is Value else np.ones_like(node.data)


def _basis(node: Any, axes: int = 0) -> Iterator[Any]:
    """For each element of the node the v that picks it alone (at all places of the first axes at once)."""
    if type(node) is Value:
        yield 1.0
        return
    size = math.prod(node.shape[axes:])
    for i in range(size):
        v = np.zeros((*node.shape[:axes], size), node.dtype)
        v[..., i] = 1.0
        yield v.reshape(node.shape)


def _total(shares: Sequence[Sequence[Any]]) -> list[Any]:
    """The sums, place by place."""
    return [functools.reduce(operator.add, parts) for parts in zip(*shares, strict=True)]


def joined(parts: Sequence[Any], axis: int, shape: tuple[int, ...], dtype: Any) -> Any:
    """Return the parts of a Jacobian as one array or node, put together along an axis, in that shape."""
    if len(parts) == 1 and F.shape(parts[0]) == shape:
        out = parts[0]
    else:
        out = F.reshape(F.stack(parts, axis), shape) if parts else np.zeros(shape, dtype)
    return out if getattr(out, "dtype", dtype) == dtype else F.cast(out, dtype)


def _function(name: str, f: Function) -> Function:
    """f; TypeError where it cannot be called."""
    if not callable(f):
        advice = ". The gradient of a node is ag.gradients(output, inputs)" if isinstance(f, Node) else ""
        raise TypeError(f"{name}: a function is needed, got {_shown(f)}{advice}")
    return f


def _transformed(
    name: str, f: Function, argnums: Any, derive: Callable[[_Call], Any], has_aux: bool, value: bool = False
) -> Function:
    """The function that a transformation returns, under a name made of both names; `derive` makes its result of a call."""

    def run(*args: Tree, **kwargs: Any) -> Any:
        call = _Call(name, f, args, kwargs, argnums, has_aux=has_aux)
        return call.answer(derive(call), value, has_aux)

    # a Hessian is two Jacobians
    of = getattr(_function(name, f), "__name__", type(f).__name__).removeprefix(f"{name}_of_")
    run.__name__ = run.__qualname__ = f"{name}_of_{of}"
    run.__doc__ = f"Return the {name} of `{of}`, which takes the same arguments."
    return run


# ---- Gradients --------------------------------------------------------------------------------------------------------


def paths(output: Any, inputs: Sequence[Any]) -> list[Any]:
    """Return the nodes on the paths from the inputs to output, sorted, output last; an empty list where there is no path.

    Raises GraphError where a Tensor was changed after an operation had read it, also off the paths: the result may be a view of it.
    """
    order, reached, needed = toposort(output), list[Any](), set(inputs)
    for node in order if reading_of_all(order) is not FLOATS else ():
        check_fresh(node)
    for node in order:
        left = node._left
        if type(left) is tuple:
            is_needed = not needed.isdisjoint(left)
        else:
            is_needed = left in needed or node._right in needed
        if node in needed or (is_needed and node.requires_grad):
            needed.add(node)
            reached.append(node)
    return reached if output in needed else []


def swept(order: Sequence[Any], cotangent: Any, create_graph: bool, keep: Any) -> dict[Any, Any]:
    """Return the gradients of one sweep with respect to the nodes in `keep`: nodes where a graph is built, else numbers."""
    if not order:
        return {}
    if not create_graph:
        return sweep(order, cotangent, None, keep)
    if (trace := recorder()) is not None and (found := trace.pulled_back(order, cotangent, keep)):
        return found  # type: ignore[no-any-return]
    # constants are kept, so that masks are computed anew when the graph is read on other numbers
    with enable_grad(), keep_constants():
        return sweep(order, cotangent, GRAPH, keep)


def gradients(
    output: Any, inputs: Tree, grad_output: Any = None, *,
    create_graph: bool = False, allow_unused: bool = False,
) -> Tree:  # fmt: skip
    """Return the gradient of `output` with respect to `inputs`, in the structure of `inputs`; no node's `.grad` is touched.

    Args:
        output: a Value or Tensor; of one element, unless `grad_output` is given.
        inputs: a node, or nested lists, tuples and dicts of nodes, leaves or not.
        grad_output: the gradient that arrives from above, of the shape of `output`; 1 by default.
        create_graph: whether the gradients are nodes that can be differentiated again. Else they are floats and arrays, each of its
            input's shape and dtype.
        allow_unused: whether an input that the output does not depend on gets zeros.

    Raises GraphError for an input that the output does not depend on, and for an output that is not a scalar; DTypeError for
    anything that is no node; ShapeError for a `grad_output` that does not fit.

    >>> import autograd_mini as ag
    >>> x = ag.Value(2.0)
    >>> slope = ag.gradients(x * x * x, x, create_graph=True)
    >>> slope.data, ag.gradients(slope, x)
    (12.0, 12.0)
    """
    found: list[tuple[str, Any]] = [("inputs", None)] if inputs is None else flatten(inputs, "inputs")
    for place, node in (("output", output), *found):
        if not isinstance(node, Node):
            given = f"{place} is a {type(node).__name__}"
            raise DTypeError(f"gradients: a Value or Tensor is needed, {given}: wrap it before it is used")
    if not allow_unused:
        check_root(output)
    create_graph = create_graph or recorder() is not None
    reading = GRAPH if create_graph else KINDS[type(output)]
    cotangent = reading.arriving(output, grad_output, "gradients")
    nodes = [node for _, node in found]
    grads = swept(paths(output, nodes), cotangent, create_graph, set(nodes))
    for place, node in found:
        if node not in grads:
            if not allow_unused:
                who = f"{place}, {node._name}" if node is not inputs else node._name
                raise GraphError(f"{output._name} does not depend on {who}: {UNUSED}")
            grads[node] = (GRAPH if create_graph else KINDS[type(node)]).zero(node)
    taken = {grad_output} if isinstance(grad_output, Node) else set()

    def own(node: Any) -> Any:
        """The gradient as the caller's alone: a copy of an array, and a new node for one that was given before."""
        g = grads[node]
        if type(g) is np.ndarray:
            return np.array(g)
        if g in taken:
            with enable_grad():
                g = positive(g)
        if create_graph:
            taken.add(g)
        return g

    return rebuild(inputs, own)


def _gradient(call: _Call, allow_unused: bool) -> Tree:
    """The gradient of the one output, a scalar."""
    y = call.output
    if y.size != 1:
        advice = "take .sum() or .mean(), or use jacobian"
        raise GraphError(f"{call.name}: the function must return a scalar, got shape {y.shape}: {advice}")
    route = call.route(y)
    if not call.nodes and not allow_unused and (y.requires_grad or y._cut_by):
        reached = set(route[1])
        for place, x in zip(call.places, call.inputs, strict=True):
            if x not in reached:
                who = f"{place}{f' ({x.label!r})' if x.label else ''}"
                cut = "" if y.requires_grad else f", it was cut off by {y._cut_by}"
                raise GraphError(f"{call.name}: the result does not depend on {who}{cut}: {UNUSED}")
    return call.like_inputs(call.pull(route, _ones(y)))


def grad(f: Function, argnums: Argnums = 0, *, has_aux: bool = False, allow_unused: bool = False) -> Function:
    """Return the function that gives the gradient of `f`, in the structure and shapes of the argument. The interface is jax.grad's.

    Args:
        f: a function that returns a scalar node. It takes numbers, arrays, nodes, or nested lists, tuples and dicts of them, and
            they reach it as nodes.
        argnums: the position of the argument to differentiate by, or a tuple of positions. Other arguments pass through unchanged.
        has_aux: whether f returns (scalar, aux); the result is then (gradient, aux).
        allow_unused: whether an argument that the result does not depend on gets zeros.

    Inside another transformation the results are nodes, so grad(grad(f)) is the second derivative. The gradient of a constant
    node is 0. Raises GraphError where the result is no scalar or no node, or does not depend on an argument; IndexError for
    argnums out of range; DTypeError for an argument that is no number.

    >>> import autograd_mini as ag
    >>> ag.grad(lambda x: x**3)(2.0), ag.grad(ag.grad(lambda x: x**3))(2.0)
    (12.0, 12.0)
    >>> ag.grad(lambda p: p["w"] * 3.0 + p["b"])({"w": 2.0, "b": 1.0})
    {'w': 3.0, 'b': 1.0}
    """
    return _transformed("grad", f, argnums, lambda call: _gradient(call, allow_unused), has_aux)


def value_and_grad(
    f: Function, argnums: Argnums = 0, *, has_aux: bool = False, allow_unused: bool = False
) -> Function:
    """Return the function that gives (value of `f`, its gradient) by one forward and one backward pass.

    Arguments and errors are those of `grad`. With `has_aux`: ((value, aux), gradient). scipy.optimize.minimize(…, jac=True)
    takes such a function.

    >>> import autograd_mini as ag
    >>> import numpy as np
    >>> value, slope = ag.value_and_grad(lambda x: (x * x).sum())(np.array([1.0, 2.0]))
    >>> float(value), slope
    (5.0, array([2., 4.]))
    """
    derive = functools.partial(_gradient, allow_unused=allow_unused)
    return _transformed("value_and_grad", f, argnums, derive, has_aux, True)


def derivative(f: Function, order: int = 1, argnums: int = 0, *, has_aux: bool = False) -> Function:
    """Return the function that gives the derivative of that order of `f`, for a number or each element of an array.

    Args:
        f: a function of a number, or of an array element by element: the result has the argument's shape.
        order: 0 or more; 0 is f itself.
        argnums: the position of the argument to differentiate by.
        has_aux: whether f returns (result, aux); the derivative comes then as (derivative, aux).

    Raises ShapeError for a result of another shape and GraphError where elements depend on one another (use `jacobian`);
    TypeError or ValueError for another order.

    >>> import autograd_mini as ag
    >>> import numpy as np
    >>> ag.derivative(lambda x: x**4, order=3)(2.0)
    48.0
    >>> ag.derivative(ag.exp, order=2)(np.array([0.0, 1.0])).round(3)
    array([1.   , 2.718])
    """
    order = whole("derivative: order", order, 0)

    def derive(call: _Call) -> Any:
        y = call.output
        if not isinstance(call.tree, ONE):
            raise DTypeError(f"derivative: by one number or array, not {_shown(call.tree)}: use jacobian")
        (x,) = call.inputs
        if y.shape != x.shape:
            raise ShapeError(f"derivative: the function gave shape {y.shape} for {x.shape}: use jacobian")
        for i in range(order):
            route = call.route(y)
            (y,) = call.pull(route, _ones(y), call.graph or i + 1 < order)
            call.check_apart(route, [y], x.ndim)
        return call.give(y)

    return _transformed("derivative", f, argnums, derive, has_aux)


# ---- Jacobians and Hessians -------------------------------------------------------------------------------------------


def jacobian(f: Function, argnums: Argnums = 0, *, has_aux: bool = False, value: bool = False) -> Function:
    """Return the function that gives the derivative of every number in the result of `f` by every number in its argument.

    For a result of shape s and an argument of shape t it has shape s + t. For nested results or arguments it is nested: the
    structure of the result outside, that of the argument inside, so that [i][j] is the block of result i and argument j. It is
    0 where a result does not depend on an argument. With `value`: (value of f, Jacobian) from the same pass; `argnums` and
    `has_aux` as in `grad`.

    It takes one sweep for each number of the result (reverse mode), or, where that is cheaper, one for each number of the
    argument (forward mode, by differentiating vᵀJ with respect to v). Raises GraphError where f does not return nodes.

    >>> import autograd_mini as ag
    >>> import numpy as np
    >>> ag.jacobian(lambda x: x * x)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    >>> ag.jacobian(lambda p: p["a"] * p["b"])({"a": 2.0, "b": 3.0})
    {'a': 3.0, 'b': 2.0}
    """
    return _transformed("jacobian", f, argnums, _Call.jacobian, has_aux, value)


def hessian(f: Function, argnums: Argnums = 0, *, has_aux: bool = False) -> Function:
    """Return the function that gives the second derivatives of `f`: the Jacobian of its Jacobian.

    For a scalar f and an argument of shape t it has shape t + t. For nested arguments it is the nested blocks: of a dict p,
    hessian(f)(p)["w"]["b"] is ∂²f/∂w∂b, of w's shape and then b's. It takes one sweep for each number of the argument. `argnums`
    and `has_aux` as in `grad`. Raises GraphError where f does not return nodes.

    >>> import autograd_mini as ag
    >>> import numpy as np
    >>> ag.hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 2.0]))
    array([[4., 2.],
           [2., 0.]])
    >>> ag.hessian(lambda p: p[0] * p[0] * p[1])([1.0, 2.0])
    [[4.0, 2.0], [2.0, 0.0]]
    """
    once = _transformed("hessian", f, argnums, _Call.jacobian, has_aux)
    return _transformed("hessian", once, argnums, _Call.jacobian, has_aux)


def _arguments(name: str, x: Any, argnums: Any) -> tuple[Sequence[Any], Any]:
    """The positional arguments, and the positions to differentiate by: x alone, or those of argnums in x."""
    if argnums is None:
        return (x,), 0
    if not isinstance(x, tuple | list):
        raise TypeError(f"{name}: with argnums, x must be the tuple of all arguments, got {_shown(x)}")
    return x, argnums


def vjp(f: Function, x: Tree, *, argnums: Any = None, has_aux: bool = False) -> Any:
    """Return (f(x), pullback), where pullback(v) is vᵀJ, of x's structure, for v of the structure of f(x).

    With `argnums`, x is the tuple of all arguments of f. With `has_aux`: ((f(x), aux), pullback). Each pullback is one sweep.
    Raises ShapeError for a v that does not fit. The interface is that of jax.vjp.

    >>> import autograd_mini as ag
    >>> import numpy as np
    >>> y, pullback = ag.vjp(lambda x: x * x, np.array([1.0, 2.0]))
    >>> y, pullback([1.0, 0.0])
    (array([1., 4.]), array([2., 0.]))
    """
    args, chosen = _arguments("vjp", x, argnums)
    return _pulled("vjp", f, args, chosen, has_aux, "the result")


def _pulled(name: str, f: Function, args: Sequence[Tree], argnums: Any, has_aux: bool, what: str) -> Any:
    """vjp, and the part of hvp that is a vjp of a gradient."""
    call = _Call(name, f, args, {}, argnums, has_aux=has_aux, keep=True)

    def pullback(v: Tree) -> Tree:
        """Return vᵀJ, for the Jacobian J of the call of vjp."""
        call.look_around()  # pullback may be called elsewhere, and later
        given = call.directions(v, call.result, call.outputs, what)
        pairs = zip(call.outputs, given, strict=True)
        return call.like_inputs(_total([call.pull(call.route(y), part) for y, part in pairs]))

    return call.answer(pullback, True, has_aux)


def jvp(f: Function, x: Tree, v: Tree, *, argnums: Any = None, has_aux: bool = False) -> Any:
    """Return (f(x), J·v), the second being the derivative of `f` at x in the direction v, which has x's structure and shapes.

    With `argnums`, x is the tuple of all arguments of f, and v has the structure of those chosen. With `has_aux`:
    ((f(x), aux), J·v). Raises ShapeError for a v that does not fit. The interface is that of jax.jvp.

    >>> import autograd_mini as ag
    >>> ag.jvp(lambda x: x * x, 3.0, 1.0)
    (9.0, 6.0)
    """
    args, chosen = _arguments("jvp", x, argnums)
    call = _Call("jvp", f, args, {}, chosen, has_aux=has_aux)
    given = call.directions(v, call.tree, call.inputs, "x")
    us, routes = call.transposed()
    shares = _total([call.pull(route, part, None, us) for route, part in zip(routes, given, strict=True)])
    if not call.nodes:  # a number of the same type as the value
        shares = [share[()] if isinstance(share, np.ndarray) else share for share in shares]
    return call.answer(refill(call.result, map(call.give, shares)), True, has_aux)


def hvp(f: Function, x: Tree, v: Tree, *, argnums: Any = None, has_aux: bool = False) -> Any:
    """Return H·v, of x's structure, for the Hessian H of a scalar `f` at x, without forming it: at the cost of a few gradients.

    With `argnums`, x is the tuple of all arguments of f, and v has the structure of those chosen. With `has_aux`: (H·v, aux).
    Raises ShapeError for a v that does not fit.

    >>> import autograd_mini as ag
    >>> import numpy as np
    >>> ag.hvp(lambda x: (x**3).sum(), np.array([1.0, 2.0]), [1.0, 1.0])
    array([ 6., 12.])
    """
    args, chosen = _arguments("hvp", x, argnums)
    slope = _transformed("hvp", f, chosen, lambda call: _gradient(call, True), has_aux)
    found, pullback = _pulled("hvp", slope, args, chosen, has_aux, "x")
    return (pullback(v), found[1]) if has_aux else pullback(v)


# ---- Batches ----------------------------------------------------------------------------------------------------------


def _batched(name: str, f: Function, X: Any, create_graph: bool) -> _Call:
    """The call of f on a batch, one Tensor, which gave one Tensor."""
    X = np.array(X) if isinstance(X, list | tuple) else X
    call = _Call(name, f, (X,), {}, create_graph=create_graph)
    before, after = call.inputs[0].shape, call.output.shape
    if before[:1] != after[:1] or not before:
        raise ShapeError(f"{name}: a batch (N, …) must give (N, …), got {after} for {before}")
    return call


def batch_jacobian(f: Function, X: Any, *, create_graph: bool = False) -> Any:
    """Return the Jacobian of each sample of a batch: for X of shape (N, in) and f(X) of (N, out), one of (N, out, in).

    It takes `out` sweeps (and one to check), not N·out, so `f`, a model for example, must not mix the samples. Samples and
    outputs may have any shape. With `create_graph`, and inside another transformation, the result is a node that depends on the
    parameters that f uses, so that a loss can use it. Raises GraphError where f mixes the samples, ShapeError where f(X) is not
    a batch of N.

    >>> import autograd_mini as ag
    >>> net = ag.nn.MLP([2, 3, 1], activation="tanh", rng=0)
    >>> ag.batch_jacobian(net, [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]).shape
    (3, 1, 2)
    """
    call = _batched("batch_jacobian", f, X, create_graph)
    return call.give(call.per_sample(call.output))


def batch_hessian(f: Function, X: Any, *, create_graph: bool = False) -> Any:
    """Return the Hessian of each sample of a batch: for X of shape (N, in) and f(X) of (N, out), one of (N, out, in, in).

    It takes out·(1 + in) sweeps (and some to check). Arguments and errors are those of `batch_jacobian`.

    >>> import autograd_mini as ag
    >>> ag.batch_hessian(lambda X: X[:, 0] ** 2 * X[:, 1], [[1.0, 2.0], [3.0, 4.0]])[1]
    array([[8., 6.],
           [6., 0.]])
    """
    call = _batched("batch_hessian", f, X, create_graph)
    y, (x,) = call.output, call.inputs
    route = call.route(y)
    slopes = [call.pull(route, v, True)[0] for v in _basis(y, 1)]
    call.check_apart(route, slopes, 1)
    parts = [call.per_sample(slope) for slope in slopes]
    return call.give(joined(parts, 1, (*y.shape, *x.shape[1:], *x.shape[1:]), x.dtype))


# ---- Vectors ----------------------------------------------------------------------------------------------------------


def ravel(params: Tree) -> tuple[Any, Callable[[Any], Tree]]:
    """Return (vector, unravel): all the numbers of `params` as one vector, and the way back.

    `params`: a Module, or nested lists, tuples and dicts of nodes, arrays, numbers and Modules; they are not changed. The vector
    is an array of shape (n,); inside a transformation, a node. `unravel(vector)` gives a *new* structure like params with the
    numbers of that vector; for a node it is a structure of nodes made from it, so that a loss can be differentiated with respect
    to the vector. A node in several places counts once, and stays one node. Raises DTypeError for parts without numbers;
    `unravel` raises ShapeError for a shape other than (n,). After jax.flatten_util.ravel_pytree.

    With it scipy's optimisers train a model, and check its gradient:

    >>> import autograd_mini as ag, numpy as np, scipy.optimize
    >>> X, Y = [[0, 0], [0, 1], [1, 0], [1, 1]], [[0], [1], [1], [0]]
    >>> w, unravel = ag.ravel(ag.nn.MLP([2, 4, 1], activation="tanh", rng=0))
    >>> loss = lambda w: ag.nn.mse(unravel(w)(X), Y)
    >>> best = scipy.optimize.minimize(ag.value_and_grad(loss), w, jac=True)
    >>> abs(unravel(best.x)(X).data.ravel().round(2)).tolist()
    [0.0, 1.0, 1.0, 0.0]
    >>> bool(scipy.optimize.check_grad(lambda w: loss(w).item(), ag.grad(loss), w) < 1e-6)
    True

    And so does a swarm of particles: each is a whole network, drawn to the best place that it has found, and to the best of all:

    >>> rng = np.random.default_rng(0)
    >>> at = rng.normal(0, 2, (30, w.size)); speed, own, least = 0 * at, at.copy(), np.full(30, np.inf)
    >>> for _ in range(200):
    ...     cost = np.array([loss(p).item() for p in at])
    ...     own[cost < least], least = at[cost < least], np.minimum(cost, least)
    ...     a, b = rng.uniform(0, 1.5, (2, *at.shape))
    ...     speed = 0.7 * speed + a * (own - at) + b * (own[least.argmin()] - at); at = at + speed
    >>> bool(least.min() < 1e-3)
    True
    """
    parts: list[Any] = []
    for place, part in flatten(params, "params"):
        if hasattr(part, "named_parameters"):
            parts += [parameter for _, parameter in part.named_parameters()]
        elif isinstance(part, ONE):
            parts.append(part if isinstance(part, (Node, *BARE)) else to_array(part))
        else:
            needed = "a Module, or lists and dicts of numbers, arrays and nodes are needed"
            raise DTypeError(f"ravel: {needed}; {place} is {describe(part)}")
    # Each node once, in its first place; numbers and arrays in every place
    parts = list({part if isinstance(part, Node) else i: part for i, part in enumerate(parts)}.values())
    ends = np.cumsum([0, *(np.size(plain(part)) for part in parts)]).tolist()

    def unravel(vector: Any) -> Any:
        """Return the ravelled structure with the numbers of this vector of shape (n,)."""
        if F.shape(vector) != (ends[-1],):
            raise ShapeError(f"unravel: a vector of shape {(ends[-1],)} is needed, got {F.shape(vector)}")
        vector = vector if isinstance(vector, Node) else to_array(vector)
        pieces = map(vector.__getitem__, map(slice, ends, ends[1:]))
        new = [(part, _like(part, piece)) for part, piece in zip(parts, pieces, strict=True)]
        nodes = {part: piece for part, piece in new if isinstance(part, Node)}
        raw = (piece for part, piece in new if not isinstance(part, Node))
        done: dict[int, Any] = {}
        return rebuild(params, lambda x: next(raw) if isinstance(x, RAW) else _copied(x, nodes, done))

    if is_inside() and any(isinstance(part, Node) and part.requires_grad for part in parts):
        return F.concatenate([F.reshape(part, (-1,)) for part in parts]), unravel
    flat = [np.ravel(to_array(plain(part))) for part in parts]
    return np.concatenate([np.zeros(0, np.float32), *flat]) if flat else np.zeros(0), unravel


def _like(part: Any, piece: Any) -> Any:
    """A piece of a vector in the form of the part whose numbers it has."""
    single = isinstance(part, (Value, *BARE))
    if isinstance(piece, Node):
        if single:
            return to_value(piece)
        shaped: Any = piece if piece.shape == part.shape else F.reshape(piece, part.shape)
        return shaped if shaped.dtype == part.dtype else F.cast(shaped, part.dtype)
    data = float(piece[0]) if single else np.array(piece, part.dtype).reshape(part.shape)
    return leaf(type(part), data, part.requires_grad, part.label) if isinstance(part, Node) else data


def _copied(part: Any, new: dict[Any, Any], done: dict[int, Any]) -> Any:
    """A node's successor, or a copy of a Module with the new nodes in place of the old; all other parts are shared."""
    if isinstance(part, Node):
        return new.get(part, part)
    if not hasattr(part, "named_parameters"):
        return part
    if id(part) not in done:
        done[id(part)] = copy = object.__new__(type(part))
        vars(copy).update(rebuild(vars(part), lambda inner: _copied(inner, new, done)))
    return done[id(part)]
