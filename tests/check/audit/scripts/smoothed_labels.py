import numpy as np
rng = np.random.default_rng(13)
x = rng.normal(size=(45, 4))
hot = np.eye(3)[rng.integers(0, 3, 45)]
soft = .9 * hot + .1 / 3
W, b = rng.normal(size=(4, 3)) * .2, np.zeros(3)
for epoch in range(60):
    s = x @ W + b
    p = np.exp(s - s.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    g = (p - soft) / len(x)
    W -= .5 * x.T @ g
    b -= .5 * g.sum(axis=0)
    print(epoch, -np.mean(np.sum(hot * np.log(p), axis=1)))
