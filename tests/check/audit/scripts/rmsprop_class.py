import numpy as np


class RMSProp:
    def __init__(self, lr=0.01, rho=0.9, eps=1e-8):
        self.lr, self.rho, self.eps = lr, rho, eps
        self.cache = {}

    def step(self, layer):
        for name in ("w", "b"):
            g = getattr(layer, "d" + name)
            key = (id(layer), name)
            if key not in self.cache:
                self.cache[key] = np.zeros_like(g)
            self.cache[key] = self.rho * self.cache[key] + (1 - self.rho) * g ** 2
            setattr(layer, name, getattr(layer, name) - self.lr * g / (np.sqrt(self.cache[key]) + self.eps))


class Dense:
    def __init__(self, n_in, n_out, rng):
        self.w = rng.normal(0, 0.5, (n_in, n_out))
        self.b = np.zeros((1, n_out))

    def forward(self, x):
        self.x = x
        return np.dot(x, self.w) + self.b

    def backward(self, grad):
        self.dw = np.dot(self.x.T, grad)
        self.db = grad.sum(axis=0, keepdims=True)
        return np.dot(grad, self.w.T)


class Sigmoid:
    def forward(self, x):
        self.y = 1 / (1 + np.exp(-x))
        return self.y

    def backward(self, grad):
        return grad * self.y * (1 - self.y)


rng = np.random.default_rng(3)
X = rng.uniform(-1, 1, (30, 2))
T = X[:, :1] * X[:, 1:]
net = [Dense(2, 5, rng), Sigmoid(), Dense(5, 1, rng)]
opt = RMSProp()
for epoch in range(30):
    out = X
    for layer in net:
        out = layer.forward(out)
    loss = np.mean((out - T) ** 2)
    grad = 2 * (out - T) / len(T)
    for layer in reversed(net):
        grad = layer.backward(grad)
    for layer in net:
        if hasattr(layer, "w"):
            opt.step(layer)
print(loss)
