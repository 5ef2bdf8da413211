import numpy as np

rng = np.random.default_rng(12)
x = rng.standard_normal((16, 4))
t = rng.standard_normal((16, 2))
params = [rng.standard_normal((4, 5)) * 0.4, rng.standard_normal((5, 2)) * 0.4]
eta = 0.1
for i in range(20):
    u = np.einsum("ni,ij->nj", x, params[0])
    h = np.log1p(np.exp(u))
    o = np.einsum("nj,jk->nk", h, params[1])
    E = 0.5 * np.einsum("nk,nk->", o - t, o - t) / len(x)
    delta = (o - t) / len(x)
    g1 = np.einsum("nj,nk->jk", h, delta)
    back = np.einsum("nk,jk->nj", delta, params[1])
    back = back / (1 + np.exp(-u))
    g0 = np.einsum("ni,nj->ij", x, back)
    params = [p - eta * g for p, g in zip(params, [g0, g1])]
print(E)
