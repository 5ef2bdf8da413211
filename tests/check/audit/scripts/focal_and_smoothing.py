import numpy as np
rng = np.random.default_rng(6)
X = rng.normal(size=(30, 5)); lab = rng.integers(0, 4, 30)
W = rng.normal(size=(5, 4)) * .2
smooth, K = .1, 4
T = np.full((30, K), smooth / (K - 1)); T[np.arange(30), lab] = 1 - smooth
def log_softmax(z):
    m = z.max(axis=1, keepdims=True)
    return z - m - np.log(np.sum(np.exp(z - m), axis=1, keepdims=True))
for i in range(50):
    lp = log_softmax(X @ W)
    loss = -(T * lp).sum() / len(X)
    W -= .5 * X.T @ (np.exp(lp) - T) / len(X)
    if i % 10 == 0: print(loss, (lp.argmax(1) == lab).mean())
