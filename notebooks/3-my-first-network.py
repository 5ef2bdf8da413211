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
# # 3 · My first network
#
# XOR is where most people write their first network: four lines of data, two layers, and a backprop that runs without
# an error and learns nothing. Two questions come back every time. *What is delta2? And how do I get from the deltas to
# the weights?*
#
# We derive both by hand, hold every number beside the engine's, and then take such a program that does not learn and
# see what is wrong with it.

# %%
import numpy as np
from IPython.display import SVG

import autograd_mini as ag
from autograd_mini.gallery import xor

X = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
Y = np.array([0.0, 1.0, 1.0, 0.0])

# %% [markdown]
# ## The network
#
# Two inputs, three hidden neurons, one output, all sigmoid. Each neuron adds up its inputs, each times a weight, and
# needs a number of its own to add on top, the bias. A neat way to have it: put a 1 in front of the inputs, and the bias
# is simply the weight of that 1. The 1 is called a *bias unit*. The hidden layer gets one too.
#
# | | what | shape |
# |---|---|---|
# | `l1` | 1, x₁, x₂ | (1, 3) |
# | `z2` | `l1 @ theta1`, what goes into the hidden sigmoids | (1, 3) |
# | `l2` | 1, and what comes out of them | (1, 4) |
# | `z3` | `l2 @ theta2`, what goes into the last sigmoid | (1, 1) |
# | `l3` | what comes out: the probability of "yes" | (1, 1) |
#
# So `theta1` is (3, 3) and `theta2` is (4, 1), the bias unit's weights in the first row.


# %%
def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def forward(x, theta1, theta2):
    l1 = np.array([[1.0, *x]])
    z2 = l1 @ theta1
    l2 = np.concatenate([np.ones((1, 1)), sigmoid(z2)], axis=1)
    z3 = l2 @ theta2
    return l1, z2, l2, z3, sigmoid(z3)


def weights(seed):
    """Small, not all alike, and smaller the more neurons a layer joins."""
    rng = np.random.default_rng(seed)
    return [0.5 * np.sqrt(6 / (m + n)) * (rng.random((1 + m, n)) - 0.5) for m, n in [(2, 3), (3, 1)]]


def truth_table(theta1, theta2):
    return [(int(a), int(b), forward((a, b), theta1, theta2)[-1].item()) for a, b in X]


theta1, theta2 = weights(0)
for a, b, p in truth_table(theta1, theta2):
    print(f"{a} xor {b} = {p:.4f}")

# %% [markdown]
# It says "perhaps" to everything, as it should before it has learnt. How wrong is that? Take *cross-entropy*: minus the
# logarithm of the probability that was given to the right answer.


# %%
def cross_entropy(l3, y):
    return -(y * np.log(l3) + (1 - y) * np.log(1 - l3))


x, y = X[1], Y[1]  # 1 xor 0, and the answer is yes
l1, z2, l2, z3, l3 = forward(x, theta1, theta2)
print(f"l3 = {l3.item():.4f}   loss = {cross_entropy(l3, y).item():.4f}")

# %% [markdown]
# ## Back, one step at a time
#
# **The output.** How does the loss move with `l3`? By the rule for the logarithm, `dCE/dl3 = (l3 - y) / (l3 (1 - l3))`.
# But nobody can turn `l3`: it comes out of a sigmoid. So one step further back, to `z3`, times the sigmoid's slope, which
# is `l3 (1 - l3)`.

# %%
dl3 = (l3 - y) / (l3 * (1 - l3))
delta3 = dl3 * l3 * (1 - l3)
print(f"dCE/dl3 = {dl3.item():+.6f}   dCE/dz3 = {delta3.item():+.6f}   l3 - y = {(l3 - y).item():+.6f}")
assert np.allclose(delta3, l3 - y, rtol=1e-12)

# %% [markdown]
# The denominator cancels, and what is left is **output minus target**. That is why these two are used together. A
# derivative of the loss by what goes *into* a layer's sigmoids is called the layer's *delta*.
#
# **The hidden layer.** `z3` is a sum of `l2` times `theta2`, so it moves `theta2` times as fast as `l2`. That carries
# delta3 back to the four numbers of `l2`. Then through the hidden sigmoids, each with a slope of its own, number by
# number.

# %%
dl2 = delta3 @ theta2.T
print("dCE/dl2:", dl2.round(6), " the first one is the bias unit's")

delta2 = (dl2 * l2 * (1 - l2))[:, 1:]
print("delta2: ", delta2.round(6))

# %% [markdown]
# The bias unit has no sigmoid and no inputs. Whatever goes back to it ends there, so its number is dropped: three
# hidden neurons, three deltas.
#
# **The weights.** A delta is *not* the gradient of a weight yet. In `z3 = l2 @ theta2` each weight stands beside the
# number that it is multiplied by, and that number is how fast `z3` moves when the weight does. So: **what went in, times
# the delta of where it went**. For all pairs at once that is `layer.T @ delta`.

# %%
theta2d = l2.T @ delta3
theta1d = l1.T @ delta2
print("theta2d", theta2d.shape, "=", theta2d.ravel().round(6))
print("theta1d", theta1d.shape)
print(theta1d.round(6) + 0.0)

# %% [markdown]
# The last row is all zero. These are the weights of x₂, and x₂ was 0: a weight that had nothing to multiply has no
# share in the error.
#
# ## The engine's opinion
#
# The same `forward`, without a change, on Tensors. `backward()` leaves a gradient in *every* node on the way, so each line
# of the derivation has its counterpart.

# %%
t1, t2 = ag.Tensor(theta1, label="theta1"), ag.Tensor(theta2, label="theta2")
_, n2, h, n3, out = forward(x, t1, t2)
loss = cross_entropy(out, y)
loss.backward()

pairs = {
    "dCE/dl3": (dl3, out.grad),
    "delta3": (delta3, n3.grad),
    "dCE/dl2": (dl2, h.grad),
    "delta2": (delta2, n2.grad),
    "theta2d": (theta2d, t2.grad),
    "theta1d": (theta1d, t1.grad),
}
print(f"{'':10}{'by hand':>12}{'engine':>12}")
for name, (by_hand, ours) in pairs.items():
    assert by_hand.shape == ours.shape
    assert np.allclose(by_hand, ours, rtol=1e-12)
    for one, other in zip(by_hand.ravel() + 0.0, ours.ravel() + 0.0, strict=True):
        print(f"{name:10}{one:12.6f}{other:12.6f}")

# %% [markdown]
# All of them agree. In the picture you see where each one stands:

# %%
n2.label, h.label, n3.label, out.label, loss.label = "z2", "l2", "z3", "l3", "CE"
ag.draw(loss, engine="python")

# %% [markdown]
# If your own numbers differ from these, the first line that differs is the step with the mistake.
#
# ## A program that learns nothing
#
# Here is the backward pass that such a question comes with. Keep the forward pass to three hidden neurons without a bias
# unit, and the posted lines are these, two of them with a question mark behind:
#
# | posted | |
# |---|---|
# | `delta3 = y - l3` | |
# | `delta2 = (theta2 * delta3) * (l2 * (1 - l2))` | ? |
# | `theta2 += rate * delta3` | ? |
# | `theta1 += rate * delta2` | ? |
#
# It runs. Look at the shapes, and at what they should have been:

# %%
rng = np.random.default_rng(0)
posted1, posted2 = rng.random((3, 3)), rng.random((3, 1))


def posted_forward(x, theta1, theta2):
    l1 = np.array([[1.0, *x]])
    l2 = sigmoid(l1 @ theta1)
    return l1, l2, sigmoid(l2 @ theta2)


def posted_backward(x, y, theta1, theta2):
    _, l2, l3 = posted_forward(x, theta1, theta2)
    delta3 = y - l3
    delta2 = (theta2 * delta3) * (l2 * (1 - l2))
    return delta2, delta3


posted_delta2, posted_delta3 = posted_backward(x, y, posted1, posted2)
p1, p2 = ag.Tensor(posted1), ag.Tensor(posted2)
p_l1, p_l2, p_l3 = posted_forward(x, p1, p2)
cross_entropy(p_l3, y).backward()
print("delta3 as posted:", posted_delta3.shape, "  theta2 is", posted2.shape)
print("delta2 as posted:", posted_delta2.shape, "  theta1 is", posted1.shape)

# %% [markdown]
# `theta2 += rate * delta3` is a (1, 1) into a (3, 1): NumPy spreads it out, and all three weights get the same push,
# whatever went through them. And `delta2` came out as (3, 3), which is just the shape of `theta1`, so that it looks like
# a gradient! It is an accident: `theta2 * delta3` stands upright, `l2 * (1 - l2)` lies flat, and an upright times a flat
# array is a *table of all products*. The three deltas are on its diagonal. The rest belongs to nobody.

# %%
right2, right1 = -p2.grad, -p1.grad  # "y - l3" is downhill: minus the gradient
hidden = (posted_delta3 @ posted2.T) * (p_l2 * (1 - p_l2)).data
print("theta2, posted push:", np.broadcast_to(posted_delta3, (3, 1)).ravel().round(4), "  right:", right2.ravel().round(4))
print("theta1, posted push:         right:")
for row, other in zip(posted_delta2.round(4), right1.round(4) + 0.0, strict=True):
    print("  ", row, "  ", other)

assert np.allclose(np.diag(posted_delta2), hidden, rtol=1e-12)  # the deltas are on the diagonal
assert np.allclose(p_l1.T @ hidden, right1, rtol=1e-12)  # and this is what one does with them
assert np.allclose(p_l2.data.T @ posted_delta3, right2, rtol=1e-12)

# %% [markdown]
# So there are three mistakes, and one thing that looks like a mistake but is not:
#
# * **The delta alone.** The weights were moved by the delta in place of `layer.T @ delta`.
# * **`*` where `@` is meant.** With `np.matrix` it is the other way round: there `*` *is* the matrix product. Write `@` and
#   `np.multiply`, and both are clear.
# * **No bias unit in the hidden layer.** (XOR can be learnt without, but it is harder.)
# * *Not* a mistake: the sign. `y - l3` is minus the gradient, so it is added; `l3 - y` is the gradient, so it is
#   subtracted. Either will do. One here and the other there goes uphill.
#
# Does it matter so much? Train both, a sample a step, 20,000 steps at the same rate.

# %%
theta1, theta2 = posted1, posted2
for step in range(20_000):
    delta2, delta3 = posted_backward(X[step % 4], Y[step % 4], theta1, theta2)
    theta1, theta2 = theta1 + 0.1 * delta2, theta2 + 0.1 * delta3
guesses = [posted_forward(x, theta1, theta2)[-1].item() for x in X]
print("as posted:", " ".join(f"{p:.2f}" for p in guesses), "  wanted:", *Y.astype(int))
assert max(abs(p - y) for p, y in zip(guesses, Y, strict=True)) > 0.4

# %%
t1, t2 = (ag.Tensor(theta) for theta in weights(0))
sgd = ag.optim.SGD([t1, t2], lr=0.1)
for step in range(20_000):
    loss = cross_entropy(forward(X[step % 4], t1, t2)[-1], Y[step % 4])
    sgd.zero_grad()
    loss.backward()
    sgd.step()
    if step % 4 == 0:
        total = 0.0
    total += loss.item()
    if step % 2000 == 1999:
        print(f"step {step + 1:6}   mean loss of the four {total / 4:.3f}  {'#' * round(60 * total / 4)}")

# %% [markdown]
# Look at how the loss falls: for a third of the time nothing seems to happen. All weights are small, so the three neurons are
# nearly equal, and then "perhaps" is the best answer that they can give. Once they differ, it is quick. Many a network that
# "does not learn" was stopped too early. (Others would never have learnt. The gradients say which it is: compare
# them.)

# %%
for a, b, p in truth_table(t1, t2):
    print(f"{a} xor {b} = {p:.2f}")
    assert abs(p - (a != b)) < 0.05

# %% [markdown]
# What have they become? Ask the hidden neurons about each input, and the network about the whole square and a bit beyond,
# x₁ to the right and x₂ upwards: blue is yes, orange is no, pale is perhaps. The four rings are the data.

# %%
for a, b in X:
    print(f"{a:.0f} {b:.0f}   hidden neurons:", forward((a, b), t1, t2)[2].data[0, 1:].round(2))

print()


def square(answer, steps=24):
    """The answers on a grid as an SVG."""
    grid = np.linspace(-0.25, 1.25, steps)
    parts = []
    for i, b in enumerate(grid[::-1]):
        for j, a in enumerate(grid):
            p = answer(a, b)
            colour = "#0072B2" if p > 0.5 else "#D55E00"
            strength = 0.1 + 1.6 * abs(p - 0.5)
            box = f'x="{10 * j}" y="{10 * i}" width="10" height="10"'
            parts.append(f'<rect {box} fill="{colour}" fill-opacity="{strength:.2f}"/>')
    for a, b in X:
        cx, cy = (np.array([a, 1 - b]) + 0.25) / 1.5 * 10 * steps
        parts.append(f'<circle cx="{cx:.0f}" cy="{cy:.0f}" r="6" fill="none" stroke="#808080" stroke-width="3"/>')
    size = f'viewBox="0 0 {10 * steps} {10 * steps}" width="{10 * steps}" style="max-width:100%"'
    return SVG(f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{"".join(parts)}</svg>')


square(lambda a, b: forward((a, b), t1.data, t2.data)[-1].item())

# %% [markdown]
# ## Luck?
#
# One seed proves little. The gallery's `xor` is this network (`python -m autograd_mini gallery xor`), and it can train
# ten of them side by side:

# %%
ten = xor.training(range(10))
ten.fit(epochs=4_000, progress="none")
outputs = ten.model(ten.X).data[..., 0]
learnt = np.all(np.abs(outputs - Y) < 0.1, axis=1)
print("learnt:", learnt.sum(), "of", learnt.size, "seeds")
assert learnt.sum() >= 9

# %% [markdown]
# ## The same in a few lines
#
# By now you know what is inside. `ag.nn` keeps the biases as arrays of their own in place of bias units. So the first
# row of a theta is a bias, and the others are a weight:

# %%
net = ag.nn.MLP([2, 3, 1], activation="sigmoid")
for layer, theta in zip(net.layers, weights(0), strict=True):
    layer.weight.data, layer.bias.data = theta[1:], theta[0]

loss = ag.nn.binary_cross_entropy_with_logits(net(X[1:2]), Y[1:2, None])
loss.backward()
for layer, by_hand, name in zip(net.layers, (theta1d, theta2d), ("theta1d", "theta2d"), strict=True):
    ours = np.vstack([layer.bias.grad, layer.weight.grad])
    print(f"{name}: bias and weight gradients agree:", np.allclose(ours, by_hand, rtol=1e-12))
    assert np.allclose(ours, by_hand, rtol=1e-12)

# %% [markdown]
# `binary_cross_entropy_with_logits` takes `z3`: it does the sigmoid and the logarithm in one, and so it never takes the
# logarithm of a 0. Its derivative is the line that we found first, output minus target.
#
# Now take all four samples at once, and momentum: each step goes on in the direction of the steps before it, so the flat part
# takes less time.

# %%
sgd = ag.optim.SGD(net.parameters(), lr=1.0, momentum=0.9)
for step in range(500):
    loss = ag.nn.binary_cross_entropy_with_logits(net(X), Y[:, None])
    sgd.zero_grad()
    loss.backward()
    sgd.step()
    if step % 100 == 99:
        print(f"step {step + 1}   loss {loss.item():.3f}")

answers = ag.sigmoid(net(X)).data.ravel()
print("answers:", answers.round(2))
assert np.max(np.abs(answers - Y)) < 0.05

# %% [markdown]
# Output minus target; back through the weights, times the slope; what went in, times the delta. These three steps
# are all of backprop, for two layers or for two hundred. The next notebook, `4-derivatives-of-inputs`, asks for the
# derivative with respect to an input in place of a weight.
