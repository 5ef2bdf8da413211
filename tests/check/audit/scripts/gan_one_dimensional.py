import numpy as np
rng = np.random.default_rng(4)
gw, gb = np.array([[1.0]]), np.array([0.0])
dw1, db1 = rng.normal(size=(1, 6)), np.zeros(6)
dw2, db2 = rng.normal(size=(6, 1)) * .5, np.zeros(1)
sig = lambda z: 1 / (1 + np.exp(-z))
def D(x):
    h = np.tanh(x @ dw1 + db1)
    return h, sig(h @ dw2 + db2)
n, lr = 16, .05
for it in range(40):
    real = 3 + .5 * rng.normal(size=(n, 1)); z = rng.normal(size=(n, 1))
    fake = z @ gw + gb
    hr, pr = D(real); hf, pf = D(fake)
    d_loss = -np.mean(np.log(pr)) - np.mean(np.log(1 - pf))
    er, ef = (pr - 1) / n, pf / n
    g2 = hr.T @ er + hf.T @ ef
    gb2 = er.sum(0) + ef.sum(0)
    er1 = er @ dw2.T * (1 - hr ** 2); ef1 = ef @ dw2.T * (1 - hf ** 2)
    g1 = real.T @ er1 + fake.T @ ef1
    gb1 = er1.sum(0) + ef1.sum(0)
    dw1 -= lr * g1; db1 -= lr * gb1; dw2 -= lr * g2; db2 -= lr * gb2
    z = rng.normal(size=(n, 1))
    fake = z @ gw + gb
    hf, pf = D(fake)
    g_loss = -np.mean(np.log(pf))
    e = (pf - 1) / n
    e1 = e @ dw2.T * (1 - hf ** 2)
    dx = e1 @ dw1.T
    gw -= lr * (z.T @ dx); gb -= lr * dx.sum(0)
    if it % 10 == 0: print(it, d_loss, g_loss)
