"""Programs in other styles than those of programs.py: each with its right backward pass, and with mistakes by name.

A style returns (loss, nodes by label, gradients by label) for a fault; the fault "" is none. So each program's right
gradients are checked too.
"""

import math

import numpy as np

import autograd_mini as ag
from tests.check.networks import sigma, softmax
from tests.check.programs import leaves, named

STYLES = {}


def style(**faults):
    """Register a program with its faults: what may be named, and the place."""

    def add(make):
        STYLES[make.__name__] = (make, faults)
        return make

    return add


def data(seed, *shapes):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=s) for s in shapes]


def values(nodes):
    return {k: v.data for k, v in nodes.items()}


# ---- Activations ----------------------------------------------------------------------------------------------------------


def smooth(seed, act, slope, fault, wrong):
    """X → act → linear, half the mean over the batch of the squared error."""
    X, Y = data(seed, (6, 3), (6, 2))
    N = leaves(seed, W1=(3, 4), b1=(4,), W2=(4, 2))
    z = X @ N["W1"] + N["b1"]
    h = act(z)
    out = h @ N["W2"]
    named(z=z, h=h, out=out)
    loss = ((out - Y) ** 2).sum() / 12
    w, d = values(N), (out.data - Y) / 6
    s = wrong[fault](z.data, h.data) if fault else slope(z.data)
    dz = (d @ w["W2"].T) * s
    return loss, N, {"W1": X.T @ dz, "b1": dz.sum(0), "W2": h.data.T @ d}


def cdf(z):
    return np.array([0.5 * math.erfc(-v / math.sqrt(2)) for v in z.ravel()]).reshape(z.shape)


def pdf(z):
    return np.exp(-z * z / 2) / np.sqrt(2 * np.pi)


@style(
    gate_alone=("term_missing|factor_missing|activation_derivative|wrong_array|value_for", "z|h|gelu"),
    at_the_output=("derivative_at_activation", "z|h"),
    left_out=("activation_derivative_missing", "z|h"),
)
def gelu(fault):
    return smooth(
        1,
        ag.gelu,
        lambda z: cdf(z) + z * pdf(z),
        fault,
        {
            "gate_alone": lambda z, h: cdf(z),
            "at_the_output": lambda z, h: cdf(h) + h * pdf(h),
            "left_out": lambda z, h: 1.0,
        },
    )


@style(
    gate_alone=("term_missing|factor_missing|derivative_of_another_function|value_for", "z|h|silu|sigmoid"),
    slope_of_the_gate=("derivative_of_another_function|term_missing", "z|h"),
    value=("value_for_derivative", "z|h"),
)
def swish(fault):
    return smooth(
        2,
        lambda z: z * ag.sigmoid(z),
        lambda z: sigma(z) * (1 + z * (1 - sigma(z))),
        fault,
        {
            "gate_alone": lambda z, h: sigma(z),
            "slope_of_the_gate": lambda z, h: sigma(z) * (1 - sigma(z)),
            "value": lambda z, h: h,
        },
    )


@style(
    alpha_missing=("term_missing|factor_missing|constant|derivative|mask|wrong_factor", "z|h"),
    as_relu=("derivative_of_another_function|mask|factor|wrong", "z|h"),
    at_the_output=("derivative_at_activation", "z|h"),
)
def elu(fault):
    def slope(z):
        return np.where(z > 0, 1.0, 0.7 * np.exp(z))

    return smooth(
        3,
        lambda z: ag.elu(z, 0.7),
        slope,
        fault,
        {
            "alpha_missing": lambda z, h: np.where(z > 0, 1.0, np.exp(z)),
            "as_relu": lambda z, h: (z > 0) * 1.0,
            "at_the_output": lambda z, h: slope(h),
        },
    )


@style(
    as_relu=("derivative_of_another_function", "z|h"),
    left_out=("activation_derivative_missing", "z|h"),
    cases_exchanged=("cases_exchanged", "z|h"),
)
def leaky(fault):
    def slope(z):
        return np.where(z > 0, 1.0, 0.1)

    return smooth(
        4,
        lambda z: ag.leaky_relu(z, 0.1),
        slope,
        fault,
        {
            "as_relu": lambda z, h: (z > 0) * 1.0,
            "left_out": lambda z, h: 1.0,
            "cases_exchanged": lambda z, h: np.where(z > 0, 0.1, 1.0),
        },
    )


@style(
    square_missing=("square_missing", "z|h"),
    one_missing=("constant_term_missing|term_missing|factor", "z|h"),
    root=("square_missing|factor_missing", "z|h"),
)
def arctan(fault):
    return smooth(
        5,
        ag.arctan,
        lambda z: 1 / (1 + z * z),
        fault,
        {
            "square_missing": lambda z, h: 1 / (1 + np.abs(z) * 0 + z),
            "one_missing": lambda z, h: 1 / (z * z),
            "root": lambda z, h: 1 / np.sqrt(1 + z * z),
        },
    )


@style(
    inner_missing=("inner_derivative_missing|factor_missing|factor_two|wrong_factor|weights_missing", "z|h"),
    sign=("wrong_sign", "z|h"),
    value=("value_for_derivative|factor_missing|activation_derivative_missing", "z|h|exp"),
)
def gaussian(fault):
    return smooth(
        6,
        lambda z: ag.exp(-z * z),
        lambda z: -2 * z * np.exp(-z * z),
        fault,
        {"inner_missing": lambda z, h: -z * h, "sign": lambda z, h: 2 * z * h, "value": lambda z, h: h},
    )


@style(
    as_tanh=("derivative_of_another_function", "z|h"),
    quotient=("path_missing|term_missing", "z|h"),
    at_the_output=("derivative_at_activation", "z|h"),
)
def softsign(fault):
    def slope(z):
        return 1 / (1 + np.abs(z)) ** 2

    return smooth(
        7,
        lambda z: z / (1 + ag.abs(z)),
        slope,
        fault,
        {
            "as_tanh": lambda z, h: 1 - h * h,
            "quotient": lambda z, h: 1 / (1 + np.abs(z)),
            "at_the_output": lambda z, h: slope(h),
        },
    )


@style(
    inner_missing=("inner_derivative_missing|factor_missing|wrong_factor", "z|h|s"),
    at_the_input=("derivative_at_wrong_array", "z|h"),
)
def steep_sigmoid(fault):
    """sigmoid(k z): the k of the inner function is forgotten."""
    return smooth(
        8,
        lambda z: ag.sigmoid(3.0 * z),
        lambda z: 3 * sigma(3 * z) * (1 - sigma(3 * z)),
        fault,
        {
            "inner_missing": lambda z, h: h * (1 - h),
            "at_the_input": lambda z, h: 3 * sigma(z) * (1 - sigma(z)),
        },
    )


# ---- Losses ---------------------------------------------------------------------------------------------------------------


def linear(seed, loss_of, delta):
    """A linear model, and the delta at its output."""
    X, Y = data(seed, (7, 3), (7, 2))
    N = leaves(seed, W=(3, 2), b=(1, 2))
    out = X @ N["W"] + N["b"]
    named(out=out)
    loss, y = loss_of(out, Y)
    d = delta(out.data, y)
    return loss, N, {"W": X.T @ d, "b": d.sum(0, keepdims=True)}


@style(
    not_clipped=("mask_missing|derivative|delta_of_another_loss|activation|path_missing|clip", "out"),
    sign_alone=("derivative_of_another|delta_of_another_loss|factor_missing|wrong", "out"),
    not_divided=("not_divided_by_batch|wrong_mean", "out|W|b"),
)
def huber(fault):
    def delta(p, y):
        e = p - y
        return {"not_clipped": e, "sign_alone": np.sign(e), "not_divided": 14 * np.clip(e, -1, 1)}.get(
            fault, np.clip(e, -1, 1)
        ) / 14

    return linear(11, lambda p, y: (ag.nn.huber(p, y), y), delta)


@style(
    no_margin=("mask_missing|derivative|path_missing|wrong", "out|max"),
    label_missing=("factor_missing|mask|wrong_array", "out"),
    sign=("wrong_sign", "W|b|out"),
)
def hinge(fault):
    """Labels ±1, max(0, 1 − y·p)."""

    def delta(p, y):
        m = (y * p < 1) * 1.0
        return {"no_margin": -y, "label_missing": -m, "sign": m * y}.get(fault, -m * y) / 7

    return linear(12, lambda p, y: (ag.maximum(0.0, 1.0 - np.sign(y) * p).sum() / 7, np.sign(y)), delta)


@style(
    error_alone=("activation_derivative_missing|derivative_of_another|delta_of_another_loss|loss", "out"),
    value=("loss_for_derivative|value_for_derivative", "out"),
)
def log_cosh(fault):
    def delta(p, y):
        e = p - y
        return {"error_alone": e, "value": np.log(np.cosh(e))}.get(fault, np.tanh(e))

    return linear(13, lambda p, y: (ag.log(ag.cosh(p - y)).sum(), y), delta)


@style(
    rate_missing=("derivative_at_preactivation|delta_of_another_loss|value_for_derivative", "out"),
    target_missing=("path_missing|term|delta", "out"),
    divided_twice=("divided_by_batch_twice", "out|W|b"),
)
def poisson(fault):
    """exp(p) − y·p, the mean over the batch."""

    def delta(p, y):
        return {"rate_missing": p - y, "target_missing": np.exp(p), "divided_twice": (np.exp(p) - y) / 7}.get(
            fault, np.exp(p) - y
        ) / 7

    def loss_of(p, y):
        y = np.floor(np.abs(3 * y))
        return (ag.exp(p) - y * p).sum() / 7, y

    return linear(14, loss_of, delta)


@style(
    smoothing_missing=("delta_of_another_loss|wrong_array|term|factor", "out"),
    averaged_over_all=("wrong_mean|divided|factor_two", "out|W|b"),
)
def smoothed_labels(fault):
    def delta(p, y):
        t = 0.9 * y + 0.05
        return {"smoothing_missing": softmax(p, 1) - y, "averaged_over_all": (softmax(p, 1) - t) / 2}.get(
            fault, softmax(p, 1) - t
        ) / 7

    def loss_of(p, y):
        y = np.eye(2)[(y[:, 0] > 0) * 1]
        return -((0.9 * y + 0.05) * ag.log_softmax(p)).sum() / 7, y

    return linear(15, loss_of, delta)


@style(
    temperature_missing=("factor_missing|wrong_factor|factor_two|inner|wrong_mean", "out"),
    temperature_twice=("wrong_factor|factor_two|activation_derivative_twice|factor", "out|W|b"),
    at_cold=("softmax|delta_of_another_loss|derivative_at", "out"),
)
def temperature(fault):
    """softmax(p / 2.5) with cross-entropy."""

    def delta(p, y):
        d = softmax(p / 2.5, 1) - y
        return {
            "temperature_missing": d,
            "temperature_twice": d / 6.25,
            "at_cold": (softmax(p, 1) - y) / 2.5,
        }.get(fault, d / 2.5)

    def loss_of(p, y):
        y = np.eye(2)[(y[:, 0] > 0) * 1]
        q = ag.softmax(p / 2.5, -1)
        named(q=q)
        return -(y * ag.log(q)).sum(), y

    return linear(16, loss_of, delta)


@style(
    sigma_missing=("factor_missing|delta_of_another_loss", "mu|s|W"),
    variance_gradient=("term|path_missing|factor|constant", "s|V|log"),
    mean_only=("path_missing|unexplained|part|wrong_factor|penalty", "s|V"),
)
def gaussian_nll(fault):
    """Mean and log-deviation by two heads."""
    X, Y = data(17, (6, 3), (6, 1))
    N = leaves(17, W=(3, 1), V=(3, 1))
    mu, s = X @ N["W"], X @ N["V"]
    named(mu=mu, s=s)
    loss = (0.5 * ((Y - mu) / ag.exp(s)) ** 2 + s).sum()
    e, v = mu.data - Y, np.exp(2 * s.data)
    dmu = e if fault == "sigma_missing" else e / v
    ds = {"variance_gradient": -e * e / v, "mean_only": np.ones_like(e)}.get(fault, 1 - e * e / v)
    return loss, N, {"W": X.T @ dmu, "V": X.T @ ds}


@style(
    norm_missing=("factor_missing|wrong_factor", "u"),
    norm_constant=("path_missing|statistics_held_constant|term|factor", "u|v|out|W"),
)
def cosine(fault):
    """1 − cos(u, y), u = X W."""
    X, Y = data(18, (5, 3), (5, 4))
    N = leaves(18, W=(3, 4))
    u = X @ N["W"]
    named(u=u)
    ny = np.linalg.norm(Y, axis=1)
    loss = (1.0 - (u * Y).sum(1) / (ag.norm(u, axis=1) * ny)).sum()
    U = u.data
    n = np.linalg.norm(U, axis=1, keepdims=True)
    c = (U * Y).sum(1, keepdims=True) / n / ny[:, None]
    d = -(Y / ny[:, None] / n - c * U / n**2)
    if fault == "norm_missing":
        d = -(Y / ny[:, None] - c * U / n)
    if fault == "norm_constant":
        d = -Y / ny[:, None] / n
    return loss, N, {"W": X.T @ d}


# ---- Penalties, embeddings, tied weights -----------------------------------------------------------------------------------


@style(
    l1_missing=("penalty_missing", "W|abs"),
    l1_value=("penalty_value|value_for|activation_derivative_missing|penalty", "W|abs"),
    l2_halved=("factor_two|penalty|wrong_factor", "W"),
    on_the_bias=("penalty_added", "b"),
    sign=("penalty_sign|wrong_sign", "W"),
)
def elastic(fault):
    X, Y = data(21, (6, 4), (6, 1))
    N = leaves(21, W=(4, 1), b=(1, 1))
    p = X @ N["W"] + N["b"]
    named(p=p)
    W = N["W"]
    loss = ((p - Y) ** 2).sum() / 12 + 0.3 * ag.abs(W).sum() + 0.2 * (W**2).sum()
    w, d = values(N), (p.data - Y) / 6
    g = {"W": X.T @ d, "b": d.sum(keepdims=True)}
    l1, l2 = 0.3 * np.sign(w["W"]), 0.4 * w["W"]
    l1 = {"l1_missing": 0, "l1_value": 0.3 * np.abs(w["W"]), "sign": -l1}.get(fault, l1)
    l2 = {"l2_halved": l2 / 2}.get(fault, l2)
    g["W"] = g["W"] + l1 + l2
    if fault == "on_the_bias":
        g["b"] = g["b"] + 0.4 * w["b"]
    return loss, N, g


@style(
    overwritten=("index_overwritten", "E"),
    not_scattered=("index|not_summed|wrong|unexplained", "E"),
    mean_missing=("wrong_mean|not_divided|factor", "E|bag"),
)
def bag_of_words(fault):
    """The mean of the embeddings of three words each, then a linear layer."""
    rng = np.random.default_rng(22)
    words, Y = rng.integers(0, 6, (5, 3)), rng.normal(size=(5, 2))
    N = leaves(22, E=(6, 4), W=(4, 2))
    bag = N["E"][words].mean(1)
    out = bag @ N["W"]
    named(bag=bag, out=out)
    loss = 0.5 * ((out - Y) ** 2).sum()
    w, d = values(N), out.data - Y
    db = d @ w["W"].T
    each = np.repeat(db[:, None] / (1 if fault == "mean_missing" else 3), 3, 1)
    dE = np.zeros((6, 4))
    if fault == "overwritten":
        dE[words] += each
    elif fault == "not_scattered":
        dE[: len(db)] = db
    else:
        np.add.at(dE, words, each)
    return loss, N, {"E": dE, "W": bag.data.T @ d}


@style(
    decoder_only=("path_missing", "W"),
    encoder_only=("path_missing", "W"),
    not_transposed=("transposed|unexplained", "W"),
)
def tied(fault):
    """An autoencoder whose decoder is the encoder's transpose."""
    (X,) = data(23, (6, 4))
    N = leaves(23, W=(4, 4))
    z = X @ N["W"]
    h = ag.tanh(z)
    out = h @ N["W"].T
    named(z=z, h=h, out=out)
    loss = 0.5 * ((out - X) ** 2).sum()
    W, d = N["W"].data, out.data - X
    dz = (d @ W) * (1 - h.data**2)
    a, b = X.T @ dz, d.T @ h.data
    return loss, N, {"W": {"decoder_only": b, "encoder_only": a, "not_transposed": a + b.T}.get(fault, a + b)}


@style(
    user_for_item=("wrong_array", "p|P"),
    global_mean_missing=("one_sample_only", "c"),
    updated_first=("weights_updated_before_use", "q|Q"),
)
def factorisation(fault):
    """Ratings by the products of users and items."""
    rng = np.random.default_rng(24)
    u, i, r = rng.integers(0, 4, 9), rng.integers(0, 5, 9), rng.normal(size=9)
    N = leaves(24, P=(4, 3), Q=(5, 3), c=(1,))
    p, q = N["P"][u], N["Q"][i]
    hat = (p * q).sum(1) + N["c"]
    named(p=p, q=q, hat=hat)
    loss = ((hat - r) ** 2).sum()
    w, e = values(N), 2 * (hat.data - r)[:, None]
    dP, dQ = np.zeros((4, 3)), np.zeros((5, 3))
    np.add.at(dP, u, e * (w["P"][u] if fault == "user_for_item" else w["Q"][i]))
    after = w["P"] - 0.05 * dP
    np.add.at(dQ, i, e * (after if fault == "updated_first" else w["P"])[u])
    c = e[-1] if fault == "global_mean_missing" else e.sum(0)
    return loss, N, {"P": dP, "Q": dQ, "c": c}


# ---- Normalisation, attention ----------------------------------------------------------------------------------------------


@style(
    mean_constant=("statistics_held_constant", "h|z|mean|x"),
    all_constant=("statistics_held_constant", "h|z|mean|x|y"),
    gamma_missing=("factor_missing|weights|wrong", "gamma|y|x"),
    gamma_not_summed_over_batch=("averaged|not_summed|divided|wrong_mean", "gamma"),
    beta_from_x=("wrong_gradient_arrives|wrong_array", "beta"),
)
def batch_norm(fault):
    X, Y = data(31, (8, 3), (8, 4))
    N = leaves(31, W=(3, 4), gamma=(4,), beta=(4,))
    z = X @ N["W"]
    m = z.mean(0)
    v = ((z - m) ** 2).mean(0)
    xhat = (z - m) / ag.sqrt(v + 1e-5)
    y = N["gamma"] * xhat + N["beta"]
    named(z=z, mean=m, var=v, xhat=xhat, y=y)
    loss = 0.5 * ((y - Y) ** 2).sum() / 8
    w, d = values(N), (y.data - Y) / 8
    x, s = xhat.data, 1 / np.sqrt(v.data + 1e-5)
    dx = d if fault == "gamma_missing" else d * w["gamma"]
    dz = s * (dx - dx.mean(0) - x * (dx * x).mean(0))
    if fault == "mean_constant":
        dz = s * (dx - x * (dx * x).mean(0))
    if fault == "all_constant":
        dz = s * dx
    g = {"W": X.T @ dz, "gamma": (d * x).sum(0), "beta": d.sum(0)}
    if fault == "gamma_not_summed_over_batch":
        g["gamma"] = (d * x).mean(0)
    if fault == "beta_from_x":
        g["beta"] = (d * x).sum(0)
    return loss, N, g


@style(
    over_the_batch=("wrong_axis", "z|xhat|mean|h"),
    variance_constant=("statistics_held_constant", "z|xhat|var|h"),
)
def layer_norm(fault):
    X, Y = data(32, (5, 3), (5, 6))
    N = leaves(32, W=(3, 6), g=(6,), b=(6,))
    z = X @ N["W"]
    xhat = (z - z.mean(1, keepdims=True)) / ag.sqrt(z.var(1, keepdims=True) + 1e-5)
    y = N["g"] * xhat + N["b"]
    named(z=z, xhat=xhat, y=y)
    loss = 0.5 * ((y - Y) ** 2).sum()
    w, d = values(N), y.data - Y
    x, s = xhat.data, 1 / np.sqrt(z.data.var(1, keepdims=True) + 1e-5)
    dx = d * w["g"]
    axis = 0 if fault == "over_the_batch" else 1
    spread = 0 if fault == "variance_constant" else 1
    dz = s * (dx - dx.mean(axis, keepdims=True) - spread * x * (dx * x).mean(axis, keepdims=True))
    return loss, N, {"W": X.T @ dz, "g": (d * x).sum(0), "b": d.sum(0)}


@style(
    scale_missing=("factor_missing|wrong_factor|inner|factor_two", "s|A|Q|K"),
    elementwise=("softmax_elementwise", "A|S"),
    keys_for_queries=("wrong_array|wrong_gradient|transposed|output|gradient", "Q|K"),
    values_path_missing=("gradient_missing", "Wv"),
    not_transposed=("transposed", "K|S|Wk"),
    wrong_axis=("wrong_axis", "A|S"),
)
def attention(fault):
    """One head: softmax(Q Kᵀ / 2) V, all of the same X."""
    X, Y = data(33, (5, 4), (5, 4))
    N = leaves(33, Wq=(4, 4), Wk=(4, 4), Wv=(4, 4))
    Q, K, V = X @ N["Wq"], X @ N["Wk"], X @ N["Wv"]
    S = Q @ K.T / 2.0
    A = ag.softmax(S, -1)
    out = A @ V
    named(Q=Q, K=K, V=V, S=S, A=A, out=out)
    loss = 0.5 * ((out - Y) ** 2).sum()
    d, a = out.data - Y, A.data
    dA, dV = d @ V.data.T, a.T @ d
    axis = 0 if fault == "wrong_axis" else 1
    dS = dA * a * (1 - a) if fault == "elementwise" else a * (dA - (dA * a).sum(axis, keepdims=True))
    dS = dS / (1 if fault == "scale_missing" else 2)
    dQ = dS @ (Q.data if fault == "keys_for_queries" else K.data)
    dK = (dS if fault == "not_transposed" else dS.T) @ Q.data
    dWv = np.zeros((4, 4)) if fault == "values_path_missing" else X.T @ dV
    return loss, N, {"Wq": X.T @ dQ, "Wk": X.T @ dK, "Wv": dWv}


@style(
    mask_missing=("mask_missing|derivative_at_wrong_array", "A|S"),
)
def causal(fault):
    """Attention that looks back only: where the mask is, −1e9 is added."""
    X, Y = data(34, (5, 3), (5, 2))
    N = leaves(34, Wq=(3, 2), Wk=(3, 2), Wv=(3, 2))
    Q, K, V = X @ N["Wq"], X @ N["Wk"], X @ N["Wv"]
    mask = np.triu(np.ones((5, 5)), 1)
    S = Q @ K.T - 1e9 * mask
    A = ag.softmax(S, -1)
    out = A @ V
    named(Q=Q, K=K, V=V, S=S, A=A, out=out)
    loss = 0.5 * ((out - Y) ** 2).sum()
    d, a = out.data - Y, A.data
    if fault == "mask_missing":
        a = softmax(Q.data @ K.data.T, 1)
    dA = d @ V.data.T
    dS = a * (dA - (dA * a).sum(1, keepdims=True))
    return loss, N, {"Wq": X.T @ dS @ K.data, "Wk": X.T @ dS.T @ Q.data, "Wv": X.T @ A.data.T @ d}


# ---- Over time ------------------------------------------------------------------------------------------------------------


@style(
    truncated=("path_missing", "h|U"),
    forget_path=("path_missing", "c|f"),
    gate_slope=("activation_derivative_missing", "i|z|f|o|sigmoid"),
    candidate_as_sigmoid=("derivative_of_another_function", "g|tanh|z"),
    cell_slope=("activation_derivative_missing", "c|tanh|h"),
    output_gate_missing=("factor_missing", "h|o|c"),
)
def lstm(fault):
    """One matrix a gate; the loss at the last step."""
    T, rng = 3, np.random.default_rng(41)
    x, Y = rng.normal(size=(T, 4, 2)), rng.normal(size=(4, 3))
    names = [f"{m}{g}" for g in "ifog" for m in "WU"]
    N = leaves(41, **{n: (2, 3) if n[0] == "W" else (3, 3) for n in names})
    h, c, tape = np.zeros((4, 3)), np.zeros((4, 3)), []
    for t in range(T):
        z = {g: x[t] @ N[f"W{g}"] + h @ N[f"U{g}"] for g in "ifog"}
        a = {g: (ag.tanh if g == "g" else ag.sigmoid)(z[g]) for g in "ifog"}
        new = a["f"] * c + a["i"] * a["g"]
        named(**{f"{g}{t}": a[g] for g in "ifog"}, **{f"z{g}{t}": z[g] for g in "ifog"})
        squashed = ag.tanh(new)
        out = a["o"] * squashed
        named(**{f"c{t}": new, f"h{t}": out})
        tape.append((h, c, {g: a[g].data for g in "ifog"}, new.data, squashed.data))
        h, c = out, new
    loss = 0.5 * ((h - Y) ** 2).sum()
    w, grads = values(N), {n: np.zeros(N[n].shape) for n in names}
    dh, dc = h.data - Y, 0.0
    for t in reversed(range(T)):
        before, old, a, _, s = tape[t]
        before, old = (q.data if hasattr(q, "data") and hasattr(q, "parents") else q for q in (before, old))
        d = (
            dh
            * (1 if fault == "output_gate_missing" else a["o"])
            * (1 if fault == "cell_slope" else 1 - s * s)
            + dc
        )
        da = {"o": dh * s, "f": d * old, "i": d * a["g"], "g": d * a["i"]}
        dh = 0.0
        for g in "ifog":
            slope = 1 - a[g] ** 2 if g == "g" else a[g] * (1 - a[g])
            if fault == "gate_slope" and g != "g":
                slope = 1.0
            if fault == "candidate_as_sigmoid" and g == "g":
                slope = a[g] * (1 - a[g])
            dz = da[g] * slope
            grads[f"W{g}"] += x[t].T @ dz
            grads[f"U{g}"] += before.T @ dz
            dh = dh + dz @ w[f"U{g}"].T
        if fault == "truncated":
            dh = 0.0 * dh
        dc = 0.0 if fault == "forget_path" else d * a["f"]
    return loss, N, grads


@style(
    carry_missing=("path_missing", "h"),
    update_gate_sign=("wrong_sign|inner_derivative_missing", "u|h"),
    reset_missing=("factor_missing|path_missing|mask|weights|term", "r|h"),
)
def gru(fault):
    T, rng = 3, np.random.default_rng(42)
    x, Y = rng.normal(size=(T, 4, 2)), rng.normal(size=(4, 3))
    N = leaves(42, Wu=(2, 3), Uu=(3, 3), Wr=(2, 3), Ur=(3, 3), Wn=(2, 3), Un=(3, 3))
    h, tape = ag.Tensor(np.zeros((4, 3)), requires_grad=False), []
    for t in range(T):
        u = ag.sigmoid(x[t] @ N["Wu"] + h @ N["Uu"])
        r = ag.sigmoid(x[t] @ N["Wr"] + h @ N["Ur"])
        rh = r * h
        n = ag.tanh(x[t] @ N["Wn"] + rh @ N["Un"])
        new = (1.0 - u) * n + u * h
        named(**{f"u{t}": u, f"r{t}": r, f"n{t}": n, f"h{t}": new})
        tape.append((h.data, u.data, r.data, n.data))
        h = new
    loss = ((h - Y) ** 2).mean()
    w, g = values(N), {k: np.zeros(v.shape) for k, v in N.items()}
    dh = 2 * (h.data - Y) / 12
    for t in reversed(range(T)):
        old, u, r, n = tape[t]
        du = dh * ((old + n) if fault == "update_gate_sign" else (old - n)) * u * (1 - u)
        dn = dh * (1 - u) * (1 - n * n)
        drh = dn @ w["Un"].T
        dr = drh * old * r * (1 - r)
        for k, dz, into in (("u", du, old), ("r", dr, old), ("n", dn, r * old)):
            g[f"W{k}"] += x[t].T @ dz
            g[f"U{k}"] += into.T @ dz
        carry = 0 if fault == "carry_missing" else dh * u
        dh = carry + du @ w["Uu"].T + dr @ w["Ur"].T + (drh if fault == "reset_missing" else drh * r)
    return loss, N, g


@style(
    only_the_last=("path_missing", "W|h|a"),
    power_missing=("path_missing|weights_missing|factor", "a|h"),
)
def linear_filter(fault):
    """y_t = a·y_{t−1} + b·x_t, single numbers: the dependence of y_{t−1} on a is forgotten."""
    rng = np.random.default_rng(43)
    x, target = rng.normal(size=6), rng.normal(size=6)
    N = {"a": ag.Tensor(0.7, label="a"), "b": ag.Tensor(0.4, label="b")}
    y, loss, ys = 0.0, 0.0, [0.0]
    for t in range(6):
        y = N["a"] * y + N["b"] * x[t]
        y.label = f"y{t}"
        ys.append(y.data.item())
        loss = loss + 0.5 * (y - target[t]) ** 2
    ga = gb = back = 0.0
    for t in reversed(range(6)):
        e = ys[t + 1] - target[t] + (0.0 if fault == "power_missing" else 0.7 * back)
        if fault == "only_the_last" and t < 5:
            break
        ga, gb, back = ga + e * ys[t], gb + e * x[t], e
    return loss, N, {"a": np.array(ga), "b": np.array(gb)}


# ---- Layouts and other layers ----------------------------------------------------------------------------------------------


@style(
    only_the_chosen=("mask_missing|path|unexplained|index|wrong", "pool|c|K"),
    kernel_flipped=("wrong_index|transposed|flipped", "K"),
    bias_averaged=("averaged|wrong_mean|divided", "b"),
)
def conv_pool(fault):
    """A 1-d convolution by windows, ReLU, then the largest of the whole row."""
    rng = np.random.default_rng(51)
    X, Y = rng.normal(size=(4, 8)), rng.normal(size=4)
    N = leaves(51, K=(3,), b=(1,))
    windows = np.stack([X[:, i : i + 6] for i in range(3)], -1)
    c = windows @ N["K"] + N["b"]
    a = ag.tanh(c)
    pool = a.max(1)
    named(c=c, a=a, pool=pool)
    loss = 0.5 * ((pool - Y) ** 2).sum()
    d = (pool.data - Y)[:, None]
    da = (a.data == a.data.max(1, keepdims=True)) * d
    if fault == "only_the_chosen":
        da = np.broadcast_to(d, a.shape)
    dc = da * (1 - a.data**2)
    dK = np.einsum("ntk,nt->k", windows, dc)
    return (
        loss,
        N,
        {
            "K": dK[::-1] if fault == "kernel_flipped" else dK,
            "b": np.array([dc.mean() if fault == "bias_averaged" else dc.sum()]),
        },
    )


@style(
    skip_missing=("path_missing", "h1|h|x|z"),
    slope_at_the_sum=("derivative_at_wrong_array|derivative_at_activation|wrong", "h|z"),
    inner_only=("path_missing", "h1|h|z"),
)
def residual_columns(fault):
    """Samples as columns; h2 = h1 + tanh(W2 h1)."""
    X, Y = data(52, (3, 6), (2, 6))
    N = leaves(52, W1=(4, 3), W2=(4, 4), W3=(2, 4))
    z1 = N["W1"] @ X
    h1 = ag.tanh(z1)
    z2 = N["W2"] @ h1
    t2 = ag.tanh(z2)
    h2 = h1 + t2
    out = N["W3"] @ h2
    named(z1=z1, h1=h1, z2=z2, t2=t2, h2=h2, out=out)
    loss = ((out - Y) ** 2).mean()
    w, d = values(N), 2 * (out.data - Y) / 12
    dh2 = w["W3"].T @ d
    dz2 = dh2 * (1 - (np.tanh(h2.data) if fault == "slope_at_the_sum" else t2.data) ** 2)
    dh1 = w["W2"].T @ dz2 + dh2
    if fault == "skip_missing":
        dh1 = w["W2"].T @ dz2
    if fault == "inner_only":
        dh1 = dh2
    dz1 = dh1 * (1 - h1.data**2)
    return loss, N, {"W1": dz1 @ X.T, "W2": dz2 @ h1.data.T, "W3": d @ h2.data.T}


@style(
    noise_missing=("factor_missing|path|wrong_array|wrong", "s|sigma|z"),
    kl_missing=("path_missing|penalty|unexplained|term", "mu|s|kl|W"),
    log_variance_halved=("factor_two|inner|wrong_factor", "s"),
)
def variational(fault):
    """z = mu + exp(s / 2)·noise, decoded linearly, with the Kullback-Leibler divergence to a normal distribution."""
    X, noise = data(53, (6, 3), (6, 2))
    N = leaves(53, Wm=(3, 2), Ws=(3, 2), D=(2, 3))
    mu, s = X @ N["Wm"], X @ N["Ws"]
    sigma_ = ag.exp(0.5 * s)
    z = mu + sigma_ * noise
    out = z @ N["D"]
    named(mu=mu, s=s, sigma=sigma_, z=z, out=out)
    kl = -0.5 * (1.0 + s - mu**2 - ag.exp(s)).sum()
    loss = 0.5 * ((out - X) ** 2).sum() + kl
    w, d = values(N), out.data - X
    dz = d @ w["D"].T
    k = 0 if fault == "kl_missing" else 1
    half = 1.0 if fault == "log_variance_halved" else 0.5
    ds = dz * (1 if fault == "noise_missing" else noise) * half * sigma_.data + k * 0.5 * (np.exp(s.data) - 1)
    return loss, N, {"Wm": X.T @ (dz + k * mu.data), "Ws": X.T @ ds, "D": z.data.T @ d}


@style(
    baseline_sign=("wrong_sign", "z|W|log"),
    probability_for_log=("activation_derivative_missing|factor_missing", "z|p|log"),
    reward_missing=("factor_missing|loss|delta_of_another", "z|log|p"),
)
def policy(fault):
    """REINFORCE: −mean(reward · log p(action))."""
    rng = np.random.default_rng(54)
    X, act, r = rng.normal(size=(6, 3)), rng.integers(0, 3, 6), rng.normal(size=6)
    N = leaves(54, W=(3, 3))
    z = X @ N["W"]
    logp = ag.log_softmax(z, -1)
    chosen = logp[np.arange(6), act]
    named(z=z, logp=logp, chosen=chosen)
    loss = -(chosen * r).mean()
    p, one = softmax(z.data, 1), np.eye(3)[act]
    d = (p - one) * r[:, None] / 6
    if fault == "baseline_sign":
        d = -d
    if fault == "probability_for_log":
        d = d * p[np.arange(6), act][:, None]
    if fault == "reward_missing":
        d = (p - one) / 6
    return loss, N, {"W": X.T @ d}


@style(
    not_times_ten=("factor_missing|wrong_mean|wrong_factor|inner", "X|x|W"),
    last_row=("one_sample_only", "W"),
    total_times_total=("summed_before_product", "W"),
)
def scaled_inputs(fault):
    """Inputs divided by 10 in the forward pass, and raw in the backward pass."""
    X, Y = data(55, (6, 3), (6, 2))
    N = leaves(55, W=(3, 2))
    out = ag.sigmoid((X / 10.0) @ N["W"])
    out.label = "out"
    loss = ((out - sigma(Y)) ** 2).sum(1).mean()
    d = 2 * (out.data - sigma(Y)) * out.data * (1 - out.data) / 6
    g = (X / 10).T @ d
    wrong = {
        "not_times_ten": X.T @ d,
        "last_row": np.outer(X[-1] / 10, d[-1]),
        "total_times_total": np.outer(X.sum(0) / 10, d.sum(0)),
    }
    return loss, N, {"W": wrong.get(fault, g)}


@style(
    branch_missing=("path_missing", "h|z|W"),
    averaged_branches=("factor_two|wrong_factor|averaged|wrong_mean", "h|W|z"),
    heads_exchanged=("wrong_gradient_arrives|wrong_array", "A|B"),
)
def two_heads(fault):
    """A trunk with two heads: squared error and cross-entropy."""
    X, Y = data(56, (6, 3), (6, 3))
    t = np.eye(3)[np.arange(6) % 3]
    N = leaves(56, W=(3, 4), A=(4, 3), B=(4, 3))
    z = X @ N["W"]
    h = ag.tanh(z)
    a, b = h @ N["A"], h @ N["B"]
    named(z=z, h=h, a=a, b=b)
    loss = 0.5 * ((a - Y) ** 2).mean() + ag.nn.cross_entropy(b, t)
    w, H = values(N), h.data
    da, db = (a.data - Y) / 18, (softmax(b.data, 1) - t) / 6
    dh = da @ w["A"].T + db @ w["B"].T
    dh = {"branch_missing": db @ w["B"].T, "averaged_branches": dh / 2}.get(fault, dh)
    dz = dh * (1 - H * H)
    g = {"W": X.T @ dz, "A": H.T @ da, "B": H.T @ db}
    if fault == "heads_exchanged":
        g["A"], g["B"] = g["B"], g["A"]
    return loss, N, g


@style(
    inverted_scale=("mask_missing|factor_missing", "h"),
    mask_forgotten=("mask_missing", "h|d|mask"),
    mask_of_another=("wrong_array|mask", "h|d|mask"),
)
def dropout_twice(fault):
    X, Y = data(57, (6, 3), (6, 2))
    rng = np.random.default_rng(57)
    m1, m2 = ((rng.random((6, 4)) < 0.6) / 0.6 for _ in range(2))
    N = leaves(57, W1=(3, 4), W2=(4, 4), W3=(4, 2))
    h1 = ag.tanh(X @ N["W1"]) * m1
    h2 = ag.tanh(h1 @ N["W2"]) * m2
    out = h2 @ N["W3"]
    named(h1=h1, h2=h2, out=out)
    loss = 0.5 * ((out - Y) ** 2).sum()
    w, d = values(N), out.data - Y
    t1, t2 = np.tanh(X @ w["W1"]), np.tanh(h1.data @ w["W2"])
    M1 = {"inverted_scale": (m1 > 0) * 1.0, "mask_forgotten": 1.0, "mask_of_another": m2}.get(fault, m1)
    d2 = (d @ w["W3"].T) * m2 * (1 - t2**2)
    d1 = (d2 @ w["W2"].T) * M1 * (1 - t1**2)
    return loss, N, {"W1": X.T @ d1, "W2": h1.data.T @ d2, "W3": h2.data.T @ d}


@style(
    inner_product_rule=("factor_missing|path_missing|square|factor_two|transposed", "A|q"),
    symmetric=("factor_two|path_missing|wrong_factor|transposed", "A|x|q"),
)
def quadratic_form(fault):
    """xᵀ A x + b·x, A not symmetric."""
    N = leaves(58, x=(4,), A=(4, 4), b=(4,))
    q = N["x"] @ (N["A"] @ N["x"])
    loss = q + (N["b"] * N["x"]).sum()
    w = values(N)
    gx = (w["A"] + w["A"].T) @ w["x"] + w["b"]
    gx = {"symmetric": 2 * w["A"] @ w["x"] + w["b"], "inner_product_rule": w["A"] @ w["x"] + w["b"]}.get(
        fault, gx
    )
    return loss, N, {"x": gx, "A": np.outer(w["x"], w["x"]), "b": w["x"]}


# ---- Plain models -----------------------------------------------------------------------------------------------------------


@style(
    one_after_the_other=("weights_updated_before_use", "p"),
    last_row=("one_sample_only", "w"),
    error_for_input=("output_for_input|wrong_array", "w"),
)
def line(fault):
    """A straight line, both of whose numbers must be updated at once."""
    x, y = data(61, (8,), (8,))
    N = {"w": ag.Tensor(0.4, label="w"), "b": ag.Tensor(0.2, label="b")}
    p = N["w"] * x + N["b"]
    p.label = "p"
    loss = ((p - y) ** 2).mean()
    e = p.data - y
    gb = 2 * e.mean()
    after = 0.4 * x + (0.2 - 0.1 * gb) - y
    wrong = {"one_after_the_other": after * x, "last_row": e[-1] * x[-1] / 8, "error_for_input": e * e}
    return loss, N, {"w": np.array(2 * np.mean(wrong.get(fault, e * x))), "b": np.array(gb)}


@style(
    not_divided=("penalty_factor|not_divided_by_batch", "W|np.sum"),
    times_rate=("penalty_factor", "W"),
    missing=("penalty_missing", "W"),
)
def decayed(fault):
    """Logistic regression by two layers, with λ / 2m · Σ W²."""
    X, Y = data(62, (9, 3), (9, 1))
    N = leaves(62, W1=(3, 4), W2=(4, 1))
    y = (Y > 0) * 1.0
    h = ag.tanh(X @ N["W1"])
    p = ag.sigmoid(h @ N["W2"])
    named(h=h, p=p)
    loss = -(y * ag.log(p) + (1 - y) * ag.log(1 - p)).mean()
    loss = loss + 0.7 / 18 * ((N["W1"] ** 2).sum() + (N["W2"] ** 2).sum())
    w, d = values(N), (p.data - y) / 9
    rate = {"not_divided": 0.7, "times_rate": 0.7 / 9 * 0.01, "missing": 0.0}.get(fault, 0.7 / 9)
    d1 = (d @ w["W2"].T) * (1 - h.data**2)
    return loss, N, {"W1": X.T @ d1 + rate * w["W1"], "W2": h.data.T @ d + rate * w["W2"]}


@style(
    scores=("wrong_array", "V|O"),
    not_transposed=("transposed", "K|S"),
    head_missing=("part_missing", "Wq"),
    output_weights_missing=("weights_missing", "o"),
)
def two_attending_heads(fault):
    X, Y = data(63, (4, 6), (4, 6))
    N = leaves(63, Wq=(6, 6), Wk=(6, 6), Wv=(6, 6), Wo=(6, 6))

    def apart(t):
        return t.reshape(4, 2, 3).transpose(1, 0, 2)

    def joined(t):
        return t.transpose(1, 0, 2).reshape(4, 6)

    def turned(t):
        return t.swapaxes(-1, -2)

    Q, K, V = (apart(X @ N[f"W{k}"]) for k in "qkv")
    S = Q @ ag.swapaxes(K, -1, -2) / np.sqrt(3)
    A = ag.softmax(S, -1)
    heads = A @ V
    o = joined(heads)
    out = o @ N["Wo"]
    named(Q=Q, K=K, V=V, S=S, A=A, O=heads, o=o, out=out)
    loss = ((out - Y) ** 2).sum()
    d, a = 2 * (out.data - Y), A.data
    dO = apart(d if fault == "output_weights_missing" else d @ N["Wo"].data.T)
    dV = turned(S.data if fault == "scores" else a) @ dO
    dA = dO @ turned(V.data)
    dS = a * (dA - (dA * a).sum(-1, keepdims=True)) / np.sqrt(3)
    dQ = dS @ K.data
    dK = (dS if fault == "not_transposed" else turned(dS)) @ Q.data
    if fault == "head_missing":
        dQ = dQ * np.array([1, 0])[:, None, None]
    g = {f"W{k}": X.T @ joined(t) for k, t in (("q", dQ), ("k", dK), ("v", dV))}
    return loss, N, g | {"Wo": o.data.T @ d}
