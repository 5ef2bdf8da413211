"""Broadcasting, over every pair of shapes from a generated set: gradients have their inputs' shapes and equal PyTorch's."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_mini as ag
from tests.helpers.peers import torch

SHAPES: list[tuple[int, ...]] = sorted(
    {
        shape[i:]
        for sizes in ((2, 3), (1, 2, 3))
        for shape in itertools.product(*[(n, 1) for n in sizes])
        for i in range(len(shape) + 1)
    }
    | {(0,), (0, 1), (2, 0), (1, 0), (0, 3), (4,), (3, 1), (3, 3), (1, 1, 4), (2, 1, 1, 3)},
    key=lambda shape: (len(shape), shape),
)
PAIRS = list(itertools.product(SHAPES, SHAPES))


def fits(*shapes: tuple[int, ...]) -> bool:
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        return False
    return True


def named(shapes: tuple[tuple[int, ...], ...]) -> str:
    return "-".join("x".join(map(str, shape)) or "0d" for shape in shapes)


FITTING = [pytest.param(pair, id=named(pair)) for pair in PAIRS if fits(*pair)]
MISFITTING = [pytest.param(pair, id=named(pair)) for pair in PAIRS if not fits(*pair)]

BINARY: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {  # name of the row -> ours, PyTorch's
    "add": (lambda x, y: x + y, torch.add),
    "subtract": (lambda x, y: x - y, torch.sub),
    "multiply": (lambda x, y: x * y, torch.mul),
    "divide": (lambda x, y: x / y, torch.div),
    "power": (lambda x, y: x**y, torch.pow),
    "remainder": (lambda x, y: x % y, torch.remainder),
    "maximum": (ag.maximum, torch.maximum),
    "minimum": (ag.minimum, torch.minimum),
    "hypot": (ag.hypot, torch.hypot),
    "arctan2": (ag.arctan2, torch.atan2),
    "logaddexp": (ag.logaddexp, torch.logaddexp),
    "xlogy": (ag.xlogy, torch.xlogy),
    "sigmoid_cross_entropy": (
        ag.sigmoid_cross_entropy,
        lambda x, t: torch.clamp(x, min=0) - x * t + torch.log1p(torch.exp(-torch.abs(x))),
    ),
}


def numbers(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Positive numbers, no two of different seeds equal."""
    return np.random.default_rng([seed, *shape]).uniform(0.5, 2.5, shape) + 0.003 * seed


def same(ours: Any, theirs: Any) -> None:
    theirs = theirs.numpy(force=True)
    assert np.shape(ours) == theirs.shape
    assert np.allclose(ours, theirs, rtol=1e-12, atol=1e-13)


def compare(
    ours: Callable[..., Any],
    theirs: Callable[..., Any],
    operands: list[np.ndarray],
    constant: tuple[int, ...] = (),
) -> None:
    """Value, gradients (raw and as a graph) and second-order gradients, beside PyTorch's."""
    xs = [x if i in constant else ag.Tensor(x) for i, x in enumerate(operands)]
    ts = [torch.tensor(x, requires_grad=i not in constant) for i, x in enumerate(operands)]
    out, wanted = ours(*xs), theirs(*ts)
    same(out.data, wanted)
    weights = numbers(out.shape, 9)
    xs, ts = ([x for i, x in enumerate(row) if i not in constant] for row in (xs, ts))
    grads = torch.autograd.grad(wanted, ts, torch.tensor(weights), create_graph=True)
    for g, h in zip(ag.gradients(out, xs, weights), grads, strict=True):
        same(g, h)
    nodes = ag.gradients(out, xs, weights, create_graph=True)
    for g, h in zip(nodes, grads, strict=True):
        same(g.data, h)
    out.backward(weights)
    for x, h in zip(xs, grads, strict=True):
        same(x.grad, h)
    level, theirs_level = sum((g * g).sum() for g in nodes), sum((h * h).sum() for h in grads)
    if theirs_level.requires_grad:
        second = torch.autograd.grad(theirs_level, ts, allow_unused=True, materialize_grads=True)
        for g, h in zip(ag.gradients(level, xs, allow_unused=True), second, strict=True):
            same(g, h)


@pytest.mark.parametrize("shapes", FITTING)
def test_gradients_have_the_shapes_of_the_inputs_and_equal_pytorch(
    shapes: tuple[tuple[int, ...], ...],
) -> None:
    """For every pair of shapes that fit, 1s, missing axes, 0-d and zero sizes among them, and every operation of two operands."""
    operands = [numbers(shape, i) for i, shape in enumerate(shapes)]
    for ours, theirs in BINARY.values():
        compare(ours, theirs, operands)


@pytest.mark.parametrize("shapes", MISFITTING)
def test_shapes_that_do_not_fit_raise(shapes: tuple[tuple[int, ...], ...]) -> None:
    """A ShapeError (a ValueError) names the operation and both shapes, of nodes, of a node beside an array, and of arrays alone."""
    x, y = (numbers(shape, i) for i, shape in enumerate(shapes))
    for name, (ours, _) in BINARY.items():
        for a, b in ((ag.Tensor(x), ag.Tensor(y)), (ag.Tensor(x), y), (x, ag.Tensor(y))):
            with pytest.raises(ag.ShapeError) as error:
                ours(a, b)
            assert isinstance(error.value, ValueError)
            assert str(error.value).startswith(f"{name}: ")
            assert all(str(shape) in str(error.value) for shape in shapes)
    for function in (ag.maximum, ag.hypot, ag.add, ag.power):
        with pytest.raises(ag.ShapeError, match=r"^\w+: "):
            function(x, y)


THREE: list[tuple[int, ...]] = [(), (1,), (3,), (2, 1), (1, 3), (2, 3), (2, 1, 3), (0, 3)]
TRIPLES = [
    pytest.param(triple, id=named(triple)) for triple in itertools.product(THREE, repeat=3) if fits(*triple)
]
MISFITS = [
    pytest.param(t, id=named(t))
    for t in itertools.product([(2,), (3,), (2, 3), (4, 1, 1)], repeat=3)
    if not fits(*t)
]


@pytest.mark.parametrize("shapes", TRIPLES)
def test_where_and_clip_broadcast_all_three(shapes: tuple[tuple[int, ...], ...]) -> None:
    """The condition of `where` and the bounds of `clip` broadcast too, each gradient in its operand's own shape."""
    c, x, y = (numbers(shape, i) for i, shape in enumerate(shapes))
    compare(ag.where, torch.where, [c > 1.5, x, y], constant=(0,))
    compare(ag.clip, lambda x, low, high: torch.minimum(torch.maximum(x, low), high), [c, x - 0.6, y + 0.6])


@pytest.mark.parametrize("shapes", MISFITS)
def test_where_and_clip_refuse_what_does_not_fit(shapes: tuple[tuple[int, ...], ...]) -> None:
    """A ShapeError names the operation and the three shapes."""
    c, x, y = (numbers(shape, i) for i, shape in enumerate(shapes))
    for name, call in (
        ("where", lambda: ag.where(c > 1.5, ag.Tensor(x), y)),
        ("clip", lambda: ag.clip(ag.Tensor(c), x, y)),
    ):
        with pytest.raises(ag.ShapeError) as error:
            call()
        assert str(error.value).startswith(f"{name}: ")
        assert all(str(shape) in str(error.value) for shape in shapes)


@pytest.mark.parametrize("shape", [pytest.param(shape, id=named((shape,))) for shape in SHAPES])
def test_a_value_beside_a_tensor_broadcasts_and_its_share_is_summed(shape: tuple[int, ...]) -> None:
    """A Value mixes with a Tensor of any shape, on either side: the result is a Tensor of its dtype, the Value's gradient a float."""
    for name, (ours, theirs) in BINARY.items():
        for first in (True, False):
            v, t = ag.Value(1.25), ag.Tensor(numbers(shape, 3))
            tv, tt = (
                torch.tensor(1.25, dtype=torch.float64, requires_grad=True),
                torch.tensor(t.data, requires_grad=True),
            )
            out, wanted = (ours(v, t), theirs(tv, tt)) if first else (ours(t, v), theirs(tt, tv))
            assert type(out) is ag.Tensor, name
            same(out.data, wanted)
            weights = numbers(shape, 5)
            grads = torch.autograd.grad(wanted, [tv, tt], torch.tensor(weights))
            of_v, of_t = ag.gradients(out, [v, t], weights)
            assert type(of_v) is float
            same(of_v, grads[0])
            same(of_t, grads[1])
            node_v, node_t = ag.gradients(out, [v, t], weights, create_graph=True)
            assert type(node_v) is ag.Value
            assert type(node_t) is ag.Tensor
            same(node_v.data, grads[0])
            single = ag.Tensor(t.data, dtype=np.float32)
            out = ours(v, single) if first else ours(single, v)
            assert out.dtype == np.float32, name
            of_v, of_t = ag.gradients(out, [v, single], weights)
            assert (type(of_v), of_t.dtype) == (float, np.float32), name


@pytest.mark.parametrize("shape", [pytest.param(shape, id=named((shape,))) for shape in SHAPES])
def test_plain_numbers_and_arrays_broadcast_like_nodes(shape: tuple[int, ...]) -> None:
    """A Python number, a NumPy scalar, a 0-d array or a list beside a Tensor gives what a constant Tensor gives."""
    x = ag.Tensor(numbers(shape, 1))
    for ours, _ in BINARY.values():
        wanted = ours(x, ag.Tensor(1.5, requires_grad=False))
        for number in (1.5, np.float64(1.5), np.array(1.5), np.float32(1.5)):
            out = ours(x, number)
            assert np.allclose(out.data, wanted.data, rtol=1e-14, atol=0)
            assert out.shape == shape
            reflected = ours(number, x)
            assert type(reflected) is ag.Tensor
            assert np.allclose(reflected.data, ours(ag.Tensor(1.5), x).data, rtol=1e-14, atol=0)
        if 0 not in shape:  # nested lists do not tell the sizes behind a 0
            listed = ours(x, numbers(shape, 2).tolist())
            assert np.array_equal(listed.data, ours(x, numbers(shape, 2)).data)


@pytest.mark.parametrize("shapes", FITTING)
def test_broadcast_to_is_summed_back(shapes: tuple[tuple[int, ...], ...]) -> None:
    """broadcast_to a shape that an array fits; ShapeError where it does not stretch to it."""
    source, target = shapes
    x = ag.Tensor(numbers(source, 1))
    if np.broadcast_shapes(source, target) == target:
        compare(lambda x: ag.broadcast_to(x, target), lambda x: torch.broadcast_to(x, target), [x.data])
    else:
        with pytest.raises(ag.ShapeError, match="broadcast_to"):
            ag.broadcast_to(x, target)


BATCHES: list[tuple[int, ...]] = [(), (1,), (2,), (3, 1), (1, 2), (3, 2), (0,), (5,)]


@pytest.mark.parametrize(
    "batches", [pytest.param(pair, id=named(pair)) for pair in itertools.product(BATCHES, BATCHES)]
)
def test_matmul_and_solve_broadcast_their_batches(batches: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    """Leading axes of matmul and solve broadcast; those that do not fit raise a ShapeError that names both shapes."""
    x, y = (numbers((*batch, 2, 2), i) + 2.0 * np.eye(2) for i, batch in enumerate(batches))
    if fits(*batches):
        compare(ag.matmul, torch.matmul, [x, y])
        both = np.broadcast_shapes(x.shape, y.shape)  # PyTorch may take (batch, n) for a batch of vectors
        compare(ag.solve, lambda a, b: torch.linalg.solve(a, torch.broadcast_to(b, both)), [x, y])
        return
    for name, function in (("matmul", ag.matmul), ("solve", ag.solve)):
        with pytest.raises(ag.ShapeError) as error:
            function(ag.Tensor(x), y)
        assert str(error.value).startswith(f"{name}: ")
        assert str(x.shape) in str(error.value)
        assert str(y.shape) in str(error.value)


MISMATCHED = [
    ((2, 3), (2, 3)),
    ((3,), (2,)),
    ((2, 3), (2,)),
    ((3,), (2, 2)),
    ((4, 2, 3), (2, 3)),
    ((1, 2), (1, 2)),
]


@pytest.mark.parametrize("shapes", [pytest.param(pair, id=named(pair)) for pair in MISMATCHED])
def test_matmul_of_inner_sizes_that_differ(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    """The message gives both shapes and the two sizes: "matmul: (1, 2) @ (1, 2): inner sizes 2 and 1 differ"."""
    x, y = (np.ones(shape) for shape in shapes)
    inner = f"inner sizes {x.shape[-1]} and {y.shape[-2:][0]} differ"
    for call in (lambda: ag.Tensor(x) @ ag.Tensor(y), lambda: ag.Tensor(x) @ y, lambda: x @ ag.Tensor(y)):
        with pytest.raises(ag.ShapeError) as error:
            call()
        assert str(error.value) == f"matmul: {x.shape} @ {y.shape}: {inner}"


@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3)], ids=str)
def test_matmul_refuses_0d_operands(shape: tuple[int, ...]) -> None:
    """A number has no place in a matrix product, on either side: ShapeError."""
    for x, y in (((), shape), (shape, ())):
        with pytest.raises(ag.ShapeError, match=r"^matmul: "):
            ag.matmul(ag.Tensor(np.ones(x)), ag.Tensor(np.ones(y)))
