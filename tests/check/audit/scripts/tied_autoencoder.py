import numpy as np
rng = np.random.default_rng(9)
X = rng.random((25, 8))
W = rng.normal(size=(8, 3)) * .3; bh = np.zeros(3); bo = np.zeros(8)
def s(z): return 1 / (1 + np.exp(-z))
for ep in range(60):
    h = s(X @ W + bh)
    o = s(h @ W.T + bo)
    L = -np.sum(X * np.log(o) + (1 - X) * np.log(1 - o)) / len(X)
    do = (o - X) / len(X)
    dh = do @ W * h * (1 - h)
    dW = X.T @ dh + do.T @ h
    W -= .3 * dW; bh -= .3 * dh.sum(0); bo -= .3 * do.sum(0)
    if ep % 20 == 0: print(ep, L)
