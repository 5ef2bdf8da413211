import numpy as np

rng = np.random.RandomState(0)
images = rng.randn(5, 6, 6)
labels = rng.randint(0, 2, 5)
K = rng.randn(3, 3) * 0.3
W = rng.randn(4, 2) * 0.3
b = np.zeros(2)


def conv(img, k):
    n = img.shape[0] - k.shape[0] + 1
    out = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            out[i, j] = np.sum(img[i:i + 3, j:j + 3] * k)
    return out


def pool(x):
    n = x.shape[0] // 2
    out = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            out[i, j] = np.max(x[2 * i:2 * i + 2, 2 * j:2 * j + 2])
    return out


for epoch in range(2):
    for img, label in zip(images, labels):
        c = conv(img, K)
        r = np.maximum(c, 0)
        p = pool(r)
        flat = p.reshape(-1)
        scores = flat @ W + b
        e = np.exp(scores - scores.max())
        probs = e / e.sum()
        loss = -np.log(probs[label])
        d = probs.copy()
        d[label] -= 1
        dW = np.outer(flat, d)
        db = d
        dflat = W @ d
        dp = dflat.reshape(p.shape)
        dr = np.zeros_like(r)
        for i in range(2):
            for j in range(2):
                window = r[2 * i:2 * i + 2, 2 * j:2 * j + 2]
                m = window == window.max()
                dr[2 * i:2 * i + 2, 2 * j:2 * j + 2] += m * dp[i, j]
        dc = dr * (c > 0)
        dK = np.zeros_like(K)
        for i in range(4):
            for j in range(4):
                dK += dc[i, j] * img[i:i + 3, j:j + 3]
        K -= 0.05 * dK
        W -= 0.05 * dW
        b -= 0.05 * db
    print(epoch, loss)
