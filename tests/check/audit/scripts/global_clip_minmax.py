import numpy as np
rng = np.random.default_rng(2)
X = rng.normal(size=(20, 3)); y = (X.sum(1) > 0) * 1.0
w = rng.normal(size=3) * 5; b = 0.
for t in range(30):
    p = 1 / (1 + np.exp(-(X @ w + b)))
    p = np.clip(p, 1e-9, 1 - 1e-9)
    loss = -(y * np.log(p) + (1 - y) * np.log(1 - p)).sum()
    gw, gb = X.T @ (p - y), (p - y).sum()
    gw = np.maximum(np.minimum(gw, 2.0), -2.0)
    gb = max(min(gb, 2.0), -2.0)
    w -= .1 * gw; b -= .1 * gb
    print(loss)
