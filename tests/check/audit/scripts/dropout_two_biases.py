import numpy as np
np.random.seed(9)
X = np.random.randn(20, 5); T = np.random.randn(20, 2)
W1 = np.random.randn(5, 8)*.4; b1 = np.zeros(8); W2 = np.random.randn(8, 2)*.4; b2 = np.zeros(2)
p = 0.7
for i in range(20):
    H = np.maximum(0, X@W1+b1)
    M = np.random.rand(*H.shape) < p
    D = H*M/p
    O = D@W2+b2
    mse = np.mean((O-T)**2)
    dO = 2*(O-T)/T.size
    dW2 = D.T@dO; db2 = dO.sum(0)
    dD = dO@W2.T
    dH = dD*M/p
    dH[H<=0] = 0
    dW1 = X.T@dH; db1 = dH.sum(0)
    W1 -= .1*dW1; b1 -= .1*db1; W2 -= .1*dW2; b2 -= .1*db2
print(mse)
