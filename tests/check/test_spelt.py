"""What a person spells out is put together before it is diagnosed: findings and lines speak of a sigmoid, and of classes as rows."""

import numpy as np
import pytest

import autograd_mini as ag

X = np.array([[0.5, -1.0], [1.5, 0.3], [-0.7, 0.9], [0.2, 0.4]])
Y = np.array([[0.0], [1.0], [1.0], [0.0]])


def network(sigmoid):
    """The loss of a network of one hidden layer, its output, and its parameters."""
    rng = np.random.default_rng(3)
    W1, W2 = (ag.Tensor(rng.normal(size=size), label=name) for name, size in (("W1", (2, 3)), ("W2", (3, 1))))
    A1 = sigmoid(X @ W1)
    A2 = sigmoid(A1 @ W2)
    return ((A2 - Y) ** 2).mean(), A1, A2, W1, W2


SPELT = {
    "one plus": lambda z: 1 / (1 + np.exp(-z)),
    "plus one": lambda z: 1.0 / (np.exp(-z) + 1.0),
    "reciprocal": lambda z: np.reciprocal(1 + np.exp(-z)),
}


@pytest.mark.parametrize("form", SPELT)
def test_a_sigmoid_that_is_spelt_out_is_one(form):
    """Its missing slope is named, at the sigmoid, with the line that has it; and the right gradients are right."""
    loss, A1, A2, W1, W2 = network(SPELT[form])
    found = ag.diagnose(loss, {W2: A1.data.T @ (2 * (A2.data - Y) / 4)})
    told = ag.diagnose(
        *(lambda loss, A1, A2, W1, W2: (loss, {W2: A1.data.T @ (2 * (A2.data - Y) / 4)}))(
            *network(ag.sigmoid)
        )
    )
    assert found.findings[0].mistake == "activation_derivative_missing"
    assert found.findings[0].fix == told.findings[0].fix
    loss.backward()
    assert ag.diagnose(loss, {W1: W1.grad, W2: W2.grad}).wrong == []


def test_a_part_with_a_name_or_a_gradient_stays_what_it_is():
    """A person who gives the gradient of exp(−z) is told of that."""
    z = ag.Tensor([0.3, -0.8], label="z")
    e = np.exp(-z)
    loss = (1 / (1 + e)).sum()
    loss.backward()
    assert ag.diagnose(loss, {z: z.grad, e: e.grad}).wrong == []
    assert ag.diagnose(loss, {e: 2 * e.grad}).wrong
    e.label = "e"
    assert ag.diagnose(loss, {"e": e.grad}).right == ["e"]


def test_the_recorded_numbers_count_where_a_leaf_was_changed_since():
    """A step in place after backward() changes none of what is judged."""
    loss, A1, A2, _, W2 = network(SPELT["one plus"])
    mine = A1.data.T @ (2 * (A2.data - Y) / 4)
    W2.data -= 5.0
    assert ag.diagnose(loss, {W2: mine}).findings[0].mistake == "activation_derivative_missing"


def test_labels_of_classes_are_diagnosed_as_rows_of_zeros_and_a_one():
    """An extra slope on softmax and cross-entropy is named whichever way the targets were given."""
    rng = np.random.default_rng(0)
    labels, W = rng.integers(0, 3, 4), ag.Tensor(rng.normal(size=(2, 3)), label="W")
    P, rows = ag.softmax(X @ W).data, np.eye(3)[labels]
    mine = {W: X.T @ ((P - rows) / 4 * P * (1 - P))}
    for target in (labels, rows):
        loss = ag.nn.cross_entropy(X @ W, target)
        assert ag.diagnose(loss, mine).findings[0].mistake == "activation_derivative_twice"
