xs = [0.0, 1.0, 2.0, 3.0, 4.0]
ys = [1.1, 2.9, 5.2, 7.1, 8.8]
a, b = 0.0, 0.0
alpha = 0.01
n = len(xs)
def mse(a, b):
    return sum((a * x + b - y) ** 2 for x, y in zip(xs, ys)) / n
for i in range(1000):
    ga = 2 / n * sum(x * (a * x + b - y) for x, y in zip(xs, ys))
    gb = 2 / n * sum(a * x + b - y for x, y in zip(xs, ys))
    a, b = a - alpha * ga, b - alpha * gb
    if i % 100 == 0:
        print(i, mse(a, b))
