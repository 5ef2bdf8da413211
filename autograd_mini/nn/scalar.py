"""Networks on Values, with micrograd's interface, to look at every neuron."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ..array_functions import dot
from ..core.node import Node, made
from ..core.readings import FLOATS
from ..core.tensor import Tensor
from ..core.value import Value
from ..support.coercion import generator, whole
from .activations import Activation, activation_of
from .modules import Linear, Module


class Neuron(Module):
    """activation(w · x + b) of `nin` numbers: two nodes, the dot product and the activation.

    Args:
        nin: the number of inputs, an int > 0, else TypeError or ValueError.
        nonlin: whether there is an activation.
        activation: a name, as in nn.MLP, or a function.
        rng: a seed or numpy.random.Generator; weights start uniform in ±1, the bias at 0.

    >>> neuron = Neuron(2, rng=0)
    >>> neuron([1.0, -2.0]).op.name, len(neuron.parameters())
    ('relu', 3)
    """

    def __init__(
        self, nin: int, nonlin: bool = True, *, activation: Activation = "relu", rng: Any = None
    ) -> None:
        super().__init__()
        random = generator(rng)
        self.w = [Value(w) for w in random.uniform(-1, 1, whole("nin", nin, 1))]
        self.b = Value(0.0)
        self.activation = activation_of(activation if nonlin else "identity")

    def forward(self, x: Sequence[Any]) -> Any:
        """Return the neuron's output for a list of numbers or Values."""
        return self.activation(dot(self.w, list(x), self.b))


class Layer(Module):
    """`nout` neurons with the same `nin` inputs. It returns a list of outputs, or of one neuron its output.

    `rng`: a seed or numpy.random.Generator; `kwargs`: Neuron's other arguments. TypeError or ValueError for sizes that are no ints > 0.

    >>> len(Layer(2, 3, rng=0)([1.0, -2.0]))
    3
    """

    def __init__(self, nin: int, nout: int, *, rng: Any = None, **kwargs: Any) -> None:
        super().__init__()
        random = generator(rng)
        self.neurons = [Neuron(nin, rng=random, **kwargs) for _ in range(whole("nout", nout, 1))]

    def forward(self, x: Sequence[Any]) -> Any:
        """Return the list of outputs, or the one output, for a list of numbers or Values."""
        x = x.to_values() if isinstance(x, Tensor) else x
        inputs = [v if isinstance(v, Node) else made(FLOATS, FLOATS.constant(v)) for v in x]
        out = [neuron(inputs) for neuron in self.neurons]
        return out[0] if len(out) == 1 else out


class MLP(Module):
    """Layers of the sizes `nouts` with `nin` inputs; the last is linear.

    `activation`, `rng`: those of Neuron. Raises TypeError or ValueError where `nouts` is no list of ints > 0.

    >>> net = MLP(2, [4, 1], rng=0)
    >>> type(net([1.0, -2.0])).__name__, len(net.parameters())
    ('Value', 17)
    """

    def __init__(
        self, nin: int, nouts: Sequence[int], *, activation: Activation = "relu", rng: Any = None
    ) -> None:
        super().__init__()
        random = generator(rng)
        if not isinstance(nouts, Sequence) or not nouts:
            raise ValueError(f"nouts must be a list of at least one layer size, got {nouts!r}")
        self.layers = []
        for i, (m, n) in enumerate(pairwise([nin, *nouts]), 1):
            is_last = i == len(nouts)
            self.layers.append(Layer(m, n, nonlin=not is_last, activation=activation, rng=random))

    def forward(self, x: Any) -> Any:
        """Return the output, as the last Layer does, for one list of inputs."""
        for layer in self.layers:
            x = layer([x] if isinstance(x, Value) else x)
        return x

    @classmethod
    def from_layers(
        cls, layers: Sequence[Linear], activation: Callable[[Any], Any], output: Callable[[Any], Any]
    ) -> "MLP":
        """Return the network of these Linear layers, with copies of their weights; `output` is the last activation.

        >>> MLP.from_layers([Linear(2, 1, rng=0)], abs, abs)([1.0, 2.0]).op.name
        'abs'
        """
        net = cls(layers[0].in_features, [layer.out_features for layer in layers], activation=activation)
        for ours, layer in zip(net.layers, layers, strict=True):
            biases = np.zeros(layer.out_features) if layer.bias is None else layer.bias.data
            for neuron, weights, bias in zip(ours.neurons, layer.weight.data.T, biases, strict=True):
                neuron.w = [Value(w) for w in weights]
                neuron.b = Value(bias, requires_grad=layer.bias is not None)
        for neuron in net.layers[-1].neurons:
            neuron.activation = output
        return net
