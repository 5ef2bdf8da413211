import numpy as np
rng = np.random.default_rng(18)
docs = [rng.integers(0, 12, rng.integers(3, 7)) for _ in range(15)]; lab = np.array([int(d.mean() > 5) for d in docs])
E = rng.normal(size=(12, 4)) * .3; w = rng.normal(size=4) * .3; b = 0.0
hE, hw, hb = np.zeros_like(E), np.zeros_like(w), 0.0
for ep in range(10):
    tot = 0.0
    for d, y in zip(docs, lab):
        v = E[d].mean(axis=0)
        p = 1.0 / (1.0 + np.exp(-(v @ w + b)))
        tot += -(y * np.log(p) + (1 - y) * np.log(1 - p))
        e = p - y
        gw, gb = e * v, e
        gE = np.zeros_like(E)
        for j in d: gE[j] += e * w / len(d)
        hE += gE ** 2; hw += gw ** 2; hb += gb ** 2
        E -= .1 * gE / (np.sqrt(hE) + 1e-6); w -= .1 * gw / (np.sqrt(hw) + 1e-6); b -= .1 * gb / (np.sqrt(hb) + 1e-6)
    print(ep, tot / len(docs))
