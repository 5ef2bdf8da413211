import numpy as np
rng = np.random.default_rng(8)
X = rng.normal(size=(50, 3)); Y = X @ [[1.], [2.], [-1.]] + rng.normal(size=(50, 1)) * .1
w = np.zeros((3, 1)); b = 0.
s_w = np.zeros((3, 1)); s_b = 0.
for t in range(60):
    i = rng.integers(0, 50, 8)
    e = X[i] @ w + b - Y[i]
    gw = X[i].T @ e / 8; gb = e.mean()
    s_w += gw ** 2; s_b += gb ** 2
    w -= .5 * gw / (np.sqrt(s_w) + 1e-7); b -= .5 * gb / (np.sqrt(s_b) + 1e-7)
    if t % 20 == 0: print(t, float((e ** 2).mean() / 2))
