import numpy as np
class SoftmaxClassifier:
    def __init__(self, n_features, n_classes, lr=0.5, epochs=20):
        self.lr, self.epochs = lr, epochs
        self.W = np.zeros((n_features, n_classes))
        self.b = np.zeros(n_classes)
    def _softmax(self, Z):
        Z = Z - Z.max(axis=1)[:, None]
        E = np.exp(Z)
        return E / E.sum(axis=1)[:, None]
    def fit(self, X, y):
        n = X.shape[0]
        onehot = np.eye(self.b.size)[y]
        self.history = []
        for _ in range(self.epochs):
            P = self._softmax(X @ self.W + self.b)
            self.history.append(-np.log(P[np.arange(n), y]).mean())
            G = P - onehot
            gW = X.T @ G / n
            gb = G.mean(axis=0)
            self.W = self.W - self.lr * gW
            self.b = self.b - self.lr * gb
        return self
rng = np.random.default_rng(0)
X = rng.normal(size=(50, 3)); y = rng.integers(0, 4, 50)
m = SoftmaxClassifier(3, 4).fit(X, y)
print(m.history[-1])
