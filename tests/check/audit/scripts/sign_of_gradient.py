import numpy as np
rng = np.random.default_rng(2)
x = rng.normal(size=(50, 3))
label = (x[:, :1] - x[:, 1:2] > 0) * 1.0
w, b = rng.normal(size=(3, 1)) * .1, np.zeros((1, 1))
for it in range(80):
    prob = 1 / (1 + np.exp(-(x @ w + b)))
    nll = -np.mean(label * np.log(prob) + (1 - label) * np.log(1 - prob))
    err = (prob - label) / len(x)
    w -= .01 * np.sign(x.T @ err)
    b -= .01 * np.sign(err.sum(0, keepdims=True))
print(nll)
