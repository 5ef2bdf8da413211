"""The person's text: the expression of each place, the statement around it, and what a value is called."""

import ast
from bisect import bisect_left
from collections.abc import Iterator
from functools import lru_cache
from itertools import accumulate
from types import FunctionType, ModuleType
from typing import Any

from .record import Number, Place, Record, Recorded, Step

LEAVING = (ast.Continue, ast.Return, ast.Break)
MOST_TRUTHS = 60  # comparisons that are looked back at
LONGEST, DEEPEST = 1000, 5  # elements of a list, and levels, in which a parameter is looked for


def names_in(node: Any) -> set[str]:
    """The names in an expression."""
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)} if node is not None else set()


class Text:
    """One file's lines and syntax tree."""

    def __init__(self, source: str) -> None:
        self.source, self.lines = source, source.splitlines()
        self.bytes = source.encode()
        self.starts = [0, *accumulate(len(line) for line in self.bytes.splitlines(keepends=True))]
        self.tree = ast.parse(source)
        self.nodes: dict[tuple[int, int, int, int], Any] = {}
        self.parent: dict[Any, Any] = {}
        constants = [n.value for n in ast.walk(self.tree) if isinstance(n, ast.Constant)]
        self.numbers = [float(v) for v in constants if type(v) is float or (type(v) is int and v == 1)]
        for node in ast.walk(self.tree):
            for child in ast.iter_child_nodes(node):
                self.parent[child] = node
            if hasattr(node, "lineno"):
                self.nodes[node.lineno, node.end_lineno, node.col_offset, node.end_col_offset] = node  # type: ignore[attr-defined]

    def find(self, place: Place) -> Any:
        """The innermost syntax node of a place."""
        return self.nodes.get(place[1:])

    def statement(self, node: Any) -> Any:
        """The statement that contains the node."""
        while node is not None and not isinstance(node, ast.stmt):
            node = self.parent.get(node)
        return node

    def is_within(self, node: Any, outer: Any) -> bool:
        """Whether a node is a part of another."""
        while node is not None and node is not outer:
            node = self.parent.get(node)
        return node is outer

    def tests_of(self, node: Any) -> list[Any]:
        """The conditions in a function by which a node is reached: of its branches, and of those that leave before it."""
        out = []
        while node is not None and not isinstance(node, ast.FunctionDef | ast.Lambda):
            parent = self.parent.get(node)
            if isinstance(parent, ast.If | ast.IfExp | ast.While) and node is not parent.test:
                out.append(parent.test)
            for block in (getattr(parent, name, None) for name in ("body", "orelse")):
                before = block[: block.index(node)] if isinstance(block, list) and node in block else ()
                out += [n.test for n in before if isinstance(n, ast.If) and isinstance(n.body[-1], LEAVING)]
            node = parent
        return out

    def span(self, node: Any) -> tuple[int, int]:
        """Where a node begins and ends in the file's bytes."""
        first, last = self.starts[node.lineno - 1], self.starts[node.end_lineno - 1]
        return first + node.col_offset, last + node.end_col_offset

    def text(self, node: Any) -> str:
        """What the person wrote there."""
        if not hasattr(node, "lineno"):
            return ""
        start, stop = self.span(node)
        return self.bytes[start:stop].decode()

    def targets(self, node: Any) -> list[str]:
        """The names that the expression's value is assigned to, when it is a statement's whole value."""
        parent = self.parent.get(node)
        if isinstance(node, ast.AugAssign):
            return [self.text(node.target)]
        if isinstance(parent, ast.Tuple):
            return self.one_of(parent, self.parent.get(parent), parent.elts.index(node))
        if getattr(parent, "value", None) is not node:
            return []
        if isinstance(parent, ast.Assign):
            return [self.text(t) for t in parent.targets]
        return [self.text(parent.target)] if isinstance(parent, ast.AnnAssign | ast.NamedExpr) else []

    def one_of(self, values: ast.Tuple, statement: Any, index: int) -> list[str]:
        """The name of one of several values, where a statement assigns them to as many names."""
        target = statement.targets[0] if isinstance(statement, ast.Assign) else None
        fits = isinstance(target, ast.Tuple) and len(target.elts) == len(values.elts)
        return [self.text(target.elts[index])] if fits else []  # type: ignore[union-attr]


@lru_cache(maxsize=16)
def text_of(source: str) -> Text:
    """The file with this text, read once."""
    return Text(source)


def variables(names: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The recorded values that variables hold, also within lists, dicts and objects, with the words for each."""
    level = list(names.items())
    seen: set[int] = set()
    for _ in range(DEEPEST):
        above, level = level, []
        for words, x in above:
            if isinstance(x, Recorded):
                yield words, x
            elif id(x) not in seen:
                seen.add(id(x))
                level += [(words + part, inner) for part, inner in parts_of(x)]


def parts_of(x: Any) -> list[tuple[str, Any]]:
    """What a list, a dict or an object of the script's own holds, and how it is written."""
    if isinstance(x, dict):
        return [(f"[{key!r}]", value) for key, value in x.items()]
    if isinstance(x, list | tuple):
        return [(f"[{i}]", value) for i, value in enumerate(x[:LONGEST]) if not isinstance(value, Number)]
    own = not isinstance(x, ModuleType | FunctionType | type)
    return [(f".{key}", value) for key, value in getattr(x, "__dict__", {}).items()] if own else []


class Sources:
    """The files of a run, and what its steps are called in them."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.texts = {file: text_of(source) for file, source in record.files.items()}
        self.main = next(iter(self.texts))

    def place(self, step: Step, depth: int = 0) -> Place:
        """The place of a step, or of one of the calls that led to it."""
        known = depth < len(step.stack)
        return self.record.places[step.stack[depth]] if known else Place(self.main, 0, 0, 0, 0)

    def spot(self, step: Step, depth: int = 0) -> tuple[Text, Any]:
        """The file that a step stands in, and the syntax node that it is the value of."""
        place = self.place(step, depth)
        return self.texts[place.file], self.texts[place.file].find(place)

    def loops_around(self, place: int) -> set[Any]:
        """The loops of its function in which a place of the record stands."""
        where = self.record.places[place]
        text, loops = self.texts[where.file], set()
        node = text.find(where)
        while node is not None and not isinstance(node, ast.FunctionDef | ast.Lambda):
            if isinstance(node, ast.For | ast.While):
                loops.add(node)
            node = text.parent.get(node)
        return loops

    def branched_by(self, step: Step) -> list[Step]:
        """The last comparisons before a step that the branches in which it stands are taken by."""
        known = self.record.kept.setdefault("branches", {})
        if step.id in known:
            return known[step.id]  # type: ignore[no-any-return]
        out: list[Step] = []
        known[step.id] = out
        for depth, number in enumerate(step.stack):
            place, callers = self.record.places[number], step.stack[depth + 1 :]
            text = self.texts[place.file]
            for test in text.tests_of(text.find(place)):
                names = names_in(test)
                last = bisect_left(self.record.truths, step.id, key=lambda s: s.id)
                for truth in reversed(self.record.truths[max(0, last - MOST_TRUTHS) : last]):
                    level = len(truth.stack) - len(callers) - 1
                    if level < 0 or truth.stack[level + 1 :] != callers:
                        continue
                    there = text.find(self.record.places[truth.stack[level]])
                    if text.is_within(there, test) or names.intersection(text.targets(there)):
                        out.append(truth)
                        break
        return out

    def where(self, step: Step, depth: int = 0) -> tuple[str, int]:
        """File and line of the step itself, or of a call that led to it."""
        place = self.place(step, depth)
        return place.file, place.line

    def name(self, step: Step) -> str:
        """What the person calls the value, where it has a name: in the function that computed it, or where that is called."""
        # several values that a function returned, and which it is of them
        returned: tuple[ast.Tuple, int] | None = None
        for number in step.stack:
            place = self.record.places[number]
            text = self.texts[place.file]
            node = text.find(place)
            parent = text.parent.get(node)
            if returned is not None:
                return "".join(text.one_of(returned[0], parent, returned[1]))
            names = text.targets(node)
            if names:
                return names[0]
            if isinstance(parent, ast.Tuple) and isinstance(text.parent.get(parent), ast.Return):
                returned = parent, parent.elts.index(node)
            elif not isinstance(parent, ast.Return):
                break
        return ""

    def words(self, wanted: set[int]) -> dict[int, str]:
        """What the person calls the values with these numbers at the script's end; no name of a loop's variable."""
        nodes = (node for text in self.texts.values() for node in ast.walk(text.tree))
        targets = [node.target for node in nodes if isinstance(node, ast.For | ast.comprehension)]
        loops = set().union(*map(names_in, targets))
        out: dict[int, str] = {}
        for names in self.record.namespaces:
            for words, x in variables({name: value for name, value in names.items() if name not in loops}):
                for step in (x._step, getattr(getattr(x, "_memory", None), "step", None)):
                    if step is not None and step.id in wanted:
                        out.setdefault(step.id, words)
        return out

    def code(self, file: str, line: int) -> str:
        """A line of the file, without its indentation and comment."""
        lines = self.texts[file].lines
        return lines[line - 1].strip() if 0 < line <= len(lines) else ""
