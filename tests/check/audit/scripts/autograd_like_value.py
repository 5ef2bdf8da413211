import math, random
class V:
    def __init__(self, data, prev=(), back=lambda: None):
        self.data, self.prev, self.back, self.grad = data, prev, back, 0.0
    def __add__(self, o):
        out = V(self.data + o.data, (self, o))
        def back():
            self.grad += out.grad; o.grad += out.grad
        out.back = back
        return out
    def __mul__(self, o):
        out = V(self.data * o.data, (self, o))
        def back():
            self.grad += o.data * out.grad; o.grad += self.data * out.grad
        out.back = back
        return out
    def tanh(self):
        t = math.tanh(self.data)
        out = V(t, (self,))
        def back(): self.grad += (1 - t * t) * out.grad
        out.back = back
        return out
    def backward(self):
        topo, seen = [], set()
        def build(v):
            if v not in seen:
                seen.add(v)
                for p in v.prev: build(p)
                topo.append(v)
        build(self)
        self.grad = 1.0
        for v in reversed(topo): v.back()
random.seed(1)
ws = [V(random.uniform(-1, 1)) for _ in range(6)]
data = [((0.5, -1.0), 1.0), ((-0.3, 0.8), -1.0), ((0.9, 0.2), 1.0)]
for step in range(20):
    loss = V(0.0)
    for (x1, x2), t in data:
        h = (ws[0] * V(x1) + ws[1] * V(x2) + ws[2]).tanh()
        g = (ws[3] * h + ws[4]).tanh()
        d = g + V(-t)
        loss = loss + d * d
    for w in ws: w.grad = 0.0
    loss.backward()
    for w in ws[:5]: w.data -= 0.1 * w.grad
    print(step, loss.data)
