"""Programs with a mistake that were written last, without a look at the search: what they score is reported."""

import numpy as np

import autograd_mini as ag
from tests.check.networks import Mlp, sigma, softmax
from tests.check.programs import leaves, named, right

MORE = {}


def case(accepted, where):
    def add(make):
        MORE[make.__name__] = (make, accepted, where)
        return make

    return add


def mlp(program, **options):
    net = Mlp(**options)
    g = net.backward()
    mine = program(net, g)
    return net.loss, {k: net.nodes[k] for k in mine}, mine


SMALL = {"sizes": [3, 4, 2], "acts": ["tanh", "sigmoid"], "loss": "half mean", "batch": 5}


@case("activation_derivative_missing", "A1|Z1|A2|Z2")
def no_slopes_anywhere():
    return mlp(
        lambda n, g: n.backward(last_delta=lambda n: n.output_gradient(), slope1=lambda n, i, e: e), **SMALL
    )


@case("wrong_sign", "1")
def bias_of_layer_one_negated():
    return mlp(lambda n, g: dict(g, b1=-g["b1"]), **SMALL)


@case("not_divided_by_batch", "b1|b2")
def biases_not_divided():
    return mlp(lambda n, g: dict(g, b1=g["b1"] * 5, b2=g["b2"] * 5), **SMALL)


@case("not_summed", "b2")
def bias_with_a_row_for_each_sample():
    return mlp(lambda n, g: dict(g, b2=n.d[2]), **SMALL)


@case("one_sample_only|summed_before_product", "W1")
def first_input_with_mean_delta():
    return mlp(lambda n, g: dict(g, W1=n.X[:1].T @ n.d[1].mean(0, keepdims=True)), **SMALL)


@case("weights_updated_before_use", "W2|W3|A1|A2")
def all_layers_updated_at_once():
    def program(n, g):
        def back(n, i, d):
            return n.pass_back(i, d, n.W[i] - 0.3 * n.weights_share(i, d))

        return n.backward(back2=back, back3=back)

    return mlp(program, sizes=[3, 4, 3, 2], acts=["tanh", "tanh", "linear"], loss="half mean", batch=6)


@case("output_for_input|wrong_array|wrong_gradient_arrives", "W2|A1")
def weights_from_the_targets():
    return mlp(
        lambda n, g: dict(g, W2=n.Y.T @ n.d[2]),
        sizes=[3, 2, 2],
        acts=["tanh", "linear"],
        loss="mean",
        batch=5,
    )


@case("derivative_at_preactivation", "A2|Z2")
def output_slope_of_z():
    return mlp(
        lambda n, g: n.backward(last_delta=lambda n: n.output_gradient() * n.Z[2] * (1 - n.Z[2])), **SMALL
    )


@case("learning_rate_in_gradient|wrong_factor", ".")
def learning_rate_applied_already():
    return mlp(lambda n, g: {k: 0.03 * v for k, v in g.items()}, **SMALL)


@case("factor_two|wrong_mean", ".")
def squares_derivative_without_two():
    return mlp(
        lambda n, g: {k: v / 2 for k, v in g.items()},
        sizes=[3, 4, 2],
        acts=["relu", "linear"],
        loss="mean",
        batch=7,
    )


@case("derivative_of_another_function", "A1|Z1")
def relu_treated_as_tanh():
    return mlp(
        lambda n, g: n.backward(slope1=lambda n, i, e: e * (1 - n.A[1] ** 2)),
        sizes=[3, 6, 2],
        acts=["relu", "linear"],
        loss="mean",
        batch=7,
    )


@case("derivative_of_another_function", "A1|Z1")
def tanh_with_the_formula_of_the_sigmoid():
    return mlp(lambda n, g: n.backward(slope1=lambda n, i, e: e * n.A[1] * (1 - n.A[1])), **SMALL)


@case("transposed|weights_missing|summed_before_product|.*", "A1|W2")
def weights_summed_over_units():
    return mlp(
        lambda n, g: n.backward(back2=lambda n, i, d: d.sum(1, keepdims=True) * n.W[2].sum(1)), **SMALL
    )


@case("wrong_sign", "2|A1|Z1|1")
def sign_flipped_going_back():
    return mlp(lambda n, g: n.backward(back2=lambda n, i, d: -n.pass_back(i, d)), **SMALL)


@case("wrong_gradient_arrives|activation_derivative_missing", "b1")
def bias_from_before_the_slope():
    return mlp(lambda n, g: dict(g, b1=n.back[1].sum(0, keepdims=True)), **SMALL)


@case("activation_derivative_missing|wrong_gradient_arrives", "W1|b1|Z1")
def weights_from_before_the_slope_bias_right():
    return mlp(lambda n, g: dict(g, W1=n.X.T @ n.back[1]), **SMALL)


@case("softmax_elementwise|activation_derivative_missing|.*", "A2|Z2")
def categorical_delta_divided_by_p():
    return mlp(
        lambda n, g: n.backward(last_delta=lambda n: (n.A[2] - n.Y) * n.A[2] / n.m),
        sizes=[3, 4, 3],
        acts=["tanh", "softmax"],
        loss="nll",
        batch=5,
    )


@case("delta_of_another_loss|softmax_elementwise|activation_derivative_.*", "A2|Z2")
def squares_delta_under_cross_entropy():
    return mlp(
        lambda n, g: n.backward(last_delta=lambda n: (n.A[2] - n.Y) * n.A[2] * (1 - n.A[2]) / n.m),
        sizes=[3, 4, 3],
        acts=["tanh", "softmax"],
        loss="nll",
        batch=5,
    )


@case("derivative_at_wrong_array|wrong_array", "A1|Z1")
def slope_of_the_layer_above():
    return mlp(
        lambda n, g: n.backward(slope1=lambda n, i, e: e * (1 - n.A[2] ** 2)),
        sizes=[3, 4, 4],
        acts=["tanh", "tanh"],
        loss="half mean",
        batch=5,
    )


@case("part_missing", "W1")
def only_half_the_features():
    return mlp(lambda n, g: dict(g, W1=g["W1"] * np.array([[1.0], [1.0], [0.0]])), **SMALL)


@case("wrong_index|transposed", "W1")
def columns_in_reverse():
    return mlp(lambda n, g: dict(g, W1=g["W1"][:, ::-1]), **SMALL)


@case("factor_two|wrong_factor|wrong_mean", "W1")
def tripled():
    return mlp(lambda n, g: dict(g, W1=g["W1"] * 3), **SMALL)


@case("mask_missing|activation_derivative_missing", "A1|Z1")
def mask_of_relu_forgotten():
    return mlp(
        lambda n, g: n.backward(slope1=lambda n, i, e: e),
        sizes=[3, 8, 2],
        acts=["relu", "softmax"],
        loss="nll",
        batch=9,
    )


@case("derivative_at_wrong_array|derivative_of_another_function|wrong_array", "A1|Z1|relu")
def mask_of_the_gradient():
    return mlp(
        lambda n, g: n.backward(slope1=lambda n, i, e: e * (e > 0)),
        sizes=[3, 8, 2],
        acts=["relu", "linear"],
        loss="mean",
        batch=9,
    )


# ---- Other programs ---------------------------------------------------------------------------------------------------------


def vae(seed):
    rng = np.random.default_rng(seed)
    x, eps = rng.normal(size=(6, 4)), rng.normal(size=(6, 2))
    N = leaves(seed, Wm=(4, 2), Ws=(4, 2), D=(2, 4))
    mu, logvar = x @ N["Wm"], x @ N["Ws"]
    std = np.exp(0.5 * logvar)
    z = mu + std * eps
    out = z @ N["D"]
    named(mu=mu, logvar=logvar, std=std, z=z, out=out)
    kl = -0.5 * (1 + logvar - mu**2 - np.exp(logvar)).sum()
    loss = 0.5 * ((out - x) ** 2).sum() + kl
    dz = (out.data - x) @ N["D"].data.T
    return {
        "x": x,
        "eps": eps,
        "N": N,
        "loss": loss,
        "mu": mu.data,
        "lv": logvar.data,
        "std": std.data,
        "z": z.data,
        "dz": dz,
        "e": out.data - x,
    }


def vae_back(v, dmu, dlv):
    return v["loss"], v["N"], {"D": v["z"].T @ v["e"], "Wm": v["x"].T @ dmu, "Ws": v["x"].T @ dlv}


@case("path_missing|penalty_missing", "mu")
def vae_without_kl_of_the_mean():
    v = vae(1)
    return vae_back(v, v["dz"], v["dz"] * v["eps"] * v["std"] * 0.5 + 0.5 * (np.exp(v["lv"]) - 1))


@case("wrong_sign", "logvar|mu|exp|1")
def vae_kl_of_the_variance_turned():
    v = vae(2)
    return vae_back(v, v["dz"] + v["mu"], v["dz"] * v["eps"] * v["std"] * 0.5 - 0.5 * (np.exp(v["lv"]) - 1))


@case("factor_two|factor_missing|wrong_mean", "std|logvar|exp")
def vae_half_of_the_deviation_forgotten():
    v = vae(3)
    return vae_back(v, v["dz"] + v["mu"], v["dz"] * v["eps"] * v["std"] + 0.5 * (np.exp(v["lv"]) - 1))


@case("factor_missing|path_missing|mask_missing|.*", "std|z|logvar")
def vae_noise_forgotten():
    v = vae(4)
    return vae_back(v, v["dz"] + v["mu"], v["dz"] * v["std"] * 0.5 + 0.5 * (np.exp(v["lv"]) - 1))


def smoothed(seed):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(6, 3)), np.eye(4)[rng.integers(0, 4, 6)] * 0.8 + 0.05
    N = leaves(seed, W=(3, 4), b=(1, 4))
    z = x @ N["W"] + N["b"]
    p = ag.softmax(z, -1)
    named(z=z, p=p)
    loss = -(y * np.log(p)).sum() / 6
    return x, y, N, loss, p.data


@case("not_divided_by_batch", "b|every|z")
def label_smoothing_not_divided():
    x, y, N, loss, p = smoothed(5)
    d = p - y
    return loss, N, {"W": x.T @ d, "b": d.sum(0, keepdims=True)}


@case("averaged|divided_by_batch_twice|wrong_mean", "b")
def label_smoothing_bias_mean():
    x, y, N, loss, p = smoothed(6)
    d = (p - y) / 6
    return loss, N, {"W": x.T @ d, "b": d.mean(0, keepdims=True)}


def policy(seed):
    rng = np.random.default_rng(seed)
    x, a, r = rng.normal(size=(7, 3)), rng.integers(0, 2, 7), rng.normal(size=7)
    N = leaves(seed, W=(3, 2))
    z = x @ N["W"]
    lp = ag.log_softmax(z, -1)
    named(z=z, lp=lp)
    one = np.eye(2)[a]
    loss = -(r[:, None] * one * lp).sum() / 7
    return x, one, r, N, loss, softmax(z.data, 1)


@case("wrong_sign", "W|every|z")
def policy_gradient_descended():
    x, one, r, N, loss, p = policy(7)
    return loss, N, {"W": -x.T @ (r[:, None] * (p - one)) / 7 * -1 * -1}


@case("factor_missing|wrong_gradient_arrives|mask_missing|.*", "z|lp")
def policy_gradient_without_reward():
    x, one, r, N, loss, p = policy(8)
    return loss, N, {"W": x.T @ (p - one) / 7}


@case("softmax_.*|path_missing|activation_derivative_missing|.*", "z|lp")
def policy_gradient_of_the_chosen_alone():
    x, one, r, N, loss, p = policy(9)
    return loss, N, {"W": x.T @ (r[:, None] * -one) / 7}


def highway(seed):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(5, 3)), rng.normal(size=(5, 3))
    N = leaves(seed, Wt=(3, 3), Wh=(3, 3))
    t, h = ag.sigmoid(x @ N["Wt"]), np.tanh(x @ N["Wh"])
    out = t * h + (1 - t) * x
    named(t=t, h=h, out=out)
    loss = 0.5 * ((out - y) ** 2).sum()
    return x, N, loss, t.data, h.data, out.data - y


@case("path_missing", "t")
def gate_of_the_highway_half():
    x, N, loss, t, h, d = highway(10)
    return loss, N, {"Wt": x.T @ (d * h * t * (1 - t)), "Wh": x.T @ (d * t * (1 - h**2))}


@case("wrong_sign|inner_derivative_missing", "t")
def gate_of_the_highway_turned():
    x, N, loss, t, h, d = highway(11)
    return loss, N, {"Wt": x.T @ (d * (h + x) * t * (1 - t)), "Wh": x.T @ (d * t * (1 - h**2))}


@case("factor_missing|wrong_gradient_arrives", "h")
def highway_without_its_gate():
    x, N, loss, t, h, d = highway(12)
    return loss, N, {"Wt": x.T @ (d * (h - x) * t * (1 - t)), "Wh": x.T @ (d * (1 - h**2))}


def siamese(seed):
    rng = np.random.default_rng(seed)
    a, b, y = rng.normal(size=(5, 3)), rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    N = leaves(seed, W=(3, 2))
    f, g = np.tanh(a @ N["W"]), np.tanh(b @ N["W"])
    named(f=f, g=g)
    loss = 0.5 * ((f - g - y) ** 2).sum()
    return a, b, N, loss, f.data, g.data, f.data - g.data - y


@case("wrong_sign|inner_derivative_missing", "g")
def siamese_second_branch_added():
    a, b, N, loss, f, g, d = siamese(13)
    return loss, N, {"W": a.T @ (d * (1 - f**2)) + b.T @ (d * (1 - g**2))}


@case("path_missing", "W")
def siamese_one_branch():
    a, b, N, loss, f, g, d = siamese(14)
    return loss, N, {"W": a.T @ (d * (1 - f**2))}


@case("wrong_array|output_for_input", "W")
def siamese_one_input_for_both():
    a, b, N, loss, f, g, d = siamese(15)
    return loss, N, {"W": a.T @ (d * (1 - f**2)) - a.T @ (d * (1 - g**2))}


def summed_scores(seed):
    """Global average of a one-dimensional feature map, then a linear layer."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(4, 5, 3)), rng.normal(size=(4, 2))
    N = leaves(seed, W=(3, 6), V=(6, 2))
    h = np.tanh(x @ N["W"])
    p = h.mean(axis=1)
    named(h=h, p=p)
    loss = 0.5 * ((p @ N["V"] - y) ** 2).sum() / 4
    d = (p.data @ N["V"].data - y) / 4
    return x, N, loss, h.data, p.data, d


@case("wrong_mean|wrong_factor|factor_missing", "p|h")
def average_not_divided():
    x, N, loss, h, p, d = summed_scores(16)
    dh = np.broadcast_to((d @ N["V"].data.T)[:, None, :], h.shape) * (1 - h**2)
    return loss, N, {"V": p.T @ d, "W": np.einsum("btd,bth->dh", x, dh)}


@case("derivative_at_activation", "h")
def slope_of_the_average_twice():
    x, N, loss, h, p, d = summed_scores(17)
    dh = np.broadcast_to((d @ N["V"].data.T)[:, None, :], h.shape) / 5 * (1 - np.tanh(h) ** 2)
    return loss, N, {"V": p.T @ d, "W": np.einsum("btd,bth->dh", x, dh)}


def scalars():
    a, b, c = (ag.Value(v, label=k) for k, v in {"a": 1.5, "b": -0.7, "c": 2.0}.items())
    s = a * b
    t = s + c
    u = ag.tanh(t)
    named(s=s, t=t, u=u)
    return u * u * a, {"a": a, "b": b, "c": c}


@case("path_missing", "a")
def scalar_use_left_out():
    loss, N = scalars()
    g = right(loss, N)
    u = np.tanh(1.5 * -0.7 + 2)
    return loss, N, dict(g, a=g["a"] - u * u)


@case("activation_derivative_missing", "t|u")
def scalar_slope_left_out():
    loss, N = scalars()
    u = np.tanh(1.5 * -0.7 + 2)
    d = 2 * u * 1.5
    return loss, N, {"a": u * u + d * -0.7, "b": d * 1.5, "c": d}


@case("penalty_sign|wrong_sign|penalty_.*", "W2|every")
def weight_decay_of_the_second_layer_turned():
    rng = np.random.default_rng(20)
    x, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 1))
    N = leaves(20, W1=(3, 4), W2=(4, 1))
    h = np.tanh(x @ N["W1"])
    h.label = "h"
    loss = ((h @ N["W2"] - y) ** 2).mean() + 0.01 * ((N["W1"] ** 2).sum() + (N["W2"] ** 2).sum())
    g = right(loss, N)
    return loss, N, dict(g, W2=g["W2"] - 0.04 * N["W2"].data)


@case("penalty_.*|divided_by_batch_twice", "W1")
def weight_decay_divided_by_the_batch():
    rng = np.random.default_rng(21)
    x, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 1))
    N = leaves(21, W1=(3, 1))
    loss = ((x @ N["W1"] - y) ** 2).mean() + 0.3 * (N["W1"] ** 2).sum()
    g = right(loss, N)
    return loss, N, {"W1": g["W1"] - 0.6 * N["W1"].data * (1 - 1 / 6)}


@case("value_for_derivative|activation_derivative_missing|factor_missing|.*", "z|p")
def poisson_regression_of_the_logarithm():
    rng = np.random.default_rng(22)
    x, y = rng.normal(size=(6, 3)), rng.integers(0, 5, (6, 1)).astype(float)
    N = leaves(22, w=(3, 1))
    z = x @ N["w"]
    p = np.exp(z)
    named(z=z, p=p)
    loss = (p - y * z).sum() / 6
    return loss, N, {"w": x.T @ (z.data - y) / 6}


@case("wrong_sign|inner_derivative_missing|path_missing", "z|p|s|every")
def logistic_by_its_own_exponentials():
    """1 / (1 + e^-z), the inner derivative of −z forgotten."""
    rng = np.random.default_rng(23)
    x, y = rng.normal(size=(6, 3)), rng.random((6, 1))
    N = leaves(23, w=(3, 1))
    z = x @ N["w"]
    s = 1 / (1 + np.exp(-z))
    named(z=z, s=s)
    loss = ((s - y) ** 2).sum()
    d = 2 * (s.data - y)
    return loss, N, {"w": x.T @ (d * -s.data * (1 - s.data))}


@case("derivative_at_activation", "z|s")
def logistic_by_its_own_exponentials_twice():
    rng = np.random.default_rng(24)
    x, y = rng.normal(size=(6, 3)), rng.random((6, 1))
    N = leaves(24, w=(3, 1), b=(1, 1))
    z = x @ N["w"] + N["b"]
    s = 1 / (1 + np.exp(-z))
    named(z=z, s=s)
    loss = ((s - y) ** 2).sum()
    d = 2 * (s.data - y) * sigma(s.data) * (1 - sigma(s.data))
    return loss, N, {"w": x.T @ d, "b": d.sum(0, keepdims=True)}
