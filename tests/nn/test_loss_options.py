"""The options of the losses of classes, equal to PyTorch's: values, gradients, and their gradients."""

import itertools

import numpy as np
import pytest

import autograd_mini as ag
from autograd_mini import Tensor
from tests.helpers.peers import torch
from tests.helpers.refusals import refused

RNG = np.random.default_rng(4)
LOGITS = RNG.normal(size=(6, 4)) * 3.0
CLASSES = np.array([0, 3, 1, 1, 2, 0])
PROBABILITIES = RNG.dirichlet(np.ones(4), size=6)
WEIGHT = np.array([0.5, 2.0, 0.0, 1.5])
REDUCTIONS = ("mean", "sum", "none")


def same(ours, theirs, x, reduction):
    """Value, gradient and the gradient of its square are PyTorch's."""
    node, tensor = Tensor(x), torch.tensor(x, requires_grad=True)
    out, wanted = ours(node), theirs(tensor)
    np.testing.assert_allclose(out.data, wanted.detach().numpy(), rtol=1e-12, atol=1e-14)
    scale = np.cos(np.arange(out.size)).reshape(out.shape)
    (grad,) = torch.autograd.grad((wanted * torch.tensor(scale)).sum(), tensor, create_graph=True)
    (second,) = torch.autograd.grad((grad * grad).sum(), tensor)
    mine = ag.gradients((out * scale).sum(), node, create_graph=True)
    np.testing.assert_allclose(mine.data, grad.detach().numpy(), rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose(ag.gradients((mine * mine).sum(), node), second.numpy(), rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(
    ("weight", "ignored", "smoothing"),
    list(itertools.product([None, WEIGHT], [None, 1], [0.0, 0.1, 1.0]))[1:],
    ids=str,
)
def test_cross_entropy_of_classes(weight, ignored, smoothing, reduction):
    """weight, ignore_index and label_smoothing, alone and together, of class indices."""
    how = {"reduction": reduction, "label_smoothing": smoothing}
    theirs = how | ({} if weight is None else {"weight": torch.tensor(weight)})
    theirs |= {} if ignored is None else {"ignore_index": ignored}
    same(
        lambda x: ag.nn.cross_entropy(x, CLASSES, weight=weight, ignore_index=ignored, **how),
        lambda x: torch.nn.functional.cross_entropy(x, torch.tensor(CLASSES), **theirs),
        LOGITS,
        reduction,
    )


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(("weight", "smoothing"), [(WEIGHT, 0.0), (None, 0.2), (WEIGHT, 0.2)], ids=str)
def test_cross_entropy_of_probabilities(weight, smoothing, reduction):
    """weight and label_smoothing of targets that are probabilities."""
    theirs = {} if weight is None else {"weight": torch.tensor(weight)}
    same(
        lambda x: ag.nn.cross_entropy(x, PROBABILITIES, reduction, weight=weight, label_smoothing=smoothing),
        lambda x: torch.nn.functional.cross_entropy(
            x, torch.tensor(PROBABILITIES), reduction=reduction, label_smoothing=smoothing, **theirs
        ),
        LOGITS,
        reduction,
    )


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(
    ("weight", "ignored"), [(WEIGHT, None), (None, 1), (WEIGHT, 3), (None, -100)], ids=str
)
def test_nll(weight, ignored, reduction):
    """weight and ignore_index of the negative log-likelihood."""
    theirs = {} if weight is None else {"weight": torch.tensor(weight)}
    theirs |= {} if ignored is None else {"ignore_index": ignored}
    classes = np.where(CLASSES == 3, -100, CLASSES) if ignored == -100 else CLASSES
    same(
        lambda x: ag.nn.nll(ag.log_softmax(x), classes, reduction, weight=weight, ignore_index=ignored),
        lambda x: torch.nn.functional.nll_loss(
            torch.log_softmax(x, -1), torch.tensor(classes), reduction=reduction, **theirs
        ),
        LOGITS,
        reduction,
    )


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(
    "how",
    [
        {"pos_weight": 3.0},
        {"pos_weight": WEIGHT},
        {"weight": WEIGHT},
        {"weight": RNG.random((6, 1)), "pos_weight": WEIGHT},
    ],
    ids=["number", "classes", "weight", "both"],
)
def test_binary_cross_entropy_with_logits(how, reduction):
    """pos_weight and weight."""
    theirs = {name: torch.tensor(value) for name, value in how.items()}
    same(
        lambda x: ag.nn.binary_cross_entropy_with_logits(x, PROBABILITIES, reduction, **how),
        lambda x: torch.nn.functional.binary_cross_entropy_with_logits(
            x, torch.tensor(PROBABILITIES), reduction=reduction, **theirs
        ),
        LOGITS,
        reduction,
    )


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_binary_cross_entropy(reduction):
    """weight of the losses of probabilities."""
    same(
        lambda x: ag.nn.binary_cross_entropy(ag.sigmoid(x), PROBABILITIES, reduction, weight=WEIGHT),
        lambda x: torch.nn.functional.binary_cross_entropy(
            torch.sigmoid(x), torch.tensor(PROBABILITIES), reduction=reduction, weight=torch.tensor(WEIGHT)
        ),
        LOGITS / 6.0,  # PyTorch's second derivative of probabilities near 0 and 1 keeps six digits
        reduction,
    )


def test_the_tails_of_a_weighted_logit_keep_their_digits():
    """pos_weight leaves logits of ±40 their last digits."""
    x = Tensor([40.0, -40.0])
    out = ag.nn.binary_cross_entropy_with_logits(x, [1.0, 0.0], "none", pos_weight=2.0)
    np.testing.assert_allclose(out.data, np.exp(-40.0) * np.array([2.0, 1.0]), rtol=1e-14)


def test_float32_stays():
    """Weights given as Python lists leave float32 logits their dtype."""
    x = Tensor(LOGITS.astype("f"))
    out = ag.nn.cross_entropy(x, CLASSES, weight=WEIGHT.tolist(), label_smoothing=0.1, ignore_index=0)
    assert out.dtype == np.float32
    out.backward()
    assert x.grad.dtype == np.float32


def test_all_ignored_is_nan():
    """The mean of nothing is NaN, as everywhere, and as PyTorch's; the sum is 0."""
    assert np.isnan(ag.nn.cross_entropy(Tensor(LOGITS[:2]), [1, 1], ignore_index=1).data)
    assert ag.nn.cross_entropy(Tensor(LOGITS[:2]), [1, 1], "sum", ignore_index=1).data == 0.0


@pytest.mark.parametrize(
    ("kind", "how", "texts"),
    [
        (ag.ShapeError, {"weight": [1.0, 2.0]}, ["weight", "4 classes", "(2,)"]),
        (ValueError, {"weight": [1.0, -2.0, 1.0, 1.0]}, ["weight", "-2"]),
        (ValueError, {"label_smoothing": 1.5}, ["label_smoothing", "[0, 1]", "1.5"]),
        (ValueError, {"label_smoothing": -0.1}, ["label_smoothing"]),
        (TypeError, {"label_smoothing": "a"}, ["label_smoothing"]),
    ],
    ids=str,
)
def test_wrong_options_are_named(kind, how, texts):
    """A weight of another length or sign, a smoothing outside [0, 1]."""
    x = Tensor(LOGITS)
    with refused(kind, "cross_entropy", *texts, unchanged=[x]):
        ag.nn.cross_entropy(x, CLASSES, **how)


def test_wrong_weights_of_logits_are_named():
    """pos_weight below 0, and one that does not broadcast; ignore_index with probabilities; an index that is not the ignored one."""
    x = Tensor(LOGITS)
    with refused(ValueError, "pos_weight must be finite, 0 or more, got -1 to -1", unchanged=[x]):
        ag.nn.binary_cross_entropy_with_logits(x, PROBABILITIES, pos_weight=-1.0)
    with refused(ag.ShapeError, "pos_weight of shape (3,) does not broadcast to (6, 4)", unchanged=[x]):
        ag.nn.binary_cross_entropy_with_logits(x, PROBABILITIES, pos_weight=[1.0, 2.0, 3.0])
    with refused(ValueError, "ignore_index", unchanged=[x]):
        ag.nn.cross_entropy(x, PROBABILITIES, ignore_index=1)
    with refused(IndexError, "-1", unchanged=[x]):
        ag.nn.cross_entropy(x, [0, -1, 0, 0, 0, 0], ignore_index=-100)
