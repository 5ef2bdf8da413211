"""Derivatives at equal numbers, beside zeros, at singular matrices and at the far ends, to every order that exists."""

import fractions
import math
from typing import Any

import mpmath
import numpy as np
import pytest

import autograd_mini as ag
from tests.helpers.peers import torch
from tests.right.orders import levels, near

NAN = float("nan")


def hessian(f: Any, x: Any) -> np.ndarray:
    return np.asarray(ag.hessian(f)(np.array(x)))


# ---- The standard deviation -------------------------------------------------------------------------------------------

CONSTANTS = [
    (0.1, 3),
    (0.1, 7),
    (1 / 3, 5),
    (-0.7, 9),
    (1e300, 4),
    (1e-300, 6),
    (2.2, 11),
    (0.0, 3),
    (5.0, 1),
    (1e16 + 2, 3),
]


@pytest.mark.parametrize(("value", "n"), CONSTANTS)
@pytest.mark.parametrize("ddof", [0, 1])
def test_the_deviation_of_equal_numbers(value: float, n: int, ddof: int) -> None:
    """0, with derivatives 0 at the first and second order, though the mean rounds."""
    if n - ddof < 1:
        return
    x = np.full(n, value)
    assert ag.std(x, ddof=ddof) == 0.0
    assert ag.var(x, ddof=ddof) == 0.0
    near(ag.grad(lambda x: ag.std(x, ddof=ddof))(x), np.zeros(n))
    near(ag.grad(lambda x: ag.var(x, ddof=ddof))(x), np.zeros(n))
    near(hessian(lambda x: ag.std(x, ddof=ddof), x), np.zeros((n, n)))


def test_two_thousand_constant_vectors() -> None:
    rng = np.random.default_rng(0)
    for _ in range(2000):
        x = np.full(rng.integers(1, 12), rng.normal() * 10.0 ** rng.integers(-8, 8))
        assert not ag.grad(ag.std)(x).any()


def test_one_number_with_ddof_one_is_nan() -> None:
    assert np.isnan(ag.std([3.0], ddof=1))
    assert np.isnan(ag.grad(lambda x: ag.std(x, ddof=1))(np.array([3.0]))).all()


@pytest.mark.parametrize("axis", [1, -1])
@pytest.mark.parametrize("keepdims", [False, True])
def test_a_constant_row_leaves_the_others_alone(axis: int, keepdims: bool) -> None:
    x = np.array([[0.1, 0.1, 0.1], [1.0, 2.0, 4.0], [-0.3, -0.3, -0.3]])
    whole = levels(
        lambda t: ag.std(t, axis, keepdims=keepdims)[1] ** 2 + ag.sum(ag.std(t, axis)), [ag.Tensor(x)], 3
    )
    row = levels(lambda t: ag.std(t) ** 2 + ag.std(t), [ag.Tensor(x[1])], 1)
    near(whole[1][0][1], row[1][0])
    for level in whole[1:3]:
        assert np.isfinite(level[0]).all()
        near(level[0][[0, 2]], np.zeros((2, 3)))
    h = hessian(lambda t: ag.sum(ag.std(t, axis)), x)
    alone = hessian(ag.std, x[1])
    near(h[1, :, 1], alone, 1e-10)
    h[1, :, 1] = 0.0
    near(h, np.zeros_like(h))


@pytest.mark.parametrize(
    "x", [[1e20, 3e20], [1e-23, 3e-23], [3e-30, 1e-30], [-1e20, 1e20], [1e19, 2e19, 6e19]], ids=str
)
def test_the_deviation_of_float32_is_scaled(x: Any) -> None:
    given = np.float32(x)
    out = ag.std(ag.Tensor(given))
    wanted = np.std(np.float64(given))
    assert out.dtype == np.float32
    near(out.data, wanted, 1e-6)
    slope = (np.float64(given) - np.mean(np.float64(given))) / wanted / len(x)
    near(ag.gradients(ag.std(t := ag.Tensor(given)), t), slope, 1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "x", [[0.9, -0.9], [0.99, -0.99, 0.99], [1.0, -1.0, -0.5, 0.25], [0.6, 0.9]], ids=str
)
def test_the_deviation_of_numbers_whose_difference_overflows(x: Any, dtype: str) -> None:
    top = np.finfo(dtype).max
    given = (np.array(x) * float(top)).astype(dtype)
    wanted, slope = np.std(x), (np.array(x) - np.mean(x)) / np.std(x) / len(x)
    t = ag.Tensor(given)
    near(ag.std(t).data / top, wanted, 1e-6)
    near(ag.gradients(ag.std(t), t), slope, 1e-6)
    equal = np.full(3, top)
    assert all(not part.any() for level in levels(ag.std, [ag.Tensor(equal)], 2) for part in level)


@pytest.mark.parametrize("x", [[1e200, 3e200], [1e-200, 3e-200, 4e-200], [1e-310, 5e-310]], ids=str)
def test_the_deviation_of_float64_is_scaled(x: Any) -> None:
    with mpmath.workdps(50):
        m = [mpmath.mpf(v) for v in x]
        mean = sum(m) / len(m)
        out = mpmath.sqrt(sum((v - mean) ** 2 for v in m) / len(m))
        slopes = [float((v - mean) / out / len(m)) for v in m]
    near(ag.std(x), float(out), 1e-14)
    near(ag.grad(ag.std)(np.array(x)), slopes, 1e-9)


@pytest.mark.parametrize("x", [[0.1, 0.1, 0.1 + 1e-16], [1e8 + 1e-7, 1e8, 1e8], [1.0, 1.0 + 2**-52]], ids=str)
def test_nearly_equal_numbers_keep_their_digits(x: Any) -> None:
    with mpmath.workdps(60):
        m = [mpmath.mpf(v) for v in x]
        mean = sum(m) / len(m)
        out = mpmath.sqrt(sum((v - mean) ** 2 for v in m) / len(m))
        slopes = [float((v - mean) / out / len(m)) for v in m]
    near(ag.std(x), float(out), 1e-13)
    near(ag.grad(ag.std)(np.array(x)), slopes, 1e-13)


def test_the_deviation_elsewhere_is_pytorchs_to_second_order() -> None:
    rng = np.random.default_rng(2)
    for ddof in (0, 1):
        x = rng.normal(size=(3, 4))
        f = lambda t, ddof=ddof: ag.sum(ag.std(t, 1, ddof=ddof) * [1.0, 2.0, 3.0])  # noqa: E731
        g = lambda t, ddof=ddof: (torch.std(t, 1, correction=ddof) * torch.tensor([1.0, 2.0, 3.0])).sum()  # noqa: E731
        near(hessian(f, x), torch.autograd.functional.hessian(g, torch.tensor(x)).numpy(), 1e-9)


# ---- Norms -------------------------------------------------------------------------------------------------------------


def norm_derivatives(x: list[float], p: float) -> tuple[np.ndarray, np.ndarray]:
    """The gradient and Hessian of the p-norm of numbers none of which is 0."""
    a, n = np.abs(x), np.sum(np.abs(x) ** p) ** (1 / p)
    g = np.sign(x) * (a / n) ** (p - 1)
    return g, (p - 1) / n * (np.diag((a / n) ** (p - 2)) - np.outer(g, g))


@pytest.mark.parametrize("p", [1.5, 1.2, 1.9])
@pytest.mark.parametrize("x", [[0.0, 4.0, 3.0], [4.0, 0.0, -3.0], [0.0, 2.0, 0.0, 5.0]], ids=str)
def test_a_zero_among_others_leaves_their_second_derivatives(p: float, x: list[float]) -> None:
    """The slope of |x|^p at 0 is infinitely steep at second order there, and nowhere else."""
    rest = np.flatnonzero(x)
    g, h = norm_derivatives([x[i] for i in rest], p)
    slopes = ag.grad(lambda t: ag.norm(t, p))(np.array(x))
    near(slopes[rest], g, 1e-13)
    near(slopes[np.equal(x, 0.0)], np.zeros(len(x) - len(rest)))
    near(hessian(lambda t: ag.norm(t, p), x)[np.ix_(rest, rest)], h, 1e-10)


def test_the_example_of_the_numbers_page() -> None:
    h = hessian(lambda t: ag.norm(t, 1.5), [0.0, 4.0, 3.0])[1:, 1:]
    near(h.round(5), [[0.04166, -0.05554], [-0.05554, 0.07406]])


@pytest.mark.parametrize("p", [3, 4, 3.5, 7])
def test_norms_of_high_order_at_zero(p: float) -> None:
    """All derivatives are 0."""
    zero = np.zeros(3)
    near(ag.grad(lambda t: ag.norm(t, p))(zero), zero)
    near(hessian(lambda t: ag.norm(t, p), zero), np.zeros((3, 3)))


@pytest.mark.parametrize("p", [3, 4, 2.5])
@pytest.mark.parametrize("x", [[0.0, 4.0, 3.0], [0.0, 0.0, -2.0]], ids=str)
def test_norms_of_high_order_beside_a_zero(p: float, x: list[float]) -> None:
    rest = np.flatnonzero(x)
    wanted = np.zeros((3, 3))
    wanted[np.ix_(rest, rest)] = norm_derivatives([x[i] for i in rest], p)[1]
    got = hessian(lambda t: ag.norm(t, p), x)
    np.testing.assert_allclose(got, wanted, rtol=1e-10, atol=1e-16)


@pytest.mark.parametrize("p", [0.5, 0.25, 0.9])
@pytest.mark.parametrize("x", [[0.0, 4.0, 3.0], [1.0, 0.0, -2.0]], ids=str)
def test_norms_of_low_order_beside_a_zero(p: float, x: list[float]) -> None:
    """0 at the zero, and the others as if it were not there, at both orders."""
    rest = np.flatnonzero(x)
    g, h = norm_derivatives([x[i] for i in rest], p)
    slopes = ag.grad(lambda t: ag.norm(t, p))(np.array(x))
    near(slopes[rest], g, 1e-12)
    near(slopes[np.equal(x, 0.0)], [0.0])
    near(hessian(lambda t: ag.norm(t, p), x)[np.ix_(rest, rest)], h, 1e-10)


@pytest.mark.parametrize("p", [2, 1.5, 3])
def test_a_row_of_zeros_leaves_the_others_alone(p: float) -> None:
    x = np.array([[0.0, 0.0], [3.0, 4.0]])
    h = hessian(lambda t: ag.sum(ag.norm(t, p, axis=1)), x)
    near(h[1, :, 1], norm_derivatives([3.0, 4.0], p)[1], 1e-10)


def test_the_second_norm_at_zero_is_as_documented() -> None:
    near(ag.grad(ag.norm)(np.zeros(2)), [0.0, 0.0])
    assert np.isnan(hessian(ag.norm, np.zeros(2))).all()


# ---- Remainders --------------------------------------------------------------------------------------------------------

REMAINDERS = [
    (1.0, 0.1), (0.3, 0.1), (0.7, 0.1), (6.0, 0.1), (-1.0, 0.1), (1.0, -0.1), (5.0, 3.0), (6.0, 3.0), (-7.5, 2.5), (-5.0, 3.0), (5.0, -3.0),
    (1e15, 0.3), (1.0, 1e-5), (0.1, 0.1), (0.0, 3.0), (2.0, 5.0), (-2.0, 5.0), (123456.789, 0.001), (1.0, 1 / 3), (9.0, 0.9),
]  # fmt: skip


@pytest.mark.parametrize("kind", ["Value", "Tensor", "raw %", "np.remainder", "ag.remainder"])
@pytest.mark.parametrize(("x", "y"), REMAINDERS)
def test_the_quotient_belongs_to_the_value(x: float, y: float, kind: str) -> None:
    """The slope in the divisor is −(x − out) / y, a whole number, by rational arithmetic."""
    made = ag.Value if kind == "Value" else ag.Tensor
    a, b = made(x), made(y)
    out = {"np.remainder": np.remainder, "ag.remainder": ag.remainder}.get(kind, lambda a, b: a % b)(a, b)
    near(out.data, x % y)
    quotient = (fractions.Fraction(x) - fractions.Fraction(x % y)) / fractions.Fraction(y)
    ga, gb = ag.gradients(out, [a, b], create_graph=True)
    near(ga.data, 1.0)
    near(gb.data, -float(round(quotient)))
    near(ag.gradients(gb, b, allow_unused=True), 0.0)


def test_the_quotient_of_float32() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=500).astype(np.float32) * 10, rng.normal(size=500).astype(np.float32)
    b = ag.Tensor(y)
    out = ag.Tensor(x) % b
    wanted = [
        -round((fractions.Fraction(float(p)) - fractions.Fraction(float(r))) / fractions.Fraction(float(q)))
        for p, q, r in zip(x, y, out.data, strict=True)
    ]
    near(ag.gradients(out.sum(), b), wanted)


@pytest.mark.parametrize("p", [0.25, 0.5, 0.9])
def test_a_norm_of_low_order_beside_a_tiny_number(p: float) -> None:
    """The slope at 1e-200 is huge, its own slope infinite, and the other rows keep their numbers."""
    h = hessian(lambda t: ag.norm(t, p), [1e-200, 1.0, 2.0])
    with mpmath.workdps(400):
        m = [mpmath.mpf("1e-200"), mpmath.mpf(1), mpmath.mpf(2)]
        n = mpmath.fsum(v**p for v in m) ** (1 / mpmath.mpf(p))
        g = [(v / n) ** (mpmath.mpf(p) - 1) for v in m]
        wanted = [[float((1 - mpmath.mpf(p)) / n * g[i] * g[j]) for j in (1, 2)] for i in (0, 1, 2)]
        for i in (1, 2):
            wanted[i][i - 1] -= float((1 - mpmath.mpf(p)) / n * (m[i] / n) ** (mpmath.mpf(p) - 2))
    np.testing.assert_allclose(h[:, 1:], wanted, rtol=1e-10)


# ---- Determinants ------------------------------------------------------------------------------------------------------


def cofactors(a: np.ndarray) -> np.ndarray:
    n = len(a)
    exact = mpmath.matrix(a.tolist())

    def minor(i: int, j: int) -> float:
        rows, columns = [k for k in range(n) if k != i], [k for k in range(n) if k != j]
        with mpmath.workdps(60):
            return (
                float(
                    (-1) ** (i + j)
                    * mpmath.det(mpmath.matrix([[exact[r, c] for c in columns] for r in rows]))
                )
                if n > 1
                else 1.0
            )

    return np.array([[minor(i, j) for j in range(n)] for i in range(n)])


SINGULAR: dict[str, Any] = {
    "rank 1 of 2": [[1.0, 2.0], [2.0, 4.0]],
    "zero of 2": [[0.0, 0.0], [0.0, 0.0]],
    "rank 2 of 3": [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]],
    "rank 1 of 3": [[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [3.0, 6.0, 9.0]],
    "a zero row": [[1.0, 2.0, 3.0], [0.0, 0.0, 0.0], [3.0, 5.0, 9.0]],
    "rank 3 of 4": [[2.0, 0.0, 1.0, 3.0], [1.0, 1.0, 0.0, 2.0], [3.0, 1.0, 1.0, 5.0], [0.0, 2.0, 1.0, 1.0]],
    "one zero": [[0.0]],
}


@pytest.mark.parametrize("name", SINGULAR)
def test_the_determinant_of_a_singular_matrix(name: str) -> None:
    """Its gradient is the cofactors."""
    a = np.array(SINGULAR[name])
    g = ag.grad(ag.det)(a)
    np.testing.assert_allclose(g, cofactors(a), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", SINGULAR)
def test_the_second_derivative_of_the_determinant_of_a_singular_matrix(name: str) -> None:
    a = np.array(SINGULAR[name])
    h = hessian(ag.det, a)
    n = len(a)
    wanted = np.zeros((n, n, n, n))
    for i in range(n):
        for j in range(n):
            rest = np.ix_([k for k in range(n) if k != i], [k for k in range(n) if k != j])
            if n > 1:
                minor = cofactors(a[rest]) if n > 2 else np.ones((1, 1))
                wanted[i, j][rest] = (-1) ** (i + j) * minor
    np.testing.assert_allclose(h, wanted, rtol=1e-11, atol=1e-11)


def test_the_determinants_of_a_batch_with_a_singular_member() -> None:
    a = np.array([SINGULAR["rank 1 of 2"], [[2.0, 1.0], [1.0, 3.0]], [[0.0, 0.0], [0.0, 1.0]]])
    g = ag.grad(lambda a: ag.sum(ag.det(a) * [1.0, 2.0, 3.0]))(a)
    near(g[0], [[4.0, -2.0], [-2.0, 1.0]])
    np.testing.assert_allclose(g[1], 2.0 * np.array([[3.0, -1.0], [-1.0, 2.0]]), rtol=1e-13)
    np.testing.assert_allclose(g[2], 3.0 * np.array([[1.0, 0.0], [0.0, 0.0]]), rtol=1e-13, atol=1e-15)
    h = hessian(lambda a: ag.sum(ag.det(a)), a)
    assert np.isfinite(h).all()


def test_the_second_derivative_at_a_large_singular_matrix_is_refused() -> None:
    a = np.diag([1.0] * 8 + [0.0])
    near(ag.grad(ag.det)(a), np.diag([0.0] * 8 + [1.0]))
    with pytest.raises(np.linalg.LinAlgError, match="up to 8 by 8, this one is 9 by 9"):
        hessian(ag.det, a)


@pytest.mark.parametrize("bad", [NAN, math.inf])
def test_the_determinant_of_what_is_not_finite_is_nan(bad: float) -> None:
    """In its own member of a batch, and without an exception."""
    a = np.array([[[bad, 2.0], [3.0, 4.0]], [[1.0, 2.0], [2.0, 4.0]]])
    g = ag.grad(lambda a: ag.sum(ag.det(a)))(a)
    assert np.isnan(g[0]).all()
    near(g[1], [[4.0, -2.0], [-2.0, 1.0]])


@pytest.mark.parametrize("size", [2, 3, 5, 8])
@pytest.mark.parametrize("distance", [1e-3, 1e-8, 1e-14])
def test_near_a_singular_matrix_the_digits_are_kept(size: int, distance: float) -> None:
    """By norm: every cofactor to 1e-12 of the largest."""
    rng = np.random.default_rng(size)
    u, s, v = np.linalg.svd(rng.normal(size=(size, size)))
    s[-1] = distance
    a = u * s @ v
    exact = cofactors(a)
    np.testing.assert_allclose(ag.grad(ag.det)(a), exact, rtol=0.0, atol=1e-12 * np.abs(exact).max())


def test_a_regular_determinant_is_pytorchs_to_second_order() -> None:
    for n in (1, 2, 3, 5, 12):
        a = np.random.default_rng(n).normal(size=(n, n)) + 2.0 * np.eye(n)
        wanted = (
            torch.autograd.functional.hessian(torch.linalg.det, torch.tensor(a)).numpy()
            if n > 1
            else np.zeros((1, 1, 1, 1))
        )
        np.testing.assert_allclose(hessian(ag.det, a), wanted, rtol=1e-9, atol=1e-11 * np.abs(wanted).max())


# ---- The far ends ------------------------------------------------------------------------------------------------------


def exact(f: Any, x: float, order: int) -> float:
    with mpmath.workdps(400):
        return float(mpmath.diff(f, mpmath.mpf(x), order))


FAR = [1e-300, 1e-200, 1e-160, 1e-100, 1e-20, 0.5, 3.0, 100.0, 120.0]


@pytest.mark.parametrize("kind", [ag.Value, ag.Tensor], ids=["Value", "Tensor"])
@pytest.mark.parametrize("x", FAR)
def test_a_number_to_its_own_power(x: float, kind: Any) -> None:
    """v^v, whose derivatives are v^v·(log v + 1) and v^v·((log v + 1)² + 1/v)."""
    v = kind(x)
    y = v**v
    slope = ag.gradients(y, v, create_graph=True)
    with mpmath.workdps(50):
        m = mpmath.mpf(x)
        power, log = m**m, mpmath.log(m) + 1
        wanted = [float(power), float(power * log), float(power * (log**2 + 1 / m))]
    near(y.data, wanted[0], 1e-13)
    near(slope.data, wanted[1], 1e-12)
    near(ag.gradients(slope, v), wanted[2], 1e-11)


@pytest.mark.parametrize("kind", [ag.Value, ag.Tensor], ids=["Value", "Tensor"])
@pytest.mark.parametrize("x", [1e-200, 1e-100, 1e-8, 0.3, 1.0, 1e8, 1e77, 1e90, 1e100, -1e100, 1e102, 1e150])
def test_the_arc_tangent_of_large_numbers(x: float, kind: Any) -> None:
    """1 / (1 + x²) and −2x / (1 + x²)², which is −2e-300 at 1e100."""
    v = kind(x)
    slope = ag.gradients(ag.arctan(v), v, create_graph=True)
    with mpmath.workdps(500):
        m = mpmath.mpf(x)
        wanted = [float(1 / (1 + m * m)), float(-2 * m / (1 + m * m) ** 2)]
    np.testing.assert_allclose(slope.data, wanted[0], rtol=2e-15, atol=1e-323)
    np.testing.assert_allclose(ag.gradients(slope, v), wanted[1], rtol=4e-15, atol=1e-322)


# ---- Slopes hidden by a mask -----------------------------------------------------------------------------------------

HIDDEN: dict[str, Any] = {
    "sqrt": lambda x, m: ag.where(m, ag.sqrt(ag.where(m, x, 1.0)), 0.0),
    "log": lambda x, m: ag.where(m, ag.log(ag.where(m, x, 1.0)), 0.0),
    "reciprocal": lambda x, m: ag.where(m, 1.0 / ag.where(m, x, 1.0), 0.0),
    "power": lambda x, m: ag.where(m, ag.where(m, x, 1.0) ** -1.5, 0.0),
    "relu": lambda x, m: ag.relu(x) ** 2,
    "elu": lambda x, m: ag.elu(x),
    "leaky_relu": lambda x, m: ag.leaky_relu(x),
    "max": lambda x, m: ag.max(ag.stack([x, x * 0.0 + 0.5], 0), 0),
    "clip": lambda x, m: ag.clip(x, 0.0, 3.0),
    "norm": lambda x, m: ag.norm(ag.stack([x, x + 5.0], 0), 3, 0),
    "std": lambda x, m: ag.std(ag.stack([x, 0.0 * x], 0), 0) * 2.0,
    "xlogy": lambda x, m: ag.where(m, ag.xlogy(x, ag.where(m, x, 1.0)), 0.0),
}


@pytest.mark.parametrize("name", HIDDEN)
def test_a_hidden_slope_is_hidden_at_every_order(name: str) -> None:
    """Three orders are finite where the branch not taken has none, and the neighbours keep their numbers."""
    x = np.array([0.0, 1.7, -0.0, 2.5])
    f = HIDDEN[name]
    whole = levels(lambda t: f(t, np.array(x) > 0), [ag.Tensor(x)], 3)
    for order, level in enumerate(whole[: 3 if name in ("norm",) else 4]):
        assert np.isfinite(level[0]).all(), f"order {order}: {level[0]}"
    alone = levels(lambda t: f(t, np.array([True, True])), [ag.Tensor(x[[1, 3]])], 1)
    near(whole[0][0][[1, 3]], alone[0][0])


# ---- Forward mode ------------------------------------------------------------------------------------------------------

FLAT: dict[str, Any] = {
    "sign": ag.sign,
    "floor": ag.floor,
    "ceil": ag.ceil,
    "round": ag.round,
    "slope of abs": lambda x: ag.grad(lambda x: ag.sum(ag.abs(x)))(x),
    "slope of relu": lambda x: ag.grad(lambda x: ag.sum(ag.relu(x)))(x),
    "slope of mae": lambda x: ag.grad(lambda x: ag.nn.mae(x, x.data * 0.0 + 0.5))(x),
    "slope of clip": lambda x: ag.grad(lambda x: ag.sum(ag.clip(x, 0.0, 1.0)))(x),
    "slope of maximum": lambda x: ag.grad(lambda x: ag.sum(ag.maximum(x, 0.5)))(x),
    "slope of max": lambda x: ag.grad(lambda x: ag.max(x))(x),
    "slope of a line": lambda x: ag.grad(lambda x: ag.sum(3.0 * x))(x),
    "slope of leaky_relu": lambda x: ag.grad(lambda x: ag.sum(ag.leaky_relu(x)))(x),
    "condition": lambda x: ag.where(x > 0, 1.0, 2.0) + 0.0 * ag.sign(x),
}


@pytest.mark.parametrize("name", FLAT)
@pytest.mark.parametrize("kind", ["number", "vector"])
def test_forward_mode_of_what_is_flat(kind: str, name: str) -> None:
    """jvp, and a tall Jacobian, are zeros; as by reverse mode."""
    f, x = FLAT[name], 1.5 if kind == "number" else np.array([1.5, -0.5, 2.5])
    value, slope = ag.jvp(f, x, np.ones_like(x) if kind == "vector" else 1.0)
    near(slope, np.zeros(np.shape(value)))
    if kind == "vector":
        near(ag.jacobian(f)(x), np.zeros((*np.shape(value), 3)))
        tall = ag.jacobian(lambda x: ag.concatenate([f(x).reshape(-1)] * 9))(x)
        near(tall, np.zeros_like(tall))
        near(ag.hvp(lambda x: ag.sum(f(x)), x, np.ones(3)), np.zeros(3))
    both = ag.jvp(lambda x: f(x) + x * x, x, np.ones_like(x) if kind == "vector" else 1.0)[1]
    near(both, 2.0 * np.asarray(x) + np.zeros(np.shape(value)))


def test_the_single_logit_is_refused() -> None:
    """cross_entropy of one class is 0 for ever: the message names what is meant."""
    for logits, target in (
        ([[0.3], [0.7]], [0, 0]),
        ([0.3], 0),
        ([[0.3]], [[1.0]]),
        (np.zeros((4, 1)), np.zeros(4, int)),
    ):
        with pytest.raises(ValueError, match="binary_cross_entropy_with_logits"):
            ag.nn.cross_entropy(ag.Tensor(logits), target)
    assert math.isfinite(ag.nn.cross_entropy(ag.Tensor([[0.3, 0.1]]), [0]).item())


@pytest.mark.parametrize("name", ["round", "floor", "ceil", "abs", "sign", "relu", "negative"])
@pytest.mark.parametrize("x", [-0.3, -0.0, 0.0, 0.3, -0.5, 0.5, 2.5, -2.5])
def test_a_zero_has_the_same_sign_in_both_kinds(name: str, x: float) -> None:
    """A Value, a 0-d Tensor and NumPy agree on −0.0."""
    value, tensor = getattr(ag, name)(ag.Value(x)).data, getattr(ag, name)(ag.Tensor(x)).data
    assert value == tensor
    assert math.copysign(1.0, value) == math.copysign(1.0, tensor)
    if name != "relu":
        assert math.copysign(1.0, value) == np.copysign(1.0, getattr(np, name)(x))


@pytest.mark.parametrize("x", [0.7, 1.3, 5.0])
def test_the_mixed_derivative_at_the_power_0(x: float) -> None:
    """∂²(x^p) / ∂x∂p at p = 0 is 1 / x, from both sides."""
    h = hessian(lambda t: t[0] ** t[1], [x, 0.0])
    near(h, [[0.0, 1.0 / x], [1.0 / x, math.log(x) ** 2]], 1e-13)
