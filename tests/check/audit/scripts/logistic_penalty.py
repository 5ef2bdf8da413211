import numpy as np
def sigmoid(z): return 1/(1+np.exp(-z))
def cost(theta, X, y, lam):
    m = len(y)
    h = sigmoid(X @ theta)
    return (-y.T @ np.log(h) - (1-y).T @ np.log(1-h)).item()/m + lam/(2*m)*np.sum(theta[1:]**2)
def gradient(theta, X, y, lam):
    m = len(y)
    h = sigmoid(X @ theta)
    g = X.T @ (h - y) / m
    r = theta.copy()
    r[0] = 0
    return g + lam/m*r
np.random.seed(1)
X = np.c_[np.ones(40), np.random.randn(40, 2)]
y = (X[:, 1:2] + X[:, 2:] > 0) * 1.0
theta = np.random.randn(3, 1)
for i in range(100):
    theta = theta - 0.3*gradient(theta, X, y, 1.0)
    if i % 20 == 0: print(cost(theta, X, y, 1.0))
