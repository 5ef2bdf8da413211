import numpy as np
np.random.seed(42)
def forward(x, p):
    z1 = p['w1'] @ x + p['b1']
    a1 = np.tanh(z1)
    z2 = p['w2'] @ a1 + p['b2']
    a2 = np.tanh(z2)
    z3 = p['w3'] @ a2 + p['b3']
    return z1, a1, z2, a2, z3
p = {'w1': np.random.randn(4, 4)*.5, 'b1': np.zeros((4, 1)), 'w2': np.random.randn(4, 4)*.5, 'b2': np.zeros((4, 1)),
     'w3': np.random.randn(1, 4)*.5, 'b3': np.zeros((1, 1))}
X = np.random.randn(4, 20)
Y = np.sin(X.sum(axis=0, keepdims=True))
for epoch in range(30):
    z1, a1, z2, a2, z3 = forward(X, p)
    J = ((z3 - Y)**2).sum()/20
    g = {}
    d3 = 2*(z3 - Y)/20
    g['w3'] = d3 @ a2.T; g['b3'] = d3.sum(1, keepdims=True)
    d2 = (p['w3'].T @ d3) * (1 - a2**2)
    g['w2'] = d2 @ a1.T; g['b2'] = d2.sum(1, keepdims=True)
    d1 = (p['w2'].T @ d2) * (1 - a1**2)
    g['w1'] = d1 @ X.T; g['b1'] = d1.sum(1, keepdims=True)
    for k in p: p[k] -= 0.1*g[k]
    if epoch % 10 == 0: print(J)
