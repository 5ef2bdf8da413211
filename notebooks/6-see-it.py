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
# # 6 · See it
#
# *Your network does not learn, and every number in it is a number among a thousand.* Then look at it: as a tree in the
# terminal, as a picture, and as a page on which the chain rule walks through your own graph, one node at a time, with
# your own numbers.

# %%
import numpy as np

import autograd_mini as ag

# %% [markdown]
# ## A neuron
#
# One neuron: a weight, an input, a bias, and tanh. Before any backward a gradient is `—`: it is not 0, it is not known.

# %%
w, x, b = ag.Value(2.0, label="w"), ag.Value(-1.0, label="x"), ag.Value(0.5, label="b")
y = (w * x + b).tanh()
y.label = "y"
print(ag.tree(y))

# %%
y.backward()
print(ag.tree(y))

# %% [markdown]
# The same as a picture. A box is a value: above its name and the operation that made it, below `data | ∂ gradient`. Orange is
# a negative gradient, blue a positive one. At each arrow stands the local derivative: how much the box on the right
# changes when the one on the left does (up to 12 boxes; in larger pictures it is in the tooltip). The gradient of a box is
# that of the box on its right, times what stands at the arrow; that is the chain rule.
#
# `engine="python"` lays the picture out without the Graphviz program, so that it is the same on every machine; leave it
# away, and Graphviz does it where you have it.

# %%
ag.draw(y, engine="python")

# %% [markdown]
# Follow one path with the finger: from `y` back to `w`.

# %%
tanh_slope = 1 - y.data**2
print(f"∂y/∂w = 1 × {tanh_slope:.4f} × 1 × {x.data:.0f} = {tanh_slope * x.data:.4f},  w.grad = {w.grad:.4f}")

# %% [markdown]
# ## A value that is used twice
#
# `a` goes into both factors. Two arrows leave it, and its gradient is the *sum* of what comes back through both. Forgetting
# that sum (`=` where `+=` belongs) is the commonest mistake of hand-written backprop.

# %%
a = ag.Value(3.0, label="a")
square = a * (a + 1)
square.backward()
ag.draw(square, engine="python")

# %% [markdown]
# ## XOR's network
#
# Two inputs, two hidden neurons, one output, on single numbers. Each weight bears its own path through the network, so
# that `layer0.neuron1.w[0]` in the picture is `net.layers[0].neurons[1].w[0]` in the code.

# %%
net = ag.nn.scalar.MLP(2, [2, 1], activation="tanh", rng=3)
loss = (net([1.0, 0.0]) - 1.0) ** 2
loss.backward()
ag.draw(loss, engine="python")

# %% [markdown]
# All four samples are 56 boxes: just under the 60 above which neurons, and then layers, collapse by themselves, and hard to
# read. Say what belongs together: `collapse` takes a level ("neuron", "layer", "model") or, as here, a function that is
# given a box and names its group. `box.scope` holds the modules that it was made in. `zero_grad` first: the gradients of
# leaves add up over several backwards.

# %%
X, Y = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0.0, 1.0, 1.0, 0.0]
net.zero_grad()
loss = sum((net(sample) - target) ** 2 for sample, target in zip(X, Y, strict=True)) / 4
loss.backward()
ag.draw(loss, engine="python", collapse=lambda box: ".".join(box.scope[1:]) or ("loss" if box.parents else None))

# %% [markdown]
# ## A network on Tensors
#
# The same network with arrays: a box is a whole matrix, with its shape, its range, and the norm of its gradient.

# %%
mlp = ag.nn.MLP([2, 3, 1], activation="tanh", rng=0)
tensor_loss = ag.nn.mse(mlp(np.array(X)), np.array(Y)[:, None])
tensor_loss.backward()
ag.draw(tensor_loss, engine="python")

# %% [markdown]
# A model shows its layers, a Tensor its numbers.

# %%
mlp

# %%
mlp.layers[0].weight

# %% [markdown]
# ## The page
#
# `ag.explore(y, "page.html")` writes one file that needs no network, no server and no program but a browser. It steps through the
# forward and the backward pass, writes the chain rule with its numbers, says why a gradient is zero, and asks you to
# predict the next one if you want to be asked. Here in the notebook it sits in a frame: run the cell, and press the arrow
# keys.

# %%
ag.explore(y)

# %% [markdown]
# ## A dead neuron
#
# Why is a gradient zero? There are two answers, and the page tells them apart: the *local derivative* is 0 (this relu is
# asleep), or *nothing arrives* from the result's side (something on the way is asleep). The picture shows it too: from the relu on,
# everything to the left is white.

# %%
v = ag.Value(-2.0, label="v")
dead = (v * 3.0).relu() * 5.0
dead.backward()
ag.draw(dead, engine="python")

# %% [markdown]
# ## Too large to draw
#
# Ten thousand boxes help nobody. `draw` says so, and what to do instead.

# %%
long = ag.Value(1.0)
for _ in range(5_000):
    long = long * 1.001
try:
    ag.draw(long)
except ag.GraphTooLargeError as error:
    print(error)

# %% [markdown]
# ## What to remember
#
# - `ag.tree` in a terminal, `ag.draw` for a picture, `ag.explore` to walk through it. All read the same graph.
# - The gradient of a box is the sum, over the arrows that leave it, of gradient at the arrow's end × local derivative.
# - `∂ —` is "not known yet", `∂ 0` is zero.

# %%
assert abs(w.grad - tanh_slope * x.data) < 1e-12
assert a.grad == 7.0
assert v.grad == 0.0
assert "layer0.neuron1.w[0]" in ag.draw(net([1.0, 0.0])).svg
