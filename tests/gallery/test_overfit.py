"""Ten images to overfit, S2: it reaches the outcome that it is there for, and agrees with PyTorch number by number."""

from functools import partial

import numpy as np
import pytest

import autograd_mini as ag
from autograd_mini.gallery import overfit, story
from tests.gallery.helpers import leaf
from tests.helpers import numbers
from tests.helpers.peers import torch

close = partial(numbers.close, floor=2e-4)


def torch_overfit(X, y, params):
    """The recipe in PyTorch: every node by its name."""
    W1, b1, W2, b2 = params
    z1 = torch.tensor(X) @ W1 + b1
    a1 = torch.relu(z1)
    z2 = a1 @ W2 + b2
    p = torch.sigmoid(z2)
    t = torch.tensor(y)
    nodes = {
        "z1": z1,
        "a1": a1,
        "z2": z2,
        "p": p,
        "loss": -(t * torch.log(p) + (1 - t) * torch.log(1 - p)).mean(),
    }
    for node in nodes.values():
        node.retain_grad()
    return nodes


@pytest.mark.parametrize("centred", [False, True], ids=["posted", "centred"])
@pytest.mark.parametrize("seed", [0, 1])
def test_s2_every_gradient_is_pytorchs(seed, centred):
    """S2: in the first four steps the gradient of every parameter and every node between is PyTorch's to 1e-10 relative, each number."""
    how = overfit.training(seed, "[0, 1] − mean" if centred else "[0, 1]")
    X, y, (first, last) = how.X, how.y, how.model.layers
    params = how.model.parameters()
    assert [w.shape for w in params] == [(12288, 64), (64,), (64, 1), (1,)]
    sgd = ag.optim.SGD(params, lr=0.1)
    for step in range(4):
        theirs = [leaf(w.data) for w in params]
        right = torch_overfit(X, y, theirs)
        a1 = ag.relu(z1 := first(X))
        p = ag.sigmoid(z2 := last(a1))
        ours = {"z1": z1, "a1": a1, "z2": z2, "p": p, "loss": overfit.cost(p, y)}
        sgd.zero_grad()
        ours["loss"].backward()
        right["loss"].backward()
        for name, node in ours.items():
            close(node.grad, right[name].grad, 1e-10, name=f"step {step}, {name}")
        for i, (w, their) in enumerate(zip(params, theirs, strict=True)):
            close(w.grad, their.grad, 1e-10, name=f"step {step}, parameter {i}")
        sgd.step()


def test_s2_the_images_are_images():
    """S2: ten images of 64×64×3 numbers in [0, 1], no two alike, coloured, of which half are odd digits."""
    X, y = overfit.images(0)
    assert X.shape == (10, 12288)
    assert X.min() >= 0
    assert X.max() <= 1
    assert y.ravel().tolist() == [0, 1] * 5
    assert np.min([np.abs(a - b).max() for i, a in enumerate(X) for b in X[:i]]) > 0.1
    assert np.ptp(X.reshape(10, -1, 3), axis=2).max(axis=1).min() > 0.05


def test_s2_the_posted_gradient_of_the_first_layer_alone_is_wrong(capsys):
    """S2: the script's dW1 is exactly ten times PyTorch's, the other three are PyTorch's (1e-10 relative); the audit says so."""
    n = {}
    exec(story.story("overfit")[1].replace("range(100)", "range(1)"), n)
    before = [
        n["W1"] + 0.1 * n["dW1"],
        n["b1"] + 0.1 * n["db1"],
        n["W2"] + 0.1 * n["dW2"],
        n["b2"] + 0.1 * n["db2"],
    ]
    W1, b1, W2, b2 = theirs = [leaf(w) for w in before]
    torch_overfit(n["X"].T, n["Y"][:, None], [W1.T, b1.T, W2.T, b2.T])["loss"].backward()
    for factor, name, w in zip((10, 1, 1, 1), ("dW1", "db1", "dW2", "db2"), theirs, strict=True):
        np.testing.assert_allclose(n[name], factor * w.grad.numpy(), rtol=1e-10, atol=1e-15)
    assert "✗ dW1, db1" in str(story.audited(story.story("overfit")[1]))
    assert "nothing is wrong" in capsys.readouterr().out


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_s2_posted_recipe_ends_near_the_entropy_of_its_labels(seed):
    """S2: pixels in [0, 1]. The loss rises far above its first value, most units are 0 for every image in 20 steps, and it ends at ln 2."""
    losses, dead, _ = overfit.learn(overfit.training(seed, "[0, 1]"))
    assert max(losses[:50]) > 1.05 * losses[0]
    assert dead[0] < 32 < dead[20]
    assert dead[-1] > 56
    assert abs(losses[-1] - np.log(2)) < 0.05
    assert abs(losses[-1] - losses[-2]) < 1e-6


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_s2_pixels_up_to_255_give_nan_at_the_second_step_from_log_0(seed):
    """S2: pixels in [0, 255]. The second loss is NaN, here and in PyTorch, and the first node that is not finite is the log of a 0."""
    how = overfit.training(seed, "[0, 255]")
    before, X, y = [w.data for w in how.model.parameters()], how.X, how.y
    losses, _, raised = overfit.learn(how)
    assert len(losses) == 1
    assert np.isfinite(losses[0])
    assert raised.startswith("ag.debug: 'log' in overfit.py")
    assert "on operands from 0 to " in raised
    theirs = [leaf(w) for w in before]
    torch_overfit(X, y, theirs)["loss"].backward()
    with torch.no_grad():
        theirs = [w - 0.1 * w.grad for w in theirs]
    assert torch.isnan(torch_overfit(X, y, [w.requires_grad_() for w in theirs])["loss"])


@pytest.mark.parametrize("seed", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_s2_centred_images_are_learnt(seed):
    """S2: pixels minus their mean. The loss falls below 0.01, and none is above the first; hardly a unit dies."""
    losses, dead, _ = overfit.learn(overfit.training(seed))
    assert losses[-1] < 0.01
    assert max(losses) == losses[0]
    assert max(dead) < 8


@pytest.mark.slow
def test_s2_runs_from_the_command_line(capsys):
    """S2: the entry prints the three runs, and names the log."""
    story.tell("overfit")
    out = capsys.readouterr().out
    assert "✗ dW1, db1" in out
    assert "ag.doctor: Your ReLU units die in the first steps" in out
    assert "because all inputs are ≥ 0" in out
    assert "ag.debug: 'log' in overfit.py, line" in out
    assert "log of a sigmoid that has saturated" in out
    assert out.count("of 64\n") > 12
