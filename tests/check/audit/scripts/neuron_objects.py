import math, random
class Neuron:
    def __init__(self, n): self.w = [random.uniform(-.5, .5) for _ in range(n)]; self.b = random.uniform(-.5, .5)
    def out(self, xs):
        self.xs = xs
        self.o = 1 / (1 + math.exp(-(sum(w * x for w, x in zip(self.w, xs)) + self.b)))
        return self.o
    def delta_from(self, e): self.d = e * self.o * (1 - self.o)
    def adjust(self, eta):
        for i, x in enumerate(self.xs): self.w[i] += eta * self.d * x
        self.b += eta * self.d
random.seed(7)
hid = [Neuron(2) for _ in range(3)]; outn = [Neuron(3)]
samples = [((0, 0), (0,)), ((0, 1), (1,)), ((1, 0), (1,)), ((1, 1), (0,))]
for epoch in range(100):
    err = 0
    for x, t in samples:
        h = [n.out(list(x)) for n in hid]
        y = [n.out(h) for n in outn]
        for n, tt, yy in zip(outn, t, y): n.delta_from(tt - yy)
        for i, n in enumerate(hid): n.delta_from(sum(o.w[i] * o.d for o in outn))
        for n in outn + hid: n.adjust(.5)
        err += sum((tt - yy) ** 2 for tt, yy in zip(t, y)) / 2
    if epoch % 20 == 0: print(epoch, err)
