"""The built-in layout: nothing overlaps, lines go forwards and end at their boxes, and few of them cross."""

import itertools
import math
import random

import pytest

from autograd_mini.draw.layout import ARROW, LONGEST, _Grid, _settled, layered

DIRECTIONS = ["LR", "TB", "RL", "BT"]


def random_graph(seed, count=60):
    """Sizes and edges of a graph in which the last box depends on all others, some edges twice."""
    rng = random.Random(seed)
    sizes = [(rng.uniform(20, 150), rng.uniform(20, 60)) for _ in range(count)]
    edges = [(i, rng.randrange(i + 1, min(count, i + 12))) for i in range(count - 1)]
    edges += [(i, rng.randrange(i + 1, count)) for i in rng.choices(range(count - 1), k=count // 2)]
    return sizes, edges + rng.choices(edges, k=5)


def overlapping(sizes, layout):
    """The pairs of boxes that overlap."""
    boxes = [
        (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
        for (x, y), (w, h) in zip(layout.centres, sizes, strict=True)
    ]
    return [
        pair
        for pair in itertools.combinations(boxes, 2)
        if pair[0][0] < pair[1][2]
        and pair[1][0] < pair[0][2]
        and pair[0][1] < pair[1][3]
        and pair[1][1] < pair[0][3]
    ]


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("seed", range(5))
def test_boxes_do_not_overlap_and_lie_inside(seed, direction):
    """No two boxes overlap, and all of them and all lines lie inside the picture."""
    sizes, edges = random_graph(seed)
    layout = layered(sizes, edges, direction)
    assert not overlapping(sizes, layout)
    for (x, y), (w, h) in zip(layout.centres, sizes, strict=True):
        assert w / 2 - 1e-9 <= x <= layout.width - w / 2 + 1e-9
        assert h / 2 - 1e-9 <= y <= layout.height - h / 2 + 1e-9
    for x, y in itertools.chain.from_iterable(layout.curves):
        assert -1e-9 <= x <= layout.width + 1e-9
        assert -1e-9 <= y <= layout.height + 1e-9


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("seed", range(3))
def test_lines_go_forwards_from_box_to_box(seed, direction):
    """Each line is made of cubic curves, leaves its operand's side, only goes forwards, and its arrow touches the result's side."""
    sizes, edges = random_graph(seed)
    layout = layered(sizes, edges, direction)
    axis, sign = {"LR": (0, 1), "RL": (0, -1), "TB": (1, 1), "BT": (1, -1)}[direction]
    for (source, target), curve in zip(edges, layout.curves, strict=True):
        *points, tip = curve
        assert len(points) % 3 == 1
        ahead = [round(sign * point[axis], 6) for point in curve]
        assert ahead == sorted(ahead)
        for end, box, side in ((points[0], source, 1), (tip, target, -1)):
            assert end[axis] == pytest.approx(layout.centres[box][axis] + sign * side * sizes[box][axis] / 2)
            assert abs(end[1 - axis] - layout.centres[box][1 - axis]) <= sizes[box][1 - axis] / 2
        assert math.dist(points[-1], tip) == pytest.approx(ARROW)


def test_a_repeated_operand_has_two_lines():
    """x * x has two lines, and they arrive at different places."""
    layout = layered([(60, 40), (60, 40)], [(0, 1), (0, 1)])
    assert layout.curves[0] != layout.curves[1]
    assert layout.curves[0][-1][1] != layout.curves[1][-1][1]


def test_what_is_used_late_stands_late():
    """A leaf stands just before its first use, not at the beginning."""
    # 0 → 1 → 2 → 4 and 3 → 4
    layout = layered([(10, 10)] * 5, [(0, 1), (1, 2), (2, 4), (3, 4)])
    assert layout.centres[3][0] == layout.centres[2][0] > layout.centres[1][0]


def test_a_single_box():
    """A graph of one box is that box."""
    assert layered([(30, 20)], []) == (30.0, 20.0, [(15.0, 10.0)], [])


def crossings_counted(grid):
    """The crossings between neighbouring ranks, pair by pair."""
    total = 0
    for row, following in itertools.pairwise(grid.rows):
        lines = [(i, following.index(other)) for i, slot in enumerate(row) for other in grid.after[slot]]
        total += sum((a - c) * (b - d) < 0 for (a, b), (c, d) in itertools.combinations(lines, 2))
    return total


@pytest.mark.parametrize("seed", range(12))
def test_crossings_are_counted_and_reduced(seed):
    """The count is that of all pairs, and sorting never leaves more of them."""
    sizes, edges = random_graph(seed, 25)
    grid = _Grid(len(sizes), edges)
    before = grid.crossings()
    assert before == crossings_counted(grid)
    grid.sort()
    assert grid.crossings() == crossings_counted(grid) <= before


def test_two_layers_that_cross_are_untangled():
    """Lines that need not cross do not: two chains whose boxes are numbered against each other."""
    grid = _Grid(7, [(0, 3), (1, 2), (2, 5), (3, 4), (4, 6), (5, 6)])
    grid.rows = [[0, 1], [2, 3], [4, 5], [6]]
    assert grid.crossings() == 2
    grid.sort()
    assert grid.crossings() == 0


def test_settled_is_the_least_squares_solution():
    """Two that want one place share it by weight; those without conflict get what they want."""
    # min 3(x₁ − 0)² + (x₂ − 0)² with x₂ ≥ x₁ + 14 (sizes 4, gap 10): x₁ = −14/4, x₂ = x₁ + 14
    assert _settled([0.0, 0.0, 100.0], [3.0, 1.0, 1.0], [4.0, 4.0, 4.0], 10.0) == pytest.approx(
        [-3.5, 10.5, 100.0]
    )


def test_very_long_lines_get_no_bends():
    """Many lines over many ranks do not make the layout grow without bound: the longest go straight."""
    count = 400
    edges = [(i, i + 1) for i in range(count - 1)] + [(i, count - 1) for i in range(count - 2)]
    grid = _Grid(count, edges)
    assert len(grid.rank) <= count + count * LONGEST
    assert grid.way(0, count - 1) == []
    layout = layered([(20, 20)] * count, edges)
    assert all(math.isfinite(x) and math.isfinite(y) for curve in layout.curves for x, y in curve)
    assert len(layout.curves[-1]) - 1 <= 10
