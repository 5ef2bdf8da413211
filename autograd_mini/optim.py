"""Optimisers: they change parameters by their gradients. Schedules change the rate; clipping, the gradients.

All small parameters of a kind are stepped as one vector: a step costs a handful of NumPy calls, whatever their number. Large
ones are stepped in pieces that fit the processor's cache. What an optimiser *is* stands in its `update`.
"""

import itertools
import math
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any
from weakref import ref

import numpy as np

from .core import functions
from .core.node import Node
from .core.readings import KINDS, quiet
from .core.tensor import Tensor, touch
from .core.value import Value
from .errors import AnomalyError, AutogradError, GraphError, StateDictError
from .support.coercion import finite, to_array
from .support.numerics import subtract_scaled

NOTHING = type(None)
PIECE = 32768  # numbers that are stepped at a time; a parameter of more is stepped alone


class _Used:
    """A mark on a parameter: this gradient, and whatever the engine adds to it, has been stepped with. It holds it weakly."""

    def __init__(self, gradient: Any = None) -> None:
        self.put(gradient)

    def put(self, gradient: Any) -> None:
        self.gradient: Any = ref(gradient) if isinstance(gradient, np.ndarray) else lambda: gradient

    def is_on(self, gradient: Any) -> bool:
        return (
            gradient is not None and self.gradient() is gradient and bool(np.any(gradient))
        )  # zeros are as good as none

    def __reduce__(self) -> Any:  # a copy of the parameter has not been stepped
        return _Used, ()


def _mark(parameter: Any) -> _Used:
    """The mark of a parameter, put on it where it has none."""
    if parameter.meta is None or "used" not in parameter.meta:
        parameter.meta = {**(parameter.meta or {}), "used": _Used()}
    return parameter.meta["used"]  # type: ignore[no-any-return]


def _names(params: Sequence[Any], most: int) -> str:
    """The names of the parameters, of the first of them where they are many."""
    return ", ".join(parameter._name for parameter in params[:most]) + (", …" if len(params) > most else "")


class _Block:
    """Parameters of one kind and dtype that are stepped as one vector, and the state that belongs to them."""

    def __init__(self, places: Sequence[int], params: Sequence[Any], slots: Sequence[str]) -> None:
        self.places, self.params = list(places), [params[i] for i in places]
        self.shapes, self.dtype = [p.shape for p in self.params], self.params[0].dtype
        ends = np.cumsum([0, *(p.size for p in self.params)]).tolist()
        self.ranges = [slice(a, b) for a, b in itertools.pairwise(ends)]
        self.grad = np.empty(
            ends[-1] if len(self.params) > 1 or isinstance(self.params[0], Value) else 0, self.dtype
        )
        self.change, self.spare = np.empty((2, min(ends[-1], max(PIECE, self.grad.size))), self.dtype)
        self.state = {name: np.zeros(ends[-1], self.dtype) for name in slots}
        self.counts = [0] * len(self.params)  # steps that each parameter has taken
        self._divide()

    def _divide(self) -> None:
        """Views of `change`, one for each parameter."""
        parts = zip(self.ranges, self.shapes, strict=True) if self.grad.size else ()
        self.changes = [self.change[part].reshape(shape) for part, shape in parts]

    def __setstate__(self, state: dict[str, Any]) -> None:  # in a copy they would be arrays of their own
        vars(self).update(state)
        self._divide()

    def step(self, optimizer: "Optimizer", grads: Sequence[Any]) -> None:
        """Change the parameters by their gradients; None for what no backward has reached."""
        if (
            not self.grad.size
            or NOTHING in map(type, grads)
            or self.counts.count(self.counts[0]) < len(self.counts)
        ):
            for i, (parameter, grad) in enumerate(zip(self.params, grads, strict=True)):
                if grad is not None:
                    self._step_one(optimizer, i, parameter, grad)
            return
        self.counts = [self.counts[0] + 1] * len(self.params)
        tensors = type(self.params[0]) is Tensor
        if tensors:
            np.concatenate([grad.ravel() for grad in grads], out=self.grad)
        else:
            self.grad[:] = grads
        data = self._data() if optimizer.reads_data else None
        factor, direction = optimizer.update(
            self.grad, data, self.state, self.change, self.spare, self.counts[0]
        )
        np.multiply(direction, factor, out=self.change)
        if tensors:
            for parameter, change in zip(self.params, self.changes, strict=True):
                data = parameter.data
                data -= change
        else:
            for parameter, change in zip(self.params, self.change.tolist(), strict=True):
                parameter.data -= change

    def _data(self) -> Any:
        if type(self.params[0]) is Value:
            return np.array([parameter.data for parameter in self.params])
        return np.concatenate([parameter.data.ravel() for parameter in self.params])

    def _step_one(self, optimizer: "Optimizer", i: int, parameter: Any, grad: Any) -> None:
        """The same for one parameter, piece by piece."""
        self.counts[i] += 1
        single = type(parameter) is Value
        data, grad = (
            (np.array([parameter.data], float), np.array([grad]))
            if single
            else (parameter.data.reshape(-1), grad.reshape(-1))
        )
        start = self.ranges[i].start
        piece = (
            PIECE if optimizer.uses_buffers else data.size
        )  # in pieces that stay in the cache from pass to pass
        for a in range(0, data.size, piece or 1):
            b = min(a + piece, data.size)
            state = {name: held[start + a : start + b] for name, held in self.state.items()}
            change = self.change[: b - a]
            factor, direction = optimizer.update(
                grad[a:b], data[a:b], state, change, self.spare[: b - a], self.counts[i]
            )
            subtract_scaled(data[a:b], factor, direction, change)
        if single:
            parameter.data = float(data[0])
        elif not parameter.data.flags.c_contiguous:  # `data` was a copy
            parameter.data[...] = data.reshape(parameter.shape)


class Optimizer:
    """What all optimisers share. A subclass names its `slots`, the state it keeps of each number, and writes `update`.

    `params`: a list of leaf Tensors and Values, or both. `bounds`: (low, high), numbers that every parameter is kept between
    (projected gradient descent). Raises TypeError or ValueError for what is no list of parameters and for numbers out of range.
    """

    slots: tuple[str, ...] = ()
    reads_data = False  # whether `update` reads the parameters themselves
    uses_buffers = True  # whether `update` writes into `change` or `spare`

    def __init__(self, params: Iterable[Any], lr: float, bounds: tuple[float, float] | None = None) -> None:
        if isinstance(params, Node) or not isinstance(params, Iterable):
            advice = "[w]" if isinstance(params, Node) else "model.parameters()"
            raise TypeError(
                f"params must be a list of parameters, got a single {type(params).__name__}: pass {advice}"
            )
        self.params, self.warned = list(params), False
        self._lr = finite("lr", lr, above=0)
        if not self.params:
            raise ValueError(
                "the optimiser got no parameters (an exhausted generator?): pass model.parameters()"
            )
        for i, parameter in enumerate(self.params):
            if not isinstance(parameter, Node):
                raise TypeError(
                    f"params[{i}] is a {type(parameter).__name__}: wrap it as Tensor or Value before the forward pass"
                )
            if parameter.op is not None or not parameter.requires_grad:
                raise ValueError(
                    f"params[{i}], {parameter._name}, is no leaf that requires a gradient: optimise what it was made from"
                )
        if len(set(self.params)) != len(self.params):
            raise ValueError("the same parameter was given twice")
        if bounds is not None:
            if (
                not isinstance(bounds, tuple | list)
                or len(bounds) != 2
                or not all(isinstance(b, int | float | np.number) for b in bounds)
            ):
                raise TypeError(f"bounds must be (low, high), two numbers, got {bounds!r}")
            if not bounds[0] <= bounds[1]:
                raise ValueError(f"bounds must be (low, high) with low ≤ high, got {bounds!r}")
        self.bounds = bounds
        kinds: dict[Any, list[int]] = {}
        for i, parameter in enumerate(self.params):
            alone = i if parameter.size > PIECE else None
            kinds.setdefault((type(parameter), parameter.dtype, alone), []).append(i)
        self.blocks = [_Block(places, self.params, self.slots) for places in kinds.values()]
        self.shapes = [parameter.shape for parameter in self.params]
        self.dtypes = [parameter.dtype for parameter in self.params]

    @property
    def lr(self) -> float:
        """The rate, which may be set; a schedule sets it."""
        return self._lr

    @lr.setter
    def lr(self, lr: float) -> None:
        self._lr = finite("lr", lr, least=0)

    def zero_grad(self) -> None:
        """Forget the gradients of the parameters."""
        for parameter in self.params:
            parameter.grad = None
        for i in {0, len(self.params) - 1}:
            _mark(self.params[i]).put(None)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change every parameter that has a gradient; return what the closure returned.

        A closure computes the loss and returns it; the gradients are forgotten before, and it may call backward() itself.
        Raises GraphError, and changes nothing, where no parameter has a gradient; warns once, with their names, where some
        have none, and where gradients were not zeroed since the last step (it looks at the first and the last parameter).
        """
        loss = None if closure is None else self._evaluated(closure)
        grads = [parameter.grad for parameter in self.params]
        self._check(grads)
        try:
            with quiet():
                for block in self.blocks:
                    block.step(
                        self, [grads[i] for i in block.places] if len(self.blocks) > 1 else grads
                    )
                if self.bounds is not None:
                    for parameter in self.params:
                        inside = np.clip(parameter.data, *self.bounds)
                        parameter.data = float(inside) if type(parameter) is Value else inside
        finally:
            touch(self.params)
        return loss

    def _evaluated(self, closure: Callable[[], Any]) -> Any:
        self.zero_grad()
        loss = closure()
        if isinstance(loss, Node) and all(parameter.grad is None for parameter in self.params):
            loss.backward()
        return loss

    def _check(self, grads: list[Any]) -> None:
        """Look at all gradients before a parameter is changed."""
        missing = (
            [p for p, grad in zip(self.params, grads, strict=True) if grad is None]
            if NOTHING in map(type, grads)
            else []
        )
        if len(missing) == len(grads):
            raise GraphError(
                f"no backward has reached the parameters ({_names(self.params, 4)}): the loss does not depend "
                "on them, or backward() was not called since zero_grad(). Was the prediction detached, or wrapped afresh?"
            )
        plain = set(map(type, grads)) == {np.ndarray}
        if (
            not plain
            or [grad.shape for grad in grads] != self.shapes
            or [grad.dtype for grad in grads] != self.dtypes
        ):
            for i, (parameter, grad) in enumerate(zip(self.params, grads, strict=True)):
                grads[i] = (
                    grad if grad is None else KINDS[type(parameter)].fitted(parameter, grad, "step(): a gradient")
                )  # set by hand: of another kind?
        again = []
        for i in {0, len(grads) - 1}:  # two witnesses for all
            mark = _mark(self.params[i])
            if mark.is_on(grads[i]):
                again.append(self.params[i])
            mark.put(grads[i])
        if (missing or again) and not self.warned:
            self.warned = True
            names = _names(again or missing, 8)
            said = f"no backward has reached {names}; they stay as they are"
            if again:
                said = f"the gradients of {names} were not zeroed since the last step: call zero_grad() before backward()"
            warnings.warn(f"step(): {said}", stacklevel=3)

    def update(
        self, grad: Any, data: Any, state: dict[str, Any], change: Any, spare: Any, count: int
    ) -> tuple[float, Any]:
        """Return (factor, direction): factor · direction is subtracted from the parameters.

        `grad`, `data` (where `reads_data`), the arrays of `state` (zeros at first), `change` and `spare` (room for intermediate
        results) are vectors of one length. Only `state`, `change` and `spare` may be written. `count` is 1 in the first step.
        """
        raise NotImplementedError(f"{type(self).__name__} has no update(...)")

    def options(self) -> dict[str, Any]:
        """The numbers that the optimiser was made with, by name; the rate is the present one."""
        return {"lr": self.lr}

    def state_dict(self) -> dict[str, Any]:
        """Return a copy of all that `load_state_dict` needs to go on with the same steps: nested dicts of arrays and numbers.

        >>> import autograd_mini as ag
        >>> ag.optim.SGD([ag.Value(3.0)], lr=0.5, momentum=0.9).state_dict()["options"]["lr"]
        0.5
        """
        state: dict[str, Any] = {}
        for block in self.blocks:
            for i, place in enumerate(block.places):
                held = {
                    name: array[block.ranges[i]].reshape(block.shapes[i]).copy()
                    for name, array in block.state.items()
                }
                state[str(place)] = {"count": block.counts[i], **held}
        return {"optimizer": type(self).__name__, "options": self.options(), "state": state}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take the state and the rate of another optimiser of this class. StateDictError, and nothing taken, where it does not fit."""
        name = type(self).__name__
        found, options = (
            (state.get("state"), state.get("options")) if isinstance(state, Mapping) else (None, None)
        )
        if (
            not isinstance(found, Mapping)
            or not isinstance(options, Mapping)
            or state.get("optimizer") != name
        ):
            raise StateDictError(f"load_state_dict: the state of an optimiser {name} is needed")
        wrong, held, counts = [], [], []
        try:
            lr = finite("lr", options.get("lr"), least=0)
        except (TypeError, ValueError) as error:
            wrong.append(str(error))
        if set(found) != {str(i) for i in range(len(self.params))}:
            raise StateDictError(
                f"load_state_dict: the state is of {len(found)} parameters, not of {len(self.params)}"
            )
        for block in self.blocks:
            whole = {slot: np.empty_like(array) for slot, array in block.state.items()}
            for i, place in enumerate(block.places):
                wrong += _misfits(
                    f"of parameter {place}", found[str(place)], self.slots, block.shapes[i], block.dtype
                )
                for slot in () if wrong else self.slots:
                    whole[slot][block.ranges[i]] = np.reshape(found[str(place)][slot], -1)
            held.append(whole)
            counts.append([] if wrong else [int(found[str(place)]["count"]) for place in block.places])
        if wrong:
            raise StateDictError(f"load_state_dict: nothing was taken; {'; '.join(wrong)}")
        n = len(self.blocks)  # all at once: set from C, Ctrl-C comes before or after
        names = ["state"] * n + ["counts"] * n + ["_lr"]
        deque(map(setattr, [*self.blocks, *self.blocks, self], names, [*held, *counts, lr]), maxlen=0)

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={value}" for name, value in self.options().items())
        return f"{type(self).__name__}({options}, {len(self.params)} parameters)"


def _misfits(of: str, entry: Any, slots: Sequence[str], shape: tuple[int, ...], dtype: Any) -> Iterator[str]:
    """Say what is wrong with one parameter's entry of a state_dict."""
    if not isinstance(entry, Mapping):
        yield f"the state {of} is no dict"
        return
    count = entry.get("count")
    if isinstance(count, bool) or not isinstance(count, int | np.integer) or count < 0:
        yield f"count {of} must be an int ≥ 0, got {count!r}"
    yield from (f"unexpected {name} {of}" for name in entry if name not in (*slots, "count"))
    for slot in slots:
        if slot not in entry:
            yield f"missing {slot} {of}"
            continue
        try:
            array = to_array(entry[slot])
        except (AutogradError, ValueError) as error:
            yield f"{slot} {of} is no array of numbers ({error})"
            continue
        if array.shape != shape:
            yield f"{slot} {of} has shape {array.shape}, not {shape}"
        else:
            with np.errstate(all="ignore"):
                fits = np.all(np.isfinite(array.astype(dtype)))
            if not fits:
                yield f"{slot} {of} " + (
                    f"is too large for {dtype}" if np.all(np.isfinite(array)) else "is not finite"
                )


class SGD(Optimizer):
    """Gradient descent: v ← momentum · v + (1 − dampening) · gradient, parameter ← parameter − lr · v (PyTorch's definition).

    `nesterov` steps by gradient + momentum · v; `weight_decay` adds weight_decay · parameter to the gradient. `params` and
    `bounds` are Optimizer's. Raises ValueError or TypeError for numbers out of range and for what is no leaf.

    >>> import autograd_mini as ag
    >>> w = ag.Value(3.0)
    >>> sgd = ag.optim.SGD([w], lr=0.5)
    >>> (w * w).backward()
    >>> sgd.step()
    >>> w.data
    0.0
    """

    def __init__(
        self, params: Iterable[Any], lr: float, momentum: float = 0.0, dampening: float = 0.0, nesterov: bool = False,
        weight_decay: float = 0.0, *, bounds: tuple[float, float] | None = None,
    ) -> None:  # fmt: skip
        self.momentum, self.dampening = (
            finite("momentum", momentum, least=0),
            finite("dampening", dampening, least=0),
        )
        self.nesterov, self.weight_decay = bool(nesterov), finite("weight_decay", weight_decay, least=0)
        if nesterov and (not momentum or dampening):
            raise ValueError("nesterov needs a momentum > 0 and no dampening")
        self.slots, self.reads_data = ("velocity",) if momentum else (), weight_decay > 0
        self.uses_buffers = self.momentum > 0 or self.weight_decay > 0
        super().__init__(params, lr, bounds)

    def update(
        self, grad: Any, data: Any, state: dict[str, Any], change: Any, spare: Any, count: int
    ) -> tuple[float, Any]:
        """Return (factor, direction) of the step."""
        if self.weight_decay:
            grad = _decayed(grad, data, self.weight_decay, spare)
        if self.momentum:
            velocity = state["velocity"]
            velocity *= self.momentum
            velocity += (
                grad
                if count == 1 or not self.dampening
                else np.multiply(grad, 1 - self.dampening, out=change)
            )
            grad = (
                np.add(grad, np.multiply(velocity, self.momentum, out=change), out=change)
                if self.nesterov
                else velocity
            )
        return self.lr, grad

    def options(self) -> dict[str, Any]:
        names = ("lr", "momentum", "dampening", "nesterov", "weight_decay")
        return {name: getattr(self, name) for name in names}


def _decayed(grad: Any, data: Any, rate: float, spare: Any) -> Any:
    """gradient + rate · parameter, in `spare`."""
    np.multiply(data, rate, out=spare)
    return np.add(grad, spare, out=spare)


class Adam(Optimizer):
    """Adam (Kingma and Ba 2014, arXiv:1412.6980): steps of about the size lr, by running means of the gradient and its square.

    `betas` are the decay rates of the two means, `eps` is added to the root of the second; `amsgrad` takes the largest second
    mean so far (arXiv:1904.09237); `weight_decay` adds weight_decay · parameter to the gradient. As torch.optim.Adam.

    >>> import autograd_mini as ag
    >>> w = ag.Value(3.0)
    >>> adam = ag.optim.Adam([w], lr=0.1)
    >>> adam.step(lambda: w * w).data, round(w.data, 6)
    (9.0, 2.9)
    """

    decoupled = False  # whether the weights decay apart from the gradient

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0.0, amsgrad: bool = False, *, bounds: tuple[float, float] | None = None,
    ) -> None:  # fmt: skip
        if not isinstance(betas, tuple | list) or len(betas) != 2:
            raise TypeError(f"betas must be two numbers in [0, 1), got {betas!r}")
        self.betas = (
            finite("betas[0]", betas[0], least=0, below=1),
            finite("betas[1]", betas[1], least=0, below=1),
        )
        self.eps, self.weight_decay = (
            finite("eps", eps, least=0),
            finite("weight_decay", weight_decay, least=0),
        )
        self.amsgrad = bool(amsgrad)
        self.slots, self.reads_data = ("mean", "square", *(["largest"] if amsgrad else [])), weight_decay > 0
        super().__init__(params, lr, bounds)

    def update(
        self, grad: Any, data: Any, state: dict[str, Any], change: Any, spare: Any, count: int
    ) -> tuple[float, Any]:
        """Return (factor, direction) of the step."""
        (b1, b2), mean, square = self.betas, state["mean"], state["square"]
        if self.weight_decay and not self.decoupled:
            grad = _decayed(grad, data, self.weight_decay, spare)
        mean += np.multiply(np.subtract(grad, mean, out=change), 1 - b1, out=change)
        square *= b2
        square += np.multiply(np.multiply(grad, grad, out=change), 1 - b2, out=change)
        if self.amsgrad:
            square = np.maximum(state["largest"], square, out=state["largest"])
        np.sqrt(square, out=change)
        change /= math.sqrt(1 - b2**count)
        change += self.eps
        np.divide(mean, change, out=change)
        factor = self.lr / (1 - b1**count)
        if self.weight_decay and self.decoupled and factor:
            change += np.multiply(data, self.lr * self.weight_decay / factor, out=spare)
        return factor, change

    def options(self) -> dict[str, Any]:
        return {
            "lr": self.lr,
            "betas": list(self.betas),
            "eps": self.eps,
            "weight_decay": self.weight_decay,
            "amsgrad": self.amsgrad,
        }


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2017, arXiv:1711.05101): parameters shrink by lr · weight_decay.

    >>> import autograd_mini as ag
    >>> w = ag.Value(3.0)
    >>> ag.optim.AdamW([w], lr=0.1, weight_decay=0.1).step(lambda: w * w).data, round(w.data, 6)
    (9.0, 2.87)
    """

    decoupled = True

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0.01, amsgrad: bool = False, *, bounds: tuple[float, float] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, bounds=bounds)


class RMSprop(Optimizer):
    """RMSprop (Tieleman and Hinton 2012): the gradient over the root of the running mean of its square. As torch.optim.RMSprop.

    `alpha` is the mean's decay rate; `centered` takes the variance in place of the mean square; `momentum` as in SGD.

    >>> import autograd_mini as ag
    >>> w = ag.Value(3.0)
    >>> ag.optim.RMSprop([w], lr=0.1).step(lambda: w * w).data, round(w.data, 6)
    (9.0, 2.0)
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-2, alpha: float = 0.99, eps: float = 1e-8, weight_decay: float = 0.0,
        momentum: float = 0.0, centered: bool = False, *, bounds: tuple[float, float] | None = None,
    ) -> None:  # fmt: skip
        self.alpha, self.eps = finite("alpha", alpha, least=0, below=1), finite("eps", eps, least=0)
        self.weight_decay, self.momentum = (
            finite("weight_decay", weight_decay, least=0),
            finite("momentum", momentum, least=0),
        )
        self.centered, self.reads_data = bool(centered), weight_decay > 0
        self.slots = ("square", *(["mean"] if centered else []), *(["velocity"] if momentum else []))
        super().__init__(params, lr, bounds)

    def update(
        self, grad: Any, data: Any, state: dict[str, Any], change: Any, spare: Any, count: int
    ) -> tuple[float, Any]:
        """Return (factor, direction) of the step."""
        square = state["square"]
        if self.weight_decay:
            grad = _decayed(grad, data, self.weight_decay, spare)
        square *= self.alpha
        square += np.multiply(np.multiply(grad, grad, out=change), 1 - self.alpha, out=change)
        if self.centered:
            mean = state["mean"]
            mean += np.multiply(np.subtract(grad, mean, out=change), 1 - self.alpha, out=change)
            np.subtract(square, np.multiply(mean, mean, out=change), out=change)
            np.sqrt(change, out=change)
        else:
            np.sqrt(square, out=change)
        change += self.eps
        np.divide(grad, change, out=change)
        if self.momentum:
            velocity = state["velocity"]
            velocity *= self.momentum
            velocity += change
            return self.lr, velocity
        return self.lr, change

    def options(self) -> dict[str, Any]:
        names = ("lr", "alpha", "eps", "weight_decay", "momentum", "centered")
        return {name: getattr(self, name) for name in names}


class LBFGS(Optimizer):
    """L-BFGS-B of scipy (Byrd, Lu, Nocedal and Zhu 1995, doi:10.1137/0916069): for smooth losses of whole batches.

    A step takes up to `max_iter` iterations, and so calls the closure, which must be given, many times; `history` vectors of
    the past are kept, and it ends where no gradient is above `tolerance`. `bounds` are kept throughout. Needs the extra `scipy`.

    >>> import autograd_mini as ag
    >>> w = ag.Tensor([3.0, -1.0])
    >>> loss = ag.optim.LBFGS([w]).step(lambda: ((w - [1.0, 2.0]) ** 2).sum())
    >>> w.data.round(6).tolist(), round(loss, 12)
    ([1.0, 2.0], 0.0)
    """

    def __init__(
        self, params: Iterable[Any], max_iter: int = 20, history: int = 10, tolerance: float = 1e-9, *,
        bounds: tuple[float, float] | None = None,
    ) -> None:  # fmt: skip
        for name, value in (("max_iter", max_iter), ("history", history)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} must be an int > 0, got {value!r}")
        self.max_iter, self.history, self.tolerance = (
            max_iter,
            history,
            finite("tolerance", tolerance, least=0),
        )
        super().__init__(params, 1.0, bounds)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Minimise the loss that the closure computes; return the least found. Old or new parameters, whatever interrupts it."""
        if closure is None:
            raise TypeError(
                "LBFGS evaluates the loss many times: step(closure) needs a function that computes it"
            )
        try:
            from scipy.optimize import minimize
        except ImportError:
            raise ImportError("LBFGS needs scipy: python -m pip install 'autograd-mini[scipy]'") from None
        start = np.concatenate([np.ravel(parameter.data) for parameter in self.params])
        best, least = start, math.inf

        def evaluate(vector: Any) -> Any:
            nonlocal best, least
            self._write(vector)
            loss = self._evaluated(closure)
            grads = [parameter.grad for parameter in self.params]
            self._check(grads)
            parts = [
                np.zeros(p.size) if grad is None else np.ravel(grad)
                for p, grad in zip(self.params, grads, strict=True)
            ]
            found = float(loss.item() if isinstance(loss, Node) else loss)
            if found < least:
                best, least = vector.copy(), found
            return found, np.concatenate(parts).astype(float)

        options = {"maxiter": self.max_iter, "maxcor": self.history, "gtol": self.tolerance, "ftol": 0.0}
        bounds = [self.bounds] * start.size if self.bounds else None
        try:
            minimize(evaluate, start, jac=True, method="L-BFGS-B", options=options, bounds=bounds)
        except BaseException:
            best = start
            raise
        finally:
            self._write(best)
        return least

    def _write(self, vector: Any) -> None:
        a = 0
        for parameter in self.params:
            part = vector[a : a + parameter.size]
            parameter.data = (
                float(part[0])
                if type(parameter) is Value
                else part.reshape(parameter.shape).astype(parameter.dtype)
            )
            a += parameter.size


# ---- Schedules --------------------------------------------------------------------------------------------------------


class Schedule:
    """A rate that changes with the epoch: call `step()` after each. A subclass writes `rate(epoch)`; `base` is the first rate."""

    def __init__(self, optimizer: Optimizer) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(
                f"{type(self).__name__}: an optimiser is needed, got a {type(optimizer).__name__}"
            )
        self.optimizer, self.base, self.epoch = optimizer, optimizer.lr, 0
        optimizer.lr = self.rate(0)

    def rate(self, epoch: int) -> float:
        """The rate after so many epochs."""
        raise NotImplementedError(f"{type(self).__name__} has no rate(epoch)")

    def step(self) -> None:
        """Set the rate of the next epoch."""
        self.optimizer.lr = self.rate(self.epoch + 1)
        self.epoch += 1

    def state_dict(self) -> dict[str, Any]:
        """Return what `load_state_dict` needs to go on from here."""
        return {"base": self.base, "epoch": self.epoch}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where another schedule of this kind was, and set the rate to that. StateDictError where it does not fit."""
        if not isinstance(state, Mapping) or set(state) != set(self.state_dict()):
            raise StateDictError(
                f"load_state_dict: the state of a {type(self).__name__} is needed: {', '.join(self.state_dict())}"
            )
        before, epoch = (self.base, self.epoch), state["epoch"]
        if isinstance(epoch, bool) or not isinstance(epoch, int | np.integer) or epoch < 0:
            raise StateDictError(f"load_state_dict: epoch must be an int ≥ 0, got {epoch!r}")
        try:
            self.base, self.epoch = finite("base", state["base"], least=0), int(epoch)
            self.optimizer.lr = self.rate(self.epoch)
        except (TypeError, ValueError) as error:
            self.base, self.epoch = before
            raise StateDictError(f"load_state_dict: {error}") from None


def _epochs(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"{name} must be a number of epochs, an int > 0, got {value!r}")
    return int(value)


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
        self.step_size, self.gamma = _epochs("step_size", step_size), finite("gamma", gamma, above=0)
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
        self.T_max, self.eta_min = _epochs("T_max", T_max), finite("eta_min", eta_min, least=0)
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
        self.epochs, self.start, self.then = _epochs("epochs", epochs), finite("start", start, least=0), then
        super().__init__(optimizer)

    def rate(self, epoch: int) -> float:
        if epoch < self.epochs:
            return self.base * (self.start + (1 - self.start) * epoch / self.epochs)
        return self.base if self.then is None else self.then.rate(epoch - self.epochs)

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), **({"then": self.then.state_dict()} if self.then else {})}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        if self.then and isinstance(state, Mapping) and "then" in state:
            self.then.load_state_dict(state["then"])
        super().load_state_dict(state)


# ---- Clipping ---------------------------------------------------------------------------------------------------------


def _reached(name: str, params: Iterable[Any]) -> list[Any]:
    """The parameters that have a gradient, all of them finite, or AnomalyError."""
    if isinstance(params, Node) or not isinstance(params, Iterable):
        raise TypeError(f"{name}: a list of parameters is needed, got a {type(params).__name__}")
    params = list(params)
    for parameter in params:
        if not isinstance(parameter, Node):
            raise TypeError(
                f"{name}: a list of parameters is needed, and it holds a {type(parameter).__name__}"
            )
    reached = [parameter for parameter in params if parameter.grad is not None]
    for parameter in reached:
        if not np.all(np.isfinite(parameter.grad)):
            raise AnomalyError(
                f"{name}: the gradient of {parameter._name} is not finite; nothing was changed. ag.tree(loss) shows where"
            )
    return reached


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
    norm = math.hypot(
        *(float(functions.norm(np.ravel(parameter.grad).astype(float))) for parameter in reached)
    )
    scale = limit / (norm + 1e-6)
    for parameter in reached if scale < 1 else ():
        _replace(
            parameter, parameter.grad * (scale if type(parameter) is Value else parameter.dtype.type(scale))
        )
    return norm


def _replace(parameter: Any, gradient: Any) -> None:
    """Put another gradient in the place of one, and with it the mark of an optimiser."""
    mark = parameter.meta and parameter.meta.get("used")
    used = mark and mark.is_on(parameter.grad)
    parameter.grad = (
        float(gradient) if type(parameter) is Value else np.asarray(gradient)
    )  # of 0-d arrays NumPy makes numbers
    if mark and used:
        mark.put(parameter.grad)


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
    for parameter in _reached("clip_grad_value", params):
        held = np.clip(parameter.grad, -limit, limit)
        _replace(parameter, held)
