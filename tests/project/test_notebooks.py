"""The notebooks run, and are what their sources say."""

import re

import jupytext
import nbformat
import pytest
from nbclient import NotebookClient

from tests.helpers.processes import ROOT, TIMEOUT

FOLDER = ROOT / "notebooks"
SOURCES = sorted(FOLDER.glob("[0-9]*.py"))


def test_there_are_notebooks():
    """Each text source has its notebook beside it."""
    assert len(SOURCES) >= 2
    assert [source.with_suffix(".ipynb").exists() for source in SOURCES] == [True] * len(SOURCES)


def pictures(notebook):
    """The outputs of a notebook that are SVG pictures."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return [output for output in outputs if "image/svg+xml" in output.get("data", {})]


def words(notebook):
    """What the outputs of each cell say, without numbers, which may differ in their last digits on another machine.

    Nothing of cells that show the benchmarks' last figures: those are measured anew without a notebook being built.
    """
    said = []
    for cell in notebook.cells:
        measured = "measured" in cell.metadata.get("tags", ())
        shown = [] if measured else cell.get("outputs", [])
        outputs = [output.get("text") or output["data"]["text/plain"] for output in shown]
        said.append(re.sub(r"[-+]?[\d.]+(e[-+]?\d+)?|\s+", " ", "".join(outputs)).split())
    return said


def test_words_of_old_outputs_are_told_from_new_ones():
    """The comparison sees another word, and no other digits."""
    cells = [
        nbformat.v4.new_code_cell("", outputs=[nbformat.v4.new_output("stream", text=text)])
        for text in ("loss 0.12 right", "loss 0.120001  right", "loss 0.12 wrong")
    ]
    one, same, other = (words(nbformat.v4.new_notebook(cells=[cell])) for cell in cells)
    assert one == same != other
    cells[2].metadata["tags"] = ["measured"]
    assert words(nbformat.v4.new_notebook(cells=cells[2:])) == [[]]


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_notebook_runs_and_is_paired(source):
    """The text source runs from top to bottom, its asserts hold, and the committed notebook has its cells and outputs."""
    notebook = jupytext.read(source)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    NotebookClient(notebook, timeout=TIMEOUT, resources={"metadata": {"path": str(FOLDER.parent)}}).execute()
    committed = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    assert [cell.source for cell in committed.cells] == [cell.source for cell in notebook.cells]
    assert any("assert" in cell.source for cell in notebook.cells[-2:])
    assert words(committed) == words(notebook), f"stale: run python notebooks/build.py {source.name}"
    assert pictures(committed), "a notebook without a picture of its own"
    assert all(
        cell.outputs or "print" not in cell.source for cell in committed.cells if cell.cell_type == "code"
    )


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_pictures_are_there_without_graphviz(tmp_path, monkeypatch):
    """The notebook of pictures runs where there is no `dot` program."""
    monkeypatch.setenv("PATH", str(tmp_path))
    notebook = jupytext.read(FOLDER / "6-see-it.py")
    notebook.cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell in notebook.cells:
        cell.source = cell.source.replace(', engine="python"', "")
    check = nbformat.v4.new_code_cell("import shutil\nassert shutil.which('dot') is None")
    notebook.cells.insert(0, check)
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook.metadata["kernelspec"] = kernel
    NotebookClient(notebook, timeout=TIMEOUT, resources={"metadata": {"path": str(FOLDER.parent)}}).execute()
    assert len(pictures(notebook)) >= 5
