"""The layout that design.md's "Folders" fixes: how large each part is, how wide its lines are, and that imports go one way."""

import ast
import re
from pathlib import Path

import pytest

from tests.project import count
from tests.project.count import BUDGETS, PACKAGE, Size

# ---- PRESENT EXCESSES -------------------------------------------------------------------------------------------------
#
# What does not hold yet, each with what will mend it. A test fails where one of these is no longer needed: take it out then.
# This is to become empty.

EXCESSES: dict[str, str] = {
    "support/": "the numbers that NumPy lacks, and the blocks that set modes, serve every folder above",
    "core/, the row files": "lines of 110 columns are more lines; the tokens keep to their budget",
    "core/, the rest": "the fronts of rows with parameters check their arguments, each with a message of its own",
    "core/, the scalar path": "the quick methods of Values and IEEE results of floats stand beside the plain way",
    "array_functions.py": "120 functions of NumPy's, a line of formula each where one is enough, and some of ten",
    "derivatives.py": "its refusals, each with what to write instead, are a quarter of it",
    "compile/": "the readable backprop, its algebra among it, and the guards of a replay are to be cut to its budget",
    "check/": "the mutations, the search among them and its words are to become shorter",
    "check/audit/": "the search for corrected lines, the choice of the loss, and the recording are to be cut to their budget",
    "nn/": "losses and layers check what they are given, with messages; networks go to single Values and to PyTorch",
    "chunks.py": "the refusals that say what to write, and the wait for workers with its progress",
    "optim/": "a step that is interrupted is completed, large parameters are stepped in pieces, and each gradient is looked at first",
    "train.py": "what fit asks of its arguments, and its promises on errors, Ctrl-C and progress",
    "all but the gallery": "the sum of what is above",
}

# ---- Sizes ------------------------------------------------------------------------------------------------------------


def judged(name: str, fault: str, excesses: dict[str, str]) -> None:
    """Fail for a fault that is not a present excess, and for a present excess that is no fault any more."""
    if name in excesses:
        assert fault, f"{name}: this holds now: take it out of EXCESSES"
    else:
        assert not fault, f"{name}: {fault}"


@pytest.mark.smoke
@pytest.mark.parametrize("budget", BUDGETS, ids=lambda budget: budget.name)
def test_the_budgets_of_code_lines_and_tokens_hold(budget):
    """Each part of the package keeps to design.md's code lines and tokens; `python -m tests.project.count` prints them all."""
    if not budget.paths():
        pytest.skip("not all of its files are there yet")
    judged(budget.name, budget.over(), EXCESSES)


PATHS = [path.relative_to(PACKAGE).as_posix() for path in BUDGETS[-1].paths()]
PATHS += [path.relative_to(PACKAGE).as_posix() for path in sorted(PACKAGE.glob("gallery/**/*.py"))]


@pytest.mark.parametrize("path", PATHS)
def test_no_code_line_is_longer_than_110_columns(path):
    """Code ends at column 110 at the latest; comments and docstrings may go on to 140."""
    wide = count.wide_lines(PACKAGE / path)
    judged(f"wide lines: {path}", f"lines {wide} are too wide" * bool(wide), EXCESSES)


def test_excesses_are_of_things_that_there_are():
    """Each name in EXCESSES is that of a budget, of a file's wide lines or of an import, so that none is forgotten there."""
    names = {budget.name for budget in BUDGETS} | {f"wide lines: {path}" for path in PATHS}
    for name in EXCESSES:
        kind, _, rest = name.partition(": ")
        assert name in names or (kind == "import" and " imports " in rest), name


def test_an_excess_without_need_and_a_fault_without_excess_are_noticed():
    """The two ways in which the tests above fail."""
    with pytest.raises(AssertionError, match="take it out"):
        judged("a", "", {"a": "reason"})
    with pytest.raises(AssertionError, match="b: too large"):
        judged("b", "too large", {"a": "reason"})
    judged("a", "too large", {"a": "reason"})
    judged("b", "", {"a": "reason"})


COUNTED = '''"""Doc."""

# comment
x = 1  # kept


def f():
    """Doc
    of f."""
    return """a

b"""
'''


def test_what_is_counted():
    """Blank lines, comments and docstrings are left out, and nothing else; a string of three lines is three, and one token."""
    assert count.size_of_python(COUNTED) == Size(lines=5, tokens=3 + 5 + 2)
    assert count.size_of_python("f'{x + 1} and {y!r:>{width}}'") == Size(1, 1)
    assert count.size_of_python("") == Size(0, 0)
    assert count.size_of_page("a {\n  b: c;\n}\n") == Size(3, 3)  # 14 bytes


def test_a_budget_that_is_exceeded_says_by_how_much():
    """Lines and tokens each, and a budget of files that are not there is none."""
    text = count.Budget("core", ("core/node.py",), 1, 2).over()
    assert re.fullmatch(r"[\d,]+ code lines, the budget is 1; [\d,]+ tokens, the budget is 2", text)
    assert count.Budget("core", ("core/node.py",), 10_000, 100_000).over() == ""
    assert count.Budget("none", ("core/node.py", "core/nothing.py"), 1).paths() == []


@pytest.mark.parametrize(
    ("source", "wide"),
    [
        ("x = " + "1 + " * 26 + "1", []),
        ("x = " + "1 + " * 27 + "1", [1]),
        ("# " + "a" * 138, []),
        ("# " + "a" * 139, [1]),
        ('"""' + "a" * 137 + '\n"""', []),
        ('"""' + "a" * 138 + '\n"""', [1]),
        ('x = """' + "a" * 110 + '\n"""', [1]),
        ("x = 1" + " " * 100 + "# " + "a" * 20, []),
    ],
)
def test_widths(source, wide):
    """Code of 109 columns and of 113, comments and docstrings of 140 and of 141, a long string that is code, a comment behind code."""
    assert count.too_wide(source) == wide


# ---- Imports ----------------------------------------------------------------------------------------------------------

# The folder list of design.md, from top to bottom: a file imports from lines above its own only.
# One line is moved: plot stands above train, since a History of train draws itself with it.
ORDER = (
    "errors", "support", "core.op", "core.readings", "core.quick", "core.engine", "core.node", "core.rows", "core.value",
    "core.special_rows", "core.array_rows", "core.tensor", "core.functions", "core", "symbols", "array_functions", "scipy_functions",
    "numpy_protocols", "derivatives",
    "compile", "draw", "check", "nn", "optim", "io", "chunks", "plot", "train", "cli", "", "gallery", "__main__",
)  # fmt: skip
FOLDERS = (
    "support",
    "compile",
    "draw",
    "check",
    "nn",
    "optim",
    "cli",
    "gallery",
)  # whose files may import from one another
PROGRAMS = ("gallery", "cli", "__main__")  # they use the public API: `import autograd_mini`
DOORS = {("cli", "gallery"), ("__main__", "cli")}  # the command starts the programs


def line_of(module):
    """The place of a module (its path below the package, with dots) in the folder list; KeyError for a file that is not in it."""
    while module not in ORDER:
        if "." not in module:
            raise KeyError(f"{module} is not in the folder list")
        module = module.rpartition(".")[0]
    return ORDER.index(module)


def imports_of(tree, path):
    """The modules of the package that a file imports, as paths below the package; also inside functions."""
    name = ".".join(path.with_suffix("").parts)
    is_package = path.name == "__init__.py"
    here = name.rpartition(".")[0] if not is_package else ".".join(path.parent.parts)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = here.split(".") if here else []
            base = base[: len(base) - (node.level - 1)]
            module = ".".join([*base, *(node.module.split(".") if node.module else [])])
            for alias in node.names:
                inner = f"{module}.{alias.name}" if module else alias.name
                yield inner if exists(inner) else module
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "autograd_mini":
            module = node.module.partition(".")[2]
            for alias in node.names:
                inner = f"{module}.{alias.name}" if module else alias.name
                yield inner if exists(inner) else module
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "autograd_mini":
                    yield alias.name.partition(".")[2]


def exists(module):
    """Whether there is such a file or folder in the package."""
    where = PACKAGE.joinpath(*module.split("."))
    return where.is_dir() or where.with_suffix(".py").is_file()


def name_of(path):
    """The module of a file, as a path below the package with dots."""
    return ".".join(path.parent.parts if path.name == "__init__.py" else path.with_suffix("").parts)


def upward(source, path):
    """The imports of a file that go up or sideways in the folder list; a folder may import from itself."""
    mine = name_of(path)
    own, found = ORDER[line_of(mine)], []
    for module in imports_of(ast.parse(source), path):
        theirs = ORDER[line_of(module)]
        allowed = (
            line_of(module) < line_of(mine)
            or (theirs == own and own in FOLDERS)
            or (not module and own in PROGRAMS)
            or (own, theirs) in DOORS
        )
        if not allowed:
            found.append(f"{mine or 'autograd_mini'} imports {module or 'autograd_mini'}")
    return found


def wrong_imports():
    """All imports of the package that go the wrong way."""
    found = set()
    for path in PACKAGE.rglob("*.py"):
        found.update(upward(path.read_text(encoding="utf8"), path.relative_to(PACKAGE)))
    return found


@pytest.mark.smoke
def test_imports_go_one_way():
    """Every import inside the package, also those within functions, goes to a line above its own in design.md's list."""
    excesses = {name.partition(": ")[2] for name in EXCESSES if name.startswith("import: ")}
    found = wrong_imports()
    assert sorted(found - excesses) == []
    assert sorted(excesses - found) == [], "these hold now: take them out of EXCESSES"


def test_imports_are_seen():
    """The test above sees more than 100 imports between files."""
    seen = [
        module
        for path in PACKAGE.rglob("*.py")
        for module in imports_of(ast.parse(path.read_text(encoding="utf8")), path.relative_to(PACKAGE))
    ]
    assert len(seen) > 100


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("core/engine.py", "from .node import Node"),
        ("core/node.py", "def f():\n    from .tensor import Tensor"),
        ("errors.py", "from .core import engine"),
        ("draw/tree.py", "from ..nn import Module"),
        ("core/value.py", "import autograd_mini"),
        ("optim/blocks.py", "from autograd_mini.train import fit"),
        ("core/value.py", "from .. import nn"),
        ("core/value.py", "from . import tensor"),
        ("gallery/xor.py", "from autograd_mini.__main__ import main"),
        ("support/files.py", "from ..core.op import Op"),
        ("nn/modules.py", "from ..optim import SGD"),
    ],
)
def test_the_test_of_import_order_can_fail(path, source):
    """An import that goes the wrong way is found, in every form of the statement."""
    assert len(upward(source, Path(path))) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("core/engine.py", "from ..errors import GraphError"),
        ("draw/tree.py", "from .graph import Graph"),
        ("gallery/xor.py", "import autograd_mini as ag"),
        ("cli/__init__.py", "from ..gallery import ENTRIES"),
        ("optim/sgd.py", "from .blocks import Block\nfrom ..core.node import Node\nimport numpy"),
    ],
)
def test_imports_downward_are_let_pass(path, source):
    assert upward(source, Path(path)) == []


def test_a_file_that_is_not_in_the_list_is_noticed():
    """A new folder or file has to be given its line."""
    with pytest.raises(KeyError, match="planted is not in the folder list"):
        upward("", Path("planted/new.py"))
