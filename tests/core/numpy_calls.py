"""One call or more of every differentiable function of NumPy, and what the others are: the list of what must work on nodes.

The names of a call's arguments say what it is called with: see `INPUTS`. docs/numpy_table.py makes the documents' table of it.
"""

import math
from typing import Any

import numpy as np

RNG = np.random.default_rng(3)
_S = RNG.normal(size=(3, 3))
INPUTS: dict[str, Any] = {
    "m": RNG.uniform(0.4, 1.9, (3, 4)) * RNG.choice([-1.0, 1.0], (3, 4)),
    "n": RNG.uniform(0.4, 1.9, (4, 3)),
    "u": RNG.uniform(0.2, 0.8, (2, 3)),
    "w": RNG.uniform(1.2, 2.9, (2, 3)),
    "v": RNG.normal(size=5),
    "v2": RNG.normal(size=3),
    "t": np.sort(RNG.uniform(0.0, 4.0, 5)),
    "s": _S + 3.0 * np.eye(3),
    "p": _S @ _S.T + 2.0 * np.eye(3),
    "z": RNG.normal(size=(2, 3, 4)),
    "o": RNG.normal(size=(3, 3, 3)) + 2.0 * np.eye(3),
    "k": np.where(RNG.uniform(size=(3, 4)) < 0.3, math.nan, RNG.normal(size=(3, 4))),
    "r": np.array([0.3, 1.9, 3.6, 5.8, 8.1, 12.0]),
}

Call = Any
_unary = {
    "w": "arccosh acosh",
    "u": "arcsin asin arccos acos arctan atan arctanh atanh log log1p log2 log10 sqrt reciprocal tan sinc exp exp2 expm1",
    "m": "abs absolute fabs negative positive square cbrt sin cos sinh cosh tanh arcsinh asinh deg2rad degrees rad2deg radians sign "
    "floor ceil trunc rint fix conj conjugate real real_if_close imag angle nan_to_num modf round around copy",
}
CALLS: dict[str, list[Call]] = {}
for _input, _names in _unary.items():
    for _name in _names.split():
        if hasattr(np, _name):
            CALLS[_name] = [eval(f"lambda {_input}: np.{_name}({_input})", {"np": np})]
for _name in """
    add subtract multiply divide true_divide maximum minimum fmax fmin hypot arctan2 atan2 logaddexp logaddexp2 copysign fmod remainder
    mod floor_divide divmod heaviside
""".split():
    CALLS[_name] = [
        eval(f"lambda u, w: np.{_name}(u, w)", {"np": np}),
        eval(f"lambda u: np.{_name}(2.5, u)", {"np": np}),
        eval(f"lambda m, n: np.{_name}(m, n.T)", {"np": np}),
    ]
CALLS |= {
    "power": [lambda w, u: np.power(w, u), lambda m: np.power(m, 3)],
    "pow": [lambda w: np.pow(w, 2.5)],
    "float_power": [lambda w, u: np.float_power(w, u), lambda w: np.float_power(w, 2)],
    "ldexp": [lambda m: np.ldexp(m, np.array([1, 2, 3, -1]))],
    "clip": [
        lambda m: np.clip(m, -0.7, 1.1), lambda m: np.clip(m, a_min=-0.7, a_max=None), lambda m: np.clip(m, min=-0.7, max=1.1),
    ],
    "where": [lambda m: np.where(m > 0, m**2, 0.0), lambda m, n: np.where(m > 0, m, n.T)],
    "select": [lambda m: np.select([m > 1, m < 0], [m**2, -m], 7.0)],
    "choose": [lambda m: np.choose(np.array([0, 1, 0, 1]), [m, m * 2.0])],
    "compress": [lambda m: np.compress([True, False, True], m, axis=0)],
    "extract": [lambda m: np.extract(np.arange(12).reshape(3, 4) % 2 == 0, m)],
    # products
    "dot": [lambda m, n: np.dot(m, n), lambda m: np.dot(m, 3.0), lambda z, n: np.dot(z, n), lambda v: np.dot(v, v)],
    "vdot": [lambda m: np.vdot(m, m**2)],
    "inner": [lambda m: np.inner(m, m), lambda v: np.inner(v, v), lambda v: np.inner(v, 2.0)],
    "outer": [lambda v, m: np.outer(v, m)],
    "matmul": [lambda m, n: np.matmul(m, n), lambda z, n: np.matmul(z, n)],
    "matvec": [lambda z, m: np.matvec(z, m[0])],
    "vecmat": [lambda z, v2: np.vecmat(v2, z)],
    "vecdot": [lambda z, m: np.vecdot(z, m), lambda z: np.vecdot(z, z, axis=0)],
    "tensordot": [lambda z, m: np.tensordot(z, m, axes=([1, 2], [0, 1])), lambda m, n: np.tensordot(m, n, 1)],
    "einsum": [
        lambda m, n: np.einsum("ij,jk->ik", m, n), lambda m, n: np.einsum(m, [0, 1], n, [1, 2], [0, 2]),
        lambda m, n: np.einsum(m, [0, 1], n, [1, 2]), lambda z: np.einsum(z, [..., 0], [0, ...]),
        lambda m: np.einsum("ij->j", m, optimize=True),
    ],
    "kron": [lambda u, v2: np.kron(u, v2), lambda u, s: np.kron(u, s)],
    "cross": [lambda s, v2: np.cross(s, v2), lambda n: np.cross(n.T, n.T[:, ::-1], axis=0)],
    "convolve": [lambda v, v2: np.convolve(v, v2), lambda v, v2: np.convolve(v2, v, mode="same"), lambda v: np.convolve(v, [1.0, 2.0], "valid")],
    "correlate": [
        lambda v, v2: np.correlate(v, v2), lambda v, v2: np.correlate(v, v2, "full"), lambda v, v2: np.correlate(v2, v, "same"),
        lambda v, v2: np.correlate(v2, v, "full"), lambda v, v2: np.correlate(v, v2, mode="same"), lambda v, v2: np.correlate(v2, v),
    ],
    "trace": [lambda m: np.trace(m), lambda z: np.trace(z, offset=1, axis1=1, axis2=2)],
    # sums and statistics
    "sum": [
        lambda m: np.sum(m), lambda m: np.sum(m, axis=np.int64(1)), lambda z: np.sum(z, (0, 2), keepdims=True), lambda m: np.sum(m, initial=3.0),
        lambda m: np.sum(m, axis=0, where=np.arange(12).reshape(3, 4) % 2 == 0), lambda m: np.sum(m, 0, np.float64, None, True),
    ],
    "prod": [lambda m: np.prod(m, axis=1), lambda m: np.prod(m, initial=2.0), lambda m: np.prod(m, 0, where=[True, False, True, True], dtype=float)],
    "mean": [lambda m: np.mean(m), lambda m: np.mean(m, 0, dtype=np.float64), lambda m: np.mean(m, axis=1, where=[True, True, False, True])],
    "var": [lambda m: np.var(m, axis=0, ddof=1), lambda m: np.var(m, 1, correction=1)],
    "std": [lambda m: np.std(m), lambda m: np.std(m, axis=1, keepdims=True, ddof=1)],
    "max": [lambda m: np.max(m, axis=1), lambda m: np.max(m, initial=1.0), lambda m: np.max(m, where=m > 1.0, initial=-9.0)],
    "min": [lambda m: np.min(m), lambda m: np.min(m, 0, None, True)],
    "amax": [lambda m: np.amax(m, 1)],
    "amin": [lambda m: np.amin(m, axis=0)],
    "ptp": [lambda m: np.ptp(m), lambda m: np.ptp(m, axis=1, keepdims=True)],
    "average": [
        lambda m: np.average(m, axis=0), lambda m: np.average(m, axis=1, weights=[1.0, 2.0, 3.0, 4.0]), lambda m, n: np.average(m, weights=n.T**2),
        lambda v: np.average(v, weights=[1.0, 2.0, 3.0, 4.0, 5.0], returned=True),
    ],
    "median": [lambda m: np.median(m), lambda m: np.median(m, axis=0), lambda z: np.median(z, axis=(0, 2), keepdims=True)],
    "percentile": [lambda m: np.percentile(m, 30), lambda m: np.percentile(m, [10, 75], axis=1, method="lower")],
    "quantile": [lambda m: np.quantile(m, [[0.1, 0.5], [0.7, 1.0]], axis=0), lambda m: np.quantile(m, 0.3, method="midpoint", keepdims=True)],
    "cov": [lambda m: np.cov(m), lambda n: np.cov(n, rowvar=False, bias=True), lambda v: np.cov(v, v**2), lambda v: np.cov(v, ddof=0)],
    "corrcoef": [lambda m: np.corrcoef(m), lambda n: np.corrcoef(n, rowvar=False)],
    "cumsum": [lambda m: np.cumsum(m), lambda m: np.cumsum(m, axis=1, dtype=float)],
    "cumprod": [lambda m: np.cumprod(m, axis=0)],
    "cumulative_sum": [lambda m: np.cumulative_sum(m, axis=1), lambda v: np.cumulative_sum(v, include_initial=True)],
    "cumulative_prod": [lambda m: np.cumulative_prod(m, axis=0, include_initial=True)],
    "diff": [
        lambda m: np.diff(m), lambda m: np.diff(m, n=2, axis=0), lambda m: np.diff(m, prepend=0.0, append=m[:, :1]), lambda m: np.diff(m, n=0),
    ],
    "ediff1d": [lambda m: np.ediff1d(m), lambda v: np.ediff1d(v, to_begin=[1.0, 2.0], to_end=0.0)],
    "gradient": [
        lambda v: np.gradient(v), lambda m: np.gradient(m, 0.5, [0.0, 1.0, 3.0, 4.0]), lambda m: np.gradient(m, axis=1, edge_order=2),
        lambda m: np.gradient(m, 2.0), lambda v: np.gradient(v, INPUTS["t"], edge_order=2),
    ],
    "trapezoid": [lambda m: np.trapezoid(m), lambda v, t: np.trapezoid(v, t), lambda m: np.trapezoid(m, x=[0.0, 1.0, 4.0], axis=0), lambda m: np.trapezoid(m, dx=0.5)],
    "interp": [
        lambda t: np.interp([0.1, 0.7, 1.9], [0.0, 1.0, 2.0], t[:3]), lambda u, t: np.interp(u, [0.0, 0.5, 1.0], t[:3]),
        lambda u, t, v: np.interp(u * 6.0 - 1.0, t, v), lambda u: np.interp(u * 3.0, [1.0, 2.0], [5.0, 7.0], left=0.0, right=-1.0),
    ],
    "bincount": [lambda v: np.bincount([0, 2, 2, 1, 0], weights=v), lambda v: np.bincount(np.array([0, 2, 2, 1, 0]), v, 7)],
    # where there are NaN
    "nansum": [lambda k: np.nansum(k), lambda k: np.nansum(k, axis=1, keepdims=True)],
    "nanprod": [lambda k: np.nanprod(k, axis=0)],
    "nancumsum": [lambda k: np.nancumsum(k, axis=0)],
    "nancumprod": [lambda k: np.nancumprod(k, axis=1)],
    "nanmax": [lambda k: np.nanmax(k, axis=0)],
    "nanmin": [lambda k: np.nanmin(k)],
    "nanmean": [lambda k: np.nanmean(k), lambda k: np.nanmean(k, axis=1)],
    "nanvar": [lambda k: np.nanvar(k, axis=1)],
    "nanstd": [lambda k: np.nanstd(k), lambda k: np.nanstd(k, axis=1, ddof=1, keepdims=True)],
    # shapes
    "reshape": [lambda m: np.reshape(m, (2, 6)), lambda m: np.reshape(m, (2, 6), order="F"), lambda m: np.reshape(m, shape=-1, order="C")],
    "ravel": [lambda m: np.ravel(m), lambda m: np.ravel(m, order="F")],
    "transpose": [lambda z: np.transpose(z), lambda z: np.transpose(z, axes=(1, 0, 2))],
    "permute_dims": [lambda z: np.permute_dims(z, (2, 0, 1))],
    "matrix_transpose": [lambda z: np.matrix_transpose(z)],
    "swapaxes": [lambda z: np.swapaxes(z, axis1=0, axis2=2), lambda z: np.swapaxes(z, np.int64(0), 1)],
    "moveaxis": [lambda z: np.moveaxis(z, [0, 1], np.array([1, 2])), lambda z: np.moveaxis(z, source=0, destination=-1)],
    "rollaxis": [lambda z: np.rollaxis(z, 2), lambda z: np.rollaxis(z, 1, start=3)],
    "squeeze": [lambda m: np.squeeze(m[:1]), lambda m: np.squeeze(m[:1], axis=0)],
    "expand_dims": [lambda m: np.expand_dims(m, 1), lambda m: np.expand_dims(m, axis=(0, 3))],
    "atleast_1d": [lambda m: np.atleast_1d(m[0, 0])],
    "atleast_2d": [lambda v: np.atleast_2d(v), lambda v, m: np.atleast_2d(v, m)],
    "atleast_3d": [lambda m: np.atleast_3d(m)],
    "broadcast_to": [lambda v: np.broadcast_to(v, (2, 5))],
    "broadcast_arrays": [lambda v2, m: np.broadcast_arrays(v2, m[:, :1])],
    "meshgrid": [lambda v, v2: np.meshgrid(v, v2), lambda v, v2: np.meshgrid(v, v2, indexing="ij", sparse=True)],
    "concatenate": [lambda m: np.concatenate([m, m * 2.0]), lambda m: np.concatenate((m, np.ones((3, 1))), axis=np.int64(1)), lambda m: np.concatenate([m, m], axis=None, dtype=float)],
    "concat": [lambda m: np.concat([m, m])],
    "stack": [lambda m: np.stack([m, m**2], axis=-1), lambda v: np.stack(arrays=[v, v])],
    "vstack": [lambda m, v: np.vstack([m, v[:4]]), lambda v: np.vstack(tup=(v, v))],
    "hstack": [lambda m: np.hstack([m, m]), lambda v: np.hstack((v, [1.0]))],
    "dstack": [lambda m: np.dstack([m, m])],
    "column_stack": [lambda v: np.column_stack([v, v**2]), lambda m, v2: np.column_stack((m, v2))],
    "row_stack": [],
    "block": [lambda m: np.block([[m, m], [np.zeros((1, 4)), m[:1]]])],
    "append": [lambda v: np.append(v, 1.0), lambda m: np.append(m, m[:1], axis=0), lambda v: np.append(arr=v, values=[1.0, 2.0])],
    "insert": [lambda v: np.insert(v, 2, [7.0, 8.0]), lambda m, v: np.insert(m, [0, 2], v[:1], axis=1)],
    "delete": [lambda v: np.delete(v, [0, 3]), lambda m: np.delete(m, np.s_[1:3], axis=1)],
    "resize": [lambda v: np.resize(v, (2, 4))],
    "split": [lambda m: np.split(m, 2, axis=1), lambda m: np.split(m, np.array([1, 3]), axis=1), lambda m: np.split(m, np.int64(3))],
    "array_split": [lambda m: np.array_split(m, 3, axis=1), lambda v: np.array_split(v, indices_or_sections=2)],
    "hsplit": [lambda m: np.hsplit(m, 2), lambda v: np.hsplit(v, [1, 2])],
    "vsplit": [lambda m: np.vsplit(m, 3)],
    "dsplit": [lambda z: np.dsplit(z, [1])],
    "unstack": [lambda z: np.unstack(z, axis=1)],
    "tile": [lambda m: np.tile(m, (2, 1)), lambda v: np.tile(v, np.int64(3)), lambda v: np.tile(v, reps=np.array([2, 2]))],
    "repeat": [lambda m: np.repeat(m, 2), lambda m: np.repeat(m, [1, 0, 2], axis=0), lambda m: np.repeat(m, repeats=np.int64(2), axis=np.int64(1))],
    "pad": [
        lambda m: np.pad(m, 1), lambda m: np.pad(m, ((1, 0), (0, 2)), constant_values=3.0), lambda m: np.pad(m, 2, mode="reflect"),
        lambda m: np.pad(m, ((1, 2), (0, 3)), "edge"), lambda v: np.pad(v, 3, "wrap"), lambda v: np.pad(v, (2, 4), mode="symmetric"),
        lambda v: np.pad(v, 1, constant_values=(1.0, 2.0)), lambda m: np.pad(array=m, pad_width=((1, 1), (2, 0)), constant_values=((1, 2), (3, 4))),
    ],
    "flip": [lambda m: np.flip(m), lambda m: np.flip(m, axis=(0, 1)), lambda m: np.flip(m, 1)],
    "fliplr": [lambda m: np.fliplr(m)],
    "flipud": [lambda m: np.flipud(m)],
    "roll": [lambda m: np.roll(m, 1), lambda m: np.roll(m, (1, 2), axis=(0, 1)), lambda m: np.roll(m, shift=np.int64(-1), axis=1)],
    "rot90": [lambda m: np.rot90(m), lambda z: np.rot90(z, k=2, axes=(1, 2))],
    "tril": [lambda m: np.tril(m), lambda m: np.tril(m, k=1)],
    "triu": [lambda m: np.triu(m, -1)],
    "diag": [lambda v: np.diag(v, k=1), lambda m: np.diag(m)],
    "diagonal": [lambda m: np.diagonal(m, offset=1), lambda z: np.diagonal(z, axis1=1, axis2=2)],
    "diagflat": [lambda u: np.diagflat(u, 1)],
    "vander": [lambda v: np.vander(v), lambda v: np.vander(v, N=3, increasing=True)],
    "sort": [lambda m: np.sort(m), lambda m: np.sort(m, axis=None), lambda m: np.sort(m, axis=0, kind="mergesort"), lambda m: np.sort(m, stable=True)],
    "partition": [lambda v: np.partition(v, 2)[2]],
    "take": [lambda m: np.take(m, [0, 5, 5]), lambda m: np.take(m, np.array([[1, 0]]), axis=1), lambda m: np.take(m, 7, mode="wrap", axis=0)],
    "take_along_axis": [lambda m: np.take_along_axis(m, np.array([[0], [2], [1]]), axis=1)],
    "full_like": [lambda v: np.full_like(v, v[0])],
    "linspace": [lambda u: np.linspace(u, 2.0, 5), lambda u, w: np.linspace(u, w, num=4, endpoint=False, axis=1)],
    "logspace": [lambda u: np.logspace(u, 1.0, 4), lambda u: np.logspace(0.0, u, num=3, base=2.0)],
    "geomspace": [lambda u, w: np.geomspace(u, w, 4)],
    "astype": [lambda m: np.astype(m, np.float64)],
    # polynomials
    "polyval": [lambda v, u: np.polyval(v, u), lambda v: np.polyval(v, 0.5), lambda u: np.polyval([1.0, 2.0, 3.0], u)],
    "polyadd": [lambda v, v2: np.polyadd(v, v2)],
    "polysub": [lambda v, v2: np.polysub(v2, v)],
    "polymul": [lambda v, v2: np.polymul(v, v2)],
    "polyder": [lambda v: np.polyder(v), lambda v: np.polyder(v, m=2)],
    "polyint": [lambda v: np.polyint(v), lambda v: np.polyint(v, m=2, k=[1.0, 2.0])],
    # linear algebra
    "linalg.cholesky": [lambda s: np.linalg.cholesky(s @ s.T), lambda s: np.linalg.cholesky(s @ s.T, upper=True)],
    "linalg.det": [lambda s: np.linalg.det(s), lambda o: np.linalg.det(o)],
    "linalg.slogdet": [lambda s: np.linalg.slogdet(s).logabsdet, lambda o: np.linalg.slogdet(o)[1]],
    "linalg.inv": [lambda s: np.linalg.inv(s), lambda o: np.linalg.inv(o)],
    "linalg.solve": [lambda s, v2: np.linalg.solve(s, v2), lambda o, u: np.linalg.solve(o, u.T)],
    "linalg.eigh": [
        lambda s: (np.linalg.eigh(s + s.T)[0], np.linalg.eigh(s + s.T).eigenvectors ** 2), lambda s: np.linalg.eigh(s @ s.T, UPLO="U")[0],
    ],
    "linalg.eigvalsh": [lambda s: np.linalg.eigvalsh(s + s.T)],
    "linalg.svd": [
        lambda m: np.linalg.svd(m, full_matrices=False).U ** 2, lambda n: np.linalg.svd(n, full_matrices=False)[2] ** 2,
        lambda s: np.linalg.svd(s)[0] ** 2, lambda m: np.linalg.svd(m, compute_uv=False),
    ],
    "linalg.svdvals": [lambda m: np.linalg.svdvals(m)],
    "linalg.pinv": [lambda m: np.linalg.pinv(m), lambda n: np.linalg.pinv(n, rcond=1e-12)],
    "linalg.lstsq": [lambda n, v: np.linalg.lstsq(n, v[:4])[:2], lambda n, m: np.linalg.lstsq(n, m.T, rcond=None)[0]],
    "linalg.matrix_power": [lambda s: np.linalg.matrix_power(s, 5), lambda s: np.linalg.matrix_power(s, -2), lambda s: np.linalg.matrix_power(s, 1)],
    "linalg.multi_dot": [lambda m, n, s: np.linalg.multi_dot([m, n, s])],
    "linalg.cond": [lambda m: np.linalg.cond(m), lambda s: np.linalg.cond(s, -2), lambda s: np.linalg.cond(s, 1), lambda s: np.linalg.cond(s, "fro")],
    "linalg.norm": [
        *[lambda v, ord=ord: np.linalg.norm(v, ord) for ord in (None, 2, 1, 3, 0.5, 0, -1, -2, np.inf, -np.inf)],
        *[lambda m, ord=ord: np.linalg.norm(m, ord) for ord in (None, "fro", "nuc", 2, -2, 1, -1, np.inf, -np.inf)],
        *[lambda z, ord=ord: np.linalg.norm(z, ord, axis=(2, 0), keepdims=True) for ord in ("nuc", 2, 1, -1, np.inf)],
        *[lambda z, ord=ord: np.linalg.norm(z, ord=ord, axis=(0, -1)) for ord in ("fro", -2, 1, -np.inf)],
        lambda z: np.linalg.norm(z, axis=1), lambda z: np.linalg.norm(z, np.int64(2), axis=np.int64(1), keepdims=True),
    ],
    "linalg.matrix_norm": [lambda z: np.linalg.matrix_norm(z), lambda z: np.linalg.matrix_norm(z, ord="nuc", keepdims=True)],
    "linalg.vector_norm": [lambda z: np.linalg.vector_norm(z), lambda z: np.linalg.vector_norm(z, axis=(0, 1), ord=3, keepdims=True)],
    "linalg.trace": [lambda o: np.linalg.trace(o), lambda o: np.linalg.trace(o, offset=1)],
    "linalg.diagonal": [lambda o: np.linalg.diagonal(o, offset=-1)],
    "linalg.cross": [lambda s, v2: np.linalg.cross(s, v2)],
    "linalg.outer": [lambda v, v2: np.linalg.outer(v, v2)],
    "linalg.matmul": [lambda z, n: np.linalg.matmul(z, n)],
    "linalg.matrix_transpose": [lambda z: np.linalg.matrix_transpose(z)],
    "linalg.tensordot": [lambda m, n: np.linalg.tensordot(m, n, axes=1)],
    "linalg.vecdot": [lambda z: np.linalg.vecdot(z, z**2)],
    # methods of ufuncs
    "add.reduce": [lambda m: np.add.reduce(m), lambda m: np.add.reduce(m, axis=None, keepdims=True)],
    "multiply.reduce": [lambda m: np.multiply.reduce(m, 1)],
    "maximum.reduce": [lambda m: np.maximum.reduce(m, axis=(0, 1))],
    "minimum.reduce": [lambda m: np.minimum.reduce(m)],
    "add.accumulate": [lambda m: np.add.accumulate(m, axis=1)],
    "multiply.accumulate": [lambda m: np.multiply.accumulate(m)],
    "maximum.accumulate": [lambda m: np.maximum.accumulate(m, 1)],
    "minimum.accumulate": [lambda m: np.minimum.accumulate(m)],
    "subtract.outer": [lambda v, m: np.subtract.outer(v, m)],
}  # fmt: skip
CALLS = {name: calls for name, calls in CALLS.items() if calls}

# Functions that have a derivative and no rule, and why
WITHOUT_RULE = {
    **dict.fromkeys(
        (
            "piecewise",
            "polyfit",
            "unwrap",
            "apply_along_axis",
            "apply_over_axes",
            "nanquantile",
            "nanpercentile",
            "nanmedian",
        ),
        "too long for what it is worth",
    ),
    **dict.fromkeys(("linalg.tensorsolve", "linalg.tensorinv"), "np.linalg.solve after reshape"),
    "i0": "a Bessel function, and so would be its derivatives",
    "frexp": "its mantissa jumps",
    "histogram": "counts, but for weights",
    "linalg.qr": "np.linalg.cholesky(x.T @ x).T is R",
    "poly": "roots first",
    "polydiv": "np.linalg.lstsq, or on .data",
    "trim_zeros": "a shape that depends on the numbers",
    "sort_complex": "complex",
    "linalg.eig": "complex",
    "linalg.eigvals": "complex",
    "roots": "complex",
}

# The others: what they are about
OTHERS = """
    making arrays: arange array asanyarray asarray asarray_chkfinite ascontiguousarray asfortranarray asmatrix bmat diag_indices
        diag_indices_from empty empty_like eye from_dlpack frombuffer fromfile fromfunction fromiter frompyfunc fromregex fromstring full
        identity indices ix_ mask_indices ones ones_like tri tril_indices tril_indices_from triu_indices triu_indices_from zeros zeros_like
        bartlett blackman hamming hanning kaiser
    writing into arrays: copyto fill_diagonal place put put_along_axis putmask
    integers and bits: bitwise_and bitwise_count bitwise_invert bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift bitwise_xor
        gcd invert lcm left_shift right_shift packbits unpackbits nextafter spacing
    sets: intersect1d setdiff1d setxor1d union1d unique unique_all unique_counts unique_inverse unique_values
    counts: histogram2d histogramdd
    files, text, settings: base_repr binary_repr datetime_as_string datetime_data format_float_positional format_float_scientific genfromtxt
        get_include get_printoptions getbufsize geterr geterrcall info load loadtxt printoptions require save savetxt savez
        savez_compressed set_printoptions setbufsize seterr seterrcall show_config show_runtime test typename busday_count busday_offset
        is_busday isnat array2string array_repr array_str linalg.test
    types, shapes, indices: broadcast_shapes can_cast common_type einsum_path isdtype isfortran isscalar issubdtype iterable min_scalar_type
        mintypecode nested_iters promote_types ravel_multi_index result_type unravel_index may_share_memory shares_memory ndim shape size
    questions, answered in plain numbers: all allclose any argmax argmin argpartition argsort argwhere array_equal array_equiv count_nonzero
        digitize equal flatnonzero greater greater_equal histogram_bin_edges isclose iscomplex iscomplexobj isfinite isin isinf isnan isneginf
        isposinf isreal isrealobj less less_equal lexsort logical_and logical_not logical_or logical_xor nanargmax nanargmin nonzero
        not_equal searchsorted signbit linalg.matrix_rank
    older names: row_stack in1d trapz
"""


def public() -> set[str]:
    """The names of the functions of NumPy, and of np.linalg with that prefix."""
    found = set()
    for place, prefix in ((np, ""), (np.linalg, "linalg.")):
        for name in dir(place):
            thing = getattr(place, name) if name[0] != "_" else None
            if callable(thing) and not isinstance(thing, type):
                found.add(prefix + name)
    return found


def differentiable() -> set[str]:
    """Those of them that have a derivative."""
    return (set(CALLS) | set(WITHOUT_RULE)) & public()
