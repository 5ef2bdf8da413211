import numpy as np
rng = np.random.default_rng(15)
x = np.linspace(-3, 3, 25)[:, None]; y = np.sinc(x)
c = np.linspace(-2, 2, 5)[None, :]; s = np.ones((1, 5)); w = rng.normal(size=(5, 1)) * .1
for i in range(100):
    d = x - c
    phi = np.exp(-d ** 2 / (2 * s ** 2))
    f = phi @ w
    e = f - y
    loss = .5 * (e ** 2).sum()
    gw = phi.T @ e
    gphi = e @ w.T
    gc = (gphi * phi * d / s ** 2).sum(axis=0, keepdims=True)
    gs = (gphi * phi * d ** 2 / s ** 3).sum(axis=0, keepdims=True)
    w -= .05 * gw; c = c - .05 * gc; s = s - .05 * gs
    if i % 20 == 0: print(i, loss)
