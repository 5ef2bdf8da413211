"""What people write in place of one step of a backward pass: for each step, the wrong shares that it could give.

A step is an edge (user, k): the share that the k-th operand of `user` receives. A mutant makes another share of the
same numbers, by the operation's own rule with something exchanged, so that an operation added to the table is covered.
"""

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..symbols import evaluate
from .backward import Arrays, Backward, fit, forward_of, softmax
from .formulas import Function, between, known, of_row, wrong_slopes

PRODUCTS = {"matmul", "linear"}
DIFFERENCES = {"sub", "subtract", "neg", "negative"}
SUMS = DIFFERENCES | {"add", "sum", "mean", "positive"}
SQUARES = {"square", "power"}
VIEWS = {"getitem", "transpose", "reshape", "swapaxes"}
STATISTICS = {"mean", "var", "std", "sum", "max"}
PAIRS = (
    "the delta of another pair of activation and loss "
    "(sigmoid with binary cross-entropy, softmax with cross-entropy, linear with squared error)"
)
MOST = 16  # other arrays that are tried in one place
Say = Callable[[Any], str]  # what a node is called

# How unlikely a mistake is; what is not here costs 1.5. Of two that give the same numbers the likelier is told first.
COSTS = {
    "wrong_factor": 1.0, "inner_derivative_missing": 1.0, "activation_derivative_missing": 1.1,
    "softmax_elementwise": 1.1, "index_overwritten": 1.1, "derivative_at_activation": 1.2,
    "derivative_at_preactivation": 1.2, "weights_missing": 1.2, "input_missing": 1.2, "factor_missing":
    1.2, "mask_missing": 1.2, "path_missing": 1.3, "value_for_derivative": 1.3,
    "activation_derivative_twice": 1.4, "constant_term_missing": 1.4, "softmax_twice": 1.4, "transposed":
    1.4, "wrong_axis": 1.4, "weights_updated_before_use": 1.4, "output_for_input": 1.6, "wrong_array":
    2.1, "derivative_at_wrong_array": 2.0, "derivative_of_another_function": 1.8,
    "wrong_gradient_arrives": 2.2, "delta_of_another_loss": 2.0, "penalty_added": 1.8,
    "statistics_held_constant": 1.3, "loss_for_derivative": 1.7,
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """A wrong share: its mistake, how to make it, how to say it, which variant it is, and what makes it less likely."""

    mistake: str
    make: Any  # a function without arguments
    note: Any = ""  # text, or a function that makes it
    variant: str = ""
    extra: float = 0.0
    added: bool = False  # a multiple of it is added to the right share, in place of a multiple taken for it

    @property
    def text(self) -> str:
        return str(self.note() if callable(self.note) else self.note)

    @property
    def key(self) -> tuple[str, str]:
        return self.mistake, self.variant

    @property
    def cost(self) -> float:
        return COSTS.get(self.mistake, 1.5) + self.extra


# ---- Activations ----------------------------------------------------------------------------------------------------------


def is_elementwise(b: Backward, node: Any) -> bool:
    """Whether a node is a function of one variable, element by element."""
    one = len(node.parents) == 1 and not node.op.arrays_only
    return one and b.values[node.parents[0]].shape == b.values[node].shape


@dataclass(frozen=True)
class Activation:
    """A variable `after` that is a function of another, `before`, however the forward pass computes it.

    Of one number: `function`. Of all along an axis: softmax, or normalise.
    """

    before: Any
    after: Any
    name: str
    x: Any
    out: Any
    function: Function | None = None
    axis: Any = None


def activations(b: Backward) -> list[Activation]:
    """The variables that are a function of another: element by element, or by their values softmax or normalised."""
    found = []
    for after in [node for node in b.order if node.parents]:
        out, direct = b.values[after], is_elementwise(b, after)
        if direct and after.op.name not in SUMS and (f := of_row(after.op)):
            before = after.parents[0]
            found.append(Activation(before, after, f.name, b.values[before], out, f))
        sources = _sources(b, after) if out.size > 1 else []
        made = ((node, between(b, node, after)) for node in sorted(sources, key=b.at.__getitem__))
        deepest = next(((node, f) for node, f in made if f), None)
        if deepest and not deepest[1].is_linear and not (direct and deepest[0] is after.parents[0]):
            before, f = deepest
            found.append(Activation(before, after, f.name, b.values[before], out, f))
        for before in sources if not direct else ():
            x = b.values[before]
            softmaxes = [i for i in ((-1, 0) if x.ndim == 2 else (-1,)) if _is_softmax(x, out, i)]
            found += [Activation(before, after, "softmax", x, out, axis=i) for i in softmaxes]
            found += [
                Activation(before, after, "normalise", x, out, axis=i)
                for i in (0, 1)
                if _is_normalised(x, out, i)
            ]
    return found


def _is_softmax(x: Any, out: Any, axis: int) -> bool:
    return bool(x.any() and np.allclose(softmax(x, axis), out, rtol=1e-9, atol=1e-12))


def _scale(x: Any, out: Any, axis: int) -> Any:
    """What the deviations from the mean along an axis are multiplied by."""
    middle = x - x.mean(axis, keepdims=True)
    return (middle * out).sum(axis, keepdims=True) / (middle * middle).sum(axis, keepdims=True)


def _is_normalised(x: Any, out: Any, axis: int) -> bool:
    """Whether out is x less its mean along an axis, over about its deviation."""
    if x.ndim != 2 or x.shape[axis] < 3 or not np.allclose(out.mean(axis), 0, atol=1e-9):
        return False
    same = np.allclose(out, (x - x.mean(axis, keepdims=True)) * _scale(x, out, axis), rtol=1e-9, atol=1e-9)
    return bool(same and np.allclose((out * out).mean(axis), 1, atol=0.2))


def _normalisation_mutants(a: Activation, g: Any, z: str, y: str) -> Iterator[Mutant]:
    """What stands in place of the gradient through a normalisation: s · (g − mean(g) − y · mean(g · y))."""
    s, out, m = _scale(a.x, a.out, a.axis), a.out, Mutant

    def back(mean: float = 1.0, spread: float = 1.0, axis: int = a.axis, scale: Any = s) -> Any:
        return scale * (
            g - mean * g.mean(axis, keepdims=True) - spread * out * (g * out).mean(axis, keepdims=True)
        )

    note = (
        f"the means on the way back from {y} to {z} run over axis {1 - a.axis}, and belong over axis {a.axis}"
    )
    yield m("wrong_axis", lambda: back(axis=1 - a.axis), note, "normalisation")
    for mean, spread, what in ((0, 0, "mean and variance"), (0, 1, "the mean"), (1, 0, "the variance")):
        note = f"on the way back from {y} to {z} {what} of {z} are held constant, and depend on it"
        yield m("statistics_held_constant", lambda c=mean, d=spread: back(c, d), note, what)
    note = f"1 / the deviation of {z} is left out on the way back from {y}"
    yield m("factor_missing", lambda: back(scale=1.0), note, "s")


def _sources(b: Backward, after: Any) -> list[Any]:
    """The variables of the same shape that a node was computed from, at most six steps back and below no product."""
    found: dict[Any, None] = {}
    edge = {after}
    for _ in range(6):
        below = [node for node in edge if node.op.name not in PRODUCTS]
        edge = {p for node in below for p in node.parents if p in b.users and p.parents}
        found |= dict.fromkeys(p for p in edge if b.values[p].shape == b.values[after].shape)
    return list(found)


def activation_mutants(b: Backward, a: Activation, g: Any, say: Say, local: bool = False) -> Iterator[Mutant]:
    """What stands in place of g · f′(x), for out = f(x) and the gradient g that arrives at out."""
    z, y = say(a.before), say(a.after)
    others = [] if local else [n for n in b.values if n is not a.before and n is not a.after]
    others = [n for n in others if _spread(b.values[n], a.x.shape) is not None]
    if a.function is None:
        made = _normalisation_mutants if a.name == "normalise" else _softmax_mutants
        yield from made(a, g, z, y)
        for node in others if a.name == "softmax" else ():
            note = f"softmax is taken of {say(node)}, where {z} belongs"
            p = _spread(b.values[node], a.x.shape)
            yield Mutant(
                "derivative_at_wrong_array", lambda p=p: _jacobian(softmax(p, a.axis), g, a.axis), note
            )
        return
    f = a.function
    for wrong in wrong_slopes(f, a.x, a.out, z, y):
        yield Mutant(wrong.mistake, lambda w=wrong: g * w.make(), *wrong[2:])
    if np.isin(f.slope_at(a.x), (0.0, 1.0)).all():
        note = f"the mask of {a.name} is taken of the gradient of {y}, where {z} > 0 belongs"
        yield Mutant("derivative_at_wrong_array", lambda: g * (g > 0), note, "mask")
    for node in others:
        x, note = b.values[node], f"{a.name}′ is taken at {say(node)}, where {z} belongs"
        mistake = "derivative_at_wrong_array"
        yield Mutant(mistake, lambda x=x: g * f.slope_at(x), note)
        if (form := f.by_value) is not None:
            yield Mutant(mistake, lambda x=x: g * evaluate(form, {"a": x}), note, "formula")


def _jacobian(p: Any, g: Any, axis: Any) -> Any:
    """What softmax passes back, its result being p."""
    return p * (g - (g * p).sum(axis, keepdims=True))


def _softmax_mutants(a: Activation, g: Any, z: str, y: str) -> Iterator[Mutant]:
    p, axis, m = a.out, a.axis, Mutant
    q = softmax(p, axis)

    def jacobian(p: Any, axis: Any = axis, g: Any = g) -> Any:
        return _jacobian(p, g, axis)

    note = f"softmax's derivative, its Jacobian, is left out at {z}"
    yield m("activation_derivative_missing", lambda: g, note)
    diagonal = (
        f"{y} · (1 − {y}) is the diagonal of softmax's Jacobian alone: each class depends on the "
        "other classes"
    )
    yield m("softmax_elementwise", lambda: g * p * (1 - p), diagonal)
    yield m("softmax_elementwise", lambda: g * p, f"{y} alone is not softmax's Jacobian", "value", 0.5)
    note = f"softmax({y}) is used, and {y} has been through it already"
    yield m("softmax_twice", lambda: jacobian(q), note)
    yield m("softmax_twice", lambda: g * q * (1 - q), f"softmax({y}) is used, elementwise", "elementwise")
    note = "softmax's Jacobian is applied twice"
    yield m("activation_derivative_twice", lambda: jacobian(p, g=jacobian(p)), note)
    rows = p * (1 - p) - p * (p.sum(axis, keepdims=True) - p)
    yield m("softmax_jacobian_not_multiplied", lambda: g * rows, "the Jacobian's rows are summed first")
    if p.ndim == 2:
        note = "softmax's sum runs over the samples"
        yield m("wrong_axis", lambda: jacobian(p, 1 - axis % 2), note, "softmax")


# ---- Mutants of an edge -----------------------------------------------------------------------------------------------------


def edge_mutants(
    b: Backward, grads: Arrays, user: Any, k: int, say: Say, local: bool = False
) -> Iterator[Mutant]:
    """The wrong shares that the k-th operand of `user` could receive in a backward pass with these gradients.

    `local`: only those that are made of the step's own numbers, and so can be made at every step of a kind alike.
    """
    parent, g, name = user.parents[k], grads[user], user.op.name
    shape, me, out = b.values[parent].shape, say(parent), say(user)
    raw = b.share(user, k, g)
    right = fit(raw, shape)
    yield Mutant("wrong_factor", lambda: right)
    if len(b.users[parent]) > 1:
        yield Mutant("path_missing", lambda: 0 * right, f"of the uses of {me} that in {out} gives no share")
    passed = fit(g, shape) if np.ndim(g) >= len(shape) else _widened(g, shape)
    if passed is not None and not np.array_equal(passed, right):
        yield _omitted(b, user, k, passed, me, out)
    if np.shape(right) == np.shape(g) and not np.array_equal(g, right) and name not in SUMS:
        twice = "activation_derivative_twice" if is_elementwise(b, user) else "wrong_factor"
        note = f"the derivative of {name} is applied twice"
        yield Mutant(twice, lambda: fit(b.share(user, k, right), shape), note, "twice", 0.3)
    yield from _wrong_sums(raw, shape, me)
    yield from _wrong_samples(b, g, user, k, shape, me)
    if name in PRODUCTS and len(user.parents) > 1 and k < 2:
        yield from _wrong_products(b, g, user, k, right, me)
    if not local:
        yield from _wrong_gradients(b, grads, user, k, shape, say)
    yield from _wrong_operands(b, grads, user, k, right, say, local)
    if name == "getitem":
        yield from _wrong_index(b, user, g, shape, me)
    if name == "log_softmax":
        yield from _wrong_log_softmax(b.values[user], g, user.op.params["axis"], me)
    for x, make, what in ((right, lambda x: x, me), (g, lambda x: fit(b.share(user, k, x), shape), out)):
        if np.ndim(x) > 1 and x.shape[-1] == x.shape[-2]:
            note = f"the gradient of {what} is transposed"
            yield Mutant(
                "transposed", lambda x=x, make=make: make(np.swapaxes(x, -1, -2)), note, str(what is me), 0.2
            )


def _wrong_log_softmax(out: Any, g: Any, axis: Any, me: str) -> Iterator[Mutant]:
    """The logarithm of softmax with the derivative of one of the two left out."""
    p = np.exp(out)
    note = f"the derivative of the logarithm, 1 / p, is left out at softmax({me})"
    yield Mutant("activation_derivative_missing", lambda: _jacobian(p, g, axis), note, "log")
    note = f"softmax's derivative, its Jacobian, is left out at {me}"
    yield Mutant("activation_derivative_missing", lambda: g / p, note, "softmax")
    note = f"p · (1 − p) is the diagonal of softmax's Jacobian alone, at {me}"
    yield Mutant("softmax_elementwise", lambda: g * (1 - p), note, "log")


def _widened(g: Any, shape: tuple[int, ...]) -> Any:
    """The gradient of a reduction for every element that it took together, or None."""
    for axis in range(len(shape)) if np.ndim(g) == len(shape) - 1 else ():
        wide = np.expand_dims(g, axis)
        if wide.shape == tuple(1 if i == axis else n for i, n in enumerate(shape)):
            return np.broadcast_to(wide, shape)
    return None


def _omitted(b: Backward, user: Any, k: int, passed: Any, me: str, out: str) -> Mutant:
    """The gradient passed on as it is."""
    name = user.op.name
    if name in DIFFERENCES:
        note = f"the minus before {me} in {out}, its inner derivative, is forgotten: the sign is wrong"
        return Mutant("inner_derivative_missing", lambda: passed, note)
    if is_elementwise(b, user):
        note = f"the derivative of {name} at {me} is left out"
        return Mutant("activation_derivative_missing", lambda: passed, note)
    if name in PRODUCTS and user.parents[k].parents:
        note = f"the gradient of {out} is passed back to {me} as it is"
        return Mutant("weights_missing", lambda: passed, note)
    if name in PRODUCTS:
        return Mutant("input_missing", lambda: passed, f"the gradient of {out} is taken for that of {me}")
    if name in ("max", "min", "maximum", "minimum", "clip"):
        note = (
            f"the gradient of {out} goes to every element of {me}, without the mask of those that were chosen"
        )
        return Mutant("mask_missing", lambda: passed, note)
    note = f"the gradient of {out} is passed on to {me} without the other factor ({name})"
    return Mutant("factor_missing", lambda: passed, note)


def _wrong_sums(raw: Any, shape: tuple[int, ...], me: str) -> Iterator[Mutant]:
    """Where broadcasting had stretched an operand, its share is a sum: over the wrong axis, or over all."""
    raw = np.asarray(raw)
    wide = (1,) * (raw.ndim - len(shape)) + shape
    axes = [i for i, n in enumerate(wide) if n == 1 and raw.shape[i] > 1] if raw.ndim == 2 else []
    if raw.shape == shape or len(axes) != 1:
        return
    across, size = raw.sum(1 - axes[0]), max(shape, default=1)
    note = f"the sum for {me} runs over axis {1 - axes[0]}, and belongs over axis {axes[0]}"
    if across.size >= size > 1:
        yield Mutant("wrong_axis", lambda: across[:size].reshape(shape), note)
    note = f"the sum for {me} runs over all axes: it belongs over axis {axes[0]} alone"
    yield Mutant("wrong_axis", lambda: np.full(shape, raw.sum()), note, "all", 0.1)


def _wrong_samples(b: Backward, g: Any, user: Any, k: int, shape: Any, me: str) -> Iterator[Mutant]:
    """Where a share sums over an axis of g: one sample alone is kept, or g is summed before it meets the samples.

    Each is the operation's own rule, given a gradient of which a part is 0, or which is the sum everywhere.
    """

    def share(g: Any) -> Any:
        return fit(b.share(user, k, g), shape)

    is_leaf, multiplies = not user.parents[k].parents, user.op.name in PRODUCTS
    of_samples = is_leaf or (np.size(g) > math.prod(shape) and not multiplies)
    for axis, n in enumerate(np.shape(g)):
        place = np.arange(n).reshape([-1 if i == axis else 1 for i in range(np.ndim(g))])
        halves = [share(g * (place < n // 2)), share(g * (place >= n // 2))]
        if not (of_samples or multiplies) or halves[0] is None or not np.any(halves[0] * halves[1]):
            continue  # nothing is summed over this axis
        total = np.broadcast_to(g.sum(axis, keepdims=True), g.shape)
        if multiplies:
            what = "inputs and errors are summed over the samples before they are multiplied"
            note = what if is_leaf else f"for {me} a product of sums stands where a matrix product belongs"
            yield Mutant("summed_before_product", lambda t=total: share(t), note, f"sums {axis}")
        for i in _some(n) if of_samples else ():
            note = f"only sample {i}'s contribution to {me} is kept"
            one = g * (place == i)
            yield Mutant("one_sample_only", lambda one=one: share(one), note, f"{i} {axis}")
            if multiplies:
                note = f"the sum of all errors is multiplied by the input of sample {i} (row {i}) alone"
                one = total * (place == i)
                yield Mutant("summed_before_product", lambda one=one: share(one), note, f"{i} {axis}", 0.2)


def _some(n: int) -> list[int]:
    """Samples to try: all where there are few, else the last and the first."""
    return list(range(n)) if n <= 12 else [n - 1, 0]


def _wrong_products(b: Backward, g: Any, user: Any, k: int, right: Any, me: str) -> Iterator[Mutant]:
    """A matrix product that is none."""
    x = b.values[user.parents[1 - k]]
    if user.parents[k].parents and np.ndim(right) == 2:
        one = np.broadcast_to(right.sum(1 - k, keepdims=True), np.shape(right))
        note = f"one sum over all units of {me} stands for each unit: a product elementwise is meant"
        yield Mutant("summed_before_product", lambda: one, note, "one sum", 0.1)
    elif x.shape == np.shape(g) and np.size(g) == np.size(right):
        note = f"for {me} input and delta are multiplied elementwise"
        yield Mutant("elementwise_for_matrix_product", lambda: (x * g).reshape(np.shape(right)), note)


def _wrong_gradients(b: Backward, grads: Arrays, user: Any, k: int, shape: Any, say: Say) -> Iterator[Mutant]:
    """Another array's gradient where this one's arrives, put through the rule or passed on as it is."""
    g, me, out, parent = grads[user], say(user.parents[k]), say(user), user.parents[k]
    near = [n for n in b.order if n is not user and n is not parent and n.parents]
    near = [n for n in near if grads[n].size > 1 or g.size == 1]
    for node in sorted(near, key=lambda n: abs(b.at[n] - b.at[user]))[:MOST]:
        arriving, passed = _spread(grads[node], g.shape), _spread(grads[node], shape)
        later = node in b.path(user)
        if arriving is not None and not np.array_equal(arriving, g):
            skipped = later and is_elementwise(b, node)
            mistake = "activation_derivative_missing" if skipped else "wrong_gradient_arrives"
            note = f"the gradient of {say(node)} is passed on to {me} where that of {out} belongs"
            note += f": the derivative (slope) of {node.op.name} is omitted" if skipped else ""
            share = lambda o=arriving: fit(b.share(user, k, o), shape)  # noqa: E731
            yield Mutant(mistake, share, note, "arrives", 0.4 if skipped else 0.0)
            slope = b.share(node, 0, np.ones(b.values[node].shape)) if skipped else None
            if slope is not None and user.op.name in PRODUCTS and slope.shape == shape:
                note = f"the derivative of {node.op.name} is multiplied on the wrong side of the weights"
                side = lambda o=arriving, s=slope: fit(b.share(user, k, o), shape) * s  # noqa: E731
                yield Mutant("slope_on_wrong_side", side, note)
        if passed is not None:
            missing = user.op.name in PRODUCTS and later
            note = f"the gradient of {say(node)} stands where that of {me} belongs"
            note += ": it is not passed back through the weights" if missing else ""
            mistake = "weights_missing" if missing else "wrong_gradient_arrives"
            yield Mutant(mistake, lambda p=passed: p, note, "as it is", 0.8 if missing else 0.2)


def _spread(x: Any, shape: tuple[int, ...]) -> Any:
    """x in that shape where it has it, or where NumPy would broadcast it there without a word; else None."""
    if np.shape(x) == shape:
        return x
    try:
        return np.broadcast_to(x, shape) if np.ndim(x) else None
    except ValueError:
        return None


def _wrong_operands(
    b: Backward, grads: Arrays, user: Any, k: int, right: Any, say: Say, local: bool
) -> Iterator[Mutant]:
    """The operation's rule with another array in an operand's place."""
    me, shape, g = say(user.parents[k]), b.values[user.parents[k]].shape, grads[user]
    for j, operand in enumerate(user.parents):
        x, name = b.values[operand], say(operand)

        def m(mistake: str, array: Any, note: str, variant: str = "", extra: float = 0.0, j: int = j) -> Any:
            share = lambda: fit(b.share(user, k, g, {j: array()}), shape)  # noqa: E731
            note = f"{note} for the gradient of {me}"
            return Mutant(mistake, share, note, f"{variant} {j}", extra, variant == "updated")

        other = m("", lambda x=x: x * 1.37 + 0.11, "").make()
        if (x.ndim == 0 and g.size > 1) or np.array_equal(other, right):
            continue  # the share does not depend on it
        if x.ndim > 1 and x.shape[-1] == x.shape[-2]:
            note = f"{name} is transposed, or its transpose is missing,"
            yield m("transposed", lambda x=x: np.swapaxes(x, -1, -2), note)
        if operand in b.at and x.size > 1:
            mine = grads.get(operand, b.grads[operand])
            note = f"the gradient of {name} (d{name}) is used in place of {name}"
            yield m("gradient_for_value", lambda o=mine: o, note)
        moved = _moved(b, grads, operand)
        if moved is not None and len(user.parents) > 1:
            note = f"{name} was updated before it is used"
            yield m("weights_updated_before_use", lambda o=moved: o, note, "updated")
        if user.op.name in SQUARES and operand in b.at and not local:
            leaves = [n for n in b.order if not n.parents and operand in b.path(n)]
            for leaf in leaves[:MOST]:
                note = f"the error is computed again after {say(leaf)} was updated: update all at once,"
                again = lambda n=leaf, o=operand: b.push(n, grads[n])[o]  # noqa: E731
                yield m("weights_updated_before_use", again, note, "updated")
        yield from _other_operands(b, user, operand, x, m, say, local)
        if x.ndim and operand not in b.at and np.unique(x).size == 2 and x.min() == 0:
            note = f"the mask {name} of the forward pass is not applied"
            yield m("mask_missing", lambda x=x: np.full_like(x, x.max()), note, "scaled")
            yield m("mask_missing", lambda x=x: np.ones_like(x), note)
        if x.ndim and operand not in b.at and (x == 0).any():
            note = f"only where {name} is not 0 counts, and not its values,"
            yield m("factor_missing", lambda x=x: (x != 0) * 1.0, note, "mask", 0.5)


def _moved(b: Backward, grads: Arrays, node: Any) -> Any:
    """How a parameter, or a view of one, moves with the parameter's gradient; None for what is no view of a parameter."""
    views = []
    while node.parents and node.op.name in VIEWS and node in b.at:
        views.append(node.op)
        node = node.parents[0]
    if node not in b.at or node.parents or b.values[node].size < 2:
        return None
    moved = grads.get(node, b.grads[node])
    for op in reversed(views):
        moved = forward_of(op, [moved])
    return moved


def _other_operands(
    b: Backward, user: Any, operand: Any, x: Any, m: Any, say: Say, local: bool
) -> Iterator[Mutant]:
    """The operation's rule with another value in the operand's place: the layer's own output, its input, any other."""
    name, at = say(operand), b.at.get(operand, b.at[user])
    if local:
        above = _first_above(b, user, x.shape)
        below = next((p for p in operand.parents if p in b.values and b.values[p].shape == x.shape), None)
        pool = [("above", above), ("below", below)]
    else:
        turned = bool(operand.parents) and operand.op.name == "transpose" and x.ndim == 2
        shapes = {x.shape, x.shape[::-1]} if turned else {x.shape}
        same = [n for n, v in b.values.items() if n is not operand and v.shape in shapes and v.any()]
        near = sorted(same, key=lambda n: (not getattr(n, "label", None), abs(b.at.get(n, 0) - at)))
        pool = [("", n) for n in near[:MOST]]
    for variant, node in pool:
        if node is not None:
            own = node in b.at and node in b.path(user)
            v = b.values[node]
            word, v = (say(node), v) if v.shape == x.shape else (f"{say(node)}.T", v.T)
            note = f"{'the own output ' if own else ''}{word} is used in place of {name}"
            yield m("output_for_input" if own else "wrong_array", lambda v=v: v, note, variant)


def _first_above(b: Backward, user: Any, shape: Any) -> Any:
    """The first activation of that shape above an operation: its layer's own output."""
    node = user
    for _ in range(5):
        if b.values[node].shape == shape and is_elementwise(b, node) and node.op.name not in SUMS:
            return node
        if not b.users[node]:
            return None
        node = min((u for u, _ in b.users[node]), key=b.at.__getitem__)
    return None


def _wrong_index(b: Backward, user: Any, g: Any, shape: tuple[int, ...], me: str) -> Iterator[Mutant]:
    """Shares of a repeated index that overwrite each other, or that are averaged."""
    size = int(np.prod(shape))
    places = np.asarray(forward_of(user.op, [np.arange(float(size)).reshape(shape)])).astype(int).reshape(-1)
    if len(set(places.tolist())) == len(places):
        return
    counts = np.maximum(np.bincount(places, minlength=size), 1)
    flat = np.broadcast_to(g, np.shape(g)).reshape(-1)

    def kept(order: Any) -> Any:
        share = np.zeros(size)
        share[places[order]] = flat[order]
        return share.reshape(shape)

    forth = np.arange(len(places))
    note = (
        f"{me}[i] += … keeps the last share of an index that occurs twice: np.add.at(d, i, …) adds "
        "(accumulates) them"
    )
    yield Mutant("index_overwritten", lambda: kept(forth), note)
    note = f"{me} keeps the first share of a repeated index"
    yield Mutant("index_overwritten", lambda: kept(forth[::-1]), note, "first", 0.4)
    mean = lambda: (np.bincount(places, flat, size) / counts).reshape(shape)  # noqa: E731
    note = f"the shares of {me}'s repeated indices are averaged, and belong summed"
    yield Mutant("averaged", mean, note, "repeats")


# ---- Mutants of a whole gradient ------------------------------------------------------------------------------------------


def whole_mutants(b: Backward, grads: Arrays, p: Any, say: Say) -> Iterator[Mutant]:
    """What stands in place of the sum of all shares that a node receives."""
    x, me, m = b.values[p], say(p), Mutant
    yield m("wrong_factor", lambda: grads[p])
    if len(b.users[p]) > 2:
        for user, k in b.users[p]:
            others = [u.op.name for u, _ in b.users[p] if u is not user]
            statistics = any(name in STATISTICS for name in others)
            note = f"only the share of {me} in {say(user)} is kept"
            mistake = "statistics_held_constant" if statistics else "path_missing"
            yield m(mistake, lambda u=user, k=k: fit(b.share(u, k, grads[u]), x.shape), note, "only one")
    yield from _top_mutants(b, grads[p], p, say) if p.parents else _leaf_mutants(b, grads, p, x, me, say)


def _leaf_mutants(b: Backward, grads: Arrays, p: Any, x: Any, me: str, say: Say) -> Iterator[Mutant]:
    """What stands in place of a parameter's gradient: another's, other positions, or a penalty more."""
    g = grads[p]
    note = f"a multiple of {me} itself is added, and the loss has no such penalty"
    yield Mutant("penalty_added", lambda: x, note, added=True)
    for axis in range(x.ndim):
        if x.shape[axis] > 1:
            note = f"{me}'s gradient is in the reverse order along axis {axis}"
            yield Mutant("wrong_index", lambda i=axis: np.flip(g, i), note)
            for n in (1, -1):
                note = f"{me}'s gradient is written one place off along axis {axis}"
                yield Mutant("wrong_index", lambda i=axis, n=n: np.roll(g, n, i), note, str(n))
    for other in b.order:
        theirs = grads[other]
        leaf = other is not p and not other.parents and theirs.size > 1
        if leaf and theirs.shape in (x.shape, x.shape[::-1]):
            share = theirs if theirs.shape == x.shape else theirs.T
            note = f"{me} got the gradient of {say(other)}"
            yield Mutant("wrong_gradient_arrives", lambda s=share: s, note, "leaf", -0.6)


def _top_mutants(b: Backward, own: Any, p: Any, say: Say) -> Iterator[Mutant]:
    """What stands in place of an interior gradient: ones, the loss's value, errors, or a factor more or less."""
    x, me = b.values[p], say(p)
    m, loss = Mutant, float(b.values[b.loss].reshape(-1)[0])
    if not x.shape:
        return
    note = (
        f"1 is passed back at {me}: this is the gradient of the output, without the error (the "
        "loss's derivative)"
    )
    yield m("loss_derivative_missing", lambda: np.ones(x.shape), note)
    note = f"the loss's value stands for its derivative at {me}"
    yield m("loss_for_derivative", lambda: np.full(x.shape, loss), note, "value")
    for node, number in b.values.items():
        a_row = number.ndim == x.ndim - 1 and number.shape == x.shape[:-1]
        v = number[..., None] if a_row else number
        if 1 < v.size < x.size and _spread(v, x.shape) is not None:
            note = f"the factor {say(node)} of {me}'s gradient is left out"
            yield m("factor_missing", lambda v=v: own / v, note, extra=1.0)
            note = f"{me}'s gradient has a factor {say(node)} too much"
            yield m("wrong_factor", lambda v=v: own * v, note, "more", 1.0)
    later = [n for n in b.order[b.at[p] :] if n in b.path(p) and b.values[n].shape == x.shape]
    outputs = [(say(n), b.values[n]) for n in later]
    outputs += [(f"{n}({me})", known(n).at(x)) for n in ("sigmoid", "tanh")]
    for axis in (-1, 0) if x.ndim == 2 else (-1,):
        once, over = softmax(x, axis), " over axis 0" if axis == 0 else ""
        outputs += [(f"softmax({me}){over}", once), (f"softmax(softmax({me}){over})", softmax(once, axis))]
    compared = [n for user in b.path(p) for n in user.parents if n not in b.at]  # on the way to the loss
    targets = [y for y in (b.values[n] for n in dict.fromkeys(compared)) if y.ndim]
    targets = [y for y in targets if _spread(y, x.shape) is not None]
    targets += [(y == y.max(-1, keepdims=True)) * 1.0 for y in targets if y.ndim == 2 and _is_soft(y)]
    for (i, y), (j, (name, v)) in itertools.product(enumerate(targets), enumerate(outputs)):
        for mistake, make, note, which, extra in _wrong_errors(name, v, v - y, me):
            yield m(mistake, make, note, f"{which} {i} {j}", extra)


def _wrong_errors(name: str, v: Any, e: Any, me: str) -> Iterator[tuple[str, Any, str, str, float]]:
    """What is made of an output's error and stands for the gradient at a node."""
    err = f"{name} − target"
    note = f"{err} stands for the gradient at {me}: {PAIRS}"
    mistake = "softmax_twice" if name.startswith("softmax(softmax") else "delta_of_another_loss"
    yield mistake, lambda: e, note, "", 0.0
    yield "loss_for_derivative", lambda: e * e, f"the squared error ({err})² stands at {me}", "square", 0.1
    note = f"sign({err}) stands for the gradient at {me}: that of the absolute error"
    yield "delta_of_another_loss", lambda: np.sign(e), note, "sign", 0.0
    yield "loss_for_derivative", lambda: np.abs(e), f"the absolute error |{err}| stands at {me}", "abs", 0.2
    once = "with this loss the activation's derivative cancels, and is applied once too often"
    slopes = {
        f"{name} · (1 − {name})": lambda: v * (1 - v),
        f"1 − {name}²": lambda: 1 - v * v,
        name: lambda: v,
    }
    for which, (word, slope) in enumerate(slopes.items()):
        yield (
            "activation_derivative_twice",
            lambda s=slope: e * s(),
            f"({err}) · {word}: {once}",
            str(which),
            0.5,
        )


def _is_soft(y: Any) -> bool:
    """Whether the rows of targets are probabilities that no single class has alone."""
    return bool(np.allclose(y.sum(-1), 1.0) and y.max() < 1.0 and y.min() > 0.0)


# ---- Mutants of every step of a kind --------------------------------------------------------------------------------------


def local_mutants(b: Backward, grads: Arrays, user: Any, k: int, known: Any, say: Say) -> Iterator[Mutant]:
    """The mutants of a step that are made of its own numbers alone."""
    if user in known:
        yield from activation_mutants(b, known[user], grads[user], say, local=True)
    yield from edge_mutants(b, grads, user, k, say, local=True)
    p = user.parents[k]
    last = not any(node.op.name in PRODUCTS for node in b.path(p) if node is not p and node.op)
    if last and p.parents and len(b.users[p]) == 1:  # an output, whose one share is its whole gradient
        yield from _top_mutants(b, fit(b.share(user, k, grads[user]), p.shape), p, say)


def groups(b: Backward) -> Iterator[tuple[Any, ...]]:
    """Sets of steps that a program writes in one line: every layer's, every time step's, every use's of one parameter.

    Steps are alike by their label, by how their node is made, or by how its other operands are made.
    """
    levels = [*_signatures(b)]
    found: dict[Any, list[Any]] = {}
    for node in b.order:
        stem = (node.label or "").rstrip("0123456789_")
        for k, parent in enumerate(node.parents):
            if parent in b.at:
                signs: list[Any] = ["any", "any" if parent.parents else id(parent), stem or "any"]
                signs += [told[node] for told in levels]
                signs += [tuple(told[p] for p in node.parents if p is not parent) for told in levels]
                for sign in dict.fromkeys(signs):
                    found.setdefault((node.op.name, k, sign), []).append((node, k))
    seen = set()
    for edges in found.values():
        if len(edges) > 1 and frozenset(edges) not in seen:
            seen.add(frozenset(edges))
            yield tuple(edges)


def all_but_one(b: Backward) -> Iterator[tuple[Any, ...]]:
    """All uses of parameters but the last, or but the first: what is lost where = stands for +=, or a loop ends early."""
    shared = [p for p in b.order if not p.parents and len(b.users[p]) > 1]
    for leaves in ([p] for p in shared) if len(shared) < 2 else (shared, *([p] for p in shared)):
        for last in (max, min):
            kept = [last(b.users[p], key=lambda use: b.at[use[0]]) for p in leaves]
            yield tuple(use for p in leaves for use in b.users[p] if not any(use is k for k in kept))


def _signatures(b: Backward) -> Iterator[dict[Any, int]]:
    """How each node is made, told to a depth of 1, 2, 3 and 4: a state that is a constant at first is told as later ones are."""
    told = {node: id(node) if node in b.at and not node.parents else 0 for node in b.values}
    for _ in range(4):
        told = told | {n: hash((n.op.name, *[told[p] for p in n.parents])) for n in b.order if n.parents}
        yield told


Edits = dict[tuple[Any, int], Any]


def wrong_strides(b: Backward) -> Iterator[tuple[list[Any], Edits, str]]:
    """Windows every so many places whose gradients are taken of windows at every place: the stride forgotten."""
    for source in b.order:
        windows = [u for u, _ in b.users[source] if u.op.name == "getitem"]
        moved = {u: _unit_strides(u.op, b.values[source].shape) for u in windows}
        moved = {u: places for u, places in moved.items() if places is not None}
        edits: Edits = {}
        for window, places in moved.items():
            edits[window, 0] = _scattered(b.values[source], places)
            for user, _ in b.users[window]:
                swap = {
                    i: b.values[source].reshape(-1)[places] for i, p in enumerate(user.parents) if p is window
                }
                for k, parent in enumerate(user.parents):
                    if parent in b.at and parent is not window:
                        edits[user, k] = lambda u, k, g, grads, swap=swap: b.share(u, k, g, swap)
        if moved:
            yield (
                list(moved),
                edits,
                "the windows stand at i, where i · stride belongs (the stride is forgotten)",
            )


def _scattered(x: Any, places: Any) -> Any:
    def made(user: Any, k: int, g: Any, grads: Arrays) -> Any:
        weights = np.broadcast_to(g, places.shape).reshape(-1)
        return np.bincount(places.reshape(-1), weights, x.size).reshape(x.shape)

    return made


def _unit_strides(op: Any, shape: tuple[int, ...]) -> Any:
    """The places that a strided index would read with a stride of 1, or None where it has no other stride."""
    size = int(np.prod(shape))
    places = np.asarray(forward_of(op, [np.arange(float(size)).reshape(shape)])).astype(int)
    units = np.cumprod([1, *shape[:0:-1]])[::-1]  # how far apart neighbours on each axis lie
    result, changed = np.full(places.shape, places.flat[0] if places.size else 0), False
    for axis, n in enumerate(places.shape):
        step = int(places.take(1, axis).flat[0] - places.flat[0]) if n > 1 else 0
        unit = max((int(u) for u in units if u <= step and step % u == 0), default=0)
        changed |= unit not in (0, step)
        index = np.arange(n).reshape([-1 if i == axis else 1 for i in range(places.ndim)])
        result = result + index * unit
    return result if changed and result.max() < size else None
