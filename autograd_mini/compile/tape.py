"""Tape: a graph of many Values as an array of instructions, run by one loop that the rows of the table are compiled into.

An instruction is (what, place of the result, places of up to three operands): one for each node on the way forward, and one on each
way back, where the row's own rules give the operands their shares. `b + w₁x₁ + w₂x₂ + …` is one instruction, with a list of pairs.
The loop is made once for each set of rows, from the same kernels as native code.
"""

import sys
from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from ..core import rows
from ..core.value import Value
from ..symbols import EXPRESSIONS, Unreadable, constant, symbol
from .kernels import Lines, Unsupported, built
from .native import table_of
from .program import Program
from .scalars import scalars
from .trace import SWEPT, Lowering, Trace

SWEEP, DOT, FIRST = (
    0,
    1,
    3,
)  # what begins a way back; a sum of products, and its way back; the first row, and so on
WIDTH = 5
LOOP = """\
define i32 @run(ptr %table) {{
entry:
  %n = load i64, ptr %table
  %p1 = getelementptr ptr, ptr %table, i64 1
  %code = load ptr, ptr %p1
  %p2 = getelementptr ptr, ptr %table, i64 2
  %v = load ptr, ptr %p2
  %p3 = getelementptr ptr, ptr %table, i64 3
  %pairs = load ptr, ptr %p3
  %back = alloca ptr
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %more ]
  %start = mul i64 %i, 5
  %row = getelementptr i32, ptr %code, i64 %start
  %kind = load i32, ptr %row
{columns}
  switch i32 %kind, label %more [ {switch} ]
case0:
  %b0 = getelementptr double, ptr %v, i64 %x0
  store ptr %b0, ptr %back
  %b1 = getelementptr double, ptr %b0, i64 %out
  %b2 = getelementptr double, ptr %v, i64 %x1
  %b3 = load double, ptr %b2
  store double %b3, ptr %b1
  br label %more
{cases}
more:
  %next = add i64 %i, 1
  %again = icmp slt i64 %next, %n
  br i1 %again, label %loop, label %done
done:
  ret i32 0
}}"""
COLUMN = """\
  %c{name} = getelementptr i32, ptr %row, i64 {i}
  %l{name} = load i32, ptr %c{name}
  %{name} = sext i32 %l{name} to i64"""
# A loop over the pairs from x0 to x1; `each` has the lines for one
PAIRS = """\
case{kind}:
{before}
  br label %pairs{kind}
pairs{kind}:
  %j{kind} = phi i64 [ %x0, %case{kind} ], [ %k{kind}, %pairs{kind} ]
  %sum{kind} = phi double [ {start}, %case{kind} ], [ {sum}, %pairs{kind} ]
{each}
  %k{kind} = add i64 %j{kind}, 1
  %e{kind} = icmp slt i64 %k{kind}, %x1
  br i1 %e{kind}, label %pairs{kind}, label %after{kind}
after{kind}:
{after}
  br label %more"""


class _Case(Lines):
    """The lines of one instruction."""

    def __init__(self, kind: int) -> None:
        super().__init__(stem=f"i{kind}_")

    def place(self, base: str, column: str) -> str:
        return self.line(f"getelementptr double, ptr {base}, i64 {column}")

    def load(self, base: str, column: str) -> str:
        return self.line(f"load double, ptr {self.place(base, column)}")

    def store(self, number: str, base: str, column: str) -> None:
        place = self.place(base, column)
        self.lines.append(f"  store double {number}, ptr {place}")

    def add(self, number: str, base: str, column: str) -> None:
        place = self.place(base, column)
        total = self.line(f"fadd double {self.line(f'load double, ptr {place}')}, {number}")
        self.lines.append(f"  store double {total}, ptr {place}")

    def taken(self) -> str:
        """The lines so far, which are forgotten but for their numbers."""
        found, self.lines = "\n".join(self.lines), []
        self.stem += "_"
        return found


def _row_cases(kind: int, op: Any, count: int) -> list[str]:
    """A row's way forward and its way back, by its own rules."""
    names = ["g", "out", *(f"x{i}" for i in range(count))]
    g, out, *xs = [symbol(f"${name}") for name in names]
    try:
        shares = op.shares(EXPRESSIONS, g, out, xs, [True] * count) if op.has_derivative else ()
        results = [constant(x) for x in (op.value(EXPRESSIONS, xs), *shares)]
    except Unreadable as error:
        raise Unsupported(f"the rule of {op.name!r} cannot be read: {error}") from None
    program = Program((g, out, *xs), (), tuple(results), floats=frozenset([g, out, *xs]))
    formulas = scalars(program, 10_000)
    value, *parts = [array.item() for array in formulas.outputs]
    forward, back = _Case(kind), _Case(kind + 1)
    for x, (i, _) in formulas.places.items():
        if i > 1:
            forward.names[x] = forward.load("%v", f"%{names[i]}")
    forward.store(forward.number(value), "%v", "%out")
    base = back.line("load ptr, ptr %back")
    for x, (i, _) in formulas.places.items():
        back.names[x] = back.load("%v" if i else base, f"%{names[max(i, 1)]}")
    for i, number in enumerate([back.number(part) for part in parts]):
        back.add(number, base, f"%x{i}")
    return [f"case{case}:\n{lines.taken()}\n  br label %more"
            for case, lines in ((kind, forward), (kind + 1, back))]  # fmt: skip


def _pair(case: _Case, kind: int) -> list[str]:
    """The places of a pair."""
    found = []
    for i in (0, 1):
        at = case.line(f"add i64 {case.line(f'mul i64 %j{kind}, 2')}, {i}")
        place = case.line(f"getelementptr i32, ptr %pairs, i64 {at}")
        found.append(case.line(f"sext i32 {case.line(f'load i32, ptr {place}')} to i64"))
    return found


def _dot_cases() -> list[str]:
    """A sum of products, and its way back."""
    forward, back = _Case(DOT), _Case(DOT + 1)
    start = forward.load("%v", "%x2")
    before = forward.taken()
    left, right = [forward.load("%v", place) for place in _pair(forward, DOT)]
    total = forward.line(f"fadd double %sum{DOT}, {forward.line(f'fmul double {left}, {right}')}")
    each = forward.taken()
    forward.store(total, "%v", "%out")
    after = forward.taken()
    ahead = PAIRS.format(kind=DOT, before=before, start=start, sum=total, each=each, after=after)
    base = back.line("load ptr, ptr %back")
    g = back.load(base, "%out")
    back.add(g, base, "%x2")
    before = back.taken()
    places = _pair(back, DOT + 1)
    values = [back.load("%v", place) for place in places]
    for place, other in zip(places, reversed(values), strict=True):
        back.add(back.line(f"fmul double {g}, {other}"), base, place)
    home = PAIRS.format(kind=DOT + 1, before=before, start=g, sum=g, each=back.taken(), after="")
    return [ahead, home]


@cache
def _loop(table: tuple[tuple[Any, int], ...]) -> tuple[Any, Any]:
    """The interpreter for some rows, each with its number of operands."""
    cases = _dot_cases()
    for i, (op, count) in enumerate(table):
        cases += _row_cases(FIRST + 2 * i, op, count)
    columns = [COLUMN.format(name=name, i=i) for i, name in enumerate(["out", "x0", "x1", "x2"], 1)]
    switch = " ".join(f"i32 {i}, label %case{i}" for i in range(FIRST + 2 * len(table)))
    return built(LOOP.format(columns="\n".join(columns), switch=switch, cases="\n".join(cases)))


MANY = 2000  # nodes from which on "auto" takes a tape
HELD = 5  # references to a leaf beside those of its children: by the order, the index, the edges, the loop, and the call


def is_tape(trace: Trace, order: Sequence[Any], arguments: Sequence[Any]) -> bool:
    """Whether a trace is of so many Values, and of nothing else, that a tape is to run them."""
    is_plain = {*map(type, order), *map(type, arguments)} == {Value} and not (trace.changes or trace.ranges)
    return is_plain and len(order) > (trace.fewest or 0)


def taped(lowering: Lowering, order: Sequence[Any], outputs: Sequence[Any], grads: Sequence[Any]) -> "Tape":
    """Return the tape of a trace; the leaves that it reads at each call are added to those of the lowering."""
    trace, given = lowering.trace, [*lowering.exprs]
    index, numbers = {node: i for i, node in enumerate(order)}, dict[Any, float]()
    edges = Counter(node._left for node in order)
    edges.update(node._right for node in order)
    edges.update(parent for node in order if type(node._left) is tuple for parent in node._left)
    for node in index:
        if node._left is None and node not in lowering.exprs:
            is_held = sys.getrefcount(node) - edges[node] > HELD + (node in trace.lines)
            if node in trace.inner or not (node.requires_grad or is_held):
                numbers[node] = float(node._number)
            else:
                lowering.live[node] = node
                given.append(node)
    index |= {node: len(index) + i for i, node in enumerate(x for x in given if x not in index)}  # unused
    guards = [(test, outcome) for test, outcome, _ in trace.guards]
    return Tape(index, trace.sweeps, trace.pulled, numbers, given, guards, outputs, grads)


class Tape:
    """A traced function of Values as one tape. Called with its inputs, it gives (outputs, gradients), or None by another branch.

    Arguments: `index`, all nodes and their places, parents first; `sweeps`, the (nodes, root, gradient from above) of each way
    back; `swept`, of a node that is a gradient: (sweep, the node that it belongs to); `numbers`, of the leaves that are constants;
    `inputs`, the leaves that are given at each call; `guards` (node, outcome); `outputs` and `grads`, nodes. Unsupported where a rule
    cannot be read.
    """

    def __init__(
        self, index: dict[Any, int], sweeps: Sequence[Any], swept: dict[Any, Any], numbers: dict[Any, float],
        inputs: Sequence[Any], guards: Sequence[Any], outputs: Sequence[Any], grads: Sequence[Any],
    ) -> None:  # fmt: skip
        order, count = [*index], len(index)
        # The gradients: their places are those of the way back
        back = [node for node in order if node in swept]
        first = {swept[node][0]: index[node] for node in reversed(back)}
        index |= {node: count + i for i, node in enumerate(back)}
        read = [*outputs, *grads, *(test for test, _ in guards), *(swept[node][1] for node in back)]
        code, pairs, kept, table = _code(order, index, back, [index[node] for node in read])
        slots = np.cumsum(kept) - 1
        size = int(slots[-1]) + 1
        owners = [slots[index[swept[node][1]]] + size * (1 + swept[node][0]) for node in back]
        slots = np.concatenate([slots, np.array(owners, int)])
        code[:, 1] = slots[code[:, 1]]
        is_sum = code[:, 0] == DOT
        code[~is_sum, 2:] = slots[code[~is_sum, 2:]]
        code[is_sum, 4] = slots[code[is_sum, 4]]
        self.pairs = slots[np.array(pairs, int).reshape(-1)].astype(np.int32)
        kept &= code[:, 0] >= 0
        pieces, begun = [], 0
        for i, (nodes, root, cotangent) in enumerate(sweeps):
            if i in first:
                places = np.array([index[node] for node in reversed(nodes)])
                home = code[places[kept[places]]]
                home[:, 0] += 1
                start = [[SWEEP, slots[index[root]], size * (1 + i), slots[index[cotangent]], 0]]
                pieces += [code[begun : first[i]][kept[begun : first[i]]], np.array(start), home]
                begun = first[i]
        self.code = np.concatenate([*pieces, code[begun:][kept[begun:]]]).astype(np.int32)
        self.size, self.start = size, np.full(size * (1 + len(sweeps)), -0.0)  # -0.0 + x is x
        self.start[[slots[index[node]] for node in numbers]] = [*numbers.values()]
        self.inputs = slots[[index[node] for node in inputs]]
        self.guards = [(slots[index[test]], outcome) for test, outcome in guards]
        self.results, self.count = slots[[index[node] for node in (*outputs, *grads)]], len(outputs)
        self.run, self.engine = _loop(table)
        self.sets: list[Any] = []  # of numbers, one for each thread that is running

    def __call__(self, *inputs: Any) -> Any:
        numbers, table = self.sets.pop() if self.sets else self.new()
        numbers[self.inputs] = inputs
        numbers[self.size :] = -0.0
        self.run(table.ctypes.data)
        is_right = all(bool(numbers[i]) == outcome for i, outcome in self.guards)
        found = numbers[self.results].tolist()
        self.sets.append((numbers, table))
        return (found[: self.count], found[self.count :]) if is_right else None

    def new(self) -> Any:
        """Numbers of its own for a thread, and the table of `run`."""
        numbers = self.start.copy()
        return numbers, table_of(len(self.code), [self.code, numbers, self.pairs])


def _code(order: Sequence[Any], index: dict[Any, int], back: Sequence[Any], read: list[int]) -> Any:
    """The instructions of all nodes but the gradients, the pairs of sums, which nodes are kept, and the rows that there are.

    `read`: the places of what is read from outside, and so is kept.
    """
    ops = dict.fromkeys(node.op for node in order)
    ops.pop(SWEPT, None)
    calls = [op for op in ops if op is not None and op.name != "dot"]
    kinds = {op: DOT for op in ops if op is not None} | {op: FIRST + 2 * i for i, op in enumerate(calls)}
    place = index.get
    left = [place(node._left, -1) for node in order]
    right = [place(node._right, -1) for node in order]
    code, pairs, used = np.zeros((len(order), WIDTH), int), list[int](), read * 2
    code[:, 0] = [kinds.get(node.op, -1) for node in order]
    code[:, 1], code[:, 2], code[:, 3] = range(len(order)), left, right
    for i, node in enumerate(order):
        if type(node._left) is tuple:
            places = [index[parent] for parent in node._left]
            used += places
            if kinds[node.op] == DOT:
                n = len(places) // 2
                code[i, 2:] = len(pairs) // 2, len(pairs) // 2 + n, places[-1]
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

    is_sum = (code[:, 0] == kinds.get(rows.add, -2)) & reads(code[:, 0] == kinds.get(rows.multiply, -2), 3)
    is_linked = is_sum & reads(is_sum, 2)
    sums: dict[int, tuple[int, list[int]]] = {}
    for i, goes_on in zip(np.flatnonzero(is_sum).tolist(), is_linked[is_sum].tolist(), strict=True):
        before = left[i]
        start, terms = sums.pop(before) if goes_on else (before, [])
        terms += left[right[i]], right[right[i]]
        sums[i] = start, terms
    kept = np.ones(len(order), bool)
    kept[code[is_sum, 3]] = kept[code[is_linked, 2]] = False
    for i, (start, terms) in sums.items():
        code[i] = DOT, i, len(pairs) // 2, (len(pairs) + len(terms)) // 2, start
        pairs += terms
    return code, pairs, kept, tuple((op, len(op.operands)) for op in calls)
