import numpy as np
rng = np.random.default_rng(14)
users, items, r = rng.integers(0, 6, 40), rng.integers(0, 5, 40), rng.normal(size=40) + 3
P, Q = rng.normal(size=(6, 3)) * .3, rng.normal(size=(5, 3)) * .3
bu, bi, mu = np.zeros(6), np.zeros(5), r.mean()
lr, lam = .05, .02
for ep in range(3):
    sse = 0
    for u, i, v in zip(users, items, r):
        e = v - (mu + bu[u] + bi[i] + P[u] @ Q[i])
        sse += e ** 2
        pu = P[u].copy()
        bu[u] += lr * (e - lam * bu[u])
        bi[i] += lr * (e - lam * bi[i])
        P[u] += lr * (e * Q[i] - lam * P[u])
        Q[i] += lr * (e * pu - lam * Q[i])
    print(ep, sse / 40)
