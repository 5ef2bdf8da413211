"""What should stand in a wrong line: variations of the person's own expression, and the shapes that a backward pass has.

Each variation is tried on the recorded numbers first; the few whose value is the right one are written into the line, in
the person's names, and the script is run again with it before it is shown.
"""

import ast
import contextlib
import io
import re
from collections.abc import Callable, Iterator
from difflib import SequenceMatcher
from typing import Any

import numpy as np

from .case import Case
from .edits import SIMPLE, Fix, called, edits, inside, of_parts, wrapped
from .losses import Loss, pairs_of
from .record import Step, plain
from .repair import Fault
from .source import Text

MOST_NAMES = 60
MOST_FIXES = 150
SLOPES: list[tuple[str, Callable[[Any], Any]]] = [
    ("{a} * (1 - {a})", lambda a: a * (1 - a)),
    ("(1 - {a} ** 2)", lambda a: 1 - a**2),
    ("({a} > 0)", lambda a: a > 0),
    ("np.where({a} > 0, 1, 0.01)", lambda a: np.where(a > 0, 1, 0.01)),
    ("2 * {a}", lambda a: 2 * a),
    ("(1 - {a})", lambda a: 1 - a),
    ("np.exp({a})", np.exp),
]


def close(a: Any, b: Any) -> bool:
    """Whether two values are the same but for rounding."""
    if np.shape(a) != np.shape(b):
        return False
    a, b = np.asarray(a, float), np.asarray(b, float)
    return bool(np.all(np.abs(a - b) <= 1e-6 * np.abs(b).max(initial=0) + 1e-15))


ELEMENTWISE = {"multiply", "divide", "add", "subtract"}
PURE = {"dot", "sum", "mean", "transpose", "reshape", "max"}


class Names:
    """What the expressions around a place stand for, at the visit of the place that is looked at."""

    def __init__(self, text: Text, node: Any) -> None:
        self.text = text
        scope = node
        while scope is not None and not isinstance(scope, ast.FunctionDef | ast.Module | ast.Lambda):
            scope = text.parent.get(scope)
        near = list(ast.walk(scope or text.tree))
        sizes = [n for n in ast.walk(text.tree) if isinstance(n, ast.Call | ast.Subscript)]
        lengths = [
            c
            for c in map(text.text, sizes)
            if c.startswith("len(") or re.fullmatch(r"[\w.]+\.shape\[\d\]", c)
        ]
        near.sort(key=lambda n: abs(getattr(n, "lineno", 10**6) - node.lineno))
        self.codes = list(
            dict.fromkeys(text.text(n) for n in near if isinstance(n, SIMPLE) and isinstance(n.ctx, ast.Load))
        )
        self.codes += list(dict.fromkeys(lengths))
        self.compound = list(
            dict.fromkeys(
                text.text(n) for n in near if isinstance(n, ast.BinOp | ast.Call) and self.is_pure(n)
            )
        )[:MOST_NAMES]
        attributes = [n for n in ast.walk(text.tree) if isinstance(n, ast.Attribute)]
        self.codes += [c for c in dict.fromkeys(map(text.text, attributes)) if c.startswith("self.")]
        defined = [n for n in ast.walk(text.tree) if isinstance(n, ast.FunctionDef) and len(n.args.args) <= 2]
        defined = [n for n in defined if not changes_things(n)]
        self.functions = [n.name for n in defined if len(n.args.args) - len(n.args.defaults) == 1]
        methods = [n for n in defined if len(n.args.args) == 2 and n.args.args[0].arg == "self"]
        self.functions += [f"self.{n.name}" for n in methods]
        self.values: dict[str, Any] = {}
        self.calls: dict[str, Any] = {}
        self.frame: dict[str, Any] = {}

    def is_pure(self, node: Any, own: bool = False) -> bool:
        """Whether evaluating the expression once more does no harm: arithmetic, NumPy's functions, the script's `own`."""
        calls = [n for n in ast.walk(node) if isinstance(n, ast.Call)]
        codes = [self.text.text(n.func) for n in calls]
        if own:
            codes = [c for c in codes if c.rpartition(".")[2] not in ("append", "pop", "update", "next")]
            return not any("random" in c or "rng" in c for c in codes)
        return all((c.startswith("np.") and "random" not in c) or c.rpartition(".")[2] in PURE for c in codes)

    def look(self, frame: Any) -> None:
        """Evaluate the expressions where the script stands now."""
        if frame is None:
            return
        names = self.frame = {**frame.f_globals, **frame.f_locals}
        arrays = [k for k, v in names.items() if is_number(v)]
        for code in [*self.codes, *arrays]:
            if len(code) < 40 and code not in self.values and len(self.values) < MOST_NAMES:
                value = evaluated(code, names)
                if is_number(value) and (np.ndim(value) or np.isfinite(value)):
                    self.values[code] = np.array(value)
        for code in self.compound:
            inner: Any = evaluated(code, names) if len(code) < 70 else None
            if is_number(inner) and np.ndim(inner):
                self.calls[code] = np.array(inner)
        for function in self.functions:
            for code, v in list(self.values.items())[:20]:
                if v.ndim or isinstance(names.get(code), float):
                    result = evaluated(f"{function}({code})", names)
                    if is_number(result):
                        self.calls[f"{function}({code})"] = np.array(result)


def changes_things(function: ast.FunctionDef) -> bool:
    """Whether a function writes to what outlives it, so that it cannot be called once more."""
    nodes = list(ast.walk(function))
    written = [
        n for n in nodes if isinstance(n, ast.Attribute | ast.Subscript) and isinstance(n.ctx, ast.Store)
    ]
    return bool(written) or any(isinstance(n, ast.Global | ast.Nonlocal) for n in nodes)


def is_number(value: Any) -> bool:
    """Whether a value is an array or a number, and not a flag."""
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "fiub"
    return isinstance(value, float | int | np.number) and not isinstance(value, bool)


def evaluated(code: str, names: dict[str, Any]) -> Any:
    """The value of an expression of the script, or None."""
    try:
        with np.errstate(all="ignore"), contextlib.redirect_stdout(io.StringIO()):
            return plain(eval(code, names))
    except Exception:
        return None


INVERSES: dict[Any, Callable[[Any, Any], Any]] = {
    np.add: lambda whole, before: whole - before,
    np.subtract: lambda whole, before: before - whole,
    np.multiply: lambda whole, before: whole / before,
    np.divide: lambda whole, before: before / whole,
}


class Proposer:
    """Finds the corrected forms of a faulty place."""

    def __init__(self, case: Case, loss: Loss, fault: Fault, probe: Callable[[int, int, Any], None]) -> None:
        self.case, self.loss, self.fault = case, loss, fault
        self.step: Step = fault.step
        place = case.sources.place(self.step, fault.depth)
        assert place is not None
        self.place, self.text = place, case.sources.texts[place.file]
        self.node = self.text.find(place)
        self.augmented = self.node if isinstance(self.node, ast.AugAssign) else None
        if isinstance(self.node, ast.AugAssign):
            self.node = self.node.value
        self.matmuls = any(isinstance(n, ast.MatMult) for n in ast.walk(self.text.tree))
        self.matrices = "np.mat(" in self.text.source or "matrix(" in self.text.source
        self.k = fault.window
        self.target = fault.targets[self.k][self.step.id]
        self.view = case.views[self.k]
        self.now, self.wanted = (
            self.value(self.step),
            self.target,
        )  # of the expression: of x += it, the right side
        if self.augmented is not None and len(self.step.args) == 2 and self.step.func in INVERSES:
            before, added = (self.value(x) if isinstance(x, Step) else np.asarray(x) for x in self.step.args)
            with np.errstate(all="ignore"):
                self.now, self.wanted = added, INVERSES[self.step.func](self.target, before)
        self.items: list[tuple[str, Any]] = []
        self.calls: list[tuple[str, Any]] = []
        if self.node is not None and hasattr(self.node, "lineno"):
            names = self.names = Names(self.text, self.node)
            probe(self.step.id, fault.depth, names.look)
            self.items, self.calls = list(names.values.items()), list(names.calls.items())

    def value(self, step: Step) -> Any:
        """A step's value, with what was repaired before."""
        return np.asarray(self.view.changed.get(step.id, step.value))

    def proposals(self) -> Iterator[Fix]:
        """The corrected forms, most likely first, each once."""
        seen = set()
        if self.node is None or not hasattr(self.node, "lineno"):
            return
        for find in (self.small_changes, self.called_otherwise, self.added, self.rebuilt, self.edits):
            try:
                for fix in find():
                    key = (fix.node, fix.text)
                    if key not in seen:
                        seen.add(key)
                        yield fix
                    if len(seen) > MOST_FIXES:
                        return
            except (ArithmeticError, ValueError, TypeError, SyntaxError, AttributeError, LookupError):
                continue

    def small_changes(self) -> list[Fix]:
        """The changes of the person's own expression, the smallest first."""
        found: list[Fix] = []
        for find in (self.scaled, self.changed, self.with_slope):
            with contextlib.suppress(
                ValueError, TypeError, SyntaxError, AttributeError, KeyError, IndexError
            ):
                for fix in find():
                    found.append(fix)
                    if len(found) > 60:
                        break
        return sorted(found, key=self.distance)

    def distance(self, fix: Fix) -> float:
        """How much of the text a fix changes; what is left out counts less than what is added."""
        old = self.text.text(fix.node)
        kept = sum(b.size for b in SequenceMatcher(None, old, fix.text).get_matching_blocks())
        return len(fix.text) - kept + 0.4 * (len(old) - kept)

    def scaled(self) -> Iterator[Fix]:
        """A constant factor too many or too few, or a sign."""
        r = self.fault.ratio
        if r is None:
            return
        code = self.text.text(self.node)
        if abs(r + 1) < 1e-6:
            if isinstance(self.node, ast.BinOp) and isinstance(self.node.op, ast.Sub):
                left, right = self.text.text(self.node.left), self.text.text(self.node.right)
                yield Fix(
                    self.node,
                    f"({wrapped(right)} - {left})" if not self.is_whole() else f"{right} - {left}",
                    "wrong_sign",
                    "the sign is wrong",
                )
            yield Fix(self.node, f"-{wrapped(code)}", "wrong_sign", "the sign is wrong")
            return
        for n in (r, 1 / r):
            if abs(n - round(n)) < 1e-6 and round(n) in (2, 4):
                sign = "*" if n is r else "/"
                why = f"the factor {round(n)} of the loss's square is missing"
                yield Fix(
                    self.node,
                    f"{round(n)} * {wrapped(code)}" if sign == "*" else f"{wrapped(code)} / {round(n)}",
                    "factor_two",
                    why,
                )
        name, why = (
            ("not_divided_by_batch", "is not divided by {}")
            if abs(r) < 1
            else ("divided_by_batch_twice", "is divided by {} once too often")
        )
        for number, v in self.items:
            if np.ndim(v) == 0 and float(v) and abs(abs(r) - 1) > 1e-6:
                for sign, factor in (("/", 1 / float(v)), ("*", float(v))):
                    if abs(r - factor) <= 1e-6 * abs(r):
                        yield Fix(
                            self.node,
                            self.inside(self.node, f"{wrapped(code)} {sign} {number}"),
                            name,
                            why.format(number),
                        )
        number = f"{wrapped(code)} * {r:.6g}" if abs(r) > 1 else f"{wrapped(code)} / {1 / r:.6g}"
        yield Fix(
            self.node,
            number,
            "wrong_factor",
            f"is {1 / r:.4g} times too large" if abs(r) < 1 else "is too small",
        )

    def is_whole(self) -> bool:
        """Whether the expression is all that a statement assigns."""
        parent = self.text.parent.get(self.node)
        return isinstance(parent, ast.Assign | ast.AugAssign | ast.Return) and parent.value is self.node

    def changed(self) -> Iterator[Fix]:
        """The expression with a part of it changed, where that gives the right value at the visit that is looked at."""
        whole, span = self.text.text(self.node), (self.node.lineno, self.node.col_offset)
        if (
            self.node.lineno != self.node.end_lineno
            or not whole.isascii()
            or not self.names.is_pure(self.node, True)
        ):
            return
        nodes: list[Any] = list(ast.walk(self.node))
        for child in nodes:
            if not hasattr(child, "lineno") or isinstance(getattr(child, "ctx", None), ast.Store):
                continue
            a, b = child.col_offset - span[1], child.end_col_offset - span[1]
            code = whole[:a] + "(__part__)" + whole[b:]
            for text, value, mistake, why in self.others(child):
                if value is not None and self.gives(code, value):
                    new = wrapped(text) if self.is_inner(child) else text
                    yield Fix(child, new, mistake, why)

    def gives(self, code: str, part: Any) -> bool:
        """Whether the expression has the right value with this value of its changed part."""
        self.names.frame["__part__"] = part
        value = evaluated(code, self.names.frame)
        return is_number(value) and close(value, self.wanted)

    def is_inner(self, node: Any) -> bool:
        """Whether an operator stands beside the expression."""
        return isinstance(self.text.parent.get(node), ast.BinOp | ast.UnaryOp | ast.Attribute | ast.Subscript)

    def others(self, child: Any) -> Iterator[tuple[str, Any, str, str]]:
        """What may stand in the place of a part of the expression: its text and value, the mistake and the reason."""
        was, old = self.text.text(child), evaluated(self.text.text(child), self.names.frame)
        for fix in of_parts(self.text, child):
            words = (
                self.drop_words(child, fix)
                if fix.mistake == "one_factor_too_many"
                else (fix.mistake, fix.why)
            )
            yield fix.text, evaluated(fix.text, self.names.frame), *words
        if not is_number(old):
            return
        outer = self.text.parent.get(child)
        if isinstance(child, ast.Call | ast.BinOp) and not isinstance(outer, ast.Attribute):
            for code in self.reductions(child):
                yield code, evaluated(code, self.names.frame), *reduced_words(was, code)
            for left, right in sides(child):
                for code in self.other_products(left, right):
                    words = ("transposed", "the matrix product must be taken this way")
                    yield code, evaluated(code, self.names.frame), *words
        if not isinstance(child, ast.Constant):
            yield f"-{factor_text(was)}", -np.asarray(old), "wrong_sign", "the sign is wrong"
            yield f"2 * {factor_text(was)}", 2 * np.asarray(old), "factor_two", "a factor 2 is missing"
            yield f"{factor_text(was)} / 2", np.asarray(old) / 2, "factor_two", "a factor 2 is too much"
        if np.ndim(old) == 2:
            yield f"{wrapped(was)}.T", np.transpose(old), "transposed", f"{was} must be transposed"
        if isinstance(child, (*SIMPLE, ast.Call, ast.BinOp)) and not called(self.text, child):
            for name, new in self.options(np.asarray(old), was):
                if name != was:
                    yield name, new, *self.operand_words(np.asarray(old), new, was, name)

    def reductions(self, child: Any) -> Iterator[str]:
        """A sum or mean over another axis, or the one for the other."""
        if not isinstance(child, ast.Call) or not isinstance(child.func, ast.Attribute):
            return
        if child.func.attr not in ("sum", "mean"):
            return
        owner = self.text.text(child.func.value)
        method = owner not in ("np", "numpy")
        who = owner if method else self.text.text(child.args[0])
        for name in ("sum", "mean"):
            for options in ("axis=0", "axis=1", "axis=0, keepdims=True", "axis=1, keepdims=True", ""):
                rest = f", {options}" if options else ""
                yield f"{wrapped(who)}.{name}({options})" if method else f"{owner}.{name}({who}{rest})"

    def other_products(self, left: str, right: str) -> Iterator[str]:
        """The products of two factors, each as it is or transposed, in either order; and elementwise."""
        forms = [[c, c[:-2] if c.endswith(".T") else f"{wrapped(c)}.T"] for c in (left, right)]
        for x in forms[0]:
            for y in forms[1]:
                yield from (self.product(x, y), self.product(y, x))
        yield f"np.multiply({left}, {right})"

    def options(self, old: Any, code: str) -> Iterator[tuple[str, Any]]:
        """Names, calls of the script's functions, slopes; also transposed, or times what stands there."""
        for name, new in [*self.items, *self.calls]:
            yield name, new
            if np.ndim(new) == 2:
                yield f"{name}.T", new.T
        if np.ndim(self.target) == 2:
            yield from self.products(np.shape(self.target))
        for name, new in self.items:
            if np.shape(new) == np.shape(old) and new.dtype.kind == "f":
                for formula, slope in SLOPES if np.ndim(new) else SLOPES[:2]:
                    yield formula.format(a=name), slope(new)
                yield f"{name} ** 2", new**2
                for factor, value in (
                    (name, new),
                    (f"(1 - {name})", 1 - new),
                    (f"(1 - {name} ** 2)", 1 - new**2),
                ):
                    yield f"{wrapped(code)} * {factor}", old * value

    def operand_words(self, old: Any, new: Any, was: str, name: str) -> tuple[str, str]:
        """The name of a wrong operand."""
        if name.startswith(wrapped(was)) and "*" in name[len(was) :]:
            missing = name[len(wrapped(was)) + 3 :]
            return "activation_derivative_missing", f"the factor {missing} is missing"
        inside = sorted(self.loss.slices[self.k])
        before = [n for n in inside if close(self.case.record.steps[n].value, old)]
        after = [n for n in inside if close(self.case.record.steps[n].value, new)]
        if before and after and np.shape(new) == np.shape(old):
            if after[-1] > before[-1]:
                why = f"the formula takes the activation {name}; {was} is its input"
                return "derivative_at_preactivation", why
            return (
                "derivative_at_activation",
                f"the formula takes {name}, the activation's input; {was} is its output",
            )
        if before and after:
            return "output_for_input", f"{name} belongs here, not {was}"
        if not before and not after:
            return "wrong_gradient_arrives", f"{name} is what belongs here, not {was}"
        return "wrong_array", f"{name} belongs here, not {was}"

    def drop_words(self, child: Any, fix: Fix) -> tuple[str, str]:
        """The name of an operand too many."""
        gone = fix.why.removesuffix(" does not belong here")
        divides = isinstance(child, ast.BinOp) and isinstance(child.op, ast.Div)
        if np.ndim(evaluated(gone, self.names.frame)) == 0:
            if divides and (self.fault.ratio or 0) > 1:
                return "divided_by_batch_twice", f"divides by {gone}, and another line divides again"
            return "wrong_factor", f"{gone} is too much here"
        if isinstance(child, ast.BinOp) and isinstance(child.op, ast.Mult):
            return "activation_derivative_twice", f"{gone} is one factor too many"
        return "wrong_array", f"{gone} does not belong here"

    def inside(self, node: Any, code: str) -> str:
        """The code as it may stand where the node stood."""
        return inside(self.text, node, code)

    def with_slope(self) -> Iterator[Fix]:
        """The activation's derivative forgotten, or another factor or divisor."""
        value = self.now
        if np.shape(value) != np.shape(self.wanted) or self.fault.depth:
            return
        code = factor_text(self.text.text(self.node))
        for name, a, slope in self.factors_at_hand():
            for sign, made in (("*", np.multiply), ("/", np.divide)):
                with np.errstate(all="ignore"):
                    fits = np.ndim(a) <= np.ndim(value) and alike(made, value, a, self.wanted)
                if fits:
                    factor = factor_text(name) if sign == "*" else wrapped(name)
                    new = self.inside(self.node, f"{code} {sign} {factor}")
                    new = f"np.{made.__name__}({self.text.text(self.node)}, {name})" if self.matrices else new
                    mistake = "activation_derivative_missing" if slope else "factor_missing"
                    words = (
                        "the activation's derivative"
                        if slope
                        else "the factor"
                        if sign == "*"
                        else "the divisor"
                    )
                    yield Fix(self.node, new, mistake, f"{words} {name} is missing")

    def factors_at_hand(self) -> Iterator[tuple[str, Any, bool]]:
        """Names, calls and slopes of activations with their values, and whether it is a slope."""
        for name, a in self.calls:
            yield name, a, True
        for name, a in self.items:
            yield name, a, False
            if np.ndim(a) == 1:
                yield f"{name}[:, None]", a[:, None], False
            for formula, slope in SLOPES[: None if np.ndim(a) else 2] if a.dtype.kind == "f" else ():
                yield formula.format(a=name), slope(a), True

    def called_otherwise(self) -> Iterator[Fix]:
        """Another call in the place of a call."""
        if self.fault.depth and isinstance(self.node, ast.Call):
            for name, value in self.calls:
                if np.shape(value) == np.shape(self.target):
                    yield Fix(self.node, name, "derivative_at_wrong_array", f"{name} belongs here")

    def edits(self) -> Iterator[Fix]:
        """The small edits of the statement, which cannot be tried on the numbers."""
        found = edits(self.text, self.text.statement(self.node), dict(self.items))
        return iter(sorted(found, key=self.distance))

    def added(self) -> Iterator[Fix]:
        """A term forgotten: the penalty's gradient, what another path passes back."""
        value = self.now
        if np.shape(value) != np.shape(self.wanted) or np.size(value) < 2:
            return
        code, missing = self.text.text(self.node), np.asarray(self.wanted, float) - value
        whole = [(n, v) for n, v in self.items if np.shape(v) == np.shape(value)]
        for term, v in [*whole, *self.products(np.shape(value)), *pairs_in(whole[:12])]:
            r = ratio(missing, v)
            for scaled in self.scaled_by(term, abs(r)) if r else ():
                new = self.inside(self.node, f"{code} {'+' if r and r > 0 else '-'} {scaled}")
                mistake = "path_missing" if scaled == term else "penalty_missing"
                yield Fix(self.node, new, mistake, f"the share of {term} is missing")

    def scaled_by(self, term: str, r: float) -> Iterator[str]:
        """The term times a positive constant, by a number of the script's where there is one."""
        if abs(r - 1) < 1e-6:
            yield term
            return
        for number, v in self.items:
            w = float(v) if np.ndim(v) == 0 and np.isfinite(float(v)) else 0.0
            options = {
                f"{number} * {term}": w,
                f"2 * {number} * {term}": 2 * w,
                f"{number} / 2 * {term}": w / 2,
            }
            options |= {f"{term} / {number}": 1 / w, f"2 * {term} / {number}": 2 / w} if w else {}
            yield from (c for c, x in options.items() if abs(r - x) <= 1e-6 * r and abs(w) != 1)
        if abs(r - round(r)) < 1e-6:
            yield f"{round(r)} * {term}"

    def products(self, shape: Any) -> Iterator[tuple[str, Any]]:
        """The matrix products of two names that have the shape."""
        floats = [(n, v) for n, v in self.items if v.dtype.kind in "fiu" and np.ndim(v)][:26]
        for n, v in floats:
            for k, w in floats:
                for (a, ca), (b, cb) in ((p, q) for p in turned(v, n) for q in turned(w, k)):
                    if fits(a, b, shape):
                        yield self.product(ca, cb), np.dot(a, b)
                if np.ndim(v) == np.ndim(w) == 1 and (len(v), len(w)) == shape:
                    yield f"np.outer({n}, {k})", np.outer(v, w)

    def product(self, left: str, right: str) -> str:
        """The matrix product of two expressions as the script writes it."""
        if self.matrices:
            return f"{left} * {right}"
        return f"{left} @ {right}" if self.matmuls else f"np.dot({left}, {right})"

    def rebuilt(self) -> Iterator[Fix]:
        """The whole expression anew, from the values at hand: products, sums, slopes."""
        target = np.asarray(self.target, float)
        for code, value, mistake, why in self.built():
            if np.shape(value) != np.shape(target) and (
                np.size(value) != np.size(target)
                or np.ndim(value) != 2
                or np.shape(value.T) != np.shape(target)
            ):
                continue
            r = ratio(target, value)
            if r is None:
                continue
            free = (
                self.loss.factors.get(self.k) is None and r > 0
            )  # no update is right: any scale may be meant
            if abs(r - 1) < 1e-6 or free:
                yield self.anew(code, mistake, why)
            elif abs(r + 1) < 1e-6:
                yield self.anew(f"-{wrapped(code)}", mistake, why)
            else:
                for scaled in self.scaled_by(wrapped(code), abs(r)):
                    yield self.anew(scaled if r > 0 else f"-{wrapped(scaled)}", mistake, why)
                if r > 0 and abs(1 / r - round(1 / r)) < 1e-6:
                    yield self.anew(f"{wrapped(code)} / {round(1 / r)}", mistake, why)

    def anew(self, code: str, mistake: str, why: str) -> Fix:
        """The place's whole expression replaced; of x *= factor, the statement."""
        if self.augmented is not None:
            return Fix(self.augmented, f"{self.text.text(self.augmented.target)} = {code}", mistake, why)
        return Fix(self.node, self.inside(self.node, code), mistake, why)

    def times(self, left: str, right: str) -> str:
        """The elementwise product of two expressions as the script may write it."""
        return f"np.multiply({left}, {right})" if self.matrices else f"{left} * {right}"

    def built(self) -> Iterator[tuple[str, Any, str, str]]:
        """Expressions that a backward pass is made of, with their values here."""
        shape = np.shape(self.target)
        floats = [(n, v) for n, v in self.items if v.dtype.kind in "fiu"][:26]
        same = [(n, v) for n, v in floats if np.shape(v) == shape]
        prediction = (
            [a for a, _, _ in pairs_of(self.case, self.k).get(self.loss.pair, ())] if self.loss.pair else []
        )
        with np.errstate(all="ignore"):
            for n, v in [*same, *self.calls]:
                yield n, v, "wrong_gradient_arrives", f"{n} belongs here"
            for k, a in [*same, *(c for c in self.calls if np.shape(c[1]) == shape)]:
                for formula, slope in SLOPES[:3]:
                    code = formula.format(a=k)
                    yield code, slope(a), "derivative_at_wrong_array", f"the slope is {code}"
            deltas = list(same)
            for n, v in same:
                for t, w in same:
                    if n != t and (len(same) < 9 or any(close(a.value, v) for a in prediction)):
                        deltas.append((f"({n} - {t})", v - w))
            for n, v in deltas[len(same) :]:
                yield n[1:-1], v, "loss_for_derivative", "this is the loss's derivative"
            products = list(self.products(shape))
            for n, v in floats:
                if np.ndim(v) == 2:
                    for axis in (0, 1):
                        for keep in (True, False):
                            code = f"np.sum({n}, axis={axis}{', keepdims=True' if keep else ''})"
                            yield (
                                code,
                                v.sum(axis=axis, keepdims=keep),
                                "wrong_axis",
                                "summed over the samples",
                            )
            for n, v in products:
                yield n, v, "wrong_array", f"{n} belongs here"
            for n, v in [*deltas, *products][:300]:
                for k, a in [c for c in self.calls if np.shape(c[1]) == shape]:
                    yield self.times(n, k), v * a, "activation_derivative_missing", f"{k} belongs here"
                for k, a in same:
                    for formula, slope in SLOPES[:3]:
                        factor = formula.format(a=k)
                        factor = (
                            f"np.multiply({k}, 1 - {k})"
                            if self.matrices and formula is SLOPES[0][0]
                            else factor
                        )
                        code = self.times(n, factor)
                        yield code, v * slope(a), "activation_derivative_missing", "the chain rule here"
            for n, d in same:
                for k, p in same:
                    for axis in range(len(shape)):
                        yield (
                            f"{k} * ({n} - np.sum({n} * {k}, axis={axis}, keepdims=True))",
                            p * (d - np.sum(d * p, axis=axis, keepdims=True)),
                            "softmax_jacobian_not_multiplied",
                            "softmax's Jacobian times the gradient",
                        )


def other_axes(text: Text, node: Any, step: Step) -> Iterator[Fix]:
    """A reduction of the forward pass over each other axis."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or not step.args:
        return
    x = step.args[0]
    ndim = np.ndim(x.value if isinstance(x, Step) else x)
    method = not (isinstance(node.func.value, ast.Name) and node.func.value.id in ("np", "numpy"))
    who = "" if method else text.text(node.args[0]) + ", "
    for axis in range(ndim):
        code = f"{text.text(node.func)}({who}axis={axis}, keepdims=True)"
        if code != text.text(node):
            yield Fix(
                node,
                code,
                "forward_reduction",
                "the forward pass reduces over the wrong elements for this loss",
            )


def factor_text(code: str) -> str:
    """The code as a factor of a product: a product as it is, else in parentheses where it needs them."""
    node = ast.parse(code.strip(), mode="eval").body
    product = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div | ast.MatMult)
    return code if product else wrapped(code)


def sides(child: Any) -> Iterator[Any]:
    """The two factors of a product, as they are written."""
    if isinstance(child, ast.BinOp) and isinstance(child.op, ast.Mult | ast.MatMult):
        yield ast.unparse(child.left), ast.unparse(child.right)
    elif isinstance(child, ast.Call) and isinstance(child.func, ast.Attribute):
        given = child.args if len(child.args) == 2 else [child.func.value, *child.args]
        if len(given) == 2 and child.func.attr in ("dot", "matmul", "multiply", "outer"):
            yield ast.unparse(given[0]), ast.unparse(given[1])


def reduced_words(was: str, code: str) -> tuple[str, str]:
    """The name of a wrong reduction."""
    if (".mean(" in was) == (".mean(" in code):
        return "wrong_axis", "the sum runs over the wrong axis"
    if ".mean(" in was:
        return "averaged", "an average where the sum belongs"
    return "not_divided_by_batch", "the sum where the mean belongs"


def alike(made: Any, x: Any, y: Any, target: Any) -> bool:
    """Whether an operation on two values gives the right one, in its shape."""
    try:
        return close(made(x, y), target)
    except ValueError:
        return False


def pairs_in(named: list[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """The elementwise products of two names."""
    for i, (n, v) in enumerate(named):
        for k, w in named[i + 1 :]:
            yield f"{n} * {k}", v * w


def turned(x: Any, code: str) -> list[tuple[Any, str]]:
    """A factor as it is, and transposed."""
    if np.ndim(x) != 2:
        return [(x, code)]
    return [(x, code), (x.T, code[:-2] if code.endswith(".T") else f"{wrapped(code)}.T")]


def fits(a: Any, b: Any, shape: Any) -> bool:
    """Whether a matrix product of the two has the shape."""
    if np.ndim(a) == 0 or np.ndim(b) == 0 or np.ndim(a) > 2 or np.ndim(b) > 2:
        return False
    if np.shape(a)[-1] != np.shape(b)[0]:
        return False
    return bool(np.shape(a)[:-1] + np.shape(b)[1:] == shape)


def ratio(target: Any, value: Any) -> float | None:
    """The constant between two arrays."""
    value = np.asarray(value, float).reshape(np.shape(target)) if np.size(value) == np.size(target) else None
    if value is None or not np.all(np.isfinite(value)):
        return None
    norm = float((value * value).sum())
    if norm == 0:
        return None
    r = float((value * target).sum()) / norm
    return r if r and np.abs(target - r * value).max() <= 1e-6 * np.abs(target).max() else None
