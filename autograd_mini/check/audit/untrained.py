"""What can be said of a script that trains nothing: its functions' derivatives, its loss's, its output's by the input."""

import ast
import contextlib
import re
from collections.abc import Callable, Iterator
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
PASSES_BACK = re.compile("back|grad|deriv|delta|bprop", re.IGNORECASE)
DERIVES = re.compile("deriv|jacob|grad", re.IGNORECASE)
NOT_MULTIPLIED = "jacobians_not_multiplied"
MOST_INPUTS, MOST_STEPS = 60, 3000  # of a program whose derivative is taken by differences


def untrained(
    case: Case, claim: "Claim", names: dict[str, Any], probe: Callable[[int, int, Any], None]
) -> list[Remark]:
    """What can be said of a script that trains nothing; `names` are its own at the end."""
    text = case.sources.texts[case.sources.main]
    wrong = by_input(case, claim, probe) if claim.is_right() is False else ()
    return [*functions(names, text), *losses_passed_back(case), *wrong]


# ---- Functions that should be each other's derivatives ----------------------------------------------------------------


def functions(names: dict[str, Any], text: Text) -> Iterator[Remark]:
    """Functions that are named as another's derivative and are not, or that fail where their derivative does not."""
    defined = {n.name: n for n in ast.walk(text.tree) if isinstance(n, ast.FunctionDef)}
    for name, f in ((name, f) for name in defined for f in defined if is_derivative(name, f)):
        wrong = disagreement(names.get(f), names.get(name))
        fails = wrong.startswith("it fails")
        node = defined[f if fails else name]
        returns = [n for n in ast.walk(node) if isinstance(n, ast.Return)]
        if wrong and returns:
            why = f"{name} takes a single number, and {f} does not: {wrong}"
            why = why if fails else f"{name} is not the derivative of {f}: {wrong}"
            mistake = "mixes_rows" if fails else "derivative_of_another_function"
            yield Remark(returns[-1].lineno, 0, mistake, why, mended(names, text, returns, f, name))


def is_derivative(name: str, f: str) -> bool:
    """Whether a function is called as the derivative of another."""
    root = f"(b_)?{f.removeprefix('b_')}"
    behind = "(_d|_deriv|_derivative|_prime|_grad|_slope|2deriv)"
    return re.fullmatch(f"(b?d_?|deriv_|grad_){root}|{root}{behind}", name) is not None


def disagreement(f: Any, df: Any) -> str:
    """Where df is not the derivative of f, neither of its argument nor of its value; that f takes no single number."""
    found = []
    with np.errstate(all="ignore"), contextlib.suppress(Exception):
        for x in POINTS:
            given = float(df(x))
            try:
                right = (float(f(x + 1e-5)) - float(f(x - 1e-5))) / 2e-5
            except TypeError as error:
                return f"it fails on a single number ({error})"
            found.append((x, right, given, float(df(float(f(x))))))
    off = [[abs(row[n] - row[1]) > 1e-4 * max(1, abs(row[1])) for row in found] for n in (2, 3)]
    if len(found) < len(POINTS) or not any(off[0]) or not any(off[1]):
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
    squares = {case.sources.place(s): s for s in case.record.steps if size_of(s) > 1 and is_square(s)}
    for place, step in squares.items():
        text, node = case.sources.spot(step)
        inner = getattr(node, "left", None) or next(iter(getattr(node, "args", [])), None)
        passes_back = PASSES_BACK.search(getattr(scope_of(text, node), "name", ""))
        if passes_back and isinstance(inner, ast.BinOp) and isinstance(inner.op, ast.Sub):
            first, second = step.parents[0].args[:2]
            made = [isinstance(x, Step) and bool(x.parents) for x in (first, second)]
            ends = (inner.left, inner.right) if made[0] and not made[1] else (inner.right, inner.left)
            code = joined("2 * ({} - {})", *map(text.text, ends))
            texts = [edited(text, [Fix(node, inside(text, node, code))])]
            yield Remark(place.line, 0, "loss_for_derivative", MISTAKES["loss_for_derivative"], texts)


# ---- The output's derivative by the input ------------------------------------------------------------------------------


class Claim:
    """A value that a script computes as the derivative of its output by its input, and the three of them."""

    def __init__(self, case: Case) -> None:
        self.steps = case.record.steps
        self.input: Step | None = None
        texts = case.sources.texts
        scopes = (scope_of(texts[p.file], texts[p.file].find(p)) for p in case.record.places)
        inside = {n for n, f in enumerate(scopes) if DERIVES.search(getattr(f, "name", ""))}
        own = {s.id: s for s in self.steps if inside.intersection(s.stack)}
        floats = [s for s in self.steps if s.parents and np.asarray(s.value).dtype.kind == "f"]
        read = {p.id for s in self.steps for p in s.parents} | {max(own, default=0)}
        made = [s for s in floats if s.id not in own] or [s for s in floats if s.id not in read]
        if not own or not made or len(self.steps) > MOST_STEPS:
            return
        self.value, self.output = own[max(own)], made[-1]
        self.depth = next(d for d, n in enumerate(self.value.stack) if n in inside)
        leaves = [s for s in self.steps[: self.output.id] if not s.parents and np.ndim(s.value)]
        self.leaves = [s for s in leaves if np.asarray(s.value).dtype.kind in "fi"]
        for s in self.leaves:  # the last that fits, weights being made first
            if size_of(s) * size_of(self.output) == size_of(self.value) and size_of(s) <= MOST_INPUTS:
                self.input = s

    def values(self, changed: dict[int, Any]) -> list[Any]:
        """The claimed derivative and the output, on other leaves."""
        values = run_again(self.steps, changed)
        if values is None:
            values = {self.output.id: self.output.value * np.nan}
        return [np.asarray(values.get(s.id, s.value), float) for s in (self.value, self.output)]

    def right(self, changed: dict[int, Any]) -> Any:
        """The derivative in the shape of the one that is claimed, by differences."""
        assert self.input is not None
        start, columns = np.asarray(changed.get(self.input.id, self.input.value), float), []
        for i in np.ndindex(start.shape):
            move = np.zeros(start.shape)
            move[i] = 1e-5
            ends = [self.values({**changed, self.input.id: x})[1] for x in (start + move, start - move)]
            columns.append((ends[0] - ends[1]).reshape(-1) / 2e-5)
        shape = np.shape(self.value.value)
        columns_first = len(shape) == 2 and shape[0] == start.size and shape[1] == size_of(self.output)
        return (np.array(columns) if columns_first else np.array(columns).T).reshape(shape)

    def is_right(self) -> bool | None:
        """Whether the claim holds, at other numbers than the script's own too; None where that cannot be told."""
        if self.input is None:
            return None
        rng = np.random.default_rng(0)
        moved = {s.id: s.value + rng.normal(size=np.shape(s.value)) / 2 for s in self.leaves}
        pairs = [(self.values(x)[0], self.right(x)) for x in ({}, moved)]
        known = all(np.all(np.isfinite(right)) for _, right in pairs)
        return all(np.allclose(given, right, 1e-4, 1e-7) for given, right in pairs) if known else None


def by_input(case: Case, claim: Claim, probe: Callable[[int, int, Any], None]) -> Iterator[Remark]:
    """The value that is claimed to be the output's derivative by the input, and is not."""
    text, node = case.sources.spot(claim.value, claim.depth)
    right, given, frames = claim.right({}), claim.value.value, list[dict[str, Any]]()
    made = f"the output's derivative by the input is {shown(right)}, and this is {shown(given)}"
    if np.allclose(given, right, 1e-4, 1e-7):
        made = "this is the output's derivative by the input for these weights only, not for others"
    probe(claim.value.id, claim.depth, lambda f: frames.append(f.f_locals | f.f_globals | f.f_locals))
    why = f"{made}. The chain rule multiplies the layers' Jacobians as matrices"

    def texts() -> Iterator[str]:
        for product in (n for n in ast.walk(node) if isinstance(n, ast.expr)):
            for x, y in sides(text, product):
                for a, b in ((a, b) for p, q in ((x, y), (y, x)) for a in turned(p) for b in turned(q)):
                    yield edited(text, [Fix(product, inside(text, product, f"np.dot({a}, {b})"))])
        for names in frames:
            for code in jacobian_chains(names, right):
                yield edited(text, [Fix(node, code)])

    yield Remark(case.sources.place(claim.value, claim.depth).line, 0, NOT_MULTIPLIED, why, texts())


def jacobian_chains(names: dict[str, Any], right: Any) -> Iterator[str]:
    """Matrix products of all the Jacobians that a list holds, or that its items hold, which give the right numbers."""
    owners = [("", names), *((f"{name}.", getattr(x, "__dict__", {})) for name, x in names.items())]
    held = ((p + name, x) for p, own in owners for name, x in own.items())
    for name, items in ((name, x) for name, x in held if isinstance(x, list) and len(x) > 1):
        one = re.sub(r".*\.", "", name).removesuffix("s") + "_"
        parts = {name: items}
        for a in getattr(items[0], "__dict__", {}):
            parts[f"[{one}.{a} for {one} in {name}]"] = [getattr(item, a, None) for item in items]
        for code, values in parts.items():
            with contextlib.suppress(Exception):
                product = np.linalg.multi_dot([np.asarray(plain(v), float) for v in values])
                for end, value in (("", product), (".T", product.T), (".ravel()", product.ravel())):
                    if np.shape(value) == right.shape and np.allclose(value, right, 1e-4, 1e-7):
                        yield f"np.linalg.multi_dot({code}){end}"


def shown(x: Any) -> str:
    """A few numbers as they are read."""
    return re.sub(r"\s+", " ", np.array2string(np.asarray(x).reshape(-1)[:6], precision=4))
