"""Graphs grown at random, in lockstep with a naive reference and with PyTorch: fan-out, shared nodes, constants, diamonds.

A *program* is a list of steps; each step applies an operation to earlier results, so that one result may serve many steps or
none. The same program runs on our nodes, on PyTorch's, and on the references written here: *jets* (numbers a₀ + a₁t + a₂t² + a₃t³
carried along a line, so that aₖ·k! is the k-th derivative along it) and a sum over every path from the root to a leaf. Neither
reference knows of vjps, topological orders or accumulation. Runs are derandomised: the same graphs every time.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import autograd_mini as ag
from tests.helpers.peers import torch

HOW = settings(
    max_examples=150,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)

# ---- Jets: the naive reference of any order ---------------------------------------------------------------------------


class Jet:
    """A truncated Taylor series in t; the coefficients are numbers or arrays."""

    def __init__(self, *coefficients: Any) -> None:
        self.c = [np.asarray(c, float) for c in coefficients]

    @property
    def value(self) -> Any:
        return self.c[0]

    def linear(self, function: Callable[[Any], Any]) -> "Jet":
        """A linear function of arrays, applied to each coefficient."""
        return Jet(*map(function, self.c))

    def __add__(self, other: "Jet") -> "Jet":
        return Jet(*(a + b for a, b in zip(self.c, other.c, strict=True)))

    def __sub__(self, other: "Jet") -> "Jet":
        return Jet(*(a - b for a, b in zip(self.c, other.c, strict=True)))

    def times(self, other: "Jet", product: Callable[[Any, Any], Any] = np.multiply) -> "Jet":
        """Leibniz: the k-th coefficient of a product is Σ aᵢ·bₖ₋ᵢ; so for any bilinear product."""
        return Jet(
            *(sum(product(self.c[i], other.c[k - i]) for i in range(k + 1)) for k in range(len(self.c)))
        )

    def through(self, *derivatives: Any) -> "Jet":
        """f of it, given f, f′, f″, f‴ at the value (Faà di Bruno)."""
        d = (*derivatives, *[0.0] * 4)
        a = (*self.c, *[0.0] * 4)
        series = (
            d[0] + 0.0 * a[0],
            d[1] * a[1],
            d[1] * a[2] + d[2] * a[1] ** 2 / 2,
            d[1] * a[3] + d[2] * a[1] * a[2] + d[3] * a[1] ** 3 / 6,
        )
        return Jet(*series[: len(self.c)])


def constant(data: Any, order: int) -> Jet:
    return Jet(data, *[np.zeros(np.shape(data))] * order)


class Path:
    """A number, and each number that it was made from with the local derivative: to be walked one path at a time."""

    def __init__(self, value: float, sources: tuple[tuple["Path", float], ...] = ()) -> None:
        self.value, self.sources = value, sources


# ---- The operations: ours, PyTorch's, on jets -------------------------------------------------------------------------


def _sin(x: Jet) -> Jet:
    s, c = np.sin(x.value), np.cos(x.value)
    return x.through(s, c, -s, -c)


def _tanh(x: Jet) -> Jet:
    y = np.tanh(x.value)
    d = 1.0 - y * y
    return x.through(y, d, -2.0 * y * d, d * (6.0 * y * y - 2.0))


def _reciprocal(x: Jet) -> Jet:
    y = 1.0 / x.value
    return x.through(y, -(y**2), 2.0 * y**3, -6.0 * y**4)


def _root(x: Jet) -> Jet:
    y = np.sqrt(x.value)
    return x.through(y, 0.5 / y, -0.25 / y**3, 0.375 / y**5)


def _cube(x: Jet) -> Jet:
    v = x.value
    return x.through(v**3, 3.0 * v**2, 6.0 * v, np.full(np.shape(v), 6.0))


def _larger(x: Jet, y: Jet) -> Jet:
    return Jet(*(np.where(x.value > y.value, a, b) for a, b in zip(x.c, y.c, strict=True)))


def _one(x: Jet) -> Jet:
    return constant(np.ones(np.shape(x.value)), len(x.c) - 1)


@dataclass(frozen=True)
class Operation:
    arity: int
    ours: Callable[..., Any]
    torch: Callable[..., Any]
    jet: Callable[..., Jet]
    partials: Callable[..., tuple[float, ...]] = lambda *xs: ()  # of numbers alone

    def path(self, *xs: "Path") -> "Path":
        values = [x.value for x in xs]
        return Path(
            float(self.jet(*map(Jet, values)).value), tuple(zip(xs, self.partials(*values), strict=True))
        )


SCALAR: dict[str, Operation] = {
    "add": Operation(2, lambda x, y: x + y, torch.add, Jet.__add__, lambda x, y: (1.0, 1.0)),
    "subtract": Operation(2, lambda x, y: x - y, torch.sub, Jet.__sub__, lambda x, y: (1.0, -1.0)),
    "multiply": Operation(2, lambda x, y: x * y, torch.mul, Jet.times, lambda x, y: (y, x)),
    "divide": Operation(
        2,
        lambda x, y: x / (2.0 + y * y),
        lambda x, y: x / (2.0 + y * y),
        lambda x, y: x.times(_reciprocal(_one(y) + _one(y) + y.times(y))),
        lambda x, y: (1.0 / (2.0 + y * y), -2.0 * x * y / (2.0 + y * y) ** 2),
    ),
    "negate": Operation(1, lambda x: -x, torch.neg, lambda x: x.linear(np.negative), lambda x: (-1.0,)),
    "scale": Operation(
        1, lambda x: 0.7 * x, lambda x: 0.7 * x, lambda x: x.linear(lambda c: 0.7 * c), lambda x: (0.7,)
    ),
    "shift": Operation(
        1,
        lambda x: 1.5 - x,
        lambda x: 1.5 - x,
        lambda x: _one(x) + _one(x).linear(lambda c: 0.5 * c) - x,
        lambda x: (-1.0,),
    ),
    "square": Operation(1, lambda x: x * x, lambda x: x * x, lambda x: x.times(x), lambda x: (2.0 * x,)),
    "cube": Operation(1, lambda x: x**3, lambda x: x**3, _cube, lambda x: (3.0 * x * x,)),
    "sin": Operation(1, ag.sin, torch.sin, _sin, lambda x: (math.cos(x),)),
    "tanh": Operation(1, lambda x: x.tanh(), torch.tanh, _tanh, lambda x: (1.0 - math.tanh(x) ** 2,)),
    "root": Operation(
        1,
        lambda x: ag.sqrt(x * x + 1.0),
        lambda x: torch.sqrt(x * x + 1.0),
        lambda x: _root(x.times(x) + _one(x)),
        lambda x: (x / math.sqrt(x * x + 1.0),),
    ),
    "relu": Operation(
        1,
        lambda x: (x - 0.123).relu(),
        lambda x: torch.relu(x - 0.123),
        lambda x: (x - _one(x).linear(lambda c: 0.123 * c)).linear(
            lambda c, x=x: np.where(x.value > 0.123, c, 0.0)
        ),
        lambda x: (float(x > 0.123),),
    ),
    "larger": Operation(
        2,
        lambda x, y: ag.maximum(x, y + 0.0137),
        lambda x, y: torch.maximum(x, y + 0.0137),
        lambda x, y: _larger(x, y + _one(y).linear(lambda c: 0.0137 * c)),
        lambda x, y: (float(x > y + 0.0137), float(x <= y + 0.0137)),
    ),
    "dot": Operation(
        3,
        lambda x, y, z: ag.dot([x, y], [y, z], x) if isinstance(x, ag.Value) else x * y + y * z + x,
        lambda x, y, z: x * y + y * z + x,
        lambda x, y, z: x.times(y) + y.times(z) + x,
        lambda x, y, z: (y + 1.0, x + z, y),
    ),
}


def _matrix(x: Any, full: Callable[[Any], Any]) -> Any:
    """Any of the shapes as a (3, 3) matrix."""
    return x if tuple(x.shape) == (3, 3) else full(x)


def _full(x: Any) -> Any:
    return np.broadcast_to(x, (3, 3))


ARRAY: dict[str, Operation] = {
    **SCALAR,
    "matmul": Operation(
        2,
        lambda x, y: (
            0.3
            * (
                _matrix(x, lambda x: ag.broadcast_to(x, (3, 3)))
                @ _matrix(y, lambda y: ag.broadcast_to(y, (3, 3)))
            )
        ),
        lambda x, y: 0.3 * (torch.broadcast_to(x, (3, 3)) @ torch.broadcast_to(y, (3, 3))),
        lambda x, y: x.linear(_full).times(y.linear(_full), lambda a, b: 0.3 * (a @ b)),
    ),
    "transpose": Operation(
        1, lambda x: x.T, lambda x: x.mT if x.ndim > 1 else x, lambda x: x.linear(np.transpose)
    ),
    "sum": Operation(
        1, lambda x: 0.4 * x.sum(), lambda x: 0.4 * x.sum(), lambda x: x.linear(lambda c: 0.4 * np.sum(c))
    ),
    "mean of columns": Operation(
        1,
        lambda x: ag.mean(ag.broadcast_to(x, (3, 3)), 0),
        lambda x: torch.broadcast_to(x, (3, 3)).mean(0),
        lambda x: x.linear(lambda c: _full(c).mean(0)),
    ),
    "sum of rows kept": Operation(
        1,
        lambda x: ag.sum(ag.broadcast_to(x, (3, 3)), -1, keepdims=True),
        lambda x: torch.broadcast_to(x, (3, 3)).sum(-1, keepdim=True),
        lambda x: x.linear(lambda c: _full(c).sum(-1, keepdims=True)),
    ),
    "row, doubly": Operation(
        1,
        lambda x: ag.broadcast_to(x, (3, 3))[[1, 0, 1], [0, 0, 2]],
        lambda x: torch.broadcast_to(x, (3, 3))[[1, 0, 1], [0, 0, 2]],
        lambda x: x.linear(lambda c: _full(c)[[1, 0, 1], [0, 0, 2]]),
    ),
    "column": Operation(
        1,
        lambda x: ag.broadcast_to(x, (3, 3))[:, 1:2],
        lambda x: torch.broadcast_to(x, (3, 3))[:, 1:2],
        lambda x: x.linear(lambda c: _full(c)[:, 1:2]),
    ),
    "reversed stack": Operation(
        2,
        lambda x, y: ag.flip(ag.stack([ag.broadcast_to(z, (3, 3))[0] for z in (x, y, x)]), 0),
        lambda x, y: torch.flip(torch.stack([torch.broadcast_to(z, (3, 3))[0] for z in (x, y, x)]), [0]),
        lambda x, y: Jet(
            *(np.stack([_full(z)[0] for z in (a, b, a)])[::-1] for a, b in zip(x.c, y.c, strict=True))
        ),
    ),
}

# ---- Programs ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Program:
    """Leaves, constants, and steps (operation, how far back its operands are); its value is the sum of the last four results."""

    leaves: tuple[tuple[int, ...], ...]  # their shapes
    constants: int
    steps: tuple[tuple[str, tuple[int, ...]], ...]
    seed: int

    def data(self) -> list[np.ndarray]:
        rng = np.random.default_rng(self.seed)
        return [rng.uniform(-1.5, 1.5, shape) for shape in (*self.leaves, *[()] * self.constants)]

    def directions(self) -> list[np.ndarray]:
        rng = np.random.default_rng([self.seed, 1])
        return [rng.uniform(-1.0, 1.0, shape) for shape in self.leaves]

    def run(
        self, start: list[Any], reading: str, table: dict[str, Operation], value: Callable[[Any], Any]
    ) -> Any:
        """Its value, given leaves and then constants. What has grown large is replaced by its sine, so that nothing overflows."""
        results = start[len(self.leaves) :] + start[: len(self.leaves)]
        for name, places in self.steps:
            result = getattr(table[name], reading)(*[results[-1 - i % len(results)] for i in places])
            if np.max(np.abs(value(result)), initial=0.0) > 4.0:
                result = getattr(table["sin"], reading)(result)
            results.append(result)
        *others, last = results[-min(4, len(self.steps)) :]
        for result in others:
            last = getattr(table["add"], reading)(last, result)
        return last


def programs(table: dict[str, Operation], shapes: list[tuple[int, ...]]) -> st.SearchStrategy[Program]:
    """Up to three leaves, two constants, and two to twenty steps, each on one of the last three results and any others near."""

    def step(name: str) -> st.SearchStrategy[tuple[str, tuple[int, ...]]]:
        back = [st.integers(0, 2), *[st.integers(0, 9)] * (table[name].arity - 1)]
        return st.tuples(st.just(name), st.tuples(*back))

    steps = st.sampled_from(sorted(table)).flatmap(step)
    return st.builds(
        Program,
        leaves=st.lists(st.sampled_from(shapes), min_size=1, max_size=3).map(tuple),
        constants=st.integers(0, 2),
        steps=st.sampled_from([2, 5, 8, 11, 14, 17, 20])
        .flatmap(lambda n: st.lists(steps, min_size=n, max_size=n))
        .map(tuple),
        seed=st.integers(0, 10_000),
    )


SCALARS = programs(SCALAR, [()])
ARRAYS = programs(ARRAY, [(), (3,), (1, 3), (3, 1), (3, 3)])
DIAMOND = Program(((),), 0, (("add", (0, 0)),) * 10, 3)  # 2¹⁰ paths


def near(got: Any, wanted: Any, size: float = 1.0) -> None:
    """To a relative 1e-9 of the larger of the number and its neighbours."""
    got, wanted = np.asarray(got), np.asarray(wanted)
    assert got.shape == wanted.shape
    scale = size + np.max(np.abs(wanted), initial=0.0)
    assert np.allclose(got, wanted, rtol=1e-9, atol=1e-10 * scale), (
        f"{got.tolist()} should be {wanted.tolist()}"
    )


def total(x: Any) -> Any:
    return x if tuple(x.shape) == () else x.sum()


def ours(program: Program, table: dict[str, Operation], kind: Any) -> tuple[list[Any], Any]:
    data = program.data()
    leaves = [kind(x) for x in data[: len(program.leaves)]]
    constants = [kind(x, requires_grad=False) for x in data[len(program.leaves) :]]
    return leaves, total(program.run([*leaves, *constants], "ours", table, lambda node: node.data))


def theirs(program: Program, table: dict[str, Operation]) -> tuple[list[Any], Any]:
    tensors = [torch.from_numpy(np.array(x)) for x in program.data()]
    leaves = [x.requires_grad_() for x in tensors[: len(program.leaves)]]
    return leaves, program.run(tensors, "torch", table, lambda x: x.numpy(force=True)).sum()


def jet(program: Program, table: dict[str, Operation], order: int, along: list[np.ndarray]) -> Jet:
    data = program.data()
    start = [Jet(x, v, *[np.zeros(x.shape)] * (order - 1)) for x, v in zip(data, along, strict=False)]
    start += [constant(x, order) for x in data[len(program.leaves) :]]
    return program.run(start, "jet", table, lambda x: x.value).linear(np.sum)


def derivatives_along(root: Any, leaves: list[Any], along: list[np.ndarray], orders: int) -> list[float]:
    """The derivatives of order 1, 2, … along a line, by nested gradients."""
    found = []
    for _ in range(orders):
        root = _directional(ag.gradients(root, leaves, create_graph=True, allow_unused=True), along)
        found.append(float(root.data))
    return found


def _directional(grads: list[Any], along: list[np.ndarray]) -> Any:
    parts = [
        total(g * (float(v) if isinstance(g, ag.Value) else v)) for g, v in zip(grads, along, strict=True)
    ]
    out = parts[0]
    for part in parts[1:]:
        out = out + part
    return out


def plain(root: Any, leaves: list[Any]) -> list[Any]:
    return ag.gradients(root, leaves, allow_unused=True)


# ---- The tests --------------------------------------------------------------------------------------------------------


@HOW
@given(SCALARS)
@example(DIAMOND)
def test_values_against_the_sum_over_paths(program: Program) -> None:
    """The gradient of a Value is the sum, over every path to a leaf, of the products of local derivatives along it."""
    leaves, root = ours(program, SCALAR, ag.Value)
    start = [Path(float(x)) for x in program.data()]
    end = program.run(start, "path", SCALAR, lambda path: path.value)
    near(root.data, end.value)
    slopes = dict.fromkeys(start, 0.0)
    ahead, walked = [(end, 1.0)], 0
    while ahead and walked < 20_000:
        walked += 1
        path, product = ahead.pop()
        if path in slopes:
            slopes[path] += product
        ahead += [(source, product * partial) for source, partial in path.sources if partial]
    if not ahead:  # few enough to have been walked to the end
        for got, leaf in zip(plain(root, leaves), start, strict=False):
            near(got, slopes[leaf])


@HOW
@given(SCALARS)
@example(DIAMOND)
def test_values_of_orders_1_to_3(program: Program) -> None:
    """Derivatives of order 1, 2 and 3 of Values, along a line, equal those of jets; each partial of order 1 too."""
    check(program, SCALAR, ag.Value)


@HOW
@given(SCALARS)
@example(DIAMOND)
def test_0d_tensors_of_orders_1_to_3(program: Program) -> None:
    """The same graphs on 0-d Tensors: they equal the jets, and the Values to a few units in the last place."""
    check(program, SCALAR, ag.Tensor)
    (values, root), (tensors, other) = ours(program, SCALAR, ag.Value), ours(program, SCALAR, ag.Tensor)
    near(other.data, root.data)
    for g, h in zip(plain(root, values), plain(other, tensors), strict=True):
        near(h, g)


@HOW
@given(ARRAYS)
def test_tensors_of_orders_1_to_3(program: Program) -> None:
    """Graphs of arrays of mixed shapes, with products, reductions, indices and stacks among them, equal the jets."""
    check(program, ARRAY, ag.Tensor)


def check(program: Program, table: dict[str, Operation], kind: Any) -> None:
    leaves, root = ours(program, table, kind)
    along = program.directions()
    series = jet(program, table, 3, along)
    near(root.data, series.value)
    found = derivatives_along(root, leaves, along, 3) if root.requires_grad else [0.0, 0.0, 0.0]
    for k, (got, coefficient) in enumerate(zip(found, series.c[1:], strict=True), 1):
        near(got, coefficient * math.factorial(k), 10.0**k)
    for i, (g, x) in enumerate(zip(plain(root, leaves), leaves, strict=True)):
        for place in np.ndindex(x.shape):
            unit = [np.zeros(leaf.shape) for leaf in leaves]
            unit[i][place] = 1.0
            near(np.asarray(g)[place], jet(program, table, 1, unit).c[1])


@HOW
@given(SCALARS)
@example(DIAMOND)
def test_values_against_pytorch(program: Program) -> None:
    """Gradients of Values and of their gradients equal PyTorch's, leaf by leaf."""
    beside_pytorch(program, SCALAR, ag.Value)


@HOW
@given(ARRAYS)
def test_tensors_against_pytorch(program: Program) -> None:
    """Gradients of Tensors, and of order 2 and 3, equal PyTorch's, leaf by leaf."""
    beside_pytorch(program, ARRAY, ag.Tensor)


def beside_pytorch(program: Program, table: dict[str, Operation], kind: Any) -> None:
    (leaves, root), (tensors, level) = ours(program, table, kind), theirs(program, table)
    near(root.data, level.numpy(force=True))
    along = program.directions()
    for order in (1, 2, 3):
        if not (root.requires_grad and level.requires_grad):
            assert all(not np.any(g) for g in ag.gradients(root, leaves, allow_unused=True))
            break
        wanted = torch.autograd.grad(
            level, tensors, create_graph=True, allow_unused=True, materialize_grads=True
        )
        grads = ag.gradients(root, leaves, create_graph=True, allow_unused=True)
        for g, raw, h in zip(grads, plain(root, leaves), wanted, strict=True):
            near(g.data, h.numpy(force=True), 10.0**order)
            near(raw, g.data)
        root = _directional(grads, along)
        level = sum((h * torch.from_numpy(np.array(v))).sum() for h, v in zip(wanted, along, strict=True))


@HOW
@given(SCALARS | ARRAYS)
def test_backward_stores_what_gradients_returns(program: Program) -> None:
    """backward() leaves in .grad of leaves and of interior nodes what gradients() returns for them; a second one adds on leaves alone."""
    kind = ag.Tensor
    leaves, root = ours(program, ARRAY, kind)
    if not root.requires_grad:
        with pytest.raises(ag.GraphError, match="nothing to differentiate"):
            root.backward()
        return
    interior = [node for node in ag.core.engine.toposort(root) if node.parents]
    wanted = ag.gradients(root, leaves + interior, allow_unused=True)
    root.backward()
    for node, g in zip(leaves + interior, wanted, strict=True):
        near(np.zeros(node.shape) if node.grad is None else node.grad, g)
    root.backward()
    for node, g in zip(leaves, wanted, strict=False):
        near(np.zeros(node.shape) if node.grad is None else node.grad, 2.0 * g)
    for node, g in zip(interior, wanted[len(leaves) :], strict=True):
        near(node.grad, g)


def _reached(program: Program) -> set[int]:
    """The leaves that the value was made from."""
    start = program.constants + len(program.leaves)
    back: list[tuple[int, ...]] = [()] * start
    for _, places in program.steps:
        back.append(tuple(len(back) - 1 - i % len(back) for i in places))
    seen, stack = set(), list(range(len(back) - min(4, len(program.steps)), len(back)))
    while stack:
        place = stack.pop()
        if place not in seen:
            seen.add(place)
            stack += back[place]
    return {i - program.constants for i in seen if program.constants <= i < start}


@HOW
@given(SCALARS)
def test_a_leaf_that_is_not_used_is_named(program: Program) -> None:
    """gradients() of a leaf that the result was not made from raises GraphError naming it, or gives 0 with allow_unused."""
    leaves, root = ours(program, SCALAR, ag.Value)
    reached = _reached(program)
    for i, leaf in enumerate(leaves):
        leaf.label = f"leaf {i}"
        if i in reached:
            assert isinstance(ag.gradients(root, leaf), float)
        else:
            with pytest.raises(ag.GraphError, match=f"leaf {i}|nothing to differentiate"):
                ag.gradients(root, leaf)
            assert ag.gradients(root, leaf, allow_unused=True) == 0.0


def test_the_reference_can_fail() -> None:
    """A wrong rule in the graph is noticed: the jets, the paths and PyTorch do not follow it."""
    right = SCALAR["square"]
    wrong = ag.Op("square", lambda xp, x: x * x, (lambda xp, g, out, x: g * x,))
    SCALAR["square"] = Operation(1, lambda x: ag.apply(wrong, x), right.torch, right.jet, right.partials)
    program = Program(
        ((),),
        0,
        (("square", (0,)), ("sin", (0,)), ("scale", (0,)), ("scale", (0,)), ("scale", (0,)), ("scale", (0,))),
        5,
    )
    try:
        for test in (check, beside_pytorch):
            with pytest.raises(AssertionError, match="should be"):
                test(program, SCALAR, ag.Value)
    finally:
        SCALAR["square"] = right


def _by_distance(root: Any) -> list[Any]:
    """A wrong order: the nearest to the root last, whatever paths lead to it."""
    order, ahead = [], [root]
    for node in ahead:
        if node not in order:
            order.append(node)
            ahead += [parent for parent in node.parents if parent.requires_grad]
    return order[::-1]


@pytest.mark.parametrize("kind", [ag.Value, ag.Tensor], ids=["Value", "Tensor"])
def test_a_wrong_order_is_noticed(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that pulls gradients through a node before all its uses are in fails the same checks."""
    program = Program(
        ((),), 0, (("sin", (0,)), ("square", (0,)), ("add", (0, 1)), ("multiply", (0, 2)), ("sin", (0,))), 5
    )
    check(program, SCALAR, kind)
    monkeypatch.setattr("autograd_mini.derivatives.toposort", _by_distance)
    with pytest.raises(AssertionError, match="should be"):
        check(program, SCALAR, kind)
