"""debug: the first number that is not finite, with the user's own line; arrays changed in place; and no cost when it is off."""

import asyncio
import copy
import inspect
import pickle
import re
import sys
import threading

import numpy as np
import pytest

import autograd_mini as ag
from autograd_mini import derivatives
from autograd_mini.check import debug as module
from autograd_mini.compile.function import Compiled
from autograd_mini.core import engine, node, value
from autograd_mini.core.quick import vocabulary
from autograd_mini.core.readings import ARRAYS, FLOATS
from tests.helpers.interrupt import Interrupt
from tests.helpers.processes import run, run_script


def caught(call, kind=ag.AnomalyError):
    """The message of the error that a call raises under debug."""
    with pytest.raises(kind) as error, ag.debug():
        call()
    return str(error.value)


def marked(call):
    """The number of the line of a function that bears the comment `# bad`."""
    lines, start = inspect.getsourcelines(call)
    return start + next(i for i, line in enumerate(lines) if "# bad" in line)


# ---- Forward ----------------------------------------------------------------------------------------------------------


def log_of_saturated_sigmoid():
    p = ag.sigmoid(ag.Tensor([[50.0], [1.0]]))
    q = 1 - p
    return -ag.log(q).mean()  # bad


def log_of_a_sigmoid_by_hand():
    z = ag.Tensor([50.0])
    p = 1 / (1 + np.exp(-z))
    return np.log(1 - p)  # bad


def log_of_softmax():
    p = ag.softmax(ag.Tensor([[0.0, 800.0]]))
    return ag.log(p).sum()  # bad


def log_of_softmax_by_hand():
    e = np.exp(ag.Tensor([[0.0, -800.0]]))
    p = e / e.sum(axis=1, keepdims=True)
    return np.log(p)  # bad


def log_of_a_negative_number():
    h = ag.sigmoid(ag.Value(-4.0))
    return ag.log(h - 0.1)  # bad


def log_of_zero_behind_where():
    x = ag.Tensor([0.0, 2.0])
    return ag.where(x.data > 0, ag.log(x), 0.0)  # bad


def exp_overflow():
    z = ag.Tensor([1.0, 1000.0])
    e = np.exp(z)  # bad
    return e / e.sum()


def divided_by_zero():
    x = ag.Value(1.0)
    y = x - 1.0
    return x / y  # bad


def zero_by_zero_in_a_norm():
    x = ag.Tensor([0.0, 0.0])
    return x / ag.sqrt((x * x).sum())  # bad


def root_of_a_negative_number():
    return ag.Value(-2.0) ** 0.5  # bad


def infinity_minus_infinity():
    x = ag.Tensor([1.0])
    y = x * np.inf  # passes, as it stands in the data
    return y - y  # bad


def too_large():
    x = ag.Tensor([1e200])
    return x * x  # bad


def diverging():
    w, X, y = ag.Tensor([[3.0]]), np.array([[100.0], [200.0]]), np.array([[1.0], [2.0]])
    for _ in range(200):
        w.grad = None
        loss = ((X @ w - y) ** 2).mean()  # bad
        loss.backward()
        with np.errstate(all="ignore"):
            w.data = w.data - 0.5 * w.grad


def inverse_of_zero():
    return ag.Value(0.0) ** -1  # bad


FORWARD = [
    (diverging, "power", "smaller learning rate"),
    (inverse_of_zero, "power", "small number"),
    (log_of_saturated_sigmoid, "log", "saturated.*log_sigmoid.*with_logits"),
    (log_of_a_sigmoid_by_hand, "log", "log_sigmoid"),
    (log_of_softmax, "log", "log_softmax.*cross_entropy"),
    (log_of_softmax_by_hand, "log", "log_softmax"),
    (log_of_a_negative_number, "log", "negative, down to -0.08"),
    (log_of_zero_behind_where, "log", r"log\(where\("),
    (exp_overflow, "exp", "subtract the maximum"),
    (divided_by_zero, "divide", "small number"),
    (zero_by_zero_in_a_norm, "divide", "small number"),
    (root_of_a_negative_number, "power", "clip"),
    (infinity_minus_infinity, "subtract", "∞ − ∞"),
    (too_large, "multiply", "scaled"),
]


@pytest.mark.parametrize(("call", "name", "advice"), FORWARD, ids=[case[0].__name__ for case in FORWARD])
def test_the_first_number_that_is_not_finite_is_named(call, name, advice):
    """Operation, line of this file, source, and what to write instead."""
    message = caught(call)
    assert message.startswith(f"'{name}' in test_debug.py, line {marked(call)}: `")
    assert "first number that is not finite" in message
    assert "operands from" in message
    assert re.search(advice, message), message
    call()  # outside of a block nothing is raised


def test_data_that_are_nan_already_are_blamed_themselves():
    """NaN in the input and NaN in a parameter are not the operation's fault."""
    w = ag.Tensor([1.0, 2.0], label="w")
    message = caught(lambda: w * np.array([1.0, np.nan]))
    assert "the data that come in" in message
    assert "NaN in 1 of 2 places" in message
    w.data = [np.inf, 1.0]
    assert "the parameter Tensor 'w'" in caught(lambda: w * 2.0)


def test_infinity_on_purpose_passes():
    """A mask of −∞ before a softmax, and NaN that a `where` leaves out, are no anomalies."""
    x = ag.Tensor([1.0, 2.0, 3.0])
    with ag.debug():
        p = ag.softmax(x + np.array([0.0, 0.0, -np.inf]))
        (p * [1.0, 2.0, 3.0]).sum().backward()
        ag.where([False, True, True], np.array([0.0, 0.0, 0.0]), x) + ag.where(
            [True], x, np.array([np.nan, 0.0, 0.0])
        )
    assert x.grad[2] == 0.0


# ---- Backward ---------------------------------------------------------------------------------------------------------


def test_a_slope_that_is_infinite_is_named_on_the_way_back():
    """The root of 0 is finite, and its slope is not: the line is that of the forward pass; no gradient is stored."""
    x = ag.Tensor([0.0, 4.0], label="x")

    def call():
        y = ag.sqrt(x)  # bad
        y.sum().backward()

    message = caught(call)
    assert message.startswith(f"'sqrt' (in test_debug.py, line {marked(call)}: ")
    assert "passes to Tensor 'x' is infinite in 1 of 2 places" in message
    assert x.grad is None


def test_nought_times_infinity_behind_where_is_told():
    x = ag.Tensor([0.0, 4.0])

    def call():
        root = ag.sqrt(x)
        ag.where(x.data > 0, root, 0.0).sum().backward()

    message = caught(call)
    assert "0 · ∞ is NaN" in message
    assert "sqrt(where(mask, x, 1.0))" in message
    with ag.debug():
        mask = x.data > 0
        ag.where(mask, ag.sqrt(ag.where(mask, x, 1.0)), 0.0).sum().backward()
    assert x.grad.tolist() == [0.0, 0.25]


def test_gradients_of_every_kind_are_looked_at():
    """`gradients`, `grad` and a graph of gradients too."""
    for call in (
        lambda: ag.gradients(ag.sqrt(x := ag.Value(0.0)), x),
        lambda: ag.grad(ag.sqrt)(0.0),
        lambda: ag.gradients(ag.sqrt(x := ag.Value(0.0)), x, create_graph=True),
    ):
        assert "'sqrt'" in caught(call)


@pytest.mark.parametrize(
    "call",
    [
        lambda: ag.hessian(lambda x: ag.norm(x) + (x**3).sum())(np.array([1.0, 2.0])),
        lambda: ag.jacobian(lambda x: ag.softmax(x) * ag.std(x))(np.array([1.0, 2.0, 2.0])),
        lambda: ag.derivative(lambda x: ag.sinc(x) * x**-2, 2)(0.5),
        lambda: ag.jvp(lambda x: ag.relu(x) @ x, np.ones(3), np.ones(3)),
        lambda: ag.gradients((v := ag.Value(2.0)) ** 3 * 2.0, v),
    ],
)
def test_numbers_under_debug_are_the_same_to_the_bit(call):
    plain = call()
    with ag.debug():
        watched = call()
    for a, b in zip(np.atleast_1d(plain), np.atleast_1d(watched), strict=True):
        np.testing.assert_array_equal(a, b)


# ---- Changed in place, cut off --------------------------------------------------------------------------------------


def test_an_array_that_is_written_into_is_named_with_its_reader():
    """A batch's buffer that is used again before backward(): outside of debug the gradient would be wrong in silence."""
    X, W = np.ones((2, 2)), ag.Tensor(np.ones((2, 2)), label="W")

    def call():
        loss = (X @ W).sum()  # bad
        X[0, 0] = 5.0
        loss.backward()

    message = caught(call, ag.GraphError)
    assert "changed in place after 'matmul'" in message
    assert f"line {marked(call)}" in message
    assert W.grad is None
    with ag.debug():
        (X @ W).sum().backward()  # what is read anew is right again


@pytest.mark.parametrize("make", [lambda: ag.Value(2.0, label="w"), lambda: ag.Tensor([2.0], label="w")])
def test_raw_writes_into_leaves_and_results_are_caught(make):
    """Values that are assigned anew, and results that are written into."""
    w = make()

    def leaf():
        loss = ag.sin(w)
        if isinstance(w, ag.Value):
            w.data = 3.0
        else:
            w.data[...] = 3.0
        loss.sum().backward()

    assert "'w'" in caught(leaf, ag.GraphError)
    if isinstance(w, ag.Tensor):

        def result():
            hidden = ag.tanh(w)
            hidden.data[hidden.data > 0] = 0.0
            hidden.sum().backward()

        assert "the result of 'tanh'" in caught(result, ag.GraphError)


def test_a_training_under_debug_is_let_alone():
    """Optimisers, batches and schedules change parameters between steps, which is no fault."""
    X, y = np.random.default_rng(0).normal(size=(12, 2)), np.ones((12, 1))
    losses = []
    for block in (ag.enable_grad, ag.debug):
        net = ag.nn.MLP([2, 4, 1], rng=0)
        adam = ag.optim.Adam(net.parameters(), lr=0.1)
        with block():
            losses.append(
                ag.fit(net, X, y, loss=ag.nn.mse, optimizer=adam, epochs=5, batch_size=5, rng=0)["loss"]
            )
    assert losses[0] == losses[1]


@pytest.mark.parametrize("how", ["detach", "no_grad"])
def test_what_cut_a_graph_is_told_with_its_line(how):
    W = ag.Tensor([1.0, 2.0])

    def detached():
        p = (W * 2.0).detach()  # bad
        (p * 3.0).sum().backward()

    def unrecorded():
        with ag.no_grad():
            p = W * 2.0  # bad
        (p * 3.0).sum().backward()

    call = detached if how == "detach" else unrecorded
    assert f"cut off by {how} in test_debug.py, line {marked(call)}" in caught(call, ag.GraphError)


# ---- The user's line ----------------------------------------------------------------------------------------------------

SCRIPT = """import autograd_mini as ag
import numpy as np


def model(x):
    return np.exp(x)

with ag.debug():
    model(ag.nn.Linear(1, 1, rng=0)([[1e6]]))
"""


def test_a_script_is_named_with_its_own_line(tmp_path):
    """Not the line of the package, nor NumPy's."""
    (tmp_path / "mine.py").write_text(SCRIPT)
    done = run([sys.executable, str(tmp_path / "mine.py")])
    assert "'exp' in mine.py, line 6: `return np.exp(x)`" in done.stderr


def test_a_notebook_cell_is_named():
    """The cell's number, its line and its text."""
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    cells = ["import autograd_mini as ag", "x = ag.Value(0.0)\nwith ag.debug():\n    y = ag.log(x)"]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    with pytest.raises(nbclient.exceptions.CellExecutionError) as error:
        nbclient.NotebookClient(book, timeout=120).execute()
    assert "'log' in Cell In[2], line 3: `y = ag.log(x)`" in str(error.value)


DOCTEST = '''
import doctest
def f():
    """
    >>> import autograd_mini as ag
    >>> with ag.debug():
    ...     x = ag.Value(0.0)
    ...     ag.log(x)
    """
doctest.run_docstring_examples(f, {}, name="f")
'''


def test_a_doctest_is_named():
    done = run_script(DOCTEST)
    assert "'log' in <doctest f[1]>, line 3: `ag.log(x)`" in done.stdout, done.stdout + done.stderr


# ---- Off ------------------------------------------------------------------------------------------------------------------


def functions():
    """What the engine calls by the names that debug puts others under."""
    named = [(node, "made"), (node, "record"), (value, "made"), (engine, "sweep"), (derivatives, "sweep")]
    named += [(Compiled, "__call__")]
    quick = [vocabulary(reading)["meta_here"] for reading in (FLOATS, ARRAYS)]
    return [getattr(owner, name) for owner, name in named] + quick


def test_what_is_compiled_is_looked_into():
    """Inside a block a compiled function runs as it was written; outside it is replayed as ever."""

    @ag.compile
    def f(w):
        return ag.log(w * 2.0)  # bad

    assert f(np.array([1.0])).tolist() == [np.log(2.0)]
    message = caught(lambda: f(np.array([0.0])))
    assert message.startswith("'log' in test_debug.py")
    assert "return ag.log(w * 2.0)" in message
    with ag.debug():
        assert f(np.array([1.0])).tolist() == [np.log(2.0)]
    assert f(np.array([0.0])).tolist() == [-np.inf]


def test_debug_leaves_nothing_behind():
    """The engine calls its own functions again, after an error, after nested blocks and with a method made meanwhile."""
    before = functions()
    with ag.debug(), ag.debug():
        assert not set(before) & set(functions())
        ag.Value(2.0) ** 1.2345  # makes a quick method
    caught(log_of_softmax)
    assert functions() == before
    y = ag.Value(2.0) ** 1.2345
    assert y.meta is None
    assert (y * 2.0).meta is None


def test_it_holds_for_its_own_context_alone():
    """Another thread and another task are not watched, and give what they always give."""
    found = {}

    def other():
        found["thread"] = ag.log(ag.Value(0.0))

    async def task(watched):
        if watched:
            with ag.debug():
                await asyncio.sleep(0.01)
        else:
            found["task"] = ag.log(ag.Value(0.0))

    async def both():
        await asyncio.gather(task(True), task(False))

    with ag.debug():
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    asyncio.run(both())
    assert found["thread"].data == found["task"].data == -np.inf
    assert found["thread"].meta is None


def test_nodes_that_remember_their_line_can_be_copied():
    with ag.debug():
        net = ag.nn.Linear(2, 1, rng=0)
        net(np.ones((1, 2))).sum().backward()
    assert copy.deepcopy(net).weight.data.tolist() == net.weight.data.tolist()
    assert pickle.loads(pickle.dumps(net.weight)).data.tolist() == net.weight.data.tolist()


def test_after_ctrl_c_at_any_line_nothing_is_left():
    """The engine's own code runs again, and no block is open, wherever the interrupt came."""
    before, hit = functions(), 0
    x = ag.Tensor([1.0, 2.0])

    def scene():
        with ag.debug():
            (x * x).sum().backward()

    scene()
    for n in range(1, 2000):
        try:
            with Interrupt(n):
                scene()
        except KeyboardInterrupt:
            hit += 1
        else:
            break
        assert functions() == before, n
        assert not module._open, n
        assert module._watching.get() is None, n
    assert hit > 100


def test_the_tests_of_debug_can_fail(monkeypatch):
    """Where the watch does not look, nothing is raised."""
    monkeypatch.setattr(module, "_look_forward", lambda *given: None)
    with pytest.raises(pytest.fail.Exception):
        caught(exp_overflow)
