import numpy as np
np.random.seed(8)
X = np.random.randn(60, 3)
true = np.array([1.5, -2.0, 0.5])
y = X @ true + 0.3 + 0.05 * np.random.randn(60)
w, b = np.zeros(3), 0.0
vw, vb = np.zeros(3), 0.0
mu, lr = 0.9, 0.02
def grad(w, b):
    r = X @ w + b - y
    return X.T @ r / len(y), r.mean(), 0.5 * np.mean(r ** 2)
for k in range(100):
    gw, gb, J = grad(w + mu * vw, b + mu * vb)
    vw = mu * vw - lr * gw
    vb = mu * vb - lr * gb
    w = w + vw
    b = b + vb
    if k % 20 == 0: print(k, J)
print(w, b)
