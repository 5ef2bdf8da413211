"""Hessian, input Jacobian and 4th derivative, compiled: the functions of the suite `derivatives`, held to the same right answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import autograd_mini as ag
from benchmarks.derivatives import hessian, input_jacobian, nested
from benchmarks.derivatives.contest import contest
from benchmarks.harness import Effort
from benchmarks.problems import Array
from benchmarks.report import Row, Target

JAX = "JAX jit"
OF_TORCH, OF_JAX = Target(1.0, "≤ 1"), Target(2.0, "≤ 2")


def by_jax(parameters: list[Array], X: Array) -> dict[str, Callable[[], Any]]:
    import jax
    import jax.numpy as jnp

    import benchmarks.contenders.jax  # noqa: F401  (sets it up)

    fixed = [jnp.asarray(p) for p in parameters]

    def net(x: Any) -> Any:
        for i in range(0, len(fixed) - 2, 2):
            x = jnp.tanh(x @ fixed[i] + fixed[i + 1])
        return x @ fixed[-2] + fixed[-1]

    found, batch = jax.jit(jax.vmap(jax.jacrev(net))), jnp.asarray(X)
    return {JAX: lambda: found(batch).block_until_ready()}


def hessians(effort: Effort, peers: list[str]) -> list[Row]:
    size = 6 if effort.quick else 100
    x = np.random.default_rng(4).uniform(-2, 2, size)
    ours, others = ag.compile(ag.hessian(hessian.rosenbrock)), hessian.peers_of(peers, x)
    if "jax" in peers:
        import jax
        import jax.numpy as jnp

        import benchmarks.contenders.jax  # noqa: F401  (sets it up)

        found, point = jax.jit(jax.hessian(hessian.rosenbrock)), jnp.asarray(x)
        others[JAX] = lambda: found(point).block_until_ready()
    title = f"compiled Hessian of {size}-d Rosenbrock"
    targets = {("compiled", "PyTorch, func.hessian"): OF_TORCH, ("compiled", JAX): OF_JAX}
    return contest(
        title,
        {"compiled": lambda: ours(x)},
        others,
        hessian.by_hand(x),
        1e-12,
        targets,
        effort.rounds,
        effort,
    )


def jacobians(effort: Effort, peers: list[str]) -> list[Row]:
    sizes, batch = ([2, 5, 5, 3], 4) if effort.quick else ([2, 64, 64, 3], 256)
    X = np.random.default_rng(5).uniform(-1, 1, (batch, sizes[0]))
    model = ag.nn.MLP(sizes, activation="tanh", rng=0)
    parameters = [p.data for p in model.parameters()]
    ours = ag.compile(lambda X: ag.batch_jacobian(model, X))
    others = input_jacobian.torch_works(parameters, X) if "torch" in peers else {}
    others |= by_jax(parameters, X) if "jax" in peers else {}
    title = f"compiled input Jacobian, {'-'.join(map(str, sizes))} tanh, batch {batch}"
    targets = {("compiled", input_jacobian.JACREV): OF_TORCH, ("compiled", JAX): OF_JAX}
    expected = input_jacobian.by_hand(parameters, X)
    return contest(
        title, {"compiled": lambda: ours(X)}, others, expected, 1e-12, targets, effort.step_rounds, effort
    )


def on_values(x: list[Any]) -> Any:
    """Rosenbrock's function of single numbers."""
    return sum(100.0 * (x[i + 1] - x[i] * x[i]) ** 2 + (1.0 - x[i]) ** 2 for i in range(len(x) - 1))


def of_values(effort: Effort, peers: list[str]) -> list[Row]:
    """Of single Values: the 4th derivative of a function of one, and the Hessian in 100 dimensions, in nested lists."""
    size = 6 if effort.quick else 100
    x = np.random.default_rng(4).uniform(-2, 2, size)
    numbers, fourth = x.tolist(), ag.compile(nested.nested(ag.grad, nested.function(ag)))
    ours, others, theirs = ag.compile(ag.hessian(on_values)), dict[str, Any](), dict[str, Any]()
    if "jax" in peers:
        import jax
        import jax.numpy as jnp

        import benchmarks.contenders.jax  # noqa: F401  (sets it up)

        slope, found = (
            jax.jit(nested.nested(jax.grad, nested.function(jnp))),
            jax.jit(jax.hessian(hessian.rosenbrock)),
        )
        point = jnp.asarray(x)
        others[JAX] = lambda: slope(nested.POINT).block_until_ready()
        theirs[JAX] = lambda: found(point).block_until_ready()
    title, targets = "compiled 4th derivative of sin(x²) eˣ / (1 + x²)", {("Value", JAX): OF_TORCH}
    rows = contest(
        title, {"Value": lambda: fourth(nested.POINT)}, others, nested.by_hand(), nested.RTOL, targets,
        effort.step_rounds, effort,
    )  # fmt: skip
    title = f"compiled Hessian of {size}-d Rosenbrock on Values"
    return rows + contest(
        title,
        {"Value": lambda: ours(numbers)},
        theirs,
        hessian.by_hand(x),
        1e-12,
        targets,
        effort.rounds,
        effort,
    )


def run(effort: Effort, peers: list[str]) -> list[Row]:
    return [*hessians(effort, peers), *jacobians(effort, peers), *of_values(effort, peers)]
