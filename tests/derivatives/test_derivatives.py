"""Derivatives of every kind and order: the right answers, against torch.func and closed forms, float64.

What transformations return, keep and refuse is in test_derivatives_errors.py. Tolerances are relative to the largest element.
"""

import collections
import functools
import itertools
import math
import warnings

import numpy as np
import pytest
import scipy.optimize
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd_mini as ag
from autograd_mini import Tensor, Value, derivatives, nn
from autograd_mini.core.node import Node
from autograd_mini.nn.activations import ACTIVATIONS
from tests.helpers import numbers
from tests.helpers.peers import torch

Pair = collections.namedtuple("Pair", "weight bias")


@pytest.fixture(scope="module", autouse=True)
def first_forward_derivative():
    """PyTorch warns once, of its own doing, at its first forward-mode derivative."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.func.jacfwd(torch.sin)(torch.tensor(0.0))


def each(tree, change):
    """The same nested containers with each leaf changed."""
    if isinstance(tree, dict):
        return {key: each(part, change) for key, part in tree.items()}
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*(each(part, change) for part in tree))
    if isinstance(tree, list | tuple):
        return type(tree)(each(part, change) for part in tree)
    return change(tree)


def leaves(tree):
    """The leaves, from left to right."""
    found = []
    each(tree, found.append)
    return found


def raw(x):
    """A leaf as an array."""
    return np.asarray(x.data if isinstance(x, Node) else x, np.float64)


def to_torch(tree):
    return each(tree, lambda x: torch.tensor(raw(x), dtype=torch.float64))


def like(tree, seed=0):
    """Random numbers in the structure and shapes of the tree."""
    rng = np.random.default_rng(seed)
    return each(tree, lambda x: rng.normal(size=raw(x).shape) if raw(x).ndim else float(rng.normal()))


# relative to the largest element of a leaf
close = functools.partial(numbers.close, floor=1.0)


# ---- The inputs, and functions of them in both libraries -----------------------------------------------------------------

rng = np.random.default_rng(1)
VECTOR, MATRIX, CUBE = rng.normal(size=3), rng.normal(size=(2, 3)), rng.normal(size=(2, 1, 2))

INPUTS = {
    "float": 0.7,
    "int": 2,
    "numpy scalar": np.float64(0.7),
    "0-d array": np.array(0.7),
    "vector": VECTOR,
    "one element": np.array([0.7]),
    "matrix": MATRIX,
    "three axes": CUBE,
    "integers": np.array([1, 2]),
    "Value": Value(0.7, label="x"),
    "constant Value": Value(0.7, requires_grad=False),
    "0-d Tensor": Tensor(0.7),
    "Tensor": Tensor(MATRIX, label="W"),
    "list": [0.4, VECTOR],
    "list of numbers": [0.4, -0.3, 1.2],
    "tuple": (VECTOR, MATRIX),
    "dict": {"w": MATRIX, "b": VECTOR, "a": 0.3},
    "namedtuple": Pair(MATRIX, 0.5),
    "list of nodes": [Value(0.4), Tensor(VECTOR), Value(-0.2)],
    "nested": {"layers": [Pair(MATRIX, VECTOR), Pair(Tensor(CUBE), 0.2)], "scale": (0.5,)},
}
VARIOUS = pytest.mark.parametrize("x", INPUTS.values(), ids=INPUTS.keys())


def energy(m):
    """A scalar function that mixes all the numbers of nested inputs, on nodes (m is ag) or on torch's tensors."""

    def f(tree):
        sums = [m.sum(m.sin(x + 0.3 * i) * x) for i, x in enumerate(leaves(tree))]
        squares = [m.sum(x * x * x) for x in leaves(tree)]
        total, cubes = sums[0], squares[-1]
        for s, q in zip(sums[1:], squares[:-1], strict=True):
            total, cubes = total + s, cubes + q * s
        return m.exp(-0.1 * total * total) + m.tanh(total) * cubes

    return f


def field(m):
    """A function of nested inputs with nested results: numbers, and arrays of the shapes of the inputs."""

    def f(tree):
        total = energy(m)(tree)
        found = leaves(tree)
        return {"all": total, "each": [m.sin(x) * total + x for x in found], "last": (m.exp(found[-1]),)}

    return f


# ---- Every function at every kind of input -------------------------------------------------------------------------------


@VARIOUS
def test_grad_is_torchs(x):
    close(ag.grad(energy(ag))(x), torch.func.grad(energy(torch))(to_torch(x)))


@VARIOUS
def test_value_and_grad_is_torchs(x):
    slope, value = torch.func.grad_and_value(energy(torch))(to_torch(x))
    close(ag.value_and_grad(energy(ag))(x), (value, slope))


@pytest.fixture(params=["as it chooses", "forward", "reverse"])
def mode(request, monkeypatch):
    """The mode of jacobian."""
    if request.param != "as it chooses":
        monkeypatch.setattr(derivatives, "FORWARD", -(10**9) if request.param == "forward" else 10**9)
    return request.param


@VARIOUS
def test_jacobian_of_a_nested_result_is_torchs(x, mode):
    close(ag.jacobian(field(ag))(x), torch.func.jacrev(field(torch))(to_torch(x)))


@VARIOUS
def test_jacobian_with_its_value(x, mode):
    value, slope = ag.jacobian(field(ag), value=True)(x)
    close(value, field(torch)(to_torch(x)))
    close(slope, torch.func.jacrev(field(torch))(to_torch(x)))


@VARIOUS
def test_hessian_is_torchs(x, mode):
    close(ag.hessian(energy(ag))(x), torch.func.hessian(energy(torch))(to_torch(x)))


@VARIOUS
def test_hessian_of_nested_inputs_is_that_of_their_vector(x):
    """Block [i][j] of the nested Hessian is that part of the Hessian of the ravelled vector; both are symmetric."""
    vector, unravel = ag.ravel(x)
    whole = ag.hessian(lambda v: energy(ag)(unravel(v)))(vector)
    sizes = [raw(part).size for part in leaves(x)]
    n, parts = len(sizes), leaves(ag.hessian(energy(ag))(x))
    found = np.block(
        [[np.reshape(parts[i * n + j], (sizes[i], sizes[j])) for j in range(n)] for i in range(n)]
    )
    close(found, whole)
    close(whole, whole.T)


@VARIOUS
def test_hvp_is_torchs_and_the_hessian_times_v(x):
    v = like(x)
    product = ag.hvp(energy(ag), x, v)
    close(product, torch.func.jvp(torch.func.grad(energy(torch)), (to_torch(x),), (to_torch(v),))[1])
    vector, unravel = ag.ravel(x)
    whole = ag.hessian(lambda u: energy(ag)(unravel(u)))(vector)
    close(ag.ravel(product)[0], whole @ ag.ravel(v)[0])


@VARIOUS
def test_vjp_is_torchs_and_v_times_the_jacobian(x):
    value, pullback = ag.vjp(field(ag), x)
    expected, torch_pullback = torch.func.vjp(field(torch), to_torch(x))
    close(value, expected)
    for seed in (0, 1):  # a pullback may be called again
        v = like(value, seed)
        close(pullback(v), torch_pullback(to_torch(v))[0])
    vector, unravel = ag.ravel(x)
    jacobian = ag.jacobian(
        lambda u: ag.concatenate([ag.reshape(y, (-1,)) for y in leaves(field(ag)(unravel(u)))])
    )(vector)
    close(ag.ravel(pullback(v))[0], ag.ravel(v)[0] @ jacobian)


@VARIOUS
def test_jvp_is_torchs_and_the_jacobian_times_v(x):
    v = like(x)
    value, slope = ag.jvp(field(ag), x, v)
    expected = torch.func.jvp(field(torch), (to_torch(x),), (to_torch(v),))
    close(value, expected[0])
    close(slope, expected[1])
    vector, unravel = ag.ravel(x)
    jacobian = ag.jacobian(
        lambda u: ag.concatenate([ag.reshape(y, (-1,)) for y in leaves(field(ag)(unravel(u)))])
    )(vector)
    close(ag.ravel(slope)[0], jacobian @ ag.ravel(v)[0])


ONE = [
    "float",
    "int",
    "numpy scalar",
    "0-d array",
    "vector",
    "matrix",
    "three axes",
    "integers",
    "Value",
    "0-d Tensor",
    "Tensor",
]


@pytest.mark.parametrize("order", range(5))
@pytest.mark.parametrize("name", ONE)
def test_derivative_of_an_elementwise_function_is_torchs(name, order):
    def f(m):
        return lambda x: m.sin(x) * m.exp(0.3 * x) + x**3 / (1.0 + x * x)

    x, expected = INPUTS[name], f(torch)
    for _ in range(order):
        expected = torch.func.grad(lambda t, g=expected: g(t).sum())
    close(ag.derivative(f(ag), order)(x), expected(to_torch(x)), 1e-10)


@pytest.mark.parametrize("name", ["float", "0-d array", "Value", "0-d Tensor"])
def test_derivative_is_nested_grad(name):
    nested = energy(ag)
    for order in range(1, 5):
        nested = ag.grad(nested)
        close(ag.derivative(energy(ag), order)(INPUTS[name]), nested(INPUTS[name]), 1e-12)


@pytest.mark.parametrize("name", ["vector", "matrix", "dict"])
def test_third_order_is_torchs(name, mode):
    """The Jacobian of the Hessian, in nested blocks, symmetric in all three places."""
    x = INPUTS[name]
    third = ag.jacobian(ag.hessian(energy(ag)))(x)
    close(third, torch.func.jacrev(torch.func.hessian(energy(torch)))(to_torch(x)))
    if name == "vector":
        for axes in itertools.permutations(range(3)):
            close(third.transpose(axes), third)


@pytest.mark.parametrize("order", ["".join(order) for order in itertools.permutations("xyz")])
def test_mixed_partials_do_not_depend_on_the_order(order):
    """∂³f/∂x∂y∂z in each of the six orders, by nested grad with argnums."""

    def f(x, y, z):
        return ag.sin(x * y) * ag.exp(y * z) / (2.0 + z * x)

    mixed = f
    for name in order:
        mixed = ag.grad(mixed, "xyz".index(name))
    reference = ag.grad(ag.grad(ag.grad(f, 0), 1), 2)(0.3, 0.8, -0.4)
    assert reference != 0
    close(mixed(0.3, 0.8, -0.4), reference, 1e-12)


# ---- Closed forms --------------------------------------------------------------------------------------------------------

CLOSED = {
    "sin": (ag.sin, lambda x, n: math.sin(x + n * math.pi / 2)),
    "exp": (lambda x: ag.exp(2 * x), lambda x, n: 2**n * math.exp(2 * x)),
    "log": (ag.log, lambda x, n: math.log(x) if n == 0 else (-1) ** (n - 1) * math.factorial(n - 1) / x**n),
    "x**5": (lambda x: x**5, lambda x, n: math.perm(5, n) * x ** (5 - n)),
    "x*x": (lambda x: x * x, lambda x, n: (x * x, 2 * x, 2.0, 0.0, 0.0)[n]),
    "1/x": (lambda x: 1 / x, lambda x, n: (-1) ** n * math.factorial(n) / x ** (n + 1)),
    "gauss": (
        lambda x: ag.exp(-x * x),
        lambda x, n: (-1) ** n * np.polynomial.hermite.hermval(x, [0] * n + [1]) * math.exp(-x * x),
    ),
}


@pytest.mark.smoke
@pytest.mark.parametrize("order", range(5))
@pytest.mark.parametrize(("f", "expected"), CLOSED.values(), ids=CLOSED.keys())
def test_derivative_in_closed_form(f, expected, order):
    close(ag.derivative(f, order)(0.8), expected(0.8, order), 1e-12)
    close(
        ag.derivative(f, order)(np.array([0.8, 1.7])),
        [expected(0.8, order), expected(1.7, order)] @ np.eye(2),
        1e-12,
    )


def test_a_power_keeps_its_derivatives_where_the_exponent_is_zero():
    """∂⁴/∂x⁴ of (1.2 + σ(x))^sin x + x⁵ at 0, by mpmath to 24 digits; PyTorch 2.13 has −1.2879."""
    close(
        ag.derivative(lambda x: (1.2 + ag.sigmoid(x)) ** ag.sin(x) + x**5, 4)(0.0),
        -1.28520494182613646036378972458,
        1e-12,
    )


def test_quadratic_form():
    """xᵀAx has the gradient (A + Aᵀ)x and the Hessian A + Aᵀ."""
    A, x = rng.normal(size=(4, 4)), rng.normal(size=4)

    def f(x):
        return x @ A @ x

    close(ag.grad(f)(x), (A + A.T) @ x, 1e-13)
    close(ag.hessian(f)(x), A + A.T, 1e-13)
    close(ag.hvp(f, x, x), (A + A.T) @ x, 1e-13)


@pytest.mark.smoke
def test_rosenbrock():
    """Gradient and Hessian of Rosenbrock's function are those that scipy has in closed form."""
    x = rng.normal(size=7)

    def f(x):
        return ag.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)

    close(ag.grad(f)(x), scipy.optimize.rosen_der(x), 1e-12)
    close(ag.hessian(f)(x), scipy.optimize.rosen_hess(x), 1e-12)
    close(ag.hvp(f, x, x + 1), scipy.optimize.rosen_hess_prod(x, x + 1), 1e-12)


def test_jacobian_of_softmax(mode):
    """It is diag(p) − p pᵀ."""
    x = rng.normal(size=5)
    p = np.exp(x) / np.exp(x).sum()
    close(ag.jacobian(ag.softmax)(x), np.diag(p) - np.outer(p, p), 1e-13)


def test_jacobian_has_the_shape_of_the_result_and_then_of_the_argument(mode):
    """∂(WX)ᵢⱼ/∂Xₖₗ = Wᵢₖ δⱼₗ."""
    W, X = rng.normal(size=(2, 3)), rng.normal(size=(3, 4))
    found = ag.jacobian(lambda X: W @ X)(X)
    assert found.shape == (2, 4, 3, 4)
    close(found, np.einsum("ik,jl->ijkl", W, np.eye(4)), 1e-14)


@pytest.mark.parametrize(
    "f", [lambda X: X.T * 2.0, lambda X: ag.sin(X[..., None]) * MATRIX.T], ids=["transposed", "broadcast"]
)
def test_the_layout_in_memory_changes_nothing(f, mode):
    """NumPy gives results in Fortran's order where its operands are; arguments may be in it too."""
    X = np.random.default_rng(3).normal(size=(2, 3))
    result = f(Tensor(X)).data
    expected = np.stack(
        [ag.gradients(f(t := Tensor(X)), t, v) for v in np.eye(result.size).reshape(-1, *result.shape)]
    )
    expected = expected.reshape(result.shape + X.shape)
    assert expected.any()
    transposed = Tensor(np.ascontiguousarray(X.T)).T
    for x in (X, np.asfortranarray(X), transposed, transposed.detach()):
        close(ag.jacobian(f)(x), expected)
        close(
            ag.hvp(lambda X: ag.sum(f(X) ** 3), x, np.asfortranarray(X)),
            ag.hvp(lambda X: ag.sum(f(X) ** 3), X, X),
        )


def test_what_a_result_does_not_depend_on_has_zeros(mode):
    found = ag.jacobian(lambda p: {"u": p["a"] * 2.0, "v": ag.sum(p["b"])})({"a": 3.0, "b": VECTOR})
    close(found, {"u": {"a": 2.0, "b": np.zeros(3)}, "v": {"a": 0.0, "b": np.ones(3)}})


@pytest.mark.parametrize(
    "shapes",
    [((0,), (0,)), ((3,), (0,)), ((0,), (3,))],
    ids=["none to none", "three to none", "none to three"],
)
def test_jacobian_without_elements(shapes, mode):
    taken, given = shapes
    found = ag.jacobian(lambda x: ag.sum(x) + x[:0] if given == (0,) else ag.sum(x) + np.ones(3))(
        np.ones(taken)
    )
    assert found.shape == given + taken


# ---- has_aux, argnums ----------------------------------------------------------------------------------------------------


def with_aux(x, y=1.0):
    """x³·y summed, and aux: nodes, arrays, strings and None in nested containers."""
    return ag.sum(x * x * x * y), {"node": x * 2.0, "list": [ag.sum(x), "text", None], "raw": VECTOR}


AUX = {
    "grad": (lambda x: ag.grad(with_aux, has_aux=True)(x), lambda x: 3 * x**2),
    "value_and_grad": (lambda x: ag.value_and_grad(with_aux, has_aux=True)(x), None),
    "jacobian": (lambda x: ag.jacobian(with_aux, has_aux=True)(x), lambda x: 3 * x**2),
    "hessian": (lambda x: ag.hessian(with_aux, has_aux=True)(x), lambda x: np.diag(6 * x)),
    "hvp": (lambda x: ag.hvp(with_aux, x, np.ones(3), has_aux=True), lambda x: 6 * x),
    "derivative": (
        lambda x: ag.derivative(lambda x: (x**3, with_aux(x)[1]), 2, has_aux=True)(x),
        lambda x: 6 * x,
    ),
}


def check_aux(aux):
    assert set(aux) == {"node", "list", "raw"}
    close(aux["node"], 2 * VECTOR)
    close(aux["list"][0], VECTOR.sum())
    assert aux["list"][1:] == ["text", None]
    assert aux["raw"] is VECTOR


@pytest.mark.parametrize("name", [name for name in AUX if name != "value_and_grad"])
def test_has_aux_gives_the_derivative_and_what_else_the_function_found(name):
    call, expected = AUX[name]
    found, aux = call(VECTOR)
    close(found, expected(VECTOR))
    check_aux(aux)


@pytest.mark.parametrize(
    "call",
    [
        lambda x: ag.value_and_grad(with_aux, has_aux=True)(x),
        lambda x: ag.jacobian(with_aux, has_aux=True, value=True)(x),
        lambda x: (lambda found, pullback: (found, pullback(1.0)))(*ag.vjp(with_aux, x, has_aux=True)),
    ],
    ids=["value_and_grad", "jacobian", "vjp"],
)
def test_has_aux_stands_beside_the_value(call):
    (value, aux), slope = call(VECTOR)
    close(value, (VECTOR**3).sum())
    close(slope, 3 * VECTOR**2)
    check_aux(aux)


def test_jvp_has_aux():
    (value, aux), slope = ag.jvp(with_aux, VECTOR, np.ones(3), has_aux=True)
    close(value, (VECTOR**3).sum())
    close(slope, (3 * VECTOR**2).sum())
    check_aux(aux)


def of_three(m):
    return lambda x, y, z: m.sum(m.sin(x) * y * y) * z + z**3


GIVEN = (VECTOR, VECTOR + 1.0, 0.6)
ARGNUMS = [0, 1, 2, -1, -3, (0,), (1, 2), (2, 0), (-1, 0, 1), [0, 2], np.int64(1)]


@pytest.mark.parametrize("argnums", ARGNUMS, ids=map(repr, ARGNUMS))
@pytest.mark.parametrize("name", ["grad", "jacobian", "hessian"])
def test_argnums_choose_arguments(name, argnums):
    """A tuple (or list) of argnums gives a tuple, in its order; a number the one derivative."""
    several = isinstance(argnums, list | tuple)
    chosen = tuple(int(i) % 3 for i in argnums) if several else int(argnums) % 3
    their = {"grad": torch.func.grad, "jacobian": torch.func.jacrev, "hessian": torch.func.hessian}[name]
    expected = their(of_three(torch), chosen)(*to_torch(GIVEN))
    found = getattr(ag, name)(of_three(ag), argnums)(*GIVEN)
    if isinstance(argnums, list):
        found = (
            each(found, lambda x: x)
            if not isinstance(found, list)
            else tuple(tuple(x) if isinstance(x, list) else x for x in found)
        )
    close(found, expected)


@pytest.mark.parametrize("argnums", [1, (0, 2), (2,), -2], ids=repr)
def test_argnums_of_vjp_jvp_and_hvp_choose_from_the_tuple_of_arguments(argnums):
    f, several = of_three(ag), isinstance(argnums, tuple)
    v = tuple(like(GIVEN[i], 5) for i in argnums) if several else like(GIVEN[argnums], 5)
    slopes = ag.grad(f, argnums)(*GIVEN)
    value, pullback = ag.vjp(f, GIVEN, argnums=argnums)
    close(value, f(*GIVEN))
    close(pullback(2.0), each(slopes, lambda s: 2 * s))
    along = sum(np.sum(a * b) for a, b in zip(leaves(slopes), leaves(v), strict=True))
    close(ag.jvp(f, GIVEN, v, argnums=argnums)[1], along)
    expected = ag.jvp(lambda *args: ag.grad(f, argnums)(*args), GIVEN, v, argnums=argnums)[1]
    close(ag.hvp(f, GIVEN, v, argnums=argnums), expected)


@pytest.mark.parametrize("argnums", [0, 1, -1])
def test_argnums_of_derivative(argnums):
    found = ag.derivative(lambda x, y: x**3 * y**2, 2, argnums)(2.0, 3.0)
    close(found, 6 * 2.0 * 9.0 if argnums == 0 else 2 * 8.0)


@pytest.mark.parametrize("order", ["same", "other"])
def test_v_of_dicts_is_matched_by_key(order):
    """Whatever the order in which the keys of v stand."""
    x, v = {"a": 2.0, "b": VECTOR}, {"a": 0.5, "b": np.ones(3)}
    given = v if order == "same" else dict(reversed(v.items()))

    def f(p):
        return {"u": p["a"] * p["b"], "s": ag.sum(p["b"] ** 2) * p["a"] ** 2}

    close(ag.jvp(f, x, given)[1], {"u": 0.5 * VECTOR + 2.0, "s": (VECTOR**2).sum() * 2.0 + 8 * VECTOR.sum()})
    weights = {"u": np.ones(3), "s": 0.0}
    weights = weights if order == "same" else dict(reversed(weights.items()))
    close(ag.vjp(f, x)[1](weights), {"a": VECTOR.sum(), "b": np.full(3, 2.0)})
    product = ag.hvp(lambda p: p["a"] ** 2 * ag.sum(p["b"]), x, given)
    close(product, {"a": VECTOR.sum() + 12.0, "b": np.full(3, 2.0)})


# ---- Batches -------------------------------------------------------------------------------------------------------------

THEIRS = {
    "identity": lambda x: x,
    "linear": lambda x: x,
    "relu": torch.relu,
    "leaky_relu": torch.nn.functional.leaky_relu,
    "elu": torch.nn.functional.elu,
    "gelu": torch.nn.functional.gelu,
    "silu": torch.nn.functional.silu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "softplus": torch.nn.functional.softplus,
    "softmax": lambda x: torch.softmax(x, -1),
    "log_softmax": lambda x: torch.log_softmax(x, -1),
}


def test_every_activation_has_its_counterpart():
    assert set(THEIRS) == set(ACTIVATIONS)


def network(activation, hidden):
    """A network of ours, PyTorch's function of its parameters and one sample, and the parameters."""
    net = nn.MLP([2, *[4] * hidden, 3], activation=activation, rng=hidden)

    def theirs(weights, x):
        for W, b in zip(weights[:-2:2], weights[1:-2:2], strict=True):
            x = THEIRS[activation](x @ W + b)
        return x @ weights[-2] + weights[-1]

    return net, theirs, [torch.tensor(p.data) for p in net.parameters()]


NETWORKS = [
    pytest.mark.parametrize("activation", ACTIVATIONS),
    pytest.mark.parametrize("hidden", [1, 2, 3, 4]),
]


def networks(test):
    for mark in NETWORKS:
        test = mark(test)
    return test


@networks
@pytest.mark.parametrize("batch", [1, 64])
def test_input_derivatives_of_a_network_are_torchs(activation, hidden, batch):
    net, theirs, weights = network(activation, hidden)
    X = np.random.default_rng(batch).normal(size=(batch, 2))
    t = torch.tensor(X)
    found = ag.batch_jacobian(net, X)
    assert found.shape == (batch, 3, 2)
    close(found, torch.func.vmap(torch.func.jacrev(theirs, 1), (None, 0))(weights, t))
    second = ag.batch_hessian(net, X)
    assert second.shape == (batch, 3, 2, 2)
    close(second, torch.func.vmap(torch.func.hessian(theirs, 1), (None, 0))(weights, t))
    close(second, second.swapaxes(-1, -2), 1e-12)


@networks
def test_a_loss_of_the_input_jacobian_has_torchs_gradient(activation, hidden):
    """With create_graph the Jacobian can be trained on, with the values too: what slopes as data need."""
    net, theirs, weights = network(activation, hidden)
    gen = np.random.default_rng(3)
    X, Y, S = gen.normal(size=(6, 2)), gen.normal(size=(6, 3)), gen.normal(size=(6, 3, 2))

    def their_loss(weights):
        slopes = torch.func.vmap(torch.func.jacrev(theirs, 1), (None, 0))(weights, torch.tensor(X))
        return ((slopes - torch.tensor(S)) ** 2).mean() + (
            (theirs(weights, torch.tensor(X)) - torch.tensor(Y)) ** 2
        ).mean()

    J = ag.batch_jacobian(net, X, create_graph=True)
    assert isinstance(J, Tensor)
    assert J.requires_grad
    loss = ag.mean((J - S) ** 2) + nn.mse(net(X), Y)
    close(ag.gradients(loss, net.parameters()), torch.func.grad(their_loss)(weights))


@pytest.mark.parametrize("activation", ["tanh", "softplus", "gelu"])
def test_a_loss_of_the_input_hessian_has_torchs_gradient(activation):
    """Third-order mixed derivatives: two in the input, one in the parameters."""
    net, theirs, weights = network(activation, 2)
    X = np.random.default_rng(3).normal(size=(5, 2))

    def their_loss(weights):
        return (
            torch.func.vmap(torch.func.hessian(theirs, 1), (None, 0))(weights, torch.tensor(X)) ** 2
        ).sum()

    H = ag.batch_hessian(net, X, create_graph=True)
    found = ag.gradients(ag.sum(H * H), net.parameters(), allow_unused=True)
    close(found, torch.func.grad(their_loss)(weights))


@pytest.mark.parametrize("name", ["batch_jacobian", "batch_hessian"])
def test_batch_derivatives_nest(name):
    """Inside grad the result is a node that depends on the parameters, without create_graph."""
    net, theirs, weights = network("tanh", 1)
    X = np.random.default_rng(3).normal(size=(5, 2))
    vector, unravel = ag.ravel(net)
    their = torch.func.jacrev if name == "batch_jacobian" else torch.func.hessian
    found = ag.grad(lambda w: ag.sum(getattr(ag, name)(unravel(w), X) ** 2))(vector)
    slopes = torch.func.grad(
        lambda w: (torch.func.vmap(their(theirs, 1), (None, 0))(w, torch.tensor(X)) ** 2).sum()
    )(weights)
    close(found, torch.cat([s.ravel() for s in slopes]))


ODD = {
    "(N,) of (N, 2)": (lambda m: lambda x: m.sin(x[..., 0]) * x[..., 1] ** 2, (5, 2)),
    "(N,) of (N,)": (lambda m: lambda x: m.exp(x) * x, (5,)),
    "(N, 2, 3) of (N, 2, 3)": (lambda m: lambda x: m.sin(x) * x[..., :1, :] * x[..., :, -1:], (4, 2, 3)),
    "(N, 1, 1) of (N, 2, 3)": (lambda m: lambda x: m.sin(x[..., :1, :1]) * x[..., 1:, 2:], (4, 2, 3)),
    "(N, 3, 2) of (N,)": (lambda m: lambda x: m.sin(x[..., None, None]) * torch_or_array(m, MATRIX.T), (4,)),
    "one sample": (lambda m: lambda x: m.sin(x) * x[..., :1], (1, 2)),
    "linear": (lambda m: lambda x: 3.0 * x, (4, 2)),
    "softmax": (lambda m: lambda x: THEIRS["softmax"](x) if m is torch else ag.softmax(x), (4, 3)),
    "centred": (lambda m: lambda x: x - m.mean(x, -1)[..., None], (4, 3)),
    "opposite": (lambda m: lambda x: m.stack([1e6 * m.sin(x), -1e6 * m.sin(x), x * x], -1), (4,)),
    "far apart": (lambda m: lambda x: m.stack([1e-9 * m.sin(x), 1e9 * m.sin(x)], -1), (4,)),
}


def torch_or_array(m, x):
    return torch.tensor(x) if m is torch else x


@pytest.mark.parametrize(("f", "shape"), ODD.values(), ids=ODD.keys())
@pytest.mark.parametrize("kind", ["array", "Tensor", "list"])
def test_batches_of_odd_shapes(f, shape, kind):
    X = np.random.default_rng(2).normal(size=shape)
    given = {"array": X, "Tensor": Tensor(X), "list": X.tolist()}[kind]
    close(ag.batch_jacobian(f(ag), given), torch.func.vmap(torch.func.jacrev(f(torch)))(torch.tensor(X)))
    close(ag.batch_hessian(f(ag), given), torch.func.vmap(torch.func.hessian(f(torch)))(torch.tensor(X)))


FLAT = {
    "sin² + cos²": lambda x: ag.sin(x) ** 2 + ag.cos(x) ** 2,
    "tanh two ways": lambda x: ag.tanh(x) - (ag.exp(x) - ag.exp(-x)) / (ag.exp(x) + ag.exp(-x)),
    "x - x": lambda x: x * 1e5 - 1e5 * x,
}


@pytest.mark.parametrize("f", FLAT.values(), ids=FLAT.keys())
def test_a_derivative_that_vanishes_but_for_rounding_is_given(f):
    """It is not taken for one of a function that mixes elements or samples."""
    x = np.linspace(-3, 3, 20)
    for found in (
        ag.derivative(f)(x),
        ag.derivative(f, 2)(x),
        ag.batch_jacobian(f, x),
        ag.batch_hessian(f, x),
    ):
        np.testing.assert_allclose(found, np.zeros(20), atol=1e-12)


def test_a_network_that_ends_in_softmax_has_input_derivatives():
    """The outputs of each sample add up to 1, so that their derivatives cancel."""
    net, X = (
        nn.MLP([2, 5, 3], activation="tanh", output="softmax", rng=0),
        np.random.default_rng(0).normal(size=(16, 2)),
    )
    J, H = ag.batch_jacobian(net, X), ag.batch_hessian(net, X)
    for n in (0, 7):
        close(J[n], ag.jacobian(net)(X[n]), 1e-12)
        close(H[n], ag.hessian(net)(X[n]), 1e-12)
    float32 = nn.MLP([2, 5, 3], activation="tanh", output="softmax", rng=0, dtype="float32")
    np.testing.assert_allclose(
        ag.batch_jacobian(float32, X.astype(np.float32)), J, rtol=0, atol=1e-5 * np.abs(J).max()
    )


def test_an_empty_batch_has_empty_derivatives():
    assert ag.batch_jacobian(lambda X: X * X, np.ones((0, 2))).shape == (0, 2, 2)
    assert ag.batch_hessian(lambda X: X * X, np.ones((0, 2))).shape == (0, 2, 2, 2)


def test_a_batch_without_outputs_or_features():
    assert ag.batch_jacobian(lambda X: X[:, :0], np.ones((3, 2))).shape == (3, 0, 2)
    assert ag.batch_jacobian(lambda X: ag.sum(X, axis=1, keepdims=True), np.ones((3, 0))).shape == (3, 1, 0)


def test_batch_derivatives_of_a_constant_are_zero():
    constant = Tensor(np.ones((3, 2)), requires_grad=False)
    close(ag.batch_jacobian(lambda X: constant, np.ones((3, 4))), np.zeros((3, 2, 4)))
    close(ag.batch_hessian(lambda X: constant, np.ones((3, 4))), np.zeros((3, 2, 4, 4)))


def test_batch_jacobian_is_the_diagonal_of_the_jacobian():
    net, X = nn.MLP([2, 5, 3], activation="silu", rng=0), rng.normal(size=(4, 2))
    whole = ag.jacobian(net)(X)
    close(ag.batch_jacobian(net, X), np.stack([whole[n, :, n] for n in range(4)]), 1e-12)


# ---- Random expressions --------------------------------------------------------------------------------------------------

UNARY = {
    "sin": lambda m, u: m.sin(u),
    "cos": lambda m, u: m.cos(u),
    "tanh": lambda m, u: m.tanh(u),
    "sigmoid": lambda m, u: m.sigmoid(u),
    "arctan": lambda m, u: m.arctan(u),
    "exp": lambda m, u: m.exp(m.sin(u)),
    "log": lambda m, u: m.log(2.0 + m.cos(u)),
    "sqrt": lambda m, u: m.sqrt(1.5 + m.sin(u)),
    "square": lambda m, u: m.square(u),
    "cube": lambda m, u: (0.5 * u) ** 3,
    "power": lambda m, u: (1.5 + m.cos(u)) ** 0.7,
    "reciprocal": lambda m, u: 1.0 / (1.5 + m.sin(u)),
}
BINARY = {
    "add": lambda m, u, v: u + v,
    "sub": lambda m, u, v: u - v,
    "mul": lambda m, u, v: u * v,
    "div": lambda m, u, v: u / (2.0 + m.tanh(v)),
    "hypot": lambda m, u, v: m.sqrt(1.0 + u * u + v * v),
    "pow": lambda m, u, v: (1.2 + m.sigmoid(u)) ** (1.5 + m.sin(v)),
}
LEAVES = st.sampled_from(["x", "y"]) | st.floats(-1.5, 1.5).map(lambda c: round(c, 3))
EXPRESSIONS = st.recursive(
    LEAVES,
    lambda inner: (
        st.tuples(st.sampled_from(sorted(UNARY)), inner)
        | st.tuples(st.sampled_from(sorted(BINARY)), inner, inner)
    ),
    max_leaves=6,
)


def read(expression, m, x, y):
    """The expression's value."""
    if isinstance(expression, tuple):
        name, *operands = expression
        parts = [read(operand, m, x, y) for operand in operands]
        return (UNARY.get(name) or BINARY[name])(m, *parts)
    return {"x": x, "y": y}[expression] if isinstance(expression, str) else x * 0.0 + expression


POINTS = st.floats(-1.2, 1.2).map(lambda c: round(c, 3))


def within(actual, expected, rtol=1e-8):
    """Both agree, relative to the largest of all (where that vanishes but for rounding, to 1e-4)."""
    expected = np.asarray(expected)
    assert np.shape(actual) == expected.shape
    np.testing.assert_allclose(actual, expected, rtol=0, atol=rtol * max(np.max(np.abs(expected)), 1e-4))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(EXPRESSIONS, POINTS, POINTS)
def test_random_expressions_of_values_have_torchs_second_and_third_derivatives(expression, x, y):
    def f(m):
        return lambda p: read(expression, m, p[0], p[1]) + p[0] * p[0] * p[1]

    point = torch.tensor([x, y], dtype=torch.float64)
    second, third = torch.func.hessian(f(torch)), torch.func.jacfwd(torch.func.hessian(f(torch)))
    within(ag.hessian(f(ag))([x, y]), second(point))
    found = ag.jacobian(ag.hessian(f(ag)))([x, y])
    assert all(type(part) is float for part in leaves(found))
    within(found, third(point))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(EXPRESSIONS, st.tuples(POINTS, POINTS), st.tuples(POINTS, POINTS))
def test_random_expressions_of_tensors_have_torchs_second_and_third_derivatives(expression, x, y):
    w = np.array([0.7, -1.3])

    def f(m):
        def of(z):
            out = read(expression, m, z[0], z[1]) * torch_or_array(m, w)
            return m.sum(out) * m.sum(z) + m.sum(z * z * z)

        return of

    z = np.array([x, y])
    point = torch.tensor(z)
    within(ag.hessian(f(ag))(z), torch.func.hessian(f(torch))(point))
    within(ag.jacobian(ag.hessian(f(ag)))(z), torch.func.jacfwd(torch.func.hessian(f(torch)))(point))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(EXPRESSIONS, POINTS)
def test_random_expressions_of_one_number_have_torchs_fourth_derivative(expression, x):
    def f(m):
        return lambda x: read(expression, m, x, 0.3 * x * x) + x**5

    expected = f(torch)
    for _ in range(4):
        expected = torch.func.grad(expected)
    within(ag.derivative(f(ag), 4)(x), expected(torch.tensor(x, dtype=torch.float64)))


# ---- What it costs -------------------------------------------------------------------------------------------------------


@pytest.fixture
def sweeps(monkeypatch):
    """The number of the engine's sweeps, counted."""
    count, real = collections.Counter(), derivatives.sweep

    def counted(*args):
        count["sweeps"] += 1
        return real(*args)

    monkeypatch.setattr(derivatives, "sweep", counted)
    return lambda: count["sweeps"]


@pytest.mark.parametrize("batch", [8, 50])
def test_batch_jacobian_takes_a_sweep_for_each_output_and_one_to_check(sweeps, batch):
    ag.batch_jacobian(nn.MLP([4, 3, 5], activation="tanh", rng=0), np.ones((batch, 4)))
    assert sweeps() == 5 + 1


@pytest.mark.parametrize("batch", [8, 50])
def test_batch_hessian_takes_as_many_sweeps_for_fifty_samples_as_for_eight(sweeps, batch):
    """out·(2 + in), and one to check the first order."""
    ag.batch_hessian(nn.MLP([4, 3, 5], activation="tanh", rng=0), np.ones((batch, 4)))
    assert 5 * 4 < sweeps() <= 5 * (2 + 4) + 1


def test_jacobian_with_few_results_takes_a_sweep_for_each(sweeps):
    ag.jacobian(lambda x: ag.sin(x)[:3] * ag.sum(x))(np.ones(50))
    assert sweeps() == 3


def test_jacobian_with_few_arguments_takes_a_sweep_for_each_and_one_for_each_result_node(sweeps):
    ag.jacobian(lambda x: {"a": ag.stack([ag.sum(x)] * 50), "b": ag.stack([ag.prod(x)] * 30)})(np.ones(3))
    assert sweeps() == 3 + 2


def test_hessian_takes_a_sweep_for_each_number_of_the_argument(sweeps):
    ag.hessian(energy(ag))(np.ones(20))
    assert 20 <= sweeps() <= 22


@pytest.mark.parametrize("n", [3, 300])
def test_products_and_gradients_take_as_many_sweeps_for_many_numbers_as_for_few(sweeps, n):
    x = np.linspace(0, 1, n)
    ag.grad(energy(ag))(x)
    assert sweeps() == 1
    ag.hvp(energy(ag), x, x)
    assert sweeps() <= 1 + 4
    before = sweeps()
    ag.jvp(lambda x: ag.sin(x) * x, x, x)
    assert sweeps() == before + 2
    _, pullback = ag.vjp(lambda x: ag.sin(x) * x, x)
    assert sweeps() == before + 2
    pullback(x)
    assert sweeps() == before + 3


def test_derivative_takes_a_sweep_for_each_order(sweeps):
    ag.derivative(lambda x: ag.sin(x) * x, 4)(0.5)
    assert sweeps() == 4


def test_jacobian_with_its_value_calls_the_function_once():
    calls = []
    ag.jacobian(lambda x: calls.append(1) or x * x, value=True)(VECTOR)
    ag.value_and_grad(lambda x: calls.append(1) or ag.sum(x * x))(VECTOR)
    assert len(calls) == 2
