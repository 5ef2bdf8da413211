import numpy as np

np.random.seed(3)
pairs = [(0, 1), (1, 2), (2, 3), (3, 0), (1, 0), (2, 1)]
V, D = 5, 4
E = np.random.randn(V, D) * 0.3
O = np.random.randn(D, V) * 0.3
alpha = 0.2
for epoch in range(5):
    total = 0
    for center, context in pairs:
        h = E[center]
        u = h @ O
        p = np.exp(u - u.max())
        p = p / p.sum()
        total += -np.log(p[context])
        e = p.copy()
        e[context] -= 1
        dO = np.outer(h, e)
        dh = O @ e
        O -= alpha * dO
        E[center] -= alpha * dh
    print(epoch, total)
