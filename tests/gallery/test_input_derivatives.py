"""Derivatives by the inputs, S12: it reaches the outcome that it is there for, and agrees with PyTorch number by number."""

import numpy as np
import pytest

import autograd_mini as ag
from autograd_mini import cli
from autograd_mini.gallery import input_derivatives
from tests.helpers.peers import torch


def torch_network(x, weights):
    """The same network in PyTorch."""
    for w, b in zip(weights[:-1:2], weights[1::2], strict=True):
        x = torch.sigmoid(x @ w + b)
    return x @ weights[-1]


def ones(shape):
    return np.ones(shape)


@pytest.mark.parametrize(
    ("sizes", "known"), [([2, 2, 1], 0.0903533), ([2, 2, 2, 1], 0.00889187)], ids=["2-2-1", "2-2-2-1"]
)
def test_s12_jacobians_of_ones_are_the_known_ones(sizes, known):
    """S12: all weights and biases 1, x = [1, 1]: both entries of J are 0.0903533 (one hidden layer), 0.00889187 (two)."""
    weights = input_derivatives.layers(sizes, ones)
    J = ag.batch_jacobian(lambda x: input_derivatives.network(x, weights), np.ones((1, 2)))
    assert J.shape == (1, 1, 2)
    np.testing.assert_allclose(
        J.ravel(), known, rtol=0, atol=0.5 * 10.0 ** -len(str(known)[2:])
    )  # all the digits that are given


@pytest.mark.parametrize("draw", [ones, np.random.default_rng(0).standard_normal], ids=["ones", "random"])
@pytest.mark.parametrize("sizes", [[2, 2, 1], [2, 2, 2, 1], [2, 8, 8, 1], [3, 5, 4, 2]], ids=str)
def test_s12_jacobians_and_hessians_are_pytorchs(sizes, draw):
    """S12: first and second derivatives by the inputs agree with PyTorch to 1e-10 relative."""
    weights, x = input_derivatives.layers(sizes, draw), np.linspace(-1.0, 1.0, sizes[0])[None]
    given = [torch.tensor(w) for w in weights]
    J = torch.func.jacrev(lambda x: torch_network(x, given)[0])(torch.tensor(x))[:, 0]
    H = torch.func.jacrev(torch.func.jacrev(lambda x: torch_network(x[None], given)[0]))(torch.tensor(x[0]))
    ours = [
        d(lambda x: input_derivatives.network(x, weights), x)[0]
        for d in (ag.batch_jacobian, ag.batch_hessian)
    ]
    for found, wanted in zip(ours, (J.numpy(), H.numpy()), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-12 * np.abs(wanted).max())


def test_s12_the_loss_differentiates_through_the_derivative_as_pytorch():
    """S12: the misses on mixed data, and the gradient of their mean square by all parameters, are PyTorch's to 1e-9 relative."""
    (X, known), weights = (
        input_derivatives.data(3, 30),
        input_derivatives.layers([2, 8, 8, 1], np.random.default_rng(3).standard_normal),
    )
    nodes = [ag.Tensor(w) for w in weights]
    missed = input_derivatives.misses(nodes, X, known, graph=True)
    gradients = ag.gradients((missed**2).mean(), nodes)
    given, x = [torch.tensor(w, requires_grad=True) for w in weights], torch.tensor(X, requires_grad=True)
    y = torch_network(x, given)
    (slopes,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    learnt = torch.stack([torch.cat([y, slopes], dim=1)[i, i % 3] for i in range(30)])
    x1, x2 = torch.tensor(X).T
    true = torch.stack(
        [torch.sin(x1) * torch.cos(x2), torch.cos(x1) * torch.cos(x2), -torch.sin(x1) * torch.sin(x2)]
    )
    wanted = learnt - torch.stack([true[i % 3, i] for i in range(30)])
    np.testing.assert_allclose(missed.data, wanted.detach().numpy(), rtol=1e-10, atol=1e-12)
    for ours, theirs in zip(gradients, torch.autograd.grad((wanted**2).mean(), given), strict=True):
        np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-9, atol=1e-12)


def test_s12_stacked_networks_give_each_ones_own_misses():
    """S12: what the swarm computes for all particles at once equals one network after the other, to 1e-12 relative."""
    rng, (X, known) = np.random.default_rng(4), input_derivatives.data(4, 12)
    each = [input_derivatives.layers([2, 8, 8, 1], rng.standard_normal) for _ in range(3)]
    stacked = input_derivatives.misses([np.stack(parts) for parts in zip(*each, strict=True)], X, known).data
    for row, weights in zip(stacked, each, strict=True):
        np.testing.assert_allclose(
            row, input_derivatives.misses(weights, X, known).data, rtol=1e-12, atol=1e-14
        )


@pytest.mark.parametrize("seed", [1, 6], ids=["seed 1", "seed 6"])
@pytest.mark.parametrize(
    "fit",
    [input_derivatives.by_descent, input_derivatives.by_swarm],
    ids=["gradient descent", "particle swarm"],
)
def test_s12_mixed_data_are_fitted(fit, seed):
    """S12: 120 points, each with y or ∂y/∂x1 or ∂y/∂x2, are fitted to a mean squared error < 1e-3 (checked in PyTorch), the swarm
    of 40 particles in ≤ 1,500 iterations; and on 3,000 points that were not shown all three kinds are below 1e-2."""
    X, known = input_derivatives.data(seed)
    weights, errors = fit(seed)
    assert [w.shape for w in weights] == [(2, 8), (1, 8), (8, 8), (1, 8), (8, 1)]
    assert fit is input_derivatives.by_descent or len(errors) <= 1500
    x = torch.tensor(X, requires_grad=True)
    y = torch_network(x, [torch.tensor(w) for w in weights])
    (slopes,) = torch.autograd.grad(y.sum(), x)
    learnt = torch.cat([y, slopes], dim=1).detach().numpy()[np.arange(120), np.arange(120) % 3]
    assert np.mean((learnt - known) ** 2) < 1e-3
    others = input_derivatives.misses(weights, *input_derivatives.data(seed + 50, 3000)).data ** 2
    assert all(np.mean(others[kind::3]) < 1e-2 for kind in range(3))


def test_s12_the_program_prints_both_fits(capsys):
    """S12: the audit, J, H and both errors are printed."""
    assert cli.main(["gallery", "input-derivatives", "--seed", "1"]) == 0
    printed = capsys.readouterr().out
    right = "inner = outer @ W2.T * a1 * (1 - a1)"
    for text in ("0.09035332", "0.00889187", "gradient descent", "particle swarm", right):
        assert text in printed
