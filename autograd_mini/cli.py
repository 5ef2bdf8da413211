"""The command line: `python -m autograd_mini`, or `autograd-mini`."""

import argparse
import os
import re
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec

from . import __version__
from .draw.expression import ExpressionError, evaluate, numbers_of
from .draw.tree import on_a_terminal, tree
from .errors import AutogradError
from .gallery import ENTRIES

CONSTANT = "the expression is constant: it has no name, and so no gradient"
EXAMPLE = '"tanh(w*x + b)" w=2 x=-1 b=0.5'


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the exit status; without one, print short help.

    >>> main([])
    usage: autograd-mini [-h] ...
    0
    >>> main(["tree", "x**2", "x=3"])
    pow2 = 9  ∂ 1
    └─ x = 3  ∂ 6
    0
    """
    try:
        arguments = sys.argv[1:] if arguments is None else list(arguments)
        if arguments[:1] == ["audit"]:
            from .check.audit import audit_command

            return audit_command(arguments[1:])
        return _run(arguments)
    except BrokenPipeError:  # the reader of the output has gone: `… | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _run(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="autograd-mini", description="Gradients that you can read.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", metavar="{demo,tree,draw,explore,gallery}")
    commands.add_parser(
        "demo", help="an expression, XOR, real handwritten digits and a check of the gradients (some seconds)"
    )
    views = {}
    for name, what, more in (
        ("tree", "show an expression and its gradients as a tree of text", ""),
        ("draw", "draw an expression and its gradients", " -o g.svg"),
        ("explore", "write a page that steps through an expression's chain rule", " -o page.html"),
    ):
        example = f"Example: autograd-mini {name} {EXAMPLE}{more}"
        view = views[name] = commands.add_parser(
            name, help=what, description=f"{what[0].upper()}{what[1:]}. {example}"
        )
        view.add_argument(
            "expression",
            metavar="EXPRESSION",
            help="numbers, names, + - * / %% **, parentheses, functions such as tanh(x)",
        )
        view.add_argument(
            "numbers", nargs="*", default=[], metavar="NAME=NUMBER", help="the number of each name"
        )
        if name == "tree":
            view.add_argument("--depth", type=int, help="how many levels below the result are shown (all)")
            view.add_argument("--ascii", action="store_true", help="plain ASCII")
        else:
            kinds = (
                "the page, .html"
                if name == "explore"
                else ".svg .png .pdf .dot .mmd or .html; without it the DOT source is printed"
            )
            view.add_argument("-o", "--output", metavar="FILE", required=name == "explore", help=kinds)
    gallery = commands.add_parser("gallery", help="run a program of the gallery; without a name, list them")
    gallery.add_argument("name", nargs="?", choices=[*ENTRIES], metavar="NAME", help=", ".join(ENTRIES))
    gallery.add_argument("--seed", type=int, default=0, help="the seed of everything random (0)")
    gallery.add_argument(
        "--plot",
        metavar="FILE",
        help="write the curves as a picture, .png, .svg or .pdf (needs the extra `plot`)",
    )
    if arguments and arguments[0] in views:  # numbers and options in any order
        return _view(arguments[0], views[arguments[0]].parse_intermixed_args(_shielded(arguments[1:])))
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


def _shielded(arguments: list[str]) -> list[str]:
    """The arguments; with a space before each that is no option, but an expression which begins with a minus."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    before = zip(["", *arguments], arguments[:end], strict=False)
    minus = re.compile(r"-(?!-?$|[oh]$|-[a-z]{2,}(=|$))")
    words = [
        f" {word}" if minus.match(word) and last not in ("-o", "--output") else word for last, word in before
    ]
    return words + [f" {word}" for word in arguments[end + 1 :]]


def _view(command: str, options: argparse.Namespace) -> int:
    """Show an expression; return the exit status, 2 for what is not understood, 1 for what cannot be done."""
    output = vars(options).get("output")
    text, *numbers = sorted(
        [options.expression, *options.numbers], key=lambda word: "=" in word
    )  # the numbers may come first
    try:
        root, unused = evaluate(text, numbers_of(numbers))
        for name in unused:
            print(f"note: {name} is not in the expression", file=sys.stderr)
        if root.requires_grad:
            root.backward()
        elif command == "explore":
            raise ExpressionError(f"{CONSTANT}, and a page steps through gradients: use a name, as x*2 x=3")
        else:
            print(f"note: {CONSTANT}", file=sys.stderr)
        if command == "tree":
            shown = tree(root, options.depth, max_nodes=10**6, ascii=options.ascii, color=on_a_terminal())
            print(
                shown
                if _can_print(shown)
                else tree(root, options.depth, max_nodes=10**6, ascii=True, color=on_a_terminal())
            )
        elif command == "draw":
            _draw(root, output)
        else:
            from .draw.explore import explore

            explore(root, output)
    except BrokenPipeError:
        raise
    except (AutogradError, ValueError, OSError, RuntimeError) as error:
        failed = isinstance(error, OSError) and error.strerror
        why = f"{output or 'standard output'} cannot be written: {failed}" if failed else error
        print(f"autograd-mini {command}: {why}", file=sys.stderr)
        return 1 if isinstance(error, OSError | RuntimeError) else 2
    if output:
        print(f"written: {output}")
    return 0


def _draw(root: object, path: str | None) -> None:
    """Write the picture, or print its source."""
    from .draw.drawing import draw

    drawing = draw(root)  # type: ignore[arg-type]
    if path is None:
        print(drawing.source)
    else:
        drawing.save(path)


def _can_print(text: str) -> bool:
    """Whether standard output has these characters."""
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True
