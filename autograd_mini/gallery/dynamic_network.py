"""Layers added one by one, their shapes, and the derivatives of five activations."""

from typing import Any

import numpy as np

import autograd_mini as ag

from .story import Curves, Training, say

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
SMALL = [(3, "sigmoid"), (1, "linear")]


class Model(ag.nn.Sequential):
    """Layers on top of one another, for inputs of X's shape. Weights start in U(±spread), or ±1/√inputs where it is None; biases at 0."""

    def __init__(self, X: Any, rng: Any = None, spread: float | None = None) -> None:
        super().__init__()
        self.shape, self.rng, self.spread = np.shape(X), np.random.default_rng(rng), spread

    def add(self, n: int, activation: str) -> None:
        """Put a layer of n neurons on top, and print its shapes."""
        m, before = self.shape[-1], self.shape
        spread, self.shape = self.spread or m**-0.5, (*before[:-1], n)
        linear = ag.nn.Linear(m, n, init=ag.nn.init.uniform(-spread, spread), rng=self.rng)
        self.layers.append(ag.nn.Sequential(linear, ACTIVATIONS[activation]))
        shapes = f"input {before}  weight {linear.weight.shape}  output {self.shape}"
        say(f"layer {len(self) - 1}  {activation:8s}  {shapes}")


def training(seed: int, layers: Any = SMALL, spread: float | None = 1e-3) -> Training:
    """A network of such layers, (neurons, activation) each, and X and Y at every step."""
    model = Model(X, seed, spread)
    for n, activation in layers:
        model.add(n, activation)
    return Training(model, X, Y, ag.nn.mse, ag.optim.SGD(model.parameters(), lr=0.05, momentum=0.9))


def learn(seed: int, layers: Any = SMALL, spread: float | None = 1e-3) -> list[float]:
    """Build the network and train it; return the mean squared error at every epoch."""
    losses: list[float] = training(seed, layers, spread).fit(2000)["loss"]
    say(f"mean squared error {losses[-1]:.1e} after {len(losses):,} epochs", "")
    return losses


def main(seed: int) -> Curves:
    """Shapes, fits and the check: a linear output fits to 1e-3, and just tanh and softmax are found wrong."""
    say("The posted network, 2-3-1, with each output layer. Only tanh and linear can give −1:", "")
    curves = {f"output {name}": learn(seed, [(3, "sigmoid"), (1, name)]) for name in ACTIVATIONS}
    deep = [(16, "relu"), (8, "sigmoid"), (8, "tanh"), (8, "softmax"), (1, "linear")]
    curves["deep"] = learn(seed, deep, spread=None)
    z = np.array([-2.0, -0.5, 1.5])
    say(f"The derivatives at {z}:", "")
    for name, f in ACTIVATIONS.items():
        posted, right = POSTED[name](z), ag.jacobian(f)(z)
        say(f"{name}′  posted {posted.round(3)}  engine, as a matrix {right.round(3).tolist()}")
        is_right = np.allclose(np.diag(posted), right, rtol=1e-9)
        say("right" if is_right else f"WRONG: {ag.check_derivative(f, POSTED[name]).findings[0].why}", "")
    return curves
