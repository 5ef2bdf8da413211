"""The robot that learns to drive, S5: it reaches the outcome that it is there for, and agrees with PyTorch number by number."""

import numpy as np
import pytest

import autograd_mini as ag
from autograd_mini import cli
from autograd_mini.gallery import robot_policy
from tests.helpers.peers import torch


def test_s5_the_program_reaches_the_target_and_prints_the_cuts(capsys):
    """S5: it prints both errors and the number of seeds whose outputs the ReLU kills."""
    assert cli.main(["gallery", "robot-policy"]) == 0
    printed = capsys.readouterr().out
    assert "it was cut off by detach" in printed
    assert "no backward has reached the parameters (Tensor 'layers.0.weight'" in printed
    assert "dead from the start in 9 of 12 seeds" in printed
    assert "ag.doctor: layer 5 (relu): A ReLU on the outputs is dead" in printed


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


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)], ids=["seed 1", "seed 2"])
def test_s5_the_repaired_policy_reaches_the_target(seed):
    """S5: from the picture of the post, (14, 15), it gets within 0.5 of (10, 31) in 5 moves, and from ≥ 70 % of 200 other places."""
    net = robot_policy.policy(seed)
    losses = robot_policy.training(seed, net=net).fit(30)["loss"]
    assert losses[-1] < 0.01 * losses[0]
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
