"""Activations, losses and initialisers of nn against PyTorch in float64: values, slopes, curvatures; misuse by type and text."""

import copy
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pytest

import autograd_mini as ag
from autograd_mini.errors import DTypeError, GraphError, ShapeError
from autograd_mini.nn import activation_modules as modules
from autograd_mini.nn import init, losses
from autograd_mini.nn.activations import ACTIVATIONS, activation_of, identity
from tests.helpers import numbers
from tests.helpers.peers import torch

RTOL = 1e-12  # relative, to the largest element of an array as well


close = partial(numbers.close, rtol=RTOL, floor=0.01)
T = torch.nn.functional


# ---- The checker: three readings of a function, each weighted and summed to go on ---------------------------------------


def weights(shape: tuple[int, ...], seed: int) -> np.ndarray:
    rng = np.random.default_rng([7, seed, len(shape)])
    return np.asarray(rng.uniform(0.5, 1.5, shape) * rng.choice([-1.0, 1.0], shape))


def by_ours(f: Callable[..., Any], arrays: list[np.ndarray]) -> list[np.ndarray]:
    """The value, and the gradients of orders 1 and 2, with respect to all arrays and to the weights of the output."""
    variables = [ag.Tensor(x) for x in arrays]
    out = f(*variables)
    variables.append(w := ag.Tensor(weights(out.shape, 0)))
    first = ag.gradients((out * w).sum(), variables, create_graph=True, allow_unused=True)
    level = sum((g * weights(g.shape, i)).sum() for i, g in enumerate(first))
    second = ag.gradients(level, variables, allow_unused=True)
    plain = ag.gradients((out * w).sum(), variables, allow_unused=True)
    for quick, graph in zip(plain, first, strict=True):
        close(quick, graph.data)
    return [out.data, *plain, *second]


def by_torch(f: Callable[..., Any], arrays: list[np.ndarray]) -> list[np.ndarray]:
    """The same by PyTorch."""
    variables = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in arrays]
    out = f(*variables)
    variables.append(w := torch.tensor(weights(tuple(out.shape), 0), requires_grad=True))
    first = torch.autograd.grad((out * w).sum(), variables, create_graph=True, materialize_grads=True)
    level = sum((g * torch.tensor(weights(tuple(g.shape), i))).sum() for i, g in enumerate(first))
    second = torch.autograd.grad(level, variables, materialize_grads=True)
    return [(x + 0.0).detach().numpy() for x in (out, *first, *second)]


def agree(
    ours: Callable[..., Any], theirs: Callable[..., Any], arrays: list[np.ndarray], rtol: float = RTOL
) -> None:
    for mine, other in zip(by_ours(ours, arrays), by_torch(theirs, arrays), strict=True):
        close(mine, other, rtol=rtol)


@pytest.mark.parametrize(
    ("planted", "right"),
    [
        (lambda x: ag.sigmoid(x) * (1 + 1e-9), torch.sigmoid),
        (lambda x: ag.sigmoid(x.detach()) + 0.0 * x, torch.sigmoid),
        (lambda x: ag.where(x.data > 0, x, 0.01 * x) + 1e-6 * (x - x.detach()) ** 2, T.leaky_relu),
        (lambda x: ag.sigmoid(x).sum(), torch.sigmoid),
    ],
    ids=["value", "first order", "second order only", "shape"],
)
def test_the_checker_can_fail(planted, right):
    """A wrong value, slope, curvature or shape is noticed, and what is right passes."""
    x = weights((2, 3), 5)
    agree(ag.sigmoid, torch.sigmoid, [x])
    with pytest.raises(AssertionError):
        agree(planted, right, [x])


# ---- Activations ----------------------------------------------------------------------------------------------------------

FUNCTIONS = {
    "identity": lambda x: x + 0.0,
    "linear": lambda x: x + 0.0,
    "relu": torch.relu,
    "leaky_relu": T.leaky_relu,
    "elu": T.elu,
    "gelu": T.gelu,
    "silu": T.silu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "softplus": T.softplus,
    "softmax": lambda x: torch.softmax(x, -1),
    "log_softmax": lambda x: torch.log_softmax(x, -1),
}
MODULES = {
    "ReLU": (modules.ReLU(), lambda x: torch.nn.ReLU()(x)),
    "LeakyReLU": (modules.LeakyReLU(), lambda x: torch.nn.LeakyReLU()(x)),
    "LeakyReLU(0.3)": (modules.LeakyReLU(0.3), lambda x: torch.nn.LeakyReLU(0.3)(x)),
    "ELU": (modules.ELU(), lambda x: torch.nn.ELU()(x)),
    "ELU(0.7)": (modules.ELU(0.7), lambda x: torch.nn.ELU(0.7)(x)),
    "GELU": (modules.GELU(), lambda x: torch.nn.GELU()(x)),
    "GELU(tanh)": (modules.GELU("tanh"), lambda x: torch.nn.GELU("tanh")(x)),
    "SiLU": (modules.SiLU(), lambda x: torch.nn.SiLU()(x)),
    "Sigmoid": (modules.Sigmoid(), lambda x: torch.nn.Sigmoid()(x)),
    "Sigmoid(2.5)": (modules.Sigmoid(2.5), lambda x: torch.sigmoid(2.5 * x)),
    "Tanh": (modules.Tanh(), lambda x: torch.nn.Tanh()(x)),
    "Softplus": (modules.Softplus(), lambda x: torch.nn.Softplus()(x)),
    "Softmax": (modules.Softmax(), lambda x: torch.nn.Softmax(-1)(x)),
    "Softmax(0)": (modules.Softmax(0), lambda x: torch.nn.Softmax(0)(x)),
    "LogSoftmax": (modules.LogSoftmax(), lambda x: torch.nn.LogSoftmax(-1)(x)),
    "LogSoftmax(0)": (modules.LogSoftmax(0), lambda x: torch.nn.LogSoftmax(0)(x)),
    "Identity": (modules.Identity(), lambda x: x + 0.0),
}


def both_signs(shape: tuple[int, ...], seed: int = 1) -> np.ndarray:
    """Numbers of both signs, 0.1 to 3 in size: away from every kink."""
    rng = np.random.default_rng(seed)
    return np.asarray(
        rng.uniform(0.1, 3.0, shape) * np.where(np.arange(math.prod(shape)).reshape(shape) % 2, 1.0, -1.0)
    )


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        (name, shape)
        for name in ACTIVATIONS
        for shape in [(3,), (2, 3), (2, 3, 4), ()]
        if shape or "softmax" not in name
    ],
    ids=str,
)
def test_activation_by_name_is_pytorchs(name, shape):
    """Value, gradient and second derivative of each named activation equal PyTorch's, for every number of axes."""
    agree(activation_of(name), FUNCTIONS[name], [both_signs(shape)])


@pytest.mark.parametrize("name", MODULES)
def test_activation_module_is_pytorchs(name):
    """Each activation Module, with its options, equals torch.nn's to second order."""
    ours, theirs = MODULES[name]
    agree(ours, theirs, [both_signs((4, 3))])


@pytest.mark.parametrize("x", [-2.5, -0.4, 0.7, 3.0])
@pytest.mark.parametrize("name", [name for name in MODULES if "oftmax" not in name])
def test_activation_modules_take_values(name, x):
    """On a Value the Module gives a Value with PyTorch's number, slope and curvature."""
    ours, theirs = MODULES[name]
    v = ag.Value(x)
    out = ours(v)
    assert type(out) is ag.Value
    t = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    wanted = theirs(t)
    close(out.data, wanted.item())
    slope = ag.gradients(
        out * v, v, create_graph=True
    )  # times x, so that a linear one has a slope of its slope
    (their_slope,) = torch.autograd.grad(wanted * t, t, create_graph=True)
    close(slope.data, their_slope.item())
    close(ag.gradients(slope, v), torch.autograd.grad(their_slope, t)[0].item())


@pytest.mark.parametrize("name", MODULES)
def test_activation_modules_keep_float32(name):
    """float32 in, float32 out, and a float32 gradient, within 4 eps of float64's, relative to the largest output."""
    x = ag.Tensor(both_signs((4, 3)), dtype="float32")
    out = MODULES[name][0](x)
    (out * weights((4, 3), 0).astype(np.float32)).sum().backward()
    assert (out.dtype, x.grad.dtype) == (np.float32, np.float32)
    exact = MODULES[name][0](ag.Tensor(x.data.astype(float)))
    np.testing.assert_allclose(
        out.data, exact.data, rtol=0, atol=4 * np.finfo(np.float32).eps * np.abs(exact.data).max()
    )


@pytest.mark.parametrize("name", MODULES)
def test_activation_modules_have_no_parameters_and_give_raw_numbers_for_raw_data(name):
    """They hold no node, keep the shape, take plain lists, can be copied, and a raw input gives a raw output."""
    module = MODULES[name][0]
    assert (module.parameters(), module.state_dict()) == ([], {})
    x = both_signs((2, 2))
    raw = module(x.tolist())
    assert not isinstance(raw, ag.Tensor)
    np.testing.assert_array_equal(raw, module(ag.Tensor(x)).data)
    np.testing.assert_array_equal(raw, copy.deepcopy(module)(x))


def test_activation_modules_are_named_by_what_was_chosen():
    """The title in a summary shows the class, and the options that matter."""
    titles = [module.title() for module, _ in MODULES.values()]
    assert titles == [
        "ReLU", "LeakyReLU(0.01)", "LeakyReLU(0.3)", "ELU(1.0)", "ELU(0.7)", "GELU", "GELU(tanh)", "SiLU", "Sigmoid", "Sigmoid(2.5)",
        "Tanh", "Softplus", "Softmax", "Softmax(0)", "LogSoftmax", "LogSoftmax(0)", "Identity",
    ]  # fmt: skip
    assert modules.Softmax(None).title() == "Softmax(None)"


def test_softmax_over_all_axes():
    """axis=None sums to 1 over everything."""
    assert math.isclose(modules.Softmax(None)(ag.Tensor(both_signs((2, 3)))).data.sum(), 1.0, rel_tol=1e-15)


@pytest.mark.parametrize(
    ("module", "x", "value", "slope"),
    [
        (modules.ReLU(), 0.0, 0.0, 0.0),
        (modules.LeakyReLU(0.2), 0.0, 0.0, 0.2),
        (modules.ELU(0.5), 0.0, 0.0, 0.5),
        (modules.Softplus(), 1000.0, 1000.0, 1.0),
        (modules.Softplus(), -1000.0, 0.0, 0.0),
        (modules.Sigmoid(), -1000.0, 0.0, 0.0),
        (modules.Sigmoid(2.0), 20.0, 1.0, 2 * 4.248354255291589e-18),
        (modules.Tanh(), 1000.0, 1.0, 0.0),
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", [ag.Value, ag.Tensor], ids=["Value", "Tensor"])
def test_activation_modules_at_awkward_points(module, x, value, slope, kind):
    """Kinks and tails have the slopes that are written down for the functions."""
    v = kind(x)
    out = module(v)
    assert out.item() == value
    np.testing.assert_allclose(ag.gradients(out, v), slope, rtol=1e-15)


def test_activation_of_a_function_or_module_is_itself():
    """What can be called is taken as it is; a name gives the function; "linear" is the identity."""
    relu = modules.ReLU()
    assert activation_of(relu) is relu
    assert activation_of(math.sin) is math.sin
    assert activation_of("tanh") is ag.tanh
    assert activation_of("linear") is identity is activation_of("identity")


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (
            lambda: activation_of("rleu"),
            ValueError,
            "activation must be one of identity, linear, relu, ",
        ),
        (lambda: activation_of("ReLU"), ValueError, "or a Module as ReLU(), got 'ReLU'"),
        (
            lambda: activation_of(None),
            TypeError,
            "activation must be one of identity, linear, relu, ",
        ),
        (lambda: activation_of(modules.ReLU), TypeError, "or a Module as ReLU(), got <class"),
        (lambda: modules.LeakyReLU("0.1"), TypeError, "slope must be a finite number, got '0.1'"),
        (lambda: modules.LeakyReLU(math.nan), ValueError, "slope must be a finite number, got nan"),
        (lambda: modules.LeakyReLU(True), TypeError, "slope must be a finite number, got True"),
        (lambda: modules.ELU(math.inf), ValueError, "alpha must be a finite number, got inf"),
        (lambda: modules.ELU(ag.Value(1.0)), TypeError, "alpha must be a finite number, got Value(1.0)"),
        (lambda: modules.Sigmoid(beta=None), TypeError, "beta must be a finite number, got None"),
        (lambda: modules.GELU("erf"), ValueError, "approximate must be 'none' or 'tanh', got 'erf'"),
        (lambda: modules.GELU(["tanh"]), ValueError, "approximate must be 'none' or 'tanh', got ['tanh']"),
        (lambda: modules.Softmax("rows"), TypeError, "axis must be an int or None, got 'rows'"),
        (lambda: modules.LogSoftmax(1.0), TypeError, "axis must be an int or None, got 1.0"),
        (lambda: modules.Softmax(True), TypeError, "axis must be an int or None, got True"),
        (lambda: modules.Softmax(2)(ag.Tensor([[1.0, 2.0]])), IndexError, "axis 2 is out of range"),
        (lambda: modules.ReLU()(None), DTypeError, "a real number"),
        (lambda: modules.Tanh()("x"), DTypeError, "'x'"),
    ],
)
def test_misuse_of_activations(make, error, text):
    """Wrong names, options and inputs raise, and say what is allowed."""
    with pytest.raises(error, match=re.escape(text)):
        make()


# ---- Losses -----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Loss:
    """A loss, PyTorch's form of it, and where its prediction and target lie."""

    ours: Callable[..., Any]
    theirs: Callable[..., Any]  # of (prediction, target, reduction)
    prediction: Callable[[np.random.Generator], np.ndarray]
    target: Callable[[np.random.Generator], np.ndarray]
    rtol: float = RTOL
    default: str = "mean"
    scalar: bool = True  # works on single numbers


TORCH_REDUCTIONS = {"mean": torch.mean, "sum": torch.sum, "none": lambda x: x}


def apart(rng: np.random.Generator) -> np.ndarray:
    """Numbers at least 0.05 from 0, ±0.5 and ±1, of both signs."""
    return rng.choice([-1.0, 1.0], (4, 3)) * (
        rng.choice([0.05, 0.55, 1.05, 1.6], (4, 3)) + rng.uniform(0.0, 0.4, (4, 3))
    )


def nothing(rng: np.random.Generator) -> np.ndarray:
    return np.zeros((4, 3))


def free(rng: np.random.Generator) -> np.ndarray:
    return rng.normal(0.0, 2.0, (4, 3))


def probabilities(rng: np.random.Generator) -> np.ndarray:
    return rng.uniform(0.1, 0.9, (4, 3))


def logarithms(rng: np.random.Generator) -> np.ndarray:
    return -rng.uniform(0.1, 4.0, (4, 3))


def signs(rng: np.random.Generator) -> np.ndarray:
    return rng.choice([-1.0, 1.0], (4, 3))


def hinge(x: Any, t: Any, reduction: str) -> Any:
    return TORCH_REDUCTIONS[reduction](torch.relu(1.0 - t * x))


LOSSES = {
    "mse": Loss(losses.mse, lambda x, t, r: T.mse_loss(x, t, reduction=r), free, free),
    "half_sse": Loss(
        losses.half_sse, lambda x, t, r: 0.5 * T.mse_loss(x, t, reduction=r), free, free, default="sum"
    ),
    "mae": Loss(losses.mae, lambda x, t, r: T.l1_loss(x, t, reduction=r), apart, nothing),
    "huber": Loss(losses.huber, lambda x, t, r: T.huber_loss(x, t, reduction=r), apart, nothing),
    "huber(0.5)": Loss(
        lambda x, t, *r, **k: losses.huber(x, t, *r, delta=0.5, **k),
        lambda x, t, r: T.huber_loss(x, t, r, 0.5),
        apart,
        nothing,
    ),
    "hinge": Loss(losses.hinge, hinge, apart, signs),
    # PyTorch's second derivative has 1e-12 added to p(1 − p), which is 0.09 or more here
    "binary_cross_entropy": Loss(
        losses.binary_cross_entropy,
        lambda x, t, r: T.binary_cross_entropy(x, t, reduction=r),
        probabilities,
        probabilities,
        1e-10,
    ),
    "binary_cross_entropy_with_logits": Loss(
        losses.binary_cross_entropy_with_logits,
        lambda x, t, r: T.binary_cross_entropy_with_logits(x, t, reduction=r),
        free,
        probabilities,
    ),
    "cross_entropy": Loss(
        losses.cross_entropy,
        lambda x, t, r: T.cross_entropy(x, t, reduction=r),
        free,
        probabilities,
        scalar=False,
    ),
    "kl_div": Loss(losses.kl_div, lambda x, t, r: T.kl_div(x, t, reduction=r), logarithms, probabilities),
}
pytestmark = pytest.mark.filterwarnings(
    "ignore:reduction. 'mean' divides:UserWarning"
)  # PyTorch's kl_div says what it does


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", LOSSES)
def test_loss_is_pytorchs(name, reduction):
    """Value, gradients by prediction and target, and second derivatives, equal PyTorch's in every reduction."""
    loss, rng = LOSSES[name], np.random.default_rng(3)
    x, t = loss.prediction(rng), loss.target(rng)
    if loss.ours is losses.hinge:  # its target takes two values: PyTorch's, too, is then a constant
        agree(lambda x: loss.ours(x, t, reduction), lambda x: loss.theirs(x, torch.tensor(t), reduction), [x])
    else:
        agree(
            lambda x, t: loss.ours(x, t, reduction),
            lambda x, t: loss.theirs(x, t, reduction),
            [x, t],
            loss.rtol,
        )
        agree(
            lambda x: loss.ours(x, t, reduction),
            lambda x: loss.theirs(x, torch.tensor(t), reduction),
            [x],
            loss.rtol,
        )


@pytest.mark.parametrize("name", LOSSES)
def test_the_reduction_of_a_loss_by_default(name):
    """Without a word it is the mean (of half_sse the sum), and the reduction may be given by name."""
    loss, rng = LOSSES[name], np.random.default_rng(4)
    x, t = loss.prediction(rng), loss.target(rng)
    assert loss.ours(ag.Tensor(x), t).item() == loss.ours(ag.Tensor(x), t, reduction=loss.default).item()
    close(
        loss.ours(ag.Tensor(x), t).data, loss.theirs(torch.tensor(x), torch.tensor(t), loss.default).numpy()
    )


@pytest.mark.parametrize("name", [name for name, loss in LOSSES.items() if loss.scalar])
def test_losses_of_values(name):
    """A Value with a number or Value gives a Value, the same in every reduction, with PyTorch's gradient."""
    loss, rng = LOSSES[name], np.random.default_rng(5)
    for x, t in zip(loss.prediction(rng).flat, loss.target(rng).flat, strict=True):
        p, q = torch.tensor(x, requires_grad=True), torch.tensor(t, requires_grad=True)
        wanted = loss.theirs(p, q, "sum")
        wanted.backward()
        for reduction in ("mean", "sum", "none"):
            v, w = ag.Value(x), ag.Value(t)
            out = loss.ours(v, float(t), reduction)
            assert type(out) is ag.Value
            close(out.data, wanted.item())
            close(ag.gradients(out, v), p.grad.item())
            out = loss.ours(v, w, reduction)
            assert type(out) is ag.Value
            close(ag.gradients(out, [v, w], allow_unused=True)[1], q.grad.item())
        raw = loss.ours(float(x), float(t))
        assert type(raw) in (float, np.float64)
        close(raw, wanted.item())


@pytest.mark.parametrize("name", LOSSES)
def test_losses_of_raw_data_are_raw(name):
    """Plain lists and arrays give plain numbers and arrays, the node's; a wrapped target alone makes a node."""
    loss, rng = LOSSES[name], np.random.default_rng(6)
    x, t = loss.prediction(rng), loss.target(rng)
    for reduction in ("mean", "none"):
        raw, node = loss.ours(x.tolist(), t, reduction), loss.ours(ag.Tensor(x), t, reduction)
        assert not isinstance(raw, ag.Tensor)
        np.testing.assert_array_equal(raw, node.data)
        np.testing.assert_array_equal(loss.ours(x, ag.Tensor(t), reduction).data, raw)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", LOSSES)
def test_losses_keep_float32(name, reduction):
    """float32 predictions with float32 targets give a float32 loss and gradient, within 1e-5 of float64's."""
    loss, rng = LOSSES[name], np.random.default_rng(7)
    x, t = loss.prediction(rng).astype(np.float32), loss.target(rng).astype(np.float32)
    p = ag.Tensor(x)
    out = loss.ours(p, t, reduction)
    out.sum().backward()
    assert (out.dtype, p.grad.dtype) == (np.float32, np.float32)
    q = ag.Tensor(x.astype(float))
    exact = loss.ours(q, t.astype(float), reduction)
    exact.sum().backward()
    close(out.data, exact.data, rtol=1e-5)
    close(p.grad, q.grad, rtol=1e-5)


@pytest.mark.parametrize("name", [name for name, loss in LOSSES.items() if loss.scalar])
def test_a_list_of_values_is_a_prediction(name):
    """Neurons that give lists of Values can be scored as they are: the gradient reaches every one."""
    loss, rng = LOSSES[name], np.random.default_rng(8)
    x, t = loss.prediction(rng)[0], loss.target(rng)[0]
    values, tensor = [ag.Value(v) for v in x], ag.Tensor(x)
    out, wanted = loss.ours(values, t.tolist()), loss.ours(tensor, t)
    assert out.item() == wanted.item()
    np.testing.assert_array_equal(ag.gradients(out, values), ag.gradients(wanted, tensor))


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("dtype", [np.int64, np.uint8, list], ids=["int64", "uint8", "list"])
@pytest.mark.parametrize("name", ["cross_entropy", "nll"])
def test_losses_of_class_indices_are_pytorchs(name, dtype, reduction):
    """Integers, one a sample, in every reduction, to second order."""
    classes = np.array([2, 0, 0, 1, 2])
    target = classes.tolist() if dtype is list else classes.astype(dtype)
    theirs = {"cross_entropy": T.cross_entropy, "nll": T.nll_loss}[name]
    x = np.random.default_rng(9).normal(0, 2, (5, 3))
    x = x if name == "cross_entropy" else -np.abs(x)
    agree(
        lambda x: getattr(losses, name)(x, target, reduction),
        lambda x: theirs(x, torch.tensor(classes), reduction=reduction),
        [x],
    )


@pytest.mark.parametrize("name", ["cross_entropy", "nll"])
@pytest.mark.parametrize("batch", [(), (1,), (2, 4)], ids=str)
def test_losses_of_class_indices_for_any_batch(name, batch):
    """One sample without a batch axis, and batches of several axes: the classes are the last axis, one loss a sample."""
    rng = np.random.default_rng(10)
    x, classes = -rng.uniform(0.1, 3.0, (*batch, 3)), rng.integers(0, 3, batch)
    p = ag.Tensor(x)
    out = getattr(losses, name)(p, classes, "none")
    assert out.shape == batch
    scores = torch.tensor(x).log_softmax(-1) if name == "cross_entropy" else torch.tensor(x)
    wanted = T.nll_loss(scores.reshape(-1, 3), torch.tensor(classes.reshape(-1)), reduction="none")
    close(out.data.reshape(-1), wanted.numpy())
    close(getattr(losses, name)(p, classes).data, wanted.mean().numpy())


def test_nll_of_log_softmax_is_cross_entropy():
    """The two roads to the same loss agree in value and gradient, and in float32 stay there."""
    for dtype, rtol in (("float64", 1e-14), ("float32", 1e-5)):
        z = ag.Tensor(np.random.default_rng(11).normal(0, 3, (6, 4)), dtype=dtype)
        one, other = (
            losses.cross_entropy(z, [0, 3, 1, 2, 2, 0]),
            losses.nll(ag.log_softmax(z), [0, 3, 1, 2, 2, 0]),
        )
        assert one.dtype == other.dtype == np.dtype(dtype)
        close(one.data, other.data, rtol=rtol)
        close(ag.gradients(one, z), ag.gradients(other, z), rtol=10 * rtol)


# Value and gradient at the points of the list of conventions.
POINTS = [
    ("BCE(p=0,t=1)", losses.binary_cross_entropy, 0.0, 1.0, 100.0, -1e12),
    ("BCE(p=1,t=0)", losses.binary_cross_entropy, 1.0, 0.0, 100.0, 1e12),
    ("BCE(p=1,t=1)", losses.binary_cross_entropy, 1.0, 1.0, 0.0, 0.0),
    ("BCE(p=0,t=0)", losses.binary_cross_entropy, 0.0, 0.0, 0.0, 0.0),
    ("BCE(p=1e-50,t=1)", losses.binary_cross_entropy, 1e-50, 1.0, 100.0, -1e12),
    ("BCE(p=1e-20,t=1)", losses.binary_cross_entropy, 1e-20, 1.0, 46.051701859880914, -1e12),
    ("BCE(p=1e-20,t=0)", losses.binary_cross_entropy, 1e-20, 0.0, 1e-20, 1e-8),
    ("BCE(p=nan)", losses.binary_cross_entropy, math.nan, 1.0, math.nan, math.nan),
    ("BCE logits x=-1000,t=1", losses.binary_cross_entropy_with_logits, -1000.0, 1.0, 1000.0, -1.0),
    ("BCE logits x=1000,t=1", losses.binary_cross_entropy_with_logits, 1000.0, 1.0, 0.0, 0.0),
    ("huber at delta", losses.huber, 1.0, 0.0, 0.5, 1.0),
    ("huber at -delta", losses.huber, -1.0, 0.0, 0.5, -1.0),
    ("huber at 0", losses.huber, 2.0, 2.0, 0.0, 0.0),
    ("huber at inf", losses.huber, math.inf, 0.0, math.inf, 1.0),
    ("huber at nan", losses.huber, math.nan, 0.0, math.nan, math.nan),
    ("l1 at 0", losses.mae, 1.0, 1.0, 0.0, 0.0),
    ("mse at 0", losses.mse, 1.0, 1.0, 0.0, 0.0),
    ("mse at nan", losses.mse, math.nan, 1.0, math.nan, math.nan),
    ("hinge on the margin", losses.hinge, 1.0, 1.0, 0.0, 0.0),
    ("hinge beyond", losses.hinge, -3.0, -1.0, 0.0, 0.0),
    ("hinge at 0", losses.hinge, 0.0, -1.0, 1.0, 1.0),
    ("kl, t=0", losses.kl_div, -2.0, 0.0, 0.0, 0.0),
    ("kl, t=0, p=0", losses.kl_div, -math.inf, 0.0, 0.0, 0.0),
    ("kl, t=1, p=0", losses.kl_div, -math.inf, 1.0, math.inf, -1.0),
]


@pytest.mark.parametrize(
    "kind", [ag.Value, ag.Tensor, lambda x: ag.Tensor([x])], ids=["Value", "0-d", "Tensor"]
)
@pytest.mark.parametrize(
    ("loss", "x", "t", "value", "slope"), [case[1:] for case in POINTS], ids=[case[0] for case in POINTS]
)
def test_losses_at_awkward_points(loss, x, t, value, slope, kind):
    """Clamps, kinks, infinities and NaN give the values and gradients that are written down, relative to 1e-15."""
    p = kind(x)
    out = loss(p, t if p.shape == () else [t])
    np.testing.assert_allclose(out.item(), value, rtol=1e-15)
    np.testing.assert_allclose(np.ravel(ag.gradients(out, p)), [slope], rtol=1e-15)


def test_binary_cross_entropy_by_its_target_is_linear():
    """Its derivative by the target is the difference of the held logarithms, and no order has a NaN at p = 0 and 1."""
    for at in (0.0, 1.0, 1e-50, 0.3):
        for kind in (ag.Value, ag.Tensor):
            p, t = kind(at), kind(0.25)
            out = losses.binary_cross_entropy(p, t)
            first = ag.gradients(out, [p, t], create_graph=True)
            ends = [losses.binary_cross_entropy(at, end) for end in (0.0, 1.0)]
            np.testing.assert_allclose(first[1].data, ends[1] - ends[0], rtol=1e-15)
            for slope in first:
                assert np.isfinite(ag.gradients(slope, [p, t], allow_unused=True)).all()


def test_cross_entropy_of_logits_of_any_size():
    """[1000, −1000] with target 1 costs 2000, slope [1, −1]; a class at −∞ that is not asked for costs nothing."""
    z = ag.Tensor([[1000.0, -1000.0]])
    loss = losses.cross_entropy(z, [1])
    assert loss.item() == 2000.0
    assert ag.gradients(loss, z).tolist() == [[1.0, -1.0]]
    z = ag.Tensor([[0.0, -math.inf]])
    for target in ([0], [[1.0, 0.0]]):
        loss = losses.cross_entropy(z, target)
        assert loss.item() == 0.0
        assert ag.gradients(loss, z).tolist() == [[0.0, 0.0]]
    log_p = ag.Tensor([[0.0, -math.inf]])
    assert ag.gradients(losses.nll(log_p, [0]), log_p).tolist() == [[-1.0, 0.0]]


def test_kl_div_where_the_target_is_nothing():
    """t = 0 costs 0 against p = 0 too (PyTorch: NaN), and the other shares stay right."""
    x = ag.Tensor([-math.inf, -1.0, -2.0])
    plain = losses.kl_div(x, [0.0, 0.25, 0.75], "sum")
    close(plain.item(), 0.25 * (math.log(0.25) + 1.0) + 0.75 * (math.log(0.75) + 2.0), rtol=1e-14)
    close(ag.gradients(plain, x), [0.0, -0.25, -0.75], rtol=1e-14)


def test_a_divergence_of_a_distribution_from_itself_is_0():
    """kl_div of equal distributions is 0 within rounding (1e-16 of each log), and otherwise above 0."""
    p, q = np.array([0.2, 0.3, 0.5]), np.array([0.3, 0.3, 0.4])
    assert abs(losses.kl_div(np.log(p), p, "sum")) < 1e-16
    assert losses.kl_div(np.log(q), p, "sum") > 0.02


@pytest.mark.parametrize("name", [*LOSSES, "nll"])
def test_losses_of_constants_are_constants(name):
    """A loss without a variable below it is computed, and asking for its gradient raises."""
    if name == "nll":
        out = losses.nll(ag.Tensor([[-1.0, -2.0]], requires_grad=False), [0])
    else:
        loss, rng = LOSSES[name], np.random.default_rng(12)
        out = loss.ours(ag.Tensor(loss.prediction(rng), requires_grad=False), loss.target(rng))
    assert np.isfinite(out.item())
    with pytest.raises(GraphError):
        out.backward()


PAIRED = [name for name in LOSSES if name != "cross_entropy"]
SHAPES = [
    ((4,), (4, 1)),
    ((4, 1), (4,)),
    ((4,), ()),
    ((), (4,)),
    ((4, 3), (3,)),
    ((2, 3), (3, 2)),
    ((1,), (4,)),
    ((1,), ()),
]


def filled(name: str, shape: tuple[int, ...], what: str) -> np.ndarray:
    """Data of that shape that the loss would take."""
    draw = getattr(LOSSES[name], what)(np.random.default_rng(13))
    return np.resize(draw, shape)


@pytest.mark.parametrize(("given", "wanted"), SHAPES, ids=[f"{a} against {b}" for a, b in SHAPES])
@pytest.mark.parametrize("name", PAIRED)
def test_losses_never_broadcast(name, given, wanted):
    """Shapes that differ raise ShapeError with both, and with what they would broadcast to, for nodes and raw data."""
    x, t = filled(name, given, "prediction"), filled(name, wanted, "target")
    text = re.escape(f"{given} and target {wanted} differ")
    if given != (2, 3):
        text += re.escape(f": they would broadcast to {np.broadcast_shapes(given, wanted)}; reshape one")
    for prediction in (x, ag.Tensor(x)):
        with pytest.raises(ShapeError, match=text) as caught:
            LOSSES[name].ours(prediction, t)
        assert str(caught.value).startswith(name.partition("(")[0] + ": ")


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0)], ids=str)
@pytest.mark.parametrize("name", [*PAIRED, "cross_entropy", "nll"])
def test_an_empty_batch_is_refused(name, shape):
    """No samples, or no classes, give ValueError with the shape, and no NaN."""
    empty = np.zeros(shape)
    f = losses.nll if name == "nll" else LOSSES[name].ours
    with pytest.raises(
        ValueError, match=re.escape(f"{name.partition('(')[0]}: the batch is empty, shape {shape}")
    ):
        f(ag.Tensor(empty), np.zeros(shape[:-1], int) if name in ("cross_entropy", "nll") else empty)


@pytest.mark.parametrize("reduction", ["avg", "", None, ["mean"], 0, "batchmean"], ids=repr)
@pytest.mark.parametrize("name", [*LOSSES, "nll"])
def test_an_unknown_reduction_is_refused(name, reduction):
    """ValueError lists the three that there are."""
    f = losses.nll if name == "nll" else LOSSES[name].ours
    with pytest.raises(
        ValueError, match=re.escape(f"reduction must be one of mean, sum, none, got {reduction!r}")
    ):
        f(ag.Tensor([[-0.5]]), [0] if name == "nll" else [[1.0]], reduction)


PAIR, ROWS = ag.Tensor([0.5, 0.5]), ag.Tensor([[0.0, 0.0], [0.0, 0.0]])
MISUSE = [
    ("p above 1", lambda: losses.binary_cross_entropy([0.5, 1.5], [1, 1]), ValueError,
        "binary_cross_entropy: the prediction must lie in [0, 1], got 0.5 to 1.5: pass sigmoid(x)"),
    ("p below 0", lambda: losses.binary_cross_entropy(ag.Value(-0.1), 1), ValueError, "got -0.1 to -0.1"),
    ("label above 1", lambda: losses.binary_cross_entropy(PAIR, [0, 2]), ValueError,
        "binary_cross_entropy: the target must lie in [0, 1], got 0 to 2"),
    ("label below 0", lambda: losses.binary_cross_entropy_with_logits(PAIR, [-1, 1]), ValueError,
        "binary_cross_entropy_with_logits: the target must lie in [0, 1], got -1 to 1"),
    ("label nan", lambda: losses.binary_cross_entropy_with_logits(PAIR, [math.nan, 1]), ValueError, "got nan to nan"),
    ("label of a Value", lambda: losses.binary_cross_entropy(ag.Value(0.5), ag.Value(1.5)), ValueError, "got 1.5 to 1.5"),
    ("hinge label 0", lambda: losses.hinge(PAIR, [0, 1]), ValueError,
        "hinge: the target must be -1 or 1; for labels 0 and 1 pass 2 * target - 1"),
    ("hinge label nan", lambda: losses.hinge(ag.Value(1.0), math.nan), ValueError, "must be -1 or 1"),
    ("hinge label node", lambda: losses.hinge(PAIR, ag.Tensor([1.0, 0.5])), ValueError, "must be -1 or 1"),
    ("delta 0", lambda: losses.huber(PAIR, PAIR, delta=0), ValueError, "huber: delta must be a finite number > 0, got 0"),
    ("delta nan", lambda: losses.huber(PAIR, PAIR, delta=math.nan), ValueError, "huber: delta must be a finite number > 0, got nan"),
    ("delta text", lambda: losses.huber(PAIR, PAIR, delta="1"), TypeError, "huber: delta must be a finite number > 0, got '1'"),
    ("kl of probabilities", lambda: losses.kl_div(PAIR, [0.5, 0.5]), ValueError,
        "kl_div: the prediction must hold logarithms of probabilities, at most 0, got 0.5: pass log_softmax(x)"),
    ("kl target", lambda: losses.kl_div(-PAIR, [0.5, 1.5]), ValueError, "kl_div: the target must lie in [0, 1], got 0.5 to 1.5"),
    ("kl target in logs", lambda: losses.kl_div(-PAIR, np.log([0.5, 0.5])), ValueError, "must lie in [0, 1], got -0.693147 to -0.693147"),
    ("nll of probabilities", lambda: losses.nll(ag.softmax(ROWS), [0, 1]), ValueError,
        "nll: the prediction must hold logarithms of probabilities, at most 0, got 0.5: pass log_softmax(x)"),
    ("None", lambda: losses.mse(None, 1.0), DTypeError, "mse: the prediction: a real number, list or array is needed, got None"),
    ("text", lambda: losses.mae(PAIR, "ab"), DTypeError, "mae: the target: a real number"),
    ("complex", lambda: losses.mse(PAIR, np.array([1j, 1j])), DTypeError, "mse: the target: real numbers are needed, got complex128"),
    ("torch", lambda: losses.mse(PAIR, torch.zeros(2)), DTypeError,
        "mse: the target: a real number, list or array is needed, got Tensor: pass x.detach().numpy()"),
    ("ragged", lambda: losses.mse([[1.0], [1.0, 2.0]], PAIR), ValueError, "mse: the prediction: rows of different lengths"),
    ("float16", lambda: losses.mse(PAIR, np.zeros(2, np.float16)), DTypeError, "float16"),
]  # fmt: skip
for _name in ("cross_entropy", "nll"):
    _f = getattr(losses, _name)
    MISUSE += [
        (f"{_name} index 5", lambda f=_f: f(ROWS, [0, 5]), IndexError, f"{_name}: target 5 out of range for 2 classes"),
        (f"{_name} index 2", lambda f=_f: f(ROWS, [2, 0]), IndexError, f"{_name}: target 2 out of range for 2 classes"),
        (f"{_name} index -1", lambda f=_f: f(ROWS, [0, -1]), IndexError, f"{_name}: target -1 out of range for 2 classes"),
        (f"{_name} floats", lambda f=_f: f(ROWS, [0.0, 1.0]), DTypeError, f"{_name}: class indices are plain integers, not float64"),
        (f"{_name} booleans", lambda f=_f: f(ROWS, [True, False]), DTypeError, "class indices are plain integers, not bool"),
        (f"{_name} Tensor", lambda f=_f: f(ROWS, ag.Tensor([0, 1])), DTypeError, "not a Tensor: pass target.data.astype(int)"),
        (f"{_name} Values", lambda f=_f: f(ROWS, [ag.Value(0.0), ag.Value(1.0)]), DTypeError,
            f"{_name}: class indices are plain integers"),
        (f"{_name} length", lambda f=_f: f(ROWS, [0, 1, 1]), ShapeError,
            f"{_name}: {'logits' if _name == 'cross_entropy' else 'prediction'} (2, 2) need (2,) class indices"),
        (f"{_name} column", lambda f=_f: f(ROWS, [[0], [1]]), ShapeError, "got (2, 1)"),
        (f"{_name} one index", lambda f=_f: f(ROWS, 1), ShapeError, "got ()"),
        (f"{_name} None", lambda f=_f: f(ROWS, None), DTypeError, "class indices are plain integers, one a sample, not None"),
        (f"{_name} text", lambda f=_f: f(ROWS, ["a", "b"]), DTypeError,
            f"{_name}: class indices are plain integers, one a sample, not <U1"),
        (f"{_name} Value", lambda f=_f: f(ag.Value(-1.0), 0), ShapeError, "must have shape (batch, classes), got ()"),
        (f"{_name} ragged", lambda f=_f: f(ROWS, [[0], [0, 1]]), (ValueError, TypeError), f"{_name}: "),
    ]  # fmt: skip
MISUSE += [
    ("probabilities above 1", lambda: losses.cross_entropy(ROWS, [[2, 0], [0, 1]]), ValueError,
        "cross_entropy: the target must lie in [0, 1], got 0 to 2"),
    ("probabilities of other shape", lambda: losses.cross_entropy(ROWS, [[0.5, 0.25, 0.25]] * 2), ShapeError,
        "cross_entropy: logits (2, 2) need (2,) class indices or (2, 2) probabilities, got (2, 3)"),
    ("probabilities to nll", lambda: losses.nll(-ROWS, [[0.5, 0.5]] * 2), ShapeError,
        "nll: prediction (2, 2) need (2,) class indices, got (2, 2)"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("call", "error", "text"), [case[1:] for case in MISUSE], ids=[case[0] for case in MISUSE]
)
def test_misuse_of_losses(call, error, text):
    """Each raises the error that fits, and says what is wrong and what to do; nothing has got a gradient."""
    with pytest.raises(error, match=re.escape(text)):
        call()
    assert PAIR.grad is None
    assert ROWS.grad is None


def test_logarithms_may_lie_above_0_by_rounding():
    """log of a softmax in float32 can be a little above 0: that is taken."""
    assert losses.nll(np.array([[1e-7, -16.0]], np.float32), [0]) == np.float32(-1e-7)


def test_cross_entropy_takes_lists_of_nodes():
    """Logits and probabilities may be (nested) lists of Values: the gradient reaches them."""
    z, p = [ag.Value(0.5), ag.Value(-1.0)], [ag.Value(0.25), ag.Value(0.75)]
    out = losses.cross_entropy([z], [p])
    t = [torch.tensor([[v.data for v in row]], dtype=torch.float64, requires_grad=True) for row in (z, p)]
    wanted = T.cross_entropy(*t)
    wanted.backward()
    close(out.item(), wanted.item())
    close(ag.gradients(out, z + p), np.concatenate([x.grad.numpy()[0] for x in t]))


def test_losses_leave_their_data_alone():
    """Neither arrays nor nodes that go into a loss are changed by it, forth and back."""
    for loss in LOSSES.values():
        rng = np.random.default_rng(14)
        x, t = loss.prediction(rng), loss.target(rng)
        before = x.copy(), t.copy()
        loss.ours(ag.Tensor(x), t).backward()
        loss.ours(x, t)
        np.testing.assert_array_equal(x, before[0])
        np.testing.assert_array_equal(t, before[1])


# ---- Initialisers -------------------------------------------------------------------------------------------------------------

SHAPE = (300, 400)  # 120,000 draws: the mean is right within 0.003 of the spread, the spread within 0.3 %


@dataclass(frozen=True)
class Start:
    """An initialiser for SHAPE: its mean and spread, its farthest from the mean if that is bounded, and PyTorch's of the same name."""

    make: Callable[[], Any]
    std: float
    bound: float | None = None
    mean: float = 0.0
    theirs: Callable[[Any], Any] | None = None


def even(bound: float) -> dict[str, float]:
    return {"std": bound / math.sqrt(3), "bound": bound}


def lecun(weight: Any, distribution: str) -> Any:
    """PyTorch's kaiming with the gain of a linear layer."""
    return getattr(torch.nn.init, f"kaiming_{distribution}_")(weight, nonlinearity="linear")


STARTS = {
    "uniform": Start(
        lambda: init.uniform(-0.2, 0.2), **even(0.2), theirs=lambda w: torch.nn.init.uniform_(w, -0.2, 0.2)
    ),
    "uniform, shifted": Start(lambda: init.uniform(1.0, 3.0), **even(1.0), mean=2.0),
    "normal": Start(
        lambda: init.normal(0.5, 0.01), 0.01, mean=0.5, theirs=lambda w: torch.nn.init.normal_(w, 0.5, 0.01)
    ),
    "constant": Start(
        lambda: init.constant(0.3), 0.0, mean=0.3, theirs=lambda w: torch.nn.init.constant_(w, 0.3)
    ),
    "xavier_uniform": Start(
        init.xavier_uniform, **even(math.sqrt(6 / 700)), theirs=torch.nn.init.xavier_uniform_
    ),
    "xavier_uniform(2)": Start(
        lambda: init.xavier_uniform(2.0),
        **even(2 * math.sqrt(6 / 700)),
        theirs=lambda w: torch.nn.init.xavier_uniform_(w, 2.0),
    ),
    "xavier_normal": Start(init.xavier_normal, math.sqrt(2 / 700), theirs=torch.nn.init.xavier_normal_),
    "xavier_normal(5/3)": Start(
        lambda: init.xavier_normal(5 / 3),
        5 / 3 * math.sqrt(2 / 700),
        theirs=lambda w: torch.nn.init.xavier_normal_(w, 5 / 3),
    ),
    "kaiming_uniform": Start(
        init.kaiming_uniform, **even(math.sqrt(6 / 300)), theirs=torch.nn.init.kaiming_uniform_
    ),
    "kaiming_uniform(fan_out)": Start(
        lambda: init.kaiming_uniform(mode="fan_out"),
        **even(math.sqrt(6 / 400)),
        theirs=lambda w: torch.nn.init.kaiming_uniform_(w, mode="fan_out"),
    ),
    "kaiming_uniform(√5)": Start(
        lambda: init.kaiming_uniform(math.sqrt(5)),
        **even(1 / math.sqrt(300)),
        theirs=lambda w: torch.nn.init.kaiming_uniform_(w, math.sqrt(5)),
    ),
    "kaiming_normal": Start(init.kaiming_normal, math.sqrt(2 / 300), theirs=torch.nn.init.kaiming_normal_),
    "kaiming_normal(0.2, fan_out)": Start(
        lambda: init.kaiming_normal(0.2, "fan_out"),
        math.sqrt(2 / 1.04 / 400),
        theirs=lambda w: torch.nn.init.kaiming_normal_(w, 0.2, "fan_out"),
    ),
    "lecun_uniform": Start(
        init.lecun_uniform, **even(math.sqrt(3 / 300)), theirs=lambda w: lecun(w, "uniform")
    ),
    "lecun_normal": Start(init.lecun_normal, math.sqrt(1 / 300), theirs=lambda w: lecun(w, "normal")),
    "half_root": Start(init.half_root, **even(0.25 * math.sqrt(6 / 700))),
}


def check_moments(start: Start, w: np.ndarray) -> None:
    """Mean, spread, bounds and, of a bell, the tails, within 5 standard errors."""
    assert (w.shape, w.dtype) == (SHAPE, np.float64)
    assert abs(w.mean() - start.mean) <= 5 * start.std / math.sqrt(w.size) + 1e-15
    assert abs(w.std() - start.std) <= 5 * start.std / math.sqrt(2 * w.size) + 1e-15
    if start.bound is not None:
        away = np.abs(w - start.mean)
        assert 0.999 * start.bound < away.max() <= start.bound
        assert abs(np.mean(away < start.bound / 2) - 0.5) < 5 * 0.5 / math.sqrt(w.size)  # evenly
    elif start.std:
        outside = np.mean(np.abs(w - start.mean) > 2 * start.std)
        assert abs(outside - 0.0455) < 5 * math.sqrt(0.0455 / w.size)


@pytest.mark.parametrize("name", STARTS)
def test_moments_of_initialisers(name):
    """Mean, spread, bounds and tails are those of the formula, of 120,000 draws."""
    check_moments(STARTS[name], STARTS[name].make()(SHAPE, 1))


@pytest.mark.parametrize("name", [name for name, start in STARTS.items() if start.theirs])
def test_moments_of_initialisers_are_pytorchs(name):
    """PyTorch's initialiser of that name passes the very same check: it lays the weight out as (fan_out, fan_in)."""
    torch.manual_seed(1)
    weight = torch.empty(SHAPE[::-1], dtype=torch.float64)
    check_moments(STARTS[name], STARTS[name].theirs(weight).numpy().T)


@pytest.mark.parametrize(
    ("name", "planted"),
    [
        ("xavier_uniform", lambda: init.xavier_uniform(1.01)),
        ("xavier_uniform", init.xavier_normal),
        ("xavier_normal", init.xavier_uniform),
        ("kaiming_normal", lambda: init.kaiming_normal(mode="fan_out")),
        ("lecun_uniform", init.kaiming_uniform),
        ("normal", lambda: init.normal(0.501, 0.01)),
        ("half_root", init.xavier_uniform),
    ],
)
def test_the_check_of_moments_can_fail(name, planted):
    """A gain of 1 % too much, the wrong fan, the wrong distribution and a shifted mean are noticed."""
    with pytest.raises(AssertionError):
        check_moments(STARTS[name], planted()(SHAPE, 1))


@pytest.mark.parametrize("name", STARTS)
def test_initialisers_are_reproducible(name):
    """One seed gives one array, as does a Generator of that seed, which goes on from there; the global state has no part in it."""
    initialiser, random = STARTS[name].make(), np.random.default_rng(5)
    first = initialiser((3, 4), 5)
    np.testing.assert_array_equal(first, initialiser((3, 4), 5))
    np.testing.assert_array_equal(first, STARTS[name].make()([3, 4], rng=np.random.default_rng(5)))
    np.testing.assert_array_equal(first, initialiser((3, 4), random))
    if name != "constant":
        assert not np.array_equal(first, initialiser((3, 4), random))
        assert not np.array_equal(first, initialiser((3, 4), 6))
        assert not np.array_equal(initialiser((3, 4)), initialiser((3, 4)))  # without a seed, fresh each time


def test_half_root_is_the_recipe():
    """It gives the numbers of 0.5·√(6/(fan_in + fan_out))·(U − 0.5), written as the recipe writes them, within 1e-14 of the bound."""
    u = np.random.default_rng(3).random((2, 3))
    recipe = 0.5 * np.sqrt(6.0 / (2 + 3)) * (u - 0.5)
    np.testing.assert_allclose(init.half_root()((2, 3), 3), recipe, rtol=0, atol=1e-14 * np.abs(recipe).max())


@pytest.mark.parametrize("shape", [(), (4,), (2, 3, 4)], ids=str)
@pytest.mark.parametrize(
    "make", [init.uniform, init.normal, lambda: init.constant(2.0)], ids=["uniform", "normal", "constant"]
)
def test_initialisers_without_fans_take_any_shape(make, shape):
    """uniform, normal and constant need no (fan_in, fan_out)."""
    assert np.shape(make()(shape, 0)) == shape


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_linear_starts_from_an_initialiser(dtype):
    """A layer's weight is what the initialiser gives for (in, out), in the layer's dtype, and its bias 0."""
    layer = ag.nn.Linear(3, 5, init=init.kaiming_normal(), rng=2, dtype=dtype)
    wanted = init.kaiming_normal()((3, 5), 2).astype(dtype)
    np.testing.assert_array_equal(layer.weight.data, wanted)
    assert layer.weight.dtype == np.dtype(dtype)
    assert not layer.bias.data.any()


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: init.uniform(1.0, -1.0), ValueError, "uniform: low must not be above high, got 1 and -1"),
        (lambda: init.uniform(-math.inf, 1.0), ValueError, "uniform: low must be a finite number, got -inf"),
        (
            lambda: init.uniform((2, 3), np.random.default_rng(0)),
            TypeError,
            "uniform: low must be a finite number, got (2, 3)",
        ),
        (lambda: init.normal(0.0, -1.0), ValueError, "normal: std must be a finite number ≥ 0, got -1.0"),
        (lambda: init.normal(math.nan), ValueError, "normal: mean must be a finite number, got nan"),
        (lambda: init.constant("1"), TypeError, "constant: value must be a finite number, got '1'"),
        (lambda: init.constant(True), TypeError, "constant: value must be a finite number, got True"),
        (
            lambda: init.xavier_uniform(0),
            ValueError,
            "xavier_uniform: gain must be a finite number > 0, got 0",
        ),
        (
            lambda: init.xavier_normal(math.nan),
            ValueError,
            "xavier_normal: gain must be a finite number > 0, got nan",
        ),
        (
            lambda: init.xavier_normal("tanh"),
            TypeError,
            "xavier_normal: gain must be a finite number > 0, got 'tanh'",
        ),
        (
            lambda: init.kaiming_uniform(mode="fan_avg"),
            ValueError,
            "kaiming_uniform: mode must be 'fan_in' or 'fan_out', got 'fan_avg'",
        ),
        (
            lambda: init.kaiming_normal(math.inf),
            ValueError,
            "kaiming_normal: slope must be a finite number, got inf",
        ),
        (
            lambda: init.xavier_uniform()((3,), 0),
            ShapeError,
            "xavier_uniform: a shape (fan_in, fan_out) is needed, got (3,)",
        ),
        (
            lambda: init.kaiming_normal()((2, 3, 4), 0),
            ShapeError,
            "kaiming_normal: a shape (fan_in, fan_out) is needed, got (2, 3, 4)",
        ),
        (
            lambda: init.lecun_normal()((), 0),
            ShapeError,
            "lecun_normal: a shape (fan_in, fan_out) is needed, got ()",
        ),
        (
            lambda: init.lecun_uniform()((0, 3), 0),
            ValueError,
            "each size of shape must be an int > 0, got 0",
        ),
        (lambda: init.normal()((2, -1), 0), ValueError, "each size of shape must be an int > 0, got -1"),
        (lambda: init.normal()(3, 0), TypeError, "shape must be a tuple of ints > 0, got 3"),
        (lambda: init.normal()((2.0, 3), 0), TypeError, "each size of shape must be an int > 0, got 2.0"),
        (lambda: init.normal()("23", 0), TypeError, "each size of shape must be an int > 0, got '2'"),
        (
            lambda: init.normal()((2, 3), "seed"),
            TypeError,
            "rng must be a seed or a numpy.random.Generator, got 'seed'",
        ),
        (
            lambda: init.normal()((2, 3), -1),
            ValueError,
            "rng must be a seed or a numpy.random.Generator, got -1",
        ),
    ],
)
def test_misuse_of_initialisers(make, error, text):
    """Wrong numbers, shapes and seeds raise, naming the initialiser and what is allowed."""
    with pytest.raises(error, match=re.escape(text)):
        make()


# ---- The penalty ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_l2_is_the_sum_of_squares_of_all_parameters(dtype):
    """Value and gradients are PyTorch's for weight · Σ p², over Modules' parameters of one dtype."""
    model = ag.nn.MLP([2, 3, 1], rng=0, dtype=dtype)
    loss = ag.nn.l2(model.parameters(), 0.25)
    loss.backward()
    twins = [torch.tensor(p.data, requires_grad=True) for p in model.parameters()]
    (0.25 * sum((twin**2).sum() for twin in twins)).backward()
    assert loss.dtype == dtype
    for p, twin in zip(model.parameters(), twins, strict=True):
        assert p.grad.dtype == dtype
        np.testing.assert_allclose(p.grad, twin.grad.numpy(), rtol=1e-6 if dtype == "float32" else 1e-15)


def test_l2_takes_values_arrays_and_generators():
    """Values and arrays count too, and a generator is read once."""
    x = ag.Value(3.0)
    loss = ag.nn.l2(p for p in (x, np.array([1.0, 2.0])))
    loss.backward()
    assert (loss.item(), x.grad) == (14.0, 6.0)


@pytest.mark.parametrize(
    ("params", "weight", "error", "text"),
    [
        pytest.param(ag.Tensor([1.0]), 1.0, TypeError, "l2: a list of parameters", id="a node"),
        pytest.param(2.0, 1.0, TypeError, "l2: a list of parameters", id="a number"),
        pytest.param([], 1.0, ValueError, "l2: no parameters", id="nothing"),
        pytest.param([ag.Tensor([1.0])], float("nan"), ValueError, "l2: weight", id="NaN"),
        pytest.param(["a"], 1.0, ag.DTypeError, "l2: the parameter 0", id="text"),
    ],
)
def test_misuse_of_l2(params, weight, error, text):
    """What is no list of parameters, or no weight, is refused by name."""
    with pytest.raises(error, match=text):
        ag.nn.l2(params, weight)


# ---- Public names -------------------------------------------------------------------------------------------------------------

PUBLIC = {
    losses: [
        "mse", "half_sse", "mae", "huber", "hinge", "binary_cross_entropy", "binary_cross_entropy_with_logits", "kl_div",
        "cross_entropy", "nll", "l2",
    ],
    modules: ["ReLU", "LeakyReLU", "ELU", "GELU", "SiLU", "Sigmoid", "Tanh", "Softplus", "Softmax", "LogSoftmax", "Identity"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("module", "name"),
    [pytest.param(module, name, id=name) for module, names in PUBLIC.items() for name in names],
)
def test_public_names(module, name):
    """Every loss and activation Module is reached as ag.nn.NAME, is in __all__, and has an example in its docstring."""
    assert getattr(ag.nn, name) is getattr(module, name)
    assert name in ag.nn.__all__
    assert ">>>" in getattr(module, name).__doc__


def test_initialisers_are_public():
    """ag.nn.init holds them, each with an example."""
    assert ag.nn.init is init
    made = [
        f
        for name, f in vars(init).items()
        if getattr(f, "__module__", "") == init.__name__ and not name.startswith("_")
    ]
    assert len(made) == 10
    assert all(">>>" in f.__doc__ for f in made)
