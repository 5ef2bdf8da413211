"""Rows of figures, each with its target; how they are printed, kept in a file, and shown in README."""

from __future__ import annotations

import datetime
import json
import os
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.harness import quartiles, ratios

RESULTS = Path(__file__).resolve().parent / "results"


@dataclass(frozen=True)
class Target:
    """A bound that a row must keep; `text` is how the bound is written, e.g. "≤ 1/8, aim 1/12"."""

    limit: float
    text: str


@dataclass(frozen=True)
class Row:
    """One comparison. `value` is what the target bounds: a ratio ours/peer, or ours itself where there is no peer."""

    work: str
    ours: str  # how our side is called
    peer: str  # whom it is compared with; "" when with nobody
    unit: str  # of the two figures: "s" or "B"
    our_figure: float
    peer_figure: float | None
    ratio: float | None  # the median of the per-round ratios
    quartiles: tuple[float, float] | None  # of those ratios
    rounds: int
    target: str
    limit: float | None
    met: bool | None  # None: no target, or nothing to compare with


def versus(
    work: str,
    ours: str,
    our_times: Sequence[float],
    peer: str,
    peer_times: Sequence[float],
    target: Target | None = None,
) -> Row:
    """A row that compares two contenders timed in the same rounds."""
    each = ratios(our_times, peer_times)
    ratio = statistics.median(each)
    return Row(
        work=work,
        ours=ours,
        peer=peer,
        unit="s",
        our_figure=statistics.median(our_times),
        peer_figure=statistics.median(peer_times),
        ratio=ratio,
        quartiles=quartiles(each),
        rounds=len(each),
        target=target.text if target else "",
        limit=target.limit if target else None,
        met=ratio <= target.limit if target else None,
    )


def alone(
    work: str, ours: str, figure: float, unit: str, rounds: int = 1, target: Target | None = None
) -> Row:
    """A row of one figure with nobody beside it."""
    met = figure <= target.limit if target else None
    text, limit = (target.text, target.limit) if target else ("", None)
    return Row(work, ours, "", unit, figure, None, None, None, rounds, text, limit, met)


def figure(value: float | None, unit: str) -> str:
    """The figure with a unit fit for its size: `figure(0.00132, "s")` is `"1.32 ms"`."""
    if value is None:
        return ""
    if unit == "B":
        return f"{value:.0f} B"
    for size, name in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if value >= size:
            return f"{value / size:.3g} {name}"
    return f"{value / 1e-9:.3g} ns"


def fraction(ratio: float | None) -> str:
    """The ratio, small ones as the targets write them: `fraction(0.08)` is `"0.080 = 1/12.5"`."""
    if ratio is None:
        return ""
    return f"{ratio:.3f} = 1/{1 / ratio:.1f}" if ratio < 0.3 else f"{ratio:.2f}"


def verdict(row: Row) -> str:
    """Yes, no, or nothing where there is no target."""
    return {True: "yes", False: "no", None: ""}[row.met]


HEADER = ("work", "ours", "time", "peer", "its time", "ours / peer", "target", "met")


def cells(row: Row) -> tuple[str, ...]:
    """The row as text, under `HEADER`."""
    times = figure(row.our_figure, row.unit), figure(row.peer_figure, row.unit)
    return row.work, row.ours, times[0], row.peer, times[1], fraction(row.ratio), row.target, verdict(row)


def plain(rows: Sequence[Row]) -> str:
    """The rows as aligned text for a terminal."""
    lines = [HEADER, *map(cells, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADER))]
    padded = ([cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in lines)
    return "\n".join("  ".join(line).rstrip() for line in padded)


def missed(rows: Sequence[Row]) -> str:
    """One line: how many targets there are, and how many are met."""
    judged = [row for row in rows if row.met is not None]
    return f"{sum(bool(row.met) for row in judged)} of {len(judged)} targets met"


def write(suite: str, rows: Sequence[Row], machine: dict[str, Any], left_out: list[str]) -> Path:
    """Write `results/SUITE.json`, the whole of it or nothing, and return its path."""
    content = {
        "suite": suite,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        **machine,
        "left_out": left_out,
        "rows": [asdict(row) for row in rows],
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{suite}.json"
    handle, temporary = tempfile.mkstemp(dir=RESULTS, prefix=f".{suite}", suffix=".json")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=1, ensure_ascii=False)
            file.write("\n")
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    return path


def markdown(path: Path, targets_only: bool = False) -> str:
    """The results file as a Markdown table, of all rows or those with a target, below what it was measured on."""
    content = json.loads(path.read_text(encoding="utf-8"))
    rows = [Row(**row) for row in content["rows"]]
    versions = ", ".join(f"{name} {version}" for name, version in content["versions"].items())
    left_out = f"; not installed, left out: {', '.join(content['left_out'])}" if content["left_out"] else ""
    machine = f"{content['date']}, {content['processor']}, one thread, processor time; {versions}{left_out}"
    top = f"## {path.stem}\n\nMeasured on {machine}. {missed(rows)}."
    shown = [row for row in rows if row.target or not targets_only]
    lines = [HEADER, ("---",) * len(HEADER), *map(cells, shown)]
    return top + "\n\n" + "\n".join("| " + " | ".join(line) + " |" for line in lines)
