"""Graphviz: a picture as DOT source, and what the `dot` program makes of it."""

import contextlib
import sys
from typing import Any

from .cards import Picture
from .colour import THEMES, blended
from .layout import Layout, Point

GET = "get it with `apt install graphviz` or `brew install graphviz`, or from graphviz.org/download"
SECONDS = 10.0  # the time for a layout; dot needs more for very many lines
said: list[str] = []  # why the first picture without dot was drawn without it
TOOLTIP = 1000  # characters: dot has a limit, and tooltips in DOT are seldom seen
FONT = 'fontname="Helvetica,Arial,sans-serif"'
STYLES = {
    "parameter": 'shape=octagon, margin="0.02,0.02"', "input": 'shape=ellipse, margin="0.02,0.02"',
    "constant": 'shape=box, style="filled,dashed"', "operation": 'shape=box, style="filled,rounded"',
    "result": 'shape=box, style="filled,rounded", peripheries=2', "group": 'shape=box3d, margin="0.14,0.09"',
}  # fmt: skip


def source(picture: Picture) -> str:
    """Return the picture as DOT, without the legend."""
    theme = "light" if picture.theme == "auto" else picture.theme
    colours = {name: f'"{colour}"' for name, colour in THEMES[theme].items()}
    lines = [
        "digraph autograd_mini {",
        f"  graph [{_spacing(picture)}, bgcolor={colours['background']}, tooltip={quoted(picture.title)}];",
        f'  node [{FONT}, fontsize=12, style=filled, margin="0.12,0.05", fontcolor={colours["text"]}];',
        f"  edge [{FONT}, fontsize=10, arrowsize=0.7, labeldistance=1.8, labelangle=20,"
        f" color={colours['line']}, fontcolor={colours['muted']}];",
    ]
    for i, card in enumerate(picture.cards):
        colour = colours["alert" if card.alert else card.kind] + (", penwidth=2" if card.alert else "")
        look = f'{STYLES[card.kind]}, color={colour}, fillcolor="{blended(card.tint, theme)}"'
        words = f"label={quoted(card.text())}, tooltip={quoted(card.tooltip[:TOOLTIP])}"
        lines.append(f"  n{i} [{words}, {look}];")
    for link in picture.links:
        texts = {"tooltip": link.tooltip[:TOOLTIP], "label": link.local, "headlabel": link.order}
        words = ", ".join(f"{name}={quoted(text)}" for name, text in texts.items() if text)
        lines.append(f"  n{link.source} -> n{link.target} [{words}];")
    return "\n".join([*lines, "}", ""])


def _spacing(picture: Picture) -> str:
    return f"rankdir={picture.direction}, nodesep=0.2, ranksep={picture.gap / 72:.2f}"


def quoted(text: str) -> str:
    """Return text as a string of DOT that shows exactly this text.

    >>> print(quoted('a "b" &amp; \\\\N'))
    "a \\"b\\" &amp;amp; \\\\N"
    """
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;").replace("\n", "\\n")
    return f'"{escaped}"'


def arranged(picture: Picture) -> Layout:
    """Return dot's layout. dot gets sizes and lines, but no text, so that its answer is safe to read. RuntimeError where there is none."""
    import json

    lines = [f'digraph {{ graph [{_spacing(picture)}]; node [shape=box, fixedsize=true, label=""];']
    for i, (width, height) in enumerate(picture.sizes):
        lines.append(f"n{i} [width={width / 72:.4f}, height={height / 72:.4f}];")
    for i, (source, target) in enumerate(picture.edges):
        lines.append(f"n{source} -> n{target} [id={i}, arrowsize=0.8];")
    answer = run("\n".join([*lines, "}"]), "-Tjson0", seconds=SECONDS)
    try:
        return _read(json.loads(answer), len(picture.cards), len(picture.links))
    except (ValueError, KeyError, TypeError):
        raise RuntimeError(f"the `dot` program gave no layout: {GET}") from None


def _read(found: dict[str, Any], boxes: int, lines: int) -> Layout:
    """The layout in dot's JSON."""
    left, bottom, right, top = map(float, found["bb"].split(","))

    def point(text: str) -> Point:
        x, y = map(float, text.split(","))
        return x - left, top - y  # in dot y grows upwards

    centres = {item["name"]: point(item["pos"]) for item in found["objects"]}
    curves: dict[int, list[Point]] = {}
    for edge in found.get("edges", []):
        tip, *points = edge["pos"].split(" ")
        curves[int(edge["id"])] = [*map(point, points), point(tip.removeprefix("e,"))]
    order = [centres[f"n{i}"] for i in range(boxes)]
    return Layout(right - left, top - bottom, order, [curves[i] for i in range(lines)])


def drawn(kind: str, picture: Picture) -> bytes:
    """Return a picture as "png" or "pdf". RuntimeError, in one line, where dot fails."""
    try:
        return run(source(picture), f"-T{kind}", "-Gdpi=144" if kind == "png" else "-q")
    except RuntimeError as error:
        raise RuntimeError(f"{error}; .svg and .html need no program") from None


def run(text: str, *options: str, seconds: float = 60.0) -> bytes:
    """Return the answer of the dot program to DOT source. RuntimeError, in one line, where there is no answer.

    `options`: dot's; `seconds`: how long dot may take.
    """
    import shutil
    import subprocess

    from graphviz.backend.execute import run_check

    program = shutil.which("dot")
    if program is None:
        raise RuntimeError(f"there is no `dot` program of Graphviz: {GET}")
    try:
        command = [program, *options]
        done = run_check(command, input=text.encode(), capture_output=True, quiet=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"`dot` took more than {seconds:g} s: collapse the graph more") from None
    except (OSError, RuntimeError, subprocess.CalledProcessError) as error:
        words = (getattr(error, "stderr", None) or b"").decode(errors="replace").strip().partition("\n")[0]
        raise RuntimeError(f"{program} failed ({words or type(error).__name__}): {GET}") from None
    if not done.stdout:
        raise RuntimeError(f"the `dot` program at {program} gave nothing: {GET}")
    return bytes(done.stdout)


def tell(why: str) -> None:
    """Write once to standard error that a picture has the built-in layout, and why."""
    said.append(why)
    with contextlib.suppress(AttributeError, OSError, ValueError):  # no stderr, or a closed one
        sys.stderr.write(f"autograd_mini: this picture has the built-in layout; {why}\n")
