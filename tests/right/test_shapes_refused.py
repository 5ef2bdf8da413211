"""A call that NumPy refuses is refused here too, and one that it takes gives its numbers: nothing in between."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_mini as ag
from tests.right.orders import near


def ones(*shape: int) -> np.ndarray:
    return np.cos(np.arange(float(np.prod(shape)))).reshape(shape)


CALLS: list[tuple[str, tuple[Any, ...], Any]] = [
    *(
        ("tensordot", (ones(*x), ones(*y)), (axes,))
        for x, y, axes in [
            ((3,), (3, 3), 2), ((3, 1), (3, 4), 1), ((3,), (3,), 2), ((2, 3), (3,), 2), ((2, 3),
                (2, 3), 2), ((2, 3), (3, 2), 2),
            ((2, 3), (1, 4), 1), ((1, 3), (3, 1), ([0], [0])), ((3, 3), (3, 3), ([0, 0], [0, 1])),
                ((3, 3), (3, 3), ([0, 1], [1, 1])),
            ((3, 3), (3, 3), ([0, 1], [1, 0])), ((3, 2), (2, 3), ([0], [0])), ((3, 2), (2, 3), ([0, 1],
                [1])), ((3, 3), (3, 3), 3),
            ((3, 3), (3, 3), ([2], [0])), ((3, 3), (3, 3), ([0], [-3])), ((3,), (3,), 0), ((2, 3), (3, 2),
                (1, 0)), ((), (3,), 0),
            ((), (3,), 1), ((2, 1), (2, 3), ([0, 1], [0, 1])), ((3,), (1,), 1), ((1,), (3,), 1),
        ]
    ),
    *(
        ("dot", (ones(*x), ones(*y)), ())
        for x, y in [
            ((3, 1), (3, 4)), ((1,), (3,)), ((3,), (1,)), ((2, 1), (2, 3, 2)), ((2, 3), (2, 1, 2)), ((1,),
                (2, 3, 2)), ((3,), (2, 1, 2)),
            ((3,), (2, 3, 2)), ((2, 3, 2), (3, 2)), ((2, 3, 2), (2, 4)), ((2, 2, 3), (2, 3, 2)),
                ((2, 2, 3), (2, 2, 2)), ((2, 3), ()),
            ((3,), (4, 1, 1, 2)), ((1, 1), (4, 3, 2)),
        ]
    ),
    *(("matmul", (ones(*x), ones(*y)), ()) for x, y in [((3, 1), (3, 4)), ((), (3,)), ((3,), ()),
        ((2, 2, 3), (3, 3, 2)), ((1,), (3,))]),
    *(
        ("moveaxis", (ones(2, 3, 4),), where)
        for where in [
            ((0, 1), (0, 0)), ((0, 0), (0, 1)), ((0, -3), (1, 2)), (0, 3), (3, 0), ((0, 1), (0,)),
                ((0, 1), (1, 0)), (0, -1),
            ((0, 1, 2), (2, 1, 1)), ((), ()), ((-1, 2), (0, 1)), ([0, 1], [-1, -1]),
        ]
    ),
    *(
        ("squeeze", (ones(1, 3, 1),), (axis,))
        for axis in [(0, 0), (0, -3), (0, 2), (2, -1), 1, (0, 1), 3, -4, (),
            (0,), np.int64(0), 0, None, 1.0, "0"]
    ),
    *(("expand_dims", (ones(2, 3),), (axis,)) for axis in [(0, 0), (0, -4), (0, 1), 3, -4, 2, (0, 5), ()]),
    *(("transpose", (ones(2, 3, 4),), (axes,)) for axes in [(0, 0, 1), (0, 1), (0, 1, 3), (-1, 0, 1),
        (0, -3, 1), (2, 1, 0)]),
    *((name, (ones(2, 3, 4),), (np.array(axes),)) for name, axes in [("transpose", (1, 0, 2)), ("transpose", (0, 0, 1))]),
    *(("moveaxis", (ones(2, 3, 4),), (np.array(a), np.array(b))) for a, b in [((0, 1), (1, 0)), (0, -1), ((0, 0), (0, 1))]),
    *(("tensordot", (ones(3, 2), ones(2, 3)), ((np.array(a), np.array(b)),)) for a, b in [([0], [1]), ([1], [0]), ([0, 0], [1, 1])]),
    *(("swapaxes", (ones(2, 3),), axes) for axes in [(0, 2), (-3, 0), (0, 0), (0, -1)]),
    *(("flip", (ones(2, 3),), (axis,)) for axis in [2, (0, 0), (0, 1), (0, -2), -3, ()]),
    *(("roll", (ones(2, 3),), how) for how in [(1, 2), (1, (0, 0)), ((1, 2), (0, 1)), ((1, 2, 3), (0, 1)),
        (1, ()), ((1,), (0, 1))]),
    *(
        (name, (ones(2, 3, 4),), (axis,))
        for name in ("sum", "mean", "var", "std", "prod", "max", "min")
        for axis in [(0, 0), (0, -3), 3, -4, (0, 3), (0, 2), (), 1.0, "0", (1, 1, 0), np.int64(1)]
    ),
    *((name, (ones(2, 3),), (axis,)) for name in ("cumsum", "cumprod", "sort") for axis in [2, -3,
        (0,), 1, 1.0]),
    *(("reshape", (ones(2, 3),), (shape,)) for shape in [(4,), (-1, -1), (-1, 4), (0, -1), (3, 2),
        (6, -1), -1, (2.0, 3), (-2, -3)]),
    *(("broadcast_to", (ones(3, 1),), (shape,)) for shape in [(2, 2), (3,), (3, 4), (2, 3, 4), (-1, 1),
        (1, 1), ()]),
    *(("diagonal", (ones(3, 4),), how) for how in [(0, 0, 0), (1,), (-1,), (9,), (0, 0, 2), (0, -1, 1),
        (0, 1, 0), (0, -1, -2)]),
    *(("trace", (ones(*shape),), ()) for shape in [(3,), (3, 4), (3, 4, 2), ()]),
    *(("diag", (ones(*shape),), ()) for shape in [(3,), (3, 4), (3, 4, 2), ()]),
    *((name, (ones(*shape),), ()) for name in ("tril", "triu") for shape in [(3, 4), (2, 3, 3)]),
    *(("repeat", (ones(2, 3),), how) for how in [(2, 2), (-1,), ([1, 2],), ([1, 2, 0], 1), ([1, 2], 1),
        (2, 0), (2.0,), ([],), (0, 1)]),
    *(("tile", (ones(2, 3),), (reps,)) for reps in [2, (2, 2), (2, 1, 2), -1, (0, 1), (), 2.0, (1.5, 2)]),
    *(("split", (ones(4, 3),), how) for how in [(3,), (2,), (0,), (-1,), ([1, 3],), ([3, 1],), ([1.5],),
        (2, 1), (3, 1), (2, 2), ([],), ([9],), (2.0,)]),
    *(("pad", (ones(2, 3),), (width,)) for width in [1, (1, 2), ((1, 2), (0, 1)), ((1, 2),), -1, 1.5,
        (1, 2, 3), ((1, 2), (3, 4), (5, 6))]),
    *(("take_along_axis", (ones(2, 3),), how) for how in [(np.zeros((2, 2), int), 1),
        (np.zeros((3, 3), int), 1), (np.zeros(2, int), 0), (np.full((2, 1), 3), 1)]),
    *(("concatenate", ([ones(*x) for x in xs],), (axis,)) for xs, axis in [
        ([(2, 3), (2, 4)], 0), ([(2, 3), (2, 4)], 1), ([(2, 3), (3,)], 0), ([(), ()], 0), ([(2, 3)], 2),
            ([(2, 3), (4,)], None), ([(1, 3), (2, 3)], -2),
    ]),
    *(("stack", ([ones(*x) for x in xs],), (axis,)) for xs, axis in [
        ([(2, 3), (2, 1)], 0), ([(3,), (1,)], 0), ([(2, 3), (2, 3)], 2), ([(2, 3), (2, 3)], 3), ([(),
            (1,)], 0), ([(2, 3), (2, 3)], -3),
    ]),
    *(("outer", (ones(*x), ones(*y)), ()) for x, y in [((2,), (3,)), ((2, 2), (3,)), ((), (3,))]),
]  # fmt: skip
EINSUMS: list[tuple[str, list[tuple[int, ...]]]] = [
    ("i...->i", [(3, 2)]), ("i...->i", [(3,)]), ("...i->i", [(2, 3)]), ("ij...->ij", [(2, 3, 4)]),
        ("...ij,...jk->ik", [(2, 2, 3), (2, 3, 2)]),
    ("i...,i...->i...", [(3, 2), (3, 2)]), ("ij->ii", [(3, 3)]), ("ij->k", [(2, 3)]), ("ij->ijk",
        [(2, 3)]), ("ii->i", [(2, 3)]),
    ("ii->i", [(1, 3)]), ("ii", [(3, 1)]), ("i,i->", [(3,), (1,)]), ("i,i->", [(1,), (3,)]), ("i,i->",
        [(3,), (2,)]), ("ij,jk->ik", [(2, 3), (2, 4)]),
    ("ij,jk->ik", [(2, 1), (3, 4)]), ("ij,jk->ik", [(2, 3)]), ("ij", [(2, 3), (2, 3)]), ("ijk", [(2, 3)]),
        ("i", [(2, 3)]), ("i->i->i", [(3,)]),
    ("i-j", [(3,)]), ("i..j->ij", [(2, 3)]), ("i....j->ij", [(2, 3)]), ("...i...->i", [(3,)]), ("i.->i",
        [(3,)]), ("i,->i", [(3,), ()]),
    ("->", [()]), ("", [()]), ("i->", [(3,)]), ("...->", [(2, 3)]), ("...->...", [(2, 3)]),
        ("ij...,j...->i...", [(2, 3), (3,)]),
    ("ij...,j...->i...", [(2, 3, 4), (3, 4)]), ("...,...->...", [(2, 3), (3,)]), ("...,...->...", [(2, 3),
        (2,)]), ("i...,j...", [(2, 4), (3, 1)]),
    ("...i,...i->...", [(2, 1, 3), (4, 3)]), ("i j -> j i", [(2, 3)]), ("ij,ij->ij", [(1, 3), (2, 3)]),
        ("i1->i", [(3, 2)]), ("ij,k...->ij", [(2, 3), (4, 2)]),
    ("ij->...ij", [(2, 3)]), ("...ij->ij", [(2, 3)]), ("...ij->ij", [(4, 2, 3)]),
]  # fmt: skip
LABELLED = [
    pytest.param(name, xs, how, id=f"{i} {name} {[np.shape(x) for x in xs if not isinstance(x, list)]}")
    for i, (name, xs, how) in enumerate(CALLS)
]


def compared(ours: Callable[[], Any], theirs: Callable[[], Any]) -> None:
    try:
        wanted = theirs()
    except Exception as refusal:
        with pytest.raises((ValueError, IndexError, TypeError, NotImplementedError)) as caught:
            print("gave", ours(), "where NumPy says", refusal)
        if isinstance(refusal, ValueError) and not isinstance(refusal, np.exceptions.AxisError):
            assert not isinstance(caught.value, ag.GraphError)
        return
    got = ours()
    if isinstance(wanted, list | tuple):
        assert len(got) == len(wanted)
        for x, y in zip(got, wanted, strict=True):
            near(x.data, y)
    else:
        near(got.data, wanted)


@pytest.mark.parametrize(("name", "xs", "how"), LABELLED)
def test_it_is_taken_or_refused_as_numpy_does(name: str, xs: tuple[Any, ...], how: Any) -> None:
    nodes = [[ag.Tensor(x) for x in part] if isinstance(part, list) else ag.Tensor(part) for part in xs]
    compared(lambda: getattr(ag, name)(*nodes, *how), lambda: getattr(np, name)(*xs, *how))


@pytest.mark.parametrize(("name", "xs", "how"), LABELLED)
def test_numpys_own_function_on_nodes_does_the_same(name: str, xs: tuple[Any, ...], how: Any) -> None:
    nodes = [[ag.Tensor(x) for x in part] if isinstance(part, list) else ag.Tensor(part) for part in xs]
    compared(lambda: getattr(np, name)(*nodes, *how), lambda: getattr(np, name)(*xs, *how))


@pytest.mark.parametrize(
    ("subscripts", "shapes"),
    [pytest.param(*case, id=f"{i} {case[0]} {case[1]}") for i, case in enumerate(EINSUMS)],
)
def test_subscripts_are_taken_or_refused_as_numpy_does(
    subscripts: str, shapes: list[tuple[int, ...]]
) -> None:
    xs = [ones(*shape) for shape in shapes]
    compared(
        lambda: ag.einsum(subscripts, *map(ag.Tensor, xs)), lambda: np.asarray(np.einsum(subscripts, *xs))
    )


NORMS = [(0, 0), (0, -2), 2, -3, 0, (0,), None, 1.0]


@pytest.mark.parametrize("axis", NORMS, ids=str)
@pytest.mark.parametrize("name", ["norm", "logsumexp", "softmax", "log_softmax"])
def test_a_repeated_axis_is_refused(name: str, axis: Any) -> None:
    x = ag.Tensor(ones(2, 3))
    if axis in ((0, 0), (0, -2), 2, -3) or isinstance(axis, float):
        with pytest.raises((ValueError, IndexError, TypeError, NotImplementedError)):
            getattr(ag, name)(x, axis=axis)
    else:
        assert np.isfinite(getattr(ag, name)(x, axis=axis).data).all()


ZERO_D: dict[str, tuple[Any, Any]] = {  # value and slope of x = 1.5 reduced over axis 0 or −1
    "sum": (1.5, 1.0),
    "prod": (1.5, 1.0),
    "max": (1.5, 1.0),
    "min": (1.5, 1.0),
}


@pytest.mark.parametrize("kind", [ag.Value, ag.Tensor], ids=["Value", "Tensor"])
@pytest.mark.parametrize("axis", [0, -1, None, ()], ids=str)
@pytest.mark.parametrize("name", ZERO_D)
def test_reductions_of_a_single_number(name: str, axis: Any, kind: Any) -> None:
    """Over axis 0 or −1 of what has no axis, sum, prod, max and min are as over None: NumPy's answer; second order 0."""
    x = kind(1.5)
    out = getattr(ag, name)(x, axis)
    near(out.data, ZERO_D[name][0])
    slope = ag.gradients(out, x, create_graph=True)
    near(slope.data, ZERO_D[name][1])
    near(ag.gradients(slope, x, allow_unused=True), 0.0)


@pytest.mark.parametrize("kind", [ag.Value, ag.Tensor], ids=["Value", "Tensor"])
@pytest.mark.parametrize("axis", [0, -1, 1, (0,), (0, 0)], ids=str)
@pytest.mark.parametrize("name", ["mean", "var", "std", "norm", "logsumexp"])
def test_reductions_that_refuse_an_axis_of_a_single_number(name: str, axis: Any, kind: Any) -> None:
    with pytest.raises((IndexError, ValueError), match=r"axis|range"):
        getattr(ag, name)(kind(1.5), axis=axis)


@pytest.mark.parametrize("kind", [ag.Value, ag.Tensor], ids=["Value", "Tensor"])
@pytest.mark.parametrize("name", ["sum", "prod", "max", "min"])
def test_an_axis_out_of_range_of_a_single_number(name: str, kind: Any) -> None:
    for axis in (1, -2, (1,)):
        with pytest.raises((IndexError, ValueError), match=r"axis|range"):
            getattr(ag, name)(kind(1.5), axis)


@pytest.mark.parametrize("sections", [1, 2, 3, [0], [1]], ids=str)
@pytest.mark.parametrize("shape", [(0,), (0, 2), (2, 0)], ids=str)
def test_an_empty_array_is_split_as_numpy_does(shape: tuple[int, ...], sections: Any) -> None:
    for axis in range(len(shape)):
        compared(
            lambda axis=axis: ag.split(ag.Tensor(np.zeros(shape)), sections, axis),
            lambda axis=axis: np.split(np.zeros(shape), sections, axis),
        )


@pytest.mark.parametrize("lead", [(), (4,), (2, 4), (2, 3, 4), (0,), (2, 0)], ids=str)
def test_linear_without_inner_axis(lead: tuple[int, ...]) -> None:
    """x of shape (…, 0) times (0, n): the bias, whose gradient counts the rows; x and the weight have empty gradients."""
    x, w, b = ag.Tensor(np.zeros((*lead, 0))), ag.Tensor(np.zeros((0, 3))), ag.Tensor([1.0, 2.0, 3.0])
    out = ag.linear(x, w, b)
    near(out.data, np.broadcast_to([1.0, 2.0, 3.0], (*lead, 3)))
    gx, gw, gb = ag.gradients(out.sum(), [x, w, b])
    near(gx, np.zeros((*lead, 0)))
    near(gw, np.zeros((0, 3)))
    near(gb, np.full(3, float(np.prod(lead))))
    near(
        ag.gradients(ag.gradients((out**2).sum(), b, create_graph=True).sum(), b),
        np.full(3, 2.0 * np.prod(lead)),
    )


@pytest.mark.parametrize("width", [0, 1, (1, 2), 3], ids=str)
def test_a_single_number_has_no_side_to_pad(width: Any) -> None:
    x = ag.Tensor(1.5)
    out = ag.pad(x, width)
    near(out.data, np.pad(np.array(1.5), width))
    near(ag.gradients(out, x), 1.0)
