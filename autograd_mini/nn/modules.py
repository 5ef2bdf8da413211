"""Module, and the layers on Tensors."""

import contextlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, Self

import numpy as np

from ..core import array_rows, functions, rows
from ..core.node import Habit, Node, plain
from ..core.tensor import Tensor, replace_all
from ..core.value import Value
from ..draw.graph import owner
from ..draw.reprs import as_html, as_text, table
from ..errors import ShapeError, StateDictError
from ..support.coercion import finite, flag, generator, whole
from ..support.interrupts import assign
from ..support.modes import meta_here, no_grad, recorder, set_meta
from .activations import Activation, activation_of, identity
from .place import Place
from .state import taken

# The calls that summary() notes: (Module, input shapes, output shape)
_calls: ContextVar[list[Any] | None] = ContextVar("calls", default=None)
NOWHERE: Any = {"scope": (None, "nowhere")}
# Names of other libraries' models: support/advice.py says what to write here
HABITS = """
    compile fit predict evaluate to cuda get_weights set_weights weights trainable_variables register_buffer
    requires_grad_
""".split()  # noqa: SIM905


class Module:
    """A part of a network, with parameters. Subclass it, set parameters and other Modules as attributes, and write `forward`.

    Parameters are the leaf Values and Tensors that require a gradient. They are found in attributes, and in lists, tuples and dicts
    there, in the order in which they were set. One that is held twice counts once.

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

    # The last two stand outside __dict__, so they are neither walked nor copied
    __slots__ = ("__dict__", "__weakref__", "_meta", "_place")
    training: bool
    _meta: dict[str, Any]  # the meta of the nodes that the last call made
    _place: Place

    def __init__(self) -> None:
        self.training = True

    def __getstate__(self) -> Any:
        return self.__dict__

    def __del__(self) -> None:
        # A Module that was never called has no _meta; one that was half made, or at the end of the program, lacks more
        with contextlib.suppress(Exception):
            if self._meta["scope"][1] is None:
                self._place.leave(self)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Return the result of a call. NotImplementedError where a subclass has no forward of its own.

        >>> Linear(2, 1, bias=False, init=lambda shape, rng: np.ones(shape)).forward([[1.0, 2.0]]).tolist()
        [[3.0]]
        """
        raise NotImplementedError(f"{type(self).__name__} has no forward(self, x): write one")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if "training" not in self.__dict__:
            self._check()
        meta = around = meta_here()
        # The nodes made now get this Module's meta: that of the last call, if it was in the same place
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
        finally:  # once more, as Ctrl-C may have interrupted the inner block
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
        """Yield the path, as `layers.0.weight`, and the node of every parameter, each node once.

        >>> [path for path, _ in MLP([2, 1]).named_parameters()]
        ['layers.0.weight', 'layers.0.bias']
        """
        return ((path, item) for path, item in self._walk() if isinstance(item, Node) and item.requires_grad)

    def named_leaves(self) -> Iterator[tuple[str, Node]]:
        """Yield the path and the node of every leaf node, each once: parameters, frozen ones, and constants.

        >>> [path for path, _ in Linear(2, 1).freeze().named_leaves()]
        ['weight', 'bias']
        """
        return ((path, item) for path, item in self._walk() if isinstance(item, Node))

    def parameters(self) -> list[Any]:
        """Return the list of parameters, in the order of named_parameters.

        >>> [parameter.shape for parameter in Linear(2, 3).parameters()]
        [(2, 3), (3,)]
        """
        return [parameter for _, parameter in self.named_parameters()]

    def named_modules(self) -> Iterator[tuple[str, "Module"]]:
        """Yield the path and the Module: this one, whose path is empty, and all below it, each once.

        >>> [path for path, _ in MLP([2, 3, 1]).named_modules()]
        ['', 'layers.0', 'layers.1']
        """
        return ((path, item) for path, item in self._walk() if isinstance(item, Module))

    def modules(self) -> list["Module"]:
        """Return the list of this Module and all below it.

        >>> len(MLP([2, 3, 1]).modules())
        3
        """
        return [module for _, module in self.named_modules()]

    def zero_grad(self) -> None:
        """Set the gradients of all parameters to None.

        >>> net = Linear(1, 1)
        >>> net([[1.0]]).sum().backward()
        >>> net.zero_grad()
        >>> net.weight.grad is None
        True
        """
        for parameter in self.parameters():
            parameter.zero_grad()

    def train(self, mode: bool = True) -> Self:
        """Set training mode, or with False evaluation mode, here and below; Dropout depends on it. Return the Module.

        >>> Dropout(0.5).train(False)([1.0, 2.0]).tolist()
        [1.0, 2.0]
        """
        mode = flag("mode", mode)
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Set evaluation mode, here and below. Return the Module.

        >>> MLP([2, 1]).eval().layers[0].training
        False
        """
        return self.train(False)

    def freeze(self) -> Self:
        """Make the parameters constants, until `unfreeze`: parameters() leaves them out, state_dict() keeps them. Return the Module.

        >>> net = Linear(2, 1).freeze()
        >>> net.parameters(), list(net.state_dict())
        ([], ['weight', 'bias'])
        """
        return self._require(False, self.parameters())

    def unfreeze(self) -> Self:
        """Make the constants that came from `freeze` parameters again. Return the Module.

        >>> len(Linear(2, 1).freeze().unfreeze().parameters())
        2
        """
        leaves = [leaf for _, leaf in self.named_leaves()]
        return self._require(True, [leaf for leaf in leaves if leaf.meta and leaf.meta.get("frozen")])

    def _require(self, wanted: bool, nodes: Sequence[Any]) -> Self:
        """Set, all at once, whether these nodes require a gradient."""
        metas = [{**(node.meta or {}), "frozen": not wanted} for node in nodes]
        changes = [(node, "requires_grad", wanted) for node in nodes]
        assign([*changes, *((node, "meta", meta) for node, meta in zip(nodes, metas, strict=True))])
        return self

    def _nodes(self) -> dict[str, Any]:
        """Every leaf node by its path; ValueError where two have the same path."""
        found: dict[str, Any] = {}
        for path, item in self.named_leaves():
            if path in found:
                name = type(self).__name__
                raise ValueError(f"two parameters of {name} have the path {path}: rename a key with a dot")
            found[path] = item
        return found

    def state_dict(self) -> dict[str, Any]:
        """Return a copy of the data of every leaf node by its path: parameters, frozen ones, and constants.

        Raises ValueError where two leaves have the same path.

        >>> Linear(2, 1, rng=0).state_dict()["bias"].shape
        (1,)
        """
        return {path: np.array(item.data) for path, item in self._nodes().items()}

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> tuple[list[str], list[str]]:
        """Take the data of all leaf nodes from a state_dict; all or none. Return the missing and the unexpected names.

        `state`: arrays by path, each of its node's shape. `strict`: whether a missing or unexpected name is an error.
        StateDictError lists all that is missing, unexpected, of another shape, not finite, or too large for float32.

        >>> net = Linear(2, 1)
        >>> net.load_state_dict({"weight": [[1.0], [2.0]], "bias": [3.0]})
        ([], [])
        >>> net([[1.0, 1.0]]).tolist()
        [[6.0]]
        """
        if not isinstance(state, Mapping):
            raise StateDictError(f"load_state_dict: pass a dict of arrays, got {type(state).__name__}")
        nodes = self._nodes()
        own = {name: np.asarray(node.data) for name, node in nodes.items()}
        found, wrong = taken(own, {str(k): plain(x) for k, x in state.items()})
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
        """Return a table of the layers: shapes of weights and numbers of parameters; with an input, also inputs' and outputs' shapes.

        `x`: an input, or the shape of one as a tuple of ints. The model runs on it once, in evaluation mode. Raises what the model
        raises for that input.

        >>> print(Linear(2, 3, rng=0).summary((5, 2)))
        layer   input   weights                   output  parameters
        Linear  (5, 2)  weight (2, 3), bias (3,)  (5, 3)           9
        9 parameters
        """
        rows, below = self._table(x)
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = []
        for *cells, count in rows:
            aligned = [*map(str.ljust, cells, widths), count.rjust(widths[-1])]
            lines.append("  ".join(aligned).rstrip())
        return "\n".join([*lines, below])

    def _table(self, x: Any = None) -> tuple[list[list[str]], str]:
        """The rows of the summary, the head first, and the line below the table."""
        shapes = self._shapes(x) if x is not None else {}
        rows = [["layer", "input", "weights", "output", "parameters"]]
        leaves, modules = self._nodes(), dict(self.named_modules())
        own: dict[str, list[tuple[str, Any]]] = {}
        for name, node in leaves.items():
            own.setdefault(owner(name, modules), []).append((name, node))
        depths = {"": 0}
        for path, module in modules.items():
            if path:
                depths[path] = depths[owner(path, modules)] + 1
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
        """The shapes of each Module's inputs and output, by the Module's id, when the model is called on x."""
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
        """Return the name of this Module in the summary: its class, and its options.

        >>> MLP([2, 3, 1], "tanh").title(), Dropout(0.2).title()
        ('MLP(2 → 3 → 1, tanh)', 'Dropout(0.2)')
        """
        return type(self).__name__

    @as_text
    def __repr__(self) -> str:
        return self.summary()

    @as_html
    def _repr_html_(self) -> str:
        [head, *rows], below = self._table()
        return f"{table(head, rows, 1)}<div>{below}</div>"

    def to_torch(self) -> Any:
        """Return the same network as a torch.nn.Module, with equal weights and dtype: for Linear, Sequential, MLP, Dropout, activations.

        Raises NotImplementedError for any other part; ImportError where PyTorch is not installed.

        >>> MLP([2, 1], rng=0).to_torch()
        Sequential(
          (0): Linear(in_features=2, out_features=1, bias=True)
        )
        """
        from .torch import to_torch

        return to_torch(self)


for _name in HABITS:
    setattr(Module, _name, Habit(_name, "habit_of_module"))


def _shape(x: Any) -> str:
    """A shape in the summary: `(2, 3)`, `number`, or of a list of nodes `4 × number`."""
    if isinstance(x, list) and x and isinstance(x[0], Node | list):
        return f"{len(x)} × {_shape(x[0])}"
    return str(functions.shape(x) or "number")


def _weights(path: str, own: Sequence[tuple[str, Any]]) -> str:
    """The shapes of a Module's own nodes; a list of nodes counts as one."""
    names = [(name[len(path) + 1 :] if path else name, node) for name, node in own]
    out = []
    for head, group in itertools.groupby(names, key=lambda item: item[0].partition(".")[0]):
        nodes = [node for _, node in group]
        out.append(f"{head} {_shape(nodes if len(nodes) > 1 else nodes[0])}")
    return ", ".join(out)


class Linear(Module):
    """x @ weight + bias: (…, in_features) → (…, out_features).

    Args:
        in_features, out_features: ints > 0; `weight` has shape (in_features, out_features).
        bias: whether there is a `bias`, of shape (out_features,); else it is None.
        init: an initialiser of nn.init for the weight; the bias then starts at 0. By default both start uniform in ±1/√in_features,
            as in PyTorch.
        rng: a seed or numpy.random.Generator.
        dtype: float64 (the default) or float32.

    Raises TypeError or ValueError for sizes that are no ints > 0, ShapeError for an `init` of another shape.

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
        random, bound = generator(rng), self.in_features**-0.5
        dtype, shape = np.float64 if dtype is None else dtype, (self.in_features, self.out_features)
        if init is not None and not callable(init):
            raise TypeError(f"init must be an initialiser, as ag.nn.init.xavier_uniform(), got {init!r}")
        if init is None:
            weight, start = (random.uniform(-bound, bound, size) for size in (shape, shape[1]))
        else:
            weight, start = init(shape, random), np.zeros(shape[1])
        self.weight = Tensor(weight, dtype=dtype)
        if self.weight.shape != shape:
            raise ShapeError(f"Linear: init gave shape {self.weight.shape} for a weight of {shape}")
        self.bias = Tensor(start, dtype=dtype) if flag("bias", bias) else None

    def forward(self, x: Any) -> Any:
        """Return x @ weight + bias, of shape (…, out_features)."""
        if self.bias is None:
            return array_rows.matmul(x, self.weight)
        return array_rows.linear(x, self.weight, self.bias)


class Sequential(Module):
    """Modules, or functions of one argument, called one after the other.

    Raises TypeError for a layer that cannot be called, and for a class in place of a Module.

    >>> import autograd_mini as ag
    >>> net = Sequential(Linear(2, 3, rng=0), ag.tanh, Linear(3, 1, rng=1))
    >>> net([[0.0, 1.0]]).shape, len(net), len(net.parameters())
    ((1, 1), 3, 4)
    """

    def __init__(self, *layers: Callable[[Any], Any]) -> None:
        super().__init__()
        for i, layer in enumerate(layers):
            if not callable(layer) or isinstance(layer, type):
                what = getattr(layer, "__name__", f"a {type(layer).__name__}")
                raise TypeError(f"Sequential: layer {i} is {what}: pass Modules as ReLU(), one by one")
        self.layers = list(layers)

    def forward(self, x: Any) -> Any:
        """Return the output of the last layer."""
        for layer in self.layers:
            x = layer(x)
        return x

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, i: int) -> Any:
        return self.layers[i]


class Dropout(Module):
    """In training, sets each number to 0 with probability p and divides the others by 1 − p; in evaluation, changes nothing.

    `p`: a probability in [0, 1), else TypeError or ValueError. `rng`: a seed or numpy.random.Generator; each Dropout has a
    generator of its own. Srivastava et al. 2014, jmlr.org/papers/v15/srivastava14a.html.

    >>> Dropout(0.5, rng=0)([[1.0, 1.0, 1.0, 1.0]]).tolist()
    [[2.0, 0.0, 0.0, 0.0]]
    """

    def __init__(self, p: float = 0.5, *, rng: Any = None) -> None:
        super().__init__()
        self.p, self.random = finite("p", p, least=0, below=1), generator(rng)

    def forward(self, x: Any) -> Any:
        """Return x, in training with some numbers set to 0, of x's shape."""
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
    """A multi-layer perceptron: Linear layers, with an activation between them: (…, sizes[0]) → (…, sizes[-1]).

    Args:
        sizes: the number of inputs, of neurons in each hidden layer, and of outputs.
        activation: a name (relu, tanh, sigmoid, …) or a function, applied after each layer but the last.
        output: the same, applied after the last layer.
        bias, init, rng, dtype: those of Linear.

    Raises ValueError for fewer than two sizes and for an unknown activation; TypeError or ValueError for other faults of them.

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
            raise ValueError(f"sizes must be a list of two sizes or more, inputs first, got {sizes!r}")
        self.activation, self.output = activation_of(activation), activation_of(output)
        random = generator(rng)
        options = {"init": init, "rng": random, "dtype": dtype}
        self.layers = [Linear(m, n, bias, **options) for m, n in itertools.pairwise(sizes)]

    def forward(self, x: Any) -> Any:
        """Return the output, (…, sizes[-1]), for a batch (…, sizes[0])."""
        for layer in self.layers[:-1]:
            x = self.activation(layer(x))
        return self.output(self.layers[-1](x))

    def title(self) -> str:
        sizes = [self.layers[0].in_features, *(layer.out_features for layer in self.layers)]
        inner, last = (getattr(f, "__name__", type(f).__name__) for f in (self.activation, self.output))
        then = "" if last == "identity" else f", then {last}"
        return f"MLP({' → '.join(map(str, sizes))}, {inner}{then})"

    def to_scalar(self) -> Any:
        """Return the same network on Values, an nn.scalar.MLP with a copy of these weights, to look at every neuron.

        Raises ValueError where an activation mixes the neurons of a layer (softmax).

        >>> net = MLP([2, 3, 1], activation="tanh", rng=0)
        >>> abs(net.to_scalar()([0.0, 1.0]).data - net([0.0, 1.0]).item()) < 1e-15
        True
        """
        from . import scalar
        from .activation_modules import Softmax

        mixing = (functions.softmax, functions.log_softmax)
        if any(f in mixing or isinstance(f, Softmax) for f in (self.activation, self.output)):
            advice = "apply it to the outputs, ag.softmax(ag.Tensor(outputs))"
            raise ValueError(f"to_scalar: softmax mixes the neurons of a layer: {advice}")
        return scalar.MLP.from_layers(self.layers, self.activation, self.output)


# ---- Training modes ---------------------------------------------------------------------------------------------------


def training_modes(model: Any) -> list[tuple[Any, bool]]:
    """Return each part of a model that has a training mode, and its mode; `set_modes` puts them back."""
    parts = model.modules() if callable(getattr(model, "modules", None)) else [model]
    return [(part, part.training) for part in parts if hasattr(part, "training")]


def set_modes(modes: Iterable[tuple[Any, bool]]) -> None:
    """Set the training mode of each part of a model."""
    for part, mode in modes:
        part.training = mode
