"""The engine: sort the graph, pull gradients back through it, store them. It uses nodes by their attributes alone.

What `loss.backward()` runs, in this order:

    check_root    is there anything to differentiate?
    toposort      the nodes, parents before children
    arriving      1, the gradient of the loss with respect to itself (a method of the readings)
    sweep         from the last node to the first: what each node hands to its parents, added up in the dict `grads`.
                  That is what `pulled` returns, which calls `Op.shares`. Where all nodes are Values, or all are Tensors,
                  code made from the rows (`made_pull`) does the same more quickly; where it raises one of ERRORS the
                  sweep is done again by `pulled`
    backward      puts the gradients of `grads` into `.grad`
"""

import threading
from collections import deque
from collections.abc import Container, Sequence
from itertools import repeat
from typing import Any

from numpy import ndarray

from ..errors import GraphError, advice, noted
from ..support import unzeroed
from ..support.modes import recorder
from ..support.quiet import quietly
from .op import NOT_WANTED
from .quick import TEXTS, made_pull
from .readings import ERRORS, FLOATS, KINDS, Reading

Grads = dict[Any, Any]  # from a node to the gradient of the root with respect to it


def toposort(root: Any, constants: bool = False, is_mirrored: bool = False) -> list[Any]:
    """Return every variable that root was made from, parents before children, root last; with `constants` the constants too.

    Where the order is free, the ancestors of the last parent come first: b, exp, a, tanh, add for tanh(a) + exp(b). With
    `is_mirrored` those of the first do, as one reads: a, tanh, b, exp, add.
    """
    order: list[Any] = []
    seen: set[Any] = set()
    stack = [root]
    push, pop = stack.append, stack.pop
    while stack:
        node = pop()
        if node is None:  # the mark below: all parents of the next node on the stack are in `order` now
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


def check_fresh(node: Any) -> None:
    """Raise GraphError for a Tensor one of whose parents was given other data after the node had read it."""
    if KINDS[type(node)] is FLOATS:  # a Value copies the number that it reads
        return
    for parent in node.parents:
        if parent._version > node._version:
            raise GraphError(
                f"{parent._name} was changed after '{node.op.name}' had read it, so the gradient would be "
                "wrong: run the forward pass again, and change parameters only after backward()"
            )


def pulled(
    node: Any, g: Any, wanted: Container[Any], reading: Reading | None = None
) -> list[tuple[Any, Any]]:
    """Return (parent, share) for each wanted parent of a node, given the gradient `g` that arrives at it.

    Without a reading each node is read by its own kind's: FLOATS for Values, ARRAYS for Tensors, so that Values among
    Tensors keep their numbers to the bit. A share for a parent of the other kind is converted by the parent's reading.
    Raises GraphError where a Tensor was given new data after the node had read the old.
    """
    op, parents, own = node.op, node.parents, reading or KINDS[type(node)]
    check_fresh(node)
    out, *operands = map(own.operand, (node, *parents))
    try:
        shares = op.shares(own, g, out, operands, [parent in wanted for parent in parents])
        return [
            (parent, (reading or KINDS[type(parent)]).share_for(parent, share, op))
            for parent, share in zip(parents, shares, strict=True)
            if share is not NOT_WANTED
        ]
    except GraphError:
        raise
    except Exception as error:
        note = f"raised by the gradient of operation {op.name!r}{advice(error)}"
        raise noted(error, note) from None


def sweep(
    order: Sequence[Any], cotangent: Any, reading: Reading | None = None, keep: Container[Any] | None = None
) -> Grads:
    """Return the gradient of the last node with respect to every node in order; interior nodes outside `keep` are dropped.

    It goes from the last node, at which `cotangent` arrives from above, to the first. With the reading GRAPH the gradients
    are nodes.
    """
    quick = reading or reading_of_all(order)
    if quick in TEXTS:
        try:
            return quietly(_swept, order, cotangent, reading, keep, quick)  # type: ignore[no-any-return]
        except ERRORS:  # done again below, by IEEE arithmetic and with every share checked
            pass
    return quietly(_swept, order, cotangent, reading, keep, None)  # type: ignore[no-any-return]


def _swept(
    order: Sequence[Any],
    cotangent: Any,
    reading: Reading | None,
    keep: Container[Any] | None,
    quick: Reading | None,
) -> Grads:
    """The sweep; with `quick`, the one reading of all nodes, by code made from the rows (`made_pull`) where a row has it."""
    grads = dict.fromkeys(order, quick.nothing if quick else None)
    grads[order[-1]] = cotangent
    for node in reversed(order):
        op = node.op
        if op is None:
            continue
        g = grads[node] if keep is None or node in keep else grads.pop(node)
        pull = quick and (op.pulls[quick] if quick in op.pulls else made_pull(op, quick))
        if pull:
            pull(node, g, grads)
            continue
        g = reading.without_one(g) if reading else g
        for parent, share in pulled(node, g, grads, reading):
            grads[parent] = (reading or KINDS[type(parent)]).added(parent, grads[parent], share)
    return grads


def reading_of_all(operands: Sequence[Any]) -> Reading | None:
    """Return the reading of all operands where they are nodes of one kind, else None."""
    kinds = set(map(type, operands))
    return KINDS.get(kinds.pop()) if len(kinds) == 1 else None


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


# Threads may share leaves, so only one at a time may read their gradients and write the sums
commit_lock: Any = threading.RLock()


def backward(root: Any, gradient: Any = None) -> None:
    """Store in `.grad` the gradient of root with respect to every variable that it was made from.

    A gradient is assigned on interior nodes and added on leaves, all at the end and in one step that nothing interrupts
    (setattr called from C), so that an error or Ctrl-C leaves every `.grad` as it was. Gradients of interior nodes may share
    memory; a leaf's gradient is an array of its own.
    """
    check_root(root)
    if (trace := recorder()) is not None:
        trace.swept(root, gradient)
        return
    order = toposort(root)
    grads = sweep(order, KINDS[type(root)].arriving(root, gradient, "backward"))
    leaves = [node for node in grads if node.op is None]
    of_arrays = [leaf for leaf in leaves if type(grads[leaf]) is ndarray]
    if of_arrays:
        handed_on = {id(g) for node, g in grads.items() if node.op is not None}
        for leaf in of_arrays:
            g = grads[leaf]
            if g.base is not None or id(g) in handed_on:  # a view, or another node's array too
                grads[leaf] = g.copy()
    try:
        with commit_lock:
            added = [leaf for leaf in leaves if leaf.grad is not None]
            for leaf in added:
                grads[leaf] = _added(leaf, grads[leaf])
            if added:
                unzeroed.remember(added, [grads[leaf] for leaf in added])
            deque(map(setattr, grads, repeat("grad"), list(grads.values())), maxlen=0)
    except BaseException:
        while commit_lock._is_owned():  # the block was cut short between its last call and the release
            commit_lock.release()
        raise
    if added:
        unzeroed.warn_if_piled_up(added)


def _added(leaf: Any, g: Any) -> Any:
    """The gradient that the leaf has, plus this one."""
    reading = KINDS[type(leaf)]
    return quietly(reading.add, leaf, reading.fitted(leaf, leaf.grad, "a .grad set by hand"), g)
