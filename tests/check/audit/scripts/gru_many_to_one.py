import numpy as np
rng = np.random.default_rng(14)
D, H, T, N = 2, 4, 4, 6
X = rng.normal(size=(N, T, D)); Y = (X.sum((1, 2)) > 0).astype(float)[:, None]
def mk(a, b): return rng.normal(size=(a, b)) * .4
Wx, Wh, b = mk(D, 3 * H), mk(H, 3 * H), np.zeros(3 * H); V, c = mk(H, 1), np.zeros(1)
sg = lambda v: 1 / (1 + np.exp(-v))
for it in range(25):
    hs, tape = [np.zeros((N, H))], []
    for t in range(T):
        h = hs[-1]
        gx = X[:, t] @ Wx + b; gh = h @ Wh
        r = sg(gx[:, :H] + gh[:, :H]); z = sg(gx[:, H:2*H] + gh[:, H:2*H])
        n = np.tanh(gx[:, 2*H:] + r * gh[:, 2*H:])
        hs.append((1 - z) * n + z * h)
        tape.append((r, z, n, gh))
    p = sg(hs[-1] @ V + c)
    loss = -np.mean(Y * np.log(p) + (1 - Y) * np.log(1 - p))
    d = (p - Y) / N
    dV, dc = hs[-1].T @ d, d.sum(0)
    dh = d @ V.T
    dWx, dWh, db = np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(b)
    for t in reversed(range(T)):
        r, z, n, gh = tape[t]; h = hs[t]
        dz = dh * (h - n) * z * (1 - z)
        dn = dh * (1 - z) * (1 - n ** 2)
        dr = dn * gh[:, 2*H:] * r * (1 - r)
        dgx = np.hstack([dr, dz, dn])
        dgh = np.hstack([dr, dz, dn * r])
        dWx += X[:, t].T @ dgx; db += dgx.sum(0); dWh += h.T @ dgh
        dh = dh * z + dgh @ Wh.T
    for P, G in zip((Wx, Wh, b, V, c), (dWx, dWh, db, dV, dc)): P -= .5 * G
    if it % 5 == 0: print(it, loss)
