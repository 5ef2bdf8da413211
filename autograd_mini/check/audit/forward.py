"""What is wrong with the forward pass for the loss that is meant: a bias never read, no probability, a loss that is constant."""

import ast
from collections.abc import Iterator
from typing import Any

import numpy as np

from .case import Case, multiple
from .edits import SIMPLE, Fix, edited, joined
from .losses import Loss
from .record import Step
from .rules import Remark, updated_arrays
from .steps import children_of, key_of, size_of

BEFORE_LOG = {"identity", "clip", "add", "maximum", "reshape", "transpose", "ravel", "getitem", "squeeze"}
PRODUCTS = (np.matmul, np.dot, np.multiply, np.einsum)


def unread(case: Case, loss: Loss) -> list[Remark]:
    """Arrays that the backward pass updates and the forward pass never reads: where one of them should stand instead."""
    if not loss.verdicts:
        return []
    k, children, out = min(loss.verdicts), children_of(case.record.steps), []
    view, factor = case.views[k], loss.factors[k]
    keys = {key_of(v)[1][:1] for p in case.parameters for v in p.versions if key_of(v) in p.keys}
    for name, versions in updated_arrays(case):
        last, ids = versions[-1], {v.id for v in versions}
        made = [v for v in versions if view.window.first <= v.id < view.window.last and v.parents]
        read = any(c.id not in ids for v in versions for c in children[v.id])
        if read or not made or not size_of(last) or factor is None:
            continue
        before = max((v for v in versions if v.id < made[0].id), key=lambda v: v.id, default=made[0])
        if size_of(before) != size_of(made[0]):
            continue
        update = np.asarray(made[0].value, float) - np.asarray(before.value, float)
        found = next(places_of(case, loss, k, -np.sign(factor or 1.0) * update), None)
        if found is not None:
            line = case.sources.where(last)[1]
            why = f"{name} is updated in line {line}, and the forward pass never reads it"
            out.append(Remark(found[0], 0, "parameter_never_read", why, read_here(case, *found, name)))
        elif key_of(last)[1][:1] in keys and last.func is np.subtract and np.any(update):
            why = f"this updates {name}, and the forward pass never reads it"
            out.append(Remark(last, 0, "parameter_never_read", why))
    return out


def places_of(case: Case, loss: Loss, k: int, wanted: Any) -> Iterator[tuple[Step, bool]]:
    """The places of the forward pass whose derivative is this one, summed over samples and time.

    Beside each, whether the derivative is by a parameter that is read there, in the place of which another belongs.
    """
    steps, starts, common = case.record.steps, case.views[k].window.starts, abs(loss.factors[k] or 0.0)
    places: dict[Any, tuple[Step, bool]] = {}
    sums: dict[Any, Any] = {}
    for number, adjoint in loss.adjoints[k].items():
        share = isinstance(number, tuple)
        step = steps[number[0] if share else number]
        if number[1] not in starts if share else step.func not in PRODUCTS:
            continue
        key = (key_of(step), number[1] if share else None)
        places.setdefault(key, (step, share))
        for form, value in reduced(adjoint, np.shape(wanted)):
            sums[key, form] = sums.get((key, form), 0.0) + value
    for (key, _), total in sorted(sums.items(), key=lambda item: item[0][0][1] is None):
        c = multiple(np.asarray(wanted), np.asarray(total)) if np.any(total) else 0.0
        if c > 0 and (np.size(wanted) > 1 or abs(c - common) <= 1e-6 * common):
            yield places[key]


def reduced(adjoint: Any, shape: Any) -> Iterator[tuple[Any, Any]]:
    """A derivative's sums over some of its axes that have the shape, each with what was done."""
    if np.shape(adjoint) == shape:
        yield "all", np.asarray(adjoint)
        return
    for axis in (None, *range(np.ndim(adjoint))):
        for keep in (True, False):
            out = np.sum(adjoint, axis=axis, keepdims=keep)
            if np.shape(out) == shape:
                yield (axis, keep), out


def read_here(case: Case, step: Step, instead: bool, name: str) -> Iterator[str]:
    """The file with the parameter read in a line of the forward pass: in the place of another, or added."""
    text, node = case.sources.spot(step)
    if node is None:
        return
    reads = [n for n in ast.walk(node) if isinstance(n, SIMPLE) and isinstance(n.ctx, ast.Load)]
    added = Fix(node, joined("{} + {}", text.text(node), name))
    for fix in [Fix(n, name) for n in reads] if instead else [added]:
        yield edited(text, [fix])


def improper(case: Case) -> list[Remark]:
    """Logarithms of what is no probability: the output of a cross-entropy without a sigmoid or softmax."""
    view = case.views[0]
    for step in case.record.steps[view.window.first : view.window.last]:
        operand = step.parents[0] if step.name in ("log", "log2", "log10") and step.parents else None
        if operand is None or operand.id not in view.sig or not np.any(np.asarray(operand.value) < 0):
            continue
        while operand.name in BEFORE_LOG or (
            operand.func is np.subtract and not isinstance(operand.args[0], Step)
        ):
            moving = [p for p in operand.parents if p.id in view.sig]
            if len(moving) != 1:
                break
            operand = moving[0]
        why = "the loss takes the logarithm of this, which is no probability: a sigmoid or softmax is missing"
        return [Remark(operand, 0, "no_output_activation", why, squashed(case, operand))]
    return []


def squashed(case: Case, step: Step) -> Iterator[str]:
    """The file with a sigmoid, or a softmax over the last or first axis, around an expression."""
    text, node = case.sources.spot(step)
    if node is None or isinstance(node, ast.stmt):
        return
    code = text.text(node)
    e = f"np.exp({code})"
    softmaxes = [f"({e} / {e}.sum(axis={axis}, keepdims=True))" for axis in (1, 0)]
    for new in (f"(1 / (1 + np.exp({joined('-{}', code)})))", *softmaxes):
        yield edited(text, [Fix(node, new)])


def constant(case: Case, loss: Loss) -> list[Remark]:
    """A loss that is the same whatever the parameters are, as behind the softmax of a single number."""
    grads = [g for found in loss.grads.values() for g in found if g is not None]
    if not loss.own or not grads or any(np.abs(g).max(initial=0) > 1e-14 for g in grads):
        return []
    steps = (case.record.steps[n] for inside in loss.slices.values() for n in sorted(inside))
    for step in steps:
        if step.func is np.divide and size_of(step) > 1 and np.all(np.abs(step.value - 1) < 1e-12):
            why = "this is 1 whatever the parameters are, and so the loss is constant: it divides by itself"
            return [Remark(step, 0, "constant_loss", why)]
    return []
