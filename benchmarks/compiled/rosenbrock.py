"""Rosenbrock's value and gradient, compiled: one call, bound arrays, and many points in one batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import autograd_mini as ag
from benchmarks.derivatives.contest import contest
from benchmarks.harness import Effort
from benchmarks.problems import Array
from benchmarks.report import Row, Target

Works = dict[str, Callable[[], Any]]
DDX, BOUND, ARRAYS = "ddx-ad", "bound", "arrays in and out"
TARGETS = {  # by the number of dimensions
    2: {(BOUND, "CasADi, buffered"): Target(2.5, "≤ 2.5"), (ARRAYS, DDX): Target(1.0, "≤ 1")},
    100: {(BOUND, DDX): Target(0.4, "≤ 0.4"), (ARRAYS, DDX): Target(0.8, "≤ 0.8")},
}


def rosenbrock(x: Any) -> Any:
    return (100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2).sum()


def by_hand(x: Array) -> Array:
    """The gradient."""
    out, rise = np.zeros_like(x), x[..., 1:] - x[..., :-1] ** 2
    out[..., 1:] += 200.0 * rise
    out[..., :-1] += -400.0 * x[..., :-1] * rise - 2.0 * (1.0 - x[..., :-1])
    return out


def casadi_buffered(symbols: Any, value: Any, start: Array) -> Works:
    """CasADi's gradient of a value of its symbols, as its documentation advises: called through a buffer."""
    import casadi

    function = casadi.Function("f", [symbols], [value, casadi.gradient(value, symbols)])
    buffer, call = function.buffer()
    out, total = np.empty(start.size), np.empty(1)
    buffer.set_arg(0, memoryview(start))
    buffer.set_res(0, memoryview(total))
    buffer.set_res(1, memoryview(out))

    def run(held: Any = (function, buffer, total)) -> Array:  # the call does not keep them
        call()
        return out

    return {"CasADi, buffered": run}


def casadi_works(x: Array) -> Works:
    import casadi

    s = casadi.SX.sym("x", x.size)
    value = sum(100.0 * (s[i + 1] - s[i] ** 2) ** 2 + (1.0 - s[i]) ** 2 for i in range(x.size - 1))
    return casadi_buffered(s, value, x)


def ddx_works(x: Array) -> Works:
    import ddx

    def equation() -> Any:
        s = [ddx.var(f"x{i:04d}") for i in range(x.size)]
        return sum(100.0 * (s[i + 1] - s[i] * s[i]) ** 2 + (1.0 - s[i]) ** 2 for i in range(x.size - 1))

    found = ddx.equation(equation)
    return {DDX: lambda: found.jacobian(x)[1]}


def jax_works(x: Array) -> Works:
    import jax
    import jax.numpy as jnp

    import benchmarks.contenders.jax  # noqa: F401  (sets it up)

    slope = jax.value_and_grad(rosenbrock)
    found = jax.jit(slope if x.ndim == 1 else jax.vmap(slope))
    point = jnp.asarray(x)
    name = "JAX jit" if x.ndim == 1 else "JAX vmap"

    def run() -> Array:
        return found(point)[1].block_until_ready()  # type: ignore[no-any-return]

    return {name: run}


def peers_of(peers: list[str], x: Array) -> Works:
    found = jax_works(x) if "jax" in peers else {}
    found |= casadi_works(x) if "casadi" in peers and x.ndim == 1 else {}
    return found | (ddx_works(x) if "ddx" in peers and x.ndim == 1 else {})


def single(effort: Effort, peers: list[str], size: int) -> list[Row]:
    x = np.random.default_rng(3).uniform(-1, 1, size)
    compiled = ag.compile(ag.value_and_grad(rosenbrock))
    value, slope = np.empty(()), np.empty(size)
    bound = compiled.bind([x], [value, slope])

    def run_bound() -> Array:
        bound()
        return slope

    ours: Works = {BOUND: run_bound, ARRAYS: lambda: compiled(x)[1]}
    title = f"value and gradient of {size}-d Rosenbrock"
    return contest(title, ours, peers_of(peers, x), by_hand(x), 1e-12, TARGETS[size], effort.rounds, effort)


def many(effort: Effort, peers: list[str], count: int, size: int, most: float) -> list[Row]:
    X = np.random.default_rng(3).uniform(-1, 1, (20 if effort.quick else count, size))
    compiled = ag.compile(ag.value_and_grad(rosenbrock), batch=True)
    targets = {("batch", "JAX vmap"): Target(most, f"≤ {most:g}")}
    title = f"value and gradient of {size}-d Rosenbrock at {count:,} points"
    ours: Works = {"batch": lambda: compiled(X)[1]}
    return contest(title, ours, peers_of(peers, X), by_hand(X), 1e-12, targets, effort.rounds, effort)


def run(effort: Effort, peers: list[str]) -> list[Row]:
    rows = [row for size in (2, 100) for row in single(effort, peers, size)]
    return [*rows, *many(effort, peers, 100_000, 2, 0.5), *many(effort, peers, 2_000, 100, 0.9)]
