"""How large the package is, against design.md's budgets: `python -m tests.project.count` prints the table.

A *code line* is a line with code: blank lines, comments and docstrings are left out. *Tokens* are those of Python's tokenizer without
comments, layout and docstrings, an f-string being one as in Python 3.11; of the page's JavaScript and CSS, bytes / 4.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tests.helpers.processes import ROOT

PACKAGE = ROOT / "autograd_mini"
WIDEST_CODE, WIDEST_TEXT = 110, 140
LAYOUT = {
    tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER, tokenize.ENCODING,
}  # fmt: skip
F_START, F_END = getattr(tokenize, "FSTRING_START", -1), getattr(tokenize, "FSTRING_END", -1)


class Size(NamedTuple):
    """What is counted of a file, or of several."""

    lines: int
    tokens: int

    def __add__(self, other: object) -> "Size":
        assert isinstance(other, Size)
        return Size(self.lines + other.lines, self.tokens + other.tokens)


class Budget(NamedTuple):
    """A line of design.md's folder list: the files it means, by patterns below the package, and what they may hold."""

    name: str
    files: tuple[str, ...]
    lines: int
    tokens: int | None = None
    without: tuple[str, ...] = ()

    def paths(self) -> list[Path]:
        """The files that there are; none while one that is named does not exist yet."""
        named = [PACKAGE / pattern for pattern in self.files if "*" not in pattern]
        if not all(path.exists() for path in named):
            return []
        left_out = {path for pattern in self.without for path in PACKAGE.glob(pattern)}
        found = {path for pattern in self.files for path in PACKAGE.glob(pattern)}
        return sorted(found - left_out)

    def size(self) -> Size:
        return sum(map(size_of, self.paths()), Size(0, 0))

    def over(self) -> str:
        """What exceeds the budget, in words; empty where it holds."""
        size, words = self.size(), []
        if size.lines > self.lines:
            words.append(f"{size.lines:,} code lines, the budget is {self.lines:,}")
        if self.tokens is not None and size.tokens > self.tokens:
            words.append(f"{size.tokens:,} tokens, the budget is {self.tokens:,}")
        return "; ".join(words)


ROWS = ("core/rows.py", "core/special_rows.py", "core/array_rows.py")
SCALAR = tuple(f"core/{name}.py" for name in ("op", "readings", "quick", "engine", "node", "rows", "value"))
BUDGETS = (
    Budget("support/", ("support/*.py",), 330),
    Budget("core/, the row files", ROWS, 450, 11_000),
    Budget("core/, the rest", ("core/*.py",), 800, 8_500, without=ROWS),
    Budget("core/, the scalar path", SCALAR, 600),
    Budget("symbols.py", ("symbols.py",), 280),
    Budget("array_functions.py", ("array_functions.py",), 350),
    Budget("derivatives.py", ("derivatives.py",), 400),
    Budget("compile/", ("compile/**/*.py",), 1000),
    Budget("draw/", ("draw/**/*.py",), 1650),
    Budget("draw/, the page's JavaScript and CSS", ("draw/**/*.js", "draw/**/*.css"), 1000),
    Budget("check/", ("check/**/*.py",), 2200),
    Budget("check/audit/", ("check/audit/**/*.py",), 1050),
    Budget("nn/", ("nn/**/*.py",), 650),
    Budget("optim/", ("optim/**/*.py",), 350),
    Budget("io.py", ("io.py",), 180),
    Budget("chunks.py", ("chunks.py",), 100),
    Budget("train.py", ("train.py",), 350),
    Budget("plot.py", ("plot.py",), 150),
    Budget("cli/", ("cli/**/*.py",), 320),
    Budget("gallery/", ("gallery/**/*.py",), 700),
    Budget("all but the gallery", ("**/*.py", "**/*.js", "**/*.css"), 10_500, 125_000, without=("gallery/**/*.py",)),
)  # fmt: skip


def docstring_lines(source: str) -> set[int]:
    """The numbers of the lines of all docstrings."""
    found: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        match node.body:
            case [ast.Expr(value=ast.Constant(value=str())) as first, *_]:
                found.update(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    return found


def code_tokens(source: str) -> Iterator[tokenize.TokenInfo]:
    """The tokens that are code; of an f-string only its beginning, since Python 3.12 takes it apart."""
    docs, depth = docstring_lines(source), 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        depth -= token.type == F_END
        inside = depth > 0 or token.type == F_END
        depth += token.type == F_START
        is_doc = token.type == tokenize.STRING and token.start[0] in docs
        if token.type not in LAYOUT and token.type != tokenize.COMMENT and not inside and not is_doc:
            yield token


def lines_of_code(source: str) -> set[int]:
    """The numbers of the lines of Python code."""
    skipped, docs, found = LAYOUT | {tokenize.COMMENT}, docstring_lines(source), set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in skipped:
            found.update(range(token.start[0], token.end[0] + 1))
    return found - docs


def size_of_python(source: str) -> Size:
    """Code lines and tokens of Python.

    >>> size_of_python("x = 1  # one")
    Size(lines=1, tokens=3)
    """
    return Size(len(lines_of_code(source)), sum(1 for _ in code_tokens(source)))


def without_comments(source: str) -> list[str]:
    r"""The lines of JavaScript or CSS, those that are comments emptied.

    >>> without_comments("/* two\nlines */\na = 1; // kept\n// not kept")
    ['', '', 'a = 1; // kept', '']
    """
    source = re.sub(r"(?m)^\s*/\*(?s:.*?)\*/", lambda match: "\n" * match[0].count("\n"), source)
    return ["" if line.lstrip().startswith("//") else line for line in source.split("\n")]


def size_of_page(source: str) -> Size:
    """Code lines and tokens of JavaScript or CSS.

    >>> size_of_page("/* a comment */\\nlet x = 1;")
    Size(lines=1, tokens=6)
    """
    return Size(sum(1 for line in without_comments(source) if line.strip()), len(source.encode()) // 4)


@cache
def size_of(path: Path) -> Size:
    """Code lines and tokens of a file."""
    source = path.read_text(encoding="utf8")
    return size_of_python(source) if path.suffix == ".py" else size_of_page(source)


def too_wide(source: str) -> list[int]:
    """The numbers of the lines of Python whose code ends beyond column 110, or whose comment or docstring ends beyond 140.

    >>> too_wide("x = 1" + " " * 110 + "# a comment")
    []
    >>> too_wide("x = " + "1 + " * 30 + "1")
    [1]
    """
    ends: dict[int, int] = {}
    lines, docs = source.split("\n"), docstring_lines(source)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in LAYOUT or token.type == tokenize.COMMENT or token.start[0] in docs:
            continue
        for line in range(token.start[0], token.end[0]):
            ends[line] = len(lines[line - 1])
        ends[token.end[0]] = token.end[1]
    return [
        i
        for i, line in enumerate(lines, 1)
        if ends.get(i, 0) > WIDEST_CODE or len(line.rstrip()) > WIDEST_TEXT
    ]


def too_wide_of_page(source: str) -> list[int]:
    """The same for JavaScript and CSS."""
    return [i for i, line in enumerate(without_comments(source), 1) if len(line) > WIDEST_CODE]


def wide_lines(path: Path) -> list[int]:
    """The numbers of the lines of a file that are too wide."""
    source = path.read_text(encoding="utf8")
    return too_wide(source) if path.suffix == ".py" else too_wide_of_page(source)


def table() -> str:
    """The table: a line a budget, what is over marked."""
    rows = [f"{'':38}{'lines':>8}{'budget':>9}{'tokens':>10}{'budget':>10}"]
    for budget in BUDGETS:
        if not budget.paths():
            rows.append(f"{budget.name:38}{'—':>8}{budget.lines:9,}{'—':>10}  not there yet")
            continue
        size, limit = budget.size(), f"{budget.tokens:10,}" if budget.tokens else " " * 10
        mark = "  over" if budget.over() else ""
        rows.append(f"{budget.name:38}{size.lines:8,}{budget.lines:9,}{size.tokens:10,}{limit}{mark}")
    for path in BUDGETS[-1].paths():
        if wide := wide_lines(path):
            where = ", ".join(map(str, wide[:8])) + (", …" if len(wide) > 8 else "")
            rows.append(f"{path.relative_to(PACKAGE).as_posix()}: {len(wide)} lines are too wide: {where}")
    return "\n".join(rows)


if __name__ == "__main__":
    print(table())
