import numpy as np
rng = np.random.default_rng(2)
X = rng.normal(size=(30, 5)) @ rng.normal(size=(5, 5))
E_mu = rng.normal(size=(5, 2)) * .2; E_lv = rng.normal(size=(5, 2)) * .1
D = rng.normal(size=(2, 5)) * .2
for it in range(60):
    mu, lv = X @ E_mu, X @ E_lv
    noise = rng.normal(size=mu.shape)
    sd = np.exp(0.5 * lv)
    z = mu + sd * noise
    rec = z @ D
    n = len(X)
    loss = (0.5 * np.sum((rec - X) ** 2) + 0.5 * np.sum(mu ** 2 + np.exp(lv) - lv - 1)) / n
    drec = (rec - X) / n
    gD = z.T @ drec
    dz = drec @ D.T
    dmu = dz + mu / n
    dlv = dz * noise * 0.5 * sd + 0.5 * (np.exp(lv) - 1) / n
    g_mu = X.T @ dmu
    g_lv = X.T @ dlv
    E_mu -= 0.01 * g_mu; E_lv -= 0.01 * g_lv; D -= 0.01 * gD
    if it % 20 == 0: print(it, loss)
