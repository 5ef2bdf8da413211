"""What lets others in: the files that they look for, and that these agree with one another."""

import re
import tomllib

import pytest
import yaml

from tests.helpers.processes import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]


def text(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf8")


def pinned(requirements: list[object]) -> dict[str, str]:
    """The linters among some requirements, with the version that is pinned."""
    found = (re.fullmatch(r"(ruff|mypy)==([\d.]+)", str(one)) for one in requirements)
    return {match[1]: match[2] for match in found if match}


def hooks() -> list[object]:
    (repo,) = yaml.safe_load(text(".pre-commit-config.yaml"))["repos"]
    return [one for hook in repo["hooks"] for one in hook["additional_dependencies"]]


def test_linters_have_one_version_everywhere():
    """CI's, those of the dependency groups and those of pre-commit are the same releases of ruff and mypy."""
    ci = pinned(EXTRAS["test"])
    assert set(ci) == {"ruff", "mypy"}
    assert ci == pinned(PROJECT["dependency-groups"]["lint"]) == pinned(hooks())


def test_another_version_is_noticed():
    assert pinned(["ruff==1.0", "mypy==2.0", "numpy==3"]) == {"ruff": "1.0", "mypy": "2.0"}
    assert pinned(["ruff>=1.0", "mypy"]) == {}


def test_groups_name_groups_that_there_are():
    groups = PROJECT["dependency-groups"]
    included = [one["include-group"] for group in groups.values() for one in group if isinstance(one, dict)]
    assert set(included) <= set(groups)


def test_addresses_of_the_project_stand_in_one_place():
    """pyproject.toml has them, as placeholders; no other file names them."""
    hosts = {url.split("/")[2] for url in PROJECT["project"]["urls"].values()}
    assert len(hosts) == 1
    (host,) = hosts
    assert host.endswith(".example")
    files = [
        path for path in ROOT.glob("*") if path.is_file() and path.name not in ("pyproject.toml", ".git")
    ]
    files += [path for folder in ("docs", ".github") for path in (ROOT / folder).rglob("*") if path.is_file()]
    assert len(files) > 15
    assert [path.name for path in files if host.encode() in path.read_bytes()] == []


@pytest.mark.parametrize("path", sorted((ROOT / ".github").rglob("*.yml")), ids=lambda path: path.stem)
def test_forms_and_workflows_are_well_formed(path):
    assert yaml.safe_load(path.read_text(encoding="utf8"))


def test_the_first_form_asks_for_the_backprop():
    form = yaml.safe_load(text(".github/ISSUE_TEMPLATE/1-backprop.yml"))
    labels = [field["attributes"].get("label") for field in form["body"]]
    assert "Paste your backprop here" in labels


def test_the_workflow_calls_ci_run_on_every_version_and_system():
    """Each Python of the classifiers, three systems, and the oldest NumPy that the dependencies promise."""
    jobs = yaml.safe_load(text(".github/workflows/tests.yml"))["jobs"]
    matrix = jobs["ci"]["strategy"]["matrix"]
    assert ".ci/run" in [step.get("run") for step in jobs["ci"]["steps"]]
    named = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["project"]["classifiers"]))
    assert matrix["python"] == named
    assert f">={named[0]}" == PROJECT["project"]["requires-python"]
    systems = {*matrix["os"], *(one["os"] for one in matrix["include"])}
    assert {name.partition("-")[0] for name in systems} == {"ubuntu", "macos", "windows"}
    assert "numpy>=2" in PROJECT["project"]["dependencies"]
    assert any("numpy==2.0.*" in step.get("run", "") for step in jobs["oldest"]["steps"])


def test_the_citation_has_this_version():
    citation = yaml.safe_load(text("CITATION.cff"))
    found = re.search(r'__version__ = "(.*)"', text("autograd_mini/__init__.py"))
    assert found
    assert citation["version"] == found[1]
    assert citation["license"] == PROJECT["project"]["license"]


def test_the_changelog_begins_with_its_policy():
    """What a version number promises stands above the first version."""
    assert "MAJOR.MINOR.PATCH" in text("CHANGELOG.md").partition("\n## ")[0]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("CONTRIBUTING.md", ("Where things are", "Run one test", "A release")),
        ("SECURITY.md", ("Files.", "Scripts.", "Clusters.", "How to report")),
        ("CODE_OF_CONDUCT.md", ("Be kind",)),
    ],
)
def test_documents_say_what_people_look_for(path, words):
    assert [word for word in words if word not in text(path)] == []


def test_paths_in_contributing_are_there():
    """Every path and command file that CONTRIBUTING.md names exists."""
    named = set(re.findall(r"`([\w.]+(?:/[\w.]*)+)`", text("CONTRIBUTING.md"))) - {
        "dist/",
        "optim/",
        "audit/",
    }
    assert len(named) > 15
    assert [path for path in named if not (ROOT / path).exists()] == []
