# perceptron-like MLP from a lecture, float lists converted with np.array each step
import numpy as np
data = [([0.1, 0.9], [1, 0]), ([0.8, 0.2], [0, 1]), ([0.4, 0.6], [1, 0]), ([0.7, 0.5], [0, 1])]
np.random.seed(1)
V = np.random.uniform(-1, 1, (2, 3)); W = np.random.uniform(-1, 1, (3, 2))
def act(n): return 2 / (1 + np.exp(-n)) - 1
def dact(f): return 0.5 * (1 + f) * (1 - f)
for cycle in range(20):
    E = 0
    for x, d in data:
        x = np.array(x).reshape(1, 2); d = np.array(d).reshape(1, 2)
        y = act(x.dot(V)); o = act(y.dot(W))
        E += 0.5 * np.sum((d - o) ** 2)
        do = (d - o) * dact(o)
        dy = do.dot(W.T) * dact(y)
        W += 0.2 * y.T.dot(do)
        V += 0.2 * x.T.dot(dy)
    print(cycle, E)
