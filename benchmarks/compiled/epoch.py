"""An epoch of per-sample SGD by ag.fit, float32, beside the same loop written by hand in NumPy; see benchmarks/training/digits.py."""

from __future__ import annotations

import statistics

import autograd_mini as ag
from benchmarks.harness import Effort, agree, interleave, seconds_per_call
from benchmarks.problems import Array, Trainer
from benchmarks.report import Row, Target, versus
from benchmarks.training import digits

TARGET = Target(0.8, "≤ 0.8")


def by_fit(X: Array, y: Array) -> Trainer:
    """As a user writes it; each step is an epoch, and gives its mean loss."""
    sizes = [digits.PIXELS, digits.HIDDEN, digits.CLASSES]
    model = ag.nn.MLP(sizes, activation="sigmoid", rng=0, dtype="float32")
    for parameter, start in zip(model.parameters(), digits.initial(), strict=True):
        parameter.data[...] = start
    sgd = ag.optim.SGD(model.parameters(), lr=digits.RATE)

    def epoch() -> float:
        history = ag.fit(
            model, X, y, loss=ag.nn.cross_entropy, optimizer=sgd, epochs=1, batch_size=1, shuffle=False, progress="none"
        )  # fmt: skip
        return history["loss"][0]

    return Trainer(epoch, float, lambda: [p.data for p in model.parameters()])


def run(effort: Effort, peers: list[str]) -> list[Row]:
    count = 20 if effort.quick else digits.COUNT
    title, X, y = digits.data(effort.quick)
    X, y = X[:count], y[:count]
    ours, hand = by_fit(X, y), digits.written_by_hand(X, y, count)
    rivals = {**hand["by_hand"], **hand["rows"]}
    ours.step()
    for name, rival in rivals.items():
        rival.step()
        agree(f"{name}: epoch by fit", ours.parameters(), rival.parameters(), digits.RTOL)
    every = {"ag.fit": ours, **rivals}
    turns = {name: (lambda step=trainer.step: seconds_per_call(step, 1)) for name, trainer in every.items()}
    times = interleave(turns, effort.rounds, effort.warmups)
    work = f"epoch of per-sample SGD by ag.fit, {title}, float32, {count} samples"
    best = min(rivals, key=lambda name: statistics.median(times[name]))
    return [
        versus(work, "ag.fit", times["ag.fit"], name, times[name], TARGET if name == best else None)
        for name in rivals
    ]
