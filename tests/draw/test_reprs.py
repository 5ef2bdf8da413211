"""How nodes and modules show themselves, in text and in a notebook."""

import html.parser
import math
import re

import numpy as np
import pytest

import autograd_mini as ag
from autograd_mini import nn


class Parsed(html.parser.HTMLParser):
    """The tags, the texts and the rows of a piece of HTML; tags that are not closed are an error."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text, self.rows, self.open = [], "", [], []
        self.attributes = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.open.append(tag)
        self.attributes += attributes
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data
        if self.open[-1:] in (["td"], ["th"]):
            self.rows[-1][-1] += data


# ---- Text -------------------------------------------------------------------------------------------------------------


def with_grad(node, grad):
    node.grad = grad
    return node


TEXTS = {
    "value": (lambda: ag.Value(3.0), "Value(3.0)"),
    "value with all": (lambda: with_grad(ag.Value(3.0, label="x"), 2.0), "Value(3.0, grad=2.0, label='x')"),
    "constant": (lambda: ag.Value(3.0, requires_grad=False), "Value(3.0, requires_grad=False)"),
    "result": (lambda: ag.Value(3.0) * 2.0, "Value(6.0)"),
    "result of constants": (lambda: ag.Value(3.0, requires_grad=False) * 2.0, "Value(6.0, requires_grad=False)"),
    "detached": (lambda: ag.Value(3.0).detach(), "Value(3.0, requires_grad=False)"),
    "value of all digits": (lambda: ag.Value(0.1 + 0.2), "Value(0.30000000000000004)"),
    "nan": (lambda: ag.Value(math.nan), "Value(nan)"),
    "tensor": (lambda: ag.Tensor([[1.0, 2.5], [3.0, 4.0]]), "Tensor([[1., 2.5], [3., 4.]])"),
    "tensor with all": (
        lambda: with_grad(ag.Tensor([1.0, 2.5], label="t"), np.array([0.5, -1.0])), "Tensor([1., 2.5], grad=[0.5, -1.], label='t')",
    ),
    "float32": (lambda: ag.Tensor(np.ones(2, "f")), "Tensor([1., 1.], dtype=float32)"),
    "small with nan": (lambda: ag.Tensor([1.0, math.nan, math.inf]), "Tensor([1., NaN, ∞])"),
    "number": (lambda: ag.Tensor(2.0), "Tensor(2.)"),
    "empty": (lambda: ag.Tensor(np.zeros((0, 5))), "Tensor([], shape=(0, 5))"),
    "large": (lambda: ag.Tensor(np.arange(9.0) - 2), "Tensor(shape=(9,), float64, -2 to 6)"),
    "large with grad": (lambda: with_grad(ag.Tensor(np.zeros(16)), np.full(16, 3.0)), "Tensor(shape=(16,), float64, all 0, |grad|=12)"),
    "large with nan": (
        lambda: with_grad(ag.Tensor([math.nan] * 3 + [math.inf] + [1.0, -2.0] * 3), np.array([math.nan, 4.0, 3.0] + [0.0] * 7)),
        "Tensor(shape=(10,), float64, -2 to 1, 3 NaN, 1 ∞, |grad|=5, 1 NaN)",
    ),
    "all nan": (lambda: ag.Tensor(np.full((50, 50), math.nan)), "Tensor(shape=(50, 50), float64, 2500 NaN)"),
}  # fmt: skip


@pytest.mark.parametrize(("make", "text"), TEXTS.values(), ids=TEXTS)
def test_a_node_on_one_line(make, text):
    """Data, gradient once there is one, requires_grad where it is off, label; a large Tensor in summary."""
    node = make()
    with np.errstate(all="raise"):
        assert repr(node) == text
    assert f"{node}" == text


@pytest.mark.parametrize("kind", [ag.Value, ag.Tensor])
@pytest.mark.parametrize(("label", "shown"), [
    ("a\nb", r"label='a\nb'"), ("\x1b[31m", r"label='\x1b[31m'"), ("it's", 'label="it\'s"'),
    ("x" * 10_000, "x…x"), (5, "label='5'"), ("", ")"),
], ids=["newline", "escape", "quote", "long", "number", "none"])  # fmt: skip
def test_labels(kind, label, shown):
    """Escaped, and shortened."""
    text = repr(kind(1.0, label=label))
    assert shown in text
    assert len(text) < 100
    assert text.isprintable()


def test_numpys_print_options_do_not_matter():
    """Neither its precision nor how many numbers it shows, nor the width of its lines."""
    t = ag.Tensor([1.23456789e100] * 8)
    with np.printoptions(precision=1, linewidth=20, threshold=2, suppress=True, sign="+", floatmode="fixed"):
        assert repr(t) == f"Tensor([{', '.join(['1.235e+100'] * 8)}])"


class Raises:
    """What cannot be shown."""

    def __str__(self):
        raise RuntimeError("no")

    __repr__ = __str__


def odd_nodes():
    """Nodes with what does not belong into them."""
    for kind in (ag.Value, ag.Tensor):
        yield object.__new__(kind)
        for grad in ("odd", None, [1.0], np.array(["a"]), object(), Raises(), 1 + 2j, np.zeros(3, int)):
            yield with_grad(kind(1.0), grad)
            yield with_grad(ag.Tensor(np.ones(20)), grad)
        for label in (Raises(), b"\xff", ["x"]):
            yield kind(1.0, label=label)
    for data in ("odd", None, Raises(), np.ones(3), [1.0]):
        node = ag.Value(1.0)
        node._content = data  # past the check
        yield node
    mask = ag.where(np.array([True, False]), ag.Tensor([1.0, 2.0]), 0.0).parents[0]
    yield mask
    yield ag.Tensor(np.array([5e-324] * 20)) * 1.0
    yield ag.Tensor(np.array([1.7e308, -1.7e-308] * 20))


def test_nothing_that_a_user_put_into_a_node_raises_or_warns():
    """The text of nodes that are half made or hold what is no number."""
    nodes = list(odd_nodes())
    assert len(nodes) > 40
    for node in nodes:
        with np.errstate(all="raise"):
            text = repr(node)
        assert "FloatingPointError" not in text
        assert text.startswith((f"{type(node).__name__}(", f"<{type(node).__name__}: "))
        assert text.isprintable()
    assert repr(nodes[0]) == "<Value: AttributeError: 'Value' object has no attribute '_content'>"


def test_an_error_that_is_no_error_passes():
    """Ctrl-C is not held up."""

    class Interrupts:
        def __str__(self):
            raise KeyboardInterrupt

    node = ag.Value(1.0)
    node._content = Interrupts()
    with pytest.raises(KeyboardInterrupt):
        repr(node)


def test_html_is_at_home_in_light_and_dark_notebooks():
    """Nothing from outside, no script, and no colour of the text but the notebook's."""
    for thing in (nn.Linear(2, 3, rng=0), nn.MLP([2, 3, 1], rng=0)):
        found = Parsed(thing._repr_html_())
        assert set(found.tags) <= {"div", "table", "tr", "th", "td"}
        assert {name for name, _ in found.attributes} <= {"style"}
        assert set(re.findall(r"(?<![-\w])color:([^;\"]*)", thing._repr_html_())) == {"inherit"}


# ---- Modules ----------------------------------------------------------------------------------------------------------


def network():
    return nn.Sequential(nn.Linear(2, 3, rng=0), nn.Dropout(0.1, rng=0), nn.MLP([3, 4, 1], rng=0))


@pytest.mark.parametrize(
    "net",
    [
        network(),
        nn.MLP([2, 1], rng=0).freeze(),
        nn.scalar.MLP(2, [2, 1], rng=0),
        nn.Sequential(*[nn.Linear(1, 1, rng=0)] * 70),
        nn.Sequential(),
    ],
    ids=["sequential", "frozen", "scalar", "shared", "empty"],
)
def test_the_table_of_a_module_is_its_summary(net):
    """Row by row, and the line below."""
    found, (*lines, below) = Parsed(net._repr_html_()), net.summary().splitlines()
    assert [re.sub(r"\s+", " ", " ".join(row)).rstrip() for row in found.rows] == [
        re.sub(r"\s+", " ", line) for line in lines
    ]
    assert [row[0].rstrip() for row in found.rows[1:]] == [
        line[: len(row[0])].rstrip() for row, line in zip(found.rows[1:], lines[1:], strict=True)
    ]
    assert found.text.endswith(below)


def test_a_large_scalar_network_is_summarised():
    """12,000 numbers in 120 modules: the first 60 and how many more; the owner of each is found without comparing all with all."""
    net = nn.scalar.MLP(100, [110, 8], rng=0)
    lines = repr(net).splitlines()
    assert len(lines) == 1 + 60 + 2
    assert lines[-2:] == ["… and 61 more", f"{100 * 110 + 110 + 110 * 8 + 8:,} parameters"]


def test_sixty_modules_are_all_shown():
    """The container and 59 layers: nothing is left out."""
    lines = repr(nn.Sequential(*[nn.Linear(1, 1, rng=0) for _ in range(59)])).splitlines()
    assert len(lines) == 1 + 60 + 1
    assert "more" not in "".join(lines)


def test_modules_that_cannot_be_shown():
    """Half made, with a title that raises, with two parameters of one path: a line that says so, and no HTML."""

    class Half(nn.Module):
        def __init__(self):
            pass

    class Untitled(nn.Module):
        def title(self):
            raise RuntimeError("no\ntitle")

    class Doubled(nn.Module):
        def __init__(self):
            super().__init__()
            self.parts = {"a.b": ag.Value(1.0), "a": {"b": ag.Value(2.0)}}

    assert repr(Half()) == "<Half: AttributeError: Half.__init__ must call super().__init__()>"
    assert repr(Untitled()) == r"<Untitled: RuntimeError: no\ntitle>"
    assert "the path parts.a.b" in repr(Doubled())
    assert [thing._repr_html_() for thing in (Half(), Untitled(), Doubled())] == [None] * 3


def test_a_module_named_in_html():
    """A title with tags in it is text."""

    class Odd(nn.Module):
        def title(self):
            return "<b>&"

    assert Parsed(Odd()._repr_html_()).rows[1][0] == "<b>&"
