"""What the script minimises: its own numbers first, then what a prediction and a target may be compared by."""

import ast
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...core import functions as ag
from .case import Case, Verdict, View, above, judge, written_rate
from .record import TRUTHS, Step, identity, put
from .replay import BARE, Forward, unguarded
from .steps import SUMS, children_of, key_of, size_of, whole

MOST_OWN, MOST_SIGNALS = 6, 3
TRUSTED = ("cross-entropy", "squared error", "hinge", "perceptron")
PRODUCTS = {"multiply", "dot", "matmul", "inner", "vdot", "einsum"}
LOGARITHMS = {"log", "log2", "log10", "log1p", "logaddexp"}
COMPARISONS = (np.greater, np.greater_equal, np.less, np.less_equal)
DERIVED: dict[str, Callable[[Any, Any], Any]] = {  # a loss's derivative by a prediction, beside its target
    "squared error": lambda a, t: a - t,
    "cross-entropy": lambda a, t: -t / a,
    "binary cross-entropy": lambda a, t: (a - t) / (a * (1 - a)),
}
Term = tuple[
    Step, Any, Step
]  # a value, its target or the loss's derivative by it, and the step that shows this
Terms = dict[Any, list[Term]]  # by places


@dataclass(eq=False)
class Loss:
    """A loss: some values of the forward pass and its derivative by each; and how the updates stand to it."""

    kind: str
    key: Any  # the place of its values, or where they are compared with their targets
    find: Callable[[Case, int], Terms]  # what finds them in a step of the training
    reading: int = 0  # which of the forward pass's readings it is derived in
    verdicts: dict[int, Verdict] = field(default_factory=dict)
    adjoints: dict[int, dict[Any, Any]] = field(default_factory=dict)
    slices: dict[int, set[int]] = field(default_factory=dict)
    grads: dict[int, list[Any]] = field(default_factory=dict)
    factors: dict[int, float | None] = field(default_factory=dict)
    rates: dict[int, float] = field(
        default_factory=dict
    )  # where the updates are judged by the rate that is written
    values: list[float] = field(default_factory=list)
    turned: bool = False  # whether the person's steps go uphill
    written: bool = False  # whether the updates' factor stands in the script as a number
    penalty: bool = False
    line: int = 0

    @property
    def own(self) -> bool:
        """Whether the script computes it."""
        return self.find is own_numbers

    def wrong(self, count: int) -> set[int]:
        """The parameters whose update is wrong in some step."""
        return {i for i in range(count) for v in self.verdicts.values() if not v.right(i)}

    def score(self) -> float:
        """The mean number of right parameters."""
        return float(np.mean([v.score() for v in self.verdicts.values()])) if self.verdicts else -1.0

    def judged(self, case: Case, k: int, updates: list[Any], wanted: float | None = None) -> Verdict:
        """The verdict on the updates of one step."""
        return judge(case.views[k], updates, self.grads[k], not self.penalty, wanted)

    def sign(self) -> float:
        """Positive where the updates descend."""
        found = [v.factor for v in self.verdicts.values() if v.factor]
        return float(np.sign(np.median(found))) if found else 0.0

    def terms(self, case: Case, k: int) -> list[tuple[Step, Any]]:
        """The values of one step that the loss is made of, and its derivative by each."""
        terms = found(case, self.find, k).get(self.key, [])
        derived = DERIVED[self.kind] if self.find is pairs else lambda _, weight: weight
        return [(s, derived(np.asarray(s.value), t)) for s, t, _ in terms]


def found(case: Case, find: Callable[[Case, int], Terms], k: int) -> Terms:
    """What is found once of a step of the training."""
    known, key = case.record.kept, (find, k)
    if key not in known:
        known[key] = find(case, k)
    return known[key]  # type: ignore[no-any-return]


def pairs_of(case: Case, k: int) -> Terms:
    """The pairs of a prediction and a target of a step."""
    return found(case, pairs, k)


def slice_of(steps: list[Step], sig: dict[int, int]) -> list[Step]:
    """The values that depend on the parameters and that these are computed with."""
    seen: dict[int, Step] = {}
    todo = [s for s in steps if s.id in sig]
    while todo:
        step = todo.pop()
        if step.id not in seen:
            seen[step.id] = step
            todo += [p for p in step.parents if p.id in sig]
    return list(seen.values())


def source_of(step: Step) -> Step:
    """The value before it was transposed, reshaped or copied."""
    while step.name in ("transpose", "reshape", "ravel", "identity", "squeeze") and step.parents:
        step = step.parents[0]
    return step


def literals(case: Case) -> list[float]:
    """The numbers in the person's text."""
    return [number for text in case.sources.texts.values() for number in text.numbers]


# ---- The script's own numbers ----------------------------------------------------------------------------------------


def kind_of(steps: list[Step]) -> str:
    """Which family a number belongs to, by the functions in it."""
    names = {s.name for s in steps}
    if names & LOGARITHMS:
        return "cross-entropy"
    if any(map(is_square, steps)):
        return "squared error"
    if names & {"maximum", "clip"}:
        return "hinge"
    return "absolute error" if names & {"abs", "absolute", "fabs"} else "other"


def is_square(s: Step) -> bool:
    """Whether a value is a square, a norm, or a product of something with itself."""
    if s.func is np.power and not isinstance(s.args[1], Step):
        return bool(np.all(np.asarray(s.args[1]) == 2))
    twice = s.name in PRODUCTS and len(s.parents) == 2 and len(set(map(source_of, s.parents))) == 1
    return twice or s.name in ("square", "norm", "var")


def own_numbers(case: Case, k: int) -> Terms:
    """The single numbers of one step that depend on the parameters and that nothing is made of but sums.

    A number that the updates of some parameters are made of, and those of others not, is a part of a gradient.
    """
    view, out, every = case.views[k], defaultdict[Any, list[Term]](list), (1 << len(case.parameters)) - 1
    children = children_of(case.record.steps[: view.window.last])
    for n in view.sig:
        step = case.record.steps[n]
        if size_of(step) == 1 and np.asarray(step.value).dtype.kind == "f" and n not in view.window.starts:
            parts = [step, *(p for p in step.parents if size_of(p) == 1)]
            reduces = any(size_of(q) > 1 for p in parts for q in p.parents)
            read = [c for c in children.get(n, ()) if c.id not in view.back and c.func not in TRUTHS.values()]
            small = [c for c in read if size_of(c) == 1]
            if is_length(step, view):
                continue
            back = view.back.get(n, 0)
            if (not back or (reduces and back == every)) and all(is_running(c, step, view) for c in small):
                out[key_of(step)].append((step, 1.0, step))
    return out


def is_length(step: Step, view: View) -> bool:
    """Whether a number is made of the length of parameters alone, as a projection asks for it: that is no loss."""
    made_of = [s for s in slice_of([step], view.sig) if s.id not in view.window.starts]
    numbers = all(p.id in view.sig or size_of(p) == 1 for s in made_of for p in s.parents)
    return numbers and any(s.name in ("norm", "sqrt") for s in made_of)


def is_running(total: Step, step: Step, view: View) -> bool:
    """Whether a sum adds the number to one of an earlier step, or to a constant."""
    others = [p for p in total.parents if p is not step]
    alone = not others or all(p.id not in view.sig for p in others) or key_of(others[0]) == key_of(total)
    return total.func in SUMS and alone


def has_penalty(found: list[Step], view: View) -> bool:
    """Whether a loss has a term of the parameters alone."""
    alone = set(view.window.starts)
    for s in sorted(found, key=lambda s: s.id):
        moving = [p for p in s.parents if p.id in view.sig]
        others = [p for p in s.parents if p.id not in alone]
        if s.id in alone or not moving or any(p.id not in alone for p in moving):
            continue
        scaled = size_of(moving[0]) == 1 and others
        if not scaled and view.sig[s.id].bit_count() == 1 and all(size_of(p) == 1 for p in others):
            alone.add(s.id)
            product = s.func in (np.multiply, np.dot) and len(moving) == 2
            if product or s.name in ("power", "square", "abs", "absolute", "norm"):
                return True
    return False


# ---- Predictions and targets -----------------------------------------------------------------------------------------


def pairs(case: Case, k: int) -> Terms:
    """The differences of a prediction and a target in the backward pass, by their places.

    A prediction that is computed once more from the same values, as for each weight anew, counts once.
    """
    view, marks = case.views[k], dict[int, int]()
    for step in case.record.steps[: view.window.last]:
        if step.func is not None and step.id not in view.window.starts:
            plain = [repr(x) for x in step.args if not isinstance(x, Step)]
            marks[step.id] = hash((step.name, *plain, *(marks.get(p.id, p.id) for p in step.parents)))
    out: dict[Any, dict[Any, Term]] = defaultdict(dict)
    for step in view.order:
        for a, target in compared_in(case, view, step):
            out[key_of(step)].setdefault((marks.get(a.id, a.id), target.tobytes()), (a, target, step))
    return {key: list(group.values()) for key, group in out.items()}


def is_literal(case: Case, step: Step) -> bool:
    """Whether the difference is with a number that stands in the text, as in 1 - a."""
    node = case.sources.spot(step)[1]
    parts = [getattr(node, name, None) for name in ("left", "right", "value")] + getattr(node, "args", [])
    return any(isinstance(part, ast.Constant) for part in parts)


def compared_in(case: Case, view: View, step: Step) -> Iterator[tuple[Step, Any]]:
    """The prediction and the target that a step compares: by their difference, or by what it takes from some elements."""
    start = step.args[0] if step.args else None
    if step.func is put and isinstance(start, Step) and start.id in view.sig:
        while start.name == "identity" and start.parents:
            start = start.parents[0]
        target = np.round(np.asarray(start.value, float) - np.asarray(step.value, float), 9)
        if np.isin(target, (0, 1)).all() and target.any():
            yield start, target
    is_difference = step.func is np.subtract and not is_literal(case, step)
    for x, y in (step.args[:2], step.args[1::-1]) if is_difference else ():
        moves = isinstance(x, Step) and x.id in view.sig and x.id not in view.window.starts
        if moves and not (isinstance(y, Step) and y.id in view.sig):
            yield x, np.asarray(y.value if isinstance(y, Step) else y, float)


def kinds_for(find: Any, group: list[Term]) -> list[str]:
    """The losses that make sense for values which this has found."""
    if find is not pairs:
        return [{decisions: "perceptron", margins: "hinge", signals: "error signal"}[find]]
    values = [np.asarray(a.value) for a, _, _ in group]
    inside = all(np.all((v > 0) & (v < 1)) for v in values)
    if not inside or not all(np.all((t >= 0) & (t <= 1)) for _, t, _ in group):
        return ["squared error"]
    sums = (v.sum(axis=k) for v in values for k in range(v.ndim) if v.shape[k] > 1)
    soft = any(np.allclose(s, 1) for s in sums)
    return [*(["cross-entropy"] if soft else []), "squared error", "binary cross-entropy"]


def signals(case: Case, k: int) -> Terms:
    """Backward values that are a function of differences alone, of the same sign: any such is a loss's derivative."""
    view, out = case.views[k], Terms()
    for group in pairs_of(case, k).values():
        residuals = {s.id: (a, np.asarray(a.value) - t) for a, t, s in group}
        source, found, senses = {n: n for n in residuals}, Terms(), defaultdict[Any, list[Any]](list)
        for s in view.order:
            above = {source.get(p.id, -1) for p in s.parents if p.id in view.sig or p.id in source}
            if len(above) == 1 and -1 not in above and s.id not in residuals:
                source[s.id] = above.pop()
                a, off = residuals[source[s.id]]
                value = np.asarray(s.value)
                if np.shape(a.value) == off.shape == value.shape and value.dtype.kind in "fi":
                    found.setdefault(key_of(s), []).append((a, value.astype(float), s))
                    senses[key_of(s)] += list(np.ravel(np.sign(value) * np.sign(off)))
        fit = [key for key in found if len(found[key]) == len(residuals)]
        for key in [key for key in fit if len({*senses[key], 0.0}) < 3][-MOST_SIGNALS:]:
            sign = np.sign(sum(senses[key])) or 1.0
            out[key] = [(a, sign * w, s) for a, w, s in found[key]]
    return out


def is_high(truth: Step, m: Step) -> Any:
    """Where a comparison finds this operand the larger one."""
    return np.asarray(truth.value) == ((truth.func in COMPARISONS[:2]) == (truth.args[0] is m))


def margins(case: Case, k: int) -> Terms:
    """The numbers of all parameters that one step compares with a constant: what is too high, or what is too low."""
    view, out = case.views[k], defaultdict[Any, list[Term]](list)
    every = (1 << len(case.parameters)) - 1
    for step in case.record.steps[view.window.first : view.window.last]:
        moving = [p for p in step.parents if p.id in view.sig] if step.func in COMPARISONS else []
        if len(moving) == 1 and view.sig[moving[0].id] == every:
            high = is_high(step, moving[0])
            for above in (0.0, 1.0):
                out[*key_of(step), above].append((moving[0], high - above, step))
    return out


def decisions(case: Case, k: int) -> Terms:
    """Where a target and a class that a number decides are compared: the number, and the class less the target."""
    view, out = case.views[k], defaultdict[Any, list[Term]](list)
    for step in view.order:
        for n, p in enumerate(step.args[:2]) if step.func is np.subtract else ():
            found = decided_by(case, p) if isinstance(p, Step) else None
            if found is not None and np.shape(found[0].value) == np.shape(step.value):
                m, high = found
                turned = np.mean((p.value > 0) == high) < 0.5
                out[key_of(step)].append((m, (-1.0 if turned != bool(n) else 1.0) * step.value, step))
    return out


def decided_by(case: Case, step: Step) -> tuple[Step, Any] | None:
    """The number whose sign, or whose comparison with a constant, decides a value; and where it is the larger one."""
    if step.func in (np.sign, np.heaviside):
        return step.parents[0], step.value > 0
    truths = list(above(step, lambda s: s.func in (np.where, np.multiply, identity), 8))
    truths += case.sources.branched_by(step) if step.func is None else []
    found = (t for t in truths if t.func in COMPARISONS and len(t.parents) == 1)
    return next(((t.parents[0], is_high(t, t.parents[0])) for t in found), None)


# ---- Judging by a loss -----------------------------------------------------------------------------------------------


def evaluate(case: Case, loss: Loss, numbers: list[int]) -> Loss:
    """Judge the updates by this loss in the steps with these numbers."""
    for k in numbers:
        view, terms = case.views[k], loss.terms(case, k)
        forward, steps = Forward(view.window.start, loss.reading), [s for s, _ in terms]
        nodes = forward.at(steps, view.sig)
        with np.errstate(all="ignore"):
            total: Any = sum(ag.sum(node * w) for node, (_, w) in zip(nodes, terms, strict=True))
        adjoints = forward.adjoints(total)
        grads = [shaped(adjoints.get(s.id), s.value) for s in view.window.start]
        if adjoints and all(g is None or np.all(np.isfinite(g)) for g in grads):
            found = slice_of(steps, view.sig)
            loss.slices[k], loss.adjoints[k], loss.grads[k] = {s.id for s in found}, adjoints, grads
            loss.penalty = loss.penalty or has_penalty(found, view)
            loss.values += [float(np.sum(s.value)) for s in steps] if loss.own else []
            loss.line = case.sources.where(steps[-1])[1]
    decide(case, loss)
    return loss


def shaped(gradient: Any, value: Any) -> Any:
    """The gradient in the parameter's shape."""
    return None if gradient is None else np.asarray(gradient, float).reshape(np.shape(value))


def decide(case: Case, loss: Loss) -> None:
    """Judge the updates in every step, by the factor that most parameters share and that changes least over the steps."""
    updates = {k: case.views[k].updates(case.views[k].run({}) or {}) for k in loss.grads}
    alone = {k: loss.judged(case, k, updates[k]) for k in loss.grads}
    rate = case.record.kept.get("rate")  # of a minimiser, which is given the gradient itself
    known: dict[int, Any] = dict.fromkeys(alone, rate) if rate else loss.rates
    chosen: dict[int, Any] = {k: c for k, c in known.items() if k in alone}
    chosen |= {} if chosen else shared(case, loss, alone)
    if not chosen and (rates := rates_of(case, loss)):
        fit = all(loss.judged(case, k, updates[k], c).score() > 0 for k, c in rates.items())
        chosen = rates if fit else {}
    chosen = chosen or dict.fromkeys(alone)
    wanted = direction(loss)
    if wanted and all(c is None or c * wanted < 0 for c in chosen.values()):
        chosen = {k: None if c is None else -c for k, c in chosen.items()}
        loss.turned = True
    loss.factors = chosen
    loss.verdicts = {k: loss.judged(case, k, updates[k], chosen[k] or np.nan) for k in alone}


def shared(case: Case, loss: Loss, alone: dict[int, Verdict]) -> dict[int, float]:
    """The factors, one a step, of the parameter whose factors most others have; empty where no update is a multiple."""
    best: tuple[Any, ...] = (0,)
    chosen: dict[int, float] = {}
    for i in range(len(case.parameters)) if alone else ():
        series = {k: c for k, v in alone.items() if (c := v.factors[i])}
        single = size_of(case.views[min(alone)].window.start[i]) == 1
        if not series or (single and len(case.parameters) > 1 and not steady(list(series.values()))):
            continue
        middle = float(np.median(list(series.values())))
        filled = {k: series.get(k, middle) for k in alone}
        factors = ((filled[k], c) for k, v in alone.items() for c in v.factors if c is not None)
        same = sum(abs(c - own) <= 1e-4 * abs(own) for own, c in factors)
        value = float(np.median(list(filled.values())))
        written = loss.own and any(abs(abs(value) - c) <= 1e-6 * abs(c) for c in literals(case) if c)
        rank = (written, same, steady(list(series.values())), value * direction(loss) > 0, i)
        if rank > best:
            best, chosen, loss.written = rank, filled, written
    return chosen


def rates_of(case: Case, loss: Loss) -> dict[int, float]:
    """The learning rate that every update is written with, by the steps of the training; empty where they differ."""
    out: dict[int, float] = {}
    for k, grads in loss.grads.items():
        view = case.views[k]
        changed = [i for i, g in enumerate(grads) if g is not None and view.window.updated()[i]]
        found = [None if view.gradient[i] is not None else written_rate(view, i) for i in changed]
        if not found or any(c is None or abs(c - (found[0] or 0)) > 1e-9 * abs(c) for c in found):
            return {}
        out[k] = found[0] or 0.0
    return out


def direction(loss: Loss) -> int:
    """1 where the loss must fall, -1 where the script's own number is a log-likelihood, 0 where either may be meant."""
    if loss.own and loss.kind not in TRUSTED:
        return 0
    likelihood = loss.own and loss.kind == "cross-entropy" and loss.values and max(loss.values) <= 0
    return -1 if likelihood else 1


def steady(values: list[float]) -> bool:
    """Whether numbers are the same in every step."""
    return bool(np.ptp(values) <= 1e-3 * abs(values[0])) if values else False


# ---- The loss that is meant ------------------------------------------------------------------------------------------


def candidates(case: Case, numbers: list[int]) -> list[Loss]:
    """The losses worth trying: the script's own, then those of its pairs."""
    own: dict[Any, Loss] = {}
    # numbers that larger values of a loss are computed with, by the losses
    inner: dict[Any, set[int]] = defaultdict(set)
    ids: dict[Any, set[int]] = defaultdict(set)
    for k in numbers:
        for key, terms in found(case, own_numbers, k).items():
            steps = [s for s, _, _ in terms]
            made_of = slice_of(steps, case.views[k].sig)
            own.setdefault(key, Loss(kind_of(made_of), key, own_numbers))
            ids[key] |= {s.id for s in steps}
            inner[key] |= {p.id for s in made_of if size_of(s) > 1 for p in s.parents if size_of(p) == 1}
    whole = [c for key, c in own.items() if not any(ids[key] & inner[other] for other in own if other != key)]
    trusted = [c for c in whole if c.kind in TRUSTED][:MOST_OWN]
    out = trusted or sorted(whole, key=lambda c: c.kind == "other")[:3]
    for find in (pairs,) if trusted else (decisions, margins, pairs, signals):
        for key, group in found(case, find, numbers[0]).items():
            out += [Loss(kind, key, find) for kind in kinds_for(find, group)]
    return out


def choose(case: Case, numbers: list[int]) -> list[Loss]:
    """The losses in the order in which they explain the training; the first is the one meant."""
    tried: list[Loss] = []
    count = len(case.parameters)
    for candidate in candidates(case, numbers):
        if not candidate.own and any(explains_all(case, c) for c in tried):
            break
        loss = evaluate(case, candidate, numbers)
        readings = readings_of(case, loss) if loss.verdicts and loss.wrong(count) else []
        others = [Loss(loss.kind, loss.key, loss.find, reading) for reading in readings]
        both = [loss, *(evaluate(case, other, numbers) for other in others)]
        tried.append(max(both, key=lambda c: round(c.score(), 9)))
    tried = [loss for loss in tried if loss.verdicts]
    explained = any(explains_all(case, c) for c in tried)
    trusted = [c for c in tried if c.own and c.kind in TRUSTED and not (explained and is_share(case, c))]
    families = {c.kind for c in trusted}

    def rank(loss: Loss) -> tuple[Any, ...]:
        wrong = len(loss.wrong(count))
        covered = not loss.own and any(c.penalty or covers(case, c, loss) for c in trusted)
        family = any(loss.kind.endswith(f) for f in families) and not covered
        level = 0 if loss in trusted or (family and not wrong) else 1 if family or not trusted else 2
        signal = loss.kind == "error signal"
        if signal:
            level = 3 if wrong else 1
        elif not trusted and wrong and loss.own:
            level = 2
        changing = not steady([c for c in loss.factors.values() if c])
        written = loss.own and loss.written
        return (level, loss.sign() < 0, wrong, signal, changing, not written, not loss.own, -loss.score())

    return sorted(tried, key=rank)


def is_share(case: Case, loss: Loss) -> bool:
    """Whether the script's own number is a part of the updates that explains none of them, as a bias's gradient is."""
    ids = {s.id: k for k in loss.verdicts for s, _ in loss.terms(case, k)}
    return loss.score() <= 0 and all(n in case.views[k].back for n, k in ids.items())


def readings_of(case: Case, loss: Loss) -> list[int]:
    """In which other ways people derive this loss: at a maximum's equal operands, and at a logarithm's small number."""
    inside = [case.record.steps[n] for found in loss.slices.values() for n in found]
    chosen = (s for s in inside if s.func in (np.maximum, np.minimum))
    values = ([x.value if isinstance(x, Step) else x for x in s.args[:2]] for s in chosen)
    ties = any(np.any(np.equal(x, y)) for x, y in values)
    return [*([1, 2] if ties else []), *([BARE] if any(map(unguarded, inside)) else [])]


def is_trusted(loss: Loss) -> bool:
    """Whether a loss is one that people minimise."""
    return loss.kind in TRUSTED or loss.kind.endswith("cross-entropy")


def explains_all(case: Case, loss: Loss) -> bool:
    """Whether every update is a descent of the script's own loss at a steady rate: then no other loss can be meant."""
    right = is_trusted(loss) and loss.verdicts and not loss.wrong(len(case.parameters))
    return bool(right) and loss.sign() > 0 and steady([c for c in loss.factors.values() if c])


def covers(case: Case, own: Loss, pair: Loss) -> bool:
    """Whether the script's own loss is computed with all predictions of the pair, and with their targets."""
    changed = []  # whether a target is made of the own one, as smoothed labels are
    for k, inside in own.slices.items():
        sig, steps = case.views[k].sig, case.record.steps
        constants = [p for n in inside for p in steps[n].parents if p.id not in sig]
        for a, _, s in pairs_of(case, k).get(pair.key, ()):
            prediction, shape = source_of(a), np.shape(s.value)
            moving = [p.id for p in prediction.parents if p.id in sig]
            if prediction.id not in inside and not (moving and inside.issuperset(moving)):
                return False
            targets, given = (
                {whole(p) for p in found if p.id not in sig and np.shape(p.value) == shape}
                for found in (constants, s.parents)
            )
            changed.append(
                any(whole(x) in targets for p in given - targets for x in above(p, lambda _: True))
            )
    return not all(changed)
