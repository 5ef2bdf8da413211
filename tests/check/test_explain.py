"""explain: the chain rule of one gradient, a line a path, adding up to it as printed."""

from decimal import Decimal

import numpy as np
import pytest

import autograd_mini as ag
from autograd_mini.check.explain import adding_up

UNARY = [ag.tanh, ag.sin, ag.sigmoid, ag.softplus, lambda x: x * x, lambda x: -x, lambda x: x**3]
BINARY = [ag.add, ag.subtract, ag.multiply, lambda x, y: x / (y * y + 1.0)]


def random_graph(seed, arrays):
    """A loss, and the leaves it was made from, some of them used several times."""
    rng = np.random.default_rng(seed)
    shapes = [(2, 3), (3,), (1, 3), ()]

    def leaf(i):
        if arrays:
            return ag.Tensor(rng.normal(size=shapes[i % len(shapes)]), label=f"w{i}")
        return ag.Value(rng.normal(), label=f"w{i}")

    leaves = [leaf(i) for i in range(4)]
    pool = list(leaves)
    for _ in range(rng.integers(4, 10)):
        if rng.random() < 0.4:
            pool.append(UNARY[rng.integers(len(UNARY))](pool[rng.integers(len(pool))]))
        else:
            x, y = (pool[i] for i in rng.integers(len(pool), size=2))
            pool.append(BINARY[rng.integers(len(BINARY))](x, y))
    loss = pool[-1] + leaves[0] * pool[-2]
    return (loss.sum() if arrays else loss), leaves


def count_paths(node, w):
    """By walking all of them."""
    return 1 if node is w else sum(count_paths(parent, w) for parent in node.parents)


def printed(explanation):
    """The numbers of the lines: of each path (and the rest), and the total."""
    *parts, total = [Decimal(number.rpartition("= ")[2]) for _, number in explanation.rows()]
    return parts, total


@pytest.mark.parametrize("arrays", [False, True], ids=["numbers", "arrays"])
def test_what_is_printed_adds_up_to_the_gradient(arrays):
    """On 100 random graphs: the numbers of the lines sum to the last one exactly, which is `.grad` to the last digit printed."""
    cut = 0
    for seed in range(100):
        loss, leaves = random_graph(seed, arrays)
        loss.backward()
        for w in leaves:
            if w.grad is None:
                continue
            told = ag.explain(loss, w, max_paths=2)
            parts, total = printed(told)
            assert sum(parts) == total, (seed, str(told))
            grad = np.ravel(w.grad)[np.argmax(np.abs(np.ravel(w.grad)))]
            unit = Decimal(1).scaleb(total.as_tuple().exponent)
            assert abs(Decimal(float(grad)) - total) <= unit * Decimal("0.500001"), (seed, str(told))
            assert str(told).splitlines()[-1].split()[-1] == told.rows()[-1][1]
            assert told.count == count_paths(loss, w)
            shares = sum((path.share for path in told.paths), told.rest)
            np.testing.assert_allclose(shares, w.grad, rtol=1e-9, atol=1e-12)
            cut += told.count > 2
    assert cut > 50  # many were cut, and add up all the same


def test_each_path_is_the_product_of_its_slopes_and_the_largest_come_first():
    """Of numbers, a path's share is the product of its factors; shares fall in size."""
    for seed in range(30):
        loss, (w, *_) = random_graph(seed, False)
        paths = ag.explain(loss, w, max_paths=1000).paths
        for path in paths:
            assert path.share == pytest.approx(np.prod(path.factors), rel=1e-12)
            assert len(path.factors) == len(path.nodes) - 1
        sizes = [abs(path.share) for path in paths]
        assert all(a >= b * (1 - 1e-9) for a, b in zip(sizes, sizes[1:], strict=False))


def test_paths_are_counted_exactly_and_cut():
    """Sixty doublings are 2⁶⁰ paths: they are counted, three are shown, and the others are one number."""
    x = ag.Value(1.5, label="x")
    y = x
    for _ in range(60):
        y = y + y
    told = ag.explain(y, x, max_paths=3)
    assert told.count == 2**60
    assert len(told.paths) == 3
    assert told.gradient == 2.0**60
    assert told.rest == 2.0**60 - 3
    assert "1,152,921,504,606,846,973 more paths together" in str(told)
    assert len(str(told)) < 2000


def test_a_network_of_arrays_is_told_in_matrix_form():
    """Each step has its formula and its shapes, a product those of its factors, in the person's own names."""
    X = np.arange(8.0).reshape(4, 2)
    W1, W2 = ag.Tensor(np.full((2, 3), 0.1), label="W1"), ag.Tensor(np.full((3, 1), 0.2), label="W2")
    Z1 = X @ W1
    Z1.label = "Z1"
    loss = (ag.tanh(Z1) @ W2).sum()
    text = str(ag.explain(loss, W1))
    assert text.splitlines()[0] == "∂loss/∂W1 of shape (2, 3): 1 path"
    assert "dW1 = Xᵀ · dZ1" in text
    assert "(2, 3) = (2, 4) · (4, 3)" in text
    assert "dZ1 = dz1 × (1 − tanh²(Z1))" in text
    assert "W1[1, " in text
    html = ag.explain(loss, W1)._repr_html_()
    assert html.count("<table") == 2
    assert "dW1 = Xᵀ · dZ1" in html


def test_parameters_of_a_model_are_called_by_their_path():
    net = ag.nn.MLP([2, 3, 1], rng=0)
    text = str(ag.explain(ag.nn.mse(net(np.ones((4, 2))), np.ones((4, 1))), net.layers[0].weight))
    assert text.startswith("∂loss/∂layers.0.weight of shape (2, 3): 1 path")
    assert "dlayers.0.weight = Xᵀ · dz1" in text
    assert "linear(z2, layers.1.weight, layers.1.bias)" in text


def test_labels_are_escaped_in_html():
    x = ag.Value(2.0, label="<b>")
    html = ag.explain(x * x, x)._repr_html_()
    assert "&lt;b&gt;" in html
    assert "<b>∂loss" in html
    assert "→ <b>" not in html


def test_an_interior_node_and_a_deep_graph_are_explained():
    """Nodes between can be asked for; and 20,000 steps are no trouble, nor are their texts."""
    x = ag.Value(0.5, label="x")
    h = ag.tanh(x)
    assert printed(ag.explain(h * h, h))[1] == Decimal("0.924234")
    y = x
    for _ in range(20_000):
        y = y + 0.001
    told = ag.explain(y, x)
    assert told.count == 1
    assert len(str(told)) < 1000


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda x, y: ag.explain(x * x, y), "does not depend on Value"),
        (lambda x, y: ag.explain(x.detach(), x), "recorded scalar"),
        (lambda x, y: ag.explain(3.0, x), "recorded scalar"),
        (lambda x, y: ag.explain(x * x, 2.0), "a float"),
        (lambda x, y: ag.explain(ag.Tensor([1.0, 2.0]) * x, x), "recorded scalar"),
    ],
)
def test_what_cannot_be_explained_is_refused(call, text):
    with pytest.raises(ag.GraphError, match=text):
        call(ag.Value(1.0), ag.Value(2.0))


def test_max_paths_must_be_a_whole_number():
    x = ag.Value(1.0)
    with pytest.raises(ValueError, match="max_paths"):
        ag.explain(x * x, x, max_paths=0)


@pytest.mark.parametrize(
    ("parts", "total", "texts"),
    [
        ([1e20, -1e20, 3.0], 3.0, None),
        ([1e-9, 2e-9], 3e-9, ["1.00000e-09", "2.00000e-09", "3.00000e-09"]),
        ([0.0], 0.0, ["0.00000", "0.00000"]),
        ([float("inf"), 1.0], float("inf"), ["inf", "1", "inf"]),
        ([1234567.0, 0.25], 1234567.25, None),
        ([1.0, -1.0 + 1e-9], 1e-9, None),
    ],
)
def test_numbers_are_rounded_so_that_they_add_up(parts, total, texts):
    found = adding_up(parts, total)
    if texts is not None:
        assert found == texts
    else:
        *printed_parts, printed_total = map(Decimal, found)
        assert sum(printed_parts) == printed_total


def test_gradients_that_are_not_finite_are_shown_as_they_are():
    x = ag.Value(0.0, label="x")
    assert "inf" in str(ag.explain(ag.sqrt(x) * 1.0, x))
