"""Gradients against numerical ones that know their own error; and a person's own numerical gradients."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.tensor import Tensor
from ..derivatives import gradients
from ..errors import GraphError
from .backward import Backward, is_node
from .report import Report

ENTRIES = 60  # entries of an input that are checked one by one; of larger ones a random choice
AGREES, EXACT = 1e-7, 1e-10  # how far a right derivative may be off, beside the numerical one's own error


def numerical(
    f: Callable[[float], float], scale: float = 1.0, single: bool = False
) -> tuple[float, float, bool]:
    """The slope of f at 0, the error of that number, and whether f has a kink there.

    Central differences at halving steps, extrapolated; the least error wins (Ridders, doi:10.1016/S0141-1195(82)80057-0).
    """
    eps, h = (6e-8, 0.1 * scale) if single else (1.1e-16, 0.02 * scale)
    middle = f(0.0)
    best, error, size = 0.0, np.inf, abs(middle)
    rows: list[list[float]] = []
    gaps: list[float] = []
    for i in range(8):
        up, down = f(h), f(-h)
        size = max(size, abs(up), abs(down))
        gaps.append(abs(up - 2 * middle + down) / h)
        row = [(up - down) / (2 * h)]
        for j, old in enumerate(rows[-1] if rows else []):
            row.append(row[j] + (row[j] - old) / (4.0 ** (j + 1) - 1))
            guess = max(abs(row[j + 1] - row[j]), abs(row[j + 1] - old)) + 4 * eps * size / h
            if guess < error:
                best, error = row[j + 1], guess
        rows.append(row)
        h /= 3.0 if i > 4 and not single else 2.0
    kink = gaps[-1] > 0.3 * gaps[0] and gaps[-1] > 1e3 * eps * size / h + 1e-6 * abs(best)
    return best, error, kink


def check_gradients(f: Callable[..., Any], inputs: Any, *, order: int = 1, given: Any = None) -> Report:
    """Return whether the derivatives of f at these inputs are right: ours, or the person's own.

    Args:
        f: a function of nodes that returns a scalar node.
        inputs: an array or number, or a list of arrays: f's arguments.
        order: 1 for the gradient; 2 for the derivative of the gradient along a fixed random direction.
        given: the person's own gradients to be judged in place of ours, in the form of `inputs`.

    Each entry is compared with a numerical derivative and the error that this itself has (none to speak of where complex
    numbers go through f): a kink, noise and float32 are told from mistakes. Returns a Report: `right` and `wrong` hold the
    numbers of the inputs. Raises GraphError where f returns no scalar node.

    >>> import autograd_mini as ag
    >>> print(check_gradients(lambda x: (x * x).sum(), [[1.0, 2.0]]))
    Right: input 0.
    Nothing is wrong with your gradient.
    """
    many = isinstance(inputs, list | tuple)
    several = many and all(isinstance(x, np.ndarray) or is_node(x) for x in inputs)
    raw = [np.asarray(x.data if is_node(x) else x) for x in (inputs if several else [inputs])]
    check = _Check(f, [x if x.dtype == np.float32 else x.astype(float) for x in raw], order)
    report = Report()
    leaves, out = check.record(check.arrays)
    again = check.record(check.arrays)[1].item()
    if not np.isfinite(out.item()):
        report.add("not_finite", "f", f"f gives {out.item()} here")
    elif out.item() != again:
        report.add("not_deterministic", "f", f"{out.item():.17g}, then {again:.17g}: fix the seed inside f")
    if report.findings:
        report.explained = False
        return report
    ours = gradients(out, leaves, allow_unused=True) if out.requires_grad else [0 * x for x in check.arrays]
    theirs = ours if given is None else given if several else [given]
    for i, x in enumerate(check.arrays):
        g = np.asarray(theirs[i], float)
        if g.shape != x.shape:
            report.add("wrong_shape", f"input {i}", f"the gradient has shape {g.shape}, the input {x.shape}")
        else:
            check.judge(i, g, leaves[i], out, report)
        bad = any(f.where.startswith(f"input {i}") for f in report.findings)
        (report.wrong if bad else report.right).append(i)
        if bad and given is not None and g.shape == x.shape:
            step = check.own_numerical(i, g, np.asarray(ours[i], float), raw[i].dtype.kind in "iu")
            if step:
                report.add(step[0], f"input {i}", step[1], first=True)
    return report


class _Check:
    """A function at its inputs."""

    def __init__(self, f: Any, arrays: list[Any], order: int) -> None:
        self.f, self.arrays, self.order = f, arrays, order
        self.rng = np.random.default_rng(0)
        self.directions = [self.rng.standard_normal(x.shape) for x in arrays]
        self.single = any(x.dtype == np.float32 for x in arrays)

    def record(self, values: list[Any]) -> tuple[list[Any], Any]:
        """The inputs as nodes, and what is differentiated: f, or its derivative along the directions."""
        leaves = [Tensor(x, label=f"input {i}") for i, x in enumerate(values)]
        out = self.f(*leaves)
        if not is_node(out) or out.size != 1:
            needed = "f must return a scalar node of the Tensors it gets: use .sum() or .mean()"
            raise GraphError(f"check_gradients: {needed}")
        if self.order > 1:
            slopes = gradients(out, leaves, create_graph=True, allow_unused=True)
            out = sum((slope * v).sum() for slope, v in zip(slopes, self.directions, strict=True))
        return leaves, out

    def value(self, i: int, moved: Any) -> float:
        """What is differentiated, with another array as input i."""
        arrays = [*self.arrays[:i], moved, *self.arrays[i + 1 :]]
        return float(self.record(arrays)[1].item())

    def judge(self, i: int, g: Any, leaf: Any, out: Any, report: Report) -> None:
        """Compare the gradient of an input entry by entry; the worst goes into the report."""
        x, where = self.arrays[i], f"input {i}"
        every = x.size <= ENTRIES
        chosen = np.arange(x.size) if every else self.rng.choice(x.size, ENTRIES, replace=False)
        b = Backward(out) if out.requires_grad and not self.single else None
        worst, kinks = (0.0, "", 0.0, 0.0, 0.0), 0
        for place in zip(*np.unravel_index(chosen, x.shape), strict=True) if x.ndim else [()]:
            slope, allowed, kink = self._slope(i, place, leaf, b, float(np.max(np.abs(g))))
            off = abs(float(g[place]) - slope)
            kinks += kink
            if not kink and not off <= allowed and (np.isfinite(slope) or np.isfinite(g[place])):
                spot = f"[{', '.join(map(str, place))}]" if place else ""
                worst = max(worst, (off / allowed, spot, float(g[place]), slope, allowed))
        if kinks:
            note = f"{kinks} of {len(chosen)} entries lie on a kink: there is no one derivative."
            report.notes.append(f"{where}: {note}")
        if self.single:
            report.notes.append(f"{where}: in float32 only 3 to 4 digits can be checked: take float64.")
        if worst[0]:
            _, spot, mine, slope, error = worst
            ratio = f", ratio {mine / slope:.10g}" if slope else ""
            note = f"it is {mine:.9g} and should be {slope:.9g} ± {error:.1g}{ratio}"
            report.add("wrong_gradient", where + spot, note)

    def _slope(self, i: int, place: Any, leaf: Any, b: Any, size: float) -> tuple[float, float, bool]:
        """The derivative by one entry, how far a right one may be off, and whether f has a kink there."""
        x = self.arrays[i]
        unit = np.zeros(x.shape)
        unit[place] = 1.0
        exact = b.complex_slope(leaf, unit) if b is not None and leaf in b.at else None
        if exact is not None:
            return exact, EXACT * max(abs(exact), size) + 1e-300, False

        def along(h: float) -> float:
            return self.value(i, x + np.asarray(h * unit, x.dtype))

        slope, error, kink = numerical(along, max(1.0, abs(float(x[place]))), self.single)
        return slope, 10 * error + AGREES * abs(slope) * (1000 if self.single else 1) + 1e-12, kink

    def own_numerical(self, i: int, mine: Any, ours: Any, integers: bool) -> tuple[str, str] | None:
        """What is wrong with a person's numerical gradient: its step, what it is divided by, the type of its input."""
        base = np.asarray(self.arrays[i], float)
        if integers and not mine.any():
            return (
                "step_lost_in_integers",
                "x + ε is cut back to x: make x a float array first, np.asarray(x, float)",
            )
        ratio = float((mine * ours).sum() / (ours * ours).sum()) if ours.any() else 0.0
        if ratio and np.allclose(mine, ratio * ours, rtol=1e-3, atol=1e-9):
            usual = np.isclose(ratio, (2, 0.5), rtol=1e-3).any() or not 1e-2 < abs(ratio) < 1e2
            note = f"it is {ratio:.6g} times the right one: divide f(x + ε) − f(x − ε) by 2ε"
            return ("step_not_divided", note) if usual else None
        units = np.eye(base.size).reshape(-1, *base.shape)

        def values(h: float) -> Any:
            return np.array([self.value(i, base + h * unit) for unit in units]).reshape(base.shape)

        return wrong_step(values, lambda x: np.allclose(x, mine, rtol=1e-6, atol=1e-12))


def wrong_step(values: Callable[[float], Any], same: Callable[[Any], bool]) -> tuple[str, str] | None:
    """The mistake of a numerical difference by its step: `values` are those at a distance, `same` knows the person's numbers."""
    for h in 10.0 ** np.arange(-16, 1):
        for sides, down in (("one-sided", 0.0), ("central", h)):
            if same((values(h) - values(-down)) / (h + down)):
                note = f"it is the {sides} difference with ε = {h:g}: take ε = 1e-5 and both sides"
                return "step_too_small" if h < 1e-7 else "step_too_large", note
    return None
