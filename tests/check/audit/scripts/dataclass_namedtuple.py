from collections import namedtuple
from dataclasses import dataclass
import numpy as np
@dataclass
class Config:
    hidden: int = 5
    lr: float = 0.3
    steps: int = 50
Params = namedtuple('Params', 'w1 b1 w2 b2')
def init(cfg, rng):
    return Params(rng.normal(size=(2, cfg.hidden)), np.zeros(cfg.hidden), rng.normal(size=(cfg.hidden, 1)), np.zeros(1))
def loss_and_grad(p, x, y):
    a = np.tanh(x @ p.w1 + p.b1)
    o = 1 / (1 + np.exp(-(a @ p.w2 + p.b2)))
    loss = -(y * np.log(o) + (1 - y) * np.log(1 - o)).mean()
    d = (o - y) / y.size
    da = d @ p.w2.T * (1 - a * a)
    return loss, Params(x.T @ da, da.sum(0), a.T @ d, d.sum(0))
cfg = Config(); rng = np.random.default_rng(2)
x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], float); y = np.array([[0], [1], [1], [0]], float)
p = init(cfg, rng)
for k in range(cfg.steps):
    loss, g = loss_and_grad(p, x, y)
    p = Params(*(w - cfg.lr * dw for w, dw in zip(p, g)))
print(loss)
