"""What the audit says: the report as an object, as text for people, and as JSON."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np

from .case import Case
from .losses import Loss
from .repair import Fault

MARKS = {"right": ("✓", 32), "wrong": ("✗", 31), "infected": ("~", 33), "unknown": ("?", 90)}


class Line:
    """A line of the backward pass: its text, its status, and the derivative that it equals."""

    def __init__(
        self, file: str, line: int, code: str, status: str, equals: str, factor: float | None
    ) -> None:
        self.file, self.line, self.code, self.status = file, line, code, status
        self.equals, self.factor = equals, factor
        self.order = 0
        self.whole = False  # whether it is the derivative by a parameter
        self.update: float | None = None  # the step's constant, of a line that updates
        self.has_rule = False  # whether it updates by a rule of its own: momentum, RMSprop, Adam
        self.finding: Finding | None = None

    def words(self) -> str:
        """What stands beside the line."""
        if self.finding is not None:
            return self.finding.words()
        if self.has_rule:
            return "the optimiser's rule is given the right gradient"
        if self.update is not None:
            return f"the step is {-self.update:.4g} · gradient"
        if self.factor is None:
            return ""
        equal = f"{derivative_text(self.factor, self.equals)}"
        return f"= {equal}" if self.status == "right" else f"right once the wrong line is: {equal}"


class Finding:
    """A wrong line: what it should be, the mistake's name, and the corrected text where one was run."""

    def __init__(self, case: Case, loss: Loss | None, fault: Fault, step: Any = None) -> None:
        self.fault = fault
        fault.step = fault.step or step
        self.file, self.line = case.sources.where(fault.step, fault.depth)
        self.code = case.sources.code(self.file, self.line)
        self.mistake, self.why, self.should_be, self.source = "unexplained", "", "", ""
        of = fault.of
        self.equals = ""
        if of is not None:
            starts = case.views[min(fault.targets)].window.starts
            self.equals = case.parameters[starts[of.id]].name if of.id in starts else case.sources.name(of)
        self.factor = fault.scale
        self.off = None
        if not fault.targets:
            return
        target = fault.targets[fault.window][fault.step.id]
        value = np.asarray(fault.step.value, float)
        if np.shape(target) == np.shape(value) and np.any(target):
            self.off = float(np.linalg.norm(value - target) / np.linalg.norm(target))

    @classmethod
    def at(cls, case: Case, file: str, line: int, mistake: str, why: str) -> "Finding":
        """A finding that no recorded value shows."""
        out = cls.__new__(cls)
        out.fault, out.file, out.line = Fault("remark", {}, {}), file, line
        out.code, out.mistake, out.why = case.sources.code(file, line), mistake, why
        out.should_be = out.source = out.equals = ""
        out.factor, out.off = 1.0, None
        return out

    def words(self) -> str:
        """The sentence beside the line."""
        parts = []
        if self.equals:
            parts.append(f"should be {derivative_text(self.factor, self.equals)}")
        if self.off is not None:
            parts.append(f"is {100 * self.off:.3g} % off")
        return ", ".join(parts) or self.why


def derivative_text(factor: float, name: str) -> str:
    """A constant times the loss's derivative by what has this name, or is this piece of code.

    >>> derivative_text(30.0, "Z1"), derivative_text(1.0, "W @ x")
    ('30 · ∂L/∂Z1', '∂L/∂(W @ x)')
    >>> derivative_text(-30.0, "-W @ x")
    '30 · ∂L/∂(W @ x)'
    """
    if factor < 0 and re.fullmatch(r"-[^-+]*", name):
        factor, name = -factor, name[1:]
    plain = re.fullmatch(r"[\w.\[\]'\"]*", name)
    return f"{factor_text(factor)}∂L/∂{name if plain else f'({name})'}"


def factor_text(factor: float) -> str:
    """A constant before a derivative."""
    return "" if abs(factor - 1) < 1e-6 else "-" if abs(factor + 1) < 1e-6 else f"{factor:.4g} · "


class Report:
    """The result of an audit; `str(report)` is the text, `report.json()` the dict that `--json` prints."""

    def __init__(self, path: Path, source: str, run: Any, case: Case) -> None:
        self.path, self.source, self.run, self.case = path, source, run, case
        self.lines: list[Line] = []
        self.findings: list[Finding] = []
        self.loss: Loss | None = None
        self.loss_line, self.loss_kind = 0, ""
        self.note = ""
        self.explained = False
        if run.error is not None:
            self.note = f"the script ended with {type(run.error).__name__}: {run.error}"

    def describe(self, loss: Loss) -> None:
        """Keep what is said of the loss."""
        self.loss_line, self.loss_kind = loss.line, loss.kind if loss.own else f"{loss.kind}, never computed"

    def settle(self) -> None:
        """Give the wrong lines their place among the others."""
        wrong = {(f.file, f.line) for f in self.findings}
        self.lines = [x for x in self.lines if (x.file, x.line) not in wrong]
        for f in self.findings:
            line = Line(f.file, f.line, f.code, "wrong", f.equals, f.factor)
            line.finding, line.order = f, f.line
            self.lines.append(line)
        self.lines.sort(key=lambda x: (x.file, x.line))

    @property
    def wrong(self) -> list[Line]:
        """The wrong lines, in order."""
        return [line for line in self.lines if line.status == "wrong"]

    @property
    def first_wrong(self) -> int | None:
        """The first wrong line."""
        main = str(self.path)
        found = [f.line for f in self.findings if f.file == main] or [f.line for f in self.findings]
        return min(found) if found else None

    def json(self) -> dict[str, Any]:
        """The report as plain data."""
        case = self.case
        lines = [
            {
                "line": x.line,
                "status": x.status,
                "equals": x.equals or None,
                "factor": x.factor,
                "should_be": x.finding.should_be or None if x.finding else None,
                "mistake": x.finding.mistake if x.finding else None,
                "file": Path(x.file).name,
            }
            for x in self.lines
        ]
        return {
            "parameters": [
                {"name": p.name, "line": p.line, "shape": list(np.shape(p.versions[-1].value))}
                for p in case.parameters
            ],
            "loss": {"line": self.loss_line, "kind": self.loss_kind},
            "lines": lines,
            "first_wrong": self.first_wrong,
            "explained": self.explained,
            "note": self.note,
        }

    def __str__(self) -> str:
        return self.text(False)

    def text(self, colour: bool) -> str:
        """The report for people."""
        steps = len(self.case.views)
        out = [f"{self.path.name}  (this runs your script; {steps} steps of its training were followed)"]
        if self.case.parameters:
            names: dict[str, None] = {}
            for p in self.case.parameters:
                names[f"{p.name} {np.shape(p.versions[-1].value)}"] = None
            where = sorted({p.line for p in self.case.parameters})
            updated = f"updated in line{'s' if len(where) > 1 else ''} {', '.join(map(str, where))}"
            out.append(f"parameters  {'  '.join(list(names)[:8])}, {updated}")
        if self.loss is not None:
            out.append(f"loss  {self.loss_kind}, line {self.loss_line}")
        first = self.first_wrong
        codes = [x.code for x in self.lines] + [f.should_be for f in self.findings]
        width = max(map(len, codes), default=0) + 2
        for x in self.lines:
            mark, number = MARKS[x.status]
            mark = f"\x1b[{number}m{mark}\x1b[0m" if colour else mark
            words = x.words()
            if x.finding and x.line == first:
                words = f"first wrong line: {words}"
            beside = "" if x.file == str(self.path) else f" ({Path(x.file).name})"
            out.append(f"  {x.line:4d} {mark} {x.code:{width}}{words}{beside}")
            if x.finding and (x.finding.should_be or x.finding.why not in words):
                out.append(f"         {x.finding.should_be:{width}}{x.finding.why}")
        if self.note:
            out.append(self.note)
        out += self.run.record.notes
        out.append(self.conclusion())
        return "\n".join(out)

    def conclusion(self) -> str:
        """The last line."""
        if self.findings:
            fixed = [f for f in self.findings if f.source]
            if fixed and self.explained:
                lines = ", ".join(str(f.line) for f in fixed)
                return f"Checked: with line {lines} replaced, the script was run again."
            if any(f.fault.targets for f in self.findings):
                return "The corrected numbers, put in the place of the wrong ones, make the updates right."
            return f"Lines to change: {', '.join(str(f.line) for f in self.findings)}."
        if self.explained:
            ruled = any(line.has_rule for line in self.lines)
            what = "is made of the right gradient" if ruled else "is a constant times the gradient"
            return f"Every update {what}, in each step that was followed: nothing is wrong."
        return "Nothing can be said of the lines of this script."

    def show(self, as_json: bool) -> None:
        """Print the report."""
        if as_json:
            print(json.dumps(self.json()))
        else:
            print(self.text(sys.stdout.isatty()))
