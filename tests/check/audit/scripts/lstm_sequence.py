import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


rng = np.random.default_rng(8)
D, H, T = 3, 4, 4
P = {"W" + g: rng.normal(size=(H, D + H)) * 0.4 for g in "fioc"}
P.update({"b" + g: np.zeros((H, 1)) for g in "fioc"})
P["Wy"] = rng.normal(size=(1, H)) * 0.4
xs = rng.normal(size=(T, D, 1))
ts = rng.normal(size=(T, 1, 1))
for epoch in range(20):
    h, c = np.zeros((H, 1)), np.zeros((H, 1))
    trace, loss = [], 0.0
    for t in range(T):
        z = np.vstack((h, xs[t]))
        f = sigmoid(P["Wf"] @ z + P["bf"])
        i = sigmoid(P["Wi"] @ z + P["bi"])
        o = sigmoid(P["Wo"] @ z + P["bo"])
        g = np.tanh(P["Wc"] @ z + P["bc"])
        c_old = c
        c = f * c_old + i * g
        h = o * np.tanh(c)
        y = P["Wy"] @ h
        loss += 0.5 * float(((y - ts[t]) ** 2).sum())
        trace.append((z, f, i, o, g, c_old, c, h, y))
    G = {k: np.zeros_like(v) for k, v in P.items()}
    dh_next, dc_next = np.zeros((H, 1)), np.zeros((H, 1))
    for t in reversed(range(T)):
        z, f, i, o, g, c_old, c_now, h_now, y = trace[t]
        dy = y - ts[t]
        G["Wy"] += dy @ h_now.T
        dh = P["Wy"].T @ dy + dh_next
        do = dh * np.tanh(c_now) * o * (1 - o)
        dc = dh * o * (1 - np.tanh(c_now) ** 2) + dc_next
        df = dc * c_old * f * (1 - f)
        di = dc * g * i * (1 - i)
        dg = dc * i * (1 - g ** 2)
        dz = 0
        for name, d in (("f", df), ("i", di), ("o", do), ("c", dg)):
            G["W" + name] += d @ z.T
            G["b" + name] += d
            dz = dz + P["W" + name].T @ d
        dh_next = dz[:H]
        dc_next = dc * f
    for k in P:
        P[k] -= 0.1 * G[k]
    if epoch % 5 == 0:
        print(epoch, loss)
