import numpy as np
np.random.seed(2)
X = np.matrix(np.random.rand(20, 3)); T = np.matrix((np.asarray(X).sum(1) > 1.5) * 1.0).T
W = np.matrix(np.random.randn(3, 4)); V = np.matrix(np.random.randn(4, 1))
sig = np.vectorize(lambda t: 1 / (1 + np.exp(-t)))
for i in range(60):
    H = np.matrix(sig(X * W))
    O = np.matrix(sig(H * V))
    E = T - O
    dO = np.multiply(E, np.multiply(O, 1 - O))
    dH = np.multiply(dO * V.T, np.multiply(H, 1 - H))
    V = V + 0.5 * H.T * dO
    W = W + 0.5 * X.T * dH
    if i % 20 == 0: print(i, float(np.sum(np.power(E, 2))))
