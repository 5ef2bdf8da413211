"""What the audit says: the report as an object, as text for people, and as JSON."""

import json
import re
import sys
import traceback
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import accumulate, groupby
from pathlib import Path
from typing import Any

import numpy as np

from .case import Case
from .files import code_cells
from .losses import Loss
from .record import Step
from .repair import Fault

MARKS = {"right": ("✓", 32), "wrong": ("✗", 31), "infected": ("~", 33), "unknown": ("?", 90)}
FIRST_WORDS = ["the", "these", "this", "it", "a", "an", "another", "only", "there"]
MOST_NAMES = 8  # parameters that the first lines name


@dataclass(eq=False)
class Line:
    """A line of the backward pass: its text, its status, and the derivative that it equals."""

    file: str
    line: int
    code: str
    status: str
    equals: str
    factor: float | None
    order: int = 0
    whole: bool = False  # whether it is the derivative by a parameter
    update: float | None = None  # the step's constant, of a line that updates
    has_rule: bool = False  # whether it updates by a rule of its own: momentum, RMSprop, Adam
    finding: "Finding | None" = None

    def words(self, first: int | None) -> str:
        """What stands beside the line, where the first wrong one has this number."""
        if self.finding is not None:
            return self.finding.words()
        if self.has_rule:
            return "the optimiser's rule is given the right gradient"
        if self.update is not None:
            return f"the step is {-self.update:.4g} · gradient"
        if self.factor is None:
            return self.equals
        equal = derivative_text(self.factor, self.equals)
        return f"= {equal}" if self.status == "right" else f"right once line {first} is: {equal}"

    def json(self) -> dict[str, Any]:
        """The line as plain data."""
        found = self.finding
        return {
            "line": self.line,
            "status": self.status,
            "equals": self.equals or None,
            "factor": self.factor,
            "should_be": found.should_be or None if found else None,
            "mistake": found.mistake if found else None,
            "file": Path(self.file).name,
        }


class Finding:
    """A wrong line: what it should be, the mistake's name, and the corrected text where one was run."""

    def __init__(self, case: Case, loss: Loss | None, fault: Fault) -> None:
        self.fault = fault
        self.file, self.line = case.sources.where(fault.step, fault.depth) if fault.step else ("", 0)
        self.code = case.sources.code(self.file, self.line) if self.file else ""
        self.mistake, self.why, self.should_be, self.source = "unexplained", "", "", ""
        self.equals, self.factor, self.off = "", fault.scale, ""
        if not fault.targets:
            return
        starts = case.views[min(fault.targets)].window.starts
        if fault.of is not None:
            known = fault.of.id in starts
            within = len(fault.of.stack) > len(fault.step.stack)  # a helper's own words say nothing here
            name = case.sources.name(fault.of) if within else called(case, fault.of)
            self.equals = case.parameters[starts[fault.of.id]].name if known else name
        target, value = fault.targets[fault.window][fault.step.id], np.asarray(fault.step.value, float)
        if np.shape(target) == np.shape(value) and np.any(target):
            self.off = off_by(value, target, fault.ratio)

    @classmethod
    def at(cls, case: Case, file: str, line: int, mistake: str, why: str) -> "Finding":
        """A finding that no recorded value shows."""
        out = cls(case, None, Fault("remark", {}, {}))
        out.file, out.line, out.code = file, line, case.sources.code(file, line)
        out.mistake, out.why = mistake, why
        return out

    def words(self) -> str:
        """The sentence beside the line."""
        known = self.equals and is_plain(self.factor)
        parts = [f"should be {derivative_text(self.factor, self.equals)}"] if known else []
        return ", ".join([*parts, *([self.off] if self.off else [])]) or self.why


def off_by(value: Any, target: Any, ratio: float | None) -> str:
    """How far a value is from the right one, in words.

    >>> off_by(np.ones(2), np.ones(2) / 4, 0.25), off_by(np.ones(2), -np.ones(2), -1.0), off_by(np.ones(1), 0.8 * np.ones(1), None)
    ('is 4 times too large', 'has the wrong sign', 'is 25 % off')
    """
    if ratio:
        times = f"{max(abs(ratio), 1 / abs(ratio)):.4g} times too {'small' if abs(ratio) > 1 else 'large'}"
        parts = ["has the wrong sign"] if ratio < 0 else []
        return " and ".join(parts if abs(abs(ratio) - 1) < 1e-6 else [*parts, f"is {times}"])
    off = float(np.linalg.norm(value - target) / np.linalg.norm(target))
    return f"is {100 * off:.3g} % off" if off < 10 else "is far off"


def called(case: Case, step: Step) -> str:
    """A value's name, or the beginning of the expression that it is the value of."""
    name, place = case.sources.name(step), case.sources.place(step)
    if name or place is None:
        return name
    code = case.sources.texts[place.file].text(case.sources.spot(step)[1])
    return code if len(code) <= 24 else f"{code[:21]}…"


def sentence(words: str) -> str:
    """The words with a capital at their beginning, where that is no code, and a full stop at their end."""
    if words.partition(" ")[0] in FIRST_WORDS:
        words = words[:1].upper() + words[1:]
    return f"{words}{'' if words.endswith('.') else '.'}" if words else ""


def is_plain(factor: float) -> bool:
    """Whether a number is one that people write, as 30, 0.3 or 1/150, and not an accident of the numbers."""
    return abs(Fraction(factor).limit_denominator(10_000) - factor) <= 1e-9 * abs(factor)


def derivative_text(factor: float, name: str) -> str:
    """A constant times the loss's derivative by what has this name, or is this piece of code.

    >>> derivative_text(30.0, "Z1"), derivative_text(1.0, "W @ x")
    ('30 · ∂L/∂Z1', '∂L/∂(W @ x)')
    >>> derivative_text(-30.0, "-W @ x")
    '30 · ∂L/∂(W @ x)'
    """
    if factor < 0 and re.fullmatch(r"-[^-+]*", name):
        factor, name = -factor, name[1:]
    shown = {1.0: "", -1.0: "-"}.get(round(factor, 6), f"{factor:.4g} · ")
    return f"{shown}∂L/∂{name}" if re.fullmatch(r"[\w.\[\]'\"]*", name) else f"{shown}∂L/∂({name})"


@dataclass(eq=False)
class Report:
    """The result of an audit; `str(report)` is the text, `report.json()` the dict that `--json` prints."""

    path: Path
    source: str
    run: Any
    case: Case
    lines: list[Line] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    loss: Loss | None = None
    note: str = ""
    explained: bool = False

    def __post_init__(self) -> None:
        error = self.run.error
        if error is not None:
            what, lines = f"{type(error).__name__}: {error}", traceback.extract_tb(error.__traceback__)
            own = [at.lineno for at in lines if at.filename == str(self.path)]
            self.note = f"the script ended with {what}{f' (line {own[-1]})' if own else ''}"
        if isinstance(error, SystemExit) and not self.case.views:
            self.note += "; what it reads from sys.argv is given after --, as in: audit script.py -- 10"

    @property
    def loss_kind(self) -> str:
        """The family of the loss, and whether the script computes it."""
        if self.loss is None:
            return ""
        return self.loss.kind if self.loss.own else f"{self.loss.kind}, never computed"

    def settle(self) -> None:
        """Give the wrong lines their place among the others."""
        wrong = {(f.file, f.line) for f in self.findings}
        self.lines = [x for x in self.lines if (x.file, x.line) not in wrong]
        self.lines += [
            Line(f.file, f.line, f.code, "wrong", f.equals, f.factor, f.line, finding=f)
            for f in self.findings
        ]
        self.lines.sort(key=lambda x: (x.file, x.line))

    @property
    def wrong(self) -> list[Line]:
        """The wrong lines, in order."""
        return [line for line in self.lines if line.status == "wrong"]

    @property
    def first_wrong(self) -> int | None:
        """The first wrong line."""
        found = [f.line for f in self.findings if f.file == str(self.path)] or [f.line for f in self.findings]
        return min(found, default=None)

    def json(self) -> dict[str, Any]:
        """The report as plain data."""
        shapes = [(p.name, p.line, list(np.shape(p.versions[-1].value))) for p in self.case.parameters]
        return {
            "parameters": [{"name": name, "line": line, "shape": shape} for name, line, shape in shapes],
            "loss": {"line": self.loss.line if self.loss else 0, "kind": self.loss_kind},
            "lines": [x.json() for x in self.lines],
            "first_wrong": self.first_wrong,
            "explained": self.explained,
            "note": self.note,
        }

    def __str__(self) -> str:
        return self.text(False)

    def text(self, colour: bool) -> str:
        """The report for people."""
        steps, parameters = len(self.case.views), self.case.parameters
        followed = f"; {steps} steps of its training were followed" if steps else ""
        out = [f"{self.path.name}  (this runs your script{followed})"]
        if self.path.suffix == ".ipynb":
            sizes = [cell.count("\n") + 1 for cell in code_cells(self.path)[:-1]]
            starts = ", ".join(map(str, accumulate(sizes, initial=1)))
            out.append(f"lines are counted through all code cells, which begin at {starts}")
        if parameters:
            names = list(dict.fromkeys(f"{p.name} {np.shape(p.versions[-1].value)}" for p in parameters))
            where = sorted({p.line for p in parameters})
            lines = f"line{'s' if len(where) > 1 else ''} {', '.join(map(str, where))}"
            out.append(f"parameters  {'  '.join(names[:MOST_NAMES])}, updated in {lines}")
        if self.loss is not None:
            computed = "" if self.loss.own else " (no line computes it: this is what the updates would lower)"
            out.append(f"loss  {self.loss.kind}, line {self.loss.line}{computed}")
        codes = [x.code for x in self.lines] + [f.should_be for f in self.findings]
        width = max(map(len, codes), default=0) + 2
        alike = [
            list(found)
            for _, found in groupby(self.lines, key=lambda x: x.finding or (x.file, x.line, x.status))
        ]
        for x, *more in alike:
            mark, number = MARKS[x.status]
            mark = f"\x1b[{number}m{mark}\x1b[0m" if colour else mark
            found, words = x.finding, x.words(self.first_wrong)
            words = ", ".join(
                [words, *(derivative_text(y.factor, y.equals) for y in more if y.factor is not None)]
            )
            first = "first wrong line: " if found and x.line == self.first_wrong else ""
            beside = "" if x.file == str(self.path) else f" ({Path(x.file).name})"
            out.append(f"  {x.line:4d} {mark} {x.code:{width}}{first}{words}{beside}")
            why = sentence(found.why) if found and found.why not in words else ""
            if found and (found.should_be or why):
                out.append(f"         {found.should_be:{width}}{why}".rstrip())
        return "\n".join(
            [*out, *([self.note] if self.note else []), *self.run.record.notes, self.conclusion()]
        )

    def conclusion(self) -> str:
        """The last line."""
        fixed = sorted({f.line for f in self.findings if f.source})
        if fixed and (self.explained or not self.case.parameters):
            lines = f"line{'s' if len(fixed) > 1 else ''} {', '.join(map(str, fixed))}"
            done = f"with {lines} replaced, the script was run again"
            if any(not f.source for f in self.findings):
                return f"{done.capitalize()}: more of its updates were right, and not all of them yet."
            return f"Checked: {done}{', and its updates were right' if self.case.parameters else ''}."
        early = [f.line for f in self.findings if f.fault.meant == "too early"]
        if early and len(early) == len(self.findings):
            return f"Computed before the update, line {early[0]} makes the updates right."
        if any(f.fault.targets for f in self.findings):
            return "No corrected line was found. With the right numbers in its place, the updates are right."
        if self.findings:
            return f"Lines to change: {', '.join(str(f.line) for f in self.findings)}."
        if self.explained and not self.case.parameters:
            return "Nothing is wrong there; no other line can be judged."
        if not self.explained:
            return "Nothing can be said of the lines of this script."
        ruled = any(line.has_rule for line in self.lines)
        what = "is made of the right gradient" if ruled else "is a constant times the gradient"
        rest = "what was not judged is said above" if self.run.record.notes else "nothing is wrong"
        return f"Every update {what}, in each step that was followed: {rest}."

    def show(self, as_json: bool) -> None:
        """Print the report."""
        print(json.dumps(self.json()) if as_json else self.text(sys.stdout.isatty()))
