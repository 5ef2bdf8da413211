"""Decision boundaries and gradient flow: what is drawn is what the model gives, and the model is left as it was."""

import importlib.util

import numpy as np
import pytest

import autograd_mini as ag
from autograd_mini import Tensor
from tests.helpers.refusals import recording, refused

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("matplotlib") is None, reason="matplotlib, the extra `plot`, is not installed"
)

X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
Y = np.array([0, 1, 1, 0])


class Seen:
    """A model x₀ − 0.5 that notes what it is called with."""

    def __init__(self, shape=(-1, 1)):
        self.calls, self.shape = [], shape

    def __call__(self, x):
        self.calls.append((np.array(x), recording()))
        return Tensor(np.reshape(x[:, 0] - 0.5, self.shape), requires_grad=False)


def boundary(figure):
    """The points of the line that is drawn at the cut."""
    lines = [
        part
        for part in figure.axes[0].collections
        if getattr(part, "levels", None) is not None and len(part.levels) == 1
    ]
    return np.concatenate([path.vertices for path in lines[0].get_paths()]) if lines else None


@pytest.mark.parametrize("shape", [(-1, 1), (-1,)], ids=["(n, 1)", "(n,)"])
def test_the_line_stands_where_the_score_is_cut(shape):
    """One call for all points, not recorded; the line of x₀ − 0.5 is at 0.5, and the samples stand beside it."""
    model = Seen(shape)
    figure = ag.plot_decision_boundary(model, X, Y, points=50)
    ((batch, recorded),) = model.calls
    assert batch.shape == (2500, 2)
    assert not recorded
    np.testing.assert_allclose([batch.min(0), batch.max(0)], [[-0.15, -0.15], [1.15, 1.15]])
    np.testing.assert_allclose(boundary(figure)[:, 0], 0.5, atol=1e-9)
    drawn = np.concatenate(
        [part.get_offsets() for part in figure.axes[0].collections if len(part.get_offsets()) == 2]
    )
    assert sorted(map(tuple, drawn)) == sorted(map(tuple, X))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["0", "1"]


def test_probabilities_are_cut_at_a_half_unless_a_label_is_negative():
    """Scores in [0, 1] are probabilities; with labels −1 and +1 they are scores, cut at 0."""

    def model(x):
        return x[:, 1] * 0.9

    inside = np.array([[0.0, 0.2], [1.0, 0.8]])
    np.testing.assert_allclose(
        boundary(ag.plot_decision_boundary(model, inside, [0, 1]))[:, 1], 0.5 / 0.9, atol=1e-9
    )
    assert boundary(ag.plot_decision_boundary(model, inside, [-1, 1])) is None  # never below 0


def test_a_threshold_of_ones_own():
    """A model fitted to 0 and 1 by squared error passes through 0 and 1; the line is where the threshold says, and the scale says so."""
    figure = ag.plot_decision_boundary(lambda x: 2 * x[:, 0] - 0.5, X, [0, 0, 1, 1], threshold=0.5)
    np.testing.assert_allclose(boundary(figure)[:, 0], 0.5, atol=1e-9)
    assert figure.axes[1].get_ylabel() == "score; the line is at 0.5"
    with refused(ValueError, "threshold"):
        ag.plot_decision_boundary(Seen(), X, threshold=np.nan)


def test_the_largest_of_several_scores_decides():
    """Three classes: the colour of each point is that of the largest score; labels may be one-hot."""

    def model(x):
        return np.stack([x[:, 0], x[:, 1], 0 * x[:, 0] + 0.5], axis=1)

    figure = ag.plot_decision_boundary(model, X, np.eye(3)[[0, 1, 2, 0]], points=30)
    mesh = next(
        part
        for part in figure.axes[0].collections
        if part.get_array() is not None and part.get_array().size == 900
    )
    side = np.linspace(-0.15, 1.15, 30)
    grid = np.stack(np.meshgrid(side, side), axis=-1)
    np.testing.assert_array_equal(
        mesh.get_array().reshape(30, 30), np.concatenate([grid, np.full((30, 30, 1), 0.5)], -1).argmax(-1)
    )
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["0", "1", "2"]


def test_models_on_values_work():
    """nn.scalar.MLP gives the picture of the same network on Tensors; a model of one sample is asked with two columns."""
    net = ag.nn.MLP([2, 3, 1], activation="tanh", rng=0)
    expected = boundary(ag.plot_decision_boundary(net, X, Y, points=40))
    np.testing.assert_allclose(
        boundary(ag.plot_decision_boundary(net.to_scalar(), X, Y, points=40)), expected, atol=1e-9
    )
    neuron = ag.nn.scalar.Neuron(2, nonlin=False, rng=0)
    line = boundary(ag.plot_decision_boundary(neuron, X, Y))
    w0, w1 = (w.data for w in neuron.w)
    np.testing.assert_allclose(line @ [w0, w1], -neuron.b.data, atol=1e-9)
    layer = ag.nn.scalar.Layer(2, 3, rng=0)
    assert ag.plot_decision_boundary(layer, X).legends == []


def test_models_on_values_that_no_network_on_tensors_equals():
    """A forward of one's own, neurons that differ, a loop over inputs: asked as they are."""

    class Doubled(ag.nn.scalar.MLP):
        def forward(self, x):
            return 3.0 - super().forward(x) * 2.0

    doubled = Doubled(2, [1], rng=0)
    line = boundary(ag.plot_decision_boundary(doubled, [[-9.0, -9.0], [9.0, 9.0]], [0, 1]))
    w0, w1 = (w.data for w in doubled.layers[0].neurons[0].w)
    np.testing.assert_allclose(line @ [w0, w1], 1.5, atol=1e-6)
    mixed = ag.nn.scalar.MLP(2, [3, 3, 1], rng=0)
    mixed.layers[1].neurons[0].activation = ag.tanh
    assert ag.plot_decision_boundary(mixed, X, Y).axes
    w, b = [ag.Value(2.0), ag.Value(1.0)], ag.Value(-1.0)
    line = boundary(
        ag.plot_decision_boundary(
            lambda x: sum((a * c for a, c in zip(w, x, strict=False)), b), X, [-1, 1, 1, 1]
        )
    )
    np.testing.assert_allclose(line @ [2.0, 1.0], 1.0, atol=1e-9)


def test_samples_and_labels_may_be_nodes():
    """X as a Tensor, y as Values; labels that are no numbers are refused by name."""
    figure = ag.plot_decision_boundary(Seen(), Tensor(X), [ag.Value(float(label)) for label in Y], points=5)
    assert colours(figure) == {"0": ORANGE, "1": BLUE}
    with refused(ag.DTypeError, "plot_decision_boundary: y must be numbers"):
        ag.plot_decision_boundary(Seen(), X, ["a", "b", "b", "a"])


def test_the_model_is_evaluated_and_left_as_it_was():
    """Dropout sleeps while the plane is scored; training modes, also when the model raises, and gradients stay."""
    modes = []
    net = ag.nn.Sequential(ag.nn.Linear(2, 8, rng=0), ag.nn.Dropout(0.5, rng=0), ag.nn.Linear(8, 1, rng=1))
    net[0].eval()
    net.layers.append(lambda x: (modes.append(net[1].training), x)[1])
    ag.plot_decision_boundary(net, X, Y, points=5)
    assert modes == [False]
    assert [module.training for module in net.modules()] == [True, False, True, True]
    assert all(parameter.grad is None for parameter in net.parameters())
    net[1].training = True
    with pytest.raises(ag.ShapeError):
        ag.plot_decision_boundary(ag.nn.Sequential(net, ag.nn.Linear(3, 1, rng=0)), X, Y)
    assert net[1].training
    assert recording()


@pytest.mark.parametrize(
    ("arguments", "kind", "texts"),
    [
        (([[1.0, 2.0, 3.0]],), ag.ShapeError, ["(1, 3)", "two features"]),
        ((np.empty((0, 2)),), ag.ShapeError, ["(0, 2)"]),
        (([[1.0, np.nan]],), ValueError, ["NaN or ∞"]),
        ((X, [0, 1, np.nan, 1]), ValueError, ["y holds NaN"]),
        ((X, [1, 2, 3]), ag.ShapeError, ["y has 3 labels for 4 samples"]),
        ((X, [[1, 2], [3, 4]]), None, None),
    ],
    ids=["three features", "no samples", "NaN", "a label of NaN", "labels missing", "labels as a square"],
)
def test_bad_samples_are_refused(arguments, kind, texts):
    """What, of which shape, and what is needed; labels of n elements are taken in any shape."""
    if kind is None:
        ag.plot_decision_boundary(Seen(), *arguments, points=5)
        return
    with refused(kind, "plot_decision_boundary", *texts):
        ag.plot_decision_boundary(Seen(), *arguments)


def test_bad_models_are_refused():
    """A score for each sample is needed; an error of the model itself is what is raised."""
    with refused(ag.ShapeError, "the model gave shape (3,)"):
        ag.plot_decision_boundary(lambda x: np.ones(3), X)
    with refused(ValueError, "could not convert string", "the model was called with a batch"):
        ag.plot_decision_boundary(lambda x: "yes", X)
    with refused(ZeroDivisionError, "called with a batch (40000, 2)"):
        ag.plot_decision_boundary(lambda x: 1 // 0, X)
    with refused(TypeError, "not callable", "the model was called with a batch"):
        ag.plot_decision_boundary(3, X)
    with refused(TypeError, "plot_gradient_flow: a model is needed", "Value"):
        ag.plot_gradient_flow(ag.Value(1.0))
    with refused(ValueError, "points"):
        ag.plot_decision_boundary(Seen(), X, points=1)


def test_constant_features_and_constant_scores_give_a_picture():
    """Samples on one spot, a model that is 0 everywhere, and one that is NaN in places."""
    ag.plot_decision_boundary(lambda x: 0 * x[:, 0], [[1.0, 1.0]], [1], points=5)
    figure = ag.plot_decision_boundary(
        lambda x: np.where(x[:, 0] > 0, x[:, 1] - 0.5, np.nan), X, Y, points=20
    )
    assert figure._repr_png_()[:4] == b"\x89PNG"


def colours(figure):
    """The colour of each label's samples."""
    from matplotlib.colors import to_hex

    dots = [part for part in figure.axes[0].collections if not part.get_label().startswith("_")]
    return {part.get_label(): to_hex(part.get_facecolor()[0]).upper() for part in dots}


ORANGE, BLUE, GREEN = "#D55E00", "#0072B2", "#009E73"


def test_samples_have_the_colour_of_their_class():
    """Of classes that no sample has, the colours stay theirs; a label alone has that of its side of the cut."""
    figure = ag.plot_decision_boundary(
        lambda x: np.stack([-9 + 0 * x[:, 0], x[:, 0], -x[:, 0]], 1), X, [1, 2, 2, 1], points=5
    )
    assert colours(figure) == {"1": BLUE, "2": GREEN}
    score = Seen()
    assert colours(ag.plot_decision_boundary(score, X, [1, 1, 1, 1], points=5)) == {"1": BLUE}
    assert colours(ag.plot_decision_boundary(score, X, [0, 0, 0, 0], points=5)) == {"0": ORANGE}
    assert colours(ag.plot_decision_boundary(score, X, [-1, -1, -1, -1], points=5)) == {"-1": ORANGE}
    assert colours(ag.plot_decision_boundary(score, X, Y, points=5)) == {"0": ORANGE, "1": BLUE}


def test_the_legend_covers_no_sample():
    """The legend stands below the plane."""
    figure = ag.plot_decision_boundary(Seen(), X, Y, points=5)
    figure._repr_png_()
    legend, plane = figure.legends[0].get_window_extent(), figure.axes[0].get_window_extent()
    assert legend.y1 <= plane.y0


def test_scores_that_are_nan_or_infinite_move_no_line():
    """The line is where the finite scores are cut; ∞ is the end of the scale, and a lost class is none."""

    def probability(x):
        return np.where(x[:, 0] > 0.9, np.nan, 1 / (1 + np.exp(-5 * (x[:, 0] - 0.5))))

    figure = ag.plot_decision_boundary(probability, X, Y, points=51)
    np.testing.assert_allclose(boundary(figure)[:, 0], 0.5, atol=1e-2)
    endless = ag.plot_decision_boundary(lambda x: np.where(x[:, 0] > 0.5, np.inf, -np.inf), X, Y, points=20)
    np.testing.assert_allclose(boundary(endless)[:, 0], 0.5, atol=0.05)
    nowhere = ag.plot_decision_boundary(lambda x: np.full((len(x), 2), np.nan), X, points=5)
    mesh = next(part for part in nowhere.axes[0].collections if np.size(part.get_array()) == 25)
    assert np.ma.getmaskarray(mesh.get_array()).all()
    assert boundary(ag.plot_decision_boundary(lambda x: np.full(len(x), np.nan), X, points=5)) is None


def test_plots_are_saved_whole_or_not_at_all(tmp_path):
    """A path keeps the picture; a folder that is missing is an OSError, and nothing is left."""
    net = ag.nn.MLP([2, 3, 1], activation="tanh", rng=0)
    net(X).sum().backward()
    for plot, name in ((lambda path: ag.plot_decision_boundary(net, X, Y, points=5, path=path), "a.svg"),
                       (lambda path: ag.plot_gradient_flow(net, path=path), "b.png")):  # fmt: skip
        plot(tmp_path / name)
        assert (tmp_path / name).stat().st_size > 1000
        with pytest.raises(OSError, match="nowhere"):
            plot(tmp_path / "nowhere" / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.svg", "b.png"]


def titles(figure):
    """The names of the layers."""
    return [axes.get_title(loc="left").partition(":")[0] for axes in figure.axes]


def test_gradient_flow_counts_every_gradient():
    """A histogram a layer, in order; every gradient is in a bar or counted as 0, NaN or ∞."""
    net = ag.nn.MLP([2, 4, 3, 1], activation="relu", rng=0)
    ag.nn.mse(net(X), np.ones((4, 1))).backward()
    net.layers[2].weight.grad[0, 0] = np.nan
    net.layers[2].weight.grad[1, 0] = -np.inf
    net.layers[1].bias.grad[0] = 0.0
    figure = ag.plot_gradient_flow(net)
    assert titles(figure) == ["layer0", "layer1", "layer2"]
    for axes, layer in zip(figure.axes, net.layers, strict=True):
        grads = np.concatenate([np.ravel(parameter.grad) for parameter in layer.parameters()])
        plain = np.isfinite(grads) & (grads != 0)
        assert sum(bar.get_height() for bar in axes.patches) == plain.sum()
        assert axes.get_title(loc="left").startswith(
            f"layer{net.layers.index(layer)}: {grads.size} gradients"
        )
    assert "2 NaN or ∞" in figure.axes[2].get_title(loc="left")
    zeros = sum(int((parameter.grad == 0).sum()) for parameter in net.layers[1].parameters())
    assert f"{zeros} exactly 0" in figure.axes[1].get_title(loc="left")


def test_gradient_flow_of_a_network_on_values_and_of_zeros_alone():
    """The neurons of a layer are taken together; gradients that are all 0 give an empty histogram that says so."""
    net = ag.nn.scalar.MLP(2, [3, 1], rng=0)
    net([1.0, 2.0]).backward()
    figure = ag.plot_gradient_flow(net)
    assert titles(figure) == ["layer0", "layer1"]
    assert figure.axes[0].get_title(loc="left").startswith("layer0: 9 gradients")
    layer = ag.nn.Linear(2, 1, rng=0)
    (layer(X).sum() * 0.0).backward()
    assert (
        ag.plot_gradient_flow(layer).axes[0].get_title(loc="left")
        == "Linear: 3 gradients, 3 exactly 0, 0 NaN or ∞"
    )
    layer.bias = None
    assert titles(ag.plot_gradient_flow(layer)) == ["Linear"]


def test_gradient_flow_of_layers_of_values_that_have_no_neurons():
    """Layers that hold their Values themselves, and neurons held one by one, each have a histogram."""

    class Own(ag.nn.Module):
        def __init__(self):
            super().__init__()
            self.w = [ag.Value(1.0), ag.Value(2.0)]

    class Net(ag.nn.Module):
        def __init__(self):
            super().__init__()
            self.hidden, self.out, self.h1 = Own(), Own(), ag.nn.scalar.Neuron(2, rng=0)

    net = Net()
    sum(p * p for p in net.parameters()).backward()
    assert titles(ag.plot_gradient_flow(net)) == ["hidden", "out", "h1"]


def test_gradient_flow_without_a_gradient_is_refused():
    """Before any backward there is nothing to show; layers that it did not reach are said to have none."""
    net = ag.nn.MLP([2, 3, 1], rng=0)
    with refused(ag.GraphError, "no parameter has a gradient", "loss.backward()"):
        ag.plot_gradient_flow(net)
    net.layers[0](X).sum().backward()
    assert ag.plot_gradient_flow(net).axes[1].get_title(loc="left").startswith("layer1: 0 gradients")


def test_without_matplotlib_one_line_says_what_to_install(monkeypatch):
    """ImportError with the extra's name."""
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    with refused(ImportError, "python -m pip install 'autograd-mini[plot]'"):
        ag.plot_decision_boundary(Seen(), X, Y)
