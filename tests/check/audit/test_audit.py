"""The audit names the wrong line of a script, shows what should stand there, and blames no right script."""

import json
from pathlib import Path

import pytest

import autograd_mini as ag
from autograd_mini.check.audit import audit_command
from autograd_mini.check.audit.case import Case

from . import mutants, planted

SCRIPTS = sorted(planted.SCRIPTS.glob("*.py"))
ONLY_SILENT = {  # what is no gradient of one loss, or one that repeated samples disturb
    "perceptron", "word2vec_sampling", "policy_gradient_bandit", "reinforce_network", "gan_one_dimensional", "rprop_signs",
    "hebbian_oja", "global_clip_minmax",
}  # fmt: skip
PATIENCE = 600.0  # no search is cut short, however busy the machine is
CASES = [pytest.param(entry, id=f"{i}-{entry[0]}") for i, entry in enumerate(planted.PLANTED)]


@pytest.mark.slow(keep=0.25)
@pytest.mark.parametrize("path", SCRIPTS, ids=lambda p: p.stem)
def test_a_right_script_is_not_blamed(path: Path) -> None:
    """No line is called wrong, and the script is declared right."""
    report = ag.audit(path, seconds=PATIENCE)
    assert report.first_wrong is None
    assert not report.wrong
    assert report.explained or path.stem in ONLY_SILENT


@pytest.mark.slow(keep=0.15)
@pytest.mark.parametrize("entry", CASES)
def test_a_planted_mistake_is_named(entry: tuple[str, ...], tmp_path: Path) -> None:
    """The first wrong line is the planted one, or one that may as well be called wrong."""
    text, accept, _ = planted.planted(entry)
    path = tmp_path / f"{entry[0]}.py"
    path.write_text(text)
    report = ag.audit(path, seconds=PATIENCE)
    assert report.first_wrong in accept, str(report)


@pytest.mark.slow
def test_a_sample_of_mutants_is_named(tmp_path: Path) -> None:
    """Of a seeded sample of machine-made mistakes at least three in five are named; the command measures 200 and more."""
    hits = []
    for name, line, _, text in mutants.mutants(7, 15):
        path = tmp_path / f"{name}.py"
        path.write_text(text)
        hits.append(ag.audit(path, seconds=PATIENCE).first_wrong == line)
    assert sum(hits) >= 0.6 * len(hits)


PLANAR = """import numpy as np
np.random.seed(11)
m = 30
X = np.random.randn(3, m)
Y = (X[:1] > 0) * 1.0
W1 = np.random.randn(5, 3) * .4
W2 = np.random.randn(1, 5) * .4
for k in range(20):
    Z1 = W1 @ X
    A1 = np.tanh(Z1)
    A2 = 1 / (1 + np.exp(-W2 @ A1))
    J = -(Y * np.log(A2) + (1 - Y) * np.log(1 - A2)).mean()
    dZ2 = A2 - Y
    dW2 = 1 / m * dZ2 @ A1.T
    dZ1 = np.multiply(W2.T @ dZ2, 1 - np.power(Z1, 2))
    dW1 = 1 / m * dZ1 @ X.T
    W1 -= .5 * dW1
    W2 -= .5 * dW2
"""


@pytest.fixture
def planar(tmp_path: Path) -> Path:
    """A script with one mistake."""
    path = tmp_path / "planar.py"
    path.write_text(PLANAR)
    return path


def test_the_report_shows_the_line_the_mistake_and_the_corrected_form(planar: Path) -> None:
    """The text has the wrong line, its corrected form that was run, and what is infected."""
    report = ag.audit(planar)
    finding = report.findings[0]
    assert finding.line == 15
    assert finding.mistake == "derivative_at_preactivation"
    assert finding.should_be == "dZ1 = np.multiply(W2.T @ dZ2, 1 - np.power(A1, 2))"
    text = str(report)
    assert "first wrong line" in text
    assert "30 · ∂L/∂" in text
    statuses = {line.line: line.status for line in report.lines}
    assert statuses[13] == statuses[14] == "right"
    assert statuses[16] == "infected"


def test_the_guide_shows_what_is_printed(planar: Path) -> None:
    """The audit in the guide is that of this script, to the letter."""
    guide = (Path(__file__).parents[3] / "docs" / "guide.md").read_text(encoding="utf-8")
    shown = guide.split("$ python -m autograd_mini audit planar.py\n")[1].split("\n\n")[0]
    printed = [line.rstrip() for line in str(ag.audit(planar)).splitlines()]
    assert [line.removeprefix("    ").rstrip() for line in shown.splitlines()] == printed


def test_the_command_prints_json_and_returns_a_status(
    planar: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The last line is one JSON object in the agreed form."""
    assert audit_command([str(planar), "--json"]) == 1
    data = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert data["first_wrong"] == 15
    assert data["explained"]
    assert data["loss"] == {"line": 12, "kind": "cross-entropy"}
    assert {p["name"] for p in data["parameters"]} == {"W1", "W2"}


def test_the_scripts_own_arguments_and_modules_are_followed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What follows -- is in sys.argv, and a module beside the script is named with its file."""
    (tmp_path / "helper.py").write_text("def slope(a):\n    return a * a\n")
    text = PLANAR.replace("1 - np.power(Z1, 2)", "slope(A1)").replace(
        "m = 30", "import sys\nm = int(sys.argv[1])"
    )
    path = tmp_path / "main.py"
    path.write_text("from helper import slope\n" + text)
    assert audit_command([str(path), "--", "25"]) == 1
    out = capsys.readouterr().out
    assert "helper.py" in out or "slope(A1)" in out


UNKNOWN_RULE = """import numpy as np
x = np.linspace(-1, 1, 9)
w, v = np.array([0.3, 0.1]), np.zeros(2)
X = np.stack([x, x ** 2], 1)
for i in range(20):
    e = X @ w - np.sin(x)
    loss = 0.5 * e @ e
    g = X.T @ e
    v = 0.9 * v + 0.1 * g
    w = w - 0.01 * np.sign(v)
    w = w - 0.01 * v
"""


def test_a_rule_that_is_not_known_is_said_to_be_not_judged(tmp_path: Path) -> None:
    """The gradient is right; nothing more is claimed."""
    path = tmp_path / "rule.py"
    path.write_text(UNKNOWN_RULE)
    report = ag.audit(path, seconds=PATIENCE)
    assert report.first_wrong is None
    assert "the rule of line 11 is none that is known" in str(report)
    assert "nothing is wrong" not in str(report)


AVERAGE = """import numpy as np
rng = np.random.default_rng(4)
W, usual = np.zeros((3, 4)), 0.0
for t in range(40):
    x = rng.normal(size=3)
    p = np.exp(x @ W); p /= p.sum()
    a = rng.choice(4, p=p)
    won = float(a == np.argmax(x)) - 0.2 * x[0]
    loss = -(won - usual) * np.log(p[a])
    d = p.copy(); d[a] -= 1
    W -= 0.2 * np.outer(x, (won - usual) * d)
    usual += 0.1 * (won - usual)
"""
MOMENTS = """import numpy as np
rng = np.random.default_rng(5)
X = rng.normal(size=(25, 3)); y = X @ np.array([1., -1., .5])
w, m, v = np.zeros(3), np.zeros(3), np.zeros(3)
for t in range(1, 30):
    e = X @ w - y
    loss = np.mean(e ** 2)
    g = 2 * X.T @ e / len(y)
    m += .1 * (g - m)
    v += .001 * (g * g - v)
    w -= .05 * (m / (1 - .9 ** t)) / (np.sqrt(v / (1 - .999 ** t)) + 1e-8)
"""
PROJECTED = """import numpy as np
rng = np.random.default_rng(6)
X = rng.normal(size=(40, 3)); side = np.sign(X[:, 0] - X[:, 1])
w, radius = np.zeros(3), 2.0
for i in range(40):
    rate = 1 / (.1 * (i + 1))
    inside = side[i] * (X[i] @ w) < 1
    if inside:
        w += rate * side[i] * X[i]
    size = np.linalg.norm(w)
    if size > radius:
        w *= radius / size
"""
SHRUNK = """import numpy as np
rng = np.random.default_rng(7)
X = rng.normal(size=(25, 3)); y = X @ np.array([1., -1., .5]) + 2
state = {}
def stepped(name, w, g, t, shrinks):
    m, v = state.get(name, (0.0, 0.0))
    m, v = .9 * m + .1 * g, .999 * v + .001 * g ** 2
    state[name] = m, v
    if shrinks:
        w = w - .05 * .01 * w
    return w - .05 * (m / (1 - .9 ** t)) / (np.sqrt(v / (1 - .999 ** t)) + 1e-8)
w, b = np.zeros(3), 0.0
for t in range(1, 30):
    e = X @ w + b - y
    loss = np.mean(e ** 2)
    gw, gb = 2 * X.T @ e / len(y), 2 * e.mean()
    w = stepped("w", w, gw, t, True)
    b = stepped("b", b, gb, t, False)
"""
BESIDE = {
    "an average of rewards": (AVERAGE, ["W"]),
    "averages of gradients": (MOMENTS, ["w"]),
    "a projection": (PROJECTED, ["w"]),
    "a decay before the step": (SHRUNK, ["w", "b"]),
}


@pytest.mark.parametrize("name", BESIDE)
def test_what_is_no_gradient_step_is_not_judged_as_one(name: str, tmp_path: Path) -> None:
    """Averages are no parameters; what is done to the weights besides is no part of the step by the gradient."""
    source, parameters = BESIDE[name]
    path = tmp_path / "right.py"
    path.write_text(source)
    report = ag.audit(path, seconds=PATIENCE)
    assert [p["name"] for p in report.json()["parameters"]] == parameters
    assert report.first_wrong is None, str(report)
    assert report.explained, str(report)


MARGIN = """import numpy as np
rng = np.random.default_rng(8)
X = rng.normal(size=(20, 2)); side = np.where(X[:, 0] + X[:, 1] > .4, 1, -1)
w, b = np.zeros(2), 0.0
for i in range(30):
    gw, gb, loss = np.zeros(2), 0.0, 0.0
    for x, t in zip(X, side):
        off = 1 - t * (x @ w + b)
        if off > 0:
            loss += off
            gw -= t * x
            gb -= t
    loss = loss / 20 + .01 * w @ w
    w -= .05 * (gw / 20 + .02 * w)
    b -= .05 * gb / 20
"""


def test_a_number_that_grows_in_a_branch_is_judged(tmp_path: Path) -> None:
    """The bias of a margin depends on itself by what the branch is taken by alone."""
    path = tmp_path / "margin.py"
    path.write_text(MARGIN)
    report = ag.audit(path, seconds=PATIENCE)
    assert [p["name"] for p in report.json()["parameters"]] == ["w", "b"]
    assert report.explained, str(report)
    assert not report.findings, str(report)
    path.write_text(MARGIN.replace("gb -= t", "gb += t"))
    assert ag.audit(path, seconds=PATIENCE).first_wrong == 12


def test_updates_that_fit_no_loss_are_said_to_be_not_judged(tmp_path: Path) -> None:
    """Where no loss is known to be meant, no update is called wrong."""
    path = tmp_path / "odd.py"
    path.write_text(
        "import numpy as np\nrng = np.random.default_rng(0)\nw = rng.normal(size=4)\nfor i in range(20):\n"
        "    x = rng.normal(size=4)\n    y = np.sign(x @ w)\n    w += .1 * y * np.roll(x, 1) * np.abs(w)\n"
    )
    report = ag.audit(path, seconds=PATIENCE)
    assert not report.explained
    assert "wrong" not in str(report), str(report)


def test_a_missing_file_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """No traceback."""
    assert audit_command(["no_such_file.py"]) == 2
    assert "no_such_file.py" in capsys.readouterr().err


def test_a_script_that_fails_is_said_and_not_blamed(tmp_path: Path) -> None:
    """The exception of the script is a note."""
    path = tmp_path / "broken.py"
    path.write_text("import numpy as np\nraise ValueError('no data')\n")
    report = ag.audit(path, seconds=PATIENCE)
    assert report.first_wrong is None
    assert not report.explained


def test_a_notebook_is_read_as_its_code_cells(tmp_path: Path) -> None:
    """Markdown and magics are passed over."""
    cells = [
        {"cell_type": "markdown", "source": ["text"]},
        {"cell_type": "code", "source": ["%matplotlib inline\n"]},
        {"cell_type": "code", "source": [line + "\n" for line in PLANAR.splitlines()]},
    ]
    path = tmp_path / "n.ipynb"
    path.write_text(json.dumps({"cells": cells}))
    assert ag.audit(path).findings[0].mistake == "derivative_at_preactivation"


IN_DICT = """import numpy as np
class Net:
    def __init__(self):
        rng = np.random.default_rng(0)
        self.p = {"W1": rng.normal(size=(3, 4)), "W2": rng.normal(size=(4, 1))}
        self.layers = [self]
    def step(self, X, y, lr):
        p = self.p
        h = np.tanh(X @ p["W1"])
        out = h @ p["W2"]
        loss = np.mean((out - y) ** 2)
        d = 2 * (out - y) / len(X)
        e = d @ p["W2"].T * (1 - h)
        g = {"W2": h.T @ d}
        g["W1"] = X.T @ e
        for k in p:
            self.p[k] -= lr * g[k]
net = Net()
rng = np.random.default_rng(1)
X = rng.normal(size=(20, 3)); y = X[:, :1] ** 2
for i in range(30):
    net.step(X, y, .1)
"""


def test_parameters_are_called_what_the_script_calls_them(tmp_path: Path) -> None:
    """Where one line updates them all, each is named by the variable, the attribute and the key that hold it."""
    path = tmp_path / "dict.py"
    path.write_text(IN_DICT)
    report = ag.audit(path, seconds=PATIENCE)
    assert [p["name"] for p in report.json()["parameters"]] == ["net.p['W1']", "net.p['W2']"]
    assert report.first_wrong == 13
    assert "∂L/∂net.p['W1']" in str(report)


def test_a_parameter_in_a_list_is_not_called_as_the_variable_of_a_loop(tmp_path: Path) -> None:
    """A loop's variable means another parameter each time round."""
    path = tmp_path / "list.py"
    loop = "for w, g in ((W1, dW1), (W2, dW2)):\n        w -= .5 * g\n"
    path.write_text(PLANAR.replace("W1 -= .5 * dW1\n    W2 -= .5 * dW2\n", loop))
    assert [p["name"] for p in ag.audit(path, seconds=PATIENCE).json()["parameters"]] == ["W1", "W2"]


XOR = """import numpy as np
np.random.seed(1)
def nonlin(x, deriv=False):
    if deriv:
        return x * (1 - x)
    return 1 / (1 + np.exp(-x))
X = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]])
y = np.array([[0], [1], [1], [0]])
w0 = 2 * np.random.random((3, 4)) - 1
w1 = 2 * np.random.random((4, 1)) - 1
for j in range(50):
    l1 = nonlin(np.dot(X, w0))
    l2 = nonlin(np.dot(l1, w1))
    l2_delta = (y - l2) * nonlin(l2, deriv=True)
    l1_delta = l2_delta.dot(w1.T) * nonlin(l1, deriv=True)
    w1 += l1.T.dot(l2_delta)
    w0 += X.T.dot(l1_delta)
"""


def test_deltas_are_told_by_what_the_lines_own_function_computes(tmp_path: Path) -> None:
    """Two deltas of one helper's input have words of their own, not the helper's name for it."""
    path = tmp_path / "xor.py"
    path.write_text(XOR)
    equals = {line.line: line.equals for line in ag.audit(path).lines}
    assert equals[14] == "np.dot(l1, w1)"
    assert equals[15] == "np.dot(X, w0)"


ADAM = """import numpy as np
rng = np.random.default_rng(1)
A = rng.normal(size=(30, 4)); y = A @ np.array([1., -2., 3., .5])
w, m, v = np.zeros(4), np.zeros(4), np.zeros(4)
for t in range(1, 20):
    r = A @ w - y
    loss = np.mean(r ** 2)
    g = 2 * A.T @ r / len(y)
    m = .9 * m + .1 * g
    v = {v}
    w = w - .05 * {m} / (np.sqrt({root}) + 1e-8)
"""
RULES = {
    "bias_correction_of_one": ("m", "v / (1 - .999 ** t)", ".999 * v + .001 * g ** 2", "m / (1 - .9 ** t)"),
    "bias_correction_swapped": ("m / (1 - .9 ** t)", "v / (1 - .9 ** t)", ".999 * v + .001 * g ** 2", ""),
    "square_missing": ("m / (1 - .9 ** t)", "v / (1 - .999 ** t)", ".999 * v + .001 * abs(g)", "abs(g ** 2)"),
}


@pytest.mark.parametrize("mistake", RULES)
def test_a_rule_of_an_optimiser_is_named_as_diagnose_update_names_it(mistake: str, tmp_path: Path) -> None:
    """The gradient is right, and the rule is not: the mistake's name, and what should stand there."""
    m, root, v, should_be = RULES[mistake]
    path = tmp_path / "adam.py"
    path.write_text(ADAM.format(m=m, root=root, v=v))
    report = ag.audit(path, seconds=PATIENCE)
    assert [f.mistake for f in report.findings] == [mistake], str(report)
    assert should_be in report.findings[0].should_be


@pytest.mark.parametrize("part", ["find_rates", "name_parameters"])
def test_a_fault_of_our_own_blames_no_line(part, tmp_path, monkeypatch):
    """Where the audit itself fails, the report says so, says nothing of any line, and does not call the script right."""

    def fail(self: Case) -> None:
        if self.record.steps:
            raise ZeroDivisionError("ours")

    monkeypatch.setattr(Case, part, fail)
    path = tmp_path / "planar.py"
    path.write_text(PLANAR)
    report = ag.audit(path)
    assert not report.findings
    assert not report.explained
    assert "could not be put in order (ZeroDivisionError: ours)" in str(report)
    assert "nothing is wrong" not in str(report)
