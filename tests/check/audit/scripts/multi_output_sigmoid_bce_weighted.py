import numpy as np
class Net:
    def __init__(self, n, h, k):
        g = np.random.default_rng(0)
        self.p = {"A": g.normal(size=(h, n)) * .4, "a": np.zeros((h, 1)), "B": g.normal(size=(k, h)) * .4, "b": np.zeros((k, 1))}
    def __call__(self, X):
        p = self.p
        self.X = X
        self.U = p["A"] @ X + p["a"]
        self.H = self.U / (1 + np.exp(-self.U))
        self.O = 1 / (1 + np.exp(-(p["B"] @ self.H + p["b"])))
        return self.O
    def grads(self, T, pos):
        n = T.shape[1]
        dO = (-(pos * T / self.O) + (1 - T) / (1 - self.O)) / n
        dV = dO * self.O * (1 - self.O)
        s = 1 / (1 + np.exp(-self.U))
        dU = (self.p["B"].T @ dV) * (s + self.U * s * (1 - s))
        return {"A": dU @ self.X.T, "a": dU.sum(1, keepdims=True), "B": dV @ self.H.T, "b": dV.sum(1, keepdims=True)}
r = np.random.default_rng(1)
X = r.normal(size=(3, 30)); T = (r.normal(size=(2, 3)) @ X > .5) * 1.0
net = Net(3, 5, 2)
for i in range(50):
    O = net(X)
    L = -np.sum(2. * T * np.log(O) + (1 - T) * np.log(1 - O)) / X.shape[1]
    g = net.grads(T, 2.)
    net.p = {k: v - .3 * g[k] for k, v in net.p.items()}
    if i % 10 == 0: print(i, L)
