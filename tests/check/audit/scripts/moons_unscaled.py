import numpy as np
rng = np.random.default_rng(4)
x = rng.normal(size=(25, 2)); y = (x[:, 0] * x[:, 1] > 0).astype(int)
theta = {'W1': rng.normal(size=(2, 6)), 'b1': np.zeros(6), 'W2': rng.normal(size=(6, 2)), 'b2': np.zeros(2)}
def predict(theta, x):
    z1 = x.dot(theta['W1']) + theta['b1']
    a1 = np.tanh(z1)
    z2 = a1.dot(theta['W2']) + theta['b2']
    e = np.exp(z2)
    return z1, a1, e / np.sum(e, axis=1, keepdims=True)
def calculate_loss(theta):
    probs = predict(theta, x)[2]
    data_loss = np.sum(-np.log(probs[range(25), y]))
    data_loss += 0.01 / 2 * (np.sum(np.square(theta['W1'])) + np.sum(np.square(theta['W2'])))
    return 1. / 25 * data_loss
for i in range(60):
    z1, a1, probs = predict(theta, x)
    delta3 = probs.copy()
    delta3[range(25), y] -= 1
    dW2 = (a1.T).dot(delta3)
    db2 = np.sum(delta3, axis=0, keepdims=True)[0]
    delta2 = delta3.dot(theta['W2'].T) * (1 - np.power(a1, 2))
    dW1 = np.dot(x.T, delta2)
    db1 = np.sum(delta2, axis=0)
    dW2 += 0.01 * theta['W2']
    dW1 += 0.01 * theta['W1']
    theta['W1'] += -0.01 * dW1
    theta['b1'] += -0.01 * db1
    theta['W2'] += -0.01 * dW2
    theta['b2'] += -0.01 * db2
    if i % 20 == 0:
        print("Loss after iteration %i: %f" % (i, calculate_loss(theta)))
