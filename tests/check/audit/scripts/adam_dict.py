import numpy as np

np.random.seed(1)


def init(sizes):
    p = {}
    for i in range(1, len(sizes)):
        p["W%d" % i] = np.random.randn(sizes[i - 1], sizes[i]) * np.sqrt(2 / sizes[i - 1])
        p["b%d" % i] = np.zeros(sizes[i])
    return p


def forward(p, x):
    cache = {"a0": x}
    z = x.dot(p["W1"]) + p["b1"]
    cache["z1"] = z
    cache["a1"] = np.maximum(0, z)
    z = cache["a1"].dot(p["W2"]) + p["b2"]
    e = np.exp(z - np.max(z, axis=1, keepdims=True))
    cache["probs"] = e / np.sum(e, axis=1, keepdims=True)
    return cache


def backward(p, cache, y):
    n = y.shape[0]
    g = {}
    d = cache["probs"].copy()
    d[range(n), y] -= 1
    d /= n
    g["W2"] = cache["a1"].T.dot(d)
    g["b2"] = np.sum(d, axis=0)
    d = d.dot(p["W2"].T)
    d[cache["z1"] <= 0] = 0
    g["W1"] = cache["a0"].T.dot(d)
    g["b1"] = np.sum(d, axis=0)
    return g


def adam(p, g, m, v, t, lr=0.01, b1=0.9, b2=0.999, eps=1e-8):
    for k in p:
        m[k] = b1 * m[k] + (1 - b1) * g[k]
        v[k] = b2 * v[k] + (1 - b2) * g[k] ** 2
        mh = m[k] / (1 - b1 ** t)
        vh = v[k] / (1 - b2 ** t)
        p[k] -= lr * mh / (np.sqrt(vh) + eps)


X = np.random.randn(60, 4)
y = np.random.randint(0, 3, 60)
p = init([4, 8, 3])
m = {k: np.zeros_like(w) for k, w in p.items()}
v = {k: np.zeros_like(w) for k, w in p.items()}
for t in range(1, 41):
    cache = forward(p, X)
    loss = -np.log(cache["probs"][range(60), y]).mean()
    g = backward(p, cache, y)
    adam(p, g, m, v, t)
    if t % 10 == 0:
        print(t, loss)
