"""Schedules change the rate of an optimiser; clipping, the gradients before its step. All of it or nothing, whatever interrupts."""

import copy
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self

import numpy as np

from .. import array_functions
from ..core.node import Node
from ..core.value import Value
from ..errors import StateDictError
from ..nn.state import taken
from ..support.coercion import finite, whole
from ..support.interrupts import assign
from .blocks import check_finite
from .optimizers import Optimizer

# ---- Schedules --------------------------------------------------------------------------------------------------------


class Schedule:
    """A rate that changes with the epoch: call `step()` after each. A subclass writes `rate(epoch)`; `base` is the first rate."""

    def __init__(self, optimizer: Optimizer) -> None:
        if not isinstance(optimizer, Optimizer):
            given = type(optimizer).__name__
            raise TypeError(f"{type(self).__name__}: an optimiser is needed, got a {given}")
        self.optimizer, self.base, self.epoch = optimizer, optimizer.lr, 0
        optimizer.lr = self.rate(0)

    def rate(self, epoch: int) -> float:
        """The rate after so many epochs."""
        raise NotImplementedError(f"{type(self).__name__} has no rate(epoch)")

    def step(self) -> None:
        """Set the rate of the next epoch."""
        lr = finite("lr", self.rate(self.epoch + 1), least=0)
        assign([(self.optimizer, "_lr", lr), (self, "epoch", self.epoch + 1)])

    def state_dict(self) -> dict[str, Any]:
        """Return what `load_state_dict` needs to go on from here."""
        return {"base": self.base, "epoch": self.epoch}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where another schedule of this kind was, and set the rate to that. StateDictError where it does not fit."""
        found, wrong = taken(self.state_dict(), state)
        try:
            if wrong:
                raise ValueError("; ".join(wrong))
            made = self._at(found)
            lr = finite("lr", made.rate(made.epoch), least=0)
        except (TypeError, ValueError) as error:
            raise StateDictError(f"load_state_dict: {error}") from None
        assign([(self.optimizer, "_lr", lr), *self._changes(found)])

    def _at(self, state: Mapping[str, Any]) -> Self:
        """A copy that is where that state says."""
        made = copy.copy(self)
        made.base, made.epoch = state["base"], state["epoch"]
        return made

    def _changes(self, state: Mapping[str, Any]) -> list[tuple[Any, str, Any]]:
        """What brings this schedule to that state."""
        return [(self, name, state[name]) for name in ("base", "epoch")]


class StepLR(Schedule):
    """The rate times `gamma`, every `step_size` epochs.

    >>> import autograd_mini as ag
    >>> sgd = ag.optim.SGD([ag.Value(1.0)], lr=1.0)
    >>> schedule = StepLR(sgd, step_size=1, gamma=0.5)
    >>> schedule.step()
    >>> sgd.lr
    0.5
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        self.step_size, self.gamma = whole("step_size", step_size, 1), finite("gamma", gamma, above=0)
        super().__init__(optimizer)

    def rate(self, epoch: int) -> float:
        return self.base * self.gamma ** (epoch // self.step_size)


class ExponentialLR(StepLR):
    """The rate times `gamma`, every epoch."""

    def __init__(self, optimizer: Optimizer, gamma: float) -> None:
        super().__init__(optimizer, 1, gamma)


class CosineAnnealingLR(Schedule):
    """Half a cosine from the first rate down to `eta_min`, over `T_max` epochs (Loshchilov and Hutter 2016, arXiv:1608.03983)."""

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0) -> None:
        self.T_max, self.eta_min = whole("T_max", T_max, 1), finite("eta_min", eta_min, least=0)
        super().__init__(optimizer)

    def rate(self, epoch: int) -> float:
        return self.eta_min + (self.base - self.eta_min) * (1 + math.cos(math.pi * epoch / self.T_max)) / 2


class LambdaLR(Schedule):
    """The first rate times `factor(epoch)`, a function of yours."""

    def __init__(self, optimizer: Optimizer, factor: Callable[[int], float]) -> None:
        if not callable(factor):
            raise TypeError(f"factor must be a function of the epoch, got {factor!r}")
        self.factor = factor
        super().__init__(optimizer)

    def rate(self, epoch: int) -> float:
        return self.base * self.factor(epoch)


class WarmUp(Schedule):
    """A rate that rises evenly from `start` times the full one, over so many epochs; from there on, another schedule's.

    >>> import autograd_mini as ag
    >>> sgd = ag.optim.SGD([ag.Value(1.0)], lr=1.0)
    >>> schedule = WarmUp(sgd, epochs=2, start=0.5, then=ExponentialLR(sgd, 0.5))
    >>> rates = []
    >>> for _ in range(5):
    ...     rates.append(sgd.lr)
    ...     schedule.step()
    >>> rates
    [0.5, 0.75, 1.0, 0.5, 0.25]
    """

    def __init__(
        self, optimizer: Optimizer, epochs: int, start: float = 0.1, then: Schedule | None = None
    ) -> None:
        self.epochs, self.start, self.then = whole("epochs", epochs, 1), finite("start", start, least=0), then
        super().__init__(optimizer)

    def rate(self, epoch: int) -> float:
        if epoch < self.epochs:
            return self.base * (self.start + (1 - self.start) * epoch / self.epochs)
        return self.base if self.then is None else self.then.rate(epoch - self.epochs)

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), **({"then": self.then.state_dict()} if self.then else {})}

    def _at(self, state: Mapping[str, Any]) -> Self:
        made = super()._at(state)
        made.then = self.then and self.then._at(state["then"])
        return made

    def _changes(self, state: Mapping[str, Any]) -> list[tuple[Any, str, Any]]:
        return super()._changes(state) + (self.then._changes(state["then"]) if self.then else [])


# ---- Clipping ---------------------------------------------------------------------------------------------------------


def _reached(name: str, params: Iterable[Any]) -> list[Any]:
    """The parameters that have a gradient, all of them finite, or AnomalyError."""
    if isinstance(params, Node) or not isinstance(params, Iterable):
        raise TypeError(f"{name}: a list of parameters is needed, got a {type(params).__name__}")
    params = list(params)
    for parameter in params:
        if not isinstance(parameter, Node):
            given = type(parameter).__name__
            raise TypeError(f"{name}: a list of parameters is needed, and it holds a {given}")
    reached = [parameter for parameter in params if parameter.grad is not None]
    check_finite(name, reached, [parameter.grad for parameter in reached])
    return reached


def _replace(reached: list[Any], grads: Iterable[Any]) -> None:
    """Put other gradients in the place of all."""
    pairs = zip(reached, grads, strict=True)
    new = [(p, float(grad) if type(p) is Value else np.asarray(grad)) for p, grad in pairs]
    assign((parameter, "grad", grad) for parameter, grad in new)


def clip_grad_norm(params: Iterable[Any], max_norm: float) -> float:
    """Scale all gradients down together, so that the 2-norm of them as one vector is at most `max_norm`; return the norm before.

    AnomalyError, and nothing changed, where a gradient is not finite. As torch.nn.utils.clip_grad_norm_.

    >>> import autograd_mini as ag
    >>> w = ag.Tensor([3.0, 4.0])
    >>> ((w * w).sum() / 2).backward()
    >>> ag.optim.clip_grad_norm([w], 1.0), w.grad.round(3)
    (5.0, array([0.6, 0.8]))
    """
    limit, reached = finite("max_norm", max_norm, above=0), _reached("clip_grad_norm", params)
    sizes = [float(array_functions.norm(np.ravel(parameter.grad).astype(float))) for parameter in reached]
    norm = math.hypot(*sizes)
    scale = limit / (norm + 1e-6)
    if scale < 1:
        _replace(reached, [parameter.grad * parameter.dtype.type(scale) for parameter in reached])
    return norm


def clip_grad_value(params: Iterable[Any], limit: float) -> None:
    """Hold every number of every gradient within ±limit. AnomalyError, and nothing changed, where one is not finite.

    >>> import autograd_mini as ag
    >>> w = ag.Tensor([3.0, -0.5])
    >>> ((w * w).sum() / 2).backward()
    >>> ag.optim.clip_grad_value([w], 1.0)
    >>> w.grad
    array([ 1. , -0.5])
    """
    limit = finite("limit", limit, above=0)
    reached = _reached("clip_grad_value", params)
    _replace(reached, [np.clip(parameter.grad, -limit, limit) for parameter in reached])
