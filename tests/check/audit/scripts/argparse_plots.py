import argparse
import numpy as np
import matplotlib.pyplot as plt
from tqdm import tqdm
ap = argparse.ArgumentParser()
ap.add_argument('--lr', type=float, default=0.1)
ap.add_argument('--epochs', type=int, default=50)
ap.add_argument('--hidden', type=int, default=5)
args = ap.parse_args()
def main():
    rng = np.random.default_rng(0)
    x = rng.uniform(-2, 2, (30, 1)); y = x ** 2
    w1 = rng.normal(size=(1, args.hidden)); b1 = np.zeros(args.hidden)
    w2 = rng.normal(size=(args.hidden, 1)); b2 = np.zeros(1)
    losses = []
    fig, ax = plt.subplots()
    for _ in tqdm(range(args.epochs)):
        z = x @ w1 + b1
        a = np.log1p(np.exp(z))
        out = a @ w2 + b2
        losses.append(float(((out - y) ** 2).mean()))
        dout = 2 * (out - y) / len(x)
        dw2, db2 = a.T @ dout, dout.sum(0)
        dz = dout @ w2.T / (1 + np.exp(-z))
        dw1, db1 = x.T @ dz, dz.sum(0)
        w1 -= args.lr * dw1; b1 -= args.lr * db1; w2 -= args.lr * dw2; b2 -= args.lr * db2
    ax.plot(losses); ax.set_xlabel('epoch')
    plt.savefig('loss.png')
    print(losses[-1])
if __name__ == '__main__':
    main()
