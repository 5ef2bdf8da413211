"""What the documentation's pages say is so, the reference is complete, and the site can be read on a phone and in the dark."""

import re
import runpy
import sys

import pytest

import autograd_mini as ag
from tests.helpers.processes import ROOT, run, run_package
from tests.project.test_readme import expected, printed

DOCS = ROOT / "docs"
ELSEWHERE = ("guide.md", "larger-than-memory.md")  # tested by test_readme.py and chunks/test_page.py
PAGES = sorted(path for path in DOCS.rglob("*.md") if path.name not in ELSEWHERE)
START = (DOCS / "index.md").read_text(encoding="utf8")
RIGHT = "    dZ1 = dZ2 @ W2.T * (1 - A1**2)"


def blocks_of(text: str, kind: str = "python") -> list[str]:
    """The blocks of a kind, but for those that are files."""
    return re.findall(rf"^```{kind}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(DOCS).as_posix())
def test_blocks_print_what_their_comments_say(path, tmp_path, monkeypatch):
    """Every Python block of a page runs, and prints the lines that stand in its comments."""
    if "import Client" in path.read_text(encoding="utf8"):
        pytest.skip("it starts processes: tests/chunks/test_page.py runs it as a script")
    if "import torch" in path.read_text(encoding="utf8"):
        pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    blocks = blocks_of(path.read_text(encoding="utf8"))
    for block, lines in zip(blocks, printed(blocks), strict=True):
        assert expected(block) == lines, block


def test_pages_of_how_to_show_something():
    """A how-to page has at least one block that runs."""
    bare = [
        path.name for path in (DOCS / "how-to").glob("*.md") if not blocks_of(path.read_text(encoding="utf8"))
    ]
    assert bare == []


@pytest.fixture
def script(tmp_path):
    """The script of the start page, as a reader saves it."""
    (text,) = re.findall(r"^```python title=\"xor.py\"\n(.*?)^```", START, re.DOTALL | re.MULTILINE)
    path = tmp_path / "xor.py"
    path.write_text(text, encoding="utf8")
    return path


def test_the_start_page_is_what_happens(script):
    """The script fails as shown; the audit says what is shown; the mended script learns, and is audited without a finding."""
    failing, audited, learnt, right = blocks_of(START, "text")
    assert run([sys.executable, str(script)]).stdout == failing
    assert run_package("audit", "xor.py", cwd=script.parent).stdout == audited

    lines = script.read_text(encoding="utf8").splitlines()
    assert "1 - Z1**2" in lines[18], "line 19 is named in the text"
    assert f"    {RIGHT.strip()}" in START
    lines[18] = RIGHT
    script.write_text("\n".join(lines), encoding="utf8")
    assert run([sys.executable, str(script)]).stdout == learnt
    assert run_package("audit", "xor.py", cwd=script.parent).stdout.endswith(right)


def test_the_reference_has_every_public_name():
    """Each name of ag.__all__ has a page, and stands on the first page of the reference; a row's formula is in the table."""
    pytest.importorskip("mkdocs")
    pytest.importorskip("griffe")
    site = runpy.run_path(str(DOCS / "site.py"))
    pages = site["pages"]()
    overview = pages["reference/index.md"]
    assert [name for name in ag.__all__ if f"[`{name}`](" not in overview] == []
    assert "`ag.tanh(x)`" in pages["reference/rows.md"]
    assert "::: autograd_mini.derivatives.jacobian" in pages["reference/derivatives.md"]
    assert "svg+xml;base64" in "".join(site["held"].values())


def test_a_name_without_a_page_is_noticed(monkeypatch):
    pytest.importorskip("mkdocs")
    pytest.importorskip("griffe")
    site = runpy.run_path(str(DOCS / "site.py"))
    monkeypatch.setattr(
        ag, "planted", json_like := type("planted", (), {"__module__": "autograd_mini.cli"}), raising=False
    )
    assert json_like is ag.planted
    with pytest.raises(KeyError, match="planted is from cli"):
        site["page_of"]("planted")


def test_links_to_files_of_the_project_lead_to_their_pages():
    """In a checkout a link is to the file; on the site it is to the page that is made of it, from any folder; others are left alone."""
    pytest.importorskip("mkdocs")
    pytest.importorskip("griffe")
    relinked = runpy.run_path(str(DOCS / "site.py"))["relinked"]
    notebook = "[a](../../notebooks/2-the-engine.ipynb) [b](../../CONTRIBUTING.md#a-release)"
    assert (
        relinked(notebook, "how-to/x.md")
        == "[a](../tutorial/2-the-engine.md) [b](../project/contributing.md#a-release)"
    )
    assert relinked("[a](../notebooks/2-the-engine.ipynb)", "x.md") == "[a](tutorial/2-the-engine.md)"
    for same in ("[a](../index.md)", "[a](https://docs.dask.org)", "[a](#b)"):
        assert relinked(same, "how-to/x.md") == same


def test_examples_in_docstrings_become_blocks():
    pytest.importorskip("mkdocs")
    pytest.importorskip("griffe")
    fenced = runpy.run_path(str(DOCS / "site.py"))["fenced"]
    assert fenced("Text.\n\n>>> 1 + 1\n2\n\nMore.") == "Text.\n\n```pycon\n>>> 1 + 1\n2\n```\n\nMore."


# ---- The built site -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, built as CI builds it: a warning, such as a dead link, is an error."""
    pytest.importorskip("material")
    pytest.importorskip("mkdocstrings")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(folder)]
    done = run(command, cwd=ROOT, env={"NO_MKDOCS_2_WARNING": "1"})
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.mark.slow
def test_the_site_loads_nothing_from_elsewhere(site):
    """No page takes a script, a style, a font or a picture from another place."""
    for path in site.rglob("*.html"):
        found = re.findall(
            r"<(?:script|link|img|iframe)[^>]*(?:src|href)=\"(https?:[^\"]*)", path.read_text(encoding="utf8")
        )
        assert [address for address in found if "canonical" not in address] == [], path.name


@pytest.mark.slow
def test_the_reference_shows_what_users_call(site):
    """A class has its public members that say what they do: no slots, no helpers; the methods of a node are with both its kinds."""
    for path in (site / "reference").glob("*.html"):
        names = re.findall(r'class="doc doc-object-name[^>]*>([^<]*)<', path.read_text(encoding="utf8"))
        assert [name for name in names if name.startswith("_")] == [], path.name
        assert names.count("backward") == 2 * (path.name == "nodes.html"), path.name


@pytest.mark.slow
def test_the_site_can_be_read_on_a_phone_and_in_the_dark(site):
    """At 390 points no page is wider than the screen, and in the dark its text is light on dark ground."""
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        import shutil

        browser = started.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 390, "height": 844}, color_scheme="dark")
        for path in sorted(site.rglob("*.html")):
            page.goto(path.as_uri())
            wide = page.evaluate("document.scrollingElement.scrollWidth")
            assert wide <= 390, f"{path.relative_to(site)} is {wide} wide"
        scheme = page.evaluate("document.body.getAttribute('data-md-color-scheme')")
        browser.close()
    assert scheme == "slate"
