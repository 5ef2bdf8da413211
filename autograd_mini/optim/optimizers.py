"""Optimisers: they change parameters by their gradients. The formula of each optimiser is its `update`.

All small parameters of one kind are stepped as one vector, so that a step takes a few NumPy calls for any number of them. Large
ones are stepped in pieces that fit the processor's cache. See blocks.py.
"""

import copy
import inspect
import math
import warnings
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import copy_context
from functools import partial
from itertools import starmap
from operator import attrgetter, call, setitem
from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np

from ..core.node import Node
from ..core.tensor import replace_all, touch
from ..core.value import Value
from ..derivatives import ravel
from ..errors import GraphError, StateDictError
from ..nn.state import taken
from ..support.coercion import finite, flag, whole
from ..support.extras import needed
from ..support.interrupts import completed
from ..support.quiet import QUIET, error_state
from .blocks import PIECE, Block, Work, check_finite, fitted

A = np.ndarray[Any, Any]  # a vector of numbers
Step = tuple[float, A]  # a factor and a direction
Bounds = tuple[float, float] | None
at_least_0 = partial(finite, least=0)


def _names(params: Sequence[Any], most: int) -> str:
    """The names of the parameters, at most so many."""
    return ", ".join(parameter._name for parameter in params[:most]) + (", …" if len(params) > most else "")


def _by_parameter(state: Mapping[str, Any]) -> dict[str, Any]:
    """The entries of a state under the names that messages use."""
    return {f"parameter {place}": entry for place, entry in state.items()}


def _checked(params: Any) -> Any:
    """The parameters as a list; TypeError or ValueError where they are not leaves that require a gradient."""
    if isinstance(params, Node) or not isinstance(params, Iterable):
        given = f"a single {type(params).__name__}"
        advice = "[w]" if isinstance(params, Node) else "model.parameters()"
        raise TypeError(f"params must be a list of parameters, got {given}: pass {advice}")
    params = list(params)
    if not params:
        raise ValueError("the optimiser got no parameters (an exhausted generator?): pass model.parameters()")
    for i, parameter in enumerate(params):
        if not isinstance(parameter, Node):
            kind = type(parameter).__name__
            raise TypeError(f"params[{i}] is a {kind}: wrap it as Tensor or Value before the forward pass")
        if parameter.op is not None or not parameter.requires_grad:
            raise ValueError(f"params[{i}], {parameter._name}, is no leaf that requires a gradient")
    if len(set(params)) != len(params):
        raise ValueError("the same parameter was given twice")
    return params


def _checked_bounds(bounds: Any) -> Any:
    """The bounds, or ValueError."""
    pair = isinstance(bounds, tuple | list) and len(bounds) == 2
    if pair and all(isinstance(b, int | float | np.number) for b in bounds) and bounds[0] <= bounds[1]:
        return bounds
    if bounds is not None:
        raise ValueError(f"bounds must be (low, high), two numbers with low ≤ high, got {bounds!r}")
    return None


def _checked_betas(name: str, betas: Any) -> list[float]:
    if not isinstance(betas, tuple | list) or len(betas) != 2:
        raise TypeError(f"betas must be two numbers in [0, 1), got {betas!r}")
    return [at_least_0(f"betas[{i}]", beta, below=1) for i, beta in enumerate(betas)]


# The checks of options; all others must be finite numbers, 0 or more
OPTIONS: dict[str, Callable[[str, Any], Any]] = {
    "alpha": partial(at_least_0, below=1),
    "betas": _checked_betas,
    **dict.fromkeys(("nesterov", "amsgrad", "centered"), flag),
}


class Optimizer:
    """What all optimisers share. A subclass names its `slots`, the numbers that it keeps for each number, and writes `update`.

    Args:
        params: a list of leaf Tensors, Values, or both, that require a gradient.
        lr: the rate, above 0.
        bounds: (low, high): after each step every parameter is moved into this range (projected gradient descent).
        options: numbers, which become attributes; `options()` returns them with the rate.

    Raises TypeError or ValueError where params is no such list, and for numbers out of range.

    >>> import autograd_mini as ag
    >>> class Sign(Optimizer):
    ...     def update(self, grad, data, state, change, spare, count):
    ...         return self.lr, np.sign(grad)
    >>> w = ag.Value(3.0)
    >>> Sign([w], lr=0.5).step(lambda: w * w).data, w.data
    (9.0, 2.5)
    """

    slots: tuple[str, ...] = ()
    needed_for: Mapping[str, str] = {}  # slots that are kept only with an option
    names: tuple[str, ...] = ()  # the names of the options, without the rate
    reads_data = False  # whether `update` reads the parameters
    uses_buffers = True  # whether `update` writes into `change` or `spare`

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...  # the options

    def __new__(cls, *args: Any, **options: Any) -> "Optimizer":
        known = inspect.signature(cls.__init__).parameters
        if others := [name for name in options if name not in known and "kwargs" not in known]:
            from ..support.advice import unknown

            raise unknown(cls.__name__, others, known)
        return super().__new__(cls)

    def __init__(self, params: Iterable[Any], lr: float, bounds: Bounds = None, **options: Any) -> None:
        for name, value in options.items():
            setattr(self, name, OPTIONS.get(name, at_least_0)(name, value))
        self.names = tuple(options) or self.names
        self.reads_data = self.reads_data or options.get("weight_decay", 0) > 0
        self.params, self._lr = _checked(params), finite("lr", lr, above=0)
        unused = {slot for slot, option in self.needed_for.items() if not getattr(self, option)}
        self.slots = tuple(slot for slot in self.slots if slot not in unused)
        self.bounds, self.warned = _checked_bounds(bounds), False
        self._stepped: list[Any] = []  # the first and the last gradient of the last step: see _again
        kinds: dict[Any, list[int]] = {}
        for i, parameter in enumerate(self.params):
            alone = i if parameter.size > PIECE else None
            kinds.setdefault((type(parameter), parameter.dtype, alone), []).append(i)
        self.blocks = [Block(places, self.params, self.slots) for places in kinds.values()]
        # The form of a gradient; and the forms that backward makes
        self.form: Any = type if type(self.params[0]) is Value else attrgetter("shape", "dtype")
        self.forms = [float if type(p) is Value else (p.shape, p.dtype) for p in self.params]

    @property
    def lr(self) -> float:
        """The rate, 0 or more. It may be set, and a schedule sets it.

        >>> import autograd_mini as ag
        >>> sgd = ag.optim.SGD([ag.Value(3.0)], lr=0.5)
        >>> sgd.lr = 0.1
        >>> sgd
        SGD(lr=0.1, momentum=0.0, dampening=0.0, nesterov=False, weight_decay=0.0, 1 parameters)
        """
        return self._lr

    @lr.setter
    def lr(self, lr: float) -> None:
        self._lr = at_least_0("lr", lr)

    def zero_grad(self) -> None:
        """Set the gradients of the parameters to None.

        >>> import autograd_mini as ag
        >>> w = ag.Value(3.0)
        >>> (w * w).backward()
        >>> ag.optim.SGD([w], lr=0.5).zero_grad()
        >>> w.grad is None
        True
        """
        for parameter in self.params:
            parameter.grad = None
        self._stepped = []

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change every parameter that has a gradient; return the closure's loss, or None without a closure.

        `closure`: a function that computes and returns the loss; the gradients are set to None before, and it may call backward()
        itself. Raises GraphError where no parameter has a gradient, and AnomalyError where a gradient is not finite; nothing is
        changed then. Warns once, with their names, where some parameters have no gradient, and where the gradients are still those
        of the last step (it compares the first and the last parameter). Ctrl-C during the step is raised when the step is complete.

        >>> import autograd_mini as ag
        >>> w = ag.Value(3.0)
        >>> ag.optim.SGD([w], lr=0.25).step(lambda: w * w).data, w.data
        (9.0, 1.5)
        """
        loss = None if closure is None else self._evaluated(closure)
        grads = [parameter.grad for parameter in self.params]
        complete = self._check(grads)
        works: list[Work] = []
        for block in self.blocks:
            mine = [grads[i] for i in block.places] if len(self.blocks) > 1 else grads
            works += block.works(self, mine, complete)
        # NumPy's error state is set in a context of its own, and so is restored wherever Ctrl-C comes
        completed(copy_context().run, self._write, works)
        self._stepped = [ref(grad) if type(grad) is np.ndarray else grad for grad in (grads[0], grads[-1])]
        return loss

    def _write(self, works: list[Work]) -> None:
        """Do the works, last to first; each leaves the list in the same moment in which it is done."""
        error_state.set(QUIET)
        while works:
            writes = works[-1](self)
            writes.append((works.pop,))
            deque(starmap(call, writes), 0)
        if self.bounds is not None:
            inside = [np.clip(parameter.data, *self.bounds) for parameter in self.params]
            pairs = zip(self.params, inside, strict=True)
            replace_all(self.params, [float(x) if type(p) is Value else np.asarray(x) for p, x in pairs])
        touch(self.params)

    def _evaluated(self, closure: Callable[[], Any]) -> Any:
        self.zero_grad()
        loss = closure()
        if isinstance(loss, Node) and all(parameter.grad is None for parameter in self.params):
            loss.backward()
        return loss

    def _check(self, grads: list[Any]) -> bool:
        """Check all gradients before a parameter is changed; return whether every parameter has one.

        A gradient that was set by hand gets the parameter's kind.
        """
        missing: list[Any] = []
        try:
            fit = list(map(self.form, grads)) == self.forms
        except AttributeError:  # a gradient is None, or a list that was set by hand
            fit = False
        if not fit:
            missing = [p for p, grad in zip(self.params, grads, strict=True) if grad is None]
            if len(missing) == len(grads):
                fault = f"no backward has reached the parameters ({_names(self.params, 4)})"
                cause = "the loss does not depend on them, or backward() was not called since zero_grad()"
                raise GraphError(f"{fault}: {cause}. Was the prediction detached, or wrapped afresh?")
            for i, (p, grad) in enumerate(zip(self.params, grads, strict=True)):
                grads[i] = None if grad is None else fitted("step()", p, grad)
        again = self._again(grads)
        if (missing or again) and not self.warned:
            self.warned = True
            said = f"no backward has reached {_names(missing, 8)}; they stay as they are"
            if again:
                old = f"the gradients of {_names(again, 8)} are those of the last step"
                said = f"{old}: call zero_grad() and backward()"
            warnings.warn(f"step(): {said}", stacklevel=3)
        return not missing

    def _again(self, grads: list[Any]) -> list[Any]:
        """The first and the last parameter, if they still have the gradients of the last step.

        A gradient to which a backward has added is a new one, and so is not noticed here, but by support/unzeroed.py.
        """
        found = []
        for i, kept in zip((0, -1), self._stepped, strict=False):
            held = kept() if type(kept) is ref else kept
            if held is grads[i] and held is not None and np.any(held):  # zeros are as good as none
                found.append(self.params[i])
        return found if len(self.params) > 1 else found[:1]

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_stepped": []}  # a copy has not been stepped

    def update(self, grad: A, data: A, state: dict[str, A], change: A, spare: A, count: int) -> Step:
        """Return (factor, direction): factor · direction is subtracted from the parameters. All vectors have one length.

        Args:
            grad: the gradient; not to be written.
            data: the parameters, or None unless `reads_data`; not to be written.
            state: a vector for each slot, zeros at first.
            change, spare: room for intermediate results.
            count: the number of this step, from 1 on.

        NotImplementedError where a subclass has no update of its own. See the example of the class.
        """
        raise NotImplementedError(f"{type(self).__name__} has no update(...)")

    def options(self) -> dict[str, Any]:
        """Return the optimiser's options by name, with the present rate.

        >>> import autograd_mini as ag
        >>> ag.optim.RMSprop([ag.Value(3.0)]).options()["alpha"]
        0.99
        """
        return {"lr": self.lr, **{name: copy.copy(getattr(self, name)) for name in self.names}}

    def state_dict(self) -> dict[str, Any]:
        """Return a copy of all that `load_state_dict` needs to continue with the same steps: nested dicts of arrays and numbers.

        >>> import autograd_mini as ag
        >>> ag.optim.SGD([ag.Value(3.0)], lr=0.5, momentum=0.9).state_dict()["options"]["lr"]
        0.5
        """
        state: dict[str, Any] = {}
        for block in self.blocks:
            for i, place in enumerate(block.places):
                held = [row[block.ranges[i]].reshape(block.shapes[i]).copy() for row in block.state]
                slots = dict(zip(self.slots, held, strict=True))
                state[str(place)] = {"count": int(block.counts[i]), **slots}
        return {"optimizer": type(self).__name__, "options": self.options(), "state": state}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take the state and the rate of another optimiser of this class.

        Raises StateDictError, and changes nothing, where the state does not fit.

        >>> import autograd_mini as ag
        >>> sgd = ag.optim.SGD([ag.Value(3.0)], lr=0.5)
        >>> sgd.load_state_dict(ag.optim.SGD([ag.Value(1.0)], lr=0.1).state_dict())
        >>> sgd.lr
        0.1
        """
        name = type(self).__name__
        given = state if isinstance(state, Mapping) else {}
        found, options = given.get("state"), given.get("options")
        ours = given.get("optimizer") == name
        if not ours or not isinstance(found, Mapping) or not isinstance(options, Mapping):
            raise StateDictError(f"load_state_dict: the state of an optimiser {name} is needed")
        own = {"lr": self.lr, **_by_parameter(self.state_dict()["state"])}
        new, wrong = taken(own, {"lr": options.get("lr"), **_by_parameter(found)})
        if wrong:
            raise StateDictError(f"load_state_dict: nothing was taken; {'; '.join(wrong)}")
        writes: list[tuple[Any, ...]] = [(setattr, self, "_lr", new["lr"])]
        for block in self.blocks:
            entries = [new[f"parameter {place}"] for place in block.places]
            rows = [[np.ravel(entry[slot]) for entry in entries] for slot in self.slots]
            held = np.array([np.concatenate(row) for row in rows]).reshape(block.state.shape)
            counts = array("d", [entry["count"] for entry in entries])
            writes += [(setitem, block.state, ..., held), (setitem, block.counts, slice(None), counts)]
        # in one call from C, so that Ctrl-C comes before all of them, or after
        deque(starmap(call, writes), 0)

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={value}" for name, value in self.options().items())
        return f"{type(self).__name__}({options}, {len(self.params)} parameters)"

    def _decayed(self, grad: A, data: A, spare: A) -> A:
        """gradient + weight_decay · parameter, in `spare`; without a decay the gradient itself."""
        if not self.weight_decay:
            return grad
        np.multiply(data, self.weight_decay, out=spare)
        return np.add(grad, spare, out=spare)


def _root(x: Any) -> Any:
    """The square root of a number, or of a node where the step is compiled."""
    return math.sqrt(x) if type(x) is float else np.sqrt(x)


def _add_square(mean: A, rate: float, grad: A, change: A) -> None:
    """Update the running mean of squares with the gradient's."""
    mean *= rate
    mean += np.multiply(np.multiply(grad, grad, out=change), 1 - rate, out=change)


def _add(mean: A, rate: float, grad: A, change: A) -> None:
    """Update the running mean with the gradient."""
    mean += np.multiply(np.subtract(grad, mean, out=change), 1 - rate, out=change)


class SGD(Optimizer):
    """Gradient descent: v ← momentum · v + (1 − dampening) · gradient, parameter ← parameter − lr · v (PyTorch's definition).

    Args:
        params, lr, bounds: those of Optimizer.
        momentum, dampening: numbers, 0 or more.
        nesterov: whether a step goes by gradient + momentum · v.
        weight_decay: adds weight_decay · parameter to the gradient.

    Raises ValueError or TypeError for numbers out of range, and as Optimizer does for params.

    >>> import autograd_mini as ag
    >>> w = ag.Value(3.0)
    >>> sgd = ag.optim.SGD([w], lr=0.5)
    >>> (w * w).backward()
    >>> sgd.step()
    >>> w.data
    0.0
    """

    slots = ("velocity",)
    needed_for: Mapping[str, str] = {"velocity": "momentum"}

    def __init__(
        self, params: Iterable[Any], lr: float, momentum: float = 0.0, dampening: float = 0.0,
        nesterov: bool = False, weight_decay: float = 0.0, *, bounds: Bounds = None,
    ) -> None:  # fmt: skip
        super().__init__(
            params, lr, bounds,
            momentum=momentum, dampening=dampening, nesterov=nesterov, weight_decay=weight_decay,
        )  # fmt: skip
        if nesterov and (not momentum or dampening):
            raise ValueError("nesterov needs a momentum > 0 and no dampening")
        self.uses_buffers = self.reads_data or self.momentum > 0

    def update(self, grad: A, data: A, state: dict[str, A], change: A, spare: A, count: int) -> Step:
        """Return (factor, direction) of the step."""
        grad = self._decayed(grad, data, spare)
        if self.momentum:
            velocity = state["velocity"]
            velocity *= self.momentum
            damped = self.dampening and count > 1
            velocity += np.multiply(grad, 1 - self.dampening, out=change) if damped else grad
            if not self.nesterov:
                return self.lr, velocity
            grad = np.add(grad, np.multiply(velocity, self.momentum, out=change), out=change)
        return self.lr, grad


class Adam(Optimizer):
    """Adam (Kingma and Ba 2014, arXiv:1412.6980): steps of about the size lr, by running means of the gradient and its square.

    Args:
        params, lr, bounds: those of Optimizer.
        betas: the decay rates of the two means, in [0, 1).
        eps: is added to the root of the second mean.
        weight_decay: adds weight_decay · parameter to the gradient.
        amsgrad: whether the largest second mean so far is used (arXiv:1904.09237).

    PyTorch's definition. Raises ValueError or TypeError for numbers out of range, and as Optimizer does for params.

    >>> import autograd_mini as ag
    >>> w = ag.Value(3.0)
    >>> adam = ag.optim.Adam([w], lr=0.1)
    >>> adam.step(lambda: w * w).data, round(w.data, 6)
    (9.0, 2.9)
    """

    slots = ("mean", "square", "largest")
    needed_for: Mapping[str, str] = {"largest": "amsgrad"}
    decoupled = False  # whether the weights decay apart from the gradient

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8, weight_decay: float = 0.0, amsgrad: bool = False, *, bounds: Bounds = None,
    ) -> None:  # fmt: skip
        options = {"betas": betas, "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad}
        super().__init__(params, lr, bounds, **options)

    def update(self, grad: A, data: A, state: dict[str, A], change: A, spare: A, count: int) -> Step:
        """Return (factor, direction) of the step."""
        (b1, b2), mean, square = self.betas, state["mean"], state["square"]
        if not self.decoupled:
            grad = self._decayed(grad, data, spare)
        _add(mean, b1, grad, change)
        _add_square(square, b2, grad, change)
        if self.amsgrad:
            square = np.maximum(state["largest"], square, out=state["largest"])
        np.sqrt(square, out=change)
        change /= _root(1 - b2**count)
        change += self.eps
        np.divide(mean, change, out=change)
        risen = 1 - b1**count
        if self.weight_decay and self.decoupled:
            change += np.multiply(data, self.weight_decay * risen, out=spare)
        return self.lr / risen, change


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2017, arXiv:1711.05101): parameters shrink by lr · weight_decay.

    Arguments and errors are those of Adam.

    >>> import autograd_mini as ag
    >>> w = ag.Value(3.0)
    >>> ag.optim.AdamW([w], lr=0.1, weight_decay=0.1).step(lambda: w * w).data, round(w.data, 6)
    (9.0, 2.87)
    """

    decoupled = True

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8, weight_decay: float = 0.01, amsgrad: bool = False, *, bounds: Bounds = None,
    ) -> None:  # fmt: skip
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, bounds=bounds)


class RMSprop(Optimizer):
    """RMSprop (Tieleman and Hinton 2012): the gradient divided by the root of the running mean of its square.

    Args:
        params, lr, bounds: those of Optimizer.
        alpha: the decay rate of the mean, in [0, 1).
        eps: is added to the root.
        weight_decay: adds weight_decay · parameter to the gradient.
        momentum: as in SGD.
        centered: whether the variance is used in place of the mean square.

    PyTorch's definition. Raises ValueError or TypeError for numbers out of range, and as Optimizer does for params.

    >>> import autograd_mini as ag
    >>> w = ag.Value(3.0)
    >>> ag.optim.RMSprop([w], lr=0.1).step(lambda: w * w).data, round(w.data, 6)
    (9.0, 2.0)
    """

    slots = ("square", "mean", "velocity")
    needed_for: Mapping[str, str] = {"mean": "centered", "velocity": "momentum"}

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-2, alpha: float = 0.99, eps: float = 1e-8,
        weight_decay: float = 0.0, momentum: float = 0.0, centered: bool = False, *, bounds: Bounds = None,
    ) -> None:  # fmt: skip
        options = {"alpha": alpha, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, lr, bounds, **options, momentum=momentum, centered=centered)

    def update(self, grad: A, data: A, state: dict[str, A], change: A, spare: A, count: int) -> Step:
        """Return (factor, direction) of the step."""
        square, grad = state["square"], self._decayed(grad, data, spare)
        _add_square(square, self.alpha, grad, change)
        if self.centered:
            mean = state["mean"]
            _add(mean, self.alpha, grad, change)
            square = np.subtract(square, np.multiply(mean, mean, out=change), out=change)
        np.sqrt(square, out=change)
        change += self.eps
        np.divide(grad, change, out=change)
        if self.momentum:
            velocity = state["velocity"]
            velocity *= self.momentum
            velocity += change
            return self.lr, velocity
        return self.lr, change


class LBFGS(Optimizer):
    """L-BFGS-B of scipy (Byrd, Lu, Nocedal and Zhu 1995, doi:10.1137/0916069): for smooth losses of whole batches.

    Args:
        params: as for Optimizer.
        max_iter: how many iterations a step takes at most; each calls the closure, at least once.
        history: how many past vectors are kept.
        tolerance: a step ends where no gradient is larger.
        bounds: (low, high): every parameter stays in this range throughout.

    Needs the extra `scipy`. Raises ValueError or TypeError for numbers out of range, and as Optimizer does for params.

    >>> import autograd_mini as ag
    >>> w = ag.Tensor([3.0, -1.0])
    >>> loss = ag.optim.LBFGS([w]).step(lambda: ((w - [1.0, 2.0]) ** 2).sum())
    >>> w.data.round(6).tolist(), round(loss, 12)
    ([1.0, 2.0], 0.0)
    """

    def __init__(
        self, params: Iterable[Any], max_iter: int = 20, history: int = 10, tolerance: float = 1e-9, *,
        bounds: Bounds = None,
    ) -> None:  # fmt: skip
        self.max_iter, self.history = whole("max_iter", max_iter, 1), whole("history", history, 1)
        self.tolerance = at_least_0("tolerance", tolerance)
        super().__init__(params, 1.0, bounds)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Minimise the loss that the closure computes; return the least one found.

        After an error or Ctrl-C the parameters are the old ones. Raises TypeError without a closure, ImportError without scipy.

        >>> import autograd_mini as ag
        >>> w = ag.Value(3.0)
        >>> round(ag.optim.LBFGS([w]).step(lambda: (w - 1.0) ** 2), 9)
        0.0
        """
        if closure is None:
            raise TypeError("LBFGS evaluates the loss many times: write step(closure), with a function")
        minimize = needed("LBFGS", "scipy.optimize", "[scipy]").minimize
        start, unravel = ravel(self.params)
        best, least = start, math.inf

        def put(vector: Any) -> None:
            replace_all(self.params, [parameter.data for parameter in unravel(vector)])

        def evaluate(vector: Any) -> Any:
            nonlocal best, least
            put(vector)
            loss = self._evaluated(closure)
            grads = [parameter.grad for parameter in self.params]
            self._check(grads)
            if least == math.inf:  # no loss has been found yet
                check_finite("step()", self.params, grads)
            found = float(loss.item() if isinstance(loss, Node) else loss)
            if found < least:
                best, least = vector.copy(), found
            pairs = zip(self.params, grads, strict=True)
            parts = [np.zeros(p.size) if grad is None else np.ravel(grad) for p, grad in pairs]
            return found, np.concatenate(parts).astype(float)

        options = {"maxiter": self.max_iter, "maxcor": self.history, "gtol": self.tolerance, "ftol": 0.0}
        bounds = [self.bounds] * start.size if self.bounds else None
        try:
            minimize(evaluate, start, jac=True, method="L-BFGS-B", options=options, bounds=bounds)
        except BaseException:
            best = start
            raise
        finally:
            completed(put, best)
        return least
