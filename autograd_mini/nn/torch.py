"""To PyTorch and back: the same network, weight for weight. PyTorch is imported where it is used."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.tensor import Tensor
from . import activation_modules as ours
from .activations import identity
from .modules import MLP, Dropout, Linear, Module, Sequential

# PyTorch's class, ours, and the names of what both were made with: (theirs, ours)
PAIRS: list[tuple[str, Any, tuple[tuple[str, str], ...]]] = [
    ("ReLU", ours.ReLU, ()),
    ("LeakyReLU", ours.LeakyReLU, (("negative_slope", "slope"),)),
    ("ELU", ours.ELU, (("alpha", "alpha"),)),
    ("GELU", ours.GELU, (("approximate", "approximate"),)),
    ("SiLU", ours.SiLU, ()),
    ("Sigmoid", ours.Sigmoid, ()),
    ("Tanh", ours.Tanh, ()),
    ("Softplus", ours.Softplus, ()),
    ("Softmax", ours.Softmax, (("dim", "axis"),)),
    ("LogSoftmax", ours.LogSoftmax, (("dim", "axis"),)),
    ("Identity", ours.Identity, ()),
    ("Dropout", Dropout, (("p", "p"),)),
]
ACTIVATIONS: dict[Callable[[Any], Any], Any] = {
    kind.function: kind for _, kind, _ in PAIRS if issubclass(kind, ours.Activation)
}


def _torch() -> Any:
    try:
        import torch
    except ImportError:
        raise ImportError("this needs PyTorch: python -m pip install torch") from None
    return torch


def from_torch(module: Any) -> Module:
    """Return the same network as a Module of ours: weights copied, their dtype kept, in the same mode (training or evaluation).

    Known are torch.nn.Linear, Sequential, Dropout and the activations that both have. NotImplementedError names another layer,
    ImportError says how to get PyTorch.

    >>> import autograd_mini as ag, torch
    >>> net = ag.nn.from_torch(torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Tanh()))
    >>> net([[0.0, 1.0]]).shape
    (1, 3)
    """
    torch = _torch()
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
        weight = module.weight.detach().cpu().numpy()
        out = Linear(module.in_features, module.out_features, bias=False, rng=0, dtype=weight.dtype)
        out.weight = _parameter(module.weight, weight.T)
        if module.bias is not None:
            out.bias = _parameter(module.bias, module.bias.detach().cpu().numpy())
        return out
    for name, mine, options in PAIRS:
        if kind is getattr(nn, name):
            given = {our: getattr(module, their) for their, our in options}
            if name == "Softplus" and (module.beta != 1 or module.threshold < 20):
                made = f"Softplus(beta={module.beta}, threshold={module.threshold})"
                raise NotImplementedError(f"from_torch: {made} has no counterpart")
            if given.get("axis", 0) is None:
                advice = "has no counterpart: give it dim=-1"
                raise NotImplementedError(f"from_torch: {name} without a dim {advice}")
            return mine(**given)
    known = ", ".join(["Linear", "Sequential", *(name for name, _, _ in PAIRS)])
    raise NotImplementedError(f"from_torch: {kind.__name__} has no counterpart; there are {known}")


def _parameter(theirs: Any, data: Any) -> Tensor:
    """Our parameter of those numbers, frozen where theirs is."""
    out = Tensor(data)
    if not theirs.requires_grad:
        out.requires_grad, out.meta = False, {"frozen": True}
    return out


def to_torch(module: Any) -> Any:
    """Return the same network as a torch.nn.Module; see Module.to_torch."""
    return _to(module, _torch(), {}, True)


def _to(module: Any, torch: Any, done: dict[int, Any], mode: bool) -> Any:
    """A part; a function is in the mode of the Module that holds it."""
    if id(module) not in done or not isinstance(module, Module):
        done[id(module)] = out = _module_to(module, torch, done)
        out.training = getattr(module, "training", mode)
    return done[id(module)]


def _module_to(module: Any, torch: Any, done: dict[int, Any]) -> Any:
    nn = torch.nn
    if isinstance(module, MLP):
        parts = [part for layer in module.layers for part in (layer, module.activation)][:-1]
        parts += [] if module.output is identity else [module.output]
        return nn.Sequential(*(_to(part, torch, done, module.training) for part in parts))
    if isinstance(module, Sequential):
        return nn.Sequential(*(_to(part, torch, done, module.training) for part in module.layers))
    if isinstance(module, Linear):
        weight = module.weight.data
        dtype = torch.float32 if weight.dtype == np.float32 else torch.float64
        out = nn.Linear(*weight.shape, bias=module.bias is not None, dtype=dtype)
        with torch.no_grad():
            out.weight.copy_(torch.from_numpy(np.ascontiguousarray(weight.T)))
            out.weight.requires_grad_(module.weight.requires_grad)
            if module.bias is not None:
                out.bias.copy_(torch.from_numpy(module.bias.data.copy()))
                out.bias.requires_grad_(module.bias.requires_grad)
        return out
    if not isinstance(module, Module) and module in ACTIVATIONS:
        module = ACTIVATIONS[module]()
    if isinstance(module, ours.Softplus):
        return nn.Softplus(threshold=40)  # beyond which the two are equal to the last digit
    for name, mine, options in PAIRS:
        unlike = getattr(module, "axis", -1) is None or getattr(module, "beta", 1) != 1
        if type(module) is mine and not unlike:
            return getattr(nn, name)(**{their: getattr(module, our) for their, our in options})
    name = getattr(module, "__name__", type(module).__name__)
    title = module.title() if isinstance(module, Module) else name
    known = "Linear, Sequential, MLP, Dropout and the activations"
    raise NotImplementedError(f"to_torch: {title} has no counterpart there; {known} have")
