import numpy as np
import scipy.optimize as opt
np.random.seed(3)
X = np.random.rand(20, 4); y = np.random.randint(0, 2, 20)
def cost(t, X, y):
    A = t[:12].reshape(3, 4); B = t[12:].reshape(1, 3)
    h = 1 / (1 + np.exp(-A.dot(X.T))); o = 1 / (1 + np.exp(-B.dot(h)))
    return -np.mean(y * np.log(o) + (1 - y) * np.log(1 - o))
def grad(t, X, y):
    A = t[:12].reshape(3, 4); B = t[12:].reshape(1, 3)
    h = 1 / (1 + np.exp(-A.dot(X.T))); o = 1 / (1 + np.exp(-B.dot(h)))
    d = (o - y) / len(y)
    gB = d.dot(h.T)
    gA = (B.T.dot(d) * h * (1 - h)).dot(X)
    return np.r_[gA.ravel(), gB.ravel()]
t0 = np.random.randn(15) * .5
print(opt.check_grad(cost, grad, t0, X, y))
best = opt.fmin_cg(cost, t0, fprime=grad, args=(X, y), maxiter=20)
