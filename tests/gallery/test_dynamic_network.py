"""The network that grows, S11: it reaches the outcome that it is there for, and agrees with PyTorch number by number."""

import re
from functools import partial
from itertools import pairwise

import numpy as np
import pytest

import autograd_mini as ag
from autograd_mini.gallery import dynamic_network, story
from tests.gallery.helpers import leaves
from tests.helpers import numbers
from tests.helpers.peers import torch

close = partial(numbers.close, rtol=1e-12, floor=0.0)


TORCH = {
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "softmax": lambda z: torch.softmax(z, -1),
    "linear": lambda z: z,
}


def test_s11_grows_any_number_of_layers_and_prints_their_shapes(capsys):
    """S11: each added layer's input, weight and output shape is printed, and is what the arrays have."""
    model = dynamic_network.Model(dynamic_network.X, rng=0)
    sizes, names = [2, 7, 6, 5, 4, 3, 1], [*dynamic_network.ACTIVATIONS, "tanh"]
    for n, name in zip(sizes[1:], names, strict=True):
        model.add(n, name)
    shapes = [
        [eval(shape) for shape in re.findall(r"\(.+?\)", line)]
        for line in capsys.readouterr().out.splitlines()
    ]
    assert shapes == [[(3, m), (m, n), (3, n)] for m, n in pairwise(sizes)]
    assert model(dynamic_network.X).shape == (3, 1)
    assert [p.shape for p in model.parameters()] == [
        shape for m, n in pairwise(sizes) for shape in ((m, n), (n,))
    ]
    spread = dynamic_network.Model(dynamic_network.X, rng=0, spread=1e-3)
    spread.add(500, "linear")
    assert 0.99e-3 < np.max(np.abs(spread.parameters()[0].data)) <= 1e-3
    assert not np.any(spread.parameters()[1].data)


def test_s11_gradients_of_all_five_activations_are_pytorchs():
    """S11: in a network of relu, sigmoid, tanh, softmax and linear layers every gradient is PyTorch's to 1e-10 relative."""
    X, Y = dynamic_network.X, dynamic_network.Y
    model = dynamic_network.Model(X, rng=1)
    for n, name in ((8, "relu"), (7, "sigmoid"), (6, "tanh"), (5, "softmax"), (1, "linear")):
        model.add(n, name)
    ag.nn.mse(model(X), Y).backward()
    theirs, x = leaves([p.data for p in model.parameters()]), torch.tensor(X)
    for i, f in enumerate(TORCH.values()):
        x = f(x @ theirs[2 * i] + theirs[2 * i + 1])
    torch.nn.functional.mse_loss(x, torch.tensor(Y)).backward()
    for ours, other in zip(model.parameters(), theirs, strict=True):
        scale = np.max(np.abs(other.grad.numpy()))
        np.testing.assert_allclose(ours.grad, other.grad.numpy(), rtol=1e-10, atol=1e-13 * scale)


def test_s11_what_is_said_of_the_wrong_ones_is_true():
    """S11: (cosh² − sinh²)/cosh² is tanh′; output − target is (cross-entropy after softmax)′; diag(p) − p pᵀ is softmax's."""
    z = np.array([-1.7, -0.3, 0.4, 2.1])
    close((np.cosh(z) ** 2 - np.sinh(z) ** 2) / np.cosh(z) ** 2, ag.derivative(ag.tanh)(z), rtol=1e-9)
    close(dynamic_network.POSTED["softmax"](z), ag.grad(lambda z: ag.nn.cross_entropy(z, 0))(z))
    p = ag.softmax(z)
    close(np.diag(p) - np.outer(p, p), ag.jacobian(ag.softmax)(z), rtol=1e-10)


def test_s11_fits_the_data_with_a_suitable_output(capsys, monkeypatch):
    """S11: linear and tanh outputs fit to mean squared error < 1e-3; no relu, sigmoid or softmax can; the wrong derivatives are named."""
    fits, learn = {}, dynamic_network.learn

    def kept(seed, layers, **spread):
        fits[tuple(name for _, name in layers)] = losses = learn(seed, layers, **spread)
        return losses

    monkeypatch.setattr(dynamic_network, "learn", kept)
    story.tell("dynamic-network")
    text = capsys.readouterr().out
    ends = {names: losses[-1] for names, losses in fits.items()}
    assert ends["sigmoid", "linear"] < 1e-3
    assert ends["sigmoid", "tanh"] < 1e-3
    assert ends["relu", "sigmoid", "tanh", "softmax", "linear"] < 1e-3
    assert min(ends["sigmoid", "relu"], ends["sigmoid", "sigmoid"], ends["sigmoid", "softmax"]) > 1 / 3 - 1e-9
    assert re.findall(r"(\w+)′ .*\n +WRONG", text) == ["tanh", "softmax"]
    assert "✗ delta = (Y - A[-1]) ** 2" in text
    assert "delta = Y - A[-1]   " in text


@pytest.mark.parametrize("seed", range(1, 5))
def test_s11_fits_from_other_seeds(seed, capsys):
    """S11: the posted network with a linear output fits from the posted small weights, whatever the seed (four more of them)."""
    assert dynamic_network.learn(seed)[-1] < 1e-3
