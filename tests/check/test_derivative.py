"""Hand-written derivatives of activations: right ones are right, in whatever type and form, and wrong ones get their name."""

import math
import re

import numpy as np
import pytest

import autograd_mini as ag


def sigma(x):
    return 1 / (1 + np.exp(-x))


def softplus(x):
    return np.log1p(np.exp(x))


def relu(x):
    return np.maximum(x, 0)


def one_at_a_time(f):
    """The function of single numbers that fails on arrays, as math.exp and `if x > 0` make it."""

    def g(x):
        if np.ndim(x):
            raise TypeError("only length-1 arrays can be converted to Python scalars")
        return f(float(x))

    return g


def in_place(x):
    x[x > 0] = 1
    x[x < 0] = 0
    return x


RIGHT = {
    "sigmoid": (sigma, lambda x: sigma(x) * (1 - sigma(x))),
    "sigmoid by exponentials": (sigma, lambda x: np.exp(-x) / (1 + np.exp(-x)) ** 2),
    "tanh": (np.tanh, lambda x: 1 - np.tanh(x) ** 2),
    "tanh by cosh": (np.tanh, lambda x: 1 / np.cosh(x) ** 2),
    "relu as booleans": (relu, lambda x: x > 0),
    "relu as integers": (relu, lambda x: (x > 0).astype(int)),
    "softplus": (softplus, sigma),
    "linear as 1": (lambda x: 1.0 * x, lambda x: 1),
    "linear as a list": (lambda x: 1.0 * x, lambda x: [1] * len(x) if np.ndim(x) else 1),
    "sin": (np.sin, np.cos),
    "leaky": (lambda x: np.where(x > 0, x, 0.1 * x), lambda x: np.where(x > 0, 1, 0.1)),
    "swish": (lambda x: x * sigma(x), lambda x: sigma(x) + x * sigma(x) * (1 - sigma(x))),
    "elu": (lambda x: np.where(x > 0, x, np.exp(x) - 1), lambda x: np.where(x > 0, 1, np.exp(x))),
    "of the table": (ag.sigmoid, lambda x: sigma(x) * (1 - sigma(x))),
    "float32": (np.tanh, lambda x: (1 - np.tanh(np.float32(x)) ** 2).astype(np.float32)),
    "cube": (lambda x: x**3, lambda x: 3 * x**2),
}

WRONG = {
    "sigmoid of the activation": (sigma, lambda x: x * (1 - x), "derivative_at_preactivation"),
    "tanh of the activation": (np.tanh, lambda x: 1 - x**2, "derivative_at_preactivation"),
    "sigmoid twice": (sigma, lambda x: sigma(sigma(x)) * (1 - sigma(sigma(x))), "derivative_at_activation"),
    "tanh twice": (np.tanh, lambda x: 1 - np.tanh(np.tanh(x)) ** 2, "derivative_at_activation"),
    "sigmoid's value": (sigma, sigma, "value_for_derivative"),
    "relu's value": (relu, relu, "value_for_derivative"),
    "one": (sigma, np.ones_like, "activation_derivative_missing"),
    "minus": (np.tanh, lambda x: np.tanh(x) ** 2 - 1, "wrong_sign"),
    "doubled": (np.tanh, lambda x: 2 - 2 * np.tanh(x) ** 2, "factor_two"),
    "three times": (sigma, lambda x: 3 * sigma(x) * (1 - sigma(x)), "wrong_factor"),
    "without the square": (np.tanh, lambda x: 1 - np.tanh(x), "square_missing"),
    "without the one": (np.tanh, lambda x: -(np.tanh(x) ** 2), "constant_term_missing"),
    "with a plus": (np.tanh, lambda x: 1 + np.tanh(x) ** 2, "wrong_sign"),
    "sigmoid with a plus": (sigma, lambda x: sigma(x) * (1 + sigma(x)), "wrong_sign"),
    "sigmoid without 1 − s": (sigma, lambda x: sigma(x) ** 2, "factor_missing|wrong_sign"),
    "tanh's for the sigmoid": (sigma, lambda x: 1 - np.tanh(x) ** 2, "derivative_of_another_function"),
    "sigmoid's for tanh": (np.tanh, lambda x: sigma(x) * (1 - sigma(x)), "derivative_of_another_function"),
    "sigmoid's formula for tanh": (
        np.tanh,
        lambda x: np.tanh(x) * (1 - np.tanh(x)),
        "derivative_of_another_function",
    ),
    "exp for the sigmoid": (sigma, lambda x: np.exp(x) * (1 - np.exp(x)), "derivative_at_wrong_array"),
    "a sigmoid with the wrong sign": (
        sigma,
        lambda x: np.exp(-x) * (1 - np.exp(-x)),
        "derivative_at_wrong_array",
    ),
    "relu turned": (relu, lambda x: x < 0, "cases_exchanged"),
    "softplus' own": (softplus, softplus, "value_for_derivative"),
    "cos with the wrong sign": (np.cos, np.sin, "wrong_sign"),
    "cos for cos": (np.cos, np.cos, "value_for_derivative"),
    "sine over cosine": (np.tanh, lambda x: 1 / x**2, "function_left_out"),
    "the square's 2": (lambda x: x**2, lambda x: x, "factor_two|value_for_derivative"),
    "cubes as squares": (lambda x: x**3, lambda x: 3 * x, "wrong_derivative|square_missing|.*"),
    "cut to integers": (sigma, lambda x: (4 * sigma(x)).astype(int), "wrong_derivative|.*"),
    "integers": (lambda x: x**2 / 3, lambda x: np.trunc(2 * x / 3).astype(int), "integer_result"),
    "leaky turned": (
        lambda x: np.where(x > 0, x, 0.1 * x),
        lambda x: np.where(x > 0, 0.1, 1),
        "cases_exchanged",
    ),
    "half of the pre-activation": (sigma, lambda x: sigma(x) * (1 - x), "derivative_at_wrong_array"),
    "elu's value below 0": (
        lambda x: np.where(x > 0, x, np.exp(x) - 1),
        lambda x: np.where(x > 0, 1, np.exp(x) - 1),
        "constant_term_missing",
    ),
    "sign for a step": (relu, np.sign, "derivative_of_another_function"),
    "swish as its gate": (lambda x: x * sigma(x), sigma, "term_missing"),
    "of the Gaussian, its own": (
        lambda x: np.exp(-(x**2)),
        lambda x: np.exp(-(x**2)),
        "value_for_derivative",
    ),
    "the sum of all": (sigma, lambda x: np.sum(sigma(x) * (1 - sigma(x))), "mixes_rows"),
    "a long difference": (sigma, lambda x: (sigma(x + 0.1) - sigma(x)) / 0.1, "step_too_large"),
    "a short difference": (sigma, lambda x: (sigma(x + 1e-15) - sigma(x)) / 1e-15, "step_too_small"),
    "nothing": (sigma, lambda x: None, "not_finite"),
    "squared": (sigma, lambda x: (sigma(x) * (1 - sigma(x))) ** 2, "activation_derivative_twice"),
    "reciprocal": (np.tanh, lambda x: np.cosh(x) ** 2, "wrong_derivative"),
    "in place": (relu, in_place, "writes_into_argument"),
    "numbers only": (sigma, one_at_a_time(lambda x: math.exp(-x) / (1 + math.exp(-x)) ** 2), "scalar_only"),
    "rows": (relu, lambda x: (x >= np.max(x)) * 1.0, "mixes_rows"),
    "by the sum": (sigma, lambda x: sigma(x) / np.sum(sigma(x)), "mixes_rows"),
    "with its loss": (sigma, lambda out, y: out - y, "delta_of_another_loss"),
    "undefined": (np.tanh, lambda x: np.log(-np.abs(x)), "not_finite"),
    "wrong shape": (np.tanh, lambda x: (1 - np.tanh(x) ** 2)[:3] if np.ndim(x) else 0.0, "wrong_shape"),
    "something": (np.tanh, lambda x: np.cos(3 * x) + x, "wrong_derivative"),
}


@pytest.mark.parametrize(("f", "df"), RIGHT.values(), ids=RIGHT)
def test_a_right_derivative_is_right(f, df):
    report = ag.check_derivative(f, df)
    assert report.right == ["df"], str(report)
    assert not report.findings


@pytest.mark.parametrize(("f", "df", "mistake"), WRONG.values(), ids=WRONG)
def test_a_wrong_derivative_is_named(f, df, mistake):
    """The mistake is among the findings, and the line shown is the derivative."""
    report = ag.check_derivative(f, df)
    assert report.wrong == ["df"]
    assert any(re.fullmatch(mistake, finding.mistake) for finding in report.findings), str(report)
    for finding in report.findings:
        if finding.fix:
            space = dict(report.names)
            exec(finding.fix, space)
            x = np.array([-1.3, 0.4, 2.2])
            slope = ag.check_gradients(lambda t, f=f: f(t).sum(), x, given=space["df"](x) * np.ones(3))
            assert not slope.wrong, str(slope)


def test_on_a_kink_each_slope_between_is_right():
    for at_zero in (0.0, 0.5, 1.0):

        def df(x):
            return np.where(x > 0, 1.0, np.where(x < 0, 0.0, at_zero))  # noqa: B023

        report = ag.check_derivative(relu, df, points=[-1.0, 0.0, 2.0])
        assert not report.wrong, str(report)
    wrong = ag.check_derivative(
        relu, lambda x: np.where(x > 0, 1.0, np.where(x < 0, 0.0, 7.0)), points=[-1.0, 0.0, 2.0]
    )
    assert wrong.wrong == ["df"]


def test_right_only_at_zero():
    """x² + 1 in place of cos: right at 0 alone."""
    report = ag.check_derivative(np.sin, lambda x: 1 + x**2 / 3, points=[-1.0, 0.0, 2.0])
    assert report.findings[0].mistake == "right_at_zero_only"


def test_a_jacobian_is_read_by_its_diagonal():
    report = ag.check_derivative(np.tanh, lambda x: np.diag(np.ravel(1 - np.tanh(x) ** 2)))
    assert not report.wrong
    assert "Jacobian" in str(report)


def test_the_tanh_of_a_program_of_single_numbers():
    """tanh by math.exp, its derivative divided by x² (the third seed document): named, and the numbers are told."""
    tanh = one_at_a_time(lambda x: (math.exp(x) - math.exp(-x)) / (math.exp(x) + math.exp(-x)))
    slope = one_at_a_time(lambda x: (math.cosh(x) ** 2 - math.sinh(x) ** 2) / x**2)
    report = ag.check_derivative(tanh, slope)
    names = [f.mistake for f in report.findings]
    assert "scalar_only" in names
    assert "function_left_out" in names, str(report)


def test_a_relu_of_a_whole_row():
    """max over the row where each element is meant (the third seed document)."""
    report = ag.check_derivative(lambda row: max((0, max(row))), lambda x: np.where(x > 0, 1, 0))
    assert report.findings[0].mistake == "mixes_rows"
    assert report.findings[0].where == "f"


def test_numbers_where_the_function_is_not_defined_are_left_out():
    """√x has values above 0 alone, and so is judged there."""
    assert ag.check_derivative(np.sqrt, lambda x: 0.5 / np.sqrt(x)).right == ["df"]
    report = ag.check_derivative(np.sqrt, lambda x: 2 * np.sqrt(x))
    assert report.wrong == ["df"]
    assert "not_finite" not in {f.mistake for f in report.findings}
