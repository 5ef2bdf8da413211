"""Execute the notebooks' text sources and write the .ipynb files beside them, with their outputs.

    python notebooks/build.py            every notebook, or only the sources named
    python notebooks/build.py --check    write nothing; fail when a committed .ipynb is not what its source gives

Edit the .py files only. All sources are executed before the first file is replaced, so an error changes nothing;
whatever differs between two runs or two machines is dropped, so a second run changes nothing either. A cell with the tag
"measured" shows what the benchmarks left when it was built, with their date; the tests do not compare its output.
"""

import argparse
import os
import sys
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).resolve().parent
METADATA = {
    "jupytext": {"formats": "ipynb,py:percent"},
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def sources():
    """The notebooks' text sources, in reading order."""
    return sorted(HERE.glob("[0-9]*-*.py"), key=lambda path: int(path.name.partition("-")[0]))


def execute(source, timeout=60):
    """The notebook of one text source, executed with this interpreter; raises CellExecutionError where a cell does."""
    notebook = jupytext.read(source)
    where = {"metadata": {"path": str(HERE)}}
    client = NotebookClient(notebook, timeout=timeout, kernel_name="python3", resources=where)
    path = [str(HERE.parent), os.environ.get("PYTHONPATH", "")]  # this checkout first, whatever is installed
    client.execute(env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path))})
    return notebook


def merged(outputs):
    """The outputs with neighbouring pieces of one stream joined: how a kernel cuts them is chance."""
    result = []
    for output in outputs:
        last = result[-1] if result else {}
        if output["output_type"] == "stream" == last.get("output_type") and output["name"] == last["name"]:
            last["text"] += output["text"]
        else:
            result.append(output)
    return result


def stable(notebook):
    """The notebook's file text, without times, versions, paths and chance cell ids."""
    cells = []
    for number, cell in enumerate(notebook.cells, 1):
        tags = {key: value for key, value in cell.metadata.items() if key == "tags"}
        kept = {"cell_type": cell.cell_type, "id": f"cell-{number:02d}", "metadata": tags, "source": cell.source}
        if cell.cell_type == "code":
            kept |= {"execution_count": cell.execution_count, "outputs": merged(cell.outputs)}
        cells.append(kept)
    clean = nbformat.from_dict({"cells": cells, "metadata": METADATA, "nbformat": 4, "nbformat_minor": 5})
    nbformat.validate(clean)
    return nbformat.writes(clean).rstrip("\n") + "\n"


def main(argv=None):
    """Build or check; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="*", type=Path, help="text sources (default: all)")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 when a notebook is stale")
    args = parser.parse_args(argv)

    texts = {}
    for source in args.sources or sources():
        print(f"executing {source.name}", flush=True)
        texts[source.with_suffix(".ipynb")] = stable(execute(source))

    stale = [path for path, text in texts.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if args.check:
        for path in stale:
            print(f"{path.name} is stale: run python notebooks/build.py")
        return int(bool(stale))
    beside = {path: path.with_name(path.name + ".new") for path in stale}
    try:
        for path, new in beside.items():
            new.write_text(texts[path], encoding="utf-8", newline="\n")
        for path, new in beside.items():
            os.replace(new, path)
    finally:
        for new in beside.values():
            new.unlink(missing_ok=True)
    print(f"{len(stale)} of {len(texts)} notebooks rewritten")
    return 0


if __name__ == "__main__":
    sys.exit(main())
