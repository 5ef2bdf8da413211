"""What the tests of the diagnosis share."""

import pytest

from autograd_mini.check import search


@pytest.fixture
def patience(monkeypatch):
    """The search has twice as long: what measures coverage slows it, and a busy machine too."""
    monkeypatch.setattr(search, "SECONDS", 2 * search.SECONDS)
    monkeypatch.setattr(search, "QUICK", 2 * search.QUICK)
