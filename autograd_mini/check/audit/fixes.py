"""What should stand in a wrong line: variations of the person's own expression, and the shapes that a backward pass has.

Each is tried on the recorded numbers first; the few whose value is the right one are written into the line, in the person's
names, and the script is run again with it before it is shown.
"""

import ast
import contextlib
import io
import re
from collections.abc import Callable, Iterable, Iterator
from difflib import SequenceMatcher
from itertools import chain, permutations
from time import process_time
from typing import Any, NamedTuple

import numpy as np

from .case import Case, above, multiple
from .edits import SIMPLE, Edit, Fix, edits, inside, joined, of_parts, scope_of
from .losses import Loss, pairs_of
from .record import Step, plain, put
from .repair import Fault, same
from .source import Text, names_in
from .steps import size_of

MOST_NAMES = 60
MOST_FIXES = 150
LARGE = 10**5  # elements of a value, beyond which parts of its expression are changed last
EVALUATING = 1.5  # seconds of computing, beyond which no more parts of an expression are changed
MOST_ALIKE = 12  # names of one shape whose differences are tried
MOST_FACTORS = 26  # names that products are made of
SLOPES: list[tuple[str, Callable[[Any], Any]]] = [
    ("{0} * (1 - {0})", lambda a: a * (1 - a)),
    ("1 - {0} ** 2", lambda a: 1 - a**2),
    ("{0} > 0", lambda a: a > 0),
    ("1 - {0}", lambda a: 1 - a),
    ("{0} ** 2", lambda a: a**2),
    ("np.where({0} > 0, 1, 0.01)", lambda a: np.where(a > 0, 1, 0.01)),
    ("2 * {0}", lambda a: 2 * a),
    ("np.exp({0})", np.exp),
]
MATRIX_FORMS = {"{0} * (1 - {0})": "np.multiply({0}, 1 - {0})", "1 - {0} ** 2": "1 - np.square({0})"}
INVERSES: dict[Any, Callable[[Any, Any], Any]] = {
    np.add: lambda whole, before: whole - before,
    np.subtract: lambda whole, before: before - whole,
    np.multiply: lambda whole, before: whole / before,
    np.divide: lambda whole, before: before / whole,
}
PURE = {"dot", "sum", "mean", "transpose", "reshape", "max"}
LASTING = {"append", "pop", "update", "next"}


class Term(NamedTuple):
    """An expression at hand and its value; the code is put together only where the value serves."""

    value: Any
    template: str
    parts: tuple[str, ...]
    mistake: str = ""

    @property
    def code(self) -> str:
        return joined(self.template, *self.parts)


class Names:
    """What the expressions around a place stand for, at the visit of the place that is looked at."""

    def __init__(self, text: Text, node: Any) -> None:
        self.text = text
        self.scope = scope_of(text, node)
        everywhere = list(ast.walk(text.tree))
        near = [n for n in ast.walk(self.scope) if isinstance(n, ast.expr)]
        near.sort(key=lambda n: abs(n.lineno - node.lineno))
        sizes = (text.text(n) for n in everywhere if isinstance(n, ast.Call | ast.Subscript))
        own = (text.text(n) for n in everywhere if isinstance(n, ast.Attribute))
        # what a loop counts with is an index: that it equals a factor is chance
        loops = [n for n in everywhere if isinstance(n, ast.For | ast.comprehension)]
        counting = (n for n in loops if text.text(n.iter).startswith(("range(", "enumerate(")))
        self.counters = set().union(*(names_in(n.target) for n in counting))
        self.codes = [text.text(n) for n in near if isinstance(n, SIMPLE) and isinstance(n.ctx, ast.Load)]
        self.codes += [c for c in sizes if re.fullmatch(r"len\(.*|[\w.]+\.shape\[\d\]", c)]
        self.codes += [c for c in own if c.count(".") == 1 and not c.startswith("np.")]
        arrays = dict.fromkeys(c for c in self.codes if c.isidentifier() and c != "np")
        indices = [text.text(n.slice) for n in ast.walk(node) if isinstance(n, ast.Subscript)]
        self.codes += [f"{c}[{index}]" for index in indices for c in arrays]
        compound = (text.text(n) for n in near if isinstance(n, ast.BinOp | ast.Call) and self.is_pure(n))
        self.compound = list(dict.fromkeys(compound))[:MOST_NAMES]
        self.functions = [f for n in everywhere if isinstance(n, ast.FunctionDef) for f in callable_as(n)]
        self.values: dict[str, Any] = {}
        self.calls: dict[str, Any] = {}
        self.frame: dict[str, Any] = {}

    def is_pure(self, node: Any, own: bool = False) -> bool:
        """Whether evaluating the expression once more does no harm: arithmetic, NumPy's functions, the script's `own`."""
        codes = [self.text.text(n.func) for n in ast.walk(node) if isinstance(n, ast.Call)]
        lasts = [c.rpartition(".")[2] for c in codes]
        if any("random" in c or "rng" in c for c in codes) or LASTING.intersection(lasts):
            return False
        return own or all(c.startswith("np.") or last in PURE for c, last in zip(codes, lasts, strict=True))

    def look(self, frame: Any, before: dict[str, Any], largest: int) -> None:
        """Evaluate the expressions where the script stands now, with the values that were there `before` in some names.

        An array far larger than all that a step of the training computes with holds all samples: no line means it.
        """
        if frame is None:
            return
        names = {**frame.f_globals, **frame.f_locals, **before}
        kept = (n for n, v in names.items() if not isinstance(v, np.ndarray) or v.size <= largest)
        names = {n: plain(names[n]) for n in kept if n != "__builtins__"}  # which would keep the run alive
        self.frame = names
        for code in dict.fromkeys([*self.codes, *(k for k, v in names.items() if is_number(v))]):
            value = evaluated(code, names) if len(code) < 40 and len(self.values) < MOST_NAMES else None
            counts = code in self.counters and isinstance(value, int | np.integer)
            if value is not None and not counts and np.size(value) and (np.ndim(value) or np.isfinite(value)):
                self.values[code] = np.asarray(value)
        given = [c for c, v in self.values.items() if v.ndim or isinstance(names.get(c), float)][:20]
        called = [f"{function}({code})" for function in self.functions for code in given]
        for code in [*self.compound, *called]:
            value = evaluated(code, names) if len(code) < 70 else None
            if value is not None and np.size(value) and (np.ndim(value) or code in called):
                self.calls[code] = np.asarray(value)


def callable_as(function: ast.FunctionDef) -> list[str]:
    """How a function of one argument is called, where it writes nothing that outlives it."""
    nodes, args = list(ast.walk(function)), function.args
    written = any(isinstance(n, SIMPLE[1:]) and isinstance(n.ctx, ast.Store) for n in nodes)
    if written or any(isinstance(n, ast.Global | ast.Nonlocal) for n in nodes):
        return []
    if len(args.args) == 2 and args.args[0].arg == "self":
        return [f"self.{function.name}"]
    return [function.name] if len(args.args) - len(args.defaults) == 1 else []


def is_number(value: Any) -> bool:
    """Whether a value is an array or a number, and not a flag."""
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "fiub"
    return isinstance(value, float | int | np.number) and not isinstance(value, bool)


def evaluated(code: Any, names: dict[str, Any]) -> Any:
    """The array or number that an expression of the script is, or None."""
    with contextlib.suppress(Exception), np.errstate(all="ignore"), contextlib.redirect_stdout(io.StringIO()):
        value = plain(eval(code, names))
        return value if is_number(value) else None
    return None


class Proposer:
    """Finds the corrected forms of a faulty place."""

    def __init__(self, case: Case, loss: Loss, fault: Fault, probe: Callable[[int, int, Any], None]) -> None:
        self.case, self.loss, self.fault, self.k = case, loss, fault, fault.window
        step, self.place = fault.step, case.sources.place(fault.step, fault.depth)
        self.text, self.node = case.sources.spot(step, fault.depth)
        self.augmented = self.node if isinstance(self.node, ast.AugAssign) else None
        outer: Any = self.text.parent.get(self.node)
        stored = isinstance(outer, ast.Assign) and self.node in outer.targets
        read = isinstance(outer, ast.AugAssign) and self.node is outer.target  # what is added to
        self.node = self.node.value if self.augmented else outer.value if stored or read else self.node
        self.matmuls = any(isinstance(n, ast.MatMult) for n in ast.walk(self.text.tree))
        self.matrices = "np.mat(" in self.text.source or "matrix(" in self.text.source
        self.target = np.asarray(fault.targets[self.k][step.id], float)
        while step.func is put and isinstance(step.args[2], Step) and (stored or self.augmented):
            # what is written into a part of an array
            self.target = self.target.reshape(-1)[plain(step.args[1])]
            step = step.args[2]
        self.now = self.value(step)
        self.unscaled = loss.factors.get(self.k) is None  # no update is right: any scale may be meant
        self.wanted = self.target  # of the expression: of x += it, the right side
        before: dict[str, Any] = {}
        if self.augmented and len(step.args) == 2 and step.func in INVERSES:
            old, self.now = (self.value(x) if isinstance(x, Step) else np.asarray(x) for x in step.args)
            before = {self.text.text(self.augmented.target): old}
            with np.errstate(all="ignore"):
                self.wanted = INVERSES[step.func](self.target, old)
        if self.node is None or not hasattr(self.node, "lineno"):
            return
        self.code = self.text.text(self.node)
        names = self.names = Names(self.text, self.node)
        view = case.views[self.k]
        sizes = (size_of(s) for s in case.record.steps[view.window.first : view.window.last])
        largest = max(10 * max(sizes), LARGE)
        probe(fault.step.id, fault.depth, lambda frame: names.look(frame, before, largest))
        if read and (now := evaluated(self.code, names.frame)) is not None:
            missing = self.target - self.now
            self.now, self.augmented = np.asarray(now), outer
            self.wanted = self.now + (-missing if isinstance(outer.op, ast.Sub) else missing)
        self.numbers = [
            (n, abs(float(v))) for n, v in names.values.items() if not v.ndim and abs(v) not in (0, 1)
        ]
        self.named = [Term(v, "{}", (n,)) for n, v in names.values.items()]
        self.called = [Term(v, "{}", (n,)) for n, v in names.calls.items()]
        inner = {self.text.text(n) for n in ast.walk(self.node)}
        most = max(x.size for x in (self.target, self.now, *(t.value for t in self.named if t.code in inner)))
        fitting = [t for t in self.named if t.value.dtype.kind == "f" and t.value.size <= most]
        self.slopes = [s for t in fitting for s in self.slopes_of(t)]

    def value(self, step: Step) -> Any:
        """A step's value, with what was repaired before."""
        return np.asarray(self.case.views[self.k].changed.get(step.id, step.value))

    def proposals(self) -> Iterator[Fix]:
        """The corrected forms, most likely first, each once."""
        if self.node is None or not hasattr(self.node, "lineno"):
            return
        seen = set[Any]()
        for found in (self.changed, self.anew, self.edited):
            for fix in sorted(found(), key=self.distance):
                new = fix.text != self.text.text(fix.node) and (fix.node, fix.text) not in seen
                if new and len(seen) <= MOST_FIXES and self.keeps_shape(fix):
                    seen.add((fix.node, fix.text))
                    yield fix

    def keeps_shape(self, fix: Fix) -> bool:
        """Whether the expression has the shape that it had with a part replaced, or that which it should have."""
        (start, stop), (a, b), raw = self.text.span(self.node), self.text.span(fix.node), self.text.bytes
        if fix.beside or not start <= a <= b <= stop or not self.names.is_pure(self.node, True):
            return True
        code = b"(" + raw[start:a] + fix.text.encode() + raw[b:stop] + b")"
        value = evaluated(code.decode(), self.names.frame)
        return value is None or np.shape(value) in (np.shape(self.now), np.shape(self.wanted))

    def distance(self, fix: Fix) -> float:
        """How much of the text a fix changes; what is left out counts less than what is added."""
        old = self.text.text(fix.node)
        kept = sum(b.size for b in SequenceMatcher(None, old, fix.text).get_matching_blocks())
        before = self.text.bytes[: self.text.span(fix.node)[0]].decode().rstrip()[-1:]
        doubled = 3.0 if fix.text.startswith("-") and before in "+-*/@" else 0.0  # as in a - -b
        return len(fix.text) - kept + 0.4 * (len(old) - kept) + doubled

    def fix(self, node: Any, code: str, mistake: str, why: str = "") -> Fix:
        """A new text for a part of the expression, as it may stand there."""
        return Fix(node, inside(self.text, node, code), mistake, why)

    def edited(self) -> Iterator[Fix]:
        """The small edits of the statement, which cannot be tried on the numbers; and the factor behind a write in place."""
        if self.augmented is not None and self.fault.ratio:
            written: Any = self.augmented.target
            while isinstance(written, ast.Subscript):
                written = written.value
            for code, mistake in self.scaled(self.text.text(written), self.fault.ratio):
                more = f"{self.text.text(self.augmented)}; {self.text.text(written)} = {code}"
                yield Fix(self.augmented, more, mistake)
        yield from edits(self.text, self.text.statement(self.node), self.names.values)

    # ---- The whole expression: plus something, or made anew ----------------------------------------------------------

    def scaled(self, code: str, r: float) -> list[Edit]:
        """The code times a number that has a name or a meaning; beside it, what its lack is called."""
        sign, size = "-" if r < 0 else "", abs(r)
        options = [(1.0, "{}", "wrong_sign")]
        for n, said in ((2, "factor_two"), (4, "wrong_factor")):
            options += [(n, f"{n} * {{}}", said), (1 / n, f"{{}} / {n}", said)]
        for name, v in self.numbers:
            missing, twice = "not_divided_by_batch", "divided_by_batch_twice"
            options += [(1 / v, f"{{}} / {name}", missing), (2 / v, f"2 * {{}} / {name}", missing)]
            options += [(v, f"{name} * {{}}", twice), (2 * v, f"2 * {name} * {{}}", twice)]
            options += [(v / 2, f"{name} / 2 * {{}}", twice)]
        bare: list[Any] = [(n, f"{n} * {{}}", "wrong_factor") for n in (round(size),) if n > 2]
        bare += [(1 / n, f"{{}} / {n}", "wrong_factor") for n in (round(1 / size),) if n > 2]
        for some in (options, bare):  # a number that has a name is meant by it
            fitting = [(form, mistake) for x, form, mistake in some if abs(size - x) <= 1e-6 * x]
            if fitting:
                return [(joined(sign + form, code), mistake) for form, mistake in fitting]
        return []

    def anew(self) -> Iterator[Fix]:
        """The whole expression with a term more, or another in its place; of x *= it, the whole statement.

        What is at hand is compared by a few elements, and evaluated whole where these fit.
        """
        flat, now = np.ravel(self.wanted), np.ravel(self.now)
        some = spread(np.ravel(self.target))
        wanted = {"instead": np.ravel(self.target)[some]}
        wanted |= {"plus": flat[some] - now[some]} if now.size == flat.size else {}
        wanted = {way: x for way, x in wanted.items() if np.all(np.isfinite(x))}
        for t in self.at_hand(self.target.shape, some) if wanted else ():
            for way, target in wanted.items():
                r = multiple(target, t.value)
                sign = float(np.sign(r))
                exact = flat.size > 1 or abs(abs(r) - 1) <= 1e-9
                if r and exact and (r > 0 or t.template != "{} - {}"):  # the other way round it comes as well
                    for code, _ in self.scaled(
                        t.code, abs(r) if way == "plus" else sign if self.unscaled else r
                    ):
                        yield from self.fix_by(way, t, code, sign)
        yield from self.layered()

    def fix_by(self, way: str, t: Term, code: str, sign: float) -> Iterator[Fix]:
        """The expression with what was found to fit, where its whole value is right."""
        plus = way == "plus"
        new = joined("{} + {}" if sign > 0 else "{} - {}", self.code, code) if plus else code
        value, right = evaluated(new, self.names.frame), self.wanted if plus else self.target
        value = np.reshape(np.asarray(value, float), right.shape) if np.size(value) == right.size else None
        scaled = self.unscaled and not plus and value is not None and multiple(value, right)
        if not scaled and not same(value, right):
            return
        if plus:
            yield self.fix(self.node, new, "path_missing" if code == t.code else "penalty_missing")
        elif self.augmented:
            whole = f"{self.text.text(self.augmented.target)} = {new}"
            yield self.fix(self.augmented, whole, self.said_of(self.code, code, t.mistake))
        else:
            yield self.fix(self.node, new, self.said_of(self.code, code, t.mistake))

    def layered(self) -> Iterator[Fix]:
        """A weight's gradient by the delta that is missing, where the layer's input meets it: here, or where this is read."""
        reads = self.reads()
        if not self.fault.whole or self.target.ndim != 2:
            return
        rows, columns = self.target.shape
        for x in (t for t in self.named[:MOST_FACTORS] if t.value.ndim == 2 and t.value.shape[1] == rows):
            shape = (x.value.shape[0], columns)
            near = [t for t in [*self.slopes, *self.called] if t.value.shape == shape]
            for t, slope in ((t, slope) for t in self.products(shape) for slope in near):
                delta = self.product_of(t, slope, "activation_derivative_missing")
                r = multiple(self.target, x.value.T @ delta.value)
                for code, _ in self.scaled(delta.code, 1.0 if self.unscaled and r > 0 else r) if r else ():
                    if len(reads) == 1:
                        fix = self.fix(self.node, code, self.said_of(self.code, code, delta.mistake))
                        there = self.product(joined("{}.T", x.code), self.text.text(reads[0]))
                        fix.beside = [self.fix(reads[0], there, "input_missing")]
                        yield fix
                    yield self.fix(self.node, self.product(joined("{}.T", x.code), code), "input_missing")

    def reads(self) -> list[Any]:
        """Where the name is read that the value is given."""
        outer = self.text.parent.get(self.node)
        if not isinstance(outer, ast.Assign) or not isinstance(outer.targets[0], ast.Name):
            return []
        name, names = outer.targets[0].id, (n for n in ast.walk(self.names.scope) if isinstance(n, ast.Name))
        return [n for n in names if n.id == name and isinstance(n.ctx, ast.Load) and n.lineno > outer.lineno]

    def said_of(self, was: str, code: str, mistake: str) -> str:
        """What a piece of code is called that should read otherwise: by what it lacks."""
        own, names = (names_in(ast.parse(c)) for c in (was, code))
        if code in was:
            return "one_factor_too_many"
        if mistake in ("wrong_array", "activation_derivative_missing") and names <= own:
            return "elementwise_for_matrix_product"
        if mistake == "wrong_array" and own < names:
            return "input_missing" if self.fault.whole else "weights_missing"
        return mistake

    # ---- A part of the expression ------------------------------------------------------------------------------------

    def changed(self) -> Iterator[Fix]:
        """The expression with a part of it changed, where that gives the right value at the visit that is looked at."""
        if not self.names.is_pure(self.node, True):
            return
        frame, end = self.names.frame, process_time() + EVALUATING
        start, stop = self.text.span(self.node)
        for child in ast.walk(self.node):
            if not isinstance(child, ast.expr) or isinstance(getattr(child, "ctx", None), ast.Store):
                continue
            with contextlib.suppress(SyntaxError):
                (a, b), raw = self.text.span(child), self.text.bytes
                program = compile(b"(" + raw[start:a] + b"(__part__)" + raw[b:stop] + b")", "line", "eval")

                def value_with(part: Any, program: Any = program) -> Any:
                    frame["__part__"] = part
                    return evaluated(program, frame)

                was, old = self.text.text(child), evaluated(self.text.text(child), frame)
                r, outer = self.factor_of(value_with, old), self.text.parent.get(child)
                turned = (
                    isinstance(outer, ast.BinOp) and child is outer.right and r < 0
                )  # its operator turns it
                for code, mistake in self.scaled(was, r) if r not in (0.0, 1.0) and not turned else ():
                    yield self.fix(child, code, mistake)
                for t in self.others(child, old):
                    if process_time() > end:
                        return
                    if t.value is not None and same(value_with(t.value), self.wanted):
                        told = (
                            (self.said_of(was, t.code, t.mistake),) if t.mistake else self.words(was, old, t)
                        )
                        yield self.fix(child, t.code, *told)

    def factor_of(self, value_with: Callable[[Any], Any], old: Any) -> float:
        """The number by which a part must be multiplied, where that makes the expression right; 1 where there is none."""
        one, two = value_with(old), None if old is None else value_with(np.multiply(old, 2.0))
        pairs = chain.from_iterable(pairs_of(self.case, self.k).values())
        if any(same(x, old) for a, t, _ in pairs for x in (a.value, t)):
            return 1.0  # a prediction and its target are compared as they are
        if one is None or two is None or not np.shape(one) == np.shape(two) == np.shape(self.wanted):
            return 1.0
        one, two = np.asarray(one, float), np.asarray(two, float)
        return 1.0 + multiple(self.wanted - one, two - one)

    def others(self, child: Any, old: Any) -> Iterator[Term]:
        """What may stand in the place of a part of the expression."""
        was, frame = self.text.text(child), self.names.frame
        for code, mistake in chain(of_parts(self.text, child), of_reductions(self.text, child)):
            value = evaluated(code, frame)
            name = self.too_many(child, old, value) if mistake == "one_factor_too_many" else mistake
            yield Term(value, "{}", (code,), name)
        if old is None:
            return
        for x, y in sides(self.text, child):
            forms = [self.product(*p) for a in turned(x) for b in turned(y) for p in ((a, b), (b, a))]
            for code in [*forms, f"np.multiply({x}, {y})"]:
                yield Term(evaluated(code, frame), "{}", (code,), "transposed")
        if not isinstance(child, (*SIMPLE, ast.Call, ast.BinOp)):
            return
        slopes = [t for t in self.slopes if np.shape(t.value) == np.shape(old)]
        at_hand = [*self.named, *self.called, *(self.products() if self.target.ndim == 2 else ()), *slopes]
        alike = [t for t in self.named if np.shape(t.value) == np.shape(old)][:MOST_ALIKE]
        at_hand += [difference(t, u) for t, u in permutations(alike, 2)]
        at_hand += [Term(t.value.T, "{}.T", t.parts) for t in at_hand if t.value.ndim == 2]
        yield from (t for t in at_hand if t[1:3] != ("{}", (was,)))
        before = Term(old, "{}", (was,))
        fewer = (t for t in self.named if 0 < t.value.ndim <= np.ndim(old))
        wider = [t for t in fewer if np.shape(t.value) != np.shape(old)]
        calls = [t for t in self.called if np.shape(t.value) == np.shape(old)]
        wider = [t for t in wider if attempted(np.multiply, old, t.value) is not None]
        for t in [*alike, *slopes, *calls, *wider]:
            missing = "factor_missing" if t.template == "{}" else "activation_derivative_missing"
            yield self.product_of(before, t, missing)
            with np.errstate(all="ignore"):
                yield Term(np.divide(old, t.value), "{} / {}", (was, t.code), "factor_missing")

    def words(self, was: str, old: Any, t: Term) -> tuple[str, str]:
        """What a wrong operand is called: by where the forward pass has it and what belongs there."""
        steps, inside = self.case.record.steps, sorted(self.loss.slices[self.k])
        before, after = ([n for n in inside if same(steps[n].value, x)] for x in (old, t.value))
        if before and after:
            first, last = sorted((before[-1], after[-1]))
            made_of = above(steps[last], lambda s: np.shape(s.value) == np.shape(old))
            if any(s.id == first for s in made_of):
                if last == after[-1]:
                    why = f"the formula takes the activation {t.code}; {was} is its input"
                    return "derivative_at_preactivation", why
                why = f"the formula takes {t.code}, the activation's input; {was} is its output"
                return "derivative_at_activation", why
        mistake = ("wrong_gradient_arrives", "wrong_array", "output_for_input")[bool(before) + bool(after)]
        return mistake, f"{t.code} belongs here, not {was}"

    def too_many(self, child: Any, old: Any, kept: Any) -> str:
        """What an operand too many is called."""
        operator = getattr(child, "op", None)
        if old is not None and kept is not None and np.shape(old) == np.shape(kept) and multiple(old, kept):
            twice = isinstance(operator, ast.Div) and (self.fault.ratio or 0) > 1
            return "divided_by_batch_twice" if twice else "wrong_factor"
        return "activation_derivative_twice" if isinstance(operator, ast.Mult) else "wrong_array"

    # ---- What is at hand ---------------------------------------------------------------------------------------------

    @property
    def product_form(self) -> str:
        """The elementwise product as the script may write it."""
        return "np.multiply({}, {})" if self.matrices else "{} * {}"

    def slopes_of(self, t: Term) -> list[Term]:
        """The slopes of activations at a value, but those that are the same everywhere; of a single number the first two."""
        found = SLOPES if t.value.ndim else SLOPES[:2]
        slopes = [
            Term(np.asarray(slope(t.value)), MATRIX_FORMS.get(form, form) if self.matrices else form, t.parts)
            for form, slope in found
        ]
        return [s for s in slopes if not s.value.ndim or np.any(s.value != s.value.flat[0])]

    def product_of(self, t: Term, u: Term, mistake: str = "") -> Term:
        """The elementwise product of two terms."""
        return Term(np.multiply(t.value, u.value), self.product_form, (t.code, u.code), mistake)

    def product(self, left: str, right: str) -> str:
        """The matrix product of two expressions as the script writes it."""
        if self.matrices:
            return joined("{} * {}", left, right)
        return joined("{} @ {}", left, right) if self.matmuls else f"np.dot({left}, {right})"

    def products(self, shape: tuple[int, ...] | None = None) -> list[Term]:
        """The matrix products of two names that have this shape, or the target's."""
        arrays = [t for t in self.named if t.value.ndim in (1, 2)][:MOST_FACTORS]
        factors = [(t.value, t.code) for t in arrays] + [
            (t.value.T, f"{t.code}.T") for t in arrays if t.value.ndim == 2
        ]
        shape, out = self.target.shape if shape is None else shape, []
        for a, left in factors:
            for b, right in factors:
                if a.shape[-1] == b.shape[0] and a.shape[:-1] + b.shape[1:] == shape:
                    out.append(Term(np.dot(a, b), "{}", (self.product(left, right),), "wrong_array"))
                if a.ndim == b.ndim == 1 and a.shape + b.shape == shape:
                    out.append(Term(np.outer(a, b), "{}", (f"np.outer({left}, {right})",), "wrong_array"))
        return out

    def at_hand(self, shape: tuple[int, ...], some: Any) -> Iterator[Term]:
        """What a backward pass is made of, by these elements: names, calls, slopes, differences, sums, products."""
        size = int(np.prod(shape))

        def cut(terms: Iterable[Term], mistake: str) -> list[Term]:
            fitting = (t for t in terms if t.value.size == size and alike(t.value.shape, shape))
            return [
                t._replace(value=np.ravel(t.value)[some].astype(float), mistake=t.mistake or mistake)
                for t in fitting
            ]

        arrays = self.named[:MOST_FACTORS]
        names, calls = (cut(terms, "wrong_gradient_arrives") for terms in (arrays, self.called))
        whole = [t for t in [*arrays, *self.called] if t.value.size == size]
        slopes = cut((s for t in whole for s in self.slopes_of(t)[:3]), "derivative_at_wrong_array")
        gaps = [difference(t, u) for t, u in permutations(names[:MOST_ALIKE], 2)]
        products = cut(self.products(shape), "wrong_array")
        yield from chain(names, calls, slopes, gaps, products)
        for t in [*names, *gaps, *products][:300]:
            for u in [*calls, *slopes, *names[:MOST_ALIKE]]:
                yield self.product_of(t, u, "activation_derivative_missing")
        for p, axis in ((p, axis) for p in whole for axis in range(len(shape)) if p.value.shape == shape):
            for d in (
                [t for t in whole if t.value.shape == shape] if np.allclose(p.value.sum(axis), 1) else ()
            ):
                for x in (d, *(difference(d, u) for u in whole if u.value.shape == shape)):
                    inner = np.sum(x.value * p.value, axis=axis, keepdims=True)
                    form = f"{{}} * ({{}} - np.sum({{}} * {{}}, axis={axis}, keepdims=True))"
                    value = np.ravel(p.value * (x.value - inner))[some]
                    yield Term(
                        value, form, (p.code, x.code, x.code, p.code), "softmax_jacobian_not_multiplied"
                    )


def spread(target: Any, most: int = 9) -> Any:
    """The numbers of a few elements of a flat array, of those that are not 0 where there are any."""
    found = np.flatnonzero(target)
    found = found if found.size else np.arange(target.size)
    return found[:: max(1, found.size // most)]


def difference(t: Term, u: Term) -> Term:
    """One term less another."""
    return Term(
        np.subtract(t.value, u.value, dtype=float), "{} - {}", t.parts + u.parts, "loss_for_derivative"
    )


def attempted(make: Any, x: Any, y: Any) -> Any:
    """The result of an operation, or None where the shapes do not fit."""
    try:
        return make(x, y)
    except ValueError:
        return None


def alike(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    """Whether two shapes are the same but for axes of length 1."""
    return [n for n in a if n > 1] == [n for n in b if n > 1]


def turned(code: str) -> tuple[str, str]:
    """A factor as it is, and transposed."""
    return code, code[:-2] if code.endswith(".T") else joined("{}.T", code)


def sides(text: Text, child: Any) -> list[tuple[str, str]]:
    """The two factors of a product, as they are written."""
    given: list[Any] = []
    if isinstance(child, ast.BinOp) and isinstance(child.op, ast.Mult | ast.MatMult):
        given = [child.left, child.right]
    elif isinstance(child, ast.Call) and getattr(child.func, "attr", "") in (
        "dot",
        "matmul",
        "multiply",
        "outer",
    ):
        given = child.args if len(child.args) == 2 else [getattr(child.func, "value", None), *child.args]
    return [(text.text(given[0]), text.text(given[1]))] if len(given) == 2 else []


def of_reductions(text: Text, node: Any, axes: int = 2) -> Iterator[Edit]:
    """A sum, mean or maximum over another axis, or a sum for a mean."""
    name = getattr(node.func, "attr", "") if isinstance(node, ast.Call) else ""
    if name not in ("sum", "mean", "max"):
        return
    owner = text.text(node.func.value)
    form = (
        f"{owner}.{{}}({text.text(node.args[0])}, {{}})"
        if owner in ("np", "numpy")
        else f"{owner}.{{}}({{}})"
    )
    ways = [f"axis={axis}{keep}" for keep in (", keepdims=True", "") for axis in range(axes)]
    for other in (name,) if name == "max" else (name, "mean" if name == "sum" else "sum"):
        mistake = "averaged" if name == "mean" else "not_divided_by_batch"
        for way in [*ways, ""]:
            yield form.format(other, way).replace(", )", ")"), "wrong_axis" if other == name else mistake


def other_axes(text: Text, node: Any, step: Step) -> Iterator[Fix]:
    """A reduction of the forward pass over each other axis."""
    ndim = np.ndim(getattr(step.args[0], "value", step.args[0])) if step.args else 0
    for code, mistake in of_reductions(text, node, ndim):
        if mistake == "wrong_axis" and "keepdims" in code:
            yield Fix(node, code, "forward_reduction")
