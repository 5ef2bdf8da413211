"""Settings of a wrong kind are refused with their name: flags, seeds, what is called later, gradients set by hand, spent generators."""

import math

import numpy as np
import pytest

import autograd_mini as ag
from tests.helpers.refusals import refused

nn, optim = ag.nn, ag.optim
X, Y = np.eye(2), np.ones((2, 1))


def leaf():
    return ag.Tensor([1.0, 2.0])


def sgd(**options):
    return optim.SGD([leaf()], lr=0.1, **options)


FLAGS = {
    "nesterov": lambda flag: sgd(momentum=0.9, nesterov=flag),
    "amsgrad": lambda flag: optim.Adam([leaf()], amsgrad=flag),
    "centered": lambda flag: optim.RMSprop([leaf()], centered=flag),
    "bias": lambda flag: nn.Linear(2, 1, flag),
    "mode": lambda flag: nn.Linear(2, 1).train(flag),
    "restore_best": lambda flag: ag.EarlyStopping(restore_best=flag),
}


@pytest.mark.parametrize("wrong", ["no", "", 0, 1.0, None, [False]], ids=repr)
@pytest.mark.parametrize("name", FLAGS)
def test_a_flag_is_true_or_false(name, wrong):
    """The string "no" is true: it is refused, and so is whatever else is neither True nor False."""
    FLAGS[name](np.True_)
    with refused(TypeError, f"{name} must be True or False, got {wrong!r}"):
        FLAGS[name](wrong)


SEEDED = {
    "Linear": lambda rng: nn.Linear(2, 1, rng=rng), "MLP": lambda rng: nn.MLP([2, 1], rng=rng), "Dropout": lambda rng: nn.Dropout(rng=rng),
    "scalar": lambda rng: nn.scalar.MLP(2, [1], rng=rng), "init": lambda rng: nn.init.normal()((2,), rng),
}  # fmt: skip


@pytest.mark.parametrize(("wrong", "kind"), [("a", TypeError), (-1, ValueError), (0.5, TypeError)], ids=repr)
@pytest.mark.parametrize("make", SEEDED.values(), ids=SEEDED)
def test_a_seed_that_is_none_is_named(make, wrong, kind):
    """A seed is an int ≥ 0 or a Generator, wherever one is taken."""
    make(np.random.default_rng(0))
    with refused(kind, f"rng must be a seed or a numpy.random.Generator, got {wrong!r}"):
        make(wrong)


LATER = {
    "init": (lambda: nn.Linear(2, 1, init="xavier"), "init must be an initialiser, as ag.nn.init.xavier_uniform()"),
    "then": (lambda: optim.WarmUp(sgd(), 2, then="cosine"), "then must be another schedule"),
    "factor": (lambda: optim.LambdaLR(sgd(), lambda epoch: "a"), "factor(epoch) must be a finite number, got 'a'"),
    "names": (lambda: ag.draw(leaf().sum(), names=["w"]), "draw: names must be a dict, as locals()"),
    "loss": (lambda: ag.mean_over("mse", nn.Linear(2, 1), X), "mean_over(loss, model, *arrays): give a function"),
    "ignore_index": (lambda: nn.cross_entropy(leaf(), 1, ignore_index=0.5), "ignore_index must be an int or None, got 0.5"),
}  # fmt: skip


@pytest.mark.parametrize(("call", "text"), LATER.values(), ids=LATER)
def test_what_would_fail_later_or_never_is_refused_at_once(call, text):
    """The argument is named where it is given, not where it is used."""
    with refused(TypeError, text):
        call()


@pytest.mark.parametrize("weight", [math.inf, math.nan, -1.0])
def test_weights_of_losses_are_finite(weight):
    """An infinite weight would make the loss NaN."""
    logits = ag.Tensor([[1.0, 2.0]])
    for call in (
        lambda: nn.cross_entropy(logits, [1], weight=[weight, 1.0]),
        lambda: nn.nll(ag.log_softmax(logits), [1], weight=[1.0, weight]),
        lambda: nn.binary_cross_entropy_with_logits(logits, [[0.0, 1.0]], weight=weight),
        lambda: nn.binary_cross_entropy_with_logits(logits, [[0.0, 1.0]], pos_weight=[weight, 1.0]),
    ):
        with refused(ValueError, "weight must be finite, 0 or more, got"):
            call()


WITH_GRADIENTS = {
    "step()": lambda w: optim.SGD([w], lr=0.1).step(),
    "clip_grad_norm": lambda w: optim.clip_grad_norm([w], 1.0),
    "clip_grad_value": lambda w: optim.clip_grad_value([w], 1.0),
}


@pytest.mark.parametrize("name", WITH_GRADIENTS)
def test_gradients_set_by_hand_are_taken_or_named(name):
    """A list is a gradient; what is no number is refused with the caller's name, and nothing has changed."""
    w = leaf()
    w.grad = [30.0, 40.0]
    WITH_GRADIENTS[name](w)
    for wrong in ("a", 1j, [None, 1.0]):
        w.grad = wrong
        with refused((TypeError, ValueError), unchanged=[w]) as caught:
            WITH_GRADIENTS[name](w)
        said = f"{caught.value} {getattr(caught.value, '__notes__', '')}"
        assert name in said or isinstance(wrong, list)


@pytest.mark.parametrize("call", [optim.clip_grad_norm, optim.clip_grad_value])
def test_a_spent_generator_is_no_list_of_parameters(call):
    """It would clip nothing, silently; an empty list is what it says."""
    parameters = iter(nn.Linear(2, 1).parameters())
    assert len(list(parameters)) == 2
    with refused(ValueError, f"{call.__name__}: no parameters (an exhausted generator?)"):
        call(parameters, 1.0)
    call([], 1.0)


def test_a_direction_that_is_no_number_is_named():
    """vjp and jvp say that v is wrong, and like what it must be."""
    for call in (lambda v: ag.jvp(ag.exp, 1.0, v), lambda v: ag.vjp(ag.exp, 1.0)[1](v)):
        for wrong in ("a", None, 1j):
            with pytest.raises(ag.DTypeError) as caught:
                call(wrong)
            assert "v must be numbers, as" in str(getattr(caught.value, "__notes__", ""))
