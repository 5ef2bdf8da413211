"""Expressions that a user types, and the commands that show them."""

import io
import math
import os
import random
import subprocess
import sys

import numpy as np
import pytest

import autograd_mini as ag
from autograd_mini import cli
from autograd_mini.cli import expression
from autograd_mini.cli.expression import FUNCTIONS, ExpressionError, evaluate, numbers_of
from tests.helpers.processes import ROOT, TIMEOUT

NUMBERS = {"x": 1.5, "y": -2.0, "w": 0.5}


def refused(text, numbers=NUMBERS):
    """What is said of an expression that is not understood: the sentence, and the part of the expression that is marked."""
    with pytest.raises(ExpressionError) as raised:
        evaluate(text, numbers)
    why, *where = str(raised.value).split("\n")
    assert len(where) in (0, 2)
    if not where:
        return why, None
    return why, where[0][where[1].index("^") : len(where[1])]


# ---- What is understood -----------------------------------------------------------------------------------------------

UNDERSTOOD = [
    "x", "x + y", "x - y", "x*y", "x/y", "x % y", "x**2", "x**-1", "2**x", "x**y", "-x", "+x", "--x", "-x**2", "2 - -x", "(x)",
    "((x + y))*w", "x*x + x", "1/3*x", "tanh(w*x + y)", "maximum(x, y)", "exp(-x**2 / 2)/sqrt(2*pi)", "log(x)*e", "clip(x, 0, 1)",
    "tanh(x,)", "1e-3*x", ".5*x", "1_000*x", "0x10*x", "  x  ", "x +\n y", "x\t* y",
]  # fmt: skip


@pytest.mark.smoke
@pytest.mark.parametrize("text", UNDERSTOOD, ids=UNDERSTOOD)
def test_an_expression_is_what_python_makes_of_it(text):
    """Value and gradients are those of the same text, run on Values by Python."""
    root, _ = evaluate(text, NUMBERS)
    names = {name: ag.Value(number) for name, number in NUMBERS.items()}
    python = eval(
        " ".join(text.split()),
        {name: getattr(ag, name) for name in FUNCTIONS},
        {"pi": math.pi, "e": math.e, **names},
    )
    root.backward()
    python.backward()
    leaves = {box.name: box.grad for box in expression_graph(root) if box.name}
    assert root.data == python.data
    assert leaves
    assert all(grad == names[name].grad for name, grad in leaves.items())


def expression_graph(root):
    from autograd_mini.draw.graph import Graph

    return Graph(root).boxes


def test_names_are_labelled_and_shared():
    """x*x is one leaf with two uses."""
    (x, root) = expression_graph(evaluate("x*x", NUMBERS)[0])
    assert (x.name, x.uses, root.parents) == ("x", 2, (0, 0))


def test_what_is_not_used_is_told():
    """In the order given."""
    assert evaluate("x", NUMBERS)[1] == ["y", "w"]


@pytest.mark.parametrize(
    ("text", "number"),
    [("2*3", 6.0), ("1/0", math.inf), ("-1/0", -math.inf), ("0/0", math.nan), ("9**9**9**9", math.inf), ("(-8)**(1/3)", math.nan),
     ("e", math.e), ("sin(pi/2)", 1.0), ("log(0)", -math.inf), ("exp(1000)", math.inf), ("1%0", math.nan), ("0**-1", math.inf)],
    ids=lambda x: x if isinstance(x, str) else "",
)  # fmt: skip
def test_without_names_it_is_a_constant_by_ieee_rules(text, number):
    """No ZeroDivisionError, no OverflowError, no complex number, and at once."""
    root, _ = evaluate(text, {})
    assert not root.requires_grad
    assert root.data == pytest.approx(number, nan_ok=True)


def test_pi_and_e_may_be_names():
    """A number that is given goes before the constant."""
    assert evaluate("e*pi", {"e": 2.0, "pi": 3.0})[0].data == 6.0


def test_names_are_normalised_as_python_does():
    """ｔａｎｈ and the micro sign are tanh and the letter mu, in the expression and in what is given."""
    numbers = numbers_of(["µ=2", "ｘ=1"])
    assert numbers == {"\u03bc": 2.0, "x": 1.0}
    assert evaluate("ｔａｎｈ(ｘ)*µ", numbers)[0].data == 2 * math.tanh(1.0)


def elementwise():
    """The library's functions whose documentation says that they work element by element, on numbers alone."""
    for name, function in vars(ag).items():
        if not callable(function) or name.startswith("_") or name in ("where", "derivative"):
            continue
        if "element by element" in (function.__doc__ or ""):
            yield name


def test_all_elementwise_functions_can_be_called():
    """None of the library's is forgotten, and each is called with as many numbers as it takes."""
    assert set(elementwise()) == set(FUNCTIONS)
    for name, function in FUNCTIONS.items():
        least = expression._counts(name)[0]
        arguments = ["0.3*x", "0.6", "0.7"][:least]
        assert evaluate(f"{name}({', '.join(arguments)})", {"x": 1.0})[0].data == pytest.approx(
            float(function(*[0.3, 0.6, 0.7][:least])), nan_ok=True
        )


def test_a_long_sum_needs_no_recursion():
    """900 terms, a graph of 900 additions."""
    root, _ = evaluate("+".join(["x"] * 900), {"x": 2.0})
    root.backward()
    assert root.data == 1800.0
    assert len(expression_graph(root)) == 900


# ---- What is refused --------------------------------------------------------------------------------------------------

REFUSED = [
    ("2^3", "a power is written **", "^"),
    ("x × y", "a product is written *", "×"),
    ("x − y", "minus is written -", "−"),
    ("x÷y", "a quotient is written /", "÷"),
    ("x²", "a square is written **2", "²"),
    ("2*π", "π is written pi", "π"),
    ("x # y", "a comment has no place here", "#"),
    ("x = 3", "no comparisons and assignments", "="),
    ("x == 3", "no comparisons and assignments", "="),
    ("(z := 3)", "no comparisons and assignments", "="),
    ("maximum(x, y=2)", "no comparisons and assignments", "="),
    ("x < 3", "this is not allowed: allowed are numbers, names, + - * / % **", "x < 3"),
    ("y + (x in x)", "this is not allowed", "x in x"),
    ("x and y", "this is not allowed", "x and y"),
    ("not x", "this is not allowed", "not x"),
    ("~x", "this is not allowed", "~x"),
    ("x // 2", "this is not allowed", "x // 2"),
    ("(x) @ (y)", "this is not allowed", "(x) @ (y)"),
    ("x << 1", "this is not allowed", "x << 1"),
    ("x if y else 1", "this is not allowed", "x if y else 1"),
    ("x.real", "this is not allowed", "x.real"),
    ("x.real(1)", "this is not allowed", "x.real"),
    ("x[0]", "this is not allowed", "x[0]"),
    ("x[0](1)", "this is not allowed", "x[0]"),
    ("(lambda: 0)()", "this is not allowed", "lambda: 0"),
    ("y + (lambda x: x)", "this is not allowed", "lambda x: x"),
    ("f'{x}'", "this is not allowed", "f'{x}'"),
    ("'a'", "this is not allowed", "'a'"),
    ("b'a'", "this is not allowed", "b'a'"),
    ("True*x", "this is not allowed", "True"),
    ("None", "this is not allowed", "None"),
    ("...", "this is not allowed", "..."),
    ("2j*x", "this is not allowed", "2j"),
    ("(x, y)", "this is not allowed", "(x, y)"),
    ("x, y", "this is not allowed", "x, y"),
    ("[x]", "this is not allowed", "[x]"),
    ("{x}", "this is not allowed", "{x}"),
    ("{x: y}", "this is not allowed", "{x: y}"),
    ("[x for x in y]", "this is not allowed", "[x for x in y]"),
    ("tanh(x for x in y)", "this is not allowed", "(x for x in y)"),
    ("tanh(*x)", "this is not allowed", "*x"),
    ("tanh(**x)", "this is not allowed", "x"),
    ("await x", "not allowed", None),
    ("(yield)", "this is not allowed", "yield"),
    ("import os", "not understood here: allowed are", "import"),
    ("x; y", "not understood", ";"),
    ("x y", "not understood", None),
    ("x + * y", "not understood", "*"),
    ("x +", "not understood", None),
    ("2x", "a product is written *", None),
    ("(x", "'(' was never closed", "("),
    ("x)", "unmatched ')'", ")"),
    ("2(x)", "this is no function: for a product write *", "2"),
    ("(x + y)(w)", "this is no function: for a product write *", "x + y"),
    ("tanh(x)(y)", "this is no function: for a product write *", "tanh(x)"),
    ("-x(y)", "x is a number, no function: for a product write x*(…)", "x"),
    ("pi(x)", "pi is a number", "pi"),
    ("tahn(x)", "tahn is no function here: did you mean tan or tanh?", "tahn"),
    ("ln(x)", "ln is no function here: did you mean log", "ln"),
    ("max(x, y)", "did you mean maximum?", "max"),
    ("asin(x)", "did you mean arcsin", "asin"),
    ("qqq(x)", "the functions are abs, add, arccos", "qqq"),
    ("__import__('os')", "this is not allowed", "'os'"),
    ("__import__(x)", "__import__ is no function here", "__import__"),
    ("eval(x)", "eval is no function here", "eval"),
    ("backward(x)", "backward is no function here", "backward"),
    ("sum(x)", "sum is no function here", "sum"),
    ("where(x, x, y)", "where is no function here", "where"),
    ("tanh", "tanh is a function: tanh(x)", "tanh"),
    ("x + z", "z has no number: add z=1 after the expression", "z"),
    ("xx + 1", "xx has no number: did you mean x? Or add xx=1", "xx"),
    ("х + 1", "х has no number", "х"),
    ("tanh()", "tanh takes 1 number, not 0: tanh(x)", "tanh()"),
    ("tanh(x, y)", "tanh takes 1 number, not 2", "tanh(x, y)"),
    ("maximum(x)", "maximum takes 2 numbers, not 1: maximum(x, y)", "maximum(x)"),
    ("clip(x, 0, 1, 2)", "clip takes 1 to 3 numbers, not 4: clip(x, min, max)", "clip(x, 0, 1, 2)"),
    ("gelu(x, 1)", "gelu takes 1 number", "gelu(x, 1)"),
    ("y*1e999", "beyond the range of floats", "1e999"),
    ("1" + "0" * 400, "beyond the range of floats", None),
    ("9" * 5000, "beyond the range of floats", None),
    ("0x" + "f" * 9000, "beyond the range of floats", None),
    ("x\x1b[31m", "the character U+001B has no place here", "\ufffd"),
    ("x\0", "the character U+0000", "\ufffd"),
    ("x\ud800", "the character U+D800", "\ufffd"),
    ("x\u200b", "the character U+200B", "\ufffd"),
    ("“x”", "invalid character", "“"),
    ("", "the expression is empty", None),
    (" \n ", "the expression is empty", None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "why", "where"), REFUSED, ids=[ascii(text[:24]) for text, *_ in REFUSED])
def test_whatever_else_is_refused_and_pointed_at(text, why, where):
    """The sentence says what is wrong and what to do, the mark stands below the place."""
    said, marked = refused(text)
    assert why in said
    assert where in (None, marked)


AUDITED = """
import sys
from tests.cli.test_expression import REFUSED, UNDERSTOOD, evaluate_quietly
texts, seen, audited = [text for text, *_ in REFUSED] + UNDERSTOOD + {more!r}, set(), False
sys.addaudithook(lambda event, arguments: seen.add(event) if audited else None)
for audited in (False, True):  # the first round imports what is needed
    for text in texts:
        evaluate_quietly(text)
{planted}
audited = False
print(*sorted(seen - {{"builtins.id", "object.__getattr__"}}))
"""
MORE = [
    "__import__('os').system('true')",
    "open('x')",
    "exec('1')",
    "eval('1')",
    "().__class__.__bases__[0]",
    "breakpoint()",
    "print(1)",
    "input()",
]


@pytest.mark.parametrize(
    ("planted", "events"), [("", {"compile"}), ("eval('1')", {"compile", "exec"})], ids=["ours", "planted"]
)
def test_nothing_is_run(planted, events):
    """Python's own audit sees the parser at work, and no code executed, no import, no file, no process; the audit can fail."""
    source = AUDITED.format(more=MORE, planted=planted)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        [sys.executable, "-c", source],
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=True,
        env=environment,
    )
    assert set(result.stdout.split()) == events


def evaluate_quietly(text):
    try:
        return evaluate(text, NUMBERS)
    except ExpressionError as error:
        return error


DEEP = {
    "parentheses": "(" * 4990 + "x" + ")" * 4990, "minus": "-" * 9990 + "x", "sum": "x" + "+x" * 4990, "power": "x" + "**x" * 3300,
    "calls": "tanh(" * 1500 + "x" + ")" * 1500, "attributes": "x" + ".a" * 4990, "indices": "x" + "[0]" * 3300,
    "lambda": "lambda:" * 1400 + "x", "if": "x if x else " * 800 + "x", "not": "not " * 2400 + "x", "lists": "[" * 5000,
    "fstring": "f'" + "{x!r:" * 1000, "await": "await " * 1600, "comparisons": "x" + "<x" * 4990, "stars": "*" * 9990,
    "tuples": "(x," * 3300, "call": "x" + "()" * 4990, "million": "x" * 10**6,
}  # fmt: skip


@pytest.mark.parametrize("text", DEEP.values(), ids=DEEP)
def test_an_expression_that_is_too_deep_is_refused(text):
    """Whatever the parser makes of it (RecursionError, MemoryError, SyntaxError), one clear and short message."""
    with pytest.raises(ExpressionError) as raised:
        evaluate(text, NUMBERS)
    assert len(str(raised.value)) < 600


def test_the_mark_stands_below_the_place():
    """Also in the middle of a long expression, of which a piece is shown."""
    why, text, mark = str(evaluate_quietly("x + é + foo")).split("\n")
    assert mark == " " * text.index("é") + "^"
    with pytest.raises(ExpressionError) as raised:
        evaluate(" + ".join(["x"] * 100 + ["foo"] + ["x"] * 100), NUMBERS)
    why, text, mark = str(raised.value).split("\n")
    assert text[mark.index("^") : len(mark)] == "foo"
    assert len(text) < 130
    assert text.strip().startswith("…")
    assert text.endswith("…")


def test_random_texts():
    """20,000 texts of pieces of the language and of what is not in it: a node, or an ExpressionError that can be printed."""
    pieces = [
        "x", "y", "(", ")", "+", "-", "*", "/", "**", "%", "1", "2.5", "tanh", "(x)", "maximum", "clip", ",", "e", " ", "foo", "'", '"',
        "[", "]", "{", "}", ":", "<", ".", "lambda ", "if ", "else ", "for ", "in", "not ", "@", "~", "!", "\\", "f'", "1e5", "0x", "_",
        "é", "日", "\n", "None", "...", "*x", "**x", "await ", "1j", "\x00", "\ud800",
    ]  # fmt: skip
    rng, understood = random.Random(0), 0
    for _ in range(20_000):
        text = "".join(rng.choice(pieces) for _ in range(rng.randint(1, 9)))
        said = evaluate_quietly(text)
        if isinstance(said, ExpressionError):
            lines = str(said).split("\n")
            assert len(lines) in (1, 3)
            assert all(line.isprintable() for line in lines)
        else:
            understood += 1
            assert isinstance(said[0], ag.Value)
    assert understood > 100


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["x"], "x: NAME=NUMBER is needed, as x=2"),
        (["x", "=", "2"], "x: NAME=NUMBER is needed, as x=2, without spaces"),
        (["=2"], "=2: '' cannot be a name"),
        (["2=x"], "2=x: '2' cannot be a name"),
        (["x y=2"], "'x y' cannot be a name"),
        (["if=2"], "'if' cannot be a name"),
        (["x.y=2"], "'x.y' cannot be a name"),
        (["x="], "x=: '' is no number: x=0.5 would be"),
        (["x=abc"], "x=abc: 'abc' is no number"),
        (["x=1+1"], "'1+1' is no number"),
        (["x==1"], "'=1' is no number"),
        (["x=1j"], "'1j' is no number"),
        (["x=1e999"], "x=1e999: this number is beyond the range"),
        (["x=1", "x=1"], "x=1: x is given twice"),
        (["ｘ=1", "x=2"], "x is given twice"),
        (["x=\x1b[31m"], "x=\ufffd[31m: '\\x1b[31m' is no number"),
    ],
    ids=lambda x: ascii(x) if isinstance(x, list) else "",
)
def test_numbers_that_are_refused(arguments, why):
    """Each message names the argument."""
    with pytest.raises(ExpressionError) as raised:
        numbers_of(arguments)
    assert why in str(raised.value)
    assert str(raised.value).isprintable()


def test_numbers():
    """As Python reads them, with spaces around, ∞ and NaN by name."""
    found = numbers_of(["a=-1", "b = 2 ", "c=1e-3", "d=inf", "_e1=1_000", "f=-Infinity", "g=nan"])
    assert list(found.items())[:6] == [
        ("a", -1.0),
        ("b", 2.0),
        ("c", 1e-3),
        ("d", math.inf),
        ("_e1", 1000.0),
        ("f", -math.inf),
    ]
    assert np.isnan(found["g"])


# ---- The commands -----------------------------------------------------------------------------------------------------

TREE = """\
tanh = -0.905148  ∂ 1
└─ add = -1.5  ∂ 0.180707
   ├─ multiply = -2  ∂ 0.180707
   │  ├─ w = 2  ∂ -0.180707
   │  └─ x = -1  ∂ 0.361413
   └─ b = 0.5  ∂ 0.180707
"""


def run(*arguments, **environment):
    command = [sys.executable, "-m", "autograd_mini", *arguments]
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PYTHONIOENCODING": "utf-8",
        **environment,
    }
    return subprocess.run(
        command, capture_output=True, timeout=TIMEOUT, encoding="utf-8", check=False, env=environment
    )


def test_the_tree_of_an_expression():
    """`python -m autograd_mini tree "tanh(w*x + b)" w=2 x=-1 b=0.5`, as a user types it: 1 − tanh(−1.5)² = 0.180707."""
    result = run("tree", "tanh(w*x + b)", "w=2", "x=-1", "b=0.5")
    assert (result.returncode, result.stdout, result.stderr) == (0, TREE, "")
    assert 1 - math.tanh(-1.5) ** 2 == pytest.approx(0.180707, rel=1e-5)


@pytest.mark.parametrize("arguments", [
    ["--ascii", "tanh(w*x + b)", "w=2", "x=-1", "b=0.5"], ["tanh(w*x + b)", "w=2", "--ascii", "x=-1", "b=0.5"],
    ["w=2", "x=-1", "b=0.5", "tanh(w*x + b)", "--ascii"], ["--ascii", "--", "tanh(w*x + b)", "w=2", "x=-1", "b=0.5"],
], ids=["first", "between", "last", "dashes"])  # fmt: skip
def test_options_and_numbers_in_any_order(capsys, arguments):
    """Before, between and after."""
    assert cli.main(["tree", *arguments]) == 0
    found = capsys.readouterr().out
    assert found.isascii()
    assert found.count("grad") == 6


@pytest.mark.parametrize(("arguments", "number"), [
    (["-x*2", "x=3"], -6), (["-o*2", "o=3"], -6), (["-h", "--", "x"], None), (["--x", "x=3"], 3), (["--", "--xyz", "xyz=3"], 3),
    (["-(x)", "x=3"], -3),    (["-2*x", "x=3"], -6), (["-2", "x=3"], -2),
], ids=str)  # fmt: skip
def test_an_expression_may_begin_with_a_minus(capsys, arguments, number):
    """It is taken for an option only where it is one."""
    if number is None:
        with pytest.raises(SystemExit, match="0"):
            cli.main(["tree", *arguments])
        assert "EXPRESSION" in capsys.readouterr().out
    else:
        assert cli.main(["tree", *arguments]) == 0
        assert f"= {number}" in capsys.readouterr().out.splitlines()[0]


def test_depth(capsys):
    """--depth cuts, and says what is missing."""
    assert cli.main(["tree", "tanh(w*x + b)", "w=2", "x=-1", "b=0.5", "--depth", "1"]) == 0
    assert "4 more of 6 nodes" in capsys.readouterr().out
    assert cli.main(["tree", "x", "x=1", "--depth", "-1"]) == 2
    assert capsys.readouterr().err == "autograd-mini tree: depth must be an int ≥ 0 or None, got -1\n"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_the_tree_where_its_letters_cannot_be_printed(encoding):
    """A console without box-drawing gets plain ASCII."""
    result = run("tree", "日本*x", "日本=2", "x=3", PYTHONIOENCODING=encoding)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines()[1:] == ["|- \\u65e5\\u672c = 2  grad 3", "`- x = 3  grad 2"]


@pytest.mark.parametrize("command", ["tree", "draw", "explore"])
@pytest.mark.parametrize(
    "arguments",
    [["2^3"], ["x"], ["", "x=1"], ["tahn(x)", "x=1"], ["x", "x=a"], ["(" * 10_000]],
    ids=lambda x: x[0][:9],
)
def test_errors_go_to_stderr(capsys, tmp_path, command, arguments):
    """Status 2, no traceback, nothing printed, nothing written."""
    output = [] if command == "tree" else ["-o", str(tmp_path / "out.svg")]
    assert cli.main([command, *arguments, *output]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"autograd-mini {command}: ")
    assert len(err.splitlines()) in (1, 3)
    assert list(tmp_path.iterdir()) == []


def test_an_error_in_a_process_has_no_traceback():
    """As a user sees it."""
    result = run("tree", "tahn(x)", "x=1")
    assert result.returncode == 2
    assert result.stdout == ""
    assert (
        result.stderr
        == "autograd-mini tree: tahn is no function here: did you mean tan or tanh?\n  tahn(x)\n  ^^^^\n"
    )


def test_notes(capsys):
    """A number that is not used, and an expression without names, are told and do not stop anything."""
    assert cli.main(["tree", "x", "x=1", "y=2"]) == 0
    assert capsys.readouterr() == ("x = 1  ∂ 1\n", "note: y is not in the expression\n")
    assert cli.main(["tree", "2*3"]) == 0
    assert capsys.readouterr() == (
        "constant = 6\n",
        "note: the expression is constant: it has no name, and so no gradient\n",
    )


def test_a_page_of_a_constant(capsys, tmp_path):
    """There is nothing to step through: status 1, and why."""
    assert cli.main(["explore", "2*3", "-o", str(tmp_path / "page.html")]) == 1
    assert "the expression is constant" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_page_and_the_picture(capsys, tmp_path):
    """Both are written, whole, and said."""
    for command, name, begins in (
        ("explore", "page.html", "<!doctype html>"),
        ("draw", "g.svg", "<svg"),
        ("draw", "g.dot", "digraph"),
    ):
        path = tmp_path / name
        assert cli.main([command, "tanh(w*x + b)", "w=2", "-o", str(path), "x=-1", "b=0.5"]) == 0
        assert capsys.readouterr().out == f"written: {path}\n"
        assert begins in path.read_text("utf-8")[:200].lower()


def test_a_picture_without_a_file_is_its_source(capsys):
    """DOT, for a pipe: `… draw "x*x" x=2 | dot -Tsvg`."""
    assert cli.main(["draw", "x*x", "x=2"]) == 0
    assert capsys.readouterr().out.startswith("digraph ")


def test_a_page_without_a_file_is_written_and_said(capsys, tmp_path, monkeypatch):
    """explore without -o writes explore.html here and says so; its help names it."""
    monkeypatch.chdir(tmp_path)
    assert cli.main(["explore", "x*x", "x=2"]) == 0
    assert capsys.readouterr().out == "written: explore.html\n"
    assert "<!doctype html>" in (tmp_path / "explore.html").read_text("utf-8")[:200].lower()
    with pytest.raises(SystemExit, match="0"):
        cli.main(["explore", "--help"])
    assert "explore.html" in capsys.readouterr().out


def test_a_file_beginning_with_a_minus_is_no_file(capsys):
    """As everywhere; and it is not written under another name."""
    with pytest.raises(SystemExit, match="2"):
        cli.main(["draw", "x*x", "x=2", "-o", "-x.svg"])
    assert "expected one argument" in capsys.readouterr().err


def test_a_picture_that_needs_dot(capsys, monkeypatch, tmp_path):
    """Where there is no `dot`: one line that says so, status 1."""
    monkeypatch.setenv("PATH", "")
    assert cli.main(["draw", "x*x", "x=2", "-o", str(tmp_path / "g.png")]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "dot" in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("command", "name"), [("explore", "page.html"), ("draw", "g.svg")])
def test_a_folder_that_is_missing(capsys, tmp_path, command, name):
    """One line, status 1."""
    path = tmp_path / "nowhere" / name
    assert cli.main([command, "x*x", "x=2", "-o", str(path)]) == 1
    assert capsys.readouterr() == (
        "",
        f"autograd-mini {command}: {path} cannot be written: No such file or directory\n",
    )


def test_a_suffix_that_is_unknown(capsys, tmp_path):
    """Status 2 and the suffixes."""
    assert cli.main(["draw", "x*x", "x=2", "-o", str(tmp_path / "g.xyz")]) == 2
    assert ".svg" in capsys.readouterr().err


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")
def test_a_full_disk():
    """What cannot be printed is one line, status 1."""
    with open("/dev/full", "w") as full:
        result = subprocess.run(
            [sys.executable, "-u", "-m", "autograd_mini", "tree", "x*x", "x=2"], stdout=full, stderr=subprocess.PIPE, text=True,
            check=False, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=TIMEOUT,
        )  # fmt: skip
    assert result.returncode == 1
    assert result.stderr == "autograd-mini tree: standard output cannot be written: No space left on device\n"


def test_what_standard_output_can_print(monkeypatch):
    """The same within a process; and an output without an encoding takes everything."""
    for encoding, expected in (("ascii", "- x = 3  grad 2"), ("utf-8", "─ x = 3  ∂ 2")):
        out = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
        monkeypatch.setattr(sys, "stdout", out)
        assert cli.main(["tree", "2*x", "x=3"]) == 0
        out.seek(0)
        assert expected in out.read()
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert cli.main(["tree", "2*x", "x=3"]) == 0
    assert "∂ 2" in sys.stdout.getvalue()


def test_a_reader_that_has_gone():
    """`… | head -0` ends quietly."""
    read, write = os.pipe()
    os.close(read)
    result = subprocess.run(
        [sys.executable, "-u", "-m", "autograd_mini", "tree", "x*x", "x=2"], stdout=write, stderr=subprocess.PIPE, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=TIMEOUT,
    )  # fmt: skip
    os.close(write)
    assert (result.returncode, result.stderr) == (1, "")
