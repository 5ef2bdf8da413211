"""The smallest XOR, S3: it reaches the outcome that it is there for, and agrees with PyTorch number by number.

Training on ten seeds is one run of ten networks side by side; that each learns as it would alone is tested too.
"""

from functools import partial

import numpy as np

from autograd_mini.gallery import story, xor_minimal
from tests.gallery.helpers import leaves
from tests.helpers import numbers
from tests.helpers.peers import torch

close = partial(numbers.close, rtol=1e-12, floor=0.0)


def test_s3_each_network_learns_as_it_would_alone_in_pytorch():
    """S3: after 300 epochs the parameters are those of PyTorch's SGD on each network alone (1e-10 relative)."""
    (how := xor_minimal.training([0, 3])).fit(300)
    X, T = torch.tensor(xor_minimal.INPUTS), torch.tensor(xor_minimal.TARGETS)
    for i, seed in enumerate([0, 3]):
        W1, b1, W2, b2 = theirs = leaves(xor_minimal.start(seed))
        sgd = torch.optim.SGD(theirs, lr=0.1)
        for _ in range(300):
            loss = 0.5 * ((torch.sigmoid(torch.sigmoid(X @ W1 + b1) @ W2 + b2) - T) ** 2).sum()
            sgd.zero_grad()
            loss.backward()
            sgd.step()
        for ours, other in zip(how.optimizer.params, theirs, strict=True):
            close(ours.data[i], other.detach().numpy(), rtol=1e-10)


def test_s3_learns_xor_with_both_biases_trained(capsys):
    """S3: mean absolute error < 0.05 for ≥ 9 of 10 seeds after 50,000 epochs; every bias has moved, and each its own way."""
    (how := xor_minimal.training(range(10))).fit(50_000)
    outputs = story.truth_table(how)
    W1, b1, W2, b2 = (param.data for param in how.optimizer.params)
    own = 1 / (1 + np.exp(-(1 / (1 + np.exp(-(xor_minimal.INPUTS @ W1 + b1)))) @ W2 - b2))
    close(outputs, own[..., 0], rtol=1e-9)
    assert np.sum(np.abs(own - xor_minimal.TARGETS).mean(axis=(1, 2)) < 0.05) >= 9
    assert b1.shape == (10, 1, 3)
    assert b2.shape == (10, 1, 1)
    starts = [xor_minimal.start(seed) for seed in range(10)]
    assert np.min(np.abs(b1 - np.stack([start[1] for start in starts]))) > 1e-3
    assert np.min(np.abs(b2 - np.stack([start[3] for start in starts]))) > 1e-3
    assert np.min(np.ptp(b1, axis=-1)) > 0.1


def test_s3_says_what_is_learnt(capsys, monkeypatch):
    """S3: the program prints the biases before and after, and of how many networks the error is small: here of none."""
    fit = story.Training.fit
    monkeypatch.setattr(story.Training, "fit", lambda how, epochs: fit(how, 10))
    xor_minimal.main(0)
    text = capsys.readouterr().out
    assert "b1  2.213 2.213 2.213  →  2.2" in text
    assert "learnt, every output within 0.1: 0 of 10 seeds" in text
    assert "mean absolute error < 0.05: 0 of 10 seeds" in text
