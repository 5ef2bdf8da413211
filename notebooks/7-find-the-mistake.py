# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 7 · Find the mistake
#
# *You wrote the backward pass yourself, and the network does not learn.* Here are three programs of the kind that people ask about.
# Each has a mistake that has cost somebody an evening. `ag.audit` runs a script as it stands. For each line of the backward pass it
# says which derivative the line computes; it names the first wrong line, and gives the right one. (It executes the script, as running
# it would.) Then we mend each script, and train.

# %%
import runpy
import tempfile
from pathlib import Path

import numpy as np

import autograd_mini as ag

folder = Path(tempfile.mkdtemp())


def saved(name, text):
    path = folder / name
    path.write_text(text, encoding="utf8")
    return path


def last_loss(path):
    """Run a script to its end, and look at its variable `loss`."""
    with np.errstate(all="ignore"):
        return float(runpy.run_path(str(path))["loss"])


# %% [markdown]
# ## 1. XOR, and "I am stuck on updating the weights"
#
# Each layer has a bias unit; the activations are sigmoids, and the loss is the cross-entropy. The deltas are right. Is `delta3` used
# in the right way?

# %%
DELTAS = """import numpy as np

rng = np.random.default_rng(3)
X = np.array([[0, 0], [1, 0], [0, 1], [1, 1]])
Y = np.array([[0], [1], [1], [0]])
theta1 = rng.uniform(-1, 1, (3, 3))
theta2 = rng.uniform(-1, 1, (4, 1))


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


for epoch in range(6000):
    ones = np.ones((4, 1))
    l1 = np.hstack([ones, X])
    l2 = np.hstack([ones, sigmoid(l1 @ theta1)])
    l3 = sigmoid(l2 @ theta2)
    loss = -np.mean(Y * np.log(l3) + (1 - Y) * np.log(1 - l3))

    delta3 = Y - l3
    delta2 = (delta3 @ theta2.T * l2 * (1 - l2))[:, 1:]
    theta2 += 0.5 * delta3.sum()
    theta1 += 0.5 * l1.T @ delta2
"""
deltas = saved("deltas.py", DELTAS)
report1 = ag.audit(deltas)
print(report1)

# %% [markdown]
# A line with `✓` is right, up to a constant factor: `Y - l3` is minus four times the gradient. Nothing is wrong with that: the mean
# divides by four, which is the same as another rate, and the update *adds*. The line with `✗` is the wrong one. A delta says how fast
# the loss moves with what goes *into* a neuron. For a weight it has to be multiplied by what the weight is multiplied by: `layer.T @
# delta`.

# %%
mended = DELTAS.replace("theta2 += 0.5 * delta3.sum()", "theta2 += 0.5 * l2.T @ delta3")
before, after = last_loss(deltas), last_loss(saved("deltas_mended.py", mended))
print(f"loss after 6,000 epochs: before {before:.3f}, after {after:.3f}")
assert before > 0.5
assert after < 0.05
assert not ag.audit(folder / "deltas_mended.py").findings

# %% [markdown]
# ## 2. A network that should learn ten pictures by heart
#
# Ten pictures, a ReLU layer, a sigmoid. "The loss explodes at first." All four gradients should be divided by the number of pictures. Are
# they?

# %%
PICTURES = """import numpy as np

rng = np.random.default_rng(0)
X = rng.random((300, 10)) - 0.5
Y = (X[:1] * X[1:2] > 0) * 1.0
W1, b1 = rng.normal(size=(8, 300)) * 0.1, np.zeros((8, 1))
W2, b2 = rng.normal(size=(1, 8)) * 0.1, np.zeros((1, 1))


def relu(x, deriv=False):
    return 1.0 * (x > 0) if deriv else np.maximum(0, x)


def sigmoid(x, deriv=False):
    return x * (1 - x) if deriv else 1 / (1 + np.exp(-x))


m = Y.shape[1]
for epoch in range(300):
    Z1 = np.dot(W1, X) + b1
    A1 = relu(Z1)
    Z2 = np.dot(W2, A1) + b2
    AL = sigmoid(Z2)
    loss = -np.sum(Y * np.log(AL) + (1 - Y) * np.log(1 - AL)) / m

    dAL = -(Y / AL - (1 - Y) / (1 - AL))
    dZ2 = dAL * sigmoid(AL, deriv=True)
    dW2 = np.dot(dZ2, A1.T) / m
    db2 = np.sum(dZ2, axis=1, keepdims=True) / m
    dZ1 = np.dot(W2.T, dZ2) * relu(A1, deriv=True)
    dW1 = np.dot(dZ1, X.T)
    db1 = np.sum(dZ1, axis=1, keepdims=True) / m

    W1 -= 0.1 * dW1
    b1 -= 0.1 * db1
    W2 -= 0.1 * dW2
    b2 -= 0.1 * db2
"""
pictures = saved("pictures.py", PICTURES)
report2 = ag.audit(pictures)
print(report2)

# %% [markdown]
# `dW1` is ten times too large, so `W1` moves ten times as far as it should. On these small pictures the network still learns, by luck; on
# larger ones the loss explodes. So here only the comparison shows that something is wrong. (A helper such as `sigmoid(AL, deriv=True)`,
# which must be called with the *output*, is a trap too. This program calls it in the right way.)

# %%
mended = PICTURES.replace("dW1 = np.dot(dZ1, X.T)", "dW1 = np.dot(dZ1, X.T) / m")
after = last_loss(saved("pictures_mended.py", mended))
print(f"loss after 300 epochs, mended: {after:.3f}")
assert after < 0.1
assert not ag.audit(folder / "pictures_mended.py").findings

# %% [markdown]
# ## 3. Layers of one's own
#
# This is a class with `forward` and `backward`, for any number of layers. The network learns, but less well than it could.

# %%
LAYERS = """import numpy as np


class Layer:
    def __init__(self, inputs, outputs, rng):
        self.W = rng.normal(size=(inputs, outputs)) * 0.7
        self.b = np.zeros(outputs)

    def forward(self, x):
        self.x = x
        self.z = x @ self.W + self.b
        self.a = np.tanh(self.z)
        return self.a

    def backward(self, grad, rate):
        delta = grad * (1 - self.z**2)
        dW = self.x.T @ delta
        db = delta.sum(axis=0)
        back = delta @ self.W.T
        self.W -= rate * dW
        self.b -= rate * db
        return back


rng = np.random.default_rng(1)
X = rng.normal(size=(20, 2))
Y = np.sin(X[:, :1]) * 0.8
layers = [Layer(2, 6, rng), Layer(6, 6, rng), Layer(6, 1, rng)]
for epoch in range(400):
    out = X
    for layer in layers:
        out = layer.forward(out)
    loss = np.mean((out - Y) ** 2)
    grad = 2 * (out - Y) / len(X)
    for layer in reversed(layers):
        grad = layer.backward(grad, 0.1)
"""
layers = saved("layers.py", LAYERS)
report3 = ag.audit(layers)
print(report3)

# %% [markdown]
# The line is 0.04 % off, which nobody sees by looking at numbers. The slope of tanh is 1 − tanh². The layer keeps both `self.z` and
# `self.a`, and the line takes the wrong one. While z is small the two are nearly equal, and at the start z is small.

# %%
mended = LAYERS.replace("1 - self.z**2", "1 - self.a**2")
before, after = last_loss(layers), last_loss(saved("layers_mended.py", mended))
print(f"loss after 400 epochs: before {before:.4f}, after {after:.4f}")
assert after < before
assert not ag.audit(folder / "layers_mended.py").findings

# %% [markdown]
# ## Without a script: a pair of arrays
#
# Perhaps your backward pass is not in a script of its own. Then compute the loss on Tensors, and hand over the arrays that your
# backward pass gives.

# %%
rng = np.random.default_rng(0)
X, Y = rng.normal(size=(6, 2)), rng.integers(0, 2, (6, 1))
W1 = ag.Tensor(rng.normal(size=(2, 3)), label="W1")
W2 = ag.Tensor(rng.normal(size=(3, 1)), label="W2")
A1 = np.tanh(X @ W1)
A2 = ag.sigmoid(A1 @ W2)
loss = -(Y * np.log(A2) + (1 - Y) * np.log(1 - A2)).mean()
A1.label, A2.label, loss.label = "A1", "A2", "loss"

dZ2 = (A2.data - Y) / 6  # mine
my_dW2 = A1.data.T @ dZ2
my_dW1 = X.T @ (dZ2 @ W2.data.T)

report = ag.diagnose(loss, {W1: my_dW1, W2: my_dW2})
print(report)

# %% [markdown]
# Look at the picture: between `A2` and `W1` there is a `tanh`, and the line for `my_dW1` leaves its derivative out.

# %%
loss.backward()
ag.draw(loss, engine="python")

# %%
assert report.right == ["W2"]
assert report.wrong == ["W1"]
assert report.findings[0].mistake == "activation_derivative_missing"
fixed = X.T @ (dZ2 @ W2.data.T * (1 - A1.data**2))
assert np.allclose(fixed, W1.grad, rtol=1e-12)
assert [len(report.findings) > 0 for report in (report1, report2, report3)] == [True] * 3
