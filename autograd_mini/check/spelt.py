"""A recorded loss with what a person spells out put together, so that a diagnosis speaks of it as the person does."""

from collections.abc import Container
from typing import Any

import numpy as np

from ..core import rows
from ..core.array_rows import class_cross_entropy, softmax_cross_entropy
from ..core.engine import toposort
from ..core.node import apply
from ..core.tensor import Tensor
from ..support.modes import keep_constants


def together(loss: Any, given: Container[Any]) -> tuple[Any, dict[Any, Any]]:
    """Return the same loss of the same leaves, and which node stands there for each of its own.

    1 / (1 + exp(−z)) becomes a sigmoid, labels of classes become rows of zeros and a one. What has a label or stands in
    `given` stays a node of its own. Where nothing is spelt out, every node stands for itself.
    """
    stands: dict[Any, Any] = {}
    with keep_constants():
        for node in toposort(loss, constants=True):
            new = stands[node] = _standing(node, stands, given)
            # a number taken out of an array: not made by applying its operation
            if type(new) is not type(node):
                return loss, {}
            if new is not node:  # the numbers are those that were recorded: a leaf may have others since
                new._content, new.meta = node._content, node.meta
    return stands[loss], stands


def _standing(node: Any, stands: dict[Any, Any], given: Container[Any]) -> Any:
    """What stands for a node whose parents have been replaced."""
    if node.op is None:
        return node
    parents = [stands[parent] for parent in node.parents]
    inner = _of_sigmoid(node)
    if inner and not any(part.label or part in given for part in inner):
        return rows.sigmoid(stands[inner[-1].parents[0]])
    if node.op is class_cross_entropy:
        logits, labels = node.parents
        return softmax_cross_entropy(
            parents[0], Tensor(np.eye(logits.shape[-1])[labels.data], requires_grad=False)
        )
    return (
        node
        if all(new is old for new, old in zip(parents, node.parents, strict=True))
        else apply(node.op, *parents)
    )


def _of_sigmoid(node: Any) -> list[Any]:
    """The nodes 1 + exp(−z), exp(−z) and −z of a sigmoid that ends in this node; none where it is something else."""
    name, parents = node.op.name, node.parents
    inverts = (name == "divide" and _is_one(parents[0])) or name == "reciprocal"
    below = parents[-1]
    if not inverts or below.op is None or below.op.name != "add":
        return []
    exp = next((part for part in below.parents if part.op is not None and part.op.name == "exp"), None)
    if exp is None or not any(map(_is_one, below.parents)):
        return []
    (negative,) = exp.parents
    return [below, exp, negative] if negative.op is not None and negative.op.name == "negative" else []


def _is_one(node: Any) -> bool:
    return node.op is None and not node.requires_grad and bool(np.all(node.data == 1.0))
