"""Multilayer perceptrons recorded by the engine and differentiated by hand, with one wrong step where a test wants it."""

import numpy as np

import autograd_mini as ag


def sigma(z):
    return 1 / (1 + np.exp(-z))


def softmax(z, axis):
    e = np.exp(z - z.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


VALUE = {
    "sigmoid": sigma,
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(0, z),
    "linear": lambda z: z,
    "softplus": lambda z: np.log1p(np.exp(z)),
}
SLOPE = {
    "sigmoid": lambda z, a: a * (1 - a),
    "tanh": lambda z, a: 1 - a**2,
    "relu": lambda z, a: (z > 0).astype(float),
    "linear": lambda z, a: np.ones_like(z),
    "softplus": lambda z, a: sigma(z),
}


class Mlp:
    """Layers 1 … n; `rows`: samples are rows (Z = A W + b), else columns (Z = W A + b)."""

    def __init__(self, sizes, acts, loss, batch=5, rows=True, seed=0, bias=True):
        rng = np.random.default_rng(seed)
        self.acts, self.loss_name, self.m, self.rows, self.n, self.bias = (
            acts,
            loss,
            batch,
            rows,
            len(acts),
            bias,
        )
        flip = (lambda a: a) if rows else (lambda a: a.T)
        self.axis = 1 if rows else 0  # of features
        self.X = flip(rng.normal(size=(batch, sizes[0])))
        self.W = {i + 1: flip(rng.normal(size=(sizes[i], sizes[i + 1])) * 0.8) for i in range(self.n)}
        self.b = {i + 1: flip(rng.normal(size=(1, sizes[i + 1])) * 0.4) for i in range(self.n)}
        o = sizes[-1]
        if loss in ("nll", "cross_entropy"):
            target = np.eye(o)[rng.integers(0, o, batch)]
        elif loss.startswith("binary"):
            target = rng.integers(0, 2, (batch, o)).astype(float)
        else:
            target = rng.random((batch, o))
        self.Y = flip(target)
        self.Z, self.A = {}, {0: self.X}
        for i in range(1, self.n + 1):
            z = self.A[i - 1] @ self.W[i] if rows else self.W[i] @ self.A[i - 1]
            self.Z[i] = z + self.b[i] if bias else z
            self.A[i] = (
                softmax(self.Z[i], self.axis) if acts[i - 1] == "softmax" else VALUE[acts[i - 1]](self.Z[i])
            )
        self.record()

    def record(self):
        self.nodes = {}
        a = self.X
        for i in range(1, self.n + 1):
            W = self.nodes[f"W{i}"] = ag.Tensor(self.W[i], label=f"W{i}")
            z = a @ W if self.rows else W @ a
            if self.bias:
                b = self.nodes[f"b{i}"] = ag.Tensor(self.b[i], label=f"b{i}")
                z = z + b
            z.label = f"Z{i}"
            name = self.acts[i - 1]
            a = (
                z
                if name == "linear"
                else ag.softmax(z, self.axis)
                if name == "softmax"
                else getattr(ag, name)(z)
            )
            if a is not z:
                a.label = f"A{i}"
            self.nodes[f"Z{i}"], self.nodes[f"A{i}"] = z, a
        Y, m = self.Y, self.m
        self.loss = {
            "squares": lambda: ag.nn.half_sse(a, Y),
            "half mean": lambda: 0.5 * ((a - Y) ** 2).sum() / m,
            "mean": lambda: ((a - Y) ** 2).mean(),
            "binary": lambda: -(Y * np.log(a) + (1 - Y) * np.log(1 - a)).sum() / m,
            "binary logits": lambda: ag.nn.binary_cross_entropy_with_logits(z, Y, "sum") / m,
            "nll": lambda: -(Y * np.log(a)).sum() / m,
            "cross_entropy": lambda: ag.nn.cross_entropy(z if self.rows else z.T, Y if self.rows else Y.T),
        }[self.loss_name]()

    # ---- The backward pass by hand; each step can be replaced ---------------------------------------------------------

    def output_gradient(self):
        """∂loss/∂A of the last layer, where the loss reads it."""
        P, Y, m = self.A[self.n], self.Y, self.m
        return {
            "squares": P - Y,
            "half mean": (P - Y) / m,
            "mean": 2 * (P - Y) / Y.size,
            "binary": (-Y / P + (1 - Y) / (1 - P)) / m if self.loss_name == "binary" else None,
            "nll": -Y / P / m if self.loss_name == "nll" else None,
        }.get(self.loss_name)

    def last_delta(self):
        P = self.A[self.n]
        if self.loss_name in ("binary logits", "cross_entropy"):
            P = (
                sigma(self.Z[self.n])
                if self.loss_name == "binary logits"
                else softmax(self.Z[self.n], self.axis)
            )
            return (P - self.Y) / self.m
        g = self.output_gradient()
        if self.acts[-1] == "softmax":
            return P * (g - (g * P).sum(self.axis, keepdims=True))
        return g * self.slope(self.n)

    def slope(self, i):
        return SLOPE[self.acts[i - 1]](self.Z[i], self.A[i])

    def weights_share(self, i, d, a=None):
        a = self.A[i - 1] if a is None else a
        return a.T @ d if self.rows else d @ a.T

    def bias_share(self, i, d):
        return d.sum(1 - self.axis, keepdims=True)

    def pass_back(self, i, d, w=None):
        w = self.W[i] if w is None else w
        return d @ w.T if self.rows else w.T @ d

    def backward(self, **wrong):
        """The gradients; wrong = {step: function of (net, layer, right arguments)} replaces a step at its layer."""

        def step(name, right, *args):
            return wrong[name](self, *args) if name in wrong else right(*args)

        out, self.d, self.back = {}, {}, {}
        d = step("last_delta", self.last_delta)
        for i in range(self.n, 0, -1):
            self.d[i] = d
            out[f"W{i}"] = step(f"weights{i}", self.weights_share, i, d)
            if self.bias:
                out[f"b{i}"] = step(f"bias{i}", self.bias_share, i, d)
            if i > 1:
                e = self.back[i - 1] = step(f"back{i}", self.pass_back, i, d)
                d = step(f"slope{i - 1}", lambda j, e: e * self.slope(j), i - 1, e)
        return out
