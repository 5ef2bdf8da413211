"""Is my optimiser's step right? The step as it should be, and with each known mistake in it, simulated over all steps.

One update serves all optimisers, since each is a part of it; a variant is a change of its settings.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .report import Report, relation

Steps = list[dict[str, np.ndarray]]
CLOSE = 1e-6  # how far a step may be off, relative to the largest of its kind


DEFAULTS: dict[str, dict[str, Any]] = {"SGD": {}, "Adam": {}, "AdamW": {"weight_decay": 0.01}, "RMSprop": {}}


@dataclass(frozen=True)
class Rule:
    """An update with its settings, and the mistakes that can be in it."""

    name: str
    lr: float
    adaptive: bool = False  # divides by the root of a mean of squares
    corrected: bool = False  # corrects its means for their start at 0
    beta1: float = 0.0
    beta2: float = 0.0
    eps: float = 0.0
    decay: float = 0.0
    decoupled: bool = False
    momentum: float = 0.0
    dampening: float = 0.0
    nesterov: bool = False
    centered: bool = False
    largest: bool = False
    faults: frozenset[str] = frozenset()  # mistakes that are no other setting


def read_rule(optimizer: Any) -> Rule:
    """The rule of an optimiser of `ag.optim`, of its class, or of its name (with the default settings)."""
    kind = getattr(optimizer, "__name__", type(optimizer).__name__)
    kind = optimizer if isinstance(optimizer, str) else kind
    kind = next((name for name in DEFAULTS if name.lower() == kind.lower()), kind)
    if kind not in DEFAULTS:
        known = ", ".join(DEFAULTS)
        raise ValueError(
            f"diagnose_update: the optimizer must be an object of ag.optim, or one of {known}, not {kind!r}"
        )

    def setting(name: str, default: Any) -> Any:
        return getattr(optimizer, name, DEFAULTS[kind].get(name, default))

    lr = float(setting("lr", 0.01 if kind in ("SGD", "RMSprop") else 0.001))
    rule = Rule(kind, lr, decay=float(setting("weight_decay", 0.0)), momentum=float(setting("momentum", 0.0)))
    if kind == "SGD":
        dampening, nesterov = float(setting("dampening", 0.0)), bool(setting("nesterov", False))
        return replace(rule, dampening=dampening, nesterov=nesterov)
    rule = replace(rule, adaptive=True, eps=float(setting("eps", 1e-8)))
    if kind == "RMSprop":
        return replace(rule, beta2=float(setting("alpha", 0.99)), centered=bool(setting("centered", False)))
    beta1, beta2 = map(float, setting("betas", (0.9, 0.999)))
    rule = replace(rule, corrected=True, beta1=beta1, beta2=beta2)
    return replace(rule, decoupled=kind == "AdamW", largest=bool(setting("amsgrad", False)))


def simulate(rule: Rule, before: Mapping[str, Any], gradients: Steps, theirs: Steps) -> Steps:
    """The changes of the parameters that a rule makes, step by step, each from where the person's own stood."""
    state: dict[str, dict[str, Any]] = {}
    changes: Steps = []
    start, count = before, 0
    for t, grads in enumerate(gradients, 1):
        changes.append({})
        for name, g in grads.items():
            count += 1
            owner = "all" if "moments_shared" in rule.faults else name
            own = state.setdefault(owner, dict.fromkeys("mvbsa", 0.0) | {"g": 0.0 * g})
            steps = {
                "step_counter_off": t + 1,
                "step_counter_late": t - 1,
                "step_counter_per_parameter": count,
            }
            w = np.asarray(start[name], float)
            change = _change(rule, own, w, g, next((steps[f] for f in rule.faults if f in steps), t))
            if "integers_truncated" in rule.faults:
                change = np.trunc(w + change) - w
            if "updated_from_start" in rule.faults:
                change = np.asarray(before[name], float) + change - w
            changes[-1][name] = change
        start = theirs[t - 1]
    return changes


def _change(rule: Rule, s: dict[str, Any], w: Any, g: Any, t: int) -> Any:
    """What one step adds to one parameter; `s` holds the means m and v, the buffer b, and what faults need."""
    faults = rule.faults
    if "previous_gradient" in faults:
        g, s["g"] = s["g"], g
    if "not_zeroed" in faults:
        g = s["g"] = s["g"] + g
    if rule.decay and not rule.decoupled:
        g = g + rule.decay * w
    old = dict(s)
    direction = _adapted(rule, s, old, g, t) if rule.adaptive else g
    if rule.momentum:
        first = t == 1
        s["b"] = rule.momentum * s["b"] + (1 if first else 1 - rule.dampening) * direction
        if "momentum_dampened" in faults:
            s["b"] = rule.momentum * old["b"] + (1 - rule.momentum) * direction
        buffer = old["b"] if "old_buffer_used" in faults else s["b"]
        direction = direction + rule.momentum * buffer if rule.nesterov else buffer
    change = -rule.lr * direction
    if rule.decay and rule.decoupled:
        change = change - (1 if "decay_without_rate" in faults else rule.lr) * rule.decay * w
    return change + 0.0 * w


def _adapted(rule: Rule, s: dict[str, Any], old: dict[str, Any], g: Any, t: int) -> Any:
    """The gradient divided by the root of the mean of squares, both means corrected where the rule does so."""
    faults, b1, b2 = rule.faults, rule.beta1, rule.beta2
    s["m"] = b1 * s["m"] + (1 if "gradient_added_whole" in faults else 1 - b1) * g
    squared = s["m"] if "square_of_mean" in faults else g
    square = np.abs(squared) if "square_missing" in faults else squared**2
    s["v"] = b2 * s["v"] + (1 if faults & {"square_added_whole", "squares_accumulated"} else 1 - b2) * square
    if "weights_swapped" in faults:
        s["m"] = (1 - b1) * old["m"] + b1 * g if b1 else g
        s["v"] = (1 - b2) * old["v"] + b2 * square
    m, v = (old["m"], old["v"]) if "old_buffer_used" in faults else (s["m"], s["v"])
    if rule.largest:
        s["a"] = v = np.maximum(s["a"], v)
    if rule.centered:
        s["s"] = b2 * s["s"] + (1 - b2) * g
        v = v - s["s"] ** 2
    if rule.corrected:
        power1 = 1 if faults & {"bias_correction_without_power", "power_missing_of_mean"} else t
        power2 = 1 if faults & {"bias_correction_without_power", "power_missing_of_square"} else t
        c1, c2 = 1 - b1**power1 or 1.0, 1 - b2**power2 or 1.0  # at t = 0 a program that runs leaves it out
        if "bias_correction_multiplied" in faults:
            c1, c2 = 1 / c1, 1 / c2
        if "corrected_by_beta1" in faults:
            c2 = 1 - b1**t or 1.0
        if "corrected_by_beta2" in faults:
            c1 = 1 - b2**t or 1.0
        if "bias_correction_of_mean" in faults:
            c2 = 1.0
        if "bias_correction_of_square" in faults:
            c1 = 1.0
        m, v = m / c1, v / c2
        if "bias_correction_stored" in faults:
            s["m"], s["v"] = m, v
    inside, outside = (rule.eps, 0.0) if "epsilon_inside_root" in faults else (0.0, rule.eps)
    if "epsilon_before_correction" in faults:
        outside = rule.eps / np.sqrt(c2)
    root = (v if "root_missing" in faults else np.sqrt(v + inside)) + outside
    return m / root


def variants(rule: Rule) -> Iterator[tuple[str, str, Rule]]:
    """The known mistakes of a rule: name, what is particular, and the rule with it."""

    def vary(mistake: str, note: str = "", fault: str = "", **settings: Any) -> tuple[str, str, Rule]:
        fault = fault or ("" if settings else mistake)
        return mistake, note, replace(rule, faults=frozenset([fault] if fault else ()), **settings)

    for name in (
        "not_zeroed",
        "previous_gradient",
        "updated_from_start",
        "moments_shared",
        "integers_truncated",
    ):
        yield vary(name)
    if rule.momentum:
        mu, scaled = rule.momentum, rule.momentum * rule.lr
        yield vary("momentum_dampened")
        yield vary("old_buffer_used")
        yield vary("momentum_missing", momentum=0.0)
        yield vary("momentum_sign", momentum=-mu)
        yield vary("momentum_times_rate", f"momentum · lr = {scaled:g} acts as the momentum", momentum=scaled)
        yield vary("weights_swapped", "1 − momentum acts as the momentum", momentum=1 - mu)
        yield vary("nesterov_mixed", nesterov=not rule.nesterov)
        if rule.dampening:
            yield vary("momentum_dampened", "the dampening is left out", dampening=0.0)
    if rule.adaptive:
        for name in (
            "epsilon_inside_root",
            "root_missing",
            "square_missing",
            "square_added_whole",
            "weights_swapped",
        ):
            yield vary(name)
        yield vary("old_buffer_used")
        yield vary("squares_accumulated", "this is AdaGrad's sum", "squares_accumulated", beta2=1.0)
        for eps in (0.0, 1e-10, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1.0):
            if eps != rule.eps:
                yield vary("epsilon_missing", f"ε is {eps:g} in place of {rule.eps:g}", eps=eps)
    if rule.corrected:
        for name in ("without_power", "multiplied", "stored"):
            yield vary(f"bias_correction_{name}")
        yield vary("bias_correction_without_power", "only in v's", "power_missing_of_square")
        yield vary("bias_correction_without_power", "only in m's", "power_missing_of_mean")
        for name in ("step_counter_per_parameter", "gradient_added_whole", "square_of_mean"):
            yield vary(name)
        yield vary(
            "bias_correction_missing", "m and v start at 0: too small in the first steps", corrected=False
        )
        yield vary("bias_correction_of_one", "only m's", "bias_correction_of_mean")
        yield vary("bias_correction_of_one", "only v's", "bias_correction_of_square")
        swapped = f"β1 = {rule.beta2:g}, β2 = {rule.beta1:g}"
        yield vary("betas_swapped", swapped, beta1=rule.beta2, beta2=rule.beta1)
        yield vary("bias_correction_swapped", "v is corrected with β1", "corrected_by_beta1")
        yield vary("bias_correction_swapped", "m is corrected with β2", "corrected_by_beta2")
        yield vary("betas_swapped", "β1 stands in both means", beta2=rule.beta1)
        yield vary("betas_swapped", "β2 stands in both means", beta1=rule.beta2)
        yield vary("step_counter_off", "t is one step ahead: it starts at 2", "step_counter_off")
        yield vary("step_counter_off", "t is one step late: it starts at 0", "step_counter_late")
        yield vary("another_optimizer", "RMSprop with Adam's β2", corrected=False, beta1=0.0)
        yield vary("momentum_missing", "β1 is 0: the mean of the gradients is not used", beta1=0.0)
        yield vary(
            "another_optimizer", "AMSGrad keeps the largest v, Adam does not", largest=not rule.largest
        )
    if rule.decay:
        yield vary("decay_missing", decay=0.0)
        yield vary("decay_sign", decay=-rule.decay)
        yield vary("decay_factor", "it is doubled", decay=2 * rule.decay)
        yield vary("decay_factor", "it is halved", decay=rule.decay / 2)
        yield vary("decay_without_rate", "", "decay_without_rate", decoupled=True)
        yield vary("decay_coupled" if rule.decoupled else "decay_decoupled", decoupled=not rule.decoupled)
    if rule.adaptive or rule.momentum:
        yield "another_optimizer", "plain gradient descent", Rule("SGD", rule.lr)
    if not rule.adaptive:
        yield "another_optimizer", "Adam", Rule("Adam", rule.lr, True, True, 0.9, 0.999, 1e-8)
        yield "another_optimizer", "RMSprop", Rule("RMSprop", rule.lr, True, beta2=0.99, eps=1e-8)


def diagnose_update(before: Mapping[str, Any], after: Any, gradients: Any, optimizer: Any) -> Report:
    """Return what is wrong with a person's own optimiser step, and the right line of NumPy.

    Args:
        before: the parameters before the first step, by name.
        after: the parameters after each step: a mapping like `before`, or a list of them. Several steps tell more.
        gradients: the gradients of each step, alike.
        optimizer: what the step is meant to be: an optimiser of `ag.optim` with its settings, or its name.

    Returns:
        A Report; `wrong` names the parameters whose steps differ. Each step is judged from where the person's own stood.

    Raises ValueError for another optimiser, and where steps, gradients and names do not belong together.

    >>> import numpy as np
    >>> w, g = np.array([1.0, 2.0]), np.array([0.5, -1.0])
    >>> diagnose_update({"w": w}, {"w": w + 0.01 * g}, {"w": g}, "SGD").findings[0].mistake
    'update_sign'
    """
    rule, names = read_rule(optimizer), list(before)
    theirs, grads = _steps(after, names, "after"), _steps(gradients, names, "gradients")
    if len(theirs) != len(grads) or not theirs:
        counts = f"{len(theirs)} steps in after, {len(grads)} in gradients"
        raise ValueError(f"diagnose_update: {counts}: give one of each for every step")
    with np.errstate(all="ignore"):
        judge = _Judge(before, theirs, grads)
        right = judge.changes(rule)
        wrong = [n for n in names if judge.factor(right, [n]) != 1.0]
        other = replace(rule, faults=frozenset(["epsilon_before_correction"]))
        by_convention = bool(wrong and rule.corrected) and judge.factor(judge.changes(other), names) == 1.0
        wrong = [] if by_convention else wrong
        report = Report([n for n in names if n not in wrong], wrong, subject="update")
        report.names = {"np": np, "lr": rule.lr, "beta1": rule.beta1, "beta2": rule.beta2, "eps": rule.eps}
        report.names |= {"momentum": rule.momentum, "decay": rule.decay}
        if by_convention:
            report.notes.append(
                "You add ε before v is corrected, as Adam's shorter form does: that is right."
            )
        looks = [name for name, _, other in variants(rule) if judge.same(judge.changes(other), right)]
        if len(theirs) == 1 and looks:
            alike = f"{', '.join(dict.fromkeys(looks))} would look the same"
            report.notes.append(f"One step cannot tell everything: {alike}. Give two steps or more.")
        where = f"the {rule.name} step of {', '.join(wrong)}"
        for mistake, note in dict.fromkeys(_explanations(rule, judge, wrong) if wrong else ()):
            report.add(mistake, where, note, right_line(rule))
        if wrong and not report.findings:
            report.explained = False
            apart = [
                not np.allclose(a[wrong[0]], b[wrong[0]], rtol=1e-6, atol=0)
                for a, b in zip(judge.taken, right, strict=True)
            ]
            t = apart.index(True) if True in apart else 0
            note = (
                f"{wrong[0]} differs first in step {t + 1}: "
                f"{relation(judge.taken[t][wrong[0]], right[t][wrong[0]])}"
            )
            report.add("unexplained", where, note, right_line(rule))
    return report


def _steps(given: Any, names: Sequence[str], what: str) -> Steps:
    steps = [given] if isinstance(given, Mapping) else list(given)
    for i, step in enumerate(steps):
        if missing := [n for n in names if n not in step]:
            raise ValueError(f"diagnose_update: {what}[{i}] has no {', '.join(map(str, missing))}")
    return [{n: np.asarray(step[n], float) for n in names} for step in steps]


class _Judge:
    """Compares changes of parameters with the person's."""

    def __init__(self, before: Mapping[str, Any], theirs: Steps, grads: Steps) -> None:
        self.names, self.theirs, self.grads = list(before), theirs, grads
        self.start = {n: np.asarray(before[n], float) for n in self.names}
        starts = [self.start, *theirs[:-1]]
        self.taken = [
            {n: new[n] - old[n] for n in self.names} for old, new in zip(starts, theirs, strict=True)
        ]
        values = [x for step in (self.start, *theirs) for x in step.values()]
        size = max((float(np.max(np.abs(x), initial=0.0)) for x in values), default=1.0)
        single = all(np.array_equal(x, x.astype(np.float32)) for x in values)
        self.rounding = size * (1.2e-7 if single else 1e-14)
        self.integers = all(np.array_equal(x, np.round(x)) for x in values)

    def changes(self, rule: Rule) -> Steps:
        return simulate(rule, self.start, self.grads, self.theirs)

    def same(self, one: Steps, other: Steps, names: Sequence[str] | None = None, c: float = 1.0) -> bool:
        """Whether all changes of `one` are c times those of the other."""
        for a, b in zip(one, other, strict=True):
            for n in names or self.names:
                if a[n].shape != b[n].shape:
                    return False
                with np.errstate(all="ignore"):
                    error = np.max(np.abs(a[n] - c * b[n]), initial=0.0)
                if not error <= CLOSE * np.max(np.abs(a[n]), initial=0.0) + 4 * self.rounding:
                    return False
        return True

    def factor(self, changes: Steps, names: Sequence[str]) -> float | None:
        """The one number that makes the person's changes of these, 1.0 where they are the same; None where there is none."""
        if any(a[n].shape != np.shape(b[n]) for a, b in zip(self.taken, changes, strict=True) for n in names):
            return None  # one buffer for parameters of several shapes
        x = np.concatenate([np.ravel(step[n]) for step in self.taken for n in names])
        y = np.concatenate([np.ravel(step[n]) for step in changes for n in names])
        if not np.isfinite(y).all():
            return None
        if self.same(self.taken, changes, names):
            return 1.0
        c = float(x @ y / (y @ y)) if y.any() else 0.0
        return c if c and self.same(self.taken, changes, names, c) else None

    def ratios(self, changes: Steps, names: Sequence[str]) -> list[float]:
        """The factor of each step, where each has one."""
        found = []
        for taken, change in zip(self.taken, changes, strict=True):
            x, y = (np.concatenate([np.ravel(step[n]) for n in names]) for step in (taken, change))
            c = float(x @ y / (y @ y)) if y.any() else 0.0
            if not np.max(np.abs(x - c * y)) <= CLOSE * np.max(np.abs(x)) + 4 * self.rounding:
                return []
            found.append(c)
        return found

    def decay(self, rule: Rule, names: Sequence[str]) -> Iterator[tuple[str, str]]:
        """Weight decay that is not meant: one multiple of the weights in every step."""
        starts, changes = [self.start, *self.theirs[:-1]], self.changes(rule)
        w = np.concatenate([np.ravel(step[n]) for step in starts for n in names])
        pairs = zip(self.taken, changes, strict=True)
        left = np.concatenate([np.ravel(taken[n] - right[n]) for taken, right in pairs for n in names])
        c = float(left @ w / (w @ w)) if w.any() else 0.0
        if c and np.max(np.abs(left - c * w)) <= CLOSE * np.max(np.abs(left)) + 4 * self.rounding:
            yield "decay_added", f"{-c / rule.lr:.6g} · w is added to the step's direction"


def _explanations(rule: Rule, judge: _Judge, wrong: list[str]) -> Iterator[tuple[str, str]]:
    """What gives the person's steps: a factor, one mistake, one mistake and a factor, or two mistakes."""

    def tried(one: Rule) -> float | None:
        return judge.factor(judge.changes(one), judge.names if "moments_shared" in one.faults else wrong)

    c = tried(rule)
    yield from judge.decay(rule, wrong) if not rule.decay and c is None else []
    known = [v for v in variants(rule) if v[0] != "integers_truncated" or judge.integers]
    factors = [tried(one) for _, _, one in known]
    single = [(mistake, note) for (mistake, note, _), c1 in zip(known, factors, strict=True) if c1 == 1.0]
    factor = [_factor(c, rule)] if c is not None else []
    yield from factor + single if factor and factor[0][0] != "rate_factor" else single + factor
    if factor or single:
        return
    ratios = judge.ratios(judge.changes(rule), wrong)
    if ratios:
        shown = ", ".join(f"{ratio:.4g}" for ratio in ratios)
        yield "rate_factor", f"the factor changes from step to step: {shown} (a schedule?)"
        return
    scaled = [(v, c1) for v, c1 in zip(known, factors, strict=True) if c1 is not None and _meaning(c1, rule)]
    for (mistake, note, _), c1 in scaled:
        yield from ((mistake, note), _factor(c1, rule))
    for (m1, n1, one), (m2, n2, other) in itertools.combinations(known, 2) if not scaled else ():
        both = _merged(rule, one, other)
        if both is not None and tried(both) == 1.0:
            yield from ((m1, n1), (m2, n2))
            return


def _merged(rule: Rule, one: Rule, other: Rule) -> Rule | None:
    """A rule with the changes of both, where they change different settings."""
    changes: dict[str, Any] = {}
    for changed in (one, other):
        for key, value in vars(changed).items():
            if key == "faults":
                changes[key] = changes.get(key, frozenset()) | value
            elif value != getattr(rule, key):
                if key in changes:
                    return None
                changes[key] = value
    return replace(rule, **changes)


def _meaning(c: float, rule: Rule) -> bool:
    return _factor(c, rule)[0] != "rate_factor" or any(np.isclose(abs(c), n, rtol=1e-6) for n in (2, 0.5))


def _factor(c: float, rule: Rule) -> tuple[str, str]:
    def same(x: float) -> bool:
        return bool(np.isclose(c, x, rtol=1e-6))

    if same(-1.0):
        return "update_sign", "w += … stands where w -= … belongs (or the gradient is negated)"
    if same(rule.lr):
        return "rate_twice", f"the learning rate {rule.lr:g} is multiplied twice"
    if same(1 / rule.lr**2):
        return (
            "rate_inverse",
            f"the learning rate lr = {rule.lr:g}: it divides where it should multiply (1/lr)",
        )
    if same(1 / rule.lr):
        return "rate_factor", f"the learning rate lr = {rule.lr:g} is left out"
    return "rate_factor", f"every step is {c:.6g} times the right one{', the wrong way' if c < 0 else ''}"


def right_line(rule: Rule) -> str:
    """The right step as NumPy, for one parameter w with gradient g; m, v, buffer start at 0 and t at 1."""
    lines, g = [], "g"
    if rule.decay and not rule.decoupled:
        lines.append("g = g + decay * w")
    if rule.adaptive:
        if rule.beta1:
            lines.append("m = beta1 * m + (1 - beta1) * g")
            g = "m"
        lines.append("v = beta2 * v + (1 - beta2) * g**2")
        root = "v"
        if rule.centered:
            lines.append("mean = beta2 * mean + (1 - beta2) * g")
            root = "v - mean**2"
        if rule.largest:
            lines.append("largest = np.maximum(largest, v)")
            root = "largest"
        if rule.corrected:
            g, root = f"{g} / (1 - beta1**t)" if rule.beta1 else g, f"{root} / (1 - beta2**t)"
            g = f"({g})"
        g = f"{g} / (np.sqrt({root}) + eps)"
    if rule.momentum:
        part = f"{1 - rule.dampening:g} * " if rule.dampening else ""
        first = f"{g} if t == 1 else " if rule.dampening else ""
        lines.append(f"buffer = {first}momentum * buffer + {part}{g}")
        g = f"({g} + momentum * buffer)" if rule.nesterov else "buffer"
    decay = " - lr * decay * w" if rule.decay and rule.decoupled else ""
    lines.append(f"w = w{decay} - lr * {g}")
    return "\n".join(lines)
