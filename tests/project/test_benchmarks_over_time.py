"""The benchmarks' history: a line a run, never rewritten, and a picture made from them."""

import json

import pytest

from benchmarks import __main__ as command
from benchmarks import history, report


def content(ratio, date="2026-01-01"):
    """A results file with one comparison and one figure that has nobody beside it."""
    rows = [
        report.versus("step", "ours", [ratio, ratio], "torch", [1.0, 1.0]),
        report.alone("memory", "ours", 10.0, "B"),
    ]
    rows = [{**vars(row)} for row in rows]
    return {
        "suite": "eager",
        "date": date,
        "processor": "a processor",
        "rows": rows,
        "versions": {},
        "left_out": [],
    }


def test_a_run_is_one_line_behind_the_others(tmp_path):
    """The ratio of each comparison, with suite, date and commit; lines that are there stay as they are."""
    path = tmp_path / "history.jsonl"
    assert history.runs(path) == []
    history.append(content(0.5), "abc1234", path)
    first = path.read_text(encoding="utf8")
    history.append(content(0.25, "2026-02-01"), "def5678+", path)
    assert path.read_text(encoding="utf8").startswith(first)
    assert [(run["commit"], run["date"], run["ratios"]) for run in history.runs(path)] == [
        ("abc1234", "2026-01-01", {"step · ours / torch": 0.5}),
        ("def5678+", "2026-02-01", {"step · ours / torch": 0.25}),
    ]
    said = "\n".join(history.table(history.runs(path)))
    assert "eager, 2 runs" in said
    assert "0.50 → 0.250 = 1/4.0" in said
    assert "(-50%)  step · ours / torch" in said


def test_the_picture_has_a_line_for_each_comparison_made_twice(tmp_path):
    """A panel a suite; what was measured once is no line."""
    pytest.importorskip("matplotlib")
    once = content(0.5) | {"suite": "chunks"}
    entries = [history.entry(each, "a") for each in (content(0.5), content(0.25, "2026-02-01"), once)]
    history.draw(entries, tmp_path / "history.svg")
    svg = (tmp_path / "history.svg").read_text(encoding="utf8")
    assert "step · ours / torch" in svg
    assert "2026-02-01" in svg
    assert "chunks" not in svg


def test_the_command_prints_and_draws_what_is_kept(tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(history, "PICTURE", tmp_path / "history.svg")
    monkeypatch.setattr(history.draw, "__defaults__", (tmp_path / "history.svg",))
    assert command.main(["history"]) == 0
    assert "ours / peer, the first and the last time" in capsys.readouterr().out
    assert (tmp_path / "history.svg").stat().st_size > 1000


def test_what_is_kept_can_be_read():
    """Every line of the project's own history names a suite, a date, a commit and ratios above 0."""
    found = history.runs()
    assert len(found) >= 10
    for run in found:
        assert run["suite"] in command.SUITES
        assert run["commit"]
        assert all(ratio > 0 for ratio in run["ratios"].values())
    assert json.loads(history.HISTORY.read_text(encoding="utf8").splitlines()[0]) == found[0]


def test_a_full_run_of_a_suite_adds_its_line(tmp_path, monkeypatch, capsys):
    """What is written as the results is added to the history, with the commit."""
    for module, name, path in (
        (report, "RESULTS", tmp_path),
        (history, "HISTORY", tmp_path / "history.jsonl"),
    ):
        monkeypatch.setattr(module, name, path)
    monkeypatch.setattr(history.append, "__defaults__", (tmp_path / "history.jsonl",))
    parts = {"part": lambda effort, present: [report.versus("step", "ours", [1.0], "torch", [2.0])]}
    monkeypatch.setattr(command.importlib, "import_module", lambda name: type("Suite", (), {"PARTS": parts}))
    command.run_suite("eager", command.arguments(["eager"]))
    (run,) = history.runs(tmp_path / "history.jsonl")
    assert run["ratios"] == {"step · ours / torch": 0.5}
    assert run["commit"] == history.commit()
