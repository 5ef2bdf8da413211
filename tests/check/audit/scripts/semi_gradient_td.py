import numpy as np
rng = np.random.default_rng(3)
W1 = rng.normal(size=(2, 8)) * .3; W2 = rng.normal(size=(8, 2)) * .3
gamma, lr = 0.9, 0.05
s = rng.normal(size=2)
def q(s):
    h = np.tanh(s @ W1)
    return h, h @ W2
for t in range(80):
    h, qs = q(s)
    a = int(np.argmax(qs)) if rng.random() > .2 else int(rng.integers(2))
    s2 = 0.8 * s + (0.2 if a else -0.2) + 0.05 * rng.normal(size=2)
    r = -np.abs(s2).sum()
    target = r + gamma * q(s2)[1].max()
    td = qs[a] - target
    dq = np.zeros(2); dq[a] = td
    dW2 = np.outer(h, dq)
    dh = (W2 @ dq) * (1 - h ** 2)
    dW1 = np.outer(s, dh)
    W1 -= lr * dW1; W2 -= lr * dW2
    s = s2
