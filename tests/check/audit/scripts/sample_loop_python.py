import random
from math import exp, tanh

random.seed(42)
data = [([random.uniform(-1, 1), random.uniform(-1, 1)], None) for _ in range(20)]
data = [(x, 1.0 if x[0] * x[1] > 0 else 0.0) for x, _ in data]
H = 4
W = [[random.gauss(0, 1) for _ in range(2)] for _ in range(H)]
b = [0.0] * H
v = [random.gauss(0, 1) for _ in range(H)]
c = 0.0
lr = 0.3
def predict(x):
    hidden = [tanh(sum(w * xi for w, xi in zip(row, x)) + bi) for row, bi in zip(W, b)]
    s = sum(vi * h for vi, h in zip(v, hidden)) + c
    return hidden, 1.0 / (1.0 + exp(-s))

for epoch in range(30):
    correct = 0
    for x, y in data:
        hidden, p = predict(x)
        correct += (p > 0.5) == (y > 0.5)
        err = p - y
        gh = [err * v[j] * (1 - hidden[j] ** 2) for j in range(H)]
        for j in range(H):
            v[j] -= lr * err * hidden[j]
            for k in range(2):
                W[j][k] -= lr * gh[j] * x[k]
            b[j] -= lr * gh[j]
        c -= lr * err
    if epoch % 10 == 0:
        print(epoch, correct / len(data))
