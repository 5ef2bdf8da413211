"""The graph model and its collapsing: what every view reads."""

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest

import autograd_mini as ag
from autograd_mini import Tensor, Value
from autograd_mini.core.engine import toposort
from autograd_mini.draw.collapse import FEW, Group, collapse, sizes
from autograd_mini.draw.graph import Graph, readable
from autograd_mini.draw.summary import number, spoken, summary
from autograd_mini.support.modes import keep_constants
from tests.helpers.refusals import refused


def random_graph(seed, count=60):
    """A graph of Values with constants, leaves, repeated operands and much sharing."""
    rng = np.random.default_rng(seed)
    nodes = [Value(x, requires_grad=i % 3 > 0) for i, x in enumerate(rng.uniform(0.5, 1.5, 6))]
    for _ in range(count):
        x, y = (nodes[i] for i in rng.integers(len(nodes), size=2))
        nodes.append([x + y, x * y, x - y, x.tanh(), x / (y * y + 1.0), ag.maximum(x, y)][rng.integers(6)])
    return sum(nodes[-4:], nodes[1] * nodes[2])


def titles(view):
    return [item.title for item in view.items]


def links(view):
    """The links of a view by the titles of their ends."""
    return {(view.items[a].title, view.items[b].title): len(edges) for a, b, edges in view.links}


# ---- The model ----------------------------------------------------------------------------------------------------------


def test_boxes_hold_what_the_nodes_do():
    """Names, operations, kinds, data, gradients, operand order and the number of uses of a small graph."""
    w, x = Value(3.0, label="w"), Value(2.0, label="x", requires_grad=False)
    loss = (w * x - 1.0) / w
    loss.label = "loss"
    loss.backward()
    graph = Graph(loss)
    by_title = {box.title: box for box in graph.boxes}
    found = {box.name or box.symbol or box.data: (box.kind, box.op, box.uses) for box in graph.boxes}
    assert found == {
        "w": ("input", None, 2),
        "x": ("constant", None, 1),
        1.0: ("constant", None, 1),
        "×": ("operation", "multiply", 1),
        "−": ("operation", "subtract", 1),
        "loss": ("result", "divide", 0),
    }
    assert graph.root is graph.boxes[-1] is by_title["loss"]
    assert [graph.boxes[i].symbol or graph.boxes[i].title for i in graph.root.parents] == ["−", "w"]
    assert by_title["w"].uses == 2
    assert (by_title["w"].data, by_title["w"].grad) == (3.0, w.grad)
    assert by_title["x"].grad is None
    assert len(graph) == 6
    assert sorted(graph.edges()) == sorted(
        (i, box.index, k) for box in graph.boxes for k, i in enumerate(box.parents)
    )


def test_repeated_operands_keep_their_edges():
    """x*x has two edges, and each its own local derivative."""
    x = Value(3.0, label="x")
    graph = Graph(x * x)
    assert list(graph.edges()) == [(0, 1, 0), (0, 1, 1)]
    assert graph.local(graph.root) == [3.0, 3.0]
    assert graph.boxes[0].uses == 2


@pytest.mark.parametrize("seed", range(8))
def test_the_order_is_the_engines(seed):
    """Of the nodes that require a gradient the order is toposort's, whatever constants stand between."""
    root = random_graph(seed)
    assert [box.node for box in Graph(root).boxes if box.node.requires_grad] == toposort(root)


@pytest.mark.parametrize("seed", range(8))
def test_local_derivatives_and_shares_add_up_to_the_gradients(seed):
    """Gradient × local derivative, summed over the edges of a node, is the gradient that backward stores."""
    root = random_graph(seed)
    root.backward()
    graph = Graph(root)
    grads = graph.gradients("test")
    sums = {box.index: 0.0 for box in graph.boxes}
    sums[graph.root.index] = 1.0
    for box in reversed(graph.boxes):
        assert len(graph.local(box)) == len(graph.shares(box, 2.0)) == len(box.parents)
        for parent, slope, share in zip(box.parents, graph.local(box), graph.shares(box, 2.0), strict=True):
            assert (slope is None) == (share is None) == (not graph.boxes[parent].node.requires_grad)
            if slope is not None:
                assert share == pytest.approx(2.0 * slope, rel=1e-12)
                sums[parent] += sums[box.index] * slope
    for box in graph.boxes:
        if box.node.requires_grad:
            assert grads[box.index] == box.grad == pytest.approx(sums[box.index], rel=1e-9)
        else:
            assert box.index not in grads


def test_gradients_are_computed_afresh_and_nothing_is_stored():
    """The model's own gradients are those of this root; `.grad` stays as it was."""
    x = Value(3.0)
    y = x * x
    assert Graph(y).gradients("test")[0] == 6.0
    assert x.grad is None
    assert y.grad is None
    with refused(ag.GraphError, "needs a scalar"):
        Graph(Tensor([1.0, 2.0]) * 2.0).gradients("explore")
    with refused(ag.GraphError, "nothing to differentiate"):
        Graph(Value(1.0, requires_grad=False) * 2.0).gradients("explore")
    W = Tensor([1.0, 2.0])
    loss = (W * W).sum()
    W.data = [3.0, 4.0]
    with refused(ag.GraphError, "was changed after 'multiply' had read it"):
        Graph(loss).gradients("explore")


def test_local_derivatives_follow_ieee_arithmetic():
    """Where Python's floats refuse (1/0, a large exp), the local derivative is ∞ or NaN, and there is no error."""
    zero, big = Value(0.0), Value(1000.0)
    assert Graph(1.0 / zero).local(Graph(1.0 / zero).root)[1] == -np.inf
    assert Graph(big.exp()).local(Graph(big.exp()).root) == [np.inf]


def test_tensors_have_shares_and_no_local_derivatives():
    """The shares of a Tensor's operands have their shapes, also where broadcasting is undone."""
    W, b = Tensor(np.arange(6.0).reshape(2, 3)), Tensor(np.ones(3))
    graph = Graph((W + b).sum())
    box = graph.boxes[-2]
    assert graph.local(box) == [None, None]
    given = np.arange(6.0).reshape(2, 3)
    shares = graph.shares(box, given)
    np.testing.assert_array_equal(shares[0], given)
    np.testing.assert_array_equal(shares[1], given.sum(0))


def test_a_value_taken_from_a_tensor_has_no_single_local_derivative():
    """Of a Value that is an element of a Tensor the share is an array, and the local derivative is None."""
    graph = Graph(ag.to_value(Tensor([1.0, 2.0]), 1) * 3.0)
    taken = graph.boxes[graph.root.parents[0]]
    assert graph.local(taken) == [None]
    np.testing.assert_array_equal(graph.shares(taken, 5.0)[0], [0.0, 5.0])
    assert graph.local(graph.root) == [3.0, None]


def test_a_mask_and_a_detached_node_end_the_graph():
    """A result without derivative has no shares; a detached one is a constant without an operation."""
    x = Value(2.0)
    y = x.detach()
    graph = Graph(x * y)
    cut = next(box for box in graph.boxes if box.node is y)
    assert (cut.kind, cut.op, cut.parents) == ("constant", None, ())
    with keep_constants():
        masked = ag.apply(ag.Op("mask", lambda xp, x: xp.sign(x)), x * 3.0)
    assert Graph(masked).local(Graph(masked).root) == [None]


@pytest.mark.parametrize(
    ("thing", "text"),
    [
        ([Value(1.0)], "list: pass one of its nodes"),
        (3.0, "float: wrap it, as ag.Value(3.0)"),
        (np.ones(3), "ndarray: wrap it, as ag.Tensor([1.0, 2.0])"),
        (ag.nn.Linear(1, 1, rng=0), "Linear: call the model, and pass its output"),
    ],
    ids=["list", "number", "array", "module"],
)
def test_what_is_no_node_is_refused(thing, text):
    """A TypeError names the function, what was given and what to do."""
    with refused(TypeError, "tree: a Value or Tensor is needed, got", text):
        Graph(thing, "tree")


# ---- Names --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "is_module", "shown"),
    [
        ("layers.0.neurons.3.w.1", False, "layer0.neuron3.w[1]"),
        ("w.1", False, "w[1]"),
        ("weights.0", False, "weights[0]"),
        ("layers.0", True, "layer0"),
        ("layers.0", False, "layers[0]"),
        ("net.2.weight", False, "net2.weight"),
        ("grid.1.2", False, "grid[1][2]"),
        ("heads.left.bias", False, "heads.left.bias"),
        ("0.weight", False, "0.weight"),
    ],
)
def test_paths_read_as_one_says_them(path, is_module, shown):
    """The third of the layers is `layer2`, the second of the weights `w[1]`."""
    assert readable(path, is_module) == shown


def test_parameters_get_their_path_by_themselves():
    """Every parameter of a network on Values bears its path; the scope of each node is the neuron that made it."""
    net = ag.nn.scalar.MLP(2, [4, 1], rng=0)
    graph = Graph((net([1.0, 2.0]) - 1.0) ** 2)
    named = {box.name: box for box in graph.boxes if box.name}
    assert set(named) == {readable(path, False) for path, _ in net.named_parameters()}
    assert "layer0.neuron3.w[1]" in named
    for path, node in net.named_parameters():
        box = named[readable(path, False)]
        assert box.node is node
        assert box.kind == "parameter"
        assert box.scope == ("MLP", *box.name.split(".")[:2])
    for box in graph.boxes:
        if box.op == "dot":
            neuron = box.node.meta["scope"][0].module()
            i, j = next(
                (i, j)
                for i, layer in enumerate(net.layers)
                for j, own in enumerate(layer.neurons)
                if own is neuron
            )
            assert box.scope == ("MLP", f"layer{i}", f"neuron{j}")
    assert graph.root.scope == graph.boxes[-1].scope == ()


def test_scopes_of_tensor_networks_and_of_nested_models():
    """Linear layers, activations of the model itself, a model in a model, and frozen parameters."""
    inner = ag.nn.MLP([2, 3, 1], activation="tanh", rng=0)
    inner.layers[0].freeze()
    net = ag.nn.Sequential(inner, ag.nn.Linear(1, 1, rng=0))
    graph = Graph(net(np.ones((4, 2))).sum())
    assert [(box.op, box.scope) for box in graph.boxes if box.op] == [
        ("linear", ("Sequential", "layer0", "layer1")),
        ("linear", ("Sequential", "layer1")),
        ("sum", ()),
    ]  # what is made of constants alone is constant
    inner.unfreeze()
    graph = Graph(net(np.ones((4, 2))).sum())
    assert [(box.op, box.scope) for box in graph.boxes if box.op] == [
        ("linear", ("Sequential", "layer0", "layer0")),
        ("tanh", ("Sequential", "layer0")),
        ("linear", ("Sequential", "layer0", "layer1")),
        ("linear", ("Sequential", "layer1")),
        ("sum", ()),
    ]
    inner.layers[1].freeze()
    frozen = next(
        box for box in Graph(net(np.ones((4, 2))).sum()).boxes if box.name == "layer0.layer1.weight"
    )
    assert frozen.kind == "constant"


def test_two_models_are_told_apart():
    """Parameters of two models bear the model's name, and two models of one class a number."""
    one, two = ag.nn.Linear(1, 1, rng=0), ag.nn.Linear(1, 1, rng=1)
    graph = Graph(two(one(np.ones((1, 1)))).sum())
    assert {box.name for box in graph.boxes if box.name} == {
        f"{title}.{name}" for title in ("Linear", "Linear 2") for name in ("weight", "bias")
    }


def test_a_module_made_in_passing_bears_its_class():
    """A Module that is no part of the model in whose call it is made is called by its class."""

    class Odd(ag.nn.Module):
        def forward(self, x):
            return ag.nn.Linear(1, 1, rng=0)(x)

    graph = Graph(Odd()(Tensor([[1.0]])))
    assert graph.root.scope == ("Odd", "Linear")


def test_every_title_is_its_own():
    """Equal labels get a number; made-up names avoid labels; the result is L."""
    a, b, taken = Value(1.0, label="x"), Value(2.0, label="x"), Value(3.0, label="v1")
    graph = Graph((a * b + taken) * a)
    found = [box.title for box in graph.boxes]
    assert len(set(found)) == len(found)
    assert {"x", "x (2)", "v1", "L"} <= set(found)
    assert graph.root.title == "L"
    labelled = a * b
    labelled.label = "L"
    assert Graph(labelled + 1.0).root.title != "L"


def test_scopes_hold_under_no_grad_and_in_threads_and_end_with_the_call():
    """What is recorded outside a call bears no scope, also after a call that raised; no_grad inside a module cuts as ever."""

    class Broken(ag.nn.Module):
        def forward(self, x):
            self.seen = (x * 2.0).meta
            with ag.enable_grad():
                self.kept = (x * 2.0).meta
            with ag.no_grad():
                self.constant = x * 2.0
                with ag.enable_grad():
                    self.recorded = x * 2.0
            raise ValueError("on purpose")

    net, x = Broken(), Value(1.0)
    with pytest.raises(ValueError, match="on purpose"):
        net(x)
    assert net.seen["scope"] == net.kept["scope"]
    assert (net.seen["scope"][0].module() is net, net.seen["scope"][1]) == (True, None)
    assert not net.constant.requires_grad
    assert net.recorded.requires_grad
    assert (x * 2.0).meta is None
    with ag.no_grad():
        with pytest.raises(ValueError, match="on purpose"):
            net(x)
        assert not (x * 2.0).requires_grad
    assert not net.constant.requires_grad


def test_a_label_does_not_leak_to_the_other_nodes_of_a_call():
    """Nodes of one call share their scope, and nothing else."""
    neuron = ag.nn.scalar.Neuron(2, rng=0)
    out = neuron([1.0, 2.0])
    out.label = "out"
    assert out.parents[0].label is None
    assert out.meta["scope"] == out.parents[0].meta["scope"]


def test_a_graph_with_scopes_is_freed_at_once():
    """Scopes hold the module and no node: with the collector off, a dropped graph and its module are gone."""
    gc.collect()
    gc.disable()
    try:
        net = ag.nn.scalar.MLP(2, [2, 1], rng=0)
        loss = net([1.0, 2.0]) ** 2
        loss.backward()
        Graph(loss)
        alive = [weakref.ref(loss), weakref.ref(net), weakref.ref(net.layers[0].neurons[0].w[0])]
        del net, loss
        assert [ref() for ref in alive] == [None] * 3
    finally:
        gc.enable()


def test_a_module_that_holds_what_it_computed_is_freed_at_once():
    """A cell that keeps its state makes no cycle: with the collector off it is gone with its last reference."""

    class Cell(ag.nn.Module):
        def __init__(self):
            super().__init__()
            self.w, self.h = Tensor(np.eye(2)), Tensor(np.ones(2), requires_grad=False)

        def forward(self):
            self.h = (self.h @ self.w).tanh()
            return self.h

    gc.collect()
    gc.disable()
    try:
        cell = Cell()
        cell()
        cell()
        alive = weakref.ref(cell), weakref.ref(cell.w)
        assert Graph(cell.h).root.scope == ("Cell",)
        del cell
        assert [ref() for ref in alive] == [None, None]
    finally:
        gc.enable()


def test_modules_that_are_gone_leave_their_names():
    """A loss that a function returns without its model: every box is named as if the model were there."""
    made = []
    for kept in (None, made):
        net = ag.nn.scalar.MLP(2, [2, 1], rng=0)
        loss = net([1.0, 2.0]) * 2.0
        if kept is not None:
            kept.append(net)
        del net
        made.append([(box.title, box.kind, box.scope) for box in Graph(loss).boxes])
    assert made[0] == made[2]
    assert ("layer0.neuron1.w[0]", "parameter", ("MLP", "layer0", "neuron1")) in made[0]
    gc.collect()
    gc.disable()
    try:
        net = ag.nn.scalar.MLP(2, [2, 1], rng=0)
        loss = net([1.0, 2.0]) * 2.0
        alive = weakref.ref(net), weakref.ref(net.layers[0].neurons[0].w[0])
        del net
        assert alive[0]() is None
        assert alive[1]() is not None
        del loss
        assert alive[1]() is None
    finally:
        gc.enable()


def test_copies_of_a_module_have_a_place_of_their_own():
    """Copied or pickled after a call, a module's graphs bear its own parameters; nothing of the place shows among its attributes."""
    net = ag.nn.Linear(2, 1, rng=0)
    net(np.ones((1, 2)))
    for other in (copy.deepcopy(net), copy.copy(net), pickle.loads(pickle.dumps(net))):
        assert vars(other).keys() == vars(net).keys()
        out = other(np.ones((1, 2)))
        assert out.meta["scope"][0].module() is other
        assert {box.node: box.name for box in Graph(out).boxes}[other.weight] == "weight"
    assert net(np.ones((1, 2))).meta["scope"][0].module() is net


def test_a_part_that_is_called_by_itself_keeps_its_place():
    """A penalty on the hidden layer, called beside the model: the parameters bear the model's path, whichever comes first."""
    net = ag.nn.MLP([2, 3, 1], activation="tanh", rng=0)
    x = np.ones((4, 2))
    for loss in (net(x).sum() + net.layers[0](x).sum(), net.layers[0](x).sum() + net(x).sum()):
        graph = Graph(loss)
        assert {box.name for box in graph.boxes if box.name} == {
            readable(path, False) for path, _ in net.named_parameters()
        }
        assert {box.scope for box in graph.boxes if box.op == "linear"} == {
            ("MLP", "layer0"),
            ("MLP", "layer1"),
        }


def test_models_are_numbered_as_one_reads():
    """In n1(x) − n2(x) the first is MLP, the second MLP 2."""
    one, two = ag.nn.MLP([1, 1], rng=0), ag.nn.MLP([1, 1], rng=1)
    x = np.ones((1, 1))
    by_node = {box.node: box.name for box in Graph((one(x) - two(x)).sum()).boxes}
    assert by_node[one.layers[0].weight] == "MLP.layer0.weight"
    assert by_node[two.layers[0].weight] == "MLP 2.layer0.weight"


def test_two_modules_of_one_name_are_two():
    """heads[0] reads head0; a head0 beside it gets a number, in the scope and so in the groups."""

    class Two(ag.nn.Module):
        def __init__(self):
            super().__init__()
            self.heads = [ag.nn.Linear(1, 1, rng=0)]
            self.head0 = ag.nn.Linear(1, 1, rng=1)

        def forward(self, x):
            return self.heads[0](x) + self.head0(x)

    graph = Graph(Two()(np.ones((1, 1))).sum())
    net = Two()
    graph = Graph(net(np.ones((1, 1))).sum())
    assert {box.scope for box in graph.boxes if box.op == "linear"} == {
        ("Two", "head0"),
        ("Two", "head0 (2)"),
    }
    assert {item.name for item in collapse(graph, "layer").items if isinstance(item, Group)} == {
        "head0",
        "head0 (2)",
    }


def test_labels_of_blanks_are_none_and_equal_ones_are_numbered():
    """A label of blanks alone says nothing; 20,000 equal labels are numbered one by one."""
    assert Graph(Value(1.0, label="  ")).root.name is None
    x = Value(1.0, label="h")
    for _ in range(20_000):
        x = x * 1.0
        x.label = "h"
    assert Graph(x).root.title == "h (20001)"


def test_gradients_set_by_hand_are_read_or_named():
    """A node or a list as .grad is read as numbers; anything else is an error that names the node."""
    x = Value(2.0, label="x")
    x.grad = Value(3.0)
    assert Graph(x).root.grad == 3.0
    x.grad = [1.0, 2.0]
    np.testing.assert_array_equal(Graph(x).root.grad, [1.0, 2.0])
    x.grad = "three"
    with refused(ag.GraphError, "the .grad of x was set by hand"):
        Graph(x).root.grad  # noqa: B018


# ---- Collapsing ---------------------------------------------------------------------------------------------------------


def samples_graph(count=20):
    """micrograd's demo: 2-16-16-1 on some samples, hinge loss and L2."""
    net = ag.nn.scalar.MLP(2, [16, 16, 1], rng=0)
    X = np.random.default_rng(0).normal(size=(count, 2))
    hinge = sum((1.0 - net(list(map(float, x)))).relu() for x in X) * (1 / count)
    return Graph(hinge + 1e-4 * sum(p * p for p in net.parameters()))


def check_view(view):
    """Every box stands in one item, links go forwards and stand for all edges between items, the root's item is last."""
    members = [box for item in view.items for box in (item.members if isinstance(item, Group) else [item])]
    assert sorted(box.index for box in members) == list(range(len(view.graph)))
    place = {
        box.index: i
        for i, item in enumerate(view.items)
        for box in (item.members if isinstance(item, Group) else [item])
    }
    assert all(a < b for a, b, _ in view.links)
    between = sorted(edge for edge in view.graph.edges() if place[edge[0]] != place[edge[1]])
    assert sorted(edge for *_, edges in view.links for edge in edges) == between
    for a, b, edges in view.links:
        assert {(place[edge[0]], place[edge[1]]) for edge in edges} == {(a, b)}


LEVELS = [
    "auto",
    "none",
    "neuron",
    "layer",
    "model",
    0,
    1,
    2,
    3,
    None,
    lambda box: "all" if box.index % 2 else None,
]


@pytest.mark.parametrize("level", LEVELS, ids=[*map(str, LEVELS[:-1]), "function"])
def test_a_view_keeps_every_box_and_edge(level):
    """At each level, of a scalar network, a recurrent one and random graphs: nothing is lost, no cycle is made."""
    cell = ag.nn.Linear(2, 2, rng=0)
    h = Tensor(np.ones((1, 2)))
    for _ in range(4):
        h = cell(h).tanh()
    for graph in (
        samples_graph(3),
        Graph(h.sum()),
        Graph(random_graph(0)),
        Graph(random_graph(1)),
        Graph(Value(1.0)),
    ):
        check_view(collapse(graph, level))


@pytest.mark.parametrize("seed", range(20))
def test_any_grouping_makes_no_cycle(seed):
    """Groups named at random over a random graph."""
    graph = Graph(random_graph(seed))
    names = np.random.default_rng(seed).integers(4, size=len(graph))
    check_view(collapse(graph, lambda box: None if names[box.index] == 0 else f"group {names[box.index]}"))


def test_neurons_layers_and_the_model():
    """One sample of 2-16-16-1: 33 neurons, 3 layers, one model, with the two inputs and the loss outside."""
    net = ag.nn.scalar.MLP(2, [16, 16, 1], rng=0)
    loss = (net([1.0, -2.0]) - 1.0) ** 2
    graph = Graph(loss)
    auto = collapse(graph)
    neurons = {f"layer{i}.neuron{j}" for i, n in enumerate((16, 16, 1)) for j in range(n)}
    assert {item for item in titles(auto) if "neuron" in item} == neurons
    assert len(auto.items) == 33 + 2 + 3 <= FEW  # inputs; the target, the difference and the loss
    layers = collapse(graph, "layer")
    assert {title for title in titles(layers) if title.startswith("layer")} == {"layer0", "layer1", "layer2"}
    assert links(layers)["layer0", "layer1"] == 16 * 16
    model = collapse(graph, "model")
    assert "MLP" in titles(model)
    assert sizes(graph) == {
        "none": len(graph),
        "neuron": 38,
        "layer": len(layers.items),
        "model": len(model.items),
    }
    whole = next(item for item in model.items if item.title == "MLP")
    assert [box.op for box in whole.outputs] == ["dot"]
    assert whole.data == whole.outputs[0].data
    assert whole.grad is None
    loss.backward()
    assert whole.grad == whole.outputs[0].grad
    first = next(item for item in layers.items if item.title == "layer0")
    assert first.data.shape == first.grad.shape == (16,)
    assert first.requires_grad


def test_few_boxes_are_not_collapsed():
    """Up to 60 boxes everything is shown, whatever modules there are; without modules nothing is ever collapsed by itself."""
    net = ag.nn.scalar.MLP(2, [4, 1], rng=0)
    assert len(collapse(Graph(net([1.0, 2.0]))).items) == len(Graph(net([1.0, 2.0])))
    x = Value(1.0)
    for _ in range(100):
        x = x * 1.5
    assert len(collapse(Graph(x)).items) == 201


def test_what_lies_between_modules_collapses_when_all_else_is_too_much():
    """Twenty samples with hinge and L2: layers, the operations of the loss in one, and the result."""
    view = collapse(samples_graph())
    assert {"layer0", "layer1", "layer2", "L"} <= set(titles(view))
    assert len(view.items) < 10
    assert any(title.endswith("operations") for title in titles(view))
    assert any(title.endswith("constants") for title in titles(view))


def test_a_recurrent_cell_is_shown_once_a_step():
    """What lies on both sides of another box comes apart; parameters that the parts share stay outside."""

    class Cell(ag.nn.Module):
        def __init__(self):
            super().__init__()
            self.w = Tensor(0.5)

        def forward(self, h):
            return (self.w * h).tanh()

    cell, h = Cell(), Tensor(1.0)
    for _ in range(3):
        h = cell(h) + 0.1
    view = collapse(Graph(h), "model")
    assert {"w", "Cell #1", "Cell #2", "Cell #3"} <= set(titles(view))
    check_view(view)


def test_without_modules_no_level_groups_anything():
    """A neuron written by hand stays as it is at every level."""
    w, x = Value(2.0, label="w"), Value(3.0, label="x")
    graph = Graph((w * x + 1.0).tanh())
    assert sizes(graph) == {"none": 6, "neuron": 6, "layer": 6, "model": 6}


def test_a_constant_that_leaves_a_group_hides_no_gradient():
    """The gradient of a group is that of what requires one."""
    x, c = Value(2.0), Value(3.0, requires_grad=False)
    inner = x * c
    out = inner + c
    graph = Graph(out)
    group = next(
        item
        for item in collapse(graph, lambda box: None if box.node is out else "g").items
        if isinstance(item, Group)
    )
    assert {box.node for box in group.outputs} == {inner, c}
    assert group.grad is None
    out.backward()
    assert group.grad == 1.0


def test_users_groups():
    """A function names groups; an unknown level is refused."""
    x, y = Value(2.0, label="x"), Value(3.0, label="y")
    graph = Graph((x * y + x).tanh())
    view = collapse(graph, lambda box: "inner" if box.op in ("multiply", "add") else None)
    assert sorted(titles(view)) == ["L", "inner", "x", "y"]
    assert links(view)["x", "inner"] == 2
    assert "3" in titles(collapse(graph, lambda box: 3 if box.op else None))
    assert len(collapse(graph, np.int64(0)).items) == len(graph)
    for wrong in ("neurons", -1, 2.5, True, np.array([1, 2])):
        with refused(ValueError, "draw: collapse must be", "neuron", repr(wrong)):
            collapse(graph, wrong)


# ---- Numbers ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "plain", "words"),
    [
        (0.0, "0", "0"),
        (-0.0, "0", "0"),
        (-0.5, "-0.5", "−0.5"),
        (1 / 3, "0.333333", "0.3333"),
        (1234567.0, "1.23457e+06", "1.235e+06"),
        (1e-300, "1e-300", "1e−300"),
        (float("nan"), "NaN", "not a number"),
        (float("inf"), "∞", "infinity"),
        (-float("inf"), "-∞", "−infinity"),
        (None, "—", "—"),
        (np.float32(0.1), "0.1", "0.1"),
    ],
    ids=repr,
)
def test_numbers_in_text_and_in_words(x, plain, words):
    """Six digits in text, four in pictures; NaN and ∞ in words there; what no backward has reached is a dash, never 0."""
    assert number(x) == plain
    assert spoken(x) == words


def test_summaries():
    """Range, mean and norm of the finite elements, and how many are not; the squares never overflow; empty arrays work."""
    found = summary([[1.0, -2.0], [np.nan, np.inf]])
    assert (found.shape, found.dtype, found.nans, found.infinite) == ((2, 2), "float64", 1, 1)
    assert (found.low, found.high, found.mean) == (-2.0, 1.0, -0.5)
    assert found.norm == pytest.approx(5**0.5)
    assert found.range() == "-2 to 1, 1 NaN, 1 ∞"
    assert (summary([2.0, 2.0]).range(), summary([2.0, np.nan]).range()) == ("all 2", "2, 1 NaN")
    assert (summary([3.0, 4.0]).length(), summary([np.inf]).length()) == ("5", "1 ∞")
    assert summary(2.0).range() == "2"
    assert summary(np.zeros((0, 3))).range() == "empty"
    assert summary([np.nan]).range() == "1 NaN"
    assert summary([3e160, 4e160]).norm == pytest.approx(5e160)
    assert summary([3e-200, 4e-200]).norm == pytest.approx(5e-200)
    assert summary(np.ones(2, np.float32)).dtype == "float32"
    assert summary([1e308, 1e308]).mean == pytest.approx(1e308)


def test_a_large_graph_is_read_without_recursion():
    """A chain of 100,000 operations, and 60 diamonds one on the other."""
    x = Value(1.0)
    for _ in range(100_000):
        x = x + 1.0
    assert len(Graph(x)) == 200_001
    y = Value(1.0)
    for _ in range(60):
        y = y * y
    assert len(Graph(y)) == 61
