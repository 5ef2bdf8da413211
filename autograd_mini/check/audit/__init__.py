"""The audit of a person's own script, unchanged: which line of its backward pass is wrong."""

import argparse
import sys
import warnings
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from ...support.coercion import finite
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
        seconds: after this time, above 0, the search ends with what is known.
        show: a file that gets the script's output, which is hidden otherwise.

    Files that the script changes are put back. Raises OSError or ValueError for a script that cannot be read, SyntaxError for one that
    is no Python 3.
    """
    finite("seconds", seconds, above=0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Audit(Path(path), arguments, seconds, show).report()


def audit_command(argv: Sequence[str]) -> int:
    """The command `audit`: print the report and return the exit status.

    0: nothing is wrong; 1: a line is; 2: the script or an option cannot be read; 3: nothing can be said of the script's lines.
    """
    parser = argparse.ArgumentParser(
        prog="autograd-mini audit",
        description="Say which line of a script's own backprop is wrong. It runs the script.",
        epilog="exit status: 0 nothing is wrong, 1 a line is, 2 it cannot be read, 3 nothing can be said",
    )
    parser.add_argument("script", help="a Python file or a notebook; its own arguments follow after --")
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    parser.add_argument("--show", action="store_true", help="show the script's own output")
    parser.add_argument("--seconds", type=float, default=30.0, help="end the search after this time (30)")
    argv = list(argv)
    cut = argv.index("--") if "--" in argv else len(argv)
    options = parser.parse_args(argv[:cut])
    show = (sys.stderr if options.json else sys.stdout) if options.show else None
    if isinstance(sys.stdout, TextIOWrapper):  # a console that knows no ✓ shows a question mark
        sys.stdout.reconfigure(errors="replace")
    try:
        report = audit(options.script, arguments=argv[cut + 1 :], seconds=options.seconds, show=show)
    except SyntaxError as error:
        where = f", line {error.lineno}: {(error.text or '').strip()}" if error.lineno else ""
        print(f"autograd-mini audit: {options.script} is no Python 3{where}: {error.msg}", file=sys.stderr)
        return 2
    except (OSError, ValueError) as error:
        print(f"autograd-mini audit: {error}", file=sys.stderr)
        return 2
    report.show(options.json)
    return 1 if report.findings else 0 if report.explained else 3
