"""A right gradient is never blamed, however it was computed and kept."""

import numpy as np
import pytest

import autograd_mini as ag
from tests.check.networks import SLOPE, VALUE, Mlp

LOSSES = {
    "mean": ("linear", "sigmoid", "tanh"),
    "half mean": ("linear", "sigmoid"),
    "squares": ("sigmoid", "linear"),
    "binary": ("sigmoid",),
    "binary logits": ("linear",),
    "nll": ("softmax",),
    "cross_entropy": ("linear",),
}


def network(rng):
    """A random network: depth, sizes, activations, loss, batch and layout."""
    depth = int(rng.integers(1, 5))
    sizes = [int(n) for n in rng.integers(1, 9, depth + 1)]
    loss = str(rng.choice(list(LOSSES)))
    if loss in ("nll", "cross_entropy"):
        sizes[-1] = max(2, sizes[-1])
    hidden = [str(a) for a in rng.choice(["sigmoid", "tanh", "relu", "softplus"], depth - 1)]
    acts = [*hidden, str(rng.choice(LOSSES[loss]))]
    batch = int(rng.choice([1, 2, 3, 5, 8, 16, 40]))
    return Mlp(
        sizes, acts, loss, batch, bool(rng.random() < 0.5), int(rng.integers(1e6)), bool(rng.random() < 0.8)
    )


def single(net):
    """The gradients computed in float32 throughout."""
    kept = {name: getattr(net, name) for name in ("X", "Y", "W", "b", "Z", "A")}
    f = np.float32
    net.X, net.Y = net.X.astype(f), net.Y.astype(f)
    net.W, net.b = ({i: w.astype(f) for i, w in each.items()} for each in (net.W, net.b))
    net.Z, net.A = {}, {0: net.X}
    for i in range(1, net.n + 1):
        z = net.A[i - 1] @ net.W[i] if net.rows else net.W[i] @ net.A[i - 1]
        net.Z[i] = z + net.b[i] if net.bias else z
        if net.acts[i - 1] == "softmax":
            e = np.exp(net.Z[i] - net.Z[i].max(net.axis, keepdims=True))
            net.A[i] = e / e.sum(net.axis, keepdims=True)
        else:
            net.A[i] = VALUE[net.acts[i - 1]](net.Z[i]).astype(f)
    out = {k: np.asarray(v, f) for k, v in net.backward().items()}
    vars(net).update(kept)
    return out


def sample_by_sample(net):
    """The gradients of each sample, added up from the last to the first."""
    total = {}
    kept = {name: getattr(net, name) for name in ("X", "Y", "Z", "A")}
    for i in reversed(range(net.m)):

        def take(a):
            return a.take([i], 1 - net.axis)  # noqa: B023

        net.X, net.Y = take(kept["X"]), take(kept["Y"])
        net.Z, net.A = ({j: take(a) for j, a in kept[name].items()} for name in ("Z", "A"))
        full, net.Y = kept["Y"].size, net.Y
        share = (
            net.backward()
            if net.loss_name != "mean"
            else {k: v * (net.Y.size / full) for k, v in net.backward().items()}
        )
        for k, v in share.items():
            total[k] = total.get(k, 0) + v
    vars(net).update(kept)
    return total


def disguised(net, rng):
    """The right gradients as a person may have them: a kind of disguise, and the arrays."""
    g = net.backward()
    kind = str(
        rng.choice(
            [
                "plain",
                "float32",
                "by sample",
                "deltas",
                "undivided",
                "negated",
                "transposed",
                "flat",
                "folded",
                "matrix",
                "printed",
            ]
        )
    )
    if kind == "float32":
        g = single(net)
    elif kind == "by sample":
        g = sample_by_sample(net)
    elif kind in ("deltas", "undivided"):
        c = net.m if kind == "undivided" else float(rng.choice([1.0, -1.0, 2.0, 0.5]))
        g |= {f"Z{i}": d * c for i, d in net.d.items()} | {
            f"A{i}": e * c for i, e in net.back.items() if net.acts[i - 1] != "linear"
        }
    elif kind == "negated":
        g = {k: -v for k, v in g.items()}
    elif kind == "transposed":
        shown = any(v.shape[0] != v.shape[1] and min(v.shape) > 1 for v in g.values())  # by its shape
        g = {k: v.T for k, v in g.items()} if shown else g
    elif kind == "flat":
        g = {k: v.reshape(-1) for k, v in g.items()}
    elif kind == "folded" and net.bias:
        i = int(rng.integers(1, net.n + 1))
        axis = 0 if net.rows else 1
        parts = [g[f"b{i}"], g[f"W{i}"]]
        g = {f"W{i}": np.concatenate(parts if rng.random() < 0.5 else parts[::-1], axis)}
    elif kind == "matrix":
        g = {k: v.tolist() for k, v in g.items()}
    elif kind == "printed":
        g = {k: np.round(v, 6) for k, v in g.items()}
    return kind, g


@pytest.mark.parametrize("block", range(20))
def test_random_right_gradients_are_not_blamed(block):
    """50 networks a block: float32, sample by sample, deltas before the division, negated, transposed, flat, folded, printed."""
    rng = np.random.default_rng(1000 + block)
    for _ in range(50):
        net = network(rng)
        kind, mine = disguised(net, rng)
        report = ag.diagnose(net.loss, {net.nodes[k]: v for k, v in mine.items()})
        assert not report.wrong, f"{kind} {vars(net)['acts']} {net.loss_name} {net.m} {net.rows}\n{report}"
        assert report.explained
        assert set(report.right) == set(mine)


def test_the_check_can_fail():
    """A gradient that is 1e-4 off is blamed."""
    net = Mlp([3, 4, 2], ["tanh", "linear"], "mean")
    mine = net.backward()
    mine["W1"] = mine["W1"] * 1.0001
    assert ag.diagnose(net.loss, {net.nodes[k]: v for k, v in mine.items()}).wrong == ["W1"]


def test_slopes_of_the_table_are_the_functions_slopes():
    """The programs' own derivatives are right."""
    z, h = np.linspace(-2, 2, 9) + 0.01, 1e-6
    for name, f in VALUE.items():
        np.testing.assert_allclose(
            SLOPE[name](z, f(z)), (f(z + h) - f(z - h)) / (2 * h), rtol=1e-6, atol=1e-8
        )
