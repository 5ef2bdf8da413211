import numpy as np
rng = np.random.default_rng(0)
signal = rng.normal(size=(8, 10))
label = rng.normal(size=(8,))
kernel = rng.normal(size=3) * .5
bias = 0.0
dense = rng.normal(size=8) * .5
for epoch in range(20):
    total = 0
    gk, gb, gd = np.zeros(3), 0.0, np.zeros(8)
    for x, t in zip(signal, label):
        feat = np.array([np.sum(x[i:i + 3] * kernel) + bias for i in range(8)])
        act = np.maximum(feat, 0)
        pred = act @ dense
        total += (pred - t) ** 2
        dpred = 2 * (pred - t)
        gd += dpred * act
        dact = dpred * dense
        dfeat = dact * (feat > 0)
        for i in range(8):
            gk += dfeat[i] * x[i:i + 3]
            gb += dfeat[i]
    kernel -= 0.002 * gk
    bias -= 0.002 * gb
    dense -= 0.002 * gd
    print(epoch, total)
