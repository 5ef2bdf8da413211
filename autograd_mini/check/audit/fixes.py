"""What should stand in a wrong line: variations of the person's own expression, and the shapes that a backward pass has.

Each variation is tried on the recorded numbers first; the few whose value is the right one are written into the line, in
the person's names, and the script is run again with it before it is shown.
"""

import ast
import contextlib
import io
from collections.abc import Callable, Iterator
from difflib import SequenceMatcher
from itertools import combinations
from typing import Any

import numpy as np

from .case import Case
from .edits import COMPARISONS, SIMPLE, Fix, edits, inside, wrapped
from .losses import Loss, pairs_of
from .record import Step, plain
from .repair import Fault
from .replay import run_again
from .source import Text
from .steps import size_of

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
        lengths = [
            text.text(n) for n in near if isinstance(n, ast.Call) and text.text(n.func) in ("len", "float")
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
        self.functions = [n.name for n in defined if len(n.args.args) - len(n.args.defaults) == 1]
        methods = [n for n in defined if len(n.args.args) == 2 and n.args.args[0].arg == "self"]
        self.functions += [f"self.{n.name}" for n in methods]
        self.values: dict[str, Any] = {}
        self.calls: dict[str, Any] = {}

    def is_pure(self, node: Any) -> bool:
        """Whether evaluating the expression once more does no harm: arithmetic, and NumPy's functions."""
        calls = [n for n in ast.walk(node) if isinstance(n, ast.Call)]
        codes = [self.text.text(n.func) for n in calls]
        return all((c.startswith("np.") and "random" not in c) or c.rpartition(".")[2] in PURE for c in codes)

    def look(self, frame: Any) -> None:
        """Evaluate the expressions where the script stands now."""
        if frame is None:
            return
        names = {**frame.f_globals, **frame.f_locals}
        arrays = [k for k, v in names.items() if is_number(v)]
        for code in [*self.codes, *arrays]:
            if len(code) < 40 and code not in self.values and len(self.values) < MOST_NAMES:
                value = evaluated(code, names)
                if is_number(value):
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


def operands(node: Any, step: Step) -> list[tuple[Any, Any]]:
    """Which expression each operand of a step is written as."""
    args = step.args
    if isinstance(node, ast.BinOp):
        return list(zip((node.left, node.right), args, strict=False))
    if isinstance(node, ast.AugAssign):
        return list(zip((node.target, node.value), args, strict=False))
    if isinstance(node, ast.UnaryOp):
        return [(node.operand, args[0])] if args else []
    if isinstance(node, ast.Compare) and len(node.comparators) == 1:
        return list(zip((node.left, node.comparators[0]), args, strict=False))
    if isinstance(node, ast.Subscript):
        return [(node.value, args[0])] if args else []
    if isinstance(node, ast.Attribute):
        return [(node.value, args[0])] if args else []
    if isinstance(node, ast.Call):
        given = list(node.args)
        if isinstance(node.func, ast.Attribute) and len(args) == len(given) + 1:
            given.insert(0, node.func.value)
        elif isinstance(node.func, ast.Attribute) and len(args) != len(given):
            owner = node.func.value
            given = given if isinstance(owner, ast.Name) and owner.id in ("np", "numpy") else [owner, *given]
        return list(zip(given, args, strict=False))
    return []


class Proposer:
    """Finds the corrected forms of a faulty place."""

    def __init__(self, case: Case, loss: Loss, fault: Fault, probe: Callable[[int, int, Any], None]) -> None:
        self.case, self.loss, self.fault = case, loss, fault
        self.step: Step = fault.step
        place = case.sources.place(self.step, fault.depth)
        assert place is not None
        self.place, self.text = place, case.sources.texts[place.file]
        self.node = self.text.find(place)
        if isinstance(self.node, ast.AugAssign):
            self.node = self.node.value
        self.matmuls = any(isinstance(n, ast.MatMult) for n in ast.walk(self.text.tree))
        self.matrices = "np.mat(" in self.text.source or "matrix(" in self.text.source
        self.k = fault.window
        self.target = fault.targets[self.k][self.step.id]
        self.view = case.views[self.k]
        self.items: list[tuple[str, Any]] = []
        self.calls: list[tuple[str, Any]] = []
        if self.node is not None and hasattr(self.node, "lineno"):
            names = Names(self.text, self.node)
            probe(self.step.id, fault.depth, names.look)
            self.items, self.calls = list(names.values.items()), list(names.calls.items())

    def value(self, step: Step) -> Any:
        """A step's value, with what was repaired before."""
        return np.asarray(self.view.changed.get(step.id, step.value))

    def local(self) -> list[Step]:
        """The steps of the same statement, and of the functions called in it, that lead to the value."""
        frame = self.step.stack[1:]
        statement = self.text.statement(self.node)
        if statement is None:
            return [self.step]
        found: dict[int, Step] = {}
        todo = [self.step]
        while todo and len(found) < 40:
            s = todo.pop()
            depth = len(s.stack) - len(self.step.stack)
            if s.id in found or depth < 0 or s.stack[depth + 1 :] != frame:
                continue
            place = self.case.record.places[s.stack[depth]]
            if not statement.lineno <= place.line <= (statement.end_lineno or 0) or s.func is None:
                continue
            found[s.id] = s
            todo += s.parents
        return sorted(found.values(), key=lambda s: -s.id)

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
        for find in (self.scaled, self.changed_inside, self.with_slope):
            with contextlib.suppress(
                ValueError, TypeError, SyntaxError, AttributeError, KeyError, IndexError
            ):
                for fix in find():
                    found.append(fix)
                    if len(found) > 60:
                        break
        return sorted(found, key=self.distance)

    def distance(self, fix: Fix) -> float:
        """How much of the text a fix changes."""
        old = self.text.text(fix.node)
        return (
            len(fix.text)
            + len(old)
            - 2 * sum(b.size for b in SequenceMatcher(None, old, fix.text).get_matching_blocks())
        )

    def reaches(self, changed: dict[int, Any], order: list[Step]) -> bool:
        """Whether changes inside the statement give the right value."""
        values = run_again(order, {**self.view.changed, **changed})
        return values is not None and self.step.id in values and close(values[self.step.id], self.target)

    def scaled(self) -> Iterator[Fix]:
        """A constant factor too many or too few, or a sign."""
        r = self.fault.ratio
        if r is None:
            return
        code = self.text.text(self.node)
        local = sorted(self.local(), key=lambda s: s.id)
        for s in reversed(local):
            yield from self.dropped(s, local)
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

    def dropped(self, s: Step, order: list[Step]) -> Iterator[Fix]:
        """One operand of a product, sum or call of the statement left out, or a function not called."""
        node = self.case.sources.expression(s)
        where = self.case.sources.place(s)
        if node is None or where is None or self.case.sources.texts[where.file] is not self.text:
            return
        for child, value in operands(node, s):
            if (
                isinstance(value, Step)
                and hasattr(child, "lineno")
                and np.shape(value.value) == np.shape(s.value)
            ) and (
                self.reaches({s.id: self.value(value)}, order)
                if s is not self.step
                else close(self.value(value), self.target)
            ):
                code = self.text.text(child)
                target = node.value if isinstance(node, ast.AugAssign) else node
                if isinstance(node, ast.AugAssign):
                    continue
                outer = self.text.parent.get(target)
                code = code if isinstance(outer, ast.stmt | ast.Call) else wrapped(code)
                yield Fix(target, code, *self.drop_words(s, node, child))

    def drop_words(self, s: Step, node: Any, kept: Any) -> tuple[str, str]:
        """The name of an operand too many."""
        others = [c for c, _ in operands(node, s) if c is not kept]
        code = self.text.text(others[0]) if others else s.name
        if (
            s.name in ("divide", "multiply")
            and others
            and size_of(s.args[1] if others[0] is not kept else 1) == 1
        ):
            ratio = self.fault.ratio
            if s.name == "divide" and ratio is not None and ratio > 1:
                return "divided_by_batch_twice", f"divides by {code}, and another line divides again"
            return "wrong_factor", f"{code} is too much here"
        if s.name == "multiply":
            return "activation_derivative_twice", f"{code} is one factor too many"
        return "wrong_array", f"{code} does not belong here"

    def changed_inside(self) -> Iterator[Fix]:
        """Another operand, sign, comparison, axis, transpose or function somewhere in the statement."""
        local = self.local()
        order = sorted(local, key=lambda s: s.id)
        if self.fault.ratio is None:
            for s in local:
                yield from self.dropped(s, order)
        for s in local:
            place = self.case.sources.place(s)
            if place is None or self.case.sources.texts[place.file] is not self.text:
                continue
            node = self.case.sources.expression(s)
            yield from self.other_operation(s, node, order)
            yield from self.other_operand(s, node, order)

    def tried(self, s: Step, func: Any, args: Any, kwargs: Any, order: list[Step]) -> bool:
        """Whether the step's operation on other arguments gives the right value."""
        try:
            with np.errstate(all="ignore"):
                out = func(*args, **kwargs)
        except Exception:
            return False
        return close(out, self.target) if s is self.step else self.reaches({s.id: out}, order)

    def other_operand(self, s: Step, node: Any, order: list[Step]) -> Iterator[Fix]:
        """Another value in the place of an operand."""
        for child, value in operands(node, s):
            if not isinstance(value, Step) or not hasattr(child, "lineno"):
                continue
            at = next((i for i, a in enumerate(s.args) if a is value), -1)
            if at < 0:
                continue
            args = [self.value(a) if isinstance(a, Step) else a for a in s.args]
            old = self.value(value)
            for name, new in self.options(old, s, self.text.text(child)):
                if isinstance(child, ast.Attribute) and child.attr == "T" and name.endswith(".T"):
                    continue
                args[at] = new
                if self.tried(s, s.func, args, s.kwargs or {}, order) and name != self.text.text(child):
                    if not name:
                        code = self.text.text(child)
                        other = code[:-2] if code.endswith(".T") else f"{wrapped(code)}.T"
                        yield Fix(child, other, "transposed", f"{code} must be transposed")
                        continue
                    yield Fix(
                        child,
                        wrapped(name) if self.is_inner(child) else name,
                        *self.operand_words(s, value, new, child, name),
                    )

    def is_inner(self, node: Any) -> bool:
        """Whether an operator stands beside the expression."""
        return isinstance(self.text.parent.get(node), ast.BinOp | ast.UnaryOp | ast.Attribute | ast.Subscript)

    def options(self, old: Any, s: Step, code: str) -> Iterator[tuple[str, Any]]:
        """What may stand in the place of an operand: names, calls of the script's functions, slopes; also transposed."""
        product = s.name in ("dot", "matmul")
        for name, new in [*self.items, *self.calls]:
            if np.size(new) == np.size(old) or (np.ndim(new) and (product or s.name in ELEMENTWISE)):
                yield name, new
                if np.ndim(new) == 2:
                    yield f"{name}.T", new.T
        if np.ndim(old) == 2:
            yield "", old.T
        for name, new in self.items:
            if np.shape(new) == np.shape(old) and new.dtype.kind == "f":
                for formula, slope in SLOPES:
                    yield formula.format(a=name), slope(new)
                yield f"{name} ** 2", new**2
                for factor, value in (
                    (name, new),
                    (f"(1 - {name})", 1 - new),
                    (f"(1 - {name} ** 2)", 1 - new**2),
                ):
                    yield f"{wrapped(code)} * {factor}", old * value

    def operand_words(self, s: Step, old: Step, new: Any, child: Any, name: str) -> tuple[str, str]:
        """The name of a wrong operand."""
        was = self.text.text(child)
        inside = self.loss.slices[self.k]
        found = [n for n in sorted(inside) if close(self.case.record.steps[n].value, new)]
        if old.id in inside and found and s.name not in ("dot", "matmul"):
            if found[-1] > old.id:
                return (
                    "derivative_at_preactivation",
                    f"the formula takes the activation {name}; {was} is its input",
                )
            return (
                "derivative_at_activation",
                f"the formula takes {name}, the activation's input; {was} is its output",
            )
        if old.id in inside and found:
            return "output_for_input", f"{name} belongs here, not {was}"
        if old.id in self.view.back and old.id not in inside and not found:
            return "wrong_gradient_arrives", f"{name} is what belongs here, not {was}"
        return "wrong_array", f"{name} belongs here, not {was}"

    def other_operation(self, s: Step, node: Any, order: list[Step]) -> Iterator[Fix]:
        """Another operation on the same operands."""
        args = [self.value(a) if isinstance(a, Step) else a for a in s.args]
        dict(s.kwargs or {})
        code = self.text.text(node) if node is not None and not isinstance(node, ast.AugAssign) else ""
        if isinstance(node, ast.BinOp) and len(args) == 2:
            left, right = self.text.text(node.left), self.text.text(node.right)
            for sign, func in (
                ("+", np.add),
                ("-", np.subtract),
                ("*", np.multiply),
                ("/", np.divide),
                ("@", np.matmul),
            ):
                if func is not s.func and self.tried(s, func, args, {}, order):
                    words = (
                        ("wrong_sign", "the sign is wrong")
                        if {func, s.func} == {np.add, np.subtract}
                        else ("elementwise_for_matrix_product", f"{sign} belongs here")
                    )
                    yield Fix(node, self.inside(node, f"{left} {sign} {right}"), *words)
            if s.func is np.subtract and self.tried(s, np.subtract, args[::-1], {}, order):
                yield Fix(
                    node, self.inside(node, f"{right} - {wrapped(left)}"), "wrong_sign", "the sign is wrong"
                )
            for power in (2, 3):
                if (
                    s.func is np.power
                    and args[1] != power
                    and self.tried(s, np.power, [args[0], power], {}, order)
                ):
                    yield Fix(node.right, str(power), "square_missing", f"the power is {power}")
        if isinstance(node, ast.Compare) and len(args) == 2:
            left, right = self.text.text(node.left), self.text.text(node.comparators[0])
            for sign, compare in COMPARISONS.items():
                if compare is not s.func and self.tried(s, compare, args, {}, order):
                    why = f"the comparison must be {sign}"
                    if ">=" in code:
                        why += ": at an activation that is never negative, >= is true everywhere"
                    yield Fix(node, f"{left} {sign} {right}", "derivative_at_activation", why)
        if s.name in ("sum", "mean") and isinstance(node, ast.Call):
            yield from self.other_reduction(s, node, args, order)
        if s.name in ("dot", "matmul", "multiply", "outer") and isinstance(node, ast.Call) and len(args) == 2:
            yield from self.other_product(s, node, args, order)
        if not code or np.asarray(s.value).dtype.kind != "f":
            return
        for factor, new, words in (
            (-1, f"-{wrapped(code)}", ("wrong_sign", "the sign is wrong")),
            (2, f"2 * {wrapped(code)}", ("factor_two", "a factor 2 is missing")),
            (0.5, f"{wrapped(code)} / 2", ("factor_two", "a factor 2 is too much")),
        ):
            if self.tried(s, np.multiply, [self.value(s), factor], {}, order):
                yield Fix(node, self.inside(node, new), *words)
        if isinstance(node, ast.BinOp):
            yield from self.fewer(s, node, order)
        if np.ndim(s.value) == 2 and self.tried(s, np.transpose, [self.value(s)], {}, order):
            yield Fix(node, f"{wrapped(code)}.T", "transposed", "a transpose is missing")

    def fewer(self, s: Step, node: Any, order: list[Step]) -> Iterator[Fix]:
        """A product with one or two of its factors left out."""
        factors = self.factors(s, node)
        if not 3 <= len(factors) <= 6:
            return
        for count in (1, 2):
            for out in combinations(range(len(factors)), count):
                kept = [f for i, f in enumerate(factors) if i not in out]
                if kept[0][0] != "*":
                    continue
                value: Any = 1.0
                for sign, _, v in kept:
                    value = value * v if sign == "*" else value / v
                if self.tried(s, np.multiply, [value, 1.0], {}, order):
                    code = kept[0][1] + "".join(f" {sign} {c}" for sign, c, _ in kept[1:])
                    gone = " and ".join(factors[i][1] for i in out)
                    yield Fix(
                        node,
                        self.inside(node, code),
                        "activation_derivative_twice",
                        f"{gone} is too much here",
                    )

    def factors(self, s: Any, node: Any) -> list[tuple[str, str, Any]]:
        """A chain of products and quotients as its factors, each with its sign, text and value."""
        product = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div)
        if product and isinstance(s, Step) and s.func in (np.multiply, np.divide) and len(s.args) == 2:
            right = s.args[1]
            value = self.value(right) if isinstance(right, Step) else right
            sign = "*" if isinstance(node.op, ast.Mult) else "/"
            return [*self.factors(s.args[0], node.left), (sign, self.text.text(node.right), value)]
        code = self.text.source_of(node)
        return [("*", code, self.value(s) if isinstance(s, Step) else s)]

    def inside(self, node: Any, code: str) -> str:
        """The code as it may stand where the node stood."""
        return inside(self.text, node, code)

    def other_reduction(self, s: Step, node: Any, args: Any, order: list[Step]) -> Iterator[Fix]:
        """Another axis, or a sum for a mean."""
        x = args[0]
        method = isinstance(node.func, ast.Attribute) and len(node.args) < len(s.args)
        who = self.text.text(node.func.value) if method else self.text.text(node.args[0])
        module = (
            ""
            if method
            else self.text.text(node.func).rsplit(".", 1)[0] + "."
            if isinstance(node.func, ast.Attribute)
            else ""
        )
        for name, func in (("sum", np.sum), ("mean", np.mean)):
            for axis in (*range(np.ndim(x)), None):
                for keep in (False, True):
                    if axis is None and keep:
                        continue
                    options: dict[str, Any] = {} if axis is None else {"axis": axis}
                    if keep:
                        options["keepdims"] = True
                    if self.tried(s, func, [x], options, order):
                        inner = ", ".join(f"{k}={v}" for k, v in options.items())
                        code = (
                            f"{wrapped(who)}.{name}({inner})"
                            if method
                            else f"{module}{name}({who}{', ' + inner if inner else ''})"
                        )
                        if name != s.name:
                            words = (
                                ("averaged", "an average where the sum belongs")
                                if name == "sum"
                                else ("not_divided_by_batch", "the sum where the mean belongs")
                            )
                        else:
                            words = ("wrong_axis", "the sum runs over the wrong axis")
                        yield Fix(node, code, *words)

    def other_product(self, s: Step, node: Any, args: Any, order: list[Step]) -> Iterator[Fix]:
        """The factors of a product in another order, or another product of them."""
        found = [self.text.text(c) for c, _ in operands(node, s)]
        if len(found) != 2:
            return
        (x, y), (left, right) = args, found
        for (a, code_a), (b, code_b) in ((p, q) for p in turned(x, left) for q in turned(y, right)):
            for u, v, cu, cv in ((a, b, code_a, code_b), (b, a, code_b, code_a)):
                if np.ndim(u) and np.ndim(v) and self.tried(s, np.dot, [u, v], {}, order):
                    name = "elementwise_for_matrix_product" if s.name == "multiply" else "transposed"
                    yield Fix(
                        node,
                        self.inside(node, self.product(cu, cv)),
                        name,
                        "the matrix product must be taken this way",
                    )
        if s.name != "multiply" and self.tried(s, np.multiply, [x, y], {}, order):
            why = "an elementwise product belongs here"
            yield Fix(node, f"np.multiply({left}, {right})", "elementwise_for_matrix_product", why)

    def with_slope(self) -> Iterator[Fix]:
        """The activation's derivative forgotten, or another factor or divisor."""
        value = self.value(self.step)
        if np.shape(value) != np.shape(self.target) or self.fault.depth:
            return
        code = wrapped(self.text.text(self.node))
        for name, a, slope in self.factors_at_hand():
            for sign, made in (("*", np.multiply), ("/", np.divide)):
                with np.errstate(all="ignore"):
                    fits = np.ndim(a) <= np.ndim(value) and alike(made, value, a, self.target)
                if fits:
                    new = self.inside(self.node, f"{code} {sign} {wrapped(name)}")
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
            for formula, slope in SLOPES if np.ndim(a) and a.dtype.kind == "f" else ():
                yield formula.format(a=name), slope(a), True

    def called_otherwise(self) -> Iterator[Fix]:
        """Another call in the place of a call."""
        if self.fault.depth and isinstance(self.node, ast.Call):
            for name, value in self.calls:
                if np.shape(value) == np.shape(self.target):
                    yield Fix(self.node, name, "derivative_at_wrong_array", f"{name} belongs here")

    def edits(self) -> Iterator[Fix]:
        """The small edits of the statement, which cannot be tried on the numbers."""
        return edits(self.text, self.text.statement(self.node), dict(self.items))

    def added(self) -> Iterator[Fix]:
        """A term forgotten: the penalty's gradient, what another path passes back."""
        value = self.value(self.step)
        if np.shape(value) != np.shape(self.target) or np.size(value) < 2:
            return
        code, missing = self.text.text(self.node), np.asarray(self.target, float) - value
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
            if abs(r - 1) < 1e-6:
                yield Fix(self.node, self.inside(self.node, code), mistake, why)
            elif abs(r + 1) < 1e-6:
                yield Fix(self.node, f"-{wrapped(code)}", mistake, why)
            elif abs(r - round(r)) < 1e-6 and abs(r) < 10:
                yield Fix(self.node, f"{round(r)} * {wrapped(code)}", mistake, why)
            elif abs(1 / r - round(1 / r)) < 1e-6:
                for divisor, v in self.items:
                    if np.ndim(v) == 0 and float(v) and abs(r * float(v) - 1) < 1e-6:
                        yield Fix(self.node, f"{wrapped(code)} / {divisor}", mistake, why)
                sign = "-" if r < 0 else ""
                yield Fix(self.node, f"{sign}{wrapped(code)} / {abs(round(1 / r))}", mistake, why)

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
                    yield f"{n} * {k}", v * a, "activation_derivative_missing", f"{k} belongs here"
                for k, a in same:
                    for formula, slope in SLOPES[:3]:
                        code = f"{n} * {formula.format(a=k)}"
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
