"""compile: what is replayed is what the engine gives, on numbers other than those recorded."""

import functools

import numpy as np
import pytest

import autograd_mini as ag
from tests.helpers.table import F
from tests.samples import SAMPLES, kinds

CASES = [
    pytest.param(sample, kind, dtype, id=f"{kind}-{dtype}-{sample}")
    for sample in SAMPLES
    for kind in kinds(sample)
    for dtype in ("float64", "float32")
    if dtype == "float64" or (kind == "Tensor" and sample.float32)
]


def bits(x):
    """Dtype, shape and bytes of an array; NaN is one number."""
    x = np.array(x)
    if x.dtype.kind == "f":
        x[np.isnan(x)] = np.nan
    return x.dtype.str, x.shape, x.tobytes()


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


@pytest.mark.parametrize(("sample", "kind", "dtype"), CASES)
def test_every_row_is_replayed_to_the_bit_on_other_numbers(sample, kind, dtype):
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
    if sample.row == "logabsdet" and not run_or_refused(
        run, [first[i] for i in variable]
    ):  # slogdet's sign is a plain number
        with pytest.raises(
            ag.CompileError, match=r"slogdet of Tensor would be frozen.*Line \d+ of samples.py"
        ):
            run(*[first[i] for i in variable])
        return
    for turn in range(4):
        given = [drawn(turn)[i] for i in variable]
        found = run(*given)
        operands = list(first)
        for i, x in zip(variable, given, strict=True):
            operands[i] = make(x)
        for mine, theirs in zip(found, f(operands), strict=True):
            assert bits(mine) == bits(theirs.data)
    assert [len(versions) for versions in run.versions.values()] == [1]
