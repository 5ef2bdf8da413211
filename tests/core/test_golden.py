"""Values and gradients at the awkward points: corners, ties, zeros, infinities, NaN, empty arrays, float32.

One case a convention, its name the point in question. Conventions differ between libraries; ours is PyTorch's choice unless
that is plainly worse. Each case is read in every way there is: on a Value, a 0-d Tensor and an array, backward and as a graph.

Not here, because the function does not exist yet: huber at delta and l1 at 0 (losses huber, mae), BCE(p=0, t=1) and
BCE(p=1, t=1) (cross-entropy on probabilities, log clamped at -100).
"""

import itertools
import math
import warnings

import numpy as np
import pytest

import autograd_mini as ag
from autograd_mini import nn

NAN, INF, PI = math.nan, math.inf, math.pi
EPS = 2.0**-52


@pytest.fixture(autouse=True)
def _nothing_escapes():
    """Every warning is an error here, however pytest was started."""
    with warnings.catch_warnings(), np.errstate(divide="warn", over="warn", invalid="warn"):
        warnings.simplefilter("error")
        yield


def number(x):
    return ag.Value(x)


def point(x):
    return ag.Tensor(x)


def vector(x):
    return ag.Tensor(np.full(9, x))  # long enough for NumPy's vectorised loops and a remainder


KINDS = [pytest.param(kind, id=name) for kind, name in [(number, "Value"), (point, "0-d"), (vector, "array")]]


def assert_same(actual, expected, what, *, signed=False, eps=EPS, ulps=4):
    """Equal within `ulps` · eps relative; NaN for NaN, infinities by sign; zeros by sign where `signed`."""
    actual, expected = np.asarray(actual), np.asarray(expected, float)
    assert actual.shape == expected.shape, f"{what}: shape {actual.shape}, not {expected.shape}"
    with np.errstate(all="ignore"):
        close = np.abs(actual - expected) <= ulps * eps * np.abs(expected)
    right = (actual == expected) | (np.isnan(actual) & np.isnan(expected)) | (close & np.isfinite(expected))
    if signed:
        right &= (np.signbit(actual) == np.signbit(expected)) | np.isnan(expected)
    assert right.all(), f"{what}: {actual}, not {expected}"


def scalar_of(out):
    return out if out.shape == () else out.sum()


def readings(f, leaves):
    """The value, and the gradients of its sum: by backward, by gradients, and by a graph of their own."""
    out = f(*leaves)
    root = scalar_of(out)
    root.backward()
    backward = [leaf.grad for leaf in leaves]
    plain = ag.gradients(root, leaves)
    graph = ag.gradients(root, leaves, create_graph=True)
    return out.data, {"backward": backward, "gradients": plain, "create_graph": [g.data for g in graph]}


def check(f, leaves, value, grads, *, signed=False, eps=EPS):
    data, found = readings(f, leaves)
    assert_same(data, value, "value", signed=signed, eps=eps)
    for reading, actual in found.items():
        for i, (a, expected) in enumerate(zip(actual, grads, strict=True)):
            assert_same(a, expected, f"{reading}, gradient {i}", signed=signed, eps=eps)


def rows(*table):
    return [pytest.param(*row, id=name) for name, *row in table]


# ---- Numbers: name, function, where, value, gradients -----------------------------------------------------------------

NUMBERS = rows(
    ("relu(0)", ag.relu, [0.0], 0.0, [0.0]),
    ("relu(nan)", ag.relu, [NAN], NAN, [1.0]),
    ("relu(-0.0)", ag.relu, [-0.0], 0.0, [0.0]),
    ("max(x,0) const tie", lambda x: ag.maximum(x, 0.0), [0.0], 0.0, [0.5]),
    ("leaky_relu(0)", ag.leaky_relu, [0.0], 0.0, [0.01]),
    ("leaky_relu(0) slope 0.2", lambda x: ag.leaky_relu(x, 0.2), [0.0], 0.0, [0.2]),
    ("elu(0)", ag.elu, [0.0], 0.0, [1.0]),
    ("elu(0) alpha 1.5", lambda x: ag.elu(x, 1.5), [0.0], 0.0, [1.5]),
    ("elu(1000)", ag.elu, [1000.0], 1000.0, [1.0]),
    ("clip(x,0,1) at 0", lambda x: ag.clip(x, 0.0, 1.0), [0.0], 0.0, [1.0]),
    ("clip(x,0,1) at 1", lambda x: ag.clip(x, 0.0, 1.0), [1.0], 1.0, [1.0]),
    ("abs(0)", ag.abs, [0.0], 0.0, [0.0]),
    ("sign(0)", ag.sign, [0.0], 0.0, [0.0]),
    ("floor(1)", ag.floor, [1.0], 1.0, [0.0]),
    ("round(2.5)", ag.round, [2.5], 2.0, [0.0]),
    ("sqrt(0)", ag.sqrt, [0.0], 0.0, [INF]),
    ("sqrt(-1)", ag.sqrt, [-1.0], NAN, [NAN]),
    ("sqrt(x**2) at 0", lambda x: ag.sqrt(x**2), [0.0], 0.0, [NAN]),
    ("log(0)", ag.log, [0.0], -INF, [INF]),
    ("log(-1)", ag.log, [-1.0], NAN, [-1.0]),
    ("log1p(-1)", ag.log1p, [-1.0], -INF, [INF]),
    ("exp(1000)", ag.exp, [1000.0], INF, [INF]),
    ("x**0 at 0 (int)", lambda x: x**0, [0.0], 1.0, [0.0]),
    ("x**0. at 0", lambda x: x**0.0, [0.0], 1.0, [0.0]),
    ("x**1 at 0", lambda x: x**1, [0.0], 0.0, [1.0]),
    ("x**2 at 0", lambda x: x**2, [0.0], 0.0, [0.0]),
    ("x**-1 at 0", lambda x: x**-1, [0.0], INF, [-INF]),
    ("x**0.5 at 0", lambda x: x**0.5, [0.0], 0.0, [INF]),
    ("x**0.5 at -inf", lambda x: x**0.5, [-INF], NAN, [0.0]),  # a square root, as in NumPy and PyTorch, not C's pow
    ("x**0.5 at -2", lambda x: x**0.5, [-2.0], NAN, [NAN]),
    ("x**(1/3) at -8", lambda x: x ** (1 / 3), [-8.0], NAN, [NAN]),
    ("pow(x,p) tensors (0,0)", ag.power, [0.0, 0.0], 1.0, [0.0, 0.0]),
    ("pow(x,p) (0,2)", ag.power, [0.0, 2.0], 0.0, [0.0, 0.0]),
    ("pow(x,p) (0,-1)", ag.power, [0.0, -1.0], INF, [-INF, -INF]),
    ("pow(x,p) (0,.5)", ag.power, [0.0, 0.5], 0.0, [INF, 0.0]),
    ("0**p, p=0", lambda p: 0.0**p, [0.0], 1.0, [0.0]),
    ("0**p, p=2", lambda p: 0.0**p, [2.0], 0.0, [0.0]),
    ("0**p, p=-1", lambda p: 0.0**p, [-1.0], INF, [-INF]),
    ("pow(-2,.5)", ag.power, [-2.0, 0.5], NAN, [NAN, NAN]),
    ("pow(-2,2)", ag.power, [-2.0, 2.0], 4.0, [-4.0, NAN]),
    ("pow(-2,3)", ag.power, [-2.0, 3.0], -8.0, [12.0, NAN]),
    ("pow(-8,1/3)", ag.power, [-8.0, 1 / 3], NAN, [NAN, NAN]),
    ("pow(inf,0)", ag.power, [INF, 0.0], 1.0, [0.0, INF]),
    ("pow(1,nan)", ag.power, [1.0, NAN], 1.0, [NAN, 0.0]),
    ("pow(nan,0)", ag.power, [NAN, 0.0], 1.0, [0.0, NAN]),
    ("maximum tie (1,1)", ag.maximum, [1.0, 1.0], 1.0, [0.5, 0.5]),
    ("minimum tie (1,1)", ag.minimum, [1.0, 1.0], 1.0, [0.5, 0.5]),
    ("maximum(nan,1)", ag.maximum, [NAN, 1.0], NAN, [1.0, 1.0]),
    ("maximum(1,nan)", ag.maximum, [1.0, NAN], NAN, [1.0, 1.0]),
    ("minimum(nan,1)", ag.minimum, [NAN, 1.0], NAN, [1.0, 1.0]),
    ("hypot(0,0)", ag.hypot, [0.0, 0.0], 0.0, [0.0, 0.0]),
    ("hypot(1e200,1e200)", ag.hypot, [1e200, 1e200], 1.4142135623730951e200, [0.7071067811865476, 0.7071067811865476]),
    ("atan2(1e-200,1e-200)", ag.arctan2, [1e-200, 1e-200], PI / 4, [5e199, -5e199]),
    ("where(x>0,sqrt(x),0) at 0, number", lambda x: ag.where(x > 0, ag.sqrt(x), 0.0), [0.0], 0.0, [NAN]),
    ("where(x>0,log(x),0) at 0, number", lambda x: ag.where(x > 0, ag.log(x), 0.0), [0.0], 0.0, [NAN]),
    ("where(x<1,exp(x),0) at 1000, number", lambda x: ag.where(x < 1, ag.exp(x), 0.0), [1000.0], 0.0, [NAN]),
    ("double-where sqrt, number", lambda x: ag.where(x > 0, ag.sqrt(ag.where(x > 0, x, 1.0)), 0.0), [0.0], 0.0, [0.0]),
    ("sigmoid(1000)", ag.sigmoid, [1000.0], 1.0, [0.0]),
    ("sigmoid(-1000)", ag.sigmoid, [-1000.0], 0.0, [0.0]),
    ("sigmoid(-40)", ag.sigmoid, [-40.0], 4.248354255291589e-18, [4.248354255291589e-18]),
    ("sigmoid(40)", ag.sigmoid, [40.0], 1.0, [4.248354255291589e-18]),
    ("1/(1+exp(-x)) at -1000", lambda x: 1 / (1 + ag.exp(-x)), [-1000.0], 0.0, [NAN]),
    ("logsigmoid(-1000)", ag.log_sigmoid, [-1000.0], -1000.0, [1.0]),
    ("logsigmoid(1000)", ag.log_sigmoid, [1000.0], 0.0, [0.0]),
    ("softplus(1000)", ag.softplus, [1000.0], 1000.0, [1.0]),
    ("softplus(-1000)", ag.softplus, [-1000.0], 0.0, [0.0]),
    ("softplus(-40)", ag.softplus, [-40.0], 4.248354255291589e-18, [4.248354255291589e-18]),
    ("softplus(21)", ag.softplus, [21.0], 21.000000000758256, [0.9999999992417439]),
    ("tanh(1000)", ag.tanh, [1000.0], 1.0, [0.0]),
    ("tanh(20)", ag.tanh, [20.0], 1.0, [1.6993417021166355e-17]),
    ("logaddexp(-inf,-inf)", ag.logaddexp, [-INF, -INF], -INF, [NAN, NAN]),
    ("logaddexp(inf,inf)", ag.logaddexp, [INF, INF], INF, [NAN, NAN]),
    ("BCE logits x=-1000,t=1", lambda x: ag.sigmoid_cross_entropy(x, 1.0), [-1000.0], 1000.0, [-1.0]),
    ("BCE logits x=1000,t=1", lambda x: ag.sigmoid_cross_entropy(x, 1.0), [1000.0], 0.0, [0.0]),
    ("xlogy(0,0)", ag.xlogy, [0.0, 0.0], 0.0, [0.0, NAN]),
    ("1/0", ag.divide, [1.0, 0.0], INF, [INF, -INF]),
    ("1/0, written with /", lambda y: 1 / y, [0.0], INF, [-INF]),
    ("1/0, reciprocal", ag.reciprocal, [0.0], INF, [-INF]),
    ("0/0", lambda x, y: x / y, [0.0, 0.0], NAN, [INF, NAN]),
    ("mod(5,3)", ag.remainder, [5.0, 3.0], 2.0, [1.0, -1.0]),
    ("mod(6,3)", lambda x, y: x % y, [6.0, 3.0], 0.0, [1.0, -2.0]),
    ("asin(1)", ag.arcsin, [1.0], PI / 2, [INF]),
    ("atanh(1)", ag.arctanh, [1.0], INF, [INF]),
    ("arcsinh(1e200)", ag.arcsinh, [1e200], 461.2101657793691, [1e-200]),
    ("sinc(0)", ag.sinc, [0.0], 1.0, [0.0]),
    ("nan input x*2", lambda x: x * 2, [NAN], NAN, [2.0]),
    ("nan*0", lambda x: x * 0, [NAN], NAN, [0.0]),
    ("inf-inf", lambda x: x - x, [INF], NAN, [0.0]),
    ("0-d array", lambda x: x * 3, [2.0], 6.0, [3.0]),
)  # fmt: skip
SIGNED_NUMBERS = rows(
    ("atan2(0,0)", ag.arctan2, [0.0, 0.0], 0.0, [0.0, -0.0]),
    ("sqrt(-0.0)", ag.sqrt, [-0.0], -0.0, [-INF]),
    ("1/-0.0", lambda y: 1 / y, [-0.0], -INF, [-INF]),
    ("1/-inf", lambda y: 1 / y, [-INF], -0.0, [-0.0]),
    ("x**-1 at -0.0", lambda x: x**-1, [-0.0], -INF, [-INF]),
    ("x**3 at -0.0", lambda x: x**3, [-0.0], -0.0, [0.0]),
    ("tanh(-0.0)", ag.tanh, [-0.0], -0.0, [1.0]),
    ("-x at 0", lambda x: -x, [0.0], -0.0, [-1.0]),
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("f", "at", "value", "grads"), NUMBERS)
def test_number_at_an_awkward_point(f, at, value, grads, kind):
    """Value and gradient are the convention's, on a Value, a 0-d Tensor and in an array, however they are asked for."""
    leaves = [kind(x) for x in at]
    shape = leaves[0].shape
    check(f, leaves, np.full(shape, value), [np.full(shape, g) for g in grads])
    if kind is number:
        assert all(type(leaf.grad) is float for leaf in leaves)
        assert type(f(*leaves).data) is float


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("f", "at", "value", "grads"), SIGNED_NUMBERS)
def test_number_at_an_awkward_point_with_the_sign_of_zero(f, at, value, grads, kind):
    """The sign of a zero follows IEEE arithmetic, where it tells the side that a limit is approached from."""
    leaves = [kind(x) for x in at]
    shape = leaves[0].shape
    check(f, leaves, np.full(shape, value), [np.full(shape, g) for g in grads], signed=True)


@pytest.mark.parametrize("kind", KINDS)
def test_derivative_by_a_constant_exponent_is_not_asked_for(kind):
    """pow(-2, 2): the exponent's gradient would be NaN, but an exponent that needs none does not spoil the base's."""
    p = kind(2.0)
    p.requires_grad = False
    x = kind(-2.0)
    out = scalar_of(x**p)
    out.backward()
    assert_same(x.grad, np.full(x.shape, -4.0), "base")
    assert p.grad is None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("g", [-3.0, 0.0, INF])
def test_relu_passes_on_whatever_arrives_at_a_nan(kind, g):
    """relu's slope is 0 where x <= 0 and 1 anywhere else, NaN included, and it selects: 0 is 0 whatever arrives."""
    for at, expected in ((NAN, g), (2.0, g), (0.0, 0.0), (-1.0, 0.0)):
        x = kind(at)
        y = ag.relu(x)
        assert_same(
            ag.gradients(y, x, grad_output=np.full(x.shape, g) if x.shape else g),
            np.full(x.shape, expected),
            f"at {at}",
        )


# ---- Arrays: the gradients are those of the result's sum --------------------------------------------------------------

W = np.array([1.0, 2.0, 3.0])
ARRAYS = rows(
    ("x.max() ties [1,1,0]", lambda x: x.max(), [[1.0, 1.0, 0.0]], 1.0, [[0.5, 0.5, 0.0]]),
    ("x.max(axis) ties", lambda x: x.max(axis=0), [[1.0, 1.0, 0.0]], 1.0, [[0.5, 0.5, 0.0]]),
    ("x.max(axis) ties, rows", lambda x: x.max(axis=1), [[[2.0, 2.0, 2.0], [1.0, 0.0, 1.0]]], [2.0, 1.0], [[[1 / 3] * 3, [0.5, 0.0, 0.5]]]),
    ("amax(axis) ties", lambda x: np.amax(x, axis=0), [[1.0, 1.0, 0.0]], 1.0, [[0.5, 0.5, 0.0]]),
    ("x.min() ties", lambda x: x.min(), [[0.0, 1.0, 0.0]], 0.0, [[0.5, 0.0, 0.5]]),
    ("max [nan,1]", ag.max, [[NAN, 1.0]], NAN, [[1.0, 0.0]]),
    ("sort ties", lambda x: ag.sort(x) * W, [[1.0, 1.0, 0.0]], [0.0, 2.0, 3.0], [[2.0, 3.0, 1.0]]),
    ("prod with one 0", ag.prod, [[0.0, 2.0, 3.0]], 0.0, [[6.0, 0.0, 0.0]]),
    ("prod with two 0", ag.prod, [[0.0, 0.0, 3.0]], 0.0, [[0.0, 0.0, 0.0]]),
    ("cumprod with 0", ag.cumprod, [[2.0, 0.0, 3.0]], [2.0, 0.0, 0.0], [[1.0, 8.0, 0.0]]),
    ("norm2([0,0])", ag.norm, [[0.0, 0.0]], 0.0, [[0.0, 0.0]]),
    ("norm1([0,1])", lambda x: ag.norm(x, 1), [[0.0, 1.0]], 1.0, [[0.0, 1.0]]),
    ("norminf tie", lambda x: ag.norm(x, INF), [[1.0, 1.0]], 1.0, [[0.5, 0.5]]),
    ("norm3([0,0])", lambda x: ag.norm(x, 3), [[0.0, 0.0]], 0.0, [[0.0, 0.0]]),
    ("norm3([0,2])", lambda x: ag.norm(x, 3), [[0.0, 2.0]], 2.0, [[0.0, 1.0]]),
    ("norm1.5([0,-2])", lambda x: ag.norm(x, 1.5), [[0.0, -2.0]], 2.0, [[0.0, -1.0]]),
    ("norm3([1e200,1e200])", lambda x: ag.norm(x, 3), [[1e200, 1e200]], 1.2599210498948732e200, [[0.6299605249474366] * 2]),
    ("norm2([1e200,1e200])", ag.norm, [[1e200, 1e200]], 1.4142135623730951e200, [[0.7071067811865476] * 2]),
    ("norm2([1e-200,1e-200])", ag.norm, [[1e-200, 1e-200]], 1.4142135623730951e-200, [[0.7071067811865476] * 2]),
    ("norm2([inf,1])", ag.norm, [[INF, 1.0]], INF, [[NAN, 0.0]]),
    ("std const", ag.std, [[2.0, 2.0, 2.0]], 0.0, [[0.0, 0.0, 0.0]]),
    ("std n=1 ddof=1", lambda x: ag.std(x, ddof=1), [[2.0]], NAN, [[NAN]]),
    ("var n=1 ddof=1", lambda x: ag.var(x, ddof=1), [[2.0]], NAN, [[NAN]]),
    ("where(x>0,sqrt(x),0) at 0", lambda x: ag.where(x > 0, ag.sqrt(x), 0.0), [[0.0, 4.0]], [0.0, 2.0], [[NAN, 0.25]]),
    ("where(x>0,log(x),0) at 0", lambda x: ag.where(x > 0, ag.log(x), 0.0), [[0.0, 4.0]], [0.0, 1.3862943611198906], [[NAN, 0.25]]),
    ("where(x<1,exp(x),0) at 1000", lambda x: ag.where(x < 1, ag.exp(x), 0.0), [[0.0, 1000.0]], [1.0, 0.0], [[1.0, NAN]]),
    ("double-where sqrt", lambda x: ag.where(x > 0, ag.sqrt(ag.where(x > 0, x, 1.0)), 0.0), [[0.0, 4.0]], [0.0, 2.0], [[0.0, 0.25]]),
    ("logsumexp [1000,1000]", ag.logsumexp, [[1000.0, 1000.0]], 1000.6931471805599, [[0.5, 0.5]]),
    ("logsumexp [-inf,-inf]", ag.logsumexp, [[-INF, -INF]], -INF, [[NAN, NAN]]),
    ("logsumexp [-inf,0]", ag.logsumexp, [[-INF, 0.0]], 0.0, [[0.0, 1.0]]),
    ("logsumexp [inf,0]", ag.logsumexp, [[INF, 0.0]], INF, [[NAN, NAN]]),
    ("softmax all -inf", ag.softmax, [[-INF] * 3], [NAN] * 3, [[NAN] * 3]),
    ("softmax [1000,0,-1000]·w", lambda x: ag.softmax(x) * W, [[1000.0, 0.0, -1000.0]], [1.0, 0.0, 0.0], [[0.0, 0.0, 0.0]]),
    ("log_softmax [1000,0]", ag.log_softmax, [[1000.0, 0.0]], [0.0, -1000.0], [[-1.0, 1.0]]),
    ("cross_entropy logits [1000,-1000] target 1", lambda x: nn.cross_entropy(x, [1]), [[[1000.0, -1000.0]]], 2000.0, [[[1.0, -1.0]]]),
    ("-log(softmax)[1] naive", lambda x: -ag.log(ag.softmax(x))[1], [[1000.0, -1000.0]], INF, [[NAN, NAN]]),
    ("empty sum", ag.sum, [[]], 0.0, [[]]),
    ("empty mean", ag.mean, [[]], NAN, [[]]),
    ("empty prod", ag.prod, [[]], 1.0, [[]]),
    ("broadcast (2,)x(2,1)", lambda x, y: x * y, [[1.0, 2.0], [[3.0], [4.0]]], [[3.0, 6.0], [4.0, 8.0]], [[7.0, 7.0], [[3.0], [3.0]]]),
    ("index dup x[[0,0]]", lambda x: x[[0, 0]], [[1.0, 2.0]], [1.0, 1.0], [[2.0, 0.0]]),
)  # fmt: skip
SIGNED_ARRAYS = rows(
    ("softmax [-inf,0,0]·w", lambda x: ag.softmax(x) * W, [[-INF, 0.0, 0.0]], [0.0, 1.0, 1.5], [[-0.0, -0.25, 0.25]]),
)  # fmt: skip


@pytest.mark.parametrize(("f", "at", "value", "grads"), ARRAYS)
def test_array_at_an_awkward_point(f, at, value, grads):
    """Value and gradients of the sum are the convention's, each gradient of its input's shape."""
    check(f, [ag.Tensor(x) for x in at], value, grads)


@pytest.mark.parametrize(("f", "at", "value", "grads"), SIGNED_ARRAYS)
def test_array_at_an_awkward_point_with_the_sign_of_zero(f, at, value, grads):
    """The same, zeros with their signs."""
    check(f, [ag.Tensor(x) for x in at], value, grads, signed=True)


@pytest.mark.parametrize("axis", [None, 0, 1, (0, 1)])
@pytest.mark.parametrize("name", ["max", "min"])
def test_ties_share_evenly_along_any_axis(name, axis):
    """The gradient over n equal elements is 1/n for each, which is the minimum-norm choice for every axis alike."""
    x = ag.Tensor(np.full((3, 7), 2.0))
    scalar_of(getattr(x, name)(axis=axis)).backward()
    n = {None: 21, 0: 3, 1: 7}.get(axis, 21)
    np.testing.assert_array_equal(x.grad, np.full((3, 7), 1 / n))


@pytest.mark.parametrize("f", [ag.max, ag.min], ids=["max", "min"])
def test_empty_extremum_is_refused(f):
    """empty max: there is no largest of nothing, and the message says which operation was asked."""
    with pytest.raises(ValueError, match=f.__name__):
        f(ag.Tensor([]))


def test_shapes_that_do_not_broadcast():
    """broadcast (2,)x(3,): ShapeError, which is a ValueError, naming the operation and both shapes."""
    with pytest.raises(ag.ShapeError, match=r"multiply: \(2,\), \(3,\)") as caught:
        ag.Tensor([1.0, 2.0]) * ag.Tensor([1.0, 2.0, 3.0])
    assert isinstance(caught.value, ValueError)


def test_loss_of_shapes_that_differ():
    """MSE (2,)-(2,1): a loss never broadcasts; the message names both shapes and what they would have become."""
    with pytest.raises(ValueError, match=r"\(2,\).*\(2, 1\).*\(2, 2\)"):
        nn.mse(ag.Tensor([1.0, 2.0]), ag.Tensor([[1.0], [2.0]]))


def test_zero_dimensional_array_stays_one():
    """0-d array: shape () in, shape () out, for data, gradient and the gradient's graph."""
    x = ag.Tensor(np.array(2.0))
    y = x * 3
    y.backward()
    (slope,) = ag.gradients(x * x, [x], create_graph=True)
    assert y.shape == x.shape == slope.shape == ()
    assert all(isinstance(a, np.ndarray) and a.shape == () for a in (y.data, x.grad, slope.data))


def test_logsumexp_gradient_is_the_softmax():
    """Bit for bit, whatever the logits: no exp(x − lse), which loses digits with the size of x."""
    for row in np.random.default_rng(0).normal(0, 300, (20, 7)):
        x = ag.Tensor(row)
        np.testing.assert_array_equal(ag.gradients(ag.logsumexp(x), x), ag.softmax(row))


# ---- Second order -----------------------------------------------------------------------------------------------------

SECOND = rows(
    ("|x| at 0", ag.abs, 0.0, 0.0),
    ("relu at 0", ag.relu, 0.0, 0.0),
    ("relu(-0.0)", ag.relu, -0.0, 0.0),
    ("x² at 0", lambda x: x**2, 0.0, 2.0),
    ("x² at 0, square", ag.square, 0.0, 2.0),
    ("x² at 0, product", lambda x: x * x, 0.0, 2.0),
    ("x^1.5 at 0", lambda x: x**1.5, 0.0, INF),
    ("x**0 at 0", lambda x: x**0, 0.0, 0.0),
    ("x**1 at 0", lambda x: x**1, 0.0, 0.0),
    ("sinc(0)", ag.sinc, 0.0, -(PI**2) / 3),
    ("tanh(1000)", ag.tanh, 1000.0, -0.0),
    ("tanh(-1000)", ag.tanh, -1000.0, 0.0),
    ("sigmoid(1000)", ag.sigmoid, 1000.0, -0.0),
)


def second_order(f, x):
    """The diagonal of second derivatives; 0 where the first is constant."""
    (slope,) = ag.gradients(scalar_of(f(x)), [x], create_graph=True)
    if not slope.requires_grad:
        return np.zeros(x.shape)
    (curvature,) = ag.gradients(scalar_of(slope), [x], create_graph=True, allow_unused=True)
    plain = ag.gradients(scalar_of(slope), x, allow_unused=True)
    assert_same(plain, curvature.data, "plain and graph readings", signed=True)
    return curvature.data


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("f", "at", "expected"), SECOND)
def test_second_order_at_an_awkward_point(f, at, expected, kind):
    """The second derivative follows the same conventions: it is what the first one's rule gives when derived."""
    x = kind(at)
    assert_same(
        second_order(f, x), np.full(x.shape, expected), "second order", signed=math.copysign(1, expected) < 0
    )


def test_second_order_of_the_norm_at_zero():
    """norm at 0: the first gradient is the zero subgradient, the second is NaN, for there is none."""
    x = ag.Tensor([0.0, 0.0])
    (slope,) = ag.gradients(ag.norm(x), [x], create_graph=True)
    np.testing.assert_array_equal(slope.data, [0.0, 0.0])
    assert np.isnan(ag.gradients(slope.sum(), x)).all()


# ---- Value and 0-d Tensor agree ---------------------------------------------------------------------------------------

SPECIAL = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    -2.5,
    3.0,
    1 / 3,
    1e-308,
    5e-324,
    -1e-310,
    1.7e308,
    -1e200,
    1e-200,
    710.0,
    -745.5,
    INF,
    -INF,
    NAN,
]
EXACT = {
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - y,
    "multiply": lambda x, y: x * y,
    "divide": lambda x, y: x / y,
    "sqrt": lambda x, y: ag.sqrt(x) + y,
    "all": lambda x, y: ag.sqrt(x * y) / (x - y) + x * x * y - y / x,
}


def orders(kind, f, at):
    """The value, both readings of its gradients, and the second derivatives, as one array of numbers."""
    leaves = [kind(x) for x in at]
    out = f(*leaves)
    out.backward()
    slopes = ag.gradients(out, leaves, create_graph=True)
    second = [
        g for slope in slopes if slope.requires_grad for g in ag.gradients(slope, leaves, allow_unused=True)
    ]
    return np.array(
        [
            float(number)
            for number in [out.data, *(x.grad for x in leaves), *(s.data for s in slopes), *second]
        ]
    )


@pytest.mark.parametrize("name", EXACT)
def test_value_and_tensor_agree_bit_for_bit_in_plain_arithmetic(name):
    """+ − × ÷ and sqrt are correctly rounded in both, gradients to second order too: special values, and random ones."""
    rng = np.random.default_rng(1)
    pairs = [
        *itertools.product(SPECIAL, SPECIAL),
        *(rng.normal(size=(60, 2)) * 10.0 ** rng.integers(-200, 200, (60, 2))),
    ]
    for x, y in pairs:
        ours, theirs = (orders(kind, EXACT[name], (x, y)) for kind in (number, point))
        bits = (ours.view(np.int64) == theirs.view(np.int64)) | (np.isnan(ours) & np.isnan(theirs))
        assert bits.all(), f"{name}({x}, {y}): Value {ours}, Tensor {theirs}"


UNARY = [
    "abs", "sign", "floor", "ceil", "exp", "expm1", "log", "log1p", "log2", "log10", "sqrt", "square", "reciprocal", "sin", "cos",
    "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "sech2", "arcsinh", "arccosh", "arctanh", "sigmoid", "log_sigmoid",
    "softplus", "relu", "silu", "erf", "normal_cdf", "normal_pdf", "leaky_relu", "elu", "gelu", "sinc", "round", "negative",
]  # fmt: skip
BINARY = [
    "add", "subtract", "multiply", "divide", "remainder", "power", "arctan2", "hypot", "logaddexp", "xlogy", "maximum", "minimum",
    "sigmoid_cross_entropy",
]  # fmt: skip


def agreeing(f, at, slack):
    """Assert that the Value's results and the 0-d Tensor's are equal within `slack` eps, infinities and NaN alike."""
    ours, theirs = (orders(kind, f, at) for kind in (number, point))
    with np.errstate(all="ignore"):
        close = np.abs(ours - theirs) <= slack * EPS * np.maximum(np.abs(ours), np.abs(theirs)) + 8 * 5e-324
    assert (
        (ours == theirs)
        | (np.isnan(ours) & np.isnan(theirs))
        | (close & np.isfinite(ours) & np.isfinite(theirs))
    ).all(), f"at {at}: Value {ours}, Tensor {theirs}"


@pytest.mark.parametrize("name", UNARY)
def test_value_and_tensor_agree_on_functions_of_one_number(name):
    """Everywhere, special values included: the same NaN, the same infinities, a few ulp else, to second order.

    More where the second derivative is near a root of its own, at 0.7 for sech2, 1.5 for silu and gelu.
    """
    for x in [*SPECIAL, 0.1, 0.7, -0.3, 2.5, 1.5, -1.5, 20.0, -20.0, 40.0, 100.0, 1e10, 1e155, -1e155]:
        agreeing(getattr(ag, name), [x], 64 if name in ("silu", "gelu", "sinc", "sech2") else 16)


@pytest.mark.parametrize("name", BINARY)
def test_value_and_tensor_agree_on_functions_of_two_numbers(name):
    """The same for pairs of special values; remainder, power and ties among them."""
    for pair in itertools.product([*SPECIAL, 2.0, 0.3, -3.0], repeat=2):
        if name == "power" and pair == (-INF, 0.5):
            continue  # NumPy takes a 0-d exponent 0.5 for a square root: NaN, where C's pow, of a Value or of an array, is inf
        agreeing(getattr(ag, name), pair, 64)


@pytest.mark.parametrize("n", [0, 1, 2, 3, -1, -2, 0.5, -0.5, 1.5, -2.5, 1 / 3, 100, INF, NAN], ids=str)
def test_value_and_tensor_agree_on_static_powers(n):
    """x**n for a plain number n, int or float, is no exception."""
    for x in SPECIAL:
        agreeing(lambda x: x**n, [x], 16)
        agreeing(lambda x: x ** float(n), [x], 16)
        agreeing(lambda x: n**x, [x], 16)


@pytest.mark.parametrize(("f", "at", "value", "grads"), NUMBERS + SIGNED_NUMBERS)
def test_value_and_tensor_agree_on_the_table(f, at, value, grads):
    """Every line above gives the same on a Value and on a 0-d Tensor to second order too."""
    agreeing(f, at, 16)


# ---- float32 ----------------------------------------------------------------------------------------------------------

EPS32 = 2.0**-23
SINGLES = rows(
    ("f32 exp(89)", ag.exp, 89.0, INF, INF),
    ("f32 x*x 1e20", lambda x: x * x, 1e20, INF, 2e20),
    ("f32 sum 1e8 + 1s", ag.sum, [1e8, 1.0, 1.0, 1.0], 1e8, [1.0, 1.0, 1.0, 1.0]),
    ("f32 sigmoid(-100)", ag.sigmoid, -100.0, 27 * 2.0**-149, 27 * 2.0**-149),
    ("f32 tanh(10)", ag.tanh, 10.0, 1.0, 8.244614489754228e-09),
    ("f32 softplus(-20)", ag.softplus, -20.0, 2.0611536203143756e-09, 2.061153618189927e-09),
)


@pytest.mark.parametrize(("f", "at", "value", "grad"), SINGLES)
def test_float32_at_an_awkward_point(f, at, value, grad):
    """float32 overflows and underflows where float32 does, subnormals kept, and the gradients stay exact in the tails."""
    x = ag.Tensor(np.array(at, np.float32))
    check(f, [x], value, [grad], eps=EPS32)
    assert f(x).dtype == x.grad.dtype == np.float32


def f32(*data):
    return np.array(data, np.float32)


MIXED = rows(
    ("Python float", lambda x: x * 2.0 + 1.0, "float32"),
    ("Python float on the left", lambda x: 2.0 / x - 1.0, "float32"),
    ("Python int", lambda x: 3 * x**2, "float32"),
    ("np.float64 scalar", lambda x: x * np.float64(2.0), "float32"),
    ("np.float64 scalar on the left", lambda x: np.float64(2.0) * x, "float32"),
    ("np.float64 scalar exponent", lambda x: x ** np.float64(2.0), "float32"),
    ("np.float64 scalar to a ufunc", lambda x: np.maximum(x, np.float64(1.5)), "float32"),
    ("bool", lambda x: x * True, "float32"),
    ("float32 array", lambda x: x * f32(1.0, 2.0), "float32"),
    ("float32 array on the left", lambda x: f32(1.0, 2.0) * x, "float32"),
    ("float64 array", lambda x: x * np.array([1.0, 2.0]), "float64"),
    ("float64 array on the left", lambda x: np.array([1.0, 2.0]) - x, "float64"),
    ("float64 Tensor", lambda x: x * ag.Tensor([1.0, 2.0]), "float64"),
    ("float64 matrix product", lambda x: np.eye(2) @ x, "float64"),
    ("list, so float64", lambda x: [1.0, 2.0] - x, "float64"),
    ("then float64", lambda x: ag.exp(x * 0.5) * np.array([1.0, 2.0]), "float64"),
)


@pytest.mark.parametrize(("f", "dtype"), MIXED)
def test_float32_mixed_with(f, dtype):
    """A bare number takes the Tensor's dtype; a float64 array widens the result. The gradient is in the input's own dtype."""
    x = ag.Tensor(f32(1.0, 2.0))
    y = f(x)
    assert y.dtype == dtype
    y.sum().backward()
    (slope,) = ag.gradients(y.sum(), [x], create_graph=True)
    assert x.grad.dtype == slope.dtype == np.float32


BARE = rows(
    ("add", lambda x: ag.add(x, 2.0), "float32"),
    ("multiply by np.float64", lambda x: ag.multiply(np.float64(2.0), x), "float32"),
    ("power", lambda x: ag.power(x, 2.0), "float32"),
    ("maximum", lambda x: ag.maximum(x, 1.5), "float32"),
    ("clip", lambda x: ag.clip(x, 0.0, 1.5), "float32"),
    ("where", lambda x: ag.where(x > 1, x, 0.0), "float32"),
    ("softmax", ag.softmax, "float32"),
    ("float64 array", lambda x: ag.add(x, np.array([1.0, 2.0])), "float64"),
)


@pytest.mark.parametrize(("f", "dtype"), BARE)
def test_raw_float32_mixed_with(f, dtype):
    """The same holds for raw arrays, outside any graph."""
    assert f(f32(1.0, 2.0)).dtype == dtype


@pytest.mark.parametrize("wide", [ag.Tensor([0.0]), np.array([0.0])], ids=["Tensor", "array"])
@pytest.mark.parametrize("narrow", [ag.Tensor(f32(5.0)), f32(5.0)], ids=["Tensor", "array"])
def test_bare_number_takes_the_dtype_of_the_result(narrow, wide):
    """0.1 beside float32 and float64 is float64's 0.1, in whatever order they come."""
    for out in (
        ag.clip(narrow, wide, 0.1),
        ag.clip(narrow, wide - 1.0, wide + 0.1),
        ag.where(np.array([True]), ag.clip(narrow, 0.0, wide), 0.1) + 0.1,
    ):
        found = out.data if isinstance(out, ag.Tensor) else out
        assert found.dtype == np.float64
        assert found[0] == 0.1


OVERFLOWING = {
    "Python float": lambda x: x * 1e300,
    "np.float64 scalar": lambda x: np.float64(1e300) * x,
    "itself": lambda x: x * 1e30 * 1e30,
}


@pytest.mark.parametrize("name", OVERFLOWING)
def test_float32_overflows_to_infinity(name):
    """A number beyond float32 becomes inf in it, and no warning escapes: forward, backward and as a graph."""
    x = ag.Tensor(f32(1.0, -2.0))
    y = OVERFLOWING[name](x)
    np.testing.assert_array_equal(y.data, f32(INF, -INF))
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, f32(INF, INF))
    np.testing.assert_array_equal(ag.gradients(y.sum(), x, create_graph=True).data, f32(INF, INF))


def test_data_and_seeds_beyond_float32():
    """Data, a replacement for them and a gradient from above become inf where float32 ends."""
    x = ag.Tensor([1e300], dtype="float32")
    np.testing.assert_array_equal(x.data, f32(INF))
    x.data = np.array([-1e300])
    np.testing.assert_array_equal(x.data, f32(-INF))
    (x * 1.0).backward(np.array([1e300]))
    np.testing.assert_array_equal(x.grad, f32(INF))


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_that_add_up_to_nan(kind):
    """∞ and −∞ in two backward passes, or on two ways through one graph, make NaN without a warning."""
    x = kind(0.0)
    scalar_of(1 / x).backward()
    scalar_of(-1 / x).backward()
    assert np.isnan(x.grad).all()
    x = kind(0.0)
    scalar_of(1 / x + -1 / x).backward()
    assert np.isnan(x.grad).all()


def test_each_gradient_has_its_input_s_dtype():
    """float32 and float64 inputs of one operation: float64 result, a gradient each in its own dtype, interior nodes too."""
    x, y = ag.Tensor(f32(1.0, 2.0)), ag.Tensor([3.0, 4.0])
    inner = x * 2.0
    out = (inner * y).sum()
    out.backward()
    assert (inner.dtype, out.dtype) == (np.float32, np.float64)
    assert (x.grad.dtype, inner.grad.dtype, y.grad.dtype, out.grad.dtype) == (
        np.float32,
        np.float32,
        np.float64,
        np.float64,
    )
    for create_graph in (False, True):
        assert [g.dtype for g in ag.gradients(out, [x, y], create_graph=create_graph)] == [
            np.float32,
            np.float64,
        ]
    x.grad = None
    out.backward()
    out.backward()
    assert x.grad.dtype == np.float32


def test_value_in_a_float32_computation():
    """A Value is float64 and so is its gradient; the Tensor's stays float32."""
    x, v = ag.Tensor(f32(1.0, 2.0)), ag.Value(3.0)
    (x * v).sum().backward()
    assert x.grad.dtype == np.float32
    assert type(v.grad) is float
    assert v.grad == 3.0


@pytest.mark.parametrize("name", UNARY)
@pytest.mark.parametrize("shape", [(), (5,)], ids=["0-d", "array"])
def test_functions_keep_float32(name, shape):
    """Every elementwise function gives float32 for float32, and so do its first and second derivative."""
    x = ag.Tensor(np.full(shape, 1.25 if name == "arccosh" else 0.25, np.float32))
    y = getattr(ag, name)(x)
    assert y.dtype == np.float32
    (slope,) = ag.gradients(scalar_of(y), [x], create_graph=True)
    assert slope.dtype == np.float32
    if slope.requires_grad:
        (second,) = ag.gradients(scalar_of(slope), [x], create_graph=True, allow_unused=True)
        assert second.dtype == np.float32
    x64 = ag.Tensor(x.data.astype(float))
    y64 = getattr(ag, name)(x64)
    assert_same(y.data, y64.data, "value", eps=EPS32, ulps=16)
    assert_same(slope.data, ag.gradients(scalar_of(y64), x64), "slope", eps=EPS32, ulps=16)


REDUCTIONS = {
    "sum": ag.sum, "mean": ag.mean, "var": ag.var, "std": ag.std, "prod": ag.prod, "max": ag.max, "min": ag.min, "norm": ag.norm,
    "norm1": lambda x: ag.norm(x, 1, axis=0), "norm3": lambda x: ag.norm(x, 3, axis=1), "logsumexp": ag.logsumexp, "softmax": ag.softmax,
    "log_softmax": ag.log_softmax, "cumsum": ag.cumsum, "cumprod": ag.cumprod, "sort": ag.sort, "linear": lambda x: ag.linear(x, x.T, 1.0),
    "matmul": lambda x: x @ x.T, "einsum": lambda x: ag.einsum("ij,kj->ik", x, x), "trace": ag.trace, "reshape": lambda x: x.reshape(-1),
    "index": lambda x: x[[0, 0]], "stack": lambda x: ag.stack([x, x]), "concatenate": lambda x: ag.concatenate([x, x]),
    "pad": lambda x: ag.pad(x, 1), "where": lambda x: ag.where(x > 1, x, 0.0), "clip": lambda x: ag.clip(x, 0.0, 1.5),
    "cross_entropy": lambda x: nn.cross_entropy(x, np.array([0, 2])), "mse": lambda x: nn.mse(x, x.detach() * 2.0),
    "inv": lambda x: ag.inv(x[:, :2]), "det": lambda x: ag.det(x[:, :2]), "index_update": lambda x: ag.index_update(x, 0, 1.0),
}  # fmt: skip


@pytest.mark.parametrize("name", REDUCTIONS)
def test_array_functions_keep_float32(name):
    """Reductions, products, shapes and losses too, to second order."""
    x = ag.Tensor(f32([1.0, 2.0, 3.0], [5.0, 4.0, 0.5]))
    y = REDUCTIONS[name](x)
    assert y.dtype == np.float32
    (slope,) = ag.gradients((y * y).sum(), [x], create_graph=True)
    assert slope.dtype == np.float32
    (second,) = ag.gradients((slope * slope).sum(), [x], create_graph=True, allow_unused=True)
    assert second.dtype == np.float32


@pytest.mark.parametrize(
    "data", [3, True, [1, 2], [True, False], np.int8(3), np.arange(3, dtype="u2"), np.bool_(True)], ids=repr
)
def test_integers_and_booleans_become_float64(data):
    """Whole numbers can be differentiated by: they are float64 once wrapped, as a Tensor and, one alone, as a Value."""
    assert ag.Tensor(data).dtype == np.float64
    if np.ndim(data) == 0:
        assert type(ag.Value(data).data) is float


@pytest.mark.parametrize("kind", ["float16", "longdouble", "complex64", "complex128"])
def test_other_dtypes_are_refused(kind):
    """float16, longdouble and complex: DTypeError, a TypeError, that says what to give instead."""
    advice = r"\.real|real numbers" if kind.startswith("complex") else "float32(, | and )float64"
    for make in (
        lambda: ag.Tensor(np.ones(2, kind)),
        lambda: ag.Tensor(np.ones((), kind)[()]),
        lambda: ag.Value(np.ones((), kind)[()]),
    ):
        with pytest.raises(ag.DTypeError, match=advice) as caught:
            make()
        assert isinstance(caught.value, TypeError)


@pytest.mark.parametrize("dtype", [">f8", ">f4"])
def test_byte_order_is_no_dtype(dtype):
    """Big-endian data are accepted, in their width, in the machine's own order."""
    x = ag.Tensor(np.array([1.0, 2.0], dtype))
    assert x.dtype == np.dtype(dtype).newbyteorder("=")
    (x * 2).sum().backward()
    np.testing.assert_array_equal(x.grad, [2.0, 2.0])
