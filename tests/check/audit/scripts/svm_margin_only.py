import numpy as np
rs = np.random.RandomState(1)
X = np.r_[rs.randn(20, 3) + 1, rs.randn(20, 3) - 1]
t = np.r_[np.ones(20, int), -np.ones(20, int)]
w = np.zeros(3)
b = 0
for it in range(40):
    margin = t * (X @ w + b)
    idx = np.where(margin < 1)[0]
    dw = w - 2.0 * X[idx].T @ t[idx]
    db = -2.0 * np.sum(t[idx])
    w = w - 0.01 * dw
    b = b - 0.01 * db
print(w, b, np.mean(np.sign(X @ w + b) == t))
