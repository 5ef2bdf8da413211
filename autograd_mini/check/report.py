"""What the check tools return: findings, and a text that reads like a colleague's."""

import html
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .mistakes import MISTAKES


@dataclass(frozen=True)
class Finding:
    """One mistake: its stable name (see `mistakes.py`), its place, why it is one, and the right line of NumPy."""

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

    def __str__(self) -> str:
        lines = []
        if self.wrong:
            lines.append(f"Wrong: {', '.join(map(str, self.wrong))}.")
        if self.right:
            lines.append(f"Right: {', '.join(map(str, self.right))}.")
        lines += self.notes
        lines += [f"{i}. {finding}" for i, finding in enumerate(self.findings, 1)]
        if self.findings and self.explained and self.wrong:
            lines.append("This explains every number that you gave.")
        if not self.explained:
            lines.append("I cannot explain all of it by mistakes that I know.")
        if not self.findings and not self.wrong:
            lines.append(f"Nothing is wrong with your {self.subject}.")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        def row(tag: str, text: str) -> str:
            return f"<{tag}>{html.escape(text)}</{tag}>"

        parts = [row("p", note) for note in self.notes]
        parts += [
            f"<p><b>{html.escape(word)}</b> {html.escape(', '.join(map(str, names)))}</p>"
            for word, names in (("✗ wrong:", self.wrong), ("✓ right:", self.right))
            if names
        ]
        items = [
            f"<li>{row('b', f.where)}: {html.escape(f.why)} <code>{html.escape(f.mistake)}</code>"
            + (f"<pre>{html.escape(f.fix)}</pre>" if f.fix else "")
            + "</li>"
            for f in self.findings
        ]
        return "".join(parts) + (
            f"<ol>{''.join(items)}</ol>" if items else row("p", str(self).splitlines()[-1])
        )


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
    if not lengths[0] or not lengths[1]:
        return "it is 0 everywhere" if not lengths[0] else "the right gradient is 0"
    ratio, cos = lengths[0] / lengths[1], float((mine * right).sum() / lengths[0] / lengths[1])
    if abs(abs(cos) - 1) < 1e-9:
        return f"it is {np.sign(cos) * ratio:.6g} times the right one"
    return (
        f"it is {ratio:.3g} times as long as the right one, at an angle of "
        f"{np.degrees(np.arccos(np.clip(cos, -1, 1))):.0f}°"
    )
