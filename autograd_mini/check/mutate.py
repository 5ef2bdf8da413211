"""What people write in place of one step of a backward pass: for each step, the wrong shares that it could give.

A step is an edge (user, k): the share that the k-th operand of `user` receives; or a function made of several operations;
or the whole gradient of a node. A mutant makes another share of the same numbers: by the step's formula with a part changed
(formulas.py), or by the operation's own rule with another array in place of an operand or of the gradient that arrives.
So an operation that is added to the table is covered.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..symbols import Expr, Unreadable, call, constant, evaluate, simplify, symbol
from .backward import Arrays, Backward, fit, forward_of, share_expr, softmax
from .formulas import (
    DELTAS,
    G,
    Y,
    between,
    known,
    of_row,
    shown,
    softmaxes,
    wrong_expressions,
    wrong_log_softmaxes,
    wrong_normalisations,
)
from .mistakes import COSTS
from .words import Words

PRODUCTS = {"matmul", "linear"}
DIFFERENCES = {"subtract", "negative"}
SUMS = DIFFERENCES | {"add", "sum", "mean", "positive"}
VIEWS = {"getitem", "transpose", "reshape", "swapaxes"}
STATISTICS = {"mean", "var", "std", "sum", "max"}
MOST = 16  # other arrays that are tried in one place


class Mutant(NamedTuple):
    """A wrong share: its mistake ("" where it is right but for a factor), how to make it, how to say it, and what it costs more."""

    mistake: str
    share: Any  # or what makes it
    note: str | Callable[[], str] = ""
    extra: float = 0.0

    @property
    def text(self) -> str:
        return self.note if isinstance(self.note, str) else self.note()

    @property
    def cost(self) -> float:
        return COSTS.get(self.mistake, 1.5) + self.extra

    @property
    def added(self) -> bool:
        """Whether a multiple of it is added to the right share, in place of a multiple taken for it."""
        return self.mistake in ("weights_updated_before_use", "penalty_added")

    def made(self, share: Any) -> Any:
        """The wrong share in place of a right one, or None where there is none of that shape that is finite."""
        try:
            made = self.share() if callable(self.share) else self.share
        except ValueError:  # of shapes that do not fit: nobody's program would have run
            return None
        fits = made is not None and np.shape(made) == np.shape(share)
        return made if fits and np.isfinite(made).all() else None


Mutants = Iterator[Mutant]
Keyed = Iterator[tuple[Any, Mutant]]  # mutants, and what tells them from others


# ---- Functions, however the forward pass computes them ------------------------------------------------------------------


class Made(NamedTuple):
    """A variable `after` that is a function of another, `before`: of each number, or of all along an axis."""

    before: Any
    after: Any
    name: str
    wrong: Iterable[tuple[str, Expr]]  # what stands for the gradient that it passes back, by mistake
    right: tuple[Expr, ...] = ()  # ways to write that gradient rightly, of g, x and a
    scale: Any = 1.0  # of a normalisation


def is_elementwise(b: Backward, node: Any) -> bool:
    """Whether a node is a function of one variable, element by element."""
    one = len(node.parents) == 1 and not node.op.arrays_only
    return one and b.values[node.parents[0]].shape == b.values[node].shape


def functions_of(b: Backward) -> Iterator[Made]:
    """The variables that are a function of another: element by element, or by their values softmax or normalised."""
    for after in [node for node in b.order if node.parents]:
        out, direct = b.values[after], is_elementwise(b, after)
        sources = _sources(b, after) if out.size > 1 else []
        found = ((node, between(b, node, after)) for node in sorted(sources, key=b.at.__getitem__))
        functions: list[Any] = [next(((node, f) for node, f in found if f), None)]
        if direct and after.op.name not in SUMS:
            row = after.parents[0], of_row(after.op)
            functions = [row, *(pair for pair in functions if pair and pair[0] is not row[0])]
        for before, f in (pair for pair in functions if pair and pair[1]):
            if f.steps > 1:
                yield Made(before, after, f.name, [(m, G * w) for w, m in f.wrong.items()], f.back)
        for node in sources if not direct else ():
            x = b.values[node]
            for axis in (0, 1) if x.ndim == 2 else (-1,):
                yield from (Made(node, after, *parts) for parts in _along(x, out, axis))


def _along(x: Any, out: Any, axis: int) -> Iterator[Any]:
    """Softmax, its logarithm, or a normalisation along an axis, where the values are that."""
    once = softmax(x, axis)
    if x.any() and np.allclose(once, out, rtol=1e-9, atol=1e-12):
        right, wrong = softmaxes(x.shape, axis)
        yield "softmax", wrong, right
    elif x.any() and np.allclose(np.log(once), out, rtol=1e-9, atol=1e-12):
        yield "log_softmax", list(wrong_log_softmaxes(x.shape, axis))
    middle = x - x.mean(axis, keepdims=True)
    scale = (middle * out).sum(axis, keepdims=True) / (middle * middle).sum(axis, keepdims=True)
    enough = x.ndim == 2 and x.shape[axis] > 2 and np.allclose(middle * scale, out, rtol=1e-9, atol=1e-9)
    if enough and np.allclose((out * out).mean(axis), 1, atol=0.2):
        yield "normalise", list(wrong_normalisations(x.shape, axis)), (), scale


def _sources(b: Backward, after: Any) -> list[Any]:
    """The variables of the same shape that a node was computed from, at most six steps back and below no product."""
    found: dict[Any, None] = {}
    edge = {after}
    for _ in range(6):
        below = [node for node in edge if node.op.name not in PRODUCTS]
        edge = {p for node in below for p in node.parents if p in b.users and p.parents}
        found |= dict.fromkeys(p for p in edge if b.values[p].shape == b.values[after].shape)
    return list(found)


def spread(x: Any, shape: tuple[int, ...]) -> Any:
    """x in that shape where it has it, or where NumPy would broadcast it there without a word; else None."""
    if np.shape(x) == shape:
        return x
    try:
        return np.broadcast_to(x, shape) if np.ndim(x) else None
    except ValueError:
        return None


# ---- Steps ----------------------------------------------------------------------------------------------------------------


class Step:
    """What a node receives from a user above it, in a backward pass with these gradients, and its mutants.

    `local`: only mutants that are made of the step's own numbers, and so can be made at every step of a kind alike.
    """

    share: Any  # what is right
    local = False

    def __init__(self, b: Backward, grads: Arrays, words: Words, node: Any, user: Any) -> None:
        self.b, self.grads, self.words, self.say = b, grads, words, words.name
        self.node, self.user = node, user
        self.g, self.x, self.out = grads[user], b.values[node], b.values[user]
        self.me, self.above, self.shape = self.say(node), self.say(user), self.x.shape

    @property
    def where(self) -> str:
        return self.words.place(self.node)

    def mutants(self) -> Mutants:
        raise NotImplementedError

    def formula(
        self, mistake: str, wrong: Expr, right: Any = None, extra: float = 0.0, **others: Any
    ) -> Mutant:
        """The mutant of a formula in g, a (what the user is), x (what the node is) and other arrays by name."""
        name = self.above if self.above.isidentifier() else f"({self.above})"
        words = {"g": f"d{name}", "a": self.above, "x": self.me}
        arrays = {"g": self.g, "a": self.out, "x": self.x} | {
            name: array for name, (array, _) in others.items()
        }

        def note() -> str:
            belongs = "for the gradient" if right is None else f"where {shown(right, **words)} belongs"
            wrongly = shown(wrong, **words | {name: word for name, (_, word) in others.items()})
            return f"{wrongly} stands {belongs}"

        return Mutant(mistake, lambda: fit(evaluate(wrong, arrays), self.shape), note, extra)

    def others(self, x: Any, left_out: Any) -> list[Any]:
        """The nodes whose values have that shape, or would be broadcast to it, those with labels first."""
        b, at = self.b, self.b.at
        same = [n for n, v in b.values.items() if n not in left_out and v.any()]
        same = [n for n in same if spread(b.values[n], x.shape) is not None]
        return sorted(same, key=lambda n: (not getattr(n, "label", None), abs(at.get(n, 0) - at[self.user])))


class FunctionStep(Step):
    """A step through a function, however the forward pass computes it."""

    def __init__(self, b: Backward, grads: Arrays, words: Words, made: Made) -> None:
        super().__init__(b, grads, words, made.before, made.after)
        self.made, self.share = made, b.pull({self.user: self.g}, [self.node])[self.node]

    @property
    def where(self) -> str:
        return f"{self.above} = {self.made.name}({self.me})"

    def mutants(self) -> Mutants:
        right = self.made.right[-1] if self.made.right else None
        scale = self.made.scale, f"(1 / the deviation of {self.me})"
        yield from (self.formula(mistake, wrong, right, s=scale) for mistake, wrong in self.made.wrong)
        yield self.formula("derivative_at_wrong_array", G * call("greater", G, 0.0), right)
        for node in self.others(self.x, {self.node, self.user}) if not self.local else ():
            other = spread(self.b.values[node], self.shape), self.say(node)
            for form in self.made.right:
                yield self.formula("derivative_at_wrong_array", form, right, x=other, a=other)


class Edge(Step):
    """The step from an operation to its k-th operand."""

    def __init__(self, b: Backward, grads: Arrays, words: Words, user: Any, k: int) -> None:
        super().__init__(b, grads, words, user.parents[k], user)
        self.k, self.name = k, user.op.name
        self.multiplies, self.is_leaf = self.name in PRODUCTS and k < 2, not self.node.parents
        self.raw = np.asarray(b.share(user, k, self.g))
        self.share = fit(self.raw, self.shape)

    @property
    def where(self) -> str:
        return self.words.step(self.user, self.k)

    def back(self, g: Any, swap: Any = None) -> Any:
        """The share of another gradient, or of other operands."""
        return fit(self.b.share(self.user, self.k, g, swap), self.shape)

    def mutants(self) -> Mutants:
        yield Mutant("", self.share)
        if self.local:
            yield Mutant("wrong_sign", -self.share, f"{self.me} in {self.above}")
        if self.local or len(self.b.users[self.node]) > 1:
            yield Mutant("path_missing", 0 * self.share, f"{self.me} in {self.above} gives no share")
        yield from self._of_formula()
        yield from self._sums()
        yield from self._samples()
        yield from self._gradients() if not self.local else ()
        for j, operand in enumerate(self.user.parents):
            x, name = self.b.values[operand], self.say(operand)
            depends = x.ndim or self.g.size == 1
            if depends and not np.array_equal(self.back(self.g, {j: x * 1.37 + 0.11}), self.share):
                for mistake, array, word in self._stand_ins(operand, x, name):
                    note = f"{word} stands where {name} belongs, for the gradient of {self.me}"
                    yield Mutant(mistake, partial(self.back, self.g, {j: array}), note)
        if self.name == "getitem":
            yield from overwritten(self.b, self.grads, self.node, [self.user], self.me)

    def _of_formula(self) -> Mutants:
        """The gradient passed on as it is, or put through twice; and the rule's formula with a part of it changed."""
        elementwise, name = is_elementwise(self.b, self.user), self.name
        passed = fit(self.g, self.shape)
        if passed is not None and not np.array_equal(passed, self.share):
            kind = "activation_derivative_missing" if elementwise else "factor_missing"
            kind = "inner_derivative_missing" if name in DIFFERENCES else kind
            if name in PRODUCTS:
                kind = "input_missing" if self.is_leaf else "weights_missing"
            yield Mutant(kind, passed, f"d({self.above}) is passed on to {self.me} as it is ({name})")
            if self.share.shape == self.g.shape and name not in SUMS:
                mistake = "activation_derivative_twice" if elementwise else "wrong_factor"
                yield Mutant(mistake, lambda: self.back(self.share), f"{name} passes it back twice", 0.3)
        if elementwise or name in {*SUMS, *VIEWS, *PRODUCTS, "multiply"}:
            return  # the first have been read as functions; of the others nothing else can be left out
        parts: dict[str, Any] = {
            f"x{i}": (self.b.values[p], self.say(p)) for i, p in enumerate(self.user.parents)
        }
        operands = [symbol(part, array.shape) for part, (array, _) in parts.items()]
        with suppress(Unreadable):
            g, a = (symbol(part, self.g.shape) for part in "ga")
            right = simplify(share_expr(self.user.op, self.k, g, a, operands), for_readers=True)
            changed = [*wrong_expressions(right)]
            yield from (self.formula(mistake, wrong, right, **parts) for mistake, wrong in changed)

    def _sums(self) -> Mutants:
        """Where broadcasting had stretched an operand, its share is a sum: over the wrong axis, or over all."""
        raw, shape = self.raw, self.shape
        wide = (1,) * (raw.ndim - len(shape)) + shape
        axes = [i for i, n in enumerate(wide) if n == 1 and raw.shape[i] > 1] if raw.ndim == 2 else []
        if raw.shape == shape or len(axes) != 1:
            return
        across, size, belongs = raw.sum(1 - axes[0]), max(shape, default=1), f"where axis {axes[0]} belongs"
        if across.size >= size > 1:
            yield Mutant("wrong_axis", lambda: across[:size].reshape(shape), f"axis {1 - axes[0]}, {belongs}")
        yield Mutant("wrong_axis", lambda: np.full(shape, raw.sum()), f"all axes, {belongs}", 0.1)

    def _samples(self) -> Mutants:
        """Where a share sums over an axis of g: one sample alone is kept, or g is summed before it meets the samples.

        Each is the operation's own rule, given a gradient of which a part is 0, or which is the sum everywhere.
        """
        g, me, multiplies = self.g, self.me, self.multiplies
        of_samples, first = self.is_leaf or (g.size > self.x.size and not multiplies), "summed_before_product"
        for axis, n in enumerate(g.shape if of_samples or multiplies else ()):
            place = np.arange(n).reshape([-1 if i == axis else 1 for i in range(g.ndim)])
            halves = [self.back(g * part) for part in (place < n // 2, place >= n // 2)]
            if halves[0] is None or not np.any(halves[0] * halves[1]):
                continue  # nothing is summed over this axis
            total = np.broadcast_to(g.sum(axis, keepdims=True), g.shape)
            if multiplies:
                note = f"for {me} a product of sums stands where a matrix product belongs"
                yield Mutant(first, partial(self.back, total), note)
            for i in (range(n) if n <= 12 else (n - 1, 0)) if of_samples else ():
                yield Mutant(
                    "one_sample_only", partial(self.back, g * (place == i)), f"sample {i}'s, of {me}"
                )
                if multiplies:
                    note = f"for {me} the sum of all errors meets the input of sample {i} (its row) alone"
                    yield Mutant(first, partial(self.back, total * (place == i)), note, 0.2)
        x = self.b.values[self.user.parents[1 - self.k]] if multiplies else g
        if multiplies and not self.is_leaf and self.share.ndim == 2:
            one = np.broadcast_to(self.share.sum(1 - self.k, keepdims=True), self.shape)
            yield Mutant(first, one, f"one sum stands for each unit of {me}: an elementwise product is meant")
        elif multiplies and x.shape == g.shape and g.size == self.x.size:
            yield Mutant("elementwise_for_matrix_product", lambda: (x * g).reshape(self.shape), f"for {me}")

    def _gradients(self) -> Mutants:
        """Another array's gradient where this one's arrives, put through the rule or passed on as it is."""
        b, g, at = self.b, self.g, self.b.at
        nodes = [n for n in b.order if n not in {self.user, self.node} and n.parents]
        nodes = [n for n in nodes if self.grads[n].size > 1 or g.size == 1]
        for node in sorted(nodes, key=lambda n: abs(at[n] - at[self.user]))[:MOST]:
            arriving, passed = spread(self.grads[node], g.shape), spread(self.grads[node], self.shape)
            later = node in b.path(self.user)
            note = f"the gradient of {self.say(node)} stands where that of {{}} belongs"
            if arriving is not None and not np.array_equal(arriving, g):
                skipped = later and is_elementwise(b, node)
                mistake = "activation_derivative_missing" if skipped else "wrong_gradient_arrives"
                yield Mutant(mistake, partial(self.back, arriving), note.format(self.above), 0.4 * skipped)
                if skipped and self.multiplies and b.values[node].shape == self.shape:
                    slope = b.share(node, 0, np.ones(self.shape))
                    yield Mutant(
                        "slope_on_wrong_side", self.back(arriving) * slope, f"that of {node.op.name}"
                    )
            if passed is not None:
                missing = self.name in PRODUCTS and later
                mistake = "weights_missing" if missing else "wrong_gradient_arrives"
                yield Mutant(mistake, passed, note.format(self.me), 0.8 if missing else 0.2)

    def _stand_ins(self, operand: Any, x: Any, name: str) -> Iterator[tuple[str, Any, str]]:
        """What can stand in an operand's place: by mistake, and what it is called."""
        b, values, updated = self.b, self.b.values, "weights_updated_before_use"
        is_constant = operand not in b.at
        if x.ndim > 1 and x.shape[-1] == x.shape[-2]:
            yield "transposed", np.swapaxes(x, -1, -2), f"{name}.T"
        if not is_constant and x.size > 1:
            yield (
                "gradient_for_value",
                self.grads.get(operand, b.grads[operand]),
                f"the gradient of {name} (d{name})",
            )
        moved = self._moved(operand) if len(self.user.parents) > 1 else None
        if moved is not None:
            yield updated, moved, f"{name} after its update"
        if self.name in ("square", "power") and not is_constant and not self.local:
            for leaf in [n for n in b.order if not n.parents and operand in b.path(n)][:MOST]:
                word = f"the error, computed again after {self.say(leaf)} was updated (update all at once),"
                yield updated, b.push(leaf, self.grads[leaf])[operand], word
        if x.ndim and is_constant and (x == 0).any():
            for n in dict.fromkeys((float(x.max()), 1.0)) if np.unique(x).size == 2 and x.min() == 0 else ():
                yield "mask_missing", np.full_like(x, n), f"{n:g} (without the mask)"
            yield "factor_missing", (x != 0) * 1.0, f"1 wherever {name} is not 0"
        if self.local:
            below = next((p for p in operand.parents if p in values and values[p].shape == x.shape), None)
            pool = [(n, values[n], self.say(n)) for n in (self._first_above(x.shape), below) if n is not None]
        else:
            pool = [(n, values[n], self.say(n)) for n in self.others(x, {operand})]
            if operand.op is not None and operand.op.name == "transpose" and x.ndim == 2:
                pool += [(n, values[n].T, f"{self.say(n)}.T") for n in self.others(x.T, {operand})]
            pool = [one for one in pool if one[1].shape == x.shape][:MOST]
        for node, v, word in pool:
            own = node in b.at and node in b.path(self.user)
            yield ("output_for_input", v, f"the own output {word}") if own else ("wrong_array", v, word)

    def _moved(self, node: Any) -> Any:
        """How a parameter, or a view of one, moves with the parameter's gradient; None for what is no view of a parameter."""
        views = []
        while node.parents and node.op.name in VIEWS and node in self.b.at:
            views.append(node.op)
            node = node.parents[0]
        if node not in self.b.at or node.parents or self.b.values[node].size < 2:
            return None
        moved = self.grads.get(node, self.b.grads[node])
        for op in reversed(views):
            moved = forward_of(op, [moved])
        return moved

    def _first_above(self, shape: Any) -> Any:
        """The first activation of that shape above the operation: its layer's own output."""
        b, node = self.b, self.user
        for _ in range(5):
            if b.values[node].shape == shape and is_elementwise(b, node) and node.op.name not in SUMS:
                return node
            if not b.users[node]:
                return None
            node = min((u for u, _ in b.users[node]), key=b.at.__getitem__)
        return None


def places_of(b: Backward, node: Any, user: Any) -> Any:
    """The positions, in the flat node, that an index reads."""
    numbers = np.arange(float(b.values[node].size)).reshape(b.values[node].shape)
    return np.asarray(forward_of(user.op, [numbers])).astype(int)


def overwritten(b: Backward, grads: Arrays, node: Any, users: list[Any], me: str) -> Mutants:
    """Shares of positions that are read more than once, in one index or by several windows: overwritten, or averaged."""
    x = b.values[node]
    places = np.concatenate([places_of(b, node, u).reshape(-1) for u in users])
    flat = np.concatenate([np.ravel(np.broadcast_to(grads[u], b.values[u].shape)) for u in users])
    counts = np.bincount(places, minlength=x.size)
    if counts.max(initial=0) < 2:
        return

    def kept(order: int) -> Any:
        share = np.zeros(x.size)
        share[places[::order]] = flat[::order]
        return share.reshape(x.shape)

    note = f"of a place of {me} that is read twice (a repeated index, overlapping windows) one share is kept"
    note += ": np.add.at(d, i, …), or += for windows, adds (accumulates) them"
    yield Mutant("index_overwritten", lambda: kept(1), note)
    yield Mutant("index_overwritten", lambda: kept(-1), note, 0.4)
    mean = lambda: (np.bincount(places, flat, x.size) / np.maximum(counts, 1)).reshape(x.shape)  # noqa: E731
    yield Mutant("averaged", mean, f"the shares of {me}'s repeated indices")


class Whole(Step):
    """The sum of all shares that a node receives; or what is given as that."""

    def __init__(self, b: Backward, grads: Arrays, words: Words, node: Any, share: Any = None) -> None:
        super().__init__(b, grads if share is None else grads | {node: share}, words, node, node)
        self.share = self.g

    def mutants(self) -> Mutants:
        b, users, g, me = self.b, self.b.users[self.node], self.g, self.me
        yield Mutant("", g)
        for user, k in users if len(users) > 2 else ():
            others = {u.op.name for u, _ in users if u is not user}
            mistake = "statistics_held_constant" if others & STATISTICS else "path_missing"
            only = partial(lambda u, k: fit(b.share(u, k, self.grads[u]), self.shape), user, k)
            yield Mutant(mistake, only, f"only the share of {me} in {self.say(user)} is kept")
        windows = [u for u, _ in users if u.op.name == "getitem"]
        if len(windows) == len(users) > 1:
            yield from overwritten(b, self.grads, self.node, windows, me)
        if g.ndim > 1 and g.shape[-1] == g.shape[-2]:
            yield Mutant("transposed", np.swapaxes(g, -1, -2), f"the gradient of {me} is transposed", 0.2)
        yield from self.deltas() if self.node.parents else self._leaf()

    def _leaf(self) -> Mutants:
        """What stands in place of a parameter's gradient: another's, other positions, or a penalty more."""
        x, me, g = self.x, self.me, self.g
        yield Mutant("penalty_added", x, f"a multiple of {me} itself is added")
        for axis in [i for i, n in enumerate(x.shape) if n > 1]:
            moves = {"in the reverse order": np.flip(g, axis)}
            moves |= {f"{n:+d} place off": np.roll(g, n, axis) for n in (1, -1)}
            yield from (
                Mutant("wrong_index", y, f"d{me} is {how} along axis {axis}") for how, y in moves.items()
            )
        for other in [n for n in self.b.order if n is not self.node and not n.parents]:
            theirs = [
                y for y in (self.grads[other], self.grads[other].T) if y.size > 1 and y.shape == x.shape
            ]
            note = f"{me} got that of {self.say(other)}"
            yield from (Mutant("wrong_gradient_arrives", y, note, -0.6) for y in theirs[:1])

    def deltas(self) -> Mutants:
        """What stands in place of an interior gradient: ones, the loss's value, errors, or a factor more or less."""
        b, x, loss = self.b, self.x, self.b.values[self.b.loss].reshape(())
        if not x.shape:
            return
        yield self.formula("loss_derivative_missing", constant(1.0))
        yield self.formula("loss_for_derivative", Y, y=(loss, "the loss's value"))
        for node, number in b.values.items():
            a_row = number.ndim == x.ndim - 1 and number.shape == x.shape[:-1]
            v, name = number[..., None] if a_row else number, self.say(node)
            if 1 < v.size < x.size and spread(v, x.shape) is not None:
                yield self.formula("factor_missing", G / Y, G, 1.0, y=(v, name))
                yield self.formula("wrong_factor", G * Y, G, 1.0, y=(v, name))
        pairs = itertools.product(self._targets(), self._outputs(), enumerate(DELTAS))
        for y, a, (n, (mistake, delta)) in pairs:
            kind = "softmax_twice" if not n and a[1].startswith("softmax(softmax") else mistake
            yield self.formula(kind, delta, None, 0.5 if n > 3 else 0.1 if n else 0.0, a=a, y=y)

    def _outputs(self) -> list[tuple[Any, str]]:
        """What can be taken for the network's output at this node."""
        b, x, me = self.b, self.x, self.me
        later = [n for n in b.order if n in b.path(self.node) and b.values[n].shape == x.shape]
        outputs = [(b.values[n], self.say(n)) for n in later]
        outputs += [(known(n).at(x), f"{n}({me})") for n in ("sigmoid", "tanh")]
        for axis in (-1, 0) if x.ndim == 2 else (-1,):
            once, over = softmax(x, axis), " over axis 0" if axis == 0 else ""
            outputs += [(once, f"softmax({me}){over}")]
            outputs += [(softmax(once, axis), f"softmax(softmax({me}){over})")]
        return outputs

    def _targets(self) -> list[tuple[Any, str]]:
        """What the output is compared with on the way to the loss; of soft labels also the classes."""
        b = self.b
        compared = dict.fromkeys(n for user in b.path(self.node) for n in user.parents if n not in b.at)
        found = [(b.values[n], self.say(n)) for n in compared if spread(b.values[n], self.shape) is not None]
        soft = [one for one in found if one[0].ndim == 2 and 0 < one[0].min() < one[0].max() < 1]
        soft = [one for one in soft if np.allclose(one[0].sum(-1), 1.0)]
        return found + [((y == y.max(-1, keepdims=True)) * 1.0, f"the class of {name}") for y, name in soft]


# ---- Steps of a kind ------------------------------------------------------------------------------------------------------


def local_mutants(b: Backward, grads: Arrays, user: Any, k: int, made: Any, words: Words) -> Keyed:
    """The mutants of a step that are made of its own numbers, by what tells them from others at every step of a kind.

    `made`: the functions, by what they make.
    """
    edge, p = Edge(b, grads, words, user, k), user.parents[k]
    found: list[Step] = [FunctionStep(b, grads, words, made[user])] if user in made else []
    for step in (found := [*found, edge]):
        step.local = True
    steps = {type(step).__name__: step.mutants() for step in found}
    last = not any(node.op.name in PRODUCTS for node in b.path(p) if node is not p and node.op)
    if last and p.parents and len(b.users[p]) == 1:  # an output, whose one share is its whole gradient
        steps["delta"] = Whole(b, grads, words, p, edge.share).deltas()
    counts: Counter[Any] = Counter()
    for where, mutants in steps.items():
        for mutant in mutants:
            counts[where, mutant.mistake] += 1
            yield (where, mutant.mistake, counts[where, mutant.mistake]), mutant


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
    yield from dict.fromkeys(tuple(edges) for edges in found.values() if len(edges) > 1)


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


def wrong_strides(b: Backward) -> Iterator[tuple[list[Any], dict[tuple[Any, int], Any]]]:
    """Windows every so many places whose gradients are taken of windows at every place, the stride forgotten: the edits."""
    for source in b.order:
        x = b.values[source]
        windows = [u for u, _ in b.users[source] if u.op.name == "getitem" and b.values[u].size]
        coordinates = [np.unravel_index(places_of(b, source, u), x.shape) for u in windows]
        axes = range(x.ndim if windows else 0)
        starts = [np.unique([c[axis].min() for c in coordinates]) for axis in axes]
        edits: dict[tuple[Any, int], Any] = {}
        for window, old in zip(windows, coordinates, strict=True):
            new = [_at_every_place(c, begin) for c, begin in zip(old, starts, strict=True)]
            if all(map(np.array_equal, new, old)):
                continue
            places = np.ravel_multi_index(new, x.shape)
            edits[window, 0] = partial(_scattered, x, places)
            for user, _ in b.users[window]:
                swap = {i: x.reshape(-1)[places] for i, p in enumerate(user.parents) if p is window}
                for k in [k for k, p in enumerate(user.parents) if p in b.at and p is not window]:
                    edits[user, k] = partial(lambda swap, u, k, g, grads: b.share(u, k, g, swap), swap)
        if edits:
            yield windows, edits


def _at_every_place(c: Any, starts: Any) -> Any:
    """One axis' coordinates of a window, with a stride of 1 within it and from window to window."""
    inner = np.unique(c, return_inverse=True)[1].reshape(c.shape)
    return starts.min() + np.searchsorted(starts, c.min()) + inner


def _scattered(x: Any, places: Any, user: Any, k: int, g: Any, grads: Arrays) -> Any:
    weights = np.broadcast_to(g, places.shape).reshape(-1)
    return np.bincount(places.reshape(-1), weights, x.size).reshape(x.shape)
