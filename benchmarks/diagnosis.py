"""How often a mistake is named: writes diagnosis.md. Run from the root: python benchmarks/diagnosis.py"""

import collections
import os
import platform
import re
import sys
import time
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # so small products wait for no other thread

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import autograd_mini as ag  # noqa: E402
from tests.check import (  # noqa: E402
    kept_programs,
    more_programs,
    networks,
    programs,
    styles,
    test_derivative,
    test_mistakes,
    test_right,
    test_update,
)


def gradients():
    """(kind, report, seconds, blamed, accepted, where) of each wrong program."""
    for case in test_mistakes.cases():
        options, program, accepted, where = case.values
        net = networks.Mlp(**options)
        right = net.backward()
        mine = program(net, right)
        if not all(np.allclose(mine[k], right[k], rtol=1e-7) for k in mine):
            yield case.id.partition(": ")[2], net.loss, net.nodes, mine, right, accepted, where
    for name, (make, accepted, where) in (
        programs.PROGRAMS | more_programs.MORE | kept_programs.KEPT
    ).items():
        loss, nodes, mine = make()
        kind = "written last" if name in more_programs.MORE else "other programs"
        kind = "kept back" if name in kept_programs.KEPT else kind
        yield kind, loss, nodes, mine, programs.right(loss, nodes), accepted, where
    for make, faults in styles.STYLES.values():
        for fault, (accepted, where) in faults.items():
            loss, nodes, mine = make(fault)
            yield "other styles", loss, nodes, mine, programs.right(loss, nodes), accepted, where


def table():
    rows, times = collections.defaultdict(lambda: [0, 0, 0]), []
    for kind, loss, nodes, mine, right, accepted, where in gradients():
        start = time.process_time()
        report = ag.diagnose(loss, {nodes[k]: v for k, v in mine.items()})
        times.append(time.process_time() - start)
        named = test_mistakes.found(report, accepted, where)
        same = [
            k
            for k in mine
            if np.shape(mine[k]) == right[k].shape and np.allclose(mine[k], right[k], rtol=1e-9, atol=1e-12)
        ]
        rows[kind][0] += 1
        rows[kind][1] += bool(named)
        rows[kind][2] += any(k in report.wrong for k in same)
    return rows, times


def right_ones():
    blamed = 0
    for block in range(20):
        rng = np.random.default_rng(1000 + block)
        for _ in range(50):
            net = test_right.network(rng)
            _, mine = test_right.disguised(net, rng)
            blamed += bool(ag.diagnose(net.loss, {net.nodes[k]: v for k, v in mine.items()}).wrong)
    return blamed


def derivatives():
    hits = 0
    for f, df, mistake in test_derivative.WRONG.values():
        report = ag.check_derivative(f, df)
        hits += any(re.fullmatch(mistake, finding.mistake) for finding in report.findings)
    return hits, len(test_derivative.WRONG)


def large():
    """Seconds for four layers of 64 at m = 128: one fault, and two between two given arrays."""
    net = networks.Mlp([64] * 5, ["tanh", "sigmoid", "tanh", "softmax"], "nll", 128)
    one = net.backward(slope2=lambda n, i, e: e)
    two = net.backward(slope2=lambda n, i, e: e, slope1=lambda n, i, e: e * n.Z[i])
    for mine, names in ((one, list(one)), (two, ["W1", "W4"])):
        start = time.process_time()
        report = ag.diagnose(net.loss, {net.nodes[k]: mine[k] for k in names})
        yield time.process_time() - start, report.explained


def main():
    rows, times = table()
    (single, _), (pair, found) = large()
    hits, of = derivatives()
    total, named, blamed = map(sum, zip(*rows.values(), strict=True))
    lines = [
        "# Diagnosis: how often a mistake is named",
        "",
        f"Made by `python benchmarks/diagnosis.py`, {time.strftime('%Y-%m-%d')}; {platform.machine()}, Python "
        f"{platform.python_version()}, NumPy {np.__version__} with one thread. The programs are those of `tests/check/`.",
        "",
        f"- `ag.diagnose`: **{named} of {total}** wrong programs named in their place among the findings "
        f"({100 * named / total:.1f} %), a right array blamed in {blamed} of them.",
        f"- Right gradients (1,000 random networks; float32, sample by sample, deltas before the division, negated, transposed, "
        f"flat, folded, printed): **{right_ones()} blamed**.",
        f"- `ag.check_derivative`: {hits} of {of}.",
        f"- Time of a diagnosis (of the processor): median {1e3 * np.median(times):.0f} ms, longest {max(times):.1f} s. "
        f"Four layers of 64 at m = 128: one fault {single:.2f} s, two between two given arrays {pair:.1f} s "
        f"({'found' if found else 'not found'}).",
        "",
        '"Kept back" are programs written after the search was redesigned, without a look at it: at first 19 of 21 were named as '
        "expected, one by another name, one raised an error; both kinds have been mended since. "
        '"Written last" are programs written after the search was finished, without a look at it: at first 43 of 48 were named '
        "as expected (two more by an equivalent name); the search has since learnt the other three. "
        'Of the first 66 "other programs" 48 were named before any tuning; of the first 108 in "other styles" (other activations, '
        "losses, layouts, gates, normalisations, attention) 72, and 9 more by a name that was as good as the expected one.",
        "",
        "| mistake | programs | named | tool |",
        "|---|---|---|---|",
        *(f"| {kind} | {n} | {hit} | `diagnose` |" for kind, (n, hit, _) in rows.items()),
        f"| a hand-written derivative | {of} | {hits} | `check_derivative` |",
        f"| an optimiser's step, each variant | {len(list(test_update.faults()))} | see `test_update.py` | `diagnose_update` |",
        "",
    ]
    Path(__file__).with_suffix(".md").write_text("\n".join(lines), encoding="utf-8")
    print("\n".join(lines[4:10]))


if __name__ == "__main__":
    main()
