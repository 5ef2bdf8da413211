"""The command line: `python -m autograd_mini`, or `autograd-mini`."""

import argparse
from collections.abc import Sequence

from . import __version__


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the exit status; without one, print short help.

    >>> main([])
    usage: autograd-mini [-h] ...
    0
    """
    parser = argparse.ArgumentParser(prog="autograd-mini", description="Gradients that you can read.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", metavar="{demo}")
    commands.add_parser("demo", help="an expression, XOR, real handwritten digits and a check of the gradients (some seconds)")
    command = parser.parse_args(arguments).command
    if command == "demo":
        from .gallery.demo import main as demo

        return demo()
    parser.print_help()
    return 0
