"""How anything here is timed: contenders in turn, round by round, and the median of the per-round ratios.

Machines are shared and noisy. A slow second hits every contender of its round alike, so the ratio taken inside a round
is steadier than a ratio of two times, and the median over rounds drops the rounds in which only one was hit.

The clock is the processor time of the process, all its threads and the kernel's work for it included. Everything here
runs on one thread, so on a quiet machine this is the time on the wall. On a shared one the wall also counts the time in
which somebody else had the processor: measured so, the same step took 85 to 340 µs, and by processor time 85 to 95.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

Name = TypeVar("Name")


@dataclass(frozen=True)
class Effort:
    """How much to measure. `QUICK` runs every case once and proves only that it runs and that the results agree."""

    rounds: int
    step_rounds: int  # rounds of the cases that take microseconds, where more are cheap
    warmups: int
    seconds: float  # a round lasts at least this long
    quick: bool = False


FULL = Effort(rounds=9, step_rounds=25, warmups=1, seconds=0.03)
QUICK = Effort(rounds=1, step_rounds=1, warmups=0, seconds=0.0, quick=True)


class Disagreement(AssertionError):
    """Two contenders do not compute the same numbers, so their times must not be compared."""


def agree(who: str, got: Sequence[Any], expected: Sequence[Any], rtol: float) -> None:
    """Raise `Disagreement` unless each array of `got` is within `rtol` of `expected`, relative to its largest entry."""
    if len(got) != len(expected):
        raise Disagreement(f"{who}: {len(got)} results where {len(expected)} were expected")
    for position, (mine, theirs) in enumerate(zip(got, expected, strict=True)):
        a, b = np.asarray(mine, dtype=np.float64), np.asarray(theirs, dtype=np.float64)
        if a.shape != b.shape:
            raise Disagreement(f"{who}: result {position} has shape {a.shape}, expected {b.shape}")
        error = float(np.max(np.abs(a - b), initial=0.0) / max(float(np.max(np.abs(b), initial=0.0)), 1e-300))
        if not error <= rtol:  # also true of nan
            raise Disagreement(
                f"{who}: result {position} differs by {error:.1e} of its size, allowed {rtol:.0e}"
            )


def seconds_per_call(work: Callable[[], object], calls: int) -> float:
    """Seconds of processor time that one call of `work` takes, timed over `calls` of them."""
    start = time.process_time()
    for _ in range(calls):
        work()
    return (time.process_time() - start) / calls


def calls_needed(seconds_each: float, seconds: float) -> int:
    """Calls that fill a round of at least `seconds`, and a quarter more for safety; one when `seconds` is zero."""
    return max(1, int(1.25 * seconds / max(seconds_each, 1e-9)) + 1) if seconds else 1


def calls_to_fill(work: Callable[[], object], seconds: float) -> int:
    """The same, found by trying; `work` has been called some times by then, and so is warm."""
    if not seconds:
        return 1
    calls = 1
    while (each := seconds_per_call(work, calls)) * calls < seconds / 4:
        calls *= 2
    return calls_needed(each, seconds)


def interleave(
    rounds: Mapping[Name, Callable[[], float]], count: int, warmups: int
) -> dict[Name, list[float]]:
    """For each contender its time in each of `count` rounds: A B C, A B C, …, after `warmups` rounds that are dropped.

    Each callable runs one round of its contender and returns seconds a unit of work.
    """
    times: dict[Name, list[float]] = {name: [] for name in rounds}
    for number in range(warmups + count):
        for name, run in rounds.items():
            elapsed = run()
            if number >= warmups:
                times[name].append(elapsed)
    return times


def collected(work: Callable[[], object], calls: int) -> Callable[[], float]:
    """A round of `work` that starts with earlier rounds' garbage (another contender's cycles) already collected."""

    def run() -> float:
        gc.collect()
        return seconds_per_call(work, calls)

    return run


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Ours over theirs, round by round."""
    return [a / b for a, b in zip(ours, theirs, strict=True)]


def quartiles(values: Sequence[float]) -> tuple[float, float]:
    """The lower and upper quartile: how far to trust a median."""
    if len(values) < 2:
        return values[0], values[0]
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, high
