"""XOR without biases, S8: it reaches the outcome that it is there for, and agrees with PyTorch number by number."""

import re
from functools import partial

import numpy as np
import pytest

import autograd_mini as ag
from autograd_mini.gallery import xor_no_bias
from tests.gallery.helpers import leaves, seeds_learnt
from tests.helpers import numbers
from tests.helpers.peers import torch

close = partial(numbers.close, rtol=1e-12, floor=0.0)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_s8_the_right_update_is_pytorchs_and_the_posted_ones_are_what_they_are_called(seed):
    """S8: by hand with the derivative = engine = PyTorch; the loss value sends one number back; times the loss is a constant factor."""
    weights, n = (
        xor_no_bias.start(seed),
        {v: xor_no_bias.by_hand(seed, v, epochs=1) for v in xor_no_bias.SIGNALS},
    )
    nodes = [ag.Tensor(w) for w in weights]
    p, loss = xor_no_bias.forward(*nodes)
    engine = ag.gradients(loss, [p, *nodes])
    hand, value, times = (
        [n[version][name] for name in ("dP", "dW1", "dW2")] for version in xor_no_bias.SIGNALS
    )
    W1, W2 = leaves(weights)
    p = torch.sigmoid(torch.sigmoid(torch.tensor(xor_no_bias.INPUTS) @ W1) @ W2)
    p.retain_grad()
    loss = 0.5 * ((p - torch.tensor(xor_no_bias.TARGETS)) ** 2).sum()
    loss.backward()
    for ours, mine, theirs in zip(engine, hand, (p, W1, W2), strict=True):
        close(ours, theirs.grad.numpy(), rtol=1e-11)
        close(mine, theirs.grad.numpy(), rtol=1e-11)

    signal, dW1, dW2 = value
    close(signal, 2 * loss.item())
    assert np.min(dW2) > 0
    assert np.min(engine[0]) < 0 < np.max(engine[0])
    ratios = dW1 / engine[1]
    assert np.max(ratios) > 1.2 * np.min(ratios)

    for ours, posted in zip(engine, times, strict=True):
        close(posted, ours * loss.item(), rtol=1e-11)


def test_s8_learns_xor_and_names_the_mistakes(capsys):
    """S8: ≥ 9 of 10 seeds learn XOR in 10,000 epochs; the loss value as signal drives all outputs to 0; both mistakes are said."""
    assert xor_no_bias.main() == 0
    text = capsys.readouterr().out
    assert seeds_learnt(text) >= 9
    assert "the loss itself is sent back in place of its derivative" in text
    assert "the derivative is multiplied by the loss value" in text
    assert "ag.diagnose: The loss's value is passed back where its derivative belongs" in text
    assert "ag.diagnose: The gradient has been multiplied by the loss's value" in text
    assert "ag.doctor: Units are saturated" in text
    ends = {
        version: [float(p) for p in numbers.split()]
        for version, numbers in re.findall(r"   (.+?): dP = .*\n +00, .* epochs: (.+)", text)
    }
    assert list(ends) == list(xor_no_bias.SIGNALS)
    assert np.max(np.abs(np.array(ends["derivative"]) - [0, 1, 1, 0])) < 0.1
    assert np.max(ends["loss value"]) < 0.01
    assert 0.1 < np.max(np.abs(np.array(ends["derivative × loss"]) - [0, 1, 1, 0])) < 0.3


def test_s8_fails_where_xor_is_not_learnt(monkeypatch, capsys):
    """S8: the exit status is 1, and the number is reported, where the networks have not learnt."""
    learn, by_hand = xor_no_bias.learn, xor_no_bias.by_hand
    monkeypatch.setattr(xor_no_bias, "learn", lambda seeds: learn(seeds, epochs=10))
    monkeypatch.setattr(
        xor_no_bias, "by_hand", lambda seed, version, epochs=10: by_hand(seed, version, epochs)
    )
    assert xor_no_bias.main() == 1
    assert seeds_learnt(capsys.readouterr().out) == 0
