import numpy as np

rng = np.random.default_rng(30)
X = np.c_[np.ones(30), rng.normal(size=(30, 2))]
y = X @ np.array([1.0, 2.0, -0.5]) + rng.laplace(size=30)
beta = np.zeros(3)
for i in range(40):
    r = X @ beta - y
    loss = np.mean(np.abs(r))
    beta = beta - 0.05 * X.T @ np.sign(r) / len(y)
print(beta, loss)
