"""Weights and training states in files: written whole or not at all, checked before they are read, and never unpickled.

A file holds the arrays, under names that other programs read; the structure around them (dicts, lists, numbers, strings) as JSON; and
the SHA-256 of the file without the 64 digits of the digest itself. In an .npz the JSON is the member HEADER, and the digest is the
archive's comment; in a .safetensors both are in `__metadata__`. Both formats load as the same state.
"""

import hashlib
import json
import math
import os
import re
import zipfile
from typing import Any, BinaryIO

import numpy as np

from .core.node import Node, plain
from .errors import DTypeError, GraphError, SerializationError
from .support.coercion import describe
from .support.containers import DEPTH
from .support.extras import needed
from .support.files import is_special, replace_file

FORMAT, VERSION = "autograd_mini", 1
HEADER = "__autograd_mini__"  # the member of an .npz that holds the JSON
UNSEALED = "0" * 64  # the digits until the digest is known
DTYPES = {np.dtype(code) for code in ("?", *"bhilqBHILQ", *"efd")}
# Names that no program takes for a path outside a folder; and the names that `save` makes of keys
SAFE = re.compile(r"(?!/|[A-Za-z]:|(.*/)?\.\.(/|$))[^\\\0-\x1f]+")
PLAIN = re.compile(r"(?!(__\w+__|file|allow_pickle|.*\.npy)$|.*\.\.)[\w+-][\w.+ /-]{0,99}(?<! )", re.I)
# The start of a pickle; without a {, as the length at the start of a .safetensors may look the same
PICKLE = re.compile(rb"(?s)\x80[\2-\5].{6}[^{]")
# The end of an .npz: for 4 GiB a second table; one disk, twice the number of members, the table's size, the digest
END = re.compile(rb"(?s)(PK\x06\x07.{16})?PK\x05\x06\0{4}(..)\2(.{4}).{4}(\0\0|U\0autograd_mini.{72})\Z")
# The header of our .safetensors: the digest; and pieces of the header, of which most remain when some bytes have changed
SEAL = re.compile(rb'"autograd_mini":"([0-9a-f]{64}) ')
TRACE = rb'autograd_mini":" {\"format\":\"autograd_mini\",\"version\":1,\"state\":{\"dict\":{'
PIECES = [TRACE[i : i + 4] for i in range(len(TRACE) - 3)]

# Where the digest stands, the JSON, the arrays
Loaded = tuple[int | None, str | bytes | None, dict[str, Any]]


def save(state: Any, path: str | os.PathLike[str]) -> None:
    """Write a model, or a dict of parts, to a .npz or (extra `io`) .safetensors file; the old file stays until the new one is whole.

    `state`: anything with a `state_dict()`, or a dict of these, of arrays, leaf nodes, numbers, strings, bools and None, and of
    dicts (with str keys), lists and tuples of them, at most 64 deep. Arrays may hold bools, integers, float16, float32 or
    float64. Bits, shapes, dtypes and byte order are kept; memory layout is not.

    Raises ValueError for another suffix, DTypeError for an object that cannot be saved, and GraphError for a node that is no leaf,
    all before a file is touched; ImportError without the package; OSError for a full disk, a read-only folder or a pipe. After
    any of them, and after Ctrl-C, the previous file is unchanged.

    >>> import tempfile
    >>> import autograd_mini as ag
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     ag.save({"w": ag.Tensor([1.0, 2.0]), "epoch": 3}, f"{folder}/net.npz")
    ...     ag.load(f"{folder}/net.npz")
    {'w': array([1., 2.]), 'epoch': 3}
    """
    name, kind = checked_path(path)
    arrays: dict[str, Any] = {}
    tree = pack(state, (), arrays)
    if not isinstance(tree, dict) or "dict" not in tree:
        raise DTypeError(f"save: a model or a dict is needed, got {type(state).__name__}: pass {{'name': …}}")
    content = json.dumps({"format": FORMAT, "version": VERSION, "state": tree}, separators=(",", ":"))

    def write(file: BinaryIO) -> None:
        at = (write_npz if kind == ".npz" else write_safetensors)(file, content, arrays)
        file.write(digest(file, at))

    replace_file(os.path.realpath(name), write)


def load(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the state that `save` wrote, with nodes as NumPy arrays.

    A .safetensors file of another program, and an .npz from `np.savez` (uncompressed, no objects), load as a flat dict of
    arrays; they have no checksum of ours, but an .npz has its CRC-32. It needs memory for the arrays once, and never unpickles.

    Raises SerializationError for a file that is damaged, of another version, or of another kind than its suffix says; OSError
    where the file cannot be read; ImportError for .safetensors without the extra `io`.

    >>> import tempfile
    >>> import autograd_mini as ag
    >>> net = ag.nn.MLP([2, 3, 1], rng=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     ag.save(net, f"{folder}/net.npz")
    ...     net.load_state_dict(ag.load(f"{folder}/net.npz"))
    ([], [])
    """
    name, kind = checked_path(path)
    check(not is_special(name), f"{name}: no regular file, but a pipe or a device")  # to read it would block
    with open(name, "rb") as file:
        try:
            return read(file, name, kind)
        except (OSError, MemoryError):  # not the file's fault
            raise
        except Exception as error:  # NumPy, zipfile, json and safetensors raise many kinds for a damaged file
            fault = "" if isinstance(error, SerializationError) else f"damaged, truncated or no {kind}: "
            raise SerializationError(f"{name}: {fault}{error}") from None


def checked_path(path: Any) -> tuple[str, str]:
    """The path and its suffix; ValueError for another suffix, ImportError without its package."""
    name = os.fsdecode(path)
    kind = os.path.splitext(name)[1].lower()
    if kind not in (".npz", ".safetensors"):
        raise ValueError(f"path must end in .npz or .safetensors, which decides the format, got {name!r}")
    if kind == ".safetensors":
        needed("a .safetensors file (unlike .npz)", "safetensors.numpy", "[io]")
    return name, kind


# ---- The state as JSON, its arrays apart -----------------------------------------------------------------------------


def pack(value: Any, keys: tuple[str | int, ...], arrays: dict[str, Any]) -> Any:
    """The JSON of the value; its arrays go into `arrays`. A JSON object stands for a dict, a tuple or an array."""
    place = "state" + "".join(f"[{key!r}]" for key in keys)
    if len(keys) > DEPTH:
        raise ValueError(f"save: {place[:40]}…: nested more than {DEPTH} deep (a dict in itself?)")
    if hasattr(value, "state_dict") and not isinstance(value, type):
        value = value.state_dict()
    match value:
        case dict():
            if others := [key for key in value if not isinstance(key, str)]:
                raise DTypeError(f"save: {place}: the key {others[0]!r} is no str: write {str(others[0])!r}")
            return {"dict": {str(key): pack(part, (*keys, str(key)), arrays) for key, part in value.items()}}
        case list() | tuple():
            items = [pack(part, (*keys, i), arrays) for i, part in enumerate(value)]
            return {"tuple": items} if isinstance(value, tuple) else items
        case np.ndarray() | np.generic() | Node() if not isinstance(value, np.ma.MaskedArray):
            return pack_array(value, place, ".".join(map(str, keys)), arrays)
        case None | str() | int() | float():
            return value
    raise DTypeError(f"save: {place} cannot be saved: {describe(value)}")


def pack_array(value: Any, place: str, name: str, arrays: dict[str, Any]) -> dict[str, str]:
    """The reference to an array, which goes into `arrays`, under this name if that is safe in a file and not taken."""
    if isinstance(value, Node) and value.op:
        raise GraphError(f"save: {place} is the result of {value.op.name!r}, no leaf: pass .detach()")
    array = np.asarray(plain(value))
    dtype = array.dtype
    if dtype.newbyteorder("=") not in DTYPES:
        raise DTypeError(f"save: {place} is of dtype {dtype}: pass .astype(np.float64), or .real and .imag")
    if not PLAIN.fullmatch(name) or name in arrays:
        name = f"#{len(arrays)}"
    arrays[name] = array.astype(dtype.newbyteorder("<"), order="C", copy=False)
    kind = "scalar" if isinstance(value, np.generic) else "array"
    return {kind: name, "order": ">"} if dtype.str[0] == ">" else {kind: name}


def unpack(tree: Any, arrays: dict[str, Any]) -> Any:
    """The value with this JSON; its arrays are taken out of `arrays`."""
    if not isinstance(tree, dict):
        return [unpack(part, arrays) for part in tree] if isinstance(tree, list) else tree
    match list(tree.items()):
        case [("dict", dict(parts))]:
            return {key: unpack(part, arrays) for key, part in parts.items()}
        case [("tuple", list(parts))]:
            return tuple(unpack(part, arrays) for part in parts)
        case [("float", "nan" | "inf" | "-inf" as number)]:  # as files were written once
            return float(number)
        case [("array" | "scalar" as kind, name), *more] if name in arrays and more in ([], [("order", ">")]):
            array = arrays.pop(name)
            if more:
                array = array.byteswap(inplace=True).view(array.dtype.newbyteorder(">"))
            return array[()] if kind == "scalar" else array
    raise SerializationError("its state holds an unknown object, or an array that is missing or taken")


# ---- Files -----------------------------------------------------------------------------------------------------------


def check(holds: object, fault: str) -> None:
    """Raise SerializationError, with the fault, where it does not hold."""
    if not holds:
        raise SerializationError(fault)


def digest(file: BinaryIO, at: int) -> bytes:
    """The SHA-256 of a file without the 64 hexadecimal digits at `at`; these are read or written next."""
    found = hashlib.sha256()
    for start, end in ((0, at), (at + 64, file.seek(0, os.SEEK_END))):
        file.seek(start)
        while part := file.read(min(2**18, end - file.tell())):
            found.update(part)
    file.seek(at)
    return found.hexdigest().encode()


def read(file: BinaryIO, path: str, kind: str) -> dict[str, Any]:
    """The state in the file; any error but OSError and MemoryError means that the file is damaged."""
    start = file.read(300)
    check(not PICKLE.match(start), "the file is a pickle, which could run any program: it is never loaded")
    at, content, arrays = read_npz(file) if kind == ".npz" else read_safetensors(file, path, start)
    for name, array in arrays.items():
        is_plain = SAFE.fullmatch(name) and array.dtype.newbyteorder("=") in DTYPES
        check(is_plain, f"the array {name[:40]!r} has an unsafe name, or the unsafe dtype {array.dtype}")
    if at is None and content is None:  # of another program
        return arrays
    is_whole = at is not None and content is not None and digest(file, at) == file.read(64)
    check(is_whole, "the file is damaged: its checksum does not match, or a part is missing")
    parts = json.loads(content or "")
    version = parts["version"]
    check(version == VERSION, f"its format is version {version}, not {VERSION}: update autograd_mini")
    state = unpack(parts["state"], arrays)
    check(not arrays and isinstance(state, dict), "its state is no dict, or arrays belong to nothing")
    return state  # type: ignore[no-any-return]


def write_npz(file: BinaryIO, content: str, arrays: dict[str, Any]) -> int:
    """Write an .npz; return where the digest belongs."""
    members: Any = {HEADER: np.frombuffer(content.encode(), np.uint8), **arrays}
    np.savez(file, **members)
    with zipfile.ZipFile(file, "a") as archive:
        archive.comment = f"autograd_mini sha256 {UNSEALED}".encode()
    return file.seek(-64, os.SEEK_END)


def read_npz(file: BinaryIO) -> Loaded:
    """The content of an archive that its members fill; an array is made only when its header agrees with its size."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(size - 200, 0))
    end = END.search(file.read())
    is_whole = end and int.from_bytes(end[3], "little") <= size - 100 and not (end[1] and size < 2**32)
    check(is_whole, "no .npz file, or truncated, with bytes after its end, or with a damaged table")
    at, arrays = 0, dict[str, Any]()
    with zipfile.ZipFile(file) as archive:
        for info in sorted(archive.infolist(), key=lambda info: info.header_offset):
            name, suffix = info.orig_filename[:-4], info.orig_filename[-4:]
            is_next = info.header_offset == at and name not in arrays
            fault = "is no .npy, or compressed (np.load reads it), or overlaps another or leaves a gap"
            check(
                is_next and suffix == ".npy" and not info.compress_type, f"its member {name[:40]!r} {fault}"
            )
            with archive.open(info) as member:
                np.lib.format.read_magic(member)
                shape, _, dtype = np.lib.format.read_array_header_1_0(member, max_header_size=2000)
                length = info.file_size - member.tell()
                fits = max(shape, default=0) < 2**60 and math.prod(shape) * dtype.itemsize == length
                check(fits, f"{name[:40]!r} claims the shape {str(shape)[:80]} for {length} bytes")
                member.seek(0)
                arrays[name] = np.lib.format.read_array(member, allow_pickle=False)
            at = file.tell()  # where the bytes of the member end
        check(at == archive.start_dir, "its members do not fill the file")
    content = arrays.pop(HEADER).tobytes() if HEADER in arrays else None
    return size - 64 if archive.comment else None, content, arrays


def write_safetensors(file: BinaryIO, content: str, arrays: dict[str, Any]) -> int:
    """Write a .safetensors; return where the digest belongs."""
    from safetensors.numpy import save as to_bytes

    raw = to_bytes(arrays, metadata={FORMAT: f"{UNSEALED} {content}"})
    file.write(raw)
    return int(raw.index(UNSEALED.encode()))


def read_safetensors(file: BinaryIO, path: str, start: bytes) -> Loaded:
    """The content of a file; the package compares its sizes before it makes an array."""
    from safetensors import safe_open

    seal = SEAL.search(start)
    found = sum(piece in start for piece in PIECES)
    check(seal or found < 0.6 * len(PIECES), "the file is damaged: its checksum is missing")
    with safe_open(path, framework="numpy") as opened:
        is_same = os.path.samestat(os.fstat(file.fileno()), os.stat(path))
        check(is_same, "the file was replaced while it was read: load it again")
        arrays = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
        content = (opened.metadata() or {}).get(FORMAT)
    return seal and seal.start(1), content and content[65:], arrays
