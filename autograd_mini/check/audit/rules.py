"""What lies beside the gradients: parameters that the forward pass never reads, a step uphill, an optimiser's own rule."""

import ast
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from .case import Case
from .edits import Fix, edited, of_rules
from .losses import Loss, literals
from .record import Step
from .steps import SUMS, key_of, size_of


class Remark:
    """A finding that no wrong gradient shows: the line, the mistake's name, why, and new texts to try."""

    def __init__(self, step: Step, depth: int, mistake: str, why: str, texts: Any = ()) -> None:
        self.step, self.depth, self.mistake, self.why, self.texts = step, depth, mistake, why, texts


NEAR = 4  # statements that are edited where an optimiser's rule is wrong


def last_part(name: str) -> str:
    """The name itself, without what it belongs to."""
    return name.rpartition(".")[2]


def stale(case: Case) -> list[Remark]:
    """Arrays that are updated again and again while the forward pass reads another array of the same name."""
    sources = case.sources
    updated: dict[str, tuple[str, Step]] = {}
    known = {last_part(p.written) for p in case.parameters}
    chain: set[int] = set()
    for each in case.chains:
        last = each.versions[-1]
        if len(each.again) < 3 or size_of(last) < 2 or last.func not in SUMS:
            continue
        name = sources.name(last)
        if name and last_part(name) not in known:
            updated[last_part(name)] = (name, last)
            chain |= each.ids
    out = []
    seen: set[Any] = set()
    for step in case.record.steps:
        for p in step.parents:
            name = sources.name(p)
            if (
                p.func is not None
                or p.parents
                or p.id in chain
                or last_part(name) not in updated
                or key_of(step) in seen
            ):
                continue
            target, last = updated[last_part(name)]
            if np.shape(p.value) != np.shape(last.value) or name == target:
                continue
            reads = [s for s in case.record.steps if key_of(s) == key_of(step)]
            if len(reads) < 3:
                continue
            seen.add(key_of(step))
            place = sources.place(step)
            assert place is not None
            why = f"this reads {name}, which is never updated: line {sources.where(last)[1]} updates {target}"
            text = sources.texts[place.file]
            names = {k: v for k, (v, _) in updated.items()}
            out.append(Remark(step, 0, "stale_parameter", why, [renamed(text, place.line, names)]))
    lines: dict[Any, Remark] = {}
    for remark in out:
        lines.setdefault(sources.where(remark.step), remark)
    return list(lines.values())


def renamed(text: Any, line: int, names: dict[str, str]) -> str:
    """The file with plain names of one line replaced by the updated ones."""
    rows = text.source.splitlines(keepends=True)
    row = rows[line - 1].encode()
    found = [n for n in ast.walk(text.tree) if isinstance(n, ast.Name) and n.lineno == line and n.id in names]
    for node in sorted(found, key=lambda n: -n.col_offset):
        if isinstance(node.ctx, ast.Load):
            row = row[: node.col_offset] + names[node.id].encode() + row[node.end_col_offset :]
    rows[line - 1] = row.decode()
    return "".join(rows)


def uphill(case: Case, loss: Loss) -> list[Remark]:
    """Updates that add the gradient where they should subtract it: the gradient itself is right, sign and all."""
    out: dict[Any, Remark] = {}
    k = min(loss.adjoints)
    common, wrong = loss.factors[k], sorted(loss.wrong(len(case.parameters)))
    if not loss.turned:
        factors = loss.verdicts[k].factors
        right = set(range(len(case.parameters))) - set(wrong)
        if not common or not right or not all(named_gradient(case, loss, k, i) for i in right):
            return []
        if any((c := factors[i]) is None or abs(c + common) > 1e-4 * abs(common) for i in wrong):
            return []
    for i in wrong:
        p = case.parameters[i]
        view, g = case.views[k], loss.grads[k][i]
        end = view.window.end[i]
        if g is None or end is view.window.start[i] or not named_gradient(case, loss, k, i):
            return []
        step = next((v for v in p.versions if v.id >= view.window.first and key_of(v) in p.keys), end)
        velocity = next((q for q in step.parents if q.id in case.states and q.id not in p.ids), None)
        step = velocity if velocity is not None and not loss.turned else step
        place = case.sources.place(step)
        assert place is not None
        text = case.sources.texts[place.file]
        out.setdefault(
            place,
            Remark(
                step,
                0,
                "wrong_sign",
                "this steps uphill: the gradient must be subtracted",
                [flipped(text, place)],
            ),
        )
    return list(out.values())


def named_gradient(case: Case, loss: Loss, k: int, i: int) -> bool:
    """Whether the last value that the script names for the parameter's step is its gradient times a positive number."""
    view, g = case.views[k], loss.grads[k][i]
    norm = float((g * g).sum())
    for step in reversed(view.order):
        value = np.asarray(step.value)
        mine = (
            view.back[step.id] == 1 << i
            and step.id not in case.parameters[i].ids
            and (g.size > 1 or step.id not in case.states)
        )
        if mine and value.shape == g.shape and norm and case.sources.name(step):
            c = float((value * g).sum()) / norm
            exact = np.abs(value - c * g).max() <= 1e-6 * np.abs(value).max()
            if exact and (c > 0 or (c and g.size == 1)):
                return c > 0
    return False


def flipped(text: Any, place: Any) -> str:
    """The file with the update's sign turned round."""
    node = text.find(place)
    rows = text.source.splitlines(keepends=True)
    row = rows[place.line - 1]
    if isinstance(node, ast.AugAssign):
        new = row.replace("+=", "-=", 1) if "+=" in row else row.replace("-=", "+=", 1)
    elif isinstance(node, ast.BinOp):
        left, right = text.text(node.left), text.text(node.right)
        sign = "-" if isinstance(node.op, ast.Add) else "+"
        new = row[: node.col_offset] + f"{left} {sign} {right}" + row[node.end_col_offset :]
    else:
        return str(text.source)
    return "".join([*rows[: place.line - 1], new, *rows[place.line :]])


# ---- The optimiser's rule --------------------------------------------------------------------------------------------


def series(case: Case, i: int) -> tuple[list[Any], list[Any]] | None:
    """What the optimiser was given and the steps that it made, from the first update on."""
    given, made = [], []
    for before, view in zip([None, *case.views], case.views, strict=False):
        g, a, b = view.gradient[i], view.window.start[i], view.window.end[i]
        if g is None or np.shape(g.value) != np.shape(a.value) or np.shape(a.value) != np.shape(b.value):
            return None
        if before is not None and before.window.last != view.window.first:
            return None
        given.append(np.asarray(g.value, float))
        made.append(np.asarray(b.value, float) - np.asarray(a.value, float))
    return (given, made) if len(given) > 3 else None


def verdicts(case: Case) -> Iterator[tuple[int, tuple[str, str, bool] | None]]:
    """For each line that updates parameters by an optimiser's rule: a parameter, and what is wrong with the rule.

    The mistake is "sound" where there is none, "steady" of a momentum without one; the verdict is None where the rule is
    not known.
    """
    lines: dict[Any, list[tuple[int, Any]]] = {}
    for i, p in enumerate(case.parameters):
        found = series(case, i) if case.views[0].gradient[i] is not None else None
        if found is not None:
            lines.setdefault(min(p.keys, key=str), []).append((i, found))
    for rows in lines.values():
        steps = range(len(rows[0][1][0]))
        gs = [np.concatenate([np.ravel(g[k]) for _, (g, _) in rows]) for k in steps]
        us = [np.concatenate([np.ravel(u[k]) for _, (_, u) in rows]) for k in steps]
        fault = momentum(gs, us)
        yield rows[0][0], fault or adaptive(gs, us, sorted({abs(c) for c in literals(case)}))


def optimiser(case: Case) -> list[Remark]:
    """What is wrong with a hand-written momentum, RMSprop or Adam whose gradients are right."""
    out = []
    for i, fault in verdicts(case):
        view = case.views[1]
        inner = epsilon_in_root(case, view, i) if fault and fault[0] == "sound" and fault[2] else None
        if inner is not None:
            why = "Adam adds its small number to the root, not inside it"
            out.append(Remark(inner, 0, "epsilon_inside_root", why, rooted(case, inner)))
        elif fault and fault[0] not in ("sound", "steady"):
            step = rule_step(case, view, i, fault[2])
            out.append(Remark(step, 0, fault[0], fault[1], near(case, step)))
    return out


def is_sound(after: Case, before: Case, mistake: str) -> bool:
    """Whether every optimiser's rule is right after an edit, and still the one in which the mistake was made."""
    if not after.views or [p.name for p in after.parameters] != [p.name for p in before.parameters]:
        return False
    found = [fault for _, fault in verdicts(after)]
    adam = mistake in ("bias_correction_missing", "step_counter_off", "betas_swapped", "epsilon_inside_root")
    right = all(f and f[0] == "sound" and (f[2] or not adam) for f in found)
    return len(found) == len(list(verdicts(before))) and right and not optimiser(after)


def near(case: Case, step: Step) -> Iterator[str]:
    """The file with a root, a square or another decay in the line or in those beside it."""
    place = case.sources.place(step)
    if place is None:
        return
    text = case.sources.texts[place.file]
    statement = text.statement(text.find(place))
    parent: Any = text.parent.get(statement)
    block = [n for n in ast.iter_child_nodes(parent) if isinstance(n, ast.stmt)]
    for other in sorted(block, key=lambda n: abs(n.lineno - place.line))[:NEAR]:
        for fix in of_rules(text, other):
            yield edited(text, [fix])


def rule_step(case: Case, view: Any, i: int, state: bool) -> Step:
    """The line of an optimiser's rule: where its state is renewed, or where the parameter is."""
    p = case.parameters[i]
    step = next(v for v in p.versions if v.id >= view.window.first and key_of(v) in p.keys)
    renewed = (
        s
        for s in view.order
        if s.id in case.states and any(q.id < view.window.first and q.id in case.states for q in s.parents)
    )
    return next(renewed, step) if state else step


def epsilon_in_root(case: Case, view: Any, i: int) -> Step | None:
    """The root that a small number is added inside, on the way to a parameter's update."""
    found: list[Step] = view.order
    for s in found:
        inner = s.parents[0] if s.name == "sqrt" and s.parents else None
        if inner is not None and view.back[s.id] >> i & 1 and inner.func is np.add:
            small = [
                a
                for a in inner.args
                if size_of(a) == 1 and 0 < float(np.ravel(getattr(a, "value", a))[0]) <= 1e-3
            ]
            if small and size_of(s) == size_of(view.window.start[i]):
                return s
    return None


def rooted(case: Case, step: Step) -> list[str]:
    """The file with the small number outside the root."""
    node, place = case.sources.expression(step), case.sources.place(step)
    if not isinstance(node, ast.Call) or place is None or not isinstance(node.args[0], ast.BinOp):
        return []
    text = case.sources.texts[place.file]
    inner = node.args[0]
    code = f"({text.text(node.func)}({text.text(inner.left)}) + {text.text(inner.right)})"
    return [edited(text, [Fix(node, code, "", "")])]


def momentum(gs: list[Any], us: list[Any]) -> tuple[str, str, bool] | None:
    """The verdict on a rule u' = a·u + b·g + c·g₋; None where it is no such rule."""
    basis = np.concatenate([np.stack([us[k - 1], gs[k], gs[k - 1]], 1) for k in range(2, len(gs))])
    wanted = np.concatenate(us[2:])
    if not np.all(np.isfinite(basis)) or not np.all(np.isfinite(wanted)):
        return None
    (a, b, c), *_ = np.linalg.lstsq(basis, wanted, rcond=None)
    if np.abs(basis @ [a, b, c] - wanted).max() > 1e-5 * np.abs(wanted).max():
        return None
    if a < -1e-3:
        return "momentum_sign", "the velocity enters with the wrong sign: each step undoes the last one", True
    if a > 1 - 1e-6:
        return "not_zeroed", "the gradients of all earlier steps stay in the sum", True
    return "steady", "", False


class Rule(NamedTuple):
    """An RMSprop, AdaGrad or Adam: the decays of its moments, what each is corrected by, and what may be wrong with it."""

    decay1: float
    decay2: float
    corrected1: float = 0.0
    corrected2: float = 0.0
    ahead: int = 0  # how far the step counter is off
    root: str = "outside"  # where the small number is added: outside the root, inside, or there is no root
    squared: bool = True
    bare: tuple[bool, bool] = (False, False)  # whether a moment is corrected by 1 − β, without the power

    def steps(self, gs: list[Any], eps: float) -> list[Any]:
        """What the rule makes of the gradients, up to the rate."""
        m, v, out = 0.0 * gs[0], 0.0 * gs[0], []
        for t, g in enumerate(gs, 1 + self.ahead):
            m = self.decay1 * m + (1 - self.decay1) * g
            v = self.decay2 * v + (1 - self.decay2) * (g * g if self.squared else g)
            power1, power2 = (1 if bare else t for bare in self.bare)
            mh = m / (1 - self.corrected1**power1) if self.corrected1 else m
            vh = v / (1 - self.corrected2**power2) if self.corrected2 else v
            below = {"outside": np.sqrt(vh) + eps, "inside": np.sqrt(vh + eps), "none": vh + eps}
            out.append(mh / below[self.root])
        return out

    def fault(self) -> tuple[str, str, bool]:
        """The mistake's name, the reason, and whether it stands where the state is renewed; "sound" where there is none."""
        adam = self.decay1 > 0
        if not self.squared:
            return "square_missing", "the second moment is the mean of the squares of the gradient", True
        if self.root == "none":
            return "root_missing", "the root of the second moment is missing", False
        if adam and self.decay1 > self.decay2:
            return (
                "betas_swapped",
                f"the first moment decays with {self.decay1}, the second with {self.decay2}",
                True,
            )
        if self.ahead:
            size = "one too large" if self.ahead > 0 else "one too small"
            return "step_counter_off", f"the step counter of the bias correction is {size}", False
        if any(self.bare):
            which = (
                "both moments are"
                if all(self.bare)
                else f"the {'first' if self.bare[0] else 'second'} moment is"
            )
            why = f"{which} corrected by 1 - beta in every step, where 1 - beta**t belongs"
            return "bias_correction_without_power", why, False
        own = (self.corrected1, self.corrected2)
        if adam and own != (self.decay1, self.decay2):
            which = "first" if own[0] != self.decay1 else "second"
            wrong, right = (own[0], self.decay1) if which == "first" else (own[1], self.decay2)
            if own == (0.0, 0.0):
                return (
                    "bias_correction_missing",
                    "the moments are not corrected for their start at zero",
                    False,
                )
            if not wrong:
                return (
                    "bias_correction_missing",
                    f"the {which} moment is not corrected for its start at zero",
                    False,
                )
            return (
                "betas_swapped",
                f"the {which} moment decays with {right} and is corrected for {wrong}",
                True,
            )
        if adam and self.decay1 == self.decay2 > 0.98:
            return "betas_swapped", f"the first moment decays with {self.decay1}, as the second does", True
        return "sound", "", adam


def adaptive(gs: list[Any], us: list[Any], numbers: list[float]) -> tuple[str, str, bool] | None:
    """The verdict on an RMSprop or Adam with constants from the script's text; None where it is no such rule."""
    betas = [b for b in numbers if 0.5 <= b < 1]
    eps = [e for e in numbers if 0 < e <= 1e-3] or [0.0]
    decays = [(b1, b2) for b1 in (0.0, *betas) for b2 in betas]
    rules = [Rule(b1, b2, b1, b2) for b1, b2 in decays]
    rules += [Rule(0.0, b2) for b2 in betas]
    for b1, b2 in decays:
        bare = ((False, True), (True, True), (True, False)) if b1 else ()
        rules += [Rule(b1, b2, b1, b2, bare=which) for which in bare]
        others = [(c1, c2) for c1 in (0.0, *betas) for c2 in (0.0, *betas) if (c1, c2) != (b1, b2)]
        rules += [Rule(b1, b2, c1, c2) for c1, c2 in others]
        rules += [Rule(b1, b2, b1, b2, ahead) for ahead in (1, -1) if b1]
        rules += [Rule(b1, b2, *c, 0, "none") for c in ((b1, b2), (0.0, 0.0))]
        rules += [Rule(b1, b2, *c, 0, "outside", False) for c in ((b1, b2), (0.0, 0.0))]
    for e in eps:
        rules += [r._replace(root="inside") for r in rules[: len(decays) + len(betas)]] if e == eps[0] else []
        for rule in rules:
            with np.errstate(all="ignore"):
                made = rule.steps(gs, e)
            if all(is_multiple(u, w, us[-1], made[-1]) for u, w in zip(us, made, strict=True)):
                return rule.fault()
    return None


def is_multiple(u: Any, w: Any, u0: Any, w0: Any) -> bool:
    """Whether u is -rate · w, with the rate of one step, wherever both are numbers."""
    known = np.isfinite(u0) & np.isfinite(w0) & np.isfinite(u) & np.isfinite(w)
    u, w, u0, w0 = u[known], w[known], u0[known], w0[known]
    norm = float((w0 * w0).sum())
    if not norm or 2 * known.sum() < known.size:
        return False
    rate = float((u0 * w0).sum()) / norm
    return bool(np.abs(u - rate * w).max() <= 1e-4 * np.abs(u).max(initial=1e-300))


# ---- Without a training: functions that should be each other's derivatives -------------------------------------------

POINTS = (-1.7, -0.6, 0.35, 1.2)
OF = (
    "d_",
    "bd_",
    "_d",
    "d",
    "_deriv",
    "_derivative",
    "_prime",
    "_grad",
    "deriv_",
    "grad_",
    "_slope",
    "2deriv",
)


def derivatives(names: dict[str, Any], text: Any) -> list[tuple[int, str]]:
    """The lines of functions that are named as another's derivative and are not: each with the reason."""
    defined = {n.name: n for n in ast.walk(text.tree) if isinstance(n, ast.FunctionDef)}
    out = []
    for name, node in defined.items():
        for f in defined:
            roots = {f, f.removeprefix("b_")}
            if f == name or not any(name in (part + r, r + part) for part in OF for r in roots):
                continue
            wrong = compared(names.get(f), names.get(name))
            if wrong is not None:
                ends = [n.lineno for n in ast.walk(node) if isinstance(n, ast.Return)]
                x, right, given = wrong
                why = (
                    f"{name} is not the derivative of {f}: at {x} that is {right:.4g}, "
                    f"and {given:.4g} is returned"
                )
                out.append((ends[-1] if ends else node.lineno, why))
    return out


def compared(f: Any, df: Any) -> tuple[float, float, float] | None:
    """A point at which df is not the derivative of f, neither of its argument nor of its value."""
    found = None
    for x in POINTS:
        try:
            with np.errstate(all="ignore"):
                high, low = float(f(x + 1e-5)), float(f(x - 1e-5))
                right, given = (high - low) / 2e-5, float(df(x))
                at_value = float(df(float(f(x))))
        except Exception:
            return None
        if abs(given - right) > 1e-4 * max(1, abs(right)):
            found = found or (x, right, given)
            if abs(at_value - right) > 1e-4 * max(1, abs(right)):
                return found
    return None
