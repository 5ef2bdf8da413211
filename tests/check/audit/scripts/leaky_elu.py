import numpy as np

np.random.seed(50)


def leaky(z):
    return np.where(z > 0, z, 0.1 * z)


def d_leaky(z):
    dz = np.ones_like(z)
    dz[z < 0] = 0.1
    return dz


def elu(z, a=1.0):
    return np.where(z > 0, z, a * (np.exp(z) - 1))


def d_elu(z, a=1.0):
    return np.where(z > 0, 1, a * np.exp(z))


X = np.random.randn(4, 30)
Y = np.random.randn(2, 30)
W1, b1 = np.random.randn(6, 4) * 0.4, np.zeros((6, 1))
W2, b2 = np.random.randn(5, 6) * 0.4, np.zeros((5, 1))
W3, b3 = np.random.randn(2, 5) * 0.4, np.zeros((2, 1))
m = X.shape[1]
for i in range(30):
    Z1 = W1.dot(X) + b1
    A1 = leaky(Z1)
    Z2 = W2.dot(A1) + b2
    A2 = elu(Z2)
    Z3 = W3.dot(A2) + b3
    cost = np.sum(np.square(Z3 - Y)) / (2 * m)
    dZ3 = Z3 - Y
    dW3 = 1. / m * dZ3.dot(A2.T)
    db3 = 1. / m * np.sum(dZ3, axis=1, keepdims=True)
    dA2 = W3.T.dot(dZ3)
    dZ2 = dA2 * d_elu(Z2)
    dW2 = 1. / m * dZ2.dot(A1.T)
    db2 = 1. / m * np.sum(dZ2, axis=1, keepdims=True)
    dA1 = W2.T.dot(dZ2)
    dZ1 = dA1 * d_leaky(Z1)
    dW1 = 1. / m * dZ1.dot(X.T)
    db1 = 1. / m * np.sum(dZ1, axis=1, keepdims=True)
    W1 = W1 - 0.1 * dW1
    b1 = b1 - 0.1 * db1
    W2 = W2 - 0.1 * dW2
    b2 = b2 - 0.1 * db2
    W3 = W3 - 0.1 * dW3
    b3 = b3 - 0.1 * db3
    if i % 10 == 0:
        print("Cost after iteration %i: %f" % (i, cost))
