"""Files that a version of this package wrote load to the bit for ever."""

import json
import pathlib

import numpy as np
import pytest

import autograd_mini as ag

FIXTURES = pathlib.Path(__file__).with_name("fixtures")
NAMES = ["model", "model32", "sgd", "adam", "adam32", "rmsprop", "everything", "empty"]
FORMATS = pytest.mark.parametrize("kind", ["npz", "safetensors"])
OPTIMISERS = {
    "sgd": lambda p: ag.optim.SGD(p, lr=1.0, momentum=0.5),
    "adam": lambda p: ag.optim.Adam(p, lr=1.0, amsgrad=True),
    "adam32": lambda p: ag.optim.Adam(p, lr=1.0),
    "rmsprop": lambda p: ag.optim.RMSprop(p, lr=1.0, momentum=0.5, centered=True),
}


def fixture(name, kind):
    """What loads from a file of long ago."""
    if kind == "safetensors":
        pytest.importorskip("safetensors")
    return ag.load(FIXTURES / f"{name}.{kind}")


def held(name):
    """What the file was made from, as JSON."""
    return json.loads((FIXTURES / f"{name}.json").read_text())


def check(found, expected, where="state"):
    """The loaded state is what the JSON says: structure, order, types and bits."""
    if not isinstance(expected, dict):
        assert type(found) is type(expected), where
        assert found == expected, where
        return
    ((kind, content),) = expected.items()
    match kind:
        case "dict":
            assert type(found) is dict, where
            assert list(found) == list(content), where
            for key in found:
                check(found[key], content[key], f"{where}[{key!r}]")
        case "list" | "tuple":
            assert type(found).__name__ == kind, where
            assert len(found) == len(content), where
            for i, part in enumerate(found):
                check(part, content[i], f"{where}[{i}]")
        case "float":
            assert type(found) is float, where
            assert found.hex() == content, where
        case _:
            dtype, shape, raw = content
            assert isinstance(found, np.ndarray if kind == "array" else np.generic), where
            assert (found.dtype.str, found.shape) == (dtype, tuple(shape)), where
            assert found.tobytes().hex() == raw, where


@FORMATS
@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_long_ago_loads_to_the_bit(name, kind):
    """Models, checkpoints with optimiser, schedule and generator, and a state with something of everything."""
    check(fixture(name, kind), held(name))


def test_the_check_sees_another_bit_order_or_type():
    """Each of these differs from what the JSON says."""
    check({"w": np.ones(1)}, {"dict": {"w": {"array": ["<f8", [1], "000000000000f03f"]}}})
    for state in (
        {"w": np.ones(1, "f4")},
        {"w": np.ones((1, 1))},
        {"w": np.float64(1.0)},
        {"w": -np.ones(1)},
        {},
    ):
        with pytest.raises(AssertionError):
            check(state, {"dict": {"w": {"array": ["<f8", [1], "000000000000f03f"]}}})
    for value in (-0.0, 0, None, [0.0], {"float": 0.0}):
        with pytest.raises(AssertionError):
            check(value, {"float": "0x0.0p+0"})
    for value in ((1,), [True], [1, 2]):
        with pytest.raises(AssertionError):
            check(value, {"list": [1]})


@FORMATS
@pytest.mark.parametrize("name", OPTIMISERS)
def test_a_checkpoint_of_long_ago_is_taken_up(name, kind):
    """The network, its optimiser, the schedule and the generator take their parts, and hold them afterwards."""
    state = fixture(name, kind)
    net = ag.nn.MLP([2, 3, 1], rng=9, dtype="f4" if "32" in name else "f8")
    assert net.load_state_dict(fixture("model32" if "32" in name else "model", kind)) == ([], [])
    assert net.load_state_dict(state["net"]) == ([], [])
    optimiser = OPTIMISERS[name](net.parameters())
    schedule = ag.optim.StepLR(optimiser, 2)
    optimiser.load_state_dict(state["optimiser"])
    schedule.load_state_dict(state["schedule"])
    rng = np.random.default_rng(0)
    rng.bit_generator.state = state["rng"]
    expected = held(name)["dict"]
    check(optimiser.state_dict()["state"], expected["optimiser"]["dict"]["state"])
    check(schedule.state_dict(), expected["schedule"])
    check(rng.bit_generator.state, expected["rng"])
    check(net.state_dict(), expected["net"])
