import numpy as np
rs = np.random.RandomState(5)
X = rs.randn(64, 5).astype(np.float32); Y = (X[:, :1] - X[:, 1:2] > 0).astype(np.float32)
W1 = (rs.randn(5, 8) * .5).astype(np.float32); b1 = np.zeros((1, 8), dtype=np.float32)
W2 = (rs.randn(8, 1) * .5).astype(np.float32); b2 = np.zeros((1, 1), dtype=np.float32)
lr0, wd = 0.5, np.float32(1e-3)
for ep in range(40):
    lr = np.float32(lr0 / (1 + 0.1 * ep))
    Z1 = X @ W1 + b1
    A1 = np.tanh(Z1)
    Z2 = A1 @ W2 + b2
    A2 = np.float32(1) / (1 + np.exp(-Z2))
    dZ2 = (A2 - Y) / np.float32(len(X))
    dW2 = A1.T @ dZ2 + wd * W2
    db2 = dZ2.sum(0, keepdims=True)
    dZ1 = (dZ2 @ W2.T) * (1 - A1 * A1)
    dW1 = X.T @ dZ1 + wd * W1
    db1 = dZ1.sum(0, keepdims=True)
    W1 -= lr * dW1; b1 -= lr * db1; W2 -= lr * dW2; b2 -= lr * db2
    if ep % 10 == 0:
        print(ep, -np.mean(Y * np.log(A2) + (1 - Y) * np.log(1 - A2)))
