"""`python -m benchmarks [eager|derivatives|training|compiled|chunks|all] [--quick] [--peers a,b] [--only part,…]`.

`python -m benchmarks table [--targets]` prints the results files as Markdown tables and measures nothing.
`python -m benchmarks history` prints how the ratios went from run to run, and draws them into results/history.svg.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import time

from benchmarks import harness, history, machine, report
from benchmarks.workers import WorkerError

# name of the suite → its module, None while it is not built
SUITES: dict[str, str | None] = {
    "eager": "benchmarks.eager",
    "derivatives": "benchmarks.derivatives",
    "training": "benchmarks.training",
    "compiled": "benchmarks.compiled",
    "chunks": "benchmarks.chunks",
}


def arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Speed and memory beside our peers."
    )
    parser.add_argument("suite", nargs="?", default="all", choices=[*SUITES, "all", "table", "history"])
    parser.add_argument(
        "--quick", action="store_true", help="every case once on tiny sizes; writes no results"
    )
    parser.add_argument("--peers", metavar="A,B", help=f"only these of {', '.join(machine.PEERS)}")
    parser.add_argument("--only", metavar="PART,…", help="only these parts of a suite; writes no results")
    parser.add_argument(
        "--targets", action="store_true", help="of the table, only the rows that have a target"
    )
    options = parser.parse_args(argv)
    try:
        options.present, options.left_out = machine.choose(
            options.peers.split(",") if options.peers else None
        )
    except ValueError as error:
        parser.error(str(error))
    return options


def run_suite(name: str, options: argparse.Namespace) -> None:
    """Run one suite, print its table, and write its results file unless only a part of it was run."""
    parts = importlib.import_module(str(SUITES[name])).PARTS
    only = options.only.split(",") if options.only else list(parts)
    if unknown := [part for part in only if part not in parts]:
        raise SystemExit(f"no such part of {name}: {', '.join(unknown)}; there are {', '.join(parts)}")
    effort = harness.QUICK if options.quick else harness.FULL
    rows: list[report.Row] = []
    for part in only:
        start = time.perf_counter()
        rows += parts[part](effort, options.present)
        print(
            f"{name}: {part} ran in {time.perf_counter() - start:.1f} s, all results agree", file=sys.stderr
        )
    if options.quick:
        print(f"{name}: {len(rows)} cases ran and agree (quick mode: nothing was measured, nothing written)")
        return
    print(report.plain(rows))
    print(report.missed(rows))
    if options.only or options.peers:
        print("a part of the suite: no results written")
    else:
        path = report.write(name, rows, machine.describe(options.present), options.left_out)
        history.append(json.loads(path.read_text(encoding="utf-8")), history.commit())
        print(f"wrote benchmarks/results/{path.name}, and a line of history.jsonl")


def main(argv: list[str] | None = None) -> int:
    """The exit status: 0 when all ran and agreed, 1 when contenders disagree or fail, 2 for what is not built yet."""
    options = arguments(argv)
    if options.suite == "table":
        paths = sorted(report.RESULTS.glob("*.json"))
        print("\n\n".join(report.markdown(path, options.targets) for path in paths))
        return 0
    if options.suite == "history":
        runs = history.runs()
        print("\n".join(history.table(runs)))
        if importlib.util.find_spec("matplotlib"):
            history.draw(runs)
            print(f"wrote benchmarks/results/{history.PICTURE.name}")
        else:
            print("the picture needs matplotlib: python -m pip install 'autograd-mini[plot]'")
        return 0
    wanted = list(SUITES) if options.suite == "all" else [options.suite]
    missing = [name for name in wanted if SUITES[name] is None]
    if missing:
        print(f"not built yet: {', '.join(missing)}", file=sys.stderr)
    if missing == wanted:
        return 2
    if options.left_out:
        print(f"not installed, left out: {', '.join(options.left_out)}", file=sys.stderr)
    try:
        for name in wanted:
            if SUITES[name] is not None:
                run_suite(name, options)
    except (harness.Disagreement, WorkerError) as error:
        print(f"stopped, nothing written: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
