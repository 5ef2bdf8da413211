import numpy as np

rng = np.random.RandomState(11)
n, d = 5, 4
X = rng.randn(n, d)
T = rng.randn(n, d)
Wq, Wk, Wv = (rng.randn(d, d) * 0.5 for _ in range(3))


def softmax(s):
    e = np.exp(s - s.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


for step in range(20):
    Q, K, V = X @ Wq, X @ Wk, X @ Wv
    S = Q @ K.T / np.sqrt(d)
    A = softmax(S)
    out = A @ V
    loss = ((out - T) ** 2).mean()
    dout = 2 * (out - T) / out.size
    dV = A.T @ dout
    dA = dout @ V.T
    dS = A * (dA - (dA * A).sum(axis=-1, keepdims=True))
    dQ = dS @ K / np.sqrt(d)
    dK = dS.T @ Q / np.sqrt(d)
    Wq = Wq - 0.5 * X.T @ dQ
    Wk = Wk - 0.5 * X.T @ dK
    Wv = Wv - 0.5 * X.T @ dV
print(loss)
