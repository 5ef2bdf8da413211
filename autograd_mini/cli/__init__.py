"""The command line: `python -m autograd_mini`, or `autograd-mini`."""

from .commands import main

__all__ = ["main"]
