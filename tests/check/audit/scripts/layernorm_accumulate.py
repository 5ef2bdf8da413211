import numpy as np

np.random.seed(70)
X = np.random.randn(12, 5)
T = np.random.randn(12, 3)
W = np.random.randn(5, 3) * 0.5
g = np.ones(3)
s = np.zeros(3)
for epoch in range(15):
    gW, gg, gs, cost = np.zeros_like(W), np.zeros(3), np.zeros(3), 0.0
    for x, t in zip(X, T):
        z = x @ W
        mean = z.mean()
        inv = 1.0 / np.sqrt(((z - mean) ** 2).mean() + 1e-5)
        n = (z - mean) * inv
        y = g * n + s
        cost += 0.5 * np.sum((y - t) ** 2)
        dy = y - t
        gg += dy * n
        gs += dy
        dn = dy * g
        dz = inv * (dn - dn.mean() - n * (dn * n).mean())
        gW += np.outer(x, dz)
    W -= 0.1 * gW / len(X)
    g -= 0.1 * gg / len(X)
    s -= 0.1 * gs / len(X)
    print(epoch, cost / len(X))
