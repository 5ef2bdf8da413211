"""Weights and training states in files: whole or not at all, checked before they are read, and never unpickled.

What is in a file: the arrays, under names that other programs read; the structure around them (dicts, lists, numbers, strings) as
JSON; and the SHA-256 of the whole file but the 64 digits that hold it. In an .npz the JSON is the member HEADER and the digest the
archive's comment; in a .safetensors both stand in `__metadata__`. The two formats load as the same state.
"""

import errno
import hashlib
import importlib
import json
import math
import os
import re
import secrets
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO

import numpy as np

from .core.node import Node
from .errors import DTypeError, GraphError, SerializationError
from .support.coercion import describe
from .support.containers import DEPTH
from .support.files import replace_file

FORMAT, VERSION = "autograd_mini", 1
HEADER = "__autograd_mini__"  # the member of an .npz that holds the JSON
MARK = f'{{"format":"{FORMAT}",'  # what the JSON begins with
SEAL = re.compile(rb"autograd_mini sha256 ([0-9a-f]{64})")  # the comment of an .npz
DTYPES = {
    "BOOL": "|b1", "I8": "|i1", "I16": "<i2", "I32": "<i4", "I64": "<i8", "U8": "|u1", "U16": "<u2", "U32": "<u4", "U64": "<u8",
    "F16": "<f2", "F32": "<f4", "F64": "<f8",
}  # fmt: skip
DIGITS = 64
CONTENT, LIMIT, ARRAYS = (
    2**22,
    2**24,
    20_000,
)  # bytes of JSON, bytes of a file's table, arrays: all bounded before they are read
NPY = re.compile(
    rb"\{'descr': '([^']{1,9})', 'fortran_order': (True|False), 'shape': \(((?:[0-9]{1,19}, ?)*[0-9]{0,19})\), \} *\n"
)

Fetch = Callable[[str], Any]  # a stored array by its name


def save(state: Any, path: str | os.PathLike[str]) -> None:
    """Write a model, or a dict of parts, to a .npz or (extra `io`) .safetensors file; the old file stays until the new is whole.

    `state`: anything with a `state_dict()`, or a dict of such, of arrays, leaf nodes, numbers, strings, bools and None, and of
    dicts (with str keys), lists and tuples of these, at most 64 deep. Bits, shapes and dtypes are kept, byte order included;
    memory layout is not. Arrays of bools, integers and float16, float32, float64 can be saved.

    Raises ValueError for another suffix, DTypeError for what cannot be saved and GraphError for a node that is no leaf, all before
    a file is touched; ImportError without the package; OSError (disk full, folder read-only). After any of them, and after Ctrl-C,
    the previous file is as it was.

    >>> import tempfile
    >>> import autograd_mini as ag
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     ag.save({"w": ag.Tensor([1.0, 2.0]), "epoch": 3}, f"{folder}/net.npz")
    ...     ag.load(f"{folder}/net.npz")
    {'w': array([1., 2.]), 'epoch': 3}
    """
    name, kind = checked_path(path)
    arrays: dict[str, Any] = {}
    tree = pack(state, "state", [], arrays, 0)
    if not isinstance(tree, dict) or "dict" not in tree:
        raise DTypeError(f"save: a model or a dict is needed, got {type(state).__name__}: pass {{'name': …}}")
    if len(arrays) > ARRAYS:
        raise ValueError(
            f"save: {len(arrays)} arrays, at most {ARRAYS} fit in a file: put numbers together in arrays"
        )
    content = json.dumps(
        {"format": FORMAT, "version": VERSION, "state": tree}, separators=(",", ":"), allow_nan=False
    )
    if len(content) > CONTENT:
        raise ValueError(
            f"save: what lies outside arrays takes {len(content)} bytes, at most {CONTENT} fit: keep long lists as arrays"
        )
    write = write_npz if kind == ".npz" else write_safetensors
    if kind == ".safetensors":
        package("safetensors.numpy")
    replace_file(os.path.realpath(name), lambda file: seal(file, write(file, content, arrays)))


def load(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return what `save` wrote, as dicts, lists, tuples and numbers of plain NumPy arrays.

    A .safetensors file of another program, and an .npz that `np.savez` wrote (uncompressed, no objects), load as a flat dict of
    arrays: they bear no checksum of ours, an .npz has its CRC-32. Needs memory for the arrays once.

    Raises SerializationError for a file that is damaged, of another version, or not what its suffix says; nothing is ever
    unpickled. OSError where the file cannot be read, ImportError for .safetensors without the `io` extra.

    >>> import tempfile
    >>> import autograd_mini as ag
    >>> net = ag.nn.MLP([2, 3, 1], rng=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     ag.save(net, f"{folder}/net.npz")
    ...     net.load_state_dict(ag.load(f"{folder}/net.npz"))
    ([], [])
    """
    name, kind = checked_path(path)
    if kind == ".safetensors":
        package("safetensors")
    mode = os.stat(name).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # a pipe would block; a folder raises what open raises
        raise SerializationError(f"{name}: no regular file")
    try:
        with open(name, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            check_start(file, size)
            return read_npz(file, size) if kind == ".npz" else read_safetensors(file, size, name)
    except SerializationError as error:
        raise SerializationError(f"{name}: {error}") from None


def checked_path(path: Any) -> tuple[str, str]:
    """The path as a string, and its suffix."""
    name = os.fspath(path)
    if not isinstance(name, str):
        raise TypeError(f"path must be a str or a pathlib.Path, got {type(path).__name__}")
    kind = os.path.splitext(name)[1].lower()
    if kind not in (".npz", ".safetensors"):
        raise ValueError(f"path must end in .npz or .safetensors, which decides the format, got {name!r}")
    return name, kind


def package(module: str) -> Any:
    """The module of the extra, or one line that says what to install."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            "a .safetensors file needs the package safetensors: pip install 'autograd-mini[io]', or use .npz"
        ) from error


# ---- The state as JSON, its arrays apart ------------------------------------------------------------------------------


def pack(value: Any, where: str, keys: list[str], arrays: dict[str, Any], depth: int) -> Any:
    """The JSON of the value; its arrays go into `arrays`. An object stands for a dict, an array, or what JSON has not."""
    if depth > DEPTH:
        raise ValueError(f"save: {where[:40]}…: nested more than {DEPTH} deep (a dict in itself?)")
    if hasattr(value, "state_dict") and not isinstance(value, type):
        value = value.state_dict()
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise DTypeError(
                    f"save: {where}: the key {key!r} is a {type(key).__name__}, only str can be saved"
                )
        parts = {
            str(key): pack(part, f"{where}[{key!r}]", [*keys, str(key)], arrays, depth + 1)
            for key, part in value.items()
        }
        return {"dict": parts}
    if isinstance(value, list | tuple):
        items = [
            pack(part, f"{where}[{i}]", [*keys, str(i)], arrays, depth + 1) for i, part in enumerate(value)
        ]
        return items if isinstance(value, list) else {"tuple": items}
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, np.ndarray | np.generic | Node):
        return pack_array(value, where, keys, arrays)
    if isinstance(value, int):
        if value.bit_length() > 4096:
            raise ValueError(
                f"save: {where} is an int of {value.bit_length()} bits, at most 4096 can be saved"
            )
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else {"float": repr(float(value))}
    raise DTypeError(f"save: {where} cannot be saved: {describe(value)}")


def pack_array(value: Any, where: str, keys: list[str], arrays: dict[str, Any]) -> dict[str, str]:
    """The reference to an array that goes into `arrays` under a name that is safe in a file and like its keys where it can be."""
    if isinstance(value, Node) and value.op:
        raise GraphError(
            f"save: {where} is the result of {value.op.name!r}, no leaf, and a graph cannot be saved: pass .detach() or .data"
        )
    array = np.asarray(value.data if isinstance(value, Node) else value)
    if isinstance(value, np.ma.MaskedArray):
        raise DTypeError(f"save: {where} cannot be saved: {describe(value)}")
    if array.dtype.newbyteorder("<").str not in DTYPES.values():
        advice = {
            "c": "pass its .real and .imag apart",
            "O": "objects would need pickle; pass numbers",
            "f": "pass .astype(np.float64)",
        }
        kind = array.dtype.kind
        raise DTypeError(
            f"save: {where} is of dtype {array.dtype}: {advice.get(kind, 'bools, integers and floats can be saved')}"
        )
    name = ".".join(keys)
    plain = (
        re.fullmatch(r"[\w+-][\w.+ /-]*", name)
        and not unsafe(name)
        and not name.lower().endswith(".npy")
        and name.strip() == name
    )
    if not plain or len(name.encode()) > 200 or name in arrays or name in (HEADER, "__metadata__"):
        name = next(other for i in range(len(arrays), 10**9) if (other := f"array_{i}") not in arrays)
    arrays[name] = array
    order = {"order": ">"} if array.dtype.str[0] == ">" else {}
    return {"scalar" if isinstance(value, np.generic) else "array": name} | order


def unpack(tree: Any, fetch: Fetch, depth: int = 0) -> Any:
    """The value whose JSON this is."""
    if depth > DEPTH:
        raise SerializationError(f"its state is nested more than {DEPTH} deep")
    if isinstance(tree, list):
        return [unpack(part, fetch, depth + 1) for part in tree]
    if not isinstance(tree, dict):
        return tree
    match tree:
        case {"dict": dict(parts)} if len(tree) == 1:
            return {key: unpack(part, fetch, depth + 1) for key, part in parts.items()}
        case {"tuple": list(parts)} if len(tree) == 1:
            return tuple(unpack(part, fetch, depth + 1) for part in parts)
        case {"float": "nan" | "inf" | "-inf" as number} if len(tree) == 1:
            return float(number)
        case {"array": str(name)} | {"scalar": str(name)} if len(tree) == 1 or (
            len(tree) == 2 and tree.get("order") == ">"
        ):
            array = fetch(name)
        case _:
            raise SerializationError("its state holds what this format has not")
    if "order" in tree:
        array = array.byteswap(inplace=True).view(array.dtype.newbyteorder(">"))
    return array[()] if "scalar" in tree else array


def unpack_state(content: dict[str, Any], names: set[str], fetch: Fetch) -> dict[str, Any]:
    """The state of a file of ours, each of its arrays in one place."""
    left = set(names)

    def take(name: str) -> Any:
        if name not in left:
            raise SerializationError(f"its state wants the array {name!r}, which is missing or taken")
        left.remove(name)
        return fetch(name)

    tree = content.get("state")
    if (
        content.keys() != {"format", "version", "state"}
        or not isinstance(tree, dict)
        or tree.keys() != {"dict"}
    ):
        raise SerializationError("its header is not that of a state")
    state: dict[str, Any] = unpack(tree, take)
    if left:
        raise SerializationError(f"{len(left)} of its arrays belong to nothing, {min(left)!r} first")
    return state


def parse(raw: bytes) -> dict[str, Any]:
    """The JSON object in the bytes: no name twice, no NaN, no nesting that would exhaust the stack."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise ValueError("a name stands twice")
        return found

    def constant(name: str) -> Any:
        raise ValueError(f"{name} is no JSON")

    try:
        found = json.loads(raw.decode(), object_pairs_hook=once, parse_constant=constant)
    except (ValueError, RecursionError) as error:
        raise SerializationError(f"its header is damaged: {str(error)[:80]}") from None
    if not isinstance(found, dict):
        raise SerializationError("its header is no JSON object")
    return found


def check_version(content: dict[str, Any]) -> None:
    """SerializationError where the file was written by another version of the format."""
    if content.get("format") != FORMAT or type(content.get("version")) is not int:
        raise SerializationError("its header names no format and version")
    if content["version"] != VERSION:
        raise SerializationError(
            f"its format is version {content['version']}, this autograd_mini reads version {VERSION}: update it"
        )


# ---- Files ------------------------------------------------------------------------------------------------------------


def seal(file: BinaryIO, at: int) -> None:
    """Write the file's own digest into the place that was left for it."""
    sealed = digest(file, file.seek(0, os.SEEK_END), at)
    file.seek(at)
    file.write(sealed)


def digest(file: BinaryIO, size: int, at: int) -> bytes:
    """The SHA-256 of a file, in hexadecimal digits, without the digits that stand at `at`."""
    found = hashlib.sha256()
    for start, end in ((0, at), (at + DIGITS, size)):
        file.seek(start)
        while part := file.read(min(2**18, end - file.tell())):
            found.update(part)
    return found.hexdigest().encode()


def check_digest(file: BinaryIO, size: int, at: int, expected: bytes) -> None:
    """SerializationError where a byte of the file has changed."""
    if digest(file, size, at) != expected:
        raise SerializationError("its checksum does not match: the file is damaged")


def check_start(file: BinaryIO, size: int) -> None:
    """SerializationError for what can be told by the first bytes: nothing there, or a pickle."""
    if not size:
        raise SerializationError("the file is empty")
    start = file.read(9)
    if (
        start[:1] == b"\x80" and start[1:2] in b"\2\3\4\5" and start[8:] != b"{"
    ):  # a .safetensors may begin so, by its length
        raise SerializationError("this is a pickle, which could run any program: it is never loaded")
    file.seek(0)


def unsafe(name: str) -> bool:
    """Whether the name could be taken for a place outside a folder."""
    parts = name.split("/")
    return (
        not name
        or ".." in parts
        or not parts[0]
        or "\\" in name
        or re.match("[A-Za-z]:", name) is not None
        or min(name) < " "
    )


def count_bytes(shape: Sequence[int], dtype: str) -> int:
    """The bytes that an array needs; SerializationError for a shape that NumPy has not, even of an empty array."""
    if len(shape) > 64 or math.prod(max(n, 1) for n in shape) >= 2**60:
        raise SerializationError(f"an array has the impossible shape {str(tuple(shape))[:80]}")
    return math.prod(shape) * int(dtype[2:])


def check_array(array: Any, name: str) -> Any:
    """The array, or SerializationError for a bool that is neither 0 nor 1."""
    if array.dtype == bool and array.size and array.view(np.uint8).max() > 1:
        raise SerializationError(f"the array {name!r} holds bools that are neither 0 nor 1")
    return array


# ---- .npz -------------------------------------------------------------------------------------------------------------


def write_npz(file: BinaryIO, content: str, arrays: dict[str, Any]) -> int:
    """Write an uncompressed .npz; return where the digits of the digest belong."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.comment = b"autograd_mini sha256 " + b"0" * DIGITS
        for name, array in ((HEADER, np.frombuffer(content.encode(), np.uint8)), *arrays.items()):
            info = zipfile.ZipInfo(f"{name}.npy")  # of 1980: the same state gives the same file
            little = array.astype(array.dtype.newbyteorder("<"), order="C", copy=False)
            with archive.open(info, "w", force_zip64=array.nbytes >= 2**31) as member:
                np.lib.format.write_array(member, little, version=(1, 0), allow_pickle=False)
    return file.seek(0, os.SEEK_END) - DIGITS


def read_npz(file: BinaryIO, size: int) -> dict[str, Any]:
    """The state in an .npz: the table of the archive is checked as a whole before a member is read."""
    seal_size = DIGITS + len(b"autograd_mini sha256 ")
    file.seek(max(size - seal_size, 0))
    seal = SEAL.fullmatch(file.read(seal_size))
    end = size - 22 - (seal_size if seal else 0)  # of the archive: 22 bytes and a comment
    check_end(file, size, end)
    if seal:
        check_digest(file, size, size - DIGITS, seal[1])
    table = members(file, end)
    if (HEADER in table) != bool(seal):
        raise SerializationError("its checksum or its header is missing: the file is damaged")
    headers = {name: npy_header(file, name, at, length) for name, (at, length, _) in table.items()}

    def fetch(name: str) -> Any:
        at, length, crc = table[name]
        start, dtype, shape, fortran = headers[name]
        array = np.empty(shape[::-1] if fortran else shape, dtype)
        file.seek(at)
        found = zlib.crc32(file.read(start))
        flat = array.reshape(-1).view(np.uint8) if array.size else np.empty(0, np.uint8)
        if file.readinto(flat.data) != length - start or zlib.crc32(flat.data, found) != crc:  # type: ignore[attr-defined]
            raise SerializationError(f"the array {name!r} is damaged")
        return check_array(array.T if fortran else array, name)

    if not seal:
        return {name: fetch(name) for name in table}
    if headers[HEADER][1] != np.uint8 or table[HEADER][1] > CONTENT + 2**10:
        raise SerializationError("its header is damaged")
    content = parse(fetch(HEADER).tobytes())
    check_version(content)
    return unpack_state(content, table.keys() - {HEADER}, fetch)


def check_end(file: BinaryIO, size: int, end: int) -> None:
    """SerializationError where the archive does not end at the file's end, or its table is too large to be honest."""
    if end < 0:
        raise SerializationError("no .npz file: too short")
    file.seek(max(end - 20, 0))
    large = file.read(4) == b"PK\6\7"  # a table for archives beyond 4 GiB
    file.seek(end)
    signature, disk, start, here, total, table, _, comment = struct.unpack("<4s4H2LH", file.read(22))
    if signature != b"PK\5\6" or comment != size - end - 22:
        raise SerializationError(
            "no .npz file, or a truncated one, or one with bytes after its end or a changed checksum"
        )
    if disk or start or here != total or ((large or table > LIMIT) and size < 2**32):
        raise SerializationError("the table of its archive is damaged")


def members(file: BinaryIO, end: int) -> dict[str, tuple[int, int, int]]:
    """Where each member of the archive begins, its length and its CRC-32. They fill the file: no gap, no overlap, nothing compressed."""
    try:
        with zipfile.ZipFile(file) as archive:
            infos, start = archive.infolist(), archive.start_dir
    except OSError as error:
        if error.errno != errno.EINVAL:  # a seek to nowhere is the file's fault
            raise
        raise SerializationError("the table of its archive is damaged") from None
    except (
        zipfile.BadZipFile,
        struct.error,
        NotImplementedError,
        RuntimeError,
        ValueError,
        EOFError,
        OverflowError,
    ) as error:
        raise SerializationError(f"the table of its archive is damaged: {str(error)[:80]}") from None
    table: dict[str, tuple[int, int, int]] = {}
    at = 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        name, shown = info.orig_filename.removesuffix(".npy"), info.orig_filename[:40]
        if not info.orig_filename.endswith(".npy") or unsafe(name):
            raise SerializationError(f"its member {shown!r} is no array of an .npz")
        if info.compress_type:
            raise SerializationError(
                f"its member {shown!r} is compressed: load it by np.load and save it again"
            )
        file.seek(at)
        local = file.read(30)
        if info.header_offset != at or len(local) < 30 or at > end:
            raise SerializationError(f"its member {shown!r} overlaps another, or lies outside the file")
        signature, _, flags, method, _, _, _, _, _, name_size, extra = struct.unpack("<4s5H3L2H", local)
        raw = info.orig_filename.encode("utf-8" if flags & 0x800 else "cp437", "replace")
        plain = signature == b"PK\3\4" and flags == info.flag_bits and not flags & ~0x800 and not method
        if not plain or file.read(name_size) != raw or info.compress_size != info.file_size or name in table:
            raise SerializationError(f"its member {shown!r} is damaged")
        at += 30 + name_size + extra
        table[name] = (at, info.file_size, info.CRC)
        at += info.file_size
    if at != start or start > end:
        raise SerializationError("its members do not fill the file: they overlap, or something lies between")
    return {
        info.orig_filename.removesuffix(".npy"): table[info.orig_filename.removesuffix(".npy")]
        for info in infos
    }


def npy_header(file: BinaryIO, name: str, at: int, length: int) -> tuple[int, Any, tuple[int, ...], bool]:
    """The size of a member's own header, its dtype, its shape and whether it is in Fortran's order; they agree with its length."""
    file.seek(at)
    start = file.read(min(length, 10))
    size = 10 + int.from_bytes(start[8:10], "little")
    if start[:8] != b"\x93NUMPY\1\0" or size > min(length, 10_000):
        raise SerializationError(f"its member {name!r} is no array of an .npz")
    found = NPY.fullmatch(file.read(size - 10))
    if found and found[1] == b"|O":
        raise SerializationError(f"the array {name!r} holds pickled objects, which are never loaded")
    descr = found[1].decode("latin-1") if found else ""
    if not found or descr.replace(">", "<") not in DTYPES.values():
        raise SerializationError(
            f"the array {name!r} is of a dtype that is not loaded, or its header is damaged"
        )
    shape = tuple(int(part) for part in found[3].split(b",") if part.strip())
    if count_bytes(shape, descr) != length - size:
        raise SerializationError(
            f"the array {name!r} claims the shape {shape}, which {length - size} bytes are not"
        )
    return size, np.dtype(descr), shape, found[2] == b"True"


# ---- .safetensors -----------------------------------------------------------------------------------------------------


def write_safetensors(file: BinaryIO, content: str, arrays: dict[str, Any]) -> int:
    """Write a .safetensors; return where the digits of the digest belong."""
    little = {
        name: array.astype(array.dtype.newbyteorder("<"), order="C", copy=False)
        for name, array in arrays.items()
    }
    place = secrets.token_hex(DIGITS // 2)  # digits that stand nowhere else
    raw = package("safetensors.numpy").save(little, metadata={FORMAT: f"{place} {content}"})
    file.write(raw)
    return int(raw.index(place.encode()))


def read_safetensors(file: BinaryIO, size: int, path: str) -> dict[str, Any]:
    """The state in a .safetensors: its header is checked against the true size before the package sees the file."""
    count = int.from_bytes(file.read(8), "little")
    if size < 10 or count > size - 8:
        raise SerializationError(
            f"its header claims {count} bytes, the file has {size}: truncated, or no .safetensors"
        )
    if count > LIMIT:
        raise SerializationError(f"its header of {count} bytes is larger than the {LIMIT} that are read")
    raw = file.read(count)
    if raw[:1] != b"{" or raw.rstrip(b" ")[-1:] != b"}":
        raise SerializationError("no .safetensors file: its header is no JSON object")
    header = parse(raw)
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(text, str) for text in metadata.values()):
        raise SerializationError("its __metadata__ are not strings")
    content = None
    if FORMAT in metadata or any(MARK in text for text in metadata.values()):
        content = sealed_content(file, size, raw, metadata)
    table = {name: check_entry(name, entry) for name, entry in header.items()}
    at = 0
    for start, end in sorted(table.values()):
        if start != at:
            raise SerializationError("the offsets of its arrays overlap, or leave a gap")
        at = end
    if at != size - 8 - count:
        raise SerializationError(
            f"its arrays take {at} bytes, the file has {size - 8 - count}: truncated, or with bytes after its end"
        )
    module = package("safetensors")
    try:
        with module.safe_open(path, framework="numpy") as opened:
            if not os.path.samestat(os.fstat(file.fileno()), os.stat(path)):
                raise SerializationError("the file was replaced while it was read: load it again")

            def fetch(name: str) -> Any:
                return check_array(opened.get_tensor(name), name)

            return (
                {name: fetch(name) for name in table}
                if content is None
                else unpack_state(content, set(table), fetch)
            )
    except module.SafetensorError as error:
        raise SerializationError(str(error)[:120]) from None


def sealed_content(file: BinaryIO, size: int, raw: bytes, metadata: dict[str, str]) -> dict[str, Any]:
    """The JSON in the metadata of a file of ours, whose checksum holds."""
    expected, _, text = metadata.get(FORMAT, "").partition(" ")
    if len(metadata) != 1 or not re.fullmatch("[0-9a-f]{64}", expected) or raw.count(expected.encode()) != 1:
        raise SerializationError("its checksum or its header is damaged")
    check_digest(file, size, 8 + raw.index(expected.encode()), expected.encode())
    content = parse(text.encode(errors="replace"))
    check_version(content)
    return content


def check_entry(name: str, entry: Any) -> tuple[int, int]:
    """The offsets of an array, which agree with its dtype and shape."""
    if unsafe(name):
        raise SerializationError(f"the name {name[:40]!r} is no name of an array")
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise SerializationError(f"the entry of {name[:40]!r} is damaged")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise SerializationError(
            f"the array {name[:40]!r} is of dtype {str(dtype)[:20]}, which NumPy has not or is not loaded here"
        )
    if not all(
        isinstance(part, list) and all(type(n) is int and n >= 0 for n in part) for part in (shape, offsets)
    ):
        raise SerializationError(f"the entry of {name[:40]!r} is damaged")
    if len(offsets) != 2 or offsets[1] - offsets[0] != count_bytes(shape, DTYPES[dtype]):
        raise SerializationError(
            f"the array {name[:40]!r} claims the shape {shape} and the offsets {offsets}, which do not agree"
        )
    return offsets[0], offsets[1]
