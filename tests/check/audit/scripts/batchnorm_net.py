import numpy as np

np.random.seed(2)


def bn_forward(x, gamma, beta, eps=1e-5):
    mu = x.mean(axis=0)
    xc = x - mu
    var = (xc ** 2).mean(axis=0)
    std = np.sqrt(var + eps)
    xhat = xc / std
    return gamma * xhat + beta, (xhat, xc, std, gamma)


def bn_backward(dout, cache):
    xhat, xc, std, gamma = cache
    n = dout.shape[0]
    dgamma = (dout * xhat).sum(axis=0)
    dbeta = dout.sum(axis=0)
    dxhat = dout * gamma
    dvar = (dxhat * xc * -0.5 * std ** -3).sum(axis=0)
    dmu = (-dxhat / std).sum(axis=0) + dvar * (-2 * xc).mean(axis=0)
    dx = dxhat / std + dvar * 2 * xc / n + dmu / n
    return dx, dgamma, dbeta


X = np.random.randn(20, 4)
T = np.sin(X[:, :2])
W1 = np.random.randn(4, 6) * 0.5
gamma, beta = np.ones(6), np.zeros(6)
W2 = np.random.randn(6, 2) * 0.5
running = np.zeros(6)
for i in range(25):
    h = X @ W1
    running = 0.9 * running + 0.1 * h.mean(axis=0)
    hn, cache = bn_forward(h, gamma, beta)
    a = np.tanh(hn)
    pred = a @ W2
    loss = 0.5 * np.sum((pred - T) ** 2) / len(X)
    dpred = (pred - T) / len(X)
    dW2 = a.T @ dpred
    da = dpred @ W2.T
    dhn = da * (1 - a * a)
    dh, dgamma, dbeta = bn_backward(dhn, cache)
    dW1 = X.T @ dh
    W1 -= 0.2 * dW1
    W2 -= 0.2 * dW2
    gamma -= 0.2 * dgamma
    beta -= 0.2 * dbeta
print(loss)
