"""The command line: `python -m autograd_mini`, or `autograd-mini`."""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec

from . import __version__
from .gallery import ENTRIES


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the exit status; without one, print short help.

    >>> main([])
    usage: autograd-mini [-h] ...
    0
    """
    try:
        return _run(arguments)
    except BrokenPipeError:  # the reader of the output has gone: `… | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _run(arguments: Sequence[str] | None) -> int:
    parser = argparse.ArgumentParser(prog="autograd-mini", description="Gradients that you can read.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", metavar="{demo,gallery}")
    commands.add_parser("demo", help="an expression, XOR, real handwritten digits and a check of the gradients (some seconds)")
    gallery = commands.add_parser("gallery", help="run a program of the gallery; without a name, list them")
    gallery.add_argument("name", nargs="?", choices=[*ENTRIES], metavar="NAME", help=", ".join(ENTRIES))
    gallery.add_argument("--seed", type=int, default=0, help="the seed of everything random (0)")
    gallery.add_argument("--plot", metavar="FILE", help="write the curves as a picture, .png, .svg or .pdf (needs the extra `plot`)")
    options = parser.parse_args(arguments)
    if options.command == "demo":
        return int(import_module("autograd_mini.gallery.demo").main())
    if options.command == "gallery" and options.plot and not find_spec("matplotlib"):
        parser.error("--plot needs matplotlib: python -m pip install 'autograd-mini[plot]'")
    if options.command == "gallery" and options.name:
        entry = import_module(f"autograd_mini.gallery.{options.name.replace('-', '_')}")
        return int(entry.main(seed=options.seed, plot=options.plot))
    if options.command == "gallery":
        for name, line in ENTRIES.items():
            print(f"{name:20s} {line}")
        return 0
    parser.print_help()
    return 0
