import numpy as np

class Perceptron:
    def __init__(self, n, rate=0.1):
        self.weights = np.zeros(n)
        self.bias = 0
        self.rate = rate
    def predict(self, x):
        return 1 if np.dot(self.weights, x) + self.bias >= 0 else 0
    def fit(self, X, y, epochs=10):
        for _ in range(epochs):
            for x, t in zip(X, y):
                error = t - self.predict(x)
                self.weights += self.rate * error * x
                self.bias += self.rate * error

rs = np.random.RandomState(0)
X = rs.randn(30, 2)
y = (X[:, 0] + X[:, 1] > 0.3).astype(int)
p = Perceptron(2)
p.fit(X, y)
print(p.weights, p.bias)
