import numpy as np

class Net(object):
    def __init__(self, seed=0):
        self.rs = np.random.RandomState(seed)
        self.w1 = self.rs.randn(6, 10) * 0.3
        self.w2 = self.rs.randn(10, 1) * 0.3
        self.keep = 0.8
    def train_step(self, x, t, lr):
        z = x.dot(self.w1)
        a = np.tanh(z)
        drop = (self.rs.rand(*a.shape) < self.keep) / self.keep
        ad = a * drop
        out = ad.dot(self.w2)
        loss = ((out - t) ** 2).sum() / (2 * len(x))
        delta = (out - t) / len(x)
        g2 = ad.T.dot(delta)
        back = delta.dot(self.w2.T) * drop
        g1 = x.T.dot(back * (1 - a ** 2))
        self.w1 -= lr * g1
        self.w2 -= lr * g2
        return loss
    def predict(self, x):
        return np.tanh(x.dot(self.w1)).dot(self.w2)

r = np.random.RandomState(7)
X = r.randn(32, 6); T = np.sin(X[:, :1]) + X[:, 1:2] ** 2
net = Net()
history = []
for e in range(60):
    history.append(net.train_step(X, T, 0.1))
print(history[0], history[-1], ((net.predict(X) - T) ** 2).mean())
