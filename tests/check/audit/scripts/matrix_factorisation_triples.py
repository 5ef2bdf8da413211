import numpy as np
rng = np.random.default_rng(0)
ratings = [(u, i, float(rng.integers(1, 6))) for u in range(6) for i in range(5) if rng.random() < .7]
P = rng.normal(size=(6, 2)) * .3; Q = rng.normal(size=(5, 2)) * .3
lr, reg = .02, .05
for epoch in range(10):
    sse = 0
    for u, i, r in ratings:
        e = r - P[u] @ Q[i]
        sse += e ** 2
        pu = P[u].copy()
        P[u] += lr * (e * Q[i] - reg * P[u])
        Q[i] += lr * (e * pu - reg * Q[i])
    print(epoch, sse)
