import numpy as np
np.random.seed(3)
N, D, C = 90, 2, 3
X = np.zeros((N, D)); y = np.zeros(N, dtype='uint8')
for j in range(C):
    ix = range(N // C * j, N // C * (j + 1))
    r = np.linspace(0.0, 1, N // C)
    t = np.linspace(j * 4, (j + 1) * 4, N // C) + np.random.randn(N // C) * 0.2
    X[ix] = np.c_[r * np.sin(t), r * np.cos(t)]
    y[ix] = j
idx = np.random.permutation(N)
train, test = idx[:60], idx[60:]
W1 = 0.1 * np.random.randn(D, 20); b1 = np.zeros((1, 20))
W2 = 0.1 * np.random.randn(20, C); b2 = np.zeros((1, C))
step, reg, bs = 0.5, 1e-3, 16
for epoch in range(40):
    order = np.random.permutation(train)
    for s in range(0, len(order), bs):
        ids = order[s:s + bs]
        xb, yb = X[ids], y[ids]
        h = np.maximum(0, xb.dot(W1) + b1)
        scores = h.dot(W2) + b2
        scores -= scores.max(axis=1, keepdims=True)
        e = np.exp(scores)
        probs = e / e.sum(axis=1, keepdims=True)
        loss = -np.log(probs[range(len(ids)), yb]).mean() + 0.5 * reg * (np.sum(W1 * W1) + np.sum(W2 * W2))
        ds = probs
        ds[range(len(ids)), yb] -= 1
        ds /= len(ids)
        dW2 = h.T.dot(ds); db2 = ds.sum(axis=0, keepdims=True)
        dh = ds.dot(W2.T)
        dh[h <= 0] = 0
        dW1 = xb.T.dot(dh); db1 = dh.sum(axis=0, keepdims=True)
        dW2 += reg * W2
        dW1 += reg * W1
        W1 += -step * dW1; b1 += -step * db1
        W2 += -step * dW2; b2 += -step * db2
    hh = np.maximum(0, X[test].dot(W1) + b1)
    acc = (np.argmax(hh.dot(W2) + b2, axis=1) == y[test]).mean()
    print('epoch %d loss %.4f test acc %.2f' % (epoch, loss, acc))
