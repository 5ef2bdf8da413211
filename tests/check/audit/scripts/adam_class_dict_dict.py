import numpy as np

class Adam:
    def __init__(self, params, lr=1e-2, betas=(0.9, 0.999), eps=1e-8):
        self.params, self.lr, self.betas, self.eps = params, lr, betas, eps
        self.m = {k: np.zeros_like(v) for k, v in params.items()}
        self.v = {k: np.zeros_like(v) for k, v in params.items()}
        self.t = 0
    def update(self, grads):
        self.t += 1
        b1, b2 = self.betas
        for k in self.params:
            self.m[k] = b1 * self.m[k] + (1 - b1) * grads[k]
            self.v[k] = b2 * self.v[k] + (1 - b2) * grads[k] ** 2
            m_hat = self.m[k] / (1 - b1 ** self.t)
            v_hat = self.v[k] / (1 - b2 ** self.t)
            self.params[k] -= self.lr * m_hat / (np.sqrt(v_hat) + self.eps)

rng = np.random.RandomState(1)
X = rng.rand(50, 4); Y = (X.sum(1, keepdims=True) > 2).astype(float)
P = dict(W1=rng.randn(4, 6) * .5, b1=np.zeros(6), W2=rng.randn(6, 1) * .5, b2=np.zeros(1))
opt = Adam(P)
best, patience = np.inf, 0
for epoch in range(500):
    z1 = X @ P['W1'] + P['b1']
    a1 = np.where(z1 > 0, z1, 0.01 * z1)
    p = 1 / (1 + np.exp(-(a1 @ P['W2'] + P['b2'])))
    eps = 1e-12
    loss = -np.mean(Y * np.log(p + eps) + (1 - Y) * np.log(1 - p + eps))
    dz2 = (p - Y) / len(X)
    g = {}
    g['W2'] = a1.T @ dz2
    g['b2'] = dz2.sum(axis=0)
    da1 = dz2 @ P['W2'].T
    dz1 = da1 * np.where(z1 > 0, 1, 0.01)
    g['W1'] = X.T @ dz1
    g['b1'] = dz1.sum(axis=0)
    opt.update(g)
    if loss < best - 1e-4: best, patience = loss, 0
    else: patience += 1
    if patience > 20:
        print('early stop', epoch); break
