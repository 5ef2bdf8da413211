import numpy as np
rng = np.random.default_rng(22)
X = rng.normal(size=(25, 3)); y = np.exp(X @ [.2, .4, -.3])
def f(w): return 0.5 * np.mean((np.exp(X @ w) - y) ** 2)
def df(w):
    e = np.exp(X @ w)
    return X.T @ ((e - y) * e) / len(y)
w = np.zeros(3)
for it in range(15):
    g = df(w); t = 1.0
    while f(w - t * g) > f(w) - .5 * t * g @ g: t *= .5
    w = w - t * g
    print(it, f(w))
