"""The person's text: the expression of each place, the statement around it, and what a value is called."""

import ast
from typing import Any

from .record import Place, Record, Step


class Text:
    """One file's lines and syntax tree."""

    def __init__(self, source: str) -> None:
        self.source, self.lines = source, source.splitlines()
        self.bytes: list[bytes] = [line.encode() for line in source.split("\n")]
        self.tree = ast.parse(source)
        self.nodes: dict[tuple[int, int, int, int], list[Any]] = {}
        self.parent: dict[Any, Any] = {}
        for node in ast.walk(self.tree):
            for child in ast.iter_child_nodes(node):
                self.parent[child] = node
            if hasattr(node, "lineno"):
                self.nodes.setdefault(span(node), []).append(node)

    def find(self, place: Place) -> Any:
        """The innermost syntax node of a place."""
        found = self.nodes.get((place.line, place.end_line, place.column, place.end_column))
        return found[-1] if found else None

    def statement(self, node: Any) -> Any:
        """The statement that contains the node."""
        while node is not None and not isinstance(node, ast.stmt):
            node = self.parent.get(node)
        return node

    def text(self, node: Any) -> str:
        """What the person wrote there."""
        if not hasattr(node, "lineno"):
            return ""
        a, b = node.lineno - 1, node.end_lineno - 1
        if a == b:
            return str(self.bytes[a][node.col_offset : node.end_col_offset], "utf-8")
        parts = [
            self.bytes[a][node.col_offset :],
            *self.bytes[a + 1 : b],
            self.bytes[b][: node.end_col_offset],
        ]
        return b"\n".join(parts).decode()

    def source_of(self, node: Any) -> str:
        """What the person wrote there, with the parentheses around it."""
        code, parent = self.text(node), self.parent.get(node)
        inner = isinstance(node, ast.BinOp | ast.UnaryOp | ast.Compare | ast.IfExp)
        return f"({code})" if inner and isinstance(parent, ast.BinOp) else code

    def targets(self, node: Any) -> list[str]:
        """The names that the expression's value is assigned to, when it is a statement's whole value."""
        parent = self.parent.get(node)
        if isinstance(parent, ast.Assign) and parent.value is node:
            return [self.text(t) for t in parent.targets]
        if isinstance(parent, ast.AnnAssign | ast.NamedExpr) and parent.value is node:
            return [self.text(parent.target)]
        if isinstance(node, ast.AugAssign):
            return [self.text(node.target)]
        if isinstance(parent, ast.Tuple) and isinstance(outer := self.parent.get(parent), ast.Assign):
            target = outer.targets[0]
            if isinstance(target, ast.Tuple) and len(target.elts) == len(parent.elts):
                return [self.text(target.elts[parent.elts.index(node)])]
        return []


def span(node: Any) -> tuple[int, int, int, int]:
    """Where a syntax node stands."""
    return (node.lineno, node.end_lineno, node.col_offset, node.end_col_offset)


class Sources:
    """The files of a run, and what its steps are called in them."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.texts = {file: Text(source) for file, source in record.files.items()}
        self.main = next(iter(self.texts))

    def place(self, step: Step, depth: int = 0) -> Place | None:
        """The place of a step, or of one of the calls that led to it."""
        return self.record.places[step.stack[depth]] if depth < len(step.stack) else None

    def expression(self, step: Step, depth: int = 0) -> Any:
        """The syntax node that the step is the value of."""
        place = self.place(step, depth)
        return self.texts[place.file].find(place) if place else None

    def line(self, step: Step) -> int:
        """The innermost line in the main file, else 0."""
        for number in step.stack:
            place = self.record.places[number]
            if place.file == self.main:
                return int(place.line)
        return 0

    def where(self, step: Step, depth: int = 0) -> tuple[str, int]:
        """File and line of the step itself, or of a call that led to it."""
        place = self.place(step, depth)
        return (place.file, place.line) if place else (self.main, 0)

    def name(self, step: Step) -> str:
        """What the person calls the value, where it has a name."""
        for depth in range(len(step.stack)):
            place = self.place(step, depth)
            assert place is not None
            text = self.texts[place.file]
            node = text.find(place)
            names = text.targets(node) if node is not None else []
            if names:
                return names[0]
            parent = text.parent.get(node)
            if isinstance(parent, ast.Tuple) and isinstance(text.parent.get(parent), ast.Return):
                return self.part(step, depth + 1, parent.elts.index(node), len(parent.elts))
            if not isinstance(parent, ast.Return):
                break
        return ""

    def part(self, step: Step, depth: int, index: int, count: int) -> str:
        """What one of several returned values is called by the caller."""
        place = self.place(step, depth)
        if place is None:
            return ""
        text = self.texts[place.file]
        parent = text.parent.get(text.find(place))
        target = parent.targets[0] if isinstance(parent, ast.Assign) else None
        named = isinstance(target, ast.Tuple) and len(target.elts) == count
        return text.text(target.elts[index]) if isinstance(target, ast.Tuple) and named else ""

    def code(self, file: str, line: int) -> str:
        """A line of the file, without its indentation and comment."""
        lines = self.texts[file].lines
        return lines[line - 1].strip() if 0 < line <= len(lines) else ""
