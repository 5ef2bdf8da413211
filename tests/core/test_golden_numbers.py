"""tests/core/golden.npz is what tests/core/make_golden.py writes: of every sample, of no other, and PyTorch's numbers of today."""

from itertools import chain

import numpy as np
import pytest

from tests.core import golden
from tests.core.make_golden import by_torch, mask_by_torch
from tests.core.test_table import CASES, MASKS, ORDERS, Levels, agree, turns
from tests.helpers.numbers import within_ulps
from tests.helpers.peers import torch as torch
from tests.samples import kinds


def test_every_case_has_numbers_and_none_is_left_over():
    """A sample that was added, renamed or taken away without the file being made anew fails here."""
    draws = [(*case.values, turn) for case in CASES for turn in turns(*case.values)]
    draws += [
        (sample, kind, turn) for sample in MASKS for kind in kinds(sample) for turn in turns(sample, kind)
    ]
    assert {golden.name_of(*draw) for draw in draws} == set(golden.contents())


@pytest.mark.slow(keep=0.05)
@pytest.mark.parametrize(("sample", "kind"), CASES)
def test_the_numbers_are_those_of_pytorch(sample, kind):
    """What PyTorch gives now is what stands in the file, to a relative 1e-12."""
    for turn in turns(sample, kind):
        levels = Levels(sample, kind, turn)
        kept, now = levels.by_torch(), by_torch(levels)
        agree(kept.out, now.out, 1e-13, levels.name)
        assert len(kept.grads) == len(now.grads) == ORDERS
        for ours, theirs in zip(chain(*kept.grads), chain(*now.grads), strict=True):
            agree(ours, theirs, 1e-12, levels.name)


@pytest.mark.parametrize("sample", MASKS, ids=str)
def test_the_values_of_masks_are_those_of_pytorch(sample):
    """The same for rows without a derivative, to the bit."""
    for kind in kinds(sample):
        operands = sample.draw(kind, 0)
        kept = golden.numbers_of(golden.name_of(sample, kind, 0), operands, [], 0).out
        assert within_ulps(kept, mask_by_torch(sample, operands).out, 0)


def test_other_draws_and_other_names_are_refused_with_what_to_run():
    """Numbers of other operands are never taken for those of these ones."""
    levels = Levels(*CASES[0].values, 0)
    drawn = levels.drawn
    assert len(golden.numbers_of(levels.name, drawn, levels.point, ORDERS).grads) == ORDERS
    drawn[0] = np.nextafter(drawn[0], np.inf)
    with pytest.raises(LookupError, match=r"of other draws: run `python -m tests\.core\.make_golden`"):
        golden.numbers_of(levels.name, drawn, levels.point, ORDERS)
    with pytest.raises(LookupError, match=r"planted has no golden numbers: run `python -m tests"):
        golden.numbers_of("planted", drawn, levels.point, ORDERS)
