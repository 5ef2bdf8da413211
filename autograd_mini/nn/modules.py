"""Module, and the layers on Tensors."""

import contextlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, Self

import numpy as np

from ..core import array_rows, functions, rows
from ..core.node import Habit, Node
from ..core.tensor import Tensor, replace_all
from ..core.value import Value
from ..draw.reprs import as_html, as_text, table
from ..errors import ShapeError, StateDictError
from ..support.coercion import whole
from ..support.interrupts import assign
from ..support.modes import meta_here, no_grad, recorder, set_meta
from .activations import Activation, activation_of, identity
from .place import Place
from .state import taken

# What summary() writes down of each call
_calls: ContextVar[list[Any] | None] = ContextVar("calls", default=None)
NOWHERE: Any = {"scope": (None, "nowhere")}
# What other libraries' models have: support/advice.py says what it is here
HABITS = """
    compile fit predict evaluate to cuda get_weights set_weights weights trainable_variables register_buffer
    requires_grad_
""".split()  # noqa: SIM905


class Module:
    """What has parameters and can be called: subclass it, keep parameters and other Modules as attributes, write `forward`.

    Parameters are the leaf Values and Tensors that require a gradient, found in attributes and in lists, tuples and dicts of them,
    in the order they were set; one that is held twice counts once.

    >>> import autograd_mini as ag
    >>> class Scale(ag.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.factor = ag.Tensor(2.0)
    ...
    ...     def forward(self, x):
    ...         return self.factor * x
    >>> Scale()(3.0).item(), [name for name, _ in Scale().named_parameters()]
    (6.0, ['factor'])
    """

    # The last two are no attributes: neither walked nor copied
    __slots__ = ("__dict__", "__weakref__", "_meta", "_place")
    training: bool
    _meta: dict[str, Any]  # what was made in the last call bears it
    _place: Place

    def __init__(self) -> None:
        self.training = True

    def __getstate__(self) -> Any:
        return self.__dict__

    def __del__(self) -> None:
        # One that was never called, a half-made one, or the end of the program
        with contextlib.suppress(Exception):
            if self._meta["scope"][1] is None:
                self._place.leave(self)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What a call computes."""
        raise NotImplementedError(f"{type(self).__name__} has no forward(self, x): write one")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if "training" not in self.__dict__:
            self._check()
        meta = around = meta_here()
        # What is made now is made by this; the same meta as at the last call, where that was in the same place
        if around is not False:
            outer = around and around["scope"]
            try:
                meta = self._meta
            except AttributeError:  # the first call
                self._place, meta = Place(self), NOWHERE
            if meta["scope"][1] is not outer:
                meta = self._meta = {"scope": (self._place, outer)}
        try:
            try:
                set_meta(meta)
                out = self.forward(*args, **kwargs)
            finally:
                set_meta(around)
        finally:  # once more, as Ctrl-C may have come in the inner block
            set_meta(around)
        if (calls := _calls.get()) is not None:
            calls.append((self, [_shape(x) for x in args], _shape(out)))
        return out

    def _check(self) -> None:
        if "training" not in vars(self):
            raise AttributeError(f"{type(self).__name__}.__init__ must call super().__init__()")

    def _walk(self) -> Iterator[tuple[str, Any]]:
        """Yield the path, as `layers.0.weight`, and the item, of every Module and leaf node below this one, each once."""
        self._check()
        seen: set[int] = set()
        stack: list[tuple[str, Any]] = [("", self)]
        while stack:
            path, item = stack.pop()
            if not isinstance(item, Node | Module | dict | list | tuple) or id(item) in seen:
                continue
            seen.add(id(item))
            if isinstance(item, Node):
                if item.op is None:
                    yield path, item
                continue
            if isinstance(item, Module):
                item._check()
                yield path, item
            parts = vars(item) if isinstance(item, Module) else item
            inner = enumerate(parts) if isinstance(parts, list | tuple) else parts.items()
            stack += [(f"{path}.{key}" if path else str(key), part) for key, part in inner][::-1]

    def named_parameters(self) -> Iterator[tuple[str, Node]]:
        """Yield the path, as `layers.0.weight`, and the node of every parameter that requires a gradient, each node once."""
        return ((path, item) for path, item in self._walk() if isinstance(item, Node) and item.requires_grad)

    def named_leaves(self) -> Iterator[tuple[str, Node]]:
        """Yield the path and the node of every leaf node, each once: parameters, frozen ones, and constants."""
        return ((path, item) for path, item in self._walk() if isinstance(item, Node))

    def parameters(self) -> list[Any]:
        """Return the parameters, in the order of named_parameters."""
        return [parameter for _, parameter in self.named_parameters()]

    def named_modules(self) -> Iterator[tuple[str, "Module"]]:
        """Yield the path and the Module, of this one (its path is empty) and of all below it, each once."""
        return ((path, item) for path, item in self._walk() if isinstance(item, Module))

    def modules(self) -> list["Module"]:
        """Return this Module and all below it."""
        return [module for _, module in self.named_modules()]

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self.parameters():
            parameter.zero_grad()

    def train(self, mode: bool = True) -> Self:
        """Set training mode, or with False evaluation, here and below (Dropout heeds it). Returns the Module."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Set evaluation mode, here and below. Returns the Module."""
        return self.train(False)

    def freeze(self) -> Self:
        """Make constants of the parameters, until `unfreeze`: they are not in parameters(), but stay in state_dict()."""
        return self._require(False, self.parameters())

    def unfreeze(self) -> Self:
        """Make parameters again of what `freeze` made constant."""
        leaves = [leaf for _, leaf in self.named_leaves()]
        return self._require(True, [leaf for leaf in leaves if leaf.meta and leaf.meta.get("frozen")])

    def _require(self, wanted: bool, nodes: Sequence[Any]) -> Self:
        """Say, all at once, whether these nodes require a gradient."""
        metas = [{**(node.meta or {}), "frozen": not wanted} for node in nodes]
        changes = [(node, "requires_grad", wanted) for node in nodes]
        assign([*changes, *((node, "meta", meta) for node, meta in zip(nodes, metas, strict=True))])
        return self

    def _nodes(self) -> dict[str, Any]:
        """Every leaf node by its path. ValueError where two have the same."""
        found: dict[str, Any] = {}
        for path, item in self.named_leaves():
            if path in found:
                fault = f"have the path {path}: no dots in the keys of a dict"
                raise ValueError(f"two parameters of {type(self).__name__} {fault}")
            found[path] = item
        return found

    def state_dict(self) -> dict[str, Any]:
        """Return a copy of the data of every leaf node by its path: parameters, frozen ones, and constants.

        >>> Linear(2, 1, rng=0).state_dict()["bias"].shape
        (1,)
        """
        return {path: np.array(item.data) for path, item in self._nodes().items()}

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> tuple[list[str], list[str]]:
        """Take the data of all nodes from a state_dict; all or none. Returns the missing and the unexpected names.

        StateDictError lists everything that is missing, unexpected, of another shape, not finite, or too large for float32;
        with strict=False names that are missing or unexpected are passed over.
        """
        if not isinstance(state, Mapping):
            given = type(state).__name__
            raise StateDictError(f"load_state_dict: a dict of arrays by name is needed, got {given}")
        nodes = self._nodes()
        own = {name: np.asarray(node.data) for name, node in nodes.items()}
        found, wrong = taken(own, {str(k): x.data if isinstance(x, Node) else x for k, x in state.items()})
        missing = [name for name in nodes if name not in state]
        unexpected = [str(name) for name in state if name not in nodes]
        if not strict:
            wrong = [fault for fault in wrong if not fault.startswith(("missing ", "unexpected "))]
        if wrong:
            raise StateDictError(f"nothing was loaded into {type(self).__name__}: {'; '.join(wrong)}")
        data = [float(x) if type(nodes[name]) is Value else x for name, x in found.items()]
        replace_all([nodes[name] for name in found], data)
        return missing, unexpected

    def summary(self, x: Any = None) -> str:
        """Return a table of the layers: weight shapes and numbers of parameters; with an input, the shapes that pass through.

        `x` is an input, or the shape of one as a tuple of ints. The model is run on it once, in evaluation mode.

        >>> print(Linear(2, 3, rng=0).summary((5, 2)))
        layer   input   weights                   output  parameters
        Linear  (5, 2)  weight (2, 3), bias (3,)  (5, 3)           9
        9 parameters
        """
        [head, *rows], below = self._table(x)
        widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
        lines = []
        for *cells, count in [head, *rows]:
            aligned = [*map(str.ljust, cells, widths), count.rjust(widths[-1])]
            lines.append("  ".join(aligned).rstrip())
        return "\n".join([*lines, below])

    def _table(self, x: Any = None) -> tuple[list[list[str]], str]:
        """The rows of the summary, the head first, and the line below them."""
        shapes = self._shapes(x) if x is not None else {}
        rows = [["layer", "input", "weights", "output", "parameters"]]
        leaves, modules = self._nodes(), dict(self.named_modules())
        own: dict[str, list[tuple[str, Any]]] = {}
        for name, node in leaves.items():
            own.setdefault(_owner(name, modules), []).append((name, node))
        depths = {"": 0}
        for path, module in modules.items():
            if path:
                depths[path] = depths[_owner(path, modules)] + 1
            nodes = own.get(path, [])
            weights, size = _weights(path, nodes), sum(node.size for _, node in nodes)
            taken, given = shapes.get(id(module), ("", ""))
            title = "  " * depths[path] + (f"{path.rpartition('.')[2]} " if path else "") + module.title()
            rows.append([title, taken, weights, given, f"{size:,}" if size else ""])
        if not shapes:
            rows = [row[::2] for row in rows]
        if len(rows) > 61:
            rows = [*rows[:61], [f"… and {len(rows) - 61} more", *[""] * (len(rows[0]) - 1)]]
        trained = sum(node.size for node in leaves.values() if node.requires_grad)
        fixed = sum(node.size for node in leaves.values()) - trained
        return rows, f"{trained:,} parameters" + (f", {fixed:,} more are constant or frozen" if fixed else "")

    def _shapes(self, x: Any) -> dict[int, tuple[str, str]]:
        """The shapes that go into and come out of each Module, when it is called on x."""
        if isinstance(x, tuple) and x and all(type(n) is int for n in x):
            x = np.zeros(x)
        modes, token = training_modes(self), _calls.set([])
        try:
            with no_grad():
                self.eval()(x)
            return {id(module): (", ".join(taken), given) for module, taken, given in _calls.get() or []}
        finally:
            _calls.reset(token)
            set_modes(modes)

    def title(self) -> str:
        """What the summary calls this Module: its class, and what was chosen."""
        return type(self).__name__

    @as_text
    def __repr__(self) -> str:
        return self.summary()

    @as_html
    def _repr_html_(self) -> str:
        [head, *rows], below = self._table()
        return f"{table(head, rows, 1)}<div>{below}</div>"

    def to_torch(self) -> Any:
        """Return the same network as a torch.nn.Module, weights and dtype equal: for Linear, Sequential, MLP, Dropout, activations.

        NotImplementedError names what has no counterpart; ImportError where PyTorch is not installed.
        """
        from .torch import to_torch

        return to_torch(self)


for _name in HABITS:
    setattr(Module, _name, Habit(_name, "habit_of_module"))


def _shape(x: Any) -> str:
    """The shape as the summary shows it; a list of nodes is counted."""
    if isinstance(x, list) and x and isinstance(x[0], Node | list):
        return f"{len(x)} × {_shape(x[0])}"
    return str(functions.shape(x) or "number")


def _owner(path: str, modules: Mapping[str, Module]) -> str:
    """The path of the innermost Module that holds what is at that path."""
    owner = path.rpartition(".")[0]
    while owner not in modules:
        owner = owner.rpartition(".")[0]
    return owner


def _weights(path: str, own: Sequence[tuple[str, Any]]) -> str:
    """The shapes of a Module's own nodes; many single numbers of one list are counted."""
    names = [(name[len(path) + 1 :] if path else name, node) for name, node in own]
    out = []
    for head, group in itertools.groupby(names, key=lambda item: item[0].partition(".")[0]):
        nodes = [node for _, node in group]
        out.append(f"{head} {_shape(nodes if len(nodes) > 1 else nodes[0])}")
    return ", ".join(out)


class Linear(Module):
    """x @ weight + bias: (…, in_features) → (…, out_features).

    `weight` has shape (in_features, out_features), `bias` (out_features,), or is None with `bias=False`. Both start uniform in
    ±1/√in_features, as PyTorch's; or the weight as `init`, an initialiser of nn.init, says, and then the bias at 0. `rng`: a
    seed or numpy.random.Generator; `dtype`: float64 or float32.

    >>> layer = Linear(2, 3, rng=0)
    >>> layer([[1.0, 2.0]]).shape
    (1, 3)
    """

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, *,
        init: Any = None, rng: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.in_features = whole("in_features", in_features, 1)
        self.out_features = whole("out_features", out_features, 1)
        random, bound = np.random.default_rng(rng), self.in_features**-0.5
        dtype, shape = np.float64 if dtype is None else dtype, (self.in_features, self.out_features)
        start = random.uniform(-bound, bound, shape) if init is None else init(shape, random)
        self.weight = Tensor(start, dtype=dtype)
        if self.weight.shape != shape:
            raise ShapeError(f"Linear: init gave shape {self.weight.shape} for a weight of {shape}")
        start = random.uniform(-bound, bound, shape[1]) if init is None else np.zeros(shape[1])
        self.bias = Tensor(start, dtype=dtype) if bias else None

    def forward(self, x: Any) -> Any:
        """Return x @ weight + bias."""
        if self.bias is None:
            return array_rows.matmul(x, self.weight)
        return array_rows.linear(x, self.weight, self.bias)


class Sequential(Module):
    """Modules, or functions of one argument, one after the other.

    >>> import autograd_mini as ag
    >>> net = Sequential(Linear(2, 3, rng=0), ag.tanh, Linear(3, 1, rng=1))
    >>> net([[0.0, 1.0]]).shape, len(net), len(net.parameters())
    ((1, 1), 3, 4)
    """

    def __init__(self, *layers: Callable[[Any], Any]) -> None:
        super().__init__()
        for i, layer in enumerate(layers):
            fault = f"Sequential: layer {i} is"
            if not callable(layer):
                advice = "give Modules and functions, not a list of them"
                raise TypeError(f"{fault} a {type(layer).__name__}: {advice}")
            if isinstance(layer, type):
                raise TypeError(f"{fault} the class {layer.__name__}: pass {layer.__name__}()")
        self.layers = list(layers)

    def forward(self, x: Any) -> Any:
        """Return what the last layer gives."""
        for layer in self.layers:
            x = layer(x)
        return x

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, i: int) -> Any:
        return self.layers[i]


class Dropout(Module):
    """In training, each number is 0 with probability p, and the others grow by 1 / (1 − p); in evaluation, nothing happens.

    It has a generator of its own: `rng`, a seed or numpy.random.Generator. Raises ValueError for p outside [0, 1).
    Srivastava et al. 2014, jmlr.org/papers/v15/srivastava14a.html.

    >>> Dropout(0.5, rng=0)([[1.0, 1.0, 1.0, 1.0]]).tolist()
    [[2.0, 0.0, 0.0, 0.0]]
    """

    def __init__(self, p: float = 0.5, *, rng: Any = None) -> None:
        super().__init__()
        if isinstance(p, bool) or not isinstance(p, int | float | np.number):
            raise TypeError(f"p must be a probability in [0, 1), got {p!r}")
        if not 0 <= p < 1:
            raise ValueError(f"p must be a probability in [0, 1), got {p}")
        self.p, self.random = float(p), np.random.default_rng(rng)

    def forward(self, x: Any) -> Any:
        """Return x, in training with some numbers dropped."""
        if not self.training or not self.p:
            return identity(x)
        if (trace := recorder()) is not None:
            advice = "compile the model in evaluation mode, or take the mask as an argument"
            trace.refuse("Dropout in training", x, advice)
        kept = self.random.random(functions.shape(x)) >= self.p
        dtype = np.float32 if getattr(x, "dtype", None) == np.float32 else np.float64
        return rows.multiply(x, (kept / (1.0 - self.p)).astype(dtype))

    def title(self) -> str:
        return f"Dropout({self.p})"


class MLP(Module):
    """A multi-layer perceptron: Linear layers of the sizes given, `activation` between them, `output` after the last.

    `activation` and `output` are names (relu, tanh, sigmoid, …) or functions. Shapes (…, sizes[0]) → (…, sizes[-1]). `init`,
    `rng` and `dtype` are Linear's.

    >>> net = MLP([2, 3, 1], activation="tanh", rng=0)
    >>> net([[0.0, 1.0]]).shape, len(net.parameters())
    ((1, 1), 4)
    """

    def __init__(
        self, sizes: Sequence[int], activation: Activation = "relu", output: Activation = "identity",
        bias: bool = True, *, init: Any = None, rng: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        if not isinstance(sizes, Sequence) or len(sizes) < 2:
            raise ValueError(f"sizes must be a list of at least the input's and the output's, got {sizes!r}")
        self.activation, self.output = activation_of(activation), activation_of(output)
        random = np.random.default_rng(rng)
        options = {"init": init, "rng": random, "dtype": dtype}
        self.layers = [Linear(m, n, bias, **options) for m, n in itertools.pairwise(sizes)]

    def forward(self, x: Any) -> Any:
        """Return the output for a batch (…, sizes[0])."""
        for layer in self.layers[:-1]:
            x = self.activation(layer(x))
        return self.output(self.layers[-1](x))

    def title(self) -> str:
        sizes = [self.layers[0].in_features, *(layer.out_features for layer in self.layers)]
        inner, last = (getattr(f, "__name__", type(f).__name__) for f in (self.activation, self.output))
        then = "" if last == "identity" else f", then {last}"
        return f"MLP({' → '.join(map(str, sizes))}, {inner}{then})"

    def to_scalar(self) -> Any:
        """Return the same network on Values, an nn.scalar.MLP with these weights, so that every neuron can be looked at.

        ValueError where an activation mixes the neurons of a layer (softmax).

        >>> net = MLP([2, 3, 1], activation="tanh", rng=0)
        >>> abs(net.to_scalar()([0.0, 1.0]).data - net([0.0, 1.0]).item()) < 1e-15
        True
        """
        from . import scalar
        from .activation_modules import Softmax

        mixing = (functions.softmax, functions.log_softmax)
        if any(f in mixing or isinstance(f, Softmax) for f in (self.activation, self.output)):
            advice = "take it of the outputs, ag.softmax(ag.Tensor(outputs))"
            raise ValueError(f"to_scalar: softmax mixes the neurons of a layer: {advice}")
        return scalar.MLP.from_layers(self.layers, self.activation, self.output)


# ---- Training modes ---------------------------------------------------------------------------------------------------


def training_modes(model: Any) -> list[tuple[Any, bool]]:
    """Each part of a model that has a training mode, and the mode, to be put back with `set_modes`."""
    parts = model.modules() if callable(getattr(model, "modules", None)) else [model]
    return [(part, part.training) for part in parts if hasattr(part, "training")]


def set_modes(modes: Iterable[tuple[Any, bool]]) -> None:
    """Give parts of a model these training modes."""
    for part, mode in modes:
        part.training = mode
