"""backprop_source: the source runs without the package, gives the engine's gradients, and reads as written by hand."""

import numpy as np
import pytest

import autograd_mini as ag
from autograd_mini.compile.backprop import written
from autograd_mini.core.engine import toposort
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
        pytest.param(lambda A: -ag.log(1 - A).mean(), "dA = 0.25 / (1 - A)", id="minus a quotient"),
        pytest.param(lambda A: (-0.25 / (A - 1)).sum(), "dA = 0.25 / (A - 1) / (A - 1)", id="twice divided"),
        pytest.param(lambda A: (-2.0 * (-0.25 / A)).sum(), "dA = -0.5 / A / A", id="numbers multiplied out"),
    ],
)
def test_signs_and_numbers_are_put_together(f, line):
    """No doubled sign, and one number in front."""
    W, X = ag.Tensor(np.ones((2, 1)), label="W"), np.arange(8.0).reshape(4, 2) / 8
    A = ag.sigmoid(X @ W)
    A.label = "A"
    assert line in ag.backprop_source(f(A), wrt=[W])
