"""Programs with a mistake that were written after the search was redesigned, without a look at it: what they scored is reported."""

import numpy as np

import autograd_mini as ag
from tests.check.networks import sigma, softmax
from tests.check.programs import leaves, named, right

KEPT = {}


def kept(accepted, where):
    def add(make):
        KEPT[make.__name__] = (make, accepted, where)
        return make

    return add


def normal(seed, *shapes):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape) for shape in shapes]


def one_hot(seed, m, classes):
    return np.eye(classes)[np.random.default_rng(seed).integers(0, classes, m)]


# ---- Windows in a loop ------------------------------------------------------------------------------------------------------


def windows(seed, stride=2):
    """Windows of 3 every `stride` places of two rows, one after another; tanh; the mean of the squared error."""
    (y,) = normal(seed, (2, 4))
    N = leaves(seed, X=(2, 2 + 3 * stride + 1), K=(3,), c=())
    outs = [(N["X"][:, i * stride : i * stride + 3] * N["K"]).sum(axis=1) + N["c"] for i in range(4)]
    h = ag.tanh(ag.stack(outs, axis=1))
    h.label = "H"
    loss = ((h - y) ** 2).mean()
    return N, loss, 2 * (h.data - y) / y.size * (1 - h.data**2)


def back_through_windows(N, d, stride=2, assign=False, last=False):
    X, K = N["X"].data, N["K"].data
    dX, dK = np.zeros_like(X), np.zeros_like(K)
    for i in range(4):
        part = slice(i * stride, i * stride + 3)
        dX[:, part] = d[:, i : i + 1] * K + (0 if assign else dX[:, part])
        dK = X[:, part].T @ d[:, i] + (0 if last else dK)
    return {"X": dX, "K": dK, "c": d.sum()}


@kept("index_overwritten", "X")
def overlapping_windows_assigned():
    N, loss, d = windows(1)
    return loss, N, back_through_windows(N, d, assign=True)


@kept("wrong_index", "X|getitem")
def stride_of_a_loop_forgotten():
    N, loss, d = windows(2)
    return loss, N, back_through_windows(N, d, stride=1)


@kept("path_missing", "K")
def kernel_of_the_last_window():
    N, loss, d = windows(3, stride=1)
    return loss, N, back_through_windows(N, d, stride=1, last=True)


def image(seed):
    """A 2 × 2 kernel over a 4 × 4 image, place by place, relu, then a linear layer."""
    y, v = normal(seed, (1, 2), (9, 2))
    N = leaves(seed, X=(4, 4), K=(2, 2), b=())
    rows = [[(N["X"][i : i + 2, j : j + 2] * N["K"]).sum() + N["b"] for j in range(3)] for i in range(3)]
    z = ag.stack([x for row in rows for x in row])
    z.label = "Z"
    out = ag.relu(z).reshape(1, 9) @ v
    loss = 0.5 * ((out - y) ** 2).sum()
    d = ((out.data - y) @ v.T).reshape(3, 3) * (z.data.reshape(3, 3) > 0)
    return N, loss, d


@kept("averaged|wrong_mean|divided.*", "b")
def bias_of_a_map_averaged():
    N, loss, d = image(4)
    return loss, N, dict(right(loss, N), b=d.mean())


@kept("index_overwritten", "X")
def image_patches_assigned():
    N, loss, d = image(5)
    dX = np.zeros((4, 4))
    for i in range(3):
        for j in range(3):
            dX[i : i + 2, j : j + 2] = d[i, j] * N["K"].data
    return loss, N, dict(right(loss, N), X=dX)


# ---- Recurrent, residual, attending ---------------------------------------------------------------------------------------


@kept("derivative_at_preactivation", "h|z")
def many_to_one_slope_of_z():
    """Columns: h = tanh(U h + W x + b), softmax at the last step, 1 − z² at every step."""
    xs, y = normal(6, (4, 3, 5))[0], one_hot(6, 5, 4).T
    N = leaves(6, W=(3, 3), U=(3, 3), b=(3, 1), V=(4, 3))
    w = {k: v.data for k, v in N.items()}
    h, states, zs = np.zeros((3, 5)), [np.zeros((3, 5))], []
    for t, x in enumerate(xs):
        z = N["W"] @ x + N["U"] @ h + N["b"]
        h = ag.tanh(z)
        named(**{f"z{t}": z, f"h{t}": h})
        states.append(h.data)
        zs.append(z.data)
    logits = N["V"] @ h
    loss = ag.nn.cross_entropy(logits.T, y.T)
    d = (softmax(logits.data, 0) - y) / 5
    g = {k: np.zeros_like(v) for k, v in w.items()}
    g["V"] = d @ states[-1].T
    dh = w["V"].T @ d
    for t in reversed(range(4)):
        dz = dh * (1 - zs[t] ** 2)
        g["W"] += dz @ xs[t].T
        g["U"] += dz @ states[t].T
        g["b"] += dz.sum(1, keepdims=True)
        dh = w["U"].T @ dz
    return loss, N, g


def blocks(seed, skip):
    """Three residual blocks h + sigmoid(h W), each square; the error summed."""
    x, y = normal(seed, (5, 3), (5, 3))
    N = leaves(seed, W1=(3, 3), W2=(3, 3), W3=(3, 3))
    h, kept_h, kept_f = x, [], []
    for i in (1, 2, 3):
        f = ag.sigmoid(h @ N[f"W{i}"])
        kept_h.append(h if i == 1 else h.data)
        kept_f.append(f.data)
        h = h + f
        named(**{f"f{i}": f, f"h{i}": h})
    loss = ((h - y) ** 2).sum()
    d, g = 2 * (h.data - y), {}
    for i in (3, 2, 1):
        f = kept_f[i - 1]
        dz = d * f * (1 - f)
        g[f"W{i}"] = kept_h[i - 1].T @ dz
        d = dz @ N[f"W{i}"].data.T + (d if skip else 0)
    return loss, N, g


@kept("path_missing", "h")
def no_skip_in_any_block():
    return blocks(7, False)


def heads(seed):
    """Two heads of attention over 3 places, their results beside each other."""
    x, y = normal(seed, (3, 4), (3, 4))
    N = leaves(seed, Q=(4, 4), K=(4, 4), V=(4, 4))
    q, k, v = (x @ N[name] for name in "QKV")
    parts, ps = [], []
    for i in (0, 1):
        at = slice(2 * i, 2 * i + 2)
        p = ag.softmax(q[:, at] @ k[:, at].T / np.sqrt(2.0), -1)
        p.label = f"P{i}"
        ps.append(p.data)
        parts.append(p @ v[:, at])
    out = ag.concatenate(parts, axis=1)
    named(q=q, k=k, v=v, out=out)
    loss = 0.5 * ((out - y) ** 2).sum()
    return x, N, loss, ps, q.data, k.data, v.data, out.data - y


def back_through_heads(c, scale=0.5**0.5, diagonal=False):
    x, N, loss, ps, q, k, v, d = c
    dq, dk, dv = np.zeros_like(q), np.zeros_like(k), np.zeros_like(v)
    for i, p in enumerate(ps):
        at = slice(2 * i, 2 * i + 2)
        dp = d[:, at] @ v[:, at].T
        ds = (dp * p * (1 - p) if diagonal else p * (dp - (dp * p).sum(1, keepdims=True))) * scale
        dq[:, at], dk[:, at], dv[:, at] = ds @ k[:, at], ds.T @ q[:, at], p.T @ d[:, at]
    return loss, N, {"Q": x.T @ dq, "K": x.T @ dk, "V": x.T @ dv}


@kept("softmax_elementwise", "P")
def both_heads_elementwise():
    return back_through_heads(heads(8), diagonal=True)


@kept("factor_missing|wrong_factor|wrong_mean|factor_two", "Q|K|P|q|k")
def both_heads_without_the_root():
    return back_through_heads(heads(9), scale=1.0)


# ---- Losses -----------------------------------------------------------------------------------------------------------------


def gaussian(seed):
    """½ Σ (s + (y − μ)² e⁻ˢ) / m, with s the logarithm of the variance."""
    x, y = normal(seed, (6, 3), (6, 2))
    N = leaves(seed, A=(3, 2), B=(3, 2))
    mu, s = x @ N["A"], x @ N["B"]
    named(mu=mu, s=s)
    loss = 0.5 * (s + (y - mu) ** 2 * ag.exp(-s)).sum() / 6
    return x, N, loss, y - mu.data, np.exp(-s.data)


@kept("path_missing", "s")
def log_determinant_forgotten():
    x, N, loss, e, w = gaussian(10)
    return loss, N, {"A": x.T @ (-e * w) / 6, "B": x.T @ (-0.5 * e**2 * w) / 6}


@kept("inner_derivative_missing|wrong_sign", "s")
def exponent_of_the_wrong_sign():
    x, N, loss, e, w = gaussian(11)
    return loss, N, {"A": x.T @ (-e * w) / 6, "B": x.T @ (0.5 + 0.5 * e**2 * w) / 6}


@kept("factor_missing|wrong_gradient_arrives", "mu|A")
def precision_left_out():
    x, N, loss, e, w = gaussian(12)
    return loss, N, {"A": x.T @ -e / 6, "B": x.T @ (0.5 - 0.5 * e**2 * w) / 6}


@kept("factor_missing", "z|p|b|every|W")
def class_weights_forgotten():
    """Binary cross-entropy of logits, the rare class weighing 4 times as much."""
    (x,), y = normal(13, (8, 3)), (np.arange(8.0) % 3 == 0)[:, None] * 1.0
    weight = 1 + 3 * y
    N = leaves(13, W=(3, 1), b=(1,))
    z = x @ N["W"] + N["b"]
    p = ag.sigmoid(z)
    named(z=z, p=p)
    loss = -(weight * (y * ag.log(p) + (1 - y) * ag.log(1 - p))).mean()
    d = (p.data - y) / 8
    return loss, N, {"W": x.T @ d, "b": d.sum(0)}


@kept("mask_missing|cases_exchanged|factor_missing|.*missing.*", "d|loss|where|max|relu|far|near")
def triplets_inside_their_margin():
    """Σ max(0, |a − p|² − |a − n|² + 1), whose satisfied triplets still push."""
    a, p, n = normal(14, (5, 3), (5, 3), (5, 3))
    N = leaves(14, W=(3, 2))
    W = N["W"].data
    near, far = (((a - b) @ N["W"]) ** 2 for b in (p, n))
    loss = ag.relu(near.sum(axis=1) - far.sum(axis=1) + 1.0).sum()
    return loss, N, {"W": 2 * ((a - p).T @ ((a - p) @ W) - (a - n).T @ ((a - n) @ W))}


@kept("penalty_missing", "W")
def elastic_net_without_the_square():
    x, y = normal(15, (7, 3), (7, 1))
    N = leaves(15, W=(3, 1))
    out = x @ N["W"]
    out.label = "out"
    loss = ag.abs(out - y).mean() + 0.2 * (N["W"] ** 2).sum() + 0.3 * ag.abs(N["W"]).sum()
    W = N["W"].data
    return loss, N, {"W": x.T @ np.sign(out.data - y) / 7 + 0.3 * np.sign(W)}


# ---- Layers ------------------------------------------------------------------------------------------------------------------


@kept("statistics_held_constant|path_missing", "v|norm|w|V")
def weight_normalisation_with_a_constant_norm():
    """w = v / |v|, whose norm is not differentiated."""
    x, y = normal(16, (6, 4), (6,))
    N = leaves(16, v=(4,), s=())
    size = ag.sqrt((N["v"] ** 2).sum())
    w = N["v"] / size
    named(norm=size, w=w)
    out = N["s"] * (x @ w)
    loss = 0.5 * ((out - y) ** 2).mean()
    d = (out.data - y) / 6
    return loss, N, dict(right(loss, N), v=x.T @ d * N["s"].data / size.data)


@kept("mask_missing|factor_missing|value_for_derivative|wrong_array|.*", "a")
def learned_slope_of_all_units():
    """PReLU: the slope's gradient takes every unit, not those below 0."""
    x, y = normal(17, (6, 3), (6, 4))
    N = leaves(17, W=(3, 4), a=(4,))
    z = x @ N["W"]
    h = ag.where(z.data > 0, z, N["a"] * z)
    named(z=z, h=h)
    loss = ((h - y) ** 2).sum() / 12
    d = (h.data - y) / 6
    return loss, N, dict(right(loss, N), a=(d * z.data).sum(0))


@kept("averaged|wrong_mean|wrong_axis|divided.*", "b")
def bias_of_a_sequence_averaged_over_time():
    """(batch, time, features): b's gradient is summed over the batch and averaged over time."""
    x, y = normal(18, (3, 5, 2), (3, 5, 4))
    N = leaves(18, W=(2, 4), b=(4,))
    h = ag.sigmoid(x @ N["W"] + N["b"])
    h.label = "h"
    loss = 0.5 * ((h - y) ** 2).sum()
    d = (h.data - y) * h.data * (1 - h.data)
    return loss, N, {"W": np.einsum("btd,bth->dh", x, d), "b": d.sum(0).mean(0)}


@kept("transposed", "M")
def bilinear_form_turned():
    a, b, y = normal(19, (6, 3), (6, 3), (6,))
    N = leaves(19, M=(3, 3))
    s = ((a @ N["M"]) * b).sum(axis=1)
    s.label = "s"
    loss = ((s - y) ** 2).mean()
    d = 2 * (s.data - y) / 6
    return loss, N, {"M": b.T @ (a * d[:, None])}


@kept("activation_derivative_twice", "R|out|Z")
def decoder_slope_once_too_often():
    """An autoencoder of columns with binary cross-entropy: the output's slope cancels, and is there again."""
    X = (normal(20, (5, 7))[0] > 0) * 1.0
    N = leaves(20, E=(3, 5), D=(5, 3))
    h = ag.tanh(N["E"] @ X)
    z = N["D"] @ h
    r = ag.sigmoid(z)
    named(H=h, Z=z, R=r)
    loss = -(X * ag.log(r) + (1 - X) * ag.log(1 - r)).sum() / 7
    P, H = sigma(z.data), h.data
    d = (P - X) / 7 * P * (1 - P)
    return loss, N, {"D": d @ H.T, "E": (N["D"].data.T @ d * (1 - H**2)) @ X.T}


@kept("path_missing", "E")
def one_tower_of_two():
    """Words and contexts share a table; the contexts' share is lost."""
    words, contexts, y = np.array([0, 2, 1, 2]), np.array([1, 0, 3, 3]), np.array([1.0, 0.0, 1.0, 0.0])
    N = leaves(21, E=(4, 3))
    s = (N["E"][words] * N["E"][contexts]).sum(axis=1)
    s.label = "s"
    loss = ag.nn.binary_cross_entropy_with_logits(s, y)
    E, g = N["E"].data, np.zeros((4, 3))
    np.add.at(g, words, ((sigma(s.data) - y) / 4)[:, None] * E[contexts])
    return loss, N, {"E": g}
