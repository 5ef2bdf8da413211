import numpy as np

np.random.seed(40)
data = np.random.rand(25, 6)
We = np.random.randn(6, 3) * 0.5
Wd = np.random.randn(3, 6) * 0.5
be, bd = np.zeros(3), np.zeros(6)
lr = 0.4
grads = [np.empty_like(p) for p in (We, be, Wd, bd)]
for epoch in range(20):
    code = np.matmul(data, We)
    np.add(code, be, out=code)
    np.negative(code, out=code)
    np.exp(code, out=code)
    code += 1
    np.reciprocal(code, out=code)
    rec = code @ Wd
    rec += bd
    diff = rec - data
    mse = np.mean(diff ** 2)
    diff *= 2.0 / diff.size
    np.matmul(code.T, diff, out=grads[2])
    np.sum(diff, axis=0, out=grads[3])
    back = diff @ Wd.T
    back *= code
    back *= 1 - code
    np.matmul(data.T, back, out=grads[0])
    np.sum(back, axis=0, out=grads[1])
    for p, g in zip((We, be, Wd, bd), grads):
        p -= lr * g
print(mse)
