"""What lies beside the gradients: parameters that the forward pass never reads, a step uphill, an optimiser's own rule."""

import ast
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from ..mistakes import MISTAKES
from ..update import CHANGES, Rule, changed, read_rule, simulate, variants
from .case import Case, View, multiple
from .edits import Fix, edited, edits, of_rules, scope_of
from .losses import Loss, literals
from .record import Step
from .source import names_in
from .steps import SUMS, key_of, size_of

NEAR = 4  # statements that are edited where an optimiser's rule is wrong
EXACT = 1e-6  # how far the steps of a rule may be off
SOUND = "sound"
INSIDE_ROOT = next(changes for mistake, *changes in CHANGES if mistake == "epsilon_inside_root")
Fault = tuple[str, str]  # a mistake's name and the reason; of a sound rule, the family
RIGHT = {
    "epsilon_missing",
    "squares_accumulated",
    "another_optimizer",
    "integers_truncated",
    "moments_shared",
}  # another method, and no mistake
MOMENTUM = {"momentum_sign", "not_zeroed"}
SAID = {
    "momentum_sign": "the velocity enters with the wrong sign: each step undoes the last one",
    "not_zeroed": "the gradients of all earlier steps stay in the sum",
    "square_missing": "the moving mean is made of the gradient, where its square belongs",
    "epsilon_inside_root": "Adam adds its small number to the root, not inside it",
}
IN_STATE = {*MOMENTUM, "betas_swapped", "square_missing", "weights_swapped", "gradient_added_whole"}
ADAGRAD = "v = v + g**2\nw = w - lr * g / (np.sqrt(v) + eps)"


class Remark:
    """A finding that no wrong gradient shows: the value or the line, the mistake's name, why, and new texts to try."""

    def __init__(self, step: Any, depth: int, mistake: str, why: str, texts: Any = ()) -> None:
        self.step, self.depth, self.mistake, self.why, self.texts = step, depth, mistake, why, texts


# ---- Parameters that are never read -----------------------------------------------------------------------------------


def updated_arrays(case: Case) -> Iterator[tuple[str, list[Step]]]:
    """What the script updates again and again by sums and is no parameter of any loss: its name and its versions."""
    known = set().union(*[p.ids for p in case.parameters])
    for chain in case.chains:
        last = chain.versions[-1]
        name = case.sources.name(last)
        if name and len(chain.again) > 2 and last.func in SUMS and not known & chain.ids:
            yield name, chain.versions


def last_part(name: str) -> str:
    """The name itself, without what it belongs to."""
    return name.rpartition(".")[2]


def stale(case: Case) -> list[Remark]:
    """Arrays that are updated again and again while the forward pass reads another array of the same name."""
    sources, known = case.sources, {last_part(p.written) for p in case.parameters}
    arrays = [(name, versions) for name, versions in updated_arrays(case) if size_of(versions[-1]) > 1]
    updated = {
        last_part(name): (name, versions[-1]) for name, versions in arrays if last_part(name) not in known
    }
    own = {v.id for _, versions in arrays for v in versions}
    # nothing later is of before the training
    first = min((versions[1].id for _, versions in arrays), default=0)
    visits: dict[Any, int] = {}
    found: dict[Any, tuple[Step, str]] = {}
    for step in case.record.steps if updated else ():
        visits[key_of(step)] = visits.get(key_of(step), 0) + 1
        for p in step.parents:
            name = sources.name(p) if p.id < first and p.id not in own else ""
            target, last = updated.get(last_part(name), (name, step))
            if name != target and np.shape(p.value) == np.shape(last.value):
                line = sources.where(last)[1]
                why = f"this reads {name}, which is never updated: line {line} updates {target}"
                found.setdefault(key_of(step), (step, why))
    names = {short: name for short, (name, _) in updated.items()}
    remarks = [renamed(case, step, why, names) for key, (step, why) in found.items() if visits[key] > 2]
    return list({sources.where(r.step): r for r in reversed(remarks)}.values())[::-1]


def renamed(case: Case, step: Step, why: str, names: dict[str, str]) -> Remark:
    """The remark on a line, and the file with its plain names replaced by those that are updated."""
    file, line = case.sources.where(step)
    text = case.sources.texts[file]
    nodes = (n for n in ast.walk(text.tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load))
    fixes = [Fix(n, names[n.id]) for n in nodes if n.lineno == line and n.id in names]
    return Remark(step, 0, "stale_parameter", why, [edited(text, fixes)])


def stale_locals(case: Case) -> list[Remark]:
    """Where the forward pass keeps a value in a function's own variable, and the backward pass reads a global of that name."""
    sources, out = case.sources, dict[str, Remark]()
    view, text = case.views[0], sources.texts[sources.main]
    moving = (case.record.steps[n] for n in view.sig if n >= view.window.first)
    own = {name: step for step in moving if (name := sources.name(step)).isidentifier()}
    links = ((step, p) for step in view.order for p in step.parents if p.id < view.window.first)
    for step, p in links:
        name = sources.name(p) if p.func is not None and p.id not in view.window.starts else ""
        if name not in own or np.shape(own[name].value) != np.shape(p.value):
            continue
        depths = range(len(own[name].stack))
        assigned = [(d, text.statement(sources.spot(own[name], d)[1])) for d in depths]
        assigned = [
            (d, s) for d, s in assigned if isinstance(s, ast.Assign) and text.text(s.targets[0]) == name
        ]
        reads = [n for d in range(len(step.stack)) if name in names_in(n := sources.spot(step, d)[1])]
        function = scope_of(text, assigned[0][1]) if assigned else None
        elsewhere = bool(reads) and name not in own_names(scope_of(text, reads[0]))
        if elsewhere and isinstance(function, ast.FunctionDef):
            (depth, statement), line = assigned[0], reads[0].lineno
            why = (
                f"only {function.name} knows this {name}: line {line} reads another, set before the training"
            )
            fix = edited(text, [Fix(statement, f"global {name}; {text.text(statement)}")])
            out.setdefault(name, Remark(own[name], depth, "stale_value", why, [fix]))
    return list(out.values())


def own_names(scope: Any) -> set[str]:
    """The variables that are a function's own: its arguments, and what is assigned in it."""
    if not isinstance(scope, ast.FunctionDef | ast.Lambda):
        return set()
    stored = (n.id for n in ast.walk(scope) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
    return {*stored, *(a.arg for a in ast.walk(scope.args) if isinstance(a, ast.arg))}


# ---- Uphill -----------------------------------------------------------------------------------------------------------


def uphill(case: Case, loss: Loss) -> list[Remark]:
    """Updates that add the gradient where they should subtract it: the gradient itself is right, sign and all."""
    out: dict[Any, Remark] = {}
    k = min(loss.verdicts)
    view, common, factors = case.views[k], loss.factors[k], loss.verdicts[k].factors
    every = set(range(len(case.parameters)))
    wrong = loss.wrong(len(every))
    if not all(named_gradient(case, loss, k, i) for i in (wrong if loss.turned else every)):
        return []
    if not loss.turned and (not common or wrong == every):
        return []
    if not loss.turned and any(abs((factors[i] or 0.0) + common) > 1e-4 * abs(common) for i in wrong):  # type: ignore[operator, arg-type]
        return []
    for i in sorted(wrong):
        p, end = case.parameters[i], view.window.end[i]
        step = next((v for v in p.versions if v.id >= view.window.first and key_of(v) in p.keys), end)
        velocity = next((q for q in step.parents if q.id in case.states and q.id not in p.ids), None)
        step = velocity if velocity is not None and not loss.turned else step
        text, node = case.sources.spot(step)
        why = "this steps uphill: the gradient must be subtracted"
        fixes = (fix for fix in edits(text, text.statement(node)) if fix.mistake == "wrong_sign")
        out.setdefault(node, Remark(step, 0, "wrong_sign", why, [edited(text, [f]) for f in fixes]))
    return list(out.values())


def named_gradient(case: Case, loss: Loss, k: int, i: int) -> bool:
    """Whether the last value that the script names for the parameter's step is its gradient times a positive number."""
    view, g, p = case.views[k], loss.grads[k][i], case.parameters[i]
    if g is None or not np.any(g) or view.window.end[i] is view.window.start[i]:
        return False
    for step in reversed(view.order):
        value = np.asarray(step.value)
        mine = view.back[step.id] == 1 << i and step.id not in p.ids and value.shape == g.shape
        if mine and (g.size > 1 or step.id not in case.states) and case.sources.name(step):
            c = float((value * g).sum() / (g * g).sum())
            exact = np.abs(value - c * g).max() <= 1e-6 * np.abs(value).max()
            if exact and (c > 0 or (c and g.size == 1)):
                return c > 0
    return False


# ---- The optimiser's rule --------------------------------------------------------------------------------------------


def series(case: Case, i: int) -> tuple[list[Any], list[Any]] | None:
    """What the optimiser was given and the steps that it made, from the first update on."""
    given, made = [], []
    for before, view in zip([None, *case.views], case.views, strict=False):
        g, a, b = view.gradient[i], view.window.start[i], view.window.end[i]
        if g is None or len({np.shape(x.value) for x in (g, a, b)}) > 1:
            return None
        if before is not None and before.window.last != view.window.first:
            return None
        given.append(np.ravel(np.asarray(g.value, float)))
        made.append(np.ravel(np.asarray(b.value, float) - np.asarray(a.value, float)))
    return (given, made) if len(given) > 3 else None


def verdicts(case: Case, explain: bool = True) -> Iterator[tuple[int, Fault | None]]:
    """For each line that updates parameters by an optimiser's rule: a parameter, and what is wrong with the rule.

    The verdict is None where the rule is not known, or is wrong and not to be explained.
    """
    lines: dict[Any, list[tuple[int, Any]]] = {}
    for i, p in enumerate(case.parameters):
        found = series(case, i)
        if found is not None:
            lines.setdefault(min(p.keys, key=str), []).append((i, found))
    for rows in lines.values():
        every = (zip(*[found[n] for _, found in rows], strict=True) for n in (0, 1))
        gs, us = ([np.concatenate(parts) for parts in steps] for steps in every)
        with np.errstate(all="ignore"):
            yield rows[0][0], judged(gs, us, sorted({abs(c) for c in literals(case)}), explain)


def optimiser(case: Case) -> list[Remark]:
    """What is wrong with a hand-written momentum, RMSprop or Adam whose gradients are right."""
    out = []
    for i, fault in verdicts(case):
        if fault and fault[0] != SOUND:
            step = rule_step(case, case.views[1], i, fault[0])
            out.append(Remark(step, 0, *fault, near(case, step, fault[0])))
    return list({(case.sources.where(r.step), r.mistake): r for r in reversed(out)}.values())[::-1]


def is_sound(after: Case, before: Case, mistake: str) -> bool:
    """Whether every optimiser's rule is right after an edit, and still of the kind in which the mistake was made."""
    if not after.views or [p.name for p in after.parameters] != [p.name for p in before.parameters]:
        return False
    families = {"momentum"} if mistake in MOMENTUM else {"Adam", "RMSprop", "Adagrad"}
    found = list(verdicts(after, explain=False))
    sound = all(fault and fault[0] == SOUND and fault[1] in families for _, fault in found)
    return sound and len(found) == len(list(verdicts(before, explain=False)))


def near(case: Case, step: Step, mistake: str) -> Iterator[str]:
    """The file with a root, a square, another decay or a correction in the line or in those beside it."""
    text, node = case.sources.spot(step)
    if node is None:
        return
    block = [n for n in ast.iter_child_nodes(text.parent[text.statement(node)]) if isinstance(n, ast.stmt)]
    statements = sorted(block, key=lambda n: abs(n.lineno - node.lineno))
    for rule in (of_rules, edits):
        beside = statements[: 1 if mistake in MOMENTUM else NEAR]  # a velocity stands in one line
        fixes = [fix for statement in beside for fix in rule(text, statement)]
        fixes = fixes if rule is edits else [fix for fix in fixes if mistake.startswith(fix.mistake)]
        for fix in sorted(fixes, key=lambda f: (len(f.text) - len(text.text(f.node)), f.node.lineno)):
            yield edited(text, [fix])


def rule_step(case: Case, view: View, i: int, mistake: str) -> Step:
    """The line of an optimiser's rule: where its state is renewed or corrected, or where the parameter is."""
    p, first = case.parameters[i], view.window.first
    own = [s for s in view.order if view.back[s.id] >> i & 1]
    found: list[Step] = []
    if mistake in IN_STATE:
        states = (s for s in own if s.id in case.states)
        found = [s for s in states if any(q.id < first and q.id in case.states for q in s.parents)]
    elif mistake.startswith(("bias_correction", "step_counter")):
        divided = (s for s in own if s.func is np.divide and size_of(s.args[1]) == 1)
        found = [s for s in divided if s.parents[0].id in case.states]
    elif mistake == "epsilon_inside_root":
        found = [s for s in own if s.name == "sqrt" and size_of(s) == size_of(view.window.start[i])]
    return (found or [v for v in p.versions if v.id >= first and key_of(v) in p.keys])[0]


def judged(gs: list[Any], us: list[Any], numbers: list[float], explain: bool) -> Fault | None:
    """The verdict on a rule with constants from the script's text; None where it is none that is known.

    A mistake is found only where no sound rule fits as well: the steps of a single number are often alike.
    """
    betas = [b for b in numbers if 0.5 <= b < 1]
    decays = [(b1, b2) for b1 in (0.0, *betas) for b2 in betas if b1 < b2 or b1 == b2 <= 0.98]
    small = [e for e in numbers if 0 < e <= 1e-3] or [0.0]
    momenta = sorted({0.0} | {m for x in numbers for m in (x, 1 - x) if 0 <= m < 1})
    rules = [rule_of("SGD", momentum=m, nesterov=n) for m in momenta for n in (False, True)]
    rules += [rule_of("RMSprop", alpha=b, eps=e) for e in small for b in betas]
    rules += [rule_of("Adam", betas=pair, eps=e) for e in small for pair in decays]
    rules += [replace(rule_of("Adam", eps=e), name="Adagrad", source=ADAGRAD) for e in small]
    start, given, taken = {"w": 0.0 * gs[0]}, [{"w": g} for g in gs], np.concatenate(us)

    def rate_of(rule: Rule) -> float:
        made = np.concatenate([step["w"] for step in simulate(rule, start, given, [start] * len(gs))])
        known = np.isfinite(made) & np.isfinite(taken)
        return multiple(taken[known], made[known], EXACT) if 2 * known.sum() > known.size else 0.0

    found = []
    for rule in rules:
        inside = replace(rule, source=changed(rule.source, INSIDE_ROOT))
        if rate_of(rule) or (rule.name != "Adam" and rate_of(inside)):
            return SOUND, "momentum" if rule.settings["momentum"] else rule.name
    for rule, (mistake, _, wrong) in ((r, v) for r in rules for v in variants(r)) if explain else ():
        known = mistake in MOMENTUM if rule.name == "SGD" else mistake not in RIGHT
        rate = rate_of(wrong) if known else 0.0
        if rate > 0:  # of several the one whose rate stands in the script
            found.append((not any(abs(rate - c) <= 1e-4 * rate for c in numbers), mistake))
    mistake = min(found, key=lambda f: f[0], default=(False, ""))[1]
    return (mistake, SAID.get(mistake, MISTAKES[mistake])) if found else None


def rule_of(name: str, **settings: Any) -> Rule:
    """The rule of this name at a rate of 1, with these settings."""
    return read_rule(type(name, (), {"lr": 1.0, **settings}))
