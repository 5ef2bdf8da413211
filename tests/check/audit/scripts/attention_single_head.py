import numpy as np
rng = np.random.RandomState(3)
def softmax(s):
    e = np.exp(s - s.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)
T, D = 5, 4
X = rng.randn(T, D); Y = rng.randn(T, 2)
p = {'q': rng.randn(D, D)*.4, 'k': rng.randn(D, D)*.4, 'v': rng.randn(D, D)*.4, 'o': rng.randn(D, 2)*.4}
lr = 0.1
for it in range(40):
    Q, K, Vv = X @ p['q'], X @ p['k'], X @ p['v']
    S = Q @ K.T / np.sqrt(D)
    mask = np.triu(np.ones((T, T)), 1).astype(bool)
    S = np.where(mask, -1e9, S)
    A = softmax(S)
    Z = A @ Vv
    out = Z @ p['o']
    err = out - Y
    loss = (err ** 2).sum() / 2
    g = {}
    g['o'] = Z.T @ err
    dZ = err @ p['o'].T
    dA = dZ @ Vv.T
    dV = A.T @ dZ
    dS = A * (dA - np.sum(dA * A, axis=-1, keepdims=True))
    dS = np.where(mask, 0, dS) / np.sqrt(D)
    dQ = dS @ K
    dK = dS.T @ Q
    g['q'] = X.T @ dQ; g['k'] = X.T @ dK; g['v'] = X.T @ dV
    for name in p:
        p[name] = p[name] - lr * g[name]
    if it % 10 == 0: print('it', it, 'loss', loss)
