import numpy as np
def conv2d(x, w):
    n, c, h, k = x.shape[0], x.shape[1], x.shape[2], w.shape[2]
    out = np.zeros((n, w.shape[0], h - k + 1, h - k + 1))
    for i in range(h - k + 1):
        for j in range(h - k + 1):
            out[:, :, i, j] = np.tensordot(x[:, :, i:i+k, j:j+k], w, axes=([1, 2, 3], [1, 2, 3]))
    return out
def conv2d_back(d, x, w):
    dx, dw, k = np.zeros_like(x), np.zeros_like(w), w.shape[2]
    for i in range(d.shape[2]):
        for j in range(d.shape[3]):
            dw += np.tensordot(d[:, :, i, j], x[:, :, i:i+k, j:j+k], axes=([0], [0]))
            dx[:, :, i:i+k, j:j+k] += np.tensordot(d[:, :, i, j], w, axes=([1], [0]))
    return dx, dw
rng = np.random.default_rng(1)
x = rng.normal(size=(4, 1, 6, 6)); y = np.array([0, 1, 1, 0])
w1 = rng.normal(size=(2, 1, 3, 3)) * .3; w2 = rng.normal(size=(2, 2, 3, 3)) * .3; wd = rng.normal(size=(8, 2)) * .3
for it in range(8):
    a = conv2d(x, w1); r = np.maximum(a, 0); c = conv2d(r, w2); f = c.reshape(4, -1)
    s = f @ wd; p = np.exp(s) / np.exp(s).sum(1, keepdims=True)
    loss = -np.log(p[range(4), y]).mean()
    ds = (p - np.eye(2)[y]) / 4
    gwd = f.T @ ds
    dc = (ds @ wd.T).reshape(c.shape)
    dr, gw2 = conv2d_back(dc, r, w2)
    _, gw1 = conv2d_back(dr * (a > 0), x, w1)
    w1 -= .2 * gw1; w2 -= .2 * gw2; wd -= .2 * gwd
    print(loss)
