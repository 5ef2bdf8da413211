import numpy as np

rng = np.random.default_rng(0)
X = rng.normal(size=(40, 3))
y = (X[:, :1] ** 2 + X[:, 1:2] > 1).astype(float)
W1, b1 = rng.normal(size=(3, 6)) * 0.5, np.zeros((1, 6))
W2, b2 = rng.normal(size=(6, 1)) * 0.5, np.zeros((1, 1))
vW1, vb1, vW2, vb2 = 0, 0, 0, 0
mu, lr = 0.9, 0.1
for epoch in range(50):
    z1 = X @ W1 + b1
    h = np.tanh(z1)
    p = 1 / (1 + np.exp(-(h @ W2 + b2)))
    loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    dz2 = (p - y) / len(X)
    dW2 = h.T @ dz2
    db2 = dz2.sum(axis=0, keepdims=True)
    dh = dz2 @ W2.T
    dz1 = dh * (1 - h ** 2)
    dW1 = X.T @ dz1
    db1 = dz1.sum(axis=0, keepdims=True)
    vW1 = mu * vW1 - lr * dW1
    vb1 = mu * vb1 - lr * db1
    vW2 = mu * vW2 - lr * dW2
    vb2 = mu * vb2 - lr * db2
    W1 += vW1
    b1 += vb1
    W2 += vW2
    b2 += vb2
    if epoch % 10 == 0:
        print(epoch, loss)
