import numpy as np
def relu(x): return np.maximum(x, 0)
def drelu(x): return (x > 0) * 1.0
rng = np.random.RandomState(4)
X = rng.rand(50, 2); Y = (np.sin(3*X[:, :1]) + X[:, 1:]**2)
W = [rng.randn(2, 16)*.5, rng.randn(16, 16)*.3, rng.randn(16, 1)*.3]
B = [np.zeros((1, 16)), np.zeros((1, 16)), np.zeros((1, 1))]
m = [np.zeros_like(w) for w in W + B]; v = [np.zeros_like(w) for w in W + B]
b1, b2, eps, lr = .9, .999, 1e-8, 1e-2
for step in range(1, 200):
    A = [X]; Z = []
    for i in range(3):
        z = A[-1] @ W[i] + B[i]; Z.append(z)
        A.append(relu(z) if i < 2 else z)
    loss = ((A[-1] - Y)**2).mean()
    delta = 2*(A[-1] - Y)/len(X)
    gW, gB = [None]*3, [None]*3
    for i in (2, 1, 0):
        gW[i] = A[i].T @ delta
        gB[i] = delta.sum(0, keepdims=True)
        if i: delta = (delta @ W[i].T) * drelu(Z[i-1])
    for k, (p, g) in enumerate(zip(W + B, gW + gB)):
        m[k] = b1*m[k] + (1-b1)*g
        v[k] = b2*v[k] + (1-b2)*g**2
        mh = m[k]/(1-b1**step); vh = v[k]/(1-b2**step)
        p -= lr*mh/(np.sqrt(vh)+eps)
print(loss)
