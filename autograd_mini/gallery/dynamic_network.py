"""Layers added one by one, their shapes, and the derivatives of five activations.

Asked: How do I go back through any number of layers?
Wrong: `backprop` went back from the squared error in place of its derivative, and the derivatives of two of the five activations,
tanh and softmax, were wrong.
Works: Going back takes no code: a layer is what it does forward. `model.add(n, activation)` prints each layer's shapes.
"""

from typing import Any

import numpy as np

import autograd_mini as ag

from .story import Told, audited, program, say, train

ASKED = """import numpy as np
rng = np.random.default_rng(0)
X, Y = np.array([[1, 1], [0, 0], [12, 5]]), np.array([[1], [0], [-1]])
sizes = [2, 3, 4, 1]
W = [rng.normal(size=(m, n)) for m, n in zip(sizes, sizes[1:])]
for epoch in range(2000):
    A = [X]
    for w in W:
        A.append(np.tanh(A[-1] @ w))
    loss = np.sum((Y - A[-1]) ** 2)
    delta = (Y - A[-1]) ** 2
    for i in reversed(range(3)):
        delta = delta * (1 - A[i + 1] ** 2)
        step = A[i].T @ delta
        delta = delta @ W[i].T
        W[i] += 0.05 * step
"""

X, Y = np.array([[1.0, 1.0], [0.0, 0.0], [12.0, 5.0]]), np.array([[1.0], [0.0], [-1.0]])
ACTIVATIONS: dict[str, Any] = {
    "relu": ag.relu, "sigmoid": ag.sigmoid, "tanh": ag.tanh, "softmax": ag.softmax, "linear": lambda z: z,
}  # fmt: skip
# the derivatives as posted, of the pre-activation z; for softmax the target is the first class
POSTED: dict[str, Any] = {
    "relu": lambda z: np.where(z <= 0, 0.0, 1.0),
    "sigmoid": lambda z: ag.sigmoid(z) * (1 - ag.sigmoid(z)),
    "tanh": lambda z: (np.cosh(z) ** 2 - np.sinh(z) ** 2) / z**2,
    "softmax": lambda z: ag.softmax(z) - np.eye(len(z))[0],
    "linear": np.ones_like,
}
SOFTMAX = "output − target is for cross-entropy after softmax; softmax alone has a matrix, diag(p) − p pᵀ"


class Model(ag.nn.Sequential):
    """Layers on top of one another, for inputs of X's shape. Weights start in U(±spread), or ±1/√inputs where it is None; biases at 0."""

    def __init__(self, X: Any, rng: Any = None, spread: float | None = None) -> None:
        super().__init__()
        self.shape, self.rng, self.spread = np.shape(X), np.random.default_rng(rng), spread

    def add(self, n: int, activation: str) -> None:
        """Put a layer of n neurons on top, and print its shapes."""
        m, before = self.shape[-1], self.shape
        spread, self.shape = self.spread or m**-0.5, (*before[:-1], n)
        linear = ag.nn.Linear(m, n, init=lambda shape, rng: rng.uniform(-spread, spread, shape), rng=self.rng)
        self.layers.append(ag.nn.Sequential(linear, ACTIVATIONS[activation]))
        shapes = f"input {before}  weight {linear.weight.shape}  output {self.shape}"
        say(f"layer {len(self) - 1}  {activation:8s}  {shapes}")


Layers = list[tuple[int, str]]


def fit(layers: Layers, seed: int, spread: float | None = 1e-3, epochs: int = 2000) -> list[float]:
    """Build the network and train it on X and Y; return the mean squared error at every epoch."""
    model = Model(X, seed, spread)
    for n, activation in layers:
        model.add(n, activation)
    sgd = ag.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    losses = train(sgd, lambda _: ag.nn.mse(model(X), Y), epochs)
    say(f"mean squared error {losses[-1]:.1e} after {epochs:,} epochs", "")
    return losses


def check(name: str, z: Any) -> tuple[Any, Any, bool]:
    """The posted derivative at the numbers z, the right one (of softmax its Jacobian), and whether they agree."""
    f, posted = ACTIVATIONS[name], POSTED[name](z)
    right = ag.jacobian(f)(z) if name == "softmax" else ag.derivative(f)(z)
    return posted, right, posted.shape == right.shape and bool(np.allclose(posted, right, rtol=1e-9))


@program
def main(seed: int) -> Told:
    """Shapes, fits and the check: a linear output fits to 1e-3, and just tanh and softmax are found wrong."""
    audited(ASKED)
    say("The posted network, 2-3-1, with each output layer. Only tanh and linear can give −1:", "")
    curves = {f"output {name}": fit([(3, "sigmoid"), (1, name)], seed) for name in ACTIVATIONS}
    deep = [(16, "relu"), (8, "sigmoid"), (8, "tanh"), (8, "softmax"), (1, "linear")]
    curves["deep"] = fit(deep, seed, spread=None)
    wrong, z = [], np.array([-2.0, -0.5, 1.5])
    say(f"The derivatives at {z}:", "")
    for name in ACTIVATIONS:
        posted, right, fits = check(name, z)
        wrong += [] if fits else [name]
        say(f"{name + '′':9s} posted {posted.round(3)}  engine {right.round(3).tolist()}")
        found = [] if name == "softmax" else ag.check_derivative(ACTIVATIONS[name], POSTED[name]).findings
        words = f"WRONG, by ag.check_derivative: {found[0].why}" if found else f"WRONG: {SOFTMAX}"
        say("right" if fits else words, "")
    fitted = max(curves["output linear"][-1], curves["deep"][-1]) < 1e-3
    return fitted and wrong == ["tanh", "softmax"], curves, "epoch"
