import numpy as np
rng = np.random.default_rng(6)
B, T, D, Hd = 3, 4, 6, 2
x = rng.normal(size=(B, T, D)); tgt = rng.normal(size=(B, T, D))
P = {k: rng.normal(size=(D, D)) * .3 for k in "qkvo"}
split = lambda a: a.reshape(B, T, Hd, D // Hd).transpose(0, 2, 1, 3)
join = lambda a: a.transpose(0, 2, 1, 3).reshape(B, T, D)
for it in range(10):
    q, k, v = (split(x @ P[n]) for n in "qkv")
    s = q @ k.transpose(0, 1, 3, 2) / np.sqrt(D // Hd)
    a = np.exp(s - s.max(-1, keepdims=True)); a /= a.sum(-1, keepdims=True)
    ctx = join(a @ v)
    out = x + ctx @ P["o"]
    loss = ((out - tgt) ** 2).mean()
    dout = 2 * (out - tgt) / out.size
    G = {"o": np.einsum("btd,bte->de", ctx, dout)}
    dctx = split(dout @ P["o"].T)
    da = dctx @ v.transpose(0, 1, 3, 2); dv = a.transpose(0, 1, 3, 2) @ dctx
    ds = a * (da - (da * a).sum(-1, keepdims=True)) / np.sqrt(D // Hd)
    dq, dk = ds @ k, ds.transpose(0, 1, 3, 2) @ q
    for n, d in zip("qkv", (dq, dk, dv)): G[n] = np.einsum("btd,bte->de", x, join(d))
    for n in P: P[n] -= 1.0 * G[n]
    print(it, loss)
