"""Draw README's pictures into docs/pictures: python docs/pictures.py

They are laid out without Graphviz, so that they are the same on every machine; a test compares them with the files.
"""

from pathlib import Path

import numpy as np

import autograd_mini as ag

HERE = Path(__file__).resolve().parent / "pictures"


def neuron():
    """tanh(w·x + b), after its backward."""
    w, x, b = ag.Value(2.0, label="w"), ag.Value(-1.0, label="x"), ag.Value(0.5, label="b")
    y = (w * x + b).tanh()
    y.label = "y"
    y.backward()
    return y


def network():
    """The network 2-4-1 on single numbers, one sample, with its loss."""
    net = ag.nn.scalar.MLP(2, [4, 1], activation="tanh", rng=3)
    loss = (net([1.0, -2.0]) - 1.0) ** 2
    loss.label = "loss"
    loss.backward()
    return loss


def neurons():
    """The network 2-16-16-1, one sample, with its loss: collapsed to neurons by itself."""
    net = ag.nn.scalar.MLP(2, [16, 16, 1], activation="tanh", rng=3)
    loss = (net([1.0, -2.0]) - 1.0) ** 2
    loss.label = "loss"
    loss.backward()
    return loss


def tensors():
    """The network 2-4-1 on arrays, XOR's four samples, with its loss."""
    net = ag.nn.MLP([2, 4, 1], activation="tanh", rng=0)
    X, Y = (
        ag.Tensor([[0, 0], [0, 1], [1, 0], [1, 1]], requires_grad=False, label="X"),
        np.array([[0], [1], [1], [0]]),
    )
    loss = ag.nn.mse(net(X), Y)
    loss.label = "loss"
    loss.backward()
    return loss


PICTURES = {"neuron": neuron, "network": network, "neurons": neurons, "tensors": tensors}


def drawing(name):
    """The picture of that name."""
    return ag.draw(PICTURES[name](), engine="python")


if __name__ == "__main__":
    for name in PICTURES:
        drawing(name).save(HERE / f"{name}.svg")
