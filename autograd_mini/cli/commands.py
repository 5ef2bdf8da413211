"""The commands, a function each: it declares its arguments on a parser, and returns what runs it with the options given."""

import argparse
import os
import re
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from .. import __version__
from ..draw.tree import on_a_terminal
from ..draw.tree import tree as tree_of
from ..errors import AutogradError
from ..gallery import ENTRIES
from .expression import ExpressionError, evaluate, numbers_of

CONSTANT = "the expression is constant: it has no name, and so no gradient"
EXAMPLE = '"tanh(w*x + b)" w=2 x=-1 b=0.5'
Run = Callable[[argparse.Namespace], int]  # returns the exit status


class Command(NamedTuple):
    """What a command is for, how its arguments are declared, and whether it takes an expression with its numbers."""

    what: str
    declare: Callable[[argparse.ArgumentParser], Run]
    expression: bool


COMMANDS: dict[str, Command] = {}


def command(what: str, expression: bool = False) -> Callable[[Any], Any]:
    """Make a command, of its own name, of the function below."""

    def add(declare: Any) -> Any:
        COMMANDS[declare.__name__] = Command(what, declare, expression)
        return declare

    return add


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
    try:
        if arguments[:1] == ["audit"]:  # it has options of its own, and the script's behind --
            return import_module("autograd_mini.check.audit").audit_command(arguments[1:])  # type: ignore[no-any-return]
        return _run(arguments)
    except BrokenPipeError:  # the reader of the output has gone: `… | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _run(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="autograd-mini", description="Gradients that you can read.")
    parser.add_argument("--version", action="version", version=__version__)
    below = parser.add_subparsers(dest="command", metavar=f"{{{','.join(COMMANDS)}}}")
    parsers = {}
    for name, made in COMMANDS.items():
        description = f"{made.what[0].upper()}{made.what[1:]}."
        parsers[name] = mine = below.add_parser(name, help=made.what, description=description)
        if made.expression:
            operators = "numbers, names, + - * / %% **, parentheses, functions such as tanh(x)"
            mine.add_argument("expression", metavar="EXPRESSION", help=operators)
            each = "the number of each name"
            mine.add_argument("numbers", nargs="*", default=[], metavar="NAME=NUMBER", help=each)
        mine.set_defaults(run=made.declare(mine))
    first = arguments[0] if arguments else ""
    if first in COMMANDS and COMMANDS[first].expression:  # numbers and options in any order
        options = parsers[first].parse_intermixed_args(_shielded(arguments[1:]))
        return int(options.run(options))
    options = parser.parse_args(arguments)
    if options.command is None:
        parser.print_help()
        return 0
    return int(options.run(options))


@command("a neuron, an audit, XOR, handwritten digits and a check of the gradients (some seconds)")
def demo(parser: argparse.ArgumentParser) -> Run:
    return lambda options: int(import_module("autograd_mini.gallery.demo").main())


@command("say which line of a script's own backprop is wrong")
def audit(parser: argparse.ArgumentParser) -> Run:
    parser.add_argument("script", nargs="?", help="a Python file or a notebook")
    return lambda options: main(["audit", "--help"])


@command("show an expression and its gradients as a tree of text", expression=True)
def tree(parser: argparse.ArgumentParser) -> Run:
    parser.description = f"{parser.description} Example: autograd-mini tree {EXAMPLE}"
    parser.add_argument("--depth", type=int, help="how many levels below the result are shown (all)")
    parser.add_argument("--ascii", action="store_true", help="plain ASCII")

    def show(root: Any, options: argparse.Namespace) -> None:
        drawn = tree_of(root, options.depth, max_nodes=10**6, ascii=options.ascii, color=on_a_terminal())
        if not _can_print(drawn):
            drawn = tree_of(root, options.depth, max_nodes=10**6, ascii=True, color=on_a_terminal())
        print(drawn)

    return lambda options: _view("tree", options, None, show)


@command("draw an expression and its gradients", expression=True)
def draw(parser: argparse.ArgumentParser) -> Run:
    parser.description = f"{parser.description} Example: autograd-mini draw {EXAMPLE} -o g.svg"
    kinds = ".svg .png .pdf .dot .mmd or .html; without it the DOT source is printed"
    parser.add_argument("-o", "--output", metavar="FILE", help=kinds)

    def show(root: Any, options: argparse.Namespace) -> None:
        from ..draw.drawing import draw

        if options.output is None:
            print(draw(root).source)
        else:
            draw(root).save(options.output)

    return lambda options: _view("draw", options, options.output, show)


@command("write a page that steps through an expression's chain rule", expression=True)
def explore(parser: argparse.ArgumentParser) -> Run:
    parser.description = f"{parser.description} Example: autograd-mini explore {EXAMPLE}"
    parser.add_argument("-o", "--output", metavar="FILE", default="explore.html", help="(explore.html)")

    def show(root: Any, options: argparse.Namespace) -> None:
        from ..draw.explore import explore

        if not root.requires_grad:
            raise ExpressionError(f"{CONSTANT}, and a page steps through gradients: use a name, as x*2 x=3")
        explore(root, options.output)

    return lambda options: _view("explore", options, options.output, show)


@command("run a program of the gallery; without a name, list them")
def gallery(parser: argparse.ArgumentParser) -> Run:
    parser.add_argument("name", nargs="?", choices=ENTRIES, metavar="NAME", help=", ".join(ENTRIES))
    parser.add_argument("--seed", type=int, default=0, help="the seed of everything random (0)")
    picture = "write the curves as a picture, .png, .svg or .pdf (needs the extra `plot`)"
    parser.add_argument("--plot", metavar="FILE", help=picture)

    parser.add_argument("--source", action="store_true", help="print the program in place of running it")

    def run(options: argparse.Namespace) -> int:
        if options.plot and not find_spec("matplotlib"):
            parser.error("--plot needs matplotlib: python -m pip install 'autograd-mini[plot]'")
        if options.name:
            entry = import_module(f"autograd_mini.gallery.{options.name.replace('-', '_')}")
            if options.source:
                print(Path(str(entry.__file__)).read_text(encoding="utf8"), end="")
                return 0
            return int(entry.main(seed=options.seed, plot=options.plot))
        story = import_module("autograd_mini.gallery.story")
        for name in ENTRIES:
            print(f"{name:20s} {story.docstring(name).partition('.')[0]}")
        return 0

    return run


def _shielded(arguments: list[str]) -> list[str]:
    """The arguments; with a space before each that is no option, but an expression which begins with a minus."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    minus = re.compile(r"-(?!-?$|[oh]$|-[a-z]{2,}(=|$))")
    words = []
    for last, word in zip(["", *arguments], arguments[:end], strict=False):
        words.append(f" {word}" if minus.match(word) and last not in ("-o", "--output") else word)
    return words + [f" {word}" for word in arguments[end + 1 :]]


def _view(
    name: str,
    options: argparse.Namespace,
    output: str | None,
    show: Callable[[Any, argparse.Namespace], None],
) -> int:
    """Show an expression; return the exit status, 2 for what is not understood, 1 for what cannot be done."""
    words = [options.expression, *options.numbers]
    text, *numbers = sorted(words, key=lambda word: "=" in word)  # the numbers may come first
    try:
        root, unused = evaluate(text, numbers_of(numbers))
        for given in unused:
            print(f"note: {given} is not in the expression", file=sys.stderr)
        if root.requires_grad:
            root.backward()
        elif name != "explore":
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


def _can_print(text: str) -> bool:
    """Whether standard output has these characters."""
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True
