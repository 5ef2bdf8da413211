"""What should stand in a wrong line: variations of the person's own expression, and the shapes that a backward pass has.

Each variation is tried on the recorded numbers first; the few whose value is the right one are written into the line, in
the person's names, and the script is run again with it before it is shown.
"""

import ast
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .case import Case
from .losses import Loss
from .record import Step, getitem
from .repair import Fault
from .replay import again, run_again
from .source import Text
from .steps import size_of

MOST_NAMES = 60
MOST_FIXES = 8
SLOPES: list[tuple[str, Callable[[Any], Any]]] = [
    ("{a} * (1 - {a})", lambda a: a * (1 - a)),
    ("(1 - {a} ** 2)", lambda a: 1 - a**2),
    ("({a} > 0)", lambda a: a > 0),
    ("np.where({a} > 0, 1, 0.01)", lambda a: np.where(a > 0, 1, 0.01)),
    ("2 * {a}", lambda a: 2 * a),
]


class Fix:
    """A new text for an expression of the script."""

    def __init__(self, node: Any, text: str, mistake: str, why: str) -> None:
        self.node, self.text, self.mistake, self.why = node, text, mistake, why


def close(a: Any, b: Any) -> bool:
    """Whether two values are the same but for rounding."""
    if np.shape(a) != np.shape(b):
        return False
    a, b = np.asarray(a, float), np.asarray(b, float)
    return bool(np.all(np.abs(a - b) <= 1e-6 * np.abs(b).max(initial=0) + 1e-15))


def edited(text: Text, fix: Fix) -> str:
    """The file's text with the expression replaced; parentheses where they are needed."""
    lines = text.source.splitlines(keepends=True)
    starts = np.cumsum([0] + [len(line.encode()) for line in lines])
    raw = text.source.encode()
    a = starts[fix.node.lineno - 1] + fix.node.col_offset
    b = starts[fix.node.end_lineno - 1] + fix.node.end_col_offset
    return (raw[:a] + fix.text.encode() + raw[b:]).decode()


def wrapped(code: str) -> str:
    """The code in parentheses where an operator beside it would bind more tightly."""
    node = ast.parse(code.strip(), mode="eval").body
    simple = isinstance(node, ast.Name | ast.Attribute | ast.Subscript | ast.Call | ast.Constant)
    enclosed = code.startswith("(") and isinstance(node, ast.Tuple)
    return code if simple or enclosed else f"({code})"


class Names:
    """What the texts around a place stand for, at one of its visits."""

    def __init__(self, case: Case, step: Step, first: int) -> None:
        self.case, self.step = case, step
        self.values: dict[str, Step] = {}
        frame, sources = step.stack[1:], case.sources
        steps = case.record.steps
        place = sources.place(step)
        assert place is not None
        self.text = sources.texts[place.file]
        for s in steps[max(0, first - 400) : step.id]:
            if len(s.stack) > len(step.stack) and s.stack[len(s.stack) - len(frame) :] == frame:
                self.add_call(s, len(s.stack) - len(step.stack))
            elif s.stack[1:] == frame:
                self.add_operands(s)
            elif len(s.stack) == 1 or (len(s.stack) > 1 and s.stack[1:] != frame):
                self.add_far(s)
        self.add_operands(step)

    def keep(self, node: Any, value: Any) -> None:
        """Remember what an expression stands for."""
        if isinstance(value, Step) and isinstance(node, ast.Name | ast.Attribute | ast.Subscript):
            code = self.text.text(node)
            if code and len(code) < 40:
                self.values.pop(code, None)
                self.values[code] = value

    def add_operands(self, step: Step) -> None:
        """The operands of a step, and the name that it is given."""
        node = self.case.sources.expression(step)
        for child, value in operands(node, step):
            self.keep(child, value)
        self.add_targets(node, step)

    def add_targets(self, node: Any, step: Step) -> None:
        """The names that a value is assigned to."""
        parent = self.text.parent.get(node)
        if isinstance(parent, ast.Assign) and parent.value is node:
            for target in parent.targets:
                self.keep(target, step)

    def add_call(self, step: Step, depth: int) -> None:
        """The arguments and the result of a function of the script's own."""
        node = self.case.sources.expression(step, depth)
        if not isinstance(node, ast.Call):
            return
        call = step.stack[depth:]
        inner = [p for p in step.parents if p.stack[-len(call) :] != call]
        if len(node.args) == 1 and inner:
            self.keep(node.args[0], inner[0])
        self.add_targets(node, step)

    def add_far(self, step: Step) -> None:
        """Names that can be seen from other functions too: attributes, and those of the module."""
        place = self.case.sources.place(step)
        if place is None or self.case.sources.texts[place.file] is not self.text:
            return
        for code in self.text.targets(self.text.find(place)):
            if (code.startswith("self.") or len(step.stack) == 1) and len(code) < 40:
                self.values.pop(code, None)
                self.values[code] = step

    def items(self) -> list[tuple[str, Step]]:
        """The names, the nearest first."""
        return [(k, v) for k, v in reversed(self.values.items()) if v is not self.step][:MOST_NAMES]


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

    def __init__(self, case: Case, loss: Loss, fault: Fault) -> None:
        self.case, self.loss, self.fault = case, loss, fault
        self.step: Step = fault.step
        place = case.sources.place(self.step)
        assert place is not None
        self.place, self.text = place, case.sources.texts[place.file]
        self.node = self.text.find(place)
        if isinstance(self.node, ast.AugAssign):
            self.node = self.node.value
        self.k = fault.window
        self.target = fault.targets[self.k][self.step.id]
        self.view = case.views[self.k]
        self.names = Names(case, self.step, self.view.window.first)
        self.items = [(n, s) for n, s in self.names.items() if np.asarray(s.value).dtype.kind in "fiub"]

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
        for find in (self.scaled, self.changed_inside, self.with_slope, self.rebuilt):
            try:
                for fix in find():
                    key = (fix.node, fix.text)
                    if key not in seen:
                        seen.add(key)
                        yield fix
                    if len(seen) > 40:
                        return
            except (ValueError, TypeError, SyntaxError, AttributeError, KeyError, IndexError):
                continue

    def reaches(self, changed: dict[int, Any], order: list[Step]) -> bool:
        """Whether changes inside the statement give the right value."""
        values = run_again(order, changed)
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
                yield Fix(self.node, f"({wrapped(right)} - {left})" if not self.is_whole() else f"{right} - {left}",
                          "wrong_sign", "the sign is wrong")  # fmt: skip
            yield Fix(self.node, f"-{wrapped(code)}", "wrong_sign", "the sign is wrong")
            return
        for n in (r, 1 / r):
            if abs(n - round(n)) < 1e-6 and round(n) in (2, 4):
                sign = "*" if n is r else "/"
                why = f"the factor {round(n)} of the loss's square is missing"
                yield Fix(self.node, f"{round(n)} * {wrapped(code)}" if sign == "*" else f"{wrapped(code)} / {round(n)}",
                          "factor_two", why)  # fmt: skip
        name, why = ("not_divided_by_batch", "is not divided by the number of samples") if abs(r) < 1 else (
            "divided_by_batch_twice", "is divided by the number of samples once too often")  # fmt: skip
        for divisor in self.divisors():
            yield Fix(self.node, f"{wrapped(code)} {'/' if abs(r) < 1 else '*'} {divisor}", name, why)
        number = f"{wrapped(code)} * {r:.6g}" if abs(r) > 1 else f"{wrapped(code)} / {1 / r:.6g}"
        yield Fix(self.node, number, "wrong_factor", f"is {1 / r:.4g} times too large" if abs(r) < 1 else "is too small")

    def is_whole(self) -> bool:
        """Whether the expression is all that a statement assigns."""
        parent = self.text.parent.get(self.node)
        return isinstance(parent, ast.Assign | ast.AugAssign | ast.Return) and parent.value is self.node

    def divisors(self) -> list[str]:
        """What the file divides by, in the same function first."""
        found: dict[str, None] = {}
        where = self.text.statement(self.node)
        while where is not None and not isinstance(where, ast.FunctionDef | ast.Module):
            where = self.text.parent.get(where)
        for scope in (where, self.text.tree):
            for node in ast.walk(scope) if scope is not None else ():
                if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
                    code = self.text.text(node.right)
                    if not isinstance(node.right, ast.Constant | ast.BinOp) and len(code) < 30:
                        found[code] = None
                if isinstance(node, ast.Name) and node.id in ("m", "n", "N", "batch_size", "num_examples"):
                    found[node.id] = None
                if isinstance(node, ast.Subscript) and ".shape[" in self.text.text(node):
                    found[self.text.text(node)] = None
        return list(found)[:6]

    def dropped(self, s: Step, order: list[Step]) -> Iterator[Fix]:
        """One operand of a product, sum or call of the statement left out, or a function not called."""
        node = self.case.sources.expression(s)
        where = self.case.sources.place(s)
        if node is None or where is None or self.case.sources.texts[where.file] is not self.text:
            return
        for child, value in operands(node, s):
            if isinstance(value, Step) and hasattr(child, "lineno") and np.shape(value.value) == np.shape(s.value):
                if self.reaches({s.id: self.value(value)}, order) if s is not self.step else close(
                        self.value(value), self.target):  # fmt: skip
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
        if s.name in ("divide", "multiply") and others and size_of(s.args[1] if others[0] is not kept else 1) == 1:
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
        for number, (child, value) in enumerate(operands(node, s)):
            if not isinstance(value, Step) or not hasattr(child, "lineno"):
                continue
            if number >= len(s.args) or s.args[number] is not value:
                number = next((i for i, a in enumerate(s.args) if a is value), -1)
                if number < 0:
                    continue
            args = [self.value(a) if isinstance(a, Step) else a for a in s.args]
            options = [(name, v) for name, v in self.items if v is not value]
            for name, v in options:
                new = self.value(v)
                for suffix, x in (("", new), (".T", new.T)):
                    if suffix and (np.ndim(new) < 2 or isinstance(child, ast.Attribute) and child.attr == "T"):
                        continue
                    if np.size(x) != size_of(value) and s.name not in ("dot", "matmul"):
                        continue
                    args[number] = x
                    if self.tried(s, s.func, args, s.kwargs or {}, order) and name + suffix != self.text.text(child):
                        yield Fix(child, name + suffix, *self.operand_words(s, value, v, child, name + suffix))
            args[number] = self.value(value)
            if np.ndim(value.value) == 2:
                args[number] = self.value(value).T
                if self.tried(s, s.func, args, s.kwargs or {}, order):
                    code = self.text.text(child)
                    new_code = code[:-2] if code.endswith(".T") else f"{wrapped(code)}.T"
                    yield Fix(child, new_code, "transposed", f"{code} must be transposed")

    def operand_words(self, s: Step, old: Step, new: Step, child: Any, name: str) -> tuple[str, str]:
        """The name of a wrong operand."""
        was = self.text.text(child)
        inside = self.loss.slices[self.k]
        if old.id in inside and new.id in inside and s.name not in ("dot", "matmul"):
            later = new.id > old.id
            return ("derivative_at_preactivation", f"the formula takes the activation {name}; {was} is its input") if later \
                else ("derivative_at_activation", f"the formula takes {name}, the activation's input; {was} is its output")  # fmt: skip
        if old.id in inside and new.id in inside:
            return "output_for_input", f"{name} belongs here, not {was}"
        if old.id in self.view.back and new.id in self.view.back and old.id not in inside:
            return "wrong_gradient_arrives", f"{name} is the gradient that arrives here, not {was}"
        return "wrong_array", f"{name} belongs here, not {was}"

    def other_operation(self, s: Step, node: Any, order: list[Step]) -> Iterator[Fix]:
        """Another operation on the same operands."""
        args = [self.value(a) if isinstance(a, Step) else a for a in s.args]
        kwargs = dict(s.kwargs or {})
        code = self.text.text(node) if node is not None and not isinstance(node, ast.AugAssign) else ""
        if isinstance(node, ast.BinOp) and len(args) == 2:
            left, right = self.text.text(node.left), self.text.text(node.right)
            for sign, func in (("+", np.add), ("-", np.subtract), ("*", np.multiply), ("/", np.divide), ("@", np.matmul)):
                if func is not s.func and self.tried(s, func, args, {}, order):
                    words = ("wrong_sign", "the sign is wrong") if {func, s.func} == {np.add, np.subtract} else (
                        "elementwise_for_matrix_product", f"{sign} belongs here")  # fmt: skip
                    yield Fix(node, self.inside(node, f"{left} {sign} {right}"), *words)
            if s.func is np.subtract and self.tried(s, np.subtract, args[::-1], {}, order):
                yield Fix(node, self.inside(node, f"{right} - {wrapped(left)}"), "wrong_sign", "the sign is wrong")
            for power in (2, 3):
                if s.func is np.power and args[1] != power and self.tried(s, np.power, [args[0], power], {}, order):
                    yield Fix(node.right, str(power), "square_missing", f"the power is {power}")
        if isinstance(node, ast.Compare) and len(args) == 2:
            for sign, func in ((">", np.greater), ("<", np.less), (">=", np.greater_equal), ("<=", np.less_equal),
                               ("!=", np.not_equal)):  # fmt: skip
                if func is not s.func and self.tried(s, func, args, {}, order):
                    left, right = self.text.text(node.left), self.text.text(node.comparators[0])
                    yield Fix(node, f"{left} {sign} {right}", "derivative_at_activation",
                              f"the slope is that of {sign}: at an activation that is never negative, >= is true everywhere"
                              if ">=" in code else f"the comparison must be {sign}")  # fmt: skip
        if s.name in ("sum", "mean") and isinstance(node, ast.Call):
            yield from self.other_reduction(s, node, args, order)
        if s.name in ("dot", "matmul", "multiply", "outer") and isinstance(node, ast.Call) and len(args) == 2:
            yield from self.other_product(s, node, args, order)
        if code and np.ndim(s.value) and self.tried(s, np.negative, [self.value(s)], {}, order):
            yield Fix(node, f"-{wrapped(code)}", "wrong_sign", "the sign is wrong")
        if code and np.ndim(s.value) == 2 and self.tried(s, np.transpose, [self.value(s)], {}, order):
            yield Fix(node, f"{wrapped(code)}.T", "transposed", "a transpose is missing")

    def inside(self, node: Any, code: str) -> str:
        """The code as it may stand where the node stood."""
        outer = self.text.parent.get(node)
        return f"({code})" if isinstance(outer, ast.BinOp | ast.UnaryOp | ast.Attribute) else code

    def other_reduction(self, s: Step, node: Any, args: Any, order: list[Step]) -> Iterator[Fix]:
        """Another axis, or a sum for a mean."""
        x = args[0]
        method = isinstance(node.func, ast.Attribute) and len(node.args) < len(s.args)
        who = self.text.text(node.func.value) if method else self.text.text(node.args[0])
        module = "" if method else self.text.text(node.func).rsplit(".", 1)[0] + "." if isinstance(node.func, ast.Attribute) else ""
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
                        if method:
                            code = f"{wrapped(who)}.{name}({inner})"
                        else:
                            code = f"{module}{name}({who}{', ' + inner if inner else ''})"
                        if name != s.name:
                            words = ("averaged", "an average where the sum belongs") if name == "sum" else (
                                "not_divided_by_batch", "the sum where the mean belongs")  # fmt: skip
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
                    yield Fix(node, f"np.dot({cu}, {cv})", name, "the matrix product must be taken this way")
        if s.name != "multiply" and self.tried(s, np.multiply, [x, y], {}, order):
            why = "an elementwise product belongs here"
            yield Fix(node, f"np.multiply({left}, {right})", "elementwise_for_matrix_product", why)

    def with_slope(self) -> Iterator[Fix]:
        """The activation's derivative forgotten."""
        value = self.value(self.step)
        if np.shape(value) != np.shape(self.target):
            return
        code = wrapped(self.text.text(self.node))
        for name, s in self.items:
            a = self.value(s)
            if a.dtype.kind != "f" or np.shape(a) != np.shape(value):
                continue
            for formula, slope in SLOPES:
                if close(value * slope(a), self.target):
                    fix = f"{code} * {formula.format(a=name)}"
                    why = f"the activation's derivative {formula.format(a=name)} is missing"
                    yield Fix(self.node, fix, "activation_derivative_missing", why)
                    for call in self.helpers(name):
                        yield Fix(self.node, f"{code} * {call}", "activation_derivative_missing", why)
            if close(value * a, self.target):
                yield Fix(self.node, f"{code} * {name}", "factor_missing", f"the factor {name} is missing")

    def helpers(self, name: str) -> list[str]:
        """Calls of the script's own derivatives on a name."""
        found = []
        for node in ast.walk(self.text.tree):
            if isinstance(node, ast.FunctionDef) and len(node.args.args) == 1:
                found.append(f"{node.name}({name})")
        return found[:3]

    def rebuilt(self) -> Iterator[Fix]:
        """The whole expression anew, from the values at hand: products, sums, slopes."""
        target = np.asarray(self.target, float)
        for code, value, mistake, why in self.built():
            if np.shape(value) != np.shape(target):
                if np.size(value) != np.size(target) or np.ndim(value) != 2 or np.shape(value.T) != np.shape(target):
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
                for divisor in self.divisors():
                    yield Fix(self.node, f"{wrapped(code)} / {divisor}", mistake, why)
                sign = "-" if r < 0 else ""
                yield Fix(self.node, f"{sign}{wrapped(code)} / {abs(round(1 / r))}", mistake, why)

    def built(self) -> Iterator[tuple[str, Any, str, str]]:
        """Expressions that a backward pass is made of, with their values here."""
        shape = np.shape(self.target)
        floats = [(n, self.value(s)) for n, s in self.items if np.asarray(s.value).dtype.kind in "fiu"][:30]
        same = [(n, v) for n, v in floats if np.shape(v) == shape]
        inside = self.loss.slices[self.k]
        with np.errstate(all="ignore"):
            for n, v in same:
                yield n, v, "wrong_gradient_arrives", f"{n} belongs here"
            deltas = list(same)
            for n, s in self.items:
                if s.id in inside and np.shape(s.value) == shape:
                    for t, other in self.items:
                        if other.id not in self.view.sig and np.shape(other.value) in (shape, ()):
                            deltas.append((f"({n} - {t})", self.value(s) - self.value(other)))
            for n, v in deltas[len(same) :]:
                yield n[1:-1], v, "loss_for_derivative", "this is the loss's derivative"
            products: list[tuple[str, Any]] = []
            for n, v in floats:
                for k, w in floats:
                    for (a, ca), (b, cb) in ((p, q) for p in turned(v, n) for q in turned(w, k)):
                        if fits(a, b, shape):
                            products.append((f"np.dot({ca}, {cb})", np.dot(a, b)))
                if np.ndim(v) == 2:
                    for axis in (0, 1):
                        for keep in (True, False):
                            found = v.sum(axis=axis, keepdims=keep)
                            code = f"np.sum({n}, axis={axis}{', keepdims=True' if keep else ''})"
                            yield code, found, "wrong_axis", "the gradient is summed over the samples"
            for n, v in products:
                yield n, v, "wrong_array", f"{n} belongs here"
            for n, v in [*deltas, *products]:
                for k, a in same:
                    for formula, slope in SLOPES[:3]:
                        found = v * slope(a)
                        if np.shape(found) == shape:
                            code = f"{n} * {formula.format(a=k)}"
                            yield code, found, "activation_derivative_missing", "the chain rule here"
            for n, d in same:
                for k, p in same:
                    for axis in range(len(shape)):
                        yield (f"{k} * ({n} - np.sum({n} * {k}, axis={axis}, keepdims=True))",
                               p * (d - np.sum(d * p, axis=axis, keepdims=True)),
                               "softmax_jacobian_not_multiplied", "softmax's Jacobian times the gradient")  # fmt: skip


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
    return np.shape(a)[:-1] + np.shape(b)[1:] == shape


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


__all__ = ["Fix", "Proposer", "again", "edited", "getitem"]
