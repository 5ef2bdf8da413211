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
# *Your network does not learn, and it has thousands of numbers.* Look at it: as a tree in the terminal, as a picture, and as
# a page that goes through your own graph with the chain rule, one node at a time, with your own numbers.

# %%
import numpy as np

import autograd_mini as ag

# %% [markdown]
# ## A neuron
#
# One neuron: a weight, an input, a bias, and tanh. Before any `backward()` a gradient is shown as `—`: it is not 0, it is not known yet.

# %%
w, x, b = ag.Value(2.0, label="w"), ag.Value(-1.0, label="x"), ag.Value(0.5, label="b")
y = (w * x + b).tanh()
y.label = "y"
print(ag.tree(y))

# %%
y.backward()
print(ag.tree(y))

# %% [markdown]
# The same as a picture. A box is a value. Its upper line has its name and the operation that made it, its lower line `data | ∂
# gradient`. Orange is a negative gradient, blue a positive one. Beside each arrow stands the local derivative: how fast the box on
# the right changes with the one on the left (in pictures of more than 12 boxes it is in the tooltip). The gradient of a box is the
# gradient of the box on its right, times the number beside the arrow; that is the chain rule.
#
# `engine="python"` lays the picture out without the Graphviz program, so that it is the same on every machine. Leave it out, and Graphviz
# does it where you have it.

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
# Two inputs, two hidden neurons, one output, on single numbers. Each weight is named by its path in the network:
# `layer0.neuron1.w[0]` in the picture is `net.layers[0].neurons[1].w[0]` in the code.

# %%
net = ag.nn.scalar.MLP(2, [2, 1], activation="tanh", rng=3)
loss = (net([1.0, 0.0]) - 1.0) ** 2
loss.backward()
ag.draw(loss, engine="python")

# %% [markdown]
# All four samples make 56 boxes, which is hard to read. (From 60 boxes on, neurons and then layers become one box by themselves.)
# So say what belongs together: `collapse` takes a level ("neuron", "layer", "model") or, as here, a function that gets a box and returns
# the name of its group. `box.scope` holds the modules in which the box was made. `zero_grad` comes first, since the gradients of
# leaves add up over several calls of `backward()`.

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
# Why is a gradient zero? There are two answers, and the page tells them apart: the *local derivative* is 0 (this relu's input is
# below 0), or *nothing arrives* from the right (there is such a relu on the way). The picture shows it too: everything to the left of
# the relu is white.

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
