"""The smallest XOR, S3: it reaches the outcome that it is there for, and agrees with PyTorch number by number.

Training on ten seeds is one run of ten networks side by side; that each learns as it would alone is tested too.
"""

from functools import partial

import numpy as np

from autograd_mini.gallery import xor_minimal
from tests.gallery.helpers import leaves, seeds_learnt
from tests.helpers import numbers
from tests.helpers.peers import torch

close = partial(numbers.close, rtol=1e-12, floor=0.0)


def test_s3_each_network_learns_as_it_would_alone_in_pytorch():
    """S3: after 300 epochs the parameters are those of PyTorch's SGD on each network alone (1e-10 relative)."""
    params, _ = xor_minimal.learn([0, 3], epochs=300)
    X, T = torch.tensor(xor_minimal.INPUTS), torch.tensor(xor_minimal.TARGETS)
    for i, seed in enumerate([0, 3]):
        W1, b1, W2, b2 = theirs = leaves(xor_minimal.start(seed))
        sgd = torch.optim.SGD(theirs, lr=0.1)
        for _ in range(300 + 1):
            loss = 0.5 * ((torch.sigmoid(torch.sigmoid(X @ W1 + b1) @ W2 + b2) - T) ** 2).sum()
            sgd.zero_grad()
            loss.backward()
            sgd.step()
        for ours, other in zip(params, theirs, strict=True):
            close(ours.data[i], other.detach().numpy(), rtol=1e-10)


def test_s3_learns_xor_with_both_biases_trained(capsys, monkeypatch):
    """S3: mean absolute error < 0.05 for ≥ 9 of 10 seeds within 50,000 epochs; every bias has moved, and each its own way."""
    runs, learn = [], xor_minimal.learn
    monkeypatch.setattr(xor_minimal, "learn", lambda seeds: runs.append(learn(seeds)) or runs[0])
    assert xor_minimal.main() == 0
    assert seeds_learnt(capsys.readouterr().out) >= 9
    params, errors = runs[0]
    W1, b1, W2, b2 = (param.data for param in params)
    outputs = 1 / (1 + np.exp(-(1 / (1 + np.exp(-(xor_minimal.INPUTS @ W1 + b1)))) @ W2 - b2))
    assert np.sum(np.abs(outputs - xor_minimal.TARGETS).mean(axis=(1, 2)) < 0.05) >= 9
    assert len(errors) <= 51
    assert b1.shape == (10, 1, 3)
    assert b2.shape == (10, 1, 1)
    starts = [xor_minimal.start(seed) for seed in range(10)]
    assert np.min(np.abs(b1 - np.stack([start[1] for start in starts]))) > 1e-3
    assert np.min(np.abs(b2 - np.stack([start[3] for start in starts]))) > 1e-3
    assert np.min(np.ptp(b1, axis=-1)) > 0.1


def test_s3_fails_where_xor_is_not_learnt(monkeypatch, capsys):
    """S3: the exit status is 1, and the number is reported, where the networks have not learnt."""
    learn = xor_minimal.learn
    monkeypatch.setattr(xor_minimal, "learn", lambda seeds: learn(seeds, epochs=10))
    assert xor_minimal.main() == 1
    assert seeds_learnt(capsys.readouterr().out) == 0
