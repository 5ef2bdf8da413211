"""Draw the documents' pictures into docs/pictures: python docs/pictures.py

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


def handwritten():
    """README's network written by hand in NumPy, its parameters wrapped; and the names in it."""
    X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    Y = np.array([[0.0], [1.0], [1.0], [0.0]])
    rng = np.random.default_rng(0)
    W1, b1 = ag.Tensor(rng.normal(size=(2, 4))), ag.Tensor(np.zeros(4))
    W2, b2 = ag.Tensor(rng.normal(size=(4, 1))), ag.Tensor(np.zeros(1))
    A1 = 1 / (1 + np.exp(-(X @ W1 + b1)))
    A2 = 1 / (1 + np.exp(-(A1 @ W2 + b2)))
    loss = np.mean((A2 - Y) ** 2)
    loss.backward()
    return loss, locals()


PICTURES = {"neuron": neuron, "network": network, "neurons": neurons, "tensors": tensors}
NAMED = {"handwritten": handwritten}


def drawing(name):
    """The picture of that name."""
    node, names = NAMED[name]() if name in NAMED else (PICTURES[name](), {})
    return ag.draw(node, engine="python", names=names)


if __name__ == "__main__":
    for name in (*PICTURES, *NAMED):
        drawing(name).save(HERE / f"{name}.svg")
