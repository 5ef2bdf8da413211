"""The gallery's robot-policy, rosenbrock, maximise-input and input-derivatives: the outcomes S5, S6, S9 and S12, against PyTorch."""

import importlib.util

import numpy as np
import pytest

import autograd_mini as ag
from autograd_mini import cli
from autograd_mini.gallery import input_derivatives, maximise_input, robot_policy, rosenbrock

torch = pytest.importorskip("torch")


# ---- S5, robot-policy -------------------------------------------------------------------------------------------------


def test_s5_the_program_reaches_the_target_and_prints_the_cuts(capsys):
    """S5: exit status 0; it prints both errors and the number of seeds whose outputs the ReLU kills."""
    assert cli.main(["gallery", "robot-policy"]) == 0
    printed = capsys.readouterr().out
    assert "it was cut off by detach" in printed
    assert "no backward has reached the parameters (Tensor 'layers.0.weight'" in printed
    assert "dead from the start in 9 of 12 seeds" in printed


def test_s5_backward_behind_detach_names_the_cut():
    """S5: with .detach() in the way backward() itself raises a GraphError that names it, and no parameter has a gradient."""
    net = robot_policy.policy(0)
    _, loss = robot_policy.act(net, robot_policy.places(0, 1), lambda controls: controls.detach())
    with pytest.raises(ag.GraphError, match=r"it was cut off by detach"):
        loss.backward()
    assert all(parameter.grad is None for parameter in net.parameters())


def test_s5_numbers_wrapped_afresh_let_backward_pass_and_fail_the_step():
    """S5: behind Tensor(numbers) backward() has something to reach; step() raises, names parameters and changes none."""
    net, wrapped = robot_policy.policy(0), []

    def wrap(controls):
        wrapped.append(ag.Tensor(controls.data))
        return wrapped[0]

    adam, before = ag.optim.AdamW(net.parameters(), lr=0.005, weight_decay=0.01), net.state_dict()
    _, loss = robot_policy.act(net, robot_policy.places(0, 1), wrap)
    loss.backward()
    assert np.all(wrapped[0].grad != 0)
    with pytest.raises(
        ag.GraphError,
        match=r"no backward has reached the parameters \(Tensor 'layers\.0\.weight'.*wrapped afresh",
    ):
        adam.step()
    assert all(np.array_equal(before[name], data) for name, data in net.state_dict().items())


@pytest.mark.parametrize("seed", [1, 2], ids=["seed 1", "seed 2"])
def test_s5_the_repaired_policy_reaches_the_target(seed):
    """S5: from the picture of the post, (14, 15), it gets within 0.5 of (10, 31) in 5 moves, and from ≥ 70 % of 200 other places."""
    net = robot_policy.policy(seed)
    losses = robot_policy.train(net, seed)
    assert np.mean(losses[-50:]) < 0.01 * losses[0]
    ball = robot_policy.places(seed + 100, 201)
    np.testing.assert_allclose(robot_policy.camera(ball)[0], [14.0, 15.0], rtol=1e-6)
    off = []
    for _ in range(5):
        ball = robot_policy.act(net, ball)[0].data
        off.append(np.linalg.norm(robot_policy.camera(ball) - [10.0, 31.0], axis=1))
    assert off[-1][0] < 0.5
    assert np.mean(np.min(off, axis=0)[1:] < 0.5) >= 0.7


def test_s5_a_relu_on_the_outputs_kills_them_in_9_of_12_seeds():
    """S5: in 9 of the seeds 0 to 11 an output is 0 for all of 200 pictures; it has no gradient then, and without the ReLU it has.

    Where it is the time that is 0 the robot stands still, so that the other output has no gradient either.
    """
    dead, ball = 0, robot_policy.places(3, 200)
    for seed in range(12):
        with_relu, without = robot_policy.policy(seed, "relu"), robot_policy.policy(seed)
        output = with_relu(robot_policy.camera(ball) - robot_policy.TARGET).data
        gone = np.all(output == 0, axis=0)
        for net in (with_relu, without):
            robot_policy.act(net, ball)[1].backward()
        assert np.array_equal(with_relu.parameters()[-1].grad == 0, gone | gone[1])
        assert np.all(without.parameters()[-1].grad != 0)
        dead += bool(np.any(gone))
    assert dead == 9


def test_s5_the_simulated_step_is_pytorchs():
    """S5: the network of the post (its sizes, no ReLU after the first layer), robot and camera: all gradients to 1e-9 relative."""
    net, ball = robot_policy.policy(5), robot_policy.places(5, 16)
    moved, loss = robot_policy.act(net, ball)
    loss.backward()
    given = [torch.tensor(p.data, requires_grad=True) for p in net.parameters()]
    assert [tuple(w.shape) for w in given[::2]] == [(2, 2), (2, 32), (32, 64), (64, 32), (32, 32), (32, 2)]

    def seen(ball):
        depth = 0.5 + torch.nn.functional.softplus(4 * ball[:, 0] - 2, threshold=1000) / 4
        return torch.stack([10 + 10 * ball[:, 1] / depth, 62 / depth], dim=1)

    start = torch.tensor(ball)
    x = seen(start) - torch.tensor([10.0, 31.0], dtype=torch.float64)
    for i, (w, b) in enumerate(zip(given[::2], given[1::2], strict=True)):
        x = x @ w + b
        x = torch.relu(x) if 0 < i < 5 else x
    c, time = torch.sigmoid(x[:, 0]), 100 * torch.tanh(x[:, 1])
    left, right = 1 + c * 99, 1 + (1 - c) * 99
    turn, way = (left - right) * time / 2000, (left + right) * time / 2000
    # the arc by its radius and centre: the robot looks along the first axis, and its right is the second
    radius = way / turn
    ahead, side = start[:, 0] - radius * torch.sin(turn), start[:, 1] - radius * (1 - torch.cos(turn))
    after = torch.stack(
        [ahead * torch.cos(turn) + side * torch.sin(turn), side * torch.cos(turn) - ahead * torch.sin(turn)],
        dim=1,
    )
    wanted = ((seen(after) - torch.tensor([10.0, 31.0], dtype=torch.float64)) ** 2).mean()
    wanted.backward()
    np.testing.assert_allclose(moved.data, after.detach().numpy(), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(loss.item(), wanted.item(), rtol=1e-10)
    for ours, theirs in zip(net.parameters(), given, strict=True):
        np.testing.assert_allclose(
            ours.grad, theirs.grad.numpy(), rtol=1e-8, atol=1e-9 * float(theirs.grad.abs().max())
        )


def test_s5_fails_when_the_target_is_not_reached(monkeypatch, capsys):
    """S5: the exit status is 1 where the robot does not get there."""
    monkeypatch.setattr(robot_policy, "train", lambda net, seed, leave=None: [1.0])
    assert robot_policy.main() == 1


# ---- S6, rosenbrock ---------------------------------------------------------------------------------------------------


def by_torch(scales):
    """The trajectory of torch.optim.Adam, step k on f times scales[k], by a closure as in the post."""
    x = torch.tensor([0.1, 0.1], dtype=torch.float64, requires_grad=True)
    adam, points, draw = torch.optim.Adam([x], lr=0.1), [[0.1, 0.1]], iter(scales)

    def closure():
        adam.zero_grad()
        loss = ((1 - x[0]) ** 2 + 5 * (x[1] - x[0] ** 2) ** 2) * next(draw)
        loss.backward()
        return loss

    for _ in scales:
        adam.step(closure)
        points.append(x.tolist())
    return np.array(points)


def test_s6_the_plain_trajectory_is_pytorchs_at_every_step():
    """S6: 200 steps of Adam, lr 0.1, from (0.1, 0.1) with a = 1, b = 5 equal torch.optim.Adam's to 1e-12 at every step.

    Relative, but for 1e-15 where a coordinate passes by 0: after the first step it is 0.1 − 0.1.
    """
    points = rosenbrock.descend(rosenbrock.f)
    assert points.shape == (201, 2)
    np.testing.assert_allclose(points, by_torch(np.ones(200)), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(points[-1], [1, 1], atol=1e-3)


@pytest.mark.parametrize("seed", range(5))
def test_s6_the_stochastic_descent_ends_in_the_valley(seed):
    """S6: with f times U(0.5, 1.5) at each call it ends with f < 0.05; it is PyTorch's on the same draws, to 1e-11 relative."""
    points, scales = (
        rosenbrock.descend(rosenbrock.noisy(seed)),
        np.random.default_rng(seed).uniform(0.5, 1.5, 200),
    )
    assert rosenbrock.f(points[-1]) < 0.05
    assert np.max(np.abs(points - rosenbrock.descend(rosenbrock.f))) > 1e-3  # it is noisy
    np.testing.assert_allclose(points, by_torch(scales), rtol=1e-11, atol=1e-14)


def test_s6_the_hand_written_adam_differs_by_the_line_too_many():
    """S6: by hand, without `x -= lr * v`, it is the same to 1e-11; with it, it is not; and f's gradient is the one derived."""
    plain = rosenbrock.descend(rosenbrock.f)
    np.testing.assert_allclose(rosenbrock.by_hand(np.ones(200)), plain, rtol=1e-11, atol=1e-14)
    assert np.max(np.abs(rosenbrock.by_hand(np.ones(200), True) - plain)) > 1e-2
    x = np.array([-0.7, 1.3])
    np.testing.assert_allclose(ag.grad(rosenbrock.f)(x), rosenbrock.slope(x), rtol=1e-13)


def test_s6_the_program_prints_both_descents(capsys):
    """S6: exit status 0, and a row for each descent."""
    assert cli.main(["gallery", "rosenbrock"]) == 0
    rows = [line[3:20].strip() for line in capsys.readouterr().out.splitlines() if line.count("e-") == 5]
    assert rows == ["plain", "by hand", "as posted", "with noise", "by hand", "as posted"]


def test_s6_fails_when_the_valley_is_not_reached(monkeypatch, capsys):
    """S6: the exit status is 1 where the descent is not Adam's."""
    monkeypatch.setattr(rosenbrock, "descend", lambda loss_of: np.tile([0.1, 0.1], (201, 1)))
    assert rosenbrock.main() == 1


# ---- S9, maximise-input -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=[0, 1], ids=["seed 0", "seed 1"])
def trained(request):
    """The weights after training, where the ascent starts (x1 = 1, as in the post), and the ascent without and with bounds."""
    thetas, start = (
        maximise_input.train(request.param),
        np.array([1.0, np.random.default_rng(request.param + 1).random()]),
    )
    return (
        thetas,
        start,
        {bounds: maximise_input.ascend(thetas, start, bounds) for bounds in (None, (0.0, 1.0))},
    )


def test_s9_the_network_is_1_at_0_1_only(trained):
    """S9: the trained outputs are ≥ 0.9 at [0, 1] and ≤ 0.1 at the other corners; PyTorch gives the same to 1e-12 relative."""
    thetas = trained[0]
    outputs = [
        maximise_input.network(x, thetas).item() for x in ([0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0])
    ]
    assert outputs[0] >= 0.9
    assert max(outputs[1:]) <= 0.1
    one = torch.ones(1, dtype=torch.float64)
    for x, ours in zip(maximise_input.INPUTS, outputs, strict=True):
        hidden = torch.sigmoid(torch.cat([torch.tensor(x), one]) @ torch.tensor(thetas[0]))
        np.testing.assert_allclose(
            ours, torch.sigmoid(torch.cat([hidden, one]) @ torch.tensor(thetas[1])).item(), rtol=1e-12
        )


def test_s9_unconstrained_ascent_leaves_the_square_as_in_the_document(trained):
    """S9: 10,000 steps take the input out of [0, 1]², to outputs above that at [0, 1]; PyTorch goes there too, to 1e-9 relative."""
    thetas, start, ascents = trained
    points = ascents[None]
    assert points.shape == (10_001, 2)
    assert points[-1, 1] > 1.1
    assert (
        maximise_input.network(points[-1], thetas).item() > maximise_input.network([0.0, 1.0], thetas).item()
    )
    x, one = torch.tensor(start, requires_grad=True), torch.ones(1, dtype=torch.float64)
    sgd, (theta1, theta2) = torch.optim.SGD([x], lr=0.1), map(torch.tensor, thetas)
    for _ in range(1000):
        sgd.zero_grad()
        output = torch.sigmoid(torch.cat([torch.sigmoid(torch.cat([x, one]) @ theta1), one]) @ theta2)
        ((output - 1) ** 2).sum().backward()
        sgd.step()
    np.testing.assert_allclose(points[1000], x.detach().numpy(), rtol=1e-9)


def test_s9_projected_ascent_ends_at_0_1(trained):
    """S9: with bounds=(0, 1) it never leaves [0, 1]² and ends at [0, 1] within 0.02, output ≥ 0.9."""
    thetas, _, ascents = trained
    points = ascents[0.0, 1.0]
    assert np.all((points >= 0) & (points <= 1))
    np.testing.assert_allclose(points[-1], [0, 1], atol=0.02)
    assert maximise_input.network(points[-1], thetas).item() >= 0.9


def test_s9_l_bfgs_b_ends_at_0_1(trained):
    """S9: scipy's L-BFGS-B within the bounds ends at [0, 1] within 0.02, output ≥ 0.9."""
    pytest.importorskip("scipy")
    thetas, start, _ = trained
    x = maximise_input.ascend_lbfgs(thetas, start)
    np.testing.assert_allclose(x, [0, 1], atol=0.02)
    assert maximise_input.network(x, thetas).item() >= 0.9


@pytest.mark.parametrize("scipy", [True, False], ids=["with scipy", "without scipy"])
def test_s9_the_program_says_when_the_l_bfgs_b_part_is_left_out(scipy, trained, monkeypatch, capsys):
    """S9: exit status 0 with scipy and without; without, it says that this part is left out, and how to get it."""
    if scipy and not importlib.util.find_spec("scipy"):
        pytest.skip("scipy is not installed")
    monkeypatch.setattr(maximise_input, "train", lambda seed: trained[0])
    monkeypatch.setattr(maximise_input, "ascend", lambda thetas, start, bounds=None: trained[2][bounds])
    monkeypatch.setattr(maximise_input, "find_spec", lambda name: object() if scipy else None)
    assert maximise_input.main() == 0
    said = "L-BFGS-B: left out, for it needs scipy: python -m pip install 'autograd-mini[scipy]'"
    assert (said in capsys.readouterr().out) is not scipy


def test_s9_fails_when_the_corner_is_not_reached(monkeypatch, capsys):
    """S9: the exit status is 1 for an input that stays where it starts."""
    monkeypatch.setattr(maximise_input, "train", lambda seed: [np.zeros((3, 3)), np.zeros((4, 1))])
    monkeypatch.setattr(
        maximise_input, "ascend", lambda thetas, start, bounds=None: np.tile(start, (10_001, 1))
    )
    assert maximise_input.main() == 1


# ---- S12, input-derivatives -------------------------------------------------------------------------------------------


def torch_network(x, weights):
    """The same network in PyTorch."""
    for w, b in zip(weights[:-1:2], weights[1::2], strict=True):
        x = torch.sigmoid(x @ w + b)
    return x @ weights[-1]


def ones(shape):
    return np.ones(shape)


@pytest.mark.parametrize(
    ("sizes", "known"), [([2, 2, 1], 0.0903533), ([2, 2, 2, 1], 0.00889187)], ids=["2-2-1", "2-2-2-1"]
)
def test_s12_jacobians_of_ones_are_the_known_ones(sizes, known):
    """S12: all weights and biases 1, x = [1, 1]: both entries of J are 0.0903533 (one hidden layer), 0.00889187 (two)."""
    weights = input_derivatives.layers(sizes, ones)
    J = ag.batch_jacobian(lambda x: input_derivatives.network(x, weights), np.ones((1, 2)))
    assert J.shape == (1, 1, 2)
    np.testing.assert_allclose(
        J.ravel(), known, rtol=0, atol=0.5 * 10.0 ** -len(str(known)[2:])
    )  # all the digits that are given


@pytest.mark.parametrize("draw", [ones, np.random.default_rng(0).standard_normal], ids=["ones", "random"])
@pytest.mark.parametrize("sizes", [[2, 2, 1], [2, 2, 2, 1], [2, 8, 8, 1], [3, 5, 4, 2]], ids=str)
def test_s12_jacobians_and_hessians_are_pytorchs(sizes, draw):
    """S12: first and second derivatives by the inputs agree with PyTorch to 1e-10 relative."""
    weights, x = input_derivatives.layers(sizes, draw), np.linspace(-1.0, 1.0, sizes[0])[None]
    given = [torch.tensor(w) for w in weights]
    J = torch.func.jacrev(lambda x: torch_network(x, given)[0])(torch.tensor(x))[:, 0]
    H = torch.func.jacrev(torch.func.jacrev(lambda x: torch_network(x[None], given)[0]))(torch.tensor(x[0]))
    ours = [
        d(lambda x: input_derivatives.network(x, weights), x)[0]
        for d in (ag.batch_jacobian, ag.batch_hessian)
    ]
    for found, wanted in zip(ours, (J.numpy(), H.numpy()), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-12 * np.abs(wanted).max())


def test_s12_the_loss_differentiates_through_the_derivative_as_pytorch():
    """S12: the misses on mixed data, and the gradient of their mean square by all parameters, are PyTorch's to 1e-9 relative."""
    (X, known), weights = (
        input_derivatives.data(3, 30),
        input_derivatives.layers([2, 8, 8, 1], np.random.default_rng(3).standard_normal),
    )
    nodes = [ag.Tensor(w) for w in weights]
    missed = input_derivatives.misses(nodes, X, known, graph=True)
    gradients = ag.gradients((missed**2).mean(), nodes)
    given, x = [torch.tensor(w, requires_grad=True) for w in weights], torch.tensor(X, requires_grad=True)
    y = torch_network(x, given)
    (slopes,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    learnt = torch.stack([torch.cat([y, slopes], dim=1)[i, i % 3] for i in range(30)])
    x1, x2 = torch.tensor(X).T
    true = torch.stack(
        [torch.sin(x1) * torch.cos(x2), torch.cos(x1) * torch.cos(x2), -torch.sin(x1) * torch.sin(x2)]
    )
    wanted = learnt - torch.stack([true[i % 3, i] for i in range(30)])
    np.testing.assert_allclose(missed.data, wanted.detach().numpy(), rtol=1e-10, atol=1e-12)
    for ours, theirs in zip(gradients, torch.autograd.grad((wanted**2).mean(), given), strict=True):
        np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-9, atol=1e-12)


def test_s12_stacked_networks_give_each_ones_own_misses():
    """S12: what the swarm computes for all particles at once equals one network after the other, to 1e-12 relative."""
    rng, (X, known) = np.random.default_rng(4), input_derivatives.data(4, 12)
    each = [input_derivatives.layers([2, 8, 8, 1], rng.standard_normal) for _ in range(3)]
    stacked = input_derivatives.misses([np.stack(parts) for parts in zip(*each, strict=True)], X, known).data
    for row, weights in zip(stacked, each, strict=True):
        np.testing.assert_allclose(
            row, input_derivatives.misses(weights, X, known).data, rtol=1e-12, atol=1e-14
        )


@pytest.mark.parametrize("seed", [1, 6], ids=["seed 1", "seed 6"])
@pytest.mark.parametrize(
    "fit",
    [input_derivatives.by_descent, input_derivatives.by_swarm],
    ids=["gradient descent", "particle swarm"],
)
def test_s12_mixed_data_are_fitted(fit, seed):
    """S12: 120 points, each with y or ∂y/∂x1 or ∂y/∂x2, are fitted to a mean squared error < 1e-3 (checked in PyTorch), the swarm
    of 40 particles in ≤ 1,500 iterations; and on 3,000 points that were not shown all three kinds are below 1e-2."""
    X, known = input_derivatives.data(seed)
    weights, errors = fit(X, known, seed)
    assert [w.shape for w in weights] == [(2, 8), (1, 8), (8, 8), (1, 8), (8, 1)]
    assert fit is input_derivatives.by_descent or len(errors) <= 1500
    x = torch.tensor(X, requires_grad=True)
    y = torch_network(x, [torch.tensor(w) for w in weights])
    (slopes,) = torch.autograd.grad(y.sum(), x)
    learnt = torch.cat([y, slopes], dim=1).detach().numpy()[np.arange(120), np.arange(120) % 3]
    assert np.mean((learnt - known) ** 2) < 1e-3
    others = input_derivatives.misses(weights, *input_derivatives.data(seed + 50, 3000)).data ** 2
    assert all(np.mean(others[kind::3]) < 1e-2 for kind in range(3))


def test_s12_the_program_prints_both_fits(capsys):
    """S12: exit status 0; J, H and both errors are printed."""
    assert cli.main(["gallery", "input-derivatives", "--seed", "1"]) == 0
    printed = capsys.readouterr().out
    for text in ("0.09035332", "0.00889187", "gradient descent", "particle swarm"):
        assert text in printed


def test_s12_fails_when_a_fit_does_not_converge(monkeypatch, capsys):
    """S12: the exit status is 1 where a fit stays above 1e-3."""
    start = input_derivatives.layers([2, 8, 8, 1], ones)
    monkeypatch.setattr(input_derivatives, "by_swarm", lambda X, known, seed: (start, [1.0]))
    assert input_derivatives.main() == 1
