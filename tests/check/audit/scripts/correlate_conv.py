import numpy as np

rng = np.random.RandomState(80)
signals = rng.randn(6, 12)
targets = rng.randn(6)
kernel = rng.randn(3) * 0.5
w = rng.randn(10) * 0.3
b = 0.0
lr = 0.02
for epoch in range(4):
    total = 0.0
    for x, t in zip(signals, targets):
        z = np.correlate(x, kernel, mode="valid")
        a = np.tanh(z)
        y = a @ w + b
        total += (y - t) ** 2
        dy = 2 * (y - t)
        dw = dy * a
        db = dy
        dz = dy * w * (1 - a ** 2)
        dk = np.correlate(x, dz, mode="valid")
        w = w - lr * dw
        b = b - lr * db
        kernel = kernel - lr * dk
    print(epoch, total / len(signals))
