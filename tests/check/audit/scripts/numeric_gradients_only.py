import numpy as np
rng = np.random.default_rng(12)
x = rng.normal(size=(10, 2)); y = np.sum(x, 1)
def loss(w): return np.mean((np.tanh(x @ w[:2]) * w[2] - y) ** 2)
w = rng.normal(size=3)
for it in range(20):
    g = np.zeros(3)
    for i in range(3):
        d = np.zeros(3); d[i] = 1e-5
        g[i] = (loss(w + d) - loss(w - d)) / 2e-5
    w = w - .1 * g
    print(it, loss(w))
