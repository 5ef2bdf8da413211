"""Namespaces `xp` of other libraries, PyTorch's and JAX's: a row that is read with them is computed by code that is not ours."""

import math
from types import SimpleNamespace
from typing import Any

import numpy as np

from autograd_mini.core.array_rows import axes_of
from autograd_mini.core.readings import XP
from autograd_mini.support import numerics


class Foreign:
    """A reading of rows by another library: `wrap` makes an operand of an array, `plain` an array of a result."""

    refusals = ()

    def __init__(self, xp: Any, wrap: Any, plain: Any) -> None:
        assert sorted(vars(xp)) == XP
        self.xp, self.wrap, self.plain = xp, wrap, plain

    def lent(self, operands: Any) -> Any:
        return operands


def recurrence(stack: Any, move: Any) -> Any:
    """s[i] = b[i] + a[i]·s[i−1], out of place, with a library's stack and moveaxis."""

    def function(a: Any, b: Any, axis: int, reverse: bool) -> Any:
        a, b = move(a, axis, 0), move(b, axis, 0)
        places = range(len(b))[:: -1 if reverse else 1]
        parts: dict[int, Any] = {}
        before = None
        for i in places:
            parts[i] = b[i] if before is None else b[i] + a[i] * parts[before]
            before = i
        return move(stack([parts[i] for i in range(len(b))]), 0, axis)

    return function


# ---- PyTorch ----------------------------------------------------------------------------------------------------------


def by_torch() -> Foreign:
    import torch

    torch.set_num_threads(1)

    def lift(x: Any) -> Any:
        if isinstance(x, torch.Tensor):
            return x
        if not isinstance(x, np.ndarray):
            return torch.tensor(x, dtype=torch.float64)
        return torch.tensor(x.astype(np.int64) if x.dtype.kind in "iu" else np.array(x))

    def lifted(name: str) -> Any:
        function = getattr(torch, name)
        return lambda *xs: function(*map(lift, xs))

    def mask(name: str) -> Any:
        """1 and 0, with which PyTorch computes as NumPy does with True and False."""
        return lambda *xs: getattr(torch, name)(*map(lift, xs)).to(torch.float64)

    def axes(x: Any, axis: Any) -> tuple[int, ...]:
        return axes_of(axis, x.ndim)

    def extremum(name: str) -> Any:
        reduce, pair = getattr(torch, f"a{name}"), getattr(torch, f"{name}imum")

        def function(x: Any, axis: Any = None, keepdims: bool = False, initial: Any = None) -> Any:
            out = reduce(x, dim=axes(x, axis), keepdim=keepdims)
            return out if initial is None else pair(out, lift(initial))

        return function

    def prod(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        lost = axes(x, axis)
        for i in sorted(lost, reverse=True):
            x = x.prod(i, keepdim=True)
        return x if keepdims else squeeze(x, lost)

    def squeeze(x: Any, axis: Any) -> Any:
        lost = axes(x, axis)
        return x.reshape([n for i, n in enumerate(x.shape) if i not in lost])

    def soft(name: str) -> Any:
        function = getattr(torch, name)

        def over(x: Any, axis: Any) -> Any:
            lost = axes(x, axis)
            if len(lost) == 1:
                return function(x, lost[0])
            logs = x - x.logsumexp(lost, keepdim=True)
            return logs.exp() if name == "softmax" else logs

        return over

    def placed(x: Any, shape: Any, index: Any) -> Any:
        places = np.arange(math.prod(shape)).reshape(shape)[index].ravel()
        flat = torch.zeros(math.prod(shape), dtype=x.dtype)
        return flat.index_add(
            0, torch.as_tensor(places), x.broadcast_to(np.shape(np.zeros(shape)[index])).ravel()
        ).reshape(shape)

    def index_update(x: Any, index: Any, value: Any) -> Any:
        places = np.arange(x.numel()).reshape(x.shape)[index]
        value = lift(value).broadcast_to(places.shape).ravel()
        kept = {place: i for i, place in enumerate(places.ravel().tolist())}  # the last one of each
        chosen, where = list(kept.values()), list(kept)
        return x.ravel().index_copy(0, torch.tensor(where, dtype=int), value[chosen]).reshape(x.shape)

    def roll(x: Any, shift: Any, axis: Any = None) -> Any:
        if axis is None:
            return torch.roll(x, int(np.sum(shift)))
        for by, along in np.broadcast(shift, axis):
            x = torch.roll(x, int(by), int(along))
        return x

    def sinc(x: Any, order: int = 0) -> Any:
        function = torch.sinc
        for _ in range(order):
            function = torch.func.grad(function)
        return torch.func.vmap(function)(x.ravel()).reshape(x.shape) if order else torch.sinc(x)

    def singular(a: Any) -> Any:
        u, s, v = torch.linalg.svd(a, full_matrices=False)
        return torch.cat([u, s[..., None, :], v.mT], -2)

    def eigen(a: Any) -> Any:
        w, v = torch.linalg.eigh(a)
        return torch.cat([w[..., None, :], v], -2)

    def pad(x: Any, width: Any, constant_values: float) -> Any:
        flat = [n for pair in reversed(width) for n in pair]
        return torch.nn.functional.pad(x, flat, value=constant_values)

    normal = torch.distributions.Normal(torch.tensor(0.0, dtype=torch.float64), 1.0)
    names = """
        exp expm1 log log1p log2 log10 sqrt square sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh arccosh arctanh
        arctan2 hypot logaddexp abs sign floor ceil remainder maximum minimum zeros_like copysign sigmoid erf erfc matmul
    """.split()  # noqa: SIM905
    masks = "greater greater_equal less less_equal not_equal logical_and logical_or isfinite".split()  # noqa: SIM905
    found = {name: lifted(name) for name in names} | {name: mask(name) for name in masks}
    found["equal"] = mask("eq")
    found |= {name: getattr(torch.linalg, name) for name in ["solve", "inv", "det", "cholesky", "pinv"]}
    found |= {
        "where": lambda c, x, y: torch.where(lift(c) != 0, lift(x), lift(y)),
        "xlogy": lifted("xlogy"),
        "round": lambda x, n=0: torch.round(x, decimals=n),
        "transpose": lambda x, order: x.permute(order),
        "squeeze": squeeze,
        "flip": lambda x, axis=None: torch.flip(x, axes(x, axis)),
        "roll": roll,
        "tril": torch.tril,
        "triu": torch.triu,
        "pad": pad,
        "asarray": lambda x, dtype=None: x.to(getattr(torch, np.dtype(dtype).name)),
        "concatenate": lambda xs, axis=0: torch.cat(list(xs), axis),
        "stack": lambda xs, axis=0: torch.stack(list(xs), axis),
        "cumsum": torch.cumsum,
        "cumprod": torch.cumprod,
        "sort": lambda x, axis=-1, kind=None: torch.sort(x, dim=axis, stable=True).values,
        "argsort": lambda x, axis=-1, kind=None: torch.argsort(x, dim=axis, stable=True),
        "take_along_axis": lambda x, i, axis: torch.take_along_dim(x, lift(i) % x.shape[axis], axis),
        "einsum": lambda text, *xs, optimize=False: torch.einsum(text, *map(lift, xs)),
        "eye": lambda n: torch.eye(n, dtype=torch.float64),
        "ones": lambda n: torch.ones(n, dtype=torch.float64),
        "logistic": lambda x: torch.sigmoid(x) * torch.sigmoid(-x),
        "linear": lambda x, w, b: torch.nn.functional.linear(x, w.T, b),
        "shape": lambda x: tuple(lift(x).shape),
        "broadcast_to": lambda x, shape: lift(x).broadcast_to(shape),
        "scatter": placed,
        "scatter_along_axis": lambda x, i, axis, shape: torch.zeros(shape, dtype=x.dtype).scatter_add(
            axis, lift(i) % shape[axis], x
        ),
        "index_update": index_update,
        "last_written": lambda shape, index: torch.as_tensor(numerics.last_written(shape, index)),
        "recurrence": recurrence(torch.stack, torch.moveaxis),
        "softmax": soft("softmax"),
        "log_softmax": soft("log_softmax"),
        "centred": lambda x, axis: x - x.mean(axes(x, axis), keepdim=True),
        "cofactors": lambda a: torch.linalg.det(a)[..., None, None] * torch.linalg.inv(a).mT,
        "eigen": eigen,
        "singular": singular,
        "power": lambda x, n: torch.pow(lift(x), n),
        "sum": lambda x, axis=None, keepdims=False: (
            torch.sum(x, axes(x, axis), keepdim=keepdims) if x.ndim else x
        ),
        "prod": prod,
        "max": extremum("max"),
        "min": extremum("min"),
        "reshape": lambda x, shape: x.reshape(shape),
        "swapaxes": torch.swapaxes,
        "logabsdet": lambda a: torch.linalg.slogdet(a).logabsdet,
        "sech2": lambda x: 1.0 / torch.cosh(x) ** 2,
        "softplus": torch.nn.functional.softplus,
        "normal_pdf": lambda x: normal.log_prob(x).exp(),
        "normal_cdf": torch.special.ndtr,
        "sinc": sinc,
    }
    return Foreign(SimpleNamespace(**found), lift, lambda x: np.asarray(lift(x).detach()))


# ---- JAX --------------------------------------------------------------------------------------------------------------


def by_jax() -> Foreign:
    import jax
    import jax.numpy as jnp

    def sinc(x: Any, order: int = 0) -> Any:
        function = jnp.sinc
        for _ in range(order):
            function = jax.grad(function)
        return jax.vmap(function)(jnp.ravel(x)).reshape(jnp.shape(x)) if order else jnp.sinc(x)

    def along(x: Any, i: Any, axis: int, shape: Any) -> Any:
        grid = list(np.ogrid[tuple(slice(n) for n in np.shape(i))])
        grid[axis] = i
        return jnp.zeros(shape, x.dtype).at[tuple(grid)].add(x)

    def eigen(a: Any) -> Any:
        w, v = jnp.linalg.eigh(a, symmetrize_input=False)
        return jnp.concatenate([w[..., None, :], v], -2)

    def singular(a: Any) -> Any:
        u, s, v = jnp.linalg.svd(a, full_matrices=False)
        return jnp.concatenate([u, s[..., None, :], jnp.swapaxes(v, -1, -2)], -2)

    norm = jax.scipy.stats.norm
    found = {name: getattr(jnp, name) for name in XP if hasattr(jnp, name)}
    found |= {name: getattr(jnp.linalg, name) for name in ["solve", "inv", "det", "cholesky", "pinv"]}
    found |= {name: getattr(jax.scipy.special, name) for name in ["erf", "erfc", "xlogy"]}
    found |= {
        "argsort": lambda x, axis=-1, kind=None: jnp.argsort(x, axis=axis, stable=True),
        "sigmoid": jax.nn.sigmoid,
        "logistic": lambda x: jax.nn.sigmoid(x) * jax.nn.sigmoid(-x),
        "linear": lambda x, w, b: x @ w + b,
        "scatter": lambda x, shape, index: jnp.zeros(shape, x.dtype).at[index].add(x),
        "scatter_along_axis": along,
        "index_update": lambda x, index, value: x.at[index].set(value),
        "last_written": numerics.last_written,
        "recurrence": recurrence(jnp.stack, jnp.moveaxis),
        "softmax": jax.nn.softmax,
        "log_softmax": jax.nn.log_softmax,
        "centred": lambda x, axis: x - jnp.mean(x, axis, keepdims=True),
        "cofactors": lambda a: jnp.linalg.det(a)[..., None, None] * jnp.swapaxes(jnp.linalg.inv(a), -1, -2),
        "eigen": eigen,
        "singular": singular,
        "logabsdet": lambda a: jnp.linalg.slogdet(a)[1],
        "sech2": lambda x: 1.0 / jnp.cosh(x) ** 2,
        "softplus": jax.nn.softplus,
        "normal_pdf": norm.pdf,
        "normal_cdf": norm.cdf,
        "sinc": sinc,
    }
    return Foreign(SimpleNamespace(**found), jnp.asarray, np.asarray)
