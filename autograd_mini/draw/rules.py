"""One more reading of the table: the rules as formulas in text, with the names of a graph's boxes."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.readings import arrays
from .model import Box
from .summary import number

SUM, PRODUCT, SIGN, POWER, ATOM = range(5)  # how tightly a text holds together
LONGEST = 60  # letters of a formula that still helps
LARGEST = 1_000_000  # numbers in an array that a formula is worth: its rule is computed beside it
COMPARISONS = {
    "greater": ">",
    "greater_equal": "≥",
    "less": "<",
    "less_equal": "≤",
    "equal": "=",
    "not_equal": "≠",
}
COMPARISONS |= {"logical_and": "and", "logical_or": "or"}
SUPERSCRIPT = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
SHAPING = ("broadcast_to", "reshape", "asarray")  # the same numbers in another shape: nothing to say


class Term:
    """A number or array with the text of how it comes about; operators join the texts, and leave out what changes nothing."""

    __array_ufunc__ = None  # an array beside a Term leaves the operation to it
    __slots__ = ("binds", "text", "value")

    def __init__(self, value: Any, text: str | None = None, binds: int = ATOM) -> None:
        self.value = value
        if text is None:
            text = number(value) if np.size(value) == 1 else f"array{np.shape(value)}"
            binds = SIGN if text.startswith("-") else ATOM
        self.text, self.binds = text.replace("-", "−"), binds

    def within(self, binds: int) -> str:
        """The text, in brackets where what stands around it binds more tightly."""
        return self.text if self.binds >= binds else f"({self.text})"

    @property
    def is_one(self) -> bool:
        return self.text == "1"

    @property
    def is_zero(self) -> bool:
        return self.text == "0"

    def __add__(self, other: Any) -> "Term":
        other = term(other)
        value = self.value + other.value
        if self.is_zero or other.is_zero:
            return Term(value, *((other.text, other.binds) if self.is_zero else (self.text, self.binds)))
        if other.binds == SIGN and other.text.startswith("−"):
            return Term(value, f"{self.text} − {other.text[1:]}", SUM)
        return Term(value, f"{self.text} + {other.text}", SUM)

    def __sub__(self, other: Any) -> "Term":
        other = term(other)
        value = self.value - other.value
        if other.is_zero:
            return Term(value, self.text, self.binds)
        return Term(
            value, f"−{other.within(SIGN)}" if self.is_zero else f"{self.text} − {other.within(PRODUCT)}", SUM
        )

    def __mul__(self, other: Any) -> "Term":
        other = term(other)
        value = self.value * other.value
        for one, rest in ((self, other), (other, self)):
            if one.is_one:
                return Term(value, rest.text, rest.binds)
            if one.text == "−1":
                return Term(value, (-rest).text, SIGN)
        if self.is_zero or other.is_zero:
            return Term(value, "0")
        if self.text.startswith("−") and self.binds == SIGN:
            return Term(value, f"−{self.text[1:]} × {other.within(POWER)}", SIGN)
        return Term(value, f"{self.within(PRODUCT)} × {other.within(POWER)}", PRODUCT)

    def __truediv__(self, other: Any) -> "Term":
        other = term(other)
        value = self.value / other.value
        if other.is_one:
            return Term(value, self.text, self.binds)
        return Term(
            value,
            f"{self.within(PRODUCT)} / {other.within(POWER)}",
            PRODUCT if not self.text.startswith("−") else SIGN,
        )

    def __neg__(self) -> "Term":
        if self.binds == SIGN and self.text.startswith("−"):
            return Term(-self.value, self.text[1:], PRODUCT if " " in self.text else ATOM)
        return Term(-self.value, f"−{self.within(PRODUCT)}", SIGN)

    def __pos__(self) -> "Term":
        return self

    def __matmul__(self, other: Any) -> "Term":
        other = term(other)
        return Term(self.value @ other.value, f"{self.within(PRODUCT)} @ {other.within(POWER)}", PRODUCT)

    def __radd__(self, other: Any) -> "Term":
        return term(other) + self

    def __rsub__(self, other: Any) -> "Term":
        return term(other) - self

    def __rmul__(self, other: Any) -> "Term":
        return term(other) * self

    def __rtruediv__(self, other: Any) -> "Term":
        return term(other) / self


def term(x: Any) -> Term:
    """A Term as it is, anything else as one."""
    return x if isinstance(x, Term) else Term(x)


class _Words:
    """A namespace for rules whose functions compute as NumPy does (of floats too: at a pole Python's own raise), and write it down."""

    def shape(self, x: Any) -> Any:
        return np.shape(term(x).value)

    def __getattr__(self, name: str) -> Callable[..., Term]:
        function = getattr(arrays, name)

        def call(*args: Any, **kwargs: Any) -> Term:
            plain = [
                x.value if isinstance(x, Term) else [term(y).value for y in x] if isinstance(x, list) else x
                for x in args
            ]
            return Term(function(*plain, **kwargs), *_written(name, args))

        return call


def _written(name: str, args: Sequence[Any]) -> tuple[str, int]:
    """The text of a function of these arguments, and how tightly it binds."""
    terms = [term(x) for x in args if isinstance(x, Term | int | float | np.ndarray)]
    x = terms[0] if terms else Term(0.0)
    if name in COMPARISONS:
        return f"{x.text} {COMPARISONS[name]} {terms[1].text}", SUM
    if name == "where":
        condition, yes, no = terms
        return (
            (yes.text, yes.binds)
            if yes.text == no.text
            else (f"{yes.text} if {condition.text} else {no.text}", SUM)
        )
    if name == "power" and terms[1].text.lstrip("−").isdigit():
        n = args[1]
        if n == 0:
            return "1", ATOM
        return (x.text, x.binds) if n == 1 else (f"{x.within(ATOM)}{f'{n:g}'.translate(SUPERSCRIPT)}", POWER)
    if name == "power":
        return f"{x.within(ATOM)}^{terms[1].within(ATOM)}", POWER
    if name == "square":
        return f"{x.within(ATOM)}²", POWER
    if name == "zeros_like":
        return "0", ATOM
    if name in SHAPING:
        return x.text, x.binds
    if name == "matmul":
        return f"{x.within(PRODUCT)} @ {terms[1].within(POWER)}", PRODUCT
    if name == "swapaxes" and list(args[1:]) == [-1, -2]:
        return f"{x.within(ATOM)}ᵀ", ATOM
    if name == "sech2":
        return f"1 − tanh²({x.text})", SUM
    if name == "logistic":
        return f"sigmoid({x.text}) × (1 − sigmoid({x.text}))", PRODUCT
    shown = {"sqrt": "√", "normal_pdf": "φ", "normal_cdf": "Φ"}.get(name, name)
    return f"{shown}({', '.join(part.text for part in (terms if name != 'sum' else terms[:1]))})", ATOM


def formula(
    box: Box, position: int, names: Sequence[str], out: str, gradient: str = "g", *, summed: bool = False
) -> str | None:
    """Return the local derivative of a box by its operand at a position, as a formula; for a Tensor what that operand receives.

    `names` are those of the operands, `out` is the box's own, `gradient` what the gradient that arrives at a Tensor is called.
    With `summed` that is in `sum(…)` where the engine sums it to the operand's shape.
    None where there is no derivative, or the formula would be too long to help.

    >>> import autograd_mini as ag
    >>> from autograd_mini.draw.model import Graph
    >>> x = ag.Value(2.0, label="x")
    >>> formula(Graph(x.tanh()).root, 0, ["x"], "y"), formula(Graph(x * 3.0).root, 0, ["x", "3"], "y")
    ('1 − tanh²(x)', '3')
    """
    rules = box.node.vjps
    if not rules or not box.node.parents[position].requires_grad:
        return None
    given = Term(np.ones(box.node.shape), gradient) if box.is_array else Term(np.float64(1.0))
    rule = rules if callable(rules) else rules[position]
    found = _read(
        box, names, lambda xp, operands: rule(xp, given, Term(np.asarray(box.data)[()], out), *operands)
    )
    if found is None:
        return None
    share = term(found[position] if callable(rules) else found)
    larger = summed and np.size(share.value) > box.node.parents[position].size
    text = _short(share)
    return f"sum({text})" if text and larger else text


def expression(box: Box, names: Sequence[str]) -> str | None:
    """Return how the value of a box comes about from its operands, of these names, as a formula; None where it would be too long.

    >>> import autograd_mini as ag
    >>> from autograd_mini.draw.model import Graph
    >>> x = ag.Value(2.0, label="x")
    >>> expression(Graph(-x * 3.0).root, ["x", "3"])
    'x × 3'
    """
    found = (
        None
        if box.node.op is None or not box.parents
        else _read(box, names, lambda xp, operands: box.node.op.forward(xp, *operands))
    )
    return None if found is None else _short(found)


def _read(box: Box, names: Sequence[str], rule: Callable[[Any, list[Term]], Any]) -> Any:
    """What a rule says in words; None for what is too large, and for a user's rule that does more than compute."""
    operands = [parent.data for parent in box.node.parents]
    if max(np.size(x) for x in [box.data, *operands]) > LARGEST:
        return None
    with np.errstate(all="ignore"):
        try:
            terms = [
                Term(np.asarray(x)[()], name, SIGN if name[:1] in "-−" else ATOM)
                for x, name in zip(operands, names, strict=True)
            ]
            return rule(_Words(), terms)
        except Exception:
            return None


def _short(found: Any) -> str | None:
    """The text, if it is one and helps."""
    text = term(found).text
    return text if len(text) <= LONGEST else None
