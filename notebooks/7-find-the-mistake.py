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
# # 7 · Find the mistake
#
# *You wrote the backward pass yourself, and the network does not learn.* `ag.audit` runs your script as it stands and reads
# your own lines back: which one equals which derivative, which is the first wrong one, and what should stand there.
# It executes the script, no more and no less than running it.

# %%
import tempfile
from pathlib import Path

import autograd_mini as ag

folder = Path(tempfile.mkdtemp())


def audit(name, text):
    path = folder / name
    path.write_text(text)
    return ag.audit(path)


# %% [markdown]
# ## The derivative at the wrong array
#
# `1 - tanh²` is written with the pre-activation where the activation belongs. The line below it is wrong only because of it.

# %%
HEAD = """import numpy as np
np.random.seed(11)
m = 30
X = np.random.randn(3, m)
Y = (X[:1] > 0) * 1.0
W1 = np.random.randn(5, 3) * .4
W2 = np.random.randn(1, 5) * .4
for k in range(20):
    Z1 = W1 @ X
    A1 = np.tanh(Z1)
    A2 = 1 / (1 + np.exp(-(W2 @ A1)))
    J = -(Y * np.log(A2) + (1 - Y) * np.log(1 - A2)).mean()
    dZ2 = A2 - Y
    dW2 = 1 / m * dZ2 @ A1.T
"""
planar = audit("planar.py", HEAD + """    dZ1 = np.multiply(W2.T @ dZ2, 1 - np.power(Z1, 2))
    dW1 = 1 / m * dZ1 @ X.T
    W1 -= .5 * dW1
    W2 -= .5 * dW2
""")
print(planar)

# %% [markdown]
# ## Two mistakes at once
#
# Each is found with the other one repaired.

# %%
two = audit("two.py", HEAD.replace("dZ2 @ A1.T", "dZ2 @ Z1.T") + """    dZ1 = W2.T @ dZ2
    dW1 = 1 / m * dZ1 @ X.T
    W1 -= .5 * dW1
    W2 -= .5 * dW2
""")
print(two)

# %% [markdown]
# ## Nothing wrong
#
# The deltas are `m` times the derivatives, and the lines that divide by `m` make up for it. That is a convention, and no mistake.

# %%
right = audit("right.py", HEAD + """    dZ1 = (W2.T @ dZ2) * (1 - A1**2)
    dW1 = 1 / m * dZ1 @ X.T
    W1 -= .5 * dW1
    W2 -= .5 * dW2
""")
print(right)

# %%
assert planar.findings
assert two.findings
assert not right.findings
