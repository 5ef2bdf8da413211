import numpy as np
np.random.seed(8)
N, D, H, C = 20, 5, 8, 3
X = np.random.randn(N, D)
t = np.random.randint(0, C, N)
params = dict(W1=np.random.randn(D, H) * .3, b1=np.zeros(H), W2=np.random.randn(H, C) * .3, b2=np.zeros(C))
keep = 0.7
def softmax(s):
    e = np.exp(s - s.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)
for epoch in range(25):
    hidden = np.maximum(0, X @ params["W1"] + params["b1"])
    mask = np.random.rand(*hidden.shape) < keep
    dropped = hidden * mask / keep
    prob = softmax(dropped @ params["W2"] + params["b2"])
    nll = -np.log(prob[np.arange(N), t]).mean()
    ds = prob.copy()
    ds[np.arange(N), t] -= 1
    ds /= N
    grads = {}
    grads["W2"] = dropped.T @ ds
    grads["b2"] = ds.sum(0)
    dh = ds @ params["W2"].T * mask / keep
    dh[hidden <= 0] = 0
    grads["W1"] = X.T @ dh
    grads["b1"] = dh.sum(0)
    for name in params:
        params[name] -= 0.3 * grads[name]
print(nll)
