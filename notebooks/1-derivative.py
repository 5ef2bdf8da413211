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
# # 1 · From a number to `Value`
#
# Training a network is turning thousands of knobs until one number, the loss, is small. Each knob needs an answer to
# one question: *if I turn you a hair to the right, how fast does the loss move, and which way?* That answer is a
# derivative. Hand-written backprop that "does not work" has nearly always got one of them wrong.
#
# This notebook goes from the bare idea to an object that answers the question for every knob at once.

# %%
import math

import autograd_mini as ag

# %% [markdown]
# ## Rise over run
#
# Take a cube whose side is 2. Make the side longer by `h`. How fast does the volume grow? Divide the rise in volume
# by the run in side.


# %%
def volume(s):
    return s * s * s


s = 2.0
for h in [1.0, 0.1, 0.01, 0.001]:
    print(f"h = {h:<6}  rise / run = {(volume(s + h) - volume(s)) / h:.6f}")

# %% [markdown]
# It closes in on 12, and a cube shows why: growing it by `h` paints a coat of thickness `h` on three faces of area 4,
# and 3 × 4 = 12. The edges and the corner, where the coats meet, are what is left over: the rise is `12h + 6h² + h³`,
# so rise over run is `12 + 6h + h²`, and only the 12 survives when `h` becomes small.
#
# **The derivative is what rise over run closes in on.** Here: 12 units of volume for each unit of side, at side 2.
#
# ## So take `h` tiny, and be done?
#
# A computer can do rise over run for any function, with no algebra at all. Let us make `h` smaller and smaller and
# count how many digits of the 12 come out right. `one-sided` is the formula above; `central` steps to both sides,
# `(f(s + h) - f(s - h)) / 2h`, so that the `6h` cancels.


# %%
def one_sided(f, x, h):
    return (f(x + h) - f(x)) / h


def central(f, x, h):
    return (f(x + h) - f(x - h)) / (2 * h)


def digits(error):
    return "all" if error == 0 else f"{max(0, -math.log10(error / 12)):.0f}"


errors = {}
print("    h    one-sided error  digits    central error  digits")
for k in range(18):
    h = 10.0**-k
    errors[k] = one, two = abs(one_sided(volume, s, h) - 12), abs(central(volume, s, h) - 12)
    print(f"  {h:.0e}      {one:.0e}        {digits(one):>3}         {two:.0e}        {digits(two):>3}")

# %% [markdown]
# The surprise is in the lower half: below a point, *smaller steps are worse*. Two errors pull in opposite directions.
#
# * **Step too large:** the curve bends inside the step. The error is `6h` one-sided, `h²` central.
# * **Step too small:** a float holds some 16 digits. `volume(s + h)` and `volume(s)` agree in most of them, the
#   subtraction leaves the few that differ, rounding noise included, and dividing by `h` magnifies the noise. At
#   `1e-16`, `2 + h` *is* 2: the cube does not grow at all, and the measured slope is 0. (Now and then the noise gets
#   lucky, as it does at `1e-15`. Luck is not a method.)

# %%
best_one_sided = min(errors, key=lambda k: errors[k][0])
best_central = min((k for k in errors if k > 0), key=lambda k: errors[k][1])
print(f"best one-sided step: 1e-{best_one_sided}    best central step: 1e-{best_central}")

assert 7 <= best_one_sided <= 9  # near sqrt(2.2e-16), with about 8 digits right
assert 4 <= best_central <= 6  # near cbrt(2.2e-16), with about 11
assert s + 1e-16 == s
assert errors[16] == errors[17] == (12, 12)  # every digit wrong

# %% [markdown]
# So finite differences give at best half the digits one-sided and two thirds of them central, and they are dear: each
# knob needs a run of its own. A network of 12288 inputs, 64 hidden units and one output has this many knobs:

# %%
knobs = 12288 * 64 + 64 + 64 * 1 + 1  # weights and biases, layer by layer
print(f"{knobs:,} runs of the network for one step of learning")

# %% [markdown]
# They are a fine *check* on a derivative and a hopeless way to train. We need the exact numbers, all of them, for the
# price of a run or two. The chain rule does that.
#
# ## The chain rule, by hand
#
# A loss is a chain of small steps. Here is the smallest one worth having: a weight, an input, a bias, and the square
# of what comes out.

# %%
w, x, b = 0.5, 3.0, -2.0

p = w * x
z = p + b
L = z * z
print(f"p = {p}   z = {z}   L = {L}")

# %% [markdown]
# Think of gears. If L turns twice as fast as z, and z three times as fast as w, then L turns 2 × 3 times as fast as
# w. **Rates multiply along a chain.** Every step here has a rate one can read off:
#
# | step | its rates |
# |---|---|
# | `L = z * z` | L moves `2z` as fast as z |
# | `z = p + b` | z moves as fast as p, and as fast as b |
# | `p = w * x` | p moves `x` times as fast as w, `w` times as fast as x |
#
# Start at the end, where L moves exactly as fast as itself, and walk back. Each line uses only the line before it and
# one rate from the table. Read `dz` as "how fast L moves when z does".

# %%
dL = 1.0
dz = dL * 2 * z
dp = dz * 1
db = dz * 1
dw = dp * x
dx = dp * w
print(f"dw = {dw}   dx = {dx}   db = {db}")


def loss(w, x, b):
    z = w * x + b
    return z * z


h = 1e-5
for name, by_hand, measured in [
    ("w", dw, central(lambda v: loss(v, x, b), w, h)),
    ("x", dx, central(lambda v: loss(w, v, b), x, h)),
    ("b", db, central(lambda v: loss(w, x, v), b, h)),
]:
    print(f"d{name}: by hand {by_hand:+.6f}   measured {measured:+.6f}")
    assert abs(by_hand - measured) < 1e-8

# %% [markdown]
# One walk back gave all three, and `dz` was worked out once and used for all of them. That is the whole economy of
# backprop: one rate for each use of a number, so the walk costs a run or two, however many knobs there are.
#
# The sign is worth a look too. `dw` is negative: turning w *up* turns the loss *down*.
#
# ## `Value` does the walk
#
# Nothing in that walk needed thought. It needed only to remember which step made which number. So wrap the numbers in
# something that remembers. The formula stays as it was.

# %%
w = ag.Value(0.5, label="w")
x = ag.Value(3.0, label="x")
b = ag.Value(-2.0, label="b")

p = w * x
z = p + b
L = z * z
p.label, z.label, L.label = "p", "z", "L"  # for reading only
print("L =", L.data, "  w.grad before backward:", w.grad)

L.backward()
print(f"w.grad = {w.grad}   x.grad = {x.grad}   b.grad = {b.grad}")
assert (w.grad, x.grad, b.grad) == (dw, dx, db)

# %% [markdown]
# The same three numbers, to the last bit: `Value` multiplies the same rates in the same order. What does it remember?
# Three things: the number, the operation that made it, and the nodes it was made from.

# %%
print("z came from:", z.op.name, "of", [parent.data for parent in z.parents])
print("p came from:", p.op.name, "of", [parent.label for parent in p.parents])
print("w came from: nothing, it is a leaf:", w.parents)
print("halfway gradients are kept as well: z.grad =", z.grad, "  p.grad =", p.grad)
assert [parent.label for parent in z.parents] == ["p", "b"]
assert (z.grad, p.grad) == (dz, dp)

# %% [markdown]
# Follow the parents and the whole calculation lies open. In the tree, `∂` is the gradient, and `↑` marks a node
# already shown above. When your own gradients disagree with these, compare them from the top down: the mistake is in
# the step where they first part.

# %%
print(ag.tree(L))

# %% [markdown]
# The same as a picture. A box holds the number and, after `∂`, the gradient; at each line stands the rate. Start at `L`
# on the right with 1, and multiply by the rates on the way to `w`: 1 × (−0.5 − 0.5) × 1 × 3 = −3.

# %%
ag.draw(L, engine="python")

# %% [markdown]
# ## Two roads: `b = a + a`
#
# Now a number that is used twice. Plainly `a + a` is `2a`, so its rate is 2. Walk back with care all the same: the
# plus hands its rate, 1, to its left operand, and then hands 1 to its right operand. Both are `a`.

# %%
db = 1.0

da = db * 1  # the left operand's share
da = db * 1  # the right operand's share overwrites it
print("overwritten:", da)

da = 0.0
da += db * 1
da += db * 1
print("added up:   ", da)

a = ag.Value(3.0, label="a")
b = a + a
b.backward()
print("Value says: ", a.grad)
assert da == a.grad == 2.0

# %%
ag.draw(b, engine="python")

# %% [markdown]
# That `=` for `+=` is the oldest bug in backprop. It is silent: the gradient is a plausible number, here even of the
# right sign, and training limps on. The whole rule fits in one line: **multiply along a road, add over the roads.**

# %%
a = ag.Value(3.0, label="a")
c = a * a * a + a  # four uses of a: the rate is 3a² + 1 = 28
c.backward()
print("a.grad =", a.grad)
assert a.grad == 28.0

# %% [markdown]
# The same adding goes on *between* backward passes. A leaf keeps what it has and adds what comes, which is what you
# want when a loss comes in pieces, and not what you want when you forgot to clear the last step's gradient:

# %%
c.backward()
print("after a second backward:", a.grad)
assert a.grad == 56.0

a.zero_grad()
print("after zero_grad:        ", a.grad)
c.backward()
print("and once more:          ", a.grad)
assert a.grad == 28.0

# %% [markdown]
# ## A neuron
#
# `tanh(w·x + b)`: two weights, two inputs, a bias, squashed to between −1 and 1. First by hand. The one rate not met
# yet is that of tanh: if `y = tanh(z)`, then y moves `1 - y²` as fast as z.

# %%
numbers = {"w1": 0.7, "w2": -1.2, "x1": 1.5, "x2": 0.4, "b": 0.8}
w1, w2, x1, x2, b = numbers.values()

z = w1 * x1 + w2 * x2 + b
y = math.tanh(z)


def shares(dz):
    return {"w1": dz * x1, "w2": dz * x2, "x1": dz * w1, "x2": dz * w2, "b": dz}


by_hand = shares(1 - y * y)
print(f"z = {z:.4f}   y = {y:.4f}   1 - y² = {1 - y * y:.4f}")

# %% [markdown]
# Once more, with a slip that many have made: `1 - y²` wants the *output* of tanh, and gets what went *in*. Python
# does not mind. (The same slip with a sigmoid: a helper that returns `s * (1 - s)` is handed the number before the
# squashing.)

# %%
slip = shares(1 - z * z)

v = {name: ag.Value(number, label=name) for name, number in numbers.items()}
neuron = ag.tanh(v["w1"] * v["x1"] + v["w2"] * v["x2"] + v["b"])
neuron.backward()

print("       by hand       slip      Value")
for name, node in v.items():
    print(f"d{name:<3} {by_hand[name]:+9.6f}  {slip[name]:+9.6f}  {node.grad:+9.6f}")

# %% [markdown]
# While z is near 0 the slip is nearly right, for there tanh z ≈ z. Past |z| = 1 it changes sign, and every weight
# of the neuron is pushed the wrong way: learning starts well and then falls apart. Five numbers from `Value`, held
# beside your own, show it in one run.

# %%
for name, node in v.items():
    assert math.isclose(node.grad, by_hand[name], rel_tol=1e-12)
    assert node.grad * slip[name] < 0  # the slip points the other way

print(ag.tree(neuron))

# %% [markdown]
# Read the tree from the top: a gradient starts as 1, is multiplied by one rate at each line on its way down, and
# lands on the leaves. How an object comes to do that, in fewer than sixty lines, is the next notebook: `2-the-engine`.
