"""The search for the mistakes that give a person's numbers.

From the loss down: for the wrong array nearest the loss, each step above it is tried with each mutant (mutate.py); what gives
that array and spoils none that is right is kept, and the search goes on below it. Where that finds nothing: one kind of
fault at every step of a kind, then two faults between two neighbouring arrays.

Backward is linear, so a mutant is pulled down alone: mine − right = c · pulled(mutant) − pulled(right share). The factor c
comes from least squares, and is accepted where it has a meaning: a size of the problem, its inverse, 2, −1, the loss.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from .backward import Arrays, Backward, fit
from .factors import Factors
from .given import Given, largest
from .mutate import (
    PRODUCTS,
    SUMS,
    VIEWS,
    Activation,
    Mutant,
    activation_mutants,
    activations,
    all_but_one,
    edge_mutants,
    groups,
    local_mutants,
    whole_mutants,
    wrong_strides,
)
from .report import relation
from .words import Words, penalties

LIKELY = 1.8  # what a fault of a pair may cost
BEAM, DEEPEST = 6, 8  # explanations that are followed at a time, and how many faults they may have
SMALL = 30  # elements of a node whose effect on another is kept as a matrix
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
        seen: dict[str, int] = {}
        for fault in self.faults:
            seen[fault.mistake] = seen.get(fault.mistake, -1) + 1
        first = {f.mistake: f.cost for f in reversed(self.faults)}
        return sum(first[mistake] * (1 + 0.3 * again) for mistake, again in seen.items())

    @property
    def rank(self) -> tuple[float, float]:
        return len(self.unmatched) * 0.8 + self.cost, self.cost

    @property
    def weak(self) -> bool:
        return any(fault.mistake in WEAK for fault in self.faults)


@dataclass(frozen=True)
class Place:
    """Where a fault could stand: the node, what it rightly receives there, the operation, words, and the mutants."""

    node: Any
    share: Any
    user: Any
    where: Callable[[], str]
    mutants: Iterable[Mutant]


class Search:
    """The explanations of what was given."""

    def __init__(self, b: Backward, words: Words, given: Given, factors: Factors) -> None:
        self.b, self.words, self.given, self.factors = b, words, given, factors
        self.say, self.mine, self.near = words.name, given.mine, given.near
        self.end = time.thread_time() + SECONDS
        self.limit = self.end  # of the stage that runs
        self.activations = activations(b)
        self.penalties = penalties(b)
        self.penalty_rates = dict(self._penalty_rates())

    def explain(self) -> list[State]:
        """The explanations, the likeliest first; without a full one, those that leave arrays unexplained."""
        wrong = tuple(node for node in self.given.wrong if node in self.mine)
        states = [State(self.b.grads, (), wrong)]
        done: list[State] = []
        done += self._factors(states[0])
        for depth in range(DEEPEST if wrong and not done else 0):
            self._stage(SECONDS / 2 if depth else QUICK)
            found = self._distinct(after for state in states for after in self._next(state, depth > 0))
            if not depth and all(state.unmatched or state.weak for state in found):
                self._stage(SECONDS / 2)
                done += self._alike(states[0])
                if not done and all(state.weak for state in found):
                    self._stage(SECONDS)
                    target = max(wrong, key=self.height)
                    found = self._distinct(self._pairs(states[0], target)) or found
            done += [state for state in found if not state.unmatched]
            states = [state for state in found if state.unmatched][:BEAM]
            if not states or (done and min(s.cost for s in states) >= min(s.cost for s in done)):
                break
        return self._distinct(done or states)

    def _factors(self, state: State) -> Iterator[State]:
        """Very many wrong arrays, each a meaningful multiple of the right one: that needs no search."""
        faults = []
        for node in state.unmatched if len(state.unmatched) > DEEPEST else ():
            right = self.b.grads[node]
            c = self.given.ratio(self.mine[node], right, self.given.tolerance[node])
            mistake, text, cost = (self.factors.read(c) if c is not None else None) or ("", "", 0.0)
            if not mistake:
                return
            place = Place(node, right, node, partial(self.words.place, node), ())
            faults.append(self._of_factor(mistake, text, cost, place, node))
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
                change = {node: self.b.grads[node]}
                for leaf, pull in self.b.pull(change, self._below(change)).items():
                    c = self.given.ratio(pull, self.b.values[leaf], 1e-9)
                    if not leaf.parents and c is not None:
                        yield leaf, c

    def _distinct(self, states: Iterable[State]) -> list[State]:
        """The states, the likeliest first, without those that say of one chain of nodes what a likelier one says."""
        kept: dict[Any, list[State]] = {}
        for state in sorted(states, key=lambda s: s.rank):
            alike = kept.setdefault((len(state.unmatched), *sorted(f.mistake for f in state.faults)), [])
            if not any(self._same_chain(state, other) for other in alike):
                alike.append(state)
        return sorted((state for alike in kept.values() for state in alike), key=lambda s: s.rank)

    def _same_chain(self, one: State, other: State) -> bool:
        """Whether each fault of a state stands at a node that leads to, or from, that of the same fault in another."""
        path = self.b.path
        return all(
            any(
                f.mistake == g.mistake and (f.node in path(g.node) or g.node in path(f.node))
                for g in other.faults
            )
            for f in one.faults
        )

    def height(self, node: Any) -> int:
        """How near the loss an array is met, going backward."""
        users = [self.b.at[user] for user, _ in self.b.users[node]] if not node.parents else []
        return max(users, default=self.b.at[node])

    # ---- One fault more --------------------------------------------------------------------------------------------------

    def _next(self, state: State, deep: bool) -> list[State]:
        """A state's successors: each explains the unmatched array nearest the loss by one more fault."""
        target = self._target(state.unmatched)
        found = self._steps(state, target)
        if all(s.faults[-1].mistake == "wrong_factor" for s in found) and (
            len(state.unmatched) <= 2 or state.faults
        ):
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
        mistake, note, cost = "unexplained", relation(mine, right), 5.0
        if not mine.any() and mine.size > 1:
            mistake, note, cost = "gradient_missing", "it is 0 everywhere: nothing was ever added to it", 2.0
        elif kept.any() and not mine[~kept].any():
            mistake, cost = "part_missing", 2.0
            note = (
                f"only a part of it (a window, rows or columns) is right, {kept.mean():.0%}, and "
                "the rest is zero"
            )
        elif mine.size > 2 and self.near(target, np.sort(mine, None), np.sort(right, None)):
            mistake, note, cost = (
                "wrong_index",
                "it has the right numbers at the wrong positions (index)",
                2.0,
            )
        fault = Fault(mistake, target, self.words.place(target), note, cost, target)
        return self._applied(state, fault, {target: mine - right})

    def _applied(self, state: State, fault: Fault, change: Arrays, private: bool = False) -> State:
        """The state after a fault that changes some gradients, or that of the target alone."""
        grads = dict(state.grads)
        if private:
            grads[fault.target] = self.mine[fault.target]
        else:
            for node, d in self.b.pull(change, self._below(change)).items():
                grads[node] = grads[node] + d
        rest = [n for n in self.given.wrong if n in self.mine and not self.near(n, self.mine[n], grads[n])]
        spoilt = [n for n in self.given.right if not self.near(n, self.mine[n], grads[n])]
        return State(grads, (*state.faults, fault), (*rest, *spoilt))

    def _below(self, change: Arrays) -> list[Any]:
        """The leaves under some nodes, and these nodes."""
        path = self.b.path
        return [
            n for n in self.b.order if n in change or (not n.parents and any(c in path(n) for c in change))
        ]

    def _places(self, state: State, target: Any, private: bool = False) -> Iterator[Place]:
        """Where a fault could stand that spoils the target and, unless it is private, no array that is right."""
        b, grads, unmatched = self.b, state.grads, set(state.unmatched)
        matched = [n for n in self.mine if n not in unmatched and b.grads[n].any()]
        ways = b.path(target) - {b.loss}
        if not private:
            ways = ways - set().union(*(b.path(n) for n in matched))
        for p in sorted(ways, key=b.at.__getitem__, reverse=True):
            if self._late():
                return
            for u, k in b.users[p]:
                share = fit(b.share(u, k, grads[u]), b.values[p].shape)
                where = partial(self.words.step, u, k)
                yield Place(p, share, u, where, edge_mutants(b, grads, u, k, self.say))
            for a in self.activations:
                share = b.pull({a.after: grads[a.after]}, [p]).get(p) if a.before is p else None
                if share is not None:
                    where = partial(self._applying, a)
                    yield Place(p, share, a.after, where, activation_mutants(b, a, grads[a.after], self.say))
            yield Place(p, grads[p], p, partial(self.words.place, p), whole_mutants(b, grads, p, self.say))

    def _applying(self, a: Activation) -> str:
        return f"{self.say(a.after)} = {a.name}({self.say(a.before)})"

    def _steps(
        self, state: State, target: Any, private: bool = False, above: Any = None, spoil: bool = False
    ) -> list[State]:
        """All single faults that explain the target; with `above`, likely ones below that node; `spoil`: at any price."""
        found = []
        for place in self._places(state, target, private):
            p = place.node
            inside = above is None or (p is not above and above in self.b.path(p))
            base = self.effect(p, place.share, target) if inside else None
            if base is None:
                continue
            residual = self.mine[target] - state.grads[target] + base
            for mutant in place.mutants:
                if above is None or mutant.cost <= LIKELY:
                    fault, change = self._tried(mutant, place, target, base, residual)
                    if fault is None:
                        continue
                    if private:
                        where = f"{self.say(target)}, by {fault.where}"
                        fault = replace(fault, where=where, cost=fault.cost + 1.5)
                    after = self._applied(state, fault, {p: change}, private)
                    if target not in (rest := set(after.unmatched)) and (
                        spoil or rest <= set(state.unmatched)
                    ):
                        found.append(after)
        return self._distinct(found)[: 2 * BEAM]

    def _tried(self, mutant: Mutant, place: Place, target: Any, base: Any, residual: Any) -> Any:
        """The fault and the change of the node's gradient, where a multiple of the mutant gives what the target lacks."""
        p, share, allowed = place.node, place.share, self.given.tolerance[target]
        made = made_of(mutant, share)
        wanted = residual - base if mutant.added else residual
        if made is None or self._hopeless(p, made, target, wanted):
            return None, None
        w, e = np.reshape(wanted, -1), np.reshape(self.effect(p, made, target), -1)
        size, dot = float(e @ e), float(w @ e)
        if not size:
            gone = mutant.mistake == "path_missing" and largest(w) <= allowed
            return (self._fault(mutant, place, target), made - share) if gone else (None, None)
        c = dot / size
        parallel = dot * dot >= (1 - 1e-3) * size * float(w @ w)
        if not parallel or not 1e-7 < abs(c) < 1e7 or largest(w - c * e) > allowed * max(1.0, abs(c)):
            return None, None
        if mutant.added:
            return self._added(mutant, place, target, c, e.size), c * made
        mistake, text, cost = self._averaged(c, p) or self.factors.read(c) or (None, "", 0.0)
        text = text or f"it is {c:.6g} times the right one"
        plain = mutant.mistake == "wrong_factor" and not mutant.variant
        if mistake is None and plain:
            mistake, cost = "wrong_factor", 2.0 if e.size > 1 else 3.5
        if mistake is None or (plain and not mistake):
            return None, None
        if plain:
            return self._of_factor(mistake, text, cost, place, target), (c - 1) * share
        more, cost = (f"; and {text}", 0.7 + cost) if mistake else ("", 0.0)
        return self._fault(mutant, place, target, more, cost), c * made - share

    def _averaged(self, c: float, p: Any) -> Any:
        """Whether a parameter that is spread over many elements got their mean in place of their sum."""
        b = self.b
        for user, _ in b.users[p] if not p.parents else ():
            n = b.values[user].size // max(1, p.size)
            apart = b.values[user].shape != p.shape and user.op.name not in PRODUCTS
            if apart and n > 1 and abs(c * n - 1) < 1e-9:
                return "averaged", f"the mean over {n} elements stands where the sum belongs", 0.0
        return None

    def _fault(self, mutant: Mutant, place: Place, target: Any, more: str = "", cost: float = 0.0) -> Fault:
        """A fault; in a regularisation penalty, by the penalty's name."""
        mistake, note = mutant.mistake, mutant.text + more
        if place.user in self.penalties:
            mistake, note = PENALTY.get(mistake, mistake), f"in the regularisation penalty: {note}"
        cost += mutant.cost + (0.0 if place.node.label else 0.15)
        return Fault(mistake, place.node, place.where(), note, cost, target)

    def _of_factor(self, mistake: str, text: str, cost: float, place: Place, target: Any) -> Fault:
        """A constant factor by its name at its place: a sum that is an average, a penalty's sign."""
        p, b = place.node, self.b
        users = [place.user] if place.user is not p else [u for u, _ in b.users[p]]
        stretched = not p.parents and any(b.values[u].shape != b.values[p].shape for u in users)
        if mistake == "divided_by_batch_twice" and stretched:
            mistake, text = "averaged", f"the mean over the batch stands where the sum belongs; {text}"
        fault = self._fault(
            Mutant(mistake, None, f"{self.say(p)}'s gradient: {text}", extra=cost - 0.5), place, target
        )
        fault = replace(fault, where=self.words.place(p), cost=1.0 + cost + (0.0 if p.label else 0.15))
        return (
            replace(fault, note=f"the penalty is subtracted: {text}")
            if fault.mistake == "penalty_sign"
            else fault
        )

    def _added(self, mutant: Mutant, place: Place, target: Any, c: float, size: int) -> Fault | None:
        """A multiple that is added: of a parameter (a penalty), or of a share with the weights' step (an update too soon)."""
        rate = abs(c)
        if mutant.mistake == "penalty_added":
            own = self.penalty_rates.get(place.node)
            if own is not None:
                note = (
                    f"{self.say(place.node)}'s penalty pulls {(own + c) / own:.6g} times as hard as it should"
                )
                return self._fault(replace(mutant, mistake="penalty_factor", note=note), place, target)
            known = any(np.isclose(c, other, rtol=1e-6) for other in self.penalty_rates.values())
            more = f": {c:.6g} · {self.say(place.node)}"
            return self._fault(mutant, place, target, more, 0.4 * (size == 1)) if known or size > 1 else None
        short = abs(rate / float(f"{rate:.2g}") - 1) < 1e-6
        if not 1e-5 < rate < 20 or not (short or (size > 1 and c < 0)):
            return None
        more = f", with a learning rate of {rate:.6g}"
        return self._fault(mutant, place, target, more, (0.0 if short else 1.2) + 0.3 * (c > 0))

    # ---- What a share does -------------------------------------------------------------------------------------------------

    def effect(self, p: Any, share: Any, target: Any) -> Any:
        """What a share at p gives the target: for a small p by a matrix, since backward is linear."""
        b, shape = self.b, self.b.values[p].shape
        if p is target or b.values[p].size > SMALL:
            return share if p is target else b.pull({p: share}, [target]).get(target)

        def matrix() -> Any:
            units = np.eye(b.values[p].size).reshape(-1, *shape)
            return np.stack([b.pull({p: unit}, [target])[target].reshape(-1) for unit in units], 1)

        matrix_here = b.remember(("effect", p, target), matrix)
        return (matrix_here @ np.reshape(share, -1)).reshape(b.values[target].shape)

    def _hopeless(self, p: Any, share: Any, target: Any, wanted: Any) -> bool:
        """Whether no multiple of a share at p can give what is wanted: judged along two random directions, quickly."""
        if self.b.values[p].size <= SMALL or p is target:
            return False

        def make() -> list[tuple[Any, Arrays]]:
            rays = np.random.default_rng(1).standard_normal((2, *self.b.values[target].shape))
            return [(ray, self.b.push(target, ray)) for ray in rays]

        flat, found = np.reshape(share, -1), []
        for ray, pushed in self.b.remember(("push", target), make):
            way = pushed[p].reshape(-1)
            found.append(
                (float(np.vdot(wanted, ray)), float(flat @ way), float(np.sqrt((flat @ flat) * (way @ way))))
            )
        (a1, b1, n1), (a2, b2, n2) = found
        slack = 1e-3 * (abs(a1 * b2) + abs(a2 * b1)) + 1e-5 * (abs(a1) * n2 + abs(a2) * n1)
        return abs(a1 * b2 - a2 * b1) > slack

    # ---- Many faults, or two -----------------------------------------------------------------------------------------------

    def _alike(self, state: State) -> Iterator[State]:
        """One kind of fault at every step of a kind: every layer, every time step, every use."""
        b = self.b
        known = {a.after: a for a in self.activations if any(p is a.before for p in a.after.parents)}
        right = set().union(*(b.path(node) for node in self.given.right if b.grads[node].any()))
        ways = set().union(*(b.path(node) for node in state.unmatched))
        for nodes, edits, note in wrong_strides(b):
            grads = b.sweep(edits)
            if all(self.near(node, x, grads.get(node, np.inf)) for node, x in self.mine.items()):
                where = ", ".join(self.words.step(node, 0) for node in nodes)
                yield State(grads, (Fault("wrong_index", nodes[0].parents[0], where, note, 1.5),))
        sets = list(groups(b))
        tries: list[tuple[float, Mutant, Any, Any]] = []
        parts = [part for edges in sets for part in (edges[:-1], edges[1:]) if len(edges) > 2]
        for edges, dropped in [(e, False) for e in sets] + [(e, True) for e in (*all_but_one(b), *parts)]:
            parents = {user.parents[k] for user, k in edges}
            if self._late():
                break
            kinds = self._kinds(edges, dropped, known) if parents & ways else {}
            unlikely = (
                1.0 if parents & right else 0.0
            )  # it would spoil what is right, unless it gives that nothing
            tries += [(mutant.cost + unlikely, mutant, key, edges) for key, mutant in kinds.items()]
        for _, mutant, key, edges in sorted(tries, key=lambda one: one[0]):  # the likeliest first
            if self._late():
                return
            grads = b.sweep(dict.fromkeys(edges, self._edit(key, known)))
            if all(node in grads and self.near(node, x, grads[node]) for node, x in self.mine.items()):
                where = "; ".join(self.words.step(u, k) for u, k in edges)
                note = f"at each of {len(edges)} steps alike; at one: {mutant.text}"
                user, k = edges[-1]
                yield State(
                    grads, (Fault(mutant.mistake, user.parents[k], where, note, 1.2 * mutant.cost + 0.4),)
                )

    def _kinds(self, edges: Any, dropped: bool, known: Any) -> dict[Any, Mutant]:
        """The mutants that are tried at all of some steps."""
        gone = Mutant("path_missing", None, "its share is missing: = stands where += belongs")
        kinds = {gone.key: gone}
        if not dropped:
            turned = Mutant("wrong_sign", None, "its share is negated")
            kinds[turned.key] = turned
            for user, k in (edges[0], edges[-1]):
                kinds |= {m.key: m for m in local_mutants(self.b, self.b.grads, user, k, known, self.say)}
            kinds.pop(("wrong_factor", ""), None)
        return kinds

    def _edit(self, key: tuple[str, str], known: Any) -> Callable[..., Any]:
        """What makes a step's share in a sweep where every step of a kind has the same fault."""

        def made(user: Any, k: int, g: Any, grads: Arrays) -> Any:
            right = self.b.share(user, k, g)
            if key in (("wrong_sign", ""), ("path_missing", "")):
                return -right if key[0] == "wrong_sign" else 0.0 * right
            mutants = local_mutants(self.b, grads, user, k, known, self.say)
            same = next((m for m in mutants if m.key == key), None)
            return right if same is None else made_of(same, fit(right, self.b.values[user.parents[k]].shape))

        return made

    def _pairs(self, state: State, target: Any) -> list[State]:
        """Two faults between two neighbouring given arrays: a likely one, the likeliest first, and any below it."""
        places = [(place, mutant) for place in self._places(state, target) for mutant in place.mutants]
        likely = [(place, m) for place, m in places if m.cost <= LIKELY and not m.added]
        for place, mutant in sorted(likely, key=lambda pair: pair[1].cost):
            p, share = place.node, place.share
            made = made_of(mutant, share)
            if made is None or np.array_equal(made, share):
                continue
            if self._late():
                return []
            moved = {n: state.grads[n] + d for n, d in self.b.pull({p: made - share}, [target]).items()}
            near = State(state.grads | moved, state.faults, state.unmatched)
            if self._steps(near, target, above=p, spoil=True):
                after = self._applied(state, self._fault(mutant, place, target), {p: made - share})
                if set(after.unmatched) <= set(state.unmatched) and (
                    found := self._steps(after, target, above=p)
                ):
                    return found
        return []


def made_of(mutant: Mutant, share: Any) -> Any:
    """A mutant's share, or None where it has none of that shape that is finite."""
    try:
        made = mutant.make()
    except ValueError:  # of shapes that do not fit: nobody's program would have run
        return None
    return (
        made if np.shape(made) == np.shape(share) and made is not None and np.isfinite(made).all() else None
    )
