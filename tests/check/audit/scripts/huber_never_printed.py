import numpy as np

rng = np.random.default_rng(31)
X = rng.normal(size=(40, 3))
y = X @ np.array([1.0, 2.0, -0.5]) + rng.standard_t(2, size=40)
w, b = np.zeros(3), 0.0
delta = 1.0


def huber_grad(r):
    return np.where(np.abs(r) <= delta, r, delta * np.sign(r))


for i in range(40):
    pred = X @ w + b
    g = huber_grad(pred - y) / len(y)
    w -= 0.1 * X.T @ g
    b -= 0.1 * g.sum()
print(w, b)
