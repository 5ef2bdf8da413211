import numpy as np

class Adam:
    def __init__(self, params, lr=0.01, beta1=0.9, beta2=0.999, eps=1e-8):
        self.params, self.lr, self.b1, self.b2, self.eps = params, lr, beta1, beta2, eps
        self.m = [np.zeros_like(p) for p in params]
        self.v = [np.zeros_like(p) for p in params]
        self.t = 0

    def step(self, grads):
        self.t += 1
        for i, g in enumerate(grads):
            self.m[i] = self.b1 * self.m[i] + (1 - self.b1) * g
            self.v[i] = self.b2 * self.v[i] + (1 - self.b2) * g * g
            mhat = self.m[i] / (1 - self.b1 ** self.t)
            vhat = self.v[i] / (1 - self.b2 ** self.t)
            self.params[i] -= self.lr * mhat / (np.sqrt(vhat) + self.eps)

rng = np.random.default_rng(1)
A = rng.normal(size=(30, 4))
y = A @ np.array([1., -2., 3., .5]) + rng.normal(size=30) * .1
w, b = np.zeros(4), np.zeros(1)
opt = Adam([w, b])
for k in range(40):
    r = A @ w + b - y
    mse = np.mean(r ** 2)
    opt.step([2 * A.T @ r / len(y), np.array([2 * r.mean()])])
print(mse)
