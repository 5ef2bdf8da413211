import numpy as np
np.random.seed(20)
X = np.random.randn(50, 2); y = (X[:, 0] ** 2 + X[:, 1] ** 2 < 1.2).astype(float).reshape(-1, 1)
net = {'W': [np.random.randn(2, 8), np.random.randn(8, 1)], 'b': [np.zeros((1, 8)), np.zeros((1, 1))]}
vel = {k: [np.zeros_like(a) for a in v] for k, v in net.items()}
beta, lr = .9, .1
for epoch in range(100):
    a0 = X
    a1 = np.tanh(a0 @ net['W'][0] + net['b'][0])
    a2 = 1 / (1 + np.exp(-(a1 @ net['W'][1] + net['b'][1])))
    cost = np.mean(-y * np.log(a2) - (1 - y) * np.log(1 - a2))
    d2 = a2 - y
    d1 = np.dot(d2, net['W'][1].T) * (1 - np.power(a1, 2))
    grads = {'W': [a0.T @ d1 / 50, a1.T @ d2 / 50], 'b': [np.mean(d1, 0, keepdims=True), np.mean(d2, 0, keepdims=True)]}
    for key in ('W', 'b'):
        for l in range(2):
            vel[key][l] = beta * vel[key][l] + (1 - beta) * grads[key][l]
            net[key][l] = net[key][l] - lr * vel[key][l]
    if epoch % 20 == 0: print(epoch, cost)
