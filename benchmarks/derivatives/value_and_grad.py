"""What the gradient costs beside its function: `value_and_grad` of a loss over the same loss recorded, on ten networks."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

import autograd_mini as ag
from benchmarks.derivatives.contest import times_of
from benchmarks.harness import Effort, agree, ratios
from benchmarks.problems import Array
from benchmarks.report import Row, Target, versus

COUNT = 10
TARGET = Target(4.0, "≤ 4")
ACTIVATIONS = ("relu", "leaky_relu", "elu", "gelu", "silu", "sigmoid", "tanh", "softplus")
RTOL = 1e-10  # against PyTorch
DIFFERENCE, DIFFERENCE_RTOL = 1e-8, 1e-5  # the step so small that hardly a relu has its kink inside it
Parameters = list[tuple[Any, Any]]  # (weight, bias) a layer


@dataclass(frozen=True)
class Network:
    """A multi-layer perceptron and a batch with targets; its loss is the mean squared error."""

    sizes: tuple[int, ...]
    activation: str
    batch: int

    @property
    def name(self) -> str:
        return f"{'-'.join(map(str, self.sizes))} {self.activation}, batch {self.batch}"

    @cached_property
    def data(self) -> tuple[Array, Array]:
        rng = np.random.default_rng(self.batch)
        return rng.standard_normal((self.batch, self.sizes[0])), rng.standard_normal(
            (self.batch, self.sizes[-1])
        )

    @cached_property
    def initial(self) -> Parameters:
        rng = np.random.default_rng(8)
        layers = []
        for inputs, outputs in pairwise(self.sizes):
            layers.append(
                (rng.standard_normal((inputs, outputs)) / np.sqrt(inputs), 0.1 * rng.standard_normal(outputs))
            )
        return layers

    def loss(self, parameters: Parameters) -> Any:
        """The loss as a node, for parameters that are nodes."""
        X, Y = self.data
        h, activation = X, getattr(ag, self.activation)
        for W, b in parameters[:-1]:
            h = activation(ag.linear(h, W, b))
        return ag.nn.mse(ag.linear(h, *parameters[-1]), Y)


def random_networks(count: int, smaller: bool) -> list[Network]:
    """One to four layers, widths of 8 to 128 and batches of 16 to 256; the same ones at every run."""
    rng = np.random.default_rng(9)
    widest, most = (12, 20) if smaller else (128, 256)
    networks = []
    for _ in range(count):
        sizes = rng.integers(8, widest + 1, rng.integers(1, 5) + 1)
        networks.append(
            Network(tuple(sizes.tolist()), str(rng.choice(ACTIVATIONS)), int(rng.integers(16, most + 1)))
        )
    return networks


def flat(parameters: Parameters) -> list[Array]:
    return [array for layer in parameters for array in layer]


def check(network: Network, peers: list[str]) -> None:
    """Hold the gradient to a finite difference along a random direction, and value and gradient to PyTorch's."""
    value, gradient = ag.value_and_grad(network.loss)(network.initial)
    rng = np.random.default_rng(10)
    direction = [rng.standard_normal(array.shape) for array in flat(network.initial)]
    ends = []
    for step in (DIFFERENCE, -DIFFERENCE):
        moved = [array + step * d for array, d in zip(flat(network.initial), direction, strict=True)]
        ends.append(
            float(
                network.loss(
                    [*zip(map(ag.Tensor, moved[::2]), map(ag.Tensor, moved[1::2]), strict=True)]
                ).data
            )
        )
    slope = sum(np.vdot(g, d) for g, d in zip(flat(gradient), direction, strict=True))
    who = f"value_and_grad on {network.name}"
    agree(f"{who}, finite difference", [slope], [(ends[0] - ends[1]) / (2 * DIFFERENCE)], DIFFERENCE_RTOL)
    if "torch" in peers:
        agree(f"{who}, PyTorch", [value, *flat(gradient)], on_torch(network), RTOL)


def on_torch(network: Network) -> list[Array]:
    """The loss and its gradients in PyTorch."""
    import torch

    torch.set_num_threads(1)
    X, Y = (torch.from_numpy(array) for array in network.data)
    parameters = [torch.from_numpy(array).requires_grad_() for array in flat(network.initial)]
    h = X
    for W, b in zip(parameters[:-2:2], parameters[1:-2:2], strict=True):
        h = getattr(torch.nn.functional, network.activation)(torch.addmm(b, h, W))
    loss = torch.nn.functional.mse_loss(torch.addmm(parameters[-1], h, parameters[-2]), Y)
    return [part.detach().numpy() for part in (loss, *torch.autograd.grad(loss, parameters))]


def run(effort: Effort, peers: list[str]) -> list[Row]:
    networks = random_networks(2 if effort.quick else COUNT, effort.quick)
    for network in networks:
        check(network, peers)
    measured = []
    for network in networks:
        both = ag.value_and_grad(network.loss)
        nodes = [(ag.Tensor(W), ag.Tensor(b)) for W, b in network.initial]
        works = {
            "both": lambda both=both, network=network: both(network.initial),
            "forward": lambda nodes=nodes, network=network: network.loss(nodes),
        }
        times = times_of(works, effort.step_rounds, effort)
        measured.append((network, times["both"], times["forward"]))
    measured.sort(key=lambda each: statistics.median(ratios(each[1], each[2])))
    rows = []
    for which, position, target in (("median", len(measured) // 2, None), ("worst", -1, TARGET)):
        network, both_times, forward_times = measured[position]
        work = f"value and gradient, {which} of {len(networks)} random networks: {network.name}"
        rows.append(versus(work, "value_and_grad", both_times, "forward alone", forward_times, target))
    return rows
