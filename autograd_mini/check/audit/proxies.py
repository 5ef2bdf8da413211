"""How a person's script is run with recording: its imports, its literals, and what is a dummy."""

import ast
import builtins
import contextlib
import io
import math
import random
import signal
import sys
import traceback
import types
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from . import record as rec
from .files import PutBack, read_source

DUMMIES = "matplotlib pylab seaborn plotly tqdm IPython progressbar imageio bokeh cv2"


class Dummy:
    """Stands for a plotting library, and for whatever it gives; around a loop's items, for them."""

    def __init__(self, items: Any = None, *_: Any, **__: Any) -> None:
        looped = hasattr(items, "__iter__") and not isinstance(items, str)
        self.items = items if looped else (self, self)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return Dummy(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return (lambda *args: Dummy(range(*args))) if name == "trange" else Dummy()

    def __iter__(self) -> Iterator[Any]:
        return iter(self.items)

    def __getitem__(self, key: Any) -> Any:
        return Dummy()

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: Any) -> None:
        pass


class Proxy(types.ModuleType):
    """A module, or an object with methods, as the script sees it: `turn` gives what stands for each of its names."""

    def __init__(self, real: Any, turn: Callable[[Any], Any]) -> None:
        super().__init__(getattr(real, "__name__", ""))
        names = getattr(real, "__all__", None) or [n for n in dir(real) if not n.startswith("_")]
        self.__dict__.update(_real=real, _turn=turn, __all__=list(names))

    def __getattr__(self, name: str) -> Any:
        out = self.__dict__[name] = self._turn(getattr(self._real, name))
        return out


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


class Vectorized:
    """np.vectorize: the function on the whole array where that gives the same, else as one operation."""

    def __init__(self, func: Any, *args: Any, **options: Any) -> None:
        self.func, self.real = (
            func,
            np.vectorize(lambda *numbers: rec.plain(func(*numbers)), *args, **options),
        )

    def __call__(self, *args: Any) -> Any:
        with rec.paused() as record:
            right = self.real(*rec.plain(args))
        if record is None:
            return right
        count = len(record.steps)
        with contextlib.suppress(Exception), np.errstate(all="ignore"):
            whole: Any = self.func(*args)
            if np.array_equal(rec.plain(whole), right) and getattr(whole, "dtype", None) == right.dtype:
                return whole
        del record.steps[count:]
        return rec.call(self.real, args, {}, lambda *_: right)


def of_numpy(found: Any) -> Any:
    """What the script gets for a name of NumPy's, or of a module of scipy's."""
    if found is np.vectorize:
        return Vectorized
    if found is np.matrix:
        return lambda *args, **kwargs: rec.call(np.asmatrix, args, kwargs, np.matrix)
    if found is np.c_ or found is np.r_:
        return Indexing(rec.c_ if found is np.c_ else rec.r_)
    if isinstance(found, types.ModuleType):
        known = found.__name__.startswith(("numpy", "scipy.optimize"))
        return Proxy(found, making if found is np.random else of_numpy) if known else found
    if getattr(found, "__module__", "").startswith("scipy"):
        return descended(found) if found.__name__ in MINIMISERS else found
    return found if isinstance(found, type) or not callable(found) else Function(found)


def of_math(found: Any) -> Any:
    """What the script gets for a name of the math module."""
    like = getattr(np, getattr(found, "__name__", ""), None)

    def run(*args: Any) -> Any:
        if like is np.log and len(args) == 2:
            return run(args[0]) / run(args[1])
        return rec.call(like, args, {}, found)

    return run if callable(found) else found


MAKERS = (np.random.Generator, np.random.RandomState, random.Random)
OF_LISTS = ("shuffle", "sample", "choice", "choices", "permutation")


def making(found: Any) -> Any:
    """A name of np.random, of random or of a generator: what the functions return are leaves."""
    if not callable(found) or (isinstance(found, type) and not issubclass(found, MAKERS)):
        return found
    name = getattr(found, "__name__", "")

    def make(*args: Any, **kwargs: Any) -> Any:
        if name in OF_LISTS and args and type(args[0]) is list:
            return found(*args, **kwargs)  # the list's own elements
        if name == "shuffle" and args and isinstance(args[0], rec.Arrays):
            shuffled = np.array(rec.plain(args[0]))
            found(shuffled)
            args[0][...] = rec.wrap(shuffled, None)
            return None
        result = found(*rec.plain(args), **rec.plain(kwargs))
        return Proxy(result, making) if isinstance(result, MAKERS) else rec.wrap(result, None)

    make.__name__ = name
    return make


MINIMISERS = {"minimize", "fmin_cg", "fmin_bfgs", "fmin_l_bfgs_b", "fmin_tnc", "fmin_ncg"}
STEPS_DOWN, RATE = 10, 0.01  # of the descent that stands for a minimiser of scipy's


def descended(found: Any) -> Any:
    """A minimiser of scipy's as plain descent by the script's own gradient, so that it can be followed; else itself."""

    def descend(f: Any, x0: Any, *more: Any, **options: Any) -> Any:
        jac = options.get("jac", options.get("fprime", more[0] if more and callable(more[0]) else None))
        args = options.get("args", ())
        if jac and rec.now is not None:
            rec.now.kept["rate"] = RATE
            x = rec.wrap(np.array(rec.plain(x0), float), None)
            for _ in range(STEPS_DOWN):
                value = f(x, *args)
                g = value[1] if jac is True else jac(x, *args)
                x = rec.call(np.subtract, (x, rec.call(np.multiply, (RATE, g), {})), {})
        return found(f, x0, *more, **options)

    return descend


# ---- The script's own text -------------------------------------------------------------------------------------------


class Rewriter(ast.NodeTransformer):
    """Makes leaves of the floats that are assigned, and answers float(x) and type(x)."""

    def leaf(self, node: Any) -> Any:
        """The literals that are the value, or elements of it."""
        if isinstance(node, ast.Constant) and type(node.value) is float:
            return called("__leaf__", node)
        if isinstance(node, ast.BinOp):
            lists = isinstance(node.left, ast.List) or isinstance(node.right, ast.List)
            return called("__parted__", node) if lists and isinstance(node.op, ast.Mult) else node
        for part in {"operand", "elts", "values", "elt"} & set(node._fields):
            inner = getattr(node, part)
            setattr(
                node, part, [self.leaf(x) for x in inner] if isinstance(inner, list) else self.leaf(inner)
            )
        return node

    def visit_Assign(self, node: ast.Assign) -> Any:
        self.generic_visit(node)
        renaming = isinstance(node.value, ast.Name) and isinstance(node.targets[0], ast.Name)
        node.value = called("__same__", node.value) if renaming else self.leaf(node.value)
        return node

    def visit_Return(self, node: Any) -> Any:
        self.generic_visit(node)
        node.value = chosen(node.value)
        return node

    def visit_If(self, node: Any) -> Any:
        self.generic_visit(node)
        for part in (*node.body, *node.orelse):
            if isinstance(part, ast.Assign):
                part.value = chosen(part.value)
        return node

    def visit_IfExp(self, node: Any) -> Any:
        self.generic_visit(node)
        node.body, node.orelse = chosen(node.body), chosen(node.orelse)
        return node

    def visit_Call(self, node: ast.Call) -> Any:
        self.generic_visit(node)
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name in ("float", "type") and len(node.args) == 1 and not node.keywords:
            node.func = ast.copy_location(ast.Name(f"__{name}__", ast.Load()), node.func)
        return node


def chosen(node: Any) -> Any:
    """A number that a branch chooses, as a leaf: where it stands tells what it was chosen by."""
    return called("__leaf__", node) if type(getattr(node, "value", None)) in (int, float) else node


def called(name: str, node: Any) -> Any:
    """A call of one of our builtins around a node."""
    function = ast.copy_location(ast.Name(name, ast.Load()), node)
    return ast.copy_location(ast.Call(function, [node], []), node)


def leaf(value: Any) -> Any:
    """A number of the script's as a leaf."""
    return rec.wrap(np.int64(value) if type(value) is int else value, None)


def parted(numbers: Any) -> Any:
    """[0.0] * n as n leaves: each element is a number of its own."""
    if type(numbers) is not list:
        return numbers
    return [leaf(x) if type(x) is float else x for x in numbers]


def as_float(x: Any) -> Any:
    """float(x), recorded."""
    return rec.call(rec.identity, (x,), {}, float) if isinstance(x, rec.Recorded) else float(x)


def same(x: Any) -> Any:
    """The same array or number under another name, as a step of its own."""
    if isinstance(x, rec.Arrays) and x.dtype.kind == "f":
        return rec.call(rec.identity, (x,), {}, lambda v: v[...])
    return rec.call(rec.identity, (x,), {}) if isinstance(x, rec.Number) else x


# ---- The run ---------------------------------------------------------------------------------------------------------


class Run:
    """One run of a script, recorded."""

    def __init__(
        self, path: Path, source: str, arguments: Any, enough: Any, seconds: float, show: Any
    ) -> None:
        self.path, self.folder, self.arguments = path, path.resolve().parent, list(arguments)
        self.sources = {str(path): source}
        self.record = rec.Record(self.sources, enough)
        self.seconds, self.show = seconds, show
        self.error: BaseException | None = None
        self.is_late = False
        self.modules: dict[str, Any] = {name: Dummy() for name in DUMMIES.split()}
        self.modules |= {"math": Proxy(math, of_math), "random": Proxy(random, making)}
        self.builtins = vars(builtins) | {
            "__import__": self.find,
            "__leaf__": leaf,
            "__parted__": parted,
            "__float__": as_float,
            "__type__": lambda x: type(rec.plain(x)),
            "__same__": same,
            "input": lambda *_: "",
        }

    def run(self) -> "Run":
        """Run the script as __main__ in its own folder, until enough was followed."""
        with undone(), PutBack(), np.errstate(), warnings.catch_warnings(), contextlib.chdir(self.folder):
            warnings.simplefilter("ignore")
            sys.argv, sys.stdout = [str(self.path), *self.arguments], self.show or io.StringIO()
            sys.path.insert(0, str(self.folder))
            rec.now = self.record
            before = set_alarm(self.seconds, self.late)
            try:
                self.execute("__main__", self.path)
            except (rec.Stop, SystemExit) as stop:
                frames = [frame for frame, _ in traceback.walk_tb(stop.__traceback__)]
                self.record.namespaces = [f.f_locals for f in frames if f.f_code.co_filename in self.sources]
                self.error = self.error or (stop if getattr(stop, "code", None) else None)
            except Exception as error:
                self.error = error
            finally:
                rec.now = None
                set_alarm(0.0, before or signal.SIG_DFL)
                self.names = vars(self.modules["__main__"])
                self.record.namespaces.insert(0, self.names)
        return self

    def late(self, *_: Any) -> None:
        """End the script, as its time is over."""
        self.is_late = True
        self.record.stop()

    def execute(self, name: str, path: Path) -> Any:
        """Run a file as the module of this name, with leaves."""
        file, module = str(path), types.ModuleType(name)
        self.modules[name] = module
        if name == "__main__":
            sys.modules[name] = module
        else:
            self.sources[file] = read_source(path)
        vars(module).update(__file__=file, __builtins__=self.builtins)
        tree = Rewriter().visit(ast.parse(self.sources[file], file))
        exec(compile(ast.fix_missing_locations(tree), file, "exec"), vars(module))
        return module

    def find(self, name: str, glob: Any = None, loc: Any = None, fromlist: Any = (), level: int = 0) -> Any:
        """The import statement: proxies, dummies, the script's own modules, or the real thing."""
        first = name.partition(".")[0]
        for known in (name, first):
            if known in self.modules:
                return self.modules[known]
        local = self.folder / (name.replace(".", "/") + ".py")
        if local.is_file() and level <= 1:
            return self.execute(name, local)
        module = builtins.__import__(name, glob, loc, fromlist, level)
        if first not in ("numpy", "scipy"):
            return module
        proxy = Proxy(builtins.__import__(first), of_numpy)
        for part in name.split(".")[1:] if fromlist else ():
            proxy = getattr(proxy, part)
        return proxy


def set_alarm(seconds: float, ring: Any) -> Any:
    """Have something done after this time, where signals can be used; returns what was to be done before."""
    with contextlib.suppress(ValueError, AttributeError):
        before = signal.signal(signal.SIGALRM, ring)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        return before
    return None


@contextlib.contextmanager
def undone() -> Iterator[None]:
    """What a script changes for all of Python is put back after it."""
    saved = sys.argv, sys.stdout, sys.modules["__main__"]
    folders, states = sys.path[:], (random.getstate(), np.random.get_state())  # noqa: NPY002
    try:
        yield
    finally:
        sys.argv, sys.stdout, sys.modules["__main__"] = saved
        sys.path[:] = folders
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002
