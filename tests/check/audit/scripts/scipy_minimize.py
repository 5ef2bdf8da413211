import numpy as np
from scipy.optimize import minimize
rng = np.random.default_rng(1)
X = np.c_[np.ones(30), rng.normal(size=(30, 2))]; y = (X[:, 1] > X[:, 2]).astype(float)
def fun(w):
    h = 1 / (1 + np.exp(-X @ w))
    J = -np.mean(y * np.log(h + 1e-12) + (1 - y) * np.log(1 - h + 1e-12)) + .05 * w[1:] @ w[1:]
    g = X.T @ (h - y) / len(y)
    g[1:] += .1 * w[1:]
    return J, g
res = minimize(fun, np.zeros(3), jac=True, method='BFGS')
print(res.x)
