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
# # 10 · Bigger than memory
#
# *My data do not fit in memory.* The gradient of a mean is the mean of the gradients. So cut the rows into chunks, differentiate each
# chunk by itself, and take the mean. The rest of the program stays as it is, and all the rows are never in memory at once.
# [Dask](https://docs.dask.org) divides the work; the cores of this machine do it. (`python -m pip install '.[cluster]'`)

# %%
import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # Dask has the threads: NumPy's own beside them would be in the way

import dask
import dask.array as da
import numpy as np
from IPython.display import SVG

import autograd_mini as ag

settings = dask.config.set(scheduler="threads", num_workers=2)

# %% [markdown]
# ## A recipe in place of an array
#
# Here are 200,000 rows of eight numbers. They are made only when they are needed, a chunk of 10,000 rows at a time, and about three
# chunks are in memory at once. With a thousand times as many rows, only the time would grow. Files work the same way:
# `da.from_array(np.load("x.npy", mmap_mode="r"), chunks=(10_000, -1))`.

# %%
ROWS, CHUNK = 200_000, 10_000
X = da.random.default_rng(0).normal(size=(ROWS, 8), chunks=(CHUNK, 8))
y = np.sin(X[:, :1]) + 0.5 * X[:, 1:2]
print("rows", X.shape[0], "  chunks", X.numblocks[0], end="  ")
print("one chunk is", f"{X.blocks[0].nbytes / 1e6:.1f} MB of {X.nbytes / 1e6:.0f} MB")

# %% [markdown]
# ## One gradient of all of it
#
# Write the loss as a function of a model and one chunk, which returns the mean over the rows of the chunk. `ag.mean_over` gives the mean
# over all rows.


# %%
def squared(model, x, y):
    return ag.nn.mse(model(x), y)


net = ag.nn.MLP([8, 16, 1], activation="tanh", rng=0)
loss = ag.mean_over(squared, net, X, y)
loss.backward()
loss.label = "mean over 200,000 rows"
print(f"loss {loss.item():.4f}")

# %% [markdown]
# Twenty chunks were differentiated, each in a graph of its own, which is already gone. What is left is *one* node, whose parents are the
# parameters:

# %%
ag.draw(loss, engine="python")

# %% [markdown]
# Is it the gradient that the whole data would give? Take a part that does fit, in five chunks and in one piece:

# %%
few_x, few_y = X[:50_000], y[:50_000]
net.zero_grad()
ag.mean_over(squared, net, few_x, few_y).backward()
in_chunks = [p.grad.copy() for p in net.parameters()]

net.zero_grad()
ag.nn.mse(net(few_x.compute()), few_y.compute()).backward()
for (name, p), other in zip(net.named_parameters(), in_chunks, strict=True):
    print(f"{name:16} the same:", np.allclose(p.grad, other, rtol=1e-10, atol=1e-14))
    assert np.allclose(p.grad, other, rtol=1e-10, atol=1e-14)

# %% [markdown]
# They are the same, except for rounding, since the sums are taken in another order. The order depends on the chunks alone. So the
# numbers are the same to the last bit with one thread, with two, or on a cluster.

# %%
some = ag.mean_over(squared, net, few_x, few_y).item()
with dask.config.set(scheduler="synchronous"):
    alone = ag.mean_over(squared, net, few_x, few_y).item()
print("two threads and one, to the bit:", some == alone)
assert some == alone

# %% [markdown]
# ## Training
#
# `ag.fit` takes Dask arrays too. A batch is a chunk, and each epoch takes the chunks in a new order.

# %%
train_x, train_y = X[:100_000], y[:100_000]  # ten chunks, ten steps an epoch
adam = ag.optim.Adam(net.parameters(), lr=0.02)
history = ag.fit(net, train_x, train_y, loss=ag.nn.mse, optimizer=adam, epochs=8, batch_size=CHUNK, rng=0, progress="none")
print("loss by epoch:", [f"{number:.4f}" for number in history["loss"]])


# %%
def curve(losses):
    """Losses as bars, an epoch each."""
    highest = max(losses)
    bars = ""
    for i, number in enumerate(losses):
        height = 100 * number / highest
        bars += f'<rect x="{20 + 50 * i}" y="{120 - height:.1f}" width="36" height="{height:.1f}" fill="#0072B2"/>'
        bars += f'<text x="{38 + 50 * i}" y="138" text-anchor="middle">{i + 1}</text>'
    style = "<style>text{font:12px sans-serif;fill:#808080}</style>"
    size = f'viewBox="0 0 {30 + 50 * len(losses)} 145" width="{30 + 50 * len(losses)}" style="max-width:100%"'
    return SVG(f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{style}{bars}</svg>')


curve(history["loss"])

# %% [markdown]
# On rows that it has not seen:

# %%
unseen = ag.mean_over(squared, net, X[-50_000:], y[-50_000:])
print(f"unseen rows: {unseen.item():.4f}")

# %% [markdown]
# If you need more cores than this machine has, begin with `Client("tcp://SCHEDULER:8786")` of `dask.distributed`; the other lines
# stay as they are. The page *Data larger than the machine* of the documentation says how, and whom you have to trust.

# %%
assert history["loss"][-1] < 0.2 * history["loss"][0]
assert unseen.item() < 0.02
