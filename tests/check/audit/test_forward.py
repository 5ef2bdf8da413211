"""What is wrong with the forward pass for the loss that is meant is said of the forward line."""

from pathlib import Path
from typing import Any

import pytest

import autograd_mini as ag

HEAD = """import numpy as np
rng = np.random.default_rng(3)
X = rng.normal(size=(20, 3)); y = (X[:, :1] > 0) * 1.0; Y = np.eye(4)[rng.integers(0, 4, 20)]
W1 = rng.normal(size=(3, 5)) * .5; b1 = np.zeros(5); W2 = rng.normal(size=(5, 1)) * .5; b2 = np.zeros(1)
V = rng.normal(size=(3, 4)); c = np.zeros(4)
for i in range(20):
"""

HIDDEN = """    h = np.tanh(X @ W1 + b1)
    p = {out}
    loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    d = (p - y) / len(X)
    e = d @ W2.T * (1 - h ** 2)
    W2 -= .3 * h.T @ d; b2 -= .3 * d.sum(0); W1 -= .3 * X.T @ e; b1 -= .3 * e.sum(0)
"""

SOFTMAX = """    s = np.exp(X @ V + c)
    p = s / s.sum({axis})
    loss = -np.mean(np.sum(Y * np.log(p), axis=1))
    d = (p - Y) / len(X)
    V -= .3 * X.T @ d; c -= .3 * d.sum(axis=0)
"""

CONSTANT = """    s = np.exp(np.tanh(X @ W1 + b1) @ W2 + b2)
    p = s / s.sum(axis=1, keepdims=True)
    loss = -np.mean(y * np.log(p))
    d = (p - y) / len(X)
    W2 -= .3 * np.tanh(X @ W1 + b1).T @ d; b2 -= .3 * d.sum(0)
"""

SIGMOID = "1 / (1 + np.exp(-(h @ W2 + b2)))"
CASES = {
    "no output activation": (HIDDEN.format(out="h @ W2 + b2"), 8, "no_output_activation", SIGMOID),
    "a bias never read": (
        HIDDEN.format(out="1 / (1 + np.exp(-(h @ W2)))"),
        8,
        "parameter_never_read",
        "W2 + b2",
    ),
    "softmax over the samples": (SOFTMAX.format(axis="axis=0"), 8, "forward_reduction", "axis=1"),
    "softmax of one number": (CONSTANT, 8, "constant_loss", ""),
}


def audited(code: str, tmp_path: Path) -> Any:
    """The report of a script."""
    path = tmp_path / "script.py"
    path.write_text(HEAD + code)
    return ag.audit(path, seconds=600)


@pytest.mark.parametrize("name", CASES)
def test_the_forward_line_is_named_with_what_should_stand_there(name: str, tmp_path: Path) -> None:
    """The finding's line is the forward line, and the corrected one, where there is one, was run."""
    code, line, mistake, should_be = CASES[name]
    report = audited(code, tmp_path)
    assert report.first_wrong == line, str(report)
    assert report.findings[0].mistake == mistake
    assert should_be in report.findings[0].should_be


def test_the_right_forms_are_not_blamed(tmp_path: Path) -> None:
    """The same scripts with the forward pass that is meant."""
    for code in (HIDDEN.format(out=SIGMOID), SOFTMAX.format(axis="axis=1, keepdims=True")):
        report = audited(code, tmp_path)
        assert report.first_wrong is None, str(report)
        assert report.explained


CLIPPED = """    e = X @ V + c - Y
    loss = np.sum(e ** 2)
    gV, gc = 2 * X.T @ e, {bias}
    gV = {clip}
    V -= .01 * gV; c -= .01 * gc
"""
CLIPS = ["np.clip(gV, -1, 1)", "gV / max(1, np.linalg.norm(gV))", "np.minimum(np.maximum(gV, -1.0), 1.0)"]


@pytest.mark.parametrize("clip", CLIPS)
def test_a_clipped_gradient_is_judged_as_it_was_before(clip: str, tmp_path: Path) -> None:
    """Clipping is no mistake, and hides none."""
    right = audited(CLIPPED.format(bias="2 * e.sum(0)", clip=clip), tmp_path)
    assert right.first_wrong is None, str(right)
    wrong = audited(CLIPPED.format(bias="2 * e.mean(0)", clip=clip), tmp_path)
    assert wrong.first_wrong == 9, str(wrong)


MINIMISED = """    pass
from scipy.optimize import minimize
def f(w):
    p = 1 / (1 + np.exp(-X @ w))
    return -np.mean(y[:, 0] * np.log(p) + (1 - y[:, 0]) * np.log(1 - p)), X.T @ {error} / len(X)
print(minimize(f, rng.normal(size=3), jac=True).x)
"""


def test_a_minimiser_of_scipys_is_followed(tmp_path: Path) -> None:
    """The gradient that the script hands to it is compared with its loss."""
    right = audited(MINIMISED.format(error="(p - y[:, 0])"), tmp_path)
    assert right.explained, str(right)
    wrong = audited(MINIMISED.format(error="((p - y[:, 0]) * p * (1 - p))"), tmp_path)
    assert wrong.first_wrong == 11, str(wrong)
    assert "X.T @" in wrong.findings[0].should_be
    half = audited(MINIMISED.format(error="(0.5 * (p - y[:, 0]))"), tmp_path)
    assert half.first_wrong == 11, str(half)
