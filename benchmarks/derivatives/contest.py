"""Several ways to one array, held to the right answer and then timed against each other, all in one process."""

from __future__ import annotations

import gc
import statistics
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from benchmarks.harness import Effort, agree, calls_to_fill, collected, interleave
from benchmarks.problems import Array
from benchmarks.report import Row, Target, alone, versus

Works = Mapping[str, Callable[[], Any]]  # label → what computes the array, as the library holds it


def times_of(works: Works, rounds: int, effort: Effort) -> dict[str, list[float]]:
    """Seconds a call of each in each round."""
    gc.collect()
    gc.freeze()  # what the imports left behind is nobody's cost
    try:
        calls = {label: calls_to_fill(work, effort.seconds) for label, work in works.items()}
        turns = {label: collected(work, calls[label]) for label, work in works.items()}
        return interleave(turns, rounds, effort.warmups)
    finally:
        gc.unfreeze()


def contest(
    title: str,
    ours: Works,
    peers: Works,
    expected: Array,
    rtol: float,
    targets: Mapping[tuple[str, str], Target],
    rounds: int,
    effort: Effort,
) -> list[Row]:
    """A row for each of our ways against each peer's, with the target set for that pair; ours alone without peers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a peer's deprecations are not ours
        for label, work in {**ours, **peers}.items():
            agree(f"{label}: {title}", [np.asarray(work())], [expected], rtol)
        times = times_of({**ours, **peers}, rounds, effort)
    if not peers:
        return [alone(title, label, statistics.median(times[label]), "s", rounds) for label in ours]
    return [
        versus(title, mine, times[mine], theirs, times[theirs], targets.get((mine, theirs)))
        for mine in ours
        for theirs in peers
    ]
