"""Every row of the table read by PyTorch and by JAX: its forward, its rule, and their own derivative of its forward.

It checks the rows with code that is not ours: a rule is held against the same rule in another library, and against what that
library's own differentiation makes of the row's forward. Where JAX is not installed, its part is skipped.
"""

import functools
import importlib.util
from typing import Any

import numpy as np
import pytest

import autograd_mini as ag
from autograd_mini.core.engine import toposort
from autograd_mini.core.readings import ARRAYS
from autograd_mini.support.modes import keep_constants
from autograd_mini.support.quiet import quietly
from tests.core import foreign
from tests.helpers.table import TABLE, F
from tests.samples import SAMPLES, reaches

RTOL = 1e-9
UP_TO_SIGNS = ("eigen", "singular")  # of their vectors, which a library is free to choose
NOT_IN_TORCH = {
    "backwards": "its slices have no negative steps",
    "unsigned": "an array of unsigned integers is a mask to it",
    "GETITEM-a_number": "a number has no axis to take an index of",
    "array_apart": "it puts the axis of indices that stand apart elsewhere",
}
CASES = [pytest.param(sample, id=str(sample)) for sample in SAMPLES if sample.tensor]


@functools.cache
def reading(name: str) -> Any:
    """PyTorch's or JAX's; the test is skipped where that is not installed."""
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed")
    if name == "jax":
        import jax

        jax.config.update("jax_enable_x64", True)
        jax.config.update("jax_platforms", "cpu")
    return getattr(foreign, f"by_{name}")()


def nodes_of(sample: Any) -> list[Any]:
    """The nodes that a sample's call makes, constants among them; each stands for a row on operands."""
    operands = sample.draw("Tensor")
    with keep_constants():
        given = [ag.Tensor(x) if i in sample.wrt else x for i, x in enumerate(operands)]
        out = sample.call(F, *given)
    made = [node for node in toposort(out, constants=True) if node.op is not None]
    return [node for node in made if all(parent.size for parent in node.parents)]  # what is empty is left out


def agree(got: Any, wanted: Any, what: str) -> None:
    wanted = np.asarray(wanted, float)
    got = np.asarray(got, float)
    assert got.shape == wanted.shape, f"{what}: shape {got.shape}, should be {wanted.shape}"
    np.testing.assert_allclose(
        got, wanted, rtol=RTOL, atol=RTOL * (1 + np.nanmax(np.abs(wanted), initial=0)), err_msg=what
    )


def summed(share: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A share as the engine takes it: summed to the parent's shape."""
    for axis in range(share.ndim - len(shape)):
        del axis
        share = share.sum(0)
    lost = tuple(i for i, n in enumerate(shape) if n == 1 and share.shape[i] != 1)
    return np.broadcast_to(share.sum(lost, keepdims=True), shape)


def is_variable(data: np.ndarray) -> bool:
    return data.dtype.kind == "f"


def checked(node: Any, name: str, is_jitted: bool = False) -> None:
    """Hold one node's row against its readings by another library."""
    other, op = reading(name), node.op
    operands = [np.asarray(parent.data) for parent in node.parents]
    wrapped = [other.wrap(x) for x in operands]
    forward = functools.partial(op.forward, other.xp)
    rule = functools.partial(op.shares, other)
    wanted = [is_variable(x) for x in operands]
    places = [i for i, want in enumerate(wanted) if want]
    g = np.random.default_rng(0).uniform(0.5, 1.5, node.shape)

    def shares(g: Any, out: Any, *xs: Any) -> list[Any]:
        found = rule(g, out, xs, wanted)
        return [found[i] for i in places]

    if is_jitted:
        import jax

        forward, shares = jax.jit(forward), jax.jit(shares)
    out = forward(*wrapped)
    form = np.abs if op.name in UP_TO_SIGNS else np.asarray
    agree(form(other.plain(out)), form(node.data), f"{op.name}: forward")
    if not op.has_derivative:
        return
    ours = quietly(op.shares, ARRAYS, g, np.asarray(node.data), operands, wanted)
    theirs = shares(other.wrap(g), other.wrap(np.asarray(node.data)), *wrapped)
    own = derivative(name, forward, wrapped, places, other.wrap(g))
    for i, by_rule, by_them in zip(places, theirs, own, strict=True):
        shape, what = operands[i].shape, f"{op.name}, operand {i}"
        mine = summed(np.asarray(ours[i]), shape)
        agree(summed(other.plain(by_rule), shape), mine, f"{what}: our rule by {name}")
        if op.name not in UP_TO_SIGNS:
            agree(other.plain(by_them), mine, f"{what}: {name}'s own derivative")


def derivative(name: str, forward: Any, operands: list[Any], places: list[int], g: Any) -> list[Any]:
    """The library's own vjp of a function."""
    if name == "jax":
        import jax

        def of_places(*xs: Any) -> Any:
            given = list(operands)
            for i, x in zip(places, xs, strict=True):
                given[i] = x
            return forward(*given)

        return list(jax.vjp(of_places, *[operands[i] for i in places])[1](g))
    import torch

    given = [x.clone().requires_grad_(i in places) for i, x in enumerate(operands)]
    found = torch.autograd.grad(forward(*given), [given[i] for i in places], g, allow_unused=True)
    return [torch.zeros_like(operands[i]) if x is None else x for i, x in zip(places, found, strict=True)]


@pytest.mark.filterwarnings("ignore:__array_wrap__:DeprecationWarning")  # an array beside a tensor
@pytest.mark.parametrize("sample", CASES)
def test_rows_by_torch(sample):
    """Forward, rule, and PyTorch's own derivative of the forward."""
    for word, why in NOT_IN_TORCH.items():
        if word in str(sample):
            pytest.skip(f"PyTorch: {why}")
    for node in nodes_of(sample):
        checked(node, "torch")


@pytest.mark.slow(keep=0.01)
@pytest.mark.parametrize("sample", CASES)
def test_rows_by_jax(sample):
    """Forward, rule, and JAX's own derivative of the forward; and the same under jit."""
    for node in nodes_of(sample):
        checked(node, "jax")
        checked(node, "jax", is_jitted=True)


def test_every_row_is_among_them():
    """Each row of the table is a node of some sample."""
    seen = [node.op for param in CASES for node in nodes_of(param.values[0])]
    missing = [name for name in TABLE if not any(reaches(name, op) for op in seen)]
    assert missing == []


def test_a_wrong_rule_is_noticed():
    """A row whose rule is off by a factor fails the test."""
    wrong = ag.Op("wrong", lambda xp, x: xp.sin(x), (lambda xp, g, out, x: 1.001 * g * xp.cos(x),))
    with pytest.raises(AssertionError, match="own derivative"):
        checked(wrong(ag.Tensor([0.3, 1.0])), "torch")
