import numpy as np
rng = np.random.default_rng(4)
N, T, V, H = 5, 6, 7, 8
seq = rng.integers(0, V, (N, T + 1))
E = rng.normal(0, .3, (V, H)); Wh = rng.normal(0, .3, (H, H)); bh = np.zeros(H); Wo = rng.normal(0, .3, (H, V)); bo = np.zeros(V)
for it in range(12):
    hs = np.zeros((T + 1, N, H)); ps = np.zeros((T, N, V)); L = 0
    for t in range(T):
        hs[t + 1] = np.tanh(E[seq[:, t]] + hs[t] @ Wh + bh)
        z = hs[t + 1] @ Wo + bo; z -= z.max(-1, keepdims=True)
        ps[t] = np.exp(z) / np.exp(z).sum(-1, keepdims=True)
        L -= np.log(ps[t, np.arange(N), seq[:, t + 1]]).mean() / T
    gE, gWh, gbh, gWo, gbo = (np.zeros_like(w) for w in (E, Wh, bh, Wo, bo))
    carry = np.zeros((N, H))
    for t in range(T - 1, -1, -1):
        dz = ps[t].copy(); dz[np.arange(N), seq[:, t + 1]] -= 1; dz /= N * T
        gWo += hs[t + 1].T @ dz; gbo += dz.sum(0)
        da = (dz @ Wo.T + carry) * (1 - hs[t + 1] ** 2)
        np.add.at(gE, seq[:, t], da); gWh += hs[t].T @ da; gbh += da.sum(0)
        carry = da @ Wh.T
    for w, g in zip([E, Wh, bh, Wo, bo], [gE, gWh, gbh, gWo, gbo]): w -= 0.5 * g
    print(it, L)
