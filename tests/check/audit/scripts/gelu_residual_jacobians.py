import numpy as np
rng = np.random.default_rng(17)
def gelu(x): return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x ** 3)))
def dgelu(x):
    c = np.sqrt(2 / np.pi)
    t = np.tanh(c * (x + 0.044715 * x ** 3))
    return 0.5 * (1 + t) + 0.5 * x * (1 - t ** 2) * c * (1 + 3 * 0.044715 * x ** 2)
x = rng.normal(size=(16, 4)); y = rng.normal(size=(16, 4))
A = rng.normal(size=(4, 4)) * .4; B = rng.normal(size=(4, 4)) * .4
for i in range(30):
    u = x @ A
    v = gelu(u)
    w = x + v @ B
    r = w - y
    loss = 0.5 * np.sum(r * r) / 16
    dw = r / 16
    dB = v.T @ dw
    du = (dw @ B.T) * dgelu(u)
    dA = x.T @ du
    A = A - 0.2 * dA
    B = B - 0.2 * dB
    if not i % 10: print(i, loss)
