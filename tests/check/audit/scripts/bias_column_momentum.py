import numpy as np
def train(X, y, hidden=6, iters=50, alpha=0.6, seed=0):
    rng = np.random.RandomState(seed)
    p = {"w1": rng.randn(X.shape[1], hidden), "w2": rng.randn(hidden + 1, 1)}
    v = {k: 0 for k in p}
    for i in range(iters):
        a1 = np.hstack([np.ones((len(X), 1)), 1 / (1 + np.exp(-X.dot(p["w1"])))])
        yhat = 1 / (1 + np.exp(-a1.dot(p["w2"])))
        J = -np.mean(y * np.log(yhat) + (1 - y) * np.log(1 - yhat))
        delta2 = yhat - y
        delta1 = (delta2.dot(p["w2"].T) * a1 * (1 - a1))[:, 1:]
        g = {"w2": a1.T.dot(delta2) / len(X), "w1": X.T.dot(delta1) / len(X)}
        for k in p:
            v[k] = 0.5 * v[k] + alpha * g[k]
            p[k] = p[k] - v[k]
        if i % 10 == 0: print(i, J)
    return p
X = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1.]]); y = np.array([[0], [1], [1], [0.]])
train(X, y)
