"""The step in PyTorch: fused losses, `addmm` or `F.linear`, gradients set to None, and optimisers with `foreach`.

`extra` has the optimiser's plain loop on small problems: PyTorch's default on a processor, and a few per cent faster than
`foreach`; and Adam's fused kernel.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from benchmarks.problems import L2, Problem, Trainer

torch.set_num_threads(1)

OPTIMIZERS: dict[str, Any] = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}


def loss_of(problem: Problem, pred: Any, y: Any, parameters: list[Any]) -> Any:
    """The problem's loss as a tensor."""
    match problem.loss:
        case "mse":
            return F.mse_loss(torch.sigmoid(pred), y)
        case "squares":
            return F.mse_loss(pred, y)
        case "hinge" | "hinge, nn.l2":
            return torch.relu(1 - y * pred).mean() + L2 * sum(p.square().sum() for p in parameters)
        case "softmax":
            return F.cross_entropy(pred, y)
        case _:
            return F.binary_cross_entropy_with_logits(pred, y)


def trainer(problem: Problem, by_addmm: bool, **options: bool) -> Trainer:
    """One way of writing the step; `F.linear` holds its weights transposed, as `nn.Linear` does. `options` are the optimiser's."""
    X, y = (torch.from_numpy(array) for array in problem.data)
    activation = torch.sigmoid if problem.activation == "sigmoid" else torch.relu
    parameters = []
    for array in problem.initial():
        start = torch.from_numpy(array)
        if start.ndim == 2 and not by_addmm:
            start = start.T.contiguous()
        parameters.append(start.requires_grad_())
    layers = list(zip(parameters[::2], parameters[1::2], strict=True))
    optimizer = OPTIMIZERS[problem.optimizer](parameters, lr=problem.lr, **options)

    def affine(x: Any, W: Any, b: Any) -> Any:
        return torch.addmm(b, x, W) if by_addmm else F.linear(x, W, b)

    def step() -> Any:
        optimizer.zero_grad(set_to_none=True)
        h = X
        for W, b in layers[:-1]:
            h = activation(affine(h, W, b))
        loss = loss_of(problem, affine(h, *layers[-1]), y, parameters)
        loss.backward()
        optimizer.step()
        return loss

    def arrays() -> list[Any]:
        return [(p.detach() if by_addmm or p.ndim == 1 else p.detach().T).numpy() for p in parameters]

    return Trainer(step, lambda loss: float(loss.item()), arrays)


def trainers(problem: Problem) -> dict[str, Trainer]:
    return {
        "PyTorch, addmm": trainer(problem, by_addmm=True, foreach=True),
        "PyTorch, F.linear": trainer(problem, by_addmm=False, foreach=True),
    }


def extra(problem: Problem) -> dict[str, Trainer]:
    ways = {}
    if problem.small:
        name = OPTIMIZERS[problem.optimizer].__name__
        ways[f"PyTorch, {name} without foreach"] = trainer(problem, by_addmm=True, foreach=False)
    if problem.optimizer == "adam":
        ways["PyTorch, Adam fused"] = trainer(problem, by_addmm=True, fused=True)
    return ways
