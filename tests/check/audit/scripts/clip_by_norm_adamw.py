import numpy as np
rng = np.random.default_rng(10)
X = rng.normal(size=(48, 3)); y = np.abs(X).sum(1, keepdims=True)
params = [rng.normal(size=(3, 8)) * .5, np.zeros(8), rng.normal(size=(8, 1)) * .5, np.zeros(1)]
m = [np.zeros_like(p) for p in params]; v = [np.zeros_like(p) for p in params]
lr, b1, b2, eps, wd, t = 1e-2, .9, .999, 1e-8, 1e-2, 0
for epoch in range(20):
    for s in range(0, 48, 16):
        xb, yb = X[s:s+16], y[s:s+16]
        W1, c1, W2, c2 = params
        z = xb @ W1 + c1
        a = np.maximum(z, 0)
        p = a @ W2 + c2
        loss = ((p - yb) ** 2).mean()
        d = 2 * (p - yb) / len(xb)
        gW2, gc2 = a.T @ d, d.sum(0)
        dz = d @ W2.T * (z > 0)
        grads = [xb.T @ dz, dz.sum(0), gW2, gc2]
        norm = np.sqrt(sum((g ** 2).sum() for g in grads))
        if norm > 5:
            grads = [g * 5 / norm for g in grads]
        t += 1
        for i, (q, g) in enumerate(zip(params, grads)):
            m[i] = b1 * m[i] + (1 - b1) * g
            v[i] = b2 * v[i] + (1 - b2) * g * g
            q -= lr * (m[i] / (1 - b1 ** t) / (np.sqrt(v[i] / (1 - b2 ** t)) + eps) + wd * q)
    print(epoch, loss)
