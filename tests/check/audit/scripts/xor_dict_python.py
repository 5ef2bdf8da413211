import math, random
random.seed(0)
w = {k: random.uniform(-1, 1) for k in ("w11", "w12", "w21", "w22", "v1", "v2", "b1", "b2", "b3")}
def s(x): return 1/(1+math.exp(-x))
data = [((0, 0), 0), ((0, 1), 1), ((1, 0), 1), ((1, 1), 0)]
for epoch in range(100):
    err = 0
    for (x1, x2), t in data:
        h1 = s(w["w11"]*x1 + w["w21"]*x2 + w["b1"])
        h2 = s(w["w12"]*x1 + w["w22"]*x2 + w["b2"])
        y = s(w["v1"]*h1 + w["v2"]*h2 + w["b3"])
        err += (t-y)**2
        d = (t-y)*y*(1-y)
        dh1 = d*w["v1"]*h1*(1-h1)
        dh2 = d*w["v2"]*h2*(1-h2)
        w["v1"] += 0.5*d*h1
        w["v2"] += 0.5*d*h2
        w["b3"] += 0.5*d
        w["w11"] += 0.5*dh1*x1
        w["w21"] += 0.5*dh1*x2
        w["b1"] += 0.5*dh1
        w["w12"] += 0.5*dh2*x1
        w["w22"] += 0.5*dh2*x2
        w["b2"] += 0.5*dh2
print(err)
