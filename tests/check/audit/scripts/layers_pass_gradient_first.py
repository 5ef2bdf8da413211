import numpy as np

class Dense:
    def __init__(self, n_in, n_out, seed):
        r = np.random.RandomState(seed)
        self.weights = r.uniform(-0.5, 0.5, (n_in, n_out))
        self.bias = np.zeros((1, n_out))

    def forward(self, data):
        self.data = data
        return data.dot(self.weights) + self.bias

    def backward(self, grad, rate):
        passed = grad.dot(self.weights.T)
        self.weights -= rate * self.data.T.dot(grad)
        self.bias -= rate * grad.sum(axis=0, keepdims=True)
        return passed

class Tanh:
    def forward(self, data):
        self.out = np.tanh(data)
        return self.out

    def backward(self, grad, rate):
        return grad * (1 - self.out ** 2)

X = np.array([[0., 0.], [0., 1.], [1., 0.], [1., 1.]])
Y = np.array([[0.], [1.], [1.], [0.]])
net = [Dense(2, 4, 0), Tanh(), Dense(4, 1, 1), Tanh()]
for step in range(200):
    out = X
    for layer in net:
        out = layer.forward(out)
    cost = np.mean((out - Y) ** 2)
    grad = 2 * (out - Y) / Y.size
    for layer in reversed(net):
        grad = layer.backward(grad, 0.2)
    if step % 50 == 0:
        print(step, cost)
