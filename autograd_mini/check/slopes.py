"""A hand-written derivative of a function of one number: right, or wrong by the name of its mistake."""

import inspect
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cached_property
from typing import Any

import numpy as np

from ..core.tensor import Tensor
from ..errors import AutogradError
from ..symbols import evaluate
from .backward import Backward
from .formulas import KNOWN, Function, between, known, shown
from .gradcheck import numerical, wrong_step
from .report import Report
from .words import Words

POINTS = np.array([-2.0, -0.7, -0.1, 0.3, 1.2, 2.5])
CLOSE, CLOSE32 = 1e-6, 1e-4  # how far a right derivative may be off, relatively; and one in float32
MOST = 4  # mistakes that are told
NOT_RUNNABLE = (AutogradError, TypeError, ValueError, NotImplementedError, AttributeError, LookupError)


def check_derivative(f: Callable[..., Any], df: Callable[..., Any], points: Any = None) -> Report:
    """Return what is wrong with a hand-written derivative of a function of one number, by name.

    Args:
        f: the function, of NumPy's functions (or of ag's, or of single numbers).
        df: its derivative as the person wrote it, of the function's *input*.
        points: where to look; away from 0 by default.

    Booleans and integers that are the right numbers are right; on a kink anything between both slopes is. Returns a Report.

    >>> check_derivative(np.tanh, lambda x: 1 - x**2).findings[0].mistake
    'derivative_at_preactivation'
    """
    x = POINTS.copy() if points is None else np.array(points, float)
    with np.errstate(all="ignore"):
        check = _Check(f, x)
        defined = np.isfinite(check.y) & np.isfinite(check.s)
        if points is None and 1 < defined.sum() < x.size:  # as of √x, above 0 alone
            check = _Check(f, x[defined])
        check.judge(df)
    report = check.report
    (report.wrong if report.findings else report.right).append("df")
    return report


def _one_by_one(f: Any, x: Any) -> Any:
    """What f gives of each number alone, in an array of one."""
    return np.reshape([float(np.ravel(f(np.array([v])))[0]) for v in x.flat], x.shape)


def _same(x: Any, y: Any) -> bool:
    return bool(np.allclose(x, y, rtol=1e-9, atol=1e-12, equal_nan=True))


class _Check:
    """A function's values y and slopes s at x, and ways to write its derivative: by the engine, else numerically."""

    def __init__(self, f: Any, x: Any) -> None:
        self.f, self.x, self.line = f, x, ""
        self.report = Report(subject="derivative", names={"np": np, "x": x})
        self.functions: list[Function] = []  # what f is
        try:
            leaf = Tensor(x, label="x")
            out = f(leaf)
            if out.shape != x.shape:
                raise TypeError("no function of single elements")
            b = Backward(out.sum())
        except NOT_RUNNABLE:
            self._numerically()
        else:
            constants = [v for n, v in b.values.items() if n not in b.at]
            line = Words(b).line(leaf).replace("dx = ", "df = lambda x: ", 1)
            self.line = "" if "\n" in line or any(v.ndim for v in constants) else line
            self.y, self.s = b.values[out], b.grads[leaf]
            self.functions = [made] if (made := between(b, leaf, out)) else []
        same = [known(n) for n in KNOWN if _same(known(n).at(x), self.y)]
        self.functions += [f for f in same if f.name not in [g.name for g in self.functions]]

    def _numerically(self) -> None:
        """By single numbers, or by rows of one number where f takes only rows."""
        try:
            float(self.f(float(self.x.flat[0])))
            self.report.notes.append("f takes single numbers only; its derivative was found numerically.")
        except (TypeError, ValueError):
            note = "f takes a whole row and gives one number: write np.maximum(x, 0) and the like"
            self.report.add("mixes_rows", "f", note)
            rows = self.f
            self.f = lambda v: np.asarray(rows(np.array([v]))).reshape(-1)[0]

        def slope(v: float) -> float:
            return numerical(lambda h: float(self.f(v + h)), max(1.0, abs(v)))[0]

        values = [(float(self.f(v)), slope(v)) for v in self.x.ravel().tolist()]
        self.y, self.s = (np.array(part).reshape(self.x.shape) for part in zip(*values, strict=True))

    @cached_property
    def mixes(self) -> bool:
        """Whether f gives a number alone something else than within an array, as softmax does."""
        try:
            return not _same(_one_by_one(self.f, self.x), self.y)
        except NOT_RUNNABLE:
            return False

    def wrong(self, mistake: str, note: str) -> None:
        self.report.add(mistake, "df", note, self.line)

    def judge(self, df: Any) -> None:
        """Say what is wrong with the person's function."""
        x, mine = self.x, self._called(df)
        if mine is None:
            return
        if mine.size == 1 and x.size > 1:
            self.report.notes.append("df returns one number for a whole array; it is used for each element.")
            mine = np.broadcast_to(mine.reshape(()), x.shape)
        elif x.ndim == 1 and mine.shape == (x.size, x.size):
            self.report.notes.append("df returns a matrix: it is read as the Jacobian, by its diagonal.")
            mine = np.diagonal(mine)
        if mine.size != x.size:
            self.wrong("wrong_shape", f"it has shape {mine.shape} for {x.shape}")
        elif not self._agrees(mine.reshape(x.shape)):
            self._explain(mine.reshape(x.shape))

    def _called(self, df: Any) -> Any:
        """What df gives of an array, or of each number where it takes no arrays; None where it cannot be called."""
        x, given = self.x, self.x.copy()
        try:
            out = np.array(df(given))
        except Exception as error:
            return self._of_numbers(df, f"of an array it raises {type(error).__name__}: {error}")
        if out.dtype.kind not in "biuf":
            what = "None: a return is missing" if out.shape == () and out[()] is None else f"{out.dtype}"
            self.wrong("not_finite", f"it gives {what}, and real numbers are needed")
            return None
        if not np.array_equal(given, x):
            note = "it changes (overwrites) its argument in place: work on a copy, x = np.array(x)"
            self.report.add("writes_into_argument", "df", note)
        elif x.size > 1 and out.shape == x.shape and not self.mixes:
            with suppress(Exception):  # it may take rows of a fixed length only: then nothing can be said
                if not _same(_one_by_one(df, x), out.astype(float)):
                    note = "of a number alone it gives something else than in an array (a maximum, a sum?)"
                    self.report.add("mixes_rows", "df", note)
        return out

    def _of_numbers(self, df: Any, error: str) -> Any:
        """What df gives of single numbers; or why it cannot be called."""
        with suppress(TypeError, ValueError):
            parameters = inspect.signature(df).parameters.values()
            needed = [p for p in parameters if p.default is p.empty and p.kind < p.VAR_POSITIONAL]
            if len(needed) > 1:
                note = "arguments, output and target: a delta (softmax with cross-entropy: ŷ − y)"
                self.report.add("delta_of_another_loss", "df", f"it takes {len(needed)} {note}")
                return None
        try:
            out = np.reshape([df(v) for v in self.x.ravel().tolist()], self.x.shape)
        except Exception:
            self.report.add("not_finite", "df", error)
            return None
        note = f"{error}. Use np.where(x > 0, …, …), np.exp, … or np.vectorize(df)"
        self.report.add("scalar_only", "df", note)
        return out

    def _agrees(self, mine: Any) -> bool:
        """Whether the numbers are right: everywhere, or between both slopes where there is a kink."""
        close, h = CLOSE32 if mine.dtype == np.float32 else CLOSE, 1e-6
        off = ~(np.abs(mine.astype(float) - self.s) <= close * np.maximum(np.abs(self.s), 1e-3))
        for v, slope in zip(self.x[off], mine[off], strict=True):
            try:
                down, at, up = _one_by_one(self.f, np.array([v - h, v, v + h]))
            except NOT_RUNNABLE:
                return False
            left, right = sorted(((at - down) / h, (up - at) / h))
            if right - left < 1e-3 or not left - 1e-4 <= slope <= right + 1e-4:
                return False
            note = f"At {v:g} f has a kink: any slope from {left:.3g} to {right:.3g} is right there."
            self.report.notes.append(note)
        return True

    def _explain(self, mine: Any) -> None:
        """Say what gives these numbers: the likeliest first."""
        numbers = mine.astype(float)

        def same(a: Any) -> bool:
            off = np.abs(np.broadcast_to(a, numbers.shape) - numbers)
            return bool(np.all(off <= CLOSE * np.maximum(np.abs(numbers), 1e-3)))

        found: dict[str, str] = {}
        for mistake, a, note in self._tries(numbers, mine.dtype.kind in "iu"):
            if a is True or (a is not False and same(a)):
                found.setdefault(mistake, note)
        with suppress(*NOT_RUNNABLE):  # f may take no array
            step = wrong_step(lambda h: self.f(self.x + h), lambda a: np.shape(a) == self.x.shape and same(a))
            found |= dict([step]) if step else {}
        for mistake, note in list(found.items())[:MOST]:
            self.wrong(mistake, note)
        self.report.explained = bool(found)
        if not found:
            off = np.abs(mine - self.s)
            near, zero = off <= CLOSE * np.maximum(np.abs(self.s), 1e-3), np.abs(self.x) < 1e-12
            at = np.unravel_index(np.nanargmax(off), off.shape)
            numbers = f"at {self.x[at]:g} it is {mine[at]:.6g} and should be {self.s[at]:.6g}"
            only = zero.any() and np.array_equal(near, zero)
            mistake = "right_at_zero_only" if only else "wrong_derivative"
            self.wrong(mistake, f"{numbers}; {near.sum()} of {near.size} are right")

    def _tries(self, mine: Any, integer: bool) -> Iterator[tuple[str, Any, str]]:
        """Mistakes, the numbers that they give (or whether they are made), and what is said of them."""
        x, y, s = self.x, self.y, self.s
        bad = np.flatnonzero(~np.isfinite(mine))
        for i in bad[:1]:
            yield "not_finite", True, f"at {x.flat[i]:g} it is {mine.flat[i]}, and should be {s.flat[i]:.6g}"
        note = "f(x) · (1 − f(x)) is the diagonal of the Jacobian alone: each element depends on the others"
        yield "softmax_elementwise", self.mixes and y * (1 - y), note
        yield "wrong_sign", -s, "every number is negated"
        for f in self.functions:
            a = f"{f.name}(x)"
            for wrong, mistake in f.wrong.items():
                note = f"{shown(wrong, a=a)} stands where {shown(f.right, a=a)} belongs"
                yield mistake, evaluate(wrong, {"x": x, "a": y}), note
            for word, other in _others(x, f.name).items() if f.by_value is not None else ():
                note = f"{shown(f.right)} is right for a = {a}, and is given a = {word}"
                yield "derivative_at_wrong_array", evaluate(f.right, {"a": other}), note
        yield "wrong_derivative", 1 / s, "it is 1 over the derivative: the inverse function's"
        for total in (s.sum(), s.mean()):
            yield "mixes_rows", total, "one number stands for all: the derivatives are added up"
        shift, ratio = float(np.mean(mine - s)), float((mine * s).sum() / (s * s).sum())
        note = f"a constant term, {-shift:.6g}, is missing everywhere"
        yield "constant_term_missing", abs(shift) > 1e-9 and s + shift, note
        two = np.isclose(abs(ratio), (2, 0.5)).any()
        note = f"it is {ratio:.6g} times the derivative everywhere"
        yield "factor_two" if two else "wrong_factor", mine.size > 1 and ratio * s, note
        for other in map(known, KNOWN):
            if other.name not in [f.name for f in self.functions]:
                for word, value in {"the derivative of ": other.slope_at(x), "": other.at(x)}.items():
                    yield "derivative_of_another_function", value, f"it is {word}{other.name} at x"
        note = "the digits behind the point are cut off: make it float"
        yield "integer_result", integer and np.trunc(s), note


def _others(x: Any, name: str) -> dict[str, Any]:
    """What people give to a formula that expects the activation."""
    e = np.exp(x)
    found = {f"{n}(x)": known(n).at(x) for n in KNOWN if n not in (name, "negative")}
    return found | {
        "exp(−x)": 1 / e,
        "1 / (1 + exp(x))": 1 / (1 + e),
        "1 + exp(x)": 1 + e,
        "1 + exp(−x)": 1 + 1 / e,
    }
