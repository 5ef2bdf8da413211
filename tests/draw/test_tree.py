"""The tree of text."""

import io
import math
import re
import sys

import numpy as np
import pytest

import autograd_mini as ag
from autograd_mini import cli
from autograd_mini.draw import tree as module


def neuron():
    w, x, b = ag.Value(0.5, label="w"), ag.Value(-2.0, label="x"), ag.Value(1.5, label="b")
    y = (w * x + b).tanh()
    y.backward()
    return y


def chain(n):
    x = y = ag.Value(1.0, label="x")
    for _ in range(n):
        y = y + x
    return y


def named(text):
    """The name on each line, without what leads to it."""
    return [re.split(r" [=↑]", line.lstrip("├└│─ "))[0] for line in text.splitlines()]


# ---- What it shows ----------------------------------------------------------------------------------------------------


@pytest.mark.smoke
def test_a_neuron():
    """Root at the top, operands below in their order, data and gradient of each: y' = 1 − tanh² = 0.786448."""
    assert (
        ag.tree(neuron())
        == """\
tanh = 0.462117  ∂ 1
└─ add = 0.5  ∂ 0.786448
   ├─ multiply = -1  ∂ 0.786448
   │  ├─ w = 0.5  ∂ -1.5729
   │  └─ x = -2  ∂ 0.393224
   └─ b = 1.5  ∂ 0.786448"""
    )
    assert math.isclose(1 - math.tanh(0.5) ** 2, 0.786448, rel_tol=1e-6)


def test_before_a_backward_the_gradient_is_a_dash():
    """`∂ —` on every line of what requires a gradient, never 0; constants have no ∂."""
    x = ag.Value(2.0, label="x")
    assert ag.tree(x * 3.0) == "multiply = 6  ∂ —\n├─ x = 2  ∂ —\n└─ constant = 3"


def test_a_gradient_of_zero_is_not_a_dash():
    """relu of a negative number: its operand received 0."""
    x = ag.Value(-2.0, label="x")
    y = x.relu()
    y.backward()
    assert ag.tree(y).splitlines()[1] == "└─ x = -2  ∂ 0"


def test_repeated_operands_are_all_shown():
    """x*x has two edges; the second refers to the first."""
    x = ag.Value(3.0, label="x")
    assert ag.tree(x * x).splitlines() == ["multiply = 9  ∂ —", "├─ x = 3  ∂ —", "└─ x ↑"]


def test_shared_nodes_are_written_once_and_called_by_their_own_names():
    """Two shared sums and two nodes of one label are told apart."""
    a, b = ag.Value(2.0, label="a"), ag.Value(5.0, label="a")
    s, t = a + b, a + b
    names = named(ag.tree(s * s + t * t + b))
    assert names.count("v3") == names.count("v1") == 2
    assert sorted([names.count("a"), names.count("a (2)")]) == [
        2,
        3,
    ]  # a stands in both sums, b also at the end


def test_a_labelled_result_says_its_operation():
    """`z = 3  (add)`."""
    z = ag.Value(1.0) + 2.0
    z.label = "z"
    assert ag.tree(z).splitlines()[0] == "z = 3  ∂ —  (add)"


def test_parameters_show_their_paths():
    """A weight of a neuron in a layer in an MLP is called by its path, and each is there."""
    net = ag.nn.scalar.MLP(2, [2, 1], rng=0)
    names = named(ag.tree(net([1.0, 2.0])))
    for path in ("layer0.neuron0.w[0]", "layer0.neuron1.w[1]", "layer0.neuron1.b", "layer1.neuron0.w[1]"):
        assert names.count(path) == 1


def test_tensors_show_shape_range_and_norm():
    """Beyond four elements an array is its shape and range, its gradient a norm: of 2·3 ones times 2, √(6·4) = 4.899."""
    t = ag.Tensor(np.arange(6.0).reshape(2, 3), label="t")
    y = (t * 2.0).sum()
    y.backward()
    assert "t = (2, 3), 0 to 5  ∂ norm 4.899" in ag.tree(y)
    assert "float32 (2, 3), 0 to 5" in ag.tree(ag.Tensor(np.arange(6.0).reshape(2, 3).astype("f")))
    assert ag.tree(ag.Tensor([1.0, 2.5], label="v")) == "v = [1., 2.5]  ∂ —"
    assert ag.tree(ag.Tensor(np.zeros((0, 3)), label="none")) == "none = (0, 3), empty  ∂ —"


@pytest.mark.parametrize("make", [float, lambda x: np.full(5, x)], ids=["Value", "Tensor"])
@pytest.mark.parametrize(
    ("x", "word"), [(math.nan, "NaN"), (math.inf, "∞"), (-math.inf, "∞")], ids=["nan", "inf", "-inf"]
)
def test_what_is_not_finite_is_said(make, x, word):
    """NaN and ∞ in data and in gradients, and no warning."""
    node = (ag.Value if make is float else ag.Tensor)(make(x), label="x")
    node.backward(make(x))
    assert ag.tree(node).count(word) == 2


def test_tensors_may_underflow_under_strict_numpy():
    """The user's np.errstate(all="raise") does not matter."""
    t = ag.Tensor([1e300, 1e-300] * 5)
    with np.errstate(all="raise"):
        assert "1e-300 to 1e+300" in ag.tree(t)


# ---- Cutting ----------------------------------------------------------------------------------------------------------


def test_depth():
    """Levels below `depth` are left out, marked, and counted."""
    y = neuron()
    assert ag.tree(y, depth=1) == (
        "tanh = 0.462117  ∂ 1\n└─ add = 0.5  ∂ 0.786448 …\n… 4 more of 6 nodes: tree(node, depth=None, max_nodes=6) shows all"
    )
    assert ag.tree(y, depth=0).splitlines()[0] == "tanh = 0.462117  ∂ 1 …"
    assert ag.tree(y, 3) == ag.tree(y, depth=10**9) == ag.tree(y)


def test_what_was_cut_is_opened_where_it_stands_higher():
    """A node met first at the last level and then again nearer to the root is written out there."""
    x = ag.Value(2.0, label="x")
    s = x.exp()
    s.label = "s"
    lines = ag.tree((s + 1.0) * s, depth=2).splitlines()
    assert [line.lstrip("├└│─ ") for line in lines if "s =" in line] == [
        "s = 7.38906  ∂ —  (exp) …",
        "s = 7.38906  ∂ —  (exp)",
    ]
    assert lines[-1] == "   └─ x = 2  ∂ —"


@pytest.mark.parametrize("kept", [1, 2, 50, 299])
def test_max_nodes(kept):
    """So many nodes are written out and the last line says how many are not; what it says to do shows them all."""
    y = chain(300)
    lines = ag.tree(y, max_nodes=kept).splitlines()
    assert len(lines) == kept + 1
    assert lines[-1] == f"… {301 - kept} more of 301 nodes: tree(node, depth=None, max_nodes=301) shows all"
    assert "more" not in ag.tree(y, max_nodes=301)


def test_numbers_of_nodes_have_commas():
    """`… 984 more of 1,284 nodes`, and the advice is one that can be typed."""
    assert (
        ag.tree(chain(1283)).splitlines()[-1]
        == "… 984 more of 1,284 nodes: tree(node, depth=None, max_nodes=1284) shows all"
    )


def test_references_do_not_count():
    """60 diamonds: 61 nodes, 121 lines, none left out."""
    y = ag.Value(1.0)
    for _ in range(60):
        y = y + y
    assert len(ag.tree(y, max_nodes=61).splitlines()) == 121
    assert ag.tree(y, max_nodes=60).splitlines()[-1].startswith("… 1 more of 61 nodes")
    x = ag.Value(2.0, label="x")
    assert ag.tree(x * x + 1.0, max_nodes=4).endswith("└─ constant = 1")


def test_five_thousand_nodes_of_a_network():
    """A scalar MLP on samples, every node written out once."""
    net = ag.nn.scalar.MLP(2, [16, 16, 1], rng=0)
    loss = sum((net([0.1 * i, 1.0]) - 1.0) ** 2 for i in range(70))
    nodes = len(module.Graph(loss))
    assert nodes > 5000
    lines = ag.tree(loss, max_nodes=10**6).splitlines()
    assert sum("=" in line for line in lines) == nodes
    assert len(lines) == 1 + sum(len(box.parents) for box in module.Graph(loss).boxes)


def test_a_chain_of_a_hundred_thousand_nodes():
    """No recursion, and the indentation begins anew: no line grows with the depth."""
    lines = ag.tree(chain(100_000), max_nodes=10**6).splitlines()
    assert len(lines) == 200_001
    assert max(map(len, lines)) < 4 * module.PAGE
    assert lines[module.PAGE - 1].startswith("│  ")
    assert lines[module.PAGE] == f"[{module.PAGE}] ├─ add = {100_001 - module.PAGE}  ∂ —"
    assert sum(line.startswith("[99960] ") for line in lines) == 2 * module.PAGE


# ---- ASCII and colours ------------------------------------------------------------------------------------------------


def test_plain_ascii():
    """No box-drawing and no ∂; of labels, escapes."""
    y = ag.Value(math.inf, label="größe") * ag.Value(1.0)
    assert (
        ag.tree(y, ascii=True)
        == "multiply = inf  grad none\n|- gr\\xf6\\xdfe = inf  grad none\n`- input = 1  grad none"
    )
    assert ag.tree(y * y, ascii=True).splitlines()[-1] == "`- v2 ^"
    for options in ({}, {"depth": 1}, {"max_nodes": 2}, {"color": True}):
        assert ag.tree(neuron(), ascii=True, **options).isascii()


class Terminal(io.StringIO):
    def isatty(self):
        return True


def on_a_terminal(monkeypatch):
    """Standard output, as a terminal that collects what is printed."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stdout", Terminal())
    return sys.stdout


def test_colours_in_what_a_console_shows_on_a_terminal(monkeypatch):
    """The console's echo colours the gradients; what is printed, written or formatted is plain, wherever it goes."""
    terminal = on_a_terminal(monkeypatch)
    text = ag.tree(neuron())
    sys.displayhook(text)
    shown = terminal.getvalue()
    assert f"w = 0.5{module.NEGATIVE}  ∂ -1.5729{module.END}\n" in shown
    assert f"x = -2{module.POSITIVE}  ∂ 0.393224{module.END}\n" in shown
    assert re.sub(r"\x1b\[[\d;]*m", "", shown) == text + "\n"
    out = io.StringIO()
    print(text, file=out)
    assert (
        "\x1b"
        not in out.getvalue()
        + str(text)
        + f"{text}"
        + "%s" % text
        + "".join(text.splitlines())
        + text.lower()
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [("NO_COLOR", "1"), ("NO_COLOR", "0"), ("TERM", "dumb")],
    ids=["NO_COLOR", "NO_COLOR=0", "dumb"],
)
def test_no_colours_where_they_are_not_wanted(monkeypatch, name, value):
    """NO_COLOR, whatever it is set to, and a terminal that has none."""
    on_a_terminal(monkeypatch)
    assert "\x1b" in repr(ag.tree(neuron()))
    monkeypatch.setenv(name, value)
    assert "\x1b" not in repr(ag.tree(neuron()))


def test_an_empty_no_color_is_none(monkeypatch):
    """As no-color.org says."""
    on_a_terminal(monkeypatch)
    monkeypatch.setenv("NO_COLOR", "")
    assert "\x1b" in repr(ag.tree(neuron()))


@pytest.mark.parametrize("command", [["tree", "x*x", "x=2"]])
def test_the_command_colours_on_a_terminal_alone(monkeypatch, command, capsys):
    """`python -m autograd_mini tree` is coloured on a terminal, and plain in a file."""
    assert cli.main(command) == 0
    assert "\x1b" not in capsys.readouterr().out
    terminal = on_a_terminal(monkeypatch)
    assert cli.main(command) == 0
    assert module.POSITIVE in terminal.getvalue()


@pytest.mark.parametrize("stream", [None, io.StringIO()], ids=["none", "closed"])
def test_without_standard_output_it_is_plain(monkeypatch, stream):
    """A program without a console, or one that closed it."""
    if stream:
        stream.close()
    monkeypatch.setattr(sys, "stdout", stream)
    assert repr(ag.tree(neuron())).startswith("tanh = 0.462117  ∂ 1\n")


def test_colours_on_request(monkeypatch):
    """True colours the string itself, anywhere; False never."""
    on_a_terminal(monkeypatch)
    assert "\x1b" not in repr(ag.tree(neuron(), color=False))
    monkeypatch.setenv("NO_COLOR", "1")
    assert f"{module.NEGATIVE}  ∂ -1.5729{module.END}" in f"{ag.tree(neuron(), color=True)}"


def test_zero_nan_and_none_have_no_colour():
    """Only what has a sign."""
    x = ag.Value(-2.0)
    y = x.relu() * math.nan
    assert "\x1b" not in ag.tree(y, color=True)
    y.backward()
    assert ag.tree(y, color=True).count("\x1b") == 2  # of the 1 at the root


@pytest.mark.parametrize("code", [module.NEGATIVE, module.POSITIVE])
def test_colours_are_readable_on_black_and_on_white(code):
    """Contrast (WCAG) of at least 4.4 with both: of the 216 colours of the 6×6×6 cube hardly any has more with both."""
    n = int(re.fullmatch(r"\x1b\[38;5;(\d+)m", code)[1]) - 16
    levels = [[0, 95, 135, 175, 215, 255][n // 6**i % 6] / 255 for i in (2, 1, 0)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in levels)
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    assert min(1.05 / (luminance + 0.05), (luminance + 0.05) / 0.05) > 4.4
    assert (red > blue) == (code == module.NEGATIVE)


# ---- Hostile input ----------------------------------------------------------------------------------------------------

LABELS = {
    "newline": "a\nb", "carriage": "a\rb", "escape": "a\x1b[31mred\x1b]0;title\x07", "c1": "a\x9b31m", "nul": "a\0b", "bidi": "a\u202eb",
    "separator": "a\u2028b", "surrogate": "a\ud800b", "tab": "a\tb",
}  # fmt: skip


@pytest.mark.parametrize("label", LABELS.values(), ids=LABELS)
@pytest.mark.parametrize("ascii", [False, True], ids=["unicode", "ascii"])
def test_labels_neither_break_lines_nor_speak_to_the_terminal(label, ascii):
    """Control characters are written out, in labels and in names of operations."""
    odd = ag.Op(label, lambda xp, x: x * 1.0, (lambda xp, g, out, x: g,))
    text = ag.tree(ag.apply(odd, ag.Value(1.0, label=label)), ascii=ascii)
    assert len(text.split("\n")) == len(text.splitlines()) == 2
    assert all(line.isprintable() and line.count("a\\") == 1 for line in text.split("\n"))
    text.encode()


def test_long_labels_are_shortened():
    """10,000 characters end in `…`."""
    assert max(map(len, ag.tree(ag.Value(1.0, label="x" * 10_000) * 2.0).splitlines())) < 100
    assert "x…x" in ag.tree(ag.Value(1.0, label="x" * 10_000))


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"depth": -1}, ValueError, "depth must be an int ≥ 0 or None, got -1"),
        ({"depth": 1.0}, TypeError, "depth must be an int ≥ 0 or None, got 1.0"),
        ({"depth": True}, TypeError, "depth must be an int"),
        ({"max_nodes": 0}, ValueError, "max_nodes must be an int > 0, got 0"),
        ({"max_nodes": "3"}, TypeError, "max_nodes must be an int > 0, got '3'"),
        ({"max_nodes": True}, TypeError, "max_nodes"),
        ({"max_nodes": None}, TypeError, "max_nodes"),
    ],
    ids=str,
)
def test_bad_arguments(options, error, text):
    """Each names the argument and what it may be."""
    with pytest.raises(error) as raised:
        ag.tree(ag.Value(1.0), **options)
    assert text in str(raised.value)


@pytest.mark.parametrize(
    "thing",
    [2.0, None, "x", [ag.Value(1.0)], np.ones(2), ag.nn.Linear(1, 1, rng=0)],
    ids=lambda x: type(x).__name__,
)
def test_what_is_no_node(thing):
    """TypeError that says what was given."""
    with pytest.raises(TypeError, match=f"tree: a Value or Tensor is needed, got {type(thing).__name__}"):
        ag.tree(thing)
