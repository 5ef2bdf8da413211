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
# # 9 · Softmax, and why p(1 − p) is not its derivative
#
# *"The derivative of the sigmoid is p(1 − p). Softmax is the sigmoid for many classes. So I multiplied by p(1 − p), and it learns
# badly, or not at all."* The formula is right for one number, and it is part of the right answer for many. This notebook shows
# which part is missing.

# %%
import numpy as np
from IPython.display import SVG

import autograd_mini as ag
from autograd_mini.gallery.data import digits

# %% [markdown]
# ## What softmax does
#
# Three scores go in, three probabilities come out. Each is e to the power of its score, divided by the sum of all three.


# %%
def softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))  # the largest score becomes 0: exp cannot overflow
    return e / e.sum(axis=-1, keepdims=True)


z = np.array([2.0, 1.0, 0.0])
p = softmax(z)
print(p.round(4), "sum", p.sum().round(12))

# %% [markdown]
# Raise one score, and watch *all* the probabilities:

# %%
raised = softmax(z + np.array([0.1, 0.0, 0.0]))
print("change:", (raised - p).round(4) + 0.0)
assert raised[0] > p[0]
assert raised[1] < p[1]
assert raised[2] < p[2]

# %% [markdown]
# The first has gone up, and the two others have gone down, though their scores are the same: the sum of all three is always 1.
# **So each output depends on each input**. With three outputs and three inputs there are nine derivatives, not three.

# %%
J = ag.jacobian(softmax)(z)
print(J.round(4))

by_hand = np.diag(p) - np.outer(p, p)
assert np.allclose(J, by_hand, rtol=1e-12)


# %% [markdown]
# On the diagonal stands p(1 − p), your formula. Elsewhere stands −pᵢpⱼ, which is what the others lose. In one line this is diag(p) −
# p pᵀ. Here it is as a picture; blue is above 0, orange below.


# %%
def table(numbers, names):
    """A matrix as coloured squares."""
    largest, parts = np.abs(numbers).max(), []
    for i, row in enumerate(numbers):
        for j, number in enumerate(row):
            x, y, strength = 60 + 70 * j, 30 + 44 * i, abs(number) / largest * 0.75
            full = np.array([0, 114, 178]) if number > 0 else np.array([213, 94, 0])
            colour = ",".join(f"{part:.0f}" for part in 255 + strength * (full - 255))
            parts.append(f'<rect x="{x}" y="{y}" width="66" height="40" fill="rgb({colour})"/>')
            parts.append(f'<text x="{x + 33}" y="{y + 25}" text-anchor="middle" style="fill:#000">{number:.3f}</text>')
    for i, name in enumerate(names):
        parts.append(f'<text x="50" y="{55 + 44 * i}" text-anchor="end">p{name}</text>')
        parts.append(f'<text x="{93 + 70 * i}" y="20" text-anchor="middle">z{name}</text>')
    size = f'viewBox="0 0 {70 + 70 * len(names)} {40 + 44 * len(names)}" style="max-width:100%" width="{70 + 70 * len(names)}"'
    style = "<style>text{font:14px sans-serif;fill:#808080}</style>"
    return SVG(f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{style}{"".join(parts)}</svg>')


table(J, "₁₂₃")

# %% [markdown]
# Each row and each column adds up to 0. The rows: raise all scores by the same amount, and no probability changes. The columns: whatever
# one score does, the probabilities still add up to 1.

# %%
print("rows:   ", J.sum(axis=1).round(12) + 0.0)
print("columns:", J.sum(axis=0).round(12) + 0.0)
assert np.allclose(J.sum(axis=0), 0, atol=1e-15)
assert np.allclose(J.sum(axis=1), 0, atol=1e-15)

# %% [markdown]
# ## Back through it
#
# Take the squared error ½·Σ(p − t)², with target t. Its derivative with respect to p is p − t. To get the derivative with respect to the
# scores, multiply this vector by the *whole* table. That is a matrix product; the short formula multiplies number by number.

# %%
t = np.array([0.0, 1.0, 0.0])
node = ag.Tensor(z, label="z")
loss = 0.5 * ((softmax(node) - t) ** 2).sum()
loss.label = "loss"
loss.backward()

ways = {
    "the engine": node.grad,
    "(diag(p) − p pᵀ) @ (p − t)": (np.diag(p) - np.outer(p, p)) @ (p - t),
    "the same, without a matrix": p * ((p - t) - np.sum(p * (p - t))),
    "p(1 − p) · (p − t)": p * (1 - p) * (p - t),
}
for name, delta in ways.items():
    print(f"{name:28}", delta.round(4), "  sum", (delta.sum().round(4) + 0.0))

# %% [markdown]
# The result of the short formula is too small, and its last number has the wrong sign. You can see at once that it is wrong: **the
# delta of a softmax adds up to 0**, as the rows of the table do.
#
# The third line is the one to write: subtract the mean of the errors, weighted by p, and multiply by p. No table is built.
#
# The engine was not told that this is a softmax. It went through `exp`, the sum and the quotient, a step at a time. (The picture
# recognises the steps, and puts them into one box.)

# %%
ag.draw(loss, engine="python")

# %% [markdown]
# ## But mine has p − t, and it works
#
# Then your loss is cross-entropy, −Σ t·log p. Its derivative with respect to p is −t / p. Multiplied by the whole table, this becomes
# very simple:

# %%
node = ag.Tensor(z)
(-(t * np.log(softmax(node))).sum()).backward()
print("the engine:", node.grad.round(6))
print("p − t:     ", (p - t).round(6))
assert np.allclose(node.grad, p - t, rtol=1e-12)

# %% [markdown]
# That is why the two are used together. p − t is all that is needed: if you multiply it by p(1 − p) too, a derivative is applied twice.
# `diagnose` knows both mistakes. Here is p(1 − p) with the squared error, in a layer with weights:

# %%
rng = np.random.default_rng(0)
X, T = rng.normal(size=(8, 4)), np.eye(3)[rng.integers(0, 3, 8)]
W = ag.Tensor(rng.normal(size=(4, 3)), label="W")
P = ag.softmax(X @ W)
P.label = "P"
sse = 0.5 * ((P - T) ** 2).sum()
report = ag.diagnose(sse, {W: X.T @ (P.data * (1 - P.data) * (P.data - T))})
print(report)
assert report.wrong == ["W"]

# %% [markdown]
# ## Does it matter?
#
# This trains one layer on real digits, with the squared error and with each delta in turn. All have the same start, batches and rate.


# %%
def right(p, t):
    return p * ((p - t) - np.sum(p * (p - t), axis=1, keepdims=True))


def short(p, t):
    return p * (1 - p) * (p - t)


def rows_summed(p, t):
    """Another one that is met: the table's rows added up before they are multiplied. They add up to 0."""
    return (p * (1 - p) - p * (p.sum(axis=1, keepdims=True) - p)) * (p - t)


images, labels = digits()
order = np.random.default_rng(0).permutation(len(images))
train, test = order[360:], order[:360]


def learnt(delta, epochs=8, lr=0.5):
    rng, W, found = np.random.default_rng(1), np.zeros((64, 10)), []
    for _ in range(epochs):
        for batch in np.array_split(rng.permutation(train), 45):
            p = softmax(images[batch] @ W)
            W = W - lr * images[batch].T @ delta(p, np.eye(10)[labels[batch]]) / len(batch)
        found.append(np.mean(softmax(images[test] @ W).argmax(axis=1) == labels[test]))
    return found


curves = {delta.__name__: learnt(delta) for delta in (right, short, rows_summed)}
for name, curve in curves.items():
    print(f"{name:12}", " ".join(f"{accuracy:6.1%}" for accuracy in curve))

# %% [markdown]
# The last one learns nothing, since it multiplies by 0. The short one does learn, since it points roughly downhill, but it ends ten
# percentage points lower. That makes the mistake hard to find: a loss that goes down does not prove that a gradient is right. A
# comparison does.

# %%
assert np.allclose(ways["the engine"], ways["the same, without a matrix"], rtol=1e-12)
assert curves["right"][-1] > 0.85
assert curves["right"][-1] > curves["short"][-1] + 0.05
assert max(curves["rows_summed"]) < 0.2
