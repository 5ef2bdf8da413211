"""Files are written whole or not at all."""

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Callable
from typing import Any, BinaryIO


def write_file(path: Any, content: bytes) -> None:
    """Write this content to a file, or to the file that a link points to, whole or (OSError) not at all."""
    replace_file(os.path.realpath(os.fsdecode(path)), lambda file: file.write(content))


def is_special(path: str) -> bool:
    """Return whether the path is that of a pipe, a socket or a device."""
    return os.path.exists(path) and not (os.path.isfile(path) or os.path.isdir(path))


def replace_file(target: str, write: Callable[[BinaryIO], object]) -> None:
    """Write a temporary file beside the target and rename it: the target is the whole old file or the whole new one. OSError if not."""
    if is_special(target):
        raise OSError(errno.EINVAL, "a pipe or a device cannot be replaced by a file", target)
    mode = None
    with contextlib.suppress(FileNotFoundError):
        mode = stat.S_IMODE(os.stat(target).st_mode)
        if not os.access(target, os.W_OK):
            raise PermissionError(errno.EACCES, "the file is write-protected", target)
    temporary = os.path.join(os.path.dirname(target), f".{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "x+b") as file:
            if mode is not None:
                os.chmod(temporary, mode)
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError) and error.filename == temporary:
            error.filename = target  # the name that the user knows
        raise
