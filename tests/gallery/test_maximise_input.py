"""The input that maximises a network, S9: it reaches the outcome that it is there for, and agrees with PyTorch number by number."""

import importlib.util

import numpy as np
import pytest

from autograd_mini.gallery import maximise_input
from tests.helpers.peers import torch


@pytest.fixture(scope="module", params=[0, pytest.param(1, marks=pytest.mark.slow)], ids=["seed 0", "seed 1"])
def trained(request):
    """The network after training, where the ascent starts (x1 = 1, as in the post), and the ascent without and with bounds."""
    how = maximise_input.training(request.param)
    how.fit(5000)
    net, start = how.model.freeze(), np.array([1.0, np.random.default_rng(request.param + 1).random()])
    return net, start, {bounds: maximise_input.ascend(net, start, bounds) for bounds in (None, (0.0, 1.0))}


def by_torch(net, x):
    """The output of the same network in PyTorch."""
    W1, b1, W2, b2 = map(torch.tensor, net.state_dict().values())
    return torch.sigmoid(torch.sigmoid(x @ W1 + b1) @ W2 + b2)


def test_s9_the_network_is_1_at_0_1_only(trained):
    """S9: the trained outputs are ≥ 0.9 at [0, 1] and ≤ 0.1 at the other corners; PyTorch gives the same to 1e-12 relative."""
    net = trained[0]
    corners = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]])
    outputs = net(corners).data
    assert outputs[0] >= 0.9
    assert outputs[1:].max() <= 0.1
    np.testing.assert_allclose(outputs, by_torch(net, torch.tensor(corners)).numpy(), rtol=1e-12)


def test_s9_unconstrained_ascent_leaves_the_square_as_in_the_document(trained):
    """S9: 10,000 steps take the input out of [0, 1]², to outputs above that at [0, 1]; PyTorch goes there too, to 1e-9 relative."""
    net, start, ascents = trained
    points = ascents[None]
    assert points.shape == (10_001, 2)
    assert points[-1, 1] > 1.1
    assert net(points[-1]).item() > net([0.0, 1.0]).item()
    x = torch.tensor(start, requires_grad=True)
    sgd = torch.optim.SGD([x], lr=0.1)
    for _ in range(1000):
        sgd.zero_grad()
        ((by_torch(net, x) - 1) ** 2).sum().backward()
        sgd.step()
    np.testing.assert_allclose(points[1000], x.detach().numpy(), rtol=1e-9)


def test_s9_projected_ascent_ends_at_0_1(trained):
    """S9: with bounds=(0, 1) it never leaves [0, 1]² and ends at [0, 1] within 0.02, output ≥ 0.9."""
    net, _, ascents = trained
    points = ascents[0.0, 1.0]
    assert np.all((points >= 0) & (points <= 1))
    np.testing.assert_allclose(points[-1], [0, 1], atol=0.02)
    assert net(points[-1]).item() >= 0.9


def test_s9_l_bfgs_b_ends_at_0_1(trained):
    """S9: scipy's L-BFGS-B within the bounds ends at [0, 1] within 0.02, output ≥ 0.9."""
    pytest.importorskip("scipy")
    net, start, _ = trained
    x = maximise_input.ascend_lbfgs(net, start)
    np.testing.assert_allclose(x, [0, 1], atol=0.02)
    assert net(x).item() >= 0.9


@pytest.mark.parametrize("scipy", [True, False], ids=["with scipy", "without scipy"])
def test_s9_the_program_says_when_the_l_bfgs_b_part_is_left_out(scipy, trained, monkeypatch, capsys):
    """S9: without scipy the program says that this part is left out, and how to get it."""
    if scipy and not importlib.util.find_spec("scipy"):
        pytest.skip("scipy is not installed")
    monkeypatch.setattr(maximise_input, "ascend", lambda net, start, bounds=None: trained[2][bounds])
    monkeypatch.setattr(maximise_input, "find_spec", lambda name: object() if scipy else None)
    maximise_input.main(0)
    said = "L-BFGS-B: left out, for it needs scipy: python -m pip install 'autograd-mini[scipy]'"
    assert (said in capsys.readouterr().out) is not scipy
