import numpy as np
rs = np.random.RandomState(0)
N, D, H, C = 30, 4, 6, 3
X = rs.randn(N, D); t = rs.randint(C, size=N)
W1 = 0.1*rs.randn(D, H); b1 = np.zeros((1, H)); W2 = 0.1*rs.randn(H, C); b2 = np.zeros((1, C))
reg = 1e-3
for i in range(50):
    hidden_layer = np.maximum(0, np.dot(X, W1) + b1)
    scores = np.dot(hidden_layer, W2) + b2
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    correct_logprobs = -np.log(probs[range(N), t])
    data_loss = np.sum(correct_logprobs)/N
    reg_loss = 0.5*reg*np.sum(W1*W1) + 0.5*reg*np.sum(W2*W2)
    loss = data_loss + reg_loss
    if i % 10 == 0: print("iteration %d: loss %f" % (i, loss))
    dscores = probs
    dscores[range(N), t] -= 1
    dscores /= N
    dW2 = np.dot(hidden_layer.T, dscores)
    db2 = np.sum(dscores, axis=0, keepdims=True)
    dhidden = np.dot(dscores, W2.T)
    dhidden[hidden_layer <= 0] = 0
    dW = np.dot(X.T, dhidden)
    db = np.sum(dhidden, axis=0, keepdims=True)
    dW2 += reg * W2
    dW += reg * W1
    W1 += -1.0 * dW
    b1 += -1.0 * db
    W2 += -1.0 * dW2
    b2 += -1.0 * db2
