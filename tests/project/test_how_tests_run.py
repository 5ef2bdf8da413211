"""The plumbing of the tests: peers are imported late, slow tests are left out by default and sampled, comparisons can fail."""

import sys

import numpy as np
import pytest

from tests.helpers.numbers import close, within_ulps
from tests.helpers.peers import Peer, made
from tests.helpers.processes import ROOT, run, run_script

IMPORTED = """
import importlib, pathlib, sys
root = pathlib.Path({root!r})
for path in sorted((root / "tests").rglob({pattern!r})):
    importlib.import_module(".".join(path.relative_to(root).with_suffix("").parts))
{planted}
print("torch" in sys.modules, sum(name.startswith("tests.") for name in sys.modules) > 30)
"""


@pytest.mark.parametrize(
    ("pattern", "planted", "found"),
    [("test_*.py", "", "False True"), ("test_xor.py", "sys.modules['torch'] = sys", "True False")],
    ids=["ours", "planted"],
)
def test_collecting_imports_no_torch(pattern, planted, found):
    """All test files are imported without PyTorch, so that a test that needs none starts at once; the check can fail."""
    done = run_script(IMPORTED.format(root=str(ROOT), pattern=pattern, planted=planted))
    assert done.stdout.strip() == found, done.stderr


def test_a_name_of_a_peer_is_looked_up_when_it_is_called():
    """In tables stand names; once the module is there, its functions; what is made late is made of them."""
    peer = Peer("math")
    name = peer.sqrt
    assert repr(name) == "math.sqrt"
    assert name(9.0) == 3.0
    assert peer.sqrt(9.0) == 3.0
    assert peer.pi == np.pi
    assert made({"a": name, "b": 2})["a"](16.0) == 4.0
    assert made([1]) == [1]


def test_a_peer_that_is_not_installed_skips():
    with pytest.raises(pytest.skip.Exception):
        Peer("no_such_module").module()


SLOW = """
import pytest

@pytest.mark.parametrize("i", range(200))
def test_quick(i): pass

@pytest.mark.slow
@pytest.mark.parametrize("i", range(200))
def test_slow(i): pass

@pytest.mark.slow(keep=0.25)
@pytest.mark.parametrize("i", range(200))
def test_mostly_slow(i): pass
"""


@pytest.mark.parametrize(
    ("arguments", "slow", "mostly"),
    [
        ([], (0, 0), (30, 70)),
        (["--slow-share=0.1"], (8, 34), (40, 90)),
        (["--slow-share=1"], (200, 200), (200, 200)),
        (["-m", ""], (200, 200), (200, 200)),
    ],
    ids=["default", "a tenth", "all by share", "all by mark"],
)
def test_slow_tests_are_left_out_but_for_a_share(arguments, slow, mostly, tmp_path):
    """The default leaves out `slow`, keeps a quarter of slow(keep=0.25); a share is taken from what is left."""
    (tmp_path / "test_planted.py").write_text(SLOW)
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "--collect-only", "-p", "no:cacheprovider"]
    command += ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(tmp_path), "-p", "tests.conftest"]
    found = run([*command, *arguments, str(tmp_path)], cwd=ROOT, env={"PYTEST_ADDOPTS": ""}).stdout
    names = [line.partition("::")[2].partition("[")[0] for line in found.splitlines() if "::" in line]
    assert names.count("test_quick") == 200
    assert slow[0] <= names.count("test_slow") <= slow[1]
    assert mostly[0] <= names.count("test_mostly_slow") <= mostly[1]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (1.0, 1.0 + 1e-9), ([1.0], (1.0,)), ({"a": 1.0}, {"b": 1.0}), ({"a": 1.0}, [1.0]), ([1.0], [1.0, 2.0]),
        (np.ones(2), np.ones((2, 1))), (np.array([1.0, np.nan]), np.ones(2)), (np.array([1e-12, 1.0]), np.array([2e-11, 1.0])),
    ],
    ids=["number", "list and tuple", "keys", "dict and list", "length", "shape", "NaN", "small beside large"],
)  # fmt: skip
def test_close_can_fail(ours, theirs):
    """Another number, structure or shape is no equal."""
    with pytest.raises(AssertionError):
        close(ours, theirs)
    close(theirs, theirs)


def test_units_in_the_last_place():
    assert within_ulps(1.0, 1.0 + 2**-52, 1)
    assert not within_ulps(1.0, 1.0 + 2**-51, 1)
    assert not within_ulps([1.0, np.nan], [1.0, 1.0], 4)
