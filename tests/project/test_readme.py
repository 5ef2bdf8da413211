"""What README says is so."""

import contextlib
import io
import re
import runpy

import pytest

from tests.helpers.processes import ROOT

README = (ROOT / "README.md").read_text(encoding="utf8")
PATTERN = re.compile(r"```python\n(.*?)```", re.DOTALL)
BLOCKS = PATTERN.findall(README)


def expected(block: str) -> list[str]:
    """The comments that say what a block prints: behind a print, or in lines of their own."""
    return [
        match.group(1).rstrip()
        for line in block.splitlines()
        if (match := re.match(r"\s*(?:print\(.*\)\s+)?# (.*)", line))
    ]


def printed(blocks: list[str]) -> list[list[str]]:
    """What each block prints, run one after another in one namespace."""
    namespace: dict[str, object] = {}
    outputs = []
    for block in blocks:
        with contextlib.redirect_stdout(io.StringIO()) as out:
            exec(block, namespace)
        outputs.append(out.getvalue().splitlines())
    return outputs


@pytest.mark.smoke
def test_blocks_print_what_their_comments_say(tmp_path, monkeypatch):
    """Every Python block of README runs, and prints the lines that stand in its comments."""
    monkeypatch.chdir(tmp_path)
    assert len(BLOCKS) >= 4
    for block, lines in zip(BLOCKS, printed(BLOCKS), strict=True):
        assert expected(block) == lines, block
        assert lines, "a block that shows nothing"


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.stem)
def test_blocks_of_the_pages_print_what_their_comments_say(page, tmp_path, monkeypatch):
    """Every Python block of a page in docs/ runs, and prints the lines that stand in its comments."""
    monkeypatch.chdir(tmp_path)
    blocks = PATTERN.findall(page.read_text(encoding="utf8"))
    for block, lines in zip(blocks, printed(blocks), strict=True):
        assert expected(block) == lines, block


def test_a_wrong_comment_is_noticed():
    """The check above fails for a number that is not so."""
    wrong = "print(1 + 1)  # 3\n"
    assert expected(wrong) != printed([wrong])[0]


@pytest.mark.parametrize(
    "command",
    [
        "python -m pip install . && python -m autograd_mini demo",
        "python -m pip install '.[test]' && python -m pytest",
    ],
)
def test_the_two_commands_stand_at_the_top_and_in_ci(command):
    """README's two commands are those that CI runs."""
    assert command in README[:1500]
    assert command in (ROOT / ".ci" / "run").read_text(encoding="utf8")


def test_twelve_lines():
    """The first example has twelve lines of code at most."""
    assert len([line for line in BLOCKS[0].splitlines() if line.strip()]) <= 12


@pytest.mark.parametrize("name", ["neuron", "network", "neurons", "tensors"])
def test_the_pictures_are_what_draw_gives(name):
    """README's pictures are those of docs/pictures.py, to the letter: `python docs/pictures.py` makes them anew."""
    root = ROOT / "docs"
    assert f"docs/pictures/{name}.svg" in README
    made = runpy.run_path(str(root / "pictures.py"))["drawing"](name).svg
    assert (root / "pictures" / f"{name}.svg").read_text(encoding="utf8") == made
