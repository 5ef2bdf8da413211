import numpy as np
np.random.seed(0)
T, H = 6, 5
seqs = [np.sin(np.linspace(s, s + 3, T + 1)) for s in np.random.rand(4) * 6]
U = np.random.randn(H, 1) * .5; Wr = np.random.randn(H, H) * .3; V = np.random.randn(1, H) * .5
b = np.zeros((H, 1)); c = np.zeros((1, 1))
lr, clip = 0.05, 1.0
for ep in range(20):
    eploss = 0
    for s in seqs:
        h = {-1: np.zeros((H, 1))}; yh = {}
        loss = 0
        for t in range(T):
            h[t] = np.tanh(U * s[t] + Wr @ h[t-1] + b)
            yh[t] = V @ h[t] + c
            loss += 0.5 * (yh[t][0, 0] - s[t+1]) ** 2
        dU, dW, dV, db, dc = [np.zeros_like(p) for p in (U, Wr, V, b, c)]
        dhn = np.zeros((H, 1))
        for t in reversed(range(T)):
            dy = yh[t] - s[t+1]
            dV += dy @ h[t].T
            dc += dy
            dh = V.T @ dy + dhn
            dz = (1 - h[t]**2) * dh
            db += dz
            dU += dz * s[t]
            dW += dz @ h[t-1].T
            dhn = Wr.T @ dz
        for g in (dU, dW, dV, db, dc):
            np.clip(g, -clip, clip, out=g)
        U -= lr * dU; Wr -= lr * dW; V -= lr * dV; b -= lr * db; c -= lr * dc
        eploss += loss
    if ep % 5 == 0: print(ep, eploss)
