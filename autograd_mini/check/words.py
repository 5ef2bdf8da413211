"""How a diagnosis names things: nodes by label or by how they are made, steps, and the right line of NumPy.

The lines are made of the rules' expressions: a derivative is stated nowhere here.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from ..symbols import (
    PEOPLE,
    PYTHON,
    Expr,
    Unreadable,
    call,
    constant,
    simplify,
    substitute,
    symbol,
    text,
    walk,
)
from .backward import Backward, forward_expr, share_expr

LONGEST = 110  # characters of a line, beyond which parts of it get lines of their own
INNER = 48  # and of a part that has no name


def _number(x: Any) -> str:
    """A number as a person writes it: 2, 0.5, (1/6)."""
    if np.ndim(x):
        return f"np.array({np.asarray(x).tolist()})"
    x = x.item() if isinstance(x, np.generic) else x
    if isinstance(x, float) and x and np.isfinite(x):
        if x == round(x) and abs(x) < 1e15:
            return str(int(x))
        if abs(x) < 1 and len(repr(x)) > 6 and abs(1 / x - round(1 / x)) < 1e-12:
            return f"({'-' if x < 0 else ''}1/{abs(round(1 / x))})"
    return (
        repr(x)
        if np.isfinite(x)
        else f"np.{'nan' if x != x else 'inf' if x > 0 else '-inf'}".replace("np.-", "-np.")
    )


def _call(x: Expr, texts: list[str]) -> str:
    """A call as NumPy's, without the arguments that say what is so anyway."""
    source = PYTHON.function(x, texts)
    return source.replace(", axis=None", "").replace(", keepdims=False", "")


_PRODUCT, _ATOM = PYTHON.forms["multiply"][1:], PEOPLE.forms["transposed"][1:]
NUMPY = replace(
    PYTHON,
    forms={
        **PYTHON.forms,
        "matmul": ("{} @ {}", *_PRODUCT),
        "transposed": ("{}.T", *_ATOM),
        "square": ("{}**2", *PEOPLE.forms["square"][1:]),
        "power": ("{}**{}", *PEOPLE.forms["power"][1:]),
        "whole power": ("{}**{}", *PEOPLE.forms["power"][1:]),
    },
    number=_number,
    function=_call,
)


class Words:
    """Names for the nodes of a recorded loss, and the lines that compute their right gradients."""

    def __init__(self, b: Backward) -> None:
        self.b = b
        self.known: dict[Any, str] = {n: n.label for n in b.values if named(n)}
        self.symbols: dict[Any, Any] = {}
        self._name_constants()

    def _name_constants(self) -> None:
        """X for what parameters multiply, Y for what predictions are compared with, c1, c2, … for other arrays."""
        taken = set(self.known.values())
        for user in self.b.order:
            for k, node in enumerate(user.parents):
                if node in self.known or node in self.b.at or not self.b.values[node].ndim:
                    continue
                others = [p for i, p in enumerate(user.parents) if i != k]
                product = user.op.name in ("matmul", "linear") and any(
                    p in self.b.at and not p.parents for p in others
                )
                compared = any(
                    p.parents and self.b.values[p].shape == self.b.values[node].shape for p in others
                )
                same = [
                    n for n in self.known if n not in self.b.at and self.b.values[n] is self.b.values[node]
                ]
                stem = "X" if product else "Y" if compared else "c"
                names = (
                    [stem, *(f"{stem}{i}" for i in range(1, 100))]
                    if stem != "c"
                    else [f"c{i}" for i in range(1, 100)]
                )
                if same or (stem == "Y" and self._is_one_minus(node, taken)):
                    names = [self.known[same[0]]] if same else names
                self.known[node] = next((name for name in names if name not in taken or same), "c")
                taken.add(self.known[node])

    def _is_one_minus(self, node: Any, taken: set[str]) -> bool:
        return False

    # ---- Names ---------------------------------------------------------------------------------------------------------

    def name(self, node: Any) -> str:
        """A node's label, or how it is made, as a person would write it."""
        if node not in self.known:
            self.known[node] = str(node.label) if node.label else self.forward(node)
        return self.known[node]

    def forward(self, node: Any) -> str:
        """How a node is made, of named ones."""
        if not node.parents:
            x = self.b.values[node]
            return f"{x.item():g}" if x.size == 1 else "a constant"
        try:
            made = text(simplify(self._made(node)), style=NUMPY, longest=90)
        except (Unreadable, ValueError):
            made = None
        return (
            made.replace("xp.", "")
            if made
            else f"{node.op.name}({', '.join(self.known.get(p) or p.label or '…' for p in node.parents)})"
        )

    def step(self, user: Any, k: int) -> str:
        """The step from a node's gradient to that of its k-th operand."""
        made = f"{user.label} = {self.forward(user)}" if user.label else self.forward(user)
        return f"{self.name(user.parents[k])} in {made} ({user.op.name})"

    def place(self, node: Any) -> str:
        """A node, and the operations that use it."""
        users = ", ".join(dict.fromkeys(u.op.name for u, _ in self.b.users[node]))
        return self.name(node) + (f" (used by {users})" if users else "")

    # ---- Lines ---------------------------------------------------------------------------------------------------------

    def value(self, node: Any) -> Any:
        """A node's value: its name where it has one, else how it is made."""
        if node not in self.symbols:
            x = self.b.values[node]
            if x.ndim == 0 and node not in self.b.at:
                self.symbols[node] = constant(float(x))
            elif node in self.known and self.known[node].isidentifier():
                self.symbols[node] = symbol(self.known[node], x.shape)
            else:
                self.symbols[node] = (
                    self._made(node) if node.parents else symbol(f"w{self.b.at[node]}", x.shape)
                )
        return self.symbols[node]

    def _made(self, node: Any) -> Any:
        return forward_expr(node.op, [self.value(parent) for parent in node.parents])

    def gradient(self, node: Any) -> Expr:
        """A node's gradient by its users' gradients: of those that have a name by that, else by their users'."""
        total = None
        for user, k in self.b.users[node]:
            if user is self.b.loss:
                g = constant(1.0)
            elif named(user):
                g = symbol(f"d{user.label}", self.b.values[user].shape)
            else:
                g = self.gradient(user)
            share = share_expr(user.op, k, g, self.value(user), [self.value(p) for p in user.parents])
            share = summed(share, self.b.values[node].shape)
            total = share if total is None else total + share
        return constant(1.0) if total is None else total

    def line(self, node: Any, target: Any = None) -> str:
        """The right line of NumPy for the gradient of a node, or of the named one below it on the way to the target."""
        if not named(node) and target is not None:
            below = [
                n for n in self.b.order if named(n) and node in self.b.path(n) and n in self.b.path(target)
            ]
            node = max(below, key=self.b.at.__getitem__, default=target)
        name = node.label if named(node) else "gradient"
        try:
            made = self.gradient(node)
            known = {self._made(n): self.value(n) for n in self.b.order if named(n) and n.parents}
            made = plain(substitute(simplify(made, for_readers=True), known))
            lines: list[str] = []
            source = self._printed(made, lines)
        except (Unreadable, ValueError, RecursionError):
            return ""
        if self.b.values[node].shape != made.shape:
            source = f"np.broadcast_to({source}, {self.b.values[node].shape})"
        return "\n".join([*lines, f"d{name} = {source}"])

    def _printed(self, made: Expr, lines: list[str]) -> str:
        """An expression as source; what NumPy does by a statement, and what is long, in lines before it."""
        names: dict[Expr, str] = {}
        for part in dict.fromkeys(part for _, part in reversed(list(walk(made)))):
            if part.name == "scatter":
                share, shape, index = (text(x, names, NUMPY) for x in part.args)
                names[part] = f"d_{len(lines)}"
                lines += [f"{names[part]} = np.zeros({shape})", f"np.add.at({names[part]}, {index}, {share})"]
            elif (
                part.shape
                and part is not made
                and part.name not in ("symbol", "constant")
                and len(text(made, names, NUMPY) or "") > LONGEST
            ):
                if len(text(part, names, NUMPY) or "") > INNER:
                    names[part] = f"t{len(lines) + 1}"
                    lines.append(
                        f"{names[part]} = {text(part, {k: v for k, v in names.items() if k is not part}, NUMPY)}"
                    )
        return str(text(made, names, NUMPY))

    def names(self) -> dict[str, Any]:
        """The arrays that the lines read: values by their names, and the right gradients with a d before them."""
        found = {
            name: self.b.values[node]
            for node, name in self.known.items()
            if name.isidentifier() and node in self.b.values
        }
        found |= {f"d{node.label}": g for node, g in self.b.grads.items() if named(node)}
        others = [n for n in self.b.order if not n.parents and not named(n)]
        found |= {f"w{self.b.at[n]}": self.b.values[n] for n in others}
        return {"np": np, **found}


def named(node: Any) -> bool:
    """Whether a node's label can be a name in a line."""
    return bool(node.label) and str(node.label).isidentifier()


def summed(share: Expr, shape: tuple[int, ...]) -> Expr:
    """A share summed to its parent's shape."""
    have = share.shape or ()
    lead = len(have) - len(shape)
    if lead > 0:
        share = call("sum", share, axis=tuple(range(lead)) if lead > 1 else 0)
        have = share.shape or ()
    stretched = tuple(i for i, n in enumerate(shape) if n == 1 and len(have) == len(shape) and have[i] != 1)
    return (
        call("sum", share, axis=stretched if len(stretched) > 1 else stretched[0], keepdims=True)
        if stretched
        else share
    )


def plain(made: Expr) -> Expr:
    """An expression of NumPy's own functions alone: sigmoid, softmax and the like written out."""
    for _ in range(8):  # what is written out holds parts that are to be written out
        changes = {part: spelt for _, part in walk(made) if (spelt := _spelt(part)) is not None}
        if not changes:
            break
        made = substitute(made, changes)
    return made


def _spelt(x: Expr) -> Expr | None:
    a = x.args
    if x.name == "sigmoid":
        return 1.0 / (1.0 + call("exp", -a[0]))
    if x.name == "softplus":
        return call("logaddexp", a[0], 0.0)
    if x.name in ("softmax", "log_softmax"):
        axis = a[1].value
        e = call("exp", a[0] - call("max", a[0], axis=axis, keepdims=True))
        soft = e / call("sum", e, axis=axis, keepdims=True)
        return soft if x.name == "softmax" else call("log", soft)
    if x.name in ("multiply", "divide", "add", "subtract", "negative"):
        bare = [
            part.args[0] if part.name == "broadcast_to" and part.args[0].shape == () else part for part in a
        ]
        if any(p is not q for p, q in zip(bare, a, strict=True)):
            made = simplify(call(x.name, *bare), for_readers=True)
            return made if made.shape == x.shape else call("broadcast_to", made, x.shape)
    if x.name == "sech2":
        return 1.0 - call("square", call("tanh", a[0]))
    if x.name == "swapaxes" and len(x.shape or ()) > 2:
        order = list(range(len(x.shape or ())))
        order[-1], order[-2] = order[-2], order[-1]
        return call("transpose", a[0], tuple(order))
    return None


def penalties(b: Backward) -> set[Any]:
    """The nodes of a regularisation penalty: what leads from parameters alone to a scalar, without any data."""
    from_parameters = {n for n in b.order if not n.parents}
    for n in b.order:
        others = [p for p in n.parents if p not in b.at]
        if (
            n.parents
            and all(p in from_parameters for p in n.parents if p in b.at)
            and all(b.values[p].size == 1 for p in others)
        ):
            from_parameters.add(n)
    found = {n for n in from_parameters if n.parents and b.values[n].ndim == 0 and n is not b.loss}
    for n in reversed(b.order):
        if n in found:
            found |= {p for p in n.parents if p in b.at and p.parents}
    scalars_only = all(b.values[n].ndim == 0 for n in b.order)
    return set() if scalars_only or b.loss in from_parameters else found
