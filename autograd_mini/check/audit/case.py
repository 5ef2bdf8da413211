"""One recorded training: what depends on the parameters, what the updates are made of, and whether they are gradients."""

from collections import Counter
from typing import Any

import numpy as np

from .record import Record, Step, identity, put
from .replay import run_again
from .source import Sources
from .steps import (
    ELEMENT,
    LINEAR,
    SCALINGS,
    SUMS,
    Parameter,
    Window,
    carriers,
    children_of,
    find_chains,
    find_parameters,
    find_windows,
    key_of,
    size_of,
)


class View:
    """One step of the training, with the dependencies of its values as bit masks over the parameters.

    `sig[n]` tells which parameters' versions at the start a value is computed with; `back[n]` which parameters' updates
    are computed with the value.
    """

    def __init__(self, record: Record, parameters: list[Parameter], window: Window) -> None:
        self.window, self.parameters = window, parameters
        steps = self.steps = record.steps
        versions = set().union(*[p.ids for p in parameters])
        self.sig: dict[int, int] = {}
        for i, start in enumerate(window.start):
            self.sig[start.id] = 1 << i
        low = min(s.id for s in window.start)
        low = low if window.first - low < 3 * (window.last - window.first) else window.first
        for step in steps[low : window.last]:
            if step.id in versions:
                continue
            mask = 0
            for p in step.parents:
                mask |= self.sig.get(p.id, 0)
            if mask:
                self.sig[step.id] = mask
        self.find_back()
        self.gradient: list[Step | None] = [None] * len(parameters)
        self.sense = [-1.0] * len(parameters)  # whether the optimiser subtracts what it is given
        self.decay: list[Any] = [None] * len(parameters)  # what each update shrinks its parameter by
        self.rate = [1.0] * len(parameters)  # each update's own learning rate over the first one's
        self.changed: dict[int, Any] = {}
        self.freed: frozenset[int] = frozenset()  # where a gradient was clipped, and is let through

    def find_back(self) -> None:
        """Find which parameters' updates each value is used in."""
        self.back: dict[int, int] = {}
        for i, end in enumerate(self.window.end):
            if end is not self.window.start[i]:
                self.back[end.id] = self.back.get(end.id, 0) | 1 << i
        window, starts = self.window, set(self.window.starts)
        for step in reversed(self.steps[window.first : window.last]):
            mask = self.back.get(step.id, 0)
            if mask:
                for p in step.parents:
                    if p.id >= window.first and p.id not in starts:
                        self.back[p.id] = self.back.get(p.id, 0) | mask
        self.order = [s for s in self.steps[window.first : window.last] if s.id in self.back]

    def run(self, changed: dict[int, Any]) -> dict[int, Any] | None:
        """The values of this step with some replaced, besides those replaced for good."""
        changed = {**self.changed, **changed}
        return run_again(self.order, changed, self.freed) if changed or self.freed else {}

    def updates(self, values: dict[int, Any]) -> list[Any]:
        """What each parameter was changed by, or the gradient that an optimiser was given; None where unchanged."""
        out: list[Any] = []
        for i, (start, end) in enumerate(zip(self.window.start, self.window.end, strict=True)):
            g = self.gradient[i]
            if g is not None:
                out.append(self.sense[i] * np.asarray(values.get(g.id, g.value), float))
            elif end is start:
                out.append(None)
            else:
                update = np.asarray(values.get(end.id, end.value), float) - np.asarray(start.value, float)
                out.append(update / self.rate[i])
        return out

    def leaning(self, i: int) -> float:
        """The cosine of what the optimiser was given and of the step that it made."""
        g, a, b = self.gradient[i], self.window.start[i].value, self.window.end[i].value
        if g is None or np.shape(a) != np.shape(b) or np.size(g.value) not in (1, np.size(a)):
            return 0.0
        step, given = np.asarray(b, float) - a, np.asarray(g.value, float).reshape(-1)
        norm = float(np.linalg.norm(step) * np.linalg.norm(given))
        return float((step.reshape(-1) * given).sum()) / norm if norm else 0.0

    def precision(self, i: int) -> float:
        """How exactly the update of a parameter is known."""
        start = np.asarray(self.window.start[i].value)
        if self.gradient[i] is not None:
            return 0.0
        eps = 1e-6 if start.dtype == np.float32 else 4e-16
        return float(eps * 8 * np.abs(np.asarray(start, float)).max(initial=0.0))


class Verdict:
    """How the updates of one step stand to the gradients: the common factor, and for each parameter where it is right."""

    def __init__(self, factor: float | None, masks: list[Any], factors: list[float | None]) -> None:
        self.factor, self.masks, self.factors = factor, masks, factors

    def right(self, i: int) -> bool:
        """Whether all of a parameter's update is right."""
        return self.masks[i] is None or bool(np.all(self.masks[i]))

    def score(self) -> float:
        """How many parameters are right, parts counted."""
        return float(sum(1.0 if m is None else np.mean(m) for m in self.masks))


def fit(update: Any, gradient: Any, exact: float, tolerance: float) -> float | None:
    """The c of update = -c · gradient, or None."""
    scale, norm = np.abs(update).max(initial=0.0), float((gradient * gradient).sum())
    if not np.isfinite(norm) or not np.isfinite(scale) or norm == 0:
        return None
    c = -float((update * gradient).sum()) / norm
    return c if c and np.abs(update + c * gradient).max() <= tolerance * scale + exact else None


def judge(
    view: View, updates: list[Any], grads: list[Any], decay: bool, wanted: float | None = None
) -> Verdict:
    """Compare the updates of one step with the gradients; the factor is the one that most parameters share.

    Where `decay` says so, an update may also be the gradient's share and a share that shrinks the parameter.
    """
    tolerance = 1e-6
    if any(np.asarray(s.value).dtype == np.float32 for s in view.window.start):
        tolerance = 2e-3
    quiet, still = (
        1e-13 * max((np.abs(x).max(initial=0.0) for x in found if x is not None), default=0.0)
        for found in (grads, updates)
    )  # what is nothing but rounding, beside the others
    options: list[list[Any]] = []  # what may stand for the gradient's share in an update
    factors: list[float | None] = []
    for i, (u, g) in enumerate(zip(updates, grads, strict=True)):
        fits = u is not None and g is not None and np.shape(u) == np.shape(g)
        fits = fits and bool(np.all(np.isfinite(u)) and np.all(np.isfinite(g)))
        shrinking = view.decay[i] if decay else None
        bare = [] if shrinking is None or not fits else [u - shrinking.reshape(np.shape(u))]
        options.append([u, *bare] if fits else [])
        found = [fit(x, g, view.precision(i), tolerance) for x in options[-1]]
        factors.append(next((c for c in found if c is not None), None))
    common = None if wanted != wanted else wanted  # NaN: known to have none
    if wanted is None:
        common = vote([c for c in factors if c is not None])
        if common is None:
            common = elementwise(updates, grads)
    masks: list[Any] = []
    for i, (u, g) in enumerate(zip(updates, grads, strict=True)):
        limit = view.precision(i)
        if u is None:
            masks.append(None if g is None or np.abs(g).max(initial=0) <= 1e-12 else np.zeros(1, bool))
        elif not options[i]:
            masks.append(np.zeros(np.shape(view.window.start[i].value), bool))
        elif not np.any(np.abs(g) > max(1e-14, quiet)) and np.abs(u).max(initial=0) <= max(limit, still):
            masks.append(None)
        elif common is None:
            masks.append(np.zeros(np.shape(u), bool))
        else:
            c = factors[i]
            scale = max(np.abs(u).max(initial=0), abs(common) * np.abs(g).max(initial=0))
            right = np.full(np.shape(u), c is not None and abs(c - common) <= 1e-4 * abs(common))
            for x in options[i]:
                right = right | (np.abs(x + common * g) <= tolerance * scale + limit)
            masks.append(right)
    return Verdict(common, masks, factors)


def vote(factors: list[float]) -> float | None:
    """The factor that most agree on; among equals, the last parameter's, which lies nearest to the loss."""
    best, most = None, 0
    for c in reversed(factors):
        count = sum(abs(c - other) <= 1e-4 * abs(c) for other in factors)
        if count > most:
            best, most = c, count
    return best


def elementwise(updates: list[Any], grads: list[Any]) -> float | None:
    """The ratio that most single elements share, where no parameter is right as a whole."""
    ratios: Counter[float] = Counter()
    for u, g in zip(updates, grads, strict=True):
        if u is None or g is None or np.shape(u) != np.shape(g):
            continue
        with np.errstate(all="ignore"):
            r = -(u / g)[np.abs(g) > 1e-12]
        for value in np.atleast_1d(r).ravel()[:200]:
            if np.isfinite(value) and value:
                ratios[float(f"{value:.5g}")] += 1
    if not ratios:
        return None
    value, count = ratios.most_common(1)[0]
    return value if count > 1 else None


class Case:
    """A recorded run and what its training consists of."""

    def __init__(self, record: Record) -> None:
        self.record, self.sources = record, Sources(record)
        self.chains = list(find_chains(record))
        self.states = set[int]().union(*[c.ids for c in self.chains])
        self.parameters = find_parameters(self.chains)
        self.windows = find_windows(record, self.parameters) if self.parameters else []
        whole = [
            w
            for w in self.windows
            if all(np.shape(a.value) == np.shape(b.value) for a, b in zip(w.start, w.end, strict=True))
        ]
        grown = [
            w
            for w in self.windows
            if w not in whole
            and any(
                np.shape(a.value) != np.shape(b.value) and size_of(a) > 1
                for a, b in zip(w.start, w.end, strict=True)
            )
        ]
        self.windows = grown[:1] or whole or self.windows
        self.views = [View(record, self.parameters, w) for w in self.windows]
        self.trained: dict[int, bool] = {}
        if self.views:
            self.find_gradients()
            self.free_clipped()
            self.find_rates()
            for view in self.views:
                for i in range(len(self.parameters)):
                    view.decay[i] = decay_of(view, i)
        self.name_parameters()

    def name_parameters(self) -> None:
        """Name the parameters as their updates do, or as the script's variables where that tells them apart."""
        for p in self.parameters:
            last = next((v for v in reversed(p.versions) if key_of(v) in p.keys), p.versions[-1])
            node, place = self.sources.expression(last), self.sources.place(last)
            p.line = place.line if place else 0
            if node is not None and place is not None:
                text = self.sources.texts[place.file]
                p.name = p.written = (text.targets(node) or [text.text(node)])[0]
        written = [p.written for p in self.parameters]
        vague = [p for p in self.parameters if written.count(p.written) > 1 or not is_name(p.written)]
        words = self.sources.words(set().union(*[p.ids for p in vague])) if vague else {}
        for p in vague:
            p.name = next((words[v.id] for v in reversed(p.versions) if v.id in words), p.written)

    def free_clipped(self) -> None:
        """Let gradients that are clipped, or scaled by their own norm, through as they were."""
        for view in self.views:
            children: dict[int, list[Step]] = {}
            for step in view.order:
                for p in step.parents:
                    children.setdefault(p.id, []).append(step)
            freed = set()
            for step in view.order:
                bit = view.back[step.id]
                if bit.bit_count() != 1 or step.id in view.window.starts:
                    continue
                size = size_of(view.window.start[bit.bit_length() - 1])
                alike = all(size_of(c) == size for c in children.get(step.id, ()))
                source = clipped_from(step) if size_of(step) == size and alike else None
                if source is not None and source.id in view.back:
                    if not np.array_equal(source.value, step.value):
                        freed.add(step.id)
                    step.func, step.args, step.kwargs, step.parents = identity, (source,), {}, [source]
                    step.name = identity.__name__
            view.freed = frozenset(freed)
            view.find_back()

    def find_rates(self) -> None:
        """Where the updates have learning rates of their own, each a name that nothing else reads, compare them."""
        children = children_of(self.record.steps)
        versions = set().union(self.states, *[p.ids for p in self.parameters])
        for view in self.views:
            found = [rate_of(view, i, children, versions) for i in range(len(self.parameters))]
            if None not in found and len({abs(r) for r in found if r}) > 1:
                view.rate = [abs(r / found[0]) for r in found if r and found[0]]

    def find_gradients(self) -> None:
        """Where an optimiser keeps a state, find the gradient that it was given."""
        steps, first = self.record.steps, self.views[0].window.first
        versions = set().union(*[p.ids for p in self.parameters])
        depends = set(versions)
        for step in steps[first:]:
            if any(p.id in depends for p in step.parents):
                depends.add(step.id)
        state = (self.states & depends) - versions
        for step in steps[first:]:
            if step.id not in versions and any(p.id in state for p in step.parents):
                state.add(step.id)
        keys: list[Any] = [None] * len(self.parameters)
        for view in self.views:
            old: dict[int, bool] = {}
            for step in view.order:
                ahead = step.func in SUMS and any(p.id in view.window.starts for p in step.parents)
                old[step.id] = any(
                    old.get(p.id, p.id < view.window.first and p.id in state) for p in step.parents
                ) and not (ahead and step.id not in versions)  # the forward pass may read w + momentum · v
            for i, end in enumerate(view.window.end):
                if end is view.window.start[i]:
                    continue
                view.gradient[i] = solved_for(view, i)
                if old.get(end.id) and view.gradient[i] is None:
                    view.gradient[i] = given(view, i, old, depends)
                if view.gradient[i] is not None:
                    keys[i] = key_of(view.gradient[i])  # type: ignore[arg-type]
        for view in self.views:
            for i, key in enumerate(keys):
                if key is not None and view.gradient[i] is None and view.window.updated()[i]:
                    found = [s for s in view.order if key_of(s) == key and view.back[s.id] >> i & 1]
                    view.gradient[i] = found[-1] if found else None
        for i, key in enumerate(keys):
            if key is not None:
                total = sum(v.leaning(i) for v in self.views)
                for view in self.views:
                    view.sense[i] = 1.0 if total > 0 else -1.0
        if any(keys):
            self.views = [
                v
                for v in self.views
                if all(v.gradient[i] is not None or key is None for i, key in enumerate(keys))
            ] or self.views


def is_name(code: str) -> bool:
    """Whether a piece of code is a variable's name, or an attribute's."""
    return all(part.isidentifier() for part in code.split("."))


def decay_of(view: View, i: int) -> Any:
    """What a parameter's update shrinks it by, beside the gradient's share; None where it does not."""
    start, end = view.window.start[i], view.gradient[i] or view.window.end[i]
    found, todo = {}, [end] if end is not start else []
    for step in todo:
        moving = [p for p in step.parents if p.id in view.sig]
        if step.func in SCALINGS and len(moving) == 1 and is_part(moving[0], start):
            found[step.id] = (
                start.value if size_of(step) == size_of(end) and is_kept(step, start, end) else 0.0
            )
        elif (step.func in LINEAR or step.func is put) and step.id > start.id and len(todo) < 60:
            todo += step.parents
    if not found:
        return None
    zeros = {n: np.broadcast_to(v, np.shape(view.steps[n].value)) for n, v in found.items()}
    without = view.run(zeros)
    if without is None:
        return None
    was, rest = view.updates(view.run({}) or {})[i], view.updates(without)[i]
    with np.errstate(invalid="ignore"):
        shrinking = was - rest
        return shrinking if np.all(shrinking * np.reshape(start.value, shrinking.shape) <= 0) else None


def is_part(step: Step, start: Step) -> bool:
    """Whether a value is the parameter, or elements of it."""
    while step is not start and step.parents and (step.func in ELEMENT or step.func is put):
        step = step.parents[0]
    return step is start


def is_kept(step: Step, start: Step, end: Step) -> bool:
    """Whether a scaled parameter is what the rest of the update is added to, as in w = (1 - decay) · w - rate · g."""
    todo = [end]
    for s in todo:
        if s is step:
            return True
        todo += carriers(s)[:1] if s.id > start.id else []
    return False


def scales_of(view: View, i: int) -> list[Any]:
    """The single numbers that a parameter's update is scaled by, the last one first."""
    end, start = view.window.end[i], view.window.start[i]
    while end.func is identity and end.parents:
        end = end.parents[0]
    if end.func is put and isinstance(end.args[2], Step):
        end = end.args[2]
    step = next((p for p in end.parents if not is_part(p, start)), None) if end.func in SUMS else None
    found: list[Any] = []
    while step is not None and step.func in SCALINGS and len(step.args) == 2:
        scales = [x for x in step.args if size_of(x) == 1 and not (isinstance(x, Step) and x.id in view.sig)]
        others = [x for x in step.args if isinstance(x, Step) and x not in scales]
        if len(scales) != 1 or len(others) != 1 or (step.func is np.divide and step.args[1] is not scales[0]):
            break
        found.append((scales[0], step.func is np.divide))
        step = others[0]
    return found


def written_rate(view: View, i: int) -> float | None:
    """What a parameter's update multiplies its gradient by; None where that is no number."""
    rate = 1.0
    for x, divides in scales_of(view, i):
        c = number(x)
        if not c:
            return None
        rate = rate / c if divides else rate * c
    return abs(rate)


def rate_of(view: View, i: int, children: Any, versions: set[int]) -> float | None:
    """The one number that a parameter's update is scaled by, where it is a learning rate and nothing else."""
    scales = scales_of(view, i)
    if view.gradient[i] is not None or len(scales) != 1 or scales[0][1]:
        return None
    scale = scales[0][0]
    if isinstance(scale, Step):
        reads = [c for c in children[scale.id] if c.id > view.window.first]
        pure = all(any(g.id in versions for g in children[c.id]) for c in reads)
        return number(scale) if pure and scale.func in (None, identity) else None
    return number(scale)


def number(x: Any) -> float | None:
    """A single number, recorded or plain."""
    value = x.value if isinstance(x, Step) else x
    return float(value) if isinstance(value, float | int | np.number) or np.ndim(value) == 0 else None


def clipped_from(step: Step) -> Step | None:
    """The gradient that a step clips between two numbers that differ by their sign, or divides by its norm."""
    args = list(step.args) + list((step.kwargs or {}).values())
    source = args[0] if args and isinstance(args[0], Step) else None
    if step.name == "clip" and source is not None and len(args) == 3:
        low, high = number(args[1]), number(args[2])
        return source if low is not None and high is not None and low == -high else None
    if step.func in (np.minimum, np.maximum) and source is not None and len(source.args) == 2:
        inner = source.args[0]
        if source.func in (np.minimum, np.maximum) and source.func is not step.func:
            low, high = number(args[1]), number(source.args[1])
            return inner if low is not None and high is not None and low == -high else None
    if step.func not in SCALINGS or len(args) != 2:
        return None
    for x, scale in (args, args[::-1]):
        if isinstance(x, Step) and isinstance(scale, Step) and size_of(scale) == 1:
            todo = [x]
            for s in todo:
                if is_norm_of(scale, s):
                    return s
                if s.func in SCALINGS:
                    todo += [p for p in s.parents if size_of(p) == size_of(x)]
    return None


SQUARES = {"norm", "square", "power", "multiply", "dot", "vdot", "matmul", "abs", "absolute"}
TO_NORMS = {"add", "divide", "sqrt", "power", "sum", "mean", "maximum", "minimum", "identity", "nested"}


def is_norm_of(scale: Step, x: Step) -> bool:
    """Whether a single number is computed from the squares of an array."""
    todo = [scale]
    for s in todo:
        if s.name in SQUARES and s.parents and all(p is x for p in s.parents):
            return True
        if s.name in TO_NORMS and s.id > x.id and len(todo) < 200:
            todo += s.parents
    return False


def solved_for(view: View, i: int) -> Step | None:
    """The gradient that Newton's method solves for: g of solve(H, g), or of inv(H) @ g."""
    start = view.window.start[i]
    todo = [view.window.end[i]]
    for step in todo:
        args = [a for a in step.args[:2] if isinstance(a, Step)]
        solves = step.name in ("solve", "lstsq") or (args and args[0].name in ("inv", "pinv"))
        if solves and len(args) == 2 and size_of(args[1]) == size_of(start):
            return args[1]
        if step.func in LINEAR and step.id > start.id and len(todo) < 20:
            todo += step.parents
    return None


def given(view: View, i: int, old: dict[int, bool], depends: set[int]) -> Step | None:
    """The value that the optimiser's state was mixed with: the last that all fresh operands are made of."""
    size = size_of(view.window.start[i])

    def is_start(step: Step) -> bool:
        return step is view.window.start[i]

    edge: list[Step] = []
    for step in view.order:
        if old[step.id] and view.back[step.id] >> i & 1:
            edge += [
                p for p in step.parents if p.id in view.back and not old.get(p.id, True) and p.id in depends
            ]
    edge = [s for s in edge if view.back[s.id] == 1 << i or size_of(s) == size]
    edge = [s for s in edge if s.func not in SCALINGS or not any(is_start(p) for p in s.parents)]
    if not edge:
        return None
    common: set[int] | None = None
    by_id: dict[int, Step] = {}
    for step in edge:
        seen: set[int] = set()
        todo = [step]
        while todo:
            s = todo.pop()
            if s.id in seen or s.id not in view.back:
                continue
            seen.add(s.id)
            by_id[s.id] = s
            todo += s.parents
        common = seen if common is None else common & seen
    if not common:
        return None
    whole = {n for n in common if size_of(by_id[n]) == size}
    return by_id[max(whole or {n for n in common if size_of(by_id[n]) == 1} or common)]
