"""The demo: a neuron as a tree, a script audited, XOR on single numbers, real digits on arrays, and their gradients checked."""

import contextlib
import io
import time
from typing import Any

import numpy as np

import autograd_mini as ag

from .data import digits
from .story import INPUTS, TARGETS, audited, say

NEURON = """import autograd_mini as ag
w, x, b = ag.Value(2.0, label="w"), ag.Value(-1.0, label="x"), ag.Value(0.5, label="b")
y = (w * x + b).tanh()
y.label = "y"
y.backward()
print(ag.tree(y))"""

SCRIPT = """import numpy as np
rng = np.random.default_rng(0)
X, W1, W2 = rng.normal(size=(30, 3)), rng.normal(size=(3, 5)), rng.normal(size=(5, 1))
for step in range(50):
    A = np.tanh(X @ W1)
    error = A @ W2 - X[:, :1]
    loss = np.mean(error**2)
    delta = error @ W2.T * (1 - A)
    W2 -= 0.1 * 2 / 30 * A.T @ error
    W1 -= 0.1 * 2 / 30 * X.T @ delta
"""

NEXT = """What to type next:

   python -m autograd_mini audit your_script.py
        which line of your own backward pass is wrong
   python -m autograd_mini explore "tanh(w*x + b)" w=2 x=-1 b=0.5 -o page.html
        the chain rule with your numbers, step by step
   python -m autograd_mini gallery
        whole programs, each with the question that somebody asked
"""


def neuron() -> float:
    """One neuron and its gradients as a tree; returns dy/dw, which is known."""
    print("1. A neuron, and how fast it moves with each of its numbers (∂)\n")
    names: dict[str, Any] = {}
    with contextlib.redirect_stdout(io.StringIO()) as shown:
        exec(NEURON, names)
    say(*NEURON.splitlines(), "", *shown.getvalue().splitlines(), "")
    return float(names["w"].grad)


def xor(rng: int = 0, count: int = 300) -> float:
    """XOR learnt by neurons made of single numbers; returns the share that is right."""
    print(f"3. XOR, learnt by a 2-4-1 network of single numbers in {count} steps\n")
    net = ag.nn.scalar.MLP(2, [4, 1], activation="tanh", rng=rng)
    sgd = ag.optim.SGD(net.parameters(), lr=0.5, momentum=0.9)
    cases = [*zip(INPUTS.tolist(), TARGETS[:, 0].tolist(), strict=True)]
    for step in range(count + 1):
        loss = sum(ag.sigmoid_cross_entropy(net(x), t) for x, t in cases) / 4
        if step % (count // 3) == 0:
            say(f"step {step:3d}   loss {loss:.4f}")
        sgd.step(lambda: loss)  # noqa: B023
    outputs = [ag.sigmoid(net(x)).item() for x, _ in cases]
    say(
        "",
        "   ".join(f"{a:.0f} xor {b:.0f} = {p:.3f}" for ((a, b), _), p in zip(cases, outputs, strict=True)),
        "",
    )
    return float(np.mean(np.round(outputs) == TARGETS[:, 0]))


def handwriting(rng: int = 0, epochs: int = 12) -> tuple[Any, float]:
    """A network on arrays, trained on real handwritten digits; returns it and its accuracy on digits it has not seen."""
    (images, labels), random = digits(), np.random.default_rng(rng)
    train, test = np.split(random.permutation(len(images)), [1437])
    held = f"{len(test)} held out; a 64-64-10 network"
    print(f"4. {len(train)} handwritten digits (UCI, Alpaydin and Kaynak, CC BY 4.0), {held}\n")
    net = ag.nn.MLP([64, 64, 10], activation="tanh", rng=random)
    sgd = ag.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    given, rest = (net, images[train], labels[train]), (images[test], labels[test])
    how: dict[str, Any] = {"batch_size": 32, "metrics": "accuracy", "validation": rest, "rng": random}
    history = ag.fit(*given, loss=ag.nn.cross_entropy, optimizer=sgd, epochs=epochs, **how)
    for epoch, (loss, right) in enumerate(zip(history["loss"], history["val_accuracy"], strict=True), 1):
        say(f"epoch {epoch:2d}   loss {loss:.4f}   held-out accuracy {right:6.1%}")
    print()
    return net, history["val_accuracy"][-1]


def check(net: Any) -> float:
    """The gradients of the trained network beside finite differences; returns the largest relative difference."""
    x, t = (numbers[:32] for numbers in digits())
    net.zero_grad()
    ag.nn.cross_entropy(net(x), t).backward()
    print("5. The same gradients by finite differences, where each parameter's is largest\n")
    say(f"{'d loss / d …':24s}{'ours':>14s}{'difference':>14s}{'Δ':>10s}")
    worst = 0.0
    for name, parameter in net.named_parameters():
        place = np.unravel_index(np.abs(parameter.grad).argmax(), parameter.shape)
        kept, ours = parameter.data[place], parameter.grad[place]
        sides = []
        for h in (1e-5, -1e-5, 0.0):
            parameter.data[place] = kept + h
            sides.append(ag.nn.cross_entropy(net(x), t).item())
        slope = (sides[0] - sides[1]) / 2e-5
        say(f"{name + str([*map(int, place)]):24s}{ours:14.9f}{slope:14.9f}{abs(ours - slope):10.1e}")
        worst = max(worst, float(abs(ours - slope) / abs(slope)))
    say("")
    return worst


def main() -> int:
    """Run it all; the exit status is 0 where everything came out as it must."""
    start = time.perf_counter()
    slope = neuron()
    print("2. A script of ten lines, one of them wrong\n")
    found = bool(audited(SCRIPT).findings)
    right = xor()
    net, accuracy = handwriting()
    worst = check(net)
    good = abs(slope + 0.1807066389) < 1e-9 and found and right == 1.0 and accuracy >= 0.95 and worst < 1e-6
    end = f"{'all is well' if good else 'SOMETHING IS WRONG'} ({time.perf_counter() - start:.1f} s)"
    learnt = f"XOR {right:.0%} right, digits {accuracy:.1%} right"
    print(f"{learnt}, gradients differ by {worst:.0e} at most: {end}\n")
    print(NEXT)
    return 0 if good else 1
