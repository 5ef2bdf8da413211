"""check_gradients on planted errors: found, told from kinks, noise, float32 and NaN; and a person's own numerical gradients."""

import numpy as np
import pytest

import autograd_mini as ag

FUNCTIONS = {
    "tanh": lambda x: np.tanh(x).sum(),
    "sigmoid": lambda x: (ag.sigmoid(x) * x).sum(),
    "softmax": lambda x: (ag.softmax(x, -1) * np.arange(6.0).reshape(2, 3)).sum(),
    "log-sum-exp": lambda x: ag.logsumexp(x, -1).sum(),
    "matrix product": lambda x: ((x @ np.ones((3, 2))) ** 2).sum(),
    "normalised": lambda x: ((x - x.mean()) / (x.std() + 0.1) * np.arange(6.0).reshape(2, 3)).sum(),
    "power": lambda x: ((x * x + 1.0) ** 1.5).mean(),
    "division": lambda x: (1 / (2 + np.cos(x))).sum(),
    "squares": lambda x: ag.nn.mse(x, np.ones((2, 3))),
}
X = np.random.default_rng(0).normal(size=(2, 3))


def planted(name, factor):
    """The function, times an operation that is the identity and whose derivative is off by a factor."""
    twist = ag.Op("twist", lambda xp, x: 1.0 * x, (lambda xp, g, out, x: g * factor,))
    return lambda x: FUNCTIONS[name](ag.apply(twist, x))


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_our_own_gradients_are_right(name, order):
    report = ag.check_gradients(FUNCTIONS[name], X, order=order)
    assert report.right == [0], str(report)
    assert not report.findings


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_an_error_of_a_thousandth_is_found(name, order):
    """A rule that is 1.001 times too large is caught, with the worst entry, both numbers and the ratio."""
    report = ag.check_gradients(planted(name, 1.001), X, order=order)
    assert report.wrong == [0]
    assert report.findings[0].mistake == "wrong_gradient"
    assert "should be" in report.findings[0].why
    assert "ratio 1.00" in report.findings[0].why


@pytest.mark.parametrize("name", ["tanh", "matrix product", "division", "squares"])
def test_an_error_of_a_billionth_is_found_by_complex_steps(name):
    """Where complex numbers go through the function, 1 + 1e-9 is told from 1."""
    report = ag.check_gradients(FUNCTIONS[name], X, given=(1 + 1e-9) * np.array(ag.grad(FUNCTIONS[name])(X)))
    assert report.wrong == [0]


def test_one_wrong_entry_is_named():
    g = 2 * X
    g[1, 2] += 0.01
    report = ag.check_gradients(lambda x: (x * x).sum(), X, given=g)
    assert report.findings[0].where == "input 0[1, 2]"


def test_several_inputs():
    report = ag.check_gradients(lambda x, y: (x * y).sum(), [X, X + 1], given=[X + 1, X * 1.01])
    assert (report.right, report.wrong) == ([0], [1])


@pytest.mark.parametrize(
    "f",
    [lambda x: np.abs(x).sum(), lambda x: ag.relu(x).sum(), lambda x: x.max()],
    ids=["abs", "relu", "max"],
)
def test_a_kink_is_no_error(f):
    """At a kink there is no one derivative: it is told, and nothing is blamed."""
    report = ag.check_gradients(f, np.array([0.0, 0.0, -1.0]))
    assert not report.wrong, str(report)
    assert "kink" in str(report)


def test_float32_is_no_error():
    report = ag.check_gradients(lambda x: np.tanh(x).sum(), X.astype(np.float32))
    assert not report.wrong, str(report)
    assert "float32" in str(report)


def test_noise_is_told():
    rng = np.random.default_rng(0)
    report = ag.check_gradients(lambda x: (x * rng.normal(size=x.shape)).sum(), X)
    assert report.findings[0].mistake == "not_deterministic"
    assert not report.wrong


def test_what_is_not_finite_is_told():
    report = ag.check_gradients(lambda x: np.log(x).sum(), np.array([-1.0]))
    assert report.findings[0].mistake == "not_finite"


def test_a_result_that_is_no_scalar_is_refused():
    with pytest.raises(ag.GraphError, match="must return a scalar node"):
        ag.check_gradients(lambda x: x * 2, X)


def numerical_gradient(f, x, h, both, divide=None):
    """As people write it."""
    out = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[i] += h
        down[i] -= h if both else 0
        out[i] = (f(up) - f(down)) / (divide or (2 * h if both else h))
    return out


F = lambda x: float((np.sin(x) * x**2).sum())  # noqa: E731
NUMERICAL = {
    "one side, large ε": (lambda: numerical_gradient(F, X, 0.1, False), "step_too_large"),
    "both sides, large ε": (lambda: numerical_gradient(F, X, 1.0, True), "step_too_large"),
    "tiny ε": (lambda: numerical_gradient(F, X, 1e-14, True), "step_too_small"),
    "not divided by 2": (lambda: numerical_gradient(F, X, 1e-5, True, 1e-5), "step_not_divided"),
    "not divided at all": (lambda: numerical_gradient(F, X, 1e-5, True, 1.0), "step_not_divided"),
}


@pytest.mark.parametrize(("make", "mistake"), NUMERICAL.values(), ids=NUMERICAL)
def test_a_persons_own_numerical_gradient(make, mistake):
    report = ag.check_gradients(lambda x: (np.sin(x) * x**2).sum(), X, given=make())
    assert report.findings[0].mistake == mistake, str(report)


def test_a_step_that_integers_swallow():
    x = np.array([1, 2, 3])
    report = ag.check_gradients(lambda x: (x * x).sum(), x, given=np.zeros(3))
    assert report.findings[0].mistake == "step_lost_in_integers"
    assert report.wrong == [0]
