"""Trainings for the doctor, each as (model, loss, X, y, optimizer): twelve healthy ones, which are the gallery's; and faulty ones."""

import numpy as np

import autograd_mini as ag
from autograd_mini.gallery import ENTRIES, overfit, robot_policy
from autograd_mini.gallery.data import digits
from autograd_mini.gallery.story import program


def told(how):
    """A training of the gallery, as the others here: a batch of it, or all where a step takes one row."""
    size = how.options.get("batch_size")
    rows = slice(size if size != 1 else None)
    return how.model, how.loss, how.X[rows], how.y if how.y is None else how.y[rows], how.optimizer


def demo():
    X, y = digits()
    net = ag.nn.MLP([64, 32, 10], activation="relu", rng=0)
    return net, ag.nn.cross_entropy, X, y, ag.optim.Adam(net.parameters(), lr=0.003)


SYSTEMS = [name for name in ENTRIES if name not in ("rosenbrock", "oscillator")]  # these have no data
HEALTHY = {name: lambda name=name: told(program(name).training(0)) for name in SYSTEMS} | {"demo": demo}


# ---- Faults: (the finding's name, what its text says, the training) ----------------------------------------------------


def net(*sizes, act=ag.nn.Sigmoid, seed=0, last=None):
    rng, layers = np.random.default_rng(seed), []
    for m, n in zip(sizes, sizes[1:], strict=False):
        layers += [ag.nn.Linear(m, n, rng=rng), act()]
    return ag.nn.Sequential(*layers[:-1], *([last] if last else []))


def data(n=20, features=4, outputs=1, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, features))
    return X, np.tanh(X[:, :outputs]) + 0.1


def classes(n=24, kinds=3, seed=0):
    X = np.random.default_rng(seed).normal(size=(n, 4))
    return X, np.arange(n) % kinds


def sgd(model, lr=0.1):
    return ag.optim.SGD(model.parameters(), lr=lr)


def nan_in_the_data():
    X, y = data()
    X[7, 1] = np.nan
    return net(4, 3, 1), ag.nn.mse, X, y, None


def dead_by_bias():
    model, (X, y) = net(4, 6, 1, act=ag.nn.ReLU), data()
    model[0].bias.data = np.full(6, -40.0)
    return model, ag.nn.mse, X, y, None


def dying_by_pixels():
    return told(overfit.training(0, "[0, 1]"))


def dead_by_hand():
    X, y = data()
    W1, W2 = ag.Tensor(-np.ones((4, 5)) * np.arange(1, 6)), ag.Tensor(np.ones((5, 1)))
    return lambda X: np.maximum(X @ W1, 0) @ W2, ag.nn.mse, np.abs(X), y, None


def dead_outputs():
    model = robot_policy.policy(1, "relu")
    X = robot_policy.camera(robot_policy.places(0, 32)) - robot_policy.TARGET
    return model, lambda p: ((p - 1.0) ** 2).mean(), X, None, None


def targets_for_sigmoid():
    X, y = data()
    return net(4, 3, 1, last=ag.nn.Sigmoid()), ag.nn.mse, X, 5 * y, None


def targets_for_relu():
    X, y = data()
    model = net(4, 8, 1, last=ag.nn.ReLU())
    model[2].bias.data = np.ones(1)
    return model, ag.nn.mse, X, y - 2, None


def targets_for_a_sigmoid_by_hand():
    X, y = data()
    W = ag.Tensor(np.full((4, 1), 0.1))
    return lambda X: 1 / (1 + np.exp(-(X @ W))), lambda p, t: ((p - t) ** 2).mean(), X, 3 * y, None


def labels_from_one():
    X, y = classes()
    return net(4, 8, 3), ag.nn.cross_entropy, X, y + 1, None


def labels_beyond_bce():
    X, y = data()
    return net(4, 8, 1), ag.nn.binary_cross_entropy_with_logits, X, 2 * np.sign(y), None


def column_against_row():
    X, y = data()
    return net(4, 3, 1), lambda p, t: ((p - t) ** 2).mean(), X, y[:, 0], None


def column_against_row_in_our_loss():
    X, y = data()
    return net(4, 3, 1), ag.nn.mse, X, y[:, 0], None


def detached():
    X, y = data()
    model = net(4, 3, 1)
    return model, lambda p, t: ag.nn.mse(p.detach() * 1.0, t), X, y, None


def wrapped_afresh():
    X, y = data()
    model = net(4, 3, 1)
    return model, lambda p, t: ag.nn.mse(ag.Tensor(p.data), t), X, y, sgd(model)


def a_number_for_a_loss():
    X, y = data()
    return net(4, 3, 1), lambda p, t: float(((p.data - t) ** 2).mean()), X, y, None


class Half(ag.nn.Module):
    """A layer is made, and forgotten in forward()."""

    def __init__(self):
        super().__init__()
        self.first, self.second = ag.nn.Linear(4, 4, rng=0), ag.nn.Linear(4, 1, rng=1)

    def forward(self, x):
        return self.second(x)


def a_layer_unused():
    return Half(), ag.nn.mse, *data(), None


def optimizer_of_another_model():
    model = net(4, 3, 1)
    return model, ag.nn.mse, *data(), ag.optim.SGD(model.parameters()[:2], lr=0.1)


def never_zeroed():
    X, y = data()
    model = net(4, 3, 1)
    opt = sgd(model, 0.01)
    for _ in range(4):
        ag.nn.mse(model(X), y).backward()
        opt.step()
    return model, ag.nn.mse, X, y, opt


def zero_weights():
    X, y = data()
    model = net(4, 5, 1, act=ag.nn.Tanh)
    for parameter in model.parameters():
        parameter.data = np.zeros(parameter.shape)
    return model, ag.nn.mse, X, y, None


def equal_weights():
    X, y = data()
    model = net(4, 5, 1)
    model[0].weight.data, model[2].weight.data = np.full((4, 5), 0.5), np.full((5, 1), 0.5)
    model[0].bias.data = np.zeros(5)
    return model, ag.nn.mse, X, y, None


def softmax_over_samples():
    X, y = classes()
    model = net(4, 8, 3)
    return lambda X: ag.softmax(model(X), axis=0), lambda p, t: ag.nn.mse(p, np.eye(3)[t]), X, y, None


def softmax_over_everything():
    X, y = classes()
    model = net(4, 8, 3)

    def by_hand(X):
        e = np.exp(model(X))
        return e / e.sum()

    return by_hand, lambda p, t: ag.nn.mse(p, np.eye(3)[t]), X, y, None


def softmax_of_one_over_samples():
    X, y = data()
    return net(4, 3, 1, last=ag.nn.Softmax(axis=0)), ag.nn.mse, X, (y > 0) * 1.0, None


def softmax_of_one():
    X, y = data()
    return net(4, 3, 1, last=ag.nn.Softmax()), ag.nn.mse, X, y, None


def softmax_twice():
    X, y = classes()
    return net(4, 8, 3, last=ag.nn.Softmax()), ag.nn.cross_entropy, X, y, None


def sigmoid_twice():
    X, y = data()
    model = net(4, 3, 1, last=ag.nn.Sigmoid())
    return model, ag.nn.binary_cross_entropy_with_logits, X, (y > 0) * 1.0, None


def saturated():
    X, y = data()
    return net(4, 6, 1), ag.nn.mse, 500 * X, y, None


def saturated_outputs():
    X, y = data()
    model = net(4, 6, 1, last=ag.nn.Sigmoid())
    model[2].bias.data = np.array([-30.0])
    return model, ag.nn.mse, X, (y > 0) * 1.0, None


def vanishing():
    return net(4, *[10] * 8, 1), ag.nn.mse, *data(), None


def exploding():
    X, y = data(features=4)
    model = net(4, *[20] * 6, 1, act=ag.nn.Tanh)
    model = net(4, *[20] * 6, 1, act=ag.nn.LeakyReLU)
    for i, parameter in enumerate(model.parameters()):
        if parameter.ndim == 2:
            parameter.data = parameter.data * (0.01 if i == 0 else 20.0)
    return model, ag.nn.mse, X, y, None


def large_inputs():
    X = np.random.default_rng(0).random((50, 1)) * 800
    return net(1, 1), ag.nn.mse, X, 5 * X + 3, None


def uneven_inputs():
    X, y = data(features=2)
    X = X * [1.0, 1e5]
    model = net(2, 1)
    return model, ag.nn.mse, X, y, sgd(model)


def rate_too_large():
    model = net(4, 6, 1, act=ag.nn.Tanh)
    return model, ag.nn.mse, *data(), sgd(model, 30.0)


def rate_too_small():
    model = net(4, 6, 1, act=ag.nn.Tanh)
    return model, ag.nn.mse, *data(), sgd(model, 1e-7)


def large_first_outputs():
    X, y = classes()
    model = net(4, 8, 3, act=ag.nn.Tanh)
    model[2].weight.data = 80 * model[2].weight.data
    return model, ag.nn.cross_entropy, X, y, None


def contradictions():
    """Each input stands there with either label."""
    X, y = np.repeat(np.eye(2), 6, axis=0), np.arange(12.0)[:, None] % 2
    return net(2, 4, 1), ag.nn.binary_cross_entropy_with_logits, X, y, None


def infinite_log():
    X, y = data()
    model = net(4, 6, 1)
    return model, lambda p, t: -ag.log(p * 0.0).mean(), X, y, None


def rounded_outputs():
    X, y = data()
    model = net(4, 6, 1, last=ag.nn.Sigmoid())
    return lambda X: ag.round(model(X)), ag.nn.mse, X, (y > 0) * 1.0, None


def logits_for_probabilities():
    X, y = data()
    return net(4, 6, 1), ag.nn.binary_cross_entropy, X, (y > 0) * 1.0, None


def wrong_shapes():
    X, y = data()
    return net(3, 6, 1), ag.nn.mse, X, y, None


FAULTS = {
    "data_not_finite": ([nan_in_the_data], "row 7"),
    "dead_units": ([dead_by_bias, dead_by_hand], "ReLU units are dead, because"),
    "units_die": ([dying_by_pixels], "Your ReLU units die.*of 64 are dead.*because all inputs are ≥ 0"),
    "dead_output": ([dead_outputs], "outputs"),
    "targets_out_of_range": (
        [targets_for_sigmoid, targets_for_relu, targets_for_a_sigmoid_by_hand],
        "range of the output's",
    ),
    "labels_out_of_range": ([labels_from_one, labels_beyond_bce], "range|0, 1"),
    "broadcast_pairs": ([column_against_row, column_against_row_in_our_loss], "20, 20|broadcast"),
    "cut_off": (
        [detached, wrapped_afresh, a_number_for_a_loss],
        "cut (off|it off)|wrapped afresh|cut it off",
    ),
    "parameter_unused": ([a_layer_unused], "does not depend on some"),
    "parameter_not_in_optimizer": ([optimizer_of_another_model], "optimiser"),
    "not_zeroed": ([never_zeroed], "at least 2 times after a step"),
    "equal_weights": ([zero_weights, equal_weights], r"they are all 0(\.5)?"),
    "softmax_wrong_axis": (
        [softmax_over_samples, softmax_over_everything, softmax_of_one_over_samples],
        "over the samples",
    ),
    "softmax_of_one": ([softmax_of_one], "single output"),
    "softmax_twice": ([softmax_twice], "Softmax is applied"),
    "sigmoid_twice": ([sigmoid_twice], "sigmoid is applied"),
    "saturated_units": ([saturated, saturated_outputs], "units|end of their range"),
    "vanishing_gradients": ([vanishing], "vanish"),
    "exploding_gradients": ([exploding], "explode"),
    "inputs_unscaled": ([large_inputs, uneven_inputs], "scaled"),
    "rate_too_large": ([rate_too_large], "and with lr 0.3"),
    "rate_too_small": ([rate_too_small], "with lr"),
    "initial_loss_high": ([large_first_outputs], "constant guess"),
    "cannot_overfit": ([contradictions], "by heart"),
    "zero_gradient": ([rounded_outputs], "'round'.*passes nothing on"),
    "not_a_probability": ([logits_for_probabilities], "in \\[0, 1\\]"),
    "not_finite": ([infinite_log], "'log' in trainings.py"),
    "forward_raises": ([wrong_shapes], "matmul|linear"),
}
