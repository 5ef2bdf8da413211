"""CONTRIBUTING.md's walk, done as it stands there: an operation added to a copy of the project, with its tests."""

import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.helpers.processes import ROOT, run

TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf8")
WALK = TEXT.partition("## Add an operation in five minutes")[2].partition("\n## ")[0].partition("\n### ")[0]
LEFT_OUT = shutil.ignore_patterns(
    "__pycache__", ".*_cache", "notebooks", "benchmarks", "docs", "gallery", ".hypothesis"
)


def copied(folder: Path) -> Path:
    """A copy of what the walk touches."""
    for name in ("autograd_mini", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=LEFT_OUT)
    shutil.copytree(ROOT / "autograd_mini" / "gallery", folder / "autograd_mini" / "gallery")
    for path in ROOT.glob("*.*"):
        if path.is_file():
            shutil.copy(path, folder)
    return folder


def put(path: Path, text: str, before: str | None) -> None:
    """Write a text into a file, before another one that stands there, or at its end."""
    old = path.read_text(encoding="utf8")
    if before is None:
        new = f"{old}\n{text}"
    else:
        assert before in old, f"{path.name} has no {before!r}"
        head, found, tail = old.partition(before)
        new = (
            head
            + text
            + ("" if text.endswith("\n") or text[0] == " " else " " if text.startswith('"') else "\n")
            + found
            + tail
        )
    path.write_text(new, encoding="utf8")


def follow(walk: str, root: Path) -> None:
    """Do what the numbered steps say: blocks at the end of a file or before a line, and «put `a` before `b`»."""
    for step in re.split(r"^\*\*\d\. ", walk, flags=re.MULTILINE)[1:]:
        block = re.search(r"```python\n(.*?)```", step, re.DOTALL)
        path = re.search(r"`([\w/]+\.py)`", step)
        if block and path:
            before = re.search(r"Put this\s+before `([^`]+)`", step)
            put(root / path[1], block[1], before[1] if before else None)
        elif path:
            for text, before in re.findall(r"put `([^`]+)` before `([^`]+)`", step):
                put(root / path[1], text, before)


def commands(walk: str, root: Path) -> list[str]:
    """The commands of the walk in their order, each followed by its status and what it printed."""
    found = [line.strip() for line in walk.splitlines() if line.startswith("    python -m")]
    shown = []
    for command in found:
        quoted = command.replace("python", f'"{sys.executable}"', 1)
        done = run(quoted, shell=True, cwd=root, env={"PYTHONPATH": str(root), "PYTEST_ADDOPTS": ""})
        shown.append(f"{command}\n{done.returncode}\n{done.stdout[-3000:]}{done.stderr[-1000:]}")
    return shown


def test_the_walk_is_told_in_steps():
    """Five steps, and four files that there are."""
    assert len(re.findall(r"^\*\*\d\. ", WALK, re.MULTILINE)) == 5
    files = set(re.findall(r"`([\w/]+/[\w/]+\.py)`", WALK)) - {"tests/project/test_contributing.py"}
    assert len(files) == 4
    assert all((ROOT / path).is_file() for path in files)


def test_an_operation_is_added_in_these_steps(tmp_path):
    """The five steps, done in a copy of the project, end in green tests of the new operation."""
    root = copied(tmp_path)
    follow(WALK, root)
    done = commands(WALK, root)
    for shown in done:
        assert shown.split("\n")[1] == "0", shown
    count = re.search(r"(\d+) passed", "".join(done))
    assert count
    assert int(count[1]) >= 20


def test_what_a_step_left_out_says(tmp_path):
    """Without the sample or the formulas, the tests of step 5 name what is missing; the formulas' entry is printed, to be pasted."""
    root = copied(tmp_path)
    third, fourth, fifth = ("**3. ", "**4. ", "**5. ")
    follow(WALK.partition(third)[0] + fifth + WALK.partition(fifth)[2], root)
    (tested,) = [shown for shown in commands(WALK, root) if " pytest " in shown.split("\n")[0]]
    entry = re.search(r"```python\n(.*?)```", WALK.partition(fourth)[2], re.DOTALL)
    assert entry
    assert all(line in tested for line in entry[1].splitlines())
    assert "no sample at the end of tests/samples.py: {'gaussian'}" in tested


@pytest.mark.slow
def test_a_wrong_rule_would_be_noticed(tmp_path):
    """The same walk with a wrong derivative ends in failing tests."""
    root = copied(tmp_path)
    wrong = WALK.replace("g * (-2.0 * x * out)", "g * (2.0 * x * out)")
    assert wrong != WALK
    follow(wrong, root)
    (tested,) = [shown for shown in commands(wrong, root) if " pytest " in shown.split("\n")[0]]
    assert tested.split("\n")[1] == "1", tested
    assert "test_orders_1_to_3_equal_pytorch" in tested
