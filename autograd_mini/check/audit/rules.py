"""What lies beside the gradients: parameters that the forward pass never reads, a step uphill, an optimiser's own rule."""

import ast
from typing import Any

import numpy as np

from .case import Case
from .losses import Loss, literals
from .record import Step
from .steps import SUMS, Chains, key_of, size_of


class Remark:
    """A finding that no wrong gradient shows: the line, the mistake's name, why, and new texts to try."""

    def __init__(self, step: Step, depth: int, mistake: str, why: str, texts: Any = ()) -> None:
        self.step, self.depth, self.mistake, self.why, self.texts = step, depth, mistake, why, list(texts)


def last_part(name: str) -> str:
    """The name itself, without what it belongs to."""
    return name.rpartition(".")[2]


def stale(case: Case) -> list[Remark]:
    """Arrays that are updated again and again while the forward pass reads another array of the same name."""
    sources = case.sources
    updated: dict[str, tuple[str, Step]] = {}
    known = {last_part(p.name) for p in case.parameters}
    chain: set[int] = set()
    for versions, again in Chains(case.record).groups():
        last = versions[-1]
        if len(again) < 3 or size_of(last) < 2 or last.func not in SUMS:
            continue
        name = sources.name(last)
        if name and last_part(name) not in known:
            updated[last_part(name)] = (name, last)
            chain |= {v.id for v in versions}
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


def optimiser(case: Case) -> list[Remark]:
    """What is wrong with a hand-written momentum, RMSprop or Adam whose gradients are right."""
    found = [series(case, i) for i in range(len(case.parameters)) if case.views[0].gradient[i] is not None]
    if not found or any(f is None for f in found):
        return []
    rows = [f for f in found if f is not None]
    gs = [np.concatenate([np.ravel(g[k]) for g, _ in rows]) for k in range(len(rows[0][0]))]
    us = [np.concatenate([np.ravel(u[k]) for _, u in rows]) for k in range(len(rows[0][0]))]
    fault = momentum(gs, us)
    if fault is None:
        fault = adaptive(gs, us, sorted({abs(c) for c in literals(case)}))
    if not fault:
        return []
    mistake, why, state = fault
    p, view = case.parameters[0], case.views[1]
    step = next(v for v in p.versions if v.id >= view.window.first and key_of(v) in p.keys)
    if state:
        step = next(
            (
                s
                for s in view.order
                if any(q.id < view.window.first and q.id in case.states for q in s.parents)
                and s.id in case.states
            ),
            step,
        )
    return [Remark(step, 0, mistake, why)]


def momentum(gs: list[Any], us: list[Any]) -> tuple[str, str, bool] | tuple[()] | None:
    """The verdict on a rule u' = a·u + b·g + c·g₋, () where it is sound, None where it is no such rule."""
    basis = np.concatenate([np.stack([us[k - 1], gs[k], gs[k - 1]], 1) for k in range(2, len(gs))])
    wanted = np.concatenate(us[2:])
    if not np.all(np.isfinite(basis)) or not np.all(np.isfinite(wanted)):
        return ()
    (a, b, c), *_ = np.linalg.lstsq(basis, wanted, rcond=None)
    if np.abs(basis @ [a, b, c] - wanted).max() > 1e-5 * np.abs(wanted).max():
        return None
    if a < -1e-3:
        return "momentum_sign", "the velocity enters with the wrong sign: each step undoes the last one", True
    if a > 1 - 1e-6:
        return "not_zeroed", "the gradients of all earlier steps stay in the sum", True
    return ()


def adaptive(gs: list[Any], us: list[Any], numbers: list[float]) -> tuple[str, str, bool] | None:
    """The verdict on an RMSprop, AdaGrad or Adam with constants from the script's text; None where it is sound or unknown."""
    betas = [b for b in numbers if 0 < b < 1]
    eps = [e for e in numbers if 0 < e <= 1e-3] or [0.0]
    for b1 in [0.0, *(b for b in betas if b >= 0.5)]:
        for b2 in [b for b in betas if b >= 0.5]:
            for e in eps:
                m, v, seen = 0.0 * gs[0], 0.0 * gs[0], []
                for t, g in enumerate(gs, 1):
                    m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
                    seen.append((t, m, v))
                options = [(name, why, rule, b1) for name, why, rule in ADAM]
                options += [
                    (
                        "betas_swapped",
                        f"the first moment decays with {b1} and is corrected for {c}",
                        ADAM[0][2],
                        c,
                    )
                    for c in betas
                    if c != b1 and b1
                ]
                for name, why, rule, corrected in options:
                    made = [rule(t, m, v, corrected, b2, e) for t, m, v in seen]
                    if all(is_multiple(u, w, us[0], made[0]) for u, w in zip(us, made, strict=True)):
                        swapped = b1 > 0 and (b1 > b2 or b1 == b2 > 0.98) and not name
                        if swapped:
                            return (
                                "betas_swapped",
                                f"the first moment decays with {b1}, the second with {b2}",
                                True,
                            )
                        return (
                            (name, why, name == "betas_swapped")
                            if name and (b1 or name == "root_missing")
                            else None
                        )
    return None


def is_multiple(u: Any, w: Any, u0: Any, w0: Any) -> bool:
    """Whether u is -rate · w, with the rate of the first step."""
    norm = float((w0 * w0).sum())
    if not norm or not np.all(np.isfinite(w)):
        return False
    rate = float((u0 * w0).sum()) / norm
    return bool(np.abs(u - rate * w).max() <= 1e-4 * np.abs(u).max(initial=1e-300))


ADAM: list[tuple[str, str, Any]] = [
    ("", "", lambda t, m, v, b1, b2, e: m / (1 - b1**t) / (np.sqrt(v / (1 - b2**t)) + e)),
    (
        "bias_correction_missing",
        "the moments are not corrected for their start at zero",
        lambda t, m, v, b1, b2, e: m / (np.sqrt(v) + e),
    ),
    (
        "bias_correction_missing",
        "the first moment is not corrected for its start at zero",
        lambda t, m, v, b1, b2, e: m / (np.sqrt(v / (1 - b2**t)) + e),
    ),
    (
        "bias_correction_missing",
        "the second moment is not corrected for its start at zero",
        lambda t, m, v, b1, b2, e: m / (1 - b1**t) / (np.sqrt(v) + e),
    ),
    (
        "step_counter_off",
        "the step counter of the bias correction is one too large",
        lambda t, m, v, b1, b2, e: m / (1 - b1 ** (t + 1)) / (np.sqrt(v / (1 - b2 ** (t + 1))) + e),
    ),
    (
        "root_missing",
        "the root of the second moment is missing",
        lambda t, m, v, b1, b2, e: m / (1 - b1**t) / (v / (1 - b2**t) + e),
    ),
    ("root_missing", "the root of the second moment is missing", lambda t, m, v, b1, b2, e: m / (v + e)),
]


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
