import numpy as np, time, sys, os
class Config: lr = 0.05; l1 = 1e-3; l2 = 1e-2; epochs = 40
cfg = Config()
np.random.seed(7)
X = np.random.randn(100, 10); w_true = np.r_[np.ones(3), np.zeros(7)]; y = X @ w_true + .1 * np.random.randn(100)
mean, std = X.mean(0), X.std(0); X = (X - mean) / std
theta, bias = np.random.randn(10) * .01, 0.0
start = time.time(); hist = {'loss': [], 'val': []}
tr, va = slice(0, 80), slice(80, None)
for ep in range(cfg.epochs):
    pred = X[tr] @ theta + bias
    err = pred - y[tr]
    loss = np.mean(err ** 2) + cfg.l1 * np.abs(theta).sum() + cfg.l2 * np.sum(theta ** 2)
    hist['loss'].append(loss); hist['val'].append(np.mean((X[va] @ theta + bias - y[va]) ** 2))
    d_theta = 2 * X[tr].T @ err / 80 + cfg.l1 * np.sign(theta) + 2 * cfg.l2 * theta
    d_bias = 2 * err.mean()
    theta -= cfg.lr * d_theta; bias -= cfg.lr * d_bias
    if ep % 10 == 0: sys.stdout.write(f"\r{ep} {loss:.4f}")
print("\ndone in", time.time() - start)
