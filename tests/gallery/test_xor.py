"""XOR by cross-entropy, S1: it reaches the outcome that it is there for, and agrees with PyTorch number by number.

Training on ten seeds is one run of ten networks side by side; that each learns as it would alone is tested too.
"""

import re
from functools import partial

import numpy as np
import pytest

import autograd_mini as ag
from autograd_mini.gallery import story, xor
from tests.gallery.helpers import leaves, seeds_learnt
from tests.helpers import numbers
from tests.helpers.peers import torch

close = partial(numbers.close, rtol=1e-12, floor=0.0)


def torch_xor(x, thetas):
    l1 = torch.tensor([[1.0, *x]], dtype=torch.float64)
    z2 = l1 @ thetas[0]
    z3 = torch.cat([torch.ones(1, 1, dtype=torch.float64), torch.sigmoid(z2)], 1) @ thetas[1]
    return z2, z3, torch.sigmoid(z3)


def torch_cross_entropy(l3, y):
    return -(y * torch.log(l3) + (1 - y) * torch.log(1 - l3)).sum()


def test_s1_the_script_is_mended_by_the_audit():
    """S1: the audit of the author's script names the two updates; with its lines the script moves each weight by PyTorch's gradient."""
    script = story.story("xor")[1]
    assert len(story.asked(script).findings) == 2
    mended = script.replace("0.1 * delta3", "0.1 * (l2.T @ delta3)")
    mended = mended.replace("0.1 * delta2[:, 1:]", "0.1 * (l1.T @ delta2[:, 1:])")
    assert "nothing is wrong" in str(story.asked(mended))
    names = {}
    exec(mended.replace("40_000", "1"), names)
    rng = np.random.default_rng(0)
    first = [rng.random((3, 3)) - 0.5, rng.random((4, 1)) - 0.5]
    thetas = leaves(first)
    torch_cross_entropy(torch_xor(xor.INPUTS[0], thetas)[2], 0.0).backward()
    for before, after, theta in zip(first, (names["theta1"], names["theta2"]), thetas, strict=True):
        np.testing.assert_allclose(before - after, 0.1 * theta.grad.numpy(), rtol=1e-10, atol=1e-15)


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(
    ("x", "y"), [*zip(xor.INPUTS, xor.TARGETS[:, 0], strict=True)], ids=["00", "01", "10", "11"]
)
def test_s1_gradients_are_those_of_the_derivation(seed, x, y):
    """S1: every delta and weight gradient in the nodes' .grad is the document's, number by number, and PyTorch's (1e-12 relative)."""
    theta1, theta2 = (ag.Tensor(theta) for theta in xor.start(seed))
    n = xor.forward(x[None], theta1, theta2)
    xor.cross_entropy(n["l3"], y).backward()
    l1, l2, l3 = n["l1"][0], n["l2"].data[0], n["l3"].item()
    delta3 = l3 - y
    delta2 = [delta3 * theta2.data[i + 1, 0] * l2[i + 1] * (1 - l2[i + 1]) for i in range(3)]
    close(n["l3"].grad, [[(l3 - y) / (l3 * (1 - l3))]])
    close(n["z3"].grad, [[delta3]])
    close(n["z2"].grad, [delta2])
    close(theta2.grad, [[delta3], *([delta3 * l2[i]] for i in (1, 2, 3))])
    close(theta1.grad, [[delta2[j] * l1[i] for j in range(3)] for i in range(3)])

    thetas = leaves(xor.start(seed))
    z2, z3, theirs = torch_xor(x, thetas)
    z2.retain_grad(), z3.retain_grad()
    torch_cross_entropy(theirs, y).backward()
    for node, other in ((n["z2"], z2), (n["z3"], z3), (theta1, thetas[0]), (theta2, thetas[1])):
        close(node.grad, other.grad.numpy())


def test_s1_weights_start_as_the_recipe_says():
    """S1: 0.5·√(6 / (fan_in + fan_out))·(U − 0.5), where the bias unit does not count as an input."""
    for theta, fans in zip(zip(*map(xor.start, range(500)), strict=True), (2 + 3, 3 + 1), strict=True):
        bound = 0.25 * np.sqrt(6 / fans)
        assert np.shape(theta[0]) == ((3, 3) if fans == 5 else (4, 1))
        assert 0.99 * bound < np.max(np.abs(theta)) <= bound
        assert abs(np.mean(theta)) < 0.05 * bound


def test_s1_each_network_learns_as_it_would_alone_in_pytorch():
    """S1: 400 steps, one sample each, of networks side by side give each the outputs of PyTorch's SGD on it alone (1e-10 relative)."""
    history = (how := xor.training([0, 7])).fit(100)
    outputs, losses = story.truth_table(how), history["loss"]
    total = 0.0
    for seed, ours in zip([0, 7], outputs, strict=True):
        thetas = leaves(xor.start(seed))
        sgd = torch.optim.SGD(thetas, lr=0.1)
        for step in range(400):
            loss = torch_cross_entropy(torch_xor(xor.INPUTS[step % 4], thetas)[2], xor.TARGETS[step % 4, 0])
            sgd.zero_grad()
            loss.backward()
            sgd.step()
            total += loss.item() / 4 * (step >= 396)
        close(ours, [torch_xor(x, thetas)[2].item() for x in xor.INPUTS], rtol=1e-10)
    close(losses[-1], total, rtol=1e-10)


def test_s1_learns_xor_and_prints_the_truth_table(capsys, tmp_path):
    """S1: ≥ 9 of 10 seeds learn XOR within 40,000 steps; the table shows 0, 1, 1, 0; the audit mends the script; the curve is drawn."""
    pytest.importorskip("matplotlib")
    story.tell("xor", plot=str(tmp_path / "xor.png"))
    text = capsys.readouterr().out
    table = {key: float(p) for key, p in re.findall(r"(\d xor \d) = ([\d.]+)", text)}
    assert list(table) == ["0 xor 0", "0 xor 1", "1 xor 0", "1 xor 1"]
    assert [round(p) for p in table.values()] == [0, 1, 1, 0]
    assert max(abs(p - y) for p, y in zip(table.values(), (0, 1, 1, 0), strict=True)) < 0.02
    assert seeds_learnt(text) >= 9
    assert "theta2 -= 0.1 * (l2.T @ delta3)" in text
    assert "theta1 -= 0.1 * (l1.T @ delta2[:, 1:])" in text
    assert "nothing is wrong" in text
    assert (tmp_path / "xor.png").stat().st_size > 1000
