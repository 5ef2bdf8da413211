"""How a person's script is run with recording: its imports, its literals, and what is a dummy."""

import ast
import builtins
import contextlib
import io
import json
import math
import os
import random
import signal
import sys
import types
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from . import record as rec

DUMMIES = {
    "matplotlib",
    "pylab",
    "seaborn",
    "plotly",
    "tqdm",
    "IPython",
    "progressbar",
    "imageio",
    "bokeh",
    "cv2",
}


class Dummy:
    """Stands for a plotting library, and for whatever it gives."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.items = (
            args[0] if args and hasattr(args[0], "__iter__") and not isinstance(args[0], str) else None
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return Dummy(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        return (lambda *args: Dummy(range(*args))) if name == "trange" else Dummy()

    def __iter__(self) -> Iterator[Any]:
        return iter(self.items if self.items is not None else (Dummy(), Dummy()))

    def __len__(self) -> int:
        return len(self.items) if self.items is not None and hasattr(self.items, "__len__") else 2

    def __getitem__(self, key: Any) -> Any:
        return Dummy()

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: Any) -> None:
        pass


class Function:
    """A function of NumPy's that records."""

    def __init__(self, func: Any) -> None:
        self.__wrapped__, self.__name__ = func, getattr(func, "__name__", "function")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return rec.call(self.__wrapped__, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__wrapped__, name)


class Indexing:
    """np.c_ and np.r_."""

    def __init__(self, func: Any) -> None:
        self.func = func

    def __getitem__(self, parts: Any) -> Any:
        return rec.call(self.func, (parts,), {})


class Maker:
    """A module or an object whose functions make arrays: np.random, a Generator."""

    def __init__(self, target: Any) -> None:
        self.__dict__["target"] = target

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.target, name)
        if isinstance(found, type) and issubclass(found, np.random.RandomState):
            return lambda *args, **kwargs: Maker(found(*args, **kwargs))
        return made_by(found) if callable(found) and not isinstance(found, type) else found


def made_by(func: Any) -> Any:
    """The function, whose results are leaves; it may write into its arguments."""
    name = getattr(func, "__name__", "")

    def make(*args: Any, **kwargs: Any) -> Any:
        if (
            name in ("shuffle", "sample", "choice", "choices", "permutation")
            and args
            and type(args[0]) is list
        ):
            return func(*args, **kwargs)  # the list's own elements
        result = func(*rec.plain(tuple(args)), **rec.plain_dict(kwargs))
        if isinstance(result, np.random.Generator | np.random.RandomState):
            return Maker(result)
        return rec.wrap(result, None, (), {}) if rec.now is not None else result

    make.__name__ = name
    return make


class Vectorized:
    """np.vectorize: the function on the whole array where that gives the same, else element by element."""

    def __init__(self, func: Any, *args: Any, **options: Any) -> None:
        self.func, self.__name__ = func, getattr(func, "__name__", "vectorized")
        self.options = (args, options)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        found: list[Any] = []

        def element(*numbers: Any, **named: Any) -> Any:
            found.append(self.func(*numbers, **named))
            return rec.plain(found[-1])

        keep, rec.now = rec.now, None
        try:
            more, options = self.options
            right = np.vectorize(element, *more, **options)(*rec.plain(tuple(args)), **kwargs)
        finally:
            rec.now = keep
        if keep is None or not rec.is_data(right):
            return right
        count = len(keep.steps)
        with contextlib.suppress(Exception), np.errstate(all="ignore"):
            whole: Any = self.func(*args, **kwargs)
            alike = (
                isinstance(whole, rec.Recorded) and whole.shape == right.shape and whole.dtype == right.dtype
            )
            if alike and np.array_equal(rec.plain(whole), right):
                return rec.as_array(right, rec.step_of(whole), ())
        del keep.steps[count:]
        return self.one_by_one(right, args, kwargs)

    def one_by_one(self, right: Any, args: Any, kwargs: Any) -> Any:
        """Call the function on each element, recorded."""
        arrays = [
            rec.call(
                np.broadcast_to, (np.asarray(a) if not isinstance(a, rec.Recorded) else a, right.shape), {}
            )
            for a in args
        ]
        out = [self.func(*[a[i] for a in arrays], **kwargs) for i in np.ndindex(right.shape)]
        flat = rec.call(np.array, (out,), {})
        return rec.call(np.reshape, (flat, right.shape), {}, lambda *_: right)


class Proxy(types.ModuleType):
    """NumPy or one of its modules, as the script sees it."""

    def __init__(self, module: Any) -> None:
        super().__init__(module.__name__)
        self.__dict__["real"] = module
        names = getattr(module, "__all__", None) or [n for n in vars(module) if not n.startswith("_")]
        self.__dict__["__all__"] = list(names)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.real, name)
        out = proxied(found, name)
        self.__dict__[name] = out
        return out


def proxied(found: Any, name: str) -> Any:
    """What the script gets for a name of NumPy's."""
    if found is np.vectorize:
        return Vectorized
    if found is np.matrix:
        return lambda *args, **kwargs: rec.call(np.asmatrix, args, kwargs, np.matrix)
    if found is np.c_ or found is np.r_:
        return Indexing(rec.c_ if found is np.c_ else rec.r_)
    if found is np.random:
        return Maker(found)
    if isinstance(found, types.ModuleType):
        return Proxy(found) if found.__name__.startswith(("numpy", "scipy.optimize")) else found
    if getattr(found, "__module__", "").startswith("scipy"):
        return descended(found, name) if name in MINIMISERS else found
    if isinstance(found, type) or not callable(found):
        return found
    return Function(found)


MINIMISERS = {"minimize", "fmin_cg", "fmin_bfgs", "fmin_l_bfgs_b", "fmin_tnc", "fmin_ncg"}
STEPS_DOWN, RATE = 10, 0.01  # of the descent that stands for a minimiser of scipy's


def descended(found: Any, name: str) -> Any:
    """A minimiser of scipy's as plain descent by the script's own gradient, so that it can be followed; else itself."""

    def descend(f: Any, x0: Any, *more: Any, **options: Any) -> Any:
        jac = options.get("jac", options.get("fprime", more[0] if more and callable(more[0]) else None))
        if jac is None and name in ("fmin_l_bfgs_b", "fmin_tnc") and not options.get("approx_grad"):
            jac = True
        args = options.get("args", ())
        args = args if isinstance(args, tuple) else (args,)
        if jac is None or jac is False or rec.now is None:
            return found(f, x0, *more, **options)
        x = rec.wrap(np.array(rec.plain(x0), float), None, (), {})
        for _ in range(STEPS_DOWN):
            found_here = f(x, *args)
            g = found_here[1] if jac is True else jac(x, *args)
            x = rec.call(np.subtract, (x, rec.call(np.multiply, (RATE, g), {})), {})
        return found(f, x0, *more, **options)

    return descend


class Maths(types.ModuleType):
    """The math module, on recorded numbers too."""

    def __init__(self) -> None:
        super().__init__("math")
        self.__dict__["__all__"] = [n for n in vars(math) if not n.startswith("_")]

    def __getattr__(self, name: str) -> Any:
        found = getattr(math, name)
        if not callable(found):
            return found
        return lambda *args: rec.call_math(name, args)


class Randoms(types.ModuleType):
    """The random module, whose numbers are leaves."""

    def __init__(self) -> None:
        super().__init__("random")
        self.__dict__["__all__"] = list(random.__all__)

    def __getattr__(self, name: str) -> Any:
        found = getattr(random, name)
        if isinstance(found, type):
            return lambda *args: Maker(found(*args))
        return made_by(found) if callable(found) else found


def is_list(*nodes: ast.expr) -> bool:
    """Whether one of the expressions is a list display."""
    return any(isinstance(node, ast.List) for node in nodes)


class Rewriter(ast.NodeTransformer):
    """Makes leaves of the floats that are assigned, and answers float(x) and type(x)."""

    def leaf(self, node: ast.expr) -> ast.expr:
        """The literals that are the value, or elements of it."""
        if isinstance(node, ast.Constant) and type(node.value) is float:
            out: ast.expr = self.called("__leaf__", node, [node])
            return out
        if isinstance(node, ast.UnaryOp):
            node.operand = self.leaf(node.operand)
        elif isinstance(node, ast.List | ast.Tuple):
            node.elts = [self.leaf(x) for x in node.elts]
        elif isinstance(node, ast.Dict):
            node.values = [self.leaf(x) for x in node.values]
        elif isinstance(node, ast.ListComp):
            node.elt = self.leaf(node.elt)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult) and is_list(node.left, node.right):
            node.left, node.right = self.leaf(node.left), self.leaf(node.right)
            repeated: ast.expr = self.called("__parted__", node, [node])
            return repeated
        return node

    def called(self, name: str, node: ast.AST, args: list[Any]) -> Any:
        """A call of one of our builtins in the place of a node."""
        call = ast.Call(ast.Name(name, ast.Load()), args, [])
        ast.copy_location(call, node)
        return ast.copy_location(call.func, node) and call

    def visit_Assign(self, node: ast.Assign) -> Any:
        self.generic_visit(node)
        node.value = self.leaf(node.value)
        if (
            isinstance(node.value, ast.Name)
            and len(node.targets) == 1
            and isinstance(node.targets[0], ast.Name)
        ):
            node.value = self.called("__same__", node.value, [node.value])
        return node

    def visit_Call(self, node: ast.Call) -> Any:
        self.generic_visit(node)
        if (
            isinstance(node.func, ast.Name)
            and len(node.args) == 1
            and not node.keywords
            and node.func.id in ("float", "type")
        ):
            node.func.id = f"__{node.func.id}__"
        return node


def _leaf(value: float) -> Any:
    return rec.wrap(value, None, (), {}) if rec.now is not None else value


def _parted(numbers: Any) -> Any:
    """[0.0] * n as n leaves: each element is a number of its own."""
    if type(numbers) is not list or rec.now is None:
        return numbers
    return [_leaf(rec.plain(x)) if isinstance(x, rec.Float) else x for x in numbers]


def _float(x: Any) -> Any:
    if isinstance(x, rec.Recorded | rec.Scalar):
        return rec.call(rec.identity, (x,), {}, float)
    return float(x)


def _type(x: Any) -> Any:
    return type(rec.plain(x)) if isinstance(x, rec.Recorded | rec.Scalar) else type(x)


def read_source(path: Path) -> str:
    """The script's text; of a notebook, its code cells."""
    text = path.read_text(encoding="utf-8-sig")
    if path.suffix != ".ipynb":
        return text
    cells = [c for c in json.loads(text)["cells"] if c["cell_type"] == "code"]
    lines = "\n".join("".join(c["source"]) for c in cells).splitlines()
    return "\n".join("pass" if line.lstrip().startswith(("%", "!")) else line for line in lines)


class Run:
    """One run of a script, recorded."""

    def __init__(
        self, path: Path, source: str, arguments: Any, enough: Any, seconds: float, show: Any
    ) -> None:
        self.path, self.folder, self.arguments = path, path.resolve().parent, list(arguments)
        self.sources = {str(path): source}
        self.record = rec.Record(self.sources, enough)
        self.modules: dict[str, Any] = {}
        self.seconds, self.show = seconds, show
        self.error: BaseException | None = None
        self.names: dict[str, Any] = {}
        self.numpy, self.maths, self.randoms = Proxy(np), Maths(), Randoms()

    def run(self) -> "Run":
        """Run the script as __main__ in its own folder, until enough was followed."""
        module = types.ModuleType("__main__")
        module.__dict__.update(__file__=str(self.path), __builtins__=self.builtins())
        self.names = module.__dict__
        saved = sys.argv, sys.path[:], os.getcwd(), sys.modules["__main__"], sys.stdout, random.getstate()
        state, errors = np.random.get_state(), np.geterr()  # noqa: NPY002
        sys.argv, sys.modules["__main__"] = [str(self.path), *self.arguments], module
        sys.path.insert(0, str(self.folder))
        os.chdir(self.folder)
        sys.stdout = self.show or io.StringIO()
        rec.now = self.record
        alarm = self.set_alarm()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self.execute(str(self.path), self.sources[str(self.path)], module.__dict__)
        except (rec.Stop, SystemExit):
            pass
        except (Exception, KeyboardInterrupt) as error:
            self.error = error
        finally:
            rec.now = None
            if alarm:
                signal.setitimer(signal.ITIMER_REAL, 0)
            sys.argv, sys.path[:], folder, sys.modules["__main__"], sys.stdout, before = saved
            os.chdir(folder)
            random.setstate(before)
            np.random.set_state(state)  # noqa: NPY002
            np.seterr(**errors)
        return self

    def set_alarm(self) -> bool:
        """Stop a script that takes too long, where signals can be used."""

        def stop(*_: Any) -> None:
            self.record.stopped = True
            raise rec.Stop

        try:
            signal.signal(signal.SIGALRM, stop)
            signal.setitimer(signal.ITIMER_REAL, self.seconds)
        except (ValueError, AttributeError):
            return False
        return True

    def execute(self, name: str, source: str, names: dict[str, Any]) -> None:
        """Compile with the leaves and run."""
        tree = Rewriter().visit(ast.parse(source, name))
        exec(compile(ast.fix_missing_locations(tree), name, "exec"), names)

    def builtins(self) -> dict[str, Any]:
        """The builtins that the script sees."""
        names = dict(vars(builtins))
        names.update(
            __import__=self.find,
            __leaf__=_leaf,
            __parted__=_parted,
            __float__=_float,
            __type__=_type,
            __same__=rec.renamed,
            input=lambda *_: "",
        )
        return names

    def find(self, name: str, glob: Any = None, loc: Any = None, fromlist: Any = (), level: int = 0) -> Any:
        """The import statement: proxies, dummies, the script's own modules, or the real thing."""
        first = name.partition(".")[0]
        if first in DUMMIES:
            return Dummy()
        if first in ("math", "random"):
            return self.maths if first == "math" else self.randoms
        local = self.folder / (name.replace(".", "/") + ".py")
        if local.is_file() and level <= 1:
            return self.local(name, local)
        module = builtins.__import__(name, glob, loc, fromlist, level)
        if first in ("numpy", "scipy"):
            proxy = self.numpy if first == "numpy" else Proxy(builtins.__import__(first))
            for part in name.split(".")[1:] if fromlist else ():
                proxy = getattr(proxy, part)
            return proxy
        return module

    def local(self, name: str, path: Path) -> Any:
        """A module of the script's own, followed too."""
        if name not in self.modules:
            module = self.modules[name] = types.ModuleType(name)
            module.__dict__.update(__file__=str(path), __builtins__=self.builtins())
            self.sources[str(path)] = path.read_text(encoding="utf-8-sig")
            self.execute(str(path), self.sources[str(path)], module.__dict__)
        return self.modules[name]
