import numpy as np
np.random.seed(1)
V, D = 8, 4
Win, Wout = np.random.randn(V, D)*.1, np.random.randn(V, D)*.1
sig = lambda x: 1/(1+np.exp(-x))
corpus = [(0,1),(1,2),(3,4),(2,5),(6,7),(5,0)]*3
for ep in range(2):
    L = 0
    for c, o in corpus:
        negs = np.random.randint(0, V, 3)
        vc = Win[c]
        g_in = np.zeros(D)
        for idx, label in [(o, 1)] + [(n, 0) for n in negs]:
            score = sig(vc @ Wout[idx])
            L -= np.log(score if label else 1-score)
            e = score - label
            g_in += e*Wout[idx]
            Wout[idx] -= .1*e*vc
        Win[c] -= .1*g_in
    print(L)
