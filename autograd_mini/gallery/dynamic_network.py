"""A network that grows by `model.add(n, activation)` and prints each layer's shapes; and the derivatives that were posted, checked.

Going back through such a network takes no code: a layer is what it does forward. Of the post's five activation derivatives the two
wrong ones are named, and what its `backprop` returns, the squared error, is held beside the derivative that belongs there.
"""

from typing import Any

import numpy as np

import autograd_mini as ag

from .picture import save_curves

X, Y = np.array([[1.0, 1.0], [0.0, 0.0], [12.0, 5.0]]), np.array([[1.0], [0.0], [-1.0]])
ACTIVATIONS: dict[str, Any] = {
    "relu": ag.relu,
    "sigmoid": ag.sigmoid,
    "tanh": ag.tanh,
    "softmax": ag.softmax,
    "linear": lambda z: z,
}
POSTED: dict[
    str, Any
] = {  # the derivatives as posted, of the pre-activation z; for softmax the target is the first class
    "relu": lambda z: np.where(z <= 0, 0.0, 1.0),
    "sigmoid": lambda z: ag.sigmoid(z) * (1 - ag.sigmoid(z)),
    "tanh": lambda z: (np.cosh(z) ** 2 - np.sinh(z) ** 2) / z**2,
    "softmax": lambda z: ag.softmax(z) - np.eye(len(z))[0],
    "linear": np.ones_like,
}
WORDS = {
    "tanh": "WRONG: cosh² − sinh² is 1, right; but it belongs over cosh²(z), not over z²",
    "softmax": (
        "WRONG: output − target is for cross-entropy after softmax; "
        "softmax alone has a matrix, diag(p) − p pᵀ"
    ),
}


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
        print(
            f"   layer {len(self) - 1}  {activation:8s}  input {before}  "
            f"weight {linear.weight.shape}  output {self.shape}"
        )


def fit(
    layers: list[tuple[int, str]], seed: int, spread: float | None = 1e-3, epochs: int = 2000
) -> list[float]:
    """Build the network and train it on X and Y; return the mean squared error at every epoch."""
    model = Model(X, seed, spread)
    for n, activation in layers:
        model.add(n, activation)
    sgd = ag.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    losses = [sgd.step(lambda: ag.nn.mse(model(X), Y)).item() for _ in range(epochs)]
    print(f"   mean squared error {losses[-1]:.1e} after {epochs:,} epochs\n")
    return losses


def check(name: str, z: Any) -> tuple[Any, Any, bool]:
    """The posted derivative at the numbers z, the right one (of softmax its Jacobian), and whether they agree."""
    f, posted = ACTIVATIONS[name], POSTED[name](z)
    right = ag.jacobian(f)(z) if name == "softmax" else ag.derivative(f)(z)
    return posted, right, posted.shape == right.shape and bool(np.allclose(posted, right, rtol=1e-9))


def main(seed: int = 0, plot: str | None = None) -> int:
    """Print shapes, fits and the check; 0 where a linear output fits to 1e-3, and just tanh and softmax are found wrong."""
    print("The posted network, 2-3-1, with each output layer. Only tanh and linear can give −1:\n")
    curves = {f"output {name}": fit([(3, "sigmoid"), (1, name)], seed) for name in ACTIVATIONS}
    curves["deep"] = fit(
        [(16, "relu"), (8, "sigmoid"), (8, "tanh"), (8, "softmax"), (1, "linear")], seed, spread=None
    )
    wrong, z = [], np.array([-2.0, -0.5, 1.5])
    print(f"The derivatives at {z}:\n")
    for name in ACTIVATIONS:
        posted, right, fits = check(name, z)
        wrong += [] if fits else [name]
        print(
            f"   {name + '′':9s} posted {posted.round(3)}  engine {right.round(3).tolist()}\n"
            f"   {WORDS[name] if not fits else 'right'}\n"
        )
    p = ag.Tensor([[0.50006457], [0.50006459], [0.50006431]])
    ag.nn.mse(p, Y).backward()
    print(
        f"   error signal: posted {((Y - p.data) ** 2).T.round(3)}, "
        f"the squared error, in place of its derivative {p.grad.T.round(3)}"
    )
    if plot:
        save_curves(plot, curves)
    return (
        0
        if max(curves["output linear"][-1], curves["deep"][-1]) < 1e-3 and wrong == ["tanh", "softmax"]
        else 1
    )
