"""Write tests/core/golden.npz anew: PyTorch's outputs and gradients, orders 1 to 3, for every sample of tests/samples.py.

    python -m tests.core.make_golden

To be run after a sample was added, renamed or changed. What it writes is compared with the engine by tests/core/test_table.py.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from tests.core import golden
from tests.core.golden import Numbers
from tests.core.test_table import MASKS, ORDERS, SMOOTH, Levels, turns
from tests.helpers.peers import torch
from tests.samples import Sample, kinds


def by_torch(levels: Levels) -> Numbers:
    """The output and the gradients of every order, by PyTorch's own nested gradients."""
    operands = [torch.from_numpy(np.array(x)) for x in levels.operands]
    variables = [operands[i].double().requires_grad_() for i in levels.sample.wrt]
    for i, x in zip(levels.sample.wrt, variables, strict=True):
        operands[i] = x
    w = torch.from_numpy(np.array(levels.point[-1])).requires_grad_()
    variables.append(w)
    out = levels.sample.torch(*operands)
    level, found = (out * w).sum(), []
    for weights in levels.weights:
        grads = torch.autograd.grad(
            level, variables, create_graph=True, allow_unused=True, materialize_grads=True
        )
        found.append([g.numpy(force=True) for g in grads])
        level = sum((g * torch.from_numpy(np.array(u))).sum() for g, u in zip(grads, weights, strict=True))
        if not level.requires_grad:
            level = level + 0.0 * w.sum()
    assert len(found) == ORDERS
    return Numbers(out.numpy(force=True), found)


def mask_by_torch(sample: Sample, operands: list[Any]) -> Numbers:
    """The output of a row without a derivative."""
    return Numbers(sample.torch(*(torch.from_numpy(np.array(x)) for x in operands)).numpy(), [])


def cases() -> Iterator[tuple[str, int, Numbers]]:
    """Every case: its name, its fingerprint and PyTorch's numbers."""
    for sample in SMOOTH:
        for kind in kinds(sample):
            for turn in turns(sample, kind):
                levels = Levels(sample, kind, turn)
                yield levels.name, golden.fingerprint(levels.drawn), by_torch(levels)
    for sample in MASKS:
        for kind in kinds(sample):
            for turn in turns(sample, kind):
                operands = sample.draw(kind, turn)
                name = golden.name_of(sample, kind, turn)
                yield name, golden.fingerprint(operands), mask_by_torch(sample, operands)


if __name__ == "__main__":
    torch.module()
    golden.write({name: (mark, found) for name, mark, found in cases()})
    print(f"{len(golden.contents())} cases, {golden.FILE.stat().st_size / 1e6:.1f} MB")
