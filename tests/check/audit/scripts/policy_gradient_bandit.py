import numpy as np
rng = np.random.default_rng(5)
means = np.array([0.2, 0.8, 0.5]); theta = np.zeros(3); base = 0.0
for t in range(60):
    e = np.exp(theta - theta.max()); pi = e / e.sum()
    a = rng.choice(3, p=pi)
    r = means[a] + .1 * rng.normal()
    adv = r - base
    g = -pi.copy()
    g[a] += 1
    theta = theta + 0.1 * adv * g
    base += 0.05 * (r - base)
print(theta)
