import numpy as np

def make_data(seed=1):
    g = np.random.default_rng(seed)
    X = g.normal(size=(100, 4))
    rate = np.exp(X @ [0.5, -0.3, 0.0, 0.2] + 0.4)
    return X, g.poisson(rate)

def poisson_nll_and_grad(beta, b, X, y):
    eta = X @ beta + b
    mu = np.exp(eta)
    nll = np.mean(mu - y * eta)
    resid = (mu - y) / len(y)
    return nll, X.T @ resid, resid.sum()

def adamw(lr, wd, b1=0.9, b2=0.999, eps=1e-8):
    state = {}
    def step(name, value, grad, t, decay=True):
        m, v = state.get(name, (0.0, 0.0))
        m = b1 * m + (1 - b1) * grad
        v = b2 * v + (1 - b2) * grad ** 2
        state[name] = (m, v)
        if decay:
            value = value - lr * wd * value
        return value - lr * (m / (1 - b1 ** t)) / (np.sqrt(v / (1 - b2 ** t)) + eps)
    return step

X, y = make_data()
beta, b = np.zeros(4), 0.0
opt = adamw(0.02, 0.01)
for t in range(1, 121):
    nll, gbeta, gb = poisson_nll_and_grad(beta, b, X, y)
    beta = opt("beta", beta, gbeta, t)
    b = opt("b", b, gb, t, decay=False)
    if t % 40 == 0:
        print(t, nll, beta, b)
