"""The engine: sort the graph, pull gradients back through it, store them. It knows nodes by their attributes alone."""

from collections import deque
from collections.abc import Sequence
from itertools import repeat
from typing import Any

import numpy as np

from ..containers import flatten, rebuild
from ..errors import DTypeError, GraphError, noted
from ..modes import enable_grad
from .namespaces import QUIET, error_state, read, scalar
from .ops import MUL, Op

Grads = dict[Any, Any]  # from a node to the gradient of the root with respect to it


class clock:
    """How often the data of any Tensor has been replaced: a node older than its parent's data has a stale graph."""

    now = 0


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
    if not create_graph and _all_scalar(order):
        try:
            return _sweep_scalars(order, seed)
        except (
            Exception
        ):  # read again below, with IEEE arithmetic where a float refused, and every share checked
            pass
    wanted, grads, pull = set(order), {order[-1]: seed}, _pull_graph if create_graph else _pull
    before = error_state.set(QUIET)
    try:
        for node in reversed(order):
            if node.parents and (g := grads.get(node)) is not None:
                pull(node, g, grads, wanted, seed)
    except Exception as error:
        raise (
            error
            if isinstance(error, GraphError)
            else noted(error, f"raised by the gradient of operation {node.op.name!r}")
        ) from None
    finally:
        error_state.reset(before)
    return grads


def _pull(node: Any, g: Any, grads: Grads, wanted: set[Any], seed: Any) -> None:
    """Add to grads what each parent of the node receives; the rule of a parent that wants nothing is not run."""
    op, parents, xp = node.op, node.parents, node.xp
    out, operands = node.data, [parent.data for parent in parents]
    rules = op.vjps
    apart = type(rules) is tuple
    shares = rules if apart else _for_each(parents, op, read(xp, rules, g, out, *operands))
    for parent, x, given in zip(parents, operands, shares, strict=True):
        if parent not in wanted:
            continue
        share = given  # or, where each parent has a rule of its own, what that gives
        if apart:
            share = given(xp, g, out, *operands) if xp is not scalar else read(xp, given, g, out, *operands)
        if type(share) is not type(x) or (
            type(x) is not float and (share.shape != x.shape or share.dtype is not x.dtype)
        ):
            share = parent.fit(share, node, False)
        held = grads.get(parent)
        if held is not None:
            share = held + share
            if type(share) is not type(x):  # of 0-d arrays NumPy makes numbers
                share = parent.fit(share, node, False)
        elif (
            not parent.parents
            and type(share) is np.ndarray
            and (share is g or share.base is not None or not op.builtin)
        ):
            share = (
                share.copy()
            )  # the rule passed on `g`, or a view; a leaf's gradient is nobody else's memory
        grads[parent] = share


def _pull_graph(node: Any, g: Any, grads: Grads, wanted: set[Any], seed: Any) -> None:
    """The same on nodes: the shares are nodes, to be differentiated again."""
    op, parents, xp = node.op, node.parents, node.functions
    rules = op.vjps
    shares = None if type(rules) is tuple else _for_each(parents, op, rules(xp, g, node, *parents))
    for i, parent in enumerate(parents):
        if parent in wanted:
            share = rules[i](xp, g, node, *parents) if shares is None else shares[i]
            if (
                type(share) is not type(parent)
                or share.shape != parent.shape
                or share.dtype is not parent.dtype
            ):
                share = parent.fit(share, node, True)
            if g is seed and share.op is MUL and _is_one(seed, share):
                share = share.parents[1]  # or every order would carry the 1 on
            held = grads.get(parent)
            grads[parent] = share if held is None else held + share


def _is_one(seed: Any, share: Any) -> bool:
    """Whether a product is 1 · y, and so y: the seed of a scalar times what it multiplies."""
    product = share.parents and share.parents[0] is seed and share.parents[1].dtype is share.dtype
    return product and not (seed.requires_grad or seed.shape) and seed.data == 1.0


def _for_each(parents: Sequence[Any], op: Op, shares: Any) -> Any:
    """The shares of all parents that one rule returned, one for each."""
    if not isinstance(shares, list | tuple) or len(shares) != len(parents):
        given = len(shares) if isinstance(shares, list | tuple) else f"a {type(shares).__name__} for"
        raise GraphError(
            f"{op.name!r} returned {given} gradients for {len(parents)} parents: return a list, one for each, in order"
        )
    return shares


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
            operands = [parent.data for parent in parents]
            several = None if type(vjps) is tuple else vjps(scalar, g, out, *operands)
            for i, parent in enumerate(parents):
                if parent in grads:
                    grads[parent] += vjps[i](scalar, g, out, *operands) if several is None else several[i]
    if set(map(type, grads.values())) != {float}:
        raise GraphError("a rule returned something other than a float")
    return grads


def sum_to(xp: Any, share: Any, shape: tuple[int, ...], op: Op) -> Any:
    """The share summed over the axes that broadcasting had added or stretched."""
    have = xp.shape(share)
    lead = len(have) - len(shape)
    if lead > 0 and have[lead:] == shape:  # the common case, a bias
        return xp.sum(share, axis=0 if lead == 1 else tuple(range(lead)))
    stretched = [lead + i for i, n in enumerate(shape) if n == 1 and lead >= 0 and have[lead + i] != 1]
    if lead < 0 or any(have[lead + i] != n for i, n in enumerate(shape) if lead + i not in stretched):
        raise GraphError(f"{op.name!r} returned a gradient of shape {have} for a parent of shape {shape}")
    summed = xp.sum(share, axis=(*range(lead), *stretched)) if lead or stretched else share
    return summed if xp.shape(summed) == shape else xp.reshape(summed, shape)


def check_root(root: Any) -> None:
    if root.requires_grad:
        return
    cut = f"it was cut off by {root.op.name}" if root.op else "it was made from constants alone"
    raise GraphError(
        f"nothing to differentiate below {root.name}: {cut}. What cuts a graph: .detach(), .data, .item() "
        "(the number wrapped afresh is a new leaf), no_grad, requires_grad=False"
    )


def check_fresh(order: Sequence[Any]) -> None:
    """Refuse a graph some of whose Tensors were given other data after they were read."""
    if _all_scalar(order):
        return
    for node in order:
        if node.xp is not scalar:
            for parent in node.parents:
                if parent.version > node.version:
                    raise GraphError(
                        f"{parent.name} was changed after '{node.op.name}' had read it, so the gradient would be wrong: "
                        "run the forward pass again, and change parameters only after backward()"
                    )


def _all_scalar(order: Sequence[Any]) -> bool:
    return not order or (order[-1].xp is scalar and len(set(map(type, order))) == 1)


def backward(root: Any, gradient: Any = None) -> None:
    """Store in `.grad` the gradient of root with respect to every variable that it was made from.

    It is assigned on interior nodes and added on leaves, all at the end and in one step that nothing interrupts (setattr run
    from C), so that an error or Ctrl-C leaves every `.grad` as it was. Gradients of interior nodes may share memory.
    """
    check_root(root)
    order = toposort(root)
    check_fresh(order)
    grads = sweep(order, root.seed(gradient, "backward"))
    for node in [node for node in order if node.grad is not None and not node.parents and node in grads]:
        with np.errstate(all="ignore"):
            grads[node] = node.fit(node.like(node.grad, "a .grad set by hand") + grads[node], root, False)
        if node.meta and "used" in node.meta and node.meta["used"].is_on(node.grad):
            node.meta["used"].put(
                grads[node]
            )  # an optimiser's mark: this gradient, and so the sum, has been stepped with
    deque(map(setattr, grads, repeat("grad"), list(grads.values())), maxlen=0)


def gradients(
    output: Any,
    inputs: Any,
    grad_output: Any = None,
    *,
    create_graph: bool = False,
    allow_unused: bool = False,
) -> Any:
    """Return the gradient of `output` with respect to `inputs`, in the same structure; no node's `.grad` is touched.

    Arguments: `output`, a Value or Tensor; a scalar, unless `grad_output` (of its shape: the gradient that arrives from
    above, 1 by default) is given. `inputs`: a node, or nested lists, tuples and dicts of nodes, leaves or not. With `create_graph` the
    gradients are nodes that can be differentiated again, else floats and arrays, each of its input's shape and dtype.
    An input that the output does not depend on raises GraphError, or gets zeros with `allow_unused=True`.

    >>> import autograd_mini as ag
    >>> x = ag.Value(2.0)
    >>> slope = ag.gradients(x * x * x, x, create_graph=True)
    >>> slope.data, ag.gradients(slope, x)
    (12.0, 12.0)
    """
    found: list[tuple[str, Any]] = [("inputs", None)] if inputs is None else flatten(inputs, "inputs")
    for place, node in (("output", output), *found):
        if not hasattr(node, "requires_grad") or not hasattr(node, "parents"):
            raise DTypeError(
                f"gradients: a Value or Tensor is needed, {place} is a {type(node).__name__}: wrap it before it is used"
            )
    if not allow_unused:
        check_root(output)
    seed = output.seed(grad_output, "gradients", create_graph)
    order = paths(output, [node for _, node in found])
    with enable_grad():
        grads = sweep(order, seed, create_graph) if order else {}
    for place, node in found:
        if node not in grads:
            if not allow_unused:
                which = f"{place}, " if node is not inputs else ""
                raise GraphError(
                    f"{output.name} does not depend on {which}{node.name}: pass allow_unused=True to get zeros for it"
                )
            grads[node] = node.zeros(create_graph)
    return rebuild(
        inputs, lambda node: np.array(grads[node]) if type(grads[node]) is np.ndarray else grads[node]
    )


def paths(output: Any, inputs: Sequence[Any]) -> list[Any]:
    """Return the nodes on the paths from the inputs to output, sorted, output last; none where it depends on none of them."""
    order, reached, needed = toposort(output), list[Any](), set(inputs)
    check_fresh(order)
    for node in order:
        if node in needed or (node.requires_grad and not needed.isdisjoint(node.parents)):
            needed.add(node)
            reached.append(node)
    return reached if output in needed else []
