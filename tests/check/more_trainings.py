"""More trainings for the doctor: of networks of single Values, a neuron at a time, and in other hands; each as in trainings.py."""

import warnings

import numpy as np

import autograd_mini as ag
from tests.check.trainings import classes, net, sgd

# ---- Networks of Values -----------------------------------------------------------------------------------------------


class Neurons:
    """A person's own network: lists of lists of Values, and sums."""

    def __init__(self, *sizes, act=ag.tanh, bias=0.0, scale=1.0, seed=0):
        rng, self.act = np.random.default_rng(seed), act
        self.layers = [
            [([ag.Value(scale * rng.normal()) for _ in range(m)], ag.Value(bias)) for _ in range(n)]
            for m, n in zip(sizes, sizes[1:], strict=False)
        ]

    def parameters(self):
        return [p for layer in self.layers for weights, b in layer for p in [*weights, b]]

    def __call__(self, x):
        for layer in self.layers:
            z = [sum((w * v for w, v in zip(weights, x, strict=True)), b) for weights, b in layer]
            x = z if layer is self.layers[-1] else [self.act(v) for v in z]
        return x[0]


def points(n=12, features=3, seed=3):
    X = np.random.default_rng(seed).normal(size=(n, features))
    return X, np.sin(X[:, 0]) + 0.3 * X[:, 1] ** 2


def each(model):
    """A model of one sample as one of a batch, which gives a list."""
    return lambda X: [model([float(x) for x in row]) for row in X]


def squares(p, y):
    return sum(((a - float(b)) ** 2 for a, b in zip(p, y, strict=True)), ag.Value(0.0)) / len(p)


def values_dead():
    model = Neurons(3, 6, 1, act=ag.relu, bias=-9.0)
    model.layers[1][0][1].data = 0.3
    return each(model), squares, *points(), sgd(model)


def values_partly_dead():
    model = ag.nn.scalar.MLP(3, [6, 1], rng=1)
    for neuron in model.layers[0].neurons[1:5]:
        neuron.b.data = -60.0
    return each(model), squares, *points(), None


def values_saturated():
    model, (X, y) = ag.nn.scalar.MLP(3, [6, 1], activation="tanh", rng=1), points()
    return each(model), squares, 400 * X, y, sgd(model)


def values_equal():
    model = Neurons(3, 4, 1)
    for parameter in model.parameters():
        parameter.data = 0.5
    return each(model), squares, *points(), sgd(model)


def values_dead_output():
    model, (X, y) = Neurons(3, 4, 1), points()
    model.layers[1][0][1].data = -9.0
    return (lambda X: [ag.relu(p) for p in each(model)(X)]), squares, X, np.abs(y), None


def values_wrapped_afresh():
    model = Neurons(3, 4, 1)
    return each(model), lambda p, y: squares([ag.Value(v.data) for v in p], y), *points(), sgd(model)


def values_vanishing():
    model = Neurons(3, *[3] * 6, 1, act=ag.sigmoid, scale=0.2)
    return each(model), squares, *points(), sgd(model)


def values_out_of_range():
    model, (X, y) = Neurons(3, 4, 1), points()
    return (lambda X: [ag.sigmoid(p) for p in each(model)(X)]), squares, X, 7 * y, None


def values_diverge():
    model = Neurons(3, 4, 1)
    return each(model), squares, *points(), sgd(model, 40.0)


def values_not_zeroed():
    model, (X, y) = Neurons(3, 3, 1), points()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(5):
            squares(each(model)(X), y).backward()
            for parameter in model.parameters():
                parameter.data -= 0.01 * parameter.grad
    return each(model), squares, X, y, sgd(model, 0.01)


def values_alike():
    """Each neuron starts from the same three weights."""
    model = Neurons(3, 4, 1)
    for weights, _ in model.layers[0]:
        for weight, number in zip(weights, [0.3, -0.2, 0.9], strict=True):
            weight.data = number
    for weight in model.layers[1][0][0]:
        weight.data = 0.5
    return each(model), squares, *points(), sgd(model)


# ---- Other hands ------------------------------------------------------------------------------------------------------


def by_hand(p, y):
    return -(y * ag.log(p) + (1 - y) * ag.log(1 - p)).mean()


def signs_in_a_cross_entropy():
    X, y = points(40, 5)
    return net(5, 6, 1, last=ag.nn.Sigmoid()), by_hand, X, np.sign(y)[:, None], None


def samples_in_columns():
    rng = np.random.default_rng(8)
    X, y, W = rng.normal(size=(6, 30)), np.eye(4)[:, rng.integers(0, 4, 30)], ag.Tensor(np.ones((4, 6)) * 0.1)
    W.data = rng.normal(size=(4, 6)) * 0.3
    loss = lambda p, y: -(y * ag.log(p)).sum() / y.shape[1]  # noqa: E731
    return (lambda X: ag.softmax(W @ X, axis=1)), loss, X, y, ag.optim.SGD([W], lr=0.1)


class Unrecorded(ag.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = ag.nn.Linear(5, 1, rng=0)

    def forward(self, x):
        with ag.no_grad():
            return self.layer(x)


def unrecorded():
    X, y = points(40, 5)
    model = Unrecorded()
    return model, ag.nn.mse, X, y[:, None], sgd(model)


def a_sum_for_a_mean():
    rng = np.random.default_rng(9)
    X, model = rng.normal(size=(400, 6)), net(6, 1)
    return model, lambda p, y: ((p - y) ** 2).sum(), X, X @ rng.normal(size=(6, 1)), sgd(model, 0.01)


def prices():
    X, _ = points(30, 4)
    model = net(4, 8, 1, last=ag.nn.Sigmoid())
    return model, ag.nn.mse, X, 250_000 + 40_000 * X[:, :1], ag.optim.Adam(model.parameters(), lr=0.01)


def relu_before_the_loss():
    X, y = classes()
    model = net(4, 8, 3, act=ag.nn.Tanh, last=ag.nn.ReLU())
    model[2].bias.data = np.array([0.5, -6.0, -6.0])
    return model, ag.nn.cross_entropy, X, y, None


GLOBAL = ag.Tensor(np.zeros((5, 1)))


class Reading:
    """A class of one's own that reads a global."""

    def __call__(self, X):
        return (X @ GLOBAL).detach()


def a_class_that_cuts():
    X, y = points(40, 5)
    return Reading(), ag.nn.mse, X, y[:, None], None


def with_a_relu_by(mask, bias):
    rng = np.random.default_rng(3)
    W, b, V = (
        ag.Tensor(rng.normal(size=(5, 12)) * 0.6),
        ag.Tensor(np.full(12, bias)),
        ag.Tensor(np.ones((12, 1))),
    )
    V.data = rng.normal(size=(12, 1)) * 0.4
    X, y = points(40, 5)
    return (lambda X: mask(X @ W + b) @ V), ag.nn.mse, X, y[:, None], ag.optim.SGD([W, b, V], lr=0.05)


def dead_by_a_mask():
    return with_a_relu_by(lambda z: z * (z > 0), -40.0)


def dead_by_where():
    return with_a_relu_by(lambda z: np.where(z > 0, z, 0.0), -40.0)


def alive_by_a_mask():
    return with_a_relu_by(lambda z: z * (z > 0), 0.0)


MORE_FAULTS = {
    values_alike: ("equal_weights", "each unit starts from the same ones"),
    dead_by_a_mask: ("dead_units", "12 of 12"),
    dead_by_where: ("dead_units", "12 of 12"),
    values_dead: ("dead_units", "6 of 6 ReLU units are dead, because the biases"),
    values_partly_dead: ("dead_units", r"4 of 6 ReLU units are dead \(units 1, 2, 3, 4\)"),
    values_saturated: ("saturated_units", "6 of 6 tanh units are saturated, because the inputs are large"),
    values_equal: ("equal_weights", "they are all 0.5"),
    values_dead_output: ("dead_output", "1 of 1 outputs"),
    values_wrapped_afresh: ("cut_off", "wrapped afresh"),
    values_vanishing: ("vanishing_gradients", "at layer 0 they are"),
    values_out_of_range: ("targets_out_of_range", "a sigmoid is from 0 to 1"),
    values_diverge: ("rate_too_large", "and with lr 0.4"),
    values_not_zeroed: ("not_zeroed", "at least 3 times"),
    signs_in_a_cross_entropy: ("labels_out_of_range", "from -1 to 1, beside a log"),
    samples_in_columns: ("softmax_wrong_axis", "samples along axis 1"),
    unrecorded: ("cut_off", "cut off by no_grad"),
    a_sum_for_a_mean: ("rate_too_large", "and with lr 0.001"),
    prices: ("targets_out_of_range", "sigmoid"),
    relu_before_the_loss: ("dead_output", "2 of 3"),
    a_class_that_cuts: ("cut_off", "detach"),
}

# ---- Healthy ----------------------------------------------------------------------------------------------------------


def moons():
    a = np.random.default_rng(2).uniform(0, np.pi, 12)
    X = np.r_[np.c_[np.cos(a), np.sin(a)], np.c_[1 - np.cos(a), 0.5 - np.sin(a)]]
    model = ag.nn.scalar.MLP(2, [8, 8, 1], rng=3)

    def loss(p, y):
        hinge = sum(((1 - float(b) * a).relu() for a, b in zip(p, y, strict=True)), ag.Value(0.0)) / len(p)
        return hinge + 1e-4 * sum((w * w for w in model.parameters()), ag.Value(0.0))

    return each(model), loss, X, np.repeat([1.0, -1.0], 12), sgd(model)


def own_xor():
    model = Neurons(2, 4, 1, seed=4)
    return (
        each(model),
        squares,
        np.array([[0, 0], [0, 1], [1, 0], [1, 1]]),
        np.array([0, 1, 1, 0]),
        sgd(model),
    )


def a_line_of_values():
    w, b, X = ag.Value(0.1), ag.Value(0.0), np.linspace(-1, 1, 9)
    return lambda X: [w * float(x) + b for x in X], squares, X, 2 * X + 1, ag.optim.SGD([w, b], lr=0.1)


def two_outputs_of_values():
    model = ag.nn.scalar.MLP(3, [6, 2], activation="tanh", rng=0)

    def loss(p, y):
        far = [(a - float(t)) ** 2 + (b + float(t)) ** 2 for (a, b), t in zip(p, y, strict=True)]
        return sum(far, ag.Value(0.0)) / len(p)

    return each(model), loss, *points(), ag.optim.Adam(model.parameters(), lr=0.02)


def some_dead_units():
    X, y = points(40, 5)
    model = net(5, 12, 1, act=ag.nn.ReLU)
    model[0].bias.data = np.r_[np.full(3, -30.0), np.zeros(9)]
    return model, ag.nn.mse, X, y[:, None], sgd(model, 0.05)


def autoencoder():
    model = net(8, 3, 8, last=ag.nn.Sigmoid())
    return model, ag.nn.mse, np.eye(8), np.eye(8), ag.optim.Adam(model.parameters(), lr=0.05)


def six_layers_by_he():
    X, y = points(64, 10)
    model, rng = net(10, *[32] * 5, 1, act=ag.nn.ReLU), np.random.default_rng(0)
    for p in model.parameters():
        if p.ndim == 2:
            p.data = rng.normal(size=p.shape) * np.sqrt(2 / p.shape[0])
    return model, ag.nn.mse, X, y[:, None], ag.optim.Adam(model.parameters(), lr=0.003)


def poisson():
    rng = np.random.default_rng(3)
    X, w, b = rng.normal(size=(60, 3)), ag.Tensor(np.zeros(3)), ag.Tensor(0.0)
    y = rng.poisson(np.exp(X @ [0.5, -0.3, 0.2])).astype(float)
    return lambda X: X @ w + b, lambda z, y: (ag.exp(z) - y * z).mean(), X, y, ag.optim.SGD([w, b], lr=0.1)


def recurrent():
    rng = np.random.default_rng(4)
    X = rng.normal(size=(20, 12, 2)) * 0.5
    U, W, v = (ag.Tensor(rng.normal(size=shape) * 0.4) for shape in ((2, 6), (6, 6), (6, 1)))

    def model(X):
        h = np.zeros((len(X), 6))
        for t in range(X.shape[1]):
            h = ag.tanh(X[:, t] @ U + h @ W)
        return h @ v

    return model, ag.nn.mse, X, X.sum((1, 2))[:, None] * 0.3, ag.optim.Adam([U, W, v], lr=0.01)


def factors():
    rng = np.random.default_rng(6)
    R = rng.normal(size=(12, 2)) @ rng.normal(size=(2, 9))
    U, V = ag.Tensor(rng.normal(size=(12, 2)) * 0.5), ag.Tensor(rng.normal(size=(2, 9)) * 0.5)
    return lambda X: U @ V, lambda p, y: ((p - y) ** 2).mean(), R, R, ag.optim.Adam([U, V], lr=0.05)


def frozen_features():
    X, y = points(40, 5)
    model = net(5, 16, 1, act=ag.nn.Tanh)
    model[0].freeze()
    return model, ag.nn.mse, X, y[:, None], ag.optim.Adam(model.parameters(), lr=0.01)


def logistic_from_zero():
    X = np.random.default_rng(5).random((50, 4))
    W, b = ag.Tensor(np.zeros((4, 1))), ag.Tensor(np.zeros(1))
    y = (X.sum(1, keepdims=True) > 2) * 1.0
    return lambda X: ag.sigmoid(X @ W + b), by_hand, X, y, ag.optim.SGD([W, b], lr=0.5)


MORE_HEALTHY = [
    moons, own_xor, a_line_of_values, two_outputs_of_values, some_dead_units, autoencoder, six_layers_by_he,
    alive_by_a_mask, poisson, recurrent, factors, frozen_features, logistic_from_zero,
]  # fmt: skip
