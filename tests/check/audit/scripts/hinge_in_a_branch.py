import numpy as np


class LinearSvm:
    def __init__(self, rate, penalty):
        self.rate, self.penalty = rate, penalty

    def fit(self, points, sides, rounds):
        self.w, self.b = np.zeros(points.shape[1]), 0
        for _ in range(rounds):
            for point, side in zip(points, sides):
                far_enough = side * (np.dot(point, self.w) - self.b) >= 1
                if far_enough:
                    self.w -= self.rate * 2 * self.penalty * self.w
                else:
                    self.w -= self.rate * (2 * self.penalty * self.w - side * point)
                    self.b -= self.rate * side


rng = np.random.RandomState(3)
points = np.vstack([rng.randn(12, 2) + 1.5, rng.randn(12, 2) - 1.5])
sides = np.repeat([1, -1], 12)
order = rng.permutation(24)
svm = LinearSvm(0.02, 0.05)
svm.fit(points[order], sides[order], 5)
print(svm.w, svm.b)
