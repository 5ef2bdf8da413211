import numpy as np
np.random.seed(4)
imgs = np.random.rand(3, 8, 8)
labels = np.array([0, 1, 0])
F = np.random.randn(2, 3, 3) * 0.3
fb = np.zeros(2)
Wd = np.random.randn(2 * 3 * 3, 2) * 0.3
bd = np.zeros(2)
lr = 0.05
def conv(img):
    out = np.zeros((2, 6, 6))
    for f in range(2):
        for i in range(6):
            for j in range(6):
                out[f, i, j] = np.sum(img[i:i+3, j:j+3] * F[f]) + fb[f]
    return out
def pool(x):
    out = np.zeros((2, 3, 3))
    for f in range(2):
        for i in range(3):
            for j in range(3):
                out[f, i, j] = x[f, 2*i:2*i+2, 2*j:2*j+2].max()
    return out
for epoch in range(4):
    total = 0
    for img, lab in zip(imgs, labels):
        c = conv(img)
        r = np.maximum(c, 0)
        p = pool(r)
        flat = p.flatten()
        s = flat @ Wd + bd
        e = np.exp(s - np.max(s))
        prob = e / np.sum(e)
        total -= np.log(prob[lab])
        ds = prob.copy()
        ds[lab] -= 1
        dWd = np.outer(flat, ds)
        dbd = ds
        dp = (Wd @ ds).reshape(p.shape)
        dr = np.zeros_like(r)
        for f in range(2):
            for i in range(3):
                for j in range(3):
                    win = r[f, 2*i:2*i+2, 2*j:2*j+2]
                    a, b = np.unravel_index(np.argmax(win), win.shape)
                    dr[f, 2*i+a, 2*j+b] += dp[f, i, j]
        dc = dr * (c > 0)
        dF = np.zeros_like(F); dfb = np.zeros_like(fb)
        for f in range(2):
            for i in range(6):
                for j in range(6):
                    dF[f] += dc[f, i, j] * img[i:i+3, j:j+3]
                    dfb[f] += dc[f, i, j]
        F -= lr * dF; fb -= lr * dfb
        Wd -= lr * dWd; bd -= lr * dbd
    print(epoch, total)
