import numpy as np
rng = np.random.RandomState(2)
def im2col(x, k):
    n = x.shape[0]-k+1
    return np.array([x[i:i+k, j:j+k].ravel() for i in range(n) for j in range(n)])
imgs = rng.rand(4, 5, 5); lab = rng.randint(0, 3, 4)
F = rng.randn(9, 2)*.3; W = rng.randn(18, 3)*.3; b = np.zeros(3)
for ep in range(4):
    tot = 0
    for x, l in zip(imgs, lab):
        cols = im2col(x, 3)
        z = cols.dot(F); a = np.maximum(z, 0)
        f = a.flatten()
        s = f.dot(W)+b
        p = np.exp(s-np.max(s)); p /= np.sum(p)
        tot -= np.log(p[l])
        ds = p.copy(); ds[l] -= 1
        dW = np.outer(f, ds); db = ds
        da = W.dot(ds).reshape(a.shape)
        dz = np.where(z > 0, da, 0)
        dF = cols.T.dot(dz)
        for prm, gr in [(F, dF), (W, dW), (b, db)]:
            prm -= 0.1*gr
    print(ep, tot/4)
