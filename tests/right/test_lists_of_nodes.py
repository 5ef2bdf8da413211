"""A list or tuple that holds a node, nested or not, is stacked in its graph: by every public function that takes data."""

import inspect
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_mini as ag
from autograd_mini import array_functions, nn
from tests.right.orders import levels, near

Call = Callable[..., Any]
V3 = [0.7, 1.3, 0.4]
W3 = [0.9, 0.2, 1.1]
M = [[1.2, 0.3], [0.4, 0.9]]
INDEX = np.array([[1, 0], [0, 1]])

UNARY = """
    abs ceil cos cosh erf exp expm1 floor log log1p log2 log10 log_sigmoid logistic negative normal_cdf normal_pdf positive
    reciprocal relu round sech2 sigmoid sign silu sin sinc sinh softplus sqrt square tan tanh arctan arcsinh elu gelu leaky_relu
    sum mean var std prod max min logsumexp softmax log_softmax norm cumsum cumprod flip sort
""".split()  # noqa: SIM905
SMALL = "arcsin arccos arctanh".split()  # noqa: SIM905
BINARY = """
    add subtract multiply divide remainder arctan2 hypot logaddexp xlogy maximum minimum power squared_error
    sigmoid_cross_entropy softmax_cross_entropy dot outer matmul
""".split()  # noqa: SIM905

# name, the call, and its operands: each operand in its turn is given as a list of nodes
CALLS: list[tuple[str, Call, list[Any]]] = [
    *((name, getattr(ag, name), [V3]) for name in UNARY),
    *((name, getattr(ag, name), [[0.1, 0.5, -0.3]]) for name in SMALL),
    ("arccosh", ag.arccosh, [[1.7, 2.3]]),
    *((name, getattr(ag, name), [V3, W3]) for name in BINARY),
    ("clip", lambda x: ag.clip(x, 0.5, 1.0), [V3]),
    ("clip", lambda low, high: ag.clip(ag.Tensor(V3), low, high), [[0.1, 0.1, 0.5], [0.5, 2.0, 2.0]]),
    ("cbrt", ag.cbrt, [V3]),
    ("copysign", ag.copysign, [V3, W3]),
    ("where", lambda x, y: ag.where([True, False, True], x, y), [V3, W3]),
    ("linear", ag.linear, [[V3, W3], [[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]], [0.5, -0.5]]),
    ("einsum", lambda x, y: ag.einsum("ij,jk->ik", x, y), [M, M]),
    ("tensordot", lambda x, y: ag.tensordot(x, y, 1), [M, M]),
    ("solve", ag.solve, [M, [0.3, 0.8]]),
    *((name, getattr(ag, name), [M]) for name in ("inv", "det", "trace", "diagonal", "diag", "tril", "triu", "transpose")),
    ("slogdet", lambda a: ag.slogdet(a).logabsdet, [M]),
    ("diag", ag.diag, [V3]),
    ("norm", lambda x: ag.norm(x, 3), [V3]),
    ("norm", lambda x: ag.norm(x, 1), [V3]),
    ("norm", lambda x: ag.norm(x, np.inf), [V3]),
    ("sum", lambda x: ag.sum(x, 0), [M]),
    ("reshape", lambda x: ag.reshape(x, (2, 2)), [[*V3, 2.0]]),
    ("swapaxes", lambda x: ag.swapaxes(x, 0, 1), [M]),
    ("moveaxis", lambda x: ag.moveaxis(x, 0, 1), [M]),
    ("expand_dims", lambda x: ag.expand_dims(x, 0), [V3]),
    ("squeeze", ag.squeeze, [[V3]]),
    ("broadcast_to", lambda x: ag.broadcast_to(x, (2, 3)), [V3]),
    ("concatenate", lambda x, y: ag.concatenate([x, y]), [V3, W3]),
    ("stack", lambda x, y: ag.stack([x, y]), [V3, W3]),
    ("split", lambda x: ag.split(x, 3), [V3]),
    ("pad", lambda x: ag.pad(x, 1), [V3]),
    ("tile", lambda x: ag.tile(x, 2), [V3]),
    ("repeat", lambda x: ag.repeat(x, 2), [V3]),
    ("roll", lambda x: ag.roll(x, 1), [V3]),
    ("getitem", lambda x: ag.getitem(x, [0, 0, 2]), [V3]),
    ("scatter", lambda x: ag.scatter(x, (4,), [0, 0, 2]), [V3]),
    ("index_update", lambda x, v: ag.index_update(x, [0, 2], v), [V3, [5.0, 6.0]]),
    ("take_along_axis", lambda x: ag.take_along_axis(x, INDEX, 1), [M]),
    ("to_value", lambda x: ag.to_value(x, 1), [V3]),
    ("cube", lambda x: ag.apply(CUBE, x), [V3]),
    ("average", lambda x: ag.apply(AVERAGE, x), [V3]),
    ("operator +", lambda x, y: ag.Tensor(V3, requires_grad=False) * x + y, [V3, W3]),
    ("reflected -", lambda x: x - ag.Tensor(V3), [W3]),
    ("reflected /", lambda x: x / ag.Tensor(V3), [W3]),
    ("operator **", lambda x: ag.Tensor(V3) ** x, [W3]),
    ("operator %", lambda x: ag.Tensor(V3) % x, [W3]),
    ("operator @", lambda x: ag.Tensor(M) @ x, [[0.3, 0.8]]),
    ("reflected @", lambda x: x @ ag.Tensor(M), [[0.3, 0.8]]),
    ("np.multiply", lambda x: np.multiply(ag.Tensor(V3), x), [W3]),
    ("np.dot", lambda x: np.dot(ag.Tensor(V3), x), [W3]),
    ("np.where", lambda x: np.where([True, False, True], ag.Tensor(V3), x), [W3]),
    ("np.maximum", lambda x: np.maximum(x, ag.Tensor(V3)), [W3]),
    ("method dot", lambda x: ag.Tensor(V3).dot(x), [W3]),
    ("method clip", lambda x: ag.Tensor(V3).clip(x, 9.0), [W3]),
]  # fmt: skip
CUBE = ag.Op("cube", lambda xp, x: x * x * x, (lambda xp, g, out, x: g * (3.0 * x * x),))
AVERAGE = ag.Op(
    "average", lambda xp, x: xp.sum(x, axis=None) / 3.0, (lambda xp, g, out, x: g / 3.0 + 0.0 * x,)
)

MODULES: list[tuple[str, Call]] = [
    (name, getattr(nn, name)())
    for name in ("ReLU", "LeakyReLU", "ELU", "GELU", "SiLU", "Sigmoid", "Tanh", "Softplus", "Softmax", "LogSoftmax", "Sin")
    if hasattr(nn, name)
]  # fmt: skip
LOSSES: list[tuple[str, Call, list[Any]]] = [
    ("mse", nn.mse, [V3, W3]),
    ("half_sse", nn.half_sse, [V3, W3]),
    ("mae", nn.mae, [V3, W3]),
    ("huber", nn.huber, [V3, W3]),
    ("hinge", lambda x: nn.hinge(x, [1.0, -1.0, 1.0]), [V3]),
    ("binary_cross_entropy", nn.binary_cross_entropy, [[0.2, 0.7, 0.4], [0.1, 0.9, 0.5]]),
    ("binary_cross_entropy_with_logits", nn.binary_cross_entropy_with_logits, [V3, [0.1, 0.9, 0.5]]),
    ("cross_entropy", lambda z: nn.cross_entropy(z, [0, 1]), [M]),
    ("cross_entropy", nn.cross_entropy, [M, [[0.5, 0.5], [0.25, 0.75]]]),
    ("nll", lambda z: nn.nll(z, [0, 1]), [[[-0.3, -1.3], [-0.8, -0.6]]]),
    ("Linear", nn.Linear(3, 2, rng=0), [V3]),
    ("Linear", nn.Linear(3, 2, rng=0), [[V3, W3]]),
    ("MLP", nn.MLP([3, 2, 1], activation="tanh", rng=0), [[V3, W3]]),
]

# public names that take functions, models, files or a structure of leaves, and not data
NO_DATA = set(
    """
    apply batch_hessian batch_jacobian derivative draw enable_grad explore fit grad gradients hessian hvp jacobian jvp load nn
    no_grad optim plot_decision_boundary plot_gradient_flow ravel save tree value_and_grad vjp
    audit backprop_source check_derivative check_gradients compile compile_step debug diagnose diagnose_update doctor explain
    mean_over cast
    """.split()  # noqa: SIM905
)


def numbers(x: Any) -> list[float]:
    return [n for part in x for n in numbers(part)] if isinstance(x, list | tuple) else [x]


def filled(x: Any, leaves: Any, form: type = list) -> Any:
    """The same nested lists, as lists or tuples, of these leaves."""
    return form(filled(part, leaves, form) for part in x) if isinstance(x, list | tuple) else next(leaves)


def cases() -> list[Any]:
    found = []
    for name, call, operands in [*CALLS, *LOSSES, *((name, call, [V3]) for name, call in MODULES)]:
        for place in range(len(operands)):
            end = sum(other.id.startswith(f"{name} {place}") for other in found)
            found.append(
                pytest.param(call, operands, place, id=f"{name} {place}{' ' + str(end) if end else ''}")
            )
    return found


COMPOSED = sorted(
    name
    for name in ag.__all__
    if inspect.isfunction(vars(array_functions).get(name)) and name not in {n for n, _, _ in CALLS} | NO_DATA
)


@pytest.mark.parametrize("name", COMPOSED)
def test_a_function_composed_of_others_cuts_no_list_off(name: str) -> None:
    """With lists of Values as its first or first two operands, of one and of two axes: nodes come back, or an error."""

    def vector() -> Any:
        return [ag.Value(x) for x in (0.3, 0.7, 0.5, 0.9)]

    def matrix() -> Any:
        return [[ag.Value(2.0), ag.Value(0.3)], [ag.Value(0.3), ag.Value(1.0)]]

    for make in (vector, matrix):
        for more in ([], [make()], [1], [2], [[0, 1]], [[1.0, 2.0]], [[True, False]]):
            try:
                out = getattr(ag, name)(make(), *more)
            except (
                ag.AutogradError,
                TypeError,
                ValueError,
                IndexError,
                AttributeError,
                np.linalg.LinAlgError,
            ):
                continue
            found = out if isinstance(out, list | tuple) else [out]
            nodes = any(isinstance(x, ag.Value | ag.Tensor) for x in found)
            assert nodes or name == "full_like", f"{type(out)} came back"  # full_like takes the shape alone


def test_every_public_function_is_walked() -> None:
    """Each public function of data stands in the table of this file."""
    walked = {name for name, _, _ in CALLS} | NO_DATA | set(COMPOSED)
    functions = {
        name
        for name in ag.__all__
        if callable(getattr(ag, name)) and not inspect.isclass(getattr(ag, name)) and not name.startswith("_")
    }
    assert functions - walked == set()
    assert not isinstance(ag.exp, types.ModuleType)


def compared(call: Call, operands: list[Any], place: int, make: Call, given: Call) -> None:
    """The same numbers to second order from the list as from the Tensor that it stands for."""
    flat = numbers(operands[place])
    others = [np.array(x) for x in operands]

    def at(operand: Any) -> Any:
        return call(*others[:place], operand, *others[place + 1 :])

    def by_list(*leaves: Any) -> Any:
        out = at(given(operands[place], leaves))
        assert all(isinstance(x, ag.Value | ag.Tensor) for x in (out if isinstance(out, list) else [out])), (
            f"a raw {type(out).__name__} came back: the graph is cut"
        )
        return out

    def by_stack(*leaves: Any) -> Any:
        return at(ag.reshape(ag.stack(list(leaves)), np.shape(operands[place])))

    got = levels(by_list, [make(x) for x in flat], 2)
    wanted = levels(by_stack, [make(x) for x in flat], 2)
    for ours, theirs in zip(got, wanted, strict=True):
        for x, y in zip(ours, theirs, strict=True):
            near(x, y)


@pytest.mark.parametrize(("call", "operands", "place"), cases())
def test_a_list_of_values_stays_in_the_graph(call: Call, operands: list[Any], place: int) -> None:
    compared(call, operands, place, ag.Value, lambda x, leaves: filled(x, iter(leaves)))


@pytest.mark.parametrize(("call", "operands", "place"), cases())
def test_a_tuple_of_values_stays_in_the_graph(call: Call, operands: list[Any], place: int) -> None:
    compared(call, operands, place, ag.Value, lambda x, leaves: filled(x, iter(leaves), tuple))


@pytest.mark.parametrize(("call", "operands", "place"), cases())
def test_a_list_of_single_tensors_stays_in_the_graph(call: Call, operands: list[Any], place: int) -> None:
    compared(call, operands, place, ag.Tensor, lambda x, leaves: filled(x, iter(leaves)))


@pytest.mark.parametrize(("call", "operands", "place"), cases())
def test_one_node_among_plain_numbers_keeps_the_graph(call: Call, operands: list[Any], place: int) -> None:
    """A list of numbers with one Value in it, last: looking at the first alone would not find it."""
    flat = numbers(operands[place])

    def mixed(x: Any, leaves: Any) -> Any:
        return filled(x, iter([*flat[:-1], leaves[-1]]))

    def stacked(x: Any, leaves: Any) -> Any:
        return ag.reshape(ag.stack([*flat[:-1], leaves[-1]]), np.shape(x))

    others = [np.array(x) for x in operands]
    found = []
    for given in (mixed, stacked):
        leaves = [ag.Value(x) for x in flat]

        def f(*leaves: Any, given: Call = given) -> Any:
            out = call(*others[:place], given(operands[place], leaves), *others[place + 1 :])
            first = out[0] if isinstance(out, list) else out
            assert isinstance(first, ag.Value | ag.Tensor), f"a raw {type(first).__name__} came back"
            return out

        found.append(levels(f, leaves, 1))
    for ours, theirs in zip(*found, strict=True):
        for x, y in zip(ours, theirs, strict=True):
            near(x, y)


ROWS = [
    ("sum", lambda x: ag.sum(x, 0)),
    ("mean", lambda x: ag.mean(x)),
    ("exp", ag.exp),
    ("softmax", ag.softmax),
    ("norm", lambda x: ag.norm(x, axis=0)),
    ("matmul", lambda x: ag.matmul(x, [0.5, 0.2, 0.1])),
    ("where", lambda x: ag.where([True, False, True], x, 0.0)),
    ("reshape", lambda x: ag.reshape(x, -1)),
    ("transpose", lambda x: ag.transpose(x)),
    ("ReLU", nn.ReLU()),
    ("Linear", nn.Linear(3, 2, rng=0)),
    ("mse", lambda x: nn.mse(x, np.zeros((2, 3)))),
    ("operator +", lambda x: ag.Tensor(np.ones((2, 3))) + x),
    ("operator @", lambda x: ag.Tensor(np.ones((4, 2))) @ x),
    ("Tensor", lambda x: ag.Tensor(x)),
]


@pytest.mark.parametrize(("name", "call"), [pytest.param(name, call, id=name) for name, call in ROWS])
@pytest.mark.parametrize("form", [list, tuple])
def test_a_list_of_vectors_is_stacked_in_its_graph(name: str, call: Call, form: type) -> None:
    """Rows that are Tensors make the matrix of these rows."""
    got = levels(lambda a, b: call(form([a, b])), [ag.Tensor(V3), ag.Tensor(W3)], 2)
    wanted = levels(
        lambda a, b: ag.stack([a, b]) if name == "Tensor" else call(ag.stack([a, b])),
        [ag.Tensor(V3), ag.Tensor(W3)],
        2,
    )
    for ours, theirs in zip(got, wanted, strict=True):
        for x, y in zip(ours, theirs, strict=True):
            near(x, y)


def test_a_row_of_numbers_beside_a_row_of_nodes() -> None:
    """One row of plain numbers and one Tensor: the Tensor receives its gradient."""
    row = ag.Tensor(V3)
    near(ag.gradients(ag.sum(ag.exp([row, W3])), row), np.exp(V3))


def test_the_loss_of_a_list_comprehension() -> None:
    """The mean of squared errors by a list, as a beginner writes it."""
    w = ag.Value(2.0)
    loss = ag.mean([(w * x - y) ** 2 for x, y in [(1.0, 3.0), (2.0, 5.0)]])
    loss.backward()
    near(w.grad, np.mean([2 * (2.0 - 3.0) * 1.0, 2 * (4.0 - 5.0) * 2.0]))


def test_constants_in_a_list_make_a_constant_node() -> None:
    """Nodes that require no gradient give a node, which requires none."""
    out = ag.sum([ag.Value(1.0, requires_grad=False), ag.Value(2.0, requires_grad=False)])
    assert isinstance(out, ag.Value | ag.Tensor)
    assert not out.requires_grad
    assert out.data == 3.0


def test_ragged_lists_of_nodes_are_refused() -> None:
    a = ag.Value(1.0)
    for call in (ag.sum, ag.exp, ag.mean, nn.ReLU(), ag.norm):
        with pytest.raises(ValueError, match=r"length|ragged|shape"):
            call([[a, a], [a]])
    with pytest.raises(ValueError, match=r"length|ragged|shape"):
        ag.sum([ag.Tensor([1.0, 2.0]), ag.Tensor([1.0])])


def test_float32_rows_stay_float32() -> None:
    rows = [ag.Tensor(np.float32(V3)), ag.Tensor(np.float32(W3))]
    out = ag.sum(ag.exp(rows))
    assert out.dtype == np.float32
    assert ag.gradients(out, rows)[0].dtype == np.float32


@pytest.mark.parametrize(
    "layer", [nn.Identity(), nn.Dropout(0.0), nn.Dropout(0.5)], ids=["identity", "p is 0", "evaluated"]
)
def test_a_layer_that_changes_nothing_stacks_too(layer: Any) -> None:
    a, b = ag.Value(1.0), ag.Value(2.0)
    out = layer.eval()([a, b])
    assert isinstance(out, ag.Tensor)
    near(ag.gradients(ag.sum(out * [3.0, 4.0]), [a, b]), [3.0, 4.0])


def test_the_gradient_from_above_as_a_list_of_nodes() -> None:
    x, a, b = ag.Tensor([1.0, 2.0]), ag.Value(3.0), ag.Value(4.0)
    g = ag.gradients(x * x, x, grad_output=[a, b], create_graph=True)
    near(g.data, [6.0, 16.0])
    near(ag.gradients(g.sum(), [a, b]), [2.0, 4.0])
