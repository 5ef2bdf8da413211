import numpy as np

rng = np.random.RandomState(11)
words = "a small cat sees a small dog and a dog sees the cat".split()
index = {word: i for i, word in enumerate(sorted(set(words)))}
inner = rng.uniform(-0.5, 0.5, (len(index), 4))
outer = rng.uniform(-0.5, 0.5, (len(index), 4))


def squash(x):
    return 1 / (1 + np.exp(-x))


for _ in range(3):
    total = 0
    for left, right in zip(words, words[1:]):
        v = inner[index[left]]
        change = np.zeros(4)
        others = [n for n in rng.choice(len(index), 3, replace=False) if n != index[right]]
        for n, wanted in [(index[right], 1.0)] + [(n, 0.0) for n in others]:
            u = outer[n]
            p = squash(u @ v)
            total -= wanted * np.log(p + 1e-7) + (1 - wanted) * np.log(1 - p + 1e-7)
            change += (p - wanted) * u
            outer[n] = u - 0.1 * (p - wanted) * v
        inner[index[left]] = v - 0.1 * change
    print(total)
