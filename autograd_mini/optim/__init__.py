"""Optimisers change parameters by their gradients; schedules change the rate, and clipping changes the gradients."""

import sys as _sys
import typing as _typing

# isort: off
from .blocks import PIECE
from .optimizers import LBFGS, SGD, Adam, AdamW, Optimizer, RMSprop
from .schedules import CosineAnnealingLR, ExponentialLR, LambdaLR, Schedule, StepLR, WarmUp
from .schedules import clip_grad_norm, clip_grad_value
# isort: on

__all__ = [
    "LBFGS", "PIECE", "SGD", "Adam", "AdamW", "CosineAnnealingLR", "ExponentialLR", "LambdaLR", "Optimizer",
    "RMSprop", "Schedule", "StepLR", "WarmUp", "clip_grad_norm", "clip_grad_value",
]  # fmt: skip


def __getattr__(name: str) -> _typing.Any:
    from ..support.advice import missing

    raise missing(_sys.modules[__name__], name)
