import math
import random
random.seed(11)
rows = [([random.gauss(m, .5), random.gauss(-m, .5)], c) for c, m in enumerate((-1, 0, 1)) for _ in range(8)]
W = [[0.01 * random.gauss(0, 1) for _ in range(2)] for _ in range(3)]
b = [0.0, 0.0, 0.0]
def softmax(z):
    top = max(z)
    e = [math.exp(v - top) for v in z]
    s = sum(e)
    return [v / s for v in e]
for ep in range(20):
    gW = [[0.0, 0.0] for _ in range(3)]; gb = [0.0] * 3; loss = 0.0
    for x, c in rows:
        z = [sum(wi * xi for wi, xi in zip(w, x)) + bb for w, bb in zip(W, b)]
        p = softmax(z)
        loss -= math.log(p[c])
        for k in range(3):
            d = p[k] - (1.0 if k == c else 0.0)
            for j in range(2):
                gW[k][j] += d * x[j]
            gb[k] += d
    for k in range(3):
        for j in range(2):
            W[k][j] -= 0.1 * gW[k][j] / len(rows)
        b[k] -= 0.1 * gb[k] / len(rows)
    print(ep, loss / len(rows))
