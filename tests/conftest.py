"""What holds for every test: peers are imported before the tests that use them, and what is slow stands aside."""

import hashlib
import sys

import pytest

from tests.helpers.peers import Peer

collect_ignore = ["opinfo.py"]  # a command, on a private module of PyTorch


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--slow-share",
        type=float,
        default=0.0,
        help="the share of the slow tests, 0 to 1, that runs with the default: the same ones every time",
    )


def place(item: pytest.Item) -> float:
    """A number from 0 to 1 that follows from the test's name, and so stays for ever."""
    digest = hashlib.blake2b(item.nodeid.encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") / 2**32


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """`slow(keep=0.1)` leaves a tenth of a test's cases in the default; `--slow-share` takes that part of the others back too."""
    share = config.getoption("--slow-share")
    for item in items:
        for mark in item.iter_markers("slow"):
            keep = mark.kwargs.get("keep", 0.0)
            if place(item) < keep + (1.0 - keep) * share:
                item.own_markers = [other for other in item.own_markers if other.name != "slow"]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """PyTorch is imported before a test of a file that uses it; where it is not installed, the test is skipped."""
    for value in vars(getattr(item, "module", None) or object).values():
        if isinstance(value, Peer):
            value.module()


def pytest_runtest_teardown() -> None:
    """Figures that a test left open in pyplot are closed."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close("all")
