import numpy as np
rng = np.random.RandomState(6)
E = rng.randn(6, 3)*.5
trip = [(0, 1, 2), (3, 4, 5), (1, 0, 4), (2, 5, 3)]
for ep in range(10):
    total = 0.
    G = np.zeros_like(E)
    for a, p, n in trip:
        dp = E[a]-E[p]; dn = E[a]-E[n]
        m = (dp**2).sum()-(dn**2).sum()+1.
        if m > 0:
            total += m
            G[a] += 2*dp-2*dn
            G[p] -= 2*dp
            G[n] += 2*dn
    E -= .05*G
    print(ep, total)
