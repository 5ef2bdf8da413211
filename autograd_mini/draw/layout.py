"""Where boxes and lines go: a layered layout in pure Python, for when there is no `dot` program.

The ranks are columns (in the direction "LR"): every box stands one after the last of its operands. A line that passes ranks gets a
bend in each, and all lines of one box share theirs. The order in the ranks comes from sweeps that put each box at the mean place of
its neighbours, and the one with the fewest crossings is kept. The coordinates come as near to the neighbours as the gaps allow.
"""

import itertools
import math
from bisect import bisect_right, insort
from collections.abc import Sequence
from typing import NamedTuple

SWEEPS, PATIENCE = 12, 3  # so many at most; so many without fewer crossings
BENDS = 3000
STEEP = 0.1  # so much wider a gap becomes for each pixel that a line in it rises
BOW = 0.3  # how far along a curve leaves straight: at a half, the lines between two full layers run into one grey bar
ARROW = 8.0  # the length of an arrow's head
LONG = 1300.0  # a chain of columns that is longer is wrapped
LANE = 22.0  # the room for lines beside and between its rows
ROUND = 8.0  # the radius of their corners
Point = tuple[float, float]


class Layout(NamedTuple):
    """`centres`: of the boxes. `curves`: of each edge the points of its cubic Bézier curves, and last the tip of its arrow."""

    width: float
    height: float
    centres: list[Point]
    curves: list[list[Point]]


def layered(
    sizes: Sequence[Point],
    edges: Sequence[tuple[int, int]],
    direction: str = "LR",
    along: float = 36.0,
    across: float = 14.0,
) -> Layout:
    """Return the layout of boxes of these sizes; edges are (operand, result), and operands come first. `along`, `across`: the gaps.

    >>> layered([(40, 20), (40, 20)], [(0, 1)]).centres
    [(20.0, 10.0), (96.0, 10.0)]
    """
    upright = direction in ("TB", "BT")
    thick = [size[upright] for size in sizes]  # along the ranks' axis
    wide = [size[not upright] for size in sizes]
    grid = _Grid(len(sizes), edges)
    grid.sort()
    wide += [2.0] * (len(grid.rank) - len(sizes))
    place = grid.coordinates(wide, across)
    low = min(x - size / 2 for x, size in zip(place, wide, strict=True))
    high = max(x + size / 2 for x, size in zip(place, wide, strict=True))
    starts: list[float] = []
    depths: list[float] = []
    end = 0.0
    for row in grid.rows:
        steepest = max(
            (abs(place[slot] - place[before]) for slot in row for before in grid.before[slot]), default=0.0
        )
        end += along + min(3 * along, STEEP * steepest) if starts else 0.0
        starts.append(end)
        depths.append(max((thick[slot] for slot in row if slot < len(sizes)), default=0.0))
        end += depths[-1]
    middles = [starts[rank] + depths[rank] / 2 for rank in grid.rank]

    def turned(points: list[Point]) -> list[Point]:
        points = [(end - x if direction in ("RL", "BT") else x, y - low) for x, y in points]
        return [(y, x) for x, y in points] if upright else points

    curves = []
    ports = _ports(edges, grid, place, wide)
    for (source, target), port in zip(edges, ports, strict=True):
        here = (middles[source] + thick[source] / 2, place[source])
        points = [here]
        rank = grid.rank[source]
        _go(points, (starts[rank] + depths[rank], here[1]))
        for slot in grid.way(source, target):
            rank = grid.rank[slot]
            _go(points, (starts[rank], place[slot]))
            _go(points, (starts[rank] + depths[rank], place[slot]))
        tip = (middles[target] - thick[target] / 2, place[target] + port)
        _go(points, (starts[grid.rank[target]] - ARROW, tip[1]))
        _go(points, (tip[0] - ARROW, tip[1]))
        curves.append(turned([*points, tip]))
    width, height = (high - low, end) if upright else (end, high - low)
    return Layout(width, height, turned([(middles[i], place[i]) for i in range(len(sizes))]), curves)


def wrapped(layout: Layout, sizes: Sequence[Point], edges: Sequence[tuple[int, int]]) -> Layout:
    """Return a layout of columns that is long and low in rows, one below the other; any other as it is.

    It is cut where few lines pass, between columns. A line from one row to another goes around the end of its own and the
    beginning of the next.
    """
    rows = math.ceil(layout.width / LONG)
    if rows < 2 or layout.height * 3 > layout.width:
        return layout
    cuts = _cuts(layout, sizes, edges, rows)
    at = [bisect_right(cuts, x) for x, _ in layout.centres]
    if len(cuts) < rows - 1 or len(set(at)) < rows:
        return layout
    spans = [_span(layout, sizes, [i for i, row in enumerate(at) if row == k]) for k in range(rows)]
    moves, top = [], 0.0
    for left, _, low, high in spans:
        moves.append((LANE - left, top - low))
        top += high - low + 2 * LANE
    right = max(end - left for left, end, _, _ in spans) + LANE

    def moved(point: Point, row: int) -> Point:
        return point[0] + moves[row][0], point[1] + moves[row][1]

    curves = []
    for (source, target), curve in zip(edges, layout.curves, strict=True):
        one, other = at[source], at[target]
        if one == other:
            curves.append([moved(point, one) for point in curve])
            continue
        start, tip = moved(curve[0], one), moved(curve[-1], other)
        above = moves[other][1] + spans[other][2] - LANE
        corners = [
            (right + LANE / 2, start[1]),
            (right + LANE / 2, above),
            (LANE / 2, above),
            (LANE / 2, tip[1]),
        ]
        curves.append([*_bent([start, *corners, (tip[0] - ARROW, tip[1])]), tip])
    centres = [moved(point, row) for point, row in zip(layout.centres, at, strict=True)]
    return Layout(right + LANE, top - 2 * LANE, centres, curves)


def _cuts(layout: Layout, sizes: Sequence[Point], edges: Sequence[tuple[int, int]], rows: int) -> list[float]:
    """Where to cut: in a gap between columns near each end of a row, the one that fewest lines pass."""
    ends = [(x - width / 2, x + width / 2) for (x, _), (width, _) in zip(layout.centres, sizes, strict=True)]
    places = sorted({right + 1.0 for _, right in ends})
    free = [x for x in places if not any(left < x < right for left, right in ends)]
    step, cuts = layout.width / rows, []
    for k in range(1, rows):
        near = [x for x in free if abs(x - k * step) < 0.3 * step]

        def passing(x: float) -> int:
            return sum(layout.centres[a][0] < x < layout.centres[b][0] for a, b in edges)

        if near:
            cuts.append(min(near, key=lambda x: (passing(x), abs(x - k * step))))
    return cuts


def _span(layout: Layout, sizes: Sequence[Point], some: list[int]) -> tuple[float, float, float, float]:
    """The left, the right, the top and the bottom of some boxes."""
    boxes = [(*layout.centres[i], *sizes[i]) for i in some]
    left, right = min(x - w / 2 for x, _, w, _ in boxes), max(x + w / 2 for x, _, w, _ in boxes)
    return left, right, min(y - h / 2 for _, y, _, h in boxes), max(y + h / 2 for _, y, _, h in boxes)


def _bent(points: list[Point]) -> list[Point]:
    """A line along these points, with round corners, as cubic Bézier curves."""
    out = [points[0]]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        near, far = _towards(corner, before), _towards(corner, after)
        out += [out[-1], near, near, corner, corner, far]
    return [*out, out[-1], points[-1], points[-1]]


def _towards(corner: Point, other: Point) -> Point:
    """The point a little way from a corner."""
    length = math.dist(corner, other)
    part = min(ROUND, length / 2) / length if length else 0.0
    return corner[0] + part * (other[0] - corner[0]), corner[1] + part * (other[1] - corner[1])


def _go(points: list[Point], to: Point) -> None:
    """Go on to a point: a curve that leaves and arrives along the ranks' axis."""
    x, y = points[-1]
    if math.dist((x, y), to) > 1e-6:
        reach = BOW * (to[0] - x)
        points += [(x + reach, y), (to[0] - reach, to[1]), to]


def _ports(
    edges: Sequence[tuple[int, int]], grid: "_Grid", place: list[float], wide: list[float]
) -> list[float]:
    """How far from the middle of its box each edge arrives: in the order of where they come from, so that they do not cross there."""
    arriving: dict[int, list[tuple[float, int]]] = {}
    for i, (source, target) in enumerate(edges):
        arriving.setdefault(target, []).append((place[[source, *grid.way(source, target)][-1]], i))
    out = [0.0] * len(edges)
    for target, found in arriving.items():
        step = min(
            22.0, max(0.5 * wide[target], wide[target] - 18.0) / max(1, len(found) - 1)
        )  # clear of the round corners
        for j, (_, i) in enumerate(sorted(found)):
            out[i] = step * (j - (len(found) - 1) / 2)
    return out


class _Grid:
    """Slots in ranks: the boxes, by their indices, and after them the bends. `before` and `after`: the neighbours of each slot."""

    def __init__(self, count: int, edges: Sequence[tuple[int, int]]) -> None:
        self.boxes = count
        self.rank = _ranks(count, edges)
        self.rows: list[list[int]] = [[] for _ in range(max(self.rank) + 1)]
        self.bends: list[list[int]] = [[] for _ in range(count)]  # of a box: its bends, a rank each
        steps = [self.rank[target] - self.rank[source] for source, target in edges]
        self.longest = max(steps, default=0)  # longer lines go straight, without bends
        while self._needed(edges, steps) > BENDS:
            self.longest //= 2
        kept = [edge for edge, step in zip(edges, steps, strict=True) if step <= self.longest]
        for source, target in kept:
            bends = self.bends[source]
            for rank in range(self.rank[source] + 1 + len(bends), self.rank[target]):
                bends.append(len(self.rank))
                self.rank.append(rank)
        links = {
            link
            for source, target in kept
            for link in itertools.pairwise([source, *self.way(source, target), target])
        }
        self.before: list[list[int]] = [[] for _ in self.rank]
        self.after: list[list[int]] = [[] for _ in self.rank]
        for one, other in sorted(links):
            self.after[one].append(other)
            self.before[other].append(one)
        for slot in self._first_order():
            self.rows[self.rank[slot]].append(slot)

    def _needed(self, edges: Sequence[tuple[int, int]], steps: list[int]) -> int:
        """How many bends there are to be."""
        most: dict[int, int] = {}
        for (source, _), step in zip(edges, steps, strict=True):
            if step <= self.longest:
                most[source] = max(most.get(source, 0), step - 1)
        return sum(most.values())

    def way(self, source: int, target: int) -> list[int]:
        """The bends of an edge."""
        steps = self.rank[target] - self.rank[source]
        return self.bends[source][: steps - 1] if steps <= self.longest else []

    def _first_order(self) -> list[int]:
        """All slots, from the last box backwards, so that what belongs together is together."""
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
                mean = {
                    slot: sum([at[other] for other in near[slot]]) / len(near[slot])
                    for slot in row
                    if near[slot]
                }
                moved = iter(sorted(mean, key=mean.__getitem__))
                row[:] = [
                    next(moved) if slot in mean else slot for slot in row
                ]  # what has no neighbours there stays
                at.update((slot, float(i)) for i, slot in enumerate(row))
            if (count := self.crossings()) < fewest:
                best, fewest, found = [list(row) for row in self.rows], count, sweep
        self.rows = best

    def crossings(self) -> int:
        """How many pairs of lines cross."""
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
        """The place of each slot across the ranks."""
        place = [0.0] * len(self.rank)
        for row in self.rows:
            for slot, x in zip(
                row,
                _settled([0.0] * len(row), [1.0] * len(row), [wide[slot] for slot in row], gap),
                strict=True,
            ):
                place[slot] = x
        both = [one + other for one, other in zip(self.before, self.after, strict=True)]
        passes = [(self.before, 1), (self.after, -1)] * 4 + [(both, 1), (both, -1)] * 2
        for near, way in passes:
            for row in self.rows[::way]:
                pulls = [
                    [(place[other], self._pull(slot, other)) for other in near[slot]] or [(place[slot], 0.1)]
                    for slot in row
                ]
                weights = [sum([weight for _, weight in pull]) for pull in pulls]
                wishes = [
                    sum([x * weight for x, weight in pull]) / total
                    for pull, total in zip(pulls, weights, strict=True)
                ]
                for slot, x in zip(
                    row, _settled(wishes, weights, [wide[slot] for slot in row], gap), strict=True
                ):
                    place[slot] = x
        return place

    def _pull(self, one: int, other: int) -> float:
        """How much a line wants to be straight: most between two bends."""
        return (1.0, 2.0, 8.0)[(one >= self.boxes) + (other >= self.boxes)]


def _ranks(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """The rank of each box: as late as its first use allows, so that what is used late stands there."""
    left = [0] * count  # the longest way to the end
    for source, target in sorted(edges, key=lambda edge: -edge[1]):
        left[source] = max(left[source], left[target] + 1)
    return [max(left) - steps for steps in left]


def _settled(wishes: list[float], weights: list[float], sizes: list[float], gap: float) -> list[float]:
    """The places nearest to the wishes, in their order, that leave the gaps: least squares, by pooling neighbours that conflict."""
    offsets = list(
        itertools.accumulate(
            [(one + other) / 2 + gap for one, other in itertools.pairwise(sizes)], initial=0.0
        )
    )
    blocks: list[tuple[float, float, int]] = []  # (sum of weight × wish, sum of weights, how many)
    for wish, weight, offset in zip(wishes, weights, offsets, strict=True):
        total, mass, size = weight * (wish - offset), weight, 1
        while blocks and blocks[-1][0] * mass > total * blocks[-1][1]:
            earlier = blocks.pop()
            total, mass, size = total + earlier[0], mass + earlier[1], size + earlier[2]
        blocks.append((total, mass, size))
    places = [total / mass for total, mass, size in blocks for _ in range(size)]
    return [place + offset for place, offset in zip(places, offsets, strict=True)]
