"""PyTorch's numbers for the whole table, from tests/core/golden.npz: outputs and gradients of orders 1 to 3, float64.

`python -m tests.core.make_golden` computes them (that needs PyTorch) and writes the file. It holds, for each case of tests/samples.py:

    names         the case: kind, sample and turn
    fingerprints  a checksum of everything that was drawn for it, so that numbers for other draws are not taken for wrong ones
    shapes        the shape of the output
    starts        where the case begins in `numbers`, and at the end the length of it
    numbers       the output, then the gradients of order 1, of order 2, of order 3, one variable after another
"""

import functools
import itertools
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

FILE = Path(__file__).with_name("golden.npz")
ANEW = "run `python -m tests.core.make_golden`, which needs PyTorch"


class Numbers(NamedTuple):
    """What PyTorch gives for one draw: the output, and for each order the gradient of each variable."""

    out: np.ndarray
    grads: list[list[np.ndarray]]


def name_of(sample: Any, kind: str, turn: int) -> str:
    """The name of a case in the file."""
    return f"{kind}-{sample}-{turn}"


def fingerprint(arrays: Iterable[Any]) -> int:
    """A checksum of the shapes and bits of these arrays.

    >>> fingerprint([np.zeros(2)]) == fingerprint([np.zeros((2, 1))])
    False
    """
    found = 0
    for a in map(np.asarray, arrays):
        found = zlib.crc32(a.tobytes(), zlib.crc32(f"{a.dtype} {a.shape}".encode(), found))
    return found


@functools.cache
def contents() -> dict[str, tuple[int, tuple[int, ...], np.ndarray]]:
    """The file: for each case the fingerprint, the shape of the output and the numbers."""
    with np.load(FILE, allow_pickle=False) as file:
        names, marks, shapes, starts, numbers = (
            file[part] for part in ("names", "fingerprints", "shapes", "starts", "numbers")
        )
    parts = np.split(numbers, starts[1:-1])
    sizes = [tuple(map(int, shape.split())) for shape in shapes.tolist()]
    return {
        name: (mark, shape, part)
        for name, mark, shape, part in zip(names.tolist(), marks.tolist(), sizes, parts, strict=True)
    }


def numbers_of(name: str, drawn: Iterable[Any], variables: list[np.ndarray], orders: int) -> Numbers:
    """PyTorch's numbers for a case.

    Args:
        name: The case, by `name_of`.
        drawn: Everything that was drawn for it.
        variables: What is differentiated: their shapes are those of the gradients.
        orders: How many orders of gradients there are.
    """
    mark, shape, numbers = contents().get(name, (None, (), np.zeros(0)))
    if mark is None:
        raise LookupError(f"{name} has no golden numbers: {ANEW}")
    if mark != fingerprint(drawn):
        raise LookupError(f"{name}: the golden numbers are of other draws: {ANEW}")
    sizes = [shape] + [x.shape for _ in range(orders) for x in variables]
    ends = np.cumsum([int(np.prod(size)) for size in sizes])
    assert ends[-1] == numbers.size, f"{name}: {numbers.size} golden numbers where {ends[-1]} should be"
    arrays = [part.reshape(size) for part, size in zip(np.split(numbers, ends[:-1]), sizes, strict=True)]
    count = len(variables)
    return Numbers(arrays[0], [arrays[1 + i * count : 1 + (i + 1) * count] for i in range(orders)])


def write(cases: dict[str, tuple[int, Numbers]]) -> None:
    """Write the file: for each case its fingerprint and its numbers."""
    flat = []
    for _, found in cases.values():
        arrays = [found.out, *itertools.chain.from_iterable(found.grads)]
        flat.append(np.concatenate([np.ravel(a) for a in arrays]))
    np.savez_compressed(
        FILE,
        names=np.array(list(cases)),
        fingerprints=np.array([mark for mark, _ in cases.values()], np.uint32),
        shapes=np.array([" ".join(map(str, found.out.shape)) for _, found in cases.values()]),
        starts=np.cumsum([0, *(part.size for part in flat)]),
        numbers=np.concatenate(flat).astype(np.float64),
    )
