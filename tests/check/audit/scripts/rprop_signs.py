import numpy as np
rng = np.random.default_rng(11)
X = rng.normal(size=(20, 3)); y = X @ [1., 2., 3.]
w = rng.normal(size=3); step = np.full(3, .1); prev = np.zeros(3)
for i in range(30):
    r = X @ w - y
    E = (r ** 2).sum()
    g = 2 * X.T @ r
    s = g * prev
    step = np.where(s > 0, np.minimum(step * 1.2, 50), np.where(s < 0, np.maximum(step * .5, 1e-6), step))
    g = np.where(s < 0, 0, g)
    w = w - np.sign(g) * step
    prev = g
    print(i, E)
