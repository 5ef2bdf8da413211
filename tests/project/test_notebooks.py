"""The notebooks run, and are what their sources say."""

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
    assert all(
        cell.outputs or "print" not in cell.source for cell in committed.cells if cell.cell_type == "code"
    )
