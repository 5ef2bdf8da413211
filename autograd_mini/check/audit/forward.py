"""What is wrong with the forward pass for the loss that is meant: a bias never read, no probability, a loss that is constant."""

import ast
from collections import defaultdict
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
    k, children, out = min(loss.verdicts), children_of(case.record.steps), []
    window, factor = case.views[k].window, loss.factors[k]
    lines = {p.versions[-1].stack[:1] for p in case.parameters}
    for name, versions in updated_arrays(case):
        last, ids = versions[-1], {v.id for v in versions}
        made = [v for v in versions if window.first <= v.id < window.last and v.parents]
        before = [v for v in versions if made and v.id < made[0].id and size_of(v) == size_of(made[0])]
        if not (before and factor) or any(c.id not in ids for v in versions for c in children[v.id]):
            continue
        update = np.asarray(made[0].value, float) - np.asarray(before[-1].value, float)
        place = next(places_of(case, loss, k, -update / factor), None)
        if place is not None:
            line = case.sources.where(last)[1]
            why = f"{name} is updated in line {line}, and the forward pass never reads it"
            out.append(Remark(place[0], 0, "parameter_never_read", why, read_here(case, *place, name)))
        elif last.stack[:1] in lines and last.func is np.subtract and np.any(update):
            why = f"this updates {name}, and the forward pass never reads it"
            out.append(Remark(last, 0, "parameter_never_read", why))
    return out


def places_of(case: Case, loss: Loss, k: int, wanted: Any) -> Iterator[tuple[Step, bool]]:
    """The places of the forward pass whose derivative is this one, summed over samples and time.

    Beside each, whether the derivative is by a parameter that is read there, in the place of which another belongs.
    """
    steps, starts, places = case.record.steps, case.views[k].window.starts, dict[Any, Any]()
    sums: dict[Any, Any] = defaultdict(float)
    for number, adjoint in loss.adjoints[k].items():
        reader, read = number[:2] if isinstance(number, tuple) else (number, None)
        step = steps[reader]
        if step.func in PRODUCTS if read is None else read in starts:
            key = read is None, read, key_of(step)
            places.setdefault(key, (step, read is not None))
            for axis in ((), *range(np.ndim(adjoint)), None):
                total = np.sum(adjoint, axis=axis)
                if total.size == np.size(wanted):
                    sums[key, axis] += total.reshape(np.shape(wanted))
    for (key, _), total in sorted(sums.items(), key=lambda item: item[0][0][0]):
        c = multiple(wanted, total)
        if c > 0 and (np.size(wanted) > 1 or abs(c - 1) <= 1e-6):
            yield places[key]


def read_here(case: Case, step: Step, instead: bool, name: str) -> Iterator[str]:
    """The file with the parameter read in a line of the forward pass: in the place of another, or added."""
    text, node = case.sources.spot(step)
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
        moving = [operand]
        while len(moving) == 1 and (operand.name in BEFORE_LOG or operand.func is np.subtract):
            operand = moving[0]
            moving = [p for p in operand.parents if p.id in view.sig]
        why = "the loss takes the logarithm of this, which is no probability: a sigmoid or softmax is missing"
        return [Remark(operand, 0, "no_output_activation", why, squashed(case, operand))]
    return []


def squashed(case: Case, step: Step) -> Iterator[str]:
    """The file with a sigmoid, or a softmax over the last or first axis, around an expression."""
    text, node = case.sources.spot(step)
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
    steps = [case.record.steps[n] for inside in loss.slices.values() for n in sorted(inside)]
    ones = [s for s in steps if s.func is np.divide and size_of(s) > 1 and np.allclose(s.value, 1, 0, 1e-12)]
    why = "this is 1 whatever the parameters are, and so the loss is constant: it divides by itself"
    return [Remark(step, 0, "constant_loss", why) for step in ones[:1]]
