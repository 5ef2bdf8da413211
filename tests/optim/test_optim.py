"""Optimisers, schedules and clipping against torch.optim; saving and going on; bounds; warnings; misuse by type and text."""

import copy
import itertools
import math
import pickle
import re
import sys
import warnings
import weakref
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pytest

import autograd_mini as ag
from autograd_mini import optim
from autograd_mini.errors import AnomalyError, DTypeError, GraphError, ShapeError, StateDictError
from tests.helpers.interrupt import Interrupt
from tests.helpers.peers import made, torch

RTOL = 1e-12  # relative to the largest number of the parameter
CHECKED = (1, 2, 3, 10, 50, 100)  # the steps after which trajectories are compared

CASES: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {"lr": 0.05}),
    ("SGD", {"lr": 0.05, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.05, "momentum": 0.9}),
    ("SGD", {"lr": 0.05, "momentum": 0.5, "dampening": 0.3}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "dampening": 0.1, "weight_decay": 0.2}),
    ("SGD", {"lr": 0.05, "momentum": 0.8, "nesterov": True, "weight_decay": 0.2}),
    ("Adam", {}),
    ("Adam", {"lr": 0.05, "betas": (0.5, 0.9)}),
    ("Adam", {"lr": 0.05, "betas": (0.0, 0.99), "eps": 1e-3}),
    ("Adam", {"lr": 0.05, "betas": (0.9, 0.0), "eps": 0.1}),
    ("Adam", {"lr": 0.05, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.05, "betas": (0.9, 0.9), "amsgrad": True}),
    ("Adam", {"lr": 0.05, "betas": (0.8, 0.95), "eps": 0.1, "weight_decay": 0.3, "amsgrad": True}),
    ("AdamW", {}),
    ("AdamW", {"lr": 0.05, "weight_decay": 0.0}),
    ("AdamW", {"lr": 0.05, "betas": (0.7, 0.9), "eps": 1e-2, "weight_decay": 0.5, "amsgrad": True}),
    ("RMSprop", {}),
    ("RMSprop", {"lr": 0.02, "alpha": 0.5, "eps": 1e-2}),
    ("RMSprop", {"lr": 0.02, "alpha": 0.0}),
    ("RMSprop", {"lr": 0.02, "alpha": 0.9, "centered": True, "eps": 1e-2}),
    ("RMSprop", {"lr": 0.02, "alpha": 0.9, "momentum": 0.9}),
    ("RMSprop", {"lr": 0.02, "weight_decay": 0.2}),
    (
        "RMSprop",
        {"lr": 0.02, "alpha": 0.9, "eps": 1e-2, "centered": True, "momentum": 0.5, "weight_decay": 0.1},
    ),
]
IDS = [name + "".join(f"-{key}={value}" for key, value in options.items()) for name, options in CASES]
all_cases = pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
one_of_each = pytest.mark.parametrize(
    ("name", "options"), [CASES[i] for i in (6, 13, 16, 23)], ids=[IDS[i] for i in (6, 13, 16, 23)]
)

# the kind and the shape of the parameters of a test; "big" is larger than a piece
SHAPES: dict[str, list[tuple[str, tuple[int, ...]]]] = {
    "one": [("tensor", (3, 4))],
    "big": [("tensor", (optim.PIECE + 4099,))],
    "piece": [("tensor", (optim.PIECE,)), ("tensor", (3,))],
    "value": [("value", ())],
    "values": [("value", ())] * 3,
    "mixed": [
        ("tensor", (3, 4)), ("value", ()), ("tensor", ()), ("tensor", (0, 2)), ("tensor", (5,)), ("value", ()),
        ("tensor", (2, optim.PIECE // 2 + 1)), ("tensor", (1, 1, 2)),
    ],
}  # fmt: skip


class Problem:
    """Parameters, ours and PyTorch's, with a quadratic loss whose minimum moves from step to step."""

    def __init__(self, shapes: str = "mixed", dtype: Any = np.float64) -> None:
        rng = np.random.default_rng(11)
        self.kinds = SHAPES[shapes]
        self.start, self.a, self.b = (
            [np.asarray(rng.normal(size=shape), dtype) for _, shape in self.kinds] for _ in range(3)
        )
        self.ours = self.fresh([x.copy() for x in self.start])
        self.theirs = [torch.tensor(x, requires_grad=True) for x in self.start]

    def fresh(self, data: Sequence[Any]) -> list[Any]:
        """Parameters of ours with these data."""
        return [
            ag.Value(x) if kind == "value" else ag.Tensor(x)
            for (kind, _), x in zip(self.kinds, data, strict=True)
        ]

    def loss(self, params: Sequence[Any], t: int, reached: Callable[[int], bool] = lambda i: True) -> Any:
        """The loss at step t, of the parameters that are reached."""
        total = 0.0
        for i, p in enumerate(params):
            if reached(i):
                target = (self.a[i] * math.cos(0.7 * t) + self.b[i] * math.sin(1.3 * t)).astype(
                    self.a[i].dtype
                )
                off = p - (
                    torch.tensor(target)
                    if isinstance(p, torch.Tensor)
                    else float(target)
                    if isinstance(p, ag.Value)
                    else target
                )
                total = off * off + total if isinstance(p, ag.Value) else (off * off).sum() + total
        return total * 0.5


def equal_to_theirs(ours: Sequence[Any], theirs: Sequence[Any], rtol: float = RTOL) -> None:
    for p, q in zip(ours, theirs, strict=True):
        expected = q.detach().numpy()
        assert np.shape(p.data) == expected.shape
        if expected.size:
            assert np.abs(p.data - expected).max() <= rtol * np.abs(expected).max()


def data_of(params: Sequence[Any]) -> list[np.ndarray]:
    return [np.array(p.data) for p in params]


def identical(xs: Sequence[Any], ys: Sequence[Any]) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(xs, ys, strict=True))


def same_state(x: Any, y: Any) -> bool:
    """Whether two states are equal to the last bit."""
    if isinstance(x, dict):
        return isinstance(y, dict) and x.keys() == y.keys() and all(same_state(x[key], y[key]) for key in x)
    return bool(np.array_equal(x, y))


# ---- Trajectories -----------------------------------------------------------------------------------------------------


@all_cases
def test_a_trajectory_of_100_steps_equals_that_of_torch(name: str, options: dict[str, Any]) -> None:
    """Tensors of all shapes, empty, 0-d and larger than a piece, and Values, in one optimiser."""
    problem = Problem()
    ours, theirs = (
        getattr(optim, name)(problem.ours, **options),
        getattr(torch.optim, name)(problem.theirs, **options),
    )
    for t in range(1, 101):
        for optimizer, params in ((ours, problem.ours), (theirs, problem.theirs)):
            optimizer.zero_grad()
            problem.loss(params, t).backward()
            optimizer.step()
        if t in CHECKED:
            equal_to_theirs(problem.ours, problem.theirs)
    assert not identical(data_of(problem.ours), problem.start)


@one_of_each
@pytest.mark.parametrize("shapes", ["one", "big", "piece", "value", "values"])
def test_a_trajectory_equals_that_of_torch_whatever_the_sizes(
    name: str, options: dict[str, Any], shapes: str
) -> None:
    problem = Problem(shapes)
    ours, theirs = (
        getattr(optim, name)(problem.ours, **options),
        getattr(torch.optim, name)(problem.theirs, **options),
    )
    for t in range(1, 31):
        for optimizer, params in ((ours, problem.ours), (theirs, problem.theirs)):
            optimizer.zero_grad()
            problem.loss(params, t).backward()
            optimizer.step()
        equal_to_theirs(problem.ours, problem.theirs)


@all_cases
def test_parameters_that_a_step_does_not_reach_stay_and_count_their_own_steps(
    name: str, options: dict[str, Any]
) -> None:
    """Bias corrections, first momenta and decay go by the steps that each parameter has taken, as in torch."""
    problem = Problem()
    ours, theirs = (
        getattr(optim, name)(problem.ours, **options),
        getattr(torch.optim, name)(problem.theirs, **options),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for t in range(1, 41):

            def reached(i: int, t: int = t) -> bool:
                return i == 4 or t > 20 or ((i + t) % 3 > 0 and (i != 0 or t > 5))

            before = data_of(problem.ours)
            for optimizer, params in ((ours, problem.ours), (theirs, problem.theirs)):
                optimizer.zero_grad()
                problem.loss(params, t, reached).backward()
                optimizer.step()
            equal_to_theirs(problem.ours, problem.theirs)
            assert all(reached(i) or np.array_equal(p.data, before[i]) for i, p in enumerate(problem.ours))


@one_of_each
def test_float32_parameters_stay_float32_and_follow_torch(name: str, options: dict[str, Any]) -> None:
    """To 2e-5 of the largest number; the state is float32 as well."""
    problem = Problem("mixed", np.float32)
    problem.theirs = [torch.tensor(x, requires_grad=True) for x in problem.start]
    tensors = [i for i, (kind, _) in enumerate(problem.kinds) if kind == "tensor"]
    ours, theirs = (
        getattr(optim, name)(problem.ours, **options),
        getattr(torch.optim, name)(problem.theirs, **options),
    )
    for t in range(1, 51):
        for optimizer, params in ((ours, problem.ours), (theirs, problem.theirs)):
            optimizer.zero_grad()
            problem.loss(params, t).backward()
            optimizer.step()
    equal_to_theirs(problem.ours, problem.theirs, 2e-5)
    assert {problem.ours[i].data.dtype for i in tensors} == {np.dtype("float32")}
    state = ours.state_dict()["state"]
    assert {x.dtype for i in tensors for x in state[str(i)].values() if isinstance(x, np.ndarray)} == {
        np.dtype("float32")
    }


def test_parameters_of_both_dtypes_in_one_optimizer() -> None:
    data = [
        np.array([1.0, 2.0]),
        np.array([3.0, 4.0], np.float32),
        np.array([5.0]),
        np.array(6.0, np.float32),
    ]
    ours, theirs = [ag.Tensor(x) for x in data], [torch.tensor(x, requires_grad=True) for x in data]
    for optimizer, params in ((optim.Adam(ours, 0.1), ours), (torch.optim.Adam(theirs, 0.1), theirs)):
        for _ in range(20):
            optimizer.zero_grad()
            for p in params:
                (p * p).sum().backward()
            optimizer.step()
    equal_to_theirs(ours[::2], theirs[::2])
    equal_to_theirs(ours[1::2], theirs[1::2], 2e-6)
    assert [p.dtype for p in ours] == [x.dtype for x in data]


@one_of_each
@pytest.mark.parametrize("several", [False, True], ids=["alone", "among others"])
def test_parameters_in_column_order_are_stepped_as_any_other(
    name: str, options: dict[str, Any], several: bool
) -> None:
    data = np.arange(6.0).reshape(2, 3) + 1.0
    plain, columns, other = ag.Tensor(data), ag.Tensor(data), [ag.Tensor([1.0]) for _ in range(2)]
    columns.data = np.asfortranarray(data)
    for p, q in zip((plain, columns), other, strict=True):
        optimizer = getattr(optim, name)([p, *([q] if several else [])], **options)
        for _ in range(3):
            optimizer.step(lambda p=p, q=q: (p * p).sum() + (q * q).sum() * several)
    assert not np.array_equal(columns.data, data)
    np.testing.assert_allclose(columns.data, plain.data, rtol=1e-14)


@pytest.mark.parametrize("rate", [0.0, 1e-300], ids=["0", "1e-300"])
@all_cases
def test_a_rate_of_0_moves_nothing(name: str, options: dict[str, Any], rate: float) -> None:
    """A schedule may end, or begin, there; what the optimiser remembers goes on."""
    problem = Problem("one")
    ours, theirs = (
        getattr(optim, name)(problem.ours, **options),
        getattr(torch.optim, name)(problem.theirs, **options),
    )
    for t in range(1, 9):
        lr = rate if t in (1, 4, 5) else 0.05
        ours.lr = theirs.param_groups[0]["lr"] = lr
        before = data_of(problem.ours)
        for optimizer, params in ((ours, problem.ours), (theirs, problem.theirs)):
            optimizer.zero_grad()
            problem.loss(params, t).backward()
            optimizer.step()
        equal_to_theirs(problem.ours, problem.theirs)
        assert identical(before, data_of(problem.ours)) == (lr < 0.01)


def test_a_step_is_what_the_definition_says() -> None:
    """By hand, so that a mistake that PyTorch would share is seen."""
    w = ag.Tensor([1.0, -2.0])
    sgd = optim.SGD([w], lr=0.1, momentum=0.5, dampening=0.2, weight_decay=0.1)
    # v1 = g + 0.1·w = (1.1, −0.2); v2 = v1/2 + 0.8·(g + 0.1·w) = (0.6212, 0.5416)
    for gradient, expected in (([1.0, 0.0], [0.89, -1.98]), ([0.0, 1.0], [0.82788, -2.03416])):
        w.grad = np.array(gradient)
        sgd.step()
        sgd.zero_grad()
        np.testing.assert_allclose(w.data, expected, rtol=1e-14)


def test_the_first_step_of_adam_is_lr_long_whatever_the_gradient() -> None:
    w = ag.Tensor([1.0, 1.0, 1.0])
    adam = optim.Adam([w], lr=0.1, eps=0.0)
    w.grad = np.array([1e-30, -5.0, 1e30])
    adam.step()
    np.testing.assert_allclose(w.data, [0.9, 1.1, 0.9], rtol=1e-14)


class Sign(optim.Optimizer):
    """An optimiser of a user's own that has no state and reads no data."""

    def update(
        self, grad: Any, data: Any, state: dict[str, Any], change: Any, spare: Any, count: int
    ) -> tuple[float, Any]:
        assert grad.shape == change.shape == spare.shape
        return self.lr, np.sign(grad, out=change)


@pytest.mark.parametrize("shapes", list(SHAPES))
def test_a_subclass_needs_an_update_and_gets_vectors_of_one_length(shapes: str) -> None:
    problem = Problem(shapes)
    optimizer = Sign(problem.ours, lr=0.25)
    problem.loss(problem.ours, 1).backward()
    gradients = [np.array(p.grad) for p in problem.ours]
    optimizer.step()
    assert identical(
        data_of(problem.ours), [x - 0.25 * np.sign(g) for x, g in zip(problem.start, gradients, strict=True)]
    )


def test_an_optimizer_without_update_says_so() -> None:
    w = ag.Value(1.0)
    with pytest.raises(NotImplementedError, match="Optimizer has no update"):
        optim.Optimizer([w], 0.1).step(lambda: w * w)


def test_no_warning_of_numpy_escapes_a_step() -> None:
    w = ag.Tensor([1.0, 1.0, 1.0])
    for optimizer in (
        optim.Adam([w], eps=0.0),
        optim.SGD([w], 1e300, momentum=0.5),
        optim.RMSprop([w], 1e-2, eps=0.0),
    ):
        w.grad = np.array([-1e300, 0.0, 1e200])
        optimizer.step()
        optimizer.zero_grad()


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@all_cases
def test_a_gradient_that_is_not_finite_is_refused_by_name_and_nothing_changes(
    name: str, options: dict[str, Any], bad: float
) -> None:
    """In every kind of block: several as one vector, a Value, one alone in pieces, and where others have no gradient."""
    params = [
        ag.Tensor([1.0, 1.0]), ag.Tensor([[2.0]], label="b"), ag.Value(3.0, label="c"), ag.Value(4.0),
        ag.Tensor(np.ones(optim.PIECE + 3), label="e"), ag.Tensor([5.0], dtype="float32", label="f"),
    ]  # fmt: skip
    optimizer = getattr(optim, name)(params, **options)
    optimizer.step(lambda: loss_of(params))
    state, data = optimizer.state_dict(), data_of(params)
    for label, grad in (("b", [[bad]]), ("c", bad), ("e", [1.0] * (optim.PIECE + 2) + [bad]), ("f", [bad])):
        for missing in (False, True):
            loss_of(params).backward()
            (worst,) = (p for p in params if p.label == label)
            worst.grad = bad if label == "c" else np.array(grad, worst.dtype)
            params[0].grad = None if missing else params[0].grad
            text = rf"^step\(\): the gradient of (Tensor|Value) '{label}' is not finite; nothing was changed"
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                with pytest.raises(AnomalyError, match=text):
                    optimizer.step()
            assert same_state(optimizer.state_dict(), state)
            assert identical(data_of(params), data)
            optimizer.zero_grad()


def test_large_finite_gradients_are_taken() -> None:
    """Their squares overflow, they do not."""
    w, v = ag.Tensor([0.0, 0.0]), ag.Value(0.0)
    w.grad, v.grad = np.array([1e200, -1e300]), 1e250
    optim.SGD([w, v], 1.0).step()
    assert (w.data.tolist(), v.data) == ([-1e200, 1e300], -1e250)


def interrupted(call: Callable[[], Any], now: Callable[[], Any], restore: Callable[[], None]) -> list[Any]:
    """What `now` gives after Ctrl-C at every line of a call in turn, and at last without; `restore` goes before each call."""
    found = []
    for n in itertools.count(1):
        restore()
        try:
            with Interrupt(n):
                call()
        except KeyboardInterrupt:
            found.append(now())
        else:
            return [*found, now()]
    raise AssertionError


STEPPED = [
    ("SGD", {"lr": 0.1}), ("SGD", {"lr": 0.1, "momentum": 0.9}), ("Adam", {"lr": 0.1}), ("RMSprop", {"lr": 0.1, "bounds": (-1, 1)}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "options"), STEPPED, ids=["SGD", "momentum", "Adam", "RMSprop with bounds"])
@pytest.mark.parametrize("missing", [False, True], ids=["all reached", "one not reached"])
def test_a_step_that_is_interrupted_anywhere_is_whole_or_not_begun(
    name: str, options: dict[str, Any], missing: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C at every line: data, state and counts, the version that stale graphs are known by, and NumPy's error state."""
    for module in (optim.blocks, optim.optimizers):
        monkeypatch.setattr(module, "PIECE", 8)
    params = [
        ag.Tensor([1.0, 2.0]), ag.Tensor([[3.0]]), ag.Value(4.0), ag.Value(5.0), ag.Tensor(np.linspace(-1, 1, 11)),
        ag.Tensor([6.0], dtype="float32"),
    ]  # fmt: skip
    optimizer = getattr(optim, name)(params, **options)
    monkeypatch.setattr(optimizer, "uses_buffers", True)  # or SGD would take the large one in one piece
    optimizer.step(lambda: loss_of(params))
    optimizer.warned = True
    state, data, errors = optimizer.state_dict(), data_of(params), np.geterr()
    graph = loss_of(params)

    def restore() -> None:
        nonlocal graph
        optimizer.load_state_dict(state)
        for p, x in zip(params, data, strict=True):
            p.data = float(x) if isinstance(p, ag.Value) else x.copy()
        optimizer.zero_grad()
        graph = loss_of(params)
        graph.backward()
        if missing:
            params[0].grad = None

    def now() -> Any:
        assert np.geterr() == errors
        try:
            graph.backward()
            stale = False
        except GraphError:
            stale = True
        return {"data": data_of(params), "state": optimizer.state_dict(), "stale": stale}

    *outcomes, new = interrupted(optimizer.step, now, restore)
    old = {"data": data, "state": state, "stale": False}
    assert len(outcomes) > 50
    assert new["stale"]
    told = {"old" if same_outcome(o, old) else "new" if same_outcome(o, new) else "mixed" for o in outcomes}
    assert told == {"old", "new"}


def same_outcome(x: Any, y: Any) -> bool:
    return identical(x["data"], y["data"]) and same_state(x["state"], y["state"]) and x["stale"] == y["stale"]


@pytest.mark.parametrize("clip", [optim.clip_grad_norm, optim.clip_grad_value])
def test_clipping_that_is_interrupted_anywhere_is_whole_or_not_begun(clip: Any) -> None:
    params = several("both", 4)

    def restore() -> None:
        optim.SGD(params, 0.1).zero_grad()
        loss_of(params).backward()

    restore()
    old = [np.array(p.grad) for p in params]
    *outcomes, new = interrupted(
        lambda: clip(params, 0.5), lambda: [np.array(p.grad) for p in params], restore
    )
    assert not identical(old, new)
    assert all(identical(outcome, old) or identical(outcome, new) for outcome in outcomes)


@pytest.mark.parametrize("call", ["step", "load_state_dict"])
def test_a_schedule_that_is_interrupted_anywhere_is_whole_or_not_begun(call: str) -> None:
    """Its epoch and the optimiser's rate, and those of the schedule within it, go together."""
    sgd = optim.SGD([ag.Value(1.0)], lr=0.4)
    schedule = optim.WarmUp(sgd, 1, 0.5, then=optim.StepLR(sgd, 1, 0.5))
    old = schedule.state_dict()
    target = {**old, "epoch": 3}
    act = schedule.step if call == "step" else partial(schedule.load_state_dict, target)
    *outcomes, new = interrupted(
        act, lambda: (schedule.state_dict(), sgd.lr), lambda: schedule.load_state_dict(old)
    )
    assert new[0]["epoch"] == (1 if call == "step" else 3)
    assert all(outcome in ((old, 0.2), new) for outcome in outcomes)


def test_freezing_that_is_interrupted_anywhere_is_whole_or_not_begun() -> None:
    net = ag.nn.MLP([2, 3, 1], rng=0)
    for first, then in ((net.unfreeze, net.freeze), (net.freeze, net.unfreeze)):
        outcomes = interrupted(then, lambda: len(net.parameters()), first)
        assert outcomes[-1] == (0 if then == net.freeze else 4)
        assert set(outcomes) <= {0, 4}


# ---- Gradients that were set by hand ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "gradient", [[1, 2], np.array([1, 2]), np.array([1.0, 2.0], np.float32), np.array([1.0, 2.0], ">f8")]
)
@pytest.mark.parametrize("several", [False, True], ids=["alone", "among others"])
def test_a_gradient_set_by_hand_may_be_of_another_kind(gradient: Any, several: bool) -> None:
    w, v = ag.Tensor([1.0, 1.0]), ag.Tensor([0.0])
    w.grad, v.grad = gradient, np.array([1.0])
    optim.SGD([w, *([v] if several else [])], lr=0.5).step()
    assert w.data.tolist() == [0.5, 0.0]


@pytest.mark.parametrize(
    ("gradient", "kind"),
    [
        (np.ones(3), ShapeError), (np.ones((2, 1)), ShapeError), (1.0, ShapeError), ("steep", DTypeError),
        (np.array([1j, 0]), DTypeError), (np.array([None, 1.0]), ValueError),
    ],
    ids=["longer", "column", "number", "string", "complex", "objects"],
)  # fmt: skip
@pytest.mark.parametrize("several", [False, True], ids=["alone", "among others"])
def test_a_gradient_set_by_hand_that_does_not_fit_is_refused_and_nothing_changes(
    gradient: Any, kind: Any, several: bool
) -> None:
    w, v = ag.Tensor([1.0, 1.0]), ag.Tensor([3.0, 4.0])
    optimizer = optim.Adam([v, w] if several else [w], lr=0.5)
    before, w.grad, v.grad = optimizer.state_dict(), gradient, np.array([1.0, 1.0])
    with pytest.raises(kind):
        optimizer.step()
    assert same_state(optimizer.state_dict(), before)
    assert (w.data.tolist(), v.data.tolist()) == ([1.0, 1.0], [3.0, 4.0])
    assert w.grad is gradient


def test_gradients_are_not_changed_by_a_step() -> None:
    for name, options in CASES:
        problem = Problem()
        problem.loss(problem.ours, 1).backward()
        held = [p.grad for p in problem.ours]
        before = [np.array(g) for g in held]
        getattr(optim, name)(problem.ours, **options).step()
        assert all(p.grad is g for p, g in zip(problem.ours, held, strict=True))
        assert identical(held, before)


# ---- Bounds -----------------------------------------------------------------------------------------------------------


@one_of_each
def test_bounds_project_every_parameter_after_each_step(name: str, options: dict[str, Any]) -> None:
    """A step with bounds is the step without, clipped."""
    problem = Problem()
    free, held = problem.fresh(problem.start), problem.ours
    for p, q in zip(free, held, strict=True):
        p.grad = q.grad = 1.0 if isinstance(p, ag.Value) else np.ones(p.shape)
    getattr(optim, name)(free, **options).step()
    getattr(optim, name)(held, **options, bounds=(-0.3, 0.5)).step()
    assert identical(data_of(held), [np.clip(p.data, -0.3, 0.5) for p in free])
    assert {type(p.data) for p in held if isinstance(p, ag.Value)} == {float}
    assert {type(p.data) for p in held if isinstance(p, ag.Tensor)} == {np.ndarray}


def test_projected_descent_ends_on_the_bound() -> None:
    x, w = ag.Value(0.2), ag.Tensor([0.9, -0.5])
    sgd = optim.SGD([x, w], lr=0.1, bounds=(0, 1))
    for _ in range(100):
        sgd.step(lambda: (x - 3.0) ** 2 + ((w - [0.5, -2.0]) ** 2).sum())
    assert x.data == 1.0
    np.testing.assert_allclose(w.data, [0.5, 0.0], rtol=1e-8)


def test_bounds_may_be_infinite_and_keep_float32() -> None:
    w = ag.Tensor([1.0, -1.0], dtype="float32")
    optim.SGD([w], lr=1.0, bounds=(0.0, math.inf)).step(lambda: w.sum() * -1.0)
    assert w.data.tolist() == [2.0, 0.0]
    assert w.dtype == np.float32


NO_BOUNDS = [(1, 0), (0, math.nan), (math.nan, 1), (0,), (0, 1, 2), 3, "01", ("0", "1"), (0, "1"), (None, 1)]


@pytest.mark.parametrize("bounds", NO_BOUNDS, ids=str)
def test_bounds_that_are_none_are_refused(bounds: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"^bounds must be \(low, high\)"):
        optim.SGD([ag.Value(1.0)], lr=0.1, bounds=bounds)


# ---- step(closure) ----------------------------------------------------------------------------------------------------


@one_of_each
def test_a_closure_that_returns_the_loss_is_zeroed_differentiated_and_stepped(
    name: str, options: dict[str, Any]
) -> None:
    by_hand, by_closure = Problem(), Problem()
    one, two = getattr(optim, name)(by_hand.ours, **options), getattr(optim, name)(by_closure.ours, **options)
    for t in range(1, 4):
        one.zero_grad()
        loss = by_hand.loss(by_hand.ours, t)
        loss.backward()
        assert one.step() is None
        returned = two.step(lambda t=t: by_closure.loss(by_closure.ours, t))
        assert returned.item() == loss.item()
        assert identical(data_of(by_hand.ours), data_of(by_closure.ours))


@pytest.mark.parametrize("returned", ["node", "float"])
def test_a_closure_may_zero_and_go_backward_itself_as_with_torch(returned: str) -> None:
    w = ag.Tensor([3.0])
    sgd = optim.SGD([w], lr=0.5)

    def closure() -> Any:
        sgd.zero_grad()
        loss = (w * w).sum()
        loss.backward()
        return loss if returned == "node" else loss.item()

    out = sgd.step(closure)
    assert (out.item() if returned == "node" else out) == 9.0
    assert w.data.tolist() == [0.0]
    assert w.grad.tolist() == [6.0]  # once, not twice


def test_a_closure_without_a_backward_that_returns_a_number_is_an_error() -> None:
    w = ag.Tensor([3.0], label="w")
    with pytest.raises(GraphError, match="no backward has reached the parameters"):
        optim.SGD([w], lr=0.5).step(lambda: 9.0)
    assert w.data.tolist() == [3.0]


def test_the_error_of_a_closure_passes_and_nothing_is_stepped() -> None:
    w = ag.Tensor([3.0])
    adam = optim.Adam([w])
    before = adam.state_dict()
    with pytest.raises(ZeroDivisionError):
        adam.step(lambda: 1 / 0)
    assert w.data.tolist() == [3.0]
    assert same_state(adam.state_dict(), before)


# ---- Schedules --------------------------------------------------------------------------------------------------------

T = torch.optim.lr_scheduler
SCHEDULES: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "StepLR": (lambda o: optim.StepLR(o, 7), lambda o: T.StepLR(o, 7)),
    "StepLR-gamma": (lambda o: optim.StepLR(o, step_size=1, gamma=0.7), lambda o: T.StepLR(o, 1, 0.7)),
    "StepLR-up": (lambda o: optim.StepLR(o, 3, 1.5), lambda o: T.StepLR(o, 3, 1.5)),
    "ExponentialLR": (lambda o: optim.ExponentialLR(o, 0.93), lambda o: T.ExponentialLR(o, 0.93)),
    "Cosine": (lambda o: optim.CosineAnnealingLR(o, 50), lambda o: T.CosineAnnealingLR(o, 50)),
    "Cosine-past": (
        lambda o: optim.CosineAnnealingLR(o, T_max=7, eta_min=0.01),
        lambda o: T.CosineAnnealingLR(o, 7, 0.01),
    ),
    "LambdaLR": (
        lambda o: optim.LambdaLR(o, lambda e: 1 / (1 + e)),
        lambda o: T.LambdaLR(o, lambda e: 1 / (1 + e)),
    ),
    "WarmUp": (lambda o: optim.WarmUp(o, 5, 0.2), lambda o: T.LinearLR(o, 0.2, 1.0, 5)),
    "WarmUp-default": (lambda o: optim.WarmUp(o, 1), lambda o: T.LinearLR(o, 0.1, 1.0, 1)),
    "WarmUp-then-Cosine": (
        lambda o: optim.WarmUp(o, 5, start=0.25, then=optim.CosineAnnealingLR(o, 30)),
        lambda o: T.SequentialLR(o, [T.LinearLR(o, 0.25, 1.0, 5), T.CosineAnnealingLR(o, 30)], [5]),
    ),
    "WarmUp-then-StepLR": (
        lambda o: optim.WarmUp(o, 4, start=0.5, then=optim.StepLR(o, 3, 0.5)),
        lambda o: T.SequentialLR(o, [T.LinearLR(o, 0.5, 1.0, 4), T.StepLR(o, 3, 0.5)], [4]),
    ),
}


@pytest.mark.smoke
@pytest.mark.parametrize(("ours", "theirs"), SCHEDULES.values(), ids=SCHEDULES)
def test_the_rates_of_a_schedule_equal_those_of_torch(ours: Any, theirs: Any) -> None:
    """60 epochs, to 1e-12 of the rate (and 1e-16 where it touches 0)."""
    a, b = (
        optim.SGD([ag.Value(1.0)], lr=0.4),
        torch.optim.SGD([torch.tensor(1.0, requires_grad=True)], lr=0.4),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch wants a step of the optimiser between
        mine, other = ours(a), theirs(b)
        for _ in range(60):
            assert a.lr == pytest.approx(b.param_groups[0]["lr"], rel=1e-12, abs=1e-16)
            mine.step()
            other.step()


def test_a_schedule_drives_the_steps_as_torchs_does() -> None:
    problem = Problem("values")
    ours, theirs = optim.AdamW(problem.ours, 0.1), torch.optim.AdamW(problem.theirs, 0.1)
    for optimizer, params, schedule in (
        (ours, problem.ours, optim.CosineAnnealingLR(ours, 20)),
        (theirs, problem.theirs, T.CosineAnnealingLR(theirs, 20)),
    ):
        for t in range(1, 41):  # over the 0 at epoch 20
            optimizer.zero_grad()
            problem.loss(params, t).backward()
            optimizer.step()
            schedule.step()
    equal_to_theirs(problem.ours, problem.theirs)


def test_a_schedule_starts_from_the_rate_that_the_optimizer_has() -> None:
    sgd = optim.SGD([ag.Value(1.0)], lr=1.0)
    sgd.lr = 0.25
    schedule = optim.ExponentialLR(sgd, 0.5)
    schedule.step()
    assert sgd.lr == 0.125


@pytest.mark.parametrize(
    ("make", "kind", "text"),
    [
        (lambda o: optim.StepLR(o, 0), ValueError, "step_size must be an int > 0, got 0"),
        (lambda o: optim.StepLR(o, 2.0), (TypeError, ValueError), "step_size must be an int > 0, got 2.0"),
        (lambda o: optim.StepLR(o, True), (TypeError, ValueError), "step_size must be an int > 0, got True"),
        (lambda o: optim.StepLR(o, 2, -0.1), ValueError, "gamma must be a finite number > 0, got -0.1"),
        (lambda o: optim.ExponentialLR(o, math.nan), ValueError, "gamma must be a finite number > 0, got nan"),
        (lambda o: optim.ExponentialLR(o, "fast"), TypeError, "gamma must be a finite number > 0, got 'fast'"),
        (lambda o: optim.CosineAnnealingLR(o, -3), ValueError, "T_max must be an int > 0, got -3"),
        (lambda o: optim.CosineAnnealingLR(o, 3, -1), ValueError, "eta_min must be a finite number ≥ 0, got -1"),
        (lambda o: optim.LambdaLR(o, 0.5), TypeError, "factor must be a function of the epoch, got 0.5"),
        (lambda o: optim.LambdaLR(o, lambda e: -1.0), ValueError, "lr must be a finite number ≥ 0, got -0.1"),
        (lambda o: optim.WarmUp(o, 0), ValueError, "epochs must be an int > 0, got 0"),
        (lambda o: optim.WarmUp(o, 3, -0.5), ValueError, "start must be a finite number ≥ 0, got -0.5"),
        (lambda o: optim.WarmUp(o, 3, math.inf), ValueError, "start must be a finite number ≥ 0, got inf"),
    ],
)  # fmt: skip
def test_schedules_refuse_what_is_out_of_range_and_leave_the_rate(make: Any, kind: Any, text: str) -> None:
    sgd = optim.SGD([ag.Value(1.0)], lr=0.1)
    with pytest.raises(kind, match=re.escape(text)):
        make(sgd)
    assert sgd.lr == 0.1


@pytest.mark.parametrize("ours", [pair[0] for pair in SCHEDULES.values()], ids=SCHEDULES)
@pytest.mark.parametrize("epochs", [0, 3, 11])
def test_a_schedule_goes_on_from_its_state(ours: Any, epochs: int) -> None:
    """Whatever the rate of the optimiser that the other schedule was made for."""
    a, b = optim.SGD([ag.Value(1.0)], lr=0.4), optim.SGD([ag.Value(1.0)], lr=0.07)
    first, second = ours(a), ours(b)
    for _ in range(epochs):
        first.step()
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    for _ in range(12):
        assert a.lr == b.lr
        first.step()
        second.step()


@pytest.mark.parametrize(
    "state",
    [
        None, 3, {}, {"base": 1.0}, {"epoch": 1}, {"base": -1.0, "epoch": 1}, {"base": math.nan, "epoch": 1}, {"base": 1.0, "epoch": -3},
        {"base": 1.0, "epoch": 1.5}, {"base": 1.0, "epoch": math.inf}, {"base": 1.0, "epoch": "2"}, {"base": 1.0, "epoch": 7},
    ],
    ids=str,
)  # fmt: skip
def test_a_schedule_refuses_a_state_that_does_not_fit_and_stays(state: Any) -> None:
    """The last one is an epoch for which the factor gives no rate."""
    sgd = optim.SGD([ag.Value(1.0)], lr=0.1)
    schedule = optim.LambdaLR(sgd, lambda epoch: 1.0 if epoch < 5 else -1.0)
    schedule.step()
    with pytest.raises((StateDictError, ValueError)):
        schedule.load_state_dict(state)
    assert (schedule.base, schedule.epoch, sgd.lr) == (0.1, 1, 0.1)


def test_a_schedule_of_something_else_says_what_it_needs() -> None:
    with pytest.raises(TypeError, match=r"optimi[sz]er"):
        optim.StepLR([ag.Value(1.0)], 3)


def test_a_factor_that_turns_negative_leaves_rate_and_epoch() -> None:
    sgd = optim.SGD([ag.Value(1.0)], lr=0.1)
    schedule = optim.LambdaLR(sgd, lambda epoch: 1.0 - epoch)
    schedule.step()
    with pytest.raises(ValueError, match=r"lr must be a finite number ≥ 0, got -0\.1"):
        schedule.step()
    assert (sgd.lr, schedule.epoch) == (0.0, 1)


# ---- Clipping ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [0.01, 1.0, 1e6])
def test_clip_grad_norm_equals_torchs(limit: float) -> None:
    """Over Tensors and Values; those without a gradient are passed over."""
    problem = Problem()
    for params in (problem.ours, problem.theirs):
        problem.loss(params, 1, lambda i: i != 4).backward()
    norm, expected = (
        optim.clip_grad_norm(problem.ours, limit),
        torch.nn.utils.clip_grad_norm_(problem.theirs, limit),
    )
    assert norm == pytest.approx(expected.item(), rel=1e-12)
    assert isinstance(norm, float)
    assert problem.ours[4].grad is None
    for p, q in zip(problem.ours, problem.theirs, strict=True):
        if q.grad is not None:
            np.testing.assert_allclose(p.grad, q.grad.numpy(), rtol=1e-12, atol=1e-12 * min(limit, 1.0))
            assert type(p.grad) is (float if isinstance(p, ag.Value) else np.ndarray)


@pytest.mark.parametrize("limit", [0.01, 1.0, 1e6])
def test_clip_grad_value_equals_torchs(limit: float) -> None:
    problem = Problem()
    for params, clip in (
        (problem.ours, optim.clip_grad_value),
        (problem.theirs, torch.nn.utils.clip_grad_value_),
    ):
        problem.loss(params, 1, lambda i: i != 4).backward()
        assert clip(params, limit) is None
    for p, q in zip(problem.ours, problem.theirs, strict=True):
        assert (p.grad is None) == (q.grad is None)
        if q.grad is not None:
            np.testing.assert_allclose(p.grad, q.grad.numpy(), rtol=1e-12, atol=1e-12 * min(limit, 1.0))
            assert type(p.grad) is (float if isinstance(p, ag.Value) else np.ndarray)


@pytest.mark.parametrize(("dtype", "huge"), [("float64", 1e200), ("float32", 1e30)])
def test_clip_grad_norm_holds_for_gradients_whose_squares_overflow(dtype: str, huge: float) -> None:
    """As norm does, so that they are scaled down and not wiped out."""
    w = ag.Tensor([0.0, 0.0], dtype=dtype)
    w.grad = np.array([3 * huge, -4 * huge], dtype)
    assert optim.clip_grad_norm([w], 1.0) == pytest.approx(5 * huge, rel=1e-6)
    np.testing.assert_allclose(w.grad, [0.6, -0.8], rtol=1e-6)
    assert w.grad.dtype == dtype


def test_clipping_keeps_float32_and_takes_a_generator() -> None:
    w = ag.Tensor([3.0, 4.0], dtype="float32")
    (w * w).sum().backward()
    assert optim.clip_grad_norm((p for p in [w]), 1.0) == pytest.approx(10.0)
    assert w.grad.dtype == np.float32
    optim.clip_grad_value((p for p in [w]), 0.5)
    assert w.grad.dtype == np.float32
    assert w.grad.max() <= 0.5


def test_clipping_parameters_without_gradients_gives_0() -> None:
    assert optim.clip_grad_norm([ag.Value(1.0)], 1.0) == 0.0
    assert optim.clip_grad_norm([], 1.0) == 0.0
    assert optim.clip_grad_value([ag.Value(1.0)], 1.0) is None


@pytest.mark.parametrize("clip", [optim.clip_grad_norm, optim.clip_grad_value])
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("kind", ["tensor", "value"])
def test_clipping_refuses_a_gradient_that_is_not_finite_and_changes_nothing(
    clip: Any, bad: float, kind: str
) -> None:
    v, w = (
        ag.Tensor([1.0, 2.0]),
        ag.Value(1.0, label="b") if kind == "value" else ag.Tensor([1.0, 1.0], label="b"),
    )
    v.grad, w.grad = np.array([30.0, 40.0]), bad if kind == "value" else np.array([1.0, bad])
    with pytest.raises(
        AnomalyError, match=r"the gradient of (Value|Tensor) 'b' is not finite; nothing was changed"
    ):
        clip([v, w], 1.0)
    assert v.grad.tolist() == [30.0, 40.0]
    with pytest.raises(FloatingPointError):
        clip([v, w], 1.0)


@pytest.mark.parametrize(
    ("clip", "name"), [(optim.clip_grad_norm, "max_norm"), (optim.clip_grad_value, "limit")]
)
@pytest.mark.parametrize(
    ("limit", "kind"),
    [(0, ValueError), (-1, ValueError), (math.nan, ValueError), ("1", TypeError), (True, TypeError)],
    ids=str,
)
def test_clipping_refuses_a_limit_out_of_range(clip: Any, name: str, limit: Any, kind: Any) -> None:
    w = ag.Tensor([3.0])
    (w * w).sum().backward()
    with pytest.raises(kind, match=rf"^{name} must be a finite number > 0, got {limit!r}"):
        clip([w], limit)
    assert w.grad.tolist() == [6.0]


@pytest.mark.parametrize("clip", [optim.clip_grad_norm, optim.clip_grad_value])
@pytest.mark.parametrize(
    "params",
    [ag.Tensor([1.0]), ag.Value(1.0), 3, [1.0], "w"],
    ids=["tensor", "value", "int", "numbers", "string"],
)
def test_clipping_refuses_what_is_no_list_of_parameters(clip: Any, params: Any) -> None:
    with pytest.raises(TypeError, match="parameter"):
        clip(params, 1.0)


# ---- Saving and going on ----------------------------------------------------------------------------------------------


@all_cases
def test_saved_and_loaded_into_a_fresh_optimizer_training_goes_on_bit_for_bit(
    name: str, options: dict[str, Any]
) -> None:
    """Some parameters have taken fewer steps than others by then; the rate was changed, too."""
    problem = Problem()
    first = getattr(optim, name)(problem.ours, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for t in range(1, 6):
            first.step(lambda t=t: problem.loss(problem.ours, t, lambda i: i in (0, 4, 6) or t != 2))
    first.lr = 0.0123
    saved = first.state_dict()
    kept, copies = copy.deepcopy(saved), problem.fresh(data_of(problem.ours))
    second = getattr(optim, name)(copies, **{**options, "lr": 0.5})
    second.load_state_dict(saved)
    assert second.lr == 0.0123
    assert same_state(second.state_dict(), kept)
    for t in range(6, 16):
        first.step(lambda t=t: problem.loss(problem.ours, t))
        second.step(lambda t=t: problem.loss(copies, t))
        assert identical(data_of(problem.ours), data_of(copies))
    assert same_state(saved, kept)  # the state is a copy, on the way out and in


@one_of_each
def test_a_state_goes_through_a_file(name: str, options: dict[str, Any], tmp_path: Any) -> None:
    problem = Problem()
    first = getattr(optim, name)(problem.ours, **options)
    for t in range(1, 4):
        first.step(lambda t=t: problem.loss(problem.ours, t))
    ag.save({"optimizer": first.state_dict()}, tmp_path / "state.npz")
    second = getattr(optim, name)(problem.fresh(problem.start), **options)
    second.load_state_dict(ag.load(tmp_path / "state.npz")["optimizer"])
    assert same_state(second.state_dict(), first.state_dict())


def stepped(name: str = "Adam", **options: Any) -> Any:
    """An optimiser of a Tensor, a Value, a 0-d and a float32 Tensor that has taken two steps."""
    params = [ag.Tensor([1.0, 2.0]), ag.Value(3.0), ag.Tensor(4.0), ag.Tensor([5.0], dtype="float32")]
    optimizer = getattr(optim, name)(params, lr=0.1, **options)
    for _ in range(2):
        optimizer.step(lambda: sum((p * p).sum() if p.shape else p * p for p in params))
    return optimizer


def spoil(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """A function that puts the value, or nothing where it is None, at that place of a state."""

    def change(state: dict[str, Any]) -> None:
        *way, last = path.split(".")
        for key in way:
            state = state[key]
        state[last] = made(value)
        if value is None:
            del state[last]

    return change


STATE_FAULTS = {
    "not a state": spoil("optimizer", None),
    "of another optimiser": spoil("optimizer", "SGD"),
    "no options": spoil("options", None),
    "no rate": spoil("options.lr", None),
    "negative rate": spoil("options.lr", -1.0),
    "rate nan": spoil("options.lr", math.nan),
    "rate a string": spoil("options.lr", "0.1"),
    "no state": spoil("state", None),
    "state a list": spoil("state", [1, 2]),
    "missing parameter": spoil("state.2", None),
    "unexpected parameter": spoil("state.9", {"count": 2}),
    "entry a number": spoil("state.1", 3),
    "missing slot": spoil("state.0.mean", None),
    "missing slot of a Value": spoil("state.1.mean", None),
    "missing slot of a 0-d Tensor": spoil("state.2.square", None),
    "unexpected slot": spoil("state.0.velocity", np.zeros(2)),
    "misshapen slot": spoil("state.0.mean", np.zeros(3)),
    "slot of strings": spoil("state.0.mean", np.array(["a", "b"])),
    "ragged slot": spoil("state.0.mean", [[1.0], [1.0, 2.0]]),
    "slot a Tensor": spoil("state.0.mean", ag.Tensor([1.0, 2.0])),
    "slot of PyTorch's": spoil("state.0.mean", partial(torch.zeros, 2, requires_grad=True)),
    "complex slot": spoil("state.0.mean", np.zeros(2, complex)),
    "slot nan": spoil("state.0.mean", np.array([0.0, math.nan])),
    "slot inf": spoil("state.1.square", np.array(math.inf)),
    "slot beyond float32": spoil("state.3.mean", np.array([1e300])),
    "missing count": spoil("state.3.count", None),
    "negative count": spoil("state.3.count", -1),
    "count a fraction": spoil("state.3.count", 1.5),
    "count nan": spoil("state.3.count", math.nan),
    "count a string": spoil("state.3.count", "two"),
}


@pytest.mark.parametrize("fault", STATE_FAULTS.values(), ids=STATE_FAULTS)
def test_a_state_that_does_not_fit_is_refused_and_nothing_is_taken(
    fault: Callable[[dict[str, Any]], None],
) -> None:
    optimizer, other = stepped(), stepped(betas=(0.5, 0.5))
    before, params, state = optimizer.state_dict(), data_of(optimizer.params), other.state_dict()
    state["options"]["lr"] = 0.7
    fault(state)
    with pytest.raises(StateDictError, match="load_state_dict"):
        optimizer.load_state_dict(state)
    assert same_state(optimizer.state_dict(), before)
    assert identical(data_of(optimizer.params), params)


@pytest.mark.parametrize("state", [None, 3, [], "state", {}, {"optimizer": "Adam"}], ids=repr)
def test_something_that_is_no_state_is_refused(state: Any) -> None:
    with pytest.raises(StateDictError, match="load_state_dict"):
        stepped().load_state_dict(state)


def test_the_error_of_a_state_lists_all_that_is_wrong() -> None:
    optimizer, state = stepped(), stepped().state_dict()
    spoil("state.0.mean", np.zeros(3))(state)
    spoil("state.1.square", None)(state)
    spoil("state.3.mean", np.array([1e300]))(state)
    with pytest.raises(StateDictError) as caught:
        optimizer.load_state_dict(state)
    text = str(caught.value)
    for fault in (
        r"mean of parameter 0 .*\(3,\).*\(2,\)",
        "missing square of parameter 1",
        "mean of parameter 3 is too large for float32",
    ):
        assert re.search(fault, text)


def test_a_state_with_other_slots_is_refused() -> None:
    """SGD without momentum into one with; Adam with amsgrad into one without."""
    with pytest.raises(StateDictError, match="velocity"):
        stepped("SGD", momentum=0.9).load_state_dict(stepped("SGD").state_dict())
    with pytest.raises(StateDictError, match="largest"):
        stepped("Adam").load_state_dict(stepped("Adam", amsgrad=True).state_dict())


def test_loading_that_is_interrupted_anywhere_leaves_the_old_state_or_the_new() -> None:
    """Ctrl-C at every line of load_state_dict in turn."""
    optimizer, other = stepped(), stepped(betas=(0.5, 0.5))
    other.lr = 0.7
    other.step(lambda: sum((p * p).sum() if p.shape else p * p for p in other.params))
    old, new, outcomes = optimizer.state_dict(), other.state_dict(), set()
    new["options"] = {**old["options"], "lr": 0.7}
    for n in itertools.count(1):
        try:
            with Interrupt(n):
                optimizer.load_state_dict(new)
        except KeyboardInterrupt:
            now = optimizer.state_dict()
            outcomes.add(
                "old" if same_state(now, old) else "new" if same_state(now, new) else f"mixed at line {n}"
            )
            optimizer.load_state_dict(old)
        else:
            break
    assert n > 10
    assert "old" in outcomes
    assert outcomes <= {"old", "new"}


@all_cases
@pytest.mark.parametrize(
    "how", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))], ids=["deepcopy", "pickle"]
)
def test_an_optimizer_copied_with_its_parameters_takes_the_same_steps(
    name: str, options: dict[str, Any], how: Any
) -> None:
    """The copy's parameters are the copy's, and moving one moves not the other."""
    problem = Problem("values" if "momentum" in options else "mixed")
    first = getattr(optim, name)(problem.ours, **options)
    first.step(lambda: problem.loss(problem.ours, 1))
    params, second = how((problem.ours, first))
    assert all(p is q for p, q in zip(params, second.params, strict=True))
    for t in range(2, 5):
        second.step(lambda t=t: problem.loss(params, t))
    assert not identical(data_of(params), data_of(problem.ours))
    for t in range(2, 5):
        first.step(lambda t=t: problem.loss(problem.ours, t))
    assert identical(data_of(params), data_of(problem.ours))


@pytest.mark.parametrize(
    "how",
    [copy.deepcopy, copy.copy, lambda x: pickle.loads(pickle.dumps(x))],
    ids=["deepcopy", "copy", "pickle"],
)
@pytest.mark.parametrize("kind", ["tensor", "value"])
def test_a_parameter_that_was_stepped_can_be_copied(how: Any, kind: str) -> None:
    w = ag.Value(2.0, label="w") if kind == "value" else ag.Tensor([2.0], label="w")
    adam = optim.Adam([w])
    adam.step(lambda: (w * w).sum() if kind == "tensor" else w * w)
    twin = how(w)
    assert (twin.label, twin.requires_grad) == ("w", True)
    assert identical([twin.data, twin.grad], [w.data, w.grad])
    twin.grad = None
    before = np.array(w.data)
    optim.Adam([twin], lr=0.5).step(lambda: (twin * twin).sum() if kind == "tensor" else twin * twin)
    assert np.array_equal(w.data, before)
    assert not np.array_equal(twin.data, before)


# ---- Misuse -----------------------------------------------------------------------------------------------------------

POSITIVE, LEAST, UNIT = "> 0", "≥ 0", "≥ 0 and < 1"
ARGUMENTS = [  # the optimiser, the argument, what is allowed, the other arguments
    ("SGD", "lr", POSITIVE, {}), ("SGD", "momentum", LEAST, {}), ("SGD", "dampening", LEAST, {"momentum": 0.9}),
    ("SGD", "weight_decay", LEAST, {}), ("Adam", "lr", POSITIVE, {}), ("Adam", "eps", LEAST, {}), ("Adam", "weight_decay", LEAST, {}),
    ("AdamW", "lr", POSITIVE, {}), ("AdamW", "weight_decay", LEAST, {}), ("RMSprop", "lr", POSITIVE, {}), ("RMSprop", "alpha", UNIT, {}),
    ("RMSprop", "eps", LEAST, {}), ("RMSprop", "momentum", LEAST, {}), ("RMSprop", "weight_decay", LEAST, {}),
    ("LBFGS", "tolerance", LEAST, {}),
]  # fmt: skip
WRONG = [(-0.1, ValueError), (math.nan, ValueError), (math.inf, ValueError), (-math.inf, ValueError), ("0.1", TypeError), (True, TypeError),
         (None, TypeError), ([0.1], TypeError), (np.array(0.1), TypeError), (1j, TypeError), (10**400, ValueError)]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "argument", "allowed", "others"), ARGUMENTS, ids=[f"{a[0]}-{a[1]}" for a in ARGUMENTS]
)
@pytest.mark.parametrize(("value", "kind"), WRONG, ids=[str(value)[:8] for value, _ in WRONG])
def test_a_number_out_of_range_is_refused_by_name(
    name: str, argument: str, allowed: str, others: Any, value: Any, kind: Any
) -> None:
    needed = {"lr": 0.1} if name != "LBFGS" else {}
    with pytest.raises(kind, match=re.escape(f"{argument} must be a finite number {allowed}, got ")):
        getattr(optim, name)([ag.Value(1.0)], **{**needed, **others, argument: value})


@pytest.mark.parametrize("name", ["Adam", "AdamW"])
@pytest.mark.parametrize(
    ("betas", "kind", "text"),
    [
        ((0.9, 1.0), ValueError, "betas[1] must be a finite number ≥ 0 and < 1, got 1.0"),
        ((1.5, 0.9), ValueError, "betas[0] must be a finite number ≥ 0 and < 1, got 1.5"),
        ((-0.1, 0.9), ValueError, "betas[0] must be a finite number ≥ 0 and < 1, got -0.1"),
        ((0.9, math.nan), ValueError, "betas[1] must be a finite number ≥ 0 and < 1, got nan"),
        ((0.9, math.inf), ValueError, "betas[1] must be a finite number ≥ 0 and < 1, got inf"),
        (("0.9", 0.9), TypeError, "betas[0] must be a finite number ≥ 0 and < 1, got '0.9'"),
        ((0.9, False), TypeError, "betas[1] must be a finite number ≥ 0 and < 1, got False"),
        (0.9, TypeError, "betas must be two numbers in [0, 1), got 0.9"),
        ((0.9,), TypeError, "betas must be two numbers in [0, 1), got (0.9,)"),
        ("99", TypeError, "betas must be two numbers in [0, 1), got '99'"),
    ],
)
def test_betas_out_of_range_are_refused(name: str, betas: Any, kind: Any, text: str) -> None:
    with pytest.raises(kind, match=re.escape(text)):
        getattr(optim, name)([ag.Value(1.0)], betas=betas)


def test_a_rate_of_0_is_refused_at_first_and_may_be_set_later() -> None:
    with pytest.raises(ValueError, match=re.escape("lr must be a finite number > 0, got 0")):
        optim.SGD([ag.Value(1.0)], lr=0)
    sgd = optim.SGD([ag.Value(1.0)], lr=np.float32(0.5))
    sgd.lr = 0
    assert sgd.lr == 0.0
    sgd.lr = np.int64(2)
    assert (sgd.lr, type(sgd.lr)) == (2.0, float)


@pytest.mark.parametrize(("value", "kind"), WRONG[:-1], ids=[str(value)[:8] for value, _ in WRONG[:-1]])
def test_a_rate_that_is_set_is_checked_and_the_old_one_kept(value: Any, kind: Any) -> None:
    sgd = optim.SGD([ag.Value(1.0)], lr=0.1)
    with pytest.raises(kind, match=r"^lr must be a finite number ≥ 0, got "):
        sgd.lr = value
    assert sgd.lr == 0.1


@pytest.mark.parametrize(
    "options", [{}, {"momentum": 0}, {"momentum": 0.9, "dampening": 0.1}], ids=["none", "0", "dampened"]
)
def test_nesterov_needs_a_momentum(options: Any) -> None:
    with pytest.raises(ValueError, match=r"^nesterov needs a momentum > 0 and no dampening$"):
        optim.SGD([ag.Value(1.0)], lr=0.1, nesterov=True, **options)


OPTIMIZERS = pytest.mark.parametrize("make", [partial(optim.SGD, lr=0.1), optim.Adam, optim.AdamW, optim.RMSprop, optim.LBFGS],
                                     ids=["SGD", "Adam", "AdamW", "RMSprop", "LBFGS"])  # fmt: skip


def exhausted() -> Any:
    generator = (p for p in [ag.Value(1.0)])
    list(generator)
    return generator


@OPTIMIZERS
@pytest.mark.parametrize(
    ("params", "kind", "text"),
    [
        (list, ValueError, "no parameters"),
        (exhausted, ValueError, "no parameters (an exhausted generator?)"),
        (lambda: ag.Tensor([1.0]), TypeError, "a single Tensor: pass [w]"),
        (lambda: ag.Value(1.0), TypeError, "a single Value: pass [w]"),
        (lambda: ag.nn.Linear(2, 1), TypeError, "a single Linear: pass model.parameters()"),
        (lambda: ag.nn.Sequential(ag.nn.Linear(2, 1)), TypeError, "a single Sequential: pass model.parameters()"),
        (lambda: [1.0], TypeError, "params[0] is a float"),
        (lambda: [ag.Value(1.0), np.ones(2)], TypeError, "params[1] is a ndarray"),
        (lambda: "weights", TypeError, "params[0] is a str"),
        (lambda: ag.nn.Linear(2, 1).state_dict(), TypeError, "params[0] is a str"),
        (lambda: [ag.Value(1.0), ag.Value(2.0, label="y") * 2], ValueError, "params[1], Value(4.0), is no leaf"),
        (lambda: [ag.Tensor([1.0], requires_grad=False, label="c")], ValueError, "params[0], Tensor 'c', is no leaf that requires"),
        (lambda: [ag.Value(1.0)] * 2, ValueError, "the same parameter was given twice"),
        (lambda: [ag.Tensor([[1.0]])[0]], ValueError, "is no leaf"),
        (lambda: 3, TypeError, "params must be a list of parameters"),
        (lambda: None, TypeError, "params must be a list of parameters"),
    ],
    ids=["none", "exhausted", "tensor", "value", "module", "sequential", "numbers", "array", "string", "state", "interior", "constant",
         "twice", "element", "int", "None"],
)  # fmt: skip
def test_what_is_no_list_of_parameters_is_refused(make: Any, params: Any, kind: Any, text: str) -> None:
    with pytest.raises(kind, match=re.escape(text)):
        make(params())


def test_parameters_may_come_from_a_generator_that_is_read_once() -> None:
    net = ag.nn.Linear(2, 1, rng=0)
    sgd = optim.SGD((p for _, p in net.named_parameters()), 0.1)
    before = data_of(net.parameters())
    sgd.step(lambda: net([[1.0, 2.0]]).sum())
    assert not identical(before, data_of(net.parameters()))


@OPTIMIZERS
@pytest.mark.parametrize("kind", ["tensor", "value"])
def test_a_step_that_nothing_was_backpropagated_to_is_an_error_that_names_the_parameters(
    make: Any, kind: str
) -> None:
    of = ag.Value if kind == "value" else ag.Tensor
    a, b = of(1.0, label="a"), of(2.0, label="b")
    other = ag.Value(3.0)
    optimizer = make([a, b])
    before = optimizer.state_dict()
    with pytest.raises(
        GraphError, match=r"no backward has reached the parameters \((Tensor|Value) 'a', (Tensor|Value) 'b'\)"
    ) as caught:
        optimizer.step(lambda: other * other)
    assert isinstance(caught.value, RuntimeError)
    if not isinstance(optimizer, optim.LBFGS):
        with pytest.raises(GraphError, match="the loss does not depend on them"):
            optimizer.step()
    assert data_of([a, b]) == [1.0, 2.0]
    assert same_state(optimizer.state_dict(), before)


def test_the_error_names_the_first_few_of_many_parameters() -> None:
    with pytest.raises(GraphError, match=r"'p0', Value 'p1', Value 'p2', Value 'p3', …\)"):
        optim.SGD([ag.Value(1.0, label=f"p{i}") for i in range(50)], 0.1).step()


def test_a_graph_older_than_the_step_is_refused() -> None:
    """Whatever way the data came to be changed: in one vector, alone, in pieces, with bounds."""
    for shapes in ("one", "mixed", "big"):
        for bounds in (None, (-9.0, 9.0)):
            problem = Problem(shapes)
            sgd = optim.SGD(problem.ours, 0.1, bounds=bounds)
            loss = problem.loss(problem.ours, 1)
            loss.backward()
            sgd.step()
            with pytest.raises(GraphError, match="was changed after"):
                loss.backward()


# ---- Warnings ---------------------------------------------------------------------------------------------------------


def recorded(call: Callable[[], Any]) -> list[str]:
    """The texts of the warnings of a call, all of which point at this file."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    assert all(warning.filename == __file__ for warning in caught)
    return [str(warning.message) for warning in caught]


def several(kind: str, n: int = 3) -> list[Any]:
    """Parameters named a, b, c, …"""
    return [
        ag.Value(i + 1.0, label=label)
        if kind == "value" or (kind == "both" and i % 2)
        else ag.Tensor([i + 1.0, 1.0], label=label)
        for i, label in enumerate("abcdefghijklmnop"[:n])
    ]


def loss_of(params: Sequence[Any]) -> Any:
    return sum(p * p if isinstance(p, ag.Value) else (p * p).sum() for p in params)


KINDS = pytest.mark.parametrize("kind", ["tensor", "value", "both"])


@KINDS
def test_parameters_that_were_not_reached_are_named_in_one_warning(kind: str) -> None:
    params = several(kind)
    sgd = optim.SGD(params, 0.1)

    def train() -> None:
        for _ in range(3):
            sgd.zero_grad()
            loss_of(params[:1]).backward()
            sgd.step()

    (text,) = recorded(train)
    assert re.fullmatch(
        r"step\(\): no backward has reached (Tensor|Value) 'b', (Tensor|Value) 'c'; they stay as they are",
        text,
    )
    assert float(np.max(params[1].data)) == 2.0


@KINDS
@pytest.mark.parametrize("n", [1, 3])
def test_a_second_step_on_the_same_gradients_gets_one_warning(kind: str, n: int) -> None:
    """The step is taken as asked. What a backward has added to is another gradient, and gets none."""
    params = several(kind, n)
    sgd, seen = optim.SGD(params, 0.125), []
    loss_of(params).backward()
    seen += [recorded(sgd.step) for _ in range(3)]
    loss_of(params).backward()
    seen.append(recorded(sgd.step))
    assert [len(texts) for texts in seen] == [0, 1, 0, 0]
    assert re.search(
        r"the gradients of (Tensor|Value) 'a'.* are those of the last step: call zero_grad\(\) and backward\(\)",
        seen[1][0],
    )
    assert float(np.ravel(params[0].data)[0]) == 1.0 - 3 * 0.125 * 2.0 - 0.125 * (2.0 + 0.5)


def test_an_optimizer_holds_no_gradient() -> None:
    """What it knows the last gradients by is a weak reference: zeroing them frees the memory."""
    params = several("tensor")
    sgd = optim.SGD(params, 0.1)
    loss_of(params).backward()
    sgd.step()
    held = [weakref.ref(p.grad) for p in params]
    for p in params:
        p.grad = None
    assert [h() for h in held] == [None] * 3


def zero_by_method(sgd: Any, params: Sequence[Any]) -> None:
    sgd.zero_grad()


def zero_each(sgd: Any, params: Sequence[Any]) -> None:
    for p in params:
        p.zero_grad()


def none_by_hand(sgd: Any, params: Sequence[Any]) -> None:
    for p in params:
        p.grad = None


def zeros_by_hand(sgd: Any, params: Sequence[Any]) -> None:
    for p in params:
        p.grad = 0.0 if isinstance(p, ag.Value) else np.zeros_like(p.data)


def zeros_in_place(sgd: Any, params: Sequence[Any]) -> None:
    for p in params:
        if isinstance(p, ag.Value):
            p.grad = 0.0
        else:
            p.grad[...] = 0.0


@KINDS
@pytest.mark.parametrize("zero", [zero_by_method, zero_each, none_by_hand, zeros_by_hand, zeros_in_place])
def test_gradients_that_were_zeroed_get_no_warning(kind: str, zero: Any) -> None:
    params = several(kind)
    sgd = optim.SGD(params, 0.1)
    for _ in range(3):
        loss_of(params).backward()
        assert recorded(sgd.step) == []
        zero(sgd, params)


@KINDS
def test_gradients_of_several_backwards_may_be_added_up_between_steps(kind: str) -> None:
    params = several(kind)
    sgd = optim.SGD(params, 0.01)
    for _ in range(2):
        for _ in range(3):
            loss_of(params).backward()
        assert recorded(sgd.step) == []
        sgd.zero_grad()


@KINDS
@pytest.mark.parametrize("value", [1.0, 0.5])
def test_the_same_gradient_set_by_hand_for_every_step_gets_no_warning(kind: str, value: float) -> None:
    params = several(kind)
    sgd = optim.SGD(params, 0.1)
    for _ in range(3):
        for p in params:
            p.grad = value if isinstance(p, ag.Value) else np.full(p.shape, value)
        assert recorded(sgd.step) == []
        sgd.zero_grad()


@KINDS
def test_clipping_between_backward_and_step_causes_no_warning(kind: str) -> None:
    params = several(kind)
    sgd = optim.SGD(params, 0.1)
    for _ in range(3):
        sgd.zero_grad()
        loss_of(params).backward()
        optim.clip_grad_norm(params, 0.01)
        optim.clip_grad_value(params, 0.001)
        assert recorded(sgd.step) == []


def test_two_optimizers_may_step_with_the_same_gradients() -> None:
    """Of different parameters of one backward, and a fresh one after another."""
    params = several("tensor", 4)
    first, second = optim.SGD(params[:2], 0.1), optim.Adam(params[2:], 0.1)
    for _ in range(3):
        for optimizer in (first, second):
            optimizer.zero_grad()
        loss_of(params).backward()
        assert recorded(first.step) == recorded(second.step) == []


@KINDS
def test_the_parameter_that_was_not_zeroed_is_named_and_not_the_one_that_was(kind: str) -> None:
    params = several(kind)
    sgd = optim.SGD(params, 0.1)
    sgd.step(lambda: loss_of(params))
    params[1].grad = params[2].grad = None
    loss_of(params[1:]).backward()
    (text,) = recorded(sgd.step)
    assert re.search(r"the gradients of (Tensor|Value) 'a' are those", text)


@KINDS
@pytest.mark.parametrize("which", [0, 2], ids=["first", "last"])
def test_one_parameter_alone_that_was_not_zeroed_is_noticed(kind: str, which: int) -> None:
    """The first and the last parameter are looked at, for all."""
    params = several(kind)
    sgd = optim.SGD(params, 0.1)
    sgd.step(lambda: loss_of(params))
    others = [p for i, p in enumerate(params) if i != which]
    for p in others:
        p.grad = None
    loss_of(others).backward()
    assert len(recorded(sgd.step)) == 1


def test_warnings_are_those_of_one_optimizer() -> None:
    """The next optimiser warns again."""
    for _ in range(2):
        params = several("tensor")
        assert (
            len(recorded(lambda params=params: optim.SGD(params, 0.1).step(lambda: loss_of(params[:2])))) == 1
        )


def test_a_step_keeps_the_label_of_a_parameter() -> None:
    params = several("both")
    optim.SGD(params, 0.1).step(lambda: loss_of(params))
    params[0].label = "z"
    assert [p.label for p in params] == ["z", "b", "c"]


def test_the_repr_names_the_options() -> None:
    assert (
        repr(optim.Adam([ag.Value(1.0)], 0.1))
        == "Adam(lr=0.1, betas=[0.9, 0.999], eps=1e-08, weight_decay=0.0, amsgrad=False, 1 parameters)"
    )


# ---- L-BFGS -----------------------------------------------------------------------------------------------------------


def rosenbrock(x: Any, y: Any) -> Any:
    return (1.0 - x) ** 2 + 100.0 * (y - x * x) ** 2


@pytest.mark.parametrize("kind", ["tensor", "values", "mixed", "float32"])
def test_lbfgs_reaches_the_minimum_of_rosenbrock(kind: str) -> None:
    if kind in ("tensor", "float32"):
        w = ag.Tensor([-1.2, 1.0], dtype="float64" if kind == "tensor" else kind)
        params, loss = [w], lambda: rosenbrock(w[0], w[1])
    else:
        params = [ag.Value(-1.2), ag.Value(1.0) if kind == "values" else ag.Tensor(1.0)]
        loss = lambda: rosenbrock(*params)  # noqa: E731
    least = optim.LBFGS(params, max_iter=100).step(loss)
    np.testing.assert_allclose(
        np.concatenate([np.ravel(p.data) for p in params]),
        [1.0, 1.0],
        rtol=1e-6 if kind != "float32" else 1e-3,
    )
    assert isinstance(least, float)
    assert least < 1e-12 if kind != "float32" else least < 1e-6
    assert {type(p.data) for p in params} <= {float, np.ndarray}
    assert all(p.dtype == ("float32" if kind == "float32" else "float64") for p in params)


def test_lbfgs_keeps_the_bounds_in_every_evaluation() -> None:
    """The least of the box is (0.5, 0.25) with loss 0.25."""
    x, y, seen = ag.Value(-1.2), ag.Tensor([1.0]), []

    def loss() -> Any:
        seen.extend([x.data, y.data[0]])
        return rosenbrock(x, y).sum()

    least = optim.LBFGS([x, y], max_iter=100, bounds=(-2.0, 0.5)).step(loss)
    assert least == pytest.approx(0.25, rel=1e-9)
    assert x.data == pytest.approx(0.5, rel=1e-9)
    assert y.data.tolist() == pytest.approx([0.25], rel=1e-6)
    assert -2.0 <= min(seen) <= max(seen) <= 0.5


def test_lbfgs_stops_after_max_iter_and_goes_on_with_the_next_step() -> None:
    w = ag.Tensor([-1.2, 1.0])
    lbfgs = optim.LBFGS([w], max_iter=3)
    losses = [lbfgs.step(lambda: rosenbrock(w[0], w[1])) for _ in range(40)]
    assert losses[0] > 1e-3
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 1e-8
    assert losses[-1] == pytest.approx(rosenbrock(*w.data), rel=1e-9, abs=1e-20)


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, ValueError])
@pytest.mark.parametrize("call", [1, 2, 9])
def test_lbfgs_restores_the_parameters_when_it_is_interrupted(error: Any, call: int) -> None:
    x, y, calls = ag.Value(-1.2), ag.Tensor([1.0]), []

    def loss() -> Any:
        calls.append(0)
        if len(calls) == call:
            raise error
        return rosenbrock(x, y).sum()

    with pytest.raises(error):
        optim.LBFGS([x, y], max_iter=100).step(loss)
    assert (x.data, y.data.tolist()) == (-1.2, [1.0])


def test_lbfgs_returns_the_least_loss_that_it_found_where_later_ones_are_nan() -> None:
    w = ag.Tensor([1.0])
    least = optim.LBFGS([w]).step(lambda: (w * w).sum() if w.data[0] > 0.9 else w.sum() * math.nan)
    assert least == pytest.approx(float(w.data[0]) ** 2)
    assert math.isfinite(least)


def test_lbfgs_takes_a_closure_as_torchs_that_returns_a_number() -> None:
    w = ag.Tensor([3.0])
    lbfgs = optim.LBFGS([w])

    def closure() -> float:
        lbfgs.zero_grad()
        loss = (w * w).sum()
        loss.backward()
        return loss.item()

    assert lbfgs.step(closure) == pytest.approx(0.0, abs=1e-20)


def test_lbfgs_leaves_what_the_loss_does_not_depend_on_and_warns_once() -> None:
    a, b = ag.Tensor([3.0], label="a"), ag.Tensor([3.0], label="b")
    with pytest.warns(UserWarning, match="no backward has reached Tensor 'b'") as caught:
        optim.LBFGS([a, b]).step(lambda: (a * a).sum())
    assert len(caught) == 1
    assert abs(a.data[0]) < 1e-9
    assert b.data.tolist() == [3.0]


@pytest.mark.parametrize(
    ("options", "kind", "text"),
    [
        ({"max_iter": 0}, ValueError, "max_iter must be an int > 0, got 0"),
        ({"max_iter": 2.5}, (TypeError, ValueError), "max_iter must be an int > 0, got 2.5"),
        ({"history": True}, (TypeError, ValueError), "history must be an int > 0, got True"),
        ({"bounds": (1, 0)}, ValueError, "bounds must be (low, high)"),
    ],
)
def test_lbfgs_refuses_what_is_out_of_range(options: Any, kind: Any, text: str) -> None:
    with pytest.raises(kind, match=re.escape(text)):
        optim.LBFGS([ag.Value(1.0)], **options)


def test_lbfgs_without_a_closure_says_that_it_needs_one() -> None:
    with pytest.raises(
        TypeError, match=re.escape("LBFGS evaluates the loss many times: write step(closure)")
    ):
        optim.LBFGS([ag.Value(1.0)]).step()


def test_lbfgs_without_scipy_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    w = ag.Value(1.0)
    with pytest.raises(
        ImportError, match=r"LBFGS needs scipy: python -m pip install 'autograd-mini\[scipy\]'"
    ):
        optim.LBFGS([w]).step(lambda: w * w)
    assert w.data == 1.0


# ---- What a step costs ------------------------------------------------------------------------------------------------


@one_of_each
def test_a_step_over_many_small_parameters_updates_them_as_one_vector(
    name: str, options: dict[str, Any], monkeypatch: Any
) -> None:
    params, sizes = [ag.Tensor(np.ones((2, i % 3 + 1))) for i in range(100)], []
    optimizer = getattr(optim, name)(params, **options)
    update = optimizer.update

    def counted(grad: Any, *rest: Any) -> Any:
        sizes.append(grad.size)
        return update(grad, *rest)

    monkeypatch.setattr(optimizer, "update", counted)
    optimizer.step(lambda: loss_of(params))
    assert sizes == [sum(p.size for p in params)]
