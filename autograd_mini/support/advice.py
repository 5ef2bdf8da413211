"""What people type by habit, and what to write instead. Read only where an attribute is missing or a call is refused.

habit(name, node)        a method of PyTorch's tensors or of NumPy's arrays, on a node
missing(module, name)    a name that a module of ours has not
unknown(call, …)         a keyword that a function of ours has not
no_rule(name, known)     a function of NumPy's that has no rule
why_cut(call, node)      a call that would leave the graph, told from the user's own line
"""

import ast
import difflib
import linecache
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
        raise AttributeError("requires_grad_ is for leaves: take .detach() of what an operation made")
    x.requires_grad = bool(requires_grad)
    return x


def _expand(x: Any, *sizes: Any) -> Any:
    given = tuple(sizes[0]) if len(sizes) == 1 and np.ndim(sizes[0]) else sizes
    own = (1,) * (len(given) - len(x.shape)) + x.shape
    return np.broadcast_to(x, tuple(n if m == -1 else m for m, n in zip(given, own, strict=True)))


METHODS: dict[str, Callable[..., Any]] = {  # what means the same here
    "add": lambda x, y: x + y,
    "all": lambda x, axis=None: np.all(x, axis=axis),
    "any": lambda x, axis=None: np.any(x, axis=axis),
    "argsort": lambda x, axis=-1: np.argsort(x, axis=axis),
    "astype": np.astype if hasattr(np, "astype") else lambda x, dtype: type(x)(x.data, dtype=dtype),
    "bmm": lambda x, y: x @ y,
    "clone": np.copy,
    "contiguous": lambda x: x,
    "copy": np.copy,
    "cpu": lambda x: x,
    "dim": lambda x: len(x.shape),
    "div": lambda x, y: x / y,
    "expand": _expand,
    "matmul": lambda x, y: x @ y,
    "mm": lambda x, y: x @ y,
    "mul": lambda x, y: x * y,
    "norm": lambda x, ord=None, axis=None: np.linalg.norm(x, ord, axis),
    "numel": lambda x: x.size,
    "numpy": _numpy,
    "permute": lambda x, *axes: x.transpose(*axes),
    "pow": lambda x, n: x**n,
    "requires_grad_": _requires_grad,
    "sub": lambda x, y: x - y,
    "t": lambda x: x.transpose(),
    "unsqueeze": np.expand_dims,
    "view": lambda x, *sizes: x.reshape(*sizes),
}
FUNCTIONS = """
    arctan arctan2 arcsin arccos ceil cosh cumsum erf expm1 floor gelu log10 log1p log2 log_sigmoid
    log_softmax logsumexp maximum minimum reciprocal sign silu sinh softmax tan tril triu trunc
""".split()  # noqa: SIM905  (methods in PyTorch: our function of that name)


def _nearest(name: str, known: Iterable[str]) -> str:
    """What known names are like it, as the end of a sentence."""
    found = difflib.get_close_matches(name, sorted(known), 3, 0.6)
    return f": did you mean {' or '.join(found)}?" if found else ""


def habit(name: str, node: Any) -> Any:
    """Return a method of another library that means the same here, or raise AttributeError with what to write."""
    if node is not None and name in METHODS:
        return partial(METHODS[name], node)
    if node is not None and name in FUNCTIONS:
        return partial(getattr(sys.modules[__name__.partition(".")[0]], name), node)
    kind = "Node" if node is None else type(node).__name__
    raise AttributeError(
        f"{kind} has no {name!r}; here: {TABLES['nodes'].get(name, 'it is a method of a node')}"
    )


def habit_of_module(name: str, model: Any) -> Any:
    """Raise AttributeError with what to write for a method of another library's models."""
    raise AttributeError(f"{type(model).__name__} has no {name!r}; here: {TABLES['modules'][name]}")


def missing(module: Any, name: str) -> AttributeError:
    """Return the error for a name that a module of ours has not: with ours, or with the nearest there is."""
    if name.startswith("__"):
        return AttributeError(f"module {module.__name__!r} has no attribute {name!r}")
    ours = TABLES["names"].get(module.__name__, {}).get(name)
    package = sys.modules[__name__.partition(".")[0]]
    if ours is None and name in package.__all__:
        ours = f"ag.{name}"
    if ours is not None:
        return AttributeError(f"module {module.__name__!r} has no {name!r}; here: {ours}")
    near = _nearest(name, getattr(module, "__all__", [other for other in vars(module) if other[0] != "_"]))
    return AttributeError(f"module {module.__name__!r} has no attribute {name!r}{near}")


def unknown(call: str, keywords: Iterable[str], known: Iterable[str]) -> TypeError:
    """Return the error for keywords that a function of ours has not."""
    name = next(iter(keywords))
    ours = f": here it is {TABLES['keywords'][name]}" if name in TABLES["keywords"] else _nearest(name, known)
    return TypeError(f"{call} has no argument {name!r}{ours}")


def instead_of_string(text: Any) -> str:
    """What a name given as a string stands for, as the end of a sentence."""
    ours = TABLES["strings"].get(text.lower()) if isinstance(text, str) else None
    return f": write {ours}" if ours else ""


# ---- Functions of NumPy and scipy ---------------------------------------------------------------------------------------


def no_rule(name: str, known: Iterable[str]) -> str:
    """What to say of a function of NumPy's or scipy's that has no rule: what to write instead, or the nearest there is."""
    short = name.partition(".")[2]
    known = {other.partition(".")[2] for other in known}
    if short in TABLES["no_rule"]:
        return f"{name} has no rule on nodes: write {TABLES['no_rule'][short]}. {LIST}"
    near = _nearest(short, known) if name.startswith("np.") else ""
    outside = f"on plain numbers, outside the graph: {name}(x.data)"
    return f"{name} has no rule on nodes{near or '.'} {LIST}; {outside}"


# ---- Calls that would cut the graph -------------------------------------------------------------------------------------

LIBRARIES = (
    "autograd_mini",
    "numpy",
    "matplotlib",
    "scipy",
    "pandas",
    "torch",
    "sklearn",
    "statistics",
    "seaborn",
)
ON_PURPOSE = "On purpose outside the graph: x.item(), x.data or x.detach()"
OF_SCIPY = ("softmax", "log_softmax", "logsumexp")  # which are no ufuncs


def why_cut(call: str, node: Any) -> str:
    """What to say of a call that would leave the graph: the call as the user wrote it, and what to write instead."""
    frame, through = _user_frame()
    written, instead = _told(frame, through) if frame is not None else ("", "")
    instead = instead or TABLES["cut"].get(call, "np.exp(x) or x.exp()")
    return f"{written or call} would cut the graph of {node._name}: write {instead}. {ON_PURPOSE}"


def _user_frame() -> tuple[FrameType | None, list[FrameType]]:
    """The frame of the user's own line, and those of libraries between it and us."""
    frame: FrameType | None = sys._getframe(2)
    through: list[FrameType] = []
    while frame is not None:
        root = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if root not in LIBRARIES or frame.f_globals.get("__name__") == "__main__":
            return frame, through
        through.append(frame)
        frame = frame.f_back
    return None, through


def _told(frame: FrameType, through: list[FrameType]) -> tuple[str, str]:
    """What the user's line calls, and what to write in its place; empty where that cannot be read."""
    roots = {str(f.f_globals.get("__name__", "")).partition(".")[0] for f in through}
    tree = _expression(frame)
    text = ast.unparse(tree) if tree is not None else ""
    text = text if len(text) <= 60 else f"{text[:59]}…"
    if roots & {"matplotlib", "seaborn"}:
        return text, "loss.item() where it is noted down, or .data of an array: plots take plain numbers"
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
        held, index = ast.unparse(tree.value), ast.unparse(tree.slice)
        index = ", ".join(map(ast.unparse, tree.slice.elts)) if isinstance(tree.slice, ast.Tuple) else index
        if held.endswith((".c_", ".r_")):
            return text, f"ag.{held[-2:]}[{index}]"
        plain = isinstance(tree.slice, ast.Constant | ast.Name | ast.BinOp | ast.UnaryOp)
        index = index if plain else f"np.s_[{index}]"
        return f"{text} = …", f"{held} = ag.index_update({held}, {index}, …)"
    if isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Mod):
        given = "x" if isinstance(tree.right, ast.Tuple) else ast.unparse(tree.right)
        return text, f"an f-string, which takes nodes: f'{{{given}:.4f}}'"
    if isinstance(tree, ast.Call):
        return text, _instead_of(tree, frame.f_locals)
    return "", ""


def _instead_of(call: ast.Call, names: Mapping[str, Any]) -> str:
    """What to write in place of a call that asks a node for its plain numbers."""
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
        ours = {"pow": "power", "fabs": "abs", "asin": "arcsin", "acos": "arccos", "atan": "arctan"}.get(
            last, last
        )
        return f"np.{ours}({', '.join(args)})"
    if name in ("float", "int", "complex", "round"):
        return f"{first} itself, or {first}.item() where the number is only shown"
    ours = sys.modules[__name__.partition(".")[0]].__all__
    if root in ("np", "numpy") and last in ours:
        return f"ag.{last}({', '.join(args)})"
    if last in ("tensor", "as_tensor", "from_numpy", "DataFrame", "Series"):
        return f"{name}({first}.data)"
    return ""


def _expression(frame: FrameType) -> ast.expr | None:
    """The expression that a frame is in the middle of, from its source; None where there is no source."""
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
