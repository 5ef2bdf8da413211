"""Gradients that are added to from step to step and never zeroed: one warning a program, and none where it is meant."""

import copy
import pickle
import warnings
from typing import Any

import pytest

import autograd_mini as ag
from autograd_mini.support.unzeroed import Sum


@pytest.fixture(autouse=True)
def _as_a_program_begins(monkeypatch: Any) -> None:
    monkeypatch.setattr(Sum, "warned", False)


def warned(make: Any, steps: int, zero: bool, backwards: int = 1, by_hand: bool = False) -> list[str]:
    """The texts of the warnings of a loop."""
    w = make()
    sgd = ag.optim.SGD([w], lr=1e-3)
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        for _ in range(steps):
            if zero:
                w.grad = None
            for _ in range(backwards):
                (w * w).sum().backward()
            if by_hand:
                w.data -= 1e-3 * w.grad
            else:
                sgd.step()
    assert all(entry.filename == __file__ for entry in found)
    return [str(entry.message) for entry in found]


KINDS = {"Value": lambda: ag.Value(1.0, label="w"), "Tensor": lambda: ag.Tensor([1.0, 2.0], label="w")}
kinds = pytest.mark.parametrize("make", KINDS.values(), ids=KINDS.keys())


@kinds
@pytest.mark.parametrize("by_hand", [False, True], ids=["optimiser", "by hand"])
def test_a_loop_that_never_zeroes_is_warned_once(make: Any, by_hand: bool) -> None:
    """At the line of backward(), with the names and the way out; and once in a program."""
    (text,) = warned(make, 20, zero=False, by_hand=by_hand)
    assert "'w'" in text
    assert "zero_grad()" in text
    assert warned(make, 20, zero=False) == []


@kinds
@pytest.mark.parametrize("backwards", [1, 2, 8], ids=["one", "two losses", "eight micro-batches"])
def test_loops_that_zero_are_not_warned(make: Any, backwards: int) -> None:
    assert warned(make, 20, zero=True, backwards=backwards) == []


@kinds
def test_sums_between_steps_are_no_fault(make: Any) -> None:
    """Many backward calls without a step, and a few steps without zeroing, are let pass."""
    assert warned(make, 1, zero=False, backwards=50) == []
    assert warned(make, 5, zero=False) == []


@kinds
def test_a_leaf_that_was_added_to_can_be_copied(make: Any) -> None:
    """In a copy the count begins anew, as its gradient is another array."""
    w = make()
    for _ in range(4):
        (w * w).sum().backward()
        w.data = w.data * 0.9
    for other in (copy.deepcopy(w), pickle.loads(pickle.dumps(w))):
        assert other.meta["sum"] is None
        (other * other).sum().backward()
        assert other.meta["sum"].count == 0
