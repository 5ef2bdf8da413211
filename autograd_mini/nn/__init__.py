"""Networks: modules, activations, losses and initialisers."""

import sys as _sys
import typing as _typing

# isort: off
from . import init, scalar
from .activation_modules import ELU, GELU, Identity, LeakyReLU, LogSoftmax, ReLU
from .activation_modules import Sigmoid, SiLU, Softmax, Softplus, Tanh
from .losses import binary_cross_entropy, binary_cross_entropy_with_logits, cross_entropy, half_sse, hinge
from .losses import huber, kl_div, l2, mae, mse, nll
from .modules import MLP, Dropout, Linear, Module, Sequential
from .torch import from_torch
# isort: on

__all__ = [
    "ELU", "GELU", "MLP", "Dropout", "Identity", "LeakyReLU", "Linear", "LogSoftmax", "Module", "ReLU",
    "Sequential", "SiLU", "Sigmoid", "Softmax", "Softplus", "Tanh", "binary_cross_entropy",
    "binary_cross_entropy_with_logits", "cross_entropy", "from_torch", "half_sse", "hinge", "huber", "init",
    "kl_div", "l2", "mae", "mse", "nll", "scalar",
]  # fmt: skip


def __getattr__(name: str) -> _typing.Any:
    if name == "functional":
        from importlib import import_module

        return import_module(".functional", __name__)
    from ..support.advice import missing

    raise missing(_sys.modules[__name__], name)
