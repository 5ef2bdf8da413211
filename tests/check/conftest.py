"""What the tests of the diagnosis share."""

import pytest

from autograd_mini.check import search


@pytest.fixture
def patience(monkeypatch):
    """The search has five times as long: what measures coverage slows it, and a busy machine too."""
    monkeypatch.setattr(search, "SECONDS", 5 * search.SECONDS)
    monkeypatch.setattr(search, "QUICK", 5 * search.QUICK)
