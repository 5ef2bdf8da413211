import numpy as np
rng = np.random.default_rng(5)
X = rng.normal(size=(50, 3)); counts = rng.poisson(np.exp(X @ [.3, -.2, .5]))
sw = rng.random(50) + .5
beta = np.zeros(3)
for i in range(200):
    eta = X @ beta
    lam = np.exp(eta)
    nll = np.average(lam - counts * eta, weights=sw)
    grad = X.T @ (sw * (lam - counts)) / sw.sum()
    beta -= .1 * grad
    if i % 50 == 0: print(i, nll, beta)
