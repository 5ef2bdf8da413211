"""An optimiser's step by hand: the right ones of ag.optim are right, each known mistake is named, and the line shown is right."""

import numpy as np
import pytest

import autograd_mini as ag
from autograd_mini.check.update import read_rule, simulate, variants

OPTIMIZERS = {
    "sgd": lambda p: ag.optim.SGD(p, lr=0.1),
    "momentum": lambda p: ag.optim.SGD(p, lr=0.1, momentum=0.9),
    "dampened": lambda p: ag.optim.SGD(p, lr=0.05, momentum=0.8, dampening=0.3),
    "nesterov": lambda p: ag.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "sgd decay": lambda p: ag.optim.SGD(p, lr=0.1, weight_decay=0.01),
    "momentum decay": lambda p: ag.optim.SGD(p, lr=0.02, momentum=0.9, weight_decay=0.1),
    "adam": lambda p: ag.optim.Adam(p, lr=0.01),
    "adam, large ε": lambda p: ag.optim.Adam(p, lr=0.01, eps=1e-3),
    "adam decay": lambda p: ag.optim.Adam(p, lr=0.01, weight_decay=0.1),
    "amsgrad": lambda p: ag.optim.Adam(p, lr=0.01, amsgrad=True),
    "adamw": lambda p: ag.optim.AdamW(p, lr=0.005, weight_decay=0.05),
    "rmsprop": lambda p: ag.optim.RMSprop(p, lr=0.01, alpha=0.9),
    "centered": lambda p: ag.optim.RMSprop(p, lr=0.01, alpha=0.9, centered=True),
    "rmsprop momentum": lambda p: ag.optim.RMSprop(p, lr=0.01, momentum=0.5),
}


def run(name, steps=4, seed=0):
    """Parameters before, the gradients and the parameters after each step of ag.optim, and the optimiser."""
    rng = np.random.default_rng(seed)
    before = {"W": rng.normal(size=(3, 2)), "b": rng.normal(size=2), "V": rng.normal(size=(3, 2))}
    nodes = {k: ag.Tensor(v, label=k) for k, v in before.items()}
    optimizer = OPTIMIZERS[name](list(nodes.values()))
    grads, after = [], []
    for _ in range(steps):
        grads.append({k: rng.normal(size=v.shape) for k, v in before.items()})
        for k, node in nodes.items():
            node.grad = grads[-1][k].copy()
        optimizer.step()
        after.append({k: node.data.copy() for k, node in nodes.items()})
    return before, after, grads, optimizer


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("steps", [1, 2, 5])
def test_a_right_step_is_right(name, steps):
    """What ag.optim does is right, in one step and in several, in float32 too."""
    for seed in range(5):
        before, after, grads, optimizer = run(name, steps, seed)
        report = ag.diagnose_update(before, after, grads, optimizer)
        assert not report.wrong, str(report)
        assert not report.findings
        half = [{k: v.astype(np.float32) for k, v in step.items()} for step in after]
        assert not ag.diagnose_update(
            {k: v.astype(np.float32) for k, v in before.items()}, half, grads, optimizer
        ).wrong


def faults():
    for name in OPTIMIZERS:
        rule = read_rule(OPTIMIZERS[name]([ag.Tensor(1.0)]))
        for i, (mistake, note, _) in enumerate(variants(rule)):
            if mistake not in ("moments_shared", "integers_truncated"):
                yield pytest.param(name, i, mistake, id=f"{name}: {mistake} {note}")


@pytest.mark.parametrize(("name", "i", "mistake"), list(faults()))
def test_each_mistake_is_named(name, i, mistake):
    """Four steps with one mistake: it is among the findings (where it shows at all), and so is the right line."""
    before, _, grads, optimizer = run(name)
    rule = read_rule(optimizer)
    faulty = list(variants(rule))[i][2]
    state, after = dict(before), []
    with np.errstate(all="ignore"):
        for t in range(4):  # the simulation starts each step from the person's own parameters
            changes = simulate(faulty, before, grads[: t + 1], [*after, {}])
            state = {k: state[k] + changes[t][k] for k in state}
            after.append(dict(state))
    if not all(np.isfinite(v).all() for step in after for v in step.values()):
        pytest.skip("the mistake divides by zero in the first step")
    report = ag.diagnose_update(before, after, grads, optimizer)
    if not report.wrong:
        pytest.skip("the mistake does not show in these numbers")
    assert mistake in [f.mistake for f in report.findings], str(report)
    assert report.explained


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_line_is_what_the_optimizer_does(name):
    """The right line, run step by step, gives ag.optim's parameters."""
    before, after, grads, optimizer = run(name)
    report = ag.diagnose_update(
        before, [{k: v + 1 for k, v in step.items()} for step in after], grads, optimizer
    )
    fix = report.findings[0].fix
    assert fix == read_rule(optimizer).source
    for k in before:
        space = dict(report.names, m=0.0, v=0.0, mean=0.0, largest=0.0, buffer=0.0, w=before[k])
        for t, (step, g) in enumerate(zip(after, grads, strict=True), 1):
            space.update(g=g[k], t=t)
            exec(fix, space)
            np.testing.assert_allclose(space["w"], step[k], rtol=1e-9)


@pytest.mark.parametrize(
    ("factor", "mistake"),
    [(-1, "update_sign"), (0.1, "rate_twice"), (100, "rate_inverse"), (3, "rate_factor")],
)
def test_a_factor_of_all_steps(factor, mistake):
    before, after, grads, optimizer = run("sgd")
    state, taken = dict(before), []
    for g in grads:
        state = {k: w - 0.1 * factor * g[k] for k, w in state.items()}
        taken.append(state)
    assert ag.diagnose_update(before, taken, grads, optimizer).findings[0].mistake == mistake


def test_two_mistakes_at_once():
    """ε inside the root and the counter one step ahead."""
    before, _, grads, optimizer = run("adam, large ε")
    state, after, m, v = dict(before), [], {}, {}
    for t, g in enumerate(grads, 2):
        for k in before:
            m[k] = 0.9 * m.get(k, 0) + 0.1 * g[k]
            v[k] = 0.999 * v.get(k, 0) + 0.001 * g[k] ** 2
        state = {
            k: w - 0.01 * (m[k] / (1 - 0.9**t)) / np.sqrt(v[k] / (1 - 0.999**t) + 1e-3)
            for k, w in state.items()
        }
        after.append(state)
    found = {f.mistake for f in ag.diagnose_update(before, after, grads, optimizer).findings}
    assert found == {"epsilon_inside_root", "step_counter_off"}


def test_integers_are_truncated():
    before = {"w": np.array([3, -2])}
    grads = [{"w": np.array([2.6, 1.3])}] * 2
    after, w = [], before["w"].copy()
    for g in grads:
        w = (w - 0.5 * g["w"]).astype(int)
        after.append({"w": w})
    report = ag.diagnose_update(before, after, grads, ag.optim.SGD([ag.Tensor(1.0)], lr=0.5))
    assert report.findings[0].mistake == "integers_truncated"


def test_shared_buffers():
    before, _, grads, optimizer = run("momentum")
    before, grads = (
        ({k: x[k] for k in ("W", "V")} for x in (before, {}))
        if False
        else ({k: before[k] for k in ("W", "V")}, [{k: g[k] for k in ("W", "V")} for g in grads])
    )
    state, after, buffer = dict(before), [], 0.0
    for g in grads:
        state = dict(state)
        for k in state:
            buffer = 0.9 * buffer + g[k]
            state[k] = state[k] - 0.1 * buffer
        after.append(state)
    assert ag.diagnose_update(before, after, grads, optimizer).findings[0].mistake == "moments_shared"


def test_one_step_cannot_tell():
    """Momentum does not show in the first step, and the report says so."""
    before, after, grads, optimizer = run("momentum", 1)
    report = ag.diagnose_update(before, after, grads, optimizer)
    assert "One step cannot tell" in str(report)
    assert "momentum_missing" in str(report)


def test_nonsense_is_not_explained():
    before, after, grads, optimizer = run("adam")
    wrong = [{k: v + np.sin(1000 * v) for k, v in step.items()} for step in after]
    report = ag.diagnose_update(before, wrong, grads, optimizer)
    assert report.wrong == ["W", "b", "V"]
    assert not report.explained
    assert "I cannot explain" in str(report)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda: ag.diagnose_update({"w": 1.0}, {"w": 1.0}, {"w": 1.0}, "Adagrad"),
            "must be an object of ag.optim",
        ),
        (lambda: ag.diagnose_update({"w": 1.0}, [{"w": 1.0}], [], "SGD"), "1 steps in after, 0 in gradients"),
        (lambda: ag.diagnose_update({"w": 1.0}, {"v": 1.0}, {"w": 1.0}, "SGD"), r"after\[0\] has no w"),
    ],
    ids=["unknown optimizer", "missing gradients", "missing name"],
)
def test_what_does_not_belong_together_is_refused(call, text):
    with pytest.raises(ValueError, match=text):
        call()


def adam_by_hand(steps=4, step=None):
    """A person's own Adam, by `step(w, m, v, t)`: parameters before, after each step, and the gradients."""
    rng = np.random.default_rng(7)
    w = rng.normal(size=(3, 2))
    before, m, v, after, grads = {"W": w}, 0.0, 0.0, [], []
    for t in range(1, steps + 1):
        g = rng.normal(size=w.shape)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        w = step(w, m, v, t)
        after.append({"W": w})
        grads.append({"W": g})
    return before, after, grads


def right_adam(w, m, v, t):
    return w - 0.01 * m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)


def test_epsilon_before_the_correction_is_right_by_convention():
    """The shorter form of the paper (arXiv:1412.6980, section 2), which is nearly the same number."""

    def shorter(w, m, v, t):
        return w - 0.01 * np.sqrt(1 - 0.999**t) / (1 - 0.9**t) * m / (np.sqrt(v) + 1e-8)

    other = ag.optim.Adam([ag.Tensor(1.0)], lr=0.01, eps=1e-4)
    assert ag.diagnose_update(*adam_by_hand(step=shorter), other).wrong == [
        "W"
    ]  # an ε of another size is wrong
    report = ag.diagnose_update(*adam_by_hand(step=shorter), ag.optim.Adam([ag.Tensor(1.0)], lr=0.01))
    assert not report.wrong
    assert "that is right" in str(report)


BY_HAND = {
    "decay_added": lambda w, m, v, t: right_adam(w, m, v, t) - 0.01 * 0.02 * w,
    "rate_factor": lambda w, m, v, t: w + (right_adam(w, m, v, t) - w) / np.sqrt(t),
    "step_counter_off": lambda w, m, v, t: (
        right_adam(w, m, v, t - 1) if t > 1 else w - 0.01 * m / (np.sqrt(v) + 1e-8)
    ),
}


@pytest.mark.parametrize("mistake", BY_HAND)
def test_an_adam_by_hand(mistake):
    """Decay that is not meant, a rate with a schedule, a counter that starts at 0."""
    report = ag.diagnose_update(
        *adam_by_hand(step=BY_HAND[mistake]), ag.optim.Adam([ag.Tensor(1.0)], lr=0.01)
    )
    assert report.wrong == ["W"]
    assert mistake in [f.mistake for f in report.findings], str(report)


@pytest.mark.parametrize("size", [0.003, 0.02, 0.4])
def test_an_l2_penalty_of_any_size_in_adam(size):
    """A penalty that goes through Adam's moments is no constant multiple of anything: its size is found."""
    rng = np.random.default_rng(3)
    w = rng.normal(size=(3, 2))
    before, m, v, after, grads = {"W": w}, 0.0, 0.0, [], []
    for t in range(1, 5):
        grads.append({"W": rng.normal(size=w.shape)})
        g = grads[-1]["W"] + size * w
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        w = right_adam(w, m, v, t)
        after.append({"W": w})
    report = ag.diagnose_update(before, after, grads, ag.optim.Adam([ag.Tensor(1.0)], lr=0.01))
    assert report.findings[0].mistake == "decay_added"
    assert f"{size:g} · w is added to the gradient" in str(report)


def test_the_mistake_comes_before_its_factor():
    """A dampened buffer is a tenth of the right one in each step: the cause is told first."""
    before, _, grads, _ = run("momentum")
    w, buffer, after = before, dict.fromkeys(before, 0.0), []
    for g in grads:
        buffer = {k: 0.9 * buffer[k] + 0.1 * g[k] for k in w}
        w = {k: w[k] - 0.03 * buffer[k] for k in w}
        after.append(w)
    report = ag.diagnose_update(before, after, grads, ag.optim.SGD([ag.Tensor(1.0)], lr=0.03, momentum=0.9))
    told = [f.mistake for f in report.findings]
    assert told[0] == "momentum_dampened"
    assert told[-1] == "rate_factor"


def test_the_name_of_an_optimiser_is_read_in_small_letters_too():
    """ "adam" is Adam, as people type it."""
    assert read_rule("adam") == read_rule("Adam")
    with pytest.raises(ValueError, match="not 'adagrad'"):
        read_rule("adagrad")
