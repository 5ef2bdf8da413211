import numpy as np

rng = np.random.RandomState(60)
X = rng.randn(3, 40)
Y = (rng.rand(1, 40) > 0.5).astype(float)
p = dict(W1=rng.randn(4, 3) * .5, b1=np.zeros((4, 1)), W2=rng.randn(1, 4) * .5, b2=np.zeros((1, 1)))


def bce_with_logits(z, y):
    return np.mean(np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z))))


lam = 0.02
for it in range(25):
    Z1 = np.dot(p["W1"], X) + p["b1"]
    A1 = np.tanh(Z1)
    Z2 = np.dot(p["W2"], A1) + p["b2"]
    cost = bce_with_logits(Z2, Y) + lam / 2 * (np.sum(p["W1"] ** 2) + np.sum(p["W2"] ** 2))
    dZ2 = (1 / (1 + np.exp(-Z2)) - Y) / Y.shape[1]
    grads = {}
    grads["W2"] = np.dot(dZ2, A1.T) + lam * p["W2"]
    grads["b2"] = np.sum(dZ2, axis=1, keepdims=True)
    dZ1 = np.dot(p["W2"].T, dZ2) * (1 - np.square(A1))
    grads["W1"] = np.dot(dZ1, X.T) + lam * p["W1"]
    grads["b1"] = np.sum(dZ1, axis=1, keepdims=True)
    p = {k: p[k] - 0.5 * grads[k] for k in p}
    print(cost)
