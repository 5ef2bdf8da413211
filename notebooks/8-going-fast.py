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
# # 8 · Going fast
#
# *The engine makes a node for each operation. My network does the same operations a hundred thousand times. Must the nodes be made each
# time?* No: record them once, turn the record into a program, and run that. Here we read this program.

# %%
import json
import timeit
from pathlib import Path

import numpy as np

import autograd_mini as ag

X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
Y = np.array([[0.0], [1.0], [1.0], [0.0]])

# %% [markdown]
# ## The backprop you would have written
#
# Here is XOR's network, computed once. `ag.backprop_source` reads its graph and writes the backward pass as a person would, with your
# names.

# %%
rng = np.random.default_rng(0)
W1, b1 = ag.Tensor(rng.normal(size=(2, 3))), ag.Tensor(np.zeros(3))
W2, b2 = ag.Tensor(rng.normal(size=(3, 1))), ag.Tensor(np.zeros(1))
A1 = np.tanh(X @ W1 + b1)
A2 = ag.sigmoid(A1 @ W2 + b2)
loss = ((A2 - Y) ** 2).mean()
source = ag.backprop_source(loss, [W1, b1, W2, b2])
print(source)

# %% [markdown]
# Read the lines below `# Backward`, one at a time:
#
# * The slope of the mean of squares: 2 (A2 − Y), divided by the number of entries, 4.
# * Through the sigmoid: times A2 (1 − A2), the formula that takes the *output*.
# * A bias was added to every row, so its gradient is the sum over the rows.
# * A weight: what went into the layer, transposed, times the layer's delta.
# * Back to the hidden layer: times W2, transposed. Through tanh: times 1 − A1², its output again.
#
# And so on, for any number of layers: there is no more to it than these five sentences. The picture has the same steps, from right to
# left:

# %%
loss.label = "loss"
loss.backward()
ag.draw(loss, engine="python")

# %% [markdown]
# It is a program that needs NumPy alone. Run it, and compare:

# %%
namespace = {}
exec(source, namespace)
arguments = {"X": X, "Y": Y, "W1": W1.data, "b1": b1.data, "W2": W2.data, "b2": b2.data}
value, *by_hand = namespace["backprop"](**arguments)
print("loss agrees:", np.isclose(value, loss.item(), rtol=1e-14))
for name, mine, node in zip(["W1", "b1", "W2", "b2"], by_hand, [W1, b1, W2, b2], strict=True):
    print(f"d{name} agrees:", np.allclose(mine, node.grad, rtol=1e-12))
    assert np.allclose(mine, node.grad, rtol=1e-12)

# %% [markdown]
# ## Written for a machine
#
# `ag.compile` makes such a program for the machine. It has no names for people, and it uses an array again when its numbers are no longer
# needed; the results are those of the plain run. Give it the function that you want, here loss and gradients:


# %%
def forward(W1, b1, W2, b2):
    A1 = np.tanh(X @ W1 + b1)
    A2 = ag.sigmoid(A1 @ W2 + b2)
    return ((A2 - Y) ** 2).mean()


plain = ag.value_and_grad(forward, argnums=(0, 1, 2, 3))
fast = ag.compile(plain)
parameters = [p.data for p in (W1, b1, W2, b2)]
value, gradients = fast(*parameters)
for ours, other in zip(gradients, plain(*parameters)[1], strict=True):
    assert np.allclose(ours, other, rtol=1e-13)
program = fast.source.partition("def ")
print("".join(program[1:])[:700], "    …")

# %% [markdown]
# How much quicker is it? That depends on your machine, so this prints only whether it is quicker. On arrays as small as these, NumPy
# takes about a microsecond for each operation, and making a node takes as long. The time for the nodes is saved.

# %%
calls = 200
slow_time = min(timeit.repeat(lambda: plain(*parameters), number=calls, repeat=5))
fast_time = min(timeit.repeat(lambda: fast(*parameters), number=calls, repeat=5))
print("compiled is quicker:", fast_time < slow_time)

# %% [markdown]
# ## What if my function decides?
#
# A program that was recorded for one number may be wrong for another, if there is an `if` in the function. So each decision becomes a
# *guard*: when a later call would decide otherwise, the function is recorded again.

# %%
looked = []


def bent(x):
    if x > 0:
        looked.append("above 0")
        return x * x
    looked.append("not above 0")
    return -x


slope = ag.compile(ag.grad(bent))
print([slope(number) for number in (2.0, 3.0, 4.0, -1.0, -2.0, 5.0)])
for number in np.linspace(-1, 1, 1000):
    slope(float(number))
print("looked at:", looked)
assert set(looked) == {"above 0", "not above 0"}
assert len(looked) < 10

# %% [markdown]
# In a thousand calls the function was recorded a few times only. What cannot be recorded is refused, with the place: a number that leaves
# the graph would stay the same for ever.


# %%
def frozen(x):
    return x * x.item()


try:
    ag.compile(ag.grad(frozen))(2.0)
except ag.CompileError as error:
    print("CompileError:", str(error).partition(" Line ")[0])
else:
    raise AssertionError("this should not have worked")

# %% [markdown]
# ## A whole step
#
# `ag.compile_step` makes one program of the forward pass, the backward pass and the optimiser's update. `ag.fit` does this by itself
# where it can.

# %%
net = ag.nn.MLP([2, 3, 1], activation="tanh", rng=0)
adam = ag.optim.Adam(net.parameters(), lr=0.05)
step = ag.compile_step(net, ag.nn.binary_cross_entropy_with_logits, adam)
losses = [step(X, Y) for _ in range(300)]
print(f"loss {losses[0]:.3f} → {losses[-1]:.3f}")
print("answers:", ag.sigmoid(net(X)).data.round(2).ravel())
assert losses[-1] < 0.05

# %% [markdown]
# ## The table
#
# These are the times of compiled steps that `python -m benchmarks` measured, each divided by the time of a named peer on the same
# processor, after their results were found to agree: below 1 we are quicker. (This reads a folder of the sources; where it is
# missing, nothing is printed.)

# %% tags=["measured"]
for up in (Path("."), Path("..")):
    path = up / "benchmarks" / "results" / "compiled.json"
    if path.exists():
        result = json.loads(path.read_text(encoding="utf-8"))
        print(f"{result['date']}, {result['processor']}, one thread\n")
        for row in result["rows"]:
            if row["target"] and row["ratio"]:
                print(f"{row['ratio']:5.2f}  {row['peer'][:22]:22}  {row['work']}")
        break

# %% [markdown]
# When to compile: small computations, or computations on single numbers, that run thousands of times. When not: for what runs only a
# few times, for what has other shapes at each call, and for what you want to look into, since compiled steps leave no graph. Large
# matrix products do not become quicker.

# %%
assert "def backprop(" in source
assert slope(10.0) == 20.0
