"""Tape: a graph of many Values as an array of instructions, run by one loop that the rows of the table are compiled into.

An instruction is (what, place of the result, places of up to three operands): one for each node on the way forward, and one on each
way back, where the row's own rules give the operands their shares. `b + w₁x₁ + w₂x₂ + …` is one instruction, with a list of pairs.
The loop is made once for each set of rows, from the same kernels as native code.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from itertools import repeat
from typing import Any

import numpy as np

from ..core import rows
from ..core.value import Value
from ..symbols import EXPRESSIONS, Expr, Unreadable, constant, symbol
from .kernels import AT, Lines, Unsupported, built
from .program import Program
from .scalars import scalars
from .trace import SWEPT, Lowering, Trace

# What an instruction is: the beginning of a way back; a sum of products, and (next) its way back; the first row, and so on
SWEEP, DOT, FIRST = 0, 1, 3
HELPERS = """\
define internal i64 @int(ptr %p, i64 %i) alwaysinline {
  %a = getelementptr i32, ptr %p, i64 %i
  %b = load i32, ptr %a
  %c = sext i32 %b to i64
  ret i64 %c
}
define internal double @get(ptr %p, i64 %i) alwaysinline {
  %a = getelementptr double, ptr %p, i64 %i
  %b = load double, ptr %a
  ret double %b
}
define internal void @set(ptr %p, i64 %i, double %x) alwaysinline {
  %a = getelementptr double, ptr %p, i64 %i
  store double %x, ptr %a
  ret void
}
define internal void @add(ptr %p, i64 %i, double %x) alwaysinline {
  %a = call double @get(ptr %p, i64 %i)
  %b = fadd double %a, %x
  call void @set(ptr %p, i64 %i, double %b)
  ret void
}"""


def _repeated(k: str, start: str, stop: str, body: str) -> str:
    """The lines of a loop: for k from start to stop."""
    return f"""\
  br label %{k}.from
{k}.from:
  br label %{k}.test
{k}.test:
  %{k} = phi i64 [ {start}, %{k}.from ], [ %{k}.next, %{k}.last ]
  %{k}.goes = icmp slt i64 %{k}, {stop}
  br i1 %{k}.goes, label %{k}.body, label %{k}.done
{k}.body:
{body}
  br label %{k}.last
{k}.last:
  %{k}.next = add i64 %{k}, 1
  br label %{k}.test
{k}.done:"""


def _runs_of(j: str, body: str) -> str:
    """A loop over the runs of a sum, which are read as places on the left and on the right, and a count."""
    names = {"left": 0, "right": 1, "count": 2}
    numbers = [f"  %{j}.{name} = call i64 @int(ptr %{j}.run, i64 {i})" for name, i in names.items()]
    starts = [f"  %{j}.start = mul i64 %{j}, 3", f"  %{j}.run = getelementptr i32, ptr %runs, i64 %{j}.start"]
    return _repeated(j, "%x0", "%x1", "\n".join([*starts, *numbers, body]))


def _shares(j: str, to: str, of: str) -> str:
    """What one side of a run receives of the gradient g: a call."""
    places = [f"  %{j}.{to}d = getelementptr double, ptr %back, i64 %{j}.{to}",
              f"  %{j}.{of}v = getelementptr double, ptr %v, i64 %{j}.{of}"]  # fmt: skip
    call = f"  call void @shares(ptr %{j}.{to}d, ptr %{j}.{of}v, i64 %{j}.count, double %g)"
    return "\n".join([*places, call])


PRODUCT = """\
  %l = add i64 %j.left, %k
  %r = add i64 %j.right, %k
  %x = call double @get(ptr %v, i64 %l)
  %y = call double @get(ptr %v, i64 %r)
  %product = fmul double %x, %y
  %before = load double, ptr %sum
  %after = fadd double %before, %product
  store double %after, ptr %sum"""
SHARE = """\
  %y = call double @get(ptr %of, i64 %k)
  %share = fmul double %g, %y
  call void @add(ptr %to, i64 %k, double %share)"""
SHARES = f"""\
define internal void @shares(ptr noalias %to, ptr noalias %of, i64 %n, double %g) alwaysinline {{
{_repeated("k", "0", "%n", SHARE)}
  ret void
}}"""
ENTER = """\
  %bytes = mul i64 %u, 8
  %item = add i64 %bytes, {items}
  %float = call ptr @at(ptr %inputs, i64 %item)
  %content = getelementptr i8, ptr %float, i64 {number}
  %given = load double, ptr %content
  %place = call i64 @int(ptr %places, i64 %u)
  call void @set(ptr %v, i64 %place, double %given)"""
# An instruction has the place of its result, `out`, and three more numbers, x0 to x2; `back` is where gradients lie
STEP = """\
  %from = mul i64 %i, 5
  %row = getelementptr i32, ptr %code, i64 %from
  %kind = load i32, ptr %row
  %out = call i64 @int(ptr %row, i64 1)
  %x0 = call i64 @int(ptr %row, i64 2)
  %x1 = call i64 @int(ptr %row, i64 3)
  %x2 = call i64 @int(ptr %row, i64 4)
  %back = load ptr, ptr %gradients
  switch i32 %kind, label %i.last [ {switch} ]
case0:
  %begun = getelementptr double, ptr %v, i64 %x0
  store ptr %begun, ptr %gradients
{blank}
  %above = call double @get(ptr %v, i64 %x1)
  call void @set(ptr %begun, i64 %out, double %above)
  br label %i.last
case1:
  %start = call double @get(ptr %v, i64 %x2)
  store double %start, ptr %sum
{products}
  %total = load double, ptr %sum
  call void @set(ptr %v, i64 %out, double %total)
  br label %i.last
case2:
  %g = call double @get(ptr %back, i64 %out)
  call void @add(ptr %back, i64 %x2, double %g)
{shares}
  br label %i.last
{cases}
none:"""


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
    return ["\n".join([*lines.lines, "  br label %i.last"]) for lines in (forward, back)]


@cache
def _loop(table: tuple[tuple[Any, int], ...]) -> tuple[Any, Any]:
    """The interpreter for some rows, each with its number of operands."""
    lines = [case for i, (op, count) in enumerate(table) for case in _cases(FIRST + 2 * i, op, count)]
    step = STEP.format(
        switch=" ".join(f"i32 {i}, label %case{i}" for i in range(FIRST + len(lines))),
        blank=_repeated("b", "0", "%x2", "  call void @set(ptr %begun, i64 %b, double -0.0)"),
        products=_runs_of("j", _repeated("k", "0", "%j.count", PRODUCT)),
        shares=_runs_of("h", _shares("h", "left", "right") + "\n" + _shares("h", "right", "left")),
        cases="\n".join(f"case{i}:\n{case}" for i, case in enumerate(lines, FIRST)),
    )
    entry = ["  %sum = alloca double", "  %gradients = alloca ptr"]
    for i, name in enumerate(("code", "v", "runs", "places")):
        entry.append(f"  %{name}_ = call ptr @at(ptr %args, i64 {AT.ITEMS + 8 * i})")
        entry.append(f"  %{name} = call ptr @at(ptr %{name}_, i64 {AT.DATA})")
    for name, array in (("n", "code"), ("m", "places")):
        entry.append(f"  %{name}_ = call ptr @at(ptr %{array}_, i64 {AT.SIZES})")
        entry.append(f"  %{name} = load i64, ptr %{name}_")
    entry += [f"  %inputs = call ptr @at(ptr %args, i64 {AT.ITEMS + 32})", "  store ptr %v, ptr %gradients"]
    enter = _repeated("u", "0", "%m", ENTER.format(items=AT.ITEMS, number=AT.NUMBER))
    run = ["define i32 @run(ptr %args) {", *entry, enter, _repeated("i", "0", "%n", step), "  ret i32 0", "}"]
    return built("\n".join([HELPERS, SHARES, *run]))


MANY = 2000  # nodes from which on "auto" takes a tape


def is_tape(trace: Trace, order: Sequence[Any]) -> bool:
    """Whether a trace is of so many Values, and of nothing else, that a tape is to run them."""
    if trace.fewest is None or trace.changes or trace.ranges:
        return False
    return {*map(type, order)} == {Value} and len(order) > trace.fewest


class Tape:
    """A trace of Values as one tape. Called with its inputs, it gives (outputs, gradients), or None by another branch.

    The leaves that it reads at each call are added to those of the lowering. Unsupported where a rule cannot be read.
    """

    def __init__(self, lowering: Lowering, outputs: Sequence[Any], grads: Sequence[Any]) -> None:
        trace, pulled, index = lowering.trace, lowering.trace.pulled, lowering.index
        leaves = [x for x in lowering.leaves if x not in lowering.exprs]
        numbers = {node: float(node._content) for node in leaves if lowering.is_constant(node)}
        lowering.live = {node: node for node in leaves if node not in numbers}
        given, count = [*lowering.exprs, *lowering.live], len(index)
        # The gradients come behind the nodes: their places are those of the way back
        back = sorted((node for node in pulled if node in index), key=index.__getitem__)
        first = {pulled[node][0]: index[node] for node in reversed(back)}
        shifted = np.append(np.arange(count), -1)
        shifted[[index[node] for node in back]] = range(count, count + len(back))
        index |= {node: count + i for i, node in enumerate(back)}

        def places(nodes: Iterable[Any]) -> list[int]:
            return [index[node] for node in nodes]

        owners = places(pulled[node][1] for node in back)
        tests, results = [test for test, _, _ in trace.guards], [*outputs, *grads]
        zeros = {index[node] for node, number in numbers.items() if number == 0.0}
        read = [*places(results), *places(tests), *owners]
        code, pairs, kept, table = _code(lowering, shifted, read, zeros)
        is_sum, pairs = code[:, 0] == DOT, np.array(pairs, int).reshape(-1, 2)
        sums = code[is_sum][np.argsort(code[is_sum, 2])]
        slots, size = _slots(sums, pairs, kept), int(kept.sum())
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
                start = [[SWEEP, slots[index[root]], size * (1 + i), slots[index[above]], size]]
                pieces += [code[begun : first[i]][kept[begun : first[i]]], start, home]
                begun = first[i]
        self.code = np.concatenate([*pieces, code[begun:][kept[begun:]]]).astype(np.int32)
        self.start = np.full(size * (1 + len(trace.sweeps)), -0.0)  # -0.0 + x is x
        self.start[slots[places(numbers)]] = [*numbers.values()]
        self.inputs = slots[places(given)].astype(np.int32)
        self.results = slots[places(results)]
        self.guards = [*zip(slots[places(tests)], [outcome for _, outcome, _ in trace.guards], strict=True)]
        self.count = len(outputs)
        self.run, self.engine = _loop(table)
        self.sets: list[Any] = []  # of numbers, one for each thread that is running

    def __call__(self, *inputs: Any) -> Any:
        numbers = self.sets.pop() if self.sets else self.start.copy()
        given = self.code, numbers, self.pairs, self.inputs, inputs
        self.run(id(given))
        is_right = all(bool(numbers[i]) == outcome for i, outcome in self.guards)
        found = numbers[self.results].tolist()
        self.sets.append(numbers)
        return (found[: self.count], found[self.count :]) if is_right else None


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


def _code(lowering: Lowering, shifted: Any, read: list[int], zeros: set[int]) -> Any:
    """The instructions of all nodes but the gradients, the pairs of sums, which nodes are kept, and the rows that there are.

    `shifted`: the place of each node; `read`: the places of what is read from outside, and so is kept; `zeros`: those of constants
    that are 0.
    """
    order = lowering.order
    every = [node.op for node in order]
    ops = dict.fromkeys(every)
    ops.pop(SWEPT, None)
    calls = [op for op in ops if op is not None and op.name != "dot"]
    kinds = {op: DOT for op in ops if op is not None} | {op: FIRST + 2 * i for i, op in enumerate(calls)}
    code, pairs, used = np.zeros((len(order), 5), int), list[int](), read * 2
    code[:, 0] = [*map(kinds.get, every, repeat(-1))]
    code[:, 1], code[:, 2], code[:, 3] = range(len(order)), shifted[lowering.left], shifted[lowering.right]
    left, right = code[:, 2].tolist(), code[:, 3].tolist()
    for i, parents in lowering.several.items():
        places = shifted[parents].tolist()
        used += places
        if kinds[order[i].op] == DOT:
            n = len(places) // 2
            code[i, 2:] = len(pairs), len(pairs) + 2 * n, places[-1]
            pairs += [one for pair in zip(places[:n], places[n:-1], strict=True) for one in pair]
        else:
            code[i, 2:] = (*places, 0)[:3]
    # Sums of products that nothing else reads: the last addition becomes the sum, the rest is not kept
    is_row = code[:, 0] >= FIRST
    operands = code[is_row, 2:4]
    read_at = np.append(operands[operands >= 0], np.array(used, int))
    is_single = np.bincount(read_at, minlength=len(order)) == 1

    def reads(mask: Any, column: int) -> Any:
        """Whether an operand is of those, and read by nothing else; a gradient, which comes behind the nodes, is not."""
        return np.append(mask & is_single[: len(order)], np.zeros(len(shifted), bool))[
            code[:, column] * is_row
        ]

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
