"""The audit of a person's own script, unchanged: which line of its backward pass is wrong."""

import argparse
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .report import Report
from .session import Audit

__all__ = ["Report", "audit", "audit_command"]


def audit(path: Any, *, arguments: Sequence[str] = (), seconds: float = 30.0, show: Any = None) -> Report:
    """Return what is right and wrong in the backward pass that a script of one's own has.

    The script is executed, as running it would: its training is followed for a few steps and compared with the gradients of
    its loss.

    Args:
        path: a Python file that uses NumPy or plain Python, or a notebook.
        arguments: what the script finds in `sys.argv[1:]`.
        seconds: after this time, the search ends with what is known.
        show: a file that gets the script's output, which is hidden otherwise.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Audit(Path(path), arguments, seconds, show).report()


def audit_command(argv: Sequence[str]) -> int:
    """The command `audit`: print the report and return the exit status, 0 where nothing is wrong."""
    parser = argparse.ArgumentParser(
        prog="autograd-mini audit",
        description=("Say which line of a script's own backprop is wrong. This executes the script."),
    )
    parser.add_argument("script", help="a Python file or a notebook; its own arguments follow after --")
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    parser.add_argument("--show", action="store_true", help="show the script's own output")
    parser.add_argument("--seconds", type=float, default=30.0, help="end the search after this time (30)")
    argv = list(argv)
    cut = argv.index("--") if "--" in argv else len(argv)
    options = parser.parse_args(argv[:cut])
    show = (sys.stderr if options.json else sys.stdout) if options.show else None
    if not Path(options.script).is_file():
        print(f"autograd-mini audit: there is no file {options.script}", file=sys.stderr)
        return 2
    report = audit(options.script, arguments=argv[cut + 1 :], seconds=options.seconds, show=show)
    report.show(options.json)
    return 1 if report.findings else 0
