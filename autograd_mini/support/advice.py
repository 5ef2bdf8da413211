"""What people type by habit, and what to write instead. Imported only where an attribute is missing or a call is refused.

habit(name, node)        a method of PyTorch's tensors or of NumPy's arrays, on a node
missing(module, name)    a name that a module of ours does not have
unknown(call, …)         a keyword that a function of ours does not have
no_rule(name, known)     a function of NumPy's that has no rule
why_cut(call, node)      a call that would leave the graph, found in the user's own line
"""

import ast
import difflib
import linecache
import operator
import sys
import tomllib
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

LIST = "docs/numpy.md lists what works"
TABLES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))

# ---- Methods of nodes ---------------------------------------------------------------------------------------------------


def _numpy(x: Any) -> Any:
    x._refuse_to_cut(".numpy()")
    return np.array(x.data)


def _requires_grad(x: Any, requires_grad: bool = True) -> Any:
    if x.op is not None:
        raise AttributeError("requires_grad_ is for leaves: the result of an operation needs .detach() first")
    x.requires_grad = bool(requires_grad)
    return x


def _expand(x: Any, *sizes: Any) -> Any:
    given = tuple(sizes[0]) if len(sizes) == 1 and np.ndim(sizes[0]) else sizes
    own = (1,) * (len(given) - len(x.shape)) + x.shape
    return np.broadcast_to(x, tuple(n if m == -1 else m for m, n in zip(given, own, strict=True)))


METHODS: dict[str, Callable[..., Any]] = {  # methods with the same meaning here
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv,
    **dict.fromkeys(("matmul", "mm", "bmm"), operator.matmul), **dict.fromkeys(("clone", "copy"), np.copy),
    **dict.fromkeys(("contiguous", "cpu"), lambda x: x),
    "all": lambda x, axis=None: np.all(x, axis=axis), "any": lambda x, axis=None: np.any(x, axis=axis),
    "argsort": lambda x, axis=-1: np.argsort(x, axis=axis), "expand": _expand,
    "astype": np.astype if hasattr(np, "astype") else lambda x, dtype: type(x)(x.data, dtype=dtype),
    "dim": lambda x: len(x.shape), "numel": lambda x: x.size, "numpy": _numpy,
    "norm": lambda x, ord=None, axis=None: np.linalg.norm(x, ord, axis),
    "permute": lambda x, *axes: x.transpose(*axes), "t": lambda x: x.transpose(), "unsqueeze": np.expand_dims,
    "pow": operator.pow, "requires_grad_": _requires_grad, "view": lambda x, *sizes: x.reshape(*sizes),
}  # fmt: skip
FUNCTIONS = """
    arctan arctan2 arcsin arccos ceil cosh cumsum erf expm1 floor gelu log10 log1p log2 log_sigmoid
    log_softmax logsumexp maximum minimum reciprocal sign silu sinh softmax tan tril triu trunc
""".split()  # noqa: SIM905  (methods in PyTorch: our function of that name)


def _package() -> Any:
    """The module autograd_mini."""
    return sys.modules[__name__.partition(".")[0]]


def _nearest(name: str, known: Iterable[str]) -> str:
    """The known names that are like it, as the end of a sentence."""
    found = difflib.get_close_matches(name, sorted(known), 3, 0.6)
    return f": did you mean {' or '.join(found)}?" if found else ""


def habit(name: str, node: Any) -> Any:
    """Return a method of another library that means the same here, or raise AttributeError with what to write."""
    if node is not None and name in METHODS:
        return partial(METHODS[name], node)
    if node is not None and name in FUNCTIONS:
        return partial(getattr(_package(), name), node)
    kind = "Node" if node is None else type(node).__name__
    ours = TABLES["nodes"].get(name, "it is a method of a node")
    raise AttributeError(f"{kind} has no {name!r}; here: {ours}")


def habit_of_module(name: str, model: Any) -> Any:
    """Raise AttributeError with what to write for a method of another library's models."""
    raise AttributeError(f"{type(model).__name__} has no {name!r}; here: {TABLES['modules'][name]}")


def missing(module: Any, name: str) -> AttributeError:
    """Return the error for a name that a module of ours does not have: with our name, or with the nearest one."""
    if name.startswith("__"):
        return AttributeError(f"module {module.__name__!r} has no attribute {name!r}")
    ours = TABLES["names"].get(module.__name__, {}).get(name)
    if ours is None and name in _package().__all__:
        ours = f"ag.{name}"
    if ours is not None:
        return AttributeError(f"module {module.__name__!r} has no {name!r}; here: {ours}")
    near = _nearest(name, getattr(module, "__all__", [other for other in vars(module) if other[0] != "_"]))
    return AttributeError(f"module {module.__name__!r} has no attribute {name!r}{near}")


def unknown(call: str, keywords: Iterable[str], known: Iterable[str]) -> TypeError:
    """Return the error for keywords that a function of ours does not have."""
    name = next(iter(keywords))
    ours = f": here it is {TABLES['keywords'][name]}" if name in TABLES["keywords"] else _nearest(name, known)
    return TypeError(f"{call} has no argument {name!r}{ours}")


def instead_of_string(text: Any) -> str:
    """Return what to write in place of a name in a string, as the end of a sentence; "" where that is not known."""
    ours = TABLES["strings"].get(text.lower()) if isinstance(text, str) else None
    return f": write {ours}" if ours else ""


# ---- Functions of NumPy and scipy ---------------------------------------------------------------------------------------


def no_rule(name: str, known: Iterable[str]) -> str:
    """Return the message for a function of NumPy's or scipy's that has no rule: what to write instead, or the nearest name."""
    short = name.partition(".")[2]
    known = {other.partition(".")[2] for other in known}
    if short in TABLES["no_rule"]:
        return f"{name} has no rule on nodes: write {TABLES['no_rule'][short]}. {LIST}"
    near = _nearest(short, known) if name.startswith("np.") else ""
    outside = f"on plain numbers, outside the graph: {name}(x.data)"
    return f"{name} has no rule on nodes{near or '.'} {LIST}; {outside}"


# ---- Calls that would cut the graph -------------------------------------------------------------------------------------

LIBRARIES = (
    "autograd_mini", "numpy", "matplotlib", "scipy", "pandas", "torch", "sklearn", "statistics", "seaborn",
)  # fmt: skip
ON_PURPOSE = "On purpose outside the graph: x.item(), x.data or x.detach()"
OF_SCIPY = ("softmax", "log_softmax", "logsumexp")  # functions of scipy.special that are no ufuncs


def why_cut(call: str, node: Any) -> str:
    """Return the message for a call that would leave the graph: the call as the user wrote it, and what to write instead."""
    frame, through = _user_frame()
    written, instead = _advised(frame, through) if frame is not None else ("", "")
    instead = instead or TABLES["cut"].get(call, "np.exp(x) or x.exp()")
    return f"{written or call} would cut the graph of {node._name}: write {instead}. {ON_PURPOSE}"


def _user_frame() -> tuple[FrameType | None, list[FrameType]]:
    """The frame of the user's own line, and the frames of libraries between it and us."""
    frame: FrameType | None = sys._getframe(2)
    through: list[FrameType] = []
    while frame is not None:
        root = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if root not in LIBRARIES or frame.f_globals.get("__name__") == "__main__":
            return frame, through
        through.append(frame)
        frame = frame.f_back
    return None, through


def _advised(frame: FrameType, through: list[FrameType]) -> tuple[str, str]:
    """The call in the user's line, and what to write in its place; empty where that cannot be read."""
    roots = {str(f.f_globals.get("__name__", "")).partition(".")[0] for f in through}
    tree = _expression(frame)
    text = ast.unparse(tree) if tree is not None else ""
    text = text if len(text) <= 60 else f"{text[:59]}…"
    if roots & {"matplotlib", "seaborn"}:
        return text, "loss.item() where it is stored, or .data of an array: plots take plain numbers"
    for name in {f.f_code.co_name for f in through} & set(OF_SCIPY):
        return text or f"scipy.special.{name}(x)", f"ag.{name}(x)"
    for library in roots & {"scipy", "pandas", "sklearn", "torch", "statistics"}:
        return text, f"it with functions of NumPy ({LIST}): those of {library} take plain arrays"
    for vectorized in [x for f in through if isinstance(x := f.f_locals.get("self"), np.vectorize)]:
        name = getattr(vectorized.pyfunc, "__name__", "<lambda>")
        given = ", ".join(map(ast.unparse, tree.args)) if isinstance(tree, ast.Call) else "x"
        ours = "f" if name == "<lambda>" else f"np.{name}" if hasattr(np, name) else name
        return text, f"{ours}({given}), on the whole Tensor: np.vectorize hands the function single numbers"
    if isinstance(tree, ast.Subscript):
        return _of_index(text, tree)
    if isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Mod):
        given = "x" if isinstance(tree.right, ast.Tuple) else ast.unparse(tree.right)
        return text, f"an f-string, which takes nodes: f'{{{given}:.4f}}'"
    if isinstance(tree, ast.Call):
        return text, _instead_of(tree, frame.f_locals)
    return "", ""


def _of_index(text: str, tree: ast.Subscript) -> tuple[str, str]:
    """The same for a line that writes to an index, or reads np.c_ or np.r_."""
    held = ast.unparse(tree.value)
    index = ast.unparse(tree)[len(held) + 1 : -1]
    if held.endswith((".c_", ".r_")):
        return text, f"ag.{held[-2:]}[{index}]"
    if not isinstance(tree.slice, ast.Constant | ast.Name | ast.BinOp | ast.UnaryOp):
        index = f"np.s_[{index}]"
    return f"{text} = …", f"{held} = ag.index_update({held}, {index}, …)"


MATH = {"pow": "power", "fabs": "abs", "asin": "arcsin", "acos": "arccos", "atan": "arctan"}  # NumPy's names


def _instead_of(call: ast.Call, names: Mapping[str, Any]) -> str:
    """What to write in place of a call that needs a node's plain numbers."""
    name, args = ast.unparse(call.func), [ast.unparse(arg) for arg in call.args]
    root, _, last = name.rpartition(".")
    first = args[0] if args else "x"
    if last == "dot" and root not in ("np", "numpy"):
        return f"{root} @ {first}"
    if last in ("array", "asarray", "asanyarray", "ascontiguousarray", "float64", "float32"):
        is_list = first.startswith(("[", "(")) or isinstance(names.get(first), list | tuple)
        return f"np.stack({first})" if is_list else f"{first} itself, which is an array to np"
    if last == "full" and len(args) > 1:
        return f"np.broadcast_to({args[1]}, {args[0]})"
    if root == "math":
        return f"np.{MATH.get(last, last)}({', '.join(args)})"
    if name in ("float", "int", "complex", "round"):
        return f"{first} itself, or {first}.item() where the number is only shown"
    if root in ("np", "numpy") and last in _package().__all__:
        return f"ag.{last}({', '.join(args)})"
    if last in ("tensor", "as_tensor", "from_numpy", "DataFrame", "Series"):
        return f"{name}({first}.data)"
    return ""


def _expression(frame: FrameType) -> ast.expr | None:
    """The expression that a frame is computing, from its source; None where there is no source."""
    code = frame.f_code
    place = list(code.co_positions())[frame.f_lasti // 2] if frame.f_lasti >= 0 else (None,) * 4
    first, last, start, end = place
    if first is None or last is None or start is None or end is None:
        return None
    lines = linecache.getlines(code.co_filename, frame.f_globals)[first - 1 : last]
    if not lines:
        return None
    raw = [line.encode() for line in lines]
    raw[-1] = raw[-1][:end]
    raw[0] = raw[0][start:]
    try:
        return ast.parse(b"".join(raw).decode().strip(), mode="eval").body
    except (SyntaxError, UnicodeDecodeError):
        return None
