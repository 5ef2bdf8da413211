"""Tape: a graph of many Values as an array of instructions, run by one loop that the rows of the table are compiled into.

An instruction is (what, place of the result, places of up to three operands): one for each node on the way forward, and one on each
way back, where the row's own rules give the operands their shares. `b + w₁x₁ + w₂x₂ + …` is one instruction, with a list of pairs.
The loop is made once for each set of rows, from the same kernels as native code.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import numpy as np

from ..core import rows
from ..core.value import Value
from ..symbols import EXPRESSIONS, Expr, Unreadable, constant, symbol
from .kernels import DATA, ITEMS, NUMBER, SIZES, Lines, Unsupported, built
from .program import Program
from .scalars import scalars
from .source import FLOATS_STYLE, number_text
from .text import text
from .trace import SWEPT, Lowering, Trace

# What an instruction is: the beginning of a way back; a sum of products, and (next) its way back; the first row, and so on
SWEEP, DOT, FIRST = 0, 1, 3
# The loop. An instruction has the place of its result, `out`, and three more numbers, x0 to x2; `back` is where gradients lie
LOOP = """\
define internal i64 @int(ptr %p, i64 %i) alwaysinline {{
  %a = getelementptr i32, ptr %p, i64 %i
  %b = load i32, ptr %a
  %c = sext i32 %b to i64
  ret i64 %c
}}
define internal double @get(ptr %p, i64 %i) alwaysinline {{
  %a = getelementptr double, ptr %p, i64 %i
  %b = load double, ptr %a
  ret double %b
}}
define internal void @set(ptr %p, i64 %i, double %x) alwaysinline {{
  %a = getelementptr double, ptr %p, i64 %i
  store double %x, ptr %a
  ret void
}}
define internal void @add(ptr %p, i64 %i, double %x) alwaysinline {{
  %a = call double @get(ptr %p, i64 %i)
  %b = fadd double %a, %x
  call void @set(ptr %p, i64 %i, double %b)
  ret void
}}
define internal double @products(ptr %x, ptr %y, i64 %n, double %start) alwaysinline {{
entry:
  br label %loop
loop:
  %k = phi i64 [ 0, %entry ], [ %next, %loop ]
  %sum = phi double [ %start, %entry ], [ %total, %loop ]
  %left = call double @get(ptr %x, i64 %k)
  %right = call double @get(ptr %y, i64 %k)
  %product = fmul double %left, %right
  %total = fadd double %sum, %product
  %next = add i64 %k, 1
  %ends = icmp eq i64 %next, %n
  br i1 %ends, label %done, label %loop
done:
  ret double %total
}}
define internal void @shares(ptr noalias %to, ptr noalias %x, i64 %n, double %g) alwaysinline {{
entry:
  br label %loop
loop:
  %k = phi i64 [ 0, %entry ], [ %next, %loop ]
  %other = call double @get(ptr %x, i64 %k)
  %share = fmul double %g, %other
  call void @add(ptr %to, i64 %k, double %share)
  %next = add i64 %k, 1
  %ends = icmp eq i64 %next, %n
  br i1 %ends, label %done, label %loop
done:
  ret void
}}
define i32 @run(ptr %args) {{
entry:
  %codes = call ptr @at(ptr %args, i64 {items[0]})
  %values = call ptr @at(ptr %args, i64 {items[1]})
  %runs = call ptr @at(ptr %args, i64 {items[2]})
  %inputs = call ptr @at(ptr %args, i64 {items[3]})
  %where = call ptr @at(ptr %args, i64 {items[4]})
  %code = call ptr @at(ptr %codes, i64 {data})
  %v = call ptr @at(ptr %values, i64 {data})
  %pairs = call ptr @at(ptr %runs, i64 {data})
  %places = call ptr @at(ptr %where, i64 {data})
  %sizes = call ptr @at(ptr %codes, i64 {sizes})
  %n = load i64, ptr %sizes
  %sizes2 = call ptr @at(ptr %where, i64 {sizes})
  %m = load i64, ptr %sizes2
  br label %enter
enter:
  %u = phi i64 [ 0, %entry ], [ %u1, %take ]
  %has = icmp slt i64 %u, %m
  br i1 %has, label %take, label %loop
take:
  %bytes = mul i64 %u, 8
  %item = add i64 %bytes, {items[0]}
  %float = call ptr @at(ptr %inputs, i64 %item)
  %content = getelementptr i8, ptr %float, i64 {number}
  %given = load double, ptr %content
  %place = call i64 @int(ptr %places, i64 %u)
  call void @set(ptr %v, i64 %place, double %given)
  %u1 = add i64 %u, 1
  br label %enter
loop:
  %i = phi i64 [ 0, %enter ], [ %next, %more ]
  %back = phi ptr [ %v, %enter ], [ %there, %more ]
  %from = mul i64 %i, 5
  %row = getelementptr i32, ptr %code, i64 %from
  %kind = load i32, ptr %row
  %out = call i64 @int(ptr %row, i64 1)
  %x0 = call i64 @int(ptr %row, i64 2)
  %x1 = call i64 @int(ptr %row, i64 3)
  %x2 = call i64 @int(ptr %row, i64 4)
  switch i32 %kind, label %more [ {switch} ]
case0:
  %begun = getelementptr double, ptr %v, i64 %x0
  %above = call double @get(ptr %v, i64 %x1)
  call void @set(ptr %begun, i64 %out, double %above)
  br label %more
case1:
  %start = call double @get(ptr %v, i64 %x2)
  br label %term
term:
  %j = phi i64 [ %x0, %case1 ], [ %j1, %term ]
  %sum = phi double [ %start, %case1 ], [ %total, %term ]
  %from1 = mul i64 %j, 3
  %run1 = getelementptr i32, ptr %pairs, i64 %from1
  %left = call i64 @int(ptr %run1, i64 0)
  %right = call i64 @int(ptr %run1, i64 1)
  %count = call i64 @int(ptr %run1, i64 2)
  %x = getelementptr double, ptr %v, i64 %left
  %y = getelementptr double, ptr %v, i64 %right
  %total = call double @products(ptr %x, ptr %y, i64 %count, double %sum)
  %j1 = add i64 %j, 1
  %ends = icmp eq i64 %j1, %x1
  br i1 %ends, label %after, label %term
after:
  call void @set(ptr %v, i64 %out, double %total)
  br label %more
case2:
  %g = call double @get(ptr %back, i64 %out)
  call void @add(ptr %back, i64 %x2, double %g)
  br label %share
share:
  %k = phi i64 [ %x0, %case2 ], [ %k1, %share ]
  %from2 = mul i64 %k, 3
  %run2 = getelementptr i32, ptr %pairs, i64 %from2
  %first = call i64 @int(ptr %run2, i64 0)
  %second = call i64 @int(ptr %run2, i64 1)
  %many = call i64 @int(ptr %run2, i64 2)
  %w = getelementptr double, ptr %v, i64 %first
  %z = getelementptr double, ptr %v, i64 %second
  %dw = getelementptr double, ptr %back, i64 %first
  %dz = getelementptr double, ptr %back, i64 %second
  call void @shares(ptr %dw, ptr %z, i64 %many, double %g)
  call void @shares(ptr %dz, ptr %w, i64 %many, double %g)
  %k1 = add i64 %k, 1
  %ended = icmp eq i64 %k1, %x1
  br i1 %ended, label %more, label %share
{cases}
more:
  %there = phi ptr [ %back, %loop ], [ %begun, %case0 ], [ %back, %after ], [ %back, %share ]{phis}
  %next = add i64 %i, 1
  %again = icmp slt i64 %next, %n
  br i1 %again, label %loop, label %done
done:
  ret i32 0
}}"""


def _formulas(op: Any, count: int) -> tuple[list[Expr], list[Expr]]:
    """The symbols of a row (the gradient from above, the result, the operands), and by its own rules its value and its shares."""
    symbols = [symbol(f"${name}") for name in ("g", "out", *(f"x{i}" for i in range(count)))]
    g, out, *xs = symbols
    try:
        shares = op.shares(EXPRESSIONS, g, out, xs, [True] * count) if op.has_derivative else ()
        return symbols, [constant(x) for x in (op.value(EXPRESSIONS, xs), *shares)]
    except Unreadable as error:
        raise Unsupported(f"the rule of {op.name!r} cannot be read: {error}") from None


def _cases(kind: int, op: Any, count: int) -> list[str]:
    """A row's way forward and its way back."""
    names, (symbols, results) = ["out", *(f"x{i}" for i in range(count))], _formulas(op, count)
    formulas = scalars(Program((*symbols,), (), tuple(results), floats=frozenset(symbols)), 10_000)
    value, *parts = [array.item() for array in formulas.outputs]
    forward, back = Lines(stem=f"f{kind}_"), Lines(stem=f"b{kind}_")
    above, *operands = formulas.places
    back.names[above] = back.line("call double @get(ptr %back, i64 %out)")
    for name, x in zip(names, operands, strict=True):
        back.names[x] = back.line(f"call double @get(ptr %v, i64 %{name})")
        if name != "out":
            forward.names[x] = forward.line(f"call double @get(ptr %v, i64 %{name})")
    forward.lines.append(f"  call void @set(ptr %v, i64 %out, double {forward.number(value)})")
    for name, number in zip(names[1:], [back.number(part) for part in parts], strict=False):
        back.lines.append(f"  call void @add(ptr %back, i64 %{name}, double {number})")
    return ["\n".join([*lines.lines, "  br label %more"]) for lines in (forward, back)]


SOURCE = """\
code = {code}  # (what, place of the result, places of the operands), in this order
runs = {runs}  # of sums of products: (first on the left, first on the right, how many)
constants = {constants}


def {name}(*inputs):
    v = [-0.0] * {size}  # all numbers; behind them for each way back the gradients, which begin at `back`
    for place, number in [*constants.items(), *zip({inputs}, inputs)]:
        v[place] = number
    for what, out, x0, x1, x2 in code:
        if what == 0:  # a way back begins
            back = x0
            v[back + out] = v[x1]
        elif what == 1:  # a sum of products
            v[out] = v[x2]
            for left, right, count in runs[x0:x1]:
                for i in range(count):
                    v[out] += v[left + i] * v[right + i]
        elif what == 2:  # its way back
            g = v[back + out]
            v[back + x2] += g
            for left, right, count in runs[x0:x1]:
                for i in range(count):
                    v[back + left + i] += g * v[right + i]
                    v[back + right + i] += g * v[left + i]
{cases}
    if [bool(v[i]) for i in {tests}] != {outcomes}:
        return None  # it would branch otherwise
    return [v[i] for i in {results}]
"""


def _python(kind: int, op: Any, count: int) -> list[str]:
    """A row's way forward and its way back as lines of the source."""
    names, (symbols, results) = ["g", "out", *(f"x{i}" for i in range(count))], _formulas(op, count)
    written = {x: f"v[{name}]" for x, name in zip(symbols, names, strict=True)} | {symbols[0]: "g"}
    value, *shares = [str(text(x, written, FLOATS_STYLE)) for x in results]
    adds = [
        f"            v[back + {name}] += {share}" for name, share in zip(names[2:], shares, strict=False)
    ]
    lines = [f"        elif what == {kind}:  # {op.name}", f"            v[out] = {value}"]
    back = [f"        elif what == {kind + 1}:  # its way back", "            g = v[back + out]", *adds]
    return lines + back if adds else lines


@cache
def _loop(table: tuple[tuple[Any, int], ...]) -> tuple[Any, Any]:
    """The interpreter for some rows, each with its number of operands."""
    lines = [case for i, (op, count) in enumerate(table) for case in _cases(FIRST + 2 * i, op, count)]
    cases = {f"case{i}": case for i, case in enumerate(lines, FIRST)}
    switch = " ".join(f"i32 {i}, label %case{i}" for i in range(FIRST + len(cases)))
    phis = "".join(f", [ %back, %{label} ]" for label in cases)
    joined = "\n".join(f"{label}:\n{case}" for label, case in cases.items())
    lie = {"items": range(ITEMS, ITEMS + 40, 8), "data": DATA, "sizes": SIZES, "number": NUMBER}
    return built(LOOP.format(switch=switch, cases=joined, phis=phis, **lie))


MANY = 2000  # nodes from which on "auto" takes a tape


def is_tape(trace: Trace, order: Sequence[Any], arguments: Sequence[Any]) -> bool:
    """Whether a trace is of so many Values, and of nothing else, that a tape is to run them."""
    is_plain = {*map(type, order), *map(type, arguments)} == {Value} and not (trace.changes or trace.ranges)
    return is_plain and len(order) > (trace.fewest or 0)


class Tape:
    """A trace of Values as one tape. Called with its inputs, it gives (outputs, gradients), or None by another branch.

    The leaves that it reads at each call are added to those of the lowering. Unsupported where a rule cannot be read.
    """

    def __init__(self, lowering: Lowering, outputs: Sequence[Any], grads: Sequence[Any]) -> None:
        trace, order, pulled = lowering.trace, lowering.order, lowering.trace.pulled
        leaves = [node for node in order if node._left is None and node not in lowering.exprs]
        numbers = {node: float(node._content) for node in leaves if lowering.is_constant(node)}
        lowering.live = {node: node for node in leaves if node not in numbers}
        given = [*lowering.exprs, *lowering.live]
        order = [*order, *set(given).difference(order)]  # those that nothing reads, too
        # The gradients come behind the nodes: their places are those of the way back
        back = [node for node in order if node in pulled]
        index = {node: i for i, node in enumerate(order)}
        first = {pulled[node][0]: index[node] for node in reversed(back)}
        index |= {node: len(order) + i for i, node in enumerate(back)}

        def places(nodes: Iterable[Any]) -> list[int]:
            return [index[node] for node in nodes]

        owners = places(pulled[node][1] for node in back)
        tests, results = [test for test, _, _ in trace.guards], [*outputs, *grads]
        zeros = {index[node] for node, number in numbers.items() if number == 0.0}
        code, pairs, kept, table = _code(
            order, index, back, [*places(results), *places(tests), *owners], zeros
        )
        is_sum, pairs = code[:, 0] == DOT, np.array(pairs, int).reshape(-1, 2)
        sums = code[is_sum][np.argsort(code[is_sum, 2])]
        slots, self.size = _slots(sums, pairs, kept), int(kept.sum())
        size = self.size
        slots = np.append(slots, slots[owners] + [size * (1 + pulled[node][0]) for node in back]).astype(int)
        code[:, 1] = slots[code[:, 1]]
        self.pairs, begins = _runs(sums, slots[pairs])
        code[is_sum, 2:4] = np.searchsorted(begins, code[is_sum, 2:4] // 2)
        code[~is_sum, 2:], code[is_sum, 4] = slots[code[~is_sum, 2:]], slots[code[is_sum, 4]]
        kept &= code[:, 0] >= 0
        pieces, begun = [], 0
        for i, (nodes, root, above) in enumerate(trace.sweeps):
            if i in first:
                way = np.array(places(reversed(nodes)))
                home = code[way[kept[way]]] + [1, 0, 0, 0, 0]
                start = [[SWEEP, slots[index[root]], size * (1 + i), slots[index[above]], 0]]
                pieces += [code[begun : first[i]][kept[begun : first[i]]], start, home]
                begun = first[i]
        self.code = np.concatenate([*pieces, code[begun:][kept[begun:]]]).astype(np.int32)
        self.start = np.full(size * (1 + len(trace.sweeps)), -0.0)  # -0.0 + x is x
        self.start[slots[places(numbers)]] = [*numbers.values()]
        self.inputs = slots[places(given)].astype(np.int32)
        # Results that are constants are made once: most of a sparse Hessian
        self.found = [numbers.get(node, 0.0) for node in results]
        self.varying = [i for i, node in enumerate(results) if node not in numbers]
        self.places = slots[places(results)]
        self.results = self.places[self.varying]
        self.guards = [*zip(slots[places(tests)], [outcome for _, outcome, _ in trace.guards], strict=True)]
        self.count = len(outputs)
        self.run, self.engine, self.table = *_loop(table), table
        self.sets: list[Any] = []  # of numbers, one for each thread that is running

    def __call__(self, *inputs: Any) -> Any:
        numbers = self.sets.pop() if self.sets else self.start.copy()
        numbers[self.size :] = -0.0
        self.run((self.code, numbers, self.pairs, inputs, self.inputs))
        is_right = all(bool(numbers[i]) == outcome for i, outcome in self.guards)
        found = numbers[self.results].tolist()
        self.sets.append(numbers)
        if len(self.varying) < len(self.found):
            some, found = found, [*self.found]
            deque(map(found.__setitem__, self.varying, some), 0)
        if not is_right:
            return None
        return (found, []) if len(found) == self.count else (found[: self.count], found[self.count :])

    def source(self, name: str) -> str:
        """What it computes as Python: the instructions, and the loop that runs them by the rows' own rules."""
        kinds = enumerate(self.table)
        places = np.flatnonzero((self.start != 0) | ~np.signbit(self.start))  # all others are −0.0
        numbers = zip(places, map(number_text, self.start[places].tolist()), strict=True)
        given = {
            "code": [*map(tuple, self.code.tolist())], "runs": [*map(tuple, self.pairs.tolist())],
            "size": len(self.start), "inputs": self.inputs.tolist(),
            "constants": f"{{{', '.join(f'{i}: {x}' for i, x in numbers)}}}",
            "cases": "\n".join(line for i, row in kinds for line in _python(FIRST + 2 * i, *row)),
            "tests": [int(i) for i, _ in self.guards], "outcomes": [outcome for _, outcome in self.guards],
            "results": self.places.tolist(),
        }  # fmt: skip
        return SOURCE.format(name=name, **given)


def _slots(sums: Any, pairs: Any, kept: Any) -> Any:
    """A place for each node that is kept: what stands on one side of a sum lies side by side, if no earlier sum has other wishes."""
    counts = (sums[:, 3] - sums[:, 2]) // 2
    at = np.arange(len(pairs)) + np.repeat(sums[:, 2] // 2, counts)
    wish = np.full(max(len(kept), pairs.max(initial=0) + 1), 2 * len(pairs))
    np.minimum.at(wish, pairs[:, 0], at)
    np.minimum.at(wish, pairs[:, 1], at + np.repeat(counts, counts))
    places, slots = np.flatnonzero(kept), np.zeros(len(kept), int)
    slots[places[np.argsort(wish[places], kind="stable")]] = range(len(places))
    return slots


def _runs(sums: Any, lie: Any) -> tuple[Any, Any]:
    """The pairs of sums as runs of neighbours (left, right, count); and where each of them begins."""
    begins = np.append(True, (np.diff(lie, axis=0) != 1).any(axis=1))[: len(lie)]
    begins[sums[:, 2] // 2] = True
    begins = np.flatnonzero(begins)
    return np.column_stack([lie[begins], np.diff(begins, append=len(lie))]).astype(np.int32), begins


def _code(
    order: Sequence[Any], index: dict[Any, int], back: Sequence[Any], read: list[int], zeros: set[int]
) -> Any:
    """The instructions of all nodes but the gradients, the pairs of sums, which nodes are kept, and the rows that there are.

    `read`: the places of what is read from outside, and so is kept; `zeros`: those of constants that are 0.
    """
    ops = dict.fromkeys(node.op for node in order)
    ops.pop(SWEPT, None)
    calls = [op for op in ops if op is not None and op.name != "dot"]
    kinds = {op: DOT for op in ops if op is not None} | {op: FIRST + 2 * i for i, op in enumerate(calls)}
    place = index.get
    left = [place(node._left, -1) for node in order]
    right = [place(node._right, -1) for node in order]
    code, pairs, used = np.zeros((len(order), 5), int), list[int](), read * 2
    code[:, 0] = [kinds.get(node.op, -1) for node in order]
    code[:, 1], code[:, 2], code[:, 3] = range(len(order)), left, right
    for i, node in enumerate(order):
        if type(node._left) is tuple:
            places = [index[parent] for parent in node._left]
            used += places
            if kinds[node.op] == DOT:
                n = len(places) // 2
                code[i, 2:] = len(pairs), len(pairs) + 2 * n, places[-1]
                pairs += [one for pair in zip(places[:n], places[n:-1], strict=True) for one in pair]
            else:
                code[i, 2:] = (*places, 0)[:3]
    # Sums of products that nothing else reads: the last addition becomes the sum, the rest is not kept
    is_row = code[:, 0] >= FIRST
    operands = code[is_row, 2:4]
    is_single = np.bincount(np.append(operands[operands >= 0], used), minlength=len(order)) == 1

    def reads(mask: Any, column: int) -> Any:
        """Whether an operand is of those, and read by nothing else; a gradient, which comes behind the nodes, is not."""
        return np.append(mask & is_single[: len(order)], np.zeros(len(back), bool))[code[:, column] * is_row]

    is_add = code[:, 0] == kinds.get(rows.add, -2)
    is_sum = is_add & reads(code[:, 0] == kinds.get(rows.multiply, -2), 3)
    is_linked = is_sum & reads(is_sum, 2)
    sums: dict[int, tuple[int, list[int]]] = {}
    for i, goes_on in zip(np.flatnonzero(is_sum).tolist(), is_linked[is_sum].tolist(), strict=True):
        before = left[i]
        start, terms = sums.pop(before) if goes_on else (before, [])
        terms += left[right[i]], right[right[i]]
        sums[i] = start, terms
    kept = np.ones(len(order), bool)
    kept[code[is_sum, 3]] = kept[code[is_linked, 2]] = False
    for i in np.flatnonzero(is_add & ~is_sum & reads(is_sum, 2)).tolist():
        if sums[left[i]][0] in zeros:  # sum(…, 0.0) + b starts with b
            sums[i] = right[i], sums.pop(left[i])[1]
            kept[left[i]] = False
    for i, (start, terms) in sums.items():
        code[i] = DOT, i, len(pairs), len(pairs) + len(terms), start
        pairs += terms
    return code, pairs, kept, tuple((op, len(op.operands)) for op in calls)
