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
# # 4 · Derivatives of inputs
#
# Training asks how the *loss* moves when a *weight* is turned. Here is another question: how does the network's
# *output* move when its *input* does? You need it when part of your data are slopes: for some points you know y, for
# others only ∂y/∂x₁ or ∂y/∂x₂. Or when the law you know is a differential equation.
#
# It looks like a different backprop, and people sit down to write one: sigmoid layers, the chain rule, an array that
# comes out in the wrong shape. It is the same backprop. The engine never knew which leaves were weights.

# %%
import inspect
from functools import partial
from itertools import pairwise

import numpy as np
import scipy.optimize
from IPython.display import SVG

import autograd_mini as ag
from autograd_mini.gallery import oscillator

# %% [markdown]
# ## The forward pass, and nothing else
#
# Sigmoid layers, then a linear one without a bias. Plain NumPy: there is nothing in it about derivatives.


# %%
def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def network(x, layers):
    *hidden, last = layers
    for W, b in hidden:
        x = sigmoid(np.dot(x, W) + b)
    return np.dot(x, last)


def ones(*sizes):
    """Layers of these sizes, with every weight and bias 1."""
    hidden = [(np.ones((n, m)), np.ones(m)) for n, m in pairwise(sizes[:-1])]
    return [*hidden, np.ones(sizes[-2:])]


x = np.array([1.0, 1.0])
print("2-2-1:  ", network(x, ones(2, 2, 1)).round(6))
print("2-2-2-1:", network(x, ones(2, 2, 2, 1)).round(6))

# %% [markdown]
# `ag.jacobian` takes a function and gives a function. It hands our forward pass a Tensor in place of the array, and
# NumPy's own `np.dot` and `np.exp` do the rest.


# %%
def slopes(x, layers):
    return ag.jacobian(lambda x: network(x, layers))(x)


print("2-2-1:  ", slopes(x, ones(2, 2, 1)).round(7))
print("2-2-2-1:", slopes(x, ones(2, 2, 2, 1)).round(8))
assert np.allclose(slopes(x, ones(2, 2, 1)), 0.0903533, rtol=1e-6)
assert np.allclose(slopes(x, ones(2, 2, 2, 1)), 0.00889187, rtol=1e-6)

# %% [markdown]
# The array has a row for each output and a column for each input. This is the shape to remember: **(outputs,
# inputs)**, for the whole network and for each layer in it.
#
# ## By hand, for once
#
# A sigmoid layer takes x to `sigmoid(x @ W + b)`. With W of shape (in, out), its Jacobian is W transposed, each row
# times the slope of the neuron that the row belongs to. The Jacobian of a chain is the **matrix product** of the
# Jacobians, the last layer leftmost:


# %%
def walk(x, hidden, hand_on):
    """Each layer's weights, and the slopes of its neurons."""
    for W, b in hidden:
        z = x @ W + b
        yield W, sigmoid(z) * (1 - sigmoid(z))
        x = hand_on(z)


def one_layer(W, slope):
    return slope[:, None] * W.T


def chain(x, layers, local=one_layer, hand_on=sigmoid):
    *hidden, last = layers
    J = np.eye(len(x))  # dx/dx
    for W, slope in walk(x, hidden, hand_on):
        J = local(W, slope) @ J
    return last.T @ J


def random(*sizes, seed=0):
    rng = np.random.default_rng(seed)
    hidden = [(rng.normal(size=(n, m)), rng.normal(size=m)) for n, m in pairwise(sizes[:-1])]
    return [*hidden, rng.normal(size=sizes[-2:])]


for layers in [ones(2, 2, 2, 1), random(2, 2, 2, 1), random(2, 3, 4, 1), random(2, 5, 4, 3, 2)]:
    assert np.allclose(chain(x, layers), slopes(x, layers), rtol=1e-12)
print("by hand and by the engine: the same, one to three hidden layers deep")

# %% [markdown]
# The right code is as short as this. Here are four ways to get it wrong; each has cost somebody an evening.
#
# * **Sums multiplied.** Each layer's matrix is summed up, and the sums are multiplied. But a sum of products is not a
#   product of sums: the roads from input to output run through *pairs* of neurons that are joined. The shape is right.
# * **Wrong side.** `slope * W.T` scales the columns, so that a weight gets the slope of the neuron it comes from.
# * **Not transposed.** `W * slope` is right as a matrix (in, out). In the product it must stand the other way.
# * **Not squashed.** The next layer's slope is worked out from this layer's z, where its input is sigmoid(z).


# %%
def sums_multiplied(x, layers):
    *hidden, last = layers
    total = last.sum(axis=0)[:, None]
    for i, (W, slope) in enumerate(walk(x, hidden, sigmoid)):
        total = total * (W * slope).sum(axis=None if i else 1)
    return total


SLIPS = {
    "sums multiplied": sums_multiplied,
    "wrong side": partial(chain, local=lambda W, slope: slope * W.T),
    "not transposed": partial(chain, local=lambda W, slope: W * slope),
    "not squashed": partial(chain, hand_on=lambda z: z),
}


# %% [markdown]
# The natural test is the one with all weights and biases 1, where one can follow the numbers on paper:


# %%
def table(x, layers):
    """Print what each way gives; the names of those that are wrong."""
    right = slopes(x, layers)
    print(f"{'the engine':16} {right.round(6)}")
    wrong = []
    for name, way in [("chain", chain), *SLIPS.items()]:
        try:
            J = way(x, layers)
            said = J.round(6)
            fits = np.allclose(J, right, rtol=1e-9)
        except ValueError:
            said, fits = "ValueError: the shapes do not fit", False
        print(f"{name:16} {said}{'' if fits else '   wrong'}")
        if not fits:
            wrong.append(name)
    return wrong


assert table(x, ones(2, 2, 2, 1)) == ["sums multiplied", "not squashed"]

# %% [markdown]
# **Two of the four slips pass.** A matrix of ones is its own transpose, and all slopes are alike, so it does not
# matter whose is used. Ones are for following on paper. For testing take random weights:

# %%
assert table(x, random(2, 2, 2, 1)) == list(SLIPS)

# %% [markdown]
# All four are found. Two of them are off by only a few percent, so a network would still learn something with them, and
# nobody would notice. With layers of different widths, two of the four give an error, since the shapes do not fit:

# %%
assert table(x, random(2, 3, 4, 1)) == list(SLIPS)

# %% [markdown]
# "I cannot get an array of the right shape" is how the code says that a transpose is missing. If you take sums, the error
# is gone, and so is the right answer.
#
# ## A batch
#
# A network takes a hundred points at once, so ask for a hundred Jacobians. What does `ag.jacobian` say to a batch?

# %%
layers = random(2, 8, 8, 3)
X = np.random.default_rng(1).uniform(-2, 2, (5, 2))


def model(X):
    return network(X, layers)


full = ag.jacobian(model)(X)
print("5 points, 2 inputs, 3 outputs:", full.shape)
print(f"zeros: {np.sum(full == 0)} of {full.size}")

# %% [markdown]
# It gives what was asked for: the derivative of every output of every point with respect to every input of every point.
# But a point does not depend on the inputs of another one. What you wanted is the diagonal.

# %%
J = ag.batch_jacobian(model, X)
H = ag.batch_hessian(model, X)
print("batch_jacobian:", J.shape, "  batch_hessian:", H.shape)
assert np.allclose(J, full[np.arange(5), :, np.arange(5)], rtol=1e-12)

# %% [markdown]
# (points, outputs, inputs), and for second derivatives (points, outputs, inputs, inputs). It costs a backward pass for
# each *output*, here 3, however many points there are: since the points have nothing to do with one another, all of
# them are asked at once. Measure it, with a small step to both sides:

# %%
step = 1e-5
for i, name in enumerate(["x1", "x2"]):
    h = np.zeros(2)
    h[i] = step
    measured = (model(X + h) - model(X - h)) / (2 * step)
    measured_twice = (ag.batch_jacobian(model, X + h) - ag.batch_jacobian(model, X - h)) / (2 * step)
    assert np.allclose(J[:, :, i], measured, rtol=1e-6, atol=1e-9)
    assert np.allclose(H[:, :, :, i], measured_twice, rtol=1e-6, atol=1e-9)
    print(f"by {name}: first and second derivatives agree with finite differences")

# %% [markdown]
# "Nothing to do with one another" is a promise that a model can break, for instance by taking the mean of its batch.
# Then a point has no Jacobian of its own, and you are told so in place of being given a number:

# %%
try:
    ag.batch_jacobian(lambda X: model(X - X.mean(axis=0)), X)
except ag.GraphError as error:
    print("GraphError:", error)
else:
    raise AssertionError("this should not have worked")

# %% [markdown]
# ## Second order
#
# It is tempting to take the activation's second derivative and to send *that* through the layers. The smallest
# network shows what happens then:

# %%
twice = ag.derivative(lambda x: sigmoid(sigmoid(x)), order=2)
bend = ag.derivative(sigmoid, order=2)
inner, slope = sigmoid(1.0), ag.derivative(sigmoid)

print(f"second derivative          {twice(1.0):+.6f}")
print(f"product of the second ones {bend(inner) * bend(1.0):+.6f}")
right = bend(inner) * slope(1.0) ** 2 + slope(inner) * bend(1.0)
print(f"f''·g'² + f'·g''           {right:+.6f}")
assert np.isclose(twice(1.0), right, rtol=1e-9)
assert bend(inner) * bend(1.0) * twice(1.0) < 0  # not even the sign

# %% [markdown]
# Only first derivatives multiply. For second ones each layer adds a term, which is tedious for two layers and hopeless
# for four. But the walk back is itself a calculation, of products and sums, so it can be walked back. `ag.hessian` is
# the Jacobian of the Jacobian:

# %%
H = ag.hessian(lambda x: network(x, ones(2, 2, 1)))(x)
print(H.shape)
print(H.round(6))

s = sigmoid(3.0)  # both neurons see 1 + 1 + 1
assert np.allclose(H, 2 * s * (1 - s) * (1 - 2 * s), rtol=1e-9)

# %% [markdown]
# With random weights it is symmetric, as it must be: the order of the two derivatives does not matter.

# %%
H = ag.hessian(lambda x: network(x, random(2, 8, 8, 1)))(x)[0]
print(H.round(6))
assert np.allclose(H, H.T, rtol=1e-9)

# %% [markdown]
# With 200 inputs a Hessian has 40,000 numbers and takes 200 backward passes. Often you need only how the slope changes
# in *one* direction v, which is the product Hv. It costs no more than a few gradients, and H is never built:

# %%
layers = random(200, 8, 8, 1)
point, v = np.random.default_rng(2).normal(size=(2, 200)) / 10


def height(x):
    return network(x, layers)[0]


product = ag.hvp(height, point, v)
print("hvp:", product.shape, "  hessian:", ag.hessian(height)(point).shape)
assert np.allclose(product, ag.hessian(height)(point) @ v, rtol=1e-8, atol=1e-12)

# %% [markdown]
# ## Some points tell y, some tell a slope
#
# Now come the data of the question. They are computed from `sin(x₁)·cos(x₂)`, which the network is not told. Each of 180
# points has one number: a third give y, a third ∂y/∂x₁, a third ∂y/∂x₂.


# %%
def truth(X):
    x1, x2 = X.T
    return np.sin(x1) * np.cos(x2), np.cos(x1) * np.cos(x2), -np.sin(x1) * np.sin(x2)


X = np.random.default_rng(1).uniform(-2, 2, (180, 2))
kind = np.repeat([0, 1, 2], 60)
known = np.choose(kind, truth(X))
for row in [0, 60, 120]:
    name = ["y", "dy/dx1", "dy/dx2"][kind[row]]
    print(f"x = ({X[row, 0]:+.3f}, {X[row, 1]:+.3f})   {name:6} = {known[row]:+.3f}")

# %% [markdown]
# The loss says just that: where y is known, compare the network's value; where a slope is, compare the network's
# slope. An optimiser wants one vector, so `ag.ravel` makes one of the layers, and `unravel` makes layers of a vector.

# %%
start, unravel = ag.ravel(random(2, 8, 8, 1))
print("parameters:", start.size)


def misses(w):
    def model(X):
        return network(X, unravel(w))

    values, slopes = model(X), ag.batch_jacobian(model, X)
    return [
        values[kind == 0, 0] - known[kind == 0],
        slopes[kind == 1, 0, 0] - known[kind == 1],
        slopes[kind == 2, 0, 1] - known[kind == 2],
    ]


def loss(w):
    return sum((miss**2).mean() for miss in misses(w))


# %% [markdown]
# Now look at what its gradient has to be. The loss contains ∂y/∂x, so its gradient by the weights contains
# ∂²y/∂x∂w: a derivative *through* a derivative. There is nothing to do for it. Within `ag.value_and_grad` the inner
# `batch_jacobian` sees that somebody outside is recording, and gives nodes in place of numbers. Check before use:

# %%
error = scipy.optimize.check_grad(loss, ag.grad(loss), start)
size = np.linalg.norm(ag.grad(loss)(start))
print("gradient of the loss agrees with finite differences:", error < 1e-5 * size)
assert error < 1e-5 * size

# %%
best = scipy.optimize.minimize(ag.value_and_grad(loss), start, jac=True, method="L-BFGS-B", options={"maxiter": 1000})
for name, miss in zip(["y", "dy/dx1", "dy/dx2"], misses(best.x), strict=True):
    print(f"mean squared error of {name:6} below 1e-3:", np.mean(miss**2) < 1e-3)
    assert np.mean(miss**2) < 1e-3

# %% [markdown]
# Outside of any transformation `loss(w)` is an ordinary function of an ordinary array. So a particle swarm can have it
# as it is, and needs no `ag.grad` at all; the docstring of `ag.ravel` has one in six lines.
#
# The network's surface, at points it was not trained on. `▲` is high, `▼` low, `·` about 0; the truth is beside it.

# %%
MARKS = np.array(list("▼▽·△▲"))


def picture(y):
    return ["  ".join(row) for row in MARKS[np.digitize(y.reshape(7, 7), [-0.625, -0.34, 0.34, 0.625])]]


side = np.linspace(-np.pi / 2, np.pi / 2, 7)
grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
ours, right = picture(network(grid, unravel(best.x))), picture(truth(grid)[0])
print("network              sin(x1) cos(x2)")
for left, other in zip(ours, right, strict=True):
    print(left, " ", other)
assert ours == right

# %% [markdown]
# And its slopes, as arrows that point uphill: blue ground is high, orange low. `batch_jacobian` gives them all at once.


# %%
def field(X, heights, slopes):
    """Heights as colours and slopes as arrows."""
    parts = []
    for (x1, x2), height, (s1, s2) in zip(X, heights, slopes, strict=True):
        cx, cy = 160 + 90 * x1, 160 - 90 * x2
        colour = "#0072B2" if height > 0 else "#D55E00"
        box = f'x="{cx - 16:.1f}" y="{cy - 16:.1f}" width="32" height="32"'
        parts.append(f'<rect {box} fill="{colour}" fill-opacity="{0.7 * abs(height):.2f}"/>')
        parts.append(f'<circle cx="{cx:.1f}" cy="{cy:.1f}" r="2.5" fill="#808080"/>')
        parts.append(f'<path d="M{cx:.1f} {cy:.1f}l{14 * s1:.1f} {-14 * s2:.1f}" stroke="#808080" stroke-width="2"/>')
    size = 'viewBox="0 0 320 320" width="320" style="max-width:100%"'
    return SVG(f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{"".join(parts)}</svg>')


places = np.stack(np.meshgrid(np.linspace(-1.5, 1.5, 9), np.linspace(-1.5, 1.5, 9)), axis=-1).reshape(-1, 2)
uphill = ag.batch_jacobian(lambda X: network(X, unravel(best.x)), places)[:, 0]
field(places, network(places, unravel(best.x))[:, 0], uphill)

# %% [markdown]
# ### How many values did it need?
#
# Throw them away. Keep 60 slopes along x₁, 60 along x₂, and of the values a single one:

# %%
keep = np.arange(180) >= 59
X, kind, known = X[keep], kind[keep], known[keep]
print("values left:", np.sum(kind == 0))

best = scipy.optimize.minimize(ag.value_and_grad(loss), start, jac=True, method="L-BFGS-B", options={"maxiter": 1000})
fresh = np.random.default_rng(3).uniform(-2, 2, (500, 2))
error = np.mean((network(fresh, unravel(best.x))[:, 0] - truth(fresh)[0]) ** 2)
print("mean squared error of y at 500 new points below 1e-3:", error < 1e-3)
assert error < 1e-3

# %% [markdown]
# One. Slopes say everything about a surface but how high it lies, and for that one value will do. A slope is worth as
# much as a value, if you can train on it.
#
# ### With `backward()`
#
# In a training loop of your own there is no transformation around, and you have to say that you mean to go on
# differentiating: `create_graph=True`. What if it is forgotten?

# %%
W, last = ag.Tensor(np.ones((2, 2))), ag.Tensor(np.ones((2, 1)))


def small(X):
    return network(X, [(W, 0.0), last])


for asked in [False, True]:
    slopes = ag.batch_jacobian(small, X, create_graph=asked)
    total = (small(X) ** 2).mean() + (slopes**2).mean()
    W.zero_grad()
    total.backward()
    print(f"create_graph={asked!s:5}  slopes are a {type(slopes).__name__:7}  W.grad[0] = {W.grad[0].round(4)}")
    if not asked:
        forgotten = W.grad
assert not np.allclose(W.grad, forgotten, rtol=0.1)

# %% [markdown]
# Plain numbers are constants, so the slopes' share of the gradient is missing, and the loss still has the right value.
# If slopes do not get learnt, look at their type.
#
# ## The data may be a law
#
# One step further: no values at all but two, at the start, and an equation that has to hold everywhere. A mass on a
# spring: u″ + u = 0, let go at u(0) = 0 with u′(0) = 1. The network's output is u, its input is the time. What is to
# be 0, from `autograd_mini/gallery/oscillator.py`:

# %%
print(inspect.getsource(oscillator.residuals))

# %% [markdown]
# `ag.derivative(net, 2)` is u″. Training takes the derivative of that by the weights: third derivatives, mixed. By hand
# that is where one gives up. Here it is the same rules, read three times over.

# %%
net, history = oscillator.solve()
t = np.linspace(0, 2 * np.pi, 13)[:, None]
u = net(t).data

width = 20
for time, position in zip(t[:, 0], u[:, 0], strict=True):
    line = [" "] * (2 * width + 1)
    line[width] = "|"
    line[width + round(width * float(np.sin(time)))] = "o"  # the sine
    line[width + round(width * float(position))] = "*"  # the network, drawn over it
    print(f"{time:5.2f}  {''.join(line).rstrip()}")

# %% [markdown]
# Not an `o` in sight: the network lies on top of the sine everywhere. It was never shown one.

# %%
t = np.linspace(0, 2 * np.pi, 1001)[:, None]
error = np.max(np.abs(net(t).data - np.sin(t)))
slope_error = np.max(np.abs(ag.derivative(net)(t) - np.cos(t)))
print("largest |u - sin| on [0, 2π] below 0.02: ", error < 0.02)
print("largest |u' - cos| on [0, 2π] below 0.02:", slope_error < 0.02)
print("sum of squared residuals fell by more than a factor of 10,000:", history[-1] < 1e-4 * history[0])
assert error < 0.02
assert slope_error < 0.02

# %% [markdown]
# Which leaves are weights and which are inputs, which order, and what goes into the loss: for the engine these are
# all one question. It multiplies along the roads and adds over them.
