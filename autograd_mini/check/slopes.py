"""A hand-written derivative of a function of one number: right, or wrong by the name of its mistake."""

import inspect
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cached_property
from typing import Any

import numpy as np

from ..core.tensor import Tensor
from ..derivatives import gradients
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
Named = Iterator[tuple[str, str]]  # mistakes, and what is particular to each


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
    report = Report(subject="derivative")
    with np.errstate(all="ignore"):
        truth = _Truth(f, x, report)
        defined = np.isfinite(truth.y) & np.isfinite(truth.s)
        if points is None and 1 < defined.sum() < x.size:  # as of √x, above 0 alone
            report, x = Report(subject="derivative"), x[defined]
            truth = _Truth(f, x, report)
        report.names = {"np": np, "x": x}
        mine = _called(df, x, truth, report)
        if mine is not None:
            mine = _in_shape(mine, x, report)
            if mine.shape != x.shape:
                report.add("wrong_shape", "df", f"it has shape {mine.shape} for {x.shape}", truth.line)
            elif not truth.agrees(mine, report):
                truth.explain(mine, report)
    (report.wrong if report.findings else report.right).append("df")
    return report


class _Truth:
    """A function's values and slopes, and ways to write its derivative: by the engine, else numerically."""

    def __init__(self, f: Any, x: Any, report: Report) -> None:
        self.f, self.x, self.line = f, x, ""
        self.functions: list[Function] = []  # what f is
        try:
            leaf = Tensor(x, label="x")
            out = f(leaf)
            if out.shape != x.shape:
                raise TypeError("no function of single elements")
            b = Backward(out.sum())
        except NOT_RUNNABLE:
            self._numerically(report)
        else:
            words = Words(b)
            line = words.line(leaf).replace("dx = ", "df = lambda x: ", 1)
            self.line = "" if "\n" in line or len(b.values) > len(b.order) + words.numbers() else line
            self.y, self.s = b.values[out], b.grads[leaf]
            self.functions = [made] if (made := between(b, leaf, out)) else []
        same = [n for n in KNOWN if np.allclose(known(n).at(x), self.y, rtol=1e-9, atol=1e-12)]
        self.functions += [known(n) for n in same if n not in [f.name for f in self.functions]]

    @cached_property
    def mixes(self) -> bool:
        """Whether f gives a number alone something else than within an array, as softmax does."""
        try:
            apart = [float(np.ravel(self.f(np.array([v])))[0]) for v in self.x.flat]
        except NOT_RUNNABLE:
            return False
        return not np.allclose(np.reshape(apart, self.x.shape), self.y, rtol=1e-9, atol=1e-12)

    @cached_property
    def second(self) -> Any:
        """The second derivative where the engine has it, else NaN."""
        try:
            leaf = Tensor(self.x)
            slope = gradients(self.f(leaf).sum(), leaf, create_graph=True)
            return gradients(slope.sum(), leaf)
        except NOT_RUNNABLE:
            return np.full(self.x.shape, np.nan)

    def _numerically(self, report: Report) -> None:
        """By single numbers, or by rows of one number where f takes only rows."""
        try:
            float(self.f(float(self.x.flat[0])))
            report.notes.append("f takes single numbers only; its derivative was found numerically.")
        except (TypeError, ValueError):
            note = (
                "f takes a whole row and gives one number: write np.maximum(x, 0) and the like, "
                "element by element"
            )
            report.add("mixes_rows", "f", note)
            rows = self.f
            self.f = lambda v: np.asarray(rows(np.array([v]))).reshape(-1)[0]
        values = [(float(self.f(float(v))), self._slope_at(float(v))) for v in self.x.flat]
        self.y, self.s = (np.array(part).reshape(self.x.shape) for part in zip(*values, strict=True))

    def _slope_at(self, v: float) -> float:
        return numerical(lambda h: float(self.f(v + h)), max(1.0, abs(v)))[0]

    def agrees(self, mine: Any, report: Report) -> bool:
        """Whether the numbers are right: everywhere, or between both slopes where there is a kink."""
        close = CLOSE32 if mine.dtype == np.float32 else CLOSE
        off = ~(np.abs(mine.astype(float) - self.s) <= close * np.maximum(np.abs(self.s), 1e-3))
        for place in zip(*np.nonzero(off), strict=True):
            v, h = float(self.x[place]), 1e-6
            try:
                down, at, up = (float(np.ravel(self.f(np.array([u])))[0]) for u in (v - h, v, v + h))
            except NOT_RUNNABLE:
                return False
            left, right = sorted(((at - down) / h, (up - at) / h))
            if right - left < 1e-3 or not left - 1e-4 <= mine[place] <= right + 1e-4:
                return False
            report.notes.append(
                f"At {v:g} f has a kink: any slope from {left:.3g} to {right:.3g} is right there."
            )
        return True

    def explain(self, mine: Any, report: Report) -> None:
        """Say what gives these numbers."""
        found: dict[str, str] = {}
        for mistake, note in self._named(mine.astype(float), mine.dtype.kind in "iu"):
            found.setdefault(mistake, note)
        for mistake, note in list(found.items())[:MOST]:
            report.add(mistake, "df", note, self.line)
        report.explained = bool(found)
        if not found:
            off = np.abs(mine - self.s)
            near, zero = off <= CLOSE * np.maximum(np.abs(self.s), 1e-3), np.abs(self.x) < 1e-12
            at = np.unravel_index(np.nanargmax(off), off.shape)
            only = zero.any() and near[zero].all() and not near[~zero].any()
            note = (
                f"at {self.x[at]:g} it is {mine[at]:.6g} and should be {self.s[at]:.6g}; "
                f"{near.sum()} of {near.size} are right"
            )
            report.add("right_at_zero_only" if only else "wrong_derivative", "df", note, self.line)

    # ---- What gives these numbers --------------------------------------------------------------------------------------

    def _named(self, mine: Any, integer: bool) -> Named:
        """The mistakes that give these numbers, the likeliest first."""
        x, y, s = self.x, self.y, self.s

        def same(a: Any) -> bool:
            off = np.abs(np.broadcast_to(a, mine.shape) - mine)
            return bool(np.all(off <= CLOSE * np.maximum(np.abs(mine), 1e-3)))

        bad = ~np.isfinite(mine)
        if bad.any():
            yield "not_finite", f"at {x[bad][0]:g} it is {mine[bad][0]}, and should be {s[bad][0]:.6g}"
        name = next((f.name for f in reversed(self.functions)), "f")
        if self.mixes and same(y * (1 - y)):
            note = f"{name}(x) · (1 − {name}(x)) is the diagonal of the Jacobian alone: "
            yield "softmax_elementwise", note + "each element depends on the others"
        if same(-s):
            yield "wrong_sign", "every number is negated"
        for f in self.functions:
            for wrong, mistake in f.wrong.items():
                if same(evaluate(wrong, {"x": x, "a": y})):
                    a = f"{f.name}(x)"
                    yield mistake, f"{shown(wrong, a=a)} stands where {shown(f.right, a=a)} belongs"
            if (form := f.by_value) is not None:
                for word, a in _others(x, f.name).items():
                    if same(evaluate(form, {"a": a})):
                        note = f"{shown(form)} is right for a = {f.name}(x), and is given a = {word}"
                        yield "derivative_at_wrong_array", note
        if not self.functions:
            plain = [("value_for_derivative", y, "f(x)"), ("value_for_derivative", x, "x")]
            plain += [("activation_derivative_twice", s * s, "the square of the derivative")]
            plain += [
                ("activation_derivative_missing", 1.0 + 0 * s, "1"),
                ("cases_exchanged", 1 - s, "1 − f′(x)"),
            ]
            yield from (
                (mistake, f"{what} stands for the derivative") for mistake, a, what in plain if same(a)
            )
        if same(s.sum()) or same(s.mean()):
            yield (
                "mixes_rows",
                "it is one number for all: the derivatives of all elements are summed or averaged",
            )
        with suppress(*NOT_RUNNABLE):  # f may take no array
            step = wrong_step(lambda h: self.f(x + h), lambda a: np.shape(a) == x.shape and same(a))
            yield from [step] if step else []
        if same(self.second):
            yield "activation_derivative_twice", "it is the second derivative"
        if same(1 / s):
            yield "wrong_derivative", "it is 1 over the derivative: the inverse function's"
        shift, ratio = mine - s, mine[s != 0] / s[s != 0]
        if np.ptp(shift) < 1e-9 < abs(shift.flat[0]):
            yield "constant_term_missing", f"a constant term, {-shift.flat[0]:.6g}, is missing everywhere"
        if ratio.size > 1 and np.ptp(ratio) < 1e-9 * abs(ratio[0]) and same(ratio[0] * s):
            two = np.isclose(abs(ratio[0]), (2, 0.5)).any()
            note = f"it is {ratio[0]:.6g} times the derivative everywhere"
            yield "factor_two" if two else "wrong_factor", note
        for other in map(known, KNOWN):
            if other.name not in [f.name for f in self.functions]:
                if same(other.slope_at(x)):
                    yield "derivative_of_another_function", f"it is the derivative of {other.name} at x"
                if same(other.at(x)):
                    yield "derivative_of_another_function", f"it is {other.name}(x)"
        if integer and same(np.trunc(s)):
            yield "integer_result", "the digits behind the point are cut off: make it float"


def _others(x: Any, name: str) -> dict[str, Any]:
    """What people give to a formula that expects the activation."""
    e = np.exp(-x)
    found = {f"{n}(x)": known(n).at(x) for n in KNOWN if n not in (name, "negative")}
    return found | {
        "exp(−x)": e,
        "1 / (1 + exp(x))": e / (1 + e),
        "1 + exp(x)": 1 + 1 / e,
        "1 + exp(−x)": 1 + e,
    }


# ---- Calling a person's function ------------------------------------------------------------------------------------------


def _called(df: Any, x: Any, truth: _Truth, report: Report) -> Any:
    """What df gives of an array, or of each number where it takes no arrays; None where it cannot be called."""
    given = x.copy()
    try:
        out = np.array(df(given))
    except Exception as error:
        return _one_by_one(df, x, f"of an array it raises {type(error).__name__}: {error}", report)
    if out.dtype.kind not in "biuf":
        what = "None: a return is missing" if out.shape == () and out[()] is None else f"{out.dtype}"
        report.add("not_finite", "df", f"it gives {what}, and real numbers are needed", truth.line)
        return None
    if not np.array_equal(given, x):
        note = "it changes (overwrites) its argument in place: work on a copy, x = np.array(x)"
        report.add("writes_into_argument", "df", note)
    elif x.size > 1 and out.shape == x.shape and not truth.mixes:
        try:
            apart = [float(np.ravel(df(np.array([v])))[0]) for v in x.flat]
        except Exception:  # it may take rows of a fixed length only: then nothing can be said
            return out
        if not np.allclose(
            np.reshape(apart, x.shape), out.astype(float), rtol=1e-9, atol=1e-12, equal_nan=True
        ):
            report.add(
                "mixes_rows",
                "df",
                "of a number alone it gives something else than within an array (a maximum, a sum?)",
            )
    return out


def _one_by_one(df: Any, x: Any, error: str, report: Report) -> Any:
    """What df gives of single numbers; or why it cannot be called."""
    try:
        parameters = inspect.signature(df).parameters.values()
        needed = [p for p in parameters if p.default is p.empty and p.kind < p.VAR_POSITIONAL]
    except (TypeError, ValueError):
        needed = []
    if len(needed) > 1:
        note = (
            f"it takes {len(needed)} arguments, an output and a target: the delta of an activation "
            "with its loss (softmax with "
        )
        report.add("delta_of_another_loss", "df", note + "cross-entropy: ŷ − y), not a derivative")
        return None
    try:
        out = np.array([df(float(v)) for v in x.flat]).reshape(x.shape)
    except Exception:
        report.add("not_finite", "df", error)
        return None
    report.add("scalar_only", "df", f"{error}. Use np.where(x > 0, …, …), np.exp, … or np.vectorize(df)")
    return out


def _in_shape(mine: Any, x: Any, report: Report) -> Any:
    """The result in the argument's shape: a single number for all, a Jacobian's diagonal."""
    if mine.shape == x.shape:
        return mine
    if mine.size == 1:
        report.notes.append("df returns one number for a whole array; it is used for each element.")
        return np.broadcast_to(mine.reshape(()), x.shape)
    if x.ndim == 1 and mine.shape == (x.size, x.size):
        report.notes.append("df returns a matrix: it is read as the Jacobian, by its diagonal.")
        return np.diagonal(mine)
    return mine.reshape(x.shape) if mine.size == x.size else mine
