import numpy as np
np.random.seed(3)
x = np.random.randn(6, 1, 10); y = np.random.randn(6, 1)
k = np.random.randn(4, 3) * .4; W = np.random.randn(16, 1) * .3
def conv(x, k): return np.stack([[np.convolve(xi[0], kk[::-1], 'valid') for kk in k] for xi in x])
for e in range(20):
    c = conv(x, k)
    b = c.reshape(6, 4, 4, 2)
    pool = b.max(axis=-1)
    mask = b == pool[..., None]
    f = np.tanh(pool).reshape(6, -1)
    o = f @ W
    loss = .5 * np.mean((o - y) ** 2)
    do = (o - y) / 6
    gW = f.T @ do
    df = (do @ W.T).reshape(pool.shape) * (1 - np.tanh(pool) ** 2)
    dc = (mask * df[..., None]).reshape(c.shape)
    gk = np.zeros_like(k)
    for i in range(6):
        for j in range(4):
            gk[j] += np.correlate(x[i, 0], dc[i, j], 'valid')
    k -= .1 * gk; W -= .1 * gW
    if e % 5 == 0: print(e, loss)
