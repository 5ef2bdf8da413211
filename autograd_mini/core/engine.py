"""The engine: sort the graph, pull gradients back through it, store them. It knows nodes by their attributes alone."""

import inspect
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar
from functools import wraps
from itertools import repeat
from types import TracebackType
from typing import Any, TypeVar

import numpy as np

from ..errors import DTypeError, GraphError
from .namespaces import quiet, read, scalar

Grads = dict[Any, Any]  # from a node to the gradient of the root with respect to it

F = TypeVar("F", bound=Callable[..., Any])
_recording: ContextVar[bool] = ContextVar("recording", default=True)
is_recording = _recording.get


class clock:
    """How often the data of any Tensor has been replaced: a node older than its parent's data has a stale graph."""

    now = 0


class enable_grad:
    """Record operations inside a `with` block, or inside a function that this decorates.

    It holds for the code that runs within: other threads and asyncio tasks are untouched. `with` around a `yield` holds for
    the caller too, until the generator goes on; a decorated generator function holds only while its own code runs.

    >>> import autograd_mini as ag
    >>> with ag.no_grad(), ag.enable_grad():
    ...     y = ag.Value(2.0) * 3.0
    >>> y.requires_grad
    True
    """

    mode = True

    def __enter__(self) -> None:
        self.before = (*getattr(self, "before", ()), is_recording())
        _recording.set(self.mode)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        *rest, before = self.before
        self.before = tuple(rest)
        _recording.set(before)

    def __call__(self, function: F) -> F:
        mode = type(self)
        if inspect.isgeneratorfunction(function):

            @wraps(function)
            def stepped(*args: Any, **kwargs: Any) -> Any:
                generator, value, error = function(*args, **kwargs), None, None
                while True:
                    try:
                        with mode():
                            item = generator.send(value) if error is None else generator.throw(error)
                    except StopIteration as stop:
                        return stop.value
                    value, error = None, None
                    try:
                        value = yield item
                    except GeneratorExit:
                        generator.close()
                        raise
                    except BaseException as thrown:
                        error = thrown

            return stepped  # type: ignore[return-value]
        if inspect.iscoroutinefunction(function):

            @wraps(function)
            async def awaited(*args: Any, **kwargs: Any) -> Any:
                with mode():
                    return await function(*args, **kwargs)

            return awaited  # type: ignore[return-value]

        @wraps(function)
        def called(*args: Any, **kwargs: Any) -> Any:
            with mode():
                return function(*args, **kwargs)

        return called  # type: ignore[return-value]


class no_grad(enable_grad):
    """Do not record operations inside a `with` block, or inside a function that this decorates: results are constants.

    >>> import autograd_mini as ag
    >>> with ag.no_grad():
    ...     y = ag.Value(2.0) * 3.0
    >>> y.requires_grad
    False
    """

    mode = False


def toposort(root: Any) -> list[Any]:
    """Return every variable that root was made from, parents before children, root last."""
    order: list[Any] = []
    seen: set[Any] = set()
    stack = [root]
    push, pop = stack.append, stack.pop
    while stack:
        node = pop()
        if node is None:  # all that the node below was made from is in order
            order.append(pop())
        elif node not in seen:
            seen.add(node)
            if node.parents:
                push(node)
                push(None)
                for parent in node.parents:
                    if parent not in seen and parent.requires_grad:
                        push(parent)
            else:
                order.append(node)
    return order


def sweep(order: Sequence[Any], seed: Any, create_graph: bool = False) -> Grads:
    """Return the gradient of the last node with respect to every node in order, by the chain rule, from last to first."""
    if not create_graph and all(kind.xp is scalar for kind in set[Any](map(type, order))):
        try:
            return _sweep_scalars(order, seed)
        except Exception:  # read again below, with IEEE arithmetic where a float refused, and every share checked
            pass
    wanted, grads = set(order), {order[-1]: seed}
    with np.errstate(**quiet):
        for node in reversed(order):
            g, name = grads.get(node), node.op and node.op.name
            if g is None or not node.parents:
                continue
            for parent, share in zip(node.parents, _shares(node, g, wanted, create_graph), strict=True):
                if parent not in wanted:
                    continue
                if parent.version > node.version:
                    raise GraphError(
                        f"{parent.name} was changed after '{name}' had read it, so the gradient would be wrong: "
                        "run the forward pass again, and change parameters only after backward()"
                    )
                fitted, held = parent.fit(share, name, create_graph), grads.get(parent)
                grads[parent] = fitted if held is None else held + fitted
    return grads


def _sweep_scalars(order: Sequence[Any], seed: float) -> Grads:
    """The same for a graph of Values alone, where every share is a float and fits."""
    grads = dict.fromkeys(order, -0.0)  # -0.0 + x is x, for every x
    grads[order[-1]] = seed
    for node in reversed(order):
        parents = node.parents
        if not parents:
            continue
        g, out, vjps = grads[node], node.data, node.op.vjps
        if len(parents) == 2 and type(vjps) is tuple:  # unrolled: most nodes of a scalar graph
            left, right = parents
            x, y = left.data, right.data
            if left in grads:
                grads[left] += vjps[0](scalar, g, out, x, y)
            if right in grads:
                grads[right] += vjps[1](scalar, g, out, x, y)
        elif len(parents) == 1:
            grads[parents[0]] += vjps[0](scalar, g, out, parents[0].data)
        else:
            for parent, share in zip(parents, _shares(node, g, grads, False), strict=True):
                if parent in grads:
                    grads[parent] += share
    if set(map(type, grads.values())) != {float}:
        raise GraphError("a rule returned something other than a float")
    return grads


def _shares(node: Any, g: Any, wanted: Any, create_graph: bool) -> Sequence[Any]:
    """What each parent of the node receives; None for a parent that wants nothing, whose rule is not run."""
    op, parents = node.op, node.parents
    operands = parents if create_graph else [parent.data for parent in parents]
    out, xp = (node, node.functions) if create_graph else (node.data, node.xp)
    try:
        if type(op.vjps) is tuple:
            return [
                read(xp, vjp, g, out, *operands) if parent in wanted else None
                for vjp, parent in zip(op.vjps, parents, strict=True)
            ]
        shares: list[Any] = list(read(xp, op.vjps, g, out, *operands))
    except Exception as error:
        error.add_note(f"raised by the gradient of operation {op.name!r}")
        raise
    if len(shares) != len(parents):
        raise GraphError(f"{op.name!r} returned {len(shares)} gradients for {len(parents)} parents: return one for each, in their order")
    return shares


def sum_to(xp: Any, share: Any, shape: tuple[int, ...], name: str) -> Any:
    """The share summed over the axes that broadcasting had added or stretched."""
    have = xp.shape(share)
    lead = len(have) - len(shape)
    stretched = [lead + i for i, n in enumerate(shape) if n == 1 and lead >= 0 and have[lead + i] != 1]
    if lead < 0 or any(have[lead + i] != n for i, n in enumerate(shape) if lead + i not in stretched):
        raise GraphError(f"{name!r} returned a gradient of shape {have} for a parent of shape {shape}")
    summed = xp.sum(share, axis=(*range(lead), *stretched)) if lead or stretched else share
    return summed if xp.shape(summed) == shape else xp.reshape(summed, shape)


def _owned(grads: Grads, nodes: Iterable[Any]) -> list[Any]:
    """The gradients of these nodes; an array that is somebody else's too (a rule may pass `g` on as it is) is copied."""
    if np.ndarray not in set(map(type, grads.values())):
        return [grads[node] for node in nodes]
    holders = [g if g.base is None else g.base for g in grads.values() if type(g) is np.ndarray]
    holders += [node.data for node in grads if type(node.data) is np.ndarray]
    seen: set[int] = set()
    shared = {key for key in map(id, holders) if key in seen or seen.add(key)}  # type: ignore[func-returns-value]

    return [
        g.copy() if type(g) is np.ndarray and (g.base is not None or id(g) in shared) else g
        for g in map(grads.__getitem__, nodes)
    ]


def _check_root(root: Any) -> None:
    if root.requires_grad:
        return
    cut = f"it was cut off by {root.op.name}" if root.op else "it was made from constants alone"
    raise GraphError(
        f"nothing to differentiate below {root.name}: {cut}. What cuts a graph: .detach(), .data, .item() "
        "(the number wrapped afresh is a new leaf), no_grad, requires_grad=False"
    )


def backward(root: Any, gradient: Any = None) -> None:
    """Store in `.grad` the gradient of root with respect to every variable that it was made from.

    It is assigned on interior nodes and added on leaves, all at the end and in one step that nothing interrupts (setattr run
    from C), so that an error or Ctrl-C leaves every `.grad` as it was. Gradients of interior nodes may share memory.
    """
    _check_root(root)
    order = toposort(root)
    grads = sweep(order, root.seed(gradient, "backward"))
    leaves = [node for node in order if not node.parents and node in grads]
    for leaf, g in zip(leaves, _owned(grads, leaves), strict=True):
        grads[leaf] = g if leaf.grad is None else leaf.grad + g
    deque(map(setattr, grads, repeat("grad"), list(grads.values())), maxlen=0)


def gradients(
    output: Any, inputs: Any, grad_output: Any = None, *, create_graph: bool = False, allow_unused: bool = False
) -> Any:
    """Return the gradient of `output` with respect to `inputs`, in the same structure; no node's `.grad` is touched.

    Arguments: `output`, a Value or Tensor; a scalar, unless `grad_output` (of its shape: the gradient that arrives from
    above, 1 by default) is given. `inputs`: a node, or a list or tuple of nodes, leaves or not. With `create_graph` the
    gradients are nodes that can be differentiated again, else floats and arrays, each of its input's shape and dtype.
    An input that the output does not depend on raises GraphError, or gets zeros with `allow_unused=True`.

    >>> import autograd_mini as ag
    >>> x = ag.Value(2.0)
    >>> slope = ag.gradients(x * x * x, x, create_graph=True)
    >>> slope.data, ag.gradients(slope, x)
    (12.0, 12.0)
    """
    nodes = list(inputs) if isinstance(inputs, list | tuple) else [inputs]
    for node in (output, *nodes):
        if not hasattr(node, "requires_grad") or not hasattr(node, "parents"):
            raise DTypeError(f"gradients: a Value or Tensor is needed, got {type(node).__name__}: wrap it before it is used")
    if not allow_unused:
        _check_root(output)
    seed = output.seed(grad_output, "gradients", create_graph)
    wanted, needed = set(nodes), set[Any]()
    for node in (order := toposort(output)):
        if node in wanted or not needed.isdisjoint(node.parents):
            needed.add(node)
    with enable_grad():
        grads = sweep([node for node in order if node in needed], seed, create_graph) if output in needed else {}
    for i, node in enumerate(nodes):
        if node not in grads:
            if not allow_unused:
                which = f"inputs[{i}], " if isinstance(inputs, list | tuple) else ""
                raise GraphError(f"{output.name} does not depend on {which}{node.name}: pass allow_unused=True to get zeros for it")
            grads[node] = node.zeros(create_graph)
    out = [grads[node] for node in nodes] if create_graph else _owned(grads, nodes)
    return type(inputs)(out) if isinstance(inputs, list | tuple) else out[0]
