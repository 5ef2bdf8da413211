"""Packages that are not required: imported where they are used, or one line says how to install them."""

from importlib import import_module
from typing import Any


def needed(what: str, module: str, requirement: str) -> Any:
    """Return the module of an optional package; ImportError where it is missing.

    `what`: who needs it, for the message; `requirement`: the package, or our extra in brackets, that pip installs.

    >>> needed("a test", "math", "[plot]").sqrt(4.0)
    2.0
    """
    try:
        return import_module(module)
    except ImportError:
        wanted = f"'autograd-mini{requirement}'" if requirement.startswith("[") else requirement
        package = module.partition(".")[0]
        raise ImportError(f"{what} needs {package}: python -m pip install {wanted}") from None
