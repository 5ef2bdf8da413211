"""What a script does with arrays and numbers is recorded, and runs as it would without recording."""

import copy
import os
import pickle
import random
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autograd_mini.check.audit import proxies, record
from autograd_mini.check.audit.record import Step
from autograd_mini.check.audit.source import Sources

FEATURES = {
    "binary operators": "out = (x + 1) * x - x / 2",
    "power": "out = x ** 2",
    "negative": "out = -x",
    "in place add": "y = x.copy(); y += x; out = y",
    "in place multiply": "y = x * 1; y *= 2; out = y",
    "item assignment": "y = np.zeros((3, 2)); y[1, 0] = x[0, 0]; out = y",
    "row assignment": "y = np.zeros((3, 2)); y[1] = x[0]; out = y",
    "column in place": "y = x.copy(); y[:, 0] += 1; out = y",
    "mask assignment": "y = x.copy(); y[y < 0] = 0; out = y",
    "fancy assignment": "y = x.copy(); y[[0, 2], [1, 1]] -= 1; out = y",
    "view write": "y = x.copy(); v = y[1:]; v += 1; out = y",
    "view of a view": "y = x.copy(); y.T[0][1] = 5; out = y",
    "reshaped view": "y = x.copy(); y.reshape(-1)[2] = 7; out = y",
    "ravel write": "y = x.copy(); y.ravel()[:] = 3 * x.ravel(); out = y",
    "row iteration": "y = x.copy()\nfor row in y: row *= 2\nout = y",
    "out argument": "y = np.empty_like(x); np.exp(x, out=y); out = y",
    "matmul out": "y = np.empty((3, 3)); np.matmul(x, x.T, out=y); out = y",
    "copyto": "y = np.zeros_like(x); np.copyto(y, x); out = y",
    "add.at": "y = x.copy(); np.add.at(y, [0, 0], x[1]); out = y",
    "fill_diagonal": "y = x @ x.T; np.fill_diagonal(y, 1.0); out = y",
    "sort": "y = x.copy(); y.sort(axis=0); out = y",
    "fill and add": "y = x.copy(); y.fill(2.0); out = y + x",
    "dot": "out = np.dot(x, x.T)",
    "dot method": "out = x.dot(x.T)",
    "matmul": "out = x @ x.T",
    "outer": "out = np.outer(x[0], x[1])",
    "einsum": "out = np.einsum('ij,kj->ik', x, x)",
    "tensordot": "out = np.tensordot(x, x, axes=([1], [1]))",
    "sum axis": "out = x.sum(axis=0)",
    "mean keepdims": "out = np.mean(x, axis=1, keepdims=True)",
    "max": "out = x.max(axis=1)",
    "std and var": "out = x.std(axis=0) + np.var(x, axis=0)",
    "norm": "out = np.linalg.norm(x)",
    "cumsum": "out = np.cumsum(x, axis=0)",
    "where": "out = np.where(x > 0, x, 0.1 * x)",
    "maximum": "out = np.maximum(x, 0)",
    "clip": "out = np.clip(x, -1, 1)",
    "concatenate": "out = np.concatenate([x, x], axis=1)",
    "stacks": "out = np.vstack((x, x)) + np.vstack([x, x])",
    "c_": "out = np.c_[np.ones(3), x]",
    "r_": "out = np.r_[x, x]",
    "column_stack": "out = np.column_stack((x[:, 0], x[:, 1]))",
    "append": "out = np.append(x, 1.0)",
    "split": "a, b = np.split(x, 2, axis=1); out = a * b",
    "array of lists": "out = np.array([[x[0, 0], x[0, 1]], [1.0, x[1, 1]]])",
    "array ndmin": "out = np.array(x[0], ndmin=2).T",
    "transpose": "out = np.transpose(x)",
    "reshape": "out = x.reshape(2, 3)",
    "flatten": "out = x.flatten()",
    "newaxis": "out = x[:, np.newaxis] * x",
    "expand and squeeze": "out = np.squeeze(np.expand_dims(x, 0))",
    "tile and repeat": "out = np.tile(x, 2) + np.repeat(x, 2, axis=1)",
    "roll and flip": "out = np.roll(x, 1, axis=0) + np.flip(x)",
    "pad": "out = np.pad(x, 1)",
    "correlate": "out = np.correlate(x[:, 0], x[:2, 1])",
    "convolve": "out = np.convolve(x[:, 0], [1.0, 2.0])",
    "vectorize": "f = np.vectorize(lambda t: 1 / (1 + np.exp(-t))); out = f(x)",
    "vectorize with if": "f = np.vectorize(lambda t: t if t > 0 else 0.0); out = f(x)",
    "matrix product": "m = np.matrix(x); out = m * m.T",
    "matrix column": "m = np.matrix(x); out = np.multiply(m[:, 0], m[:, 1])",
    "astype": "out = x.astype(np.float32) * 2",
    "float of an item": "out = float(x[0, 0]) * 2",
    "item": "out = x[0, 0].item() * 2",
    "tolist": "out = sum(x.tolist()[0])",
    "sum builtin": "out = sum(x[:, 0])",
    "max builtin": "out = max(x[0, 0], x[0, 1]) * 1",
    "abs builtin": "out = abs(x)",
    "pow builtin": "out = pow(x[0, 0], 2)",
    "math": "import math\nout = math.exp(x[0, 0]) + math.tanh(x[0, 1])",
    "from math": "from math import exp as e\nout = e(-x[0, 0])",
    "generator": "out = sum(v * v for v in x[0])",
    "comprehension": "out = [v * 2 for v in x[0]][1]",
    "deepcopy": "import copy\nout = copy.deepcopy(x) * 2",
    "zip": "out = sum(a * b for a, b in zip(x[0], x[1]))",
    "enumerate": "out = 0\nfor i, row in enumerate(x): out = out + i * row",
    "integer times": "out = np.int64(3) * x[0, 0]",
    "float times": "out = 2.5 * x[0, 0]",
    "numpy alias": "import numpy\nout = numpy.tanh(x)",
    "star import": "from numpy import *\nout = tanh(x)",
    "from import": "from numpy import exp, dot\nout = exp(dot(x, x.T))",
    "submodule": "import numpy.linalg as la\nout = la.norm(x)",
    "literal leaf": "w = 0.5\nout = w * x",
    "dict": "d = {'a': x}; d['a'] = d['a'] - 0.1; out = d['a']",
    "a module's own names": "out = np.real(x) + np.positive(x)",
    "item by its number": "out = x.item(3) * 2",
    "a list times a number": "w = [0.5] * 3\nout = w[1] * x",
    "float32": "y = x.astype(np.float32); out = y[0, 0] * y",
    "column of a transpose": "y = x.T.copy(); y[:, 1] = x[1]; out = y",
    "lambda": "f = lambda t: t * t\nout = f(x)",
}


def recorded(code: str, tmp_path: Path) -> tuple[Any, Any]:
    """The run of a script that begins with x, and the variables that it leaves."""
    head = "import numpy as np\nrng = np.random.default_rng(0)\nx = rng.normal(size=(3, 2))\n"
    path = tmp_path / "script.py"
    path.write_text(head + code + "\nimport keep\nkeep.out = out\nkeep.x = x\n")
    (tmp_path / "keep.py").write_text("")
    run = proxies.Run(path, path.read_text(), [], None, 10, None).run()
    assert run.error is None, run.error
    return run, run.modules["keep"]


def plain_value(code: str) -> Any:
    """What the same lines give without recording."""
    names: dict[str, Any] = {}
    exec(f"import numpy as np\nx = np.random.default_rng(0).normal(size=(3, 2))\n{code}", names)
    return names["out"]


def ancestors(step: Step) -> set[int]:
    """The values that a value is computed with."""
    seen: set[int] = set()
    todo = [step]
    while todo:
        s = todo.pop()
        if s.id not in seen:
            seen.add(s.id)
            todo += s.parents
    return seen


@pytest.mark.filterwarnings("ignore:the matrix subclass")
@pytest.mark.parametrize("name", FEATURES)
def test_a_feature_is_recorded_with_its_value_and_its_operands(name: str, tmp_path: Path) -> None:
    """The last step equals what plain Python gives, and depends on the array; else a note says that it was lost."""
    run, kept = recorded(FEATURES[name], tmp_path)
    right = plain_value(FEATURES[name])
    out = kept.out
    assert np.array_equal(np.asarray(out), np.asarray(right))
    assert type(out).__mro__[2] in (type(right), np.ndarray) or isinstance(out, type(right))
    step = out._step
    assert np.allclose(step.value, right)
    leaf = next(s.id for s in run.record.steps if s.func is None and np.shape(s.value) == (3, 2))
    assert leaf in ancestors(step) or run.record.notes


def test_an_unseen_write_becomes_a_constant_with_a_note(tmp_path: Path) -> None:
    """What changes an array behind the recorder's back is found by comparing the numbers."""
    run, kept = recorded("y = x * 2\ny.flat[0] = 100.0\nout = y + 1", tmp_path)
    assert kept.out[0, 0] == 101.0
    assert "not followed" in run.record.notes[0]


def test_what_is_multiplied_by_nothing_depends_on_nothing(tmp_path: Path) -> None:
    """A sum that is set back by *= 0 starts anew."""
    _, kept = recorded("y = x.copy(); y *= 0; out = y + 1", tmp_path)
    assert kept.x._step.id not in ancestors(kept.out._step)
    assert np.array_equal(np.asarray(kept.out), np.ones((3, 2)))


def test_a_comparison_is_known_to_those_who_stand_in_its_branch(tmp_path: Path) -> None:
    """What a branch chooses, or a function returns there, leads to what was compared."""
    code = "def f(v):\n    if v > 9:\n        return 1\n    return 0\nclass_ = f(x[0, 0] * x[0, 1])\nout = class_ + x[1, 1]"
    run, kept = recorded(code, tmp_path)
    chosen = kept.out._step.parents[0]
    truth = Sources(run.record).branched_by(chosen)[0]
    assert truth.name == "greater"
    assert truth.parents[0].name == "multiply"


LARGE = "y = np.zeros((100, 100)) + x[0, 0]\n"
WRITES = {
    "in place": "y += 1",
    "by item": "y[3, 4] = 7.0",
    "by out": "np.exp(y, out=y)",
    "by a view": "y.T[5] = 2.0",
    "by a method": "y.fill(3.0)",
}


@pytest.mark.parametrize("name", WRITES)
def test_a_large_array_keeps_its_values_from_before_a_write(name: str, tmp_path: Path) -> None:
    """Large arrays are not copied when they are read; what they were stays known when the script writes there."""
    run, kept = recorded(f"{LARGE}before = y.copy()\n{WRITES[name]}\nout = y * 1", tmp_path)
    found = [s for s in run.record.steps if s.name == "add" and np.shape(s.value) == (100, 100)]
    assert np.array_equal(found[0].value, np.full((100, 100), float(kept.x[0, 0])))
    assert np.array_equal(np.asarray(kept.out), plain_value(f"{LARGE}{WRITES[name]}\nout = y"))
    assert not run.record.notes


def test_a_large_array_is_not_copied_when_it_is_read(tmp_path: Path) -> None:
    """Its step's value is the script's own memory."""
    run, kept = recorded(f"{LARGE}out = y[2:5] * 2\nimport keep\nkeep.y = y", tmp_path)
    step = kept.y._step
    assert np.shares_memory(step.value, np.asarray(kept.y))


def test_an_unseen_write_to_a_large_array_is_found(tmp_path: Path) -> None:
    """Some of its elements are looked at."""
    run, _ = recorded(f"{LARGE}y.flat[:] = 1.0\nout = y + 1", tmp_path)
    assert "not followed" in run.record.notes[0]


def test_shuffled_data_are_data(tmp_path: Path) -> None:
    """What shuffle leaves is followed from there, and is no loss."""
    code = "y = x.copy(); np.random.seed(3); np.random.shuffle(y); out = y * 2"
    run, kept = recorded(code, tmp_path)
    assert np.array_equal(np.asarray(kept.out), plain_value(code))
    assert not run.record.notes
    assert type(kept.out._step.args[0]) is Step


OF_NUMBERS = """x[()] x[None] x.any() x.flatten() x.tobytes() x.astype(int) x.__array__() x.view() x.round(1) x.tolist() x.flat[0]
x.conjugate() x.data[()] x.__array_interface__["shape"] x.size x.T x.real hash(x) int(x) bool(x) divmod(x,2) x==2
-x abs(x) x//2 2%x 2**x f"{x:.2f}" str(x) copy.deepcopy(x) pickle.loads(pickle.dumps(x)) np.asarray(x) x.item() x.sum()
x<3 3<x x>=2.5 x!=x (x>1)is(x>1) {x:1}[x] range(9)[int(x)]"""


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.int64])
def test_a_recorded_number_does_what_numpys_does(kind: Any) -> None:
    """Each expression gives what it gives of a plain number, or raises the same; none ends Python."""
    try:
        record.now = record.Record({})
        x = record.wrap(kind(2.25), None)
        for code in OF_NUMBERS.split():
            names: dict[str, Any] = {"np": np, "copy": copy, "pickle": pickle}
            got, right = (eval(code, names | {"x": value}) for value in (x, kind(2.25)))
            assert np.array_equal(np.asarray(got), np.asarray(right)), code
        with pytest.raises(IndexError):
            x[:, 0:5]
    finally:
        record.now = None


@pytest.mark.filterwarnings("ignore:the matrix subclass")
def test_what_is_pickled_is_plain() -> None:
    """A file that a script writes holds NumPy's own types."""
    try:
        record.now = record.Record({})
        for value in (np.ones((2, 3)), np.matrix([[1.0, 2.0]]), 2.5):
            back = pickle.loads(pickle.dumps(record.wrap(value, None)))
            assert type(back) is type(value)
            assert np.array_equal(back, value)
    finally:
        record.now = None


def test_what_a_script_changes_for_all_of_python_is_put_back(tmp_path: Path) -> None:
    """Its own arguments, folders, random numbers and error handling end with it."""

    def state() -> tuple[object, ...]:
        handler = signal.getsignal(signal.SIGALRM)
        mine = sys.argv, sys.path[:], sys.modules["__main__"], os.getcwd(), handler
        return *mine, np.geterr(), random.getstate()

    before = state()
    code = "import random, sys\nsys.argv.append('a'); sys.path.append('b'); random.random(); np.seterr(all='raise')\nout = x"
    recorded(code, tmp_path)
    assert state() == before


def test_the_output_is_that_of_the_plain_run(tmp_path: Path) -> None:
    """Printing recorded values shows what plain values show."""
    import io

    path = tmp_path / "s.py"
    path.write_text(
        "import numpy as np\nx = np.arange(3.) / 7\nw = 0.25\nprint(x, x[0], w, repr(x), f'{x[1]:.3f}', type(x))\n"
    )
    stream = io.StringIO()
    proxies.Run(path, path.read_text(), [], None, 10, stream).run()
    expected = "[0.         0.14285714 0.28571429] 0.0 0.25 array([0.        , 0.14285714, 0.28571429]) 0.143"
    assert stream.getvalue().startswith(expected)
    assert "<class 'numpy.ndarray'>" in stream.getvalue()
