import numpy as np
rng = np.random.default_rng(8)
X = rng.normal(size=(40, 4))
yr = X[:, :1] * 2 - X[:, 1:2]; yc = (X[:, 2:3] > 0) * 1.
S = rng.normal(size=(4, 6)) * .4; bs = np.zeros(6)
R = rng.normal(size=(6, 1)) * .4; K = rng.normal(size=(6, 1)) * .4
alpha = 0.3
for i in range(100):
    h = np.tanh(X @ S + bs)
    pr = h @ R
    pc = 1 / (1 + np.exp(-h @ K))
    reg_loss = np.mean((pr - yr) ** 2)
    cls_loss = -np.mean(yc * np.log(pc) + (1 - yc) * np.log(1 - pc))
    loss = reg_loss + alpha * cls_loss
    dpr = 2 * (pr - yr) / len(X)
    dzc = alpha * (pc - yc) / len(X)
    gR = h.T @ dpr
    gK = h.T @ dzc
    dh = dpr @ R.T + dzc @ K.T
    dz = dh * (1 - h ** 2)
    gS, gbs = X.T @ dz, dz.sum(axis=0)
    S -= .1 * gS; bs -= .1 * gbs; R -= .1 * gR; K -= .1 * gK
    if i % 25 == 0: print(i, reg_loss, cls_loss)
