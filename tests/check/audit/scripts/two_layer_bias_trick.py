import numpy as np
class NeuralNetwork:
    def __init__(self, layers, alpha=0.1):
        self.W = []
        self.layers = layers
        self.alpha = alpha
        rng = np.random.RandomState(42)
        for i in np.arange(0, len(layers) - 2):
            self.W.append(rng.randn(layers[i] + 1, layers[i + 1] + 1) / np.sqrt(layers[i]))
        self.W.append(rng.randn(layers[-2] + 1, layers[-1]) / np.sqrt(layers[-2]))
    def sigmoid(self, x):
        return 1.0 / (1 + np.exp(-x))
    def sigmoid_deriv(self, x):
        return x * (1 - x)
    def fit(self, X, y, epochs=20):
        X = np.c_[X, np.ones((X.shape[0]))]
        for epoch in np.arange(0, epochs):
            for (x, target) in zip(X, y):
                self.fit_partial(x, target)
            if epoch % 5 == 0:
                print("[INFO] epoch={}, loss={:.7f}".format(epoch + 1, self.calculate_loss(X, y)))
    def fit_partial(self, x, y):
        A = [np.atleast_2d(x)]
        for layer in np.arange(0, len(self.W)):
            A.append(self.sigmoid(A[layer].dot(self.W[layer])))
        error = A[-1] - y
        D = [error * self.sigmoid_deriv(A[-1])]
        for layer in np.arange(len(A) - 2, 0, -1):
            delta = D[-1].dot(self.W[layer].T)
            delta = delta * self.sigmoid_deriv(A[layer])
            D.append(delta)
        D = D[::-1]
        for layer in np.arange(0, len(self.W)):
            self.W[layer] += -self.alpha * A[layer].T.dot(D[layer])
    def predict(self, p):
        for layer in np.arange(0, len(self.W)):
            p = self.sigmoid(np.dot(p, self.W[layer]))
        return p
    def calculate_loss(self, X, targets):
        predictions = self.predict(X)
        return 0.5 * np.sum((predictions - np.atleast_2d(targets)) ** 2)
X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
y = np.array([[0], [1], [1], [0]])
nn = NeuralNetwork([2, 2, 1], alpha=0.5)
nn.fit(X, y, epochs=20)
