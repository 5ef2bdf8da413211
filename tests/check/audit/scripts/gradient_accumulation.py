import numpy as np
np.random.seed(13)
X = np.random.randn(32, 4); y = np.random.randint(0, 3, 32)
W = np.random.randn(4, 3) * .1; b = np.zeros(3)
accum = 4
for epoch in range(10):
    gW = np.zeros_like(W); gb = np.zeros_like(b); tot = 0.
    for k in range(accum):
        xb, yb = X[k*8:(k+1)*8], y[k*8:(k+1)*8]
        z = xb @ W + b
        z = z - z.max(1)[:, None]
        lse = np.log(np.exp(z).sum(1))
        tot += (lse - z[np.arange(8), yb]).mean() / accum
        p = np.exp(z - lse[:, None])
        p[np.arange(8), yb] -= 1
        gW += xb.T @ p / 8 / accum
        gb += p.mean(0) / accum
    W -= .5 * gW
    b -= .5 * gb
    print(epoch, tot)
