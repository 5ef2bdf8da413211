"""The ratios of every full run, kept with their commit in `results/history.jsonl`, and drawn over time."""

from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.report import RESULTS, Row, fraction

HISTORY, PICTURE = RESULTS / "history.jsonl", RESULTS / "history.svg"
NAMED = 6  # lines of a panel that have a colour and a name


def commit() -> str:
    """Return the short name of the commit that runs, with `+` where files were changed since; "" outside a checkout."""
    name = ["git", "describe", "--always", "--exclude=*", "--dirty=+"]
    try:
        found = subprocess.run(name, cwd=RESULTS.parent, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return found.stdout.strip()


def entry(content: dict[str, Any], commit: str) -> dict[str, Any]:
    """Return what is kept of a results file: where and when it was measured, and the ratio of each comparison."""
    rows = [Row(**row) for row in content["rows"]]
    ratios = {f"{row.work} · {row.ours} / {row.peer}": row.ratio for row in rows if row.ratio is not None}
    kept = {key: content[key] for key in ("suite", "date", "processor")}
    return {**kept, "commit": commit, "ratios": {name: round(ratio, 4) for name, ratio in ratios.items()}}


def append(content: dict[str, Any], commit: str, path: Path = HISTORY) -> None:
    """Add a run as one line; what stands there is not touched."""
    line = json.dumps(entry(content, commit), ensure_ascii=False)
    with path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def runs(path: Path = HISTORY) -> list[dict[str, Any]]:
    """Return all runs, the oldest first."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def courses(entries: Iterable[dict[str, Any]]) -> dict[str, dict[str, list[tuple[str, float]]]]:
    """Return, by suite and by comparison, the (date, ratio) of each run.

    >>> one = {"suite": "eager", "date": "2026-11-21", "commit": "a", "ratios": {"step · ours / torch": 0.8}}
    >>> courses([one])
    {'eager': {'step · ours / torch': [('2026-11-21', 0.8)]}}
    """
    found: dict[str, dict[str, list[tuple[str, float]]]] = {}
    for run in entries:
        for name, ratio in run["ratios"].items():
            found.setdefault(run["suite"], {}).setdefault(name, []).append((run["date"], ratio))
    return found


def table(entries: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield a line for each comparison: the first ratio, the last, and how one became the other."""
    for suite, comparisons in courses(entries).items():
        count = sum(run["suite"] == suite for run in entries)
        yield f"{suite}, {count} run{'' if count == 1 else 's'}; ours / peer, the first and the last time"
        for name, course in comparisons.items():
            (_, first), (_, last) = course[0], course[-1]
            yield f"   {fraction(first):>16s} → {fraction(last):16s} ({last / first - 1:+.0%})  {name}"
        yield ""


def draw(entries: Sequence[dict[str, Any]], path: Path = PICTURE) -> None:
    """Write a picture: for each suite a panel, with a line for each comparison that was made more than once.

    The lines that moved most have colours and names, the others are grey.
    """
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    panels = dict[str, dict[str, list[tuple[str, float]]]]()
    for suite, comparisons in courses(entries).items():
        repeated = {name: course for name, course in comparisons.items() if len(course) > 1}
        moved = sorted(
            repeated, key=lambda name: -abs(math.log(repeated[name][-1][1] / repeated[name][0][1]))
        )
        if moved:
            panels[suite] = {name: repeated[name] for name in moved}
    with plt.rc_context({"svg.hashsalt": "history", "svg.fonttype": "none", "font.size": 8}):
        figure, axes = plt.subplots(
            len(panels), figsize=(9, 3.2 * len(panels)), squeeze=False, layout="constrained"
        )
        for axis, (suite, comparisons) in zip(axes[:, 0], panels.items(), strict=True):
            for i, (name, course) in enumerate(comparisons.items()):
                look = {"label": name} if i < NAMED else {"color": "#bbb", "linewidth": 0.6, "zorder": 0}
                axis.plot([ratio for _, ratio in course], marker="o", markersize=2, **look)
            dates = [date for date, _ in max(comparisons.values(), key=len)]
            axis.set_xticks(range(len(dates)), dates)
            axis.set_yscale("log")
            axis.axhline(1.0, color="black", linewidth=0.8)
            axis.set_title(f"{suite}: time, ours / peer (below 1 we are quicker)")
            axis.legend(fontsize=6, loc="upper center", bbox_to_anchor=(0.5, -0.1))
        figure.savefig(path, metadata={"Date": None})
        plt.close(figure)
