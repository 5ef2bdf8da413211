"""Scripts of the kinds that people post, with what is missing made up: each is told its wrong lines and the right ones."""

from pathlib import Path

import pytest

import autograd_mini as ag

PATIENCE = 600.0  # no search is cut short, however busy the machine is

DELTAS = """import numpy as np
rng = np.random.RandomState(2)
squash = np.vectorize(lambda v: 1 / (1 + np.exp(-v)))
v1, v2 = np.matrix(rng.rand(3, 3)), np.matrix(rng.rand(3, 1))
def learn(row, goal, v1, v2, rate=.05):
    start = np.matrix(row)
    middle = squash(start * v1)
    end = squash(middle * v2)
    d_end = goal - end
    d_middle = (v2 * d_end) * np.multiply(middle, 1 - middle)
    v2 += rate * d_end
    v1 += rate * d_middle
for _ in range(50):
    for row, goal in (((1, 0, 1), 1), ((1, 1, 1), 0), ((1, 1, 0), 1), ((1, 0, 0), 0)):
        learn(row, goal, v1, v2)
"""
JACOBIAN = """import numpy as np
rng = np.random.RandomState(4)
X, T = rng.rand(12, 5), np.eye(3)[rng.randint(0, 3, 12)]
A, B = rng.randn(5, 4) * .5, rng.randn(4, 3) * .5
for turn in range(40):
    hidden = 1 / (1 + np.exp(-X @ A))
    out = np.exp(hidden @ B)
    out /= out.sum(axis=1, keepdims=True)
    cost = .5 * np.sum((out - T) ** 2)
    delta = out - T
    rows = np.zeros(out.shape)
    for j in range(3):
        rows[:, j] = out[:, j] * (1 - out[:, j])
        for i in range(3):
            if i != j:
                rows[:, j] += -out[:, i] * out[:, j]
    delta *= rows
    back = delta @ B.T * hidden * (1 - hidden)
    B -= .2 * hidden.T @ delta
    A -= .2 * X.T @ back
"""
GLOBALS = """import numpy as np
rng = np.random.RandomState(5)
data, classes = rng.rand(40, 6), rng.randint(0, 3, 40)
x = data[:1]
A, B = rng.randn(6, 5) * .1, rng.randn(5, 3) * .1
def squash(z): return 1 / (1 + np.exp(-z))
pre = x @ A
hidden = squash(pre)
class Net:
    A, B = rng.randn(6, 5) * .1, rng.randn(5, 3) * .1
    def forward(self, row):
        pre = x @ A
        hidden = squash(pre)
        e = np.exp(hidden @ B)
        return e / e.sum()
    def backward(self, out, t):
        d = out - t
        dB = hidden.T @ d
        dA = x.T @ ((t - out) @ Net.B.T * squash(pre) * (1 - squash(pre)))
        Net.B = Net.B - .1 * dB
        Net.A = Net.A - .1 * dA
        return -np.sum(t * np.log(out))
net = Net()
for epoch in range(3):
    for row, label in zip(data, classes):
        x = row[None]
        total = net.backward(net.forward(x), np.eye(3)[label])
"""
VALUE = """import numpy as np
rng = np.random.RandomState(6)
def squash(z): return 1 / (1 + np.exp(-z))
def squares(a, b): return np.sum((a - b) ** 2)
X, t = rng.rand(7, 3), rng.rand(7, 1)
A, B = rng.rand(3, 4), rng.rand(4, 1)
log = []
for epoch in range(60):
    h = squash(X @ A)
    o = squash(h @ B)
    error = squares(o, t)
    d_o = error * o * (1 - o)
    d_h = d_o @ B.T * h * (1 - h)
    B -= .3 * h.T @ d_o
    A -= .3 * X.T @ d_h
    log.append(error)
"""
TRAINED = {
    "a delta without its layer's input": (DELTAS, {
        10: "d_middle = np.multiply(d_end * v2.T, np.multiply(middle, 1 - middle))",
        11: "v2 += rate * (middle.T * d_end)",
        12: "v1 += rate * (start.T * d_middle)",
    }),
    "a Jacobian that is summed up": (JACOBIAN, {
        17: "delta = out * (delta - np.sum(delta * out, axis=1, keepdims=True))",
    }),
    "stale globals and a sign": (GLOBALS, {
        12: "global pre; pre = x @ Net.A",
        13: "global hidden; hidden = squash(pre)",
        14: "e = np.exp(hidden @ Net.B)",
    }),
    "the loss for its derivative": (VALUE, {12: "d_o = (o - t) * (o * (1 - o))"}),
}  # fmt: skip


@pytest.mark.parametrize("name", TRAINED)
def test_a_posted_training_is_told_its_right_lines(name: str, tmp_path: Path) -> None:
    """Each wrong line is named with the line that should stand there."""
    source, wanted = TRAINED[name]
    path = tmp_path / "posted.py"
    path.write_text(source)
    report = ag.audit(path, seconds=PATIENCE)
    said = {f.line: f.should_be for f in report.findings}
    assert wanted.items() <= said.items(), str(report)
    assert report.first_wrong == min(wanted)
    assert report.explained


def test_what_is_wrong_behind_a_mended_line_is_said_too(tmp_path: Path) -> None:
    """Once the forward pass reads what is updated, the sign that is wrong in the backward pass shows."""
    path = tmp_path / "posted.py"
    path.write_text(GLOBALS)
    report = ag.audit(path, seconds=PATIENCE)
    sign = next(f for f in report.findings if f.line == 19)
    assert sign.mistake == "wrong_sign"


FUNCTIONS = """import math
import numpy as np
def b_bend(v): return math.tanh(v)
def bd_bend(v): return (math.cosh(v) ** 2 - math.sinh(v) ** 2) / v ** 2
def b_clip(v): return max((0, max(v)))
def bd_clip(v): return 1 if v > 0 else 0
bend, clip = np.vectorize(b_bend), np.vectorize(b_clip)
class Model:
    def __init__(self): self.W = np.random.RandomState(0).rand(2, 1)
    def forward(self, x): return bend(x @ self.W)
    def backprop(self, out, goal):
        self.error = (goal - out) ** 2
        return self.error
m = Model()
X, Y = np.array([[1, 1], [0, 2], [3, 1]]), np.array([[1], [0], [-1]])
print(m.backprop(m.forward(X), Y))
"""
CHAIN = """import numpy as np
rng = np.random.RandomState(1)
class Layer:
    def __init__(self, n, m): self.w = rng.rand(n, m) - .5
    def compute(self, x):
        self.z = x @ self.w
        return np.tanh(self.z)
class Net:
    def __init__(self): self.layers = [Layer(3, 4), Layer(4, 1)]
    def compute(self, x):
        for layer in self.layers: x = layer.compute(x)
        return x
    def derivative(self):
        total = 1.0
        for layer in self.layers:
            layer.slopes = layer.w * (1 - np.tanh(layer.z) ** 2)
        for layer in self.layers[1:]:
            total = total * np.sum(layer.slopes)
        inputs = np.sum(self.layers[0].slopes, axis=1) * total
        return inputs
net = Net()
net.compute(np.array([[.2, .4, -.3]]))
print(net.derivative())
"""


def test_a_script_that_trains_nothing_is_told_its_wrong_derivatives(tmp_path: Path) -> None:
    """A wrong slope, an activation that takes whole rows, and a loss in the place of its derivative, each with the right line."""
    path = tmp_path / "untrained.py"
    path.write_text(FUNCTIONS)
    report = ag.audit(path, seconds=PATIENCE)
    said = {f.line: (f.mistake, f.should_be) for f in report.findings}
    assert said == {
        4: ("derivative_of_another_function", "def bd_bend(v): return 1 - b_bend(v) ** 2"),
        5: ("mixes_rows", "def b_clip(v): return max((0, v))"),
        12: ("loss_for_derivative", "self.error = 2 * (out - goal)"),
    }, str(report)


def test_a_product_of_sums_is_told_from_a_product_of_jacobians(tmp_path: Path) -> None:
    """The output's derivative by the input is compared with the true one, and the layers' Jacobians are multiplied."""
    path = tmp_path / "chain.py"
    path.write_text(CHAIN)
    report = ag.audit(path, seconds=PATIENCE)
    assert report.first_wrong == 19, str(report)
    assert "np.linalg.multi_dot" in report.findings[0].should_be


def test_a_right_derivative_by_the_input_is_said_to_be_right(tmp_path: Path) -> None:
    """The product of the layers' Jacobians is not blamed."""
    path = tmp_path / "right.py"
    wrong = "np.sum(self.layers[0].slopes, axis=1) * total"
    assert wrong in CHAIN
    path.write_text(CHAIN.replace(wrong, "(self.layers[0].slopes @ self.layers[1].slopes)[:, 0]"))
    report = ag.audit(path, seconds=PATIENCE)
    assert report.explained, str(report)
    assert not report.findings


def test_large_arrays_are_judged_whole(tmp_path: Path) -> None:
    """One wrong element of very many is found: the sample that is looked at first does not decide alone."""
    path = tmp_path / "large.py"
    path.write_text(
        "import numpy as np\nrng = np.random.default_rng(0)\nX, y = rng.normal(size=(30, 9000)), rng.normal(size=30)\n"
        "w = np.zeros(9000)\nfor k in range(20):\n    e = X @ w - y\n    loss = np.mean(e ** 2)\n"
        "    g = 2 * X.T @ e / len(y)\n    g[4321] = 0\n    w -= .001 * g\n"
    )
    report = ag.audit(path, seconds=PATIENCE)
    assert report.first_wrong == 9, str(report)
