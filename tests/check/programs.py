"""Small programs with a mistake in their backward pass: recurrent, convolutional, normalising, embedding, attending, …"""

from types import SimpleNamespace

import numpy as np

import autograd_mini as ag
from tests.check.networks import sigma, softmax

PROGRAMS = {}


def program(accepted, where):
    """Register a function that returns (loss, nodes by label, the wrong gradients by label)."""

    def add(make):
        PROGRAMS[make.__name__] = (make, accepted, where)
        return make

    return add


def leaves(seed, **shapes):
    rng = np.random.default_rng(seed)
    return {k: ag.Tensor(rng.normal(size=s) * 0.7, label=k) for k, s in shapes.items()}


def named(**nodes):
    for label, node in nodes.items():
        node.label = label


def right(loss, nodes):
    return {k: np.array(g) for k, g in zip(nodes, ag.gradients(loss, list(nodes.values())), strict=True)}


# ---- Recurrent ----------------------------------------------------------------------------------------------------------


class Rnn:
    """h_t = tanh(x_t W + h_{t-1} U + b), an error at every step."""

    def __init__(self, seed, T=4):
        rng = np.random.default_rng(seed)
        self.N = leaves(seed, W=(2, 3), U=(3, 3), b=(1, 3), V=(3, 2))
        self.x, self.y = rng.normal(size=(T, 5, 2)), rng.normal(size=(T, 5, 2))
        h, loss = np.zeros((5, 3)), 0.0
        self.h = [h]
        for t in range(T):
            z = self.x[t] @ self.N["W"] + h @ self.N["U"] + self.N["b"]
            h = np.tanh(z)
            h.label, z.label = f"h{t}", f"z{t}"
            self.h.append(h.data)
            out = h @ self.N["V"]
            out.label = f"o{t}"
            loss = loss + 0.5 * ((out - self.y[t]) ** 2).sum()
        self.loss = loss

    def back(self, fault=""):
        w = {k: v.data for k, v in self.N.items()}
        g = {k: np.zeros_like(v) for k, v in w.items()}
        later = 0
        for t in reversed(range(len(self.x))):
            e = self.h[t + 1] @ w["V"] - self.y[t]
            g["V"] += self.h[t + 1].T @ e
            dh = e @ w["V"].T + (0 if fault == "no carry" else later)
            if fault == "assigned" and t < len(self.x) - 1:
                dh = later
            dz = dh * (1 if fault == "no slope" else 1 - self.h[t + 1] ** 2)
            if fault == "slope of the value":
                dz = dh * (1 - np.tanh(self.h[t + 1]) ** 2)
            g["W"] += self.x[t].T @ dz
            g["U"] += self.h[t + 1 if fault == "own state" else t].T @ dz
            g["b"] += dz.mean(0, keepdims=True) if fault == "mean" else dz.sum(0, keepdims=True)
            later = dz @ (w["U"] if fault == "transposed" else w["U"].T)
            if fault == "last" and t == len(self.x) - 1:
                return g
        return g


def rnn(fault):
    r = Rnn(len(fault))
    return r.loss, r.N, r.back(fault)


@program("path_missing", "h|U")
def rnn_without_carry():
    return rnn("no carry")


@program("path_missing", "h|V|o")
def rnn_error_assigned_over():
    return rnn("assigned")


@program("activation_derivative_missing", "h|z|tanh")
def rnn_without_slope():
    return rnn("no slope")


@program("derivative_at_activation", "h|z|tanh")
def rnn_slope_of_the_value():
    return rnn("slope of the value")


@program("output_for_input|wrong_array", "U")
def rnn_own_state_for_the_one_before():
    return rnn("own state")


@program("transposed", "U|h")
def rnn_weights_not_transposed():
    return rnn("transposed")


@program("averaged|divided_by_batch_twice", "b")
def rnn_bias_averaged():
    return rnn("mean")


@program("path_missing|one_sample_only", "h|W|U|V|z|o")
def rnn_only_the_last_step():
    return rnn("last")


class Gru:
    """h' = (1 − z) h + z n with gates z, r and candidate n, one step after another."""

    def __init__(self, seed, T=3):
        rng = np.random.default_rng(seed)
        self.N = leaves(seed, Wz=(4, 2), Wr=(4, 2), Wn=(4, 2))
        self.x, self.y = rng.normal(size=(T, 3, 2)), rng.normal(size=(3, 2))
        h = np.zeros((3, 2))
        self.steps = []
        for t in range(T):
            old = h
            xh = ag.concatenate([self.x[t], h], axis=1)
            z, r = ag.sigmoid(xh @ self.N["Wz"]), ag.sigmoid(xh @ self.N["Wr"])
            n = np.tanh(ag.concatenate([self.x[t], r * h], axis=1) @ self.N["Wn"])
            h = (1 - z) * h + z * n
            named(**{f"z{t}": z, f"r{t}": r, f"n{t}": n, f"h{t}": h})

            def data(v):
                return v.data if hasattr(v, "parents") else v

            self.steps.append([data(v) for v in (old, z, r, n)])
        self.loss = 0.5 * ((h - self.y) ** 2).sum()
        self.h = h.data

    def back(self, fault):
        w = {k: v.data for k, v in self.N.items()}
        g = {k: np.zeros_like(v) for k, v in w.items()}
        dh = self.h - self.y
        for t in reversed(range(len(self.x))):
            h, z, r, n = self.steps[t]
            dz = dh * n if fault == "old state" else dh * (n - h)
            dn = dh * z * (n * (1 - n) if fault == "sigmoid for tanh" else 1 - n**2)
            dz = dz * (z if fault == "gate's value" else z * (1 - z))
            new = dn @ w["Wn"].T
            dr = new[:, 2:] * h * r * (1 - r)
            g["Wn"] += np.concatenate([self.x[t], r * h], 1).T @ dn
            xh = np.concatenate([self.x[t], h], 1)
            g["Wz"] += xh.T @ dz
            g["Wr"] += xh.T @ dr
            dh = (
                dh * (1 - z)
                + new[:, 2:] * r
                + (dz @ w["Wz"].T)[:, 2:]
                + (0 if fault == "one gate" else (dr @ w["Wr"].T)[:, 2:])
            )
        return g


def gru(fault):
    r = Gru(40 + len(fault))
    return r.loss, r.N, r.back(fault)


@program("path_missing", "z|h")
def gru_old_state_left_out():
    return gru("old state")


@program("derivative_of_another_function", "n")
def gru_sigmoid_slope_for_tanh():
    return gru("sigmoid for tanh")


@program("value_for_derivative", "z")
def gru_gate_by_value():
    return gru("gate's value")


@program("path_missing", "h|r|concat")
def gru_one_gate_not_passed_back():
    return gru("one gate")


# ---- Convolution and pooling ---------------------------------------------------------------------------------------------


def convolved(seed):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(5, 8)), rng.normal(size=(5, 6))
    N = leaves(seed, K=(3,), c=(1,))
    out = sum(x[:, j : j + 6] * N["K"][j] for j in range(3)) + N["c"]
    out.label = "Z"
    a = np.tanh(out)
    a.label = "A"
    loss = ((a - y) ** 2).mean()
    A = a.data
    d = 2 * (A - y) / A.size * (1 - A**2)
    return SimpleNamespace(x=x, N=N, loss=loss, d=d, A=A, y=y)


@program("wrong_array|wrong_index|transposed", "K")
def convolution_kernel_flipped():
    c = convolved(50)
    g = right(c.loss, c.N)
    return c.loss, c.N, dict(g, K=g["K"][::-1])


@program("averaged|divided_by_batch_twice|wrong_mean", "c|K")
def convolution_bias_averaged():
    c = convolved(51)
    return c.loss, c.N, dict(right(c.loss, c.N), c=np.array([c.d.mean()]))


@program("activation_derivative_missing", "Z|A")
def convolution_without_slope():
    c = convolved(52)
    d = 2 * (c.A - c.y) / c.A.size
    return (
        c.loss,
        c.N,
        {"K": np.array([(c.x[:, j : j + 6] * d).sum() for j in range(3)]), "c": np.array([d.sum()])},
    )


@program("one_sample_only", "K")
def convolution_of_the_last_sample():
    c = convolved(53)
    return (
        c.loss,
        c.N,
        dict(right(c.loss, c.N), K=np.array([(c.x[-1, j : j + 6] * c.d[-1]).sum() for j in range(3)])),
    )


@program("wrong_index", "X")
def convolution_stride_forgotten():
    """Windows at 2 i in the forward pass, at i in the backward pass, of a kernel of 3 on two rows."""
    rng = np.random.default_rng(56)
    N = leaves(56, X=(2, 11), K=(3,))
    out = sum(N["X"][:, j : j + 9 : 2] * N["K"][j] for j in range(3))
    out.label = "Z"
    y = rng.normal(size=(2, 5))
    loss = 0.5 * ((out - y) ** 2).sum()
    d, x, k = out.data - y, N["X"].data, N["K"].data
    dk, dx = np.zeros(3), np.zeros((2, 11))
    for i in range(5):
        dk += x[:, i : i + 3].T @ d[:, i]
        dx[:, i : i + 3] += d[:, i : i + 1] * k
    return loss, N, {"K": dk, "X": dx}


def pooled(seed, kind):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(4, 3)), rng.normal(size=(4, 1))
    N = leaves(seed, W=(3, 6), V=(3, 1))
    h = np.tanh(x @ N["W"])
    p = getattr(h.reshape(4, 3, 2), kind)(axis=2)
    named(H=h, P=p)
    loss = 0.5 * ((p @ N["V"] - y) ** 2).sum() / 4
    H, P = h.data, p.data
    dP = (P @ N["V"].data - y) / 4 @ N["V"].data.T
    return SimpleNamespace(x=x, N=N, loss=loss, H=H, P=P, dP=dP)


@program("wrong_mean|factor_two|wrong_factor", "P|H")
def average_pooling_not_divided():
    c = pooled(54, "mean")
    dH = np.repeat(c.dP[:, :, None], 2, axis=2).reshape(4, 6)
    return c.loss, c.N, dict(right(c.loss, c.N), W=c.x.T @ (dH * (1 - c.H**2)))


@program("mask_missing|factor_missing|wrong_gradient_arrives|activation_derivative_missing", "P|H|max")
def max_pooling_to_every_element():
    c = pooled(55, "max")
    dH = np.repeat(c.dP[:, :, None], 2, axis=2).reshape(4, 6)
    return c.loss, c.N, dict(right(c.loss, c.N), W=c.x.T @ (dH * (1 - c.H**2)))


# ---- Normalisation ----------------------------------------------------------------------------------------------------------


def normalised(seed, axis=0):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(6, 4)), rng.normal(size=(6, 4))
    N = leaves(seed, W=(4, 4), gamma=(4,), beta=(4,))
    z = x @ N["W"]
    mu = z.mean(axis=axis, keepdims=True)
    var = ((z - mu) ** 2).mean(axis=axis, keepdims=True)
    hat = (z - mu) / np.sqrt(var + 1e-5)
    out = N["gamma"] * hat + N["beta"]
    named(Z=z, mu=mu, var=var, hat=hat, out=out)
    loss = 0.5 * ((out - y) ** 2).sum() / 6
    s = 1 / np.sqrt(var.data + 1e-5)
    return SimpleNamespace(
        x=x, N=N | {"Z": z}, loss=loss, s=s, hat=hat.data, d=(out.data - y) / 6, z=z.data, axis=axis
    )


def through(c, dhat, mean=1.0, var=1.0):
    return c.s * (
        dhat
        - mean * dhat.mean(c.axis, keepdims=True)
        - var * c.hat * (dhat * c.hat).mean(c.axis, keepdims=True)
    )


def normalisation(c, dz, **others):
    g = right(c.loss, c.N)
    return c.loss, c.N, dict(g, W=c.x.T @ dz, Z=dz, **others)


@program("path_missing|statistics_held_constant", "mu|Z|mean")
def mean_held_constant():
    c = normalised(60)
    return normalisation(c, through(c, c.d * c.N["gamma"].data, mean=0))


@program("path_missing|statistics_held_constant", "var|Z")
def variance_held_constant():
    c = normalised(61)
    return normalisation(c, through(c, c.d * c.N["gamma"].data, var=0))


@program("path_missing|statistics_held_constant", "mu|var|Z")
def both_statistics_held_constant():
    c = normalised(62)
    return normalisation(c, through(c, c.d * c.N["gamma"].data, mean=0, var=0))


@program("wrong_array|output_for_input", "gamma|hat")
def gamma_fed_with_the_input():
    c = normalised(63)
    g = right(c.loss, c.N)
    return c.loss, c.N, dict(g, gamma=(c.d * c.z).sum(0))


@program("wrong_axis", "hat|Z|mu")
def layer_normalisation_over_the_batch():
    c = normalised(67, axis=1)
    other = normalised(67, axis=1)
    other.axis = 0
    return normalisation(c, through(other, c.d * c.N["gamma"].data))


@program("averaged|divided_by_batch_twice", "beta")
def beta_averaged():
    c = normalised(64)
    g = right(c.loss, c.N)
    return c.loss, c.N, dict(g, beta=c.d.mean(0))


@program("factor_missing", "gamma|hat")
def layer_normalisation_without_gamma():
    c = normalised(65, axis=1)
    return normalisation(c, through(c, c.d))


@program("factor_missing|wrong_gradient_arrives|wrong_factor", "hat|var|sqrt|Z")
def scale_left_out():
    c = normalised(66)
    return normalisation(c, through(c, c.d * c.N["gamma"].data) / c.s)


# ---- Embeddings, attention, reuse --------------------------------------------------------------------------------------------


def embedded(seed):
    rng = np.random.default_rng(seed)
    idx = np.array([0, 2, 2, 4, 1, 0])
    N = leaves(seed, E=(5, 3), W=(3, 2))
    h = N["E"][idx]
    h.label = "H"
    y = rng.normal(size=(6, 2))
    loss = ((h @ N["W"] - y) ** 2).mean()
    e = 2 * (h.data @ N["W"].data - y) / y.size
    return SimpleNamespace(N=N, loss=loss, idx=idx, d=e @ N["W"].data.T)


@program("index_overwritten", "E")
def embedding_overwritten():
    c = embedded(70)
    g = np.zeros((5, 3))
    g[c.idx] = c.d
    return c.loss, c.N, dict(right(c.loss, c.N), E=g)


@program("averaged", "E")
def embedding_averaged_over_repeats():
    c = embedded(71)
    g = np.zeros((5, 3))
    np.add.at(g, c.idx, c.d)
    return (
        c.loss,
        c.N,
        dict(right(c.loss, c.N), E=g / np.maximum(np.bincount(c.idx, minlength=5), 1)[:, None]),
    )


@program("wrong_index", "E")
def embedding_one_row_off():
    c = embedded(72)
    g = np.zeros((5, 3))
    np.add.at(g, (c.idx + 1) % 5, c.d)
    return c.loss, c.N, dict(right(c.loss, c.N), E=g)


def attended(seed, scale=True):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(4, 4)), rng.normal(size=(4, 4))
    N = leaves(seed, Wq=(4, 4), Wk=(4, 4), Wv=(4, 4))
    q, k, v = x @ N["Wq"], x @ N["Wk"], x @ N["Wv"]
    s = q @ k.T / 2.0 if scale else q @ k.T
    p = ag.softmax(s, -1)
    named(Q=q, K=k, V=v, S=s, P=p)
    loss = 0.5 * ((p @ v - y) ** 2).sum()
    do = p.data @ v.data - y
    dp = do @ v.data.T
    return SimpleNamespace(x=x, N=N, loss=loss, q=q.data, k=k.data, v=v.data, p=p.data, do=do, dp=dp)


def attention(c, ds, scale=0.5, turned=False, dv=None):
    dq, dk = ds @ c.k * scale, (ds if turned else ds.T) @ c.q * scale
    return (
        c.loss,
        c.N,
        {"Wq": c.x.T @ dq, "Wk": c.x.T @ dk, "Wv": c.x.T @ (c.p.T @ c.do if dv is None else dv)},
    )


def soft_back(c, axis=-1):
    return c.p * (c.dp - (c.dp * c.p).sum(axis, keepdims=True))


@program("transposed", "K|S|P|Wk")
def attention_keys_not_transposed():
    c = attended(73)
    return attention(c, soft_back(c), turned=True)


@program("softmax_elementwise", "P|S")
def attention_softmax_elementwise():
    c = attended(74)
    return attention(c, c.dp * c.p * (1 - c.p))


@program("wrong_axis", "P|S")
def attention_softmax_over_the_wrong_axis():
    c = attended(75)
    return attention(c, soft_back(c, 0))


@program("factor_missing|factor_two|wrong_factor|wrong_mean", "S|Q|K|P")
def attention_scale_left_out():
    c = attended(76)
    return attention(c, soft_back(c), scale=1.0)


@program("transposed", "V|P|Wv")
def attention_probabilities_not_transposed():
    c = attended(77)
    return attention(c, soft_back(c), dv=c.p @ c.do)


def residual(seed):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(5, 3)), rng.normal(size=(5, 3))
    N = leaves(seed, W1=(3, 3), W2=(3, 3))
    h = np.tanh(x @ N["W1"])
    f = np.tanh(h @ N["W2"])
    out = h + f
    named(H=h, F=f, out=out)
    loss = 0.5 * ((out - y) ** 2).sum() / 5
    H, F, d = h.data, f.data, (out.data - y) / 5
    return SimpleNamespace(x=x, N=N, loss=loss, H=H, F=F, d=d, dz2=d * (1 - F**2))


def residual_back(c, dh):
    return c.loss, c.N, {"W2": c.H.T @ c.dz2, "W1": c.x.T @ (dh * (1 - c.H**2))}


@program("path_missing", "H")
def skip_connection_left_out():
    c = residual(80)
    return residual_back(c, c.dz2 @ c.N["W2"].data.T)


@program("path_missing", "H")
def only_the_skip_connection():
    c = residual(81)
    return residual_back(c, c.d)


@program("path_doubled|factor_two", "H")
def skip_connection_twice():
    c = residual(82)
    return residual_back(c, c.dz2 @ c.N["W2"].data.T + 2 * c.d)


@program("wrong_sign", "H|out")
def skip_connection_subtracted():
    c = residual(83)
    return residual_back(c, c.dz2 @ c.N["W2"].data.T - c.d)


# ---- Losses and penalties ---------------------------------------------------------------------------------------------------


def linear(seed, loss):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(8, 3))
    y = np.where(rng.random(8) < 0.5, -1.0, 1.0) if loss == "hinge" else rng.normal(size=8)
    N = leaves(seed, w=(3,), b=(1,))
    p = x @ N["w"] + N["b"]
    p.label = "p"
    made = {
        "hinge": lambda: ag.maximum(0.0, 1 - y * p).mean() + 0.05 * (N["w"] ** 2).sum(),
        "absolute": lambda: np.abs(p - y).mean(),
        "squares": lambda: ((p - y) ** 2).sum() / 16,
        "ridge": lambda: ((p - y) ** 2).mean() + 0.1 * (N["w"] ** 2).sum(),
        "lasso": lambda: ((p - y) ** 2).mean() + 0.1 * np.abs(N["w"]).sum(),
        "root": lambda: np.sqrt(((p - y) ** 2).mean()),
        "log cosh": lambda: np.log(np.cosh(p - y)).mean(),
    }[loss]()
    return SimpleNamespace(x=x, y=y, N=N, p=p.data, loss=made, w=N["w"].data)


def by_delta(c, d, penalty=0.0):
    return c.loss, c.N, {"w": c.x.T @ d + penalty, "b": np.array([d.sum()])}


@program(
    "mask_missing|derivative_of_another_function|activation_derivative_missing|factor_missing|wrong_gradient_arrives",
    ".",
)
def hinge_without_its_margin():
    c = linear(90, "hinge")
    return by_delta(c, -c.y / 8, 0.1 * c.w)


@program("factor_two|penalty_.*", "w")
def hinge_penalty_without_the_two():
    c = linear(91, "hinge")
    d = -c.y * (1 - c.y * c.p > 0) / 8
    return by_delta(c, d, 0.05 * c.w)


@program(
    "value_for_derivative|activation_derivative_missing|loss_for_derivative|delta_of_another_loss|derivative_of_another_function",
    "p",
)
def error_in_place_of_its_sign():
    c = linear(92, "absolute")
    return by_delta(c, (c.p - c.y) / 8)


@program("penalty_missing", "w")
def ridge_forgotten():
    c = linear(93, "ridge")
    return by_delta(c, 2 * (c.p - c.y) / 8)


@program("penalty_sign|wrong_sign", "w")
def ridge_subtracted():
    c = linear(94, "ridge")
    return by_delta(c, 2 * (c.p - c.y) / 8, -0.2 * c.w)


@program("factor_two|penalty_.*", "w")
def ridge_without_the_two():
    c = linear(95, "ridge")
    return by_delta(c, 2 * (c.p - c.y) / 8, 0.1 * c.w)


@program("value_for_derivative|penalty_.*|derivative_of_another_function", "w")
def lasso_as_ridge():
    c = linear(96, "lasso")
    return by_delta(c, 2 * (c.p - c.y) / 8, 0.1 * np.abs(c.w))


@program("penalty_added", "b")
def ridge_on_the_bias_too():
    c = linear(97, "ridge")
    g = right(c.loss, c.N)
    return c.loss, c.N, dict(g, b=g["b"] + 0.2 * c.N["b"].data)


@program(
    "inner_derivative_missing|activation_derivative_missing|factor_missing|wrong_factor|multiplied_by_loss",
    ".",
)
def root_without_its_derivative():
    c = linear(98, "root")
    return by_delta(c, 2 * (c.p - c.y) / 8)


@program(
    "value_for_derivative|wrong_array|delta_of_another_loss|activation_derivative_missing|derivative_of_another_function|loss_for_derivative",
    ".",
)
def log_cosh_as_squares():
    c = linear(99, "log cosh")
    return by_delta(c, (c.p - c.y) / 8)


@program("one_sample_only", "w")
def gradient_of_the_first_sample():
    c = linear(100, "squares")
    d = 2 * (c.p - c.y) / 16
    return c.loss, c.N, {"w": c.x[0] * d[0], "b": np.array([d.sum()])}


@program("not_summed", "w")
def gradient_of_each_sample():
    c = linear(101, "squares")
    d = 2 * (c.p - c.y) / 16
    return c.loss, c.N, {"w": c.x * d[:, None], "b": np.array([d.sum()])}


@program("not_summed", "b")
def bias_not_summed():
    c = linear(102, "squares")
    d = 2 * (c.p - c.y) / 16
    return c.loss, c.N, {"w": c.x.T @ d, "b": d}


# ---- Factorisation, autoencoders, products ----------------------------------------------------------------------------------


def factorised(seed):
    rng = np.random.default_rng(seed)
    r = rng.normal(size=(5, 4))
    N = leaves(seed, U=(5, 2), V=(4, 2))
    est = N["U"] @ N["V"].T
    est.label = "R"
    loss = 0.5 * ((est - r) ** 2).sum() + 0.05 * ((N["U"] ** 2).sum() + (N["V"] ** 2).sum())
    return SimpleNamespace(N=N, loss=loss, e=est.data - r, U=N["U"].data, V=N["V"].data)


@program("penalty_missing", "V")
def factorisation_penalty_of_one_forgotten():
    c = factorised(110)
    return c.loss, c.N, {"U": c.e @ c.V + 0.1 * c.U, "V": c.e.T @ c.U}


@program("weights_updated_before_use", "U|V")
def factorisation_with_the_new_factors():
    c = factorised(111)
    U = c.e @ c.V + 0.1 * c.U
    return c.loss, c.N, {"U": U, "V": c.e.T @ (c.U - 0.05 * U) + 0.1 * c.V}


@program("wrong_sign", "V|R|every|all|U")
def factorisation_error_turned():
    c = factorised(112)
    return c.loss, c.N, {"U": c.e @ c.V + 0.1 * c.U, "V": -(c.e.T @ c.U) + 0.1 * c.V}


def tied(seed):
    rng = np.random.default_rng(seed)
    x = rng.random((6, 4))
    N = leaves(seed, W=(4, 3), b=(1, 3), c=(1, 4))
    h = ag.sigmoid(x @ N["W"] + N["b"])
    out = ag.sigmoid(h @ N["W"].T + N["c"])
    named(H=h, out=out)
    loss = ((out - x) ** 2).mean()
    W, H, P = N["W"].data, h.data, out.data
    d2 = 2 * (P - x) / x.size * P * (1 - P)
    d1 = d2 @ W * H * (1 - H)
    return SimpleNamespace(x=x, N=N, loss=loss, H=H, d1=d1, d2=d2)


@program("path_missing", "W")
def tied_weights_encoder_only():
    c = tied(113)
    return c.loss, c.N, dict(right(c.loss, c.N), W=c.x.T @ c.d1)


@program("path_missing", "W")
def tied_weights_decoder_only():
    c = tied(114)
    return c.loss, c.N, dict(right(c.loss, c.N), W=c.d2.T @ c.H)


@program("factor_two|wrong_factor", "W")
def tied_weights_averaged():
    c = tied(115)
    return c.loss, c.N, dict(right(c.loss, c.N), W=(c.x.T @ c.d1 + c.d2.T @ c.H) / 2)


def dropped(seed):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
    mask = (rng.random((6, 5)) < 0.6).astype(float)
    N = leaves(seed, W1=(3, 5), W2=(5, 2))
    h = np.tanh(x @ N["W1"])
    d = h * mask / 0.6
    named(H=h, D=d)
    loss = ((d @ N["W2"] - y) ** 2).mean()
    H, D = h.data, d.data
    e = 2 * (D @ N["W2"].data - y) / y.size
    return SimpleNamespace(x=x, N=N, loss=loss, H=H, D=D, e=e, back=e @ N["W2"].data.T, mask=mask)


@program("mask_missing|factor_missing", "H|D")
def dropout_mask_forgotten():
    c = dropped(116)
    return c.loss, c.N, {"W2": c.D.T @ c.e, "W1": c.x.T @ (c.back / 0.6 * (1 - c.H**2))}


@program("factor_missing|wrong_factor|wrong_mean", "H|D")
def dropout_scale_forgotten():
    c = dropped(117)
    return c.loss, c.N, {"W2": c.D.T @ c.e, "W1": c.x.T @ (c.back * c.mask * (1 - c.H**2))}


@program("wrong_array", "W2|D")
def weights_fed_before_the_dropout():
    c = dropped(118)
    return c.loss, c.N, {"W2": c.H.T @ c.e, "W1": c.x.T @ (c.back * c.mask / 0.6 * (1 - c.H**2))}


@program("derivative_at_wrong_array|wrong_array|output_for_input|derivative_at_activation", "H|D|Z|tanh")
def slope_of_the_dropped():
    c = dropped(119)
    return c.loss, c.N, {"W2": c.D.T @ c.e, "W1": c.x.T @ (c.back * c.mask / 0.6 * (1 - c.D**2))}


@program("product|factor_missing|wrong_array|path_missing|wrong_factor|.*", "a|b")
def product_rule_of_one_factor():
    rng = np.random.default_rng(120)
    x = rng.normal(size=(5, 2))
    N = leaves(120, a=(2, 3), b=(2, 3))
    s, t = np.tanh(x @ N["a"]), ag.sigmoid(x @ N["b"])
    named(s=s, t=t)
    loss = (s * t).sum()
    S, T = s.data, t.data
    return loss, N, {"a": x.T @ (T * (1 - S**2)), "b": x.T @ (T * (1 - T))}


def softmax_regression(seed):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(7, 3)), np.eye(4)[rng.integers(0, 4, 7)]
    N = leaves(seed, W=(3, 4), b=(4,))
    z = x @ N["W"] + N["b"]
    z.label = "Z"
    loss = ag.nn.cross_entropy(z, y)
    return SimpleNamespace(x=x, y=y, N=N, z=z.data, loss=loss, p=softmax(z.data, 1))


@program("activation_derivative_missing|delta_of_another_loss|softmax_.*", "Z|loss")
def logits_for_probabilities():
    c = softmax_regression(121)
    return by_logits(c, (c.z - c.y) / 7)


@program("softmax_twice|delta_of_another_loss", "Z|loss")
def softmax_of_softmax():
    c = softmax_regression(122)
    return by_logits(c, (softmax(c.p, 1) - c.y) / 7)


@program("delta_of_another_loss|derivative_of_another_function|wrong_axis", "Z|loss")
def sigmoid_for_softmax():
    c = softmax_regression(123)
    return by_logits(c, (sigma(c.z) - c.y) / 7)


@program("wrong_axis|delta_of_another_loss", "Z|loss")
def softmax_over_the_samples():
    c = softmax_regression(124)
    return by_logits(c, (softmax(c.z, 0) - c.y) / 7)


@program("unexplained|wrong_axis", "b")
def bias_summed_over_classes_and_cut():
    """The sum over the classes of the first samples: no mistake that anyone would look for, and none is made up."""
    c = softmax_regression(125)
    d = (c.p - c.y) / 7
    return c.loss, c.N, {"W": c.x.T @ d, "b": d.sum(1)[:4]}


def by_logits(c, d):
    return c.loss, c.N, {"W": c.x.T @ d, "b": d.sum(0)}
