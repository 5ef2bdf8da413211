import numpy as np

rng = np.random.default_rng(33)
W1, W2 = rng.normal(size=(5, 2)), rng.normal(size=(1, 5))
x = rng.normal(size=(2, 1))
for i in range(30):
    h = np.tanh(W1 @ x)
    out = 1 / (1 + np.exp(-(W2 @ h)))
    d = out * (1 - out)
    dx = W1.T @ ((W2.T @ d) * (1 - h ** 2))
    x = x + 0.5 * dx
print(x, out)
