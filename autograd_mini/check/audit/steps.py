"""Which values of a record are parameters, and where each step of the training begins and ends.

A parameter is a chain of versions: each is the one before it plus or minus something that depends on the parameter
itself, at places that repeat. A step of the training lasts from the place that reads a version until a later version is
read at the same place.
"""

from collections import defaultdict
from typing import Any

import numpy as np

from .record import Record, Step, Written, gather, getitem, identity, put

SAME = {identity, np.reshape, np.ravel, np.squeeze, np.asmatrix, np.array}
ELEMENT = {getitem, gather, identity, np.reshape, np.transpose}
SUMS = {np.add, np.subtract}
SCALINGS = {np.multiply, np.divide}
LINEAR = SUMS | SAME | SCALINGS
FARTHEST = 3000  # links that are followed in search of the same place
SHORTEST = 0.3  # of the longest chain: a chain within a step of the training is no parameter
WINDOWS = 6


class Parameter:
    """A chain of versions; `made` counts, for each, the training steps that led to it."""

    def __init__(self, versions: list[Step], again: set[int], keys: set[Any], strict: bool) -> None:
        self.versions, self.again, self.keys, self.strict = versions, again, keys, strict
        self.ids = {v.id for v in versions}
        self.name, self.line = "", 0

    def at(self, number: int) -> Step:
        """The version before the step with this number."""
        found = self.versions[0]
        for version in self.versions:
            if version.id >= number:
                break
            found = version
        return found


class Window:
    """One step of the training: the record's steps from `first` up to `last`, and each parameter before and after."""

    def __init__(self, first: int, last: int, parameters: list[Parameter]) -> None:
        self.first, self.last = first, last
        self.start = [p.at(first) for p in parameters]
        self.end = [p.at(last) for p in parameters]
        self.starts = {s.id: i for i, s in enumerate(self.start)}

    def updated(self) -> list[bool]:
        """Which parameters changed in this step."""
        return [a is not b for a, b in zip(self.start, self.end, strict=True)]


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
    args, func = step.args, step.func
    if func is np.add:
        found = [x for x in args[:2] if isinstance(x, Step)]
    elif func is np.subtract or func in SAME or func is put or isinstance(func, Written) or func is np.clip:
        found = [args[0]] if args and isinstance(args[0], Step) else []
    elif func is np.multiply:
        found = [a for a, b in (args[:2], args[1::-1]) if isinstance(a, Step) and size_of(b) == 1]
    elif func is np.divide:
        found = [args[0]] if isinstance(args[0], Step) and size_of(args[1]) == 1 else []
    else:
        found = []
    big = [x for x in found if size_of(x) == size_of(step)]
    return big or found


class Chains:
    """The chains of a record, as links from each value to the version before it."""

    def __init__(self, record: Record) -> None:
        self.steps = record.steps
        self.before: dict[int, Step] = {}
        self.same: dict[int, Step] = {}
        for step in self.steps:
            options = carriers(step)
            if not options:
                continue
            key = key_of(step)
            found = None
            for option in options:
                earlier = self.find(option, key)
                if earlier is not None:
                    found = option
                    self.same[step.id] = earlier
                    break
            self.before[step.id] = found or options[0]

    def find(self, step: Step | None, key: Any) -> Step | None:
        """The nearest version before, made at this place."""
        for _ in range(FARTHEST):
            if step is None:
                return None
            if key_of(step) == key:
                return step
            step = self.before.get(step.id)
        return None

    def groups(self) -> list[tuple[list[Step], set[int]]]:
        """The chains whose places repeat: the versions in order, and which of them are at such places."""
        parent: dict[int, int] = {}

        def root(i: int) -> int:
            while parent.setdefault(i, i) != i:
                parent[i] = parent[parent[i]]
                i = parent[i]
            return i

        for number, earlier in self.same.items():
            step = self.before[number]
            parent[root(number)] = root(earlier.id)
            while step is not earlier:
                parent[root(step.id)] = root(earlier.id)
                step = self.before[step.id]
        found: dict[int, list[int]] = defaultdict(list)
        for i in parent:
            found[root(i)].append(i)
        out = []
        for ids in found.values():
            versions = [self.steps[i] for i in sorted(ids)]
            while (step := self.before.get(versions[0].id)) is not None:  # type: ignore[assignment]
                versions.insert(0, step)
                if len(versions) > 3 * len(ids) + 20:
                    break
            out.append((versions, set(ids)))
        return out


def increments(step: Step, ids: set[int]) -> list[Step]:
    """What is added to the version before: the operands that are not the version itself."""
    if step.func is put:
        value = step.args[2]
        if not isinstance(value, Step):
            return []
        inner = value
        while inner.func in SAME and inner.parents:
            inner = inner.parents[0]
        if any(is_version(p, ids) for p in inner.parents):
            return [p for p in inner.parents if not is_version(p, ids)]
        return [value]
    if step.func in SUMS:
        own = next((c for c in carriers(step) if is_version(c, ids)), None)
        return [p for p in step.parents if p is not own]
    return [p for p in step.parents if p.id not in ids]


def is_version(step: Step, ids: set[int]) -> bool:
    """Whether a value is a version of the chain, or elements of one."""
    for _ in range(8):
        if step.id in ids:
            return True
        if not step.parents or not (step.func in ELEMENT or (step.func is np.multiply and carriers(step))):
            return False
        step = carriers(step)[0] if step.func is np.multiply else step.parents[0]
    return False


def depends(starts: list[Step], targets: set[int], lowest: int, blocked: set[int] = frozenset()) -> bool:  # type: ignore[assignment]
    """Whether a value is computed with one of the targets, without passing through what is blocked."""
    seen, todo = set(), [s for s in starts if s.id not in blocked]
    while todo:
        step = todo.pop()
        if step.id in targets:
            return True
        if step.id in seen or step.id < lowest:
            continue
        seen.add(step.id)
        todo += [p for p in step.parents if p.id not in blocked]
    return False


def find_parameters(record: Record, states: set[int] | None = None) -> list[Parameter]:
    """The parameters of the training that was recorded, in the order of their first versions.

    The other chains, which optimisers keep, are added to `states`.
    """
    chains = Chains(record)
    found = []
    for versions, again in chains.groups():
        if states is not None:
            states |= {v.id for v in versions}
        if np.asarray(versions[-1].value).dtype.kind != "f":
            continue
        keys = self_dependent(versions, again)
        if keys:
            strict = not any(v.func in (np.multiply, np.divide) for v in versions[-len(keys) * 3 - 2 :])
            found.append(Parameter(versions, again, keys, strict))
    longest = max((max(p.again) - min(p.again) for p in found), default=0)
    found = [p for p in found if max(p.again) - min(p.again) >= SHORTEST * longest]
    fed = {(p, q) for p in found for q in found if p is not q and feeds(p, q)}
    found = [
        p for p in found if not any(a is p and ((q, p) not in fed or p.strict < q.strict) for a, q in fed)
    ]
    out = []
    for p in found:
        if len(found) > 1:
            others = [q for q in found if q is not p and (q.strict or not p.strict)]
            blocked = set().union(*[q.ids for q in others]) - p.ids if others else set()
            if not self_dependent(p.versions, p.again, blocked):
                continue
        out.append(p)
    out = out or [p for p in found if p.strict] or found
    return sorted(out, key=lambda p: p.versions[0].id)


def feeds(p: Parameter, q: Parameter) -> bool:
    """Whether one chain is what another grows by, as a velocity is what the weights grow by."""
    todo = [s for v in q.versions[-3:] if key_of(v) in q.keys for s in increments(v, q.ids)]
    for step in todo:
        if step.id in p.ids:
            return size_of(step) == size_of(q.versions[-1])
        if step.func not in LINEAR or step.id in q.ids or len(todo) > 30:
            continue
        moving = [s for s in step.parents if depends([s], p.ids | q.ids, min(p.ids | q.ids))]
        own = all(s.id in p.ids or any(r.id in p.ids for r in s.parents) for s in moving)
        todo += moving if len(moving) == 1 or (step.func in SUMS and own) else []
    return False


def self_dependent(versions: list[Step], again: set[int], blocked: set[int] = frozenset()) -> set[Any]:  # type: ignore[assignment]
    """The places where the chain grows by something that depends on the chain."""
    by_key: dict[Any, list[Step]] = defaultdict(list)
    ids = {v.id for v in versions}
    for v in versions:
        if v.func in SUMS or v.func is put or isinstance(v.func, Written):
            by_key[key_of(v)].append(v)
    out = set()
    for key, steps in by_key.items():
        for step in [*steps[-2:], *steps[1:3]]:
            added = increments(step, ids)
            if depends(added, again, min(again), blocked):
                out.add(key)
                break
    return out


def children_of(steps: list[Step]) -> dict[int, list[Step]]:
    """Who reads each value."""
    out: dict[int, list[Step]] = defaultdict(list)
    for step in steps:
        for parent in step.parents:
            out[parent.id].append(step)
    return out


def boundaries(p: Parameter, children: dict[int, list[Step]]) -> list[int]:
    """Where the place that follows the training best reads each new version."""
    made = 0
    reads: dict[Any, dict[int, int]] = defaultdict(dict)
    own: set[int] = set()
    for v in p.versions:
        if v.func is put and isinstance(v.args[2], Step):
            inner = v.args[2]
            own.add(inner.id)
            for c in carriers(inner):
                own.add(c.id)
    for v in p.versions:
        if key_of(v) in p.keys:
            made += 1
        for reader in children.get(v.id, ()):
            if reader.id in p.ids or reader.id in own:
                continue
            places = reads[key_of(reader)]
            places.setdefault(made, reader.id)
    if not reads:
        return []
    best = max(reads.values(), key=lambda places: (len(places), -min(places.values())))
    return sorted(best.values())


def find_windows(record: Record, parameters: list[Parameter], most: int = WINDOWS) -> list[Window]:
    """The steps of the training that were recorded whole."""
    children = children_of(record.steps)
    starts = [boundaries(p, children) for p in parameters]
    if not any(starts):
        return []
    best = max(starts, key=lambda s: (len(s), -s[0] if s else 0))
    ends = [*best[1:], len(record.steps)]
    windows = [Window(a, b, parameters) for a, b in zip(best, ends, strict=True)]
    windows = [w for w in windows if any(w.updated())]
    if len(windows) > 1 and sum(windows[-1].updated()) < sum(windows[-2].updated()):
        windows.pop()
    return windows[:most]


def enough(record: Record, windows: int = WINDOWS) -> bool:
    """Whether the steps of the training that are followed have been recorded."""
    parameters = find_parameters(record)
    return bool(parameters) and len(find_windows(record, parameters, windows + 2)) > windows
