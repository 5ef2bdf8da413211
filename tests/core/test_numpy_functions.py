"""Every differentiable function of NumPy on nodes: NumPy's own value, a difference quotient's gradient, and its slope again.

The calls are tests/core/numpy_calls.py's; PyTorch's gradient stands beside those of its functions that have another name.
"""

import inspect
import math
import runpy
import warnings

import numpy as np
import pytest

import autograd_mini as ag
from autograd_mini import Tensor, Value
from autograd_mini.numpy_protocols import PLAIN, RULES
from tests.core.numpy_calls import CALLS, INPUTS, OTHERS, WITHOUT_RULE, differentiable, public
from tests.helpers.peers import torch
from tests.helpers.processes import ROOT

CASES = [
    pytest.param(call, id=f"{name} {i}" if i else name)
    for name, calls in CALLS.items()
    for i, call in enumerate(calls)
]


def inputs_of(call):
    return [INPUTS[p.name] for p in inspect.signature(call).parameters.values() if p.default is p.empty]


def parts_of(out):
    """The arrays of a result, which may be a list or tuple of them."""
    return [part for x in out for part in parts_of(x)] if isinstance(out, list | tuple) else [out]


def total(out):
    """A number that depends on every number of a result, and not in a line only."""
    found = 0.0
    for i, part in enumerate(parts_of(out)):
        weights = np.cos(np.arange(np.size(raw(part))) + i).reshape(np.shape(raw(part)))
        found = found + (part * weights + 0.5 * part * part).sum()
    return found


def raw(x):
    """The numbers of a node, or what is no node as it is."""
    return x.data if isinstance(x, Value | Tensor) else x


def quotient(f, xs, along, h):
    """The slope of f at xs in a direction, by central differences of 4th order."""
    at = [f(*(x + k * h * d for x, d in zip(xs, along, strict=True))) for k in (-2, -1, 1, 2)]
    return [(a - 8.0 * b + 8.0 * c - d) / (12.0 * h) for a, b, c, d in zip(*at, strict=True)]


def gradient(call, xs, create_graph=False):
    """The gradient of the total of a call, an array or node an input."""
    nodes = [x if isinstance(x, Tensor) else Tensor(x) for x in xs]
    return ag.gradients(total(call(*nodes)), nodes, create_graph=create_graph, allow_unused=True)


@pytest.mark.parametrize("call", CASES)
def test_value_gradient_and_its_gradient(call):
    """The same numbers and shapes as NumPy's, in the graph; the gradient and the slope of the gradient as differences give them."""
    xs = inputs_of(call)
    nodes = [Tensor(x) for x in xs]
    with np.errstate(all="ignore"):
        wanted = parts_of(call(*xs))
    found = parts_of(call(*nodes))
    assert len(found) == len(wanted)
    for got, right in zip(found, wanted, strict=True):
        assert np.shape(raw(got)) == np.shape(right)
        np.testing.assert_allclose(raw(got), right, rtol=1e-10, atol=1e-12)
    assert any(isinstance(got, Tensor) for got in found)
    rng = np.random.default_rng(0)
    along = [rng.normal(size=x.shape) for x in xs]
    if not any(getattr(got, "requires_grad", False) for got in found):
        return  # its slope is 0
    first = gradient(call, xs)
    assert [np.shape(g) for g in first] == [x.shape for x in xs]
    by_us = sum(np.nansum(g * d) for g, d in zip(first, along, strict=True))
    (by_differences,) = quotient(lambda *xs: [np.asarray(total(call(*xs)))], xs, along, 1e-4)
    np.testing.assert_allclose(by_us, by_differences, rtol=1e-6, atol=1e-7)
    level = gradient(call, nodes, create_graph=True)
    slope = sum((g * Tensor(d)).sum() for g, d in zip(level, along, strict=True))
    second = ag.gradients(slope, nodes, allow_unused=True)
    for got, right in zip(second, quotient(lambda *xs: gradient(call, xs), xs, along, 1e-4), strict=True):
        np.testing.assert_allclose(np.nan_to_num(got), np.nan_to_num(right), rtol=1e-5, atol=1e-5)


NOT_COMPILED = {"linalg.slogdet": "slogdet"}  # the plain sign


def others(call):
    """Other inputs of the same shapes: sorted where they were."""
    rng = np.random.default_rng(5)
    for p, x in zip(inspect.signature(call).parameters, inputs_of(call), strict=False):
        moved = np.sort(x + 0.05 * rng.normal(size=x.shape)) if p == "t" else x * 1.01
        yield np.ascontiguousarray(x[::-1]) if p in "mknz" else moved


@pytest.mark.parametrize("call", CASES)
def test_compiled_it_follows_other_numbers(call, request):
    """Recorded with one set of numbers, a function replays with another what it gives itself: nothing is frozen; or it is refused."""

    def weighted(*nodes):
        parts = [part for part in parts_of(call(*nodes)) if isinstance(part, Value | Tensor)]
        scales = [np.cos(np.arange(float(math.prod(part.shape)))).reshape(part.shape) for part in parts]
        return sum((part * scale).sum() for part, scale in zip(parts, scales, strict=True))

    compiled, fresh = ag.compile(weighted), list(others(call))
    name = request.node.callspec.id.partition(" ")[0]
    if name in NOT_COMPILED:
        with pytest.raises(ag.CompileError, match=NOT_COMPILED[name]):
            compiled(*inputs_of(call))
        return
    compiled(*inputs_of(call))
    right = weighted(*map(Tensor, fresh)).data
    np.testing.assert_allclose(np.asarray(raw(compiled(*fresh))), right, rtol=1e-9, atol=1e-12)


# ---- How many ---------------------------------------------------------------------------------------------------------

# What HIPS autograd has a rule for under NumPy's name, complex numbers and fft apart, and what is no function of NumPy's there
BY_HIPS = """
    abs absolute add amax amin arccos arccosh arcsin arcsinh arctan arctan2 arctanh angle append array_split atleast_1d atleast_2d atleast_3d
    broadcast_to clip column_stack concatenate conj conjugate cos cosh cross cumsum deg2rad degrees diag diagonal diff divide dot dsplit
    dstack einsum exp exp2 expand_dims expm1 fabs fliplr flipud fmax fmin full_like gradient hsplit hstack hypot imag inner kron linspace log
    log10 log1p log2 logaddexp logaddexp2 matmul max maximum mean min minimum mod moveaxis multiply nan_to_num negative outer pad partition
    power prod rad2deg radians ravel real real_if_close reciprocal remainder repeat reshape roll rollaxis rot90 select sin sinc sinh sort
    split sqrt square squeeze stack std subtract sum swapaxes tan tanh tensordot tile trace transpose tril triu true_divide var vsplit
    vstack where linalg.cholesky linalg.det linalg.eigh linalg.inv linalg.norm linalg.pinv linalg.slogdet linalg.solve linalg.svd
""".split()


@pytest.mark.smoke
def test_how_many_functions_work():
    """At least 225 functions of NumPy with a derivative, and all that HIPS autograd differentiates; no function is forgotten."""
    working = set(CALLS) & public()
    assert len(working) >= 225
    assert len(working) >= 0.91 * len(differentiable())
    assert set(BY_HIPS) - set(CALLS) == set()
    listed = {name.rstrip(":,") for name in OTHERS.split()}
    assert sorted(public() - set(CALLS) - set(WITHOUT_RULE) - listed) == []


def test_all_that_the_installed_hips_autograd_differentiates():
    """Its own list, where it is installed: but np.full, which NumPy hands on to nobody (ag.full), and eig, which is complex."""
    theirs = pytest.importorskip("autograd.numpy")
    known = pytest.importorskip("autograd.core").primitive_vjps
    found = set()
    for place, prefix in ((theirs, ""), (theirs.linalg, "linalg.")):
        for name, thing in vars(place).items():
            if (
                function_of(prefix + name) is not None
                and callable(thing)
                and not isinstance(thing, type)
                and thing in known
            ):
                found.add(prefix + name)
    assert len(found) >= 111
    assert found - set(CALLS) == {"full", "linalg.eig"}


def test_each_rule_has_a_call():
    """A function that gets a rule gets a call in tests/core/numpy_calls.py."""
    called = {function_of(name) for name in CALLS}
    assert [rule for rule in RULES if rule not in called and rule is not None] == []
    assert not set(RULES) & PLAIN


def function_of(name):
    found = np
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def test_the_documents_table_is_the_code_s():
    """docs/numpy.md is what docs/numpy_table.py writes: run it after a change."""
    written = runpy.run_path(str(ROOT / "docs" / "numpy_table.py"))
    if not np.__version__.startswith(written["VERSION"]):
        pytest.skip(f"the table is NumPy {written['VERSION']}'s")
    assert (ROOT / "docs" / "numpy.md").read_text(encoding="utf8") == written["table"]()


# ---- Beside PyTorch ---------------------------------------------------------------------------------------------------

PAIRS = {
    "median of an odd number": (lambda x: np.median(x[:, :3]), lambda x: torch.median(x[:, :3].reshape(-1))),
    "quantile": (lambda x: np.quantile(x, 0.3, axis=1), lambda x: torch.quantile(x, 0.3, dim=1)),
    "cov": (lambda x: np.cov(x), lambda x: torch.cov(x)),
    "corrcoef": (lambda x: np.corrcoef(x), lambda x: torch.corrcoef(x)),
    "diff": (lambda x: np.diff(x, n=2), lambda x: torch.diff(x, n=2)),
    "gradient": (lambda x: np.gradient(x, 0.5, axis=1), lambda x: torch.gradient(x, spacing=0.5, dim=1)[0]),
    "trapezoid": (lambda x: np.trapezoid(x, dx=0.3), lambda x: torch.trapezoid(x, dx=0.3)),
    "kron": (lambda x: np.kron(x, x), lambda x: torch.kron(x, x)),
    "cross": (lambda x: np.cross(x[:, :3], x[:, 1:]), lambda x: torch.linalg.cross(x[:, :3], x[:, 1:])),
    "cummax": (lambda x: np.maximum.accumulate(x, axis=1), lambda x: torch.cummax(x, 1).values),
    "rot90": (lambda x: np.rot90(x), lambda x: torch.rot90(x, 1, (0, 1))),
    "pad reflect": (lambda x: np.pad(x, ((0, 0), (2, 2)), "reflect"), lambda x: torch.nn.functional.pad(x, (2, 2), mode="reflect")),
    "pinv": (lambda x: np.linalg.pinv(x), lambda x: torch.linalg.pinv(x)),
    "lstsq": (lambda x: np.linalg.lstsq(x.T, [1.0, 2.0, 0.5, 1.0])[0], lambda x: torch.linalg.pinv(x.T) @ torch.tensor([1.0, 2.0, 0.5, 1.0], dtype=torch.float64)),
    "nuclear norm": (lambda x: np.linalg.norm(x, "nuc"), lambda x: torch.linalg.matrix_norm(x, "nuc")),
    "spectral norm": (lambda x: np.linalg.norm(x, 2), lambda x: torch.linalg.matrix_norm(x, 2)),
    "matrix norm 1": (lambda x: np.linalg.norm(x, 1), lambda x: torch.linalg.matrix_norm(x, 1)),
    "eigvalsh": (lambda x: np.linalg.eigvalsh(x @ x.T), lambda x: torch.linalg.eigvalsh(x @ x.T)),
    "svdvals": (lambda x: np.linalg.svdvals(x), lambda x: torch.linalg.svdvals(x)),
    "cholesky": (lambda x: np.linalg.cholesky(x @ x.T), lambda x: torch.linalg.cholesky(x @ x.T)),
    "cond": (lambda x: np.linalg.cond(x), lambda x: torch.linalg.cond(x)),
    "logaddexp2": (lambda x: np.logaddexp2(x, 0.5), lambda x: torch.logaddexp2(x, torch.tensor(0.5, dtype=torch.float64))),
    "exp2": (lambda x: np.exp2(x), lambda x: torch.exp2(x)),
    "fmod": (lambda x: np.fmod(x, 0.7), lambda x: torch.fmod(x, 0.7)),
    "nan_to_num": (lambda x: np.nan_to_num(x / (x > 0)), lambda x: torch.nan_to_num(x / (x > 0))),
    "nansum": (lambda x: np.nansum(x, axis=0), lambda x: torch.nansum(x, 0)),
}  # fmt: skip


@pytest.mark.parametrize("name", PAIRS)
def test_beside_pytorch(name):
    """The value and the gradient are PyTorch's, for its function of another name."""
    ours, theirs = PAIRS[name]
    x = Tensor(INPUTS["m"])
    t = torch.tensor(INPUTS["m"], requires_grad=True)
    out, wanted = ours(x), theirs(t)
    weights = np.cos(np.arange(out.size)).reshape(out.shape)
    np.testing.assert_allclose(out.data, wanted.detach().numpy(), rtol=1e-11)
    (grad,) = torch.autograd.grad((wanted * torch.tensor(weights)).sum(), t)
    np.testing.assert_allclose(ag.gradients((out * weights).sum(), x), grad.numpy(), rtol=1e-9, atol=1e-11)


# ---- scipy.special ----------------------------------------------------------------------------------------------------

UNIT = np.array([0.1, 0.4, 0.75])
SPECIAL = {
    "erf": UNIT, "erfc": np.array([-1.0, 0.3, 5.0]), "expit": np.array([-3.0, 0.5, 40.0]), "logit": UNIT, "log_expit": UNIT, "gammaln": UNIT * 9,
    "digamma": UNIT * 9, "psi": UNIT * 9, "gamma": UNIT * 5, "ndtr": UNIT, "erfinv": UNIT, "entr": UNIT, "cbrt": UNIT, "exp2": UNIT,
    "expm1": UNIT, "log1p": UNIT,
}  # fmt: skip
OF_TWO = ("xlogy", "xlog1py", "beta", "betaln", "rel_entr", "kl_div")


@pytest.mark.parametrize("name", [*SPECIAL, *OF_TWO])
def test_functions_of_scipy_special(name):
    """scipy.special.f(node) is a node with scipy's number, its slope and the slope of that; on Values and Tensors."""
    special = pytest.importorskip("scipy.special")
    f = getattr(special, name)
    points = [SPECIAL[name]] if name in SPECIAL else [UNIT, UNIT[::-1] + 0.3]
    nodes = [Tensor(x) for x in points]
    out = f(*nodes)
    np.testing.assert_allclose(out.data, f(*points), rtol=1e-13)
    first = ag.gradients(out.sum(), nodes, create_graph=True)
    (slope,) = quotient(lambda *xs: [f(*xs)], points, [np.ones(3) for _ in points], 1e-3)
    np.testing.assert_allclose(sum(g.data for g in first), slope, rtol=1e-7, atol=1e-12)
    second = ag.gradients(sum(g.sum() for g in first), nodes)
    moved = lambda *xs: [sum(ag.gradients(f(*ts).sum(), ts)) for ts in [[Tensor(x) for x in xs]]]  # noqa: E731
    (right,) = quotient(moved, points, [np.ones(3) for _ in points], 1e-3)
    np.testing.assert_allclose(sum(second), right, rtol=1e-6, atol=1e-9)
    values = [Value(x[1]) for x in points]
    assert f(*values).data == pytest.approx(float(f(*[x[1] for x in points])), rel=1e-13)


def test_scipy_special_keeps_the_tails():
    """erfc far out keeps its digits, and so does its slope."""
    special = pytest.importorskip("scipy.special")
    x = Tensor([5.0, 10.0, 25.0])
    out = special.erfc(x)
    np.testing.assert_allclose(out.data, special.erfc(x.data), rtol=1e-12)
    np.testing.assert_allclose(
        ag.gradients(out.sum(), x), -2.0 / np.sqrt(np.pi) * np.exp(-(x.data**2)), rtol=1e-12
    )


@pytest.mark.parametrize("name", ["softmax", "logsumexp", "log_softmax", "jv"])
def test_what_scipy_special_does_not_hand_on(name):
    """Its Python functions, and ufuncs without a rule, are refused by scipy's name; where ours is there, it is named."""
    special = pytest.importorskip("scipy.special")
    t = Tensor([1.0, 2.0])
    with pytest.raises((ag.GraphError, NotImplementedError)) as caught:
        _ = special.jv(1, t) if name == "jv" else getattr(special, name)(t)
    assert ("scipy.special.jv" if name == "jv" else f"ag.{name}(") in str(caught.value)
    assert "np." not in str(caught.value).replace("np.exp", "")


# ---- Options and edges ------------------------------------------------------------------------------------------------


def test_equal_eigenvalues_are_no_fault_of_a_function_of_the_values():
    """Of the identity the sum of the logarithms of the eigenvalues, the nuclear norm and pinv have their gradients, and no NaN."""
    eye = Tensor(np.eye(3))
    np.testing.assert_allclose(
        ag.gradients(np.log(np.linalg.eigvalsh(eye)).sum(), eye), np.eye(3), atol=1e-12
    )
    np.testing.assert_allclose(ag.gradients(np.linalg.norm(eye, "nuc"), eye), np.eye(3), atol=1e-12)
    np.testing.assert_allclose(ag.gradients(np.linalg.pinv(eye).sum(), eye), -np.ones((3, 3)), atol=1e-12)
    singular = Tensor(np.diag([2.0, 0.0]))
    assert np.isfinite(ag.gradients(np.linalg.norm(singular, "nuc"), singular)).all()


def test_float32_is_kept():
    """Compositions of float32 numbers are float32, and so are their gradients."""
    calls = {
        name: CALLS[name][0]
        for name in (
            "vstack",
            "pad",
            "nanmean",
            "median",
            "interp",
            "cross",
            "kron",
            "diff",
            "cov",
            "ptp",
            "gradient",
        )
    }
    for name, call in calls.items():
        nodes = [Tensor(x.astype("f")) for x in inputs_of(call)]
        out = call(*nodes)
        if name != "interp":
            assert out.dtype == np.float32, name
        out.sum().backward()
        assert all(x.grad is None or x.grad.dtype == np.float32 for x in nodes), name


def test_values_go_in_too():
    """Values and lists of Values are what arrays are to the functions of NumPy."""
    a, b = Value(2.0), Value(3.0)
    assert ag.gradients(ag.vstack([[a, b], [1.0, 2.0]]).sum(), a) == 1.0
    with pytest.raises(ag.GraphError, match=r"write ag.vstack\(\[\[a, b\]"):
        np.vstack([[a, b], [1.0, 2.0]])  # NumPy looks for nodes in a list, not in its lists
    assert ag.gradients(ag.median([a, b, 1.0]), a) == 1.0
    assert type(np.fmax(a, b)) is Value
    assert type(np.cbrt(a)) is Value
    assert type(np.trunc(a)) is Value
    assert ag.convolve([a, b], [1.0, 1.0]).data.tolist() == [2.0, 5.0, 3.0]


@pytest.mark.parametrize(
    "call",
    [
        lambda t: np.sum(t, dtype=int), lambda t: np.var(t, where=[True, False, True]), lambda t: np.exp(t, where=[True, False, True]),
        lambda t: np.quantile(t, 0.5, weights=t), lambda t: np.histogram(t), lambda t: np.interp(t, t, t, period=2.0),
        lambda t: np.std(t, mean=1.0), lambda t: np.linspace(t, 1.0, 3, retstep=True),
    ],
)  # fmt: skip
def test_an_option_that_we_lack_is_refused(call):
    """NotImplementedError with NumPy's name of the function, and of the option."""
    with pytest.raises(NotImplementedError, match=r"np\."):
        call(Tensor([1.0, 2.0, 3.0]))


def test_reductions_over_what_is_chosen():
    """where= and initial= of sum, prod, max, min and mean; a max of what is chosen needs an initial."""
    t = Tensor([1.0, -2.0, 3.0])
    with pytest.raises(ValueError, match="initial"):
        np.max(t, where=[True, False, True])
    np.testing.assert_array_equal(ag.gradients(np.mean(t, where=[True, False, True]), t), [0.5, 0.0, 0.5])


EDGES = {
    "fmod at a multiple": (lambda x: np.fmod(x, 3.0), [6.0, -6.0, 0.0], [1.0, 1.0, 1.0]),
    "cbrt at 0": (lambda x: np.cbrt(x), [0.0, -8.0], [np.inf, 1.0 / 12.0]),
    "modf of infinity": (lambda x: np.modf(x)[0], [np.inf, 1.5, -2.5], [0.0, 1.0, 1.0]),
    "nanmax of NaN alone": (lambda x: np.nanmax(x.reshape(2, 2), axis=1), [np.nan, np.nan, 1.0, 3.0], [0.0, 0.0, 0.0, 1.0]),
    "fmax beside NaN": (lambda x: np.fmax(x, 2.0), [np.nan, 1.0, 3.0], [0.0, 0.0, 1.0]),
    "nansum": (lambda x: np.nansum(x), [np.nan, 1.0], [0.0, 1.0]),
    "cummax of equal numbers": (lambda x: np.maximum.accumulate(x), [1.0, 1.0], [1.5, 0.5]),
    "median of an even number": (lambda x: np.median(x), [1.0, 3.0, 2.0, 9.0], [0.0, 0.5, 0.5, 0.0]),
    "trunc": (lambda x: np.trunc(x), [1.5, -1.5], [0.0, 0.0]),
    "nan_to_num": (lambda x: np.nan_to_num(x), [np.nan, np.inf, 2.0], [0.0, 0.0, 1.0]),
    "interp on a knot": (lambda x: np.interp(x, [0.0, 1.0, 2.0], [0.0, 1.0, 5.0]), [1.0, 0.0], [4.0, 1.0]),
    "norm of zeros, nuclear": (lambda x: np.linalg.norm(x.reshape(2, 2), "nuc"), [0.0] * 4, [1.0, 0.0, 0.0, 1.0]),
}  # fmt: skip


@pytest.mark.parametrize("name", EDGES)
def test_awkward_points(name):
    """The value is NumPy's where kinks, NaN and infinities are; the gradient is written down here."""
    f, x, slope = EDGES[name]
    t = Tensor(x)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = f(np.array(x))
    np.testing.assert_allclose(f(t).data, wanted, rtol=1e-14)
    np.testing.assert_allclose(ag.gradients(f(t).sum(), t), slope, rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize(
    ("call", "kind", "text"),
    [
        (lambda t: np.linalg.eigh(t[:2]), ag.ShapeError, "eigh: a square matrix is needed, got shape (2, 3)"),
        (lambda t: np.linalg.svd(t[0]), ag.ShapeError, "svd: a matrix is needed, got shape (3,)"),
        (lambda t: np.linalg.pinv(t[0]), ag.ShapeError, "pinv: a matrix is needed"),
        (lambda t: np.convolve(t[0], t[1], mode="x"), ValueError, "convolve: mode must be 'full', 'same', 'valid', got 'x'"),
        (lambda t: np.interp(0.5, t[0], t[0, :2]), ag.ShapeError, "interp: xp and fp must be vectors of one length, got (3,) and (2,)"),
        (lambda t: np.cross(t[0, :2], t[1, :2]), ag.ShapeError, "cross: vectors of three numbers"),
        (lambda t: np.linalg.norm(t, 3), ValueError, "norm: for a matrix ord is"),
        (lambda t: np.linalg.svd(t[:2]), NotImplementedError, "full_matrices=False"),
        (lambda t: np.pad(t, 1, mode="mean"), NotImplementedError, "pad: mode 'mean' has no rule"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_named(call, kind, text):
    """The function that was called, what it needs, and what it got."""
    with pytest.raises(kind) as caught:
        call(Tensor(np.eye(3)))
    assert text in str(caught.value)


def test_too_few_numbers_have_no_variance():
    """nanvar and nanstd of nothing, and of one number with ddof=1, are NaN, as NumPy's."""
    t = Tensor([[np.nan, np.nan], [1.0, np.nan], [1.0, 3.0]])
    np.testing.assert_array_equal(np.nanvar(t, axis=1, ddof=1).data, [np.nan, np.nan, 2.0])
    np.testing.assert_allclose(np.nanstd(t, axis=1).data, [np.nan, 0.0, 1.0])


def test_no_warning_escapes():
    """Means of nothing, 0/0 and infinities give NaN in silence, as everywhere."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(np.nanmean(Tensor([np.nan])).data)
        assert np.isnan(np.corrcoef(Tensor([1.0, 1.0]), Tensor([1.0, 2.0])).data).any()


def test_scatter_add_and_the_joiners():
    """ag.scatter_add adds up repeated places; ag.c_ and ag.r_ are np.c_ and np.r_ for nodes."""
    x, v = Tensor([1.0, 2.0, 3.0]), Tensor([10.0, 20.0])
    out = ag.scatter_add(x, [0, 0], v)
    np.testing.assert_array_equal(out.data, [31.0, 2.0, 3.0])
    np.testing.assert_array_equal(ag.gradients((out * [1.0, 2.0, 3.0]).sum(), v), [1.0, 1.0])
    np.testing.assert_array_equal(ag.c_[x, x * 2.0].data, np.c_[x.data, x.data * 2.0])
    np.testing.assert_array_equal(ag.r_[x, 7.0, 0:2].data, np.r_[x.data, 7.0, 0:2])
