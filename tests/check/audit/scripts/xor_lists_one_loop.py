from math import exp
import random
random.seed(7)
H = 3
wh = [[random.gauss(0, 1) for _ in range(2)] for _ in range(H)]
bh = [0.0] * H
wo = [random.gauss(0, 1) for _ in range(H)]
bo = 0.0
xs = [(0, 0), (0, 1), (1, 0), (1, 1)]
ts = [0, 1, 1, 0]
eta = 0.3

def s(z):
    return 1.0 / (1.0 + exp(-z))

for ep in range(300):
    err = 0.0
    for (a, b), t in zip(xs, ts):
        hid = [s(wh[k][0] * a + wh[k][1] * b + bh[k]) for k in range(H)]
        y = s(sum(wo[k] * hid[k] for k in range(H)) + bo)
        err += 0.5 * (y - t) ** 2
        dy = (y - t) * y * (1 - y)
        for k in range(H):
            dh = dy * wo[k] * hid[k] * (1 - hid[k])
            wo[k] -= eta * dy * hid[k]
            wh[k][0] -= eta * dh * a
            wh[k][1] -= eta * dh * b
            bh[k] -= eta * dh
        bo -= eta * dy
print(err)
