import numpy as np

rs = np.random.RandomState(5)
A = rs.randn(50, 4)
w_true = np.array([1.0, -2.0, 0.5, 3.0])
target = A @ w_true + 0.1 * rs.randn(50)
w = rs.randn(4)
vel = np.zeros(4)
base = 0.05
for k in range(40):
    lr = base / (1 + 0.1 * k)
    prev = vel.copy()
    err = A @ w - target
    cost = (err ** 2).mean()
    g = 2 * A.T @ err / len(A)
    vel = 0.8 * vel - lr * g
    w = w - 0.8 * prev + 1.8 * vel
    if k % 10 == 0:
        print(cost)
