"""Which value of the backward pass is the first wrong one: put the right one in its place and run the person's code on.

A value of the backward pass may be meant as the derivative of the loss by a value of the forward pass, times a constant; or it
was computed with a parameter that this step had updated already. Where the right numbers in a place make updates right and spoil
none, the place is at fault.
"""

import ast
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import Any, NamedTuple

import numpy as np

from .case import Case, Verdict, View, few, largest, multiple
from .losses import Loss, direction, steady
from .record import Step, collect, gather, getitem, identity, put
from .replay import again
from .steps import ELEMENT, key_of, size_of

MOST_TRIALS = 6000
LAST = 4  # values of a layer, counted from its end
PARAMETER = "parameter"
NO_MAPS = {
    "matmul",
    "dot",
    "put",
    "nested",
    "concatenate",
    "c_",
    "hstack",
    "einsum",
    "tensordot",
}  # of single numbers
KINDS = ["too early", "adjoint", "slope"]
Targets = dict[int, Any]  # the right numbers, by the steps that they belong to
Meant = tuple[
    Any, Step
]  # a value of the forward pass, or what a reader passes back to it: the adjoint's key, and the value


@dataclass(eq=False)
class Fault:
    """A place whose values are wrong: what they are meant as, and the right numbers, in each step of the training."""

    meant: str
    targets: dict[int, Targets]
    gains: dict[int, float]  # how many more updates are right, by the steps of the training
    scale: float = 1.0
    step: Any = None
    ratio: float | None = None  # the right numbers over the person's, where that is one number
    of: Step | None = None  # the value of the forward pass that it is the derivative by
    order: int = 0
    already: bool = False  # whether the person's values are a derivative, of another value than is meant
    depth: int = 0  # how many calls above the value the line stands that is named
    steady: bool = True  # whether the updates' factor is the same in every step after the repair
    whole: bool = False  # whether it is the derivative by a parameter
    reshaped: bool = False  # whether the right numbers are of another size
    window: int = field(init=False)
    gain: float = field(init=False)

    def __post_init__(self) -> None:
        self.window = min(self.targets, default=0)
        self.gain = float(np.mean(list(self.gains.values()))) if self.gains else 0.0

    @property
    def level(self) -> tuple[Any, ...]:
        """What a fault of a better kind has less of."""
        return 2 * self.reshaped + (self.ratio is not None), not self.steady, KINDS.index(self.meant)


class Trial(NamedTuple):
    """What became of the updates with targets in place: the verdict, the constant that served best, and what became right."""

    verdict: Verdict
    scale: float
    better: list[int]


def fit_shape(target: Any, step: Step) -> Any:
    """The target in the shape of the person's value, also transposed; None where it has another size."""
    shape = np.shape(step.value)
    if np.shape(target) == shape:
        return target
    if np.size(target) != size_of(step):
        return None
    if [n for n in np.shape(target) if n > 1] == [n for n in shape if n > 1]:
        return np.reshape(target, shape)
    return np.asarray(target).T if np.shape(target)[::-1] == shape else None


class Search:
    """The search for the first fault of a case under one loss."""

    def __init__(self, case: Case, loss: Loss, end: float = float("inf")) -> None:
        self.case, self.loss, self.end, self.steps = case, loss, end, case.record.steps
        self.wrong = loss.wrong(len(case.parameters))
        self.numbers = [k for k, v in sorted(loss.verdicts.items()) if not all(map(v.right, self.wrong))]
        self.scaled = any(v.factors[i] for v in loss.verdicts.values() for i in self.wrong)
        self.trials, self.zeros, self.pairs = 0, dict[Any, Any](), dict[int, list[tuple[Step, Step]]]()
        self.before = {
            k: self.judged(k, self.updates(k, {}) or [], loss.factors[k] or np.nan) for k in self.numbers
        }
        self.groups = self.backward_groups()
        self.forward = {k: self.forward_groups(k) for k in self.numbers}

    # ---- Places and what they may be meant as ------------------------------------------------------------------------

    def backward_groups(self) -> dict[Any, dict[int, list[Step]]]:
        """The values of the backward pass by their places, and by the steps of the training; also by a function's line alone."""
        groups: dict[Any, dict[int, list[Step]]] = defaultdict(lambda: defaultdict(list))
        lines: dict[Any, dict[Any, None]] = defaultdict(dict)
        mask, first = sum(1 << i for i in self.wrong), self.numbers[0]
        for k in self.numbers:
            view = self.case.views[k]
            skip = self.loss.slices[k] | set().union(*[p.ids for p in self.case.parameters])
            places: list[Step] = []
            collect([s.args[1:2] for s in view.order if s.func in (getitem, gather, put)], places)
            skip |= {s.id for s in places}
            for step in view.order:
                copied = step.func in ELEMENT and all(p.id in view.window.starts for p in step.parents)
                if step.func is not None and not copied and step.id not in skip and view.back[step.id] & mask:
                    groups[key_of(step)][k].append(step)
                    lines[step.name, step.stack[:1]][key_of(step)] = None
        found = {key: dict(group) for key, group in groups.items() if first in group}
        for line, keys in lines.items():
            members = [found[key] for key in keys if key in found]
            if len(members) > 1:
                numbers = set.intersection(*map(set, members))
                found[line] = {
                    k: sorted((s for m in members for s in m[k]), key=lambda s: s.id) for k in numbers
                }
        return found

    def forward_groups(self, k: int) -> dict[Any, list[Meant]]:
        """The values of the forward pass that have an adjoint, by their places; so are the shares that their readers pass back.

        A function's line is a group too, whoever calls it, and so are the last values that depend on the same parameters.
        """
        view = self.case.views[k]
        groups: dict[Any, list[Meant]] = defaultdict(list)
        layers: dict[int, list[Meant]] = defaultdict(list)
        for number in sorted(self.loss.adjoints[k], key=lambda n: n if isinstance(n, int) else n[0]):
            if isinstance(number, tuple):
                reader, operand, place = number
                groups["share", key_of(self.steps[reader]), place].append((number, self.steps[operand]))
            elif number not in view.window.starts:
                step = self.steps[number]
                for key in dict.fromkeys([key_of(step), (step.name, step.stack[:1])]):
                    groups[key].append((number, step))
                layers[view.sig[number]].append((number, step))
        groups[PARAMETER] = [(s.id, s) for s in view.window.start if s.id in self.loss.adjoints[k]]
        for layer in layers.values():
            for i, meant in enumerate(layer[: -LAST - 1 : -1]):
                groups["last", i].append(meant)
        return groups

    def options(self, k: int, group: Any, meant: Any) -> Iterable[Targets]:
        """What a place's values may rightly be, if they are meant as the derivatives by this: the last of a chain, or each."""
        last = last_of_chains(group[k])
        out = self.options_of(k, last, meant)
        return out if len(last) == len(group[k]) else [*out, *self.options_of(k, group[k], meant)]

    def options_of(self, k: int, steps: list[Step], meant: Any) -> list[Targets]:
        """The same for these values of a place."""
        view, adjoints = self.case.views[k], self.loss.adjoints[k]
        by_mask: dict[int, list[Any]] = defaultdict(list)
        for number, step in self.forward[k].get(meant, []):
            by_mask[view.sig.get(step.id, 0)].append(adjoints[number])
        wanted: dict[int, list[Step]] = defaultdict(list)
        for b in steps:
            wanted[view.back[b.id]].append(b)
        pairs = []
        for mask, bs in wanted.items():
            found = by_mask.get(mask) or next((v for m, v in by_mask.items() if mask & m == mask), [])
            pairs.append((bs, found))
        if any(len(found) < len(bs) for bs, found in pairs):
            return []  # one of many shares that are added up is not the gradient
        more = any(len(found) > len(bs) for bs, found in pairs)
        out: list[Targets] = []
        for late in (False, True) if more else (False,):
            for way in (1, -1) if more or any(len(bs) > 1 for bs, _ in pairs) else (1,):
                targets: Targets = {}
                for bs, found in pairs:
                    part = found[len(found) - len(bs) :] if late else found[: len(bs)]
                    fitted = (self.fitted(view, t, b, meant) for b, t in zip(bs, part[::way], strict=True))
                    targets |= zip((b.id for b in bs), fitted, strict=True)
                if all(t is not None for t in targets.values()):
                    out.append(targets)
        # shares that are added up may come in any order: the likeliest is the one that is most like them
        return sorted(out, key=lambda found: -likeness(found, steps)) if len(out) > 1 else out

    def fitted(self, view: View, target: Any, step: Step, meant: Any) -> Any:
        """A derivative in the shape of a value; that by a parameter in its own, where the value never has another."""
        found = fit_shape(target, step)
        if found is not None or meant != PARAMETER:
            return found
        later = any(fit_shape(target, s) is not None for s in made_of(step, view.order))
        return None if later else target  # it is summed or reshaped later, and may be right until then

    # ---- Trials ------------------------------------------------------------------------------------------------------

    def updates(self, k: int, targets: Targets) -> list[Any] | None:
        """The updates of a step of the training with numbers replaced."""
        values = self.case.views[k].run(targets)
        return None if values is None else self.case.views[k].updates(values)

    def judged(self, k: int, updates: list[Any], wanted: float | None) -> Verdict:
        """The verdict on these updates in one step."""
        return self.loss.judged(self.case, k, updates, wanted)

    def trial(self, k: int, targets: Targets, fixed: bool = False) -> Trial | None:
        """Put targets in place, times the constant that serves best."""
        common = self.loss.factors[k]
        self.trials += 1
        updates, scale = self.updates(k, targets), 1.0
        if updates is None:
            return None
        if not fixed:
            key = (k, *((n, np.shape(t)) for n, t in targets.items()))
            if key not in self.zeros:
                self.zeros[key] = self.updates(k, {n: np.zeros(np.shape(t)) for n, t in targets.items()})
            one, zero = updates, self.zeros[key]
            scales = [] if zero is None else list(self.scales(k, one, zero, common))
            if not scales:
                return None

            def at(scale: float) -> list[Any]:
                return [None if a is None else z + scale * (a - z) for a, z in zip(one, zero, strict=True)]

            scale = max(scales, key=lambda s: sum(abs(s - t) <= 1e-4 * abs(s) for t in scales))
            factor = self.judged(k, at(scale), None).factor if common is None else None
            # the updates must descend
            scale = -scale if factor and factor * direction(self.loss) < 0 else scale
            updates = at(scale)
        after, better = self.judged(k, updates, common), []
        for i, masks in enumerate(zip(self.before[k].masks, after.masks, strict=True)):
            if masks[0] is None or masks[1] is None:
                continue
            old, new = np.broadcast_arrays(*masks)
            if np.any(old & ~new) and common is not None:
                return None
            if new.mean() > old.mean():
                better.append(i)
        return Trial(after, scale, better)

    def scales(self, k: int, one: list[Any], zero: list[Any], common: float | None) -> Iterator[float]:
        """For each wrong parameter the constant that makes it right, where the target reaches it."""
        view = self.case.views[k]
        for i in self.wrong:
            u, z, g = one[i], zero[i], self.loss.grads[k][i]
            if u is None or z is None or g is None or not np.shape(u) == np.shape(z) == g.shape:
                continue
            if np.any(few(g)) and np.any(few(u) != few(z)):
                u, z, g = few(u), few(z), few(g)
            d = u - z
            if not np.all(np.isfinite(d)) or not np.all(np.isfinite(z)):
                continue
            moved = (d != 0) & (np.abs(g) > 1e-14)
            if common is not None:
                wanted, norm = (-common * g - z)[moved], float((d[moved] ** 2).sum())
                s = float((wanted * d[moved]).sum()) / norm if norm and np.isfinite(norm) else 0.0
                off = np.abs(s * d[moved] - wanted).max(initial=0)
                if s and off <= 1e-5 * largest(wanted) + view.precision(i):
                    yield s
            elif largest(z) <= view.precision(i) or moved.sum() <= 2:
                yield 1.0
            else:
                basis = np.stack([d[moved], g[moved]], 1)
                (s, c), *_ = np.linalg.lstsq(basis, -z[moved], rcond=None)
                if c > 0 and s and np.abs(basis @ [s, c] + z[moved]).max() <= 1e-6 * largest(z):
                    yield float(s)

    def tried(
        self, kind: str, options: Callable[[int], Iterable[Targets]], group: Any = None
    ) -> Fault | None:
        """A fault, where one of the options in each step of the training makes updates right."""
        fixed, last = kind != "adjoint", self.numbers[-1]
        every, gains, factors, scales = dict[int, Targets](), {}, [], []
        for k in self.numbers:
            if group is not None and k not in group:
                if fixed:
                    return None
                continue
            trials = [(t, self.trial(k, t, fixed)) for t in options(k)]
            best = max(
                ((t, r) for t, r in trials if r), key=lambda found: found[1].verdict.score(), default=None
            )
            if best is None:
                if fixed or len(every) < 2 or k != last:
                    return None
                continue  # a training that diverges can be judged in its first steps only
            targets, result = best
            if not result.better and (fixed or not every):
                return None
            scales.append(result.scale)
            if not steady(scales) and not self.loss.own:
                return None
            gains[k] = result.verdict.score() - self.before[k].score()
            every[k] = {n: result.scale * t for n, t in targets.items()}
            factors.append(result.verdict.factor)
        if sum(gains.values()) <= 1e-9:
            return None
        fault = Fault(kind, every, gains, scales[0])
        fault.steady = kind == "too early" or (steady([f for f in factors if f]) and steady(scales))
        if group is not None:
            fault.ratio = self.ratio(every)
            numbers = (
                (np.size(t), size_of(self.steps[n])) for found in every.values() for n, t in found.items()
            )
            fault.reshaped = any(a != b for a, b in numbers)
            self.locate(fault, group)
        return fault

    # ---- The faults --------------------------------------------------------------------------------------------------

    def reads_data(self) -> bool:
        """Whether anything but parameters enters the loss; a norm or a penalty alone is no loss that lines are judged by."""
        first = self.numbers[0]
        inside, starts = self.loss.slices[first], self.case.views[first].window.start
        read = [p for n in inside for p in self.steps[n].parents if p.id not in inside and p not in starts]
        picks = any(self.steps[n].func in (getitem, gather) for n in inside)
        return picks or any(size_of(p) > 1 for p in read) or all(size_of(s) == 1 for s in starts)

    def faults(self) -> list[Fault]:
        """The places that explain most, best first."""
        first = self.numbers[0]
        if not self.reads_data():
            return []
        order = sorted(self.groups, key=lambda key: (len(key[1]) == 1, self.groups[key][first][0].id))
        found = [f for key in order for f in self.adjoints_at(self.groups[key])]
        for key in reversed(order):  # a function's line before its calls
            fault = self.tried("slope", partial(self.slopes, self.groups[key]), self.groups[key])
            found += [fault] if fault else []
        early = {k: self.too_early(k) for k in self.numbers}
        fault = self.tried("too early", lambda k: [early[k]] if early[k] else [])
        if fault:
            fault.step = self.steps[min(early[first])]
            found.append(fault)
        found = [f for f in found if not self.passes_on(f)] or found
        best = max((f.gain for f in found), default=0.0)
        found = [f for f in found if f.gain > best - 1e-6]
        if all(f.whole for f in found if f.steady):  # the rate changes from step to step
            for f in found:
                f.steady = True
        found.sort(key=lambda f: (*f.level, f.order, not f.whole))
        apart = [f for f in found if f.meant == "slope" and self.is_apart(f, found[0].step)]
        return [*(apart or self.first_of(found)), *found]

    def is_apart(self, fault: Fault, step: Step) -> bool:
        """Whether a slope is computed in a statement of its own, before the one whose value it makes wrong."""
        fault.depth = len(fault.step.stack) - len(step.stack)
        if fault.depth < 0 or fault.step not in step.parents:
            return False
        where = self.case.sources.where
        return bool(where(fault.step, fault.depth) != where(step))

    def first_of(self, found: list[Fault]) -> list[Fault]:
        """The fault to name in the place of the first one: its statement's whole value, or what is no derivative yet."""
        first = found[0] if found else None
        if first is not None and first.already:
            last = [f for f in found if f.already and f.level == first.level][-1]
            later = (f for f in found if not f.already and f.order > last.order)
            return [next((f for f in later if not f.whole and self.changes(f) <= self.changes(last)), last)]
        if first is None or self.is_top(first.step):
            return []
        where = self.case.sources.where
        top = [f for f in found if self.is_top(f.step) and f.level[:2] == first.level[:2]]
        here = [f for f in top if where(f.step) == where(first.step)]
        return [] if here and first.meant != "adjoint" else (here or top)[:1]

    def adjoints_at(self, group: Any) -> Iterator[Fault]:
        """A place's values as derivatives by values of the forward pass, and by a parameter."""
        first = self.numbers[0]
        tried: set[Any] = set()
        best: dict[Any, float] = {}
        for meant in sorted(self.forward[first], key=lambda meant: meant == PARAMETER):
            for targets in self.options(first, group, meant):
                if self.trials > MOST_TRIALS or monotonic() > self.end:
                    return
                mark = signature(targets)
                many = sum(np.size(t) for t in targets.values()) > 1
                if mark in tried or (many and not self.scaled and self.ratio({first: targets}) is not None):
                    continue
                tried.add(mark)

                def options(k: int, meant: Any = meant, targets: Targets = targets) -> Iterable[Targets]:
                    return [targets] if k == first else self.options(k, group, meant)

                fault = self.tried("adjoint", options, group)
                if fault is not None and fault.gain > best.get(meant, 0.0) + 1e-6:
                    # another order of the same values says no more where it gains no more
                    best[meant] = fault.gain
                    fault.whole = meant == PARAMETER
                    fault.already = fault.ratio is None and not fault.whole and self.is_derivative(group)
                    fault.of = self.match_of(first, group[first][0], meant)
                    yield fault

    def too_early(self, k: int) -> Targets:
        """Values that are computed with parameters which this step has updated already, as they would have been before."""
        view, targets = self.case.views[k], dict[int, Any]()
        versions = {v.id: i for i, p in enumerate(self.case.parameters) for v in p.versions}
        for step in view.order:
            own = {versions[p.id] for p in step.parents if p.id in versions}
            late = {
                p.id: view.window.start[versions[p.id]].value
                for p in step.parents
                if p.id in versions and p.id >= view.window.first and p.id not in view.window.starts
            }
            if late and step.id not in versions and view.back[step.id] & ~sum(1 << i for i in own):
                targets[step.id] = again(step, late)
        return targets

    def slopes(self, group: Any, k: int) -> list[Targets]:
        """Values that are functions of one activation, as that activation's slope."""
        found = {s.id: self.slope_for(k, s) for s in group[k]}
        return [] if any(t is None for t in found.values()) else [found]

    def slope_for(self, k: int, step: Step) -> Any:
        """The slope of the activation that a value is an elementwise function of."""
        adjoints, x = self.loss.adjoints[k], sole_source(step, self.loss.slices[k])
        if k not in self.pairs:
            inner = sorted(self.loss.slices[k])
            self.pairs[k] = [(z, self.steps[n]) for n in inner if (z := self.input_of(k, self.steps[n]))]
        found = [pair for pair in self.pairs[k] if pair[0] is x] or [
            pair for pair in self.pairs[k] if pair[1] is x
        ]
        if x is None or np.shape(x.value) != np.shape(step.value) or not found:
            return None
        dz, da = (adjoints.get(s.id) for s in found[-1])
        if dz is None or da is None or np.shape(dz) != np.shape(da):
            return None
        with np.errstate(all="ignore"):
            slope = np.asarray(dz) / np.asarray(da)
        return np.where(np.isfinite(slope), slope, np.asarray(step.value, float))

    def input_of(self, k: int, a: Step) -> Step | None:
        """The pre-activation of an activation: the farthest value above it by elementwise steps alone."""
        step, found = a, None
        while step.name not in NO_MAPS:
            moving = [p for p in step.parents if p.id in self.loss.slices[k]]
            above = [p for p in moving if np.shape(p.value) == np.shape(a.value)]
            if not above or (step.func is np.add and len(moving) > 1):
                break
            step = found = max(above, key=lambda s: s.id)
        return found

    # ---- What is said of a fault -------------------------------------------------------------------------------------

    def now(self, k: int, step: Step) -> Any:
        """A step's value, with what was repaired before."""
        return self.case.views[k].changed.get(step.id, step.value)

    def locate(self, fault: Fault, group: Any) -> None:
        """The place's first value that differs from what it should be; of several one that should not be 0."""
        changed = [
            (k, step)
            for k, targets in sorted(fault.targets.items())
            for step in group[k]
            if step.id in targets and not same(targets[step.id], self.now(k, step))
        ]
        if not changed:
            fault.step, fault.order = group[self.numbers[0]][0], 10**9
            return
        telling = (found for found in changed if np.any(fault.targets[found[0]][found[1].id]))
        fault.window, fault.step = next(telling, changed[0])
        fault.order = changed[0][1].id

    def passes_on(self, fault: Fault) -> bool:
        """Whether a place only passes on: a clip, a renaming that is off by a constant, what a loop changes several parameters by.

        Any fault before it can be mended there, and so it is never the wrong line where another explains anything.
        """
        if fault.step.func is identity:
            renamed = isinstance(self.case.sources.spot(fault.step)[1], ast.Name)
            return fault.ratio is not None or not renamed
        ids, view = set(fault.targets[fault.window]), self.case.views[fault.window]
        if not fault.whole or len({view.back[n] for n in ids}) < 2:
            return False
        versions = set().union(*[p.ids for p in self.case.parameters])
        return any(p.id in ids for n in versions for p in self.steps[n].parents)

    def is_top(self, step: Step) -> bool:
        """Whether a value is a statement's whole value, or an argument of the script's own calls."""
        text, node = self.case.sources.spot(step)
        parent = text.parent.get(node)
        if isinstance(parent, ast.Call):
            return "np." not in text.text(parent.func)
        return not isinstance(parent, ast.BinOp | ast.UnaryOp | ast.Attribute | ast.Compare)

    def changes(self, fault: Fault) -> int:
        """How many of a place's values, in the first step of the training, differ from what they should be."""
        k = fault.window
        return sum(not same(t, self.now(k, self.steps[n])) for n, t in fault.targets[k].items())

    def is_derivative(self, group: Any) -> bool:
        """Whether the person's values at a place are the derivatives by some value of the forward pass."""
        scale = 0.0
        for k in self.numbers:
            view, adjoints = self.case.views[k], self.loss.adjoints[k]
            for step in group.get(k, ()):
                value, mask = np.asarray(self.now(k, step), float), view.back[step.id]
                meant = (n for n in adjoints if isinstance(n, int) and view.sig.get(n, 0) & mask == mask)
                targets = (fit_shape(adjoints[n], step) for n in meant if value.size > 1)
                found = [c for t in targets if t is not None and (c := multiple(value, t))]
                scale = next((c for c in found if not scale or abs(c - scale) <= 1e-6 * abs(scale)), 0.0)
                if not scale:
                    return False
        return True

    def match_of(self, k: int, step: Step, meant: Any) -> Step | None:
        """The value of the forward pass that a place's first value is meant to be the derivative by."""
        view = self.case.views[k]
        mask = view.back[step.id]
        if meant[0] == "share":
            return None
        found = (step for number, step in self.forward[k].get(meant, ()) if number == step.id)
        return next((step for step in found if view.sig.get(step.id) == mask), None)

    def ratio(self, targets: dict[int, Targets]) -> float | None:
        """Targets over the person's values, where that is one number everywhere."""
        ratio = None
        for k, n, t in ((k, n, t) for k, group in targets.items() for n, t in group.items()):
            value = self.now(k, self.steps[n])
            if np.shape(t) != np.shape(value):
                return None
            if not same(t, value) and (np.any(t) or np.any(value)):
                r = multiple(t, value)
                ratio = ratio or r
                if not r or abs(r - ratio) > 1e-5 * abs(ratio):
                    return None
        return ratio


def likeness(targets: Targets, steps: list[Step]) -> float:
    """The cosine of targets and the person's values, whatever its sign; the mean of all."""
    found = []
    for s in steps:
        a, b = np.ravel(targets[s.id]), np.ravel(np.asarray(s.value, float))
        norm = float(np.linalg.norm(a) * np.linalg.norm(b))
        found.append(abs(float(a @ b)) / norm if norm else 0.0)
    return round(float(np.mean(found)), 9)


def made_of(value: Step, steps: list[Step]) -> Iterator[Step]:
    """The later values that are made of this one alone."""
    found = {value.id}
    for step in steps:
        if step.parents and all(p.id in found for p in step.parents):
            found.add(step.id)
            yield step


def last_of_chains(steps: list[Step]) -> list[Step]:
    """Of the values that a loop adds up, or writes into one array, the last alone."""
    group = {s.id for s in steps}
    earlier = {
        p.id for s in steps if s.func in (put, np.add, np.subtract) for p in s.parents if p.id in group
    }
    for step in steps:
        root = step
        while root.func is put and isinstance(root.args[0], Step):
            root = root.args[0]
            earlier.add(root.id)
    return [s for s in steps if s.id not in earlier]


def signature(targets: Targets) -> Any:
    """What targets that differ by their sign have in common."""
    flat = np.concatenate([np.ravel(t) for t in targets.values()])
    first = flat[np.abs(flat) > 1e-9 * np.abs(flat).max(initial=0)]
    flat = -flat if first.size and first[0] < 0 else flat
    return tuple(float(f"{v:.6g}") for v in flat[:: max(1, flat.size // 40)]), flat.size


def same(a: Any, b: Any) -> bool:
    """Whether two values are equal but for rounding."""
    if a is None or b is None or np.shape(a) != np.shape(b):
        return False
    a, b = np.asarray(a, float), np.asarray(b, float)
    size = max(np.abs(a).max(initial=0), np.abs(b).max(initial=0))
    return bool(np.isfinite(size) and np.all(np.abs(a - b) <= 1e-6 * size + 1e-15))


def sole_source(step: Step, inside: set[int]) -> Step | None:
    """The one value of the forward pass that a value is computed from directly."""
    found, todo = set(), [step]
    for s in todo:
        for p in s.parents:
            if p.id in inside:
                found.add(p)
            elif p not in todo:
                todo.append(p)
        if len(todo) + len(found) > 30 or len(found) > 1:
            return None
    return next(iter(found), None)
