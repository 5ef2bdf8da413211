import numpy as np
np.random.seed(5)
x = np.linspace(-1, 1, 30); y = np.sin(3*x)
coef = np.random.randn(4)
v = np.zeros(4); m1 = np.zeros(4); m2 = np.zeros(4)
b1, b2, eps, lr = 0.9, 0.999, 1e-8, 0.05
for t in range(1, 60):
    P = np.vander(x, 4)
    r = P @ coef - y
    loss = np.mean(r**2)
    g = 2*P.T @ r/len(x)
    m1 = b1*m1 + (1-b1)*g
    m2 = b2*m2 + (1-b2)*g**2
    mh = m1/(1-b1**t)
    vh = m2/(1-b2**t)
    coef = coef - lr*mh/(np.sqrt(vh)+eps)
print(loss)
