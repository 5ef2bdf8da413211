"""The derivative of a network's outputs with respect to its inputs, for each sample of a batch; weights are fixed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import autograd_mini as ag
from benchmarks.derivatives.contest import contest
from benchmarks.harness import Effort
from benchmarks.problems import Array
from benchmarks.report import Row, Target

JACREV = "PyTorch, vmap(jacrev)"
TARGET = Target(1.0, "≤ 1")
RTOL = 1e-12


def by_hand(parameters: list[Array], X: Array) -> Array:
    """The Jacobians (batch, outputs, inputs), by the chain rule from the inputs on."""
    h, chain = X, np.broadcast_to(np.eye(X.shape[1]), (len(X), X.shape[1], X.shape[1]))
    for position in range(0, len(parameters) - 2, 2):
        h = np.tanh(h @ parameters[position] + parameters[position + 1])
        chain = (chain @ parameters[position]) * (1 - h * h)[:, None, :]
    return (chain @ parameters[-2]).transpose(0, 2, 1)


def torch_works(parameters: list[Array], X: Array) -> dict[str, Callable[[], Any]]:
    """As PyTorch's documentation advises, in reverse and in forward mode, and with a sweep for each output by hand."""
    import torch

    torch.set_num_threads(1)
    layers: list[Any] = []
    for W, b in zip(parameters[::2], parameters[1::2], strict=True):
        layer = torch.nn.Linear(*W.shape, dtype=torch.float64)
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(W).T)
            layer.bias.copy_(torch.from_numpy(b))
        layers += [layer, torch.nn.Tanh()]
    model = torch.nn.Sequential(*layers[:-1]).requires_grad_(False)
    batch = torch.from_numpy(X)
    reverse, forward = (torch.func.vmap(of(model)) for of in (torch.func.jacrev, torch.func.jacfwd))

    def sweeps() -> Any:
        x = batch.detach().requires_grad_()
        outputs = model(x).sum(0).unbind()
        return torch.stack([torch.autograd.grad(y, x, retain_graph=True)[0] for y in outputs], 1)

    return {
        JACREV: lambda: reverse(batch),
        "PyTorch, vmap(jacfwd)": lambda: forward(batch),
        "PyTorch, a sweep an output": sweeps,
    }


def run(effort: Effort, peers: list[str]) -> list[Row]:
    sizes, batch = ([2, 5, 5, 3], 4) if effort.quick else ([2, 64, 64, 3], 256)
    X = np.random.default_rng(5).uniform(-1, 1, (batch, sizes[0]))
    model = ag.nn.MLP(sizes, activation="tanh", rng=0)
    parameters = [p.data for p in model.parameters()]
    ours = {"batch_jacobian": lambda: ag.batch_jacobian(model, X)}
    others = torch_works(parameters, X) if "torch" in peers else {}
    title = f"input Jacobian, {'-'.join(map(str, sizes))} tanh, batch {batch}, float64"
    targets = {("batch_jacobian", JACREV): TARGET}
    return contest(title, ours, others, by_hand(parameters, X), RTOL, targets, effort.step_rounds, effort)
