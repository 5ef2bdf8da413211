"""A policy that steers a robot: a loss cut off from its network, and the repair.

Asked: My policy network does not learn to steer the robot, until its camera sees the target at (10, 31).
Wrong: The loss was computed from detached numbers. After `.detach()` there is nothing that `backward()` could go through; where the
numbers are wrapped afresh, it reaches them, but not the network. And a ReLU on the outputs can be dead: 0 for ever, without a gradient.
Works: Robot and camera are simulated in the graph, so gradients go from the picture back to the motors; and no ReLU on the outputs.
"""

from itertools import accumulate
from typing import Any

import numpy as np

import autograd_mini as ag

from .story import Told, program, say, steps

TARGET = np.array([10.0, 31.0])
CUTS = {"backward(), detached": lambda c: c.detach(), "step(), wrapped afresh": lambda c: ag.Tensor(c.data)}


def policy(seed: int, output: str = "identity") -> Any:
    """The network from pixels off the target (N, 2) to two numbers for the motors (N, 2), each parameter labelled with its name."""
    rng = np.random.default_rng(seed)
    first = ag.nn.Linear(2, 2, rng=rng)
    net = ag.nn.Sequential(first, ag.nn.MLP([2, 32, 64, 32, 32, 2], output=output, rng=rng))
    for name, parameter in net.named_parameters():
        parameter.label = name
    return net


def camera(ball: Any) -> Any:
    """Column and row in the picture, (N, 2), of a target that lies so far (ahead, to the right) of the robot, (N, 2)."""
    ahead, right = 0.5 + ag.softplus(4 * ball[:, 0] - 2) / 4, ball[:, 1]  # never behind the lens
    return ag.stack([10 + 10 * right / ahead, 62 / ahead], axis=1)


def places(rng: Any, n: int) -> Any:
    """Where targets lie, (n, 2): the first one's picture is the post's, (14, 15); the others are in columns 5 to 15, rows 10 to 28."""
    ahead, side = np.random.default_rng(rng).uniform([[2.2], [-0.5]], [[6.0], [0.5]], (2, n))
    ahead[0], side[0] = 62 / 15, 0.4
    return np.stack([ahead, ahead * side], axis=1)


def act(net: Any, ball: Any, leave: Any = ag.positive) -> tuple[Any, Any]:
    """One move along an arc, backwards where the time is negative: where the target lies then, and the loss of that picture."""
    c = leave(net(camera(ball) - TARGET))
    curvature, time = ag.sigmoid(c[:, 0]), 100 * ag.tanh(c[:, 1]) / 2000
    left, right = 1 + curvature * 99, 1 + (1 - curvature) * 99  # what the wheels do
    chord = (left + right) * time * ag.sinc((turn := (left - right) * time) / (2 * np.pi))
    x, y = ball[:, 0] - chord * ag.cos(turn / 2), ball[:, 1] - chord * ag.sin(turn / 2)
    ball = ag.stack([x * ag.cos(turn) + y * ag.sin(turn), y * ag.cos(turn) - x * ag.sin(turn)], axis=1)
    return ball, ag.mean((camera(ball) - TARGET) ** 2)


def train(net: Any, seed: int, count: int = 1200, leave: Any = ag.positive) -> list[float]:
    """Train on 32 places at a time, two moves in each: the loss at every step."""
    rng, losses = np.random.default_rng(seed), []
    adam = ag.optim.AdamW(net.parameters(), lr=0.005, weight_decay=0.01)
    for k in steps(range(count), count, "training"):
        adam.lr = 0.0025 * (1 + np.cos(np.pi * k / count))
        ball, first = act(net, places(rng, 32), leave)
        losses.append(adam.step(lambda: first + act(net, ball, leave)[1]).item())  # noqa: B023, called at once
    return losses


def doctors_word(net: Any, X: Any) -> str:
    """What the doctor says of dead outputs; "" where there are none."""
    findings = ag.doctor(net, lambda c: ag.mean(c**2), X, None).findings
    return next((f"{f.where}: {f.why}" for f in findings if f.mistake == "dead_output"), "")


@program
def main(seed: int) -> Told:
    """What cut graphs raise, the dead outputs, and the repair: the post's robot gets within 0.5 of the target."""
    for name, leave in CUTS.items():
        try:
            train(policy(seed), seed, leave=leave)
        except ag.GraphError as error:
            say(f"{name}: {error}", "")
    pictures = camera(places(0, 200)) - TARGET
    words = {s: doctors_word(policy(s, "relu"), pictures) for s in range(12)}
    dead = [s for s, word in words.items() if word]
    say(f"With a ReLU on the outputs one of them or both are dead from the start in {len(dead)} of 12 seeds.")
    say(f"ag.doctor, of seed {dead[0]}: {words[dead[0]]}", "")
    losses = train(net := policy(seed), seed)
    balls = accumulate(range(5), lambda ball, _: act(net, ball)[0].data, initial=places(seed + 1, 201))
    seen = np.array([camera(ball) for ball in balls])
    off = np.linalg.norm(seen - TARGET, axis=2)
    say(f"Repaired: loss {losses[0]:.0f}, at the end {np.mean(losses[-50:]):.2f}. The target is seen at:")
    moves = zip(seen[:, 0], off[:, 0], strict=True)
    say(*(f"{picture.round(2)}, off by {distance:.2f}" for picture, distance in moves))
    near = np.mean(off[:, 1:].min(axis=0) < 0.5)
    say(f"Of 200 other places it comes within 0.5 in {near:.0%}, in at most 5 moves.")
    return bool(off[:, 0].min() < 0.5), {"log10 of the loss": np.log10(losses).tolist()}, "step"
