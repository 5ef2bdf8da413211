"""What people write in place of one step of a backward pass: for each step, the wrong shares that it could give.

A step is an edge (user, k): the share that the k-th operand of `user` receives. A mutant makes another share from the
same numbers, by the operation's own rule with something exchanged, so that an operation added to the table is covered.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from .backward import Arrays, Backward, fit, forward_of, function, row

PRODUCTS = {"matmul", "linear", "einsum"}
LINEAR = {
    "neg",
    "negative",
    "positive",
    "reshape",
    "transpose",
    "flip",
    "roll",
    "cast",
    "broadcast_to",
    "getitem",
    "add",
    "sub",
    "subtract",
}
FUNCTIONS = ("sigmoid", "tanh", "relu", "softplus", "sin", "square")
MOST = 16  # other arrays that are tried in an operand's place


@dataclass(frozen=True)
class Mutant:
    """A wrong share: its mistake, which variant of it, how unlikely it is, how to make it, and how to say it."""

    mistake: str
    variant: str
    cost: float
    make: Callable[[], Any]
    note: str = ""
    added: bool = False  # a multiple of it is added to the right share, in place of a multiple taken for it

    @property
    def key(self) -> tuple[str, str]:
        return self.mistake, self.variant


def is_elementwise(b: Backward, node: Any) -> bool:
    """Whether a node is a function of one variable, element by element."""
    if len(node.parents) != 1:
        return False
    x, out = b.values[node.parents[0]], b.values[node]
    return x.shape == out.shape and b.remember(("elementwise", node), lambda: _acts_apart(node.op, x, out))


def _acts_apart(op: Any, x: Any, out: Any) -> bool:
    """Whether an operation gives each element the same number when the others are not there in their order."""
    if x.ndim == 0:
        return True
    order = np.random.default_rng(0).permutation(x.size)
    try:
        mixed = forward_of(op, [x.reshape(-1)[order]])
    except (ValueError, LookupError, TypeError):
        return False
    return np.shape(mixed) == (x.size,) and np.array_equal(mixed, out.reshape(-1)[order], equal_nan=True)


class Activation:
    """A variable `after` that is a function of another, `before`, by the row `op`, however the forward pass computes it."""

    def __init__(self, b: Backward, before: Any, after: Any, op: Any, axis: Any = None) -> None:
        self.b, self.before, self.after, self.op, self.axis = b, before, after, op, axis
        self.x, self.out, self.name = b.values[before], b.values[after], op.name

    def apply(self, x: Any) -> Any:
        return function(self.op, x)[0]

    def slope(self, x: Any) -> Any:
        return function(self.op, x)[1]

    @cached_property
    def polynomial(self) -> Any:
        """The derivative as a polynomial in the function's own value, or None."""
        return polynomial(self.op)


def polynomial(op: Any) -> Any:
    """A function's derivative as a polynomial in its own value (a − a² for the sigmoid), or None where it is none."""
    a, s = function(op, np.linspace(-1.9, 2.1, 9))
    if not np.isfinite([a, s]).all():
        return None
    powers = np.stack([a**0, a, a * a], 1)
    found = np.round(np.linalg.lstsq(powers, s, rcond=None)[0], 9)
    return found if np.allclose(powers @ found, s, atol=1e-9) and found[1:].any() else None


def activations(b: Backward) -> list[Activation]:
    """The variables that are a function of another, element by element (or its softmax), found by their values."""
    found = []
    for after in b.order:
        if is_elementwise(b, after) and len(after.parents) == 1 and after.op.name not in LINEAR:
            found.append(Activation(b, after.parents[0], after, after.op))
            continue
        out = b.values[after]
        if out.size == 1 or not after.parents:
            continue
        for before in _sources(b, after):
            x = b.values[before]
            for name in ("sigmoid", "tanh", "relu", "softmax") if x.any() else ():
                for axis in ((-1, 0) if x.ndim == 2 else (-1,)) if name == "softmax" else (None,):
                    op = row(name, axis)
                    if np.allclose(function(op, x)[0], out, rtol=1e-9, atol=1e-12):
                        found.append(Activation(b, before, after, op, axis))
    return found


def _sources(b: Backward, after: Any) -> list[Any]:
    """The variables of the same shape that a node was computed from, at most six steps back and below no product."""
    found: dict[Any, None] = {}
    edge = {after}
    for _ in range(6):
        below = [node for node in edge if node.op.name not in PRODUCTS]
        edge = {p for node in below for p in node.parents if p in b.users and p.parents}
        found |= dict.fromkeys(p for p in edge if b.values[p].shape == b.values[after].shape)
    return list(found)


# ---- Mutants of an edge -------------------------------------------------------------------------------------------------


def edge_mutants(
    b: Backward, grads: Arrays, user: Any, k: int, say: Callable[[Any], str], local: bool = False
) -> Iterator[Mutant]:
    """The wrong shares that the k-th operand of `user` could receive in a backward pass with these gradients.

    `local`: only those that are made of the step's own numbers, and so can be made at every step of a kind alike.
    """
    parent, g, shape = user.parents[k], grads[user], b.values[user.parents[k]].shape
    name, raw = user.op.name, b.share(user, k, g)
    right = fit(raw, shape)
    me, out = say(parent), say(user)
    yield Mutant("wrong_factor", "", 1.0, lambda: right)
    if len(b.users[parent]) > 1:
        yield Mutant(
            "path_missing",
            "",
            1.3,
            lambda: 0 * right,
            f"{me} is used more than once: its share from {out} is missing",
        )
    passed = fit(g, shape) if np.ndim(g) >= len(shape) or np.size(g) > 1 else None
    if passed is not None and not np.array_equal(passed, right):
        yield _omitted(b, user, k, passed, me, out)
    if (
        np.shape(right) == np.shape(g)
        and not np.array_equal(g, right)
        and name not in ("add", "sub", "subtract")
    ):
        twice = "activation_derivative_twice" if is_elementwise(b, user) else "wrong_factor"
        yield Mutant(
            twice,
            "twice",
            1.6,
            lambda: fit(b.share(user, k, right), shape),
            f"the derivative of {name} is applied twice",
        )
    yield from _wrong_sums(raw, shape, me)
    if name in PRODUCTS and name != "einsum":
        yield from _wrong_products(b, g, user, k, right, me)
    if not local:
        yield from _wrong_gradients(b, grads, user, k, shape, say)
    yield from _wrong_operands(b, grads, user, k, right, say, local)
    if name == "getitem":
        yield from _wrong_index(b, user, g, shape, me)
    if np.ndim(right) == 2 and shape[0] == shape[1]:
        yield Mutant("transposed", "share", 1.6, lambda: right.T, f"the gradient of {me} is transposed")


def _omitted(b: Backward, user: Any, k: int, passed: Any, me: str, out: str) -> Mutant:
    parent, name = user.parents[k], user.op.name
    if name in ("sub", "subtract", "neg", "negative"):
        return Mutant(
            "inner_derivative_missing",
            "",
            1.0,
            lambda: passed,
            f"the minus before {me} in {out}, its inner derivative, is forgotten, so the sign is wrong",
        )
    if is_elementwise(b, user):
        return Mutant(
            "activation_derivative_missing",
            "",
            1.1,
            lambda: passed,
            f"the derivative of {name} is left out: the gradient of {out} is passed on as it is",
        )
    if name in PRODUCTS and parent.parents:
        return Mutant(
            "weights_missing",
            "",
            1.2,
            lambda: passed,
            f"the gradient of {out} is passed back to {me} without the weights",
        )
    if name in PRODUCTS:
        return Mutant(
            "input_missing",
            "",
            1.2,
            lambda: passed,
            f"the gradient of {out} is taken for {me}'s, without the layer's input",
        )
    return Mutant(
        "factor_missing",
        "",
        1.2,
        lambda: passed,
        f"the other factor of {name} is left out: the gradient of {out} is passed on as it is",
    )


def _wrong_sums(raw: Any, shape: tuple[int, ...], me: str) -> Iterator[Mutant]:
    """Where broadcasting had stretched an operand, its share is a sum: over the wrong axis, of one sample, of all."""
    raw = np.asarray(raw)
    if raw.shape == shape or raw.ndim != 2:
        return
    kept = fit(raw, shape)
    axis = 0 if raw.shape[0] != kept.reshape(-1).size or raw.shape[0] == 1 else 1
    axis = 1 if shape[-1:] == (1,) and raw.shape[1] > 1 else 0
    across = raw.sum(1 - axis)
    for i in _some(raw.shape[axis]):
        yield Mutant(
            "one_sample_only",
            f"{i}",
            1.5,
            lambda i=i: raw.take(i, axis).reshape(shape),
            f"only sample {i}'s contribution to {me} is kept",
        )
    if across.size == kept.size and kept.size > 1:
        yield Mutant(
            "wrong_axis",
            "",
            1.4,
            lambda: across.reshape(shape),
            f"the sum for {me} runs over axis {1 - axis}, and belongs over axis {axis}",
        )
    yield Mutant(
        "wrong_axis",
        "all",
        1.5,
        lambda: np.full(shape, raw.sum()),
        f"the sum for {me} runs over all axes: it belongs over axis {axis} alone",
    )


def _some(n: int) -> list[int]:
    """Samples to try: all where there are few, else the last and the first."""
    return list(range(n)) if n <= 12 else [n - 1, 0]


def _wrong_products(b: Backward, g: Any, user: Any, k: int, right: Any, me: str) -> Iterator[Mutant]:
    """A matrix product that leaves samples out, sums too early, or is none."""
    other = b.values[user.parents[1 - k]]
    if np.ndim(g) != 2 or other.ndim != 2:
        return
    x, d = (other.T, g.T) if k == 0 else (other, g)  # samples as rows, where user's operand k is a parameter
    if user.parents[k].parents:
        w = other if k == 0 else other.T  # the share is g @ w.T, or the transposed of it
        d = g if k == 0 else g.T
        summed = d.sum(1, keepdims=True) * w.sum(1)
        yield Mutant(
            "summed_before_product",
            "sums",
            1.6,
            lambda: summed if k == 0 else summed.T,
            "a product of sums stands where a matrix product belongs",
        )
        return

    def turned(share: Any) -> Any:
        return share.T if k == 0 else share

    for i in _some(len(x)):
        yield Mutant(
            "one_sample_only",
            f"{i}",
            1.5,
            lambda i=i: turned(np.outer(x[i], d[i])),
            f"only sample {i}'s contribution to {me} is kept",
        )
        yield Mutant(
            "summed_before_product",
            f"{i}",
            1.7,
            lambda i=i: turned(np.outer(x[i], d.sum(0))),
            f"the sum of all samples' errors is multiplied by the input of sample {i} (row {i}) alone",
        )
    yield Mutant(
        "summed_before_product",
        "",
        1.6,
        lambda: turned(np.outer(x.sum(0), d.sum(0))),
        "inputs and errors are summed over the samples before they are multiplied",
    )
    if x.shape == d.shape == np.shape(turned(right)):
        yield Mutant(
            "elementwise_for_matrix_product",
            "",
            1.5,
            lambda: turned(x * d),
            f"{me}'s gradient is an elementwise product",
        )


def _wrong_gradients(
    b: Backward, grads: Arrays, user: Any, k: int, shape: tuple[int, ...], say: Callable[[Any], str]
) -> Iterator[Mutant]:
    """Another array's gradient where this one's arrives, put through the rule or passed on as it is."""
    g, me, out = grads[user], say(user.parents[k]), say(user)
    near = [
        node for node in b.order if node is not user and node is not user.parents[k] and node.op is not None
    ]
    near = [node for node in near if grads[node].size > 1 or g.size == 1]
    for node in sorted(near, key=lambda node: abs(b.at[node] - b.at[user]))[:MOST]:
        other = grads[node]
        arriving = _spread(other, g.shape)
        if arriving is not None and not np.array_equal(arriving, g):
            skipped = node in b.path(user) and is_elementwise(b, node)
            mistake = "activation_derivative_missing" if skipped else "wrong_gradient_arrives"
            why = f"the gradient of {say(node)} is passed on to {me} where that of {out} belongs"
            why += ", without the derivative (slope) in between" if skipped else ""
            yield Mutant(
                mistake,
                "arrives",
                1.5 if skipped else 2.2,
                lambda o=arriving: fit(b.share(user, k, o), shape),
                why,
            )
        passed = _spread(other, shape)
        if passed is not None:
            weights = user.op.name in PRODUCTS and node in b.path(user)
            why = f"the gradient of {say(node)} stands where that of {me} belongs"
            why += ": it is not passed back through the weights" if weights else ""
            yield Mutant(
                "weights_missing" if weights else "wrong_gradient_arrives",
                "as it is",
                2.0 if weights else 2.4,
                lambda p=passed: p,
                why,
            )


def _spread(x: Any, shape: tuple[int, ...]) -> Any:
    """x in that shape where it has it, or where NumPy would broadcast it there without a word; else None."""
    if np.shape(x) == shape:
        return x
    try:
        return np.broadcast_to(x, shape) if np.ndim(x) and np.size(x) > 1 else None
    except ValueError:
        return None


def _wrong_operands(
    b: Backward, grads: Arrays, user: Any, k: int, right: Any, say: Callable[[Any], str], local: bool = False
) -> Iterator[Mutant]:
    """The operation's rule with another array in an operand's place."""
    me, shape, g = say(user.parents[k]), b.values[user.parents[k]].shape, grads[user]
    for j, operand in enumerate(user.parents):
        x = b.values[operand]
        if x.ndim == 0 and x.size == 1 and g.size > 1:
            continue

        def swapped(array: Any, j: int = j) -> Any:
            return fit(b.share(user, k, g, {j: array}), shape)

        if np.array_equal(swapped(x * 1.37 + 0.11), right):
            continue  # the share does not depend on it
        name = say(operand)
        if x.ndim == 2 and x.shape[0] == x.shape[1]:
            yield Mutant(
                "transposed",
                f"operand {j}",
                1.3,
                lambda x=x, s=swapped: s(x.T),
                f"{name} is transposed where it is used for {me}'s gradient, or its transpose is missing",
            )
        if operand in grads and x.size > 1:
            mine = grads[operand]
            yield Mutant(
                "gradient_for_value",
                f"operand {j}",
                1.5,
                lambda m=mine, s=swapped: s(m),
                f"the gradient of {name} (d{name}) is used in place of {name} for {me}'s gradient",
            )
            if not operand.parents:
                yield Mutant(
                    "weights_updated_before_use",
                    f"operand {j}",
                    1.4,
                    lambda m=mine, s=swapped: s(m) if len(user.parents) > 1 else None,
                    f"{name} was updated already when {me}'s gradient was computed with it",
                    added=True,
                )
        same = () if local else b.values
        pool = [
            node
            for node in same
            if node is not operand and b.values[node].shape == x.shape and b.values[node].any()
        ]
        at = b.at.get(operand, b.at[user])
        for node in sorted(pool, key=lambda n: (not getattr(n, "label", None), abs(b.at.get(n, 0) - at)))[
            :MOST
        ]:
            mistake = "output_for_input" if node in b.at and node in b.path(user) else "wrong_array"
            cost = 1.6 if mistake == "output_for_input" else 2.1
            own = "the layer's own output " if mistake == "output_for_input" else ""
            yield Mutant(
                mistake,
                f"operand {j}",
                cost,
                lambda n=node, s=swapped: s(b.values[n]),
                f"{own}{say(node)} is used in place of {name} for {me}'s gradient",
            )
        if x.ndim and np.any(x == 0) and operand not in b.users and np.unique(x).size == 2 and x.min() == 0:
            yield Mutant(
                "mask_missing",
                "scaled",
                1.2,
                lambda x=x, s=swapped: s(np.full_like(x, x.max())),
                f"the mask {name} of the forward pass is not applied to the gradient of {me}",
            )
            yield Mutant(
                "mask_missing",
                "",
                1.2,
                lambda x=x, s=swapped: s(np.ones_like(x)),
                f"the mask {name} of the forward pass is not applied to the gradient of {me}",
            )


def _wrong_index(b: Backward, user: Any, g: Any, shape: tuple[int, ...], me: str) -> Iterator[Mutant]:
    """Shares of a repeated index that overwrite each other."""
    size = int(np.prod(shape))
    places = np.asarray(forward_of(user.op, [np.arange(float(size)).reshape(shape)])).astype(int).reshape(-1)
    if len(set(places.tolist())) < len(places):

        def kept(order: Any) -> Any:
            share = np.zeros(size)
            share[places[order]] = np.asarray(g).reshape(-1)[order]
            return share.reshape(shape)

        forth = np.arange(len(places))
        yield Mutant(
            "index_overwritten",
            "",
            1.1,
            lambda: kept(forth),
            f"an index that occurs twice gives {me} its last share only: np.add.at(d, index, share) adds them up (accumulates)",
        )
        yield Mutant(
            "index_overwritten",
            "first",
            1.5,
            lambda: kept(forth[::-1]),
            f"an index that occurs twice gives {me} its first share only",
        )


# ---- Mutants of an activation -------------------------------------------------------------------------------------------


def activation_mutants(
    b: Backward, a: Activation, g: Any, say: Callable[[Any], str], local: bool = False
) -> Iterator[Mutant]:
    """What stands in place of g · f′(x), for out = f(x) and the gradient g that arrives at out."""
    z, y, f = say(a.before), say(a.after), a.name
    if a.axis is not None:
        yield from _softmax_mutants(a, g, z, y)
        return

    def times(slope: Callable[[], Any]) -> Callable[[], Any]:
        return lambda: g * slope()

    slope = a.slope(a.x)
    yield Mutant(
        "activation_derivative_missing", "", 1.1, lambda: g, f"the derivative of {f} at {z} is left out"
    )
    yield Mutant(
        "activation_derivative_twice",
        "",
        1.3,
        times(lambda: slope * slope),
        f"the derivative of {f} at {z} is applied twice",
    )
    yield Mutant(
        "derivative_at_activation",
        "",
        1.2,
        times(lambda: a.slope(a.out)),
        f"the derivative of {f} is taken at {y}, which has been through {f} already, where its input {z} (the pre-activation) belongs",
    )
    yield Mutant(
        "value_for_derivative",
        "",
        1.3,
        times(lambda: a.out),
        f"the value of {f}, {y} itself, is used in place of its derivative",
    )
    yield Mutant(
        "value_for_derivative",
        "x",
        1.6,
        times(lambda: a.x),
        f"{z} itself is used in place of the derivative of {f}",
    )
    yield Mutant(
        "value_for_derivative",
        "again",
        1.7,
        times(lambda: a.apply(a.out)),
        f"{f}({y}) is used in place of the derivative of {f}",
    )
    yield Mutant("wrong_factor", "mask", 1.6, times(lambda: 1 - slope), f"1 − {f}′ is used in place of {f}′")
    yield from _wrong_formulas(a, g, z, y)
    for name in FUNCTIONS:
        if name != f:
            for variant, x in ((z, a.x), (y, a.out)):
                yield Mutant(
                    "derivative_of_another_function",
                    f"{name} {x is a.x}",
                    1.8,
                    times(lambda n=name, x=x: function(row(n), x)[1]),
                    f"the derivative of {name} (at {variant}) is used where the forward pass has {f}",
                )
    for node, x in () if local else b.values.items():
        if x.shape and node is not a.before and node is not a.after and _spread(x, a.x.shape) is not None:
            if a.polynomial is not None:
                yield Mutant(
                    "derivative_at_wrong_array",
                    "formula",
                    2.0,
                    times(lambda x=x: np.polyval(a.polynomial[::-1], x)),
                    f"the derivative of {f} is taken at {say(node)}, where {y} belongs",
                )
            yield Mutant(
                "derivative_at_wrong_array",
                "",
                2.0,
                times(lambda x=x: a.slope(np.broadcast_to(x, a.x.shape))),
                f"the derivative of {f} is taken at {say(node)}, where {z} belongs",
            )


def _wrong_formulas(a: Activation, g: Any, z: str, y: str) -> Iterator[Mutant]:
    """The derivative as a formula in the function's value, given something else, or with a part of it missing."""
    poly = a.polynomial
    if poly is None:
        return
    form, f = formula(poly), a.name

    def at(x: Any, p: Any = poly) -> Callable[[], Any]:
        return lambda: g * np.polyval(p[::-1], x)

    yield Mutant(
        "derivative_at_preactivation",
        "",
        1.2,
        at(a.x),
        f"{form.replace('a', z)} is a formula for {f}'s value {y} (the activation), and is given the pre-activation {z}",
    )
    for i in np.flatnonzero(poly):
        part = np.where(np.arange(3) == i, 0.0, poly)
        flipped = np.where(np.arange(3) == i, -poly, poly)
        yield Mutant(
            "constant_term_missing" if i == 0 else "factor_missing",
            f"term {i}",
            1.4,
            at(a.out, part),
            f"{formula(part).replace('a', y)} stands where {form.replace('a', y)} belongs",
        )
        yield Mutant(
            "wrong_sign",
            f"term {i}",
            1.6,
            at(a.out, flipped),
            f"{formula(flipped).replace('a', y)} stands where {form.replace('a', y)} belongs",
        )
    if poly[2]:
        flat = np.array([poly[0], poly[1] + poly[2], 0.0])
        if flat.any():
            yield Mutant(
                "square_missing",
                "",
                1.5,
                at(a.out, flat),
                f"{formula(flat).replace('a', y)} stands where {form.replace('a', y)} belongs: the square is missing",
            )


def formula(poly: Any) -> str:
    """A polynomial in a as text: a · (1 − a), 1 − a², …"""
    if np.array_equal(poly, [0, 1, -1]):
        return "a · (1 − a)"
    terms = []
    for n, power in zip(poly, ("", "a", "a²"), strict=True):
        if n:
            size = f"{abs(n):g}" if not power or abs(n) != 1 else ""
            terms.append(("− " if n < 0 else "+ ") + (f"{size}·{power}" if size and power else size or power))
    return " ".join(terms).removeprefix("+ ") or "0"


def _softmax_mutants(a: Activation, g: Any, z: str, y: str) -> Iterator[Mutant]:
    p, axis = a.out, a.axis
    q = a.apply(p)

    def jacobian(p: Any) -> Any:
        return p * (g - (g * p).sum(axis, keepdims=True))

    yield Mutant(
        "activation_derivative_missing",
        "",
        1.1,
        lambda: g,
        f"the softmax's derivative (its Jacobian) is left out between {y} and {z}",
    )
    yield Mutant(
        "softmax_elementwise",
        "",
        1.1,
        lambda: g * p * (1 - p),
        f"{y} · (1 − {y}) is only the diagonal of the softmax's Jacobian: every class depends on the other classes too",
    )
    yield Mutant(
        "softmax_elementwise",
        "value",
        1.6,
        lambda: g * p,
        f"{y} alone is not the softmax's Jacobian: − {y} · Σ(d{y} · {y}) is missing",
    )
    yield Mutant(
        "softmax_twice",
        "",
        1.4,
        lambda: jacobian(q),
        f"the softmax is applied to its own output {y} once more",
    )
    yield Mutant(
        "softmax_twice",
        "elementwise",
        1.4,
        lambda: g * q * (1 - q),
        f"softmax({y}) is used in the softmax's derivative: {y} has been through it already, and only the Jacobian's diagonal is taken",
    )
    yield Mutant(
        "activation_derivative_twice",
        "",
        1.5,
        lambda: a.b.share(a.after, 0, jacobian(p)) if a.after.op.name == "softmax" else jacobian(p) * 0,
        "the softmax's Jacobian is applied twice",
    )
    yield Mutant(
        "softmax_jacobian_not_multiplied",
        "",
        1.5,
        lambda: g * (p * (1 - p) - p * (p.sum(axis, keepdims=True) - p)),
        "the Jacobian's rows are summed before they meet the gradient",
    )
    yield Mutant(
        "wrong_axis",
        "softmax",
        1.5,
        lambda: p * (g - (g * p).sum(1 - axis % 2, keepdims=True)),
        "the softmax's sum runs over the samples in place of the classes",
    )


# ---- Mutants of a whole gradient ------------------------------------------------------------------------------------------


def top_mutants(b: Backward, grads: Arrays, p: Any, say: Callable[[Any], str]) -> Iterator[Mutant]:
    """What stands in place of the gradient of a node near the loss: errors, the loss's value, delta formulas, ones."""
    x, me, loss = b.values[p], say(p), b.values[b.loss]
    yield Mutant("wrong_factor", "", 1.0, lambda: grads[p])
    if not x.shape or not p.parents:
        return
    yield Mutant(
        "loss_derivative_missing",
        "",
        1.5,
        lambda: np.ones(x.shape),
        f"1 is passed back at {me}: this is the gradient of the output itself, and the error (the loss's own derivative) is left out",
    )
    yield Mutant(
        "loss_for_derivative",
        "",
        1.6,
        lambda: np.full(x.shape, float(loss.reshape(-1)[0])),
        f"the value of the loss stands for its derivative at {me}",
    )
    constants = [
        y for n, y in b.values.items() if n not in b.at and _spread(y, x.shape) is not None and y.ndim
    ]
    outputs = [(say(n), v) for n, v in b.values.items() if n in b.at and v.shape == x.shape]
    outputs += [
        (f"{name}({me})", function(row(name, axis), x)[0])
        for name, axis in (("sigmoid", None), ("softmax", -1), ("tanh", None))
        if axis is None or x.ndim
    ]
    for y in constants:
        for name, v in outputs:
            e = v - y
            yield Mutant(
                "delta_of_another_loss",
                "",
                2.0,
                lambda e=e: e,
                f"{name} − target stands for the gradient at {me}: that is the delta of another pair of activation and loss (sigmoid with binary cross-entropy, softmax with cross-entropy, linear with squared error)",
            )
            yield Mutant(
                "loss_for_derivative",
                "square",
                1.8,
                lambda e=e: e * e,
                f"the squared error ({name} − target)² stands for its derivative at {me}",
            )
            yield Mutant(
                "loss_for_derivative",
                "abs",
                1.9,
                lambda e=e: np.abs(e),
                f"the absolute error |{name} − target| stands for the derivative at {me}",
            )
            yield Mutant(
                "activation_derivative_twice",
                "extra",
                1.9,
                lambda e=e, v=v: e * v * (1 - v),
                f"({name} − target) · {name} · (1 − {name}): with this loss the activation's derivative cancels, and is applied once too often",
            )
            yield Mutant(
                "activation_derivative_twice",
                "extra tanh",
                2.1,
                lambda e=e, v=v: e * (1 - v * v),
                f"({name} − target) · (1 − {name}²): an activation's derivative that does not belong there",
            )


def leaf_mutants(b: Backward, grads: Arrays, p: Any, say: Callable[[Any], str]) -> Iterator[Mutant]:
    """What stands in place of the whole gradient of a parameter: another parameter's, or a penalty more."""
    me, x = say(p), b.values[p]
    yield Mutant("wrong_factor", "", 1.0, lambda: grads[p])
    if x.size > 1:
        yield Mutant(
            "penalty_added",
            "",
            1.8,
            lambda: x,
            f"a multiple of {me} itself is added to its gradient, and the loss has no such penalty",
            added=True,
        )
    for other in b.order:
        if (
            other is not p
            and not other.parents
            and grads[other].size > 1
            and grads[other].size == x.size
            and grads[other].shape in (x.shape, x.shape[::-1])
        ):
            share = grads[other] if grads[other].shape == x.shape else grads[other].T
            yield Mutant(
                "wrong_gradient_arrives",
                "leaf",
                1.6,
                lambda s=share: s,
                f"{me} got the gradient of {say(other)}",
            )


# ---- Mutants of every step of a kind --------------------------------------------------------------------------------------


def groups(b: Backward) -> Iterator[tuple[Any, ...]]:
    """Sets of steps that a program writes in one line: every layer's, every time step's, every use's of one parameter."""
    signs = _signatures(b)
    found: dict[Any, list[Any]] = {}
    for node in b.order:
        stem = (node.label or "").rstrip("0123456789_")
        for k, parent in enumerate(node.parents):
            if parent in b.at:
                kind = (node.op.name, k)
                keys = [kind, *((*kind, sign) for sign in signs[node])]
                for key in [*keys, (*kind, "label", stem)] if stem else keys:
                    found.setdefault(key, []).append((node, k))
    seen = set()
    for edges in found.values():
        if len(edges) > 1 and frozenset(edges) not in seen:
            seen.add(frozenset(edges))
            yield tuple(edges)


def _signatures(b: Backward) -> dict[Any, list[Any]]:
    """How each node is made, told to a depth of 1, 2, 3 and 4: nodes of one line of a loop are told alike."""
    told = {node: "leaf" if node in b.at else "constant" for node in b.values}
    told |= {node: id(node) for node in b.at if not node.parents}
    out: dict[Any, list[Any]] = {node: [] for node in b.order}
    for _ in range(4):
        told = {
            n: hash((n.op.name, *(told[p] for p in n.parents))) if n.parents and n in b.at else told[n]
            for n in b.values
        }
        for node in b.order:
            out[node].append(told[node])
    return out


def local_mutants(
    b: Backward, grads: Arrays, user: Any, k: int, known: Any, say: Callable[[Any], str]
) -> Iterator[Mutant]:
    """The mutants of a step that are made of its own numbers alone."""
    a = known.get(user)
    if a is not None:
        yield from activation_mutants(b, a, grads[user], say, local=True)
    yield from edge_mutants(b, grads, user, k, say, local=True)
