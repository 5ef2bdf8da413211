# fmt: off
"""The table, third part: reductions, products, shapes, indices and linear algebra, for Tensors."""

import functools
import itertools
import math
import operator
import string
from collections.abc import Sequence
from typing import Any

import numpy as np

from .op import Op, Rule, family
from .special_rows import over


class ArrayOp(Op):
    """An operation that only arrays have: its result is a Tensor even where the operands are Values."""

    arrays_only = True


# ---- Reductions -------------------------------------------------------------------------------------------------------
Axis = int | tuple[int, ...] | None


def axes_of(axis: Axis, ndim: int) -> tuple[int, ...]:
    """The axes that a reduction over `axis` sums over, as numbers from 0."""
    if axis is None:
        return tuple(range(ndim))
    return tuple(i % ndim for i in ((axis,) if isinstance(axis, int) else axis))


@functools.lru_cache(maxsize=4096)
def _reduced(shape: tuple[int, ...], axis: Axis) -> tuple[int, tuple[int, ...]]:
    """The number of elements that a reduction joins into one, and the shape of its result with keepdims."""
    lost = axes_of(axis, len(shape))
    return math.prod(shape[i] for i in lost), tuple(1 if i in lost else n for i, n in enumerate(shape))


def _count(xp: Any, x: Any, axis: Axis) -> int:
    return _reduced(xp.shape(x), axis)[0]


def _restore(xp: Any, g: Any, x: Any, axis: Axis) -> Any:
    """A reduction's result with its lost axes back, of length 1."""
    return xp.reshape(g, _reduced(xp.shape(x), axis)[1])


def _dropped(xp: Any, out: Any, axis: Axis, keepdims: bool) -> Any:
    """A reduction's result that has every axis, without those of length 1 that were lost."""
    return out if keepdims else xp.squeeze(out, axes_of(axis, len(xp.shape(out))))


def _at(axis: int, ndim: int, part: slice | int) -> tuple[slice | int, ...]:
    """The index of one part along one axis."""
    return tuple(part if i == axis % ndim else slice(None) for i in range(ndim))


def _transposed(xp: Any, x: Any) -> Any:
    return xp.swapaxes(x, -1, -2)


def _inverse(order: Sequence[int]) -> tuple[int, ...]:
    return tuple(sorted(range(len(order)), key=order.__getitem__))


def _spread(xp: Any, g: Any, x: Any, axis: Axis) -> Any:
    """A sum's gradient, the same for every element."""
    return xp.broadcast_to(g if axis is None else _restore(xp, g, x, axis), xp.shape(x))


@family
def SUM(axis: Axis, keepdims: bool) -> Op:
    return ArrayOp("sum", lambda xp, x: xp.sum(x, axis=axis, keepdims=keepdims),
        (lambda xp, g, out, x: _spread(xp, g, x, axis),))


@family
def MEAN(axis: Axis, keepdims: bool) -> Op:
    return ArrayOp("mean", lambda xp, x: xp.sum(x, axis=axis, keepdims=keepdims) / _count(xp, x, axis),
        (lambda xp, g, out, x: _spread(xp, g / _count(xp, x, axis), x, axis),))


@family
def CENTRED(axis: Axis) -> Op:
    """x minus its mean: exactly 0 where all elements are equal, though their mean is rounded. It is its own adjoint."""
    return ArrayOp("centred", lambda xp, x: xp.centred(x, axis), (lambda xp, g, out, x: xp.centred(g, axis),))


def _freedom(xp: Any, x: Any, axis: Axis, ddof: float) -> float:
    return max(_count(xp, x, axis) - ddof, 0)


@family
def VAR(axis: Axis, ddof: float, keepdims: bool) -> Op:
    def forward(xp: Any, x: Any) -> Any:
        squares = xp.sum(xp.square(xp.centred(x, axis)), axis=axis, keepdims=keepdims)
        return squares / _freedom(xp, x, axis, ddof)

    def vjp(xp: Any, g: Any, out: Any, x: Any) -> Any:
        return 2.0 * _restore(xp, g, x, axis) * xp.centred(x, axis) / _freedom(xp, x, axis, ddof)

    return ArrayOp("var", forward, (vjp,))


@family
def STD(axis: Axis, ddof: float, keepdims: bool) -> Op:
    def large(xp: Any, x: Any) -> tuple[Any, float]:
        """The mask of where the largest |x| is above 1, and the power of 2 by which x is divided there, so that no sum overflows."""
        is_large = xp.greater(xp.max(xp.abs(x), axis=axis, keepdims=True, initial=0.0), 1.0)
        return is_large, 4.0 * 2.0 ** _count(xp, x, axis).bit_length()

    def forward(xp: Any, x: Any) -> Any:  # divided by the largest, so that no square overflows
        is_large, by = large(xp, x)
        away = xp.centred(xp.where(is_large, x / by, x), axis)
        top = _largest(xp, away, axis)
        squares = xp.sum(xp.square(away / top), axis=axis, keepdims=True)
        out = top * xp.sqrt(squares / _freedom(xp, x, axis, ddof))
        return _dropped(xp, xp.where(is_large, by * out, out), axis, keepdims)

    def vjp(xp: Any, g: Any, out: Any, x: Any) -> Any:  # 0 where all elements are equal, and so at every order
        is_large, by = large(xp, x)
        length = _restore(xp, out, x, axis)
        is_still = xp.equal(length, 0)
        length = xp.where(is_still, 1.0, xp.where(is_large, length / by, length))
        slope = xp.centred(xp.where(is_large, x / by, x), axis) / length
        return _restore(xp, g, x, axis) * (xp.where(is_still, 0.0, slope) / _freedom(xp, x, axis, ddof))

    return ArrayOp("std", forward, (vjp,))


def _largest(xp: Any, x: Any, axis: Axis) -> Any:
    """The largest of |x|, to divide by: 1 where that is 0 or infinite."""
    top = xp.max(xp.abs(x), axis=axis, keepdims=True, initial=0.0)
    return xp.where(xp.logical_or(xp.equal(top, 0), xp.equal(top, math.inf)), 1.0, top)


def _extremum(name: str, axis: Axis, keepdims: bool, initial: float | None) -> Op:
    start = {} if initial is None else {"initial": initial}

    def forward(xp: Any, x: Any) -> Any:
        return getattr(xp, name)(x, axis=axis, keepdims=keepdims, **start)

    def vjp(xp: Any, g: Any, out: Any, x: Any) -> Any:  # ties share g evenly; a NaN counts as the extremum
        chosen = xp.logical_or(xp.equal(x, _restore(xp, out, x, axis)), xp.not_equal(x, x))
        count = xp.sum(chosen, axis=axis, keepdims=True)
        if start:
            count = xp.maximum(count, 1)
        return _restore(xp, g, x, axis) * chosen / count

    return ArrayOp(name, forward, (vjp,))


@family
def MAX(axis: Axis, keepdims: bool, initial: float | None) -> Op:
    return _extremum("max", axis, keepdims, initial)


@family
def MIN(axis: Axis, keepdims: bool, initial: float | None) -> Op:
    return _extremum("min", axis, keepdims, initial)


def _shift(xp: Any, x: Any, axis: int, forth: bool, fill: float) -> Any:
    """x moved one place along an axis, with `fill` in the place that becomes free."""
    ndim = len(xp.shape(x))
    edge = xp.zeros_like(x[_at(axis, ndim, slice(0, 1))]) + fill
    if forth:
        return xp.concatenate([edge, x[_at(axis, ndim, slice(None, -1))]], axis=axis)
    return xp.concatenate([x[_at(axis, ndim, slice(1, None))], edge], axis=axis)


@family
def RECURRENCE(axis: int, reverse: bool) -> Op:
    """s[i] = b[i] + a[i]·s[i−1] along an axis (s[i+1] in reverse). Its adjoint is a recurrence in the other direction."""

    def adjoint(xp: Any, g: Any, a: Any) -> Any:
        return xp.recurrence(_shift(xp, a, axis, reverse, 0.0), g, axis, not reverse)

    return ArrayOp("recurrence", lambda xp, a, b: xp.recurrence(a, b, axis, reverse),
        (lambda xp, g, out, a, b: adjoint(xp, g, a) * _shift(xp, out, axis, not reverse, 0.0),
            lambda xp, g, out, a, b: adjoint(xp, g, a)))


@family
def CUMPROD(axis: int) -> Op:
    def vjp(xp: Any, g: Any, out: Any, x: Any) -> Any:  # without dividing by x, so it is right for zeros too
        later = xp.recurrence(_shift(xp, x, axis, False, 0.0), g, axis, True)
        return later * _shift(xp, out, axis, True, 1.0)

    return ArrayOp("cumprod", lambda xp, x: xp.cumprod(x, axis), (vjp,))


@family
def PROD(axis: Axis, keepdims: bool) -> Op:
    def vjp(xp: Any, g: Any, out: Any, x: Any) -> Any:
        """g times the product of all the *other* factors, so it is right for zeros too."""
        shape = xp.shape(x)
        lost = axes_of(axis, len(shape))
        order = (*(i for i in range(len(shape)) if i not in lost), *lost)
        moved = tuple(shape[i] for i in order)
        flat = xp.reshape(xp.transpose(x, order), (*moved[: len(order) - len(lost)], _count(xp, x, axis)))
        left = _shift(xp, xp.cumprod(flat, -1), -1, True, 1.0)
        right = xp.flip(_shift(xp, xp.cumprod(xp.flip(flat, -1), -1), -1, True, 1.0), -1)
        return _restore(xp, g, x, axis) * xp.transpose(xp.reshape(left * right, moved), _inverse(order))

    return ArrayOp("prod", lambda xp, x: xp.prod(x, axis=axis, keepdims=keepdims), (vjp,))


@family
def CUMSUM(axis: int) -> Op:
    return ArrayOp("cumsum", lambda xp, x: xp.cumsum(x, axis),
        (lambda xp, g, out, x: xp.flip(xp.cumsum(xp.flip(g, axis), axis), axis),))


@family
def NORM(p: float, axis: Axis, keepdims: bool) -> Op:
    def forward(xp: Any, x: Any) -> Any:  # divided by the largest, so that no power overflows
        top = _largest(xp, x, axis)
        out = top * xp.power(xp.sum(xp.power(xp.abs(x / top), p), axis=axis, keepdims=True), 1 / p)
        return _dropped(xp, out, axis, keepdims)

    def vjp(xp: Any, g: Any, out: Any, x: Any) -> Any:
        length = _restore(xp, out, x, axis)
        if p == 2:
            return _restore(xp, g, x, axis) * over(xp, x, length)
        length = xp.where(xp.equal(length, 0), 1.0, length)
        off = xp.equal(x, 0)
        # At x[i] = 0 the slope is 0. For 1 < p < 2 its own derivative there is infinite, for this element alone.
        base = x if 1 < p < 2 else xp.where(off, 1.0, x)
        if p < 2:  # |x| to the power p − 1 cannot overflow for p < 2, that of a ratio could
            slope = xp.sign(base) * xp.power(xp.abs(base), p - 1) / xp.power(length, p - 1)
        else:
            slope = xp.sign(base) * xp.power(xp.abs(base / length), p - 1)
        return _restore(xp, g, x, axis) * (slope if 1 < p < 2 else xp.where(off, 0.0, slope))

    return ArrayOp("norm", forward, (vjp,))


@family
def LOGSUMEXP(axis: Axis, keepdims: bool) -> Op:
    def forward(xp: Any, x: Any) -> Any:
        top = xp.max(x, axis=axis, keepdims=True, initial=-math.inf)
        top = xp.where(xp.isfinite(top), top, 0.0)
        return _dropped(xp, xp.log(xp.sum(xp.exp(x - top), axis=axis, keepdims=True)) + top, axis, keepdims)

    return ArrayOp("logsumexp", forward,
        (lambda xp, g, out, x: _restore(xp, g, x, axis) * xp.softmax(x, axis),))


@family
def SOFTMAX(axis: Axis) -> Op:
    return ArrayOp("softmax", lambda xp, x: xp.softmax(x, axis),
        (lambda xp, g, out, x: out * (g - xp.sum(g * out, axis=axis, keepdims=True)),))


@family
def LOG_SOFTMAX(axis: Axis) -> Op:
    return ArrayOp("log_softmax", lambda xp, x: xp.log_softmax(x, axis),
        (lambda xp, g, out, x: g - xp.softmax(x, axis) * xp.sum(g, axis=axis, keepdims=True),))


softmax_cross_entropy = ArrayOp("softmax_cross_entropy",
    lambda xp, z, p: -xp.sum(xp.where(xp.equal(p, 0), 0.0, p * xp.log_softmax(z, -1)), axis=-1),
    (lambda xp, g, out, z, p: g[..., None] * (xp.softmax(z, -1) * xp.sum(p, axis=-1, keepdims=True) - p),
        lambda xp, g, out, z, p: -g[..., None] * xp.log_softmax(z, -1)),
    "−Σ p·log softmax(z) over the last axis, of logits z and probabilities p (…, classes)")


@family
def SQUARED_DISTANCE(n: float) -> Op:
    """Σ(x − y)² / n: with the right n, the mean squared error, in one node."""
    return ArrayOp("squared_distance", lambda xp, x, y: xp.sum(xp.square(x - y), axis=None) / n,
        (lambda xp, g, out, x, y: g * (2.0 / n * (x - y)), lambda xp, g, out, x, y: g * (2.0 / n * (y - x))))


@family
def HINGE(n: float) -> Op:
    """Σ max(0, 1 − t·x) / n, of scores x and targets t: with the right n, the mean hinge loss, in one node."""
    def slope(xp: Any, g: Any, x: Any, t: Any, other: Any) -> Any:
        return xp.where(xp.greater_equal(t * x, 1.0), 0.0, -g / n * other)

    return ArrayOp("hinge", lambda xp, x, t: xp.sum(xp.maximum(1.0 - t * x, 0.0), axis=None) / n,
        (lambda xp, g, out, x, t: slope(xp, g, x, t, t), lambda xp, g, out, x, t: slope(xp, g, x, t, x)))


@family
def SUM_OF_SQUARES(weight: float) -> Op:
    """weight · Σ x² over all numbers of all operands: the penalty of L2 regularisation, in one node."""
    def vjp(xp: Any, g: Any, out: Any, *xs: Any) -> Any:
        factor = 2.0 * weight * g
        return [factor * x for x in xs]

    def forward(xp: Any, *xs: Any) -> Any:
        return weight * functools.reduce(operator.add, [xp.sum(xp.square(x), axis=None) for x in xs])

    return ArrayOp("sum_of_squares", forward, vjp)


def _matmul_left(xp: Any, g: Any, out: Any, x: Any, y: Any) -> Any:
    if len(xp.shape(y)) == 1:
        return g[..., None] * y
    if len(xp.shape(x)) == 1:
        return xp.matmul(y, g[..., None])[..., 0]
    return xp.matmul(g, _transposed(xp, y))


def _matmul_right(xp: Any, g: Any, out: Any, x: Any, y: Any) -> Any:
    if len(xp.shape(x)) == 1:
        return x * g if len(xp.shape(y)) == 1 else x[:, None] * g[..., None, :]
    if len(xp.shape(y)) == 1:
        return xp.matmul(_transposed(xp, x), g[..., None])[..., 0]
    return xp.matmul(_transposed(xp, x), g)


def _rows(xp: Any, x: Any) -> Any:
    """A batch with any number of axes, as the rows of a matrix."""
    return x if len(xp.shape(x)) == 2 else xp.reshape(x, (math.prod(xp.shape(x)[:-1]), xp.shape(x)[-1]))


matmul = ArrayOp("matmul", lambda xp, x, y: xp.matmul(x, y), (_matmul_left, _matmul_right),
    "the product x @ y of matrices (…, m, k) and (…, k, n), or of vectors;"
    " matmul([1.0, 2.0], [3.0, 4.0]) = np.float64(11.0)")
linear = ArrayOp("linear", lambda xp, x, w, b: xp.linear(x, w, b),
    (lambda xp, g, out, x, w, b: xp.matmul(g, _transposed(xp, w)),
        lambda xp, g, out, x, w, b: xp.matmul(_transposed(xp, _rows(xp, x)), _rows(xp, g)),
        lambda xp, g, out, x, w, b: g),
    "x @ w + b, of rows x (…, k), weights w (k, n) and a bias b (n,);"
    " linear([1.0], [[2.0]], [3.0]) = array([5.])")


@family
def EINSUM(inputs: tuple[str, ...], output: str) -> Op:
    """A sum of products, by index letters: the output is given, and there is no ellipsis."""

    def share_of(i: int) -> Rule:
        others = inputs[:i] + inputs[i + 1 :]

        def vjp(xp: Any, g: Any, out: Any, *xs: Any) -> Any:
            spare = iter(sorted(set(string.ascii_letters) - set("".join(inputs))))
            letters, terms, target = [output, *others], [g, *xs[:i], *xs[i + 1 :]], ""
            for letter, size in zip(inputs[i], xp.shape(xs[i]), strict=True):
                if letter in target:  # a diagonal was read: the identity matrix writes it back
                    letters.append(letter + (letter := next(spare)))
                    terms.append(xp.eye(size))
                elif not any(letter in term for term in letters):  # summed away by this operand alone
                    letters.append(letter)
                    terms.append(xp.ones(size))
                target += letter
            share = xp.einsum(f"{','.join(letters)}->{target}", *terms)
            wide = tuple(map(max, xp.shape(share), xp.shape(xs[i])))  # where another operand has length 1
            return share if wide == xp.shape(share) else xp.broadcast_to(share, wide)

        return vjp

    return ArrayOp("einsum",
        lambda xp, *xs: xp.einsum(f"{','.join(inputs)}->{output}", *xs, optimize=len(xs) > 1),
        tuple(share_of(i) for i in range(len(inputs))))


RESHAPE = family(lambda shape: ArrayOp("reshape", lambda xp, x: xp.reshape(x, shape),
    (lambda xp, g, out, x: xp.reshape(g, xp.shape(x)),)))


BROADCAST_TO = family(lambda shape: ArrayOp("broadcast_to", lambda xp, x: xp.broadcast_to(x, shape),
    (lambda xp, g, out, x: g,)))


@family
def TRANSPOSE(axes: tuple[int, ...]) -> Op:
    return ArrayOp("transpose", lambda xp, x: xp.transpose(x, axes),
        (lambda xp, g, out, x: xp.transpose(g, _inverse(axes)),))


FLIP = family(lambda axis: ArrayOp("flip", lambda xp, x: xp.flip(x, axis),
    (lambda xp, g, out, x: xp.flip(g, axis),)))


@family
def ROLL(shift: Axis, axis: Axis) -> Op:
    back = -shift if isinstance(shift, int) else tuple(-n for n in shift or ())
    return ArrayOp("roll", lambda xp, x: xp.roll(x, shift, axis),
        (lambda xp, g, out, x: xp.roll(g, back, axis),))


TRIL = family(lambda k: ArrayOp("tril", lambda xp, x: xp.tril(x, k), (lambda xp, g, out, x: xp.tril(g, k),)))


TRIU = family(lambda k: ArrayOp("triu", lambda xp, x: xp.triu(x, k), (lambda xp, g, out, x: xp.triu(g, k),)))


@family
def PAD(width: tuple[tuple[int, int], ...], value: float) -> Op:
    def vjp(xp: Any, g: Any, out: Any, x: Any) -> Any:
        return g[tuple(slice(before, before + n) for (before, _), n in zip(width, xp.shape(x), strict=True))]

    return ArrayOp("pad", lambda xp, x: xp.pad(x, width, constant_values=value), (vjp,))


CAST = family(lambda dtype: ArrayOp("cast", lambda xp, x: xp.asarray(x, dtype=dtype),
    (lambda xp, g, out, x: g,)))


@family
def CONCATENATE(axis: int) -> Op:
    def vjps(xp: Any, g: Any, out: Any, *xs: Any) -> list[Any]:
        shapes = [xp.shape(x) for x in xs]
        ends = itertools.accumulate(shape[axis] for shape in shapes)
        return [g[_at(axis, len(s), slice(end - s[axis], end))] for s, end in zip(shapes, ends, strict=True)]

    return ArrayOp("concatenate", lambda xp, *xs: xp.concatenate(xs, axis=axis), vjps)


@family
def STACK(axis: int) -> Op:
    def vjps(xp: Any, g: Any, out: Any, *xs: Any) -> list[Any]:
        return [g[_at(axis, len(xp.shape(g)), i)] for i in range(len(xs))]

    return ArrayOp("stack", lambda xp, *xs: xp.stack(xs, axis=axis), vjps)


one_off = functools.partial(family, is_kept=False)


@one_off
def GETITEM(index: Any) -> Op:
    return ArrayOp("getitem", lambda xp, x: x[index],
        (lambda xp, g, out, x: xp.scatter(g, xp.shape(x), index),))


@one_off
def SCATTER(shape: tuple[int, ...], index: Any) -> Op:
    """Zeros of that shape with x added at an index, repeated places adding up: what getitem's gradient is."""
    return ArrayOp("scatter", lambda xp, x: xp.scatter(x, shape, index), (lambda xp, g, out, x: g[index],))


@one_off
def INDEX_UPDATE(index: Any) -> Op:
    def share_of_value(xp: Any, g: Any, out: Any, x: Any, value: Any) -> Any:  # where a place occurs twice, only its last value was kept
        return g[index] * xp.last_written(xp.shape(x), index)

    return ArrayOp("index_update", lambda xp, x, value: xp.index_update(x, index, value),
        (lambda xp, g, out, x, value: xp.index_update(g, index, 0.0), share_of_value))


ARGSORT = family(lambda axis: ArrayOp("argsort", lambda xp, x: xp.argsort(x, axis=axis, kind="stable")))


@family
def SORT(axis: int) -> Op:
    def vjp(xp: Any, g: Any, out: Any, x: Any) -> Any:
        order = xp.argsort(x, axis=axis, kind="stable")
        return xp.take_along_axis(g, xp.argsort(order, axis=axis, kind="stable"), axis)

    return ArrayOp("sort", lambda xp, x: xp.sort(x, axis=axis, kind="stable"), (vjp,))


@family
def TAKE_ALONG_AXIS(axis: int) -> Op:
    def vjp(xp: Any, g: Any, out: Any, x: Any, indices: Any) -> Any:
        return xp.scatter_along_axis(g, indices, axis, xp.shape(x))

    return ArrayOp("take_along_axis", lambda xp, x, indices: xp.take_along_axis(x, indices, axis),
        (vjp, _no_share))


@family
def SCATTER_ALONG_AXIS(axis: int, shape: tuple[int, ...]) -> Op:
    return ArrayOp("scatter_along_axis",
        lambda xp, x, indices: xp.scatter_along_axis(x, indices, axis, shape),
        (lambda xp, g, out, x, indices: xp.take_along_axis(g, indices, axis), _no_share))


def _no_share(xp: Any, g: Any, out: Any, x: Any, indices: Any) -> Any:
    return xp.zeros_like(indices)


def _off_target(xp: Any, z: Any, labels: Any) -> Any:
    """The softmax, less 1 at the class of each sample."""
    return xp.softmax(z, -1) - xp.equal(labels[..., None], np.arange(xp.shape(z)[-1]))


class_cross_entropy = ArrayOp("class_cross_entropy",
    lambda xp, z, labels: -xp.take_along_axis(xp.log_softmax(z, -1), labels[..., None], -1)[..., 0],
    (lambda xp, g, out, z, labels: g[..., None] * _off_target(xp, z, labels),
        _no_share))


def _solve_back(xp: Any, g: Any, out: Any, a: Any, b: Any) -> Any:
    """The share of b; where b is a vector, g is a stack of vectors."""
    vector = len(xp.shape(b)) == 1
    share = xp.solve(_transposed(xp, a), g[..., None] if vector else g)
    return share[..., 0] if vector else share


def _solve_left(xp: Any, g: Any, out: Any, a: Any, b: Any) -> Any:
    share = _solve_back(xp, g, out, a, b)
    if len(xp.shape(b)) == 1:
        return -share[..., None] * out[..., None, :]
    return -xp.matmul(share, _transposed(xp, out))


solve = ArrayOp("solve", lambda xp, a, b: xp.solve(a, b), (_solve_left, _solve_back),
    "the x for which a @ x is b, a being square (…, n, n); solve([[2.0]], [4.0]) = array([2.])")
inv = ArrayOp("inv", lambda xp, a: xp.inv(a),
    (lambda xp, g, out, a: -xp.matmul(_transposed(xp, out), xp.matmul(g, _transposed(xp, out))),),
    "the inverse of square matrices (…, n, n); inv([[2.0]]) = array([[0.5]])")
det = ArrayOp("det", lambda xp, a: xp.det(a), (lambda xp, g, out, a: g[..., None, None] * xp.cofactors(a),),
    "the determinant of square matrices (…, n, n); det([[2.0]]) = np.float64(2.0)")


def _minors(n: int) -> tuple[Any, ...]:
    """The index that takes n² matrices from an n by n matrix, each without one row i and one column j."""
    rest = [[k for k in range(n) if k != i] for i in range(n)]
    rows = [[[[k] for k in rest[i]] for _ in range(n)] for i in range(n)]
    columns = [[[rest[j]] for j in range(n)] for _ in range(n)]
    return (..., np.array(rows, int).reshape(n, n, n - 1, 1), np.array(columns, int).reshape(n, n, 1, n - 1))


def _cofactors_slope(xp: Any, g: Any, out: Any, a: Any) -> Any:
    """The share of a: for small matrices by the cofactors of their minors, right for singular ones too; else by the inverse."""
    n = xp.shape(a)[-1]
    if n < 2:
        return xp.zeros_like(a)
    if n <= 8:
        signs = (-1.0) ** np.add.outer(np.arange(n), np.arange(n))
        inner = (g * signs)[..., None, None] * xp.cofactors(a[_minors(n)])
        return xp.scatter(inner, xp.shape(a), _minors(n))
    try:
        inverse = _transposed(xp, xp.inv(a))
    except np.linalg.LinAlgError:
        raise np.linalg.LinAlgError(
            f"det: at a singular matrix a second derivative is found up to 8 by 8, this one is {n} by {n}"
        ) from None
    total = xp.sum(g * out, axis=(-2, -1), keepdims=True)
    return total * inverse - xp.matmul(xp.matmul(inverse, _transposed(xp, g)), out)


cofactors = ArrayOp("cofactors", lambda xp, a: xp.cofactors(a), (_cofactors_slope,))
logabsdet = ArrayOp("logabsdet", lambda xp, a: xp.logabsdet(a),
    (lambda xp, g, out, a: g[..., None, None] * _transposed(xp, xp.inv(a)),))


@family
def PINV(rcond: float, hermitian: bool) -> Op:
    def vjp(xp: Any, g: Any, out: Any, a: Any) -> Any:  # Golub and Pereyra 1973, doi:10.1137/0710036
        m, n = xp.shape(a)[-2:]
        up, gt = _transposed(xp, out), _transposed(xp, g)
        left = xp.matmul(xp.eye(m) - xp.matmul(a, out), xp.matmul(gt, xp.matmul(out, up)))
        right = xp.matmul(xp.matmul(xp.matmul(up, out), gt), xp.eye(n) - xp.matmul(out, a))
        return left + right - xp.matmul(up, xp.matmul(g, up))

    return ArrayOp("pinv", lambda xp, a: xp.pinv(a, rcond, hermitian), (vjp,))


# ---- Decompositions of matrices ---------------------------------------------------------------------------------------


def _symmetric(xp: Any, a: Any) -> Any:
    return 0.5 * (a + _transposed(xp, a))


def _cholesky_slope(xp: Any, g: Any, out: Any, a: Any) -> Any:
    """L⁻ᵀ·Φ(Lᵀg)·L⁻¹, with Φ the lower triangle and half the diagonal (Murray, arXiv:1602.07527)."""
    up = _transposed(xp, out)
    inner = xp.tril(xp.matmul(up, g), 0)
    half = xp.solve(up, inner - 0.5 * inner * xp.eye(xp.shape(a)[-1]))
    return _symmetric(xp, _transposed(xp, xp.solve(up, _transposed(xp, half))))


cholesky = ArrayOp("cholesky", lambda xp, a: xp.cholesky(a), (_cholesky_slope,))


def _over_gaps(xp: Any, x: Any, gaps: Any) -> Any:
    """x / gaps, and 0 for 0 / 0: equal eigenvalues are no fault where the loss does not ask for their own vectors."""
    off = xp.logical_and(xp.equal(x, 0), xp.equal(gaps, 0))
    return xp.where(off, 0.0, x / xp.where(off, 1.0, gaps))


def _eigen_slope(xp: Any, g: Any, out: Any, a: Any) -> Any:
    """V·(diag(gw) + VᵀgV / (wⱼ − wᵢ))·Vᵀ (Giles 2008, "Collected matrix derivative results"), symmetric as a is."""
    w, v = out[..., 0, :], out[..., 1:, :]
    turn = xp.matmul(_transposed(xp, v), g[..., 1:, :])
    turn = _over_gaps(xp, turn - _transposed(xp, turn), w[..., None, :] - w[..., :, None])
    inner = 0.5 * turn + xp.eye(xp.shape(a)[-1]) * g[..., :1, :]
    return _symmetric(xp, xp.matmul(xp.matmul(v, inner), _transposed(xp, v)))


# The eigenvalues of a symmetric matrix, and below them the eigenvectors, as columns: (…, n, n) → (…, 1 + n, n)
eigen = ArrayOp("eigen", lambda xp, a: xp.eigen(a), (_eigen_slope,))


def _singular_slope(xp: Any, g: Any, out: Any, a: Any) -> Any:
    """The share of a = U·diag(s)·Vᵀ (Townsend 2016, "Differentiating the singular value decomposition")."""
    m, k = xp.shape(a)[-2], xp.shape(out)[-1]
    u, s, v = out[..., :m, :], out[..., m : m + 1, :], out[..., m + 1 :, :]
    gu, gs, gv = g[..., :m, :], g[..., m : m + 1, :], g[..., m + 1 :, :]
    column, ut, vt = _transposed(xp, s), _transposed(xp, u), _transposed(xp, v)
    gaps = (s - column) * (s + column)
    left, right = xp.matmul(ut, gu), xp.matmul(vt, gv)
    turn_u = _over_gaps(xp, left - _transposed(xp, left), gaps) * s
    turn_v = _over_gaps(xp, right - _transposed(xp, right), gaps) * column
    share = xp.matmul(xp.matmul(u, turn_u + turn_v + xp.eye(k) * gs), vt)
    rest_u = _over_gaps(xp, gu - xp.matmul(u, left), s)  # what lies outside the span of the vectors
    rest_v = _over_gaps(xp, gv - xp.matmul(v, right), s)
    if m > k:
        share = share + xp.matmul(rest_u, vt)
    if xp.shape(a)[-1] > k:
        share = share + xp.matmul(u, _transposed(xp, rest_v))
    return share


# The vectors U, the singular values, and the vectors V, as columns: (…, m, n) → (…, m + 1 + n, min(m, n))
singular = ArrayOp("singular", lambda xp, a: xp.singular(a), (_singular_slope,))
