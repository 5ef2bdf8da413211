"""A Program as Python source: a function of the inputs, one line of NumPy an instruction.

Names come from labels. `np` is NumPy, `xp` the namespace of arrays (what NumPy lacks), `fl` that of Python's floats. What makes it
quick: constants are arrays already; a temporary that is needed no more is written over; the update of many small parameters, and
what all of them have in common, runs once over one flat vector; a large weight gets its gradient added by BLAS in one pass.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import accumulate, pairwise
from math import isfinite, prod
from typing import Any, NamedTuple

import numpy as np

from ..core.readings import arrays, scalar
from ..support.numerics import find_spec
from ..symbols import PARTS, VIEWS, Expr
from .kernels import add_product
from .passes import closer, is_range
from .program import NOT_ELEMENTWISE, Change, Program
from .text import PYTHON, text

HEADER = """\
import numpy as np
from autograd_mini.core.readings import arrays as xp, scalar as fl
from autograd_mini.compile.kernels import add_product
"""
FLOATS_STYLE = replace(PYTHON, function=lambda x, texts: f"fl.{x.name}({', '.join(texts)})")
DEEPEST = 40  # calls inside one another that all parameters of a vector have in common
SMALL, LARGE = 8192, 16384  # numbers of a parameter that goes into the flat vector; of one that BLAS adds to
UFUNCS = {
    name for name, function in vars(np).items()
    if isinstance(function, np.ufunc) and getattr(arrays, name, function) is function
} & {*vars(arrays), "add", "subtract", "multiply", "divide", "negative"}  # fmt: skip


ITSELF = object()  # the parameters, in a template


class Flat(NamedTuple):
    """Parameters that lie side by side in one vector while a program updates them."""

    name: str
    targets: tuple[Expr, ...]


def is_shared(x: Expr) -> bool:
    """Whether the value may be an input's, a constant's or another value's memory."""
    return x.is_leaf or x.name in VIEWS or x.name in ("asarray", "einsum")


def owner(x: Expr) -> Expr:
    """What a view is a view of."""
    while not x.is_leaf and is_shared(x) and x.name != "einsum":
        x = x.args[0]
    return x


class Writer:
    """Writes a program as a function; `source` is its text, `flats` are the vectors that it wants beside the inputs."""

    def __init__(self, program: Program, name: str, is_quick: bool = True) -> None:
        program = closer(program) if is_quick else program
        self.program, self.floats, self.is_quick = program, program.kinds(), is_quick
        self.names: dict[Expr, str] = {x: x.value for x in program.inputs}
        self.taken = set(self.names.values())
        self.constants: dict[Any, str] = {}
        self.before: list[str] = []  # lines that make constants
        self.lines: list[str] = []
        self.given: set[Expr] = set()  # what has been returned: nothing is twice
        self.flats: list[Flat] = []
        self.scratch: list[tuple[str, str]] = []  # names in a set of buffers, and what makes them
        self.places: dict[Expr, str] = {}  # where an instruction's result is to be written
        self.plan()
        self.write(name)

    # ---- What goes where

    def plan(self) -> None:
        """Count uses, and decide which changes are made in a vector, which by BLAS, and which sums are dot products."""
        program = self.program
        self.by_blas: dict[Expr, tuple[Expr | None, Expr]] = {}  # target → (factor, product)
        self.skipped: set[Any] = set()
        self.late: list[Expr] = []  # what the lines at the end read, beside the roots
        self.dots: dict[Expr, Any] = {}  # a sum → the two factors of what it adds up
        self.norms: dict[
            Expr, tuple[str, list[Expr]]
        ] = {}  # an addition → the vector whose squares it adds, and the rest
        self.count()
        data = [change for change in program.changes if change.what == "data"]
        small: list[Change] = []
        for change in data if self.is_quick else ():
            size = prod(change.target.shape or ())
            if size >= LARGE and self.adds_product(change):
                continue
            if size <= SMALL and change.value.shape == change.target.shape:
                small.append(change)
        for dtype in {change.target.dtype for change in small}:
            group = [change for change in small if change.target.dtype == dtype]
            if len(group) > 1:
                self.flats.append(Flat(self.fresh("flat"), tuple(change.target for change in group)))
        if self.is_quick:
            self.plan_sums()
        self.templates = {flat.name: self.template(flat, small) for flat in self.flats}
        elsewhere = {*self.by_blas, *(target for flat in self.flats for target in flat.targets)}
        self.direct = [change for change in data if change.target not in elsewhere]
        self.count()

    def plan_sums(self) -> None:
        """Sums of products as dot products; and the squares of all parameters of a vector, where they are added up, as one."""
        for x in self.order:
            inner = x.args[0] if x.args else x
            if (
                x.name != "sum"
                or x.shape != ()
                or self.uses[inner] != 1
                or inner.dtype.kind != "f"
                or inner in self.floats
            ):
                continue
            pair = (
                (inner.args[0],) * 2
                if inner.name == "square"
                else inner.args
                if inner.name == "multiply"
                else ()
            )
            if pair and all(part.shape == inner.shape and part.dtype == inner.dtype for part in pair):
                self.dots[x] = pair
                self.skipped.add(inner)
        for flat in self.flats:
            squares = {
                pair[0]: x for x, pair in self.dots.items() if pair[0] is pair[1] and self.uses[x] == 1
            }
            wanted = {squares.get(target) for target in flat.targets}
            for x in reversed(self.order) if None not in wanted else ():
                inside: list[Expr] = []
                rest = self.terms(x, inside) if x.name == "add" and x not in self.skipped else []
                if wanted and wanted <= set(rest):
                    self.norms[x] = flat.name, [term for term in rest if term not in wanted]
                    self.skipped.update(inside, wanted)
                    break

    def terms(self, x: Expr, inside: list[Expr]) -> list[Expr]:
        """What an addition adds up, by way of the additions `inside` it that nothing else needs."""
        found, stack = list[Expr](), [*reversed(x.args)]
        while stack:
            part = stack.pop()
            if part.name == "add" and self.uses[part] == 1 and part.shape == ():
                inside.append(part)
                stack += reversed(part.args)
            else:
                found.append(part)
        return found

    def count(self) -> None:
        """How often, and where last, each value is used."""
        self.uses: Counter[Expr] = Counter()
        self.last: dict[Expr, Expr] = {}
        self.order = [
            x
            for x in self.program.instructions()
            if not x.is_leaf and x.name not in PARTS and x not in self.skipped
        ]
        for x in self.order:
            for part in self.reads(x):
                self.uses[part] += 1
                self.last[part] = x
        self.uses.update(self.program.roots)
        self.kept = {owner(x) for x in (*self.program.roots, *self.late)}
        self.viewed = {owner(x) for x in self.order if is_shared(x)}

    def reads(self, x: Expr) -> Sequence[Expr]:
        """The values that the line of an instruction reads."""
        return self.dots[x] if x in self.dots else self.norms[x][1] if x in self.norms else operands(x)

    def adds_product(self, change: Change) -> bool:
        """Plan `w -= factor · x @ y` as one call of BLAS, where the value is that and nothing else needs the product."""
        value, found = change.value, change.target
        if value.name != "subtract" or value.args[0] is not found or not find_spec("scipy"):
            return False
        factor, product = None, value.args[1]
        if product.name == "multiply" and product.args[0].shape == ():
            factor, product = product.args
        chain = [value, value.args[1], product]
        if (
            product.name != "matmul"
            or any(len(x.shape or ()) != 2 for x in product.args)
            or product.dtype != found.dtype
        ):
            return False
        targets = {one.target for one in self.program.changes}
        if any(self.uses[x] > 1 for x in chain) or any(owner(x) in targets for x in product.args):
            return False
        self.by_blas[found] = factor, product
        self.late += product.args if factor is None else (*product.args, factor)
        self.skipped.update(chain)
        return True

    def template(self, flat: Flat, changes: Sequence[Change]) -> Any:
        """What is done to every parameter alike, as a tree: ITSELF, one value for all, a call, or pieces that differ."""
        values = {change.target: change.value for change in changes}
        return self.placed(self.alike([values[target] for target in flat.targets], flat), flat)

    def alike(self, values: Sequence[Expr], flat: Flat, depth: int = 0) -> Any:
        first, pairs = values[0], [*zip(values, flat.targets, strict=True)]
        if all(value is target for value, target in pairs):
            return ITSELF
        if all(value is first for value in values) and first.shape == ():
            return first
        if any(value.shape != target.shape or value.dtype != target.dtype for value, target in pairs):
            return None
        is_one_call = first.name in UFUNCS and first.name not in NOT_ELEMENTWISE and depth < DEEPEST
        if is_one_call and all(value.name == first.name and self.uses[value] == 1 for value in values):
            parts = [
                self.alike([value.args[i] for value in values], flat, depth + 1)
                for i in range(len(first.args))
            ]
            if not any(part is None for part in parts):
                return first.name, parts, values
        return "pieces", values

    def placed(self, tree: Any, flat: Flat) -> Any:
        """The tree with its pieces in buffers; what is computed over the whole vector is not computed alone."""
        if not isinstance(tree, tuple):
            self.late += [tree] if isinstance(tree, Expr) else []
            return tree
        if tree[0] == "pieces":
            self.late += tree[1]
            return self.pieces(tree[1], flat)
        self.skipped.update(tree[2])
        return tree[0], [self.placed(part, flat) for part in tree[1]]

    def pieces(self, values: Sequence[Expr], flat: Flat) -> Any:
        """A buffer with a place for each value."""
        name = self.fresh("g")
        shapes = [target.shape or () for target in flat.targets]
        ends = [*accumulate(map(prod, shapes), initial=0)]
        self.scratch.append((name, f"np.empty({ends[-1]}, np.{flat.targets[0].dtype.name})"))
        copies = []
        for value, shape, (start, end) in zip(values, shapes, pairwise(ends), strict=True):
            place = self.fresh("g")
            self.scratch.append((place, f"{name}[{start}:{end}].reshape({shape})"))
            if (
                self.uses[value] == 1
                and value not in self.places
                and (value.name in UFUNCS or value.name in ("matmul", "sum"))
            ):
                self.places[value] = place
            else:
                copies.append((place, value))
        return name, copies

    # ---- Lines

    def write(self, name: str) -> None:
        program = self.program
        inputs = [*(str(x.value) for x in program.inputs), *(flat.name for flat in self.flats)]
        guards = iter(program.guards)
        guard = next(guards, None)
        wanted = iter(self.order)
        x = next(wanted, None)
        while x is not None or guard is not None:
            while guard is not None and (guard.test in self.names or guard.test.is_leaf):
                self.lines.append(
                    f"if {'not ' if guard.outcome else ''}{self.text(guard.test)}:  #{guard.line}"
                )
                self.lines.append("    return None")
                guard = next(guards, None)
            if x is not None:
                self.assign(x)
                x = next(wanted, None)
        results = [self.result(one) for one in program.outputs]
        grads = [self.result(change.value) for change in program.changes if change.what != "data"]
        self.lines.append(f"found = [{', '.join(results)}], [{', '.join(grads)}]")
        values = {change.target: self.unshared(change.value) for change in self.direct}
        for flat in self.flats:
            self.in_vector(flat)
        for target, (factor, product) in self.by_blas.items():
            left, right = map(self.text, product.args)
            scale = "1.0" if factor is None else self.text(factor)
            self.lines.append(f"add_product({self.text(target)}, -({scale}), {left}, {right})")
        for target, value in values.items():
            self.lines.append(f"np.copyto({self.text(target)}, {value})")
        if self.scratch:
            taken = ", ".join(place for place, _ in self.scratch)
            self.before += [
                "",
                "",
                "def scratch():",
                *[f"    {place} = {made}" for place, made in self.scratch],
            ]
            self.before += [
                f"    return {taken},",
                "",
                "",
                "sets = []  # one for each thread that is running",
            ]
            self.lines.insert(0, "buffers = sets.pop() if sets else scratch()")
            self.lines.insert(1, f"{taken}, = buffers")
            self.lines.append("sets.append(buffers)")
        body = [
            f"def {name}({', '.join(inputs)}):",
            *[f"    {line}" for line in self.lines],
            "    return found",
        ]
        self.body = "\n".join([*self.before, "", "", *body]).strip() + "\n"

    def assign(self, x: Expr) -> None:
        """The line of one instruction, which has a name from then on."""
        if x.name == "where" and x.args[1].name == "constant" and x.args[1].shape == ():
            dead = self.dying(x)
            if dead is not None and dead == self.names.get(x.args[2]):
                self.names[x] = dead
                self.lines.append(f"np.copyto({dead}, {self.text(x.args[1])}, where={self.text(x.args[0])})")
                return
        line, name = self.instruction(x), self.fresh("t")
        self.names[x] = name
        self.lines.append(f"{name} = {line}")

    def fresh(self, stem: str) -> str:
        count = len(self.taken)
        while (name := f"{stem}{count}") in self.taken:
            count += 1
        self.taken.add(name)
        return name

    def text(self, x: Expr) -> str:
        for part in operands(x) if not x.is_leaf else [x]:
            if (
                part.name == "constant"
                and isinstance(part.value, np.ndarray)
                and part.shape == ()
                and part.dtype.kind == "f"
            ):
                self.names[part] = self.number(float(part.value), part.dtype)
            if part.name == "constant" and np.ndim(part.value) and part not in self.names:
                self.names[part] = self.fresh("k")
                self.before.append(f"{self.names[part]} = {_written(part.value)}")
        return str(text(x, self.names, PYTHON))

    def instruction(self, x: Expr) -> str:
        """One instruction as Python."""
        if x in self.floats:
            line = str(text(x, self.names, PYTHON if x.name == "getitem" else FLOATS_STYLE))
            return f"float({line})" if x.name == "getitem" else line
        if x in self.norms:
            vector, rest = self.norms[x]
            return " + ".join([*map(self.text, rest), f"np.vdot({vector}, {vector})"])
        if x.name == "power" and x.args[1].weak and x.args[1].name == "constant":
            base = self.text(x.args[0]) if x.args[0].shape else f"np.asarray({self.text(x.args[0])})"
            return f"{base} ** {self.text(x.args[1])}"
        if x.name == "swapaxes" and len(x.shape or ()) == 2:
            return f"{self.text(x.args[0])}.T"
        if x.name == "reshape":
            return (
                f"{self.text(x.args[0])}.reshape({self.text(x.args[1])})" if x.args[0].shape else self.text(x)
            )
        place = self.places.get(x)
        if x.name in ("sum", "max"):
            return self.reduction(x, place)
        if x.name == "matmul" and all(len(part.shape or ()) == 2 for part in x.args):
            return f"np.dot({', '.join(map(self.text, x.args))}{f', out={place}' if place else ''})"
        if x.name in UFUNCS and x.shape:
            return self.ufunc(x, place or self.dying(x))
        return self.text(x)

    def reduction(self, x: Expr, place: str | None) -> str:
        """A sum or a largest: by the ufunc's own method."""
        if x in self.dots:
            return f"np.vdot({', '.join(map(self.text, self.dots[x]))})"
        given, inner, axis = self.text(x.args[0]), x.args[0], x.args[1]
        kept = x.keywords != ("axis", "keepdims") or x.args[2].value
        is_plain = (
            self.is_quick
            and x.name == "sum"
            and not kept
            and inner.dtype.kind == "f"
            and not is_shared(inner)
        )
        if (
            is_plain
            and 1 < prod(inner.shape or ()) <= SMALL
            and (x.shape == () or (axis.value == 0 and len(inner.shape or ()) == 2))
        ):
            ones = self.ones((inner.shape or ()) if x.shape == () else (inner.shape or ())[:1], inner.dtype)
            return (
                f"np.vdot({ones}, {given})"
                if x.shape == ()
                else f"np.dot({ones}, {given}{f', out={place}' if place else ''})"
            )
        named = [f"{key}={self.text(part)}" for key, part in zip(x.keywords, x.args[1:], strict=True)]
        named = [one for one in named if one != "keepdims=False"] + ([f"out={place}"] if place else [])
        return f"np.{'add' if x.name == 'sum' else 'maximum'}.reduce({', '.join([given, *named])})"

    def ufunc(self, x: Expr, place: str | None) -> str:
        """An operation element by element, its numbers as arrays, written into a place where there is one."""
        kinds = {part.dtype for part in x.args if not part.weak}
        texts = []
        for part in x.args:
            is_plain = part.name == "constant" and part.shape == () and part.dtype.kind in "if"
            if is_plain and len(kinds) == 1 and (dtype := next(iter(kinds))).kind == "f":
                texts.append(self.number(float(part.value), part.dtype if not part.weak else dtype))
            else:
                texts.append(self.text(part))
        if place:
            return f"np.{x.name}({', '.join(texts)}, out={place})"
        signs = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/"}
        if x.name in signs and all(map(str.isidentifier, texts)):
            return f" {signs[x.name]} ".join(texts)
        return f"np.{x.name}({', '.join(texts)})"

    def number(self, value: float, dtype: Any) -> str:
        """The name of a number as an array, which is made once."""
        key = (np.float64(value).tobytes(), dtype)
        if key not in self.constants:
            self.constants[key] = self.fresh("k")
            self.before.append(f"{self.constants[key]} = np.array({_number(value)}, np.{dtype.name})")
        return self.constants[key]

    def ones(self, shape: tuple[int, ...], dtype: Any) -> str:
        """The name of an array of ones: a sum is a product with it, which BLAS does in half the time of a small reduction."""
        if (shape, dtype) not in self.constants:
            self.constants[shape, dtype] = self.fresh("k")
            self.before.append(f"{self.constants[shape, dtype]} = np.ones({shape}, np.{dtype.name})")
        return self.constants[shape, dtype]

    def dying(self, x: Expr) -> str | None:
        """An operand that nothing needs any more, of the same shape and dtype: its memory takes the result."""
        for part in x.args if self.is_quick and x.shape else ():
            if (
                self.last.get(part) is x and part.shape == x.shape and part.dtype == x.dtype
                and not is_shared(part) and part not in self.kept and part not in self.viewed
                and part not in self.places and part not in self.floats
            ):  # fmt: skip
                return self.names[part]
        return None

    def result(self, x: Expr) -> str:
        """An output, as an array that is nobody else's memory."""
        found = self.text(x)
        if x in self.floats:
            return found
        is_taken = x in self.given or any(
            x is change.value and change.what == "data" for change in self.program.changes
        )
        self.given.add(x)
        return f"np.array({found})" if is_taken or is_shared(x) else found

    def unshared(self, x: Expr) -> str:
        """The name of a value that the lines at the end do not change: of a view of an input, that of a copy."""
        if not is_shared(x):
            return self.text(x)
        name = self.fresh("v")
        self.lines.append(f"{name} = np.array({self.text(x)})")
        return name

    def in_vector(self, flat: Flat) -> None:
        """The lines that update all parameters of a vector at once."""
        template = self.templates[flat.name]
        if isinstance(template, tuple) and template[0] == "subtract" and template[1][0] is ITSELF:
            self.lines.append(
                f"np.subtract({flat.name}, {self.in_one(template[1][1], flat)[0]}, out={flat.name})"
            )
        else:
            self.lines.append(f"np.copyto({flat.name}, {self.in_one(template, flat)[0]})")

    def in_one(self, template: Any, flat: Flat) -> tuple[str, bool]:
        """The name of a value over the whole vector, and whether it may be written over."""
        if template is ITSELF:
            return flat.name, False
        if isinstance(template, Expr):
            is_number = template.name == "constant" and template.dtype.kind in "if"
            return self.number(float(template.value), flat.targets[0].dtype) if is_number else self.text(
                template
            ), False
        name, parts = template
        if name not in UFUNCS:
            self.lines += [f"np.copyto({place}, {self.text(value)})" for place, value in parts]
            return name, True
        given = [self.in_one(part, flat) for part in parts]
        place = next((one for one, is_free in given if is_free), None)
        found = place or self.fresh("f")
        out = f", out={place}" if place else ""
        self.lines.append(f"{found} = np.{name}({', '.join(one for one, _ in given)}{out})")
        return found, True


def _written(array: Any) -> str:
    if is_range(array):
        return f"np.arange({array.size})"
    shaped = f".reshape({array.shape})" if array.ndim > 1 else ""
    numbers = ", ".join(map(_number, array.ravel().tolist()))
    return f"np.array([{numbers}], np.{array.dtype.name}){shaped}"


def _number(x: Any) -> str:
    """A number as Python; repr(float) gives the shortest text of the same bits."""
    return repr(x) if not isinstance(x, float) or isfinite(x) else f"float({str(x)!r})"


def operands(x: Expr) -> list[Expr]:
    """The values that an instruction reads, those inside its tuples and lists too."""
    found: list[Expr] = []
    for part in x.args:
        found += operands(part) if part.name in PARTS else [part]
    return found


def function_of(text: str, name: str) -> Callable[..., Any]:
    """Return the function that a source text defines; what it calls of NumPy is looked up once."""
    space: dict[str, Any] = {"np": np, "xp": arrays, "fl": scalar, "add_product": add_product}

    def bound(match: re.Match[str]) -> str:
        path = match.group(0)
        found: Any = space[path.partition(".")[0]]
        for part in path.split(".")[1:]:
            found = getattr(found, part)
        if not callable(found) or isinstance(found, type):
            return path
        space[path.replace(".", "_")] = found
        return path.replace(".", "_")

    text = re.sub(r"\b(?:np|xp|fl)(?:\.[a-z_]\w*)+", bound, text)
    exec(compile(text, f"<compiled {name}>", "exec"), space)
    return space[name]  # type: ignore[no-any-return]
