"""What is wrong with the forward pass for the loss that is meant: a bias never read, no probability, a loss that is constant."""

import ast
from collections.abc import Iterator
from typing import Any

import numpy as np

from .case import Case
from .edits import Fix, edited, wrapped
from .losses import Loss
from .record import Step
from .repair import multiple
from .rules import Remark
from .steps import SUMS, children_of, key_of, size_of

BEFORE_LOG = {"identity", "clip", "add", "maximum", "reshape", "transpose", "ravel", "getitem", "squeeze"}


def unread(case: Case, loss: Loss) -> list[Remark]:
    """Arrays that the backward pass updates and the forward pass never reads: where one of them should stand instead."""
    children = children_of(case.record.steps)
    known = set().union(*[p.ids for p in case.parameters])
    keys = {key_of(v)[1][:1] for p in case.parameters for v in p.versions if key_of(v) in p.keys}
    out: list[Remark] = []
    if not loss.adjoints:
        return out
    k = min(loss.adjoints)
    for chain in case.chains:
        versions, ids = chain.versions, chain.ids
        last = versions[-1]
        name = case.sources.name(last)
        read = any(c.id not in ids for v in versions for c in children[v.id])
        view = case.views[k]
        made = [v for v in versions if view.window.first <= v.id < view.window.last and v.func in SUMS]
        if read or known & ids or len(chain.again) < 3 or not made or not name:
            continue
        before = max((v for v in versions if v.id < made[0].id), key=lambda v: v.id, default=made[0])
        if size_of(before) != size_of(made[0]) or not size_of(last) or loss.factors.get(k) is None:
            continue
        update = np.asarray(made[0].value, float) - np.asarray(before.value, float)
        found = next(places_of(case, loss, k, -np.sign(loss.factors[k] or 1.0) * update), None)
        if found is not None:
            step, operand = found
            number = case.sources.where(last)[1]
            why = f"{name} is updated in line {number}, and the forward pass never reads it"
            out.append(Remark(step, 0, "parameter_never_read", why, read_here(case, step, operand, name)))
        elif key_of(last)[1][:1] in keys and last.func is np.subtract and np.any(update):
            why = f"this updates {name}, and the forward pass never reads it"
            out.append(Remark(last, 0, "parameter_never_read", why))
    return out


def places_of(case: Case, loss: Loss, k: int, wanted: Any) -> Iterator[tuple[Step, Step | None]]:
    """The places of the forward pass whose derivative is this one, summed over samples and time; and a parameter read there."""
    steps, starts = case.record.steps, case.views[k].window.starts
    places: dict[Any, tuple[Step, Step | None]] = {}
    sums: dict[Any, Any] = {}
    for number, adjoint in loss.adjoints[k].items():
        if isinstance(number, tuple):
            step, operand = steps[number[0]], steps[number[1]]
        else:
            step, operand = steps[number], None
        if operand.id not in starts if operand is not None else step.func not in PRODUCTS:
            continue
        key = (key_of(step), operand and operand.id)
        places.setdefault(key, (step, operand))
        for form, value in reduced(adjoint, np.shape(wanted)):
            sums[key, form] = sums.get((key, form), 0.0) + value
    for (key, _), total in sorted(sums.items(), key=lambda item: item[0][0][1] is None):
        c = multiple(np.asarray(wanted), np.asarray(total)) if np.any(total) else 0.0
        common = abs(loss.factors[k] or 0.0)
        if c > 0 and (np.size(wanted) > 1 or abs(c - common) <= 1e-6 * common):
            yield places[key]


PRODUCTS = (np.matmul, np.dot, np.multiply, np.einsum)


def reduced(adjoint: Any, shape: Any) -> Iterator[tuple[Any, Any]]:
    """A derivative's sums over some of its axes that have the shape, each with what was done."""
    if np.shape(adjoint) == shape:
        yield "all", np.asarray(adjoint)
        return
    if not shape:
        yield "sum", np.sum(adjoint)
    for axis in range(np.ndim(adjoint)):
        for keep in (True, False):
            out = np.sum(adjoint, axis=axis, keepdims=keep)
            if np.shape(out) == shape:
                yield (axis, keep), out


def read_here(case: Case, step: Step, operand: Step | None, name: str) -> Iterator[str]:
    """The file with the parameter read in a line of the forward pass: in the place of another, or added."""
    node, place = case.sources.expression(step), case.sources.place(step)
    if node is None or place is None:
        return
    text = case.sources.texts[place.file]
    if operand is None:
        yield edited(text, [Fix(node, f"{text.source_of(node)} + {name}", "", "")])
        return
    for child in ast.walk(node):
        if isinstance(child, ast.Name | ast.Attribute | ast.Subscript) and isinstance(child.ctx, ast.Load):
            yield edited(text, [Fix(child, name, "", "")])


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
    node, place = case.sources.expression(step), case.sources.place(step)
    if node is None or place is None or isinstance(node, ast.stmt):
        return
    text = case.sources.texts[place.file]
    code = text.text(node)
    yield edited(text, [Fix(node, f"(1 / (1 + np.exp(-{wrapped(code)})))", "", "")])
    for axis in (1, 0):
        e = f"np.exp({code})"
        yield edited(text, [Fix(node, f"({e} / {e}.sum(axis={axis}, keepdims=True))", "", "")])


def constant(case: Case, loss: Loss) -> list[Remark]:
    """A loss that is the same whatever the parameters are, as behind the softmax of a single number."""
    grads = [g for found in loss.grads.values() for g in found if g is not None]
    if not loss.own or not grads or any(np.abs(g).max(initial=0) > 1e-14 for g in grads):
        return []
    for k, inside in loss.slices.items():
        for number in sorted(inside):
            step = case.record.steps[number]
            if step.func is np.divide and size_of(step) > 1 and np.all(np.abs(step.value - 1) < 1e-12):
                why = (
                    "this is 1 whatever the parameters are, and so the loss is constant: it divides by itself"
                )
                return [Remark(step, 0, "constant_loss", why)] if k is not None else []
    return []
