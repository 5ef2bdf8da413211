"""Is my optimiser's step right? The step as it should be, and with each known mistake in it, simulated over all steps.

A rule is its lines of NumPy, which are run; a mistake is a change of these lines. So what is compared is what is shown.
"""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .report import Report, relation

Steps = list[dict[str, np.ndarray]]
RATES = {"update_sign", "rate_twice", "rate_inverse", "rate_factor"}
STATE = ("m", "v", "mean", "largest", "buffer", "total")  # what a rule keeps from step to step, 0 at first
CLOSE = 1e-6  # how far a step may be off, relative to the largest of its kind
DEFAULTS: dict[str, dict[str, Any]] = {
    "SGD": {"lr": 0.01},
    "Adam": {},
    "AdamW": {"weight_decay": 0.01},
    "RMSprop": {"lr": 0.01, "alpha": 0.99},
}


@dataclass(frozen=True)
class Rule:
    """An update: the lines for one parameter w with gradient g, and their settings; m, v, buffer start at 0 and t at 1."""

    name: str
    source: str
    settings: Mapping[str, float]
    shared: bool = False  # whether all parameters have one m, v and buffer


def read_rule(optimizer: Any) -> Rule:
    """The rule of an optimiser of `ag.optim`, of its class, or of its name (with the default settings)."""
    kind = getattr(optimizer, "__name__", type(optimizer).__name__)
    kind = optimizer if isinstance(optimizer, str) else kind
    kind = next((name for name in DEFAULTS if name.lower() == kind.lower()), kind)
    if kind not in DEFAULTS:
        known = f"one of {', '.join(DEFAULTS)}, not {kind!r}"
        raise ValueError(f"diagnose_update: the optimizer must be an object of ag.optim, or {known}")

    def setting(name: str, default: Any = 0.0) -> Any:
        return getattr(optimizer, name, DEFAULTS[kind].get(name, default))

    beta1, beta2 = setting("betas", (0.9, 0.999))
    given = {"lr": setting("lr", 0.001), "beta1": beta1, "beta2": setting("alpha", beta2)}
    given |= {"eps": setting("eps", 1e-8), "decay": setting("weight_decay"), "momentum": setting("momentum")}
    settings = {name: float(x) for name, x in given.items()}
    lines, g = ["g = g + decay * w"] if settings["decay"] and kind != "AdamW" else [], "g"
    if kind != "SGD":
        lines += ["m = beta1 * m + (1 - beta1) * g"] if kind != "RMSprop" else []
        lines += ["v = beta2 * v + (1 - beta2) * g**2"]
        root = "v"
        if setting("centered"):
            lines.append("mean = beta2 * mean + (1 - beta2) * g")
            root = "v - mean**2"
        if setting("amsgrad"):
            lines.append("largest = np.maximum(largest, v)")
            root = "largest"
        g = f"g / (np.sqrt({root}) + eps)"
        if kind != "RMSprop":
            g = f"(m / (1 - beta1**t)) / (np.sqrt({root} / (1 - beta2**t)) + eps)"
    if settings["momentum"]:
        damping = setting("dampening")
        part, first = (f"{1 - damping:g} * ", f"{g} if t == 1 else ") if damping else ("", "")
        lines.append(f"buffer = {first}momentum * buffer + {part}{g}")
        g = f"({g} + momentum * buffer)" if setting("nesterov") else "buffer"
    decay = " - lr * decay * w" if settings["decay"] and kind == "AdamW" else ""
    return Rule(kind, "\n".join([*lines, f"w = w{decay} - lr * {g}"]), settings)


# The mistakes, by what is changed in the lines: patterns, and what stands there
POWER, BUFFER = r"(beta\d)\*\*t", r"buffer = .*momentum \* buffer \+ "
CORRECTION, CORRECTION1, CORRECTION2 = (rf" / \(1 - beta{n}\*\*t\)" for n in (r"\d", 1, 2))
COUPLED, DECOUPLED = r"g = g \+ decay \* w\n((?s:.*))w = w", r"((?s:.*)) - lr \* decay \* w"
CHANGES: tuple[tuple[str, ...], ...] = (
    ("update_sign", "- lr", "+ lr"),
    ("rate_twice", "- lr", "- lr * lr"),
    ("rate_inverse", "- lr", "- 1 / lr"),
    ("rate_factor", r"- lr \*", "-"),
    ("not_zeroed", r"\A", "g = total = total + g\n"),
    ("previous_gradient", r"\A", "g, last = last, g\n"),
    ("updated_from_start", r"\A", "w = first\n"),
    ("integers_truncated", r"\Z", "\nw = np.trunc(w)"),
    ("momentum_dampened", BUFFER + r"(?:[\d.]+ \* )?", "buffer = momentum * buffer + (1 - momentum) * "),
    ("momentum_dampened", BUFFER + r"[\d.]+ \* ", "buffer = momentum * buffer + "),  # or left out
    ("old_buffer_used", r"\A(g = .*\n)?((?:.*\n)+)(.*)\Z", r"\1\3\n\2"),
    ("momentum_missing", r"momentum \* buffer", "0 * buffer"),
    ("momentum_missing", "beta1", "0"),
    ("momentum_sign", "momentum", "-momentum"),
    ("momentum_times_rate", "momentum", "lr * momentum"),
    ("weights_swapped", "momentum", "(1 - momentum)"),
    ("weights_swapped", r"(beta\d) \* (\w+) \+ \((1 - beta\d)\)", r"(\3) * \2 + \1"),
    ("nesterov_mixed", r"(buffer \+ (.*)\n.*)lr \* buffer", r"\1lr * (\2 + momentum * buffer)"),
    ("nesterov_mixed", r"\(.* \+ momentum \* buffer\)$", "buffer"),
    ("epsilon_inside_root", r"sqrt\((.*)\) \+ eps", r"sqrt(\1 + eps)"),
    *(
        ("epsilon_missing", "eps", f"{eps:g}")
        for eps in (0.0, 1e-10, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1.0)
    ),
    ("root_missing", r"np\.sqrt", ""),
    ("square_missing", r"g\*\*2", "np.abs(g)"),
    ("square_missing", r"g\*\*2", "g", r"np\.sqrt\((.*)\) \+", r"np.sqrt(np.abs(\1)) +"),
    ("square_of_mean", r"g\*\*2", "m**2"),
    ("square_added_whole", r"\(1 - beta2\) \* g\*\*2", "g**2"),
    ("squares_accumulated", r"beta2 \* v \+ \(1 - beta2\)", "v + 1"),  # AdaGrad's sum
    ("squares_accumulated", r"beta2 \* v \+ \(1 - beta2\)", "v + 1", CORRECTION2, ""),
    ("gradient_added_whole", r"\(1 - beta1\) \* g", "g"),
    ("bias_correction_missing", CORRECTION, ""),
    ("bias_correction_of_one", CORRECTION2, ""),
    ("bias_correction_of_one", CORRECTION1, ""),
    ("bias_correction_swapped", r"beta2\*\*t", "beta1**t"),
    ("bias_correction_swapped", r"beta1\*\*t", "beta2**t"),
    ("bias_correction_without_power", POWER, r"\1"),
    ("bias_correction_without_power", r"beta2\*\*t", "beta2"),
    ("bias_correction_without_power", r"beta1\*\*t", "beta1"),
    ("bias_correction_multiplied", r"/ (\(1 - beta\d\*\*t\))", r"* \1"),
    (
        "bias_correction_stored",
        rf"(w = .*)\(m({CORRECTION1})\)(.*\()v({CORRECTION2})",
        r"m = m\2\nv = v\4\n\1m\3v",
    ),
    ("betas_swapped", "beta1", "beta_", "beta2", "beta1", "beta_", "beta2"),
    ("betas_swapped", "beta2", "beta1"),  # one stands in both means
    ("betas_swapped", "beta1", "beta2"),
    ("betas_swapped", r"m = beta1 (.*)beta1", r"m = beta2 \1beta2"),  # and is corrected with its own
    ("betas_swapped", r"v = beta2 (.*)beta2", r"v = beta1 \1beta1"),
    ("step_counter_off", POWER, r"\1**(t + 1)"),
    ("step_counter_off", POWER, r"\1**(t - 1) or 1"),
    ("step_counter_per_parameter", POWER, r"\1**count"),
    *(("step_counter_off", POWER, rf"\1**((t - 1) // {n} + 1)") for n in (2, 3, 4, 5)),  # of every n-th step
    ("another_optimizer", "beta1", "0", r" / \(1 - (0|beta2)\*\*t\)", ""),  # RMSprop with Adam's β2
    ("another_optimizer", r"(.*)v / ", r"largest = np.maximum(largest, v)\n\1largest / "),  # AMSGrad for Adam
    ("another_optimizer", r"largest = .*\n", "", "largest", "v"),  # and Adam for AMSGrad
    ("another_optimizer", r"(?s)\A.*\Z", "w = w - lr * g"),
    ("decay_missing", r"decay \* w", "0 * w"),
    ("decay_sign", "decay", "-decay"),
    ("decay_factor", "decay", "2 * decay"),
    ("decay_factor", "decay", "0.5 * decay"),
    ("decay_without_rate", r"lr \* decay", "decay"),
    ("decay_without_rate", COUPLED, r"\1w = w - decay * w"),
    ("decay_decoupled", COUPLED, r"\1w = w - lr * decay * w"),
    ("decay_coupled", DECOUPLED, r"g = g + decay * w\n\1"),
)


def variants(rule: Rule) -> Iterator[tuple[str, str, Rule]]:
    """The known mistakes of a rule: name, the lines that hold it, and the rule with it."""
    yield "moments_shared", "", replace(rule, shared=True)
    for mistake, *changes in CHANGES:
        source = changed(rule.source, changes)
        lines = [line for line in source.splitlines() if line not in rule.source.splitlines()]
        if lines and changes[1:] != [f"{rule.settings['eps']:g}"]:
            yield mistake, "; ".join(lines), replace(rule, source=source)
    for other in ("Adam", "RMSprop") if rule.name == "SGD" else ():
        whole = read_rule(other)
        settings = {**whole.settings, "lr": rule.settings["lr"]}
        yield "another_optimizer", other, replace(whole, settings=settings)


def changed(source: str, changes: Sequence[str]) -> str:
    """Lines with each pattern in turn replaced; as they are where one of the patterns is not in them."""
    new = source
    for pattern, instead in zip(changes[::2], changes[1::2], strict=True):
        new, count = re.subn(pattern, instead, new)
        if not count:
            return source
    return new


def simulate(rule: Rule, before: Mapping[str, Any], gradients: Steps, theirs: Steps) -> Steps:
    """The changes of the parameters that a rule makes, step by step, each from where the person's own stood."""
    states: dict[str, dict[str, Any]] = {}
    changes: Steps = []
    code, starts, count = compile(rule.source, "update", "exec"), [before, *theirs], 0
    for t, (grads, start) in enumerate(zip(gradients, starts, strict=False), 1):
        changes.append({})
        for name, g in grads.items():
            w, count, key = np.asarray(start[name], float), count + 1, "all" if rule.shared else name
            fresh = dict.fromkeys(STATE, 0.0) | {"np": np, "last": 0.0 * g, **rule.settings}
            state = states.setdefault(key, fresh)
            state.update(w=w, g=g, t=t, count=count, first=np.asarray(before[name], float))
            exec(code, state)
            changes[-1][name] = state["w"] - w
    return changes


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
        shorter = replace(rule, source=rule.source.replace("eps", "eps / np.sqrt(1 - beta2**t)"))
        by_convention = (
            wrong and "beta2**t" in rule.source and judge.same(judge.taken, judge.changes(shorter))
        )
        wrong = [] if by_convention else wrong
        report = Report([n for n in names if n not in wrong], wrong, subject="update")
        report.names = {"np": np, **rule.settings}
        if by_convention:
            report.notes.append(
                "You add ε before v is corrected, as Adam's shorter form does: that is right."
            )
        looks = [name for name, _, other in variants(rule) if judge.same(judge.changes(other), right)]
        if len(theirs) == 1 and looks:
            alike = f"{', '.join(dict.fromkeys(looks))} would look the same"
            report.notes.append(f"One step cannot tell everything: {alike}. Give two steps or more.")
        where = f"the {rule.name} step of {', '.join(wrong)}"
        for mistake, note in dict.fromkeys(judge.explanations(rule, wrong) if wrong else ()):
            report.add(mistake, where, note, rule.source)
        if wrong and not report.findings:
            report.explained, n = False, wrong[0]
            pairs = [(mine[n], ours[n]) for mine, ours in zip(judge.taken, right, strict=True)]
            t = next((t for t, pair in enumerate(pairs) if not np.allclose(*pair, rtol=1e-6, atol=0)), 0)
            note = f"{n} differs first in step {t + 1}: {relation(*pairs[t])}"
            report.add("unexplained", where, note, rule.source)
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
        self.starts = [{n: np.asarray(before[n], float) for n in self.names}, *theirs]
        pairs = itertools.pairwise(self.starts)
        self.taken = [{n: new[n] - old[n] for n in self.names} for old, new in pairs]
        values = [x for step in self.starts for x in step.values()]
        size = max((float(np.max(np.abs(x), initial=0.0)) for x in values), default=1.0)
        single = all(np.array_equal(x, x.astype(np.float32)) for x in values)
        self.rounding = 4 * size * (1.2e-7 if single else 1e-14)
        self.integers = all(np.array_equal(x, np.round(x)) for x in values)

    def changes(self, rule: Rule) -> Steps:
        return simulate(rule, self.starts[0], self.grads, self.theirs)

    def close(self, x: Any, y: Any) -> bool:
        error, size = (np.max(np.abs(v), initial=0.0) for v in (x - y, x))
        return bool(error <= CLOSE * size + self.rounding)

    def same(self, one: Steps, other: Steps, names: Sequence[str] | None = None, c: float = 1.0) -> bool:
        """Whether all changes of `one` are c times those of the other."""
        pairs = [(a[n], b[n]) for a, b in zip(one, other, strict=True) for n in names or self.names]
        return all(a.shape == b.shape and self.close(a, c * b) for a, b in pairs)

    def factor(self, changes: Steps, names: Sequence[str]) -> float | None:
        """The one number that makes the person's changes of these, 1.0 where they are the same; None where there is none."""
        if any(a[n].shape != np.shape(b[n]) for a, b in zip(self.taken, changes, strict=True) for n in names):
            return None  # one buffer for parameters of several shapes
        if self.same(self.taken, changes, names):
            return 1.0
        c = round(_ratio(_flat(self.taken, names), _flat(changes, names)), 9)
        return c if c and self.same(self.taken, changes, names, c) else None

    def ratios(self, changes: Steps, names: Sequence[str]) -> list[float]:
        """The factor of each step, where each has one."""
        steps = zip(self.taken, changes, strict=True)
        pairs = [(_flat([mine], names), _flat([ours], names)) for mine, ours in steps]
        return (
            [_ratio(x, y) for x, y in pairs] if all(self.close(x, _ratio(x, y) * y) for x, y in pairs) else []
        )

    def decay(self, rule: Rule, names: Sequence[str]) -> Iterator[tuple[str, str]]:
        """Weight decay of a round size that is not meant: a multiple of the weights in each step, or in each gradient."""
        ways = {
            rule.source.replace("w = w", "w = w - lr * decay * w"): "is added to the step's direction",
            f"g = g + decay * w\n{rule.source}": "is added to the gradient (an L2 penalty)",
        }
        sizes = (n * 10.0**k for k in range(-6, 0) for n in range(1, 10))
        for x, (source, note) in itertools.product(sizes, ways.items()):
            other = replace(rule, source=source, settings={**rule.settings, "decay": x})
            if self.same(self.taken, self.changes(other), names):
                yield "decay_added", f"{x:.6g} · w {note}"
                return

    def explanations(self, rule: Rule, wrong: list[str]) -> Iterator[tuple[str, str]]:
        """What gives the person's steps: a factor, one mistake, one mistake and a factor, or two mistakes."""

        def tried(one: Rule) -> float | None:
            return self.factor(self.changes(one), self.names if one.shared else wrong)

        known = [v for v in variants(rule) if v[0] != "integers_truncated" or self.integers]
        factors = [tried(one) for *_, one in known]
        single = [v[:2] for v, c in zip(known, factors, strict=True) if c == 1.0]
        c = tried(rule)
        if c is not None and not any(mistake in RATES for mistake, _ in single):
            way = ", the wrong way" if c < 0 else ""
            single.append(("rate_factor", f"every step is {c:.6g} times the right one{way}"))
        yield from single
        if single:
            return
        if ratios := self.ratios(self.changes(rule), wrong):
            shown = ", ".join(f"{ratio:.4g}" for ratio in ratios)
            yield "rate_factor", f"the factor changes from step to step: {shown} (a schedule?)"
            return
        decay = list(self.decay(rule, wrong)) if not rule.settings["decay"] else []
        scaled = [(v[:2], c) for v, c in zip(known, factors, strict=True) if c in (2.0, 0.5)]
        yield from decay
        for named, c in scaled if not decay else ():
            yield from (named, ("rate_factor", f"every step is {c:g} times that"))
        for m1, n1, one in known if not (decay or scaled) else ():
            for m2, n2, both in variants(one):
                if m1 != m2 and tried(both) == 1.0:
                    yield from ((m1, n1), (m2, n2))
                    return


def _flat(steps: Steps, names: Sequence[str]) -> Any:
    return np.concatenate([np.ravel(step[n]) for step in steps for n in names])


def _ratio(x: Any, y: Any) -> float:
    """The one number c of x = c · y by least squares, 0 where there is none."""
    c = float(x @ y / (y @ y)) if y.any() else 0.0
    return c if np.isfinite(c) else 0.0
