"""Adam on the Rosenbrock valley, S6: it reaches the outcome that it is there for, and agrees with PyTorch number by number."""

import numpy as np
import pytest

from autograd_mini import cli
from autograd_mini.gallery import rosenbrock, story
from tests.helpers.peers import torch


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
    points = rosenbrock.descend(rosenbrock.training(0))
    assert points.shape == (201, 2)
    np.testing.assert_allclose(points, by_torch(np.ones(200)), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(points[-1], [1, 1], atol=1e-3)


@pytest.mark.parametrize("seed", range(5))
def test_s6_the_stochastic_descent_ends_in_the_valley(seed):
    """S6: with f times U(0.5, 1.5) at each call it ends with f < 0.05; it is PyTorch's on the same draws, to 1e-11 relative."""
    points, scales = (
        rosenbrock.descend(rosenbrock.training(seed, 0.5)),
        np.random.default_rng(seed).uniform(0.5, 1.5, 200),
    )
    assert rosenbrock.f(points[-1]) < 0.05
    assert np.max(np.abs(points - rosenbrock.descend(rosenbrock.training(0)))) > 1e-3  # it is noisy
    np.testing.assert_allclose(points, by_torch(scales), rtol=1e-11, atol=1e-14)


def test_s6_the_hand_written_adam_differs_by_the_line_too_many():
    """S6: by hand, without `x -= 0.1 * v`, it is the same to 1e-11; with it, it is not, and the audit knows no such rule."""
    script = story.story("rosenbrock")[1]
    less = script.replace("    x -= 0.1 * v\n", "")
    plain = rosenbrock.descend(rosenbrock.training(0))
    np.testing.assert_allclose(rosenbrock.by_hand(less), plain, rtol=1e-11, atol=1e-14)
    assert np.max(np.abs(rosenbrock.by_hand(script) - plain)) > 1e-2
    assert "is none that is known" in str(story.asked(script))
    assert "nothing is wrong" in str(story.asked(less))


def test_s6_the_program_prints_the_descents(capsys):
    """S6: a row for each descent."""
    assert cli.main(["gallery", "rosenbrock"]) == 0
    rows = [line[3:28].strip() for line in capsys.readouterr().out.splitlines() if line.count("e-") == 5]
    assert rows == ["plain", "by hand, as posted", "by hand, a line less", "with noise"]
