import numpy as np
rng = np.random.default_rng(8)
X = rng.normal(size=(40, 5)); y = (np.abs(X[:, 0]) > .7).astype(int)
R = rng.normal(size=(5, 30))
Phi = np.cos(X @ R)
W = np.zeros((30, 2))
lr = 1.
for ep in range(100):
    S = Phi @ W
    P = np.exp(S) / np.exp(S).sum(axis=1, keepdims=True)
    Yh = np.eye(2)[y]
    cost = -np.mean(np.sum(Yh * np.log(P), axis=1))
    W = W - lr * (Phi.T @ (P - Yh)) / X.shape[0]
    lr *= .99
    if ep % 25 == 0: print("Epoch", ep, "cost", cost, "acc", np.mean(P.argmax(1) == y))
