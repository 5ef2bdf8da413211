"""XOR without biases, S8: it reaches the outcome that it is there for, and agrees with PyTorch number by number."""

from functools import partial

import numpy as np

import autograd_mini as ag
from autograd_mini.gallery import story, xor_no_bias
from tests.gallery.helpers import leaves, seeds_learnt
from tests.helpers import numbers
from tests.helpers.peers import torch

close = partial(numbers.close, rtol=1e-12, floor=0.0)


def test_s8_the_script_sends_the_loss_back():
    """S8: the script's dP is twice PyTorch's loss, one number for all samples, and so its dW2 is above 0 where PyTorch's has both signs."""
    first = xor_no_bias.by_hand(1)
    how = xor_no_bias.training(0)
    loss = how.loss(how.model(how.X), how.y)
    ours = ag.gradients(loss, how.optimizer.params)
    W1, W2 = leaves(xor_no_bias.start(0))
    p = torch.sigmoid(torch.sigmoid(torch.tensor(xor_no_bias.INPUTS) @ W1) @ W2)
    p.retain_grad()
    theirs = 0.5 * ((p - torch.tensor(xor_no_bias.TARGETS)) ** 2).sum()
    theirs.backward()
    for mine, their in zip(ours, (W1, W2), strict=True):
        close(mine, their.grad.numpy(), rtol=1e-11)
    close(first["dP"], 2 * theirs.item())
    assert p.grad.min() < 0 < p.grad.max()
    assert np.min(first["dW2"]) > 0
    ratios = first["dW1"] / ours[0]
    assert np.max(ratios) > 1.2 * np.min(ratios)


def test_s8_learns_xor_and_names_the_mistake(capsys):
    """S8: ≥ 9 of 10 seeds learn XOR in 10,000 epochs; the loss value as signal drives all outputs to 0, and is named."""
    xor_no_bias.main(0)
    text = capsys.readouterr().out
    assert seeds_learnt(text) >= 9
    assert "ag.diagnose: The loss's value is passed back where its derivative belongs" in text
    assert "ag.doctor: Units are saturated" in text
    assert "outputs for 00, 01, 10, 11 are [0. 0. 0. 0.]" in text


def test_s8_the_audit_mends_the_script():
    """S8: the line that takes up the loss's value is named; with the audit's line all updates are right."""
    script = story.story("xor-no-bias")[1]
    (found,) = story.asked(script).findings
    assert found.code == "dZ2 = dP * P * (1 - P)"
    assert "nothing is wrong" in str(story.asked(script.replace(found.code, found.should_be)))
