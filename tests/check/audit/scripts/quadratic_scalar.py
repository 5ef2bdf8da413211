from random import seed, gauss

seed(3)
points = [(x / 10.0, 2.0 * x / 10.0 + 1.0 + gauss(0, 0.1)) for x in range(20)]


def step_gradient(b_current, m_current, points, rate):
    b_gradient = 0
    m_gradient = 0
    N = float(len(points))
    for x, y in points:
        b_gradient += -(2 / N) * (y - ((m_current * x) + b_current))
        m_gradient += -(2 / N) * x * (y - ((m_current * x) + b_current))
    new_b = b_current - (rate * b_gradient)
    new_m = m_current - (rate * m_gradient)
    return [new_b, new_m]


b = 0.0
m = 0.0
for i in range(30):
    b, m = step_gradient(b, m, points, 0.05)
print(b, m)
