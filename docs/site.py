"""What mkdocs does not find in docs/: the notebooks as pages, the reference made from the code, the files of the top level.

mkdocs.yml names it twice: as hooks, and for the extension that makes blocks of the examples in docstrings.
"""

import base64
import html
import inspect
import json
import posixpath
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import griffe
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # this checkout, whatever is installed

import autograd_mini as ag  # noqa: E402

# ---- The reference ----------------------------------------------------------------------------------------------------

PAGES = {  # the page of a public name, by the module that it is from: the longest beginning counts
    "nodes": (
        "Values, Tensors and operations",
        ("core.value", "core.tensor", "core.op", "core.node", "support"),
    ),
    "derivatives": ("Derivatives", ("derivatives",)),
    "mistakes": ("Finding mistakes", ("check",)),
    "seeing": ("Trees, pictures, plots", ("draw", "plot")),
    "training": ("Training, saving, loading", ("train", "io", "chunks")),
    "compiling": ("Compiling", ("compile",)),
    "rows": (
        "The table: functions without parameters",
        ("core.rows", "core.special_rows", "core.array_rows"),
    ),
    "functions": ("Functions with parameters", ("core.functions",)),
    "arrays": ("More of NumPy's functions", ("array_functions",)),
    "errors": ("Errors", ("errors",)),
}
PARTS = {
    "nn": "autograd_mini.nn: layers, activations, losses",
    "optim": "autograd_mini.optim: optimisers, schedules",
}


WITHOUT_MEMBERS = ("autograd_mini.errors", "autograd_mini.check.debug")


def module_of(thing: Any) -> str:
    """The module that a public thing is from, below the package; an instance's is its class's."""
    name = getattr(thing, "__module__", None) or type(thing).__module__
    return name.removeprefix("autograd_mini.")


def page_of(name: str) -> str:
    """The page on which a name of ag.__all__ stands; raises KeyError for one that has none."""
    thing = getattr(ag, name)
    if isinstance(thing, ModuleType):
        return name
    if isinstance(thing, str):  # the version
        return "nodes"
    module = module_of(thing)
    for page, (_, beginnings) in PAGES.items():
        if any(module == one or module.startswith(one + ".") for one in beginnings):
            return page
    raise KeyError(f"ag.{name} is from {module}, which has no page in docs/site.py")


def first_line(thing: Any) -> str:
    """The first sentence of a docstring, for a cell of a table."""
    text = " ".join((thing.__doc__ or "").partition("\n\n")[0].split())
    return text.replace("|", "\\|")


def names_of(page: str) -> list[str]:
    return [name for name in ag.__all__ if page_of(name) == page]


def is_documented_in_source(thing: Any) -> bool:
    """Whether it is a class, or a function that stands in the source under its own name."""
    return (
        isinstance(thing, type)
        or getattr(thing, "__qualname__", "") == getattr(thing, "__code__", MADE).co_name
    )


MADE = compile("", "", "exec")  # a code object whose name is no function's


def signature(name: str, thing: Any) -> str:
    """A block with the arguments, where it can be called."""
    return f"```python\nag.{name}{inspect.signature(thing)}\n```\n" if callable(thing) else ""


def entries(module: Any, names: list[str]) -> list[str]:
    """A block of each function and class, and the text of what is neither."""
    lines = []
    for name in names:
        thing = getattr(module, name)
        if is_documented_in_source(thing):
            lines += [f"::: {thing.__module__}.{thing.__name__}", ""]
            if isinstance(thing, type) and thing.__module__ not in WITHOUT_MEMBERS:
                inherited = thing in (
                    ag.Value,
                    ag.Tensor,
                )  # of Node; a layer's would be Module's, again and again
                lines += ["    options:", "      members: null", f"      inherited_members: {inherited}", ""]
        elif not isinstance(thing, ModuleType | str):
            lines += [
                f"## {name}",
                "",
                signature(name, thing),
                fenced(inspect.cleandoc(thing.__doc__ or "")),
                "",
            ]
    return lines


def rows_table() -> list[str]:
    """The rows of the table, a line each."""
    lines = ["| function | what it gives |", "|---|---|"]
    for name in names_of("rows"):
        row = getattr(ag, name)
        lines.append(f"| `ag.{name}({', '.join(row.operands)})` | {first_line(row)} |")
    return lines


def reference(page: str) -> str:
    """The Markdown of one page of the reference."""
    if page in PARTS:
        module = getattr(ag, page)
        return "\n".join([f"# {PARTS[page]}", "", first_line(module), "", *entries(module, module.__all__)])
    title, _ = PAGES[page]
    lines = [f"# {title}", ""]
    if page == "rows":
        lines += [
            "Each of these is a row of the table, and a function: of Values and Tensors it gives a node, of numbers and arrays",
            "plain results. `help(ag.tanh)` says more of each, with an example.",
            "",
            *rows_table(),
        ]
    else:
        lines += entries(ag, names_of(page))
    return "\n".join(lines)


def overview() -> str:
    """The first page of the reference: every public name, with its page."""
    lines = [
        "# Reference",
        "",
        "`import autograd_mini as ag`; every public name, and the page that has more of it.",
        "",
    ]
    for page, (title, _) in PAGES.items():
        links = " · ".join(f"[`{name}`]({page}.md)" for name in names_of(page))
        lines += [f"## {title}", "", links, ""]
    for part, title in PARTS.items():
        links = " · ".join(f"[`{name}`]({part}.md)" for name in [part, *getattr(ag, part).__all__])
        lines += [f"## {title}", "", links, ""]
    lines += ["What of NumPy works on nodes is [a table of its own](../numpy.md).", ""]
    return "\n".join(lines)


EXAMPLE = re.compile(r"^( *)>>> .*(?:\n(?! *$).*)*", re.MULTILINE)


def fenced(text: str) -> str:
    """A docstring whose examples are blocks of code."""
    return EXAMPLE.sub(lambda found: f"{found[1]}```pycon\n{found[0]}\n{found[1]}```", text)


class Examples(griffe.Extension):
    """Examples in docstrings become blocks of code; what begins with «>» would be a quotation."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring:
            obj.docstring.value = fenced(obj.docstring.value)


# ---- The notebooks ----------------------------------------------------------------------------------------------------

held: dict[str, str] = {}  # what goes into a page as it is, by the mark that stands in its place


def hold(markup: str) -> str:
    """A mark for a piece of HTML that Markdown is not to touch."""
    mark = f"held-output-{len(held)}-"
    held[mark] = f'<div class="output">{markup}</div>'
    return f"\n\n{mark}\n\n"


def shown(output: dict[str, Any]) -> str:
    """An output of a cell as Markdown."""
    if output["output_type"] == "stream":
        return f"\n```text\n{''.join(output['text']).rstrip()}\n```\n"
    data = {kind: "".join(text) for kind, text in output.get("data", {}).items()}
    for kind in ("image/svg+xml", "image/png"):
        if kind in data:
            raw = data[kind].strip()
            code = raw.replace("\n", "") if kind == "image/png" else base64.b64encode(raw.encode()).decode()
            alt = html.escape(data.get("text/plain", "picture"))
            wide = re.search(r'<svg[^>]* width="([\d.]+)', raw)
            least = f' style="min-width: {0.8 * float(wide[1]):.0f}px"' if wide else ""
            return hold(f'<img alt="{alt}"{least} src="data:{kind};base64,{code}">')
    if "text/html" in data:
        return hold(data["text/html"])
    return f"\n```text\n{data.get('text/plain', '').rstrip()}\n```\n"


def tutorial(notebook: Path) -> str:
    """A notebook, with its outputs, as Markdown."""
    parts = []
    for cell in json.loads(notebook.read_text(encoding="utf8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source)
        else:
            parts.append(f"```python\n{source}\n```")
            parts += [shown(output) for output in cell["outputs"]]
    return "\n\n".join(parts) + "\n"


# ---- Hooks ------------------------------------------------------------------------------------------------------------

TOP = {
    "CONTRIBUTING": "contributing",
    "CHANGELOG": "changelog",
    "SECURITY": "security",
    "CODE_OF_CONDUCT": "conduct",
}


NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
PLACES = {  # where a file of the project is in the site
    "autograd_mini/check/mistakes.toml": "mistakes.txt",
    "autograd_mini/gallery/stories.md": "tutorial/gallery.md",
    "benchmarks/audit.md": "explanation/figures-audit.md",
    "benchmarks/diagnosis.md": "explanation/figures-diagnosis.md",
    "benchmarks/RESULTS.md": "explanation/figures-speed.md",
    **{f"{name}.md": f"project/{page}.md" for name, page in TOP.items()},
    **{f"notebooks/{path.name}": f"tutorial/{path.stem}.md" for path in NOTEBOOKS},
}


def pages() -> dict[str, str]:
    """All pages that are made, by their paths."""
    made = {"reference/index.md": overview()}
    made |= {f"reference/{page}.md": reference(page) for page in [*PAGES, *PARTS]}
    for path in NOTEBOOKS:
        made[f"tutorial/{path.stem}.md"] = tutorial(path)
    for source, page in PLACES.items():
        made.setdefault(page, (ROOT / source).read_text(encoding="utf8"))
    return made


def relinked(markdown: str, page: str) -> str:
    """The text of a page of docs/, in which links to files of the project lead to their places in the site."""
    folder = posixpath.dirname(page)

    def moved(link: re.Match[str]) -> str:
        place = PLACES.get(posixpath.normpath(posixpath.join("docs", folder, link[1])))
        return f"]({posixpath.relpath(place, folder or '.')}" if place else link[0]

    return re.sub(r"\]\(([^)#:]+)", moved, markdown)


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    return relinked(markdown, page.file.src_uri)


def on_files(files: Files, config: Any) -> Files:
    for path, text in pages().items():
        files.append(File.generated(config, path, content=text))
    return files


def on_page_content(html: str, **_: Any) -> str:
    return re.sub(r"<p>(held-output-\d+-)</p>", lambda found: held[found[1]], html)
