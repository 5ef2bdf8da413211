import numpy as np
rng = np.random.default_rng(23)
X = rng.normal(size=(200, 3)) @ np.diag([3, 1, .3]); w = rng.normal(size=3)
for x in X:
    y = w @ x
    w += .005 * y * (x - y * w)
print(w)
