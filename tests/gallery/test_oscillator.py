"""The oscillator, u″ + u = 0: it reaches the outcome that it is there for, and agrees with PyTorch number by number."""

import numpy as np
import pytest

import autograd_mini as ag
from autograd_mini import cli
from autograd_mini.gallery import oscillator
from tests.helpers.peers import torch


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
def test_oscillator_becomes_the_sine(seed, capsys):
    """The network that solves u″ + u = 0 is within 0.02 of sin x on [0, 2π], and its own derivatives within 0.05 of the sine's."""
    assert cli.main(["gallery", "oscillator", "--seed", str(seed)]) == 0
    assert "largest |u(x) − sin x|" in capsys.readouterr().out
    net, losses = oscillator.solve(seed)
    assert losses == sorted(losses, reverse=True)
    x = np.linspace(0, 2 * np.pi, 501)[:, None]
    assert np.max(np.abs(net(x).data - np.sin(x))) < 0.02
    assert np.max(np.abs(ag.derivative(net)(x) - np.cos(x))) < 0.05
    assert np.max(np.abs(ag.derivative(net, 2)(x) + np.sin(x))) < 0.05


def test_the_residuals_and_their_third_order_derivatives_are_pytorchs():
    """The residuals, and their Jacobian with respect to the weights (mixed third order), agree with PyTorch to 1e-9 relative."""
    w, unravel = ag.ravel(ag.nn.MLP([1, 5, 1], activation="tanh", rng=3))
    t = np.linspace(0.1, 6.0, 7)[:, None]
    value, J = ag.jacobian(lambda w: oscillator.residuals(unravel(w), t), value=True)(w)

    def by_torch(w):
        def u(x):
            return torch.tanh(x[:, None] * w[:5] + w[5:10]) @ w[10:15] + w[15]

        def slope(f):
            return lambda x: torch.func.grad(lambda x: f(x).sum())(x)

        times, zero = torch.tensor(t[:, 0]), torch.zeros(1, dtype=torch.float64)
        return torch.cat([(slope(slope(u))(times) + u(times)) / len(t) ** 0.5, u(zero), slope(u)(zero) - 1])

    vector = torch.tensor(w)
    np.testing.assert_allclose(value, by_torch(vector).numpy(), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(J, torch.func.jacrev(by_torch)(vector).numpy(), rtol=1e-9, atol=1e-12)
