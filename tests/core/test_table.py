"""Every row of the table against PyTorch, against numeric derivatives, and in all its readings; the checkers on planted faults.

Driven by tests/samples.py. A checker takes a sample, builds the sum of its output with random weights (themselves a variable,
so that the rule's dependence on `g` is differentiated too), and differentiates it three times by nested `gradients(...,
create_graph=True)`, each level being the sum of the last level's gradients with fresh random weights. PyTorch's numbers come from
tests/core/golden.npz.
"""

import copy
import functools
import pickle
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import autograd_mini as ag
from autograd_mini.core.engine import toposort
from autograd_mini.core.node import HABITS
from autograd_mini.core.op import Op
from autograd_mini.core.readings import arrays
from autograd_mini.support.modes import keep_constants
from tests.core import golden
from tests.core.numpy_calls import CALLS
from tests.helpers.numbers import within_ulps
from tests.helpers.table import TABLE, F
from tests.samples import SAMPLES, Sample, kinds, reaches, rows_without_sample

ORDERS = 3
SMOOTH = [sample for sample in SAMPLES if not sample.mask]
MASKS = [sample for sample in SAMPLES if sample.mask]
CASES = [pytest.param(sample, kind, id=f"{kind}-{sample}") for sample in SMOOTH for kind in kinds(sample)]
TENSORS = [pytest.param(sample, id=str(sample)) for sample in SMOOTH if sample.tensor]
EPS = float(np.finfo(float).eps)

Tamper = Callable[[Any], Any]


class Wrong(AssertionError):
    """A checker's verdict."""


# ---- The checkers -----------------------------------------------------------------------------------------------------


def turns(sample: Sample, kind: str) -> range:
    """One draw of a Tensor has both signs and all branches in it; Values take several."""
    return range(sample.turns if kind == "Value" else 1)


def wrap(sample: Sample, kind: str, operands: list[Any], dtype: Any = None) -> list[Any]:
    """Nodes for the operands that are differentiated, raw data for the others."""
    make = ag.Value if kind == "Value" else lambda a: ag.Tensor(a, dtype=dtype)
    return [make(x) if i in sample.wrt else x for i, x in enumerate(operands)]


def number(x: Any) -> Any:
    """A raw operand for Values: a Python float or bool."""
    return x.item() if x.shape == () else x


class Levels:
    """The nested gradients of one draw: weights once chosen hold for every reading and for shifted operands too."""

    def __init__(self, sample: Sample, kind: str, turn: int, tamper: Tamper | None = None) -> None:
        self.sample, self.kind, self.turn, self.tamper = sample, kind, turn, tamper or (lambda out: out)
        self.operands = sample.draw(kind, turn)
        if kind == "Value":
            self.operands = [number(x) for x in self.operands]
        self.rng = sample.rng(1000 + turn)
        self.out = self.tamper(sample.call(F, *wrap(sample, kind, self.operands)))
        self.point = [np.asarray(self.operands[i], float) for i in sample.wrt] + [self.random(self.out.shape)]
        self.weights = [[self.random(x.shape) for x in self.point] for _ in range(ORDERS)]

    def random(self, shape: tuple[int, ...]) -> np.ndarray:
        return np.asarray(self.rng.uniform(0.5, 1.5, shape) * self.rng.choice([-1.0, 1.0], shape))

    def variables(self, point: list[np.ndarray]) -> tuple[list[Any], Any]:
        """Fresh nodes at the point (the last is the weights), and the weighted sum of the output."""
        operands = list(self.operands)
        for i, x in zip(self.sample.wrt, point, strict=False):
            operands[i] = x
        xs = wrap(self.sample, self.kind, operands)
        out = self.tamper(self.sample.call(F, *xs))
        w = type(out)(point[-1])
        return [xs[i] for i in self.sample.wrt] + [w], _total([out * w])

    def nested(self, orders: int) -> list[list[np.ndarray]]:
        """The gradients of every order, each read as a graph, as arrays."""
        variables, level = self.variables(self.point)
        found = []
        for weights in self.weights[:orders]:
            grads = ag.gradients(level, variables, create_graph=True, allow_unused=True)
            found.append([np.asarray(g.data) for g in grads])
            level = _total(
                [g * (float(u) if type(g) is ag.Value else u) for g, u in zip(grads, weights, strict=True)]
            )
        return found

    def level(self, point: list[np.ndarray], order: int) -> float:
        """What `nested` differentiates at that order, at a point: a number."""
        variables, level = self.variables(point)
        for i, weights in enumerate(self.weights[:order]):
            last = i == order - 1
            grads = ag.gradients(level, variables, create_graph=not last, allow_unused=True)
            if last:  # plain gradients: the raw reading is held against the node reading on the way
                return float(sum(np.sum(g * u) for g, u in zip(grads, weights, strict=True)))
            level = _total(
                [g * (float(u) if type(g) is ag.Value else u) for g, u in zip(grads, weights, strict=True)]
            )
        return float(level.data)

    def level_along(self, along: list[np.ndarray], order: int, t: float) -> float:
        return self.level([x + t * v for x, v in zip(self.point, along, strict=True)], order)

    @property
    def name(self) -> str:
        return golden.name_of(self.sample, self.kind, self.turn)

    @property
    def drawn(self) -> list[Any]:
        """Everything that was drawn: operands, the point and the weights of every order."""
        return [*self.operands, *self.point, *(u for weights in self.weights for u in weights)]

    def by_torch(self) -> golden.Numbers:
        """The output and the gradients of every order, as PyTorch gave them."""
        return golden.numbers_of(self.name, self.drawn, self.point, ORDERS)


def _total(parts: list[Any]) -> Any:
    total = parts[0] if parts[0].shape == () else parts[0].sum()
    for part in parts[1:]:
        total = total + (part if part.shape == () else part.sum())
    return total


def agree(got: Any, wanted: Any, rtol: float, what: str) -> None:
    """Element by element: |Δ| ≤ rtol · |wanted| + rtol / 100 · (1 + the largest of them), and the same shape."""
    got, wanted = np.asarray(got), np.asarray(wanted)
    if got.shape != wanted.shape:
        raise Wrong(f"{what}: shape {got.shape}, should be {wanted.shape}")
    floor = 0.01 * rtol * (1.0 + np.max(np.abs(wanted), initial=0.0))
    bad = ~(np.abs(got - wanted) <= rtol * np.abs(wanted) + floor)
    if bad.any():
        raise Wrong(
            f"{what}: {got[bad][0]!r}, should be {wanted[bad][0]!r} (rtol {rtol}); all: {got.tolist()} against {wanted.tolist()}"
        )


def check_by_torch(
    sample: Sample, kind: str, tamper: Tamper | None = None, only: range | None = None
) -> None:
    """Output and gradients of orders 1 to 3 equal PyTorch's, to a relative 1e-10."""
    for turn in only or turns(sample, kind):
        levels = Levels(sample, kind, turn, tamper)
        out, wanted = levels.by_torch()
        agree(levels.out.data, out, 1e-12, f"{sample}: the value")
        for order, (ours, theirs) in enumerate(zip(levels.nested(ORDERS), wanted, strict=True), 1):
            for i, (g, h) in enumerate(zip(ours, theirs, strict=True)):
                agree(g, h, 1e-10, f"{sample}: order {order}, variable {i}, turn {turn}")


def check_by_numbers(
    sample: Sample, kind: str, tamper: Tamper | None = None, only: range | None = None
) -> None:
    """Gradients equal derivatives taken from numbers alone.

    Order 1 element by element: by a complex step, to 1e-12, where the raw forward is analytic, else by central differences of
    sixth order, to 1e-8. Orders 2 and 3 along a random direction, by central differences of the order below, to 1e-7.
    """
    for turn in only or turns(sample, kind):
        levels = Levels(sample, kind, turn, tamper)
        (ours,) = levels.nested(1)
        step, rtol = (complex_step, 1e-12) if sample.analytic else (central_differences, 1e-8)
        for i, (g, h) in enumerate(zip(ours, step(levels), strict=True)):
            agree(g, h, rtol, f"{sample}: order 1, variable {i}, turn {turn}, by {step.__name__}")
        along = [levels.random(x.shape) for x in levels.point]
        for order, found in enumerate(levels.nested(ORDERS)[1:], 2):
            got = sum(np.sum(g * v) for g, v in zip(found, along, strict=True))
            wanted = stencil(functools.partial(levels.level_along, along, order - 1))
            size = 1.0 + sum(np.sum(np.abs(g * v)) for g, v in zip(found, along, strict=True))
            agree(
                got / size,
                wanted / size,
                1e-7,
                f"{sample}: order {order}, turn {turn}, by central differences",
            )


def stencil(f: Callable[[float], Any], h: float = 1e-3) -> Any:
    """The derivative of f at 0 by central differences of sixth order: an error of about h⁶·f⁽⁷⁾/140 + eps·f/h."""
    return (45.0 * (f(h) - f(-h)) - 9.0 * (f(2.0 * h) - f(-2.0 * h)) + (f(3.0 * h) - f(-3.0 * h))) / (
        60.0 * h
    )


def central_differences(levels: Levels) -> Iterator[np.ndarray]:
    def value(i: int, unit: np.ndarray, t: float) -> float:
        point = [x + t * unit if j == i else x for j, x in enumerate(levels.point)]
        return float(levels.variables(point)[1].data)

    for i, x in enumerate(levels.point):
        units = np.eye(x.size).reshape(x.size, *x.shape)
        yield np.array([stencil(lambda t, i=i, unit=unit: value(i, unit, t)) for unit in units]).reshape(
            x.shape
        )


def complex_step(levels: Levels, h: float = 1e-150) -> Iterator[np.ndarray]:
    """Replay the recorded forwards, raw, on x + ih: the derivative is the imaginary part over h, with no cancellation."""
    variables, root = levels.variables(levels.point)
    order = toposort(root)
    for x in variables:
        slope = np.empty(x.shape)
        for place in np.ndindex(x.shape):
            shifted = np.array(x.data, complex)
            shifted[place] += 1j * h
            seen = {x: shifted}
            for node in order:
                if node.parents:
                    seen[node] = node.op.forward(
                        arrays, *[np.asarray(seen.get(parent, parent.data)) for parent in node.parents]
                    )
            slope[place] = np.imag(seen[root]) / h if root in seen else 0.0
        yield slope


# ---- Every row --------------------------------------------------------------------------------------------------------


@pytest.mark.smoke
@pytest.mark.parametrize(("sample", "kind"), CASES)
def test_orders_1_to_3_equal_pytorch(sample: Sample, kind: str) -> None:
    """The value and the gradients of order 1, 2 and 3 of every row are PyTorch's, to a relative 1e-10."""
    check_by_torch(sample, kind)


@pytest.mark.parametrize(("sample", "kind"), [case for case in CASES if case.values[0].numeric])
def test_orders_1_to_3_equal_numeric_derivatives(sample: Sample, kind: str) -> None:
    """Independently of PyTorch: complex steps or central differences give the same derivatives."""
    check_by_numbers(sample, kind)


@pytest.mark.parametrize("sample", [pytest.param(s, id=str(s)) for s in SMOOTH if s.scalar])
def test_numbers_of_values_are_floats(sample: Sample) -> None:
    """Not np.float64, which is slower: the data of the result and the gradients."""
    for turn in turns(sample, "Value"):
        nodes = wrap(sample, "Value", sample.draw("Value", turn))
        out = sample.call(F, *nodes)
        if type(out) is ag.Value:
            out.backward()
            assert {
                type(x) for node in nodes if isinstance(node, ag.Value) for x in (node.grad, out.data)
            } == {float}


def test_an_order_of_numpys_gives_floats_too() -> None:
    """np.int64 as the order of sinc: the numbers of a Value stay floats."""
    x = ag.Value(0.5)
    y = ag.sinc(x, np.int64(1))
    y.backward()
    assert type(y.data) is type(x.grad) is float


@pytest.mark.smoke
@pytest.mark.parametrize("sample", [pytest.param(s, id=str(s)) for s in MASKS])
def test_masks_have_values_and_no_derivative(sample: Sample) -> None:
    """A row without a derivative gives PyTorch's values, as a node of its own that is no variable."""
    for kind in kinds(sample):
        for turn in turns(sample, kind):
            operands = sample.draw(kind, turn)
            with keep_constants():
                out = sample.call(F, *wrap(sample, kind, operands))
            name = golden.name_of(sample, kind, turn)
            wanted = golden.numbers_of(name, operands, [], 0).out
            ours = np.asarray(out.data, float)
            if set(wanted.flat) <= {0.0, 1.0}:  # a truth: any number but 0 is true
                ours = ours != 0.0
            assert np.array_equal(ours, wanted)
            assert not out.requires_grad
            assert reaches(sample.row, out.op)
            assert out.parents, "a mask is recomputed when the graph is replayed, so it must know its parents"


@pytest.mark.parametrize(("sample", "kind"), CASES)
def test_raw_reading_is_node_reading(sample: Sample, kind: str) -> None:
    """Plain gradients are what backward() stores and the data of gradients with create_graph=True, and f(raw) is the data of f(node).

    To 4 units in the last place (an einsum may add up in another order).
    """
    for turn in turns(sample, kind):
        levels = Levels(sample, kind, turn)
        variables, root = levels.variables(levels.point)
        plain = ag.gradients(root, variables, allow_unused=True)
        graph = ag.gradients(root, variables, allow_unused=True, create_graph=True)
        assert all(x.grad is None for x in variables)
        root.backward()
        for g, h, x in zip(plain, graph, variables, strict=True):
            assert type(h) is type(x)
            assert type(g) is type(h.data) is (float if type(x) is ag.Value else np.ndarray)
            assert np.shape(g) == h.shape == x.shape
            assert np.array_equal(g, np.zeros(x.shape) if x.grad is None else x.grad)
            assert np.allclose(
                g, h.data, rtol=4 * EPS, atol=4 * EPS * (1.0 + np.max(np.abs(h.data), initial=0.0))
            )
        if sample.raw:
            raw = sample.call(F, *levels.operands)
            assert not isinstance(raw, ag.Value | ag.Tensor)
            assert np.shape(raw) == levels.out.shape
            assert within_ulps(raw, levels.out.data, 4)


@pytest.mark.parametrize("sample", [pytest.param(s, id=str(s)) for s in SMOOTH if s.scalar])
def test_value_results_are_floats(sample: Sample) -> None:
    """The data and gradients of Values are Python floats, of whatever row."""
    levels = Levels(sample, "Value", 0)
    variables, root = levels.variables(levels.point)
    assert type(levels.out) is ag.Value
    assert type(levels.out.data) is float
    root.backward()
    assert all(type(x.grad) is float for x in variables if x.grad is not None)


EXACT = {
    "add",
    "subtract",
    "multiply",
    "divide",
    "negative",
    "sqrt",
    "square",
    "reciprocal",
    "abs",
    "sign",
    "floor",
    "ceil",
    "maximum",
    "minimum",
    "clip",
    "where",
    "relu",
}
SPECIAL = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    2.5,
    -3.0,
    1e-300,
    -1e-300,
    1e200,
    -1e200,
    30.0,
    -800.0,
    800.0,
    np.inf,
    -np.inf,
    np.nan,
]


def both_kinds(sample: Sample, operands: list[Any]) -> Iterator[tuple[str, Any, Any]]:
    """What it is, and how it comes out on Values and on 0-d Tensors."""
    found = []
    for kind in (ag.Value, ag.Tensor):
        xs = [kind(x) if i in sample.wrt else x for i, x in enumerate(operands)]
        out = sample.call(F, *xs)
        variables = [xs[i] for i in sample.wrt]
        found.append(
            [out.data, *ag.gradients(out, variables, allow_unused=True)] if out.requires_grad else [out.data]
        )
    for i, (x, y) in enumerate(zip(*found, strict=True)):
        yield f"{sample}{tuple(operands)}: {f'gradient {i - 1}' if i else 'value'}", x, np.asarray(y)


def same_number(sample: Sample, x: Any, y: Any, ulps: float = 8) -> bool:
    if sample.row in EXACT:  # bit for bit, the sign of zero included
        return np.float64(x).tobytes() == np.float64(y).tobytes() or bool(np.isnan(x) and np.isnan(y))
    return within_ulps(x, y, ulps)


def unequal_kinds(sample: Sample, points: Any, ulps: float) -> list[str]:
    return [
        f"{what}: Value {x!r}, Tensor {y!r}"
        for operands in points
        for what, x, y in both_kinds(sample, operands)
        if not (same_number(sample, x, y, ulps) if not sample.mask else bool(x) == bool(y))
    ]


@pytest.mark.parametrize("sample", [pytest.param(s, id=str(s)) for s in SAMPLES if s.scalar and s.tensor])
def test_value_is_0d_tensor(sample: Sample) -> None:
    """A Value and a 0-d Tensor give the same numbers: bit for bit for + − × ÷ and sqrt, within a few ulp else."""
    points = [[number(x) for x in sample.draw("Value", turn)] for turn in range(12)]
    assert unequal_kinds(sample, points, 8) == []


@pytest.mark.parametrize("sample", [pytest.param(s, id=str(s)) for s in SAMPLES if s.scalar and s.tensor])
def test_value_is_0d_tensor_at_the_edges(sample: Sample) -> None:
    """They agree at zeros of either sign, infinities, NaN, subnormal and huge numbers too: no exception, no warning, no complex number."""
    count = len(sample.domains)
    grid = np.array(np.meshgrid(*[SPECIAL] * min(count, 2))).reshape(min(count, 2), -1).T.tolist()
    rng = sample.rng(7)
    points = [[*point, *rng.choice(SPECIAL, count - len(point)).tolist()] for point in grid]
    assert unequal_kinds(sample, points, 8)[:5] == []


@pytest.mark.parametrize("subscripts", ["iii->i", "ii", "iij->ij"])
def test_an_einsum_is_differentiated_any_number_of_times(subscripts: str) -> None:
    """A rule keeps no state between calls: the hundredth gradient of one cached row is the first."""
    ndim = len(subscripts.partition("->")[0])
    x = ag.Tensor(np.arange(2.0**ndim).reshape((2,) * ndim))
    first, *rest = (ag.gradients(_total([F.einsum(subscripts, x)]), x) for _ in range(100))
    assert all(np.array_equal(g, first) for g in rest)


# ---- Memory -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sample", TENSORS)
def test_operands_are_left_alone_and_leaf_gradients_are_their_own(sample: Sample) -> None:
    """Forward and backward change no operand, and no leaf's gradient shares memory with another's, or with any data."""
    operands = sample.draw("Tensor")
    xs = wrap(sample, "Tensor", operands)
    before = [np.array(x) for x in operands]
    out = sample.call(F, *xs)
    seed = np.ones(out.shape)
    out.backward(seed if out.shape else None)
    assert all(
        np.array_equal(getattr(x, "data", x) if isinstance(x, ag.Tensor) else x, y)
        for x, y in zip(xs, before, strict=True)
    )
    leaves = [x for x in xs if isinstance(x, ag.Tensor) and x.grad is not None]
    memory = [
        seed,
        *(node.data for node in toposort(out)),
        *(node.grad for node in toposort(out) if node.parents),
    ]
    for i, leaf in enumerate(leaves):
        for other in [*memory, *(x.grad for x in leaves[:i])]:
            assert not np.shares_memory(leaf.grad, other), sample
        assert leaf.grad.flags.writeable


@pytest.mark.parametrize("sample", [pytest.param(s, id=str(s)) for s in SMOOTH if s.tensor and s.raw])
def test_raw_operands_of_any_layout(sample: Sample) -> None:
    """Raw operands that are read-only, reversed views or in the other byte order give the same numbers."""
    operands = sample.draw("Tensor")
    wanted = sample.call(F, *operands)

    def reversed_view(x: np.ndarray) -> np.ndarray:
        return np.array(np.flip(x))[(slice(None, None, -1),) * x.ndim]

    def read_only(x: np.ndarray) -> np.ndarray:
        x = np.array(x, order="F")
        x.flags.writeable = False
        return x

    def swapped(x: np.ndarray) -> np.ndarray:
        return x.astype(x.dtype.newbyteorder())

    for layout in (reversed_view, read_only, swapped):
        assert np.allclose(sample.call(F, *map(layout, operands)), wanted, rtol=1e-14, atol=1e-14), layout


# ---- Between the kinds ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sample", [pytest.param(s, id=str(s)) for s in SMOOTH if s.tensor and () in [s.shapes[i] for i in s.wrt]]
)
def test_array_functions_take_values(sample: Sample) -> None:
    """Where an operand is a single number, a Value does what a 0-d Tensor does, and its gradient is a float; at the second order too."""
    operands, found = sample.draw("Tensor"), []
    for kind in (ag.Value, ag.Tensor):
        xs = [
            x if i not in sample.wrt else kind(x) if x.shape == () else ag.Tensor(x)
            for i, x in enumerate(operands)
        ]
        variables = [xs[i] for i in sample.wrt]
        out = sample.call(F, *xs)
        seed = np.ones(out.shape) if out.shape else None
        plain = ag.gradients(out, variables, seed)
        assert all(type(g) is float for g, x in zip(plain, variables, strict=True) if type(x) is ag.Value)
        grads = ag.gradients(out, variables, seed, create_graph=True)
        assert [type(g) for g in grads] == [type(x) for x in variables]
        second = ag.gradients(_total([g * g for g in grads]), variables, allow_unused=True)
        found.append([out.data, *plain, *(g.data for g in grads), *second])
    for x, y in zip(*found, strict=True):
        agree(x, y, 1e-13, str(sample))


def test_values_become_a_tensor_and_values_again() -> None:
    """Tensor([[Value, …], …]) and to_values() stay in the graph: derivatives of orders 1 to 3 pass through both."""
    x, y = ag.Value(1.5), ag.Value(-0.5)
    t = ag.Tensor([[x, y], [x * y, 2.0]])
    (a, b), (c, d) = (t * t).to_values()
    assert [type(v) for v in (a, b, c, d)] == [ag.Value] * 4
    out = a * b * c + d  # x² · y² · x²y² + 4 = x⁴ · y⁴ + 4
    assert type(out.data) is float
    agree(out.data, 1.5**4 * 0.5**4 + 4.0, 1e-14, "value")
    slope = ag.gradients(out, x, create_graph=True)
    agree(slope.data, 4 * 1.5**3 * 0.5**4, 1e-14, "order 1")
    mixed = ag.gradients(slope, y, create_graph=True)
    agree(mixed.data, 4 * 1.5**3 * 4 * (-0.5) ** 3, 1e-14, "order 2")
    agree(ag.gradients(mixed, x), 12 * 1.5**2 * 4 * (-0.5) ** 3, 1e-14, "order 3")


# ---- float32 ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sample", TENSORS)
def test_float32_stays_float32(sample: Sample) -> None:
    """float32 operands give a float32 value and float32 gradients, in both readings and at the second order, near the float64 ones."""
    operands = sample.draw("Tensor")
    single = wrap(
        sample, "Tensor", [x.astype(np.float32) if x.dtype == float else x for x in operands], np.float32
    )
    double = wrap(sample, "Tensor", operands)
    values = []
    for xs in (single, double):
        out = sample.call(F, *xs)
        variables = [xs[i] for i in sample.wrt]
        values.append([out, *ag.gradients(out * out if out.shape == () else (out * out).sum(), variables)])
    assert not sample.float32 or values[0][0].dtype == np.float32
    for g, h in zip(values[0][1:], values[1][1:], strict=True):
        assert g.dtype == np.float32
        assert np.allclose(g, h, rtol=2e-4, atol=2e-4 * np.max(np.abs(h), initial=1.0))
    out = sample.call(F, *single)
    variables = [single[i] for i in sample.wrt]
    grads = ag.gradients(out * out if out.shape == () else (out * out).sum(), variables, create_graph=True)
    assert all(g.dtype == np.float32 for g in grads)
    second = ag.gradients(_total(grads), variables, allow_unused=True)
    assert all(g.dtype == np.float32 for g in second)


@pytest.mark.parametrize(
    "sample", [pytest.param(s, id=str(s)) for s in SMOOTH if s.scalar and s.tensor and len(s.domains) == 2]
)
@pytest.mark.parametrize("scalar", [float, np.float64], ids=["float", "np.float64"])
def test_float32_with_a_number_stays_float32(sample: Sample, scalar: type) -> None:
    """A Python float or a np.float64 beside a float32 Tensor changes no dtype, on either side; a float64 array gives float64."""
    x, y = (np.abs(v) + 0.5 for v in sample.draw("Tensor"))
    for place in (0, 1):
        operands = [
            ag.Tensor(np.array([x, y][i], np.float32)) if i == place else scalar([x, y][i].flat[0])
            for i in (0, 1)
        ]
        out = sample.call(F, *operands)
        assert out.dtype == np.float32
        if out.requires_grad:
            assert ag.gradients(out.sum(), operands[place], allow_unused=True).dtype == np.float32
    mixed = [ag.Tensor(x, dtype=np.float32), ag.Tensor(y)]
    out = sample.call(F, *mixed)
    assert out.dtype == np.float64
    first, second = ag.gradients(out.sum(), mixed, allow_unused=True)
    assert (first.dtype, second.dtype) == (np.float32, np.float64)


def test_cast_returns_gradients_in_the_dtype_of_its_operand() -> None:
    """cast changes the dtype forward, and back again for the gradient."""
    x = ag.Tensor([1.5, 2.5], dtype=np.float32)
    out = F.cast(x, np.float64)
    g = ag.gradients((out * out).sum(), x)
    assert (out.dtype, g.dtype, g.tolist()) == (np.float64, np.float32, [3.0, 5.0])


# ---- What needs no gradient -------------------------------------------------------------------------------------------


def replaced(row: str, make: Callable[[Op], Op]) -> Tamper:
    """Give the nodes of that row, in a recorded graph, another operation in place of theirs."""

    def tamper(out: Any) -> Any:
        for node in toposort(out):
            if reaches(row, node.op):
                node.op = make(node.op)
        return out

    return tamper


@pytest.mark.parametrize("sample", [pytest.param(s, id=str(s)) for s in SMOOTH if len(s.wrt) > 1])
def test_an_operand_that_needs_no_gradient_gets_none_computed(sample: Sample) -> None:
    """With one operand constant, in turn, the vjp of no other than the variable operands' is called, in any engine."""
    for kind in kinds(sample):
        operands = sample.draw(kind)
        for constant in sample.wrt:
            for create_graph in (False, True):
                calls: list[int] = []

                def probe(op: Op, calls: list[int] = calls) -> Op:
                    def counted(i: int, vjp: Any) -> Any:
                        return lambda *args: (calls.append(i), vjp(*args))[1]

                    return Op(op.name, op.forward, tuple(counted(i, vjp) for i, vjp in enumerate(op.vjps)))

                xs = wrap(sample, kind, operands)
                xs[constant] = type(xs[constant])(operands[constant], requires_grad=False)
                out = sample.call(F, *xs)
                made = [
                    node
                    for node in toposort(out)
                    if reaches(sample.row, node.op) and type(node.op.vjps) is tuple
                ]
                out = replaced(sample.row, lambda op: probe(op) if type(op.vjps) is tuple else op)(out)
                wanted = sorted(
                    i for node in made for i, parent in enumerate(node.parents) if parent.requires_grad
                )
                ag.gradients(
                    _total([out]),
                    [xs[i] for i in sample.wrt if i != constant],
                    create_graph=create_graph,
                    allow_unused=True,
                )
                assert sorted(calls) == wanted


# ---- The samples themselves -------------------------------------------------------------------------------------------


@pytest.mark.smoke
def test_every_row_has_a_sample() -> None:
    """A row of the table that no sample names fails here: add one to tests/samples.py."""
    assert rows_without_sample(TABLE, SAMPLES) == []


def test_a_row_without_a_sample_is_noticed() -> None:
    """The test above can fail: a row planted in the table is named, and so is one whose samples are taken away."""
    table = {sample.row: TABLE[sample.row] for sample in SAMPLES}
    assert rows_without_sample(table, SAMPLES) == []
    assert rows_without_sample({**table, "PLANTED": Op("planted", lambda xp, x: x)}, SAMPLES) == ["PLANTED"]
    for row in table:
        assert rows_without_sample(table, [sample for sample in SAMPLES if sample.row != row]) == [row]


@pytest.mark.parametrize("row", list(TABLE))
def test_samples_reach_their_row_and_each_of_its_derivatives(row: str) -> None:
    """What a sample claims to sample is in its graph, and every parent of the row is a variable in one sample at least."""
    reached: set[int] = set()
    parents = 0
    for sample in SAMPLES:
        if sample.row != row:
            continue
        for kind in kinds(sample):
            with keep_constants():
                out = sample.call(F, *wrap(sample, kind, sample.draw(kind)))
            made = [node for node in (out, *toposort(out)) if reaches(row, node.op)]
            assert made, f"{sample} does not use {row}"
            parents = max(parents, *(len(node.parents) for node in made))
            reached |= {i for node in made for i, parent in enumerate(node.parents) if parent.requires_grad}
    indices = (
        {1} if row in ("TAKE_ALONG_AXIS", "SCATTER_ALONG_AXIS", "class_cross_entropy") else set()
    )  # integers, never variables
    assert reached == set(range(parents)) - indices


def test_a_sample_of_another_row_is_noticed() -> None:
    """The test above can fail: a sine is not taken for a cosine, nor one factory's row for another's."""
    x = ag.Tensor([0.5, 1.5])
    assert reaches("sin", F.sin(x).op)
    assert not reaches("cos", F.sin(x).op)
    assert reaches("SUM", F.sum(x).op)
    assert not reaches("MEAN", F.sum(x).op)


def public_functions() -> set[str]:
    """The functions that a user or a rule can call, as the package's files define them."""
    return {name for name in vars(F) if not name.startswith("_")}


NO_OPERATION = {
    "shape",
    "last_written",
    "eye",
    "ones",
    "asarray",
}  # sizes, a static mask, raw arrays, cast by another name


def unsampled(functions: set[str], taken: list[Sample]) -> set[str]:
    """The functions that no sample asks F for."""

    class Watched:
        def __getattr__(self, name: str) -> Any:
            asked.add(name)
            return getattr(F, name)

    asked: set[str] = set()
    for sample in taken:
        kind = kinds(sample)[-1]
        asked.add(sample.row)
        sample.call(Watched(), *wrap(sample, kind, sample.draw(kind)))
    return functions - asked


def test_every_public_function_has_a_sample() -> None:
    """Composites too (outer, tile, norm, split, …): what neither a sample nor a call of tests/core/numpy_calls.py calls fails here."""
    called = {name.rpartition(".")[2] for name in CALLS} | {"cummax", "cummin", "full", "scatter_add"}
    missing = unsampled(public_functions() - NO_OPERATION - called, SAMPLES)
    assert not missing, f"these have no sample at the end of tests/samples.py: {missing}"


def test_a_function_without_a_sample_is_noticed() -> None:
    """The test above can fail: a name that no sample calls is reported, and so is one whose samples are taken away."""
    assert unsampled({"planted", "tile"}, SAMPLES) == {"planted"}
    assert unsampled({"recurrence", "sin"}, [sample for sample in SAMPLES if sample.row != "RECURRENCE"]) == {
        "recurrence"
    }


def test_public_names_are_the_functions_sampled() -> None:
    """`ag.sin` and the rest are the very functions that the samples call; but ag.ravel is for whole models."""
    names = {name for name in public_functions() if hasattr(ag, name)} - {"ravel"}
    assert len(names) > 90
    assert [name for name in sorted(names) if getattr(ag, name) is not getattr(F, name)] == []


@pytest.mark.parametrize("kind", [ag.Value, ag.Tensor], ids=["Value", "Tensor"])
def test_methods_are_the_functions(kind: Any) -> None:
    """Every method that has a function's name does what the function does: the same operation, data and gradient."""
    data = 0.6 if kind is ag.Value else np.array([[0.6, -0.4], [0.2, 0.9]])
    extra = {
        "dot": [[0.5, 2.0]],
        "matmul": [[0.5, 2.0]],
        "reshape": [(-1,)],
        "swapaxes": [0, 1],
        "repeat": [2],
        "clip": [-0.3, 0.5],
    }
    names = [name for name in dir(kind) if name in public_functions() - NO_OPERATION - set(HABITS)]
    assert {"exp", "tanh", "relu"} <= set(names)
    for name in names:
        x, y = kind(data), kind(data)
        by_method, by_function = (
            getattr(x, name)(*extra.get(name, [])),
            getattr(F, name)(y, *extra.get(name, [])),
        )
        is_number = kind is ag.Value and type(by_function) is ag.Tensor and not by_function.shape
        assert (by_method.parents[0] if is_number else by_method).op.name == by_function.op.name, name
        assert type(by_method) is (ag.Value if is_number else type(by_function)), name
        assert np.array_equal(by_method.data, by_function.data, equal_nan=True), name
        for out in (by_method, by_function):
            out.backward(np.ones(out.shape) if out.shape else None)
        assert np.array_equal(x.grad, y.grad, equal_nan=True), name


# ---- Planted faults ---------------------------------------------------------------------------------------------------

Rule = Callable[..., Any]


def cut(x: Any) -> Any:
    """A node's data as a constant; numbers and arrays as they are."""
    return x.detach() if isinstance(x, ag.Value | ag.Tensor) else x


FAULTS: dict[str, Callable[..., Any]] = {  # (the right rule, then its arguments) -> a wrong share
    "sign": lambda vjp, *args: -vjp(*args),
    "factor 2": lambda vjp, *args: 2.0 * vjp(*args),
    "one in ten million": lambda vjp, *args: vjp(*args) * (1.0 + 1e-7),
    "dropped": lambda vjp, *args: 0.0 * vjp(*args),
    "shifted": lambda vjp, *args: vjp(*args) + 0.01,
    "no graph": lambda vjp, *args: cut(vjp(*args)),
    "no graph of g": lambda vjp, xp, g, out, *xs: vjp(xp, cut(g), out, *xs),
    "no graph of out": lambda vjp, xp, g, out, *xs: vjp(xp, g, cut(out), *xs),
    "no graph of operands": lambda vjp, xp, g, out, *xs: vjp(xp, g, out, *map(cut, xs)),
    "wrong operand": lambda vjp, xp, g, out, *xs: (
        vjp(xp, g, out, *xs[1:], xs[0]) if len(xs) > 1 else vjp(xp, g, xs[0], out)
    ),
}
MAY_NOT_RUN = "wrong operand"  # shapes may differ: an error of another kind notices it as well
SLIGHT = "one in ten million"  # below what differences see, not what a complex step sees


def planted(fault: str, parent: int) -> Callable[[Op], Op]:
    """The row with one wrong derivative."""

    def make(op: Op) -> Op:
        if type(op.vjps) is tuple:
            rules = list(op.vjps)
            rules[parent] = functools.partial(FAULTS[fault], rules[parent])
            return Op(op.name, op.forward, tuple(rules))

        def shares(*args: Any) -> Any:
            right = list(op.vjps(*args))
            right[parent] = FAULTS[fault](lambda *args: op.vjps(*args)[parent], *args)
            return right

        return Op(op.name, op.forward, shares)

    return make


def equivalent(sample: Sample, kind: str, turn: int, tamper: Tamper) -> bool:
    """Whether the fault changes no number of any order: a share of zero doubled, an `out` cut that the rule does not use."""
    try:
        right, wrong = (
            Levels(sample, kind, turn).nested(ORDERS),
            Levels(sample, kind, turn, tamper).nested(ORDERS),
        )
    except Exception:
        return False
    return all(
        np.allclose(g, h, rtol=2e-8, atol=1e-10)
        for gs, hs in zip(right, wrong, strict=True)
        for g, h in zip(gs, hs, strict=True)
    )


def first_samples(row: str) -> Iterator[tuple[Sample, str, int]]:
    """For each kind and each parent of the row, one sample in which it is a variable."""
    seen: set[tuple[str, int]] = set()
    for sample in SMOOTH:
        if sample.row != row:
            continue
        for kind in kinds(sample):
            operands = sample.draw(kind)
            if any(np.size(x) == 0 for x in operands):
                continue
            out = sample.call(F, *wrap(sample, kind, operands))
            made = [node for node in toposort(out) if reaches(row, node.op)]
            for i in sorted(
                {i for node in made for i, parent in enumerate(node.parents) if parent.requires_grad}
            ):
                if (kind, i) not in seen:
                    seen.add((kind, i))
                    yield sample, kind, i


@pytest.mark.parametrize("checker", [check_by_torch, check_by_numbers], ids=["torch", "numbers"])
@pytest.mark.parametrize("row", [row for row in TABLE if any(sample.row == row for sample in SMOOTH)])
def test_a_planted_wrong_rule_is_caught(row: str, checker: Callable[..., None]) -> None:
    """Each derivative of each row, made wrong in each of ten ways, is rejected by both checkers; left right, it is accepted."""
    caught = []
    for sample, kind, parent in first_samples(row):
        if checker is check_by_numbers and not sample.numeric:
            continue
        checker(sample, kind)
        for fault in FAULTS:
            if fault == SLIGHT and checker is check_by_numbers and not sample.analytic:
                continue
            tamper = replaced(row, planted(fault, parent))
            live = [turn for turn in turns(sample, kind) if not equivalent(sample, kind, turn, tamper)]
            if live:
                with pytest.raises(Exception) as verdict:  # noqa: PT011
                    checker(sample, kind, tamper, only=range(live[0], live[0] + 1))
                assert verdict.type is Wrong or fault == MAY_NOT_RUN, f"{sample}, {fault}: {verdict.value!r}"
                caught.append((kind, parent, fault))
        assert (kind, parent, "shifted") in caught
        assert (
            (kind, parent, "no graph of g") in caught
            or row in ZERO_SLOPES
            or (row, parent) in (("where", 0), ("copysign", 1))
        )
    assert caught


ZERO_SLOPES = {"sign", "floor", "ceil", "ROUND"}


def test_the_checkers_name_what_is_wrong() -> None:
    """A verdict says the sample, the order, the variable and both numbers."""
    sample = next(sample for sample in SMOOTH if sample.row == "sin")
    with pytest.raises(Wrong, match=r"sin-sin: order 1, variable 0, turn 0: .*, should be .*"):
        check_by_torch(sample, "Tensor", replaced("sin", planted("factor 2", 0)))
    with pytest.raises(Wrong, match="sin-sin: order 2"):
        check_by_torch(sample, "Tensor", replaced("sin", planted("no graph", 0)))


def test_no_warning_escapes_the_samples() -> None:
    """The forward and backward of every sample run without a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for sample in SAMPLES:
            for kind in kinds(sample):
                out = sample.call(F, *wrap(sample, kind, sample.draw(kind)))
                if out.requires_grad:
                    out.backward(np.ones(out.shape) if out.shape else None)


# ---- Rows as objects ----------------------------------------------------------------------------------------------------

ROWS = {name: row for name, row in TABLE.items() if isinstance(row, Op)}
OF_FAMILIES = {
    "SUM": ((0, 1), True), "RESHAPE": ((2, 3),), "CAST": (np.dtype("float32"),), "FLIP": (0,), "TRIU": (1,),
    "POW": (3.0,), "DOT": (2,), "EINSUM": (("ij", "jk"), "ik"),
}  # fmt: skip
ROWS |= {f"{name}{params}": TABLE[name](*params) for name, params in OF_FAMILIES.items()}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_a_row_stays_itself(row: Op) -> None:
    """Copied or pickled it is the same object."""
    for other in (copy.copy(row), copy.deepcopy(row), pickle.loads(pickle.dumps(row))):
        assert other is row


def test_a_row_with_an_index_is_made_again() -> None:
    """Of such rows none is kept: what is unpickled has the same parameters."""
    row = TABLE["GETITEM"]((slice(1, 3), 0))
    assert pickle.loads(pickle.dumps(row)).params == row.params
    assert copy.deepcopy(row) is row


def test_a_row_in_no_module_cannot_be_pickled() -> None:
    """The error names the row and says where it would have to stand; copying is no matter of names."""
    row = Op("cube", lambda xp, x: x * x * x, (lambda xp, g, out, x: g * 3.0 * x * x,))
    assert copy.deepcopy(row) is row
    with pytest.raises(
        TypeError, match=r"Op\('cube'\) can be pickled only where it is a variable of its module"
    ):
        pickle.dumps(row)
