"""What the audit costs: `OPENBLAS_NUM_THREADS=1 PYTHONPATH=. python tests/check/audit/cost.py` audits 784-128-10 on made digits.

Printed are computing time and the largest memory, of the script itself up to the step at which the audit stops it, of the
recording, and of the whole audit; for the right script, and with a mistake planted.
"""

import gc
import tempfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import Any

from autograd_mini.check.audit import audit
from autograd_mini.check.audit.proxies import Run
from autograd_mini.check.audit.steps import enough

STEPS = 7  # six that are followed, and the one that shows where the sixth ended
SCRIPT = """import numpy as np
rng = np.random.default_rng(0)
X = rng.random((6000, 784))
Y = np.eye(10)[rng.integers(0, 10, 6000)]
W1, b1 = rng.normal(size=(784, 128)) * .05, np.zeros(128)
W2, b2 = rng.normal(size=(128, 10)) * .1, np.zeros(10)
order = rng.permutation(len(X))
for start in range(0, len(X), 64):
    xb, yb = X[order[start:start + 64]], Y[order[start:start + 64]]
    z1 = xb @ W1 + b1
    a1 = np.maximum(z1, 0)
    z2 = a1 @ W2 + b2
    e = np.exp(z2 - z2.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    loss = -np.mean(np.sum(yb * np.log(p), axis=1))
    d2 = (p - yb) / len(xb)
    d1 = (d2 @ W2.T) * (z1 > 0)
    dW2, db2 = a1.T @ d2, d2.sum(axis=0)
    dW1, db1 = xb.T @ d1, d1.sum(axis=0)
    W1 -= .1 * dW1
    b1 -= .1 * db1
    W2 -= .1 * dW2
    b2 -= .1 * db2
"""
MISTAKES = {
    "right": ("", ""),
    "another mask": ("(z1 > 0)", "(a1 < 0.1)"),
    "a mean for a sum": ("d1.sum(axis=0)", "d1.mean(axis=0)"),
}


def plain(source: str, steps: int) -> Callable[[], Any]:
    """The script itself, for so many steps."""
    cut = f"    if start == {64 * steps}: break\n    xb, yb"
    code = compile(source.replace("    xb, yb", cut, 1), "script", "exec")
    return lambda: exec(code, {"__name__": "script"})


def seconds(run: Callable[[], Any]) -> float:
    """The least computing time of five runs."""
    found = []
    for _ in range(5):
        start = process_time()
        run()
        found.append(process_time() - start)
    return min(found)


def megabytes(run: Callable[[], Any]) -> float:
    """The largest memory of a run."""
    gc.collect()
    tracemalloc.start()
    run()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def main() -> None:
    """Print the table."""
    path = Path(tempfile.mkdtemp()) / "digits.py"
    for name, (right, wrong) in MISTAKES.items():
        source = SCRIPT.replace(right, wrong) if right else SCRIPT
        path.write_text(source)
        script, before = plain(source, STEPS), seconds(plain(source, 0))
        alone, space = seconds(script), megabytes(script)
        print(
            f"{name}: the script {1e3 * alone:.0f} ms, of them {1e3 * (alone - before):.1f} in its steps, {space:.0f} MB"
        )
        runs: dict[str, Callable[[], Any]] = {
            "recorded": lambda source=source: Run(path, source, [], enough, 30, None).run(),  # type: ignore[misc]
            "audited": lambda: audit(path),
        }
        for what, run in runs.items():
            time, peak = seconds(run), megabytes(run)
            steps = (time - before) / (alone - before)
            print(
                f"  {what} {1e3 * time:.0f} ms: {time / alone:.1f} times the script, {steps:.1f} times its steps; "
                f"{peak:.0f} MB: {peak / space:.1f} times"
            )


if __name__ == "__main__":
    main()
