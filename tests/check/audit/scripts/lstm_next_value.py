# LSTM predicting the next value of a sine, numpy only
import numpy as np

np.random.seed(42)
T = 12
H = 5
lr = 0.05

def sigmoid(x):
    return 1 / (1 + np.exp(-x))

p = {}
for g in ['f', 'i', 'c', 'o']:
    p['W' + g] = np.random.randn(H, H + 1) * 0.3
    p['b' + g] = np.zeros((H, 1))
p['Wy'] = np.random.randn(1, H) * 0.3
p['by'] = np.zeros((1, 1))

def forward(xs, ys, p):
    h = np.zeros((H, 1))
    c = np.zeros((H, 1))
    cache = []
    loss = 0
    for t in range(len(xs)):
        z = np.vstack((h, [[xs[t]]]))
        f = sigmoid(np.dot(p['Wf'], z) + p['bf'])
        i = sigmoid(np.dot(p['Wi'], z) + p['bi'])
        c_bar = np.tanh(np.dot(p['Wc'], z) + p['bc'])
        o = sigmoid(np.dot(p['Wo'], z) + p['bo'])
        c_old = c
        c = f * c_old + i * c_bar
        h = o * np.tanh(c)
        y = np.dot(p['Wy'], h) + p['by']
        loss += 0.5 * ((y - ys[t]) ** 2).sum()
        cache.append((z, f, i, c_bar, o, c_old, c, h, y))
    return loss, cache

def backward(ys, p, cache):
    grads = {k: np.zeros_like(v) for k, v in p.items()}
    dh_next = np.zeros((H, 1))
    dc_next = np.zeros((H, 1))
    for t in reversed(range(len(cache))):
        z, f, i, c_bar, o, c_old, c, h, y = cache[t]
        dy = y - ys[t]
        grads['Wy'] += np.dot(dy, h.T)
        grads['by'] += dy
        dh = np.dot(p['Wy'].T, dy) + dh_next
        do = dh * np.tanh(c) * o * (1 - o)
        dc = dh * o * (1 - np.tanh(c) ** 2) + dc_next
        dc_bar = dc * i * (1 - c_bar ** 2)
        di = dc * c_bar * i * (1 - i)
        df = dc * c_old * f * (1 - f)
        dz = np.zeros_like(z)
        for name, d in zip('fico', (df, di, dc_bar, do)):
            grads['W' + name] += np.dot(d, z.T)
            grads['b' + name] += d
            dz += np.dot(p['W' + name].T, d)
        dh_next = dz[:H, :]
        dc_next = f * dc
    return grads

series = np.sin(np.linspace(0, 8 * np.pi, 100))
for epoch in range(15):
    total = 0
    for s in range(0, 80, T):
        xs, ys = series[s:s + T], series[s + 1:s + T + 1]
        loss, cache = forward(xs, ys, p)
        grads = backward(ys, p, cache)
        for k in p:
            p[k] -= lr * grads[k]
        total += loss
    if epoch % 5 == 0:
        print('epoch', epoch, 'loss', total)
