"""One recorded training: what depends on the parameters, what the updates are made of, and whether they are gradients."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .record import Record, Step, gather, getitem, identity, put
from .replay import again, run_again
from .source import Sources
from .steps import (
    ELEMENT,
    LINEAR,
    SCALINGS,
    SUMS,
    Parameter,
    Window,
    carriers,
    find_chains,
    find_parameters,
    find_windows,
    key_of,
    size_of,
    written,
)

FEW = 2000  # elements of an array that are compared first
CLIPS = {"sign": [], "clip": [-1, 1], "maximum": [-1], "minimum": [1]}  # and the signs of their bounds
SQUARES = {"norm", "square", "power", "multiply", "dot", "vdot", "matmul", "abs", "absolute"}
JOINS = {"r_", "c_", "concatenate", "hstack", "append"}


def above(step: Step, passes: Callable[[Step], bool], most: int = 100) -> Iterator[Step]:
    """A value, and what it is made of by way of values that `passes` lets through, nearest first."""
    todo, seen = [step], {step}
    for s in todo:
        yield s
        for p in s.parents if len(todo) < most and passes(s) else ():
            if p not in seen:
                seen.add(p)
                todo.append(p)


class View:
    """One step of the training, with the dependencies of its values as bit masks over the parameters.

    `sig[n]` tells which parameters' versions at the start a value is computed with; `back[n]` which parameters' updates
    are computed with the value.
    """

    def __init__(self, record: Record, parameters: list[Parameter], window: Window) -> None:
        self.window, self.parameters, self.steps = window, parameters, record.steps
        versions = set().union(*[p.ids for p in parameters])
        self.sig = {start.id: 1 << i for i, start in enumerate(window.start)}
        low = min(s.id for s in window.start)
        low = low if window.first - low < 3 * (window.last - window.first) else window.first
        for step in self.steps[low : window.last]:
            mask = self.mask(self.sig, step.parents)
            if mask and step.id not in versions:
                self.sig[step.id] = mask
        self.find_back()
        count = len(parameters)
        self.gradient: list[Step | None] = [None] * count  # what an optimiser was given
        self.sense = [-1.0] * count  # whether the optimiser subtracts what it is given
        self.decay: list[Any] = [None] * count  # what each update shrinks its parameter by
        self.rate = [1.0] * count  # each update's own learning rate over the first one's
        self.changed: dict[int, Any] = {}  # what is replaced for good
        self.kept: dict[int, Any] = {}  # the updates as they are
        self.precisions: dict[int, float] = {}
        self.freed: frozenset[int] = frozenset()  # where a gradient was clipped, and is let through

    @staticmethod
    def mask(masks: dict[int, int], steps: list[Step]) -> int:
        """The parameters of any of these values."""
        out = 0
        for s in steps:
            out |= masks.get(s.id, 0)
        return out

    def find_back(self) -> None:
        """Find which parameters' updates each value is used in."""
        window = self.window
        ends = enumerate(zip(window.start, window.end, strict=True))
        self.back: dict[int, int] = Counter()
        for i, end in ((i, end) for i, (start, end) in ends if end is not start):
            self.back[end.id] |= 1 << i
        for step in reversed(self.steps[window.first : window.last]):
            for p in step.parents if step.id in self.back else ():
                if p.id >= window.first and p.id not in window.starts:
                    self.back[p.id] |= self.back[step.id]
        self.order = [s for s in self.steps[window.first : window.last] if s.id in self.back]

    def run(self, changed: dict[int, Any]) -> dict[int, Any] | None:
        """The values of this step with some replaced, besides those replaced for good."""
        changed = {**self.changed, **changed}
        return run_again(self.order, changed, self.freed) if changed or self.freed else {}

    def updates(self, values: dict[int, Any]) -> list[Any]:
        """What each parameter was changed by, or the gradient that an optimiser was given; None where unchanged."""
        out: list[Any] = []
        for i, (start, end) in enumerate(zip(self.window.start, self.window.end, strict=True)):
            given = self.gradient[i]
            last = given or end
            kept = self.kept.get(i, (None, None))
            if last.id in values or kept[0] is not last:
                made = np.asarray(values.get(last.id, last.value), float)
                if given:
                    rows = end.func is put and end.args[0] is start and np.size(end.args[1]) == size_of(given)
                    made = put(np.zeros(np.shape(start.value)), end.args[1], made) if rows else made
                    made = self.sense[i] * made
                else:
                    made = (made - np.asarray(start.value, float)) / self.rate[i]
                kept = last, None if end is start and not given else made
                if last.id not in values:
                    self.kept[i] = kept
            out.append(kept[1])
        return out

    def leaning(self, i: int) -> float:
        """The cosine of what the optimiser was given and of the step that it made."""
        g, a, b = self.gradient[i], self.window.start[i].value, self.window.end[i].value
        if g is None or np.shape(a) != np.shape(b) or np.size(g.value) not in (1, np.size(a)):
            return 0.0
        step, given = (np.asarray(b, float) - a).reshape(-1), np.asarray(g.value, float).reshape(-1)
        norm = float(np.linalg.norm(step) * np.linalg.norm(given))
        return float((step * given).sum()) / norm if norm else 0.0

    def precision(self, i: int) -> float:
        """How exactly the update of a parameter is known."""
        if i not in self.precisions:
            start = np.asarray(self.window.start[i].value)
            eps = 1e-6 if start.dtype == np.float32 else 4e-16
            self.precisions[i] = 0.0 if self.gradient[i] is not None else 8 * eps * largest(start)
        return self.precisions[i]


@dataclass
class Verdict:
    """How the updates of one step stand to the gradients: the common factor, and for each parameter where it is right.

    The mask of a parameter is None where neither its update nor its gradient is anything but rounding.
    """

    factor: float | None
    masks: list[Any]
    factors: list[float | None]

    def right(self, i: int) -> bool:
        """Whether all of a parameter's update is right."""
        return self.masks[i] is None or bool(np.all(self.masks[i]))

    def score(self) -> float:
        """How many parameters are right, parts counted."""
        return float(sum(1.0 if m is None else np.mean(m) for m in self.masks))


def few(x: Any) -> Any:
    """An array's elements; of a large one a sample, by which most trials are refused."""
    x = np.reshape(x, -1)
    return x if x.size <= FEW else x[:: x.size // FEW]


def multiple(a: Any, b: Any, tolerance: float = 1e-6, exact: float = 0.0) -> float:
    """The constant that an array is of another, but for rounding and what is not known exactly; 0 where it is no multiple."""
    a, b = np.ravel(np.asarray(a, float)), np.ravel(np.asarray(b, float))
    c = 0.0
    for x, y in ((few(a), few(b)), (a, b)) if a.size > FEW else ((a, b),):
        size, norm = largest(x), float(y @ y)
        if not np.isfinite(size) or not np.isfinite(norm) or (x is a and size <= exact):
            return 0.0
        if norm or x is a:
            c = float(x @ y) / (norm or 1.0)
            if not c or float(np.abs(x - c * y).max(initial=0.0)) > tolerance * size + exact:
                return 0.0
    return c


def judge(
    view: View, updates: list[Any], grads: list[Any], decay: bool, wanted: float | None = None
) -> Verdict:
    """Compare the updates of one step with the gradients; the factor is the one that most parameters share.

    Where `decay` says so, an update may also be the gradient's share and a share that shrinks the parameter. A `wanted`
    factor is judged by; NaN says that there is none.
    """
    single = any(np.asarray(s.value).dtype == np.float32 for s in view.window.start)
    tolerance = 2e-3 if single else 1e-6
    options: list[list[Any]] = []  # what may stand for the gradient's share in an update
    factors: list[float | None] = []
    for i, (u, g) in enumerate(zip(updates, grads, strict=True)):
        known = u is not None and g is not None and np.shape(u) == np.shape(g)
        known = known and bool(np.isfinite(np.sum(u)) and np.isfinite(np.sum(g)))
        shrinking = [view.decay[i]] if known and decay and view.decay[i] is not None else []
        options.append([u, *(u - d.reshape(np.shape(u)) for d in shrinking)] if known else [])
        found = (-multiple(x, g, tolerance, view.precision(i)) for x in options[-1])
        factors.append(next((c for c in found if c), None))
    common = wanted if wanted is None or wanted == wanted else None
    if wanted is None:
        common = vote([c for c in factors if c is not None])
    sizes = [[largest(x) for x in found] for found in (grads, updates)]
    quiet, still = (1e-13 * max(found, default=0.0) for found in sizes)
    masks: list[Any] = []
    for i, (u, g) in enumerate(zip(updates, grads, strict=True)):
        limit, c, (of_g, of_u) = view.precision(i), factors[i], (sizes[0][i], sizes[1][i])
        if u is None:
            masks.append(None if of_g <= 1e-12 else np.zeros(1, bool))
        elif options[i] and of_g <= max(1e-14, quiet) and of_u <= max(limit, still):
            masks.append(None)
        elif not options[i] or common is None:
            masks.append(np.zeros(1, bool))
        elif c is not None and abs(c - common) <= 1e-4 * abs(common):
            masks.append(np.ones(1, bool))
        else:
            exact = tolerance * max(of_u, abs(common) * of_g) + limit
            masks.append(mask_of(options[i], common, g, exact))
    return Verdict(common, masks, factors)


def mask_of(options: list[Any], common: float, gradient: Any, exact: float) -> Any:
    """Which elements of an update are right; of a large one, which of a sample, and whether the rest is."""
    found = [np.abs(few(x) + common * few(gradient)) <= exact for x in options]
    if np.size(gradient) <= FEW:
        return np.any(found, axis=0)
    rest = any(
        m.all() and np.all(np.abs(x + common * gradient) <= exact)
        for m, x in zip(found, options, strict=True)
    )
    return np.append(np.any(found, axis=0), rest)


def largest(x: Any) -> float:
    """The size of an array's largest element; 0 of nothing."""
    return 0.0 if x is None or not np.size(x) else float(max(np.max(x), -np.min(x)))


def vote(factors: list[float]) -> float | None:
    """The factor that most agree on; among equals, the last parameter's, which lies nearest to the loss."""

    def votes(c: float) -> int:
        return sum(abs(c - other) <= 1e-4 * abs(c) for other in factors)

    return max(reversed(factors), key=votes, default=None)


class Case:
    """A recorded run and what its training consists of."""

    def __init__(self, record: Record) -> None:
        self.record, self.sources = record, Sources(record)
        self.chains = list(find_chains(record))
        self.states = set[int]().union(*[c.ids for c in self.chains])
        self.parameters = find_parameters(self.chains)
        windows = find_windows(record, self.parameters) if self.parameters else []
        shapes = {
            w: [(np.shape(a.value), np.shape(b.value)) for a, b in zip(w.start, w.end, strict=True)]
            for w in windows
        }
        whole = [w for w in windows if all(a == b for a, b in shapes[w])]
        grown = [w for w in windows if any(a != b and np.prod(a) > 1 for a, b in shapes[w])]
        for window in windows:
            read_from_start(record, self.parameters, window)
        self.views = [View(record, self.parameters, w) for w in grown[:1] or whole or windows]
        if self.views:
            self.find_gradients()
            for view in self.views:
                free_clipped(view)
            self.find_rates()
            for view in self.views:
                view.decay = [decay_of(view, i) for i in range(len(self.parameters))]
        self.name_parameters()

    def name_parameters(self) -> None:
        """Name the parameters as their updates do, or as the script's variables where that tells them apart."""
        for p in self.parameters:
            last = next((v for v in reversed(p.versions) if key_of(v) in p.keys), p.versions[-1])
            text, node = self.sources.spot(last)
            p.line = self.sources.place(last).line
            if node is not None:
                p.name = p.written = (text.targets(node) or [text.text(node)])[0]
        written = [p.written for p in self.parameters]
        vague = [p for p in self.parameters if written.count(p.written) > 1 or not is_name(p.written)]
        words = self.sources.words(set().union(*[p.ids for p in vague])) if vague else {}
        for p in vague:
            p.name = next((words[v.id] for v in reversed(p.versions) if v.id in words), p.written)

    def find_rates(self) -> None:
        """Where the updates have learning rates of their own, each one number, compare them."""
        for view in self.views:
            found = [rate_of(view, i) for i in range(len(self.parameters))]
            if all(found) and len({abs(r) for r in found if r}) > 1:
                view.rate = [abs(r / found[0]) for r in found if r and found[0]]

    def find_gradients(self) -> None:
        """Where an optimiser keeps a state, find the gradient that it was given."""
        first = self.views[0].window.first
        versions = set().union(*[p.ids for p in self.parameters])
        moving = self.made_from(versions, first)
        state = self.made_from((self.states & moving) - versions, first, versions)
        keys: list[Any] = [None] * len(self.parameters)
        for view in self.views:
            old: dict[int, bool] = {}
            for step in view.order:
                ahead = step.func in SUMS and any(p.id in versions for p in step.parents)
                read = [p for p in step.parents if step.id in versions or p.id not in versions]
                kept = any(old.get(p.id, p.id < view.window.first and p.id in state) for p in read)
                # forward may read w + momentum · v
                old[step.id] = kept and (step.id in versions or not ahead)
            for i, (start, end) in enumerate(zip(view.window.start, view.window.end, strict=True)):
                g = solved_for(view, i) if end is not start else None
                mixed = end is not start and old.get(end.id)
                view.gradient[i] = g or (given(view, i, old, moving) if mixed else None)
                keys[i] = key_of(view.gradient[i]) if view.gradient[i] else keys[i]  # type: ignore[arg-type]
        known = [i for i, key in enumerate(keys) if key is not None]
        for view in self.views:
            for i in known:
                if view.gradient[i] is None and view.window.updated()[i]:
                    own = {p.id for s in view.order if view.back[s.id] == 1 << i for p in s.parents}
                    found = (s for s in reversed(view.order) if key_of(s) == keys[i] and s.id in own)
                    view.gradient[i] = next(found, None)
        for i in known:
            clearest = max((view.leaning(i) for view in self.views), key=abs)  # momentum blurs the later ones
            sense = 1.0 if clearest > 0 else -1.0
            for view in self.views:  # beside plain updates, the gradient at their rate
                rates = {written_rate(view, n) for n in range(len(keys)) if n not in known}
                view.sense[i] = sense * (rates.pop() or 1.0 if len(rates) == 1 else 1.0)
        whole = [view for view in self.views if all(view.gradient[i] is not None for i in known)]
        self.views = whole or self.views

    def made_from(self, ids: set[int], first: int, blocked: set[int] = frozenset()) -> set[int]:  # type: ignore[assignment]
        """These values and, from a step on, what is computed with them without passing through the blocked ones."""
        found = set(ids)
        for step in self.record.steps[first:]:
            if step.id not in blocked and any(p.id in found for p in step.parents):
                found.add(step.id)
        return found


def read_from_start(record: Record, parameters: list[Parameter], window: Window) -> None:
    """Let what reads elements of a parameter that this step has not changed yet read them before all changes."""
    starts = {
        v.id: s for p, s in zip(parameters, window.start, strict=True) for v in p.versions if v.id > s.id
    }
    for step in record.steps[window.first : window.last]:
        start = starts.get(step.parents[0].id) if step.func in (getitem, gather) and step.parents else None
        if start is not None and np.array_equal(again(step, {step.parents[0].id: start.value}), step.value):
            step.args, step.parents = (start, *step.args[1:]), [start, *step.parents[1:]]


def is_name(code: str) -> bool:
    """Whether a piece of code is a variable's name, an attribute's, or a part of one with a fixed key."""
    return bool(re.fullmatch(r"[^\W\d]\w*(\.\w+|\[(-?\d+|'[^']*'|\"[^\"]*\")\])*", code))


# ---- Decay, rates, clipping -------------------------------------------------------------------------------------------


def is_part(step: Step, start: Step) -> bool:
    """Whether a value is the parameter, or elements of it, also beside constants."""
    while (
        step is not start
        and step.parents
        and (step.func in ELEMENT or step.func is put or step.name in JOINS)
    ):
        step = step.parents[0]
    return step is start


def decay_of(view: View, i: int) -> Any:
    """What a parameter's update shrinks it by, beside the gradient's share; None where it does not."""
    start, end = view.window.start[i], view.gradient[i] or view.window.end[i]

    def shrinks(step: Step) -> bool:
        moving = [p for p in step.parents if p.id in view.sig]
        return step.func in SCALINGS and len(moving) == 1 and is_part(moving[0], start)

    def passes(step: Step) -> bool:
        return not shrinks(step) and (step.func in LINEAR or step.func is put) and step.id > start.id

    def bare(step: Step) -> Step | None:
        """The parameter itself among the terms of a gradient."""
        adds = step.func in SUMS and step.id not in kept and view.back[step.id] == 1 << i
        return next((p for p in step.parents if is_part(p, start)), None) if adds else None

    kept = set()  # what the rest of the update is added to, as in w = (1 - decay) · w - rate · g
    link: Step | None = end
    while link is not None and link.id >= start.id:
        kept |= {link.id, written(link).id if link.func is put else link.id}
        link = next(iter(carriers(link)), None)
    without = {}
    for step in above(end, passes, 60) if end is not start else ():
        if shrinks(step):
            whole = size_of(step) == size_of(end) == size_of(start) and step.id in kept
            without[step.id] = np.reshape(start.value, np.shape(step.value)) if whole else 0.0 * step.value
        elif (part := bare(step)) is not None:
            without[step.id] = again(step, {part.id: 0.0 * part.value})
    rest = view.run(without) if without else None
    if rest is None or size_of(start) != size_of(end):  # a mistake may have made the parameter larger
        return None
    shrinking = view.updates(view.run({}) or {})[i] - view.updates(rest)[i]
    with np.errstate(invalid="ignore"):
        return shrinking if np.all(shrinking * np.reshape(start.value, shrinking.shape) <= 0) else None


def number(x: Any) -> float | None:
    """A single number, recorded or plain."""
    value = x.value if isinstance(x, Step) else x
    return float(value) if isinstance(value, float | int | np.number) or np.ndim(value) == 0 else None


def scales_of(view: View, i: int) -> list[tuple[Any, bool]]:
    """The single numbers that a parameter's update is scaled by, the last one first, and whether it divides."""
    end, start = view.window.end[i], view.window.start[i]
    while end.func is identity and end.parents:
        end = end.parents[0]
    end = end.args[2] if end.func is put and isinstance(end.args[2], Step) else end
    step = next((p for p in end.parents if not is_part(p, start)), None) if end.func in SUMS else None
    found: list[tuple[Any, bool]] = []
    while step is not None and step.func in SCALINGS and len(step.args) == 2:
        scales = [x for x in step.args if size_of(x) == 1 and not (isinstance(x, Step) and x.id in view.sig)]
        others = [x for x in step.args if isinstance(x, Step) and x not in scales]
        divides = step.func is np.divide
        if len(scales) != 1 or len(others) != 1 or (divides and step.args[1] is not scales[0]):
            break
        found.append((scales[0], divides))
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


def rate_of(view: View, i: int) -> float | None:
    """The one number that a parameter's update is scaled by, where it is a learning rate and not computed."""
    scales = scales_of(view, i) if view.gradient[i] is None else []
    if len(scales) != 1 or scales[0][1]:
        return None
    scale = scales[0][0]
    computed = isinstance(scale, Step) and scale.func not in (None, identity)
    return None if computed else number(scale)


def free_clipped(view: View) -> None:
    """Let gradients that are clipped, or scaled by their own norm, through as they were."""
    freed = set()
    for step in view.order:
        bit = view.back[step.id]
        if bit.bit_count() != 1 or size_of(view.window.start[bit.bit_length() - 1]) != size_of(step):
            continue
        source = clipped_from(step) if step.id not in view.window.starts else None
        if source is not None and source.id in view.back:
            if not np.array_equal(source.value, step.value):
                freed.add(step.id)
            step.func, step.args, step.kwargs, step.parents = identity, (source,), {}, [source]
            step.name = identity.__name__
    view.freed = frozenset(freed)
    view.find_back()


def clipped_from(step: Step) -> Step | None:
    """The gradient that a step clips at numbers on both sides of 0, scales by what is made of it, or takes the sign of."""
    args = [*step.args, *(step.kwargs or {}).values()]
    if step.name in CLIPS and isinstance(args[0], Step):
        return args[0] if [np.sign(number(x) or 0.0) for x in args[1:]] == CLIPS[step.name] else None
    for x, scale in (args, args[::-1]) if step.func in SCALINGS and len(args) == 2 else ():
        if isinstance(x, Step) and isinstance(scale, Step) and size_of(scale) == 1:
            alike = [s for s in above(x, lambda s: s.func in SCALINGS) if size_of(s) == size_of(x)]
            made_of = above(scale, lambda s: s.id > alike[-1].id, 200)  # noqa: B023
            squared = {s.parents[0] for s in made_of if s.name in SQUARES and len({*s.parents}) == 1}
            if found := next((s for s in alike if s in squared), None):
                return found
    return None


# ---- What an optimiser is given ---------------------------------------------------------------------------------------


def solved_for(view: View, i: int) -> Step | None:
    """The gradient that Newton's method solves for: g of solve(H, g), or of inv(H) @ g."""
    start = view.window.start[i]
    for step in above(view.window.end[i], lambda s: s.func in LINEAR and s.id > start.id, 20):
        args = [a for a in step.args[:2] if isinstance(a, Step)]
        solves = step.name in ("solve", "lstsq") or (args and args[0].name in ("inv", "pinv"))
        if solves and len(args) == 2 and size_of(args[1]) == size_of(start):
            return args[1]
    return None


def given(view: View, i: int, old: dict[int, bool], moving: set[int]) -> Step | None:
    """The value that the optimiser's state was mixed with: the last that all fresh operands are made of."""
    start, bit = view.window.start[i], 1 << i
    mixed = [s for s in view.order if old[s.id] and view.back[s.id] & bit]
    fresh = [
        p
        for s in mixed
        for p in s.parents
        if p.id in view.back and not old.get(p.id, True) and p.id in moving
    ]
    fresh = [s for s in fresh if view.back[s.id] == bit or size_of(s) == size_of(start)]
    own = view.parameters[i].ids  # its versions, also those that decay makes
    fresh = [s for s in fresh if not is_part(s, start) and s.id not in own]
    fresh = [s for s in fresh if s.func not in SCALINGS or start not in s.parents]
    made_of = [
        {s.id: s for s in above(f, lambda s: s.id in view.back, 10**9) if s.id in view.back} for f in fresh
    ]
    common = set.intersection(*map(set, made_of)) if made_of else set()
    sizes = {n: size_of(made_of[0][n]) for n in common}
    end = view.window.end[i]
    wanted = (size_of(start), size_of(end.args[2]) if end.func is put else 1, 1)
    best = next((found for size in wanted if (found := [n for n in common if sizes[n] == size])), common)
    return made_of[0][max(best)] if best else None
