"""What can be said of a script that trains nothing: its functions' derivatives, its loss's, its output's by the input."""

import ast
import contextlib
import re
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

import numpy as np

from ..mistakes import MISTAKES
from .case import Case
from .edits import Fix, edited, edits, inside, joined, scope_of
from .fixes import SLOPES, sides, turned
from .losses import is_square
from .record import Step, plain
from .replay import run_again
from .rules import Remark
from .source import Text
from .steps import size_of

POINTS = (-1.7, -0.6, 0.35, 1.2)
BEFORE = ("d_", "bd_", "d", "deriv_", "grad_")
BEHIND = ("_d", "_deriv", "_derivative", "_prime", "_grad", "_slope", "2deriv")
PASSES_BACK = re.compile("back|grad|deriv|delta|bprop", re.IGNORECASE)
DERIVES = re.compile("deriv|jacob|grad", re.IGNORECASE)
NOT_MULTIPLIED = "jacobians_not_multiplied"
MOST_INPUTS, MOST_STEPS = 60, 3000  # of a program whose derivative is taken by differences


def untrained(
    case: Case, claim: "Claim", names: dict[str, Any], probe: Callable[[int, int, Any], None]
) -> list[Remark]:
    """What can be said of a script that trains nothing; `names` are its own at the end."""
    text = case.sources.texts[case.sources.main]
    wrong = [by_input(case, claim, probe)] if claim.is_right() is False else []
    return [*functions(names, text), *losses_passed_back(case), *chain.from_iterable(wrong)]


# ---- Functions that should be each other's derivatives ----------------------------------------------------------------


def functions(names: dict[str, Any], text: Text) -> Iterator[Remark]:
    """Functions that are named as another's derivative and are not, or that fail where their derivative does not."""
    defined = {n.name: n for n in ast.walk(text.tree) if isinstance(n, ast.FunctionDef)}
    for name, f in ((name, f) for name in defined for f in defined if name in derived_names(f)):
        wrong = disagreement(names.get(f), names.get(name))
        fails = wrong.startswith("it fails")
        node = defined[f if fails else name]
        returns = [n for n in ast.walk(node) if isinstance(n, ast.Return)]
        if wrong and returns:
            why = f"{name} takes a single number, and {f} does not: {wrong}"
            why = why if fails else f"{name} is not the derivative of {f}: {wrong}"
            mistake = "mixes_rows" if fails else "derivative_of_another_function"
            yield Remark(returns[-1].lineno, 0, mistake, why, mended(names, text, returns, f, name))


def derived_names(f: str) -> set[str]:
    """How a function's derivative may be called."""
    roots = (f, f.removeprefix("b_"))
    return {form for r in roots for form in (*(b + r for b in BEFORE), *(r + b for b in BEHIND))}


def disagreement(f: Any, df: Any) -> str:
    """Where df is not the derivative of f, neither of its argument nor of its value; that f takes no single number."""
    found = []
    with np.errstate(all="ignore"):
        for x in POINTS:
            try:
                of_argument = float(df(x))
            except Exception:
                return ""
            try:
                right = (float(f(x + 1e-5)) - float(f(x - 1e-5))) / 2e-5
                found.append((x, right, of_argument, float(df(float(f(x))))))
            except TypeError as error:
                return f"it fails on a single number ({error})"
            except Exception:
                return ""
    off = [[abs(row[n] - row[1]) > 1e-4 * max(1, abs(row[1])) for row in found] for n in (2, 3)]
    if not any(off[0]) or not any(off[1]):
        return ""
    x, right, given, _ = found[off[0].index(True)]
    return f"at {x} that is {right:.4g}, and {given:.4g} is returned"


def mended(names: dict[str, Any], text: Text, returns: list[Any], f: str, name: str) -> Iterator[str]:
    """The file with another value returned, where the two functions then agree."""
    for node in returns:
        argument = scope_of(text, node).args.args[0].arg
        forms = [form.format(x) for x in (f"{f}({argument})", argument) for form, _ in SLOPES]
        slopes = [Fix(node.value, form) for form in forms if f != scope_of(text, node).name]
        for fix in (*edits(text, node), *slopes):
            own = dict(names)
            try:
                new = edited(text, [fix])
                both = [n for n in ast.walk(ast.parse(new)) if getattr(n, "name", "") in (f, name)]
                exec(compile(ast.Module(both, []), "line", "exec"), own)  # type: ignore[arg-type]
                known = [float(own[function](x)) for function in (f, name) for x in POINTS]
                agree = all(map(np.isfinite, known)) and not disagreement(own[f], own[name])
            except Exception:
                continue
            if agree:
                yield new


# ---- A loss that is passed back ---------------------------------------------------------------------------------------


def losses_passed_back(case: Case) -> Iterator[Remark]:
    """Squares of differences that a function which passes back starts from: there the derivative belongs."""
    seen = set()
    for step in case.record.steps:
        node, place = case.sources.spot(step)[1], case.sources.place(step)
        if place is None or place in seen or not is_square(step) or size_of(step) < 2:
            continue
        seen.add(place)
        text = case.sources.texts[place.file]
        function = scope_of(text, node)
        inner = (
            node.left if isinstance(node, ast.BinOp) else node.args[0] if isinstance(node, ast.Call) else None
        )
        passes_back = PASSES_BACK.search(getattr(function, "name", ""))
        if passes_back and isinstance(inner, ast.BinOp) and isinstance(inner.op, ast.Sub):
            first, second = step.parents[0].args[:2]
            made = [isinstance(x, Step) and bool(x.parents) for x in (first, second)]
            sides = (inner.left, inner.right) if made[0] and not made[1] else (inner.right, inner.left)
            code = joined("2 * ({} - {})", *map(text.text, sides))
            texts = iter([edited(text, [Fix(node, inside(text, node, code))])])
            yield Remark(place.line, 0, "loss_for_derivative", MISTAKES["loss_for_derivative"], texts)


# ---- The output's derivative by the input ------------------------------------------------------------------------------


class Claim:
    """A value that a script computes as the derivative of its output by its input, and the three of them."""

    def __init__(self, case: Case) -> None:
        steps, self.case = case.record.steps, case
        known: dict[int, bool] = {}

        def derives(step: Step, depth: int) -> bool:
            place = case.sources.place(step, depth)
            if place is None:
                return False
            text, number = case.sources.texts[place.file], step.stack[depth]
            if number not in known:
                name = getattr(scope_of(text, text.find(place)), "name", "")
                known[number] = bool(DERIVES.search(name))
            return known[number]

        own = [s for s in steps if any(derives(s, d) for d in range(len(s.stack)))]
        self.found = False
        if not own or len(steps) > MOST_STEPS:
            return
        self.value, read = own[-1], {p.id for s in steps for p in s.parents}
        self.depth = next(d for d in range(len(self.value.stack)) if derives(self.value, d))
        made = [
            s for s in steps if s.parents and np.asarray(s.value).dtype.kind == "f" and s is not self.value
        ]
        outside = [s for s in made if s not in set(own)] or [s for s in made if s.id not in read]
        if not outside:
            return
        self.output = outside[-1]
        above: dict[int, int] = {self.output.id: 0}  # how far each value lies from the output
        for s in reversed(steps[: self.output.id + 1]):
            for p in s.parents if s.id in above else ():
                above[p.id] = max(above.get(p.id, 0), above[s.id] + 1)
        leaves = (s for s in steps if s.id in above and not s.parents and np.ndim(s.value))
        self.leaves = [s for s in leaves if np.asarray(s.value).dtype.kind in "fi"]
        fits = (s for s in self.leaves if size_of(s) * size_of(self.output) == size_of(self.value))
        inputs = [s for s in fits if size_of(s) <= MOST_INPUTS]
        self.input = max(inputs, key=lambda s: above[s.id], default=self.value)
        self.found = self.input is not self.value

    def values(self, changed: dict[int, Any]) -> tuple[Any, Any] | None:
        """The claimed derivative and the output, on other leaves."""
        values = run_again(self.case.record.steps, changed)
        both = [] if values is None else [values.get(s.id, s.value) for s in (self.value, self.output)]
        return tuple(np.asarray(x, float) for x in both) or None  # type: ignore[return-value]

    def right(self, changed: dict[int, Any]) -> Any:
        """The derivative in the shape of the one that is claimed, by differences; None where it cannot be computed."""
        start, columns = np.asarray(changed.get(self.input.id, self.input.value), float), []
        for i in np.ndindex(start.shape):
            ends = []
            for h in (1e-5, -1e-5):
                moved = start.copy()
                moved[i] += h
                ends.append(self.values({**changed, self.input.id: moved}))
            if None in ends:
                return None
            columns.append((ends[0][1] - ends[1][1]).reshape(-1) / 2e-5)  # type: ignore[index]
        jacobian, shape = np.array(columns).T, np.shape(self.value.value)
        turned_round = (
            len(shape) == 2 and shape[0] == size_of(self.input) and shape[1] == size_of(self.output)
        )
        return (jacobian.T if turned_round else jacobian).reshape(shape)

    def is_right(self) -> bool | None:
        """Whether the claim holds, at other numbers than the script's own too; None where that cannot be told."""
        if not self.found:
            return None
        rng = np.random.default_rng(0)
        moved = {
            s.id: np.asarray(s.value, float) + rng.normal(size=np.shape(s.value)) / 2 for s in self.leaves
        }
        for changed in ({}, moved):
            given, right = self.values(changed), self.right(changed)
            if given is None or right is None or not np.all(np.isfinite(right)):
                return None
            if not np.allclose(given[0], right, 1e-4, 1e-7):
                return False
        return True


def by_input(case: Case, claim: Claim, probe: Callable[[int, int, Any], None]) -> Iterator[Remark]:
    """The value that is claimed to be the output's derivative by the input, and is not."""
    sources, right = case.sources, claim.right({})
    place, node = sources.place(claim.value, claim.depth), sources.spot(claim.value, claim.depth)[1]
    if place is None or node is None:
        return
    text, given = sources.texts[place.file], np.asarray(claim.value.value)
    made = f"the output's derivative by the input is {shown(right)}, and this is {shown(given)}"
    if np.allclose(given, right, 1e-4, 1e-7):
        made = "this is the output's derivative by the input for these weights only, not for others"
    frames: list[dict[str, Any]] = []
    probe(
        claim.value.id,
        claim.depth,
        lambda frame: frames.append({**frame.f_locals, **frame.f_globals, **frame.f_locals}),
    )
    why = f"{made}. The chain rule multiplies the layers' Jacobians as matrices"

    def texts() -> Iterator[str]:
        statement = text.statement(node)
        codes = chain(*(jacobian_chains(names, right) for names in frames))
        for product in (n for n in ast.walk(node) if isinstance(n, ast.expr)):
            for x, y in sides(text, product):
                for a, b in ((a, b) for p, q in ((x, y), (y, x)) for a in turned(p) for b in turned(q)):
                    yield edited(text, [Fix(product, inside(text, product, f"np.dot({a}, {b})"))])
        for code in codes:
            yield edited(text, [Fix(node, code)])
        for fix in edits(text, statement):
            yield edited(text, [fix])

    yield Remark(place.line, 0, NOT_MULTIPLIED, why, texts())


def jacobian_chains(names: dict[str, Any], right: Any) -> Iterator[str]:
    """Matrix products of all the Jacobians that a list holds, or that its items hold, which give the right numbers."""
    owners = [("", names), *((f"{name}.", getattr(x, "__dict__", {})) for name, x in names.items())]
    lists = [
        (p + name, x) for p, own in owners for name, x in own.items() if isinstance(x, list) and len(x) > 1
    ]
    for name, items in lists:
        one = re.sub(r".*\.", "", name).removesuffix("s") + "_"
        parts = {name: items}
        for a in getattr(items[0], "__dict__", {}):
            parts[f"[{one}.{a} for {one} in {name}]"] = [getattr(item, a, None) for item in items]
        for code, values in parts.items():
            for order, step in (("", 1), ("[::-1]", -1)):
                product: Any = None
                with contextlib.suppress(Exception):
                    product = np.linalg.multi_dot([np.asarray(plain(v), float) for v in values[::step]])
                for end, value in (
                    ("", product),
                    (".T", np.transpose(product)),
                    (".ravel()", np.ravel(product)),
                ):
                    if np.shape(value) == right.shape and np.allclose(value, right, 1e-4, 1e-7):
                        yield f"np.linalg.multi_dot({code}{order}){end}"


def shown(x: Any) -> str:
    """A few numbers as they are read."""
    return re.sub(r"\s+", " ", np.array2string(np.asarray(x).reshape(-1)[:6], precision=4))
