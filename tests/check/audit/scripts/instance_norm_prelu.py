import numpy as np
rng = np.random.default_rng(29)
X = rng.normal(size=(12, 6)); Y = rng.normal(size=(12, 2))
W, V, a = rng.normal(size=(6, 5)) * .4, rng.normal(size=(5, 2)) * .4, 0.25
for i in range(30):
    Z = X @ W
    H = np.where(Z > 0, Z, a * Z)
    N = H / np.sqrt((H ** 2).sum(1, keepdims=True) + 1e-6)
    O = N @ V
    loss = ((O - Y) ** 2).sum(1).mean()
    dO = 2 * (O - Y) / len(X)
    dV = N.T @ dO
    dN = dO @ V.T
    r = np.sqrt((H ** 2).sum(1, keepdims=True) + 1e-6)
    dH = (dN - N * (dN * N).sum(1, keepdims=True)) / r
    da = (dH * np.where(Z > 0, 0, Z)).sum()
    dZ = dH * np.where(Z > 0, 1, a)
    dW = X.T @ dZ
    W -= .1 * dW; V -= .1 * dV; a -= .1 * da
    if i % 10 == 0: print(i, loss, a)
