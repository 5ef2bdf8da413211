import numpy as np
rng = np.random.default_rng(6)
E = rng.normal(size=(7, 4)) * .3
U = rng.normal(size=(4, 2)) * .3
docs = np.array([[0, 1, 1], [2, 3, 4], [5, 5, 6], [1, 2, 6]])
cls = np.array([0, 1, 0, 1])
Y = np.eye(2)[cls]
for _ in range(50):
    vec = E[docs].mean(axis=1)
    s = vec @ U
    p = np.exp(s) / np.exp(s).sum(1, keepdims=True)
    L = -(Y * np.log(p)).sum() / 4
    g = (p - Y) / 4
    gU = vec.T @ g
    gvec = g @ U.T
    gE = np.zeros_like(E)
    for i in range(4):
        np.add.at(gE, docs[i], gvec[i] / 3)
    E -= gE
    U -= gU
print(L)
