import numpy as np
rng = np.random.default_rng(33)
sizes = [3, 6, 6, 2]
W = [rng.normal(size=(a, b)) * np.sqrt(2 / a) for a, b in zip(sizes[:-1], sizes[1:])]
B = [np.zeros((1, b)) for b in sizes[1:]]
sW = [np.zeros_like(w) for w in W]; sB = [np.zeros_like(b) for b in B]
X = rng.normal(size=(24, 3)); Y = np.stack([np.sin(X[:, 0]), X[:, 1] * X[:, 2]], axis=1)
rho, eta, eps = 0.9, 0.01, 1e-8
for ep in range(50):
    acts = [X]; pre = []
    for l, (w, b) in enumerate(zip(W, B)):
        z = acts[-1] @ w + b
        pre.append(z)
        acts.append(np.maximum(z, 0) if l < len(W) - 1 else z)
    cost = np.square(acts[-1] - Y).sum() / (2 * len(X))
    delta = (acts[-1] - Y) / len(X)
    for l in reversed(range(len(W))):
        gw, gb = acts[l].T @ delta, delta.sum(axis=0, keepdims=True)
        if l > 0:
            delta = (delta @ W[l].T) * (pre[l-1] > 0)
        sW[l] = rho * sW[l] + (1 - rho) * gw ** 2
        sB[l] = rho * sB[l] + (1 - rho) * gb ** 2
        W[l] -= eta * gw / (np.sqrt(sW[l]) + eps)
        B[l] -= eta * gb / (np.sqrt(sB[l]) + eps)
    if ep % 10 == 0: print(ep, cost)
