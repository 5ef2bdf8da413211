"""What is wrong with my gradients? A search for the mistake that gives a person's own numbers.

    normalise   shape, layout, precision, and what is right by a convention
    explain     from the loss down: for the wrong array nearest the loss, each step above it is tried with each mutant
                (mutate.py); what gives that array and spoils none that is right is kept, and the search goes on below it
    report      the likeliest explanation first, those that give the same numbers after it

Backward is linear, so a mutant is pulled down alone: mine − right = c · pulled(mutant) − pulled(right share). The factor c
comes from least squares, and is accepted where it has a meaning: a size of the problem, its inverse, 2, −1, the loss.
"""

import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..errors import GraphError
from .backward import Arrays, Backward, fit, is_node
from .mutate import (
    Mutant,
    activation_mutants,
    activations,
    all_but_one,
    edge_mutants,
    groups,
    local_mutants,
    whole_mutants,
)
from .report import Finding, Report, finding, relation
from .words import Words, penalties

FLOAT64, FLOAT32 = 1e-9, 3e-5  # how far a right number may be off, in units of its condition
LIKELY = 1.8  # what the first of a pair of faults may cost
BEAM, DEEPEST = 6, 8  # explanations that are followed at a time, and how many faults they may have
SMALL = 30  # elements of a node whose effect on another is kept as a matrix
SECONDS, QUICK = 4.0, 0.6  # for the whole search, and for its first stage


@dataclass(frozen=True)
class Fault:
    """One mistake at one step: which, where (the node whose gradient it spoils, and the step), and how it reads."""

    mistake: str
    node: Any
    where: str
    note: str
    cost: float
    steps: Any = ()  # the edges where it stands alike
    target: Any = None  # the given array that it was found by


@dataclass
class State:
    """A backward pass with some faults in it: the gradients that it gives, and what it does not explain yet."""

    grads: Arrays
    faults: tuple[Fault, ...] = ()
    unmatched: tuple[Any, ...] = ()
    private: bool = False

    @property
    def cost(self) -> float:
        """Faults of one kind count less from the second on: people repeat a mistake in every layer."""
        total, seen = 0.0, set()
        for fault in self.faults:
            total += 0.3 * fault.cost if fault.mistake in seen else fault.cost
            seen.add(fault.mistake)
        return total


def diagnose(
    loss: Any,
    mine: Mapping[Any, Any] | None = None,
    *,
    values: Mapping[Any, Any] | None = None,
    after: Mapping[Any, Any] | None = None,
    lr: float | None = None,
) -> Report:
    """Return what is wrong with a person's own gradients of a recorded loss, where, why, and the right line of NumPy.

    Args:
        loss: the recorded loss, a scalar node; or a function without arguments that records it.
        mine: the person's arrays, by node or label: gradients of parameters, and of interior nodes (deltas) where there are.
        values: the person's own forward values, by node or label: where they differ, nothing behind them can be right.
        after: parameters after the person's update, in place of gradients: they are (before − after) / lr.
        lr: the learning rate of that update.

    Returns:
        A Report: `right` and `wrong` (labels), `explained`, `findings` (`mistake`, `where`, `why`, `fix`), `notes`.

    Raises GraphError for an array of something that the loss does not depend on, ValueError where `after` needs an `lr`.

    >>> import numpy as np, autograd_mini as ag
    >>> X, Y = np.array([[1.0, 2.0], [3.0, -1.0]]), np.array([[1.0], [0.0]])
    >>> W = ag.Tensor([[0.5], [-0.2]], label="W")
    >>> loss = ((ag.sigmoid(X @ W) - Y) ** 2).sum() / 2
    >>> p = 1 / (1 + np.exp(-X @ W.data))
    >>> diagnose(loss, {W: X.T @ (p - Y)}).findings[0].mistake
    'activation_derivative_missing'
    """
    loss = loss() if not is_node(loss) else loss
    if not is_node(loss) or not loss.requires_grad or loss.size != 1:
        raise GraphError("diagnose: the loss must be a recorded scalar that depends on a variable")
    search = Search(Backward(loss), lr)
    given = {search.node(key): array for key, array in (mine or {}).items()}
    stepped = {search.node(key): array for key, array in (after or {}).items()}
    notes = search.read_step(stepped, given, lr)
    search.normalise(given, notes)
    report = search.report(notes)
    forward = search.forward(values or {})
    if forward:
        report.findings.insert(0, forward)
        report.explained = report.explained or bool(report.wrong)
    return report


class Search:
    """The search for what explains the arrays that were given."""

    def __init__(self, b: Backward, lr: float | None) -> None:
        self.b, self.lr, self.words = b, lr, Words(b)
        self.say = self.words.name
        self.mine: Arrays = {}
        self.tolerance: dict[Any, float] = {}
        self.right: list[Any] = []
        self.wrong: dict[Any, None] = {}
        self.notes: list[str] = []
        self.rounding = b.rounding()
        self.sizes = self._sizes()
        self.end = time.perf_counter() + SECONDS
        self.limit = self.end  # of the stage that runs

    # ---- What was given ------------------------------------------------------------------------------------------------

    def node(self, key: Any) -> Any:
        """The variable that a key of `mine` means: a node, or the label of one."""
        if is_node(key):
            if key in self.b.at:
                return key
            raise GraphError(f"diagnose: the loss does not depend on {key.name}")
        named = [node for node in self.b.order if node.label == key]
        if len(named) != 1:
            known = ", ".join(sorted({node.label for node in self.b.order if node.label}))
            raise GraphError(f"diagnose: {len(named)} variables are labelled {key!r}; there are: {known}")
        return named[0]

    def read_step(self, after: Arrays, given: dict[Any, Any], lr: float | None) -> list[str]:
        """Gradients from parameters before and after an update, put into `given`; what is to be said of it."""
        steps = {node: self.b.values[node] - np.asarray(new, float) for node, new in after.items()}
        if not steps:
            return []
        if any(node in given for node in steps):
            node = next(node for node in steps if node in given)
            old = np.asarray(given[node], float).reshape(steps[node].shape)
            if (steps[node] * old).sum() < 0:  # gradients that are added: so they are negated on purpose
                for key in given:
                    given[key] = -np.asarray(given[key], float)
                return [
                    "Your arrays are the negated gradients and your update adds them: both together are right."
                ]
            return []
        if lr is None:
            ratios = [
                float((d * g).sum() / (g * g).sum())
                for node, d in steps.items()
                if (g := self.b.grads[node]).any()
            ]
            fits = [
                r
                for r in ratios
                if any(np.allclose(d, r * self.b.grads[n], rtol=1e-7, atol=1e-12) for n, d in steps.items())
            ]
            if not fits:
                raise ValueError("diagnose: after= alone does not say how long a step is: pass lr= too")
            lr = abs(fits[0])
        given.update({node: d / lr for node, d in steps.items()})
        return [f"The gradients are read from your update: (before − after) / {lr:g}."]

    def forward(self, values: Mapping[Any, Any]) -> Finding | None:
        """The first of the person's own forward values that differs from the recorded one."""
        theirs = {self.node(key): np.asarray(x, float) for key, x in values.items()}
        for node in self.b.order:
            if node in theirs:
                ours, x = self.b.values[node], theirs[node]
                x = x.T if x.shape != ours.shape and x.T.shape == ours.shape else x
                if x.shape != ours.shape or not np.allclose(
                    x, ours, rtol=1e-4, atol=1e-6 * max(1.0, np.abs(ours).max())
                ):
                    note = f"{self.say(node)} is the first value that differs, {relation(x, ours)}"
                    return finding(
                        "forward_differs",
                        self.say(node),
                        note,
                        f"{self.say(node)} = {self.words.forward(node)}",
                    )
        return None

    def normalise(self, given: Mapping[Any, Any], notes: list[str]) -> None:
        """Bring each array into its node's layout and say which are right, by a convention too."""
        self.notes, self.shapeless = notes, {}
        for node, array in given.items():
            raw = np.asarray(array.data if is_node(array) else array)
            found = self._laid_out(node, np.asarray(raw, float), raw.dtype == np.float32)
            if found is None:
                self.shapeless[node] = np.asarray(raw, float)
            else:
                self.mine[node] = found
        self._conventions()

    def _laid_out(self, node: Any, x: Any, single: bool) -> Any:
        shape, right = self.b.values[node].shape, self.b.grads[node]
        self.tolerance[node] = self._allowed(node, x, single)
        options = [x] if x.shape == shape else []
        if x.ndim == 2 and x.T.shape == shape and x.shape != shape:
            options.append(x.T)
        if x.size == right.size and x.shape != shape:
            options += [x.reshape(shape), x.reshape(shape, order="F")]
        for option in options:
            if self.near(node, option, right) or self.near(node, -option, right):
                if option.shape != x.shape or not np.array_equal(option, x):
                    word = "transposed" if option is not options[-1] and x.ndim == 2 else "in another shape"
                    self.notes.append(
                        f"Your {self.say(node)} is {word} ({x.shape} for {shape}): the same numbers, so it is right."
                    )
                return option
        folded = self._unfolded(node, x)
        return folded if folded is not None else options[0] if options else None

    def _unfolded(self, node: Any, x: Any) -> Any:
        """The weights' part of an array that has the bias as one more row or column."""
        shape = self.b.values[node].shape
        for y in (x, x.T) if x.ndim == 2 and len(shape) == 2 else ():
            for axis in (0, 1):
                if y.shape[axis] == shape[axis] + 1 and y.shape[1 - axis] == shape[1 - axis]:
                    for first in (True, False):
                        part = y.take(range(first, shape[axis] + first), axis)
                        bias = y.take(0 if first else -1, axis)
                        other = [
                            n
                            for n in self.b.order
                            if n is not node
                            and n.size == bias.size
                            and not n.parents
                            and self.near(
                                n, bias.reshape(n.shape), self.b.grads[n], self._allowed(n, bias, False)
                            )
                        ]
                        if self.near(node, part, self.b.grads[node]) or other:
                            self.notes.append(
                                f"Your {self.say(node)} has the bias folded in as one more {'column' if axis else 'row'}: that is right."
                            )
                            return part
        return None

    def _allowed(self, node: Any, x: Any, single: bool) -> float:
        """How far an array may be off: by its condition and precision, or by its printed decimals."""
        right = self.b.grads[node]
        condition = float(np.nan_to_num(np.max(self.rounding.get(node, 0.0), initial=0.0), posinf=0.0))
        scale = max(condition, float(np.max(np.abs(right), initial=0.0)))
        with np.errstate(over="ignore"):
            single = single or bool(np.array_equal(x, x.astype(np.float32)) and x.any())
        allowed = scale * (FLOAT32 if single else FLOAT64) + 1e-300
        for places in range(4, 9):
            if np.array_equal(np.round(x, places), x) and np.any(np.round(x, places - 1) != x):
                return max(allowed, 0.51 * 10.0**-places)
        return allowed

    def near(self, node: Any, x: Any, y: Any, allowed: float | None = None) -> bool:
        """Whether two arrays are the same but for errors of rounding."""
        allowed = self.tolerance[node] if allowed is None else allowed
        with np.errstate(all="ignore"):
            error = np.max(np.abs(x - y), initial=0.0)
            grown = max(
                1.0,
                float(np.max(np.abs(x), initial=0.0))
                / (float(np.max(np.abs(self.b.grads[node]), initial=0.0)) + 1e-300),
            )
            return bool(error <= allowed * min(grown, 1e6))

    def _conventions(self) -> None:
        """Deltas that are a constant times ours, and arrays that are all negated: right where the rest says so."""
        b = self.b
        wrong = {node for node, x in self.mine.items() if not self.near(node, x, b.grads[node])}
        nonzero = [node for node in self.mine if b.grads[node].any()]
        self.negated = (
            bool(nonzero)
            and all(self.near(node, -self.mine[node], b.grads[node]) for node in nonzero)
            and not self.shapeless
        )
        if self.negated:
            self.notes.append(
                "Every array is exactly the negated gradient: right if your update adds it (w += lr · d), wrong if it subtracts it."
            )
            wrong = set()
        parameters = [node for node in self.mine if not node.parents]
        for node in [node for node in self.mine if node in wrong and node.parents]:
            c = self.ratio(node, self.mine[node], b.grads[node])
            below = [p for p in parameters if node in b.path(p)]
            right = [p for p in below if p not in wrong]
            batch = self.sizes.get("the batch", 0)
            if c is not None and below and (len(right) == len(below) or right and np.isclose(abs(c), batch)):
                self.notes.append(
                    f"Your {self.say(node)} is {c:.6g} times the gradient, by convention: what you make of it "
                    f"{'divides by that later' if c > 1 else 'makes up for it'}, so it is right (the division by the batch, or the sign, comes later)."
                )
                self.mine[node] = b.grads[node]
                wrong.remove(node)
        self.wrong = dict.fromkeys([*(node for node in self.mine if node in wrong), *self.shapeless])
        self.right = [node for node in self.mine if node not in wrong]

    def ratio(self, node: Any, x: Any, y: Any, allowed: float | None = None) -> float | None:
        """The one number c of x = c · y, or None."""
        norm = float((y * y).sum())
        c = float((x * y).sum()) / norm if norm else 0.0
        allowed = self.tolerance[node] if allowed is None else allowed
        fits = c and np.isfinite(c) and np.max(np.abs(x - c * y), initial=0.0) <= allowed * max(1.0, abs(c))
        return c if fits else None

    # ---- Factors with a meaning ------------------------------------------------------------------------------------------

    def _sizes(self) -> dict[str, float]:
        """The sizes of the problem by name: the batch, the features, the outputs."""
        b = self.b
        found: dict[str, Any] = {}
        for node in b.order:
            for k, parent in enumerate(node.parents):
                if (
                    node.op.name in ("matmul", "linear")
                    and len(node.parents) > 1
                    and parent in b.at
                    and not parent.parents
                    and b.values[parent].ndim
                ):
                    x = b.values[node.parents[1 - k]] if k < 2 else b.values[node]
                    axis = -1 if k == 0 else 0
                    found.setdefault("the batch", x.shape[axis] if x.ndim > 1 else 1)
                    found.setdefault("the features", x.shape[1 + axis] if x.ndim > 1 else x.size)
                    found["the outputs"] = b.values[node].size // max(1, found["the batch"])
        top = [b.values[n] for n in b.order if n.size > 1 and n.parents]
        if top and "the batch" not in found:
            found["the batch"] = top[-1].shape[0]
        for x in b.values.values():
            for n in x.shape:
                found.setdefault(f"an axis of length {n}", n)
        return {name: float(n) for name, n in found.items() if n > 1}

    def factor(self, c: float, node: Any = None) -> tuple[str, str, float] | None:
        """The mistake that a factor tells of, how it reads, and how unlikely it is; None where it has no meaning."""

        def same(x: float) -> bool:
            return bool(abs(c / x - 1) < 1e-6) if x else False

        loss = float(self.b.values[self.b.loss].reshape(-1)[0])
        if same(1.0):
            return "", "", 0.0
        if c < 0:
            rest = self.factor(-c, node)
            return (
                None
                if rest is None
                else (
                    "wrong_sign" if not rest[0] else rest[0],
                    "the sign is wrong (it is negated)" + (f", and {rest[1]}" if rest[1] else ""),
                    0.4 + rest[2],
                )
            )
        batch = self.sizes.get("the batch", 1.0)
        if same(batch) and batch > 2:
            return (
                "not_divided_by_batch",
                f"it is {c:g} times too large: the division by the batch, {batch:g} (1/m), is missing",
                0.0,
            )
        if same(1 / batch) and batch > 2:
            return (
                "divided_by_batch_twice",
                f"it is {batch:g} times too small: divided by the batch, {batch:g}, once more (1/m twice)",
                0.0,
            )
        if same(2.0) or same(0.5):
            return (
                "factor_two",
                "it is twice too large (doubled): a 2 too much"
                if c > 1
                else "it is half of it: the 2 of a square's derivative is missing",
                0.1,
            )
        if self.lr and same(self.lr):
            return (
                "learning_rate_in_gradient",
                f"it is multiplied by the learning rate {self.lr:g} already",
                0.1,
            )
        sizes = list(self.sizes.items())
        for name, n in sizes:
            if same(n) or same(1 / n):
                return (
                    "wrong_mean",
                    f"it is {c:.6g} times the right one: {'not ' if c > 1 else ''}divided by {name} ({n:g})"
                    + (", over which the loss's mean runs" if c > 1 else " once more"),
                    0.3,
                )
        for (name, n), (other, m) in itertools.permutations(sizes, 2):
            if same(n / m):
                return (
                    "wrong_mean",
                    f"it is divided by {other} ({m:g}) where {name} ({n:g}) is meant: the ratio is {c:.6g}",
                    0.5,
                )
            if same(n * m) or same(1 / (n * m)):
                return (
                    "wrong_mean",
                    f"it is {'not divided' if c > 1 else 'divided once more'} by {name} ({n:g}) and {other} ({m:g}): the ratio is {c:.6g}",
                    0.6,
                )
            if same(2 * n) or same(2 / n) or same(n / 2) or same(0.5 / n):
                return (
                    "wrong_mean",
                    f"a factor 2 and {name} ({n:g}) are out of place: the ratio is {c:.6g}",
                    0.7,
                )
        if loss > 0 and (
            same(loss) or same(loss * batch) or same(loss * 2) or same(loss / 2) or same(loss * batch / 2)
        ):
            return "multiplied_by_loss", f"it is multiplied by the value of the loss, {loss:.6g}", 0.3
        for root in (np.sqrt(n) for n in self.sizes.values()):
            if same(root) or same(1 / root):
                return (
                    "wrong_factor",
                    f"the factor is {c:.6g}, the root of a size: √{root * root:g} {'is missing below' if c > 1 else 'is there once too often'}",
                    0.6,
                )
        if same(4.0) or same(0.25) or same(3.0) or same(1 / 3):
            return (
                "wrong_factor",
                f"it is {c:.4g} times the right one (four times: a 2 twice)"
                if same(4.0)
                else f"it is {c:.4g} times the right one",
                0.5,
            )
        return None

    # ---- The search --------------------------------------------------------------------------------------------------------

    def explain(self) -> list[State]:
        """The explanations of all wrong arrays, the likeliest first; the last resort is one that leaves arrays unexplained."""
        wrong = [node for node in self.wrong if node in self.mine]
        states, done = [State(self.b.grads, (), tuple(wrong))], []
        if not wrong:
            return states
        self.activations = activations(self.b)
        self.penalty_rates = self._penalty_rates()
        with np.errstate(all="ignore"):
            for depth in range(DEEPEST):
                self.stage(QUICK if not depth else SECONDS / 2)
                found = self._distinct(after for state in states for after in self.next(state, depth > 0))
                if not depth and all(state.unmatched or self._weak(state) for state in found):
                    self.stage(SECONDS / 2)
                    done = list(self.grouped(states[0]))
                    if not done and all(self._weak(state) for state in found):
                        self.stage(SECONDS / 2)
                        found = self._distinct(self.next(states[0], True))
                done += [state for state in found if not state.unmatched]
                states = [state for state in found if state.unmatched][:BEAM]
                if not states or (done and min(s.cost for s in states) >= min(s.cost for s in done)):
                    break
        return self._distinct(done or states)

    def stage(self, seconds: float) -> None:
        """Begin a stage of the search that may take so long."""
        self.limit = min(self.end, time.perf_counter() + seconds)

    def _weak(self, state: State) -> bool:
        return any(fault.mistake in ("wrong_factor", "unexplained", "part_missing") for fault in state.faults)

    def _penalty_rates(self) -> list[float]:
        """By how much the loss's penalties pull at a parameter, as a multiple of the parameter."""
        b, rates = self.b, []
        for node in self.b.remember("penalties", lambda: penalties(self.b)):
            if b.values[node].ndim == 0:
                for leaf, pull in b.pull({node: b.grads[node]}, self.below({node: b.values[node]})).items():
                    x = b.values[leaf]
                    if not leaf.parents and x.any() and (c := self.ratio(leaf, pull, x, 1e-9)) is not None:
                        rates.append(c)
        return rates

    def _distinct(self, states: Iterable[State]) -> list[State]:
        """The states, the likeliest first, without those that say of one chain of nodes what a likelier one says."""
        kept: dict[Any, list[State]] = {}
        for state in sorted(states, key=lambda s: (len(s.unmatched) * 0.8 + s.cost, s.cost)):
            alike = kept.setdefault(tuple(sorted(f.mistake for f in state.faults)), [])
            if not any(self._same_chain(state, other) for other in alike):
                alike.append(state)
        found = [state for alike in kept.values() for state in alike]
        return sorted(found, key=lambda s: (len(s.unmatched) * 0.8 + s.cost, s.cost))

    def _same_chain(self, one: State, other: State) -> bool:
        """Whether the faults of two states stand at nodes one of which leads to the other."""
        if len(one.unmatched) != len(other.unmatched):
            return False
        return all(
            any(
                f.mistake == g.mistake and (f.node in self.b.path(g.node) or g.node in self.b.path(f.node))
                for g in other.faults
            )
            for f in one.faults
        )

    def height(self, node: Any) -> int:
        """How near the loss an array is met, going backward."""
        return (
            max((self.b.at[user] for user, _ in self.b.users[node]), default=self.b.at[node])
            if not node.parents
            else self.b.at[node]
        )

    def next(self, state: State, deep: bool) -> list[State]:
        """A state's successors: each explains the unmatched array nearest the loss by one more fault."""
        target = max(state.unmatched, key=self.height)
        found = self.steps(state, target, False)
        weak = all(after.faults[-1].mistake == "wrong_factor" for after in found)
        if weak and (len(state.unmatched) <= 2 or state.faults):
            found += self.steps(state, target, True)
        if not found and deep:
            found = self.pairs(state, target)
        return found or [self.given_up(state, target)]

    def given_up(self, state: State, target: Any) -> State:
        """The state with the person's own numbers for an array that nothing explains, so that what is below can be judged."""
        mine, right = self.mine[target], state.grads[target]
        note = relation(mine, right)
        kept = np.isclose(mine, right, rtol=1e-9, atol=self.tolerance[target])
        mistake = "unexplained"
        if kept.any() and not mine[~kept].any():
            mistake = "part_missing"
            note = f"only a part of it (a window, rows or columns) is right, {kept.mean():.0%}, and the rest is zero"
        elif mine.size > 2 and self.near(target, np.sort(mine, None), np.sort(right, None)):
            mistake, note = "wrong_index", "it has the right numbers at the wrong positions (index)"
        cost = 5.0 if mistake == "unexplained" else 2.0
        fault = Fault(mistake, target, self.words.place(target), note, cost, target=target)
        return self.applied(state, fault, {target: mine - right})

    def applied(self, state: State, fault: Fault, change: Arrays, only: Any = None) -> State:
        """The state after a fault that changes some gradients; `only`: what it changes is used for that array alone."""
        grads = dict(state.grads)
        if only is None:
            for node, d in self.b.pull(change, self.below(change)).items():
                grads[node] = grads[node] + d
        else:
            grads[only] = self.mine[only]
        rest = tuple(
            node
            for node in self.mine
            if not self.near(node, self.mine[node], grads[node]) and node in self.wrong
        )
        return State(grads, (*state.faults, fault), rest)

    def below(self, change: Arrays) -> list[Any]:
        """The leaves under some nodes, and these nodes."""
        return [
            n
            for n in self.b.order
            if (not n.parents and any(c in self.b.path(n) for c in change)) or n in change
        ]

    def places(
        self, state: State, target: Any, private: bool
    ) -> Iterator[tuple[Any, Any, Iterable[Mutant], str, Any]]:
        """Where a fault could stand that spoils the target and no array that is right: node, right share, mutants, words, operation."""
        b = self.b
        unmatched = set(state.unmatched)
        matched = [node for node in self.mine if node not in unmatched and b.grads[node].any()]
        ways = b.path(target)
        for p in reversed(b.order):
            if p not in ways or p is b.loss:
                continue
            free = private or not any(p in b.path(node) for node in matched)
            if not free:
                continue
            users = [(u, k) for u, k in b.users[p] if u in state.grads]
            for u, k in users:
                share = fit(b.share(u, k, state.grads[u]), b.values[p].shape)
                yield p, share, edge_mutants(b, state.grads, u, k, self.say), self.words.step(u, k), u
            for a in self.activations:
                if a.before is p:
                    share = b.pull({a.after: state.grads[a.after]}, [p]).get(p)
                    if share is not None:
                        yield (
                            p,
                            share,
                            activation_mutants(b, a, state.grads[a.after], self.say),
                            f"{self.say(a.after)} = {a.name}({self.say(p)})",
                            a.after,
                        )
            yield p, state.grads[p], whole_mutants(b, state.grads, p, self.say), self.words.place(p), p

    def steps(
        self, state: State, target: Any, private: bool, above: Any = None, spoil: bool = True
    ) -> list[State]:
        """All single faults that explain the target; with `above`, only those below that node. `spoil`: it spoils no other."""
        b, found = self.b, []
        mine = self.mine[target]
        for p, share, mutants, where, user in self.places(state, target, private):
            if above is not None and (p is above or above not in b.path(p)):
                continue
            base = self.effect(p, share, target)
            if base is None:
                continue
            if time.perf_counter() > self.limit:
                break
            residual = mine - state.grads[target] + base
            for mutant in mutants:
                if above is not None and mutant.cost > LIKELY:
                    continue
                fault, change = self.tried(mutant, p, target, share, base, residual, where)
                if fault is None:
                    continue
                if private:
                    where = f"{self.say(target)}, by {fault.where}"
                    fault = replace(fault, where=where, cost=fault.cost + 1.5)
                unlabelled = 0.0 if p.label else 0.15
                fault = replace(self.in_penalty(fault, user), target=target, cost=fault.cost + unlabelled)
                after = self.applied(state, fault, {p: change}, target if private else None)
                rest = set(after.unmatched)
                if target not in rest and (rest <= set(state.unmatched) or not spoil):
                    found.append(after)
        return self._distinct(found)[: 2 * BEAM]

    def in_penalty(self, fault: Fault, user: Any) -> Fault:
        """A fault in a regularisation penalty by the penalty's name."""
        penal = self.b.remember("penalties", lambda: penalties(self.b))
        if user not in penal:
            return fault
        names = {
            "path_missing": "penalty_missing",
            "wrong_sign": "penalty_sign",
            "value_for_derivative": "penalty_value",
        }
        if fault.mistake == "wrong_sign" or (fault.mistake == "wrong_factor" and "negated" in fault.note):
            return replace(
                fault,
                mistake="penalty_sign",
                note=f"the penalty (L2 regularisation) is subtracted: {fault.note}",
            )
        return replace(
            fault,
            mistake=names.get(fault.mistake, fault.mistake),
            note=f"in the regularisation penalty: {fault.note}",
        )

    def effect(self, p: Any, share: Any, target: Any) -> Any:
        """What a share at p gives the target: for a small p by a matrix, since backward is linear."""
        if p is target:
            return share
        b, shape = self.b, self.b.values[p].shape
        if b.values[p].size > SMALL:
            return b.pull({p: share}, [target]).get(target)

        def matrix() -> Any:
            units = np.eye(int(np.prod(shape))).reshape(-1, *shape)
            rows = [b.pull({p: unit}, [target]).get(target) for unit in units]
            return np.stack([row.reshape(-1) for row in rows], 1) if rows[0] is not None else None

        found = b.remember(("effect", p, target), matrix)
        return None if found is None else (found @ np.reshape(share, -1)).reshape(b.values[target].shape)

    def hopeless(self, p: Any, share: Any, target: Any, wanted: Any) -> bool:
        """Whether no multiple of a share at p can give what is wanted: judged along two random directions, quickly."""
        if self.b.values[p].size <= SMALL or p is target:
            return False
        shape = self.b.values[target].shape
        rng = np.random.default_rng(1)

        def make() -> list[tuple[Any, Arrays]]:
            rays = [rng.standard_normal(shape) for _ in range(2)]
            return [(ray, self.b.push(target, ray)) for ray in rays]

        found = []
        for ray, pushed in self.b.remember(("push", target), make):
            way = pushed[p].reshape(-1)
            flat = np.reshape(share, -1)
            found.append(
                (float(np.vdot(wanted, ray)), float(flat @ way), float(np.sqrt((flat @ flat) * (way @ way))))
            )
        (a1, b1, n1), (a2, b2, n2) = found
        return abs(a1 * b2 - a2 * b1) > 1e-3 * (abs(a1 * b2) + abs(a2 * b1)) + 1e-5 * (
            abs(a1) * n2 + abs(a2) * n1
        )

    def _made(self, mutant: Mutant, share: Any) -> Any:
        """A mutant's share, or None where it has none of that shape that is finite."""
        try:
            made = mutant.make()
        except ValueError:  # of shapes that do not fit: nobody's program would have run
            return None
        return (
            made
            if made is not None and np.shape(made) == np.shape(share) and np.isfinite(made).all()
            else None
        )

    def tried(
        self, mutant: Mutant, p: Any, target: Any, share: Any, base: Any, residual: Any, where: str
    ) -> Any:
        """The fault and the change of p's gradient, where a multiple of the mutant gives what the target lacks."""
        made = self._made(mutant, share)
        if made is None:
            return None, None
        wanted = residual - base if mutant.added else residual
        if self.hopeless(p, made, target, wanted):
            return None, None
        effect = self.effect(p, made, target)
        w, e = np.reshape(wanted, -1), np.reshape(effect, -1)
        size, allowed = float(e @ e), self.tolerance[target]
        if not size:
            gone = mutant.mistake == "path_missing" and np.max(np.abs(w), initial=0.0) <= allowed
            return (self._fault(mutant, p, where), made - share) if gone else (None, None)
        dot = float(w @ e)
        if not dot * dot >= (1 - 1e-3) * size * float(w @ w):  # another direction
            return None, None
        c = dot / size
        if not 1e-7 < abs(c) < 1e7 or np.max(np.abs(w - c * e)) > allowed * max(1.0, abs(c)):
            return None, None
        if mutant.mistake == "penalty_added":
            known = any(np.isclose(c, rate, rtol=1e-6) for rate in self.penalty_rates)
            if effect.size == 1 and not known:
                return None, None
            fault = self._fault(
                mutant, p, where, f": {c:.6g} · {self.say(p)}", 0.0 if effect.size > 1 else 0.4
            )
            return fault, c * made
        if mutant.added:
            return self._updated(mutant, c, p, made, where)
        read = self.factor(c, p)
        if read is None:
            if mutant.mistake != "wrong_factor":
                return None, None
            read = "wrong_factor", f"it is {c:.6g} times the right one", 2.0 if effect.size > 1 else 3.5
        mistake, text, cost = read
        if mutant.mistake == "wrong_factor" and not mutant.variant:
            return (
                (Fault(*self._named(mistake, text, p), mutant.cost + cost), (c - 1) * share)
                if mistake
                else (None, None)
            )
        note = mutant.note + (f"; and {text}" if text else "")
        return Fault(
            mutant.mistake, p, where, note, mutant.cost + (0.7 + cost if mistake else 0.0)
        ), c * made - share

    def _fault(self, mutant: Mutant, p: Any, where: str, more: str = "", cost: float = 0.0) -> Fault:
        return Fault(mutant.mistake, p, where, mutant.note + more, mutant.cost + cost)

    def _named(self, mistake: str, text: str, p: Any) -> tuple[str, Any, str, str]:
        """A factor's name at its place: a sum that is an average, a penalty's sign."""
        where = self.words.place(p)
        if (
            mistake == "divided_by_batch_twice"
            and any(
                b_shape != self.b.values[p].shape
                for b_shape in (self.b.values[u].shape for u, _ in self.b.users[p])
            )
            and not p.parents
        ):
            return (
                "averaged",
                p,
                where,
                f"the mean over the batch is taken where the sum belongs, since the delta is divided by it already; {text}",
            )
        return mistake, p, where, f"{self.say(p)}'s gradient: {text}"

    def _updated(self, mutant: Mutant, c: float, p: Any, made: Any, where: str) -> Any:
        """Weights used after their update: right share minus lr times the share that the weights' gradient would give."""
        rate = -c
        short = float(f"{abs(rate):.2g}")
        round_number = abs(abs(rate) / short - 1) < 1e-6
        if not 1e-5 < abs(rate) < 20 or (not round_number and (made.size < 2 or rate < 0)):
            return None, None
        cost = mutant.cost + (0.0 if round_number else 1.2) + (0.3 if rate < 0 else 0.0)
        return Fault(
            mutant.mistake, p, where, f"{mutant.note}, with a learning rate of {abs(rate):.6g}", cost
        ), c * made

    def grouped(self, state: State) -> Iterator[State]:
        """One kind of fault at every step of a kind: every layer, every time step, every use."""
        b = self.b
        known = {a.after: a for a in self.activations if any(p is a.before for p in a.after.parents)}
        blocked = [node for node in self.right if b.grads[node].any()]
        ways = set().union(*(b.path(node) for node in state.unmatched))
        alike = list(groups(b))
        parts = [part for edges in alike for part in (edges[:-1], edges[1:]) if len(edges) > 2]
        sets = [(edges, False) for edges in alike] + [(edges, True) for edges in (*all_but_one(b), *parts)]
        for edges, dropped in sets:
            parents = [user.parents[k] for user, k in edges]
            touched = any(p in b.path(node) for p in parents for node in blocked)
            if touched or not any(p in ways for p in parents):
                continue
            for key, mutant in self._kinds(edges, dropped, known).items():
                if time.perf_counter() > self.limit:
                    return
                grads = b.sweep(dict.fromkeys(edges, self._edit(key, known)))
                if all(node in grads and self.near(node, self.mine[node], grads[node]) for node in self.mine):
                    where = "; ".join(self.words.step(u, k) for u, k in edges)
                    note = f"at each of {len(edges)} steps alike; at one: {mutant.note}"
                    fault = Fault(mutant.mistake, parents[-1], where, note, 1.2 * mutant.cost + 0.4, edges)
                    yield State(grads, (fault,), ())

    def _kinds(self, edges: Any, dropped: bool, known: Any) -> dict[Any, Mutant]:
        """The mutants that are tried at all of some steps."""
        gone = Mutant("path_missing", lambda: None, "its share is missing: = stands where += belongs")
        if dropped:
            return {("path_missing", ""): gone}
        kinds = {("path_missing", ""): gone, ("wrong_sign", ""): Mutant("wrong_sign", lambda: None)}
        for user, k in (edges[0], edges[-1]):
            kinds |= {m.key: m for m in local_mutants(self.b, self.b.grads, user, k, known, self.say)}
        kinds.pop(("wrong_factor", ""), None)
        return kinds

    def _edit(self, key: tuple[str, str], known: Any) -> Callable[..., Any]:
        """What makes a step's share in a sweep where every step of a kind has the same fault."""

        def made(user: Any, k: int, g: Any, grads: Arrays) -> Any:
            if key == ("wrong_sign", ""):
                return -self.b.share(user, k, g)
            if key == ("path_missing", ""):
                return 0.0 * self.b.share(user, k, g)
            for mutant in local_mutants(self.b, grads, user, k, known, self.say):
                if mutant.key == key:
                    try:
                        return mutant.make()
                    except ValueError:
                        return None
            return self.b.share(user, k, g)

        return made

    def pairs(self, state: State, target: Any) -> list[State]:
        """Two faults between two neighbouring given arrays: a likely one, and any below it."""
        for p, share, mutants, where, user in reversed(list(self.places(state, target, False))):
            for mutant in mutants:
                if mutant.cost > LIKELY or mutant.added or mutant.mistake == "wrong_factor":
                    continue
                made = self._made(mutant, share)
                if made is None or np.array_equal(made, share):
                    continue
                if time.perf_counter() > self.limit:
                    return []
                fault = replace(self.in_penalty(self._fault(mutant, p, where), user), target=target)
                moved = self.b.pull({p: made - share}, [target])
                near = State(
                    {**state.grads, **{n: state.grads[n] + d for n, d in moved.items()}},
                    state.faults,
                    state.unmatched,
                )
                if not self.steps(near, target, False, p, False):
                    continue
                after = self.applied(state, fault, {p: made - share})
                if set(after.unmatched) <= set(state.unmatched) and (
                    found := self.steps(after, target, False, p)
                ):
                    return found
        return []

    # ---- The report ---------------------------------------------------------------------------------------------------------

    def report(self, notes: list[str]) -> Report:
        labels = {node: node.label or self.say(node) for node in self.b.order}
        report = Report(
            [labels[n] for n in self.right],
            [labels[n] for n in self.wrong],
            notes=notes,
            names=self.words.names(),
        )
        if self.negated:
            every = "every array (" + ", ".join(labels[n] for n in self.mine) + ")"
            report.findings.append(
                finding(
                    "wrong_sign",
                    every,
                    "all of them are exactly negated, which is right only if the update adds them: "
                    "subtracted, they climb the loss (gradient ascent)",
                    self.words.line(max(self.mine, key=self.height)),
                )
            )
            return report
        if not self.wrong:
            return report
        for node, x in self.shapeless.items():
            report.findings.append(self._of_shape(node, x))
        states = self.explain()
        best = states[0]
        report.explained = not any(f.mistake == "unexplained" for f in best.faults) and not best.unmatched
        report.findings += self._findings(best)
        known = {(f.mistake, f.where) for f in report.findings}
        for other in states[1:]:
            if len(report.findings) >= 6 or other.cost > best.cost + 1.2:
                break
            if other.unmatched or any(f.mistake == "unexplained" for f in other.faults):
                continue
            for found in self._findings(other):
                if (found.mistake, found.where) not in known:
                    known.add((found.mistake, found.where))
                    report.findings.append(found)
        return report

    def _findings(self, state: State) -> list[Finding]:
        """A finding a mistake: faults of one kind are told together."""
        kinds: dict[Any, list[Fault]] = {}
        for fault in state.faults:
            kinds.setdefault(fault.mistake, []).append(fault)
        found = []
        for mistake, faults in kinds.items():
            where = "; ".join(dict.fromkeys(f.where for f in faults))
            if (
                len(self.mine) > 1
                and all(n in self.wrong for n in self.mine)
                and all(f.node in self.b.path(n) for f in faults for n in self.mine)
            ):
                where = f"every array, by {where}"
            notes = "; ".join(dict.fromkeys(f.note for f in faults))
            lines = dict.fromkeys(
                self.words.line(f.node, f.node if f.target is None else f.target) for f in faults
            )
            found.append(finding(mistake, where, notes, "\n".join(line for line in lines if line)))
        return found

    def _of_shape(self, node: Any, x: Any) -> Finding:
        """What an array of a wrong shape is: the gradient of every sample, not summed, or none."""
        right = self.b.grads[node]
        name, where, line = self.say(node), self.words.place(node), self.words.line(node)
        for axis in range(x.ndim):
            for summed, word in ((x.sum(axis), "summed"), (x.mean(axis), "averaged")):
                for option in (summed, summed.T) if summed.size == right.size else ():
                    if self.near(node, option.reshape(right.shape), right):
                        return finding(
                            "not_summed",
                            where,
                            f"it has a row for every sample, shape {x.shape} for {right.shape}: {word} over axis {axis}, the batch, it is right (a matrix product does both)",
                            line,
                        )
        return finding(
            "not_summed" if x.size > right.size else "unexplained",
            where,
            f"{name} has shape {right.shape}, and your array {x.shape}",
            line,
        )
