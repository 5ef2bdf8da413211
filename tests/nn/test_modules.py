"""Modules: parameters, states, modes, tables; Linear, Sequential, MLP, Dropout; the same on Values; to PyTorch and back."""

import copy
import itertools
import math
import pickle
import re
import sys
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import autograd_mini as ag
from autograd_mini import nn
from autograd_mini.errors import DTypeError, GraphError, ShapeError, StateDictError
from autograd_mini.nn import scalar
from autograd_mini.support.modes import meta_here
from tests.helpers.interrupt import Interrupt
from tests.helpers.peers import made, torch

X = np.random.default_rng(5).normal(size=(7, 4))


class Scale(nn.Module):
    """A Module of a user's own: a number, and what a list, a tuple and a dict hold; constants, results and plain things beside."""

    def __init__(self, inner: Any = None) -> None:
        super().__init__()
        self.factor = ag.Value(2.0, label="factor")
        self.name = "scale"
        self.items = [
            ag.Tensor([1.0, 2.0]),
            (ag.Tensor(3.0), "text", None),
            {"deep": ag.Tensor([[4.0]]), "plain": 5},
        ]
        self.fixed = ag.Tensor([6.0], requires_grad=False, label="fixed")
        self.inner = inner if inner is not None else nn.Linear(2, 1, rng=0)
        self.again = self.inner
        self.same = self.factor
        self.last = self.factor * 2.0  # a result of an operation is no parameter

    def forward(self, x: Any) -> Any:
        return self.inner(x * self.factor)


# ---- Names, order, uniqueness -----------------------------------------------------------------------------------------


def test_parameters_are_found_in_attributes_lists_tuples_and_dicts_in_the_order_they_were_set_each_once() -> (
    None
):
    module = Scale()
    names = ["factor", "items.0", "items.1.0", "items.2.deep", "inner.weight", "inner.bias"]
    assert [name for name, _ in module.named_parameters()] == names
    assert [id(p) for p in module.parameters()] == [id(p) for _, p in module.named_parameters()]
    assert list(module.state_dict()) == [*names[:4], "fixed", *names[4:]]


def test_modules_are_named_by_their_paths_each_once() -> None:
    net = nn.Sequential(nn.Linear(2, 3, rng=0), ag.tanh, nn.Sequential(nn.Dropout(), nn.MLP([3, 2], rng=0)))
    assert [name for name, _ in net.named_modules()] == [
        "",
        "layers.0",
        "layers.2",
        "layers.2.layers.0",
        "layers.2.layers.1",
        "layers.2.layers.1.layers.0",
    ]
    assert net.modules()[0] is net
    assert [type(m).__name__ for m in net.modules()] == [
        "Sequential",
        "Linear",
        "Sequential",
        "Dropout",
        "MLP",
        "Linear",
    ]
    assert [name for name, _ in Scale().named_modules()] == ["", "inner"]


def test_a_layer_that_is_used_twice_counts_once_and_its_gradients_add_up() -> None:
    layer = nn.Linear(2, 2, rng=0)
    net = nn.Sequential(layer, ag.tanh, layer)
    assert len(net.parameters()) == 2
    net([[1.0, 2.0]]).sum().backward()
    weight, bias = (torch.tensor(p.data, requires_grad=True) for p in layer.parameters())
    x = torch.tensor([[1.0, 2.0]], dtype=torch.float64)
    (torch.tanh(x @ weight + bias) @ weight + bias).sum().backward()
    np.testing.assert_allclose(layer.weight.grad, weight.grad.numpy(), rtol=1e-12)
    np.testing.assert_allclose(layer.bias.grad, bias.grad.numpy(), rtol=1e-12)


def test_modules_that_hold_each_other_are_walked_once() -> None:
    a, b = nn.Linear(1, 1, rng=0), nn.Linear(1, 1, rng=0)
    a.friend, b.friend = b, [a]
    assert [name for name, _ in a.named_parameters()] == ["weight", "bias", "friend.weight", "friend.bias"]
    assert len(a.modules()) == 2


def test_two_parameters_never_share_a_name() -> None:
    """Where a key with a dot meets a path: an error, or names of their own; none is lost."""
    module = nn.Module()
    module.parts = {"a.b": ag.Tensor([1.0]), "a": {"b": ag.Tensor([2.0])}}
    try:
        state = module.state_dict()
    except (ValueError, KeyError):
        return
    assert len(state) == 2


def test_a_deep_nest_of_modules_is_walked_without_recursion() -> None:
    net: nn.Module = nn.Linear(1, 1, rng=0)
    for _ in range(3000):
        outer = nn.Module()
        outer.inner = net
        net = outer
    assert len(net.parameters()) == 2
    assert len(net.modules()) == 3001


def test_zero_grad_forgets_the_gradients_of_all_parameters() -> None:
    module = Scale()
    module([[1.0, 2.0]]).sum().backward()
    assert module.factor.grad is not None
    module.zero_grad()
    assert {p.grad for p in module.parameters()} == {None}


class Forgetful(nn.Module):
    def __init__(self) -> None:
        self.w = ag.Tensor([1.0])

    def forward(self, x: Any) -> Any:
        return x * self.w


@pytest.mark.parametrize(
    "call",
    [
        lambda m: m(1.0), lambda m: m.parameters(), lambda m: m.state_dict(), lambda m: m.train(), lambda m: m.eval(),
        lambda m: m.summary(), lambda m: m.freeze(), lambda m: m.load_state_dict({}), lambda m: nn.Sequential(m)(1.0),
        lambda m: nn.Sequential(m).parameters(), lambda m: nn.Sequential(m).train()(1.0),
    ],
    ids=["call", "parameters", "state", "train", "eval", "summary", "freeze", "load", "inside", "inside-parameters", "inside-train"],
)  # fmt: skip
def test_a_module_that_forgets_super_init_says_so(call: Callable[[Any], Any]) -> None:
    with pytest.raises(AttributeError, match=re.escape("Forgetful.__init__ must call super().__init__()")):
        call(Forgetful())


def test_a_module_without_forward_says_so() -> None:
    with pytest.raises(NotImplementedError, match=re.escape("Module has no forward(self, x): write one")):
        nn.Module()(1.0)


def test_a_call_passes_all_arguments_on() -> None:
    class Sum(nn.Module):
        def forward(self, *args: Any, scale: float = 1.0) -> Any:
            return sum(args) * scale

    assert Sum()(1.0, 2.0, scale=3.0) == 9.0


# ---- Modes, freezing --------------------------------------------------------------------------------------------------


def test_train_and_eval_hold_for_all_modules_below_and_return_the_module() -> None:
    net = nn.Sequential(nn.Linear(2, 2, rng=0), nn.Sequential(nn.Dropout(), {"a": 1}.get))
    assert {m.training for m in net.modules()} == {True}
    assert net.eval() is net
    assert {m.training for m in net.modules()} == {False}
    net.layers[1].train()
    assert [m.training for m in net.modules()] == [False, False, True, True]
    assert net.train() is net
    assert {m.training for m in net.train(False).modules()} == {False}


def test_frozen_parameters_are_constants_that_stay_in_the_state() -> None:
    net = nn.Sequential(nn.Linear(2, 3, rng=0), ag.tanh, nn.Linear(3, 1, rng=1))
    names = list(net.state_dict())
    assert net.layers[0].freeze() is net.layers[0]
    assert [name for name, _ in net.named_parameters()] == ["layers.2.weight", "layers.2.bias"]
    assert list(net.state_dict()) == names
    net([[1.0, 2.0]]).sum().backward()
    assert net.layers[0].weight.grad is None
    assert net.layers[2].weight.grad is not None
    assert net.unfreeze() is net
    assert [name for name, _ in net.named_parameters()] == names


def test_unfreezing_leaves_constants_constant_and_freezing_twice_is_freezing_once() -> None:
    module = Scale()
    names = [name for name, _ in module.named_parameters()]
    module.freeze().freeze()
    assert module.parameters() == []
    with pytest.raises(GraphError, match="nothing to differentiate"):
        module([[1.0, 2.0]]).sum().backward()
    module.unfreeze()
    assert [name for name, _ in module.named_parameters()] == names
    assert not module.fixed.requires_grad
    assert module.factor.label == "factor"


def test_a_frozen_module_that_is_copied_can_be_unfrozen_apart() -> None:
    net = nn.Linear(2, 1, rng=0).freeze()
    twin = copy.deepcopy(net).unfreeze()
    assert (len(net.parameters()), len(twin.parameters())) == (0, 2)


@pytest.mark.parametrize(
    "how", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))], ids=["deepcopy", "pickle"]
)
@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.MLP([4, 3, 2], activation="gelu", output="softmax", rng=0),
        lambda: nn.Sequential(
            nn.Linear(4, 3, rng=0),
            nn.ELU(2.0),
            nn.Dropout(0.5, rng=3),
            ag.tanh,
            nn.Linear(3, 1, rng=0, dtype="float32"),
        ),
        lambda: scalar.MLP(4, [3, 1], rng=0),
    ],
    ids=["MLP", "Sequential", "scalar"],
)
def test_a_module_copies_and_pickles(how: Any, make: Any) -> None:
    """The copy gives the same outputs, the drops of a Dropout included, and has parameters of its own."""
    net = make()
    x = list(X[0]) if isinstance(net, scalar.MLP) else X
    twin = how(net)
    a, b = net(x), twin(x)
    assert np.array_equal(a.data, b.data)
    (b.sum() if isinstance(b, ag.Tensor) else b).backward()
    assert not {id(p) for p in net.parameters()} & {id(p) for p in twin.parameters()}
    assert all(p.grad is None for p in net.parameters())


def test_shared_parameters_stay_shared_in_a_copy_and_kept_results_forbid_one() -> None:
    module = Scale()
    with pytest.raises(GraphError, match="only leaves can be copied"):
        copy.deepcopy(module)
    del module.last
    module = copy.deepcopy(module)
    assert module.inner is module.again
    assert module.same is module.factor


# ---- States -----------------------------------------------------------------------------------------------------------


def test_a_state_is_a_copy_and_loads_into_another_network() -> None:
    one, two = nn.MLP([2, 3, 1], rng=0), nn.MLP([2, 3, 1], rng=1)
    state = one.state_dict()
    assert {name: x.shape for name, x in state.items()} == {
        "layers.0.weight": (2, 3), "layers.0.bias": (3,), "layers.1.weight": (3, 1), "layers.1.bias": (1,),
    }  # fmt: skip
    assert {type(x) for x in state.values()} == {np.ndarray}
    assert two.load_state_dict(state) == ([], [])
    assert np.array_equal(two(X[:, :2]).data, one(X[:, :2]).data)
    state["layers.0.weight"][:] = 0.0
    assert two.layers[0].weight.data.all()
    assert one.layers[0].weight.data.all()


def test_the_state_of_values_is_of_0d_arrays() -> None:
    one, two = scalar.MLP(2, [2, 1], rng=0), scalar.MLP(2, [2, 1], rng=1)
    state = one.state_dict()
    assert state["layers.0.neurons.1.w.0"].shape == ()
    two.load_state_dict(state)
    assert two([1.0, 2.0]).data == one([1.0, 2.0]).data
    assert {type(p.data) for p in two.parameters()} == {float}


@pytest.mark.parametrize(
    "give",
    [
        np.asfortranarray,
        lambda x: x.astype(">f8"),
        np.ndarray.tolist,
        lambda x: np.repeat(x, 2, 0)[::2],
        ag.Tensor,
        lambda x: x.astype("f4"),
    ],
    ids=["columns", "big-endian", "list", "strided", "Tensor", "float32"],
)
def test_a_state_may_be_of_other_arrays_and_training_goes_on(give: Any) -> None:
    """Entries of any memory layout; the numbers are exact in float32."""
    layer, state = nn.Linear(3, 2, rng=0), {"weight": np.arange(6.0).reshape(3, 2), "bias": np.ones(2)}
    layer.load_state_dict({name: give(x) for name, x in state.items()})
    assert layer.weight.data.tolist() == state["weight"].tolist()
    assert layer.weight.dtype == np.float64
    ag.optim.SGD(layer.parameters(), lr=1.0).step(lambda: layer([[1.0, 1.0, 1.0]]).sum())
    assert layer.weight.data.tolist() == (state["weight"] - 1.0).tolist()
    ag.optim.SGD([layer.weight], lr=1.0).step(lambda: layer([[1.0, 1.0, 1.0]]).sum())
    assert layer.weight.data.tolist() == (state["weight"] - 2.0).tolist()


def test_loading_makes_older_graphs_stale_and_keeps_the_nodes() -> None:
    layer = nn.Linear(2, 1, rng=0)
    nodes, loss = layer.parameters(), layer([[1.0, 2.0]]).sum()
    layer.load_state_dict(nn.Linear(2, 1, rng=1).state_dict())
    assert [id(p) for p in layer.parameters()] == [id(p) for p in nodes]
    with pytest.raises(GraphError, match="was changed after"):
        loss.backward()


def test_frozen_parameters_and_constants_are_loaded_too() -> None:
    one, two = Scale(), Scale()
    one.fixed.data = np.array([7.0])
    two.inner.freeze()
    two.load_state_dict(one.state_dict())
    assert two.fixed.data.tolist() == [7.0]
    assert not two.inner.weight.requires_grad


GOOD = {"weight": np.ones((2, 1)), "bias": np.ones(1)}
FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "missing": ({"weight": GOOD["weight"]}, "missing bias"),
    "unexpected": ({**GOOD, "scale": 1.0}, "unexpected scale"),
    "unexpected, no string": ({**GOOD, 3: 1.0}, "unexpected 3"),
    "misshapen": ({**GOOD, "weight": np.ones((1, 2))}, r"weight has shape \(1, 2\), not \(2, 1\)"),
    "broadcastable": ({**GOOD, "weight": 1.0}, r"weight has shape \(\), not \(2, 1\)"),
    "nan": ({**GOOD, "weight": [[1.0], [math.nan]]}, "weight is not finite"),
    "inf": ({**GOOD, "bias": [-math.inf]}, "bias is not finite"),
    "overflowing": ({**GOOD, "weight": [[1e300], [1.0]]}, "weight is too large for float32"),
    "strings": ({**GOOD, "bias": ["a"]}, "bias is no array of numbers"),
    "complex": ({**GOOD, "bias": [1j]}, "bias is no array of numbers"),
    "None": ({**GOOD, "bias": None}, "bias is no array of numbers"),
    "ragged": ({**GOOD, "weight": [[1.0], [1.0, 2.0]]}, "weight is no array of numbers"),
    "objects": ({**GOOD, "bias": np.array([{}], object)}, "bias is no array of numbers"),
    "Values": ({**GOOD, "bias": [ag.Value(1.0)]}, "bias"),
    "masked": ({**GOOD, "bias": np.ma.masked_array([1.0], [True])}, "bias"),
    "torch": ({**GOOD, "bias": partial(torch.ones, 1, requires_grad=True)}, "bias"),
}  # fmt: skip


@pytest.mark.parametrize(("state", "text"), FAULTS.values(), ids=FAULTS)
def test_a_state_that_does_not_fit_is_refused_by_name_and_nothing_is_loaded(state: Any, text: str) -> None:
    layer = nn.Linear(2, 1, rng=0, dtype="float32")
    before = layer.state_dict()
    with pytest.raises(StateDictError, match=f"^nothing was loaded into Linear: {text}") as caught:
        layer.load_state_dict(made(state))
    assert isinstance(caught.value, ValueError)
    assert all(np.array_equal(x, before[name]) for name, x in layer.state_dict().items())


def test_the_error_of_a_state_lists_everything_that_is_wrong() -> None:
    net = nn.MLP([2, 3, 1], rng=0)
    state = net.state_dict()
    del state["layers.0.bias"], state["layers.1.bias"]
    state |= {
        "extra": np.ones(1),
        "layers.0.weight": np.ones((3, 2)),
        "layers.1.weight": np.full((3, 1), np.nan),
    }
    with pytest.raises(StateDictError) as caught:
        net.load_state_dict(state)
    for fault in ("missing layers.0.bias", "missing layers.1.bias", "unexpected extra", "layers.0.weight has shape (3, 2), not (2, 3)",
                  "layers.1.weight is not finite"):  # fmt: skip
        assert fault in str(caught.value)


def test_without_strict_missing_and_unexpected_names_are_returned_and_the_rest_is_loaded() -> None:
    layer = nn.Linear(2, 1, rng=0)
    bias = layer.bias.data.copy()
    assert layer.load_state_dict({"weight": GOOD["weight"], "b": 1.0, "w": 2.0}, strict=False) == (
        ["bias"],
        ["b", "w"],
    )
    assert layer.weight.data.tolist() == [[1.0], [1.0]]
    assert layer.bias.data.tolist() == bias.tolist()


def test_without_strict_what_does_not_fit_is_refused_all_the_same() -> None:
    layer = nn.Linear(2, 1, rng=0)
    before = layer.weight.data.copy()
    with pytest.raises(StateDictError, match=r"bias has shape \(2,\), not \(1,\)"):
        layer.load_state_dict({"weight": GOOD["weight"], "bias": np.ones(2), "b": 1.0}, strict=False)
    assert np.array_equal(layer.weight.data, before)


@pytest.mark.parametrize("state", [None, 3, [], "state", {1, 2}], ids=repr)
def test_something_that_is_no_state_is_refused(state: Any) -> None:
    with pytest.raises(StateDictError, match="pass a dict of arrays"):
        nn.Linear(2, 1).load_state_dict(state)


@pytest.mark.parametrize(
    "make",
    [lambda i: nn.MLP([2, 2, 1], rng=i), lambda i: scalar.MLP(2, [1, 1], rng=i)],
    ids=["Tensors", "Values"],
)
def test_loading_that_is_interrupted_anywhere_leaves_the_old_state_or_the_new(make: Any) -> None:
    """Ctrl-C at every line of load_state_dict in turn; afterwards another load works."""
    net, outcomes = make(0), set()
    old, new = net.state_dict(), {name: x + 1.0 for name, x in net.state_dict().items()}
    for n in itertools.count(1):
        try:
            with Interrupt(n):
                net.load_state_dict(new)
        except KeyboardInterrupt:
            now = net.state_dict()
            equal = [
                state
                for state in ("old", "new")
                if all(np.array_equal(now[k], {"old": old, "new": new}[state][k]) for k in now)
            ]
            outcomes.update(equal or [f"mixed at line {n}"])
            net.load_state_dict(old)
        else:
            break
    assert n > 20
    assert "old" in outcomes
    assert outcomes <= {"old", "new"}


# ---- Tables -----------------------------------------------------------------------------------------------------------


def network() -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(2, 3, rng=0),
        nn.Dropout(0.1),
        ag.tanh,
        nn.MLP([3, 4, 1], output="sigmoid", bias=False, rng=0),
        nn.Softmax(0),
    )


def test_the_summary_of_a_network_with_an_input() -> None:
    net = network()
    net.layers[0].freeze()
    assert (
        net.summary((5, 2))
        == """\
layer                                   input   weights                   output  parameters
Sequential                              (5, 2)                            (5, 1)
  0 Linear                              (5, 2)  weight (2, 3), bias (3,)  (5, 3)           9
  1 Dropout(0.1)                        (5, 3)                            (5, 3)
  3 MLP(3 → 4 → 1, relu, then sigmoid)  (5, 3)                            (5, 1)
    0 Linear                            (5, 3)  weight (3, 4)             (5, 4)          12
    1 Linear                            (5, 4)  weight (4, 1)             (5, 1)           4
  4 Softmax(0)                          (5, 1)                            (5, 1)
16 parameters, 9 more are constant or frozen"""
    )


def test_the_summary_without_an_input_is_the_repr() -> None:
    assert (
        repr(network())
        == network().summary()
        == """\
layer                                   weights                   parameters
Sequential
  0 Linear                              weight (2, 3), bias (3,)           9
  1 Dropout(0.1)
  3 MLP(3 → 4 → 1, relu, then sigmoid)
    0 Linear                            weight (3, 4)                     12
    1 Linear                            weight (4, 1)                      4
  4 Softmax(0)
25 parameters"""
    )


def test_the_summary_of_a_network_on_values() -> None:
    table = """\
layer         input       weights                 output      parameters
MLP           (2,)                                number
  0 Layer     (2,)                                2 × number
    0 Neuron  2 × number  w 2 × number, b number  number               3
    1 Neuron  2 × number  w 2 × number, b number  number               3
  1 Layer     2 × number                          number
    0 Neuron  2 × number  w 2 × number, b number  number               3
9 parameters"""
    assert scalar.MLP(2, [2, 1], rng=0).summary((2,)) == table


def test_the_summary_of_thousands_of_numbers_has_commas_and_of_many_layers_an_end() -> None:
    assert nn.Linear(784, 200, rng=0).summary().splitlines()[1:] == [
        "Linear  weight (784, 200), bias (200,)     157,000", "157,000 parameters",
    ]  # fmt: skip
    lines = nn.Sequential(*[nn.Linear(1, 1, rng=0) for _ in range(70)]).summary().splitlines()
    assert len(lines) == 63
    assert lines[-2:] == ["… and 11 more", "140 parameters"]


def test_the_summary_takes_an_input_itself_and_changes_nothing() -> None:
    net = network()
    net.layers[1].eval()
    modes, state = [m.training for m in net.modules()], net.layers[1].random.bit_generator.state
    assert net.summary(ag.Tensor(np.zeros((5, 2)))) == net.summary(np.zeros((5, 2))) == net.summary((5, 2))
    assert [m.training for m in net.modules()] == modes
    assert net.layers[1].random.bit_generator.state == state
    assert all(p.grad is None for p in net.parameters())


def test_a_summary_that_fails_restores_the_modes() -> None:
    net = network()
    with pytest.raises(ShapeError, match="linear"):
        net.summary((5, 3))
    assert {m.training for m in net.modules()} == {True}
    assert net.summary((5, 2)).startswith("layer")


def test_a_module_of_the_users_own_has_a_table_too() -> None:
    lines = Scale().summary((1, 2)).splitlines()
    assert lines[0].split() == ["layer", "input", "weights", "output", "parameters"]
    assert re.fullmatch(r"Scale +\(1, 2\) +factor number, .*fixed \(1,\) +\(1, 1\) +6", lines[1])
    assert re.fullmatch(r"  inner Linear +\(1, 2\) +weight \(2, 1\), bias \(1,\) +\(1, 1\) +3", lines[2])
    assert lines[3] == "8 parameters, 1 more are constant or frozen"


# ---- Linear -----------------------------------------------------------------------------------------------------------


@pytest.mark.smoke
@pytest.mark.parametrize("shape", [(4,), (7, 4), (2, 3, 4), (0, 4)], ids=str)
@pytest.mark.parametrize("bias", [True, False])
def test_linear_equals_torchs(shape: tuple[int, ...], bias: bool) -> None:
    layer, x = nn.Linear(4, 3, bias, rng=0), ag.Tensor(np.random.default_rng(0).normal(size=shape))
    theirs = torch.nn.Linear(4, 3, bias, dtype=torch.float64)
    with torch.no_grad():
        theirs.weight.copy_(torch.tensor(layer.weight.data.T.copy()))
        if bias:
            theirs.bias.copy_(torch.tensor(layer.bias.data))
    y, z = torch.tensor(x.data, requires_grad=True), layer(x)
    out = theirs(y)
    (z * z).sum().backward()
    (out * out).sum().backward()
    np.testing.assert_allclose(z.data, out.detach().numpy(), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(x.grad, y.grad.numpy(), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(layer.weight.grad, theirs.weight.grad.numpy().T, rtol=1e-12, atol=1e-14)
    if bias:
        np.testing.assert_allclose(layer.bias.grad, theirs.bias.grad.numpy(), rtol=1e-12, atol=1e-14)


def test_linear_starts_uniform_within_one_over_the_root_of_its_inputs_as_torchs() -> None:
    """Mean and variance within 5 standard errors; the largest number within 0.1 % of the bound."""
    layer = nn.Linear(400, 500, rng=0)
    for x, tolerance in ((layer.weight.data, 1e-3), (layer.bias.data, 2e-2)):
        n, bound = x.size, 1 / 20
        assert bound * (1 - tolerance) < np.abs(x).max() <= bound
        assert abs(x.mean()) < 5 * bound / math.sqrt(3 * n)
        assert x.var() == pytest.approx(bound**2 / 3, rel=5 * math.sqrt(0.8 / n))


def test_linear_takes_an_initialiser_and_then_the_bias_starts_at_0() -> None:
    layer = nn.Linear(3, 2, init=nn.init.constant(0.5))
    assert layer.weight.data.tolist() == [[0.5, 0.5]] * 3
    assert layer.bias.data.tolist() == [0.0, 0.0]
    seen = []
    nn.Linear(3, 2, init=lambda shape, rng: seen.append(shape) or rng.normal(size=shape), rng=0)
    assert seen == [(3, 2)]


def test_an_initialiser_that_gives_another_shape_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"\(3, 3\)"):
        nn.Linear(2, 3, init=lambda shape, rng: np.zeros((3, 3)))


def test_layers_are_reproducible_by_their_seed_and_draw_on_a_generator_one_after_the_other() -> None:
    assert np.array_equal(nn.Linear(3, 2, rng=1).weight.data, nn.Linear(3, 2, rng=1).weight.data)
    assert not np.array_equal(nn.Linear(3, 2, rng=1).weight.data, nn.Linear(3, 2, rng=2).weight.data)
    assert not np.array_equal(nn.Linear(3, 2).weight.data, nn.Linear(3, 2).weight.data)
    random = np.random.default_rng(0)
    assert not np.array_equal(
        nn.Linear(3, 2, rng=random).weight.data, nn.Linear(3, 2, rng=random).weight.data
    )
    net = nn.MLP([3, 3, 3], rng=4)
    assert not np.array_equal(net.layers[0].weight.data, net.layers[1].weight.data)
    assert np.array_equal(net(X[:, :3]).data, nn.MLP([3, 3, 3], rng=4)(X[:, :3]).data)


def test_float32_layers_stay_float32() -> None:
    net = nn.MLP([4, 3, 1], rng=0, dtype="float32")
    out = net(X.astype(np.float32))
    assert out.dtype == np.float32
    out.sum().backward()
    assert {p.grad.dtype for p in net.parameters()} == {np.dtype("float32")}
    with pytest.raises(DTypeError):
        nn.Linear(2, 2, dtype="float16")


@pytest.mark.parametrize("which", ["in_features", "out_features"])
@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (-1, ValueError),
        (0, ValueError),
        (2.5, TypeError),
        (2.0, TypeError),
        ("2", TypeError),
        (True, TypeError),
        (None, TypeError),
        ((2,), TypeError),
    ],
    ids=str,
)
def test_linear_refuses_sizes_that_are_no_numbers_of_features(which: str, value: Any, kind: Any) -> None:
    with pytest.raises(kind, match=re.escape(f"{which} must be an int > 0, got {value!r}")):
        nn.Linear(**{"in_features": 2, "out_features": 2, which: value})


def test_an_input_of_the_wrong_width_names_both_sizes() -> None:
    with pytest.raises(ShapeError, match=r"\(1, 3\) @ \(2, 3\): inner sizes 3 and 2 differ"):
        nn.Linear(2, 3, rng=0)([[1.0, 2.0, 3.0]])


# ---- Sequential and MLP -----------------------------------------------------------------------------------------------


def test_sequential_is_one_after_the_other_and_can_be_indexed() -> None:
    layers = [nn.Linear(4, 3, rng=0), ag.tanh, nn.Linear(3, 2, rng=1), nn.ReLU()]
    net = nn.Sequential(*layers)
    assert len(net) == 4
    assert net[2] is layers[2]
    assert net[-1] is layers[3]
    assert list(net) == layers
    np.testing.assert_array_equal(net(X).data, layers[3](layers[2](layers[1](layers[0](X)))).data)
    assert nn.Sequential()(3.0) == 3.0


@pytest.mark.parametrize(
    ("layers", "text"),
    [
        ([[nn.ReLU()]], "layer 0 is a list"),
        ([nn.ReLU(), 3], "layer 1 is a int"),
        (["relu"], "layer 0 is a str"),
        ([nn.ReLU, nn.ReLU()], "ReLU"),
    ],
    ids=["list", "number", "name", "class"],
)
def test_sequential_refuses_what_is_no_layer(layers: Any, text: str) -> None:
    with pytest.raises(TypeError, match=text):
        nn.Sequential(*layers)


def test_an_mlp_has_its_activation_between_and_its_output_after_the_last_layer() -> None:
    net = nn.MLP([4, 5, 3, 2], activation="tanh", output=ag.sigmoid, rng=0)
    a, b, c = net.layers
    np.testing.assert_array_equal(net(X).data, ag.sigmoid(c(ag.tanh(b(ag.tanh(a(X)))))).data)
    assert [layer.weight.shape for layer in net.layers] == [(4, 5), (5, 3), (3, 2)]
    assert nn.MLP([2, 1], bias=False, rng=0).layers[0].bias is None
    with_module = nn.MLP([4, 5, 3, 2], activation=nn.Tanh(), output=nn.Sigmoid(), rng=0)
    np.testing.assert_array_equal(with_module(X).data, net(X).data)


def test_an_mlp_takes_an_initialiser_for_all_layers() -> None:
    net = nn.MLP([4, 5, 3], init=nn.init.constant(0.25))
    assert [set(np.ravel(p.data)) for p in net.parameters()] == [{0.25}, {0.0}, {0.25}, {0.0}]


@pytest.mark.parametrize(
    ("arguments", "kind", "text"),
    [
        (([2],), ValueError, "sizes must be a list of two sizes or more, inputs first, got [2]"),
        (([],), ValueError, "sizes must be a list of two sizes"),
        ((3,), (TypeError, ValueError), "sizes must be a list of two sizes"),
        (([2, 0],), ValueError, "out_features must be an int > 0, got 0"),
        (([2.5, 1],), TypeError, "in_features must be an int > 0, got 2.5"),
        (([2, 1], "rely"), ValueError, "activation must be one of identity, linear, relu,"),
        (([2, 1], "relu", "nope"), ValueError, "or a Module as ReLU(), got 'nope'"),
        (([2, 1], 3), TypeError, "activation"),
        (([2, 1], None), TypeError, "activation"),
        (([2, 1], nn.ReLU), TypeError, "or a Module as ReLU(), got <class"),
    ],
    ids=["one size", "no size", "int", "0", "fraction", "typo", "output", "number", "None", "class"],
)
def test_an_mlp_refuses_what_it_cannot_be_made_of(arguments: Any, kind: Any, text: str) -> None:
    with pytest.raises(kind, match=re.escape(text)):
        nn.MLP(*arguments)


# ---- Dropout ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_dropout_drops_with_probability_p_and_scales_the_rest(p: float) -> None:
    """The share dropped within 5 standard errors; the others are exactly x / (1 − p), and so is the gradient."""
    n = 100_000
    x = ag.Tensor(np.full(n, 3.0))
    out = nn.Dropout(p, rng=0)(x)
    dropped = out.data == 0.0
    assert abs(dropped.mean() - p) < 5 * math.sqrt(p * (1 - p) / n)
    np.testing.assert_allclose(out.data[~dropped], 3.0 / (1 - p), rtol=1e-15)
    out.sum().backward()
    np.testing.assert_allclose(x.grad, np.where(dropped, 0.0, 1 / (1 - p)), rtol=1e-15)


def test_neighbours_are_dropped_independently() -> None:
    """Within 5 standard errors, along both axes and from call to call."""
    layer, ones = nn.Dropout(0.5, rng=1), np.ones((300, 300))
    a, b = (layer(ones) - 1.0 for _ in range(2))
    for product in (a[1:] * a[:-1], a[:, 1:] * a[:, :-1], a * b):
        assert abs(product.mean()) < 5 / math.sqrt(product.size)


def test_dropout_is_reproducible_by_its_seed_and_differs_from_call_to_call() -> None:
    one, two, other = nn.Dropout(0.5, rng=7), nn.Dropout(0.5, rng=7), nn.Dropout(0.5, rng=8)
    first, second = one(np.ones(50)), one(np.ones(50))
    assert np.array_equal(first, two(np.ones(50)))
    assert np.array_equal(second, two(np.ones(50)))
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, other(np.ones(50)))


def test_dropout_has_a_generator_of_its_own_and_leaves_numpys_alone() -> None:
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    layer = nn.Dropout(0.5)
    layer(np.ones(10))
    assert np.array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    assert not np.array_equal(nn.Dropout(0.5)(np.ones(99)), nn.Dropout(0.5)(np.ones(99)))


@pytest.mark.parametrize("p", [0.0, 0.5])
def test_dropout_in_evaluation_is_the_identity_and_draws_nothing(p: float) -> None:
    layer, x = nn.Dropout(p, rng=0).eval(), ag.Tensor([1.0, 2.0])
    assert layer(x) is x
    layer.train()
    assert layer(x) is x or p
    assert np.array_equal(layer(np.ones(20)), nn.Dropout(p, rng=0)(np.ones(22))[2:]) or not p


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("of", [np.asarray, ag.Tensor], ids=["array", "Tensor"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dropout_keeps_the_dtype(training: bool, of: Any, dtype: str) -> None:
    assert nn.Dropout(0.5, rng=0).train(training)(of(np.ones(4, dtype))).dtype == dtype


def test_dropout_of_values_drops_each_and_keeps_it_a_value() -> None:
    layer = nn.Dropout(0.5, rng=0)
    out = [layer(ag.Value(1.0)) for _ in range(40)]
    assert {type(v) for v in out} == {ag.Value}
    assert {v.data for v in out} == {0.0, 2.0}


@pytest.mark.parametrize(
    ("p", "kind"),
    [
        (1.5, ValueError),
        (1.0, ValueError),
        (-0.1, ValueError),
        (math.nan, ValueError),
        ("0.5", TypeError),
        (True, TypeError),
        (None, TypeError),
    ],
)
def test_dropout_refuses_what_is_no_probability(p: Any, kind: Any) -> None:
    with pytest.raises(kind, match=re.escape(f"p must be a finite number ≥ 0 and < 1, got {p!r}")):
        nn.Dropout(p)


# ---- On Values --------------------------------------------------------------------------------------------------------

ELEMENTWISE = ["identity", "relu", "leaky_relu", "elu", "gelu", "silu", "sigmoid", "tanh", "softplus"]


@pytest.mark.parametrize("activation", ELEMENTWISE)
@pytest.mark.parametrize("sizes", [[3, 4, 2], [3, 1], [3, 1, 2], [1, 3, 1, 1]], ids=str)
@pytest.mark.parametrize("bias", [True, False])
def test_a_network_on_values_equals_the_one_on_tensors(activation: str, sizes: list[int], bias: bool) -> None:
    """Outputs to 1e-13, the gradients of the weights and inputs to 1e-12."""
    net = nn.MLP(sizes, activation, output="tanh", bias=bias, rng=0)
    ours = net.to_scalar()
    x = np.random.default_rng(3).normal(size=sizes[0])
    tensor, values = ag.Tensor(x), [ag.Value(v) for v in x]
    a, b = net(tensor), ours(values)
    b = b if isinstance(b, list) else [b]
    np.testing.assert_allclose([v.data for v in b], a.data, rtol=1e-13)
    (a * a).sum().backward()
    sum(v * v for v in b).backward()
    np.testing.assert_allclose([v.grad for v in values], tensor.grad, rtol=1e-12, atol=1e-16)
    for layer, mirrored in zip(net.layers, ours.layers, strict=True):
        np.testing.assert_allclose(
            [[w.grad for w in n.w] for n in mirrored.neurons], layer.weight.grad.T, rtol=1e-12, atol=1e-16
        )
        if bias:
            np.testing.assert_allclose(
                [n.b.grad for n in mirrored.neurons], layer.bias.grad, rtol=1e-12, atol=1e-16
            )
    assert sum(p.size for p in net.parameters()) == len(ours.parameters())


def test_the_network_on_values_has_copies_of_the_weights() -> None:
    net = nn.MLP([2, 2, 1], rng=0)
    ours = net.to_scalar()
    ours.layers[0].neurons[0].w[0].data = 9.0
    assert net.layers[0].weight.data[0, 0] != 9.0
    assert isinstance(ours, scalar.MLP)
    assert [len(layer.neurons) for layer in ours.layers] == [2, 1]


def test_activation_modules_and_functions_of_the_users_own_go_along() -> None:
    net = nn.MLP([2, 3, 1], activation=nn.LeakyReLU(0.3), output=lambda x: x * 2.0, rng=0)
    assert net.to_scalar()([1.0, -2.0]).data == pytest.approx(net([1.0, -2.0]).item(), rel=1e-14)


@pytest.mark.parametrize("where", ["activation", "output"])
@pytest.mark.parametrize(
    "mixing",
    ["softmax", "log_softmax", ag.softmax, nn.Softmax(), nn.LogSoftmax()],
    ids=["name", "log name", "function", "Module", "log Module"],
)
def test_an_activation_that_mixes_neurons_is_refused(where: str, mixing: Any) -> None:
    with pytest.raises(ValueError, match="softmax mixes the neurons of a layer"):
        nn.MLP([2, 3, 2], **{where: mixing}, rng=0).to_scalar()


def test_micrograds_own_interface_works() -> None:
    net = scalar.MLP(2, [16, 16, 1], rng=0)
    assert len(net.parameters()) == 337
    out = net([1.0, -2.0])
    assert type(out) is ag.Value
    out.backward()
    for p in net.parameters():
        p.data += -0.01 * p.grad
    net.zero_grad()
    assert {p.grad for p in net.parameters()} == {None}
    assert len(scalar.MLP(2, [2, 3], rng=0)([1.0, 2.0])) == 3
    assert type(scalar.Neuron(2, nonlin=False, rng=0)([1.0, 2.0])) is ag.Value
    assert all(-1 <= w.data <= 1 for w in scalar.Neuron(100, rng=0).w)
    assert scalar.Neuron(2).b.data == 0.0


@pytest.mark.parametrize("nin", [2, 3])
def test_a_list_of_the_wrong_length_is_refused(nin: int) -> None:
    with pytest.raises(ShapeError):
        scalar.MLP(nin, [2, 1], rng=0)([1.0] * (5 - nin))


@pytest.mark.parametrize(
    ("make", "kind", "text"),
    [
        (lambda: scalar.MLP(2, 3), ValueError, "nouts must be a list of at least one layer size, got 3"),
        (lambda: scalar.MLP(2, []), ValueError, "nouts must be a list of at least one layer size"),
        (lambda: scalar.MLP(0, [1]), ValueError, "nin must be an int > 0, got 0"),
        (lambda: scalar.MLP(2, [1.5]), TypeError, "nout must be an int > 0, got 1.5"),
        (lambda: scalar.Neuron(-1), ValueError, "nin must be an int > 0, got -1"),
        (lambda: scalar.Layer(2, True), TypeError, "nout must be an int > 0, got True"),
        (lambda: scalar.Neuron(2, activation="rely"), ValueError, "or a Module as ReLU(), got 'rely'"),
    ],
)
def test_networks_on_values_refuse_what_they_cannot_be_made_of(make: Any, kind: Any, text: str) -> None:
    with pytest.raises(kind, match=re.escape(text)):
        make()


# ---- To PyTorch and back ----------------------------------------------------------------------------------------------

# beside each other; inputs are such that no one is near a kink
LAYERS: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "Linear": (lambda: nn.Linear(4, 3, rng=0), lambda: torch.nn.Linear(4, 3)),
    "Linear without bias": (lambda: nn.Linear(4, 3, bias=False, rng=0), lambda: torch.nn.Linear(4, 3, bias=False)),
    "ReLU": (nn.ReLU, torch.nn.ReLU),
    "LeakyReLU": (nn.LeakyReLU, torch.nn.LeakyReLU),
    "LeakyReLU(0.3)": (lambda: nn.LeakyReLU(0.3), lambda: torch.nn.LeakyReLU(0.3)),
    "ELU": (nn.ELU, torch.nn.ELU),
    "ELU(0.5)": (lambda: nn.ELU(0.5), lambda: torch.nn.ELU(0.5)),
    "GELU": (nn.GELU, torch.nn.GELU),
    "GELU(tanh)": (lambda: nn.GELU("tanh"), lambda: torch.nn.GELU("tanh")),
    "SiLU": (nn.SiLU, torch.nn.SiLU),
    "Sigmoid": (nn.Sigmoid, torch.nn.Sigmoid),
    "Tanh": (nn.Tanh, torch.nn.Tanh),
    "Softplus": (nn.Softplus, torch.nn.Softplus),
    "Softmax": (nn.Softmax, lambda: torch.nn.Softmax(dim=-1)),
    "Softmax(0)": (lambda: nn.Softmax(0), lambda: torch.nn.Softmax(dim=0)),
    "LogSoftmax": (nn.LogSoftmax, lambda: torch.nn.LogSoftmax(dim=-1)),
    "LogSoftmax(1)": (lambda: nn.LogSoftmax(1), lambda: torch.nn.LogSoftmax(dim=1)),
    "Identity": (nn.Identity, torch.nn.Identity),
    "Dropout": (lambda: nn.Dropout(0.4).eval(), lambda: torch.nn.Dropout(0.4).eval()),
    "Sequential": (
        lambda: nn.Sequential(nn.Linear(4, 3, rng=0), nn.Tanh(), nn.Sequential(nn.Linear(3, 2, rng=1), nn.ELU(2.0))),
        lambda: torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Tanh(), torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.ELU(2.0))),
    ),
    "empty Sequential": (nn.Sequential, torch.nn.Sequential),
}  # fmt: skip
all_layers = pytest.mark.parametrize(("ours", "theirs"), LAYERS.values(), ids=LAYERS)


def compare(ours: Any, theirs: Any, x: Any = X, rtol: float = 1e-12) -> None:
    """Assert equal outputs, gradients of the input, and gradients of all weights, in their order; relative to the largest."""
    a, b = ag.Tensor(x), torch.tensor(x, requires_grad=True)
    ours.zero_grad()
    theirs.zero_grad()
    out, other = ours(a), theirs(b)
    weight = np.random.default_rng(1).uniform(0.5, 1.5, out.shape).astype(x.dtype)
    (out * weight).sum().backward()
    (other * torch.tensor(weight)).sum().backward()
    pairs = [(out.data, other.detach().numpy()), (a.grad, b.grad.numpy())]
    assert len(ours.parameters()) == len(list(theirs.parameters()))
    pairs += [(p.grad, q.grad.numpy().T) for p, q in zip(ours.parameters(), theirs.parameters(), strict=True)]
    for mine, expected in pairs:
        assert mine.dtype == expected.dtype == x.dtype
        assert mine.shape == expected.shape
        np.testing.assert_allclose(mine, expected, rtol=rtol, atol=rtol * np.abs(expected).max(initial=0.0))


@all_layers
def test_a_network_from_torch_gives_the_same_outputs_and_gradients(ours: Any, theirs: Any) -> None:
    torch.manual_seed(0)
    module = theirs().double()
    net = nn.from_torch(module)
    compare(net, module)
    assert [type(m) for m in net.modules()] == [type(m) for m in ours().modules()]
    assert net.summary().splitlines()[1:] == ours().summary().splitlines()[1:]


@all_layers
def test_a_network_to_torch_gives_the_same_outputs_and_gradients(ours: Any, theirs: Any) -> None:
    net = ours()
    module = net.to_torch()
    compare(net, module)
    assert [type(m) for m in module.modules()] == [type(m) for m in theirs().modules()]
    compare(nn.from_torch(module), module)


@all_layers
def test_float32_stays_float32_both_ways(ours: Any, theirs: Any) -> None:
    """To 1e-5 of the largest number."""
    module = theirs()
    compare(nn.from_torch(module), module, X.astype("f4"), 1e-5)
    net = nn.from_torch(module)
    compare(net, net.to_torch(), X.astype("f4"), 1e-5)


@pytest.mark.parametrize(
    "activation",
    [*ELEMENTWISE, "softmax", "log_softmax", nn.LeakyReLU(0.2), ag.tanh],
    ids=[*ELEMENTWISE, "softmax", "log_softmax", "Module", "function"],
)
@pytest.mark.parametrize("bias", [True, False])
def test_an_mlp_to_torch_gives_the_same_outputs_and_gradients(activation: Any, bias: bool) -> None:
    for output in ("identity", activation):
        net = nn.MLP([4, 5, 3, 2], activation, output, bias, rng=0)
        compare(net, net.to_torch())


def test_softplus_of_large_numbers_goes_to_torch_without_its_threshold() -> None:
    """PyTorch's default of 20 costs 6e-11 in the value and 1e-9 in the gradient just above it."""
    compare(nn.Softplus(), nn.Softplus().to_torch(), np.array([19.0, 20.5, 22.0, 25.0, 36.0, 700.0, 1e5]))


def test_weights_are_copies_both_ways() -> None:
    module = torch.nn.Linear(2, 2).double()
    net = nn.from_torch(module)
    back, kept = net.to_torch(), net.weight.data.copy()
    with torch.no_grad():
        module.weight.zero_()
        back.weight.zero_()
        back.bias.zero_()
    assert np.array_equal(net.weight.data, kept)
    assert net.bias.data.all()


@pytest.mark.parametrize("training", [True, False])
def test_the_mode_goes_along(training: bool) -> None:
    module = torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.Dropout()).train(training)
    net = nn.from_torch(module)
    assert {m.training for m in net.modules()} == {training}
    assert {m.training for m in net.to_torch().modules()} == {training}
    mlp = nn.MLP([2, 2, 1], rng=0).train(training)
    assert {m.training for m in mlp.to_torch().modules()} == {training}


def test_parts_keep_modes_of_their_own() -> None:
    """Such as a Dropout that was put to evaluation in a network that trains, and the other way round."""
    module = torch.nn.Sequential(
        torch.nn.Dropout(), torch.nn.Sequential(torch.nn.Dropout(), torch.nn.Identity())
    )
    for outer in (True, False):
        module.train(outer)
        module[1][0].train(not outer)
        net = nn.from_torch(module)
        assert [m.training for m in net.modules()] == [m.training for m in module.modules()]
        assert [m.training for m in net.to_torch().modules()] == [m.training for m in module.modules()]


def test_a_layer_that_is_used_twice_stays_one_layer() -> None:
    layer = torch.nn.Linear(4, 4).double()
    module = torch.nn.Sequential(layer, torch.nn.Tanh(), layer)
    net = nn.from_torch(module)
    compare(net, module)
    compare(net, net.to_torch())


def test_frozen_weights_stay_frozen() -> None:
    module = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 1))
    module[0].requires_grad_(False)
    net = nn.from_torch(module)
    assert [name for name, _ in net.named_parameters()] == ["layers.1.weight", "layers.1.bias"]
    assert [p.requires_grad for p in net.to_torch().parameters()] == [False, False, True, True]
    assert len(net.unfreeze().parameters()) == 4


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: torch.nn.Conv2d(1, 1, 1),
            "from_torch: Conv2d has no counterpart; there are Linear, Sequential",
        ),
        (
            lambda: torch.nn.Sequential(torch.nn.ReLU(), torch.nn.BatchNorm1d(3)),
            "BatchNorm1d has no counterpart",
        ),
        (lambda: torch.nn.ReLU6(), "ReLU6 has no counterpart"),
        (lambda: type("Own", (torch.nn.Module,), {})(), "Own has no counterpart"),
        (lambda: torch.nn.Softplus(beta=2), "Softplus(beta=2"),
        (lambda: torch.nn.Softplus(threshold=5), "threshold=5"),
        (lambda: torch.nn.Softmax(), "Softmax without a dim has no counterpart: give it dim=-1"),
        (lambda: torch.nn.LogSoftmax(), "LogSoftmax without a dim"),
    ],
    ids=["Conv2d", "inside", "ReLU6", "own", "beta", "threshold", "Softmax", "LogSoftmax"],
)
def test_a_layer_of_torchs_without_a_counterpart_is_named(make: Any, text: str) -> None:
    with pytest.raises(NotImplementedError, match=re.escape(text)):
        nn.from_torch(make())


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: nn.Sequential(np.tanh), "to_torch: tanh has no counterpart"),
        (lambda: nn.Sequential(nn.ReLU(), nn.Sigmoid(2.0)), "to_torch: Sigmoid(2.0) has no counterpart"),
        (lambda: nn.Softmax(None), "to_torch: Softmax(None) has no counterpart"),
        (lambda: nn.LogSoftmax(None), "to_torch: LogSoftmax(None) has no counterpart"),
        (Scale, "to_torch: Scale has no counterpart"),
        (lambda: scalar.MLP(2, [1]), "to_torch: MLP has no counterpart"),
        (lambda: nn.MLP([2, 1, 1], activation=lambda x: x), "to_torch: <lambda> has no counterpart"),
    ],
    ids=["function", "Sigmoid(beta)", "Softmax(None)", "LogSoftmax(None)", "own", "scalar", "lambda"],
)
def test_a_layer_of_ours_without_a_counterpart_is_named(make: Any, text: str) -> None:
    with warnings.catch_warnings(), pytest.raises(NotImplementedError, match=re.escape(text)):
        make().to_torch()


@pytest.mark.parametrize(
    "given",
    [3, None, partial(torch.ones, 2), nn.ReLU(), torch.nn.ReLU],
    ids=["int", "None", "tensor", "ours", "class"],
)
def test_from_torch_of_something_else_says_what_it_needs(given: Any) -> None:
    with pytest.raises(TypeError, match=re.escape("from_torch: a torch.nn.Module is needed")):
        nn.from_torch(made(given))


def test_without_pytorch_both_ways_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    for call in (lambda: nn.from_torch(3), lambda: nn.Linear(2, 1).to_torch()):
        with pytest.raises(ImportError, match="torch needs torch: python -m pip install torch"):
            call()


def test_ctrl_c_in_a_call_leaves_no_scope_behind():
    """An interrupt at any line of a model's call: what is made afterwards is made outside of the model."""
    net = nn.MLP([2, 3, 1], rng=0)
    net([[0.0, 1.0]])
    n, cut = 0, True
    while cut:
        n, cut = n + 1, False
        try:
            with Interrupt(n):
                net([[0.0, 1.0]])
        except KeyboardInterrupt:
            cut = True
        assert meta_here() is None
    assert n > 20
