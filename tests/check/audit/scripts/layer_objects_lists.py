import numpy as np

class Dense:
    def __init__(self, n_in, n_out, rng):
        self.params = [rng.standard_normal((n_in, n_out)) / np.sqrt(n_in), np.zeros(n_out)]
        self.grads = [None, None]
    def forward(self, x):
        self.x = x
        return x @ self.params[0] + self.params[1]
    def backward(self, dout):
        self.grads[0] = self.x.T @ dout
        self.grads[1] = dout.sum(0)
        return dout @ self.params[0].T

class Tanh:
    params, grads = [], []
    def forward(self, x):
        self.out = np.tanh(x)
        return self.out
    def backward(self, dout):
        return dout * (1.0 - self.out ** 2)

class MSE:
    def forward(self, pred, target):
        self.diff = pred - target
        return np.mean(self.diff ** 2)
    def backward(self):
        return 2.0 * self.diff / self.diff.size

class SGD:
    def __init__(self, lr): self.lr = lr
    def step(self, layers):
        for layer in layers:
            for p, g in zip(layer.params, layer.grads):
                p -= self.lr * g

rng = np.random.default_rng(5)
net = [Dense(1, 12, rng), Tanh(), Dense(12, 12, rng), Tanh(), Dense(12, 1, rng)]
x = np.linspace(-2, 3, 40)[:, None]
t = np.sin(x)
crit, opt = MSE(), SGD(0.05)
for epoch in range(200):
    h = x
    for layer in net:
        h = layer.forward(h)
    loss = crit.forward(h, t)
    d = crit.backward()
    for layer in reversed(net):
        d = layer.backward(d)
    opt.step(net)
    if epoch % 50 == 0:
        print(f"epoch {epoch}: {loss:.5f}")
