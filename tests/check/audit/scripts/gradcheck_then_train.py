import numpy as np
np.random.seed(9)
X = np.random.randn(12, 3); y = np.random.randint(0, 2, (12, 1))
theta = np.random.randn(3 * 4 + 4 * 1) * 0.5
def unpack(th):
    return th[:12].reshape(3, 4), th[12:].reshape(4, 1)
def cost(th):
    A, B = unpack(th)
    h = 1 / (1 + np.exp(-X @ A))
    o = 1 / (1 + np.exp(-h @ B))
    return -np.mean(y * np.log(o) + (1 - y) * np.log(1 - o))
def gradient(th):
    A, B = unpack(th)
    h = 1 / (1 + np.exp(-X @ A))
    o = 1 / (1 + np.exp(-h @ B))
    d2 = (o - y) / len(y)
    gB = h.T @ d2
    gA = X.T @ (d2 @ B.T * h * (1 - h))
    return np.concatenate([gA.ravel(), gB.ravel()])
num = np.zeros_like(theta)
for i in range(theta.size):
    e = np.zeros_like(theta); e[i] = 1e-5
    num[i] = (cost(theta + e) - cost(theta - e)) / 2e-5
assert np.allclose(num, gradient(theta), atol=1e-6)
for k in range(100):
    theta -= 1.0 * gradient(theta)
    if k % 25 == 0: print(k, cost(theta))
