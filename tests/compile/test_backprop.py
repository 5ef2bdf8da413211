"""backprop_source: the source runs without the package, gives the engine's gradients, and reads as written by hand."""

import re

import numpy as np
import pytest

import autograd_mini as ag
from autograd_mini.compile.backprop import written
from autograd_mini.core.engine import toposort
from autograd_mini.gallery import digits_per_sample, digits_softmax_sse, dynamic_network, two_two_one, xor
from tests.helpers.peers import torch
from tests.helpers.processes import run_script
from tests.helpers.table import F
from tests.samples import SAMPLES, kinds

CASES = [pytest.param(s, kind, id=f"{kind}-{s}") for s in SAMPLES if not s.mask for kind in kinds(s)]


def run(source, arguments):
    """What the function of a source returns, in a namespace that knows nothing else."""
    space = {}
    exec(compile(source, "<backprop>", "exec"), space)
    with np.errstate(all="ignore"):
        return space["backprop"](**arguments)


@pytest.mark.parametrize(("sample", "kind"), CASES)
def test_every_row_is_written_as_source_that_gives_the_engines_gradients(sample, kind):
    """The weighted sum of each sample's output, by all its variables; and the source does not name the package."""
    operands = [x.item() if x.shape == () and kind == "Value" else x for x in sample.draw(kind)]
    make = ag.Value if kind == "Value" else ag.Tensor
    nodes = [make(x) if i in sample.wrt else x for i, x in enumerate(operands)]
    out = sample.call(F, *nodes)
    weights = np.linspace(0.5, 1.5, out.size).reshape(out.shape)
    loss = out * out if out.shape == () else (out * out * weights).sum()
    wrt = [nodes[i] for i in sample.wrt]
    order = ag.gradients(loss, wrt, allow_unused=True)
    reached = set(toposort(loss))
    used = [(x, g) for x, g in zip(wrt, order, strict=True) if x in reached]
    if not used or any(np.size(x) == 0 for x in operands):  # of nothing, a softmax written by hand fails
        return
    source, arguments = written(loss, [x for x, _ in used], {})
    assert "autograd_mini" not in source
    value, *grads = run(source, arguments)
    np.testing.assert_allclose(value, loss.data, rtol=1e-9, atol=1e-12)
    for mine, (x, g) in zip(grads, used, strict=True):
        assert np.shape(mine) == np.shape(g), x
        np.testing.assert_allclose(mine, g, rtol=1e-7, atol=1e-9, err_msg=source)


# ---- The systems of the gallery ---------------------------------------------------------------------------------------


def xor_system():
    """S1: 2-3-1 with bias units, cross-entropy, all four samples."""
    theta1, theta2 = (ag.Tensor(theta) for theta in xor.start(0))
    X, y = np.c_[np.ones(4), xor.INPUTS], xor.TARGETS
    H = ag.concatenate([np.ones((4, 1)), ag.sigmoid(X @ theta1)], axis=1)
    A2 = ag.sigmoid(H @ theta2)
    loss = -(y * ag.log(A2) + (1 - y) * ag.log(1 - A2)).sum()

    def by_torch(theta1, theta2):
        A1 = torch.cat([torch.ones(4, 1, dtype=float), torch.sigmoid(torch.tensor(X) @ theta1)], 1)
        return torch.nn.functional.binary_cross_entropy(
            torch.sigmoid(A1 @ theta2), torch.tensor(y), reduction="sum"
        )

    return loss, [theta1, theta2], by_torch, locals()


def softmax_sse():
    """S4: two layers of sigmoid(βz), softmax, ½ Σ(p − t)², bias inputs of −1."""
    rng = np.random.default_rng(0)
    X, T = rng.random((5, 64)), np.eye(10)[rng.integers(0, 10, 5)]
    W1, W2, W3 = digits_softmax_sse.start(64, 0)
    loss = ag.nn.half_sse(digits_softmax_sse.forward(X, W1, W2, W3), T)

    def by_torch(*weights):
        h = torch.tensor(X)
        for W in weights:
            z = torch.cat([h, -torch.ones(5, 1, dtype=float)], 1) @ W
            h = torch.sigmoid(z)
        return 0.5 * ((torch.softmax(z, 1) - torch.tensor(T)) ** 2).sum()

    return loss, [W1, W2, W3], by_torch, locals()


def per_sample():
    """S7: sigmoid, softmax, cross-entropy of class indices."""
    rng = np.random.default_rng(0)
    X, y = rng.random((6, 64)), rng.integers(0, 10, 6)
    net = digits_per_sample.network(64, 0, np.float64)
    W1, b1, W2, b2 = net.parameters()
    loss = ag.nn.cross_entropy(net(X), y)

    def by_torch(W1, b1, W2, b2):
        z = torch.sigmoid(torch.tensor(X) @ W1 + b1) @ W2 + b2
        return torch.nn.functional.cross_entropy(z, torch.tensor(y))

    return loss, [W1, b1, W2, b2], by_torch, locals()


def two_two_one_system():
    """S10: every number known."""
    A0, T, W1, W2 = two_two_one.A0, two_two_one.T, ag.Tensor(two_two_one.W1), ag.Tensor(two_two_one.W2)
    loss = two_two_one.half_square(two_two_one.forward(A0, W1, W2)[-1])

    def by_torch(W1, W2):
        y = torch.sigmoid(torch.sigmoid(torch.tensor(A0) @ W1) @ W2)
        return (0.5 * (y - torch.tensor(T)) ** 2).sum()

    return loss, [W1, W2], by_torch, locals()


def dynamic_system():
    """S11: layers of every activation of the document."""
    model = dynamic_network.Model(dynamic_network.X, 0, 0.5)
    for n, activation in [(4, "relu"), (3, "sigmoid"), (3, "tanh"), (3, "softmax"), (1, "linear")]:
        model.add(n, activation)
    X, Y = dynamic_network.X, dynamic_network.Y
    loss, wrt = ag.nn.mse(model(X), Y), model.parameters()

    def by_torch(*params):
        h = torch.tensor(X)
        steps = [torch.relu, torch.sigmoid, torch.tanh, lambda z: torch.softmax(z, -1), lambda z: z]
        for f, W, b in zip(steps, params[::2], params[1::2], strict=True):
            h = f(h @ W + b)
        return torch.nn.functional.mse_loss(h, torch.tensor(Y))

    return loss, wrt, by_torch, locals()


SYSTEMS = {
    "S1": xor_system,
    "S4": softmax_sse,
    "S7": per_sample,
    "S10": two_two_one_system,
    "S11": dynamic_system,
}


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_source_of_a_gallery_system_runs_alone_and_gives_pytorchs_gradients(name, tmp_path, capsys):
    """In a fresh interpreter that never imports the package."""
    loss, wrt, by_torch, variables = SYSTEMS[name]()
    source, arguments = written(loss, wrt, variables)
    np.savez(tmp_path / "given.npz", **arguments)
    script = (
        source
        + f"""
import sys
found = backprop(**np.load({str(tmp_path / "given.npz")!r}))
np.savez({str(tmp_path / "found.npz")!r}, *found)
assert not any(name.startswith("autograd_mini") for name in sys.modules)
"""
    )
    done = run_script(script)
    assert done.returncode == 0, done.stderr
    value, *grads = np.load(tmp_path / "found.npz").values()
    params = [torch.tensor(w.data, requires_grad=True) for w in wrt]
    theirs = by_torch(*params)
    theirs.backward()
    np.testing.assert_allclose(np.ravel(value), theirs.detach().numpy().ravel(), rtol=1e-12)
    for mine, param, node in zip(grads, params, ag.gradients(loss, wrt), strict=True):
        np.testing.assert_allclose(mine, param.grad.numpy(), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(mine, node, rtol=1e-9, atol=1e-12)


WANTED = {
    "S1": [
        "Z1 = X @ theta1",
        "A1 = sigmoid(Z1)",
        "dZ2 = A2 - y",
        "dZ1 = dA1 * A1 * (1 - A1)",
        "dtheta1 = X.T @ dZ1",
    ],
    "S4": [
        "A3 = softmax(Z3)",
        "dA3 = A3 - T",
        "dZ3 = A3 * (dA3 - (dA3 * A3).sum(axis=-1, keepdims=True))",
        "dW1 = X.T @ dZ1",
    ],
    "S7": [
        "Z1 = X @ W1 + b1",
        "dZ2 = (A2 - np.eye(A2.shape[1])[y]) / len(y)",
        "db1 = dZ1.sum(axis=0)",
        "dA1 = dZ2 @ W2.T",
    ],
    "S10": [
        "Z1 = A0 @ W1",
        "dA2 = A2 - T",
        "dZ2 = dA2 * A2 * (1 - A2)",
        "dW2 = A1.T @ dZ2",
        "dW1 = A0.T @ dZ1",
    ],
    "S11": ["A1 = np.maximum(Z1, 0)", "dZ3 = dA3 * (1 - A3 ** 2)", "dZ1 = dA1 * (Z1 > 0)"],
}


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_source_of_a_gallery_system_reads_as_written_by_hand(name):
    """These lines stand in it; no line is dead, too long or repeated, and none multiplies by 1."""
    loss, wrt, _, variables = SYSTEMS[name]()
    source = written(loss, wrt, variables)[0]
    lines = [line.partition("#")[0].strip() for line in source.splitlines()]
    for line in WANTED[name]:
        assert line in lines, source
    assert max(map(len, source.splitlines())) <= 100, source
    assert not re.search(r"\b1(\.0)? \*|\* 1(\.0)?\b(?!\.)|swapaxes|reshape|\.0\b(?!\d)(?<!-1\.0)", source), (
        source
    )
    names = [line.partition(" = ")[0] for line in lines if re.match(r"\w+ = ", line)]
    assert len(names) == len(set(names)), source
    for assigned in names:
        assert len(re.findall(rf"\b{assigned}\b", source)) > 1, f"{assigned} is never used:\n{source}"


# ---- Data are not read as numbers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "targets", [[0.0, 1.0, 1.0, 0.0], [1.0] * 4, [0.0] * 4], ids=["mixed", "ones", "zeros"]
)
def test_targets_stay_data_whatever_their_numbers(targets):
    """The source of a cross-entropy is the same for all targets, and gives the gradient for others than those recorded."""
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(4, 2)), np.array(targets)[:, None]
    W = ag.Tensor(rng.normal(size=(2, 1)), label="W")

    def cost(Y):
        A = ag.sigmoid(X @ W)
        A.label = "A"
        return -(Y * np.log(A) + (1 - Y) * np.log(1 - A)).sum() / 4

    source = ag.backprop_source(cost(Y), wrt=[W])
    assert "(1 - Y) * np.log(1 - A)" in source
    space = {}
    exec(source, space)
    other = rng.random((4, 1))
    _, dW = space["backprop"](Y=other, X=X, W=W.data)
    np.testing.assert_allclose(dW, ag.gradients(cost(other), W), rtol=1e-12)


@pytest.mark.parametrize(
    ("f", "line"),
    [
        pytest.param(lambda A: -ag.log(1 - A).mean(), "dZ1 = A / A.size", id="a slope that cancels"),
        pytest.param(lambda A: -ag.log(2 - A).mean(), "dA = 1 / A.size / (2 - A)", id="minus a quotient"),
        pytest.param(lambda A: (-0.25 / (A - 1)).sum(), "dA = -t1 / (A - 1)", id="a quotient again"),
        pytest.param(lambda A: (-2.0 * (-0.25 / A)).sum(), "dA = -0.5 / A ** 2", id="numbers multiplied out"),
    ],
)
def test_signs_and_numbers_are_put_together(f, line):
    """No doubled sign, and one number in front."""
    W, X = ag.Tensor(np.ones((2, 1)), label="W"), np.arange(8.0).reshape(4, 2) / 8
    A = ag.sigmoid(X @ W)
    A.label = "A"
    assert line in ag.backprop_source(f(A), wrt=[W])
