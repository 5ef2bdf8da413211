"""What is wrong with my gradients? The public function, and its report: what was given, explained."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from ..errors import GraphError
from .backward import Backward, is_node
from .factors import Factors
from .given import Given
from .report import Finding, Report, finding
from .search import Search, State
from .spelt import together
from .words import Words

LISTED = 12  # places that are listed
MOST = 6  # findings that are told
MARGIN, SAME_PLACE = 1.2, 0.4  # how much less likely than the first they may be; and at its own place


def diagnose(
    loss: Any,
    mine: Mapping[Any, Any] | None = None,
    *,
    values: Mapping[Any, Any] | None = None,
    after: Mapping[Any, Any] | None = None,
    lr: float | None = None,
) -> Report:
    """Return what is wrong with a person's own gradients of a recorded loss, where, why, and the right line of NumPy.

    Args:
        loss: the recorded loss, a scalar node; or a function without arguments that records it.
        mine: the person's arrays, by node or label: gradients of parameters, and of interior nodes (deltas).
        values: the person's own forward values, by node or label: where they differ, nothing behind them can be right.
        after: parameters after the person's update, in place of gradients: they are (before − after) / lr.
        lr: the learning rate of that update.

    Returns:
        A Report: `right` and `wrong` (labels), `explained`, `findings` (`mistake`, `where`, `why`, `fix`), `notes`.

    Raises GraphError for an array of something that the loss does not depend on, ValueError where `after` needs an `lr`.

    >>> import numpy as np, autograd_mini as ag
    >>> X, Y = np.array([[1.0, 2.0], [3.0, -1.0]]), np.array([[1.0], [0.0]])
    >>> W = ag.Tensor([[0.5], [-0.2]], label="W")
    >>> loss = ((ag.sigmoid(X @ W) - Y) ** 2).sum() / 2
    >>> p = 1 / (1 + np.exp(-X @ W.data))
    >>> diagnose(loss, {W: X.T @ (p - Y)}).findings[0].mistake
    'activation_derivative_missing'
    """
    loss = loss() if not is_node(loss) else loss
    if not is_node(loss) or not loss.requires_grad or loss.size != 1:
        raise GraphError("diagnose: the loss must be a recorded scalar that depends on a variable")
    mine, values, after = mine or {}, values or {}, after or {}
    loss, stands = together(loss, {*mine, *values, *after})
    mine, values, after = (
        {stands.get(key, key): x for key, x in part.items()} for part in (mine, values, after)
    )
    with np.errstate(all="ignore"):
        b = Backward(loss)
        words, factors = Words(b), Factors(b, lr)
        given = Given(b, words)
        given.read(mine, after, lr, factors.batch)
        labels = {node: node.label or words.name(node) for node in given.mine | given.shapeless}
        report = Report([labels[n] for n in given.right], [labels[n] for n in given.wrong], notes=given.notes)
        report.names = words.names()
        first = given.forward(values)
        report.findings += [first] if first else []
        report.findings += [given.of_shape(node) for node in given.shapeless]
        if given.negated:
            note = "right only if the update adds them: subtracted, they climb the loss (gradient ascent)"
            line = words.line(max(given.mine, key=b.at.__getitem__))
            report.add(
                "wrong_sign", f"every array ({', '.join(labels.values())})", f"all are negated, {note}", line
            )
        elif any(node in given.mine for node in given.wrong):
            report.findings += _explained(Search(b, words, given, factors))
        report.explained = not any(f.mistake == "unexplained" for f in report.findings)
    return report


def _explained(search: Search) -> list[Finding]:
    """The findings of the likeliest explanation, and of those that give the same numbers."""
    best, *others = search.explain()
    found = {(f.mistake, f.where): f for f in _findings(search, best)}
    for other in others:
        here = {f.where for f in other.faults} <= {f.where for f in best.faults}
        as_likely = other.cost <= best.cost + (SAME_PLACE if here else MARGIN)
        if as_likely and not other.unmatched and not other.weak and len(found) < MOST:
            found |= {
                (f.mistake, f.where): f for f in _findings(search, other) if (f.mistake, f.where) not in found
            }
    return list(found.values())


def _findings(search: Search, state: State) -> Iterator[Finding]:
    """A finding a mistake: faults of one kind are told together."""
    b, mine, wrong = search.b, search.mine, search.given.wrong
    for mistake in dict.fromkeys(fault.mistake for fault in state.faults):
        faults = [fault for fault in state.faults if fault.mistake == mistake]
        every = len(mine) > 1 and all(n in wrong and f.node in b.path(n) for f in faults for n in mine)
        where = ("every array, by " if every else "") + _joined(f.where for f in faults)
        lines = [search.words.line(f.node, f.node if f.target is None else f.target) for f in faults[:LISTED]]
        fix = "\n".join(line for line in dict.fromkeys(lines) if line)
        yield finding(mistake, where, _joined(f.note for f in faults), fix)


def _joined(texts: Iterable[str]) -> str:
    """Different texts, the first of them where they are many."""
    different = list(dict.fromkeys(texts))
    more = f"; and {len(different) - LISTED} more" if len(different) > LISTED else ""
    return "; ".join(different[:LISTED]) + more
