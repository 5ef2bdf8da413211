"""The engine: sort the graph, pull gradients back through it, store them. It uses nodes by their attributes alone."""

import threading
from collections import deque
from collections.abc import Container, Sequence
from itertools import repeat
from typing import Any

from numpy import ndarray

from ..errors import GraphError, advice, noted
from ..support import unzeroed
from ..support.modes import recorder
from .op import NOT_WANTED, made_quick
from .readings import FLOATS, KINDS, Reading, quietly

Grads = dict[Any, Any]  # from a node to the gradient of the root with respect to it


def toposort(root: Any, constants: bool = False, is_mirrored: bool = False) -> list[Any]:
    """Return every variable that root was made from, parents before children, root last; with `constants` the constants too.

    A node's last parent comes first; with `is_mirrored` its first parent does, which is the order a person reads in.
    """
    order: list[Any] = []
    seen: set[Any] = set()
    stack = [root]
    push, pop = stack.append, stack.pop
    while stack:
        node = pop()
        if node is None:  # all parents of the next node on the stack are in `order` now
            order.append(pop())
        elif node not in seen:
            seen.add(node)
            left, right = node._left, node._right
            if left is None:
                order.append(node)
                continue
            push(node)
            push(None)
            if is_mirrored or type(left) is tuple:
                parents = left if type(left) is tuple else (left,) if right is None else (left, right)
                for parent in reversed(parents) if is_mirrored else parents:
                    if parent not in seen and (parent.requires_grad or constants):
                        push(parent)
                continue
            if left not in seen and (left.requires_grad or constants):
                push(left)
            if right is not None and right not in seen and (right.requires_grad or constants):
                push(right)
    return order


def refuse_stale(node: Any, parent: Any) -> None:
    """Raise GraphError for a Tensor whose parent was given other data after it had been read."""
    if KINDS[type(node)] is not FLOATS:  # a Value copies the number that it reads
        raise GraphError(
            f"{parent._name} was changed after '{node.op.name}' had read it, so the gradient would be wrong: "
            "run the forward pass again, and change parameters only after backward()"
        )


def pulled(
    node: Any, g: Any, wanted: Container[Any], reading: Reading | None = None
) -> list[tuple[Any, Any]]:
    """Return (parent, share) for each wanted parent of a node, given the gradient `g` that arrives at it.

    Without a reading each node is read by its own kind's: FLOATS for Values, ARRAYS for Tensors, so that Values among
    Tensors keep their numbers to the bit. A share for a parent of the other kind is converted by the parent's reading.
    Raises GraphError where a Tensor was given new data after the node had read the old.
    """
    op, left, right, version = node.op, node._left, node._right, node._version
    parents = (left, right) if right is not None else left if type(left) is tuple else (left,)
    own = reading or KINDS[type(node)]
    read_as = own.operand
    out: Any = node
    operands: Any = parents
    if read_as is not None:
        out, operands = read_as(node), [*map(read_as, parents)]
    for parent in parents:
        if parent._version > version:
            refuse_stale(node, parent)
    shares = op.shares(own, g, out, operands, [*map(wanted.__contains__, parents)])
    found = []
    for parent, x, share in zip(parents, operands, shares):  # noqa: B905  (as in Op.shares)
        if share is NOT_WANTED:
            continue
        fits = type(share) is type(x) and op.is_ours  # the parent is of the node's own kind
        if fits and (type(x) is float or (share.shape == x.shape and share.dtype is x.dtype)):
            found.append((parent, share))  # nearly always
        else:
            found.append((parent, (reading or KINDS[type(parent)]).share_for(parent, share, op)))
    return found


def sweep(
    order: Sequence[Any], cotangent: Any, reading: Reading | None = None, keep: Container[Any] | None = None
) -> Grads:
    """Return the gradient of the last node with respect to every node in order (or only to those in `keep`).

    It goes from the last node, at which `cotangent` arrives from above, to the first. With the reading GRAPH the gradients
    are nodes.
    """
    if reading is None and are_floats(order):
        try:
            return _sweep_floats(order, cotangent)
        except Exception:  # done again below, by IEEE arithmetic and with every share checked
            pass
    return quietly(_sweep_any, order, cotangent, reading, keep)  # type: ignore[no-any-return]


def _sweep_any(
    order: Sequence[Any], cotangent: Any, reading: Reading | None, keep: Container[Any] | None
) -> Grads:
    """The same for nodes of both kinds, and for any reading."""
    wanted, grads = set(order), {order[-1]: cotangent}
    for node in reversed(order):
        if node.op is None or node not in grads:
            continue
        g = grads[node] if keep is None or node in keep else grads.pop(node)
        if reading is not None:
            g = reading.without_one(g, cotangent)
        try:
            found = pulled(node, g, wanted, reading)
        except GraphError:
            raise
        except Exception as error:
            note = f"raised by the gradient of operation {node.op.name!r}{advice(error)}"
            raise noted(error, note) from None
        for parent, share in found:
            if parent not in grads:
                grads[parent] = share
            elif reading is None:
                grads[parent] = KINDS[type(parent)].add(parent, grads[parent], share)
            else:
                held = reading.without_one(grads[parent], cotangent)
                grads[parent] = reading.add(parent, held, reading.without_one(share, cotangent))
    return grads


def are_floats(order: Sequence[Any]) -> bool:
    """Return whether all nodes are Values."""
    return not order or (KINDS[type(order[-1])] is FLOATS and len(set(map(type, order))) == 1)


def _sweep_floats(order: Sequence[Any], cotangent: float) -> Grads:
    """The same for Values alone, where every share is a float and fits: the one place beside `Op.shares` that runs rules.

    It has a branch for each number of parents, and runs all rules of a row in one call: a third of the time of `sweep`.
    """
    grads = dict.fromkeys(order, -0.0)  # -0.0 + x is x, for every x
    grads[order[-1]] = cotangent
    for node in reversed(order):
        left = node._left
        if left is None:
            continue
        op, right = node.op, node._right
        pull = op.quick.get("all")
        if pull is None:  # the row is met for the first time, or is a user's own
            if "all" not in op.quick:
                made_quick(op, FLOATS, for_all=True)
            for parent, share in pulled(node, grads[node], grads):
                grads[parent] += share
        elif right is not None:
            a, b = pull(grads[node], node._data, left._data, right._data)
            if left in grads:
                grads[left] += a
            if right in grads:
                grads[right] += b
        elif type(left) is not tuple:
            (a,) = pull(grads[node], node._data, left._data)
            grads[left] += a
        else:
            shares = pull(grads[node], node._data, *[parent._data for parent in left])
            for parent, share in zip(left, shares, strict=True):
                if parent in grads:
                    grads[parent] += share
    if set(map(type, grads.values())) != {float}:
        raise GraphError("a rule returned something other than a float")
    return grads


def check_root(root: Any) -> None:
    """Raise GraphError, with what cut the graph, where there is nothing to differentiate below root."""
    if root.requires_grad:
        return
    cut = f"it was cut off by {root._cut_by}" if root._cut_by else "it was made from constants alone"
    if root._cut_by and "line" in root.meta:  # ag.debug keeps it
        cut += f" in {root.meta['line']}"
    raise GraphError(
        f"nothing to differentiate below {root._name}: {cut}. What cuts a graph: .detach(), .data, .item() "
        "(a number wrapped again is a new leaf), no_grad, requires_grad=False"
    )


# threads may share leaves: one at a time reads their gradients and writes the sums
commit: Any = threading.RLock()


def backward(root: Any, gradient: Any = None) -> None:
    """Store in `.grad` the gradient of root with respect to every variable that it was made from.

    It is assigned on interior nodes and added on leaves, all at the end and in one step that nothing interrupts (setattr
    called from C), so that an error or Ctrl-C leaves every `.grad` as it was. Gradients of interior nodes may share memory;
    a leaf's gradient is an array of its own.
    """
    check_root(root)
    if (trace := recorder()) is not None:
        trace.swept(root, gradient)
        return
    order = toposort(root)
    grads = sweep(order, KINDS[type(root)].arriving(root, gradient, "backward"))
    leaves = [node for node in order if node.op is None and node in grads]
    arrays = [leaf for leaf in leaves if type(grads[leaf]) is ndarray]
    if arrays:
        handed_on = set(map(id, [g for node, g in grads.items() if node.op is not None]))
        for leaf in arrays:
            if grads[leaf].base is not None or id(grads[leaf]) in handed_on:
                grads[leaf] = grads[leaf].copy()
    try:
        with commit:
            added = [leaf for leaf in leaves if leaf.grad is not None]
            for leaf in added:
                grads[leaf] = _added(leaf, grads[leaf])
            if added:
                unzeroed.noted(added, [grads[leaf] for leaf in added])
            deque(map(setattr, grads, repeat("grad"), list(grads.values())), maxlen=0)
    except BaseException:
        while commit._is_owned():  # the block was cut short between its last call and the release
            commit.release()
        raise
    if added:
        unzeroed.warn_if_piled_up(added)


def _added(leaf: Any, g: Any) -> Any:
    """The leaf's gradient with this one added."""
    reading = KINDS[type(leaf)]
    return quietly(reading.add, leaf, reading.fitted(leaf, leaf.grad, "a .grad set by hand"), g)
