"""A graph as a tree of text."""

from typing import Any

import numpy as np

from ..core.node import Node


class Text(str):
    """A string that shows itself as it is, in a console too."""

    def __repr__(self) -> str:
        return str(self)


def tree(node: Node, max_nodes: int = 300) -> Text:
    """Return the graph below a node as text: a line a node, with its operation, data and gradient, its parents under it.

    After `max_nodes` lines it stops and says how many nodes are left. A node that is used more than once is written out at its
    first place and called by its number (or label) at the others.
    A gradient that no backward has reached is shown as `—`.

    >>> import autograd_mini as ag
    >>> a = ag.Value(3.0, label="a")
    >>> b = a * a
    >>> b.backward()
    >>> tree(b)
    mul = 9  ∂ 1
    ├─ a = 3  ∂ 6
    └─ a ↑
    """
    if not isinstance(node, Node):
        raise TypeError(f"tree: a Value or Tensor is needed, got {type(node).__name__}")
    uses: dict[Node, int] = {}
    found = [node]
    while found:
        for parent in found.pop().parents:
            uses[parent] = uses.get(parent, 0) + 1
            if uses[parent] == 1:
                found.append(parent)
    names: dict[Node, str] = {}
    lines: list[str] = []
    shared = 0
    stack = [(node, "", "")]
    while stack:
        if len(lines) >= max_nodes:
            lines.append(f"… {len(uses) + 1 - len(names)} more nodes")
            break
        item, lead, below = stack.pop()
        if item in names:
            lines.append(f"{lead}{names[item]} ↑")
            continue
        kind = item.op.name if item.op else "constant" if not item.requires_grad else "leaf"
        shared += uses.get(item, 0) > 1 and not item.label
        names[item] = shown = item.label or (f"{kind} #{shared}" if uses.get(item, 0) > 1 else kind)
        kind = f"  ({kind})" if item.label and item.op else ""
        gradient = f"  ∂ {_short(item.grad)}" if item.requires_grad else ""
        lines.append(f"{lead}{shown} = {_short(item.data)}{gradient}{kind}")
        last = len(item.parents) - 1
        arms = [("├─ ", "│  ")] * last + [("└─ ", "   ")]
        stack += [(parent, below + arm, below + rest) for parent, (arm, rest) in zip(item.parents, arms, strict=False)][::-1]
    return Text("\n".join(lines))


def _short(data: Any) -> str:
    """A number to six digits; an array by its shape, or its elements where they are few."""
    if data is None:
        return "—"
    if np.ndim(data) == 0:
        return f"{float(data):.6g}"
    if data.size <= 4:
        return str(np.array2string(data, precision=4, separator=", ")).replace("\n", "")
    return f"{data.dtype} {data.shape}, {data.min():.4g} to {data.max():.4g}"
