"""Op: one operation as a row of the table states it, and its two verbs, `value` and `shares`.

A row holds the forward and, for each parent, the local derivative as a vector-Jacobian product (vjp). Both use
only operators, indexing and the functions of a namespace `xp`; np and math serve for constants alone. Whoever runs a row
chooses `xp` and the operands, and so what comes out: numbers, arrays, a graph that can be differentiated
again, or a formula. Each such choice is a `Reading` (readings.py).

Glossary: `xp` the namespace; `x`, `y` the operands; `out` the result; `g` the gradient of the loss with respect to `out`;
`share` what one parent receives (it may have the broadcast shape: the engine sums it to the parent's); `grads` the
dict of gradients; `n`, `axis`, `index`, … static parameters, fixed when the row is made and never parents.
"""

import functools
import inspect
import sys
import types
from collections.abc import Callable, Sequence
from typing import Any

from ..errors import GraphError

Rule = Callable[..., Any]
OURS = __name__.rpartition(".")[0]  # the package of the table


# Marks a share that was not computed. It is not None, as a faulty rule may return None.
NOT_WANTED: Any = object()


class Op:
    """One operation: `forward(xp, *operands)` and its local derivatives. A row is called like a function.

    `vjps` is a tuple with one `vjp(xp, g, out, *operands)` for each parent; or a single function that returns the shares
    of all parents, for operations with any number of them; or empty, where there is no derivative (a comparison, an argsort).
    `doc` says what the value is and, after a semicolon, gives an example. `params` are the static parameters by name.

    >>> import autograd_mini as ag
    >>> cube = ag.Op("cube", lambda xp, x: x * x * x, (lambda xp, g, out, x: g * 3.0 * x * x,))
    >>> ag.gradients(cube(x := ag.Value(2.0)), x)
    12.0
    """

    arrays_only = False  # whether the result is a Tensor even where the operands are Values
    __call__: Rule  # node.apply(self, *operands): node.py sets it

    def __init__(self, name: str, forward: Rule, vjps: Sequence[Rule] | Rule = (), doc: str = "") -> None:
        self.is_joint = callable(vjps)
        rules: Any = vjps if callable(vjps) else tuple(vjps)
        all_rules = (forward, rules) if self.is_joint else (forward, *rules)
        if not all(map(callable, all_rules)):
            raise TypeError(
                f"Op {name!r}: forward must be a function, vjps a function for each parent, "
                "or one that returns all shares"
            )
        self.name, self.forward, self.vjps, self.doc = name, forward, rules, doc
        self.params: dict[str, Any] = {}
        self.maker: Any = None  # the family that made it, where it has static parameters
        self.is_kept = True  # whether it is used again and again, so that quick code for it pays
        self.has_derivative = bool(rules)
        self.__module__ = getattr(forward, "__module__", None) or __name__
        # whether all its rules are written in this package, so that their results need no checking
        self.is_ours = all(str(getattr(rule, "__module__", "")).startswith(OURS) for rule in all_rules)
        # Code made from it, for speed alone: quick.py, which is read last, fills both
        self.quick: dict[type, Any] = {}  # quick methods, by the class of the first operand
        self.pulls: dict[Any, Any] = {}  # by reading
        self.__name__ = self.__qualname__ = name
        if doc:
            self._document()

    def value(self, reading: Any, operands: Sequence[Any]) -> Any:
        """Return the result of the forward on these operands, computed as the reading says."""
        return self._run(self.forward, reading, operands)

    def _run(self, rule: Rule, reading: Any, operands: Sequence[Any]) -> Any:
        if not self.is_ours:
            operands = reading.lent(operands)
        try:
            return rule(reading.xp, *operands)
        except reading.refusals:
            return reading.read_again(rule, *operands)

    def shares(
        self, reading: Any, g: Any, out: Any, operands: Sequence[Any], wanted: Sequence[bool]
    ) -> Sequence[Any]:
        """Return what each parent receives of the gradient `g` that arrives at `out`: the chain rule of one node.

        Let L be the loss, and `out` = f(x, y). If x changes a little, so does `out`, and with it L:

            ∂L/∂x = ∂L/∂out · ∂out/∂x         in words: share of x = g · local derivative

        A rule of the row computes that product at once, without ever forming the local derivative (for arrays that
        would be a matrix of every number of `out` by every number of x). The engine hands `g` down from the loss to
        the leaves, node by node, and adds up what a node receives from all the nodes that used it.

        `wanted` says of each parent whether its share is needed. Where it is not, the share is NOT_WANTED and its rule
        is not run. Raises GraphError where the rules do not fit the parents.
        """
        self.check_parents(len(operands))
        given = (g, out, *operands)
        if not self.is_joint:
            pairs = zip(self.vjps, wanted, strict=True)
            return [self._run(rule, reading, given) if want else NOT_WANTED for rule, want in pairs]
        found = self._run(self.vjps, reading, given)
        is_list = isinstance(found, list | tuple)
        if not is_list or len(found) != len(operands):
            what = f"{len(found)} gradients" if is_list else f"a {type(found).__name__}"
            raise GraphError(
                f"{self.name!r} returned {what} for {len(operands)} parents: "
                "give one gradient for each, in order"
            )
        return [share if want else NOT_WANTED for share, want in zip(found, wanted, strict=True)]

    def check_parents(self, count: int) -> None:
        """Raise GraphError where the number of rules is not that of the parents."""
        if not self.is_joint and self.has_derivative and len(self.vjps) != count:
            raise GraphError(
                f"{self.name!r} has {len(self.vjps)} vjps for {count} parents: give one for each, in order"
            )

    @property
    def operands(self) -> list[str]:
        """The names of the operands, which are the arguments of the forward; none where it takes any number of them."""
        if isinstance(self.forward, types.FunctionType):
            code = self.forward.__code__  # a hundred times quicker than a signature
            return list(code.co_varnames[1 : code.co_argcount])
        places = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        parameters = inspect.signature(self.forward).parameters.values()
        return [parameter.name for parameter in parameters if parameter.kind in places][1:]

    def _document(self) -> None:
        """Give the row the signature and the docstring of a function."""
        names = self.operands
        kind = inspect.Parameter.POSITIONAL_ONLY
        self.__signature__ = inspect.Signature([inspect.Parameter(name, kind) for name in names])
        what, _, example = self.doc.partition("; ")
        call, _, result = example.partition(" = ")
        by_element = "" if self.arrays_only else ", element by element"
        shapes, fault = "", ""
        if len(names) > 1:
            shapes = "" if self.arrays_only else "; shapes broadcast, the result has the broadcast shape"
            fault = "ShapeError for shapes that do not fit,\n    "
        self.__doc__ = (
            f"Return {what}{by_element}.\n\n"
            f"    Arguments: {', '.join(names)}, numbers, arrays, Values or Tensors{shapes}.\n"
            f"    Nodes give a node, raw data give raw data. Raises {fault}"
            "DTypeError for an argument that is neither a number nor an array.\n"
        )
        if example:
            self.__doc__ += f"\n    >>> import autograd_mini as ag\n    >>> ag.{call}\n    {result}\n"

    def __get__(self, node: Any, owner: Any = None) -> Any:
        """A row that stands in a class is a method, as a function would be."""
        return self if node is None else types.MethodType(self, node)

    def __reduce__(self) -> Any:
        """A row is pickled by its name and so stays the same object; a row of a family by the family and the parameters."""
        if self.maker:
            return self.maker, tuple(self.params.values())
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
    """Turn a function of static parameters into a family of rows: each set of parameters gives a row with these `params`.

    With `is_kept` the same parameters give the same row again. An index cannot be hashed, so rows with one are not kept.
    """
    names = make.__code__.co_varnames[: make.__code__.co_argcount]

    def row_of(*params: Any) -> Op:
        row = make(*params)
        row.params, row.maker = dict(zip(names, params, strict=True)), found
        row.is_kept = is_kept
        return row

    found = functools.lru_cache(maxsize=4096, typed=True)(row_of) if is_kept else row_of
    return functools.wraps(make)(found)
