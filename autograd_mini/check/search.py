"""The search for the mistakes that give a person's numbers.

From the loss down: for the wrong array nearest the loss, each step above it is tried with each mutant (mutate.py); what gives
that array and spoils none that is right is kept, and the search goes on below it. Where that finds nothing: one kind of
fault at every step of a kind, then two faults between two neighbouring arrays.

Backward is linear, so a mutant is pulled down alone: mine − right = c · pulled(mutant) − pulled(right share). The factor c
comes from least squares, and is accepted where it has a meaning: a size of the problem, its inverse, 2, −1, the loss.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from .backward import Arrays, Backward, fit
from .factors import Factors, Meaning
from .given import Given, largest
from .mutate import (
    PRODUCTS,
    SUMS,
    VIEWS,
    Edge,
    FunctionStep,
    Mutant,
    Step,
    Whole,
    all_but_one,
    functions_of,
    groups,
    local_mutants,
    wrong_strides,
)
from .report import relation
from .words import Words, penalties

LIKELY = 1.8  # what a fault of a pair may cost
SMALL = 30  # elements of a node whose shares are all pulled down
BEAM, DEEPEST = 6, 8  # explanations that are followed at a time, and how many faults they may have
SECONDS, QUICK = 4.0, 0.6  # of the processor: for the whole search, and for its first stage
LAYER = PRODUCTS | SUMS | VIEWS | {"multiply"}  # what a layer is made of
WEAK = {"wrong_factor", "unexplained", "part_missing"}  # what names no cause
PENALTY = {
    "path_missing": "penalty_missing",
    "wrong_sign": "penalty_sign",
    "value_for_derivative": "penalty_value",
}


@dataclass(frozen=True)
class Fault:
    """One mistake at one step: which, the node whose gradient it spoils, the step, how it reads, and what it costs."""

    mistake: str
    node: Any
    where: str
    note: str
    cost: float
    target: Any = None  # the given array that it was found by


@dataclass
class State:
    """A backward pass with some faults in it: the gradients that it gives, and what it does not explain yet."""

    grads: Arrays
    faults: tuple[Fault, ...] = ()
    unmatched: tuple[Any, ...] = ()

    @property
    def cost(self) -> float:
        """Faults of one kind count less from the second on: people repeat a mistake in every layer."""
        first = {f.mistake: f.cost for f in reversed(self.faults)}
        counts = Counter(f.mistake for f in self.faults)
        return sum(first[mistake] * (0.7 + 0.3 * n) for mistake, n in counts.items())

    @property
    def rank(self) -> tuple[float, float]:
        return len(self.unmatched) * 0.8 + self.cost, self.cost

    @property
    def weak(self) -> bool:
        return any(fault.mistake in WEAK for fault in self.faults)


class Search:
    """The explanations of what was given."""

    def __init__(self, b: Backward, words: Words, given: Given, factors: Factors) -> None:
        self.b, self.words, self.given, self.factors = b, words, given, factors
        self.say, self.mine, self.near = words.name, given.mine, given.near
        self.end = self.limit = time.thread_time() + SECONDS  # of the whole, and of the stage that runs
        self.functions = list(functions_of(b))
        self.penalties = penalties(b)
        self.penalty_rates = dict(self._penalty_rates())

    def explain(self) -> list[State]:
        """The explanations, the likeliest first; without a full one, those that leave arrays unexplained."""
        wrong = tuple(node for node in self.given.wrong if node in self.mine)
        start = State(self.b.grads, (), wrong)
        states, done = [start], list(self._factors(start))
        for depth in range(DEEPEST if wrong and not done else 0):
            self._stage(SECONDS / 2 if depth else QUICK)
            found = self._distinct(after for state in states for after in self._next(state, depth > 0))
            if not depth and all(state.unmatched or state.weak for state in found):
                self._stage(SECONDS / 2)
                done += self._alike(start)
                if not done and all(state.weak for state in found):
                    self._stage(SECONDS)
                    found = self._distinct(self._pairs(start, max(wrong, key=self.height))) or found
            done += [state for state in found if not state.unmatched]
            states = [state for state in found if state.unmatched][:BEAM]
            if not states or (done and min(s.cost for s in states) >= min(s.cost for s in done)):
                break
        return self._distinct(done or states)

    def _factors(self, state: State) -> Iterator[State]:
        """Very many wrong arrays, each a meaningful multiple of the right one: that needs no search."""
        faults: list[Fault] = []
        for node in state.unmatched if len(state.unmatched) > DEEPEST else ():
            c = self.given.ratio(self.mine[node], self.b.grads[node], self.given.tolerance[node])
            meaning = None if c is None else self.factors.read(c)
            if meaning is None:
                return
            faults.append(self._of_factor(meaning, Whole(self.b, self.b.grads, self.words, node), node))
        if faults:
            yield State(self.b.grads, tuple(faults))

    def _stage(self, seconds: float) -> None:
        self.limit = min(self.end, time.thread_time() + seconds)

    def _late(self) -> bool:
        return time.thread_time() > self.limit

    def _penalty_rates(self) -> Iterator[tuple[Any, float]]:
        """By how much the loss's penalties pull at a parameter, as a multiple of the parameter."""
        for node in self.penalties:
            if self.b.values[node].ndim == 0:
                for leaf, pull in self._pulled({node: self.b.grads[node]}).items():
                    c = self.given.ratio(pull, self.b.values[leaf], 1e-9)
                    if not leaf.parents and c is not None:
                        yield leaf, c

    def _distinct(self, states: Iterable[State]) -> list[State]:
        """The states, the likeliest first, without those that say of one chain of nodes what a likelier one says."""
        kept: list[State] = []
        for state in sorted(states, key=lambda s: s.rank):
            if not any(self._same_chain(state, other) for other in kept):
                kept.append(state)
        return kept

    def _same_chain(self, one: State, other: State) -> bool:
        """Whether each fault of a state stands at a node that leads to, or from, that of the same fault in another."""
        path = self.b.path
        if len(one.unmatched) != len(other.unmatched) or len(one.faults) != len(other.faults):
            return False

        def linked(f: Fault, g: Fault) -> bool:
            return f.mistake == g.mistake and (f.node in path(g.node) or g.node in path(f.node))

        return all(any(linked(f, g) for g in other.faults) for f in one.faults)

    def height(self, node: Any) -> int:
        """How near the loss an array is met, going backward."""
        users = [self.b.at[user] for user, _ in self.b.users[node]] if not node.parents else []
        return max(users, default=self.b.at[node])

    # ---- One fault more --------------------------------------------------------------------------------------------------

    def _next(self, state: State, deep: bool) -> list[State]:
        """A state's successors: each explains the unmatched array nearest the loss by one more fault."""
        target = self._target(state.unmatched)
        found = self._steps(state, target)
        unclear = all(s.faults[-1].mistake == "wrong_factor" for s in found)
        if unclear and (len(state.unmatched) <= 2 or state.faults):
            found += self._steps(state, target, private=True)
        if not found and deep:
            found = self._pairs(state, target)
        return found or [self._given_up(state, target)]

    def _target(self, unmatched: tuple[Any, ...]) -> Any:
        """The array nearest the loss; of parameters of one layer the largest, which says the most."""
        first = max(unmatched, key=self.height)
        if first.parents or first is self.b.loss:
            return first
        layer = {min(self.b.path(first) - {first}, key=self.b.at.__getitem__)}
        for _ in range(3):
            layer |= {p for n in layer if n.op and n.op.name in LAYER for p in n.parents}
        return max([first, *(n for n in unmatched if n in layer and not n.parents)], key=lambda n: n.size)

    def _given_up(self, state: State, target: Any) -> State:
        """The state with the person's own numbers for what nothing explains, so that what is below can be judged."""
        mine, right = self.mine[target], state.grads[target]
        kept = np.isclose(mine, right, rtol=1e-9, atol=self.given.tolerance[target])
        mistake, note = "unexplained", relation(mine, right)
        if not mine.any() and mine.size > 1:
            mistake, note = "gradient_missing", "it is 0 everywhere"
        elif kept.any() and not mine[~kept].any():
            mistake, part = "part_missing", "only a part of it (a window, rows or columns) is right"
            note = f"{part}, {kept.mean():.0%}, and the rest is zero"
        elif mine.size > 2 and self.near(target, np.sort(mine, None), np.sort(right, None)):
            mistake, note = "wrong_index", "it has the right numbers at the wrong positions (index)"
        cost = 5.0 if mistake == "unexplained" else 2.0
        fault = Fault(mistake, target, self.words.place(target), note, cost, target)
        return self._applied(state, fault, {target: mine - right})

    def _applied(self, state: State, fault: Fault, change: Arrays, private: bool = False) -> State:
        """The state after a fault that changes some gradients, or that of the target alone."""
        grads = dict(state.grads)
        if private:
            grads[fault.target] = self.mine[fault.target]
        else:
            grads |= {node: grads[node] + d for node, d in self._pulled(change).items()}
        off = [n for n in self.mine if not self.near(n, self.mine[n], grads[n])]
        return State(grads, (*state.faults, fault), tuple(off))

    def _pulled(self, change: Arrays) -> Arrays:
        """What a change of some gradients does to them and to the leaves under them."""
        path, b = self.b.path, self.b
        below = [n for n in b.order if n in change or (not n.parents and any(c in path(n) for c in change))]
        return b.pull(change, below)

    def _places(self, state: State, target: Any, private: bool = False) -> Iterator[Step]:
        """Where a fault could stand that spoils the target and, unless it is private, no array that is right."""
        b, grads, unmatched = self.b, state.grads, set(state.unmatched)
        ways = b.path(target) - {b.loss}
        if not private:
            ways = ways.difference(*(b.path(n) for n in self.mine if n not in unmatched and b.grads[n].any()))
        for p in sorted(ways, key=b.at.__getitem__, reverse=True):
            if self._late():
                return
            yield from (Edge(b, grads, self.words, user, k) for user, k in b.users[p])
            functions = [made for made in self.functions if made.before is p]
            yield from (FunctionStep(b, grads, self.words, made) for made in functions)
            yield Whole(b, grads, self.words, p)

    def _steps(self, state: State, target: Any, private: bool = False, above: Any = None) -> list[State]:
        """All single faults that explain the target; with `above`, likely ones below that node."""
        found = []
        for step in self._places(state, target, private):
            p = step.node
            inside = above is None or (p is not above and above in self.b.path(p))
            base = self.effect(p, step.share, target) if inside else None
            if base is None:
                continue
            residual = self.mine[target] - state.grads[target] + base
            for mutant in step.mutants():
                likely = above is None or mutant.cost <= LIKELY
                tried = self._tried(mutant, step, target, base, residual) if likely else None
                if tried is None:
                    continue
                fault, change = tried
                if private:
                    where = f"{self.say(target)}, by {fault.where}"
                    fault = replace(fault, where=where, cost=fault.cost + 1.5)
                after = self._applied(state, fault, {p: change}, private)
                if {*after.unmatched} <= {*state.unmatched} - {target}:
                    found.append(after)
        return self._distinct(found)[: 2 * BEAM]

    def _tried(self, mutant: Mutant, step: Step, target: Any, base: Any, residual: Any) -> Any:
        """The fault and the change of the node's gradient, where a multiple of the mutant gives what the target lacks."""
        p, share, allowed = step.node, step.share, self.given.tolerance[target]
        made = mutant.made(share)
        wanted = residual - base if mutant.added else residual
        if made is None or self._hopeless(p, made, target, wanted):
            return None
        w, e = np.reshape(wanted, -1), np.reshape(self.effect(p, made, target), -1)
        size, dot = float(e @ e), float(w @ e)
        if not size:
            gone = mutant.mistake == "path_missing" and largest(w) <= allowed
            return (self._fault(mutant, step, target), made - share) if gone else None
        c = dot / size
        parallel = dot * dot >= (1 - 1e-3) * size * float(w @ w)
        if not parallel or not 1e-7 < abs(c) < 1e7 or largest(w - c * e) > allowed * max(1.0, abs(c)):
            return None
        if mutant.added:
            fault = self._added(mutant, step, target, c, e.size)
            return fault and (fault, c * made)
        meaning = self._meaning(c, p)
        if not mutant.mistake:
            cost = 2.0 if e.size > 1 else 3.5
            meaning = meaning or ("wrong_factor", f"it is {c:.6g} times the right one", cost)
            return (self._of_factor(meaning, step, target), (c - 1) * share) if meaning[0] else None
        if meaning is None:
            return None
        more, cost = (f"; and {meaning[1]}", 0.7 + meaning[2]) if meaning[0] else ("", 0.0)
        return self._fault(mutant, step, target, more, cost), c * made - share

    def _meaning(self, c: float, p: Any) -> Meaning | None:
        """What a factor tells of; of a parameter that is spread over many elements, that their mean stands for their sum."""
        b, found, text = self.b, self.factors.read(c), "the mean over {} stands where the sum belongs"
        for user, _ in b.users[p] if not p.parents else ():
            n = b.values[user].size // max(1, p.size)
            apart = b.values[user].shape != p.shape and user.op.name not in PRODUCTS
            if apart and n > 1 and abs(c * n - 1) < 1e-9:
                return "averaged", text.format(f"{n} elements"), 0.0
        if found and found[0] == "divided_by_batch_twice" and not p.parents:
            return "averaged", f"{text.format('the batch')}; {found[1]}", found[2]
        return found

    def _fault(self, mutant: Mutant, step: Step, target: Any, more: str = "", cost: float = 0.0) -> Fault:
        """A fault; in a regularisation penalty, by the penalty's name."""
        mistake, note = mutant.mistake, mutant.text + more
        if step.user in self.penalties:
            mistake, note = PENALTY.get(mistake, mistake), f"in the regularisation penalty: {note}"
        cost += mutant.cost + (0.0 if step.node.label else 0.15)
        return Fault(mistake, step.node, step.where, note, cost, target)

    def _of_factor(self, meaning: Meaning, step: Step, target: Any) -> Fault:
        """A constant factor at its place."""
        mistake, text, cost = meaning
        made = Mutant(mistake, None, f"{self.say(step.node)}'s gradient: {text}")
        fault = self._fault(made, step, target, "", 1.0 + cost - made.cost)
        return replace(fault, where=self.words.place(step.node))

    def _added(self, mutant: Mutant, step: Step, target: Any, c: float, size: int) -> Fault | None:
        """A multiple that is added: of a parameter (a penalty), or of a share with the weights' step (an update too soon)."""
        rate, name, own = abs(c), self.say(step.node), self.penalty_rates.get(step.node)
        if mutant.mistake == "penalty_added" and own is not None:
            note = f"{name}'s penalty pulls {(own + c) / own:.6g} times as hard as it should"
            return self._fault(mutant._replace(mistake="penalty_factor", note=note), step, target)
        if mutant.mistake == "penalty_added":
            known = size > 1 or any(np.isclose(c, other, rtol=1e-6) for other in self.penalty_rates.values())
            fault = self._fault(mutant, step, target, f": {c:.6g} · {name}", 0.4 * (size == 1))
            return fault if known else None
        short = abs(rate / float(f"{rate:.2g}") - 1) < 1e-6
        if not 1e-5 < rate < 20 or not (short or (size > 1 and c < 0)):
            return None
        cost = (0.0 if short else 1.2) + 0.3 * (c > 0)
        return self._fault(mutant, step, target, f", with a learning rate of {rate:.6g}", cost)

    # ---- What a share does -------------------------------------------------------------------------------------------------

    def effect(self, p: Any, share: Any, target: Any) -> Any:
        """What a share at p gives the target."""
        return share if p is target else self.b.pull({p: share}, [target]).get(target)

    def _hopeless(self, p: Any, share: Any, target: Any, wanted: Any) -> bool:
        """Whether no multiple of a share at p can give what is wanted: judged along two random directions, quickly."""
        if p is target or self.b.values[p].size <= SMALL:
            return False

        def make() -> list[tuple[Any, Arrays]]:
            rays = np.random.default_rng(1).standard_normal((2, *self.b.values[target].shape))
            return [(ray, self.b.push(target, ray)) for ray in rays]

        flat, found = np.reshape(share, -1), []
        for ray, pushed in self.b.remember(("push", target), make):
            way = pushed[p].reshape(-1)
            found.append((np.vdot(wanted, ray), flat @ way, np.sqrt((flat @ flat) * (way @ way))))
        (a1, b1, n1), (a2, b2, n2) = found
        slack = 1e-3 * (abs(a1 * b2) + abs(a2 * b1)) + 1e-5 * (abs(a1) * n2 + abs(a2) * n1)
        return bool(abs(a1 * b2 - a2 * b1) > slack)

    # ---- Many faults, or two -----------------------------------------------------------------------------------------------

    def _alike(self, state: State) -> Iterator[State]:
        """One kind of fault at every step of a kind: every layer, every time step, every use; the likeliest first."""
        for cost, mistake, edges, edits, note in sorted(self._everywhere(state), key=lambda one: one[0]):
            if self._late():
                return
            grads = self.b.sweep(edits)
            if all(node in grads and self.near(node, x, grads[node]) for node, x in self.mine.items()):
                where, last = "; ".join(self.words.step(*edge) for edge in edges), edges[-1]
                yield State(grads, (Fault(mistake, last[0].parents[last[1]], where, note(), cost),))

    def _everywhere(self, state: State) -> Iterator[tuple[float, str, Any, Any, Callable[[], str]]]:
        """What can be wrong at every step of a kind: its cost, its name, the steps, their edits, and what is said."""
        b = self.b
        made = {f.after: f for f in self.functions if any(p is f.before for p in f.after.parents)}
        right = set().union(*(b.path(node) for node in self.given.right if b.grads[node].any()))
        ways = set().union(*(b.path(node) for node in state.unmatched))
        for windows, edits in wrong_strides(b):
            note = "the windows stand at i, where i · stride belongs (the stride is forgotten)"
            yield 1.5, "wrong_index", [(u, 0) for u in windows], edits, partial(str, note)
        sets = list(groups(b))
        parts = [part for edges in sets for part in (edges[:-1], edges[1:]) if len(edges) > 2]
        tries = [(edges, True) for edges in sets] + [(edges, False) for edges in (*all_but_one(b), *parts)]
        for edges, whole in tries:
            parents = {user.parents[k] for user, k in edges}
            if self._late():
                return
            kinds: dict[Any, Mutant] = {}
            for user, k in (edges[0], edges[-1]) if parents & ways else ():
                mutants = local_mutants(b, b.grads, user, k, made, self.words)
                kinds |= mutants if whole else [next(m for m in mutants if m[1].mistake == "path_missing")]
            unlikely = 1.2 if parents & right else 0.0  # it may spoil what is right
            for key, mutant in kinds.items():
                edit = partial(self._edit, key, made)
                if mutant.mistake:
                    cost, tell = 1.2 * mutant.cost + 0.4 + unlikely, partial(_alike, len(edges), mutant)
                    yield cost, mutant.mistake, edges, dict.fromkeys(edges, edit), tell

    def _edit(self, key: Any, made: Any, user: Any, k: int, g: Any, grads: Arrays) -> Any:
        """A step's share in a sweep where every step of a kind has the same fault."""
        right = self.b.share(user, k, g)
        mutants = local_mutants(self.b, grads, user, k, made, self.words)
        same = next((mutant for other, mutant in mutants if other == key), None)
        return right if same is None else same.made(fit(right, self.b.values[user.parents[k]].shape))

    def _pairs(self, state: State, target: Any) -> list[State]:
        """Two faults between two neighbouring given arrays: a likely one, the likeliest first, and any below it."""
        pairs = [(step, m) for step in self._places(state, target) for m in step.mutants()]
        likely = [(step, m) for step, m in pairs if m.cost <= LIKELY and not m.added]
        for step, mutant in sorted(likely, key=lambda pair: pair[1].cost):
            p, share = step.node, step.share
            made = mutant.made(share)
            if made is None or np.array_equal(made, share):
                continue
            if self._late():
                return []
            after = self._applied(state, self._fault(mutant, step, target), {p: made - share})
            found = self._steps(after, target, above=p) if {*after.unmatched} <= {*state.unmatched} else []
            if found:
                return found
        return []


def _alike(count: int, mutant: Mutant) -> str:
    return f"at each of {count} steps alike; at one: {mutant.text}"
