"""How a diagnosis names things: nodes by label or by how they are made, steps, and the right line of NumPy."""

from typing import Any

import numpy as np

from .backward import Backward

SIGNS = {"add": "+", "sub": "-", "subtract": "-", "mul": "*", "multiply": "*", "div": "/", "divide": "/", "matmul": "@"}


class Words:
    """Names for the nodes of a recorded loss."""

    def __init__(self, b: Backward) -> None:
        self.b = b
        self.known: dict[Any, str] = {}

    def name(self, node: Any) -> str:
        """A node's label, or how it is made."""
        if node not in self.known:
            self.known[node] = node.label or (self.forward(node) if node.parents else self._constant(node))
        return self.known[node]

    def _constant(self, node: Any) -> str:
        x = self.b.values.get(node)
        if x is not None and x.ndim == 0:
            return f"{float(x):g}"
        taken = set(self.known.values()) | {n.label for n in self.b.values}
        return next(name for name in (f"c{i}" for i in range(1, 1000)) if name not in taken)

    def forward(self, node: Any) -> str:
        """How a node is made."""
        parts = [self.name(parent) for parent in node.parents]
        sign = SIGNS.get(node.op.name)
        return f"({parts[0]} {sign} {parts[1]})" if sign else f"{node.op.name}({', '.join(parts)})"

    def step(self, user: Any, k: int) -> str:
        """The step from a node's gradient to that of its k-th operand."""
        made = self.forward(user)
        return f"{self.name(user.parents[k])}, from {user.label + ' = ' if user.label else ''}{made} ({user.op.name})"

    def place(self, node: Any) -> str:
        users = ", ".join(u.op.name for u, _ in self.b.users[node])
        return f"{self.name(node)}" + (f" (used by {users})" if users else "")

    def line(self, node: Any) -> str:
        """The right line of NumPy for a node's gradient."""
        return ""

    def names(self) -> dict[str, Any]:
        return {}
