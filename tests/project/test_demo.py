"""The command line and the demo, run as a user runs them."""

from types import SimpleNamespace

import numpy as np
import pytest

import autograd_mini as ag
from autograd_mini import cli
from autograd_mini.gallery import demo
from autograd_mini.gallery.data import digits
from tests.helpers.processes import run_package


def test_demo_shows_known_results_and_learns():
    """`python -m autograd_mini demo` shows a neuron, finds a wrong line, learns XOR and the digits, and says that all is well."""
    result = run_package("demo")
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    neuron = ("y = -0.905148  ∂ 1  (tanh)", "w = 2  ∂ -0.180707", "x = -1  ∂ 0.361413")
    audit = ("✗ delta = error @ W2.T * (1 - A)", "delta = error @ W2.T * (1 - A * A)")
    typed = ("audit your_script.py", "-o page.html", "autograd_mini gallery")
    for shown in (*neuron, *audit, *typed, "CC BY 4.0", "all is well"):
        assert shown in result.stdout
    accuracies = [
        float(line.split()[-1].rstrip("%"))
        for line in result.stdout.splitlines()
        if "held-out accuracy" in line
    ]
    assert len(accuracies) == 12
    assert accuracies[-1] >= 95.0


def test_without_a_command_help_is_printed():
    """`python -m autograd_mini` alone prints short help and succeeds."""
    result = run_package()
    assert result.returncode == 0
    assert "demo" in result.stdout
    assert len(result.stdout.splitlines()) < 24


def test_an_unknown_command_is_refused():
    """A command that does not exist ends with status 2 and names the choices."""
    result = run_package("dmeo")
    assert result.returncode == 2
    assert "demo" in result.stderr


def test_demo_reports_a_wrong_gradient(monkeypatch, capsys):
    """A wrong rule in the table is noticed: the exit status is 1."""
    right = ag.tanh.vjps
    monkeypatch.setattr(demo, "neuron", lambda: -0.1807066389)
    monkeypatch.setattr(demo, "audited", lambda script: SimpleNamespace(findings=[1]))
    monkeypatch.setattr(demo, "xor", lambda: 1.0)
    monkeypatch.setattr(demo, "handwriting", lambda: (ag.nn.MLP([64, 5, 10], activation="tanh", rng=0), 0.99))
    for vjps, status in (((lambda xp, g, out, x: g * (1.0 - out),), 1), (right, 0)):
        for name, value in (("vjps", vjps), ("pulls", {}), ("quick", {})):  # the rule, and what is made of it
            monkeypatch.setattr(ag.tanh, name, value)
        assert demo.main() == status
        assert ("SOMETHING IS WRONG" in capsys.readouterr().out) == bool(status)


def test_cli_runs_the_demo_in_process(monkeypatch):
    """`main(["demo"])` hands on the demo's exit status."""
    monkeypatch.setattr(demo, "main", lambda: 7)
    assert cli.main(["demo"]) == 7


def test_digits_are_the_real_ones():
    """1,797 images of 8×8 pixels in [0, 1], all ten classes, about 180 each."""
    images, labels = digits()
    assert images.shape == (1797, 64)
    assert images.dtype == np.float64
    assert np.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert images.sum() == pytest.approx(561718 / 16)


def test_tree_of_a_large_graph_is_cut():
    """A tree stops after max_nodes lines and counts what is left; shared nodes stand once."""
    x = ag.Value(1.0)
    y = x
    for _ in range(5000):
        y = y + x
    lines = str(ag.tree(y, max_nodes=50)).splitlines()
    assert len(lines) == 51
    assert lines[-1].startswith("… 4,951 more of 5,001 nodes")
    assert len(str(ag.tree(y))) < 200_000
    with pytest.raises(TypeError, match="tree: a Value or Tensor is needed, got float"):
        ag.tree(2.0)
