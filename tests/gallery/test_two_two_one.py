"""The 2-2-1 network by hand, S10: it reaches the outcome that it is there for, and agrees with PyTorch number by number."""

from functools import partial

import numpy as np
import pytest

import autograd_mini as ag
from autograd_mini.gallery import story, two_two_one
from tests.gallery.helpers import leaves
from tests.helpers.numbers import close as close_to
from tests.helpers.peers import torch

close = partial(close_to, rtol=1e-12, floor=0.0)


def by_hand():
    """The results of the script's first step."""
    n = {}
    exec(story.story("two-two-one")[1].replace("100", "1"), n)
    return {"y": n["y"], "loss": n["loss"], "dW2": n["d_W2"], "dW1": n["d_W1"], "W1 − dW1": n["W1"]}


@pytest.mark.parametrize("way", [by_hand, two_two_one.by_engine], ids=["by hand", "engine"])
def test_s10_every_known_number_comes_out(way):
    """S10: y, the loss, dW2, dW1 and W1 − dW1 to the digits that the document prints."""
    known = {
        "y": (0.69028349, 5e-9),
        "loss": (0.01810390, 5e-9),
        "dW2": ([[0.02767403], [0.02700164]], 5e-9),
        "dW1": ([[0.000929, 0.002860], [0.002389, 0.007354]], 5e-7),
        "W1 − dW1": ([[0.099071, 0.397140], [0.797611, 0.592646]], 5e-7),
    }
    results = way()
    assert list(results) == list(known)
    for name, (numbers, half_a_digit) in known.items():
        np.testing.assert_allclose(
            np.asarray(results[name]),
            np.broadcast_to(numbers, results[name].shape),
            rtol=0,
            atol=half_a_digit,
        )


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
def test_s10_the_same_numpy_forward_runs_on_tensors_and_is_pytorchs():
    """S10: the one forward pass gives matrices of matrices, and Tensors of Tensors; the gradients are PyTorch's to 1e-12 relative."""
    x, W1, W2 = np.matrix(two_two_one.A0), np.matrix(two_two_one.W1), two_two_one.W2
    plain, nodes = two_two_one.forward(x, W1, W2), two_two_one.forward(x, ag.Tensor(W1), ag.Tensor(W2))
    assert [type(y) for y in plain] == [np.matrix] * 4
    assert [type(y) for y in nodes] == [ag.Tensor] * 4
    for array, node in zip(plain, nodes, strict=True):
        close(node.data, np.asarray(array), rtol=1e-15)

    W1, W2 = leaves([two_two_one.W1, two_two_one.W2])
    y = torch.sigmoid(torch.sigmoid(torch.tensor([[0.35, 0.9]], dtype=torch.float64) @ W1) @ W2)
    (0.5 * (y - 0.5) ** 2).sum().backward()
    ours = two_two_one.by_engine()
    close(ours["dW1"], W1.grad.numpy())
    close(ours["dW2"], W2.grad.numpy())


def test_s10_prints_and_draws(capsys, tmp_path):
    """S10: the program prints every result twice and draws the descent, which starts at the known loss and only falls."""
    pytest.importorskip("matplotlib")
    story.tell("two-two-one", plot=str(tmp_path / "loss.svg"))
    text = capsys.readouterr().out
    for number in (
        "0.69028349",
        "0.01810390",
        "0.02767403",
        "0.02700164",
        "0.000929",
        "0.007354",
        "0.592646",
    ):
        assert text.count(number) == 2
    assert "nothing is wrong" in text
    assert (tmp_path / "loss.svg").stat().st_size > 1000
    losses = two_two_one.training(0).fit(100)["loss"]
    assert losses == sorted(losses, reverse=True)
    assert abs(losses[0] - 0.01810390) < 5e-9
    assert losses[-1] < 1e-4
