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
# # 5 · Against PyTorch
#
# Why believe an engine that you can read in an afternoon? Because its numbers can be held beside those of the library
# that half the world trains with. Here both get the same weights, the same data and the same loss, and we look at what
# comes out: gradients, a whole training run, second derivatives.
#
# Then come the places where the two differ **on purpose**, and what the true number is. The end says who is faster at what.
# (This notebook needs PyTorch: `python -m pip install torch`.)

# %%
import json
import math
import warnings
from pathlib import Path

import numpy as np
import torch
from IPython.display import SVG

import autograd_mini as ag

torch.set_num_threads(1)


def apart(ours, theirs):
    """The largest difference of two arrays, relative to the largest number in them."""
    a, b = (np.asarray(x.detach() if isinstance(x, torch.Tensor) else x) for x in (ours, theirs))
    assert a.shape == b.shape
    return np.max(np.abs(a - b)) / np.max(np.abs(b))


# %% [markdown]
# ## One network, twice
#
# There are two rings of points, one inside the other, and a network that has to tell them apart. `to_torch` gives its twin
# in PyTorch, with the same weights. NumPy draws the random numbers, so you get the same ones.

# %%
rng = np.random.default_rng(0)
angle, inside = rng.uniform(0, 2 * np.pi, 200), rng.integers(0, 2, 200)
radius = np.where(inside, 0.5, 1.0) + 0.1 * rng.standard_normal(200)
X = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
y = inside.reshape(-1, 1).astype(float)

net = ag.nn.MLP([2, 16, 16, 1], activation="tanh", rng=1)
twin = net.to_torch()
print(net)
print()
print(twin)

# %% [markdown]
# The two programs differ in a few names. PyTorch wants its own tensors; ours takes the arrays as they are.

# %%
loss = ag.nn.binary_cross_entropy_with_logits(net(X), y)
loss.backward()

X_torch, y_torch = torch.from_numpy(X), torch.from_numpy(y)
loss_torch = torch.nn.functional.binary_cross_entropy_with_logits(twin(X_torch), y_torch)
loss_torch.backward()

print(f"loss   ours {loss.item():.12f}   PyTorch {loss_torch.item():.12f}")
assert apart(loss.item(), loss_torch.item()) < 1e-14

# %% [markdown]
# Now the gradients, for each parameter. One thing to know when you compare by eye: our weights are (inputs, outputs), so
# that a layer is `x @ W + b`. PyTorch keeps them the other way round.

# %%
for (name, ours), theirs in zip(net.named_parameters(), twin.parameters(), strict=True):
    print(f"{name:16} ours {ours.shape!s:9} PyTorch {tuple(theirs.shape)!s:9} largest {np.abs(ours.grad).max():.8f}", end="")
    difference = apart(ours.grad, theirs.grad.T if theirs.ndim == 2 else theirs.grad)
    print("   the same" if difference < 1e-13 else f"   apart by {difference:.0e}")
    assert difference < 1e-13

# %% [markdown]
# "The same" is 13 digits here and not all 16. Both add up the same 200 shares, but not in the same order, and the last
# digits of a float depend on the order.
#
# ## A training run, step for step
#
# Agreement in one step is easy. A run of 300 steps feeds each step's rounding to the next, and Adam keeps two running
# means besides. Any difference in a formula (where the `eps` goes, say) would show within a few steps.

# %%
optimizer = ag.optim.Adam(net.parameters(), lr=0.01)
optimizer_torch = torch.optim.Adam(twin.parameters(), lr=0.01)

widest = 0.0
for step in range(301):
    optimizer.zero_grad()
    loss = ag.nn.binary_cross_entropy_with_logits(net(X), y)
    loss.backward()
    optimizer.step()

    optimizer_torch.zero_grad()
    loss_torch = torch.nn.functional.binary_cross_entropy_with_logits(twin(X_torch), y_torch)
    loss_torch.backward()
    optimizer_torch.step()

    widest = max(widest, apart(loss.item(), loss_torch.item()))
    if step % 50 == 0:
        print(f"step {step:3}   ours {loss.item():.10f}   PyTorch {loss_torch.item():.10f}")

assert widest < 1e-9
print("the 301 losses agree to 9 digits or more")

# %%
right = np.mean((net(X).data > 0) == (y > 0))
right_torch = np.mean((twin(X_torch).detach().numpy() > 0) == (y > 0))
print(f"told apart: ours {right:.1%}, PyTorch {right_torch:.1%}")
assert right == right_torch > 0.95

# %% [markdown]
# The two networks' opinions, side by side: the points, and behind them what each network says, blue for the inner ring.


# %%
def opinion(answer, left):
    """A network's answers on a grid, and the points, as pieces of an SVG."""
    grid = np.linspace(-1.35, 1.35, 18)
    cells = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
    pieces = []
    for (a, b), said in zip(cells, np.ravel(answer(cells)), strict=True):
        box = f'x="{left + 75 + 54 * a:.2f}" y="{75 - 54 * b:.2f}" width="8.58" height="8.58"'
        pieces.append(f'<rect {box} fill="{"#0072B2" if said > 0 else "#D55E00"}" fill-opacity="0.35"/>')
    for (a, b), ring in zip(X[:80], inside[:80], strict=True):
        at = f'cx="{left + 79 + 54 * a:.0f}" cy="{79 - 54 * b:.0f}" r="3"'
        pieces.append(f'<circle {at} fill="{"#0072B2" if ring else "#D55E00"}"/>')
    return "".join(pieces)


both = opinion(lambda cells: net(cells).data, 0)
both += opinion(lambda cells: twin(torch.from_numpy(cells)).detach().numpy(), 170)
SVG(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 330 160" width="330" style="max-width:100%">{both}</svg>')

# %% [markdown]
# ## Derivatives of derivatives
#
# How does the trained network's output bend when its input moves? That is a Hessian, two by two, for each point.
# PyTorch has `torch.func` for it, and `vmap` for "each point".

# %%
some = X[:50]
H = ag.batch_hessian(net, some)[:, 0]
H_torch = torch.func.vmap(torch.func.hessian(lambda x: twin(x)[0]))(torch.from_numpy(some))
print("first point, ours:   ", H[0].round(4).tolist())
print("first point, PyTorch:", H_torch[0].detach().numpy().round(4).tolist())
assert apart(H, H_torch) < 1e-11

# %% [markdown]
# Higher: the fourth derivative of sin(x²)·eˣ / (1 + x²) at 0.7. In PyTorch the walk is done four times, each with
# `create_graph=True`, so that the next one can go over it.


# %%
def wave(x, lib):
    return lib.sin(x * x) * lib.exp(x) / (1 + x * x)


fourth = ag.derivative(lambda x: wave(x, np), order=4)(0.7)

x = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
out = wave(x, torch)
for _ in range(4):
    (out,) = torch.autograd.grad(out, x, create_graph=True)

print(f"ours {fourth:.10f}   PyTorch {out.item():.10f}")
assert apart(fourth, out.item()) < 1e-11

# %% [markdown]
# Our side is plain NumPy: `np.sin` and `np.exp` work on a Tensor as on an array.
#
# And a loss that contains a derivative, such as a penalty on steep slopes: how does it move when a *weight* moves? The
# derivative with respect to the inputs is differentiated once more, with respect to the weights.

# %%
inputs = ag.Tensor(some)
slopes = ag.gradients(net(inputs).sum(), inputs, create_graph=True)
penalty = (slopes**2).mean()
found = ag.gradients(penalty, net.layers[0].weight)

inputs_torch = torch.from_numpy(some).requires_grad_()
(slopes_torch,) = torch.autograd.grad(twin(inputs_torch).sum(), inputs_torch, create_graph=True)
penalty_torch = (slopes_torch**2).mean()
(found_torch,) = torch.autograd.grad(penalty_torch, twin[0].weight)

print(f"penalty   ours {penalty.item():.4f}   PyTorch {penalty_torch.item():.4f}")
print(f"one slope of it   ours {found[0, 0]:.4f}   PyTorch {found_torch[0, 0].item():.4f}")
assert apart(found, found_torch.T) < 1e-11

# %% [markdown]
# ## Where the two differ, on purpose
#
# Ask both for the slope of a function at a point where it is hard to get. The last column is the truth, worked out with
# pencil and paper.


# %%
def slope_ours(f, x):
    x = ag.Tensor(np.array(x))
    f(x).sum().backward()
    return x.grad


def slope_torch(f, x):
    x = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    f(x).sum().backward()
    return x.grad.numpy()


CASES = [
    ("tanh at 1", np.tanh, torch.tanh, 1.0, 1 / math.cosh(1) ** 2),
    ("tanh at 20", np.tanh, torch.tanh, 20.0, 1 / math.cosh(20) ** 2),
    ("sigmoid at -40", ag.sigmoid, torch.sigmoid, -40.0, math.exp(-40)),
    ("sigmoid at 40", ag.sigmoid, torch.sigmoid, 40.0, math.exp(-40)),
    ("arcsinh at 1e200", np.arcsinh, torch.asinh, 1e200, 1e-200),
]
print("slope of             ours        PyTorch     the truth")
for name, ours, theirs, point, truth in CASES:
    a, b = slope_ours(ours, point), slope_torch(theirs, point)
    print(f"{name:18} {a:.4e}  {b:.4e}  {truth:.4e}{'' if math.isclose(b, truth, rel_tol=1e-9) else '   PyTorch: no digit right'}")
    assert math.isclose(a, truth, rel_tol=1e-12)

# %% [markdown]
# PyTorch works out tanh's slope as 1 − tanh². At 20 tanh *is* 1, as far as a float can tell, and 1 − 1 is 0: a neuron that
# far out gets no signal at all. The slope is small, not zero, and from `exp(-2|x|)` it comes out with all its digits. The
# sigmoid is the same story, in its right tail only. And arcsinh squares its argument: 1e400 is no float.
#
# The length of a vector squares its entries, too:

# %%
for vector in [[3.0, 4.0], [3e200, 4e200], [3e-200, 4e-200]]:
    length, length_torch = np.linalg.norm(ag.Tensor(vector)).item(), torch.linalg.norm(torch.tensor(vector, dtype=torch.float64)).item()
    a, b = slope_ours(np.linalg.norm, vector), slope_torch(torch.linalg.norm, vector)
    print(f"{vector!s:18} length: ours {length:<8.4g} PyTorch {length_torch:<8.4g} slopes: ours {a.round(4)}  PyTorch {b}")
    assert np.allclose(a, [0.6, 0.8], rtol=1e-12)

# %% [markdown]
# Divide by the largest entry first, and the direction is (0.6, 0.8) at every size. An optimiser that clips gradients by
# their norm needs this.
#
# **Ties.** Two entries share the maximum. Which one is to go down? PyTorch gives half to each when it takes the maximum of
# all, and everything to the first when it takes it along an axis. Ours shares in both cases: the answer should not depend
# on how the array is folded.

# %%
row = [[1.0, 1.0, 0.0]]
for name, ours, theirs in [
    ("of all", lambda x: x.max(), lambda x: x.max()),
    ("along an axis", lambda x: x.max(axis=1), lambda x: x.max(dim=1).values),
]:
    print(f"maximum {name:13}  ours {slope_ours(ours, row)[0]}   PyTorch {slope_torch(theirs, row)[0]}")
assert slope_ours(lambda x: x.max(axis=1), row).tolist() == [[0.5, 0.5, 0.0]]
assert slope_ours(np.max, row).tolist() == slope_torch(torch.max, row).tolist()

# %% [markdown]
# **Walking back twice.** PyTorch frees what a walk has used, and complains the second time. Ours keeps the graph for as long
# as you keep the loss, and a leaf adds up what arrives: what you want when you look at a graph, and the reason for
# `zero_grad()` between the steps of a training run.

# %%
a = ag.Tensor(3.0)
cube = a * a * a
cube.backward()
cube.backward()
print("ours:    27 and 27 make", a.grad)
assert a.grad == 54

a = torch.tensor(3.0, requires_grad=True)
cube = a * a * a
cube.backward()
try:
    cube.backward()
except RuntimeError as error:
    print("PyTorch:", str(error).split(" (")[0])
else:
    raise AssertionError("this should not have worked")

# %% [markdown]
# **A loss of (4, 1) against (4,).** Broadcasting makes a table of 4 × 4 differences of it, and a network that learns from
# that learns the mean. PyTorch warns and goes on; ours stops.

# %%
guess, target = np.arange(4.0).reshape(4, 1), np.arange(4.0)  # every guess is right

with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    wrong = torch.nn.functional.mse_loss(torch.from_numpy(guess), torch.from_numpy(target))
print(f"PyTorch: a loss of {wrong.item()}, and a {said[0].category.__name__}")

try:
    ag.nn.mse(ag.Tensor(guess), target)
except ag.ShapeError as error:
    print("ours:    ShapeError:", error)
else:
    raise AssertionError("this should not have worked")

# %% [markdown]
# ## Moving on, and back
#
# You outgrow this library when you want a processor with ten thousand cores. Then `to_torch()` is one line. And
# `from_torch` is the way back, to look into a network that was trained there: here with the weights that PyTorch's Adam
# arrived at.

# %%
back = ag.nn.from_torch(twin)
print(type(back).__name__, "of", [type(layer).__name__ for layer in back.layers])
assert apart(back(X).data, twin(X_torch)) < 1e-12
assert apart(back.to_torch()(X_torch), twin(X_torch)) < 1e-12
print("the outputs agree")

# %% [markdown]
# ## Who is faster at what
#
# A notebook is a bad place to take times: it would print other ones each time it is built. These are the figures that
# `python -m benchmarks` left in `benchmarks/results`, each against PyTorch doing the same work on the same processor, after
# the results were found to agree. (Outside of a copy of the sources there is no such folder, and nothing is printed.)
# Below 1 we are faster, above 1 PyTorch is; nothing is left out that has a target.

# %% tags=["measured"]
folders = [up / "benchmarks" / "results" for up in (Path("."), Path("..")) if (up / "benchmarks" / "results").exists()]
results = [json.loads(path.read_text(encoding="utf-8")) for folder in folders[:1] for path in sorted(folder.glob("*.json"))]
works = {row["work"] for result in results for row in result["rows"]}
lines = []
for result in results:
    print(f"{result['suite']}: {result['date']}, {result['processor']}, PyTorch {result['versions'].get('torch', 'left out')}, one thread")
    for row in result["rows"]:
        again = f"SGD {row['work']}" in works  # two suites have it
        if row["peer"].startswith("PyTorch") and row["target"] and not again:
            lines.append((row["work"], row["our_figure"], row["peer_figure"], row["ratio"]))


# %% tags=["measured"]
def shown(seconds):
    for size, unit in [(1.0, "s"), (1e-3, "ms"), (1e-6, "µs")]:
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


width = max((len(line[0]) for line in lines), default=0)
print(f"{'':{width}}  {'ours':>8}  {'PyTorch':>8}  ours / PyTorch")
for work, ours, theirs, ratio in lines:
    print(f"{work:{width}}  {shown(ours):>8}  {shown(theirs):>8}  {ratio:.2f}")
print(f"\nfaster than PyTorch in {sum(line[3] < 1 for line in lines)} of {len(lines)}")
assert len(lines) > 10 or not folders

# %% [markdown]
# How to read it. A tiny network is all bookkeeping: which node, whose gradient, what next. There it counts how little is
# done for each operation, and Python can hold its own. A wide layer is one matrix product after the other, and both
# libraries hand those to much the same machine code: whoever comes out ahead does so by the passes over memory saved
# around it. What the table does not show is a graphics processor. There we do not compete.
