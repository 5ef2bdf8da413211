"""Ctrl-C at a chosen line."""

import sys
from typing import Any


class Interrupt:
    """Raises KeyboardInterrupt at the n-th line that the package runs within a `with` block.

    Lines of a `__del__` do not count: Python prints what is raised there, and goes on.
    """

    def __init__(self, n: int) -> None:
        self.left = n

    def __call__(self, frame: Any, event: str, arg: Any) -> Any:
        if "autograd_mini" not in frame.f_code.co_filename:
            return None
        if event == "call" and is_in_del(frame):
            return None
        if event == "line":
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt
        return self

    def __enter__(self) -> None:
        self.before = sys.gettrace()
        sys.settrace(self)

    def __exit__(self, *error: object) -> None:
        sys.settrace(self.before)


def is_in_del(frame: Any) -> bool:
    """Whether a frame runs, directly or not, for a `__del__`."""
    while frame is not None and frame.f_code.co_name != "__del__":
        frame = frame.f_back
    return frame is not None
