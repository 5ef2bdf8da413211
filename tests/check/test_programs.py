"""Mistakes beyond the plain network: recurrent, convolutional, normalising, attending programs, and those written last."""

import numpy as np
import pytest

import autograd_mini as ag
from tests.check.kept_programs import KEPT
from tests.check.more_programs import MORE
from tests.check.programs import PROGRAMS, right
from tests.check.styles import STYLES
from tests.check.test_mistakes import check_lines, found

pytestmark = pytest.mark.usefixtures("patience")

ALL = PROGRAMS | MORE | KEPT
FAULTS = [(name, fault) for name, (_, faults) in STYLES.items() for fault in faults]


@pytest.mark.parametrize("name", ALL)
def test_a_mistake_is_named_in_its_place(name):
    """The mistake is among the findings, no right array is called wrong, and every line shown gives the right gradient."""
    make, accepted, where = ALL[name]
    loss, nodes, mine = make()
    truth = right(loss, nodes)
    report = ag.diagnose(loss, {nodes[k]: v for k, v in mine.items()})

    def same(k):
        return np.shape(mine[k]) == truth[k].shape and np.allclose(mine[k], truth[k], rtol=1e-8, atol=1e-10)

    assert set(report.wrong) <= {k for k in mine if not same(k)}
    assert found(report, accepted, where), str(report)
    check_lines(report, loss)


@pytest.mark.parametrize("name", ALL)
def test_the_right_gradients_of_the_same_program_are_right(name):
    loss, nodes, mine = ALL[name][0]()
    truth = right(loss, nodes)
    report = ag.diagnose(loss, {nodes[k]: truth[k] for k in mine})
    assert not report.wrong, str(report)


@pytest.mark.parametrize(("name", "fault"), FAULTS, ids=[" ".join(pair) for pair in FAULTS])
def test_a_mistake_in_another_style_is_named_in_its_place(name, fault):
    """Of other activations, losses, layouts and layers; what is right in such a program is not blamed."""
    make, faults = STYLES[name]
    loss, nodes, mine = make(fault)
    truth = right(loss, nodes)
    report = ag.diagnose(loss, {nodes[k]: v for k, v in mine.items()})
    wrong = {k for k in mine if not np.allclose(mine[k], truth[k], rtol=1e-8, atol=1e-10)}
    assert wrong
    assert set(report.wrong) <= wrong
    assert found(report, *faults[fault]), str(report)
    check_lines(report, loss)


@pytest.mark.parametrize("name", STYLES)
def test_the_right_backward_pass_in_another_style_is_right(name):
    """The person's own, not ours."""
    loss, nodes, mine = STYLES[name][0]("")
    truth = right(loss, nodes)
    for k, g in mine.items():
        np.testing.assert_allclose(g, truth[k], rtol=1e-8, atol=1e-10)
    report = ag.diagnose(loss, {nodes[k]: v for k, v in mine.items()})
    assert not report.wrong, str(report)


def test_two_faults_between_two_given_arrays():
    """With W1 and W3 alone given, two faults between them are found as a pair."""
    from tests.check.networks import Mlp

    net = Mlp([4, 6, 5, 3], ["tanh", "sigmoid", "linear"], "half mean", 7)
    mine = net.backward(slope2=lambda n, i, e: e, slope1=lambda n, i, e: e * n.Z[i])
    report = ag.diagnose(net.loss, {net.nodes[k]: mine[k] for k in ("W1", "W3")})
    assert report.wrong == ["W1"]
    assert {f.mistake for f in report.findings} >= {
        "activation_derivative_missing",
        "value_for_derivative",
    }, str(report)


def test_what_nothing_explains_is_said_plainly():
    """Random numbers: no mistake is made up, and the report says how they stand to the right ones."""
    loss, nodes, _ = PROGRAMS["skip_connection_left_out"][0]()
    rng = np.random.default_rng(0)
    report = ag.diagnose(loss, {nodes[k]: rng.normal(size=v.shape) for k, v in nodes.items()})
    assert not report.explained
    assert {f.mistake for f in report.findings} == {"unexplained"}
    assert "at an angle of" in str(report)
    assert "I cannot explain" in str(report)


ODD = {
    "NaN": lambda v: v * np.nan,
    "∞": lambda v: v + np.inf,
    "zeros": lambda v: 0 * v,
    "a number": lambda v: 1.0,
    "one axis more": lambda v: np.ones((2, 3, *v.shape)),
    "another size": lambda v: np.ones((7, 7)),
    "empty": lambda v: np.zeros((0, 3)),
    "integers": lambda v: np.round(v + 3).astype(int),
}


@pytest.mark.parametrize("odd", ODD)
def test_odd_arrays_are_wrong_and_nothing_is_raised(odd):
    """NaN, ∞, wrong sizes: the array is wrong, the others are right, and the report can be shown."""
    loss, nodes, _ = PROGRAMS["skip_connection_left_out"][0]()
    mine = right(loss, nodes)
    report = ag.diagnose(loss, {nodes[k]: ODD[odd](v) if k == "W1" else v for k, v in mine.items()})
    assert (report.wrong, report.right) == (["W1"], ["W2"])
    assert report.findings
    assert str(report)
    assert report._repr_html_()
