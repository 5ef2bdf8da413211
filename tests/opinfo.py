"""PyTorch's own samples for every operation that both have, to second order: `python -m tests.opinfo`.

The samples come from a private module of PyTorch (torch.testing._internal), so this is a command and no test. Numbers, gradients
and their gradients are compared; a sample with an option that we do not have is counted as such; where PyTorch gives NaN or
infinity nothing is compared. What differs is printed with the operation, the sample and both numbers.
"""

import argparse
import collections
import sys
import warnings
from typing import Any

import numpy as np
import torch
from torch.testing._internal.common_methods_invocations import op_db

import autograd_mini as ag

RENAMED = {"dim": "axis", "keepdim": "keepdims", "correction": "ddof", "dims": "axis"}
SAME: list[str] = """
    abs ceil cos cosh erf exp expm1 floor log log1p log2 log10 round sigmoid sign sin sinc sinh sqrt square tan tanh reciprocal
    acos=arccos acosh=arccosh asin=arcsin asinh=arcsinh atan=arctan atanh=arctanh atan2=arctan2 neg=negative positive
    add sub=subtract mul=multiply div=divide true_divide=divide remainder hypot logaddexp xlogy maximum minimum pow=power __rpow__
    special.xlogy=xlogy special.ndtr=normal_cdf special.entr amax=max amin=min sum mean prod logsumexp softmax log_softmax
    cumsum cumprod matmul __rmatmul__ mm=matmul bmm=matmul mv=matmul dot inner outer linalg.det=det linalg.inv=inv linalg.solve=solve
    linalg.slogdet=slogdet linalg.vector_norm=norm std var flip roll tril triu diag diagonal trace tile swapaxes movedim=moveaxis
    unsqueeze=expand_dims squeeze broadcast_to reshape ravel transpose=swapaxes permute=transpose t T mT cat=concatenate stack
    clamp=clip where tensordot einsum msort sort take_along_dim=take_along_axis repeat_interleave=repeat addmm
    nn.functional.relu=relu nn.functional.elu=elu nn.functional.leaky_relu=leaky_relu nn.functional.gelu=gelu nn.functional.silu=silu
    nn.functional.softplus=softplus nn.functional.logsigmoid=log_sigmoid nn.functional.mse_loss=mse nn.functional.l1_loss=mae
    nn.functional.huber_loss=huber nn.functional.linear __getitem__ __radd__ __rsub__ __rmul__ __rdiv__ __rmod__ triu tril
    nn.functional.cross_entropy nn.functional.binary_cross_entropy nn.functional.binary_cross_entropy_with_logits gather index_select
""".split()  # noqa: SIM905


def axes(axis: Any) -> Any:
    return tuple(axis) if isinstance(axis, list | tuple) else axis


OURS: dict[str, Any] = {
    "__rpow__": lambda x, y: y**x,
    "__rmatmul__": lambda x, y: ag.matmul(y, x),
    "__radd__": lambda x, y: y + x,
    "__rsub__": lambda x, y: y - x,
    "__rmul__": lambda x, y: y * x,
    "__rdiv__": lambda x, y: y / x,
    "__rmod__": lambda x, y: y % x,
    "__getitem__": lambda x, index: x[index],
    "special.entr": lambda x: -ag.xlogy(x, x),
    "sub": lambda x, y, alpha=1: x - alpha * y,
    "add": lambda x, y, alpha=1: x + alpha * y,
    "inner": lambda x, y: ag.tensordot(x, y, (-1, -1)) if x.ndim and y.ndim else x * y,
    "t": lambda x: x.T,
    "T": lambda x: x.T,
    "mT": lambda x: ag.swapaxes(x, -1, -2),
    "addmm": lambda c, a, b, beta=1, alpha=1: beta * c + alpha * (a @ b),
    "reshape": lambda x, *shape: ag.reshape(x, *shape),
    "ravel": lambda x: x.ravel(),
    "softmax": lambda x, axis: ag.softmax(x, axis),
    "log_softmax": lambda x, axis: ag.log_softmax(x, axis),
    "linalg.slogdet": lambda a: ag.slogdet(a)[1],
    "linalg.vector_norm": lambda x, ord=2, axis=None, keepdims=False: ag.norm(x, ord, axes(axis), keepdims),
    "msort": lambda x: ag.sort(x, 0),
    "sort": lambda x, axis=-1, descending=False, stable=True: ag.sort(x, axis) if not descending else _no("descending"),
    "einsum": lambda xs, subscripts: ag.einsum(subscripts, *xs),
    "gather": lambda x, axis, index: ag.take_along_axis(x, index, axis),
    "index_select": lambda x, axis, index: ag.getitem(x, (slice(None),) * (axis % len(x.shape)) + (index,)),
    "std": lambda x, axis=None, unbiased=True, keepdims=False, ddof=None: ag.std(x, axis, _ddof(unbiased, ddof), keepdims),
    "var": lambda x, axis=None, unbiased=True, keepdims=False, ddof=None: ag.var(x, axis, _ddof(unbiased, ddof), keepdims),
    "diagonal": lambda x, offset=0, dim1=0, dim2=1: ag.diagonal(x, offset, dim1, dim2),
    "tensordot": lambda x, y, axis=2: ag.tensordot(x, y, axis),
    "where": lambda x, condition, y: ag.where(condition, x, y),
    "movedim": lambda x, a, b: ag.moveaxis(x, a, b),
    "clamp": lambda x, low=None, high=None, **how: ag.clip(x, how.get("min", low), how.get("max", high)),
    "nn.functional.linear": lambda x, w, b=None: x @ w.T if b is None else x @ w.T + b,
    "nn.functional.mse_loss": lambda x, y, reduction="mean": ag.nn.mse(x, y, reduction),
    "nn.functional.l1_loss": lambda x, y, reduction="mean": ag.nn.mae(x, y, reduction),
    "nn.functional.huber_loss": lambda x, y, reduction="mean", delta=1.0: ag.nn.huber(x, y, reduction, delta=delta),
    "nn.functional.cross_entropy": lambda z, t, reduction="mean": ag.nn.cross_entropy(z, t, reduction),
    "nn.functional.binary_cross_entropy": lambda p, t, reduction="mean": ag.nn.binary_cross_entropy(p, t, reduction),
    "nn.functional.binary_cross_entropy_with_logits": lambda z, t, reduction="mean": ag.nn.binary_cross_entropy_with_logits(z, t, reduction),
    "nn.functional.leaky_relu": lambda x, slope=0.01, **how: ag.leaky_relu(x, how.get("negative_slope", slope)),
    "nn.functional.softplus": lambda x, beta=1, threshold=20: ag.softplus(beta * x) / beta,
}  # fmt: skip


def _ddof(unbiased: bool, ddof: Any) -> Any:
    return int(unbiased) if ddof is None else ddof


def _no(option: str) -> Any:
    raise NotImplementedError(option)


def ours(name: str, entry: str) -> Any:
    return OURS.get(name) or getattr(ag, entry.partition("=")[2] or entry)


def converted(x: Any, leaves: list[Any]) -> Any:
    """Tensors that require a gradient become our leaves, others arrays."""
    if isinstance(x, torch.Tensor):
        if x.requires_grad:
            leaves.append(ag.Tensor(x.detach().numpy().copy()))
            return leaves[-1]
        return x.numpy()
    if isinstance(x, list | tuple):
        return type(x)(converted(part, leaves) for part in x)
    return x


def gathered(x: Any, leaves: list[Any]) -> None:
    if isinstance(x, torch.Tensor) and x.requires_grad:
        leaves.append(x)
    elif isinstance(x, list | tuple):
        for part in x:
            gathered(part, leaves)


def weights(shape: Any, i: int) -> np.ndarray:
    return np.asarray(np.cos(np.arange(float(np.prod(shape))) + i + 0.5)).reshape(shape)


def by_torch(out: Any, leaves: list[Any]) -> list[Any]:
    found, level = [], [out]
    for _ in range(2):
        total = sum((x * torch.tensor(weights(tuple(x.shape), i))).sum() for i, x in enumerate(level))
        found += [x.detach().numpy() for x in level]
        if not total.requires_grad:
            level = [torch.zeros_like(x) for x in leaves]
            continue
        grads = torch.autograd.grad(total, leaves, create_graph=True, allow_unused=True)
        level = [torch.zeros_like(x) if g is None else g for x, g in zip(leaves, grads, strict=True)]
    return found + [x.detach().numpy() for x in level]


def by_us(out: Any, leaves: list[Any]) -> list[Any]:
    found, level = [], [out]
    for _ in range(2):
        total: Any = 0.0
        for i, x in enumerate(level):
            total = total + ag.sum(x * weights(x.shape, i))
        found += [np.asarray(x.data) for x in level]
        level = ag.gradients(total, leaves, create_graph=True, allow_unused=True)
    return found + [np.asarray(x.data) for x in level]


def main() -> int:
    parser = argparse.ArgumentParser(description="PyTorch's samples")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    entries = {entry.partition("=")[0]: entry for entry in SAME}
    counts: collections.Counter[str] = collections.Counter()
    unexplained: dict[str, list[str]] = collections.defaultdict(list)
    warnings.simplefilter("ignore")
    for op in op_db:
        if op.name not in entries or op.variant_test_name or (options.names and op.name not in options.names):
            continue
        function = ours(op.name, entries[op.name])
        for sample in op.sample_inputs("cpu", torch.float64, requires_grad=True):
            theirs: list[Any] = []
            gathered([sample.input, *sample.args, *sample.kwargs.values()], theirs)
            mine: list[Any] = []
            x, args = converted(sample.input, mine), [converted(a, mine) for a in sample.args]
            how = {RENAMED.get(key, key): converted(value, mine) for key, value in sample.kwargs.items()}
            how = {key: axes(value) if key == "axis" else value for key, value in how.items()}
            label = (
                f"{op.name}({_shown(sample.input)}, {', '.join(map(_shown, sample.args))}, {sample.kwargs})"[
                    :150
                ]
            )
            try:
                out = op(sample.input, *sample.args, **sample.kwargs)
                out = out[0] if op.name == "sort" else out[1] if op.name == "linalg.slogdet" else out
                wanted = by_torch(out, theirs)
            except (RuntimeError, TypeError, IndexError, AttributeError, NotImplementedError):
                counts["refused by PyTorch"] += 1
                continue
            try:
                got = by_us(function(x, *args, **how), mine)
            except (NotImplementedError, TypeError) as error:
                counts["not an option of ours"] += 1
                unexplained[f"option {op.name}"].append(
                    f"{label}: {type(error).__name__}: {str(error)[:100]}"
                )
                continue
            except Exception as error:
                if _explained(op.name, sample, error):
                    counts["another convention"] += 1
                    continue
                counts["error"] += 1
                unexplained[f"ERROR {op.name}"].append(f"{label}: {type(error).__name__}: {str(error)[:120]}")
                continue
            found: dict[str, list[str]] = collections.defaultdict(list)
            verdict = _compared(op.name, label, got, wanted, len(theirs), found)
            if verdict == "differs" and _explained(op.name, sample, None):
                counts["another convention"] += 1
                continue
            counts[verdict] += 1
            for name, lines in found.items():
                unexplained[name] += lines
    for name, lines in sorted(unexplained.items()):
        print(f"## {name}: {len(lines)}")
        for line in lines[:3]:
            print("  ", line)
    print(dict(counts))
    return 0


def _explained(name: str, sample: Any, error: Exception | None) -> str:
    """Why our answer is another on purpose: where the two differ we take NumPy's convention, or say so in the docstring."""
    text, ndim = str(error or ""), getattr(sample.input, "ndim", None)
    if ndim == 0 and name in ("cumsum", "cumprod", "index_select"):
        return "NumPy makes a vector of one of a number"
    if isinstance(error, IndexError) and ndim == 0:
        return "a single number has no axis: sum, prod, max and min alone take 0 and -1, as NumPy's do"
    if name == "linalg.solve" and sample.args[0].ndim == ndim - 1:
        return "a stack of vectors is a matrix to NumPy 2"
    if name == "nn.functional.cross_entropy" and ndim > 2:
        return "the classes are the last axis, not the second"
    if name == "nn.functional.softplus" and "threshold" in sample.kwargs:
        return "no cut-off, which costs digits"
    if name == "cat" and any(x.shape == (0,) for x in sample.input):
        return "an empty vector among matrices is PyTorch's alone"
    reasons = {
        "squeeze": "is not of length 1",
        "tensordot": "differ",
        "einsum": "are not in the result",
        "gather": "same number of dimensions",
    }
    return reasons[name] if name in reasons and reasons[name] in text else ""


def _shown(x: Any) -> str:
    return (
        f"{tuple(x.shape)}"
        if isinstance(x, torch.Tensor)
        else f"[{len(x)}]"
        if isinstance(x, list)
        else repr(x)
    )


def _compared(name: str, label: str, got: Any, wanted: Any, count: int, unexplained: Any) -> str:
    for i, (a, b) in enumerate(zip(got, wanted, strict=True)):
        order = "value" if i == 0 else "gradient" if i <= count else "second gradient"
        if a.shape != b.shape:
            unexplained[f"DIFFERS {name}"].append(f"{label}: {order}: shape {a.shape}, not {b.shape}")
            return "differs"
        finite = np.isfinite(b)
        size = np.abs(b[finite]).max(initial=1.0)
        with np.errstate(all="ignore"):
            wrong = finite & ~(np.abs(a - b) <= 1e-9 * size)
        if wrong.any():
            at = tuple(np.argwhere(wrong)[0])
            unexplained[f"DIFFERS {name}"].append(f"{label}: {order} at {at}: {a[at]!r}, not {b[at]!r}")
            return "differs"
    return "agrees"


if __name__ == "__main__":
    sys.exit(main())
