"""Schedules change the rate of an optimiser; clipping changes the gradients before its step. Ctrl-C leaves nothing half done."""

import copy
import math
from collections.abc import Callable, Iterable, Mapping, Sized
from typing import Any

import numpy as np

from .. import array_functions
from ..core.node import Node
from ..core.value import Value
from ..errors import StateDictError
from ..nn.state import taken
from ..support.coercion import finite, whole
from ..support.interrupts import assign
from .blocks import check_finite, fitted
from .optimizers import Optimizer

# ---- Schedules --------------------------------------------------------------------------------------------------------


class Schedule:
    """A rate that changes with the epoch: call `step()` after each epoch. A subclass writes `rate(epoch)`; `base` is the first rate.

    Raises TypeError for anything but an optimiser; the subclasses also TypeError or ValueError for numbers out of range.

    >>> import autograd_mini as ag
    >>> class Halves(Schedule):
    ...     def rate(self, epoch):
    ...         return self.base * 0.5**epoch
    >>> sgd = ag.optim.SGD([ag.Value(1.0)], lr=1.0)
    >>> Halves(sgd).step()
    >>> sgd.lr
    0.5
    """

    def __init__(self, optimizer: Optimizer) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"a schedule needs an optimiser, got a {type(optimizer).__name__}")
        self.optimizer, self.base, self.epoch = optimizer, optimizer.lr, 0
        optimizer.lr = self.rate(0)

    def rate(self, epoch: int) -> float:
        """Return the rate after so many epochs. NotImplementedError where a subclass has none of its own.

        >>> import autograd_mini as ag
        >>> ExponentialLR(ag.optim.SGD([ag.Value(1.0)], lr=1.0), 0.5).rate(3)
        0.125
        """
        raise NotImplementedError(f"{type(self).__name__} has no rate(epoch)")

    def step(self) -> None:
        """Set the rate of the next epoch. ValueError for a rate below 0 or not finite.

        >>> import autograd_mini as ag
        >>> sgd = ag.optim.SGD([ag.Value(1.0)], lr=1.0)
        >>> ExponentialLR(sgd, 0.5).step()
        >>> sgd.lr
        0.5
        """
        lr = finite("lr", self.rate(self.epoch + 1), least=0)
        assign([(self.optimizer, "_lr", lr), (self, "epoch", self.epoch + 1)])

    def state_dict(self) -> dict[str, Any]:
        """Return a dict of all that `load_state_dict` needs to continue from here.

        >>> import autograd_mini as ag
        >>> ExponentialLR(ag.optim.SGD([ag.Value(1.0)], lr=1.0), 0.5).state_dict()
        {'base': 1.0, 'epoch': 0}
        """
        return {"base": self.base, "epoch": self.epoch}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where another schedule of this kind was, and set the rate. StateDictError, and no change, where it does not fit.

        >>> import autograd_mini as ag
        >>> sgd = ag.optim.SGD([ag.Value(1.0)], lr=1.0)
        >>> ExponentialLR(sgd, 0.5).load_state_dict({"base": 1.0, "epoch": 2})
        >>> sgd.lr
        0.25
        """
        found, wrong = taken(self.state_dict(), state)
        made = copy.copy(self)
        vars(made).update(found or {})
        try:
            if wrong:
                raise ValueError("; ".join(wrong))
            lr = finite("lr", made.rate(made.epoch), least=0)
        except (TypeError, ValueError) as error:
            raise StateDictError(f"load_state_dict: {error}") from None
        assign([(self.optimizer, "_lr", lr), *((self, name, value) for name, value in found.items())])


class StepLR(Schedule):
    """A rate that is multiplied by `gamma` every `step_size` epochs. TypeError or ValueError for numbers out of range.

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
        """Return base · gamma^(epoch // step_size)."""
        return self.base * self.gamma ** (epoch // self.step_size)


class ExponentialLR(StepLR):
    """A rate that is multiplied by `gamma` every epoch. TypeError or ValueError for a gamma out of range.

    >>> import autograd_mini as ag
    >>> sgd = ag.optim.SGD([ag.Value(1.0)], lr=1.0)
    >>> ExponentialLR(sgd, gamma=0.9).step()
    >>> sgd.lr
    0.9
    """

    def __init__(self, optimizer: Optimizer, gamma: float) -> None:
        super().__init__(optimizer, 1, gamma)


class CosineAnnealingLR(Schedule):
    """Half a cosine from the first rate down to `eta_min`, over `T_max` epochs (Loshchilov and Hutter 2016, arXiv:1608.03983).

    Raises TypeError or ValueError for numbers out of range.

    >>> import autograd_mini as ag
    >>> sgd = ag.optim.SGD([ag.Value(1.0)], lr=1.0)
    >>> [round(CosineAnnealingLR(sgd, T_max=2).rate(epoch), 3) for epoch in (0, 1, 2)]
    [1.0, 0.5, 0.0]
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0) -> None:
        self.T_max, self.eta_min = whole("T_max", T_max, 1), finite("eta_min", eta_min, least=0)
        super().__init__(optimizer)

    def rate(self, epoch: int) -> float:
        """Return eta_min + (base − eta_min) · (1 + cos(π · epoch / T_max)) / 2."""
        return self.eta_min + (self.base - self.eta_min) * (1 + math.cos(math.pi * epoch / self.T_max)) / 2


class LambdaLR(Schedule):
    """The first rate times `factor(epoch)`, a function of your own. TypeError for anything but a function.

    >>> import autograd_mini as ag
    >>> sgd = ag.optim.SGD([ag.Value(1.0)], lr=1.0)
    >>> LambdaLR(sgd, lambda epoch: 1 / (1 + epoch)).step()
    >>> sgd.lr
    0.5
    """

    def __init__(self, optimizer: Optimizer, factor: Callable[[int], float]) -> None:
        if not callable(factor):
            raise TypeError(f"factor must be a function of the epoch, got {factor!r}")
        self.factor = factor
        super().__init__(optimizer)

    def rate(self, epoch: int) -> float:
        """Return base · factor(epoch)."""
        return self.base * finite("factor(epoch)", self.factor(epoch))


class WarmUp(Schedule):
    """A rate that rises evenly from `start` times the full rate, over `epochs` epochs; then the rate of another schedule, `then`.

    `optimizer`: that of both schedules; its rate is the full rate. Raises TypeError or ValueError for numbers out of range.

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
        if not isinstance(then, Schedule | None):
            raise TypeError(f"then must be another schedule, got {then!r}")
        self.epochs, self.start, self.then = whole("epochs", epochs, 1), finite("start", start, least=0), then
        super().__init__(optimizer)

    def rate(self, epoch: int) -> float:
        """Return the rising rate, and after `epochs` that of `then`."""
        if epoch < self.epochs:
            return self.base * (self.start + (1 - self.start) * epoch / self.epochs)
        if self.then is None:
            return self.base
        then = copy.copy(self.then)
        then.base = self.base
        return then.rate(epoch - self.epochs)


# ---- Clipping ---------------------------------------------------------------------------------------------------------


def _reached(name: str, params: Iterable[Any]) -> dict[Any, Any]:
    """The gradients of the parameters that have one; AnomalyError where one is not finite, TypeError for anything but a list of nodes."""
    is_list = isinstance(params, Iterable) and not isinstance(params, Node)
    given: list[Any] = list(params) if is_list else [params]
    if not is_list or not all(isinstance(parameter, Node) for parameter in given):
        kinds = ", ".join(sorted({type(parameter).__name__ for parameter in given}))
        raise TypeError(f"{name}: a list of parameters is needed, as model.parameters(), got {kinds}")
    if not given and not isinstance(params, Sized):
        raise ValueError(f"{name}: no parameters (an exhausted generator?): pass model.parameters()")
    found = {p: fitted(name, p, p.grad) for p in given if p.grad is not None}
    check_finite(name, found, found.values())
    return found


def _replace(grads: Mapping[Any, Any]) -> None:
    """Set other gradients, all at once."""
    new = [(p, "grad", float(grad) if type(p) is Value else np.asarray(grad)) for p, grad in grads.items()]
    assign(new)


def clip_grad_norm(params: Iterable[Any], max_norm: float) -> float:
    """Scale all gradients down together, so that their 2-norm as one vector is at most `max_norm`; return the norm before.

    Raises AnomalyError, and changes nothing, where a gradient is not finite; TypeError for anything but a list of nodes. PyTorch's
    clip_grad_norm_.

    >>> import autograd_mini as ag
    >>> w = ag.Tensor([3.0, 4.0])
    >>> ((w * w).sum() / 2).backward()
    >>> ag.optim.clip_grad_norm([w], 1.0), w.grad.round(3)
    (5.0, array([0.6, 0.8]))
    """
    limit, reached = finite("max_norm", max_norm, above=0), _reached("clip_grad_norm", params)
    norm = math.hypot(*[float(array_functions.norm(np.ravel(g).astype(float))) for g in reached.values()])
    scale = limit / (norm + 1e-6)
    if scale < 1:
        _replace({p: grad * p.dtype.type(scale) for p, grad in reached.items()})
    return norm


def clip_grad_value(params: Iterable[Any], limit: float) -> None:
    """Move every number of every gradient into ±limit.

    Raises AnomalyError, and changes nothing, where a gradient is not finite; TypeError for anything but a list of nodes. PyTorch's
    clip_grad_value_.

    >>> import autograd_mini as ag
    >>> w = ag.Tensor([3.0, -0.5])
    >>> ((w * w).sum() / 2).backward()
    >>> ag.optim.clip_grad_value([w], 1.0)
    >>> w.grad
    array([ 1. , -0.5])
    """
    limit = finite("limit", limit, above=0)
    reached = _reached("clip_grad_value", params)
    _replace({p: np.clip(grad, -limit, limit) for p, grad in reached.items()})
