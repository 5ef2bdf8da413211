"""A function that mixes elements or samples is refused however different their derivatives are in size; one that does not is taken."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_mini as ag
from tests.right.orders import near

MIXING: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "a large one beside a roll": (lambda x: ag.exp(x) + ag.roll(x, 1), [20.0, 0.0, 0.0]),
    "two large ones": (lambda x: ag.exp(x) + ag.roll(x, 1), [20.0, 30.0, 0.0, 1.0]),
    "a sum of all": (lambda x: x**9 + 1e-3 * ag.sum(x), [100.0, 0.1, 0.2]),
    "a small coupling": (lambda x: x**3 + 1e-2 * ag.flip(x, 0), [1e6, 1.0, 2.0, 3.0]),
    "one pair": (lambda x: ag.index_update(1e12 * x, 1, x[1] + x[2]), [1.0, 2.0, 3.0]),
    "a tiny place": (lambda x: x * np.array([1.0, 1e-9, 1e-9]) + 1e-10 * ag.roll(x, -1), [1.0, 2.0, 3.0]),
    "the mean": (lambda x: 1e10 * x**2 - ag.mean(x), [1e5, 0.0, 0.0]),
    "a running sum": (lambda x: ag.exp(5.0 * x) + ag.cumsum(x), [6.0, 0.0, 1.0]),
    "nothing of its own": (lambda x: ag.roll(x, 1) + 1e9 * x * np.array([1.0, 0.0, 0.0]), [1.0, 2.0, 3.0]),
    "a zero own slope": (lambda x: x**2 * 1e8 + ag.flip(x, 0), [3.0, 0.0, 1.0]),
}
APART: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "exp": (ag.exp, [20.0, 0.0, -20.0, 300.0]),
    "powers": (lambda x: x**7, [1e5, 1.0, 1e-5]),
    "weights": (lambda x: x * np.array([1e12, 1.0, 1e-12]), [1.0, 2.0, 3.0]),
    "cancellation": (lambda x: (x + 1e8) - 1e8 + ag.sin(1e6 * x) / 1e6, [1.0, 2.0, 3.0]),
    "a root near 0": (ag.sqrt, [1e-30, 1.0, 1e30]),
    "a zero slope": (lambda x: x**2, [0.0, 1e8, 1.0]),
    "softplus": (ag.softplus, [-700.0, 0.0, 700.0]),
    "a constant": (lambda x: x * 0.0, [1.0, 2.0]),
}


def parametrised(cases: dict[str, tuple[Any, Any]]) -> list[Any]:
    return [pytest.param(*case, id=name) for name, case in cases.items()]


@pytest.mark.parametrize(("f", "x"), parametrised(MIXING))
def test_a_derivative_of_mixed_elements_is_refused(f: Any, x: Any) -> None:
    with pytest.raises(ag.GraphError, match="mixes the elements"):
        ag.derivative(f)(np.array(x))


@pytest.mark.parametrize(("f", "x"), parametrised(MIXING))
def test_a_second_derivative_of_mixed_elements_is_refused(f: Any, x: Any) -> None:
    """Products of all elements with all others show at the second order only."""
    with pytest.raises(ag.GraphError, match="mixes the elements"):
        ag.derivative(lambda x: f(x) * f(x), order=2)(np.array(x))


@pytest.mark.parametrize(("f", "x"), parametrised(MIXING))
@pytest.mark.parametrize("outputs", [1, 2])
def test_a_batch_jacobian_of_mixed_samples_is_refused(f: Any, x: Any, outputs: int) -> None:
    with pytest.raises(ag.GraphError, match="or the samples"):
        ag.batch_jacobian(lambda X: ag.stack([f(X[:, 0])] * outputs, 1), np.array(x)[:, None])


@pytest.mark.parametrize(("f", "x"), parametrised(MIXING))
def test_a_batch_hessian_of_mixed_samples_is_refused(f: Any, x: Any) -> None:
    with pytest.raises(ag.GraphError, match="or the samples"):
        ag.batch_hessian(lambda X: f(X[:, 0]) * X[:, 1], np.column_stack([x, np.ones(len(x))]))


@pytest.mark.parametrize(("f", "x"), parametrised(APART))
@pytest.mark.parametrize("order", [1, 2])
def test_elements_apart_have_their_derivatives(f: Any, x: Any, order: int) -> None:
    """The same as one by one, whatever their sizes."""
    near(
        ag.derivative(f, order)(np.array(x)),
        [ag.derivative(lambda v, i=i: _alone(f, x, i, v), order)(x[i]) for i in range(len(x))],
        1e-11,
    )


def _alone(f: Any, x: Any, i: int, v: Any) -> Any:
    """f with all but one element held."""
    return ag.to_value(f(ag.index_update(ag.Tensor(np.array(x), requires_grad=False), i, v)), i)


@pytest.mark.parametrize(("f", "x"), parametrised(APART))
def test_samples_apart_have_their_jacobians(f: Any, x: Any) -> None:
    X = np.column_stack([x, x])
    slopes = ag.derivative(f)(np.array(x))
    got = (
        ag.batch_jacobian(lambda X: f(X.reshape(-1)).reshape(X.shape), X)
        if "weights" not in str(f) and np.size(x) != 3
        else None
    )
    if got is not None:
        near(got[:, 0, 0], slopes, 1e-11)
        near(got[:, 0, 1], np.zeros(len(x)))


@pytest.mark.parametrize("scale", [1.0, 1e6, 1e-6])
def test_a_network_of_samples_of_all_sizes_is_taken(scale: float) -> None:
    """Matrix products round differently from row to row; that is no mixing."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(33, 5)) * scale * 10.0 ** rng.integers(-6, 6, (33, 1))
    for activation in ("tanh", "relu", "gelu"):
        net = ag.nn.MLP([5, 17, 3], activation=activation, rng=0)
        got = ag.batch_jacobian(net, X)
        near(got[7], ag.jacobian(net)(X[7]), 1e-9)
        ag.batch_hessian(net, X)


def test_batch_normalisation_is_noticed_at_every_scale() -> None:
    for scale in (1e-6, 1.0, 1e6):
        X = (
            np.random.default_rng(1).normal(size=(6, 2))
            * scale
            * np.array([[1e4], [1.0], [1.0], [1.0], [1.0], [1.0]])
        )
        with pytest.raises(ag.GraphError, match="or the samples"):
            ag.batch_jacobian(lambda X: X - ag.mean(X, 0), X)
