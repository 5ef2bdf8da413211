import numpy as np
rng = np.random.default_rng(1)
X = rng.normal(size=(20, 4)) * 3; y = 5 * X[:, :1]
W = {"a": rng.normal(size=(4, 6)), "b": rng.normal(size=(6, 1))}
def clip_grad(g, limit=1.0):
    n = np.linalg.norm(g)
    return g * (limit / n) if n > limit else g
for t in range(30):
    h = np.tanh(X @ W["a"]); e = h @ W["b"] - y
    print(t, (e ** 2).mean())
    d = 2 * e / len(X)
    gb = h.T @ d
    ga = X.T @ (d @ W["b"].T * (1 - h ** 2))
    for k, g in (("a", ga), ("b", gb)):
        W[k] -= .05 * clip_grad(g)
