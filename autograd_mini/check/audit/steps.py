"""Which values of a record are parameters, and where each step of the training begins and ends.

A parameter is a chain of versions: each is the one before it plus or minus something that depends on the parameter
itself, at places that repeat. A step of the training lasts from the place that reads a version until a later version is
read at the same place.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

import numpy as np

from .record import Record, Step, Written, gather, getitem, identity, put
from .source import Sources

SAME = {identity, np.reshape, np.ravel, np.squeeze, np.asmatrix, np.array}
ELEMENT = {getitem, gather, identity, np.reshape, np.transpose}
SUMS = {np.add, np.subtract}
SCALINGS = {np.multiply, np.divide}
FIRST = SAME | {np.subtract, np.clip, put}  # the first operand of which the value may be a version of
LINEAR = SUMS | SAME | SCALINGS
FARTHEST = 3000  # links that are followed in search of the same place
SHORTEST = 0.3  # of the longest chain: a chain within a step of the training is no parameter
WINDOWS = 6
MANY = 5000  # values that a step of a training may have while its parameters are not known


class Parameter:
    """A chain of versions, of which those with the numbers `again` stand at places that repeat.

    Of a parameter, `keys` are the places where it grows by something that depends on it.
    """

    def __init__(self, versions: list[Step], again: set[int], sources: Sources, origin: Any) -> None:
        self.versions, self.again, self.sources = versions, again, sources
        self.origin = origin  # what the first of the repeating places was given
        self.ids = {v.id for v in versions}
        self.length = max(again) - min(again)
        self.name, self.written, self.line = "", "", 0  # what a reader is told, what its update calls it
        self.keys = self.growing() if np.asarray(versions[-1].value).dtype.kind == "f" else set()
        last = versions[-len(self.keys) * 3 - 2 :]
        made = [s for v in last for s in (written(v).parents if v.func is put else [v])]
        self.strict = not any(s.func in SCALINGS and self.has(s) for s in made)

    def at(self, number: int) -> Step:
        """The version before the step with this number."""
        before = [v for v in self.versions if v.id < number]
        return before[-1] if before else self.versions[0]

    def growing(self, blocked: set[int] = frozenset()) -> set[Any]:  # type: ignore[assignment]
        """The places where the chain grows by something that depends on the chain, not by way of what is blocked."""
        places: dict[Any, list[Step]] = defaultdict(list)
        for v in self.versions:
            if v.func in SUMS or v.func is put or isinstance(v.func, Written):
                places[key_of(v)].append(v)
        first = min(self.again)

        def by(branches: bool) -> set[Any]:
            found = {key: (*steps[-2:], *steps[1:3]) for key, steps in places.items()}
            rest = (self.again, first, blocked, self.sources, branches)
            made_of = {
                s: self.increments(s) + self.sources.branched_by(s) * branches for s in chain(*found.values())
            }
            return {key for key, steps in found.items() if any(depends(made_of[s], *rest) for s in steps)}

        return by(False) or by(True)

    def increments(self, step: Step) -> list[Step]:
        """What is added to the version before: the operands that are not the version itself."""
        if step.func is put:
            value = written(step)
            others = [p for p in value.parents if not self.has(p)]
            return others if len(others) < len(value.parents) or value is step else [value]
        if step.func in SUMS:
            own = next((c for c in carriers(step) if self.has(c)), None)
            return [p for p in step.parents if p is not own]
        return [p for p in step.parents if p.id not in self.ids]

    def has(self, step: Step) -> bool:
        """Whether a value is a version of the chain, or elements of one."""
        for _ in range(8):
            if step.id in self.ids:
                return True
            inner = carriers(step) if step.func is np.multiply else step.parents
            if not inner or (step.func is not np.multiply and step.func not in ELEMENT):
                break
            step = inner[0]
        return False

    def is_renewed(self) -> bool:
        """Whether a loop sets the chain anew before it updates it: a state is so in each step of the training, no parameter is."""
        update = next(v for v in self.versions if key_of(v) in self.keys)
        origin = self.origin.stack[::-1] if isinstance(self.origin, Step) else ()
        for one, other in zip(origin, update.stack[::-1], strict=False):  # the outermost call first
            loops = self.sources.loops_around(one) & self.sources.loops_around(other)
            if loops or one != other:
                return bool(loops)
        return False

    def is_average(self) -> bool:
        """Whether every change is a share of the distance to something, as a moving average's is."""
        changes = [s for v in self.versions[-3:] if key_of(v) in self.keys for s in self.increments(v)]
        for step in changes:
            if step.func in SCALINGS:
                changes += [p for p in step.parents if p.id not in self.ids]
        ends = [s.args[1] for s in changes if s.func is np.subtract]
        return bool(ends) and all(isinstance(x, Step) and whole(x).id in self.ids for x in ends)

    def feeds(self, other: "Parameter") -> bool:
        """Whether the chain is what another grows by, as a velocity is what the weights grow by."""
        todo = [s for v in other.versions[-3:] if key_of(v) in other.keys for s in other.increments(v)]
        both = self.ids | other.ids
        last = other.versions[-1]
        for step in todo:
            if whole(step).id in self.ids:
                return size_of(step) == size_of(written(last) if last.func is put else last)
            if step.func not in LINEAR or step.id in other.ids or len(todo) > 30:
                continue
            moving = [s for s in step.parents if depends([s], both, min(both), set())]
            own = all(s.id in self.ids or any(r.id in self.ids for r in s.parents) for s in moving)
            if len(moving) == 1 or (step.func in SUMS and own):
                todo += moving
        return False


class Window:
    """One step of the training: the record's steps from `first` up to `last`, and each parameter before and after."""

    def __init__(self, first: int, last: int, parameters: list[Parameter]) -> None:
        self.first, self.last = first, last
        self.start = [p.at(first) for p in parameters]
        self.end = [unscaled(p.at(last)) for p in parameters]
        self.starts = {s.id: i for i, s in enumerate(self.start)}

    def updated(self) -> list[bool]:
        """Which parameters changed in this step."""
        return [a is not b for a, b in zip(self.start, self.end, strict=True)]

    def moves(self) -> bool:
        """Whether any parameter has other numbers after this step."""
        pairs = zip(self.start, self.end, strict=True)
        return any(a is not b and not np.array_equal(a.value, b.value) for a, b in pairs)


def unscaled(step: Step) -> Step:
    """The version before it was scaled by a number that is made of it: a projection is no part of the update."""
    while step.func in SCALINGS:
        link = next(iter(carriers(step)), None)
        if link is None or not depends([p for p in step.parents if p is not link], {link.id}, link.id, set()):
            break
        step = link
    return step


def written(step: Step) -> Step:
    """The value that is written into an array, before it was copied or reshaped; the step itself where that is none."""
    value = step.args[2]
    while isinstance(value, Step) and value.func in SAME and value.parents:
        value = value.parents[0]
    return value if isinstance(value, Step) else step


def whole(step: Step) -> Step:
    """The value that another is elements or a copy of."""
    while step.func in ELEMENT and step.parents:
        step = step.parents[0]
    return step


def key_of(step: Step) -> Any:
    """What two visits of one place have in common."""
    return (step.name, step.stack)


def size_of(x: Any) -> int:
    """The number of elements of an operand."""
    value = x.value if type(x) is Step else x
    if type(value) is np.ndarray:
        return int(value.size)
    return 1 if isinstance(value, float | int) else 2 if isinstance(value, list) else int(np.size(value))


def carriers(step: Step) -> list[Step]:
    """The operands that the value may be a later version of."""
    func, args = step.func, step.args[:2]
    if func is np.add:
        found = args
    elif func is np.multiply:
        found = tuple(a for a, b in (args, args[::-1]) if size_of(b) == 1)
    elif func in FIRST or isinstance(func, Written) or (func is np.divide and size_of(args[1]) == 1):
        found = args[:1]
    else:
        return []
    steps = [x for x in found if isinstance(x, Step)]
    return [x for x in steps if size_of(x) == size_of(step)] or steps


def depends(
    starts: list[Step],
    targets: set[int],
    lowest: int,
    blocked: set[int],
    sources: Sources | None = None,
    branches: bool = False,
) -> bool:
    """Whether a value is computed with one of the targets, without passing through what is blocked.

    With `sources`, a number is computed with what the branch was taken by that chose it.
    """
    seen, todo = set[int](), list(starts)
    while todo:
        step = todo.pop()
        if step.id in seen or step.id in blocked:
            continue
        if step.id in targets:
            return True
        seen.add(step.id)
        if step.id >= lowest:
            todo += step.parents
            todo += sources.branched_by(step) if sources and (branches or not step.parents) else []
    return False


def find_chains(record: Record) -> Iterator[Parameter]:
    """The chains of versions whose places repeat, parameters and others."""
    before: dict[int, Step] = {}
    group: dict[int, set[int]] = {}
    sources = Sources(record)

    def join(one: int, other: int) -> None:
        both, more = group.setdefault(one, {one}), group.setdefault(other, {other})
        if both is not more:
            both |= more
            group.update(dict.fromkeys(more, both))

    def nearest(step: Step | None, key: Any) -> Step | None:
        for _ in range(FARTHEST):
            if step is None or key_of(step) == key:
                return step
            step = before.get(step.id)
        return None

    for step in record.steps:
        options = carriers(step)
        if not options:
            continue
        key = key_of(step)
        known = ((option, nearest(option, key)) for option in options)
        link, earlier = next((found for found in known if found[1] is not None), (options[0], None))
        before[step.id] = link
        if earlier is not None:
            join(earlier.id, step.id)
            while link is not earlier:
                join(earlier.id, link.id)
                link = before[link.id]
    for ids in {id(found): found for found in group.values()}.values():
        versions = [record.steps[i] for i in sorted(ids)]
        first, same = versions[0], key_of(versions[0])
        later = next((v for v in versions[1:] if key_of(v) == same and before[v.id].id in ids), None)
        place = 0 if later is None else later.args.index(before[later.id])
        made = later is None or type(first.args[place]) is Step  # and not in place of the 0 of b = 0
        source = before.get(first.id) if made else None
        led: list[Step] = []  # what led to the first of them
        while source is not None and len(led) < 2 * len(ids) + 20:
            led.append(source)
            source = before.get(source.id)
        yield Parameter(led[::-1] + versions, ids, sources, first.args[place])


def find_parameters(chains: Iterable[Parameter]) -> list[Parameter]:
    """Those of the chains that are parameters, in the order of their first versions."""
    found = [p for p in chains if p.keys]
    found = [p for p in found if not p.is_renewed()] or found
    longest = max((p.length for p in found), default=0)
    found = [p for p in found if p.length >= SHORTEST * longest]
    fed = {(p, q) for p in found for q in found if p is not q and p.feeds(q)}
    velocities = {p for p, q in fed if (q, p) not in fed or p.strict < q.strict}
    found = [p for p in found if p not in velocities]
    found = [p for p in found if not p.is_average()] or found

    def grows_alone(p: Parameter) -> bool:
        """Whether a chain grows by something that depends on it, not by way of another parameter's versions."""
        others = [q.ids for q in found if q is not p and (q.strict or not p.strict)]
        return not others or bool(p.growing(set().union(*others) - p.ids))

    out = [p for p in found if grows_alone(p)] or [p for p in found if p.strict] or found
    return sorted(out, key=lambda p: p.versions[0].id)


def children_of(steps: list[Step]) -> dict[int, list[Step]]:
    """Who reads each value."""
    out: dict[int, list[Step]] = defaultdict(list)
    for step in steps:
        for parent in step.parents:
            out[parent.id].append(step)
    return out


def boundaries(p: Parameter, children: dict[int, list[Step]]) -> list[int]:
    """Where the place that follows the training best reads each new version."""
    own = p.ids | {v.args[2].id for v in p.versions if v.func is put and isinstance(v.args[2], Step)}
    scaled = [(v, link) for v in p.versions if (link := unscaled(v)) is not v]
    lengths = {key_of(r) for v, link in scaled for r in children[link.id] if r.id < v.id}
    reads: dict[Any, dict[int, int]] = defaultdict(dict)
    made = 0
    for v in p.versions:
        made += key_of(v) in p.keys or v.func in SCALINGS
        for reader in children.get(v.id, ()):
            if reader.id not in own and key_of(reader) not in lengths:
                reads[key_of(reader)].setdefault(made, reader.id)
    best = max(reads.values(), key=lambda places: (len(places), -min(places.values())), default={})
    return sorted(best.values())


def find_windows(record: Record, parameters: list[Parameter], most: int = WINDOWS) -> list[Window]:
    """The steps of the training that were recorded whole."""
    children = children_of(record.steps)
    reads = [
        sorted({c.id for v in p.versions for c in children[v.id] if c.id not in p.ids}) for p in parameters
    ]

    def read_in(starts: list[int]) -> float:
        """How many parameters a step of the training reads, where it begins at these places."""
        visits = [set(np.searchsorted(starts, found, side="right")) for found in reads]
        return float(np.median([sum(i in found for found in visits) for i in range(1, len(starts) + 1)]))

    found = [starts for p in parameters if (starts := boundaries(p, children))]
    if not found:
        return []
    whole = max(map(read_in, found))
    best = max((b for b in found if read_in(b) >= whole), key=lambda starts: (len(starts), -starts[0]))
    ends = [*best[1:], len(record.steps)]
    windows = [Window(a, b, parameters) for a, b in zip(best, ends, strict=True)]
    windows = [w for w in windows if w.moves()] or [w for w in windows if any(w.updated())]
    born = [w for w in windows if all(s.id < w.first for s in w.start)]  # b = 0 is no number yet
    windows = born or windows
    if len(windows) > 1 and sum(windows[-1].updated()) < sum(windows[-2].updated()):
        windows.pop()
    return windows[:most]


def enough(record: Record, windows: int = WINDOWS) -> bool:
    """Whether the steps of the training that are followed have been recorded."""
    parameters = find_parameters(find_chains(record))
    if len(record.steps) < MANY and any(p.is_renewed() for p in parameters):
        return False  # this may be a state within the first step of the training
    found = find_windows(record, parameters, windows + 2) if parameters else []
    return len(found) > windows and found[0].moves()
