import numpy as np
from io import StringIO
text = "\n".join(f"{i*.1:.2f},{(i*.1)**2:.3f},{int(i > 12)}" for i in range(25))
data = np.genfromtxt(StringIO(text), delimiter=',')
np.random.RandomState(0).shuffle(data)
split = int(.8 * len(data))
Xtr, ytr, Xte, yte = data[:split, :2], data[:split, 2:], data[split:, :2], data[split:, 2:]
mu, sd = Xtr.mean(0), Xtr.std(0)
Xtr, Xte = (Xtr - mu) / sd, (Xte - mu) / sd
def addones(X): return np.hstack((np.ones((X.shape[0], 1)), X))
theta = np.zeros((3, 1))
def h(X): return 1 / (1 + np.exp(-np.dot(addones(X), theta)))
for i in range(300):
    grad = np.dot(addones(Xtr).T, h(Xtr) - ytr) / ytr.size
    theta = theta - 0.5 * grad
    if i % 100 == 0:
        print('train', np.mean((h(Xtr) > .5) == ytr), 'test', np.mean((h(Xte) > .5) == yte))
