import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
rng = np.random.default_rng(7)
x = rng.normal(size=(5, 1, 7, 7)); t = rng.integers(0, 2, (5, 1)).astype(float)
K = rng.normal(size=(3, 1, 3, 3)) * .3; bk = np.zeros(3); V = rng.normal(size=(3, 1)) * .5
for it in range(12):
    win = sliding_window_view(x, (3, 3), axis=(2, 3))
    cols = win.transpose(0, 2, 3, 1, 4, 5).reshape(5 * 25, 9)
    z = cols @ K.reshape(3, 9).T + bk
    a = np.maximum(z, 0).reshape(5, 25, 3)
    pooled = a.mean(axis=1)
    p = 1 / (1 + np.exp(-pooled @ V))
    loss = -np.mean(t * np.log(p) + (1 - t) * np.log(1 - p))
    d = (p - t) / 5
    dV = pooled.T @ d
    dpool = d @ V.T
    da = np.repeat(dpool[:, None, :], 25, axis=1) / 25
    dz = da.reshape(-1, 3) * (z > 0)
    dK = (dz.T @ cols).reshape(K.shape)
    dbk = dz.sum(axis=0)
    K -= .5 * dK; bk -= .5 * dbk; V -= .5 * dV
    print(it, loss)
