import numpy as np
class NeuralNetwork:
    def __init__(self, sizes):
        rng = np.random.default_rng(3)
        self.weights = [rng.normal(0, 1 / np.sqrt(i), (o, i)) for i, o in zip(sizes, sizes[1:])]
        self.biases = [np.zeros((o, 1)) for o in sizes[1:]]
    def feed(self, a):
        self.zs, self.activations = [], [a]
        for w, b in zip(self.weights, self.biases):
            z = np.dot(w, a) + b
            a = self.sigmoid(z)
            self.zs.append(z); self.activations.append(a)
        return a
    def train(self, data, eta, batch):
        np.random.default_rng(0).shuffle(data)
        for k in range(0, len(data), batch):
            self.update(data[k:k+batch], eta)
    def update(self, batch, eta):
        nw = [np.zeros(w.shape) for w in self.weights]; nb = [np.zeros(b.shape) for b in self.biases]
        for x, y in batch:
            dw, db = self.backprop(x, y)
            nw = [a + b for a, b in zip(nw, dw)]
            nb = [a + b for a, b in zip(nb, db)]
        self.weights = [w - eta / len(batch) * g for w, g in zip(self.weights, nw)]
        self.biases = [b - eta / len(batch) * g for b, g in zip(self.biases, nb)]
    def backprop(self, x, y):
        self.feed(x)
        dw, db = [None] * len(self.weights), [None] * len(self.weights)
        delta = (self.activations[-1] - y) * self.sigmoid_prime(self.zs[-1])
        for l in range(len(self.weights) - 1, -1, -1):
            dw[l] = delta @ self.activations[l].T
            db[l] = delta
            if l:
                delta = (self.weights[l].T @ delta) * self.sigmoid_prime(self.zs[l-1])
        return dw, db
    def sigmoid(self, z): return 1 / (1 + np.exp(-z))
    def sigmoid_prime(self, z): return self.sigmoid(z) * (1 - self.sigmoid(z))
rng = np.random.default_rng(1)
data = []
for _ in range(12):
    x = rng.random((3, 1)); y = np.zeros((2, 1)); y[int(x.sum() > 1.5)] = 1
    data.append((x, y))
nn = NeuralNetwork([3, 5, 2])
for e in range(10):
    nn.train(data, 2.0, 4)
    print(e, sum(np.argmax(nn.feed(x)) == np.argmax(y) for x, y in data))
