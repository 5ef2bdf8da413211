import numpy as np

np.random.seed(10)
X = np.random.randn(40, 6)
y = np.random.randint(0, 4, 40)
W = 0.1 * np.random.randn(6, 4)
reg, lr = 0.1, 0.05
for it in range(20):
    scores = X.dot(W)
    correct = scores[np.arange(40), y][:, np.newaxis]
    margins = np.maximum(0, scores - correct + 1.0)
    margins[np.arange(40), y] = 0
    loss = margins.sum() / 40 + reg * np.sum(W * W)
    binary = (margins > 0).astype(float)
    binary[np.arange(40), y] = -binary.sum(axis=1)
    dW = X.T.dot(binary) / 40 + 2 * reg * W
    W -= lr * dW
    print(it, loss)
