import numpy as np
rng = np.random.default_rng(4)
value = np.zeros(7)
for game in range(40):
    state = 3
    while state not in (0, 6):
        after = state + (1 if rng.random() < .6 else -1)
        reward = 1.0 if after == 6 else 0.0
        error = reward + .95 * value[after] * (after not in (0, 6)) - value[state]
        value[state] += .1 * error
        state = after
print(value)
