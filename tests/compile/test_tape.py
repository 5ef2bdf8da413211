"""The tape gives what the engine gives on Values: every function to the bit, sums of products to 1e-12."""

import math
import threading
import tracemalloc

import numpy as np
import pytest

import autograd_mini as ag
from autograd_mini.compile import kernels, tape
from autograd_mini.core.engine import toposort
from tests.compile.test_native import AWKWARD, BINARY, UNARY, outcome

pytest.importorskip("llvmlite")
rng = np.random.default_rng(4)
SIZES = [2, 8, 8, 1]


@pytest.fixture(autouse=True)
def fresh_loops():
    """Loops are made anew, as a test may plant a fault in them."""
    tape._loop.cache_clear()
    yield
    tape._loop.cache_clear()


def is_taped(compiled):
    return type(compiled.latest.run) is tape.Tape


@pytest.mark.parametrize("name", UNARY)
def test_functions_with_their_gradients_to_the_bit(name):
    """At zeros of either sign, ties, large numbers, ∞ and NaN; and second derivatives, which are a graph of their own."""
    row = getattr(ag, name)
    if not row(ag.Value(0.5)).requires_grad:
        return
    first = ag.value_and_grad(row)
    second = ag.grad(ag.grad(row, allow_unused=True), allow_unused=True)
    for f in (first, lambda x: [second(x)]):
        compiled = ag.compile(f, engine="tape")
        try:
            compiled(1.5)
        except ag.CompileError:
            assert f is not first  # the mask of a mask is not arithmetic of numbers
            continue
        for x in AWKWARD:
            found = outcome(compiled, x)
            assert found == [np.array(y, float).tobytes() if y == y else "NaN" for y in f(x)], x
        assert is_taped(compiled)


@pytest.mark.parametrize("name", BINARY)
def test_functions_of_two_with_their_gradients_to_the_bit(name):
    row = getattr(ag, name)
    f = ag.value_and_grad(lambda x, y: row(x, y) * 1.0, argnums=(0, 1), allow_unused=True)
    if not row(ag.Value(0.5), ag.Value(0.7)).requires_grad:
        return
    compiled = ag.compile(lambda x, y: [f(x, y)[0], *f(x, y)[1]], engine="tape")
    for x in AWKWARD:
        for y in AWKWARD:
            value, slopes = f(x, y)
            wanted = [np.array(z, float).tobytes() if z == z else "NaN" for z in (value, *slopes)]
            assert outcome(compiled, x, y) == wanted, (x, y)


def network(seed):
    """Weights and biases of a net of single Values, and its loss on some points, written with sums."""
    random = np.random.default_rng(seed)
    pairs = [*zip(SIZES, SIZES[1:], strict=False)]
    weights = [[[random.normal() for _ in range(a)] for _ in range(b)] for a, b in pairs]
    biases = [[0.1 * random.normal() for _ in range(b)] for _, b in pairs]
    points = [(random.normal(), random.normal()) for _ in range(12)]
    return weights, biases, points


def loss(weights, biases, points):
    total = 0.0
    for x in points:
        out, y = list(x), 1.0 if x[0] * x[1] > 0 else -1.0
        for rows, offsets in zip(weights, biases, strict=True):
            out = [
                sum((w * v for w, v in zip(row, out, strict=True)), b).tanh()
                for row, b in zip(rows, offsets, strict=True)
            ]
        total = total + (1 - y * out[0]).relu()
    return total * (1 / len(points)) + 1e-3 * sum(w * w for rows in weights for row in rows for w in row)


def close(found, expected):
    if isinstance(expected, list | tuple):
        for a, b in zip(found, expected, strict=True):
            close(a, b)
    else:
        assert math.isclose(found, expected, rel_tol=1e-12, abs_tol=1e-15)


def test_a_net_of_values_is_taped_by_itself_and_gives_the_engines_gradients():
    """On weights other than those recorded, call after call; what is returned is not written over."""
    f = ag.value_and_grad(lambda w, b: loss(w, b, POINTS), argnums=(0, 1))
    _, _, POINTS = network(0)
    compiled = ag.compile(f)
    kept = []
    for seed in range(4):
        weights, biases, _ = network(seed)
        kept.append((compiled(weights, biases), f(weights, biases)))
    assert is_taped(compiled)
    for found, expected in kept:
        close(found, expected)
    nodes = len(toposort(loss([[[*map(ag.Value, row)] for row in rows] for rows in weights], biases, POINTS)))
    assert len(compiled.latest.run.code) < 0.5 * nodes


def test_the_zeros_of_a_sparse_hessian_are_constants():
    """Nothing is read for them at a call; rows are fresh lists."""

    def f(x):
        return sum((x[i + 1] - x[i] * x[i]) ** 2 for i in range(len(x) - 1))

    compiled, x = ag.compile(ag.hessian(f), engine="tape"), rng.normal(size=12).tolist()
    first, again = compiled(x), compiled(x)
    assert (compiled.latest.nodes, compiled.latest.arrays) == ([], [])
    assert len(compiled.latest.ends) < 50
    close(first, ag.hessian(f)(x))
    first[3][0] = 7.0
    assert again[3][0] == compiled(x)[3][0] == 0.0


def test_a_tape_has_no_source():
    compiled = ag.compile(ag.grad(lambda x: x * x), engine="tape")
    compiled(2.0)
    with pytest.raises(ag.CompileError, match="a tape has no source: take engine='numpy'"):
        print(compiled.source)


def test_backward_and_closed_over_values():
    """Weights are read at each call; `.grad` of leaves is set, added up, and forgotten by zero_grad."""
    weights, biases, points = network(1)
    leaves = [[[ag.Value(w) for w in row] for row in rows] for rows in weights]
    offsets = [[ag.Value(b) for b in row] for row in biases]
    scale = ag.Value(2.0, requires_grad=False)
    every = [w for rows in leaves for row in rows for w in row]

    def step():
        for w in every:
            w.zero_grad()
        out = loss(leaves, offsets, points) * scale
        out.backward()
        return out

    compiled = ag.compile(step)
    for i in range(3):
        found, grads = compiled(), [w.grad for w in every]
        others = [b.grad for row in offsets for b in row]
        for row in offsets:
            for b in row:
                b.zero_grad()
        expected = step()
        close(found, expected.data)
        close(grads, [w.grad for w in every])
        if not i:
            close(others, [b.grad for row in offsets for b in row])
        for w in every:
            w.data -= 0.1 * w.grad
        scale.data = 3.0 + i
    assert is_taped(compiled)


def test_neurons_of_one_node_are_sums_too():
    """ag.nn.scalar.MLP, whose neurons are dot products."""
    net = ag.nn.scalar.MLP(3, [8, 8, 1], rng=0)
    points = rng.normal(size=(40, 3)).tolist()

    def total():
        for p in net.parameters():
            p.zero_grad()
        out = sum(net(x) * net(x) for x in points)
        out.backward()
        return out

    compiled = ag.compile(total, engine="tape")
    for _ in range(2):
        found, grads = compiled(), [p.grad for p in net.parameters()]
        close(found, total().data)
        close(grads, [p.grad for p in net.parameters()])
        for p in net.parameters():
            p.data -= 1e-3 * p.grad


def test_branches_are_guards_and_gradients_that_decide_are_numbers():
    """A call that goes another way is recorded anew; so is one that looks at a gradient."""

    def f(x, y):
        (slope,) = ag.gradients(x * x * y, [x], create_graph=True)
        return slope * 2.0 if slope > 1.0 else ag.sin(slope) if x > 0.0 else y * x

    compiled = ag.compile(f, engine="tape")
    for _ in range(2):
        for x, y in [(1.0, 2.0), (0.1, 0.2), (-0.5, 3.0), (-1.0, -4.0)]:
            assert compiled(x, y) == f(ag.Value(x), ag.Value(y)).data
    assert is_taped(compiled)
    assert sum(map(len, compiled.versions.values())) == 3


def test_sums_whose_parts_are_read_elsewhere_stay():
    """Partial sums and products that are outputs, gradients or operands of something else."""

    def f(a, b, c):
        p, q = a * b, b * c
        s = a + p
        t = s + q
        u = t + p * c
        slopes = ag.gradients(u * s, [a, p, s, c], create_graph=True)
        return [u, s, *slopes, ag.where(t > 1.0, t, q)]

    compiled = ag.compile(f, engine="tape")
    for given in [(1.0, 2.0, 3.0), (-0.5, 0.25, 4.0), (1e3, -1e-3, 0.0)]:
        close(compiled(*given), [x.data for x in f(*map(ag.Value, given))])


def interior(x, y):
    h = x * y
    out = h * h + ag.sin(h)
    out.backward()
    return [h.grad, out]


def given_from_above(x, y):
    h = x * y + x
    (a,) = ag.gradients(h * h, [h], grad_output=y * 2.0, create_graph=True)
    (b,) = ag.gradients(ag.exp(h), [x], create_graph=True)
    return [a, b, a + b * x]


def added_up(x, y):
    h = x * y
    h.backward()
    (h * h + x).backward()
    return [h.grad, h]


@pytest.mark.parametrize("f", [interior, given_from_above, added_up])
def test_gradients_inside_a_function_are_numbers_like_any_other(f):
    """Of interior nodes, from a gradient above that is computed, and of several sweeps."""
    compiled = ag.compile(f, engine="tape")
    for x, y in [(1.5, 2.0), (-0.3, 0.7), (0.0, 1.0)]:
        expected = [z if isinstance(z, float) else z.data for z in f(ag.Value(x), ag.Value(y))]
        close(compiled(x, y), expected)
    assert is_taped(compiled)


def test_unused_arguments_and_constant_results():
    compiled = ag.compile(lambda x, y: (x * 2.0, ag.Value(3.0), x), engine="tape")
    assert compiled(1.5, 0.0) == (3.0, 3.0, 1.5)
    assert compiled(2.5, 1.0) == (5.0, 3.0, 2.5)


def test_what_is_no_tape():
    with pytest.raises(ag.CompileError, match="engine='tape' runs Values alone"):
        ag.compile(lambda x: x.sum(), engine="tape")(np.ones(3))
    own = ag.Op("own", lambda xp, x: math.exp(x), (lambda xp, g, out, x: g * out,))
    with pytest.raises(ag.CompileError, match="by rules that can be read"):
        ag.compile(lambda x: own(x) * x, engine="tape")(1.0)


def test_eight_threads_and_flat_memory():
    f = ag.value_and_grad(lambda w, b: loss(w, b, POINTS), argnums=(0, 1))
    _, _, POINTS = network(0)
    compiled, wrong = ag.compile(f), []
    nets = [network(seed)[:2] for seed in range(4)]
    expected = [f(*net)[0] for net in nets]

    def work():
        for _ in range(50):
            for net, value in zip(nets, expected, strict=True):
                if not math.isclose(compiled(*net)[0], value, rel_tol=1e-12):
                    wrong.append(net)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(2000):
        compiled(*nets[0])
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 5000


def test_a_planted_fault_is_found(monkeypatch):
    """The comparisons above can fail."""
    monkeypatch.setitem(kernels.KERNELS, "subtract", kernels.KERNELS["add"])
    assert ag.compile(lambda x: x - 1.0, engine="tape")(3.0) == 4.0
