"""Which value of the backward pass is the first wrong one: put the right one in its place and run the person's code on.

A value of the backward pass may be meant as the derivative of the loss by a value of the forward pass, times a constant;
or as the slope of an activation. Where the right number in its place makes updates right and spoils none, it is at fault.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator
from time import monotonic
from typing import Any

import numpy as np

from .case import Case, judge
from .losses import Loss, direction, steady
from .record import Step, put
from .replay import again
from .steps import key_of, size_of

MOST_TRIALS = 6000
LAST = 4  # values of a layer, counted from its end


class Fault:
    """A place whose values are wrong: what they are meant as, and the right numbers, in each step of the training."""

    def __init__(self, meant: str, targets: dict[int, dict[int, Any]], gains: dict[int, float]) -> None:
        self.meant, self.targets = meant, targets
        self.gains = gains  # how many more updates are right, by the steps of the training
        self.gain = float(np.mean(list(gains.values()))) if gains else 0.0
        self.step: Any = None
        self.scale: float = 1.0
        self.ratio: float | None = None  # the right numbers over the person's, where that is one number
        self.of: Step | None = None  # the value of the forward pass that it is the derivative by
        self.order, self.window = 0, min(targets, default=0)
        self.already = False  # whether the person's values are a derivative, of another value than is meant
        self.depth = 0  # how many calls above the value the line stands that is named
        self.steady = True  # whether the updates' factor is the same in every step after the repair
        self.whole = False


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


class Share:
    """What one reader of a value passes back to it."""

    def __init__(self, step: Step, number: Any) -> None:
        self.step, self.id = step, number


class Search:
    """The search for the first fault of a case under one loss."""

    def __init__(self, case: Case, loss: Loss, end: float = float("inf")) -> None:
        self.case, self.loss, self.end = case, loss, end
        self.wrong = loss.wrong(len(case.parameters))
        self.numbers = [k for k, v in sorted(loss.verdicts.items()) if not all(map(v.right, self.wrong))]
        self.trials = 0
        self.zeros: dict[Any, Any] = {}
        self.scaled = any(v.factors[i] for v in loss.verdicts.values() for i in self.wrong)
        self.before = {}
        self.factors = {}
        for k in self.numbers:
            view = case.views[k]
            updates = view.updates(view.run({}) or {})
            common = loss.factors[k]
            self.before[k] = self.judged(k, updates, common if common else float("nan"))
            self.factors[k] = common
        self.groups = self.backward_groups()
        self.visits: dict[Any, list[Step]] = defaultdict(list)
        for k in self.numbers:
            view = case.views[k]
            for step in case.record.steps[view.window.first : view.window.last]:
                if step.id in view.back or step.id in view.sig:
                    self.visits[step.name, step.stack[:1]].append(step)

    def judged(self, k: int, updates: list[Any], wanted: float | None) -> Any:
        """The verdict on these updates in one step."""
        view = self.case.views[k]
        adjoints = self.loss.adjoints[k]
        grads = [adjoints.get(s.id) for s in view.window.start]
        grads = [
            None if g is None else g.reshape(np.shape(s.value))
            for g, s in zip(grads, view.window.start, strict=True)
        ]
        return judge(view, updates, grads, not self.loss.penalty, wanted)

    def backward_groups(self) -> dict[Any, dict[int, list[Step]]]:
        """The values of the backward pass by their places, and by the steps of the training."""
        groups: dict[Any, dict[int, list[Step]]] = defaultdict(lambda: defaultdict(list))
        mask = sum(1 << i for i in self.wrong)
        for k in self.numbers:
            view = self.case.views[k]
            skip = self.loss.slices[k] | set().union(*[p.ids for p in self.case.parameters])
            for step in view.order:
                if step.func is not None and step.id not in skip and view.back[step.id] & mask:
                    groups[key_of(step)][k].append(step)
        first = self.numbers[0]
        found = {key: dict(group) for key, group in groups.items() if first in group}
        places: dict[Any, list[Any]] = defaultdict(list)
        for key in found:
            places[key[0], key[1][:1]].append(key)
        for place, keys in places.items():
            if len(keys) > 1:  # a function's line, whoever calls the function
                numbers = set.intersection(*[set(found[key]) for key in keys])
                found[place] = {
                    k: sorted((s for key in keys for s in found[key][k]), key=lambda s: s.id) for k in numbers
                }
        return found

    def forward_groups(self, k: int) -> dict[Any, list[Step]]:
        """The values of the forward pass that have an adjoint, by their places; a parameter is a group of its own.

        A function's line is a group too, whoever calls it, and so are the last values that depend on the same parameters.
        """
        view = self.case.views[k]
        groups: dict[Any, list[Any]] = defaultdict(list)
        layers: dict[int, list[Step]] = defaultdict(list)
        steps = self.case.record.steps
        for number in self.loss.adjoints[k]:
            if isinstance(number, tuple):
                groups[("share", key_of(steps[number[0]]), number[2])].append(Share(steps[number[1]], number))
            elif number in view.window.starts:
                groups["parameter"].append(steps[number])
            else:
                step = steps[number]
                groups[key_of(step)].append(step)
                if len(step.stack) > 1:
                    groups[step.name, step.stack[:1]].append(step)
                layers[view.sig[number]].append(step)
        for layer in layers.values():
            for i, step in enumerate(sorted(layer, key=lambda s: -s.id)[:LAST]):
                groups["last", i].append(step)
        for found in groups.values():
            found.sort(key=lambda s: s.id if isinstance(s.id, int) else s.id[0])
        return groups

    def matches(self, k: int, steps: list[Step], meant: list[Step]) -> Iterator[dict[int, Any]]:
        """The ways in which a place's values may be the derivatives by a forward place's values."""
        view, adjoints = self.case.views[k], self.loss.adjoints[k]
        by_mask: dict[int, list[Step]] = defaultdict(list)
        for n in meant:
            by_mask[view.sig.get(n.step.id if isinstance(n, Share) else n.id, 0)].append(n)
        last = last_of_chains(steps)
        for chosen in (last,) if len(last) == len(steps) else (last, steps):
            wanted: dict[int, list[Step]] = defaultdict(list)
            for b in chosen:
                wanted[view.back[b.id]].append(b)
            for backwards, late in ((False, False), (True, False), (False, True), (True, True)):
                found: dict[int, Any] = {}
                more = False
                for mask, bs in wanted.items():
                    ns = by_mask.get(mask) or next((v for m, v in by_mask.items() if mask & m == mask), [])
                    if len(ns) < len(bs):
                        break
                    more = more or len(ns) > len(bs)
                    ns = ns[len(ns) - len(bs) :] if late else ns[: len(bs)]
                    for b, n in zip(bs, reversed(ns) if backwards else ns, strict=True):
                        target = fit_shape(adjoints[n.id], b)
                        if target is None:
                            break
                        found[b.id] = target
                if found and len(found) == len(chosen) and (more or not late):
                    yield found
                if all(len(v) == 1 for v in wanted.values()) and not more:
                    break

    def parameter_match(self, k: int, steps: list[Step]) -> dict[int, Any] | None:
        """Values that reach one parameter's update alone, as that parameter's gradient."""
        view, adjoints = self.case.views[k], self.loss.adjoints[k]
        found: dict[int, Any] = {}
        steps = last_of_chains(steps)
        if len({view.back[b.id] for b in steps}) < len(steps):
            return None  # one of many shares that are added up is not the gradient
        for b in steps:
            mask = view.back[b.id]
            if mask.bit_count() != 1 or np.asarray(b.value).dtype.kind == "b":
                return None
            g = adjoints.get(view.window.start[mask.bit_length() - 1].id)
            if g is None:
                return None
            target = fit_shape(g, b)
            found[b.id] = g if target is None else target
        return found

    def trial(
        self, k: int, targets: dict[int, Any], fixed: bool = False
    ) -> tuple[Any, float, list[int]] | None:
        """Put targets in place, times the constant that serves best: the verdict, the constant, what became right."""
        view, before, common = self.case.views[k], self.before[k], self.factors[k]
        self.trials += 1
        values = view.run(targets)
        if values is None:
            return None
        one = view.updates(values)
        scale = 1.0
        if not fixed:
            zero = self.without(k, targets)
            if zero is None:
                return None
            scales = list(self.scales(k, one, zero, common))
            if not scales:
                return None
            scale = max(scales, key=lambda s: sum(abs(s - t) <= 1e-4 * abs(s) for t in scales))
            at_one = one
            one = [None if a is None else z + scale * (a - z) for a, z in zip(at_one, zero, strict=True)]
            factor = self.judged(k, one, None).factor if common is None else None
            if factor and factor * direction(self.loss) < 0:  # the updates must descend
                scale = -scale
                one = [None if a is None else z + scale * (a - z) for a, z in zip(at_one, zero, strict=True)]
        after = self.judged(k, one, common)
        better = []
        for i in range(len(self.case.parameters)):
            old, new = before.masks[i], after.masks[i]
            if new is None or old is None:
                continue
            old, new = np.broadcast_arrays(old, new) if old.shape != new.shape else (old, new)
            if np.any(old & ~new) and common is not None:
                return None
            if new.mean() > old.mean():
                better.append(i)
        return after, scale, better

    def without(self, k: int, targets: dict[int, Any]) -> list[Any] | None:
        """The updates with nothing at a place, computed once."""
        key = (k, *((n, np.shape(t)) for n, t in targets.items()))
        if key not in self.zeros:
            values = self.case.views[k].run({n: np.zeros(np.shape(t)) for n, t in targets.items()})
            self.zeros[key] = None if values is None else self.case.views[k].updates(values)
        found: list[Any] | None = self.zeros[key]
        return found

    def scales(self, k: int, one: list[Any], zero: list[Any], common: float | None) -> Iterator[float]:
        """For each wrong parameter the constant that makes it right, where the target reaches it."""
        view, adjoints = self.case.views[k], self.loss.adjoints[k]
        for i in self.wrong:
            u, z, g = one[i], zero[i], adjoints.get(view.window.start[i].id)
            if u is None or z is None or g is None or np.shape(u) != np.shape(z):
                continue
            d = u - z
            g = g.reshape(np.shape(view.window.start[i].value))
            if g.shape != d.shape or not np.all(np.isfinite(d)) or not np.all(np.isfinite(z)):
                continue
            moved = (d != 0) & (np.abs(g) > 1e-14)
            if common is None:
                if np.abs(z).max(initial=0) <= view.precision(i):
                    yield 1.0
                elif moved.sum() > 2:
                    basis = np.stack([d[moved], g[moved]], 1)
                    (s, c), *_ = np.linalg.lstsq(basis, -z[moved], rcond=None)
                    if c > 0 and s and np.abs(basis @ [s, c] + z[moved]).max() <= 1e-6 * np.abs(z).max():
                        yield float(s)
                else:
                    yield 1.0
                continue
            wanted = -common * g - z
            norm = float((d[moved] ** 2).sum())
            if not norm or not np.isfinite(norm):
                continue
            s = float((wanted[moved] * d[moved]).sum()) / norm
            if s and np.abs(s * d - wanted)[moved].max() <= 1e-5 * np.abs(
                wanted[moved]
            ).max() + view.precision(i):
                yield s

    def faults(self) -> list[Fault]:
        """The places that explain most, best first."""
        found: list[Fault] = []
        first = self.numbers[0]
        forward = {k: self.forward_groups(k) for k in self.numbers}
        order = sorted(self.groups, key=lambda key: (len(key[1]) == 1, self.groups[key][first][0].id))
        for key in order:
            group = self.groups[key]
            options: list[tuple[str, Any, dict[int, Any]]] = []
            for meant, ns in forward[first].items():
                if meant != "parameter":
                    options += [("adjoint", meant, t) for t in self.matches(first, group[first], ns)]
            whole = self.parameter_match(first, group[first])
            if whole is not None:
                options.append(("adjoint", "parameter", whole))
            tried: set[Any] = set()
            best_of: dict[Any, float] = {}
            for kind, meant, targets in options:
                if self.trials > MOST_TRIALS or monotonic() > self.end:
                    break
                mark = signature(targets)
                many = sum(np.size(t) for t in targets.values()) > 1
                if mark in tried or (many and not self.scaled and self.ratio({first: targets}) is not None):
                    continue
                tried.add(mark)
                fault = self.tried(group, kind, meant, targets, forward)
                if fault is not None and fault.gain > best_of.get(meant, 0.0) + 1e-6:
                    found.append(
                        fault
                    )  # another order of the same values says no more where it gains no more
                    best_of[meant] = fault.gain
        found += self.slopes(order) + self.too_early()
        single = [f for f in found if not self.is_shared_update(f)]
        found = single or found
        best = max((f.gain for f in found), default=0.0)
        found = [f for f in found if f.gain > best - 1e-6]
        kinds = {"too early": 0, "slope": 1, "adjoint": 2}

        changing = all(f.whole for f in found if f.steady)  # the rate changes from step to step

        def level(f: Fault) -> tuple[Any, ...]:
            return (f.ratio is not None, not (f.steady or changing), kinds[f.meant])

        def place(f: Fault) -> tuple[Any, ...]:
            return (len(f.targets[f.window]), -f.order) if f.meant == "slope" else (f.order, not f.whole)

        found.sort(key=lambda f: (*level(f), *place(f)))
        if found and found[0].already:
            equal = [f for f in found if f.already and level(f) == level(found[0])]
            unused = self.unused(equal[-1])
            later = [
                f
                for f in found
                if not f.already and f.ratio is None and f.order > equal[-1].order and (unused or not f.whole)
            ]
            later = [f for f in later if self.changes(f) <= self.changes(equal[-1])]
            found.insert(0, later[0] if later else equal[-1])
        elif found and not self.is_top(found[0].step):
            line = self.case.sources.where(found[0].step, found[0].depth)
            top = [f for f in found if self.is_top(f.step) and level(f)[:2] == level(found[0])[:2]]
            here = [f for f in top if self.case.sources.where(f.step, f.depth) == line]
            if found[0].meant == "adjoint" and (here or top):
                found.insert(0, (here or top)[0])
            elif top and not here:
                found.insert(0, top[0])
        return found

    def is_shared_update(self, fault: Fault) -> bool:
        """Whether the place is what several parameters are changed by, in a loop: any fault can be mended there."""
        versions = set().union(*[p.ids for p in self.case.parameters])
        view = self.case.views[fault.window]
        steps = [self.case.record.steps[n] for n in fault.targets[fault.window]]
        if not fault.whole or len({view.back[s.id] for s in steps}) < 2:
            return False
        ids = {s.id for s in steps}
        return any(p.id in ids for n in versions for p in self.case.record.steps[n].parents)

    def is_top(self, step: Step) -> bool:
        """Whether a value is a statement's whole value, or an argument of the script's own calls."""
        place = self.case.sources.place(step)
        if place is None:
            return False
        text = self.case.sources.texts[place.file]
        node = text.find(place)
        parent = text.parent.get(node)
        return not isinstance(parent, ast.BinOp | ast.UnaryOp | ast.Attribute | ast.Compare) and not (
            isinstance(parent, ast.Call) and "np." in text.text(parent.func)
        )

    def changes(self, fault: Fault) -> int:
        """How many of a place's values, in the first step of the training, differ from what they should be."""
        changed, steps = self.case.views[fault.window].changed, self.case.record.steps
        targets = fault.targets[fault.window]
        return sum(not same(t, changed.get(n, steps[n].value)) for n, t in targets.items())

    def unused(self, fault: Fault) -> bool:
        """Whether the right values are computed by the script later: the wrong ones are read in their place."""
        view = self.case.views[fault.window]
        target = fault.targets[fault.window][fault.step.id]
        return any(
            step.id > fault.step.id and np.size(step.value) > 1 and same(target, step.value)
            for step in self.case.record.steps[view.window.first : view.window.last]
        )

    def is_derivative(self, group: Any) -> bool:
        """Whether the person's values at a place are the derivatives by some value of the forward pass."""
        scale = None
        for k in self.numbers:
            view, adjoints = self.case.views[k], self.loss.adjoints[k]
            for step in group.get(k, ()):
                value = np.asarray(view.changed.get(step.id, step.value), float)
                targets = (
                    fit_shape(a, step)
                    for n, a in adjoints.items()
                    if isinstance(n, int) and view.sig.get(n, 0) & view.back[step.id] == view.back[step.id]
                )
                found = [c for t in targets if t is not None and value.size > 1 and (c := multiple(value, t))]
                alike = [c for c in found if scale is None or abs(c - scale) <= 1e-6 * abs(scale)]
                if not alike:
                    return False
                scale = alike[0]
        return True

    def too_early(self) -> list[Fault]:
        """Values that are computed with parameters which this step has updated already."""
        versions = {v.id: i for i, p in enumerate(self.case.parameters) for v in p.versions}
        every: dict[int, dict[int, Any]] = {}
        gains, readers = {}, []
        for k in self.numbers:
            view, targets = self.case.views[k], {}
            for step in view.order:
                late = {}
                for p in step.parents:
                    i = versions.get(p.id)
                    if i is not None and p.id >= view.window.first and p is not view.window.start[i]:
                        late[p.id] = view.window.start[i].value
                if late and step.id not in versions and view.back[step.id] & ~own_bits(step, versions):
                    targets[step.id] = again(step, late)
                    readers.append(step)
            result = self.trial(k, targets, fixed=True) if targets else None
            if result is None or not result[2]:
                return []
            gains[k] = result[0].score() - self.before[k].score()
            every[k] = targets
        fault = Fault("too early", every, gains)
        fault.step = readers[0]
        return [fault]

    def tried(self, group: Any, kind: str, meant: Any, targets: Any, forward: Any) -> Fault | None:
        """A fault, where these targets make updates right in every step of the training."""
        first = self.numbers[0]
        result = self.trial(first, targets)
        if result is None or not result[2]:
            return None
        gains = {first: result[0].score() - self.before[first].score()}
        every = {first: {n: result[1] * t for n, t in targets.items()}}
        scale, steps_seen = result[1], 1
        factors = [result[0].factor]
        for k in self.numbers[1:]:
            if k not in group:
                continue
            if meant == "parameter":
                options: list[Any] = [self.parameter_match(k, group[k])]
            else:
                options = list(self.matches(k, group[k], forward[k].get(meant, [])))
            best: Any = None
            for option in options:
                tried = self.trial(k, option) if option is not None else None
                if tried is not None and (best is None or tried[0].score() > best[1][0].score()):
                    best = (option, tried)
            if best is None:
                if steps_seen < 2 or k != self.numbers[-1]:
                    return None
                continue  # a training that diverges can be judged in its first steps only
            if abs(best[1][1] - scale) > 1e-3 * abs(scale) and not self.loss.own:
                return None
            gains[k] = best[1][0].score() - self.before[k].score()
            every[k] = {n: best[1][1] * t for n, t in best[0].items()}
            factors.append(best[1][0].factor)
            steps_seen += 1
        if sum(gains.values()) <= 1e-9:
            return None
        fault = Fault(kind, every, gains)
        fault.scale = scale
        self.locate(fault, group)
        fault.ratio = self.ratio(every)
        fault.steady = steady([f for f in factors if f])
        fault.whole = meant == "parameter"
        fault.already = fault.ratio is None and not fault.whole and self.is_derivative(group)
        fault.of = self.match_of(first, group[first][0], meant, forward)
        return fault

    def locate(self, fault: Fault, group: Any) -> None:
        """The place's first value that differs from what it should be."""
        for k in sorted(fault.targets):
            changed = self.case.views[k].changed
            for step in group[k]:
                if not same(fault.targets[k].get(step.id), changed.get(step.id, step.value)):
                    fault.step, fault.order, fault.window = step, step.id, k
                    fault.depth = self.depth_of(fault, step)
                    return
        fault.step, fault.order = group[self.numbers[0]][0], 10**9

    def depth_of(self, fault: Fault, step: Step) -> int:
        """How many calls up the line stands that is at fault: a function that serves other callers well is not."""
        touched = set().union(*[set(t) for t in fault.targets.values()])
        depth = 0
        if fault.meant == "adjoint" and len(step.stack) > 1:
            slope = self.slope_for(fault.window, step)
            if slope is not None and same(slope, step.value):
                depth = 1
        visits = self.visits.get((step.name, step.stack[:1]), ())
        while depth + 1 < len(step.stack):
            others = [
                s for s in visits if s.stack[: depth + 1] == step.stack[: depth + 1] and s.stack != step.stack
            ]
            if not any(s.id not in touched or self.is_same(fault, s) for s in others):
                break
            depth += 1
        return depth

    def is_same(self, fault: Fault, step: Step) -> bool:
        """Whether a value of the place is right already."""
        for k, targets in fault.targets.items():
            if step.id in targets:
                return same(targets[step.id], self.case.views[k].changed.get(step.id, step.value))
        return True

    def match_of(self, k: int, step: Step, meant: Any, forward: Any) -> Step | None:
        """The value of the forward pass that a place's first value is meant to be the derivative by."""
        view = self.case.views[k]
        mask = view.back[step.id]
        if meant == "parameter":
            return view.window.start[mask.bit_length() - 1]
        found = [
            n for n in forward[k].get(meant, ()) if not isinstance(n, Share) and view.sig.get(n.id) == mask
        ]
        return found[0] if found else None

    def ratio(self, targets: dict[int, dict[int, Any]]) -> float | None:
        """Targets over the person's values, where that is one number everywhere."""
        steps, found = self.case.record.steps, None
        for k, group in targets.items():
            for n, t in group.items():
                value = np.asarray(self.case.views[k].changed.get(n, steps[n].value), float)
                if np.shape(t) != value.shape:
                    return None
                if same(t, value):
                    continue
                big = np.abs(value) > 1e-12 * np.abs(value).max(initial=0)
                if not big.any():
                    if np.abs(t).max(initial=0) > 0:
                        return None
                    continue
                r = np.asarray(t)[big] / value[big]
                found = float(np.median(r)) if found is None else found
                if np.abs(r - found).max() > 1e-5 * abs(found) or (np.abs(np.asarray(t)[~big]) > 1e-12).any():
                    return None
        return found

    def slopes(self, order: list[Any]) -> list[Fault]:
        """Values that are functions of one activation, replaced by that activation's slope at every call."""
        found = []
        for key in reversed(order):  # a function's line before its calls
            group = self.groups[key]
            every: dict[int, dict[int, Any]] = {}
            factors, gains = [], {}
            for k in self.numbers:
                targets: dict[int, Any] = {}
                for step in group.get(k, ()):
                    slope = self.slope_for(k, step)
                    if slope is not None:
                        targets[step.id] = slope
                if len(targets) < len(group.get(k, ())) or not targets:
                    break
                result = self.trial(k, targets, fixed=True)
                if result is None or not result[2]:
                    break
                gains[k] = result[0].score() - self.before[k].score()
                every[k] = targets
                factors.append(result[0].factor)
            if len(every) == len(self.numbers) and sum(gains.values()) > 0:
                fault = Fault("slope", every, gains)
                fault.steady = steady([f for f in factors if f])
                fault.ratio = self.ratio(every)
                self.locate(fault, group)
                found.append(fault)
        return found

    def slope_for(self, k: int, step: Step) -> Any:
        """The slope of the activation that a value is an elementwise function of."""
        _view, adjoints = self.case.views[k], self.loss.adjoints[k]
        x = sole_source(step, self.loss.slices[k])
        if x is None or np.shape(x.value) != np.shape(step.value):
            return None
        pairs = [(x, c) for c in self.outputs(k, x)] + [(c, x) for c in self.inputs(k, x)]
        for z, a in pairs[:1]:
            dz, da = adjoints.get(z.id), adjoints.get(a.id)
            if dz is None or da is None or np.shape(dz) != np.shape(da):
                continue
            with np.errstate(all="ignore"):
                slope = np.asarray(dz) / np.asarray(da)
            fallback = np.asarray(step.value, float)
            return np.where(np.isfinite(slope), slope, fallback)
        return None

    def inputs(self, k: int, a: Step) -> list[Step]:
        """The pre-activation of an activation: the farthest value above it by elementwise steps alone."""
        seen, step = [], a
        inside = self.loss.slices[k]
        while True:
            moving = [p for p in step.parents if p.id in inside]
            above = {p.id: p for p in moving if np.shape(p.value) == np.shape(a.value)}
            if step.name in LINEAR or not above or (step.func is np.add and len(moving) > 1):
                break
            step = max(above.values(), key=lambda s: s.id)
            seen.append(step)
        return seen[-1:]

    def outputs(self, k: int, z: Step) -> list[Step]:
        """The activation of a pre-activation."""
        steps = self.case.record.steps
        found = []
        for n in sorted(self.loss.slices[k]):
            if n > z.id and np.shape(steps[n].value) == np.shape(z.value):
                top = self.inputs(k, steps[n])
                if top and top[0] is z:
                    found.append(steps[n])
        return found[-1:]


LINEAR = {"matmul", "dot", "put", "nested", "concatenate", "c_", "hstack", "einsum", "tensordot"}


def last_of_chains(steps: list[Step]) -> list[Step]:
    """Of the values that a loop adds up, or writes into one array, the last alone."""
    group = {s.id for s in steps}
    earlier = {
        p.id for s in steps if s.func in (put, np.add, np.subtract) for p in s.parents if p.id in group
    }
    for s in steps:
        root = s
        while root.func is put and isinstance(root.args[0], Step):
            root = root.args[0]
            earlier |= {root.id} & group
    return [s for s in steps if s.id not in earlier]


def multiple(a: Any, b: Any) -> float:
    """The constant that an array is of another; 0 where it is no multiple."""
    norm = float((b * b).sum())
    c = float((a * b).sum()) / norm if norm else 0.0
    return c if c and np.abs(a - c * b).max() <= 1e-6 * np.abs(a).max() else 0.0


def signature(targets: dict[int, Any]) -> Any:
    """What targets that differ by their sign have in common."""
    flat = np.concatenate([np.ravel(t) for t in targets.values()])
    first = flat[np.abs(flat) > 1e-9 * np.abs(flat).max(initial=0)]
    flat = -flat if first.size and first[0] < 0 else flat
    return tuple(float(f"{v:.6g}") for v in flat[:: max(1, flat.size // 40)]), flat.size


def same(a: Any, b: Any) -> bool:
    """Whether two values are equal but for rounding."""
    if a is None or np.shape(a) != np.shape(b):
        return a is None
    a, b = np.asarray(a, float), np.asarray(b, float)
    return bool(
        np.all(np.abs(a - b) <= 1e-6 * max(np.abs(a).max(initial=0), np.abs(b).max(initial=0)) + 1e-15)
    )


def own_bits(step: Step, versions: dict[int, int]) -> int:
    """The parameters that the step reads itself."""
    mask = 0
    for p in step.parents:
        if p.id in versions:
            mask |= 1 << versions[p.id]
    return mask


def sole_source(step: Step, inside: set[int]) -> Step | None:
    """The one value of the forward pass that a value is computed from directly."""
    found: dict[int, Step] = {}
    todo, seen = list(step.parents), set()
    while todo:
        s = todo.pop()
        if s.id in seen:
            continue
        seen.add(s.id)
        if s.id in inside:
            found[s.id] = s
        else:
            todo += s.parents
        if len(seen) > 30 or len(found) > 1:
            return None
    return next(iter(found.values()), None)
