import numpy as np

np.random.seed(20)
features = np.random.randn(50, 2)
target = (features @ [1.5, -1] + 0.3 * np.random.randn(50) > 0).astype(int)
features = np.hstack((np.ones((50, 1)), features))
weights = np.zeros(3)
for step in range(40):
    scores = np.dot(features, weights)
    predictions = 1 / (1 + np.exp(-scores))
    error = target - predictions
    gradient = np.dot(features.T, error)
    weights += 0.01 * gradient
    if step % 10 == 0:
        ll = np.sum(target * scores - np.log(1 + np.exp(scores)))
        print(ll)
