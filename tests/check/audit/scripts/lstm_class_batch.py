import numpy as np
class LSTM:
    def __init__(self, nin, nh, rng):
        self.W = rng.normal(0, .3, (nin + nh, 4 * nh)); self.b = np.zeros(4 * nh); self.nh = nh
    def forward(self, xs):
        n, T, _ = xs.shape
        h = np.zeros((n, self.nh)); c = np.zeros((n, self.nh))
        self.cache = []
        for t in range(T):
            z = np.concatenate([xs[:, t], h], axis=1)
            a = z @ self.W + self.b
            i, f, o, g = np.split(a, 4, axis=1)
            i, f, o, g = 1/(1+np.exp(-i)), 1/(1+np.exp(-f)), 1/(1+np.exp(-o)), np.tanh(g)
            cp = c
            c = f * cp + i * g
            tc = np.tanh(c)
            h = o * tc
            self.cache.append((z, i, f, o, g, cp, tc))
        return h
    def backward(self, dh):
        dW = np.zeros_like(self.W); db = np.zeros_like(self.b)
        dc = np.zeros_like(dh)
        for z, i, f, o, g, cp, tc in reversed(self.cache):
            do = dh * tc
            dc = dc + dh * o * (1 - tc ** 2)
            di, df, dg = dc * g, dc * cp, dc * i
            da = np.concatenate([di*i*(1-i), df*f*(1-f), do*o*(1-o), dg*(1-g**2)], axis=1)
            dW += z.T @ da
            db += da.sum(axis=0)
            dz = da @ self.W.T
            dh = dz[:, -self.nh:]
            dc = dc * f
        return dW, db
rng = np.random.default_rng(11)
xs = rng.normal(size=(8, 5, 2)); ys = xs.sum(axis=(1, 2))[:, None]
net = LSTM(2, 4, rng); V = rng.normal(0, .3, (4, 1)); lr = .1
for epoch in range(25):
    h = net.forward(xs)
    pred = h @ V
    loss = np.mean((pred - ys) ** 2) / 2
    d = (pred - ys) / len(ys)
    dV = h.T @ d
    dW, db = net.backward(d @ V.T)
    net.W -= lr * dW; net.b -= lr * db; V -= lr * dV
    print(epoch, round(float(loss), 4))
