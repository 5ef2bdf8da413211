"""The audit's files: what a script writes is put back, and what cannot be read is said."""

import gc
import json
import os
from pathlib import Path

import numpy as np
import pytest

import autograd_mini as ag
from autograd_mini.check.audit import audit_command

TRAINING = """import numpy as np
{first}
rng = np.random.default_rng(0)
X = rng.normal(size=(20, 3)); y = X @ np.array([1., -2., .5])
w = {start}
for i in range(50):
    e = X @ w - y
    loss = np.mean(e ** 2)
    w -= 0.1 * X.T @ e / 20
    {each}
"""


def written(folder: Path, first: str = "", start: str = "np.zeros(3)", each: str = "") -> Path:
    """A right script with these lines in it."""
    path = folder / "script.py"
    path.write_text(TRAINING.format(first=first, start=start, each=each))
    return path


WRITES = [
    "np.save('ckpt.npy', w)",
    "w.tofile('ckpt.npy')",
    "np.savetxt('log.txt', w)",
    "np.savez('new.npz', w=w)",
    "log.write(str(loss))",
    "os.path.exists('log.txt') and os.remove('log.txt')",
    "os.path.exists('log.txt') and os.rename('log.txt', 'renamed.txt')",
    "os.makedirs('out/deep', exist_ok=True); open('out/deep/w.txt', 'w').write(str(w))",
]


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # the script leaves its log open
@pytest.mark.parametrize("each", WRITES)
def test_files_are_as_before(each: str, tmp_path: Path) -> None:
    """Whatever the script writes, removes or renames in its steps, and though it leaves a file open."""
    np.save(tmp_path / "ckpt.npy", np.ones(3))
    (tmp_path / "log.txt").write_text("old")
    path = written(tmp_path, "import os; log = open('log.txt', 'a')", each=each)
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}
    assert ag.audit(path).explained
    gc.collect()
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_each_run_finds_the_files_of_the_first(tmp_path: Path) -> None:
    """A script that goes on from what it saved last starts at the same numbers in every run, and is audited alike each time."""
    start = "np.load('w.npy') if os.path.exists('w.npy') else np.zeros(3)"
    path = written(tmp_path, "import os", start, "np.save('w.npy', w)")
    first, second = ag.audit(path), ag.audit(path)
    assert str(first) == str(second)
    assert not (tmp_path / "w.npy").exists()


def test_what_stands_beside_stays(tmp_path: Path) -> None:
    """A link stays a link, the file that it points to is put back with its mode, and no other file is touched."""
    weights, link, beside = tmp_path / "w.npy", tmp_path / "last.npy", tmp_path / "w.npy.kept"
    np.save(weights, np.ones(3))
    weights.chmod(0o640)
    link.symlink_to(weights.name)
    beside.write_text("mine")
    before = weights.read_bytes()
    ag.audit(written(tmp_path, each="np.save('last.npy', w)"))
    assert link.is_symlink()
    assert weights.read_bytes() == before
    assert weights.stat().st_mode & 0o777 == 0o640
    assert beside.read_text() == "mine"


def test_a_file_that_another_thread_writes_stays(tmp_path: Path) -> None:
    """Only the script's own changes are undone."""
    other = tmp_path / "other.txt"
    text = f"import threading; t = threading.Thread(target=lambda: open({str(other)!r}, 'w').write('kept')); t.start(); t.join()"
    ag.audit(written(tmp_path, text))
    assert other.read_text() == "kept"


UNREADABLE = {
    "print.py": (b"loss = 1\nprint loss\n", "line 2: print loss"),
    "open.py": (b"x = (1,\n", "line 1"),
    "latin.py": (b"x = '\xe4'\n", "no Python 3"),
    "cut.ipynb": (b'{"cells": [', "cannot be read"),
    "other.ipynb": (b"{}", "cannot be read"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_read_is_said(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line with the file's name, and a status of its own."""
    content, words = UNREADABLE[name]
    (tmp_path / name).write_bytes(content)
    assert audit_command([str(tmp_path / name)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert name in said
    assert words in said


def test_a_folder_is_no_script(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is said what the path is."""
    assert audit_command([str(tmp_path)]) == 2
    assert "directory" in capsys.readouterr().err


ENDS = {
    "import no_such_module": "ModuleNotFoundError: No module named 'no_such_module' (line 2)",
    "open('no_such_file.csv')": "FileNotFoundError",
    "import sys; sys.exit(sys.argv[1:] or 'one argument is needed')": "one argument is needed (line 2); what it reads from sys.argv",
    "while True: pass": "stopped after",
}


@pytest.mark.parametrize("first", ENDS)
def test_why_no_training_was_found_is_said(
    first: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The script's own error or its time, and the status for a script of which nothing can be said."""
    assert audit_command([str(written(tmp_path, first)), "--seconds", "3"]) == 3
    said = capsys.readouterr().out
    assert ENDS[first] in said
    assert "o training was found" in said


def test_a_script_in_latin_1_that_says_so_is_read(tmp_path: Path) -> None:
    """As Python itself reads it (PEP 263)."""
    path = written(tmp_path, "größe = 3")
    path.write_bytes(b"# -*- coding: latin-1 -*-\n" + path.read_text().encode("latin-1"))
    assert ag.audit(path).explained


def test_seconds_are_above_0(tmp_path: Path) -> None:
    """An audit without time would call every script unknown."""
    with pytest.raises(ValueError, match="seconds must be a finite number > 0"):
        ag.audit(written(tmp_path), seconds=0.0)


def test_ctrl_c_ends_the_audit(tmp_path: Path) -> None:
    """It is no error of the script's; and what the script had changed is put back."""
    path = written(tmp_path, "open('new.txt', 'w').close(); raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        ag.audit(path)
    assert os.listdir(tmp_path) == ["script.py"]


def test_lines_of_a_notebook_are_said_with_the_beginnings_of_its_cells(tmp_path: Path) -> None:
    """A line is found by the number at which its cell begins."""
    cells = [
        {"cell_type": "code", "source": [part]} for part in written(tmp_path).read_text().split("\nw = ")
    ]
    cells[1]["source"] = ["w = " + cells[1]["source"][0]]
    path = tmp_path / "steps.ipynb"
    path.write_text(json.dumps({"cells": cells}))
    assert "which begin at 1, 5" in str(ag.audit(path))
