"""How a diagnosis names things: nodes by label or by how they are made, steps, and the right line of NumPy.

The lines are made of the rules' expressions: a derivative is stated nowhere here.
"""

import itertools
import math
from dataclasses import replace
from typing import Any

import numpy as np

from ..compile.text import PEOPLE, PYTHON, text
from ..core.array_rows import axes_of
from ..symbols import (
    Expr,
    Unreadable,
    call,
    constant,
    rebuilt,
    rewritten,
    simplify,
    substitute,
    symbol,
    walk,
)
from .backward import Backward, forward_expr, share_expr

LONGEST = 110  # characters of a line, beyond which parts of it get lines of their own
INNER = 48  # and of a part that has no name
MOST, SHORT = 4000, 80  # parts of an expression that is still read, and of one that stands for a name


def _number(x: Any) -> str:
    """A number as a person writes it: 2, 0.5, (1/6)."""
    if np.ndim(x):
        return f"np.array({np.asarray(x).tolist()})"
    x = x.item() if isinstance(x, np.generic | np.ndarray) else x
    if isinstance(x, float) and x and np.isfinite(x):
        if x == round(x) and abs(x) < 1e15:
            return str(int(x))
        if abs(x) < 1 and len(repr(x)) > 6 and abs(1 / x - round(1 / x)) < 1e-12:
            return f"({'-' if x < 0 else ''}1/{abs(round(1 / x))})"
    return repr(x) if np.isfinite(x) else {"inf": "np.inf", "-inf": "-np.inf"}.get(repr(x), "np.nan")


def _call(x: Expr, texts: list[str]) -> str:
    """A call as NumPy's, without the arguments that say what is so anyway."""
    source = PYTHON.function(x, texts)
    return source.replace(", axis=None", "").replace(", keepdims=False", "").replace("xp.erf(", "erf(")


_PRODUCT, _ATOM = PYTHON.forms["multiply"][1:], PEOPLE.forms["transposed"][1:]
FORMS = {"matmul": ("{} @ {}", *_PRODUCT), "transposed": ("{}.T", *_ATOM)}
FORMS |= dict.fromkeys(("power", "whole power"), ("{}**{}", *PEOPLE.forms["power"][1:]))
FORMS |= {"square": ("{}**2", *PEOPLE.forms["square"][1:])}
NUMPY = replace(PYTHON, forms={**PYTHON.forms, **FORMS}, number=_number, function=_call)


class Words:
    """Names for the nodes of a recorded loss, and the lines that compute their right gradients."""

    def __init__(self, b: Backward) -> None:
        self.b = b
        self.known: dict[Any, str] = {n: n.label for n in b.values if named(n)}
        self.symbols: dict[Any, Any] = {}
        self._name_constants()

    def _name_constants(self) -> None:
        """X for what parameters multiply, Y for what predictions are compared with, c1, c2, … for other arrays."""
        b = self.b
        arrays: dict[str, Any] = {}
        for user in reversed(b.order):
            for k, node in enumerate(user.parents):
                if node in self.known or node in b.at or not b.values[node].ndim:
                    continue
                x, others = b.values[node], [p for i, p in enumerate(user.parents) if i != k and p in b.at]
                product = user.op.name in ("matmul", "linear") and not all(p.parents for p in others)
                compared = any(p.parents and b.values[p].shape == x.shape for p in others)
                stem = "X" if product else "Y" if compared else "c1"
                same = next((n for n, y in arrays.items() if np.array_equal(x, y)), None)
                turned = next((n for n, y in arrays.items() if np.array_equal(x, 1 - y)), None)
                if same is None and turned is not None:
                    self.known[node] = f"(1 - {turned})"
                    self.symbols[node] = 1.0 - symbol(turned, x.shape)
                    continue
                taken = {*self.known.values(), *arrays}
                tries = itertools.chain([stem], (f"{stem[0]}{i}" for i in itertools.count(1)))
                free = (name for name in tries if name not in taken)
                self.known[node] = same or next(free)
                arrays[self.known[node]] = x

    # ---- Names ---------------------------------------------------------------------------------------------------------

    def name(self, node: Any) -> str:
        """A node's label, or how it is made, as a person would write it."""
        if node not in self.known:
            self.known[node] = str(node.label) if node.label else self.forward(node)
        return self.known[node]

    def forward(self, node: Any) -> str:
        """How a node is made, of named ones."""
        if not node.parents:
            if node in self.b.at:
                return f"w{self.b.at[node]}"
            x = self.b.values[node]
            return f"{x.item():g}" if x.size == 1 else "a constant"
        try:
            made = text(simplify(parts_of(self._made(node), SHORT)[0]), style=NUMPY, longest=90)
        except (Unreadable, ValueError):
            made = None
        parts = ", ".join(self.known.get(p) or p.label or "…" for p in node.parents)
        return made.replace("xp.", "") if made else f"{node.op.name}({parts})"

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
            self.symbols = {n: self._value(n) for n in self.b.values if n not in self.b.at} | self.symbols
            for n in self.b.order:
                self.symbols[n] = self._value(n)
        return self.symbols[node]

    def _value(self, node: Any) -> Any:
        x, name = self.b.values[node], self.known.get(node, "")
        if x.ndim == 0 and node not in self.b.at:
            return constant(float(x))
        if named(node) or name.isidentifier():
            return symbol(name, x.shape)
        return self._made(node) if node.parents else symbol(f"w{self.b.at.get(node, 0)}", x.shape)

    def _made(self, node: Any) -> Any:
        known = self.symbols
        return forward_expr(node.op, [known[p] if p in known else self.value(p) for p in node.parents])

    def gradient(self, node: Any) -> Any:
        """A node's gradient by its users' gradients: of those that have a name by that, else by their users'."""
        b, found = self.b, self.b.remember("gradients", dict)
        ways = b.path(node)
        for n in reversed(b.order[b.at[node] :]):
            if n not in ways or n in found:
                continue
            found[n] = constant(np.ones(b.values[n].shape)) if n is b.loss else None
            for user, k in b.users[n]:
                known = named(user) and user is not b.loss
                g = symbol(f"d{user.label}", b.values[user].shape) if known else found[user]
                share = share_expr(user.op, k, g, self.value(user), [self.value(p) for p in user.parents])
                share = summed(share, b.values[n].shape)
                found[n] = share if found[n] is None else found[n] + share
        return found[node]

    def line(self, node: Any, target: Any = None) -> str:
        """The right line of NumPy for the gradient of a node, or of the named one below it on the way to the target.

        Nothing where there is none that a person could read: a rule that has no formula, or one of thousands of parts.
        """
        b = self.b
        if not named(node) and target is not None:
            below = [n for n in b.order if named(n) and node in b.path(n) and n in b.path(target)]
            node = max(below, key=b.at.__getitem__, default=target)
        lines: list[str] = []
        try:
            inner = [n for n in b.order if named(n) and n.parents]
            known = b.remember("made", lambda: {self._made(n): self.value(n) for n in inner})
            made = plain(substitute(simplify(self.gradient(node), for_readers=True), known))
            source = self._printed(made, lines)
        except (Unreadable, ValueError):
            return ""
        if b.values[node].shape != made.shape:
            source = f"np.broadcast_to({source}, {b.values[node].shape})"
        lines.append(f"d{node.label if named(node) else 'gradient'} = {source}")
        return "" if "xp." in "".join(lines) else "\n".join(lines)

    def _printed(self, made: Expr, lines: list[str]) -> str:
        """An expression as source; what NumPy does by a statement, and what is long, in lines before it."""
        names: dict[Expr, str] = {}
        for part in dict.fromkeys(reversed(parts_of(made))):
            if part.name == "scatter":
                share, shape, index = (text(x, names, NUMPY) for x in part.args)
                names[part] = f"d_{len(lines)}"
                lines += [f"{names[part]} = np.zeros({shape})", f"np.add.at({names[part]}, {index}, {share})"]
            elif (
                part.shape and part.args and part is not made and len(str(text(made, names, NUMPY))) > LONGEST
            ):
                source = text(part, names, NUMPY) or ""
                if len(source) > INNER:
                    names[part] = f"t{len(lines) + 1}"
                    lines.append(f"{names[part]} = {source}")
        return str(text(made, names, NUMPY))

    def names(self) -> dict[str, Any]:
        """The arrays that the lines read: values by their names, and the right gradients with a d before them."""
        b = self.b
        found = {name: b.values[node] for node, name in self.known.items() if name.isidentifier()}
        found |= {f"d{node.label}": g for node, g in b.grads.items() if named(node)}
        found |= {f"w{b.at[n]}": b.values[n] for n in b.order if not n.parents and not named(n)}
        return {"np": np, "erf": np.vectorize(math.erf), **found}


def parts_of(made: Expr, most: int = MOST) -> list[Expr]:
    """All parts of an expression, wholes before parts; ValueError where they are too many to be read."""
    found = list(itertools.islice((part for _, part in walk(made)), most))
    if len(found) == most:
        raise ValueError("an expression of too many parts")
    return found


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
    axis = stretched if len(stretched) > 1 else sum(stretched)
    return call("sum", share, axis=axis, keepdims=True) if stretched else share


_a = symbol("a")
SPELT = {
    call("sigmoid", _a): 1.0 / (1.0 + call("exp", -_a)),
    call("softplus", _a): call("logaddexp", _a, 0.0),
    call("sech2", _a): 1.0 - call("square", call("tanh", _a)),
    call("normal_cdf", _a): 0.5 * (1.0 + call("erf", _a / math.sqrt(2.0))),
    call("normal_pdf", _a): call("exp", -0.5 * call("square", _a)) / math.sqrt(2.0 * math.pi),
}
COLUMN, FIRST = constant((..., None)), constant((..., 0))  # a vector as a matrix of one column, and back


def plain(made: Expr) -> Expr:
    """An expression of NumPy's own functions alone: sigmoid, softmax and the like written out."""
    parts_of(made)  # not too many to be read
    return simplify(rebuilt(made, {}, _spelt), for_readers=True)


def _spelt(x: Expr) -> Expr:
    """One step to NumPy's own functions; the same Expr where there is none."""
    a, shape = x.args, x.shape or ()
    if x.name == "getitem" and a[0].name == "constant" and a[0].shape == ():
        return call("broadcast_to", float(a[0].value), x.shape)
    if x.name == "getitem" and a[1] is FIRST and a[0].name == "matmul":  # a vector made a column for it
        left, right = a[0].args
        whole = right.args[0] if right.name == "getitem" and right.args[1] is COLUMN else right
        if whole is not right and whole.shape == (left.shape or ())[-1:]:
            return call("matmul", left, whole)
    if x.name in ("softmax", "log_softmax"):
        axis = a[1].value
        e = call("exp", a[0] - call("max", a[0], axis=axis, keepdims=True))
        soft = e / call("sum", e, axis=axis, keepdims=True)
        return soft if x.name == "softmax" else call("log", soft)
    if x.name in ("multiply", "divide", "add", "subtract", "negative"):
        bare = [p.args[0] if p.name == "broadcast_to" and p.args[0].shape == () else p for p in a]
        if any(p is not q for p, q in zip(bare, a, strict=True)):
            made = simplify(call(x.name, *bare), for_readers=True)
            return made if made.shape == x.shape else call("broadcast_to", made, x.shape)
    if x.name == "centred":
        count = math.prod(shape[i] for i in axes_of(a[1].value, len(shape)))
        return a[0] - call("sum", a[0], axis=a[1].value, keepdims=True) / float(count)
    if x.name == "swapaxes" and len(shape) > 2:
        last = len(shape) - 1
        return call("transpose", a[0], (*range(last - 1), last, last - 1))
    return rewritten(x, SPELT, loosely=True)


def penalties(b: Backward) -> set[Any]:
    """The nodes of a regularisation penalty: what leads from parameters alone to a scalar, without any data."""
    from_parameters = {n for n in b.order if not n.parents}
    for n in b.order:
        pure = all(p in from_parameters if p in b.at else b.values[p].size == 1 for p in n.parents)
        from_parameters |= {n} if pure else set()
    found = {n for n in from_parameters if n.parents and b.values[n].ndim == 0 and n is not b.loss}
    found = {n for n in found if all(_adds(b, above) for above in b.path(n) - {n})}
    for n in reversed(b.order):
        if n in found:
            found |= {p for p in n.parents if p in b.at and p.parents}
    scalars_only = all(b.values[n].ndim == 0 for n in b.order)
    return set() if scalars_only or b.loss in from_parameters else found


def _adds(b: Backward, node: Any) -> bool:
    """Whether a node is a sum, or a multiple, of what it is made of."""
    multiple = node.op.name in ("multiply", "divide") and sum(p in b.at for p in node.parents) == 1
    return multiple or node.op.name in ("add", "subtract", "negative", "sum", "mean")
