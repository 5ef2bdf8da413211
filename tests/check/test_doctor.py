"""doctor: each finding on a network made to have it, none on healthy trainings, and nothing changed that it is given."""

import copy
import pickle
import random
import re
import statistics
import threading
import warnings

import numpy as np
import pytest

import autograd_mini as ag
from autograd_mini.check import doctor as module
from autograd_mini.check.mistakes import TRAINING_MISTAKES
from tests.check.more_trainings import (
    GLOBAL,
    MORE_FAULTS,
    MORE_HEALTHY,
    a_class_that_cuts,
    squares,
    values_dead,
)
from tests.check.trainings import FAULTS, HEALTHY, a_layer_unused, data, net, sgd
from tests.helpers.interrupt import Interrupt

FAULTY = [(name, text, make) for name, (makes, text) in FAULTS.items() for make in makes]


def examined(training):
    model, loss, X, y, optimizer = training
    return ag.doctor(model, loss, X, y, optimizer=optimizer)


@pytest.mark.parametrize(("name", "text", "make"), FAULTY, ids=[make.__name__ for *_, make in FAULTY])
def test_each_fault_is_the_first_finding(name, text, make):
    """By its name, with what is particular to it, in the report's text and in its HTML."""
    report = examined(make())
    first = report.findings[0]
    assert first.mistake == name, str(report)
    assert re.search(text, f"{first.where} {first.why}"), first.why
    assert first.why.startswith(TRAINING_MISTAKES[name][:-1])
    assert first.why in str(report)
    assert f"<code>{name}</code>" in report._repr_html_()


@pytest.mark.parametrize("make", MORE_FAULTS, ids=lambda make: make.__name__)
def test_networks_of_values_and_of_other_hands_are_told_alike(make):
    """Units of single Values by their layer and number; and what is written by hand, in columns or in classes of one's own."""
    name, text = MORE_FAULTS[make]
    first = examined(make()).findings[0]
    assert first.mistake == name, str(first)
    assert re.search(text, f"{first.where} {first.why}"), first.why


def test_every_finding_has_a_case():
    """The names of mistakes.toml and those of the cases are the same; targets' size comes beside the inputs'."""
    assert set(TRAINING_MISTAKES) == {*FAULTS, "targets_unscaled"}


@pytest.mark.parametrize("has_optimizer", [True, False], ids=["with its optimiser", "without"])
@pytest.mark.parametrize("name", HEALTHY)
def test_healthy_trainings_have_no_finding(name, has_optimizer):
    """The gallery's and the demo's, from their first weights on."""
    model, loss, X, y, optimizer = HEALTHY[name]()
    report = ag.doctor(model, loss, X, y, optimizer=optimizer if has_optimizer else None)
    assert report.findings == [], str(report)
    assert "Nothing is wrong with your training" in str(report)
    assert report.notes[0].startswith("The first loss is")


@pytest.mark.parametrize("has_optimizer", [True, False], ids=["with its optimiser", "without"])
@pytest.mark.parametrize("make", MORE_HEALTHY, ids=lambda make: make.__name__)
def test_more_healthy_trainings_have_no_finding(make, has_optimizer):
    """Networks of Values, of some dead units, deep, recurrent, frozen in part, without a hidden layer."""
    model, loss, X, y, optimizer = make()
    report = ag.doctor(model, loss, X, y, optimizer=optimizer if has_optimizer else None)
    assert report.findings == [], str(report)


def test_a_network_of_one_sample_at_a_time_is_given_as_it_is():
    """nn.scalar.MLP itself, and the rows of X: it is asked sample by sample, with its own losses or ours."""
    X = np.random.default_rng(0).normal(size=(12, 2))
    y = np.sin(X[:, 0])
    model = ag.nn.scalar.MLP(2, [5, 1], activation="tanh", rng=0)
    optimizer = ag.optim.SGD(model.parameters(), lr=0.05)
    assert examined((model, ag.nn.mse, X, y, optimizer)).findings == []
    for neuron in model.layers[0].neurons:
        neuron.b.data = 50.0
    for loss in (ag.nn.mse, squares):
        report = examined((model, loss, X, y, optimizer))
        assert report.findings[0].mistake == "saturated_units"
        assert "5 of 5 tanh units are saturated, because the biases decide alone" in str(report)
    report = examined((model, ag.nn.mse, X, y[:, None], optimizer))
    assert report.findings[0].mistake == "broadcast_pairs"
    report = examined((lambda x: x[2], ag.nn.mse, X[:1, :1], y, optimizer))
    assert "IndexError" in report.findings[0].why


def test_a_few_dead_units_are_noted_by_their_numbers():
    """They are no fault, and stand among the notes."""
    report = examined(MORE_HEALTHY[4]())
    assert "layer 0: 3 of 12 ReLU units are dead (units 0, 1, 2)." in report.notes


def test_one_sample_says_nothing_of_units():
    """Half of the ReLU units are 0 for a sample, whatever the network."""
    model = net(4, 6, 1, act=ag.nn.ReLU)
    model[0].bias.data = np.full(6, -40.0)
    report = ag.doctor(model, ag.nn.mse, np.ones((1, 4)), np.ones((1, 1)))
    assert not any("units" in f.mistake for f in report.findings)


@pytest.mark.parametrize("name", ["xor", "xor-minimal", "xor-no-bias", "maximise-input", "dynamic-network"])
def test_networks_that_have_learnt_have_no_finding(name):
    """Outputs at the ends of their range are right there."""
    model, loss, X, y, optimizer = HEALTHY[name]()
    adam = ag.optim.Adam(optimizer.params, lr=0.03)
    for _ in range(600):
        adam.step(lambda: loss(model(X), y))
    adam.zero_grad()
    assert examined((model, loss, X, y, optimizer)).findings == []


@pytest.mark.parametrize("noise", [0.1, 3.0])
def test_noise_is_no_fault(noise):
    """A line that cannot be learnt by heart, and a start from zero where there is no hidden layer, are healthy."""
    X, _ = data(n=40)
    y = X @ [[1.0], [2.0], [0.5], [-1.0]] + noise * np.random.default_rng(1).normal(size=(40, 1))
    model = net(4, 1)
    assert examined((model, ag.nn.mse, X, y, None)).findings == []
    for parameter in model.parameters():
        parameter.data = np.zeros(parameter.shape)
    assert examined((model, ag.nn.mse, X, y, sgd(model))).findings == []


def test_an_optimiser_that_calls_the_closure_itself_is_tried_too():
    """L-BFGS evaluates the loss many times in a step."""
    pytest.importorskip("scipy")
    model, (X, y) = net(4, 3, 1), data()
    report = examined((model, ag.nn.mse, X, y, ag.optim.LBFGS(model.parameters(), max_iter=3)))
    assert report.findings == []
    assert "LBFGS" in report.notes[1]


def test_values_are_examined_too():
    """A network of single numbers, healthy, and cut off."""
    neurons = ag.nn.scalar.MLP(2, [4, 1], rng=0)
    assert examined((neurons, lambda p: (p - 1.0) ** 2, [0.5, 1.0], None, None)).findings == []
    report = examined((neurons, lambda p: (p.detach() - 1.0) ** 2, [0.5, 1.0], None, None))
    assert report.findings[0].mistake == "cut_off"


def test_a_pixel_recipe_with_large_inputs_is_told_what_to_scale():
    X = np.random.default_rng(0).integers(0, 256, (40, 50)).astype(float)
    y = np.arange(40.0)[:, None] % 2
    report = examined((net(50, 10, 1, act=ag.nn.ReLU), ag.nn.binary_cross_entropy_with_logits, X, y, None))
    assert [f.mistake for f in report.findings] == ["inputs_unscaled"]


# ---- Nothing is changed ---------------------------------------------------------------------------------------------------


class Noisy(ag.nn.Module):
    """With a generator, a mode, a node kept of the last call, and an array that is written into."""

    def __init__(self):
        super().__init__()
        self.layers = ag.nn.Sequential(
            ag.nn.Linear(4, 3, rng=0), ag.nn.Dropout(0.5, rng=1), ag.nn.Linear(3, 1, rng=2)
        )
        self.last, self.calls = None, np.zeros(1)

    def forward(self, x):
        self.calls += 1
        self.last = self.layers(x)
        return self.last


NOISE = np.random.default_rng(7)
W = ag.Tensor(np.full((4, 1), 0.1))


def state(model, optimizer, *more):
    """All that there is of a training, as bytes."""
    params = [(p.data, p.grad, p.requires_grad, getattr(p, "_version", 0)) for p in model.parameters()]
    generators = [m.random.bit_generator.state for m in model.modules() if isinstance(m, ag.nn.Dropout)]
    rest = [model.calls, model.training, optimizer.state_dict(), NOISE.bit_generator.state, W.data, W.grad]
    return pickle.dumps([params, generators, rest, np.random.get_state(), random.getstate(), *more])  # noqa: NPY002


def noisy_training():
    X, y = data()
    model = Noisy()
    optimizer = ag.optim.Adam(model.parameters(), lr=0.01)
    optimizer.step(lambda: ag.nn.mse(model(X), y))  # so that there are gradients, moments and a kept node

    def loss(p, t):
        X[0, 0] += 0.0
        luck = NOISE.normal() + np.random.rand() + random.random()  # noqa: NPY002
        return ag.nn.mse(p + (W.sum() * 0.0 + luck) * 1e-3, t)

    return model, loss, X, y, optimizer


def test_model_data_generators_and_optimiser_stay_to_the_bit():
    """Weights, gradients, modes, generators in modules, closures and globals, moments, data, and what a module keeps."""
    model, loss, X, y, optimizer = noisy_training()
    before, last = state(model, optimizer, X, y), model.last
    examined((model, loss, X, y, optimizer))
    assert state(model, optimizer, X, y) == before
    assert model.last is last


def test_so_they_do_after_ctrl_c():
    """Wherever it comes: a hundred places, spread over the run."""
    training = noisy_training()
    model, loss, X, y, optimizer = training
    before, hit = state(model, optimizer, X, y), 0
    for n in [*range(1, 40), *range(40, 60_000, 997)]:
        try:
            with Interrupt(n):
                examined(training)
        except KeyboardInterrupt:
            hit += 1
        else:
            break
        assert state(model, optimizer, X, y) == before, n
    assert hit > 50


def test_what_is_tried_on_a_copy_warns_of_nothing():
    """An optimiser that has parameters which the loss does not reach, and a loss that warns; the findings say it."""

    def loss(p, t):
        warnings.warn("mine", stacklevel=1)
        return ag.nn.mse(p, t)

    model, _, X, y, _ = a_layer_unused()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = examined((model, loss, X, y, sgd(model, 0.01)))
    assert report.findings[0].mistake == "parameter_unused"


def test_a_training_goes_on_after_doctor_as_without():
    losses = []
    for asks in (False, True):
        model, (X, y) = net(4, 3, 1), data()
        adam = ag.optim.Adam(model.parameters(), lr=0.01)
        losses.append([])
        for i in range(6):
            if asks and i == 3:
                ag.doctor(model, ag.nn.mse, X, y, optimizer=adam)
            losses[-1].append(adam.step(lambda: ag.nn.mse(model(X), y)).item())  # noqa: B023
    assert losses[0] == losses[1]


def test_what_a_class_of_ones_own_reads_stays_as_it_is():
    """A global that a method reads cannot be copied with the model: no gradient is put on it."""
    examined(a_class_that_cuts())
    assert GLOBAL.grad is None
    assert not GLOBAL.data.any()


def test_what_cannot_be_copied_is_shared():
    """A lock and a generator in a model, a compiled function, and libraries that the loss calls, are no hindrance."""
    model = net(4, 3, 1)
    model.lock, model.lines = threading.Lock(), (line for line in "abc")
    compiled = ag.compile(lambda p: ag.tanh(p))

    def loss(p, t):
        with model.lock:
            assert statistics.mean([1.0, 3.0]) == 2.0
            return ag.nn.mse(compiled(p) + p, t)

    X, y = data()
    assert examined((model, loss, X, y, sgd(model, 0.01))).findings == []
    assert next(model.lines) == "a"


# ---- fit ------------------------------------------------------------------------------------------------------------------


def test_fit_says_that_a_loss_stands_at_a_constant_guess():
    """Where the units are not the reason."""
    X, y = np.repeat(np.eye(2), 6, axis=0), np.arange(12.0)[:, None] % 2
    model = net(2, 1)
    fitted(model, X, y, epochs=3, optimizer=ag.optim.Adam(model.parameters(), lr=0.05))
    for parameter in model.parameters():
        parameter.data = np.full(parameter.shape, 0.25)
    with pytest.warns(UserWarning, match="a constant guess; the loss has not fallen since epoch"):
        fitted(model, X, y - 0.0, optimizer=sgd(model, 1e-9))


def fitted(model, X, y, **options):
    options = {"loss": ag.nn.mse, "optimizer": sgd(model, 0.01), "epochs": 8, "rng": 0, **options}
    return ag.fit(model, X, y, **options)


def test_fit_says_in_one_line_why_it_did_not_train():
    """Dead units, saturated units, or that the loss did not fall; and where to ask."""
    model, (X, y) = net(4, 6, 1, act=ag.nn.ReLU), data()
    model[0].bias.data = np.full(6, -40.0)
    model[2].bias.data = y.mean(axis=0)
    with pytest.warns(
        UserWarning, match=r"layer 0: 6 of 6 ReLU units are dead.* since epoch 1.*ag\.doctor"
    ) as caught:
        history = fitted(model, X, y)
    assert caught[0].filename == __file__
    assert "\n" not in str(caught[0].message)
    assert history.epochs == 8


def test_fit_says_so_of_a_network_of_values():
    """Its neurons are units as any."""
    model, loss, X, y, optimizer = values_dead()
    optimizer.params[-1].data = float(y.mean())
    with pytest.warns(UserWarning, match="layer 0: 6 of 6 ReLU units are dead; the loss has not fallen"):
        ag.fit(model, X, y, loss=loss, optimizer=optimizer, epochs=8)


def test_fit_is_silent_where_it_trains_or_has_trained():
    """Also where it ends early, and where it goes on at the minimum."""
    model, (X, y) = net(4, 6, 1, act=ag.nn.Tanh), data()
    fitted(model, X, y)
    fitted(model, X, y, epochs=2)
    fitted(model, X, y, optimizer=ag.optim.Adam(model.parameters(), lr=0.02), epochs=300)
    fitted(model, X, y, optimizer=sgd(model, 1e-6))


def test_what_a_doctor_copies_shares_what_was_shared():
    """A node in a closure that is the model's own parameter stays one with it."""
    model = net(4, 3, 1)
    weight = model[0].weight

    def loss(p, t):
        return ag.nn.mse(p, t) + 0.1 * (weight**2).sum()

    twin, other = module.Trial(model, loss, *data()).model, copy.deepcopy(model)
    assert twin[0].weight is not weight
    look = module.Look(module.Trial(model, loss, *data()))
    assert sum(node is look.trial.params["layers.0.weight"] for node in look.order) == 1
    assert weight not in {*look.order}
    assert [p.data.tolist() for p in twin.parameters()] == [p.data.tolist() for p in other.parameters()]
