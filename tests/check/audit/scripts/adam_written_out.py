import numpy as np
rng = np.random.default_rng(0)
X = rng.normal(size=(60, 5)); y = rng.integers(0, 2, 60)
W, c = rng.normal(size=(5, 1)) * .1, np.zeros((1,))
m_w = v_w = np.zeros_like(W); m_c = v_c = np.zeros_like(c)
for t in range(1, 40):
    z = (X @ W + c).ravel()
    loss = np.mean(np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z))))
    g = ((1 / (1 + np.exp(-z)) - y) / len(y))[:, None]
    gw, gc = X.T @ g, g.sum(0)
    m_w, v_w = .9 * m_w + .1 * gw, .999 * v_w + .001 * gw ** 2
    m_c, v_c = .9 * m_c + .1 * gc, .999 * v_c + .001 * gc ** 2
    W = W - .01 * (m_w / (1 - .9 ** t)) / (np.sqrt(v_w / (1 - .999 ** t)) + 1e-8)
    c = c - .01 * (m_c / (1 - .9 ** t)) / (np.sqrt(v_c / (1 - .999 ** t)) + 1e-8)
    if t % 10 == 0: print(t, loss)
