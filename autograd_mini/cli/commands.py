"""The commands: three views of an expression, the demo, the audit, and the programs of the gallery."""

import argparse
import inspect
import os
import re
import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from .. import __version__
from ..draw.tree import on_a_terminal
from ..draw.tree import tree as tree_of
from ..errors import AutogradError
from ..gallery import ENTRIES
from .expression import evaluate, numbers_of

CONSTANT = "the expression is constant: it has no name, and so no gradient"
Run = Callable[[argparse.Namespace], int]  # returns the exit status
EXAMPLE = '"tanh(w*x + b)" w=2 x=-1 b=0.5'


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the exit status; without one, print short help.

    >>> main([])
    usage: autograd-mini [-h] ...
    0
    >>> main(["tree", "x**2", "x=3"])
    power = 9  ∂ 1
    └─ x = 3  ∂ 6
    0
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    name = arguments[0] if arguments else ""
    try:
        if name == "audit":  # it has its own options, and after -- those of the script
            return int(import_module("autograd_mini.check.audit").audit_command(arguments[1:]))
        parser = argparse.ArgumentParser(prog="autograd-mini", description="Gradients that you can read.")
        parser.add_argument("--version", action="version", version=__version__)
        below = parser.add_subparsers(required=True, metavar=f"{{{','.join(COMMANDS)}}}")
        for each, declare in COMMANDS.items():
            what = str(declare.__doc__)
            mine = below.add_parser(each, help=what, description=f"{what[0].upper()}{what[1:]}.")
            mine.set_defaults(run=declare(mine))
        if not arguments:
            parser.print_help()
            return 0
        if name in VIEWS:  # numbers and options in any order
            options = below.choices[name].parse_intermixed_args(_shielded(arguments[1:]))
        else:
            options = parser.parse_args(arguments)
        return int(options.run(options))
    except BrokenPipeError:  # the reader of the output has ended: `… | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


# ---- Views of an expression -------------------------------------------------------------------------------------------


def _shielded(arguments: list[str]) -> list[str]:
    """The arguments, with a space before each expression that begins with a minus, so that it is not taken for an option."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    minus = re.compile(r"-(?!-?$|[oh]$|-[a-z]{2,}(=|$))")
    words = []
    for last, word in zip(["", *arguments], arguments[:end], strict=False):
        words.append(f" {word}" if minus.match(word) and last not in ("-o", "--output") else word)
    return words + [f" {word}" for word in arguments[end + 1 :]]


def _view(name: str, show: Callable[[Any, Any], None], options: argparse.Namespace) -> int:
    """Show an expression; return the exit status: 2 where it is not understood, 1 where it cannot be shown."""
    output = getattr(options, "output", None)
    try:
        # the numbers may come first
        text, *numbers = sorted([options.expression, *options.numbers], key=lambda word: "=" in word)
        root, unused = evaluate(text, numbers_of(numbers))
        for given in unused:
            print(f"note: {given} is not in the expression", file=sys.stderr)
        if root.requires_grad:
            root.backward()
        else:
            print(f"note: {CONSTANT}", file=sys.stderr)
        show(root, options)
    except BrokenPipeError:
        raise
    except (AutogradError, ValueError, OSError, RuntimeError) as error:
        why: Any = error
        if isinstance(error, OSError) and error.strerror:
            why = f"{output or 'standard output'} cannot be written: {error.strerror}"
        print(f"autograd-mini {name}: {why}", file=sys.stderr)
        return 1 if isinstance(error, OSError | RuntimeError) else 2
    if output:
        print(f"written: {output}")
    return 0


def _expression(parser: argparse.ArgumentParser, example: str) -> None:
    parser.description = f"{parser.description} Example: autograd-mini {example}"
    operators = "numbers, names, + - * / %% **, parentheses, functions such as tanh(x)"
    parser.add_argument("expression", metavar="EXPRESSION", help=operators)
    parser.add_argument("numbers", nargs="*", default=[], metavar="NAME=NUMBER", help="a number for each")


# ---- The commands: each adds its arguments to a parser, and returns the function that runs it -------------------------------


def demo(parser: argparse.ArgumentParser) -> Run:
    """a neuron, an audit, XOR, handwritten digits and a check of the gradients (some seconds)"""
    return lambda options: int(import_module("autograd_mini.gallery.demo").main())


def audit(parser: argparse.ArgumentParser) -> Run:
    """say which line of a script's own backprop is wrong"""
    parser.add_argument("script", nargs="?", help="a Python file or a notebook")
    return lambda options: main(["audit", "--help"])


def tree(parser: argparse.ArgumentParser) -> Run:
    """show an expression and its gradients as a tree of text"""
    _expression(parser, f"tree {EXAMPLE}")
    parser.add_argument("--depth", type=int, help="how many levels below the result are shown (all)")
    parser.add_argument("--ascii", action="store_true", help="plain ASCII")

    def show(root: Any, options: argparse.Namespace) -> None:
        encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
        is_plain = options.ascii or "├∂".encode(encoding, "replace").decode(encoding) != "├∂"
        print(tree_of(root, options.depth, max_nodes=10**6, ascii=is_plain, color=on_a_terminal()))

    return partial(_view, "tree", show)


def draw(parser: argparse.ArgumentParser) -> Run:
    """draw an expression and its gradients"""
    _expression(parser, f"draw {EXAMPLE} -o g.svg")
    kinds = ".svg .png .pdf .dot .mmd or .html; without it the DOT source is printed"
    parser.add_argument("-o", "--output", metavar="FILE", help=kinds)

    def show(root: Any, options: argparse.Namespace) -> None:
        from ..draw.drawing import draw

        picture = draw(root)
        print(picture.source) if options.output is None else picture.save(options.output)

    return partial(_view, "draw", show)


def explore(parser: argparse.ArgumentParser) -> Run:
    """write a page that steps through an expression's chain rule"""
    _expression(parser, f"explore {EXAMPLE}")
    parser.add_argument("-o", "--output", metavar="FILE", default="explore.html", help="(explore.html)")

    def show(root: Any, options: argparse.Namespace) -> None:
        from ..draw.explore import explore

        explore(root, options.output)

    return partial(_view, "explore", show)


def gallery(parser: argparse.ArgumentParser) -> Run:
    """run a program of the gallery; without a name, list them"""
    parser.add_argument("name", nargs="?", choices=ENTRIES, metavar="NAME", help=", ".join(ENTRIES))
    parser.add_argument("--seed", type=int, default=0, help="the seed of everything random (0)")
    picture = "write the curves as a picture, .png, .svg or .pdf (needs the extra `plot`)"
    parser.add_argument("--plot", metavar="FILE", help=picture)
    parser.add_argument("--source", action="store_true", help="print the program in place of running it")

    def run(options: argparse.Namespace) -> int:
        if options.plot and not find_spec("matplotlib"):
            parser.error("--plot needs matplotlib: python -m pip install 'autograd-mini[plot]'")
        story = import_module("autograd_mini.gallery.story")
        if not options.name:
            for name in ENTRIES:
                print(f"{name:20s} {story.program(name).__doc__}")
        elif options.source:
            print(inspect.getsource(story.program(options.name)), end="")
        else:
            story.tell(options.name, options.seed, options.plot)
        return 0

    return run


COMMANDS = {declare.__name__: declare for declare in (demo, audit, tree, draw, explore, gallery)}
VIEWS = ("tree", "draw", "explore")
