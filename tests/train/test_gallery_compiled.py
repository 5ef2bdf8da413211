"""Every system of the gallery, trained by ag.fit: the same history with and without compiling."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_mini as ag
from autograd_mini import gallery
from autograd_mini.gallery import (
    digits_per_sample,
    digits_softmax_sse,
    dynamic_network,
    input_derivatives,
    maximise_input,
    overfit,
    robot_policy,
    rosenbrock,
    two_two_one,
    xor,
    xor_minimal,
    xor_no_bias,
)  # fmt: skip

SGD, Adam, AdamW = ag.optim.SGD, ag.optim.Adam, ag.optim.AdamW
NOTHING = np.zeros((1, 1))  # where the system's data are in its own code


def itself(prediction: Any) -> Any:
    return prediction


def tensors(arrays: Any) -> list[Any]:
    return [ag.Tensor(array) for array in arrays]


def own(weights: Any, model: Callable[..., Any], lr: float = 0.1) -> dict[str, Any]:
    """A system that computes its loss from its own data."""
    return {
        "model": lambda _: model(*weights),
        "X": NOTHING,
        "loss": itself,
        "optimizer": SGD(weights, lr=lr),
    }


def of_xor() -> dict[str, Any]:
    """Its forward packs the sample into an array with the bias unit, which cannot be replayed: here it is concatenated."""
    thetas = tensors(xor.start(0))

    def model(x: Any) -> Any:
        for theta in thetas:
            x = ag.sigmoid(ag.concatenate([np.ones((1, 1)), x], axis=1) @ theta)
        return x

    return {
        "model": model, "loss": lambda l3, y: xor.cross_entropy(l3, y[0]), "X": xor.INPUTS, "y": xor.LABELS,
        "batch_size": 1, "optimizer": SGD(thetas, lr=0.1),
    }  # fmt: skip


def of_overfit() -> dict[str, Any]:
    (X, y), model = overfit.images(0), overfit.network(0)
    sgd = SGD(model.parameters(), lr=0.01)
    return {"model": model, "X": X, "y": y, "loss": ag.nn.binary_cross_entropy, "optimizer": sgd, "epochs": 4}


def of_digits_softmax_sse() -> dict[str, Any]:
    rng, weights = np.random.default_rng(0), digits_softmax_sse.start(20, 0)
    X, T = rng.random((40, 20)), np.eye(10)[rng.integers(0, 10, 40)]
    return {
        "model": lambda X: digits_softmax_sse.forward(X, *weights), "X": X, "y": T, "loss": ag.nn.half_sse, "batch_size": 8,
        "optimizer": SGD(weights, lr=0.05, momentum=0.9), "metrics": {"accuracy": digits_softmax_sse.accuracy},
        "validation": 0.2,
    }  # fmt: skip


def of_robot_policy() -> dict[str, Any]:
    net = robot_policy.policy(0)
    adam = AdamW(net.parameters(), lr=0.005, weight_decay=0.01)
    model = lambda ball: robot_policy.act(net, ball)[1]  # noqa: E731
    return {"model": model, "X": robot_policy.places(0, 8), "loss": itself, "optimizer": adam, "epochs": 4}


def of_rosenbrock() -> dict[str, Any]:
    x = ag.Tensor(rosenbrock.START)
    return {**own([x], rosenbrock.f), "optimizer": Adam([x], lr=rosenbrock.LR)}


def of_digits_per_sample() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    net = digits_per_sample.network(64, 0, np.float32)
    return {
        "model": net, "X": rng.random((30, 64), np.float32), "y": rng.integers(0, 10, 30), "loss": ag.nn.cross_entropy,
        "batch_size": 1, "optimizer": SGD(net.parameters(), lr=0.1), "metrics": "accuracy", "validation": 0.2,
    }  # fmt: skip


def of_maximise_input() -> dict[str, Any]:
    thetas = tensors(np.random.default_rng(0).random(shape) for shape in ((3, 3), (4, 1)))
    return {
        "model": lambda x: maximise_input.network(x[0], thetas), "loss": lambda p, y: ((p - y) ** 2).sum(),
        "X": maximise_input.INPUTS, "y": maximise_input.TARGETS, "batch_size": 1, "optimizer": SGD(thetas, lr=0.1),
    }  # fmt: skip


def of_two_two_one() -> dict[str, Any]:
    weights = tensors([two_two_one.W1, two_two_one.W2])
    return {
        "model": lambda A0: two_two_one.forward(A0, *weights)[-1], "loss": two_two_one.half_square,
        "X": two_two_one.A0, "optimizer": SGD(weights, lr=1.0),
    }  # fmt: skip


def of_dynamic_network() -> dict[str, Any]:
    net = dynamic_network.Model(dynamic_network.X, 0, 1e-3)
    net.add(3, "sigmoid")
    net.add(1, "tanh")
    sgd = SGD(net.parameters(), lr=0.05, momentum=0.9)
    return {"model": net, "X": dynamic_network.X, "y": dynamic_network.Y, "loss": ag.nn.mse, "optimizer": sgd}


def of_input_derivatives() -> dict[str, Any]:
    X, known = input_derivatives.data(0, 12)
    weights = tensors(input_derivatives.layers([2, 4, 1], np.random.default_rng(0).standard_normal))

    def model(*weights: Any) -> Any:
        return ag.mean(input_derivatives.misses(list(weights), X, known, graph=True) ** 2)

    return {**own(weights, model), "optimizer": Adam(weights, lr=0.03)}


def of_oscillator() -> dict[str, Any]:
    """Its residuals with a graph: in fit nothing around them is a transformation, so ag.derivative would give plain numbers."""
    net, times = ag.nn.MLP([1, 4, 1], activation="tanh", rng=0), np.linspace(0.0, 6.0, 8)[:, None]

    def model(*_: Any) -> Any:
        t = ag.Tensor(times)
        u = net(t)
        slope = ag.gradients(u.sum(), t, create_graph=True)
        again = ag.gradients(slope.sum(), t, create_graph=True)
        return ag.mean(ag.square(again + u)) + ag.square(u[0, 0]) + ag.square(slope[0, 0] - 1.0)

    return own([*net.parameters()], model, lr=1e-3)


SYSTEMS: dict[str, Callable[[], dict[str, Any]]] = {
    "xor": of_xor,
    "overfit": of_overfit,
    "xor-minimal": lambda: own(tensors(xor_minimal.start(0)), lambda *P: ag.nn.half_sse(xor_minimal.forward(*P), xor_minimal.TARGETS)),
    "digits-softmax-sse": of_digits_softmax_sse,
    "robot-policy": of_robot_policy,
    "rosenbrock": of_rosenbrock,
    "digits-per-sample": of_digits_per_sample,
    "xor-no-bias": lambda: own(tensors(xor_no_bias.start(0)), lambda *P: xor_no_bias.forward(*P)[1], lr=0.3),
    "maximise-input": of_maximise_input,
    "two-two-one": of_two_two_one,
    "dynamic-network": of_dynamic_network,
    "input-derivatives": of_input_derivatives,
    "oscillator": of_oscillator,
}  # fmt: skip
REPLAYED = {"digits-per-sample", "overfit"}  # by "auto": networks and losses of this library's alone


def trained(name: str, compile: Any) -> Any:
    system = {"y": None, "epochs": 12, **SYSTEMS[name]()}
    with np.errstate(all="ignore"):
        return ag.fit(
            system.pop("model"),
            system.pop("X"),
            system.pop("y"),
            rng=3,
            progress="none",
            compile=compile,
            **system,
        )


def test_every_entry_of_the_gallery_is_here():
    assert set(SYSTEMS) == set(gallery.ENTRIES)


@pytest.mark.parametrize("name", SYSTEMS)
@pytest.mark.filterwarnings("ignore:fit")
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
