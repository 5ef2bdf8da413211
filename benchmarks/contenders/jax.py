"""The step in JAX: one jitted function whose parameters are donated, so that XLA may write over them."""

from __future__ import annotations

import os
from typing import Any

os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import jax
import jax.numpy as jnp

from benchmarks.problems import L2, Problem, Trainer

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_platforms", "cpu")


def loss_of(problem: Problem, pred: Any, y: Any, parameters: list[Any]) -> Any:
    """The problem's loss."""
    match problem.loss:
        case "mse":
            return jnp.mean((jax.nn.sigmoid(pred) - y) ** 2)
        case "squares":
            return jnp.mean((pred - y) ** 2)
        case "hinge" | "hinge, nn.l2":
            return jnp.mean(jax.nn.relu(1 - y * pred)) + L2 * sum(jnp.sum(p * p) for p in parameters)
        case "softmax":
            return -jnp.mean(jax.nn.log_softmax(pred)[jnp.arange(len(y)), y])
        case _:
            return jnp.mean(jnp.maximum(pred, 0) - pred * y + jnp.log1p(jnp.exp(-jnp.abs(pred))))


def trainers(problem: Problem) -> dict[str, Trainer]:
    X, y = map(jnp.asarray, problem.data)
    state = [jnp.asarray(start) for start in problem.initial()]
    activation = jax.nn.sigmoid if problem.activation == "sigmoid" else jax.nn.relu

    def loss(parameters: list[Any], X: Any, y: Any) -> Any:
        h = X
        for i in range(0, len(parameters) - 2, 2):
            h = activation(h @ parameters[i] + parameters[i + 1])
        return loss_of(problem, h @ parameters[-2] + parameters[-1], y, parameters)

    def update(parameters: list[Any], X: Any, y: Any) -> Any:
        value, gradients = jax.value_and_grad(loss)(parameters, X, y)
        return value, [p - problem.lr * g for p, g in zip(parameters, gradients, strict=True)]

    run = jax.jit(update, donate_argnums=0)

    def step() -> Any:
        nonlocal state
        value, state = run(state, X, y)
        return value.block_until_ready()

    return {"JAX jit": Trainer(step, float, lambda: list(state))}
