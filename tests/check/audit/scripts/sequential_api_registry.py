import numpy as np
ACT = {
    'relu': (lambda z: np.maximum(z, 0.), lambda z: (z > 0).astype(z.dtype)),
    'sigmoid': (lambda z: 1 / (1 + np.exp(-z)), lambda z: np.exp(-z) / (1 + np.exp(-z)) ** 2),
    'linear': (lambda z: z, lambda z: np.ones_like(z)),
    'softplus': (lambda z: np.log(1 + np.exp(z)), lambda z: 1 / (1 + np.exp(-z))),
}
class Model:
    def __init__(self): self.layers = []
    def add(self, n, act): self.layers.append({'n': n, 'f': ACT[act][0], 'df': ACT[act][1]}); return self
    def build(self, nin, seed):
        r = np.random.RandomState(seed)
        for l in self.layers:
            l['W'] = r.uniform(-1, 1, (l['n'], nin)); l['b'] = np.zeros((l['n'], 1)); nin = l['n']
    def fit(self, X, Y, lr, epochs):
        for e in range(epochs):
            A = X
            for l in self.layers:
                l['in'] = A; l['z'] = l['W'].dot(A) + l['b']; A = l['f'](l['z'])
            cost = np.sum((A - Y) ** 2) / (2 * X.shape[1])
            dA = (A - Y) / X.shape[1]
            for l in self.layers[::-1]:
                dz = dA * l['df'](l['z'])
                l['dW'] = dz.dot(l['in'].T); l['db'] = dz.sum(axis=1, keepdims=True)
                dA = l['W'].T.dot(dz)
            for l in self.layers:
                l['W'] -= lr * l['dW']; l['b'] -= lr * l['db']
            if e % 10 == 0: print('%3d %.5f' % (e, cost))
X = np.random.RandomState(2).randn(3, 25); Y = X[:1] ** 2 - X[1:2]
m = Model().add(8, 'softplus').add(6, 'sigmoid').add(4, 'relu').add(1, 'linear')
m.build(3, 1); m.fit(X, Y, .05, 40)
