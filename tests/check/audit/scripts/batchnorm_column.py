import numpy as np
np.random.seed(12)
X = np.random.randn(4, 32); Y = np.sign(X[0] * X[1])[None, :] * 0.5 + 0.5
W1 = np.random.randn(8, 4) * 0.5
gamma = np.ones((8, 1)); beta = np.zeros((8, 1))
W2 = np.random.randn(1, 8) * 0.5; b2 = np.zeros((1, 1))
eps, lr = 1e-5, 0.2
for it in range(50):
    Z = W1 @ X
    mu = np.mean(Z, axis=1, keepdims=True)
    var = np.var(Z, axis=1, keepdims=True)
    Zn = (Z - mu) / np.sqrt(var + eps)
    Zt = gamma * Zn + beta
    A = np.maximum(Zt, 0)
    P = 1 / (1 + np.exp(-(W2 @ A + b2)))
    m = X.shape[1]
    L = -np.sum(Y * np.log(P) + (1 - Y) * np.log(1 - P)) / m
    dO = (P - Y) / m
    dW2 = dO @ A.T
    db2 = np.sum(dO, axis=1, keepdims=True)
    dA = W2.T @ dO
    dZt = dA * (Zt > 0)
    dgamma = np.sum(dZt * Zn, axis=1, keepdims=True)
    dbeta = np.sum(dZt, axis=1, keepdims=True)
    dZn = dZt * gamma
    dZ = (1. / m) / np.sqrt(var + eps) * (m * dZn - np.sum(dZn, axis=1, keepdims=True) - Zn * np.sum(dZn * Zn, axis=1, keepdims=True))
    dW1 = dZ @ X.T
    W1 -= lr * dW1; W2 -= lr * dW2; b2 -= lr * db2
    gamma -= lr * dgamma; beta -= lr * dbeta
    if it % 10 == 0: print(it, L)
