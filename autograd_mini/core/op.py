"""Op: one operation as a row of the table states it, and its two verbs, `value` and `shares`.

A row holds the forward and, for each parent, the local derivative as a vector-Jacobian product (vjp). It is written with
operators and functions of a namespace `xp` alone; who reads the row decides what `xp` and the operands are, and so what
comes out: numbers, arrays, a graph that can be differentiated again, or a formula. Such a way to read is a `Reading`.

Glossary: `xp` the namespace; `x`, `y` the operands; `out` the result; `g` the gradient of the loss with respect to `out`;
`share` what one parent receives (it may be of the broadcast shape: the engine sums it to the parent's); `grads` the
dict of gradients; `n`, `axis`, `index`, … static parameters, fixed when the row is made and never parents.
"""

import functools
import inspect
import math
import sys
import types
from collections.abc import Callable, Sequence
from typing import Any

from ..errors import GraphError

Rule = Callable[..., Any]
OURS = __name__.rpartition(".")[0]  # the package of the table


class _NotWanted:
    """The mark of a share that nobody asked for; a rule that returns None by mistake is told apart from it."""

    def __repr__(self) -> str:
        return "NOT_WANTED"


NOT_WANTED: Any = _NotWanted()


class Op:
    """One operation: `forward(xp, *operands)` and its local derivatives. A row is called as a function is.

    `vjps` is a tuple with one `vjp(xp, g, out, *operands)` for each parent; or a single function that returns the shares
    of all parents, for operations with any number of them; or empty, where there is no derivative (a mask, an index).
    `doc` says what the value is and, after a semicolon, an example. `params` are the static parameters by name.

    >>> import autograd_mini as ag
    >>> cube = ag.Op("cube", lambda xp, x: x * x * x, (lambda xp, g, out, x: g * 3.0 * x * x,))
    >>> ag.gradients(cube(x := ag.Value(2.0)), x)
    12.0
    """

    arrays_only = False  # whether the result is a Tensor, of Values too
    __call__: Rule  # core/node.py puts it here: an operation is called as it is applied

    def __init__(self, name: str, forward: Rule, vjps: Sequence[Rule] | Rule = (), doc: str = "") -> None:
        rules: Any = vjps if callable(vjps) else tuple(vjps)
        all_rules = (forward, rules) if callable(vjps) else (forward, *rules)
        if not all(map(callable, all_rules)):
            raise TypeError(
                f"Op {name!r}: forward must be a function, vjps a function for each parent, "
                "or one that returns all shares"
            )
        self.name, self.forward, self.vjps, self.doc = name, forward, rules, doc
        self.params: dict[str, Any] = {}
        self.family: Any = None  # the function of static parameters that made it
        self.is_joint = callable(rules)  # one rule for all parents
        self.has_derivative = bool(rules)
        self.__module__ = getattr(forward, "__module__", None) or __name__
        written_in = [str(getattr(rule, "__module__", "")) for rule in all_rules]
        self.is_ours = all(name.startswith(OURS) for name in written_in)  # its results need no checking
        self.quick: Any = None  # what made_quick made of the rules, once a sweep over floats has asked
        self.__name__ = self.__qualname__ = name
        if doc:
            self._document()

    def value(self, reading: Any, operands: Sequence[Any]) -> Any:
        """Return the result, read so."""
        try:
            return self.forward(reading.xp, *operands)
        except reading.refusals:
            return reading.read_again(self.forward, *operands)

    def shares(
        self, reading: Any, g: Any, out: Any, operands: Sequence[Any], wanted: Sequence[bool]
    ) -> Sequence[Any]:
        """Return what each parent receives of the gradient `g` that arrives at `out`: the chain rule of one node.

        Let L be the loss, and `out` = f(x, y). If x changes a little, so does `out`, and with it L:

            ∂L/∂x = ∂L/∂out · ∂out/∂x         in words: share of x = g · local derivative

        A rule of the row computes that product at once, without ever forming the local derivative (for arrays that
        would be a matrix of every number of `out` by every number of x). The engine hands `g` down from the loss to
        the leaves, node by node, and adds up what a node receives from all that used it.

        `wanted` says of each parent whether its share is needed; one that is not is NOT_WANTED, and its rule is not
        run. Raises GraphError where the rules do not fit the parents.
        """
        xp, rules = reading.xp, (self.vjps,) if self.is_joint else self.vjps
        if not self.is_joint and len(rules) != len(operands):
            raise GraphError(self._does_not_fit(f"has {len(rules)} vjps", operands))
        found: Any = []
        for rule, want in zip(rules, wanted):  # noqa: B905  (a keyword here is a tenth of the loop)
            if not want and not self.is_joint:
                found.append(NOT_WANTED)
                continue
            try:
                found.append(rule(xp, g, out, *operands))
            except reading.refusals:
                found.append(reading.read_again(rule, g, out, *operands))
        if not self.is_joint:
            return found  # type: ignore[no-any-return]
        (found,) = found
        if not isinstance(found, list | tuple):
            raise GraphError(self._does_not_fit(f"returned a {type(found).__name__}", operands))
        if len(found) != len(operands):
            raise GraphError(self._does_not_fit(f"returned {len(found)} gradients", operands))
        return [share if want else NOT_WANTED for share, want in zip(found, wanted, strict=True)]

    def _does_not_fit(self, what: str, operands: Sequence[Any]) -> str:
        return f"{self.name!r} {what} for {len(operands)} parents: give one gradient for each, in order"

    @property
    def operands(self) -> list[str]:
        """The names of the operands, as the forward has them."""
        code = self.forward.__code__
        return list(code.co_varnames[1 : code.co_argcount])

    def _document(self) -> None:
        """Give the row the signature and the docstring of a function."""
        names = self.operands
        kind = inspect.Parameter.POSITIONAL_ONLY
        self.__signature__ = inspect.Signature([inspect.Parameter(name, kind) for name in names])
        what, _, example = self.doc.partition("; ")
        call, _, result = example.partition(" = ")
        where = "" if self.arrays_only else ", element by element"
        self.__doc__ = f"Return {what}{where}.\n\n    Arguments: {', '.join(names)}, numbers, arrays, Values "
        if not self.arrays_only:
            self.__doc__ += (
                "or Tensors; shapes broadcast, the result has the broadcast shape. Nodes\n    give a "
            )
        else:
            self.__doc__ += "or Tensors. Nodes give a\n    "
        self.__doc__ += (
            "node, raw data raw data. Raises ShapeError for shapes that do not fit, DTypeError for what\n"
        )
        self.__doc__ += "    is no number or array.\n"
        if example:
            self.__doc__ += f"\n    >>> import autograd_mini as ag\n    >>> ag.{call}\n    {result}\n"

    def __get__(self, node: Any, owner: Any = None) -> Any:
        """A row in a class is a method, as a function is."""
        return self if node is None else types.MethodType(self, node)

    def __reduce__(self) -> Any:
        """A row pickles by its name, or its family's name and parameters, so that it stays the same object."""
        if self.family:
            return self.family, tuple(self.params.values())
        for name, thing in vars(sys.modules[self.__module__]).items():
            if thing is self:
                return name
        raise TypeError(
            f"{self!r} can be pickled only where it is a variable of its module, {self.__module__}"
        )

    def __copy__(self) -> "Op":
        return self

    def __deepcopy__(self, memo: Any) -> "Op":
        return self

    def __repr__(self) -> str:
        params = ", ".join(f"{name}={value!r}" for name, value in self.params.items())
        return f"Op({self.name!r}{', ' if params else ''}{params})"


def family(make: Callable[..., Op], is_kept: bool = True) -> Callable[..., Op]:
    """Make of a function of static parameters a family of rows: one row for each set of them, which bears them.

    With `is_kept` the same parameters give the same row again; those of an index cannot be hashed.
    """
    names = make.__code__.co_varnames[: make.__code__.co_argcount]

    def row_of(*params: Any) -> Op:
        row = make(*params)
        row.params, row.family = dict(zip(names, params, strict=True)), found
        return row

    found = functools.lru_cache(maxsize=4096, typed=True)(row_of) if is_kept else row_of
    return functools.wraps(make)(found)


# ---- Quick code, made from the rows -----------------------------------------------------------------------------------


class Text:
    """An operand as source text: a rule read with these writes itself down."""

    __array_ufunc__ = None  # an array beside it leaves the operation to it

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return self.text

    def __bool__(self) -> bool:
        raise TypeError("a rule asked for the truth of an operand: it must branch by xp.where")

    def __neg__(self) -> "Text":
        return Text(f"(-{self})")

    def __pos__(self) -> "Text":
        return Text(f"(+{self})")


def _infix(sign: str, is_swapped: bool) -> Callable[[Text, Any], Text]:
    if is_swapped:
        return lambda x, y: Text(f"({y!r} {sign} {x})")
    return lambda x, y: Text(f"({x} {sign} {y if isinstance(y, Text) else repr(y)})")


for _name, _sign in (("add", "+"), ("sub", "-"), ("mul", "*"), ("truediv", "/")):
    setattr(Text, f"__{_name}__", _infix(_sign, False))
    setattr(Text, f"__r{_name}__", _infix(_sign, True))


class _Words:
    """The namespace for rules that writes calls down."""

    def __getattr__(self, name: str) -> Callable[..., Text]:
        return lambda *args: Text(
            f"{name}({', '.join(str(x) if isinstance(x, Text) else repr(x) for x in args)})"
        )


def written(rule: Rule, *operands: str) -> str:
    """Return a rule of ours as a Python expression of these names.

    >>> written(lambda xp, g, out, x: g * xp.cos(x), "g", "out", "x")
    '(g * cos(x))'
    """
    return str(rule(_Words(), *map(Text, operands)))


LITERALS = {"inf": math.inf, "nan": math.nan}  # what Python writes and cannot read


def compiled(source: str, names: dict[str, Any], title: str) -> Any:
    """Return what a source text of one expression gives where these names mean these things."""
    return eval(compile(source, f"<{title}>", "eval"), {**names, **LITERALS})


def made_quick(op: Op, xp: Any) -> Rule:
    """Return a function of (g, out, *operands) that gives the share, or all shares, of a row of ours in one call.

    It is for graphs of floats alone: the rules are written down and compiled as one expression, so that at each node no
    rule, no namespace and no list is gone through. That takes 0.6 of the time of a sweep.
    """
    if op.is_joint:
        op.quick = functools.partial(op.vjps, xp)
    else:
        names = ["g", "out", *op.operands]
        shares = ", ".join(written(rule, *names) for rule in op.vjps)
        source = f"lambda {', '.join(names)}: ({shares})"
        op.quick = compiled(source, vars(xp), f"the shares of {op.name}")
    return op.quick  # type: ignore[no-any-return]
