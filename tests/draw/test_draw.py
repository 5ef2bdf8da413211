"""ag.draw: what a picture says, in SVG, DOT, Mermaid and HTML, with the `dot` program and without it.

The pictures themselves were looked at; here stands what can be computed: text, shapes, contrast, sizes, and that nothing breaks.
"""

import html.parser
import os
import pathlib
import re
import shutil
import stat
import subprocess
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import autograd_mini as ag
from autograd_mini import Tensor, Value, nn
from autograd_mini.draw import dot
from autograd_mini.draw.cards import KINDS, clean, shortened, text_width
from autograd_mini.draw.colour import THEMES, blended, largest, opacity, tone
from autograd_mini.draw.drawing import draw
from autograd_mini.draw.mermaid import mermaid
from tests.helpers.colours import contrast
from tests.helpers.processes import TIMEOUT
from tests.helpers.refusals import refused

SVG = "{http://www.w3.org/2000/svg}"
has_dot = pytest.mark.skipif(
    shutil.which("dot") is None, reason="the dot program of Graphviz is not installed"
)
ENGINES = [pytest.param("dot", marks=has_dot), "python"]


@pytest.fixture
def no_dot(monkeypatch):
    """A machine without the dot program, whose user has not been told yet."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(dot, "said", [])


@pytest.fixture
def fake_dot(monkeypatch, tmp_path):
    """A function that puts another dot program in the place of the true one."""

    def put(script):
        folder = tmp_path / "bin"
        folder.mkdir()
        program = folder / "dot"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", f"{folder}:/bin:/usr/bin")
        monkeypatch.setattr(dot, "said", [])

    return put


def neuron():
    w, x, b = Value(2.0, label="w"), Value(-1.0, label="x"), Value(0.5, label="b")
    y = ag.tanh(w * x + b)
    y.label = "y"
    return y


def scalar_mlp():
    loss = (nn.scalar.MLP(2, [4, 1], activation="tanh", rng=0)([1.0, -2.0]) - 1.0) ** 2
    loss.backward()
    return loss


def many_samples(count=20):
    net, rng = nn.scalar.MLP(2, [16, 16, 1], rng=0), np.random.default_rng(0)
    outs = [net([float(a), float(b)]) for a, b in rng.normal(size=(count, 2))]
    loss = sum((1 - out * (-1.0) ** i).relu() for i, out in enumerate(outs)) / count + 1e-4 * sum(
        p * p for p in net.parameters()
    )
    loss.backward()
    return loss


def tensor_mlp():
    x = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    loss = ((nn.MLP([2, 4, 1], activation="tanh", rng=0)(x) - x[:, :1]) ** 2).mean()
    loss.backward()
    return loss


def recurrent():
    w, u, h = Value(0.5, label="w"), Value(0.8, label="u"), Value(0.0, label="h0", requires_grad=False)
    for t in range(3):
        h = ag.tanh(w * h + u * float(t))
    h.backward()
    return h


def mixed():
    w = Tensor([[1.0, 2.0]], label="w")
    y = ag.to_value(w @ w.T) * Value(2.0, label="k") + w.to_values()[0][0]
    y.backward()
    return y


def of_all_kinds():
    loss = (nn.scalar.Neuron(1, rng=0)([Value(1.0, label="x")]) - 2.0).exp()
    loss.backward()
    return loss


GRAPHS = {
    "neuron": neuron, "scalar MLP": scalar_mlp, "many samples": many_samples, "Tensor MLP": tensor_mlp, "recurrent": recurrent,
    "mixed": mixed, "all kinds": of_all_kinds, "a leaf": lambda: Value(1.0, label="x"),
    "a constant": lambda: Value(1.0, requires_grad=False), "an empty array": lambda: (Tensor(np.zeros((0, 3))) * 2).sum(),
}  # fmt: skip
graphs = pytest.mark.parametrize("build", [pytest.param(build, id=name) for name, build in GRAPHS.items()])


def boxes(drawing):
    """The boxes of the SVG: for each its class, tooltip and lines of text."""
    out = []
    for group in ET.fromstring(drawing.svg).find(f"{SVG}g").findall(f"{SVG}g"):
        shapes = [
            path.get("class").split()
            for path in group.findall(f"{SVG}path")
            if "agd-shape" in path.get("class", "")
        ]
        if shapes:
            texts = [" ".join(text.itertext()) for text in group.findall(f"{SVG}text")]
            out.append((shapes[0][1].removeprefix("agd-"), group.find(f"{SVG}title").text, texts))
    return out


def texts(drawing):
    """All text of the SVG."""
    return [" ".join(text.itertext()) for text in ET.fromstring(drawing.svg).iter(f"{SVG}text")]


def lines_of(drawing):
    """The tooltips of the lines."""
    groups = ET.fromstring(drawing.svg).find(f"{SVG}g").find(f"{SVG}g").findall(f"{SVG}g")
    return [group.find(f"{SVG}title").text or "" for group in groups]


# ---- What it says ------------------------------------------------------------------------------------------------------


@pytest.mark.smoke
@pytest.mark.parametrize("engine", ENGINES)
def test_a_neuron_before_and_after_backward(engine):
    """Each box says name and operation, then data and gradient: `∂ —` before any backward, and never 0 for it."""
    y = neuron()
    said = {title.split("\n")[0]: words for _, title, words in boxes(draw(y, engine=engine))}
    assert said["w"] == ["w", "2 | ∂ —"]
    assert said["y"] == ["y tanh", "−0.9051 | ∂ —"]
    assert "∂ —: no backward yet" in texts(draw(y, engine=engine))
    y.backward()
    said = {title.split("\n")[0]: words for _, title, words in boxes(draw(y, engine=engine))}
    slope = 1 - np.tanh(-1.5) ** 2
    assert said["y"] == ["y tanh", "−0.9051 | ∂ 1"]
    assert said["x"] == ["x", f"−1 | ∂ {2 * slope:.4g}"]
    assert said["w"] == ["w", f"2 | ∂ −{slope:.4g}"]
    assert said["v1"] == ["×", f"−2 | ∂ {slope:.4g}"]


@pytest.mark.parametrize(
    ("rules", "forward"),
    [
        pytest.param(
            (lambda xp, g, out, a, b: 1 / 0, lambda xp, g, out, a, b: g), lambda xp, a, b: a * b, id="raises"
        ),
        pytest.param(lambda xp, g, out, a, b: [g], lambda xp, a, b: a * b, id="too few"),
        pytest.param((lambda xp, g, out, a, b: "q",) * 2, lambda xp, a, b: a * b, id="no number"),
    ],
)
@pytest.mark.parametrize("engine", ENGINES)
def test_a_wrong_derivative_does_not_hide_the_graph(rules, forward, engine):
    """An operation of the user's whose rule fails is drawn; its lines have no local derivatives, those of others have."""
    a, b = Value(2.0, label="a"), Value(3.0, label="b")
    drawing = draw(ag.apply(ag.Op("mine", forward, rules), a, b * 4.0), engine=engine)
    assert ["mine", "24 | ∂ —"] in [words for _, _, words in boxes(drawing)]
    assert sorted(lines_of(drawing)) == [
        "operand 1 of 2",
        "operand 2 of 2",
        "operand 2 of 2",
        "∂multiply/∂b = 4",
    ]
    assert [text for text in texts(drawing) if re.fullmatch(r"×\d", text)] == ["×4"]


def test_the_legend_says_what_a_dash_means():
    """`∂ —` is "no backward yet" where no box has a gradient, "not reached by a backward" where only some have; else nothing."""
    x = Value(2.0, label="x")
    y = x * 3.0
    assert {"data | ∂ gradient", "∂ —: no backward yet"} <= set(texts(draw(y)))
    y.backward()
    assert not [text for text in texts(draw(y)) if text.startswith("∂ —")]
    again = x * 4.0
    assert {"data | ∂ gradient", "∂ —: not reached by a backward"} <= set(texts(draw(again)))
    assert "∂ —: no backward yet" not in texts(draw(again))
    assert "data" in texts(draw(Value(1.0, requires_grad=False)))


def test_a_result_without_a_name_is_the_result():
    """The title calls a result by its label, and one without a label "the result", as no box of the picture says `L`."""
    y = neuron()
    assert "Graph of y: 6 nodes" in repr(draw(y))
    y.label = None
    assert "Graph of the result: 6 nodes" in repr(draw(y))


@pytest.mark.parametrize("shape", [(), (4,), (64, 128)], ids=str)
def test_names_of_operations_stand_in_full(shape):
    """The longest name of an operation in the table is not cut, neither beside a shape nor beside a label."""
    logits = Tensor(np.zeros(shape), label="logits")
    loss = ag.sigmoid_cross_entropy(logits, 1.0)
    loss.label = "a label of thirty letters here"
    assert any("sigmoid_cross_entropy" in text for text in texts(draw(loss)))


def test_a_gradient_of_zero_is_zero_and_none_yet_is_a_dash():
    """A gradient that is 0 says 0; one that no backward has reached says —; both have no tint."""
    x = Value(-1.0, label="x")
    y = x.relu()
    assert "∂ —" in " ".join(texts(draw(y)))
    y.backward()
    assert ["x", "−1 | ∂ 0"] in [words for _, _, words in boxes(draw(y))]


def test_the_tint_of_an_array_is_that_of_the_norm_it_says():
    """Of two arrays the one with the larger norm is tinted more, whatever their means; the sign is that of the mean."""
    a, b = Tensor([3.0, -3.0, 0.1], label="a"), Tensor([-1.0, -1.0, -1.0], label="b")
    y = (a * np.array([3.0, -3.0, 0.1]) + b * np.array([-1.0, -1.0, -1.0])).sum()
    y.backward()
    strength = {}
    for group in ET.fromstring(draw(y).svg).find(f"{SVG}g").findall(f"{SVG}g"):
        for path in group.findall(f"{SVG}path[@fill-opacity]"):
            strength[group.find(f"{SVG}title").text.split("\n")[0]] = (
                path.get("class"),
                float(path.get("fill-opacity")),
            )
    assert strength["a"] == ("agd-positive", 0.45)  # its norm, 4.24, is the largest number here
    norm, largest_one = np.sqrt(3), np.sqrt(18.01)
    assert strength["b"] == ("agd-negative", round(opacity(tone(norm, largest_one)), 2))
    assert "4.24" in texts(draw(y))
    assert "‖n‖: norm" in texts(draw(y))


def test_the_bar_of_the_legend_says_that_its_scale_is_logarithmic():
    """Its two ends and its middle are labelled, and it is called logarithmic; data have a bar likewise."""
    x = Value(-2.0, label="x")
    y = x * -3.0
    y.backward()
    assert {"∂ gradient, log scale: −3", "0", "3"} <= set(texts(draw(y)))
    assert {"data, log scale: −6", "0", "6"} <= set(texts(draw(y, color="data")))


def test_constants_show_no_gradient():
    """A constant is its number alone."""
    x = Value(3.0, label="x")
    y = x * 2.0
    y.backward()
    constant = next(words for kind, _, words in boxes(draw(y)) if kind == "constant")
    assert constant == ["2"]


def test_it_is_a_snapshot():
    """A later backward does not change a drawing."""
    y = neuron()
    drawing = draw(y)
    y.backward()
    assert "∂ —" in drawing.source
    assert "∂ 1" not in drawing.svg


def test_tensors_say_shape_range_and_norm():
    """A Tensor's box has its shape, the range of its data and the norm of its gradient."""
    w = Tensor([[3.0, -1.0], [0.0, 2.0]], label="W")
    (w * 2.0).sum().backward()
    words = next(words for _, title, words in boxes(draw((w * 2.0).sum())) if title.startswith("W\n"))
    assert words == ["W (2, 2)", "−1 to 3 | ∂ ‖4‖"]  # four gradients of 2


def test_nan_and_infinity_are_said_in_words():
    """NaN and ∞ are words, and the box is marked."""
    x = Value(float("inf"), label="x")
    y = x - x
    y.backward()
    drawing = draw(y)
    assert any("not a number" in text for text in texts(drawing))
    assert any("infinity" in text for text in texts(drawing))
    assert "NaN or ∞" in texts(drawing)
    assert "agd-alert" in drawing.svg.partition("</style>")[2]
    t = draw(Tensor([np.nan, 1.0, np.inf], label="t") * 1.0)
    assert any("1 to 1, 1 NaN" in text or "1, 1 NaN, 1 ∞" in text for text in texts(t))


def test_groups_say_what_and_how_many():
    """A group has its name, what it is and how many nodes it holds."""
    words = [words for kind, _, words in boxes(draw(scalar_mlp(), collapse="neuron")) if kind == "group"]
    assert ["layer0.neuron0", "5 nodes"] in [given[:2] for given in words]
    named = draw(scalar_mlp(), collapse=lambda box: "net" if box.scope else None)
    # 17 parameters, four neurons of two operations, and one of one
    assert ["net", "26 nodes"] in [words[:2] for kind, _, words in boxes(named) if kind == "group"]


def test_every_edge_is_drawn_with_its_local_derivative():
    """x * x has two lines; a tooltip says the derivative, and a small picture shows it at the line."""
    x = Value(3.0, label="x")
    drawing = draw(x * x)
    assert lines_of(drawing) == ["∂multiply/∂x = 3", "∂multiply/∂x = 3"]
    assert texts(drawing).count("×3") == 2
    assert drawing.source.count("n0 -> n1") == 2
    assert lines_of(draw(mixed()))  # a Value made of a Tensor has no one local derivative


def test_operand_numbers_stand_where_order_matters():
    """A difference numbers its operands, a product does not."""
    a, b = Value(1.0, label="a"), Value(2.0, label="b")
    assert {"1", "2"} <= set(texts(draw(a - b)))
    assert not {"1", "2"} & set(texts(draw((a + 0.5) * (b + 0.5))))
    assert "∂subtract/∂b = −1\noperand 2 of 2" in lines_of(draw(a - b))


def test_operands_are_numbered_all_or_none_where_a_group_is_one():
    """A group's operand is numbered too; one group that is both operands says both; a sum's operands have no numbers."""
    net = nn.scalar.MLP(2, [2, 1], rng=0)
    net_out = net([Value(1.0, label="x"), Value(2.0)])
    b = Value(5.0, label="b")
    assert orders(draw(net_out - b, collapse="model", engine="python")) == ["1", "2"]
    assert orders(draw(b - net_out, collapse="model", engine="python")) == ["1", "2"]
    assert orders(
        draw(
            (net_out * 2.0) / net_out,
            collapse=lambda box: "all" if box.op != "divide" else None,
            engine="python",
        )
    ) == ["1, 2"]
    assert orders(draw(net_out + b, collapse="model", engine="python")) == []


def orders(drawing):
    """The numbers of operands that stand at the lines: all that stands there but local derivatives."""
    plot = ET.fromstring(drawing.svg).find(f"{SVG}g")
    return sorted(text.text for text in plot.findall(f"{SVG}text") if not text.text.startswith("×"))


def test_lines_of_groups_count_their_edges():
    """A line from or to a group stands for several edges and says how many."""
    lines = lines_of(draw(scalar_mlp(), collapse="layer"))
    assert (
        lines.count("4 edges") == 3
    )  # from each of two inputs to four neurons, and from those to the next layer


def test_every_kind_has_a_shape_of_its_own():
    """The six kinds have six outlines in SVG, in DOT and in Mermaid, and stand in the legend."""
    loss = of_all_kinds()
    kinds = {kind for kind, _, _ in boxes(draw(loss))} | {
        kind for kind, _, _ in boxes(draw(loss, collapse="neuron"))
    }
    assert kinds == set(KINDS)
    assert len(set(dot.STYLES.values())) == len(KINDS) == len(dot.STYLES)
    outlines = {}
    for group in ET.fromstring(draw(loss).svg).iter(f"{SVG}g"):
        for path in group.findall(f"{SVG}path"):
            names = path.get("class").split()
            if "agd-shape" in names:
                style = (
                    "double"
                    if len(group.findall(f"{SVG}path[@style]"))
                    else "dashed"
                    if "agd-constant" in names
                    else ""
                )
                outlines.setdefault(names[1], set()).add(re.sub(r"[-\d., ]", "", path.get("d")) + style)
    assert all(len(found) == 1 for found in outlines.values())
    shown = texts(draw(loss))
    assert {"parameter", "input", "constant", "operation", "result"} <= set(shown)
    assert "group" not in shown


def test_the_color_chooses_what_is_tinted():
    """The tint shows the gradient, the data, or nothing."""
    x = Value(-2.0, label="x")
    y = x * -3.0
    y.backward()

    def tints(color):
        return re.findall(r'class="agd-(\w+)" fill-opacity="[\d.]+" d=', draw(y, color=color).svg)

    assert tints("grad") == ["negative", "positive"]  # of x −3, of y 1; the constant has none
    assert tints("data") == ["negative", "negative", "positive"]  # x −2, −3, y 6, in the order of the boxes
    assert tints("none") == []


# ---- Colours -----------------------------------------------------------------------------------------------------------


def test_contrast_is_that_of_wcag():
    """The test's own ruler: black on white is 21, and #767676 the lightest grey with 4.5."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") >= 4.5 > contrast("#777777", "#ffffff")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_can_be_read_on_every_tint(theme):
    """All text has a contrast of at least 4.5 over the whole scale, as blended in DOT and as drawn in SVG; outlines have 3."""
    colours = THEMES[theme]
    for place in np.linspace(-1, 1, 401):
        alpha, over = opacity(place), colours["positive" if place > 0 else "negative"]
        exact = [
            alpha * int(over[i : i + 2], 16) + (1 - alpha) * int(colours["background"][i : i + 2], 16)
            for i in (1, 3, 5)
        ]
        assert [int(blended(place, theme)[i : i + 2], 16) for i in (1, 3, 5)] == pytest.approx(
            exact, abs=0.51
        )
        for text in ("text", "muted"):
            assert contrast(colours[text], blended(place, theme)) >= 4.5
    for name in (*KINDS, "alert", "line"):
        assert contrast(colours[name], colours["background"]) >= 3


def test_the_scale_is_symmetric_and_logarithmic():
    """Opposite numbers have opposite places, larger ones stand further out, 0, NaN and None in the middle, ∞ at the end."""
    places = [tone(x, 10.0) for x in (1e-6, 1e-3, 0.1, 1.0, 10.0)]
    assert places == sorted(places)
    assert places[-1] == 1
    assert (
        places[2] - places[1] > 10 * (0.1 - 1e-3) / 10
    )  # small numbers get more of the scale than their share
    assert [tone(-x, 10.0) for x in (1e-6, 1e-3, 0.1, 1.0, 10.0)] == [-place for place in places]
    assert [tone(x, 10.0) for x in (0.0, None, float("nan"))] == [0, 0, 0]
    assert tone(float("-inf"), 10.0) == -1
    assert largest([float("nan"), float("inf"), None]) == 0
    assert opacity(1.0) <= 0.45


@pytest.mark.parametrize("theme", ["auto", "light", "dark"])
def test_pictures_do_not_disturb_each_other_on_a_page(theme):
    """No ids, no script, nothing loaded; every rule of style is for pictures of this theme alone."""
    svg = draw(scalar_mlp(), theme=theme).svg
    root = ET.fromstring(svg)
    assert not any(element.get("id") for element in root.iter())
    style = root.find(f"{SVG}style").text
    assert ("prefers-color-scheme" in style) == (theme == "auto")
    selectors = re.findall(r"([^{}]+)\{[^{}]*\}", style.replace("@media (prefers-color-scheme:dark){", ""))
    assert selectors
    assert all(selector.strip("} ").startswith(f".agd-{theme} ") for selector in selectors)
    assert "url(" not in svg
    assert "href" not in svg


def test_the_svg_scales_and_has_a_name_for_screen_readers():
    """It has width, height and viewBox, shrinks with its page, is an image with a title and a description."""
    root = ET.fromstring(draw(scalar_mlp()).svg)
    assert root.get("viewBox") == f"0 0 {root.get('width')} {root.get('height')}"
    assert "max-width:100%" in root.get("style")
    assert root.get("role") == "img"
    assert root[0].tag == f"{SVG}title"
    assert root[0].text == "Graph of the result: 31 nodes"
    assert "17 parameters" in root[1].text


@pytest.mark.parametrize("engine", ENGINES)
def test_letters_of_a_scalar_mlp_are_readable(engine):
    """Fitted to 1000 px, the smallest letters of a box of a 2-4-1 network with its loss are at least 9 px high; so of a Tensor MLP."""
    for loss in (scalar_mlp(), tensor_mlp(), many_samples()):
        width = int(ET.fromstring(draw(loss, engine=engine).svg).get("width"))
        assert 12 * min(1, 1000 / width) >= 9


# ---- Any graph, with dot and without -----------------------------------------------------------------------------------


@graphs
@pytest.mark.parametrize("direction", ["LR", "TB", "RL", "BT"])
def test_both_engines_draw_the_same_boxes(build, direction):
    """The SVG is well formed, with a box for each item and the same text from both engines."""
    node = build()
    ours = draw(node, engine="python", direction=direction)
    assert len(boxes(ours)) >= 1
    if shutil.which("dot"):
        theirs = draw(node, engine="dot", direction=direction)
        assert boxes(ours) == boxes(theirs)
        assert lines_of(ours) == lines_of(theirs)
    for element in ET.fromstring(ours.svg).iter(f"{SVG}path"):
        assert "nan" not in element.get("d")


@graphs
def test_without_dot_there_is_a_picture_and_one_line(build, no_dot, capfd):
    """Without the program: a whole picture, no traceback, one line on stderr, once."""
    bundle = draw(build())._repr_mimebundle_()
    assert boxes(draw(build()))
    assert ET.fromstring(bundle["image/svg+xml"]).tag == f"{SVG}svg"
    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert "built-in layout" in err
    assert "apt install graphviz" in err


@pytest.mark.parametrize("kind", ["png", "pdf"])
def test_png_and_pdf_without_dot_say_how_to_get_it(kind, no_dot, tmp_path):
    """One line that says what is missing and how to get it; no file is left."""
    with pytest.raises(
        RuntimeError, match="there is no `dot` program of Graphviz: get it with `apt install graphviz`"
    ) as caught:
        draw(neuron()).save(tmp_path / f"g.{kind}")
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith("; .svg and .html need no program")
    assert list(tmp_path.iterdir()) == []


def test_engine_dot_insists(no_dot):
    """engine="dot" does not fall back; the notebook's representation still does not raise."""
    drawing = draw(neuron(), engine="dot")
    with pytest.raises(RuntimeError, match="there is no `dot` program"):
        _ = drawing.svg
    assert "there is no `dot` program" in drawing._repr_mimebundle_()["text/plain"]


@pytest.mark.skipif(os.name != "posix", reason="the other dot is a shell script")
@pytest.mark.parametrize(
    ("script", "words"),
    [
        pytest.param("echo 'libgvc is broken' >&2; exit 1", "failed (libgvc is broken)", id="it fails"),
        pytest.param("exit 0", "gave nothing", id="it says nothing"),
        pytest.param("echo hello", "gave no layout", id="it says something else"),
        pytest.param(
            """echo '{"bb": "0,0,1,1", "objects": []}'""", "gave no layout", id="it leaves boxes out"
        ),
        pytest.param("exec sleep 30", "took more than 0.2 s: collapse the graph more", id="it hangs"),
        pytest.param("kill -9 $$", "failed (CalledProcessError)", id="it is killed"),
    ],
)
def test_a_broken_dot_falls_back(script, words, fake_dot, capfd, monkeypatch):
    """A dot that fails, hangs or talks nonsense costs one line on stderr, and the picture is ours."""
    monkeypatch.setattr(dot, "SECONDS", 0.2 if "sleep" in script else 20)
    fake_dot(script)
    assert draw(neuron()).svg == draw(neuron(), engine="python").svg
    out, err = capfd.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert words in err
    with pytest.raises(RuntimeError, match=re.escape(words)):
        _ = draw(neuron(), engine="dot").svg


@pytest.mark.skipif(os.name != "posix", reason="the other dot is a shell script")
def test_a_failing_dot_is_waited_for_once(fake_dot, monkeypatch, tmp_path):
    """After one failure the pictures that follow are ours at once; engine="dot" asks again, and a file that dot must make is refused."""
    monkeypatch.setattr(dot, "SECONDS", 0.2)
    fake_dot(f"echo run >> {tmp_path}/runs; exit 0")
    for _ in range(3):
        assert boxes(draw(neuron()))
    assert (tmp_path / "runs").read_text() == "run\n"
    with pytest.raises(RuntimeError, match="gave nothing: get it with `apt install graphviz`"):
        draw(neuron()).save(tmp_path / "g.png")
    with pytest.raises(RuntimeError, match="gave nothing"):
        _ = draw(neuron(), engine="dot").svg
    assert not (tmp_path / "g.png").exists()


def test_a_file_that_is_no_program_falls_back(fake_dot):
    """A dot that cannot be run at all falls back as well."""
    fake_dot("")
    path = pathlib.Path(shutil.which("dot"))
    path.write_bytes(b"\x00\x01")
    assert boxes(draw(neuron()))
    assert "failed (OSError)" in dot.said[0] or "failed (PermissionError)" in dot.said[0]


@pytest.mark.parametrize("stderr", [None, pytest.param("closed", id="closed")])
def test_the_notice_needs_no_stderr(stderr, no_dot, monkeypatch, tmp_path):
    """Without stderr, or with a closed one, there is still a picture."""
    if stderr:
        stderr = (tmp_path / "closed").open("w")
        stderr.close()
    monkeypatch.setattr(sys, "stderr", stderr)
    assert boxes(draw(neuron()))


# ---- Files -------------------------------------------------------------------------------------------------------------


@has_dot
@pytest.mark.parametrize(
    ("suffix", "start"),
    [
        ("svg", b"<svg "), ("png", b"\x89PNG\r\n"), ("pdf", b"%PDF-"), ("dot", b"digraph "), ("mmd", b"flowchart LR\n"),
        ("html", b"<!DOCTYPE html>"),
    ],
)  # fmt: skip
@graphs
def test_every_kind_of_file(build, suffix, start, tmp_path):
    """The suffix, in any case, says what is written; a str and a Path both do."""
    draw(build()).save(tmp_path / f"g.{suffix}")
    assert (tmp_path / f"g.{suffix}").read_bytes().startswith(start)


def test_a_path_may_be_bytes(tmp_path):
    """A path of bytes, as os.fsencode makes it, is a path."""
    draw(neuron(), engine="python").save(os.fsencode(tmp_path / "g.svg"))
    assert (tmp_path / "g.svg").read_bytes().startswith(b"<svg ")
    with pytest.raises(ValueError, match=r"got '.*g\.gif'"):
        draw(neuron()).save(os.fsencode(tmp_path / "g.gif"))


def test_no_title_is_empty():
    """Every title of the SVG, which is a tooltip, says something, in the legend too."""
    x = Value(float("inf"), label="x")
    for drawing in (draw(x - x), draw(scalar_mlp(), collapse="layer"), draw(mixed())):
        assert all(element.text for element in ET.fromstring(drawing.svg).iter(f"{SVG}title"))


def test_mermaid_keeps_the_order_of_operands(tmp_path):
    """A difference's lines say which operand they are, a large one's without the local derivatives; a sum's do not."""
    a, b = Value(1.0, label="a"), Value(2.0, label="b")
    text = mermaid(draw(a - b)._picture)
    assert 'n0 -->|"operand 1, ×1"| n2' in text
    assert 'n1 -->|"operand 2, ×−1"| n2' in text
    assert "operand" not in mermaid(draw(a + b)._picture)
    long = a + b
    for _ in range(10):
        long = long + b
    assert mermaid(draw(long / b)._picture).count('|"operand ') == 2


def test_another_suffix_is_refused(tmp_path):
    """Another suffix, or none, names those that there are."""
    for name in ("g.gif", "g", "svg"):
        with pytest.raises(
            ValueError, match=re.escape("the name must end in .svg, .png, .pdf, .dot, .mmd, .html")
        ):
            draw(neuron()).save(str(tmp_path / name))
    draw(neuron(), engine="python").save(str(tmp_path / "G.SVG"))
    assert [path.name for path in tmp_path.iterdir()] == ["G.SVG"]


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    """A folder that is not there is an OSError; a failing write leaves the old file."""
    with pytest.raises(OSError, match="nowhere"):
        draw(neuron(), engine="python").save(tmp_path / "nowhere" / "g.svg")
    path = tmp_path / "g.svg"
    path.write_text("old")
    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="full"):
        draw(neuron(), engine="python").save(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def refuse(*args):
    raise OSError("the disk is full")


def test_a_notebook_gets_svg_and_text():
    """The mimebundle has the picture and one line of text."""
    drawing = draw(scalar_mlp(), engine="python")
    bundle = drawing._repr_mimebundle_(include=None, exclude=None)
    assert bundle == {"image/svg+xml": drawing.svg, "text/plain": repr(drawing)}
    assert (
        repr(drawing)
        == 'Drawing(Graph of the result: 31 nodes; shown by a notebook, written by .save("graph.svg"))'
    )
    assert "in 10 boxes" in repr(draw(scalar_mlp(), collapse="neuron"))


def test_dot_sources_never_set_size():
    """Graphviz's `size` cuts pictures in notebooks."""
    assert not re.search(r"\bsize\s*=", draw(scalar_mlp()).source)


# ---- Injection ---------------------------------------------------------------------------------------------------------

LABELS = {
    "quotes": "a\"b'c`d", "markup": "<b>bold</b>", "an HTML label": '<IMG SRC="/etc/passwd">', "entities": "&amp; &lt; &#65;",
    "lines": "one\ntwo\r\nthree\u2028four", "escapes": "\\N \\G \\l \\", "10,000 letters": "x<" * 5000, "right to left": "שלום עולם",
    "marks of direction": "\u202eevil\u202c \u2067x\u2069", "control characters": "a\x00b\x1b[31m\x7f\x85", "surrogate": "\ud800 lone",
    "no characters": "\ufffe\uffff", "end of SVG": "</text></svg><script>alert(1)</script>", "CDATA": "]]> <![CDATA[",
    "comment": "--> <!--",
    "DOT": '"]; n9 [URL="javascript:alert(1)"]; //', "Mermaid": '"]; click n0 href "javascript:alert(1)" %%{init: {}}%% #quot; end',
    "wide": "日本語の長い名前" * 3, "combining": "a\u0301\u0302\u0303", "nothing": "", "spaces": "   ",
}  # fmt: skip
labels = pytest.mark.parametrize("label", [pytest.param(label, id=name) for name, label in LABELS.items()])


def labelled(label):
    """A picture in which the text stands everywhere that users' text can: labels, an operation, a group."""
    op = ag.Op(label, lambda xp, x: x * 2.0, (lambda xp, g, out, x: g * 2.0,))
    x = Value(1.5, label=label)
    y = ag.apply(op, ag.apply(op, x) - x) / x
    y.label = label
    y.backward()
    return [draw(y), draw(y, collapse=lambda box: label if box.op == label else None)]


class Reader(html.parser.HTMLParser):
    """Notes what a browser would make of a page."""

    def __init__(self):
        super().__init__()
        self.tags, self.attributes, self.data = [], [], ""

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attributes]

    def handle_data(self, data):
        self.data += data


@labels
def test_no_text_breaks_svg_or_html(label, tmp_path):
    """SVG stays well formed, with nothing but its own elements; the full text is in the tooltip, the box has it shortened."""
    for drawing in labelled(label):
        assert not {"\u202e", "\u202c", "\u2067", "\u2069"} & {*drawing.svg, *drawing.source}
        root = ET.fromstring(drawing.svg.encode())
        assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {
            "svg", "title", "desc", "style", "rect", "g", "path", "text", "tspan"
        }  # fmt: skip
        shown = clean(label)
        tooltips = [element.text for element in root.iter(f"{SVG}title") if element.text]
        assert any(shown in tooltip for tooltip in tooltips) or not shown.strip()
        for element in root.iter(f"{SVG}text"):
            assert len("".join(element.itertext())) < 120
        drawing.save(tmp_path / "g.html")
        page = Reader()
        page.feed((tmp_path / "g.html").read_text(encoding="utf-8"))
        assert "script" not in page.tags
        assert "img" not in page.tags
        assert not [name for name in page.attributes if name.startswith("on") or name in ("href", "src")]
        assert "default-src 'none'" in (tmp_path / "g.html").read_text(encoding="utf-8")
        assert "\n" not in repr(drawing)


@has_dot
@labels
def test_no_text_breaks_dot(label, tmp_path):
    """dot reads the source, draws it without a word, with as many boxes and lines as there are, and no links."""
    for drawing in labelled(label):
        done = subprocess.run(
            ["dot", "-Tcanon"],
            input=drawing.source.encode(),
            capture_output=True,
            check=True,
            timeout=TIMEOUT,
        )
        assert done.stderr == b""
        canon = done.stdout.decode()
        assert len(re.findall(r"^\s*n\d+\s*\[", canon, re.M)) == len(boxes(drawing))
        assert len(re.findall(r"^\s*n\d+ -> n\d+", canon, re.M)) == len(lines_of(drawing))
        drawn = subprocess.run(
            ["dot", "-Tsvg"], input=drawing.source.encode(), capture_output=True, check=True, timeout=TIMEOUT
        )
        root = ET.fromstring(drawn.stdout)
        assert not any(element.tag.endswith(("image", "script")) for element in root.iter())
        shown = {re.sub(r"\s+", " ", element.text or "").strip() for element in root.iter(f"{SVG}text")}
        short = shortened(label, 190, 13 * 1.12)
        if short.strip() and short == clean(label):
            name = re.sub(r"\s+", " ", short).strip()
            assert any(name in text for text in shown)


@labels
def test_no_text_breaks_mermaid(label, tmp_path):
    """Every line is one of ours, and inside the quotes stands nothing that Mermaid could read."""
    for drawing in labelled(label):
        drawing.save(tmp_path / "g.mmd")
        first, *rest = (tmp_path / "g.mmd").read_text(encoding="utf-8").splitlines()
        assert first == "flowchart LR"
        safe = r'"(?:[\w .,+=∂×−—…‖-]|#\d+;|<br/>)*"'
        forms = [
            rf"  n\d+[\[({{/]+{safe}[\])}}/]+:::\w+", rf"  n\d+ -->(?:\|{safe}\|)? n\d+", r"  style n\d+ fill:#\w{6}",
            r"  classDef \w+ [\w:#,; -]+",
        ]  # fmt: skip
        for line in rest:
            assert any(re.fullmatch(form, line) for form in forms), line


# ---- Text that fits ----------------------------------------------------------------------------------------------------


@labels
def test_shortened_text_fits(label):
    """A shortened text is at most as wide as asked for, keeps its two ends, and is whole where it fits."""
    short = shortened(label, 150, 13)
    assert text_width(short, 13) <= 150
    if short != clean(label).replace("\n", " "):
        head, tail = short.split("…", 1) if "…" not in label else (short[:3], short[-3:])
        assert clean(label).replace("\n", " ").startswith(head)
        assert clean(label).replace("\n", " ").endswith(tail)


def test_widths_are_at_least_those_of_dejavu_sans():
    """The widths are no smaller than those of a wide font, DejaVu Sans, which matplotlib brings with it."""
    matplotlib = pytest.importorskip("matplotlib")
    from matplotlib.ft2font import FT2Font

    folder = pathlib.Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    for name, factor in (("DejaVuSans.ttf", 1.0), ("DejaVuSans-Bold.ttf", 1.12)):
        font = FT2Font(str(folder / name))
        font.set_size(100, 72)
        for text in (
            "layer0.neuron12.w[3]",
            "−0.1234 | ∂ −1.2e−05",
            "tanh linear weight (4, 16)",
            "WMm@%—…",
            "a=b<c>&{}",
        ):
            font.set_text(text)
            assert font.get_width_height()[0] / 64 <= 1.02 * text_width(text, 100 * factor)


# ---- Errors ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "kind", "texts"),
    [
        pytest.param(
            {"direction": "up"},
            ValueError,
            ("direction must be 'LR', 'TB', 'RL', 'BT'", "'up'"),
            id="direction",
        ),
        pytest.param(
            {"color": "red"}, ValueError, ("color must be 'grad', 'data', 'none'", "'red'"), id="color"
        ),
        pytest.param(
            {"theme": None}, ValueError, ("theme must be 'auto', 'light', 'dark'", "None"), id="theme"
        ),
        pytest.param(
            {"engine": "neato"},
            ValueError,
            ("engine must be 'auto', 'dot', 'python'", "'neato'"),
            id="engine",
        ),
        pytest.param({"max_nodes": 0}, ValueError, ("max_nodes", "0"), id="max_nodes 0"),
        pytest.param({"max_nodes": "9"}, TypeError, ("max_nodes",), id="max_nodes text"),
        pytest.param({"collapse": "all"}, ValueError, ("collapse must be 'auto'", "'all'"), id="collapse"),
    ],
)
def test_bad_arguments_name_the_choices(given, kind, texts):
    """A choice that there is not is refused with those that there are."""
    with pytest.raises(kind) as caught:
        draw(neuron(), **given)
    for text in texts:
        assert text in str(caught.value)


def test_only_nodes_are_drawn():
    """A number, a list, a model: each is told what to give instead."""
    for thing in (3.0, [neuron()], nn.MLP([2, 1])):
        with pytest.raises(TypeError, match="draw: a Value or Tensor is needed"):
            draw(thing)


def test_a_large_graph_names_ways_out_that_work():
    """Too many boxes: the counts, and three ways out, each of which works."""
    loss = scalar_mlp()
    with pytest.raises(ag.GraphTooLargeError) as caught:
        draw(loss, max_nodes=10, collapse="none")
    text = str(caught.value)
    assert "31 nodes are 31 boxes after collapsing, more than max_nodes=10" in text
    assert "ag.tree(node, depth=3)" in text
    level, count = re.search(r'collapse="(\w+)" leaves (\d+)', text).groups()
    assert len(boxes(draw(loss, max_nodes=10, collapse=level))) == int(count) <= 10
    limit = int(re.search(r"max_nodes=(\d+) draws all", text)[1])
    assert text.index("ag.tree") < text.index(f"max_nodes={limit} ")  # what can be read comes first
    assert len(boxes(draw(loss, max_nodes=limit, collapse="none"))) == 31 == limit


def chain(count, label=lambda i: None):
    """A chain of products, each by a factor of its own, and its labelled nodes by their labels."""
    x, found = Value(1.0, label="x"), {}
    for i in range(count):
        x = x * (1.0 + i)
        x.label = label(i)
        found[x.label] = x
    return x, found


def ways_out(node, limit):
    """What the refusal offers for `collapse`, as Python reads it, with the count it promises."""
    with pytest.raises(ag.GraphTooLargeError) as caught:
        draw(node, max_nodes=limit, collapse="none")
    text = str(caught.value)
    assert "ag.tree(node, depth=3)" in text
    assert "max_nodes=" in text
    how, count = re.search(r"collapse=(.+?) leaves (\d+);", text).groups()
    return eval(how), int(count)


@pytest.mark.parametrize("limit", [1, 2, 5, 12])
@pytest.mark.parametrize(
    "build",
    [
        pytest.param(lambda: chain(50)[0], id="one operation"),
        pytest.param(recurrent, id="recurrent"),
        pytest.param(scalar_mlp, id="modules"),
        pytest.param(lambda: sum(chain(i)[0].tanh() * i for i in range(1, 9)), id="several operations"),
    ],
)
def test_a_large_graph_without_names_can_be_collapsed_as_it_says(build, limit):
    """What stands after `collapse=` can be typed, and leaves as many boxes as promised, at most max_nodes of them."""
    node = build()
    how, count = ways_out(node, limit)
    assert len(boxes(draw(node, max_nodes=limit, collapse=how, engine="python"))) == count <= limit


@pytest.mark.parametrize("engine", ENGINES)
def test_five_thousand_nodes_collapse_to_a_picture(engine):
    """A graph of 5,000 nodes needs no recursion, and is a picture of a few boxes."""
    loss = many_samples(52)
    drawing = draw(loss, engine=engine)
    assert re.search(r"4,\d{3} nodes|5,\d{3} nodes", repr(drawing))
    assert 2 <= len(boxes(drawing)) <= 60


def test_refusals_leave_the_graph_alone():
    """Drawing changes no gradient and no data."""
    y = neuron()
    y.backward()
    before = [(node.data, node.grad) for node in (y, *y.parents)]
    _ = draw(y).svg
    with refused(ValueError, "theme", unchanged=[y]):
        draw(y, theme="x")
    assert [(node.data, node.grad) for node in (y, *y.parents)] == before
