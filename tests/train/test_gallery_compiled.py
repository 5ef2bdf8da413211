"""Every system of the gallery, trained by ag.fit: the same history with and without compiling."""

from typing import Any

import numpy as np
import pytest

import autograd_mini as ag
from autograd_mini.gallery import ENTRIES
from autograd_mini.gallery.story import Training, program

ROWS = EPOCHS = 12
REPLAYED = {"digits-per-sample", "maximise-input"}  # by "auto": networks and losses of this library's alone


def of_oscillator(seed: int) -> Training:
    """Its residuals with a graph: in fit nothing around them is a transformation, so ag.derivative would give plain numbers."""
    net, times = ag.nn.MLP([1, 4, 1], activation="tanh", rng=seed), np.linspace(0.0, 6.0, 8)[:, None]

    def model(*_: Any) -> Any:
        t = ag.Tensor(times)
        u = net(t)
        slope = ag.gradients(u.sum(), t, create_graph=True)
        again = ag.gradients(slope.sum(), t, create_graph=True)
        return ag.mean(ag.square(again + u)) + ag.square(u[0, 0]) + ag.square(slope[0, 0] - 1.0)

    return Training(model, times, None, ag.positive, ag.optim.SGD(net.parameters(), lr=1e-3))


def trained(name: str, compile: Any) -> Any:
    how = of_oscillator(0) if name == "oscillator" else program(name).training(0)
    if how.y is not None:
        how.X, how.y = how.X[:ROWS], how.y[:ROWS]
    with np.errstate(all="ignore"):
        return how.fit(EPOCHS, compile=compile, progress="none")


@pytest.mark.parametrize("name", ENTRIES)
def test_the_history_is_the_same_with_and_without_compiling(name):
    """To the bit as fit chooses by itself, and to 1e-9 where compiling is asked for."""
    eager, auto, asked = (trained(name, compile) for compile in (False, "auto", True))
    assert dict(auto) == dict(eager)
    assert auto.engine.startswith("numpy: ") is (name in REPLAYED), auto.engine
    assert "recorded once and replayed" in asked.engine
    assert len(eager["loss"]) > 1
    assert eager["loss"][-1] != eager["loss"][0]
    for column, numbers in asked.items():
        rtol = 1e-9 if name != "digits-per-sample" else 2e-5
        np.testing.assert_allclose(numbers, eager[column], rtol=rtol, err_msg=column)
