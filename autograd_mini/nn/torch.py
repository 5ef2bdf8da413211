"""Networks to and from PyTorch, with the same weights. PyTorch is imported where it is used."""

import inspect
from typing import Any

import numpy as np

from ..core.tensor import Tensor
from ..support.extras import needed
from . import activation_modules as ours
from .activations import identity
from .modules import MLP, Dropout, Linear, Module, Sequential

# The Modules that have one name in both libraries, and PyTorch's names of our options
SHARED: tuple[Any, ...] = (
    ours.ReLU, ours.LeakyReLU, ours.ELU, ours.GELU, ours.SiLU, ours.Sigmoid, ours.Tanh, ours.Softplus,
    ours.Softmax, ours.LogSoftmax, ours.Identity, Dropout,
)  # fmt: skip
RENAMED = {"slope": "negative_slope", "axis": "dim"}
ACTIVATIONS: dict[Any, Any] = {kind.function: kind for kind in SHARED if kind is not Dropout}


def from_torch(module: Any) -> Module:
    """Return the same network as a Module of ours: weights copied, their dtype kept, in the same mode (training or evaluation).

    It takes torch.nn.Linear, Sequential, Dropout and the activations that both libraries have. Raises NotImplementedError for
    another layer, TypeError for anything but a torch.nn.Module, ImportError where PyTorch is not installed.

    >>> import autograd_mini as ag, torch
    >>> net = ag.nn.from_torch(torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Tanh()))
    >>> net([[0.0, 1.0]]).shape
    (1, 3)
    """
    torch = needed("from_torch", "torch", "torch")
    if not isinstance(module, torch.nn.Module):
        raise TypeError(f"from_torch: a torch.nn.Module is needed, got a {type(module).__name__}")
    out: Module = _from(module, torch.nn, {})
    return out


def _from(module: Any, nn: Any, done: dict[int, Any]) -> Any:
    if id(module) not in done:  # a layer that is used twice stays one
        done[id(module)] = out = _module_from(module, nn, done)
        out.training = module.training
    return done[id(module)]


def _module_from(module: Any, nn: Any, done: dict[int, Any]) -> Any:
    kind = type(module)
    if kind is nn.Sequential:
        return Sequential(*(_from(part, nn, done) for part in module))
    if kind is nn.Linear:
        out = Linear(module.in_features, module.out_features, rng=0)
        out.weight, out.bias = map(_ours, (module.weight, module.bias))
        return out
    name = kind.__name__
    mine = next((mine for mine in SHARED if mine.__name__ == name and kind is getattr(nn, name)), None)
    if mine is None:
        known = ", ".join(["Linear", "Sequential", *(mine.__name__ for mine in SHARED)])
        raise NotImplementedError(f"from_torch: {name} has no counterpart; there are {known}")
    if mine is ours.Softplus and (module.beta != 1 or module.threshold < 20):
        name = f"Softplus(beta={module.beta}, threshold={module.threshold})"
        raise NotImplementedError(f"from_torch: {name} has no counterpart")
    names = {option: RENAMED.get(option, option) for option in inspect.signature(mine).parameters}
    given = {option: getattr(module, theirs) for option, theirs in names.items() if hasattr(module, theirs)}
    if given.get("axis", 0) is None:
        raise NotImplementedError(f"from_torch: {name} without a dim has no counterpart: give it dim=-1")
    return mine(**given)


def _ours(theirs: Any) -> Any:
    """Our parameter with their numbers, transposed, frozen where theirs is; None for None."""
    out = None if theirs is None else Tensor(theirs.detach().cpu().numpy().T)
    if out is not None and not theirs.requires_grad:
        out.requires_grad, out.meta = False, {"frozen": True}
    return out


def _theirs(ours: Any, torch: Any) -> Any:
    """Their parameter with our numbers, transposed, frozen where ours is; None for None."""
    if ours is None:
        return None
    data = torch.from_numpy(np.array(ours.data.T, order="C"))
    return torch.nn.Parameter(data, requires_grad=ours.requires_grad)


def to_torch(module: Any) -> Any:
    """Return the same network as a torch.nn.Module; see Module.to_torch."""
    return _to(module, needed("to_torch", "torch", "torch"), {}, True)


def _to(module: Any, torch: Any, done: dict[int, Any], mode: bool) -> Any:
    """A part of a network as theirs; a function has the training mode of the Module that holds it."""
    if id(module) not in done or not isinstance(module, Module):
        done[id(module)] = out = _module_to(module, torch, done)
        out.training = getattr(module, "training", mode)
    return done[id(module)]


def _module_to(module: Any, torch: Any, done: dict[int, Any]) -> Any:
    nn = torch.nn
    if isinstance(module, MLP | Sequential):
        parts = module.layers
        if isinstance(module, MLP):
            parts = [part for layer in parts for part in (layer, module.activation)][:-1]
            parts += [] if module.output is identity else [module.output]
        return nn.Sequential(*(_to(part, torch, done, module.training) for part in parts))
    if isinstance(module, Linear):
        out = nn.Linear(*module.weight.shape)
        out.weight, out.bias = (_theirs(x, torch) for x in (module.weight, module.bias))
        return out
    if not isinstance(module, Module) and module in ACTIVATIONS:
        module = ACTIVATIONS[module]()
    if isinstance(module, ours.Softplus):
        return nn.Softplus(threshold=40)  # above 40 both are x, to the last digit
    unlike = getattr(module, "axis", -1) is None or getattr(module, "beta", 1) != 1
    if type(module) in SHARED and not unlike:
        options = {"p": module.p} if isinstance(module, Dropout) else vars(module)
        names = [name for name in ("slope", "alpha", "approximate", "axis", "p") if name in options]
        made = getattr(nn, type(module).__name__)
        return made(**{RENAMED.get(name, name): options[name] for name in names})
    name = getattr(module, "__name__", type(module).__name__)
    title = module.title() if isinstance(module, Module) else name
    known = "Linear, Sequential, MLP, Dropout and the activations have one"
    raise NotImplementedError(f"to_torch: {title} has no counterpart in PyTorch; {known}")
