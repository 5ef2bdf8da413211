import numpy as np
rng = np.random.default_rng(21)
def layernorm(x, g, b, eps=1e-5):
    mu = x.mean(-1, keepdims=True)
    xc = x - mu
    inv = 1.0 / np.sqrt((xc ** 2).mean(-1, keepdims=True) + eps)
    xh = xc * inv
    return xh * g + b, (xh, inv, g)
def layernorm_back(dy, cache):
    xh, inv, g = cache
    dg = (dy * xh).sum(0); db = dy.sum(0)
    dxh = dy * g
    dx = inv * (dxh - dxh.mean(-1, keepdims=True) - xh * (dxh * xh).mean(-1, keepdims=True))
    return dx, dg, db
n, d, h = 10, 6, 12
x = rng.normal(size=(n, d)); t = rng.normal(size=(n, d))
W1 = rng.normal(size=(d, h)) * .3; W2 = rng.normal(size=(h, d)) * .3
g = np.ones(d); b = np.zeros(d)
for step in range(30):
    z = x @ W1
    a = np.maximum(z, 0)
    u = x + a @ W2
    y, cache = layernorm(u, g, b)
    loss = ((y - t) ** 2).mean()
    dy = 2 * (y - t) / y.size
    du, dg, db = layernorm_back(dy, cache)
    dW2 = a.T @ du
    dz = (du @ W2.T) * (z > 0)
    dW1 = x.T @ dz
    for p, gr in ((W1, dW1), (W2, dW2), (g, dg), (b, db)):
        p -= 0.1 * gr
    if step % 10 == 0: print(step, loss)
