"""The gallery: each program reaches the outcome that it is there for."""

import inspect
import re
import sys
from pathlib import Path

import pytest

from autograd_mini import cli
from autograd_mini.gallery import ENTRIES, oscillator, story
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
    """Each name of the list is a module whose main takes a seed; there is none beside them, and each but the oscillator can be trained."""
    names = {path.stem for path in Path(oscillator.__file__).parent.glob("*.py")}
    names -= {"__init__", "demo", "story"}
    assert names == {name.replace("-", "_") for name in ENTRIES}
    for name in ENTRIES:
        entry = story.program(name)
        assert list(inspect.signature(entry.main).parameters) == ["seed"], name
        assert hasattr(entry, "training") is (name != "oscillator"), name


@pytest.mark.parametrize("name", ENTRIES)
def test_each_entry_says_what_was_asked_what_was_wrong_and_what_works(name):
    """A title of one line, and then these three."""
    title, told = story.program(name).__doc__, story.story(name)[0]
    assert title.endswith(".")
    assert "\n" not in title
    assert re.fullmatch(r"Asked: .+\n\nWrong: .+\n\nWorks: .+", told, re.S)


WRONG = {  # of each script, how many lines; two programs have none: a doctor's word, and nothing wrong
    "xor": 2, "overfit": 1, "xor-minimal": 0, "digits-softmax-sse": 1, "rosenbrock": 0, "digits-per-sample": 1,
    "xor-no-bias": 1, "maximise-input": 0, "two-two-one": 0, "dynamic-network": 1, "input-derivatives": 1,
}  # fmt: skip


@pytest.mark.parametrize("name", ENTRIES)
def test_each_entry_shows_what_was_wrong_by_the_audit(name):
    """So many lines of its script are wrong, and none is with the audit's lines in their places."""
    script = story.story(name)[1]
    assert bool(script) is (name in WRONG)
    if script:
        report = story.asked(script)
        assert len(report.findings) == WRONG[name]
        for found in report.findings:
            script = script.replace(found.code, found.should_be)
        assert not story.asked(script).findings


def test_a_script_is_audited_mended_and_audited_again(capsys):
    """A script with two mistakes: the lines of the audit are put in, and what is said then is printed."""
    script = story.story("xor-minimal")[1]
    wrong = script.replace("* H * (1 - H)", "* H").replace("+= 0.1 * X.T", "-= 0.1 * X.T")
    assert wrong != script
    assert story.audited(wrong).findings
    shown = capsys.readouterr().out
    assert shown.startswith("     1  import numpy as np\n")
    assert shown.endswith("nothing is wrong.\n\n")


def test_a_script_that_cannot_be_mended_is_asked_about_once(capsys):
    """Where the audit has no line to put in, it is not asked again."""
    story.audited("print(1)\n")
    assert "With the right lines" not in capsys.readouterr().out


def test_the_story_stands_above_what_a_program_prints(capsys):
    assert cli.main(["gallery", "two-two-one"]) == 0
    told = f"{story.program('two-two-one').__doc__}\n\n{story.story('two-two-one')[0]}\n\n"
    assert capsys.readouterr().out.startswith(told)


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
