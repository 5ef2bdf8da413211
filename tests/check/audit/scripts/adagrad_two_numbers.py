import numpy as np
rs = np.random.RandomState(20)
x = rs.rand(30) * 4
target = 3 * x - 9 + 0.1 * rs.randn(30)
w, b = 4.0, 6.0
cw, cb = 0.0, 0.0
for t in range(100):
    err = w * x + b - target
    mse = np.mean(err ** 2)
    dw = 2 * np.mean(err * x)
    db = 2 * np.mean(err)
    cw += dw ** 2
    cb += db ** 2
    w -= 0.05 * dw / (np.sqrt(cw) + 1e-8)
    b -= 0.05 * db / (np.sqrt(cb) + 1e-8)
print(w, b, mse)
