import numpy as np
rng = np.random.default_rng(19)
A = rng.normal(size=(20, 4)); B = A + rng.normal(size=(20, 4)) * np.where(rng.random(20) < .5, .1, 1.5)[:, None]
same = (np.linalg.norm(A - B, axis=1) < 1).astype(float)
W = rng.normal(size=(4, 3)) * .5; margin = 1.
for i in range(40):
    ea, eb = A @ W, B @ W
    diff = ea - eb
    dist = np.sqrt((diff ** 2).sum(1) + 1e-9)
    gap = np.maximum(0, margin - dist)
    loss = np.mean(same * dist ** 2 + (1 - same) * gap ** 2)
    ddist = (2 * same * dist - 2 * (1 - same) * gap) / len(A)
    ddiff = (ddist / dist)[:, None] * diff
    W -= .1 * (A.T @ ddiff - B.T @ ddiff)
    if i % 10 == 0: print(i, loss)
