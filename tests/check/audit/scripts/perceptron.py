import numpy as np

rng = np.random.default_rng(32)
X = rng.normal(size=(20, 2))
y = np.where(X[:, 0] + X[:, 1] > 0, 1, 0)
w = np.zeros(2)
b = 0.0
for epoch in range(5):
    errors = 0
    for xi, target in zip(X, y):
        pred = 1 if xi @ w + b >= 0 else 0
        update = 0.1 * (target - pred)
        w += update * xi
        b += update
        errors += int(update != 0)
    print(errors)
