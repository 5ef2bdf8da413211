import numpy as np
rng = np.random.default_rng(16)
W = rng.normal(size=(3, 2)) * .1
lr = .05
for ep in range(20):
    gs, rs = [], []
    s = rng.normal(size=3)
    for t in range(5):
        z = s @ W; p = np.exp(z - z.max()); p /= p.sum()
        a = rng.choice(2, p=p)
        d = -p; d[a] += 1
        gs.append(np.outer(s, d)); rs.append(float(s[0] * (1 if a else -1)))
        s = rng.normal(size=3)
    G = np.cumsum(rs[::-1])[::-1]
    G = (G - G.mean()) / (G.std() + 1e-8)
    for g, R in zip(gs, G): W += lr * g * R
    print(ep, sum(rs))
