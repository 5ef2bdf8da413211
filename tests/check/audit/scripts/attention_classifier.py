import numpy as np
np.random.seed(8)
x = np.random.randn(6, 4); tgt = np.random.randint(0, 3, 6)
U = {n: np.random.randn(4, 4)*.5 for n in 'qkv'}; U['o'] = np.random.randn(4, 3)*.5
def sm(z):
    z = np.exp(z-z.max(1)[:, None]); return z/z.sum(1)[:, None]
for it in range(20):
    q, k, v = (x @ U[n] for n in 'qkv')
    s = q @ k.T/2.0
    a = sm(s)
    h = a @ v
    p = sm(h @ U['o'])
    J = -np.log(p[np.arange(6), tgt]).mean()
    d = p.copy(); d[np.arange(6), tgt] -= 1; d /= 6
    g = {'o': h.T @ d}
    dh = d @ U['o'].T
    g['v'] = x.T @ (a.T @ dh)
    da = dh @ v.T
    ds = a*(da-(da*a).sum(1)[:, None])
    g['q'] = x.T @ (ds @ k)/2.0
    g['k'] = x.T @ (ds.T @ q)/2.0
    for n in U: U[n] -= .3*g[n]
    if it % 5 == 0: print(J)
