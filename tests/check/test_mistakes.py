"""Mistakes in hand-written backprop, each as a program beside the right one: named, in its place, with a line that is right."""

import re

import numpy as np
import pytest

import autograd_mini as ag
from autograd_mini.check.mistakes import MISTAKES
from tests.check.networks import SLOPE, VALUE, Mlp, sigma, softmax

pytestmark = pytest.mark.usefixtures("patience")

NETS = {
    "tanh-mean": {"sizes": [3, 4, 2], "acts": ["tanh", "linear"], "loss": "mean", "batch": 6},
    "sigmoid-half": {"sizes": [3, 4, 2], "acts": ["sigmoid", "sigmoid"], "loss": "half mean", "batch": 5},
    "columns-binary": {
        "sizes": [2, 4, 1],
        "acts": ["tanh", "sigmoid"],
        "loss": "binary",
        "batch": 7,
        "rows": False,
    },
    "relu-softmax": {"sizes": [4, 6, 3], "acts": ["relu", "softmax"], "loss": "nll", "batch": 8},
    "fused-softmax": {"sizes": [4, 5, 3], "acts": ["tanh", "linear"], "loss": "cross_entropy", "batch": 7},
    "fused-binary": {"sizes": [3, 5, 2], "acts": ["sigmoid", "linear"], "loss": "binary logits", "batch": 9},
    "columns-squares": {
        "sizes": [3, 5, 2],
        "acts": ["sigmoid", "sigmoid"],
        "loss": "squares",
        "batch": 6,
        "rows": False,
    },
    "square": {"sizes": [4, 4, 4], "acts": ["tanh", "sigmoid"], "loss": "half mean", "batch": 5},
    "square-columns": {
        "sizes": [3, 3, 3],
        "acts": ["sigmoid", "linear"],
        "loss": "mean",
        "batch": 4,
        "rows": False,
    },
    "deep": {"sizes": [3, 5, 4, 2], "acts": ["tanh", "sigmoid", "linear"], "loss": "mean", "batch": 8},
    "deep-relu": {"sizes": [5, 6, 4, 3], "acts": ["relu", "tanh", "softmax"], "loss": "nll", "batch": 10},
    "softplus": {"sizes": [3, 4, 2], "acts": ["softplus", "linear"], "loss": "squares", "batch": 5},
    "one-sample": {"sizes": [3, 4, 2], "acts": ["tanh", "sigmoid"], "loss": "half mean", "batch": 1},
}


def times(c, *names):
    """The right gradients, some of them c times as large."""
    return lambda n, g: {
        k: v * (c(n) if callable(c) else c) if not names or k in names else v for k, v in g.items()
    }


def steps(**wrong):
    return lambda n, g: n.backward(**wrong)


def at_slope(f):
    """The hidden layer 1's slope replaced by f(net, z, a, right slope)."""
    return steps(slope1=lambda n, i, e: e * f(n, n.Z[i], n.A[i], n.slope(i)))


def other_slope(n, z, a, s):
    return SLOPE["tanh" if n.acts[0] == "sigmoid" else "sigmoid"](
        z, VALUE["tanh" if n.acts[0] == "sigmoid" else "sigmoid"](z)
    )


def has(*names):
    return lambda n: n.acts[0] in names


def batched(n):
    return n.m > 1


def square(n):
    return n.W[2].shape[0] == n.W[2].shape[1]


def summed_first(n, i, d):
    x, e = n.A[i - 1].sum(1 - n.axis, keepdims=True), d.sum(1 - n.axis, keepdims=True)
    return x.T @ e if n.rows else e @ x.T


def one_sample(n, i, d):
    a, e = n.A[i - 1].take([-1], 1 - n.axis), d.take([-1], 1 - n.axis)
    return a.T @ e if n.rows else e @ a.T


# name: (the wrong program, names accepted, a pattern for the place, where it applies)
MISTAKE = {
    "every gradient negated": (times(-1), "wrong_sign", "every|W|b", None),
    "one layer negated": (times(-1, "W1", "b1"), "wrong_sign", "1", None),
    "W1 not divided by m": (times(lambda n: n.m, "W1"), "not_divided_by_batch", "W1", batched),
    "nothing divided by m": (times(lambda n: n.m), "not_divided_by_batch", ".", batched),
    "layer 1 divided twice": (times(lambda n: 1 / n.m, "W1", "b1"), "divided_by_batch_twice", "1", batched),
    "W2 doubled": (times(2, "W2"), "factor_two|wrong_mean", "W2", None),
    "all halved": (times(0.5), "factor_two|wrong_mean", ".", lambda n: n.m != 2),
    "bias averaged": (
        steps(bias1=lambda n, i, d: d.mean(1 - n.axis, keepdims=True)),
        "averaged|divided_by_batch_twice",
        "b1",
        batched,
    ),
    "bias summed over all": (
        steps(bias1=lambda n, i, d: np.full_like(n.b[i], d.sum())),
        "wrong_axis",
        "b1",
        batched,
    ),
    "bias of the last sample": (
        steps(bias1=lambda n, i, d: d.take([-1], 1 - n.axis)),
        "one_sample_only",
        "b1",
        batched,
    ),
    "weights of the last sample": (steps(weights1=one_sample), "one_sample_only", "W1", batched),
    "sums multiplied": (steps(weights1=summed_first), "summed_before_product", "W1", batched),
    "slope omitted": (at_slope(lambda n, z, a, s: 1.0), "activation_derivative_missing", "A1|Z1", None),
    "slope twice": (
        at_slope(lambda n, z, a, s: s * s),
        "activation_derivative_twice",
        "A1|Z1",
        has("tanh", "sigmoid", "softplus"),
    ),
    "slope at the activation": (
        at_slope(lambda n, z, a, s: SLOPE[n.acts[0]](a, VALUE[n.acts[0]](a))),
        "derivative_at_activation",
        "A1|Z1",
        has("tanh", "sigmoid", "softplus"),
    ),
    "formula of the pre-activation": (
        at_slope(lambda n, z, a, s: z * (1 - z) if n.acts[0] == "sigmoid" else 1 - z**2),
        "derivative_at_preactivation",
        "A1|Z1",
        has("tanh", "sigmoid"),
    ),
    "value for slope": (at_slope(lambda n, z, a, s: a), "value_for_derivative", "A1|Z1", None),
    "pre-activation for slope": (at_slope(lambda n, z, a, s: z), "value_for_derivative", "A1|Z1", None),
    "slope of another function": (at_slope(other_slope), "derivative_of_another_function", "A1|Z1", None),
    "slope's one missing": (
        at_slope(lambda n, z, a, s: -(a**2)),
        "constant_term_missing",
        "A1|Z1",
        has("tanh"),
    ),
    "slope's square missing": (
        at_slope(lambda n, z, a, s: 1 - a),
        "square_missing|wrong_factor",
        "A1|Z1",
        has("tanh"),
    ),
    "slope with a plus": (
        at_slope(lambda n, z, a, s: 1 + a**2 if n.acts[0] == "tanh" else a * (1 + a)),
        "wrong_sign",
        "A1|Z1",
        has("tanh", "sigmoid"),
    ),
    "mask turned": (
        at_slope(lambda n, z, a, s: 1 - s),
        "cases_exchanged",
        "A1|Z1",
        has("relu"),
    ),
    "weights not transposed": (
        steps(back2=lambda n, i, d: n.pass_back(i, d, n.W[i].T)),
        "transposed",
        "A1|W2",
        square,
    ),
    "W2's gradient for W2": (
        steps(back2=lambda n, i, d: n.pass_back(i, d, n.weights_share(i, d))),
        "gradient_for_value",
        "A1|W2",
        None,
    ),
    "W2 updated first": (
        steps(back2=lambda n, i, d: n.pass_back(i, d, n.W[i] - 0.1 * n.weights_share(i, d))),
        "weights_updated_before_use",
        "A1|W2",
        None,
    ),
    "W2 updated first, upward": (
        steps(back2=lambda n, i, d: n.pass_back(i, d, n.W[i] + 0.5 * n.weights_share(i, d))),
        "weights_updated_before_use",
        "A1|W2",
        None,
    ),
    "weights left out": (
        steps(back2=lambda n, i, d: d + 0 * n.A[1]),
        "weights_missing",
        "A1|W2",
        lambda n: square(n) or n.W[2].size == max(n.W[2].shape),
    ),
    "W1 fed with A1": (
        steps(weights1=lambda n, i, d: n.weights_share(i, d, n.A[1])),
        "output_for_input",
        "W1",
        lambda n: n.X.shape == n.A[1].shape,
    ),
    "W2 fed with Z1": (
        steps(weights2=lambda n, i, d: n.weights_share(i, d, n.Z[1])),
        "wrong_array",
        "W2",
        lambda n: n.acts[0] != "linear",
    ),
    "W2 transposed": (lambda n, g: dict(g, W2=g["W2"].T), "transposed", "W2", square),
    "delta without the error's slope": (
        steps(last_delta=lambda n: n.output_gradient() + 0 * n.Z[n.n]),
        "activation_derivative_missing|delta_of_another_loss",
        "A|Z",
        lambda n: n.acts[-1] == "sigmoid" and n.loss_name in ("half mean", "squares"),
    ),
    "slope once too often": (
        steps(last_delta=lambda n: n.last_delta() * (sigma(n.Z[n.n]) * (1 - sigma(n.Z[n.n])))),
        "activation_derivative_twice",
        "A|Z",
        lambda n: n.loss_name.startswith("binary"),
    ),
    "softmax's slope once too often": (
        steps(last_delta=lambda n: n.last_delta() * (lambda p: p * (1 - p))(softmax(n.Z[n.n], n.axis))),
        "activation_derivative_twice|softmax_elementwise",
        "A|Z",
        lambda n: n.loss_name in ("nll", "cross_entropy"),
    ),
    "softmax elementwise": (
        steps(last_delta=lambda n: n.output_gradient() * n.A[n.n] * (1 - n.A[n.n])),
        "softmax_elementwise",
        "A|Z",
        lambda n: n.loss_name == "nll",
    ),
    "softmax's Jacobian left out": (
        steps(last_delta=lambda n: n.output_gradient()),
        "activation_derivative_missing",
        "A|Z",
        lambda n: n.loss_name == "nll",
    ),
    "the loss for its derivative": (
        steps(last_delta=lambda n: np.full_like(n.Z[n.n], n.loss.item()) * n.slope(n.n)),
        "loss_for_derivative",
        "A|Z|loss|Y",
        lambda n: n.loss_name in ("half mean", "mean", "squares"),
    ),
    "squared error for its derivative": (
        steps(last_delta=lambda n: (n.A[n.n] - n.Y) ** 2 * n.slope(n.n)),
        "loss_for_derivative|value_for_derivative",
        "A|Z|Y",
        lambda n: n.loss_name in ("half mean", "squares", "mean"),
    ),
    "multiplied by the loss": (
        lambda n, g: {k: v * n.loss.item() for k, v in g.items()},
        "multiplied_by_loss",
        ".",
        None,
    ),
    "the error's derivative left out": (
        steps(last_delta=lambda n: np.ones_like(n.Z[n.n]) * n.slope(n.n)),
        "loss_derivative_missing",
        "A|Z|Y",
        lambda n: n.loss_name in ("half mean", "mean", "squares"),
    ),
    "targets of p − y swapped in layer 2": (times(-1, "W2", "b2"), "wrong_sign", "2", lambda n: n.n == 2),
    "b1 got b2's": (
        lambda n, g: dict(g, b1=g["b2"]),
        "wrong_gradient_arrives",
        "b1",
        lambda n: n.b[1].shape == n.b[2].shape,
    ),
    "penalty added": (lambda n, g: dict(g, W1=g["W1"] + 0.01 * n.W[1]), "penalty_added", "W1", None),
    "double: W2 doubled, slope omitted": (
        lambda n, g: (lambda h: dict(h, W2=h["W2"] * 2))(n.backward(slope1=lambda n, i, e: e)),
        "factor_two|wrong_mean",
        "W2",
        None,
    ),
    "double: b2 averaged, W1 negated": (
        lambda n, g: dict(g, b2=g["b2"] / n.m, W1=-g["W1"]),
        "averaged|divided_by_batch_twice",
        "b2",
        batched,
    ),
    "double: slope at the activation and not divided": (
        lambda n, g: (lambda h: dict(h, W1=h["W1"] * n.m))(
            n.backward(slope1=lambda n, i, e: e * SLOPE[n.acts[0]](n.A[i], VALUE[n.acts[0]](n.A[i])))
        ),
        "derivative_at_activation",
        "A1|Z1",
        lambda n: n.acts[0] in ("tanh", "sigmoid") and n.m > 1,
    ),
}


def cases():
    for net, options in NETS.items():
        probe = Mlp(**options)
        for name, (program, accepted, where, applies) in MISTAKE.items():
            if applies is None or applies(probe):
                yield pytest.param(options, program, accepted, where, id=f"{net}: {name}")


def found(report, accepted, where):
    return [f for f in report.findings if re.fullmatch(accepted, f.mistake) and re.search(where, f.where)]


@pytest.mark.parametrize(("options", "program", "accepted", "where"), list(cases()))
@pytest.mark.parametrize("seed", [0])
def test_a_mistake_is_named_in_its_place(options, program, accepted, where, seed):
    """The mistake is among the findings, no array that is right is called wrong, and every line shown gives the right gradient."""
    net = Mlp(**options, seed=seed)
    right = net.backward()
    mine = program(net, right)
    if all(np.allclose(mine[k], right[k], rtol=1e-7) for k in mine):
        pytest.skip("not a mistake for this network")
    report = ag.diagnose(net.loss, {net.nodes[k]: v for k, v in mine.items()})
    wrong = {k for k in mine if not np.allclose(mine[k], right[k], rtol=1e-9, atol=1e-12)}
    assert set(report.wrong) <= wrong
    assert found(report, accepted, where), str(report)
    check_lines(report, net.loss)


def check_lines(report, loss):
    """Each line of a finding, run with the arrays of the report, gives the right gradient of what it names."""
    names = report.names
    for finding in report.findings:
        assert finding.mistake in MISTAKES
        assert finding.fix, f"no line for {finding}"
        space = dict(names)
        with np.errstate(all="ignore"):
            exec(finding.fix, space)
        for name in re.findall(r"^(d\w+) = ", finding.fix, re.M):
            if name in names:
                np.testing.assert_allclose(
                    space[name], names[name], rtol=1e-7, atol=1e-10, err_msg=finding.fix
                )
