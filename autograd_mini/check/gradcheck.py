"""Derivatives against numerical ones that know their own error, and a hand-written derivative by the name of its mistake."""

import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ..core.engine import gradients
from ..core.tensor import Tensor
from ..errors import AutogradError, GraphError
from ..symbols import call, evaluate, simplify, symbol, text
from .backward import Backward, function, is_node, row
from .mutate import formula, polynomial, wrong_expressions, wrong_polynomials
from .report import Report, finding
from .words import NUMPY, Words, plain

POINTS = np.array([-2.0, -0.7, -0.1, 0.3, 1.2, 2.5])
KNOWN = ("sigmoid", "tanh", "relu", "softplus", "exp", "sin", "cos", "square", "silu", "arctan", "negative")
ENTRIES = 60  # entries of an input that are checked one by one; of larger ones a random choice
AGREES = 1e-7  # how far a right derivative may be off, beside the numerical one's own error


# ---- Numerical derivatives ------------------------------------------------------------------------------------------------


def numerical(
    f: Callable[[float], float], scale: float = 1.0, single: bool = False
) -> tuple[float, float, bool]:
    """The slope of f at 0, the error of that number, and whether f has a kink there.

    Central differences at halving steps, extrapolated (Ridders, doi:10.1016/S0141-1195(82)80057-0); the least error wins.
    """
    eps = 6e-8 if single else 1.1e-16
    h = (0.1 if single else 0.02) * scale
    middle = f(0.0)
    best, error = 0.0, np.inf
    rows: list[list[float]] = []
    slopes: list[tuple[float, float]] = []
    size = abs(middle)
    for i in range(8):
        up, down = f(h), f(-h)
        size = max(size, abs(up), abs(down))
        slopes.append(((up - middle) / h, (middle - down) / h))
        line = [(up - down) / (2 * h)]
        for j, old in enumerate(rows[-1] if rows else []):
            line.append(line[j] + (line[j] - old) / (4.0 ** (j + 1) - 1))
        rounding = 4 * eps * size / h
        for j in range(1, len(line)):
            guess = max(abs(line[j] - line[j - 1]), abs(line[j] - rows[-1][j - 1])) + rounding
            if guess < error:
                best, error = line[j], guess
        rows.append(line)
        h /= 2.0 if single else 3.0 if i > 4 else 2.0
    gaps = [abs(right - left) for right, left in slopes]
    kink = gaps[-1] > 0.3 * gaps[0] and gaps[-1] > 1e3 * eps * size / h + 1e-6 * max(
        abs(s) for s in slopes[-1]
    )
    return best, error, kink


def check_gradients(f: Callable[..., Any], inputs: Any, *, order: int = 1, given: Any = None) -> Report:
    """Return whether the derivatives of f at these inputs are right: ours, or the person's own.

    Args:
        f: a function of nodes that returns a scalar node.
        inputs: an array or number, or a list of them: f's arguments.
        order: 1 for the gradient; 2 for the derivative of the gradient along a fixed random direction.
        given: the person's own gradients to be judged in place of ours, in the form of `inputs`.

    Each entry is compared with a numerical derivative and the error that this itself has: a kink, noise and float32 are
    told from mistakes. A Report: `wrong` holds the numbers of the inputs whose gradients are wrong.

    >>> import autograd_mini as ag
    >>> print(check_gradients(lambda x: (x * x).sum(), [[1.0, 2.0]]))
    Right: 0.
    Nothing is wrong with your gradient.
    """
    several = isinstance(inputs, list | tuple) and all(
        isinstance(x, np.ndarray) or is_node(x) or np.ndim(x) == 0 for x in inputs
    )
    raw = [np.asarray(x.data if is_node(x) else x) for x in (inputs if several else [inputs])]
    integers = [x.dtype.kind in "iu" for x in raw]
    arrays = [x if x.dtype == np.float32 else x.astype(float) for x in raw]
    rng = np.random.default_rng(0)
    directions = [rng.standard_normal(x.shape) for x in arrays]

    def nodes(values: Sequence[Any]) -> list[Any]:
        return [Tensor(x, label=f"input {i}") for i, x in enumerate(values)]

    def value(values: Sequence[Any]) -> Any:
        leaves = nodes(values)
        out = f(*leaves)
        if not is_node(out) or out.size != 1:
            raise GraphError(
                "check_gradients: f must return a scalar node: it is given Tensors; use .sum() or .mean()"
            )
        if order == 1:
            return leaves, out
        slopes = gradients(out, leaves, create_graph=True, allow_unused=True)
        return leaves, sum((slope * v).sum() for slope, v in zip(slopes, directions, strict=True))

    report = Report(subject="gradient")
    leaves, out = value(arrays)
    again = value(arrays)[1]
    if out.item() != again.item() and out.item() == out.item():
        report.findings.append(
            finding(
                "not_deterministic",
                "f",
                f"{out.item():.17g}, then {again.item():.17g}: fix the seed inside f",
            )
        )
        report.explained = False
        return report
    if not np.isfinite(out.item()):
        report.findings.append(finding("not_finite", "f", f"f gives {out.item()} here"))
        report.explained = False
        return report
    ours = (
        gradients(out, leaves, allow_unused=True)
        if out.requires_grad
        else [np.zeros(x.shape) for x in arrays]
    )
    theirs = None if given is None else [np.asarray(g, float) for g in (given if several else [given])]
    single = any(x.dtype == np.float32 for x in arrays)
    for i, x in enumerate(arrays):
        g = np.asarray(ours[i] if theirs is None else theirs[i], float)
        if g.shape != x.shape:
            report.wrong.append(i)
            report.findings.append(
                finding("wrong_shape", f"input {i}", f"the gradient has shape {g.shape}, the input {x.shape}")
            )
            continue
        along = lambda moved, i=i: value([*arrays[:i], moved, *arrays[i + 1 :]])[1].item()  # noqa: E731
        exact = _complex(out, leaves[i]) if not single and out.requires_grad else None
        bad = _check_input(along, x, g, single, i, report, rng, exact)
        (report.wrong if bad else report.right).append(i)
        if bad and theirs is not None:
            _own_numerical(f, arrays, i, g, np.asarray(ours[i], float), integers[i], report)
    return report


def _check_input(
    f: Callable[[Any], float], x: Any, g: Any, single: bool, i: int, report: Report, rng: Any, exact: Any
) -> bool:
    """Whether the gradient of one input is wrong; what is found goes into the report."""
    chosen = np.arange(x.size) if x.size <= ENTRIES else rng.choice(x.size, ENTRIES, replace=False)
    worst: Any = None
    kinks = 0
    for j in chosen.tolist():
        place = np.unravel_index(j, x.shape)

        def along(h: float, place: Any = place) -> float:
            moved = np.array(x)
            moved[place] += h
            return f(moved)

        slope, error, kink = numerical(along, max(1.0, abs(float(x[place]))), single)
        if exact is not None and (found := exact(place)) is not None:
            slope, error, kink = found, 1e-12 * max(abs(found), float(np.max(np.abs(g)))), False
            if abs(float(g[place]) - slope) > 100 * error:
                worst = max(worst or (0,), (np.inf, place, float(g[place]), slope, error), key=lambda w: w[0])
            continue
        allowed = 10 * error + AGREES * abs(slope) * (1000 if single else 1) + 1e-12
        if not np.isfinite(slope) and not np.isfinite(g[place]):
            continue
        off = abs(float(g[place]) - slope)
        if kink:
            kinks += 1
        elif not off <= allowed and (worst is None or off / allowed > worst[0]):
            worst = off / allowed, place, float(g[place]), slope, error
    where = f"input {i}"
    if kinks:
        report.notes.append(
            f"{where}: {kinks} of {len(chosen)} entries lie on a kink (or a jump), where there is no one derivative: not counted."
        )
    if single:
        report.notes.append(
            f"{where}: float32 tells no more than 3 to 4 digits of a numerical gradient: check in float64."
        )
    if worst is None:
        return False
    _, place, mine, slope, error = worst
    ratio = f", ratio {mine / slope:.6g}" if slope else ""
    spot = f"[{', '.join(map(str, place))}]" if place else ""
    report.findings.append(
        finding(
            "wrong_gradient",
            f"{where}{spot}",
            f"it is {mine:.9g} and should be {slope:.9g} ± {error:.1g}{ratio}",
        )
    )
    return True


def _complex(out: Any, leaf: Any) -> Callable[[Any], float | None]:
    """The derivative of one entry of an input by a complex step, where the recorded function allows one."""
    b = Backward(out)

    def exact(place: Any) -> float | None:
        unit = np.zeros(leaf.shape)
        unit[place] = 1.0
        return b.complex_slope(leaf, unit) if leaf in b.at else None

    return exact


def _own_numerical(f: Any, arrays: Any, i: int, mine: Any, ours: Any, integers: bool, report: Report) -> None:
    """What is wrong with a person's numerical gradient: its step, what it is divided by, or the type of its input."""

    def difference(h: float, central: bool, base: Any) -> Any:
        out = np.zeros(base.shape)
        for place in np.ndindex(base.shape):
            up, down = np.array(base), np.array(base)
            up[place] += h
            down[place] -= h if central else 0
            pair = [
                float(
                    f(*[Tensor(np.asarray(b, float)) for b in (*arrays[:i], moved, *arrays[i + 1 :])]).item()
                )
                for moved in (up, down)
            ]
            out[place] = (pair[0] - pair[1]) / ((2 if central else 1) * h)
        return out

    where = f"input {i}"
    if integers and not mine.any():
        report.findings.insert(
            0,
            finding(
                "step_lost_in_integers",
                where,
                "x + ε is cut back to x: make x a float array first, x = np.asarray(x, float)",
            ),
        )
        return
    ratio = float((mine * ours).sum() / (ours * ours).sum()) if ours.any() else 0.0
    if ratio and np.allclose(mine, ratio * ours, rtol=1e-3, atol=1e-9):
        if (
            np.isclose(ratio, 2, rtol=1e-3)
            or np.isclose(ratio, 0.5, rtol=1e-3)
            or not 1e-2 < abs(ratio) < 1e2
        ):
            report.findings.insert(
                0,
                finding(
                    "step_not_divided",
                    where,
                    f"it is {ratio:.6g} times the right one: (f(x + ε) − f(x − ε)) / (2ε)",
                ),
            )
        return
    for h in 10.0 ** np.arange(-15, 1):
        for central in (True, False):
            if np.allclose(difference(float(h), central, arrays[i]), mine, rtol=1e-6, atol=1e-12):
                name = "step_too_small" if h < 1e-7 else "step_too_large"
                report.findings.insert(
                    0,
                    finding(
                        name,
                        where,
                        f"it is the {'central' if central else 'one-sided'} difference with ε = {h:g}: take ε = 1e-5 and both sides",
                    ),
                )
                return


# ---- A hand-written derivative ----------------------------------------------------------------------------------------------


def check_derivative(f: Callable[..., Any], df: Callable[..., Any], points: Any = None) -> Report:
    """Return what is wrong with a hand-written derivative of a function of one number, by name.

    Args:
        f: the function, of NumPy's functions (or of ag's, or of single numbers).
        df: its derivative as the person wrote it, of the function's *input*.
        points: where to look; away from a kink by default.

    Booleans and integers that are the right numbers are right; on a kink anything between both slopes is.

    >>> check_derivative(np.tanh, lambda x: 1 - x**2).findings[0].mistake
    'derivative_at_preactivation'
    """
    x = POINTS.copy() if points is None else np.array(points, float)
    report = Report(subject="derivative")
    value, slope, line = _true(f, x, report)
    forms = [report.names.pop("gradient")] if report.names else []
    report.names = {"np": np, "x": x}
    mine = _called(df, x, report)
    if mine is None:
        report.wrong.append("df")
        return report
    mine = _in_shape(mine, x, slope, report)
    integer, single = mine.dtype.kind in "iu", mine.dtype == np.float32
    mine = mine.astype(float)
    with np.errstate(all="ignore"):
        right = mine.shape == slope.shape and _right(f, x, mine, slope, single, report)
        if not right:
            found = (
                list(_named(value, slope, mine, x, integer, forms))
                if mine.shape == slope.shape
                else [("wrong_shape", f"it has shape {mine.shape} for {x.shape}")]
            )
            report.explained = bool(found)
            report.findings += [finding(name, "df", note, line) for name, note in found[:4]] or [
                _unexplained(x, mine, slope, line)
            ]
    if report.findings:
        report.wrong.append("df")
    else:
        report.right.append("df")
    return report


def _true(f: Any, x: Any, report: Report) -> tuple[Any, Any, str]:
    """The function's values, its derivative, and the derivative as a line: by the engine, else numerically."""
    try:
        leaf = Tensor(x, label="x")
        out = f(leaf)
        if out.shape != x.shape:
            raise TypeError("f is no function of single elements")
        b = Backward(out.sum())
        words = Words(b)
        line = words.line(leaf).replace("dx = ", "df = lambda x: ", 1)
        report.names["gradient"] = words.gradient(leaf)
        return b.values[out], b.grads[leaf], line if "\n" not in line else ""
    except (AutogradError, TypeError, ValueError, NotImplementedError, AttributeError, KeyError, IndexError):
        pass
    try:
        value = np.array([float(f(v)) for v in x.reshape(-1)]).reshape(x.shape)
    except (TypeError, ValueError):
        rows = [np.asarray(f(np.array([v])), float).reshape(-1) for v in x.reshape(-1)]
        value = np.array([r[0] for r in rows]).reshape(x.shape)
        report.findings.append(
            finding(
                "mixes_rows",
                "f",
                "f takes a whole row and gives one number: write np.maximum(x, 0) and the like, element by element",
            )
        )
        return (
            value,
            np.array(
                [
                    numerical(lambda h, v=v: float(np.asarray(f(np.array([v + h]))).reshape(-1)[0]))[0]
                    for v in x.reshape(-1)
                ]
            ).reshape(x.shape),
            "",
        )
    report.notes.append("f takes single numbers only; its derivative was found numerically.")
    slope = [numerical(lambda h, v=v: float(f(v + h)), max(1.0, abs(v)))[0] for v in x.reshape(-1)]
    return value, np.array(slope).reshape(x.shape), ""


def _called(df: Any, x: Any, report: Report) -> Any:
    """What df gives of an array, or of each number where it takes no arrays; whether it changes its argument."""
    given = x.copy()
    try:
        with np.errstate(all="ignore"):
            out = np.array(df(given))
    except Exception as error:
        try:
            needed = [
                p
                for p in inspect.signature(df).parameters.values()
                if p.default is p.empty and p.kind < p.VAR_POSITIONAL
            ]
        except (TypeError, ValueError):
            needed = []
        if len(needed) > 1:
            report.findings.append(
                finding(
                    "delta_of_another_loss",
                    "df",
                    f"it takes {len(needed)} arguments, an output and a target: that is the delta of an activation with its loss (softmax with cross-entropy: ŷ − y), not a derivative",
                )
            )
            return None
        try:
            out = np.array([df(float(v)) for v in x.reshape(-1)]).reshape(x.shape)
        except Exception:
            report.findings.append(finding("not_finite", "df", f"it raises {type(error).__name__}: {error}"))
            return None
        report.findings.append(
            finding(
                "scalar_only",
                "df",
                f"of an array it raises {type(error).__name__}: {error}. Use np.where(x > 0, …, …), np.exp, … or np.vectorize(df)",
            )
        )
        return out
    if not np.array_equal(given, x):
        report.findings.append(
            finding(
                "writes_into_argument",
                "df",
                "it changes (overwrites) the array in place: what is computed with it later is wrong. Work on a copy: x = np.array(x)",
            )
        )
    elif x.ndim and x.size > 1 and out.shape == x.shape:
        try:
            apart = np.array([np.asarray(df(np.array([v]))).reshape(-1)[0] for v in x.reshape(-1)]).reshape(
                x.shape
            )
            if not np.allclose(apart.astype(float), out.astype(float), rtol=1e-9, atol=1e-12, equal_nan=True):
                report.findings.append(
                    finding(
                        "mixes_rows",
                        "df",
                        "of one number alone it gives something else than within an array (a maximum or sum over all of it?)",
                    )
                )
        except Exception:  # it may take rows of a fixed length only: then nothing can be said
            return out
    return out


def _in_shape(mine: Any, x: Any, slope: Any, report: Report) -> Any:
    """The result in the argument's shape: a single number for all, a Jacobian's diagonal."""
    if mine.shape == x.shape:
        return mine
    if mine.size == 1:
        report.notes.append("df returns one number for a whole array; it is used for each element.")
        return np.broadcast_to(mine.reshape(()), x.shape)
    if mine.ndim == 2 and x.ndim == 1 and mine.shape == (x.size, x.size):
        report.notes.append("df returns a matrix: it is read as the Jacobian, by its diagonal.")
        return np.diagonal(mine)
    return mine.reshape(x.shape) if mine.size == x.size else mine


def _right(f: Any, x: Any, mine: Any, slope: Any, single: bool, report: Report) -> bool:
    """Whether the numbers are right: everywhere, or between both slopes where there is a kink."""
    allowed = (1e-4 if single else 1e-6) * np.maximum(np.abs(slope), 1e-3)
    off = ~(np.abs(mine - slope) <= allowed)
    for place in zip(*np.nonzero(off), strict=True):
        v, h = float(x[place]), 1e-6

        def at(u: float) -> float:
            return float(np.asarray(f(np.array([u]))).reshape(-1)[0])

        try:
            left, right = sorted(((at(v) - at(v - h)) / h, (at(v + h) - at(v)) / h))
        except Exception:
            return False
        if right - left < 1e-3 or not left - 1e-4 <= mine[place] <= right + 1e-4:
            return False
        report.notes.append(
            f"At {v:g} f has a kink: {mine[place]:g} is as right as any slope between {left:.3g} and {right:.3g}."
        )
    return True


def _named(y: Any, s: Any, mine: Any, x: Any, integer: bool, forms: list[Any]) -> Iterator[tuple[str, str]]:
    """The mistakes that give these numbers, the likeliest first."""

    def same(a: Any) -> bool:
        return bool(
            np.all(np.abs(np.broadcast_to(a, mine.shape) - mine) <= 1e-6 * np.maximum(np.abs(mine), 1e-3))
        )

    if integer and same(np.trunc(s)):
        yield (
            "integer_result",
            f"the result is of {mine.size} integers: the digits behind the point are cut off; make it float",
        )
    if np.isnan(mine).any() or np.isinf(mine).any():
        bad = x[~np.isfinite(mine)].flat[0]
        yield (
            "not_finite",
            f"at {bad:g} it is {mine[~np.isfinite(mine)].flat[0]}, and should be {s[~np.isfinite(mine)].flat[0]:.6g}",
        )
    names = [n for n in KNOWN if np.allclose(function(row(n), x)[0], y, rtol=1e-9, atol=1e-12)]
    f = names[0] if names else "f"
    if same(y):
        yield "value_for_derivative", f"{f}(x) itself is used in place of its derivative"
    if same(-s):
        yield "wrong_sign", "every number is negated"
    if same(np.ones_like(s)):
        yield "activation_derivative_missing", "1 everywhere: the derivative is left out"
    if same(s * s):
        yield "activation_derivative_twice", "it is the square of the derivative"
    if same(x):
        yield "value_for_derivative", "x itself is used in place of the derivative"
    for name in names:
        yield from _of_known(name, x, y, same)
    if same(1 - s):
        yield "wrong_factor", f"1 − {f}′ in place of {f}′: the cases are exchanged"
    t = symbol("x", x.shape)
    forms = forms + [form for name in names for form in other_forms(name, t)]
    yield from _from_expressions(forms, x, same)
    shift = mine - s
    if np.ptp(shift) < 1e-9 and abs(shift.flat[0]) > 1e-9:
        yield (
            "constant_term_missing",
            f"it differs from the derivative by the constant {shift.flat[0]:.6g} everywhere (a term of {-shift.flat[0]:.6g} is missing)",
        )
    with np.errstate(all="ignore"):
        ratio = mine[s != 0] / s[s != 0]
    if ratio.size > 1 and np.ptp(ratio) < 1e-9 * abs(ratio[0]) and same(ratio[0] * s):
        yield (
            (
                "factor_two"
                if ratio[0] in (2, 0.5) or np.isclose(abs(np.log2(abs(ratio[0]))), 1)
                else "wrong_factor"
            ),
            f"it is {ratio[0]:.6g} times the derivative everywhere",
        )
    for name in KNOWN:
        other = polynomial(row(name))
        if name not in names and other is not None and same(np.polyval(other[::-1], y)):
            yield "derivative_of_another_function", f"{formula(other, f'{f}(x)')} is the derivative of {name}"
        if name not in names:
            for word, at in (("x", x), (f"{f}(x)", y)):
                if same(function(row(name), at)[1]):
                    yield "derivative_of_another_function", f"it is the derivative of {name} at {word}"
            if same(function(row(name), x)[0]):
                yield "derivative_of_another_function", f"it is {name}(x)"
    if same(1 / s):
        yield "wrong_derivative", "it is 1 over the derivative: the inverse function's"


def _of_known(name: str, x: Any, y: Any, same: Callable[[Any], bool]) -> Iterator[tuple[str, str]]:
    """The mistakes in the derivative of a function of the table."""
    if same(function(row(name), y)[1]):
        yield (
            "derivative_at_activation",
            f"{name}′({name}(x)): it is taken at the activation, where the pre-activation x belongs ({name} is applied twice)",
        )
    poly = polynomial(row(name))
    if poly is None:
        return

    def q(a: Any, p: Any = poly) -> Any:
        return np.polyval(p[::-1], a)

    form = formula(poly, f"{name}(x)")
    if same(q(x)):
        yield (
            "derivative_at_preactivation",
            f"{formula(poly, 'a')} expects the activation a = {name}(x), the output, and is given x: write {form}",
        )
    for mistake, wrong in wrong_polynomials(poly):
        for arg, word in ((y, f"{name}(x)"), (x, "x")):
            if same(q(arg, wrong)):
                yield (
                    mistake,
                    f"{formula(wrong, word)} stands where {form} belongs: a term is missing or wrong",
                )
    others = {n: function(row(n), x)[0] for n in KNOWN if n not in (name, "negative")}
    others |= {
        "exp(−": np.exp(-x),
        "1 / (1 + exp(": 1 / (1 + np.exp(x)),
        "1 + exp(": 1 + np.exp(x),
        "1 + exp(−": 1 + np.exp(-x),
    }
    for word, a in others.items():
        if same(q(a)):
            yield (
                "derivative_at_wrong_array",
                f"{formula(poly, 'a')} is right for a = {name}(x), and is given a = {word}{'(' if '(' not in word else ''}x{')' * max(1, word.count('('))}",
            )


def _from_expressions(forms: list[Any], x: Any, same: Callable[[Any], bool]) -> Iterator[tuple[str, str]]:
    """What is missing in the derivative's formula, in each way to write it."""
    for form in forms:
        right = plain(simplify(form, for_readers=True))
        for mistake, wrong in wrong_expressions(right):
            try:
                if same(evaluate(wrong, {"x": x})):
                    yield (
                        mistake,
                        f"{text(wrong, style=NUMPY)} stands where {text(right, style=NUMPY)} belongs",
                    )
            except (ValueError, TypeError):  # of shapes that do not fit
                continue


def other_forms(name: str, x: Any) -> list[Any]:
    """Other ways in which people write a derivative."""
    e = call("exp", -x)
    forms = {"tanh": [1.0 / call("square", call("cosh", x))], "sigmoid": [e / call("square", 1.0 + e)]}
    return forms.get(name, [])


def _unexplained(x: Any, mine: Any, slope: Any, line: str) -> Any:
    near = np.abs(mine - slope) <= 1e-6 * np.maximum(np.abs(slope), 1e-3)
    zero = np.abs(x) < 1e-12
    if zero.any() and near[zero].all() and not near[~zero].any():
        return finding("right_at_zero_only", "df", "elsewhere it is wrong", line)
    worst = np.unravel_index(np.nanargmax(np.abs(mine - slope)), x.shape)
    return finding(
        "wrong_derivative",
        "df",
        f"at {x[worst]:g} it is {mine[worst]:.6g} and should be {slope[worst]:.6g}; {near.sum()} of {x.size} points are right",
        line,
    )
