"""Networks: a thin layer on the engine."""

from . import scalar
from .losses import binary_cross_entropy_with_logits, cross_entropy, mse
from .modules import MLP, Linear, Module

__all__ = ["MLP", "Linear", "Module", "binary_cross_entropy_with_logits", "cross_entropy", "mse", "scalar"]
