import numpy as np
import matplotlib.pyplot as plt
from tqdm import tqdm
rng = np.random.default_rng(9)
t = np.linspace(0, 1, 50)
obs = 2.0 * np.exp(-3.0 * t) + 0.02 * rng.normal(size=50)
a, k = 1.0, 1.0
hist = []
for i in tqdm(range(300)):
    f = a * np.exp(-k * t)
    r = f - obs
    hist.append(float(np.sum(r ** 2)))
    ga = 2 * np.sum(r * np.exp(-k * t))
    gk = 2 * np.sum(r * -a * t * np.exp(-k * t))
    a -= 0.005 * ga
    k -= 0.005 * gk
fig, ax = plt.subplots()
ax.plot(t, obs, '.', t, a * np.exp(-k * t))
plt.show()
