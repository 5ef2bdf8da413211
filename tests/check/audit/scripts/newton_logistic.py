import numpy as np
rng = np.random.default_rng(1)
X = np.c_[np.ones(40), rng.normal(size=(40, 2))]
y = (X @ [0.3, 1, -1] + rng.normal(size=40) > 0).astype(float)
w = np.zeros(3)
for it in range(8):
    p = 1 / (1 + np.exp(-X @ w))
    nll = -np.sum(y * np.log(p) + (1 - y) * np.log(1 - p))
    g = X.T @ (p - y)
    H = X.T @ (X * (p * (1 - p))[:, None])
    w = w - np.linalg.solve(H, g)
    print(it, nll)
