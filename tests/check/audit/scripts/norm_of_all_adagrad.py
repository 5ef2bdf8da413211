import numpy as np
rng = np.random.default_rng(8)
A = rng.normal(size=(40, 4))
t = np.sin(A[:, :1]) * 3
U, V = rng.normal(size=(4, 7)) * .6, rng.normal(size=(7, 1)) * .6
a, c = np.zeros((1, 7)), np.zeros((1, 1))
params = [U, a, V, c]
seen = [np.zeros_like(p) for p in params]
for step in range(60):
    h = np.tanh(A @ U + a)
    e = h @ V + c - t
    loss = (e ** 2).mean()
    d = 2 * e / len(A)
    b = d @ V.T * (1 - h ** 2)
    grads = [A.T @ b, b.sum(0, keepdims=True), h.T @ d, d.sum(0, keepdims=True)]
    norm = np.sqrt(sum((g ** 2).sum() for g in grads))
    if norm > 2.0:
        grads = [2.0 * g / norm for g in grads]
    for p, g, s in zip(params, grads, seen):
        s += g ** 2
        p -= .1 * g / (np.sqrt(s) + 1e-8)
print(loss)
