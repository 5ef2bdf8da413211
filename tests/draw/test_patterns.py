"""What a hand-written network spells out is one box; names come from the caller; plots are pyplot's where a program uses it."""

import shutil
import sys

import numpy as np
import pytest

import autograd_mini as ag
from autograd_mini import Tensor, Value
from autograd_mini.draw.collapse import Spelt, collapse
from autograd_mini.draw.graph import Graph
from autograd_mini.draw.layout import LONG, is_long, layered

Z = [[1.0, -2.0], [0.5, 3.0]]
SIGMOIDS = {
    "1 / (1 + exp(-z))": lambda z: 1 / (1 + np.exp(-z)),
    "1 / (exp(-z) + 1)": lambda z: 1.0 / (np.exp(-z) + 1.0),
    "(1 + exp(-z)) ** -1": lambda z: (1 + np.exp(-z)) ** -1,
    "reciprocal": lambda z: np.reciprocal(1 + np.exp(-z)),
    "-1 * z": lambda z: 1 / (1 + np.exp(-1 * z)),
}
SOFTMAXES = {
    "plain": lambda z: (e := np.exp(z)) / e.sum(axis=1, keepdims=True),
    "less the largest": lambda z: (e := np.exp(z - z.max(axis=1, keepdims=True))) / e.sum(axis=1, keepdims=True),
}  # fmt: skip
ERRORS = {
    "mean squared error": lambda y, t: np.mean((y - t) ** 2),
    "squared error": lambda y, t: np.sum(np.square(y - t)),
}


def shown(node):
    """The boxes of the picture: (name, operation)."""
    return [(item.name, item.op) for item in collapse(Graph(node), "auto").items]


@pytest.mark.parametrize("spelling", SIGMOIDS)
@pytest.mark.parametrize("make", [lambda: Tensor(Z), lambda: Value(0.3)], ids=["Tensor", "Value"])
def test_a_sigmoid_spelt_out_is_one_box(spelling, make):
    """In every spelling, of Tensors and Values; its data and gradient are those of its result, its operand is z."""
    z = make()
    z.label = "z"
    a = SIGMOIDS[spelling](z)
    a.label = "a"
    a.sum().backward()
    view = collapse(Graph(a), "auto")
    assert [(item.name, item.op) for item in view.items] == [("z", None), ("a", "sigmoid")]
    box = view.items[-1]
    assert isinstance(box, Spelt)
    assert box.data is a.data
    np.testing.assert_array_equal(box.grad, a.grad)
    assert [link[:2] for link in view.links] == [(0, 1)]
    assert box.kind == "result"


@pytest.mark.parametrize("spelling", SOFTMAXES)
def test_a_softmax_spelt_out_is_one_box(spelling):
    z = Tensor(Z, label="z")
    assert shown(SOFTMAXES[spelling](z)) == [("z", None), ("", "softmax")]


@pytest.mark.parametrize("name", ERRORS)
def test_a_squared_error_spelt_out_is_one_box(name):
    y, t = Tensor([1.0, 2.0], label="y"), Tensor([0.0, 1.0], label="t")
    assert shown(ERRORS[name](y, t)) == [("y", None), ("t", None), ("", name)]


NOT = {
    "another number": lambda z: 2 / (1 + np.exp(-z)),
    "no minus": lambda z: 1 / (1 + np.exp(z)),
    "another sum": lambda z: 1 / (2 + np.exp(-z)),
    "a mean over an axis": lambda z: np.mean((z - 1.0) ** 2, axis=0),
    "cubes": lambda z: np.mean((z - 1.0) ** 3),
    "exp of two": lambda z: np.exp(z) / np.exp(z * 2.0).sum(axis=1, keepdims=True),
}


@pytest.mark.parametrize("what", NOT)
def test_what_only_looks_like_it_is_left_as_it_is(what):
    """Every node of what is none of these has its box."""
    out = NOT[what](Tensor(Z, label="z"))
    assert len(shown(out)) == len(Graph(out))


def test_what_has_another_use_or_a_name_is_seen():
    """An inner part that something else uses, or that the user named, keeps its own box."""
    z = Tensor(Z, label="z")
    e = np.exp(-z)
    both = 1 / (1 + e) + e
    assert "exp" in [op for _, op in shown(both)]
    e = np.exp(-z)
    e.label = "e"
    assert ("e", "exp") in shown(1 / (1 + e))


def test_collapse_none_shows_each_node():
    z = Tensor(Z)
    a = 1 / (1 + np.exp(-z))
    assert len(collapse(Graph(a), "none").items) == len(Graph(a)) == 7


def test_an_ordinary_network_is_thirteen_named_boxes():
    """Two layers by hand and a squared error: 25 nodes, 13 boxes, called what the script calls them."""
    scope = {"np": np, "ag": ag, "__name__": "script"}
    exec(NETWORK, scope)
    drawing = scope["drawing"]
    assert "25 nodes in 13 boxes" in repr(drawing)
    for name in ("X", "Y", "W1", "b1", "W2", "b2", "A1", "A2", "loss", "sigmoid", "mean squared error"):
        assert f">{name}<" in drawing.svg or f">{name} " in drawing.svg, name
    assert int(drawing.svg.partition('width="')[2].partition('"')[0]) < 1300


NETWORK = """
rng = np.random.default_rng(0)
X, Y = np.eye(4)[:, :2], np.ones((4, 1))
W1, b1 = ag.Tensor(rng.normal(size=(2, 3))), ag.Tensor(np.zeros(3))
W2, b2 = ag.Tensor(rng.normal(size=(3, 1))), ag.Tensor(np.zeros(1))
A1 = 1 / (1 + np.exp(-(X @ W1 + b1)))
A2 = 1 / (1 + np.exp(-(A1 @ W2 + b2)))
loss = np.mean((A2 - Y) ** 2)
loss.backward()
drawing = ag.draw(loss, engine="python")
"""


def test_names_are_given_or_those_of_a_module_and_no_others():
    """names=locals() in a function; by itself only at module level; labels come first; two names or `_` are none; nothing is kept."""
    w, _hidden = Value(2.0), Value(3.0)
    x = again = Value(4.0)
    labelled = Value(5.0, label="mine")
    y = w * _hidden + x * labelled
    assert ">w<" not in ag.draw(y, engine="python").svg
    svg = ag.draw(y, names=locals(), engine="python").svg
    assert ">w<" in svg
    assert ">mine<" in svg
    assert not any(f">{name}<" in svg for name in ("_hidden", "x", "again", "labelled"))
    assert again is x
    assert w.label is None
    assert w.meta is None
    scope = {"ag": ag, "w": w}
    exec("d = ag.draw(w * 2.0, engine='python')", scope)
    assert ">w<" in scope["d"].svg
    exec("def f():\n    return ag.draw(w * 2.0, engine='python')\nd = f()", scope)
    assert ">w<" not in scope["d"].svg


# ---- Plots ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def plt():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    yield plt
    plt.close("all")


def test_plots_are_pyplots_figures_where_it_is_loaded(plt, tmp_path):
    """history.plot(); plt.savefig(…) is the curve, not an empty page."""
    net = ag.nn.Linear(2, 1, rng=0)
    history = ag.fit(
        net,
        np.eye(2),
        np.ones((2, 1)),
        loss=ag.nn.mse,
        optimizer=ag.optim.SGD(net.parameters(), lr=0.1),
        epochs=2,
    )
    figure = history.plot()
    assert plt.gcf() is figure
    plt.savefig(tmp_path / "h.png")
    assert plt.imread(tmp_path / "h.png").std() > 0.01
    net(np.eye(2)).sum().backward()
    assert ag.plot_gradient_flow(net) is plt.gcf()


def test_plots_are_figures_of_their_own_without_pyplot(monkeypatch):
    """No window system is touched by a program that has not loaded pyplot; nor where a notebook would show the figure twice."""
    pytest.importorskip("matplotlib")
    from autograd_mini import plot

    monkeypatch.delitem(sys.modules, "matplotlib.pyplot", raising=False)
    figure = plot.new_figure(2, 2)
    assert type(figure).__name__ == "Figure"
    assert figure._repr_png_()[:4] == b"\x89PNG"
    assert "matplotlib.pyplot" not in sys.modules


# ---- Long chains ------------------------------------------------------------------------------------------------------


def chain(count):
    """A chain of so many boxes, each with a leaf beside it."""
    sizes = [(100.0, 40.0)] * (2 * count)
    edges = [(2 * i + 1, 2 * i) for i in range(count)] + [(2 * i, 2 * i + 2) for i in range(count - 1)]
    order = sorted(range(2 * count), key=lambda i: (i // 2, -(i % 2)))
    place = {old: new for new, old in enumerate(order)}
    return sizes, [(place[a], place[b]) for a, b in edges]


@pytest.mark.parametrize("engine", ["auto", "python"])
def test_a_long_chain_goes_from_top_to_bottom(engine):
    """It would be wider than any screen from left to right; a short one stays, and so does one whose direction was chosen."""
    x = ag.Value(0.5, label="x")
    for _ in range(24):
        x = x.tanh()
    drawing = ag.draw(x, engine=engine)
    layout = drawing._layout()
    assert layout.width < LONG / 4 < layout.height
    assert [y for _, y in layout.centres] == sorted(y for _, y in layout.centres)
    assert ag.draw(x, engine=engine, direction="RL")._layout().width > LONG


def test_what_is_short_or_high_is_left_as_it_is():
    """A chain that fits, and a graph as high as wide, keep their layout."""
    sizes, edges = chain(6)
    assert not is_long(layered(sizes, edges))
    assert is_long(layered(*chain(24)))
    sizes = [(w, 30 * h) for w, h in chain(24)[0]]
    assert not is_long(layered(sizes, chain(24)[1]))


@pytest.mark.parametrize("engine", ["python", "dot"])
def test_a_deep_network_by_hand_can_be_read(engine):
    """Eight layers spelt out: at most 1400 wide, whichever engine lays it out."""
    if engine == "dot" and shutil.which("dot") is None:
        pytest.skip("no dot program")
    x = np.ones((2, 3))
    for _ in range(8):
        x = 1 / (1 + np.exp(-(x @ Tensor(np.eye(3)) + Tensor(np.zeros(3)))))
    svg = ag.draw(np.mean((x - 1.0) ** 2), engine=engine).svg
    assert int(svg.partition('width="')[2].partition('"')[0]) < 1400
