import numpy as np

np.random.seed(7)
X = np.random.randn(32, 6)
y = (X.sum(axis=1, keepdims=True) > 0) * 1.0
W1 = np.random.randn(6, 10) * 0.4
W2 = np.random.randn(10, 1) * 0.4
keep = 0.8
for step in range(30):
    z1 = X.dot(W1)
    a1 = np.maximum(z1, 0)
    mask = (np.random.rand(*a1.shape) < keep) / keep
    a1d = a1 * mask
    out = 1 / (1 + np.exp(-a1d.dot(W2)))
    bce = -(y * np.log(out) + (1 - y) * np.log(1 - out)).sum() / len(X)
    d_out = (out - y) / len(X)
    dW2 = a1d.T.dot(d_out)
    da1 = d_out.dot(W2.T) * mask
    dz1 = da1 * (z1 > 0)
    dW1 = X.T.dot(dz1)
    W2 -= 0.3 * dW2
    W1 -= 0.3 * dW1
    print(step, round(float(bce), 4))
