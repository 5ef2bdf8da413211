import numpy as np
np.random.seed(3)
X = np.random.randn(60, 5)*[1, 2, 3, 4, 5]; X = (X - X.mean(0))/X.std(0)
y = X @ [1., 0, -2, 0, .5] + np.random.randn(60)*.1
w = np.zeros(5); b = 0.
lr, l1, l2 = .1, .01, .05
best = np.inf
for ep in range(100):
    r = X.dot(w) + b - y
    cost = (r**2).mean() + l1*np.abs(w).sum() + l2*(w**2).sum()
    if cost > best: lr *= .5
    best = min(best, cost)
    gw = 2*X.T.dot(r)/len(y) + l1*np.sign(w) + 2*l2*w
    gb = 2*r.mean()
    w -= lr*gw; b -= lr*gb
print(cost, w)
