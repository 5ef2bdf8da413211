import numpy as np
np.random.seed(6)
text = "the quick brown fox jumps over the lazy dog the fox sleeps".split()
vocab = sorted(set(text)); ix = {w: i for i, w in enumerate(vocab)}
pairs = np.array([(ix[text[i]], ix[text[j]]) for i in range(len(text)) for j in (i-1, i+1) if 0 <= j < len(text)])
V, E = len(vocab), 5
emb = np.random.randn(V, E) * .3
out = np.random.randn(E, V) * .3
for epoch in range(30):
    cen, ctx = pairs[:, 0], pairs[:, 1]
    h = emb[cen]
    logits = h @ out
    logits = logits - logits.max(1, keepdims=True)
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    loss = -np.log(p[np.arange(len(ctx)), ctx]).sum() / len(ctx)
    d = p.copy()
    d[np.arange(len(ctx)), ctx] -= 1
    d /= len(ctx)
    gout = h.T @ d
    gh = d @ out.T
    gemb = np.zeros_like(emb)
    np.add.at(gemb, cen, gh)
    emb -= 2.0 * gemb
    out -= 2.0 * gout
    if epoch % 10 == 0: print(epoch, loss)
