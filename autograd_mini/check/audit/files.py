"""A script's files: its own text, and those that it writes, which are put back."""

import contextlib
import json
import os
import shutil
import sys
import tempfile
import threading
import tokenize
from functools import cache, partial
from pathlib import Path
from typing import Any

from ...support.files import replace_file


def read_source(path: Path) -> str:
    """The script's text; of a notebook, its code cells. ValueError where it cannot be read, SyntaxError where it is no Python 3."""
    try:
        if path.suffix == ".ipynb":
            source = "\n".join(code_cells(path))
        else:
            with tokenize.open(path) as file:
                source = file.read()
    except (UnicodeDecodeError, json.JSONDecodeError, KeyError) as error:
        raise ValueError(f"{path.name} cannot be read: {error}") from None
    compile(source, str(path), "exec", dont_inherit=True)
    return source


def code_cells(path: Path) -> list[str]:
    """The text of each code cell of a notebook, without its magics."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    lines = ["".join(cell["source"]).splitlines() for cell in cells if cell["cell_type"] == "code"]
    return ["\n".join("pass" if x.lstrip().startswith(("%", "!")) else x for x in cell) for cell in lines]


# ---- What a script writes -----------------------------------------------------------------------------------------------

# Of these events of sys.addaudithook, the arguments that are files to be changed
CHANGES = {"os.remove": 1, "os.rename": 2, "os.truncate": 1, "os.mkdir": 1, "os.link": 2, "os.symlink": 2}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class PutBack:
    """Inside this `with` block, whatever file this thread changes is kept before, and put back at the end.

    A script is run several times, a few steps of its training only, and on other numbers too: what it saves must not replace what
    a whole run has saved, and each run must find what the first one found.
    """

    now: "PutBack | None" = None

    def __enter__(self) -> None:
        listen()
        self.folder, self.thread = tempfile.TemporaryDirectory(), threading.get_ident()
        self.kept: dict[str, str | None] = {}  # None for what was not there
        PutBack.now = self

    def __exit__(self, *error: object) -> None:
        PutBack.now = None
        for path, copy in reversed(self.kept.items()):
            with contextlib.suppress(OSError):
                if copy is not None:
                    # as a new file: the script may still hold the old one open, and write to it later
                    with open(copy, "rb") as kept:
                        replace_file(path, partial(shutil.copyfileobj, kept))
                    shutil.copystat(copy, path)
                elif os.path.isdir(path):
                    os.rmdir(path)
                else:
                    os.remove(path)
        self.folder.cleanup()

    def keep(self, path: str) -> None:
        """Keep a copy of a file that is about to be changed."""
        is_file = os.path.isfile(path)
        if path in self.kept or (os.path.exists(path) and not is_file):
            return
        self.kept[path] = shutil.copy2(path, f"{self.folder.name}/{len(self.kept)}") if is_file else None


@cache
def listen() -> None:
    """Have Python say what files are changed: once, as that cannot be ended."""

    def before(event: str, arguments: tuple[Any, ...]) -> None:
        block = PutBack.now
        if block is None or block.thread != threading.get_ident():
            return
        is_written = event == "open" and bool(arguments[2] & WRITING)
        whole = (
            os.path.realpath if is_written else os.path.abspath
        )  # what is written is what a link points to
        paths = arguments[: 1 if is_written else CHANGES.get(event, 0)]
        PutBack.now = None  # its own copies are not kept
        for path in paths:
            if isinstance(path, str | bytes | os.PathLike):
                with contextlib.suppress(OSError):
                    block.keep(whole(os.fsdecode(path)))
        PutBack.now = block

    sys.addaudithook(before)
