import numpy as np
def features(x, d): return np.column_stack([x ** i for i in range(d + 1)])
rng = np.random.default_rng(4)
x = rng.uniform(-1, 1, 30); y = np.cos(3 * x) + .1 * rng.normal(size=30)
Phi = features(x, 4)
w = rng.normal(size=5) * .1
lam, lr = .01, .1
prev = float('inf')
for i in range(500):
    r = Phi @ w - y
    J = r @ r / len(y) + lam * w[1:] @ w[1:]
    if abs(prev - J) < 1e-9: break
    prev = J
    grad = 2 * Phi.T @ r / len(y)
    grad[1:] += 2 * lam * w[1:]
    w -= lr * grad
print(i, J, w)
