import numpy as np

np.random.seed(4)
X = np.random.rand(64, 5)
labels = np.random.randint(0, 3, 64)
Y = np.eye(3)[labels]
lam, lr, batch = 0.01, 0.5, 16
W = {1: np.random.randn(5, 7) * 0.3, 2: np.random.randn(7, 3) * 0.3}
b = {1: np.zeros(7), 2: np.zeros(3)}


def softmax(z):
    z = z - z.max(axis=1, keepdims=True)
    return np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)


for epoch in range(8):
    order = np.random.permutation(len(X))
    for s in range(0, len(X), batch):
        idx = order[s:s + batch]
        xb, yb = X[idx], Y[idx]
        a1 = 1 / (1 + np.exp(-(xb @ W[1] + b[1])))
        probs = softmax(a1 @ W[2] + b[2])
        d2 = (probs - yb) / len(xb)
        d1 = (d2 @ W[2].T) * a1 * (1 - a1)
        W[2] -= lr * (a1.T @ d2 + lam * W[2])
        b[2] -= lr * d2.sum(0)
        W[1] -= lr * (xb.T @ d1 + lam * W[1])
        b[1] -= lr * d1.sum(0)
    a1 = 1 / (1 + np.exp(-(X @ W[1] + b[1])))
    probs = softmax(a1 @ W[2] + b[2])
    loss = -np.mean(np.sum(Y * np.log(probs), axis=1))
    acc = np.mean(probs.argmax(1) == labels)
    print("epoch %d loss %.3f acc %.2f" % (epoch, loss, acc))
