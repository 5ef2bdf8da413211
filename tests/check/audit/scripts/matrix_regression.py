import numpy as np

np.random.seed(9)
x = np.matrix(np.random.rand(20, 2))
x = np.c_[np.ones(20), x]
y = x * np.matrix([[1.0], [2.0], [-1.0]]) + 0.05 * np.random.randn(20, 1)
theta = np.matrix(np.zeros((3, 1)))
alpha, m = 0.3, 20
for it in range(30):
    residual = x * theta - y
    J = float((residual.T * residual)[0, 0]) / (2 * m)
    grad = x.T * residual / m
    theta = theta - alpha * grad
    if it % 10 == 0:
        print(J)
print(theta.T)
