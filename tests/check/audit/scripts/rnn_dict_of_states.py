import numpy as np
rng = np.random.RandomState(12)
n, T = 4, 5
Wx, Wh, Wy = rng.randn(n, n) * .3, rng.randn(n, n) * .3, rng.randn(1, n) * .3
seq = rng.randn(T, n, 1)
goal = rng.randn(1, 1)

def run():
    hs = {-1: np.zeros((n, 1))}
    for t in range(T):
        hs[t] = np.tanh(np.dot(Wx, seq[t]) + np.dot(Wh, hs[t - 1]))
    return hs, np.dot(Wy, hs[T - 1])

for it in range(30):
    hs, out = run()
    loss = 0.5 * np.sum((out - goal) ** 2)
    dWx, dWh = np.zeros_like(Wx), np.zeros_like(Wh)
    dout = out - goal
    dWy = np.dot(dout, hs[T - 1].T)
    dh = np.dot(Wy.T, dout)
    for t in reversed(range(T)):
        da = (1 - hs[t] ** 2) * dh
        dWx += np.dot(da, seq[t].T)
        dWh += np.dot(da, hs[t - 1].T)
        dh = np.dot(Wh.T, da)
    for param, d in zip([Wx, Wh, Wy], [dWx, dWh, dWy]):
        param -= 0.05 * d
print(loss)
