"""The gallery: each program reaches the outcome that it is there for."""

import inspect
import io
import re
import sys
from importlib import import_module
from pathlib import Path

import pytest

from autograd_mini import cli
from autograd_mini.gallery import ENTRIES, oscillator, story, xor_minimal
from tests.helpers.processes import run


def test_the_gallery_is_listed(capsys):
    """`gallery` alone prints a line for each program, and an unknown name is refused with the names there are."""
    assert cli.main(["gallery"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(ENTRIES)
    with pytest.raises(SystemExit):
        cli.main(["gallery", "nothing"])
    assert "oscillator" in capsys.readouterr().err


@pytest.mark.smoke
def test_every_entry_is_a_file_with_one_interface():
    """Each name of the list is a module whose main takes a seed and the path of a picture; and there is none beside them."""
    files = {path.stem for path in Path(oscillator.__file__).parent.glob("*.py")}
    files -= {"__init__", "demo", "story"}
    assert files == {name.replace("-", "_") for name in ENTRIES}
    for file in files:
        main = import_module(f"autograd_mini.gallery.{file}").main
        assert list(inspect.signature(main).parameters) == ["seed", "plot"], file


@pytest.mark.parametrize("name", ENTRIES)
def test_each_entry_says_what_was_asked_what_was_wrong_and_what_works(name):
    """The docstring of every program has a title of one line, and then these three."""
    title, told = story.docstring(name).split("\n\n")
    assert title.endswith(".")
    assert "\n" not in title
    assert re.fullmatch(r"Asked: .+\nWrong: .+\nWorks: .+", told, re.S)


WITHOUT = {  # no script of their author's: a tool that says it is named in its place
    "robot-policy": "ag.doctor", "rosenbrock": "ag.diagnose_update", "maximise-input": "ag.check_gradients",
    "input-derivatives": "ag.diagnose", "oscillator": "",
}  # fmt: skip


@pytest.mark.parametrize("name", ENTRIES)
def test_each_entry_shows_what_was_wrong(name):
    """It has the script that its author wrote, and its audit is printed; or another tool says what is wrong, or that nothing is."""
    entry = import_module(f"autograd_mini.gallery.{name.replace('-', '_')}")
    source = Path(entry.__file__).read_text(encoding="utf8")
    if name in WITHOUT:
        assert not hasattr(entry, "ASKED")
        assert f"{WITHOUT[name]}" in source
    else:
        assert "audited(ASKED" in source


def test_a_script_is_audited_mended_and_audited_again(capsys):
    """A script with two mistakes: the lines of the audit are put in, and what is said in all rounds is returned."""
    script = xor_minimal.ASKED.replace("* H * (1 - H)", "* H").replace("+= 0.1 * X.T", "-= 0.1 * X.T")
    assert script != xor_minimal.ASKED
    said = story.audited(script)
    shown = capsys.readouterr().out
    assert shown.startswith("     1  import numpy as np\n")
    assert "✗" in said
    assert said.endswith("nothing is wrong.")


def test_a_script_that_cannot_be_mended_is_asked_about_once(capsys):
    """Where the audit has no line to put in, it is not asked again."""
    story.audited("print(1)\n")
    assert capsys.readouterr().out.count("$ python -m autograd_mini audit") == 1


def test_the_story_stands_above_what_a_program_prints(capsys):
    assert cli.main(["gallery", "two-two-one"]) == 0
    assert capsys.readouterr().out.startswith(f"{story.docstring('two-two-one')}\n\n")


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_program_shows_how_far_it_is_on_a_terminal_alone(monkeypatch, capsys):
    """A bar that grows and is wiped out at the end; nothing of it in a file."""
    monkeypatch.setattr(sys, "stdout", terminal := Terminal())
    assert list(story.steps("abcd", 4, "epoch 1")) == list("abcd")
    shown = terminal.getvalue()
    assert "epoch 1 [" + "█" * 18 + "·" * 6 + "]" in shown
    assert shown.endswith("\r\033[K")
    for _ in story.steps("abcd", 4, "epoch 2"):
        break
    assert terminal.getvalue().endswith("]\r\033[K")
    monkeypatch.undo()
    assert list(story.steps("abcd", 4, "epoch 1")) == list("abcd")
    assert capsys.readouterr().out == ""


def test_a_program_of_the_gallery_can_be_read(capsys):
    """--source prints the file as it stands, and runs nothing."""
    assert cli.main(["gallery", "oscillator", "--source"]) == 0
    assert capsys.readouterr().out == Path(oscillator.__file__).read_text(encoding="utf8")


@pytest.mark.parametrize("suffix", [".svg", ".png"])
def test_an_entry_draws_its_curves(tmp_path, suffix, capsys):
    """--plot writes a picture; without matplotlib it is refused in one line, before anything runs."""
    pytest.importorskip("matplotlib")
    path = tmp_path / f"curves{suffix}"
    assert cli.main(["gallery", "rosenbrock", "--plot", str(path)]) == 0
    assert path.read_bytes()[:5] in (b"<?xml", b"\x89PNG\r")


def test_without_matplotlib_a_picture_is_refused_in_one_line(monkeypatch, capsys):
    monkeypatch.setattr(cli.commands, "find_spec", lambda name: None)
    with pytest.raises(SystemExit):
        cli.main(["gallery", "rosenbrock", "--plot", "curves.png"])
    assert "--plot needs matplotlib: python -m pip install" in capsys.readouterr().err


def test_a_reader_that_leaves_early_ends_the_program_quietly():
    """`python -m autograd_mini gallery | head -1`: no traceback."""
    command = f"{sys.executable} -u -m autograd_mini gallery dynamic-network | head -1"
    found = run(command, shell=True)
    assert found.stdout.count("\n") == 1
    assert found.stderr == ""
