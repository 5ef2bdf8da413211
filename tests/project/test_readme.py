"""What README and the guide say is so."""

import contextlib
import io
import json
import re
import runpy
import tomllib
from fractions import Fraction

import pytest

from autograd_mini.gallery import ENTRIES
from tests.helpers.processes import ROOT, run_package

README = (ROOT / "README.md").read_text(encoding="utf8")
GUIDE = (ROOT / "docs" / "guide.md").read_text(encoding="utf8")
NUMPY = (ROOT / "docs" / "numpy.md").read_text(encoding="utf8")
DOCUMENTS = {"README": README, "guide": GUIDE}


def blocks_of(text: str) -> list[str]:
    """The Python blocks of a document."""
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


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
@pytest.mark.parametrize("name", DOCUMENTS)
def test_blocks_print_what_their_comments_say(name, tmp_path, monkeypatch):
    """Every Python block of a document runs, and prints the lines that stand in its comments."""
    monkeypatch.chdir(tmp_path)
    blocks = blocks_of(DOCUMENTS[name])
    assert len(blocks) >= 2
    for block, lines in zip(blocks, printed(blocks), strict=True):
        assert expected(block) == lines, block
        assert lines or ".save(" in block, "a block that shows nothing"


def test_readme_fits_on_three_screens():
    """A hundred lines and some, of which none is a target of our own."""
    assert len(README.splitlines()) <= 150
    assert "target" not in README.lower().replace("targets=", "")


def test_what_readme_and_the_guide_count_is_as_many():
    """NumPy's functions that are in the graph, notebooks, programs of the gallery, mistakes that are named, and files of the engine."""
    numpys = [int(n) for n in re.findall(r"In the graph: `np\.(?:linalg\.)?` \((\d+)\)", NUMPY)]
    assert int(re.search(r"more than (\d+) functions of NumPy", README)[1]) <= sum(numpys)
    assert ("eleven [notebooks]" in README) is (len([*ROOT.glob("notebooks/[0-9]*.py")]) == 11)
    assert ("thirteen whole programs" in README) is (len(ENTRIES) == 13)
    mistakes = tomllib.loads((ROOT / "autograd_mini" / "check" / "mistakes.toml").read_text(encoding="utf8"))
    assert abs(len(mistakes["gradient"]) - int(re.search(r"about (\d+) mistakes", GUIDE)[1])) <= 5
    files = [path for path in ROOT.glob("autograd_mini/core/*.py") if path.name != "__init__.py"]
    assert ("eleven files" in GUIDE) is (len(files) == 11)


MEASURED = [  # the ratios of README's table, in their order, as (work, ours, peer) of benchmarks/results
    ("micrograd's demo step", "Value in micrograd's nn", "micrograd"),
    ("micrograd's demo step", "nn.scalar", "micrograd"),
    ("the same graph, node by node", "Value", "PyTorch 0-d tensors"),
    ("step, 2-3-1 sigmoid on XOR, batch 4, float64", "Tensor", "PyTorch, addmm"),
    ("compiled step, 2-3-1 sigmoid on XOR, batch 4, float64", "compiled", "hand-written NumPy"),
    ("step, 2-16-16-1 relu, hinge + L2, batch 100, float64", "Tensor", "PyTorch, addmm"),
    ("step, 784-200-10 sigmoid, softmax, batch 128, float64", "Tensor", "PyTorch, F.linear"),
    ("step, 784-200-10 sigmoid, softmax, batch 1, float64", "Tensor", "PyTorch, addmm"),
    ("Hessian of 100-d Rosenbrock", "hessian", "HIPS autograd"),
    ("per-sample SGD, 28×28 digits, float32, 500 samples of 5000", "Tensor", "hand-written NumPy, vectors"),
]


def test_the_ratios_of_readme_are_those_that_were_measured_last():
    """To a quarter: a measurement that says something else makes README wrong."""
    rows = [
        row
        for path in (ROOT / "benchmarks" / "results").glob("*.json")
        for row in json.loads(path.read_text(encoding="utf8"))["rows"]
    ]
    measured = {(row["work"], row["ours"], row["peer"]): row["ratio"] for row in rows}
    table = README.partition("## How fast")[2].partition("## More")[0]
    cells = [line.split("|")[-2] for line in table.splitlines() if line.startswith("| ")][1:]
    shown = [float(Fraction(ratio.strip())) for cell in cells for ratio in cell.split(";")]
    assert shown == pytest.approx([measured[key] for key in MEASURED], rel=0.25)


PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")]
PAGES += [path for path in sorted((ROOT / "docs").rglob("*.md")) if path.name != "numpy.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page):
    """Each link of a page is to a file that is there, each # to a heading of it: so pages can be read in a checkout too."""
    text = page.read_text(encoding="utf8")
    for path, _, anchor in re.findall(r"\]\(([^)#:]*)(#([^)]*))?\)", text):
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), path
        if anchor:
            headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf8"), re.MULTILINE)
            known = {re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings}
            assert anchor in known, anchor


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_first_example_of_a_section_runs_by_itself(page, tmp_path, monkeypatch):
    """A reader who comes to a heading can type its first block; on a page whose examples go on, the head says so."""
    monkeypatch.chdir(tmp_path)
    head, *sections = re.split(r"^## ", page.read_text(encoding="utf8"), flags=re.MULTILINE)
    if "examples go on from one another" in head:
        return
    for first in [blocks[0] for section in sections if (blocks := blocks_of(section))]:
        if "import torch" in first:
            pytest.importorskip("torch")
        if "gaussian = Op(" not in first:  # a line of a file, in CONTRIBUTING
            printed([first])


def test_the_network_of_readme_is_fifteen_lines_of_plain_numpy():
    """It zeroes its gradients and makes its steps; but for the wrapping it is NumPy."""
    block = next(block for block in blocks_of(README) if "zero_grad" in block)
    lines = [line for line in block.splitlines() if line.strip() and not line.startswith("import ")]
    assert len(lines) <= 15
    assert ".zero_grad()" in block
    assert "w.data -=" in block
    assert block.count("ag.") == block.count("ag.Tensor(")


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
    assert len([line for line in blocks_of(README)[0].splitlines() if line.strip()]) <= 12


def test_the_audit_that_readme_opens_with_is_what_the_command_says(tmp_path):
    """Its ten lines are a script that runs, and the answer is the command's, to the letter."""
    block = README.split("    import numpy as np\n", 1)[1].split("\n**Stuck?", 1)[0]
    lines = [line.removeprefix("    ") for line in ("    import numpy as np\n" + block).splitlines()]
    place = lines.index("$ python -m autograd_mini audit xor.py")
    script, answer = lines[:place], lines[place + 1 :]
    assert len([line for line in script if line]) == 10
    (tmp_path / "xor.py").write_text("\n".join(script), encoding="utf8")
    told = run_package("audit", "xor.py", cwd=tmp_path)
    assert told.stdout.splitlines() == [line for line in answer if line]


@pytest.mark.parametrize("name", ["neuron", "network", "neurons", "tensors", "handwritten"])
def test_the_pictures_are_what_draw_gives(name):
    """The documents' pictures are those of docs/pictures.py, to the letter: `python docs/pictures.py` makes them anew."""
    root = ROOT / "docs"
    assert f"pictures/{name}.svg" in README + GUIDE
    made = runpy.run_path(str(root / "pictures.py"))["drawing"](name).svg
    assert (root / "pictures" / f"{name}.svg").read_text(encoding="utf8") == made
