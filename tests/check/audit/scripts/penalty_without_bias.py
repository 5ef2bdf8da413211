import numpy as np
rng = np.random.default_rng(21)
features = rng.normal(size=(40, 3))
labels = (features[:, 0] - features[:, 1] > 0).astype(float)
theta = rng.normal(size=4) * .1
lam, alpha = 0.1, 0.3

def predict(theta, features):
    return 1 / (1 + np.exp(-(features @ theta[1:] + theta[0])))

def cost(theta):
    h = predict(theta, features)
    fit = -np.mean(labels * np.log(h) + (1 - labels) * np.log(1 - h))
    return fit + lam / 2 * np.sum(theta[1:] ** 2)

def gradient(theta):
    h = predict(theta, features)
    g = np.zeros_like(theta)
    g[0] = np.mean(h - labels)
    g[1:] = features.T @ (h - labels) / len(labels)
    return g + lam * np.r_[0, theta[1:]]

for i in range(60):
    J = cost(theta)
    theta = theta - alpha * gradient(theta)
print(J)
