import numpy as np

np.random.seed(90)
X = np.random.randint(0, 2, (10, 6)).astype(float)
t = X.sum(axis=1)
w_in, w_rec = 0.5, 0.8
lr = 0.0005
for i in range(30):
    S = np.zeros((10, 7))
    for k in range(6):
        S[:, k + 1] = w_in * X[:, k] + w_rec * S[:, k]
    cost = np.mean((S[:, -1] - t) ** 2)
    grad = 2 * (S[:, -1] - t) / 10
    g_in = g_rec = 0
    for k in range(6, 0, -1):
        g_in += np.sum(grad * X[:, k - 1])
        g_rec += np.sum(grad * S[:, k - 1])
        grad = grad * w_rec
    w_in = w_in - lr * g_in
    w_rec = w_rec - lr * g_rec
print(w_in, w_rec, cost)
