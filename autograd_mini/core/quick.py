"""Quick code, made from the rows. Leave this file for the end: without it the engine gives the same numbers, more slowly.

Two functions are made from a row: for FLOATS and ARRAYS a *quick method*, which applies it to nodes of one kind as `applied` does
(node.py); for these and GRAPH a *pull*, which hands on a gradient as `pulled` does (engine.py). Both are written as source, with
the row's own rules in it, so that a node costs one call, with no loop over rules and no look-up in `xp`. Whatever is not the
common case is left to the general way. With it a neuron's `w * x + b` on Values and a product of small Tensors take half as long;
a backward takes a tenth as long over Values and half as long over small Tensors.
"""

import functools
import math
import types
from collections.abc import Callable
from textwrap import indent
from typing import Any, NamedTuple

import numpy as np

from ..support.modes import meta_here
from ..support.quiet import QUIET, error_state
from .op import Op, Rule
from .readings import ARRAYS, ERRORS, FLOATS, Reading

# ---- Rules as source --------------------------------------------------------------------------------------------------


class Text:
    """An operand as source text: a rule that is run on Texts returns its own source."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return self.text

    def __neg__(self) -> "Text":
        return Text(f"(-{self})")

    def __pos__(self) -> "Text":
        return Text(f"(+{self})")


def _infix(sign: str, is_swapped: bool) -> Callable[[Text, Any], Text]:
    if is_swapped:
        return lambda x, y: Text(f"({_word(y)} {sign} {x})")
    return lambda x, y: Text(f"({x} {sign} {_word(y)})")


for _name, _sign in (("add", "+"), ("sub", "-"), ("mul", "*"), ("truediv", "/")):
    setattr(Text, f"__{_name}__", _infix(_sign, False))
    setattr(Text, f"__r{_name}__", _infix(_sign, True))


class _Words:
    """A namespace `xp` whose functions return their own call as source text."""

    def __getattr__(self, name: str) -> Callable[..., Text]:
        def call(*args: Any, **options: Any) -> Text:
            parts = [_word(x) for x in args] + [f"{key}={_word(x)}" for key, x in options.items()]
            return Text(f"{name}({', '.join(parts)})")

        return call


def _word(x: Any) -> str:
    """An argument as source text; TypeError for one whose repr is not its source."""
    if isinstance(x, tuple):
        return f"({''.join(f'{_word(part)}, ' for part in x)})"
    if x is None or isinstance(x, Text | int | float | str):
        return str(x) if isinstance(x, Text) else repr(x)
    raise TypeError(f"{type(x).__name__} cannot be written as source")


def written(rule: Rule, *operands: str) -> str:
    """Return one of our rules as a Python expression, with these names for its operands.

    >>> written(lambda xp, g, out, x: g * xp.cos(x), "g", "out", "x")
    '(g * cos(x))'
    """
    return str(rule(_Words(), *map(Text, operands)))


def _written_or_called(name: str, rule: Rule, operands: list[str]) -> str:
    """The source of a rule; or of its call, where it needs more than operators and `xp` (a shape, say)."""
    try:
        return written(rule, *operands)
    except (TypeError, AttributeError, IndexError):
        return f"{name}(xp, {', '.join(operands)})"


# ---- Functions from source --------------------------------------------------------------------------------------------


@functools.cache
def vocabulary(reading: Reading) -> dict[str, Any]:
    """Return the global names of the code that is made for a reading. ag.debug replaces `meta_here` in it."""
    return {
        **vars(reading.xp), "xp": reading.xp, "inf": math.inf, "nan": math.nan,  # as repr writes them
        "__name__": __name__,  # by which a function of ours is known
        "reading": reading, "received": reading.received, "without_one": reading.without_one,
        "Kind": reading.kind, "new": object.__new__, "meta_here": meta_here, "ERRORS": ERRORS,
        "QUIET": QUIET, "state": error_state.get, "set_state": error_state.set,
        "ndarray": np.ndarray, "asarray": np.asarray,
    }  # fmt: skip


def _made_function(source: str, name: str, reading: Reading, title: str, **own: Any) -> Any:
    """The function of that name that a source text defines. It knows the reading's names, and those that are its own."""
    found: dict[str, Any] = {}
    exec(_code(source, name, tuple(own), title), vocabulary(reading), found)
    return found["made"](**own)


@functools.lru_cache(maxsize=1024)
def _code(source: str, name: str, own: tuple[str, ...], title: str) -> types.CodeType:
    """The code of `made`, which returns the function. Rows of a family often have the same text and differ in their rules alone."""
    text = f"def made({', '.join(own)}):{indent(source, '    ')}    return {name}\n"
    return compile(text, f"<{title}>", "exec")


# The version is asked first. Where it is too new, the error is one of ERRORS: the sweep is done again by `pulled`, whose message
# says more. Two texts can follow the colon: ARRAYS has one of its own below
RECEIVED = """
    if {parent}._version > node._version:
        raise ValueError("changed since")
    if {parent} in grads:"""
IN_GENERAL = """
        grads[{parent}] = received({parent}, grads[{parent}], {share}, op)
"""


class Texts(NamedTuple):
    """What differs between the readings, as source.

    For quick methods: `converted` turns an operand x that is not a node into one, `computed` computes the result's data. For
    pulls: `arrived` prepares the gradient that arrives at a node, `received` adds a parent's share.
    """

    converted: str
    computed: str
    arrived: str
    received: str


TEXTS: dict[Reading, Texts] = {
    FLOATS: Texts(
        converted="""
    if {x}.__class__ is not Kind:
        if {x}.__class__ is float:
            data = {x}
        elif {x}.__class__ is int and -(1 << 53) < {x} < 1 << 53:
            data = {x} + 0.0
        else:
            return applied(op, {names})
        {x} = new(Kind)
        {x}._content = data
        {x}.grad = {x}.meta = {x}.op = {x}._left = {x}._right = None
        {x}.requires_grad = False""",
        computed="""
    try:
        node._content = {forward}
    except ERRORS:
        node._content = reading.read_again(op.forward, {letters})""",
        arrived="",
        received="""
    if {parent} in grads:
        grads[{parent}] += {share}
""",
    ),
    ARRAYS: Texts(
        converted="""
    if {x}.__class__ is not Kind:
        constant = reading.constant_beside({x}, {other})
        if constant is None:
            return applied(op, {names})
        {x} = constant""",
        computed="""
    before = state()
    try:
        try:
            set_state(QUIET)
            data = {forward}
        finally:
            set_state(before)
    except Exception:
        return applied(op, {names})  # raises it again, and says what was called
    finally:  # once more, as Ctrl-C may have come in the inner block
        set_state(before)
    node._content = data if data.__class__ is ndarray else asarray(data)
    node._version = changes.count""",
        arrived="",
        received=RECEIVED
        + """
        share, held, own = {share}, grads[{parent}], {parent}._content
        fits = share.__class__ is ndarray and share.shape == own.shape and share.dtype is own.dtype
        if fits and held is None:
            grads[{parent}] = share
        else:
            grads[{parent}] = received({parent}, held, share, op)
""",
    ),
}  # functions.py adds GRAPH's

# ---- Quick methods ----------------------------------------------------------------------------------------------------

METHOD = """
def method({parameters}):{converted}
    meta = meta_here()
    if meta is False or not ({required}):
        return applied(op, {names})
    node, {letters} = new(Kind), {contents}{computed}
    node.grad, node.meta, node.op = None, meta, op
    node._left, node._right, node.requires_grad = {slots}, True
    return node
"""
# `linear(X, W, b)` with an array X; raw arrays alone give raw arrays
ARRAY_FIRST = """
    if x.__class__ is not Kind and y.__class__ is not Kind:
        return applied(op, {names})"""


def made_method(op: Op, reading: Reading, applied: Rule, changes: Any, is_reflected: bool = False) -> Any:
    """Return what applies a row to nodes of the reading's kind, or None for a user's own row, or one of many parents.

    For tanh and Values it is

        def method(x):
            meta = meta_here()
            if meta is False or not (x.requires_grad):
                return applied(op, x)
            node, a = new(Kind), x._content
            try:
                node._content = tanh(a)
            except ERRORS:
                node._content = reading.read_again(op.forward, a)
            node.grad, node.meta, node.op = None, meta, op
            node._left, node._right, node.requires_grad = x, None, True
            return node

    A second operand that is not a node is first made one (`converted`). With `is_reflected` the parameters are (y, x): a method
    such as __radd__ gets the right operand as its self. `applied` and `changes` are node.py's, which imports this file.
    """
    count = len(op.operands)
    if not (op.is_ours and 1 <= count <= 3):
        return None
    names, letters = ["x", "y", "z"][:count], ["a", "b", "c"][:count]
    parameters = names[::-1] if is_reflected else names  # Python passes the node first
    texts, words = TEXTS[reading], {"names": ", ".join(names), "letters": ", ".join(letters)}
    converted, others = "", parameters[1:]
    if reading is ARRAYS and count > 1 and not is_reflected:
        converted, others = ARRAY_FIRST.format(**words), parameters
    # a number takes the dtype of the operand that it stands beside, where there is only one
    partner = {"x": "y", "y": "x"} if count == 2 else {}
    for x in others:
        converted += texts.converted.format(x=x, other=partner.get(x), **words)
    forward = _written_or_called("op.forward", op.forward, letters)
    source = METHOD.format(
        **words,
        parameters=", ".join(parameters),
        converted=converted,
        required=" or ".join(f"{name}.requires_grad" for name in names),
        contents=", ".join(f"{name}._content" for name in names),
        computed=texts.computed.format(forward=forward, **words),
        slots=", ".join([*names, "None"][:2]) if count < 3 else f"({words['names']}), None",
    )
    title = f"the quick method of {op.name}"
    method = _made_function(source, "method", reading, title, op=op, applied=applied, changes=changes)
    method.__name__ = method.__qualname__ = op.name
    return method


# ---- Pulls ------------------------------------------------------------------------------------------------------------

PULL = """
def pull(node, g, grads):{arrived}
    {parents} = {slots}
    out, {operands} = {data}"""
PULL_JOINT = """
def pull(node, g, grads):{arrived}
    parents = node.parents
    shares = rule0(xp, g, node{content}, *[x{content} for x in parents])
    for parent, share in zip(parents, shares, strict=True):"""


def made_pull(op: Op, reading: Reading) -> Callable[[Any, Any, Any], None] | None:
    """Return a function of (node, g, grads) that adds to `grads` the shares of the parents of a node of this row.

    For tanh and floats it is

        def pull(node, g, grads):
            parent0 = node._left
            out, x = node._content, parent0._content
            if parent0 in grads:
                grads[parent0] += (g * sech2(x))

    None for a user's own row, one with an index, and one of any number of parents with a rule for each.
    """
    if not (op.is_ours and op.is_kept and (op.is_joint or len(op.vjps) == len(op.operands))):
        op.pulls[reading] = None  # so that it is not tried again
        return None
    texts, content = TEXTS[reading], "._content" if reading.reads_content else ""
    rules = {f"rule{i}": rule for i, rule in enumerate([op.vjps] if op.is_joint else op.vjps)}
    if op.is_joint:
        source = PULL_JOINT.format(arrived=texts.arrived, content=content)
        source += indent(texts.received.format(parent="parent", share="share"), "    ")
    else:
        parents, names = [f"parent{i}" for i in range(len(rules))], ["g", "out", *op.operands]
        source = PULL.format(
            arrived=texts.arrived,
            parents=", ".join(parents),
            slots="node._left, node._right" if len(rules) == 2 else "node._left",
            operands=", ".join(op.operands),
            data=", ".join(f"{name}{content}" for name in ["node", *parents]),
        )
        for parent, (name, rule) in zip(parents, rules.items(), strict=True):
            source += texts.received.format(parent=parent, share=_written_or_called(name, rule, names))
    op.pulls[reading] = _made_function(source, "pull", reading, f"the pull of {op.name}", op=op, **rules)
    return op.pulls[reading]  # type: ignore[no-any-return]
