"""Other processes: the command line as a user runs it, scripts in an interpreter of their own."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT = 600  # seconds: that something hangs, not how quick it is


def environment(**more: str) -> dict[str, str]:
    """This process's environment, in which the package and the tests can be imported from anywhere."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", **more}


def run(command: list[str] | str, *, env: dict[str, str] | None = None, **options: Any) -> Any:
    """A command that has run, with what it printed as text; its status is for the caller to look at."""
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    options = {"encoding": "utf-8", "timeout": TIMEOUT, **streams, **options}
    return subprocess.run(command, check=False, env=environment(**(env or {})), **options)


def run_script(script: str, *flags: str, **options: Any) -> Any:
    """A script that has run in an interpreter of its own, started with these flags."""
    return run([sys.executable, *flags, "-c", script], **options)


def run_package(*arguments: str, **options: Any) -> Any:
    """`python -m autograd_mini …` that has run."""
    return run([sys.executable, "-m", "autograd_mini", *arguments], **options)
