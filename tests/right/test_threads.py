"""Several threads that run backward() on one shared leaf lose nothing, and modes of generators keep apart."""

import contextlib
import contextvars
import copy
import functools
import gc
import itertools
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import autograd_mini as ag


@pytest.fixture
def switching() -> Iterator[None]:
    """Threads take turns as often as the interpreter can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def together(work: Any, count: int = 8) -> None:
    errors: list[BaseException] = []
    start = threading.Barrier(count)

    def run(i: int) -> None:
        try:
            start.wait()
            work(i)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


@pytest.mark.parametrize("kind", ["Value", "Tensor", "0-d Tensor"])
def test_additions_of_several_threads_are_all_there(kind: str, switching: None) -> None:
    """8 threads with 2,000 backward passes each: exactly 16,000."""
    w = {
        "Value": lambda: ag.Value(1.0),
        "Tensor": lambda: ag.Tensor([1.0, 2.0]),
        "0-d Tensor": lambda: ag.Tensor(1.0),
    }[kind]()

    def work(i: int) -> None:
        for _ in range(2000):
            y = w * 1.0
            (y.sum() if kind == "Tensor" else y).backward()

    together(work)
    np.testing.assert_array_equal(w.grad, np.full(np.shape(w.data), 16_000.0))


def test_two_shared_leaves_move_together(switching: None) -> None:
    """One backward adds to both or to neither: their sums never differ when looked at from within a commit's order."""
    a, b = ag.Value(1.0), ag.Value(1.0)

    def work(i: int) -> None:
        for _ in range(1000):
            (a + b).backward()

    together(work)
    assert (a.grad, b.grad) == (8000.0, 8000.0)


def test_models_shared_by_threads(switching: None) -> None:
    net = ag.nn.MLP([3, 4, 1], activation="tanh", rng=0)
    X = np.random.default_rng(0).normal(size=(4, 3))
    net(X).sum().backward()
    once = [np.array(p.grad) for p in net.parameters()]
    for p in net.parameters():
        p.zero_grad()

    def work(i: int) -> None:
        for _ in range(100):
            net(X).sum().backward()

    together(work)
    for p, g in zip(net.parameters(), once, strict=True):
        np.testing.assert_allclose(p.grad, 800 * g, rtol=1e-12)


# ---- Modes and generators ----------------------------------------------------------------------------------------------


def recording() -> bool:
    return (ag.Value(1.0) * 2.0).requires_grad


def apart(test: Any) -> Any:
    """The test in a context of its own, its generators closed at the end: what it breaks stays there."""

    @functools.wraps(test)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        def inside() -> None:
            try:
                test(*args, **kwargs)
            finally:
                for generator in MADE:
                    with contextlib.suppress(BaseException):
                        generator.close()
                MADE.clear()

        contextvars.copy_context().run(inside)

    return wrapped


MADE: list[Any] = []


def held(mode: Any, count: int = 2) -> Iterator[bool]:
    MADE.append(_held(mode, count))
    return MADE[-1]  # type: ignore[no-any-return]


def _held(mode: Any, count: int = 2) -> Iterator[bool]:
    with mode():
        for _ in range(count):
            yield recording()


@pytest.mark.parametrize(
    "order", ["abab", "abba", "aabb", "ab then a closed", "ab then b closed", "a thrown into"]
)
@pytest.mark.parametrize(
    "modes", [(ag.no_grad, ag.no_grad), (ag.no_grad, ag.enable_grad), (ag.enable_grad, ag.no_grad)]
)
@apart
def test_generators_that_hold_a_mode_may_interleave(modes: Any, order: str) -> None:
    """No error, and when both are done the mode is as before."""
    a, b = held(modes[0], 1), held(modes[1], 1)
    next(a)
    next(b)
    if order == "a thrown into":
        with pytest.raises(KeyError):
            a.throw(KeyError)  # type: ignore[attr-defined]
        list(b)
    elif "closed" in order:
        first, second = (a, b) if order.endswith("a closed") else (b, a)
        first.close()  # type: ignore[attr-defined]
        second.close()  # type: ignore[attr-defined]
    else:
        for step in order[2:]:
            list(a if step == "a" else b)
        list(a)
        list(b)
    assert recording()


@apart
def test_a_generator_dropped_within_a_block_leaves_the_block_alone() -> None:
    with ag.no_grad():
        a = held(ag.enable_grad)
        assert next(a)
        MADE.clear()
        del a
        gc.collect()
        assert not recording()
    assert recording()


@apart
def test_three_generators_in_every_order() -> None:
    for order in itertools.permutations(range(3)):
        several = [held(mode, 1) for mode in (ag.no_grad, ag.enable_grad, ag.no_grad)]
        for one in several:
            next(one)
        for i in order:
            list(several[i])
        assert recording()


@apart
def test_a_generator_that_outlives_its_block() -> None:
    a = held(ag.no_grad, 1)
    with ag.enable_grad():
        next(a)
    list(a)
    assert recording()


# ---- What is left behind -----------------------------------------------------------------------------------------------


def test_a_copied_node_has_meta_of_its_own() -> None:
    for node in (ag.Value(1.0, label="a"), ag.Tensor([1.0], label="a")):
        for copied in (copy.copy(node), copy.deepcopy(node)):
            copied.label = "b"
            assert node.label == "a"
            if node.meta is not None:
                assert copied.meta is not node.meta
            node.meta["mine"] = 1
            assert "mine" not in copied.meta


def test_the_peak_of_a_chain_of_products_is_small() -> None:
    """100 chained products of 100 × 100 matrices: above what the forward pass holds, the gradients of a few, not of all."""
    import tracemalloc

    matrices = [np.eye(100) for _ in range(100)]

    def f(x: Any) -> Any:
        for m in matrices:
            x = x @ m
        forward.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.reset_peak()
        return x.sum()

    forward: list[int] = []
    x = np.eye(100)
    ag.grad(f)(x)
    forward.clear()
    tracemalloc.start()
    try:
        ag.grad(f)(x)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak - forward[0] < 12 * x.nbytes


@pytest.mark.parametrize(
    "name",
    [
        "sum",
        "mean",
        "var",
        "std",
        "prod",
        "max",
        "min",
        "ravel",
        "flatten",
        "reshape",
        "squeeze",
        "transpose",
    ],
)
def test_a_value_has_the_methods_of_a_single_number(name: str) -> None:
    """As np.float64 has: the same result, and a gradient."""
    v = ag.Value(3.0)
    out = getattr(v, name)(*((-1,) if name == "reshape" else ()))
    wanted = getattr(np.float64(3.0), name)(*((-1,) if name == "reshape" else ()))
    np.testing.assert_array_equal(np.asarray(out.data), wanted)
    assert np.shape(out.data) == np.shape(wanted)
    slope = ag.gradients(ag.sum(out), v, allow_unused=True)
    assert slope == (0.0 if name in ("var", "std") else 1.0)


def test_a_function_of_arrays_takes_a_number() -> None:
    assert ag.grad(lambda x: (x**2).sum())(3.0) == 6.0
    assert ag.hessian(lambda x: (x**3).sum())(2.0) == 12.0
    assert ag.grad(lambda x: (x.reshape(1, 1) @ x.reshape(1, 1)).sum())(3.0) == 6.0
    assert ag.grad(lambda x: x.T * x.clip(0.0, 5.0))(3.0) == 6.0


def interrupted(call: Any, line: int) -> bool:
    """The call with SIGINT raised at that line of the package; whether it got so far."""
    left, hit = [line], [False]

    def trace(frame: Any, event: str, arg: Any) -> Any:
        if "autograd_mini" not in frame.f_code.co_filename:
            return None
        if event == "line":
            left[0] -= 1
            if left[0] == 0:
                hit[0] = True
                signal.raise_signal(signal.SIGINT)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(before)
    return hit[0]


def scenes() -> dict[str, Any]:
    x, y = ag.Tensor([1.0, 2.0]), ag.Tensor([3.0, 4.0])
    net = ag.nn.MLP([2, 2, 1], rng=0)

    def within() -> None:
        with ag.no_grad():
            x * y

    def nested() -> None:
        with ag.no_grad(), ag.enable_grad():
            (x * y).sum()

    @ag.no_grad
    def decorated() -> Any:
        return x * y

    return {
        "an operator": lambda: x * y + 1.0,
        "a function": lambda: ag.softmax(x),
        "an operation of Values": lambda: ag.Value(0.0) / 0.0,
        "no_grad": within,
        "nested modes": nested,
        "a decorated function": decorated,
        "grad": lambda: ag.grad(lambda x: ag.sum(x * x))(np.ones(2)),
        "hessian": lambda: ag.hessian(lambda x: ag.sum(x * x))(np.ones(2)),
        "jvp": lambda: ag.jvp(lambda x: x * x, np.ones(2), np.ones(2)),
        "gradients": lambda: ag.gradients((x * y).sum(), x),
        "a graph of gradients": lambda: ag.gradients((x * y).sum(), x, create_graph=True),
        "backward": lambda: (x * y).sum().backward(),
        "a model": lambda: net(np.ones((1, 2))),
        "in place": lambda: _step(x),
    }


def _step(x: Any) -> None:
    with ag.no_grad():
        x -= 0.1


@pytest.mark.parametrize("name", scenes())
def test_ctrl_c_at_any_line_leaves_modes_as_before(name: str) -> None:
    """The recording mode, NumPy's error state, and whether a transformation is on."""
    state = np.geterr()
    wrong = []
    for line in range(1, 400):
        if not interrupted(scenes()[name], line):
            break
        nodes = isinstance(
            ag.grad(lambda x: x * x)(1.0), ag.Value
        )  # inside a transformation it would be a node
        if not recording() or np.geterr() != state or nodes:
            wrong.append(line)
            _repaired(state)
    assert wrong == []


def _repaired(state: Any) -> None:
    """So that one broken state does not spoil what follows."""
    np.seterr(**state)
    from autograd_mini.support import modes

    modes._meta.set(None)
    modes._inside.set(False)
