"""Ctrl-C at a chosen line."""

import sys
from typing import Any


class Interrupt:
    """Raises KeyboardInterrupt at the n-th line that the package runs within a `with` block."""

    def __init__(self, n: int) -> None:
        self.left = n

    def __call__(self, frame: Any, event: str, arg: Any) -> Any:
        if "autograd_mini" not in frame.f_code.co_filename:
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
