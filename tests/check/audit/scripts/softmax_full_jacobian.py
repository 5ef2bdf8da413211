import numpy as np
np.random.seed(1)
def softmax(z):
    e = np.exp(z - np.max(z)); return e / e.sum()
X = np.random.rand(10, 4); T = np.eye(3)[np.random.randint(0, 3, 10)]
W = np.random.randn(4, 3) * .5; b = np.zeros(3)
for epoch in range(15):
    sse = 0.0
    for x, t in zip(X, T):
        p = softmax(x @ W + b)
        e = p - t
        sse += 0.5 * np.sum(e ** 2)
        J = np.diag(p) - np.outer(p, p)
        dz = J @ e
        W -= 0.5 * np.outer(x, dz)
        b -= 0.5 * dz
    print(epoch, sse)
