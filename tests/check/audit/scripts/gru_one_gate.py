import numpy as np
rng = np.random.default_rng(33)
sg = lambda v: 1 / (1 + np.exp(-v))
I, H, T = 2, 3, 4
Wz, Wc = rng.normal(size=(H, I + H)) * .4, rng.normal(size=(H, I + H)) * .4
bz, bc = np.zeros(H), np.zeros(H)
out = rng.normal(size=H) * .4
xs, target = rng.normal(size=(T, I)), 0.7
for epoch in range(30):
    h, tape = np.zeros(H), []
    for x in xs:
        v = np.concatenate([x, h])
        z, c = sg(Wz @ v + bz), np.tanh(Wc @ v + bc)
        tape.append((v, h, z, c))
        h = (1 - z) * h + z * c
    y = out @ h
    loss = .5 * (y - target) ** 2
    gWz, gWc, gbz, gbc = np.zeros_like(Wz), np.zeros_like(Wc), np.zeros_like(bz), np.zeros_like(bc)
    gout = (y - target) * h
    dh = (y - target) * out
    for v, hp, z, c in reversed(tape):
        dz = dh * (c - hp) * z * (1 - z)
        dc = dh * z * (1 - c ** 2)
        gWz += np.outer(dz, v); gbz += dz
        gWc += np.outer(dc, v); gbc += dc
        dv = Wz.T @ dz + Wc.T @ dc
        dh = dh * (1 - z) + dv[I:]
    for prm, grad in ((Wz, gWz), (Wc, gWc), (bz, gbz), (bc, gbc), (out, gout)):
        prm -= .1 * grad
print(loss)
