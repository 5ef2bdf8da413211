"""What the script minimises: its own numbers first, then what a prediction and a target may be compared by."""

import ast
from collections import defaultdict
from typing import Any

import numpy as np

from ...core import functions as ag
from ...core.rows import log
from .case import Case, Verdict, View, judge, written_rate
from .record import Step, put
from .replay import Forward
from .steps import SCALINGS, SUMS, children_of, key_of, size_of

MOST_OWN = 6
MOST_PAIRS, MOST_DEEP = 500, 500  # beyond which the same prediction made twice is not looked for


class Loss:
    """A loss: its kind, the places of its values, and whether the script computes it."""

    def __init__(self, kind: str, keys: Any, own: bool, pair: Any = None) -> None:
        self.kind, self.keys, self.own, self.pair = kind, keys, own, pair
        self.verdicts: dict[int, Verdict] = {}
        self.adjoints: dict[int, dict[int, Any]] = {}
        self.slices: dict[int, set[int]] = {}
        self.grads: dict[int, list[Any]] = {}
        self.factors: dict[int, float | None] = {}
        self.turned = False
        self.forced: dict[int, float] = {}  # factors to judge by, in the place of those that fit best
        self.written = False  # whether the updates' factor stands in the script as a number
        self.line = 0
        self.penalty = False
        self.values: list[float] = []

    def wrong(self, count: int) -> set[int]:
        """The parameters whose update is wrong in some step."""
        return {i for i in range(count) for v in self.verdicts.values() if not v.right(i)}

    def score(self) -> float:
        """The mean number of right parameters."""
        return float(np.mean([v.score() for v in self.verdicts.values()])) if self.verdicts else -1.0

    def sign(self) -> float:
        """Positive where the updates descend."""
        found = [v.factor for v in self.verdicts.values() if v.factor]
        return float(np.sign(np.median(found))) if found else 0.0


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


PRODUCTS = {"multiply", "dot", "matmul", "inner", "vdot", "einsum"}


def source_of(step: Step) -> Step:
    """The value before it was transposed, reshaped or copied."""
    while step.name in ("transpose", "reshape", "ravel", "identity", "squeeze") and step.parents:
        step = step.parents[0]
    return step


def literals(case: Case) -> list[float]:
    """The numbers in the person's text."""
    if "_literals" not in case.__dict__:
        case.__dict__["_literals"] = [
            float(n.value)  # type: ignore[arg-type]
            for text in case.sources.texts.values()
            for n in ast.walk(text.tree)
            if isinstance(n, ast.Constant) and (type(n.value) is float or n.value == 1)
        ]
    found: list[float] = case.__dict__["_literals"]
    return found


def kind_of(steps: list[Step]) -> str:
    """Which family a number belongs to, by the functions in it."""
    names = {s.name for s in steps}
    if names & {"log", "log2", "log10", "log1p", "logaddexp"}:
        return "cross-entropy"
    for s in steps:
        twice = (
            s.name in PRODUCTS and len(s.parents) == 2 and source_of(s.parents[0]) is source_of(s.parents[1])
        )
        power = s.func is np.power and not isinstance(s.args[1], Step) and np.all(np.asarray(s.args[1]) == 2)
        if s.name in ("square", "norm", "var") or twice or power:
            return "squared error"
    if "maximum" in names or "clip" in names:
        return "hinge"
    return "absolute error" if names & {"abs", "absolute", "fabs"} else "other"


def own_numbers(case: Case, view: View) -> dict[Any, list[Step]]:
    """The single numbers of one step that depend on the parameters and that nothing is made of but sums."""
    children = children_of(case.record.steps[: view.window.last])
    found: dict[Any, list[Step]] = defaultdict(list)
    most = 0
    for number, mask in view.sig.items():
        step = case.record.steps[number]
        if size_of(step) != 1 or np.asarray(step.value).dtype.kind != "f" or number in view.window.starts:
            continue
        reduces = any(size_of(p) > 1 for p in step.parents)
        if (
            number in view.back
            and not reduces
            and not any(size_of(p) == 1 and any(size_of(q) > 1 for q in p.parents) for p in step.parents)
        ):
            continue
        small = [c for c in children.get(number, ()) if size_of(c) == 1 and c.id not in view.back]
        if any(not (c.func in SUMS and is_running(c, step, view)) for c in small):
            continue
        most = max(most, mask.bit_count())
        found[key_of(step)].append(step)
    full = {k: v for k, v in found.items() if max(view.sig[s.id].bit_count() for s in v) == most}
    union: dict[Any, int] = dict.fromkeys(found, 0)
    for k, v in found.items():
        for s in v:
            union[k] |= view.sig[s.id]
    best = max((m.bit_count() for m in union.values()), default=0)
    return {k: v for k, v in found.items() if k in full or union[k].bit_count() == best}


def is_running(total: Step, step: Step, view: View) -> bool:
    """Whether a sum adds the number to one of an earlier step, or to a constant."""
    others = [p for p in total.parents if p is not step]
    return not others or all(p.id not in view.sig for p in others) or key_of(others[0]) == key_of(total)


def pairs_in(case: Case, view: View) -> dict[Any, list[tuple[Step, Any, Step]]]:
    """The differences of a prediction and a constant in the backward pass, by their places."""
    found: dict[Any, list[tuple[Step, Any, Step]]] = defaultdict(list)
    sums: dict[Any, list[tuple[Step, Any, Step]]] = defaultdict(list)
    for step in view.order:
        if step.func in (np.subtract, np.divide, np.multiply) and len(step.args) >= 2:
            a, t = step.args[:2]
            for x, y in ((a, t), (t, a)):
                if not isinstance(x, Step) or x.id not in view.sig or x.id in view.window.starts:
                    continue
                if (isinstance(y, Step) and y.id in view.sig) or is_literal(case, step):
                    continue
                target = np.asarray(y.value if isinstance(y, Step) else y, float)
                if step.func is not np.subtract and (
                    size_of(x) == 1 or np.shape(target) != np.shape(x.value)
                ):
                    continue
                if step.func is not np.subtract and not (
                    ((target == 0) | (target == 1)).all() and step.func is np.divide
                ):
                    continue
                found[key_of(step)].append((x, target, step))
        elif step.func is np.add and len(step.args) == 2:
            for x, y in (step.args, step.args[::-1]):
                alone = not isinstance(y, Step) or y.id not in view.sig
                if isinstance(x, Step) and x.id in view.sig and x.id not in view.window.starts and alone:
                    target = np.asarray(y.value if isinstance(y, Step) else y, float)
                    scaled = x.func in SCALINGS and any(p.id in view.window.starts for p in x.parents)
                    if np.shape(target) == np.shape(x.value) and not scaled and not is_literal(case, step):
                        sums[key_of(step)].append((x, target, step))
        elif step.func is put and isinstance(step.args[0], Step) and step.args[0].id in view.sig:
            a = step.args[0]
            while a.name == "identity" and a.parents:
                a = a.parents[0]
            target = np.asarray(a.value, float) - np.asarray(step.value, float)
            if np.isin(np.round(target, 9), (0, 1)).all() and target.any():
                found[key_of(step)].append((a, np.round(target, 9), step))
    chosen = found or sums
    marks: dict[int, Any] = {}
    return {key: once(view, group, marks) for key, group in chosen.items()}


def once(view: View, group: list[Any], marks: dict[int, Any]) -> list[Any]:
    """The pairs without those whose prediction is computed once more from the same values, as for each weight anew."""

    def mark(step: Step) -> Any:
        if step.func is None or step.id in view.window.starts:
            return step.id
        if step.id not in marks:
            plain = [repr(a) for a in step.args if not isinstance(a, Step)]
            marks[step.id] = hash((step.name, *plain, *map(mark, step.parents)))
        return marks[step.id]

    if len(group) > MOST_PAIRS or group[0][0].id - view.window.first > MOST_DEEP:
        return group
    return list({(mark(a), t.tobytes()): (a, t, s) for a, t, s in reversed(group)}.values())[::-1]


def is_literal(case: Case, step: Step) -> bool:
    """Whether the difference is with a number that stands in the text, as in 1 - a."""
    node = case.sources.expression(step)
    if isinstance(node, ast.BinOp):
        return isinstance(node.left, ast.Constant) or isinstance(node.right, ast.Constant)
    if isinstance(node, ast.AugAssign):
        return isinstance(node.value, ast.Constant)
    if isinstance(node, ast.Call):
        return any(isinstance(a, ast.Constant) for a in node.args)
    return False


def compared(kind: str, prediction: Any, target: Any) -> Any:
    """The derived loss of one prediction and its target."""
    if kind == "squared error":
        return ag.sum((prediction - target) ** 2) * 0.5
    if kind == "binary cross-entropy":
        return -ag.sum(target * log(prediction) + (1 - target) * log(1 - prediction))
    return -ag.sum(target * log(prediction))


def kinds_for(pairs: list[tuple[Step, Any, Step]]) -> list[str]:
    """The derived losses that make sense for these predictions."""
    kinds = ["squared error"]
    inside = all(np.all((np.asarray(a.value) > 0) & (np.asarray(a.value) < 1)) for a, _, _ in pairs)
    if inside and all(np.all((t >= 0) & (t <= 1)) for _, t, _ in pairs):
        kinds.append("binary cross-entropy")
        sums = [
            np.asarray(a.value).sum(axis=k)
            for a, _, _ in pairs
            for k in range(np.ndim(a.value))
            if np.shape(a.value)[k] > 1
        ]
        if any(np.allclose(s, 1) for s in sums):
            kinds.insert(0, "cross-entropy")
    return kinds


def signals(case: Case, k: int, pair: Any) -> dict[Any, list[tuple[Step, Step]]]:
    """Backward values that are a function of the differences alone, of the same sign: any such is a loss's derivative."""
    view = case.views[k]
    residuals = {s.id: (a, s) for a, _, s in pairs_of(case, k).get(pair, [])}
    found: dict[Any, list[tuple[Step, Step]]] = defaultdict(list)
    source: dict[int, int] = {n: n for n in residuals}
    for s in view.order:
        above = {source.get(p.id, -1) for p in s.parents if p.id in view.sig or p.id in source}
        if len(above) == 1 and -1 not in above and s.id not in residuals:
            source[s.id] = above.pop()
            a, r = residuals[source[s.id]]
            if (
                np.shape(s.value) == np.shape(r.value) == np.shape(a.value)
                and np.asarray(s.value).dtype.kind in "fi"
            ):
                found[key_of(s)].append((a, s))
    out = {}
    for key, group in found.items():
        signs = [
            np.sign(np.asarray(s.value, float)) * np.sign(residuals[source[s.id]][1].value) for _, s in group
        ]
        if len(group) == len(residuals) and (
            all((g >= 0).all() for g in signs) or all((g <= 0).all() for g in signs)
        ):
            out[key] = group
    return out


def evaluate(case: Case, loss: Loss, numbers: list[int], kink: int | None = None) -> Loss:
    """Judge the updates by this loss in the steps with these numbers."""
    for k in numbers:
        view = case.views[k]
        forward = Forward(view.window.start, kink)
        if loss.own:
            steps = [s for key in loss.keys for s in own_of(case, k).get(key, ())]
            nodes = forward.at(steps, view.sig)
            total: Any = sum(ag.sum(n) for n in nodes if hasattr(n, "requires_grad")) if nodes else None
            values = [float(np.sum(s.value)) for s in steps]
        elif loss.kind == "error signal":
            group = signals(case, k, loss.pair).get(loss.keys[0], [])
            steps = [a for a, _ in group]
            nodes = forward.at(steps, view.sig)
            sign = 1.0
            if group:
                difference = next(s for a, _, s in pairs_of(case, k)[loss.pair] if a is steps[0])
                sign = (
                    1.0
                    if isinstance(difference.args[0], Step) and difference.args[0].id in view.sig
                    else -1.0
                )
                flips = float(np.sum(np.sign(difference.value) * np.sign(group[0][1].value)))
                sign *= -1.0 if flips < 0 else 1.0
            total = sum(
                ag.sum(n * (sign * np.asarray(b.value, float)))
                for n, (_, b) in zip(nodes, group, strict=True)
            )
            values = []
        else:
            pairs = pairs_of(case, k).get(loss.pair, [])
            steps = [a for a, _, _ in pairs]
            nodes = forward.at(steps, view.sig)
            with np.errstate(all="ignore"):
                total = (
                    sum(compared(loss.kind, n, t) for n, (_, t, _) in zip(nodes, pairs, strict=True))
                    if nodes
                    else None
                )
            values = []
        if total is None or not getattr(total, "requires_grad", False):
            continue
        adjoints = forward.adjoints(total)
        grads = [adjoints.get(s.id) for s in view.window.start]
        grads = [broadcast(g, s.value) for g, s in zip(grads, view.window.start, strict=True)]
        if not all(g is None or np.all(np.isfinite(g)) for g in grads):
            continue
        found = slice_of(steps, view.sig)
        loss.slices[k] = {s.id for s in found}
        loss.penalty = loss.penalty or has_penalty(found, view)
        loss.adjoints[k] = adjoints
        loss.values += values
        loss.grads[k] = grads
        if steps:
            loss.line = case.sources.line(steps[-1])
    decide(case, loss)
    return loss


def decide(case: Case, loss: Loss) -> None:
    """Judge the updates in every step, by the factor that most parameters share and that changes least over the steps."""
    updates = {k: case.views[k].updates(case.views[k].run({}) or {}) for k in loss.grads}
    decay = not loss.penalty
    alone = {k: judge(case.views[k], updates[k], loss.grads[k], decay) for k in loss.grads}
    best: tuple[Any, ...] = (0,)
    chosen: dict[int, float | None] = {}
    for i in range(len(case.parameters)):
        series = {k: c for k, v in alone.items() if (c := v.factors[i])}
        if not alone:
            break
        single = size_of(case.views[next(iter(alone))].window.start[i]) == 1
        if not series or (single and len(case.parameters) > 1 and not steady(list(series.values()))):
            continue
        filled = {k: series.get(k, float(np.median(list(series.values())))) for k in alone}
        same = sum(
            c is not None and abs(c - filled[k]) <= 1e-4 * abs(filled[k])
            for k, v in alone.items()
            for c in v.factors
        )
        value = float(np.median(list(filled.values())))
        written = loss.own and any(abs(abs(value) - c) <= 1e-6 * abs(c) for c in literals(case) if c)
        rank = (written, same, steady(list(series.values())), value * direction(loss) > 0, i)
        if rank > best:
            best, chosen, loss.written = rank, dict(filled), written
    if loss.forced:
        chosen = {k: c for k, c in loss.forced.items() if k in alone}
    if not chosen and (rates := rates_of(case, loss)):
        tried = {k: judge(case.views[k], updates[k], loss.grads[k], decay, c) for k, c in rates.items()}
        chosen = dict(rates) if all(v.score() > 0 for v in tried.values()) else {}
    if not chosen:
        found = [v.factor for v in alone.values() if v.factor]
        common = next((c for c in found if sum(abs(c - d) < 1e-4 * abs(c) for d in found) > 1), None)
        common = found[0] if len(alone) == 1 and found else common
        chosen = dict.fromkeys(alone, common)
    wanted = direction(loss)
    if wanted and all(c is None or c * wanted < 0 for c in chosen.values()):
        chosen = {k: None if c is None else -c for k, c in chosen.items()}
        loss.turned = True  # the person's steps go uphill
    loss.factors = chosen
    loss.verdicts = {
        k: judge(case.views[k], updates[k], loss.grads[k], decay, chosen[k] if chosen[k] else float("nan"))
        for k in alone
    }


def rates_of(case: Case, loss: Loss) -> dict[int, float]:
    """The learning rate that every update is written with, by the steps of the training; empty where they differ."""
    out: dict[int, float] = {}
    for k in loss.grads:
        view = case.views[k]
        found = [
            None if view.gradient[i] is not None else written_rate(view, i)
            for i, g in enumerate(loss.grads[k])
            if g is not None and view.window.end[i] is not view.window.start[i]
        ]
        if not found or any(c is None or abs(c - (found[0] or 0)) > 1e-9 * abs(c) for c in found):
            return {}
        out[k] = found[0] or 0.0
    return out


def direction(loss: Loss) -> int:
    """1 where the loss must fall, -1 where the script's own number is a log-likelihood, 0 where either may be meant."""
    if loss.own and loss.kind not in TRUSTED:
        return 0
    if loss.own and loss.kind == "cross-entropy" and loss.values and max(loss.values) <= 0:
        return -1
    return 1


def steady(values: list[float]) -> bool:
    """Whether numbers are the same in every step."""
    return bool(np.ptp(values) <= 1e-3 * abs(values[0])) if values else False


def broadcast(gradient: Any, value: Any) -> Any:
    """The gradient in the parameter's shape."""
    return None if gradient is None else np.asarray(gradient, float).reshape(np.shape(value))


def has_penalty(found: list[Step], view: View) -> bool:
    """Whether a loss has a term of the parameters alone."""
    alone = set(view.window.starts)
    for s in sorted(found, key=lambda s: s.id):
        moving = [p for p in s.parents if p.id in view.sig]
        if moving and all(p.id in alone for p in moving) and s.id not in alone:
            others = [p for p in s.parents if p.id not in alone]
            if size_of(moving[0]) == 1 and others:
                continue
            if view.sig[s.id].bit_count() == 1 and all(size_of(p) == 1 for p in others):
                alone.add(s.id)
                if s.name in ("power", "square", "abs", "absolute", "norm") or (
                    s.func in (np.multiply, np.dot) and len(moving) == 2
                ):
                    return True
    return False


def own_of(case: Case, k: int) -> dict[Any, list[Step]]:
    """The script's own numbers of a step, found once."""
    cache = case.__dict__.setdefault("_own", {})
    if k not in cache:
        cache[k] = own_numbers(case, case.views[k])
    found: dict[Any, list[Step]] = cache[k]
    return found


def pairs_of(case: Case, k: int) -> dict[Any, list[tuple[Step, Any, Step]]]:
    """The pairs of a step, found once."""
    cache = case.__dict__.setdefault("_pairs", {})
    if k not in cache:
        cache[k] = pairs_in(case, case.views[k])
    found: dict[Any, list[tuple[Step, Any, Step]]] = cache[k]
    return found


TRUSTED = ("cross-entropy", "squared error", "hinge")


def candidates(case: Case, numbers: list[int]) -> list[Loss]:
    """The losses worth trying: the script's own, then those of its pairs."""
    own: dict[Any, Loss] = {}
    for k in numbers:
        for key, steps in own_of(case, k).items():
            if key not in own:
                kind = kind_of(slice_of(steps, case.views[k].sig))
                own[key] = Loss(kind, [key], True)
    found = sorted(own.values(), key=lambda c: (c.kind not in TRUSTED, c.kind == "other"))
    trusted = [c for c in found if c.kind in TRUSTED]
    found = trusted[:MOST_OWN] or found[:3]
    for k in numbers[:1]:
        for key, pairs in pairs_of(case, k).items():
            for kind in kinds_for(pairs):
                found.append(Loss(kind, [], False, key))
            if not trusted:
                found += [
                    Loss("error signal", [signal], False, key) for signal in list(signals(case, k, key))[-3:]
                ]
    return found


def choose(case: Case, numbers: list[int]) -> list[Loss]:
    """The losses in the order in which they explain the training; the first is the one meant."""
    tried: list[Loss] = []
    for loss in candidates(case, numbers):
        if not loss.own and any(explains_all(case, c) for c in tried):
            break
        tried.append(evaluate(case, loss, numbers))
    tried = [loss for loss in tried if loss.verdicts]
    for number, first in enumerate(list(tried)):
        loss = first
        if loss.wrong(len(case.parameters)):
            for kink in (0, 1):
                other = evaluate(case, Loss(loss.kind, loss.keys, loss.own, loss.pair), numbers, kink)
                if other.score() > loss.score() + 1e-9:
                    tried[number] = loss = other
    count = len(case.parameters)
    own = [
        c
        for c in tried
        if c.own and c.kind in TRUSTED and (shares(case, c) or c.wrong(count) != set(range(count)))
    ]
    families = {c.kind for c in own} or {c.kind for c in tried if c.own and c.kind in TRUSTED}
    whole = [c for c in own if shares(case, c)]

    def rank(loss: Loss) -> tuple[float, ...]:
        wrong = len(loss.wrong(count))
        trusted = loss in own
        family = any(loss.kind.endswith(f) for f in families) and not (
            not loss.own and any(c.penalty or covers(case, c, loss) for c in whole)
        )
        level = 0 if trusted or (family and not wrong) else 1 if family or not own else 2
        if loss.kind == "error signal":
            level = 3 if wrong else 1
        elif not own and wrong and (loss.own or (families and not family)):
            level = 2
        constant = steady([c for c in loss.factors.values() if c])
        plain = loss.kind != "error signal"
        written = not (loss.own and loss.written)
        return (level, loss.sign() < 0, wrong, not plain, not constant, written, not loss.own, -loss.score())

    return sorted(tried, key=rank)


def explains_all(case: Case, loss: Loss) -> bool:
    """Whether every update is a descent of the script's own loss at a steady rate: then no other loss can be meant."""
    right = loss.kind in TRUSTED and loss.verdicts and not loss.wrong(len(case.parameters))
    return bool(right) and loss.sign() > 0 and steady([c for c in loss.factors.values() if c])


def covers(case: Case, own: Loss, pair: Loss) -> bool:
    """Whether the script's own loss is computed with all predictions of the pair."""

    def inside(k: int, step: Step) -> bool:
        step, found = source_of(step), own.slices[k]
        moving = [p.id for p in step.parents if p.id in case.views[k].sig]
        return step.id in found or (bool(moving) and all(n in found for n in moving))

    return all(inside(k, a) for k in own.slices for a, _, _ in pairs_of(case, k).get(pair.pair, []))


def shares(case: Case, loss: Loss) -> bool:
    """Whether the backward pass uses values of this loss's forward pass, or the same numbers computed once more."""
    for k, found in loss.slices.items():
        view = case.views[k]
        if any(n in view.back and n not in view.window.starts for n in found):
            return True
        steps = case.record.steps
        used = {steps[n].value.tobytes() for n in view.back if n in view.sig and size_of(steps[n]) > 1}
        if any(
            size_of(steps[n]) > 1 and steps[n].value.tobytes() in used
            for n in found - set(view.window.starts)
        ):
            return True
    return False
