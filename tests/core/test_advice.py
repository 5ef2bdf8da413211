"""Refusals name the call that was made and what to write instead; habits of NumPy, PyTorch and Keras are answered."""

import math
import sys

import numpy as np
import pytest

import autograd_mini as ag
from autograd_mini import Tensor, Value
from autograd_mini.core.node import HABITS
from autograd_mini.support import advice
from tests.helpers.processes import run_script

X = np.eye(2)
LIST = "docs/numpy.md"


def held():
    return Tensor([[1.0, 2.0], [3.0, 4.0]], label="W"), Value(2.0, label="v")


def special(name):
    return getattr(pytest.importorskip("scipy.special"), name)


def plotted(*data):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    plt.plot(*data)


def assigned(z, i, x):
    z[i] = x


def assigned_column(held, x):
    held[:, 0] = x


# ---- What would cut the graph: the call as it was written, and what to write in its place ---------------------------------

CUTS = {
    "method of an array": (lambda W, v: X.dot(W), ["X.dot(W)", "write X @ W"]),
    "vectorize": (lambda W, v: np.vectorize(math.exp)(W), ["np.vectorize(math.exp)(W)", "write np.exp(W), on the whole Tensor"]),
    "vectorize a lambda": (lambda W, v: np.vectorize(lambda x: x + 1)(W), ["write f(W), on the whole Tensor"]),
    "array of two": (lambda W, v: np.array([v, v]), ["np.array([v, v])", "write np.stack([v, v])"]),
    "array of a list by name": (lambda W, v: (lambda rows: np.array(rows))([v, v]), ["write np.stack(rows)"]),
    "asarray": (lambda W, v: np.asarray(W), ["np.asarray(W)", "write W itself"]),
    "plot": (lambda W, v: plotted([v, v]), ["plt.plot", ".item()"]),
    "math.exp": (lambda W, v: math.exp(v), ["math.exp(v)", "write np.exp(v)"]),
    "math.pow": (lambda W, v: math.pow(v, 2), ["write np.power(v, 2)"]),
    "float": (lambda W, v: float(v), ["float(v)", "v.item()"]),
    "percent": (lambda W, v: "%.4f" % v, ["'%.4f' % v", "f'{v:.4f}'"]),
    "into an array": (lambda W, v: assigned(np.zeros(2), 0, v), ["z[i] = …", "z = ag.index_update(z, i, …)"]),
    "a slice of an array": (lambda W, v: assigned(np.zeros((2, 2)), slice(None), W), ["ag.index_update(z, i, …)"]),
    "column of an array": (lambda W, v: assigned_column(np.zeros((2, 2)), W[0]), ["ag.index_update(held, np.s_[:, 0], …)"]),
    "percent of two": (lambda W, v: "%.4f %d" % (v, 3), ["f'{x:.4f}'"]),
    "c_ of calls": (lambda W, v: np.c_[np.ones(2), np.exp(W)], ["write ag.c_[np.ones(2), np.exp(W)]"]),
    "full": (lambda W, v: np.full(3, v), ["write np.broadcast_to(v, 3)"]),
    "c_": (lambda W, v: np.c_[W, W], ["np.c_[W, W]", "write ag.c_[W, W]"]),
    "list of lists": (lambda W, v: np.vstack([[v, v], [1.0, 2.0]]), ["write ag.vstack([[v, v], [1.0, 2.0]])"]),
    "softmax of scipy": (lambda W, v: special("softmax")(W), ["write ag.softmax(x)"]),
    "expm of scipy": (lambda W, v: pytest.importorskip("scipy.linalg").expm(W), ["expm(W)", "those of scipy take plain arrays"]),
    "numpy()": (lambda W, v: W.numpy(), [".numpy()", ".detach()"]),
}  # fmt: skip


@pytest.mark.parametrize("name", CUTS)
def test_what_would_cut_the_graph_is_told_from_the_line_itself(name):
    """GraphError with the call as the user wrote it, the node's label, what to write, and what leaves the graph on purpose."""
    call, texts = CUTS[name]
    with pytest.raises(ag.GraphError) as caught:
        call(*held())
    for text in (*texts, "would cut the graph of", ".item()", ".data", ".detach()"):
        assert text in str(caught.value)


def test_numpys_own_error_has_ours_as_its_cause():
    """z[0] = a Tensor of one number: NumPy raises ValueError, from ours."""
    with pytest.raises(ValueError, match="sequence") as caught:
        assigned(np.zeros(2), 0, Tensor(3.0))
    assert isinstance(caught.value.__cause__, ag.GraphError)
    assert "ag.index_update(z, i, …)" in str(caught.value.__cause__)


def test_without_source_the_possible_calls_are_named():
    """Where a line has no source (python -c, an interpreter), one text names the calls and their replacements."""
    scope = {"X": X, "W": held()[0]}
    with pytest.raises(
        ag.GraphError, match=r"np.asarray\(\) would cut .* write X @ W for X.dot\(W\), np.stack"
    ):
        exec(compile("X.dot(W)", "<nowhere>", "exec"), scope)


# ---- Functions without a rule ---------------------------------------------------------------------------------------------

MISSING = {
    "replacement": (lambda W: np.unique(W), ["np.unique has no rule", "np.unique(x.data)", LIST]),
    "nearest": (lambda W: np.spacing(W), ["np.spacing", "did you mean", LIST, "np.spacing(x.data)"]),
    "scipy's own name": (lambda W: special("jv")(1, W), ["scipy.special.jv has no rule", LIST]),
    "another library": (lambda W: np.frompyfunc(abs, 1, 1)(W), ["abs (vectorized) has no rule"]),
    "written into": (lambda W: np.put(W, 0, 1.0), ["np.put", "ag.index_update"]),
    "complex": (lambda W: np.linalg.eig(W), ["np.linalg.eigh"]),
}


@pytest.mark.parametrize("name", MISSING)
def test_a_function_without_a_rule_names_a_neighbour_and_the_list(name):
    """NotImplementedError in two lines at most: the name, what to write or the nearest there is, the page of the list."""
    call, texts = MISSING[name]
    with pytest.raises(NotImplementedError) as caught:
        call(held()[0])
    for text in texts:
        assert text in str(caught.value)
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize(
    "text", [text for text in advice.TABLES["no_rule"].values() if text.startswith("np.linalg")]
)
def test_what_is_advised_is_there(text):
    """What is advised in place of a function without a rule has one."""
    assert text.split("(")[0].split(" ")[0].rpartition(".")[2] in ag.__all__


# ---- Habits ---------------------------------------------------------------------------------------------------------------

WORK = {
    "view": (lambda t: t.view(4), [1.0, 2.0, 3.0, 4.0]),
    "mm": (lambda t: t.mm(t), [[7.0, 10.0], [15.0, 22.0]]),
    "t": (lambda t: t.t(), [[1.0, 3.0], [2.0, 4.0]]),
    "permute": (lambda t: t.permute(1, 0), [[1.0, 3.0], [2.0, 4.0]]),
    "unsqueeze": (lambda t: t.unsqueeze(0), [[[1.0, 2.0], [3.0, 4.0]]]),
    "expand": (lambda t: t[0].expand(2, -1), [[1.0, 2.0], [1.0, 2.0]]),
    "dim": (lambda t: t.dim(), 2),
    "numel": (lambda t: t.numel(), 4),
    "cpu": (lambda t: t.cpu(), [[1.0, 2.0], [3.0, 4.0]]),
    "numpy": (lambda t: t.detach().cpu().numpy(), [[1.0, 2.0], [3.0, 4.0]]),
    "clone": (lambda t: t.clone(), [[1.0, 2.0], [3.0, 4.0]]),
    "pow": (lambda t: t.pow(2), [[1.0, 4.0], [9.0, 16.0]]),
    "log1p": (lambda t: (t * 0.0).log1p(), np.zeros((2, 2))),
    "all": (lambda t: t.all(), True),
    "sum(dim=)": (lambda t: t.sum(dim=0, keepdim=True), [[4.0, 6.0]]),
    "mean(dim=)": (lambda t: ag.mean(t, dim=1), [1.5, 3.5]),
    "argmax(dim=)": (lambda t: t.argmax(dim=1), [1, 1]),
    "cumsum(dim=)": (lambda t: t.cumsum(dim=1), [[1.0, 3.0], [3.0, 7.0]]),
    "stack(dim=)": (lambda t: ag.stack([t[0], t[1]], dim=1), [[1.0, 3.0], [2.0, 4.0]]),
    "functional": (lambda t: ag.nn.functional.relu(-t), np.zeros((2, 2))),
}  # fmt: skip


@pytest.mark.parametrize("name", WORK)
def test_habits_that_mean_the_same_here_work(name):
    """Methods and keywords of PyTorch's tensors on a Tensor."""
    call, right = WORK[name]
    out = call(Tensor([[1.0, 2.0], [3.0, 4.0]]))
    np.testing.assert_array_equal(out.data if isinstance(out, Tensor) else out, right)


ANSWERED = {
    "cuda": (AttributeError, lambda W: W.cuda(), ["Tensor has no 'cuda'", "leave it out"]),
    "add_": (AttributeError, lambda W: W.add_(1.0), ["w.data += …"]),
    "masked_fill": (AttributeError, lambda W: W.masked_fill(W > 1, 0.0), ["ag.where(mask, value, x)"]),
    "std(dim=)": (TypeError, lambda W: W.std(dim=0), ["ddof=1"]),
    "max(dim=)": (TypeError, lambda W: W.max(dim=0), ["argmax"]),
    "MSELoss": (AttributeError, lambda W: ag.nn.MSELoss(), ["ag.nn.mse(prediction, target)"]),
    "F.mse_loss": (AttributeError, lambda W: ag.nn.functional.mse_loss(W, W), ["ag.nn.mse"]),
    "tensor": (AttributeError, lambda W: ag.tensor([1.0]), ["ag.Tensor(data)"]),
    "a near name": (AttributeError, lambda W: ag.arcsine(W), ["did you mean arcsin"]),
    "retain_graph": (TypeError, lambda W: W.sum().backward(retain_graph=True), ["backward has no argument 'retain_graph'", "repeated"]),
    "nn.relu": (AttributeError, lambda W: ag.nn.relu(W), ["ag.relu"]),
    "xavier_uniform_": (AttributeError, lambda W: ag.nn.init.xavier_uniform_(W), ["ag.nn.init.xavier_uniform()"]),
    "LSTM": (AttributeError, lambda W: ag.nn.LSTM(2, 3), ["forward of a Module"]),
    "gradcheck": (AttributeError, lambda W: ag.gradcheck, ["ag.check_gradients(f, inputs)"]),
    "concatenate without a list": (ValueError, lambda W: ag.concatenate(W, W), ["concatenate([a, b])"]),
    "model.weights": (AttributeError, lambda W: ag.nn.Linear(2, 1).weights, ["model.parameters()"]),
    "lr_scheduler": (AttributeError, lambda W: ag.optim.lr_scheduler, ["ag.optim.StepLR"]),
    "learning_rate": (TypeError, lambda W: ag.optim.Adam([W], learning_rate=0.1), ["Adam has no argument 'learning_rate'", "lr"]),
    "near option": (TypeError, lambda W: ag.optim.SGD([W], 0.1, momentun=0.9), ["did you mean momentum"]),
    "loss='mse'": (TypeError, lambda W: fitted(loss="mse"), ["'mse'", "write ag.nn.mse"]),
    "optimizer='adam'": (TypeError, lambda W: fitted(optimizer="adam"), ["write ag.optim.Adam(model.parameters())"]),
    "validation_data": (TypeError, lambda W: fitted(validation_data=1), ["validation, with (X, y)"]),
    "model.fit": (AttributeError, lambda W: ag.nn.Linear(2, 1).fit(X, X), ["ag.fit(model, X, y"]),
    "model.predict": (AttributeError, lambda W: ag.nn.Linear(2, 1).predict(X), ["model(X)"]),
    "grad of a model": (TypeError, lambda W: ag.grad(lambda net: net(X).sum())(ag.nn.Linear(2, 1)), ["ag.ravel", "ag.gradients"]),
    "requires_grad_ of a result": (AttributeError, lambda W: (W * 2.0).requires_grad_(), [".detach()"]),
}  # fmt: skip


def fitted(**options):
    net = ag.nn.Linear(2, 1, rng=0)
    given = {"loss": ag.nn.mse, "optimizer": ag.optim.SGD(net.parameters(), lr=0.1), "epochs": 1} | options
    return ag.fit(net, X, np.ones((2, 1)), **given)


@pytest.mark.parametrize("name", ANSWERED)
def test_habits_that_are_another_thing_here_are_answered(name):
    """The error says what was asked for and what to write here."""
    kind, call, texts = ANSWERED[name]
    with pytest.raises(kind) as caught:
        call(held()[0])
    for text in texts:
        assert text in str(caught.value)


@pytest.mark.parametrize("name", HABITS)
def test_each_habit_has_its_answer(name):
    """A name in the list of habits works on a node or says what to write; a class does not have it."""
    assert not hasattr(Tensor, name)
    if name in advice.TABLES["nodes"]:
        assert not hasattr(Tensor(1.0), name)
    else:
        assert name in advice.METHODS or name in advice.FUNCTIONS
        assert callable(getattr(Value(1.0), name))


def test_each_answer_is_of_a_habit():
    """No answer stands in the table that nobody gets."""
    assert {*advice.METHODS, *advice.FUNCTIONS, *advice.TABLES["nodes"]} - set(HABITS) <= set(dir(Tensor))


@pytest.mark.parametrize("module", advice.TABLES["names"])
def test_names_in_the_table_are_not_there(module):
    """What the table answers for is missing, so that it is read."""
    names = getattr(sys.modules[module], "__all__", vars(sys.modules[module]))
    assert [name for name in advice.TABLES["names"][module] if name in names] == []


def test_a_list_given_to_a_function_of_an_array_is_told():
    """hessian(f)([1.0, 2.0]): the error of f has a note that says what reached it."""
    with pytest.raises(TypeError) as caught:
        ag.hessian(lambda x: (x**3).sum())([1.0, 2.0])
    assert any("np.array" in note for note in caught.value.__notes__)


def test_round_of_a_node_is_a_node():
    """round(x) and round(x, 2) are ag.round."""
    assert round(Value(2.345), 2).data == 2.35 or round(Value(2.345), 2).data == 2.34
    assert round(Tensor([1.6])).data.tolist() == [2.0]


def test_functional_is_imported_as_a_module():
    """import autograd_mini.nn.functional as F, and from autograd_mini.nn import functional: our functions; not imported before."""
    import autograd_mini.nn.functional as F
    from autograd_mini.nn import functional

    assert F is functional is ag.nn.functional
    assert F.relu is ag.relu
    assert F.cross_entropy is ag.nn.cross_entropy
    with pytest.raises(AttributeError, match=r"ag.nn.mse\(prediction, target\)"):
        _ = F.mse_loss
    assert not hasattr(F, "__all__")
    done = run_script("import sys, autograd_mini; print('autograd_mini.nn.functional' in sys.modules)")
    assert done.stdout.strip() == "False"


def test_requires_grad_switches_a_leaf():
    """w.requires_grad_(False) makes a constant of a leaf, and True a variable again."""
    w = Tensor([1.0])
    assert w.requires_grad_(False) is w
    assert not (w * 2.0).requires_grad
    assert (w.requires_grad_() * 2.0).requires_grad


# ---- The advice for w -= lr * w.grad ---------------------------------------------------------------------------------------


def test_the_advice_for_an_update_is_right_when_it_is_obeyed():
    """It names no_grad and zero_grad in one breath; a loop that does what it says goes down."""
    w = Tensor([3.0], label="w")
    (w * w).sum().backward()
    with pytest.raises(ag.GraphError, match=r"no_grad.*zero_grad"):
        w -= 0.1 * w.grad
    w.zero_grad()
    for _ in range(50):
        (w * w).sum().backward()
        with ag.no_grad():
            w -= 0.1 * w.grad
        w.zero_grad()
    assert abs(w.data[0]) < 1e-4


# ---- What is shown, and what it costs ---------------------------------------------------------------------------------------


def test_dir_shows_what_is_for_users():
    """dir(ag) is what ag offers: no module of the machinery, no name with an underscore but __version__."""
    names = dir(ag)
    assert set(ag.__all__) <= set(names)
    assert {"core", "support", "symbols", "numpy_protocols", "array_functions", "errors"} & set(
        names
    ) == set()


def test_help_begins_with_the_twelve_lines():
    """help(ag) opens with the example of README."""
    assert "y.backward()" in ag.__doc__
    assert "np.exp(-" in ag.__doc__
    assert len(ag.__doc__.splitlines()) < 30


def test_nothing_of_it_is_imported_before_it_is_asked_for():
    """Importing the package and a step of training read no advice, and nodes have no __getattr__."""
    script = (
        "import sys, autograd_mini as ag\n"
        "w = ag.Tensor([1.0]); (w * w).sum().backward(); ag.optim.SGD([w], lr=0.1).step()\n"
        "print('autograd_mini.support.advice' in sys.modules, 'autograd_mini.scipy_functions' in sys.modules)"
    )
    done = run_script(script)
    assert done.stdout.split() == ["False", "False"], done.stderr
    assert not hasattr(Tensor, "__getattr__")
