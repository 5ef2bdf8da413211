"""What the check tools return: findings, and a text that reads like a colleague's."""

from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np

from .mistakes import MISTAKES


@dataclass(frozen=True)
class Finding:
    """One mistake: its stable name (see mistakes.toml), its place, why it is one, and the right line of NumPy."""

    mistake: str
    where: str
    why: str
    fix: str = ""

    def __str__(self) -> str:
        fix = f"\n    right: {self.fix}" if self.fix else ""
        return f"{self.where}: {self.why} [{self.mistake}]{fix}"


@dataclass
class Report:
    """What is right and what is wrong, by label; whether the findings reproduce every number given; notes on conventions.

    `names` holds the arrays that the findings' lines read, by name, so that each line can be run.
    """

    right: list[Any] = field(default_factory=list)
    wrong: list[Any] = field(default_factory=list)
    explained: bool = True
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    names: dict[str, Any] = field(default_factory=dict, repr=False)
    subject: str = "gradient"

    def add(self, mistake: str, where: str, note: str = "", fix: str = "", first: bool = False) -> None:
        """Put in a finding, at the end or as the first."""
        self.findings.insert(0 if first else len(self.findings), finding(mistake, where, note, fix))

    def _around(self) -> tuple[list[str], list[str]]:
        """What is said before the findings, and after them."""
        words = {"Wrong": self.wrong, "Right": self.right}
        of_number = {True: "input {}", False: "{}"}  # inputs have numbers, all else has labels
        named = {
            word: [of_number[isinstance(x, int)].format(x) for x in names] for word, names in words.items()
        }
        before = [f"{word}: {', '.join(names)}." for word, names in named.items() if names]
        after = []
        if self.findings and self.explained and self.wrong:
            after.append("This explains every number that you gave.")
        if not self.explained:
            after.append("I cannot explain all of it by mistakes that I know.")
        if not self.findings and not self.wrong:
            after.append(f"Nothing is wrong with your {self.subject}.")
        return before + self.notes, after

    def __str__(self) -> str:
        before, after = self._around()
        return "\n".join(
            [*before, *(f"{i}. {finding}" for i, finding in enumerate(self.findings, 1)), *after]
        )

    def _repr_html_(self) -> str:
        before, after = ("".join(f"<p>{escape(line)}</p>" for line in lines) for lines in self._around())
        items = []
        for f in self.findings:
            where, why, fix = map(escape, (f.where, f.why, f.fix))
            items.append(f"<li><b>{where}</b>: {why} <code>{f.mistake}</code><pre>{fix}</pre></li>")
        return f"{before}<ol>{''.join(items)}</ol>{after}"


def finding(mistake: str, where: str, note: str = "", fix: str = "") -> Finding:
    """A finding whose reason is the mistake's sentence and what is particular to this place."""
    sentence = MISTAKES[mistake]
    return Finding(mistake, where, f"{sentence[:-1]}: {note}" if note else sentence, fix)


def relation(mine: Any, right: Any) -> str:
    """How an array stands to the right one: its ratio where that is one number, else length and angle."""
    mine, right = np.asarray(mine, float), np.asarray(right, float)
    if mine.shape != right.shape:
        return f"it has shape {mine.shape}, and the gradient {right.shape}"
    if not np.isfinite(mine).all():
        return f"it holds NaN or ∞ in {(~np.isfinite(mine)).sum()} of {mine.size} places"
    lengths = np.linalg.norm(mine), np.linalg.norm(right)
    if not all(lengths):
        return "the right gradient is 0" if lengths[0] else "it is 0 everywhere"
    ratio, cos = lengths[0] / lengths[1], float((mine * right).sum() / lengths[0] / lengths[1])
    if abs(abs(cos) - 1) < 1e-9:
        return f"it is {np.sign(cos) * ratio:.6g} times the right one"
    angle = np.degrees(np.arccos(np.clip(cos, -1, 1)))
    return f"it is {ratio:.3g} times as long as the right one, at an angle of {angle:.0f}°"
