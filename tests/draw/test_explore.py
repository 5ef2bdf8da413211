"""The page that walks the chain rule: its text without a browser, and all that it does in a real one."""

import base64
import json
import math
import os
import pathlib
import re
import shutil
import zlib
from html.parser import HTMLParser

import numpy as np
import pytest

import autograd_mini as ag
from autograd_mini.core.engine import toposort
from autograd_mini.draw.explore import MOST, Page, explore
from autograd_mini.draw.graph import Graph
from autograd_mini.errors import GraphError, GraphTooLargeError
from tests.helpers.colours import contrast, luminance
from tests.helpers.table import TABLE

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'"
KB = 1000


def value(data, label=None):
    return ag.Value(data, label=label)


def neuron():
    w, x, b = value(0.5, "w"), value(-2.0, "x"), value(1.5, "b")
    n = w * x + b
    n.label = "n"
    f = n.tanh()
    f.label = "f"
    return f


def square():
    x = value(3.0, "x")
    return x * x


def diamond():
    a = value(3.0, "a")
    b = a * a
    return b * (b + a)


def dead_relu():
    x, w = value(-2.0, "x"), value(3.0, "w")
    return w * x.relu() + x


def division():
    a, b = value(1.0, "a"), value(3.0, "b")
    return (a / b - b / a) / a


def powers():
    x, p = value(2.5, "x"), value(1.5, "p")
    return x**3 + x**p + 2.0**x + x**-0.5


def ties():
    x, y = value(2.0, "x"), value(2.0, "y")
    return ag.maximum(x, y) * ag.minimum(x, y) + ag.maximum(x, 3.0)


def scalar_mlp():
    return (ag.nn.scalar.MLP(2, [4, 1], activation="tanh", rng=0)([1.0, -2.0]) - 1.0) ** 2


def hinge():
    net = ag.nn.scalar.MLP(2, [2, 1], rng=3)
    samples = [([0.5, -1.0], 1.0), ([1.5, 0.3], -1.0), ([-0.2, 0.8], 1.0)]
    loss = sum((1.0 - y * net(x)).relu() for x, y in samples) / 3.0
    return loss + 1e-2 * sum(p * p for p in net.parameters())


def tensor_mlp():
    net = ag.nn.MLP([2, 4, 1], activation="tanh", rng=0)
    x, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1.0]]), np.array([[0], [1], [1], [0.0]])
    return ((net(x) - y) ** 2).mean()


def shared_tensor():
    w = ag.Tensor(np.linspace(-1, 1, 6).reshape(2, 3), label="W")
    return (w * w).sum() + (w @ np.ones((3, 1))).sum() * 2.0


def mixed():
    s, t = value(0.5, "s"), ag.Tensor([1.0, -2.0, 3.0], label="t")
    return (t * s).tanh().sum() * s


def one_element():
    t = ag.Tensor([[2.0]], label="t")
    return (t * t).sum().exp()


def chain():
    x = value(0.3, "x")
    for _ in range(50):
        x = x.sin() + 0.01 * x
    return x


def recurrent():
    cell, state = ag.nn.scalar.Neuron(2, activation="tanh", rng=0), 0.0
    for i in range(3):
        state = cell([state, float(i) - 1.0])
    return state * state


def infinite():
    x, y = value(0.0, "x"), value(1.0, "y")
    return x.sqrt() * 3.0 + y


def not_a_number():
    x = value(-1.0, "x")
    return x.log() * x


def cancelling():
    x = value(1e8, "x")
    return (x * x - x * x) + x


def large():
    net = ag.nn.scalar.MLP(2, [8, 8, 1], rng=1)
    return (net([1.0, -2.0]) - 0.5) ** 2 + (net([0.3, 0.1]) + 0.5) ** 2


def masked():
    x = value(2.0, "x")
    return ag.where(ag.apply(TABLE["greater"], x, 1.0), x * x, -x)


def wide():
    return ag.nn.scalar.Neuron(45, activation="tanh", rng=0)(list(np.linspace(-0.2, 0.2, 45)))


def many_tensors():
    """303 nodes, most of them arrays that have nothing in common."""
    y = ag.Tensor(np.random.default_rng(0).normal(size=(8, 8)), label="y")
    for i in range(60):
        w, b = (
            ag.Tensor(np.random.default_rng(i).normal(size=shape), label=f"{name}{i}")
            for name, shape in (("W", (8, 8)), ("b", 8))
        )
        y = (y @ w + b).tanh()
    return (y * y).mean()


def cancelled():
    x = value(3.0, "x")
    a = x * x
    a.label = "a"
    return a - a


def cancelled_above():
    x = value(3.0, "x")
    b = x.exp()
    b.label = "b"
    a = b * 2.0
    return a - a


def row_cancels():
    t = ag.Tensor([[1.0, 2.0]], label="t")
    return (t @ np.array([[1.0, -1.0], [2.0, -2.0]])).sum()


def scale(by):
    return (value(2.0, "s") * np.array(by)).sum()


def overflow():
    x, y = value(1e300, "x"), value(1e-300, "y")
    z = x * x
    z.label = "v2"
    return z * y


def expressions():
    x, w = value(2.0, "x1"), value(-3.0, "w1")
    e = x + w
    e.label = "x1 + w1"
    d = e * x
    d.label = "d"
    o = d / e
    o.label = "o"
    return o


def repeated():
    return ag.Tensor(np.ones((4, 3)), label="W").sum()


def broadcast():
    w, b = ag.Tensor(np.ones((4, 3)), label="W"), ag.Tensor([1.0, 2.0, 3.0], label="b")
    return ((w - b) * b).sum()


def xor():
    net = ag.nn.scalar.MLP(2, [2, 1], activation="tanh", rng=0)
    return (net([value(1.0, "x1"), value(0.0, "x2")]) - 1.0) ** 2


def random_graph(seed):
    random = np.random.default_rng(seed)
    nodes = [value(float(x), f"x{i}") for i, x in enumerate(random.normal(size=3))]
    for _ in range(25):
        a, b = (nodes[i] for i in random.integers(len(nodes), size=2))
        nodes.append([a + b, a * b, a - b, a.tanh(), a.relu(), a / (2.0 + b * b)][random.integers(6)])
    return nodes[-1] + nodes[-2] * nodes[-3]


GRAPHS = {
    f.__name__: f
    for f in (
        neuron, square, diamond, dead_relu, division, powers, ties, scalar_mlp, hinge, tensor_mlp, shared_tensor, mixed, one_element,
        chain, recurrent, infinite, not_a_number, cancelling, large, masked, wide,
    )
} | {f"random {seed}": lambda seed=seed: random_graph(seed) for seed in range(3)}  # fmt: skip


def payload(page, part="graph"):
    """What the page was told, or a part of the page itself."""
    packed = re.search(r'id="packed">(.*?)</script>', page.html, re.S)[1]
    return json.loads(zlib.decompress(base64.b64decode(packed)))[part]


# ---- Without a browser ----------------------------------------------------------------------------------------------


class Outline(HTMLParser):
    """Notes tags, attributes and whether every tag is closed in order."""

    VOID = ("meta", "input", "link", "br", "img")

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.attributes = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.mark.parametrize("build", GRAPHS.values(), ids=GRAPHS)
def test_html_is_well_formed_and_self_contained(build):
    """Every tag is closed in order, the strict policy stands in the head, and nothing is fetched from anywhere."""
    page = explore(build())
    outline = Outline()
    for text in (page.html, payload(page, "html")):
        outline.feed(text)
        assert not outline.open
    outline.close()
    assert ("content", POLICY) in outline.attributes
    assert not {"link", "img", "iframe", "object", "base"} & set(outline.tags)
    assert not {"src", "href", "srcset", "onclick"} & {name for name, _ in outline.attributes}
    assert "@@" not in page.html
    for part in ("html", "css", "js"):
        assert not re.search(r"url\(|@import|https?://(?!www\.w3\.org/2000/svg)", payload(page, part))


def incompressible(count):
    """A graph of so many nodes whose numbers have nothing in common."""
    random = np.random.default_rng(0)
    x = total = value(0.1)
    while len(toposort(total)) < count:
        x = x * value(random.uniform(0.5, 1.5))
        total = total + x.tanh()
    return total


@pytest.mark.parametrize("count", [30, 60, 99, 101, 300])
def test_size(count):
    """A page of up to 300 nodes takes at most 60 KB, even where no two numbers are alike."""
    node = incompressible(count)
    assert len(Graph(node)) >= count
    assert len(explore(node).html.encode()) <= 60 * KB


def test_size_of_tensors():
    """A page of 300 Tensors takes no more."""
    node = many_tensors()
    assert len(Graph(node)) >= 300
    assert len(explore(node).html.encode()) <= 60 * KB


def test_size_of_many_tensors():
    """The heat maps of all Tensors together are bounded: large arrays are sent as averaged blocks."""
    t = ag.Tensor(np.random.default_rng(0).normal(size=(300, 400)), label="t")
    loss = (t.tanh() * t).sum()
    page = explore(loss)
    assert len(page.html) < 90 * KB
    rows, block = next(box for box in payload(page)["boxes"] if box["title"] == "t")["data"][6:]
    assert len(rows) <= 16
    assert len(rows[0]) <= 16
    first = t.data[: block[0], : block[1]].mean()
    assert rows[0][0] == pytest.approx(first, rel=1e-2)


HOSTILE = [
    "</script><script>window.__pwned=1</script>", "<img src=x onerror='window.__pwned=1'>", "<!--", "]]>", "&lt;b&gt; &amp;",
    "a\"b'c`d${1}",
    "line\nbreak", "\u2028a\u2029", "\u202eright to left\u202d", "שלום", "\x00\x1b[31m", "\ud800", "x" * 10_000, "@@data@@", "{{}}", "∂/∂",
]  # fmt: skip


@pytest.mark.parametrize("label", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_labels_stay_in_the_data(label):
    """A label can end no script: between the tags of the data stand letters and digits, and unpacking gives the label back."""
    page = explore(value(2.0, label) * 3.0)
    data = re.search(r'id="packed">(.*?)</script>\n<script>', page.html, re.S)[1]
    assert re.fullmatch("[A-Za-z0-9+/=]+", data)
    assert [box["title"] for box in payload(page)["boxes"] if box["kind"] == "input"] == [
        label if len(label) < 120 else "x" * 60 + "…" + "x" * 59
    ]
    page.html.encode()
    assert page._repr_html_().count("<") == 2  # the frame's own tags


def test_what_cannot_be_explained():
    """Each kind of bad input gets an error that says what, where and what to do."""
    with pytest.raises(TypeError, match=r"explore: .*list"):
        explore([value(1.0)])
    with pytest.raises(TypeError, match=r"explore: .*float"):
        explore(2.0)
    with pytest.raises(GraphError, match="nothing to differentiate"):
        explore(ag.Value(2.0, requires_grad=False))
    with pytest.raises(GraphError, match=r"explore: needs a scalar, got shape \(3,\)"):
        explore(ag.Tensor([1.0, 2.0, 3.0]) * 2.0)
    x = value(1.0)
    for _ in range(MOST):
        x = x.sin()
    with pytest.raises(
        GraphTooLargeError,
        match=r"explore: 2,001 nodes, a page takes 2,000: .*inner node; .*ag\.tree.*part of it$",
    ):
        explore(x)  # nothing in it can be collapsed


@pytest.mark.parametrize("name", ["p.svg", "p.png", "p", "p.html.txt", b"p.svg"], ids=str)
def test_only_a_page_is_written(name, tmp_path, monkeypatch):
    """A name that is no page's is refused, with the call that makes a picture; nothing is written."""
    monkeypatch.chdir(tmp_path)
    shown = os.fsdecode(name)
    hint = "; ag.draw(node) makes pictures"
    for write in (lambda: explore(neuron(), name), lambda: explore(neuron()).save(name)):
        with pytest.raises(
            ValueError, match=f"^{re.escape(f'explore: the name must end in .html, got {shown!r}{hint}')}$"
        ):
            write()
    assert os.listdir(tmp_path) == []
    explore(neuron(), "P.HTM")
    explore(neuron(), b"p.html")
    assert sorted(os.listdir(tmp_path)) == ["P.HTM", "p.html"]


def test_no_gradient_is_touched():
    """explore computes the gradients afresh: every .grad is what it was."""
    x = value(3.0)
    y = x * x
    explore(y)
    assert x.grad is None
    assert y.grad is None
    y.backward()
    explore(y)
    assert x.grad == 6.0


def test_saved_whole_or_not_at_all(tmp_path, monkeypatch):
    """A page is written with a path at once, or later by save; where it cannot be, OSError, and nothing is left behind."""
    monkeypatch.setenv("PATH", "")  # no dot needed
    page = explore(neuron(), tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text("utf-8") == page.html
    page.save(str(tmp_path / "again.html"))
    assert (tmp_path / "again.html").read_bytes() == page.html.encode()
    with pytest.raises(OSError, match="missing"):
        explore(neuron(), tmp_path / "missing" / "page.html")
    assert sorted(os.listdir(tmp_path)) == ["again.html", "page.html"]


def test_representations():
    """The page shows itself in a notebook as a sandboxed frame, in a console as one line."""
    page = explore(neuron())
    assert isinstance(page, Page)
    assert re.fullmatch(r"Page\(f = 0\.462117, 6 nodes; \.save\('page\.html'\) writes it\)", repr(page))
    frame = page._repr_html_()
    assert frame.startswith('<iframe sandbox="allow-scripts" ')
    assert "allow-same-origin" not in frame


# ---- In a browser ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium, one for all tests of a worker."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: the extra `test`"
    )
    if CHROMIUM is None:
        pytest.skip("no chromium on the PATH: apt install chromium")
    with playwright.sync_playwright() as running:
        chromium = running.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield chromium
        chromium.close()


class Tab:
    """A page in the browser, with what went wrong in it and what it asked of the network."""

    def __init__(self, browser, **kwargs):
        self.page = browser.new_page(**{"viewport": {"width": 1000, "height": 700}, **kwargs})
        self.errors, self.requests = [], []
        self.page.on("console", lambda message: self.errors.append(message.text))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.set_default_timeout(120_000)  # milliseconds: that it hangs, not how quick it is

    def open(self, path, fragment=""):
        self.page.goto(f"{pathlib.Path(path).as_uri()}{fragment}")
        self.page.wait_for_selector("html[data-ready]", state="attached")
        return self.page

    def step(self):
        return int(self.page.locator("#slider").input_value())


@pytest.fixture
def tab(browser):
    """A tab in which nothing may go wrong, and which may ask for its document alone."""
    made = []

    def opened(**kwargs):
        made.append(Tab(browser, **kwargs))
        return made[-1]

    yield opened
    for one in made:
        one.page.close()
        assert one.errors == []
        assert len(set(one.requests)) <= 1


COLLECT = """() => {
    const number = text => text === undefined || text === "" ? null : text.includes(",") ? text : Number(text);
    const words = x => Number.isNaN(x) ? "NaN" : x === Infinity ? "Infinity" : x === -Infinity ? "-Infinity" : x;
    const press = () => document.body.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowRight", bubbles: true}));
    const steps = [], slider = document.getElementById("slider");
    for (;;) {
        const read = e => Object.fromEntries(Object.entries(e.dataset).map(([key, text]) => [key, words(number(text))]));
        const panel = document.getElementById("step");
        steps.push({
            title: panel.querySelector("h2").textContent,
            lines: [...panel.querySelectorAll("[data-operand], [data-forward], [data-seed], [data-leaf]")].map(e =>
                ({...read(e), text: (e.querySelector("div") || e).textContent, words: e.textContent})),
            nodes: slider.value > 0 && slider.value !== slider.max ? []
                : [...document.querySelectorAll("[data-node]")].map(e => [Number(e.dataset.node), e.dataset.grad, e.textContent]),
        });
        if (slider.value === slider.max) return steps;
        press();
    }
}"""


def as_shown(x):
    """Read a number from the page's words."""
    words = {"not a number": "nan", "infinity": "inf", "−infinity": "-inf"}
    x = x.strip()
    return float(words.get(x, x.replace("−", "-")))


def is_the_engines(got, true):
    """Whether a number of the page is the engine's, to the last bit."""
    got, true = float(got), float(np.reshape(true, ()))
    return got == true or (math.isnan(got) and math.isnan(true))


@pytest.mark.parametrize("build", GRAPHS.values(), ids=GRAPHS)
def test_every_number_is_the_engines(build, tab, tmp_path):
    """At every step each value, local derivative, part, running sum and gradient is the one of the engine's own backward pass."""
    root = build()
    explore(root, tmp_path / "page.html")
    root.backward()
    boxes = Graph(root).boxes
    nodes = [box.node for box in boxes]
    steps = tab().open(tmp_path / "page.html").evaluate(COLLECT)
    forward = [node for node in nodes if node.parents]
    backward = [node for node in reversed(toposort(root)) if node.parents]
    assert len(steps) == 3 + len(forward) + len(backward)
    for step, node in zip(steps[1:], forward, strict=False):
        (line,) = step["lines"]
        assert nodes[line["forward"]] is node
        if node.size == 1:
            assert is_the_engines(line["value"], node.data)
            assert as_shown(line["text"].split("=")[-1]) == pytest.approx(node.item(), rel=1e-3, nan_ok=True)
    (line,) = steps[len(forward) + 1]["lines"]
    assert line["total"] == 1
    held, totals = {}, {}
    for step, node in zip(steps[len(forward) + 2 :], backward, strict=False):
        wanted = [(k, parent) for k, parent in enumerate(node.parents) if parent.requires_grad]
        assert [(line["position"], nodes[line["operand"]]) for line in step["lines"]] == wanted
        for line, (k, parent) in zip(step["lines"], wanted, strict=True):
            before = held.get(parent)
            if parent.size > 1:
                continue
            if node.size == 1:
                fresh = [
                    type(other)(other.data) for other in node.parents
                ]  # the operation alone, on leaves of their own
                out = ag.apply(node.op, *fresh)
                assert is_the_engines(
                    line["local"],
                    ag.gradients(out, fresh[k], np.ones_like(out.data) if out.shape else None),
                )
                assert is_the_engines(line["upstream"], node.grad)
                product = float(line["upstream"]) * float(line["local"])
                assert float(line["share"]) == pytest.approx(product, rel=1e-9, nan_ok=True)
            share = float(line["share"])
            held[parent] = share if before is None else before + share
            assert before is None or is_the_engines(line["before"], before)
            assert is_the_engines(line["total"], held[parent])
            totals[parent] = line["total"]
            assert as_shown(line["text"].split("=")[-1]) == pytest.approx(share, rel=1e-3, nan_ok=True)
    assert all(is_the_engines(total, node.grad) for node, total in totals.items())
    for line in steps[-1]["lines"]:
        node = nodes[line["leaf"]]
        if node.size == 1:
            assert is_the_engines(line["total"], node.grad)
        else:
            low, high, mean, norm = map(float, line["total"].split(",")[:4])
            assert [low, high] == pytest.approx([node.grad.min(), node.grad.max()], rel=1e-3)
            assert [mean, norm] == pytest.approx(
                [node.grad.mean(), np.linalg.norm(node.grad)], rel=1e-3, abs=1e-12
            )
    for i, grad, _ in steps[-1]["nodes"]:
        if nodes[i].requires_grad and nodes[i].size == 1:
            assert is_the_engines(grad, nodes[i].grad)
    assert all(
        "∂ —" in words for i, _, words in steps[0]["nodes"] if nodes[i].requires_grad
    )  # never 0 before a backward


def lines_of(root, tab, path):
    explore(root, path)
    return [line["words"] for step in tab().open(path).evaluate(COLLECT) for line in step["lines"]]


def test_the_chain_rule_in_full(tab, tmp_path):
    """A step reads as the issue wants it: rule, numbers, product, formula; and what was there already."""
    words = lines_of(neuron(), tab, tmp_path / "page.html")
    assert any(line.startswith("n = v1 + b = −1 + 1.5 = 0.5") for line in words)
    at_the_end = "∂f/∂n += ∂f/∂f × ∂tanh(n)/∂n = 1 × 0.7864 = 0.7864"  # ∂f/∂n would stand on both sides
    assert any(
        at_the_end in line and "local derivative: ∂tanh(n)/∂n = 1 − tanh²(n)" in line for line in words
    )
    assert any("∂f/∂w += ∂f/∂v1 × ∂v1/∂w = 0.7864 × (−2) = −1.573" in line for line in words)
    words = lines_of(diamond(), tab, tmp_path / "page.html")
    assert any("used 2 times: its parts are added" in line and "Already 12, now 21" in line for line in words)


@pytest.mark.slow(keep=0.5)
@pytest.mark.parametrize(
    ("build", "sentence", "absent"),
    [
        (
            dead_relu,
            "because the local derivative ∂v1/∂x is 0 here",
            "arrives",
        ),
        (
            lambda: value(0.0, "zero").detach() * value(2.0, "x").exp(),
            "because nothing arrives from above, the side of the result: ∂L/∂v1 is 0",
            None,
        ),
        (cancelled, "0, because the parts that arrived at a cancel: ∂L/∂a is 0", "nothing arrives"),
        (
            cancelled_above,
            "0, because nothing arrives from above, the side of the result: ∂L/∂b is 0",
            "cancel",
        ),
        (row_cancels, "0, because what arrives and the local derivatives cancel", None),
        (
            lambda: scale([1.0, -1.0]),
            "0, because what arrives and the local derivatives cancel",
            None,
        ),
        (
            lambda: scale([0.0, 0.0]),
            "because the local derivative ∂v2/∂v1 is 0 here",
            "cancel",
        ),
        (overflow, "because v2 is infinity already in the forward pass", "no finite slope"),
        (infinite, "has no finite slope here", None),
        (lambda: value(-1.0, "x").log().sqrt(), "not a number", None),
        (lambda: value(1e-200, "x") * 1e-200 * 1e-200, "the product is too small", None),
    ],
    ids=[
        "local derivative 0",
        "nothing arriving",
        "parts cancel",
        "cancelled above",
        "cancelling row",
        "cancelling sum",
        "zeros",
        "overflow before",
        "infinite slope",
        "NaN",
        "underflow",
    ],
)
def test_why_a_gradient_is_odd(build, sentence, absent, tab, tmp_path):
    """In words why a part is 0 or not finite: a local derivative of 0 and nothing arriving are told apart."""
    words = lines_of(build(), tab, tmp_path / "page.html")
    telling = [line for line in words if sentence in line]
    assert telling, words
    assert absent is None or not any(absent in line for line in telling)


@pytest.mark.slow(keep=0.5)
@pytest.mark.parametrize(
    ("build", "lines"),
    [
        (lambda: value(-2.0, "a") ** 2 + 1.0, ["= a² = (−2)² = 4"]),
        (lambda: value(-2.0, "a") ** 3 + 1.0, ["= a³ = (−2)³ = −8", "= 3 × a² = 3 × (−2)² = 12"]),
        (lambda: value(2.0, "a") ** 2 + 1.0, ["= a² = 2² = 4"]),
        (lambda: value(-2.0, "a") ** -1.0 + 1.0, ["= (−2)⁻¹ = −0.5"]),
        (lambda: value(1e-5, "a") ** 2 + 1.0, ["= (1e−5)² = 1e−10"]),
        (lambda: value(-2.0, "a") ** value(3.0, "p") + 1.0, ["= a^p = (−2)^3 = −8"]),
        (lambda: value(2.0, "a") ** value(-3.0, "p") + 1.0, ["= a^p = 2^(−3) = 0.125"]),
        (lambda: value(-2.0, "a") * value(-3.0, "b") + 1.0, ["= a × b = (−2) × (−3) = 6"]),
        (lambda: value(-2.0, "a") / value(-4.0, "b") + 1.0, ["= a / b = (−2) / (−4) = 0.5"]),
        (lambda: value(-2.0, "a") + value(-3.0, "b") + 1.0, ["= a + b = −2 + (−3) = −5"]),
        (lambda: value(-2.0, "a").exp() + 1.0, ["= exp(a) = exp(−2) = 0.1353"]),
        (lambda: -value(-2.0, "a") + 1.0, ["= −a = −(−2) = 2"]),
        (lambda: -value(2.0, "a") + 1.0, ["= −a = −2"]),
        (masked, ["= 4 if 1 else (−2) = 4"]),
        (
            expressions,
            [
                "d = (x1 + w1) × x1 = (−1) × 2 = −2",
                "o = d / (x1 + w1) = (−2) / (−1) = 2",
                "∂o/∂(x1 + w1) += ∂o/∂o × ",
            ],
        ),
        (mixed, ["v1 = s = 0.5"]),
    ],
    ids=[
        "square",
        "cube",
        "positive",
        "inverse",
        "tiny",
        "power",
        "to a negative",
        "product",
        "quotient",
        "sum",
        "function",
        "negative of one",
        "negative",
        "where",
        "names that are expressions",
        "cast",
    ],
)
def test_formulas_with_numbers(build, lines, tab, tmp_path):
    """What is put in for a name stands in brackets wherever it would else be read otherwise."""
    words = lines_of(build(), tab, tmp_path / "page.html")
    for line in lines:
        assert any(f" {line}" in f" {said}" for said in words), (line, words)
    assert not any(re.search(r"(?<!\()−[\d.]+[²³⁻^]", said) for said in words)
    assert not any(re.search(r"= (\S+) = \1$", said.strip()) for said in words)


@pytest.mark.slow(keep=0.5)
@pytest.mark.parametrize(
    ("build", "lines", "absent"),
    [
        (
            repeated,
            [
                "∂L/∂W += ∂L/∂L = all 1",
                "shape (4, 3), as W has",
            ],
            "summed",
        ),
        (
            lambda: ag.Tensor(np.ones((4, 3)), label="W").mean(),
            ["∂L/∂W += (∂L/∂L) / 12 ="],
            "summed",
        ),
        (
            broadcast,
            [
                "∂L/∂b += sum(−∂L/∂v1) = −12 to −4",
                "∂L/∂b += sum(∂L/∂v2 × v1)",
                "shape (3,), as b has",
                "∂L/∂W += ∂L/∂v1 =",
            ],
            "is repeated over what subtract",
        ),
        (mixed, ["+= sum(∂L/∂v3 × t) ="], None),
        (
            lambda: ag.Tensor(np.ones((4, 3)), label="W").reshape(3, 4).sum(),
            ["shape (4, 3), as W has"],
            "summed",
        ),
        (
            lambda: (ag.Tensor(np.ones((4, 3)), label="W") @ np.ones((3, 2))).sum(),
            ["∂L/∂W += ∂L/∂v1 @ c1ᵀ"],
            "summed",
        ),
    ],
    ids=["sum", "mean", "broadcast", "Value in a Tensor", "reshape", "matmul"],
)
def test_shapes_are_made_to_fit(build, lines, absent, tab, tmp_path):
    """A share that is summed to its operand's shape says so in its formula, and each says its shape."""
    words = lines_of(build(), tab, tmp_path / "page.html")
    for line in lines:
        assert any(line in said for said in words), (line, words)
    assert absent is None or not any(absent in said for said in words)


def test_keyboard(tab, tmp_path):
    """→ ← Home End and Space walk the steps, ? opens and shuts the text, Tab leaves the picture; typing in a field walks nothing."""
    one = tab()
    explore(neuron(), tmp_path / "page.html")
    page = one.open(tmp_path / "page.html")
    press = page.keyboard.press
    seen = []
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft", "End", "ArrowRight", "Home", "ArrowLeft"):
        press(key)
        seen.append(one.step())
    assert seen == [1, 2, 1, 8, 8, 0, 0]
    press("Space")
    page.wait_for_selector("#slider:not([aria-valuetext^='step 0 '])")
    press("Space")
    assert page.get_attribute("[data-go=play]", "aria-label") == "Play"
    assert not page.is_visible("#intro")
    press("?")
    assert page.is_visible("#intro")
    page.click("#dismiss")
    assert not page.is_visible("#intro")
    press("?")
    places = []
    for _ in range(25):
        press("Tab")
        places.append(
            page.evaluate(
                "document.activeElement.id || document.activeElement.dataset.go || document.activeElement.tagName"
            )
        )
    assert {"predict", "help", "nodes", "next", "slider"} <= set(places)
    page.focus("#slider")
    before = one.step()
    press("ArrowRight")
    assert one.step() == before + 1


def test_links_to_steps(tab, tmp_path):
    """#step=5 is read at the beginning and when it changes, and written as one walks; nonsense is ignored."""
    one = tab()
    explore(neuron(), tmp_path / "page.html")
    page = one.open(tmp_path / "page.html", "#step=5")
    assert one.step() == 5
    assert "tanh" in page.text_content("#step h2")
    page.keyboard.press("ArrowRight")
    assert page.url.endswith("#step=6")
    page.evaluate("location.hash = '#step=2'")
    page.wait_for_selector("#slider[aria-valuetext^='step 2 ']")
    page.evaluate("location.hash = '#step=999'")
    page.wait_for_selector("#slider[aria-valuetext^='step 8 ']")
    page.evaluate("location.hash = '#step=<b>'")
    assert one.step() == 8
    page.evaluate("location.hash = ''")  # as the way back to the address alone
    page.wait_for_selector("#slider[aria-valuetext^='step 0 ']")


def test_predicting(tab, tmp_path):
    """The answer is nowhere until a number within 1 % is typed or the reader gives up; then it is shown."""
    one = tab()
    explore(neuron(), tmp_path / "page.html")
    page = one.open(tmp_path / "page.html", "#step=5")
    page.click("#predict")
    assert page.get_attribute("#predict", "aria-pressed") == "true"
    assert one.step() == 5
    assert "0.786" not in page.inner_text("body")
    assert "0.786" not in page.evaluate("document.body.innerHTML.replace(/<script[^]*?<\\/script>/g, '')")
    assert page.locator("[data-node='4']").get_attribute("data-grad") == ""
    for wrong in ("0.7", "-0.7864", "many", ""):
        page.fill(".ask input", wrong)
        page.keyboard.press("Enter")
        assert page.inner_text(".wrong").startswith("Type a number" if wrong in ("many", "") else "Not yet")
    page.keyboard.type("ArrowRight")  # letters in the field, no step
    assert one.step() == 5
    page.fill(".ask input", "0,79")  # within 1 %, with a comma
    page.keyboard.press("Enter")
    assert page.inner_text(".right") == "Right: 0.7864."
    assert "= 1 × 0.7864 = 0.7864" in page.inner_text("#step")
    page.keyboard.press("ArrowRight")
    assert page.locator(".ask").count() == 2
    page.click(".ask .reveal >> nth=0")
    assert page.locator(".ask").count() == 1
    page.click("[data-go=back]")
    assert page.locator(".ask").count() == 0  # what was answered stays so


def test_all_paths(tab, tmp_path):
    """A click on a node shows all its paths to the result; the sum of their products is the gradient."""
    root = diamond()
    page_file = tmp_path / "page.html"
    explore(root, page_file)
    page = tab().open(page_file)
    page.locator("[data-node='0']").dispatch_event("click")
    assert page.get_attribute("[data-paths]", "data-paths") == "5"
    products = [
        float(x)
        for x in page.eval_on_selector_all("[data-product]", "all => all.map(e => e.dataset.product)")
    ]
    root.backward()
    a = next(node for node in toposort(root) if node.label == "a")
    assert sum(products) == a.grad
    assert len(products) == 5
    page.keyboard.press("Escape")
    assert not page.is_visible("#node")


def test_a_path_whose_product_overflows(tab, tmp_path):
    """The product along a path is that of the backward pass, which multiplies from the result; never another number called the gradient."""
    y = x = value(1.0, "x")
    for factor in (1e-200, 1e-200, 1e200, 1e200):
        y = y * factor
    explore(y, tmp_path / "page.html")
    page = tab().open(tmp_path / "page.html", "#step=9")
    page.select_option("#nodes", label="x")
    assert page.get_attribute("[data-product]", "data-product") == "Infinity"
    y.backward()
    assert x.grad == math.inf


def test_paths_that_do_not_add_up(tab, tmp_path):
    """Where the products lose what the backward pass keeps, the page does not call them the gradient."""
    x = value(1e-300, "x")
    a = x * 1e200
    y = a * 1e200 - a * 1e200  # by the backward pass 0, along the paths ∞ − ∞
    explore(y, tmp_path / "page.html")
    page = tab().open(tmp_path / "page.html")
    page.select_option("#nodes", label="x")
    said = page.inner_text("#node")
    assert "2 paths" in said
    assert "is the gradient" not in said
    y.backward()
    assert x.grad == 0.0


def test_a_node_in_the_middle_of_the_pass(tab, tmp_path):
    """A node's gradient so far, as its box shows it, stands beside the one at the end."""
    explore(diamond(), tmp_path / "page.html")
    page = tab().open(tmp_path / "page.html")
    page.select_option("#nodes", label="a")
    assert "so far nothing; at the end 135" in page.inner_text("#node")
    page.evaluate("location.hash = '#step=6'")
    page.wait_for_selector("#slider[aria-valuetext^='step 6 ']")
    assert "so far 9 (1 of 3 parts); at the end 135" in page.inner_text("#node")
    assert "∂ 9" in page.text_content("[data-node='0']")
    page.keyboard.press("End")
    assert "= 135" in page.inner_text("#node")


def test_words(tab, tmp_path):
    """What the page says of itself holds: the button that is named is there, the legend names each mark, leaves are what they are."""
    explore(diamond(), tmp_path / "page.html")
    page = tab().open(tmp_path / "page.html")
    assert "Press Next" in page.inner_text("#step")
    assert page.inner_text("[data-go=next]").strip() == "Next"
    assert "Every gradient starts as 0" in page.text_content("#intro")
    assert {"not computed yet", "this step"} <= set(page.inner_text("#legend").split("\n"))
    assert "used 3×" in page.text_content("[data-node='0']")
    page.keyboard.press("End")
    assert page.inner_text("th >> nth=0") == "number"


def test_arrays_are_told_from_values(tab, tmp_path):
    """The first step says the range of an array; arrays are not asked for."""
    one = tab()
    explore(repeated() * 2.0, tmp_path / "page.html")
    page = one.open(tmp_path / "page.html")
    assert "W = all 1" in page.inner_text("#step")
    page.click("#predict")
    page.click("[data-go=last]")
    page.click("[data-go=back]")
    assert page.locator("#step form").count() == 0


def test_long_names_stay_apart(tab, tmp_path):
    """Two long names that differ in the middle are two names in every formula."""
    a, b = (value(3.0, f"encoder.block0.attention.layer0.neuron{i}.w[1]") for i in (3, 4))
    words = lines_of(a * b, tab, tmp_path / "page.html")
    assert any("neuron3.w[1]" in line and "neuron4.w[1]" in line for line in words)
    ends = [f"{'x' * 20}{i}{'y' * 30}" for i in (1, 2)]  # cut they would be equal
    words = lines_of(value(2.0, ends[0]) * value(3.0, ends[1]), tab, tmp_path / "page.html")
    assert any(f"{ends[0]} × {ends[1]}" in line for line in words)


def test_many_paths_are_counted(tab, tmp_path):
    """Of 2⁷⁰ paths a few are listed and all are counted."""
    x = value(1.0, "x")
    y = x
    for _ in range(70):
        y = y * y
    explore(y, tmp_path / "page.html")
    page = tab().open(tmp_path / "page.html")
    page.select_option("#nodes", label="x")
    assert page.get_attribute("[data-paths]", "data-paths") == str(2**70)
    assert page.locator("#node li").count() == 20


def test_groups_open(tab, tmp_path):
    """Above 60 boxes modules begin closed; a click or Enter opens one, and a step that goes into one opens it."""
    root = large()
    graph = Graph(root)
    explore(root, tmp_path / "page.html")
    one = tab()
    page = one.open(tmp_path / "page.html")
    shown = page.locator("[data-node]").count()
    assert len(graph) > 60
    assert page.locator("#world .box.group, [data-node]").count() <= 60
    page.locator("#world .box.group").first.dispatch_event("click")
    assert page.locator("[data-node]").count() > shown
    page.locator("#world .box.group").first.focus()
    count = page.locator("#world .box.group").count()
    page.keyboard.press("Enter")
    assert page.locator("#world .box.group").count() != count
    for step in (1, 30, 60):
        page.evaluate(f"location.hash = '#step={step}'")
        page.wait_for_selector(f"#slider[aria-valuetext^='step {step} ']")
        assert page.locator(".box.now[data-node]").count() == 1


INSIDE = """() => {
    const found = [], around = g => [...g.querySelectorAll(".shape")].at(-1).getBoundingClientRect();
    const boxes = [...document.querySelectorAll("#world .box")].map(g => [g, around(g)]);
    for (const path of document.querySelectorAll("#world .edge path:first-child")) {
        const all = path.getTotalLength(), matrix = path.getScreenCTM();
        for (let at = 0; at <= all; at += 2) {
            const { x, y } = path.getPointAtLength(at).matrixTransform(matrix);
            const box = boxes.find(([, r]) => x > r.left + 1.5 && x < r.right - 1.5 && y > r.top + 1.5 && y < r.bottom - 1.5);
            if (box) { found.push(box[0].textContent); break; }
        }
    }
    return [document.querySelectorAll("#world .edge").length, found];
}"""


@pytest.mark.slow(keep=0.4)
@pytest.mark.parametrize("size", [(1000, 700), (390, 800)], ids=["wide", "phone"])
@pytest.mark.parametrize("build", [xor, scalar_mlp, tensor_mlp, hinge, recurrent, large, diamond])
def test_lines_run_through_no_box(build, size, tab, tmp_path):
    """A line leads from its box to its box, and on its way through no other, in groups and out of them."""
    explore(build(), tmp_path / "page.html")
    page = tab(viewport={"width": size[0], "height": size[1]}).open(tmp_path / "page.html", "#step=1")
    count, inside = page.evaluate(INSIDE)
    assert count > 2
    assert inside == []


def test_a_chain_is_drawn_straight(tab, tmp_path):
    """What has one operand, or one that was computed, stands in line with it."""
    explore(xor(), tmp_path / "page.html")
    page = tab().open(tmp_path / "page.html", "#step=1")
    graph = Graph(xor())
    middles = dict(page.eval_on_selector_all("[data-node]", """all => all.map(e => {
        const r = e.querySelector(".shape").getBoundingClientRect();
        return [Number(e.dataset.node), r.top + r.height / 2]; })"""))  # fmt: skip
    chained = [(box.parents[0], box.index) for box in graph.boxes if box.op in ("tanh", "subtract", "power")]
    assert len(chained) >= 4
    for before, after in chained:
        assert middles[before] == pytest.approx(middles[after], abs=1)


def test_groups_that_stand_in_a_circle(tab, tmp_path):
    """Closed groups that feed each other, as modules called in turn do, are laid out all the same."""
    a, b = ag.nn.scalar.Neuron(1, activation="tanh", rng=0), ag.nn.scalar.Neuron(1, activation="tanh", rng=1)
    x = value(0.5, "x")
    for _ in range(12):
        x = b([a([x])])
    explore(x, tmp_path / "page.html")
    page = tab().open(tmp_path / "page.html")
    while page.locator(".frame text").count():
        page.locator(".frame text").first.dispatch_event("click")
    assert page.locator("#world .box.group").count() == 2
    starts = page.eval_on_selector_all(
        "#world .box", "all => all.map(e => Number(e.getAttribute('transform').split(/[( ]/)[1]))"
    )
    assert len(starts) == 3
    assert min(np.diff(sorted(starts))) > 64  # x and the two stand in a layer each
    page.keyboard.press("End")


def test_strict_policy_from_the_server(tab):
    """The page works as well where the server itself sends the strict policy, and asks for nothing more."""
    one = tab()
    html = explore(large()).html
    one.page.route(
        "**/*",
        lambda route: route.fulfill(
            body=html, content_type="text/html", headers={"Content-Security-Policy": POLICY}
        ),
    )
    one.page.goto("http://strict.invalid/page.html")
    one.page.wait_for_selector("html[data-ready]", state="attached")
    one.page.keyboard.press("End")
    assert "Done" in one.page.inner_text("#step")
    assert one.requests == ["http://strict.invalid/page.html"]


@pytest.mark.parametrize("build", [neuron, large], ids=["small", "packed"])
def test_inside_a_notebooks_frame(build, tab):
    """In a sandboxed frame, where history and storage are forbidden, everything works."""
    one = tab()
    one.page.set_content(explore(build())._repr_html_())
    frame = one.page.frames[1]
    frame.wait_for_selector("html[data-ready]", state="attached")
    frame.click("[data-go=last]")
    assert "Done" in frame.inner_text("#step")
    frame.click("[data-go=back]")
    assert (
        frame.evaluate(
            "(() => { try { history.replaceState(null, '', '#a'); return 'no'; } catch { return 'thrown'; } })()"
        )
        == "thrown"
    )


@pytest.mark.slow(keep=0.3)
@pytest.mark.parametrize("label", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_labels_are_shown_as_they_are(label, tab, tmp_path):
    """A label is text wherever it is shown, and runs nothing."""
    x = value(2.0, label)
    y = x * x
    y.label = label
    explore(y, tmp_path / "page.html")
    page = tab().open(tmp_path / "page.html")
    for i in (0, 1):
        page.locator(f"[data-node='{i}']").dispatch_event("click")
        page.keyboard.press("End")
        if len(label) < 30 and label.isprintable():
            assert label in page.text_content("#node h2")
    assert page.evaluate("window.__pwned") is None
    assert page.locator("img").count() == 0
    assert page.locator("script").count() == 3  # what is packed, what unpacks it, and the page's own


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast(scheme, tab, tmp_path):
    """Light and dark differ, and in both all text stands out from what is behind it by at least 4.5, on the strongest fill too."""
    explore(neuron(), tmp_path / "page.html")
    page = tab(color_scheme=scheme).open(tmp_path / "page.html", "#step=8")
    found = page.evaluate("""() => Object.fromEntries(["paper", "ink", "soft", "panel", "plus", "minus", "now"].map(name =>
        [name, getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()]))""")
    colours = {name: [int(c * 2 if len(text) == 4 else c, 16) for c in re.findall("." if len(text) == 4 else "..", text[1:])]
               for name, text in found.items()}  # fmt: skip
    assert (luminance(colours["paper"]) > 0.5) == (scheme == "light")
    strongest = max(
        float(x)
        for x in page.eval_on_selector_all(".tint", "all => all.map(e => e.getAttribute('fill-opacity'))")
    )
    assert strongest == pytest.approx(0.45)
    for sign in ("plus", "minus"):
        fill = [
            strongest * a + (1 - strongest) * b for a, b in zip(colours[sign], colours["paper"], strict=True)
        ]
        assert contrast(fill, colours["ink"]) >= 4.5
    for text, behind in (
        ("ink", "paper"),
        ("ink", "panel"),
        ("soft", "paper"),
        ("soft", "panel"),
        ("now", "paper"),
    ):
        assert contrast(colours[text], colours[behind]) >= 4.5, (text, behind)


def long_names():
    x = value(-1.23456789e-101, "W" * 300)
    y = x * value(9.87654321e99, "名" * 300)
    y.label = "a b " * 100
    return y


@pytest.mark.slow(keep=0.4)
@pytest.mark.parametrize("size", [(1000, 700), (390, 800)], ids=["wide", "phone"])
@pytest.mark.parametrize(
    "build", [neuron, large, tensor_mlp, long_names], ids=["neuron", "mlp", "tensor", "long names"]
)
def test_nothing_overflows(size, build, tab, tmp_path):
    """No text leaves its box, and the page is no wider than the screen; a picture of it is kept."""
    explore(build(), tmp_path / "page.html")
    page = tab(viewport={"width": size[0], "height": size[1]}).open(tmp_path / "page.html")
    page.keyboard.press("End")
    wide = page.evaluate("""() => [...document.querySelectorAll("#world .box")].filter(g => {
        const outer = g.querySelector(".ring").getBoundingClientRect();
        return [...g.querySelectorAll("text:not(.mark + text)")].some(t => t.getBoundingClientRect().width > outer.width);
    }).map(g => g.textContent)""")
    assert wide == []
    assert max(page.eval_on_selector_all("#world .shape", "all => all.map(e => e.getBBox().width)")) < 260
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    folder = pathlib.Path(os.environ.get("AUTOGRAD_MINI_ARTEFACTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"explore-{build.__name__}-{size[0]}.png"
    page.screenshot(path=file)
    assert file.stat().st_size > 5_000


def test_pan_and_zoom(tab, tmp_path):
    """The wheel and the buttons zoom, a drag moves and is no click, Fit and 0 bring all back."""
    explore(neuron(), tmp_path / "page.html")
    page = tab().open(tmp_path / "page.html")

    def where():
        return page.get_attribute("#world", "transform")

    start = where()
    page.hover("#picture", position={"x": 300, "y": 100})
    page.mouse.wheel(0, -200)
    page.wait_for_selector(f"#world:not([transform='{start}'])")
    page.keyboard.press("0")
    assert where() == start
    page.click("[data-zoom='1.3']")
    assert where() != start
    page.click("[data-zoom='0']")
    assert where() == start
    box = page.locator("[data-node='0'] .shape").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y + 30, steps=4)
    page.mouse.up()
    assert where() != start
    assert not page.is_visible("#node")
    page.mouse.click(x + 60, y + 30)
    assert page.is_visible("#node")


OUTSIDE = """() => {
    const all = document.getElementById("picture").getBoundingClientRect();
    return [...document.querySelectorAll("#world .box, #world .frame")].filter(g => {
        const r = g.getBoundingClientRect();
        return r.left < all.left - 8 || r.top < all.top - 8 || r.right > all.right + 8 || r.bottom > all.bottom + 8;
    }).length;
}"""


@pytest.mark.slow(keep=0.5)
@pytest.mark.parametrize("build", [xor, hinge, chain, tensor_mlp])
def test_fit_shows_all(build, tab, tmp_path):
    """After Fit, or the key 0, all is in the frame, however small, and stays so from step to step."""
    explore(build(), tmp_path / "page.html")
    page = tab().open(tmp_path / "page.html", "#step=1")
    assert page.evaluate(OUTSIDE) > 0
    page.click("[data-zoom='0']")
    assert page.evaluate(OUTSIDE) == 0
    page.keyboard.press("ArrowRight")
    assert page.evaluate(OUTSIDE) == 0


LETTERS = """() => Math.min(...[...document.querySelectorAll("#world .box text:not(.mark + text)")].map(text =>
    parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a))"""


@pytest.mark.slow(keep=0.5)
@pytest.mark.parametrize("size", [(1000, 700), (760, 680), (390, 800)], ids=["wide", "notebook", "phone"])
@pytest.mark.parametrize("build", [neuron, xor, scalar_mlp, tensor_mlp, chain, large, many_tensors])
def test_the_first_view_holds_inputs_and_result(build, size, tab, tmp_path):
    """All of the first view is in the frame, with letters of 12 px or more, the result and what it was made from among it."""
    explore(build(), tmp_path / "page.html")
    page = tab(viewport={"width": size[0], "height": size[1]}).open(tmp_path / "page.html")
    assert page.evaluate(OUTSIDE) == 0
    assert page.evaluate(LETTERS) >= 11.99
    assert page.locator("#world .box.result").count() == 1
    leaf = "#world .box.input, #world .box.constant, #world .box.parameter, #world .box.group"
    assert page.locator(leaf).count() >= 1


@pytest.mark.parametrize("build", [chain, large], ids=["without modules", "with modules"])
def test_the_first_view_opens(build, tab, tmp_path):
    """A click on what is folded there opens the graph, and so does the first step; back at the start it is as the reader left it."""
    explore(build(), tmp_path / "page.html")
    one = tab()
    page = one.open(tmp_path / "page.html")
    few = page.locator("#world .box").count()
    page.keyboard.press("ArrowRight")
    assert page.locator("#world .box").count() > few
    page.keyboard.press("ArrowLeft")
    assert page.locator("#world .box").count() == few
    page.locator("#world .box.group").first.dispatch_event("click")
    assert page.locator("#world .box").count() > few


@pytest.mark.slow(keep=0.5)
@pytest.mark.parametrize("build", [neuron, scalar_mlp, xor, chain])
def test_letters_can_be_read_at_every_step(build, tab, tmp_path):
    """Letters have 12 px or more, and the present box is in the frame."""
    explore(build(), tmp_path / "page.html")
    page = tab().open(tmp_path / "page.html")
    for key in ("ArrowRight", "End", "ArrowLeft"):
        page.keyboard.press(key)
        assert page.evaluate(LETTERS) >= 11.99
    now, all_ = page.locator("#world .box.now").bounding_box(), page.locator("#picture").bounding_box()
    assert all_["x"] <= now["x"]
    assert now["x"] + now["width"] <= all_["x"] + all_["width"]


def test_heat_maps(tab, tmp_path):
    """A Tensor opens to a heat map of its data and one of its gradient, orange below 0 and blue above, in words too."""
    root = shared_tensor()
    explore(root, tmp_path / "page.html")
    page = tab().open(tmp_path / "page.html")
    page.select_option("#nodes", label="W")
    assert page.locator(".heat").count() == 2
    w = next(node for node in toposort(root) if node.label == "W")
    classes = page.eval_on_selector_all(
        ".heat >> nth=0 >> rect", "all => all.map(e => e.getAttribute('class').split(' ')[1])"
    )
    assert classes == ["plus" if x > 0 else "minus" for x in w.data.ravel()]
    assert "norm" in page.locator(".heat").first.get_attribute("aria-label")


def test_steps_are_spoken(tab, tmp_path):
    """A live region says every step in words, and reduced motion switches the transitions off."""
    explore(neuron(), tmp_path / "page.html")
    page = tab(reduced_motion="reduce").open(tmp_path / "page.html", "#step=5")
    words = page.text_content("[aria-live=polite]")
    assert words.startswith("Step 5 of 8")
    assert "the derivative of f by n gets" in words
    assert "1 times 0.7864" in words
    explore(expressions(), tmp_path / "page.html")
    page.reload()
    page.wait_for_selector("html[data-ready]", state="attached")
    assert "the derivative of o by (x1 + w1) gets" in page.text_content("[aria-live=polite]")
    assert page.evaluate("getComputedStyle(document.querySelector('.shape')).transitionDuration") == "0s"


@pytest.mark.parametrize("root", [value(2.0), value(2.0, "x").exp()], ids=["leaf", "one operation"])
def test_the_smallest_graphs(root, tab, tmp_path):
    """A leaf alone, and one operation, are explained too."""
    explore(root, tmp_path / "page.html")
    page = tab().open(tmp_path / "page.html")
    page.keyboard.press("End")
    assert "Done" in page.inner_text("#step")


def test_the_largest_graph(tab, tmp_path):
    """2,000 nodes open and walk, in a deep chain too."""
    x = value(0.5, "x")
    for _ in range(MOST - 1):
        x = x.sin()
    explore(x, tmp_path / "page.html")
    page = tab().open(tmp_path / "page.html")
    page.keyboard.press("End")
    assert "Done" in page.inner_text("#step")
