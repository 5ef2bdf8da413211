"""The same on Values, with micrograd's interface, so that every neuron can be looked at."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..array_functions import dot
from ..core.node import Node, made
from ..core.readings import FLOATS
from ..core.tensor import Tensor
from ..core.value import Value
from ..support.coercion import whole
from . import modules
from .activations import Activation, activation_of
from .modules import Linear, Module


class Neuron(Module):
    """activation(w · x + b) of `nin` numbers: two nodes, the dot product and the activation.

    Weights start uniform in ±1, the bias at 0; `nonlin=False` leaves the activation away.

    >>> neuron = Neuron(2, rng=0)
    >>> neuron([1.0, -2.0]).op.name, len(neuron.parameters())
    ('relu', 3)
    """

    def __init__(
        self, nin: int, nonlin: bool = True, *, activation: Activation = "relu", rng: Any = None
    ) -> None:
        super().__init__()
        random = np.random.default_rng(rng)
        self.w = [Value(w) for w in random.uniform(-1, 1, whole("nin", nin, 1))]
        self.b = Value(0.0)
        self.activation = activation_of(activation if nonlin else "identity")

    def forward(self, x: Sequence[Any]) -> Any:
        """Return the neuron's output for a list of numbers or Values."""
        return self.activation(dot(self.w, list(x), self.b))


class Layer(Module):
    """`nout` neurons on the same inputs. One neuron gives its output, several a list of them.

    >>> len(Layer(2, 3, rng=0)([1.0, -2.0]))
    3
    """

    def __init__(self, nin: int, nout: int, *, rng: Any = None, **kwargs: Any) -> None:
        super().__init__()
        random = np.random.default_rng(rng)
        self.neurons = [Neuron(nin, rng=random, **kwargs) for _ in range(whole("nout", nout, 1))]

    def forward(self, x: Sequence[Any]) -> Any:
        """Return the list of outputs, or the one output."""
        x = x.to_values() if isinstance(x, Tensor) else x
        inputs = [v if isinstance(v, Node) else made(FLOATS, FLOATS.constant(v)) for v in x]
        out = [neuron(inputs) for neuron in self.neurons]
        return out[0] if len(out) == 1 else out


class MLP(Module):
    """Layers of the sizes `nouts` on `nin` inputs; the last is linear.

    >>> net = MLP(2, [4, 1], rng=0)
    >>> type(net([1.0, -2.0])).__name__, len(net.parameters())
    ('Value', 17)
    """

    def __init__(
        self, nin: int, nouts: Sequence[int], *, activation: Activation = "relu", rng: Any = None
    ) -> None:
        super().__init__()
        random = np.random.default_rng(rng)
        if not isinstance(nouts, Sequence):
            raise TypeError(f"nouts must be a list of layer sizes, got {nouts!r}")
        if not nouts:
            raise ValueError("nouts must be a list of at least one layer size, got []")
        sizes, last = [nin, *nouts], len(nouts) - 1
        self.layers = [
            Layer(sizes[i], sizes[i + 1], nonlin=i != last, activation=activation, rng=random)
            for i in range(len(nouts))
        ]

    def forward(self, x: Any) -> Any:
        """Return the output for one list of inputs."""
        for layer in self.layers:
            x = layer([x] if isinstance(x, Value) else x)
        return x

    @classmethod
    def from_layers(
        cls, layers: Sequence[Linear], activation: Callable[[Any], Any], output: Callable[[Any], Any]
    ) -> "MLP":
        """Return the network of these Linear layers, with copies of their weights; `output` follows the last."""
        net = cls(layers[0].in_features, [layer.out_features for layer in layers], activation=activation)
        for ours, layer in zip(net.layers, layers, strict=True):
            biases = np.zeros(layer.out_features) if layer.bias is None else layer.bias.data
            for neuron, weights, bias in zip(ours.neurons, layer.weight.data.T, biases, strict=True):
                neuron.w = [Value(w) for w in weights]
                neuron.b = Value(bias, requires_grad=layer.bias is not None)
        for neuron in net.layers[-1].neurons:
            neuron.activation = output
        return net

    def to_tensor(self) -> Any:
        """Return the same network on Tensors, an nn.MLP with copies of these weights: a batch at a time, and much quicker.

        ValueError where the hidden layers, or the neurons of one layer, differ in their activation.

        >>> net = MLP(2, [3, 1], activation="tanh", rng=0)
        >>> abs(net.to_tensor()([0.0, 1.0]).item() - net([0.0, 1.0]).data) < 1e-15
        True
        """
        *hidden, output = [{neuron.activation for neuron in layer.neurons} for layer in self.layers]
        activations = set().union(*hidden)
        if len(activations) > 1 or len(output) > 1:
            rule = "an nn.MLP has one activation between its layers and one after the last"
            raise ValueError(f"to_tensor: {rule}, here they differ")
        sizes = [len(self.layers[0].neurons[0].w), *(len(layer.neurons) for layer in self.layers)]
        biases = [neuron.b for part in self.layers for neuron in part.neurons]
        bias = any(b.requires_grad or b.data for b in biases)
        net = modules.MLP(sizes, activations.pop() if activations else "identity", output.pop(), bias, rng=0)
        for ours, layer in zip(self.layers, net.layers, strict=True):
            layer.weight.data = np.array([[w.data for w in neuron.w] for neuron in ours.neurons]).T
            if layer.bias is not None:
                layer.bias.data = np.array([neuron.b.data for neuron in ours.neurons])
        return (net if self.parameters() else net.freeze()).train(self.training)
