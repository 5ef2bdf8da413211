"""An augmented assignment under no_grad changes the leaf itself, whether it is trained, frozen or a constant."""

import copy
from typing import Any

import numpy as np
import pytest

import autograd_mini as ag
from tests.right.orders import near

SIGNS = ["+=", "-=", "*=", "/=", "**=", "%="]


def assigned(sign: str, x: Any, y: Any) -> Any:
    """`x sign y`, with x's own name bound anew."""
    if sign == "+=":
        x += y
    elif sign == "-=":
        x -= y
    elif sign == "*=":
        x *= y
    elif sign == "/=":
        x /= y
    elif sign == "**=":
        x **= y
    else:
        x %= y
    return x


def leaves(kind: str) -> dict[str, Any]:
    make = ag.Value if kind == "Value" else lambda x, **how: ag.Tensor([x, x + 1.0], **how)
    frozen = make(3.0)
    frozen.requires_grad = False
    return {
        "trained": make(3.0),
        "made a constant": make(3.0, requires_grad=False),
        "frozen later": frozen,
        "detached": make(3.0).detach(),
        "result of constants": make(1.0, requires_grad=False) + 2.0,
    }


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize(
    "which", ["trained", "made a constant", "frozen later", "detached", "result of constants"]
)
@pytest.mark.parametrize("kind", ["Value", "Tensor"])
def test_every_leaf_is_changed_in_place(kind: str, which: str, sign: str) -> None:
    x = leaves(kind)[which]
    alias, before = x, np.array(x.data)
    with ag.no_grad():
        out = assigned(sign, x, 2.0)
    assert out is alias
    near(alias.data, assigned(sign, before.copy(), 2.0))
    assert alias.requires_grad is (which == "trained")


@pytest.mark.parametrize("requires_grad", [True, False])
def test_a_matrix_product_in_place(requires_grad: bool) -> None:
    a = ag.Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=requires_grad)
    alias = a
    with ag.no_grad():
        a @= [[0.0, 1.0], [1.0, 0.0]]
        assert a is alias
        with pytest.raises(ag.ShapeError, match="@="):
            a @= [1.0, 1.0]
    near(alias.data, [[2.0, 1.0], [4.0, 3.0]])


@pytest.mark.parametrize("kind", ["Value", "Tensor"])
def test_a_node_beside_it_is_read(kind: str) -> None:
    x, w = leaves(kind)["frozen later"], leaves(kind)["trained"]
    with ag.no_grad():
        x *= 0.5
        x += w * 0.5
    near(x.data, w.data)


@pytest.mark.parametrize("kind", ["Value", "Tensor"])
@pytest.mark.parametrize("which", ["made a constant", "frozen later"])
def test_outside_no_grad_a_constant_is_not_touched(kind: str, which: str) -> None:
    """total += x makes a new node, as everywhere."""
    total = leaves(kind)[which]
    first, before = total, np.array(total.data)
    total += leaves(kind)["trained"]
    assert total is not first
    assert total.requires_grad
    near(first.data, before)


def test_a_moving_average_of_a_model_moves() -> None:
    """A target network follows: its frozen parameters change in the loop, and stay frozen."""
    net = ag.nn.MLP([2, 3, 1], activation="tanh", rng=0)
    target = copy.deepcopy(net)
    held = list(target.parameters())  # a model's parameters are those that are trained
    for p in held:
        p.requires_grad = False
    for p in net.parameters():
        p.data = p.data + 1.0
    before = [np.array(p.data) for p in held]
    with ag.no_grad():
        for p, q in zip(held, net.parameters(), strict=True):
            p *= 0.9  # noqa: PLW2901
            p += 0.1 * q  # noqa: PLW2901
    for p, q, old in zip(held, net.parameters(), before, strict=True):
        near(p.data, 0.9 * old + 0.1 * np.array(q.data))
        assert not p.requires_grad


def test_a_frozen_tensor_changed_in_place_makes_an_older_graph_stale() -> None:
    """As for a parameter: the gradient of what had read it before would be wrong."""
    c, x = ag.Tensor([2.0, 3.0], requires_grad=False), ag.Tensor([1.0, 1.0])
    y = (c * x).sum()
    with ag.no_grad():
        c *= 10.0
    with pytest.raises(ag.GraphError, match="changed"):
        y.backward()


@pytest.mark.parametrize("sign", SIGNS)
def test_it_keeps_the_dtype_and_the_shape(sign: str) -> None:
    x = ag.Tensor(np.float32([1.0, 2.0]), requires_grad=False)
    with ag.no_grad():
        assigned(sign, x, 2.0)
        assert x.dtype == np.float32
        with pytest.raises(ag.ShapeError):
            assigned(sign, x, np.ones((3, 2)))


def test_a_rule_that_works_in_place_on_g_is_refused() -> None:
    """`g *= mask; return g` would write into what other branches receive: a user's rule gets a g that it can only read."""

    def rule(xp: Any, g: Any, out: Any, x: Any) -> Any:
        g *= 2.0
        return g

    double = ag.Op("double", lambda xp, x: 2.0 * x, (rule,))
    x = ag.Tensor([1.0, 2.0])
    y = x + 0.0
    with pytest.raises((ag.GraphError, ValueError)) as caught:
        (ag.apply(double, y) + y).sum().backward()
    message = "\n".join([str(caught.value), *getattr(caught.value, "__notes__", ())])
    assert "double" in message
    assert "read-only" in message or "in place" in message
    assert x.grad is None


@pytest.mark.parametrize("way", ["+=", "out=", "item", "fill", "view"])
@pytest.mark.parametrize("shape", [(), (2,), (2, 2)], ids=str)
def test_every_way_to_write_into_g_is_refused(way: str, shape: tuple[int, ...]) -> None:
    def rule(xp: Any, g: Any, out: Any, x: Any) -> Any:
        if way == "+=":
            g += 1.0
        elif way == "out=":
            np.multiply(g, 2.0, out=g)
        elif way == "item":
            g[...] = 5.0
        elif way == "fill":
            g.fill(5.0)
        else:
            g.reshape(-1)[:] = 5.0
        return g

    wrong = ag.Op("wrong", lambda xp, x: 2.0 * x, (rule,))
    x = ag.Tensor(np.ones(shape))
    y = x * 1.0
    with pytest.raises((ag.GraphError, ValueError)):
        z = ag.apply(wrong, y) + y
        ag.gradients(z.sum() if shape else z, x)


@pytest.mark.parametrize("way", ["flag", "base", "at"])
def test_whoever_gets_round_the_refusal_writes_into_a_copy(way: str) -> None:
    """np.add.at never asks whether it may write; the other branch keeps its gradient."""

    def rule(xp: Any, g: Any, out: Any, x: Any) -> Any:
        if way == "flag":
            g.flags.writeable = True
            g *= 0.0
        elif way == "base":
            (g if g.base is None else g.base).flags.writeable = True
            g[...] = 0.0
        else:
            np.add.at(g, [0, 1], 5.0)
        return np.zeros(2)

    odd = ag.Op("odd", lambda xp, x: 2.0 * x, (rule,))
    x, z = ag.Tensor([1.0, 2.0]), ag.Tensor([3.0, 4.0])
    a, b = ag.gradients((ag.apply(odd, x) + z).sum(), [x, z])
    near(a, [0.0, 0.0])
    near(b, [1.0, 1.0])


def test_several_parents_with_one_rule_for_all() -> None:
    def rules(xp: Any, g: Any, out: Any, x: Any, y: Any) -> Any:
        g *= 2.0
        return [g, g]

    wrong = ag.Op("wrong", lambda xp, x, y: x + y, rules)
    x, y = ag.Tensor([1.0, 2.0]), ag.Tensor([3.0, 4.0])
    with pytest.raises((ag.GraphError, ValueError)):
        (ag.apply(wrong, x, y) + x).sum().backward()


def test_a_rule_may_write_into_a_copy() -> None:
    def rule(xp: Any, g: Any, out: Any, x: Any) -> Any:
        g = g.copy()
        g *= 2.0
        return g

    double = ag.Op("double", lambda xp, x: 2.0 * x, (rule,))
    x = ag.Tensor([1.0, 2.0])
    y = x + 0.0
    near(ag.gradients((ag.apply(double, y) + y).sum(), x), [3.0, 3.0])


def test_writing_into_operands_or_the_result_is_refused() -> None:
    """`x *= 2` in a rule or a forward would change the parameter."""

    def forward(xp: Any, x: Any) -> Any:
        x *= 2.0
        return x

    x = ag.Tensor([1.0, 2.0])
    with pytest.raises((ag.GraphError, ValueError)):
        ag.apply(ag.Op("wrong", forward, (lambda xp, g, out, x: 2.0 * g,)), x)
    near(x.data, [1.0, 2.0])
