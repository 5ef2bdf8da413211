"""Files of weights: what is saved comes back bit for bit, a save is whole or not at all, and no damaged or hostile file is believed."""

import contextlib
import errno
import functools
import io
import itertools
import json
import math
import os
import pickle
import random
import stat
import struct
import sys
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest

import autograd_mini as ag
from autograd_mini import DTypeError, GraphError, SerializationError, nn, optim
from autograd_mini import io as files
from autograd_mini.io import load, save
from autograd_mini.support import files as writing

safetensors = pytest.importorskip("safetensors")
tensors = pytest.importorskip("safetensors.numpy")

KINDS = ["npz", "safetensors"]
FORMATS = pytest.mark.parametrize("kind", KINDS)
DTYPES = ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"]


@pytest.fixture(autouse=True)
def no_pickle(monkeypatch):
    """Nothing here may unpickle."""

    def refuse(*args, **kwargs):
        raise AssertionError("pickle was called")

    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, refuse)


def same(a, b):
    """Whether two states are equal in structure, type and every bit."""
    if isinstance(a, dict):
        return type(b) is dict and list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, np.ndarray | np.generic):
        return type(a) is type(b) and a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, float):
        return (
            type(b) is float
            and (a == b or (a != a and b != b))
            and math.copysign(1, a) == math.copysign(1, b)
        )
    return type(a) is type(b) and a == b


def example():
    """A state with something of everything."""
    rng = np.random.default_rng(0)
    return {
        "model": {"layers.0.weight": rng.normal(size=(3, 4)), "layers.0.bias": np.float32(rng.normal(size=4)), "scale": np.array(2.5)},
        "mask": np.array([True, False, True]), "empty": np.zeros((0, 3)), "count": np.arange(5, dtype="u2"),
        "odd": {"a/b": np.ones(2), "../../x": np.arange(3), "": np.zeros(1), "/abs": np.ones(1), "x.npy": np.ones(3)},
        "ä β \n\"'\\ \ud800": np.arange(2.0), "parts": [np.ones(2), [np.zeros((2, 1))]],
        "epoch": 3, "loss": [0.5, float("inf"), -float("inf"), float("nan"), -0.0, 1e-320], "seed": 2**127 + 1, "name": "mein \u2028 Netz",
        "flags": [True, False, None], "betas": (0.9, 0.999), "step": np.int64(7), "lr": np.float32(0.1),
        "nothing": {}, "none": [],
    }  # fmt: skip


def written(tmp_path, kind, state=None):
    """A file of a state, as a path and as bytes."""
    path = tmp_path / f"net.{kind}"
    save(example() if state is None else state, path)
    return path, path.read_bytes()


def refused(path, content, match=None):
    """The file is refused with SerializationError, which is a ValueError and names the file."""
    path.write_bytes(content)
    with pytest.raises(SerializationError, match=match) as caught:
        load(path)
    assert isinstance(caught.value, ValueError)
    assert path.name in str(caught.value)
    assert path.read_bytes() == content


# ---- Round trips ------------------------------------------------------------------------------------------------------


@pytest.mark.smoke
@FORMATS
def test_everything_comes_back(tmp_path, kind):
    """Nested dicts, lists, tuples, numbers, NaN, None, NumPy scalars and odd keys are the same after save and load."""
    path, _ = written(tmp_path, kind)
    assert same(example(), load(path))
    assert same(example(), load(str(path)))
    assert os.listdir(tmp_path) == [path.name]


@FORMATS
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_keeps_its_bits(tmp_path, kind, dtype):
    """Random bits, NaN payloads and subnormals among them, in both byte orders and for 0-d, empty and 3-d shapes."""
    rng = np.random.default_rng(1)
    state = {}
    for order in "<>":
        for shape in ((), (0,), (2, 0, 3), (7,), (2, 3, 4)):
            array = rng.integers(
                0, 2 if dtype == "?" else 256, (*shape, np.dtype(dtype).itemsize), dtype=np.uint8
            )
            state[f"{order}{shape}"] = (
                array.reshape(-1).view(np.dtype(dtype).newbyteorder(order)).reshape(shape)
            )
    path, _ = written(tmp_path, kind, state)
    assert same(state, load(path))


@FORMATS
@pytest.mark.parametrize("dtype", ["<f8", ">f8", "<f4", ">i2"])
def test_every_layout_comes_back(tmp_path, kind, dtype):
    """F-order, transposed, strided, reversed, broadcast, read-only and unaligned arrays load equal, contiguous and writable."""
    array = np.arange(24, dtype=dtype).reshape(4, 6)
    frozen = array.copy()
    frozen.flags.writeable = False
    unaligned = np.frombuffer(b"x" + array.tobytes(), np.uint8)[1:].view(dtype)
    state = {
        "F": np.asfortranarray(array), "T": array.T, "strided": array[::2, ::3], "reversed": array[::-1, ::-1],
        "broadcast": np.broadcast_to(array[0], (3, 6)), "frozen": frozen, "unaligned": unaligned,
    }  # fmt: skip
    path, _ = written(tmp_path, kind, state)
    loaded = load(path)
    assert same(state, loaded)
    for part in loaded.values():
        assert part.flags.c_contiguous
        part[...] = 0


@FORMATS
def test_leaves_modules_and_optimisers_save_as_what_they_hold(tmp_path, kind):
    """A module saves its state_dict, alone or inside a dict; a leaf its data."""
    net = nn.MLP([2, 3, 1], rng=0)
    path, _ = written(tmp_path, kind, net)
    assert same(net.state_dict(), load(path))
    other = nn.MLP([2, 3, 1], rng=1)
    assert other.load_state_dict(load(path)) == ([], [])
    np.testing.assert_array_equal(other(np.ones((4, 2))).data, net(np.ones((4, 2))).data)
    adam = optim.Adam(net.parameters())
    save({"net": net, "adam": adam, "w": ag.Tensor([1.0, 2.0]), "v": ag.Value(3.0)}, path)
    assert same(
        {"net": net.state_dict(), "adam": adam.state_dict(), "w": np.array([1.0, 2.0]), "v": np.array(3.0)},
        load(path),
    )


@FORMATS
def test_the_state_of_a_generator_comes_back(tmp_path, kind):
    """A NumPy generator goes on with the same numbers: its state holds integers of 128 bits."""
    rng, other = np.random.default_rng(5), np.random.default_rng(6)
    path, _ = written(tmp_path, kind, rng.bit_generator.state)
    other.bit_generator.state = load(path)
    assert rng.random() == other.random()


@FORMATS
def test_names_that_would_collide_stay_apart(tmp_path, kind):
    """{'a': {'b': …}} and {'a.b': …}, names of the format itself, and names that the fallback would take."""
    state = {
        "a": {"b": np.zeros(1)},
        "a.b": np.ones(2),
        "array_1": np.zeros(3),
        "array_0": np.ones(4),
        "..": np.zeros(5),
    }
    state |= {
        "__autograd_mini__": np.ones(6),
        "__metadata__": np.zeros(7),
        "n" * 70_000: np.ones(8),
        "A.b": np.ones(9),
    }
    state |= {"é" * 150: np.ones(1)}
    path, _ = written(tmp_path, kind, state)
    assert same(state, load(path))


@FORMATS
def test_the_empty_state(tmp_path, kind):
    """{} comes back as {}."""
    path, _ = written(tmp_path, kind, {})
    assert load(path) == {}


@pytest.mark.parametrize("seed", range(20))
def test_random_nested_states_come_back(tmp_path, seed):
    """Random trees of random arrays and numbers with random keys are the same in both formats."""
    rng = random.Random(seed)

    def some(depth):
        pick = rng.randrange(9 if depth < 4 else 6)
        if pick >= 6:
            parts = [some(depth + 1) for _ in range(rng.randrange(4))]
            keys = ["".join(rng.choices('ab./\\é\0 _"{', k=rng.randrange(5))) for _ in parts]
            return dict(zip(keys, parts, strict=True)) if pick == 6 else parts if pick == 7 else tuple(parts)
        shape = tuple(rng.choices(range(4), k=rng.randrange(4)))
        array = np.random.default_rng(rng.randrange(10**9)).integers(0, 2, shape).astype(rng.choice(DTYPES))
        return [rng.random(), rng.getrandbits(80), None, "x" * rng.randrange(3), rng.random() < 0.5, array][
            pick
        ]

    state = {"state": [some(0) for _ in range(8)]}
    for kind in KINDS:
        path, _ = written(tmp_path, kind, state)
        assert same(state, load(path))


def test_torch_reads_the_safetensors(tmp_path):
    """safetensors.torch reads the names of the state_dict and the same numbers; so does safetensors.numpy, as JAX's own reader does."""
    torch = pytest.importorskip("torch")
    from safetensors.torch import load_file

    net = nn.MLP([2, 3, 1], rng=0)
    layouts = {"F": np.asfortranarray(np.arange(6.0).reshape(2, 3)), "be": np.arange(3, dtype=">f4")}
    path, _ = written(tmp_path, "safetensors", {**net.state_dict(), **layouts})
    there, here = load_file(path), tensors.load_file(path)
    assert set(there) == set(here) == {*net.state_dict(), "F", "be"}
    for name, array in load(path).items():
        assert there[name].dtype == torch.float64 or name == "be"
        np.testing.assert_array_equal(there[name].numpy(), array)
        np.testing.assert_array_equal(here[name], array)


def test_numpy_reads_the_npz(tmp_path):
    """np.load without pickle reads the arrays by their names."""
    state = {"layers.0.weight": np.eye(2), "bias": np.ones(3)}
    path, _ = written(tmp_path, "npz", state)
    with np.load(path, allow_pickle=False) as archive:
        for name, array in state.items():
            np.testing.assert_array_equal(archive[name], array)


def test_files_of_other_programs_load_as_flat_dicts(tmp_path):
    """np.savez, safetensors.torch and safetensors.numpy, with metadata of their own."""
    state = {"w": np.asfortranarray(np.arange(6.0).reshape(2, 3)), "be": np.arange(3, dtype=">i4")}
    state |= {"a/b": np.array(True), "e": np.zeros((0, 2))}
    np.savez(tmp_path / "other.npz", **state)
    assert same(state, load(tmp_path / "other.npz"))
    np.savez(tmp_path / "positional.npz", np.ones(2))
    assert same({"arr_0": np.ones(2)}, load(tmp_path / "positional.npz"))
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    save_file(
        {"a/w": torch.ones(2, 3), "n": torch.tensor(4)},
        tmp_path / "other.safetensors",
        metadata={"format": "pt", "by": "torch"},
    )
    assert same(
        {"a/w": np.ones((2, 3), np.float32), "n": np.array(4)},
        dict(sorted(load(tmp_path / "other.safetensors").items())),
    )
    save_file({"w": torch.ones(2, dtype=torch.bfloat16)}, tmp_path / "half.safetensors")
    with pytest.raises(SerializationError, match="bfloat16"):
        load(tmp_path / "half.safetensors")


@FORMATS
def test_the_same_state_gives_the_same_bytes(tmp_path, kind):
    """A file holds no date and no chance, but for the digits of its checksum in their place."""
    _, first = written(tmp_path, kind)
    _, second = written(tmp_path, kind)
    assert first == second


@FORMATS
def test_training_goes_on_bit_for_bit(tmp_path, kind):
    """Save after 5 steps, load into a fresh network and optimiser, 5 steps more: the parameters are those of 10 steps, bit for bit."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(8, 2)), rng.normal(size=(8, 1))
    optimisers = {
        "sgd": lambda p: optim.SGD(p, lr=0.1, momentum=0.9), "adam": lambda p: optim.Adam(p, lr=0.01, amsgrad=True),
        "rmsprop": lambda p: optim.RMSprop(p, lr=0.01, momentum=0.5, centered=True),
    }  # fmt: skip

    def train(net, optimiser, steps):
        for _ in range(steps):
            optimiser.zero_grad()
            nn.mse(net(X), y).backward()
            optimiser.step()

    for name, make in optimisers.items():
        net = nn.MLP([2, 4, 1], rng=0)
        optimiser = make(net.parameters())
        train(net, optimiser, 5)
        path = tmp_path / f"{name}.{kind}"
        save({"net": net, "optimiser": optimiser}, path)
        train(net, optimiser, 5)
        other = nn.MLP([2, 4, 1], rng=9)
        resumed, state = make(other.parameters()), load(path)
        other.load_state_dict(state["net"])
        resumed.load_state_dict(state["optimiser"])
        train(other, resumed, 5)
        assert same(net.state_dict(), other.state_dict()), name
        assert same(optimiser.state_dict(), resumed.state_dict()), name


# ---- What cannot be saved ---------------------------------------------------------------------------------------------


def knot():
    """A dict in itself."""
    state = {}
    state["again"] = state
    return state


REFUSED = {
    "complex": (
        {"w": np.ones(2, complex)},
        DTypeError,
        r"state\['w'\] is of dtype complex128: pass .astype.*, or .real and .imag",
    ),
    "complex number": ({"w": 1j}, DTypeError, r"\.real and \.imag"),
    "objects": ({"w": np.array([None])}, DTypeError, "is of dtype object"),
    "longdouble": ({"w": np.ones(2, np.longdouble)}, DTypeError, "float64"),
    "expected a": ({"w": np.array(["a"])}, DTypeError, r"state\['w'\]"),
    "records": ({"w": np.zeros(2, [("a", "f8")])}, DTypeError, "astype"),
    "dates": ({"w": np.array(["2020-01-01"], "datetime64[D]")}, DTypeError, "astype"),
    "masked": ({"w": np.ma.array([1.0])}, DTypeError, "filled"),
    "interior node": (
        {"a": [ag.Value(2.0) * 3]},
        GraphError,
        r"state\['a'\]\[0\] is the result of 'mul.*detach",
    ),
    "key": ({"a": {1: 2.0}}, DTypeError, r"state\['a'\]: the key 1 is no str: write '1'"),
    "set": ({"a": {1.0}}, DTypeError, "set"),
    "bytes": ({"a": b"x"}, DTypeError, "bytes"),
    "function": ({"a": len}, DTypeError, "cannot be saved"),
    "class": ({"a": nn.MLP}, DTypeError, "cannot be saved"),
    "top level array": (np.ones(2), DTypeError, "a model or a dict is needed, got ndarray"),
    "top level list": ([np.ones(2)], DTypeError, "got list"),
    "top level tuple": ((1.0,), DTypeError, "got tuple"),
    "knot": (knot(), ValueError, "more than 64 deep"),
    "long int": ({"n": 1 << 50_000}, ValueError, "4300 digits"),
}


@FORMATS
@pytest.mark.parametrize(("state", "error", "match"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_saved_is_refused_before_a_file_is_touched(tmp_path, kind, state, error, match):
    """The error names the place in the state; the old file and the folder stay as they are."""
    path, old = written(tmp_path, kind)
    with pytest.raises(error, match=match):
        save(state, path)
    assert path.read_bytes() == old
    assert os.listdir(tmp_path) == [path.name]


def test_torch_tensors_are_refused_with_advice(tmp_path):
    """A torch module has a state_dict, too: its tensors are not NumPy's."""
    torch = pytest.importorskip("torch")
    with pytest.raises(DTypeError, match=r"x\.detach\(\)\.numpy\(\)"):
        save(torch.nn.Linear(2, 1), tmp_path / "net.npz")


@pytest.mark.parametrize("name", ["net", "net.pt", "net.npy", "net.npz.bak", "npz", ".npz"])
def test_another_suffix_is_refused(tmp_path, name):
    """Save and load say which suffixes there are."""
    for call in (lambda: save({}, tmp_path / name), lambda: load(tmp_path / name)):
        with pytest.raises(ValueError, match=r"must end in \.npz or \.safetensors"):
            call()
    assert os.listdir(tmp_path) == []


def test_without_the_package_one_line_says_what_to_install(tmp_path, monkeypatch):
    """Saving and loading .safetensors raise ImportError and write nothing; .npz needs no package."""
    path, old = written(tmp_path, "safetensors")
    for name in ("safetensors", "safetensors.numpy"):
        monkeypatch.setitem(sys.modules, name, None)
    for call in (lambda: save({}, path), lambda: load(path)):
        with pytest.raises(ImportError, match=r"pip install 'autograd-mini\[io\]'") as caught:
            call()
        assert "\n" not in str(caught.value)
    assert path.read_bytes() == old
    assert same(example(), load(written(tmp_path, "npz")[0]))


# ---- Whole or not at all ----------------------------------------------------------------------------------------------


class Failing:
    """A file that fails at its n-th write, after half of it."""

    def __init__(self, file, error, left):
        self.file, self.error, self.left = file, error, left

    def __getattr__(self, name):
        return getattr(self.file, name)

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.file.close()

    def write(self, data):
        self.left -= 1
        if self.left < 0:
            self.file.write(bytes(data)[: len(data) // 2])
            raise self.error
        return self.file.write(data)


FULL = OSError(errno.ENOSPC, "No space left on device")
STOPS = pytest.mark.parametrize(
    "error", [FULL, KeyboardInterrupt(), MemoryError()], ids=["disk full", "Ctrl-C", "memory"]
)


@FORMATS
@STOPS
@pytest.mark.parametrize("old", [True, False], ids=["over an old file", "new file"])
def test_a_write_that_fails_anywhere_leaves_the_old_file(tmp_path, monkeypatch, kind, error, old):
    """At every write in turn until a save succeeds: the error comes through, the old file is intact, nothing else is left."""
    path = tmp_path / f"net.{kind}"
    before = written(tmp_path, kind, {"w": np.zeros(3)})[1] if old else None
    for n in range(200):
        opened = functools.partial(lambda n, *a, **k: Failing(open(*a, **k), error, n), n)  # noqa: SIM115
        monkeypatch.setattr(writing, "open", opened, raising=False)
        try:
            save({"w": np.ones(3), "v": np.zeros(2)}, path)
        except type(error):
            assert (path.read_bytes() if path.exists() else None) == before
            assert os.listdir(tmp_path) == [path.name] * old
        else:
            break
    monkeypatch.undo()
    assert n >= 2
    assert same({"w": np.ones(3), "v": np.zeros(2)}, load(path))


@FORMATS
@STOPS
@pytest.mark.parametrize("call", ["replace", "fsync", "chmod"])
def test_a_system_call_that_fails_leaves_the_old_file(tmp_path, monkeypatch, kind, error, call):
    """os.replace, os.fsync and os.chmod."""
    path, old = written(tmp_path, kind)

    def fail(*args):
        raise error

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(type(error)):
        save({"w": np.ones(3)}, path)
    assert path.read_bytes() == old
    assert os.listdir(tmp_path) == [path.name]


@FORMATS
def test_the_new_file_is_flushed_before_it_is_renamed(tmp_path, monkeypatch, kind):
    """fsync of the whole content, then the rename, in the same folder."""
    calls, fsync, replace = [], os.fsync, os.replace
    monkeypatch.setattr(
        os, "fsync", lambda number: (calls.append(("fsync", os.fstat(number).st_size)), fsync(number))
    )
    monkeypatch.setattr(
        os, "replace", lambda a, b: (calls.append(("replace", os.path.dirname(a))), replace(a, b))
    )
    _, content = written(tmp_path, kind)
    assert calls[:2] == [("fsync", len(content)), ("replace", str(tmp_path))]


@FORMATS
def test_folders_that_cannot_be_written_give_OSError_with_the_users_name(tmp_path, monkeypatch, kind):
    """A missing folder, a read-only one, a folder in the file's place."""
    with pytest.raises(FileNotFoundError, match=f"net.{kind}"):
        save({}, tmp_path / "missing" / f"net.{kind}")
    (tmp_path / f"folder.{kind}").mkdir()
    with pytest.raises(OSError, match=f"folder.{kind}"):
        save({}, tmp_path / f"folder.{kind}")
    with pytest.raises(OSError, match=f"folder.{kind}"):
        load(tmp_path / f"folder.{kind}")
    with pytest.raises(FileNotFoundError):
        load(tmp_path / f"missing.{kind}")
    path, old = written(tmp_path, kind)

    def denied(name, *args):
        raise PermissionError(errno.EACCES, "Permission denied", name)

    monkeypatch.setattr(writing, "open", denied, raising=False)
    with pytest.raises(PermissionError, match=f"net.{kind}"):
        save({}, path)
    monkeypatch.undo()
    assert path.read_bytes() == old
    assert sorted(os.listdir(tmp_path)) == [f"folder.{kind}", path.name]


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_permissions_and_links_are_kept(tmp_path, monkeypatch):
    """A file keeps its mode, a new one has the mode that open gives, a link stays a link, a write-protected file is not replaced."""
    path, _ = written(tmp_path, "npz")
    (tmp_path / "plain").write_bytes(b"")
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)
    path.chmod(0o640)
    (tmp_path / "link.npz").symlink_to(path)
    save({"w": np.ones(1)}, tmp_path / "link.npz")
    assert (tmp_path / "link.npz").is_symlink()
    assert same({"w": np.ones(1)}, load(path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    monkeypatch.setattr(os, "access", lambda *a: False)
    with pytest.raises(PermissionError, match="write-protected"):
        save({}, path)
    assert same({"w": np.ones(1)}, load(path))


# ---- Damaged and hostile files ----------------------------------------------------------------------------------------


class Bomb:
    """What runs a program when it is unpickled."""

    def __reduce__(self):
        return os._exit, (3,)


def npz_of(members, comment=b"", method=zipfile.ZIP_STORED):
    """A zip of these members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.comment = comment
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return buffer.getvalue()


def npy_of(descr="'<f8'", shape="(2,)", data=bytes(16), order="False", size=None, version=b"\1\0"):
    """A member with this header."""
    text = f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY" + version + struct.pack("<H", len(text) if size is None else size) + text + data


def tensors_of(header, data=b"", size=None, pad=b""):
    """A .safetensors with this header."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    text += pad
    return struct.pack("<Q", len(text) if size is None else size) + text + data


def entry(dtype="F64", shape=(2,), offsets=(0, 16)):
    """An entry of a header."""
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


ANY_FILE = {
    "empty": (b"", None),
    "one byte": (b"P", None),
    "pickle 0": (pickle.dumps(Bomb(), 0), None),
    "pickle 2": (pickle.dumps(Bomb(), 2), "pickle"),
    "pickle 4": (pickle.dumps(Bomb(), 4), "pickle"),
    "pickle 5": (pickle.dumps({"w": np.ones(100)}, 5), "pickle"),
    "text": (b"hello, world\n" * 20, None),
    "zeros": (bytes(4096), None),
    "zip of a pickle, as torch.save's": (
        npz_of([("archive/data.pkl", pickle.dumps(Bomb())), ("archive/data/0", bytes(16))]),
        None,
    ),
    "zip of text": (npz_of([("readme.txt", b"hello")]), None),
}


@FORMATS
@pytest.mark.parametrize(("content", "match"), ANY_FILE.values(), ids=ANY_FILE)
def test_a_file_of_something_else_is_refused(tmp_path, kind, content, match):
    """Whatever its suffix says."""
    refused(tmp_path / f"net.{kind}", content, match)


GOOD = npy_of()
HOSTILE_NPZ = {
    "a name ../../x": (npz_of([("../../x.npy", GOOD)]), "unsafe name"),
    "an absolute name": (npz_of([("/etc/x.npy", GOOD)]), "unsafe name"),
    "a drive": (npz_of([("C:x.npy", GOOD)]), "unsafe name"),
    "no name": (npz_of([(".npy", GOOD)]), "unsafe name"),
    "another suffix": (npz_of([("w.txt", GOOD)]), "no .npy"),
    "compressed": (npz_of([("w.npy", npy_of())], b"", zipfile.ZIP_DEFLATED), "compressed"),
    "a compressed bomb": (
        npz_of([("w.npy", npy_of(shape="(1000000,)", data=bytes(8 * 10**6)))], b"", 8),
        "compressed",
    ),
    "objects": (npz_of([("w.npy", npy_of(descr="'|O'"))]), "Object arrays cannot be loaded"),
    "objects in a record": (
        npz_of([("w.npy", npy_of(descr="[('a', '|O')]"))]),
        "Object arrays cannot be loaded",
    ),
    "expected a": (npz_of([("w.npy", npy_of(descr="'<U2'"))]), "dtype"),
    "complex": (npz_of([("w.npy", npy_of(descr="'<c16'", shape="(1,)"))]), "dtype"),
    "claims 32 GiB": (npz_of([("w.npy", npy_of(shape="(4294967296,)"))]), "claims the shape"),
    "claims more than there are addresses": (
        npz_of([("w.npy", npy_of(shape="(9999999999999999999, 99999999)"))]),
        "claims the shape|maximum supported dimension|overflow|Maximum allowed",
    ),
    "an empty array of an impossible shape": (
        npz_of([("w.npy", npy_of(shape="(0, 9999999999999999999)", data=b""))]),
        "claims the shape|maximum supported dimension|overflow|Maximum allowed",
    ),
    "65 dimensions": (
        npz_of([("w.npy", npy_of(shape=f"({'1, ' * 65})", data=bytes(8)))]),
        "claims the shape|maximum supported dimension|overflow|Maximum allowed",
    ),
    "negative shape": (npz_of([("w.npy", npy_of(shape="(-2,)"))]), "claims the shape"),
    "too little data": (npz_of([("w.npy", npy_of(data=bytes(15)))]), "claims"),
    "too much data": (npz_of([("w.npy", npy_of(data=bytes(17)))]), "claims"),
    "a header that is a program": (
        npz_of([("w.npy", npy_of(shape="(__import__('os')._exit(3),)"))]),
        "damaged",
    ),
    "a header nested deep": (npz_of([("w.npy", npy_of(shape="(" * 9000))]), "damaged"),
    "a header longer than the member": (npz_of([("w.npy", npy_of(size=60_000))]), "damaged"),
    "another version of npy": (npz_of([("w.npy", npy_of(version=b"\3\0"))]), "damaged"),
    "no npy": (npz_of([("w.npy", b"hello")]), None),
    "an empty member": (npz_of([("w.npy", b"")]), None),
    "our header, no checksum": (
        npz_of([("__autograd_mini__.npy", npy_of("'|u1'", "(2,)", b"{}"))]),
        "checksum",
    ),
    "our checksum, no header": (npz_of([("w.npy", GOOD)], b"autograd_mini sha256 " + b"0" * 64), "checksum"),
    "another comment": (npz_of([("w.npy", GOOD)], b"hello"), "no .npz file"),
    "bytes before": (b"MZ" + npz_of([("w.npy", GOOD)]), None),
    "bytes after": (npz_of([("w.npy", GOOD)]) + b"x", "bytes after its end"),
}


@pytest.mark.parametrize(("content", "match"), HOSTILE_NPZ.values(), ids=HOSTILE_NPZ)
def test_a_hostile_npz_is_refused(tmp_path, content, match):
    """By its structure, before an array is made."""
    refused(tmp_path / "net.npz", content, match)


def test_members_that_overlap_or_stand_twice_are_refused(tmp_path):
    """Two entries of the table with one place; two of one name; an entry that the table hides; CRC and names that disagree."""
    two = npz_of([("a.npy", GOOD), ("b.npy", GOOD)])
    second = two.index(b"PK\3\4", 4)
    table = two.index(b"PK\1\2")
    other = two.index(b"PK\1\2", table + 4)
    assert load_bytes(tmp_path, two).keys() == {"a", "b"}
    refused(tmp_path / "net.npz", changed(two, other + 42, bytes(4)), "overlaps")
    twice = two.replace(b"b.npy", b"a.npy")
    refused(tmp_path / "net.npz", twice, "overlaps")
    hidden = bytearray(two[:table] + two[other:])
    hidden[-14:-6] = struct.pack("<2HL", 1, 1, len(two) - 22 - other)
    hidden[-6:-2] = struct.pack("<L", table)
    refused(tmp_path / "net.npz", bytes(hidden), "overlaps|do not fill")
    refused(tmp_path / "net.npz", changed(two, second + 30, b"c"), "damaged.*'b.npy'")
    refused(tmp_path / "net.npz", changed(two, second - 1, b"\1"), "CRC-32 for file 'a.npy'")
    assert zlib.crc32(GOOD) == struct.unpack("<L", two[14:18])[0]


def changed(content, at, new):
    """The content with these bytes in place of those at a position."""
    at %= len(content)
    return content[:at] + new + content[at + len(new) :]


ONE = npz_of([("a.npy", GOOD)])
TABLE = ONE.index(b"PK\1\2")
LAST = struct.pack("<L", TABLE + 5)
ENDS = {
    "a gap before the table": (changed(ONE[:TABLE] + b"extra" + ONE[TABLE:], -6, LAST), "do not fill"),
    "a length of a comment that is not there": (changed(ONE, -2, b"\5\0"), "bytes after its end"),
    "another disk": (changed(ONE, -18, b"\1\0"), "table"),
    "more members than are there": (changed(ONE, -14, b"\2\0"), "table"),
    "a table of 32 MiB": (changed(ONE, -10, struct.pack("<L", 2**25)), "table"),
    "a table for 4 GiB in a small file": (ONE[:-22] + b"PK\6\7" + bytes(16) + ONE[-22:], "table"),
    "a table that begins nowhere": (changed(ONE, -6, struct.pack("<L", 2**31)), None),
    "no local signature": (changed(ONE, 0, b"XX"), "damaged"),
    "encrypted here and there": (changed(changed(ONE, 6, b"\1"), TABLE + 8, b"\1"), "damaged"),
    "sizes that differ": (changed(ONE, TABLE + 20, b"\1"), "damaged"),
}


@pytest.mark.parametrize(("content", "match"), ENDS.values(), ids=ENDS)
def test_an_archive_whose_parts_disagree_is_refused(tmp_path, content, match):
    """Its table, its end and its members are checked against each other."""
    assert load_bytes(tmp_path, ONE).keys() == {"a"}
    refused(tmp_path / "net.npz", content, match)


def load_bytes(tmp_path, content, kind="npz"):
    """What loads from these bytes."""
    path = tmp_path / f"bytes.{kind}"
    path.write_bytes(content)
    return load(path)


HOSTILE_SAFETENSORS = {
    "a header that claims 32 GiB": (
        tensors_of({"w": entry()}, bytes(16), size=32 * 2**30),
        "header too large",
    ),
    "a header that claims 2^64 - 1": (
        tensors_of({"w": entry()}, bytes(16), size=2**64 - 1),
        "header too large",
    ),
    "a header of nothing": (tensors_of(b"", bytes(16)), "invalid JSON"),
    "a list": (tensors_of(b"[]"), "invalid JSON"),
    "no JSON": (tensors_of(b"{hello}"), "damaged"),
    "no UTF-8": (tensors_of(b'{"\xff":1}'), "damaged"),
    "nested deep": (tensors_of(b'{"w":' * 100_000 + b"}" * 100_000), "damaged"),
    "NaN": (tensors_of(b'{"w":NaN}'), "damaged"),
    "a name twice": (tensors_of(b'{"w":1,"w":1}'), "damaged"),
    "an array of 32 GiB": (
        tensors_of({"w": entry("F64", (2**32,), (0, 2**35))}, bytes(16)),
        "not fully covered",
    ),
    "a shape beyond its offsets": (
        tensors_of({"w": entry("F64", (2**32,))}, bytes(16)),
        "invalid shape|invalid offset|invalid length",
    ),
    "a shape that overflows": (
        tensors_of({"w": entry("F64", (2**32, 2**32), (0, 0))}),
        "claims the shape|maximum supported dimension|overflow|Maximum allowed",
    ),
    "an impossible empty shape": (
        tensors_of({"w": entry("F64", (0, 2**63), (0, 0))}),
        "claims the shape|maximum supported dimension|overflow|Maximum allowed",
    ),
    "overlapping offsets": (
        tensors_of({"a": entry(), "b": entry(offsets=(8, 24))}, bytes(24)),
        "invalid offset",
    ),
    "the same offsets": (tensors_of({"a": entry(), "b": entry()}, bytes(16)), "invalid offset"),
    "a gap": (tensors_of({"a": entry(), "b": entry(offsets=(24, 40))}, bytes(40)), "invalid offset"),
    "offsets backwards": (
        tensors_of({"a": entry(offsets=(16, 0))}, bytes(16)),
        "invalid shape|invalid offset|invalid length",
    ),
    "negative offsets": (tensors_of({"a": entry(offsets=(-16, 0))}, bytes(16)), "damaged"),
    "fractional offsets": (tensors_of({"a": entry(offsets=(0.0, 16.0))}, bytes(16)), "damaged"),
    "a bool as shape": (tensors_of({"a": entry(shape=(True, 2))}, bytes(16)), "damaged"),
    "three offsets": (
        tensors_of({"a": entry(offsets=(0, 8, 16))}, bytes(16)),
        "invalid shape|invalid offset|invalid length",
    ),
    "no offsets": (tensors_of({"a": {"dtype": "F64", "shape": [2]}}, bytes(16)), "damaged"),
    "65 dimensions": (
        tensors_of({"a": entry(shape=(1,) * 65, offsets=(0, 8))}, bytes(8)),
        "claims the shape|maximum supported dimension|overflow|Maximum allowed",
    ),
    "an unknown dtype": (tensors_of({"a": entry("F65")}, bytes(16)), "F65"),
    "complex": (tensors_of({"a": entry("C64")}, bytes(16)), "complex64"),
    "a dtype that is none": (tensors_of({"a": entry([])}, bytes(16)), "damaged"),
    "a name ../../x": (tensors_of({"../../x": entry()}, bytes(16)), "unsafe name"),
    "an absolute name": (tensors_of({"/x": entry()}, bytes(16)), "unsafe name"),
    "a name with NUL": (tensors_of({"x\0": entry()}, bytes(16)), "unsafe name"),
    "metadata that are no strings": (tensors_of({"__metadata__": {"a": 1}}), "expected a"),
    "metadata that are no dict": (tensors_of({"__metadata__": []}), "expected a"),
    "our mark, no checksum": (tensors_of({"__metadata__": {"autograd_mini": "{}"}}), "checksum"),
    "our mark under another key": (
        tensors_of({"__metadata__": {"x": '{"format":"autograd_mini","version":1}'}}),
        "checksum",
    ),
    "too little data": (tensors_of({"w": entry()}, bytes(15)), "truncated.*not fully covered"),
    "too much data": (tensors_of({"w": entry()}, bytes(17)), "not fully covered"),
}


@pytest.mark.parametrize(("content", "match"), HOSTILE_SAFETENSORS.values(), ids=HOSTILE_SAFETENSORS)
def test_a_hostile_safetensors_is_refused(tmp_path, content, match):
    """By its header against the true size, before an array is made."""
    refused(tmp_path / "net.safetensors", content, match)


@FORMATS
def test_the_checkers_accept_what_is_right(tmp_path, kind):
    """The hand-made files above are refused for their fault, not for being hand-made."""
    good = npz_of([("a/w.npy", GOOD)]) if kind == "npz" else tensors_of({"a/w": entry()}, bytes(16))
    assert same({"a/w": np.zeros(2)}, load_bytes(tmp_path, good, kind))


def test_a_length_like_the_start_of_a_pickle_is_none(tmp_path):
    """A header of 640 bytes begins as a pickle of protocol 2 does."""
    size = len(tensors_of({"w": entry()})) - 8
    content = tensors_of({"w": entry()}, bytes(16), pad=b" " * (640 - size))
    assert content[:2] == b"\x80\2"
    assert same({"w": np.zeros(2)}, load_bytes(tmp_path, content, "safetensors"))


@FORMATS
def test_another_version_is_refused(tmp_path, monkeypatch, kind):
    """The message names both versions and what to do."""
    monkeypatch.setattr(files, "VERSION", 2)
    path, content = written(tmp_path, kind)
    monkeypatch.undo()
    refused(path, content, "is version 2, not 1: update")


STATES = {
    "no dict": [1],
    "an unknown tag": {"dict": {"a": {"call": "os._exit"}}},
    "two tags": {"dict": {"a": {"float": "nan", "tuple": []}}},
    "an array that is not there": {"dict": {"a": {"array": "b"}, "w": {"array": "w"}}},
    "an array twice": {"dict": {"a": {"array": "w"}, "b": {"array": "w"}}},
    "an array left over": {"dict": {}},
    "a float that is none": {"dict": {"a": {"float": "1e5"}}},
    "a name that is none": {"dict": {"a": {"array": 1}}},
    "an order that is none": {"dict": {"w": {"array": "w", "order": "!"}}},
    "our own header": {"dict": {"w": {"array": "__autograd_mini__"}}},
}


@FORMATS
@pytest.mark.parametrize("tree", STATES.values(), ids=STATES)
def test_a_state_that_no_save_wrote_is_refused(tmp_path, monkeypatch, kind, tree):
    """Even when its checksum is right."""
    dumps = json.dumps
    monkeypatch.setattr(json, "dumps", lambda content, **k: dumps({**content, "state": tree}, **k))
    path, content = written(tmp_path, kind, {"w": np.ones(2)})
    monkeypatch.undo()
    refused(path, content, "state|belong")


@FORMATS
def test_a_state_nested_deep_is_refused(tmp_path, monkeypatch, kind):
    """A list of lists that would exhaust the stack."""
    for depth in (2_000, 100_000):
        text = (
            f'{{"format":"autograd_mini","version":1,"state":{{"dict":{{"a":{"[" * depth}{"]" * depth}}}}}}}'
        )
        monkeypatch.setattr(json, "dumps", lambda *a, text=text, **k: text)
        path = tmp_path / f"net.{kind}"
        save({}, path)
        monkeypatch.undo()
        refused(path, path.read_bytes(), "deep|damaged")


@FORMATS
def test_every_truncation_and_every_flipped_byte_is_refused(tmp_path, kind):
    """Each prefix of a file, each byte of it changed in one bit and in all, and each file with a byte more."""
    path, whole = written(tmp_path, kind, {"w": np.arange(3.0), "n": 3})
    for end in range(len(whole)):
        refused(path, whole[:end])
    for i in range(len(whole)):
        for mask in (1 << i % 8, 255):
            refused(path, whole[:i] + bytes([whole[i] ^ mask]) + whole[i + 1 :])
    for more in (b"\0", b" ", b"}", whole):
        refused(path, whole + more)


def mutated(rng, content):
    """The content with one random flip, truncation, insertion, deletion or swap."""
    i, j = sorted(rng.sample(range(len(content) + 1), 2))
    some = bytes(rng.choices(content, k=rng.choice([1, 1, 4, 40])))
    size = rng.choice([1, 1, 4, 40])
    match rng.randrange(7):
        case 0:
            return content[:i] + bytes([content[i] ^ 1 << rng.randrange(8)]) + content[i + 1 :]
        case 1:
            return content[:i] + bytes([rng.randrange(256)]) + content[i + 1 :]
        case 2:
            return content[:j]
        case 3:
            return content[:i] + some + content[i:]
        case 4:
            return content[:i] + content[i + size :]
        case 5:
            a, b = content[i : i + size], content[j : j + size]
            return (
                content[:i] + b + content[i + len(a) : j] + a + content[j + len(b) :]
                if j >= i + size
                else content
            )
        case _:
            return content[:i] + content[j:]


@FORMATS
@pytest.mark.parametrize("ours", [True, False], ids=["ours", "of another program"])
def test_1000_mutations_never_crash_and_never_load_other_numbers(tmp_path, kind, ours):
    """SerializationError, or the very state that was saved. A file without our checksum may load other numbers, but nothing else."""
    rng, path, loaded = random.Random(f"{kind} {ours}"), tmp_path / f"net.{kind}", 0
    if ours:
        save(example(), path)
    elif kind == "npz":
        np.savez(path, w=np.arange(6.0).reshape(2, 3), mask=np.array([True, False]))
    else:
        tensors.save_file({"w": np.arange(6.0).reshape(2, 3), "mask": np.array([True, False])}, path)
    content = path.read_bytes()
    for _ in range(1000):
        changed = mutated(rng, content)
        path.write_bytes(changed)
        try:
            state = load(path)
        except SerializationError:
            assert changed != content
        else:
            loaded += 1
            assert (
                same(example(), state) if ours else all(type(array) is np.ndarray for array in state.values())
            )
            assert not ours or changed == content
    assert loaded < 500
    assert os.listdir(tmp_path) == [path.name]


def flipped(content, *places):
    """The content with one bit changed at each of these places."""
    changed = bytearray(content)
    for at, bit in places:
        changed[at] ^= 1 << bit
    return bytes(changed)


def never_another(path, content, state):
    """The file with this content is refused, or holds the very state."""
    path.write_bytes(content)
    try:
        assert same(state, load(path))
    except SerializationError:
        return True
    return False


@FORMATS
def test_a_damaged_file_of_ours_is_never_read_as_that_of_another_program(tmp_path, kind):
    """Two to six flips where a file says that it is ours, in each pair of its marks, and at random."""
    state = {"w": np.arange(3.0), "mask": np.array([True, False])}
    path, whole = written(tmp_path, kind, state)
    marks = [at for at in range(len(whole)) if whole[at : at + 13] == b"autograd_mini"]
    assert len(marks) == (4 if kind == "npz" else 2)
    rng = random.Random(kind)
    for first, second in itertools.combinations([*marks, whole.index(b"format"), whole.index(b"version")], 2):
        for _ in range(50):
            places = [(at + rng.randrange(7), rng.randrange(7)) for at in (first, second)]
            assert never_another(path, flipped(whole, *places), state)
    start = 0 if kind == "safetensors" else whole.index(b"PK\1\2")
    end = len(whole) if kind == "npz" else 8 + whole[0] + 256 * whole[1]
    for _ in range(1500):
        places = {(rng.randrange(start, end), rng.randrange(8)) for _ in range(rng.randrange(2, 7))}
        assert never_another(path, flipped(whole, *places), state)


@pytest.mark.parametrize("key", ["autograd_mini", "autograd_mino", "b", "autograd"])
@pytest.mark.parametrize("digits", ["0" * 64, "0" * 63, ""], ids=["digits", "a digit less", "none"])
def test_metadata_like_ours_without_its_checksum_is_refused(tmp_path, key, digits):
    """Also when both marks have changed, and when other metadata stand before."""
    state = '{"format":"autograd_minj","version":1,"state":{"dict":{"w":{"array":"w"}}}}'
    for more in ({}, {"a": "b"}):
        header = {"__metadata__": {**more, key: f"{digits} {state}"}, "w": entry()}
        refused(tmp_path / "net.safetensors", tensors_of(header, bytes(16)), "checksum")


def test_an_npz_of_ours_without_its_comment_is_refused(tmp_path):
    """Its end cut off, and the length of the comment made to fit."""
    path, whole = written(tmp_path, "npz", {"w": np.ones(2)})
    refused(path, whole[: -21 - 64 - 2] + b"\0\0", "a part is missing")


OTHERS = {
    "metadata of PyTorch": {"__metadata__": {"format": "pt"}, "w": entry()},
    "JSON in metadata": {
        "__metadata__": {"config": '{"format":"pt","version":1,"state":{"a":1}}'},
        "w": entry(),
    },
    "our name in metadata": {"__metadata__": {"by": "autograd_mini 1.0"}, "w": entry()},
    "our name of an array": {"autograd_mini": entry()},
    "more in an entry": {"w": {**entry(), "x": 1}},
    "no metadata": {"w": entry()},
}


@pytest.mark.parametrize("header", OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("pad", [b"", b"   ", b"\t"], ids=["no pad", "spaces", "a tab"])
def test_a_safetensors_of_another_program_loads(tmp_path, header, pad):
    """What the package itself reads: metadata like ours are none of ours."""
    (name,) = header.keys() - {"__metadata__"}
    content = tensors_of(header, np.arange(2.0).tobytes(), pad=pad)
    assert same({name: np.arange(2.0)}, load_bytes(tmp_path, content, "safetensors"))


def test_an_npz_whose_members_end_in_npy_twice_keeps_them_apart(tmp_path):
    """np.load itself gives the array "a" under the name "a.npy"."""
    state = {"a": np.zeros(1), "a.npy": np.ones(2), "file": np.ones(3), "b c": np.ones(4)}
    np.savez(tmp_path / "net.npz", **{name: array for name, array in state.items() if name != "file"})
    assert same({name: array for name, array in state.items() if name != "file"}, load(tmp_path / "net.npz"))
    save(state, tmp_path / "ours.npz")
    assert same(state, load(tmp_path / "ours.npz"))


@pytest.mark.parametrize("place", [6, 8], ids=["encrypted", "compressed"])
def test_what_an_archive_says_twice_is_read_from_its_table(tmp_path, place):
    """A flag beside the member itself changes no number."""
    assert same({"a": np.zeros(2)}, load_bytes(tmp_path, changed(ONE, place, b"\1")))


def test_each_flip_and_truncation_of_an_npz_by_numpy_gives_the_same_numbers_or_an_error(tmp_path):
    """Its own CRC-32 guards the arrays, and both places of a name the names."""
    state = {"w": np.arange(3.0), "mask": np.array([[True, False]]).T, "e": np.zeros((0, 2))}
    path, taken = tmp_path / "net.npz", 0
    np.savez(path, **state)
    whole = path.read_bytes()
    for end in range(len(whole)):
        refused(path, whole[:end])
    for at in range(len(whole)):
        taken += not never_another(path, flipped(whole, (at, at % 8)), state)
    assert taken < len(whole) / 3  # dates and versions, which nobody reads


def test_each_flip_and_truncation_of_a_safetensors_by_another_program_is_arrays_or_an_error(tmp_path):
    """It has no checksum: a flip may give other numbers, but no other exception, and no truncation loads."""
    path = tmp_path / "net.safetensors"
    tensors.save_file({"w": np.arange(3.0), "mask": np.array([True, False])}, path, metadata={"by": "me"})
    whole = path.read_bytes()
    for end in range(len(whole)):
        refused(path, whole[:end])
    for at, bit in itertools.product(range(len(whole)), range(8)):
        path.write_bytes(flipped(whole, (at, bit)))
        with contextlib.suppress(SerializationError):
            assert all(type(array) is np.ndarray for array in load(path).values())


@FORMATS
def test_integers_of_any_length_come_back(tmp_path, kind):
    """Up to the 4300 digits that Python itself writes."""
    state = {"n": [10**4299, -(1 << 5000), 0]}
    path, _ = written(tmp_path, kind, state)
    assert same(state, load(path))


@FORMATS
def test_20000_arrays_whose_keys_are_no_names_are_saved_at_once(tmp_path, kind):
    """Each gets a name of its own without a search through all the others."""
    state = {f"{i}?": np.float32(i) for i in range(20_000)}
    path, _ = written(tmp_path, kind, state)
    assert same(state, load(path))


# ---- Memory -----------------------------------------------------------------------------------------------------------


def peak(call):
    """The bytes that the call had at most."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@FORMATS
def test_loading_takes_at_most_twice_the_file(tmp_path, kind):
    """One array of 8 MB, many small ones, and big-endian ones; saving takes no more."""
    many = {str(i): np.ones(10**4) for i in range(100)}
    for state in ({"w": np.ones(10**6)}, many, {"w": np.ones(10**6, ">f8")}, {"w": np.ones((1000, 1000)).T}):
        path = tmp_path / f"net.{kind}"
        saving = peak(lambda path=path, state=state: save(state, path))
        size = path.stat().st_size
        assert peak(lambda path=path: load(path)) < 1.5 * size
        assert saving < 2.1 * size


@FORMATS
def test_a_hostile_file_allocates_nothing(tmp_path, kind):
    """Files of a few bytes that claim much are refused within 200 kB."""
    for content, _ in (HOSTILE_NPZ if kind == "npz" else HOSTILE_SAFETENSORS).values():
        if len(content) < 10_000:
            path = tmp_path / f"net.{kind}"
            path.write_bytes(content)

            def attempt(path=path):
                with pytest.raises(SerializationError):
                    load(path)

            assert peak(attempt) < 200_000


# ---- Files that change, and files that are none -----------------------------------------------------------------------


def test_a_file_replaced_while_it_is_read_is_noticed(tmp_path, monkeypatch):
    """The header that was checked is that of the file that is read."""
    path, content = written(tmp_path, "safetensors", {"w": np.ones(2)})
    opened = safetensors.safe_open

    def replacing(*args, **kwargs):
        (tmp_path / "other").write_bytes(content)
        os.replace(tmp_path / "other", path)
        return opened(*args, **kwargs)

    monkeypatch.setattr(safetensors, "safe_open", replacing)
    with pytest.raises(SerializationError, match="replaced while it was read"):
        load(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes of POSIX")
@FORMATS
def test_a_pipe_is_not_replaced(tmp_path, kind):
    """A save, of a picture too, would put a file in the place of what others read from: it is refused, the pipe stays."""
    path = tmp_path / f"net.{kind}"
    os.mkfifo(path)
    (tmp_path / f"link.{kind}").symlink_to(path)
    for name in (path, tmp_path / f"link.{kind}"):
        with pytest.raises(OSError, match=f"a pipe or a device cannot be replaced.*net.{kind}"):
            save({}, name)
    with pytest.raises(OSError, match="a pipe or a device"):
        writing.write_file(path, b"")
    assert stat.S_ISFIFO(path.stat().st_mode)
    assert sorted(os.listdir(tmp_path)) == [f"link.{kind}", f"net.{kind}"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes of POSIX")
@FORMATS
def test_a_pipe_is_refused_at_once(tmp_path, kind):
    """It would block for ever."""
    os.mkfifo(tmp_path / f"net.{kind}")
    with pytest.raises(SerializationError, match="no regular file"):
        load(tmp_path / f"net.{kind}")


@FORMATS
def test_a_disk_that_cannot_be_read_gives_OSError(tmp_path, monkeypatch, kind):
    """An error of the disk is none of the file's content."""
    path, _ = written(tmp_path, kind)

    class Broken(Failing):
        def read(self, *args):
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(files, "open", lambda *a, **k: Broken(open(*a, **k), None, 0), raising=False)  # noqa: SIM115
    with pytest.raises(OSError, match="Input/output"):
        load(path)
