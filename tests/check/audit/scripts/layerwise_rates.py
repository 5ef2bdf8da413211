import numpy as np
np.random.seed(0)
X = np.random.randn(30, 3); Y = np.tanh(X @ np.random.randn(3, 1))
W1 = np.random.randn(3, 6) * .4; b1 = np.zeros(6); W2 = np.random.randn(6, 1) * .4; b2 = np.zeros(1)
lr_w, lr_b = 0.1, 0.2
for i in range(100):
    H = np.tanh(X @ W1 + b1); P = H @ W2 + b2
    loss = ((P - Y) ** 2).mean()
    dP = 2 * (P - Y) / len(X)
    dW2 = H.T @ dP; db2 = dP.sum(axis=0)
    dH = dP @ W2.T * (1 - H ** 2)
    dW1 = X.T @ dH; db1 = dH.sum(axis=0)
    W1 -= lr_w * dW1; W2 -= lr_w * dW2
    b1 -= lr_b * db1; b2 -= lr_b * db2
    if i % 20 == 0: print(i, loss)
