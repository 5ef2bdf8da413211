"""compile: what is replayed is what the engine gives, on numbers other than those recorded."""

import functools
import gc
import threading
import tracemalloc

import numpy as np
import pytest

import autograd_mini as ag
from autograd_mini.compile import function
from tests.helpers.processes import run_script
from tests.helpers.readings import CASES, bits
from tests.helpers.table import F


@functools.cache
def weights(shape, dtype):
    """An array of that shape, always the same one: made while a function is recorded, it would be refused."""
    return np.linspace(0.5, 1.5, int(np.prod(shape))).astype(dtype).reshape(shape)


def run_or_refused(run, given):
    """Whether a function can be recorded."""
    try:
        run(*given)
    except ag.CompileError:
        return False
    return True


def both_orders(sample):
    """The function of the sample's variables that gives its value, its gradients, and the gradients of those."""

    def f(operands):
        out = sample.call(F, *operands)
        if sample.mask:
            return [out]
        xs = [operands[i] for i in sample.wrt]
        total = out if out.shape == () else (out * weights(out.shape, out.dtype)).sum()
        first = ag.gradients(total, xs, create_graph=True, allow_unused=True)
        again = functools.reduce(lambda a, b: a + b, [g if g.shape == () else (g * g).sum() for g in first])
        if not again.requires_grad:
            return [out, *first]
        return [out, *first, *ag.gradients(again, xs, create_graph=True, allow_unused=True)]

    return f


@pytest.fixture(params=["exact", "quick"])
def quick(request, monkeypatch):
    """Whether sums may be added up in another order."""
    monkeypatch.setattr(function, "QUICK", request.param == "quick")
    return request.param == "quick"


@pytest.mark.slow(keep=0.2)
@pytest.mark.parametrize(("sample", "kind", "dtype"), CASES)
def test_every_row_is_replayed_to_the_bit_on_other_numbers(sample, kind, dtype, quick):
    """Value, first and second derivatives of each sample, recorded on one draw and replayed on others."""

    def drawn(turn):
        operands = sample.draw(kind, turn)
        if kind == "Value":
            return [x.item() if x.shape == () else x for x in operands]
        return [x.astype(dtype) if x.dtype.kind == "f" else x for x in operands]

    make = ag.Value if kind == "Value" else ag.Tensor
    f = both_orders(sample)
    first = drawn(0)
    variable = [i for i in range(len(first)) if i in sample.wrt or sample.mask]

    def replayed(*given):
        operands = list(first)
        for i, x in zip(variable, given, strict=True):
            operands[i] = x
        return f(operands)

    run = ag.compile(replayed)
    if not run_or_refused(
        run, [first[i] for i in variable]
    ):  # slogdet's sign is a plain number; these make an array with NumPy
        assert sample.row == "logabsdet" or sample.label in ("into plain zeros", "a number 21")
        return
    for turn in range(4):
        given = [drawn(turn)[i] for i in variable]
        found = run(*given)
        operands = list(first)
        for i, x in zip(variable, given, strict=True):
            operands[i] = make(x)
        for mine, theirs in zip(found, f(operands), strict=True):
            if quick:
                assert bits(mine)[:2] == bits(theirs.data)[:2]
                rtol = 1e-12 if dtype == "float64" else 2e-5
                size = np.max(np.abs(theirs.data), initial=1.0, where=np.isfinite(theirs.data))
                np.testing.assert_allclose(mine, theirs.data, rtol=rtol, atol=rtol * size)
            else:
                assert bits(mine) == bits(theirs.data)
    assert [len(versions) for versions in run.versions.values()] == [1]


# ---- Branches ---------------------------------------------------------------------------------------------------------


def versions(run):
    """How many versions are kept."""
    return sum(map(len, run.versions.values()))


def test_a_branch_on_a_number_is_a_guard():
    """relu by `if`: both ways are recorded once, and a call takes the one that it decides for."""
    run = ag.compile(lambda x: x * 2.0 if x > 0 else 0.0 * x)
    assert [run(x) for x in (3.0, -1.0, 2.0, -5.0, 4.0)] == [6.0, -0.0, 4.0, -0.0, 8.0]
    assert versions(run) == 2
    assert "if " in run.source
    assert "return None" in run.source


def test_newtons_iteration_with_a_while_takes_as_many_steps_as_the_numbers_ask_for():
    """A loop whose end the numbers decide, and its derivative."""

    def root(a):
        x = a
        while abs(x * x - a) > 1e-12 * a:
            x = 0.5 * (x + a / x)
        return x

    run, slope = ag.compile(root), ag.compile(ag.grad(root))
    for a in (2.0, 9.0, 1e6, 2.5, 9.0):
        assert run(a) == root(ag.Value(a)).data
        assert slope(a) == ag.grad(root)(a)


def test_builtin_max_and_sorted_are_guards_too():
    """Python's own functions compare."""
    run = ag.compile(lambda a, b, c: max(a, b) * sorted([a, b, c])[0])
    for given in [(1.0, 2.0, 3.0), (3.0, 2.0, 1.0), (2.0, 2.0, 2.0), (-1.0, 5.0, 2.0)]:
        assert run(*given) == max(given[:2]) * sorted(given)[0]


def test_after_eight_ways_a_function_runs_uncompiled_and_says_so_once():
    """With right results, one warning, and the reason as an attribute."""

    def steps(x):
        n = 0
        while x > n:
            n += 1
        return x * n

    run = ag.compile(steps)
    for n in range(8):
        assert run(n + 0.5) == (n + 0.5) * (n + 1)
    with pytest.warns(RuntimeWarning, match="more than 8 different ways"):
        assert run(20.5) == 20.5 * 21
    assert run(30.5) == 30.5 * 31
    assert "uncompiled" in run.reason


def test_a_program_of_too_many_operations_runs_uncompiled_and_says_so(monkeypatch):
    """Straight lines are for functions of some thousand operations."""
    monkeypatch.setattr(function, "LONGEST", 50)
    run = ag.compile(lambda x: functools.reduce(lambda a, b: a * 0.5 + b, [x] * 100))
    with pytest.warns(RuntimeWarning, match=r"makes \d+ operations"):
        first = run(2.0)
    assert run(2.0) == first == functools.reduce(lambda a, b: a * 0.5 + b, [2.0] * 100)


def test_long_sums_and_chains_do_not_recurse():
    """Thousands of operations, one on top of the other; read for people too."""
    w = ag.Tensor([1.0, 2.0], label="w")
    total = sum((w * float(i)).sum() for i in range(3000))
    run = ag.compile(lambda x: sum((x * float(i)).sum() for i in range(3000)))
    assert run(w.data) == pytest.approx(total.item(), rel=1e-12)
    assert "def backprop(w)" in ag.backprop_source(sum((w * float(i)).sum() for i in range(600)), w)


def test_a_mask_of_a_tensor_is_computed_again():
    """where, and a product with a comparison, on other signs."""
    run = ag.compile(lambda x: (ag.where(x > 0, x, 0.1 * x) + x * (x < 1)).sum())
    for x in (np.array([1.0, -2.0, 0.5]), np.array([-1.0, 2.0, 3.0])):
        assert run(x) == (np.where(x > 0, x, 0.1 * x) + x * (x < 1)).sum()


# ---- What is read at each call ----------------------------------------------------------------------------------------


def test_parameters_are_read_at_each_call():
    """After an update in place, a new `.data`, and an optimiser's step."""
    net = ag.nn.MLP([2, 3, 1], activation="tanh", rng=0)
    X = np.random.default_rng(0).normal(size=(5, 2))
    run = ag.compile(lambda X: net(X).sum())
    sgd = ag.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(3):
        assert run(X) == pytest.approx(net(X).sum().item(), rel=1e-12)
        sgd.zero_grad()
        net(X).sum().backward()
        sgd.step()
    net.layers[0].weight.data = np.ones((2, 3))
    assert run(X) == pytest.approx(net(X).sum().item(), rel=1e-12)
    assert versions(run) == 1


def test_closed_over_arrays_are_read_by_reference():
    """What is written into them is seen, integers too; and a name bound to another array records again."""
    data = {"y": np.array([1.0, 2.0, 3.0])}
    y, labels = data["y"], np.array([1, 0])
    run = ag.compile(lambda x: ((x - y) ** 2).sum())
    loss = ag.compile(lambda z: ag.nn.cross_entropy(z, labels))
    z = np.array([[1.0, 2.0], [3.0, 5.0]])
    for _ in range(3):
        assert run(np.ones(3)) == ((1.0 - y) ** 2).sum()
        assert loss(z) == ag.nn.cross_entropy(z, labels)
        y += 1.0
        labels[:] = labels[::-1].copy()
    assert versions(run) == versions(loss) == 1
    y = np.array([5.0, 5.0, 5.0])
    assert run(np.ones(3)) == 48.0


def test_a_number_that_is_closed_over_and_bound_anew_is_seen():
    """A learning rate, say."""
    rate = 0.5
    run = ag.compile(lambda x: rate * x)
    assert run(2.0) == 1.0
    rate = 2.0
    assert run(2.0) == 4.0


class Scaled:
    """An object whose method is compiled."""

    def __init__(self):
        self.w, self.factor = ag.Tensor([1.0, 2.0]), 2.0

    @ag.compile
    def total(self, x):
        return (self.w * x * self.factor).sum()


def test_attributes_of_an_object_are_watched():
    """A method's own object, numbers and parameters that it names; and a model that is put into training mode."""
    one, other = Scaled(), Scaled()
    assert one.total(np.ones(2)) == other.total(np.ones(2)) == 6.0
    one.factor = 3.0
    assert one.total(np.ones(2)) == 9.0
    assert other.total(np.ones(2)) == 6.0
    one.w = ag.Tensor([0.0, 1.0])
    assert one.total(np.ones(2)) == 3.0
    net = ag.nn.Sequential(ag.nn.Linear(2, 2, rng=0), ag.nn.Dropout(0.5, rng=0)).eval()
    run = ag.compile(lambda x: net(x).sum())
    run(np.ones((1, 2)))
    net.train()
    with pytest.raises(ag.CompileError, match="Dropout"):
        run(np.ones((1, 2)))


def test_numpys_comparisons_are_masks_too():
    """np.greater, and an array on the left."""
    run = ag.compile(lambda x, y: np.greater(x, 0.0) * x + (y > x) * 2.0)
    for sign in (1.0, -1.0):
        x, y = sign * np.array([1.0, -2.0]), np.array([0.5, 0.0])
        np.testing.assert_array_equal(run(x, y), (x > 0) * x + (y > x) * 2.0)


def test_a_closed_over_list_of_numbers_that_changes_is_seen():
    """It is compared at each call."""
    y = [1.0, [2.0, 3.0]]
    run = ag.compile(lambda x: (x * y[1]).sum())
    assert run(np.ones(2)) == 5.0
    y[1][0] = 4.0
    assert run(np.ones(2)) == 7.0


def test_batches_labels_and_masks_that_change_are_seen():
    """As arguments: class indices with another class, and booleans."""
    run = ag.compile(lambda z, y: ag.nn.cross_entropy(z, y))
    chosen = ag.compile(lambda z, m: ag.where(m, z, 0.0).sum())
    rng = np.random.default_rng(0)
    for _ in range(4):
        z, y, m = rng.normal(size=(6, 3)), rng.integers(0, 3, 6), rng.random((6, 3)) < 0.5
        assert run(z, y) == ag.nn.cross_entropy(z, y)
        assert chosen(z, m) == pytest.approx(np.where(m, z, 0.0).sum(), rel=1e-12)
    assert versions(run) == versions(chosen) == 1
    with pytest.raises(IndexError, match="cross_entropy: target 3 out of range for 3 classes"):
        run(z, np.full(6, 3))
    with pytest.raises(IndexError, match="cross_entropy: target -1 out of range for 3 classes"):
        run(z, np.full(6, -1))


def test_another_shape_dtype_or_structure_is_recorded_anew():
    """And float32 stays float32."""
    run = ag.compile(lambda p: ag.tanh(p["a"]) * 2.0)
    for a in (np.ones(2), np.ones(3), np.ones(2, np.float32), 1.0):
        found, wanted = run({"a": a}), np.tanh(a) * 2.0
        assert bits(found) == bits(wanted)
    assert versions(run) == 4


def test_results_keep_their_structure():
    """Nested containers, numbers, None and a namedtuple."""
    run = ag.compile(lambda x, flag=True: {"a": [x, (x + 1.0, None)], "n": 3, "flag": flag})
    assert run(2.0) == {"a": [2.0, (3.0, None)], "n": 3, "flag": True}
    assert run(2.0, flag=False)["flag"] is False


def test_results_are_fresh():
    """An output is neither an argument's nor a parameter's memory, nor that of the call before."""
    W = ag.Tensor(np.ones((2, 2)))
    run = ag.compile(lambda x: (x, W, W.T, x.reshape(4), W * 2.0, W * 2.0))
    x = np.ones((2, 2))
    first, second = run(x), run(x)
    everything = [x, W.data, *first, *second]
    for i, a in enumerate(everything):
        for b in everything[:i]:
            assert not np.may_share_memory(a, b)


# ---- Gradients and updates --------------------------------------------------------------------------------------------


def problem():
    rng = np.random.default_rng(1)
    params = [
        ag.Tensor(rng.normal(size=s), label=n) for n, s in (("W1", (2, 3)), ("b1", (3,)), ("W2", (3, 1)))
    ]
    X, y = rng.normal(size=(8, 2)), rng.normal(size=(8, 1))

    def loss(X, y):
        return ag.nn.mse(ag.sigmoid(X @ params[0] + params[1]) @ params[2], y)

    return params, loss, X, y


def test_backward_inside_sets_the_gradients_of_leaves():
    """As eagerly: they are added up, zero_grad forgets them, and none is a node afterwards."""
    params, loss, X, y = problem()

    def step(X, y):
        for p in params:
            p.zero_grad()
        out = loss(X, y)
        out.backward()
        return out

    def more(X, y):
        loss(X, y).backward()

    run, add = ag.compile(step), ag.compile(more)
    for k in range(3):
        run(X + k, y)
        mine = [p.grad for p in params]
        assert all(type(g) is np.ndarray for g in mine)
        step(X + k, y)
        for p, g in zip(params, mine, strict=True):
            np.testing.assert_allclose(p.grad, g, rtol=1e-12)
        add(X + k, y)
        for p, g in zip(params, mine, strict=True):
            np.testing.assert_allclose(p.grad, 2.0 * g, rtol=1e-12)


def test_an_update_under_no_grad_is_written_at_each_call():
    """`w -= rate * gradient` in a compiled step: the same losses and parameters as eagerly."""
    params, loss, X, y = problem()
    others, other_loss, _, _ = problem()

    def step_of(params, loss):
        def step(X, y):
            out = loss(X, y)
            grads = ag.gradients(out, params)
            with ag.no_grad():
                for i, g in enumerate(grads):
                    params[i] -= 0.1 * (ag.Tensor(g, requires_grad=False) if isinstance(g, np.ndarray) else g)
            return out

        return step

    eager, run = step_of(others, other_loss), ag.compile(step_of(params, loss))
    for _ in range(4):
        assert run(X, y) == pytest.approx(eager(X, y).item(), rel=1e-12)
        for p, q in zip(params, others, strict=True):
            np.testing.assert_allclose(p.data, q.data, rtol=1e-12)


@pytest.mark.parametrize("is_returned", [True, False], ids=["returned", "not returned"])
@pytest.mark.parametrize("hidden", [3, 400], ids=["small", "large"])
def test_what_an_update_reads_at_the_end_is_not_written_over(hidden, is_returned):
    """Gradients that are also returned, scaled and summed up; weights in the vector and weights that BLAS adds to."""

    def made():
        rng = np.random.default_rng(0)
        params = [ag.Tensor(rng.normal(size=shape)) for shape in ((50, hidden), (hidden,), (hidden, 1), (1,))]

        def step(X, y):
            out = ag.nn.mse(ag.tanh(X @ params[0] + params[1]) @ params[2] + params[3], y)
            grads = ag.gradients(out, params, create_graph=True)
            scaled = [ag.exp(-abs(g)) for g in grads]
            extra = scaled, scaled[0].T, sum((g * g).sum() for g in scaled)
            with ag.no_grad():
                for i, g in enumerate(grads):
                    params[i] -= 0.1 * g
            return out, grads if is_returned else [], extra

        return params, step

    (params, step), (others, eager) = made(), made()
    run, rng = ag.compile(step), np.random.default_rng(1)
    for _ in range(3):
        X, y = rng.normal(size=(8, 50)), rng.normal(size=(8, 1))
        out, grads, (scaled, turned, total) = run(X, y)
        wanted = eager(X, y)
        pairs = [
            (out, wanted[0]),
            *zip(grads, wanted[1], strict=True),
            *zip(scaled, wanted[2][0], strict=True),
        ]
        pairs += [
            (turned, wanted[2][1]),
            (total, wanted[2][2]),
            *zip([p.data for p in params], others, strict=True),
        ]
        for a, b in pairs:  # a product may add up in another order, which shows where large terms cancel
            np.testing.assert_allclose(a, b.data, rtol=1e-10, atol=1e-13 * max(10.0, np.abs(b.data).max()))


def test_two_parameters_are_exchanged():
    """Each is read before either is written."""
    a, b = ag.Tensor(np.arange(4.0).reshape(2, 2)), ag.Tensor(np.ones((2, 2)))
    pair = [a, b]

    def swap():
        old = a + 0.0
        with ag.no_grad():
            pair[0] -= a - b.T
            pair[1] -= b - old.T
        return a.sum()

    run = ag.compile(swap)
    assert run() == 4.0
    assert (a.data.tolist(), b.data.tolist()) == ([[1.0, 1.0], [1.0, 1.0]], [[0.0, 2.0], [1.0, 3.0]])
    assert run() == 6.0


def test_a_changed_parameter_is_read_as_it_was_at_each_place():
    """Used before and after its update in one function."""
    w = ag.Tensor([1.0, 2.0])

    def step(x):
        before = (w * x).sum()
        with ag.no_grad():
            nonlocal_w = w
            nonlocal_w -= 0.5 * x
        return before, (w * x).sum()

    run = ag.compile(step)
    x = np.array([1.0, 1.0])
    assert run(x) == (3.0, 2.0)
    assert run(x) == (2.0, 1.0)
    assert w.data.tolist() == [0.0, 1.0]


def test_an_error_while_recording_leaves_everything_as_it_was():
    """Data and gradients of parameters."""
    w = ag.Tensor([1.0, 2.0])

    def step(x):
        (w * x).sum().backward()
        with ag.no_grad():
            v = w
            v -= x
        raise KeyError("here")

    with pytest.raises(KeyError):
        ag.compile(step)(np.ones(2))
    assert w.data.tolist() == [1.0, 2.0]
    assert w.grad is None
    assert (w * 2.0).sum().item() == 6.0


@pytest.mark.parametrize("transformed", ["hessian", "jacobian", "hvp", "jvp", "nested"])
def test_transformations_compile(transformed):
    """Higher derivatives of functions of arrays, on other numbers than those recorded."""

    def rosenbrock(x):
        return (100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2).sum()

    f = {
        "hessian": ag.hessian(rosenbrock),
        "jacobian": ag.jacobian(lambda x: ag.stack([rosenbrock(x), x.prod()])),
        "hvp": lambda x: ag.hvp(rosenbrock, x, x * 2.0),
        "jvp": lambda x: ag.jvp(rosenbrock, x, x * 2.0),
        "nested": ag.grad(lambda x: ag.grad(rosenbrock)(x).sum() * x[0]),
    }[transformed]
    run = ag.compile(f)
    for seed in range(3):
        x = np.random.default_rng(seed).normal(size=5)
        mine, theirs = run(x), f(ag.Tensor(x) if transformed in ("hvp", "jvp") else x)
        mine, theirs = (z if isinstance(z, tuple) else (z,) for z in (mine, theirs))
        for a, b in zip(mine, theirs, strict=True):
            np.testing.assert_allclose(a, getattr(b, "data", b), rtol=1e-13, atol=1e-13)


def test_floats_that_overflow_are_ieee():
    """Where Python's floats would raise."""
    run = ag.compile(lambda x, y: (ag.exp(x), x / y, ag.log(x), x**-2))
    assert run(1.0, 2.0) == (np.e, 0.5, 0.0, 1.0)
    assert run(1000.0, 0.0)[:2] == (np.inf, np.inf)
    found = run(0.0, 0.0)
    assert np.isnan(found[1])
    assert found[2:] == (-np.inf, np.inf)


# ---- What is refused --------------------------------------------------------------------------------------------------

y_outside = np.array([1.0, 0.0])
REFUSED = {
    "data": (lambda x: x * x.data.sum(), r"\.data of Tensor"),
    "item": (lambda x: x * x.sum().item(), r"\.item\(\) of Tensor"),
    "float": (lambda x: x * float(x.sum()), r"float\(\) of Tensor"),
    "argmax": (lambda x: x[x.argmax()], r"\.argmax\(\) of Tensor"),
    "asarray": (lambda x: np.asarray(x.detach()).sum() * x, r"np.asarray\(\) of Tensor"),
    "format": (lambda x: (f"{x.sum():.3f}", x)[1], r"\.item\(\) of Tensor"),
    "temporary": (lambda x: x * (1.0 - y_outside), r"an array of shape \(2,\) was computed with NumPy"),
    "dropout": (ag.nn.Dropout(0.5, rng=0), r"Dropout"),
    "index": (lambda x: x[x], r"an index by an argument of Tensor"),
    "np.argmax": (lambda x: x * np.argmax(x), r"a NumPy function that gives plain data"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_be_frozen_is_refused_with_its_line(name):
    """CompileError says what, and the line of this file."""
    f, message = REFUSED[name]
    with pytest.raises(ag.CompileError, match=message) as caught:
        ag.compile(f)(np.array([1.0, 2.0]))
    assert name == "dropout" or "of test_compile.py" in str(caught.value)


def test_an_operation_of_ones_own_that_cannot_be_read_is_named():
    """np.… in place of xp.…; one that is written with xp is compiled."""
    bad = ag.Op("bad", lambda xp, x: np.exp(x), (lambda xp, g, out, x: g * out,))
    good = ag.Op("good", lambda xp, x: xp.exp(x) * x, (lambda xp, g, out, x: g * (out + xp.exp(x)),))
    with pytest.raises(ag.CompileError, match="'bad' cannot be read"):
        ag.compile(lambda x: bad(x))(np.ones(2))
    run = ag.compile(ag.grad(lambda x: good(x).sum()))
    x = np.array([0.5, 1.0])
    run(x)
    np.testing.assert_array_equal(run(x + 1.0), ag.grad(lambda x: good(x).sum())(x + 1.0))


def test_arguments_that_are_no_function_or_engine_are_refused():
    """With what is wanted."""
    with pytest.raises(TypeError, match="a function is needed, got float"):
        ag.compile(2.0)
    with pytest.raises(ValueError, match="engine must be"):
        ag.compile(np.sin, engine="fast")
    with pytest.raises(ag.CompileError, match="no source before the first call"):
        print(ag.compile(ag.sin).source)


# ---- Threads, memory, other processes ---------------------------------------------------------------------------------


def test_eight_threads_get_right_results():
    """While some of them record."""
    params, loss, X, y = problem()
    run = ag.compile(lambda X, y, k: loss(X, y) * k if k > 0 else loss(X, y))
    wrong = []

    def work(i):
        rng = np.random.default_rng(i)
        for _ in range(60):
            shift, k = rng.normal(), float(rng.normal())
            wanted = loss(X + shift, y).item() * (k if k > 0 else 1.0)
            if abs(run(X + shift, y, k) - wanted) > 1e-12 * abs(wanted):
                wrong.append((i, shift))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert run.reason is None


def test_memory_stays_flat_and_the_graph_is_gone():
    """Thousands of calls, and no node of the recording is alive after it."""
    params, loss, X, y = problem()
    run = ag.compile(lambda X: ag.gradients(loss(X, y), params))
    run(X)
    gc.collect()
    before = sum(type(x) is ag.Tensor for x in gc.get_objects())
    tracemalloc.start()
    run(X)
    start = tracemalloc.get_traced_memory()[0]
    for _ in range(3000):
        run(X)
    gc.collect()
    grown = tracemalloc.get_traced_memory()[0] - start
    tracemalloc.stop()
    assert grown < 20_000
    assert sum(type(x) is ag.Tensor for x in gc.get_objects()) <= before


def test_the_source_runs_in_another_process():
    """It holds all but the values of what the function reads."""
    run = ag.compile(ag.grad(lambda x: (ag.sigmoid(x) * x).sum()), engine="numpy")
    x = np.array([0.5, -1.0])
    wanted = run(x)
    name = run.latest.run.__name__
    script = f"{run.source}\nprint([v.hex() for v in {name}(np.array([0.5, -1.0]))[0][0].tolist()])\n"
    done = run_script(script)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str([v.hex() for v in wanted.tolist()])
