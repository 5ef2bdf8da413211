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
# # 11 · The backprop by hand
#
# "My backprop does not work: what are the right lines?" `ag.backprop_source` reads the graph of *your* network
# and prints the backprop that one would write by hand: plain NumPy, a line for each step, and beside each line its shape. Copy it
# into your script, or compare it with your own lines and look for the first one that differs.
#
# Here are five networks that people asked about. Each source is run, and its gradients are compared with the engine's.

# %%
import inspect

import numpy as np

import autograd_mini as ag
from autograd_mini.gallery import digits_softmax_sse, two_two_one, xor


def held_beside(source, loss, wrt, **data):
    """Run the source in a namespace of its own, with data by name; return how far its gradients are from the engine's, at most."""
    space = {}
    exec(source, space)
    names = list(inspect.signature(space["backprop"]).parameters)[: -len(wrt)]
    found = space["backprop"](*[data[name] for name in names], *[w.data for w in wrt])
    pairs = zip(found[1:], ag.gradients(loss, wrt), strict=True)
    return max(float(np.max(np.abs(mine - theirs))) for mine, theirs in pairs)


# %% [markdown]
# ## Two inputs, two hidden neurons, one output
#
# This is the smallest network with a hidden layer. Read the backward part from its first line: each line takes the result of the line
# above it, and multiplies it by one local derivative. `A2 * (1 - A2)` is the slope of the sigmoid, written with its output.

# %%
A0, T = two_two_one.A0, two_two_one.T
W1, W2 = ag.Tensor(two_two_one.W1), ag.Tensor(two_two_one.W2)
loss = two_two_one.half_square(two_two_one.forward(A0, W1, W2)[-1])
source = ag.backprop_source(loss, [W1, W2])
print(source)
assert held_beside(source, loss, [W1, W2], A0=A0, T=T) < 1e-12

# %% [markdown]
# The same as a picture: each line of the backward part is a step from right to left.

# %%
loss.label = "loss"
loss.backward()
ag.draw(loss, engine="python")

# %% [markdown]
# ## XOR with bias units and cross-entropy
#
# Here the bias is a unit of its own, a 1 in front of each layer. On the way back its column is left out again: nothing
# goes into a bias unit, so nothing goes back through it. And with cross-entropy the slope of the last sigmoid cancels.

# %%
X, y = np.c_[np.ones(4), xor.INPUTS], xor.TARGETS
theta1, theta2 = (ag.Tensor(theta) for theta in xor.start(0))
ones = np.ones((4, 1))
H = ag.concatenate([ones, ag.sigmoid(X @ theta1)], axis=1)
A2 = ag.sigmoid(H @ theta2)
loss = -(y * ag.log(A2) + (1 - y) * ag.log(1 - A2)).sum()
source = ag.backprop_source(loss, [theta1, theta2])
print(source)
assert held_beside(source, loss, [theta1, theta2], X=X, y=y, ones=ones) < 1e-12

# %% [markdown]
# ## Softmax with a squared error
#
# Almost everybody gets the line of `dZ3` wrong. Softmax has a whole matrix of derivatives, since a larger score makes
# all other classes less probable. The right line is short too, but it is not `P * (1 - P)`.

# %%
rng = np.random.default_rng(0)
bias = -np.ones((5, 1))
X, T = np.hstack([rng.random((5, 64)), bias]), np.eye(10)[rng.integers(0, 10, 5)]
W1, W2, W3 = digits_softmax_sse.start(64, 0)
H1 = ag.concatenate([ag.sigmoid(X @ W1), bias], axis=1)
H2 = ag.concatenate([ag.sigmoid(H1 @ W2), bias], axis=1)
P = ag.softmax(H2 @ W3)
loss = ag.nn.half_sse(P, T)
source = ag.backprop_source(loss, [W1, W2, W3])
print(source)
assert held_beside(source, loss, [W1, W2, W3], X=X, bias=bias, T=T) < 1e-12

# %% [markdown]
# ## Softmax with cross-entropy, and class indices
#
# With cross-entropy that matrix cancels, and what is left is the difference of prediction and truth. The gradient of a bias
# is a sum over the batch, because the same bias was added to every row.

# %%
X, y = rng.random((6, 64)), rng.integers(0, 10, 6)
net = ag.nn.MLP([64, 20, 10], activation="sigmoid", rng=0)
loss = ag.nn.cross_entropy(net(X), y)
source = ag.backprop_source(loss, net.parameters())
print(source)
assert held_beside(source, loss, net.parameters(), X=X, y=y) < 1e-12

# %% [markdown]
# ## Any number of layers
#
# relu, sigmoid, tanh, softmax and a linear output, one after the other. The pattern of the lines is always the same.

# %%
X, Y = np.array([[1.0, 1.0], [0.0, 0.0], [12.0, 5.0]]), np.array([[1.0], [0.0], [-1.0]])
steps = [ag.relu, ag.sigmoid, ag.tanh, ag.softmax]
layers = [ag.nn.Linear(m, n, rng=i) for i, (m, n) in enumerate([(2, 4), (4, 3), (3, 3), (3, 3), (3, 1)])]
deep = ag.nn.Sequential(*[part for pair in zip(layers, steps, strict=False) for part in pair], layers[-1])
loss = ag.nn.mse(deep(X), Y)
source = ag.backprop_source(loss, deep.parameters())
print(source)
assert held_beside(source, loss, deep.parameters(), X=X, Y=Y) < 1e-12

# %% [markdown]
# ## Single numbers, and second derivatives
#
# On Values the source is plain Python. And since a gradient is a graph like any other, its own backprop can be printed too:
# here that of a slope, which is a second derivative.

# %%
x = ag.Value(0.7, label="x")
curve = (x * x).sin()
print(ag.backprop_source(curve, x))
slope = ag.gradients(curve, x, create_graph=True)
slope.label = "slope"
print(ag.backprop_source(slope, x))

# %% [markdown]
# ## The same thing as speed
#
# `ag.compile` records a function once, and then runs it as such a list of lines. A whole training step, with its update, can be one
# function; the parameters are read anew at each call.

# %%
params = net.parameters()
images, labels = rng.random((6, 64)), rng.integers(0, 10, 6)


@ag.compile
def step(X, y):
    loss = ag.nn.cross_entropy(net(X), y)
    gradients = ag.gradients(loss, params)
    with ag.no_grad():
        for i, gradient in enumerate(gradients):
            params[i] -= 0.5 * gradient
    return loss


costs = [float(step(images, labels)) for _ in range(200)]
print(f"cost {costs[0]:.4f}, after 200 steps {costs[-1]:.4f}")
print(f"the source of the step has {len(step.source.splitlines())} lines")
assert costs[-1] < 0.05 < costs[0]
