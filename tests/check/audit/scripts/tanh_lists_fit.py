import math
pts = [(i / 10, math.sin(i / 3)) for i in range(12)]
w1 = [0.3, -0.2, 0.5]; b1 = [0.1, 0.0, -0.1]; w2 = [0.2, 0.4, -0.3]; b2 = 0.05
lr = 0.05
for epoch in range(60):
    g1 = [0, 0, 0]; gb1 = [0, 0, 0]; g2 = [0, 0, 0]; gb2 = 0; sse = 0
    for x, y in pts:
        h = [math.tanh(w * x + b) for w, b in zip(w1, b1)]
        out = b2
        for k in range(3): out += w2[k] * h[k]
        e = out - y; sse += e * e
        gb2 += 2 * e / len(pts)
        for k in range(3):
            g2[k] += 2 * e * h[k] / len(pts)
            dh = 2 * e * w2[k] * (1 - h[k] * h[k]) / len(pts)
            g1[k] += dh * x; gb1[k] += dh
    w1 = [w - lr * g for w, g in zip(w1, g1)]; b1 = [w - lr * g for w, g in zip(b1, gb1)]
    w2 = [w - lr * g for w, g in zip(w2, g2)]; b2 -= lr * gb2
    if epoch % 20 == 0: print(epoch, sse / len(pts))
