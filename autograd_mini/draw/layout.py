"""The places of boxes and lines: a layered layout in pure Python, for machines without the `dot` program.

In the direction "LR" the ranks are columns. A box stands after all its operands, as late as its first use allows. A line that passes
ranks has a bend in each, and all lines of one box share their bends. Sweeps put each box at the mean place of its neighbours; the order
with the fewest crossings is kept. Then each box moves as near to its neighbours as the gaps allow.
"""

import itertools
import math
from bisect import bisect_right, insort
from collections.abc import Sequence
from statistics import fmean
from typing import NamedTuple

SWEEPS, PATIENCE = 12, 3  # sweeps at most; sweeps without fewer crossings, after which they end
LONGEST = 40  # ranks: longer lines are straight, without bends
STEEP = 0.1  # how much wider a gap becomes for each pixel that a line in it rises
BOW = 0.3  # the part of a curve that is straight: with a half, the lines between two full ranks would look like one grey bar
ACROSS = 14.0  # the gap between boxes of one rank
ARROW = 8.0  # the length of an arrow's head
LONG = 1300.0  # a longer and low picture is drawn from top to bottom
Point = tuple[float, float]


class Layout(NamedTuple):
    """`centres`: those of the boxes. `curves`: for each edge the points of its cubic Bézier curves, and last the tip of its arrow."""

    width: float
    height: float
    centres: list[Point]
    curves: list[list[Point]]


def layered(
    sizes: Sequence[Point], edges: Sequence[tuple[int, int]], direction: str = "LR", along: float = 36.0
) -> Layout:
    """Return the layout of boxes and edges.

    Args:
        sizes: the width and height of each box, operands before results.
        edges: (operand, result), as indices of boxes.
        direction: "LR", "RL", "TB" or "BT".
        along: the gap between ranks.

    >>> layered([(40, 20), (40, 20)], [(0, 1)]).centres
    [(20.0, 10.0), (96.0, 10.0)]
    """
    upright = direction in ("TB", "BT")
    thick = [size[upright] for size in sizes]  # the sizes along the ranks' axis
    wide = [size[not upright] for size in sizes]
    grid = _Grid(len(sizes), edges)
    grid.sort()
    wide += [2.0] * (len(grid.rank) - len(sizes))
    place = grid.coordinates(wide, ACROSS)
    low = min(y - size / 2 for y, size in zip(place, wide, strict=True))
    place = [y - low for y in place]
    starts, ends = _columns(grid, thick, place, along)
    width, height = ends[-1], max(y + size / 2 for y, size in zip(place, wide, strict=True))

    def turned(points: list[Point]) -> list[Point]:
        points = [(width - x if direction in ("RL", "BT") else x, y) for x, y in points]
        return [(y, x) for x, y in points] if upright else points

    middles = [(starts[rank] + ends[rank]) / 2 for rank in grid.rank]
    curves = []
    for (source, target), port in zip(edges, _ports(edges, grid, place, wide), strict=True):
        points = [(middles[source] + thick[source] / 2, place[source])]
        _go(points, (ends[grid.rank[source]], place[source]))
        for slot in grid.way(source, target):
            _go(points, (starts[grid.rank[slot]], place[slot]))
            _go(points, (ends[grid.rank[slot]], place[slot]))
        tip, y = middles[target] - thick[target] / 2, place[target] + port
        _go(points, (starts[grid.rank[target]] - ARROW, y))
        _go(points, (tip - ARROW, y))
        curves.append(turned([*points, (tip, y)]))
    centres = list(zip(middles, place, strict=True))[: len(sizes)]
    return Layout(*((height, width) if upright else (width, height)), turned(centres), curves)


def is_long(layout: Layout) -> bool:
    """Return whether a layout is long and low, so that its letters would be too small to read."""
    return layout.width > LONG and layout.height * 3 <= layout.width


def _columns(
    grid: "_Grid", thick: list[float], place: list[float], along: float
) -> tuple[list[float], list[float]]:
    """The start and end of each rank; the steeper the lines before it, the wider is the gap."""
    starts: list[float] = []
    ends: list[float] = []
    for row in grid.rows:
        rises = [abs(place[slot] - place[before]) for slot in row for before in grid.before[slot]]
        gap = along + min(3 * along, STEEP * max(rises, default=0.0))
        starts.append(ends[-1] + gap if ends else 0.0)
        ends.append(starts[-1] + max((thick[slot] for slot in row if slot < grid.boxes), default=0.0))
    return starts, ends


def _go(points: list[Point], to: Point) -> None:
    """Add a curve to a point, which starts and ends along the ranks' axis."""
    x, y = points[-1]
    if math.dist((x, y), to) > 1e-6:
        reach = BOW * (to[0] - x)
        points += [(x + reach, y), (to[0] - reach, to[1]), to]


def _ports(
    edges: Sequence[tuple[int, int]], grid: "_Grid", place: list[float], wide: list[float]
) -> list[float]:
    """The distance from the middle of a box at which each edge arrives: in the order of their sources, so that they do not cross."""
    arriving: dict[int, list[tuple[float, int]]] = {}
    for i, (source, target) in enumerate(edges):
        arriving.setdefault(target, []).append((place[[source, *grid.way(source, target)][-1]], i))
    out = [0.0] * len(edges)
    for target, found in arriving.items():
        room = max(0.5 * wide[target], wide[target] - 18.0)  # clear of the round corners
        step = min(22.0, room / max(1, len(found) - 1))
        for j, (_, i) in enumerate(sorted(found)):
            out[i] = step * (j - (len(found) - 1) / 2)
    return out


class _Grid:
    """Slots in ranks: the boxes, by their indices, and after them the bends. `before`, `after`: the neighbours of each slot."""

    def __init__(self, count: int, edges: Sequence[tuple[int, int]]) -> None:
        self.boxes = count
        self.rank = _ranks(count, edges)
        self.rows: list[list[int]] = [[] for _ in range(max(self.rank) + 1)]
        self.bends: list[list[int]] = [[] for _ in range(count)]  # the bends of each box, one in each rank
        steps = [self.rank[target] - self.rank[source] for source, target in edges]
        kept = [edge for edge, step in zip(edges, steps, strict=True) if step <= LONGEST]
        for source, target in kept:
            bends = self.bends[source]
            for rank in range(self.rank[source] + 1 + len(bends), self.rank[target]):
                bends.append(len(self.rank))
                self.rank.append(rank)
        ways = [[source, *self.way(source, target), target] for source, target in kept]
        links = {link for way in ways for link in itertools.pairwise(way)}
        self.before: list[list[int]] = [[] for _ in self.rank]
        self.after: list[list[int]] = [[] for _ in self.rank]
        for one, other in sorted(links):
            self.after[one].append(other)
            self.before[other].append(one)
        for slot in self._first_order():
            self.rows[self.rank[slot]].append(slot)

    def way(self, source: int, target: int) -> list[int]:
        """Return the bends of an edge."""
        steps = self.rank[target] - self.rank[source]
        return self.bends[source][: steps - 1] if steps <= LONGEST else []

    def _first_order(self) -> list[int]:
        """All slots, from the last box backwards, so that connected slots are near each other."""
        seen: set[int] = set()
        order = []
        for start in range(self.boxes - 1, -1, -1):
            stack = [start]
            while stack:
                slot = stack.pop()
                if slot not in seen:
                    seen.add(slot)
                    order.append(slot)
                    stack += reversed(self.before[slot])
        return order

    def sort(self) -> None:
        """Order the ranks for few crossings."""
        best, fewest, found = [list(row) for row in self.rows], self.crossings(), 0
        for sweep in range(SWEEPS):
            if not fewest or sweep - found > PATIENCE:
                break
            near, rows = (self.after, self.rows[::-1]) if sweep % 2 else (self.before, self.rows)
            at = {slot: float(i) for row in self.rows for i, slot in enumerate(row)}
            for row in rows:
                mean = {slot: fmean([at[other] for other in near[slot]]) for slot in row if near[slot]}
                moved = iter(sorted(mean, key=mean.__getitem__))
                row[:] = [next(moved) if slot in mean else slot for slot in row]  # the others stay
                at.update((slot, float(i)) for i, slot in enumerate(row))
            if (count := self.crossings()) < fewest:
                best, fewest, found = [list(row) for row in self.rows], count, sweep
        self.rows = best

    def crossings(self) -> int:
        """Return the number of pairs of lines that cross."""
        total = 0
        for row, following in itertools.pairwise(self.rows):
            at = {slot: i for i, slot in enumerate(following)}
            seen: list[int] = []
            for slot in row:
                ends = sorted([at[other] for other in self.after[slot]])
                total += sum([len(seen) - bisect_right(seen, place) for place in ends])
                for place in ends:
                    insort(seen, place)
        return total

    def coordinates(self, wide: list[float], gap: float) -> list[float]:
        """Return the place of each slot across the ranks."""
        place = [0.0] * len(self.rank)

        def settle(row: list[int], wishes: list[float], weights: list[float]) -> None:
            found = _settled(wishes, weights, [wide[slot] for slot in row], gap)
            for slot, x in zip(row, found, strict=True):
                place[slot] = x

        for row in self.rows:
            settle(row, [0.0] * len(row), [1.0] * len(row))
        both = [one + other for one, other in zip(self.before, self.after, strict=True)]
        passes = [(self.before, 1), (self.after, -1)] * 4 + [(both, 1), (both, -1)] * 2
        for near, way in passes:
            for row in self.rows[::way]:
                wishes, weights = [], []
                for slot in row:
                    pulls = [self._pull(slot, other) for other in near[slot]]
                    pulled = [place[other] * pull for other, pull in zip(near[slot], pulls, strict=True)]
                    weights.append(sum(pulls) or 0.1)
                    wishes.append(sum(pulled) / sum(pulls) if pulls else place[slot])
                settle(row, wishes, weights)
        return place

    def _pull(self, one: int, other: int) -> float:
        """The weight of a line: it is straightest between two bends."""
        return (1.0, 2.0, 8.0)[(one >= self.boxes) + (other >= self.boxes)]


def _ranks(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """The rank of each box, as late as its first use allows."""
    left = [0] * count  # the longest way to the end
    for source, target in sorted(edges, key=lambda edge: -edge[1]):
        left[source] = max(left[source], left[target] + 1)
    return [max(left) - steps for steps in left]


def _settled(wishes: list[float], weights: list[float], sizes: list[float], gap: float) -> list[float]:
    """The places nearest to the wishes, by least squares, in their order and with the gaps; neighbours that conflict are pooled."""
    apart = [(one + other) / 2 + gap for one, other in itertools.pairwise(sizes)]
    offsets = list(itertools.accumulate(apart, initial=0.0))
    blocks: list[tuple[float, float, int]] = []  # (sum of weight × wish, sum of weights, how many)
    for wish, weight, offset in zip(wishes, weights, offsets, strict=True):
        total, mass, size = weight * (wish - offset), weight, 1
        while blocks and blocks[-1][0] * mass > total * blocks[-1][1]:
            earlier = blocks.pop()
            total, mass, size = total + earlier[0], mass + earlier[1], size + earlier[2]
        blocks.append((total, mass, size))
    places = [total / mass for total, mass, size in blocks for _ in range(size)]
    return [place + offset for place, offset in zip(places, offsets, strict=True)]
