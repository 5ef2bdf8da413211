"""Module, and the layers on Tensors."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ..core import functions
from ..core.node import Node
from ..core.tensor import Tensor

ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "identity": lambda x: x,
    "relu": functions.relu,
    "leaky_relu": functions.leaky_relu,
    "elu": functions.elu,
    "gelu": functions.gelu,
    "silu": functions.silu,
    "sigmoid": functions.sigmoid,
    "tanh": functions.tanh,
    "softplus": functions.softplus,
    "softmax": functions.softmax,
    "log_softmax": functions.log_softmax,
}


class Module:
    """What has parameters and can be called: subclass it, keep parameters and other Modules as attributes, write `forward`.

    Parameters are found in attributes and in lists, tuples and dicts of them, in the order they were set; one that is held
    twice counts once.

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

    training: bool

    def __init__(self) -> None:
        self.training = True

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What a call computes."""
        raise NotImplementedError(f"{type(self).__name__} has no forward(self, x): write one")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self._check()
        return self.forward(*args, **kwargs)

    def _check(self) -> None:
        if "training" not in vars(self):
            raise AttributeError(f"{type(self).__name__}.__init__ must call super().__init__()")

    def named_parameters(self) -> Iterator[tuple[str, Node]]:
        """Yield the path, as `layers.0.weight`, and the node of every parameter, each node once."""
        self._check()
        seen: set[int] = set()
        stack: list[tuple[str, Any]] = [("", self)]
        while stack:
            path, item = stack.pop()
            if id(item) in seen or isinstance(item, str):
                continue
            if isinstance(item, Node):
                seen.add(id(item))
                if item.requires_grad and not item.parents:
                    yield path, item
            elif isinstance(item, Module | dict | list | tuple):
                seen.add(id(item))
                inner = enumerate(item) if isinstance(item, list | tuple) else (vars(item) if isinstance(item, Module) else item).items()
                stack += [(f"{path}.{key}" if path else str(key), part) for key, part in inner][::-1]

    def parameters(self) -> list[Any]:
        """Return the parameters, in the order of named_parameters."""
        return [parameter for _, parameter in self.named_parameters()]

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self.parameters():
            parameter.zero_grad()

    def __repr__(self) -> str:
        sizes = [np.size(parameter.data) for parameter in self.parameters()]
        return f"{type(self).__name__}({sum(sizes)} numbers in {len(sizes)} parameters)"


def positive_int(name: str, value: Any) -> int:
    """The value, or an error that names the argument."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} must be an int > 0, got {value!r}")
    if value <= 0:
        raise ValueError(f"{name} must be an int > 0, got {value}")
    return int(value)


class Linear(Module):
    """x @ weight + bias: (…, in_features) → (…, out_features).

    `weight` has shape (in_features, out_features), `bias` (out_features,), or is None with `bias=False`. Both start uniform in
    ±1/√in_features, as PyTorch's. `rng`: a seed or numpy.random.Generator; `dtype`: float64 or float32.

    >>> layer = Linear(2, 3, rng=0)
    >>> layer([[1.0, 2.0]]).shape
    (1, 3)
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True, *, rng: Any = None, dtype: Any = None) -> None:
        super().__init__()
        self.in_features, self.out_features = positive_int("in_features", in_features), positive_int("out_features", out_features)
        random, bound = np.random.default_rng(rng), self.in_features**-0.5
        dtype = np.float64 if dtype is None else dtype
        self.weight = Tensor(random.uniform(-bound, bound, (self.in_features, self.out_features)), dtype=dtype)
        self.bias = Tensor(random.uniform(-bound, bound, self.out_features), dtype=dtype) if bias else None

    def forward(self, x: Any) -> Any:
        """Return x @ weight + bias."""
        return functions.matmul(x, self.weight) if self.bias is None else functions.linear(x, self.weight, self.bias)


def activation_of(activation: str | Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The function of that name, or the function itself."""
    if callable(activation):
        return activation
    if not isinstance(activation, str) or activation not in ACTIVATIONS:
        raise ValueError(f"unknown activation {activation!r}: one of {', '.join(ACTIVATIONS)}, or a function")
    return ACTIVATIONS[activation]


class MLP(Module):
    """A multi-layer perceptron: Linear layers of the sizes given, `activation` between them, `output` after the last.

    `activation` and `output` are names (relu, tanh, sigmoid, …) or functions. Shapes (…, sizes[0]) → (…, sizes[-1]).

    >>> net = MLP([2, 3, 1], activation="tanh", rng=0)
    >>> net([[0.0, 1.0]]).shape, len(net.parameters())
    ((1, 1), 4)
    """

    def __init__(
        self,
        sizes: Sequence[int],
        activation: str | Callable[[Any], Any] = "relu",
        output: str | Callable[[Any], Any] = "identity",
        bias: bool = True,
        *,
        rng: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if not isinstance(sizes, Sequence) or len(sizes) < 2:
            raise ValueError(f"sizes must be a list of at least the input's and the output's, got {sizes!r}")
        self.activation, self.output = activation_of(activation), activation_of(output)
        random = np.random.default_rng(rng)
        self.layers = [Linear(m, n, bias, rng=random, dtype=dtype) for m, n in itertools.pairwise(sizes)]

    def forward(self, x: Any) -> Any:
        """Return the output for a batch (…, sizes[0])."""
        for layer in self.layers[:-1]:
            x = self.activation(layer(x))
        return self.output(self.layers[-1](x))
