"""micrograd's demo step (2-16-16-1, hinge loss + L2, SGD) in the hands of each scalar engine; runs inside a worker.

The demo is the one in micrograd's notebook, and does what it does there: inputs wrapped as they come out of NumPy, a
running sum for every neuron, loss and accuracy, and a learning rate that falls from 1 to 0.1.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.harness import calls_to_fill, seconds_per_call
from benchmarks.problems import L2, Array, moons

SIZES = (2, 16, 16, 1)


def learning_rate(k: int) -> float:
    """The demo's: 1 at first, 0.1 from step 100 on."""
    return 1.0 - 0.9 * min(k, 100) / 100


def initial() -> list[float]:
    """Starting parameters in micrograd's order: layer by layer, neuron by neuron, weights and then the bias."""
    rng = np.random.default_rng(7)
    flat: list[float] = []
    for inputs, outputs in pairwise(SIZES):
        for _ in range(outputs):
            flat += [*rng.uniform(-1, 1, inputs).tolist(), 0.0]
    return flat


class Demo:
    """One contender, made by one of the functions below; its methods are what the parent process asks for."""

    def __init__(
        self, parameters: list[Any], loss: Callable[[], Any], backward: Callable[[Any], object]
    ) -> None:
        self.parameters, self.loss, self.backward = parameters, loss, backward
        self.k = 0
        self.reset()

    def reset(self) -> None:
        """Back to the starting parameters, in place where the engine's data are arrays."""
        self.k = 0
        for parameter, start in zip(self.parameters, initial(), strict=True):
            parameter.data = parameter.data * 0 + start

    def step(self) -> Any:
        """One step of training: forward, backward, update."""
        loss = self.loss()
        self.backward(loss)
        rate = learning_rate(self.k)
        for p in self.parameters:
            p.data -= rate * p.grad
        self.k += 1
        return loss

    def check(self, steps: int) -> list[Any]:
        """The loss at each of the first steps, and the parameters after them."""
        self.reset()
        losses = [float(self.step().data) for _ in range(steps)]
        return [losses, [float(p.data) for p in self.parameters]]

    def calls(self, seconds: float) -> int:
        """Steps that fill a round of this many seconds."""
        return calls_to_fill(self.step, seconds)

    def time(self, calls: int, collector: bool) -> float:
        """Seconds a step, over one round from the starting parameters, with the garbage collector on or off."""
        self.reset()
        if collector:
            return seconds_per_call(self.step, calls)
        gc.collect()
        gc.disable()
        try:
            return seconds_per_call(self.step, calls)
        finally:
            gc.enable()
            gc.collect()


def notebook_demo(Value: Callable[[Any], Any], model: Any, X: Any, y: Any, wrapped: bool) -> Demo:
    """The notebook's `loss()` and loop, on any engine with micrograd's interface; `model` is micrograd's own MLP.

    Without `wrapped` the inputs and labels stay plain numbers, as people write it who have left the notebook.
    """
    if not wrapped:
        X, y = X.tolist(), y.tolist()

    def loss() -> Any:
        inputs = [list(map(Value, xrow)) for xrow in X] if wrapped else X
        scores = list(map(model, inputs))
        losses = [(1 + -yi * scorei).relu() for yi, scorei in zip(y, scores, strict=True)]
        data_loss = sum(losses) * (1.0 / len(losses))
        reg_loss = L2 * sum(p * p for p in model.parameters())
        accuracy = [(yi > 0) == (scorei.data > 0) for yi, scorei in zip(y, scores, strict=True)]
        assert 0 <= sum(accuracy) / len(accuracy) <= 1
        return data_loss + reg_loss

    def backward(total: Any) -> None:
        model.zero_grad()
        total.backward()

    return Demo(model.parameters(), loss, backward)


def on_micrograd(points: int, wrapped: bool = True) -> Demo:
    """micrograd, untouched."""
    from micrograd import nn
    from micrograd.engine import Value

    return notebook_demo(Value, nn.MLP(SIZES[0], list(SIZES[1:])), *moons(points), wrapped)


def on_our_value(points: int, wrapped: bool = True) -> Demo:
    """micrograd's own `nn` and demo, with the name `Value` in them bound to ours."""
    from micrograd import nn

    import autograd_mini as ag

    nn.Value = ag.Value
    return notebook_demo(ag.Value, nn.MLP(SIZES[0], list(SIZES[1:])), *moons(points), wrapped)


def on_our_nn(points: int) -> Demo:
    """The same step as our README would write it: `nn.scalar`, whose neuron is one `dot` node."""
    import autograd_mini as ag
    from autograd_mini.nn import scalar

    rows, labels = (array.tolist() for array in moons(points))
    model = scalar.MLP(SIZES[0], list(SIZES[1:]), rng=0)
    parameters = list(model.parameters())

    def loss() -> Any:
        scores = [model(row) for row in rows]
        losses = [(1 - label * score).relu() for label, score in zip(labels, scores, strict=True)]
        return sum(losses) * (1 / len(losses)) + L2 * ag.dot(parameters, parameters, 0.0)

    def backward(total: Any) -> None:
        model.zero_grad()
        total.backward()

    return Demo(parameters, loss, backward)


def sum_of_products(points: int, leaf: Callable[[float], Any], constant: Callable[[float], Any]) -> Demo:
    """The notebook's graph with no library's `nn`: every product and every sum a node of its own."""
    rows, labels = (array.tolist() for array in moons(points))
    parameters = [leaf(start) for start in initial()]

    def score(x: list[Any]) -> Any:
        position = 0
        for inputs, outputs in pairwise(SIZES):
            activations = []
            for _ in range(outputs):
                total = parameters[position + inputs]
                for w, xi in zip(parameters[position : position + inputs], x, strict=True):
                    total = total + w * xi
                position += inputs + 1
                activations.append(total.relu() if outputs > 1 else total)
            x = activations
        return x[0]

    def loss() -> Any:
        scores = [score([constant(xi) for xi in row]) for row in rows]
        losses = [(1 - label * each).relu() for label, each in zip(labels, scores, strict=True)]
        return sum(losses) * (1 / len(losses)) + L2 * sum(p * p for p in parameters)

    def backward(total: Any) -> None:
        for p in parameters:
            p.grad = None
        total.backward()

    return Demo(parameters, loss, backward)


def graph_on_our_value(points: int) -> Demo:
    """That graph on our Values; the inputs are constants."""
    import autograd_mini as ag

    return sum_of_products(points, ag.Value, lambda x: ag.Value(x, requires_grad=False))


def graph_on_torch(points: int) -> Demo:
    """That graph on PyTorch's 0-d tensors in float64; the inputs are constants."""
    import torch

    torch.set_num_threads(1)

    def leaf(x: float) -> Any:
        return torch.tensor(x, dtype=torch.float64, requires_grad=True)

    return sum_of_products(points, leaf, lambda x: torch.tensor(x, dtype=torch.float64))


def by_hand(points: int, steps: int) -> list[Any]:
    """What every contender's `check(steps)` must return, computed in NumPy."""
    X, y = moons(points)
    layers: list[tuple[Array, Array]] = []
    flat = iter(initial())
    for inputs, outputs in pairwise(SIZES):
        block = np.array([[next(flat) for _ in range(inputs + 1)] for _ in range(outputs)])
        layers.append((block[:, :-1].T.copy(), block[:, -1].copy()))
    losses = []
    for k in range(steps):
        a = [X]
        for W, b in layers[:-1]:
            a.append(np.maximum(a[-1] @ W + b, 0))
        margin = 1 - y[:, None] * (a[-1] @ layers[-1][0] + layers[-1][1])
        penalty = L2 * sum(np.sum(W * W) + np.sum(b * b) for W, b in layers)
        losses.append(float(np.mean(np.maximum(margin, 0)) + penalty))
        dz = -y[:, None] * (margin > 0) / points
        for position in range(len(layers) - 1, -1, -1):
            W, b = layers[position]
            dW, db = a[position].T @ dz + 2 * L2 * W, dz.sum(axis=0) + 2 * L2 * b
            dz = (dz @ W.T) * (a[position] > 0) if position else dz
            W -= learning_rate(k) * dW
            b -= learning_rate(k) * db
    parameters = [np.concatenate([W, b[None]]).T.ravel() for W, b in layers]
    return [losses, np.concatenate(parameters).tolist()]
