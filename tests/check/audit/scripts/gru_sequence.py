import numpy as np
np.random.seed(0)
sig = lambda x: 1/(1+np.exp(-x))
I, H, T = 2, 3, 5
Wz, Wr, Wh = [np.random.randn(H, I+H)*0.5 for _ in range(3)]
Wo = np.random.randn(1, H)*0.5
X = np.random.randn(T, I, 1)
Y = np.random.randn(T, 1, 1)
lr = 0.05
for it in range(30):
    h = np.zeros((H,1)); cache=[]; loss=0
    for t in range(T):
        c = np.concatenate((h, X[t]), axis=0)
        z = sig(Wz.dot(c)); r = sig(Wr.dot(c))
        c2 = np.concatenate((r*h, X[t]), axis=0)
        g = np.tanh(Wh.dot(c2))
        hn = (1-z)*h + z*g
        y = Wo.dot(hn)
        loss += ((y-Y[t])**2)[0,0]
        cache.append((h,c,z,r,c2,g,hn,y)); h = hn
    dWz=np.zeros_like(Wz); dWr=np.zeros_like(Wr); dWh=np.zeros_like(Wh); dWo=np.zeros_like(Wo)
    dhn = np.zeros((H,1))
    for t in range(T-1,-1,-1):
        h,c,z,r,c2,g,hn,y = cache[t]
        dy = 2*(y-Y[t])
        dWo += dy.dot(hn.T)
        dh = Wo.T.dot(dy)+dhn
        dg = dh*z*(1-g**2)
        dz = dh*(g-h)*z*(1-z)
        dWh += dg.dot(c2.T)
        dWz += dz.dot(c.T)
        dc2 = Wh.T.dot(dg)
        dr = dc2[:H]*h*r*(1-r)
        dWr += dr.dot(c.T)
        dc = Wz.T.dot(dz)+Wr.T.dot(dr)
        dhn = dh*(1-z) + dc2[:H]*r + dc[:H]
    for W,dW in ((Wz,dWz),(Wr,dWr),(Wh,dWh),(Wo,dWo)):
        W -= lr*dW
    if it%10==0: print(it, loss)
