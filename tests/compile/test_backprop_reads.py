"""backprop_source of what people write by hand: the lines that a teacher would write, right for data that nobody has seen."""

import re

import numpy as np
import pytest

import autograd_mini as ag
from autograd_mini.compile.backprop import written

RNG = np.random.default_rng(7)


def random(*shape):
    return RNG.normal(size=shape)


def weights(*shapes):
    return [ag.Tensor(random(*shape)) for shape in shapes]


def classes(n, k):
    return RNG.permutation(np.arange(n) % k)


def labels(*shape):
    """Half of them 1, half 0."""
    return RNG.permutation(np.arange(np.prod(shape)) % 2).reshape(shape) * 1.0


def network(forward, shapes, data, wanted, names=()):
    """A system: its forward on weights and data, the lines wanted of it, and the caller's names for its weights."""
    return forward, shapes, data, wanted, names


def mlp(activation):
    """Two layers, before the loss."""

    def forward(X, W1, b1, W2, b2):
        return activation(X @ W1 + b1) @ W2 + b2

    return forward


TWO_LAYERS = [(4, 5), (5,), (5, 3), (3,)]


def softmax_of(Z):
    E = np.exp(Z - Z.max(axis=1, keepdims=True))
    return E / E.sum(axis=1, keepdims=True)


def picked_by_hand(w, X, y):
    P = softmax_of(mlp(np.tanh)(X, *w))
    return -np.log(P[np.arange(len(y)), y]).mean()


def picked_from_scores(w, X, y):
    s = X @ w[0]
    s = s - s.max(axis=1, keepdims=True)
    return (np.log(np.exp(s).sum(axis=1)) - s[range(len(y)), y]).sum() / len(y)


def picked_from_logarithms(w, X, y):
    s = X @ w[0] - (X @ w[0]).max()
    return -(s - np.log(np.exp(s).sum(axis=1, keepdims=True)))[np.arange(len(y)), y].mean()


def one_hot(w, X, Y):
    A1 = 1 / (1 + np.exp(-(X @ w[0] + w[1])))
    E = np.exp(A1 @ w[2] + w[3])
    return -np.sum(Y * np.log(E / np.sum(E, axis=1, keepdims=True))) / len(X)


def bernoulli(w, X, y):
    A1 = np.maximum(X @ w[0] + w[1], 0)
    A2 = 1 / (1 + np.exp(-(A1 @ w[2] + w[3])))
    return -(1 / len(y)) * np.sum(y * np.log(A2) + (1 - y) * np.log(1 - A2))


def squared(w, X, Y):
    return ((mlp(np.tanh)(X, *w) - Y) ** 2).mean()


def halved(w, X, Y):
    return np.sum((X @ w[0] - Y) ** 2) / (2 * len(X))


def recurrent(w, X1, X2, X3, y):
    Wx, Wh, b, Wy = w
    h = h0 = np.zeros((5, 4))
    for X in (X1, X2, X3):
        h = np.tanh(X @ Wx + h @ Wh + b)
    return ((h @ Wy - y) ** 2).mean(), {"h": h, "h0": h0}


def gates(w, x, h, c, y):
    z = x @ w[0] + h @ w[1] + w[2]
    i, f, g, o = ag.sigmoid(z[:, :3]), ag.sigmoid(z[:, 3:6]), np.tanh(z[:, 6:9]), ag.sigmoid(z[:, 9:])
    return ((o * np.tanh(f * c + i * g) - y) ** 2).sum()


def normed(w, X, Y):
    W1, gamma, beta, W2 = w
    Z = X @ W1
    mu = Z.mean(axis=0)
    var = ((Z - mu) ** 2).mean(axis=0)
    out = ag.relu(gamma * ((Z - mu) / np.sqrt(var + 1e-5)) + beta) @ W2
    return ((out - Y) ** 2).mean(), {"mu": mu, "var": var, "Z": Z}


def attention(w, X, Y):
    Q, K, V = (X @ part for part in w)
    A = ag.softmax(Q @ K.T / np.sqrt(3))
    return ((A @ V - Y) ** 2).mean(), {"Q": Q, "K": K, "V": V, "A": A}


def convolution(w, X1, X2, X3, y):
    Z = w[0][0] * X1 + w[0][1] * X2 + w[0][2] * X3
    return ((ag.relu(Z) @ w[1] - y) ** 2).mean(), {"Z": Z}


def ridge(w, X, y):
    p = 1 / (1 + np.exp(-(X @ w[0] + w[1])))
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)) + 0.01 / 2 * np.sum(w[0] ** 2)


def two_heads(w, X, Y, T):
    H = np.tanh(X @ w[0])
    return [((H @ w[1] - Y) ** 2).mean(), ((H @ w[2] - T) ** 2).sum()]


def embedded(w, ids, Y):
    return ((w[0][ids] @ w[1] - Y) ** 2).mean()


def tied(w, X):
    return ((np.tanh(X @ w[0]) @ w[0].T - X) ** 2).mean()


def of_one_vector(w, x, t):
    return 0.5 * ((w[1] @ ag.sigmoid(w[0] @ x) - t) ** 2).sum()


def hinge(w, X, y):
    margin = y * (X @ w[0] + w[1])
    return np.maximum(0, 1 - margin).mean() + 0.5 * 0.01 * (w[0] @ w[0])


def lost_reward(w, X):
    return -ag.relu(X @ w[0]).sum()


def slope_of_slopes(w, X):
    x = ag.Tensor(X)
    slopes = ag.gradients((np.tanh(x @ w[0]) @ w[1]).sum(), x, create_graph=True)
    return (slopes**2).sum()


LINEAR = [(4, 3)]
Z2 = "Z2 = A1 @ W2 + b2"
SYSTEMS = {
    "labels by hand": network(
        picked_by_hand, TWO_LAYERS, [random(6, 4), classes(6, 3)],
        ["A2 = softmax(Z2)", "loss = -np.log(A2[np.arange(len(y)), y]).mean()",
         "dZ2 = (A2 - np.eye(A2.shape[1])[y]) / len(y)"],
    ),
    "labels of scores": network(
        picked_from_scores, LINEAR, [random(6, 4), classes(6, 3)],
        ["Z1 = X @ W1", "loss = (np.log(t4) - t2[np.arange(len(y)), y]).mean()"],
    ),
    "labels of logarithms": network(
        picked_from_logarithms, LINEAR, [random(6, 4), classes(6, 3)],
        ["A1 = log_softmax(Z1)", "dZ1 = (softmax(Z1) - np.eye(A1.shape[1])[y]) / len(y)"],
    ),
    "labels one-hot": network(
        one_hot, TWO_LAYERS, [random(6, 4), np.eye(3)[classes(6, 3)]],
        ["A1 = sigmoid(Z1)", "A2 = softmax(Z2)", "# Each row of Y sums to 1", "dZ2 = (A2 - Y) / len(Y)"],
    ),
    "cross-entropy": network(
        bernoulli, [(2, 3), (3,), (3, 1), (1,)], [random(8, 2), labels(8, 1)],
        ["dZ2 = (A2 - y) / y.size", "dZ1 = dA1 * ((Z1 > 0) + 0.5 * (Z1 == 0))"],
    ),
    "squared error": network(
        squared, TWO_LAYERS, [random(6, 4), random(6, 3)],
        [Z2, "loss = ((Z2 - Y) ** 2).mean()", "dZ2 = 2 * (Z2 - Y) / Y.size", "db1 = dZ1.sum(axis=0)"],
    ),
    "halved": network(halved, [(4, 1)], [random(6, 4), random(6, 1)], ["dZ1 = (Z1 - Y) / Y.size"]),
    "recurrent": network(
        recurrent, [(2, 4), (4, 4), (4,), (4, 1)], [random(5, 2), random(5, 2), random(5, 2), random(5, 1)],
        ["Z1 = X1 @ Wx + h0 @ Wh + b", "A1 = np.tanh(Z1)", "h = np.tanh(Z3)", "dA2 = dZ3 @ Wh.T",
         "dWh = A2.T @ dZ3 + A1.T @ dZ2 + h0.T @ dZ1"],
        names=["Wx", "Wh", "b", "Wy"],
    ),
    "gates of one product": network(
        gates, [(2, 12), (3, 12), (12,)], [random(5, 2), random(5, 3), random(5, 3), random(5, 3)],
        ["dZ1 = np.zeros_like(Z1)", "dZ1[:, 9:] += dZ6", "db1 = dZ1.sum(axis=0)"],
    ),
    "batch norm": network(
        normed, [(3, 4), (4,), (4,), (4, 1)], [random(8, 3), random(8, 1)],
        ["mu = Z.mean(axis=0)", "dZ = dt1 + dmu / len(X)"],
    ),
    "attention": network(
        attention, [(4, 3)] * 3, [random(5, 4), random(5, 3)],
        ["Z1 = Q @ K.T", "dK = dZ1.T @ Q", "dV = A.T @ dZ3", "dZ1 = dZ2 / np.sqrt(3)"],
    ),
    "convolution": network(
        convolution, [(3,), (4, 1)], [random(4, 4), random(4, 4), random(4, 4), random(4, 1)],
        ["dK = np.zeros_like(K)", "dK[1] += (dZ * X2).sum()"],
        names=["K", "w"],
    ),
    "ridge": network(
        ridge, [(3,), ()], [random(8, 3), labels(8)],
        ["dZ1 = (A1 - y) / len(y)", "db = dZ1.sum()", "dw = 0.01 * w + X.T @ dZ1"],
        names=["w", "b"],
    ),
    "two outputs": network(
        two_heads, [(3, 4), (4, 1), (4, 2)], [random(6, 3), random(6, 1), random(6, 2)],
        ["dA1 = dZ3 @ W3.T + dZ2 @ W2.T", "dZ1 = dA1 * (1 - A1 ** 2)"],
    ),
    "embedding": network(
        embedded, [(7, 3), (3, 2)], [classes(5, 7), random(5, 2)],
        ["dE = np.zeros_like(E)", "np.add.at(dE, ids, dZ1 @ W.T)"],
        names=["E", "W"],
    ),
    "tied": network(tied, [(4, 2)], [random(6, 4)], ["dW1 = dZ2.T @ A1 + X.T @ dZ1"]),
    "a vector": network(
        of_one_vector, [(4, 3), (2, 4)], [random(3), random(2)],
        ["dZ2 = Z2 - t", "dW2 = np.outer(dZ2, A1)", "dA1 = W2.T @ dZ2"],
    ),
    "hinge": network(
        hinge, [(3,), ()], [random(8, 3), labels(8) * 2 - 1],
        ["dZ2 = ((Z2 > 0) + 0.5 * (Z2 == 0)) / len(y)", "dZ1 = -dZ2 * y", "dw = 0.01 * w + X.T @ dZ1"],
        names=["w", "b"],
    ),
    "minus a mask": network(lost_reward, [(4, 2)], [random(6, 4)], ["dZ1 = -(Z1 > 0).astype(float)"]),
    "slope of slopes": network(slope_of_slopes, [(2, 3), (3, 1)], [random(4, 2)], ["Z2 = X @ W2", "dZ3 = 2 * Z3"]),
}  # fmt: skip


def run(system, data, params):
    """The loss (or the list of them), and the variables that the caller would have."""
    forward, _, _, _, names = system
    found = forward(params, *data)
    loss, more = found if isinstance(found, tuple) else (found, {})
    arguments = forward.__code__.co_varnames[1 : forward.__code__.co_argcount]
    return loss, {**dict(zip(arguments, data, strict=True)), **dict(zip(names, params, strict=False)), **more}


def given(system, arguments, new):
    """The arguments of the source with other data in the places of those that were recorded."""

    def other(value):
        pairs = zip(system[2], new, strict=True)
        same = [y for x, y in pairs if np.shape(value) == x.shape and np.array_equal(value, x)]
        return same[0] if same else value

    return {key: other(value) for key, value in arguments.items()}


def fresh(x, rng):
    """Other data of the same kind: labels in another order, numbers of any kind."""
    is_label = x.dtype.kind in "iu" or {*np.unique(x)} <= {0.0, 1.0}
    return rng.permutation(x) if is_label else rng.normal(size=x.shape)


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_source_gives_the_engines_gradients_for_data_that_were_not_recorded(name):
    """All data are arguments: the source runs on others, and on a batch of another size where it names the sizes."""
    system, rng = SYSTEMS[name], np.random.default_rng(1)
    params = weights(*system[1])
    loss, variables = run(system, system[2], params)
    source, arguments = written(loss, params, variables)
    assert "autograd_mini" not in source
    space = {}
    exec(source, space)
    new = [fresh(x, rng) for x in system[2]]
    value, *grads = space["backprop"](**given(system, arguments, new))
    losses = run(system, new, params)[0]
    losses = losses if isinstance(losses, list) else [losses]
    grads = grads[len(losses) - 1 :]
    assert np.allclose(value, losses[0].data, rtol=1e-12)
    per_loss = [ag.gradients(one, params, allow_unused=True) for one in losses]
    for mine, *shares in zip(grads, *per_loss, strict=True):
        expected = sum(shares)
        assert np.shape(mine) == np.shape(expected)
        np.testing.assert_allclose(
            mine, expected, rtol=1e-12, atol=1e-12 * np.abs(expected).max(), err_msg=source
        )


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_source_reads_as_a_teacher_would_write_it(name):
    """The wanted lines stand there; no line is unused, no name is given twice, no number of the data and no helper for indices."""
    system = SYSTEMS[name]
    params = weights(*system[1])
    loss, variables = run(system, system[2], params)
    source = written(loss, params, variables)[0]
    body = source[source.index("def backprop") :]
    lines = [line.strip().partition("  #")[0].strip() for line in body.splitlines()]
    for line in system[3]:
        assert line in lines, source
    assert max(map(len, source.splitlines())) <= 100, source
    odd = r"(?<![.\w])1(\.0)? \*(?!\*)|\* 1(\.0)?(?![\w.])|swapaxes|reshape|\d\.0\b|scatter|np\.array\(|broadcast_to"
    assert not re.search(odd + r"|where\(.*where|\.T\.T", body), source
    names = [line.partition(" = ")[0] for line in lines if re.match(r"\w+ = ", line)]
    assert len(names) == len(set(names)), source
    for assigned in names:
        assert len(re.findall(rf"\b{assigned}\b", body)) > 1, f"{assigned} is never used:\n{source}"
    assert not re.search(r"\bd(t\d+)\b(?s:.*)", body) or all(
        re.search(rf"\b{name}\b = ", body) for name in re.findall(r"\bd(t\d+) = ", body)
    ), f"a gradient of nothing:\n{source}"


@pytest.mark.parametrize("first", [True, False], ids=["input first", "state first"])
def test_arrays_without_names_are_numbered_in_the_order_of_the_lines(first):
    """The steps of a recurrent network forwards in time; a loop's variable, which held all of them, names none."""
    Wx, Wh = weights((2, 4), (4, 4))
    h = h0 = random(5, 4)
    for x in [random(5, 2) for _ in range(3)]:
        h = np.tanh(x @ Wx + h @ Wh if first else h @ Wh + x @ Wx)
    source = written(h.sum(), [Wx, Wh], {"Wx": Wx, "Wh": Wh, "x": x, "h": h, "h0": h0})[0]
    lines = [line.partition("  #")[0].strip() for line in source.splitlines()]
    wanted = ["Z1 = X @ Wx + h0 @ Wh", "Z2 = X2 @ Wx + A1 @ Wh", "Z3 = X3 @ Wx + A2 @ Wh", "h = np.tanh(Z3)"]
    back = ["Z1 = h0 @ Wh + X @ Wx", "Z2 = A1 @ Wh + X2 @ Wx", "Z3 = A2 @ Wh + X3 @ Wx", "h = np.tanh(Z3)"]
    assert set(wanted if first else back) <= set(lines), source


@pytest.mark.parametrize(
    "name", ["labels by hand", "labels one-hot", "cross-entropy", "squared error", "batch norm", "halved"]
)
def test_a_batch_of_another_size_needs_no_other_source(name):
    """Sizes have names: len(y), Y.size."""
    system = SYSTEMS[name]
    params = weights(*system[1])
    loss, variables = run(system, system[2], params)
    source, arguments = written(loss, params, variables)
    space = {}
    exec(source, space)
    more = [np.concatenate([x, x[:2]]) for x in system[2]]
    expected = ag.gradients(run(system, more, params)[0], params)
    for mine, theirs in zip(space["backprop"](**given(system, arguments, more))[1:], expected, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-11, atol=1e-13, err_msg=source)
