"""Random graphs over the whole table, against PyTorch to second order: `python -m tests.fuzz 50000 --seed 0`.

A *program* is a list of steps, each a line of Python that makes a result of earlier ones: one line for us, one for PyTorch. Its
leaves are arrays of several shapes, with zeros and equal numbers among them, and Values; it runs in float64 or float32. Compared
are the value, the gradients by both readings (plain, and as a graph) and the gradients of these. How far two right answers may
lie apart is measured: PyTorch runs once more in float64 with every intermediate result changed by a relative 1e-9, equal numbers
alike; what moves by more than it should is not judged. What cancels inside one of its derivatives, as in the second one of the
deviation of near numbers, shows in a run in float32. A disagreement is printed as a program that reproduces it.
"""

import argparse
import collections
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

import autograd_mini as ag
from tests.helpers.peers import torch

SHAPES: list[tuple[int, ...]] = [(), (1,), (3,), (1, 3), (3, 1), (3, 3), (2, 3, 3), (2, 1, 3)]
NOISE, LARGE, JUMP = 1e-9, 50.0, 1e-4
ROUGH = float(np.finfo("float32").eps)


def deviation(x: Any, axis: Any, ddof: int) -> Any:
    """PyTorch's standard deviation by way of a norm: the second derivative of torch.std cancels for near numbers."""
    away = x - x.mean(axis, keepdim=True)
    count = x.numel() // away.sum(axis).numel() if x.numel() else 0
    return torch.linalg.vector_norm(away, dim=axis) / max(count - ddof, 0) ** 0.5


NAMES: dict[str, Any] = {"ag": ag, "np": np, "torch": torch, "deviation": deviation}

# ---- The operations: ours, and PyTorch's -------------------------------------------------------------------------------

SAME_NAME = """
    abs ceil cos erf exp floor log_sigmoid=nn.functional.logsigmoid negative positive relu round sign sin
    silu=nn.functional.silu square arctan arcsinh expm1 cosh sinh
    leaky_relu=nn.functional.leaky_relu gelu=nn.functional.gelu
""".split()  # noqa: SIM905
OPERATIONS: list[tuple[str, str]] = [
    *(
        (f"ag.{name.partition('=')[0]}(x)", f"torch.{name.partition('=')[2] or name}(x)")
        for name in SAME_NAME
    ),
    # PyTorch's own derivatives lose their digits in the tails, its softplus is cut off at 20
    ("ag.sigmoid(x)", "1.0 / (1.0 + torch.exp(-x))"),
    ("ag.tanh(x)", "2.0 / (1.0 + torch.exp(-2.0 * x)) - 1.0"),
    ("ag.softplus(x)", "torch.nn.functional.softplus(x, threshold=600.0)"),
    ("ag.tan(0.3 * ag.sin(x))", "torch.tan(0.3 * torch.sin(x))"),
    ("ag.arcsin(0.9 * ag.sin(x))", "torch.arcsin(0.9 * torch.sin(x))"),
    ("ag.arccos(0.9 * ag.cos(x))", "torch.arccos(0.9 * torch.cos(x))"),
    ("ag.arctanh(0.8 * ag.tanh(x))", "torch.arctanh(0.8 * torch.tanh(x))"),
    ("ag.arccosh(x * x + 1.5)", "torch.arccosh(x * x + 1.5)"),
    ("ag.log(x * x + 0.3)", "torch.log(x * x + 0.3)"),
    ("ag.log1p(x * x)", "torch.log1p(x * x)"),
    ("ag.log2(ag.abs(x) + 0.5)", "torch.log2(torch.abs(x) + 0.5)"),
    ("ag.log10(ag.exp(x) + 0.5)", "torch.log10(torch.exp(x) + 0.5)"),
    ("ag.sqrt(x * x + 0.2)", "torch.sqrt(x * x + 0.2)"),
    ("ag.cbrt(x * x + 0.5)", "(x * x + 0.5) ** (1 / 3)"),
    ("ag.reciprocal(x * x + 0.5)", "torch.reciprocal(x * x + 0.5)"),
    ("ag.sinc(x * x + 0.5)", "torch.sinc(x * x + 0.5)"),  # near 0 PyTorch's derivatives cancel
    ("ag.elu(x + 0.1)", "torch.nn.functional.elu(x + 0.1)"),  # at 0 the second derivative is a convention
    ("ag.sech2(x)", "1.0 / torch.cosh(x) ** 2"),
    ("ag.logistic(x)", "torch.sigmoid(x) * torch.sigmoid(-x)"),
    ("ag.normal_cdf(x)", "torch.special.ndtr(x)"),
    ("ag.normal_pdf(x)", "torch.exp(-0.5 * x * x) * 0.3989422804014327"),
    ("ag.gelu(x, 'tanh')", "torch.nn.functional.gelu(x, approximate='tanh')"),
    ("ag.clip(x, -0.5, 1.0)", "torch.clamp(x, -0.5, 1.0)"),
    ("ag.clip(x, None, 0.7)", "torch.clamp(x, max=0.7)"),
    ("ag.power(x, 2)", "x ** 2"),
    ("x ** 3", "x ** 3"),
    ("(x * x + 0.5) ** -0.7", "(x * x + 0.5) ** -0.7"),
    ("ag.power(ag.abs(x) + 0.4, y + 0.3)", "torch.pow(torch.abs(x) + 0.4, y + 0.3)"),
    ("1.7 ** x", "1.7 ** x"),
    ("0.6 * x", "0.6 * x"),
    ("1.5 - x", "1.5 - x"),
    ("-x", "-x"),
    ("ag.add(x, y)", "torch.add(x, y)"),
    ("x + y", "x + y"),
    ("ag.subtract(x, y)", "torch.sub(x, y)"),
    ("ag.multiply(x, y)", "torch.mul(x, y)"),
    ("x * y", "x * y"),
    ("ag.divide(x, y * y + 0.7)", "torch.div(x, y * y + 0.7)"),
    ("2.0 / (1.0 + y * y)", "2.0 / (1.0 + y * y)"),
    ("ag.remainder(x, 2.0)", "torch.remainder(x, 2.0)"),
    ("ag.remainder(x, y * y + 0.75)", "torch.remainder(x, y * y + 0.75)"),
    ("ag.maximum(x, y)", "torch.maximum(x, y)"),
    ("ag.minimum(x, y)", "torch.minimum(x, y)"),
    ("ag.hypot(x, y + 3.0)", "torch.hypot(x, y + 3.0)"),
    ("ag.arctan2(x + 0.1, y + 0.35)", "torch.atan2(x + 0.1, y + 0.35)"),
    ("ag.logaddexp(x, y)", "torch.logaddexp(x, y)"),
    ("ag.xlogy(x, y * y + 0.4)", "torch.xlogy(x, y * y + 0.4)"),
    ("ag.where(x.data > 0.25, x, y)", "torch.where(x > 0.25, x, y)"),
    ("ag.squared_error(x, y)", "(x - y) ** 2"),
    ("ag.sigmoid_cross_entropy(x, ag.sigmoid(y))", "torch.nn.functional.binary_cross_entropy_with_logits(*torch.broadcast_tensors(x, torch.sigmoid(y)), reduction='none')"),
    ("ag.nn.mse(x, y)", "((x - y) ** 2).mean()"),
    ("ag.nn.mae(x, y)", "torch.nn.functional.l1_loss(x, y)"),
    ("ag.nn.huber(x, y + 0.13)", "torch.nn.functional.huber_loss(x, y + 0.13)"),
    ("ag.nn.binary_cross_entropy(0.5 + 0.4 * ag.sin(x), ag.sigmoid(y))", "-(torch.sigmoid(y) * torch.log(0.5 + 0.4 * torch.sin(x)) + torch.sigmoid(-y) * torch.log(0.5 - 0.4 * torch.sin(x))).mean()"),
    # reductions
    *(
        (f"ag.{ours}({'x + 0.3' if ours == 'norm' else 'x'}{axis and ', axis=' + axis}{', keepdims=True' if keep else ''})", f"torch.{theirs}({'x + 0.3' if ours == 'norm' else 'x'}{', dim=' + (axis or 'ALL')}{', keepdim=True' if keep else ''})")
        for ours, theirs in [
            ("sum", "sum"), ("mean", "mean"), ("max", "amax"), ("min", "amin"), ("logsumexp", "logsumexp"), ("norm", "linalg.vector_norm"),
        ]
        for axis in ("", "0", "-1", "(0, 1)")
        for keep in (False, True)
        if not (ours == "norm" and not axis) and not (ours == "norm" and axis == "(0, 1)")
    ),
    *((f"ag.var(x, {axis}, ddof={ddof})", f"torch.var(x, dim={axis}, correction={ddof})") for axis in ("0", "-1", "(0, 1)") for ddof in (0, 1)),
    *((f"ag.std(x, {axis}, ddof={ddof})", f"deviation(x, {axis}, {ddof})") for axis in ("0", "-1", "(0, 1)") for ddof in (0, 1)),
    ("ag.norm(x, 3, -1)", "torch.linalg.vector_norm(x, 3, dim=-1)"),
    ("ag.norm(x, 1, -1)", "torch.linalg.vector_norm(x, 1, dim=-1)"),
    ("ag.norm(x, np.inf, -1)", "torch.linalg.vector_norm(x, np.inf, dim=-1)"),
    ("ag.norm(x, 1.5, 0)", "torch.linalg.vector_norm(x, 1.5, dim=0)"),
    ("ag.prod(x, -1)", "torch.prod(x, -1)"),
    ("ag.prod(x)", "torch.prod(x)"),
    ("ag.cumsum(x, -1)", "torch.cumsum(x, -1)"),
    ("ag.cumprod(x, 0)", "torch.cumprod(x, 0)"),
    ("ag.softmax(x, -1)", "torch.softmax(x, -1)"),
    ("ag.softmax(x, 0)", "torch.softmax(x, 0)"),
    ("ag.log_softmax(x, -1)", "torch.log_softmax(x, -1)"),
    ("ag.softmax_cross_entropy(x, ag.softmax(y, -1))", "-(torch.softmax(y, -1) * torch.log_softmax(x, -1)).sum(-1)"),
    ("ag.nn.cross_entropy(x, [0, 2, 0])", "torch.nn.functional.cross_entropy(x, torch.tensor([0, 2, 0]))"),
    ("ag.nn.nll(ag.log_softmax(x), [1, 1, 2])", "torch.nn.functional.nll_loss(torch.log_softmax(x, -1), torch.tensor([1, 1, 2]))"),
    # products
    ("x @ y", "x @ y"),
    ("ag.matmul(x, y)", "torch.matmul(x, y)"),
    ("ag.linear(x, y, y[0])", "x @ y + y[0]"),
    ("ag.dot(x, y)", "torch.matmul(x, y)"),
    ("ag.outer(x, y)", "torch.outer(x.reshape(-1), y.reshape(-1))"),
    ("ag.einsum('...i,...i->...', x, y)", "torch.einsum('...i,...i->...', x, y)"),
    ("ag.einsum('...ii->...i', x)", "torch.einsum('...ii->...i', x)"),
    ("ag.einsum('ij,kj->ik', x, y)", "torch.einsum('ij,kj->ik', x, y)"),
    ("ag.tensordot(x, y, 1)", "torch.tensordot(x, y, 1)"),
    ("ag.solve(0.2 * x + 3.0 * np.eye(3), y)", "torch.linalg.solve(0.2 * x + 3.0 * torch.eye(3), y)"),
    ("ag.inv(0.2 * x + 3.0 * np.eye(3))", "torch.linalg.inv(0.2 * x + 3.0 * torch.eye(3))"),
    ("ag.det(0.3 * x + np.eye(3))", "torch.linalg.det(0.3 * x + torch.eye(3))"),
    ("ag.slogdet(0.2 * x + 3.0 * np.eye(3))[1]", "torch.linalg.slogdet(0.2 * x + 3.0 * torch.eye(3))[1]"),
    # shapes, views
    ("ag.reshape(x, -1)", "torch.reshape(x, (-1,))"),
    ("ag.reshape(x, (3, -1))", "torch.reshape(x, (3, -1))"),
    ("x.T", "x.permute(*reversed(range(x.ndim)))"),
    ("ag.transpose(x, (1, 0, 2))", "torch.permute(x, (1, 0, 2))"),
    ("ag.swapaxes(x, 0, -1)", "torch.swapaxes(x, 0, -1)"),
    ("ag.moveaxis(x, 0, -1)", "torch.moveaxis(x, 0, -1)"),
    ("ag.expand_dims(x, 0)", "torch.unsqueeze(x, 0)"),
    ("ag.squeeze(x)", "torch.squeeze(x)"),
    ("ag.broadcast_to(x, (2, 3, 3))", "torch.broadcast_to(x, (2, 3, 3))"),
    ("ag.broadcast_to(x, (3, 3))", "torch.broadcast_to(x, (3, 3))"),
    ("ag.concatenate([x, y, x], -1)", "torch.cat([x, y, x], -1)"),
    ("ag.stack([x, y])", "torch.stack([x, y])"),
    ("ag.split(x, 3, -1)[1]", "torch.split(x, 1, -1)[1]"),
    ("ag.pad(x, 1)", "torch.nn.functional.pad(x, (1, 1) * x.ndim)"),
    ("ag.tile(x, (2, 1))", "torch.tile(x, (2, 1))"),
    ("ag.repeat(x, 2, 0)", "torch.repeat_interleave(x, 2, 0)"),
    ("ag.flip(x, -1)", "torch.flip(x, (-1,))"),
    ("ag.roll(x, 1, 0)", "torch.roll(x, 1, 0)"),
    ("ag.tril(x)", "torch.tril(x)"),
    ("ag.triu(x, 1)", "torch.triu(x, 1)"),
    # elements
    ("x[[0, 0, 2]]", "x[[0, 0, 2]]"),
    ("x[..., 1]", "x[..., 1]"),
    ("x[..., ::-1]", "torch.flip(x, (-1,))"),
    ("x[:, None, [1, 1]]", "x[:, None, [1, 1]]"),
    ("x[[0, -1, 0], [1, 2, 1]]", "x[[0, -1, 0], [1, 2, 1]]"),
    ("ag.getitem(x, x.data > 0)", "x[x > 0]"),
    ("ag.index_update(x, [0, 2], y)", "torch.index_put(x, (torch.tensor([0, 2]),), y)"),
    ("ag.scatter(x, (4,), [1, 1, 3])", "torch.zeros(4, dtype=x.dtype).index_add(0, torch.tensor([1, 1, 3]), x)"),
    ("ag.take_along_axis(x, np.array([[0, 0], [2, 1], [1, 1]]), 1)", "torch.gather(x, 1, torch.tensor([[0, 0], [2, 1], [1, 1]]))"),
    ("ag.sort(x)", "torch.sort(x, dim=-1, stable=True)[0]"),
    ("ag.diagonal(x, 0, -2, -1)", "torch.diagonal(x, 0, -2, -1)"),
    ("ag.diag(x)", "torch.diag(x)"),
    ("ag.trace(x)", "torch.trace(x)"),
    ("ag.to_value(x, (0,) * len(x.shape))", "x[(0,) * x.ndim]"),
    ("ag.Tensor([ag.to_value(v) for v in x])", "x.reshape(-1)"),
]  # fmt: skip


@dataclass(frozen=True)
class Operation:
    ours: str
    torch: str

    @property
    def arity(self) -> int:
        return 2 if _reads("y", self.ours) else 1

    def compiled(self, line: str) -> Callable[[Any, Any], Any]:
        return eval(f"lambda x, y: {line}", NAMES)  # type: ignore[no-any-return]


def _reads(name: str, line: str) -> bool:
    return name in compile(line, "line", "eval").co_names


TABLE = [
    Operation(ours, theirs.replace(", dim=ALL", ", dim=tuple(range(x.ndim))")) for ours, theirs in OPERATIONS
]
OURS = [operation.compiled(operation.ours) for operation in TABLE]
THEIRS = [operation.compiled(operation.torch) for operation in TABLE]


def fits(line: str, x: Any, y: Any) -> bool:
    """Whether these operands are such as both of us take alike: losses never broadcast, a single number has no axis."""
    if any(
        f"{loss}(" in line
        for loss in ("mse", "mae", "huber", "binary_cross_entropy", "softmax_cross_entropy")
    ):
        return bool(x.shape == y.shape and x.ndim)
    if "ag.std(" in line and x.ndim:  # of what is equal up to rounding the slope is one of either sign, or 0
        axis = 0 if "std(x, 0" in line else -1
        spread = x.amax(axis) - x.amin(axis) if "std(x)" not in line else x.max() - x.min()
        if bool((spread < 1e-9).any()):
            return False
    if "tensordot" in line:  # PyTorch stretches what NumPy refuses
        return bool(x.ndim and y.ndim and x.shape[-1] == y.shape[0])
    if "dot(x, y)" in line or "linear" in line:
        return bool(0 < x.ndim <= 2 and 0 < y.ndim <= 2 and (y.ndim == 2 or "linear" not in line))
    if "to_value(v)" in line or "ag.scatter" in line:
        return bool(x.ndim == 1)
    if "take_along_axis" in line or "x[[" in line:
        return bool(x.ndim and x.shape[0] == 3)
    if "split" in line:
        return bool(x.ndim and x.shape[-1] == 3)
    if "solve" in line and y.ndim == x.ndim - 1:
        return False  # a stack of vectors to PyTorch, a matrix to NumPy
    if "(0, 1)" in line or "nn." in line:
        return bool(x.ndim >= 2)
    return bool(x.ndim) or not any(
        word in line
        for word in (
            "axis=",
            ", 0",
            ", -1",
            "[",
            "sort",
            "std",
            "var",
            "softmax",
            ".T",
            "tril",
            "triu",
            "pad",
        )
    )


@dataclass
class Program:
    """Leaves, and steps (operation, the places of its operands); its value is a weighted sum of the results nobody read."""

    seed: tuple[int, int]
    dtype: str
    leaves: list[np.ndarray]
    values: list[bool]  # whether a leaf is a Value
    steps: list[tuple[int, int, int]]

    @property
    def ends(self) -> list[int]:
        count = len(self.leaves)
        read = {place for operation, *places in self.steps for place in places[: TABLE[operation].arity]}
        return [i for i in range(count, count + len(self.steps)) if i not in read]

    def weights(self, shape: tuple[int, ...], place: int) -> np.ndarray:
        return np.asarray(np.cos(np.arange(float(np.prod(shape))) + place + 0.5)).reshape(shape)

    def listing(self) -> str:
        """The program for us and for PyTorch, to be run as it is."""
        lines = [
            "import numpy as np, torch, autograd_mini as ag",
            "torch.set_default_dtype(torch.float64)",
            "",
        ]
        for who in ("ours", "torch"):
            made = []
            for i, (data, value) in enumerate(zip(self.leaves, self.values, strict=True)):
                array = f"np.array({data.tolist()}, dtype='{data.dtype}')"
                ours = f"ag.Value({data.item()!r})" if value else f"ag.Tensor({array})"
                made.append(f"v{i} = {ours if who == 'ours' else f'torch.tensor({array}).requires_grad_()'}")
            for i, (operation, a, b) in enumerate(self.steps, len(self.leaves)):
                line = getattr(TABLE[operation], who)
                made.append(f"v{i} = (lambda x, y: {line})(v{a}, v{b})")
            leaves = ", ".join(f"v{i}" for i in range(len(self.leaves)))
            terms = " + ".join(
                f"(v{i} * np.cos(np.arange(float(np.prod(v{i}.shape))) + {i}.5).reshape(v{i}.shape)).sum()"
                for i in self.ends
            )
            made.append(
                f"loss = {terms if who == 'ours' else terms.replace('np.cos', 'torch.tensor(np.cos').replace('.shape)).sum', '.shape))).sum')}"
            )
            made.append(
                f"print(loss, ag.gradients(loss, [{leaves}], create_graph=True, allow_unused=True))"
                if who == "ours"
                else f"print(loss, torch.autograd.grad(loss, [{leaves}], create_graph=True, allow_unused=True))"
            )
            lines += made
        return "\n".join(lines)


# ---- Running -----------------------------------------------------------------------------------------------------------


EXACT = (
    "abs(",
    "relu(",
    "reshape",
    "[",
    "-x",
    "negative",
    "positive",
    ".T",
    "transpose",
    "swapaxes",
    "moveaxis",
    "expand_dims",
    "squeeze",
)


def disturbed(x: Any, noise: float, line: str = "") -> Any:
    """Each number changed by a relative 1e-9. Equal leaves stay equal, and what is read from them exactly is left as it is.

    Numbers that are equal after rounding need not be so for us: they are drawn apart, and a choice between them is not judged.
    """
    if line.startswith(tuple(f"{start}{word}" for word in EXACT for start in ("ag.", "x", ""))):
        return x
    with torch.no_grad():
        place = torch.arange(x.numel()).reshape(x.shape) if line else 0.0
        factor = 1.0 + noise * torch.sin(1e15 * x + place)
    return x * factor


def by_torch(program: Program, dtype: Any, noise: float = 0.0) -> tuple[Any, list[Any]]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        return _by_torch(program, dtype, noise)
    finally:
        torch.set_default_dtype(before)


def _by_torch(program: Program, dtype: Any, noise: float) -> tuple[Any, list[Any]]:
    leaves = [torch.tensor(np.array(x), dtype=dtype).requires_grad_() for x in program.leaves]
    results = [disturbed(x, noise) if noise else x for x in leaves]
    for operation, a, b in program.steps:
        out = THEIRS[operation](results[a], results[b])
        results.append(disturbed(out, noise, TABLE[operation].ours) if noise else out)
    loss: Any = 0.0
    for i in program.ends:
        loss = (
            loss + (results[i] * torch.tensor(program.weights(tuple(results[i].shape), i), dtype=dtype)).sum()
        )
    found = [loss.detach().numpy()]
    level, variables = loss, leaves
    for _ in range(2):
        if not level.requires_grad:
            grads = [torch.zeros_like(x) for x in variables]
        else:
            grads = torch.autograd.grad(level, variables, create_graph=True, allow_unused=True)
            grads = [torch.zeros_like(x) if g is None else g for x, g in zip(variables, grads, strict=True)]
        found += [g.detach().numpy() for g in grads]
        level = sum(
            (g * torch.tensor(program.weights(tuple(g.shape), i), dtype=dtype)).sum()
            for i, g in enumerate(grads)
        )
    return loss, found


def by_torch_roughly(program: Program, otherwise: list[Any]) -> list[Any]:
    """The same in float32, where its own rounding can be seen; the numbers given, where it refuses that or overflows."""
    try:
        found = by_torch(program, torch.float32)[1]
    except RuntimeError:
        return otherwise
    return [np.where(np.isfinite(low), low, right) for low, right in zip(found, otherwise, strict=True)]


def by_us(program: Program) -> tuple[list[Any], list[Any]]:
    """The value and the gradients of both orders as graphs; and the plain gradients."""
    leaves = [
        ag.Value(x.item()) if value else ag.Tensor(x)
        for x, value in zip(program.leaves, program.values, strict=True)
    ]
    results: list[Any] = list(leaves)
    for operation, a, b in program.steps:
        results.append(OURS[operation](results[a], results[b]))
    loss: Any = 0.0
    for i in program.ends:
        loss = loss + ag.sum(results[i] * program.weights(results[i].shape, i).astype(results[i].dtype))
    found, level = [np.asarray(loss.data)], loss
    plain = ag.gradients(loss, leaves, allow_unused=True)
    for _ in range(2):
        grads = ag.gradients(level, leaves, create_graph=True, allow_unused=True)
        found += [np.asarray(g.data) for g in grads]
        level = 0.0
        for i, g in enumerate(grads):
            level = level + ag.sum(g * program.weights(g.shape, i).astype(g.dtype))
    return found, plain


def grown(seed: tuple[int, int]) -> Program:
    """The program of a seed: what PyTorch refuses, what overflows and what is empty is left out."""
    rng = np.random.default_rng(seed)
    dtype = "float32" if rng.random() < 0.15 else "float64"
    leaves, values = [], []
    for _ in range(rng.integers(1, 4)):
        shape = SHAPES[rng.integers(len(SHAPES))]
        tied = rng.random() < 0.4
        data = (
            rng.choice([-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0], shape)
            if tied
            else rng.uniform(-1.8, 1.8, shape)
        )
        leaves.append(np.asarray(data, dtype))
        values.append(shape == () and dtype == "float64" and bool(rng.random() < 0.6))
    program = Program(seed, dtype, leaves, values, [])
    results = [torch.tensor(np.array(x)) for x in leaves]
    for _ in range(rng.integers(1, 9)):
        for _ in range(30):
            operation, (a, b) = int(rng.integers(len(TABLE))), map(int, rng.integers(len(results), size=2))
            if rng.random() < 0.5:
                a = len(results) - 1
            if not fits(TABLE[operation].ours, results[a], results[b]):
                continue
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    out = THEIRS[operation](results[a], results[b])
            except (RuntimeError, IndexError, TypeError, ValueError, AttributeError):
                continue
            if (
                out.numel() == 0
                or out.numel() > 200
                or not torch.isfinite(out).all()
                or out.abs().max() > LARGE
            ):
                continue
            program.steps.append((operation, a, b))
            results.append(out)
            break
    return program


@dataclass
class Disagreement:
    program: Program
    what: str
    got: Any
    wanted: Any

    @property
    def kind(self) -> str:
        return f"{self.what.partition(':')[0]} of {', '.join(sorted({TABLE[o].ours for o, _, _ in self.program.steps}))}"

    def __str__(self) -> str:
        return f"# seed {self.program.seed}: {self.what}\n# ours   {self.got}\n# PyTorch {self.wanted}\n{self.program.listing()}\n"


def tried(program: Program) -> tuple[Disagreement | None, str]:
    """A disagreement or none, and how it went: agreed, not judged, theirs not finite, refused."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            loss, wanted = by_torch(program, torch.float64)
            moved = [by_torch(program, torch.float64, noise)[1] for noise in (NOISE, -NOISE)]
        except RuntimeError:
            return None, "refused by PyTorch"
        rough = by_torch_roughly(program, wanted)
    try:
        found, plain = by_us(program)
    except Exception as error:
        return Disagreement(
            program, f"error: {type(error).__name__}: {str(error)[:200]}", None, loss.item()
        ), "error"
    count, eps = len(program.leaves), float(np.finfo(program.dtype).eps)
    verdict = "agreed"
    for i, (got, right, low, up, down) in enumerate(zip(found, wanted, rough, *moved, strict=True)):
        what = (
            "value" if i == 0 else f"gradient {i - 1}" if i <= count else f"second gradient {i - 1 - count}"
        )
        if got.shape != right.shape:
            return Disagreement(program, f"{what}: shape", got.shape, right.shape), "shape"
        with np.errstate(all="ignore"):
            size = np.abs(right).max(initial=0.0) + 1.0
            change = np.maximum(np.abs(up - right), np.abs(down - right))
            room = eps * (
                400.0 * (change / NOISE + size) + 20.0 * np.minimum(np.abs(low - right), size) / ROUGH
            )
            judged = np.isfinite(right) & np.isfinite(change) & (change < JUMP * size)
            wrong = judged & ~(np.abs(got - right) <= room)
        if wrong.any():
            return Disagreement(program, f"{what}: number", got.tolist(), right.tolist()), "number"
        if not np.isfinite(right).all():
            verdict = "theirs not finite"
        elif not judged.all() and verdict == "agreed":
            verdict = "ill-conditioned in part"
        if 1 <= i <= count:
            leaf = np.asarray(plain[i - 1])
            same = np.isfinite(leaf) == np.isfinite(got)
            with np.errstate(all="ignore"):
                apart = judged & ~(np.abs(leaf - got) <= room)
            if not same.all() or apart.any():
                return Disagreement(
                    program, f"plain {what}: another number than as a graph", leaf.tolist(), got.tolist()
                ), "readings"
            wide = "float64" if program.values[i - 1] else program.dtype
            if got.dtype != wide or leaf.dtype != wide:
                return Disagreement(program, f"{what}: dtype", (got.dtype, leaf.dtype), wide), "dtype"
    return None, verdict


def shrunk(found: Disagreement) -> Disagreement:
    """The same kind of disagreement by fewer steps, where leaving some out keeps it."""
    smaller = True
    while smaller:
        smaller = False
        for i in reversed(range(len(found.program.steps))):
            place = len(found.program.leaves) + i
            steps = found.program.steps[:i] + found.program.steps[i + 1 :]
            if any(place in step[1:] for step in steps):
                continue
            steps = [(o, *(p - (p > place) for p in places)) for o, *places in steps]  # type: ignore[misc]
            old = found.program
            less, _ = (
                tried(Program(old.seed, old.dtype, old.leaves, old.values, steps)) if steps else (None, "")
            )
            if less and less.what.partition(":")[0][:5] == found.what.partition(":")[0][:5]:
                found, smaller = less, True
                break
    return found


def run(count: int, seed: int) -> Iterator[tuple[Disagreement | None, str]]:
    for i in range(count):
        yield tried(grown((seed, i)))


def main() -> int:
    parser = argparse.ArgumentParser(description="random graphs against PyTorch")
    parser.add_argument("count", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--show", type=int, default=20, help="how many disagreements are printed in full")
    options = parser.parse_args()
    verdicts: collections.Counter[str] = collections.Counter()
    kinds: dict[str, Disagreement] = {}
    for found, verdict in run(options.count, options.seed):
        verdicts[verdict] += 1
        if found:
            less = shrunk(found)
            if less.kind not in kinds and len(kinds) < options.show:
                print(f"## {less.kind}\n{less}", flush=True)
            kinds[less.kind] = less
    print(dict(verdicts))
    return 1 if kinds else 0


if __name__ == "__main__":
    sys.exit(main())
