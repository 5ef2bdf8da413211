from functools import reduce
import numpy as np
sigmoid = lambda z: 1.0 / (1.0 + np.exp(-z))
layers = [np.random.RandomState(i).randn(n, m) * .5 for i, (n, m) in enumerate([(4, 3), (5, 4), (1, 5)])]
X = np.random.RandomState(9).randn(3, 20); Y = (X[0] > X[1]).astype(float)[None]
forward = lambda acts, W: acts + [sigmoid(W @ acts[-1])]
for epoch in range(40):
    acts = reduce(forward, layers, [X])
    cost = 0.5 * np.sum((acts[-1] - Y) ** 2) / X.shape[1]
    deltas = [(acts[-1] - Y) * acts[-1] * (1 - acts[-1])]
    for W, a in zip(layers[:0:-1], acts[-2:0:-1]):
        deltas.insert(0, W.T @ deltas[0] * a * (1 - a))
    layers = [W - 1.5 * d @ a.T / X.shape[1] for W, d, a in zip(layers, deltas, acts)]
    if epoch % 10 == 0: print(epoch, cost)
