"""Machine-made mistakes: `PYTHONPATH=. python tests/check/audit/mutants.py [COUNT] [SEED]` audits that many mutants of the right scripts.

A mutant has one change in one line of the backward pass: a factor or a term dropped, a sign, an operand, an axis, a
transpose. Only those count that run, leave the forward pass as it is and change an update.
"""

import ast
import random
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from autograd_mini.check.audit import audit
from autograd_mini.check.audit.case import Case
from autograd_mini.check.audit.proxies import Run
from autograd_mini.check.audit.steps import enough

SCRIPTS = Path(__file__).parent / "scripts"
LEFT_OUT = {"perceptron", "lad_regression", "huber_never_printed", "maximise_input", "logistic_ascent"}


def changes(source: str, lines: set[int]) -> Iterator[tuple[int, str, str]]:
    """Every mutant of the source in these lines: the line, what was done, the new source."""
    tree = ast.parse(source)
    rows = source.splitlines(keepends=True)
    names = sorted({n.id for n in ast.walk(tree) if isinstance(n, ast.Name)})

    def replaced(node: Any, code: str) -> str:
        row = rows[node.lineno - 1]
        new = row[: node.col_offset] + code + row[node.end_col_offset :]
        return "".join([*rows[: node.lineno - 1], new, *rows[node.lineno :]])

    def text(node: Any) -> str:
        return ast.get_source_segment(source, node) or ""

    for node in ast.walk(tree):
        if getattr(node, "lineno", 0) not in lines or node.lineno != node.end_lineno:  # type: ignore[attr-defined]
            continue
        line = node.lineno  # type: ignore[attr-defined]
        if isinstance(node, ast.BinOp):
            left, right = text(node.left), text(node.right)
            if isinstance(node.op, ast.Mult | ast.Div | ast.Add | ast.Sub):
                yield line, "dropped", replaced(node, left)
            if isinstance(node.op, ast.Mult | ast.Add):
                yield line, "dropped", replaced(node, right)
            if isinstance(node.op, ast.Add):
                yield line, "sign", replaced(node, f"{left} - {right}")
            if isinstance(node.op, ast.Sub):
                yield line, "sign", replaced(node, f"{left} + {right}")
        if isinstance(node, ast.keyword) and node.arg == "axis" and isinstance(node.value, ast.Constant):
            yield (
                line,
                "axis",
                replaced(node.value, str(1 - node.value.value) if node.value.value in (0, 1) else "0"),
            )
        if isinstance(node, ast.Attribute) and node.attr == "T":
            yield line, "transpose", replaced(node, text(node.value))
        if (
            isinstance(node, ast.Name)
            and isinstance(node.ctx, ast.Load)
            and node.id not in ("np", "range", "len")
        ):
            for other in names[:: max(1, len(names) // 6)]:
                if other != node.id and other != "np":
                    yield line, "operand", replaced(node, other)


def first_updates(path: Path, source: str) -> tuple[Any, Any] | None:
    """The first losses' numbers and the updates of the first step."""
    run = Run(path, source, [], enough, 10, None).run()
    if run.error is not None:
        return None
    case = Case(run.record)
    if not case.views:
        return None
    view = case.views[0]
    return case, [np.zeros(1) if u is None else u for u in view.updates({})]


def only_scaled(before: list[Any], after: list[Any]) -> bool:
    """Whether all updates differ by one factor: another rate, and no mistake."""
    if any(np.shape(a) != np.shape(b) for a, b in zip(before, after, strict=True)):
        return False
    a, b = (np.concatenate([np.ravel(u) for u in us]) for us in (before, after))
    c = float(a @ b) / float(a @ a)
    return c > 0 and bool(np.abs(b - c * a).max() <= 1e-6 * np.abs(b).max())


def mutants(seed: int, count: int) -> Iterator[tuple[str, int, str, str]]:
    """Name, line, what was done, source: a sample of the mutants that count."""
    rng = random.Random(seed)
    pool = []
    for path in sorted(SCRIPTS.glob("*.py")):
        if path.stem in LEFT_OUT:
            continue
        source = path.read_text()
        report = audit(path)
        lines = {line.line for line in report.lines if line.update is None}
        pool += [(path, source, *change) for change in changes(source, lines)]
    rng.shuffle(pool)
    found = 0
    right: dict[str, Any] = {}
    for path, source, line, what, text in pool:
        if found >= count:
            return
        try:
            ast.parse(text)
        except SyntaxError:
            continue
        if path.stem not in right:
            right[path.stem] = first_updates(path, source)
        before, after = right[path.stem], first_updates(path, text)
        if before is None or after is None or len(before[1]) != len(after[1]):
            continue
        if all(
            np.shape(a) == np.shape(b) and np.allclose(a, b, 1e-4, 1e-12)
            for a, b in zip(before[1], after[1], strict=True)
        ):
            continue
        if not all(np.all(np.isfinite(u)) for u in after[1]) or only_scaled(before[1], after[1]):
            continue
        found += 1
        yield path.stem, line, what, text


def main(count: int, seed: int) -> int:
    """Audit the mutants and print the rate."""
    folder = Path(tempfile.mkdtemp())
    hits = total = fixed = silent = 0
    for name, line, what, text in mutants(seed, count):
        path = folder / f"{name}.py"
        path.write_text(text)
        report = audit(path)
        total += 1
        hit = report.first_wrong == line
        hits += hit
        silent += report.first_wrong is None
        fixed += hit and bool(report.findings[0].should_be)
        if not hit:
            code = text.splitlines()[line - 1].strip()
            print(f"{name}:{line} {what}: {code} — said {report.first_wrong} {report.note[:60]}", flush=True)
    print(
        f"{hits} of {total} mutants named ({100 * hits / max(total, 1):.0f} %), {fixed} corrected, {silent} silent"
    )
    return 0 if hits >= 0.85 * total else 1


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sys.exit(
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 200, int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    )
