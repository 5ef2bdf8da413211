"""What transformations return when nested, what they leave alone, `ag.ravel`, users' own operations, and every refusal with its text.

The numbers themselves are tested in test_derivatives.py.
"""

import collections
import contextlib
import threading

import numpy as np
import pytest
import scipy.optimize

import autograd_mini as ag
from autograd_mini import Tensor, Value, nn
from autograd_mini.core.node import Node
from autograd_mini.core.readings import ARRAYS
from tests.helpers import refusals
from tests.helpers.processes import TIMEOUT

Pair = collections.namedtuple("Pair", "weight bias")
A = np.array([1.0, 2.0, 3.0])


def outermost():
    """Whether a transformation called here and now gives plain numbers."""
    return type(ag.grad(lambda x: x * x)(3.0)) is float


@contextlib.contextmanager
def refused(kind, *texts):
    """What is inside raises `kind` (and the built-in that goes with it), says every text, and leaves the mode as it was."""
    with refusals.refused(kind, *texts) as caught:
        yield caught
    assert outermost()


def leaves(tree):
    """The leaves of nested containers, from left to right."""
    if isinstance(tree, dict):
        tree = list(tree.values())
    return [leaf for part in tree for leaf in leaves(part)] if isinstance(tree, list | tuple) else [tree]


def pulled(f, x, **options):
    """vjp, pulled back with ones."""
    y, pullback = ag.vjp(f, x, **options)
    return y, pullback(np.ones_like(y) if np.ndim(y) else 1.0)


# Every transformation as a function of f and x: it gives the numbers it finds in some structure.
CALLS = {
    "grad": lambda f, x: ag.grad(f)(x),
    "value_and_grad": lambda f, x: ag.value_and_grad(f)(x),
    "jacobian": lambda f, x: ag.jacobian(f)(x),
    "jacobian with value": lambda f, x: ag.jacobian(f, value=True)(x),
    "hessian": lambda f, x: ag.hessian(f)(x),
    "hvp": lambda f, x: ag.hvp(f, x, x),
    "vjp": pulled,
    "jvp": lambda f, x: ag.jvp(f, x, x),
    "derivative": lambda f, x: ag.derivative(f)(x),
    "derivative 3": lambda f, x: ag.derivative(f, 3)(x),
}
EVERY = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
ZEROS = [name for name in CALLS if name not in ("grad", "value_and_grad")]


# ---- Nesting -------------------------------------------------------------------------------------------------------------


@EVERY
@pytest.mark.parametrize(
    "x", [3.0, np.array(3.0), Value(3.0), Tensor(3.0), 3], ids=["float", "array", "Value", "Tensor", "int"]
)
def test_the_outermost_gives_plain_numbers_and_the_inner_gives_nodes(call, x):
    seen = []

    def outer(y):
        inner = leaves(call(lambda z: z**3, y))
        seen.extend(inner)
        return sum(inner, y * 0.0)

    found = leaves(call(lambda z: z**3, x))
    assert found
    assert all(isinstance(part, float) or type(part) is np.ndarray for part in found)
    whole = ag.grad(outer)(x)
    assert isinstance(whole, float | np.ndarray)
    assert seen
    assert all(isinstance(part, Node) for part in seen)
    numbers = [float(part.data) for part in seen]
    np.testing.assert_allclose(numbers, [float(part) for part in found], rtol=1e-14)


@EVERY
def test_a_float_gives_floats(call):
    assert all(type(part) is float for part in leaves(call(lambda x: x**3, 3.0)))


CONFUSING = {
    "sum": (lambda x: x * ag.grad(lambda y: x + y)(1.0), 1.0, 1.0),
    "product at x": (lambda x: ag.grad(lambda y: x * y)(x), 3.0, 1.0),
    "y²x at x": (lambda x: ag.grad(lambda y: y * y * x)(x), 3.0, 12.0),
    "xy² at 2": (lambda x: x * ag.grad(lambda y: x * y * y)(2.0), 3.0, 24.0),
    "three deep": (lambda x: ag.grad(lambda y: ag.grad(lambda z: x * y * z * z)(y))(x), 2.0, 16.0),
    "value and slope": (lambda x: sum(ag.value_and_grad(lambda y: x * y)(2.0)), 5.0, 3.0),
    "jacobian": (lambda x: ag.sum(ag.jacobian(lambda y: y * y * x)(ag.stack([x, 2 * x]))), 3.0, 36.0),
    "hessian": (lambda x: ag.hessian(lambda y: y**3 * x)(x), 3.0, 36.0),
    "hvp": (lambda x: ag.hvp(lambda y: y**3 * x, x, x), 2.0, 72.0),
    "jvp along x": (lambda x: ag.jvp(lambda y: y**3, x, x)[1], 2.0, 36.0),
    "jvp of the sum": (lambda x: x * ag.jvp(lambda y: x + y, 1.0, 1.0)[1], 4.0, 1.0),
    "vjp with x": (lambda x: ag.vjp(lambda y: y * y * x, x)[1](x), 2.0, 24.0),
    "derivative": (lambda x: x * ag.derivative(lambda y: x * y**3, 2)(x), 2.0, 6 * 3 * 4.0),
    "gradients": (lambda x: ag.gradients(x**3, x, create_graph=True), 2.0, 12.0),
    "batch": (lambda x: ag.sum(ag.batch_jacobian(lambda y: y * y * x, ag.stack([x, x]))), 3.0, 24.0),
    "batch Hessian": (lambda x: ag.sum(ag.batch_hessian(lambda y: y**3 * x, ag.stack([x, x]))), 3.0, 72.0),
    "aux": (lambda x: ag.grad(lambda y: (y * x, y * x * x), has_aux=True)(x)[1], 2.0, 12.0),
}


@pytest.mark.parametrize(("f", "x", "expected"), CONFUSING.values(), ids=CONFUSING.keys())
@pytest.mark.parametrize("kind", [float, np.array, Value, Tensor], ids=["float", "array", "Value", "Tensor"])
def test_nested_transformations_do_not_confuse_their_variables(f, x, expected, kind):
    np.testing.assert_allclose(ag.grad(f)(kind(x)), expected, rtol=1e-13)
    np.testing.assert_allclose(ag.jvp(f, kind(x), 1.0)[1], expected, rtol=1e-13)
    np.testing.assert_allclose(ag.derivative(f)(kind(x)), expected, rtol=1e-13)


@pytest.mark.parametrize("outer", ["grad", "jacobian", "derivative"])
@pytest.mark.parametrize("inner", ["grad", "jacobian", "derivative"])
def test_any_may_stand_inside_any(outer, inner):
    f = getattr(ag, outer)(getattr(ag, inner)(lambda x: ag.sin(x) * x))
    assert f(0.7) == pytest.approx(2 * np.cos(0.7) - 0.7 * np.sin(0.7), rel=1e-14)


def test_hessian_of_hessian_is_the_fourth_derivative():
    assert ag.hessian(ag.hessian(lambda x: x**4 / 24))(5.0) == pytest.approx(1.0, rel=1e-14)


def test_what_the_function_closes_over_is_a_constant_to_it():
    """A user's own variable, made outside, gets no gradient and makes no node of the result."""
    w, unused = Value(3.0), Tensor(A)
    assert ag.grad(lambda x: x * w * unused.sum())(2.0) == 18.0
    assert w.grad is None
    assert unused.grad is None


def test_a_pullback_called_inside_another_transformation_is_differentiated_too():
    """vᵀJ is linear in v: d(v · 12 v)/dv = 24 v."""
    _, pullback = ag.vjp(lambda x: x**3, 2.0)
    assert ag.grad(lambda v: pullback(v) * v)(3.0) == 72.0
    assert type(pullback(1.0)) is float


@pytest.mark.parametrize("kind", [np.array, Tensor], ids=["array", "Tensor"])
def test_a_pullback_keeps_to_the_numbers_that_the_function_was_given(kind):
    """What becomes of the caller's array later does not change it."""
    x = kind(A)
    _, pullback = ag.vjp(lambda x: x * x, x)
    data_of(x)[...] = 7.0
    np.testing.assert_array_equal(pullback(np.ones(3)), 2 * A)


def test_a_tensor_changed_between_the_call_and_its_pullback_is_noticed():
    w = Tensor(2.0, label="w")
    _, pullback = ag.vjp(lambda x: x * w, Tensor(3.0))
    assert pullback(1.0) == 2.0
    w.data = 5.0
    with refused(ag.GraphError, "'w' was changed after 'multiply' had read it"):
        pullback(1.0)


# ---- no_grad, constants, unused inputs -----------------------------------------------------------------------------------


@EVERY
def test_no_grad_around_the_outermost_call_changes_nothing(call):
    expected = leaves(call(lambda x: x**3, 2.0))
    with ag.no_grad():
        found = leaves(call(lambda x: x**3, 2.0))
        assert not refusals.recording()
    assert all(type(part) is float for part in found)
    assert found == expected


@pytest.mark.parametrize("name", ["batch_jacobian", "batch_hessian"])
def test_no_grad_around_a_batch_changes_nothing(name):
    f = getattr(ag, name)
    with ag.no_grad():
        found = f(lambda X: X**3, A)
    np.testing.assert_array_equal(found, f(lambda X: X**3, A))
    assert found.any()


def test_what_is_computed_under_no_grad_inside_is_constant():
    def f(x):
        with ag.no_grad():
            square = x * x
        return square * x

    assert ag.grad(f)(3.0) == 9.0
    assert ag.jacobian(f)(3.0) == 9.0


def test_a_derivative_taken_under_no_grad_inside_is_a_constant_node():
    def f(x):
        with ag.no_grad():
            slope = ag.grad(lambda y: y * y)(x)
        assert isinstance(slope, Value)
        assert not slope.requires_grad
        return slope * x

    assert ag.grad(f)(3.0) == 6.0


@EVERY
@pytest.mark.parametrize("x", [3.0, Tensor(3.0)], ids=["float", "Tensor"])
def test_a_constant_node_has_zero_derivatives(call, x):
    constant = (
        Value(7.0, requires_grad=False) if x == 3.0 and type(x) is float else Tensor(7.0, requires_grad=False)
    )
    found = leaves(call(lambda x: constant, x))
    assert all(part in (0.0, 7.0) for part in found)
    assert found[-1] == 0.0


def test_a_constant_node_has_zero_derivatives_of_every_shape():
    constant = Tensor([1.0, 2.0], requires_grad=False)
    found = ag.jacobian(lambda p: constant)({"w": np.ones((2, 3)), "b": 1.0})
    np.testing.assert_array_equal(found["w"], np.zeros((2, 2, 3)))
    np.testing.assert_array_equal(found["b"], np.zeros(2))
    for name in ("grad", "hessian"):
        assert not np.any(getattr(ag, name)(lambda x: Value(1.0, requires_grad=False))(np.ones(3)))


RAW = [
    ("grad", 3.0),
    ("jacobian", 3.0),
    ("hessian", 3.0),
    ("value_and_grad", np.float64(3.0)),
    ("derivative", 3),
    ("jacobian", A),
]


@pytest.mark.parametrize(("name", "result"), RAW, ids=[f"{name} {type(x).__name__}" for name, x in RAW])
def test_a_raw_number_is_refused(name, result):
    with refused(
        ag.GraphError, f"{name}: the function returned a", "not a node", "ag.Value(c, requires_grad=False)"
    ):
        getattr(ag, name)(lambda x: result)(2.0)


@pytest.mark.parametrize("name", ["vjp", "jvp", "hvp"])
def test_a_raw_number_is_refused_by_products_too(name):
    args = (2.0,) if name == "vjp" else (2.0, 1.0)
    with refused(ag.GraphError, f"{name}: the function returned a float", "not a node"):
        getattr(ag, name)(lambda x: 3.0, *args)


UNUSED = {
    "number": (lambda x, y: x * 2.0, (1.0, 2.0), "argument 1"),
    "array": (lambda x, y: ag.sum(x * 2.0), (A, A), "argument 1"),
    "the first": (lambda x, y: ag.sum(y * 2.0), (A, A), "argument 0"),
    "in a dict": (lambda p, q: p["w"] * q, ({"w": 1.0, "b": 2.0}, 1.0), "argument 0['b']"),
    "with a label": (
        lambda p, q: p[0] * q,
        ([Value(1.0), Value(2.0, label="bias")], 1.0),
        "argument 0[1] ('bias')",
    ),
    "detached": (lambda x, y: x.detach() * y, (1.0, 2.0), "argument 0"),
}


@pytest.mark.parametrize(("f", "args", "who"), UNUSED.values(), ids=UNUSED.keys())
@pytest.mark.parametrize("name", ["grad", "value_and_grad"])
def test_the_outermost_grad_refuses_an_unused_input(name, f, args, who):
    transform = getattr(ag, name)
    with refused(ag.GraphError, f"{name}: the result does not depend on {who}", "allow_unused=True"):
        transform(f, (0, 1))(*args)
    found = leaves(transform(f, (0, 1), allow_unused=True)(*args))
    assert any(not np.any(part) for part in found)
    assert any(np.any(part) for part in found)


def test_an_input_that_was_cut_off_is_told_by_what():
    with refused(ag.GraphError, "grad: the result does not depend on argument 0", "cut off by detach"):
        ag.grad(lambda x: x.detach() * 2.0)(1.0)
    with refused(ag.GraphError, "cut off by no_grad"):
        ag.grad(ag.no_grad()(lambda x: x * 2.0))(1.0)


def test_a_used_input_is_not_mistaken_for_an_unused_one():
    """Nor the other way round where two of them hold the same numbers."""
    found = ag.grad(lambda x, y: ag.sum(x * y), (0, 1))(A, A)
    np.testing.assert_array_equal(found, (A, A))
    assert ag.grad(lambda x, y: x * y * y, (0, 1))(1.0, 1.0) == (1.0, 2.0)


def test_all_others_give_zeros_for_an_unused_input():
    assert ag.jacobian(lambda x, y: x * 2.0, (0, 1))(1.0, 2.0) == (2.0, 0.0)
    assert ag.hessian(lambda x, y: x * x, (0, 1))(1.0, 2.0) == ((2.0, 0.0), (0.0, 0.0))
    assert ag.vjp(lambda p: p[0] * 2.0, [1.0, 2.0])[1](1.0) == [2.0, 0.0]
    assert ag.jvp(lambda p: p[0] * 2.0, [1.0, 2.0], [0.0, 1.0]) == (2.0, 0.0)
    assert ag.hvp(lambda p: p[0] * p[0], [1.0, 2.0], [1.0, 1.0]) == [2.0, 0.0]
    assert ag.derivative(lambda x: x * 2.0, 3)(1.0) == 0.0


def test_a_nested_grad_gives_zeros_for_an_unused_input():
    assert ag.grad(lambda x: x * ag.grad(lambda y, z: y * 2.0, (0, 1))(x, x)[1] + x)(5.0) == 1.0
    assert ag.grad(ag.grad(lambda x: 2.0 * x))(3.0) == 0.0


# ---- What passes through, and what is left alone -------------------------------------------------------------------------


def test_other_arguments_and_keywords_reach_the_function_untouched():
    table, thing, seen = np.ones(3), object(), []

    def f(first, x, third, *rest, key, **more):
        seen.append((first, third, rest, key, more))
        return x * 2.0

    assert ag.grad(f, 1)(table, 3.0, "text", thing, key=[table], other=None) == 2.0
    ((first, third, rest, key, more),) = seen
    assert first is table
    assert third == "text"
    assert rest == (thing,)
    assert key[0] is table
    assert more == {"other": None}


def test_a_node_that_is_given_twice_is_two_variables():
    x = Value(3.0)
    assert ag.grad(lambda p: p[0] * p[0] * p[1])([x, x]) == [18.0, 9.0]
    assert ag.grad(lambda a, b: a * a * b, (0, 1))(x, x) == (18.0, 9.0)


def test_what_is_chosen_reaches_the_function_as_variables_in_its_structure():
    def f(p):
        assert type(p) is dict
        assert type(p["pair"]) is Pair
        assert type(p["pair"].weight) is Tensor
        assert type(p["pair"].bias) is Value
        assert type(p["list"]) is list
        assert type(p["list"][0]) is Value
        assert type(p["tuple"]) is tuple
        assert p["none"] is None
        assert p["pair"].bias.label == "b"
        assert all(
            part.requires_grad for part in (p["pair"].weight, p["pair"].bias, p["list"][0], p["tuple"][0])
        )
        return ag.sum(p["pair"].weight) * p["pair"].bias * p["list"][0] * p["tuple"][0]

    given = {
        "pair": Pair(A, Value(2.0, label="b", requires_grad=False)),
        "list": [3],
        "tuple": (1.5,),
        "none": None,
    }
    found = ag.grad(f)(given)
    assert type(found["pair"]) is Pair
    np.testing.assert_array_equal(found["pair"].weight, np.full(3, 9.0))
    assert found["pair"].bias == 27.0
    assert found["list"] == [18.0]
    assert found["tuple"] == (36.0,)
    assert found["none"] is None


@EVERY
def test_no_grad_attribute_of_any_node_is_touched(call):
    w, x, fresh = Value(2.0), Tensor(3.0), Value(1.5)
    w.grad, x.grad = 5.0, np.array(6.0)
    held = w.grad, x.grad
    call(lambda y: y**3 * w * fresh, x)
    call(lambda y: y**3 * w * fresh, w)
    assert w.grad is held[0]
    assert x.grad is held[1]
    assert fresh.grad is None


@EVERY
def test_what_is_given_is_not_changed(call):
    x = np.array(2.0)
    node, number = Tensor(2.0, label="n"), Value(2.0)
    containers = {"a": [x, node], "b": (number,)}
    version, data = node._version, node.data
    call(lambda y: y**3, x)
    call(lambda y: y**3, node)
    if call not in (CALLS["derivative"], CALLS["derivative 3"], CALLS["hvp"], CALLS["jvp"]):
        call(lambda p: p["a"][0] * p["a"][1] * p["b"][0], containers)
    assert x == 2.0
    assert x.flags.writeable
    assert node._version == version
    assert node.data is data
    assert node.data.flags.writeable
    assert (number.data, node.label) == (2.0, "n")
    assert list(containers) == ["a", "b"]
    assert containers["a"][0] is x
    assert containers["a"][1] is node
    assert containers["b"][0] is number


def shared(results, *arrays):
    """Whether any of the results shares memory with an array, or with another result."""
    results = [part for part in leaves(results) if isinstance(part, np.ndarray)]
    assert results
    assert all(part.flags.writeable for part in results)
    others = [*arrays, *(part.data for part in arrays if isinstance(part, Node))]
    others = [part for part in others if isinstance(part, np.ndarray)]
    pairs = [(a, b) for a in results for b in others] + [
        (a, b) for i, a in enumerate(results) for b in results[:i]
    ]
    return any(np.shares_memory(a, b) for a, b in pairs)


OWN = {
    "value of the identity": lambda x, c: ag.jacobian(lambda x: x, value=True)(x),
    "value of a constant": lambda x, c: ag.jacobian(lambda x: ARRAYS.as_node(c), value=True)(x),
    "value of a view": lambda x, c: ag.vjp(lambda x: x[::-1], x)[0],
    "gradient that is a constant": lambda x, c: ag.grad(lambda x: ag.sum(x * c))(x),
    "gradient that is shared": lambda x, c: ag.grad(lambda p: ag.sum(p[0] + p[1]))([x, x]),
    "pullback of the identity": lambda x, c: ag.vjp(lambda x: x, x)[1](c),
    "pullback of a sum": lambda x, c: ag.vjp(lambda p: p[0] + p[1], [x, x])[1](c),
    "pullback twice": lambda x, c: [pull(c) for pull in [ag.vjp(lambda x: x * 1.0, x)[1]] * 2],
    "jvp of the identity": lambda x, c: ag.jvp(lambda x: x, x, c),
    "jvp of two results": lambda x, c: ag.jvp(lambda x: [x, x], x, c),
    "derivative of order 0": lambda x, c: ag.derivative(lambda x: x, 0)(x),
    "derivative that is a constant": lambda x, c: ag.derivative(lambda x: x * c)(x),
    "hvp": lambda x, c: ag.hvp(lambda x: ag.sum(0.5 * x * x), x, c),
    "jacobian of two results": lambda x, c: ag.jacobian(lambda x: (x, x), value=True)(x),
    "two like arguments": lambda x, c: ag.grad(lambda x, y: ag.sum(x - y), (0, 1))(x, x),
    "nested": lambda x, c: ag.grad(lambda x: ag.sum(ag.grad(lambda y: ag.sum(y * y * c))(x)))(x),
    "aux": lambda x, c: ag.grad(lambda x: (ag.sum(x), [x, ARRAYS.as_node(c)]), has_aux=True)(x),
    "jacobian of one number": lambda x, c: ag.jacobian(lambda x: ag.sum(x * c))(x),
    "batch": lambda x, c: ag.batch_jacobian(lambda x: x * c, x),
    "ravel": lambda x, c: ag.ravel([x])[0],
    "ravel of a node": lambda x, c: ag.ravel(x)[0],
    "unravel": lambda x, c: ag.ravel([c, c])[1](np.concatenate([c, c])),
}


@pytest.mark.parametrize("make", OWN.values(), ids=OWN.keys())
@pytest.mark.parametrize("kind", [np.array, Tensor], ids=["array", "Tensor"])
def test_results_have_memory_of_their_own(make, kind):
    x, c = kind(A), np.array([4.0, 5.0, 6.0])
    assert not shared(make(x, c), x, c)


def test_unravel_does_not_share_with_its_vector():
    vector, unravel = ag.ravel([Tensor(A), A])
    first, second = unravel(vector)
    assert not np.shares_memory(first.data, vector)
    assert not np.shares_memory(second, vector)


@EVERY
@pytest.mark.parametrize("kind", [np.array, Tensor], ids=["array", "Tensor"])
def test_float32_stays_float32(call, kind):
    x = kind(np.array(2.0, np.float32))
    for part in leaves(call(lambda x: x**3 * 1.5, x)):
        assert np.asarray(part).dtype == np.float32
    batch = kind(np.ones((3, 2), np.float32))
    assert ag.batch_jacobian(lambda x: ag.sin(x) * 2.0, batch).dtype == np.float32
    assert ag.batch_hessian(lambda x: ag.sin(x) * 2.0, batch).dtype == np.float32


@pytest.mark.parametrize("n", [1, 2, 9])
def test_jacobian_of_float32_is_float32_in_both_modes(n):
    x = np.ones(2, np.float32)
    assert ag.jacobian(lambda x: ag.concatenate([x] * n))(x).dtype == np.float32
    assert ag.jacobian(lambda x: x[:0])(x).dtype == np.float32


def test_each_gradient_has_its_own_inputs_dtype():
    found = ag.grad(lambda p: ag.sum(p[0] * p[1]))([A.astype(np.float32), A])
    assert [part.dtype for part in found] == [np.float32, np.float64]
    blocks = ag.hessian(lambda p: ag.sum(p[0] * p[1] * p[1]))([A.astype(np.float32), A])
    np.testing.assert_allclose(blocks[0][1], np.diag(2 * A), rtol=1e-7)
    np.testing.assert_allclose(blocks[1][0], np.diag(2 * A), rtol=1e-7)


def test_threads_keep_to_themselves():
    """Each thread's outermost call gives plain numbers, also while another is inside a transformation of its own."""
    found, barrier = {}, threading.Barrier(4, timeout=TIMEOUT)

    def work(i):
        def f(x):
            barrier.wait()
            inner = ag.grad(lambda y: y * y * x)(x)
            barrier.wait()
            return inner * float(i)

        found[i] = ag.grad(f)(2.0)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {i: 8.0 * i for i in range(4)}
    assert all(type(x) is float for x in found.values())


def test_a_thread_started_inside_a_function_is_outermost():
    found = []

    def f(x):
        thread = threading.Thread(target=lambda: found.append(ag.grad(lambda y: y * y)(3.0)))
        thread.start()
        thread.join()
        return x * 2.0

    assert ag.grad(f)(1.0) == 2.0
    assert found == [6.0]
    assert type(found[0]) is float


@EVERY
@pytest.mark.parametrize("kind", [ValueError, ZeroDivisionError, KeyboardInterrupt, ag.GraphError])
@pytest.mark.parametrize("depth", [1, 2])
def test_an_exception_inside_the_function_passes_through_and_leaves_the_mode(call, kind, depth):
    error = kind("mine")

    def f(x):
        raise error

    def outer(x):
        return call(f, x)

    with pytest.raises(kind, match="mine") as caught:
        call(f if depth == 1 else outer, 2.0)
    assert caught.value is error
    assert outermost()
    assert refusals.recording()
    with ag.no_grad(), pytest.raises(kind):
        call(f, 2.0)
    assert refusals.recording()


def test_an_inner_error_that_is_caught_leaves_the_outer_transformation_whole():
    def f(x):
        with pytest.raises(ag.GraphError):
            ag.grad(lambda y: 3.0)(x)
        inner = ag.grad(lambda y: y * y)(x)
        assert isinstance(inner, Value)
        return inner * x

    assert ag.grad(f)(3.0) == 12.0


# ---- ravel ---------------------------------------------------------------------------------------------------------------


def model(dtype=None):
    return nn.MLP([2, 3, 1], activation="tanh", rng=0, dtype=dtype)


X, Y = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), np.array([[0.0], [1.0], [1.0], [0.0]])


def numbers(params):
    return np.concatenate([np.ravel(p.data) for p in params])


@pytest.mark.smoke
def test_ravel_of_a_module_is_its_parameters_in_their_order():
    net = model()
    vector, unravel = ag.ravel(net)
    np.testing.assert_array_equal(vector, numbers(net.parameters()))
    again = unravel(vector)
    assert type(again) is nn.MLP
    assert again is not net
    assert not {id(p) for p in again.parameters()} & {id(p) for p in net.parameters()}
    assert [name for name, _ in again.named_parameters()] == [name for name, _ in net.named_parameters()]
    np.testing.assert_array_equal(again(X).data, net(X).data)


@pytest.mark.parametrize("as_node", [False, True], ids=["array", "node"])
def test_unravel_leaves_the_original_untouched(as_node):
    net = model()
    before, params = numbers(net.parameters()), net.parameters()
    vector, unravel = ag.ravel(net)
    given = Tensor(vector + 1.0) if as_node else vector + 1.0
    other = unravel(given)
    np.testing.assert_array_equal(
        numbers([*(layer for pair in other.layers for layer in (pair.weight, pair.bias))]), before + 1.0
    )
    np.testing.assert_array_equal(numbers(net.parameters()), before)
    assert all(p is q for p, q in zip(net.parameters(), params, strict=True))
    assert net.layers is not other.layers
    assert (other(X).data != net(X).data).all()


def test_unravelled_parameters_are_leaves_that_train():
    vector, unravel = ag.ravel(model())
    net = unravel(vector)
    nn.mse(net(X), Y).backward()
    assert all(p.grad is not None for p in net.parameters())


STRUCTURES = {
    "list of nodes": [Value(1.0), Tensor([[2.0, 3.0]])],
    "dict": {"w": Tensor([1.0, 2.0], label="w"), "b": Value(3.0, label="b")},
    "numbers and arrays": [1.0, np.array([[2.0], [3.0]]), 4],
    "namedtuple": Pair(Tensor([1.0]), 2.0),
    "nested": {"a": [(Value(1.0),), {"x": np.ones((2, 2))}], "b": None},
    "one Tensor": Tensor([[1.0, 2.0]]),
    "one number": 2.5,
    "integers": np.array([1, 2]),
    "0-d": [np.array(1.5), Tensor(2.5)],
    "constant": [Tensor([1.0], requires_grad=False), Value(2.0, requires_grad=False)],
    "no numbers in one": [np.zeros((0, 2)), 1.0],
    "transposed": [Tensor(np.arange(6.0).reshape(2, 3)).T, np.arange(6.0).reshape(2, 3).T],
}


def data_of(part):
    return part.data if isinstance(part, Node) else part


@pytest.mark.parametrize("tree", STRUCTURES.values(), ids=STRUCTURES.keys())
def test_ravel_and_back(tree):
    vector, unravel = ag.ravel(tree)
    parts = [part for part in leaves(tree) if part is not None]
    np.testing.assert_array_equal(vector, np.concatenate([np.ravel(data_of(part)) for part in parts]))
    assert vector.dtype == np.float64
    for given in (vector + 0.5, (vector + 0.5).tolist()):
        back = unravel(given)
        assert type(back) is type(tree)
        for old, new in zip(leaves(tree), leaves(back), strict=True):
            if old is None:
                assert new is None
                continue
            assert isinstance(new, Node) is isinstance(old, Node)
            assert np.shape(data_of(new)) == np.shape(data_of(old))
            np.testing.assert_array_equal(data_of(new), data_of(old) + 0.5)
            if isinstance(old, Node):
                assert (type(new), new.label, new.requires_grad) == (type(old), old.label, old.requires_grad)


@pytest.mark.parametrize("tree", STRUCTURES.values(), ids=STRUCTURES.keys())
def test_unravel_of_a_node_is_made_of_nodes_that_can_be_differentiated(tree):
    vector, unravel = ag.ravel(tree)

    def loss(v):
        return sum(
            (ag.sum(part * part) for part in leaves(unravel(v)) if part is not None),
            Value(0.0, requires_grad=False),
        )

    for part, new in zip(leaves(tree), leaves(unravel(Tensor(vector))), strict=True):
        assert part is None or (
            isinstance(new, Node) and new.requires_grad and new.shape == np.shape(data_of(part))
        )
    np.testing.assert_allclose(ag.grad(loss)(vector + 0.5), 2 * (vector + 0.5), rtol=1e-14)
    np.testing.assert_allclose(ag.hessian(loss)(vector + 0.5), 2 * np.eye(vector.size), rtol=1e-14)


def test_the_gradient_of_the_vector_is_that_of_the_parameters():
    net = model()
    vector, unravel = ag.ravel(net)
    found = ag.grad(lambda w: nn.mse(unravel(w)(X), Y))(vector)
    nn.mse(net(X), Y).backward()
    np.testing.assert_allclose(found, np.concatenate([p.grad.ravel() for p in net.parameters()]), rtol=1e-13)


def test_ravel_inside_a_transformation_gives_a_node():
    params = {"w": A, "b": 2.0}
    found = ag.grad(lambda p: ag.sum(ag.ravel(p)[0] ** 2))(params)
    np.testing.assert_allclose(found["w"], 2 * A, rtol=1e-15)
    assert found["b"] == 4.0

    def there_and_back(p):
        vector, unravel = ag.ravel(p)
        assert isinstance(vector, Tensor)
        again = unravel(vector * 3.0)
        return ag.sum(again["w"]) * again["b"]

    assert ag.grad(there_and_back)(params)["b"] == pytest.approx(9.0 * 6.0, rel=1e-14)


def test_modules_in_modules_lists_and_dicts_with_all_that_they_hold():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.rest = (
                nn.Linear(2, 3, rng=0),
                {"scale": Tensor(2.0), "more": [nn.Linear(3, 1, rng=1)]},
            )
            self.name, self.table, self.nothing, self.act = "net", np.ones(3), None, ag.tanh

        def forward(self, x):
            return self.rest["more"][0](self.act(self.first(x)) * self.table) * self.rest["scale"]

    net = Net()
    tree = {"net": net, "extra": [Value(1.0)]}
    vector, unravel = ag.ravel(tree)
    assert vector.size == 6 + 3 + 1 + 3 + 1 + 1
    back = unravel(vector * 2.0)
    assert type(back["net"]) is Net
    assert back["extra"][0].data == 2.0
    np.testing.assert_array_equal(numbers(back["net"].parameters()), 2.0 * numbers(net.parameters()))
    assert (back["net"].name, back["net"].nothing, back["net"].act) == ("net", None, ag.tanh)
    np.testing.assert_array_equal(back["net"].table, np.ones(3))
    found = ag.grad(lambda w: ag.sum(unravel(w)["net"](X) * unravel(w)["extra"][0]))(vector)
    ag.sum(net(X) * tree["extra"][0]).backward()
    np.testing.assert_allclose(
        found, np.concatenate([np.ravel(p.grad) for p in [*net.parameters(), tree["extra"][0]]]), rtol=1e-13
    )


def test_a_shared_parameter_counts_once_and_stays_one():
    net, w = nn.MLP([2, 2, 2], activation="tanh", rng=0), Tensor(A)
    net.layers[1].weight = net.layers[0].weight
    vector, unravel = ag.ravel([net, w, {"again": w, "net": net}])
    assert vector.size == 4 + 2 + 2 + 3
    for given in (vector, Tensor(vector)):
        back = unravel(given)
        assert back[0].layers[1].weight is back[0].layers[0].weight
        assert back[2]["again"] is back[1]
        assert back[2]["net"] is back[0]
    found = ag.grad(lambda v: ag.sum(unravel(v)[0](X) ** 2) + ag.sum(unravel(v)[1] * unravel(v)[2]["again"]))(
        vector
    )
    (ag.sum(net(X) ** 2) + ag.sum(w * w)).backward()
    np.testing.assert_allclose(
        found, np.concatenate([p.grad.ravel() for p in [*net.parameters(), w]]), rtol=1e-13
    )


def test_mixed_float32_and_float64():
    """The vector holds both exactly, each part gets its own dtype back."""
    tree = [Tensor(A, dtype="float32"), Tensor(A), A.astype(np.float32), Value(1.0)]
    vector, unravel = ag.ravel(tree)
    assert vector.dtype == np.float64
    for given in (vector, Tensor(vector)):
        back = unravel(given)
        assert [np.dtype(part.dtype) for part in back[:3]] == [np.float32, np.float64, np.float32]
    found = ag.grad(lambda v: ag.sum(unravel(v)[0] * unravel(v)[1]))(vector)
    np.testing.assert_allclose(found, [*A, *A, 0, 0, 0, 0], rtol=1e-7)
    assert found.dtype == np.float64


def test_float32_alone_stays_float32():
    vector, unravel = ag.ravel(model("float32"))
    assert vector.dtype == np.float32
    assert all(p.dtype == np.float32 for p in unravel(vector).parameters())
    assert ag.grad(lambda w: ag.sum(unravel(w)(X.astype(np.float32))))(vector).dtype == np.float32


@pytest.mark.parametrize("tree", [[], {}, None, [None]], ids=repr)
def test_ravel_of_nothing_is_empty(tree):
    vector, unravel = ag.ravel(tree)
    assert vector.shape == (0,)
    assert unravel(vector) == tree


def test_scipys_optimisers_train_a_model_and_check_its_gradient():
    w, unravel = ag.ravel(nn.MLP([2, 4, 1], activation="tanh", rng=0))

    def loss(w):
        return nn.mse(unravel(w)(X), Y)

    assert scipy.optimize.check_grad(lambda w: loss(w).item(), ag.grad(loss), w) < 1e-6
    best = scipy.optimize.minimize(ag.value_and_grad(loss), w, jac=True)
    assert best.fun < 1e-6
    newton = scipy.optimize.minimize(
        ag.value_and_grad(loss),
        best.x + 0.01,
        jac=True,
        hessp=lambda w, v: ag.hvp(loss, w, v),
        method="trust-ncg",
    )
    assert newton.fun < 1e-6


UNFIT = {
    "string": (lambda: ag.ravel([1.0, "s"]), ag.DTypeError, ["ravel", "params[1]", "str 's'"]),
    "complex": (lambda: ag.ravel({"z": 1j}), ag.DTypeError, ["ravel", "params['z']", "complex"]),
    "function": (lambda: ag.ravel(len), ag.DTypeError, ["ravel", "a Module, or lists and dicts"]),
    "complex array": (lambda: ag.ravel([np.array([1j])]), ag.DTypeError, ["complex128"]),
    "list in itself": (lambda: ag.ravel(itself()), ValueError, ["params", "a list in itself?"]),
    "too short": (
        lambda: ag.ravel([1.0, A])[1](A),
        ag.ShapeError,
        ["unravel: a vector of shape (4,) is needed, got (3,)"],
    ),
    "matrix": (lambda: ag.ravel([1.0, A])[1](np.ones((2, 2))), ag.ShapeError, ["unravel", "(4,)", "(2, 2)"]),
    "number": (lambda: ag.ravel([1.0])[1](1.0), ag.ShapeError, ["unravel", "(1,)", "()"]),
    "node too long": (lambda: ag.ravel([1.0])[1](Tensor(A)), ag.ShapeError, ["unravel", "(1,)", "(3,)"]),
}


def itself():
    """A list that contains itself."""
    one = [1.0]
    one.append(one)
    return one


@pytest.mark.parametrize(("make", "kind", "texts"), UNFIT.values(), ids=UNFIT.keys())
def test_what_ravel_refuses(make, kind, texts):
    with refused(kind, *texts):
        make()


# ---- gradients with containers -------------------------------------------------------------------------------------------


def test_gradients_come_in_the_structure_of_the_inputs():
    w, b, c, d = Tensor(A), Value(2.0), Value(3.0), Tensor([[1.0]])
    y = ag.sum(w * b) * c + ag.sum(d)
    found = ag.gradients(y, {"pair": Pair(w, b), "rows": [[c], [d, w]], "none": None, "empty": ()})
    assert list(found) == ["pair", "rows", "none", "empty"]
    assert type(found["pair"]) is Pair
    np.testing.assert_array_equal(found["pair"].weight, np.full(3, 6.0))
    assert found["pair"].bias == 18.0
    assert found["rows"][0] == [12.0]
    np.testing.assert_array_equal(found["rows"][1][0], [[1.0]])
    np.testing.assert_array_equal(found["rows"][1][1], np.full(3, 6.0))
    assert not np.shares_memory(found["rows"][1][1], found["pair"].weight)
    assert (found["none"], found["empty"]) == (None, ())
    assert all(node.grad is None for node in (w, b, c, d))


def test_gradients_in_containers_can_be_differentiated_again():
    a, b = Value(2.0), Value(3.0)
    slopes = ag.gradients(a * a * b, {"a": a, "b": [b]}, create_graph=True)
    assert ag.gradients(slopes["a"], (a, b)) == (6.0, 4.0)
    assert ag.gradients(slopes["b"][0], (a, [b]), allow_unused=True) == (4.0, [0.0])


@pytest.mark.parametrize(
    ("wrap", "path"),
    [
        (lambda used, other: {"a": used, "b": other}, "inputs['b']"),
        (lambda used, other: [[used], [used, other]], "inputs[1][1]"),
        (lambda used, other: Pair(used, (other,)), "inputs[1][0]"),
        (lambda used, other: other, "does not depend on Value 'bias'"),
    ],
    ids=["dict", "lists", "namedtuple", "alone"],
)
def test_an_unused_input_is_named_by_its_path_and_label(wrap, path):
    used, other = Value(1.0), Value(1.0, label="bias")
    with refused(ag.GraphError, path, "Value 'bias'", "allow_unused=True"):
        ag.gradients(used * 1.0, wrap(used, other))
    found = leaves(ag.gradients(used * 1.0, wrap(used, other), allow_unused=True))
    assert found[-1] == 0.0
    assert set(found[:-1]) <= {1.0}


def test_gradients_names_what_is_no_node():
    x = Value(1.0)
    with refused(ag.DTypeError, "inputs['p'][1] is a float"):
        ag.gradients(x * 2.0, {"p": [x, 3.0]})
    with refused(ValueError, "a list in itself?"):
        ag.gradients(x * 2.0, itself())


# ---- Refusals ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["grad", "value_and_grad"])
def test_a_result_that_is_no_scalar_is_refused(name):
    with refused(
        ag.GraphError,
        f"{name}: the function must return a scalar, got shape (3,)",
        ".sum()",
        ".mean()",
        "jacobian",
    ):
        getattr(ag, name)(lambda x: x * x)(A)
    with refused(ag.GraphError, f"{name}: the function must return one node, not a list"):
        getattr(ag, name)(lambda x: [x, x])(1.0)
    with refused(ag.GraphError, "hvp: the function must return a scalar, got shape (3,)"):
        ag.hvp(lambda x: x * x, A, A)


ARGNUMS = [
    (1, IndexError, "argnums 1 is out of range for 1 positional argument"),
    (-2, IndexError, "argnums -2 is out of range for 1 positional argument"),
    ((0, 3), IndexError, "argnums 3 is out of range"),
    (True, TypeError, "argnums must be an int or a tuple of ints, got True"),
    ((False,), TypeError, "argnums must be an int or a tuple of ints, got (False,)"),
    (0.0, TypeError, "argnums must be an int or a tuple of ints, got 0.0"),
    ("0", TypeError, "argnums must be an int or a tuple of ints, got '0'"),
    (None, TypeError, "argnums must be an int or a tuple of ints, got None"),
    ((0, 0), ValueError, "argnums must name at least one argument, and none twice, got (0, 0)"),
    ((0, -1), ValueError, "argnums must name at least one argument, and none twice, got (0, -1)"),
    ((), ValueError, "argnums must name at least one argument"),
]


@pytest.mark.parametrize(("argnums", "kind", "text"), ARGNUMS, ids=[repr(case[0]) for case in ARGNUMS])
@pytest.mark.parametrize("name", ["grad", "value_and_grad", "jacobian", "hessian", "derivative"])
def test_argnums_that_do_not_fit(name, argnums, kind, text):
    transform = ag.derivative if name == "derivative" else getattr(ag, name)
    with refused(kind, f"{name}: {text}"):
        transform(lambda *args: args[0] * 2.0, argnums=argnums)(1.0)


@pytest.mark.parametrize("name", ["vjp", "jvp", "hvp"])
def test_argnums_that_do_not_fit_products(name):
    v = () if name == "vjp" else (1.0,)
    cases = (
        (2, IndexError, "argnums 2 is out of range for 2"),
        (True, TypeError, "got True"),
        ((), ValueError, "at least one"),
    )
    for argnums, kind, text in cases:
        with refused(kind, f"{name}: argnums", text):
            getattr(ag, name)(lambda x, y: x * y, (1.0, 2.0), *v, argnums=argnums)
    with refused(TypeError, f"{name}: with argnums, x must be the tuple of all arguments, got a float"):
        getattr(ag, name)(lambda x, y: x * y, 1.0, *v, argnums=0)


FACTORIES = {
    "grad": ag.grad,
    "value_and_grad": ag.value_and_grad,
    "jacobian": ag.jacobian,
    "hessian": ag.hessian,
    "derivative": ag.derivative,
    "vjp": lambda f: ag.vjp(f, 1.0),
    "jvp": lambda f: ag.jvp(f, 1.0, 1.0),
    "hvp": lambda f: ag.hvp(f, 1.0, 1.0),
    "batch_jacobian": lambda f: ag.batch_jacobian(f, A),
    "batch_hessian": lambda f: ag.batch_hessian(f, A),
}


@pytest.mark.parametrize("name", FACTORIES)
def test_what_is_no_function_is_refused_at_once(name):
    with refused(TypeError, f"{name}: a function is needed, got a float"):
        FACTORIES[name](3.0)
    with refused(TypeError, f"{name}: a function is needed, got None"):
        FACTORIES[name](None)
    with refused(TypeError, f"{name}: a function is needed, got a Value", "ag.gradients(output, inputs)"):
        FACTORIES[name](Value(2.0) * 3.0)


def applied(name, f):
    """The transformation of that name, applied to f at a number, or a batch of them."""
    made = FACTORIES[name](f)
    return made(1.0) if name in ("grad", "value_and_grad", "jacobian", "hessian", "derivative") else made


RESULTS = {
    "None": (None, ag.DTypeError, ["returned None", "return"]),
    "string": ("abc", ag.DTypeError, ["returned str 'abc'"]),
    "complex": (1j, ag.DTypeError, ["complex"]),
    "set": ({1.0}, ag.DTypeError, ["returned set"]),
    "float": (3.0, ag.GraphError, ["returned a float", "not a node"]),
    "int": (3, ag.GraphError, ["returned a int", "not a node"]),
    "NumPy number": (np.float64(3.0), ag.GraphError, ["returned a float64", "not a node"]),
    "array": (np.ones(3), ag.GraphError, ["returned a ndarray", "not a node", ".data"]),
}


@pytest.mark.parametrize(("result", "kind", "texts"), RESULTS.values(), ids=RESULTS.keys())
@pytest.mark.parametrize("name", FACTORIES)
def test_what_a_function_must_not_return(name, result, kind, texts):
    with refused(kind, f"{name}: the function", *texts):
        applied(name, lambda x: result)


@pytest.mark.parametrize("name", ["jacobian", "vjp", "jvp"])
def test_a_list_with_a_number_is_told_where(name):
    with refused(ag.GraphError, f"{name}: the function returned a float at [1], not a node"):
        applied(name, lambda x: [x, 3.0])
    with refused(ag.GraphError, f"{name}: the function returned a float at ['b'][0], not a node"):
        applied(name, lambda x: {"a": x, "b": (x.data,)})
    with refused(ag.DTypeError, f"{name}: the function returned", "str"):
        applied(name, lambda x: [x, "text"])
    with refused(ag.DTypeError, f"{name}: the function must return a node, it returned an empty list"):
        applied(name, lambda x: [])


@pytest.mark.parametrize(
    "result", [lambda x: x, lambda x: (x, 1, 2), lambda x: [x, 1]], ids=["node", "three", "list"]
)
def test_has_aux_needs_a_pair(result):
    for name in ("grad", "value_and_grad", "jacobian", "hessian", "derivative"):
        with refused(TypeError, f"{name}: with has_aux return (result, aux), not a"):
            getattr(ag, name)(result, has_aux=True)(1.0)
    for name, v in (("vjp", ()), ("jvp", (1.0,)), ("hvp", (1.0,))):
        with refused(TypeError, f"{name}: with has_aux return (result, aux)"):
            getattr(ag, name)(result, 1.0, *v, has_aux=True)


def write(x):
    x.data[...] = 5.0
    return ag.sum(x)


def replace(x):
    x.data = x.data * 2.0
    return ag.sum(x * x)


def assign(x):
    x[0] = 1.0
    return ag.sum(x)


def step(x):
    with ag.no_grad():
        x -= 0.1
    return ag.sum(x * x)


MUTATIONS = {
    "write into data": (
        write,
        ValueError,
        ["read-only", "the function writes into its argument", "x = x + 1"],
        A,
    ),
    "assign data": (replace, ag.GraphError, ["the function changed argument 0 in place", "x = x + 1"], A),
    "assign data of a Value": (replace, ag.GraphError, ["the function changed argument 0 in place"], 3.0),
    "step under no_grad": (step, ag.GraphError, ["the function changed argument 0 in place"], A),
    "step of a Value": (step, ag.GraphError, ["the function changed argument 0 in place"], 3.0),
    "assign an element": (assign, TypeError, ["index_update"], A),
}


@pytest.mark.parametrize(("f", "kind", "texts", "x"), MUTATIONS.values(), ids=MUTATIONS.keys())
@pytest.mark.parametrize("name", ["grad", "value_and_grad", "jacobian", "hessian", "vjp", "jvp", "hvp"])
@pytest.mark.parametrize("as_node", [False, True], ids=["raw", "node"])
def test_a_function_that_changes_its_argument_is_refused(name, f, kind, texts, x, as_node):
    given = (Value(x) if isinstance(x, float) else Tensor(x)) if as_node else np.copy(x)[()]
    if name in ("hessian", "hvp") and f in (
        replace,
        step,
    ):  # nested: what the function is given there is no leaf
        f, texts = replace, []
    with refused(kind, *texts, *([f"{name}: the function"] if texts and f is not assign else [])):
        if name in ("vjp", "jvp", "hvp"):
            getattr(ag, name)(f, given, *([] if name == "vjp" else [x]))
        else:
            getattr(ag, name)(f)(given)
    np.testing.assert_array_equal(data_of(given), x)


def test_a_changed_argument_is_named_by_its_place():
    def f(x, p):
        p["w"][1].data = 3.0
        return x * p["w"][1]

    with refused(ag.GraphError, "grad: the function changed argument 1['w'][1] in place"):
        ag.grad(f, (0, 1))(1.0, {"w": [1.0, 2.0]})


def test_an_augmented_assignment_is_no_mutation():
    def f(x):
        x += 1.0
        return ag.sum(x * x)

    assert ag.grad(f)(3.0) == 8.0
    x = np.copy(A)
    np.testing.assert_array_equal(ag.grad(f)(x), 2 * (A + 1))
    np.testing.assert_array_equal(x, A)


DIRECTIONS = {
    "vjp shape": (
        lambda: ag.vjp(lambda x: x * x, A)[1]([1.0]),
        ["vjp: v has shape (1,) where the result has (3,)"],
    ),
    "vjp number": (
        lambda: ag.vjp(lambda x: x * x, A)[1](1.0),
        ["vjp: v has shape () where the result has (3,)"],
    ),
    "vjp array for a number": (
        lambda: ag.vjp(lambda x: x * x, 2.0)[1]([1.0]),
        ["vjp: v has shape (1,) where the result has ()"],
    ),
    "vjp count": (
        lambda: ag.vjp(lambda x: (x, x), A)[1]([A]),
        ["vjp: v must be a list or tuple of 2"],
    ),
    "vjp place": (
        lambda: ag.vjp(lambda x: (x, x), A)[1]((A, 1.0)),
        ["vjp: v[1] has shape () where the result has (3,)"],
    ),
    "jvp shape": (lambda: ag.jvp(lambda x: x * x, A, 1.0), ["jvp: v has shape () where x has (3,)"]),
    "jvp count": (
        lambda: ag.jvp(lambda p: p[0] * p[1], [1.0, 2.0], [1.0]),
        ["jvp: v must be a list or tuple of 2"],
    ),
    "jvp place": (
        lambda: ag.jvp(lambda p: p["a"] * 2.0, {"a": A}, {"a": A[:2]}),
        ["jvp: v['a'] has shape (2,) where x has (3,)"],
    ),
    "hvp shape": (
        lambda: ag.hvp(lambda x: ag.sum(x * x), A, [1.0]),
        ["hvp: v has shape (1,) where x has (3,)"],
    ),
    "hvp count": (
        lambda: ag.hvp(lambda p: p[0] * p[1], [1.0, 2.0], [1.0] * 3),
        ["hvp: v must be a list or tuple of 2"],
    ),
    "other keys": (
        lambda: ag.jvp(lambda p: p["a"] * p["b"], {"a": 1.0, "b": 2.0}, {"a": 1.0, "c": 1.0}),
        ["jvp: v"],
    ),
}


@pytest.mark.parametrize(("make", "texts"), DIRECTIONS.values(), ids=DIRECTIONS.keys())
def test_a_v_that_does_not_fit(make, texts):
    with refused(ag.ShapeError, *texts):
        make()


@pytest.mark.parametrize("v", ["text", None, 1j, object()], ids=["string", "None", "complex", "object"])
def test_a_v_that_is_no_number(v):
    with refused(ag.DTypeError):
        ag.jvp(lambda x: x * x, 1.0, v)
    with refused(ag.DTypeError):
        ag.vjp(lambda x: x * x, 1.0)[1](v)


# ---- derivative, batches -------------------------------------------------------------------------------------------------

MIXING = {
    "sum": lambda x: x * ag.sum(x * x),
    "mean": lambda x: x - ag.mean(x),
    "flipped": lambda x: ag.sin(x[::-1]),
    "cumulative": lambda x: ag.cumsum(x * x),
    "softmax": ag.softmax,
}


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("f", MIXING.values(), ids=MIXING.keys())
def test_derivative_refuses_a_function_that_mixes_elements(f, order):
    with refused(
        ag.GraphError,
        "derivative: the function mixes the elements of its argument",
        "use jacobian",
    ):
        ag.derivative(f, order)(A)


@pytest.mark.parametrize(
    "f", [lambda x: x * ag.sum(x), lambda x: ag.sum(x) ** 2 + 0.0 * x], ids=["product", "square"]
)
def test_derivative_notices_mixing_where_the_first_order_vanishes(f):
    with refused(
        ag.GraphError,
        "derivative: the function mixes the elements of its argument",
    ):
        ag.derivative(f, 2)(np.zeros(3))


def test_derivative_of_infinite_slopes_is_given():
    """Beside elements without a finite derivative the others are right."""
    np.testing.assert_array_equal(ag.derivative(ag.sqrt)(np.array([0.0, 1.0, 4.0])), [np.inf, 0.5, 0.25])


@pytest.mark.parametrize(
    ("order", "kind"), [(-1, ValueError), *((order, TypeError) for order in (True, 1.0, "1", None))], ids=repr
)
def test_derivative_refuses_an_order_that_is_none(order, kind):
    with refused(kind, f"derivative: order must be an int ≥ 0, got {order!r}"):
        ag.derivative(ag.sin, order)


def test_derivative_refuses_other_shapes_and_containers():
    with refused(ag.ShapeError, "derivative: the function gave shape () for (3,)", "use jacobian"):
        ag.derivative(ag.sum)(A)
    with refused(ag.ShapeError, "derivative: the function gave shape (3, 1) for (3,)"):
        ag.derivative(lambda x: x[:, None])(A)
    with refused(ag.DTypeError, "derivative: by one number or array, not a list", "use jacobian"):
        ag.derivative(lambda p: p[0])([1.0])
    with refused(ag.GraphError, "derivative: the function must return one node, not a list"):
        ag.derivative(lambda x: [x])(1.0)


BATCHES = {
    "mean": lambda x: x - ag.mean(x, axis=0),
    "norm": lambda x: x / ag.sqrt(ag.sum(x * x, axis=0)),
    "flipped": lambda x: ag.sin(x[::-1]),
    "next": lambda x: x * ag.roll(x, 1, axis=0),
    "the first": lambda x: x * x[:1],
    "hidden": lambda x: x * x + 1e-3 * ag.mean(x * x, axis=0),
    "in sum nothing": lambda x: x * x - ag.mean(x * x, axis=0),
}


@pytest.mark.parametrize("f", BATCHES.values(), ids=BATCHES.keys())
@pytest.mark.parametrize("name", ["batch_jacobian", "batch_hessian"])
def test_a_function_that_mixes_samples_is_refused(name, f):
    with refused(
        ag.GraphError,
        f"{name}: the function mixes the elements of its argument, or the samples of the batch",
        "use jacobian",
    ):
        getattr(ag, name)(f, np.random.default_rng(0).normal(size=(4, 2)))


@pytest.mark.parametrize("batch", [2, 3, 5, 16])
@pytest.mark.parametrize("outputs", [2, 5])
@pytest.mark.parametrize("name", ["batch_jacobian", "batch_hessian"])
def test_mixing_in_one_output_alone_is_noticed(name, outputs, batch):
    X = np.random.default_rng(0).normal(size=(batch, outputs))
    for only in np.eye(outputs):
        with refused(
            ag.GraphError,
            f"{name}: the function mixes the elements of its argument, or the samples of the batch",
        ):
            getattr(ag, name)(lambda x, only=only: ag.sin(x) + only * ag.mean(x * x, axis=0) * x, X)


@pytest.mark.parametrize("name", ["batch_jacobian", "batch_hessian"])
def test_a_result_that_is_no_batch_is_refused(name):
    f = getattr(ag, name)
    with refused(ag.ShapeError, f"{name}: a batch (N, …) must give (N, …), got (2,) for (4, 2)"):
        f(lambda x: ag.sum(x, axis=0), np.ones((4, 2)))
    with refused(ag.ShapeError, f"{name}: a batch (N, …) must give (N, …), got () for (3,)"):
        f(ag.sum, A)
    for one in (3.0, Value(3.0), Tensor(3.0)):
        with refused(ag.ShapeError, f"{name}: a batch", "()"):
            f(lambda x: x * 2.0, one)
    with refused(ag.GraphError, f"{name}: the function must return one node, not a list"):
        f(lambda x: [x], A)
    with refused(ag.DTypeError, "str"):
        f(lambda x: x, "text")


# ---- Arguments -----------------------------------------------------------------------------------------------------------

ARGUMENTS = {
    "string": ("abc", "argument 0", "str 'abc'"),
    "None": (None, "argument 0", "None"),
    "complex": (1j, "argument 0", "complex"),
    "complex array": (np.array([1j]), "argument 0", "complex128"),
    "string in a list": ([1.0, ("abc",)], "argument 0[1][0]", "str 'abc'"),
    "complex in a dict": ({"w": A, "b": 1j}, "argument 0['b']", "complex"),
    "set": ({1.0}, "argument 0", "set"),
    "function": (len, "argument 0", "builtin_function"),
    "float16": (np.ones(2, np.float16), "argument 0", "float16"),
    "module": (nn.Linear(1, 1, rng=0), "argument 0", "Linear"),
}


@pytest.mark.parametrize(("x", "place", "what"), ARGUMENTS.values(), ids=ARGUMENTS.keys())
@pytest.mark.parametrize("name", ["grad", "value_and_grad", "jacobian", "hessian", "vjp", "derivative"])
def test_an_argument_that_is_no_number(name, x, place, what):
    f = lambda x: Value(1.0, requires_grad=False)  # noqa: E731
    kind = ValueError if isinstance(x, np.ndarray) and x.dtype == object else ag.DTypeError
    if name == "derivative" and isinstance(x, list | dict):
        return
    with refused(kind, f"{name}: {place}", what):
        ag.vjp(f, x) if name == "vjp" else getattr(ag, name)(f)(x)


@pytest.mark.parametrize("name", ["grad", "jacobian", "hessian", "vjp", "jvp"])
def test_a_list_that_contains_itself_is_refused(name):
    transform = getattr(ag, name)
    with refused(ValueError, "argument 0", "a list in itself?"):
        if name == "vjp":
            transform(lambda x: x[0], itself())
        elif name == "jvp":
            transform(lambda x: x[0], itself(), [1.0])
        else:
            transform(lambda x: x[0])(itself())


def test_aux_that_contains_itself_is_refused():
    with refused(ValueError, "a list in itself?"):
        ag.grad(lambda x: (x * x, itself()), has_aux=True)(1.0)


def test_a_result_that_contains_itself_is_refused():
    def f(x):
        one = [x]
        one.append(one)
        return one

    with refused(ValueError, "a list in itself?"):
        ag.jacobian(f)(1.0)


# ---- Operations of one's own ---------------------------------------------------------------------------------------------

CUBE = ag.Op("cube", lambda xp, x: x * x * x, (lambda xp, g, out, x: g * 3.0 * x * x,))
TWIST = ag.Op(
    "twist",
    lambda xp, x, y: xp.sin(x) * y * y,
    lambda xp, g, out, x, y: [g * xp.cos(x) * y * y, g * 2.0 * xp.sin(x) * y],
)


@pytest.mark.parametrize("order", range(4))
@pytest.mark.parametrize(
    "x", [1.5, np.array(1.5), Value(1.5), Tensor(1.5), A], ids=["float", "0-d", "Value", "Tensor", "vector"]
)
def test_an_operation_of_ones_own_is_differentiated_to_third_order(order, x):
    data = np.asarray(data_of(x))
    expected = (data**3, 3 * data**2, 6 * data, 6.0 + 0.0 * data)[order]
    found = ag.derivative(lambda x: ag.apply(CUBE, x), order)(x)
    np.testing.assert_allclose(found, expected, rtol=1e-14)
    nested = lambda x: ag.sum(ag.apply(CUBE, x))  # noqa: E731
    for _ in range(order):
        nested = ag.jacobian(nested)
    if order:
        n = data.size
        shaped = np.asarray(nested(x)).reshape([n] * order)
        for i in range(n):
            np.testing.assert_allclose(shaped[(i,) * order], np.ravel(expected)[i], rtol=1e-14)


def test_an_operation_with_two_parents_in_every_transformation():
    """twist(x, y) = y² sin x, with one rule for both shares, against the same function of the library's own."""

    def own(p):
        return ag.sum(ag.apply(TWIST, p["x"], p["y"]))

    def library(p):
        return ag.sum(ag.sin(p["x"]) * p["y"] * p["y"])

    for p in (
        {"x": 0.7, "y": -1.3},
        {"x": A, "y": 0.5},
        {"x": A, "y": A[::-1] + 1.0},
        {"x": A[:, None], "y": A},
    ):
        v = {key: np.ones(np.shape(x)) if np.ndim(x) else 1.0 for key, x in p.items()}
        calls = (
            lambda f, p=p: ag.value_and_grad(f)(p),
            lambda f, p=p: ag.jacobian(f)(p),
            lambda f, p=p: ag.hessian(f)(p),
            lambda f, p=p: ag.jacobian(ag.hessian(f))(p),
            lambda f, p=p, v=v: ag.hvp(f, p, v),
            lambda f, p=p, v=v: ag.jvp(f, p, v),
            lambda f, p=p: ag.vjp(f, p)[1](2.0),
        )
        for call in calls:
            for found, expected in zip(leaves(call(own)), leaves(call(library)), strict=True):
                np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


def test_an_operation_of_ones_own_in_batches():
    np.testing.assert_allclose(ag.batch_jacobian(lambda x: ag.apply(CUBE, x), A), 3 * A**2, rtol=1e-14)
    np.testing.assert_allclose(ag.batch_hessian(lambda x: ag.apply(CUBE, x), A), 6 * A, rtol=1e-14)


def square(vjps):
    return ag.Op("my_square", lambda xp, x: x * x, vjps)


def product(vjps):
    return ag.Op("my_product", lambda xp, x, y: x * y, vjps)


FAULTY = {
    "two vjps for one parent": (
        square([lambda xp, g, out, x: g] * 2),
        1,
        ["'my_square'", "2 vjps for 1 parents"],
    ),
    "one vjp for two parents": (
        product([lambda xp, g, out, x, y: g]),
        2,
        ["'my_product'", "1 vjps for 2 parents"],
    ),
    "one share for two parents": (
        product(lambda xp, g, out, x, y: [g]),
        2,
        ["'my_product'", "1 gradients for 2 parents"],
    ),
    "three shares for two parents": (
        product(lambda xp, g, out, x, y: [g, g, g]),
        2,
        ["'my_product'", "3 gradients for 2 parents"],
    ),
    "no list of shares": (product(lambda xp, g, out, x, y: g), 2, ["'my_product'", "2 parents"]),
    "a string": (square([lambda xp, g, out, x: "text"]), 1, ["'my_square'", "returned"]),
    "None": (square([lambda xp, g, out, x: None]), 1, ["'my_square'", "returned"]),
}
SHAPELESS = {
    "too long": (square([lambda xp, g, out, x: np.ones(5)]), ["'my_square'", "shape (5,)", "shape (3,)"]),
    "of another rank": (
        square([lambda xp, g, out, x: np.ones((3, 2))]),
        ["'my_square'", "shape (3, 2)", "shape (3,)"],
    ),
}
FOR_OPS = ["grad", "value_and_grad", "jacobian", "hessian", "vjp", "jvp", "hvp"]


def differentiated(name, f, x):
    if name == "vjp":
        return pulled(f, x)
    return getattr(ag, name)(f, x, x) if name in ("jvp", "hvp") else getattr(ag, name)(f)(x)


@pytest.mark.parametrize(("op", "count", "texts"), FAULTY.values(), ids=FAULTY.keys())
@pytest.mark.parametrize("name", FOR_OPS)
@pytest.mark.parametrize("x", [2.0, A], ids=["number", "array"])
def test_a_faulty_operation_is_named(name, op, count, texts, x):
    with refused(ag.GraphError, *texts):
        differentiated(name, lambda x: ag.sum(ag.apply(op, *[x] * count)), x)


@pytest.mark.parametrize(("op", "texts"), SHAPELESS.values(), ids=SHAPELESS.keys())
@pytest.mark.parametrize("name", FOR_OPS)
def test_a_gradient_of_the_wrong_shape_is_named(name, op, texts):
    with refused(ag.GraphError, *texts):
        differentiated(name, lambda x: ag.sum(ag.apply(op, x)), A)


@pytest.mark.parametrize("name", FOR_OPS)
def test_an_exception_of_an_operation_passes_through_with_its_name(name):
    def burst(xp, g, out, x):
        raise KeyError("mine")

    op = square([burst])
    with refused(KeyError, "mine", "my_square"):
        differentiated(name, lambda x: ag.sum(ag.apply(op, x)), A)


# ---- Their names ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["grad", "value_and_grad", "jacobian", "hessian", "derivative"])
def test_a_transformed_function_says_what_it_is(name):
    def energy(x):
        return x * x

    made = getattr(ag, name)(energy)
    assert made.__name__ == f"{name}_of_energy"
    assert "energy" in made.__doc__
    assert name in repr(made)
    assert getattr(ag, name)(nn.Linear(1, 1, rng=0)).__name__ == f"{name}_of_Linear"
