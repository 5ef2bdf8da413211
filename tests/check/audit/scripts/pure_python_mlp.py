import math
import random

random.seed(1)


def sigmoid(x):
    return 1.0 / (1.0 + math.exp(-x))


class Neuron:
    def __init__(self, n):
        self.weights = [random.uniform(-1, 1) for _ in range(n)]
        self.bias = random.uniform(-1, 1)

    def output(self, inputs):
        self.inputs = inputs
        total = self.bias
        for i in range(len(inputs)):
            total += self.weights[i] * inputs[i]
        self.out = sigmoid(total)
        return self.out


class Net:
    def __init__(self, n_in, n_hid, n_out):
        self.hidden = [Neuron(n_in) for _ in range(n_hid)]
        self.outs = [Neuron(n_hid) for _ in range(n_out)]

    def forward(self, x):
        h = [n.output(x) for n in self.hidden]
        return [n.output(h) for n in self.outs]

    def train(self, x, t, lr):
        self.forward(x)
        out_d = []
        for o, n in enumerate(self.outs):
            out_d.append(-(t[o] - n.out) * n.out * (1 - n.out))
        hid_d = []
        for h, n in enumerate(self.hidden):
            err = 0.0
            for o, m in enumerate(self.outs):
                err += out_d[o] * m.weights[h]
            hid_d.append(err * n.out * (1 - n.out))
        for o, n in enumerate(self.outs):
            for w in range(len(n.weights)):
                n.weights[w] -= lr * out_d[o] * n.inputs[w]
            n.bias -= lr * out_d[o]
        for h, n in enumerate(self.hidden):
            for w in range(len(n.weights)):
                n.weights[w] -= lr * hid_d[h] * n.inputs[w]
            n.bias -= lr * hid_d[h]


data = [([0, 0], [0]), ([0, 1], [1]), ([1, 0], [1]), ([1, 1], [0])]
net = Net(2, 3, 1)
for epoch in range(50):
    for x, t in data:
        net.train(x, t, 0.5)
    error = 0.0
    for x, t in data:
        error += 0.5 * (t[0] - net.forward(x)[0]) ** 2
print(error)
