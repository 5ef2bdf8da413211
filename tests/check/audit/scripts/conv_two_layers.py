import numpy as np
rng = np.random.default_rng(3)
x = rng.normal(size=(3, 1, 6, 6)); t = rng.normal(size=(3, 2))
k1 = rng.normal(size=(2, 1, 3, 3))*.4; c1 = np.zeros(2)
k2 = rng.normal(size=(2, 2, 3, 3))*.4
w = rng.normal(size=(8, 2))*.4
def conv(x, k):
    n, c, h, v = x.shape; f, _, a, b = k.shape
    out = np.zeros((n, f, h-a+1, v-b+1))
    for i in range(h-a+1):
        for j in range(v-b+1):
            out[:, :, i, j] = np.einsum('ncab,fcab->nf', x[:, :, i:i+a, j:j+b], k)
    return out
for it in range(10):
    z1 = conv(x, k1) + c1[None, :, None, None]
    a1 = np.tanh(z1)
    z2 = conv(a1, k2)
    a2 = np.maximum(z2, 0)
    f = a2.reshape(3, -1)
    o = f @ w
    L = ((o-t)**2).sum()/3
    do = 2*(o-t)/3
    dw = f.T @ do
    da2 = (do @ w.T).reshape(a2.shape)
    dz2 = da2*(z2 > 0)
    dk2 = np.zeros_like(k2); da1 = np.zeros_like(a1)
    for i in range(2):
        for j in range(2):
            dk2 += np.einsum('nf,ncab->fcab', dz2[:, :, i, j], a1[:, :, i:i+3, j:j+3])
            da1[:, :, i:i+3, j:j+3] += np.einsum('nf,fcab->ncab', dz2[:, :, i, j], k2)
    dz1 = da1*(1-a1**2)
    dk1 = np.zeros_like(k1)
    for i in range(4):
        for j in range(4):
            dk1 += np.einsum('nf,ncab->fcab', dz1[:, :, i, j], x[:, :, i:i+3, j:j+3])
    dc1 = dz1.sum(axis=(0, 2, 3))
    for p, g in ((k1, dk1), (c1, dc1), (k2, dk2), (w, dw)):
        p -= 0.05*g
    print(it, L)
