"""The reprs of nodes, a line of text, and the tables of notebooks. They never raise or warn."""

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ..core.node import Node
from ..core.tensor import Tensor
from .summary import number, summary

FEW = 8  # how many elements are shown one by one
LONGEST = 60  # characters of a label


def one_line(text: Any, limit: int = LONGEST) -> str:
    """Return the text on one line, with control characters written out, and `…` in the middle of a long text.

    >>> one_line("a\\nb"), one_line("x" * 10_000, 4)
    ('a\\\\nb', 'xx…x')
    """
    return "".join([c if c.isprintable() else repr(c)[1:-1] for c in shortened(text, limit)])


def shortened(text: Any, limit: int = LONGEST) -> str:
    """Return the text; of a long text both ends, where names differ."""
    text = str(text)
    return text if len(text) <= limit else f"{text[: limit // 2]}…{text[len(text) - (limit - 1) // 2 :]}"


def elements(data: Any) -> str:
    """Return the numbers of a small array on one line, each to four significant digits.

    >>> elements([[1.0, 200.0], [3.0, 4.0]])
    '[[1., 200.], [3., 4.]]'
    """
    write: Any = {"float_kind": _element}
    shown = np.array2string(np.asarray(data), separator=", ", threshold=1000, formatter=write)
    return " ".join(shown.split())


def _element(x: float) -> str:
    """A number as in NumPy's arrays, `2.` or `0.1`."""
    text = number(x, 4)
    return text if set(text) & set(".e∞N") else f"{text}."


def norm(data: Any) -> str:
    """Return the norm of the finite elements, and how many others there are.

    >>> norm([3.0, 4.0, float("nan")])
    '5, 1 NaN'
    """
    return summary(data).length(lambda x: number(x, 4))


Show = Callable[[Any], Any]


def _safely(otherwise: Callable[[Any, Exception], Any], show: Show) -> Show:
    """The repr `show`, with `otherwise(thing, error)` in place of an error."""

    @functools.wraps(show)
    def shown(thing: Any) -> Any:
        try:
            with np.errstate(all="ignore"):
                return show(thing)
        except Exception as error:
            return otherwise(thing, error)

    return shown


def _in_a_line(thing: Any, error: Exception) -> str:
    """The error of a thing that cannot be shown."""
    import traceback

    fault = "".join(traceback.format_exception_only(error)).strip()
    return f"<{type(thing).__name__}: {one_line(fault, 200)}>"


as_text = functools.partial(_safely, _in_a_line)  # decorates a __repr__
# decorates a _repr_html_: with None the notebook shows the text
as_html = functools.partial(_safely, lambda thing, error: None)


@as_text
def _repr(node: Any) -> str:
    """The node on one line: its data, or the summary of a large Tensor; gradient; label."""
    data, grad, kind = node.data, node.grad, type(node).__name__
    if not isinstance(node, Tensor):
        parts = [str(data)] + ([] if grad is None else [f"grad={one_line(grad)}"])
    elif data.size <= FEW:
        parts = [elements(data)] + ([] if grad is None else [f"grad={elements(grad)}"])
        parts += [] if data.size else [f"shape={data.shape}"]
        parts += [] if data.dtype == float else [f"dtype={data.dtype}"]
    else:
        found = summary(data)
        parts = [f"shape={found.shape}", found.dtype, found.range(lambda x: number(x, 4))]
        parts += [] if grad is None else [f"|grad|={norm(grad)}"]
    if not node.requires_grad and node.op is None:
        parts.append("requires_grad=False")
    if node.label:
        parts.append(f"label={shortened(node.label)!r}")
    return f"{kind}({', '.join(parts)})"


# ---- HTML: the page's own colours, no script, nothing to load -----------------------------------------------------------


def table(head: Sequence[str], rows: Iterable[Sequence[str]], numbers: int) -> str:
    """Return an HTML table of texts, which are escaped; the last `numbers` columns are aligned to the right."""
    from html import escape

    def row(tag: str, cells: Sequence[str]) -> str:
        made = []
        for i, cell in enumerate(cells):
            side = "left" if i < len(cells) - numbers else "right"
            made.append(f'<{tag} style="text-align:{side};white-space:pre">{escape(cell)}</{tag}>')
        return f"<tr>{''.join(made)}</tr>"

    lines = ([row("th", head)] if head else []) + [row("td", cells) for cells in rows]
    return f'<table style="color:inherit">{"".join(lines)}</table>'


Node.__repr__ = _repr  # type: ignore[method-assign]
