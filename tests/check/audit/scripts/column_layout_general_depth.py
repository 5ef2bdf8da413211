import numpy as np

def initialize(dims):
    np.random.seed(1)
    params = {}
    for l in range(1, len(dims)):
        params['W' + str(l)] = np.random.randn(dims[l], dims[l-1]) / np.sqrt(dims[l-1])
        params['b' + str(l)] = np.zeros((dims[l], 1))
    return params

def relu(Z): return np.maximum(0, Z), Z
def sigmoid(Z): return 1 / (1 + np.exp(-Z)), Z

def linear_forward(A, W, b):
    return W.dot(A) + b, (A, W, b)

def forward(X, params):
    caches, A = [], X
    L = len(params) // 2
    for l in range(1, L):
        Z, lin = linear_forward(A, params['W' + str(l)], params['b' + str(l)])
        A, act = relu(Z)
        caches.append((lin, act))
    Z, lin = linear_forward(A, params['W' + str(L)], params['b' + str(L)])
    AL, act = sigmoid(Z)
    caches.append((lin, act))
    return AL, caches

def compute_cost(AL, Y):
    m = Y.shape[1]
    cost = (1. / m) * (-np.dot(Y, np.log(AL).T) - np.dot(1 - Y, np.log(1 - AL).T))
    return np.squeeze(cost)

def relu_backward(dA, Z):
    dZ = np.array(dA, copy=True)
    dZ[Z <= 0] = 0
    return dZ

def sigmoid_backward(dA, Z):
    s = 1 / (1 + np.exp(-Z))
    return dA * s * (1 - s)

def linear_backward(dZ, cache):
    A_prev, W, b = cache
    m = A_prev.shape[1]
    dW = 1. / m * np.dot(dZ, A_prev.T)
    db = 1. / m * np.sum(dZ, axis=1, keepdims=True)
    return np.dot(W.T, dZ), dW, db

def backward(AL, Y, caches):
    grads, L = {}, len(caches)
    Y = Y.reshape(AL.shape)
    dA = -(np.divide(Y, AL) - np.divide(1 - Y, 1 - AL))
    lin, Z = caches[L-1]
    dA, grads['dW' + str(L)], grads['db' + str(L)] = linear_backward(sigmoid_backward(dA, Z), lin)
    for l in reversed(range(L-1)):
        lin, Z = caches[l]
        dA, grads['dW' + str(l+1)], grads['db' + str(l+1)] = linear_backward(relu_backward(dA, Z), lin)
    return grads

def update(params, grads, lr):
    for l in range(len(params) // 2):
        params['W' + str(l+1)] = params['W' + str(l+1)] - lr * grads['dW' + str(l+1)]
        params['b' + str(l+1)] = params['b' + str(l+1)] - lr * grads['db' + str(l+1)]
    return params

X = np.random.RandomState(0).randn(5, 40)
Y = (np.sum(X, axis=0, keepdims=True) > 0).astype(int)
params = initialize([5, 7, 4, 1])
costs = []
for i in range(300):
    AL, caches = forward(X, params)
    cost = compute_cost(AL, Y)
    grads = backward(AL, Y, caches)
    params = update(params, grads, 0.0075)
    if i % 100 == 0:
        costs.append(cost); print('Cost after iteration {}: {}'.format(i, cost))
