"""A gradient is a node of its own: what is done to it reaches neither operands nor parameters, and the other way round."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_mini as ag
from tests.right.orders import near

VECTOR = [1.0, 2.0, 3.0]
# f(x, w) whose gradient with respect to x is w, or another node at hand
PRODUCTS: dict[str, Callable[[Any, Any], Any]] = {
    "w * x": lambda x, w: w * x,
    "x * w": lambda x, w: x * w,
    "multiply": lambda x, w: ag.multiply(x, w),
    "x": lambda x, w: ag.positive(x) + 0.0 * w,
    "dot": lambda x, w: ag.dot([x], [w]) if isinstance(x, ag.Value) else ag.dot(x, w),
    "matmul": lambda x, w: x * w if isinstance(x, ag.Value) else x @ w,
    "einsum": lambda x, w: x * w if isinstance(x, ag.Value) else ag.einsum("i,i->", x, w),
    "where": lambda x, w: ag.where(True, w, w) * x,
    "product of three": lambda x, w: (w * x) * 1.0,
}


def total(y: Any) -> Any:
    return y.sum() if isinstance(y, ag.Tensor) and y.ndim else y


def made(kind: str) -> tuple[Any, Any]:
    if kind == "Value":
        return ag.Value(2.0, label="x"), ag.Value(3.0, label="w")
    shape = {"0-d Tensor": (), "vector": (3,), "one element": (1,)}[kind]
    x, w = np.resize(VECTOR, shape), np.resize([4.0, 5.0, 6.0], shape)
    return ag.Tensor(x, label="x"), ag.Tensor(w, label="w")


CASES = [
    pytest.param(kind, f, id=f"{kind} {name}")
    for kind in ("Value", "0-d Tensor", "vector", "one element")
    for name, f in PRODUCTS.items()
    if not (kind == "0-d Tensor" and name in ("matmul", "einsum"))
]


@pytest.mark.parametrize(("kind", "f"), CASES)
def test_a_gradient_is_none_of_the_operands(kind: str, f: Any) -> None:
    x, w = made(kind)
    y = total(f(x, w))
    g = ag.gradients(y, x, create_graph=True)
    assert g is not x
    assert g is not w
    assert g is not y
    if isinstance(g, ag.Tensor):
        assert not np.shares_memory(g.data, w.data)
        assert not np.shares_memory(g.data, x.data)


@pytest.mark.parametrize(("kind", "f"), CASES)
def test_what_is_done_to_a_gradient_leaves_the_parameter_alone(kind: str, f: Any) -> None:
    """Its label, a gradient stored on it, an in-place operation under no_grad."""
    x, w = made(kind)
    before = np.array(w.data)
    g = ag.gradients(total(f(x, w)), x, create_graph=True)
    g.label = "gradient"
    assert (x.label, w.label) == ("x", "w")
    with ag.no_grad():
        g -= 1.0
        g *= 5.0
    near(w.data, before)


@pytest.mark.parametrize(("kind", "f"), CASES)
def test_a_step_on_the_parameter_leaves_the_gradient_alone(kind: str, f: Any) -> None:
    x, w = made(kind)
    g = ag.gradients(total(f(x, w)), x, create_graph=True)
    before = np.array(g.data)
    with ag.no_grad():
        w -= 10.0
    near(g.data, before)


@pytest.mark.parametrize(("kind", "f"), CASES)
def test_it_can_still_be_differentiated(kind: str, f: Any) -> None:
    x, w = made(kind)
    for name, of, wanted in (("w", w, 1.0), ("x", x, 0.0)):
        if f is PRODUCTS["x"] and name == "w":
            continue
        g = ag.gradients(total(f(x, w)), x, create_graph=True)
        near(ag.gradients(total(g), of, allow_unused=True), np.full(np.shape(x.data), wanted))


@pytest.mark.parametrize("kind", ["Value", "0-d Tensor", "vector"])
def test_two_gradients_are_two_nodes(kind: str) -> None:
    """Of a + b both are 1, and each its own; so where one input is asked for twice."""
    a, b = made(kind)
    g, h = ag.gradients(total(a + b), [a, b], create_graph=True)
    assert g is not h
    if isinstance(g, ag.Tensor):
        assert not np.shares_memory(g.data, h.data)
    g.label = "g"
    assert h.label is None


@pytest.mark.parametrize("kind", ["Value", "0-d Tensor", "vector"])
def test_a_gradient_is_not_the_gradient_from_above(kind: str) -> None:
    x, v = made(kind)
    g = ag.gradients(x + 1.0, x, v, create_graph=True)
    assert g is not v
    if isinstance(g, ag.Tensor):
        assert not np.shares_memory(g.data, v.data)
    near(ag.gradients(total(g), v), np.ones(np.shape(v.data)))


@pytest.mark.parametrize("kind", ["Value", "0-d Tensor", "vector"])
def test_a_result_asked_for_its_own_gradient(kind: str) -> None:
    x, v = made(kind)
    y = ag.exp(x)
    g = ag.gradients(y, y, v, create_graph=True)
    assert g is not v
    assert g is not y
    near(g.data, v.data)


def test_plain_gradients_are_nobody_elses_memory() -> None:
    x, w = made("vector")
    v = np.array([1.0, 1.0, 1.0])
    g, h = ag.gradients(x + w, [x, w], v)
    g[0] = 9.0
    near(h, [1.0, 1.0, 1.0])
    near(v, [1.0, 1.0, 1.0])
    g = ag.gradients((x * w).sum(), x)
    g[:] = 0.0
    near(w.data, [4.0, 5.0, 6.0])


@pytest.mark.parametrize("kind", ["Value", "0-d Tensor"])
def test_a_value_as_the_gradient_from_above_of_a_single_number(kind: str) -> None:
    """A Value and a 0-d Tensor are taken for each other: grad_output=Value(1.0) of x @ y."""
    other = ag.Tensor if kind == "Value" else ag.Value
    if kind == "Value":
        x, y = ag.Value(2.0), ag.Value(3.0)
        out, wanted = x * y, 3.0
    else:
        x, y = ag.Tensor([1.0, 2.0]), ag.Tensor([3.0, 4.0])
        out, wanted = x @ y, [3.0, 4.0]
    v = other(1.5)
    g = ag.gradients(out, x, v, create_graph=True)
    near(g.data, 1.5 * np.array(wanted))
    assert type(g) is type(x)
    slope = ag.gradients(total(g * g), v)
    near(slope, 2.0 * 1.5 * np.sum(np.square(wanted)))


def test_leaves_below_a_value_of_an_array_own_their_gradients() -> None:
    """Where the root is a Value taken out of a Tensor, too, no leaf shares its gradient with another node, and each can be written."""
    t, u = ag.Tensor([1.0, 2.0]), ag.Tensor([3.0, 4.0])
    total = t + u
    ag.to_value(total.sum()).backward()
    for leaf, other in ((t, u), (t, total), (u, total)):
        assert not np.shares_memory(leaf.grad, other.grad)
    t.grad += 1.0
    assert u.grad.tolist() == total.grad.tolist() == [1.0, 1.0]
