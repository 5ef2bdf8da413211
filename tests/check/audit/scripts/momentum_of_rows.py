import numpy as np
rng = np.random.default_rng(3)
table = rng.normal(size=(6, 3)) * .3
w = rng.normal(size=3)
mt, mw = np.zeros_like(table), np.zeros_like(w)
ids = rng.integers(0, 6, 30)
ys = rng.normal(size=30)
for ep in range(3):
    for i, y in zip(ids, ys):
        e = table[i]
        r = e @ w - y
        ge = 2 * r * w
        gw = 2 * r * e
        mt[i] = .9 * mt[i] + ge
        mw = .9 * mw + gw
        table[i] = e - .01 * mt[i]
        w = w - .01 * mw
    print(r * r)
