"""What importing the package imports, and the names that it offers."""

import inspect
import re

import pytest

import autograd_mini as ag
from tests.helpers.processes import run_script
from tests.project.count import PACKAGE

EXTRAS = (
    "scipy", "torch", "matplotlib", "tqdm", "numba", "graphviz", "pytest", "safetensors", "mlxtend", "jupytext", "nbclient", "IPython",
    "ipykernel", "jax", "autograd", "mygrad", "micrograd", "casadi", "hypothesis", "mpmath", "pandas", "dask", "distributed",
    "cloudpickle", "sympy", "mkdocs",
)  # fmt: skip
IMPORTED = f"""
import sys
before = set(sys.modules)
import autograd_mini as ag
from autograd_mini import nn, optim
(ag.Tensor([[1.0, 2.0]]) @ ag.Tensor([[1.0], [2.0]])).tanh().sum().backward()
ag.nn.scalar.MLP(2, [3, 1])([1.0, 2.0]).backward()
print(sorted({{name.partition(".")[0] for name in set(sys.modules) - before}} & set({EXTRAS!r})))
"""


def printed(script):
    """What a script prints in a fresh interpreter."""
    done = run_script(script)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_imports_no_extra():
    """A fresh interpreter that imports the package and differentiates has loaded none of the optional packages."""
    assert printed(IMPORTED) == "[]"


def test_the_test_of_imports_can_fail(tmp_path):
    """An extra that is imported is noticed."""
    (tmp_path / "tqdm.py").write_text("")
    planted = IMPORTED.replace(
        "from autograd_mini import nn",
        f"sys.path.insert(0, {str(tmp_path)!r})\nimport tqdm\nfrom autograd_mini import nn",
    )
    assert planted != IMPORTED
    assert printed(planted) == "['tqdm']"


def as_ruff_sorts(name):
    """The key of ruff's RUF022: CONSTANTS, then Classes, then the rest, and numbers by their size."""
    kind = 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2
    return kind, [
        (part.isdigit(), int(part) if part.isdigit() else part) for part in re.split(r"(\d+)", name) if part
    ]


@pytest.mark.smoke
def test_all_is_sorted_and_complete():
    """ag.__all__ is sorted, has no doubles, and equals the public names."""
    names = ag.__all__
    assert list(names) in (sorted(names), sorted(names, key=as_ruff_sorts))
    assert len(set(names)) == len(names)
    public = {name for name in vars(ag) if not name.startswith("_")}
    parts = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert set(names) - {"__version__"} >= public - parts
    assert {name for name in names if not hasattr(ag, name)} == set()
    assert {
        "Value",
        "Tensor",
        "Op",
        "apply",
        "gradients",
        "no_grad",
        "enable_grad",
        "nn",
        "optim",
        "tree",
        "exp",
        "matmul",
        "where",
    } <= set(names)


def test_all_of_the_sub_packages():
    """nn's __all__ is sorted and all there."""
    assert list(ag.nn.__all__) in (sorted(ag.nn.__all__), sorted(ag.nn.__all__, key=as_ruff_sorts))
    assert all(hasattr(ag.nn, name) for name in ag.nn.__all__)


def test_public_things_have_docstrings():
    """Every public name has a docstring whose first line says what it gives."""
    for name in ag.__all__:
        thing = getattr(ag, name)
        assert (thing.__doc__ or "").strip() or isinstance(thing, str), name


# ---- Docstrings: the folders whose public names have been gone through --------------------------------------------------

READ = (
    "nn",
    "optim",
    "draw",
    "train",
    "io",
    "chunks",
    "plot",
    "derivatives",
    "array_functions",
    "cli",
    "support",
)


def documented():
    """Each public function, class and method of these folders by its name, but for NumPy's own functions and methods that override."""
    for module in (ag, ag.nn, ag.nn.scalar, ag.nn.init, ag.optim):
        for name in getattr(module, "__all__", None) or [name for name in vars(module) if name[0] != "_"]:
            thing = getattr(module, name)
            place = str(getattr(thing, "__module__", "")).split(".")
            if place[0] != "autograd_mini" or place[1] not in READ or doc(thing).startswith("Return np."):
                continue
            yield f"{module.__name__}.{name}", thing
            if inspect.isclass(thing):
                inherited = {name for base in thing.__mro__[1:] for name in vars(base)}
                for part, method in vars(thing).items():
                    is_method = inspect.isfunction(method) or isinstance(method, property | classmethod)
                    if is_method and part[0] != "_" and part not in inherited:
                        yield f"{module.__name__}.{name}.{part}", method


def doc(thing):
    return inspect.getdoc(thing) or ""


DOCUMENTED = dict(documented())


@pytest.mark.parametrize("name", DOCUMENTED)
def test_a_public_docstring_has_an_example(name):
    """Each has one that is executed, or says that it is in the class."""
    text = doc(DOCUMENTED[name])
    assert ">>>" in text or "the example of the class" in text


def described(thing):
    """The parameters of a function or class that its docstring does not name; of three or fewer, none is asked for."""
    given = [name for name in inspect.signature(thing).parameters if name != "self"]
    others = {"kwargs", "options", "others", "closure", "rng"}
    missing = [name for name in given if not re.search(rf"\b{name}\b", doc(thing)) and name not in others]
    elsewhere = re.search("rguments (and errors )?are those of", doc(thing))
    return missing if len(given) > 3 and not elsewhere else []


@pytest.mark.parametrize(
    "name",
    [name for name, thing in DOCUMENTED.items() if inspect.isfunction(thing) or inspect.isclass(thing)],
)
def test_a_public_docstring_names_more_than_three_arguments(name):
    """Each argument of a function with more than three is described, or the docstring says where."""
    assert described(DOCUMENTED[name]) == []


def test_the_tests_of_docstrings_see_much_and_can_fail():
    """They see more than 150 names; an argument that is not described is found."""

    def planted(first, second, third, fourth):
        """Return nothing of first, second and third."""

    assert len(DOCUMENTED) > 150
    assert described(planted) == ["fourth"]
