import numpy as np

np.random.seed(6)
x = np.random.randn(10, 3)
t = np.random.randn(10, 1)
W = np.random.randn(3, 4) * 0.5
V = np.random.randn(4, 1) * 0.5


def loss_of():
    return 0.5 * np.mean((np.tanh(x @ W) @ V - t) ** 2)


def gradients():
    h = np.tanh(x @ W)
    d = (h @ V - t) / len(x)
    dV = h.T @ d
    dW = x.T @ ((d @ V.T) * (1 - h ** 2))
    return dW, dV


def numerical(M, eps=1e-5):
    g = np.zeros_like(M)
    it = np.nditer(M, flags=["multi_index"])
    while not it.finished:
        ix = it.multi_index
        old = M[ix]
        M[ix] = old + eps
        up = loss_of()
        M[ix] = old - eps
        down = loss_of()
        M[ix] = old
        g[ix] = (up - down) / (2 * eps)
        it.iternext()
    return g


dW, dV = gradients()
print("check", np.abs(dW - numerical(W)).max(), np.abs(dV - numerical(V)).max())
for i in range(20):
    dW, dV = gradients()
    W -= 0.3 * dW
    V -= 0.3 * dV
    print(i, loss_of())
