"""Optimisers: they change parameters by their gradients."""

import copy
import math
import warnings
from collections.abc import Iterable
from typing import Any
from weakref import ref

import numpy as np

from .core.namespaces import QUIET, error_state
from .core.node import Node
from .errors import GraphError
from .numerics import subtract_scaled


def positive(name: str, value: Any, *, zero: bool = False) -> float:
    """The finite number > 0 (or ≥ 0), or an error that names the argument."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{name} must be a finite number {'≥' if zero else '>'} 0, got {value!r}")
    if not 0 <= value < math.inf or (value == 0 and not zero):
        raise ValueError(f"{name} must be a finite number {'≥' if zero else '>'} 0, got {value}")
    return float(value)


class Optimizer:
    """The parameters of an optimiser, checked. A subclass writes `update`."""

    def __init__(self, params: Iterable[Any], lr: float) -> None:
        if isinstance(params, Node) or not isinstance(params, Iterable):
            advice = "[w]" if isinstance(params, Node) else "model.parameters()"
            raise TypeError(f"params must be a list of parameters, got a single {type(params).__name__}: pass {advice}")
        self.params = list(params)
        self.warned = False
        self.stepped: list[Any] = []  # weak references to the gradients of the last step
        self.lr = positive("lr", lr)
        if not self.params:
            raise ValueError("the optimiser got no parameters (an exhausted generator?): pass model.parameters()")
        for i, parameter in enumerate(self.params):
            if not isinstance(parameter, Node):
                raise TypeError(f"params[{i}] is a {type(parameter).__name__}: wrap it as Tensor or Value before the forward pass")
            if parameter.parents or not parameter.requires_grad:
                raise ValueError(f"params[{i}], {parameter.name}, is no leaf that requires a gradient: optimise what it was made from")
        if len(set(self.params)) != len(self.params):
            raise ValueError("the same parameter was given twice")

    def zero_grad(self) -> None:
        """Forget the gradients of the parameters."""
        for parameter in self.params:
            parameter.grad = None

    def step(self) -> None:
        """Change every parameter that has a gradient. GraphError, and nothing changed, where none has one."""
        reached = [i for i, parameter in enumerate(self.params) if parameter.grad is not None]
        if not reached:
            names = ", ".join(parameter.name for parameter in self.params[:4])
            raise GraphError(
                f"no backward has reached the parameters ({names}{', …' if len(self.params) > 4 else ''}): the loss does not depend "
                "on them, or backward() was not called since zero_grad(). Was the prediction detached, or wrapped afresh?"
            )
        for i in reached:  # all are looked at before one is changed
            self.params[i].like(self.params[i].grad, "step(): a gradient")
        again = [self.params[i].name for i, old in self.stepped if old() is self.params[i].grad is not None]
        if again and not self.warned:
            self.warned = True
            warnings.warn(f"step(): the gradients of the last step again, of {', '.join(again)}: zero_grad() was not called", stacklevel=2)
        self.stepped = [(i, ref(self.params[i].grad)) for i in reached if type(self.params[i].grad) is np.ndarray]
        if len(reached) < len(self.params) and not self.warned:
            self.warned = True
            left = [parameter.name for parameter in self.params if parameter.grad is None]
            warnings.warn(f"step(): no backward has reached {', '.join(left)}; they stay as they are", stacklevel=2)
        before = error_state.set(QUIET)
        try:
            for i in reached:
                self.update(i, self.params[i])
        finally:
            error_state.reset(before)

    def update(self, i: int, parameter: Any) -> None:
        """Change the i-th parameter by its gradient."""
        raise NotImplementedError


class SGD(Optimizer):
    """Gradient descent: v ← momentum · v + gradient, parameter ← parameter − lr · v (PyTorch's definition).

    `params`: a list of Tensors and Values. Raises ValueError or TypeError for numbers out of range and for what is no leaf.

    >>> import autograd_mini as ag
    >>> w = ag.Value(3.0)
    >>> sgd = ag.optim.SGD([w], lr=0.5)
    >>> (w * w).backward()
    >>> sgd.step()
    >>> w.data
    0.0
    """

    def __init__(self, params: Iterable[Any], lr: float, momentum: float = 0.0) -> None:
        super().__init__(params, lr)
        self.momentum = positive("momentum", momentum, zero=True)
        self.velocity: list[Any] = [None] * len(self.params)
        self.buffers: list[Any] = [np.empty_like(parameter.data) for parameter in self.params]  # or every step would allocate

    def update(self, i: int, parameter: Any) -> None:
        """Change the i-th parameter by its gradient."""
        step, held = parameter.grad, self.velocity[i]
        if self.momentum:
            step = self.velocity[i] = copy.copy(step) if held is None else self.momentum * held + step
        if type(step) is np.ndarray:
            subtract_scaled(parameter.data, self.lr, step, self.buffers[i])
            parameter.data = parameter.data  # counts as a change
        else:
            parameter.data -= self.lr * float(step)
