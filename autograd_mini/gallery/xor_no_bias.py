"""XOR without biases, and the update that takes the loss for its derivative."""

from typing import Any

import numpy as np

import autograd_mini as ag

from .story import INPUTS, TARGETS, Curves, Training, half_square, networks, say, story, truth_table


def start(seed: int) -> list[Any]:
    """Weights U(0, 1) of shapes (2, 5) and (5, 1)."""
    return [*map(np.random.default_rng(seed).random, ((2, 5), (5, 1)))]


def training(seeds: Any) -> Training:
    """The whole batch at every step, for a network or for several."""
    W1, W2 = weights = networks(start, seeds)
    sgd = ag.optim.SGD(weights, lr=0.3)
    return Training(lambda X: ag.sigmoid(ag.sigmoid(X @ W1) @ W2), INPUTS, TARGETS, half_square, sgd)


def by_hand(epochs: int = 10_000) -> dict[str, Any]:
    """The names of the script after so many epochs."""
    names: dict[str, Any] = {}
    exec(story("xor-no-bias")[1].replace("10_000", str(epochs)), names)
    return names


def main(seed: int) -> Curves:
    """Where the script ends and why, and how many of ten networks have learnt XOR."""
    how, first, last = training(0), by_hand(1), by_hand()
    W1, W2 = how.optimizer.params
    loss = half_square(how.model(INPUTS), TARGETS)
    found = ag.diagnose(loss, {W1: first["dW1"], W2: first["dW2"]}).findings
    say(*(f"ag.diagnose: {f.why}" for f in found if f.mistake == "loss_for_derivative"), "")
    say(f"After 10,000 epochs the script's outputs for 00, 01, 10, 11 are {last['P'].ravel().round(3)}")
    W1.data, W2.data = last["W1"], last["W2"]
    say(f"ag.doctor: {ag.doctor(how.model, how.loss, INPUTS, TARGETS).findings[0].why}", "")
    history = (how := training(range(seed, seed + 10))).fit(10_000)
    truth_table(how)
    return dict(history)
