import numpy as np
class Linear:
    def __init__(s, i, o): s.W = np.random.randn(i, o) * (1 / i) ** .5; s.b = np.zeros((1, o)); s.trainable = True
    def __call__(s, x): s.x = x; return x @ s.W + s.b
    def grad(s, g):
        s.gW, s.gb = s.x.T @ g, g.sum(axis=0, keepdims=True)
        return g @ s.W.T
class LeakyReLU:
    trainable = False
    def __init__(s, a=.1): s.a = a
    def __call__(s, x): s.m = np.where(x > 0, 1, s.a); return x * s.m
    def grad(s, g): return g * s.m
class Softmax:
    trainable = False
    def __call__(s, x):
        e = np.exp(x - x.max(axis=1, keepdims=True)); s.p = e / e.sum(axis=1, keepdims=True); return s.p
    def grad(s, g): return s.p * (g - (g * s.p).sum(axis=1, keepdims=True))
class CE:
    def __call__(s, p, t): s.p, s.t = p, t; return -np.sum(t * np.log(p + 1e-15)) / len(t)
    def grad(s): return -s.t / (s.p + 1e-15) / len(s.t)
np.random.seed(0)
net = [Linear(4, 8), LeakyReLU(), Linear(8, 3), Softmax()]; L = CE()
X = np.random.randn(30, 4); T = np.eye(3)[np.argmax(X[:, :3], 1)]
for ep in range(30):
    a = X
    for l in net: a = l(a)
    loss = L(a, T); g = L.grad()
    for l in net[::-1]: g = l.grad(g)
    for l in (l for l in net if l.trainable):
        l.W -= .5 * l.gW; l.b -= .5 * l.gb
    if ep % 10 == 0: print(ep, loss, np.mean(a.argmax(1) == T.argmax(1)))
