"""Files as a version of this package writes them, and what they hold, in plain JSON.

`python tests/io/make_fixtures.py FOLDER` writes them. Those in `fixtures` are of version 1 of the format: they load to the bit
for ever, so they are never made anew. A new version of the format gets a folder of its own.
"""

import json
import pathlib
import sys

import numpy as np

import autograd_mini as ag


def plain(state):
    """The state in what JSON has: arrays as dtype, shape and the bytes of their elements in C order, floats in hexadecimal."""
    if isinstance(state, dict):
        return {"dict": {key: plain(part) for key, part in state.items()}}
    if isinstance(state, list | tuple):
        return {type(state).__name__: [plain(part) for part in state]}
    if isinstance(state, np.ndarray | np.generic):
        kind = "array" if isinstance(state, np.ndarray) else "scalar"
        return {kind: [state.dtype.str, list(state.shape), state.tobytes().hex()]}
    if isinstance(state, float):
        return {"float": state.hex()}
    return state


def trained(make, dtype):
    """A network, its optimiser and what is beside them in a checkpoint, after three steps."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(8, 2)).astype(dtype), rng.normal(size=(8, 1)).astype(dtype)
    net = ag.nn.MLP([2, 3, 1], rng=0, dtype=dtype)
    optimiser = make(net.parameters())
    schedule = ag.optim.StepLR(optimiser, 2)
    losses = []
    for _ in range(3):
        optimiser.zero_grad()
        loss = ag.nn.mse(net(X), y)
        loss.backward()
        optimiser.step()
        schedule.step()
        losses.append(loss.item())
    beside = {"epoch": 3, "losses": losses, "rng": rng.bit_generator.state}
    return {"net": net, "optimiser": optimiser, "schedule": schedule, **beside}


def everything():
    """Each dtype, byte order, layout and kind of number; keys that are no names of files."""
    rng = np.random.default_rng(1)
    state = {}
    for dtype in ("?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"):
        size = np.dtype(dtype).itemsize
        raw = rng.integers(0, 2 if dtype == "?" else 256, 6 * size, dtype=np.uint8)
        for order in "<>":
            array = raw.view(np.dtype(dtype).newbyteorder(order)).reshape(2, 3)
            state[f"{order}{dtype}"] = array
            state[f"{order}{dtype} in Fortran's order"] = np.asfortranarray(array)
            state[f"{order}{dtype} of no axis"] = array[0, 0].reshape(())
            state[f"{order}{dtype} empty"] = array[:, :0]
            state[f"{order}{dtype} number"] = array[0, 0]
    return state | {
        "strided": np.arange(12.0)[::-2], "edges": np.array([np.nan, np.inf, -np.inf, -0.0, 5e-324]),
        "a/b": np.ones(2), "../../x": np.arange(3), "": np.zeros(1), "/abs": np.ones(1), "x.npy": np.ones(3),
        "a": {"b": np.zeros(1)}, "a.b": np.ones(2), "array_0": np.ones(4), "ä β \n\"'\\ \ud800": np.arange(2.0),
        "__autograd_mini__": np.ones(6), "__metadata__": np.zeros(7), "file": np.ones(1), "allow_pickle": np.ones(1),
        "parts": [np.ones(2), [np.zeros((2, 1))]], "betas": (0.9, 0.999), "flags": [True, False, None], "name": "mein \u2028 Netz",
        "numbers": [0.5, float("inf"), -float("inf"), float("nan"), -0.0, 1e-320, 3, 2**127 + 1], "nothing": {}, "none": [],
    }  # fmt: skip


def states():
    """What the files hold, by their names."""
    optim = ag.optim
    sgd = trained(lambda p: optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01), "f8")
    return {
        "model": sgd["net"],
        "model32": trained(lambda p: optim.SGD(p, lr=0.1), "f4")["net"],
        "sgd": sgd,
        "adam": trained(lambda p: optim.Adam(p, lr=0.01, amsgrad=True), "f8"),
        "adam32": trained(lambda p: optim.Adam(p, lr=0.01), "f4"),
        "rmsprop": trained(lambda p: optim.RMSprop(p, lr=0.01, momentum=0.5, centered=True), "f8"),
        "everything": everything(),
        "empty": {},
    }


def main():
    folder = pathlib.Path(sys.argv[1])
    for name, state in states().items():
        for kind in ("npz", "safetensors"):
            ag.save(state, folder / f"{name}.{kind}")
        parts = state.state_dict() if hasattr(state, "state_dict") else state
        held = {
            key: part.state_dict() if hasattr(part, "state_dict") else part for key, part in parts.items()
        }
        (folder / f"{name}.json").write_text(json.dumps(plain(held), separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
