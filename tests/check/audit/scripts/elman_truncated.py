import numpy as np
rng = np.random.default_rng(30)
bits = rng.integers(0, 2, 60).astype(float); target = np.roll(bits, 1)
Wi, Wr, Wo = rng.normal(size=(4, 1)) * .5, rng.normal(size=(4, 4)) * .3, rng.normal(size=(1, 4)) * .5
h = np.zeros((4, 1)); lr = .1; err = 0
for t in range(1, 60):
    hp = h
    h = np.tanh(Wi * bits[t] + Wr @ hp)
    o = 1 / (1 + np.exp(-(Wo @ h)))
    e = o - target[t]
    err += float(e[0, 0] ** 2)
    dWo = e @ h.T
    dh = Wo.T @ e * (1 - h ** 2)
    Wi -= lr * dh * bits[t]
    Wr -= lr * dh @ hp.T
    Wo -= lr * dWo
print(err / 59)
