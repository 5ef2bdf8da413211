import numpy as np
rng = np.random.default_rng(2)
X = np.vstack([rng.normal(1.2, 1, (25, 2)), rng.normal(-1.2, 1, (25, 2))])
y = np.hstack([np.ones(25), -np.ones(25)])
w = np.zeros(2); b = 0.0
C, eta = 1.0, 0.01
for epoch in range(50):
    margin = y * (X @ w + b)
    active = margin < 1
    cost = 0.5 * w @ w + C * np.maximum(0, 1 - margin).sum()
    gw = w - C * (y[active][:, None] * X[active]).sum(axis=0)
    gb = -C * y[active].sum()
    w = w - eta * gw
    b = b - eta * gb
    if epoch % 10 == 0: print(epoch, cost, np.mean(np.sign(X @ w + b) == y))
