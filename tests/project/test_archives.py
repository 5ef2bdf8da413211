"""The wheel and the source archive that `python -m build` writes: what is in them, and that the tests pass where they are installed."""

import os
import shutil
import site
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from tests.helpers.processes import ROOT, run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    """A folder with the wheel and the source archive, as they are built for a release."""
    folder = tmp_path_factory.mktemp("dist")
    done = run([sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)])
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def unpacked(archives, tmp_path_factory):
    """The source archive, unpacked far from this checkout."""
    (archive,) = archives.glob("*.tar.gz")
    folder = tmp_path_factory.mktemp("source")
    with tarfile.open(archive) as file:
        file.extractall(folder, filter="data")
    (root,) = folder.iterdir()
    return root


def installed(wheel: Path, folder: Path) -> str:
    """The interpreter of a new environment that has the wheel, and behind it what is installed here."""
    venv.create(folder, with_pip=False, symlinks=os.name != "nt")
    paths = sysconfig.get_paths(vars={"base": str(folder), "platbase": str(folder)})
    python = str(Path(paths["scripts"]) / Path(sys.executable).name)
    command = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "--no-deps",
        "--no-index",
        str(wheel),
    ]
    done = run(command, env={"PYTHONPATH": ""})
    assert done.returncode == 0, done.stdout + done.stderr
    behind = [path for path in [*site.getsitepackages(), *sys.path] if path.endswith("site-packages")]
    Path(paths["purelib"], "behind.pth").write_text("\n".join(behind), encoding="utf8")
    return python


def passes(python: str, where: Path, *arguments: str) -> None:
    """Run pytest in a folder, with nothing of this checkout on its path; fail with what it printed."""
    command = [python, "-m", "pytest", "-n", "0", "-q", "-p", "no:cacheprovider", *arguments]
    done = run(command, cwd=where, env={"PYTHONPATH": "", "PYTEST_ADDOPTS": ""})
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def test_what_is_in_the_archives(archives, unpacked):
    """The wheel has the package, its data and its licence, and no tests; the source archive has everything."""
    (wheel,) = archives.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    package = {
        path.relative_to(ROOT).as_posix() for path in (ROOT / "autograd_mini").rglob("*") if path.is_file()
    }
    package = {name for name in package if "__pycache__" not in name}
    assert {name for name in names if ".dist-info/" not in name} == package
    assert any(name.endswith("/licenses/LICENSE") for name in names)
    metadata = next(name for name in names if name.endswith("/METADATA"))
    assert "License-Expression: MIT" in zipfile.ZipFile(wheel).read(metadata).decode()
    for name in (
        "tests/conftest.py",
        "notebooks/build.py",
        "docs/numpy.md",
        "README.md",
        "CHANGELOG.md",
        ".ci/run",
    ):
        assert (unpacked / name).is_file(), name


def test_the_tests_of_the_source_archive_pass(unpacked):
    """What a distributor does: unpack, and run the quick tests there."""
    passes(sys.executable, unpacked, "-m", "smoke", "tests")


def test_the_tests_pass_against_the_installed_wheel(archives, unpacked, tmp_path):
    """Installed in an environment of its own, the wheel passes the quick tests, without the sources beside them."""
    (wheel,) = archives.glob("*.whl")
    python = installed(wheel, tmp_path / "environment")
    root = tmp_path / "elsewhere"
    shutil.copytree(unpacked, root, ignore=shutil.ignore_patterns("autograd_mini"))
    where = run(
        [python, "-c", "import autograd_mini; print(autograd_mini.__file__)"],
        cwd=root,
        env={"PYTHONPATH": ""},
    )
    assert str(tmp_path / "environment") in where.stdout, where.stdout + where.stderr
    passes(python, root, "-m", "smoke", "tests", "--ignore=tests/project")
    demo = run([python, "-m", "autograd_mini", "demo"], cwd=tmp_path, env={"PYTHONPATH": ""})
    assert "all is well" in demo.stdout, demo.stdout + demo.stderr
