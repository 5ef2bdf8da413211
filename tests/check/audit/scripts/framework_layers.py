import numpy as np


class Layer:
    def forward(self, x):
        raise NotImplementedError


class FC(Layer):
    def __init__(self, i, o):
        self.weights = np.random.rand(i, o) - 0.5
        self.bias = np.random.rand(1, o) - 0.5

    def forward(self, x):
        self.input = x
        return np.dot(self.input, self.weights) + self.bias

    def backward(self, output_error, rate):
        input_error = np.dot(output_error, self.weights.T)
        weights_error = np.dot(self.input.T, output_error)
        self.weights -= rate * weights_error
        self.bias -= rate * output_error
        return input_error


class Activation(Layer):
    def __init__(self, f, fp):
        self.f, self.fp = f, fp

    def forward(self, x):
        self.input = x
        return self.f(x)

    def backward(self, output_error, rate):
        return self.fp(self.input) * output_error


def tanh(x):
    return np.tanh(x)


def tanh_prime(x):
    return 1 - np.tanh(x) ** 2


def mse(t, p):
    return np.mean(np.power(t - p, 2))


def mse_prime(t, p):
    return 2 * (p - t) / t.size


np.random.seed(0)
x_train = np.array([[[0, 0]], [[0, 1]], [[1, 0]], [[1, 1]]])
y_train = np.array([[[0]], [[1]], [[1]], [[0]]])
layers = [FC(2, 3), Activation(tanh, tanh_prime), FC(3, 1), Activation(tanh, tanh_prime)]
for i in range(10):
    err = 0
    for j in range(len(x_train)):
        output = x_train[j]
        for layer in layers:
            output = layer.forward(output)
        err += mse(y_train[j], output)
        error = mse_prime(y_train[j], output)
        for layer in reversed(layers):
            error = layer.backward(error, 0.1)
    err /= len(x_train)
    print("epoch %d error=%f" % (i + 1, err))
